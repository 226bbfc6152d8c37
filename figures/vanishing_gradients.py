"""Through symplectic layers no gradient can vanish: ‖∂y_N/∂y_k‖ ≥ 1, trained or not.

Above: the norms of the Jacobians from the state after layer k to the last one, y_N,
over the training, a curve for each k (thick: k = 0, through all layers), the median
over 50 points. A symplectic M has MᵀJM = J, so 1 = ‖J‖ ≤ ‖M‖². Residual layers x +
hX(x) are near the identity, and seldom fall far below 1; plain layers σ(Ax + b) do.
Below: the classes that the three networks give to the plane, and the two spirals, put
into ℝ⁴ as (x, 0), that they were shown.

Source: Galimberti, Furieri, Xu, Ferrari-Trecate, Hamiltonian deep neural networks
guaranteeing nonvanishing gradients by design, IEEE Trans. Automat. Control 68(5), 2023,
arXiv:2105.13205.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

import dynsys_nn as dnn
from dynsys_nn.plotting import decision_regions, em, layer_states, shade

from .drawing import Number, Whole, figure, power

LABELS = {
    "title": "what <layers> layers leave of a gradient, and what they learn",
    "symplectic": r"symplectic: $\geq 1$ by theorem",
    "resnet": "residual",
    "mlp": "plain",
    "at least": r"<name>: $\geq <least>$ here",
    "down to": "<name>: down to $<least>$",
    "epoch": "epoch",
    "norm": r"$\|\partial y_{<layers>}/\partial y_k\|$",
    "first": "$k = 0$",
    "last": "$k = <last>$",
    "learned": "<right:.0f> % of the points are right",
}
#: rates of Adam, and their shares of the epochs
RATES = (0.02, 0.6), (0.005, 0.25), (0.00125, 0.15)


def symplectic(rng, h):
    """A step of a Hamiltonian system: two shears, symplectic for all parameters."""
    X = dnn.PartitionedField.random(4, 8, gradient=True, rng=rng)
    return dnn.Flow(X, h, dnn.SymplecticEuler())


def resnet(rng, h):
    """x + hBσ(Ax + b)"""
    return dnn.Flow(dnn.ResidualField.random(4, 8, rng=rng), h)


def mlp(rng, h):
    """σ(Ax + b)"""
    return dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Tanh())


def norms(net, x):
    """‖∂y_N/∂y_k‖, for k = 0, …, N − 1 and each point: (N, n)."""
    lift, *layers, _ = net.maps
    states = dnn.Network(lift, *layers).states(x)[1:-1]
    M, found = np.eye(4), []
    for layer, y in zip(reversed(layers), reversed(states), strict=True):
        M = M @ layer.jacobian(y)
        found.append(np.linalg.norm(M, 2, axis=(-2, -1)))
    return np.array(found[::-1])


@cache
def train(layer, layers, T, turns, seed, epochs):
    """A trained network, and the norms before and after each epoch, (…, N, 50)."""
    x, y = dnn.datasets.spirals(400, rng=seed, turns=turns)
    rng = np.random.default_rng(seed)
    inner = [layer(rng, T / layers) for _ in range(layers)]
    net = dnn.Network(dnn.Lift(4, 2), *inner, dnn.Affine(2, 4, rng=rng))
    history = [norms(net, x[:50])]
    for rate, share in RATES:
        dnn.fit(
            net, dnn.SoftmaxCrossEntropy(), x, y, dnn.Adam(rate), round(share * epochs),
            batch_size=40, rng=rng,
            callback=lambda *_: history.append(norms(net, x[:50])),
        )  # fmt: skip
    return net, np.array(history)


@figure(
    layers=Whole(2, 20, "N, the number of layers"),
    T=Number(0.5, 4, "N h, the time that the first two networks take"),
    turns=Number(0.5, 2, "of each spiral around 0"),
    seed=Whole(0, 99, "of the data and of the parameters at first"),
)
def make(
    quick=False, *, layers=12, T=2.0, turns=1.5, seed=0, figsize=(13.3, 7.4),
    labels=LABELS,
):  # fmt: skip
    x, y = dnn.datasets.spirals(400, rng=seed, turns=turns)
    fig, (above, below) = plt.subplots(
        2, 3, figsize=figsize, sharey="row", height_ratios=(1, 1.1)
    )
    for ax, plane, layer in zip(above, below, (symplectic, resnet, mlp), strict=True):
        net, history = train(layer, layers, T, turns, seed, 4 if quick else 100)
        draw_norms(ax, np.median(history, axis=-1).T, layer, labels)
        decision_regions(net, (-1.15, 1.15), (-1.15, 1.15), plane, 200)
        layer_states([x], y, [plane], s=em(0.22) ** 2)
        right = 100 * (net(x).argmax(axis=-1) == y).mean()
        plane.set(title=labels("learned", right=right), xticks=[], yticks=[])
        plane.spines[:].set_visible(False)
    above[0].set_ylabel(labels("norm", layers=layers))
    few = np.ptp(np.log10(above[0].get_ylim())) < 2
    ticks = LogLocator(subs=(1, 2, 5)) if few else LogLocator(100)  # 1 among them
    above[0].yaxis.set_major_locator(ticks)
    above[0].yaxis.set_minor_formatter("")
    if few:
        above[0].yaxis.set_major_formatter("{x:g}")
    fig.suptitle(labels("title", layers=layers))
    return fig


def draw_norms(ax, curves, layer, labels):
    """The norms over the training, (N, epochs + 1), and how small they become."""
    least = curves.min()
    colour = "C2" if least >= 1 else "C3"
    for k, curve in enumerate(curves):
        ax.semilogy(curve, "-", color=colour, linewidth=em(0.05 if k else 0.2))
    ax.axhline(1, color=shade(1), linewidth=em(0.06), zorder=0)
    first, last = curves[[0, -1], -1]
    for text, end, over in (
        (labels("first"), first, first >= last),
        (labels("last", last=len(curves) - 1), last, first < last),
    ):
        ax.annotate(
            text, (curves.shape[1] - 1, end), (em(0.4), 0), textcoords="offset points",
            va="bottom" if over else "top", fontsize="small",
        )  # fmt: skip
    down = np.floor(100 * least) / 100  # so that ≥ is true
    said = dict(least=f"{down:.2f}" if down else power(least))
    name = labels(layer.__name__)
    if layer is not symplectic:
        name = labels("at least" if least >= 1 else "down to", name=name, **said)
    ax.set(title=name, xlabel=labels("epoch"), xlim=(0, curves.shape[1] - 1))
