"""One of each: putting a class in a list here makes every property test apply to it.

A factory takes `rng` (and for maps with activations `scale`), and returns a fresh object with random parameters,
biases included.
"""

import copy

import numpy as np

import dynsys_nn as dnn
from dynsys_nn.integrators import PartitionedMethod

ACTIVATIONS = [
    dnn.Identity(), dnn.Tanh(), dnn.Sigmoid(), dnn.ReLU(), dnn.LeakyReLU(0.5), dnn.LeakyReLU(-0.3), dnn.LeakyReLU(2.0),
    dnn.LeakyReLU(-3.0), dnn.Softplus(), dnn.Sine(),
]  # fmt: skip
#: without a Lipschitz constant
STEEP = [dnn.ReLUSquared()]
ANALYTIC = [sigma for sigma in ACTIVATIONS if not isinstance(sigma, dnn.ReLU | dnn.LeakyReLU)]


def randomise(F, rng, scale=1.0):
    """F with θ ← scale · (θ + N(0, ¼)): no bias is zero, nothing is symmetric."""
    F.theta = scale * (F.theta + 0.5 * rng.normal(size=F.theta.shape))
    return F


def residual(rng, d=4, k=5, sigma=None):
    return randomise(
        dnn.ResidualField(dnn.Dense(k, d, rng=rng), sigma or dnn.Tanh(), dnn.Dense(d, k, rng=rng)),
        rng,
    )


def shear(rng, d_out, d_in):
    return randomise(
        dnn.ResidualField(dnn.Dense(5, d_in, rng=rng), dnn.Tanh(), dnn.Dense(d_out, 5, rng=rng)),
        rng,
    )


def partitioned(rng):
    return dnn.PartitionedField(shear(rng, 3, 1), shear(rng, 1, 3))


def hamiltonian(rng, n=2, sigma=None):
    """(f(v), g(x)) with f and g gradients of signed potentials."""
    return randomise(
        dnn.PartitionedField(
            dnn.GradientField(
                dnn.Dense(5, n, rng=rng), sigma or dnn.Tanh(), sign=1, alpha=rng.normal(size=5)
            ),
            dnn.GradientField(dnn.Dense(5, n, rng=rng), sigma or dnn.Sigmoid()),
        ),
        rng,
    )


def shared_shear(rng):
    """The same map as f and as g: its gradient is the sum of the two."""
    f = shear(rng, 2, 2)
    return dnn.PartitionedField(f, f)


#: an invariant that is no polynomial, in ℝ⁴: ½‖x‖² + cos x₁ + sin(x₂x₃)/2
WAVY = dnn.Invariant(
    lambda x: (x * x).sum(axis=-1) / 2 + np.cos(x[..., 0]) + np.sin(x[..., 1] * x[..., 2]) / 2,
    lambda x: x + _columns(-np.sin(x[..., 0]), x[..., 2] * _half_cos(x), x[..., 1] * _half_cos(x), 0 * x[..., 3]),
    lambda x, v: v + _columns(
        -np.cos(x[..., 0]) * v[..., 0],
        _half_cos(x) * v[..., 2] - x[..., 2] * _half_sin(x) * _product_rule(x, v),
        _half_cos(x) * v[..., 1] - x[..., 1] * _half_sin(x) * _product_rule(x, v),
        0 * v[..., 3],
    ),
)  # fmt: skip


def _columns(*columns):
    return np.stack(columns, axis=-1)


def _half_cos(x):
    return np.cos(x[..., 1] * x[..., 2]) / 2


def _half_sin(x):
    return np.sin(x[..., 1] * x[..., 2]) / 2


def _product_rule(x, v):
    return x[..., 1] * v[..., 2] + v[..., 1] * x[..., 2]


class Bare:
    """½‖x‖² with what is asked of an invariant, and no more: no word, no degree."""

    def __call__(self, x):
        return (x * x).sum(axis=-1) / 2

    def gradient(self, x):
        return x

    def hvp(self, x, v):
        return v


QUADRATIC = dnn.Quadratic([[2, 1, 0, 0], [1, 3, 0, 0], [0, 0, 1, 0.5], [0, 0, 0.5, 1]])


