"""One number against a limit, and how the number is measured: difference quotients, and derivatives
that agree with them."""

import functools
import warnings

import numpy as np

from ..arguments import (
    CHANGED,
    Given,
    WrongResult,
    generator,
    instance,
    is_ours,
    name_of,
    real_number,
    real_numbers,
    refuse,
    results,
    writes_to_a_view,
)
from ..fields import Field
from ..maps import Map, html
from .errors import line_of

EPS, TINY = np.finfo(float).eps, np.finfo(float).tiny
COMPLEX_STEPS, DIFFERENCES = ", F′ by complex steps", ", F′ from differences"
DISAGREES = "differences: the jvp DISAGREES, run checks.tangent"


class Check:
    """`measured` against `limit`. Passed if measured ≤ limit (a NaN fails), unless the measurement
    is blind: too coarse to see a mistake that leaves it below the limit. Then it is unsure.

    It is true if it passed, and `print` shows it as one line. finding: what is known of a mistake;
    line: the line of source that an error comes from; "" if there is none.

    Parameters
    ----------
    name : str
        What is checked.
    measured : float
        An error, ≥ 0.
    limit : float
        What it may be.
    detail : str, default ""
        What was compared, and what is known of a mistake.

    Examples
    --------
    >>> print(dnn.Check("energy", 1e-14, 1e-12, "drift over 100 steps"))
    passed  energy              measured  1.00e-14   limit  1.00e-12   drift over 100 steps
    >>> bool(dnn.Check("energy", np.nan, 1e-12))
    False
    """

    blind, line, finding = False, "", ""

    def __init__(self, name, measured, limit, detail=""):
        self.name, self.detail = str(name), str(detail)
        self.measured, self.limit = real_number(measured, "measured"), real_number(limit, "limit")

    @property
    def passed(self):
        """True if measured ≤ limit, and the measurement is not blind."""
        return bool(self.measured <= self.limit) and not self.blind

    def finds(self, words):
        """Say what is known of a mistake, or is to be remarked, beside what was compared."""
        self.finding = f"{self.finding}; {words}" if self.finding else words
        self.detail += f"; {words}"
        return self

    def require(self):
        """AssertionError with the line of this check unless it passed; returns the check."""
        refuse(not self.passed, str(self), AssertionError)
        return self

    def __bool__(self):
        return self.passed

    @property
    def verdict(self):
        """ "passed", "FAILED", or "unsure" of a blind measurement."""
        return "passed" if self.passed else "unsure" if self.measured <= self.limit else "FAILED"

    def __str__(self):
        words = f"{self.detail}, in the line  {self.line}" if self.line else self.detail
        numbers = f"measured {self.measured:9.2e}   limit {self.limit:9.2e}"
        return f"{self.verdict}  {self.name:<34} {numbers}   {words}".rstrip()

    __repr__ = __str__

    def _repr_html_(self):
        return html([("check", *HEAD), cells(self)], [(self.finding or self.detail, self.line)])


#: the columns of a check in a table, after its name
HEAD = ("verdict", "measured", "limit")


def cells(check, form=".2e"):
    """The row of a check in a table of HTML; form: of its numbers."""
    numbers = [f"{z:{form}}" if z == z else "" for z in (check.measured, check.limit)]
    return check.name, check.verdict, *numbers


def fails_on_wrong_results(check):
    """The check of a thing, its first argument; if that returns what cannot be right, a
    WrongResult, it failed, and says so."""

    @functools.wraps(check)
    def guarded(*given, **options):
        try:
            return check(*given, **options)
        except WrongResult as error:
            words, line = str(error), line_of(error)
        except ValueError as error:
            if not writes_to_a_view(error):
                raise
            words, line = CHANGED, line_of(error)
        thing = next(iter((*given, *options.values())))
        failed = Check(f"{check.__name__} of {name_of(thing)}", np.inf, 0.0, words)
        failed.line = line
        return failed

    return guarded


# ---- what is checked, and where


class Asked(Given):
    """A function, or an object of somebody's own that is no Map, as a check calls it."""

    theta = property(
        lambda self: theta_of(self.f), lambda self, theta: setattr(self.f, "theta", theta)
    )

    def __getattr__(self, name):
        return getattr(self.f, name)


