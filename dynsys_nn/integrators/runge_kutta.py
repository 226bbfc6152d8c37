"""Runge–Kutta methods: a method is its Butcher tableau; step, adjoint and tangent are written once
for all tableaus."""

import math

from ..arguments import dimension, refuse, tableau
from ..fields import PartitionedField
from .bounds import (
    longest_contracting_step,
    one_stage_lipschitz,
    require_field,
    tableau_lipschitz,
)
from .method import Staged, geometry_of
from .stages import Stages
from .tableaus import (
    adjoint_tableau,
    contractivity_radius,
    is_symmetric,
    is_symplectic,
    stability_function,
    tableau_order,
)


class RungeKutta(Staged):
    """Y_i = x + hΣ_j a_ij X(Y_j), Ψ^h(x) = x + hΣ_i b_i X(Y_i).

    `RungeKutta(A, b)` takes any tableau: rows of A as in the books, [[], [a₂₁], [a₃₁, a₃₂]], or the
    full square matrix, and the weights b (s,). Its order is found from Butcher's order conditions,
    up to six; a claimed `order` (default None: no claim) is checked against them. A method with a
    name is a subclass with A, b and order in its body.

    An explicit tableau, a_ij = 0 for j ≥ i, is stepped from stage to stage. For any other all
    stages are solved for by Newton's method with the exact Jacobian, all samples at once, from
    Y_i = x, and for samples for which that fails along shorter steps; NotConverged if it finds
    none. Adjoint and tangent are then one linear system each,
    with K = (δ_ij I − h a_ij X′(Y_i))_ij,

        Kᵀκ = (b_i w)_i,   η_i = X′(Y_i)ᵀ(hκ_i),   dx = w + Σ_i η_i,   dh = Σ_i ⟨κ_i, X(Y_i)⟩
        K du = (hX′(Y_i) dx + h(∂X/∂θ)dθ + X(Y_i) dh)_i,   dy = dx + Σ_i b_i du_i

    Every Runge–Kutta method keeps linear invariants (mass). Those with M = 0, M the stability
    matrix b_i a_ij + b_j a_ji − b_i b_j, keep quadratic ones and the symplectic form, too (Cooper,
    1987; Sanz-Serna, 1988); those with M ⪰ 0 and b ≥ 0 move no two solutions apart whose field does
    not, however long the step is: they are B-stable (Burrage and Butcher, 1979).

    Raises
    ------
    ValueError
        If shapes disagree, a coefficient is not finite, Σ b_i ≠ 1, or the order is not what is
        claimed.
    TypeError
        If A or b is missing, or given to a method with a name.

    Examples
    --------
    Heun's method of order three, and the same stages with weights that are worth less:

    >>> A = [[], [1 / 3], [0, 2 / 3]]
    >>> method = dnn.RungeKutta(A, [1 / 4, 0, 3 / 4])
    >>> method.order
    3
    >>> dnn.RungeKutta(A, [0, 1, 0]).order
    1
    >>> y = method.step(dnn.systems.sir(), np.array([0.9, 0.1, 0.0]), h=0.5)
    >>> print(y.sum().round(12))  # mass
    1.0

    The trapezoidal rule is implicit:

    >>> trapezoidal = dnn.RungeKutta([[0, 0], [1 / 2, 1 / 2]], [1 / 2, 1 / 2])
    >>> trapezoidal.order, trapezoidal.symmetric
    (2, True)
    >>> X, x = dnn.systems.pendulum(), np.array([1.0, 0.0])
    >>> y = trapezoidal.step(X, x, h=0.1)
    >>> np.allclose(y, x + 0.1 * (X(x) + X(y)) / 2)
    True
    """

    A, b = None, None
    explicit = True  # a_ij = 0 for j ≥ i: each stage follows from those before it

    def __init__(self, A=None, b=None, order=None):
        refuse(
            self.A is not None and not (A is None and b is None),
            f"{type(self).__name__} has its own tableau: write {type(self).__name__}()",
            TypeError,
        )
        refuse(
            self.A is None and (A is None or b is None),
            f"RungeKutta needs a tableau: write RungeKutta(A, b), got A = {A!r}, b = {b!r}",
            TypeError,
        )
        self.A, self.b = tableau(*((A, b) if self.A is None else (self.A, self.b)))
        self.explicit = not any(any(row[i:]) for i, row in enumerate(self.A))
        self.dtypes = None if self.explicit else "fdFD"
        order = None if order is None else dimension(order, "order")
        found, claimed = tableau_order(self.A, self.b), self.order if order is None else order
        refuse(
            claimed not in (None, found),
            f"{self!r} claims order {claimed}, but its tableau meets the conditions of order "
            f"{found}",
        )
        self.order = found

    @property
    def stages(self):
        """s, the evaluations of the field in a step."""
        return len(self.b)

    @property
    def symmetric(self):
        """True if a_ij + a_{s+1−i, s+1−j} = b_j, so that the step with −h is the inverse."""
        return is_symmetric(self.A, self.b)

    def arguments(self):
        """What builds it again: nothing, for a method with a name."""
        return {"A": self.A, "b": self.b} if type(self) is RungeKutta else {}

    def step(self, field, x, h):
        if not self.explicit:
            return Stages(self, field, x, h).y
        K = []
        for a in self.A:
            K.append(field._value(advance(x, h, a, K)))
        return advance(x, h, self.b, K)

    def _stages(self, field, x, h):
        """Ψ^h(x), its pullback w ↦ dx, dtheta, κ, and the slopes K_i = X(Y_i)."""
        if not self.explicit:
            return Stages(self, field, x, h).vjp()
        K, pullbacks = [], []
        for a in self.A:
            k, pullback = field._vjp(advance(x, h, a, K))
            K.append(k)
            pullbacks.append(pullback)

        def pullback(w):
            # κ_i = b_i w + Σ_j a_ji η_j, once the later stages have paid
            kappa = [w if b_i == 1 else b_i * w for b_i in self.b]
            dx, dtheta = w, None
            for i in reversed(range(len(pullbacks))):
                eta, dtheta_i = pullbacks[i](h * kappa[i])  # η_i = X′(Y_i)ᵀ(hκ_i)
                for j, a_ij in enumerate(self.A[i]):
                    if a_ij:
                        kappa[j] = kappa[j] + a_ij * eta
                dx = dx + eta
                dtheta = dtheta_i if dtheta is None else dtheta + dtheta_i
            return dx, dtheta, kappa

        return advance(x, h, self.b, K), pullback, K

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        if not self.explicit:
            return Stages(self, field, x, h).jvp(v, dtheta, dh)
        K, dK = [], []
        for a in self.A:
            Y, dY = advance(x, h, a, K), advance(advance(v, h, a, dK), dh, a, K)
            k, dk = field._jvp(Y, dY, dtheta)
            K.append(k)
            dK.append(dk)
        return advance(x, h, self.b, K), advance(advance(v, h, self.b, dK), dh, self.b, K)

    def solves(self, field):
        """True for a shear: all stages have the slope X(x)."""
        return getattr(field, "is_shear", False)

    def keeps_invariant(self, field, I):
        """True for linear I, and for quadratic ones if M = 0."""
        degree = getattr(I, "degree", None)
        return degree == 1 or degree == 2 and is_symplectic(self.A, self.b)

    def keeps_geometry(self, field):
        """If M = 0 the symplectic form, and with it volume; with at most two stages volume for any
        partitioned field, too (Hairer, Lubich and Wanner, 2006, VI.9)."""
        if not is_symplectic(self.A, self.b):
            return frozenset()
        kept, few = geometry_of(field), len(self.b) <= 2
        volume = "symplectic" in kept or few and isinstance(field, PartitionedField)
        return kept if volume else kept - {"volume"}

    def inverse(self, field, y, h):
        """The step with −h, if the method is symmetric, or on a shear, which it solves exactly;
        NotImplementedError otherwise."""
        back = self.symmetric or self.solves(field)
        return self._step(field, y, -h) if back else super()._inverse(field, y, h)

    def adjoint_tableau(self):
        """(Â, b), the Runge–Kutta method by which `vjp` integrates λ̇ = −X′(x)ᵀλ. ValueError if a
        weight b_i is zero."""
        return adjoint_tableau(self.A, self.b)

    def stability_function(self, z):
        """R(z), by which a step of ẏ = λy multiplies y, z = hλ: complex, any shape."""
        return stability_function(self.A, self.b, z)

    def contractivity_radius(self):
        """The r for which a step h ≤ 2r/L of −∇V, V convex, ∇V L-Lipschitz, is non-expansive; 0 if
        there is none."""
        return contractivity_radius(self.A, self.b)

    def non_expansive_step(self, field):
        """2rν, r the method's contractivity radius and ν the field's cocoercivity: 2r/L for −∇V,
        rounded down. ∞ for r = ∞ and any field with μ ≤ 0: the method is B-stable."""
        require_field(field)
        r = self.contractivity_radius()
        if r == math.inf and field.one_sided_lipschitz() <= 0:
            return math.inf
        if r in (0, math.inf):
            return super()._non_expansive_step(field)
        return longest_contracting_step(self.A, self.b, field)

    def lipschitz(self, field, h):
        """Explicit, one stage: the sharpest of the three levels that the field allows. Explicit,
        more: see `tableau_lipschitz`. Implicit, one stage: see `one_stage_lipschitz`. Implicit,
        more: 1 up to the longest non-expansive step; NotImplementedError beyond, and for h < 0."""
        if self.explicit:
            return tableau_lipschitz(self.A, self.b, field, h)
        require_field(field)
        if len(self.b) == 1:
            return one_stage_lipschitz(self, field, h)
        if h > 0 and h <= self._non_expansive_step(field):
            return 1.0
        raise NotImplementedError(
            f"{self!r} has a Lipschitz constant for steps 0 < h ≤ non_expansive_step(field), "
            f"got h = {h:.3g}"
        )


