"""A step x − hσ(x) multiplies distances by |1 − h| and |1 − hm|: σ has slopes 1 and m.

Left: the leaky ReLU σ. Right: the step. A graph stays out of the grey if its slopes lie
between −1 and 1, and then takes no two points farther apart. With m = ½ and h = 4/3 its
slopes are ∓1/3, and no other step does better: the larger of |1 − h| and |1 − hm| is
smallest at h = 2/(1 + m), where they are equal.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, look, shade, tint

from .drawing import Number, figure, ratio
from .drawing.options import simple

LABELS = {
    "activation": r"the activation $\sigma$ has two slopes",
    "z": "$z$",
    "sigma": r"$\sigma(z)$",
    "slope": "slope $m = <m>$",
    "slope one": "slope $1$",
    "step": r"the step $x^{+} = x - h\,\sigma(x)$, $h = <h>$:" + "\n<does>",
    "best": "the best step: distances shrink to $<factor>$",
    "shrinks": "distances shrink to $<factor>$ or less",
    "keeps": "no distance grows",
    "grows": "distances grow, up to $<factor>$ times",
    "x": "$x$",
    "x plus": "$x^{+}$",
    "left slope": "$1 - hm = <value>$",
    "right slope": "$1 - h = <value>$",
    "steep": "distances grow",
}
REACH = 2.0


def step_of(m, h):
    """x ↦ x − hσ(x) on the line, σ of slopes m and 1: a layer of the gradient flow."""
    return dnn.Flow(dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), dnn.LeakyReLU(m)), h)


def bent(f):
    """The graph of f, which has two slopes and f(0) = 0: x and f(x) at three points, as
    far as they stay within REACH; and the slopes."""
    slopes = f(np.array([-1.0, 1.0])) * [-1, 1]
    x = np.array([-1.0, 0.0, 1.0]) * REACH
    x[[0, 2]] /= np.maximum(1, np.abs(slopes))
    return x, f(x), slopes


def what_it_does(factor):
    """The word for a step that multiplies distances by at most `factor`."""
    if np.isclose(factor, 1, rtol=1e-12):  # it has been rounded up
        return "keeps"
    return "shrinks" if factor < 1 else "grows"


def across(slope, side):
    """Where the name of a line never meets it, on the side −1 or 1 of 0: across the
    horizontal axis."""
    above = side * slope < 0
    y, va = (0.12, "bottom") if above else (-0.12, "top")
    return dict(x=side * REACH, y=y, va=va, ha="left" if side < 0 else "right")


def short(value):
    """A fraction, or three digits."""
    return ratio(value) if simple(value) else f"{value:.3g}"


def draw_axes(ax):
    ax.axhline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
    limits, ticks = (-1.05 * REACH, 1.05 * REACH), [-2, -1, 0, 1, 2]
    ax.set(xlim=limits, ylim=limits, aspect="equal", xticks=ticks, yticks=ticks)


def draw_steep(ax, words):
    """|y| > |x|: where a graph with f(0) = 0 takes points farther apart."""
    x = np.array([-3.0, 0.0, 3.0])
    for side in (-1, 1):
        area = dict(color=tint(shade(0.0), 0.5), linewidth=0, zorder=-2)
        ax.fill_between(x, side * abs(x), side * 3, **area)
        place = dict(ha="center", va="center", color=shade(1.0), fontsize="small")
        ax.text(0, 0.86 * side * REACH, words, **place)


@figure(
    slope=Number(0.1, 0.9, "m, the slope of σ for z < 0"),
    h=Number(0.1, 2.5, "the step"),
)
def make(quick=False, *, slope=0.5, h=4 / 3, figsize=(11, 6.1), labels=LABELS):
    sigma, step = dnn.LeakyReLU(slope), step_of(slope, h)
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    left.axvline(0, color=shade(0.3), linewidth=em(0.05), zorder=0)
    draw_steep(right, labels("steep"))
    for ax, f, names in (
        (left, sigma, ("slope", "slope one")),
        (right, lambda x: step(x[:, None])[:, 0], ("left slope", "right slope")),
    ):
        draw_axes(ax)
        x, y, slopes = bent(f)
        for k, side in enumerate((-1, 1)):
            ends = slice(k, k + 2)
            thick = dict(linewidth=em(0.3), solid_capstyle="round")
            ax.plot(x[ends], y[ends], **look(1 - k, **thick))
            name = labels(names[k], m=ratio(slope), value=short(slopes[k]))
            place = across(slopes[k], side)
            ax.text(s=name, color=f"C{1 - k}", fontsize="large", **place)
    factor = step.lipschitz()
    best = np.isclose(h, 2 / (1 + slope))
    does = labels("best" if best else what_it_does(factor), factor=ratio(factor))
    left.set(title=labels("activation"), xlabel=labels("z"), ylabel=labels("sigma"))
    right.set(title=labels("step", h=ratio(h), does=does), xlabel=labels("x"))
    right.set_ylabel(labels("x plus"), rotation=0, labelpad=em(0.4), va="center")
    return fig
