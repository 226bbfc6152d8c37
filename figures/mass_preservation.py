"""The learned flow keeps the mass to rounding; an unstructured network does not.

The map over time 0.1 of a system in ℝ³ that keeps the sum of its components is learned
on the box [−0.6, 2]³, by steps of ẏ = (M − Mᵀ)1 and by a ResNet of the same size; in
one step one is as exact as the other. Both are then iterated from random states of [0,
1]³, those from which the true solution stays in the box. Left: how much mass each
solution has gained or lost. Right: the worst of them, on a logarithmic axis. Source:
arXiv:2210.02373.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.stats import qmc

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Number, Whole, at_most, figure, power
from .drawing.places import names_at_ends

H, BOX = 0.1, (-0.6, 2.0)

LABELS = {
    "gain": "the ResNet gains or loses mass:\nup to $<most>$ until $t = <T>$",
    "drift": "the mass-preserving network\nis at most $<most>$ off",
    "time": "time $t$",
    "mass": r"$1^\top y(t) - 1^\top y(0)$, <n> solutions",
    "worst": r"$|1^\top y(t) - 1^\top y(0)|$, the worst",
    "structured": "mass-\npreserving\n(one step:\n$<error>$)",
    "resnet": "ResNet\n(one step:\n$<error>$)",
    "rounding": "one rounding",
}


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
    y = qmc.scale(qmc.Sobol(3, seed=rng).random(n), *BOX)
    return y, dnn.exact_flow(systems.mass_example(), y, H)


@cache
def train(architecture, epochs, pairs=2048, seed=0):
    """A network of the given architecture, trained on the same pairs as the others."""
    rng = np.random.default_rng(seed)
    y, y_next = sample(pairs, rng)
    net = architecture(rng)
    dnn.fit(net, dnn.MeanSquaredError(), y, y_next, dnn.LBFGS(), epochs=epochs)
    return net


def starts_in_the_box(n, t, seed):
    """Those of n random states of [0, 1]³ from which the solution stays in the box."""
    y0 = np.random.default_rng([seed, 1]).uniform(0, 1, (n, 3))
    states = dnn.exact_flow(systems.mass_example(), y0, t)
    return y0[((states > BOX[0]) & (states < BOX[1])).all(axis=(1, 2))]


@figure(
    T=Number(2, 100, "the last time"),
    starts=Whole(
        20, 200, "random states: solutions begin in those that stay in the box"
    ),
    exponent=Whole(7, 11, "2 to it is the number of pairs that are learned from"),
    iterations=Whole(60, 2000, "of the training"),
    seed=Whole(0, 99, "of the pairs, of the first parameters and of the states"),
)
def make(
    quick=False, *, T=50.0, starts=100, exponent=9, iterations=600, seed=0,
    figsize=(13.3, 5.4), labels=LABELS,
):  # fmt: skip
    t, mass = H * np.arange(round(T / H) + 1), dnn.Mass()
    y0 = starts_in_the_box(starts, t, seed)
    test = np.random.default_rng([seed, 2]).uniform(*BOX, (2000, 3))
    truth = dnn.exact_flow(systems.mass_example(), test, H)
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    names, colours, most = [], [], []
    for name, k, architecture in (("resnet", 1, resnet), ("structured", 0, structured)):
        net = train(architecture, 60 if quick else iterations, 2**exponent, seed)
        states = np.concatenate([y0[:, None], dnn.Rollout(net, len(t) - 1)(y0)], axis=1)
        colours.append(look(k)["color"])
        width = em(0.05 if k else 0.25)
        plotting.energy(mass, states, t, left, color=colours[-1], linewidth=width)
        plotting.invariant_drift(mass, states, t, right, **look(k))
        most.append(np.abs(mass(states) - mass(y0)[:, None]).max())
        error = np.sqrt(((net(test) - truth) ** 2).sum(axis=-1).mean())
        names.append(labels(name, error=power(error)))
    left.set(xlabel=labels("time"), ylabel=labels("mass", n=len(y0)), xlim=(0, t[-1]))
    left.set_title(labels("gain", most=at_most(most[0]), T=T))

    eps = np.finfo(float).eps
    right.axhline(eps, color=shade(0.5), linewidth=em(0.07), linestyle="--")
    below = dict(textcoords="offset points", color=shade(0.7), ha="right", va="top")
    right.annotate(labels("rounding"), (t[-1], eps), (0, em(-0.3)), **below)
    right.set(xlabel=labels("time"), ylabel=labels("worst"), xlim=(0, t[-1]))
    right.set(ylim=(1e-17, max(100, 1000 * most[0])))
    for ax in (left, right):
        ax.xaxis.set(major_locator=MaxNLocator(5), major_formatter="{x:g}")
    _, lower = names_at_ends(right, names, most, colours, gap=0.3)
    lower.set_va("bottom")  # above the ticks
    right.set_title(labels("drift", most=at_most(most[1])))
    return fig
