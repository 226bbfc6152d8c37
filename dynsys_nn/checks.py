"""What a student runs on a map, a field or a method of their own: is the adjoint right, the order, the structure?

Each check measures one number and compares it with a limit; `print(check)` gives one aligned line and
`check.require()` raises with that line. Difference quotients appear here, as the independent measurement, and nowhere
else in the package.
"""

import itertools

import numpy as np

from .fields import Field, KnownField
from .flows import exact_flow
from .maps import Map, dimension

__all__ = [
    "Check", "activation", "adjoint", "curl_free", "duality", "gradient", "inverse", "invariant", "lipschitz", "loss", "order", "orthogonal_to_x", "symplectic", "tangent", "taylor", "volume",
]  # fmt: skip
EPS, TINY = np.finfo(float).eps, np.finfo(float).tiny


class Check:
    """`measured` against `limit`. Passed where measured ≤ limit (a NaN fails)."""

    def __init__(self, name, measured, limit, detail=""):
        self.name, self.measured, self.limit, self.detail = name, float(measured), float(limit), detail

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


def adjoint(F, x, rng=0, limit=1e-12):
    """⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for the Jacobian J in x and in θ: the error, relative to ‖w‖‖Jv‖.

    Jᵀw is from F.vjp. Jv is from F.jvp, if F has one and it agrees with a difference quotient of F; otherwise it is
    that quotient, and the limit is what a quotient can tell, 1e-6. So a vjp and a jvp with the same mistake do not
    pass. x: array (..., d), away from kinks; rng: directions v and w are drawn with it.
    """
    x, rng, name = _points(F, x), np.random.default_rng(rng), f"adjoint of {_name(F)}"
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
            Jv, exact = _tangent(F, x, v, part)
            error = abs((w * Jv).sum() - (back * v).sum()) / max(np.linalg.norm(w) * np.linalg.norm(Jv), TINY)
            written = hasattr(F, "jvp") and getattr(type(F), "jvp", None) is not Map.jvp
            source = "jvp" if exact else "differences" + (": the jvp DISAGREES, run checks.tangent" if written else "")
            check = Check(name, error, limit if exact else max(limit, 1e-6), f"{part}, Jv from {source}")
            if not check.passed:
                check.detail += "; " + _diagnosis(F, x, w, part, back)
            worst = max(
                worst, check, key=lambda c: c.measured / max(c.limit, TINY) if c.measured == c.measured else np.inf
            )
    return worst


def _diagnosis(F, x, w, part, found):
    """What a tutor would say of a wrong pullback: which piece of it, by which factor, and what that looks like."""
    size = x.size if part == "in x" else F.theta.size
    if size > 2000:
        return "take a smaller map and batch to see where"
    if not np.isfinite(found).all():
        return "it is not finite"

    def true(x, w):
        return np.array([(w * _column(F, x, e, part)).sum() for e in np.eye(x.size if part == "in x" else size)])

    right = true(x, w)
    if part == "in x":
        return f"dx: {_words_for_dx(found.ravel(), right, F, x, w)}"
    at, said = _places(F), {}
    wrong = [name for name in at if not _near(found[at[name]], right[at[name]], right)]
    for name, other in itertools.permutations(wrong, 2):
        a, b = right[at[name]], right[at[other]]
        if a.shape == b.shape and _near(found[at[name]], b, right) and not _near(a, b, right):
            return f"the gradients of {name} and {other} are exchanged"
    for name in wrong:
        words = _words(
            found[at[name]], right[at[name]], F, x, F.parameters[name].shape if hasattr(F, "parameters") else (size,)
        )
        if x.ndim > 1 and "no multiple" in words:
            for k, which in ((0, "first"), (-1, "last")):
                if _near(found[at[name]], true(x[[k]], w[[k]])[at[name]], right):
                    words = f"it is that of the {which} sample alone: sum over the batch"
        said.setdefault(words, []).append(name)
    return (
        "; ".join(f"the gradient of {' and '.join(names)}: {words}" for words, names in said.items())
        or "in a small entry"
    )


