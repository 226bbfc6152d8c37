"""A network may be far more certain than the product of its layers' constants says:
with the slopes of all layers at once, most of its labels are certain.

Left: for four kinds of networks, trained on two moons, constants from the plane to the
logits: the product of the layers' constants; the joint one, the largest stretch for any
slopes of the activations; and what a search finds, which no constant can undercut.
Right, for one of them, against the size ε of a perturbation: test points whose right
label is certain by the product, those that the joint constant adds, and those that are
wrong after an attack. Source of the semidefinite program for the joint constant:
Fazlyab et al., arXiv:1906.04893.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.plotting import em, shade, tint

from .drawing import Choice, Number, Several, Whole, figure
from .robust_accuracy import write

LABELS = {
    "title": r"Labels certain at $\varepsilon = <eps>$: <before:.0f>% by the product,"
    " <after:.0f>% by all slopes at once",
    "same": r"Labels certain at $\varepsilon = <eps>$: <after:.0f>% by either constant",
    "left": "what a network may stretch",
    "constant": "Lipschitz constant",
    "product": "product of the layers",
    "joint": "all slopes at once",
    "found": "found by a search",
    "epsilon": r"size of the perturbation $\varepsilon$",
    "share": "share of <n> test points (%)",
    "by_product": "certain",
    "by_joint": "certain",
    "open": "not known",
    "wrong": "wrong after\nthe attack",
    "resnet": "ResNet",
    "naive": r"norms $\leq 1$",
    "flexible": "flexible steps",
    "gradient_steps": "gradient steps",
}
D, RELU, LEAKY = 8, dnn.ReLU(), dnn.LeakyReLU(0.5)


def residual(rng, h):
    return dnn.Flow(dnn.ResidualField.random(D, D, RELU, rng=rng), h)


def gradient(rng, h, sigma, **options):
    return dnn.Flow(dnn.GradientField.random(D, D, sigma, rng=rng), h, **options)


def resnet(rng, layers):
    """x + Bσ(Ax + b), with nothing kept."""
    return [residual(rng, 1.0) for _ in range(layers)], None, []


def naive(rng, layers):
    """x + ½Bσ(Ax + b), each matrix of norm at most one."""
    return [residual(rng, 0.5) for _ in range(layers)], dnn.SpectralBall, []


def flexible(rng, layers):
    """x − hAᵀσ(Ax + b) in pairs, A orthogonal: which of a pair expands is learned."""
    steps = [(-1.5, 4 / 3)[k % 2] for k in range(layers + layers % 2)]
    flows = [gradient(rng, h, LEAKY, learn_h=True) for h in steps]
    pairs = zip(flows[::2], flows[1::2], strict=True)
    return flows, dnn.Orthogonal, [dnn.SignedSteps(*pair) for pair in pairs]


def gradient_steps(rng, layers):
    """x − 2Aᵀσ(Ax + b), A orthogonal."""
    return [gradient(rng, 2.0, RELU) for _ in range(layers)], dnn.Orthogonal, []


KINDS = {kind.__name__: kind for kind in (resnet, naive, flexible, gradient_steps)}


def data(seed):
    """Training and test points and labels."""
    x, y = dnn.datasets.moons(1000, 0.1, seed)
    return x[:500], y[:500], x[500:], y[500:]


@cache
def train(kind, layers, seed, epochs):
    rng = np.random.default_rng([seed, 1])
    flows, constraint, constraints = KINDS[kind](rng, layers)
    net = dnn.Network(dnn.Lift(D, 2), *flows, dnn.Affine(2, D, rng=rng))
    if constraint:
        constraints = [constraint(*weights(net)), *constraints]
    adam = dnn.Adam(dnn.OneCycle(1e-3, 2e-2), beta2=0.99)
    options = dict(epochs=epochs, batch_size=100, constraints=constraints, rng=rng)
    dnn.fit(net, dnn.MulticlassHinge(0.4), *data(seed)[:2], adam, **options)
    return net


@figure(
    kinds=Several(Choice(KINDS, "a kind of network"), 1, 4),
    kind=Choice(KINDS, "the one on the right"),
    eps=Number(0.05, 0.5, "size of the perturbation of which the title speaks"),
    layers=Whole(1, 6, "layers of a network"),
    seed=Whole(0, 99, "seed of points, weights and batches"),
)
def make(
    quick=False,
    *,
    kinds=tuple(KINDS),
    kind="naive",
    eps=0.2,
    layers=4,
    seed=0,
    figsize=(13.2, 5.4),
    labels=LABELS,
):
    layers, epochs = (min(layers, 2), 4) if quick else (layers, 25)
    _, _, x, y = data(seed)
    x, y = (x[:100], y[:100]) if quick else (x, y)
    fig, (left, right) = plt.subplots(
        1, 2, figsize=figsize, gridspec_kw={"width_ratios": [1.1, 1]}
    )
    kinds = tuple(dict.fromkeys(kinds))
    draw_constants(
        left, [train(name, layers, seed, epochs) for name in kinds], x, labels
    )
    left.set_yticks(range(len(kinds)), [labels(name) for name in kinds])
    net = train(kind, layers, seed, epochs)
    correct = net(x).argmax(axis=-1) == y
    grid = np.union1d(np.linspace(0, max(0.5, 1.2 * eps), 5 if quick else 26), eps)
    before, after = (
        100 * np.mean(correct & (radius > grid[:, None]), axis=-1)
        for radius in (
            lipschitz.certified_radius(net, x),
            lipschitz.certified_radius(net, x, joint=True),
        )
    )
    effort = dict(steps=5 if quick else 20, restarts=1 if quick else 2)
    attacked = 100 * attacks.attacked_accuracy(
        net, x, y, grid, lambda e: dnn.PGD(e, **effort)
    )
    edges = np.zeros(len(grid)), before, after, attacked, np.full(len(grid), 100)
    for line, colour in zip(edges[1:4], ("C0", "C2", "C1"), strict=True):
        right.plot(grid, line, color=colour, linestyle="-")
    for k, colour in ((0, "C0"), (1, "C2"), (3, "C1")):
        right.fill_between(grid, *edges[k : k + 2], color=tint(colour), linewidth=0)
    at = np.searchsorted(grid, eps)
    marked = dict(color=shade(1), markersize=em(0.6), linewidth=em(0.1), clip_on=False)
    right.plot(
        [eps, eps, eps], [0, before[at], after[at]], "-o", markevery=[1, 2], **marked
    )
    right.set(
        title=labels(kind), xlim=(0, grid[-1]), ylim=(0, 100), yticks=[0, 50, 100]
    )
    right.set(xlabel=labels("epsilon"), ylabel=labels("share", n=len(x)))
    numbers = dict(eps=eps, before=before[at], after=after[at])
    which = "title" if before[at] < after[at] else "same"
    fig.suptitle(labels(which, **numbers))
    fig.draw_without_rendering()  # now it is known how large the words are
    for k, words in enumerate(("by_product", "by_joint", "open", "wrong")):
        write(labels(words), [(right, edges[k], edges[k + 1])], grid, eps)
    return fig


def draw_constants(ax, nets, x, labels):
    """Product, joint constant and what is found, a row for each network."""
    rows = [
        (net.lipschitz(), lipschitz.joint(net), lipschitz.measured(net, x[:50], 30))
        for net in nets
    ]
    heights = np.arange(len(rows))
    products, joints, found = np.transpose(rows)
    ax.hlines(heights, joints, products, color=tint("C0"), linewidth=em(0.4))
    ax.hlines(heights, found, joints, color=tint("C2"), linewidth=em(0.4))
    for constants, words, marker, size, colour in (
        (products, "product", "o", 0.9, "C0"),
        (joints, "joint", "D", 0.6, "C2"),
        (found, "found", "|", 1, shade(1)),
    ):
        look = dict(
            linestyle="", markersize=em(size), color=colour, label=labels(words)
        )
        ax.plot(constants, heights, marker, markeredgewidth=em(0.12), **look)
    ax.set(xscale="log", title=labels("left"), xlabel=labels("constant"))
    ax.set(ylim=((len(rows) - 0.4) / 0.68 - 0.6, -0.6))  # below is the legend
    ax.xaxis.set(
        major_formatter=FuncFormatter("{:g}".format), minor_formatter=NullFormatter()
    )
    ax.legend(loc="lower right")
