"""Runge–Kutta methods: a method is its Butcher tableau; step, adjoint and tangent are written once for all tableaus."""

import math

import numpy as np

from ..maps import dimension, inner
from .bounds import cocoercivity, contractivity_radius, euler_lipschitz, stability_matrix
from .method import Method, check_dh, check_step, real_step


class RungeKutta(Method):
    """Y_i = x + hΣ_j a_ij X(Y_j), Ψ^h(x) = x + hΣ_i b_i X(Y_i), explicit: a_ij = 0 for j ≥ i.

    `RungeKutta(A, b)` takes any explicit tableau: rows of A as in the books, [[], [a₂₁], [a₃₁, a₃₂]], or the full
    square matrix. Its order is found from Butcher's order conditions; an `order` that is claimed is held against
    them. A method with a name is a subclass with A, b and order in its body. ValueError where shapes disagree, a
    coefficient is not finite, the tableau is not explicit, Σ b_i ≠ 1, or the order is not what is claimed. Every
    Runge–Kutta method keeps linear invariants (mass).
    """

    A, b = None, None

    def __init__(self, A=None, b=None, order=None):
        if self.A is not None and not (A is None and b is None):
            raise TypeError(f"{type(self).__name__} has its own tableau: write {type(self).__name__}()")
        if self.A is None and (A is None or b is None):
            raise TypeError(f"RungeKutta needs a tableau: write RungeKutta(A, b), got A = {A!r}, b = {b!r}")
        self.A, self.b = explicit_tableau(*((A, b) if self.A is None else (self.A, self.b)))
        order = None if order is None else dimension(order, "order")
        found, claimed = tableau_order(self.A, self.b), self.order if order is None else order
        if claimed not in (None, found):
            raise ValueError(f"{self!r} claims order {claimed}, but its tableau meets the conditions of order {found}")
        self.order = found

    def step(self, field, x, h):
        self.require(field)
        h = check_step(h)
        x, K = field.state(x), []
        for a in self.A:
            K.append(field(advance(x, h, a, K)))
        return advance(x, h, self.b, K)

    def vjp(self, field, x, h):
        self.require(field)
        h = check_step(h)
        x, K, pullbacks = field.state(x), [], []
        for a in self.A:
            k, pullback = field.vjp(advance(x, h, a, K))
            K.append(k)
            pullbacks.append(pullback)

        def pullback(w):
            w = field.covector(w, x)
            dx, dtheta, dh, eta = w, [], 0.0, [None] * len(K)
            for i in reversed(range(len(K))):  # κ_i = h b_i w + h Σ_j a_ji η_j is the covector at the slope K_i
                column = [row[i] for row in self.A[i + 1 :]]
                kappa = advance((h * self.b[i]) * w, h, column, eta[i + 1 :])
                eta[i], dtheta_i = pullbacks[i](kappa)
                dx, dh = dx + eta[i], dh + inner(kappa, K[i]) / h
                dtheta.append(dtheta_i)
            return dx, sum(dtheta[1:], dtheta[0]), dh

        return advance(x, h, self.b, K), pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        self.require(field)
        h, dh = check_step(h), check_dh(dh)
        x, K, dK = field.state(x), [], []
        v = field.tangent(v, x)
        for a in self.A:
            Y, dY = advance(x, h, a, K), advance(advance(v, h, a, dK), dh, a, K)
            k, dk = field.jvp(Y, dY, dtheta)
            K.append(k)
            dK.append(dk)
        return advance(x, h, self.b, K), advance(advance(v, h, self.b, dK), dh, self.b, K)

    def preserves(self, field):
        self.require(field)
        return frozenset(field.keeps) & {"mass"}

    def __repr__(self):
        return f"RungeKutta({self.A}, {self.b})" if type(self) is RungeKutta else super().__repr__()

    def arguments(self):
        """What builds it again: nothing, for a method with a name."""
        return {"A": self.A, "b": self.b} if type(self) is RungeKutta else {}

    def adjoint_tableau(self):
        """(Â, b), â_ij = b_j − b_j a_ji/b_i: the Runge–Kutta method by which `vjp` integrates λ̇ = −X′(x)ᵀλ.

        The pair of methods keeps λᵀδ, as symplectic partitioned methods keep quadratic invariants. Run forward in time Â is
        implicit; backward from λ_{n+1}, as `vjp` runs it, explicit. ValueError where a weight b_i is zero. Source:
        Sanz-Serna, SIAM Review 58 (2016).
        """
        if not all(self.b):
            raise ValueError(f"{self!r} has the weights b = {self.b}: the adjoint tableau divides by each of them")
        A = [[*row, *[0.0] * (len(self.b) - len(row))] for row in self.A]
        pairs = range(len(self.b))
        return [[self.b[j] - self.b[j] * A[j][i] / self.b[i] for j in pairs] for i in pairs], list(self.b)

    def contractivity_radius(self):
        """The r for which a step h ≤ 2r/L of −∇V, V convex, ∇V L-Lipschitz, is non-expansive; 0 where there is none."""
        return contractivity_radius(self.A, self.b)

    def non_expansive_step(self, field):
        """2rν, r the method's contractivity radius and ν the field's cocoercivity: 2r/L for −∇V."""
        self.require(field)
        r = self.contractivity_radius()
        return 2 * r * cocoercivity(field) if r else super().non_expansive_step(field)

    def lipschitz(self, field, h):
        """One stage: the sharpest of the three levels that the field allows. More: with stages that grow by at most
        ℓ_i = 1 + |h|LΣ_j|a_ij|ℓ_j it is 1 + |h|LΣ_i|b_i|ℓ_i, and for fields that contract, h > 0 and b ≥ 0, at most
        √(1 + (hL)² max(0, −λ) Σ_i ℓ_i²), λ the smallest eigenvalue of M + (2ν/h)B: 1 for steps up to 2rν."""
        self.require(field)
        h = real_step(h)
        if len(self.b) == 1:
            return euler_lipschitz(field, h)
        hL, stages = abs(h) * field.lipschitz(), []
        for a in self.A:
            stages.append(1 + hL * sum(abs(a_j) * s for a_j, s in zip(a, stages, strict=True)))
        bound = 1 + hL * sum(abs(b_i) * s for b_i, s in zip(self.b, stages, strict=True))
        if h < 0 or min(self.b) < 0:
            return bound
        try:
            nu = cocoercivity(field)
        except NotImplementedError:
            return bound
        M = stability_matrix(self.A, self.b) + np.diag(self.b) * min(2 * nu / h, 1e6)
        expansion = max(0.0, -float(np.linalg.eigvalsh(M)[0])) * hL**2 * sum(s * s for s in stages)
        return min(bound, math.sqrt(1 + expansion))


