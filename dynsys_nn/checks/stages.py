"""Typical mistakes in the adjoint of a Runge–Kutta step: what each of them gives, so that a wrong
pullback can be recognised."""

import numpy as np

from ..flows import Flow
from ..integrators import advance
from .words import factors_of_a_mean, near

ETA = "η = X′(Y)ᵀ(hκ)"
DEBTS = "what a stage owes to the earlier ones, a_ij η_i"


def mistakes_in_a_step(F, x, w):
    """[(words, (dx, dtheta, dh)), …] of typical mistakes in the adjoint of one step of a Flow whose
    method has an explicit tableau, its A and b, dtheta that of the field, and first, without
    words, of none; [] for other maps."""
    if not isinstance(F, Flow) or F.steps > 1 or not is_explicit(F.method):
        return []
    A, b, h, K, pullbacks = F.method.A, F.method.b, F.h, [], []
    for row in A:
        k, pullback = F.field._vjp(advance(x, h, row, K))
        K.append(k)
        pullbacks.append(pullback)
    stages = range(len(b))

    each = (1,) * len(b)

    def adjoint(
        b=b,
        a=1,
        c=(h,) * len(b),
        of=stages,
        dx=each,
        theta=each,
        direct=b,
        share=1,
        late=False,
        raw=False,
        plain=False,
    ):
        """dx, dtheta, dh with one thing wrong: the weights, the factor a of the a_ij, c of hκ, the
        stages whose pullbacks are taken, how often each is in dx, or in dtheta; the weights of
        ⟨w, ΣbK⟩, the factor of the stages' share of dh, and whether that has K_i for K_j;
        whether κ_i stands for η_i in the debts, and 1 for a_ij in that share."""
        kappa, found_dx, found_theta = [b_i * w for b_i in b], w, 0.0
        dh = sum(d * (w * k).sum() for d, k in zip(direct, K, strict=True))
        for i in reversed(stages):
            eta, dtheta = pullbacks[of[i]](c[i] * kappa[i])
            found_dx = found_dx + dx[i] * eta
            found_theta = found_theta + theta[i] * dtheta
            for j, a_ij in enumerate(A[i]):
                kappa[j] = kappa[j] + a * a_ij * (kappa[i] if raw else eta)
                dh += share * (1 if plain and a_ij else a_ij) * (eta * K[i if late else j]).sum()
        return found_dx, found_theta, dh

    def but(i):
        return [int(j != i) for j in stages]

    def at(i, factor):
        return [factor * h if j == i else h for j in stages]

    only = [[int(j == i) for j in stages] for i in stages]
    n, N, alone, turned = w[..., 0].size, w.size, "stage alone: sum over the stages", b[::-1]
    means = factors_of_a_mean({f"the batch of {n}": n, f"all {N} entries": N})
    mistakes = [
        ("", {}),
        ("the weights b are in reverse order", {"b": turned, "direct": turned}),
        ("the weights b are in reverse order", {"b": turned}),
        ("the weights b are in reverse order in the gradient of h", {"direct": turned}),
        ("the stages' share of the gradient of h is missing", {"share": 0}),
        ("the stages' share of the gradient of h has the wrong sign", {"share": -1}),
        ("one factor h too many in the stages' share of the gradient of h", {"share": h}),
        ("a factor h is missing in the stages' share of the gradient of h", {"share": 1 / h}),
        ("the term ⟨w, Σ b_i K_i⟩ is missing in the gradient of h", {"direct": [0 * c for c in b]}),
        (f"the gradient in θ is that of the first {alone}", {"theta": only[0]}),
        (f"the gradient in θ is that of the last {alone}", {"theta": only[-1]}),
        ("the stages of the gradient in θ are weighted with b, as κ is already", {"theta": b}),
        ("the stages' share of the gradient of h has K_i for K_j", {"late": True}),
        ("a_ij is missing in the stages' share of the gradient of h", {"plain": True}),
        (f"{DEBTS}, has κ_i for η_i", {"raw": True}),
        (f"a factor h is missing: {ETA}", {"c": [1 for _ in b]}),
        (f"one factor h too many: {ETA}", {"c": [h * h for _ in b]}),
        ("each stage has the pullback at x, that of the first", {"of": [0 for _ in b]}),
    ]
    for words, factor in means.items():
        mistakes += [
            (f"the stages' share of the gradient of h: {words}", {"share": factor}),
            (f"⟨w, Σ b_i K_i⟩ in the gradient of h: {words}", {"direct": [factor * c for c in b]}),
        ]
    for words, factor in (
        (f"{DEBTS}, is missing", 0),
        (f"{DEBTS}, has the wrong sign", -1),
        (f"one factor h too many in {DEBTS}", h),
        (f"a factor h is missing in {DEBTS}", 1 / h),
    ):  # in dh as in κ, or in κ alone
        mistakes += [(words, {"a": factor, "share": factor}), (words, {"a": factor})]
    for i in stages if len(b) > 1 else ():
        if len(b) > 2:  # of two stages it is that of the other one alone
            mistakes.append((f"the gradient in θ lacks that of stage {i + 1}", {"theta": but(i)}))
        mistakes += [
            (f"η_{i + 1} is missing in dx", {"dx": but(i)}),
            (f"a factor h is missing in stage {i + 1}: {ETA}", {"c": at(i, 1 / h)}),
            (f"one factor h too many in stage {i + 1}: {ETA}", {"c": at(i, h)}),
        ]
    return [(words, adjoint(**mistake)) for words, mistake in mistakes]


def weights_of(F, x, w, dx):
    """What method of two stages has dx as its adjoint: another b and a₂₁, or one that goes through
    the stages forward; "" if there is none, or several."""
    if not isinstance(F, Flow) or F.steps > 1 or not is_explicit(F.method) or len(F.method.b) != 2:
        return ""
    h, a = F.h, F.method.A[1][0] if F.method.A[1] else 0
    k, first = F.field._vjp(x)
    _, second = F.field._vjp(x + h * a * k)
    p, q = first(w)[0], second(w)[0]
    terms = h * p, h * q, h * h * first(q)[0], h * h * second(p)[0]
    M, off = np.stack([np.ravel(t) for t in terms], axis=-1), dx - np.ravel(w)
    (b1, b2, back, forward), _, rank, _ = np.linalg.lstsq(M, off, rcond=1e-8)
    if rank < 4 or not near(M @ (b1, b2, back, forward), off, off):
        return ""
    if abs(forward) > 1e-4 > abs(back):
        return "it goes through the stages from the first one: go back, the last one first"
    if abs(forward) > 1e-4 or abs(b2) < 1e-4:
        return ""
    return f"it is that of b = ({b1:.4g}, {b2:.4g}), a₂₁ = {round(back / b2, 6) + 0:.4g}"


def is_explicit(method):
    """Whether a method has a tableau whose stages follow from those before them."""
    A, b = getattr(method, "A", None), getattr(method, "b", None)
    rows = isinstance(A, list | tuple) and isinstance(b, list | tuple) and len(A) == len(b)
    return rows and not any(any(row[i:]) for i, row in enumerate(A))
