"""One step Ψ^h of a numerical method as a map, x ↦ Ψ^h(x), with adjoint, tangent and ∂/∂h written by hand.

A method is data: the body of a Runge–Kutta class is its Butcher tableau, that of a partitioned method its list of shears, that
of a splitting its list of substeps; step, adjoint and tangent are written once for each kind. With stages
Y_i = x + hΣ_j a_ij K_j, K_i = X(Y_i), the adjoint of a Runge–Kutta step runs backwards through them:

    κ_i = b_i w + Σ_j a_ji η_j,   η_i = X′(Y_i)ᵀ(h κ_i),   dx = w + Σ_i η_i

It is the exact derivative of the discrete map. Sources: Hager, Numer. Math. 87 (2000); Sanz-Serna, SIAM Review 58 (2016);
Hairer, Lubich and Wanner, Geometric Numerical Integration (2006).
"""

import math

import numpy as np

from .fields import PartitionedField, SumField


class Method:
    """A one-step method: `order`, `step`, `vjp`, `jvp`, and where they are known `inverse` and `lipschitz`.

    Steps h may be negative (reversal). A step that is zero, NaN or infinite is a ValueError.
    """

    order = None

    def step(self, field, x, h):
        """Ψ^h(x), shape (..., d)."""
        raise NotImplementedError(f"{type(self).__name__} has no step: write step(self, field, x, h)")

    def vjp(self, field, x, h):
        """Ψ^h(x) and its pullback w ↦ (∂Ψ/∂x)ᵀw, (∂Ψ/∂θ)ᵀw summed over the batch, ⟨w, ∂Ψ/∂h⟩ (a number)."""
        raise NotImplementedError(f"{type(self).__name__} has no hand-written adjoint: write vjp(self, field, x, h)")

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        """Ψ^h(x) and its tangent (∂Ψ/∂x) v + (∂Ψ/∂θ) dtheta + (∂Ψ/∂h) dh."""
        raise NotImplementedError(f"{type(self).__name__} has no hand-written tangent: write jvp(self, field, x, h, v, dtheta, dh)")

    def inverse(self, field, y, h):
        """The x with Ψ^h(x) = y, where it is explicit."""
        raise NotImplementedError(f"{type(self).__name__} has no explicit inverse")

    def lipschitz(self, field, h):
        """A certified Lipschitz constant of Ψ^h."""
        raise NotImplementedError(f"no Lipschitz constant of {type(self).__name__} is known")

    def preserves(self, field):
        """The part of `field.keeps` that every step keeps."""
        return frozenset()

    def require(self, field):
        """TypeError where the field is of a kind that the method cannot step."""

    def __repr__(self):
        return f"{type(self).__name__}()"


# ---------------------------------------------------------------- Runge–Kutta


