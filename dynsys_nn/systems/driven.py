"""Driven systems, whose states hold the time."""

from functools import partial

import numpy as np

from ..arguments import finite
from ..fields import PartitionedField, TimeDependent
from .system import at, system


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
    field = known_in_time(2, _driven_pendulum, _driven_pendulum_jacobian, *numbers.values())
    return system(field, [0.5, 0.0, 0.0], dict(system="driven_pendulum", **numbers))


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
        known_in_time(1, _velocity, _velocity_jacobian),
        known_in_time(1, _swing, _swing_jacobian, *numbers.values()),
    )
    return system(field, [1.0, 0.0, 0.0, 0.0], dict(system="mathieu", **numbers))


def _velocity(p, t):
    return [p]


def _velocity_jacobian(p, t):
    return [[1 + 0 * p, 0 * t]]


def _swing(delta, epsilon, q, t):
    return [-(delta + epsilon * np.cos(t)) * q]


def _swing_jacobian(delta, epsilon, q, t):
    return [[-(delta + epsilon * np.cos(t)), epsilon * np.sin(t) * q]]


def known_in_time(dim, formula, jacobian, *constants):
    return TimeDependent(
        partial(at_time, formula, dim, constants), dim, partial(at_time, jacobian, dim, constants)
    )


def at_time(formula, dim, constants, t, x):
    """formula(*constants, x₁, …, x_d, t), as `at`."""
    return at(formula, dim + 1, constants, np.concatenate([x, t[..., None]], axis=-1))
