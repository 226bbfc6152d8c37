"""A free rigid body keeps ‖m‖ and its energy: Euler's method leaves the sphere, and the
implicit midpoint rule stays on it.

Left: the angular momentum m by either method (colour), among exact orbits (grey).
Right: how far ‖m‖ and the energy have been off so far. ‖m‖² and the energy ½Σ mᵢ²/Iᵢ
are quadratic, and the implicit midpoint rule keeps all quadratic invariants. Source:
Hairer, Lubich, Wanner, Geometric Numerical Integration (2006), IV.2.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Choice, Number, Several, Whole, figure, power
from .drawing.places import ends_of, names_at_ends
from .four_methods import orbit

LABELS = {
    "Euler": "Euler",
    "Heun": "Heun",
    "RK4": "RK4",
    "midpoint": "implicit midpoint",
    "leaves": "<name> leaves the sphere:\n" + r"$\|m\| = <norm>$ at $t = <t>$",
    "nearly": "<name> leaves the sphere,\nby $<off>$",
    "stays": "<name> stays on\nthe sphere, to $<off>$",
    "midpoint, short": "midpoint",
    "norm": r"error of $\|m\|$ so far",
    "energy": "error of the energy so far",
    "time": "time $t$",
}
METHODS = {"Euler": dnn.Euler(), "Heun": dnn.Heun(), "RK4": dnn.RK4()}
ELEVATION, AZIMUTH = 25, 25


def in_sight(x):
    """The curve x, (n, 3), with NaN where the unit sphere hides it from the viewer, and
    where it has left the picture."""
    e, a = np.radians([ELEVATION, AZIMUTH])
    towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    depth = x @ towards
    beside = norm(x - depth[:, None] * towards)
    seen = ((depth > 0) | (beside > 1)) & (np.hypot(depth, beside) < 1.3)
    return np.where(seen[:, None], x, np.nan)


@cache
def among(inertia, n=16):
    """Exact orbits all over the sphere: the implicit midpoint rule stays on them, since
    both invariants are quadratic."""
    a = (np.arange(n) + 0.5) * np.pi / n
    starts = np.stack([np.cos(a), 0 * a, np.sin(a)], axis=-1)
    starts = np.concatenate([starts, -starts])
    field = systems.rigid_body(inertia)
    slow = max(np.ptp(1 / np.array(inertia)), 1e-3)  # the more alike, the slower
    return orbit(field, starts, 0.2 / slow, 300, dnn.ImplicitMidpoint())


def norm(x):
    return np.linalg.norm(x, axis=-1)


def describe(name, x, t, labels):
    """In words, whether the states x stay on the sphere."""
    off = max(np.abs(norm(x) - 1).max(), 1e-17)
    if off < 1e-2:
        return labels("stays" if off < 1e-10 else "nearly", name=name, off=power(off))
    return labels("leaves", name=name, norm=f"{norm(x[-1]):.3g}", t=t[-1])


@figure(
    h=Number(0.01, 0.1, "the step"),
    steps=Whole(100, 1500, "how many steps"),
    inertia=Several(Number(0.5, 3, "a moment"), 3, 3, "moments of inertia"),
    method=Choice(METHODS, "what the implicit midpoint rule is compared with"),
)
def make(
    quick=False,
    *,
    h=0.05,
    steps=800,
    inertia=(2.0, 1.0, 2 / 3),
    method="Euler",
    figsize=(13.3, 5.3),
    labels=LABELS,
):
    field = systems.rigid_body(inertia)
    grey, H = [in_sight(x) for x in among(inertia)], field.invariants["energy"]
    fig = plt.figure(figsize=figsize)
    left, right = fig.subfigures(1, 2, width_ratios=(2, 1))
    flat = dict(projection="3d", proj_type="ortho", computed_zorder=False)
    spheres = left.subplots(1, 2, subplot_kw=flat)
    axes = right.subplots(2, 1, sharex=True, sharey=True)
    lines = [[], []]
    methods = {method: METHODS[method], "midpoint": dnn.ImplicitMidpoint()}
    for ax, (name, way), k in zip(spheres, methods.items(), (1, 2), strict=True):
        with np.errstate(over="ignore", invalid="ignore"):  # Euler may end at infinity
            x = orbit(field, field.x0, h, steps, way)
            x = x[np.logical_and.accumulate(norm(x) < 10)]
        t = h * np.arange(len(x))
        thin, thick = (dict(linestyle="-", linewidth=em(w)) for w in (0.06, 0.15))
        plotting.on_sphere(grey, ax, 1, color=shade(0.5), **thin)
        plotting.trajectories(in_sight(x), ax, (0, 1, 2), color=f"C{k}", **thick)
        ax.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
        ax.view_init(ELEVATION, AZIMUTH)
        ax.set_box_aspect((1, 1, 1), zoom=1.35)
        ax.set_title(describe(labels(name), x, t, labels), color=f"C{k}")
        for panel, I, found in zip(axes, (norm, H), lines, strict=True):
            off = np.maximum.accumulate(np.abs(I(x) - I(x[0])))
            found += panel.semilogy(t[1:], np.maximum(off, 1e-17)[1:], **look(k))
    for panel, found, name in zip(axes, lines, ("norm", "energy"), strict=True):
        panel.set(title=labels(name), xlim=(0, h * steps), ylim=(1e-17, 100))
        names = labels(method), labels("midpoint, short")
        names_at_ends(panel, names, *ends_of(found), 0.13, fontsize="small")
    axes[1].set_xlabel(labels("time"))
    return fig