def _places(F):
    """name → slice of θ, for each parameter of F."""
    if not hasattr(F, "parameters"):
        return {"θ": slice(0, F.theta.size)}
    starts = {name: (view.ctypes.data - F.theta.ctypes.data) // F.theta.itemsize for name, view in F.parameters.items()}
    return {name: slice(start, start + F.parameters[name].size) for name, start in starts.items()}


def _column(F, x, e, part):
    """∂F in the direction of a unit vector of x or θ: from the jvp, if it is right there, else a difference quotient."""
    return _tangent(F, x, e.reshape(x.shape) if part == "in x" else e, part)[0]


def _near(found, true, scale):
    return np.linalg.norm(found - true) <= 1e-5 * (np.linalg.norm(scale) + TINY)


def _words(found, true, F, x, shape):
    """What is wrong with a gradient of the given shape; both flat."""
    n, h = max(1, x[..., 0].size), getattr(F, "h", None)
    if np.linalg.norm(found) <= 1e-12 * np.linalg.norm(true):
        return "it is zero"
    if np.linalg.norm(true) <= 1e-12 * np.linalg.norm(found):
        return "it should be zero"
    c = (found @ true) / (true @ true)
    if _near(found, c * true, true):
        factors = {"": 1.0}
        if n > 1:
            factors |= {
                f"a mean over the batch of {n} instead of a sum": 1 / n,
                f"{n} times too much, the size of the batch": float(n),
            }
        if isinstance(h, float | int) and abs(h) != 1:
            factors |= {f"a factor h = {h:g} is missing": 1 / h, f"one factor h = {h:g} too many": h}
        for words, factor in factors.items():
            if abs(abs(c / factor) - 1) < 1e-4:
                remarks = [words, "the sign is wrong" if c / factor < 0 else ""]
                return ", and ".join(filter(None, remarks))
        return f"it is {c:.6g} times what it should be"
    if len(shape) == 2 and min(shape) > 1:
        turned = true.reshape(shape).T.ravel()
        for words, other in (("it is transposed", turned), ("it is transposed, and the sign is wrong", -turned)):
            if _near(found, other, true):
                return words
    if _near(
        found.reshape(-1, shape[-1])[:, ::-1].ravel() if len(shape) != 2 else found.reshape(shape)[::-1].ravel(),
        true,
        true,
    ):
        return "its entries are in reverse order"
    off = np.linalg.norm(found - true) / np.linalg.norm(true)
    cosine = (found @ true) / (np.linalg.norm(found) * np.linalg.norm(true))
    hint = "a term is missing or too many" if cosine > 0.5 else "look for a transpose, a slope or an index"
    return f"off by {100 * off:.3g} %, no multiple of what it should be: {hint}"


def _words_for_dx(found, true, F, x, w):
    """The same for dx, which may have the covector w itself as a term, as for a step x + hX(x)."""
    words = _words(found, true, F, x, x.shape[-1:])
    if "no multiple" not in words:
        return words
    if np.shape(w) != x.shape:
        return words
    w = np.ravel(w)
    for remark, term in (("the term w itself is missing", -w), ("the term w itself is one too many", w)):
        if _near(found, true + term, true):
            return remark
    matrices = [
        P for P in getattr(F, "parameters", {}).values() if P.ndim == 2 and P.shape[0] == P.shape[1] == x.shape[-1] > 1
    ]
    for direct, beside in ((0 * w, ""), (w, "beside w, ")):
        inner = _words(found - direct, true - direct, F, x, x.shape[-1:])
        if direct.any() and "no multiple" not in inner and "should be zero" not in inner:
            return beside + inner
        for P in matrices:  # true = uP, found = uPᵀ
            turned = np.linalg.lstsq(P.T, (true - direct).reshape(-1, len(P)).T, rcond=None)[0].T @ P.T
            for words_sign, sign in (("", 1), (", and the sign is wrong", -1)):
                if _near(found - direct, sign * turned.ravel(), true):
                    return f"{beside}a matrix should be transposed{words_sign}"
    forward = np.ravel(
        _jvp(F, x, w.reshape(x.shape), "in x") if _has_jvp(F, x) else _quotient(F, x, w.reshape(x.shape), "in x")[0]
    )
    return "it is F′w and not F′ᵀw: a matrix should be transposed" if _near(found, forward, true) else words


def _has_jvp(F, x):
    try:
        F.jvp(x, np.zeros_like(x))
    except (AttributeError, NotImplementedError):
        return False
    return True


def taylor(F, x, rng=0, limit=0.1):
    """|observed − 2|, the order in ε of R(ε) = |J(x + εv, θ + εu) − J(x, θ) − ε⟨∇J, (v, u)⟩|, J = ⟨w, F(x; θ)⟩, ∇J by F.vjp.

    A gradient with any mistake leaves order one. The check has `eps`, (n,), and `remainders`, and `table()` prints them with
    the order from each to the next; rounding ends the table. x: (..., d), away from kinks; directions drawn with `rng`.
    """
    x, rng, theta = _points(F, x), np.random.default_rng(rng), np.array(getattr(F, "theta", np.zeros(0)))
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
        f"Taylor test of {_name(F)}", abs(observed - 2), limit, f"remainder of order {observed:.2f}, needed is 2"
    )
    if not eps:
        check.measured, check.detail = 0.0, "the remainder is rounding: F is linear"
    check.eps, check.remainders, check.orders = np.array(eps), np.array(remainders), orders
    check.table = lambda: "\n".join(
        f"{e:10.2e}  {R:10.2e}  {'' if j == 0 else f'{orders[j - 1]:6.2f}'}"
        for j, (e, R) in enumerate(zip(eps, remainders, strict=True))
    )
    return check