def points_of(F, x, entries=None):
    """F and float64 states x, at least one, which nobody can change. What F returns is looked at,
    and that a state in the batch has the value that it has alone; entries: as for `Given`. Checks
    measure to float64's rounding, so a float32 map is refused."""
    instance(F, ("__call__",), "a check takes a map, or a function of states")
    x = real_numbers(x, "a check needs states,")
    refuse(
        x.ndim == 0 or x.size == 0,
        f"a check needs states, an array of shape (..., d), got shape {x.shape}",
    )
    refuse(
        theta_of(F).dtype == np.float32,
        f"checks measure to the rounding of float64, but {name_of(F)} is float32: "
        "build it with dtype=float",
        TypeError,
    )
    x.flags.writeable = False
    if not isinstance(F, Map | Given):
        F = Asked(F, name_of(F), entries)
    elif not is_ours(type(F)):  # a single state, too, as one in a batch of copies
        Given(F, name_of(F))(x if x.ndim > 1 else np.stack([x] * (x.size + 1)))
    return F, x


def theta_of(F):
    """θ, empty for a function or a map without parameters."""
    return getattr(F, "theta", np.zeros(0))


def parameters_of(F):
    """name → parameter, in the order in which they lie in θ."""
    return getattr(F, "parameters", {"θ": theta_of(F)})


def places(F):
    """name → slice of θ, for each parameter of F."""
    named = parameters_of(F)
    ends = np.cumsum([view.size for view in named.values()])
    return {
        name: slice(end - view.size, end)
        for (name, view), end in zip(named.items(), ends, strict=True)
    }


def of_one_argument(F, x):
    """A map and states x as they are; a map of two arguments, and a pair x of states, as a map of
    the two end to end."""
    if not (isinstance(x, tuple) and np.ndim(x[0])):
        return points_of(F, x)
    x, y = (real_numbers(states, "a check needs states,") for states in x)
    refuse(
        x.shape != y.shape,
        f"a pair of states needs two arrays of equal shape, got {x.shape} and {y.shape}",
    )
    return points_of(OfPairs(F), np.concatenate([x, y], axis=-1))


class OfPairs:
    """F(x, y), a map of two arguments, as a map of the states (x, y), end to end on the last
    axis."""

    def __init__(self, F):
        self.F, self.__name__, self.parameters = F, name_of(F), parameters_of(F)

    theta = property(
        lambda self: theta_of(self.F), lambda self, value: setattr(self.F, "theta", value)
    )

    def __call__(self, x):
        return self.F(*np.split(x, 2, axis=-1))

    def vjp(self, x):
        pair = self.F.vjp(*np.split(x, 2, axis=-1))
        y, pullback = results(self.F, pair, ("y", "pullback"), "vjp(x, y)", True)

        def pullback_of_pairs(w):
            dx, dy, dtheta = results(self.F, pullback(w), ("dx", "dy", "dtheta"), "pullback(w)")
            return np.concatenate([dx, dy], axis=-1), dtheta

        return y, pullback_of_pairs

    def jvp(self, x, v, dtheta=None):
        return self.F.jvp(*np.split(x, 2, axis=-1), *np.split(v, 2, axis=-1), dtheta)


# ---- derivatives


def directions(rng):
    """A Generator as it is; from a seed, one that does not draw what a caller drew with the same
    seed: w = x, say, would hide what is orthogonal to x."""
    given = generator(rng)
    return given.spawn(1)[0] if isinstance(rng, int | np.integer) else given


def along(x, v, part):
    """The direction (dx, dtheta): v in x, or in θ."""
    return (v, None) if part == "in x" else (np.zeros_like(x), v)


def moved(F, x, dx, dtheta=None):
    """F(x + dx; θ + dtheta)."""
    if dtheta is None or not dtheta.size:
        return F(x + dx)
    theta = F.theta.copy()
    try:
        F.theta = theta + dtheta
        return F(x + dx)
    finally:
        F.theta = theta


def difference_quotient(F, x, v, part, step=1e-6):
    """(F(x + εv) − F(x − εv))/2ε in x or in θ, and the rounding error to be expected of it."""
    at = x if part == "in x" else F.theta / max(1.0, np.abs(x).max())
    eps = step * max(1.0, np.abs(at).max()) / max(np.abs(v).max(), TINY)
    plus, minus = (moved(F, x, *along(x, e * v, part)) for e in (eps, -eps))
    return (plus - minus) / (2 * eps), 4 * EPS / eps * np.linalg.norm(plus)


def jvp_of(F, x, v, part):
    """Jv by F.jvp, in x or in θ."""
    refuse(
        not hasattr(F, "jvp"),
        f"{name_of(F)} has no tangent to check: write jvp(self, x, v, dtheta)",
        AttributeError,
    )
    return F.jvp(x, *along(x, v, part))[1]


