"""ẋ = S(x)∇I(x) with S skew keeps I: mass, the norm, any other invariant, and with S = J the energy."""

import numpy as np

from ..linear import Lift
from ..maps import over_batch
from .field import Field, activation_part, linear_part, zero_bias
from .gradient import GradientField
from .invariants import Mass, SquaredNorm, invariant_object, words_of


class SkewGradientField(Field):
    """X(x) = S(x)∇I(x) with S(x)ᵀ = −S(x): then İ = ∇IᵀS∇I = 0.

    A subclass writes its two factors, S as a map of (p, n) and I with its gradient as maps of x, each with adjoint
    and tangent; the field follows from them here, and so does every method that takes S and ∇I at different points.

        S(p, n)                            S(p)n
        S_vjp(p, n)                        S(p)n, pullback;  pullback(w) = dp, dn, dθ
        S_jvp(p, n, dp, dn, dtheta)        S(p)n, its tangent
        I(x), I_vjp(x), I_jvp(x, v, dtheta)       as for a map, for I
        dI(x), dI_vjp(x), dI_jvp(x, v, dtheta)    and for ∇I
    """

    def __call__(self, x):
        x = self.state(x)
        return self.S(x, self.dI(x))

    def vjp(self, x):
        x = self.state(x)
        n, back_n = self.dI_vjp(x)
        y, back_S = self.S_vjp(x, n)

        def pullback(w):
            dp, dn, dtheta_S = back_S(self.covector(w, x))
            dx, dtheta_n = back_n(dn)
            return dp + dx, dtheta_S + dtheta_n

        return y, pullback

    def jvp(self, x, v, dtheta=None):
        x = self.state(x)
        v = self.tangent(v, x)
        n, dn = self.dI_jvp(x, v, dtheta)
        return self.S_jvp(x, n, v, dn, dtheta)


class GivenInvariant:
    """I and ∇I as maps of x, from an `invariant` that is given and has no parameters."""

    def I(self, x):
        """I(x), shape (...)."""
        return self.invariant(x)

    def I_vjp(self, x):
        """I(x) and its pullback c ↦ c∇I(x)."""
        return self.invariant(x), lambda c: (np.asarray(c)[..., None] * self.invariant.gradient(x), 0.0)

    def I_jvp(self, x, v, dtheta=None):
        """I(x) and its tangent ⟨∇I(x), v⟩."""
        return self.invariant(x), (self.invariant.gradient(x) * v).sum(axis=-1)

    def dI(self, x):
        """∇I(x), shape (..., d)."""
        return self.invariant.gradient(x)

    def dI_vjp(self, x):
        """∇I(x) and its pullback w ↦ ∇²I(x)w."""
        return self.invariant.gradient(x), lambda w: (self.invariant.hvp(x, w), 0.0)

    def dI_jvp(self, x, v, dtheta=None):
        """∇I(x) and its tangent ∇²I(x)v."""
        return self.invariant.gradient(x), self.invariant.hvp(x, v)


