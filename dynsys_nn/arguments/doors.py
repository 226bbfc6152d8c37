"""Doors: where a caller's hand is, arguments are looked at; behind the door, a method's body is its
formula.

A class is guarded as it is defined. Each method of the contract gets a door, under its own name;
what stands in the class body is kept beside it under the name with an underscore, and the package
calls that from inside, with arrays that were looked at: F.vjp(x) is a door, F._vjp(x) the formula.
So nothing is looked at twice. Of a method that was written elsewhere, a student's, the inside has a
door, too, which also looks at what comes out: an array, of the right shape, and no argument
changed.
"""

import abc
import functools
import inspect
import types

import numpy as np

from .built import is_ours
from .values import number, numbers, real_step, refuse, step

CHANGED = "an argument is changed: write x = x + …, not x += …"


class WrongResult(TypeError, ValueError):
    """A method of somebody's own returned something else than its contract says, or changed its
    argument.

    Examples
    --------
    >>> class Half(dnn.Map):
    ...     dim_in = dim_out = 2
    ...
    ...     def __call__(self, x):
    ...         return x[..., :1] / 2
    >>> Half()(np.ones(2))
    Traceback (most recent call last):
        ...
    dynsys_nn.arguments.doors.WrongResult: F(x) of Half has shape (1,), needed is (2,)
    """


# ---- what comes in


def states(F, x):
    """x as an array of states of the map F: the last axis is `dim_in`, the dtype is θ's (complex
    passes)."""
    return _last_axis(F, x, F.dim_in, "acts on", "states")


def image(F, y):
    """y as an array of images of the map F: the last axis is `dim_out`, the dtype is θ's (complex
    passes)."""
    return _last_axis(F, y, F.dim_out, "has images of", "")


def _last_axis(F, x, dim, verb, what):
    dtype = F._dtype
    if (
        type(x) is np.ndarray
        and x.shape[-1:] == (dim,)
        and (x.dtype == dtype or dtype is None and x.dtype.kind in "fc")
    ):
        return x
    x = numbers(x, f"{type(F).__name__} {verb}")
    if x.ndim == 0 or x.shape[-1] != dim:
        of = f"{verb} {what} of" if what else verb
        raise ValueError(
            f"{type(F).__name__} {of} dimension {dim}, got an array of shape {x.shape}"
        )
    return x.astype(dtype, copy=False) if dtype is not None and x.dtype.kind == "f" else x


def covector(F, w, y):
    """w as an array of covectors at y = F(x): its shape, θ's dtype."""
    return _beside(F, w, y, "a covector w")


def tangent(F, v, x):
    """v as an array of tangents at x: its shape, θ's dtype."""
    return _beside(F, v, x, "a tangent v")


def _beside(F, w, y, what):
    shape, dtype = np.shape(y), getattr(F, "_dtype", None) or y.dtype
    if type(w) is np.ndarray and w.dtype == dtype and w.shape == shape:
        return w
    w = numbers(w, f"{type(F).__name__} needs {what} of")
    refuse(w.shape != shape, f"{type(F).__name__} needs {what} of shape {shape}, got {w.shape}")
    return w.astype(dtype, copy=False) if w.dtype.kind == dtype.kind == "f" else w


def direction(F, dtheta):
    """dtheta as a direction in θ, shape (p,), θ's dtype (complex passes), or None."""
    if dtheta is None:
        return None
    dtheta = numbers(dtheta, f"{type(F).__name__} needs a direction in θ of")
    refuse(
        dtheta.shape != (F._size,),
        f"{type(F).__name__} needs a direction in θ of shape {(F._size,)}, got {dtheta.shape}",
    )
    return dtheta.astype(F._dtype, copy=False) if F._size and dtheta.dtype.kind == "f" else dtheta


# ---- what comes out of somebody's own method


def name_of(thing):
    """The name of a function, or of the class of an object."""
    return getattr(thing, "__name__", None) or type(thing).__name__


