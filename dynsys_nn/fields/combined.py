"""Sums of fields, and fields that are given."""

import numpy as np

from ..maps import dimension, yes_or_no
from .field import Field
from .invariants import words


class SumField(Field):
    """X = X₁ + … + X_n. Its `parts` are what LieTrotter and Strang compose. Parameters: "0.A", "1.A", …"""

    formula = "Σ Xᵢ(x)"

    def __init__(self, *fields):
        if not fields:
            raise ValueError("SumField needs at least one field, got none")
        for k, X in enumerate(fields):
            if not isinstance(X, Field):
                raise TypeError(f"SumField adds vector fields, got {X!r} at place {k}")
            if X.dim != fields[0].dim:
                raise ValueError(f"SumField needs fields of one dimension, got {[X.dim for X in fields]}")
        self.parts = fields
        self.dim_in = self.dim_out = fields[0].dim
        self.own(**{str(k): X for k, X in enumerate(fields)})

    def label(self, part, key, count):
        return f"{part}.{key}"

    def arguments(self):
        """What builds it again."""
        return {"fields": self.parts}

    @property
    def is_gradient(self):
        return all(X.is_gradient for X in self.parts)

    @property
    def keeps(self):
        """What all parts keep, but for energy and invariant, of which each part may have its own."""
        return frozenset.intersection(*[frozenset(X.keeps) for X in self.parts]) - {"energy", "invariant"}

    def __call__(self, x):
        return sum(X(x) for X in self.parts)

    def vjp(self, x):
        values, pullbacks = zip(*[X.vjp(x) for X in self.parts], strict=True)

        def pullback(w):
            dx, dtheta = zip(*[back(w) for back in pullbacks], strict=True)
            return sum(dx), self.pack(**{str(k): d for k, d in enumerate(dtheta)})

        return sum(values), pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        y, dy = zip(*[X.jvp(x, v, d[str(k)]) for k, X in enumerate(self.parts)], strict=True)
        return sum(y), sum(dy)

    def lipschitz(self):
        """Σ L_i."""
        return sum(X.lipschitz() for X in self.parts)

    def one_sided_lipschitz(self):
        """Σ μ_i."""
        return sum(X.one_sided_lipschitz() for X in self.parts)

    def spectrum(self):
        """The sum of the intervals (Weyl's inequality)."""
        low, high = zip(*[X.spectrum() for X in self.parts], strict=True)
        return sum(low), sum(high)


class KnownField(Field):
    """X(x) = fun(x), a given ODE without parameters.

    fun: (..., d) → (..., d), vectorised over the batch; jacobian: (..., d) → (..., d, d), without which `vjp`, `jvp`
    and `jacobian` raise NotImplementedError; keeps: what its exact flow keeps; gradient: True where fun is the
    gradient of a function, which makes PartitionedField(f, g) Hamiltonian.
    """

    def __init__(self, fun, dim, jacobian=None, keeps=(), gradient=False):
        for f, name in ((fun, "fun"), (jacobian, "jacobian")):
            if (not callable(f) or isinstance(f, type)) and not (f is None and name == "jacobian"):
                raise TypeError(f"{name} of KnownField must be a function of the state, got {f!r}")
        self.dim_in = self.dim_out = dimension(dim, "dim")
        self.fun, self.dfun, self.keeps, self.is_gradient = fun, jacobian, words(keeps), yes_or_no(gradient, "gradient")

    def __call__(self, x):
        x = self.state(x)
        y = np.asarray(self.fun(x))
        if y.shape != x.shape:
            raise ValueError(f"fun of KnownField must keep the shape of its states, {x.shape}, but returned {y.shape}")
        return y.astype(x.dtype, copy=False)

    def jacobian(self, x):
        if self.dfun is None:
            raise NotImplementedError(
                "this KnownField was made without its jacobian, and derivatives are never guessed: give jacobian="
            )
        x = self.state(x)
        J = np.asarray(self.dfun(x))
        if J.shape != (*x.shape, self.dim):
            raise ValueError(f"jacobian of KnownField must have shape {(*x.shape, self.dim)}, but has {J.shape}")
        return J.astype(x.dtype, copy=False)

    def vjp(self, x):
        x = self.state(x)
        J = self.jacobian(x)

        def pullback(w):
            return (self.covector(w, x)[..., None, :] @ J)[..., 0, :], np.zeros(0)

        return self(x), pullback

    def jvp(self, x, v, dtheta=None):
        x = self.state(x)
        return self(x), (self.jacobian(x) @ self.tangent(v, x)[..., None])[..., 0]
