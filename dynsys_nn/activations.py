"""Activations Σ(z) = [σ(z₁), …, σ(z_n)], each with its slope σ′, its primitive γ (γ′ = σ) and the
bounds of its slope.

The primitive makes potentials and Hamiltonians, V(x) = Σᵢ γ(Ax + b)ᵢ; the bounds slope_min ≤ σ′ ≤
slope_max make Lipschitz constants. Values and slopes are stable for |z| up to 1e300, primitives up
to 1e150. Analytic activations take complex z.
"""

import math

import numpy as np

from .arguments import ACTIVATION, Described, Guarded, finite, refuse

__all__ = [
    "Activation", "Identity", "LeakyReLU", "ReLU", "ReLUSquared", "Sigmoid", "Sine", "Softplus",
    "Tanh",
]  # fmt: skip


class Activation(Described, metaclass=Guarded):
    """σ(z) with `slope`, `primitive`, `slope_min` and `slope_max`: a new one writes all five.

    `slope(z)` is σ′ and `primitive(z)` a γ with γ′ = σ, both entry by entry, of the shape of z.
    `analytic` is False if σ has no derivative in the complex sense, and so takes real z only.

    Examples
    --------
    >>> class Arctan(dnn.Activation):
    ...     slope_min, slope_max = 0.0, 1.0
    ...
    ...     def __call__(self, z):
    ...         return np.arctan(z)
    ...
    ...     def slope(self, z):
    ...         return 1 / (1 + z * z)
    ...
    ...     def primitive(self, z):
    ...         return z * np.arctan(z) - np.log1p(z * z) / 2
    >>> dnn.checks.activation(Arctan()).passed
    True
    >>> dnn.GradientField(dnn.Lift(2, 2), Arctan()).lipschitz()  # max |σ′| · ‖A‖², with A = I
    1.0
    """

    slope_min = slope_max = None
    analytic = True
    doors, operators = ACTIVATION, {}

    def __init_subclass__(cls):
        written = vars(cls).keys()
        for name in ("value_and_slope", "vjp"):  # they follow from a σ or σ′ that is written anew
            if name not in written and written & {"__call__", "slope", "value_and_slope"}:
                setattr(cls, name, getattr(Activation, name))

    def value_and_slope(self, z):
        """σ(z), σ′(z) of an array z, two arrays of its shape: one call where the two share work."""
        return self(z), self.slope(z)

    def vjp(self, z):
        """σ(z) and its pullback w ↦ σ′(z) w, for arrays of the shape of z: what is kept is the
        slope, or less if one writes it anew."""
        s, slope = self._value_and_slope(z)
        return s, lambda w: slope * w

    @property
    def lipschitz(self):
        """max |σ′|, the Lipschitz constant of Σ in every p-norm. NotImplementedError if the slope
        has no finite bounds."""
        self.require_bounds()
        return max(abs(self.slope_min), abs(self.slope_max))

    def require_bounds(self):
        """NotImplementedError unless the slope has finite bounds, ValueError if the lower one is
        above the upper one."""
        refuse(
            None in (self.slope_min, self.slope_max)
            or not np.isfinite([self.slope_min, self.slope_max]).all(),
            f"no bounds slope_min ≤ σ′ ≤ slope_max of {type(self).__name__} are known",
            NotImplementedError,
        )
        refuse(
            self.slope_min > self.slope_max,
            f"{type(self).__name__} needs slope_min ≤ slope_max, got {self.slope_min} and "
            f"{self.slope_max}",
        )


class Identity(Activation):
    """σ(z) = z, σ′ = 1, γ(z) = z²/2: what makes every field linear.

    Examples
    --------
    >>> X = dnn.HamiltonianField(dnn.Lift(2, 2), dnn.Identity())  # H = (q² + p²)/2
    >>> X(np.array([1.0, 2.0]))  # q̇ = p, ṗ = −q
    array([ 2., -1.])
    """

    slope_min = slope_max = 1.0

    def __call__(self, z):
        return z

    def slope(self, z):
        return np.ones_like(z)

    def primitive(self, z):
        return z * z / 2


