"""Projections that keep a theorem's hypothesis true while a network is trained.

`fit(…, constraints=[Orthogonal(*weights(net))])` projects θ before the first step and after every
step, in the order of the list, so that every network that is measured, kept or returned satisfies
the hypothesis, to rounding, and not in the limit of a penalty. Weights are constrained one by one,
the steps of flows together.
"""

from .blocks import BlockBall
from .short_steps import NonExpansiveSteps
from .steps import SignedSteps, StepSizes
from .weights import Constraint, Orthogonal, SpectralBall, TowardsOrthogonal, weights

__all__ = [
    "BlockBall",
    "Constraint",
    "NonExpansiveSteps",
    "Orthogonal",
    "SignedSteps",
    "SpectralBall",
    "StepSizes",
    "TowardsOrthogonal",
    "weights",
]
