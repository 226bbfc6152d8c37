"""The ODEs of the lectures, each with its exact Jacobian, its invariants and a first state x0.

A system is a field; `system.invariants` is a dict name → function of the state, (..., d) → (...),
with `gradient` and `hvp`, so that `Projected(method, invariant)` takes it. Names: mass, energy,
casimir, angular_momentum, cycle, epidemic. The separable Hamiltonian ones are PartitionedField(f,
g) in (q, p), q̇ = f(p) = ∂T/∂p, ṗ = g(q) = −∂V/∂q, so that symplectic methods take them.

The formulas of a system stand below it, most of them as functions of its constants and components,
row by row. They are functions of the module, so that a system can be pickled. A system, its parts f
and g and its invariants have a `recipe`, from which a file builds them again.
"""

from functools import partial

import numpy as np

from .arguments import array, finite, positive, real, refuse, within
from .fields import (
    Invariant,
    KnownField,
    Mass,
    PartitionedField,
    Quadratic,
    SeparableEnergy,
    SquaredNorm,
    TimeDependent,
)

__all__ = [
    "driven_pendulum",
    "harmonic_oscillator",
    "kepler",
    "lotka_volterra",
    "mass_example",
    "mathieu",
    "pendulum",
    "rigid_body",
    "sir",
]


def mass_example():
    """ẏ = S(y)1, S = [[0, −y₃y₁², y₂y₃], [y₃y₁², 0, −sin y₁], [−y₂y₃, sin y₁, 0]]: keeps 1ᵀy.

    The lecture's system, a KnownField. Solutions from [0, 1]³ stay in [−0.57, 2.05]³ up to t = 2.
    Source: arXiv:2210.02373.

    Examples
    --------
    >>> X = dnn.systems.mass_example()
    >>> y = dnn.Flow(X, 0.1, dnn.RK4(), steps=20)(X.x0)
    >>> print(X.x0.sum().round(9), y.sum().round(9))
    1.7 1.7
    """
    return _system(
        _known(3, _mass_example, _mass_example_jacobian, keeps={"mass"}), [0.2, 0.6, 0.9],
        dict(system="mass_example"), mass=Mass(),
    )  # fmt: skip


def _mass_example(y1, y2, y3):
    return [y2 * y3 - y3 * y1**2, y3 * y1**2 - np.sin(y1), np.sin(y1) - y2 * y3]


def _mass_example_jacobian(y1, y2, y3):
    return [
        [-2 * y1 * y3, y3, y2 - y1**2],
        [2 * y1 * y3 - np.cos(y1), 0 * y1, y1**2],
        [np.cos(y1), -y3, -y2],
    ]


def sir():
    """ẏ₁ = −y₁y₂, ẏ₂ = y₁y₂ − y₂, ẏ₃ = y₂: susceptible, infected and removed fractions.

    A KnownField; times in mean infectious periods. Keeps the mass 1ᵀy and y₁ + y₂ − log y₁
    (`epidemic`), and the simplex {y ≥ 0, 1ᵀy = 1}.

    Examples
    --------
    >>> X = dnn.systems.sir()
    >>> X(np.array([1.0, 0.25, 0.0]))  # at y₁ = 1 the epidemic peaks
    array([-0.25,  0.  ,  0.25])
    >>> for name, I in X.invariants.items():
    ...     print(name, abs(I.gradient(X.x0) @ X(X.x0)) < 1e-14)
    mass True
    epidemic True
    """
    return _system(
        _known(3, _sir, _sir_jacobian, keeps={"mass", "invariant"}), [0.9, 0.1, 0.0],
        dict(system="sir"),
        mass=Mass(), epidemic=_invariant(3, _epidemic, _epidemic_gradient, _epidemic_hvp),
    )  # fmt: skip


def _sir(y1, y2, y3):
    return [-y1 * y2, y1 * y2 - y2, y2]


def _sir_jacobian(y1, y2, y3):
    return [[-y2, -y1, 0 * y3], [y2, y1 - 1, 0 * y3], [0 * y1, 1 + 0 * y2, 0 * y3]]


def _epidemic(y1, y2, y3):
    return y1 + y2 - np.log(y1)


def _epidemic_gradient(y1, y2, y3):
    return [1 - 1 / y1, 1 + 0 * y2, 0 * y3]


