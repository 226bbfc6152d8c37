"""Two networks learn a flow for one unit of time, from the equation alone and about
equally well. Composed again and again, the one without structure drifts, and the
symplectic one keeps the energy of every orbit.

Both maps (x, t) ↦ x are x at t = 0, and are trained to make their residual ∂F/∂t − X(F)
small at random points: x + N(x, t) − N(x, 0) with one hidden layer, and SympFlow, kicks
and drifts whose potentials depend on time. Drawn is the energy of some orbits, in
colour, under x ↦ F(x, 1), and what it should be, dashed. Source: Canizares et al.,
arXiv:2412.16787.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Choice, Whole, figure, power

LABELS = {
    "trial": "$x + N(x, t) - N(x, 0)$, loss $<loss>$:\nenergy up to <off> % off",
    "sympflow": "SympFlow, loss $<loss>$:\nenergy up to <off> % off",
    "time": "time",
    "energy": "energy; dashed: exact",
}
#: with the largest |q| and |p| of the points
SYSTEMS = {
    "harmonic_oscillator": (systems.harmonic_oscillator, 1.3, 1.3),
    "pendulum": (systems.pendulum, 1.8, 1.6),
}


def trial(rng, width=24):
    """x + N(x, t) − N(x, 0), N with one hidden layer."""
    A, B = dnn.Dense(width, 3, rng=rng), dnn.Dense(2, width, rng=rng)
    N = dnn.ResidualField(A, dnn.Tanh(), B)
    N.b = rng.normal(size=width)
    return dnn.TrialFlow(N)


def sympflow(rng, width=12):
    """Two kicks and two drifts."""
    small = dict(alpha=0.1, bias=1.0, rng=rng)
    layers = [dnn.SympFlowLayer.random(2, width, **small) for _ in range(2)]
    return dnn.Network(*layers, dnn.Selection([0, 1], 3))


@cache
def train(architecture, system, epochs, n, seed):
    """A flow map for t in [0, 1], trained by its residual at n points, and its loss.

    An epoch of SympFlow takes twice as long, and so it is given half as many.
    """
    make, q, p = SYSTEMS[system]
    rng = np.random.default_rng(seed)
    F, z = architecture(rng), rng.uniform([-q, -p, 0], [q, p, 1], (n, 3))
    R, zeros = dnn.Residual(F, make()), np.zeros((n, 2))
    loss, epochs = dnn.MeanSquaredError(), epochs // (1 + (architecture is sympflow))
    return F, dnn.fit(R, loss, z, zeros, dnn.LBFGS(), epochs=epochs).loss[-1]


def energy(system):
    """The system's energy, which is 0 at rest."""
    H = SYSTEMS[system][0]().invariants["energy"]
    return lambda x: H(x) - H(np.zeros(2))


def orbit(F, x, time):
    """F(·, 1) composed, 1, …, `time` times."""
    return np.moveaxis(dnn.Rollout(dnn.FlowAt(F, 1.0), time)(x), -2, 0)


def starts(system, orbits):
    """States at rest, up to 0.85 of the largest q."""
    q = 0.85 * SYSTEMS[system][1] * np.linspace(0.4, 1, orbits)
    return np.stack([q, 0 * q], axis=-1)


@figure(
    system=Choice(SYSTEMS, "whose flow is learned"),
    time=Whole(50, 2000, "how often the networks are composed; at most 200 if quick"),
    orbits=Whole(2, 6, "how many orbits"),
    seed=Whole(0, 99, "of the points, and of the networks' first parameters"),
)
def make(
    quick=False, *, system="harmonic_oscillator", time=1000, orbits=4, seed=1,
    figsize=(13.3, 5.4), labels=LABELS,
):  # fmt: skip
    time = min(time, 200) if quick else time
    shared = dict(sharex=True, sharey=True, gridspec_kw=dict(wspace=0.06))
    fig, axes = plt.subplots(1, 2, figsize=figsize, **shared)
    H, x = energy(system), starts(system, orbits)
    epochs, n, highest = 60 if quick else 600, 100 if quick else 300, 0.0
    for ax, architecture in zip(axes, (trial, sympflow), strict=True):
        F, loss = train(architecture, system, epochs, n, seed)
        found = H(np.stack([x, *orbit(F, x, time)], axis=1))
        for k, (exact, *_) in enumerate(found):
            ax.axhline(exact, color=shade(0.6), linestyle="--", linewidth=em(0.08))
            ax.plot(np.arange(time + 1), found[k], **look(k))
        off = 100 * np.abs(found / found[:, :1] - 1).max()
        words = dict(loss=power(loss), off=f"{float(f'{off:.2g}'):g}")
        ax.set_title(labels(architecture.__name__, **words))
        ax.set(xlabel=labels("time"), xlim=(0, time))
        highest = max(highest, found.max())
    axes[0].set(ylim=(0, 1.08 * highest), ylabel=labels("energy"))
    return fig
