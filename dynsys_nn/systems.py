"""The ODEs of the lectures, each with its exact Jacobian, its invariants and a state x0 to start from.

A system is a field; `system.invariants` is a dict name → function of the state, (..., d) → (...), with `gradient` and
`hvp`, so that `Projected(method, invariant)` takes it. Names: mass, energy, casimir, angular_momentum, cycle,
epidemic. The separable Hamiltonian ones are PartitionedField(f, g) in (q, p), q̇ = f(p) = ∂T/∂p, ṗ = g(q) = −∂V/∂q,
so that symplectic methods take them.
"""

import numpy as np

from .fields import Invariant, KnownField, Mass, PartitionedField, Quadratic, SquaredNorm
from .maps import array, real


def mass_example():
    """ẏ = S(y)1, S = [[0, −y₃y₁², y₂y₃], [y₃y₁², 0, −sin y₁], [−y₂y₃, sin y₁, 0]]: keeps 1ᵀy. The lecture's system.

    Solutions from [0, 1]³ stay in [−0.57, 2.05]³ up to t = 2. Source: arXiv:2210.02373.
    """

    def fun(y):
        y1, y2, y3 = np.moveaxis(y, -1, 0)
        return np.stack([y2 * y3 - y3 * y1**2, y3 * y1**2 - np.sin(y1), np.sin(y1) - y2 * y3], axis=-1)

    def jacobian(y):
        y1, y2, y3 = np.moveaxis(y, -1, 0)
        return _matrix([
            [-2 * y1 * y3, y3, y2 - y1**2],
            [2 * y1 * y3 - np.cos(y1), 0 * y1, y1**2],
            [np.cos(y1), -y3, -y2],
        ])  # fmt: skip

    return _system(KnownField(fun, 3, jacobian, keeps={"mass"}), [0.2, 0.6, 0.9], mass=Mass())


def sir():
    """ẏ₁ = −y₁y₂, ẏ₂ = y₁y₂ − y₂, ẏ₃ = y₂: susceptible, infected and removed fractions; times in mean infectious periods.

    Keeps the mass 1ᵀy and y₁ + y₂ − log y₁ (`epidemic`), and the simplex {y ≥ 0, 1ᵀy = 1}.
    """

    def fun(y):
        y1, y2, _ = np.moveaxis(y, -1, 0)
        return np.stack([-y1 * y2, y1 * y2 - y2, y2], axis=-1)

    def jacobian(y):
        y1, y2, _ = np.moveaxis(y, -1, 0)
        return _matrix([[-y2, -y1, 0 * y1], [y2, y1 - 1, 0 * y1], [0 * y1, 1 + 0 * y1, 0 * y1]])

    epidemic = Invariant(
        lambda y: y[..., 0] + y[..., 1] - np.log(y[..., 0]),
        lambda y: np.stack([1 - 1 / y[..., 0], np.ones_like(y[..., 1]), np.zeros_like(y[..., 2])], axis=-1),
        lambda y, v: np.stack([v[..., 0] / y[..., 0] ** 2, 0 * v[..., 1], 0 * v[..., 2]], axis=-1),
    )
    field = KnownField(fun, 3, jacobian, keeps={"mass", "invariant"})
    return _system(field, [0.9, 0.1, 0.0], mass=Mass(), epidemic=epidemic)


def harmonic_oscillator():
    """q̇ = p, ṗ = −q: H = (p² + q²)/2."""
    field = _newton(1, lambda q: -q, lambda q: -np.ones_like(q)[..., None])
    return _system(field, [1.0, 0.0], energy=Quadratic(np.eye(2), keeps={"energy"}))


def pendulum():
    """q̇ = p, ṗ = −sin q: H = p²/2 − cos q; q is the angle in radians, 0 hanging down; times in √(length/gravity)."""
    field = _newton(1, lambda q: -np.sin(q), lambda q: -np.cos(q)[..., None])
    return _system(field, [1.5, 0.0], energy=_energy(field, lambda q: -np.cos(q[..., 0])))