def kind_of(value):
    """What `value` is, in words."""
    if isinstance(value, tuple):
        return f"({', '.join(type(entry).__name__ for entry in value)})"
    return "None: is there a return?" if value is None else f"one {type(value).__name__}"


def result(thing, y, shape, what):
    """y, which a method of `thing` returned as `what`; WrongResult unless it is an array, of that
    shape if one is given."""
    refuse(
        not isinstance(y, np.ndarray | np.generic),
        f"{what} of {name_of(thing)} must be an array, got {kind_of(y)}",
        WrongResult,
    )
    refuse(
        shape is not None and y.shape != shape,
        f"{what} of {name_of(thing)} has shape {y.shape}, needed is {shape}",
        WrongResult,
    )
    return y


def results(thing, values, names, what, last_is_a_function=False):
    """`values`, a tuple with one entry per name, which `what` of `thing` returned; WrongResult
    otherwise."""
    fits = isinstance(values, tuple) and len(values) == len(names)
    if not fits or last_is_a_function and not callable(values[-1]):
        needed = f"the {('pair', 'triple')[len(names) - 2]} {', '.join(names)}"
        remark = ", the second a function" if last_is_a_function else ""
        raise WrongResult(
            f"{what} of {name_of(thing)} must return {needed}{remark}, got {kind_of(values)}"
        )
    return values


def gradient_in_theta(thing, dtheta, size):
    """dtheta, which a pullback returned, flat like θ; without parameters anything empty will do."""
    if size == 0 and not np.size(dtheta):
        return np.zeros(0)
    lost = "" if size else ": were the parameters given to own(…)?"
    try:
        return result(thing, dtheta, (size,), "dtheta of the pullback")
    except WrongResult as error:
        raise WrongResult(f"{error}{lost}") from None


def value_of(F, y, x):
    """y = F(x), one state, or a sequence of states, or one number, for each state x."""
    many = F.sequence or F.dim_out == ()
    return result(
        F,
        y,
        np.shape(y)
        if many and np.shape(y)[: x.ndim - 1] == x.shape[:-1]
        else (*x.shape[:-1], F.dim_out),
        "F(x)",
    )


def frozen(x):
    """A view of x that nobody can change, if it is an array."""
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x


def writes_to_a_view(error):
    """Whether NumPy refused to write to an array that is read-only."""
    return isinstance(error, ValueError) and str(error).endswith("is read-only")


def call(thing, body, *given):
    """body(*given) with views that it cannot change; WrongResult if it tries."""
    views = [frozen(a) for a in given]
    try:
        y = body(*views)
    except ValueError as error:
        if not writes_to_a_view(error):
            raise
        raise WrongResult(f"{name_of(thing)}: {CHANGED}") from error
    if isinstance(y, tuple):
        return tuple(given_back(entry, given, views) for entry in y)
    return given_back(y, given, views)


def given_back(y, given, views):
    """y, which may be one of the views, or a part of it, as an array that its caller may change."""
    for a, view in zip(given, views, strict=True):
        if y is view:
            return a
    parts = [view for view in views if isinstance(view, np.ndarray)]
    frozen_part = isinstance(y, np.ndarray) and not y.flags.writeable
    return y.copy() if frozen_part and any(np.may_share_memory(y, v) for v in parts) else y


# ---- on the way in: the arguments of a method as its body takes them


def as_given(F, *given):
    return given


def of_state(F, x):
    return (states(F, x),)


def of_image(F, y):
    return (image(F, y),)


def of_tangent(F, x, v, dtheta=None):
    x = states(F, x)
    return x, tangent(F, v, x), direction(F, dtheta)


def of_step(method, field, x, h):
    method.require(field)
    x, h = states(field, x), step(h)
    if method.dtypes and x.dtype.char not in method.dtypes:
        raise TypeError(
            f"{method!r} solves linear systems, in float32 or float64, got states of {x.dtype}"
        )
    return field, x, h


def of_step_tangent(method, field, x, h, v, dtheta=None, dh=0.0):
    field, x, h = of_step(method, field, x, h)
    return field, x, h, tangent(field, v, x), direction(field, dtheta), number(dh, "a tangent dh")


