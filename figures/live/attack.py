"""An attack against a certificate: how far perturbations of size ε bring the margin of
a label down, and how far they can at most."""

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting
from dynsys_nn.plotting import em, shade, tint

from ..adversarial_example import strongest
from ..drawing import Words
from ..robust_accuracy import data, gradient_flow, resnet, rounded, train

CONTROLS = {"eps": (0.0, 0.8, 0.3), "digit": (0, 9, 4)}
LABELS = {
    "fragile": "ResNet",
    "robust": "1-Lipschitz network",
    "right": "says <answer>",
    "wrong": "says <answer>: wrong",
    "eps": r"size of the perturbation $\varepsilon$",
    "margin": r"margin: 1 at $\varepsilon = 0$, wrong below 0",
    "attack": "the strongest attack found",
    "certificate": "no attack leads below",
    "says": "the ResNet says <fragile>, the 1-Lipschitz network <robust>",
    "certain": "<answer> (certain to <radius>)",
    "open": "<answer> (not known)",
    "fallen": "<answer> (wrong)",
}
GRID = np.linspace(0, 0.8, 81)


class Attacked:
    """What a network says of ten images x, of the digits 0 to 9, at each ε of GRID."""

    def __init__(self, net, x):
        digits = np.arange(10)
        self.radius = lipschitz.certified_radius(net, x)
        found = [strongest(net, x[y], y, GRID, steps=20) for y in digits]
        self.x = np.array(found)
        z = net(self.x)
        self.answer = z.argmax(axis=-1)
        others = np.where(np.eye(10, dtype=bool)[:, None], -np.inf, z).max(axis=-1)
        margin = z[digits, :, digits] - others
        self.margin = margin / margin[:, :1]


def images(nets):
    """A test image of each digit: of those that both networks get right, of those that
    fall for the first at ε = 0.3, the one of the largest radius for the second."""
    _, _, x, y = data()
    right = np.all([net(x).argmax(axis=-1) == y for net in nets], axis=0)
    x, y = x[right], y[right]
    attacked = dnn.PGD(0.3, steps=20, restarts=1)(nets[0], x, y)
    falls = nets[0](attacked).argmax(axis=-1) != y
    score = lipschitz.certified_radius(nets[1], x) + 10 * falls
    return x[[np.where(y == digit, score, -1).argmax() for digit in range(10)]]


def start(fig, labels=Words(LABELS)):
    nets = train(resnet), train(gradient_flow, share=0.1)
    x = images(nets)
    known = [Attacked(net, x) for net in nets]
    grid = fig.add_gridspec(2, 2, width_ratios=(1, 2.4))
    ax = fig.add_subplot(grid[:, 1])
    least = min(k.margin.min() for k in known)
    ax.set(xlim=(-0.01, GRID[-1] + 0.01), ylim=(1.05 * least, 1.1))
    ax.set(xlabel=labels["eps"], ylabel=labels["margin"])
    ax.axhline(0, color=shade(0.4), linewidth=em(0.06), zorder=0)
    wide = dict(linestyle="-", linewidth=em(0.5), solid_capstyle="butt", zorder=2.5)
    parts = []
    for k, (colour, name) in enumerate((("C1", "fragile"), ("C0", "robust"))):
        left = fig.add_subplot(grid[k, 0])
        left.set_title(labels[name], color=colour)
        shown = plotting.image(x[0], (8, 8), left)
        left.set(xlim=(-0.6, 7.6), ylim=(7.6, -0.6))  # the frame is seen around it
        below = dict(va="top", ha="center", transform=left.transAxes)
        said = left.text(0.5, -0.04, "", fontsize="large", **below)
        moving = dict(color=colour, zorder=3)
        [bound] = ax.plot([], [], color=tint(colour, 0.4), **wide)
        [curve] = ax.plot([], [], linestyle="-", **moving)
        [dot] = ax.plot([], [], "o", markersize=em(0.7), **moving)
        parts.append((shown, said, curve, bound, dot))
    ax.plot([], [], "-", color=shade(1), label=labels["attack"])
    ax.plot([], [], color=tint(shade(1), 0.4), label=labels["certificate"], **wide)
    ax.legend(loc="lower left")

    def update(eps, digit):
        n = int(np.searchsorted(GRID, eps + 1e-9) - 1)  # the largest within ε
        says = []
        for found, (shown, said, curve, bound, dot) in zip(known, parts, strict=True):
            answer, radius = found.answer[digit, n], found.radius[digit]
            right = answer == digit
            shown.set_data(np.clip(found.x[digit, n].reshape(8, 8), 0, 1))
            said.set_text(labels("right" if right else "wrong", answer=answer))
            curve.set_data(GRID, found.margin[digit])
            last = min(radius, GRID[-1])
            bound.set_data([0, last], [1, 1 - last / radius])
            dot.set_data([GRID[n]], [found.margin[digit, n]])
            which = "certain" if eps < radius else "open" if right else "fallen"
            words = dict(answer=answer, radius=rounded(radius, down=True))
            says.append(labels(which, **words))
        return labels("says", fragile=says[0], robust=says[1])

    return update
