"""Names beside the ends of their curves."""

import numpy as np
from scipy.optimize import isotonic_regression

from dynsys_nn.plotting import em


def names_at_ends(ax, names, ends, colours, gap=0.08, **look):
    """Write each name to the right of the Axes, at the height where its curve ends, or
    as near as the others let it; returns the texts.

    ends: heights in the units of the vertical axis, whose limits are set; gap:
    between the middles of two names, as a fraction of the axis.
    """
    along = ax.transScale + ax.transLimits
    x = ax.get_xlim()[1]
    heights = apart(np.array([along.transform((x, end))[1] for end in ends]), gap)
    place = dict(xycoords="axes fraction", textcoords="offset points", va="center")
    return [
        ax.annotate(name, (1, height), (em(0.5), 0), color=colour, **place, **look)
        for name, height, colour in zip(names, heights, colours, strict=True)
    ]


def ends_of(lines):
    """The last heights and the colours of some lines."""
    return [y.get_ydata()[-1] for y in lines], [y.get_color() for y in lines]


def apart(heights, gap):
    """The heights, moved as little as keeps them in [0, 1], in their order, and a gap
    apart."""
    order = np.argsort(heights, kind="stable")
    ramp = gap * np.arange(len(heights))
    nearest = isotonic_regression(np.asarray(heights, float)[order] - ramp).x
    moved = np.empty(len(heights))
    moved[order] = np.clip(nearest, 0, 1 - ramp[-1]) + ramp
    return moved
