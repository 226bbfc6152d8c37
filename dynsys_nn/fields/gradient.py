"""ẋ = ∓∇V(x): contraction (and with V convex, descent to its minimum)."""

import numpy as np

from ..activations import Tanh
from ..arguments import finite, generator, parameter, real, refuse
from ..linear import Dense
from ..maps import Map, hull, over_batch, require_finite
from .field import Field, activation_part, linear_part, with_bias, zero_bias


class GradientField(Field):
    """X(x) = ∓Aᵀdiag(α)σ(A x + b) = ∓∇V(x) with V(x) = Σᵢ αᵢγ(A x + b)ᵢ, γ′ = σ.

    With sign −1, σ increasing and α ≥ 0, V is convex, and two solutions of ẋ = X(x) never move
    apart. Without alpha and with σ increasing X is monotone: to represent a force that is not (a
    pendulum's, say), give alpha entries of both signs. Parameters θ: "A", "b" (k,), which starts at
    0, "alpha" if given. On a Convolution b has one number for each channel, (channels,), and alpha
    one for each of the k: if learned, it undoes that all pixels are treated alike.

    Parameters
    ----------
    A : LinearMap, d → k
        Such as Dense(k, d).
    sigma : Activation
        σ.
    sign : −1 or 1, default -1
        −1 for descent, 1 for ascent.
    alpha : array, shape (k,), default None
        Learned weights; None: ones, which are not learned.

    Examples
    --------
    >>> X = dnn.GradientField.random(3, width=8, rng=0)
    >>> x, y = np.array([1.0, 0.0, 2.0]), np.array([-1.0, 3.0, 0.5])
    >>> bool((X(x) - X(y)) @ (x - y) <= 0)  # so ‖x(t) − y(t)‖ never grows
    True
    >>> h = 2 / X.lipschitz()
    >>> round(dnn.Flow(X, h).lipschitz(), 9)  # Euler's method keeps that up to this step
    1.0
    >>> round(dnn.Flow(X, 2 * h).lipschitz(), 9)
    3.0
    """

    is_gradient, has_spectrum = True, True

    def __init__(self, A, sigma, sign=-1, alpha=None):
        A, sigma = linear_part(A, "A"), activation_part(sigma)
        refuse(real(sign) not in (-1, 1), f"sign must be −1 (descent) or +1 (ascent), got {sign!r}")
        self.dim_in = self.dim_out = A.dim_in
        self.sigma, self.sign, b = sigma, int(sign), zero_bias(A)
        if alpha is None:
            self.alpha = 1.0
        else:
            alpha = parameter(alpha, (A.dim_out,), "alpha of GradientField", b.dtype)
        self.own(A=A, b=b, alpha=alpha)

    @classmethod
    def random(cls, dim, width, sigma=Tanh(), sign=-1, alpha=None, bias=0.0, rng=None, dtype=float):
        """A GradientField with A: ℝᵈ → ℝᵏ dense, and b ~ N(0, bias²).

        Parameters
        ----------
        dim, width : int
            d and k.
        sigma : Activation, default Tanh()
            σ.
        sign : −1 or 1, default -1
            −1 for descent, 1 for ascent.
        alpha : float, default None
            α ~ N(0, alpha²), shape (k,); None: no weights.
        bias : float, default 0.0
            Standard deviation of b.
        rng : Generator or int, default None
            What A, α and b are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        rng = generator(rng)
        A = Dense(width, dim, rng=rng, dtype=dtype)
        return with_bias(cls(A, sigma, sign, random_weights(alpha, A.dim_out, rng)), bias, rng)

    def arguments(self):
        """What builds it again, but for θ."""
        alpha = None if "alpha" in self._missing else np.zeros_like(self.alpha)
        return {"A": self.A, "sigma": self.sigma, "sign": self.sign, "alpha": alpha}

    @property
    def formula(self):
        weights = "" if "alpha" in self._missing else "diag(α)"
        return f"{'−' if self.sign < 0 else ''}Aᵀ{weights}σ(Ax + b)"

    def potential(self, x):
        """V(x), shape (...); X = −∇V for sign −1 and X = +∇V for sign +1."""
        z = self.A @ x + self.A.spread(self.b)
        return (self.alpha * self.sigma._primitive(z)).sum(axis=-1)

    def __call__(self, x):
        s = self.sigma._value(self.A @ x + self.A.spread(self.b))
        return self.sign * (self._weighted(s) @ self.A)

    def _weighted(self, s):
        """diag(α)s."""
        return s if "alpha" in self._missing else self.alpha * s

    def vjp(self, x):
        s, pullback_sigma = self.sigma._vjp(self.A @ x + self.A.spread(self.b))
        force = self._weighted(s)

        def pullback(w):
            w = self.sign * w
            Aw = self.A @ w
            u = pullback_sigma(self._weighted(Aw))  # the covector at z = A x + b
            dA = self.A.outer(u, x) + self.A.outer(force, w)  # A acts twice, so it is paid twice
            db = self.A.gather(over_batch(u))
            dalpha = None if "alpha" in self._missing else over_batch(s * Aw)
            return u @ self.A, self.pack(A=dA, b=db, alpha=dalpha)

        return self.sign * (force @ self.A), pullback

    def jvp(self, x, v, dtheta=None):
        d, spread = self.unpack(dtheta), self.A.spread
        z, dz = self.A._jvp(x, v, d["A"])
        s, slope = self.sigma._value_and_slope(z + spread(self.b))
        ds = self.alpha * slope * (dz + spread(d["b"])) + d["alpha"] * s
        return self.A.adjoint_jvp(self.sign * self.alpha * s, self.sign * ds, d["A"])

    def jacobian(self, x):
        """±Aᵀdiag(α σ′(A x + b))A, symmetric, shape (..., d, d)."""
        z = self.A @ x + self.A.spread(self.b)
        slope = self.sign * self.alpha * self.sigma._slope(z)
        return (slope[..., None, :] * (self.A @ np.eye(self.dim, dtype=self.b.dtype))) @ self.A

    def spectrum(self):
        """sign · α_i[σ′_min, σ′_max] · [s_min², s_max²]: the hull over i, times the eigenvalues of
        AᵀA."""
        require_finite(self)
        self.sigma.require_bounds()
        alpha, slopes = np.atleast_1d(self.alpha), [self.sigma.slope_min, self.sigma.slope_max]
        s = self.A.singular_range()
        return hull([self.sign], [alpha.min(), alpha.max()], slopes, s, s)

    def lipschitz(self):
        """max |λ| over the spectrum: for the lecture's field max|σ′| s_max²."""
        return max(map(abs, self.spectrum()))

    def one_sided_lipschitz(self):
        """μ = λ_max: −a s_min² for slopes ≥ a ≥ 0 and sign −1."""
        return self.spectrum()[1]


