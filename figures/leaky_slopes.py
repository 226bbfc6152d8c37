"""The activation's slopes, m = 1 and m < 1, are the factors by which a step contracts.

Left: the leaky ReLU σ. Right: the step x − hσ(x), which has the slopes 1 − h and 1 − hm:
it brings any two points closer if both lie between −1 and 1. With m = ½ and h = 4/3 they
are ∓1/3, and no other step does better.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, shade

from .drawing import Number, figure, ratio

LABELS = {
    "activation": r"the activation $\sigma$",
    "z": "$z$",
    "sigma": r"$\sigma(z)$",
    "slope": r"$m = <m>$",
    "step": r"the step $x^{\!+} = x - h\,\sigma(x)$, $h = <h>$",
    "x": "$x$",
    "x_plus": r"$x^{\!+}$",
    "left slope": r"$1 - hm = <value>$",
    "right slope": r"$1 - h = <value>$",
}


@figure(
    slope=Number(0.1, 0.9, "m, the slope of σ for z < 0"),
    h=Number(0.1, 2.5, "the step"),
)
def make(quick=False, *, slope=0.5, h=4 / 3, figsize=(13, 5.2), labels=LABELS):
    sigma = dnn.LeakyReLU(slope)
    z = np.array([-2.0, 0.0, 2.0])
    step = dnn.Flow(dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), sigma), h)
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    names = (
        (labels("slope", m=ratio(slope)), labels("slope", m=ratio(1))),
        (
            labels("left slope", value=ratio(1 - h * slope)),
            labels("right slope", value=ratio(1 - h)),
        ),
    )
    step_of_z = step(z[:, None])[:, 0]
    for ax, y, name in zip((left, right), (sigma(z), step_of_z), names, strict=True):
        for k, colour in enumerate(("C1", "C0")):
            ends = slice(k, k + 2)
            ax.plot(
                z[ends],
                y[ends],
                color=colour,
                linewidth=em(0.3),
                solid_capstyle="round",
            )
            side = ("center", "right", "left")[int(np.sign(np.diff(y[ends])[0]))]
            place = dict(textcoords="offset points", ha=side, va="bottom")
            look = dict(color=colour, fontsize="x-large")
            z_0 = z[ends].mean() + {"right": 0.7, "left": -0.7}.get(side, 0)
            point = z_0, np.interp(z_0, z, y)
            ax.annotate(name[k], point, (0, em(0.4)), **place, **look)
        ax.axhline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
        ax.axvline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
        ax.set(xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), aspect="equal")
        ax.set(xticks=[-2, -1, 0, 1, 2], yticks=[-2, -1, 0, 1, 2])
    left.set(title=labels("activation"), xlabel=labels("z"), ylabel=labels("sigma"))
    right.set(title=labels("step", h=ratio(h)), xlabel=labels("x"))
    right.set_ylabel(labels("x_plus"))
    return fig
