"""Activations Σ(z) = [σ(z₁), …, σ(z_n)], each with its slope σ′, its primitive γ (γ′ = σ) and the bounds of its slope.

The primitive makes potentials and Hamiltonians, V(x) = Σᵢ γ(Ax + b)ᵢ; the bounds slope_min ≤ σ′ ≤ slope_max make
Lipschitz constants. Values and slopes are stable for |z| up to 1e300, primitives up to 1e150. Analytic activations
take complex z.
"""

import math
from functools import cache

import numpy as np

from .maps import numbers, real


class Activation:
    """σ with `slope`, `primitive`, `slope_min` and `slope_max`. A new one writes these and σ(z) itself."""

    slope_min = slope_max = None

    def value_and_slope(self, z):
        """σ(z), σ′(z): one call where the two share work."""
        return self(z), self.slope(z)

    @property
    def lipschitz(self):
        """max |σ′|, the Lipschitz constant of Σ in every p-norm. NotImplementedError where no bounds are given."""
        self.require_bounds()
        return max(abs(self.slope_min), abs(self.slope_max))

    def require_bounds(self):
        """NotImplementedError unless the slope has finite bounds."""
        if None in (self.slope_min, self.slope_max) or not np.isfinite([self.slope_min, self.slope_max]).all():
            raise NotImplementedError(f"no bounds slope_min ≤ σ′ ≤ slope_max of {type(self).__name__} are known")

    def __repr__(self):
        return f"{type(self).__name__}()"


class Identity(Activation):
    """σ(z) = z, σ′ = 1, γ(z) = z²/2."""

    slope_min = slope_max = 1.0

    def __call__(self, z):
        return _numbers(z, self)

    def slope(self, z):
        return np.ones_like(_numbers(z, self))

    def primitive(self, z):
        z = _numbers(z, self)
        return z * z / 2


class Tanh(Activation):
    """σ(z) = tanh z, σ′ = 1 − tanh² z ∈ [0, 1], γ(z) = log cosh z."""

    slope_min, slope_max = 0.0, 1.0

    def __call__(self, z):
        return tanh(_numbers(z, self))

    def slope(self, z):
        return self.value_and_slope(z)[1]

    def value_and_slope(self, z):
        s = tanh(_numbers(z, self))
        return s, 1 - s * s

    def primitive(self, z):
        z = _numbers(z, self)
        z = _to_the_right(z) * z  # log cosh is even
        return z + np.log1p(np.exp(-2 * z)) - math.log(2)


class Sigmoid(Activation):
    """σ(z) = 1/(1 + e⁻ᶻ), σ′ = σ(1 − σ) ∈ [0, ¼], γ(z) = log(1 + eᶻ)."""

    slope_min, slope_max = 0.0, 0.25

    def __call__(self, z):
        return self.value_and_slope(z)[0]

    def slope(self, z):
        return self.value_and_slope(z)[1]

    def value_and_slope(self, z):
        z = _numbers(z, self)
        e = np.exp(-_to_the_right(z) * z)  # e^{−|z|} ≤ 1
        return np.where(np.real(z) < 0, e, 1) / (1 + e), e / (1 + e) ** 2

    def primitive(self, z):
        return Softplus()(z)


class ReLU(Activation):
    """σ(z) = max(z, 0), γ(z) = max(z, 0)²/2. At the kink the slope is the right derivative, σ′(0) = 1."""

    slope_min, slope_max = 0.0, 1.0

    def __call__(self, z):
        return np.maximum(_real(z, self), 0)

    def slope(self, z):
        z = _real(z, self)
        return (z >= 0).astype(z.dtype)

    def primitive(self, z):
        return self(z) ** 2 / 2


class LeakyReLU(Activation):
    """σ(z) = z for z ≥ 0 and a z for z < 0, γ(z) = z σ(z)/2, a = `slope` (the lectures take a = ½).

    At the kink the slope is the right derivative, σ′(0) = 1. ValueError where a is not finite.
    """

    def __init__(self, slope=0.5):
        if math.isnan(real(slope)):
            raise ValueError(f"LeakyReLU needs a finite slope, got {slope!r}")
        self.a = float(slope)
        self.slope_min, self.slope_max = min(self.a, 1.0), max(self.a, 1.0)

    def __call__(self, z):
        return self.value_and_slope(z)[0]

    def slope(self, z):
        z = _real(z, self)
        return np.array([self.a, 1], z.dtype).take(z >= 0)

    def value_and_slope(self, z):
        slope = self.slope(z)
        return slope * z, slope

    def primitive(self, z):
        z = _real(z, self)
        return z * self(z) / 2

    def arguments(self):
        """What builds it again."""
        return {"slope": self.a}

    def __repr__(self):
        return f"LeakyReLU({self.a:g})"


