"""Stored states against reversing the flow: memory against depth.

Peak memory of one gradient, beyond θ and dθ, of a volume-preserving network of n
symplectic Euler steps in ℝ⁶⁴, batch 128: all states stored, every √n-th stored and the
rest computed again, none stored and the flow run backwards. Measured by tracemalloc.
"""

import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn

D, BATCH = 64, 128
WAYS = (
    (dnn.Stored(), "stored states", "C1", "$\\propto n$"),
    (dnn.Checkpoints(), "checkpoints", "C2", r"$\propto \sqrt{n}$"),
    (dnn.Reversed(), "reversed flow", "C0", "constant"),
)


def network(rng, depth):
    """Steps of 10/n with shared weights, and a last affine map."""
    X = dnn.PartitionedField.random(D, width=D, rng=rng)
    flow = dnn.Flow(X, 10 / depth, dnn.SymplecticEuler(), steps=depth)
    return dnn.Network(flow, dnn.Affine(3, D, rng=rng))


def peak(net, x, y, adjoint):
    """Megabytes at the peak of a gradient, beyond θ and dθ."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _, g = dnn.value_and_grad(net, dnn.MeanSquaredError(), x, y, adjoint=adjoint)
    after = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (after - before - g.nbytes) / 1e6


def make(quick=False):
    rng = np.random.default_rng(0)
    depths = (10, 30, 100) if quick else (10, 30, 100, 300, 1000)
    x, y = rng.normal(size=(BATCH, D)), rng.normal(size=(BATCH, 3))
    fig, ax = plt.subplots(figsize=(11, 6))
    for adjoint, name, colour, growth in WAYS:
        peaks = [peak(network(rng, depth), x, y, adjoint) for depth in depths]
        ax.loglog(depths, peaks, "o-", color=colour)
        look = dict(textcoords="offset points", color=colour, fontsize=19, va="center")
        ax.annotate(f"{name}\n{growth}", (depths[-1], peaks[-1]), (12, 0), **look)
    ax.set(xlabel="depth $n$", ylabel="memory (MB)", xticks=depths, xticklabels=depths)
    ax.set(xlim=(8, 4 * depths[-1]), ylim=(0.5, 1000))
    ax.minorticks_off()
    return fig
