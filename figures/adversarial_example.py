"""One small perturbation flips the ResNet and not the 1-Lipschitz network.

A test image, a perturbation of size ‖δ‖₂ = 0.3, enlarged in colour, and their sum.
Above, δ changes the label that the ResNet gives. Below, the strongest attack that was
found on the non-expansive gradient flow: its label is certain in a ball that is larger.
The aeroplane of CIFAR-10 if DYNSYS_NN_DATA names its folder, with networks of
`python -m figures.study`; otherwise a digit.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting

from . import study
from .robust_accuracy import data, gradient_flow, resnet, train

EPS = 0.3


def make(quick=False):
    name = study.announced(quick)
    attack = dnn.PGD(EPS, steps=20 if quick else 50)
    if name == "digits":
        _, _, x, y = data()
        nets = train(resnet, quick=quick), train(gradient_flow, quick=quick)
        return drawn(*nets, attack, x, y, (8, 8), "0123456789")
    images = study.Data("cifar10")
    k = np.flatnonzero(images.y_test == images.names.index("airplane"))[:100]
    x, y, names = images.x_test[k], images.y_test[k], images.names
    nets = study.train("unconstrained", images), study.train("non_expansive", images)
    return drawn(*nets, attack, x, y, images.shape, names)


def drawn(fragile, robust, attack, x, y, shape, names):
    """Of the images that fall for `fragile`, the one most certain for `robust`."""
    attacked = fragile(attack(fragile, x, y))
    falls = (fragile(x).argmax(axis=-1) == y) & (attacked.argmax(axis=-1) != y)
    right = robust(x).argmax(axis=-1) == y
    radius = np.where(right, lipschitz.certified_radius(robust, x), 0)
    k = np.argmax(falls * radius)
    fig, axes = plt.subplots(2, 3, figsize=(11, 8.2))
    kinds = ("ResNet", fragile), ("1-Lipschitz network", robust)
    for row, (name, net) in zip(axes, kinds, strict=True):
        x_adv = attack(net, x[k], y[k])
        before, after = (names[int(np.argmax(net(state)))] for state in (x[k], x_adv))
        titles = (
            f"{name}\nsays {before}",
            "an attack of size\n$\\|\\delta\\|_2 = 0.3$, enlarged",
            f"{name}\nsays {after}",
        )
        plotting.adversarial_example(x[k], x_adv, row, shape, titles)
        row[2].title.set_color("C1" if after != before else "C2")
    axes[1, 2].set_xlabel(f"certain up to $\\|\\delta\\|_2 = {radius[k]:.2f}$")
    return fig