def invariant_field(rng, invariant):
    """(M − Mᵀ)∇I(x) in ℝ⁴, small enough for implicit steps of 0.3 from points(rng, …)."""
    return randomise(
        dnn.InvariantField(
            dnn.Dense(7, 4, rng=rng), dnn.Tanh(), invariant, dnn.Dense(6, 7, rng=rng)
        ),
        rng,
        0.5,
    )


def linear(rng):
    """A x with ‖A‖ about 2, neither symmetric nor skew."""
    return dnn.LinearField(dnn.Dense(4, 4, rng=rng))


def solved():
    """ẋ = 1/cosh x in each component, and its flow, sinh φ = sinh x + h."""

    def flow(x, h):
        return np.arcsinh(np.sinh(x) + h)

    return dnn.KnownField(
        lambda x: 1 / np.cosh(x),
        4,
        lambda x: (-np.sinh(x) / np.cosh(x) ** 2)[..., None] * np.eye(4),
        flow=flow,
        flow_jacobian=lambda x, h: (np.cosh(x) / np.cosh(flow(x, h)))[..., None] * np.eye(4),
    )


def known_skew(rng):
    """cos⟨v, x⟩ K∇I(x), K skew and I that is no polynomial."""
    v, K = 0.3 * rng.normal(size=4), 0.5 * rng.normal(size=(4, 4))
    K = K - K.T
    return dnn.KnownSkewField(
        lambda x: np.cos(x @ v)[..., None, None] * K,
        WAVY,
        dim=4,
        dS=lambda x: -np.sin(x @ v)[..., None, None, None] * K[:, :, None] * v,
    )


def constant_skew(rng):
    K = 0.3 * rng.normal(size=(4, 4))
    return dnn.KnownSkewField(K - K.T, QUADRATIC)


def sphere(rng):
    return randomise(
        dnn.SpherePreservingField(dnn.Dense(7, 4, rng=rng), dnn.Tanh(), dnn.Dense(6, 7, rng=rng)),
        rng,
    )


def lie(rng, m=6, basis=None):
    """a(x)·x with a(x) in so(4), or in the span of m matrices that are given."""
    a = dnn.ResidualField(dnn.Dense(5, 4, rng=rng), dnn.Tanh(), dnn.Dense(m, 5, rng=rng))
    return randomise(dnn.LieField(a, basis), rng, 0.7)


def lie_of_mass(rng):
    """a(x)·x in an algebra of dimension two whose columns sum to zero: the mass is kept."""
    E = 0.5 * rng.integers(-2, 3, size=(2, 4, 4))
    E[:, 3] -= E.sum(axis=1)
    return lie(rng, 2, E)


#: a constraint in the plane that a line across it meets once: q₁ + ½ sin q₂ = 0.3
CURVE = dnn.Invariant(
    lambda q: q[..., 0] + np.sin(q[..., 1]) / 2 - 0.3,
    lambda q: _columns(1 + 0 * q[..., 0], np.cos(q[..., 1]) / 2),
    lambda q, v: _columns(0 * v[..., 0], -np.sin(q[..., 1]) / 2 * v[..., 1]),
)


def heavy(rng, n=2):
    """(Mp + b, −∇V(q)) with a learned mass, M = AᵀA, A near the identity."""
    A = dnn.Dense(n, n, W=np.eye(n) + 0.2 * rng.normal(size=(n, n)))
    f = dnn.GradientField(A, dnn.Identity(), sign=1)
    f.b = 0.1 * rng.normal(size=n)
    g = dnn.GradientField(dnn.Dense(5, n, rng=rng), dnn.Sigmoid())
    return dnn.PartitionedField(f, randomise(g, rng))


def energetic(rng, n=2, signed=True):
    """J∇H(z), H with signed weights α unless they are to be left out."""
    alpha = rng.normal(size=6) if signed else None
    return randomise(
        dnn.HamiltonianField(dnn.Dense(6, 2 * n, rng=rng), dnn.Tanh(), alpha=alpha), rng
    )


def henon(rng, n=2):
    return randomise(
        dnn.HenonMap(
            dnn.GradientField(
                dnn.Dense(6, n, rng=rng), dnn.Tanh(), sign=1, alpha=rng.normal(size=6)
            )
        ),
        rng,
    )


