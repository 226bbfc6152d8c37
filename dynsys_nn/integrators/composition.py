"""Methods made of methods: a list of substeps, each a step of a field, or of one part of a sum, by a method of its own."""

import math

from ..fields import SumField
from .method import Method, check_dh, check_step, real_step
from .runge_kutta import Euler, Heun
from .shears import StormerVerlet


class Composition(Method):
    """Ψ^h = Ψ_{X_s}^{c_s h} ∘ … ∘ Ψ_{X_1}^{c_1 h}. A subclass lists its substeps in `plan(field)`, first one first.

    An entry is (part, X, method, c): the step c h of X by the method. X is the field itself, and part is None, or X
    is one of its parts, and part its name in θ.
    """

    def plan(self, field):
        """The substeps [(part, X, method, c), …]; TypeError where the field does not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no substeps: write plan(self, field)")

    def require(self, field):
        for _, X, method, _ in self.plan(field):
            method.require(X)

    def step(self, field, x, h):
        h = check_step(h)
        for _, X, method, c in self.plan(field):
            x = method.step(X, x, c * h)
        return x

    def inverse(self, field, y, h):
        h = check_step(h)
        for _, X, method, c in reversed(self.plan(field)):
            y = method.inverse(X, y, c * h)
        return y

    def vjp(self, field, x, h):
        h, tape = check_step(h), []
        for part, X, method, c in self.plan(field):
            x, pullback = method.vjp(X, x, c * h)
            tape.append((part, c, pullback))

        def back(w):
            dtheta, dh = 0.0, 0.0
            for part, c, pullback in reversed(tape):
                w, d, d_ch = pullback(w)
                dtheta, dh = dtheta + (d if part is None else field.pack(**{part: d})), dh + c * d_ch
            return w, dtheta, dh

        return x, back

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        plan = self.plan(field)
        h, dh, d = check_step(h), check_dh(dh), field.unpack(dtheta)
        for part, X, method, c in plan:
            x, v = method.jvp(X, x, c * h, v, dtheta if part is None else d[part], c * dh)
        return x, v

    def preserves(self, field):
        """What each substep keeps of its part; a property of the sum alone may be lost."""
        kept = [method.preserves(X) for _, X, method, _ in self.plan(field)]
        return frozenset(field.keeps).intersection(*kept)

    def lipschitz(self, field, h):
        """The product of the substeps' constants."""
        h = real_step(h)
        return math.prod(method.lipschitz(X, c * h) for _, X, method, c in self.plan(field))

    def non_expansive_step(self, field):
        """The largest h for which every substep c h is non-expansive; none where one of them goes backwards."""
        if any(c < 0 for *_, c in self.plan(field)):
            return super().non_expansive_step(field)
        return min(method.non_expansive_step(X) / c for _, X, method, c in self.plan(field))

    def __repr__(self):
        return f"{type(self).__name__}({self.inner!r})" if hasattr(self, "inner") else super().__repr__()


class Splitting(Composition):
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

    def plan(self, field):
        if not isinstance(field, SumField):
            raise TypeError(
                f"{type(self).__name__} needs a SumField, whose parts it steps in turn, got a {type(field).__name__}"
            )
        n = len(field.parts)
        inners = self._inners(n)
        return [(str(i), field.parts[i], inners[i], c) for i, c in self.substeps(n)]


class LieTrotter(Splitting):
    """Ψ^h = Ψ_{X_n}^h ∘ … ∘ Ψ_{X_1}^h, order min(1, that of the inner method)."""

    highest_order = 1

    def __init__(self, inner=Euler()):
        super().__init__(inner)

    @staticmethod
    def substeps(n):
        return [(i, 1) for i in range(n)]


class Strang(Splitting):
    """Ψ^h = Ψ_{X_1}^{h/2} ∘ … ∘ Ψ_{X_n}^h ∘ … ∘ Ψ_{X_1}^{h/2}, order min(2, that of the inner method).

    Symmetric where the inner methods are.
    """

    highest_order = 2

    def __init__(self, inner=Heun()):
        super().__init__(inner)

    @property
    def symmetric(self):
        inners = self.inner if isinstance(self.inner, list | tuple) else [self.inner]
        return all(method.symmetric for method in inners)

    @staticmethod
    def substeps(n):
        half = [(i, 1 / 2) for i in range(n - 1)]
        return [*half, (n - 1, 1), *reversed(half)]


class Yoshida(Composition):
    """Ψ^{γ₁h} ∘ Ψ^{γ₀h} ∘ Ψ^{γ₁h}, γ₁ = 1/(2 − 2^{1/(p+1)}), γ₀ = 1 − 2γ₁ < 0: order p + 2 from a symmetric method of order p.

    From order two, as StormerVerlet() and ImplicitMidpoint(), it makes order four, and keeps what the inner method
    keeps. It is symmetric itself, so Yoshida(Yoshida(…)) has order six. TypeError where the inner method is not
    symmetric. Source: Yoshida, Phys. Lett. A 150 (1990).
    """

    symmetric = True

    def __init__(self, inner=StormerVerlet()):
        if not (isinstance(inner, Method) and inner.symmetric):
            raise TypeError(f"Yoshida composes a symmetric method such as StormerVerlet(), got {inner!r}")
        self.inner = inner

    @property
    def order(self):
        return self.inner.order + 2

    def plan(self, field):
        self.inner.require(field)
        gamma = 1 / (2 - 2 ** (1 / (self.inner.order + 1)))
        return [(None, field, self.inner, c) for c in (gamma, 1 - 2 * gamma, gamma)]
