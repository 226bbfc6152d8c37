"""What a tutor would say of a wrong pullback: which piece of it, by which factor, and what that
looks like."""

import itertools

import numpy as np

from ..arguments import name_of
from .check import Truth, parameters_of, places, tangent_or_quotient, theta_of
from .slopes import of_the_slope
from .stages import mistakes_in_a_step, weights_of
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
    if not explained:
        for piece in unknown.copy():
            if words := of_what_is_left(truth, piece, wrong):
                said.setdefault(words, []).append(piece)
                unknown.remove(piece)
    return sentences([*steps], said, unknown, wrong) or "in a small entry"


def of_what_is_left(truth, piece, wrong):
    """What other states, or parts of a piece, tell if nothing is known of it as a whole. A factor
    of a matrix is looked at only if dx is right: else it may follow from that."""
    if not piece:
        weights = weights_of(truth.F, truth.x, truth.w, wrong[piece][0])
        return weights or of_parts(truth, wrong[piece][0])
    if len(wrong[piece][2]) == 1:
        return of_a_product_with_w(truth, piece)
    return None if "" in wrong else of_two_factors(truth, piece, wrong[piece][2])


def of_a_product_with_w(truth, piece):
    """Whether the gradient of a bias, the covector u = σ′ ⊙ Pw, has Pᵀw in place of Pw."""
    F, n, at = truth.F, truth.samples, places(truth.F)[piece]
    x, w = truth.x.reshape(n, -1)[[0]], truth.w.reshape(n, -1)[[0]]
    if np.shape(truth.w)[:-1] != truth.x.shape[:-1]:
        return None
    found, true = F.vjp(x)[1](w)[1][at], truth.of_samples()[0][at]
    for name, P in parameters_of(F).items():
        if P.shape == (w.size, w.size) == (found.size, found.size):
            for Q in (P, P.T):
                Qw, turned = Q @ w[0], Q.T @ w[0]
                another = not near(Qw, turned, Qw)
                if another and near(found * Qw, true * turned, true * turned):
                    return f"{name}w for {name}ᵀw, or the other way round"
    return None


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
    if made and all(near(found, made[0][1][name], found) for name, (found, *_) in wrong.items()):
        field = f"the vjp of the field {name_of(F.field)}"
        return {f"{field} is wrong, and the step's is what follows from it": list(wrong)}
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
        return words_for_dx(truth, its, true)
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
    return like(its, alone, true) or beside_a_product(truth, piece, its, true, shape) or words


def sum_of_rows(a):
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def words_for_dx(truth, found, true):
    """What is wrong with dx, which may have the covector w itself as a term, as for a step
    x + hX(x)."""
    F, x, w = truth.F, truth.x, truth.w
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


def of_two_factors(truth, piece, shape, less=0):
    """Which factor is wrong in the gradient of a matrix that is one product pqᵀ for each sample,
    less a term that is known; None if it is not such a product, or nothing or all of it is."""
    F, n, at = truth.F, truth.samples, places(truth.F)[piece]
    if len(shape) != 2 or np.shape(truth.w)[:-1] != truth.x.shape[:-1]:
        return None
    (here, *_, there), w = truth.x.reshape(n, 1, -1)[[0, 0, -1]], truth.w.reshape(n, 1, -1)[0]
    y, pullback = F.vjp(here)
    its, (left, right) = truth.of_samples()[0], (0, 1)
    found, true, other = (
        vectors_of(g[at].reshape(shape) - less)
        for g in (pullback(w)[1], its, F.vjp(there)[1](w)[1])
    )
    if found is None or true is None:
        return None
    right_ones = [parallel(p, q) for p, q in zip(found, true, strict=True)]
    if right_ones[left] == right_ones[right]:
        return None
    k = right_ones.index(False)
    said = (
        f"of Σ pqᵀ, {'pq'[1 - k]} ({shape[1 - k]} entries) is right, {'pq'[k]} ({shape[k]}) is not"
    )
    known = {f"the gradient of {name}": its[a] for name, a in places(F).items() if a != at}
    for name, a in {"x": here[0], "w": w[0], "F(x)": y[0]}.items():
        half = len(a) // 2
        known |= {name: a, f"{name}'s first half": a[:half], f"{name}'s last half": a[half:]}
    named = parameters_of(F)
    for P in [name for name, A in named.items() if A.shape == (found[k].size, here.size)]:
        Px = named[P] @ here[0]
        known[f"{P}x"] = Px
        for c in [name for name, b in named.items() if b.shape == Px.shape]:
            z = Px + named[c]
            known |= {f"{P}x + {c}": z, f"cos({P}x + {c})": np.cos(z)}
    what = [name for name, a in known.items() if parallel(found[k], a)]
    if not what and n > 1 and other is not None and parallel(found[k], other[k]):
        return said + ": it does not depend on x, is a slope σ′ missing?"
    return said + (f": it is {what[0]}" if what else "")


