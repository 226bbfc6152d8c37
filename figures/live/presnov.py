"""A field is a gradient and a turning, everywhere, with as much turning as wanted."""

import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, shade

from ..drawing import Words
from ..presnov import SYSTEMS

SIDE, POINTS, BOLD = 3.2, 9, 2.2
#: as a slider shows them → as the figure does
NAMES = {
    "pendulum": "pendulum",
    "friction": "damped_pendulum",
    "oscillator": "harmonic_oscillator",
    "spiral": "damped_oscillator",
    "descent": "descent",
    "layer": "layer",
}
CONTROLS = {
    "system": tuple(NAMES),
    "s": (0.0, 1.0, 1.0),
    "x1": (-1.8, 1.8, -1.8),
    "x2": (-1.8, 1.8, 1.2),
}
LABELS = {
    "f": r"$\nabla U + s\,X_S$, and $f$ for $s = 1$",
    "gradient": r"$\nabla U$: across level lines",
    "sphere": "$X_S$: along circles",
    "x1": "$x_1$",
    "x2": "$x_2$",
    "says": "<what>; at x |∇U| = <gradient:.3g>, |X_S| = <sphere:.3g>,"
    " x·X_S = <inner:.0e>",
    "both": "f = ∇U + X_S",
    "no gradient": "∇U = 0, f only turns",
    "no sphere": "X_S = 0, f is a gradient",
}


def square(side, n):
    """The points of a grid, (n, n, 2)."""
    return np.stack(np.meshgrid(*[np.linspace(-side, side, n)] * 2), axis=-1)


class Parts:
    """∇U and X_S of a system, their arrows on a grid, and the level lines of U.

    The unit of the arrows is the largest |∇U| + |X_S| on the grid.
    """

    def __init__(self, name, grid, ax):
        self.of = dnn.presnov(SYSTEMS[NAMES[name]][0], nodes=24)
        parts = np.stack([self.of.gradient(grid), self.of.sphere(grid)])
        sizes = np.linalg.norm(parts, axis=-1)
        self.unit = sizes.sum(axis=0).max()
        self.gradient, self.sphere = parts / self.unit
        zero = sizes.max(axis=(1, 2)) <= 1e-9 * self.unit
        self.what = "no gradient" if zero[0] else "no sphere" if zero[1] else "both"
        self.levels = np.full((1, 2), np.nan)
        if not zero[0]:
            self.levels = level_lines(self.of.U, ax)


def level_lines(U, ax):
    """U(x) = some constants, as one curve, (n, 2), with NaN between its pieces."""
    x = square(SIDE, 60)
    levels = np.unique(np.quantile(U(x), np.linspace(0.05, 0.95, 14)))
    lines = ax.contour(*np.moveaxis(x, -1, 0), U(x), levels)
    lines.remove()
    gap, curves = [[np.nan, np.nan]], []
    for path in lines.get_paths():
        for curve in path.to_polygons(closed_only=False):
            curves += [curve, gap]
    return np.concatenate(curves)


def start(fig, labels=Words(LABELS)):
    grid = square(0.87 * SIDE, POINTS)
    left, middle, right = axes = fig.subplots(1, 3, sharey=True)
    systems = {name: Parts(name, grid, middle) for name in NAMES}
    for ax, title in zip(axes, ("f", "gradient", "sphere"), strict=True):
        ax.set(xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE), aspect="equal")
        ax.set(title=labels[title], xlabel=labels["x1"])
    left.set_ylabel(labels["x2"])

    angle = np.linspace(0, 2 * np.pi, 101)
    circle = np.array([np.cos(angle), np.sin(angle)])
    faint = dict(color=shade(0.1), linewidth=em(0.07), linestyle="-")
    for r in np.linspace(0, 1.4 * SIDE, 8)[1:]:
        right.plot(*r * circle, **faint, zorder=0)
    [levels] = middle.plot([], [], **faint, zorder=3)
    [through_x] = right.plot([], [], "-", color=shade(1), linewidth=em(0.1), zorder=5)

    colours = shade(1), "C1", "C0"
    look = dict(angles="uv", units="x", scale_units="x")
    thin = dict(scale=1.6, width=0.05, zorder=4)
    bold = dict(scale=1, width=0.1, zorder=6)
    everywhere = [
        ax.quiver(*np.moveaxis(grid, -1, 0), 0, 0, color=c, pivot="mid", **thin, **look)
        for ax, c in zip(axes, colours, strict=True)
    ]
    zeros = [[0] * 3] * 4
    three = left.quiver(*zeros, color=colours, **bold, **look)  # f = ∇U + X_S at x
    here = [
        ax.quiver([0], [0], [0], [0], color=c, **bold, **look)
        for ax, c in zip((middle, right), colours[1:], strict=True)
    ]

    def update(system, s, x1, x2):
        parts, x = systems[system], np.array([x1, x2])
        shown = parts.gradient + s * parts.sphere, parts.gradient, parts.sphere
        for arrows, field in zip(everywhere, shown, strict=True):
            arrows.set_UVC(*np.moveaxis(field, -1, 0))
        levels.set_data(*parts.levels.T)
        gradient = parts.of.gradient(x)
        sphere = parts.of.field(x) - gradient
        up, turn = BOLD * gradient / parts.unit, BOLD * sphere / parts.unit
        three.set_offsets([x, x, x + up])
        three.set_UVC(*np.transpose([up + s * turn, up, s * turn]))
        for arrow, part in zip(here, (up, turn), strict=True):
            arrow.set_offsets([x])
            arrow.set_UVC(*part[:, None])
        through_x.set_data(*np.linalg.norm(x) * circle)
        sizes = {"gradient": np.linalg.norm(gradient), "sphere": np.linalg.norm(sphere)}
        inner = abs(x @ sphere)
        return labels("says", what=labels[parts.what], inner=inner, **sizes)

    return update
