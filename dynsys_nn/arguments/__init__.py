"""What a caller gives, looked at once: every check of an argument, the doors that call them, and what an object was built from.

Nobody needs this folder to read the mathematics, so it stands last in the reading order, although every module imports it.
"""

from .built import Described, arguments, fingerprint, identity, same
from .doors import (
    WrongResult,
    covector,
    direction,
    guard,
    guard_activation,
    guard_map,
    guard_method,
    image,
    states,
    tangent,
)
from .values import (
    array,
    dimension,
    finite,
    flag,
    floating,
    function,
    generator,
    instance,
    labels,
    logits_and_labels,
    non_negative,
    number,
    numbers,
    pair,
    parameter,
    pixels,
    positive,
    real,
    real_step,
    step,
    within,
)

__all__ = [
    "Described", "WrongResult", "arguments", "array", "covector", "dimension", "direction", "fingerprint", "finite", "flag",
    "floating", "function", "generator", "guard", "guard_activation", "guard_map", "guard_method", "identity", "image",
    "instance", "labels", "logits_and_labels", "non_negative", "number", "numbers", "pair", "parameter", "pixels",
    "positive", "real", "real_step", "same", "states", "step", "tangent", "within",
]  # fmt: skip
