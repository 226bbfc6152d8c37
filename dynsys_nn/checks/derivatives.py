"""Is the derivative right? Adjoints, tangents, slopes, gradients, against something that was not written by hand."""

import numpy as np

from ..fields import invariant_object
from ..maps import Map, array, dimension, generator
from .check import (
    DISAGREES,
    EPS,
    TINY,
    Check,
    difference_quotient,
    jvp_of,
    name_of,
    number,
    points_of,
    real_numbers,
    tangent_or_quotient,
)
from .tutor import diagnosis, factors_of_a_mean, near, words_for


def adjoint(F, x, rng=0, limit=1e-12):
    """⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for the Jacobian J in x and in θ: the error, relative to ‖w‖‖Jv‖.

    Jᵀw is from F.vjp. Jv is from F.jvp, if F has one and it agrees with a difference quotient of F; otherwise it is
    that quotient, and the limit is what a quotient can tell, 1e-6. So a vjp and a jvp with the same mistake do not
    pass. x: array (..., d), away from kinks; rng: directions v and w are drawn with it.
    """
    x, rng, name = points_of(F, x), generator(rng), f"adjoint of {name_of(F)}"
    theta, limit = getattr(F, "theta", np.zeros(0)), number(limit)
    y, w, pulled, problem = opened(F, x, rng)
    if problem:
        return Check(name, np.inf, limit, problem)
    worst = Check(name, -1.0, limit)
    for part, at, back in (("in x", x, pulled[0]), ("in θ", theta, pulled[1])):
        if at.size:
            v = rng.normal(size=at.shape)
            Jv, source = tangent_or_quotient(F, x, v, part)
            error = abs((w * Jv).sum() - (back * v).sum()) / max(np.linalg.norm(w) * np.linalg.norm(Jv), TINY)
            check = Check(name, error, limit if source == "jvp" else max(limit, 1e-6), f"{part}, Jv from {source}")
            if not check.passed:
                check.detail += "; " + diagnosis(F, x, w, part, back)
                if source == DISAGREES and abs((w * jvp_of(F, x, v, part)).sum() - (back * v).sum()) <= 1e-9 * abs(
                    (back * v).sum()
                ):
                    check.detail = f"{part}, vjp and jvp agree with each other, and not with F(x): look at the value, or at a slope σ′"
            worst = max(
                worst, check, key=lambda c: c.measured / max(c.limit, TINY) if c.measured == c.measured else np.inf
            )
    return worst


def opened(F, x, rng):
    """F.vjp(x): y, a covector w drawn with `rng`, what the pullback makes of w, and why these cannot be right, or ""."""
    if not hasattr(F, "vjp"):
        raise TypeError(f"{name_of(F)} has no adjoint to check: write vjp(self, x)")
    value, pair = F(x), F.vjp(x)
    if not isinstance(value, np.ndarray):
        return None, None, None, f"F(x) must be an array, got a {type(value).__name__}"
    if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[1])):
        return None, None, None, f"vjp(x) must return the pair y, pullback, the second a function, got {kind_of(pair)}"
    y, pullback = pair
    w = rng.normal(size=value.shape)
    w.flags.writeable = False
    if not (np.isfinite(x).all() and np.isfinite(value).all()):
        return y, w, None, "x or F(x) is not finite"
    if np.shape(y) != value.shape or not np.linalg.norm(y - value) <= 1e-12 * max(1.0, np.linalg.norm(value)):
        return y, w, None, "vjp(x) and F(x) give different values"
    pulled = pullback(w)
    if not (isinstance(pulled, tuple) and len(pulled) == 2):
        return y, w, pulled, f"pullback(w) must return the pair dx, dtheta, got {kind_of(pulled)}"
    for part, at, back in zip(("in x", "in θ"), (x, getattr(F, "theta", np.zeros(0))), pulled, strict=True):
        if np.shape(back) != at.shape and (at.size or np.size(back)):
            lost = "" if at.size else ": were the parameters given to own(…)?"
            return y, w, pulled, f"{part} the pullback has shape {np.shape(back)}, needed is {at.shape}{lost}"
    return y, w, pulled, ""


