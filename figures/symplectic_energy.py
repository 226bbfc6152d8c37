"""The symplectic method keeps the energy close to its initial value, for ever.

Drawn is the largest energy error up to each time. Left: three methods, on a system
that is written down, from two states. Right: networks that have learned the flow of
the harmonic oscillator over time 0.1 from 1000 pairs, three symplectic shears and a
ResNet, 120 parameters each; they are applied again and again to four states. Source:
arXiv:2210.02373.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import qmc

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.plotting import look

from .drawing import Choice, Number, Whole, at_most, figure
from .drawing.places import names_at_ends

LABELS = {
    "pendulum": "pendulum",
    "harmonic_oscillator": "harmonic oscillator",
    "Euler": "Euler",
    "RK4": "RK4",
    "StormerVerlet": "Störmer–Verlet,\nsymplectic",
    "resnet": "ResNet",
    "symplectic": "symplectic\nnetwork",
    "method": "<what> in steps of <step>:\nStörmer–Verlet is at most $<most>$ off",
    "learned": "networks that learned the oscillator:\n"
    "the symplectic one is at most $<most>$ off",
    "time": "time",
    "error": "largest energy error so far",
}
SYSTEMS = {
    "pendulum": systems.pendulum,
    "harmonic_oscillator": systems.harmonic_oscillator,
}
T = 0.1
STARTS = np.array([[0.5, 0.0], [0.8, 0.0], [0.3, 0.3], [0.0, 0.6]])


def symplectic(rng, width=20):
    """One Störmer–Verlet step: three shears, symplectic for all parameters.

    The weights α of H have both signs: without, the force would be monotone.
    """
    small = dict(alpha=0.1, bias=1.0, rng=rng)
    X = dnn.PartitionedField.random(2, width, gradient=True, **small)
    return dnn.Network(dnn.Flow(X, T, dnn.StormerVerlet()))


def resnet(rng, width=24):
    """One Euler step of Bσ(Ax + b)."""
    X = dnn.ResidualField.random(2, width, bias=1.0, rng=rng)
    return dnn.Network(dnn.Flow(X, T))


@cache
def train(architecture, epochs=2000, seed=0):
    """A network, trained on 1000 pairs (x, φ^0.1(x)) of the square [−1, 1]²."""
    rng = np.random.default_rng(seed)
    net = architecture(rng)
    x = qmc.scale(qmc.Sobol(2, seed=rng).random(1024)[:1000], -1, 1)
    y = dnn.exact_flow(systems.harmonic_oscillator(), x, T)
    dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs=epochs)
    return net


def energy_error(H, step, x, steps):
    """|H(x_n) − H(x_0)|, n = 1, …, steps, the worst of the batch, until it explodes."""
    errors, start = [], H(x)
    for _ in range(steps):
        x = step(x)
        errors.append(np.abs(H(x) - start).max())
        if not errors[-1] < 1e9:
            break
    return np.array(errors)


def draw(ax, h, errors, names):
    """The largest errors so far against time, both logarithmic, named at their ends."""
    so_far = [np.maximum.accumulate(np.maximum(e, 1e-17)) for e in errors]
    lines = [
        ax.loglog(h * np.arange(1, len(e) + 1), e, **look(k))[0]
        for e, k in zip(so_far, (1, 3, 0) if len(errors) == 3 else (1, 0), strict=True)
    ]
    ends = [min(e[-1], 1e3) for e in so_far]
    longest = max(map(len, errors))
    ax.set(xlim=(h, h * longest), ylim=(min(map(min, so_far)) / 3, 5 * max(ends)))
    names_at_ends(ax, names, ends, [line.get_color() for line in lines], gap=0.13)


@figure(
    step=Number(0.05, 0.8, "of the methods, in the system's units of time"),
    system=Choice(SYSTEMS, "to which the methods are applied"),
    steps=Whole(1000, 20_000, "of the methods and of the networks; a tenth if quick"),
    seed=Whole(0, 99, "of the data, and of the networks' first parameters"),
)
def make(
    quick=False, *, step=0.5, system="pendulum", steps=10_000, seed=0,
    figsize=(13.3, 5.4), labels=LABELS,
):  # fmt: skip
    n = steps // 10 if quick else steps
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    X, oscillator = SYSTEMS[system](), systems.harmonic_oscillator()
    H, starts = X.invariants["energy"], np.array([[1.5, 0.0], [1.0, 0.0]])
    methods = dnn.Euler(), dnn.RK4(), dnn.StormerVerlet()
    errors = [
        energy_error(H, dnn.Flow(X, step, method), starts, n) for method in methods
    ]
    draw(left, step, errors, [labels(type(method).__name__) for method in methods])
    most = at_most(errors[-1].max())
    left.set_title(labels("method", what=labels(system), step=step, most=most))

    H = oscillator.invariants["energy"]
    nets = [train(net, 60 if quick else 800, seed) for net in (resnet, symplectic)]
    errors = [energy_error(H, net, STARTS, n) for net in nets]
    draw(right, T, errors, [labels("resnet"), labels("symplectic")])
    right.set_title(labels("learned", most=at_most(errors[-1].max())))
    left.set(xlabel=labels("time"), ylabel=labels("error"))
    right.set(xlabel=labels("time"))
    return fig
