"""A lifted flow untangles two rings layer by layer, until one plane separates them.

No line separates a disc from the ring around it, and no flow in the plane can make one
do so: it would have to tear the ring. Lifted to ℝ³, fifteen residual layers do. Seen
along the decision plane (dashed); what lies above it is taken for class 1, what lies
below for class 0. All points are test data, which the training has not seen.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting import em, shade, tint

from .drawing import Choice, Whole, figure

LABELS = {
    "title": "<layers> layers pull the classes apart: <right:.1f> % of the test points"
    " are on their side",
    "lifted": "lifted data",
    "layer": "layer <k>",
    "along": "along the plane",
    "distance": "distance to the plane",
    "class 0": "class 0",
    "class 1": "class 1",
    "plane": "decision\nplane",
    "moving": "layer <k> of <layers>",
    "moved": "after <layers> layers, <right:.1f> % are on their side",
}
DATA = {
    "rings": dnn.datasets.rings,
    "moons": dnn.datasets.moons,
    "spirals": lambda n, rng: dnn.datasets.spirals(n, rng=rng, turns=1),
}
OPTIONS = dict(
    data=Choice(DATA, "the points"),
    layers=Whole(3, 30, "layers of step 1/layers"),
    seed=Whole(0, 99, "of the data and of the first parameters"),
)


@cache
def train(quick=False, data="rings", layers=15, seed=0):
    """Lift 2 → 3, tanh layers of h = 1/layers, Affine, trained on 2000 points.

    Returns it with 1000 test points and labels.
    """
    rng = np.random.default_rng(seed)
    x, y = DATA[data](3000, rng=rng)
    matrices = [dnn.Dense(3, 3, rng=rng) for _ in range(layers)]
    flows = [dnn.Flow(dnn.ResidualField(A, dnn.Tanh()), 1 / layers) for A in matrices]
    net = dnn.Network(dnn.Lift(3, 2), *flows, dnn.Affine(2, 3, rng=rng))
    seen = dnn.SoftmaxCrossEntropy(), x[:2000], y[:2000]
    for rate, epochs in ((2e-2, 8 if quick else 60), (2e-3, 4 if quick else 20)):
        dnn.fit(net, *seen, dnn.Adam(rate), epochs=epochs, batch_size=100, rng=rng)
    return net, x[2000:], y[2000:]


def accuracy(net, x, y):
    """The fraction of points with the right label."""
    return (net(x).argmax(axis=-1) == y).mean()


def seen_along_the_plane(net, states):
    """States in coordinates whose last axis is the distance to the decision plane."""
    W, b = net.maps[-1].W, net.maps[-1].b
    w, c = W[1] - W[0], b[1] - b[0]
    basis = np.linalg.svd(w[None, :])[2]  # ±w/‖w‖, and two directions in the plane
    distance = [((x @ w + c) / np.linalg.norm(w))[:, None] for x in states]
    along = [x @ basis[1:].T for x in states]
    return [np.concatenate(both, axis=-1) for both in zip(along, distance, strict=True)]


@figure(**OPTIONS)
def make(
    quick=False, *, data="rings", layers=15, seed=0, figsize=(13.3, 4.9), labels=LABELS
):
    net, x, y = train(quick, data, layers, seed)
    states = seen_along_the_plane(net, net.states(x)[1:-1])
    shown = np.unique([round(layers * k) for k in (0, 0.2, 0.4, 2 / 3, 1)])
    fig, axes = plt.subplots(1, len(shown), sharex=True, sharey=True, figsize=figsize)
    plotting.layer_states(
        [states[k][:, [0, 2]] for k in shown], y, axes, s=em(0.18) ** 2
    )
    for k, ax in zip(shown, axes, strict=True):
        ax.axhline(0, color=shade(1), linestyle="--", linewidth=em(0.1))
        ax.set(title=labels("layer", k=int(k)) if k else labels("lifted"))
    axes[0].set_ylabel(labels("distance"))
    fig.supxlabel(labels("along"))
    fig.suptitle(labels("title", layers=layers, right=100 * accuracy(net, x, y)))

    low, high = axes[0].get_ylim()
    reach = max(high, -low, 0.4 * (high - low))
    beside = dict(xycoords=("axes fraction", "data"), textcoords="offset points")
    for word, height, colour in (
        ("class 1", 0.5 * reach, "C1"),
        ("plane", 0, shade(1)),
        ("class 0", -0.5 * reach, "C0"),
    ):
        place = (1, height), (em(0.4), 0)
        axes[-1].annotate(labels(word), *place, va="center", color=colour, **beside)
    return fig


@figure(**OPTIONS)
def animate(
    quick=False, *, data="rings", layers=15, seed=0, figsize=(9, 7), labels=LABELS
):
    """The same points on their way, in space; returns the animation."""
    net, x, y = train(quick, data, layers, seed)
    states = seen_along_the_plane(net, net.states(x[:400])[1:-1])
    fig = plt.figure(figsize=figsize)
    fig.set_layout_engine("none")  # once, not for each frame
    ax = fig.add_axes((0, 0, 1, 0.93), projection="3d", computed_zorder=False)
    titles = [labels("moving", k=k, layers=layers) for k in range(layers)]
    titles += [labels("moved", layers=layers, right=100 * accuracy(net, x, y))]
    between = 1 if quick else max(1, round(40 / layers))
    pace = dict(between=between, interval=90, hold=10, titles=titles)
    dots = dict(s=em(0.25) ** 2, depthshade=False, zorder=2)
    animation = plotting.animate_flow(states, y[:400], fig, ax, **pace, **dots)

    (left, right), (front, back), (low, high) = (
        ax.get_xlim(),
        ax.get_ylim(),
        ax.get_zlim(),
    )
    plane = *np.meshgrid((left, right), (front, back)), np.zeros((2, 2))
    ax.plot_surface(*plane, color=tint(shade(0.5), 0.3), clip_on=False, zorder=1)
    for word, height, colour in (
        ("class 1", 0.6 * high, "C1"),
        ("plane", 0, shade(1)),
        ("class 0", 0.6 * low, "C0"),
    ):
        place = dict(ha="center", va="center", color=colour)
        ax.text(left, front, height, labels(word), **place)
    upright = dict(rotation="vertical", ha="center", va="center", fontsize="medium")
    fig.text(0.95, 0.5, labels("distance"), **upright)
    ax.set(xticks=[], yticks=[], zticks=[])
    ax.view_init(elev=12, azim=-60)
    ax.set_box_aspect(None, zoom=1.15)
    return animation
