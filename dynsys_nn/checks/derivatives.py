"""Is the derivative right? Adjoints, tangents, gradients, against something that was not written by
hand."""

import contextlib

import numpy as np

from ..arguments import (
    WrongResult,
    array,
    dictionary,
    dimension,
    frozen,
    gradient_in_theta,
    instance,
    is_ours,
    real_number,
    real_numbers,
    refuse,
    result,
    results,
)
from ..fields import invariant_object, looked_at
from ..maps import Map, table
from .check import (
    DISAGREES,
    EPS,
    TINY,
    Check,
    difference_quotient,
    directions,
    fails_on_wrong_results,
    jvp_of,
    moved,
    name_of,
    of_one_argument,
    points_of,
    tangent_or_quotient,
    theta_of,
)
from .tutor import diagnosis
from .words import factors_of_a_mean, like, near, words_for

AGREE = "vjp and jvp agree with each other, and not with F(x): look at the value, or at a slope σ′"


@fails_on_wrong_results
def adjoint(F, x, rng=0, limit=1e-12):
    """⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for the Jacobian J in x and in θ: the error, relative to ‖w‖‖Jv‖.

    Jᵀw is from F.vjp. Jv is from F.jvp, if F has one and it agrees with a difference quotient of F;
    otherwise it is that quotient, and the limit is what a quotient can tell, 1e-6. So a vjp and a
    jvp with the same mistake do not pass. A map of somebody's own is called at other points, too,
    and with one state alone: it does not pass if it keeps something on itself, or mixes the states
    of a batch. Whether F(x) is the map that was meant, `value` tells.

    Parameters
    ----------
    F : Map, or any object with F(x) and F.vjp(x)
        A field's factor S, or an implicit method's increment Φ, takes two states.
    x : array, shape (..., d), or a pair of them if F takes two
        States, away from kinks.
    rng : Generator or int, default 0
        Draws the directions v and w.
    limit : float, default 1e-12
        Of the relative error.

    Examples
    --------
    >>> class Wrong(dnn.GradientField):
    ...     def vjp(self, x):
    ...         y, pullback = super().vjp(x)
    ...         return y, lambda w: (-pullback(w)[0], pullback(w)[1])
    >>> check = dnn.checks.adjoint(Wrong.random(2, width=3, rng=0), np.array([[0.3, -0.7]]))
    >>> print(check.verdict, check.finding)
    FAILED dx: the sign is wrong
    """
    F, x = of_one_argument(F, x)
    rng, limit = directions(rng), real_number(limit, "limit")
    name, found, wrong = f"adjoint of {name_of(F)}", [], {}
    _, w, pulled = opened(F, x, rng)
    for (part, at), back in zip(parts_of(F, x), pulled, strict=False):
        v = rng.normal(size=at.shape)
        Jv, source = tangent_or_quotient(F, x, v, part)
        size = np.linalg.norm(w) * np.linalg.norm(Jv)
        error = abs((w * Jv).sum() - (back * v).sum()) / max(size, TINY)
        check = Check(name, error, limit, f"{part}, Jv from {source}")
        if source != "jvp":
            check.limit = max(limit, 1e-6)
            as_known(check, quotient_error(F, x, v, part), Jv)
        failed = not check.measured <= check.limit
        if failed and source == DISAGREES and agree(w, jvp_of(F, x, v, part), back, v):
            check.finds(AGREE)
        elif failed:
            wrong[part] = back
        found.append(check)
    worst = worst_of(found)
    if wrong:
        worst.finds(diagnosis(F, x, w, wrong))
    for remark in remarks_on(F, x):
        worst.finds(remark)
    return worst


def as_known(check, error, quotient):
    """Let a check against a quotient allow ten times its error, and be unsure if that is more than
    one part in a thousand."""
    loose = 10 * error / max(np.linalg.norm(quotient), TINY)
    check.limit = max(check.limit, loose)
    if loose > 1e-3:
        check.blind = True
        check.detail += ", which is known no better: kinks near x, or rounding"


