"""Names beside the ends of their curves, and numbers that bound others."""

import numpy as np

from dynsys_nn.plotting import em

from .words import power


def names_at_ends(ax, ends, names, colours, gap=0.08):
    """Write each name to the right of the Axes, at the height where its curve ends;
    returns the texts.

    ends: heights in the units of the vertical axis, whose limits are set; gap:
    between the middles of two names, as a fraction of the axis.
    """
    along = ax.transScale + ax.transLimits
    x = ax.get_xlim()[1]
    heights = [along.transform((x, end))[1] for end in ends]
    looks = dict(xycoords="axes fraction", textcoords="offset points", va="center")
    return [
        ax.annotate(name, (1, height), (em(0.5), 0), color=colour, **looks)
        for name, colour, height in zip(
            names, colours, apart(heights, gap), strict=True
        )
    ]


def apart(heights, gap):
    """Heights in [0, 1], in their order, moved upwards until they are a gap apart, and
    down again where there is no more room."""
    order, found = np.argsort(heights, kind="stable"), np.clip(heights, 0, 1)
    for low, high in zip(order, order[1:], strict=False):
        found[high] = max(found[high], found[low] + gap)
    found[order[-1]] = min(found[order[-1]], 1)
    for high, low in zip(order[::-1], order[-2::-1], strict=False):
        found[low] = min(found[low], found[high] - gap)
    return found


def at_most(value):
    """A number from above, without dollars: 3\\cdot10^{-6} for 2.1e-06, 0.12 for 0.111."""
    digits = 2 if 1e-3 < value < 1e3 else 1
    unit = 10.0 ** (np.floor(np.log10(value)) + 1 - digits)
    above = unit * np.ceil(value / unit * (1 - 1e-12))
    return f"{above:.3g}" if digits == 2 else power(above)
