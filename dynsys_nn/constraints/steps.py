"""Constraints of steps: an expansive step of Euler's method is paid for by a contractive one, or
all steps are as short as the weights ask for."""

import math

import numpy as np

from ..arguments import dimension, instance, positive, refuse
from ..flows import Flow
from ..integrators import Euler
from ..integrators.bounds import cocoercivity, one_sided_bound, spectral_bound
from .weights import Constraint

__all__ = ["NonExpansiveSteps", "SignedSteps", "StepSizes"]

TINY = 1e-150
#: what a learned step is not below, unless the weights ask for it
SMALLEST = 1e-3


class StepSizes(Constraint):
    """(h_C, h_E) ← the nearest steps for which both steps together are 1-Lipschitz.

    The contractive step pays for the expansive one. With L and λ, μ the constants that the fields
    have now, h_E ≤ (1/ℓ(h_C) − 1)/L_E, where

        bound="sharp"    ℓ(h) = max(|1 + hλ_min|, |1 + hλ_max|), which is attained
        bound="paper"    ℓ(h) = √(1 + 2hμ + h²L²)

    For slopes in [½, 1] and orthogonal A, W the first allows h_E up to 2, at h_C = 4/3, the second
    up to 0.1547, at h_C = ½. Put it after the constraints on A and W. Source: Celledoni et al.,
    arXiv:2210.02373.

    Parameters
    ----------
    flow_C, flow_E : Flow
        One Euler step each, of −AᵀΣ(Ax + b) and Σ(Wx + v) in the lectures, with learn_h=True.
    bound : str, default "sharp"
        "sharp" or "paper" ("slides" is another name of it).
    smallest : float > 0, default 1e-3
        Steps are not smaller, since a step may not be zero.

    Raises
    ------
    TypeError
        If a flow does not learn its step, is not one Euler step, or lacks a constant.
    NotImplementedError
        By `project`, if no h_C contracts.

    Examples
    --------
    >>> I, sigma = np.eye(2), dnn.LeakyReLU(0.5)
    >>> C = dnn.Flow(dnn.GradientField(dnn.Dense(2, 2, W=I), sigma), 1.0, learn_h=True)
    >>> E = dnn.Flow(dnn.ResidualField(dnn.Dense(2, 2, W=I), sigma), 3.0, learn_h=True)
    >>> steps = dnn.StepSizes(C, E)
    >>> steps.largest_expansive_step([0.5, 4 / 3]).round(4)
    array([0.3333, 2.    ])
    >>> steps.project()  # from (1, 3)
    >>> round(C.h, 3), round(E.h, 3)
    (1.333, 2.0)
    >>> round(C.lipschitz() * E.lipschitz(), 9)
    1.0
    """

    def __init__(self, flow_C, flow_E, bound="sharp", smallest=1e-3):
        self.flow_C = learned_euler_step(flow_C, "flow_C")
        self.flow_E = learned_euler_step(flow_E, "flow_E")
        self.maps, self.smallest = (flow_C, flow_E), positive(smallest, "smallest")
        refuse(flow_C is flow_E, "flow_C and flow_E must be two flows, got the same one twice")
        refuse(
            not isinstance(bound, str) or bound not in ("sharp", "paper", "slides"),
            f'bound must be "sharp" or "paper", got {bound!r}',
        )
        self.bound = "sharp" if bound == "sharp" else "paper"
        try:
            self.curve()
        except NotImplementedError as error:
            raise TypeError(
                "flow_C is the contractive step, of a gradient field, and flow_E the expansive "
                f"one: {error}"
            ) from None

    def curve(self):
        """h_C ↦ the largest h_E, (1/ℓ(h_C) − 1)/L_E, for the weights as they are now."""
        C, L_E = self.flow_C.field, max(self.flow_E.field.lipschitz(), TINY)
        if self.bound == "sharp":
            ell, constants = spectral_bound, C.spectrum()
        else:
            ell, constants = one_sided_bound, (C.lipschitz(), C.one_sided_lipschitz())
        return lambda h_C: (1 / np.maximum(ell(h_C, *constants), TINY) - 1) / L_E

    def largest_expansive_step(self, h_C):
        """The largest h_E that each h_C allows, an array of its shape; negative if h_C alone does
        not contract."""
        return self.curve()(np.asarray(h_C))

    def project(self):
        C, E, smallest, largest = self.flow_C, self.flow_E, self.smallest, self.curve()
        if largest(C.h) >= E.h >= smallest <= C.h:
            return
        top = 2 * cocoercivity(C.field)  # no bound is below 1 beyond
        C.h = nearest(largest, smallest, top, C.h, E.h)
        E.h = np.clip(E.h, smallest, largest(C.h))
        if E.h > largest(C.h):  # rounded up, to the dtype of θ
            E.h = np.nextafter(E.theta.dtype.type(E.h), E.theta.dtype.type(0))


