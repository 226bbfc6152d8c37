"""What a wrong array looks like beside the right one: a multiple of it, turned, or neither."""

import numpy as np

from .check import TINY

UNKNOWN = "no multiple of what it should be"
LOOK = "look for a term, a slope σ′, a transpose or an index"


def like(found, others, scale):
    """The words for the first of the others, (words, array), that `found` is near; None if none."""
    fits = (words for words, other in others if near(found.ravel(), np.ravel(other), scale))
    return next(fits, None)


def near(found, true, scale):
    return np.linalg.norm(found - true) <= 1e-5 * (np.linalg.norm(scale) + TINY)


def factors_of_a_mean(counts):
    """words → factor, for a mean that should be a sum and a sum that should be a mean; counts: over
    what → how many."""
    counts = {what: n for what, n in counts.items() if n > 1}
    few = {f"a mean over {what} instead of a sum": 1 / n for what, n in counts.items()}
    many = {f"{n} times too much: a mean over {what} is missing": n for what, n in counts.items()}
    return few | many


def words_for(found, true, factors, shape):
    """What is wrong with a gradient of the given shape; both flat. factors: words → factor, of
    typical mistakes."""
    if np.linalg.norm(found) <= 1e-12 * np.linalg.norm(true):
        return "it is zero"
    if np.linalg.norm(true) <= 1e-12 * np.linalg.norm(found):
        return "it should be zero"
    c = (found @ true) / (true @ true)
    if near(found, c * true, true):
        if abs(c + 1) < 1e-4:
            return "the sign is wrong"
        for sign, remark in ((1, ""), (-1, ", and the sign is wrong")):
            fitting = [
                words for words, factor in factors.items() if abs(sign * c / factor - 1) < 1e-4
            ]
            if fitting:
                return ", or ".join(fitting) + remark
        # any number is a multiple of another
        if true.size > 1 or min(abs(k - round(k)) for k in (c, 1 / c)) < 1e-4:
            return f"it is {c:.6g} times what it should be"
    M = true.reshape(-1, *shape[-1:])
    turned = [
        ("it is transposed", M.T),
        ("it is transposed, and the sign is wrong", -M.T),
        ("its entries are in reverse order", M[::-1] if len(shape) == 2 else M[..., ::-1]),
    ]
    percent = 100 * np.linalg.norm(found - true) / np.linalg.norm(true)
    return like(found, turned, true) or f"off by {percent:.3g} %, {UNKNOWN}: {LOOK}"
