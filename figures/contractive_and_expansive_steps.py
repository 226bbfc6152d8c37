"""One step brings points closer, the other moves them apart, and by how much at most.

Left: x − hAᵀσ(Ax + b). Middle: x + hσ(Wx + v). A and W are orthogonal, W = I, the
slopes of σ lie in [a, 1]. Dashed the distance of two points before the step, solid
after it. Right: how much pairs of points are stretched, and the bounds max(|1 − ha|,
|1 − h|) and 1 + h, which are attained: ¾ and 3/2 for h = a = ½. (The steps, and the
second bound, are the paper's: Celledoni et al., arXiv:2210.02373.)
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, phase_portrait, shade, tint

from .drawing import Number, Whole, figure

LABELS = {
    "contractive": r"$x - hA^{\!\top}\!\sigma(Ax + b)$ <does>",
    "closer": "brings points closer",
    "no farther": "moves no points apart",
    "may": "can move points apart",
    "expansive": r"$x + h\sigma(Wx + v)$ moves them apart",
    "x_1": "$x_1$",
    "x_2": "$x_2$",
    "pairs": r"<pairs> pairs of points, $h = <h>$",
    "stretch": "distance after / distance before",
    "at most": "at most\n<bound>",
}
#: three pairs of points
STARTS = np.reshape(
    ([-1.4, 0.5, -0.4, 1.4], [0.5, 1.2, 1.3, 0.3], [-1.1, -1.3, 1.0, -0.7]), (3, 2, 2)
)


def steps(h=0.5, slope=0.5, seed=3):
    """The two steps, with orthogonal weights."""
    rng = np.random.default_rng(seed)
    contractive = dnn.GradientField(dnn.Dense(2, 2, rng=rng), dnn.LeakyReLU(slope))
    expansive = dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(slope))
    contractive.A.orthogonalise()
    return dnn.Flow(contractive, h), dnn.Flow(expansive, h)


def stretches(flow, pairs):
    """‖F(x) − F(y)‖/‖x − y‖ of many pairs, (2, n, 2)."""
    after, before = (np.linalg.norm(x - y, axis=-1) for x, y in (flow(pairs), pairs))
    return after / before


def what_it_does(bound):
    """The label that says what a step with this Lipschitz constant does."""
    kept = abs(bound - 1) < 1e-12  # but for rounding
    return "no farther" if kept else "closer" if bound < 1 else "may"


@figure(
    h=Number(0.1, 2.5, "the step"),
    slope=Number(0.1, 0.9, "a, the slope of σ for z < 0"),
    seed=Whole(0, 10**6, "of A and of the pairs of points on the right"),
)
def make(quick=False, *, h=0.5, slope=0.5, seed=3, figsize=(13.3, 4.9), labels=LABELS):
    rng = np.random.default_rng([seed, 1])
    pairs = rng.normal(size=(2, 2_000 if quick else 20_000, 2)) * 2
    fig, axes = plt.subplots(1, 3, figsize=figsize)
    flows = steps(h, slope, seed)
    reach = max(2.2, 1.08 * np.abs([flow(STARTS) for flow in flows]).max())
    limits = -reach, reach
    does = labels(what_it_does(flows[0].lipschitz()))
    titles = labels("contractive", does=does), labels("expansive")
    for flow, ax, title, colour in zip(flows, axes, titles, ("C0", "C1"), strict=False):
        phase_portrait(flow.field, limits, limits, ax=ax, density=0.6, color=shade(0))
        for old, new in zip(STARTS, flow(STARTS), strict=True):
            ax.plot(*old.T, "o--", color=shade(0.7), linewidth=em(0.1))
            ax.plot(*new.T, "o-", color=colour, linewidth=em(0.24))
            for start, end in zip(old, new, strict=True):
                shrink = dict(shrinkA=em(0.25), shrinkB=em(0.25), color=shade(0.7))
                arrow = dict(arrowstyle="->", linewidth=em(0.08), **shrink)
                ax.annotate("", end, start, arrowprops=arrow)
        ax.set(title=title, xlabel=labels("x_1"), xlim=limits, ylim=limits)
        ax.set(ylabel=labels("x_2"), aspect="equal")
    found = [
        stretches(flow, pairs) - 1e-9 for flow in flows
    ]  # bounds lie on edges of bins
    bounds = [flow.lipschitz() for flow in flows]
    least, most = np.min(found), bounds[1]
    width, high = (most - least) / 50, 0
    for stretch, bound, colour in zip(found, bounds, ("C0", "C1"), strict=True):
        bins = np.arange(bound, least - width, -width)[::-1]
        counts, *_ = axes[2].hist(stretch, bins, color=tint(colour, 0.6))
        high = max(high, counts.max())
    for bound, colour in zip(bounds, ("C0", "C1"), strict=True):
        axes[2].plot([bound, bound], [0, 1.1 * high], color=colour, linestyle="--")
        above = dict(color=colour, ha="center", va="bottom", fontsize="large")
        at_most = labels("at most", bound=f"{bound:.4g}")
        axes[2].text(bound, 1.13 * high, at_most, **above)
    axes[2].plot(
        [1, 1], [0, 1.1 * high], color=shade(0.4), linewidth=em(0.05), zorder=0
    )
    room = 0.23 * (most - least)
    axes[2].set(xlim=(least - room, most + room), ylim=(0, 1.45 * high), yticks=[])
    axes[2].set(
        title=labels("pairs", pairs=f"{pairs.shape[1]:,}".replace(",", " "), h=h)
    )
    axes[2].set(xlabel=labels("stretch"))
    return fig
