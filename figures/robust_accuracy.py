"""Of 1-Lipschitz networks we know, image by image, what no attack can change; of a
ResNet, hardly anything.

A panel for each network, against the size ε of the perturbation. Blue: test images
whose right label no ‖δ‖₂ ≤ ε can change, computed from the weights. Orange: those that
are wrong, at the latest after projected gradient ascent of the margin, a strong attack.
White: what neither tells. The certificate is a margin divided by the Lipschitz
constant, which is bounded by a product over the layers; in a ResNet nothing keeps the
factors small.

The networks of the 8×8 digits, 1400 for training, 397 for testing, are trained here.
With DYNSYS_NN_DATA naming the folder of CIFAR-10, they are those of
`python -m figures.study` (which trains them unless it did so before), on 150 test
images.
"""

import math
from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.plotting import em, shade, tint

from . import study
from .drawing import Choice, Number, Several, Whole, figure

LABELS = {
    "title": r"At $\varepsilon = <eps>$, <most:.0f>% of the labels are certain"
    " (<best>), or <least:.0f>% (<worst>)",
    "same": r"At $\varepsilon = <eps>$, <most:.0f>% of the labels are certain",
    "panel": "<name>\nLipschitz $\\leq <constant>$",
    "epsilon": r"size of the perturbation $\varepsilon$",
    "digits": "share of <n> test digits (%)",
    "cifar10": "share of <n> photographs (%)",
    "certain": "certain",
    "open": "not\nknown",
    "wrong": "wrong\nafter the\nattack",
    "resnet": "ResNet",
    "naive": r"norms $\leq 1$",
    "paper": "the paper's steps",
    "sharp": "largest steps",
    "gradient_flow": "gradient flow",
    "prescribed": "prescribed steps",
    "flexible": "flexible steps",
}

D, CLASSES = 64, 10
ORTHOGONAL = partial(dnn.Orthogonal, bjorck=True)


def expansive(rng, h, d=D):
    """x + hσ(Wx + v)."""
    return dnn.Flow(dnn.ResidualField(dnn.Dense(d, d, rng=rng), dnn.LeakyReLU(0.5)), h)


def contractive(rng, h, sigma, d=D):
    """x − hAᵀσ(Ax + b)."""
    return dnn.Flow(dnn.GradientField.random(d, d, sigma, rng=rng), h)


def residual(rng, h, d=D):
    """x + hBσ(Ax + b)."""
    return dnn.Flow(dnn.ResidualField.random(d, d, dnn.ReLU(), rng=rng), h)


def network(layers, rng, constraint=None, free_end=False):
    """The layers and an affine map, which a free end leaves without the constraint."""
    net = dnn.Network(*layers, dnn.Affine(CLASSES, D, rng=rng))
    constrained = net[:-1] if free_end else net
    return net, [constraint(*weights(constrained))] if constraint else []


def gradient_flow(rng, layers=3):
    """x − 2Aᵀσ(Ax + b) with ReLU: a reflection, wherever it is differentiable."""
    flows = [contractive(rng, 2, dnn.ReLU()) for _ in range(layers)]
    return network(flows, rng, ORTHOGONAL)


def alternation(rng, h_C, h_E, pairs=2, free_end=False):
    """Ψ_C ∘ Ψ_E ∘ Ψ_C ∘ Ψ_E, expansive first."""
    layers, leaky = [], dnn.LeakyReLU(0.5)
    for _ in range(pairs):
        layers += [expansive(rng, h_E), contractive(rng, h_C, leaky)]
    return network(layers, rng, ORTHOGONAL, free_end)


def sharp(rng):
    return alternation(rng, 4 / 3, 2)


def sharp_free_end(rng):
    return alternation(rng, 4 / 3, 2, free_end=True)


def paper(rng):
    return alternation(rng, 1 / 2, 0.1547)


def naive(rng, layers=3):
    """Each weight of norm at most one, and nothing else: the bound is (1 + h)ᴸ."""
    return network([residual(rng, 0.5) for _ in range(layers)], rng, dnn.SpectralBall)


def resnet(rng, layers=3):
    net, none = network([residual(rng, 1.0) for _ in range(layers)], rng)
    for F in net.maps[:-1]:
        F.field.B.theta *= 0.3
    return net, none


