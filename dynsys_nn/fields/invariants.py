"""Invariants I: ℝᵈ → ℝ, each with its gradient and its Hessian-vector product.

`keeps` is the word for what a field with this invariant keeps; `degree` is 1 or 2 where I is a polynomial of that
degree, so that ∇I is linear, and None otherwise: it decides which method keeps I.
"""

import numpy as np

from ..maps import array, numbers
from .field import KEEPABLE


class Mass:
    """I(x) = 1ᵀx, the sum of the components."""

    keeps, degree = frozenset({"mass"}), 1

    def __call__(self, x):
        return states(x, self).sum(axis=-1)

    def gradient(self, x):
        """∇I = 1, shape (..., d)."""
        return np.ones_like(states(x, self))

    def hvp(self, x, v):
        """∇²I v = 0, shape (..., d)."""
        return np.zeros_like(states(v, self))


class SquaredNorm:
    """I(x) = ½‖x‖²: its level sets are the spheres around 0."""

    keeps, degree = frozenset({"norm"}), 2

    def __call__(self, x):
        x = states(x, self)
        return (x * x).sum(axis=-1) / 2

    def gradient(self, x):
        """∇I = x, shape (..., d)."""
        return states(x, self)

    def hvp(self, x, v):
        """∇²I v = v, shape (..., d)."""
        return states(v, self)


class Quadratic:
    """I(x) = ½ xᵀQx with a matrix Q, shape (d, d), of which only the symmetric part matters.

    keeps: the word for it, "invariant" unless given. ValueError where Q is not square or not finite.
    """

    degree = 2

    def __init__(self, Q, keeps=("invariant",)):
        Q = array(Q, "Q of Quadratic must be a finite square matrix")
        if Q.dtype.kind not in "fiub":
            raise TypeError(f"Q of Quadratic must be a matrix of real numbers, got an array of dtype {Q.dtype}")
        Q = np.array(Q, float)
        if Q.ndim != 2 or Q.shape[0] != Q.shape[1] or not np.isfinite(Q).all():
            raise ValueError(f"Q of Quadratic must be a finite square matrix, got shape {Q.shape}")
        self.Q, self.keeps = (Q + Q.T) / 2, words(keeps)

    def __call__(self, x):
        x = states(x, self)
        return (x * self.hvp(x, x)).sum(axis=-1) / 2

    def gradient(self, x):
        """∇I = Qx, shape (..., d)."""
        return self.hvp(x, x)

    def hvp(self, x, v):
        """∇²I v = Qv, shape (..., d)."""
        v = states(v, self)
        if v.shape[-1:] != self.Q.shape[:1]:
            raise ValueError(f"Quadratic acts on states of dimension {len(self.Q)}, got an array of shape {v.shape}")
        return v @ self.Q.astype(np.result_type(v.dtype, np.float32), copy=False)


class Invariant:
    """I given by three functions: I(x), (..., d) → (...); ∇I(x), (..., d) → (..., d); and ∇²I(x)v, twice (..., d) → (..., d).

    keeps: the word for it, "invariant" unless given. TypeError where one of them is no function.
    """

    degree = None

    def __init__(self, value, gradient, hvp, keeps=("invariant",)):
        for function, name in ((value, "value"), (gradient, "gradient"), (hvp, "hvp")):
            if not callable(function) or isinstance(function, type):
                raise TypeError(f"{name} of Invariant must be a function of the state, got {function!r}")
        self.value, self.gradient, self.hvp, self.keeps = value, gradient, hvp, words(keeps)

    def __call__(self, x):
        return self.value(x)


def words(keeps):
    """`keeps` as a frozenset; ValueError for a word that is not known."""
    needed = f"keeps must be a set out of {', '.join(sorted(KEEPABLE))}, got {keeps!r}"
    try:
        kept = frozenset(keeps)
    except TypeError:
        raise TypeError(needed) from None
    if isinstance(keeps, str) or not kept <= KEEPABLE:
        raise ValueError(needed)
    return kept


def states(x, I):
    """x as an array of states, one axis at least, for an invariant of any dimension. TypeError or ValueError otherwise."""
    if type(x) is np.ndarray and x.dtype.kind in "fc" and x.ndim:
        return x
    x = numbers(x, f"{type(I).__name__} acts on")
    if x.ndim == 0:
        raise ValueError(f"{type(I).__name__} acts on states, arrays of shape (..., d), got the single number {x}")
    return x


def invariant_object(I):
    """I itself; TypeError unless it has I(x), I.gradient(x) and I.hvp(x, v)."""
    if isinstance(I, type) or not all(hasattr(I, member) for member in ("__call__", "gradient", "hvp")):
        raise TypeError(f"invariant must have I(x), I.gradient(x) and I.hvp(x, v), but {I!r} is no such object")
    return I


def invariants_of(field):
    """The invariants that a field is known by: those of a system, or the one that it is made of."""
    made_of = [field.invariant] if hasattr(field, "invariant") else []
    return [*getattr(field, "invariants", {}).values(), *made_of]


def words_of(I):
    """What a field with the invariant keeps: I.keeps, "invariant" where it has none."""
    return frozenset(getattr(I, "keeps", {"invariant"}))


def kept_invariant(invariant, field):
    """The word of an invariant that a method keeps, where the field keeps it too: mass and norm are the same for all,
    an energy or another invariant must be this very object, and the only one of the field with that word."""
    kept, known = words_of(invariant) & frozenset(field.keeps), invariants_of(field)
    others = {word for I in known if I is not invariant for word in words_of(I)}
    own = kept - others if any(I is invariant for I in known) else frozenset()
    return own | (kept & {"mass", "norm"})
