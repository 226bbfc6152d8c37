"""Gonzalez's discrete gradient method: the implicit midpoint rule, corrected so that it keeps any
invariant."""

import numpy as np

from ..arguments import refuse, same
from ..fields import GradientOf, SkewGradientField, ValueOf, given_invariant, looked_at
from .implicit import ImplicitMethod, Increment
from .newton import NotConverged, norm


class DiscreteGradient(ImplicitMethod):
    """y = x + hS(m)∇̄I(x, y), m = (x + y)/2, for ẋ = S(x)∇I(x): keeps I, whatever it is. Order two,
    symmetric.

        ∇̄I(x, y) = ∇I(m) + c(y − x),   c = (I(y) − I(x) − ⟨∇I(m), y − x⟩)/‖y − x‖²

    so that ⟨∇̄I, y − x⟩ = I(y) − I(x) = h∇̄IᵀS∇̄I = 0. For quadratic I, c = 0 and it is the
    implicit midpoint rule.

    An InvariantField has its S and I, and a HamiltonianField S = J and I = H; for them leave
    `invariant` at its default None. For any other field with an invariant, give it, without
    parameters: `DiscreteGradient(I)` takes S = (X∇Iᵀ − ∇IXᵀ)/‖∇I‖². If X does not keep I after all,
    that is another field, S∇I = X − ∇I⟨∇I, X⟩/‖∇I‖², which does: take Projected for the flow of X
    itself. TypeError for a field of neither kind; NotConverged at a state where ∇I is 0 and X is
    not, since there is no S then. Sources: Gonzalez, J. Nonlinear Sci. 6 (1996); McLachlan, Quispel
    and Robidoux, Phil. Trans. R. Soc. A 357 (1999).

    Examples
    --------
    >>> X = dnn.systems.pendulum()
    >>> H = X.invariants["energy"]
    >>> y = dnn.DiscreteGradient(H).step(X, X.x0, h=1.0)
    >>> bool(abs(H(y) - H(X.x0)) < 1e-14)
    True
    >>> z = dnn.ImplicitMidpoint().step(X, X.x0, h=1.0)
    >>> print((H(z) - H(X.x0)).round(3))
    0.004
    """

    order, symmetric = 2, True
    rounding = 1e6  # the rounding of I(y) − I(x) is divided by ‖y − x‖

    def __init__(self, invariant=None):
        self.invariant = None if invariant is None else given_invariant(invariant)
        self.I = None if invariant is None else looked_at(invariant)

    def require(self, field):
        super().require(field)
        refuse(
            self.invariant is None and not isinstance(field, SkewGradientField),
            "DiscreteGradient needs a field S(x)∇I(x), an InvariantField or a HamiltonianField, "
            f"or its invariant, DiscreteGradient(I); got a {type(field).__name__}",
            TypeError,
        )

    def increment(self, field):
        return Gonzalez(field if self.invariant is None else SkewForm(field, self.I))

    def keeps_invariant(self, field, I):
        """True for the one that was given, or else the I that the field is made of."""
        kept = getattr(field, "invariant", field.I) if self.invariant is None else self.invariant
        return same(I, kept)


class Gonzalez(Increment):
    """Φ(x, y) = S(m)∇̄I(x, y) of a field S∇I."""

    def correction(self, I_x, I_y, n, delta, m):
        """c = e/‖δ‖², e = I(y) − I(x) − ⟨n, δ⟩ ≈ I‴(m)[δ, δ, δ]/24, and q = 1/‖δ‖².

        Both are 0 where e is rounding, for ‖δ‖ below eps^{1/3} = 6e-6 times min(1, ‖m‖). Above,
        adjoint and tangent in θ and h have an error of eps/‖δ‖, 4e-11 at most.
        """
        size, scale, info = norm(delta), np.minimum(norm(m), 1), np.finfo(delta.dtype)
        rounding = size <= info.eps ** (1 / 3) * scale + info.tiny ** (1 / 2)
        q = np.where(rounding, 0, 1 / np.where(rounding, 1, (delta * delta).sum(axis=-1)))
        q = q.astype(delta.dtype)
        return (I_y - I_x - (n * delta).sum(axis=-1)) * q, q

    def __call__(self, x, y):
        form, m, delta = self.field, (x + y) / 2, y - x
        n = form.dI._value(m)
        c, _ = self.correction(form.I._value(x), form.I._value(y), n, delta, m)
        return form.S(m, n + c[..., None] * delta)

    def vjp(self, x, y):
        form, m, delta = self.field, (x + y) / 2, y - x
        (n, pullback_n), (I_x, pullback_x), (I_y, pullback_y) = (
            form.dI._vjp(m),
            form.I._vjp(x),
            form.I._vjp(y),
        )
        c, q = self.correction(I_x, I_y, n, delta, m)
        value, pullback_S = form.S.vjp(m, n + c[..., None] * delta)

        def pullback(w):
            dm_S, dg, dtheta_S = pullback_S(w)  # g = n + cδ
            de = (dg * delta).sum(axis=-1) * q
            dn = dg - de[..., None] * delta
            ddelta = c[..., None] * dg - de[..., None] * n - (2 * c * de)[..., None] * delta
            dm_n, dtheta_n = pullback_n(dn)
            (dx, dtheta_x), (dy, dtheta_y) = pullback_x(-de), pullback_y(de)
            half = (dm_S + dm_n) / 2
            return (
                dx + half - ddelta,
                dy + half + ddelta,
                form.pack(S=dtheta_S, dI=dtheta_n + dtheta_x + dtheta_y),
            )

        return value, pullback

    def jvp(self, x, y, dx, dy, dtheta=None):
        form, m, delta, dm, ddelta = self.field, (x + y) / 2, y - x, (dx + dy) / 2, dy - dx
        d = form.unpack(dtheta)
        n, dn = form.dI._jvp(m, dm, d["dI"])
        (I_x, dI_x), (I_y, dI_y) = form.I._jvp(x, dx, d["dI"]), form.I._jvp(y, dy, d["dI"])
        c, q = self.correction(I_x, I_y, n, delta, m)
        de = dI_y - dI_x - (dn * delta + n * ddelta).sum(axis=-1)
        dc = q * (de - 2 * c * (delta * ddelta).sum(axis=-1))
        g, dg = n + c[..., None] * delta, dn + dc[..., None] * delta + c[..., None] * ddelta
        return form.S.jvp(m, g, dm, dg, d["S"])


