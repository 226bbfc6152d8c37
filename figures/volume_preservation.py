"""The structured network carries a shape and keeps its volume; the ResNet does not.

Both learn the flow of the pendulum over time 1 from the same 100 noisy pairs, with 192
and 200 parameters, and are then applied again and again to a disc. Left and middle: the
disc after 0, 9 and 18 applications, dashed what the exact flow makes of it. Right: its
area.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems

SHOWN = (0, 9, 18)


def structured(rng, layers=4, width=8):
    """Symplectic Euler steps of (x, v)′ = (f(v), g(x)): each has determinant one."""
    fields = [dnn.PartitionedField.random(2, width, rng=rng) for _ in range(layers)]
    method = dnn.SymplecticEuler()
    return dnn.Network(*[dnn.Flow(X, 1 / layers, method) for X in fields])


def resnet(rng, layers=5, width=8):
    """Euler steps of Bσ(Ax + b): nothing is kept."""
    fields = [dnn.ResidualField.random(2, width, rng=rng) for _ in range(layers)]
    return dnn.Network(*[dnn.Flow(X, 1 / layers) for X in fields])


@cache
def train(quick=False):
    """The two networks, trained on the same pairs (x, φ¹(x) + noise)."""
    rng = np.random.default_rng(2)
    x = rng.uniform((-2, -1.5), (2, 1.5), (100, 2))
    y = dnn.exact_flow(systems.pendulum(), x, 1.0) + 0.03 * rng.normal(size=x.shape)
    nets = structured(rng), resnet(rng)
    for net in nets:
        dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), 30 if quick else 200)
    return nets


def area(outline):
    """The area inside a closed polygon, shape (..., n, 2), by the shoelace formula."""
    x, v = np.moveaxis(outline, -1, 0)
    return np.abs((x * np.roll(v, -1, -1) - v * np.roll(x, -1, -1)).sum(axis=-1)) / 2


def make(quick=False):
    t = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    disc = np.stack([1.0 + 0.4 * np.cos(t), 0.4 * np.sin(t)], axis=-1)
    centre, limits = np.array([1.0, 0.0]), ((-2.2, 2.2), (-1.9, 1.9))
    pendulum, times = systems.pendulum(), np.arange(SHOWN[-1] + 1)
    exact = dnn.exact_flow(pendulum, disc, times)
    fig, axes = plt.subplots(1, 3, figsize=(15, 5))

    looks = ("volume-preserving network", "C0"), ("ResNet", "C1")
    for net, (name, colour), ax in zip(train(quick), looks, axes[:2], strict=True):
        iterated = dnn.Rollout(net, SHOWN[-1])
        images = np.vstack([disc[None], iterated(disc).swapaxes(0, 1)])
        centres = np.vstack([centre, iterated(centre)])
        plotting.phase_portrait(pendulum, *limits, ax=ax, density=0.6, color="0.85")
        for n in SHOWN:
            ax.fill(*images[n].T, color=colour, alpha=0.35 if n else 0.75, linewidth=0)
            ax.plot(*exact[:, n].T, color="black", linewidth=1, linestyle="--")
            middle = dict(ha="center", va="center", fontsize=15, fontweight="bold")
            ax.text(*centres[n], f"{n}", **middle)
        ax.set(title=name, xlabel="angle $q$ (radians)", ylabel="momentum $p$")
        ax.set(xlim=limits[0], ylim=limits[1])
        areas = 100 * area(images) / area(disc)
        axes[2].plot(times, areas, marker="o", color=colour, label=name)
    axes[2].set(xlabel="applications of the network", ylabel="area of the shape (%)")
    axes[2].set(title="the area", xticks=SHOWN, ylim=(90, 120))
    axes[2].legend(loc="upper left")
    return fig
