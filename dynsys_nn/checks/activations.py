"""Is an activation what it says? σ, σ′ and γ against each other, and the bounds of the slope."""

from fractions import Fraction

import numpy as np

from ..arguments import (
    WrongResult,
    dictionary,
    frozen,
    instance,
    real_number,
    refuse,
    result,
    results,
)
from .check import TINY, Check, fails_on_wrong_results, name_of
from .words import like, near


@fails_on_wrong_results
def activation(sigma, limit=1e-7, mistakes=None):
    """σ′ against difference quotients of σ, γ′ against σ, slope_min ≤ σ′ ≤ slope_max, σ and γ
    without jumps, σ and σ′ at ±1e300: the first error that is more than the limit, or else the
    largest.

    sigma: an object with σ(z) and `slope(z)`; `primitive`, `value_and_slope`, `vjp`, `slope_min`
    and `slope_max` are checked if it has them. limit: float, default 1e-7. mistakes: dict, words →
    the function of z to which the mistake leads instead of σ′ or γ, default None: none is known.
    The points are 4001 between −20 and 20, none of them a round number, as kinks usually are.

    Examples
    --------
    >>> class Square:
    ...     def __call__(self, z):
    ...         return z**2
    ...
    ...     def slope(self, z):  # should be 2z
    ...         return z
    >>> print(dnn.checks.activation(Square()).detail)
    σ′ against differences of σ; it is 0.5 times what it should be
    """
    instance(sigma, ("__call__",), "an activation has σ(z) and slope(z)")
    limit, z = real_number(limit, "limit"), frozen(np.linspace(-20, 20, 4001) + 0.00371)
    refuse(not callable(getattr(sigma, "slope", None)), "slope(z) is missing", WrongResult)
    s = finite_result(sigma, sigma, z, "σ(z)")
    slope = finite_result(sigma, sigma.slope, z, "slope(z)")
    known = {words: f(z) for words, f in dictionary(mistakes, "mistakes").items()}
    of_slope, of_primitive = {"it is σ itself": s} | known, {"it is σ′ itself": slope} | known
    parts = [
        against_differences("σ′ against differences of σ", sigma, slope, z, limit, of_slope),
        jump_of("σ", sigma, z),
    ]
    if hasattr(sigma, "primitive"):
        parts += [
            against_differences("γ′ against σ", sigma.primitive, s, z, limit, of_primitive, True),
            jump_of("γ", sigma.primitive, z),
        ]
    if hasattr(sigma, "value_and_slope"):
        both = results(sigma, sigma.value_and_slope(z), ("s", "slope"), "value_and_slope(z)")
        gap = np.abs(np.subtract(both, (s, slope))).max()
        parts.append((gap, "value_and_slope against σ and σ′"))
    if hasattr(sigma, "vjp"):
        value, pullback = results(sigma, sigma.vjp(z), ("s", "pullback"), "vjp(z)", True)
        gap = np.abs(np.subtract((value, pullback(z)), (s, slope * z))).max()
        parts.append((gap, "vjp against σ and σ′(z) w"))
    parts += bounds_of_the_slope(sigma, slope)
    parts += [
        overflow_of(f, name, sign)
        for f, name in ((sigma, "σ"), (sigma.slope, "σ′"))
        for sign in (1, -1)
    ]
    error, words = next((part for part in parts if not part[0] <= limit), max(parts))
    return Check(f"activation of {name_of(sigma)}", error, limit, words)


def overflow_of(f, name, sign):
    """Whether f is finite up to |z| = 1e300, or overflows where its value does: infinite beyond a
    z at which it is nearly the largest number."""

    def at(z):
        return float(np.asarray(f(frozen(np.array([sign * z]))))[0])

    with np.errstate(all="ignore"):
        low, high = 20.0, 1e300
        while not np.isfinite(at(high)) and high / low > 1 + 1e-12:
            middle = low**0.5 * high**0.5
            low, high = (middle, high) if np.isfinite(at(middle)) else (low, middle)
        last, first = at(low), at(high)
    right = np.isfinite(first) or np.isinf(first) and abs(last) > 1e300
    words = f"{name} up to 1e300: it is {last:.4g} at z = {sign * low:.4g}, and then {first:g}"
    return (0.0 if right else np.inf, words)


def finite_result(sigma, f, z, what):
    """f(z), of the shape of z and finite; WrongResult otherwise."""
    y = result(sigma, f(z), z.shape, what)
    if not np.isfinite(y).all():
        raise WrongResult(f"{what} is not finite at z = {z[~np.isfinite(y)][0]:.4g}")
    return y


