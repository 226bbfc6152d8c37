"""What a helper is given, looked at: Axes, states, labels, rectangles."""

import numpy as np

from ..arguments import dimension, instance, pair, real_numbers, refuse
from .looks import cycle


def rectangle(xlim, ylim, n, m=None):
    """The points (x, y) of a rectangle, n in each of its m rows, shape (m, n, 2)."""
    (left, right), (bottom, top) = limits(xlim, "xlim"), limits(ylim, "ylim")
    n, m = (dimension(k, "a side of the grid", least=2) for k in (n, n if m is None else m))
    x, y = np.linspace(left, right, n), np.linspace(bottom, top, m)
    return np.stack(np.meshgrid(x, y), axis=-1)


def limits(value, name):
    """(low, high), two finite numbers with low < high."""
    low, high = pair(value, name)
    refuse(not np.isfinite([low, high]).all(), f"{name} must be finite, got {value}")
    return low, high


def axes_or_current(ax, space=False):
    """The given Axes, or the current one; planar, unless `space` is allowed."""
    import matplotlib.pyplot as plt

    return an_axes(plt.gca() if ax is None else ax, space)


def an_axes(ax, space=False):
    instance(ax, ("plot", "scatter", "imshow"), "ax must be an Axes of matplotlib")
    wrong = ax.name == "3d" and not space
    refuse(wrong, "this picture is planar: it needs plain Axes, got those of 3d")
    return ax


def axes_of(axes, n, space=False):
    """A list, or array, of n Axes; planar, unless `space` is allowed."""
    axes = np.atleast_1d(np.asarray(axes, object)).ravel()
    refuse(len(axes) != n, f"{n} Axes are needed, got {len(axes)}")
    return [an_axes(ax, space) for ax in axes]


def states_of(x, least, shape):
    """x as an array of real states of that many axes at least."""
    x = real_numbers(x, "a picture needs states, that is,")
    wrong = x.ndim < least or not x.size
    refuse(wrong, f"a picture needs states of shape {shape}, got {x.shape}")
    return x


def components_of(components, d, counts):
    """`components` as a list of 0, …, d − 1; counts: how many there may be, with the words."""
    k = np.atleast_1d(components)
    found = k.tolist()
    refuse(
        k.dtype.kind not in "iu"
        or k.shape not in [(n,) for n in counts]
        or not set(found) <= {*range(d)},
        f"components are {' '.join(counts.values())} of 0, …, {d - 1}, got {found}",
    )
    return found


def number_of(states):
    """How many arrays a list has."""
    if not hasattr(states, "__len__"):
        raise TypeError(f"states must be a list of arrays, got {states!r}")
    return len(states)


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


def row(**arrays):
    """Arrays of real numbers, of one shape (n,), n ≥ 1."""
    found = alike(**arrays)
    first, shape = next(iter(arrays)), found[0].shape
    refuse(len(shape) != 1 or not shape[0], f"{first} must have shape (n,), got {shape}")
    return found


def colours_of(labels):
    """The colour of each class: that of its number in the style's cycle, again and again."""
    refuse(
        labels.dtype.kind not in "iu",
        f"labels must be integers, got dtype {labels.dtype}",
        TypeError,
    )
    return cycle()[labels % len(cycle())]