def nearest(largest, smallest, top, h_C, h_E):
    """The h in [smallest, top] of the point (h, ·) nearest to (h_C, h_E) that has
    smallest ≤ h_E ≤ largest(h): on a grid, then on finer ones about its best point."""
    low, high = smallest, top if smallest < top < math.inf else smallest
    for _ in range(5):  # each grid is 500 times as fine as the one before
        h = np.linspace(low, high, 1001)
        room = np.maximum(largest(h), smallest)
        distance = np.hypot(h - h_C, np.clip(h_E, smallest, room) - h_E)
        distance[largest(h) < smallest] = math.inf
        k = distance.argmin()
        low, high = h[max(k - 1, 0)], h[min(k + 1, 1000)]
    refuse(
        distance[k] == math.inf,
        "no contractive step is known to compensate for an expansive step of "
        f"{smallest}: contraction needs slopes ≥ a > 0 and A of full column rank",
        NotImplementedError,
    )
    return h[k]


class SignedSteps(Constraint):
    """Steps h_i of either sign for which the product of the bounds of Euler steps x − hAᵀσ(Ax + b)
    is at most one.

    A positive step contracts, a negative one expands, and which is which is learned. With the
    spectra [λ_min, λ_max] that the fields have now, Π_i |1 + h_iλ_i| ≤ 1, λ_i that of the two for
    which |1 + h_iλ_i| is larger. If it is more, all steps go the way on which the product falls
    most steeply, until it is 1: (h_i + 1/λ_i)² becomes smaller by the same t for all i, as far as
    to −2/(λ_min + λ_max), where a step contracts most, and a negative one at most to `smallest`.
    Put it after the constraints on the weights.

    flows: Flows of gradient fields with learned steps, one Euler step each, TypeError for others;
    smallest: float > 0, default 1e-3. Source: Celledoni et al., arXiv:2210.02373, flexible
    switching.

    Examples
    --------
    >>> X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5))
    >>> F, G = dnn.Flow(X, 0.5, learn_h=True), dnn.Flow(X, -1.0, learn_h=True)
    >>> round(F.lipschitz() * G.lipschitz(), 9)
    1.5
    >>> dnn.SignedSteps(F, G).project()
    >>> round(F.h, 4), round(G.h, 4)
    (0.8563, -0.7487)
    >>> round(F.lipschitz() * G.lipschitz(), 9)
    1.0
    """

    def __init__(self, *flows, smallest=1e-3):
        self.flows = self.maps = tuple(
            learned_euler_step(flow, "each of SignedSteps") for flow in flows or [None]
        )
        self.smallest = positive(smallest, "smallest")
        self.spectra()

    def spectra(self):
        """λ_min and λ_max of each field, two arrays. TypeError for a field that is not a gradient
        field."""
        try:
            return np.array([flow.field.spectrum() for flow in self.flows]).T
        except NotImplementedError as error:
            raise TypeError(f"SignedSteps needs gradient fields: {error}") from None

    def project(self):
        (low, high), h = self.spectra(), np.array([flow.h for flow in self.flows])
        if spectral_bound(h, low, high).prod() <= 1:
            return
        dtype = self.flows[0].theta.dtype
        best = -2 / np.minimum(low + high, -TINY) * (1 - np.finfo(dtype).eps)  # rounded, not beyond
        end = np.where(h > 0, best, np.minimum(best, self.smallest))
        lam = np.where(np.abs(1 + h * low) >= np.abs(1 + h * high), low, high)
        g = lam / (1 + h * lam)  # 1/(h + 1/λ), the gradient of log |1 + hλ|; 0 where λ is
        most = np.abs(1 / g[np.abs(1 + h * lam) > 1]).max()

        def at(t):
            """The h_i whose (h_i + 1/λ_i)² are smaller by t·most², rounded to the dtype of θ."""
            q = most * g  # 1/g − √(1/g² − t·most²) is, without cancellation,
            steps = h - most * t * q / (1 + np.sqrt(np.maximum(1 - t * q**2, 0)))
            steps = np.clip(steps, np.minimum(h, end), np.maximum(h, end))
            return np.where(steps == 0, end, steps).astype(dtype).astype(float)

        def fits(t):
            return spectral_bound(at(t), low, high).prod() <= 1

        too_little, t = 0.0, 1.0
        while too_little < (middle := (too_little + t) / 2) < t:  # until no number lies between
            too_little, t = (too_little, middle) if fits(middle) else (middle, t)
        for flow, step in zip(self.flows, at(t), strict=True):
            flow.h = step


