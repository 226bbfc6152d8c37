"""f = ∇U + X_S, drawn: every field is a gradient and a field that only turns.

Here the pendulum's. Left: f, q̇ = p, ṗ = −sin q. Middle: ∇U crosses the level lines of
U(x) = ∫₀¹ xᵀf(tx) dt at right angles. Right: X_S = f − ∇U follows the circles around 0.
The thicker a line, the larger the field.
"""

import matplotlib.pyplot as plt

import dynsys_nn as dnn
from dynsys_nn import plotting, systems


def make(quick=False):
    fig, axes = plt.subplots(1, 3, figsize=(15, 4.6), sharey=True)
    parts = dnn.presnov(systems.pendulum())
    plotting.skew_and_gradient(parts, (-3.1, 3.1), (-2.4, 2.4), axes)
    titles = (
        "$f$: the pendulum",
        r"$=\;\nabla U$: across level lines",
        r"$+\;X_S$: along circles",
    )
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel="angle $q$ (radians)")
    axes[0].set_ylabel("momentum $p$")
    return fig
