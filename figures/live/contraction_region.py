"""A network of pairs of steps, expansive and contractive: its point (h_C, h_E) in the
region of the 1-Lipschitz pairs, and where it takes a unit circle."""

import numpy as np
from matplotlib.patches import Polygon

import dynsys_nn as dnn
from dynsys_nn.integrators import one_sided_bound
from dynsys_nn.plotting import em, shade, tint

from ..contraction_region import pair
from ..drawing import Words

CONTROLS = {
    "h_C": (0.02, 2.0, 4 / 3),
    "h_E": (0.02, 3.0, 1.5),
    "slope": (0.1, 0.6, 0.5),
    "depth": (1, 6, 3),
}
LABELS = {
    "h_C": "contractive step $h_C$",
    "h_E": "expansive step $h_E$",
    "exact": "exact",
    "paper": "the paper's",
    "region": "steps of 1-Lipschitz pairs",
    "circle": "the unit circle, after the network\n(dashed: as large as certified)",
    "says": "<what>: certified <bound>, found <found> (by the paper's bound <paper>)",
    "no": "no two points move apart",
    "some": "some points move apart",
}
RINGS = 1, 10, 100, 1000
ANGLES = np.linspace(0, 2 * np.pi, 193)
FAR = 1e4  # where no kink of σ is near


def shown(y):
    """Points of the plane as drawn: beyond the unit circle by the logarithm of ‖y‖."""
    r = np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1)
    return y / r * (1 + 0.3 * np.log10(r))


def worst(net, x):
    """Sets the biases that stretch distances from x most; returns the image of x.

    The first component has a kink of the expansive steps at x, and gets slope a of the
    contractive ones; the second one gets slope 1 of all.
    """
    for E, C in zip(net.maps[::2], net.maps[1::2], strict=True):
        E.field.b = [0, FAR] - x
        x = E(x)
        C.field.b = [-FAR, FAR] - x
        x = C(x)
    return x


def start(fig, labels=Words(LABELS)):
    region, plane = fig.subplots(1, 2, width_ratios=(1.1, 1))
    h, corners = np.linspace(0, 2, 201), np.zeros((3, 2))
    most = dnn.Network(*[flow for _ in range(CONTROLS["depth"][1]) for flow in pair()])
    regions = [
        dnn.StepSizes(most[1], most[0], bound=bound) for bound in ("sharp", "paper")
    ]
    areas = [
        region.add_patch(
            Polygon(corners, fc=colour, lw=0, label=labels[name], zorder=z)
        )
        for colour, name, z in ((tint("C0"), "exact", 6), ("C1", "paper", 7))
    ]
    [point] = region.plot([], [], "o", color=shade(1), markersize=em(0.7), zorder=8)
    region.set(xlabel=labels["h_C"], ylabel=labels["h_E"], title=labels["region"])
    region.set(xlim=(-0.06, 2.1), ylim=(0, 3.9))
    region.legend(loc="upper left")

    circle = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=-1)
    for r in RINGS:
        width = em(0.05 if r > 1 else 0.12)
        plane.plot(*shown(r * circle).T, color=shade(0.3), linewidth=width, zorder=0)
        above = dict(
            ha="center", va="bottom", fontsize="small", color=shade(0.6), zorder=0
        )
        plane.text(*shown(np.array([0.0, r])), f"{r:g}", **above)
    plane.plot([0], [0], "o", color=shade(1), zorder=0)
    plane.set(
        xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal", title=labels["circle"]
    )
    plane.set_axis_off()
    [certified] = plane.plot([], [], color=shade(1), ls="--", lw=em(0.08), zorder=3)
    [image] = plane.plot([], [], color="C0", lw=em(0.2), zorder=4)

    def update(h_C, h_E, slope, depth):
        net, sigma = most[: 2 * depth], dnn.LeakyReLU(slope)
        for k, flow in enumerate(net.maps):
            flow.field.sigma, flow.h = sigma, (h_E, h_C)[k % 2]
        for region_of, area in zip(regions, areas, strict=True):
            largest = np.maximum(0, region_of.largest_expansive_step(h))
            area.set_xy(np.stack([h, largest], axis=-1))
        point.set_data([h_C], [h_E])
        at = worst(net, np.zeros(2))
        y = net(circle) - at
        bound, found = net[:2].lipschitz() ** depth, np.linalg.norm(y, axis=-1).max()
        image.set_data(*shown(y).T)
        certified.set_data(*shown(bound * circle).T)
        X = net[1].field
        ell = one_sided_bound(h_C, X.lipschitz(), X.one_sided_lipschitz())
        paper = (ell * net[0].lipschitz()) ** depth
        what = labels["no" if bound <= 1 else "some"]
        return labels("says", what=what, bound=bound, found=found, paper=paper)

    return update
