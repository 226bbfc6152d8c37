"""The largest ‖Cᵀη‖ that an input of length one can make, if all that is known of the activations
is that none of their differences is longer than what goes in.

The unknowns η = (Δx, η₁, …, η_m) are the n numbers of the input and one for each unit. Unit u
computes from what was before it, Δz_u = z_uᵀη, and |η_u| ≤ |z_uᵀη|. For any weights τ_u ≥ 0

    ρ‖Δx‖² − ‖Cᵀη‖² = ηᵀQη + Σ_u τ_u((z_uᵀη)² − η_u²) ≥ ηᵀQη,
    Q(ρ, τ) = diag(ρ, …, ρ, τ₁, …, τ_m) − CCᵀ − Σ_u τ_u z_u z_uᵀ

so that ‖Cᵀη‖² ≤ ρ‖Δx‖² as soon as Q ⪰ 0: the best ρ is a semidefinite program (LipSDP: Fazlyab et
al., arXiv:1906.04893). It is solved here by Newton's method on the central path of the barrier −log
det Q − Σ_u log τ_u, whose derivatives are products of matrices. How well it is solved does not
matter for what is certified: that is decided by the smallest eigenvalue of Q, for the ρ and τ that
were found.
"""

import math

import numpy as np

from .linear import eigenvalues

EPS = np.finfo(float).eps
#: how far ρ may be from the best one, in units of ρ
GAP = 2e-4
#: how much closer to it Newton's method starts anew
FASTER = 12


def program(C, Z, layers):
    """ρ and τ (m,), near the best ones, with Q ≻ 0 but for rounding.

    C: array, (n + m, k); Z: array, (n + m, m), with the columns z_u; layers: the numbers of units
    that compute at once, in their order.
    """
    m = Z.shape[1]
    n = len(C) - m
    rho, tau = start(C, Z, layers)
    # a unit that sees nothing is as small as it can be: no weight is best for it
    free = np.flatnonzero((Z**2).sum(axis=0) > 1e-18 * (Z**2).sum(axis=0).max(initial=0.0))
    Q = matrix(C, Z, rho, tau)
    value, t = barrier(Q, tau), (n + 2 * m) / rho
    for _ in range(100):
        slope, step = newton(Q, Z, tau, t, n, free)
        length = 1.0
        while length > 1e-10:
            rho_new, tau_new = rho + length * step[0], tau.copy()
            tau_new[free] += length * step[1:]
            Q_new = matrix(C, Z, rho_new, tau_new)
            value_new = barrier(Q_new, tau_new)
            if t * (rho_new - rho) + value_new - value <= 0.1 * length * slope:
                rho, tau, Q, value = rho_new, tau_new, Q_new, value_new
                break
            length /= 2
        if slope > -0.5 or length <= 1e-10:  # near enough to the central path
            if n + 2 * m < t * GAP * rho or length <= 1e-10:
                break
            t *= FASTER
    return rho, tau


def start(C, Z, layers):
    """ρ and τ with Q ≻ 0: the units are eliminated from Q, the last ones first, and each gets twice
    the weight that it needs."""
    P, tau = C @ C.T, np.zeros(Z.shape[1])
    for k in reversed(layers):
        end = len(P)
        rest, own = slice(end - k), slice(end - k, end)
        last = len(tau) - (len(C) - end)  # the number of units up to here
        weight = 2 * eigenvalues(P[own, own])[-1] + 1e-12
        tau[last - k : last] = weight
        z = Z[rest, last - k : last]
        inverse = np.linalg.solve(weight * np.eye(k) - P[own, own], P[own, rest])
        P = P[rest, rest] + P[rest, own] @ inverse + weight * z @ z.T
    return 2 * eigenvalues(P)[-1] + 1e-12, tau


def matrix(C, Z, rho, tau):
    """Q(ρ, τ)."""
    n = len(C) - len(tau)
    Q = -(C @ C.T) - (Z * tau) @ Z.T
    Q[np.diag_indices(len(Q))] += np.concatenate([np.full(n, rho), tau])
    return Q


def barrier(Q, tau):
    """−log det Q − Σ log τ, and ∞ unless Q ≻ 0 and τ > 0."""
    if not (tau > 0).all():
        return math.inf
    try:
        diagonal = np.diag(np.linalg.cholesky(Q))
    except np.linalg.LinAlgError:
        return math.inf
    value = -2 * np.log(diagonal).sum() - np.log(tau).sum()
    return value if math.isfinite(value) else math.inf


def newton(Q, Z, tau, t, n, free):
    """The slope of tρ − log det Q − Σ log τ along its Newton step in (ρ, τ), and the step: gradient
    and Hessian are, with P = Q⁻¹, traces of P dQ and of P dQ P dQ."""
    P, Z, tau = np.linalg.inv(Q), Z[:, free], tau[free]
    PZ, own = P @ Z, n + free  # dQ/dτ_u = e_u e_uᵀ − z_u z_uᵀ
    ZPZ, ePZ = Z.T @ PZ, PZ[own]
    gradient = np.concatenate(
        [[t - np.trace(P[:n, :n])], np.diag(ZPZ) - P[own, own] - 1 / tau]
    )
    H = np.empty((len(gradient), len(gradient)))
    H[0, 0] = (P[:n, :n] ** 2).sum()
    H[0, 1:] = H[1:, 0] = (P[:n, own] ** 2).sum(axis=0) - (PZ[:n] ** 2).sum(axis=0)
    H[1:, 1:] = P[np.ix_(own, own)] ** 2 + ZPZ**2 - ePZ**2 - ePZ.T**2 + np.diag(1 / tau**2)
    step = -np.linalg.solve(H, gradient)
    return gradient @ step, step


def certified(C, Z, layers, error_C=0.0, errors_Z=0.0):
    """ℓ with ‖Cᵀη‖ ≤ ℓ‖Δx‖ for matrices that are within these distances, in the Frobenius norm,
    from those given; ∞ if none is found.

    With λ the smallest eigenvalue of Q as it is computed, less all roundings, and ‖η‖² ≤ (1 +
    L)‖Δx‖², since the L layers' numbers are scaled to be no longer than Δx, ℓ² = ρ + max(0, −λ)(1 +
    L). C: array, (n + m, k); Z: array, (n + m, m), with the columns z_u; layers: the numbers of
    units that compute at once, in their order; error_C: float; errors_Z: array, one for each layer.
    """
    scale = np.linalg.norm(C)
    if not (math.isfinite(scale) and np.isfinite(Z).all()):
        return math.inf
    if scale == 0:
        return error_C * math.sqrt(1 + len(layers))
    C, error_C = C / scale, error_C / scale + EPS
    try:
        rho, tau = program(C, Z, layers)
        Q = matrix(C, Z, rho, tau)
        smallest = eigenvalues(Q)[0]
    except np.linalg.LinAlgError:
        return math.inf
    weighted = np.linalg.norm(Z * np.sqrt(tau))
    # of the products that Q is made of, and of the eigenvalues
    rounding = 4 * len(Q) * EPS * (1 + weighted**2 + np.linalg.norm(tau) + np.linalg.norm(Q))
    heaviest = np.maximum.reduceat(tau, np.cumsum([0, *layers[:-1]]))
    a = math.sqrt((heaviest * np.square(errors_Z)).sum())
    loss = max(0.0, rounding + (2 * weighted + a) * a - smallest)
    reach = 1 + len(layers)
    return scale * (math.sqrt(rho + loss * reach) + error_C * math.sqrt(reach)) * (1 + 8 * EPS)