def switched(rng):
    """Two fields with positive entries, so that both cross the plane from the same side."""
    up, down = (
        randomise(dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Softplus()), rng)
        for _ in range(2)
    )
    W = 0.5 + 0.1 * rng.normal(size=(1, 4))
    return dnn.SwitchedField(up, down, dnn.Affine(1, 4, W=W, b=[-0.4]))


def in_time(rng, d=3):
    """(N(x, t), 1) with N(x, t) = Bσ(Ax + at + b)."""
    return randomise(dnn.TimeDependent.random(d, width=5, rng=rng), rng)


def with_clocks(rng):
    """(q, s, p, t)′ = (f(p, t), 1, g(q, s), 1)."""
    return dnn.PartitionedField(in_time(rng, 1), in_time(rng, 1))


def with_a_known_clock(rng):
    """The same with a given g(t, q) = cos t − q²t."""
    g = dnn.TimeDependent(
        lambda t, q: np.cos(t)[..., None] - q**2 * t[..., None],
        1,
        lambda t, q: np.stack([-2 * q * t[..., None], -np.sin(t)[..., None] - q**2], axis=-1),
    )
    return dnn.PartitionedField(in_time(rng, 1), g)


def sympflow(rng, n=2):
    """(q, p, t) ↦ (q⁺, p⁺, t)."""
    return randomise(dnn.SympFlowLayer.random(2 * n, width=5, rng=rng), rng)


def deep(rng):
    """A scalar network on ℝ³ with two hidden layers."""
    return dnn.Network(shear(rng, 4, 3), shear(rng, 1, 4))


def twisted_jacobian(x):
    """Of x ⊙ (x₄, x₁, x₂, x₃): not symmetric."""
    return np.roll(x, 1, axis=-1)[..., None] * np.eye(4) + x[..., None] * np.roll(
        np.eye(4), -1, axis=1
    )


FIELDS = {
    "ResidualField": residual,
    "ResidualField without B": lambda rng: randomise(dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Softplus()), rng),
    "GradientField −": lambda rng: randomise(dnn.GradientField(dnn.Dense(6, 4, rng=rng), dnn.Sigmoid()), rng),
    "GradientField +": lambda rng: randomise(dnn.GradientField(dnn.Dense(3, 4, rng=rng), dnn.Sine(), sign=1), rng),
    "GradientField diag(α)": lambda rng: randomise(dnn.GradientField(dnn.Dense(6, 4, rng=rng), dnn.Tanh(), alpha=rng.normal(size=6)), rng),
    "GradientOf": lambda rng: randomise(dnn.GradientOf.random(4, (5, 3), rng=rng), rng),
    "PartitionedField": partitioned,
    "PartitionedField of gradients": hamiltonian,
    "PartitionedField shared": shared_shear,
    "MassPreservingField vec M": lambda rng: randomise(dnn.MassPreservingField(dnn.Dense(16, 4, rng=rng), dnn.Tanh()), rng),
    "MassPreservingField triangle": lambda rng: randomise(dnn.MassPreservingField(dnn.Dense(6, 4, rng=rng), dnn.Sine()), rng),
    "MassPreservingField C": lambda rng: randomise(
        dnn.MassPreservingField(dnn.Dense(7, 4, rng=rng), dnn.Tanh(), dnn.Dense(6, 7, rng=rng)), rng),
    "InvariantField ½‖x‖²": lambda rng: randomise(
        dnn.InvariantField(dnn.Dense(7, 4, rng=rng), dnn.Tanh(), dnn.SquaredNorm(), dnn.Dense(16, 7, rng=rng)), rng),
    "InvariantField ½xᵀQx": lambda rng: invariant_field(rng, QUADRATIC),
    "InvariantField of a given I": lambda rng: invariant_field(rng, WAVY),
    "SpherePreservingField": sphere,
    "GradientField on a Convolution": lambda rng: randomise(
        dnn.GradientField(dnn.Convolution(3, 1, (2, 2), kernel=1, rng=rng), dnn.Tanh()), rng),
    "HamiltonianField": lambda rng: energetic(rng, signed=False),
    "HamiltonianField diag(α)": energetic,
    "HamiltonianOf": lambda rng: randomise(dnn.HamiltonianOf.random(4, (5, 3), dnn.Sine(), rng=rng), rng),
    "LieField": lie,
    "LieField that keeps mass": lie_of_mass,
    "SumField": lambda rng: dnn.SumField(residual(rng), randomise(dnn.GradientField(dnn.Dense(6, 4, rng=rng), dnn.Tanh()), rng)),
    "TimeDependent": in_time,
    "TimeDependent of a gradient": lambda rng: randomise(dnn.TimeDependent.random(3, width=5, gradient=True, rng=rng), rng),
    "PartitionedField with a Known clock": with_a_known_clock,
    "OwnTime": lambda rng: dnn.OwnTime(residual(rng, 3)),
    "KnownField": lambda rng: dnn.KnownField(lambda x: x * np.roll(x, 1, axis=-1), 4, twisted_jacobian),
    "KnownField with its flow": lambda rng: solved(),
    "LinearField": linear,
    "SwitchedField": switched,
    "KnownSkewField": known_skew,
    "KnownSkewField of a matrix": constant_skew,
    "TangentField ½‖x‖²": lambda rng: dnn.TangentField(residual(rng), dnn.SquaredNorm()),
    "TangentField of a given I": lambda rng: dnn.TangentField(energetic(rng), WAVY),
}  # fmt: skip