class RungeKutta(Method):
    """Y_i = x + hΣ_j a_ij X(Y_j), Ψ^h(x) = x + hΣ_i b_i X(Y_i), explicit: a_ij = 0 for j ≥ i.

    `RungeKutta(A, b)` takes any explicit tableau: rows of A as in the books, [[], [a₂₁], [a₃₁, a₃₂]], or the full square
    matrix. Its order is found from Butcher's order conditions. ValueError where shapes disagree, a coefficient is
    not finite, the tableau is not explicit, or Σ b_i ≠ 1. Every Runge–Kutta method keeps linear invariants (mass).
    """

    A, b = None, None

    def __init__(self, A=None, b=None):
        if self.A is not None and not (A is None and b is None):
            raise TypeError(f"{type(self).__name__} has its own tableau: write {type(self).__name__}()")
        if self.A is None and (A is None or b is None):
            raise TypeError("RungeKutta needs a tableau: write RungeKutta(A, b)")
        self.A, self.b = explicit_tableau(*((A, b) if self.A is None else (self.A, self.b)))
        if self.order is None:
            self.order = tableau_order(self.A, self.b)

    def step(self, field, x, h):
        check_step(h)
        x, K = field.state(x), []
        for a in self.A:
            K.append(field(advance(x, h, a, K)))
        return advance(x, h, self.b, K)

    def vjp(self, field, x, h):
        check_step(h)
        x, K, pullbacks = field.state(x), [], []
        for a in self.A:
            k, pullback = field.vjp(advance(x, h, a, K))
            K.append(k)
            pullbacks.append(pullback)

        def pullback(w):
            kappa = [b_i * w for b_i in self.b]  # covectors at the slopes, up to h
            dx, dtheta = w, 0.0
            dh = sum((k * K_i).sum() for k, K_i in zip(kappa, K, strict=True))
            for i in reversed(range(len(K))):
                eta, dtheta_i = pullbacks[i](h * kappa[i])
                dx, dtheta = dx + eta, dtheta + dtheta_i
                for j, a_ij in enumerate(self.A[i]):
                    if a_ij:
                        kappa[j] = kappa[j] + a_ij * eta
                        dh += a_ij * (eta * K[j]).sum()
            return dx, dtheta, dh

        return advance(x, h, self.b, K), pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        check_step(h)
        x, K, dK = field.state(x), [], []
        for a in self.A:
            Y, dY = advance(x, h, a, K), advance(advance(v, h, a, dK), dh, a, K)
            k, dk = field.jvp(Y, dY, dtheta)
            K.append(k)
            dK.append(dk)
        return advance(x, h, self.b, K), advance(advance(v, h, self.b, dK), dh, self.b, K)

    def preserves(self, field):
        return frozenset(field.keeps) & {"mass"}

    def lipschitz(self, field, h):
        """One stage: the sharpest of the three levels that the field allows. More: ℓ_i = 1 + |h|LΣ_j|a_ij|ℓ_j, stage by stage."""
        if len(self.b) == 1:
            return euler_lipschitz(field, h)
        hL, stages = abs(h) * field.lipschitz(), []
        for a in self.A:
            stages.append(1 + hL * sum(abs(a_j) * s for a_j, s in zip(a, stages, strict=True)))
        return 1 + hL * sum(abs(b_i) * s for b_i, s in zip(self.b, stages, strict=True))


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
        A, b = [[float(a) for a in row] for row in A], [float(b_i) for b_i in b]
    except TypeError:
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
            raise ValueError(f"the tableau is not explicit: row {i} of A is {row}, with an entry on or above the diagonal")
    if abs(sum(b) - 1) > 1e-12:
        raise ValueError(f"the weights of a consistent method sum to 1, but b = {b} sums to {sum(b):g}")
    return [row[:i] for i, row in enumerate(A)], b


