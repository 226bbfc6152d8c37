"""Is the structure there? Orders, volumes, symplectic forms, invariants, inverses, Lipschitz
constants."""

import contextlib

import numpy as np

from ..arguments import (
    Given,
    WrongResult,
    dimension,
    field_entries,
    frozen,
    generator,
    instance,
    number_entries,
    real_number,
    refuse,
    result,
)
from ..fields import KnownField
from ..flows import exact_flow
from ..integrators import NotConverged
from ..lipschitz.stretch import norm
from ..maps import Map, flattened
from .check import (
    DIFFERENCES,
    EPS,
    TINY,
    Check,
    fails_on_wrong_results,
    if_it_is_a_step,
    jacobian_by_complex_steps,
    jacobian_by_differences,
    jacobian_of,
    name_of,
    points_of,
)
from .words import near


@fails_on_wrong_results
def order(method, field, x, t=1.0, limit=0.05, finest=4096):
    """|observed − claimed| order on ẋ = field(x) up to time t.

    Observed is log₂ of the ratio of two errors, those of the last doubling of the steps that is
    above 1e-11, extrapolated if it is still on its way to the claim. If each step is claimed to be
    the exact flow, order ∞: the largest error, with the limit 1e-11 of the states.

    Parameters
    ----------
    method : Method, or any object with `step(field, x, h)`, and `order` or `order_on(field)`
        Whose order is observed.
    field : Map, or a function of states
        The right-hand side.
    x : array, shape (..., d)
        Where solutions start; the reference is `exact_flow`.
    t : float, default 1.0
        Where they end.
    limit : float, default 0.05
        Of the difference of orders.
    finest : int ≥ 8, default 4096
        The largest number of steps, which are 4, 8, 16, … until the error is at rounding.

    Examples
    --------
    >>> class Halves:  # two Euler steps
    ...     order = 2
    ...
    ...     def step(self, field, x, h):
    ...         x = x + h / 2 * field(x)
    ...         return x + h / 2 * field(x)
    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0])
    >>> round(dnn.checks.order(Halves(), X, x, finest=64).measured, 1)  # |1 − 2|
    1.0
    """
    needs = "method must be an object with order and step(field, x, h), such as RK4()"
    claims = getattr(instance(method, ("step",), needs), "order_on", None)
    finest = dimension(finest, "finest", least=8)  # so that there is a doubling
    name, (field, x) = f"order of {name_of(method)}", points_of(field, x, field_entries)
    field = field if isinstance(field, Map) else KnownField(field.f, x.shape[-1])
    claimed = claims(field) if claims else getattr(method, "order", None)
    refuse(claimed is None, f"{name_of(method)} claims no order: set `order`")
    exact, errors, n = exact_flow(field, x, t), [], 4
    while n <= finest and (len(errors) < 2 or not errors[-1] <= 1e-11):
        y = x
        with np.errstate(over="ignore", invalid="ignore"):  # the coarsest steps may blow up
            for _ in range(n):
                try:
                    y = np.array(result(method, method.step(field, frozen(y), t / n), y.shape, "y"))
                except NotConverged:  # so may an implicit method, with the coarsest
                    y = np.full_like(x, np.nan)
                    break
            errors.append(np.max(np.abs(y - exact)))
        n *= 2
    if claimed == np.inf:
        return Check(
            name,
            np.max(errors),
            1e-11 * max(1.0, np.max(np.abs(exact))),
            "each step is claimed to be the exact flow: the error",
        )
    usable = [e for e in errors if 1e-11 < e < np.inf]
    refuse(
        len(usable) < 2,
        "errors are at rounding: take a larger t"
        if errors[-1] < np.inf
        else "the steps blow up: take a smaller t",
        WrongResult,
    )
    *before, observed = np.log2(np.divide(usable[:-1], usable[1:]))
    gap = abs(observed - claimed)
    if before and abs(before[-1] - claimed) > 1.5 * gap:  # still on its way to the claim
        gap = min(gap, abs(2 * observed - before[-1] - claimed))
    return Check(name, gap, limit, f"order observed {observed:.3f}, claimed {claimed}")


