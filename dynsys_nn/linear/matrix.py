"""Matrices: Dense and Affine."""

import numpy as np

from ..maps import dimension, generator, over_batch
from .map import Weighted, floating, given


class WeightMatrix(Weighted):
    """A linear map, perhaps with a bias, whose weight is a matrix W, shape (dim_out, dim_in)."""

    def _weight(self, dim_out, dim_in, W, rng, dtype):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")
        shape, dtype = (self.dim_out, self.dim_in), floating(dtype)
        if W is None:
            W = generator(rng).normal(0, self.dim_in**-0.5, shape)
        return given(W, shape, f"W of {type(self).__name__}", dtype)

    def arguments(self):
        """What builds it again, but for θ."""
        return {"dim_out": self.dim_out, "dim_in": self.dim_in, "dtype": str(self.W.dtype)}

    def adjoint(self, w):
        return self._image(w) @ self.W

    def adjoint_jvp(self, w, dw, dtheta=None):
        d = self.unpack(dtheta)
        return w @ self.W, dw @ self.W + (0 if dtheta is None else w @ d["W"])

    def singular_range(self):
        low, high = singular_values(self.W)
        return (low if self.dim_out >= self.dim_in else 0.0), high

    def orthogonalise(self):
        """W ← the nearest matrix with orthonormal columns (rows, where it has fewer rows): its polar factor UVᵀ, in place."""
        U, _, Vt = np.linalg.svd(self.W, full_matrices=False)
        self.W = U @ Vt

    def _solve(self, y):
        if self.dim_in != self.dim_out:
            raise NotImplementedError(f"{self!r} is not square and has no inverse")
        try:
            return np.linalg.solve(self.W, y.reshape(-1, self.dim_out).T).T.reshape(y.shape)
        except np.linalg.LinAlgError:
            raise ValueError(f"{self!r} has no inverse: its weight is singular") from None


class Dense(WeightMatrix):
    """A x = W x with a matrix W, shape (dim_out, dim_in).

    Entries of W are N(0, 1/dim_in), drawn with `rng` (a Generator or an int), unless W is given. `dtype` is float64
    or float32.
    """

    formula = "Wx"

    def __init__(self, dim_out, dim_in, W=None, rng=None, dtype=float):
        self.own(W=self._weight(dim_out, dim_in, W, rng, dtype))

    def __call__(self, x):
        return self.state(x) @ self.W.T

    def outer(self, w, x):
        return (w.reshape(-1, self.dim_out).T @ x.reshape(-1, self.dim_in)).ravel()

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        return self(x), v @ self.W.T + (0 if dtheta is None else x @ d["W"].T)

    def inverse(self, y):
        return self._solve(self._image(y))


class Affine(WeightMatrix):
    """A x = W x + b, shape of W (dim_out, dim_in), b starts at 0 unless given. Singular values are those of W."""

    formula = "Wx + b"

    def __init__(self, dim_out, dim_in, W=None, b=None, rng=None, dtype=float):
        W = self._weight(dim_out, dim_in, W, rng, dtype)
        self.own(W=W, b=given(np.zeros(self.dim_out) if b is None else b, (self.dim_out,), "b of Affine", W.dtype))

    def __call__(self, x):
        return self.state(x) @ self.W.T + self.b

    def outer(self, w, x):
        return self.pack(W=w.reshape(-1, self.dim_out).T @ x.reshape(-1, self.dim_in), b=over_batch(w))

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        return self(x), v @ self.W.T + (0 if dtheta is None else x @ d["W"].T + d["b"])

    def inverse(self, y):
        return self._solve(self._image(y) - self.b)


def singular_values(W):
    """(s_min, s_max) of a matrix, rounded outward by the error of an SVD, max(m, n) · 2.2e-16 · s_max, so that a constant
    made of them is one."""
    s = np.linalg.svd(W.astype(float), compute_uv=False)
    error = max(W.shape) * np.finfo(float).eps * s[0]
    return float(max(0.0, s[-1] - error)), float(s[0] + error)