class Euler(RungeKutta):
    """x⁺ = x + hX(x), order one: a layer of a ResNet. It has its own A, b and order: write Euler().

    Examples
    --------
    >>> X, x = dnn.ResidualField.random(2, width=5, rng=0), np.array([1.0, 2.0])
    >>> layer = x + 0.1 * X.B(np.tanh(X.A(x) + X.b))
    >>> np.allclose(dnn.Euler().step(X, x, h=0.1), layer)
    True
    """

    A = [[]]
    b = [1]
    order = 1


class Heun(RungeKutta):
    """The explicit trapezoidal rule, order two (not Heun's third-order method). It has its own A, b
    and order: write Heun().

    Examples
    --------
    >>> X, x, h = dnn.systems.pendulum(), np.array([1.0, 0.0]), 0.1
    >>> slopes = X(x), X(x + h * X(x))
    >>> np.allclose(dnn.Heun().step(X, x, h), x + h * (slopes[0] + slopes[1]) / 2)
    True
    >>> print(dnn.Heun().stability_function(1.0).real)  # 1 + z + z²/2 at z = 1
    2.5
    """

    A = [[], [1]]
    b = [1 / 2, 1 / 2]
    order = 2


class ExplicitMidpoint(RungeKutta):
    """x⁺ = x + hX(x + ½hX(x)), order two. It has its own A, b and order: write ExplicitMidpoint().

    Examples
    --------
    >>> X, x = dnn.systems.pendulum(), np.array([1.0, 0.0])
    >>> halfway = x + 0.05 * X(x)
    >>> np.allclose(dnn.ExplicitMidpoint().step(X, x, h=0.1), x + 0.1 * X(halfway))
    True
    >>> dnn.ExplicitMidpoint().contractivity_radius()  # no step is certified; that of Heun() is 1
    0.0
    """

    A = [[], [1 / 2]]
    b = [0, 1]
    order = 2


