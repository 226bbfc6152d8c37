"""As the perturbation grows, the ResNet falls long before the 1-Lipschitz network,
which says beforehand how long it will stand.

One image, with the strongest perturbation of each size ‖δ‖₂ ≤ ε that was found, for two
networks, and what each says. Certain: ε is smaller than the certified radius, the
margin of the label divided by a Lipschitz constant. Below the names, this radius, and
the smallest ε at which an attack succeeded. The image and the networks are those of
`adversarial_example`.
"""

import matplotlib.pyplot as plt
import numpy as np

from dynsys_nn import attacks, lipschitz, plotting
from dynsys_nn.plotting import em, shade

from .adversarial_example import chosen, strongest
from .drawing import Number, Several, Whole, figure
from .robust_accuracy import IMAGES, SEED, Images, rounded

LABELS = {
    "none": "No attack was found that changes an answer",
    "only one": r"The <first> falls at $\varepsilon = <fall>$; the <last> was not seen"
    " to fall",
    "one by one": r"The <first> falls at $\varepsilon = <fall>$; the <last> is certain"
    " up to $<radius>$",
    "overlap": r"The <first> falls at $\varepsilon = <fall>$, the <last> at $<later>$",
    "fragile": "ResNet",
    "robust": "1-Lipschitz\nnetwork",
    "the fragile": "ResNet",
    "the robust": "1-Lipschitz network",
    "falls": "certain to $<radius>$\nfalls at $<fall>$",
    "stands": "certain to $<radius>$\nnot seen to fall",
    "size": r"$\varepsilon = <size>$",
    "truth": "true label: <name>",
    "says": "<name>",
    "certain": "certain",
    "open": "not known",
    "fallen": "wrong",
}


@figure(
    eps=Several(Number(0, 5, "ε, a size of the perturbation"), 2, 7),
    image=Whole(1, 20, "which of the images, by the radius of the lower network"),
    images=IMAGES,
    seed=SEED,
)
def make(
    quick=False,
    *,
    eps=(0, 0.1, 0.2, 0.5, 1, 2),
    image=1,
    images="cifar10",
    seed=0,
    figsize=(13.2, 5.9),
    labels=LABELS,
):
    of, eps = Images(images, quick, seed), np.array(sorted(set(eps)))
    nets, x, y = chosen(of, 0.3, image)
    look = dict(width_ratios=(1.5, *[1] * len(eps)), layout="constrained")
    fig, axes = plt.subplots(2, 1 + len(eps), figsize=figsize, **look)
    fig.get_layout_engine().set(w_pad=em(0.35) / 72)  # or frames are cut
    found = {}
    for (said, *row), net, name in zip(axes, nets, ("fragile", "robust"), strict=True):
        radius, fall = span(net, x, y)
        found[name] = fall, radius
        for ax, size, x_adv in zip(row, eps, strongest(net, x, y, eps), strict=True):
            answer = int(net(x_adv).argmax())
            says = of.names[answer]
            state = "certain" if size < radius else "open" if answer == y else "fallen"
            colour = {"certain": "C0", "open": shade(1), "fallen": "C1"}[state]
            plotting.image(x_adv, of.shape, ax)
            ax.spines[:].set(color=colour, linewidth=em(0.2))
            letters = "x-large" if len(says) < 3 else "medium"
            ax.set_title(labels("says", name=says), color=colour, fontsize=letters)
            ax.set_xlabel(labels(state), color=colour, fontsize="small")
        said.set(xticks=[], yticks=[], frame_on=False)
        look = dict(ha="center", transform=said.transAxes)
        said.text(0.5, 0.55, labels(name), va="bottom", fontsize="x-large", **look)
        words = dict(radius=rounded(radius, down=True), fall=rounded(fall))
        words = labels("falls" if np.isfinite(fall) else "stands", **words)
        said.text(0.5, 0.45, words, va="top", fontsize="small", **look)
    above = dict(textcoords="offset points", ha="center")
    heads = labels("truth", name=of.names[y]), *(labels("size", size=e) for e in eps)
    top = axes[0, 1].transAxes
    for ax, words in zip(axes[0], heads, strict=True):
        where = dict(xycoords=(ax.transAxes, top), xytext=(0, em(2.2)))
        ax.annotate(words, (0.5, 1), **where, **above)
    fig.suptitle(sentence(labels, found))
    fig.draw_without_rendering()  # the second layout is right where the first is not
    return fig


def sentence(labels, found):
    """What the two numbers of each network come to: {name: (fall, radius)}."""
    (fall, first, _), (later, last, radius) = sorted(
        (fall, labels(f"the {name}"), radius) for name, (fall, radius) in found.items()
    )
    which = "one by one" if radius > fall else "overlap"
    if np.isinf(later):
        which = "none" if np.isinf(fall) else "only one"
    numbers = dict(fall=rounded(fall), later=rounded(later))
    radius = rounded(radius, down=True)
    return labels(which, first=first, last=last, radius=radius, **numbers)


def span(net, x, y, largest=5.0):
    """The certified radius of an image, and the size of the smallest perturbation that
    was found to change a right answer, or ∞."""
    search = dict(largest=largest, bisections=12, steps=20, restarts=2)
    _, distance = attacks.smallest_perturbation(net, x, y, **search)
    return float(lipschitz.certified_radius(net, x)), float(distance)