def _epidemic_hvp(y1, y2, y3, v1, v2, v3):
    return [v1 / y1**2, 0 * v2, 0 * v3]


def harmonic_oscillator():
    """q̇ = p, ṗ = −q: H = (p² + q²)/2, a PartitionedField.

    Examples
    --------
    >>> X = dnn.systems.harmonic_oscillator()
    >>> H = X.invariants["energy"]
    >>> for method in dnn.Euler(), dnn.ImplicitMidpoint():
    ...     z = dnn.Flow(X, 0.5, method)(X.x0)
    ...     print((H(z) / H(X.x0)).round(9))  # Euler: 1 + h² in a step
    1.25
    1.0
    """
    return _system(
        _newton(1, np.negative, partial(_multiple, -1.0)), [1.0, 0.0],
        dict(system="harmonic_oscillator"), energy=Quadratic(np.eye(2), keeps={"energy"}),
    )  # fmt: skip


def pendulum():
    """q̇ = p, ṗ = −sin q: H = p²/2 − cos q.

    A PartitionedField; q is the angle in radians, 0 hanging down; times in √(length/gravity).

    Examples
    --------
    >>> X = dnn.systems.pendulum()
    >>> H = X.invariants["energy"]
    >>> flows = [dnn.Flow(X, 1 / n, dnn.StormerVerlet(), steps=n) for n in (10, 20)]
    >>> coarse, fine = (abs(H(F(X.x0)) - H(X.x0)) for F in flows)
    >>> print((coarse / fine).round())  # order two: half the step, a quarter of the error
    4.0
    """
    field = _newton(1, _gravity, _gravity_jacobian)
    energy = SeparableEnergy(field.f, field.g, _kinetic, _height)
    return _system(field, [1.5, 0.0], dict(system="pendulum"), energy=energy)


def _gravity(q):
    return -np.sin(q)


def _gravity_jacobian(q):
    return -np.cos(q)[..., None]


def _height(q):
    return -np.cos(q[..., 0])


