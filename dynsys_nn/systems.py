"""The ODEs of the lectures, each with its exact Jacobian, its invariants and a state x0 to start from.

A system is a field; `system.invariants` is a dict name → function of the state, (..., d) → (...), with `gradient` and
`hvp`, so that `Projected(method, invariant)` takes it. Names: mass, energy, casimir, angular_momentum, cycle,
epidemic. The separable Hamiltonian ones are PartitionedField(f, g) in (q, p), q̇ = f(p) = ∂T/∂p, ṗ = g(q) = −∂V/∂q,
so that symplectic methods take them.
"""

from functools import partial

import numpy as np

from .arguments import array, positive, real, within
from .fields import Invariant, KnownField, Mass, PartitionedField, Quadratic, SeparableEnergy, SquaredNorm


def mass_example():
    """ẏ = S(y)1, S = [[0, −y₃y₁², y₂y₃], [y₃y₁², 0, −sin y₁], [−y₂y₃, sin y₁, 0]]: keeps 1ᵀy. The lecture's system.

    Solutions from [0, 1]³ stay in [−0.57, 2.05]³ up to t = 2. Source: arXiv:2210.02373.
    """
    field = KnownField(_mass_example, 3, _mass_example_jacobian, keeps={"mass"})
    return _system(field, [0.2, 0.6, 0.9], mass=Mass())


def _mass_example(y):
    y1, y2, y3 = np.moveaxis(y, -1, 0)
    return np.stack([y2 * y3 - y3 * y1**2, y3 * y1**2 - np.sin(y1), np.sin(y1) - y2 * y3], axis=-1)


def _mass_example_jacobian(y):
    y1, y2, y3 = np.moveaxis(y, -1, 0)
    return _matrix([
        [-2 * y1 * y3, y3, y2 - y1**2],
        [2 * y1 * y3 - np.cos(y1), 0 * y1, y1**2],
        [np.cos(y1), -y3, -y2],
    ])  # fmt: skip


def sir():
    """ẏ₁ = −y₁y₂, ẏ₂ = y₁y₂ − y₂, ẏ₃ = y₂: susceptible, infected and removed fractions; times in mean infectious periods.

    Keeps the mass 1ᵀy and y₁ + y₂ − log y₁ (`epidemic`), and the simplex {y ≥ 0, 1ᵀy = 1}.
    """
    field = KnownField(_sir, 3, _sir_jacobian, keeps={"mass", "invariant"})
    epidemic = Invariant(_epidemic, _epidemic_gradient, _epidemic_hvp)
    return _system(field, [0.9, 0.1, 0.0], mass=Mass(), epidemic=epidemic)


def _sir(y):
    y1, y2, _ = np.moveaxis(y, -1, 0)
    return np.stack([-y1 * y2, y1 * y2 - y2, y2], axis=-1)


def _sir_jacobian(y):
    y1, y2, _ = np.moveaxis(y, -1, 0)
    return _matrix([[-y2, -y1, 0 * y1], [y2, y1 - 1, 0 * y1], [0 * y1, 1 + 0 * y1, 0 * y1]])


def _epidemic(y):
    return y[..., 0] + y[..., 1] - np.log(y[..., 0])


def _epidemic_gradient(y):
    return np.stack([1 - 1 / y[..., 0], np.ones_like(y[..., 1]), np.zeros_like(y[..., 2])], axis=-1)


def _epidemic_hvp(y, v):
    return np.stack([v[..., 0] / y[..., 0] ** 2, 0 * v[..., 1], 0 * v[..., 2]], axis=-1)


def harmonic_oscillator():
    """q̇ = p, ṗ = −q: H = (p² + q²)/2."""
    field = _newton(1, np.negative, _minus_identity)
    return _system(field, [1.0, 0.0], energy=Quadratic(np.eye(2), keeps={"energy"}))


def _minus_identity(q):
    return -np.ones_like(q)[..., None]


def pendulum():
    """q̇ = p, ṗ = −sin q: H = p²/2 − cos q; q is the angle in radians, 0 hanging down; times in √(length/gravity)."""
    field = _newton(1, _gravity, _gravity_jacobian)
    return _system(field, [1.5, 0.0], energy=SeparableEnergy(field.f, field.g, _kinetic, _height))


def _gravity(q):
    return -np.sin(q)


def _gravity_jacobian(q):
    return -np.cos(q)[..., None]


def _height(q):
    return -np.cos(q[..., 0])