LINEAR = {
    "Dense": lambda rng: dnn.Dense(5, 4, rng=rng),
    "Dense wide": lambda rng: dnn.Dense(3, 4, rng=rng),
    "Affine": lambda rng: randomise(dnn.Affine(5, 4, rng=rng), rng),
    "Lift": lambda rng: dnn.Lift(6, 4),
    "Restriction": lambda rng: dnn.Restriction(2, 4),
    "identity": lambda rng: dnn.Lift(4, 4),
    "Convolution": lambda rng: randomise(dnn.Convolution(3, 4, (1, 1), kernel=1, rng=rng), rng),
    "ChannelLift": lambda rng: dnn.ChannelLift(3, 2, (1, 2)),
    "ChannelRestriction": lambda rng: dnn.ChannelRestriction(1, 2, (1, 2)),
    "AveragePooling": lambda rng: dnn.AveragePooling(1, (2, 2)),
    "Zero": lambda rng: dnn.Zero(3, 4),
    "Selection": lambda rng: dnn.Selection([2, 0, -1], 4),
    "Laplacian": lambda rng: dnn.Laplacian((1, 4), dx=0.7),
    "PeriodicGradient": lambda rng: dnn.PeriodicGradient((2, 2), dx=0.7),
}

#: maps that are neither fields nor linear, of states in ℝ⁴ if nothing else is said
MAPS = {
    "HenonMap": henon,
    "MaxPooling": lambda rng: dnn.MaxPooling(1, (2, 2)),
    "MaxMin": lambda rng: dnn.MaxMin(4),
    "Parallel": lambda rng: dnn.Parallel(dnn.MaxMin(3), randomise(dnn.Affine(1, 1, rng=rng), rng)),
    "Parallel of one map twice": lambda rng: dnn.Parallel(
        F := randomise(dnn.Affine(3, 2, rng=rng), rng), F
    ),
    "Frozen": lambda rng: dnn.Frozen(randomise(dnn.Affine(3, 4, rng=rng), rng)),
    "IdentityMinus": lambda rng: dnn.IdentityMinus(dnn.Flow(residual(rng), 0.3, learn_h=True)),
    "Standardisation": lambda rng: dnn.Standardisation(2, (1, 2), mean=0.3, scale=[0.5, 2.0]),
    "Flow": lambda rng: dnn.Flow(residual(rng), 0.2, dnn.Heun(), steps=2, learn_h=True),
    "StartedAt": lambda rng: dnn.StartedAt(
        dnn.Flow(in_time(rng, 4), 0.2, LOPSIDED, steps=2), t0=0.7
    ),
    "TrialFlow": lambda rng: dnn.TrialFlow(shear(rng, 3, 4)),
    "SympFlowLayer in ℝ⁵": sympflow,
    "SympFlowLayer of networks in ℝ⁵": lambda rng: dnn.SympFlowLayer(deep(rng), deep(rng)),
    "FlowAt": lambda rng: dnn.FlowAt(dnn.Network(sympflow(rng), sympflow(rng)), 0.7),
    "Residual": lambda rng: dnn.Residual(
        dnn.Network(sympflow(rng, 1), dnn.Affine(4, 3, rng=rng), dnn.TrialFlow(shear(rng, 3, 4))),
        residual(rng, 3),
    ),
    "Network": lambda rng: dnn.Network(residual(rng), dnn.Affine(3, 4, rng=rng)),
    "Rollout": lambda rng: dnn.Rollout(residual(rng), 2),
}

