"""Neural networks that are compositions of flow maps, with every adjoint written by hand.

A map y = F(x; θ) has value, adjoint (`vjp`) and tangent (`jvp`) side by side; a vector field X is a
map ℝᵈ → ℝᵈ; a method makes one step Ψ^h of ẋ = X(x); a Flow is that step as a layer; a Network
composes maps. The modules in reading order: maps, activations, linear, fields, integrators, flows,
started, flow_maps, residuals, fixed_points, block_norms, trajectories, losses, constraints,
adjoints, training, rounding, lipschitz, attacks, decomposition, checks, systems, plotting; and, for
those who want to know how data are read, files written, labs marked and arguments looked at:
datasets, files, marks, arguments.

Subject: Celledoni, Murari, Owren, Schönlieb, Sherry, "Dynamical systems' based neural networks",
arXiv:2210.02373.

Examples
--------
>>> import dynsys_nn as dnn
>>> x, y = dnn.datasets.moons(200, rng=0)
>>> X = dnn.GradientField.random(4, width=16, rng=0)  # X = −∇V, V convex
>>> F = dnn.Flow(X, h=0.5, method=dnn.RK4(), steps=3)
>>> net = dnn.Network(dnn.Lift(4, 2), F, dnn.Affine(2, 4, rng=1))
>>> dnn.checks.adjoint(net, x).passed
True
>>> history = dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, epochs=20, rng=0, progress=False)
>>> history.loss[-1] < history.loss[0]
True
"""

from . import (
    adjoints,
    attacks,
    checks,
    constraints,
    datasets,
    decomposition,
    lipschitz,
    plotting,
    systems,
)
from .activations import (
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    ReLUSquared,
    Sigmoid,
    Sine,
    Softplus,
    Tanh,
)
from .adjoints import Checkpoints, Reversed, Stored, continuous_adjoint
from .attacks import FGM, PGD, PublishedPGD
from .checks import Check
from .constraints import (
    BlockBall,
    Constraint,
    NonExpansiveSteps,
    Orthogonal,
    SignedSteps,
    SpectralBall,
    StepSizes,
    TowardsOrthogonal,
)
from .decomposition import presnov
from .fields import (
    Field,
    GradientField,
    GradientOf,
    HamiltonianField,
    HamiltonianOf,
    Invariant,
    InvariantField,
    KnownField,
    KnownSkewField,
    LieField,
    LinearField,
    Mass,
    MassPreservingField,
    OwnTime,
    PartitionedField,
    Quadratic,
    ResidualField,
    SkewGradientField,
    Sphere,
    SpherePreservingField,
    SquaredNorm,
    SumField,
    SwitchedField,
    TangentField,
    TimeDependent,
)
from .fixed_points import IdentityMinus
from .flow_maps import FlowAt, SympFlowLayer, TrialFlow
from .flows import Flow, Rollout, exact_flow
from .integrators import (
    RK4,
    Cayley,
    CommutatorFree4,
    DiscreteGradient,
    Euler,
    ExactFlow,
    ExplicitMidpoint,
    Gauss,
    Gonzalez,
    HenonMap,
    Heun,
    ImplicitEuler,
    ImplicitMethod,
    ImplicitMidpoint,
    ItohAbe,
    Kutta3,
    LieEuler,
    LieTrotter,
    MeanValue,
    Method,
    NotConverged,
    Projected,
    RadauIIA,
    Ralston,
    Rattle,
    RungeKutta,
    StormerVerlet,
    Strang,
    Switching,
    SymplecticEuler,
    Yoshida,
)
from .linear import (
    Affine,
    AveragePooling,
    ChannelLift,
    ChannelRestriction,
    Convolution,
    Dense,
    Laplacian,
    Lift,
    LinearMap,
    MaxMin,
    MaxPooling,
    PeriodicGradient,
    Restriction,
    Selection,
    Standardisation,
    Zero,
)
from .losses import (
    BinaryCrossEntropy,
    Loss,
    MeanSquaredError,
    MulticlassHinge,
    OrthogonalityPenalty,
    Penalty,
    Smoothness,
    SoftmaxCrossEntropy,
    psnr,
)
from .maps import Frozen, Map, Network, Parallel
from .residuals import Residual
from .started import StartedAt
from .training import (
    LBFGS,
    SGD,
    Adam,
    Cosine,
    History,
    OneCycle,
    Optimiser,
    Steps,
    TrainingDiverged,
    fit,
    hessian_times,
    sweep,
    value_and_grad,
)
from .trajectories import parareal, poincare_section, trajectory

__version__ = "1.0.0"
__all__ = sorted(name for name in dir() if not name.startswith("_"))
for _thing in [globals()[name] for name in __all__]:
    if hasattr(_thing, "__all__"):  # a module: tab completion shows its public names
        _thing.__dir__ = _thing.__all__.copy
