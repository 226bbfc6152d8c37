"""Accuracy against ε: certified and attacked, for each kind of network.

On CIFAR-10, if DYNSYS_NN_DATA names its folder, the five networks of
`python -m figures.study` (which trains them unless it did so before), on 150 test
images. Otherwise the 8×8 digits, 1400 for training, 397 for testing. Solid: the
fraction of test images whose right label no perturbation ‖δ‖₂ ≤ ε can change, computed
from the weights. Dotted: the fraction that survives the strong attack, projected
gradient ascent of the margin. The truth lies between. The plain ResNet has no
certificate worth drawing.
"""

from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting
from dynsys_nn.constraints import weights

from . import study

D, LABELS = 64, 10
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
    net = dnn.Network(*layers, dnn.Affine(LABELS, D, rng=rng))
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
RECIPES = {
    gradient_flow: (0.85, LONG),
    sharp: (0.8, SHORT),
    sharp_free_end: (14, SHORT),
    paper: (0.7, SHORT),
    naive: (0.5, ((3e-3, 20), (3e-4, 20))),
    resnet: (1, ((1e-3, 20), (1e-4, 10))),
}


def data(seed=0):
    """Training and test images and labels, in an order that the seed decides."""
    x, y = dnn.datasets.digits()
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order[:1400]], y[order[:1400]], x[order[1400:]], y[order[1400:]]


@cache
def train(kind, seed=0, quick=False):
    """A network of that kind, trained by its recipe."""
    rng, (margin, stages) = np.random.default_rng([seed, 1]), RECIPES[kind]
    (net, constraints), (x, y, *_) = kind(rng), data(seed)
    options = dict(batch_size=100, constraints=constraints, rng=rng)
    for rate, epochs in stages:
        adam, epochs = dnn.Adam(rate, beta2=0.99), 1 if quick else epochs
        dnn.fit(net, dnn.MulticlassHinge(margin), x, y, adam, epochs, **options)
    return net


#: what is drawn: kind → (name, colour)
KINDS = {
    gradient_flow: ("gradient flow, $h = 2$", "C0"),
    sharp: ("alternation, exact region", "C2"),
    paper: ("alternation, the paper's region", "C4"),
    naive: (r"ResNet, norms $\leq 1$", "C3"),
    resnet: ("ResNet", "C1"),
}


#: of the study, on CIFAR-10
STUDIED = {
    "non_expansive": ("non-expansive", "C0"),
    "prescribed": ("switching, prescribed", "C2"),
    "flexible": ("switching, flexible", "C4"),
    "naive": ("naively constrained", "C3"),
    "unconstrained": ("unconstrained", "C1"),
}


def make(quick=False):
    name = study.announced(quick)
    return on_digits(quick) if name == "digits" else on_cifar10()


def on_cifar10():
    images = study.Data("cifar10")
    x, y = images.x_test[:150], images.y_test[:150]
    eps = np.array([0, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0])
    attack = partial(dnn.PGD, steps=50, restarts=1)
    fig, ax = plt.subplots(figsize=(12, 6.4))
    for kind, look in STUDIED.items():
        curves(ax, study.train(kind, images), x, y, eps, attack, *look)
    ax.set(xlim=(0, 1), ylim=(0, 60))
    ax.set(title="CIFAR-10: certified (solid) and under attack (dotted)")
    ax.legend(loc="upper right")
    return fig


def on_digits(quick=False):
    _, _, x, y = data()
    eps = np.linspace(0, 1, 5 if quick else 21)
    effort = dict(steps=10, restarts=1) if quick else dict(steps=50, restarts=2)
    attack = partial(dnn.PGD, **effort)
    fig, ax = plt.subplots(figsize=(12, 6.4))
    for kind, look in KINDS.items():
        curves(ax, train(kind, quick=quick), x, y, eps, attack, *look)
    ax.set(xlim=(0, 1), ylim=(0, 100))
    ax.set(title="digits: certified (solid) and under attack (dotted)")
    ax.legend(loc="upper right")
    return fig


def curves(ax, net, x, y, eps, attack, name, colour):
    """Accuracy against ε of one network; that of a plain ResNet only under attack."""
    attacked = attacks.attacked_accuracy(net, x, y, eps, attack)
    if name in ("ResNet", "unconstrained"):
        ax.plot(eps, 100 * attacked, ":", color=colour, label=name)
    else:
        certified = lipschitz.certified_accuracy(net, x, y, eps)
        look = dict(label=name, color=colour)
        plotting.certified_accuracy(eps, certified, attacked, ax=ax, **look)