def against_differences(words, f, found, z, limit, others, blame_f=False):
    """The error of `found` as f′, and what to say of it; others: words → values that may stand in
    its place; blame_f: if they differ, f is wrong, and not `found`."""
    quotient, error = slope_of(f, z, found)
    error = error / max(1, np.abs(found).max())
    wrong, right = (quotient, found) if blame_f else (found, quotient)
    written = f(z) if blame_f else found
    itself = like(written, [(f"; {said}", a) for said, a in others.items()], written)
    known = itself if error.max() > limit else None
    return np.max(error), words + (known or remark(wrong, right, z, error, limit))


def remark(found, right, z, error, limit):
    """What a wrong derivative looks like: a multiple of the right one, or wrong where; nothing if
    it is right."""
    if error.max() <= limit:
        return ""
    c = (found @ right) / max(right @ right, TINY)
    if abs(c - 1) > 1e-4 and right.any() and near(found, c * right, right):
        times = f"; it is {c:.6g} times what it should be"
        return times if abs(c + 1) > 1e-4 else "; the sign is wrong"
    k = np.argmax(error)
    worst = f"worst at z = {z[k]:.4g}: it is {found[k]:.4g}, and should be {right[k]:.4g}"
    return f"; {a_power(found, right) or worst}"


def a_power(found, right):
    """Words, if `found` is a multiple of another power of `right`, both positive."""
    some = np.abs(right) > 1e-3 * np.abs(right).max()  # of the others, differences are rounding
    x, y = right[some], found[some]
    if not (min(x.min(), y.min()) > 0 and np.ptp(np.log(x)) > 1):
        return None
    p, log_c = np.polyfit(np.log(x), np.log(y), 1)
    if abs(p - 1) < 1e-3 or not near(y, np.exp(log_c) * x**p, y):
        return None
    ratio = Fraction(p).limit_denominator(12)
    power = ratio if abs(p - ratio) < 1e-3 else f"{p:.4g}"
    times = "" if abs(log_c) < 1e-4 else f"{np.exp(log_c):.4g} times "
    return f"it is {times}the power {power} of what it should be"


def slope_of(f, z, near_to):
    """f′(z) by Richardson's (4D(ε/2) − D(ε))/3, D(ε) = (f(z + ε) − f(z − ε))/2ε, and its distance
    from `near_to`: at each point the ε, out of seven, for which that is least. So points near a
    kink, and steep functions, take a small one."""
    best, distance = np.full_like(z, np.nan), np.full_like(z, np.inf)
    for eps in 0.02 / 8.0 ** np.arange(7):
        D, half = ((f(z + e) - f(z - e)) / ((z + e) - (z - e)) for e in (eps, eps / 2))
        quotient = (4 * half - D) / 3
        less = np.abs(quotient - near_to) < distance
        best[less], distance[less] = quotient[less], np.abs(quotient - near_to)[less]
    return best, distance


def jump_of(name, f, z):
    """The largest increment of f, relative to max(1, |f|), that is left when the intervals between
    the points z are halved 36 times, each time to the half with the larger increment; and where."""
    a, b = z[:-1], z[1:]
    for _ in range(36):
        m = (a + b) / 2
        f_a, f_m, f_b = f(a), f(m), f(b)
        left = np.abs(f_m - f_a) > np.abs(f_b - f_m)
        a, b = np.where(left, a, m), np.where(left, m, b)
    jumps = np.abs(f(b) - f(a)) / np.maximum(1, np.abs(f(a)))
    k = np.argmax(jumps)
    return jumps[k], f"jumps of {name}, the largest at z = {b[k]:.4g}"


def bounds_of_the_slope(sigma, slope):
    """Whether slope_min ≤ σ′ ≤ slope_max, at the points and between points far out; nothing if
    there are no bounds."""
    low, high = getattr(sigma, "slope_min", None), getattr(sigma, "slope_max", None)
    if low is None and high is None:
        return []
    refuse(
        low is None or high is None,
        f"slope_{'min' if low is None else 'max'} is missing beside the other bound",
        WrongResult,
    )
    far = np.array([-1e300, -1e200, -1e100, -20, 20, 1e100, 1e200, 1e300])
    with np.errstate(all="ignore"):
        far = far[np.isfinite(sigma(frozen(far)))]
        s, dz = sigma(frozen(far)), np.diff(far)
        size = np.maximum(np.abs(s[1:]) + np.abs(s[:-1]), TINY)
        missing, excess = (low * dz - np.diff(s)) / size, (np.diff(s) - high * dz) / size
    return [
        (
            np.max([0.0, low - slope.min(), slope.max() - high]),
            f"slope_min = {low:g} ≤ σ′ ≤ slope_max = {high:g}, "
            f"found from {slope.min():.4g} to {slope.max():.4g}",
        ),
        (
            np.max([0.0, *missing]),
            f"σ grows by less than slope_min = {low:g} says, up to |z| = 1e300",
        ),
        (
            np.max([0.0, *excess]),
            f"σ grows by more than slope_max = {high:g} says, up to |z| = 1e300",
        ),
    ]
