"""Constants as numbers: computed exactly, in fractions, and rounded outward once.

What is exact stays as it is, 1 · 1 = 1; an overflow is ∞, and only what is 0 is 0.
"""

import math
import sys
from fractions import Fraction

import numpy as np

LARGEST = sys.float_info.max


def up(q):
    """The smallest float ≥ q, a Fraction."""
    try:
        x = float(q)
    except OverflowError:
        return math.inf if q > 0 else -LARGEST
    return x if x >= q else math.nextafter(x, math.inf)


def down(q):
    """The largest float ≤ q, a Fraction."""
    return 0.0 - up(-q)  # 0.0 − 0.0 has no sign


def outward(bound, *numbers):
    """bound(*numbers), a formula in +, −, ·, / and max, rounded up; ∞ if one of the numbers is not
    finite."""
    numbers = [float(number) for number in numbers]
    return up(bound(*map(Fraction, numbers))) if all(map(math.isfinite, numbers)) else math.inf


def inward(bound, *numbers):
    """bound(*numbers) ≥ 0 as in `outward`, rounded down; 0 if one of the numbers is not finite."""
    return max(0.0, 0.0 - outward(lambda *exact: -bound(*exact), *numbers))


def product(*factors):
    """Π of numbers ≥ 0, rounded up; 0 if one of them is 0, even beside ∞."""
    if 0 in factors:
        return 0.0
    total = 1.0
    for factor in factors:
        total = outward(lambda a, b: a * b, total, factor)
    return total


def power(L, n):
    """Lⁿ by squaring, each product rounded up."""
    total = 1.0
    while n:
        if n % 2:
            total = product(total, L)
        L, n = product(L, L) if n > 1 else L, n // 2
    return total


def root(q):
    """√q rounded up, q ≥ 0 a Fraction or a float, perhaps ∞."""
    s = math.sqrt(q if q == math.inf else up(q))
    return s if s == math.inf or Fraction(s) ** 2 >= q else math.nextafter(s, math.inf)


def hull(*factors):
    """(low, high), which holds all products of one number out of each list, rounded outward."""
    products = [Fraction(1)]
    for numbers in factors:
        if not all(map(math.isfinite, numbers)):
            return -math.inf, math.inf
        products = [a * Fraction(float(b)) for a in products for b in numbers]
    return down(min(products)), up(max(products))


# ---- weights


def not_finite(F):
    """Where a parameter of F is not finite, "W must be finite, got nan at (0, 3)" without the name
    of F; None if all are."""
    for name, array in F._named().items():
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            place = tuple(map(int, bad[0]))
            return name, f"must be finite, got {array[place]}" + f" at {place}" * bool(place)
    return None


def require_finite(F, of=None, prefix=""):
    """ValueError that names the array and the place, unless all parameters of F are finite: "2.W of
    the Network must be finite, got nan at (0, 3)"."""
    bad = not_finite(F)
    if bad:
        raise ValueError(f"{prefix}{bad[0]} of the {of or type(F).__name__} {bad[1]}")