class NonExpansiveSteps(Constraint):
    """Steps so short that each flow is 1-Lipschitz, to rounding, whatever its weights are: they
    adapt to the weights, and the weights are free.

    With H the largest step for which the method is non-expansive on the field that a flow has now,
    2r/L for −∇V, r the method's contractivity radius, after each step of a training

        n ← ⌈T/H⌉, h ← T/n     with T: the flow reaches the time T, in n = flow.steps steps
        h ← min(h, H)          without: in as many steps as before

    With T, n grows as ‖A‖² does, and with it the time and the memory that a gradient takes: a
    training that becomes slower and slower may have flows of hundreds of steps. `most` bounds n; so
    does SpectralBall(A), before it. Put it after the constraints on the weights. Source: Sherry et
    al., arXiv:2306.17332.

    Parameters
    ----------
    flows : Flow
        One or more, of fields that contract, such as gradient fields, and methods with a
        contractivity radius, such as Euler(), Heun(), RK4().
    T : float > 0, default None
        The time that each flow reaches. None: the number of steps stays.
    h : float > 0, default None
        Without T: the step that each flow takes wherever its weights allow it; None: that which it
        has now. A learned step is what the training makes it, at least 1e-3 and at most H.
    most : int, default None
        With T: n is at most this, and where more steps would be needed they are as long as they may
        be, h ← H, and the flow ends before T. None: as many as it takes.

    Raises
    ------
    TypeError
        For what is not a Flow, a field that is not known to contract or a method without radius,
        and a learned step if T is given.
    ValueError
        For no flow, one that is given twice, a negative step, h beside T, and most without T.
    NotImplementedError
        By `project`, if a field does not contract any more, as when a weight α has become negative.
    OverflowError
        By `project`, if the weights are so large that no step is short enough, or more of them are
        needed than a Flow can have; a training says that it diverged.

    Examples
    --------
    >>> A = dnn.Dense(2, 2, W=[[3, 0], [0, 1]])
    >>> F = dnn.Flow(dnn.GradientField(A, dnn.Tanh()), 1.0)
    >>> round(F.lipschitz(), 9)  # |1 − 9h|
    8.0
    >>> dnn.NonExpansiveSteps(F, T=1.0).project()
    >>> F.steps, F.h, F.lipschitz()  # ⌈9/2⌉ steps
    (5, 0.2, 1.0)
    >>> A.W = A.W / 10
    >>> dnn.NonExpansiveSteps(F, T=1.0).project()
    >>> F.steps, F.h, F.lipschitz()
    (1, 1.0, 1.0)
    >>> A.W = A.W * 100  # ‖A‖² = 900: T = 1 would take 450 steps
    >>> dnn.NonExpansiveSteps(F, T=1.0, most=10).project()
    >>> F.steps, round(F.h, 4), F.lipschitz()  # as far as ten steps of 2/900 bring it
    (10, 0.0022, 1.0)
    """

    def __init__(self, *flows, T=None, h=None, most=None):
        refuse(not flows, "NonExpansiveSteps needs at least one flow, got none")
        refuse(len({*map(id, flows)}) < len(flows), "NonExpansiveSteps got the same flow twice")
        self.T = None if T is None else positive(T, "T")
        self.h = None if h is None else positive(h, "h")
        refuse(
            T is not None and h is not None,
            f"with T the step is T/n: leave h out, got T={T} and h={h}",
        )
        self.most = None if most is None else dimension(most, "most")
        refuse(
            T is None and most is not None,
            f"most bounds the steps to a time T, which is not given: got most={most}",
        )
        for flow in flows:
            instance(flow, Flow, "each of NonExpansiveSteps must be a Flow")
            refuse(
                T is not None and flow.learn_h,
                f"with T the step is T/n, and cannot be learned, got learn_h=True in {flow!r}",
                TypeError,
            )
            refuse(
                T is None and not flow.learn_h and flow.h < 0,
                f"a field contracts forward in time: h must be positive, got {flow.h} in {flow!r}",
            )
            try:
                flow.method.non_expansive_step(flow.field)
            except NotImplementedError as error:
                raise TypeError(
                    f"no step of {flow!r} is known to be non-expansive: {error}"
                ) from None
        self.flows = self.maps = flows
        self.wanted = [flow.h if h is None else self.h for flow in flows]

    def project(self):
        for flow in self.flows:
            if flow.learn_h:
                largest = largest_step(flow)
                flow.h = min(max(flow.h, SMALLEST), largest)
                if flow.h > largest:  # rounded up, to the dtype of θ
                    flow.h = np.nextafter(flow.theta.dtype.type(flow.h), flow.theta.dtype.type(0))
        self.follow()

    def follow(self):
        for flow, h in zip(self.flows, self.wanted, strict=True):
            if self.T is not None:
                flow.steps, flow.h = steps_for(flow, self.T, self.most)
            elif not flow.learn_h:
                flow.h = min(h, largest_step(flow))

    def release(self):
        for flow, h in zip(self.flows, self.wanted, strict=True):
            if self.T is not None:
                flow.steps, flow.h = 1, self.T
            elif not flow.learn_h:
                flow.h = h