@fails_on_wrong_results
def volume(F, x, limit=None):
    """max |det F′(x) − 1| over the batch.

    F: a map ℝᵈ → ℝᵈ, or a function of states; x: array, shape (..., d); limit: float, default None:
    that of rounding. The mean over five points, F′, and this limit are as in `symplectic`, but for
    the rounding of F′ itself, 2.2e-16 κ if that is more, κ = Σ_ij |C|_ij|F′|_ij with the cofactors
    C, whatever the units of the components are. If that is more than 1e-2, what does not fail is
    unsure.

    Examples
    --------
    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([[1.0, 0.0]])
    >>> dnn.checks.volume(dnn.Flow(X, 0.1, dnn.Euler()), x).finding  # 1 + h²
    'det F′ is 1.01, and not 1: volume is not kept'
    >>> dnn.checks.volume(dnn.Flow(X, 0.1, dnn.SymplecticEuler()), x).passed
    True
    """
    F, x = points_of(F, x)

    def gap(J):
        return np.linalg.det(J)[..., None] - 1

    J, measured, rounding, source = defect(F, x, gap)
    kappa = sensitivity_of_the_determinant(J)
    rounding = max(rounding, EPS * kappa)
    detail = f"|det F′ − 1|, κ = {kappa:.1e}"
    check = against_rounding(F, "volume", measured, rounding, limit, detail, source)
    if not measured <= check.limit:
        det = np.linalg.det(J).ravel()
        check.finds(
            f"det F′ is {det[np.argmax(np.abs(det - 1))]:.6g}, and not 1: volume is not kept"
        )
    return check


@fails_on_wrong_results
def symplectic(F, x, limit=None):
    """max ‖DᵀJD − J‖ over the batch, D = F′(x), J = [[0, I], [−I, 0]]; states are (q, p), q first.

    F: a map ℝ²ⁿ → ℝ²ⁿ, or a function of states; x: array, shape (..., 2n); limit: float, default
    None. Each entry is relative to that of |D|ᵀ|J||D| + uuᵀ, where u are units of q and p, as D
    shows them, with u_q u_p = 1. A defect is the same at points within 1e-8 of x, and rounding is
    not. So DᵀJD − J is the mean over five of them, and the limit, if None, is ten times their
    scatter and four rounding errors (two a step, if that is more): nearly symplectic is not enough.
    D is F.jacobian(x), or, if F has none, by complex steps. If F does not take complex states
    either, it is from difference quotients, limit 1e-7, and what does not fail is unsure: they see
    no defect below that.

    Examples
    --------
    >>> X, x = dnn.systems.pendulum(), np.array([[1.0, 0.5]])
    >>> dnn.checks.symplectic(dnn.Flow(X, 0.1, dnn.StormerVerlet()), x).passed
    True
    >>> dnn.checks.symplectic(lambda x: x[..., ::-1], x).finding  # q and p exchanged
    'DᵀJD = −J: anti-symplectic, look for a sign'
    """
    F, x = points_of(F, x)
    n, odd = divmod(x.shape[-1], 2)
    refuse(odd, f"states have {x.shape[-1]} components: this is for maps {SYMPLECTIC}", WrongResult)
    standard = np.kron([[0, 1], [-1, 0]], np.eye(n))
    pairs = np.kron(np.eye(n), [[0, 1], [-1, 0]])

    def gap(D, J=standard, image=standard):
        size = np.abs(D).swapaxes(-1, -2) @ np.abs(J) @ np.abs(D) + units(D)
        return ((D.swapaxes(-1, -2) @ J @ D - image) / size).reshape(*D.shape[:-2], -1)

    D, measured, rounding, source = defect(F, x, gap, SYMPLECTIC)
    detail = f"DᵀJD − J, ‖D‖ = {np.max(np.linalg.norm(D, axis=(-2, -1))):.1e}"
    check = against_rounding(F, "symplectic form", measured, rounding, limit, detail, source)
    if check.measured > check.limit >= norms(gap(D, standard, -standard)).max():
        check.finds("DᵀJD = −J: anti-symplectic, look for a sign")
    elif check.measured > check.limit >= norms(gap(D, pairs, pairs)).max():
        check.finds("symplectic for states (q₁, p₁, q₂, p₂, …): put all of q first")
    elif not check.measured <= check.limit:
        size = norms(gap(D)).max()
        check.finds(f"DᵀJD is not J, by {100 * size:.3g} % of their entries")
    return check


