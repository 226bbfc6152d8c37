"""The largest ‖Cᵀη‖ that an input of length one can make, if all that is known of the units of a
network is that none gives a longer difference than it gets.

The unknowns η = (Δx, η₁, …, η_m) are the n numbers of the input, and one for each unit. Unit u sees
Δz_u = z_uᵀη, in which only units before it have a part, and |η_u| ≤ |Δz_u|. For all weights τ_u ≥ 0

    ρ‖Δx‖² − ‖Cᵀη‖² = ηᵀQη + Σ_u τ_u((z_uᵀη)² − η_u²) ≥ ηᵀQη,
    Q(ρ, τ) = diag(ρ, …, ρ, τ₁, …, τ_m) − CCᵀ − Σ_u τ_u z_u z_uᵀ

so that ‖Cᵀη‖² ≤ ρ‖Δx‖² as soon as Q ⪰ 0, which makes τ ≥ 0 by itself, as one sees from the last
unit to the first. The least ρ is a semidefinite program (LipSDP: Fazlyab et al., arXiv:1906.04893).
Its dual asks for the worst η, on the average, E ηηᵀ = X:

    max tr CᵀXC,   X ⪰ 0,   Σ_{i ≤ n} X_ii = 1,   X_uu = z_uᵀX z_u

Newton's method follows both to the point where XQ = 0 (primal–dual: Helmberg et al., SIAM J. Optim.
6 (1996)); since a derivative of Q is of rank two, its matrix is made of products of entries. How
well the program is solved does not matter for what is certified: the smallest eigenvalue of Q
decides, for the ρ and τ that were found.
"""

import math

import numpy as np

from ..linear import eigenvalues
from ..rounding import size

EPS = np.finfo(float).eps
#: how far ρ may be from the least one, in units of ρ
GAP = 2e-3


def program(C, Z, layers):
    """ρ and τ (m,), near the best ones, with Q ≻ 0 but for rounding.

    C: array, (n + m, k); Z: array, (n + m, m), with the columns z_u; layers: the numbers of units
    that compute at once, in their order.
    """
    N, m = Z.shape
    n, (rho, tau) = N - m, start(C, Z, layers)
    seen = (Z**2).sum(axis=0)
    free = np.flatnonzero(seen > 1e-18 * seen.max(initial=0.0))  # others stay at their start
    Q, Z_free, dtau = quadratic(C, Z, rho, tau), Z[:, free], np.zeros(m)
    X = np.linalg.inv(Q)
    X /= np.trace(X[:n, :n])
    share = 0.3  # of the gap ⟨X, Q⟩, to which a step aims
    for _ in range(100):
        gap = (X * Q).sum()
        if gap < GAP * rho:
            break
        P, mu = np.linalg.inv(Q), share * gap / N
        H, p = normal_equations(X, P, Z_free, n, n + free)
        p[0], p[1:] = mu * p[0] - 1, mu * p[1:]
        drho, *dtau[free] = np.linalg.solve(H, p)
        dQ = quadratic(0 * C, Z, drho, dtau)
        R = X @ dQ @ P
        dX = mu * P - X - (R + R.T) / 2
        steps = longest(Q, dQ), longest(X, dX)
        rho, tau = rho + steps[0] * drho, tau + steps[0] * dtau
        Q, X = quadratic(C, Z, rho, tau), X + steps[1] * dX
        share = min(0.5, max(0.05, (1 - min(steps)) ** 2))
    return rho, tau


def start(C, Z, layers):
    """ρ and τ with Q ≻ 0: the units are eliminated from Q, the last layer first, and each layer
    gets twice the weight that it needs."""
    P, tau = C @ C.T, np.zeros(Z.shape[1])
    last = len(tau)
    for k in reversed(layers):
        first, cut = last - k, len(P) - k
        weight = 2 * eigenvalues(P[cut:, cut:])[-1] + 1e-12
        z, own = Z[:cut, first:last], weight * np.eye(k) - P[cut:, cut:]
        P = P[:cut, :cut] + P[:cut, cut:] @ np.linalg.solve(own, P[cut:, :cut]) + weight * z @ z.T
        tau[first:last], last = weight, first
    return 2 * eigenvalues(P)[-1] + 1e-12, tau


