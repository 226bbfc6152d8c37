"""ẋ = A x, whose flow e^{hA} is known."""

from fractions import Fraction

import numpy as np

from ..arguments import array, refuse
from ..linear import Dense, LinearMap, eigenvalues
from ..maps import inner, outward
from .field import Field
from .invariants import Mass, Quadratic, SquaredNorm

#: the dimension up to which the matrix of A is looked at
SMALL = 1024


class LinearField(Field):
    """X(x) = A x, whose exact flow is φ^h(x) = e^{hA}x: `ExactFlow` takes it.

    What the flow keeps, and whether X′ = A is symmetric, is asked of the matrix as it is now, and
    only what holds to the last bit is claimed: the norm if A + Aᵀ = 0, the mass if 1ᵀA = 0, volume
    if tr A = 0, the symplectic form and the energy ½xᵀJᵀAx if JᵀA is symmetric, J = [[0, I], [−I,
    0]]. With L the Fréchet derivative of the exponential, ⟨w, L(hA, h dA)x⟩ = h⟨L(hAᵀ, Σ w xᵀ), dA⟩
    is the adjoint of the flow in A. A: a LinearMap ℝᵈ → ℝᵈ, or a matrix, of which Dense is made.
    ValueError if A is not square. Parameters: those of "A". Source: Al-Mohy and Higham, SIAM J.
    Matrix Anal. Appl. 30 (2009).

    Examples
    --------
    A quarter of a turn:

    >>> X, x = dnn.LinearField([[0, 1], [-1, 0]]), np.array([3.0, 4.0])
    >>> X.flow(x, np.pi / 2).round(9)
    array([ 4., -3.])
    >>> sorted(X.keeps)
    ['energy', 'norm', 'symplectic', 'volume']
    >>> X.A.W[0, 0] = -0.5
    >>> X.keeps, round(X.one_sided_lipschitz(), 9)
    (frozenset(), 0.0)
    """

    formula, has_flow = "Ax", True

    def __init__(self, A):
        if not isinstance(A, LinearMap):
            needs = "A of LinearField must be a linear map or a square matrix"
            W = array(A, needs)
            refuse(W.dtype.kind not in "fiub", f"{needs}, got {A!r}", TypeError)
            refuse(
                W.ndim != 2 or W.shape[0] != W.shape[1],
                f"{needs}, got shape {W.shape}",
            )
            A = Dense(*W.shape, W=W)
        refuse(A.dim_in != A.dim_out, f"LinearField needs a linear map ℝᵈ → ℝᵈ, got {A!r}")
        self.dim_in = self.dim_out = A.dim_in
        self.own(A=A)

    def matrix(self):
        """A, shape (d, d), a fresh array in double precision."""
        columns = self.A @ np.eye(self.dim, dtype=self._dtype or float)
        return np.array(columns.T, np.result_type(columns, float))

    def __call__(self, x):
        return self.A @ x

    def vjp(self, x):
        return self.A._vjp(x)

    def jvp(self, x, v, dtheta=None):
        return self.A._jvp(x, v, dtheta)

    def jacobian(self, x):
        """A for each state, shape (..., d, d)."""
        return self.matrix().astype(x.dtype) + np.zeros((*x.shape, 1), x.dtype)

    # ---- the flow
    def flow(self, x, h):
        """φ^h(x) = e^{hA}x."""
        return x @ self._exponential(x, h).T

    def flow_vjp(self, x, h):
        E = self._exponential(x, h)
        y = x @ E.T

        def pullback(w):
            d = self.dim
            wx = w.reshape(-1, d).T @ x.reshape(-1, d)
            dA = h * frechet(h * self.matrix().T, wx).astype(y.dtype)
            eye = np.eye(d, dtype=y.dtype)  # A = Σ_j (A e_j) e_jᵀ
            return w @ E, self.pack(A=self.A.outer(dA.T, eye)), inner(w, self.A @ y)

        return y, pullback

    def flow_jvp(self, x, h, v, dtheta=None, dh=0.0):
        E = self._exponential(x, h)
        y = x @ E.T
        dy = v @ E.T + dh * (self.A @ y)
        if dtheta is None or not self._size:
            return y, dy
        eye = np.eye(self.dim, dtype=self._dtype)
        dA = self.A._jvp(eye, np.zeros_like(eye), dtheta)[1].T
        return y, dy + x @ frechet(h * self.matrix(), h * dA).T.astype(y.dtype)

    def _exponential(self, x, h):
        """e^{hA}, of the dtype of hx."""
        from scipy.linalg import expm

        return expm(h * self.matrix()).astype(np.result_type(x, h), copy=False)

    # ---- what is known of it
    @property
    def has_centre(self):
        """True unless A would fill the memory: more than 1024 rows."""
        return self.dim <= SMALL

    def centre_radius(self):
        """(A, 0)."""
        return self.matrix(), 0.0

    @property
    def has_spectrum(self):
        """True if A is symmetric, as it is now."""
        return self.has_centre and is_symmetric(self.matrix())

    def spectrum(self):
        """The smallest and the largest eigenvalue, rounded outward; NotImplementedError unless A is
        symmetric."""
        return ends(self.matrix()) if self.has_spectrum else super().spectrum()

    def lipschitz(self):
        """‖A‖."""
        return self.A.lipschitz()

    def one_sided_lipschitz(self):
        """The largest eigenvalue of (A + Aᵀ)/2, rounded up."""
        if not self.has_centre:
            return self.lipschitz()
        A = self.matrix()
        return min(self.lipschitz(), ends((A + A.T) / 2)[1])

    def divergence(self, x):
        """tr A."""
        return np.full(x.shape[:-1], np.trace(self.matrix()), x.dtype)

    @property
    def invariants(self):
        """name → I: those of norm, mass and energy that the flow keeps, with A as it is now."""
        if not self.has_centre:
            return {}
        A, known = self.matrix(), {}
        if (A == -A.T).all():  # not if there is a NaN, as beside an infinity
            known["norm"] = SquaredNorm()
        if all(map(sums_to_zero, A.T)):
            known["mass"] = Mass()
        if self.dim % 2 == 0 and is_symmetric(Q := rotated(A)):
            known["energy"] = Quadratic(Q, keeps={"energy"})
        return known

    @property
    def geometry(self):
        if not self.has_centre:
            return frozenset()
        A = self.matrix()
        if self.dim % 2 == 0 and is_symmetric(rotated(A)):
            return frozenset({"volume", "symplectic"})
        return frozenset({"volume"} if sums_to_zero(np.diag(A)) else ())


