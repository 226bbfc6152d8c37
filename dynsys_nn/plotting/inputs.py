"""What a helper is given, looked at: Axes, states, labels, rectangles."""

import numpy as np

from ..arguments import instance, pair, real_numbers, refuse
from .looks import cycle


def rectangle(xlim, ylim, n, m=None):
    """The points (x, y) of a rectangle, n in each of its m rows, shape (m, n, 2)."""
    (left, right), (bottom, top) = pair(xlim, "xlim"), pair(ylim, "ylim")
    x, y = np.linspace(left, right, n), np.linspace(bottom, top, m or n)
    return np.stack(np.meshgrid(x, y), axis=-1)


def axes_or_current(ax):
    """The given Axes, or the current one."""
    import matplotlib.pyplot as plt

    return plt.gca() if ax is None else an_axes(ax)


def an_axes(ax):
    return instance(ax, ("plot", "scatter", "imshow"), "ax must be an Axes of matplotlib")


def axes_of(axes, n):
    """A list, or array, of n Axes."""
    axes = np.atleast_1d(np.asarray(axes, object)).ravel()
    refuse(len(axes) != n, f"{n} Axes are needed, got {len(axes)}")
    return [an_axes(ax) for ax in axes]


def states_of(x, least, shape):
    """x as an array of real states of that many axes at least."""
    x = real_numbers(x, "a picture needs states, that is,")
    refuse(x.ndim < least, f"a picture needs states of shape {shape}, got {x.shape}")
    return x


def alike(**arrays):
    """Arrays of real numbers, of one shape."""
    found = [real_numbers(a, f"{name} must be") for name, a in arrays.items()]
    for name, a in zip(arrays, found, strict=True):
        first = next(iter(arrays))
        refuse(
            a.shape != found[0].shape,
            f"{name} must have the shape of {first}, {found[0].shape}, got {a.shape}",
        )
    return found


def colours_of(labels):
    """The colour of each class: that of its number in the style's cycle, again and again."""
    refuse(
        labels.dtype.kind not in "iu",
        f"labels must be integers, got dtype {labels.dtype}",
        TypeError,
    )
    return cycle()[labels % len(cycle())]
