"""Methods for sums of fields: a list of substeps, each a step of one part by a method of its own."""

import math

from ..fields import SumField
from .method import Method, check_step
from .runge_kutta import Euler, Heun


class Splitting(Method):
    """A composition of steps of the parts of a SumField, Ψ_{X_i}^{c h}, as the pairs (i, c) of `substeps(n)`.

    inner: the method for the parts, or a list with one for each. TypeError on a field that is no sum.
    """

    def __init__(self, inner):
        self.inner = inner
        if isinstance(inner, list | tuple) and not inner:
            raise ValueError(f"{type(self).__name__} needs at least one inner method, got none")
        for method in self._inners(len(inner) if isinstance(inner, list | tuple) else 1):
            if not isinstance(method, Method):
                raise TypeError(f"{type(self).__name__} composes methods such as RK4(), got {method!r}")

    @staticmethod
    def substeps(n):
        """The pairs (i, c) for n parts, in the order in which they are taken."""
        raise NotImplementedError

    def _inners(self, n):
        inners = list(self.inner) if isinstance(self.inner, list | tuple) else [self.inner] * n
        if len(inners) != n:
            raise ValueError(f"{type(self).__name__} has {len(inners)} inner methods for {n} parts")
        return inners

    @property
    def order(self):
        inners = self.inner if isinstance(self.inner, list | tuple) else [self.inner]
        return min(self.highest_order, *(method.order for method in inners))

    def require(self, field):
        if not isinstance(field, SumField):
            raise TypeError(
                f"{type(self).__name__} needs a SumField, whose parts it steps in turn, got a {type(field).__name__}"
            )
        for X, method in zip(field.parts, self._inners(len(field.parts)), strict=True):
            method.require(X)

    def _plan(self, field, h):
        """[(name of the part, part, its method, c, c h), …]."""
        self.require(field)
        h = check_step(h)
        n = len(field.parts)
        inners = self._inners(n)
        return [(str(i), field.parts[i], inners[i], c, c * h) for i, c in self.substeps(n)]

    def step(self, field, x, h):
        for _, X, method, _, ch in self._plan(field, h):
            x = method.step(X, x, ch)
        return x

    def inverse(self, field, y, h):
        for _, X, method, _, ch in reversed(self._plan(field, h)):
            y = method.inverse(X, y, ch)
        return y

    def vjp(self, field, x, h):
        tape = []
        for name, X, method, c, ch in self._plan(field, h):
            x, pullback = method.vjp(X, x, ch)
            tape.append((name, c, pullback))

        def back(w):
            dtheta, dh = 0.0, 0.0
            for name, c, pullback in reversed(tape):
                w, d, d_ch = pullback(w)
                dtheta, dh = dtheta + field.pack(**{name: d}), dh + c * d_ch
            return w, dtheta, dh

        return x, back

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        d = field.unpack(dtheta)
        for name, X, method, c, ch in self._plan(field, h):
            x, v = method.jvp(X, x, ch, v, d[name], c * dh)
        return x, v

    def preserves(self, field):
        """What each part's method keeps of its part; a property of the sum alone may be lost."""
        self.require(field)
        kept = [method.preserves(X) for X, method in zip(field.parts, self._inners(len(field.parts)), strict=True)]
        return frozenset.intersection(frozenset(field.keeps), *kept)

    def lipschitz(self, field, h):
        """The product of the substeps' constants."""
        return math.prod(method.lipschitz(X, ch) for _, X, method, _, ch in self._plan(field, h))

    def __repr__(self):
        return f"{type(self).__name__}({self.inner!r})"


class LieTrotter(Splitting):
    """Ψ^h = Ψ_{X_n}^h ∘ … ∘ Ψ_{X_1}^h, order min(1, that of the inner method)."""

    highest_order = 1

    def __init__(self, inner=Euler()):
        super().__init__(inner)

    @staticmethod
    def substeps(n):
        return [(i, 1) for i in range(n)]


class Strang(Splitting):
    """Ψ^h = Ψ_{X_1}^{h/2} ∘ … ∘ Ψ_{X_n}^h ∘ … ∘ Ψ_{X_1}^{h/2}, order min(2, that of the inner method)."""

    highest_order = 2

    def __init__(self, inner=Heun()):
        super().__init__(inner)

    @staticmethod
    def substeps(n):
        half = [(i, 1 / 2) for i in range(n - 1)]
        return [*half, (n - 1, 1), *reversed(half)]
