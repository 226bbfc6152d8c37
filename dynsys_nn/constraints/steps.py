"""Constraints of steps: an expansive step of Euler's method is paid for by a contractive one."""

import math

import numpy as np

from ..arguments import positive, refuse
from ..flows import Flow
from ..integrators import Euler
from ..integrators.bounds import cocoercivity, one_sided_bound, spectral_bound
from .weights import Constraint

__all__ = ["SignedSteps", "StepSizes"]

TINY = 1e-150


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
    smallest: float > 0, default 1e-3. NotImplementedError, by `project`, if a field has become one
    that no step contracts, as by α < 0. Source: Celledoni et al., arXiv:2210.02373, flexible
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

        too_little, t = 0.0, 2.0  # 1, but for rounding: at 2 all that expand are at the end
        while too_little < (middle := (too_little + t) / 2) < t:  # until no number lies between
            too_little, t = (too_little, middle) if fits(middle) else (middle, t)
        if not (bound := spectral_bound(at(t), low, high).prod()) <= 1 + 1e-6:  # float32
            raise NotImplementedError(
                "SignedSteps knows no steps whose bounds have a product of at most 1, but "
                f"{bound:.3g}: a constraint before it has to keep slopes and weights α ≥ 0"
            )
        for flow, step in zip(self.flows, at(t), strict=True):
            flow.h = step


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
