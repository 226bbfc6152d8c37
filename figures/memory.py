"""Stored states fill more memory with each layer; a flow that is reversed does not.

Peak memory of one gradient, beyond θ and dθ, of a network of n steps that preserve
volume, with an affine map at its end: all states stored, every √n-th stored and the
rest computed again, none stored and the flow run backwards. Measured by tracemalloc;
the exponents are the slopes between the last two points.
"""

import gc
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

import dynsys_nn as dnn
from dynsys_nn.plotting import em, look

from .drawing import Choice, Whole, figure

METHODS = {
    "SymplecticEuler": dnn.SymplecticEuler(),
    "StormerVerlet": dnn.StormerVerlet(),
}
WAYS = (
    ("stored", dnn.Stored(), 1),
    ("checkpoints", dnn.Checkpoints(), 2),
    ("reversed", dnn.Reversed(), 0),
)
LABELS = {
    "title": "depth <n>: <stored> MB to store the states,"
    " <reversed:.2g> MB to reverse the flow",
    "depth": "depth $n$",
    "memory": "peak memory of a gradient (MB)",
    "stored": "stored states",
    "checkpoints": "checkpoints",
    "reversed": "reversed flow",
    "way": "<name>:\nslope <slope:.2f>",
}


def network(rng, depth, pairs=32, method="SymplecticEuler"):
    """Steps of 10/n with shared weights, and a last affine map."""
    d = 2 * pairs
    X = dnn.PartitionedField.random(d, width=d, rng=rng)
    flow = dnn.Flow(X, 10 / depth, METHODS[method], steps=depth)
    return dnn.Network(flow, dnn.Affine(3, d, rng=rng))


def peak(net, x, y, adjoint):
    """Megabytes at the peak of a gradient, beyond θ and dθ, to three digits."""
    gc.collect()
    gc.disable()  # or the peak depends on when it last ran
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _, g = dnn.value_and_grad(net, dnn.MeanSquaredError(), x, y, adjoint=adjoint)
    after = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    gc.enable()
    return float(f"{(after - before - g.nbytes) / 1e6:.3g}")


@figure(
    depth=Whole(100, 2000, "layers of the deepest network"),
    pairs=Whole(8, 32, "pairs (q, p) of components of a state"),
    batch=Whole(32, 256, "samples"),
    method=Choice(METHODS, "the method that takes the steps"),
)
def make(
    quick=False,
    *,
    depth=1000,
    pairs=32,
    batch=128,
    method="SymplecticEuler",
    figsize=(12.5, 6.2),
    labels=LABELS,
):
    shares = (0.01, 0.02, 0.05) if quick else (0.01, 0.03, 0.1, 0.3, 1)
    depths = [round(share * depth) for share in shares]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, 2 * pairs)), rng.normal(size=(batch, 3))
    fig, ax = plt.subplots(figsize=figsize)
    peaks = {}
    for name, adjoint, k in WAYS:
        shallow = network(rng, 3, pairs, method)
        for _ in range(20):  # what Python makes in its first rounds, it keeps
            dnn.value_and_grad(shallow, dnn.MeanSquaredError(), x, y, adjoint=adjoint)
        peaks[name] = [
            peak(network(rng, n, pairs, method), x, y, adjoint) for n in depths
        ]
        ax.loglog(depths, peaks[name], **look(k, marker="o"))
        [slope] = np.diff(np.log(peaks[name][-2:])) / np.diff(np.log(depths[-2:]))
        words = labels("way", name=labels(name), slope=round(slope, 2) + 0.0)
        place = dict(textcoords="offset points", va="center", fontsize="large")
        end = depths[-1], peaks[name][-1]
        ax.annotate(words, end, (em(0.8), 0), color=f"C{k}", **place)
    last = {name: values[-1] for name, values in peaks.items()}
    ax.set(xlabel=labels("depth"), ylabel=labels("memory"))
    ax.set(xticks=depths, xticklabels=depths)
    ax.set(xlim=(0.8 * depths[0], 5 * depths[-1]))
    ax.set(ylim=(0.5 * peaks["reversed"][0], 2 * peaks["stored"][-1]))
    ax.set_title(labels("title", n=depths[-1], **last))
    ax.minorticks_off()
    if np.ptp(np.log10(ax.get_ylim())) < 2:  # more ticks than one or two
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
    return fig