class Softplus(Activation):
    """σ(z) = log(1 + eᶻ), σ′ = 1/(1 + e⁻ᶻ) ∈ [0, 1], γ(z) = −Li₂(−eᶻ)."""

    slope_min, slope_max = 0.0, 1.0

    def __call__(self, z):
        z = _numbers(z, self)
        z_plus = np.where(np.real(z) < 0, 0, z)
        return z_plus + np.log1p(np.exp(-_to_the_right(z) * z))

    def slope(self, z):
        return Sigmoid()(z)

    def primitive(self, z):
        """−Li₂(−eᶻ); for z > 0 by the inversion Li₂(−eᶻ) + Li₂(−e⁻ᶻ) = −π²/6 − z²/2. scipy's spence(1 − u) is Li₂(u)."""
        from scipy.special import spence

        z = _numbers(z, self)
        li2 = spence(1 + np.exp(-_to_the_right(z) * z))
        return np.where(np.real(z) < 0, -li2, math.pi**2 / 6 + z * z / 2 + li2)


class Sine(Activation):
    """σ(z) = sin z, σ′ = cos z ∈ [−1, 1], γ(z) = −cos z. Not monotone: its gradient fields need not contract."""

    slope_min, slope_max = -1.0, 1.0

    def __call__(self, z):
        return np.sin(_numbers(z, self))

    def slope(self, z):
        return np.cos(_numbers(z, self))

    def primitive(self, z):
        return -np.cos(_numbers(z, self))


STEPS = 256  # of the table of tanh, between two integers
CHUNK = 2**14  # numbers that are in the cache together


def tanh(z):
    """tanh z, by numpy for small arrays and wherever that is fast, otherwise from a table."""
    z = np.asarray(z)
    if z.size < 2048 or z.dtype != float or not numpys_is_slow():
        return np.tanh(z)
    z = np.ascontiguousarray(z)
    s = np.empty_like(z)
    for k in range(0, z.size, CHUNK):
        tanh_by_table(z.reshape(-1)[k : k + CHUNK], out=s.reshape(-1)[k : k + CHUNK])
    return s


def tanh_by_table(z, out):
    """out ← tanh z by the addition theorem, tanh(a + r) = (tanh a + tanh r)/(1 + tanh a tanh r), with a the nearest multiple of
    1/256, whose tanh is in a table, and tanh r = r − r³/3 + 2r⁵/15 to rounding."""
    r = np.minimum(z, 20)
    np.maximum(r, -20, out=r)  # beyond, tanh is ±1
    a = STEPS * r
    np.rint(a, out=a)
    with np.errstate(invalid="ignore"):  # a NaN has no place in the table, and stays one in r
        place = a.astype(np.intp)
    place += 20 * STEPS
    a *= 1 / STEPS
    r -= a
    u = np.multiply(r, r, out=a)
    t = u * (2 / 15)
    t -= 1 / 3
    t *= u
    t *= r
    t += r
    a = table().take(place, mode="clip", out=r)
    u = np.multiply(a, t, out=u)
    u += 1
    a += t
    np.divide(a, u, out=out)


@cache
def numpys_is_slow():
    """True where numpy has no AVX-512 code for tanh, and takes three times as long. It cannot say so before version 2.1."""
    if not hasattr(np.lib, "introspect"):
        return False
    [signatures] = np.lib.introspect.opt_func_info(func_name="^tanh$").values()
    return any(level in signatures["dd"]["current"] for level in ("X86_V3", "AVX2"))


@cache
def table():
    """tanh of the multiples of 1/256 in [−20, 20]."""
    return np.tanh(np.arange(-20 * STEPS, 20 * STEPS + 1) / STEPS)


def _to_the_right(z):
    """±1, with the sign of Re z: what turns z into the right half plane, |z| for real z, and keeps formulas analytic."""
    return np.where(np.real(z) < 0, -1, 1).astype(np.int8)


def _numbers(z, sigma):
    return z if type(z) is np.ndarray and z.dtype.kind in "fc" else numbers(z, f"{sigma} acts on")


def _real(z, sigma):
    z = _numbers(z, sigma)
    if z.dtype.kind == "c":
        raise TypeError(f"{sigma} is not analytic and takes real arguments only, got complex ones")
    return z