def of_flow(field, x, h):
    return states(field, x), step(h)


def of_flow_tangent(field, x, h, v, dtheta=None, dh=0.0):
    x = states(field, x)
    return (
        x,
        step(h),
        tangent(field, v, x),
        direction(field, dtheta),
        number(dh, "a tangent dh"),
    )


def of_field(method, field):
    method.require(field)
    return (field,)


def of_bound(method, field, h):
    return *of_field(method, field), real_step(h)


def of_numbers(sigma, z):
    z = numbers(z, f"{name_of(sigma)} acts on")
    if z.dtype.kind == "c" and not sigma.analytic:
        raise TypeError(f"{sigma} is not analytic and takes real arguments only, got complex ones")
    return (z,)


# ---- on the way out: what the body found, looked at if it is theirs; a pullback looks at its w


def as_it_is(thing, found, given, theirs):
    return found


def as_value(F, y, given, theirs):
    return value_of(F, y, given[0]) if theirs else y


def as_preimage(F, x, given, theirs):
    return result(F, x, (*given[0].shape[:-1], F.dim_in), "a state") if theirs else x


def as_jacobian(F, J, given, theirs):
    return result(F, J, (*given[0].shape[:-1], F.dim_out, F.dim_in), "F′(x)") if theirs else J


def as_gradient(F, dtheta, given, theirs):
    return gradient_in_theta(F, dtheta, F._size) if theirs else dtheta


def as_pair(F, found, given, theirs):
    if theirs:
        y, dy = results(F, found, ("y", "dy"), "jvp(x, v)")
        result(F, dy, value_of(F, y, given[0]).shape, "dy")
    return found


def with_pullback(F, found, given, theirs):
    if not theirs:
        y, inside = found
        return y, lambda w: inside(covector(F, w, y))
    y, inside = results(F, found, ("y", "pullback"), "vjp(x)", True)
    value_of(F, y, given[0])

    def pullback(w):
        dx, dtheta = results(F, call(F, inside, covector(F, w, y)), ("dx", "dtheta"), "pullback(w)")
        return result(F, dx, given[0].shape, "dx of the pullback"), gradient_in_theta(
            F, dtheta, F._size
        )

    return y, pullback


def as_step(method, y, given, theirs):
    return result(method, y, given[1].shape, "the step") if theirs else y


def as_step_pair(method, found, given, theirs):
    for y in results(method, found, ("y", "dy"), "jvp") if theirs else ():
        result(method, y, given[1].shape, "jvp")
    return found


def with_step_pullback(method, found, given, theirs, what="vjp(field, x, h)"):
    field, x, _ = given
    if not theirs:
        y, inside = found
        return y, lambda w: inside(covector(field, w, y))
    y, inside = results(method, found, ("y", "pullback"), what, True)
    result(method, y, x.shape, "the step")

    def pullback(w):
        found = call(method, inside, covector(field, w, y))
        dx, dtheta, dh = results(method, found, ("dx", "dtheta", "dh"), "pullback(w)")
        dx, dtheta = (
            result(method, dx, x.shape, "dx of the pullback"),
            gradient_in_theta(method, dtheta, field._size),
        )
        return dx, dtheta, number(dh, f"dh of {type(method).__name__}")

    return y, pullback


def as_flow(field, y, given, theirs):
    return result(field, y, given[0].shape, "the flow") if theirs else y


def as_flow_pair(field, found, given, theirs):
    return as_step_pair(field, found, (field, *given), theirs)


def with_flow_pullback(field, found, given, theirs):
    return with_step_pullback(field, found, (field, *given), theirs, "flow_vjp(x, h)")


def like_its_argument(sigma, found, given, theirs):
    for y in (found if isinstance(found, tuple) else [found]) if theirs else ():
        result(sigma, y, given[0].shape, "σ, or its slope or primitive,")
    return found