def units(D):
    """uuᵀ, u = (1/c, …, c, …) for states (q, p), c⁴ = ‖∂q/∂p‖/‖∂p/∂q‖: 1 where one of them is 0."""
    n = D.shape[-1] // 2
    up, down = (np.linalg.norm(B, axis=(-2, -1)) for B in (D[..., :n, n:], D[..., n:, :n]))
    c = np.where((up > 0) & (down > 0), up / np.where(down > 0, down, 1), 1.0) ** 0.25
    u = np.repeat(np.stack([1 / np.maximum(c, TINY), c], axis=-1), n, axis=-1)
    return u[..., :, None] * u[..., None, :]


SYMPLECTIC = "ℝ²ⁿ → ℝ²ⁿ, of even dimension"


def defect(F, x, gap, space="ℝᵈ → ℝᵈ"):
    """F′(x), the largest size of the mean of gap(F′), (..., k), over points within 1e-8 of x, and
    what of it may be rounding, and where F′ is from. From differences: gap(F′(x)), and 1e-7."""
    J, source = jacobian_of(F, x, space)
    if source == DIFFERENCES:
        finer = jacobian_by_differences(F, x, 2e-7)
        return J, norms(gap(J)).max(), max(1e-7, 10 * norms(gap(J) - gap(finer)).max()), source
    rng, d, gaps = np.random.default_rng(0), x.shape[-1], [gap(J)]
    for _ in range(4):
        near = x * (1 + 1e-8 * rng.uniform(-1, 1, x.shape))
        lengths = rng.uniform(1, 2, d)  # other steps round in another way
        J_near = jacobian_by_complex_steps(F, near, lengths) if source else F.jacobian(near)
        gaps.append(gap(J_near))
    mean = np.mean(gaps, axis=0)
    scatter = np.sqrt(np.mean(norms(gaps - mean) ** 2, axis=0))
    steps = sum(getattr(G, "steps", 1) for G in flattened(F)) if isinstance(F, Map) else 1
    rounding = np.maximum(10 * scatter + 4 * EPS, 2 * steps * EPS)
    k = np.unravel_index(np.argmax(norms(mean) / rounding), scatter.shape)
    return J, norms(mean)[k], rounding[k], source


