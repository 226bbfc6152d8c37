"""More layers with smaller steps follow the flow more closely: Euler's method.

Left: one and the same tanh field, ẋ = BΣ(Ax + b), with its exact flow; n residual
layers x + (T/n)BΣ(Ax + b) reach the same time T. Right: the distance to the exact
solution falls like 1/n, the dotted slope, since Euler's method has order one; layers
that are steps of Heun's method or of RK4 fall like 1/n² and 1/n⁴.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting import em, look, shade

from .drawing import Choice, Number, Several, Whole, figure

LABELS = {
    "left": "<method> layers follow the flow to $T = <T>$",
    "lost": "so few <method> layers lose the flow until $T = <T>$",
    "layers": "<n> layers",
    "exact": "exact flow",
    "start": "$x_0$",
    "x1": "$x_1$",
    "x2": "$x_2$",
    "order 1": "twice the layers, half the error",
    "order 2": "twice the layers, a quarter of the error",
    "order 4": "twice the layers, a sixteenth of the error",
    "not yet": "the error falls with the number of layers",
    "slope": "slope $-<order>$, since\n<method> has order <order>",
    "n": "number of layers $n$, of $h = T/n$",
    "error": r"error $\|x_n - \varphi^T(x_0)\|$",
}
METHODS = {"Euler": dnn.Euler(), "Heun": dnn.Heun(), "RK4": dnn.RK4()}
ROUNDING = 1e-11  # errors below it are not the method's alone


def field():
    """ẋ = B tanh(Ax), a spiral into 0."""
    turn = dnn.Dense(2, 2, W=[[0.0, 1.0], [-1.0, 0.0]])
    return dnn.ResidualField(
        dnn.Dense(2, 2, W=[[1.0, 0.3], [0.0, 1.4]]), dnn.Tanh(), turn
    )


def errors_of(X, x0, T, counts, method):
    """‖x_n − φ^T(x₀)‖ after n layers, for each n of counts."""
    ends = [dnn.Flow(X, T / n, method, steps=n)(x0) for n in counts]
    return np.linalg.norm(ends - dnn.exact_flow(X, x0, T), axis=-1)


def frame(curves, room):
    """Limits of equal scale, that hold the curves in the middle, with some room."""
    points = np.concatenate(curves)
    low, high = points.min(axis=0), points.max(axis=0)
    half = room * (high - low).max() / 2
    return [(c - half, c + half) for c in (low + high) / 2]


@figure(
    depths=Several(Whole(4, 256, "layers"), 1, 3, "how many layers, fewest first"),
    T=Number(1, 10, "the time that the layers reach"),
    method=Choice(METHODS, "of which each layer is a step"),
    start=Number(0.5, 2.5, "the first coordinate of x₀; the second is 0"),
)
def make(
    quick=False,
    *,
    depths=(8, 16, 64),
    T=5.0,
    method="Euler",
    start=1.6,
    figsize=(12.5, 5.6),
    labels=LABELS,
):
    if any(after < 1.5 * n for n, after in zip(depths, depths[1:], strict=False)):
        raise ValueError(
            f"each of the depths is 3/2 of the last, or more; got {depths}"
        )
    X, x0, step = field(), np.array([start, 0.0]), METHODS[method]
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    dots = [look(k, marker="o", zorder=3) for k in (1, 4, 0)]
    polygons = [
        np.vstack([x0, dnn.Rollout(dnn.Flow(X, T / n, step), n)(x0)]) for n in depths
    ]
    curve = dnn.exact_flow(X, x0, np.linspace(0, T, 200))
    limits = frame([*polygons, curve], 1.5)
    plotting.phase_portrait(
        X, *limits, ax=left, density=0.7, color=shade(0.1), zorder=0
    )
    for n, polygon, dot in zip(depths, polygons, dots, strict=False):
        size = em(0.35 if n < 50 else 0.18)
        plotting.trajectories(polygon, ax=left, markersize=size, **dot)
    thick = dict(color=shade(1), linestyle="-", linewidth=em(0.2), zorder=2)
    plotting.trajectories(curve, ax=left, label=labels("exact"), **thick)
    square = dict(color=shade(1), markersize=em(0.6), zorder=4)
    left.plot(*x0, "s", label=labels("start"), **square)
    box = dict(frameon=True, framealpha=1, edgecolor="none", borderaxespad=0)
    left.legend(loc="lower right", ncols=2, **box)
    left.set(xlabel=labels("x1"), ylabel=labels("x2"), aspect="equal")
    left.set(xlim=limits[0], ylim=limits[1])
    true = dnn.exact_flow(X, x0, np.linspace(0, T, depths[-1] + 1))
    lost = np.linalg.norm(polygons[-1] - true, axis=-1).max() > start / 2
    left.set_title(labels("lost" if lost else "left", method=method, T=T))

    counts = np.unique([*2 ** np.arange(2, 9 if quick else 13), *depths])
    errors = errors_of(X, x0, T, counts, step)
    exact_enough = errors > ROUNDING
    n, e, p = counts[exact_enough], errors[exact_enough], step.order
    dotted = (e * n**p).min() / 3 * n ** -float(p)
    right.loglog(n, e, "-", color=shade(0.6), zorder=1)
    right.loglog(n, dotted, ":", color=shade(0.8), linewidth=em(0.12))
    k = np.searchsorted(n, np.sqrt(n[0] * n[-1]))  # halfway
    below = dict(ha="right", va="top", textcoords="offset points", color=shade(0.8))
    words, at = labels("slope", order=p, method=method), (n[k], dotted[k])
    right.annotate(words, at, (-em(0.5), -em(0.3)), **below)
    slope = np.diff(np.log(e))[-1] / np.diff(np.log(n))[-1]
    says = f"order {p}" if abs(slope + p) < 0.3 else "not yet"

    room = 3 * errors.max() / min(errors.min(), dotted[-1])
    decade, lowest = 0.7 * 72 * figsize[1] / np.log10(room), -np.inf  # in points
    for depth, dot in reversed(list(zip(depths, dots, strict=False))):
        at = depth, errors[counts == depth][0]
        right.plot(*at, markersize=em(0.6), **dot)
        height = decade * np.log10(at[1])
        lifted = max(em(0.3), lowest + em(1.2) - height)  # above the last name
        lowest = height + lifted
        words = dict(color=dot["color"], textcoords="offset points")
        right.annotate(labels("layers", n=depth), at, (em(0.4), lifted), **words)
    right.set_ylim(top=4 * errors.max())
    right.set(xlabel=labels("n"), ylabel=labels("error"), title=labels(says))
    right.xaxis.set_minor_formatter("")
    return fig
