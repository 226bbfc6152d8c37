"""Whole networks: how much each layer stretches at most, how much is found, and the radius in which
a label is certain.

A certificate is an upper bound of the Lipschitz constant, from `F.lipschitz()`, a product over the
layers, or, with more work, from `joint(F)`, which looks at the slopes of all layers at once. What
is measured is a lower bound, and no search, however long, makes it a certificate.
"""

from ..block_norms import each_output
from ..fixed_points import averaged
from .radii import certified_accuracy, certified_radius
from .slopes import joint
from .stretch import Profile, measured, profile

__all__ = [
    "Profile",
    "averaged",
    "certified_accuracy",
    "certified_radius",
    "each_output",
    "joint",
    "measured",
    "profile",
]