def with_slope(sigma, found, given, theirs):
    s, inside = results(sigma, found, ("s", "pullback"), "vjp(z)", True)
    result(sigma, s, given[0].shape, "σ(z)")

    def pullback(w):
        u = inside(covector(sigma, w, s))
        return result(sigma, u, s.shape, "σ′(z) w") if theirs else u

    return s, pullback


# ---- the guard

MAP = {
    "__call__": (of_state, as_value),
    "vjp": (of_state, with_pullback),
    "jvp": (of_tangent, as_pair),
    "jacobian": (of_state, as_jacobian),
    "inverse": (of_image, as_preimage),
    "adjoint": (of_image, as_preimage),
    "outer": (as_given, as_gradient),
    "flow": (of_flow, as_flow),
    "flow_vjp": (of_flow, with_flow_pullback),
    "flow_jvp": (of_flow_tangent, as_flow_pair),
} | dict.fromkeys(
    ("states", "divergence", "potential", "hamiltonian", "skew", "step_vjp"), (of_state, as_it_is)
)
METHOD = {
    "step": (of_step, as_step),
    "vjp": (of_step, with_step_pullback),
    "jvp": (of_step_tangent, as_step_pair),
    "inverse": (of_step, as_step),
    "preserves": (of_field, as_it_is),
    "non_expansive_step": (of_field, as_it_is),
    "steps_for": (of_field, as_it_is),
    "lipschitz": (of_bound, as_it_is),
}
ACTIVATION = dict.fromkeys(
    ("__call__", "slope", "primitive", "value_and_slope"), (of_numbers, like_its_argument)
) | {"vjp": (of_numbers, with_slope)}


#: what a class of somebody's own writes; the other names count where a class of ours has them
CONTRACT = {
    "__call__",
    "vjp",
    "jvp",
    "jacobian",
    "inverse",
    "adjoint",
    "outer",
    *METHOD,
    *ACTIVATION,
}


class Guarded(abc.ABCMeta):
    """The class of the classes that are guarded, each method of their `doors` that somebody wrote:
    in the class, in a base of it, or later, by an assignment."""

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace, **options)
        for method in cls.doors:
            guard(cls, method, closed=any(isinstance(base, Guarded) for base in bases))

    def __setattr__(cls, name, value):
        super().__setattr__(name, value)
        if name in cls.doors:
            guard(cls, name)


def guard(cls, name, closed=True):
    """Put a door before a method, unless it has one, and keep its body under `_name`; with
    closed=False, for the bodies of a base that say what is missing, only the latter."""
    home = next((base for base in cls.__mro__ if name in vars(base)), None)
    method = None if home is None else vars(home)[name]
    if not isinstance(method, types.FunctionType):  # nobody wrote it, or it is something else
        return
    theirs = not is_ours(method)
    known = any(hasattr(vars(base).get(name), "body") for base in cls.__mro__)
    if theirs and not known and name not in CONTRACT:
        return  # a method of theirs that happens to have the name of one of ours
    if not hasattr(method, "body") and closed and (theirs or name != "outer"):
        guarded = door(method, *cls.doors[name], theirs)
        guarded.body = guarded if theirs else method
        type.__setattr__(cls, name, guarded)
        method = guarded
    body = getattr(method, "body", method)
    type.__setattr__(cls, "_value" if name == "__call__" else f"_{name}", body)
    if name in cls.operators:
        type.__setattr__(cls, cls.operators[name], body)


def door(body, enter, leave, theirs):
    """The body of a method, its arguments looked at by `enter`, and what it found by `leave`."""
    count = enter.__code__.co_argcount - 1  # the arguments of the contract; others are passed on

    @functools.wraps(body)
    def guarded(self, *given, **named):
        if named:
            bound = inspect.signature(body).bind(self, *given, **named)
            bound.apply_defaults()
            given, named = bound.args[1:], bound.kwargs
        given = *enter(self, *given[:count]), *given[count:]
        if not theirs:
            return leave(self, body(self, *given, **named), given, False)
        found = call(self, functools.partial(body, self, **named), *given)
        return leave(self, found, given, True)

    return guarded
