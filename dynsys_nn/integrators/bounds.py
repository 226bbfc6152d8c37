"""What one step does to the distance of two points: Lipschitz constants, and steps that are
non-expansive.

What is known of the field decides. From its Lipschitz constant L alone, a step of Euler's method
stretches distances by at most 1 + |h|L; a one-sided constant μ knows that the field points inward;
a spectrum, for the symmetric Jacobian of a gradient, gives the constant that is attained. Sources:
Celledoni et al., arXiv:2210.02373; Sherry et al., arXiv:2306.17332.
"""

import math
from fractions import Fraction

import numpy as np

from ..arguments import refuse
from ..fields import Field
from ..linear import eigenvalues, singular_values
from ..maps import inward, outward, root, up
from .tableaus import contractivity_radius, stability_matrix


def plain_bound(h, L):
    """1 + |h|L, a Lipschitz constant of x + hX(x) for any X that is L-Lipschitz.

    h: the step, of either sign; L ≥ 0. Floats or arrays, and so is the result.

    Examples
    --------
    It is attained where the field points outward, as X(x) = Lx does:

    >>> print(dnn.integrators.plain_bound(h=0.5, L=2.0))
    2.0
    >>> X, x, y = dnn.KnownField(lambda x: 2 * x, 1), np.array([1.0]), np.array([4.0])
    >>> moved_apart = dnn.Euler().step(X, y, h=0.5) - dnn.Euler().step(X, x, h=0.5)
    >>> moved_apart / (y - x)
    array([2.])
    """
    return 1 + np.abs(h) * L


def one_sided_bound(h, L, mu):
    """√(1 + 2hμ + h²L²), a Lipschitz constant of x + hX(x) for h ≥ 0: the paper's √(1 − h + h²) if
    L = 1 and μ = −½.

    h: the step; L: a Lipschitz constant of X; mu: μ with ⟨X(x) − X(y), x − y⟩ ≤ μ‖x − y‖². Floats
    or arrays, and so is the result.

    Examples
    --------
    It is least at h = −μ/L², and 1 again at twice that:

    >>> dnn.integrators.one_sided_bound(np.array([0.25, 0.5, 0.75, 1.0]), L=1.0, mu=-0.5).round(4)
    array([0.9014, 0.866 , 0.9014, 1.    ])
    """
    return np.sqrt(square_of_one_sided_bound(h, L, mu))


def square_of_one_sided_bound(h, L, mu):
    """1 + 2hμ + h²L², and 0 where rounding of μ makes it negative."""
    return np.maximum(0, 1 + 2 * h * mu + (h * L) ** 2)


def spectral_bound(h, low, high):
    """max(|1 + hλ_min|, |1 + hλ_max|), a Lipschitz constant of x + hX(x), attained where X′ has
    these eigenvalues.

    h: the step, of either sign; low, high: λ_min and λ_max of the symmetric X′. Floats or arrays,
    and so is the result.

    Examples
    --------
    It is least at h = −2/(λ_min + λ_max), and 1 again at h = −2/λ_min:

    >>> dnn.integrators.spectral_bound(np.array([1.0, 4 / 3, 2.0]), low=-1.0, high=-0.5).round(4)
    array([0.5   , 0.3333, 1.    ])
    """
    return np.maximum(np.abs(1 + h * low), np.abs(1 + h * high))


def euler_lipschitz(field, h):
    """A Lipschitz constant of x + hX(x): the smallest that follows from what is known of the field.

    A known spectrum is used alone: `spectral_bound` is never worse than `plain_bound` and
    `one_sided_bound`. If X is r-Lipschitz about a linear map C (a residual field), ‖I + hC‖ + |h|r
    is another one. field: a Field; h: the step, of either sign. TypeError for a map that is not a
    Field.

    Examples
    --------
    A gradient field whose X′ has its eigenvalues in [−1, −½]:

    >>> X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5))
    >>> round(dnn.integrators.euler_lipschitz(X, h=1.0), 6)  # from L = 1 alone: 1 + h = 2
    0.5
    >>> round(dnn.integrators.euler_lipschitz(X, h=3.0), 6)  # too long
    2.0
    >>> round(dnn.integrators.euler_lipschitz(X, h=-1.0), 6)  # backwards
    2.0
    """
    require_field(field)
    if field.has_spectrum:
        return outward(spectral_bound, h, *field.spectrum())
    L, mu = field.lipschitz(), field.one_sided_lipschitz()
    bound = (
        root(outward(square_of_one_sided_bound, h, L, mu)) if h > 0 else outward(plain_bound, h, L)
    )
    if not field.has_centre:
        return bound
    C, r = field.centre_radius()
    near = np.eye(len(C)) + h * C
    with np.errstate(over="ignore"):
        s, rounding = singular_values(near)[1], np.finfo(float).eps * np.linalg.norm([near, h * C])
    return min(bound, outward(lambda s, e, h, r: s + e + abs(h) * r, s, rounding, h, r))


def require_field(field):
    """TypeError for a map that has no constants of a vector field."""
    if not isinstance(field, Field):
        raise TypeError(
            f"a bound of a step needs a vector field, a Field with its constants, got {field!r}"
        )


