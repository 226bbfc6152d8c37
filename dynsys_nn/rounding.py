"""How far the numbers that a network computes are from those of its formulas: a running error
analysis.

With the unit of rounding u, 1.1e-16 in float64, a map that adds up terms of norm at most m₀ + m₁‖x‖
is computed with an error of at most u(e₀ + e₁‖x‖). A map hands on, times its Lipschitz constant,
the error that it gets. Three rules give m and e of everything:

    F + G       m = m_F + m_G             e = e_F + e_G + m         the sum is rounded
    c F         m = |c| m_F               e = |c|(e_F + 2m_F)       and so is c
    G ∘ F       m = m_G(m_F)              e = e_G(m_F) + m_G′ e_F   m_G′ is m₁ of G

A matrix product of n terms has e₁ = √n‖A‖: its roundings are of either sign, so that their sum
grows as √n, and n, the bound if all had one sign, is not met (Higham and Mary, SIAM J. Sci. Comput.
41 (2019)). So these are no theorems as the Lipschitz constants are; tests compare them with the
same weights in higher precision, and find errors below a tenth of the bound.
"""

import math
from functools import reduce
from itertools import accumulate

import numpy as np

from .fields import (
    GradientField,
    HamiltonianField,
    LinearField,
    MassPreservingField,
    PartitionedField,
    ResidualField,
    SumField,
    TimeDependent,
    at_time,
)
from .fixed_points import IdentityMinus
from .flows import Flow, Rollout
from .integrators import Composition, ExactFlow, HenonMap, PartitionedMethod, RungeKutta
from .linear import (
    Affine,
    ChannelRestriction,
    Lift,
    LinearMap,
    MaxMin,
    MaxPooling,
    Selection,
    Standardisation,
    Weighted,
    Zero,
)
from .maps import Frozen, Network, Parallel, flattened
from .started import StartedAt

__all__ = ["running_error"]

#: maps that copy numbers and compute none
EXACT = Lift, ChannelRestriction, MaxPooling, Selection, Zero


class Terms:
    """m and e of a map that is computed: two pairs of numbers (c₀, c₁), which stand for
    c₀ + c₁‖x‖."""

    def __init__(self, m, e):
        self.m, self.e = np.array(m, float), np.array(e, float)

    def __add__(self, other):
        m = self.m + other.m
        return Terms(m, self.e + other.e + m)

    def __rmul__(self, c):
        return Terms(abs(c) * self.m, abs(c) * (self.e + 2 * self.m))

    def __matmul__(self, inner):
        """self ∘ inner."""
        (m_0, m_1), (e_0, e_1) = self.m, self.e
        return Terms(m_1 * inner.m + [m_0, 0], e_1 * inner.m + m_1 * inner.e + [e_0, 0])


IDENTITY = Terms((0, 1), (0, 0))


def constant(c):
    """A vector of norm c."""
    return Terms((c, 0), (0, 0))


def linear(A):
    """A x."""
    s = A.lipschitz()
    return Terms((0, s), (0, 0 if isinstance(A, EXACT) else math.sqrt(length(A)) * s))


def length(A):
    """The number of terms in the longest sum of A x and Aᵀw."""
    if isinstance(A, Weighted):
        return max(A.W[0].size, A.W[:, 0].size)
    return max(A.dim_in, A.dim_out)


def values(sigma, z, width):
    """σ(z), |σ(z)| ≤ |σ(0)| + ℓ|z| for each of `width` numbers, to two units in the last place."""
    at_zero = abs(float(sigma(np.zeros(1))[0])) * math.sqrt(width)
    y = constant(at_zero) + Terms((0, sigma.lipschitz), (0, sigma.lipschitz))
    return y @ z


