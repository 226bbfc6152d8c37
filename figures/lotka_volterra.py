"""Prey and predators follow a level line of a first integral I: Euler's method spirals
off it, and a discrete gradient method keeps it, whatever I is, to the last digits.

Left: the orbits on level lines of I (grey). Right: how far I has been off so far. The
implicit midpoint rule keeps quadratic invariants, and this one is not quadratic; an
adaptive method keeps none. A step of Euler's method makes any convex invariant larger.
Source: McLachlan, Quispel, Robidoux, Phil. Trans. R. Soc. A 357 (1999).
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Number, Several, Whole, figure, power
from .drawing.places import ends_of, names_at_ends
from .four_methods import adaptive, orbit

LABELS = {
    "Euler": "Euler",
    "RK45": "RK45",
    "midpoint": "midpoint",
    "gradient": "gradient",
    "start": "start",
    "orbits": "Euler spirals outwards, off the level lines of $I$",
    "arcs": "Euler moves outwards, off the level lines of $I$",
    "rest": "the start is a point of rest",
    "kept": "the discrete gradient keeps $I$, to $<off>$",
    "x": "prey $x$",
    "y": "predators $y$",
    "time": "time $t$",
    "off": "error of $I$ so far",
}


@cache
def solve(name, rates, start, time, steps, rtol):
    """The times, and the states (x, y), as long as they are positive, and below 100."""
    field, t = systems.lotka_volterra(*rates), np.linspace(0, time, steps + 1)
    start = np.array(start)
    if name == "RK45":
        x = adaptive(field, start, t, rtol)
    else:
        method = {
            "Euler": dnn.Euler(),
            "midpoint": dnn.ImplicitMidpoint(),
            "gradient": dnn.DiscreteGradient(field.invariants["cycle"]),
        }[name]
        with np.errstate(all="ignore"):  # Euler may overflow, Newton may try x < 0
            x = orbit(field, start, time / steps, steps, method)
    inside = np.logical_and.accumulate(((x > 0) & (x < 100)).all(axis=-1))
    return t[: len(x)][inside], x[inside]


@figure(
    time=Number(5, 15, "how long"),
    steps=Whole(250, 1000, "how many steps that takes"),
    rates=Several(
        Number(0.5, 2, "a rate"), 4, 4, "a, b, c, d of ẋ = x(a − by), ẏ = y(dx − c)"
    ),
    start=Several(Number(0.1, 2, "a population"), 2, 2, "prey and predators at first"),
    rtol=Number(1e-6, 1e-2, "relative tolerance of RK45"),
)
def make(
    quick=False,
    *,
    time=12.0,
    steps=300,
    rates=(2.0, 1.0, 1.0, 1.0),
    start=(0.1, 1.9),
    rtol=1e-3,
    figsize=(13.3, 6),
    labels=LABELS,
):
    I, (a, b, c, d) = systems.lotka_volterra(*rates).invariants["cycle"], rates
    looks = {
        "gradient": (0, 0.3),
        "midpoint": (2, 0.15),
        "RK45": (3, 0.15),
        "Euler": (1, 0.15),
    }
    orbits = {name: solve(name, rates, start, time, steps, rtol) for name in looks}
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    far = 1.7 * orbits["gradient"][1].max(axis=0)
    x, y = np.meshgrid(*(np.linspace(0.01, 1, 200)[:, None] * far).T)
    values = I(np.stack([x, y], axis=-1))
    levels = np.quantile(values, np.linspace(0.03, 0.97, 12))
    left.contour(x, y, values, levels, colors=shade(0), linewidths=em(0.06), zorder=0)
    lines = []
    for name, (k, width) in looks.items():
        t, x = orbits[name]
        left.plot(*x.T, **look(k, linewidth=em(width)))
        off = np.maximum.accumulate(np.abs(I(x) - I(x[0])))
        lines += right.semilogy(t[1:], np.maximum(off, 1e-17)[1:], **look(k))
    euler = orbits["Euler"][1]
    around = np.unwrap(np.angle((euler - [c / d, a / b]) @ [1, 1j]))  # the rest point
    title = "orbits" if np.ptp(around) > 2 * np.pi else "arcs"
    if not I(euler[-1]) > I(euler[0]):
        title = "rest"
    left.plot(*start, "o", color=shade(1), zorder=5, label=labels("start"))
    box = dict(frameon=True, framealpha=1, edgecolor="none", borderaxespad=0)
    left.legend(loc="upper right", fontsize="small", handlelength=1, **box)
    left.set(xlim=(0, far[0]), ylim=(0, far[1]), title=labels(title))
    left.set(xlabel=labels("x"), ylabel=labels("y"))
    right.set(xlim=(0, time), ylim=(1e-17, 100), xlabel=labels("time"))
    off = np.abs(I(orbits["gradient"][1]) - I(np.array(start))).max()
    right.set(title=labels("kept", off=power(max(off, 1e-17))), ylabel=labels("off"))
    names = [labels(name) for name in looks]
    names_at_ends(right, names, *ends_of(lines), fontsize="small")
    return fig