class Ralston(RungeKutta):
    """Order two with b₁ ≠ b₂: the method that notices a reversed index in an adjoint. It has its
    own A, b and order: write Ralston().

    Examples
    --------
    Its vjp integrates λ̇ = −X′(x)ᵀλ by another tableau, â_ij = b_j − b_j a_ji/b_i:

    >>> A_hat, b = dnn.Ralston().adjoint_tableau()
    >>> np.round(A_hat, 3).tolist()
    [[0.25, -1.25], [0.25, 0.75]]
    """

    A = [[], [2 / 3]]
    b = [1 / 4, 3 / 4]
    order = 2


class Kutta3(RungeKutta):
    """Kutta's third-order method, with the weights of Simpson's rule. It has its own A, b and
    order: write Kutta3().

    Examples
    --------
    >>> [round(6 * b_i) for b_i in dnn.Kutta3().b]
    [1, 4, 1]
    >>> z = 0.01
    >>> R = dnn.Kutta3().stability_function(z).real
    >>> print(round((np.exp(z) - R) / z**4, 2))  # eᶻ = R(z) + z⁴/24 + …
    0.04
    """

    A = [[], [1 / 2], [-1, 2]]
    b = [1 / 6, 2 / 3, 1 / 6]
    order = 3


class RK4(RungeKutta):
    """The classical method of order four. It has its own A, b and order: write RK4().

    Examples
    --------
    Half the step, a sixteenth of the error:

    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0])
    >>> exact = np.array([np.cos(1.0), -np.sin(1.0)])
    >>> coarse, fine = (dnn.Flow(X, 1 / n, dnn.RK4(), steps=n) for n in (20, 40))
    >>> round(np.linalg.norm(coarse(x) - exact) / np.linalg.norm(fine(x) - exact))
    16
    """

    A = [[], [1 / 2], [0, 1 / 2], [0, 0, 1]]
    b = [1 / 6, 1 / 3, 1 / 3, 1 / 6]
    order = 4


def advance(x, h, weights, K):
    """x + h Σ_j weights_j K_j; zero weights cost nothing."""
    for w, k in zip(weights, K, strict=False):
        if w:
            x = x + (h * w) * k
    return x