def contracts(field):
    """True if a cocoercivity ν > 0 of the field is known."""
    require_field(field)
    mu = field.one_sided_lipschitz()
    return mu < 0 or (mu == 0 and field.has_spectrum)


def cocoercivity(field):
    """ν with ⟨X(x) − X(y), x − y⟩ ≤ −ν‖X(x) − X(y)‖²: how strongly X contracts.

    1/L if −X is the gradient of a convex function (Baillon and Haddad, 1977); −μ/L² if only μ < 0
    is known; rounded down. field: a Field. NotImplementedError if X is not known to contract.

    Examples
    --------
    >>> X = dnn.GradientField.random(2, width=8, rng=0)
    >>> nu = dnn.integrators.cocoercivity(X)
    >>> round(nu * X.lipschitz(), 12)
    1.0
    >>> x, y = np.array([1.0, 2.0]), np.array([-1.0, 0.5])
    >>> dX = X(x) - X(y)
    >>> bool(dX @ (x - y) <= -nu * dX @ dX)
    True
    """
    if not contracts(field):
        mu = field.one_sided_lipschitz()
        raise NotImplementedError(
            f"{field!r} is not known to contract: its one-sided Lipschitz constant is {mu:.3g}"
        )
    L = field.lipschitz()
    if L == 0:
        return math.inf
    if field.has_spectrum:
        return inward(lambda L: 1 / L, L)
    return inward(lambda L, mu: -mu / L**2, L, field.one_sided_lipschitz())


def longest_contracting_step(A, b, field):
    """2rν, rounded down: r the contractivity radius of a Runge–Kutta method, ν the cocoercivity of
    a field that contracts."""
    r, nu = contractivity_radius(A, b), cocoercivity(field)
    return math.inf if math.inf in (r, nu) else inward(lambda r, nu: 2 * r * nu, r, nu)


def tableau_lipschitz(A, b, field, h):
    """A Lipschitz constant of an explicit Runge–Kutta step. With one stage it is that of Euler's
    method. With more, of which each grows by at most ℓ_i = 1 + |h|LΣ_j|a_ij|ℓ_j, it is 1 +
    |h|LΣ_i|b_i|ℓ_i, and for fields that contract, h > 0 and b ≥ 0, at most √(1 + (hL)² max(0, −λ)
    Σ_i ℓ_i²), λ the smallest eigenvalue of M + (2ν/h)B, M the stability matrix: 1 for steps up to
    2rν."""
    if len(b) == 1:
        return euler_lipschitz(field, h)
    L = field.lipschitz()
    if L == math.inf:
        return L
    hL, stages = abs(Fraction(h)) * Fraction(L), []
    for weights in [*A, b]:  # exactly: the last one is the step itself
        stages.append(
            1 + hL * sum(abs(Fraction(a)) * s for a, s in zip(weights, stages, strict=True))
        )
    *stages, bound = stages
    bound = up(bound)
    if h < 0 or min(b) < 0 or not contracts(field):
        return bound
    if h <= longest_contracting_step(A, b, field):
        return min(bound, 1.0)
    M = stability_matrix(A, b) + np.diag(b) * min(2 * cocoercivity(field) / h, 1e6)
    rounding = 10 * len(b) * np.finfo(float).eps * np.linalg.norm(M)
    expansion = Fraction(max(0.0, rounding - eigenvalues(M)[0]))
    return min(bound, root(1 + expansion * hL**2 * sum(s * s for s in stages)))


def one_stage_lipschitz(method, field, h):
    """A Lipschitz constant of one implicit stage, a > 0: y = x + hbX(Y), Y = x + haX(Y).

    The distance of two solutions is multiplied by |R(z)|, R(z) = (1 + (b − a)z)/(1 − az): with z =
    hλ between the ends of a known spectrum, where R is monotone; otherwise with a complex z of Re z
    ≤ c, c = hμ for h > 0 and |h|L for h < 0, where |R| is largest at c or at ∞. It is at most 1 for
    a step up to 2rν. NotImplementedError if az may be 1: the step need not be unique.
    """
    [[a]], [b] = method.A, method.b
    if field.has_spectrum:
        ends = field.spectrum()
    else:
        ends = [field.one_sided_lipschitz() if h > 0 else -field.lipschitz()]
    refuse(a < 0, f"no Lipschitz constant of {method!r} is known: a < 0", NotImplementedError)
    unique = all(
        h * end < 0 or outward(lambda a, h, end: a * h * end, a, h, end) < 1 for end in ends
    )
    refuse(
        not unique,
        f"{method!r} has a Lipschitz constant if hμ < {1 / a:.3g}, got hμ = "
        f"{max(h * end for end in ends):.3g}: take a smaller step",
        NotImplementedError,
    )
    bounds = [
        outward(lambda a, b, h, end: abs((1 + (b - a) * h * end) / (1 - a * h * end)), a, b, h, end)
        for end in ends
    ]
    if not field.has_spectrum:
        bounds.append(outward(lambda a, b: abs(b - a) / a, a, b))
    if h > 0 and contracts(field) and h <= longest_contracting_step(method.A, method.b, field):
        bounds = [min(bound, 1.0) for bound in bounds]
    return max(bounds)