def kepler(eccentricity=0.5):
    """q̈ = −q/‖q‖³ in the plane: H = ‖p‖²/2 − 1/‖q‖ and the angular momentum q₁p₂ − q₂p₁.

    A PartitionedField with states (q₁, q₂, p₁, p₂). eccentricity: e, a float in [0, 1), default
    0.5, ValueError for any other; x0 is the perihelion of its orbit, whose period is 2π,
    (1 − e, 0, 0, √((1 + e)/(1 − e))).

    Examples
    --------
    >>> X = dnn.systems.kepler(eccentricity=0.6)
    >>> X.x0
    array([0.4, 0. , 0. , 2. ])
    >>> z = dnn.Flow(X, 0.02, dnn.StormerVerlet(), steps=20)(X.x0)
    >>> L = X.invariants["angular_momentum"]
    >>> print(L(X.x0).round(9), L(z).round(9))  # Kepler's second law, at every step
    0.8 0.8
    """
    e = within(eccentricity, 0, 1, "the eccentricity of an elliptic orbit")
    field = _newton(2, _attraction, _attraction_jacobian)
    return _system(
        field, [1 - e, 0.0, 0.0, np.sqrt((1 + e) / (1 - e))], dict(system="kepler", eccentricity=e),
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
    """ẋ = x(a − by), ẏ = y(dx − c): prey and predators.

    Keeps dx − c log x + by − a log y (`cycle`).

    Parameters
    ----------
    a, b : float > 0, default 1.0
        How prey grow, and how they are eaten.
    c, d : float > 0, default 1.0
        How predators die, and how they thrive on prey.

    Returns
    -------
    KnownField
        With x0 and invariants["cycle"].

    Raises
    ------
    ValueError
        If a rate is not positive.

    Examples
    --------
    >>> X = dnn.systems.lotka_volterra(a=2, b=0.5, c=3, d=1)
    >>> X(np.array([3.0, 4.0]))  # at rest: x = c/d, y = a/b
    array([0., 0.])
    >>> x = np.array([1.0, 2.0])
    >>> bool(abs(X.invariants["cycle"].gradient(x) @ X(x)) < 1e-14)
    True
    """
    rates = dict(a=a, b=b, c=c, d=d)
    rates = {name: positive(rate, f"the rate {name}") for name, rate in rates.items()}
    a, b, c, d = rates.values()
    return _system(
        _known(2, _lotka_volterra, _lotka_volterra_jacobian, a, b, c, d, keeps={"invariant"}),
        [2.0, 1.0], dict(system="lotka_volterra", **rates),
        cycle=_invariant(2, _cycle, _cycle_gradient, _cycle_hvp, a, b, c, d),
    )  # fmt: skip


def _lotka_volterra(a, b, c, d, x, y):
    return [x * (a - b * y), y * (d * x - c)]


def _lotka_volterra_jacobian(a, b, c, d, x, y):
    return [[a - b * y, -b * x], [d * y, d * x - c]]


def _cycle(a, b, c, d, x, y):
    return d * x - c * np.log(x) + b * y - a * np.log(y)


def _cycle_gradient(a, b, c, d, x, y):
    return [d - c / x, b - a / y]


def _cycle_hvp(a, b, c, d, x, y, dx, dy):
    return [c / x**2 * dx, a / y**2 * dy]


def rigid_body(inertia=(2.0, 1.0, 2 / 3)):
    """Euler's equations of the free rigid body for the angular momentum m, ṁ = m × (m/inertia).

    A KnownField. Keeps ½‖m‖² (`casimir`) and the energy ½ Σ m_i²/inertia_i. inertia: the three
    moments, default (2.0, 1.0, 2 / 3); ValueError if one is not positive.

    Examples
    --------
    >>> X = dnn.systems.rigid_body()
    >>> m = dnn.Flow(X, 0.5, dnn.ImplicitMidpoint(), steps=10)(X.x0)
    >>> for name, I in X.invariants.items():  # both are quadratic
    ...     print(name, abs(I(m) - I(X.x0)) < 1e-12)
    casimir True
    energy True
    """
    moments = array(inertia, "inertia must be three positive numbers")
    refuse(
        moments.shape != (3,) or not all(real(entry) > 0 for entry in moments),
        f"inertia must be three positive numbers, got {inertia!r}",
    )
    moments = moments.astype(float)
    k = 1 / moments
    return _system(
        _known(3, _rigid_body, _rigid_body_jacobian, *k, keeps={"norm", "energy", "volume"}),
        [np.cos(1.1), 0.0, np.sin(1.1)], dict(system="rigid_body", inertia=moments.tolist()),
        casimir=SquaredNorm(), energy=Quadratic(np.diag(k), keeps={"energy"}),
    )  # fmt: skip


def _rigid_body(k1, k2, k3, m1, m2, m3):
    return [(k3 - k2) * m2 * m3, (k1 - k3) * m3 * m1, (k2 - k1) * m1 * m2]


def _rigid_body_jacobian(k1, k2, k3, m1, m2, m3):
    return [
        [0 * m1, (k3 - k2) * m3, (k3 - k2) * m2],
        [(k1 - k3) * m3, 0 * m2, (k1 - k3) * m1],
        [(k2 - k1) * m2, (k2 - k1) * m1, 0 * m3],
    ]


def _at(formula, dim, constants, *states):
    """formula(*constants, x₁, …, x_d, …), a number, a list or rows, as an array (..., *shape)."""
    refuse(
        states[0].shape[-1] != dim,
        f"states of dimension {dim} are needed, got an array of shape {states[0].shape}",
    )
    x = [state[..., k] for state in states for k in range(dim)]
    found = np.array(formula(*constants, *x))
    inner = found.ndim - x[0].ndim  # the axes of lists and rows, which come first
    return found.transpose(*range(inner, found.ndim), *range(inner)).copy()[()]


def _known(dim, formula, jacobian, *constants, **facts):
    return KnownField(
        partial(_at, formula, dim, constants), dim, partial(_at, jacobian, dim, constants), **facts
    )


def _invariant(dim, value, gradient, hvp, *constants):
    return Invariant(*[partial(_at, f, dim, constants) for f in (value, gradient, hvp)])


def _newton(n, force, jacobian):
    """q̇ = p, ṗ = force(q), force a gradient."""
    return PartitionedField(
        KnownField(np.positive, n, partial(_multiple, 1.0), gradient=True),
        KnownField(force, n, jacobian, gradient=True),
    )


def _multiple(c, q):
    """The Jacobian of q ↦ c q."""
    return np.broadcast_to(c * np.eye(q.shape[-1]), (*q.shape, q.shape[-1]))


def _kinetic(p):
    return (p * p).sum(axis=-1) / 2


def _system(field, x0, recipe, **invariants):
    field.x0, field.invariants, field.recipe = np.array(x0), invariants, recipe
    for name, I in invariants.items():
        I.recipe = {"invariant": name, "of": field}
    for name in field._pieces:
        vars(field)[name].recipe = {"part": name, "of": field}
    return field


# ---- driven systems, whose states hold the time


def driven_pendulum(damping=0.1, amplitude=0.8, frequency=2 / 3):
    """q̈ = −sin q − γq̇ + a cos ωt: a damped pendulum that is driven, a TimeDependent field of states
    (q, q̇, t).

    damping: γ, a float, default 0.1; amplitude: a, default 0.8; frequency: ω, default (2 / 3).
    ValueError if one is not finite.

    Examples
    --------
    >>> X = dnn.systems.driven_pendulum()
    >>> X.x0
    array([0.5, 0. , 0. ])
    >>> F = dnn.Flow(X, 0.05, dnn.RK4(), steps=400)
    >>> print(F(X.x0).round(4))  # at t = 20
    [ 0.3481  2.2235 20.    ]
    """
    numbers = dict(damping=damping, amplitude=amplitude, frequency=frequency)
    numbers = {name: finite(number, name) for name, number in numbers.items()}
    field = _known_in_time(2, _driven_pendulum, _driven_pendulum_jacobian, *numbers.values())
    return _system(field, [0.5, 0.0, 0.0], dict(system="driven_pendulum", **numbers))


def _driven_pendulum(damping, amplitude, frequency, q, v, t):
    return [v, amplitude * np.cos(frequency * t) - np.sin(q) - damping * v]


def _driven_pendulum_jacobian(damping, amplitude, frequency, q, v, t):
    return [
        [0 * q, 1 + 0 * v, 0 * t],
        [-np.cos(q), 0 * v - damping, -amplitude * frequency * np.sin(frequency * t)],
    ]


def mathieu(delta=1.0, epsilon=0.3):
    """q̈ = −(δ + ε cos t)q: a swing. For some δ and ε its solutions grow, as near δ = ¼.

    A PartitionedField of two TimeDependent ones, with states (q, t, p, t): symplectic methods take
    it, and StartedAt(flow) is a map of (q, p). delta: δ, a float, default 1.0; epsilon: ε, default
    0.3. ValueError if one is not finite.

    Examples
    --------
    >>> X, T = dnn.systems.mathieu(), 2 * np.pi
    >>> F = dnn.StartedAt(dnn.Flow(X, T / 100, dnn.Yoshida(dnn.StormerVerlet()), steps=100))
    >>> M = F.jacobian(np.zeros(2))  # it is linear in (q, p): the monodromy matrix
    >>> print(np.trace(M).round(5), np.linalg.det(M).round(12))  # |trace| > 2: unstable, just so
    2.00277 1.0
    >>> sorted(F.keeps)
    ['symplectic', 'volume']
    """
    numbers = dict(delta=finite(delta, "delta"), epsilon=finite(epsilon, "epsilon"))
    field = PartitionedField(
        _known_in_time(1, _velocity, _velocity_jacobian),
        _known_in_time(1, _swing, _swing_jacobian, *numbers.values()),
    )
    return _system(field, [1.0, 0.0, 0.0, 0.0], dict(system="mathieu", **numbers))


def _velocity(p, t):
    return [p]


def _velocity_jacobian(p, t):
    return [[1 + 0 * p, 0 * t]]


def _swing(delta, epsilon, q, t):
    return [-(delta + epsilon * np.cos(t)) * q]


def _swing_jacobian(delta, epsilon, q, t):
    return [[-(delta + epsilon * np.cos(t)), epsilon * np.sin(t) * q]]


def _known_in_time(dim, formula, jacobian, *constants):
    return TimeDependent(
        partial(_at_time, formula, dim, constants), dim, partial(_at_time, jacobian, dim, constants)
    )


def _at_time(formula, dim, constants, t, x):
    """formula(*constants, x₁, …, x_d, t), as `_at`."""
    return _at(formula, dim + 1, constants, np.concatenate([x, t[..., None]], axis=-1))
