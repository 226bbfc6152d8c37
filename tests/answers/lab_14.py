"""Answers to lab 14."""

import numpy as np


def answer(**methods):
    return lambda Answer: type("Other", (Answer,), methods)


def with_back(back):
    """All pullbacks are kept, and back(pullbacks, w) goes through them."""

    def stored(D, x):
        pullbacks = []
        for _ in range(D.n):
            x, pullback = D.F.vjp(x)
            pullbacks.append(pullback)
        return x, lambda w: back(pullbacks, w)

    return answer(stored=stored)


def through(pullbacks, w):
    dtheta = 0.0
    for pullback in pullbacks:
        w, d = pullback(w)
        dtheta = dtheta + d
    return w, dtheta


def used_up(pullbacks, w):
    dtheta = 0.0
    while pullbacks:
        w, d = pullbacks.pop()(w)
        dtheta = dtheta + d
    return w, dtheta


def overwritten(pullbacks, w):
    for pullback in reversed(pullbacks):
        w, dtheta = pullback(w)
    return w, dtheta


def averaged(pullbacks, w):
    w, dtheta = through(pullbacks[::-1], w)
    return w, dtheta / len(pullbacks)


def same_w(pullbacks, w):
    dtheta = 0.0
    for pullback in reversed(pullbacks):
        dx, d = pullback(w)
        dtheta = dtheta + d
    return dx, dtheta


def in_a_list(pullbacks, w):
    dthetas = []
    for pullback in reversed(pullbacks):
        w, d = pullback(w)
        dthetas.append(d)
    return w, dthetas


def after_the_steps(D, x):
    points = []
    for _ in range(D.n):
        x = D.F(x)
        points.append(x)
    return x, lambda w: through([D.F.vjp(z)[1] for z in points[::-1]], w)


def at_the_start(D, x):
    y = x
    for _ in range(D.n):
        y = D.F(y)
    return y, lambda w: through([D.F.vjp(x)[1]] * D.n, w)


def one_more(D, x):
    return type(D)(D.F, D.n + 1).checkpointed(x, 1)


def in_segments(order=reversed, inner=reversed, steps=lambda k, m, n: min(m, n - k), add=True,
                again=False, from_x0=False):  # fmt: skip
    """Every m-th state is kept, with mistakes where they are made."""

    def checkpointed(D, x0, m):
        x, kept = x0, []
        for k in range(D.n):
            if k % m == 0:
                kept.append((k, x))
            x = D.F(x)

        def back(w):
            total = 0.0
            for k, z in order(kept):
                if from_x0:
                    z = x0
                    for _ in range(k):
                        z = D.F(z)
                pullbacks = []
                for _ in range(steps(k, m, D.n)):
                    y, pullback = D.F.vjp(z)
                    z = D.F(z) if again else y
                    pullbacks.append(pullback)
                w, dtheta = through(inner(pullbacks), w)
                total = total + dtheta if add else dtheta
            return w, total

        return x, back

    return answer(checkpointed=checkpointed)


def all_kept(D, x, m):
    return D.stored(x)


def all_pullbacks_in_the_end(D, x0, m):
    """The segments' pullbacks are thrown away after the last of them."""
    x, kept = x0, []
    for k in range(D.n):
        kept += [x] if k % m == 0 else []
        x = D.F(x)

    def back(w):
        dtheta, all_of_them = 0.0, []
        for k, z in reversed(list(enumerate(kept))):
            pullbacks = []
            for _ in range(min(m, D.n - k * m)):
                z, pullback = D.F.vjp(z)
                pullbacks.append(pullback)
            w, d = through(reversed(pullbacks), w)
            dtheta = dtheta + d
            all_of_them += pullbacks
        return w, dtheta

    return x, back


def halves(D, x, first_half_first=False, half=lambda n: n // 2, second=None, sum_of=lambda a, b: a + b,
           base=1):  # fmt: skip
    """x_n and a pullback from x, with mistakes where they are made."""

    def back(x, n, w):
        if n == base:
            return D.F.vjp(x)[1](w)
        middle = x
        for _ in range(half(n)):
            middle = D.F(middle)
        ways = [(middle, second(n) if second else n - half(n)), (x, half(n))]
        w, a = back(*ways[first_half_first], w)
        w, b = back(*ways[not first_half_first], w)
        return w, sum_of(a, b)

    y = x
    for _ in range(D.n):
        y = D.F(y)
    return y, lambda w: back(x, D.n, w)


