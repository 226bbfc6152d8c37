"""What a tutor would say of a wrong pullback: which piece of it, by which factor, and what that
looks like."""

import itertools

import numpy as np

from ..flows import Flow
from ..integrators import advance
from .check import TINY, parameters_of, tangent_or_quotient, theta_of


def diagnosis(F, x, w, part, found):
    """What a tutor would say of a wrong pullback: which piece of it, by which factor, and what that
    looks like."""
    size = x.size if part == "in x" else theta_of(F).size
    if size > 2000:
        return "take a smaller map and batch to see where"
    if not np.isfinite(found).all():
        return "it is not finite"
    right = true_gradient(F, x, w, part)
    if near(np.ravel(found), right, right):
        return "in a small entry"
    mistakes = [(words, pulled[part == "in θ"]) for words, pulled in runge_kutta_mistakes(F, x, w)]
    words = like(found, mistakes, right)
    if part == "in x":
        return words or f"dx: {words_for_dx(found.ravel(), right, F, x, w)}"
    return words or diagnosis_in_theta(F, x, w, found, right)


def diagnosis_in_theta(F, x, w, found, right):
    """What is wrong with the gradient of which parameters."""
    at, named, said = places(F), parameters_of(F), {}
    wrong = [name for name in at if not near(found[at[name]], right[at[name]], right)]
    for name, other in itertools.permutations(wrong, 2):
        same_size = right[at[name]].shape == right[at[other]].shape
        if same_size and near(found[at[name]], right[at[other]], right):
            return f"the gradients of {name} and {other} are exchanged"
    for name in wrong:
        its, true, shape = found[at[name]], right[at[name]], named[name].shape
        words = words_for(its, true, factors_of_a_step(F, x), shape)
        if x.ndim > 1 and "no multiple" in words:
            alone = [
                (
                    f"it is that of the {which} sample alone: sum over the batch",
                    true_gradient(F, x[[k]], w[[k]], "in θ")[at[name]],
                )
                for k, which in ((0, "first"), (-1, "last"))
            ]
            words = like(its, alone, right) or words
        said.setdefault(words, []).append(name)
    sentences = [f"the gradient of {' and '.join(names)}: {words}" for words, names in said.items()]
    return "; ".join(sentences) or "in a small entry"


def true_gradient(F, x, w, part):
    """∂⟨w, F⟩ in all directions of x or of θ, flat: from the jvp, if it is right there, else
    difference quotients."""
    units = np.eye(theta_of(F).size) if part == "in θ" else np.eye(x.size).reshape(-1, *x.shape)
    return np.array([(w * tangent_or_quotient(F, x, e, part)[0]).sum() for e in units])


def runge_kutta_mistakes(F, x, w):
    """[(words, (dx, dtheta)), …] of typical mistakes in the adjoint of one Runge–Kutta step, of a
    Flow whose method has its A and b."""
    if not isinstance(F, Flow) or F.steps > 1 or getattr(F.method, "A", None) is None:
        return []
    A, b, h, K, pullbacks = F.method.A, F.method.b, F.h, [], []
    for row in A:
        k, pullback = F.field._vjp(advance(x, h, row, K))
        K.append(k)
        pullbacks.append(pullback)

    def adjoint(A=A, b=b, c=h, share=1, stages=range(len(b))):
        kappa, dx, dtheta = [b_i * w for b_i in b], w, 0.0
        dh = sum((k * K_i).sum() for k, K_i in zip(kappa, K, strict=True))
        for i in reversed(range(len(b))):
            eta, d = pullbacks[i](c * kappa[i])
            dx, dtheta = dx + eta, dtheta + d * (i in stages)
            for j, a_ij in enumerate(A[i]):
                kappa[j] = kappa[j] + a_ij * eta
                dh += share * a_ij * (eta * K[j]).sum()
        return dx, F.joined(dtheta, dh)

    no_debts, alone = [[0.0] * len(row) for row in A], "stage alone: sum over the stages"
    mistakes = {
        "the weights b are in reverse order": {"b": b[::-1]},
        "what a stage owes to the earlier ones, a_ij, is missing": {"A": no_debts},
        "the stages' share of the gradient of h is missing": {"share": 0},
        f"the gradient in θ is that of the first {alone}": {"stages": [0]},
        f"the gradient in θ is that of the last {alone}": {"stages": [len(b) - 1]},
        "a factor h is missing: η = X′(Y)ᵀ(hκ)": {"c": 1},
        "one factor h too many: η = X′(Y)ᵀ(hκ)": {"c": h * h},
    }
    return [(words, adjoint(**mistake)) for words, mistake in mistakes.items()]


def places(F):
    """name → slice of θ, for each parameter of F."""
    named = parameters_of(F)
    ends = np.cumsum([view.size for view in named.values()])
    return {
        name: slice(end - view.size, end)
        for (name, view), end in zip(named.items(), ends, strict=True)
    }


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


def factors_of_a_step(F, x):
    """words → factor: a mean over the batch, and a step h that is missing or one too many."""
    n, h = x[..., 0].size, getattr(F, "h", None)
    factors = factors_of_a_mean({f"the batch of {n}": n})
    if isinstance(h, float | int):
        factors |= {f"a factor h = {h:g} is missing": 1 / h, f"one factor h = {h:g} too many": h}
    return factors


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
    return like(found, turned, true) or (
        f"off by {100 * np.linalg.norm(found - true) / np.linalg.norm(true):.3g} %, no multiple of "
        "what it should be: look for a term, a slope σ′, a transpose or an index"
    )


def words_for_dx(found, true, F, x, w):
    """The same for dx, which may have the covector w itself as a term, as for a step x + hX(x)."""
    factors = factors_of_a_step(F, x)
    words = words_for(found, true, factors, x.shape[-1:])
    if "no multiple" not in words or np.shape(w) != x.shape:
        return words
    forward, w, d = np.ravel(tangent_or_quotient(F, x, w, "in x")[0]), np.ravel(w), x.shape[-1]
    terms = [
        ("the term w itself is missing", true - w),
        ("the term w itself is one too many", true + w),
    ]
    inner = words_for(found - w, true - w, factors, x.shape[-1:])
    known = "no multiple" not in inner and "should be zero" not in inner
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
    beside_w = f"beside w, {inner}" if known else None
    return like(found, terms, true) or beside_w or like(found, turned, true) or words
