"""Vector fields X_θ, the families of the recipe: a property → the fields whose flows have it → an
integrator that keeps it.

    ẋ = Ax                                   nothing in particular, but its flow e^{hA} is known
    ẋ = a(x)·x, a(x) ∈ so(d)                 the norm; in another algebra what its group keeps
    ẋ = Bσ(Ax + b)                           nothing in particular: Euler steps of it are a ResNet
    ẋ = ∓Aᵀσ(Ax + b) = ∓∇V(x)                contraction (σ increasing, sign −)
    (x, v)′ = (f(v), g(x))                   volume; the symplectic form, if f and g are gradients
    ẋ = S(x)∇I(x), S = M − Mᵀ                I, since İ = ∇Iᵀ S ∇I = 0: mass, the norm, …
    ẋ = X(x) − (∇IᵀX/‖∇I‖²)∇I                I, of any field X
    ż = J Aᵀσ(Az + b) = J∇H(z)               energy, the symplectic form, volume
    ẋ = ∓∇V(x), ż = J∇H(z)                   the same for V and H of any depth
    (x, t)′ = (N(x, t), 1)                   fields that depend on time; (x, T)′ = (T X(x), 0)

A field is a Map ℝᵈ → ℝᵈ. What is known of it (L, μ, the spectrum of a symmetric Jacobian) decides
how large the Lipschitz constant of one step can be; `integrators` does the sums. Source: Celledoni
et al., arXiv:2210.02373.
"""

from .combined import KnownField, SumField
from .field import Field, field_part, words_of
from .gradient import GradientField, Potential
from .gradient_of import GradientOf
from .hamiltonian import HamiltonianField, HamiltonianOf
from .invariants import (
    GivenGradient,
    Invariant,
    Mass,
    Quadratic,
    Sphere,
    SquaredNorm,
    ValueOf,
    given_invariant,
    invariant_object,
    known_invariants,
    looked_at,
)
from .known_skew import KnownSkewField
from .lie import LieField, times
from .linear import LinearField, ends
from .own_time import OwnTime
from .partitioned import PartitionedField, SeparableEnergy
from .residual import ResidualField
from .skew import (
    InvariantField,
    MassPreservingField,
    SkewGradientField,
    SpherePreservingField,
)
from .switched import SwitchedField, together
from .tangent import TangentField
from .time import TimeDependent, at_time, clocks

__all__ = [
    "Field",
    "GradientField",
    "GradientOf",
    "HamiltonianField",
    "HamiltonianOf",
    "Invariant",
    "InvariantField",
    "KnownField",
    "LieField",
    "LinearField",
    "KnownSkewField",
    "Mass",
    "MassPreservingField",
    "OwnTime",
    "PartitionedField",
    "Quadratic",
    "ResidualField",
    "SkewGradientField",
    "Sphere",
    "SpherePreservingField",
    "SquaredNorm",
    "SumField",
    "SwitchedField",
    "TangentField",
    "TimeDependent",
]
