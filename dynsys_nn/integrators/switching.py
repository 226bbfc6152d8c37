"""Steps that end where a field switches, so that no step mixes two fields."""

import functools

import numpy as np

from ..arguments import instance
from ..fields import SwitchedField, together
from ..maps import kept_by_all
from .method import EPS, Method

#: how often a step may cross the surface
CROSSINGS = 20


class Slides(RuntimeError):
    """A step of Switching that crosses the surface more than CROSSINGS times."""


class Switching(Method):
    """A step of a SwitchedField in legs, each of one field: Ψ₊^{h−τ} ∘ Ψ₋^τ with g(Ψ₋^τ(x)) = 0,
    and one more for each time that it crosses the surface.

    τ is found to rounding, along the method's own steps, for each state of a batch by itself; so
    the order is that of the method. With y = Ψ₋^τ(x), n = ∇g(y) and r = ⟨n, ∂Ψ₋/∂τ⟩ ≠ 0, the
    implicit function theorem for τ gives the adjoint from w at y and s, the covector at the time
    that is left:

        c = (⟨w, ∂Ψ₋/∂τ⟩ − s)/r,   (∂Ψ₋/∂x)ᵀ(w − cn),   (∂Ψ₋/∂θ)ᵀ(w − cn),   −c ∂g/∂θ

    which is that of the saltation matrix. A step that crosses the surface and returns is seen as
    one that does not cross it. method: any Method, for both fields. RuntimeError if it crosses more
    than 20 times, as where both fields point to the surface and the solution slides along it.
    Source: Leine and Nijmeijer, Dynamics and Bifurcations of Non-Smooth Mechanical Systems,
    chapter 7 (2004).

    Examples
    --------
    A force that jumps, q̈ = −q − sign(q). Half the step, a sixteenth of the error:

    >>> def oscillator(c):  # around c
    ...     return dnn.KnownField(lambda x: np.stack([x[..., 1], c - x[..., 0]], axis=-1), 2)
    >>> X = dnn.SwitchedField(oscillator(1), oscillator(-1), dnn.Affine(1, 2, W=[[1, 0]]))
    >>> x, s = np.array([-1.0, 0.0]), 2 - 2 * np.pi / 3
    >>> exact = np.array([2 * np.cos(s) - 1, -2 * np.sin(s)])
    >>> def error(n, method):
    ...     return np.linalg.norm(dnn.Flow(X, 2 / n, method, steps=n)(x) - exact)
    >>> round(error(40, dnn.Switching(dnn.RK4())) / error(80, dnn.Switching(dnn.RK4())))
    16
    >>> bool(error(40, dnn.RK4()) > 1e3 * error(40, dnn.Switching(dnn.RK4())))
    True
    """

    def __init__(self, method):
        self.method = instance(method, Method, "Switching takes a method such as RK4()")

    @property
    def order(self):
        """That of the method."""
        return self.method.order

    def order_on(self, field):
        """The lower one of the method's on the two fields."""
        return min(self.method.order_on(X) for X in (field.minus, field.plus))

    @property
    def stages(self):
        """Those of the method."""
        return self.method.stages

    @property
    def dtypes(self):
        """Those of the method."""
        return self.method.dtypes

    def require(self, field):
        """TypeError for a field that is not a SwitchedField, or whose fields the method cannot
        step."""
        instance(field, SwitchedField, "Switching steps a SwitchedField")
        self.method.require(field.minus)
        self.method.require(field.plus)

    def facts(self, field):
        """What each leg keeps, without volume and the symplectic form: the words, and the
        invariants, name → I."""
        words, kept = kept_by_all([self.method.facts(X) for X in (field.minus, field.plus)])
        return words - {"volume", "symplectic"}, kept

    def kept(self, field):
        """The invariants that each leg keeps."""
        return self.facts(field)[1]

    def preserves(self, field):
        """What each leg keeps, without volume and the symplectic form."""
        return self.facts(field)[0]

    def step(self, field, x, h):
        return self._legs(field, x, h)[0]

    def _legs(self, field, x, h):
        """Ψ^h(x), and for groups of states (which of the batch, as rows, [(name, τ), …]): the field
        and the time of each leg."""
        points, method = x.reshape(-1, x.shape[-1]), self.method
        parts, groups = [], []
        for name, k in field._sides(points):
            k = np.flatnonzero(k)
            y = method._step(vars(field)[name], points[k], h)
            parts.append((k, y))
            stays = field._beyond(y) == (name == "plus")
            if stays.any():
                groups.append((k[stays], [(name, h)]))
            for one in k[~stays, None]:
                y, legs = self._legs_of_one(field, points[one], h, name)
                parts.append((one, y))
                groups.append((one, legs))
        return together(parts, points).reshape(x.shape), groups

    def _legs_of_one(self, field, x, h, name):
        """The same for one state, shape (1, d), which leaves the side of that name."""
        legs, left = [], h
        for _ in range(CROSSINGS + 1):
            X = vars(field)[name]
            y = self.method._step(X, x, left)
            if field._beyond(y) == (name == "plus"):
                return y, [*legs, (name, left)]
            tau = crossing(self.method, X, x, left, field.level, -1 if name == "plus" else 1)
            if np.iscomplexobj(y):  # imaginary parts are far below the rounding of τ
                y, velocity = self.method._jvp(X, x, tau, np.zeros_like(x), None, 1.0)
                g, rate = field.surface._jvp(y, velocity)
                tau = tau - (g / rate).item()
            legs.append((name, tau))
            x, left = self.method._step(X, x, tau), left - tau
            name = "minus" if name == "plus" else "plus"
        raise Slides(
            f"{self!r}: a step h = {h:g} crosses the surface more than {CROSSINGS} times: do both "
            "fields point to it? Then the solution slides along it, by neither of them; otherwise "
            "take a smaller step"
        )

    def vjp(self, field, x, h):
        y, groups = self._legs(field, x, h)
        points, tapes = x.reshape(-1, x.shape[-1]), []
        for k, legs in groups:
            z, tape = points[k], []
            for name, tau in legs:
                z, pullback = self.method._vjp(vars(field)[name], z, tau)
                tape.append((name, pullback, z))
            tapes.append((k, tape))

        def pullback(w):
            rows = w.reshape(points.shape)
            parts, dtheta, dh = [], field.pack(), 0.0
            for k, tape in tapes:
                dx, d, s = self._back(field, tape, rows[k])
                parts.append((k, dx))
                dtheta, dh = dtheta + d, dh + s
            return together(parts, rows).reshape(x.shape), dtheta, dh

        return y, pullback

    def _back(self, field, tape, w):
        """The pullback through the legs of one group: dx, dtheta, and s, which is ⟨w, ∂Ψ/∂h⟩."""
        name, pullback, _ = tape[-1]
        w, d, s = pullback(w)
        dtheta = field.pack(**{name: d})
        for name, pullback, y in reversed(tape[:-1]):
            g, pullback_g = field.surface._vjp(y)
            n, d_g = pullback_g(np.ones_like(g))
            (w, d, rate), (w_n, d_n, r) = pullback(w), pullback(n)
            c = (rate - s) / r
            w = w - c * w_n
            dtheta = dtheta + field.pack(**{name: d - c * d_n}) - field.pack(surface=c * d_g)
        return w, dtheta, s

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        y, groups = self._legs(field, x, h)
        points, d = x.reshape(-1, x.shape[-1]), field.unpack(dtheta)
        tangents, parts = v.reshape(points.shape), []
        for k, legs in groups:
            z, u, left = points[k], tangents[k], dh  # the tangent of the time that is left
            for name, tau in legs[:-1]:
                X, at = vars(field)[name], z
                z, u = self.method._jvp(X, at, tau, u, d[name])
                velocity = self.method._jvp(X, at, tau, np.zeros_like(u), None, 1.0)[1]
                dg = field.surface._jvp(z, u, d["surface"])[1]
                r = field.surface._jvp(z, velocity)[1]
                dtau = -(dg / r).item()
                u, left = u + dtau * velocity, left - dtau
            name, tau = legs[-1]
            parts.append((k, self.method._jvp(vars(field)[name], z, tau, u, d[name], left)[1]))
        return y, together(parts, tangents).reshape(x.shape)


def crossing(method, field, x, h, g, sign):
    """The τ between 0 and h with g(Ψ^τ(x)) = 0, for one state x, shape (1, d); g goes to that sign.

    It is a step, ε ≤ τ/h ≤ 1 − ε, where the crossing is to rounding at 0 or h.
    """
    from scipy.optimize import brentq

    @functools.cache
    def along(theta):
        """How far beyond the surface Ψ^{θh}(x) is."""
        return sign * g(method._step(field, x, theta * h) if theta else x).real.item()

    if not along(1.0) > 0:  # alone, and not in a batch, it ends on the surface
        return (1 - EPS) * h
    if not along(0.0) < 0:  # it starts on the surface
        return EPS * h
    theta, ulp = brentq(along, 0.0, 1.0, xtol=1e-17, rtol=4 * EPS, maxiter=500), EPS
    while theta < 1 - EPS and along(theta) <= 0:  # Ψ^τ(x) is beyond, if only just
        theta, ulp = theta + ulp, 2 * ulp
    return min(max(theta, EPS), 1 - EPS) * h