#: kind → margin of the hinge loss, and stages (rate, epochs)
LONG = (2e-2, 40), (6e-3, 30), (2e-3, 30), (6e-4, 20)
SHORT = (2e-2, 30), (6e-3, 20), (2e-3, 20), (6e-4, 15)
BRIEF = (2e-2, 15), (6e-3, 10), (2e-3, 10), (6e-4, 8)
RECIPES = {
    gradient_flow: (0.85, LONG),
    sharp: (0.8, SHORT),
    sharp_free_end: (14, SHORT),
    paper: (0.7, BRIEF),
    naive: (0.5, ((3e-3, 20), (3e-4, 20))),
    resnet: (1, ((1e-3, 20), (1e-4, 10))),
}


def data(seed=0):
    """Training and test images and labels, in an order that the seed decides."""
    x, y = dnn.datasets.digits()
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order[:1400]], y[order[:1400]], x[order[1400:]], y[order[1400:]]


@cache
def train(kind, seed=0, share=1.0, images=1400):
    """A network of that kind, trained by its recipe: or by a share of its epochs, at
    least one a stage, and on the first of the images."""
    rng, (margin, stages) = np.random.default_rng([seed, 1]), RECIPES[kind]
    (net, constraints), (x, y, *_) = kind(rng), data(seed)
    x, y = x[:images], y[:images]
    options = dict(batch_size=100, constraints=constraints, rng=rng)
    for rate, epochs in stages:
        adam, epochs = dnn.Adam(rate, beta2=0.99), max(1, round(share * epochs))
        dnn.fit(net, dnn.MulticlassHinge(margin), x, y, adam, epochs, **options)
    return net


#: kind → its name, and its colour where all are drawn together
KINDS = {
    gradient_flow: (LABELS["gradient_flow"], "C0"),
    sharp: (LABELS["sharp"], "C2"),
    paper: (LABELS["paper"], "C4"),
    naive: (LABELS["naive"], "C3"),
    resnet: (LABELS["resnet"], "C1"),
}
#: the same in the study, where two have other names
NAMED = {kind.__name__: kind for kind in KINDS}
STUDIED = {
    "gradient_flow": "non_expansive",
    "sharp": "flexible",
    "paper": "prescribed",
    "naive": "naive",
    "resnet": "unconstrained",
}
IMAGES = Choice(("cifar10", "digits"), "what is drawn; cifar10 if its files are there")
SEED = Whole(
    0, 99, "seed of split, weights and batches (CIFAR-10: trained anew, for long)"
)


class Images:
    """Test images x (n, d) with labels y, of a shape, with names for the labels, and
    the networks trained for them."""

    def __init__(self, images, quick=False, seed=0):
        self.seed, self.effort = seed, (0, 400) if quick else ()
        self.name = "digits" if images == "digits" else study.announced(quick)
        if self.name == "digits":
            _, _, self.x, self.y = data(seed)
            self.shape, self.names = (8, 8), "0123456789"
        else:
            self.data = photographs()
            self.x, self.y = self.data.x_test, self.data.y_test
            self.shape, self.names = self.data.shape, self.data.names

    def called(self, kind):
        """Its name in LABELS."""
        studied = STUDIED[kind]
        return studied if self.name == "cifar10" and studied in LABELS else kind

    def network(self, kind):
        """That of one of NAMED."""
        if self.name == "digits":
            return train(NAMED[kind], self.seed, *self.effort)
        return study.train(STUDIED[kind], self.data, self.seed)


@cache
def photographs():
    return study.Data("cifar10")


