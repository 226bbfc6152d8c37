"""What a student runs on a map, a field or a method of their own: is the adjoint right, the order, the structure?

Each check measures one number and compares it with a limit; `print(check)` gives one aligned line and
`check.require()` raises with that line. Difference quotients appear here, as the independent measurement, and nowhere
else in the package.
"""

from dataclasses import dataclass

import numpy as np

from .flows import exact_flow
from .maps import dimension

EPS = np.finfo(float).eps


@dataclass
class Check:
    """`measured` against `limit`. Passed where measured ≤ limit (a NaN fails)."""

    name: str
    measured: float
    limit: float
    detail: str = ""

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

    def __str__(self):
        verdict = "passed" if self.passed else "FAILED"
        return f"{verdict}  {self.name:<34} measured {self.measured:9.2e}   limit {self.limit:9.2e}   {self.detail}".rstrip()


def adjoint(F, x, rng=0, limit=1e-12):
    """⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for the Jacobian J in x and in θ: the error, relative to ‖w‖‖Jv‖.

    Jᵀw is from F.vjp. Jv is from F.jvp, if F has one and it agrees with a difference quotient of F; otherwise it is
    that quotient, and the limit is what a quotient can tell, 1e-6. So a vjp and a jvp with the same mistake do not
    pass. x: array (..., d), away from kinks; rng: directions v and w are drawn with it.
    """
    x, rng = np.asarray(x, float), np.random.default_rng(rng)
    y, pullback = F.vjp(x)
    value = F(x)
    name = f"adjoint of {_name(F)}"
    if np.shape(y) != np.shape(value) or not _close(y, value, 1e-12):
        return Check(name, np.inf, limit, "vjp(x) and F(x) give different values")
    w, theta = rng.normal(size=np.shape(y)), getattr(F, "theta", np.zeros(0))
    dx, dtheta = pullback(w)
    if np.shape(dx) != x.shape:
        return Check(name, np.inf, limit, f"(∂F/∂x)ᵀw has shape {np.shape(dx)}, x has {x.shape}")
    if np.shape(dtheta) != theta.shape and theta.size:
        return Check(name, np.inf, limit, f"(∂F/∂θ)ᵀw has shape {np.shape(dtheta)}, θ has {theta.shape}")
    worst = Check(name, 0.0, limit)
    for part, v, back in (("in x", rng.normal(size=x.shape), dx), ("in θ", rng.normal(size=theta.shape), dtheta)):
        if v.size == 0:
            continue
        Jv, trusted = _tangent(F, x, v, part)
        error = abs((w * Jv).sum() - (back * v).sum()) / max(
            np.linalg.norm(w) * np.linalg.norm(Jv), np.finfo(float).tiny
        )
        check = Check(
            name,
            float(error),
            limit if trusted else max(limit, 1e-6),
            f"{part}, Jv from {'jvp' if trusted else 'differences'}",
        )
        if not check.measured / check.limit <= worst.measured / worst.limit:
            worst = check
    return worst


def tangent(F, x, rng=0, limit=1e-7):
    """(J_x v, J_θ dθ) of F.jvp against a central difference quotient of F, relative error of the worse."""
    x, rng = np.asarray(x, float), np.random.default_rng(rng)
    worst = Check(f"tangent of {_name(F)}", 0.0, limit)
    for part, size in (("in x", x.shape), ("in θ", getattr(F, "theta", np.zeros(0)).shape)):
        v = rng.normal(size=size)
        if v.size == 0:
            continue
        _, Jv = F.jvp(x, v) if part == "in x" else F.jvp(x, np.zeros_like(x), v)
        quotient, _ = _quotient(F, x, v, part)
        error = np.linalg.norm(Jv - quotient) / max(np.linalg.norm(quotient), np.finfo(float).tiny)
        if not error <= worst.measured:
            worst = Check(worst.name, float(error), limit, part)
    return worst


def order(method, field, x, t=1.0, limit=0.05):
    """|observed − claimed| order on ẋ = field(x) up to time t: log₂ of the ratio of errors at the finest doubling above 1e-11.

    method: an object with `order` and `step(field, x, h)`; x: array (..., d). The reference is `exact_flow`.
    """
    x = np.asarray(x, float)
    exact, errors, n = exact_flow(field, x, t), [], 4
    while n <= 4096 and (len(errors) < 2 or errors[-1] > 1e-11):
        y = x
        for _ in range(n):
            y = method.step(field, y, t / n)
        errors.append(float(np.max(np.abs(y - exact))))
        n *= 2
    usable = [e for e in errors if e > 1e-11]
    if len(usable) < 2:
        return Check(
            f"order of {_name(method)}", np.inf, limit, "errors are at rounding: take a larger t or a nonlinear field"
        )
    observed = np.log2(usable[-2] / usable[-1])
    return Check(
        f"order of {_name(method)}",
        float(abs(observed - method.order)),
        limit,
        f"observed {observed:.3f}, claimed {method.order}",
    )


