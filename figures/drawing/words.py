"""Numbers as they stand in a picture."""

from .options import simple


def ratio(value, largest=12):
    """A number for a formula: \\frac{4}{3} if it is one with a small denominator, or
    else four digits. Without dollars."""
    found = simple(value, largest)
    if not found or found[1] == 1:
        return f"{value:.4g}"
    sign, (p, q) = "-" if found[0] < 0 else "", found
    return rf"{sign}\frac{{{abs(p)}}}{{{q}}}"


def power(value):
    """2.1e-06 → 2\\cdot10^{-6}, without dollars."""
    mantissa, exponent = f"{value:.0e}".split("e")
    return rf"{mantissa}\cdot10^{{{int(exponent)}}}"
