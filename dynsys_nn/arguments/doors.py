"""Doors: where a caller's hand is, arguments are looked at; behind the door, a method's body is its formula.

A class is guarded as it is defined. Each method of the contract gets a door, under its own name; what stands in the class body
is kept beside it under the name with an underscore, and the package calls that from inside, with arrays that were looked at:
F.vjp(x) is a door, F._vjp(x) the formula. So nothing is looked at twice. Of a class that was written elsewhere, a student's,
the inside has a door, too, which also looks at what comes out: an array, of the right shape, and no argument changed.
"""

import functools

import numpy as np

from .values import number, numbers, real_step, step


class WrongResult(TypeError, ValueError):
    """A method of somebody's own returned something else than its contract says, or changed its argument."""


# ---- what comes in


def states(F, x):
    """x as an array of states of the map F: the last axis is `dim_in`, the dtype is θ's (complex passes)."""
    return _last_axis(F, x, F.dim_in, "acts on", "states")


def image(F, y):
    """y as an array of images of the map F: the last axis is `dim_out`, the dtype is θ's (complex passes)."""
    return _last_axis(F, y, F.dim_out, "has images of", "")


def _last_axis(F, x, dim, verb, what):
    dtype = F._dtype
    if type(x) is np.ndarray and x.shape[-1:] == (dim,) and (x.dtype == dtype or dtype is None and x.dtype.kind in "fc"):
        return x
    x = numbers(x, f"{type(F).__name__} {verb}")
    if x.ndim == 0 or x.shape[-1] != dim:
        of = f"{verb} {what} of" if what else verb
        raise ValueError(f"{type(F).__name__} {of} dimension {dim}, got an array of shape {x.shape}")
    return x.astype(dtype, copy=False) if dtype is not None and x.dtype.kind == "f" else x


def covector(F, w, y):
    """w as an array of covectors at y = F(x): its shape, θ's dtype."""
    return _beside(F, w, y, "a covector w")


def tangent(F, v, x):
    """v as an array of tangents at x: its shape, θ's dtype."""
    return _beside(F, v, x, "a tangent v")


def _beside(F, w, y, what):
    shape, dtype = np.shape(y), F._dtype or y.dtype
    if type(w) is np.ndarray and w.dtype == dtype and w.shape == shape:
        return w
    w = numbers(w, f"{type(F).__name__} needs {what} of")
    if w.shape != shape:
        raise ValueError(f"{type(F).__name__} needs {what} of shape {shape}, got {w.shape}")
    return w.astype(dtype, copy=False) if w.dtype.kind == dtype.kind == "f" else w


def direction(F, dtheta):
    """dtheta as a direction in θ, shape (p,), θ's dtype (complex passes), or None."""
    if dtheta is None:
        return None
    dtheta = numbers(dtheta, f"{type(F).__name__} needs a direction in θ of")
    if dtheta.shape != (F._size,):
        raise ValueError(f"{type(F).__name__} needs a direction in θ of shape {(F._size,)}, got {dtheta.shape}")
    return dtheta.astype(F._dtype, copy=False) if F._size and dtheta.dtype.kind == "f" else dtheta


# ---- what comes out of somebody's own method


def kind_of(value):
    """What `value` is, in words."""
    if isinstance(value, tuple):
        return f"({', '.join(type(entry).__name__ for entry in value)})"
    return "None: is there a return?" if value is None else f"one {type(value).__name__}"


def result(F, y, shape, what):
    """y, which `what` of F returned; WrongResult unless it is an array of that shape (None: of any)."""
    if not isinstance(y, np.ndarray | np.generic):
        got = "None: is there a return?" if y is None else f"a {type(y).__name__}"
        raise WrongResult(f"{what} must be an array, got {got} from {type(F).__name__}")
    if shape is not None and y.shape != shape:
        raise WrongResult(f"{what} has shape {y.shape}, needed is {shape}, from {type(F).__name__}")
    return y


