"""ẋ = S(x)∇I(x) with S skew keeps I: mass, and any other invariant."""

import numpy as np

from ..linear import Lift
from ..maps import over_batch
from .field import Field, activation_part, linear_part, zero_bias


class Mass:
    """I(x) = 1ᵀx, the sum of the components."""

    keeps = frozenset({"mass"})

    def __call__(self, x):
        return np.sum(x, axis=-1)

    def gradient(self, x):
        """∇I = 1, shape (..., d)."""
        return np.ones_like(x)

    def hvp(self, x, v):
        """∇²I v = 0, shape (..., d)."""
        return np.zeros_like(v)


class InvariantField(Field):
    """X(x) = S(x)∇I(x) with S = M − Mᵀ and vec M = σ(A x + b), or C σ(A x + b): then İ = ∇IᵀS∇I = 0.

    invariant: an object with I(x), I.gradient(x) and I.hvp(x, v). A (or C) has d² rows for vec M, row by row, or
    d(d − 1)/2 for its strict upper triangle alone. Prefer C: without it, with the triangle and σ ≥ 0 (Sigmoid, ReLU),
    every S_ij, i < j, is ≥ 0, and for mass the first coordinate can only grow, the last only shrink.
    Parameters: "A", "b", "C". Source: arXiv:2210.02373.
    """

    def __init__(self, A, sigma, invariant, C=None):
        A, sigma = linear_part(A, "A"), activation_part(sigma)
        C, name = (Lift(A.dim_out, A.dim_out), "A") if C is None else (linear_part(C, "C"), "C")
        if C.dim_in != A.dim_out:
            raise ValueError(f"C must act on the {A.dim_out} values of A, got C: {C.dim_in} → {C.dim_out}")
        for member in ("__call__", "gradient", "hvp"):
            if not hasattr(invariant, member) or isinstance(invariant, type):
                raise TypeError(
                    f"invariant must have I(x), I.gradient(x) and I.hvp(x, v), but {invariant!r} is no such object"
                )
        d = A.dim_in
        if C.dim_out == d * d:
            i, j = np.divmod(np.arange(d * d), d)
        elif C.dim_out == d * (d - 1) // 2:
            i, j = np.triu_indices(d, 1)
        else:
            raise ValueError(
                f"{name} must have d² = {d * d} rows for vec M, or d(d − 1)/2 = {d * (d - 1) // 2} for its "
                f"strict upper triangle, got {C.dim_out}"
            )
        self.dim_in = self.dim_out = d
        self.sigma, self.invariant, self.i, self.j = sigma, invariant, i, j
        self.own(A=A, b=zero_bias(A), C=C)
        unit = np.eye(d, dtype=self.theta.dtype)
        self.E_i, self.E_j = unit[i], unit[j]  # row k is the unit vector e_{i_k}, e_{j_k}

    @property
    def keeps(self):
        return getattr(self.invariant, "keeps", frozenset({"invariant"}))

    @property
    def formula(self):
        return "(M − Mᵀ)1" if isinstance(self.invariant, Mass) else "(M − Mᵀ)∇I(x)"

    def _S(self, m, n):
        """S n = Σ_k m_k (e_i n_j − e_j n_i), since S = M − Mᵀ = Σ_k m_k (e_i e_jᵀ − e_j e_iᵀ)."""
        return (m * n[..., self.j]) @ self.E_i - (m * n[..., self.i]) @ self.E_j

    def _S_adjoint(self, w, n):
        """∂⟨w, S n⟩/∂m_k = w_i n_j − w_j n_i."""
        return w[..., self.i] * n[..., self.j] - w[..., self.j] * n[..., self.i]

    def skew(self, x):
        """S(x) = M − Mᵀ, shape (..., d, d)."""
        x = self.state(x)
        m = self.C(self.sigma(self.A(x) + self.b))
        M = np.zeros((*x.shape[:-1], self.dim, self.dim), m.dtype)
        M[..., self.i, self.j] = m
        return M - M.swapaxes(-1, -2)

    def __call__(self, x):
        x = self.state(x)
        return self._S(self.C(self.sigma(self.A(x) + self.b)), self.invariant.gradient(x))

    def vjp(self, x):
        x = self.state(x)
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)
        m, n = self.C(s), self.invariant.gradient(x)

        def pullback(w):
            w = self.covector(w, x)
            dm = self._S_adjoint(w, n)
            u = slope * self.C.adjoint(dm)  # the covector at z = A x + b
            dx = self.A.adjoint(u) + self.invariant.hvp(x, -self._S(m, w))  # Sᵀ = −S
            return dx, self.pack(A=self.A.outer(u, x), b=over_batch(u), C=self.C.outer(dm, s))

        return self._S(m, n), pullback

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        z, dz = self.A.jvp(x, v, d["A"])
        s, slope = self.sigma.value_and_slope(z + self.b)
        m, dm = self.C.jvp(s, slope * (dz + d["b"]), d["C"])
        n = self.invariant.gradient(x)
        return self._S(m, n), self._S(dm, n) + self._S(m, self.invariant.hvp(x, v))


class MassPreservingField(InvariantField):
    """X(x) = (M − Mᵀ)1 with vec M = σ(A x + b), or C σ(A x + b): 1ᵀX = 0, so the sum of the components stays.

    The InvariantField of I(x) = 1ᵀx. Every Runge–Kutta method keeps it.
    """

    def __init__(self, A, sigma, C=None):
        super().__init__(A, sigma, Mass(), C)

    def lipschitz(self):
        """‖P‖‖C‖ max|σ′| ‖A‖ where P m = (M − Mᵀ)1."""
        P = self._S(np.eye(len(self.i)), np.ones((1, self.dim)))
        return float(np.linalg.norm(P, 2)) * self.C.lipschitz() * self.sigma.lipschitz * self.A.lipschitz()
