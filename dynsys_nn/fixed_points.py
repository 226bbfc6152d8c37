"""Averaged maps, whose iterates go to a fixed point, and the map I − N.

F is α-averaged if F = (1 − α)I + αR with R non-expansive. With s = α/(1 − α) that is

    ‖Fx − Fy‖² + (1/s)‖(x − Fx) − (y − Fy)‖² ≤ ‖x − y‖²,

and of an orbit x_{k+1} = F(x_k) of a map with a fixed point x∗ the sum Σ‖x_{k+1} − x_k‖² is at
most s‖x₀ − x∗‖²: it converges (Krasnoselskii and Mann). Where s comes from:

    a step       y = x + hΣ_i b_i K_i of a field of cocoercivity ν. With M the stability matrix and
                 B = diag(b), ‖Δy‖² ≤ ‖Δx‖² − h²⟨ΔK, (M + (2ν/h)B)ΔK⟩, while ‖Δx − Δy‖² =
                 h²⟨ΔK, bbᵀΔK⟩. If M1 = mb, then (M + (2ν/h)B)1 = (2ν/h + m)b, and a positive
                 semidefinite K with K1 = cb is at least c bbᵀ: 1/s = 2ν/h + m.
    F ∘ G        s_F + s_G
    F side by    the largest s
    side with G
    P F Pᵀ       s_F, if PPᵀ = I: P((1 − α)I + αR)Pᵀ = (1 − α)I + αPRPᵀ, and ‖P‖ = 1
    I − N        1, if s_N ≤ 1: with s = 1 the inequality says the same of N and of I − N

m = −1 for Euler's method, which loses all at its longest step h = 2ν; 0 for Heun's and RK4, and for
Gauss' methods, which at that step are as good as a projection, s = 1; 1 for the implicit Euler
method, which always is. The first and the last s are attained for each h, that of Heun's method at
its longest step, by ẋ = −max(0, x), of which it makes min(0, x). Sources: Combettes and Yamada,
J. Math. Anal. Appl. 425 (2015); Sherry et al., arXiv:2306.17332.
"""

import math

import numpy as np

from .arguments import instance, refuse
from .flows import Flow
from .integrators import RungeKutta, cocoercivity
from .integrators.tableaus import stability_matrix
from .linear import ChannelRestriction, Lift, Selection
from .maps import Frozen, Map, Parallel, flattened, inward, outward, require_finite

__all__ = ["IdentityMinus"]


class IdentityMinus(Map):
    """x ↦ x − N(x): what is left of x without N(x), as a network that is trained to find the noise
    takes it away.

    It is (1 + L)-Lipschitz; and if N is α-averaged, 2α-Lipschitz, since I − N = α(I − R) then. N:
    a Map ℝᵈ → ℝᵈ, ValueError for another. It has the θ of N.

    Examples
    --------
    Half a step down a parabola, x ↦ x/2, and what it takes away:

    >>> N = dnn.Flow(dnn.GradientField(dnn.Dense(1, 1, W=[[1]]), dnn.Identity()), 0.5)
    >>> D = dnn.IdentityMinus(N)
    >>> D(np.array([3.0]))
    array([1.5])
    >>> round(D.lipschitz(), 9)
    0.5
    >>> dnn.lipschitz.averaged(D)
    0.5
    """

    formula, naming = "x − N(x)", "inner"

    def __init__(self, N):
        instance(N, Map, "IdentityMinus needs a map")
        refuse(
            N.dim_in != N.dim_out or N.sequence,
            f"IdentityMinus needs a map ℝᵈ → ℝᵈ, got {N!r}",
        )
        self.dim_in = self.dim_out = N.dim_in
        self.own(N=N)

    def __call__(self, x):
        return x - self.N._value(x)

    def vjp(self, x):
        y, pullback_N = self.N._vjp(x)

        def pullback(w):
            dx, dtheta = pullback_N(w)
            return w - dx, -dtheta

        return x - y, pullback

    def jvp(self, x, v, dtheta=None):
        y, dy = self.N._jvp(x, v, dtheta)
        return x - y, v - dy

    def lipschitz(self):
        """1 + L, or 2α if N is α-averaged and that is less."""
        require_finite(self)
        bound = outward(lambda L: 1 + L, self.N.lipschitz())
        try:
            return min(bound, outward(lambda alpha: 2 * alpha, averaged(self.N)))
        except NotImplementedError:
            return bound


