"""Steps as short as the weights ask for, so that no flow expands."""

import numpy as np

from ..arguments import dimension, instance, positive, refuse
from ..flows import Flow
from .weights import Constraint

__all__ = ["NonExpansiveSteps"]

#: what a learned step is not below, unless the weights ask for it
SMALLEST = 1e-3


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
        needed than a Flow can have. Of either a training says that it diverged.

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
