"""Names beside the ends of their curves."""

import numpy as np

from dynsys_nn.plotting import em


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