def quotient_error(F, x, v, part):
    """What difference quotients of two steps, and their rounding, leave open."""
    (rough, rounding), (finer, _) = (
        difference_quotient(F, x, v, part, step) for step in (1e-6, 2e-7)
    )
    return np.linalg.norm(rough - finer) + rounding


def parts_of(F, x):
    """What F depends on, ("in x", x) and, if it has parameters, ("in θ", θ)."""
    return [("in x", x), ("in θ", theta_of(F))] if theta_of(F).size else [("in x", x)]


def worst_of(checks):
    """The check that is farthest from its limit, a NaN before all others; an unsure one before
    those that passed."""
    failed = [check for check in checks if not check.measured <= check.limit]
    checks = failed or [check for check in checks if check.blind] or checks
    # for argmax a NaN is the largest
    return checks[np.argmax([check.measured / max(check.limit, TINY) for check in checks])]


def agree(w, Jv, back, v):
    """True if ⟨w, Jv⟩ = ⟨back, v⟩ to nine digits."""
    return np.shape(Jv) == np.shape(w) and np.isclose((w * Jv).sum(), (back * v).sum(), 1e-9, 0)


def opened(F, x, rng):
    """F(x), a covector w drawn with `rng`, and dx, dtheta = pullback(w) of F.vjp(x). WrongResult if
    these cannot be right."""
    refuse(
        not hasattr(F, "vjp"),
        f"{name_of(F)} has no adjoint to check: write vjp(self, x)",
        TypeError,
    )
    value = result(F, F(x), None, "F(x)")
    y, pullback = results(F, F.vjp(x), ("y", "pullback"), "vjp(x)", last_is_a_function=True)
    refuse(
        not (np.isfinite(x).all() and np.isfinite(value).all()),
        "x or F(x) is not finite",
        WrongResult,
    )
    refuse(
        np.shape(y) != value.shape
        or not np.linalg.norm(y - value) <= 1e-12 * max(1.0, np.linalg.norm(value)),
        "vjp(x) and F(x) give different values",
        WrongResult,
    )
    w = np.array(rng.normal(size=value.shape))
    w.flags.writeable = False

    def pulled(pullback):
        dx, dtheta = results(F, pullback(w), ("dx", "dtheta"), "pullback(w)")
        dx = result(F, dx, x.shape, "dx of the pullback")
        return dx.copy(), np.array(gradient_in_theta(F, dtheta, theta_of(F).size))

    found, theirs = pulled(pullback), [thing for thing in made_of(F) if not is_ours(type(thing))]
    for name, a in zip(("dx", "dtheta"), found, strict=True):
        finite = a.dtype.kind not in "fc" or np.isfinite(a).all()
        refuse(not finite, f"{name} of the pullback is not finite", WrongResult)
    if theirs:
        nothing_is_kept(F, x, pulled, pullback, found, theirs)
    return value, w, found


def made_of(F):
    """F and its parts: the maps of a network, the field and the method of a flow, an activation."""
    parts = [getattr(F, name, None) for name in ("field", "method", "sigma")]
    parts = [part for part in parts if part is not None] + list(getattr(F, "maps", ()))
    return [F, *(deeper for part in parts for deeper in made_of(part))]


def nothing_is_kept(F, x, pulled, pullback, found, theirs):
    """WrongResult if a pullback is another one when it is called twice, after another vjp, or of a
    vjp that follows one: F keeps something on itself, or on a part of it that is `theirs`."""

    def look(pullback_of, when, why):
        try:
            again = pulled(pullback_of())
            same = all(
                np.shape(a) == np.shape(b) and near(a, b, a)
                for a, b in zip(found, again, strict=True)
            )
        except Exception as error:
            raise WrongResult(f"the pullback fails {when}{why}") from error
        refuse(not same, f"the pullback gives another answer {when}{why}", WrongResult)

    look(lambda: pullback, "when it is called twice", ": it uses something up")
    before = [dict(getattr(thing, "__dict__", {})) for thing in theirs]
    other = np.where(x == 0, 0.01, 0.9 * x)
    with np.errstate(all="ignore"), contextlib.suppress(Exception):
        F(other)
        F.vjp(other)
    kept = [
        name
        for thing, old in zip(theirs, before, strict=True)
        for name, a in getattr(thing, "__dict__", {}).items()
        if a is not old.get(name)
    ]
    why = f": it reads self{'.' * bool(kept)}{''.join(kept[:1])}, where local variables should be"
    look(lambda: pullback, "when vjp is called again, at another x", why)
    look(lambda: F.vjp(x)[1], "after a call at another x", why)


