"""One step brings points closer, the other moves them apart, and by how much at most.

Left: x − hAᵀσ(Ax + b). Middle: x + hσ(Wx + v); h = ½, A and W are orthogonal, σ has
slopes in [½, 1]. Dashed the distance of two points before the step, solid after it.
Right: how much 20 000 pairs of points are stretched, and the bounds max(|1 − h/2|, |1 −
h|) = ¾ and 1 + h = 3/2, which are attained.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

LIMITS = (-2.2, 2.2)


def steps():
    """The two steps, with orthogonal weights."""
    rng = np.random.default_rng(3)
    contractive = dnn.GradientField(dnn.Dense(2, 2, rng=rng), dnn.LeakyReLU(0.5))
    expansive = dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5))
    contractive.A.orthogonalise()
    return dnn.Flow(contractive, 0.5), dnn.Flow(expansive, 0.5)


def make(quick=False):
    rng = np.random.default_rng(0)
    fig, axes = plt.subplots(1, 3, figsize=(16, 5.2))
    starts = [-1.4, 0.5, -0.4, 1.4], [0.5, 1.2, 1.3, 0.3], [-1.1, -1.3, 1.0, -0.7]
    before = np.reshape(starts, (3, 2, 2))  # three pairs of points
    pairs = rng.normal(size=(2, 20_000, 2)) * 2
    kinds = (
        (r"contractive: $x - hA^{\!\top}\sigma(Ax + b)$", "C0"),
        (r"expansive: $x + h\sigma(Wx + v)$", "C1"),
    )
    for flow, ax, (title, colour) in zip(steps(), axes[:2], kinds, strict=True):
        grey = dict(density=0.6, color="0.85")
        plotting.phase_portrait(flow.field, LIMITS, LIMITS, ax=ax, **grey)
        after = flow(before)
        for old, new in zip(before, after, strict=True):
            ax.plot(*old.T, "o--", color="0.35", linewidth=1.8)
            ax.plot(*new.T, "o-", color=colour, linewidth=4)
            for start, end in zip(old, new, strict=True):
                arrow = dict(arrowstyle="->", color="0.35", shrinkA=4, shrinkB=4)
                ax.annotate("", end, start, arrowprops=arrow)
        ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
        ax.set(xlim=LIMITS, ylim=LIMITS, aspect="equal")
        x, y = pairs
        after, apart = flow(x) - flow(y), x - y
        stretch = np.linalg.norm(after, axis=-1) / np.linalg.norm(apart, axis=-1)
        stretch = stretch - 1e-9  # a bound lies on an edge of the bins
        axes[2].hist(stretch, bins=np.linspace(0, 1.6, 65), color=colour, alpha=0.6)
        bound = flow.lipschitz()
        axes[2].plot([bound, bound], [0, 3500], color=colour, linestyle="--")
        above = dict(color=colour, ha="center", va="bottom", fontsize=20)
        axes[2].text(bound, 3570, f"at most\n{bound:.4g}", **above)
    axes[2].axvline(1, color="0.6", linewidth=0.8)
    axes[2].set(
        title="20 000 pairs of points",
        xlabel="distance after / distance before",
        xlim=(0.3, 1.7),
        ylim=(0, 4300),
        yticks=[],
    )
    return fig