class Euler(RungeKutta):
    """x⁺ = x + hX(x), order one: a layer of a ResNet."""

    A = [[]]
    b = [1]
    order = 1


class Heun(RungeKutta):
    """The explicit trapezoidal rule, order two (not Heun's third-order method)."""

    A = [[], [1]]
    b = [1 / 2, 1 / 2]
    order = 2


class ExplicitMidpoint(RungeKutta):
    """x⁺ = x + hX(x + ½hX(x)), order two."""

    A = [[], [1 / 2]]
    b = [0, 1]
    order = 2


class Ralston(RungeKutta):
    """Order two with b₁ ≠ b₂: the method that notices a reversed index in an adjoint."""

    A = [[], [2 / 3]]
    b = [1 / 4, 3 / 4]
    order = 2


class Kutta3(RungeKutta):
    """Kutta's third-order method, with the weights of Simpson's rule."""

    A = [[], [1 / 2], [-1, 2]]
    b = [1 / 6, 2 / 3, 1 / 6]
    order = 3


class RK4(RungeKutta):
    """The classical method of order four."""

    A = [[], [1 / 2], [0, 1 / 2], [0, 0, 1]]
    b = [1 / 6, 1 / 3, 1 / 3, 1 / 6]
    order = 4


def advance(x, h, weights, K):
    """x + h Σ_j weights_j K_j; zero weights cost nothing."""
    for w, k in zip(weights, K, strict=False):
        if w:
            x = x + (h * w) * k
    return x


def explicit_tableau(A, b):
    """(A, b) as lists of numbers, row i of A with i entries; ValueError for what is no consistent explicit tableau."""
    try:
        A, b = [[coefficient(a) for a in row] for row in A], [coefficient(b_i) for b_i in b]
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"a tableau is a list of rows A and a list of weights b, got A = {A!r}, b = {b!r}") from None
    s = len(b)
    if s == 0 or len(A) != s or any(len(row) not in (i, s) for i, row in enumerate(A)):
        raise ValueError(
            f"a tableau with {s} weights needs {s} rows in A, row i with i entries (or all with {s}), "
            f"got rows of lengths {[len(row) for row in A]}"
        )
    if not all(map(math.isfinite, [*b, *(a for row in A for a in row)])):
        raise ValueError(f"the coefficients of a tableau must be finite, got A = {A}, b = {b}")
    for i, row in enumerate(A):
        if any(row[i:]):
            raise ValueError(
                f"the tableau is not explicit: row {i} of A is {row}, with an entry on or above the diagonal"
            )
    if abs(sum(b) - 1) > 1e-12:
        raise ValueError(f"the weights of a consistent method sum to 1, but b = {b} sums to {sum(b):g}")
    return [row[:i] for i, row in enumerate(A)], b


def coefficient(a):
    """a as a float; TypeError where it is no real number."""
    if isinstance(a, str | bytes) or np.iscomplexobj(a):
        raise TypeError(f"a coefficient is a real number, got {a!r}")
    return float(a)


def tableau_order(A, b, highest=6):
    """The largest p ≤ `highest` for which Σ_i b_i φ_i(t) = 1/γ(t) holds for all rooted trees t with at most p nodes.

    A tree is the tuple of its branches; φ(t) = Π A φ(branch), γ(t) = |t| Π γ(branch). Source: Butcher, Numerical
    Methods for Ordinary Differential Equations (2016).
    """
    A = np.array([[*row, *[0.0] * (len(b) - len(row))] for row in A])
    one = np.ones(len(b))
    forests = {0: [((), one, 1.0)]}  # nodes → [(branches, Π A φ, Π γ)]
    trees = []  # (tree, A φ, γ, nodes), as they are found
    for p in range(1, highest + 1):
        for branches, phi, gamma in forests[p - 1]:
            if abs(b @ phi - 1 / (p * gamma)) > 1e-12:
                return p - 1
            trees.append((branches, A @ phi, p * gamma, p))
        forests[p] = list({
            key: (key, phi * A_phi, gamma * gamma_t)
            for tree, A_phi, gamma_t, nodes in trees
            for branches, phi, gamma in forests[p - nodes]
            for key in [tuple(sorted((*branches, tree)))]
        }.values())  # fmt: skip
    return highest
