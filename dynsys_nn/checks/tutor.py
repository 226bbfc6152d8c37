"""What a tutor would say of a wrong pullback: which piece of it, by which factor, and what that
looks like."""

import numpy as np

from .check import Truth, parameters_of, places, tangent_or_quotient, theta_of
from .slopes import of_the_slope
from .stages import mistakes_in_a_step
from .words import LOOK, UNKNOWN, factors_of_a_mean, like, near, words_for


def diagnosis(F, x, w, found):
    """What a tutor would say of a wrong pullback: which piece of it, by which factor, and what that
    looks like. found: "in x" → dx, "in θ" → dtheta, those of the two that are wrong."""
    if max(x.size, theta_of(F).size) > 2000:
        return "take a smaller map and batch to see where"
    if not all(np.isfinite(g).all() for g in found.values()):
        return "it is not finite"
    truth = Truth(F, x, w)
    wrong = wrong_pieces(truth, found)
    steps = of_the_stages(F, x, w, wrong)
    explained, said = sum(steps.values(), []), {}
    for piece in [piece for piece in wrong if piece not in explained]:
        said.setdefault(words_for_piece(truth, piece, wrong), []).append(piece)
    unknown = [piece for words, pieces in said.items() if UNKNOWN in words for piece in pieces]
    said = {words: pieces for words, pieces in said.items() if UNKNOWN not in words}
    if unknown and not explained:
        words, off = of_the_slope(truth, wrong, unknown)
        said |= {words: off} if off else {}
        unknown = [piece for piece in unknown if piece not in off]
    order = [name for name in unknown if name]
    if len(order) > 1 and near(
        np.sort(found["in θ"]), np.sort(truth.gradient("in θ")), found["in θ"]
    ):
        said |= {
            f"the entries are those of θ in another order: it is {', '.join(places(F))}": order
        }
        unknown = [piece for piece in unknown if piece not in order]
    return sentences([*steps], said, unknown, wrong) or "in a small entry"


def wrong_pieces(truth, found):
    """name → (found, right, shape), flat, of dx, its name is "", and of the gradient of each
    parameter, those that differ."""
    pieces = {}
    if "in x" in found:
        right = truth.gradient("in x")
        pieces[""] = found["in x"].ravel(), right, truth.x.shape[-1:], right
    if "in θ" in found:
        right, named = truth.gradient("in θ"), parameters_of(truth.F)
        for name, at in places(truth.F).items():
            pieces[name] = found["in θ"][at], right[at], named[name].shape, right
    return {
        name: (its, true, shape)
        for name, (its, true, shape, scale) in pieces.items()
        if not near(its, true, scale)
    }


def of_the_stages(F, x, w, wrong):
    """words → pieces: the mistakes in a Runge–Kutta step that explain all that is wrong, or all but
    the gradient of h, or that alone."""
    known, at = mistakes_in_a_step(F, x, w), places(F)

    def pieces_of(dx, dtheta, dh):
        cut = {name: np.ravel(dtheta)[k] for name, k in at.items() if name != "h"}
        return {"": np.ravel(dx), "h": np.ravel(dh), **cut}

    made = [(words, pieces_of(*pulled)) for words, pulled in known]
    explained = []
    for words, its in made[1:]:  # what is right stays right
        changed = [name for name, a in made[0][1].items() if not near(its[name], a, a)]
        names = [
            name
            for name in changed
            if name in wrong and near(wrong[name][0], its[name], wrong[name][1])
        ]
        explained += [(words, names)] if set(changed) <= set(wrong) else []
    for pieces in (list(wrong), [name for name in wrong if name != "h"], ["h"]):
        words = [words for words, names in explained if pieces and set(pieces) <= set(names)]
        if words:
            return {", or ".join(dict.fromkeys(words)): pieces}
    return {}


def words_for_piece(truth, piece, wrong):
    """What is wrong with dx, or with the gradient of a parameter."""
    (its, true, shape), F, x = wrong[piece], truth.F, truth.x
    if not piece:
        return words_for_dx(its, true, F, x, truth.w)
    for other, (_, its_true, its_shape) in wrong.items():
        if other not in ("", piece) and its_shape == shape and near(its, its_true, true):
            return IT_IS_THAT_OF + other
    words = words_for(its, true, factors_of_a_step(F, x), shape)
    if UNKNOWN not in words or x.ndim == 1:
        return words
    one, over = ("the {} sample", "the batch") if x.ndim == 2 else ("x[{}]", "all batch axes")
    numbers = ("first", "last") if x.ndim == 2 else (0, -1)
    rows = truth.of_samples().reshape(*x.shape[:-1], -1)[..., places(F)[piece]]
    alone = [
        (f"it is that of {one.format(number)} alone: sum over {over}", sum_of_rows(rows[k]))
        for number, k in zip(numbers, (0, -1), strict=True)
    ]
    return like(its, alone, true) or beside_a_product(truth, its, true, shape) or words


