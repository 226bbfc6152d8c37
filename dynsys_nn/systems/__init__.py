"""The ODEs of the lectures, each with its exact Jacobian, its invariants and a first state x0.

A system is a field; `system.invariants` is a dict name → function of the state, (..., d) → (...),
with `gradient` and `hvp`, so that `Projected(method, invariant)` takes it. Names: mass, energy,
casimir, angular_momentum, length, radial, cycle, epidemic. The separable Hamiltonian ones are
PartitionedField(f, g) in (q, p), q̇ = f(p) = ∂T/∂p, ṗ = g(q) = −∂V/∂q, so that symplectic methods
take them. The states of driven ones hold the time.

The formulas of a system stand below it, most of them as functions of its constants and components,
row by row. They are functions of the module, so that a system can be pickled. A system, its parts f
and g and its invariants have a `recipe`, from which a file builds them again.
"""

from .constrained import free_fall, spherical_pendulum
from .driven import driven_pendulum, mathieu
from .mechanics import (
    damped_oscillator,
    harmonic_oscillator,
    henon_heiles,
    kepler,
    pendulum,
    rigid_body,
    separable,
)
from .populations import lotka_volterra, mass_example, sir

__all__ = [
    "damped_oscillator",
    "driven_pendulum",
    "free_fall",
    "harmonic_oscillator",
    "henon_heiles",
    "kepler",
    "lotka_volterra",
    "mass_example",
    "mathieu",
    "pendulum",
    "rigid_body",
    "separable",
    "sir",
    "spherical_pendulum",
]