def vectors_of(M):
    """p and q of a matrix pqᵀ; None if it is no such product, or zero."""
    U, s, Vt = np.linalg.svd(M)
    return (U[:, 0], Vt[0]) if s[0] > 0 and not (s[1:] > 1e-5 * s[0]).any() else None


def parallel(p, q):
    size = np.linalg.norm(p) * np.linalg.norm(q)
    return p.shape == q.shape and size > 0 and abs(p @ q) > (1 - 1e-9) * size


def of_parts(truth, found):
    """What is wrong in dx that shows with other states and covectors, or in a half of it: that it
    does not depend on x, or that half not on the other one of w, where it should; or w + uPᵀ for
    w + uP."""
    F, x, w, d = truth.F, truth.x, truth.w, truth.x.shape[-1]
    if w.shape != x.shape:
        return None

    def pairs(x, w):
        return F.vjp(x)[1](w)[0], Truth(F, x, w).gradient("in x").reshape(x.shape)

    moved = 0.7 * x + 0.3
    (here, true), (there, true_there) = pairs(x, w), pairs(moved, w)
    if near(here, there, w) and not near(true, true_there, w):
        return "it does not depend on x: is a slope σ′ missing?"
    if d % 2:
        return None
    halves = [list(range(d // 2)), list(range(d // 2, d))]
    for half in halves:
        its, W, right = (a.reshape(-1, d)[:, half] for a in (found, w, truth.gradient("in x")))
        for name, P in parameters_of(F).items():
            square = P.shape == (d // 2, d // 2)
            turned = W + (right - W) @ np.linalg.pinv(P) @ P.T if square else its
            if square and not near(its, right, w) and near(its, turned, w):
                return f"in dx[..., {half}], {name} should be transposed"
    for k, half in enumerate(halves):
        some = np.zeros_like(w)
        some[..., half] = w[..., half]
        dx, right = pairs(x, some)
        other = halves[1 - k]
        if near(dx[..., other], 0, w) and not near(right[..., other], 0, w):
            return f"its [..., {other}] does not depend on w[..., {half}]: a term is missing"
        joined = near(dx[..., other], right[..., other], w)
        dx, right = dx - some, right - some
        if near(dx[..., half], 0, w) and not near(right[..., half], 0, w):
            said = f"its [..., {half}] is w[..., {half}] if w is zero elsewhere: a term is missing"
            before = f", what joins the covector of [..., {other}] before that goes on"
            return said + (before if joined else "")
    return None


def beside_a_product(truth, piece, found, true, shape):
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
        if near(found, 2 * term, true):
            return f"it is twice Σ u xᵀ, u the gradient of {name}: the other term is another one"
        if near(found, true - term, true):
            return f"the term Σ u xᵀ is missing, u the gradient of {name}"
        words = words_for(found - term, true - term, factors_of_a_step(F, truth.x), shape)
        if UNKNOWN in words:
            words = of_two_factors(truth, piece, shape, np.outer(u[0], x[0]))
        if words and "should be zero" not in words:
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
    for a, b in itertools.combinations(wrong, 2):
        if a in said.get(IT_IS_THAT_OF + b, []) and b in said.get(IT_IS_THAT_OF + a, []):
            steps = [*steps, f"the gradients of {a} and {b} are exchanged"]
            said = {words: pieces for words, pieces in said.items() if not {a, b} & {*pieces}}
    lines = steps + [f"{subject(pieces)}: {words}" for words, pieces in said.items()]
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