def sum_of_rows(a):
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def words_for_dx(found, true, F, x, w):
    """What is wrong with dx, which may have the covector w itself as a term, as for a step
    x + hX(x)."""
    factors, d = factors_of_a_step(F, x), x.shape[-1]
    words = words_for(found, true, factors, x.shape[-1:])
    if UNKNOWN not in words or np.shape(w) != x.shape:
        return words
    forward, w = np.ravel(tangent_or_quotient(F, x, w, "in x")[0]), np.ravel(w)
    terms = [
        ("the term w itself is missing", true - w),
        ("the term w itself is one too many", true + w),
        ("it is w itself: the other terms are missing, or cancel", w),
    ]
    inner = words_for(found - w, true - w, factors, x.shape[-1:])
    known = UNKNOWN not in inner and "should be zero" not in inner
    turned = [  # true = direct + uP, found = direct ± uPᵀ
        (
            f"{beside}a matrix should be transposed{remark}",
            direct + sign * ((true - direct).reshape(-1, d) @ np.linalg.pinv(P) @ P.T).ravel(),
        )
        for direct, beside in ((0, ""), (w, "beside w, "))
        for P in parameters_of(F).values()
        for sign, remark in ((1, ""), (-1, ", and the sign is wrong"))
        if P.shape == (d, d)
    ]
    turned.append(("it is F′w and not F′ᵀw: a matrix should be transposed", forward))
    halves = np.roll(true.reshape(-1, d), d // 2, axis=-1).ravel()
    turned += [("its halves are exchanged", halves)] * (d % 2 == 0)
    gap, W = ((true - found).reshape(-1, d), w.reshape(-1, d))
    some = [k for k in range(d) if near(gap[:, k], W[:, k], w)]
    rest = [k for k in range(d) if k not in some]
    if some and near(gap[:, rest], 0, w):
        terms.append((f"the term w itself is missing in w[..., {some}]", found))
    beside_w = f"beside w, {inner}" if known else None
    return like(found, terms, true) or beside_w or like(found, turned, true) or words


def beside_a_product(truth, found, true, shape):
    """What is wrong beside the term Σ u xᵀ of a matrix that acts twice, u the gradient of the bias
    for each sample; None if there is no such term, or nothing is known of it."""
    F, x = truth.F, truth.x.reshape(truth.samples, -1)
    for name, at in places(F).items():
        bias = parameters_of(F)[name]
        if bias.ndim != 1 or shape != (bias.size, x.shape[-1]):
            continue
        u = truth.of_samples()[:, at]
        term = (u.T @ x).ravel()
        if near(found, term, true):
            return f"it is Σ u xᵀ alone, u the gradient of {name}: does the matrix act twice?"
        if near(found, true - term, true):
            return f"the term Σ u xᵀ is missing, u the gradient of {name}"
        words = words_for(found - term, true - term, factors_of_a_step(F, truth.x), shape)
        if UNKNOWN not in words and "should be zero" not in words:
            return f"beside the term Σ u xᵀ, {words}"
    return None


def factors_of_a_step(F, x):
    """words → factor: a mean over the batch, or a part of it, and a step h that is missing or one
    too many."""
    n, N, h = x[..., 0].size, x.size, getattr(F, "h", None)
    factors = factors_of_a_mean({f"the batch of {n}": n, f"all {N} entries": N})
    if x.ndim > 2:
        axes = {f"batch axis {k} of {m} alone": m for k, m in enumerate(x.shape[:-1])}
        factors |= factors_of_a_mean(axes)
        factors[f"len(x) = {len(x)} is taken for the batch of {n}"] = len(x) / n
    if isinstance(h, float | int):
        factors |= {f"a factor h = {h:g} is missing": 1 / h, f"one factor h = {h:g} too many": h}
    return factors


# ---- in sentences

IT_IS_THAT_OF = "it is that of "


def sentences(steps, said, unknown, wrong):
    """What is known, `steps` and words → pieces, and last, in one sentence, the pieces of which
    nothing is."""
    lines = steps + [f"{subject(pieces)}: {words}" for words, pieces in said.items()]
    others = {
        p: words.removeprefix(IT_IS_THAT_OF) for words, pieces in said.items() for p in pieces
    }
    for a, b in others.items():
        if others.get(b) == a:
            return f"the gradients of {a} and {b} are exchanged"
    if unknown and lines:
        is_off = "is off, too" if len(unknown) == 1 else "are off, too"
        return "; ".join([*lines, f"{subject(unknown)} {is_off}: by this, or {LOOK}"])
    if unknown:
        ratios = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b, _ in wrong.values()]
        up_to = "up to " * (len(unknown) > 1)
        lines = [f"{subject(unknown)}: off by {up_to}{100 * max(ratios):.3g} %, {UNKNOWN}: {LOOK}"]
    return "; ".join(lines)


def subject(pieces):
    """ "dx and the gradient of A and b"."""
    names = [name for name in pieces if name]
    of = [f"the gradient of {' and '.join(names)}"] if names else []
    return " and ".join(["dx"] * ("" in pieces) + of)