INVARIANTS = [dnn.Mass(), dnn.SquaredNorm(), dnn.Sphere(1.5), QUADRATIC, WAVY]
LOSSES = [
    dnn.MeanSquaredError(),
    dnn.SoftmaxCrossEntropy(),
    dnn.MulticlassHinge(0.7),
    dnn.BinaryCrossEntropy(),
]
TWO_POINT_GRADIENTS = [dnn.Gonzalez(), dnn.MeanValue(), dnn.ItohAbe(), dnn.ItohAbe(backward=True)]
OPTIMISERS = [dnn.SGD(0.1, momentum=0.9), dnn.Adam(1e-2), dnn.LBFGS()]
RATES = [dnn.OneCycle(1e-3, 5e-2, rise=0.4), dnn.Steps(5e-3, every=0.45), dnn.Cosine(0.1)]
ADJOINTS = [dnn.Stored(), dnn.Checkpoints(), dnn.Reversed()]
ATTACKS = [dnn.PGD(0.1, steps=3)]
RESULTS = [dnn.History(), dnn.Check("a check", 0.1, 1.0), dnn.presnov(dnn.systems.pendulum())]


def constraints(rng):
    """One of each constraint and penalty, on maps of their own."""
    A = dnn.Dense(4, 3, rng=rng)
    steps = [
        dnn.Flow(X, 0.1, learn_h=True)
        for X in (gradient_field(rng), gradient_field(rng, sign=1), gradient_field(rng))
    ]
    yield from (
        dnn.Orthogonal(A),
        dnn.SpectralBall(A),
        dnn.TowardsOrthogonal(A),
        dnn.OrthogonalityPenalty(A),
        dnn.Smoothness(dnn.Dense(4, 3, rng=rng), A),
    )
    yield from (
        dnn.StepSizes(*steps[:2]),
        dnn.SignedSteps(steps[0], steps[2]),
        dnn.NonExpansiveSteps(dnn.Flow(gradient_field(rng), 0.1, dnn.Heun()), T=3.0),
        dnn.BlockBall(dnn.Network(dnn.Affine(3, 2, rng=rng), dnn.MaxMin(3))),
    )


def gradient_field(rng, sign=-1):
    """∓Aᵀσ(Ax), A orthogonal and σ with slopes in [½, 1]."""
    return dnn.GradientField(
        dnn.Dense(2, 2, W=np.linalg.qr(rng.normal(size=(2, 2)))[0]), dnn.LeakyReLU(0.5), sign=sign
    )


#: a tableau with no symmetry, order two: what a reversed index in an adjoint cannot survive
LOPSIDED = dnn.RungeKutta([[], [0.4], [0.2, 0.7]], [0.1, 0.62, 0.28])

RUNGE_KUTTA = [
    dnn.Euler(),
    dnn.Heun(),
    dnn.ExplicitMidpoint(),
    dnn.Ralston(),
    dnn.Kutta3(),
    dnn.RK4(),
    LOPSIDED,
]


#: a singular A, rows of A that are no stages of a polynomial, and no symmetry: order two
SINGLY = dnn.RungeKutta([[0, 0, 0], [0.3, 0.25, 0], [0.1, 0.5, 0.2]], [0.14, 0.752, 0.108])

IMPLICIT_RUNGE_KUTTA = [
    dnn.ImplicitMidpoint(),
    dnn.ImplicitEuler(),
    dnn.Gauss(2),
    dnn.RadauIIA(3),
    SINGLY,
]


class PositionVerlet(PartitionedMethod):
    """A list of shears of one's own: half a step of x, a step of v, half a step of x."""

    shears, order = (("f", 1 / 2), ("g", 1), ("f", 1 / 2)), 2


PARTITIONED = [dnn.SymplecticEuler(), dnn.StormerVerlet(), PositionVerlet()]
SPLITTINGS = [
    dnn.LieTrotter(),
    dnn.LieTrotter(dnn.RK4()),
    dnn.Strang(),
    dnn.Strang(dnn.Kutta3()),
    dnn.Strang([dnn.RK4(), dnn.Ralston()]),
]


