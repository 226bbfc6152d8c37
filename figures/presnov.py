"""f = ∇U + X_S, drawn: every field is a gradient and a field that only turns.

Here the pendulum's. Left: f, q̇ = p, ṗ = −sin q. Middle: ∇U crosses the level lines of
U(x) = ∫₀¹ xᵀf(tx) dt at right angles. Right: X_S = f − ∇U follows the circles around 0.
The thicker a line, the larger the field; where it is small, there are none. Source:
Presnov, Theoret. and Math. Phys. 133 (2002); arXiv:2210.02373.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em

from .drawing import Choice, Number, figure

LABELS = {
    "f": "$f$: <what>",
    "gradient": r"$=\;\nabla U$: across level lines",
    "no gradient": r"$=\;\nabla U$: zero, for $f$ only turns",
    "sphere": r"$+\;X_S$: along circles",
    "no sphere": r"$+\;X_S$: zero, for $f$ is a gradient",
    "width": "the thicker a line, the larger the field",
    "zero": "0",
    "pendulum": "the pendulum",
    "damped_pendulum": "the pendulum with friction",
    "harmonic_oscillator": "the oscillator",
    "damped_oscillator": "the oscillator with friction",
    "lotka_volterra": "Lotka and Volterra",
    "descent": "a steepest descent",
    "layer": "a layer of a ResNet",
    "angle": "angle $q$ (radians)",
    "position": "position $q$",
    "momentum": "momentum $p$",
    "prey": "prey $x$",
    "predators": "predators $y$",
    "x1": "$x_1$",
    "x2": "$x_2$",
}


def linear(M):
    """The field Mx."""
    M = np.array(M)
    return dnn.KnownField(
        lambda x: x @ M.T, 2, lambda x: np.broadcast_to(M, (*x.shape, 2))
    )


FRICTION = linear([[0, 0], [0, -0.5]])
PULL = dnn.Dense(2, 2, W=[[1.0, 0.5], [-0.4, 0.6]])
#: name → the field, and the names of its coordinates
SYSTEMS = {
    "pendulum": (systems.pendulum(), "angle", "momentum"),
    "damped_pendulum": (
        dnn.SumField(systems.pendulum(), FRICTION),
        "angle",
        "momentum",
    ),
    "harmonic_oscillator": (systems.harmonic_oscillator(), "position", "momentum"),
    "damped_oscillator": (
        dnn.SumField(systems.harmonic_oscillator(), FRICTION),
        "position",
        "momentum",
    ),
    "lotka_volterra": (systems.lotka_volterra(), "prey", "predators"),
    "descent": (dnn.GradientField(PULL, dnn.Tanh()), "x1", "x2"),
    "layer": (dnn.ResidualField.random(2, 8, bias=1, rng=4), "x1", "x2"),
}


def box(system, reach):
    """The rectangle that is drawn, xlim and ylim: populations are positive."""
    low = 0.0 if system == "lotka_volterra" else -1.0
    return (low * reach, reach), (0.78 * low * reach, 0.78 * reach)


def is_zero(part, parts, xlim, ylim):
    """Is a part of the decomposition zero on the rectangle, up to rounding?"""
    x = np.stack(np.meshgrid(np.linspace(*xlim, 9), np.linspace(*ylim, 9)), axis=-1)
    return np.abs(part(x)).max() <= 1e-9 * np.abs(parts.field(x)).max()


@figure(
    system=Choice(SYSTEMS, "the field f"),
    reach=Number(0.5, 6, "the largest x₁ that is drawn"),
)
def make(
    quick=False, *, system="pendulum", reach=3.1, figsize=(13.3, 4.6), labels=LABELS
):
    fig, axes = plt.subplots(1, 3, figsize=figsize, sharey=True)
    f, across, up = SYSTEMS[system]
    parts, (xlim, ylim) = dnn.presnov(f), box(system, reach)
    plotting.skew_and_gradient(parts, xlim, ylim, axes, arrowsize=em(0.07))
    axes[0].set(title=labels("f", what=labels(system)), ylabel=labels(up))
    for ax, name in zip(axes[1:], ("gradient", "sphere"), strict=True):
        zero = is_zero(getattr(parts, name), parts, xlim, ylim)
        ax.set_title(labels("no " + name if zero else name))
        if zero:
            centre = dict(ha="center", va="center", transform=ax.transAxes)
            ax.text(0.5, 0.5, labels("zero"), fontsize="xx-large", **centre)
    for ax in axes:
        ax.set_xlabel(labels(across))
    axes[1].set_xlabel("\n".join([labels(across), labels("width")]))
    return fig
