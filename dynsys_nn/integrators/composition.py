"""Methods made of methods: a list of substeps, each a step of a field, or of one part of a sum, by
a method of its own."""

import math

import numpy as np

from ..arguments import instance, refuse
from ..fields import SumField, known_invariants
from ..maps import inward, kept_by_all, product
from .method import Method
from .runge_kutta import Euler, Heun, RungeKutta
from .shears import StormerVerlet


class Composition(Method):
    """Ψ^h = Ψ_{X_s}^{c_s h} ∘ … ∘ Ψ_{X_1}^{c_1 h}. A subclass lists its substeps in `plan(field)`,
    first one first.

    An entry is (part, X, method, c): a step of size c·h of the field X. Either X is the whole field
    and `part` is None, or X is one of its parts and `part` is that part's name in θ.

    Examples
    --------
    >>> class Thirds(dnn.integrators.Composition):
    ...     order = 1
    ...
    ...     def plan(self, field):
    ...         return [(None, field, dnn.Euler(), c) for c in (1 / 3, 2 / 3)]
    >>> X, x = dnn.ResidualField.random(2, width=5, rng=0), np.array([1.0, 2.0])
    >>> two = dnn.Network(dnn.Flow(X, 0.1), dnn.Flow(X, 0.2))
    >>> np.allclose(Thirds().step(X, x, h=0.3), two(x))
    True
    >>> dnn.checks.adjoint(dnn.Flow(X, 0.3, Thirds(), learn_h=True), x).passed
    True
    """

    def plan(self, field):
        """The substeps [(part, X, method, c), …]; TypeError if the field does not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no substeps: write plan(self, field)")

    def require(self, field):
        for _, X, method, _ in self.plan(field):
            method.require(X)

    def step(self, field, x, h):
        for _, X, method, c in self.plan(field):
            x = method._step(X, x, c * h)
        return x

    def inverse(self, field, y, h):
        for _, X, method, c in reversed(self.plan(field)):
            y = method._inverse(X, y, c * h)
        return y

    def vjp(self, field, x, h):
        tape = []
        for part, X, method, c in self.plan(field):
            x, pullback = method._vjp(X, x, c * h)
            tape.append((slice(None) if part is None else field._places[part], c, pullback))

        def pullback(w):
            dtheta, dh = np.zeros(field._size, np.result_type(field._dtype or w, w, x)), 0.0
            for part, c, pullback_c in reversed(tape):
                w, d, d_ch = pullback_c(w)
                dtheta[part] += d
                dh += c * d_ch
            return w, dtheta, dh

        return x, pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        d = field.unpack(dtheta)
        for part, X, method, c in self.plan(field):
            x, v = method._jvp(X, x, c * h, v, dtheta if part is None else d[part], c * dh)
        return x, v

    def facts(self, field):
        """What each substep keeps of its part: the words, and the invariants, name → I."""
        return kept_by_all([method.facts(X) for _, X, method, _ in self.plan(field)])

    def kept(self, field):
        """The invariants that each substep keeps of its part."""
        return self.facts(field)[1]

    def preserves(self, field):
        """What each substep keeps of its part; a property of the sum alone may be lost."""
        return self.facts(field)[0]

    def lipschitz(self, field, h):
        """The product of the substeps' constants."""
        return product(*[method._lipschitz(X, c * h) for _, X, method, c in self.plan(field)])

    def non_expansive_step(self, field):
        """The largest h for which every substep c h is non-expansive; none if one of them goes
        backwards."""
        if any(c < 0 for *_, c in self.plan(field)):
            return super()._non_expansive_step(field)
        return min(
            longest if longest == math.inf else inward(lambda H, c: H / c, longest, c)
            for _, X, method, c in self.plan(field)
            for longest in [method._non_expansive_step(X)]
        )


class Splitting(Composition):
    """A composition of steps of the parts of a SumField, Ψ_{X_i}^{c h}, as the pairs (i, c) of
    `substeps(n)`.

    inner: the Method for the parts, or a list with one for each. If every part is solved exactly,
    as shears are by any Runge–Kutta method, a step has the order, the symmetry and the structure of
    the splitting: `order_on(field)`, `symmetric_on(field)`, `preserves(field)`. TypeError on a
    field that is not a sum.

    Examples
    --------
    The parts in reverse order, with −h, undo Lie and Trotter's step, if each part is a shear:

    >>> class Backwards(dnn.integrators.Splitting):
    ...     highest_order = 1
    ...
    ...     @staticmethod
    ...     def substeps(n):
    ...         return [(i, 1) for i in reversed(range(n))]
    >>> f, zero = dnn.ResidualField.random(1, width=4, rng=0), dnn.Zero(1, 1)
    >>> X = dnn.SumField(dnn.PartitionedField(f, zero), dnn.PartitionedField(zero, f))
    >>> x = np.array([1.0, 2.0])
    >>> y = dnn.LieTrotter().step(X, x, h=0.5)
    >>> np.allclose(Backwards(dnn.Euler()).step(X, y, h=-0.5), x)
    True
    """

    def __init__(self, inner):
        self.inner = inner
        for method in self.methods(None):
            instance(method, Method, f"{type(self).__name__} composes methods such as RK4()")

    @staticmethod
    def substeps(n):
        """The pairs (i, c) for n parts, in the order in which they are taken."""
        raise NotImplementedError

    def methods(self, n):
        """The methods of n parts, a list; with n = None those that were given."""
        several = isinstance(self.inner, list | tuple)
        methods = list(self.inner) if several else [self.inner] * (n or 1)
        if not methods:
            raise ValueError(f"{type(self).__name__} needs at least one inner method, got none")
        if n is not None and len(methods) != n:
            raise ValueError(
                f"{type(self).__name__} needs an inner method for each of {n} parts, got "
                f"{len(methods)}"
            )
        return methods

    @property
    def order(self):
        """min(that of the splitting, those of the inner methods)."""
        return min(self.highest_order, *[method.order for method in self.methods(None)])

    def exact_parts(self, field):
        """(X, method, whether the method solves X exactly) for each substep."""
        return [
            (X, method, method.solves(X) or isinstance(method, RungeKutta) and X.keeps_its_slope)
            for _, X, method, _ in self.plan(field)
        ]

    def order_on(self, field):
        """min(that of the splitting, those of the methods on their parts)."""
        orders = [
            math.inf if exact else method.order for _, method, exact in self.exact_parts(field)
        ]
        return min(self.highest_order, *orders)

    def facts(self, field):
        """What each substep keeps of its part: everything, if it solves it exactly."""
        return kept_by_all(
            [
                (X.facts()[0], known_invariants(X)) if exact else method.facts(X)
                for X, method, exact in self.exact_parts(field)
            ]
        )

    def plan(self, field):
        if not isinstance(field, SumField):
            raise TypeError(
                f"{type(self).__name__} needs a SumField, whose parts it steps in turn, got a "
                f"{type(field).__name__}"
            )
        methods = self.methods(len(field.parts))
        return [(str(i), field.parts[i], methods[i], c) for i, c in self.substeps(len(methods))]