def results(F, values, names, what, last_is_a_function=False):
    """`values`, a tuple with as many entries as `names`; WrongResult otherwise."""
    good = isinstance(values, tuple) and len(values) == len(names) and (callable(values[-1]) or not last_is_a_function)
    if not good:
        needed = f"the {('pair', 'triple')[len(names) - 2]} {', '.join(names)}{', the second a function' if last_is_a_function else ''}"
        raise WrongResult(f"{what} must return {needed}, got {kind_of(values)}")
    return values


def frozen(x):
    """A view of x that nobody can change."""
    x = np.asarray(x).view()
    x.flags.writeable = False
    return x


def call(F, method, *arguments):
    """method(F, …) on views that it cannot change; WrongResult if it tries."""
    views = [frozen(a) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        y = method(F, *views)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        name = f"{type(F).__name__}.{method.__name__}"
        raise WrongResult(f"{name} changes its argument, which must stay as it is: write x = x + …, not x += …") from error
    for given, view in zip(arguments, views, strict=True):
        y = given if y is view else y  # the identity gives back what it got
    return y


def checked_state_of(F, y, x, what):
    shape = (*x.shape[:-1], F.dim_out)
    if F.sequence or F.dim_out == ():  # a sequence of states, or one number, for each state
        result(F, y, None, what)
        if y.shape[: x.ndim - 1] != x.shape[:-1]:
            raise WrongResult(f"{what} has shape {y.shape}, and must begin with the batch {x.shape[:-1]}")
        return y
    return result(F, y, shape, what)


# ---- doors of maps: a body → the same, with its arguments looked at (`door`), and with its results, too (`owned`)


def value_door(body, owned):
    @functools.wraps(body)
    def door(F, x):
        x = states(F, x)
        return checked_state_of(F, call(F, body, x), x, "F(x)") if owned else body(F, x)

    return door


def vjp_door(body, owned):
    @functools.wraps(body)
    def door(F, x):
        x = states(F, x)
        if not owned:
            y, back = body(F, x)
            return y, lambda w: back(covector(F, w, y))
        y, back = results(F, call(F, body, x), ("y", "pullback"), "vjp(x)", last_is_a_function=True)
        y = checked_state_of(F, y, x, "the value of vjp(x)")

        def pullback(w):
            dx, dtheta = results(F, call(F, lambda _, w: back(w), covector(F, w, y)), ("dx", "dtheta"), "pullback(w)")
            return (
                result(F, dx, x.shape, "dx of the pullback"),
                result(F, dtheta, (F._size,), "dtheta of the pullback") if F._size else np.zeros(0),
            )

        return y, pullback

    return door


def jvp_door(body, owned):
    @functools.wraps(body)
    def door(F, x, v, dtheta=None):
        x = states(F, x)
        v, dtheta = tangent(F, v, x), direction(F, dtheta)
        if not owned:
            return body(F, x, v, dtheta)
        y, dy = results(F, call(F, body, x, v, dtheta), ("y", "dy"), "jvp(x, v)")
        y = checked_state_of(F, y, x, "the value of jvp(x, v)")
        return y, result(F, dy, y.shape, "dy of jvp(x, v)")

    return door


def state_door(body, owned):
    @functools.wraps(body)
    def door(F, x, *more):
        return body(F, states(F, x), *more)

    return door


def image_door(body, owned):
    @functools.wraps(body)
    def door(F, y):
        return body(F, image(F, y))

    return door


MAP = {
    "__call__": value_door, "vjp": vjp_door, "jvp": jvp_door, "jacobian": state_door, "inverse": image_door,
    "adjoint": image_door, "states": state_door, "divergence": state_door, "potential": state_door,
    "hamiltonian": state_door, "skew": state_door, "step_vjp": state_door,
}  # fmt: skip


def guard_map(cls):
    """Give the methods of a class of maps their doors."""
    guard(cls, MAP)


# ---- doors of methods


def enter(method, field, x, h):
    """x and h as what the method steps: states of a field that it can step, and one number that is not zero."""
    method.require(field)
    x, h = states(field, x), step(h)
    if x.dtype.char not in method.dtypes:
        raise TypeError(f"{method!r} solves linear systems, in float32 or float64, got states of {x.dtype}")
    return x, h


def step_door(body, owned):
    @functools.wraps(body)
    def door(method, field, x, h):
        x, h = enter(method, field, x, h)
        return result(method, call(method, body, field, x, h), x.shape, body.__name__) if owned else body(method, field, x, h)

    return door


def step_vjp_door(body, owned):
    @functools.wraps(body)
    def door(method, field, x, h):
        x, h = enter(method, field, x, h)
        if not owned:
            y, back = body(method, field, x, h)
            return y, lambda w: back(covector(field, w, y))
        y, back = results(method, call(method, body, field, x, h), ("y", "pullback"), "vjp(field, x, h)", last_is_a_function=True)
        y = result(method, y, x.shape, "the value of vjp(field, x, h)")

        def pullback(w):
            names = "dx", "dtheta", "dh"
            dx, dtheta, dh = results(method, call(method, lambda _, w: back(w), covector(field, w, y)), names, "the pullback of a method")
            return (
                result(method, dx, x.shape, "dx of the pullback"),
                result(method, dtheta, (field._size,), "dtheta of the pullback") if field._size else np.zeros(0),
                number(dh, f"dh of {type(method).__name__}"),
            )

        return y, pullback

    return door


def step_jvp_door(body, owned):
    @functools.wraps(body)
    def door(method, field, x, h, v, dtheta=None, dh=0.0):
        x, h = enter(method, field, x, h)
        v, dtheta, dh = tangent(field, v, x), direction(field, dtheta), number(dh, "a tangent dh")
        if not owned:
            return body(method, field, x, h, v, dtheta, dh)
        y, dy = results(method, call(method, body, field, x, h, v, dtheta, dh), ("y", "dy"), "jvp of a method")
        return result(method, y, x.shape, "the value of jvp"), result(method, dy, x.shape, "dy of jvp")

    return door


def field_door(body, owned):
    @functools.wraps(body)
    def door(method, field, *more):
        method.require(field)
        return body(method, field, *more)

    return door


def bound_door(body, owned):
    @functools.wraps(body)
    def door(method, field, h):
        method.require(field)
        return body(method, field, real_step(h))

    return door


METHOD = {
    "step": step_door, "vjp": step_vjp_door, "jvp": step_jvp_door, "inverse": step_door, "preserves": field_door,
    "non_expansive_step": field_door, "steps_for": field_door, "lipschitz": bound_door,
}  # fmt: skip


def guard_method(cls):
    """Give the methods of a class of one-step methods their doors."""
    guard(cls, METHOD)


# ---- doors of activations


def activation_door(body, owned):
    @functools.wraps(body)
    def door(sigma, z):
        z = numbers(z, f"{sigma} acts on")
        if z.dtype.kind == "c" and not sigma.analytic:
            raise TypeError(f"{sigma} is not analytic and takes real arguments only, got complex ones")
        what = "σ(z)" if body.__name__ == "__call__" else f"{body.__name__}(z)"
        return result(sigma, call(sigma, body, z), z.shape, what) if owned else body(sigma, z)

    return door


def both_door(body, owned):
    @functools.wraps(body)
    def door(sigma, z):
        z = numbers(z, f"{sigma} acts on")
        s, slope = results(sigma, call(sigma, body, z), ("s", "slope"), "value_and_slope(z)")
        return result(sigma, s, z.shape, "σ(z)"), result(sigma, slope, z.shape, "slope(z)")

    return door


ACTIVATION = {"__call__": activation_door, "slope": activation_door, "primitive": activation_door}


def guard_activation(cls):
    """Give the methods of a class of activations their doors. `value_and_slope` is for fields, who call it with arrays: it has a
    door only where somebody wrote it."""
    guard(cls, ACTIVATION | ({} if ours(cls) else {"value_and_slope": both_door}))


# ---- the guard


def ours(cls):
    """Whether a class is of this package, and not somebody's own."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def guard(cls, doors):
    """Put a door before each method of the contract that stands in the body of a class, and keep the body under `_name`."""
    for name, door in doors.items():
        body = vars(cls).get(name)
        if callable(body):
            inside = "_value" if name == "__call__" else f"_{name}"
            guarded = door(body, not ours(cls))
            setattr(cls, name, guarded)
            setattr(cls, inside, body if ours(cls) else guarded)