class Potential(Map):
    """V(x) = Σᵢ αᵢγ(A x + b)ᵢ of a GradientField, one number per state, (..., d) → (...), as a map.
    Its θ is that of the field."""

    formula, naming, dim_out = "Σ αγ(Ax + b)", "inner", ()

    def __init__(self, field):
        self.dim_in = field.dim
        self.own(field=field)

    def __call__(self, x):
        return self.field._potential(x)

    def vjp(self, x):
        X = self.field
        z = X.A @ x + X.A.spread(X.b)
        s, gamma = X.sigma._value(z), X.sigma._primitive(z)

        def pullback(c):
            c = np.asarray(c)[..., None]
            u = c * X.alpha * s  # the covector at z
            db = X.A.gather(over_batch(u))
            dalpha = None if "alpha" in X._missing else over_batch(c * gamma)
            return u @ X.A, X.pack(A=X.A.outer(u, x), b=db, alpha=dalpha)

        return (X.alpha * gamma).sum(axis=-1), pullback

    def jvp(self, x, v, dtheta=None):
        X = self.field
        d, spread = X.unpack(dtheta), X.A.spread
        z, dz = X.A._jvp(x, v, d["A"])
        z = z + spread(X.b)
        gamma, dgamma = X.sigma._primitive(z), X.sigma._value(z) * (dz + spread(d["b"]))
        dV = X.alpha * dgamma + d["alpha"] * gamma
        return (X.alpha * gamma).sum(axis=-1), dV.sum(axis=-1)


def random_weights(alpha, width, rng):
    """α ~ N(0, alpha²), (width,), or None if alpha is None."""
    return None if alpha is None else finite(alpha, "alpha") * rng.normal(size=width)