def kepler(eccentricity=0.5):
    """q̈ = −q/‖q‖³ in the plane, state (q₁, q₂, p₁, p₂): H = ‖p‖²/2 − 1/‖q‖ and the angular momentum q₁p₂ − q₂p₁.

    x0 is the perihelion of the orbit of that eccentricity e, (1 − e, 0, 0, √((1 + e)/(1 − e))), whose period is 2π.
    """
    if not 0 <= real(eccentricity) < 1:
        raise ValueError(f"an elliptic orbit has an eccentricity in [0, 1), got {eccentricity!r}")
    e = float(eccentricity)

    def force(q):
        return -q / (q * q).sum(axis=-1, keepdims=True) ** 1.5

    def force_jacobian(q):
        r = np.sqrt((q * q).sum(axis=-1))[..., None, None]
        return 3 * q[..., :, None] * q[..., None, :] / r**5 - np.eye(2) / r**3

    field = _newton(2, force, force_jacobian)
    return _system(
        field, [1 - e, 0.0, 0.0, np.sqrt((1 + e) / (1 - e))],
        energy=_energy(field, lambda q: -1 / np.sqrt((q * q).sum(axis=-1))),
        angular_momentum=Quadratic([[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]),
    )  # fmt: skip


def lotka_volterra(a=1.0, b=1.0, c=1.0, d=1.0):
    """ẋ = x(a − by), ẏ = y(dx − c): prey and predators; keeps dx − c log x + by − a log y (`cycle`)."""

    if not all(real(value) > 0 for value in (a, b, c, d)):
        raise ValueError(f"the rates a, b, c, d must be positive numbers, got {a!r}, {b!r}, {c!r}, {d!r}")

    def fun(z):
        x, y = np.moveaxis(z, -1, 0)
        return np.stack([x * (a - b * y), y * (d * x - c)], axis=-1)

    def jacobian(z):
        x, y = np.moveaxis(z, -1, 0)
        return _matrix([[a - b * y, -b * x], [d * y, d * x - c]])

    weights, logs = np.array([d, b]), np.array([c, a])
    cycle = Invariant(
        lambda z: (weights * z - logs * np.log(z)).sum(axis=-1),
        lambda z: weights - logs / z,
        lambda z, v: logs / z**2 * v,
    )
    return _system(KnownField(fun, 2, jacobian, keeps={"invariant"}), [2.0, 1.0], cycle=cycle)


def rigid_body(inertia=(2.0, 1.0, 2 / 3)):
    """Euler's equations of the free rigid body for the angular momentum m, ṁ = m × (m/inertia).

    Keeps ½‖m‖² (`casimir`) and the energy ½ Σ m_i²/inertia_i.
    """
    k = array(inertia, "inertia must be three positive numbers")
    if k.shape != (3,) or not all(real(entry) > 0 for entry in k):
        raise ValueError(f"inertia must be three positive numbers, got {inertia!r}")
    k = 1 / k.astype(float)
    c = np.array([k[2] - k[1], k[0] - k[2], k[1] - k[0]])  # ṁ₁ = (k₃ − k₂)m₂m₃, and cyclically

    def fun(m):
        return c * np.roll(m, -1, axis=-1) * np.roll(m, 1, axis=-1)

    def jacobian(m):
        m1, m2, m3 = np.moveaxis(m, -1, 0)
        return c[:, None] * _matrix([[0 * m1, m3, m2], [m3, 0 * m1, m1], [m2, m1, 0 * m1]])

    return _system(
        KnownField(fun, 3, jacobian, keeps={"norm", "energy", "volume"}), [np.cos(1.1), 0.0, np.sin(1.1)],
        casimir=SquaredNorm(), energy=Quadratic(np.diag(k), keeps={"energy"}),
    )  # fmt: skip


def _matrix(rows):
    """[[entries (...)]] → array (..., rows, columns)."""
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _newton(n, force, force_jacobian):
    """q̇ = p, ṗ = force(q), force a gradient."""
    velocity = KnownField(lambda p: p, n, lambda p: np.broadcast_to(np.eye(n), (*p.shape, n)), gradient=True)
    return PartitionedField(velocity, KnownField(force, n, force_jacobian, gradient=True))


def _energy(field, V):
    """H(q, p) = ½‖p‖² + V(q) of q̇ = f(p) = p, ṗ = g(q) = −∇V(q)."""

    def gradient(z):
        q, p = field.split(z)
        return np.concatenate([-field.g(q), p], axis=-1)

    def hvp(z, v):
        (q, _), (v_q, v_p) = field.split(z), field.split(v)
        return np.concatenate([-field.g.jvp(q, v_q)[1], v_p], axis=-1)

    def value(z):
        q, p = field.split(np.asarray(z))
        return (p * p).sum(axis=-1) / 2 + V(q)

    return Invariant(value, gradient, hvp, keeps={"energy"})


def _system(field, x0, **invariants):
    field.x0, field.invariants = np.array(x0), invariants
    return field