def tangent(F, x, rng=0, limit=1e-7):
    """Jv of F.jvp against a central difference quotient of F, in x and in θ: the larger relative error."""
    x, rng = _points(F, x), np.random.default_rng(rng)
    worst = Check(f"tangent of {_name(F)}", 0.0, limit)
    for part, at in (("in x", x), ("in θ", getattr(F, "theta", np.zeros(0)))):
        if at.size:
            v = rng.normal(size=at.shape)
            Jv, (quotient, _) = _jvp(F, x, v, part), _quotient(F, x, v, part)
            error = np.linalg.norm(Jv - quotient) / max(np.linalg.norm(quotient), TINY)
            if not error <= worst.measured:
                worst = Check(worst.name, error, limit, part)
    return worst


def order(method, field, x, t=1.0, limit=0.05, finest=4096):
    """|observed − claimed| order on ẋ = field(x) up to time t: log₂ of the ratio of errors, finest doubling above 1e-11
    and of at most `finest` steps.

    method: an object with `order` and `step(field, x, h)`; field: a map or a function of states; x: array (..., d).
    The reference is `exact_flow`.
    """
    if isinstance(method, type):
        raise TypeError(f"method must be an object: write {method.__name__}(), not {method.__name__}")
    if getattr(method, "order", None) is None:
        raise ValueError(f"{_name(method)} claims no order: set `order`")
    name, finest = f"order of {_name(method)}", dimension(finest, "finest")
    if finest < 8:
        raise ValueError(f"finest must be at least 8, so that there is a doubling, got {finest}")
    x = _points(field, x)
    field = field if isinstance(field, Map) else KnownField(field, x.shape[-1])
    exact, errors, n = exact_flow(field, x, t), [], 4
    while n <= finest and (len(errors) < 2 or errors[-1] > 1e-11):
        y = x
        with np.errstate(over="ignore", invalid="ignore"):  # the coarsest steps may blow up
            for _ in range(n):
                y = method.step(field, y, t / n)
            errors.append(np.max(np.abs(y - exact)))
        n *= 2
    usable = [e for e in errors if 1e-11 < e < np.inf]
    if len(usable) < 2:
        advice = (
            "errors are at rounding: take a larger t" if errors[-1] < np.inf else "the steps blow up: take a smaller t"
        )
        return Check(name, np.inf, limit, advice)
    observed = np.log2(usable[-2] / usable[-1])
    return Check(name, abs(observed - method.order), limit, f"observed {observed:.3f}, claimed {method.order}")


