"""The learned flow keeps the mass to rounding; an unstructured network does not.

The lecture's system, its time-0.1 map learned from 2048 pairs on the box [−0.6, 2]³, by
steps of ẏ = (M − Mᵀ)1 and by a ResNet of the same size. Left: both follow the truth
from a state that neither has seen. Right: only one keeps the sum of the components.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import qmc

import dynsys_nn as dnn
from dynsys_nn import plotting, systems

H, T = 0.1, 2.0


def structured(rng, width=32, layers=2):
    """Euler steps of (M − Mᵀ)1, vec M = Cσ(Ax + b)."""
    return network(dnn.MassPreservingField, rng, width, layers)


def resnet(rng, width=32, layers=2):
    """Euler steps of Bσ(Ax + b)."""
    return network(dnn.ResidualField, rng, width, layers)


def network(family, rng, width, layers):
    """Steps of H/layers, with random biases: each tanh bends in another place."""
    fields = [family.random(3, width, rng=rng) for _ in range(layers)]
    for X in fields:
        X.b = rng.normal(size=width)
    return dnn.Network(*[dnn.Flow(X, H / layers) for X in fields])


def sample(n, rng):
    """n pairs (y, φ^0.1(y)), at Sobol points: they fill [−0.6, 2]³ to its faces."""
    y = qmc.scale(qmc.Sobol(3, rng=rng).random(n), -0.6, 2.0)
    return y, dnn.exact_flow(systems.mass_example(), y, H)


@cache
def train(architecture, epochs):
    """A network of the given architecture, trained on 2048 pairs, the same for all."""
    rng = np.random.default_rng(0)
    y, y_next = sample(2048, rng)
    net = architecture(rng)
    dnn.fit(net, dnn.MeanSquaredError(), y, y_next, dnn.LBFGS(), epochs=epochs)
    return net


def make(quick=False):
    system, mass = systems.mass_example(), dnn.Mass()
    t, fine = np.arange(0, round(T / H) + 1) * H, np.linspace(0, T, 200)
    others = np.random.default_rng(1).uniform(0, 1, (99, 3))
    y0 = np.concatenate([system.x0[None], others])  # the first is drawn on the left
    truth = dnn.exact_flow(system, y0[0], fine)
    fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4))
    cases = (
        (structured, 5000, "mass-preserving network", "C0", "o", 10),
        (resnet, 1500, "ResNet", "C1", "x", 7),
    )
    left.plot(fine, truth, color="black", linewidth=1.5)[0].set_label("truth")
    for architecture, epochs, name, colour, marker, size in cases:
        net = train(architecture, 100 if quick else epochs)
        states = np.concatenate([y0[:, None], dnn.Rollout(net, len(t) - 1)(y0)], axis=1)
        look = dict(color=colour, marker=marker)
        points = dict(linestyle="", markersize=size, alpha=0.8, **look)
        left.plot(t, states[0], **points)[0].set_label(name)
        plotting.invariant_drift(mass, states, t, ax=right, label=name, **look)
    beside = dict(textcoords="offset points", va="center", fontsize=18)
    for k, height in enumerate(truth[-1]):
        left.annotate(f"$y_{k + 1}$", (T, height), (10, 0), **beside)
    left.set(xlabel="time $t$", ylabel="components of the state")
    left.set(title="one solution, in learned steps of 0.1")
    left.legend(loc="best")

    eps = np.finfo(float).eps
    right.axhline(eps, color="0.5", linewidth=1.2, linestyle="--")
    below = dict(textcoords="offset points", color="0.4", ha="right", va="top")
    right.annotate("one rounding", (T, eps), (0, -7), **below)
    right.set(xlabel="time $t$", ylabel=r"drift  $|1^\top y(t) - 1^\top y(0)|$")
    right.set(ylim=(2e-17, 1e-1))
    right.set_title("drift of the mass, worst of 100 solutions")
    right.legend(loc="center left", bbox_to_anchor=(0.02, 0.45))
    return fig