def kind_of(value):
    if isinstance(value, tuple):
        return f"({', '.join(type(entry).__name__ for entry in value)})"
    return "None: is there a return?" if value is None else f"one {type(value).__name__}"


def value(F, x, y, limit=1e-12):
    """F(x) against the values y that it should have: the largest difference."""
    if not callable(F) or isinstance(F, type):
        raise TypeError(f"a check takes a map, or a function of states, got {F!r}")
    found, y = np.asarray(F(x)), array(y, "y must be an array")
    if found.shape != np.shape(y) or found.dtype.kind not in "fiu":
        detail = f"F(x) has shape {found.shape} and dtype {found.dtype}, needed are numbers of shape {np.shape(y)}"
        return Check(f"value of {name_of(F)}", np.inf, limit, detail)
    detail = f"F(x) is {np.array2string(found.ravel()[:4], precision=4)}, needed is {np.array2string(np.ravel(y)[:4], precision=4)}"
    return Check(f"value of {name_of(F)}", np.max(np.abs(found - y), initial=0.0), limit, detail)


def tangent(F, x, rng=0, limit=1e-7):
    """Jv of F.jvp against a central difference quotient of F, in x and in θ: the larger relative error."""
    x, rng = points_of(F, x), generator(rng)
    worst = Check(f"tangent of {name_of(F)}", 0.0, limit)
    for part, at in (("in x", x), ("in θ", getattr(F, "theta", np.zeros(0)))):
        if at.size:
            v = rng.normal(size=at.shape)
            Jv, (quotient, _) = jvp_of(F, x, v, part), difference_quotient(F, x, v, part)
            error = np.linalg.norm(Jv - quotient) / max(np.linalg.norm(quotient), TINY)
            if not error <= worst.measured:
                worst = Check(worst.name, error, limit, part)
    return worst


def taylor(F, x, rng=0, limit=0.1):
    """max(0, 2 − p), p the order in ε of R(ε) = |J(x + εv, θ + εu) − J(x, θ) − ε⟨∇J, (v, u)⟩|, J = ⟨w, F(x; θ)⟩, ∇J by F.vjp.

    A gradient with any mistake leaves order one; where the second derivative vanishes the order is more than two. The check
    has `eps`, (n,), and `remainders`, and `table()` prints them with the order from each to the next; rounding ends the
    table. x: (..., d), away from kinks; directions drawn with `rng`.
    """
    x, rng, theta = points_of(F, x), generator(rng), np.array(getattr(F, "theta", np.zeros(0)))
    name, v, u = f"Taylor test of {name_of(F)}", rng.normal(size=x.shape), rng.normal(size=theta.shape)
    y, w, pulled, problem = opened(F, x, rng)
    if problem:
        return Check(name, np.inf, limit, problem)
    point, direction = np.concatenate([x.ravel(), theta]), np.concatenate([v.ravel(), u])
    scale = (np.abs(point).max() or 1.0) / np.abs(direction).max()
    slope = (pulled[0] * v).sum() + (np.ravel(pulled[1]) * u).sum()
    rounding, eps, remainders = 100 * EPS * np.abs(w * y).sum(), [], []
    try:
        for step in 0.1 * scale * 0.5 ** np.arange(24):
            if theta.size:
                F.theta = theta + step * u
            R = abs((w * (F(x + step * v) - y)).sum() - step * slope)
            if R <= rounding:
                break
            eps.append(step)
            remainders.append(R)
    finally:
        if theta.size:
            F.theta = theta
    orders = np.diff(np.log(remainders)) / np.diff(np.log(eps))
    if len(eps) < 4:  # a remainder of 800 rounding errors at most
        check = Check(name, 0.0, limit, "the remainder is rounding: F is linear, or nearly")
    else:
        p = np.median(orders[-3:])  # the smallest steps: the gradient's own error shows there
        check = Check(name, np.maximum(0.0, 2 - p), limit, f"remainder of order {p:.2f}, needed is 2")
    check.eps, check.remainders, check.orders = np.array(eps), np.array(remainders), orders
    check.table = lambda: "\n".join(
        f"{e:10.2e}  {R:10.2e}  {'' if j == 0 else f'{orders[j - 1]:6.2f}'}"
        for j, (e, R) in enumerate(zip(eps, remainders, strict=True))
    )
    return check


