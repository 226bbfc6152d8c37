"""One oscillator, four methods: explicit Euler gains energy, implicit Euler loses it,
an adaptive method drifts, and only the implicit midpoint rule keeps it.

Above: what each method makes of the circle (dashed). Below: the position, and the
energy as a multiple of the first one, E = (q² + p²)/2. A step of an Euler method
multiplies it by 1 + h² or 1/(1 + h²), and one of the midpoint rule by 1. Source:
Hairer, Lubich, Wanner, Geometric Numerical Integration (2006), I.1.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from scipy.integrate import solve_ivp

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Choice, Number, Whole, figure, power
from .drawing.places import ends_of, names_at_ends

LABELS = {
    "title": "<name>\n<energy>",
    "explicit": "explicit Euler",
    "implicit": "implicit Euler",
    "RK45": "RK45, tolerance <rtol>",
    "RK4": "RK4",
    "midpoint": "implicit midpoint",
    "explicit, short": "explicit",
    "implicit, short": "implicit",
    "RK45, short": "RK45",
    "RK4, short": "RK4",
    "midpoint, short": "midpoint",
    "factor": r"energy $\times\;<factor>$",
    "nearly": r"energy $\times\;(1 <sign> <change>)$",
    "kept": r"energy kept to $<change>$",
    "q": "$q$",
    "p": "$p$",
    "time": "time $t$",
    "position": "position $q$",
    "steps": "<steps> steps of $h = <h>$",
    "energy": r"energy $E/E_0$",
    "factors": r"an Euler step: energy $\times\;(1 + h^2)^{\pm 1}$",
}


def orbit(field, x0, h, steps, method):
    """x_0, …, x_n, shape (..., n + 1, d)."""
    rollout = dnn.Rollout(dnn.Flow(field, h, method), steps)
    return np.concatenate([x0[..., None, :], rollout(x0)], axis=-2)


def adaptive(field, x0, t, rtol):
    """The same, at times t, by scipy's RK45 with steps of its own."""
    return solve_ivp(field.rhs, (0, t[-1]), x0, t_eval=t, rtol=rtol).y.T


METHODS = {
    "explicit": dnn.Euler(),
    "implicit": dnn.ImplicitEuler(),
    "RK4": dnn.RK4(),
    "midpoint": dnn.ImplicitMidpoint(),
}


@cache
def solve(name, time, steps, rtol):
    """The times, and the states (q, p) of one method."""
    field, t = systems.harmonic_oscillator(), np.linspace(0, time, steps + 1)
    if name == "RK45":
        return t, adaptive(field, field.x0, t, rtol)
    return t, orbit(field, field.x0, time / steps, steps, METHODS[name])


def change_of(energy, labels):
    """In words, by what the last energy differs from the first."""
    factor = energy[-1] / energy[0]
    worst = np.abs(energy / energy[0] - 1).max()
    if worst < 1e-10:
        return labels("kept", change=power(worst))
    if abs(factor - 1) < 1e-3:
        sign = "+" if factor > 1 else "-"
        return labels("nearly", sign=sign, change=power(abs(factor - 1)))
    shown = f"{factor:.4g}" if 1e-3 < factor < 1e4 else power(factor)
    return labels("factor", factor=shown)


@figure(
    time=Number(10, 100, "how long"),
    steps=Whole(400, 4000, "how many steps that takes"),
    third=Choice(("RK45", "RK4"), "the third method: adaptive, or in equal steps"),
    rtol=Number(1e-4, 1e-1, "relative tolerance of RK45"),
)
def make(
    quick=False,
    *,
    time=40.0,
    steps=999,
    third="RK45",
    rtol=1e-2,
    figsize=(13.3, 7.4),
    labels=LABELS,
):
    H = systems.harmonic_oscillator().invariants["energy"]
    names = ("explicit", "implicit", third, "midpoint")
    orbits = [solve(name, time, steps, rtol) for name in names]
    reach = 1.1 * min(max(np.abs(x).max() for _, x in orbits), 2.5)
    angle = np.linspace(0, 2 * np.pi, 181)
    dashed = dict(color=shade(1), linestyle=(0, (4, 3)), linewidth=em(0.1))
    fig = plt.figure(figsize=figsize)
    above, below = fig.subfigures(2, 1, height_ratios=(1.45, 1))
    axes, (position, energy) = above.subplots(1, 4, sharey=True), below.subplots(1, 2)
    lines = []
    for ax, name, k, (t, x) in zip(axes, names, (1, 0, 3, 2), orbits, strict=True):
        thin = look(k, linewidth=em(0.12))
        ax.plot(*x.T, **{**thin, "linestyle": "-"})
        ax.plot(np.cos(angle), np.sin(angle), **dashed)
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        ax.set(xlabel=labels("q"), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        words = dict(name=labels(name, rtol=rtol), energy=change_of(H(x), labels))
        ax.set_title(labels("title", **words), color=thin["color"])
        position.plot(t, x[:, 0], **thin)
        lines += energy.semilogy(t, H(x) / H(x[0]), **look(k))
    axes[0].set_ylabel(labels("p"))
    for ax, title in ((position, "steps"), (energy, "factors")):
        ax.set(title=labels(title, steps=steps, h=time / steps))
        ax.set(xlabel=labels("time"), xlim=(0, time))
    position.set(ylabel=labels("position"), ylim=(-reach, reach))
    energy.set_ylabel(labels("energy"))
    decades = np.ptp(np.log10(energy.get_ylim()))
    if decades < 2.5:
        digits = (1, 2, 5) if decades > 1 else (1, 1.5, 2, 3, 5, 7)
        few = LogLocator(subs=digits)
        if decades < 0.4:
            few = MaxNLocator(5, steps=(1, 2, 5, 10))  # 1 is among these, too
        energy.yaxis.set_major_locator(few)
        energy.yaxis.set_major_formatter("{x:.4g}")
        energy.yaxis.set_minor_locator(NullLocator())
    short = [labels(f"{name}, short") for name in names]
    names_at_ends(energy, short, *ends_of(lines), 0.13, fontsize="small")
    return fig