def remarks_on(F, x):
    """What to say of somebody's own map beside its derivative: of arrays, and maps with parameters,
    that it keeps on itself and did not give to `own`; or of a class of ours, whose value it has
    not, though it has its name and constants."""
    if is_ours(type(F)) or not isinstance(F, Map):
        return []
    ours = filter(is_ours, type(F).__mro__)
    named = next((C for C in ours if "__init__" in vars(C) and "_value" in vars(C)), None)
    if named is not None:
        y = named._value(F, x)
        like = np.shape(y) == np.shape(F(x)) and near(F(x), y, y)
        return [] if like else [f"F(x) is not that of a {named.__name__}, as which it is known"]
    names = [
        name
        for name, value in vars(F).items()
        if name[0] != "_"
        and name not in F._pieces
        and (isinstance(value, np.ndarray) and value.dtype.kind == "f" or np.size(theta_of(value)))
    ]
    were = "was" if len(names) == 1 else "were"
    return [f"{' and '.join(names)} {were} not given to own(…): constant"] if names else []


@fails_on_wrong_results
def value(F, x, y, limit=1e-12, mistakes=None):
    """F(x) against the values y that it should have: the largest difference.

    Parameters
    ----------
    F : Map, or a function of states
        Whose value is checked.
    x : array
        What it gets.
    y : array, shape of F(x)
        What it should return.
    limit : float, default 1e-12
        Of the largest difference.
    mistakes : dict, words → array like y, default None
        The values to which a mistake leads; None: no such mistake is known.

    Examples
    --------
    >>> W, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0])
    >>> mistakes = {"this is Wᵀx": W.T @ x}
    >>> print(dnn.checks.value(lambda x: x @ W, x, W @ x, mistakes=mistakes).detail)
    F(x) is [4. 6.], needed is [3. 7.]: this is Wᵀx
    >>> dnn.checks.value(lambda x: x @ W.T, x, W @ x, mistakes=mistakes).passed
    True
    """
    instance(F, ("__call__",), "a check takes a map, or a function of states")
    x, y = array(x, "x must be an array").copy(), array(y, "y must be an array")
    found = np.array(F(frozen(x)))
    refuse(
        found.shape != y.shape or found.dtype.kind not in "fiu",
        f"F(x) has shape {found.shape} and dtype {found.dtype}, "
        f"needed are numbers of shape {y.shape}",
        WrongResult,
    )
    for digits in (4, 8, 16):  # as many as it takes to tell them apart
        said, needed = (np.array2string(np.ravel(z)[:4], precision=digits) for z in (found, y))
        if said != needed:
            break
    error, words = np.max(np.abs(found - y), initial=0.0), f"F(x) is {said}, needed is {needed}"
    known = like(found, dictionary(mistakes, "mistakes").items(), y)
    return Check(f"value of {name_of(F)}", error, limit, f"{words}: {known}" if known else words)