def quadratic(C, Z, rho, tau):
    """Q(ρ, τ)."""
    Q = -(C @ C.T) - (Z * tau) @ Z.T
    Q[np.diag_indices(len(Q))] += np.concatenate([np.full(len(C) - len(tau), rho), tau])
    return Q


def normal_equations(X, P, Z, n, own):
    """H_jk = tr(Q_j X Q_k P) and p_j = tr(Q_j P), with Q_0 = ∂Q/∂ρ, which is 1 in n places of the
    diagonal, and Q_u = ∂Q/∂τ_u = e_u e_uᵀ − z_u z_uᵀ for the units with the places `own`."""
    XZ, PZ = X @ Z, P @ Z
    ZXZ, ZPZ, crossed = Z.T @ XZ, Z.T @ PZ, XZ[own] * PZ[own]
    H, p = np.empty((1 + len(own), 1 + len(own))), np.empty(1 + len(own))
    H[0, 0] = (X[:n, :n] * P[:n, :n]).sum()
    H[0, 1:] = H[1:, 0] = (X[:n, own] * P[:n, own] - XZ[:n] * PZ[:n]).sum(axis=0)
    H[1:, 1:] = X[np.ix_(own, own)] * P[np.ix_(own, own)] + ZXZ * ZPZ - crossed - crossed.T
    p[0], p[1:] = np.trace(P[:n, :n]), P[own, own] - np.diag(ZPZ)
    return H, p


def longest(M, dM):
    """A step a ≤ 1 for which M + a dM is positive definite, as M is: 0 if none is found. Where it
    is not, Cholesky's factor is an error, or in WebAssembly NaN."""
    for a in 0.8 ** np.arange(60):
        try:
            if np.isfinite(np.linalg.cholesky(M + a * dM)).all():
                return 1.0 if a == 1 else 0.9 * a
        except np.linalg.LinAlgError:
            continue
    return 0.0


def certified(C, Z, layers, error_C, errors_Z):
    """ℓ with ‖Cᵀη‖ ≤ ℓ‖Δx‖, for matrices that are within these distances, in the Frobenius norm,
    of those that are given; ∞ if none is found; and the weights τ.

    With λ the smallest eigenvalue of Q less all rounding, ‖Cᵀη‖² ≤ ρ‖Δx‖² − λ‖η‖², and no layer has
    an ‖η‖ above ‖Δx‖: with L layers, ℓ² = ρ + max(0, −λ)(1 + L).

    Parameters
    ----------
    C, Z : array, shape (n + m, k) and (n + m, m)
        As in the module's docstring, the z_u being the columns of Z.
    layers : list of L int
        The numbers of units that compute at once, in their order.
    error_C : float
        How far C may be off.
    errors_Z : array, shape (L,)
        How far the columns of each layer may be off.
    """
    scale, reach = float(size(C.ravel())), 1.001 * (1 + len(layers))
    nothing = np.zeros(Z.shape[1])
    if not (math.isfinite(scale) and np.isfinite(Z).all()):
        return math.inf, nothing
    if scale == 0:
        return error_C * math.sqrt(reach), nothing
    C, error_C = C / scale, error_C / scale + EPS
    try:
        rho, tau = program(C, Z, layers)
        Q = quadratic(C, Z, rho, tau)
        smallest = eigenvalues(Q)[0]
    except np.linalg.LinAlgError:
        return math.inf, nothing
    if not (tau >= 0).all():
        return math.inf, nothing
    weighted = np.linalg.norm(Z * np.sqrt(tau))
    # of the products in Q, and of its eigenvalues
    rounding = 4 * max(C.shape) * EPS * (1 + weighted**2 + np.linalg.norm(Q))
    # Σ τ_u(z_uᵀη)² is at most (weighted + a)²‖η‖² for the exact z_u
    heaviest = [part.max(initial=0.0) for part in np.split(tau, np.cumsum(layers)[:-1])]
    a = math.sqrt((heaviest * np.square(errors_Z)).sum())
    loss = max(0.0, rounding + (2 * weighted + a) * a - smallest)
    largest = math.sqrt(rho + loss * reach) + error_C * math.sqrt(reach)
    return scale * largest * (1 + 8 * EPS), tau