YOSHIDAS = [dnn.Yoshida(), dnn.Yoshida(PositionVerlet()), dnn.Yoshida(dnn.Yoshida())]


def explicit_pairs(rng):
    """(name, method, field) for every explicit method on a field of its kind."""
    for method in RUNGE_KUTTA:
        yield repr(method), method, residual(rng)
    for method in PARTITIONED + YOSHIDAS:
        yield repr(method), method, partitioned(rng)
        yield f"{method!r}, shared f = g", method, shared_shear(rng)
    for method in SPLITTINGS:
        yield repr(method), method, FIELDS["SumField"](rng)
    shears = dnn.SumField(partitioned(rng), hamiltonian(rng))
    yield "Strang of Störmer–Verlet", dnn.Strang(dnn.StormerVerlet()), shears
    yield (
        "Yoshida of Strang",
        dnn.Yoshida(dnn.Strang(dnn.StormerVerlet())),
        dnn.SumField(partitioned(rng), hamiltonian(rng)),
    )
    exact = dnn.ExactFlow()
    yield "ExactFlow, linear", exact, linear(rng)
    halves = [shear(rng, 2, 2) for _ in range(2)]
    shears = (
        dnn.PartitionedField(halves[0], dnn.Zero(2, 2)),
        dnn.PartitionedField(dnn.Zero(2, 2), halves[1]),
    )
    yield "ExactFlow, shear", exact, shears[0]
    yield "Strang of exact flows", dnn.Strang(exact), dnn.SumField(linear(rng), *shears)
    X = residual(rng)
    yield (
        "LieTrotter of a shared part",
        dnn.LieTrotter(dnn.Heun()),
        dnn.SumField(X, FIELDS["GradientField −"](rng), X),
    )


def implicit_pairs(rng):
    """(name, method, field) for every implicit method and every projection."""
    midpoint, gonzalez = dnn.ImplicitMidpoint(), dnn.DiscreteGradient()
    for method in IMPLICIT_RUNGE_KUTTA:
        yield repr(method), method, residual(rng)
    yield "ImplicitMidpoint, Hamiltonian", midpoint, energetic(rng)
    yield "Cayley, norm", dnn.Cayley(), sphere(rng)
    yield "Cayley, quadratic", dnn.Cayley(), invariant_field(rng, QUADRATIC)
    yield "Cayley, mass", dnn.Cayley(), FIELDS["MassPreservingField C"](rng)
    yield "DiscreteGradient, energy", gonzalez, energetic(rng)
    yield "DiscreteGradient, given I", gonzalez, invariant_field(rng, WAVY)
    yield "DiscreteGradient of an I given", dnn.DiscreteGradient(WAVY), residual(rng)
    itoh_abe = dnn.DiscreteGradient(gradient=dnn.ItohAbe())
    yield "DiscreteGradient by Itoh and Abe", itoh_abe, randomise(energetic(rng), rng, 0.7)
    yield "Projected, given I", dnn.Projected(dnn.Ralston(), WAVY), invariant_field(rng, WAVY)
    yield "Projected, norm", dnn.Projected(dnn.RK4(), dnn.SquaredNorm()), residual(rng)
    tangent = FIELDS["TangentField of a given I"](rng)
    yield "Projected, tangent", dnn.Projected(dnn.Heun(), WAVY), tangent
    yield (
        "Projected Verlet",
        dnn.Projected(dnn.StormerVerlet(), dnn.SquaredNorm()),
        hamiltonian(rng),
    )
    two = dnn.Projected(dnn.Heun(), WAVY, dnn.Mass())
    yield "Projected, two", two, randomise(invariant_field(rng, QUADRATIC), rng, 0.5)
    yield "Rattle", dnn.Rattle(CURVE), heavy(rng)
    yield "Yoshida of ImplicitMidpoint", dnn.Yoshida(midpoint), energetic(rng)
    yield "Yoshida of DiscreteGradient", dnn.Yoshida(gonzalez), energetic(rng)
    parts = dnn.SumField(FIELDS["GradientField −"](rng), sphere(rng))
    yield "Strang of Heun and Cayley", dnn.Strang([dnn.Heun(), dnn.Cayley()]), parts