@fails_on_wrong_results
def tangent(F, x, rng=0, limit=1e-7):
    """Jv of F.jvp against a central difference quotient of F, in x and in θ: the larger relative
    error.

    Parameters
    ----------
    F : Map, or any object with F(x) and F.jvp(x, v)
        As for `adjoint`.
    x : array, shape (..., d), or a pair of them if F takes two
        States, away from kinks.
    rng : Generator or int, default 0
        Draws the directions v.
    limit : float, default 1e-7
        Of the relative error, or what is known of a quotient near kinks, if that is more.

    Examples
    --------
    >>> class Wrong(dnn.GradientField):
    ...     def jvp(self, x, v, dtheta=None):
    ...         y, Jv = super().jvp(x, v, dtheta)
    ...         return y, 2 * Jv
    >>> X, x = Wrong.random(2, width=3, rng=0), np.array([[0.3, -0.7]])
    >>> round(dnn.checks.tangent(X, x).measured, 6)  # ‖2Jv − Jv‖/‖Jv‖
    1.0
    """
    F, x = of_one_argument(F, x)
    rng, found = directions(rng), []
    for part, at in parts_of(F, x):
        v = rng.normal(size=at.shape)
        quotient = difference_quotient(F, x, v, part)[0]
        error = relative_error(jvp_of(F, x, v, part), quotient)
        check = Check(f"tangent of {name_of(F)}", error, limit, part)
        if not check.passed:
            as_known(check, quotient_error(F, x, v, part), quotient)
        found.append(check)
    return worst_of(found)


@fails_on_wrong_results
def taylor(F, x, rng=0, limit=0.1):
    """max(0, 2 − p), p the order in ε of R(ε) = |J(x + εv, θ + εu) − J(x, θ) − ε⟨∇J, (v, u)⟩|, J =
    ⟨w, F(x; θ)⟩, ∇J by F.vjp.

    A gradient with any mistake leaves order one; if the second derivative vanishes the order is
    more than two. The check has `eps`, (n,), `remainders`, (n,), and `orders`, (n − 1,), from each
    to the next; `table()` is all three as text. Rounding ends them.

    Parameters
    ----------
    F : Map, or any object with F(x) and F.vjp(x)
        As for `adjoint`.
    x : array, shape (..., d), or a pair of them if F takes two
        States, away from kinks.
    rng : Generator or int, default 0
        Draws the directions v, u and w.
    limit : float, default 0.1
        Of 2 − p.

    Examples
    --------
    >>> class Wrong(dnn.GradientField):
    ...     def vjp(self, x):
    ...         y, pullback = super().vjp(x)
    ...         return y, lambda w: (1.1 * pullback(w)[0], pullback(w)[1])
    >>> x = np.array([[0.3, -0.7]])
    >>> right = dnn.checks.taylor(dnn.GradientField.random(2, width=3, rng=0), x)
    >>> wrong = dnn.checks.taylor(Wrong.random(2, width=3, rng=0), x)
    >>> print(right.verdict, right.orders[8:11].round(1))
    passed [2. 2. 2.]
    >>> print(wrong.verdict, wrong.orders[8:11].round(1))
    FAILED [1. 1. 1.]
    """
    F, x = of_one_argument(F, x)
    rng, theta = directions(rng), np.array(theta_of(F))
    v, u = rng.normal(size=x.shape), rng.normal(size=theta.shape)
    y, w, (dx, dtheta) = opened(F, x, rng)
    slope = (dx * v).sum() + (dtheta * u).sum()
    size, length = (np.abs(np.concatenate([a.ravel(), b])).max() for a, b in ((x, theta), (v, u)))
    eps = 0.1 * (size or 1.0) / length * 0.5 ** np.arange(24)
    changes = [(w * (moved(F, x, step * v, step * u) - y)).sum() for step in eps]
    remainders = np.abs(changes - eps * slope)
    n = np.argmax(np.append(remainders, 0.0) <= 100 * EPS * np.abs(w * y).sum())
    eps, remainders = eps[:n], remainders[:n]
    orders = np.diff(np.log(remainders)) / np.diff(np.log(eps))
    if n < 4:  # a remainder of 800 rounding errors at most
        p, words = 2.0, "the remainder is rounding: F is linear, or nearly"
    else:  # the smallest steps: the gradient's own error shows there
        p = np.median(orders[-3:])
        words = f"remainder of order {p:.2f}, needed is 2"
    check = Check(f"Taylor test of {name_of(F)}", np.maximum(0.0, 2 - p), limit, words)
    check.eps, check.remainders, check.orders = eps, remainders, orders
    columns = eps, remainders, [np.nan, *orders]
    rows = [
        (f"{e:10.2e}", f"{R:10.2e}", f"{p:6.2f}" if p == p else "")
        for e, R, p in zip(*columns, strict=False)
    ]
    check.table = lambda: table(rows) if rows else ""
    return check