def tangent_or_quotient(F, x, v, part):
    """Jv and where it is from: F.jvp, if F has one that agrees with the difference quotient, else
    the quotient."""
    quotient, rounding = difference_quotient(F, x, v, part)
    try:
        Jv = jvp_of(F, x, v, part)
    except (AttributeError, NotImplementedError):
        return quotient, "differences"
    except WrongResult:
        return quotient, DISAGREES
    near = np.shape(Jv) == np.shape(quotient) and (
        np.linalg.norm(Jv - quotient) <= 1e-5 * np.linalg.norm(quotient) + rounding
    )
    return (Jv, "jvp") if near else (quotient, DISAGREES)


class Truth:
    """What a pullback should give at x for the covector w: from the jvp, if it is right there, else
    difference quotients, each measured once."""

    def __init__(self, F, x, w):
        self.F, self.x, self.w, self.samples = F, x, w, x[..., 0].size

    @functools.cached_property
    def in_x(self):
        """F′e for each unit vector e of x, (x.size, samples, …)."""
        return self.columns(np.eye(self.x.size).reshape(-1, *self.x.shape), "in x")

    @functools.cached_property
    def in_theta(self):
        """The same of θ."""
        return self.columns(np.eye(theta_of(self.F).size), "in θ")

    def columns(self, units, part):
        found = [tangent_or_quotient(self.F, self.x, e, part)[0] for e in units]
        return np.reshape(found, (len(units), self.samples, -1))

    def gradient(self, part):
        """∂⟨w, F⟩ in all directions of x or of θ, flat."""
        J = self.in_x if part == "in x" else self.in_theta
        return (J * self.w.reshape(self.samples, -1)).sum(axis=(1, 2))

    def of_samples(self, w=None):
        """∂⟨w, F⟩/∂θ of each sample alone, (samples, p)."""
        w = self.w.reshape(self.samples, -1) if w is None else w
        return (self.in_theta * w).sum(axis=2).T


def jacobian_by_differences(F, x, step=1e-6):
    """F′(x), column by column."""
    units = [np.broadcast_to(e, x.shape) for e in np.eye(x.shape[-1])]
    return np.stack([difference_quotient(F, x, e, "in x", step)[0] for e in units], axis=-1)


def jacobian_by_complex_steps(F, x, lengths=None):
    """F′(x) = Im F(x + iεe_k)/ε, column by column, exact to rounding, with steps ε of these
    lengths, times 1e-100; None if F does not take complex states."""
    steps = 1e-100 * (np.ones(x.shape[-1]) if lengths is None else lengths)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            columns = [F(x + 1j * step) for step in np.diag(steps)]
    except Exception:
        return None
    return np.stack(columns, axis=-1).imag / steps


def jacobian_of(F, x, space="ℝᵈ → ℝᵈ"):
    """F′(x), square, and where it is from: F.jacobian, complex steps, or else differences.
    WrongResult for a map that does not return to its space, and for a jacobian that is far from two
    difference quotients, which are near each other."""
    try:
        J, source = F.jacobian(x), ""
    except (AttributeError, NotImplementedError):
        refuse(
            F(x).shape != x.shape,
            f"F(x) has shape {F(x).shape} for states of shape {x.shape}: this is for maps of a "
            f"space to itself, {space}",
            WrongResult,
        )
        J, source = jacobian_by_complex_steps(F, x), COMPLEX_STEPS
        rough, finer = (jacobian_by_differences(F, x, step) for step in (1e-6, 2e-7))
        error = np.abs(rough - finer) + 1e-6 * np.abs(rough).max()
        if J is None or not (np.abs(J - rough) <= 10 * error).all():  # F is not analytic
            J, source = rough, DIFFERENCES
    refuse(
        J.shape[-1] != J.shape[-2],
        f"F′ has shape {J.shape[-2:]}: this is for maps of a space to itself, {space}",
        WrongResult,
    )
    refuse(not np.isfinite(J).all(), "F′ is not finite", WrongResult)
    v = directions(0).normal(size=x.shape)
    quotient, rounding = difference_quotient(F, x, v, "in x")
    finer, _ = difference_quotient(F, x, v, "in x", step=2e-7)
    if not source and J.shape[:-1] == quotient.shape == x.shape:
        size, Jv = np.linalg.norm(quotient), (J @ v[..., None])[..., 0]
        known = np.linalg.norm(quotient - finer) <= 1e-4 * size + 10 * rounding
        wrong = np.linalg.norm(Jv - quotient) > 1e-3 * size + 10 * rounding
        disagrees = "F′ disagrees with differences of F: run checks.tangent"
        refuse(known and wrong, disagrees, WrongResult)
    return J, source


def if_it_is_a_step(F, check):
    """The check, with a remark if it failed and F is a vector field."""
    if not check.passed and isinstance(F, Field):
        check.finds("F is a field, not a step: check Flow(field, h, method)")
    return check
