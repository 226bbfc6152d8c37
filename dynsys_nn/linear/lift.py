"""Changes of dimension: zeros are put behind a state, or its tail is spread over its head."""

import numpy as np

from ..maps import dimension
from .map import LinearMap


class Lift(LinearMap):
    """x ↦ (x, 0): pads zeros. An isometry that keeps the sum; with equal dimensions the identity, which returns x itself."""

    formula = "(x, 0)"
    keeps = frozenset({"mass", "norm"})

    def __init__(self, dim_out, dim_in):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")
        if self.dim_out < self.dim_in:
            raise ValueError(f"Lift needs dim_out ≥ dim_in, got {self.dim_out} < {self.dim_in}")

    def __call__(self, x):
        x = self.state(x)
        if self.dim_out == self.dim_in:
            return x
        return np.concatenate([x, np.zeros((*x.shape[:-1], self.dim_out - self.dim_in), x.dtype)], axis=-1)

    def adjoint(self, w):
        return self._image(w)[..., : self.dim_in]

    def singular_range(self):
        return 1.0, 1.0


class Restriction(LinearMap):
    """y_j = x_j + (1/k) Σ_{i>k} x_i for j = 1, …, k = dim_out: keeps the sum, and undoes Lift."""

    formula = "xⱼ + (1/k) Σᵢ₌ₖ₊₁ xᵢ"
    keeps = frozenset({"mass"})

    def __init__(self, dim_out, dim_in):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")
        if self.dim_out > self.dim_in:
            raise ValueError(f"Restriction needs dim_out ≤ dim_in, got {self.dim_out} > {self.dim_in}")

    def __call__(self, x):
        x, k = self.state(x), self.dim_out
        return x[..., :k] + x[..., k:].sum(axis=-1, keepdims=True) / k

    def adjoint(self, w):
        w = self._image(w)
        tail = w.sum(axis=-1, keepdims=True) / self.dim_out
        return np.concatenate([w, np.repeat(tail, self.dim_in - self.dim_out, axis=-1)], axis=-1)

    def singular_range(self):
        """R = [I, 11ᵀ/k] has RRᵀ = I + (n − k)/k² 11ᵀ, whose largest eigenvalue is n/k."""
        k, n = self.dim_out, self.dim_in
        return float(k == n), (n / k) ** 0.5