@figure(
    kinds=Several(Choice(reversed(NAMED), "a kind of network"), 1, 5),
    eps=Number(0.05, 1, "size of the perturbation of which the title speaks"),
    eps_max=Number(0.3, 2, "the largest in the picture, or eps if that is larger"),
    steps=Whole(1, 200, "steps of an ascent of the attack: few make it look weak"),
    images=IMAGES,
    seed=SEED,
)
def make(
    quick=False,
    *,
    kinds=("resnet", "naive", "paper", "gradient_flow"),
    eps=0.3,
    eps_max=1,
    steps=20,
    images="cifar10",
    seed=0,
    figsize=(13.2, 5.6),
    labels=LABELS,
):
    shown, kinds = Images(images, quick, seed), tuple(dict.fromkeys(kinds))
    small = shown.name == "digits"
    n = 100 if quick else len(shown.x) if small else 150
    x, y = shown.x[:n], shown.y[:n]
    grid = np.linspace(0, max(eps, eps_max), 5 if quick else 21 if small else 8)
    grid = np.union1d(grid, eps)  # so that what is marked lies on the curve
    effort = dict(steps=steps, restarts=1 if quick or not small else 2)
    attack = partial(dnn.PGD, **effort)
    fig, axes = plt.subplots(1, len(kinds), figsize=figsize, sharey=True, squeeze=False)
    certain, regions = {}, {"certain": [], "open": [], "wrong": []}
    for ax, kind in zip(axes[0], kinds, strict=True):
        net, name = shown.network(kind), labels(shown.called(kind))
        certain[name] = 100 * lipschitz.certified_accuracy(net, x, y, eps)
        certified = 100 * lipschitz.certified_accuracy(net, x, y, grid)
        attacked = 100 * attacks.attacked_accuracy(net, x, y, grid, attack)
        edges = np.zeros(len(grid)), certified, attacked, np.full(len(grid), 100)
        for line, colour in ((certified, "C0"), (attacked, "C1")):
            ax.plot(grid, line, color=colour, linestyle="-")
        marked = dict(color=shade(1), markersize=em(0.6), linewidth=em(0.1))
        marked |= dict(markevery=[1], clip_on=False)
        ax.plot([eps, eps], [0, certain[name]], "-o", **marked)
        for k, colour in ((0, tint("C0", 0.5)), (2, tint("C1", 0.4))):
            ax.fill_between(grid, *edges[k : k + 2], color=colour, linewidth=0)
        for k, words in enumerate(regions):
            regions[words].append((ax, edges[k], edges[k + 1]))
        ax.set(title=labels("panel", name=name, constant=rounded(net.lipschitz())))
        ax.set(xlim=(0, grid[-1]), ylim=(0, 100), yticks=[0, 50, 100])
        ax.xaxis.set(major_locator=MaxNLocator(2), major_formatter="{x:g}")
    axes[0, 0].set_ylabel(labels(shown.name, n=len(x)))
    fig.supxlabel(labels("epsilon"))
    worst, best = (choose(certain, key=certain.get) for choose in (min, max))
    which = "title" if certain[worst] < certain[best] else "same"
    numbers = dict(eps=eps, least=certain[worst], most=certain[best])
    fig.suptitle(labels(which, worst=worst, best=best, **numbers))
    fig.draw_without_rendering()  # now it is known how large the words are
    for words, places in regions.items():
        write(labels(words), places, grid, eps if words == "certain" else None)
    return fig


def write(words, places, x, line=None):
    """Words once, where there is most room for them: between the curves `low` and
    `high` over x of some (Axes, low, high), and beside a vertical line, if there is
    one."""
    fine = np.linspace(x[0], x[-1], 101)
    best = None
    for ax, low, high in places:
        text = ax.text(x[0], 0, words, ha="center", va="center", linespacing=1.1)
        box = text.get_window_extent().padded(em(0.5) * ax.figure.dpi / 72)
        width, height = np.ptp(ax.transData.inverted().transform(box), axis=0)
        text.remove()
        for begin in fine[fine <= x[-1] - width]:
            end = begin + width
            at = np.array([begin, *x[(begin < x) & (x < end)], end])
            least, most = np.interp(at, x, low).max(), np.interp(at, x, high).min()
            room, free = most - least - height, line is None or not begin < line < end
            if free and room > (best[0] if best else 0):
                best = room, ax, begin + width / 2, (least + most) / 2
    if best is not None:
        _, ax, *place = best
        ax.text(*place, words, ha="center", va="center", linespacing=1.1)


def rounded(value, down=False):
    """Three digits, for a formula, that are no smaller, or no larger."""
    if not value or not np.isfinite(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(value))
    unit = 10.0 ** (exponent - 2)
    whole = math.floor(value / unit + 1e-6) if down else math.ceil(value / unit - 1e-6)
    if -4 <= exponent < 4:
        return f"{whole * unit:g}"
    return rf"{whole / 100:g}\cdot10^{{{exponent}}}"
