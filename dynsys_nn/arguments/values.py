"""Values: each function returns its argument in the form that the package needs, or raises an error
that says what is wrong."""

import inspect
import math
import operator
import os

import numpy as np

#: of a dimension, or a number of steps: a state with more entries fills 16 GB
LARGEST = 2**31 - 1


def refuse(wrong, message, kind=ValueError):
    """Raise kind(message) if `wrong`."""
    if wrong:
        raise kind(message)


# ---- one number


def real(value):
    """`value` as a float if it is one finite real number, else NaN, with which every comparison
    fails."""
    if not isinstance(value, float | int | np.floating | np.integer):
        return math.nan
    try:
        value = float(value)
    except OverflowError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def finite(value, name):
    """`value` as a float; ValueError unless it is one finite real number."""
    refuse(math.isnan(real(value)), f"{name} must be a finite number, got {value!r}")
    return float(value)


def positive(value, name):
    """`value` as a float; ValueError unless it is one finite number > 0."""
    refuse(not real(value) > 0, f"{name} must be a positive number, got {value!r}")
    return float(value)


def within(value, low, high, name):
    """`value` as a float; ValueError unless low ≤ value < high."""
    refuse(not low <= real(value) < high, f"{name} must lie in [{low}, {high}), got {value!r}")
    return float(value)


def dimension(value, name, least=1):
    """`value` as an int ≥ `least` (any integer type); TypeError or ValueError otherwise."""
    try:
        dim = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    refuse(dim < least, f"{name} must be at least {least}, got {dim}")
    refuse(dim > LARGEST, f"{name} must be at most {LARGEST}, got {dim}")
    return dim


def flag(value, name):
    """`value` as a bool; TypeError if it is neither True nor False (1 and 0 are)."""
    refuse(
        not isinstance(value, bool | np.bool_ | int) or value not in (0, 1),
        f"{name} must be True or False, got {value!r}",
        TypeError,
    )
    return bool(value)


def number(value, name):
    """`value`, perhaps an array without axes, as a float or complex; infinity for an integer beyond
    all floats."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    refuse(
        not isinstance(value, float | int | complex | np.number),
        f"{name} must be a number, got {value!r}",
        TypeError,
    )
    try:
        return complex(value) if isinstance(value, complex | np.complexfloating) else float(value)
    except OverflowError:
        return math.inf


def real_number(value, name):
    """`value` as a float, perhaps NaN or infinite; TypeError unless it is a real number."""
    found = number(value, name)
    refuse(isinstance(found, complex), f"{name} must be a real number, got {value!r}", TypeError)
    return found


def step(h):
    """A step h as a float or complex; TypeError unless it is a number, ValueError if it is zero,
    NaN or infinite."""
    value = h if type(h) is float else number(h, "a step h")
    if not 0 < abs(value) < math.inf:
        raise ValueError(f"a step h must be one finite number other than zero, got {h}")
    return value


def real_step(h, what="a bound needs a step h that is"):
    """A step h as a float; as `step`, and TypeError if it is complex."""
    h = step(h)
    refuse(isinstance(h, complex), f"{what} a real number, got {h}", TypeError)
    return h


def generator(rng):
    """A Generator as it is, or one from a seed; TypeError or ValueError if it is neither."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"rng must be a Generator, an integer ≥ 0 or None, got {rng!r}") from None


# ---- arrays


def array(x, what):
    """x as an array; `what` says who needs one. ValueError for rows of different lengths, TypeError
    for masked entries."""
    refuse(
        isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x),
        f"{what}, got masked entries: fill them, or leave them out",
        TypeError,
    )
    try:
        return np.asarray(x)
    except (ValueError, TypeError):
        raise ValueError(f"{what}, got rows of different shapes: {x!r}") from None


def numbers(x, what):
    """x as an array of floating-point numbers; `what` says who needs "numbers". TypeError if it is
    not numeric."""
    if type(x) is np.ndarray and x.dtype.kind in "fc":
        return x
    x = array(x, f"{what} an array of numbers")
    refuse(
        x.dtype.kind not in "fciub", f"{what} numbers, got an array of dtype {x.dtype}", TypeError
    )
    return x if x.dtype.kind in "fc" else x.astype(float)