def kepler(eccentricity=0.5):
    """q̈ = −q/‖q‖³ in the plane, state (q₁, q₂, p₁, p₂): H = ‖p‖²/2 − 1/‖q‖ and the angular momentum q₁p₂ − q₂p₁.

    x0 is the perihelion of the orbit of that eccentricity e, (1 − e, 0, 0, √((1 + e)/(1 − e))), whose period is 2π.
    """
    e = within(eccentricity, 0, 1, "the eccentricity of an elliptic orbit")
    field = _newton(2, _attraction, _attraction_jacobian)
    return _system(
        field, [1 - e, 0.0, 0.0, np.sqrt((1 + e) / (1 - e))],
        energy=SeparableEnergy(field.f, field.g, _kinetic, _inverse_distance),
        angular_momentum=Quadratic([[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]),
    )  # fmt: skip


def _attraction(q):
    return -q / (q * q).sum(axis=-1, keepdims=True) ** 1.5


def _attraction_jacobian(q):
    r = np.sqrt((q * q).sum(axis=-1))[..., None, None]
    return 3 * q[..., :, None] * q[..., None, :] / r**5 - np.eye(2) / r**3


def _inverse_distance(q):
    return -1 / np.sqrt((q * q).sum(axis=-1))


def lotka_volterra(a=1.0, b=1.0, c=1.0, d=1.0):
    """ẋ = x(a − by), ẏ = y(dx − c): prey and predators; keeps dx − c log x + by − a log y (`cycle`)."""
    rates = tuple(positive(rate, f"the rate {name}") for rate, name in zip((a, b, c, d), "abcd", strict=True))
    fun, jacobian = partial(_lotka_volterra, rates), partial(_lotka_volterra_jacobian, rates)
    cycle = Invariant(partial(_cycle, rates), partial(_cycle_gradient, rates), partial(_cycle_hvp, rates))
    return _system(KnownField(fun, 2, jacobian, keeps={"invariant"}), [2.0, 1.0], cycle=cycle)


def _lotka_volterra(rates, z):
    (a, b, c, d), (x, y) = rates, np.moveaxis(z, -1, 0)
    return np.stack([x * (a - b * y), y * (d * x - c)], axis=-1)


def _lotka_volterra_jacobian(rates, z):
    (a, b, c, d), (x, y) = rates, np.moveaxis(z, -1, 0)
    return _matrix([[a - b * y, -b * x], [d * y, d * x - c]])


def _cycle(rates, z):
    (a, b, c, d), (x, y) = rates, np.moveaxis(z, -1, 0)
    return d * x - c * np.log(x) + b * y - a * np.log(y)


def _cycle_gradient(rates, z):
    a, b, c, d = rates
    return np.array([d, b]) - np.array([c, a]) / z


def _cycle_hvp(rates, z, v):
    a, _, c, _ = rates
    return np.array([c, a]) / z**2 * v


def rigid_body(inertia=(2.0, 1.0, 2 / 3)):
    """Euler's equations of the free rigid body for the angular momentum m, ṁ = m × (m/inertia).

    Keeps ½‖m‖² (`casimir`) and the energy ½ Σ m_i²/inertia_i.
    """
    k = array(inertia, "inertia must be three positive numbers")
    if k.shape != (3,) or not all(real(entry) > 0 for entry in k):
        raise ValueError(f"inertia must be three positive numbers, got {inertia!r}")
    k = 1 / k.astype(float)
    c = np.array([k[2] - k[1], k[0] - k[2], k[1] - k[0]])  # ṁ₁ = (k₃ − k₂)m₂m₃, and cyclically
    fun, jacobian = partial(_rigid_body, c), partial(_rigid_body_jacobian, c)
    return _system(
        KnownField(fun, 3, jacobian, keeps={"norm", "energy", "volume"}), [np.cos(1.1), 0.0, np.sin(1.1)],
        casimir=SquaredNorm(), energy=Quadratic(np.diag(k), keeps={"energy"}),
    )  # fmt: skip


def _rigid_body(c, m):
    return c * np.roll(m, -1, axis=-1) * np.roll(m, 1, axis=-1)


def _rigid_body_jacobian(c, m):
    m1, m2, m3 = np.moveaxis(m, -1, 0)
    return c[:, None] * _matrix([[0 * m1, m3, m2], [m3, 0 * m1, m1], [m2, m1, 0 * m1]])


def _matrix(rows):
    """[[entries (...)]] → array (..., rows, columns)."""
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _newton(n, force, force_jacobian):
    """q̇ = p, ṗ = force(q), force a gradient."""
    velocity = KnownField(np.positive, n, partial(_identity, n), gradient=True)
    return PartitionedField(velocity, KnownField(force, n, force_jacobian, gradient=True))


def _identity(n, p):
    return np.broadcast_to(np.eye(n), (*p.shape, n))


def _kinetic(p):
    return (p * p).sum(axis=-1) / 2


def _system(field, x0, **invariants):
    field.x0, field.invariants = np.array(x0), invariants
    return field
