"""In a round valley learned by a network with four layers a marble rolls as in the true
one; with as many numbers in one layer it goes astray.

Left: the valley V(q) = −exp(−s(‖q‖² − 1)²), dots where its force −∇V is seen, and the
way of a marble, q̈ = −∇V(q), by small Störmer–Verlet steps. Middle, right: the
potentials of two networks whose gradients were fitted to these forces, by how much the
forces are off elsewhere, relative to their size, and the marble's way in them, on top
of the true one, the broad line. One layer is a sum of functions of aᵀq + b, each
constant along straight lines. The constant in V, which no force tells, is such that all
have the same mean. The adjoint of ∇V is a second derivative of the network.

Source of such networks: Greydanus, Dzamba, Yosinski, arXiv:1906.01563.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em

from .drawing import Number, Whole, figure

LABELS = {
    "valley": "a marble in a round valley,\nits force seen at <places> places",
    "one": "learned with one layer:\nforces off by <error> %",
    "four": "learned with four layers:\nforces off by <error> %",
    "q1": "$q_1$",
    "q2": "$q_2$",
    "numbers": "$q_1$\n<numbers> parameters",
}
#: of the hidden layers
WIDTHS = {"one": (61,), "four": (5, 10, 10, 5)}
#: states are drawn, and forces seen, for |q₁|, |q₂| up to it
REACH = 1.5


def valley(q, s):
    """V(q) = −exp(−s(‖q‖² − 1)²)."""
    return -np.exp(-s * ((q**2).sum(axis=-1) - 1) ** 2)


def force(q, s):
    """−∇V(q)."""
    r2 = (q**2).sum(axis=-1, keepdims=True)
    return 4 * s * (r2 - 1) * valley(q, s)[..., None] * q


@cache
def train(widths, s, places, seed, epochs):
    """The places, and the field −∇V of a network V that was fitted to the forces."""
    rng = np.random.default_rng(seed)
    q = rng.uniform(-REACH, REACH, (places, 2))
    X = dnn.GradientOf.random(2, widths, bias=1.0, rng=rng)
    dnn.fit(X, dnn.MeanSquaredError(), q, force(q, s), dnn.LBFGS(), epochs)
    return q, X


def way(X, time, h=0.025):
    """The solution q of q̈ = X(q) from rest at the inner edge, with a push sideways."""
    drift = dnn.LinearField(np.eye(2))
    flow = dnn.Flow(dnn.PartitionedField(drift, X), h, dnn.StormerVerlet())
    return dnn.Rollout(flow, round(time / h))(np.array([0.9, 0.0, 0.0, 0.6]))[:, :2]


def off(X, s):
    """‖X − force‖/‖force‖ over a grid."""
    q = grid(41)
    return np.linalg.norm(X(q) - force(q, s)) / np.linalg.norm(force(q, s))


def grid(n):
    axis = np.linspace(-REACH, REACH, n)
    return np.stack(np.meshgrid(axis, axis), axis=-1)


@figure(
    sharpness=Number(1, 6, "s, how steep the walls are"),
    places=Whole(150, 1000, "at how many places the force is seen"),
    time=Number(2, 40, "how long the marble rolls"),
    seed=Whole(0, 99, "of the places and of the parameters at first"),
)
def make(
    quick=False, *, sharpness=4.0, places=200, time=10.0, seed=0, figsize=(13.3, 5.6),
    labels=LABELS,
):  # fmt: skip
    epochs = 60 if quick else 500
    found = {
        name: train(widths, sharpness, places, seed, epochs)
        for name, widths in WIDTHS.items()
    }
    q, fields = found["one"][0], {name: X for name, (_, X) in found.items()}
    fig, axes = plt.subplots(1, 3, figsize=figsize, sharex=True, sharey=True)
    known, z = dnn.KnownField(lambda q: force(q, sharpness), 2), grid(121)
    true = valley(z, sharpness)
    levels = np.linspace(true.min() - 0.1, true.max() + 0.1, 13) - true.mean()
    values = {"valley": true, **{name: X.potential(z) for name, X in fields.items()}}
    for ax, (name, V) in zip(axes, values.items(), strict=True):
        ax.contourf(*np.moveaxis(z, -1, 0), V - V.mean(), levels, extend="both")
        ax.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
        ax.plot(*way(known, time).T, color=plt.get_cmap()(1.0), linewidth=em(0.3))
        if name == "valley":
            ax.plot(*q.T, ".", color="C1", markersize=em(0.3))
            ax.set_title(labels(name, places=places))
            ax.set(xlabel=labels("q1"), ylabel=labels("q2"))
        else:
            X = fields[name]
            ax.plot(*way(X, time).T, color="C1")
            error = f"{float(f'{100 * off(X, sharpness):.2g}'):g}"
            ax.set_title(labels(name, error=error))
            ax.set_xlabel(labels("numbers", numbers=X.theta.size))
    return fig
