"""Derivatives of images, as differences of neighbouring pixels: what a partial differential
equation on a grid is made of.

Images are periodic, so that waves on the grid are multiplied by numbers. With ω = 2π(k/H, l/W) and
the differences D down and to the right,

    −Δ = DᵀD multiplies e^{iω·p} by (4/dx²)(sin²(ω₁/2) + sin²(ω₂/2)),

and the singular values of Δ are these numbers, those of D their roots.
"""

from fractions import Fraction

import numpy as np

from ..arguments import pixels, positive, refuse
from ..maps import outward, root
from .convolution import Convolution, size_of
from .map import LinearMap


class Stencil(LinearMap):
    """A map of an image to `channels_out` images, by differences of neighbours at a distance dx. As
    behind a Convolution, there is one bias for each channel."""

    channels_out = 1
    bias_size, spread, gather = Convolution.bias_size, Convolution.spread, Convolution.gather

    def __init__(self, image, dx=1.0):
        self.image, self.dx = pixels(image), positive(dx, "dx")
        refuse(not 1e-150 < self.dx < 1e150, f"1/dx² must be a number, got dx = {dx!r}")
        self.dim_in, self.dim_out = (size_of(n, self.image) for n in (1, self.channels_out))


class Laplacian(Stencil):
    """(Δu)(p) = (Σ_q u(q) − 4u(p))/dx², over the four pixels q around p: −DᵀD of PeriodicGradient.

    The heat equation u̇ = Δu is LinearField(A) with A this map; as a GradientField, of which
    contraction and energy are known, it takes PeriodicGradient. Constants are taken to 0.

    Parameters
    ----------
    image : pair of int
        (H, W), the pixels of an image, which is flat as a state, (..., H · W), and periodic.
    dx : float > 0, default 1.0
        The distance of two neighbours.

    Raises
    ------
    ValueError
        If dx is not positive, or 1/dx² no finite number.

    Examples
    --------
    >>> u = np.zeros((3, 3))
    >>> u[1, 1] = 1.0
    >>> A = dnn.Laplacian((3, 3), dx=0.5)
    >>> A(u.ravel()).reshape(3, 3)
    array([[  0.,   4.,   0.],
           [  4., -16.,   4.],
           [  0.,   4.,   0.]])
    >>> dnn.Laplacian((4, 4)).lipschitz()  # a chessboard
    8.0
    """

    formula = "Δx"

    def __call__(self, x):
        u = x.reshape(*x.shape[:-1], *self.image)
        around = sum(np.roll(u, s, axis) for s in (1, -1) for axis in (-2, -1))
        return ((around - 4 * u) / self.dx**2).reshape(x.shape)

    def adjoint(self, w):
        return self @ w

    def singular_range(self):
        """(0, s_max): of constants and of the shortest waves, 8/dx² if H and W are even."""
        return 0.0, outward(lambda c, dx: c / dx**2, fourth(self.image), self.dx)


class PeriodicGradient(Stencil):
    """Du(p) = (u(p + e₁) − u(p), u(p + e₂) − u(p))/dx, e₁ a pixel down, e₂ one to the right: the
    gradient of an image, two images behind each other.

    −Dᵀ is the divergence, and DᵀD = −Δ, so that the heat equation u̇ = Δu = −DᵀDu is a
    GradientField, GradientField(D, Identity()); with alpha, conductivities, it is u̇ = −Dᵀdiag(α)Du.
    Euler's steps of the former are non-expansive up to h = 2/‖D‖², dx²/4 if H and W are even: the
    condition of Courant, Friedrichs and Lewy.

    Parameters
    ----------
    image : pair of int
        (H, W), the pixels of an image, which is flat as a state, (..., H · W), and periodic.
    dx : float > 0, default 1.0
        The distance of two neighbours.

    Raises
    ------
    ValueError
        If dx is not positive, or 1/dx² no finite number.

    Examples
    --------
    >>> D = dnn.PeriodicGradient((2, 3))
    >>> D(np.array([1.0, 2.0, 4.0, 1.0, 2.0, 4.0])).reshape(2, 6)  # down, and to the right
    array([[ 0.,  0.,  0.,  0.,  0.,  0.],
           [ 1.,  2., -3.,  1.,  2., -3.]])
    >>> D = dnn.PeriodicGradient((40, 40), dx=0.1)
    >>> heat = dnn.GradientField(D, dnn.Identity())
    >>> round(dnn.Euler().non_expansive_step(heat), 9)  # dx²/4
    0.0025
    """

    formula, channels_out = "∇x", 2

    def __call__(self, x):
        u = x.reshape(*x.shape[:-1], *self.image)
        differences = [np.roll(u, -1, axis) - u for axis in (-2, -1)]
        return (np.stack(differences, axis=-3) / self.dx).reshape(*x.shape[:-1], self.dim_out)

    def adjoint(self, w):
        down, right = np.moveaxis(w.reshape(*w.shape[:-1], 2, *self.image), -3, 0)
        u = np.roll(down, 1, -2) - down + np.roll(right, 1, -1) - right
        return (u / self.dx).reshape(*w.shape[:-1], self.dim_in)

    def singular_range(self):
        """(0, s_max): of constants and of the shortest waves, √8/dx if H and W are even."""
        return 0.0, root(Fraction(fourth(self.image)) / Fraction(self.dx) ** 2)


def fourth(image):
    """4 max (sin²(ω₁/2) + sin²(ω₂/2)), rounded up: of an even number of pixels n the shortest wave
    has ω = π, of an odd one π(1 − 1/n)."""
    odd = [n for n in image if n % 2]
    sines = [np.cos(np.pi / (2 * n)) ** 2 * (1 + 4 * np.finfo(float).eps) for n in odd if n > 1]
    return outward(lambda *s: 4 * sum(s), *sines, *[1.0] * (2 - len(odd)))
