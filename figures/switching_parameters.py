"""A network is an ODE whose θ(t) is piecewise constant on t₀ < t₁ < … < t_M.

A network that separates two moons, with learned parameters and learned steps h_i =
t_{i+1} − t_i. Top: three of its parameters as functions of time, which switch at the
t_i. Bottom: the states of a few data points, which turn a corner at each switch and end
on their class's side of the decision plane, on which both classes are equally likely.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, shade

from .drawing import Number, Whole, figure

LABELS = {
    "switch": r"$\dot x = \Sigma(A(t)x + b(t))$: the parameters switch at each $t_i$",
    "go on": "the states go on, and <right> of <points> end on their class's side",
    "A11": "$A_{11}(t)$",
    "A23": "$A_{23}(t)$",
    "b3": "$b_3(t)$",
    "distance": "distance to\nthe plane",
    "class 0": "class 0",
    "class 1": "class 1",
    "plane": "decision\nplane",
    "time": "time $t$ (depth of the network)",
    "t": "$t_{<k>}$",
}
DRAWN = ("A11", "A", (0, 0)), ("A23", "A", (1, 2)), ("b3", "b", (2,))


@cache
def train(quick=False, layers=6, noise=0.08, seed=3):
    """Euler flows with learned steps, fitted to two moons; points and labels."""
    rng = np.random.default_rng(seed)
    x, y = dnn.datasets.moons(300, noise=noise, rng=rng)
    matrices = [dnn.Dense(3, 3, rng=rng) for _ in range(layers)]
    fields = [dnn.ResidualField(A, dnn.Tanh()) for A in matrices]
    flows = [dnn.Flow(X, 0.8, learn_h=True) for X in fields]
    net = dnn.Network(dnn.Lift(3, 2), *flows, dnn.Affine(2, 3, rng=rng))
    epochs = 50 if quick else 300
    dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, dnn.Adam(1e-2), epochs)
    return net, x, y


def distances(net, x):
    """How far from the decision plane states are at t₀, …, t_M, positive on class 1's
    side: (M + 1, n)."""
    last = net.maps[-1]
    w, c = last.W[1] - last.W[0], last.b[1] - last.b[0]
    return np.array([(x_k @ w + c) / np.linalg.norm(w) for x_k in net.states(x)[1:-1]])


def rounded(x):
    """The largest number of one digit up to x > 0."""
    unit = 10.0 ** np.floor(np.log10(x))
    return unit * np.floor(x / unit)


@figure(
    layers=Whole(2, 8, "layers, each with its own step"),
    noise=Number(0, 0.3, "standard deviation of the points around the moons"),
    seed=Whole(0, 99, "of the data and of the first parameters"),
)
def make(
    quick=False,
    *,
    layers=6,
    noise=0.08,
    seed=3,
    figsize=(12, 7.2),
    labels=LABELS,
):
    net, x, y = train(quick, layers, noise, seed)
    flows = net.maps[1:-1]
    t = np.concatenate([[0], np.cumsum([F.h for F in flows])])
    sizes = dict(figsize=figsize, height_ratios=(1, 1, 1, 3.4))
    fig, axes = plt.subplots(4, 1, sharex=True, **sizes)

    for ax, (word, name, entry) in zip(axes, DRAWN, strict=False):
        theta = np.array([F.parameters[name][entry] for F in flows])
        reach = 1.3 * np.abs(theta).max()
        ax.axhline(0, color=shade(0.2), linewidth=em(0.05), zorder=0)
        ax.hlines(theta, t[:-1], t[1:], color="C2", linewidth=em(0.3))
        jump = dict(color="C2", linewidth=em(0.08), linestyle=":")
        ax.vlines(t[1:-1], theta[:-1], theta[1:], **jump)
        ax.set_ylabel(labels(word), rotation=0, ha="right", va="center")
        ax.set(ylim=(-reach, reach), yticks=rounded(reach / 1.3) * np.array([-1, 1]))
    fig.align_ylabels(axes[:-1])
    axes[0].set_title(labels("switch"))

    bottom = axes[-1]
    shown = np.concatenate([np.flatnonzero(y == k)[:8] for k in (0, 1)])
    distance = distances(net, x[shown])
    right = ((distance[-1] > 0) == (y[shown] == 1)).sum()
    for k in (0, 1):
        look = dict(color=f"C{k}", linewidth=em(0.12), marker="o", markersize=em(0.28))
        bottom.plot(t, distance[:, y[shown] == k], linestyle="-", **look)
        side = 1 if k else -1
        end = side * np.median(distance[-1, y[shown] == k])
        place = (
            t[-1],
            side * max(end, 0.2 * np.ptp(distance)),
        )  # away from the plane's name
        beside = dict(textcoords="offset points", va="center", color=f"C{k}")
        bottom.annotate(labels(f"class {k}"), place, (em(0.7), 0), **beside)
    bottom.axhline(0, color=shade(1), linewidth=em(0.1), linestyle="--", zorder=1)
    beside = dict(textcoords="offset points", va="center", color=shade(1))
    bottom.annotate(labels("plane"), (t[-1], 0), (em(0.7), 0), **beside)
    bottom.set(xlabel=labels("time"), ylabel=labels("distance"))
    bottom.set_title(labels("go on", right=int(right), points=len(shown)))
    bottom.set_xticks(t, [labels("t", k=k) for k in range(len(t))])
    bottom.set_xlim(0, t[-1])
    for ax in axes:
        for t_k in t:
            ax.axvline(t_k, color=shade(0), linewidth=em(0.06), zorder=0)
        ax.spines[["bottom", "left"]].set_visible(ax is bottom)
        ax.tick_params(bottom=ax is bottom)
    return fig
