"""The two slopes of an activation, and those of the step x − hσ(x)."""

import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, shade

CONTROLS = {"m": (0.0, 1.0, 0.5), "h": (0.05, 2.5, 4 / 3)}
LABELS = {
    "sigma": r"the activation $\sigma$, of slopes $m$ and 1",
    "step": r"the step $x - h\,\sigma(x)$, of slopes $1 - hm$ and $1 - h$",
    "says": "the step {what} distances, by at most the factor max(|1 − hm|, |1 − h|) = {bound:.4g}",
    "shrinks": "shrinks",
    "keeps": "never increases",
    "grows": "can increase",
}


def start(fig, labels=LABELS):
    z = np.array([-2.0, 0.0, 2.0])
    lines = []
    for ax, title in zip(fig.subplots(1, 2), ("sigma", "step"), strict=True):
        ax.axhline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
        ax.axvline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
        ax.set(xlim=(-2.1, 2.1), ylim=(-3.1, 2.1), title=labels[title], aspect="equal")
        look = dict(linewidth=em(0.3), solid_capstyle="round")
        lines += [ax.plot(z[:2], z[:2], color="C1", **look)[0]]
        lines += [ax.plot(z[1:], z[1:], color="C0", **look)[0]]

    def update(m, h):
        sigma = dnn.LeakyReLU(m)
        flow = dnn.Flow(dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), sigma), h)
        for k, y in enumerate((sigma(z), flow(z[:, None])[:, 0])):
            lines[2 * k].set_ydata(y[:2])
            lines[2 * k + 1].set_ydata(y[1:])
        bound = flow.lipschitz()
        what = labels["grows" if bound > 1 else "keeps" if bound == 1 else "shrinks"]
        return labels["says"].format(what=what, bound=bound)

    return update
