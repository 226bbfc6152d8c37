"""Invariants I: ℝᵈ → ℝ, each with its gradient and its Hessian-vector product, and as maps with
adjoint and tangent.

`keeps` is the word for what a field with this invariant keeps; `degree` is 1 or 2 if I is a
polynomial of that degree, so that ∇I is linear, and None otherwise: it decides which method keeps
I. Invariants are equal if they were built alike.
"""

import numpy as np

from ..arguments import (
    Described,
    Given,
    array,
    field_entries,
    instance,
    is_ours,
    number_entries,
    numbers,
    refuse,
)
from ..maps import Map, Parameters
from .field import KEEPABLE, words_of


class Mass(Described):
    """I(x) = 1ᵀx, the sum of the components.

    Examples
    --------
    >>> I, x = dnn.Mass(), np.array([[1.0, 2.0, 4.0]])
    >>> I(x), I.gradient(x)
    (array([7.]), array([[1., 1., 1.]]))
    >>> dnn.systems.sir().invariants["mass"] == I  # known by how it was built
    True
    """

    keeps, degree = frozenset({"mass"}), 1

    def __call__(self, x):
        return points(x, self).sum(axis=-1)

    def gradient(self, x):
        """∇I = 1, shape (..., d)."""
        return np.ones_like(points(x, self))

    def hvp(self, x, v):
        """∇²I v = 0, shape (..., d)."""
        return np.zeros_like(points(v, self))


class SquaredNorm(Described):
    """I(x) = ½‖x‖²: its level sets are the spheres around 0.

    Examples
    --------
    >>> I, x = dnn.SquaredNorm(), np.array([3.0, 4.0])
    >>> print(I(x), I.gradient(x))
    12.5 [3. 4.]
    >>> X = dnn.ResidualField.random(2, width=4, rng=0)  # keeps nothing
    >>> y = dnn.Flow(X, 0.1, dnn.Projected(dnn.Euler(), I))(x)  # each step returns to the circle
    >>> round(float(I(y)), 9)
    12.5
    """

    keeps, degree = frozenset({"norm"}), 2

    def __call__(self, x):
        x = points(x, self)
        return (x * x).sum(axis=-1) / 2

    def gradient(self, x):
        """∇I = x, shape (..., d)."""
        return points(x, self)

    def hvp(self, x, v):
        """∇²I v = v, shape (..., d)."""
        return points(v, self)


class Quadratic(Described):
    """I(x) = ½ xᵀQx with a matrix Q, shape (d, d), of which only the symmetric part matters.

    keeps: a set with the word for it, default ("invariant",). ValueError if Q is not square or not
    finite, TypeError if it is not real.

    Examples
    --------
    >>> I, x = dnn.Quadratic([[0, 2], [0, 0]]), np.array([3.0, 5.0])  # x₁x₂
    >>> print(I(x), I.gradient(x))
    15.0 [5. 3.]
    >>> I == dnn.Quadratic([[0, 1], [1, 0]])
    True
    """

    degree = 2

    def __init__(self, Q, keeps=("invariant",)):
        Q = array(Q, "Q of Quadratic must be a finite square matrix")
        refuse(
            Q.dtype.kind not in "fiub",
            f"Q of Quadratic must be a matrix of real numbers, got an array of dtype {Q.dtype}",
            TypeError,
        )
        Q = np.array(Q, float)
        refuse(
            Q.ndim != 2 or Q.shape[0] != Q.shape[1] or not np.isfinite(Q).all(),
            f"Q of Quadratic must be a finite square matrix, got shape {Q.shape}",
        )
        self.Q, self.keeps = (Q + Q.T) / 2, words(keeps)

    def __call__(self, x):
        x = points(x, self)
        return (x * self.hvp(x, x)).sum(axis=-1) / 2

    def gradient(self, x):
        """∇I = Qx, shape (..., d)."""
        return self.hvp(x, x)

    def hvp(self, x, v):
        """∇²I v = Qv, shape (..., d)."""
        v = points(v, self)
        if v.shape[-1] != len(self.Q):
            raise ValueError(
                f"Quadratic acts on states of dimension {len(self.Q)}, got an array of shape "
                f"{v.shape}"
            )
        return v @ self.Q.astype(np.result_type(v.dtype, np.float32), copy=False)


