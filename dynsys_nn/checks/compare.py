"""What only a sheet can know: the right number, what typical mistakes make of it, and whether
predictions are true."""

import numpy as np

from .check import Check
from .words import UNKNOWN, words_for


def compared(name, found, right, mistakes=None, limit=1e-10):
    """‖found − right‖/‖right‖ of numbers or arrays. If it is more than the limit: the mistakes that
    lead to what was found, all of them where several look alike; or else that it is a multiple of
    what is right, or turned; or else where they differ most.

    mistakes: words → a number, or an array of the shape of `right`.
    """
    right = np.asarray(right, float)
    size, shape = np.linalg.norm(right) or 1.0, f"an array of shape {right.shape}"
    needed = f"needed is {shape if right.ndim else 'a number'}, got"
    try:
        found = np.array([] if found is None else found, float)
    except (TypeError, ValueError):
        return Check(name, np.inf, limit, f"{needed} one {type(found).__name__}")
    if found.shape != right.shape:
        got = f"one of shape {found.shape}" if found.size else "None: is there a return?"
        return Check(name, np.inf, limit, f"{needed} {got}")

    def gap(other):
        return np.linalg.norm(found - other)

    alike = [words for words, wrong in (mistakes or {}).items() if gap(wrong) <= 1e-6 * size]
    words = ", or ".join(alike) or words_for(found.ravel(), right.ravel(), {}, right.shape or (1,))
    if UNKNOWN in words:
        k = np.unravel_index(np.argmax(np.abs(found - right)), right.shape)
        at = f"at {list(map(int, k))} " if k else ""
        words = f"{at}it is {found[k]:.6g}, needed is {right[k]:.6g}"
    return Check(name, gap(right) / size, limit, words)


def predicted(name, said, facts):
    """The number of wrong predictions, and what was seen of the first of them.

    said: the letters of what is said to be true, "ad" or ["a", "d"]; facts: letter → (whether it is
    true, what was seen), all that can be said.
    """
    if not isinstance(said, str | set | frozenset | list | tuple) or not set(said) <= set(facts):
        letters = "".join(facts)
        return Check(name, np.inf, 0, f'needed are letters out of "{letters}", got {said!r}')
    wrong = [letter for letter, (true, _) in facts.items() if (letter in said) != true]
    first = [f"{k} is {'true' if facts[k][0] else 'false'}: {facts[k][1]}" for k in wrong[:1]]
    return Check(name, len(wrong), 0, "".join(first))