def bisected(**mistakes):
    return answer(bisected=lambda D, x: halves(D, x, **mistakes))


def stored_in_halves(D, x):
    return D.stored(x)


def last_segment_is_kept(D, x, m):
    """The pullbacks of the last segment are kept on the way forward."""
    last, kept = (D.n - 1) // m * m, []
    for k in range(last):
        kept += [x] if k % m == 0 else []
        x = D.F(x)
    x, end = type(D)(D.F, D.n - last).stored(x)

    def back(w):
        w, dtheta = end(w)
        for z in reversed(kept):
            w, d = type(D)(D.F, m).stored(z)[1](w)
            dtheta = dtheta + d
        return w, dtheta

    return x, back


def into_zeros(pullbacks, w):
    dtheta = np.zeros(np.shape(pullbacks[0](w)[1]))
    for k in range(len(pullbacks) - 1, -1, -1):
        w, d = pullbacks[k](w)
        dtheta += d
    return w, dtheta


def recursively(D, x):
    """stored, by recursion."""
    y, pullback = D.F.vjp(x)
    if D.n == 1:
        return y, pullback
    y, rest = recursively(type(D)(D.F, D.n - 1), y)

    def back(w):
        w, later = rest(w)
        dx, dtheta = pullback(w)
        return dx, dtheta + later

    return y, back


def dtheta_outside(D, x):
    y, pullback = recursively(D, x)
    dtheta = np.zeros(2)

    def back(w):
        nonlocal dtheta
        w, d = pullback(w)
        dtheta += d
        return w, dtheta

    return y, back


def pairs_for_states(D, x):
    for _ in range(2):
        x = D.F.vjp(x)
    return x


def on_self(D, x):
    D.pullbacks = []
    for _ in range(D.n):
        x, pullback = D.F.vjp(x)
        D.pullbacks.append(pullback)
    return x, lambda w: through(D.pullbacks[::-1], w)


def one_list(D, x, m):
    kept = []
    for k in range(D.n):
        kept += [(k, x)] if k % m == 0 else []
        x = D.F(x)

    def back(w):
        dtheta, pullbacks = 0.0, []
        for k, z in reversed(kept):
            for _ in range(k, min(k + m, D.n)):
                z, pullback = D.F.vjp(z)
                pullbacks.append(pullback)
            w, d = through(reversed(pullbacks), w)
            dtheta = dtheta + d
        return w, dtheta

    return x, back


