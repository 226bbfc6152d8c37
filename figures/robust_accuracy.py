"""Accuracy against ε: certified and attacked, for each kind of network.

8×8 digits, 1400 for training, 397 for testing. Solid: the fraction of test images whose right label no perturbation
‖δ‖₂ ≤ ε can change, computed from the weights. Dotted: the fraction that survives the strong attack, projected gradient
ascent of the margin. The truth lies between. The plain ResNet has no certificate worth drawing.
"""

from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting

D, LABELS = 64, 10


def expansive(rng, h):
    """x + hσ(Wx + v)."""
    return dnn.Flow(dnn.ResidualField(dnn.Dense(D, D, rng=rng), dnn.LeakyReLU(0.5)), h)


def contractive(rng, h, sigma):
    """x − hAᵀσ(Ax + b)."""
    return dnn.Flow(dnn.GradientField(dnn.Dense(D, D, rng=rng), sigma), h)


def residual(rng, h):
    """x + hBσ(Ax + b)."""
    return dnn.Flow(dnn.ResidualField(dnn.Dense(D, D, rng=rng), dnn.ReLU(), dnn.Dense(D, D, rng=rng)), h)


def network(layers, rng, constraint=None):
    """The layers and a last affine map, with the constraint on all weights."""
    net = dnn.Network(*layers, dnn.Affine(LABELS, D, rng=rng))
    weights = [A for F in layers for A in (F.field.A, getattr(F.field, "B", None)) if isinstance(A, dnn.Dense)]
    return net, [constraint(*weights, net.maps[-1])] if constraint else []


def resnet(rng, layers=4):
    return network([residual(rng, 1.0) for _ in range(layers)], rng)


def naive(rng, layers=4):
    """Each weight of norm at most one, and nothing else: the bound grows like (1 + h)ᴸ."""
    return network([residual(rng, 0.5) for _ in range(layers)], rng, dnn.SpectralBall)


def alternation(rng, h_C, h_E, pairs=2):
    """Ψ_C ∘ Ψ_E ∘ … ∘ Ψ_C ∘ Ψ_E, expansive first."""
    layers = [F for _ in range(pairs) for F in (expansive(rng, h_E), contractive(rng, h_C, dnn.LeakyReLU(0.5)))]
    return network(layers, rng, dnn.Orthogonal)


def slides(rng):
    return alternation(rng, 1 / 2, 0.1547)


def sharp(rng):
    return alternation(rng, 4 / 3, 2)


def gradient_flow(rng, layers=6):
    return network([contractive(rng, 2, dnn.ReLU()) for _ in range(layers)], rng, dnn.Orthogonal)


#: kind → (name, colour)
KINDS = {
    gradient_flow: ("gradient flow, $h = 2$", "C0"),
    sharp: (r"alternation, exact region", "C2"),
    slides: ("alternation, slides' region", "C4"),
    naive: ("ResNet, norms ≤ 1", "C3"),
    resnet: ("ResNet", "C1"),
}


def data(seed=0):
    """Training and test images and labels, in the order of a permutation of the seed."""
    x, y = dnn.datasets.digits()
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order[:1400]], y[order[:1400]], x[order[1400:]], y[order[1400:]]


@cache
def train(kind, seed=0, epochs=30, margin=0.7):
    """A trained network of that kind: Adam with rate 1e-2, then 1e-3."""
    rng = np.random.default_rng([seed, 1])
    net, constraints = kind(rng)
    x, y, *_ = data(seed)
    for rate in (1e-2, 1e-3):
        dnn.fit(
            net,
            dnn.MulticlassHinge(margin),
            x,
            y,
            dnn.Adam(rate),
            epochs,
            batch_size=100,
            constraints=constraints,
            rng=rng,
        )
    return net


def make(quick=False):
    _, _, x, y = data()
    eps = np.linspace(0, 1, 5 if quick else 21)
    attack = partial(dnn.PGD, steps=10 if quick else 50, restarts=1 if quick else 2)
    fig, ax = plt.subplots(figsize=(12, 6.4))
    for kind, (name, colour) in KINDS.items():
        net = train(kind, epochs=3 if quick else 30)
        attacked = attacks.attacked_accuracy(net, x, y, eps, attack)
        if kind is resnet:
            ax.plot(eps, 100 * attacked, ":", color=colour, label=name)
        else:
            certified = lipschitz.certified_accuracy(net, x, y, eps)
            plotting.certified_accuracy(eps, certified, attacked, ax=ax, label=name, color=colour)
    ax.set(xlim=(0, 1), ylim=(0, 100), title="digits: certified (solid) and under attack (dotted)")
    ax.legend(loc="upper right")
    return fig
