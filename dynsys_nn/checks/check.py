"""One number against a limit, and how the number is measured: difference quotients, and derivatives that agree with them."""

import traceback
from pathlib import Path

import numpy as np

from ..fields import Field
from ..maps import numbers

EPS, TINY = np.finfo(float).eps, np.finfo(float).tiny
DISAGREES = "differences: the jvp DISAGREES, run checks.tangent"
WRONG_JACOBIAN = "F′ disagrees with differences of F: run checks.tangent"


class Check:
    """`measured` against `limit`. Passed where measured ≤ limit (a NaN fails)."""

    def __init__(self, name, measured, limit, detail=""):
        self.name, self.measured, self.limit, self.detail = str(name), number(measured), number(limit), str(detail)

    @property
    def passed(self):
        """True where measured ≤ limit."""
        return bool(self.measured <= self.limit)

    def require(self):
        """AssertionError with the line of this check unless it passed; returns the check."""
        if not self.passed:
            raise AssertionError(str(self))
        return self

    def __bool__(self):
        return self.passed

    def __repr__(self):
        return str(self)

    def __str__(self):
        verdict = "passed" if self.passed else "FAILED"
        return f"{verdict}  {self.name:<34} measured {self.measured:9.2e}   limit {self.limit:9.2e}   {self.detail}".rstrip()


def number(value):
    """`value` as a float; TypeError where it is no real number. A NaN may be measured, and fails."""
    scalar = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if not isinstance(scalar, float | int | np.floating | np.integer | np.bool_) or isinstance(scalar, int) and abs(scalar) > 2**1000:
        raise TypeError(f"a check compares two real numbers, measured and limit, got {value!r}")
    return float(scalar)


def run(questions):
    """Ask each question, a function without arguments that returns a Check: print the check, or the task of one that is not
    answered yet (NotImplementedError); returns the checks. An error in an answer is a check that failed."""
    answers = []
    for question in questions:
        try:
            answers.append(question())
        except NotImplementedError as task:
            print(f"to do   {task}")
            continue
        except Exception as error:
            answers.append(Check(type(error).__name__, np.inf, 0.0, f"{error}{place_of(error)}"))
            if "read-only" in str(error):
                answers[-1].detail = f"an argument is changed: write x = x + …, not x += …{place_of(error)}"
        print(answers[-1])
    return answers


def place_of(error):
    """The last line outside the package and its libraries that led to an error."""
    ours = str(Path(__file__).parents[1]), "site-packages"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not any(part in f.filename for part in ours)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name})" if frames else ""


def points_of(F, x):
    """x as float64 states, at least one, which nobody can change. Checks measure to float64's rounding, so a float32 map is
    refused."""
    if isinstance(F, type):
        raise TypeError(f"a check takes an object: write {F.__name__}(…), not {F.__name__}")
    if not callable(F):
        raise TypeError(f"a check takes a map, or a function of states, got {F!r}")
    x = real_numbers(x, "a check needs states,")
    x.flags.writeable = False
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"a check needs states, an array of shape (..., d), got shape {x.shape}")
    if getattr(F, "theta", x).dtype == np.float32:
        raise TypeError(
            f"checks measure to the rounding of float64, but {name_of(F)} is float32: build it with dtype=float"
        )
    return x


def real_numbers(x, what):
    """x as a float64 array of its own; TypeError for complex numbers, and what is no number."""
    x = numbers(x, what)
    if x.dtype.kind == "c":
        raise TypeError(f"{what} real numbers, got an array of dtype {x.dtype}")
    return np.array(x, float)


def name_of(thing):
    return getattr(thing, "__name__", None) or type(thing).__name__


def difference_quotient(F, x, v, part, step=1e-6):
    """(F(x + εv) − F(x − εv))/2ε in x or in θ, and the rounding error to be expected of it."""
    at = x if part == "in x" else F.theta / max(1.0, np.abs(x).max())
    eps = step * max(1.0, np.abs(at).max()) / max(np.abs(v).max(), TINY)
    if part == "in x":
        plus, minus = F(x + eps * v), F(x - eps * v)
    else:
        theta = F.theta.copy()
        try:
            F.theta = theta + eps * v
            plus = F(x)
            F.theta = theta - eps * v
            minus = F(x)
        finally:
            F.theta = theta
    return (plus - minus) / (2 * eps), 4 * EPS / eps * np.linalg.norm(plus)


def jvp_of(F, x, v, part):
    if not hasattr(F, "jvp"):
        raise AttributeError(f"{name_of(F)} has no tangent to check: write jvp(self, x, v, dtheta)")
    return F.jvp(x, v)[1] if part == "in x" else F.jvp(x, np.zeros_like(x), v)[1]


def tangent_or_quotient(F, x, v, part):
    """Jv and where it is from: F.jvp, if F has one that agrees with the difference quotient, else the quotient."""
    quotient, rounding = difference_quotient(F, x, v, part)
    try:
        Jv = jvp_of(F, x, v, part)
    except (AttributeError, NotImplementedError):
        return quotient, "differences"
    near = (
        np.shape(Jv) == np.shape(quotient)
        and np.linalg.norm(Jv - quotient) <= 1e-5 * np.linalg.norm(quotient) + rounding
    )
    return (Jv, "jvp") if near else (quotient, DISAGREES)


def jacobian_of(F, x, limit):
    """F′(x), the limit, and where F′ is from; by difference quotients where F has no jacobian, limit 1e-7. None for a
    jacobian that is far from two difference quotients, which are near each other."""
    try:
        J = F.jacobian(x)
    except (AttributeError, NotImplementedError):
        columns = [difference_quotient(F, x, np.broadcast_to(e, x.shape), "in x")[0] for e in np.eye(x.shape[-1])]
        return np.stack(columns, axis=-1), max(limit, 1e-7), ", F′ from differences"
    v = np.random.default_rng(0).normal(size=x.shape)
    (quotient, rounding), (finer, _) = (
        difference_quotient(F, x, v, "in x"),
        difference_quotient(F, x, v, "in x", step=2e-7),
    )
    if J.shape == (*quotient.shape, x.shape[-1]) and quotient.shape[:-1] == x.shape[:-1]:
        size, Jv = np.linalg.norm(quotient), (J @ v[..., None])[..., 0]
        known = np.linalg.norm(quotient - finer) <= 1e-4 * size + 10 * rounding
        if known and np.linalg.norm(Jv - quotient) > 1e-3 * size + 10 * rounding:
            return None, limit, ""
    return J, limit, ""


def if_it_is_a_step(F, check):
    """The check, with a remark where it failed and F is a vector field."""
    if not check.passed and isinstance(F, Field):
        check.detail += "; F is a field, not a step: check Flow(field, h, method)"
    return check
