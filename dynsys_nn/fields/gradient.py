"""ẋ = ∓∇V(x): contraction (and with V convex, descent to its minimum)."""

import numpy as np

from ..linear import given
from ..maps import over_batch, real
from .field import Field, activation_part, linear_part, zero_bias


class GradientField(Field):
    """X(x) = ∓Aᵀdiag(α)σ(A x + b) = ∓∇V(x) with V(x) = Σᵢ αᵢγ(A x + b)ᵢ, γ′ = σ.

    With sign −1, σ increasing and α ≥ 0, V is convex, and two solutions of ẋ = X(x) never move apart. Without alpha
    the force X is monotone: for one that is not, as a pendulum's, give alpha with both signs.

    A: linear map d → k; sign: −1 (descent) or +1 (ascent); alpha: array (k,) of learned weights, or None for ones.
    Parameters: "A", "b" (k,), "alpha" where given.
    """

    is_gradient = True

    def __init__(self, A, sigma, sign=-1, alpha=None):
        A, sigma = linear_part(A, "A"), activation_part(sigma)
        if real(sign) not in (-1, 1):
            raise ValueError(f"sign must be −1 (descent) or +1 (ascent), got {sign!r}")
        self.dim_in = self.dim_out = A.dim_in
        self.sigma, self.sign, b = sigma, int(sign), zero_bias(A)
        if alpha is None:
            self.alpha = 1.0
            self.own(A=A, b=b)
        else:
            self.own(A=A, b=b, alpha=given(alpha, b.shape, "alpha of GradientField", b.dtype))

    def arguments(self):
        """What builds it again, but for θ."""
        alpha = np.zeros_like(self.alpha) if "alpha" in self.slices else None
        return {"A": self.A, "sigma": self.sigma, "sign": self.sign, "alpha": alpha}

    def __setattr__(self, name, value):
        if name == "alpha" and self._pieces and name not in self._pieces:
            raise AttributeError(
                f"this {type(self).__name__} has no weights: build it with alpha=ones, to set them, got {value!r}"
            )
        super().__setattr__(name, value)

    @property
    def formula(self):
        return f"{'−' if self.sign < 0 else ''}Aᵀ{'' if np.ndim(self.alpha) == 0 else 'diag(α)'}σ(Ax + b)"

    def potential(self, x):
        """V(x), shape (...); X = −∇V for sign −1 and X = +∇V for sign +1."""
        return (self.alpha * self.sigma.primitive(self.A(self.state(x)) + self.b)).sum(axis=-1)

    def potential_vjp(self, x):
        """V(x) and its pullback c, shape (...) ↦ (∂V/∂x)ᵀc, (∂V/∂θ)ᵀc."""
        x = self.state(x)
        z = self.A(x) + self.b
        s, gamma = self.sigma(z), self.sigma.primitive(z)

        def pullback(c):
            c = np.asarray(c)[..., None]
            u = c * self.alpha * s  # the covector at z
            dalpha = {"alpha": over_batch(c * gamma)} if "alpha" in self.slices else {}
            return self.A.adjoint(u), self.pack(A=self.A.outer(u, x), b=over_batch(u), **dalpha)

        return (self.alpha * gamma).sum(axis=-1), pullback

    def potential_jvp(self, x, v, dtheta=None):
        """V(x) and its tangent (∂V/∂x) v + (∂V/∂θ) dtheta, both of shape (...)."""
        x, d = self.state(x), self.unpack(dtheta)
        z, dz = self.A.jvp(x, self.tangent(v, x), d["A"])
        z = z + self.b
        gamma = self.sigma.primitive(z)
        dgamma = self.sigma(z) * (dz + d["b"])
        return (self.alpha * gamma).sum(axis=-1), (self.alpha * dgamma + d.get("alpha", 0.0) * gamma).sum(axis=-1)

    def __call__(self, x):
        return self.A.adjoint(self.sign * self.alpha * self.sigma(self.A(self.state(x)) + self.b))

    def vjp(self, x):
        x = self.state(x)
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)
        force = self.sign * self.alpha * s

        def pullback(w):
            w = self.covector(w, x)
            Aw = self.A(w)
            u = self.sign * self.alpha * slope * Aw  # the covector at z = A x + b
            dA = self.A.outer(u, x) + self.A.outer(force, w)  # A acts twice, so it is paid twice
            dalpha = {"alpha": self.sign * over_batch(s * Aw)} if "alpha" in self.slices else {}
            return self.A.adjoint(u), self.pack(A=dA, b=over_batch(u), **dalpha)

        return self.A.adjoint(force), pullback

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        z, dz = self.A.jvp(x, v, d["A"])
        s, slope = self.sigma.value_and_slope(z + self.b)
        ds = self.alpha * slope * (dz + d["b"]) + d.get("alpha", 0.0) * s
        return self.A.adjoint_jvp(self.sign * self.alpha * s, self.sign * ds, d["A"])

    def jacobian(self, x):
        """±Aᵀdiag(α σ′(A x + b))A, symmetric, shape (..., d, d)."""
        x = self.state(x)
        slope = self.sign * self.alpha * self.sigma.slope(self.A(x) + self.b)
        return self.A.adjoint(slope[..., None, :] * self.A(np.eye(self.dim, dtype=self.b.dtype)))

    def spectrum(self):
        """sign · α_i[σ′_min, σ′_max] · [s_min², s_max²]: the hull over i, times the eigenvalues of AᵀA."""
        self.sigma.require_bounds()
        slopes = self.sign * np.outer(np.atleast_1d(self.alpha), [self.sigma.slope_min, self.sigma.slope_max])
        eigenvalues = np.square(self.A.singular_range())
        ends = np.outer([slopes.min(), slopes.max()], eigenvalues)
        return float(ends.min()) + 0.0, float(ends.max()) + 0.0  # + 0.0 makes −0 a 0

    def lipschitz(self):
        """max |λ| over the spectrum: for the slides' field max|σ′| s_max²."""
        return max(map(abs, self.spectrum()))

    def one_sided_lipschitz(self):
        """μ = λ_max: −aᵀs_min² for slopes ≥ a ≥ 0 and sign −1."""
        return self.spectrum()[1]
