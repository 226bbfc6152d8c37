"""What only a sheet can know: the right number, what typical mistakes make of it, and whether
predictions are true."""

import numpy as np

from ..arguments import dictionary, real_number, real_numbers
from .check import Check
from .words import UNKNOWN, words_for


def compared(name, found, right, mistakes=None, limit=1e-10):
    """‖found − right‖/‖right‖ of numbers or arrays.

    If it is more than the limit, `detail` has the mistakes that lead to what was found, all of them
    where several look alike; or else that it is a multiple of what is right, or turned; or else
    where they differ most.

    Parameters
    ----------
    name : str
        What is compared.
    found : float or array
        An answer; anything else fails, and is told what is needed.
    right : float or array
        What it should be.
    mistakes : dict, words → float or array, default None
        What typical mistakes lead to, perhaps of another shape than `right`; None: none is known.
    limit : float, default 1e-10
        Of the relative error.

    Examples
    --------
    >>> x = np.arange(4.0)  # of mean 1.5
    >>> dnn.checks.compared("mean", x.sum(), 1.5, mistakes={"this is the sum": 6.0}).detail
    'this is the sum'
    >>> dnn.checks.compared("x", x / 3, x).detail
    'it is 0.333333 times what it should be'
    """
    right, mistakes = real_numbers(right, "right must be"), dictionary(mistakes, "mistakes")
    size, shape = np.linalg.norm(right) or 1.0, f"an array of shape {right.shape}"
    needed = f"needed is {shape if right.ndim else 'a number'}, got"
    lacking = isinstance(found, list | tuple) and any(part is None for part in found)
    try:
        kind = complex if np.iscomplexobj(found) else float
        found = np.array([] if found is None or lacking else found, kind)
    except (TypeError, ValueError, OverflowError):
        return Check(name, np.inf, limit, f"{needed} one {type(found).__name__}")
    if np.iscomplexobj(found):
        said = "it is complex: if what is not real is rounding, take .real"
        return Check(name, np.inf, limit, said)

    def near(other):
        alike = np.shape(other) in {found.shape, () if found.shape == right.shape else None}
        return alike and np.allclose(found, other, 0, 1e-6 * size, equal_nan=True)

    words = ", or ".join(words for words, other in mistakes.items() if near(other))
    if found.shape != right.shape:
        got = f"one of shape {found.shape}" if found.size else "None: is there a return?"
        if found.shape == right.T.shape and np.allclose(found.T, right, 0, 1e-6 * size):
            got += ": it is transposed"
        return Check(name, np.inf, limit, words or f"{needed} {got}")
    with np.errstate(all="ignore"):
        gap = np.linalg.norm(found - right)
        if not words and 1e-4 * size < gap < np.inf:
            words = words_for(found.ravel(), right.ravel(), {}, right.shape or (1,))
        if not words or UNKNOWN in words:
            words = side_by_side(found.ravel(), right.ravel())
    return Check(name, gap / size, limit, words)


def side_by_side(found, right):
    """Four entries of both, the first unless these look alike, with as many digits as it takes."""
    worst = int(np.argmax(np.abs(found - right))) if found.size else 0
    for first, digits in ((0, 6), (worst, 6), (worst, 16)):
        said, true = (
            ", ".join(f"{entry:.{digits}g}" for entry in a[first : first + 4])
            for a in (found, right)
        )
        if said != true:
            break
    return f"it is {said}, needed is {true}" + (f", from entry {first} on" if first else "")


def predicted(name, said, facts):
    """The number of wrong predictions, and what was seen of the first of them.

    name: str, that of the variable that answers; said: the letters of what is said to be true, "ad"
    or ["a", "d"]; facts: dict, letter → (whether it is true, what was seen), all that can be said.
    NotImplementedError if said is None: nothing is predicted yet.

    Examples
    --------
    >>> facts = {"a": (True, "the error is halved"), "b": (False, "it needs 40 steps")}
    >>> dnn.checks.predicted("euler", "a", facts).passed
    True
    >>> dnn.checks.predicted("euler", "ab", facts).detail
    'b is false: it needs 40 steps'
    """
    if said is None:
        raise NotImplementedError(f"to be predicted: set {name}")
    letters = list(dictionary(facts, "facts"))
    said = said.replace(",", "").replace(" ", "") if isinstance(said, str) else said
    kinds = str | set | frozenset | list | tuple
    if not isinstance(said, kinds) or not all(letter in letters for letter in said):
        letters = "".join(map(str, letters))
        return Check(name, np.inf, 0, f'needed are letters out of "{letters}", got {said!r}')
    wrong = [letter for letter, (true, _) in facts.items() if (letter in said) != true]
    first = [f"{k} is {'true' if facts[k][0] else 'false'}: {facts[k][1]}" for k in wrong[:1]]
    return Check(name, len(wrong), 0, "".join(first))


def foretold(task, said, right, mistakes=None, hints=(), limit=1e-9):
    """The largest relative error of numbers that are predicted. What is right is not told: of each
    that is wrong the mistakes that lead to it, or else its hint.

    Parameters
    ----------
    task : str
        What is to be done.
    said : float, or list of float
        The predictions; None: there are none yet.
    right : float, or list of float
        What they should be.
    mistakes : dict, words → numbers like `right`, default None
        What typical mistakes lead to, NaN where they explain nothing; None: none is known.
    hints : list of str, default ()
        One for each number: what is said if it is wrong and no mistake is known.
    limit : float, default 1e-9
        Of the relative errors.

    Raises
    ------
    NotImplementedError
        With the task, if said is None.

    Examples
    --------
    How many times smaller is the error with half the step, of Euler's method and of RK4?

    >>> mistakes = {"the order is an exponent": [1, 4]}
    >>> dnn.checks.foretold("predict", said=[2, 4], right=[2, 16], mistakes=mistakes).detail
    'not 4: the order is an exponent'
    """
    if said is None:
        raise NotImplementedError(task)
    right, limit = np.ravel(real_numbers(right, "right must be")), real_number(limit, "limit")
    try:
        found = np.ravel(np.asarray(said, float))
    except (TypeError, ValueError, OverflowError):
        found = np.zeros(0)
    if found.shape != right.shape:
        many = "a number is" if right.size == 1 else f"{right.size} numbers are"
        return Check(task, np.inf, limit, f"{many} needed, got {said!r}")
    off = np.abs(found - right) / np.where(right, np.abs(right), 1)
    wrong, known = np.flatnonzero(~(off <= limit)), {}
    near = {
        words: {k for k in wrong if np.isclose(found[k], np.ravel(other)[k], 1e-3)}
        for words, other in dictionary(mistakes, "mistakes").items()
    }
    most = max(map(len, near.values()), default=0)
    near = {words: of for words, of in near.items() if most < len(wrong) or len(of) == most}
    for k in wrong:
        alike = ", or ".join(words for words, of in near.items() if k in of)
        words = alike or (hints[k] if len(hints) else "look again")
        known.setdefault(words, []).append(f"not {found[k]:.6g}")
    said = "; ".join(f"{' and '.join(numbers)}: {words}" for words, numbers in known.items())
    return Check(task, off.max(), limit, said)