def duality(F, x, steps=100, rng=0, limit=1e-14):
    """max_k |λ_kᵀδ_k − λ_0ᵀδ_0|/(‖λ_k‖‖δ_k‖) over x_k = F(x_{k−1}): the tangent δ forward by jvp, the adjoint λ back by vjp.

    Their product is the same at every step, since ⟨λ, F′δ⟩ = ⟨F′ᵀλ, δ⟩: a check of the pair, step by step. F: ℝᵈ → ℝᵈ.
    """
    x, rng, steps, name = (
        points_of(F, x),
        generator(rng),
        dimension(steps, "steps"),
        f"duality of {name_of(F)}",
    )
    if np.shape(F(x)) != x.shape:
        return Check(
            name, np.inf, limit, f"F maps {x.shape} to {np.shape(F(x))}: it must return to the space it starts from"
        )
    deltas, pullbacks = [rng.normal(size=x.shape)], []
    for _ in range(steps):
        deltas.append(F.jvp(x, deltas[-1])[1])
        x, pullback = F.vjp(x)
        pullbacks.append(pullback)
    lam = rng.normal(size=np.shape(x))
    products, sizes = [(lam * deltas[-1]).sum()], [np.linalg.norm(lam) * np.linalg.norm(deltas[-1])]
    for pullback, delta in zip(reversed(pullbacks), reversed(deltas[:-1]), strict=True):
        lam = pullback(lam)[0]
        products.append((lam * delta).sum())
        sizes.append(np.linalg.norm(lam) * np.linalg.norm(delta))
    error = np.max(np.abs(np.array(products) - products[-1]) / np.maximum(sizes, TINY))
    return Check(name, error, limit, f"λᵀδ over {steps} steps")