class Tanh(Activation):
    """σ(z) = tanh z, σ′ = 1 − tanh² z ∈ [0, 1], γ(z) = log cosh z.

    Examples
    --------
    >>> sigma = dnn.Tanh()
    >>> sigma.slope(np.array([0.0, 1000.0]))
    array([1., 0.])
    >>> sigma.primitive(np.array([0.0, 1000.0])).round(3)  # 1000 − log 2, though cosh overflows
    array([  0.   , 999.307])
    """

    slope_min, slope_max = 0.0, 1.0

    def __call__(self, z):
        return np.tanh(z)

    def slope(self, z):
        return self._value_and_slope(z)[1]

    def value_and_slope(self, z):
        s = np.tanh(z)
        return s, 1 - s * s

    def vjp(self, z):
        s = np.tanh(z)

        def pullback(w):
            u = s * w
            u *= s
            return np.subtract(w, u, out=in_place(u))  # w − s²w

        return s, pullback

    def primitive(self, z):
        z = _to_the_right(z) * z  # log cosh is even
        return z + np.log1p(np.exp(-2 * z)) - math.log(2)


class Sigmoid(Activation):
    """σ(z) = 1/(1 + e⁻ᶻ), σ′ = σ(1 − σ) ∈ [0, ¼], γ(z) = log(1 + eᶻ).

    Examples
    --------
    >>> sigma, z = dnn.Sigmoid(), np.array([-1000.0, 0.0, 1000.0])
    >>> sigma(z)
    array([0. , 0.5, 1. ])
    >>> sigma.slope(z)
    array([0.  , 0.25, 0.  ])
    >>> sigma.lipschitz
    0.25
    """

    slope_min, slope_max = 0.0, 0.25

    def __call__(self, z):
        return self._value_and_slope(z)[0]

    def slope(self, z):
        return self._value_and_slope(z)[1]

    def value_and_slope(self, z):
        e = np.exp(-_to_the_right(z) * z)  # e^{−|z|} ≤ 1
        total = 1 + e
        return np.where(np.real(z) < 0, e, 1) / total, e / total**2  # = σ(1 − σ), no overflow

    def primitive(self, z):
        return Softplus()._value(z)


class ReLU(Activation):
    """σ(z) = max(z, 0), γ(z) = max(z, 0)²/2; at the kink the right derivative, σ′(0) = 1.

    Examples
    --------
    >>> sigma, z = dnn.ReLU(), np.array([-2.0, 0.0, 3.0])
    >>> sigma(z)
    array([0., 0., 3.])
    >>> sigma.slope(z)
    array([0., 1., 1.])
    >>> sigma.primitive(z)
    array([0. , 0. , 4.5])
    """

    slope_min, slope_max, analytic = 0.0, 1.0, False

    def __call__(self, z):
        return np.maximum(z, 0)

    def slope(self, z):
        return (z >= 0).astype(z.dtype)

    def vjp(self, z):
        right = z >= 0  # a byte per entry is kept
        return self._value(z), lambda w: right * w

    def primitive(self, z):
        return self._value(z) ** 2 / 2


class ReLUSquared(Activation):
    """σ(z) = max(z, 0)², σ′ = 2 max(z, 0), γ(z) = max(z, 0)³/3: with it, products and squares are
    networks, z² = σ(z) + σ(−z).

    Its slope has no upper bound, so no Lipschitz constant is known of a field that has it; beyond
    z = 1e154 its values overflow.

    Examples
    --------
    >>> sigma, z = dnn.ReLUSquared(), np.array([-2.0, 0.0, 3.0])
    >>> sigma(z)
    array([0., 0., 9.])
    >>> sigma.slope(z)
    array([0., 0., 6.])
    >>> A, B = dnn.Dense(2, 1, W=[[1], [-1]]), dnn.Dense(1, 2, W=[[-1, -1]])
    >>> dnn.ResidualField(A, sigma, B)(np.array([3.0]))  # ẋ = −x²
    array([-9.])
    """

    slope_min, slope_max, analytic = 0.0, np.inf, False

    def __call__(self, z):
        return np.maximum(z, 0) ** 2

    def slope(self, z):
        return 2 * np.maximum(z, 0)

    def primitive(self, z):
        return np.maximum(z, 0) ** 3 / 3