class InvariantField(GivenInvariant, SkewGradientField):
    """X(x) = S(x)∇I(x) with S = M − Mᵀ and vec M = σ(A x + b), or C σ(A x + b): then İ = ∇IᵀS∇I = 0.

    invariant: an object with I(x), I.gradient(x) and I.hvp(x, v), as Mass(), SquaredNorm(), Quadratic(Q) or
    Invariant(value, gradient, hvp); it has no parameters. A (or C) has d² rows for vec M, row by row, or d(d − 1)/2
    for its strict upper triangle alone. Prefer C: without it, with the triangle and σ ≥ 0 (Sigmoid, ReLU), every
    S_ij, i < j, is ≥ 0, and for mass the first coordinate can only grow, the last only shrink. Parameters: "A", "b",
    "C". Source: arXiv:2210.02373.
    """

    def __init__(self, A, sigma, invariant, C=None):
        A, sigma = linear_part(A, "A"), activation_part(sigma)
        C, name = (Lift(A.dim_out, A.dim_out), "A") if C is None else (linear_part(C, "C"), "C")
        if C.dim_in != A.dim_out:
            raise ValueError(f"C must act on the {A.dim_out} values of A, got C: {C.dim_in} → {C.dim_out}")
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
        self.sigma, self.invariant, self.i, self.j = sigma, invariant_object(invariant), i, j
        self.own(A=A, b=zero_bias(A), C=C)
        unit = np.eye(d, dtype=self.theta.dtype)
        self.E_i, self.E_j = unit[i], unit[j]  # row k is the unit vector e_{i_k}, e_{j_k}

    @property
    def keeps(self):
        return words_of(self.invariant)

    @property
    def formula(self):
        return {Mass: "(M − Mᵀ)1", SquaredNorm: "(M − Mᵀ)x"}.get(type(self.invariant), "(M − Mᵀ)∇I(x)")

    # ---- S = M − Mᵀ = Σ_k m_k (e_i e_jᵀ − e_j e_iᵀ), vec M = m = C σ(A x + b)
    def skew(self, x):
        """S(x) = M − Mᵀ, shape (..., d, d)."""
        x = self.state(x)
        m = self.C(self.sigma(self.A(x) + self.b))
        M = np.zeros((*x.shape[:-1], self.dim, self.dim), m.dtype)
        M[..., self.i, self.j] = m
        return M - M.swapaxes(-1, -2)

    def _times(self, m, n):
        """S n = Σ_k m_k (e_i n_j − e_j n_i)."""
        return (m * n[..., self.j]) @ self.E_i - (m * n[..., self.i]) @ self.E_j

    def S(self, p, n):
        """S(p)n, shape (..., d)."""
        return self._times(self.C(self.sigma(self.A(p) + self.b)), n)

    def S_vjp(self, p, n):
        """S(p)n and its pullback w ↦ dp, dn, dθ."""
        s, slope = self.sigma.value_and_slope(self.A(p) + self.b)
        m = self.C(s)

        def pullback(w):
            dm = w[..., self.i] * n[..., self.j] - w[..., self.j] * n[..., self.i]
            u = slope * self.C.adjoint(dm)  # the covector at z = A p + b
            dtheta = self.pack(A=self.A.outer(u, p), b=over_batch(u), C=self.C.outer(dm, s))
            return self.A.adjoint(u), -self._times(m, w), dtheta  # Sᵀ = −S

        return self._times(m, n), pullback

    def S_jvp(self, p, n, dp, dn, dtheta=None):
        """S(p)n and its tangent."""
        d = self.unpack(dtheta)
        z, dz = self.A.jvp(p, dp, d["A"])
        s, slope = self.sigma.value_and_slope(z + self.b)
        m, dm = self.C.jvp(s, slope * (dz + d["b"]), d["C"])
        return self._times(m, n), self._times(dm, n) + self._times(m, dn)


class MassPreservingField(InvariantField):
    """X(x) = (M − Mᵀ)1 with vec M = σ(A x + b), or C σ(A x + b): 1ᵀX = 0, so the sum of the components stays.

    The InvariantField of I(x) = 1ᵀx. Every Runge–Kutta method keeps it.
    """

    def __init__(self, A, sigma, C=None):
        super().__init__(A, sigma, Mass(), C)

    def lipschitz(self):
        """‖P‖‖C‖ max|σ′| ‖A‖ where P m = (M − Mᵀ)1."""
        P = self._times(np.eye(len(self.i)), np.ones((1, self.dim)))
        return float(np.linalg.norm(P, 2)) * self.C.lipschitz() * self.sigma.lipschitz * self.A.lipschitz()


class SpherePreservingField(InvariantField):
    """X(x) = (M − Mᵀ)x with vec M = σ(A x + b), or C σ(A x + b): xᵀX = 0, so ‖x‖ stays.

    The InvariantField of I(x) = ½‖x‖². Cayley and ImplicitMidpoint keep it; no explicit Runge–Kutta method does.
    """

    def __init__(self, A, sigma, C=None):
        super().__init__(A, sigma, SquaredNorm(), C)


