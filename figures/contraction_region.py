"""The exact bound allows far longer expansive steps than the paper's, and is attained.

Which (h_C, h_E) give a 1-Lipschitz pair, x ↦ x + h_Eσ(Wx + v) and then x ↦ x −
h_CAᵀσ(Ax + b), if A and W are orthogonal and the slopes of σ lie in [a, 1]: by the
paper's bound, √(1 − 2ah_C + h_C²)(1 + h_E) ≤ 1 (Celledoni et al., arXiv:2210.02373), by
the exact one, max(|1 − ah_C|, |1 − h_C|)(1 + h_E) ≤ 1, and measured. Dots: the largest
h_E for which a search finds no two points that the pair moves apart, for A = W = I,
which is the worst. With a = ½ the exact bound allows h_E up to 2, at h_C = 4/3, the
paper's up to 0.1547, at h_C = ½.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz
from dynsys_nn.plotting import em, shade, step_size_region

from .drawing import Number, Whole, figure, ratio

LABELS = {
    "title": "The exact bound allows expansive steps "
    "<times:.3g> times as long as the paper's",
    "h_C": "contractive step $h_C$",
    "h_E": "expansive step $h_E$",
    "sharp": r"exact: $\max(|1 - <a>h_C|, |1 - h_C|)\,(1 + h_E) \leq 1$",
    "paper": r"the paper's: $\sqrt{1 - <two_a>h_C + h_C^2}\,(1 + h_E) \leq 1$",
    "measured": "measured: from here on two points move apart",
    "point": "$(<h_C>, <h_E>)$",
}


def pair(slope=0.5, h_C=0.5, h_E=0.1):
    """The expansive step, and then the contractive one, A = W = I, h_C, h_E learned."""
    identity, sigma = np.eye(2), dnn.LeakyReLU(slope)
    expansive = dnn.ResidualField(dnn.Dense(2, 2, W=identity), sigma)
    contractive = dnn.GradientField(dnn.Dense(2, 2, W=identity), sigma)
    steps = (expansive, h_E), (contractive, h_C)
    return dnn.Network(*[dnn.Flow(X, h, learn_h=True) for X, h in steps])


def best_steps(slope, bound):
    """The point (h_C, h_E) of a bound's region with the largest h_E: max(|1 − ah|, |1 −
    h|) is smallest at h = 2/(1 + a), √(1 − 2ah + h²) at h = a."""
    h_C = 2 / (1 + slope) if bound == "sharp" else slope
    E, C = pair(slope)
    return h_C, float(dnn.StepSizes(C, E, bound=bound).largest_expansive_step(h_C))


def largest_step(net, h_C, x, steps, most):
    """The h_E up to which no two points are found that the pair moves apart."""
    from scipy.optimize import brentq  # 14 MB that a browser can do without

    E, C = net.maps
    C.h = h_C

    def excess(h_E):
        E.h = h_E
        C.field.b = -4 * (1 + h_E)  # slopes 1, then a: up to x = 4, and 1 beyond
        return lipschitz.measured(net, x, steps) - 1

    return brentq(excess, 1e-6, most, xtol=1e-6 * most)


def factor(value):
    """A number in front of a letter, in a formula: 1 is not written."""
    return "" if value == 1 else ratio(value)


@figure(
    slope=Number(0.1, 0.9, "a, the slope of σ for z < 0"),
    dots=Whole(3, 39, "how many steps h_C are measured"),
    seed=Whole(0, 10**6, "of the points from which the search starts"),
)
def make(
    quick=False, *, slope=0.5, dots=19, seed=1, figsize=(12.6, 7.1), labels=LABELS
):
    x = np.random.default_rng(seed).uniform(-4, 8, (30, 2))
    fig, ax = plt.subplots(figsize=figsize)
    (E, C), best = pair(slope), {}
    names = dict(sharp=dict(a=factor(slope)), paper=dict(two_a=factor(2 * slope)))
    for bound, colour in ("sharp", "C0"), ("paper", "C1"):
        region, name = dnn.StepSizes(C, E, bound=bound), labels(bound, **names[bound])
        look = dict(color=colour, label=name) | (
            dict(alpha=1) if colour == "C1" else {}
        )
        step_size_region(region, (0, 2), ax=ax, **look)
        best[bound] = best_steps(slope, bound)
    top = best["sharp"][1]
    h_C = np.linspace(0, 2, (min(dots, 7) if quick else dots) + 2)[1:-1]
    net, steps = pair(slope), 10 if quick else 30
    found = [largest_step(net, h, x, steps, 1.5 * top) for h in h_C]
    ax.plot(h_C, found, "o", color=shade(1), label=labels("measured"))
    beside = dict(textcoords="offset points", fontsize="large", va="center")
    text = {
        key: labels("point", h_C=ratio(h), h_E=ratio(e)) for key, (h, e) in best.items()
    }
    ax.annotate(text["sharp"], best["sharp"], (em(0.6), em(0.3)), **beside)
    line = dict(arrowstyle="->", color=shade(1), linewidth=em(0.09), shrinkB=0)
    beside = dict(fontsize="large", ha="center", va="bottom", arrowprops=line)
    at = np.clip(0.7 * slope, 0.2, 0.7), 0.45 * top
    ax.annotate(text["paper"], best["paper"], at, **beside)
    ax.set(
        xlabel=labels("h_C"), ylabel=labels("h_E"), xlim=(0, 2), ylim=(0, 1.45 * top)
    )
    ax.set_title(labels("title", times=top / best["paper"][1]), fontsize="large")
    ax.legend(loc="upper left")
    return fig