@fails_on_wrong_results
def duality(F, x, steps=100, rng=0, limit=None):
    """max_k |λ_kᵀδ_k − λ_0ᵀδ_0|/(‖λ_k‖‖δ_k‖) over x_k = F(x_{k−1}): the tangent δ forward by jvp,
    the adjoint λ back by vjp.

    Their product is the same at every step, since ⟨λ, F′δ⟩ = ⟨F′ᵀλ, δ⟩: a check of the pair, step
    by step.

    Parameters
    ----------
    F : Map, ℝᵈ → ℝᵈ
        With `jvp` and `vjp`.
    x : array, shape (..., d)
        Where the steps start.
    steps : int ≥ 1, default 100
        Their number.
    rng : Generator or int, default 0
        Draws δ_0 and the last λ.
    limit : float, default None
        None: 1e-14, and for more than fifty steps in proportion to their number, as rounding grows.

    Examples
    --------
    >>> F = dnn.Flow(dnn.systems.pendulum(), 0.1, dnn.StormerVerlet())
    >>> dnn.checks.duality(F, np.array([1.0, 0.0]), steps=50).passed
    True
    """
    (F, x), rng, steps = points_of(F, x), directions(rng), dimension(steps, "steps")
    refuse(
        np.shape(F(x)) != x.shape,
        f"F maps {x.shape} to {np.shape(F(x))}: it must return to the space it starts from",
        WrongResult,
    )
    deltas, pullbacks = [rng.normal(size=x.shape)], []
    for _ in range(steps):
        deltas.append(result(F, F.jvp(x, deltas[-1])[1], x.shape, "dy of jvp(x, v)"))
        x, pullback = F.vjp(x)
        pullbacks.append(pullback)
    lambdas = [rng.normal(size=np.shape(x))]
    for pullback in reversed(pullbacks):
        lambdas.append(result(F, pullback(lambdas[-1])[0], x.shape, "dx of the pullback"))
    lambdas, deltas = (np.reshape(a, (steps + 1, -1)) for a in (lambdas, deltas[::-1]))
    products = (lambdas * deltas).sum(axis=-1)
    sizes = np.linalg.norm(lambdas, axis=-1) * np.linalg.norm(deltas, axis=-1)
    error = np.max(np.abs(products - products[-1]) / np.maximum(sizes, TINY))
    limit = 1e-14 * max(1, steps / 50) if limit is None else limit
    return Check(f"duality of {name_of(F)}", error, limit, f"λᵀδ over {steps} steps")


