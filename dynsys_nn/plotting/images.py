"""Pictures of images."""

import numpy as np

from ..arguments import refuse
from .inputs import alike, axes_of
from .looks import diverging, em, ink, shade


def adversarial_example(x, x_adv, axes, shape, titles=("image", "perturbation", "perturbed")):
    """An image, a perturbation and their sum, on three Axes; returns the images.

    x, x_adv: (d,) with d the product of `shape`, (rows, columns) or (3, rows, columns). Pixels from
    0 to 1, grey (ink is 1) or red, green and blue; the perturbation from the style's first colour,
    negative, to its second, largest entry, or in colours around grey. All are framed, since an
    image ends where its ground may not.
    """
    x, x_adv = alike(x=x, x_adv=x_adv)
    refuse(
        len(shape) not in (2, 3) or len(shape) == 3 and shape[0] != 3 or x.size != np.prod(shape),
        f"shape is (rows, columns) or (3, rows, columns) of {x.size} pixels, got {tuple(shape)}",
    )
    axes = axes_of(axes, 3)
    x, delta = np.reshape(x, shape), np.reshape(x_adv - x, shape)
    size = np.abs(delta).max() or 1.0
    grey, colour = dict(cmap=ink(), vmin=0, vmax=1), dict(cmap=diverging(), vmin=-size, vmax=size)
    images = x, delta, x + delta
    if len(shape) == 3:
        images = [
            np.clip(np.moveaxis(image, 0, -1), 0, 1)
            for image in (x, 0.5 + delta / (2 * size), x + delta)
        ]
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=shade(0.4), linewidth=em(0.06))
    return [
        ax.imshow(image, **look)
        for ax, image, look in zip(axes, images, (grey, colour, grey), strict=True)
    ]