def terms(F):
    """m and e of a map. Of somebody's own map the constant is all that is known."""
    if isinstance(F, Network):
        return reduce(lambda inner, G: terms(G) @ inner, F.maps, IDENTITY)
    if isinstance(F, Flow):
        step = terms_of_step(F.method, F.field, F.h)
        return reduce(lambda inner, _: step @ inner, range(F.steps), IDENTITY)
    if isinstance(F, TimeDependent):
        return terms(F.N) + constant(1.0)
    if isinstance(F, Frozen):
        return terms(F.F)
    if isinstance(F, MaxMin):
        return IDENTITY
    if isinstance(F, IdentityMinus):
        return IDENTITY + terms(F.N)
    if isinstance(F, Parallel):  # ‖(c_k + d_k‖x_k‖)_k‖ ≤ ‖c‖ + max d ‖x‖
        found = [terms(G) for G in F.maps]
        m, e = np.array([t.m for t in found]), np.array([t.e for t in found])
        return Terms(*[(np.linalg.norm(c[:, 0]), c[:, 1].max()) for c in (m, e)])
    if isinstance(F, Affine):
        return linear(F.A) + constant(size(F.b))
    if isinstance(F, LinearMap):
        return linear(F)
    if isinstance(F, Standardisation):
        m = F.lipschitz() * np.array([size(np.repeat(F.mean, F.dim_in // F.channels)), 1])
        return Terms(m, 4 * m)  # mean, difference, scale and quotient
    if isinstance(F, HamiltonianField):
        return terms(F.dH)
    if isinstance(F, ResidualField | GradientField | MassPreservingField):
        A = linear(F.A)
        s = values(F.sigma, A + constant(size(F.A.spread(F.b))), F.A.dim_out)
        if isinstance(F, MassPreservingField):  # ‖(M − Mᵀ)1‖ ≤ 2√d‖M‖
            return Terms((0, 2 * F.dim**0.5), (0, 2 * F.dim)) @ linear(F.C) @ s
        if isinstance(F, ResidualField):
            return linear(F.B) @ s
        return A @ (np.abs(F.alpha).max() * s)
    if isinstance(F, SumField):
        return reduce(Terms.__add__, map(terms, F.parts))
    if isinstance(F, PartitionedField):
        return terms(F.f) + terms(F.g)
    if isinstance(F, HenonMap):
        return IDENTITY + constant(size(F.eta)) + terms(F.dV)
    if isinstance(F, Rollout):
        step = terms(F.network)
        states = accumulate(range(F.n), lambda inner, _: step @ inner, initial=IDENTITY)
        return reduce(Terms.__add__, states)
    L = F.lipschitz()
    return Terms((0, L), (0, 8 * math.sqrt(F.dim_in) * L))


def terms_of_step(method, field, h):
    """m and e of one step. A method of somebody's own is taken to be as exact as Euler's."""
    x = IDENTITY
    if isinstance(method, Composition):
        for _, X, inner, c in method.plan(field):
            x = terms_of_step(inner, X, c * h) @ x
        return x
    if isinstance(method, PartitionedMethod):
        for part, c in method.shears:
            x = (IDENTITY + c * h * terms(getattr(field, part))) @ x
        return x
    if isinstance(method, ExactFlow) and isinstance(field, LinearField):  # scaling and squaring
        L, squarings = method.lipschitz(field, h), 1 + abs(h) * field.lipschitz()
        return Terms((0, L), (0, squarings * math.sqrt(field.dim) * L))
    X = terms(field)
    if isinstance(method, RungeKutta) and not method.explicit:
        growth = h * field.one_sided_lipschitz() if h > 0 else -h * field.lipschitz()
        a = max(sum(map(abs, row)) for row in method.A)
        inverse = 1 / (1 - a * max(0.0, growth))  # of I − hX′A, and what it makes of y − x
        y = IDENTITY + inverse * h * sum(map(abs, method.b)) * X
        # Newton's method goes on until the residual is rounding, which is that of y
        return Terms(y.m, 10 * inverse * y.e)
    slopes = []
    for weights in [*method.A, method.b] if isinstance(method, RungeKutta) else [[], [1]]:
        Y = reduce(Terms.__add__, [w * h * K for w, K in zip(weights, slopes, strict=True) if w], x)
        slopes.append(X @ Y)
    return Y


def running_error(maps, x, error=0.0, growth=0.0):
    """F(x), and how far what is computed is from it: at most error + growth · r at all points of
    the ball of radius r about x, with F the composition of the maps.

    The error is that of a running error analysis, as the module says, and no theorem.

    Parameters
    ----------
    maps : list of Map
        In the order in which they are applied.
    x : array, shape (..., dim_in)
        Its dtype, float32 or float64, is the one that is computed in.
    error : float, or array, shape (...), default 0.0
        What x is off by at the start.
    growth : float, default 0.0
        What it is off by for each unit of r.

    Returns
    -------
    y : array, shape (..., dim_out)
        F(x).
    error : array, shape (...)
    growth : float

    Examples
    --------
    >>> A, x = dnn.Dense(50, 50, rng=0, dtype=np.float32), np.ones(50, np.float32)
    >>> y, error, growth = dnn.rounding.running_error([A], x)
    >>> exact = A.W.astype(float) @ x.astype(float)
    >>> bool(np.linalg.norm(y - exact) < error)
    True
    >>> bool(error < 1e-5 * np.linalg.norm(y))  # five digits are certain
    True
    """
    error = error + np.zeros(x.shape[:-1])
    reach = 1.0  # how far the ball reaches, over r
    for step, L, t in steps(maps):
        y, known = step(x), t.m[0] + t.m[1] * size(x)
        u, tiny = np.finfo(y.dtype).eps / 2, np.finfo(y.dtype).tiny
        # and what underflows
        rounding = u * (t.e[0] + t.e[1] * size(x)) + tiny * x.shape[-1] * (1 + t.m[1])
        if y.ndim > x.ndim:  # a sequence of states
            rounding, known, error = (np.expand_dims(a, -1) for a in (rounding, known, error))
        # a value beyond all known terms is that of a map of somebody's own
        unknown = 8 * math.sqrt(x.shape[-1]) * u * np.maximum(0, size(y) - known)
        error, growth, reach, x = (
            L * error + rounding + unknown,
            L * growth + u * t.e[1] * reach,
            L * reach,
            y,
        )
    return x, error, growth


def steps(maps):
    """The maps, nested networks opened, one step of a flow after the other: (function, Lipschitz
    constant, terms)."""
    for G in (G for F in maps for G in flattened(F)):
        if type(G) is Flow:
            L, t = G.method.lipschitz(G.field, G.h), terms_of_step(G.method, G.field, G.h)
            for _ in range(G.steps):
                yield lambda x, G=G: G.method._step(G.field, x, G.h), L, t
        elif type(G) is StartedAt:
            F, h = Flow(G.flow.field, G.flow.h, G.flow.method), G.flow.h
            times = [G.t0 + k * h for k in range(G.flow.steps)]
            fields = [at_time(F.field, t) for t in (times[0], times[-1] + h)]
            both = [terms_of_step(F.method, X, h) for X in fields]  # |b + at| is largest at an end
            L, t = StartedAt(F, G.t0).lipschitz(), max(both, key=lambda found: sum(found.e))
            for start in times:
                yield StartedAt(F, start)._value, L, t
        else:
            yield G._value, G.lipschitz(), terms(G)


def size(x):
    """‖x‖ of each state, (...), in float64 and without overflow."""
    x = np.abs(x.astype(float))
    largest = x.max(axis=-1, initial=0.0, keepdims=True)
    scale = np.where(largest > 0, largest, 1)
    return largest[..., 0] * np.linalg.norm(x / scale, axis=-1)
