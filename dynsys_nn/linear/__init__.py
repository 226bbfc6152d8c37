"""Linear maps with adjoint, weight gradient and exact singular values.

They are the A, B, C of every field. A bound s_min ≤ ‖Ax‖/‖x‖ ≤ s_max determines the constants of
every field built on A, so the bound is exact here: an SVD, rounded outward, never a power method,
which only bounds s_max from below. An image is a state, too: channels · H · W numbers, channel by
channel, row by row, on the last axis.
"""

from .affine import Affine
from .convolution import Convolution
from .map import LinearMap, Weighted
from .matrix import Dense, eigenvalues, singular_values, solved
from .max_min import MaxMin
from .shapes import (
    AveragePooling,
    ChannelLift,
    ChannelRestriction,
    Lift,
    MaxPooling,
    Restriction,
    Selection,
    Standardisation,
    Zero,
)
from .stencils import Laplacian, PeriodicGradient

__all__ = [
    "Affine",
    "AveragePooling",
    "ChannelLift",
    "ChannelRestriction",
    "Convolution",
    "Dense",
    "Laplacian",
    "Lift",
    "LinearMap",
    "MaxMin",
    "MaxPooling",
    "PeriodicGradient",
    "Restriction",
    "Selection",
    "Standardisation",
    "Zero",
]