def volume(F, x, limit=None):
    """max |det F′(x) − 1| over the batch. The limit, unless given, is 1e-12, or 10 · 2.2e-16 · κ₂(F′) if more (to 1e-2).

    The Jacobian is F.jacobian(x), or where F has none by difference quotients (limit 1e-7).
    """
    x, name = _points(F, x), f"volume of {_name(F)}"
    J, least, source = _jacobian(F, x, 1e-12)
    if J is None:
        return Check(name, np.inf, least, WRONG_JACOBIAN)
    if J.shape[-1] != J.shape[-2]:
        return Check(name, np.inf, least, f"F′ has shape {J.shape[-2:]}: volume is for maps of a space to itself")
    if not np.isfinite(J).all():
        return Check(name, np.inf, least, "F′ is not finite")
    kappa = np.max(np.linalg.cond(J))
    if limit is None:
        limit = min(max(least, 10 * EPS * kappa), 1e-2)
    detail = f"|det F′ − 1|, κ₂(F′) = {kappa:.1e}{source}"
    return _if_it_is_a_step(F, Check(name, np.max(np.abs(np.linalg.det(J) - 1)), limit, detail))


def symplectic(F, x, limit=1e-12):
    """max ‖DᵀJD − J‖/‖D‖² over the batch, D = F′(x), J = [[0, I], [−I, 0]], Frobenius norms; states are (q, p), q first.

    D is F.jacobian(x), or where F has none by difference quotients (limit 1e-7).
    """
    x, name = _points(F, x), f"symplectic form of {_name(F)}"
    D, limit, source = _jacobian(F, x, limit)
    if D is None:
        return Check(name, np.inf, limit, WRONG_JACOBIAN)
    n, odd = divmod(x.shape[-1], 2)
    if D.shape[-1] != D.shape[-2] or odd:
        return Check(name, np.inf, limit, f"F′ has shape {D.shape[-2:]}: it must be square, of even dimension")
    J = np.kron([[0, 1], [-1, 0]], np.eye(n))

    size = np.linalg.norm(D, axis=(-2, -1))

    def gap(J, image):
        difference = D.swapaxes(-1, -2) @ J @ D - image
        return np.max(np.linalg.norm(difference, axis=(-2, -1)) / np.maximum(size**2, TINY))

    measured, detail = gap(J, J), f"‖DᵀJD − J‖/‖D‖², ‖D‖ = {np.max(size):.1e}{source}"
    pairs = np.kron(np.eye(n), [[0, 1], [-1, 0]])
    if not measured <= limit:
        if gap(J, -J) <= limit:
            detail = "DᵀJD = −J: anti-symplectic, look for a sign"
        elif gap(pairs, pairs) <= limit:
            detail = "symplectic for states (q₁, p₁, q₂, p₂, …): put all of q first"
    return _if_it_is_a_step(F, Check(name, measured, limit, detail))


def orthogonal_to_x(X, x, limit=1e-12):
    """max |xᵀX(x)|/(‖x‖‖X(x)‖) over the batch: at rounding where the field X preserves spheres."""
    x = _points(X, x)
    y = np.asarray(X(x))
    sizes = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    cosine = np.max(np.abs((x * y).sum(axis=-1)) / np.maximum(sizes, TINY))
    return Check(f"orthogonality of {_name(X)}", cosine, limit, "|xᵀX|/(‖x‖‖X‖)")


