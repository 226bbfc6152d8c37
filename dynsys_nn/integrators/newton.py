"""Newton's method, written once: y ← y − K(y)⁻¹r(y), K = ∂r/∂y, for a batch of equations."""

import numpy as np

from ..linear import solved

FRACTIONS = [2.0**-k for k in range(20, -1, -1)]  # of a step, the last is 1


class NotConverged(ArithmeticError):
    """Newton's method found no solution of an implicit step; the message names the step and the
    residual.

    Examples
    --------
    The midpoint m of a step of ẋ = x² from 1 is 1 + ½hm²: there is none for h > ½.

    >>> X = dnn.KnownField(lambda x: x**2, 1, jacobian=lambda x: 2 * x[..., None])
    >>> try:
    ...     dnn.ImplicitMidpoint().step(X, np.ones(1), h=10.0)
    ... except dnn.NotConverged as error:
    ...     print(error)
    ImplicitMidpoint(): Newton's method did not converge in a step h = 10 from state number 0 of
    the batch: the residual of its stages is ...; take a smaller step
    """


def newton(equations, start, words, quadratic=False):
    """The y, (n, d), with r(y) = 0 to rounding in each row, from `start` on.

    For rows for which that fails, it starts again from where the first full step leads: an equation
    may be far stiffer there, and ‖r‖ not fall before that is known. Where that fails, too, the
    solution of a short step is followed to the long one: 2⁻²⁰, 2⁻¹⁹, …, 1 times the step, each from
    the y of the one before.

    equations(t, k, y): of the rows k, for t times the step, from y on, three functions.
    residual(j, y_j): r of rows j among these, (m, d); correction(j, y_j, r_j): K⁻¹r, (m, d);
    rounding(size): the ‖r‖ that counts as rounding, given its size at the start. words: the method,
    the step and what ‖r‖ is, for the error; quadratic: True if one step from there reaches what
    many would, and is the last, default False. Complex y get two more steps, for imaginary parts
    far below the real parts' rounding. NotConverged if ‖r‖ stops decreasing earlier.
    """
    (method, h, what), rows = words, np.arange(len(start))
    y, size, small = descended(equations, 1.0, rows, start, quadratic)
    if not np.isfinite(size).all():
        k = np.argmin(np.isfinite(size))
        raise NotConverged(
            f"{method!r}: state number {k} of the batch, or its field, is not finite"
        )

    def again(t, k, y_k):
        y[k], size[k], small[k] = descended(equations, t, k, y_k, quadratic)

    k = rows[~(size <= small)]
    if k.size:
        residual, correction, _ = equations(1.0, k, start[k])
        j = np.arange(len(k))
        again(1.0, k, start[k] - corrections(correction, j, start[k], residual(j, start[k])))
    k = k[~(size[k] <= small[k])]
    if k.size:
        y[k] = start[k]
        for t in FRACTIONS:
            again(t, k, y[k])
    failed = rows[~(size <= small)]
    if failed.size:
        k = failed[np.argmax(size[failed] / small[failed])]
        residual, correction, _ = equations(1.0, rows[[k]], y[[k]])
        correction([0], y[[k]], residual([0], y[[k]]))  # if K is singular, that is the error
        raise NotConverged(
            f"{method!r}: Newton's method did not converge in a step h = {h:g} from state number "
            f"{k} of the batch: the residual {what} is {size[k]:.2g}; take a smaller step"
        )
    if np.iscomplexobj(y):
        residual, correction, _ = equations(1.0, rows, start)
        for _ in range(2):
            y = y - correction(rows, y, residual(rows, y))
    return y


def descended(equations, t, k, start, quadratic):
    """y of the rows k for t times the step, ‖r‖, and the ‖r‖ that counts as rounding. A step that
    does not make ‖r‖ smaller is halved. It iterates until ‖r‖ stops decreasing, i.e. until it is
    rounding error: a fixed tolerance would let invariants drift."""
    residual, correction, rounding = equations(t, k, start)
    y, going = start.copy(), np.arange(len(start))
    r = residual(going, y)
    size = norm(r)
    small = np.where(np.isfinite(size), rounding(size), 0)
    going = going[np.isfinite(size)]
    y_j, r_j, size_j, small_j = (a[going] for a in (y, r, size, small))  # of those that are going
    for _ in range(100):
        if not going.size:
            break
        delta, before = corrections(correction, going, y_j, r_j), size_j
        y_j, r_j, size_j = shortened(residual, going, y_j, r_j, size_j, small_j, delta)
        y[going], size[going] = y_j, size_j
        # at rounding, go on only if it halves
        fell = (size_j < before / 2) | ((size_j < before) & (size_j > small_j))
        if quadratic:
            fell &= before > small_j
        if not fell.all():
            going, y_j, r_j, size_j, small_j = (a[fell] for a in (going, y_j, r_j, size_j, small_j))
    return y, size, small


def shortened(residual, k, y, r, size, small, delta):
    """y − cδ, r and ‖r‖ there, c the first of 1, ½, ¼, … for which ‖r‖ falls, and what they are now
    where none does, or ‖r‖ is rounding."""
    y_new = y - delta
    r_new = residual(k, y_new)
    size_new = norm(r_new)
    grows = ~(size_new < size)
    if grows.any():
        y_new[grows], r_new[grows], size_new[grows] = y[grows], r[grows], size[grows]
        trying, c = np.flatnonzero(grows & (size > small)), 0.5
        while trying.size and c > 1e-6:
            y_c = y[trying] - c * delta[trying]
            r_c = residual(k[trying], y_c)
            size_c = norm(r_c)
            falls = size_c < size[trying]
            j = trying[falls]
            y_new[j], r_new[j], size_new[j] = y_c[falls], r_c[falls], size_c[falls]
            trying, c = trying[~falls], c / 2
    return y_new, r_new, size_new


def corrections(correction, j, y, r):
    """K⁻¹r of rows j, and 0, no step, where K is singular."""
    try:
        return correction(j, y, r)
    except NotConverged:
        if len(j) == 1:
            return np.zeros_like(r)
        rows = [slice(i, i + 1) for i in range(len(j))]
        return np.concatenate([corrections(correction, j[i], y[i], r[i]) for i in rows])


def solved_or_refused(K, r, words, rows, so="take a smaller step"):
    """K⁻¹r of a batch, (n, d, d) and (n, d, m). words: the method, the step and what K is; rows:
    the numbers of the states. NotConverged that names the state, and says so, if a K is
    singular."""
    try:
        return solved(K, r)
    except np.linalg.LinAlgError:
        method, h, what = words
        singular = [is_singular(K_k) for K_k in K]
        raise NotConverged(
            f"{method!r}: {what} is singular in a step h = {h:g} from state number "
            f"{rows[np.argmax(singular)]} of the batch: {so}"
        ) from None


def is_singular(K):
    try:
        return not np.isfinite(solved(K, np.eye(len(K), dtype=K.dtype))).all()
    except np.linalg.LinAlgError:
        return True


def norm(x):
    """‖x‖ over the last axis."""
    return np.sqrt((x.conj() * x).real.sum(axis=-1))
