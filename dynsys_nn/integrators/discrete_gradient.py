"""Gonzalez's discrete gradient method: the implicit midpoint rule, corrected so that it keeps any invariant."""

import numpy as np

from ..fields import GivenInvariant, SkewGradientField, invariant_object, kept_invariant, words_of
from .implicit import ImplicitMethod, norm


class DiscreteGradient(ImplicitMethod):
    """y = x + hS(m)∇̄I(x, y), m = (x + y)/2, for ẋ = S(x)∇I(x): keeps I, whatever it is. Order two, symmetric.

        ∇̄I(x, y) = ∇I(m) + c(y − x),   c = (I(y) − I(x) − ⟨∇I(m), y − x⟩)/‖y − x‖²

    so that ⟨∇̄I, y − x⟩ = I(y) − I(x) = h∇̄IᵀS∇̄I = 0. For quadratic I, c = 0 and it is the implicit midpoint rule.

    An InvariantField has its S and I, and a HamiltonianField S = J and I = H. For any other field with an invariant,
    give it: `DiscreteGradient(I)` takes S = (X∇Iᵀ − ∇IXᵀ)/‖∇I‖². TypeError for a field of neither kind.
    Source: Gonzalez, J. Nonlinear Sci. 6 (1996); McLachlan, Quispel and Robidoux, Phil. Trans. R. Soc. A 357 (1999).
    """

    order, symmetric = 2, True
    rounding = 1e6  # the rounding of I(y) − I(x) is divided by ‖y − x‖

    def __init__(self, invariant=None):
        self.invariant = None if invariant is None else invariant_object(invariant)

    def require(self, field):
        super().require(field)
        if self.invariant is None and not isinstance(field, SkewGradientField):
            raise TypeError(
                "DiscreteGradient needs a field S(x)∇I(x), an InvariantField or a HamiltonianField, or its invariant, "
                f"DiscreteGradient(I); got a {type(field).__name__}"
            )

    def _form(self, field):
        return field if self.invariant is None else SkewForm(field, self.invariant)

    def increment(self, field, x, y):
        form, m, delta = self._form(field), (x + y) / 2, y - x
        n = form.dI(m)
        c, _ = self._c(form.I(x), form.I(y), n, delta, m)
        return form.S(m, n + c[..., None] * delta)

    @staticmethod
    def _c(I_x, I_y, n, delta, m):
        """c = e/‖δ‖², e = I(y) − I(x) − ⟨n, δ⟩ = O(‖δ‖³), and q = 1/‖δ‖².

        Both are 0 where δ is rounding, and c is where e is: for ‖δ‖ below eps^{1/3} = 6e-6 times min(1, ‖m‖).
        """
        size, scale, info = norm(delta), np.minimum(norm(m), 1), np.finfo(delta.dtype)
        none = size <= info.eps ** (1 / 2) * scale + info.tiny ** (1 / 2)
        q = np.where(none, 0, 1 / np.where(none, 1, (delta * delta).sum(axis=-1))).astype(delta.dtype)
        e = np.where(none | (size <= info.eps ** (1 / 3) * scale), 0, I_y - I_x - (n * delta).sum(axis=-1))
        return e * q, q

    def increment_vjp(self, field, x, y):
        form, m, delta = self._form(field), (x + y) / 2, y - x
        (n, back_n), (I_x, back_x), (I_y, back_y) = form.dI_vjp(m), form.I_vjp(x), form.I_vjp(y)
        c, q = self._c(I_x, I_y, n, delta, m)
        value, back_S = form.S_vjp(m, n + c[..., None] * delta)

        def pullback(w):
            dm_S, dg, dtheta_S = back_S(w)  # g = n + cδ
            de = (dg * delta).sum(axis=-1) * q
            dn = dg - de[..., None] * delta
            ddelta = c[..., None] * dg - de[..., None] * n - (2 * c * de)[..., None] * delta
            dm_n, dtheta_n = back_n(dn)
            (dx, dtheta_x), (dy, dtheta_y) = back_x(-de), back_y(de)
            half = (dm_S + dm_n) / 2
            return dx + half - ddelta, dy + half + ddelta, dtheta_S + dtheta_n + dtheta_x + dtheta_y

        return value, pullback

    def increment_jvp(self, field, x, y, dx, dy, dtheta=None):
        form, m, delta, dm, ddelta = self._form(field), (x + y) / 2, y - x, (dx + dy) / 2, dy - dx
        n, dn = form.dI_jvp(m, dm, dtheta)
        (I_x, dI_x), (I_y, dI_y) = form.I_jvp(x, dx, dtheta), form.I_jvp(y, dy, dtheta)
        c, q = self._c(I_x, I_y, n, delta, m)
        de = dI_y - dI_x - (dn * delta + n * ddelta).sum(axis=-1)
        dc = q * (de - 2 * c * (delta * ddelta).sum(axis=-1))
        g, dg = n + c[..., None] * delta, dn + dc[..., None] * delta + c[..., None] * ddelta
        return form.S_jvp(m, g, dm, dg, dtheta)

    def preserves(self, field):
        """Mass, norm or the invariant, where it is that of the field; the energy of a Hamiltonian field."""
        self.require(field)
        if self.invariant is not None:
            return kept_invariant(self.invariant, field)
        own = words_of(field.invariant) if hasattr(field, "invariant") else {"energy", "invariant"}
        return frozenset(field.keeps) & own

    def __repr__(self):
        return f"DiscreteGradient({'' if self.invariant is None else type(self.invariant).__name__})"


class SkewForm(GivenInvariant):
    """A field X with an invariant I, written S∇I with S(p) = (X(p)gᵀ − gX(p)ᵀ)/‖g‖², g = ∇I(p); 0 where g = 0.

    S∇I = X − g⟨g, X⟩/‖g‖² = X, since X keeps I.
    """

    def __init__(self, field, invariant):
        self.field, self.invariant = field, invariant

    def S(self, p, n):
        X, g = self.field(p), self.invariant.gradient(p)
        return (X * dot(g, n) - g * dot(X, n)) / square(g)

    def S_vjp(self, p, n):
        (X, back), g = self.field.vjp(p), self.invariant.gradient(p)
        gg, gn, Xn = square(g), dot(g, n), dot(X, n)
        value = (X * gn - g * Xn) / gg

        def pullback(w):
            w = w / gg
            gw, Xw = dot(g, w), dot(X, w)
            dX, dg = gn * w - gw * n, Xw * n - Xn * w - 2 * dot(value, w) * g
            dp, dtheta = back(dX)
            return dp + self.invariant.hvp(p, dg), Xw * g - gw * X, dtheta

        return value, pullback

    def S_jvp(self, p, n, dp, dn, dtheta=None):
        (X, dX), g, dg = self.field.jvp(p, dp, dtheta), self.invariant.gradient(p), self.invariant.hvp(p, dp)
        gg, gn, Xn = square(g), dot(g, n), dot(X, n)
        value = (X * gn - g * Xn) / gg
        moved = dX * gn + X * (dot(dg, n) + dot(g, dn)) - dg * Xn - g * (dot(dX, n) + dot(X, dn))
        return value, (moved - 2 * dot(g, dg) * value) / gg


def dot(a, b):
    """⟨a, b⟩ over the last axis, which stays: shape (..., 1)."""
    return (a * b).sum(axis=-1, keepdims=True)


def square(g):
    """‖g‖², shape (..., 1), and infinity where g = 0."""
    gg = dot(g, g)
    return np.where(gg == 0, np.inf, gg).astype(gg.dtype)