def from_the_kept(D, x, m):
    kept = []
    for k in range(D.n):
        kept += [x] if k % m == 0 else []
        x = D.F(x)

    def back(w):
        dtheta = 0.0
        for k in reversed(range(D.n)):
            z = kept[k // m]
            for _ in range(k % m):
                z = D.F(z)
            w, d = D.F.vjp(z)[1](w)
            dtheta = dtheta + d
        return w, dtheta

    return x, back


def by_a_stack(D, x):
    """bisected, without recursion."""
    y = x
    for _ in range(D.n):
        y = D.F(y)

    def back(w):
        stack, dtheta = [(x, D.n)], np.zeros(2)
        while stack:
            a, n = stack.pop()
            if n == 1:
                w, d = D.F.vjp(a)[1](w)
                dtheta += d
                continue
            b = a
            for _ in range(n // 2):
                b = D.F(b)
            stack += [(a, n // 2), (b, n - n // 2)]
        return w, dtheta

    return y, back


def exchanged(pullbacks, w):
    return through(pullbacks[::-1], w)[::-1]


WRONG = [
    ("forwards", "1.2", "k = [0, 1, 2, 3, 4, 5, 6], and needed is", with_back(through)),
    ("dtheta overwritten", "1.2", "of the first step alone", with_back(overwritten)),
    ("a mean", "1.2", "a mean: it is a sum", with_back(averaged)),
    ("the same w", "1.2", "does not get what that of x_6 gave", with_back(same_w)),
    ("the sign of dtheta", "1.1", "the sign is wrong", with_back(
        lambda pullbacks, w: (through(pullbacks[::-1], w)[0], -through(pullbacks[::-1], w)[1]))),
    ("the pullback first", "1.1", "the second a function, got (function, ndarray)", answer(
        stored=lambda D, x: D.F.vjp(x)[::-1])),
    ("a list of all dtheta", "1.1", "an array of shape (2,), got one of shape (1, 2)", with_back(in_a_list)),
    ("used up", "1.1", "called a second time", with_back(used_up)),
    ("the states after the steps", "1.1", "k = [1], and needed is [0]", answer(stored=after_the_steps)),
    ("all at x₀", "1.2", "k = [0, 0, 0, 0, 0, 0, 0]", answer(stored=at_the_start)),
    ("one step too many", "1.1", "is x_1, got x_2", answer(stored=one_more)),
    ("no return", "1.1", "is there a return?", answer(stored=lambda D, x: None)),
    ("predicted: n evaluations", "2.1", "forward once, and then again", answer(predicted=(100, 25))),
    ("predicted: 3n", "2.1", "vjp evaluates F once", answer(predicted=(300, 25))),
    ("predicted: the states kept alone", "2.1", "the pullbacks of a segment", answer(
        predicted=(200, 5))),
    ("segments forwards", "3.1", "k = [3, 2, 1, 0, 7, 6", in_segments(order=iter)),
    ("steps of a segment forwards", "3.1", "k = [8, 9, 10, 11, 4,", in_segments(inner=iter)),
    ("dtheta of a segment", "3.1", "of the first segment alone", in_segments(add=False)),
    ("segments all of m steps", "3.2", "k = [11, 10", in_segments(steps=lambda k, m, n: m)),
    ("the last segment left out", "3.2", "k = [7, 6, 5, 4, 3, 2, 1, 0]", in_segments(
        steps=lambda k, m, n: m if k + m <= n else 0)),
    ("F(x) and F.vjp(x)", "3.5", "which gives it, too?", in_segments(again=True)),
    ("all pullbacks kept", "3.6", "kept after all?", answer(checkpointed=all_kept)),
    ("pullbacks never thrown away", "3.6", "kept after all?", answer(
        checkpointed=all_pullbacks_in_the_end)),
    ("the first half first", "4.1", "k = [0, 1, 2, 3, 4, 5, 6, 7]", bisected(first_half_first=True)),
    ("halves: dtheta of one", "4.1", "of the first step alone", bisected(sum_of=lambda a, b: b)),
    ("all kept, and no halves", "4.4", "kept after all?", answer(bisected=stored_in_halves)),
    # written without looking
    ("dtheta outside of the pullback", "1.1", "called a second time", answer(stored=dtheta_outside)),
    ("vjp is not taken apart", "1.1", "take it apart, as in y, pullback = X.vjp(x)", answer(
        stored=pairs_for_states)),
    ("pullbacks on self", "1.1", "is one kept on self?", answer(stored=on_self)),
    ("predicted: x_n is kept, too", "2.1", "x_n is not needed", answer(predicted=(200, 26))),
    ("predicted: the last segment once", "2.1", "the last segment is taken again", answer(
        predicted=(180, 25))),
    ("pullbacks of all segments in one list", "3.1", "4, 11, 10, 9, 8", answer(checkpointed=one_list)),
    ("each step from the state that was kept", "3.5", "9 at one x", answer(checkpointed=from_the_kept)),
    ("halves from x_n", "4.1", "k = [15, 14,", answer(
        bisected=lambda D, x: (halves(D, x)[0], halves(D, halves(D, x)[0])[1]))),
    ("two halves of n // 2", "4.2", "k = [8, 7, 6, 5, 3,", bisected(second=lambda n: n // 2)),
    ("no base of the recursion", "4.1", "calls itself", bisected(base=0)),
    ("dtheta before dx", "1.1", "dx and dtheta are exchanged", with_back(exchanged)),
    ("predicted: the states of the pullbacks alone", "2.1", "on the way forward count, too", answer(predicted=(200, 20))),
    ("predicted: the last segment alone again", "2.1", "not one segment is taken again", answer(predicted=(120, 25))),
    ("predicted: all states", "2.1", "not all pullbacks are in memory", answer(predicted=(200, 100))),
]  # fmt: skip

RIGHT = [
    ("predicted with x₈₀ counted once", answer(predicted=[200, 24])),
    ("stored, by recursion", answer(stored=recursively)),
    ("dtheta into an array of zeros", with_back(into_zeros)),
    ("the last segment's pullbacks are kept on the way forward", answer(
        checkpointed=last_segment_is_kept)),
    ("halves, the larger first", bisected(half=lambda n: -(-n // 2))),
    ("predicted as floats, in an array", answer(predicted=np.array([200.0, 25.0]))),
    # written without looking
    ("halves, by a stack", answer(bisected=by_a_stack)),
    ("pairs as lists", answer(stored=lambda D, x: list(recursively(D, x)))),
]  # fmt: skip
