"""Is the derivative right? Adjoints, tangents, slopes, gradients, against something that was not written by hand."""

import numpy as np

from ..maps import dimension
from .check import EPS, TINY, Check, difference_quotient, jvp_of, name_of, points_of, tangent_or_quotient
from .tutor import diagnosis, near, words_for


def adjoint(F, x, rng=0, limit=1e-12):
    """⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for the Jacobian J in x and in θ: the error, relative to ‖w‖‖Jv‖.

    Jᵀw is from F.vjp. Jv is from F.jvp, if F has one and it agrees with a difference quotient of F; otherwise it is
    that quotient, and the limit is what a quotient can tell, 1e-6. So a vjp and a jvp with the same mistake do not
    pass. x: array (..., d), away from kinks; rng: directions v and w are drawn with it.
    """
    x, rng, name = points_of(F, x), np.random.default_rng(rng), f"adjoint of {name_of(F)}"
    y, pullback = F.vjp(x)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return Check(name, np.nan, limit, "x or F(x) is not finite")
    if not np.shape(y) == np.shape(F(x)) or not np.linalg.norm(y - F(x)) <= 1e-12 * max(1.0, np.linalg.norm(y)):
        return Check(name, np.inf, limit, "vjp(x) and F(x) give different values")
    w, theta = rng.normal(size=np.shape(y)), getattr(F, "theta", np.zeros(0))
    pulled = pullback(w)
    if not (isinstance(pulled, tuple) and len(pulled) == 2):
        return Check(name, np.inf, limit, "pullback(w) must return the pair dx, dtheta")
    worst = Check(name, -1.0, limit)
    for part, at, back in (("in x", x, pulled[0]), ("in θ", theta, pulled[1])):
        if np.shape(back) != at.shape and (at.size or np.size(back)):
            lost = "" if at.size else ": were the parameters given to own(…)?"
            detail = f"{part} the pullback has shape {np.shape(back)}, needed is {at.shape}{lost}"
            return Check(name, np.inf, limit, detail)
        if at.size:
            v = rng.normal(size=at.shape)
            Jv, source = tangent_or_quotient(F, x, v, part)
            error = abs((w * Jv).sum() - (back * v).sum()) / max(np.linalg.norm(w) * np.linalg.norm(Jv), TINY)
            check = Check(name, error, limit if source == "jvp" else max(limit, 1e-6), f"{part}, Jv from {source}")
            if not check.passed:
                check.detail += "; " + diagnosis(F, x, w, part, back)
            worst = max(
                worst, check, key=lambda c: c.measured / max(c.limit, TINY) if c.measured == c.measured else np.inf
            )
    return worst


def tangent(F, x, rng=0, limit=1e-7):
    """Jv of F.jvp against a central difference quotient of F, in x and in θ: the larger relative error."""
    x, rng = points_of(F, x), np.random.default_rng(rng)
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
    """|observed − 2|, the order in ε of R(ε) = |J(x + εv, θ + εu) − J(x, θ) − ε⟨∇J, (v, u)⟩|, J = ⟨w, F(x; θ)⟩, ∇J by F.vjp.

    A gradient with any mistake leaves order one. The check has `eps`, (n,), and `remainders`, and `table()` prints them with
    the order from each to the next; rounding ends the table. x: (..., d), away from kinks; directions drawn with `rng`.
    """
    x, rng, theta = points_of(F, x), np.random.default_rng(rng), np.array(getattr(F, "theta", np.zeros(0)))
    y, pullback = F.vjp(x)
    v, u, w = rng.normal(size=x.shape), rng.normal(size=theta.shape), rng.normal(size=np.shape(y))
    point, direction = np.concatenate([x.ravel(), theta]), np.concatenate([v.ravel(), u])
    scale = (np.abs(point).max() or 1.0) / np.abs(direction).max()
    dx, dtheta = pullback(w)
    slope = (dx * v).sum() + (np.ravel(dtheta) * u).sum()
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
    orders = np.diff(np.log(remainders)) / np.diff(np.log(eps)) if len(eps) > 1 else np.full(1, np.inf)
    k = max(0, len(orders) - 3)  # the last ones touch rounding, the first are not asymptotic
    observed = orders[k] if len(eps) > 1 else np.nan
    check = Check(
        f"Taylor test of {name_of(F)}", abs(observed - 2), limit, f"remainder of order {observed:.2f}, needed is 2"
    )
    if not eps:
        check.measured, check.detail = 0.0, "the remainder is rounding: F is linear"
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
    x, rng, steps = points_of(F, x), np.random.default_rng(rng), dimension(steps, "steps")
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
    return Check(f"duality of {name_of(F)}", error, limit, f"λᵀδ over {steps} steps")


