"""Projection: any method, then back to the level set of an invariant."""

import numpy as np

from ..fields import invariant_object, kept_invariant
from .implicit import NotConverged
from .method import Method


class Projected(Method):
    """y = ỹ + λ∇I(ỹ), ỹ = Ψ^h(x), with the λ for which I(y) = I(x), by Newton's method from 0: any method keeps any invariant.

    The order is that of the method. With n = ∇I(y) and g = ∇I(ỹ), the implicit function theorem for λ gives the
    adjoint

        c = ⟨w, g⟩/⟨n, g⟩,   u = w − cn,   (∂y/∂ỹ)ᵀw = u + λ∇²I(ỹ)u,   (∂y/∂x)ᵀw = c∇I(x)

    invariant: an object with I(x), I.gradient(x), I.hvp(x, v), without parameters: for the learned H of a
    HamiltonianField take DiscreteGradient. NotConverged where Newton's method finds no λ.
    Source: Hairer, Lubich and Wanner, Geometric Numerical Integration, chapter IV.4 (2006).
    """

    def __init__(self, method, invariant):
        if not isinstance(method, Method):
            raise TypeError(f"Projected takes a method such as RK4(), got {method!r}")
        self.inner, self.invariant = method, invariant_object(invariant)

    def arguments(self):
        """What builds it again."""
        return {"method": self.inner, "invariant": self.invariant}

    @property
    def order(self):
        return self.inner.order

    def require(self, field):
        self.inner.require(field)

    def step(self, field, x, h):
        self.require(field)
        return self._project(self.inner.step(field, x, h), field.state(x), h)[0]

    def _project(self, y, x, h):
        """ỹ ↦ y, λ, by Newton's method in λ until |I(ỹ + λg) − I(x)| stops falling."""
        I, g = self.invariant, self.invariant.gradient(y)
        level, lam = I(x), np.zeros(y.shape[:-1], y.dtype)
        projected, gap = y, I(y) - level
        rounding = (
            1e4 * np.finfo(y.dtype).eps * (np.abs(level) + np.linalg.norm(y, axis=-1) * np.linalg.norm(g, axis=-1))
        )
        c = np.ones_like(gap.real)  # a step that does not help is halved
        for _ in range(100):
            slope = (I.gradient(projected) * g).sum(axis=-1)
            lam_new = lam - c * np.where(gap == 0, 0, gap / np.where(slope == 0, 1, slope))
            y_new = y + lam_new[..., None] * g
            gap_new = I(y_new) - level
            better = np.abs(gap_new) < np.abs(gap)
            lam, gap = np.where(better, lam_new, lam), np.where(better, gap_new, gap)
            projected, c = np.where(better[..., None], y_new, projected), np.where(better, 1.0, c / 2)
            if not (better | ((np.abs(gap) > rounding) & (c > 1e-6))).any():
                break
        failed = ~(np.abs(gap) <= rounding)
        if failed.any():
            k = np.argmax(failed)
            raise NotConverged(
                f"{self!r}: no λ found with I(ỹ + λ∇I(ỹ)) = I(x) after a step h = {h:g} from state number {k} of the batch: "
                f"|I(y) − I(x)| is {np.abs(gap).ravel()[k]:.2g}; take a smaller step"
            )
        for _ in range(2 if np.iscomplexobj(y) else 0):  # imaginary parts far below the real ones' rounding
            slope = (I.gradient(projected) * g).sum(axis=-1)
            lam = lam - (I(projected) - level) / np.where(slope == 0, 1, slope)
            projected = y + lam[..., None] * g
        return projected, lam

    def _gradients(self, y_inner, x, h):
        """y, λ, g = ∇I(ỹ), n = ∇I(y) and 1/⟨n, g⟩: 0 where that vanishes, at rest, as if λ did not depend on ỹ."""
        y, lam = self._project(y_inner, x, h)
        g, n = self.invariant.gradient(y_inner), self.invariant.gradient(y)
        ng = (n * g).sum(axis=-1)
        return y, lam, g, n, np.where(ng == 0, 0, 1 / np.where(ng == 0, 1, ng)).astype(y.dtype)

    def vjp(self, field, x, h):
        self.require(field)
        x, I = field.state(x), self.invariant
        y_inner, pullback_inner = self.inner.vjp(field, x, h)
        y, lam, g, n, r = self._gradients(y_inner, x, h)

        def pullback(w):
            w = field.covector(w, x)
            c = ((w * g).sum(axis=-1) * r)[..., None]
            u = w - c * n
            dx, dtheta, dh = pullback_inner(u + lam[..., None] * I.hvp(y_inner, u))
            return dx + c * I.gradient(x), dtheta, dh

        return y, pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        self.require(field)
        x, I = field.state(x), self.invariant
        v = field.tangent(v, x)
        y_inner, u = self.inner.jvp(field, x, h, v, dtheta, dh)
        y, lam, g, n, r = self._gradients(y_inner, x, h)
        u = u + lam[..., None] * I.hvp(y_inner, u)
        dlam = ((I.gradient(x) * v).sum(axis=-1) - (n * u).sum(axis=-1)) * r
        return y, u + dlam[..., None] * g

    def preserves(self, field):
        """The word of the invariant, where the field keeps it."""
        self.require(field)
        return kept_invariant(self.invariant, field)

    def __repr__(self):
        return f"Projected({self.inner!r}, {type(self.invariant).__name__})"
