"""Discrete gradient methods: with S(x)∇I(x), and ∇I between two points in the place of ∇I, every
invariant is kept."""

import numpy as np

from ..arguments import instance, refuse, same
from ..fields import GivenGradient, SkewGradientField, ValueOf, given_invariant, looked_at
from .implicit import ImplicitMethod, Increment
from .newton import NotConverged
from .two_point_gradients import Gonzalez, TwoPointGradient


class DiscreteGradient(ImplicitMethod):
    """y = x + hS(m)∇̄I(x, y), m = (x + y)/2, for ẋ = S(x)∇I(x): keeps I, whatever it is.

    Since ⟨∇̄I, y − x⟩ = I(y) − I(x), and that is h∇̄IᵀS∇̄I = 0. With Gonzalez(), the default, and with
    MeanValue(nodes) a step has order two and is symmetric, and for I of degree two it is the
    implicit midpoint rule, if S is constant; with ItohAbe() it has order one.

    An InvariantField or KnownSkewField has its S and I, and a HamiltonianField S = J and I = H; for
    them leave `invariant` at its default None. For any other field with an invariant, give it,
    without parameters: `DiscreteGradient(I)` takes S = (X∇Iᵀ − ∇IXᵀ)/‖∇I‖². If X does not keep I
    after all, that is another field, S∇I = X − ∇I⟨∇I, X⟩/‖∇I‖², which does: take Projected for the
    flow of X itself. TypeError for a field of neither kind; NotConverged at a state where ∇I is 0
    and X is not, since there is no S then. Sources: Gonzalez, J. Nonlinear Sci. 6 (1996);
    McLachlan, Quispel and Robidoux, Phil. Trans. R. Soc. A 357 (1999).

    Parameters
    ----------
    invariant : object with I(x), I.gradient(x) and I.hvp(x, v), default None
        I; None: that of the field.
    gradient : TwoPointGradient, default Gonzalez()
        ∇̄I.

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

    order = property(lambda self: self.gradient.order, doc="1 or 2, as ∇̄I says.")
    symmetric = property(lambda self: self.gradient.symmetric, doc="As ∇̄I is.")
    rounding = 1e6  # the rounding of I(y) − I(x) is divided by ‖y − x‖

    def __init__(self, invariant=None, gradient=Gonzalez()):
        self.invariant = None if invariant is None else given_invariant(invariant)
        self.I = None if invariant is None else looked_at(invariant)
        needs = "gradient must be a TwoPointGradient such as Gonzalez() or ItohAbe()"
        self.gradient = instance(gradient, TwoPointGradient, needs)

    def require(self, field):
        super().require(field)
        refuse(
            self.invariant is None and not isinstance(field, SkewGradientField),
            "DiscreteGradient needs a field S(x)∇I(x), an InvariantField, HamiltonianField or "
            f"KnownSkewField, or its invariant, DiscreteGradient(I); got a {type(field).__name__}",
            TypeError,
        )

    def increment(self, field):
        form = field if self.invariant is None else SkewForm(field, self.I)
        return AlongTheChord(form, self.gradient)

    def keeps_invariant(self, field, I):
        """True for the one that was given, or else the I that the field is made of, if ∇̄I keeps
        it."""
        kept = getattr(field, "invariant", field.I) if self.invariant is None else self.invariant
        return same(I, kept) and self.gradient.keeps(I)

    def inverse(self, field, y, h):
        """The step with −h of the adjoint method, y = x + hS(m)∇̄I(y, x): as implicit as the step
        itself."""
        adjoint = self.gradient.exchanged()
        if self.symmetric or adjoint is None:
            return super()._inverse(field, y, h)
        return type(self)(self.invariant, adjoint)._step(field, y, -h)


class AlongTheChord(Increment):
    """Φ(x, y) = S(m)∇̄I(x, y), m = (x + y)/2, of a field S∇I."""

    def __init__(self, form, gradient):
        super().__init__(form)
        self.gradient = gradient

    def __call__(self, x, y):
        return self.field.S((x + y) / 2, self.gradient(self.field, x, y))

    def vjp(self, x, y):
        n, pullback_n = self.gradient.vjp(self.field, x, y)
        value, pullback_S = self.field.S.vjp((x + y) / 2, n)

        def pullback(w):
            dm, dn, dtheta_S = pullback_S(w)
            dx, dy, dtheta_n = pullback_n(dn)
            return dx + dm / 2, dy + dm / 2, self.field.pack(S=dtheta_S, dI=dtheta_n)

        return value, pullback

    def jvp(self, x, y, dx, dy, dtheta=None):
        d = self.field.unpack(dtheta)
        n, dn = self.gradient.jvp(self.field, x, y, dx, dy, d["dI"])
        return self.field.S.jvp((x + y) / 2, n, (dx + dy) / 2, dn, d["S"])

    def jacobian(self, x, y):
        """Φ_y: its column k is the tangent of S(m)n for dm = ½e_k and dn = ∂∇̄I/∂y_k."""
        n, N = self.gradient.jacobian(self.field, x, y)
        m, n = (np.repeat(z[..., None, :], x.shape[-1], axis=-2) for z in ((x + y) / 2, n))
        half = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype) / 2, m.shape)
        return self.field.S.jvp(m, n, half, N.swapaxes(-1, -2))[1].swapaxes(-1, -2)


class SkewForm:
    """A field X with an invariant I, written S∇I: what an increment needs of a field S∇I, with the
    parameters of X."""

    def __init__(self, field, invariant):
        self.field = field
        self.S, self.I, self.dI = (
            RankTwo(field, invariant),
            ValueOf(invariant, field.dim_in),
            GivenGradient(invariant, field.dim_in),
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
