"""A disc, carried by layers that are steps of the pendulum, and its area."""

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em, shade, tint

from ..drawing import Words
from ..volume_preservation import area, circle

MOST = 30
CONTROLS = {"step": (0.02, 0.2, 0.18), "depth": (0, MOST, 22)}
LABELS = {
    "structured": "layers of symplectic Euler",
    "plain": "layers of Euler",
    "q": "angle $q$ (radians)",
    "p": "momentum $p$",
    "area": "area of the shape (%)",
    "layer": "layer",
    "says": "after <depth> layers: symplectic Euler has <kept:.1f> % of the area, "
    "Euler <other:.1f> %",
}


def start(fig, labels=Words(LABELS)):
    *planes, right = fig.subplots(1, 3)
    pendulum, disc = systems.pendulum(), circle(np.array([0.9, 0.0]), 0.4, n=200)
    limits, shapes, lines = ((-2.1, 2.1), (-2, 2)), [], []
    for k, (ax, name) in enumerate(zip(planes, ("structured", "plain"), strict=True)):
        plotting.phase_portrait(pendulum, *limits, ax=ax, density=0.6, color=shade())
        ax.plot(*disc.T, color=shade(1), linewidth=em(0.08), linestyle="--", zorder=3)
        look = dict(facecolor=tint(f"C{k}", 0.5), edgecolor=f"C{k}", zorder=4)
        shapes += ax.fill(*disc.T, linewidth=em(0.1), **look)
        ax.set(xlim=limits[0], ylim=limits[1], title=labels[name], xlabel=labels["q"])
        more = dict(marker="o", markersize=em(0.3), clip_on=False, zorder=5 - k)
        lines += right.plot([0], [100], color=f"C{k}", **more)
    planes[0].set_ylabel(labels["p"])
    right.set(xlim=(0, MOST), ylim=(90, 240), xlabel=labels["layer"])
    right.set(title=labels["area"])

    def update(step, depth):
        percent = []
        for method, shape, line in zip(
            (dnn.SymplecticEuler(), dnn.Euler()), shapes, lines, strict=True
        ):
            images = disc[None]
            if depth:
                net = dnn.Rollout(dnn.Flow(pendulum, step, method), depth)
                images = np.vstack([images, net(disc).swapaxes(0, 1)])
            percent.append(100 * area(images) / area(disc))
            shape.set_xy(images[-1])
            line.set_data(np.arange(depth + 1), percent[-1])
        ends = dict(kept=percent[0][-1], other=percent[1][-1])
        return labels("says", depth=depth, **ends)

    return update
