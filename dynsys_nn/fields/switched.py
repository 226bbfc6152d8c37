"""A field that is another one on the other side of a surface."""

import numpy as np

from ..arguments import instance, refuse
from ..maps import Map, kept_by_all
from .field import Field, field_part
from .invariants import ValueOf, given_invariant, looked_at


class SwitchedField(Field):
    """X(x) = X₋(x) where g(x) < 0, X₊(x) where g(x) ≥ 0: piecewise smooth, with a jump on g = 0.

    A step across the surface is of order one by any method, and its derivative, however short it
    is, misses the jump of that of the flow; so does `continuous_adjoint`. `Switching(method)` ends
    it on the surface, and keeps the order of the method: its stages ask each field a little beyond
    the surface, where it must be as smooth as before. Parameters: "minus.A", …, "plus.A", …,
    "surface.W", …; by itself X does not depend on those of g, but the steps of Switching do, so
    that a surface can be learned.

    Parameters
    ----------
    minus, plus : Field
        X₋ and X₊, of one dimension d.
    surface : Map, d → 1, or object with I(x), I.gradient(x) and I.hvp(x, v)
        g, as Affine(1, d), a Network, or an Invariant.

    Raises
    ------
    TypeError
        If minus or plus is not a Field, or surface neither a Map nor an invariant.
    ValueError
        If the dimensions do not agree.

    Examples
    --------
    Slow up to x = 0, and twice as fast from there on:

    >>> slow, fast = (dnn.KnownField(lambda x, c=c: c + 0 * x, 1) for c in (1.0, 2.0))
    >>> X = dnn.SwitchedField(slow, fast, dnn.Affine(1, 1, W=[[1.0]]))
    >>> X(np.array([[-0.5], [0.5]])).ravel()
    array([1., 2.])
    >>> x = np.array([-0.5])
    >>> dnn.Switching(dnn.RK4()).step(X, x, h=1.0).round(12)  # half of the time at each speed
    array([1.])
    >>> dnn.RK4().step(X, x, h=1.0).round(12)
    array([1.33333333])
    """

    formula = "X₋(x) or X₊(x)"

    def __init__(self, minus, plus, surface):
        for name, X in (("minus", minus), ("plus", plus)):
            field_part(X, f"{name} of SwitchedField must be a vector field")
        d = minus.dim
        refuse(plus.dim != d, f"SwitchedField needs fields of one dimension, got {[d, plus.dim]}")
        self.dim_in = self.dim_out = d
        self.given = surface
        if not isinstance(surface, Map):
            needs = f"surface must be a map ℝᵈ → ℝ¹ with d = {d}, or have I(x), gradient and hvp"
            instance(surface, ("__call__", "gradient", "hvp"), needs)
            surface = ValueOf(looked_at(given_invariant(surface)), d)
        refuse(
            surface.dim_in != d or surface.dim_out not in (1, ()) or surface.sequence,
            f"surface must be a map ℝᵈ → ℝ¹ with d = {d}, got {surface!r}",
        )
        self.own(minus=minus, plus=plus, surface=surface)

    def arguments(self):
        """What builds it again."""
        return {"minus": self.minus, "plus": self.plus, "surface": self.given}

    def level(self, x):
        """g(x), (..., d) → (...)."""
        return self.surface._value(x).reshape(x.shape[:-1])

    def _beyond(self, x):
        """Whether g(x) ≥ 0, (..., d) → (...)."""
        return self.level(x).real >= 0

    def _sides(self, x):
        """(name, which states) of the sides on which there are states."""
        beyond = self._beyond(x)
        return [(name, k) for name, k in (("minus", ~beyond), ("plus", beyond)) if k.any()]

    keeps = property(lambda self: self.facts()[0], doc="The words for what both fields keep.")
    invariants = property(lambda self: self.facts()[1], doc="name → I: what both fields keep.")

    def facts(self):
        """What both fields keep: the words, and the invariants, name → I. Volume and the symplectic
        form are lost in the jump."""
        words, invariants = kept_by_all([self.minus.facts(), self.plus.facts()])
        return words - {"volume", "symplectic"}, invariants

    def __call__(self, x):
        return together([(k, vars(self)[name]._value(x[k])) for name, k in self._sides(x)], x)

    def vjp(self, x):
        found = [(name, k, *vars(self)[name]._vjp(x[k])) for name, k in self._sides(x)]

        def pullback(w):
            back = [(name, k, *pullback_k(w[k])) for name, k, _, pullback_k in found]
            dtheta = {name: d for name, _, _, d in back}
            return together([(k, dx) for _, k, dx, _ in back], w), self.pack(**dtheta)

        return together([(k, y) for _, k, y, _ in found], x), pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        found = [(k, *vars(self)[name]._jvp(x[k], v[k], d[name])) for name, k in self._sides(x)]
        return together([(k, y) for k, y, _ in found], x), together(
            [(k, dy) for k, _, dy in found], v
        )


def together(parts, x):
    """The array of the shape of x whose entries k are a, for all parts (k, a)."""
    y = np.empty(x.shape, np.result_type(x, *[a for _, a in parts]))
    for k, a in parts:
        y[k] = a
    return y