class HamiltonianField(SkewGradientField):
    """X(z) = J Aᵀdiag(α)σ(A z + b) = J∇H(z), H(z) = Σᵢ αᵢγ(A z + b)ᵢ, γ′ = σ, with z = (q, p) and J(a, b) = (b, −a).

    Keeps H (`hamiltonian(z)`), the symplectic form and volume. Without alpha and with σ increasing, H is convex: for
    one that is not, as a pendulum's, give alpha with both signs.

    A: linear map 2n → k; alpha: array (k,) of learned weights, or None for ones. ValueError where the dimension is
    odd. Parameters: "A", "b" (k,), "alpha" where given; `dH` is ∇H as a GradientField. Source: arXiv:2210.02373.
    """

    keeps = frozenset({"energy", "symplectic", "volume"})

    def __init__(self, A, sigma, alpha=None):
        dH = GradientField(A, sigma, sign=1, alpha=alpha)
        if dH.dim % 2:
            raise ValueError(f"a Hamiltonian system has states (q, p) of even dimension, got A with dim_in = {dH.dim}")
        self.dim_in = self.dim_out = dH.dim
        self.own(dH=dH)

    A = property(lambda self: self.dH.A, lambda self, value: setattr(self.dH, "A", value))
    sigma = property(lambda self: self.dH.sigma, lambda self, value: setattr(self.dH, "sigma", value))
    b = property(lambda self: self.dH.b, lambda self, value: setattr(self.dH, "b", value))
    alpha = property(lambda self: self.dH.alpha, lambda self, value: setattr(self.dH, "alpha", value))
    formula = property(lambda self: f"J{self.dH.formula}")

    def label(self, part, key, count):
        return key

    def arguments(self):
        """What builds it again, but for θ."""
        return {key: value for key, value in self.dH.arguments().items() if key != "sign"}

    def hamiltonian(self, z):
        """H(z), shape (...)."""
        return self.dH.potential(z)

    def S(self, p, n):
        """Jn, whatever p is."""
        return J(n)

    def S_vjp(self, p, n):
        """Jn and its pullback w ↦ 0, Jᵀw."""
        return J(n), lambda w: (np.zeros_like(w), -J(w), 0.0)

    def S_jvp(self, p, n, dp, dn, dtheta=None):
        """Jn and its tangent."""
        return J(n), J(dn)

    def skew(self, z):
        """J, shape (..., 2n, 2n)."""
        z = self.state(z)
        return np.broadcast_to(J(np.eye(self.dim, dtype=z.dtype)).T, (*z.shape, self.dim))

    I = hamiltonian

    def I_vjp(self, z):
        """H(z) and its pullback."""
        return self.dH.potential_vjp(z)

    def I_jvp(self, z, v, dtheta=None):
        """H(z) and its tangent."""
        return self.dH.potential_jvp(z, v, dtheta)

    def dI(self, z):
        """∇H(z), shape (..., 2n)."""
        return self.dH(z)

    def dI_vjp(self, z):
        """∇H(z) and its pullback."""
        return self.dH.vjp(z)

    def dI_jvp(self, z, v, dtheta=None):
        """∇H(z) and its tangent."""
        return self.dH.jvp(z, v, dtheta)

    def jacobian(self, z):
        """J∇²H(z), shape (..., 2n, 2n); ∇²H is symmetric, so its rows are its columns."""
        return J(self.dH.jacobian(z)).swapaxes(-1, -2)

    def divergence(self, z):
        """0: tr(J∇²H) = 0, since J is skew and ∇²H symmetric."""
        z = self.state(z)
        return np.zeros(z.shape[:-1], z.dtype)

    def lipschitz(self):
        """That of ∇H, since J is orthogonal."""
        return self.dH.lipschitz()


def J(n):
    """(a, b) ↦ (b, −a), the matrix [[0, I], [−I, 0]]."""
    a, b = np.split(n, 2, axis=-1)
    return np.concatenate([b, -a], axis=-1)
