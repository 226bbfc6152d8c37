"""Matrices: Dense and Affine."""

import numpy as np

from ..arguments import dimension, floating, generator, parameter
from ..maps import Map, over_batch
from .map import Weighted


class Dense(Weighted):
    """A x = W x with a matrix W, shape (dim_out, dim_in).

    Entries of W are N(0, 1/dim_in), drawn with `rng` (a Generator or an int), unless W is given.
    `dtype` is float64 or float32.
    """

    formula = "Wx"

    def __init__(self, dim_out, dim_in, W=None, rng=None, dtype=float):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")
        shape, dtype = (self.dim_out, self.dim_in), floating(dtype)
        if W is None:
            W = generator(rng).normal(0, self.dim_in**-0.5, shape)
        self.own(W=parameter(W, shape, "W of Dense", dtype))

    def arguments(self):
        """What builds it again, but for θ."""
        return {"dim_out": self.dim_out, "dim_in": self.dim_in, "dtype": str(self.W.dtype)}

    def times(self, W, x):
        """Wx, row by row."""
        return x @ W.T

    def times_transposed(self, W, w):
        """Wᵀw, row by row."""
        return w @ W

    def outer(self, w, x):
        return (w.reshape(-1, self.dim_out).T @ x.reshape(-1, self.dim_in)).ravel()

    def singular_range(self):
        low, high = singular_values(self.W)
        return (low if self.dim_out >= self.dim_in else 0.0), high

    def orthogonalise(self):
        """W ← the nearest matrix with orthonormal columns (rows, if it has fewer rows): its polar
        factor UVᵀ, in place."""
        U, _, Vt = np.linalg.svd(self.W, full_matrices=False)
        self.W = U @ Vt

    def inverse(self, y):
        if self.dim_in != self.dim_out:
            raise NotImplementedError(f"{self!r} is not square and has no inverse")
        try:
            return np.linalg.solve(self.W, y.reshape(-1, self.dim_out).T).T.reshape(y.shape)
        except np.linalg.LinAlgError:
            raise ValueError(f"{self!r} has no inverse: its weight is singular") from None


class Affine(Map):
    """F(x) = A x + b with a Dense map A, whose matrix W has shape (dim_out, dim_in); b starts at 0
    unless given.

    Not linear, but as steep as its linear part A: adjoint and singular values are those of A.
    """

    formula, naming = "Wx + b", "inner"

    def __init__(self, dim_out, dim_in, W=None, b=None, rng=None, dtype=float):
        A = Dense(dim_out, dim_in, W, rng, dtype)
        self.dim_out, self.dim_in = A.dim_out, A.dim_in
        b = np.zeros(A.dim_out) if b is None else b
        self.own(A=A, b=parameter(b, (A.dim_out,), "b of Affine", A.W.dtype))

    W = property(lambda self: self.A.W, lambda self, value: setattr(self.A, "W", value))

    def arguments(self):
        """What builds it again, but for θ."""
        return self.A.arguments()

    def __call__(self, x):
        return self.A @ x + self.b

    def vjp(self, x):
        return self.A @ x + self.b, lambda w: (w @ self.A, self.outer(w, x))

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        y, dy = self.A._jvp(x, v, d["A"])
        return y + self.b, dy + d["b"]

    def adjoint(self, w):
        """Wᵀw."""
        return w @ self.A

    def outer(self, w, x):
        """∂⟨w, A x + b⟩/∂θ summed over the batch, flat."""
        return self.pack(A=self.A.outer(w, x), b=over_batch(w))

    def inverse(self, y):
        return self.A._inverse(y - self.b)

    def singular_range(self):
        """That of W."""
        return self.A.singular_range()

    def lipschitz(self):
        """‖W‖."""
        return self.A.lipschitz()

    def normalise(self):
        """W ← W/s_max, in place. ValueError if W = 0."""
        self.A.normalise()

    def orthogonalise(self):
        """W ← its polar factor, in place."""
        self.A.orthogonalise()


def singular_values(W):
    """(s_min, s_max) of a matrix, rounded outward by the error of an SVD, max(m, n) · 2.2e-16 ·
    s_max, so that a constant made of them is one."""
    s = np.linalg.svd(W.astype(float), compute_uv=False)
    error = max(W.shape) * np.finfo(float).eps * s[0]
    return float(max(0.0, s[-1] - error)), float(s[0] + error)