class LeakyReLU(Activation):
    """σ(z) = z for z ≥ 0 and a z for z < 0, γ(z) = z σ(z)/2; at the kink σ′(0) = 1.

    slope: a, a float, default 0.5, as in the lectures. ValueError if a is not finite.

    Examples
    --------
    >>> sigma = dnn.LeakyReLU(0.5)
    >>> sigma(np.array([-2.0, 3.0]))
    array([-1.,  3.])
    >>> X = dnn.GradientField(dnn.Lift(2, 2), sigma)
    >>> X.one_sided_lipschitz()  # σ′ ≥ ½: solutions approach each other as fast as e^{−t/2}
    -0.5
    """

    analytic = False

    def __init__(self, slope=0.5):
        self.a = finite(slope, "the slope of LeakyReLU")
        self.slope_min, self.slope_max = min(self.a, 1.0), max(self.a, 1.0)

    def arguments(self):
        return {"slope": self.a}

    def __call__(self, z):
        s = self.a * z
        return (np.maximum if self.a <= 1 else np.minimum)(z, s, out=in_place(s))

    def slope(self, z):
        return np.array([self.a, 1], z.dtype).take(z >= 0)

    def vjp(self, z):
        slopes, right = np.array([self.a, 1], z.dtype), z >= 0  # a byte per entry is kept
        return self._value(z), lambda w: slopes.take(right) * w

    def primitive(self, z):
        return z * self._value(z) / 2


class Softplus(Activation):
    """σ(z) = log(1 + eᶻ), σ′ = 1/(1 + e⁻ᶻ) ∈ [0, 1], γ(z) = −Li₂(−eᶻ).

    Examples
    --------
    >>> z = np.linspace(-50, 50, 101)
    >>> gap = dnn.Softplus()(z) - dnn.ReLU()(z)  # a smooth ReLU, and above it
    >>> bool((gap >= 0).all())
    True
    >>> round(float(gap.max()), 3)  # by log 2, at 0
    0.693
    """

    slope_min, slope_max = 0.0, 1.0

    def __call__(self, z):
        z_plus = np.where(np.real(z) < 0, 0, z)
        return z_plus + np.log1p(np.exp(-_to_the_right(z) * z))

    def slope(self, z):
        return Sigmoid()._value(z)

    def primitive(self, z):
        """−Li₂(−eᶻ); for z > 0 by the inversion Li₂(−eᶻ) + Li₂(−e⁻ᶻ) = −π²/6 − z²/2. scipy's
        spence(1 − u) is Li₂(u)."""
        from scipy.special import spence

        u = 1 + np.exp(-_to_the_right(z) * z)
        kind = np.result_type(np.complex128 if u.dtype.kind == "c" else np.float64)
        li2 = spence(u.astype(kind, copy=False)).astype(z.dtype)  # which knows no other dtype
        return np.where(np.real(z) < 0, -li2, math.pi**2 / 6 + z * z / 2 + li2)


class Sine(Activation):
    """σ(z) = sin z, σ′ = cos z ∈ [−1, 1], γ(z) = −cos z. Not monotone: its gradient fields need not
    contract.

    Examples
    --------
    >>> X = dnn.GradientField(dnn.Lift(1, 1), dnn.Sine())  # ẋ = −sin x
    >>> X.jacobian(np.array([[0.0], [np.pi]])).ravel()  # 0 attracts, and π repels
    array([-1.,  1.])
    >>> X.one_sided_lipschitz()
    1.0
    """

    slope_min, slope_max = -1.0, 1.0

    def __call__(self, z):
        return np.sin(z)

    def slope(self, z):
        return np.cos(z)

    def primitive(self, z):
        return -np.cos(z)


def in_place(u):
    """`out` of a ufunc that writes into an array u that was just made: None if u is a number."""
    return u if u.ndim else None


def _to_the_right(z):
    """±1, with the sign of Re z: what turns z into the right half plane, |z| for real z, and keeps
    formulas analytic."""
    return np.where(np.real(z) < 0, -1, 1).astype(np.int8)