def curl_free(X, x, limit=1e-12):
    """max ‖X′ − X′ᵀ‖/‖X′‖ over the batch: at rounding where the field X is a gradient.

    X′ is X.jacobian(x), or where X has none by difference quotients (limit 1e-7).
    """
    x, name = _points(X, x), f"curl of {_name(X)}"
    J, limit, source = _jacobian(X, x, limit)
    if J is None:
        return Check(name, np.inf, limit, WRONG_JACOBIAN)
    if J.shape[-1] != J.shape[-2]:
        return Check(name, np.inf, limit, f"X′ has shape {J.shape[-2:]}: a gradient is a field ℝᵈ → ℝᵈ")
    skew = np.linalg.norm(J - J.swapaxes(-1, -2), axis=(-2, -1))
    measured = np.max(skew / np.maximum(np.linalg.norm(J, axis=(-2, -1)), TINY))
    return Check(name, measured, limit, f"‖X′ − X′ᵀ‖/‖X′‖{source}")


def activation(sigma, limit=1e-7):
    """σ′ against difference quotients of σ, γ′ against σ, slope_min ≤ σ′ ≤ slope_max, and σ(±1e300): the worst error.

    sigma: an object with σ(z) and `slope(z)`; `primitive`, `value_and_slope`, `slope_min` and `slope_max` are checked where it
    has them. Points are 4001 between −20 and 20, without those where the quotients from left and right differ (kinks).
    """
    if isinstance(sigma, type):
        raise TypeError(f"a check takes an object: write {sigma.__name__}(), not {sigma.__name__}")
    name, z, step = f"activation {_name(sigma)}", np.linspace(-20, 20, 4001) + 0.00371, 1e-5
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
        parts.append(("γ′ against σ", error_of_derivative(sigma.primitive, sigma(z))))
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
        if _near(found, c * true, true) and true.any():
            check.detail += f"; it is {c:.6g} times what it should be" if abs(c + 1) > 1e-4 else "; the sign is wrong"
    return check


def loss(J, y, target, limit=1e-6):
    """∂J/∂y by `J.vjp(y, target)` → value, dy against difference quotients of J(y, target), relative. y: (..., K), away from kinks."""
    if isinstance(J, type):
        raise TypeError(f"a check takes an object: write {J.__name__}(), not {J.__name__}")
    y, name = np.asarray(y, float), f"loss {_name(J)}"
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
        check.detail += f"; {_words(dy, true, J, y, y.shape)}"
    return check


def gradient(I, x, limit=1e-7):
    """∇I against difference quotients of I, and ∇²I v against those of ∇I: the larger relative error, worst of the batch.

    I: an invariant, with I(x), I.gradient(x) and I.hvp(x, v), (..., d) → (...), (..., d) and (..., d).
    """
    x, name = _points(I, x), f"gradient of {_name(I)}"
    if np.shape(I(x)) != x.shape[:-1]:
        return Check(
            name, np.inf, limit, f"I(x) has shape {np.shape(I(x))}, needed is {x.shape[:-1]}: sum over the last axis"
        )
    v = np.random.default_rng(0).normal(size=x.shape)
    worst = Check(name, 0.0, limit)
    slope = (np.asarray(I.gradient(x)) * v).sum(axis=-1)
    for part, Jv, f in (("∇I", slope, I), ("∇²I v", np.asarray(I.hvp(x, v)), I.gradient)):
        quotient, rounding = _quotient(f, x, v, "in x")
        if np.shape(Jv) != np.shape(quotient):
            return Check(name, np.inf, limit, f"{part} has shape {np.shape(Jv)}, needed is {np.shape(quotient)}")
        size = np.linalg.norm(quotient) + rounding / limit
        error = np.linalg.norm(Jv - quotient) / max(size, TINY)
        if not error <= worst.measured:
            worst = Check(name, error, limit, f"{part} against differences")
    return worst


