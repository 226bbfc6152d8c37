"""What a contractive and an expansive step do to pairs of points, at most how much."""

import numpy as np

from dynsys_nn.plotting import em, shade

from ..contractive_and_expansive_steps import STARTS, steps, stretches, what_it_does
from ..drawing import Words

CONTROLS = {"h": (0.05, 2.2, 0.5), "slope": (0.1, 0.9, 0.5)}
LABELS = {
    "contractive": r"$x - hA^{\!\top}\!\sigma(Ax + b)$",
    "expansive": r"$x + h\sigma(Wx + v)$",
    "x_1": "$x_1$",
    "x_2": "$x_2$",
    "pairs": "200 pairs of points",
    "stretch": "distance after / distance before",
    "says": "left: <does>, at most × <first>; "
    "middle: moves them apart, at most × <second>",
    "closer": "brings points closer",
    "no farther": "moves no points apart",
    "may": "can move points apart",
}


def segments(pairs):
    """Pairs of points, (n, 2, 2), as one line with gaps, (2, 3n)."""
    return np.insert(pairs, 2, np.nan, axis=1).reshape(-1, 2).T


def start(fig, labels=Words(LABELS)):
    *planes, right = fig.subplots(1, 3)
    after, ways, clouds, bounds = [], [], [], []
    for k, (ax, name) in enumerate(
        zip(planes, ("contractive", "expansive"), strict=True)
    ):
        ax.plot(*segments(STARTS), "o--", color=shade(0.7), lw=em(0.1), zorder=2)
        ways += ax.plot([], [], color=shade(0.3), lw=em(0.06), zorder=3)
        after += ax.plot([], [], "o-", color=f"C{k}", lw=em(0.2), zorder=4)
        ax.set(xlim=(-4.8, 4.8), ylim=(-4.8, 4.8), aspect="equal", title=labels[name])
        ax.set(xlabel=labels["x_1"], ylabel=labels["x_2"])
        cloud = dict(color=f"C{k}", markersize=em(0.18), zorder=2)
        clouds += right.plot([], [], "o", **cloud)
        bounds += right.plot([], [], color=f"C{k}", lw=em(0.15), zorder=3)
    right.axvline(1, color=shade(0.4), linewidth=em(0.05), zorder=0)
    right.set(xlim=(0, 3.3), ylim=(0, 2), yticks=[], xlabel=labels["stretch"])
    right.set_title(labels["pairs"])
    rng = np.random.default_rng(0)
    pairs, height = rng.normal(size=(2, 200, 2)) * 2, rng.uniform(0.08, 0.92, 200)

    def update(h, slope):
        flows, certified = steps(h, slope), []
        for k, flow in enumerate(flows):
            new, row = flow(STARTS), 1 - k
            after[k].set_data(*segments(new))
            ways[k].set_data(
                *segments(np.stack([STARTS, new], axis=2).reshape(-1, 2, 2))
            )
            clouds[k].set_data(stretches(flow, pairs), height + row)
            certified.append(flow.lipschitz())
            bounds[k].set_data([certified[k]] * 2, [0.02 + row, 0.98 + row])
        does = labels[what_it_does(certified[0])]
        return labels("says", does=does, first=certified[0], second=certified[1])

    return update
