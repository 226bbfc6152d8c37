"""What every one-step method has, and the constants of one step."""

import math

import numpy as np


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

    def preserves(self, field):
        """The part of `field.keeps` that every step keeps."""
        return frozenset()

    def require(self, field):
        """TypeError where the field is of a kind that the method cannot step."""

    def __repr__(self):
        return f"{type(self).__name__}()"


def euler_lipschitz(field, h):
    """A Lipschitz constant of x + hX(x): of three levels of knowledge the best that the field allows.

    L alone                      1 + |h|L
    L and μ (h ≥ 0)              √(1 + 2hμ + h²L²)
    spectrum in [λ_min, λ_max]   max(|1 + hλ_min|, |1 + hλ_max|), which is attained where X′ has these eigenvalues

    Sources: Celledoni et al., arXiv:2210.02373; Sherry et al., arXiv:2306.17332.
    """
    try:
        return max(abs(1 + h * eigenvalue) for eigenvalue in field.spectrum())
    except NotImplementedError:
        L, mu = field.lipschitz(), field.one_sided_lipschitz()
        return math.sqrt(max(0.0, 1 + 2 * h * mu + (h * L) ** 2)) if h > 0 else 1 + abs(h) * L


def check_step(h):
    """h as a Python number; TypeError unless it is a number, ValueError where it is zero, NaN or infinite."""
    if not isinstance(h, float | int | complex | np.number):
        raise TypeError(f"a step h must be a number, got {h!r}")
    if not 0 < abs(h) < math.inf:
        raise ValueError(f"a step h must be one finite number other than zero, got {h}")
    return h.item() if isinstance(h, np.number) else h
