"""What callers give, looked at where it comes in: each function returns it in the form that is needed, or says what was wrong."""

import math
import operator

import numpy as np

#: of a dimension, or a number of steps: a state with more entries fills 16 GB
LARGEST = 2**31 - 1


def dimension(value, name):
    """`value` as an int ≥ 1 (any integer type); TypeError or ValueError that names it otherwise."""
    try:
        dim = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if dim < 1:
        raise ValueError(f"{name} must be at least 1, got {dim}")
    if dim > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST}, got {dim}")
    return dim


def array(x, what):
    """x as an array; `what` says who needs one. ValueError for rows of different lengths, TypeError where entries are masked."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise TypeError(f"{what}, got masked entries: fill them, or leave them out")
    try:
        return np.asarray(x)
    except (ValueError, TypeError):
        raise ValueError(f"{what}, got rows of different shapes: {x!r}") from None


def numbers(x, what):
    """x as an array of floating-point numbers; `what` says who needs "numbers". TypeError for what is none."""
    if type(x) is np.ndarray and x.dtype.kind in "fc":
        return x
    x = array(x, f"{what} an array of numbers")
    if x.dtype.kind not in "fciub":
        raise TypeError(f"{what} numbers, got an array of dtype {x.dtype}")
    return x if x.dtype.kind in "fc" else x.astype(float)


def real(value):
    """`value` as a float where it is one finite real number, else NaN, with which every comparison fails."""
    if not isinstance(value, float | int | np.floating | np.integer):
        return math.nan
    try:
        value = float(value)
    except OverflowError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def yes_or_no(value, name):
    """`value` as a bool; TypeError for what is neither True nor False (1 and 0 are)."""
    if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def generator(rng):
    """A Generator as it is, or one from a seed. TypeError or ValueError for what is none."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"rng must be a Generator, an integer ≥ 0 or None, got {rng!r}") from None