@fails_on_wrong_results
def loss(J, y, target, limit=1e-6):
    """∂J/∂y by `J.vjp(y, target)` → value, dy against difference quotients of J(y, target): ‖error‖
    over ‖∂J/∂y‖ plus the quotients' rounding.

    Parameters
    ----------
    J : Loss, or any object with J(y, target) and J.vjp(y, target)
        Whose gradient is checked.
    y : array, shape (..., K)
        Where, away from kinks.
    target : array
        What J compares y with.
    limit : float, default 1e-6
        Of the relative error.

    Examples
    --------
    >>> class HalfSquare:  # J = ½‖y − target‖², so that ∂J/∂y = y − target
    ...     def __call__(self, y, target):
    ...         return ((y - target) ** 2).sum() / 2
    ...
    ...     def vjp(self, y, target):
    ...         return self(y, target), 2 * (y - target)
    >>> dnn.checks.loss(HalfSquare(), np.array([[1.0, 2.0, 3.0]]), np.zeros((1, 3))).finding
    'it is 2 times what it should be'
    """
    instance(J, ("__call__", "vjp"), "a loss has J(y, target) and J.vjp(y, target)")
    refuse(
        isinstance(J, Map),
        f"a loss has J(y, target) and J.vjp(y, target), but {J!r} is a map",
        TypeError,
    )
    y, limit = real_numbers(y, "a check of a loss needs"), real_number(limit, "limit")
    y, target = frozen(y), frozen(array(target, "target must be an array").copy())
    value, dy = results(J, J.vjp(y, target), ("value", "dy"), "vjp(y, target)")
    refuse(
        np.ndim(value) or not abs(value - J(y, target)) <= 1e-12 * max(1.0, abs(value)),
        "J.vjp(y, target) and J(y, target) give different values, or no number",
        WrongResult,
    )
    refuse(
        np.shape(dy) != y.shape,
        f"∂J/∂y has shape {np.shape(dy)}, needed is that of y, {y.shape}",
        WrongResult,
    )
    step = 1e-6 * max(1.0, np.abs(y).max())
    units = step * np.eye(y.size).reshape(-1, *y.shape)
    true = np.array(
        [(J(frozen(y + e), target) - J(frozen(y - e), target)) / (2 * step) for e in units]
    )
    dy, rounding = np.ravel(dy), 4 * EPS * abs(value) * y.size**0.5 / step
    error = relative_error(dy, true, rounding, limit)
    check = Check(f"loss of {name_of(J)}", error, limit, "∂J/∂y against differences")
    if not check.passed:
        n, K = np.prod(y.shape[:-1], dtype=int), y.shape[-1]
        counts = {f"the batch of {n}": n, f"all {y.size} entries": y.size, f"a row of {K}": K}
        check.finds(words_for(dy, true, factors_of_a_mean(counts), y.shape))
    return check


def relative_error(found, quotient, rounding=0.0, limit=1.0):
    """‖found − quotient‖/‖quotient‖, less than the limit if it is only the quotient's rounding."""
    return np.linalg.norm(found - quotient) / max(
        np.linalg.norm(quotient) + rounding / max(limit, TINY), TINY
    )


@fails_on_wrong_results
def gradient(I, x, limit=1e-7):
    """∇I against difference quotients of I, and ∇²I v against those of ∇I: the larger relative
    error, over the whole batch.

    I: an invariant, with I(x), I.gradient(x) and I.hvp(x, v), (..., d) → (...), (..., d) and
    (..., d); x: array, shape (..., d); limit: float, default 1e-7.

    Examples
    --------
    >>> x = np.array([[0.3, -0.7]])
    >>> dnn.checks.gradient(dnn.Quadratic(np.eye(2)), x).passed
    True
    >>> def square(x):
    ...     return (x * x).sum(axis=-1)
    >>> wrong = dnn.Invariant(square, lambda x: x, lambda x, v: v)  # ∇‖x‖² is 2x
    >>> round(dnn.checks.gradient(wrong, x).measured, 1)  # ‖x − 2x‖/‖2x‖
    0.5
    """
    name, (_, x), limit = name_of(I), points_of(invariant_object(I), x), real_number(limit, "limit")
    refuse(
        np.shape(I(x)) != x.shape[:-1],
        f"I(x) has shape {np.shape(I(x))}, needed is {x.shape[:-1]}: sum over the last axis",
        WrongResult,
    )
    I = looked_at(I)
    v = directions(0).normal(size=x.shape)
    found, slope = [], (np.asarray(I.gradient(x)) * v).sum(axis=-1)
    for part, Jv, f in (("∇I", slope, I), ("∇²I v", np.asarray(I.hvp(x, v)), I.gradient)):
        quotient, rounding = difference_quotient(f, x, v, "in x")
        refuse(
            np.shape(Jv) != np.shape(quotient),
            f"{part} has shape {np.shape(Jv)}, needed is {np.shape(quotient)}",
            WrongResult,
        )
        error = relative_error(Jv, quotient, rounding, limit)
        found.append(Check(f"gradient of {name}", error, limit, f"{part} against differences"))
    return worst_of(found)