class Invariant(Described):
    """I given by three functions: its value, its gradient, and the product of its Hessian with v.

    Parameters
    ----------
    value : function, (..., d) → (...)
        I(x).
    gradient : function, (..., d) → (..., d)
        ∇I(x).
    hvp : function of x and v, (..., d) and (..., d) → (..., d)
        ∇²I(x)v.
    keeps : set of str, default ("invariant",)
        The word for what a field with this invariant keeps.

    Raises
    ------
    TypeError
        If one of the three is not a function.

    Examples
    --------
    >>> def value(x):
    ...     return np.cos(x).sum(axis=-1)
    >>> I = dnn.Invariant(value, lambda x: -np.sin(x), lambda x, v: -np.cos(x) * v)
    >>> x = np.array([0.3, 1.0])
    >>> dnn.checks.gradient(I, x).passed
    True
    >>> X = dnn.InvariantField.random(2, 5, I, rng=0)  # a field that keeps it
    >>> bool(abs(I.gradient(x) @ X(x)) < 1e-14)
    True
    """

    degree = None

    def __init__(self, value, gradient, hvp, keeps=("invariant",)):
        self.value = Given(value, "value of Invariant", number_entries)
        self.gradient = Given(gradient, "gradient of Invariant", field_entries)
        self.hvp = Given(hvp, "hvp of Invariant", field_entries)
        self.keeps = words(keeps)

    def arguments(self):
        """What builds it again."""
        return {
            "value": self.value.f, "gradient": self.gradient.f, "hvp": self.hvp.f,
            "keeps": self.keeps,
        }  # fmt: skip

    def __call__(self, x):
        return self.value(x)


class ValueOf(Map):
    """An invariant I that is given, (..., d) → (...), as a map: (∂I/∂x)ᵀc = c∇I(x)."""

    formula, dim_out = "I(x)", ()

    def __init__(self, invariant, dim):
        self.invariant, self.dim_in = invariant, dim

    def __call__(self, x):
        return self.invariant(x)

    def vjp(self, x):
        return self.invariant(x), lambda c: (
            np.asarray(c)[..., None] * self.invariant.gradient(x),
            np.zeros(0),
        )

    def jvp(self, x, v, dtheta=None):
        return self.invariant(x), (self.invariant.gradient(x) * v).sum(axis=-1)


class GivenGradient(Map):
    """The gradient ∇I of an invariant that is given, as a map ℝᵈ → ℝᵈ: its Jacobian ∇²I is
    symmetric."""

    formula = "∇I(x)"

    def __init__(self, invariant, dim):
        self.invariant, self.dim_in, self.dim_out = invariant, dim, dim

    def __call__(self, x):
        return self.invariant.gradient(x)

    def vjp(self, x):
        return self.invariant.gradient(x), lambda w: (self.invariant.hvp(x, w), np.zeros(0))

    def jvp(self, x, v, dtheta=None):
        return self.invariant.gradient(x), self.invariant.hvp(x, v)


def known_invariants(field):
    """name → I: the invariants that a field is known by, with mass and norm if it has the words for
    them alone."""
    keeps, invariants = field.facts()
    alone = keeps - {word for I in invariants.values() for word in words_of(I)}
    implied = {"mass": Mass(), "norm": SquaredNorm()}
    return dict(invariants) | {word: I for word, I in implied.items() if word in alone}


def words(keeps):
    """`keeps` as a frozenset; ValueError for a word that is not known."""
    needed = f"keeps must be a set out of {', '.join(sorted(KEEPABLE))}, got {keeps!r}"
    try:
        kept = frozenset(keeps)
    except TypeError:
        raise TypeError(needed) from None
    refuse(isinstance(keeps, str) or not kept <= KEEPABLE, needed)
    return kept


def points(x, I):
    """x as an array of states, one axis at least, for an invariant of any dimension. TypeError or
    ValueError otherwise."""
    x = numbers(x, f"{type(I).__name__} acts on")
    if x.ndim == 0:
        raise ValueError(
            f"{type(I).__name__} acts on states, arrays of shape (..., d), got the single number "
            f"{x}"
        )
    return x


def given_invariant(I):
    """I itself, an invariant that is given; TypeError if it has parameters, to which no gradient
    would flow."""
    parts = [invariant_object(I), *getattr(I, "__dict__", {}).values()]
    if any(isinstance(part, Parameters) and part.theta.size for part in parts):
        raise TypeError(
            f"an invariant that is given has no parameters, got {I!r}: for the learned H of a "
            "HamiltonianField take DiscreteGradient()"
        )
    return I


def looked_at(I):
    """I as the package calls it: what somebody's own returns is looked at."""
    return I if is_ours(type(I)) else Invariant(I, I.gradient, I.hvp)


def invariant_object(I):
    """I itself; TypeError unless it has I(x), I.gradient(x) and I.hvp(x, v)."""
    return instance(
        I,
        ("__call__", "gradient", "hvp"),
        "invariant must have I(x), I.gradient(x) and I.hvp(x, v)",
    )