def sensitivity_of_the_determinant(J):
    """κ = max Σ_ij |C|_ij|J|_ij, C the cofactors of J: relative changes ε of its entries change
    det J by κε at most. For J = UΣVᵀ, C is U diag(Π_{l≠k} σ_l) Vᵀ up to the sign."""
    U, s, Vt = np.linalg.svd(J)
    others = np.prod(np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    C = U @ (others[..., None] * Vt)
    return float(np.max((np.abs(C) * np.abs(J)).sum(axis=(-2, -1))))


def norms(gap):
    """‖gap‖ over the last axis."""
    return np.linalg.norm(gap, axis=-1)


def against_rounding(F, what, measured, rounding, limit, detail, source):
    """The check of what was measured against a limit, that of rounding unless one was given."""
    check = Check(f"{what} of {name_of(F)}", measured, rounding, detail + source)
    if limit is not None:
        check.limit = real_number(limit, "limit")
    elif rounding > 1e-2:
        check.blind = True
        check.detail += ", which is known no better than that"
    elif source == DIFFERENCES:
        check.blind = True
        check.detail += (
            ", which see no defect below this: write jacobian(x), or let F take complex states"
        )
    return if_it_is_a_step(F, check)


@fails_on_wrong_results
def orthogonal_to_x(X, x, limit=1e-12):
    """max |xᵀX(x)|/(‖x‖‖X(x)‖) over the batch: at rounding if the field X preserves spheres.

    X: a field, or a function of states; x: array, shape (..., d); limit: float, default 1e-12.

    Examples
    --------
    >>> x = np.array([[0.3, -0.7, 0.2]])
    >>> dnn.checks.orthogonal_to_x(dnn.SpherePreservingField.random(3, width=4, rng=0), x).passed
    True
    >>> round(dnn.checks.orthogonal_to_x(lambda x: -2 * x, x).measured, 6)  # the cosine, in size
    1.0
    """
    X, x = points_of(X, x, field_entries)
    y = X(x)
    refuse(y.shape != x.shape, f"X(x) has shape {y.shape}, needed is {x.shape}", WrongResult)
    sizes = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    cosine = np.max(np.abs((x * y).sum(axis=-1)) / np.maximum(sizes, TINY))
    check = Check(f"orthogonality of {name_of(X)}", cosine, limit, "|xᵀX|/(‖x‖‖X‖)")
    if not check.passed:
        check.finds(f"X(x) is not at right angles to x: the cosine is up to {cosine:.3g}")
    return check


@fails_on_wrong_results
def curl_free(X, x, limit=1e-12):
    """max ‖X′ − X′ᵀ‖/‖X′‖ over the batch: at rounding if the field X is a gradient.

    X: a field, or a function of states; x: array, shape (..., d); limit: float, default 1e-12. X′
    is X.jacobian(x), or if X has none by complex steps, or by difference quotients (limit 1e-7).

    Examples
    --------
    >>> x = np.array([[0.3, -0.7]])
    >>> dnn.checks.curl_free(dnn.GradientField.random(2, width=3, rng=0), x).passed
    True
    >>> rotation = dnn.systems.harmonic_oscillator()  # X′ = [[0, 1], [−1, 0]]
    >>> round(dnn.checks.curl_free(rotation, x).measured, 6)  # ‖2X′‖/‖X′‖
    2.0
    """
    X, x = points_of(X, x, field_entries)
    (J, source), limit = jacobian_of(X, x), real_number(limit, "limit")
    limit = max(limit, 1e-7) if source == DIFFERENCES else limit
    skew = np.linalg.norm(J - J.swapaxes(-1, -2), axis=(-2, -1))
    measured = np.max(skew / np.maximum(np.linalg.norm(J, axis=(-2, -1)), TINY))
    check = Check(f"curl of {name_of(X)}", measured, limit, f"‖X′ − X′ᵀ‖/‖X′‖{source}")
    if not check.passed:
        check.finds("X′ is not symmetric, so X is no gradient")
    return check


@fails_on_wrong_results
def invariant(F, I, x, steps=100, limit=None):
    """Drift max_n |I(x_n) − I(x_0)| over x_n = F(x_{n−1}), n ≤ steps, worst of the batch.

    Parameters
    ----------
    F : Map, or a function of states
        A step, ℝᵈ → ℝᵈ.
    I : Invariant, or a function of the state, (..., d) → (...)
        What it should keep.
    x : array, shape (..., d)
        Where the steps start.
    steps : int ≥ 1, default 100
        Their number.
    limit : float, default None
        None: (steps + d) · 2.2e-16 times the larger of |I| and 4|∇I||x|, as relative changes of the
        x_n by 1e-6 measure it: a rounding error per step, and those of I itself.

    Examples
    --------
    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0])
    >>> F, energy = dnn.Flow(X, 0.1, dnn.Euler()), X.invariants["energy"]
    >>> round(dnn.checks.invariant(F, energy, x, steps=1).measured, 6)  # h²/2
    0.005
    >>> dnn.checks.invariant(dnn.Flow(X, 0.1, dnn.ImplicitMidpoint()), energy, x, 30).passed
    True
    """
    (F, x), I = points_of(F, x, field_entries), Given(I, "I(x)", number_entries)
    states = [x]
    for _ in range(dimension(steps, "steps")):
        states.append(frozen(F(states[-1])))
        refuse(
            states[-1].shape != x.shape,
            f"F(x) has shape {states[-1].shape}, needed is {x.shape}",
            WrongResult,
        )
    values = np.array([I(x) for x in states])
    refuse(not np.isfinite(values).all(), "I(x_n) is not finite", WrongResult)
    drift = np.abs(values - values[0]).max()
    rng, sensitive = np.random.default_rng(0), np.abs(values).max()
    for _ in range(4):
        moved = np.array([I(x * (1 + 1e-6 * rng.choice((-1, 1), x.shape))) for x in states])
        sensitive = max(sensitive, 4e6 * np.abs(moved - values).max())
    rounding = (steps + x.shape[-1]) * EPS * sensitive
    limit = rounding if limit is None else limit
    check = Check(f"invariant of {name_of(F)}", drift, limit, f"drift over {steps} steps")
    if not check.passed:
        first = np.max(np.abs(values[1] - values[0]))
        check.finds(f"I moves by up to {first:.2g} in one step, {drift:.2g} in {steps}")
    return if_it_is_a_step(F, check)


@fails_on_wrong_results
def inverse(F, x, limit=1e-10):
    """‖F⁻¹(F(x)) − x‖, and if dimensions agree ‖F(F⁻¹(x)) − x‖, relative to max(1, ‖x‖), worst of
    the batch.

    F: a map, or a function of states, with `inverse(y)`, TypeError without; x: array, shape
    (..., d); limit: float, default 1e-10.

    Examples
    --------
    >>> class Shift:
    ...     def __call__(self, x):
    ...         return x + 1
    ...
    ...     def inverse(self, y):  # should be y − 1
    ...         return y + 1
    >>> dnn.checks.inverse(Shift(), np.array([[0.3, -0.7]])).finding
    'it is F itself: something is to be undone'
    """
    F, x = points_of(F, x)
    refuse(
        not hasattr(F, "inverse"),
        f"{name_of(F)} has no inverse: write inverse(self, y)",
        TypeError,
    )
    y = F(x)
    gaps = {"F⁻¹(F(x)) − x": F.inverse(y) - x}
    if np.shape(y) == x.shape:
        gaps["F(F⁻¹(x)) − x"] = F(F.inverse(x)) - x
    scale = np.maximum(1, np.linalg.norm(x, axis=-1))
    error = np.max([np.linalg.norm(gap, axis=-1) / scale for gap in gaps.values()])
    check = Check(f"inverse of {name_of(F)}", error, limit, " and ".join(gaps))
    if not check.passed and np.shape(y) == x.shape:
        check.finds(what_is_wrong_in_an_inverse(F, x, y))
    return check


def what_is_wrong_in_an_inverse(F, x, y):
    """What F⁻¹(F(x)) tells, and how its distance from x shrinks with the step h of F, if it has
    one: like h² if the parts of a step are undone in the wrong order, like h if one of them is
    not, or wrongly."""
    back = F.inverse(y)
    if near(F.inverse(x), y, y):
        return "it is F itself: something is to be undone"
    if near(back, -x, x):
        return "F⁻¹(F(x)) = −x: look for a sign"
    if near(np.roll(back, x.shape[-1] // 2, axis=-1), x, x):
        return "its halves are exchanged"
    off = f"F⁻¹(F(x)) is off by up to {np.abs(back - x).max():.3g}"
    small, smaller = (at_another_step(F, x, h) for h in (2e-4, 1e-4))
    if small is None or smaller is None or not np.linalg.norm(smaller[0]) > 1e-12:
        return off
    (gap, move), (half, _) = small, smaller
    size, move_of = (np.linalg.norm(a.reshape(-1, x.shape[-1]), axis=0) for a in (gap, move))
    order = np.log2(np.linalg.norm(gap) / np.linalg.norm(half))
    if abs(order - 2) < 0.1:
        return (
            "its error is of order h²: the parts are undone in the wrong order (the last one comes "
            "first), or with the old state where the new one belongs, or the other way round"
        )
    if not abs(order - 1) < 0.1:
        return off
    wrong = np.flatnonzero(size > 1e-2 * size.max())
    where, moves = f"in x[..., {wrong.tolist()}]", move_of[wrong].min() > 0
    ratio = gap[..., wrong] / np.where(move[..., wrong] == 0, np.inf, move[..., wrong])
    if moves and np.abs(ratio - 2).max() < 0.05:
        return f"{where}: the sign is wrong, what F adds is added again"
    if moves and np.abs(ratio - 1).max() < 0.05:
        return f"{where}: what F adds is not taken off"
    return f"{where}: its error is of order h, look for a sign, a transpose or a parameter"


def at_another_step(F, x, h):
    """F⁻¹(F(x)) − x and F(x) − x with another step h of F; None if it has none that can be set."""
    old, own = getattr(F, "h", None), "h" in getattr(F, "__dict__", {})
    if not isinstance(old, float | int):
        return None
    try:
        F.h = h
        y = F(x)
        return F.inverse(y) - x, y - x
    except Exception:
        return None
    finally:
        with contextlib.suppress(AttributeError):
            F.h = old
            if not own:  # it is the class's
                del F.h


@fails_on_wrong_results
def lipschitz(F, x, L=None, rng=0):
    """The largest stretch ‖F(x) − F(y)‖/‖x − y‖ that is found, against L, and rounding.

    Only values of F are used: pairs start along the largest singular vectors of difference
    quotients at the points x, at many distances, and go on by random search. What is found is a
    lower bound of the Lipschitz constant: a check that fails is a proof, one that passes is none.

    Parameters
    ----------
    F : Map, or a function of states
        ℝᵈ → ℝᵐ.
    x : array, shape (..., d)
        The points from which to search.
    L : float ≥ 0, default None
        The constant that is claimed; None: F.lipschitz().
    rng : Generator or int, default 0
        Of the search.

    Raises
    ------
    TypeError, NotImplementedError
        If L is None and F has no `lipschitz()`, or knows no constant.

    Examples
    --------
    >>> x = np.array([[0.5], [2.0]])
    >>> dnn.checks.lipschitz(np.sin, x, L=1).passed
    True
    >>> dnn.checks.lipschitz(np.sin, x, L=0.8).passed
    False
    """
    (F, x), rng = points_of(F, x), generator(rng)
    refuse(
        L is None and not hasattr(F, "lipschitz"),
        f"{name_of(F)} has no lipschitz(): write it, or give the constant, "
        "checks.lipschitz(F, x, L=…)",
        TypeError,
    )
    L = F.lipschitz() if L is None else L
    if not isinstance(L, float | int | np.number | np.ndarray) or np.ndim(L) or not L >= 0:
        raise WrongResult(f"a constant is one number ≥ 0, got {L}")
    L = float(L)
    x = x.reshape(-1, x.shape[-1])
    J = jacobian_by_differences(F, x).reshape(len(x), -1, x.shape[-1])
    refuse(not np.isfinite(J).all(), "x, or F near it, is not finite", WrongResult)
    scale = np.sqrt((x * x).sum(axis=-1).mean()) or 1.0
    x, v = np.tile(x, (4, 1)), np.tile(np.linalg.svd(J, full_matrices=False)[2][:, 0], (4, 1))
    y = x + scale * 10 ** rng.uniform(-3, 1, (len(x), 1)) * v

    def stretch(x, y):
        F_x, F_y, d = np.asarray(F(x)), np.asarray(F(y)), norm(x - y)
        D = norm(F_x - F_y) - 8 * EPS * norm(np.abs(F_x) + np.abs(F_y))  # less rounding
        return np.where(d > scale / 2000, np.maximum(0, D) / np.maximum(d, TINY), 0.0)

    best, reach = stretch(x, y), np.linalg.norm(x - y, axis=-1, keepdims=True)
    for k in range(200):
        step = reach * 0.5 ** (k % 10) / x.shape[1] ** 0.5
        x_new, y_new = (z + step * rng.normal(size=x.shape) for z in (x, y))
        found = stretch(x_new, y_new)
        better = found > best
        x[better], y[better], best[better] = x_new[better], y_new[better], found[better]
    measured = np.max(best)
    found = f"found {measured:.6g} of L = {L:.6g}, by search"
    if measured > L * (1 + 1e-9):
        times = f": {measured / L:.4g} times" if L else ""
        claim = f"the constant claims at most {L:.6g}{times}"
        found = f"two points are moved apart by {measured:.6g}, {claim}"
    return Check(f"Lipschitz constant of {name_of(F)}", measured, L * (1 + 1e-9), found)
