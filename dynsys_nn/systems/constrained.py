"""A stone that falls, and a stone on a rod."""

from functools import partial

import numpy as np

from ..fields import KnownField, Quadratic, SeparableEnergy
from .system import kinetic, multiple, newton, system

START = [np.sin(1.0), 0.0, np.cos(1.0), 0.0, 0.7, 0.0]


def free_fall():
    """q̇ = p, ṗ = −e₃ in space: H = ‖p‖²/2 + q₃.

    A PartitionedField with states (q, p) in ℝ⁶, on which `Rattle(Sphere())` makes the steps of the
    spherical pendulum.

    Examples
    --------
    >>> X = dnn.systems.free_fall()
    >>> z = np.array([0.0, 0.0, 2.0, 1.0, 0.0, 0.0])
    >>> dnn.Flow(X, 2.0, dnn.StormerVerlet())(z)  # q₃ = 2 − t²/2
    array([ 2.,  0.,  0.,  1.,  0., -2.])
    """
    field, energy = _falling()
    return system(field, START, dict(system="free_fall"), energy=energy)


def spherical_pendulum():
    """A stone on a rod of length 1 in space, with states (q, p) in ℝ⁶: that of H = ‖p‖²/2 + q₃ with
    ‖q‖ = 1 and ⟨q, p⟩ = 0.

    A KnownField, the Hamiltonian system of Dirac's bracket, X = S(q, p)∇H with

        q̇ = p − αq,   ṗ = −e₃ + βq + αp,   α = ⟨q, p⟩/‖q‖²,   β = (q₃ − ‖p‖²)/‖q‖²

    whose flow keeps ½‖q‖² (`length`), ⟨q, p⟩ (`radial`), the energy and the angular momentum about
    the vertical, from any state with q ≠ 0. Source: Leimkuhler and Reich, Simulating Hamiltonian
    Dynamics, chapter 7 (2004).

    Examples
    --------
    >>> X = dnn.systems.spherical_pendulum()
    >>> x = dnn.exact_flow(X, X.x0, 2.0)
    >>> all(abs(I(x) - I(X.x0)) < 1e-12 for I in X.invariants.values())
    True
    >>> y = dnn.Flow(dnn.systems.free_fall(), 0.01, dnn.Rattle(dnn.Sphere()), steps=200)(X.x0)
    >>> np.allclose(x, y, atol=1e-3)
    True
    """
    q, p = np.diag([1.0, 1, 1, 0, 0, 0]), np.eye(6, k=3)
    turn = np.zeros((6, 6))
    turn[0, 4], turn[1, 3] = 2, -2
    return system(
        KnownField(_on_a_rod, 6, _on_a_rod_jacobian), START, dict(system="spherical_pendulum"),
        energy=_falling()[1], length=Quadratic(q), radial=Quadratic(2 * p),
        angular_momentum=Quadratic(turn),
    )  # fmt: skip


def _falling():
    field = newton(3, _weight, partial(multiple, 0.0))
    return field, SeparableEnergy(field.f, field.g, kinetic, _height)


def _weight(q):
    return 0 * q - np.eye(3, dtype=q.real.dtype)[2]


def _height(q):
    return q[..., 2]


def _on_a_rod(z):
    q, p, alpha, beta, _ = _rod(z)
    return np.concatenate([p - alpha * q, _weight(q) + beta * q + alpha * p], axis=-1)


def _on_a_rod_jacobian(z):
    q, p, alpha, beta, rho = _rod(z)
    eye = np.eye(3)
    up = eye[2] + 0 * q
    alpha_q, alpha_p = (p - 2 * alpha * q) / rho, q / rho
    beta_q, beta_p = (up - 2 * beta * q) / rho, -2 * p / rho
    alpha, beta = alpha[..., None] * eye, beta[..., None] * eye
    top = [-alpha - _outer(q, alpha_q), eye - _outer(q, alpha_p)]
    bottom = [
        beta + _outer(q, beta_q) + _outer(p, alpha_q),
        alpha + _outer(q, beta_p) + _outer(p, alpha_p),
    ]
    return np.concatenate([np.concatenate(row, axis=-1) for row in (top, bottom)], axis=-2)


def _rod(z):
    """q, p, α, β and ‖q‖²."""
    q, p = z[..., :3], z[..., 3:]
    rho = _dot(q, q)
    return q, p, _dot(q, p) / rho, (q[..., 2:] - _dot(p, p)) / rho, rho


def _dot(a, b):
    return (a * b).sum(axis=-1, keepdims=True)


def _outer(a, b):
    return a[..., :, None] * b[..., None, :]