def invariant(F, I, x, steps=100, limit=None):
    """Drift max_n |I(x_n) − I(x_0)| over x_n = F(x_{n−1}), n ≤ steps, worst of the batch.

    I: a function of the state, (..., d) → (...). The limit, unless given, is (steps + d) · 2.2e-16 · max(‖x_n‖₁,
    |I|): a rounding error a step, and those of the sum I itself.
    """
    x, steps = _points(F, x), dimension(steps, "steps")
    start = np.asarray(I(x))
    drift, scale = 0.0, max(np.abs(x).sum(axis=-1).max(), np.abs(start).max())
    for _ in range(steps):
        x = F(x)
        now = np.asarray(I(x))
        drift = np.maximum(drift, np.abs(now - start).max())  # a NaN stays
        scale = max(scale, np.abs(x).sum(axis=-1).max(), np.abs(now).max())
    limit = (steps + x.shape[-1]) * EPS * scale if limit is None else limit
    return _if_it_is_a_step(F, Check(f"invariant of {_name(F)}", drift, limit, f"drift over {steps} steps"))


def duality(F, x, steps=100, rng=0, limit=1e-14):
    """max_k |λ_kᵀδ_k − λ_0ᵀδ_0|/(‖λ_k‖‖δ_k‖) over x_k = F(x_{k−1}): the tangent δ forward by jvp, the adjoint λ back by vjp.

    Their product is the same at every step, since ⟨λ, F′δ⟩ = ⟨F′ᵀλ, δ⟩: a check of the pair, step by step. F: ℝᵈ → ℝᵈ.
    """
    x, rng, steps = _points(F, x), np.random.default_rng(rng), dimension(steps, "steps")
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
    return Check(f"duality of {_name(F)}", error, limit, f"λᵀδ over {steps} steps")


def inverse(F, x, limit=1e-10):
    """‖F⁻¹(F(x)) − x‖, and where dimensions agree ‖F(F⁻¹(x)) − x‖, relative to max(1, ‖x‖), worst of the batch."""
    x = _points(F, x)
    if not hasattr(F, "inverse"):
        raise TypeError(f"{_name(F)} has no inverse: write inverse(self, y)")
    y = F(x)
    gaps = {"F⁻¹(F(x)) − x": F.inverse(y) - x}
    if np.shape(y) == x.shape:
        gaps["F(F⁻¹(x)) − x"] = F(F.inverse(x)) - x
    scale = np.maximum(1, np.linalg.norm(x, axis=-1))
    error = np.max([np.linalg.norm(gap, axis=-1) / scale for gap in gaps.values()])
    return Check(f"inverse of {_name(F)}", error, limit, " and ".join(gaps))


def lipschitz(F, x, L=None, rng=0):
    """The largest stretch ‖F(x) − F(y)‖/‖x − y‖ that is found, against L, F.lipschitz() unless given, and rounding.

    Only values of F are used: pairs start along the largest singular vectors of difference quotients at the points x,
    (..., d), at many distances, and go on by random search (`rng`). What is found is a lower bound of the Lipschitz
    constant: a check that fails is a proof, one that passes is none. NotImplementedError where F knows no constant.
    """
    x, rng, name = _points(F, x), np.random.default_rng(rng), f"Lipschitz constant of {_name(F)}"
    if L is None:
        if not hasattr(F, "lipschitz"):
            raise TypeError(
                f"{_name(F)} has no lipschitz(): write it, or give the constant, checks.lipschitz(F, x, L=…)"
            )
        L = F.lipschitz()
    if not (isinstance(L, float | int | np.number) and 0 <= L < np.inf):
        return Check(name, np.nan, np.nan, f"a constant is one number ≥ 0, got {L!r}")
    x = x.reshape(-1, x.shape[-1])
    columns = [_quotient(F, x, np.broadcast_to(e, x.shape), "in x")[0].reshape(len(x), -1) for e in np.eye(x.shape[-1])]
    v = np.linalg.svd(np.stack(columns, axis=-1), full_matrices=False)[2][:, 0]
    scale = np.sqrt((x * x).sum(axis=-1).mean()) or 1.0
    x, v = np.tile(x, (4, 1)), np.tile(v, (4, 1))
    y = x + scale * 10 ** rng.uniform(-3, 1, (len(x), 1)) * v

    def stretch(x, y):
        F_x, F_y, d = (np.reshape(z, (len(x), -1)) for z in (F(x), F(y), x - y))
        d, D, size = (np.linalg.norm(z, axis=-1) for z in (d, F_x - F_y, np.abs(F_x) + np.abs(F_y)))
        return np.where(d > scale / 2000, np.maximum(0, D - 8 * EPS * size) / np.maximum(d, TINY), 0.0)  # less rounding

    best, reach = stretch(x, y), np.linalg.norm(x - y, axis=-1, keepdims=True)
    for k in range(200):
        x_new, y_new = (z + reach * 0.5 ** (k % 10) * rng.normal(size=x.shape) / x.shape[1] ** 0.5 for z in (x, y))
        found = stretch(x_new, y_new)
        better = found > best
        x[better], y[better], best[better] = x_new[better], y_new[better], found[better]
    measured, limit = np.max(best), L * (1 + 1e-9)
    if not measured <= limit:
        detail = f"two points are moved apart by {measured:.6g}, the constant claims at most {L:.6g}" + (
            f": {measured / L:.4g} times" if L else ""
        )
    else:
        detail = f"found {measured / L:.1%} of L = {L:.6g}, by search" if L else "F is constant"
    return Check(name, measured, limit, detail)