def volume(F, x, limit=None):
    """max |det F′(x) − 1| over the batch. The limit, unless given, is 1e-12, or 10 · 2.2e-16 · κ₂(F′) where that is more.

    The Jacobian is F.jacobian(x) if F has one, otherwise by difference quotients (limit 1e-6).
    """
    x = np.asarray(x, float)
    exact = hasattr(F, "jacobian")
    J = (
        F.jacobian(x)
        if exact
        else np.stack([_quotient(F, x, np.broadcast_to(e, x.shape), "in x")[0] for e in np.eye(x.shape[-1])], axis=-1)
    )
    error = np.abs(np.linalg.det(J) - 1)
    kappa = np.max(np.linalg.cond(J))
    if limit is None:
        limit = min(max(1e-12, 10 * EPS * kappa), 1e-2) if exact else 1e-6
    return Check(f"volume of {_name(F)}", float(np.max(error)), float(limit), f"|det F′ − 1|, κ₂(F′) = {kappa:.1e}")


def invariant(F, I, x, steps=100, limit=None):
    """Drift max_n |I(x_n) − I(x_0)| over x_n = F(x_{n−1}), n ≤ steps, worst of the batch.

    I: a function of the state, (..., d) → (...). The limit, unless given, is steps · 2.2e-16 · max(‖x_n‖₁, |I|):
    rounding, and no more.
    """
    x, steps = np.asarray(x, float), dimension(steps, "steps")
    start = np.asarray(I(x))
    drift, scale = 0.0, max(np.abs(x).sum(axis=-1).max(), np.abs(start).max())
    for _ in range(steps):
        x = F(x)
        now = np.asarray(I(x))
        drift = np.maximum(drift, np.abs(now - start).max())  # a NaN stays
        scale = max(scale, np.abs(x).sum(axis=-1).max(), np.abs(now).max())
    limit = steps * EPS * scale if limit is None else limit
    return Check(f"invariant of {_name(F)}", float(drift), float(limit), f"drift over {steps} steps")


def inverse(F, x, limit=1e-10):
    """‖F.inverse(F(x)) − x‖ and ‖F(F.inverse(x)) − x‖ (where dimensions agree), relative to max(1, ‖x‖), worst of the batch."""
    x = np.asarray(x, float)
    y = F(x)
    gaps = [F.inverse(y) - x] + ([F(F.inverse(x)) - x] if np.shape(y) == x.shape else [])
    scale = np.maximum(1, np.linalg.norm(x, axis=-1))
    error = max(float(np.max(np.linalg.norm(gap, axis=-1) / scale)) for gap in gaps)
    return Check(
        f"inverse of {_name(F)}", error, limit, "F⁻¹(F(x)) − x" + (" and F(F⁻¹(x)) − x" if len(gaps) == 2 else "")
    )


def _quotient(F, x, v, part):
    """(F(x + εv) − F(x − εv))/2ε in x or in θ, and the rounding error to be expected of it."""
    eps = 1e-6 * max(1.0, np.abs(x).max(initial=0.0)) / max(np.abs(v).max(), np.finfo(float).tiny)
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


def _tangent(F, x, v, part):
    """Jv by F.jvp and True, if it agrees with the difference quotient; the quotient and False otherwise."""
    quotient, rounding = _quotient(F, x, v, part)
    if hasattr(F, "jvp"):
        try:
            _, Jv = F.jvp(x, v) if part == "in x" else F.jvp(x, np.zeros_like(x), v)
        except NotImplementedError:
            return quotient, False
        if (
            np.shape(Jv) == np.shape(quotient)
            and np.linalg.norm(Jv - quotient) <= 1e-5 * np.linalg.norm(quotient) + rounding
        ):
            return Jv, True
    return quotient, False


def _close(a, b, tolerance):
    return np.linalg.norm(np.asarray(a) - b) <= tolerance * max(1.0, np.linalg.norm(b))


def _name(thing):
    return getattr(thing, "__name__", None) or type(thing).__name__