def pairs(rng):
    """(name, method, field) for every method on a field of its kind."""
    yield from explicit_pairs(rng)
    yield from implicit_pairs(rng)
    yield "ExactFlow, given", dnn.ExactFlow(), solved()
    yield "LieEuler", dnn.LieEuler(), lie(rng)
    yield "CommutatorFree4", dnn.CommutatorFree4(), lie_of_mass(rng)
    for method in (dnn.Kutta3(), dnn.ImplicitMidpoint()):
        yield f"Switching of {method!r}", dnn.Switching(method), switched(rng)
    yield "StormerVerlet with clocks", dnn.StormerVerlet(), with_clocks(rng)


def one_of_each(rng):
    """Objects of every public class but bases and errors, from the lists of this file."""
    yield from [
        *ACTIVATIONS,
        *STEEP,
        *INVARIANTS,
        *TWO_POINT_GRADIENTS,
        *LOSSES,
        *OPTIMISERS,
        *RATES,
        *ADJOINTS,
        *ATTACKS,
        *RESULTS,
        *constraints(rng),
    ]
    yield from [make(rng) for make in (FIELDS | LINEAR | MAPS).values()]
    yield from [method for _, method, _ in pairs(rng)]


def networks(rng):
    """(name, network): nested, shared, lifted, with learned steps."""
    shared = dnn.Flow(residual(rng), 0.2, dnn.Ralston(), steps=2, learn_h=True)
    yield "shared", dnn.Network(shared, dnn.Flow(FIELDS["GradientField −"](rng), 0.1), shared)
    inner = dnn.Network(
        dnn.Flow(FIELDS["MassPreservingField C"](rng), 0.1, dnn.RK4()), dnn.Affine(4, 4, rng=rng)
    )
    yield (
        "nested",
        dnn.Network(
            inner, dnn.Flow(partitioned(rng), 0.3, dnn.StormerVerlet(), learn_h=True), inner
        ),
    )
    yield (
        "symplectic",
        dnn.Network(
            henon(rng), dnn.Flow(energetic(rng), 0.1, dnn.ImplicitMidpoint(), learn_h=True)
        ),
    )
    yield "lifted", dnn.Network(dnn.Lift(4, 2), dnn.Flow(residual(rng), 0.3), dnn.Restriction(3, 4))


def random_step(rng, d=4):
    """A random field of a random kind, and a step of a random method and size with a Lipschitz constant, as a Flow."""
    k, sigma = int(rng.integers(1, 7)), ACTIVATIONS[rng.integers(len(ACTIVATIONS))]

    def gradient():
        alpha = rng.normal(size=k) if rng.integers(2) else None
        return dnn.GradientField(
            dnn.Dense(k, d, rng=rng), sigma, sign=int(rng.choice([-1, 1])), alpha=alpha
        )

    def residual():
        return dnn.ResidualField(dnn.Dense(k, d, rng=rng), sigma, dnn.Dense(d, k, rng=rng))

    kinds = (
        gradient,
        gradient,
        residual,
        lambda: dnn.SumField(gradient(), gradient()),
        lambda: dnn.SumField(gradient(), residual()),
    )
    X = randomise(kinds[rng.integers(len(kinds))](), rng)
    methods = [dnn.Euler()] * 4 + [
        IMPLICIT_RUNGE_KUTTA[rng.integers(len(IMPLICIT_RUNGE_KUTTA))],
        RUNGE_KUTTA[rng.integers(len(RUNGE_KUTTA))],
    ]
    if isinstance(X, dnn.SumField):
        methods += [dnn.LieTrotter(), dnn.Strang()]
    h = rng.choice([-1, 1]) * 10 ** rng.uniform(-2, 0.5)
    flow = dnn.Flow(X, h, methods[rng.integers(len(methods))])
    try:
        flow.lipschitz()
    except NotImplementedError:  # an implicit step that need not be unique, or is not B-stable
        flow = dnn.Flow(copy.deepcopy(X), h)
    return flow


SHAPES = {"point": (), "batch": (7,), "grid": (3, 2)}


def points(rng, shape, d=4):
    return rng.normal(size=(*shape, d)) + 0.1 * np.arange(d)
