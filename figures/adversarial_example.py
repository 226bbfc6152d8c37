"""One small perturbation flips the ResNet and not the 1-Lipschitz network.

A test image, the strongest perturbation ‖δ‖₂ ≤ ε that was found, enlarged in colour,
and their sum. Above, δ changes the label that the ResNet gives. Below, it is sought for
the non-expansive gradient flow, whose label is certain in a ball: its radius is the
margin of the label divided by a Lipschitz constant. A digit; or with DYNSYS_NN_DATA
naming the folder of CIFAR-10, and the networks of `python -m figures.study`, an
aeroplane, if there is one that both networks recognise.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting
from dynsys_nn.plotting import em

from .drawing import Number, Whole, figure
from .robust_accuracy import IMAGES, SEED, Images, rounded

LABELS = {
    "flips, cannot flip": "A perturbation of size <eps> flips <fragile>;"
    " none can flip <robust>",
    "flips, not flipped": "A perturbation of size <eps> flips <fragile>;"
    " none was found for <robust>",
    "both": "Perturbations of size <eps> flip <fragile>, and <robust>",
    "neither": "No perturbation of size <eps> was found that flips <fragile>, or"
    " <robust>",
    "other way round": "A perturbation of size <eps> flips <robust>, and none was found"
    " for <fragile>",
    "the fragile": "the ResNet",
    "the robust": "the 1-Lipschitz network",
    "fragile": "ResNet",
    "robust": "1-Lipschitz\nnetwork",
    "certain": "certain while\n$\\|\\delta\\|_2 < <radius>$",
    "uncertain": "nothing is certain",
    "truth": "true label: <name>",
    "delta": "a perturbation,\nenlarged <times> times",
    "says": "says <name>",
    "right": "says <name>: right",
    "wrong": "says <name>: wrong",
    "plus": "$+$",
    "equals": "$=$",
}


@figure(
    eps=Number(0.02, 2, "ε, the size of the perturbations; pixels are from 0 to 1"),
    image=Whole(1, 20, "which of the images, by the radius of the lower network"),
    images=IMAGES,
    seed=SEED,
)
def make(
    quick=False,
    *,
    eps=0.3,
    image=1,
    images="cifar10",
    seed=0,
    figsize=(12.6, 7.2),
    labels=LABELS,
):
    of = Images(images, quick, seed)
    nets, x, y = chosen(of, eps, image)
    fig, axes = plt.subplots(2, 4, figsize=figsize, width_ratios=(0.85, 1, 1, 1))
    flips = []
    for (said, *row), net, name in zip(axes, nets, ("fragile", "robust"), strict=True):
        x_adv = strongest(net, x, y, [eps])[0]
        before, after = net(x).argmax(), net(x_adv).argmax()
        flips.append(bool(before != after))
        radius = lipschitz.certified_radius(net, x)
        times = float(f"{1 / np.abs(x_adv - x).max():.2g}")
        titles = (
            labels("says", name=of.names[before]),
            labels("delta", times=f"{times:g}"),
            labels("right" if after == y else "wrong", name=of.names[after]),
        )
        plotting.adversarial_example(x, x_adv, row, of.shape, titles)
        row[2].title.set(color="C0" if after == y else "C1", fontsize="large")
        for ax, sign in zip(row, ("plus", "equals"), strict=False):
            look = dict(ha="center", va="center", fontsize="x-large")
            ax.text(1.12, 0.5, labels(sign), transform=ax.transAxes, **look)
        said.set(xticks=[], yticks=[], frame_on=False)
        look = dict(ha="center", transform=said.transAxes)
        said.text(0.5, 0.55, labels(name), va="bottom", fontsize="x-large", **look)
        words = labels("certain", radius=rounded(radius, down=True))
        words = words if radius > 0 else labels("uncertain")
        said.text(0.5, 0.45, words, va="top", **look)
    axes[1, 1].set_xlabel(labels("truth", name=of.names[y]), labelpad=em(0.4))
    which = {
        (True, False): "flips, cannot flip" if radius > eps else "flips, not flipped",
        (True, True): "both",
        (False, False): "neither",
        (False, True): "other way round",
    }[tuple(flips)]
    names = dict(fragile=labels("the fragile"), robust=labels("the robust"))
    fig.suptitle(labels(which, eps=eps, **names))
    return fig


def chosen(images, eps, place):
    """The ResNet and the gradient flow, and an image with its label: of the images that
    both get right, of those that fall for the ResNet, if there are such, the one that
    is the most certain but place − 1 for the gradient flow."""
    x, y = images.x[:400], images.y[:400]
    if images.name == "cifar10":  # an aeroplane, or else something else
        k = np.flatnonzero(images.y == images.names.index("airplane"))[:300]
        x, y = np.concatenate([images.x[k], x]), np.concatenate([images.y[k], y])
    fragile, robust = map(images.network, ("resnet", "gradient_flow"))
    right = (fragile(x).argmax(axis=-1) == y) & (robust(x).argmax(axis=-1) == y)
    if right.any():
        x, y = x[right], y[right]
    attacked = dnn.PGD(eps, steps=20, restarts=1)(fragile, x, y)
    falls = fragile(attacked).argmax(axis=-1) != y
    radius = lipschitz.certified_radius(robust, x)
    plane = y == (images.names.index("airplane") if images.name == "cifar10" else y)
    k = np.lexsort((-radius, ~falls, ~plane))[min(place, len(x)) - 1]
    return (fragile, robust), x[k], int(y[k])


def strongest(net, x, y, eps, steps=50):
    """For each of the sizes `eps`, which grow, the x + δ with the largest margin of a
    wrong label that was found within it.

    A `PGD` is content when the label y has fallen. Here it goes on: what it attacks has
    a logit of y that is larger by more than it can make up for.
    """
    bias = np.zeros(net.dim_out)
    bias[y] = 1e3
    eye, dtype = np.eye(net.dim_out), net.theta.dtype
    ahead = dnn.Affine(net.dim_out, net.dim_out, W=eye, b=bias, dtype=dtype)
    states, truth = np.repeat(x[None], len(eps), axis=0), np.full(len(eps), y)
    attack = dnn.PGD(np.asarray(eps), steps, restarts=2)
    found = attack(dnn.Network(*net.maps, ahead), states, truth)
    z = net(found).astype(float)
    margin = np.delete(z, y, axis=-1).max(axis=-1) - z[:, y]
    best = [int(margin[: k + 1].argmax()) for k in range(len(eps))]
    return found[best]