def real_numbers(x, what):
    """x as a float64 array of its own; `what` says who needs "real numbers". TypeError if it is
    complex or not numeric."""
    x = numbers(x, what)
    refuse(x.dtype.kind == "c", f"{what} real numbers, got an array of dtype {x.dtype}", TypeError)
    return np.array(x, float)


def parameter(value, shape, what, dtype):
    """A parameter that a caller gave, as a fresh array; ValueError for another shape or a value
    that is not finite."""
    value = array(value, f"{what} must be an array")
    if value.dtype.kind not in "fiub":
        raise TypeError(
            f"{what} must be an array of real numbers, got {value!r} (a generator goes in as rng=…)"
        )
    refuse(value.shape != shape, f"{what} has shape {shape}, got {value.shape}")
    bad = np.argwhere(~np.isfinite(value))
    if len(bad):
        place = tuple(map(int, bad[0]))
        raise ValueError(f"{what} must be finite, got {value[place]} at {place}")
    return value.astype(dtype)


def non_negative(value, name):
    """`value` as a float, or an array of floats; ValueError if one is negative or not finite."""
    found = array(value, f"{name} must be a number or an array of numbers")
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a number or an array of numbers, got {value!r}")
    found = found.astype(float)
    if not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(f"{name} must be at least 0 and finite, got {value}")
    return found if found.ndim else float(found)


def real_and_finite(x, needs, things):
    """x, an array; TypeError if it is complex, ValueError if it has a NaN or infinity: "an attack
    needs", "states"."""
    refuse(np.iscomplexobj(x), f"{needs} real {things}, got complex ones", TypeError)
    refuse(not np.isfinite(x).all(), f"{needs} finite {things}, got a NaN or infinity")
    return x


def floating(dtype):
    """`dtype` as float64 or float32; TypeError for any other."""
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be float64 or float32, got {dtype!r}") from None
    refuse(
        dtype not in (np.float64, np.float32),
        f"dtype must be float64 or float32, got {dtype}",
        TypeError,
    )
    return dtype


