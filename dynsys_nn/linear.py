"""Linear maps with adjoint, weight gradient and exact singular values.

They are the A, B, C of every field. Whoever has a bound s_min ≤ ‖Ax‖/‖x‖ ≤ s_max has the constants of the fields
built on A, so the bound is exact here: an SVD, rounded outward, never a power method, which only bounds s_max from
below.
"""

import numpy as np

from .maps import Map, array, dimension, generator, numbers, over_batch


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


class WeightMatrix(LinearMap):
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

    def normalise(self):
        """W ← W/s_max, in place. ValueError where W = 0."""
        s_max = self.singular_range()[1]
        if s_max == 0:
            raise ValueError(f"{type(self).__name__} cannot be normalised: its weight is zero")
        self.W = self.W / s_max

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


def singular_values(W):
    """(s_min, s_max) of a matrix, rounded outward by the error of an SVD, max(m, n) · 2.2e-16 · s_max, so that a constant
    made of them is one."""
    s = np.linalg.svd(W.astype(float), compute_uv=False)
    error = max(W.shape) * np.finfo(float).eps * s[0]
    return float(max(0.0, s[-1] - error)), float(s[0] + error)


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
