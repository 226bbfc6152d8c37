"""What every vector field has: a dimension, a divergence, the constants of its theorems."""

import numpy as np

from ..activations import Activation
from ..arguments import finite, instance, refuse
from ..linear import LinearMap
from ..maps import Map, inner

#: what the exact flow of a field may keep
KEEPABLE = frozenset({"mass", "norm", "invariant", "energy", "volume", "symplectic"})


class Field(Map):
    """X: ℝᵈ → ℝᵈ, the right-hand side of ẋ = X(x).

    What its exact flow keeps are facts about objects: `invariants`, a dict name → I with I(x(t)) =
    I(x(0)), and `geometry`, out of volume and symplectic. `keeps` is the set of the words for them,
    out of mass, norm, invariant, energy, volume, symplectic.

    What else may be known of it: `is_gradient`, X is the gradient of a function; `is_shear`,
    x + hX(x) is its exact flow; `lipschitz()` and `one_sided_lipschitz()`; `spectrum()`, where the
    eigenvalues of X′ lie, if `has_spectrum`; `centre_radius()`, a matrix near X′, if `has_centre`;
    its exact `flow`, with `flow_vjp` and `flow_jvp`, if `has_flow`: that of a shear is known.

    Examples
    --------
    >>> class Logistic(dnn.Field):  # ẋ = x(1 − x)
    ...     dim_in = dim_out = 1
    ...
    ...     def __call__(self, x):
    ...         return x * (1 - x)
    ...
    ...     def vjp(self, x):
    ...         return x * (1 - x), lambda w: ((1 - 2 * x) * w, np.zeros(0))
    ...
    ...     def jvp(self, x, v, dtheta=None):
    ...         return x * (1 - x), (1 - 2 * x) * v
    >>> X, x = Logistic(), np.array([[0.0], [0.25], [1.0]])
    >>> dnn.checks.adjoint(X, x).passed
    True
    >>> X.divergence(x)  # 0 repels, 1 attracts
    array([ 1. ,  0.5, -1. ])
    >>> dnn.Flow(X, 0.5)(x).ravel()  # a step of Euler's method
    array([0.     , 0.34375, 1.     ])
    """

    formula, is_field = "X(x)", True
    invariants, geometry = {}, frozenset()
    is_gradient = False  # X is the gradient of a function
    is_shear = False  # X(x + hX(x)) = X(x), so that x + hX(x) is the exact flow
    keeps_its_slope = property(lambda self: self.is_shear, doc="`is_shear`, or found to be so.")
    has_spectrum = False  # X′ is symmetric, and `spectrum` knows where its eigenvalues are
    has_centre = False  # `centre_radius` knows a matrix near X′
    has_flow = property(lambda self: self.is_shear, doc="True if `flow` is known.")

    @property
    def dim(self):
        """d. ValueError if the map leaves its space, and so is not a vector field."""
        if self.dim_in != self.dim_out:
            raise ValueError(
                f"a vector field maps ℝᵈ to ℝᵈ, got {self!r}: choose B so that the dimensions agree"
            )
        return self.dim_in

    @property
    def keeps(self):
        """The words for what the exact flow keeps."""
        return self.geometry | {word for I in self.invariants.values() for word in words_of(I)}

    def divergence(self, x):
        """div X(x) = tr X′(x), (..., d) → (...)."""
        return np.trace(self._jacobian(x), axis1=-2, axis2=-1)

    def flow(self, x, h):
        """φ^h(x), where the solution of ẋ = X(x) is after a time h: x + hX(x) for a shear.
        NotImplementedError unless `has_flow`."""
        self._require_flow()
        return x + h * self._value(x)

    def flow_vjp(self, x, h):
        """φ^h(x) and its pullback w ↦ (∂φ/∂x)ᵀw, (∂φ/∂θ)ᵀw summed over the batch, ⟨w, ∂φ/∂h⟩ (a
        number)."""
        self._require_flow()
        k, pullback_X = self._vjp(x)

        def pullback(w):
            dx, dtheta = pullback_X(h * w)
            return w + dx, dtheta, inner(w, k)

        return x + h * k, pullback

    def flow_jvp(self, x, h, v, dtheta=None, dh=0.0):
        """φ^h(x) and its tangent (∂φ/∂x) v + (∂φ/∂θ) dtheta + (∂φ/∂h) dh."""
        self._require_flow()
        k, dk = self._jvp(x, v, dtheta)
        return x + h * k, v + h * dk + dh * k

    def _require_flow(self):
        if not self.has_flow:
            raise NotImplementedError(
                f"the flow of {self!r} is not known; exact_flow solves the equation numerically"
            )

    def rhs(self, t, y):
        """X(y), whatever t is, in the form that `scipy.integrate.solve_ivp` takes."""
        return self(y)

    def one_sided_lipschitz(self):
        """A certified μ with ⟨X(x) − X(y), x − y⟩ ≤ μ‖x − y‖². Always true of μ = L; sharper if
        more is known."""
        return self.lipschitz()

    def spectrum(self):
        """(λ_min, λ_max) that hold all eigenvalues of the symmetric Jacobian of a gradient."""
        raise NotImplementedError(
            f"{type(self).__name__} is not known to have a symmetric Jacobian"
        )

    def centre_radius(self):
        """(C, r), a matrix and a number, for which X(x) − Cx is r-Lipschitz."""
        raise NotImplementedError(
            f"no linear map about which {type(self).__name__} is r-Lipschitz is known"
        )


def words_of(I):
    """The words for what a field with the invariant I keeps: I.keeps, or "invariant"."""
    return frozenset(getattr(I, "keeps", {"invariant"}))


def field_part(X, needs, place=""):
    """X, which must be a Field; TypeError, with the words `needs` and `place`, for anything else: a
    linear map A is not the field ẋ = A x."""
    remark = ": write LinearField(A) for ẋ = A x" if isinstance(X, LinearMap) else ""
    refuse(
        bool(place + remark) and not isinstance(X, Field),
        f"{needs}, got {X!r}{place}{remark}",
        TypeError,
    )
    return instance(X, Field, needs)


def linear_part(A, name):
    """A, which must be a linear map."""
    return instance(A, LinearMap, f"{name} must be a linear map such as Dense(dim_out, dim_in)")


def activation_part(sigma):
    """sigma, which must be an activation, and not their base."""
    needs = "sigma must be an activation such as Tanh()"
    instance(sigma, Activation, needs)
    return instance(sigma, ("_value", "_slope"), needs)


def with_bias(X, bias, rng):
    """X with b ~ N(0, bias²)."""
    if finite(bias, "bias"):
        X.b = bias * rng.normal(size=X.b.shape)
    return X


def zero_bias(A):
    """b = 0 for A x + b, of the dtype of A."""
    return np.zeros(A.bias_size, A._dtype)
