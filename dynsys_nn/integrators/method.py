"""What every one-step method has."""

import math

import numpy as np

from ..maps import Map


class Method:
    """A one-step method: `order`, `step`, `vjp`, `jvp`, and where they are known `inverse` and `lipschitz`.

    Steps h may be negative (reversal). A step that is zero, NaN or infinite is a ValueError. `symmetric` is True
    where Ψ^{−h} ∘ Ψ^h is the identity.
    """

    order, symmetric = None, False

    def step(self, field, x, h):
        """Ψ^h(x), shape (..., d)."""
        raise NotImplementedError(f"{type(self).__name__} has no step: write step(self, field, x, h)")

    def vjp(self, field, x, h):
        """Ψ^h(x) and its pullback w ↦ (∂Ψ/∂x)ᵀw, (∂Ψ/∂θ)ᵀw summed over the batch, ⟨w, ∂Ψ/∂h⟩ (a number)."""
        raise NotImplementedError(f"{type(self).__name__} has no hand-written adjoint: write vjp(self, field, x, h)")

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        """Ψ^h(x) and its tangent (∂Ψ/∂x) v + (∂Ψ/∂θ) dtheta + (∂Ψ/∂h) dh."""
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written tangent: write jvp(self, field, x, h, v, dtheta, dh)"
        )

    def inverse(self, field, y, h):
        """The x with Ψ^h(x) = y, where it is explicit."""
        raise NotImplementedError(f"{type(self).__name__} has no explicit inverse")

    def lipschitz(self, field, h):
        """A certified Lipschitz constant of Ψ^h."""
        raise NotImplementedError(f"no Lipschitz constant of {type(self).__name__} is known")

    def non_expansive_step(self, field):
        """The largest H for which Ψ^h is certified non-expansive, ‖Ψ^h(x) − Ψ^h(y)‖ ≤ ‖x − y‖, for all 0 < h ≤ H."""
        raise NotImplementedError(f"no step of {type(self).__name__} is known to be non-expansive")

    def steps_for(self, field, T):
        """The smallest n for which n steps T/n, each non-expansive, reach time T > 0."""
        self.require(field)
        T = real_step(T)
        if T < 0:
            raise ValueError(f"a field contracts forward in time: T must be positive, got {T}")
        return max(1, math.ceil(T / self.non_expansive_step(field) * (1 - 1e-12)))  # rounding is no further step

    def preserves(self, field):
        """The part of `field.keeps` that every step keeps."""
        return frozenset()

    def require(self, field):
        """TypeError where the field is of a kind that the method cannot step, ValueError where it leaves its space."""
        if not isinstance(field, Map):
            raise TypeError(f"{type(self).__name__} steps a vector field, got {field!r}")
        if getattr(field, "dim_in", None) != getattr(field, "dim_out", None) or field.sequence:
            raise ValueError(f"{type(self).__name__} steps a field ℝᵈ → ℝᵈ, got {field!r}")

    def __repr__(self):
        return f"{type(self).__name__}()"


def check_step(h):
    """h as a float or complex; TypeError unless it is a number, ValueError where it is zero, NaN or infinite."""
    if type(h) is float and 0 < abs(h) < math.inf:
        return h
    value = one_number(h, "a step h")
    if not 0 < abs(value) < math.inf:
        raise ValueError(f"a step h must be one finite number other than zero, got {h}")
    return value


def real_step(h):
    """h as a float; as `check_step`, and TypeError where it is complex."""
    h = check_step(h)
    if isinstance(h, complex):
        raise TypeError(f"a bound needs a step h that is a real number, got {h}")
    return h


def check_dh(dh):
    """A tangent dh of the step as a float or complex; TypeError unless it is a number."""
    return dh if type(dh) is float else one_number(dh, "a tangent dh")


def one_number(value, name):
    """`value`, perhaps an array without axes, as a float or complex; infinity for integers beyond all floats."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, float | int | complex | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        return complex(value) if isinstance(value, complex | np.complexfloating) else float(value)
    except OverflowError:
        return math.inf
