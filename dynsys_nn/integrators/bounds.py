"""What one step does to the distance of two points: Lipschitz constants, and steps that are non-expansive.

What is known of the field decides. From its Lipschitz constant L alone, a step of Euler's method stretches distances by
at most 1 + |h|L; a one-sided constant μ knows that the field points inward; a spectrum, for the symmetric Jacobian of
a gradient, gives the constant that is attained. Sources: Celledoni et al., arXiv:2210.02373; Sherry et al.,
arXiv:2306.17332; Dahlquist and Jeltsch, Generalized disks of contractivity for explicit and implicit Runge–Kutta
methods (1979).
"""

import math

import numpy as np

from ..fields import Field
from ..linear import singular_values


def plain_bound(h, L):
    """1 + |h|L."""
    return 1 + np.abs(h) * L


def one_sided_bound(h, L, mu):
    """√(1 + 2hμ + h²L²) for h ≥ 0: the slides' √(1 − h + h²) where L = 1 and μ = −½."""
    return np.sqrt(np.maximum(0, 1 + 2 * h * mu + (h * L) ** 2))


def spectral_bound(h, low, high):
    """max(|1 + hλ_min|, |1 + hλ_max|), attained where X′ has these eigenvalues."""
    return np.maximum(np.abs(1 + h * low), np.abs(1 + h * high))


def euler_lipschitz(field, h):
    """A Lipschitz constant of x + hX(x): of three levels of knowledge the best that the field allows.

    A spectrum decides alone, since its bound is never above the others. Where X is r-Lipschitz about a linear map C (a
    residual field), ‖I + hC‖ + |h|r is never above the first.
    """
    require_field(field)
    try:
        return float(spectral_bound(h, *field.spectrum()))
    except NotImplementedError:
        L, mu = field.lipschitz(), field.one_sided_lipschitz()
    bound = float(one_sided_bound(h, L, mu) if h > 0 else plain_bound(h, L))
    try:
        C, r = field.centre_radius()
    except NotImplementedError:
        return bound
    return min(bound, singular_values(np.eye(len(C)) + h * C)[1] + abs(h) * r)


def require_field(field):
    """TypeError where the field is a map that has no constants of a vector field."""
    if not isinstance(field, Field):
        raise TypeError(f"a bound of a step needs a vector field, a Field with its constants, got {field!r}")


def cocoercivity(field):
    """ν with ⟨X(x) − X(y), x − y⟩ ≤ −ν‖X(x) − X(y)‖²: how strongly X contracts.

    1/L where −X is the gradient of a convex function (Baillon and Haddad, 1977); −μ/L² where only μ < 0 is known.
    NotImplementedError where X is not known to contract.
    """
    require_field(field)
    L, mu = field.lipschitz(), field.one_sided_lipschitz()
    try:
        field.spectrum()
        gradient = True
    except NotImplementedError:
        gradient = False
    if mu > 0 or (mu == 0 and not gradient):
        raise NotImplementedError(f"{field!r} is not known to contract: its one-sided Lipschitz constant is {mu:.3g}")
    if L == 0:
        return math.inf
    return 1 / L if gradient else -mu / L**2


def stability_matrix(A, b):
    """M = BA + AᵀB − bbᵀ, B = diag(b), of a Runge–Kutta method. With differences Δ of two solutions, and K_i = X(Y_i),

    ‖Δy‖² = ‖Δx‖² + 2hΣ_i b_i⟨ΔY_i, ΔK_i⟩ − h²Σ_ij m_ij⟨ΔK_i, ΔK_j⟩ ≤ ‖Δx‖² − h²⟨ΔK, (M + (2ν/h)B)ΔK⟩

    for b ≥ 0 and a field of cocoercivity ν.
    """
    b = np.asarray(b, float)
    BA = b[:, None] * np.array([[*row, *[0.0] * (len(b) - len(row))] for row in A])
    return BA + BA.T - np.outer(b, b)


def contractivity_radius(A, b):
    """The r of a Runge–Kutta method: a step h ≤ 2rν of a field with cocoercivity ν is non-expansive. 0 where there is none.

    It is the largest r with M + B/r positive semidefinite, and b ≥ 0: 1 for Euler, Heun and RK4, ½ for Kutta's third-order
    method, none for the explicit midpoint rule, ∞ for the implicit one.
    """
    b = np.asarray(b, float)
    M, used = stability_matrix(A, b), b > 0
    if (b < 0).any() or M[~used].any():
        return 0.0
    root = np.sqrt(b[used])
    lowest = np.linalg.eigvalsh(M[np.ix_(used, used)] / np.outer(root, root))[0]
    return math.inf if lowest > -1e-14 else -1 / float(lowest)
