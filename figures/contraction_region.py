"""Which (h_C, h_E) give a 1-Lipschitz pair: by the paper, exactly, and measured.

The pair is x ↦ x + h_Eσ(Wx + v) and then x ↦ x − h_CAᵀσ(Ax + b), A and W orthogonal,
slopes of σ in [½, 1]. Dots: the largest h_E for which a search finds no two points that
the pair moves apart, for A = W = I, which is the worst, and for random A and W.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting


def pair(W, A, h_C=0.5, h_E=0.1):
    """The expansive step first, then the contractive one, with learned steps."""
    expansive = dnn.ResidualField(dnn.Dense(2, 2, W=W), dnn.LeakyReLU(0.5))
    contractive = dnn.GradientField(dnn.Dense(2, 2, W=A), dnn.LeakyReLU(0.5))
    steps = (expansive, h_E), (contractive, h_C)
    return dnn.Network(*[dnn.Flow(X, h, learn_h=True) for X, h in steps])


def worst_pair():
    """A = W = I and a bias: slope 1, then ½ up to x = 3/(1 + h_E), and 1 beyond."""
    net = pair(np.eye(2), np.eye(2))
    net.maps[1].field.b = -3.0
    return net


def random_pair(rng):
    W, A = dnn.Dense(2, 2, rng=rng), dnn.Dense(2, 2, rng=rng)
    W.orthogonalise()
    A.orthogonalise()
    net = pair(W.W, A.W)
    for flow in net.maps:
        flow.field.b = rng.normal(size=2)
    return net


def largest_step(net, h_C, x, steps):
    """The h_E at which the measured constant of the pair is 1."""
    E, C = net.maps
    C.h = h_C

    def excess(h_E):
        E.h = h_E
        return lipschitz.measured(net, x, steps) - 1

    return brentq(excess, 1e-4, 9, xtol=1e-3)


def make(quick=False):
    rng = np.random.default_rng(1)
    x = rng.uniform(-8, 8, (60, 2))
    fig, ax = plt.subplots(figsize=(12, 6.4))
    net = worst_pair()
    for bound, colour, label, alpha in (
        ("sharp", "C0", "the exact bound", 0.35),
        ("paper", "C1", "the paper's bound", 1),
    ):
        region = dnn.StepSizes(net.maps[1], net.maps[0], bound=bound)
        look = dict(color=colour, label=label, alpha=alpha)
        plotting.step_size_region(region, (0, 2), ax=ax, **look)
    h_C, steps = np.linspace(0.1, 1.9, 7 if quick else 19), 10 if quick else 30
    for k in range(2):
        other = random_pair(rng)
        line = [largest_step(other, h, x, steps) for h in h_C]
        label = None if k else "measured, random $A$, $W$"
        ax.plot(h_C, line, ".-", color="0.6", linewidth=1, label=label)
    line = [largest_step(net, h, x, steps) for h in h_C]
    ax.plot(h_C, line, "o", color="black", label="measured, worst $A$, $W$")
    ax.set(xlabel="contractive step $h_C$", ylabel="expansive step $h_E$")
    ax.set(xlim=(0, 2), ylim=(0, 2.6))
    beside = dict(textcoords="offset points", fontsize=22, va="center")
    ax.annotate(r"$(\frac{4}{3}, 2)$", (4 / 3, 2), (16, 0), **beside)
    ax.text(0.53, 0.2, r"$(\frac{1}{2}, 0.1547)$", fontsize=20)
    ax.legend(loc="upper left")
    return fig
