"""Sums of fields, and fields that are given."""

import numpy as np

from ..arguments import Given, dimension, field_entries, flag, matrix_entries, refuse, takes
from ..maps import inner, kept_by_all, outward
from .complex_step import ComplexStep
from .field import Field, field_part
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
            field_part(X, "SumField adds vector fields", f" at place {k}")
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

    keeps = property(lambda self: self.facts()[0], doc="The words for what all parts keep.")
    invariants = property(lambda self: self.facts()[1], doc="name → I: what all parts keep.")

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
    never approximated. That of a function that is analytic, of +, −, ·, /, powers, np.exp, np.sin
    and the like, is also had by "complex step", Im fun(x + iεe_j)/ε: exact to rounding, for d
    evaluations of fun. It is known at real states only, and so has no complex step of its own.

    Parameters
    ----------
    fun : function, (..., d) → (..., d)
        X, vectorised over the batch.
    dim : int
        d.
    jacobian : function, (..., d) → (..., d, d), or "complex step", default None
        X′.
    keeps : set of str, default ()
        What the exact flow keeps, out of mass, norm, invariant, energy, volume, symplectic.
    gradient : bool, default False
        True if fun is the gradient of a function, which makes PartitionedField(f, g) Hamiltonian.
    shear : bool, default False
        True if fun(x + h fun(x)) = fun(x), as for one half of a separable Hamiltonian system, so
        that a step of any Runge–Kutta method is its exact flow.
    flow : function of x and a number h, (..., d) → (..., d), default None
        φ^h(x), if it is known: `ExactFlow` takes it; whether it is the flow of fun,
        checks.order(ExactFlow(), X, x) tells.
    flow_jacobian : function of x and h, (..., d) → (..., d, d), or "complex step", default None
        ∂φ^h/∂x; ∂φ^h/∂h is X(φ^h(x)).

    Raises
    ------
    WrongResult
        If a Jacobian by complex step is asked of a function that is not analytic, as of np.abs.

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

    Logistic growth, whose solution is known:

    >>> def phi(x, h):
    ...     return x / (x + (1 - x) * np.exp(-h))
    >>> Y = dnn.KnownField(
    ...     lambda x: x * (1 - x), 1, "complex step", flow=phi, flow_jacobian="complex step"
    ... )
    >>> Y.jacobian(np.array([0.25]))
    array([[0.5]])
    >>> F = dnn.Flow(Y, 0.5, dnn.ExactFlow(), steps=4)
    >>> dnn.checks.adjoint(F, np.array([[0.25], [0.5]])).passed
    True
    """

    def __init__(
        self, fun, dim, jacobian=None, keeps=(), gradient=False, shear=False, flow=None,
        flow_jacobian=None,
    ):  # fmt: skip
        self.fun, self.dfun, self.phi, self.dphi = fun, jacobian, flow, flow_jacobian
        self.X = Given(fun, "fun of KnownField", field_entries)
        self.dX = given_jacobian(jacobian, "jacobian", fun, "fun")
        self.Phi = None if flow is None else Given(flow, "flow of KnownField", field_entries)
        refuse(
            flow is None and flow_jacobian is not None,
            "flow_jacobian of KnownField needs the flow, too: give flow=",
        )
        self.dPhi = given_jacobian(flow_jacobian, "flow_jacobian", flow, "flow")
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
            "gradient": self.is_gradient, "shear": self.is_shear, "flow": self.phi,
            "flow_jacobian": self.dphi,
        }  # fmt: skip

    @property
    def formula(self):
        by = [
            name
            for name, given in (("X′", self.dX), ("∂φ/∂x", self.dPhi))
            if isinstance(given, ComplexStep)
        ]
        return "X(x)" + (f", {' and '.join(by)} by complex step" if by else "")

    @property
    def has_flow(self):
        """True if a flow was given, or the field is said to be a shear."""
        return self.phi is not None or self.is_shear

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
                'one: give jacobian=, a function, or "complex step" if fun is analytic'
            )
        return self.dX(x)

    def vjp(self, x):
        J = self._jacobian(x)
        return self.X(x), lambda w: ((w[..., None, :] @ J)[..., 0, :], np.zeros(0))

    def jvp(self, x, v, dtheta=None):
        return self.X(x), (self._jacobian(x) @ v[..., None])[..., 0]

    def flow(self, x, h):
        if self.phi is None:
            return super()._flow(x, h)
        return self.Phi.at(h)(with_dtype_of(h, x))

    def flow_vjp(self, x, h):
        if self.phi is None:
            return super()._flow_vjp(x, h)
        y, J = self._flow_and_jacobian(x, h)
        return y, lambda w: (
            (w[..., None, :] @ J)[..., 0, :],
            np.zeros(0),
            inner(w, self._value(y)),
        )

    def flow_jvp(self, x, h, v, dtheta=None, dh=0.0):
        if self.phi is None:
            return super()._flow_jvp(x, h, v, dtheta, dh)
        y, J = self._flow_and_jacobian(x, h)
        return y, (J @ v[..., None])[..., 0] + dh * self._value(y)

    def _flow_and_jacobian(self, x, h):
        """φ^h(x) and ∂φ^h/∂x."""
        refuse(
            self.dPhi is None,
            "this KnownField was built without the Jacobian of its flow: give flow_jacobian=, a "
            'function of x and h, or "complex step" if the flow is analytic',
            NotImplementedError,
        )
        x = with_dtype_of(h, x)
        return self.Phi.at(h)(x), self.dPhi.at(h)(x)


def with_dtype_of(h, x):
    """x, complex if the number h is."""
    return x.astype(np.result_type(x, h), copy=False)


def given_jacobian(jacobian, name, f, f_name):
    """The Jacobian of f as it is called: a function that was given, or by complex steps of f; None
    if it was not given."""
    if isinstance(jacobian, str):
        refuse(
            jacobian != "complex step",
            f'{name} of KnownField must be a function or "complex step", got {jacobian!r}',
        )
        return ComplexStep(f, f"{f_name} of KnownField")
    return None if jacobian is None else Given(jacobian, f"{name} of KnownField", matrix_entries)
