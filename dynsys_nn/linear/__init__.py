"""Linear maps with adjoint, weight gradient and exact singular values.

They are the A, B, C of every field. Whoever has a bound s_min ≤ ‖Ax‖/‖x‖ ≤ s_max has the constants of the fields
built on A, so the bound is exact here: an SVD, rounded outward, never a power method, which only bounds s_max from
below. An image is a state, too: channels · H · W numbers, channel by channel, row by row, on the last axis.
"""

from .convolution import Convolution
from .images import AveragePooling, ChannelLift, ChannelRestriction, MaxPooling, Standardisation
from .lift import Lift, Restriction
from .map import LinearMap, Weighted, floating, given
from .matrix import Affine, Dense, WeightMatrix, singular_values

__all__ = [
    "Affine", "AveragePooling", "ChannelLift", "ChannelRestriction", "Convolution", "Dense", "Lift", "LinearMap", "MaxPooling",
    "Restriction", "Standardisation", "WeightMatrix", "Weighted", "floating", "given", "singular_values",
]  # fmt: skip