def _points(F, x):
    """x as float64 states, at least one. Checks measure to float64's rounding, so a float32 map is refused."""
    if isinstance(F, type):
        raise TypeError(f"a check takes an object: write {F.__name__}(…), not {F.__name__}")
    x = np.asarray(x, float)
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"a check needs states, an array of shape (..., d), got shape {x.shape}")
    if getattr(F, "theta", x).dtype == np.float32:
        raise TypeError(
            f"checks measure to the rounding of float64, but {_name(F)} is float32: build it with dtype=float"
        )
    return x


WRONG_JACOBIAN = "F′ disagrees with differences of F: run checks.tangent"


def _jacobian(F, x, limit):
    """F′(x), the limit, and where F′ is from; by difference quotients where F has no jacobian, limit 1e-7. None for a
    jacobian that is far from two difference quotients, which are near each other."""
    try:
        J = F.jacobian(x)
    except (AttributeError, NotImplementedError):
        columns = [_quotient(F, x, np.broadcast_to(e, x.shape), "in x")[0] for e in np.eye(x.shape[-1])]
        return np.stack(columns, axis=-1), max(limit, 1e-7), ", F′ from differences"
    v = np.random.default_rng(0).normal(size=x.shape)
    (quotient, rounding), (finer, _) = _quotient(F, x, v, "in x"), _quotient(F, x, v, "in x", step=2e-7)
    if J.shape == (*quotient.shape, x.shape[-1]) and quotient.shape[:-1] == x.shape[:-1]:
        size, Jv = np.linalg.norm(quotient), (J @ v[..., None])[..., 0]
        known = np.linalg.norm(quotient - finer) <= 1e-4 * size + 10 * rounding
        if known and np.linalg.norm(Jv - quotient) > 1e-3 * size + 10 * rounding:
            return None, limit, ""
    return J, limit, ""


def _if_it_is_a_step(F, check):
    """The check, with a remark where it failed and F is a vector field."""
    if not check.passed and isinstance(F, Field):
        check.detail += "; F is a field, not a step: check Flow(field, h, method)"
    return check


def _jvp(F, x, v, part):
    return F.jvp(x, v)[1] if part == "in x" else F.jvp(x, np.zeros_like(x), v)[1]


def _quotient(F, x, v, part, step=1e-6):
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


def _tangent(F, x, v, part):
    """Jv by F.jvp and True, if it agrees with the difference quotient; the quotient and False otherwise."""
    quotient, rounding = _quotient(F, x, v, part)
    try:
        Jv = _jvp(F, x, v, part)
    except (AttributeError, NotImplementedError):
        return quotient, False
    near = (
        np.shape(Jv) == np.shape(quotient)
        and np.linalg.norm(Jv - quotient) <= 1e-5 * np.linalg.norm(quotient) + rounding
    )
    return (Jv, True) if near else (quotient, False)


def _name(thing):
    return getattr(thing, "__name__", None) or type(thing).__name__
