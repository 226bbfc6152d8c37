"""Projection: any method, then back to the level set of an invariant."""

import numpy as np

from ..arguments import instance
from ..fields import given_invariant, looked_at, words_of
from .method import Method
from .newton import NotConverged, newton, norm


class Projected(Method):
    """y = ỹ + λ∇I(ỹ), ỹ = Ψ^h(x), with the λ for which I(y) = I(x), by Newton's method from 0: any
    method keeps any invariant.

    The order is that of the method. With n = ∇I(y) and g = ∇I(ỹ), the implicit function theorem for
    λ gives the adjoint

        c = ⟨w, g⟩/⟨n, g⟩,   u = w − cn,   (∂y/∂ỹ)ᵀw = u + λ∇²I(ỹ)u,   (∂y/∂x)ᵀw = c∇I(x)

    It keeps I on any field, whether its flow does or not. method: any Method; invariant: an object
    with I(x), I.gradient(x) and I.hvp(x, v), without parameters: for the learned H of a
    HamiltonianField take DiscreteGradient. NotConverged if Newton's method finds no λ. Source:
    Hairer, Lubich and Wanner, Geometric Numerical Integration, chapter IV.4 (2006).

    Examples
    --------
    Euler's method leaves the circle along the tangent; from there it goes back along the radius:

    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0])
    >>> dnn.Euler().step(X, x, h=0.75)
    array([ 1.  , -0.75])
    >>> dnn.Projected(dnn.Euler(), dnn.SquaredNorm()).step(X, x, h=0.75).round(12)
    array([ 0.8, -0.6])
    """

    def __init__(self, method, invariant):
        self.method = instance(method, Method, "Projected takes a method such as RK4()")
        self.invariant = given_invariant(invariant)
        self.I = looked_at(invariant)

    @property
    def order(self):
        """That of the method."""
        return self.method.order

    def require(self, field):
        self.method.require(field)

    def kept(self, field):
        """I alone."""
        return {min(words_of(self.invariant)): self.invariant}

    def step(self, field, x, h):
        return self.project(self.method._step(field, x, h), x, h)[0]

    def project(self, y, x, h):
        """ỹ ↦ y, λ, by λ ← λ − (I(ỹ + λg) − I(x))/⟨∇I(ỹ + λg), g⟩."""
        I, shape = self.I, y.shape
        y, level = y.reshape(-1, shape[-1]), np.reshape(I(x), (-1, 1))
        g = I.gradient(y)
        eps, size = np.finfo(y.dtype).eps, np.linalg.norm(y, axis=-1) * np.linalg.norm(g, axis=-1)

        def equations(t, k, _):
            y_k, g_k, goal = y[k], g[k], level[k]
            if t < 1:
                goal = t * goal + (1 - t) * I(y_k)[:, None]
            return (
                lambda j, lam: I(y_k[j] + lam * g_k[j])[:, None] - goal[j],
                lambda j, lam, gap: (
                    gap
                    * inverse(
                        (I.gradient(y_k[j] + lam * g_k[j]) * g_k[j]).sum(axis=-1, keepdims=True)
                    )
                ),
                lambda _: 1e4 * eps * (np.abs(level[k, 0]) + size[k]),
            )

        start = np.zeros(level.shape, np.result_type(level, y))
        lam = newton(equations, start, (self, h, "|I(ỹ + λ∇I(ỹ)) − I(x)|"))
        y = y + lam * g
        gap, size = np.abs(I(y)[:, None] - level)[:, 0], norm(y) * norm(I.gradient(y))
        far = gap > 1e4 * eps * (np.abs(level[:, 0]) + size)
        if far.any():
            k = np.argmax(far)
            raise NotConverged(
                f"{self!r}: a step h = {h:g} leads so far from the level set of state number {k} "
                f"of the batch that |I(y) − I(x)| = {gap[k]:.2g} is left; take a smaller step"
            )
        return y.reshape(shape), lam.reshape(shape[:-1])

    def linearised(self, y_tilde, x, h):
        """y, λ, g = ∇I(ỹ), n = ∇I(y) and 1/⟨n, g⟩: 0 if that vanishes, at rest, as if λ did not
        depend on ỹ."""
        y, lam = self.project(y_tilde, x, h)
        g, n = self.I.gradient(y_tilde), self.I.gradient(y)
        return y, lam, g, n, inverse((n * g).sum(axis=-1)).astype(y.dtype)

    def vjp(self, field, x, h):
        I = self.I
        y_tilde, pullback_step = self.method._vjp(field, x, h)
        y, lam, g, n, r = self.linearised(y_tilde, x, h)

        def pullback(w):
            c = ((w * g).sum(axis=-1) * r)[..., None]
            u = w - c * n
            dx, dtheta, dh = pullback_step(u + lam[..., None] * I.hvp(y_tilde, u))
            return dx + c * I.gradient(x), dtheta, dh

        return y, pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        I = self.I
        y_tilde, u = self.method._jvp(field, x, h, v, dtheta, dh)
        y, lam, g, n, r = self.linearised(y_tilde, x, h)
        u = u + lam[..., None] * I.hvp(y_tilde, u)
        dlam = ((I.gradient(x) * v).sum(axis=-1) - (n * u).sum(axis=-1)) * r
        return y, u + dlam[..., None] * g


def inverse(a):
    """1/a, and 0 where a = 0, or nearly so, so that 1/a overflows."""
    nothing = np.abs(a) < 4 * np.finfo(a.dtype).tiny
    return np.where(nothing, 0, 1 / np.where(nothing, 1, a))