def pair(value, name):
    """`value` as (low, high), two floats with low < high; TypeError or ValueError otherwise."""
    try:
        low, high = map(float, value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair of numbers (low, high), got {value!r}") from None
    refuse(not low < high, f"{name} must be (low, high) with low < high, got {value}")
    return low, high


def pixels(image):
    """`image` as a pair of integers (H, W); TypeError or ValueError otherwise."""
    try:
        H, W = image
    except (TypeError, ValueError):
        raise TypeError(f"image must be a pair (H, W), got {image!r}") from None
    return dimension(H, "H of image"), dimension(W, "W of image")


def labels(k, shape):
    """Labels of logits of that shape: an integer array, shape[:-1], of values in 0, …, shape[-1] −
    1."""
    k = array(k, "labels must be an array of integers")
    refuse(shape[-1] < 2, f"a label needs at least two logits, got logits of shape {shape}")
    refuse(
        k.dtype.kind not in "iu",
        f"labels must be integers 0, …, {shape[-1] - 1}, got an array of dtype {k.dtype}"
        f"{': write y.astype(int)' if k.dtype.kind == 'f' else ''}",
        TypeError,
    )
    refuse(
        k.shape != tuple(shape[:-1]),
        f"logits of shape {shape} need labels of shape {tuple(shape[:-1])}, got {k.shape}",
    )
    if k.size and not (0 <= k.min() and k.max() < shape[-1]):
        raise ValueError(f"labels must lie in 0, …, {shape[-1] - 1}, got {k.min()} … {k.max()}")
    return k


def logits_and_labels(z, k):
    """Logits as an array (..., K), and labels as integer indices (..., 1) into its last axis."""
    z = numbers(z, "logits must be")
    refuse(z.ndim == 0, "logits must have shape (..., K), got a single number")
    k = labels(k, z.shape)
    refuse(
        not k.size, f"the mean over an empty batch is not defined: the logits have shape {z.shape}"
    )
    return z, k[..., None]


def times(t, what):
    """A time, or times that go one way from 0, as a float array (n,); TypeError or ValueError
    otherwise."""
    found = array(t, f"{what} needs a time, or an array of times")
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{what} needs real times, got {t!r}")
    found = np.atleast_1d(found.astype(float))
    forward = found * np.sign(found[-1:])
    refuse(
        not np.isfinite(found).all(), f"{what} needs finite states and times, got a NaN or infinity"
    )
    if found.ndim > 1 or found.size == 0 or forward[0] < 0 or (np.diff(forward) <= 0).any():
        raise ValueError(f"{what} needs a time, or times that go one way from 0, got {t}")
    return found


def finite_states(x, what):
    """x, at least one state, all finite and in float64; TypeError or ValueError otherwise."""
    refuse(x.ndim == 0, f"{what} needs states, an array of shape (..., d), got a single number")
    refuse(not np.isfinite(x).all(), f"{what} needs finite states and times, got a NaN or infinity")
    refuse(not x.size, f"{what} needs at least one state, got an array of shape {x.shape}")
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    refuse(x.dtype != float, f"{what} needs a float64 field and states, got {x.dtype}", TypeError)
    return x


def tableau(A, b):
    """(A, b) as lists of numbers, row i of A with i entries if it is explicit and with all s
    otherwise; ValueError unless it is a consistent tableau."""

    def coefficient(a):
        refuse(
            isinstance(a, str | bytes) or np.iscomplexobj(a),
            f"a coefficient is a real number, got {a!r}",
            TypeError,
        )
        return float(a)

    try:
        A, b = [[coefficient(a) for a in row] for row in A], [coefficient(b_i) for b_i in b]
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            f"a tableau is a list of rows A and a list of weights b, got A = {A!r}, b = {b!r}"
        ) from None
    s = len(b)
    refuse(
        s == 0 or len(A) != s or any(len(row) not in (i, s) for i, row in enumerate(A)),
        f"a tableau with {s} weights needs {s} rows in A, row i with i entries (or all with {s}), "
        f"got rows of lengths {[len(row) for row in A]}",
    )
    refuse(
        not all(map(math.isfinite, [*b, *(a for row in A for a in row)])),
        f"the coefficients of a tableau must be finite, got A = {A}, b = {b}",
    )
    refuse(
        abs(sum(b) - 1) > 1e-12,
        f"the weights of a consistent method sum to 1, but b = {b} sums to {sum(b):g}",
    )
    if any(any(row[i:]) for i, row in enumerate(A)):
        return [[*row, *[0.0] * (s - len(row))] for row in A], b
    return [row[:i] for i, row in enumerate(A)], b


# ---- objects


def instance(value, kind, needs):
    """`value`; TypeError, `needs` and what was got, unless it is an object of that kind: of a
    class, or with these members."""
    known = (
        isinstance(value, kind)
        if isinstance(kind, type)
        else all(hasattr(value, member) for member in kind)
    )
    if isinstance(value, type):
        name, parameters = value.__name__, inspect.signature(value).parameters.values()
        dots = "…" * any(p.default is p.empty for p in parameters)
        raise TypeError(f"{needs}, got the class itself: write {name}({dots}), not {name}")
    if not known:
        raise TypeError(f"{needs}, got {value!r}")
    return value


def dictionary(value, name):
    """`value`, or an empty dict for None; TypeError if it is not a dict."""
    return instance({} if value is None else value, dict, f"{name} must be a dict")


def path(value, name):
    """`value`, a path, as a str; TypeError if it is not one (an int would be an open file)."""
    try:
        return os.fsdecode(value)
    except TypeError:
        raise TypeError(f"{name} must be a path, got {value!r}") from None


def takes(f, n):
    """Whether f can be called with n arguments; True if Python does not know its signature."""
    try:
        inspect.signature(f).bind(*range(n))
    except TypeError:
        return False
    except ValueError:  # a function written in C
        return True
    return True


def argument_names(f):
    """The names of the arguments of f; none if Python does not know its signature."""
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


def function(value, name, of="the state", n=None):
    """`value`; TypeError unless it is a function, one that can be called with n arguments."""
    refuse(
        not callable(value) or isinstance(value, type) or n is not None and not takes(value, n),
        f"{name} must be a function of {of}, got {value!r}",
        TypeError,
    )
    return value