def tableau_order(A, b, highest=6):
    """The largest p ≤ `highest` for which Σ_i b_i φ_i(t) = 1/γ(t) holds for all rooted trees t with at most p nodes.

    A tree is the tuple of its branches; φ(t) = Π A φ(branch), γ(t) = |t| Π γ(branch). Source: Butcher, Numerical Methods for
    Ordinary Differential Equations (2016).
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


# ---------------------------------------------------------------- partitioned fields: compositions of shears


class PartitionedMethod(Method):
    """A composition of shears x ← x + c h f(v) and v ← v + c h g(x), as the pairs ("f", c), ("g", c) of `shears`.

    Each shear has determinant one and an explicit inverse, whatever f and g are; with gradients it is symplectic.
    TypeError on a field that is not partitioned.
    """

    shears = ()

    def require(self, field):
        if not isinstance(field, PartitionedField):
            raise TypeError(f"{type(self).__name__} needs a PartitionedField (f(v), g(x)), got a {type(field).__name__}")

    def step(self, field, z, h):
        return self._steps(field, z, h, self.shears)

    def inverse(self, field, z, h):
        """The same shears in reverse order, each with −h: explicit."""
        return self._steps(field, z, -h, self.shears[::-1])

    def _steps(self, field, z, h, shears):
        self.require(field)
        check_step(h)
        x, v = field.split(field.state(z))
        for part, c in shears:
            if part == "f":
                x = x + (c * h) * field.f(v)
            else:
                v = v + (c * h) * field.g(x)
        return np.concatenate([x, v], axis=-1)

    def vjp(self, field, z, h):
        self.require(field)
        check_step(h)
        x, v = field.split(field.state(z))
        tape = []
        for part, c in self.shears:
            if part == "f":
                k, pullback = field.f.vjp(v)
                x = x + (c * h) * k
            else:
                k, pullback = field.g.vjp(x)
                v = v + (c * h) * k
            tape.append((part, c, k, pullback))

        def back(w):
            wx, wv = field.split(w)
            dtheta, dh = 0.0, 0.0
            for part, c, k, pullback in reversed(tape):
                if part == "f":
                    dv, d = pullback((c * h) * wx)
                    dh += c * (wx * k).sum()
                    wv = wv + dv
                else:
                    dx, d = pullback((c * h) * wv)
                    dh += c * (wv * k).sum()
                    wx = wx + dx
                dtheta = dtheta + field.pack(**{part: d})
            return np.concatenate([wx, wv], axis=-1), dtheta, dh

        return np.concatenate([x, v], axis=-1), back

    def jvp(self, field, z, h, dz, dtheta=None, dh=0.0):
        self.require(field)
        check_step(h)
        (x, v), (dx, dv), d = field.split(field.state(z)), field.split(dz), field.unpack(dtheta)
        for part, c in self.shears:
            if part == "f":
                k, dk = field.f.jvp(v, dv, d["f"])
                x, dx = x + (c * h) * k, dx + (c * h) * dk + (c * dh) * k
            else:
                k, dk = field.g.jvp(x, dx, d["g"])
                v, dv = v + (c * h) * k, dv + (c * h) * dk + (c * dh) * k
        return np.concatenate([x, v], axis=-1), np.concatenate([dx, dv], axis=-1)

    def preserves(self, field):
        return frozenset(field.keeps) & {"volume", "symplectic"}

    def lipschitz(self, field, h):
        """Π over the shears of ‖[[1, ℓ], [0, 1]]‖ = (ℓ + √(ℓ² + 4))/2, ℓ = |c h| L_f or |c h| L_g."""
        self.require(field)
        steps = [abs(c * h) * (field.f if part == "f" else field.g).lipschitz() for part, c in self.shears]
        return math.prod((step + math.hypot(step, 2)) / 2 for step in steps)


class SymplecticEuler(PartitionedMethod):
    """x⁺ = x + hf(v), v⁺ = v + hg(x⁺), order one."""

    shears = (("f", 1), ("g", 1))
    order = 1


class StormerVerlet(PartitionedMethod):
    """v̂ = v + ½hg(x), x⁺ = x + hf(v̂), v⁺ = v̂ + ½hg(x⁺), order two and symmetric (the leapfrog)."""

    shears = (("g", 1 / 2), ("f", 1), ("g", 1 / 2))
    order = 2


# ---------------------------------------------------------------- sums of fields: splitting


class Splitting(Method):
    """A composition of steps of the parts of a SumField, Ψ_{X_i}^{c h}, as the pairs (i, c) of `substeps(n)`.

    inner: the method for the parts, or a list with one for each. TypeError on a field that is no sum.
    """

    def __init__(self, inner):
        self.inner = inner
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
            raise TypeError(f"{type(self).__name__} needs a SumField, whose parts it steps in turn, got a {type(field).__name__}")
        for X, method in zip(field.parts, self._inners(len(field.parts)), strict=True):
            method.require(X)

    def _plan(self, field, h):
        """[(name of the part, part, its method, c, c h), …]."""
        self.require(field)
        check_step(h)
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


# ---------------------------------------------------------------- constants of one step


def euler_lipschitz(field, h):
    """A Lipschitz constant of x + hX(x), the smallest that is known of the field (three levels of knowledge):

    L alone                      1 + |h|L
    L and μ (h ≥ 0)              √(1 + 2hμ + h²L²)
    spectrum in [λ_min, λ_max]   max(|1 + hλ_min|, |1 + hλ_max|), attained by X′ with these eigenvalues

    Source: maps of convex potentials, Celledoni et al., arXiv:2210.02373; Sherry et al., arXiv:2306.17332.
    """
    try:
        return max(abs(1 + h * eigenvalue) for eigenvalue in field.spectrum())
    except NotImplementedError:
        L, mu = field.lipschitz(), field.one_sided_lipschitz()
        return math.sqrt(max(0.0, 1 + 2 * h * mu + (h * L) ** 2)) if h > 0 else 1 + abs(h) * L


def check_step(h):
    """TypeError unless h is a number, ValueError where it is zero, NaN or infinite."""
    if not isinstance(h, float | int | complex | np.number):
        raise TypeError(f"a step h must be a number, got {h!r}")
    if not 0 < abs(h) < math.inf:
        raise ValueError(f"a step h must be one finite number other than zero, got {h}")
