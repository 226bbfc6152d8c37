"""Newton's method, written once: y ← y − K(y)⁻¹r(y), K = ∂r/∂y, for a batch of equations."""

import numpy as np

from ..linear import solved


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


def newton(residual, correction, y, rounding, words, quadratic=False):
    """The y, (n, d), with r(y) = 0 to rounding in each row, from y on.

    A step that does not make ‖r‖ smaller is halved. It iterates until ‖r‖ stops decreasing, i.e.
    until it is rounding error: a fixed tolerance would let invariants drift. Complex y get two more
    steps, for imaginary parts far below the real parts' rounding.

    residual(k, y_k): r of rows k, (m, d); correction(k, y_k, r_k): K⁻¹r, (m, d); rounding(size):
    the ‖r‖, (n,), that counts as rounding, given its size at the start; words: the method, the step
    and what ‖r‖ is, for the error; quadratic: True if one step from there reaches what many would,
    and is the last, default False. NotConverged if ‖r‖ stops decreasing earlier.
    """
    (method, h, what), y, going = words, y.copy(), np.arange(len(y))
    r = residual(going, y)
    size = norm(r)
    small = rounding(size)
    if not np.isfinite(size).all():
        k = np.argmin(np.isfinite(size))
        raise NotConverged(
            f"{method!r}: state number {k} of the batch, or its field, is not finite"
        )
    delta = np.zeros_like(y)
    for _ in range(100):
        if not going.size:
            break
        delta[going] = correction(going, y[going], r[going])
        before, trying, c = size.copy(), going, 1.0
        while trying.size and c > 1e-6:  # the full step, or half of it, or a quarter …
            y_new = y[trying] - c * delta[trying]
            r_new = residual(trying, y_new)
            size_new = norm(r_new)
            falls = size_new < size[trying]
            k = trying[falls]
            y[k], r[k], size[k] = y_new[falls], r_new[falls], size_new[falls]
            trying = trying[~falls & (size[trying] > small[trying])]
            c /= 2
        # at rounding, go on only if it halves
        fell = (size < before / 2) | ((size < before) & (size > small))
        if quadratic:
            fell &= before > small
        going = going[fell[going]]
    if not (size <= small).all():
        k = np.argmax(size / small)
        raise NotConverged(
            f"{method!r}: Newton's method did not converge in a step h = {h:g} from state number "
            f"{k} of the batch: the residual {what} is {size[k]:.2g}; take a smaller step"
        )
    for _ in range(2 if np.iscomplexobj(y) else 0):
        everywhere = slice(None)
        y = y - correction(everywhere, y, residual(everywhere, y))
    return y


def solved_or_refused(K, r, words, rows):
    """K⁻¹r of a batch, (n, d, d) and (n, d, m). words: the method, the step and what K is; rows:
    the numbers of the states. NotConverged that names the state if a K is singular."""
    try:
        return solved(K, r)
    except np.linalg.LinAlgError:
        method, h, what = words
        singular = [is_singular(K_k) for K_k in K]
        raise NotConverged(
            f"{method!r}: {what} is singular in a step h = {h:g} from state number "
            f"{rows[np.argmax(singular)]} of the batch: take a smaller step"
        ) from None


def is_singular(K):
    try:
        return not np.isfinite(solved(K, np.eye(len(K), dtype=K.dtype))).all()
    except np.linalg.LinAlgError:
        return True


def norm(x):
    """‖x‖ over the last axis."""
    return np.linalg.norm(x, axis=-1)