def averaged(F):
    """An α ≤ 1 for which F is α-averaged, F = (1 − α)I + αR with R non-expansive. With α < 1 its
    iterates go to a fixed point, if it has one.

    F: a Flow by Euler(), Heun(), RK4() or another Runge–Kutta method with M1 = mb, m a number and
    M the stability matrix, in steps up to the longest non-expansive one; a Network or a Parallel of
    such; with a Lift before and what undoes it behind, a ChannelRestriction or a Selection of the
    first components; an IdentityMinus of one with α ≤ ½. With ν the cocoercivity of the field, 1/L
    for −∇V, V convex, a step has 1/s = 2ν/h + m, s = α/(1 − α), which is α = h/2ν for Euler's
    method and α = h/(h + 2ν) for Heun's and RK4; the s of a composition is the sum. The module
    `fixed_points` derives all this. NotImplementedError for other maps and longer steps.

    Examples
    --------
    >>> X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Tanh())  # L = 1
    >>> F = dnn.Flow(X, h=1.0)
    >>> round(dnn.lipschitz.averaged(F), 3)
    0.5
    >>> round(dnn.lipschitz.averaged(dnn.Network(F, F)), 3)
    0.667
    >>> dnn.lipschitz.averaged(dnn.Flow(X, h=2.0))  # the longest step: non-expansive, and no more
    1.0
    >>> round(dnn.lipschitz.averaged(dnn.Flow(X, 2.0, dnn.Heun())), 3)  # as good as a projection
    0.5
    """
    s = slack(flattened(instance(F, Map, "averaged needs a map")))
    return outward(lambda s: s / (1 + s), s) if s < math.inf else 1.0


def slack(maps):
    """s of the composition of maps: the sum, a Lift and what undoes it aside."""
    total, k = 0.0, 0
    while k < len(maps):
        end = next((j for j in range(k + 1, len(maps)) if undoes(maps[j], maps[k])), None)
        s = slack_of(maps[k]) if end is None else slack(maps[k + 1 : end])
        total = outward(lambda a, b: a + b, total, s)
        k = 1 + (k if end is None else end)
    return total


def undoes(P, lift):
    """Whether `lift` is Pᵀ, and PPᵀ = I."""
    first = isinstance(P, ChannelRestriction) or (
        isinstance(P, Selection) and P.indices == tuple(range(P.dim_out))
    )
    return first and isinstance(lift, Lift) and (P.dim_out, P.dim_in) == (lift.dim_in, lift.dim_out)


def slack_of(F):
    """s of one map."""
    if type(F) is Frozen:
        return slack(flattened(F.F))
    if type(F) is Parallel:
        return max(slack(flattened(G)) for G in F.maps)
    if type(F) is IdentityMinus and slack(flattened(F.N)) <= 1:
        return 1.0
    if type(F) is Flow and is_tableau(F.method) and F.h > 0:
        M, b = stability_matrix(F.method.A, F.method.b), F.method.b
        m = M.sum()
        if np.abs(M.sum(axis=1) - m * np.array(b)).max() < 1e-14:
            longest, nu = F.method._non_expansive_step(F.field), cocoercivity(F.field)
            refuse(
                F.h > longest * (1 + 1e-12),  # rounding of h = 2ν
                f"{F!r} is not averaged: its step is {F.h / longest:.3g} times the largest that is",
                NotImplementedError,
            )
            c = inward(lambda nu, h, m: 2 * nu / h + m, nu, F.h, m) if nu < math.inf else nu
            if c in (0, math.inf):
                return math.inf if c == 0 else 0.0
            return outward(lambda n, c: n / c, F.steps, c)
    raise NotImplementedError(
        f"{F!r} is not known to be averaged: Flows forward in time by Euler(), Heun() or RK4() "
        "are, up to their longest non-expansive step, and what is made of them"
    )


def is_tableau(method):
    """Whether a step is that of the tableau, and not one of somebody's own."""
    return isinstance(method, RungeKutta) and type(method)._step is RungeKutta._step
