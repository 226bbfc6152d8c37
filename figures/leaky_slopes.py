"""The activation's slopes, m = 1 and m = ½, are the factors by which a step contracts.

Left: the leaky ReLU σ. Right: the step x − hσ(x) with h = 4/3 has the slopes 1 − h =
−1/3 and 1 − h/2 = 1/3: it brings any two points closer by the factor 3.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn


def make(quick=False):
    sigma, h = dnn.LeakyReLU(0.5), 4 / 3
    z = np.array([-2.0, 0.0, 2.0])
    step = dnn.Flow(dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), sigma), h)
    fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2))
    left_names = (r"$m = \frac{1}{2}$", (-1.25, 0.35)), ("$m = 1$", (0.55, 1.4))
    right_names = (
        (r"$1 - \frac{h}{2} = \frac{1}{3}$", (-1.15, 0.42)),
        (r"$1 - h = -\frac{1}{3}$", (1.15, 0.42)),
    )
    step_of_z = step(z[:, None])[:, 0]
    for ax, y, names in ((left, sigma(z), left_names), (right, step_of_z, right_names)):
        for k, (name, place) in enumerate(names):
            ends, colour = slice(k, k + 2), ("C1", "C0")[k]
            ax.plot(z[ends], y[ends], color=colour, linewidth=5, solid_capstyle="round")
            ax.text(*place, name, color=colour, fontsize=26, ha="center", va="center")
        ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        ax.axvline(0, color="0.6", linewidth=0.8, zorder=0)
        ax.set(xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), aspect="equal")
        ax.set(xticks=[-2, -1, 0, 1, 2], yticks=[-2, -1, 0, 1, 2])
    left.set(title=r"the activation $\sigma$", xlabel="$z$", ylabel=r"$\sigma(z)$")
    right.set(title=r"the step $x - h\sigma(x)$, $h = \frac{4}{3}$")
    right.set(xlabel="$x$", ylabel="$x^+$")
    return fig
