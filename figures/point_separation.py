"""A lifted flow untangles two rings layer by layer, until one plane separates them.

No line separates a disc from the ring around it, and no flow in the plane can (it would
have to tear the ring). Lifted to ℝ³, fifteen residual layers do. Seen along the
decision plane (dashed); the last panel counts test points, which the training has not
seen.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting


@cache
def train(quick=False):
    """Lift 2 → 3, fifteen tanh layers of h = 1/15, Affine, trained on 2000 points.

    Returns it with 1000 test points and labels.
    """
    rng = np.random.default_rng(0)
    x, y = dnn.datasets.rings(3000, rng=rng)
    matrices = [dnn.Dense(3, 3, rng=rng) for _ in range(15)]
    layers = [dnn.Flow(dnn.ResidualField(A, dnn.Tanh()), 1 / 15) for A in matrices]
    net = dnn.Network(dnn.Lift(3, 2), *layers, dnn.Affine(2, 3, rng=rng))
    data = dnn.SoftmaxCrossEntropy(), x[:2000], y[:2000]
    for rate, epochs in ((1e-2, 10 if quick else 120), (1e-3, 5 if quick else 30)):
        dnn.fit(net, *data, dnn.Adam(rate), epochs=epochs, batch_size=100, rng=rng)
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


def make(quick=False):
    net, x, y = train(quick)
    states = seen_along_the_plane(net, net.states(x)[1:-1])
    layers = (0, 3, 6, 10, 15)
    fig, axes = plt.subplots(1, len(layers), sharey=True, figsize=(15, 4.4))
    plotting.layer_states([states[k][:, [0, 2]] for k in layers], y, axes, s=9)
    for k, ax in zip(layers, axes, strict=True):
        ax.axhline(0, color="black", linestyle="--", linewidth=1.5)
        ax.set(title=f"layer {k}" if k else "lifted data", xlabel="along the plane")
    axes[0].set_ylabel("distance to the plane")
    axes[-1].set_title(f"layer 15: {100 * accuracy(net, x, y):.1f} % right")
    return fig


def animate(quick=False):
    net, x, y = train(quick)
    states = seen_along_the_plane(net, net.states(x)[1:-1])
    fig = plt.figure(figsize=(7, 6.5))
    ax = fig.add_subplot(projection="3d")
    low, high = np.min(states, axis=(0, 1)), np.max(states, axis=(0, 1))
    plane = np.meshgrid(*[np.linspace(low[i], high[i], 2) for i in (0, 1)])
    ax.plot_surface(*plane, np.zeros((2, 2)), color="0.5", alpha=0.25)
    for axis, limits in zip("xyz", zip(low, high, strict=True), strict=True):
        ax.set(**{f"{axis}lim": limits, f"{axis}ticks": []})
    ax.set_zlabel("distance to the plane")
    ax.view_init(elev=12, azim=-60)
    ax.set_box_aspect(None, zoom=1.2)
    titles = ["lifted data", *[f"layer {k} of 15" for k in range(1, 16)]]
    between = 1 if quick else 6
    return plotting.animate_flow(states, y, fig, ax, between=between, titles=titles)
