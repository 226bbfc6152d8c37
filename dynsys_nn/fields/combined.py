"""Sums of fields, and fields that are given."""

import numpy as np

from ..arguments import Given, dimension, field_entries, flag, matrix_entries, refuse, takes
from ..maps import kept_by_all, outward
from .field import Field
from .invariants import Mass, SquaredNorm, words


class SumField(Field):
    """X = X₁ + … + X_n. Its `parts` are what LieTrotter and Strang compose. Parameters: "0.A",
    "1.A", …

    fields: one or more Fields of one dimension, ValueError otherwise. Keeps what all parts keep;
    energies and other invariants only if they are the same.

    Examples
    --------
    >>> X = dnn.MassPreservingField.random(3, width=8, rng=0)
    >>> Y = dnn.MassPreservingField.random(3, width=8, rng=1)
    >>> Z = dnn.SpherePreservingField.random(3, width=8, rng=2)
    >>> dnn.SumField(X, Y).keeps
    frozenset({'mass'})
    >>> dnn.SumField(X, Z).keeps
    frozenset()
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> np.allclose(dnn.SumField(X, Z)(x), X(x) + Z(x))
    True
    """

    formula, naming = "Σ Xᵢ(x)", "part.key"

    def __init__(self, *fields):
        refuse(not fields, "SumField needs at least one field, got none")
        for k, X in enumerate(fields):
            refuse(
                not isinstance(X, Field),
                f"SumField adds vector fields, got {X!r} at place {k}",
                TypeError,
            )
        dims = [X.dim for X in fields]
        refuse(len(set(dims)) > 1, f"SumField needs fields of one dimension, got {dims}")
        self.parts = fields
        self.dim_in = self.dim_out = fields[0].dim
        self.own(**{str(k): X for k, X in enumerate(fields)})

    def arguments(self):
        """What builds it again."""
        return {"fields": self.parts}

    @property
    def is_gradient(self):
        return all(X.is_gradient for X in self.parts)

    @property
    def has_spectrum(self):
        return all(X.has_spectrum for X in self.parts)

    @property
    def geometry(self):
        return frozenset.intersection(*[X.geometry for X in self.parts])

    @property
    def invariants(self):
        return self.facts()[1]

    @property
    def keeps(self):
        return self.facts()[0]

    def facts(self):
        """What all parts keep: the words, and the invariants, name → I."""
        return kept_by_all([X.facts() for X in self.parts])

    def __call__(self, x):
        return sum(X._value(x) for X in self.parts)

    def vjp(self, x):
        values, pullbacks = zip(*[X._vjp(x) for X in self.parts], strict=True)

        def pullback(w):
            dx, dtheta = zip(*[pullback(w) for pullback in pullbacks], strict=True)
            return sum(dx), self.pack(**{str(k): d for k, d in enumerate(dtheta)})

        return sum(values), pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        y, dy = zip(*[X._jvp(x, v, d[str(k)]) for k, X in enumerate(self.parts)], strict=True)
        return sum(y), sum(dy)

    def lipschitz(self):
        """Σ L_i."""
        return outward(added, *[X.lipschitz() for X in self.parts])

    def one_sided_lipschitz(self):
        """Σ μ_i."""
        return outward(added, *[X.one_sided_lipschitz() for X in self.parts])

    def spectrum(self):
        """The sum of the intervals (Weyl's inequality)."""
        low, high = zip(*[X.spectrum() for X in self.parts], strict=True)
        return 0.0 - outward(added, *[-end for end in low]), outward(added, *high)


def added(*numbers):
    return sum(numbers)


class KnownField(Field):
    """X(x) = fun(x), a given ODE without parameters.

    Without `jacobian` its `vjp`, `jvp` and `jacobian` raise NotImplementedError: a derivative is
    never approximated.

    Parameters
    ----------
    fun : function, (..., d) → (..., d)
        X, vectorised over the batch.
    dim : int
        d.
    jacobian : function, (..., d) → (..., d, d), default None
        X′.
    keeps : set of str, default ()
        What the exact flow keeps, out of mass, norm, invariant, energy, volume, symplectic.
    gradient : bool, default False
        True if fun is the gradient of a function, which makes PartitionedField(f, g) Hamiltonian.
    shear : bool, default False
        True if fun(x + h fun(x)) = fun(x), as for one half of a separable Hamiltonian system, so
        that a step of any Runge–Kutta method is its exact flow.

    Examples
    --------
    >>> J = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> def jacobian(x):  # one matrix for each state
    ...     return np.broadcast_to(J, (*x.shape, 2))
    >>> X = dnn.KnownField(lambda x: x @ J.T, 2, jacobian, keeps={"norm"})
    >>> x = np.array([3.0, 4.0])
    >>> dnn.checks.adjoint(X, x).passed  # the Jacobian is that of fun
    True
    >>> turn = dnn.Flow(X, 0.5, dnn.ImplicitMidpoint(), steps=5)
    >>> turn.keeps
    frozenset({'norm'})
    >>> print(np.linalg.norm(turn(x)).round(9))
    5.0
    """

    def __init__(self, fun, dim, jacobian=None, keeps=(), gradient=False, shear=False):
        self.fun, self.dfun = fun, jacobian
        self.X = Given(fun, "fun of KnownField", field_entries)
        self.dX = (
            None if jacobian is None else Given(jacobian, "jacobian of KnownField", matrix_entries)
        )
        refuse(
            not takes(fun, 1) and takes(fun, 2),
            "fun of KnownField must be a function of the state x alone, got one of two arguments: "
            "if they are t and x, write TimeDependent(fun, dim), a field of states (x, t)",
            TypeError,
        )
        self.dim_in = self.dim_out = dimension(dim, "dim")
        self.is_gradient, self.is_shear = flag(gradient, "gradient"), flag(shear, "shear")
        self.claims = words(keeps)
        self.geometry = self.claims & {"volume", "symplectic"}
        self.invariants = {
            name: I
            for name, I in (("mass", Mass()), ("norm", SquaredNorm()))
            if name in self.claims
        }

    def arguments(self):
        """What builds it again."""
        return {
            "fun": self.fun, "dim": self.dim, "jacobian": self.dfun, "keeps": self.claims,
            "gradient": self.is_gradient, "shear": self.is_shear,
        }  # fmt: skip

    @property
    def keeps_its_slope(self):
        """True if it is said to be a shear, or X(x + hX(x)) = X(x) to the last bit at 64 random
        x and h, 10⁻³ to 10³ in size."""
        rng = np.random.default_rng(0)
        x, h = rng.normal(size=(64, self.dim)), rng.choice((-1, 1), (64, 1))
        x, h = [u * 10 ** rng.uniform(-3, 3, (64, 1)) for u in (x, h)]
        try:
            with np.errstate(all="ignore"):
                X = self._value(x)
                return self.is_shear or np.array_equal(self._value(x + h * X), X)
        except Exception:  # fun does not take such states
            return self.is_shear

    @property
    def keeps(self):
        """The words that were given, and those of its invariants."""
        return self.claims | super().keeps

    def __call__(self, x):
        return self.X(x)

    def jacobian(self, x):
        if self.dX is None:
            raise NotImplementedError(
                "this KnownField was built without a Jacobian, and dynsys_nn never approximates "
                "one: give jacobian="
            )
        return self.dX(x)

    def vjp(self, x):
        J = self._jacobian(x)
        return self.X(x), lambda w: ((w[..., None, :] @ J)[..., 0, :], np.zeros(0))

    def jvp(self, x, v, dtheta=None):
        return self.X(x), (self._jacobian(x) @ v[..., None])[..., 0]