def sums_to_zero(numbers):
    """Whether they do, exactly."""
    return bool(np.isfinite(numbers).all()) and sum(map(Fraction, numbers)) == 0


def is_symmetric(M):
    return bool((M == M.T).all())


def rotated(A):
    """JᵀA: (q̇, ṗ) ↦ (−ṗ, q̇)."""
    q, p = np.split(A, 2)
    return np.concatenate([-p, q])


def ends(S):
    """The smallest and the largest eigenvalue of a symmetric matrix, rounded outward by the error
    of the iteration and of (A + Aᵀ)/2; exactly 0 for S = 0."""
    found = eigenvalues(S)
    error = 4 * len(S) * np.finfo(float).eps * max(abs(found[0]), abs(found[-1]))
    low, high = (outward(lambda end, e: end + e, end, error) for end in (-found[0], found[-1]))
    return 0.0 - low, high


def frechet(M, dM):
    """L(M, dM), the derivative of the exponential at M in the direction dM; NaN, as e^M is, where M
    or dM is too large, or not finite."""
    from scipy.linalg import expm_frechet

    try:
        return expm_frechet(M, dM, compute_expm=False, check_finite=False)
    except (
        OverflowError,
        ValueError,
    ):  # of a norm that is infinite, or an entry that is not finite
        return np.full(M.shape, np.nan)
