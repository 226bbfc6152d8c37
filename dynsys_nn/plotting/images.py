"""Pictures of images."""

import numpy as np

from ..arguments import real_numbers, refuse
from .inputs import alike, axes_of, axes_or_current
from .looks import diverging, em, ink, shade


def image(x, shape, ax=None):
    """An image on one Axes, framed, since it may end where its ground does not; returns it.

    x: array, shape (d,), d the product of shape, which is (rows, columns) or (3, rows, columns);
    ax: Axes, default None: the current one. Pixels are from 0 to 1, grey (ink is 1) or red, green
    and blue; what is less, or more, is drawn as 0, or 1.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> x, y = dnn.datasets.digits()
    >>> picture = dnn.plotting.image(x[0], (8, 8), Figure().subplots())
    >>> bool((picture.get_array() == x[0].reshape(8, 8)).all())
    True
    """
    pixels = np.clip(pixels_of(real_numbers(x, "pixels must be"), shape), 0, 1)
    return framed(axes_or_current(ax), pixels, cmap=ink(), vmin=0, vmax=1)


def adversarial_example(x, x_adv, axes, shape, titles=("image", "perturbation", "perturbed")):
    """An image, a perturbation and their sum, on three Axes; returns the images.

    The perturbation is drawn from the style's first colour, negative, to its second, its largest
    entry, or in colours around grey.

    Parameters
    ----------
    x : array, shape (d,)
        Pixels from 0 to 1, as for `image`.
    x_adv : array, shape (d,)
        The same, perturbed.
    axes : list of three Axes
        Where to draw.
    shape : (rows, columns) or (3, rows, columns)
        Of the images, d the product.
    titles : three str, default ("image", "perturbation", "perturbed")
        Of the Axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> x, x_adv, axes = np.array([0.0, 0.5, 1.0, 0.5]), np.full(4, 0.5), Figure().subplots(1, 3)
    >>> pictures = dnn.plotting.adversarial_example(x, x_adv, axes, shape=(2, 2))
    >>> pictures[1].get_array().tolist()  # x_adv − x
    [[0.5, 0.0], [-0.5, 0.0]]
    >>> pictures[1].get_clim()
    (-0.5, 0.5)
    """
    x, x_adv = alike(x=x, x_adv=x_adv)
    delta, axes, titles = pixels_of(x_adv - x, shape), axes_of(axes, 3), list(titles)
    refuse(len(titles) != 3, f"three images need as many titles, got {len(titles)}")
    size = np.abs(delta).max() or 1.0
    if delta.ndim == 3:
        delta = 0.5 + delta / (2 * size)
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
    middle = framed(axes[1], delta, cmap=diverging(), vmin=-size, vmax=size)
    return [image(x, shape, axes[0]), middle, image(x_adv, shape, axes[2])]


def pixels_of(x, shape):
    """The pixels, (rows, columns) or (rows, columns, 3)."""
    shape = tuple(np.atleast_1d(shape).tolist())
    refuse(
        len(shape) not in (2, 3) or len(shape) == 3 and shape[0] != 3 or x.size != np.prod(shape),
        f"shape is (rows, columns) or (3, rows, columns) of {x.size} pixels, got {shape}",
    )
    pixels = np.reshape(x, shape)
    return pixels if len(shape) == 2 else np.moveaxis(pixels, 0, -1)


def framed(ax, pixels, **look):
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=shade(0.4), linewidth=em(0.06))
    return ax.imshow(pixels, **look)