def activation(sigma, limit=1e-7):
    """σ′ against difference quotients of σ, γ′ against σ, slope_min ≤ σ′ ≤ slope_max, and σ(±1e300): the worst error.

    sigma: an object with σ(z) and `slope(z)`; `primitive`, `value_and_slope`, `slope_min` and `slope_max` are checked where it
    has them. Points are 4001 between −20 and 20, without those where the quotients from left and right differ (kinks).
    """
    if isinstance(sigma, type):
        raise TypeError(f"a check takes an object: write {sigma.__name__}(), not {sigma.__name__}")
    name, z, step = f"activation {name_of(sigma)}", np.linspace(-20, 20, 4001) + 0.00371, 1e-5
    for function, what in ((sigma, "σ(z)"), (getattr(sigma, "slope", None), "slope(z)")):
        if not callable(function):
            return Check(name, np.inf, limit, f"{what} is missing")
        if np.shape(function(z)) != z.shape:
            return Check(
                name, np.inf, limit, f"{what} has shape {np.shape(function(z))}, needed is that of z, {z.shape}"
            )

    def error_of_derivative(f, slope):
        left, right = (f(z) - f(z - step)) / step, (f(z + step) - f(z)) / step
        smooth = np.abs(right - left) < 1e-3 * (1 + np.abs(left))
        difference, quotient = (slope - (left + right) / 2)[smooth], ((left + right) / 2)[smooth]
        return np.abs(difference).max() / max(1, np.abs(slope).max()), slope[smooth], quotient

    slope = sigma.slope(z)
    parts = [("σ′ against differences of σ", error_of_derivative(sigma, slope))]
    if hasattr(sigma, "primitive"):
        error, value, quotient = error_of_derivative(sigma.primitive, sigma(z))
        parts.append(("γ′ against σ", (error, quotient, value)))  # γ is what is in question, not σ
    if hasattr(sigma, "value_and_slope"):
        both = [np.abs(a - b).max() for a, b in zip(sigma.value_and_slope(z), (sigma(z), slope), strict=True)]
        parts.append(("value_and_slope against σ and σ′", (max(both), None, None)))
    if getattr(sigma, "slope_min", None) is not None:
        excess = max(0.0, sigma.slope_min - slope.min(), slope.max() - sigma.slope_max)
        found = f"slope_min = {sigma.slope_min:g} ≤ σ′ ≤ slope_max = {sigma.slope_max:g}, found from {slope.min():.4g} to {slope.max():.4g}"
        parts.append((found, (excess, None, None)))
    with np.errstate(all="ignore"):
        far = np.array([sigma(np.array([-1e300, 1e300])), sigma.slope(np.array([-1e300, 1e300]))])
    parts.append(("σ and σ′ at ±1e300 are finite", (0.0 if np.isfinite(far).all() else np.inf, None, None)))
    wrong = [part for part in parts if not part[1][0] <= limit]
    detail, (error, found, true) = wrong[0] if wrong else max(parts, key=lambda part: part[1][0])
    check = Check(name, error, limit, detail)
    if not check.passed and found is not None:
        c = (found @ true) / max(true @ true, TINY)
        if near(found, c * true, true) and true.any():
            check.detail += f"; it is {c:.6g} times what it should be" if abs(c + 1) > 1e-4 else "; the sign is wrong"
    return check


def loss(J, y, target, limit=1e-6):
    """∂J/∂y by `J.vjp(y, target)` → value, dy against difference quotients of J(y, target), relative. y: (..., K), away from kinks."""
    if isinstance(J, type):
        raise TypeError(f"a check takes an object: write {J.__name__}(), not {J.__name__}")
    y, name = np.asarray(y, float), f"loss {name_of(J)}"
    value, dy = J.vjp(y, target)
    if np.ndim(value) or not abs(value - J(y, target)) <= 1e-12 * max(1.0, abs(value)):
        return Check(name, np.inf, limit, "J.vjp(y, target) and J(y, target) give different values, or no number")
    if np.shape(dy) != y.shape:
        return Check(name, np.inf, limit, f"∂J/∂y has shape {np.shape(dy)}, needed is that of y, {y.shape}")
    step = 1e-6 * max(1.0, np.abs(y).max())
    quotients = [
        (J(y + step * e.reshape(y.shape), target) - J(y - step * e.reshape(y.shape), target)) / (2 * step)
        for e in np.eye(y.size)
    ]
    true, dy = np.array(quotients), np.ravel(dy)
    check = Check(name, np.linalg.norm(dy - true) / max(np.linalg.norm(true), TINY), limit, "∂J/∂y against differences")
    if not check.passed:
        check.detail += f"; {words_for(dy, true, J, y, y.shape)}"
    return check


def gradient(I, x, limit=1e-7):
    """∇I against difference quotients of I, and ∇²I v against those of ∇I: the larger relative error, worst of the batch.

    I: an invariant, with I(x), I.gradient(x) and I.hvp(x, v), (..., d) → (...), (..., d) and (..., d).
    """
    x, name = points_of(I, x), f"gradient of {name_of(I)}"
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
        size = np.linalg.norm(quotient) + rounding / limit
        error = np.linalg.norm(Jv - quotient) / max(size, TINY)
        if not error <= worst.measured:
            worst = Check(name, error, limit, f"{part} against differences")
    return worst