class LieTrotter(Splitting):
    """Ψ^h = Ψ_{X_n}^h ∘ … ∘ Ψ_{X_1}^h, order min(1, that of the inner method).

    inner: a Method, or a list with one for each part, default Euler().

    Examples
    --------
    Each half of a partitioned field is a shear, which Euler's method solves exactly:

    >>> X, zero, x = dnn.systems.pendulum(), dnn.Zero(1, 1), np.array([1.0, 0.5])
    >>> halves = dnn.SumField(dnn.PartitionedField(X.f, zero), dnn.PartitionedField(zero, X.g))
    >>> y = dnn.LieTrotter().step(halves, x, h=0.1)
    >>> np.allclose(y, dnn.SymplecticEuler().step(X, x, h=0.1))
    True
    """

    highest_order = 1

    def __init__(self, inner=Euler()):
        super().__init__(inner)

    @staticmethod
    def substeps(n):
        return [(i, 1) for i in range(n)]


class Strang(Splitting):
    """Ψ^h = Ψ_{X_1}^{h/2} ∘ … ∘ Ψ_{X_n}^h ∘ … ∘ Ψ_{X_1}^{h/2}, order min(2, that of the inner
    method).

    Symmetric if the inner methods are. inner: a Method, or a list with one for each part, default
    Heun().

    Examples
    --------
    With Euler's method the order is one, but two if it solves each part exactly, as it does shears:

    >>> f, zero = dnn.ResidualField.random(1, width=4, rng=0), dnn.Zero(1, 1)
    >>> S, T = dnn.PartitionedField(f, zero), dnn.PartitionedField(zero, f)
    >>> X, x, method = dnn.SumField(S, T, S), np.array([1.0, 2.0]), dnn.Strang(dnn.Euler())
    >>> method.order, method.order_on(X)
    (1, 2)
    >>> y = method.step(X, x, h=0.5)
    >>> np.allclose(method.step(X, y, h=-0.5), x)  # symmetric
    True
    """

    highest_order = 2

    def __init__(self, inner=Heun()):
        super().__init__(inner)

    @property
    def symmetric(self):
        """True if all inner methods are."""
        return all(method.symmetric for method in self.methods(None))

    def symmetric_on(self, field):
        """True if each method is symmetric, or solves its part exactly."""
        return all(method.symmetric or exact for _, method, exact in self.exact_parts(field))

    @staticmethod
    def substeps(n):
        half = [(i, 1 / 2) for i in range(n - 1)]
        return [*half, (n - 1, 1), *reversed(half)]


class Yoshida(Composition):
    """Ψ^{γ₁h} ∘ Ψ^{γ₀h} ∘ Ψ^{γ₁h}, γ₁ = 1/(2 − 2^{1/(p+1)}), γ₀ = 1 − 2γ₁ < 0: order p + 2 from a
    symmetric method of order p.

    inner: the Method, default StormerVerlet(). From order two, as of StormerVerlet() and
    ImplicitMidpoint(), it makes order four, and keeps what the inner method keeps. It is symmetric
    itself, so Yoshida(Yoshida(…)) has order six. TypeError if the inner method is not symmetric.
    Source: Yoshida, Phys. Lett. A 150 (1990).

    Examples
    --------
    The substeps add up to one step, and their cubes, to which the errors are proportional, to 0:

    >>> c = np.array([c for *_, c in dnn.Yoshida().plan(dnn.systems.pendulum())])
    >>> c.round(4)
    array([ 1.3512, -1.7024,  1.3512])
    >>> print(c.sum().round(9), abs((c**3).sum().round(9)))
    1.0 0.0
    >>> dnn.Yoshida().order, dnn.Yoshida(dnn.Yoshida()).order
    (4, 6)
    """

    symmetric = True

    def __init__(self, inner=StormerVerlet()):
        refuse(
            not (isinstance(inner, Method) and inner.symmetric),
            f"Yoshida composes a symmetric method such as StormerVerlet(), got {inner!r}",
            TypeError,
        )
        self.inner = inner

    @property
    def order(self):
        """That of the inner method, and two more."""
        return self.inner.order + 2

    def plan(self, field):
        self.inner.require(field)
        gamma = 1 / (2 - 2 ** (1 / (self.inner.order + 1)))
        return [(None, field, self.inner, c) for c in (gamma, 1 - 2 * gamma, gamma)]
