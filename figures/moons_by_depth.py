"""To follow the moons and keep away from them, a 1-Lipschitz network needs depth.

Each panel is a network of another depth, trained for the same margin. Coloured: where
its label is certain, whatever moves the point by ε at most; blank: the band along the
boundary, where it is not. A layer x − 2Aᵀmax(Ax + b, 0), A orthogonal, turns Ax + b
into −|Ax + b|: it folds space along d planes, and stretches nothing. Folds of folds
turn the boundary, and z₁ − z₀ may stay as steep as it was; a single layer can only add
its folds up, and gives up points to be steep. If less is asked of it, margin=0.1, it is
right on more points, and certain on few.

The label at x is certain for ‖δ‖ < |z₁ − z₀|/‖w₁ − w₀‖, z the logits, w₀ and w₁ the
rows of the last layer: all before it has the Lipschitz constant 1.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.plotting import decision_regions, em, layer_states, shade

from .drawing import Number, Several, Whole, figure

LABELS = {
    "more": "With depth, a 1-Lipschitz network gets <last:.1f>% right for certain"
    " instead of <first:.1f>%",
    "same": "1-Lipschitz networks on two moons: <last:.1f>% right for certain",
    "fewer": "With depth, these 1-Lipschitz networks get <last:.1f>% right for certain"
    " instead of <first:.1f>%",
    "one": "<depth> layer: <right:.1f>% right,\n<certain:.1f>% for certain",
    "many": "<depth> layers: <right:.1f>% right,\n<certain:.1f>% for certain",
    "coloured": "coloured: the label is certain for"
    r" $\|\delta\| \leq \varepsilon = <eps>$, the radius of the circle",
}


def data(noise, seed):
    """Training points and labels, and others to test with."""
    x, y = dnn.datasets.moons(1000, noise, seed)
    return x[:500], y[:500], x[500:], y[500:]


@cache
def train(depth, width, noise, margin, seed, epochs):
    """A trained network of so many layers x − 2Aᵀmax(Ax + b, 0)."""
    rng = np.random.default_rng([seed, 1])
    fields = [
        dnn.GradientField.random(width, width, dnn.ReLU(), rng=rng)
        for _ in range(depth)
    ]
    layers = [dnn.Flow(X, 2.0) for X in fields]
    net = dnn.Network(dnn.Lift(width, 2), *layers, dnn.Affine(2, width, rng=rng))
    adam = dnn.Adam(dnn.OneCycle(3e-3, 3e-2), beta2=0.99)
    orthogonal = dnn.Orthogonal(*weights(net), bjorck=True)
    options = dict(batch_size=100, constraints=[orthogonal], rng=rng)
    loss = dnn.MulticlassHinge(margin)
    dnn.fit(net, loss, *data(noise, seed)[:2], adam, epochs, **options)
    return net


@figure(
    depths=Several(Whole(1, 12, "layers of a network"), 1, 4),
    width=Whole(4, 16, "d, the dimension in which the layers act"),
    margin=Number(0.1, 0.8, "m of the hinge loss max(0, m − (z_k − z_j)), k the label"),
    noise=Number(0, 0.2, "standard deviation of the points around two half circles"),
    eps=Number(0.05, 0.3, "ε, the size of the perturbations"),
    seed=Whole(0, 99, "seed of points, weights and batches"),
)
def make(
    quick=False,
    *,
    depths=(1, 2, 4),
    width=8,
    margin=0.4,
    noise=0.1,
    eps=0.2,
    seed=0,
    figsize=(13.3, 4.3),
    labels=LABELS,
):
    depths = sorted(set(depths))
    n, epochs = (60, 10) if quick else (400, 40)
    _, _, x, y = data(noise, seed)
    middle, half = x.min(axis=0) + np.ptp(x, axis=0) / 2, np.ptp(x, axis=0) / 2 + 0.3
    half[0] = max(half[0], 1.6 * half[1])  # there is no room for taller panels
    xlim, ylim = np.transpose([middle - half, middle + half])
    fig, axes = plt.subplots(1, len(depths), figsize=figsize, squeeze=False)
    shares = []
    for ax, depth in zip(axes[0], depths, strict=True):
        net = train(depth, width, noise, margin, seed, epochs)
        draw_regions(net, ax, xlim, ylim, eps, n)
        layer_states([x], y, [ax], s=em(0.22) ** 2)
        shares.append(100 * lipschitz.certified_accuracy(net, x, y, eps))
        right = 100 * attacks.accuracy(net, None, x, y)
        said = dict(depth=depth, right=right, certain=shares[-1])
        ax.set(title=labels("one" if depth == 1 else "many", **said))
        ax.set(xlim=xlim, ylim=ylim, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        corner = np.array([xlim[0], ylim[0]]) + 0.1 + eps
        look = dict(fill=False, edgecolor=shade(1), linewidth=em(0.1))
        ax.add_patch(plt.Circle(corner, eps, **look))
    first, last = shares[0], shares[-1]
    which = "more" if first < last else "fewer" if first > last else "same"
    fig.suptitle(labels(which, first=first, last=last))
    fig.supxlabel(labels("coloured", eps=eps))
    return fig


def draw_regions(net, ax, xlim, ylim, eps, n):
    """The classes of the plane where they are certain within ε, and their boundary."""
    plane = np.meshgrid(np.linspace(*xlim, n), np.linspace(*ylim, n))
    states = np.stack(plane, axis=-1)
    certain = lipschitz.certified_radius(net, states) > eps
    decision_regions(net, xlim, ylim, ax, n, alpha=np.where(certain, 0.4, 0.0))
    z = net(states)
    if len(np.unique(z.argmax(axis=-1))) == 2:
        look = dict(colors=[shade(1)], linewidths=em(0.12))
        ax.contour(*plane, z[..., 1] - z[..., 0], [0], **look)
