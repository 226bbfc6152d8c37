"""Matrices: Dense."""

import numpy as np

from ..arguments import dimension, floating, generator, parameter, refuse
from ..maps import require_finite
from .map import Weighted

#: the transpose of a matrix with so few entries is copied: the product takes a quarter less time
SMALL = 2**11
#: the smallest float > 0
SMALLEST = 5e-324


class Dense(Weighted):
    """A x = W x with a matrix W, shape (dim_out, dim_in).

    Parameters
    ----------
    dim_out, dim_in : int
        Dimensions of A x and of x.
    W : array, shape (dim_out, dim_in), default None
        The matrix; None: entries N(0, 1/dim_in).
    rng : Generator or int, default None
        What W is drawn with; None: anew each time.
    dtype : dtype, default float
        That of W, float64 or float32.

    Examples
    --------
    >>> A = dnn.Dense(2, 2, W=[[0, 2], [0, 0]])
    >>> round(A.lipschitz(), 9)  # ‖W‖, though both eigenvalues are 0
    2.0
    >>> A.lipschitz() >= 2  # rounded up
    True
    >>> x, w = np.array([1.0, 3.0]), np.array([5.0, 7.0])
    >>> print((w * (A @ x)).sum(), ((w @ A) * x).sum())  # ⟨w, A x⟩ = ⟨Aᵀw, x⟩
    30.0 30.0
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
        return x @ (W.T.copy() if W.size <= SMALL and x.ndim > 1 else W.T)

    def times_transposed(self, W, w):
        """Wᵀw, row by row."""
        return w @ W

    def outer(self, w, x):
        return (w.reshape(-1, self.dim_out).T @ x.reshape(-1, self.dim_in)).ravel()

    def singular_range(self):
        require_finite(self)
        low, high = singular_values(self.W)
        return (low if self.dim_out >= self.dim_in else 0.0), high

    def orthogonalise(self):
        """W ← the nearest matrix with orthonormal columns (rows, if it has fewer rows): its polar
        factor UVᵀ, in place."""
        require_finite(self)
        U, _, Vt = np.linalg.svd(self.W, full_matrices=False)
        self.W = U @ Vt

    def inverse(self, y):
        if self.dim_in != self.dim_out:
            raise NotImplementedError(f"{self!r} is not square and has no inverse")
        try:
            return solved(self.W, y.reshape(-1, self.dim_out).T).T.reshape(y.shape)
        except np.linalg.LinAlgError:
            raise ValueError(f"{self!r} has no inverse: its weight is singular") from None


def singular_values(W):
    """(s_min, s_max) of a matrix, rounded outward by the error of an SVD, max(m, n) · (2.2e-16 ·
    s_max + 4.9e-324), so that a constant made of them is one; exactly 0 for W = 0."""
    s = svd_values(W.astype(float))
    error = max(W.shape) * (np.finfo(float).eps * s[0] + SMALLEST) if W.any() else 0.0
    return float(max(0.0, s[-1] - error)), float(s[0] + error)


def solved(K, r):
    """K⁻¹r of matrices K and r. LinAlgError if K is singular, also on a machine without
    floating-point flags, as in a browser, where NumPy does not see it and gives NaN; TypeError for
    another dtype than float32 and float64, or complex."""
    dtype = np.result_type(K, r)
    if dtype.char not in "fdFD":
        raise TypeError(f"linear systems are solved in float32 or float64, got {dtype}")
    x = np.linalg.solve(K, r)
    if not np.isfinite(x).all() and np.isfinite(K).all() and np.isfinite(r).all():
        raise np.linalg.LinAlgError("Singular matrix")
    return x


def svd_values(W):
    """The singular values of matrices (..., m, n), largest first. LinAlgError if the SVD does not
    converge; in WebAssembly NumPy returns NaN instead."""
    s = np.linalg.svd(W, compute_uv=False)
    refuse(np.isnan(s).any(), "SVD did not converge", np.linalg.LinAlgError)
    return s


def eigenvalues(M):
    """The eigenvalues of a symmetric matrix, floats, lowest first. LinAlgError if the iteration
    does not converge; in WebAssembly NumPy returns NaN instead."""
    found = np.linalg.eigvalsh(M)
    refuse(np.isnan(found).any(), "eigenvalues did not converge", np.linalg.LinAlgError)
    return found.tolist()
