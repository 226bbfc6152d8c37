"""Learned about as well, only the symplectic network stays on its orbit, for ever.

The networks of symplectic_energy, for the flow of the harmonic oscillator over time
0.1, after so few iterations of the training that the ResNet's error is soon seen.
Left: both are iterated for a short time. Middle: for a long one. Right: the energy
less its first value. Source: arXiv:2210.02373.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Number, Whole, at_most, figure, power
from .drawing.places import names_at_ends
from .symplectic_energy import T, resnet, symplectic, train

LABELS = {
    "short": "until $t = <short>$: the ResNet\nis <off> % of the radius off",
    "long": "until $t = <long>$: the ResNet\nis <off> % of the radius off",
    "energy": "the symplectic one keeps\nthe energy within $<most>$",
    "q": "$q$",
    "p": "$p$",
    "one step": "In one step, the ResNet is $<resnet>$ off, the symplectic network "
    "$<symplectic>$. In many steps:",
    "true": "true orbit",
    "resnet": "ResNet",
    "symplectic": "symplectic",
    "time": "time $t$",
    "gain": "energy $-$ its first value",
}


@figure(
    start=Number(0.3, 0.9, "q at t = 0, where p = 0"),
    short=Number(5, 50, "the short time"),
    long=Number(100, 1000, "the long time"),
    iterations=Whole(60, 2000, "of the training"),
    seed=Whole(0, 99, "of the data, and of the networks' first parameters"),
)
def make(
    quick=False, *, start=0.8, short=10.0, long=1000.0, iterations=100, seed=0,
    figsize=(13.3, 5.0), labels=LABELS,
):  # fmt: skip
    oscillator = systems.harmonic_oscillator()
    H, x0 = oscillator.invariants["energy"], np.array([start, 0.0])
    n = round(long / T)
    t = T * np.arange(n + 1)
    test = np.random.default_rng(1).uniform(-1, 1, (4000, 2))
    truth = dnn.exact_flow(oscillator, test, T)
    nets = [
        train(net, 60 if quick else iterations, seed) for net in (resnet, symplectic)
    ]
    states = np.stack([np.vstack([x0[None], dnn.Rollout(net, n)(x0)]) for net in nets])
    off = np.abs(np.linalg.norm(states, axis=-1) - start) / start

    ratios = dict(width_ratios=(1.1, 1.1, 1))
    fig, axes = plt.subplots(1, 3, figsize=figsize, gridspec_kw=ratios)
    most = min(off.max(), 0.25)
    widest = 1.15 * start * (1 + most)
    circle = start * np.exp(1j * np.linspace(0, 2 * np.pi, 400))
    looks = [look(k)["color"] for k in (1, 0)]
    for ax, name, end in zip(axes, ("short", "long"), (short, long), strict=False):
        until = t <= end + T / 2
        ax.plot(circle.real, circle.imag, color=shade(0.2), linewidth=em(0.6), zorder=1)
        for x, width, colour in zip(states, (0.3, 0.12), looks, strict=True):
            plotting.trajectories(x[until], ax, color=colour, linewidth=em(width))
        digits = {"short": 1, "long": 2}[name]
        percent = float(f"{100 * off[0, until].max():.{digits}g}")
        ax.set_title(labels(name, off=percent, **{name: end}))
        ax.set(xlabel=labels("q"), aspect="equal")
        ax.set(xlim=(-widest, widest), ylim=(-widest, widest))
    axes[0].set_ylabel(labels("p"))
    errors = [np.sqrt(((net(test) - truth) ** 2).sum(axis=-1).mean()) for net in nets]
    resnet_error, symplectic_error = map(power, errors)
    said = labels("one step", resnet=resnet_error, symplectic=symplectic_error)
    fig.suptitle(said, fontsize="medium")
    names = [labels(name) for name in ("true", "resnet", "symplectic")]
    for k, (name, colour) in enumerate(zip(names, [shade(0.6), *looks], strict=True)):
        place = dict(textcoords="offset points", ha="center", va="center")
        place |= dict(color=colour, fontsize="small")
        axes[0].annotate(name, (0, 0), (0, em(1.3 * (1 - k))), **place)
    for x, colour in zip(states, looks, strict=True):
        plotting.energy(H, x, t, axes[2], color=colour, linewidth=em(0.1))
    gains = H(states) - H(x0)
    axes[2].set(xlabel=labels("time"), ylabel=labels("gain"), xlim=(0, t[-1]))
    names_at_ends(axes[2], names[1:], gains[:, -1], looks)
    axes[2].set_title(labels("energy", most=at_most(np.abs(gains[1]).max())))
    return fig