def activation(sigma, limit=1e-7):
    """σ′ against difference quotients of σ, γ′ against σ, slope_min ≤ σ′ ≤ slope_max, σ and γ without jumps, σ(±1e300): the worst error.

    sigma: an object with σ(z) and `slope(z)`; `primitive`, `value_and_slope`, `slope_min` and `slope_max` are checked where it
    has them. Points are 4001 between −20 and 20, none of them a round number, as kinks usually are.
    """
    if isinstance(sigma, type):
        raise TypeError(f"a check takes an object: write {sigma.__name__}(), not {sigma.__name__}")
    if not callable(sigma):
        raise TypeError(f"an activation has σ(z) and slope(z), but {sigma!r} has not")
    limit, name, z = number(limit), f"activation {name_of(sigma)}", np.linspace(-20, 20, 4001) + 0.00371
    if not callable(getattr(sigma, "slope", None)):
        return Check(name, np.inf, limit, "slope(z) is missing")
    for function, what in ((sigma, "σ(z)"), (sigma.slope, "slope(z)")):
        if np.shape(function(z)) != z.shape:
            return Check(
                name, np.inf, limit, f"{what} has shape {np.shape(function(z))}, needed is that of z, {z.shape}"
            )
        if not np.isfinite(function(z)).all():
            return Check(name, np.inf, limit, f"{what} is not finite at z = {z[~np.isfinite(function(z))][0]:.4g}")
    slope, parts = sigma.slope(z), []  # (error, words)

    def error_of_derivative(words, f, found, is_f=False):
        """The worst error of `found` as f′, or of f where `found` is right; and a jump of f."""
        quotient, error = slope_of(f, z, found)
        size, k = max(1, np.abs(found).max()), np.argmax(error)
        wrong, right = (quotient, found) if is_f else (found, quotient)
        c = (wrong @ right) / max(right @ right, TINY)
        remark = f"; worst at z = {z[k]:.4g}"
        if abs(c - 1) > 1e-4 and right.any() and near(wrong, c * right, right):
            remark = f"; it is {c:.6g} times what it should be" if abs(c + 1) > 1e-4 else "; the sign is wrong"
        parts.append((error[k] / size, words + remark * bool(not error[k] / size <= limit)))
        jump, at = largest_jump(f, z)
        parts.append((jump, f"jumps of {'γ' if is_f else 'σ'}, the largest at z = {at:.4g}"))

    error_of_derivative("σ′ against differences of σ", sigma, slope)
    if hasattr(sigma, "primitive"):
        error_of_derivative("γ′ against σ", sigma.primitive, sigma(z), is_f=True)
    if hasattr(sigma, "value_and_slope"):
        both = [np.abs(a - b).max() for a, b in zip(sigma.value_and_slope(z), (sigma(z), slope), strict=True)]
        parts.append((max(both), "value_and_slope against σ and σ′"))
    low, high = getattr(sigma, "slope_min", None), getattr(sigma, "slope_max", None)
    if (low is None) != (high is None):
        parts.append((np.inf, f"slope_{'min' if low is None else 'max'} is missing beside the other bound"))
    elif low is not None:
        found = f"slope_min = {low:g} ≤ σ′ ≤ slope_max = {high:g}, found from {slope.min():.4g} to {slope.max():.4g}"
        parts.append((np.max([0.0, low - slope.min(), slope.max() - high]), found))
        far = np.array([-1e300, -1e200, -1e100, -20, 20, 1e100, 1e200, 1e300])
        with np.errstate(all="ignore"):
            s, dz = sigma(far), np.diff(far)
            excess = np.maximum(low * dz - np.diff(s), np.diff(s) - high * dz) / np.maximum(
                np.abs(s[1:]) + np.abs(s[:-1]), TINY
            )
        parts.append((np.max([0.0, *excess]), "the bounds of the slope allow σ up to |z| = 1e300"))
    with np.errstate(all="ignore"):
        far = np.array([sigma(np.array([-1e300, 1e300])), sigma.slope(np.array([-1e300, 1e300]))])
    parts.append((0.0 if np.isfinite(far).all() else np.inf, "σ and σ′ at ±1e300 are finite"))
    error, words = next((part for part in parts if not part[0] <= limit), max(parts))
    return Check(name, error, limit, words)


def slope_of(f, z, near_to):
    """f′(z) by Richardson's (4D(ε/2) − D(ε))/3, D(ε) = (f(z + ε) − f(z − ε))/2ε, and its distance from `near_to`: at each
    point the ε, out of seven, for which that is least. So points near a kink, and steep functions, take a small one."""
    best, distance = np.full_like(z, np.nan), np.full_like(z, np.inf)
    for eps in 0.02 / 8.0 ** np.arange(7):
        D, half = ((f(z + e) - f(z - e)) / ((z + e) - (z - e)) for e in (eps, eps / 2))
        quotient = (4 * half - D) / 3
        less = np.abs(quotient - near_to) < distance
        best[less], distance[less] = quotient[less], np.abs(quotient - near_to)[less]
    return best, distance


def largest_jump(f, z):
    """The largest increment of f, relative to max(1, |f|), that is left when the intervals between the points z are halved
    36 times, each time to the half with the larger increment; and where."""
    a, b = z[:-1], z[1:]
    for _ in range(36):
        m = (a + b) / 2
        f_a, f_m, f_b = f(a), f(m), f(b)
        left = np.abs(f_m - f_a) > np.abs(f_b - f_m)
        a, b = np.where(left, a, m), np.where(left, m, b)
    jumps = np.abs(f(b) - f(a)) / np.maximum(1, np.abs(f(a)))
    k = np.argmax(jumps)
    return jumps[k], b[k]


