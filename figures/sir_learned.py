"""The learned SIR flow lies on the true one, and its total stays 1.

A network of four mass-preserving Euler steps learns the map over 0.025 mean infectious
periods from 1800 short trajectories on the simplex, by the loss summed over four
self-fed steps, and is then iterated 4000 times, to t = 100. Left: an epidemic, its
first 800 steps. Right: the total's distance from 1.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems

H, FED = 0.025, 4


def network(rng, width=16, layers=4):
    """Four Euler steps of ẏ = (M − Mᵀ)1, vec M = Cσ(Ay + b), h/4 each."""
    fields = [dnn.MassPreservingField.random(3, width, rng=rng) for _ in range(layers)]
    return dnn.Network(*[dnn.Flow(X, H / layers) for X in fields])


@cache
def train(quick=False):
    """The network, trained on 1800 trajectories of four self-fed steps."""
    rng = np.random.default_rng(0)
    y0 = rng.dirichlet([1, 1, 1], 1800)
    y = dnn.exact_flow(systems.sir(), y0, H * np.arange(1, FED + 1))
    net, epochs = network(rng), 100 if quick else 600
    fed = dnn.Rollout(net, FED)
    dnn.fit(fed, dnn.MeanSquaredError(), y0, y, dnn.LBFGS(), epochs)
    return net


def make(quick=False):
    net = train(quick)
    y0, t = np.array([0.8, 0.2, 0.0]), H * np.arange(4001)
    states = np.concatenate([y0[None], dnn.Rollout(net, 4000)(y0)])
    truth = dnn.exact_flow(systems.sir(), y0, t)

    fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4))
    gap = np.abs(states - truth)[:801].max()
    flow = left.plot(t, truth, color="black", linewidth=1.5, zorder=3)
    flow[0].set_label("true flow")
    for k, name in enumerate(("susceptible", "infected", "removed")):
        look = dict(color=f"C{k}", markersize=8, label=name)
        left.plot(t[:801:32], states[:801:32, k], "o", **look)
    left.set(xlabel="time $t$ (mean infectious periods)", xlim=(0, 20.4))
    left.set(ylabel="fraction of the population")
    left.set(title=f"800 learned steps, at most {gap:.4f} off")
    left.legend(loc="upper right")

    plotting.invariant_drift(dnn.Mass(), states, t, ax=right, color="C0", linewidth=1)
    rounding = 4000 * np.finfo(float).eps
    right.axhline(rounding, color="0.5", linewidth=1.2, linestyle="--")
    above = dict(textcoords="offset points", color="0.4", ha="right")
    right.annotate("4000 roundings", (100, rounding), (0, 6), **above)
    right.set(xlabel="time $t$ (mean infectious periods)", xlim=(0, 100))
    right.set(ylabel=r"$|1^\top y(t) - 1|$", ylim=(2e-17, 1e-10))
    right.set(title="4000 iterations: the total")
    return fig