class SkewForm:
    """A field X with an invariant I, written S∇I: what an increment needs of a field S∇I, with the
    parameters of X."""

    def __init__(self, field, invariant):
        self.field = field
        self.S, self.I, self.dI = (
            RankTwo(field, invariant),
            ValueOf(invariant, field.dim_in),
            GradientOf(invariant, field.dim_in),
        )

    theta = property(
        lambda self: self.field.theta, lambda self, value: setattr(self.field, "theta", value)
    )

    def pack(self, S, dI):
        """The gradient in θ, all of which S has."""
        return S

    def unpack(self, dtheta):
        """The directions of the factors."""
        return {"S": dtheta, "dI": None}


class RankTwo:
    """S(p)n = (X(p)⟨g, n⟩ − g⟨X(p), n⟩)/‖g‖², g = ∇I(p); 0 if g = 0. S∇I = X − g⟨g, X⟩/‖g‖² = X,
    since X keeps I."""

    def __init__(self, field, invariant):
        self.field, self.invariant = field, invariant

    theta = property(
        lambda self: self.field.theta, lambda self, value: setattr(self.field, "theta", value)
    )

    def __call__(self, p, n):
        X, g = self.field._value(p), self.invariant.gradient(p)
        return (X * dot(g, n) - g * dot(X, n)) / square(g, X)

    def vjp(self, p, n):
        """S(p)n and its pullback w ↦ dp, dn, dθ."""
        (X, pullback_X), g = self.field._vjp(p), self.invariant.gradient(p)
        gg, gn, Xn = square(g, X), dot(g, n), dot(X, n)
        value = (X * gn - g * Xn) / gg

        def pullback(w):
            w = w / gg
            gw, Xw = dot(g, w), dot(X, w)
            dX, dg = gn * w - gw * n, Xw * n - Xn * w - 2 * dot(value, w) * g
            dp, dtheta = pullback_X(dX)
            return dp + self.invariant.hvp(p, dg), Xw * g - gw * X, dtheta

        return value, pullback

    def jvp(self, p, n, dp, dn, dtheta=None):
        """S(p)n and its tangent."""
        (X, dX), g, dg = (
            self.field._jvp(p, dp, dtheta),
            self.invariant.gradient(p),
            self.invariant.hvp(p, dp),
        )
        gg, gn, Xn = square(g, X), dot(g, n), dot(X, n)
        value = (X * gn - g * Xn) / gg
        moved = dX * gn + X * (dot(dg, n) + dot(g, dn)) - dg * Xn - g * (dot(dX, n) + dot(X, dn))
        return value, (moved - 2 * dot(g, dg) * value) / gg


def dot(a, b):
    """⟨a, b⟩ over the last axis, which stays: shape (..., 1)."""
    return (a * b).sum(axis=-1, keepdims=True)


def square(g, X):
    """‖g‖², shape (..., 1), and infinity if g = 0 and X = 0; NotConverged if g alone is 0."""
    gg = dot(g, g)
    at_rest = gg == 0
    if (at_rest & X.any(axis=-1, keepdims=True)).any():
        raise NotConverged(
            "DiscreteGradient: ∇I is 0 at a state where the field is not, so that it is no S∇I "
            "there: take Projected(method, I)"
        )
    return np.where(at_rest, np.inf, gg).astype(gg.dtype)
