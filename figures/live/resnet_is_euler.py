"""Layers as steps of a method, beside the exact flow: their depth, time, and method."""

from functools import lru_cache

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting import em, look, shade

from ..drawing import Words
from ..resnet_is_euler import METHODS, field

CONTROLS = {"depth": (4, 64, 8), "T": (1.0, 6.0, 5.0), "method": tuple(METHODS)}
LABELS = {
    "left": "$n$ layers follow the flow to time $T$",
    "right": r"error $\|x_n - \varphi^T(x_0)\|$",
    "exact": "exact flow",
    "start": "$x_0$",
    "x1": "$x_1$",
    "x2": "$x_2$",
    "n": "number of layers $n$",
    "slope": "slope $-<p>$\n(<method>)",
    "says": "<n> <method> layers of h = T/n = <h:.3g> end <error:.2g> from the flow, "
    "an error that falls like <rate>",
    "order 1": "1/n",
    "order 2": "1/n²",
    "order 4": "1/n⁴",
}
X0 = np.array([1.6, 0.0])
DEPTHS = 2 ** np.arange(2, 7)
TIMES = np.linspace(0, CONTROLS["T"][1], 601)  # at which the exact flow is known


def start(fig, labels=Words(LABELS)):
    X = field()
    known = dnn.exact_flow(X, X0, TIMES)
    left, right = fig.subplots(1, 2)
    limits = (-3.8, 2.6), (-3.8, 2.6)
    plotting.phase_portrait(
        X, *limits, ax=left, density=0.7, color=shade(0.1), zorder=0
    )
    left.set(xlim=limits[0], ylim=limits[1], aspect="equal", title=labels["left"])
    left.set(xlabel=labels["x1"], ylabel=labels["x2"])
    thick = dict(color=shade(1), linestyle="-", linewidth=em(0.2), zorder=2)
    [exact] = left.plot([], [], label=labels["exact"], **thick)
    square = dict(color=shade(1), markersize=em(0.6), zorder=1)
    left.plot(*X0, "s", label=labels["start"], **square)
    [layers] = left.plot([], [], **look(1, marker="o", markersize=em(0.35), zorder=3))
    box = dict(frameon=True, framealpha=1, edgecolor="none", borderaxespad=0)
    left.legend(loc="lower right", ncols=2, **box)

    right.set(xscale="log", yscale="log", xlim=(3.5, 250), ylim=(1e-10, 20))
    right.set(xlabel=labels["n"], title=labels["right"])
    right.xaxis.set_minor_formatter("")
    for name, method in METHODS.items():
        p = method.order
        guide = 8 * (DEPTHS / DEPTHS[0]) ** -float(p)
        grey = dict(color=shade(0.8), zorder=0)
        right.plot(DEPTHS, guide, ":", linewidth=em(0.1), **grey)
        words, at = labels("slope", p=p, method=name), (DEPTHS[-1], guide[-1])
        place = dict(textcoords="offset points", va="center", fontsize="small")
        right.annotate(words, at, (em(0.5), 0), **place, **grey)
    [curve] = right.plot([], [], **look(0, zorder=3))
    [now] = right.plot([], [], **look(1, marker="o", markersize=em(0.7), zorder=4))

    def layers_of(T, n, method):
        return dnn.Rollout(dnn.Flow(X, T / n, METHODS[method]), n)(X0)

    @lru_cache(1)
    def end_of(T):
        """φ^t(x₀) at the times up to T, the last one by a step of RK4."""
        k = np.searchsorted(TIMES, T)
        end = dnn.RK4().step(X, known[k - 1], T - TIMES[k - 1])
        return np.vstack([known[:k], end])

    @lru_cache(1)
    def errors_of(T, method):
        ends = [layers_of(T, n, method)[-1] for n in DEPTHS]
        return np.linalg.norm(ends - end_of(T)[-1], axis=-1)

    def update(depth, T, method):
        states = layers_of(T, depth, method)
        exact.set_data(*end_of(T).T)
        layers.set_data(*np.vstack([X0, states]).T)
        error = np.linalg.norm(states[-1] - end_of(T)[-1])
        curve.set_data(DEPTHS, errors_of(T, method))
        now.set_data([depth], [error])
        rate = labels[f"order {METHODS[method].order}"]
        values = dict(n=depth, method=method, h=T / depth, error=error, rate=rate)
        return labels("says", **values)

    return update
