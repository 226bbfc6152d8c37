"""One learned field straightens the curve between two moons, and no point crosses it.

A neural ODE in the plane: ẋ = X(x), the same X for all layers, is trained so that its
flow takes (x₁, x₂) from the time 0 to 1 to (x₁, 1), class 0, or (x₁, −1), class 1. The
line x₂ = 0 then separates the classes. The curve (dashed) at the time t is what the
rest of the flow takes to this line. Two solutions never meet: a point stays on its side
of the curve from beginning to end. Thin: where some points were for the last sixth of
the time. All points are test data, which the training has not seen. Source: Chen,
Rubanova, Bettencourt, Duvenaud, Neural ordinary differential equations, NeurIPS 2018,
arXiv:1806.07366.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting import em, shade, tint

from .drawing import Number, Whole, figure

LABELS = {
    "title": "one field straightens the curve between the moons:"
    " at all times <right:.1f> % are on their side",
    "time": "$t = <t>$",
    "x1": "$x_1$",
    "x2": "$x_2$",
    "class 0": "class 0",
    "class 1": "class 1",
    "curve": "curve",
}
TIMES = "0", "1/3", "2/3", "1"
#: of RK4, from 0 to 1
STEPS = 24


class Decay(dnn.Penalty):
    """½λ‖θ‖²: a small field moves the points evenly, and not at one time alone."""

    def __init__(self, net, size):
        self.maps, self.size = (net,), size

    def value(self):
        return self.size * (self.maps[0].theta ** 2).sum() / 2

    def gradient(self, net):
        return self.size * net.theta


@cache
def train(quick=False, width=16, noise=0.1, seed=0):
    """The field X, by L-BFGS on 300 points, with 600 test points and labels."""
    rng = np.random.default_rng(seed)
    x, y = dnn.datasets.moons(900, noise=noise, rng=rng)
    X = dnn.ResidualField.random(2, width, bias=1.0, rng=rng)
    flow = dnn.Flow(X, 1 / 12, dnn.RK4(), steps=12)  # for the training it is enough
    seen, aims = x[:300], np.stack([x[:300, 0], 1 - 2 * y[:300]], axis=-1)
    loss, penalties = dnn.MeanSquaredError(), [Decay(flow, 1e-3)]
    epochs = 40 if quick else 150
    dnn.fit(flow, loss, seen, aims, dnn.LBFGS(), epochs, penalties=penalties)
    return X, x[300:], y[300:]


def carried(X, x):
    """Points (n, 2) at the times 0, 1/24, …, 1: (25, n, 2)."""
    return np.moveaxis(dnn.trajectory(X, x, np.linspace(0, 1, STEPS + 1)), -2, 0)


def curves(X, n, reach=12.0):
    """What the flow takes to the line x₂ = 0 at 1, at the same times: (25, n, 2)."""
    line = np.stack([np.linspace(-reach, reach, n), np.zeros(n)], axis=-1)
    back = dnn.trajectory(X, line, np.linspace(1, 0, STEPS + 1))
    return np.moveaxis(back, -2, 0)[::-1]


@figure(
    width=Whole(8, 64, "rows of the first matrix of X"),
    noise=Number(0, 0.2, "standard deviation of the points around the moons"),
    seed=Whole(0, 99, "of the data and of the first parameters"),
)
def make(
    quick=False, *, width=16, noise=0.1, seed=0, figsize=(13.3, 4.1), labels=LABELS
):
    X, x, y = train(quick, width, noise, seed)
    points, curve = carried(X, x), curves(X, 500 if quick else 4000)
    third = STEPS // 3
    fig, axes = plt.subplots(1, 4, sharex=True, sharey=True, figsize=figsize)
    plotting.layer_states(points[::third], y, axes, s=em(0.17) ** 2, zorder=2)
    colours = [tint(f"C{label}", 0.8) for label in y[:80]]
    for k, (t, ax) in enumerate(zip(TIMES, axes, strict=True)):
        last = points[max(0, k * third - STEPS // 6) : k * third + 1]
        tails = np.moveaxis(last[:, :80], 1, 0)
        look = dict(colors=colours, linewidths=em(0.1), zorder=1)
        ax.add_collection(LineCollection(tails, **look))
        ax.plot(*curve[k * third].T, "--", color=shade(1), linewidth=em(0.13), zorder=3)
        ax.set(title=labels("time", t=t), xlabel=labels("x1"), aspect="equal")
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    (left, bottom), (right, top) = low - (0.1, 0.25), high + (0.1, 0.25)
    axes[0].set(xlim=(left, right), ylim=(bottom, top), ylabel=labels("x2"))
    axes[0].set(xticks=(-1, 0, 1, 2), yticks=(-1, 0, 1))
    beside = dict(xycoords=("axes fraction", "data"), textcoords="offset points")
    for word, height, colour in (
        ("class 0", 1, "C0"),
        ("curve", 0, shade(1)),
        ("class 1", -1, "C1"),
    ):
        place = (1, height), (em(0.4), 0)
        axes[-1].annotate(labels(word), *place, va="center", color=colour, **beside)
    on_their_side = 100 * ((points[-1, :, 1] < 0) == y).mean()
    fig.suptitle(labels("title", right=on_their_side))
    return fig
