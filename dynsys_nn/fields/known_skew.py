"""ẋ = S(x)∇I(x) with S and I given, as in a textbook: Poisson systems and their like."""

import numpy as np

from ..arguments import (
    Given,
    WrongResult,
    dimension,
    matrix_entries,
    real_numbers,
    refuse,
)
from ..maps import Parameters
from .complex_step import ComplexStep
from .field import words_of
from .invariants import GivenGradient, Invariant, ValueOf, given_invariant
from .skew import J, SkewGradientField


class KnownSkewField(SkewGradientField):
    """X(x) = S(x)∇I(x), S(x)ᵀ = −S(x), with S and I given, without parameters: İ = ∇IᵀS∇I = 0.

    S is a matrix, or a function. A constant S keeps volume, too, and the symplectic form if S = cJ;
    and a field of a constant S can be saved. Without `dS` a field of a function S has no adjoint or
    tangent, and no step of DiscreteGradient: NotImplementedError, as for KnownField.

    Parameters
    ----------
    S : array, shape (d, d), or function, (..., d) → (..., d, d)
        S.
    invariant : object with I(x), I.gradient(x) and I.hvp(x, v)
        I, without parameters.
    dim : int, default None
        d, which a function does not tell.
    dS : function, (..., d) → (..., d, d, d), or "complex step", default None
        ∂S_ij/∂x_k at place (..., i, j, k), of a function S. "complex step": Im S(x + iεe_k)/ε,
        exact to rounding for S that is analytic; WrongResult for one that is not.

    Raises
    ------
    ValueError
        If S is not skew: a matrix at once, a function where it is evaluated. If dim is missing, or
        not that of the matrix. If dS is another word.

    Examples
    --------
    Lotka and Volterra's equations, with S = −x₁x₂J:

    >>> K = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> X = dnn.KnownSkewField(
    ...     lambda x: (x[..., 0] * x[..., 1])[..., None, None] * K,
    ...     dnn.systems.lotka_volterra().invariants["cycle"],
    ...     dim=2,
    ...     dS="complex step",  # or lambda x: K[:, :, None] * x[..., None, None, ::-1]
    ... )
    >>> x = np.array([0.5, 2.0])
    >>> np.allclose(X(x), dnn.systems.lotka_volterra()(x))
    True
    >>> y = dnn.Flow(X, 0.1, dnn.DiscreteGradient(gradient=dnn.ItohAbe()), steps=20)(x)
    >>> bool(abs(X.I(y) - X.I(x)) < 1e-13)
    True
    """

    def __init__(self, S, invariant, dim=None, dS=None):
        if callable(S):
            refuse(dim is None, f"KnownSkewField needs dim= of a function S, got none, S = {S!r}")
            self._S, factor = S, SkewFunction(S, dS)
            self.dim_in = self.dim_out = dimension(dim, "dim")
        else:
            refuse(dS is not None, f"dS is of a function S, and S is a matrix: got dS = {dS!r}")
            self._S = skew_matrix(S)
            d, factor = len(self._S), ConstantSkew(self._S)
            wrong = dim is not None and dimension(dim, "dim") != d
            refuse(wrong, f"dim must be that of S, {d}, got {dim!r}")
            self.dim_in = self.dim_out = d
            canonical = d % 2 == 0 and np.array_equal(self._S, self._S[0, d // 2] * J(np.eye(d)).T)
            self.geometry = frozenset({"volume", "symplectic"} if canonical else {"volume"})
        self.dS, self.invariant = dS, given_invariant(invariant)
        self.invariants = {min(words_of(invariant)): invariant}
        I = Invariant(invariant, invariant.gradient, invariant.hvp)  # in the precision of x
        self.I = ValueOf(I, self.dim_in)
        self.own(S=factor, dI=GivenGradient(I, self.dim_in))

    def arguments(self):
        """What builds it again."""
        S, I, dS = self._S, self.invariant, self.dS
        return {"S": S, "invariant": I, "dim": self.dim_in, "dS": dS}

    @property
    def formula(self):
        return "S(x)∇I(x)" + (", S′ by complex step" if isinstance(self.dS, str) else "")

    def skew(self, x):
        """S(x), shape (..., d, d)."""
        return self.S.matrix(x)


class ConstantSkew(Parameters):
    """S(p)n = Sn, whatever p is."""

    def __init__(self, S):
        self.S = S

    def __call__(self, p, n):
        return n @ self.of(n).T

    def vjp(self, p, n):
        """Sn and its pullback w ↦ 0, Sᵀw = −Sw, and nothing."""
        return self(p, n), lambda w: (np.zeros_like(w), -self(p, w), np.zeros(0))

    def jvp(self, p, n, dp, dn, dtheta=None):
        """Sn and its tangent."""
        return self(p, n), self(p, dn)

    def of(self, n):
        """S in the precision of n."""
        return self.S.astype(n.real.dtype, copy=False)

    def matrix(self, p):
        """S, shape (..., d, d)."""
        return np.broadcast_to(self.of(p), (*p.shape, p.shape[-1]))


class SkewFunction(Parameters):
    """S(p)n of a function S that is given, with its derivative dS, (..., d, d, d)."""

    def __init__(self, S, dS):
        self.S, self.dS = Given(S, "S of KnownSkewField", matrix_entries), dS
        if isinstance(dS, str):
            needs = 'dS of KnownSkewField must be a function or "complex step"'
            refuse(dS != "complex step", f"{needs}, got {dS!r}")
            self.dS = ComplexStep(S, "S of KnownSkewField", matrix_entries)
        elif dS is not None:
            self.dS = Given(dS, "dS of KnownSkewField", lambda d: (d, d, d))

    def derivative(self, p):
        """∂S_ij/∂p_k, shape (..., d, d, d)."""
        if self.dS is None:
            raise NotImplementedError(
                "this KnownSkewField was built without the derivative of S, and dynsys_nn never "
                'approximates one: give dS=, a function, or "complex step" if S is analytic'
            )
        return self.dS(p)

    def __call__(self, p, n):
        return np.einsum("...ij,...j->...i", self.matrix(p), n)

    def vjp(self, p, n):
        """S(p)n and its pullback w ↦ dp, Sᵀw = −Sw, and nothing."""
        S, dS = self.matrix(p), self.derivative(p)

        def pullback(w):
            dp = np.einsum("...ijk,...i,...j->...k", dS, w, n)
            return dp, -np.einsum("...ij,...j->...i", S, w), np.zeros(0)

        return np.einsum("...ij,...j->...i", S, n), pullback

    def jvp(self, p, n, dp, dn, dtheta=None):
        """S(p)n and its tangent."""
        S, dS = self.matrix(p), np.einsum("...ijk,...k->...ij", self.derivative(p), dp)
        y, turned = (np.einsum("...ij,...j->...i", S, v) for v in (n, dn))
        return y, np.einsum("...ij,...j->...i", dS, n) + turned

    def matrix(self, p):
        """S(p), shape (..., d, d)."""
        return skew(self.S(p), "S(x) of KnownSkewField", WrongResult)


def skew_matrix(S):
    """S as a matrix that is skew to the last bit."""
    needs = "S of KnownSkewField must be a matrix of"
    S = real_numbers(S, needs)
    refuse(
        S.ndim != 2 or S.shape[0] != S.shape[1] or not np.isfinite(S).all() or not S.size,
        f"S of KnownSkewField must be a finite square matrix, got shape {S.shape}",
    )
    S = skew(S, "S of KnownSkewField", ValueError)
    return (S - S.T) / 2


def skew(S, what, kind):
    """S, matrices (..., d, d); an error unless S + Sᵀ is rounding."""
    gap, size = (np.abs(a).max(axis=(-2, -1)) for a in (S + S.swapaxes(-1, -2), S))
    gap = np.where(gap > 8 * np.finfo(S.dtype).eps * size, gap, 0).max(initial=0)
    refuse(gap > 0, f"{what} must be skew, Sᵀ = −S, but S + Sᵀ has an entry {gap:.3g}", kind)
    return S