def loss(J, y, target, limit=1e-6):
    """∂J/∂y by `J.vjp(y, target)` → value, dy against difference quotients of J(y, target): ‖error‖ over ‖∂J/∂y‖ plus the
    quotients' rounding. y: (..., K), away from kinks."""
    if isinstance(J, type):
        raise TypeError(f"a check takes an object: write {J.__name__}(), not {J.__name__}")
    if not callable(J) or not hasattr(J, "vjp") or isinstance(J, Map):
        raise TypeError(f"a loss has J(y, target) and J.vjp(y, target), but {J!r} has not")
    y, limit, name = real_numbers(y, "a check of a loss needs"), number(limit), f"loss {name_of(J)}"
    pair = J.vjp(y, target)
    if not (isinstance(pair, tuple) and len(pair) == 2):
        return Check(name, np.inf, limit, "vjp(y, target) must return the pair value, dy")
    value, dy = pair
    if np.ndim(value) or not abs(value - J(y, target)) <= 1e-12 * max(1.0, abs(value)):
        return Check(name, np.inf, limit, "J.vjp(y, target) and J(y, target) give different values, or no number")
    if np.shape(dy) != y.shape:
        return Check(name, np.inf, limit, f"∂J/∂y has shape {np.shape(dy)}, needed is that of y, {y.shape}")
    step = 1e-6 * max(1.0, np.abs(y).max())
    quotients = [
        (J(y + step * e.reshape(y.shape), target) - J(y - step * e.reshape(y.shape), target)) / (2 * step)
        for e in np.eye(y.size)
    ]
    true, dy, rounding = np.array(quotients), np.ravel(dy), 4 * EPS * abs(value) * y.size**0.5 / step
    error = np.linalg.norm(dy - true) / max(np.linalg.norm(true) + rounding / max(limit, TINY), TINY)
    check = Check(name, error, limit, "∂J/∂y against differences")
    if not check.passed:
        K = y.shape[-1]
        n = y.size // K
        counts = {f"the batch of {n}": n, f"all {y.size} entries": y.size, f"a row of {K}": K}
        check.detail += f"; {words_for(dy, true, factors_of_a_mean(counts), y.shape)}"
    return check


def gradient(I, x, limit=1e-7):
    """∇I against difference quotients of I, and ∇²I v against those of ∇I: the larger relative error, worst of the batch.

    I: an invariant, with I(x), I.gradient(x) and I.hvp(x, v), (..., d) → (...), (..., d) and (..., d).
    """
    x, limit, name = points_of(invariant_object(I), x), number(limit), f"gradient of {name_of(I)}"
    if np.shape(I(x)) != x.shape[:-1]:
        return Check(
            name, np.inf, limit, f"I(x) has shape {np.shape(I(x))}, needed is {x.shape[:-1]}: sum over the last axis"
        )
    v = np.random.default_rng(0).normal(size=x.shape)
    worst = Check(name, 0.0, limit)
    slope = (np.asarray(I.gradient(x)) * v).sum(axis=-1)
    for part, Jv, f in (("∇I", slope, I), ("∇²I v", np.asarray(I.hvp(x, v)), I.gradient)):
        quotient, rounding = difference_quotient(f, x, v, "in x")
        if np.shape(Jv) != np.shape(quotient):
            return Check(name, np.inf, limit, f"{part} has shape {np.shape(Jv)}, needed is {np.shape(quotient)}")
        size = np.linalg.norm(quotient) + rounding / max(limit, TINY)
        error = np.linalg.norm(Jv - quotient) / max(size, TINY)
        if not error <= worst.measured:
            worst = Check(name, error, limit, f"{part} against differences")
    return worst
