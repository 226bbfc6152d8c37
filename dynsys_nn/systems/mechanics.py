"""Oscillators, pendulums, planets and bodies."""

import math
from functools import partial

import numpy as np

from ..arguments import array, function, positive, real, refuse, within
from ..fields import Quadratic, SeparableEnergy, SquaredNorm
from .system import at, kinetic, known, multiple, newton, system


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
    return system(
        newton(1, np.negative, partial(multiple, -1.0)), [1.0, 0.0],
        dict(system="harmonic_oscillator"), energy=Quadratic(np.eye(2), keeps={"energy"}),
    )  # fmt: skip


def damped_oscillator(gamma=0.1):
    """q̇ = p, ṗ = −q − γp: an oscillator with friction, whose flow is known.

    A KnownField, so that `ExactFlow` takes it; its eigenvalues are −γ/2 ± √(γ²/4 − 1), and volume
    shrinks by e^{−γh}. gamma: γ > 0, default 0.1, ValueError if it is not positive.

    Examples
    --------
    >>> X = dnn.systems.damped_oscillator(gamma=0.2)
    >>> F = dnn.Flow(X, 2.0, dnn.ExactFlow())
    >>> np.allclose(F(X.x0), dnn.exact_flow(X, X.x0, 2.0), rtol=1e-12)
    True
    >>> np.allclose(np.linalg.det(F.jacobian(X.x0)), np.exp(-0.2 * 2.0))
    True
    """
    gamma = positive(gamma, "gamma")
    field = known(
        2, _damped, _damped_jacobian, gamma,
        flow=partial(_damped_flow, gamma), flow_jacobian=partial(_damped_flow_jacobian, gamma),
    )  # fmt: skip
    return system(field, [1.0, 0.0], dict(system="damped_oscillator", gamma=gamma))


def _damped(gamma, q, p):
    return [p, -q - gamma * p]


def _damped_jacobian(gamma, q, p):
    return [[0 * q, 1 + 0 * p], [-1 + 0 * q, -gamma + 0 * p]]


def _damped_flow(gamma, x, h):
    return x @ _exponential(gamma, h).T


def _damped_flow_jacobian(gamma, x, h):
    return np.broadcast_to(_exponential(gamma, h), (*x.shape, 2))


def _exponential(gamma, h):
    from scipy.linalg import expm

    return expm(h * np.array([[0.0, 1.0], [-1.0, -gamma]]))


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
    field = newton(1, _gravity, _gravity_jacobian)
    energy = SeparableEnergy(field.f, field.g, kinetic, _height)
    return system(field, [1.5, 0.0], dict(system="pendulum"), energy=energy)


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
    field = newton(2, _attraction, _attraction_jacobian)
    return system(
        field, [1 - e, 0.0, 0.0, np.sqrt((1 + e) / (1 - e))], dict(system="kepler", eccentricity=e),
        energy=SeparableEnergy(field.f, field.g, kinetic, _inverse_distance),
        angular_momentum=Quadratic([[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]),
    )  # fmt: skip


def _attraction(q):
    return -q / (q * q).sum(axis=-1, keepdims=True) ** 1.5


def _attraction_jacobian(q):
    r = np.sqrt((q * q).sum(axis=-1))[..., None, None]
    return 3 * q[..., :, None] * q[..., None, :] / r**5 - np.eye(2) / r**3


def _inverse_distance(q):
    return -1 / np.sqrt((q * q).sum(axis=-1))


def henon_heiles():
    """A star in the plane of a galaxy: H = ‖p‖²/2 + ‖q‖²/2 + q₁²q₂ − q₂³/3.

    A PartitionedField with states (q₁, q₂, p₁, p₂). Orbits of energy below 1/6 that start in a
    triangle stay there, nearly all of them quasi-periodic up to H = 1/12, and chaotic near 1/6.
    Source: Hénon and Heiles, Astron. J. 69 (1964).

    Examples
    --------
    >>> X = dnn.systems.henon_heiles()
    >>> print(X.invariants["energy"](X.x0).round(5))
    0.12825
    >>> abs(X(np.array([0.0, 1.0, 0.0, 0.0])))  # at rest in a corner of the triangle, H = 1/6
    array([0., 0., 0., 0.])
    """
    field = newton(2, _tides, _tides_jacobian)
    energy = SeparableEnergy(field.f, field.g, kinetic, _cubic)
    return system(field, [0.3, -0.3, 0.3, 0.15], dict(system="henon_heiles"), energy=energy)


def _tides(q):
    return at(_tides_by_row, 2, (), q)


def _tides_by_row(q1, q2):
    return [-q1 - 2 * q1 * q2, -q2 - q1**2 + q2**2]


def _tides_jacobian(q):
    return at(_tides_jacobian_by_row, 2, (), q)


def _tides_jacobian_by_row(q1, q2):
    return [[-1 - 2 * q2, -2 * q1], [-2 * q1, -1 + 2 * q2]]


def _cubic(q):
    q1, q2 = q[..., 0], q[..., 1]
    return (q1**2 + q2**2) / 2 + q1**2 * q2 - q2**3 / 3


def separable(V, dV, d2V, x0):
    """q̇ = p, ṗ = −∇V(q): H = ‖p‖²/2 + V(q) of a potential of your own, a PartitionedField.

    It can be saved only as far as your functions can: not in a file of `save`.

    Parameters
    ----------
    V : function, (..., n) → (...)
        The potential.
    dV : function, (..., n) → (..., n)
        ∇V.
    d2V : function, (..., n) → (..., n, n), or "complex step"
        ∇²V; "complex step": by that of dV, which must be analytic.
    x0 : array, shape (2n,)
        A first state (q, p).

    Returns
    -------
    PartitionedField
        With x0 and invariants["energy"].

    Examples
    --------
    H = q₁²/2 + cos q₂ + ‖p‖²/2:

    >>> def V(q):
    ...     return q[..., 0] ** 2 / 2 + np.cos(q[..., 1])
    >>> def dV(q):
    ...     return np.stack([q[..., 0], -np.sin(q[..., 1])], axis=-1)
    >>> X = dnn.systems.separable(V, dV, "complex step", x0=[1.0, 0.5, 0.0, 0.0])
    >>> F = dnn.Flow(X, 0.1, dnn.StormerVerlet(), steps=50)
    >>> sorted(F.keeps)
    ['symplectic', 'volume']
    >>> H = X.invariants["energy"]
    >>> bool(abs(H(F(X.x0)) - H(X.x0)) < 3e-3)
    True
    """
    V, dV = function(V, "V of separable", "q"), function(dV, "dV of separable", "q")
    if d2V != "complex step":
        function(d2V, "d2V of separable", "q")
    start = array(x0, "x0 of separable must be a state (q, p)")
    refuse(
        start.ndim != 1 or start.size % 2 or not all(math.isfinite(real(x)) for x in start),
        f"x0 of separable must be a state (q, p), 2n finite numbers, got {x0!r}",
    )
    field = newton(
        start.size // 2, partial(_minus, dV), d2V if isinstance(d2V, str) else partial(_minus, d2V)
    )
    recipe = dict(system="separable", V=V, dV=dV, d2V=d2V, x0=start.tolist())
    energy = SeparableEnergy(field.f, field.g, kinetic, V)
    return system(field, start.astype(float), recipe, energy=energy)


def _minus(f, q):
    return np.negative(f(q))


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
    return system(
        known(3, _rigid_body, _rigid_body_jacobian, *k, keeps={"norm", "energy", "volume"}),
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