def asked(question, flow, *T):
    """question(field, *T), of the field that a flow has now; NotImplementedError, with what to do,
    if it does not contract any more."""
    try:
        return question(flow.field, *T)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"no step of {flow!r} is known to be non-expansive any more: {error}. A constraint "
            "before NonExpansiveSteps has to keep the field contracting, such as one by which α ≥ 0"
        ) from None


def largest_step(flow):
    """H, for the field that a flow has now; OverflowError if it is 0."""
    H = asked(flow.method.non_expansive_step, flow)
    if not H > 0:
        raise OverflowError(f"no step of {flow!r} is short enough to be non-expansive")
    return H


def steps_for(flow, T, most):
    """n = ⌈T/H⌉ and T/n, or if n were more than `most`, `most` and H; OverflowError if a Flow
    cannot have so many steps."""
    if most is not None and most * (H := largest_step(flow)) < T:
        return most, H
    try:
        n = asked(flow.method.steps_for, flow, T)
    except ValueError as error:
        raise OverflowError(str(error)) from error
    return n, T / n


def learned_euler_step(flow, name):
    """`flow`; TypeError unless it is one Euler step whose size is learned."""
    refuse(
        not isinstance(flow, Flow) or not flow.learn_h,
        f"{name} must be a Flow with learn_h=True, got {flow!r}",
        TypeError,
    )
    refuse(
        not isinstance(flow.method, Euler) or flow.steps != 1,
        f"{name} must be one Euler step, got {flow.method!r} with steps={flow.steps}",
        TypeError,
    )
    return flow
