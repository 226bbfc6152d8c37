"""A linear map y = A x, and what all of them have."""

import numpy as np

from ..maps import Map, array, numbers


class LinearMap(Map):
    """y = A x. A new one writes A(x), `adjoint` and `singular_range`; adjoint and tangent then follow from linearity.

    One with parameters writes also `outer`, and for tangents in θ `jvp` and `adjoint_jvp`.
    """

    def adjoint(self, w):
        """Aᵀw, (..., dim_out) → (..., dim_in)."""
        raise NotImplementedError(f"{type(self).__name__} has no adjoint: write adjoint(self, w)")

    def outer(self, w, x):
        """∂⟨w, A x⟩/∂θ summed over the batch, flat, shape (p,); for a matrix Σ w xᵀ, row by row."""
        return np.zeros(0, x.dtype)

    def adjoint_jvp(self, w, dw, dtheta=None):
        """Aᵀw and its tangent Aᵀdw + dAᵀw, as `jvp` is for A x."""
        self._no_direction(dtheta)
        return self.adjoint(w), self.adjoint(dw)

    def singular_range(self):
        """(s_min, s_max), sharp, with s_min‖x‖ ≤ ‖Ax‖ ≤ s_max‖x‖ for all x; s_min = 0 where dim_out < dim_in."""
        raise NotImplementedError(f"no singular values of {type(self).__name__} are known: write singular_range(self)")

    def vjp(self, x):
        x = self.state(x)

        def pullback(w):
            w = self.covector(w, x)
            return self.adjoint(w), self.outer(w, x)

        return self(x), pullback

    def jvp(self, x, v, dtheta=None):
        x = self.state(x)
        self._no_direction(dtheta)
        return self(x), self(self.tangent(v, x))

    def _image(self, y):
        if type(y) is np.ndarray and y.dtype == self._theta.dtype and y.shape[-1:] == (self.dim_out,):
            return y
        y = numbers(y, f"{type(self).__name__} has images of")
        if y.ndim == 0 or y.shape[-1] != self.dim_out:
            raise ValueError(
                f"{type(self).__name__} has images of dimension {self.dim_out}, got an array of shape {y.shape}"
            )
        return y.astype(self.theta.dtype, copy=False) if self.theta.size and y.dtype.kind == "f" else y

    def _no_direction(self, dtheta):
        self.unpack(dtheta)  # refuses a wrong shape
        if dtheta is not None and self.theta.size:
            raise NotImplementedError(f"{type(self).__name__} has parameters: write its own jvp and adjoint_jvp")

    def lipschitz(self):
        """s_max, the spectral norm."""
        return self.singular_range()[1]


class Weighted(LinearMap):
    """A linear map whose parameters are, perhaps beside a bias, an array W in which A is linear."""

    def normalise(self):
        """W ← W/s_max, in place. ValueError where W = 0."""
        s_max = self.singular_range()[1]
        if s_max == 0:
            raise ValueError(f"{type(self).__name__} cannot be normalised: its weight is zero")
        self.W = self.W / s_max


def floating(dtype):
    """dtype as float64 or float32; TypeError for any other."""
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be float64 or float32, got {dtype!r}") from None
    if dtype not in (np.float64, np.float32):
        raise TypeError(f"dtype must be float64 or float32, got {dtype}")
    return dtype


def given(value, shape, what, dtype):
    """A parameter that a caller gave, as a fresh array; ValueError for another shape or a value that is not finite."""
    value = array(value, f"{what} must be an array")
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{what} must be an array of real numbers, got {value!r} (a generator goes in as rng=…)")
    if value.shape != shape:
        raise ValueError(f"{what} has shape {shape}, got {value.shape}")
    if not np.isfinite(value).all():
        raise ValueError(
            f"{what} must be finite, got {value[~np.isfinite(value)][0]} at {tuple(map(int, np.argwhere(~np.isfinite(value))[0]))}"
        )
    return value.astype(dtype)
