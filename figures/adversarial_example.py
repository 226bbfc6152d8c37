"""One small perturbation flips the ResNet and not the 1-Lipschitz network.

A test digit, a perturbation of size ‖δ‖₂ = 0.3, enlarged in colour, and their sum. Above, δ changes the label that the
ResNet gives. Below, the strongest attack that was found on the non-expansive gradient flow: its label is certain in a
ball that is larger.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting

from .robust_accuracy import data, gradient_flow, resnet, train

EPS = 0.3


def make(quick=False):
    _, _, x, y = data()
    attack = dnn.PGD(EPS, steps=20 if quick else 50)
    fragile, robust = train(resnet, quick=quick), train(gradient_flow, quick=quick)
    falls = (np.argmax(fragile(x), axis=-1) == y) & (np.argmax(fragile(attack(fragile, x, y)), axis=-1) != y)
    radius = np.where(np.argmax(robust(x), axis=-1) == y, lipschitz.certified_radius(robust, x), 0)
    k = np.argmax(falls * radius)  # of the digits that fall for the one, the one that is most certain for the other
    fig, axes = plt.subplots(2, 3, figsize=(11, 8.2))
    for row, net, name in zip(axes, (fragile, robust), ("ResNet", "1-Lipschitz network"), strict=True):
        x_adv = attack(net, x[k], y[k])
        before, after = (int(np.argmax(net(state))) for state in (x[k], x_adv))
        titles = (
            f"{name}\nsays {before}",
            "an attack of size\n$\\|\\delta\\|_2 = 0.3$, enlarged",
            f"{name}\nsays {after}",
        )
        plotting.adversarial_example(x[k], x_adv, row, (8, 8), titles)
        row[2].title.set_color("C1" if after != before else "C2")
    axes[1, 2].set_xlabel(f"certain up to $\\|\\delta\\|_2 = {radius[k]:.2f}$")
    return fig
