"""What a caller gives, looked at once: every check of an argument, the doors that call them, and
what an object was built from.

Nobody needs this folder to read the mathematics, so it stands last in the reading order, although
every module imports it.
"""

from .built import Described, arguments, fingerprint, identity, is_ours, same
from .doors import (
    ACTIVATION,
    CHANGED,
    MAP,
    METHOD,
    Guarded,
    WrongResult,
    covector,
    direction,
    frozen,
    gradient_in_theta,
    guard,
    image,
    name_of,
    result,
    results,
    states,
    tangent,
    writes_to_a_view,
)
from .given import Given, field_entries, matrix_entries, number_entries
from .values import (
    argument_names,
    array,
    dictionary,
    dimension,
    finite,
    finite_states,
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
    path,
    pixels,
    positive,
    real,
    real_and_finite,
    real_number,
    real_numbers,
    real_step,
    refuse,
    step,
    tableau,
    takes,
    times,
    within,
)

__all__ = ["Described", "WrongResult"]
