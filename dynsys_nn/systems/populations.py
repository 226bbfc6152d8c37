"""Quantities that are exchanged: populations, and the mass of the lecture."""

import numpy as np

from ..arguments import positive
from ..fields import Mass
from .system import invariant, known, system


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
    return system(
        known(3, _mass_example, _mass_example_jacobian, keeps={"mass"}), [0.2, 0.6, 0.9],
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


def sir(beta=1.0, gamma=1.0):
    """ẏ₁ = −βy₁y₂, ẏ₂ = βy₁y₂ − γy₂, ẏ₃ = γy₂: susceptible, infected and removed fractions.

    A KnownField. Keeps the mass 1ᵀy and y₁ + y₂ − (γ/β) log y₁ (`epidemic`), and the simplex
    {y ≥ 0, 1ᵀy = 1}. beta: β > 0, how fast an infection is passed on, default 1.0; gamma: γ > 0,
    how fast one recovers, default 1.0, so that times are mean infectious periods. ValueError if a
    rate is not positive.

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
    beta, gamma = positive(beta, "the rate beta"), positive(gamma, "the rate gamma")
    return system(
        known(3, _sir, _sir_jacobian, beta, gamma, keeps={"mass", "invariant"}), [0.9, 0.1, 0.0],
        dict(system="sir", beta=beta, gamma=gamma), mass=Mass(),
        epidemic=invariant(3, _epidemic, _epidemic_gradient, _epidemic_hvp, gamma / beta),
    )  # fmt: skip


def _sir(beta, gamma, y1, y2, y3):
    return [-beta * y1 * y2, beta * y1 * y2 - gamma * y2, gamma * y2]


def _sir_jacobian(beta, gamma, y1, y2, y3):
    return [
        [-beta * y2, -beta * y1, 0 * y3],
        [beta * y2, beta * y1 - gamma, 0 * y3],
        [0 * y1, gamma + 0 * y2, 0 * y3],
    ]


def _epidemic(c, y1, y2, y3):
    return y1 + y2 - c * np.log(y1)


def _epidemic_gradient(c, y1, y2, y3):
    return [1 - c / y1, 1 + 0 * y2, 0 * y3]


def _epidemic_hvp(c, y1, y2, y3, v1, v2, v3):
    return [c * v1 / y1**2, 0 * v2, 0 * v3]


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
    return system(
        known(2, _lotka_volterra, _lotka_volterra_jacobian, a, b, c, d, keeps={"invariant"}),
        [2.0, 1.0], dict(system="lotka_volterra", **rates),
        cycle=invariant(2, _cycle, _cycle_gradient, _cycle_hvp, a, b, c, d),
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
