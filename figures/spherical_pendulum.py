"""A pendulum on its rod: RK4 leaves the sphere, projections on one constraint after the
other leave a gap, and RATTLE stays on it and near its energy.

A stone at q with momentum p, H = ½‖p‖² + q₃, on a rod of length one: ‖q‖ = 1, and so
⟨q, p⟩ = 0. Left: its way by RATTLE, Störmer and Verlet's step with the force of the
rod. Right: how far the length of the rod has been off so far, and the energy. Nested
projections return to ‖q‖ = 1 and then, along p and q, to ⟨q, p⟩ = 0. Source: Hairer,
Lubich, Wanner, Geometric Numerical Integration (2006), IV.4 and VII.1.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from scipy.interpolate import CubicHermiteSpline

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Number, Whole, figure, power
from .drawing.places import ends_of, names_at_ends
from .rigid_body import AZIMUTH, ELEVATION, in_sight

LABELS = {
    "orbit": "RATTLE, <n> steps of $h = <h>$:\n" + r"the rod is kept to $<off>$",
    "rod": r"error of the rod $\|q\|$ so far",
    "energy": "energy $H - H_0$",
    "time": "time $t$",
    "RK4": "RK4",
    "nested": "nested",
    "RATTLE": "RATTLE",
    "in words": r"nested: RK4, then $\|q\| = 1$, then $\langle q, p\rangle = 0$",
}
COLOURS = {"RK4": 1, "nested": 2, "RATTLE": 0}


@cache
def orbits(h, steps, speed):
    """name → the states, (steps + 1, 6), from a radian below the top, sideways."""
    rod, free = systems.spherical_pendulum(), systems.free_fall()
    length, radial = rod.invariants["length"], rod.invariants["radial"]
    nested = dnn.Projected(dnn.Projected(dnn.RK4(), length), radial)
    start, t = np.array([*rod.x0[:3], 0.0, speed, 0.0]), h * np.arange(steps + 1)
    return {
        "RK4": dnn.trajectory(rod, start, t, dnn.RK4()),
        "nested": dnn.trajectory(rod, start, t, nested),
        "RATTLE": dnn.trajectory(free, start, t, dnn.Rattle(dnn.Sphere())),
    }


def rod_error(z):
    """The largest |‖q‖ − 1| so far; 10⁻¹⁷ stands for 0."""
    off = np.abs(np.linalg.norm(z[:, :3], axis=-1) - 1)
    return np.maximum(np.maximum.accumulate(off), 1e-17)


def way(z, h, time=60.0, fine=8):
    """The positions until a time, with more between: on the sphere, by their slopes."""
    n = min(len(z), round(time / h))
    t = h * np.arange(n)
    q = CubicHermiteSpline(t, z[:n, :3], z[:n, 3:])(np.linspace(0, t[-1], fine * n))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


@figure(
    h=Number(0.1, 0.25, "the step"),
    steps=Whole(100, 1000, "how many steps"),
    speed=Number(0.3, 1.2, "of the stone at first, sideways"),
)
def make(
    quick=False,
    *,
    h=0.25,
    steps=600,
    speed=0.7,
    figsize=(13.3, 6.2),
    labels=LABELS,
):
    steps = min(steps, 150) if quick else steps
    found, energy = orbits(h, steps, speed), systems.free_fall().invariants["energy"]
    t = h * np.arange(steps + 1)
    fig = plt.figure(figsize=figsize)
    left, right = fig.subfigures(1, 2, width_ratios=(1, 1.25))
    ax = left.add_subplot(projection="3d", proj_type="ortho", computed_zorder=False)
    panels = right.subplots(2, 1, sharex=True)
    q = way(found["RATTLE"], h)
    behind = dict(color=shade(0.35), linewidth=em(0.06), linestyle="-")
    plotting.on_sphere(q, ax, 1, **behind)
    before = look(COLOURS["RATTLE"], linewidth=em(0.14))
    plotting.trajectories(in_sight(q), ax, (0, 1, 2), **before)
    ax.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
    ax.view_init(ELEVATION, AZIMUTH)
    ax.set_box_aspect((1, 1, 1), zoom=1.35)
    off = power(max(rod_error(found["RATTLE"])[-1], 1e-16))
    ax.set_title(labels("orbit", n=steps, h=h, off=off))
    lines = [[], []]
    for name, z in found.items():
        style = look(COLOURS[name])
        lines[0] += panels[0].semilogy(t[1:], rod_error(z)[1:], **style)
        lines[1] += panels[1].plot(t, energy(z) - energy(z[0]), **style)
    panels[0].set(ylim=(1e-17, 1))
    between = np.sqrt(rod_error(found["nested"])[-1] * rod_error(found["RK4"])[-1])
    panels[0].text(
        0.1 * h * steps, between, labels("in words"),
        color=f"C{COLOURS['nested']}", fontsize="small", va="center",
    )  # fmt: skip
    names = [labels(name) for name in found]
    for panel, some, name in zip(panels, lines, ("rod", "energy"), strict=True):
        panel.set(title=labels(name), xlim=(0, h * steps))
        names_at_ends(panel, names, *ends_of(some), 0.13, fontsize="small")
    panels[1].set_xlabel(labels("time"))
    return fig
