"""Over a long time a symplectic method keeps the curves of a Poincaré section; a method
of higher order, at the same cost, smears them, since its energy drifts away.

Orbits of Hénon and Heiles's H = ½(p₁² + p₂² + q₁² + q₂²) + q₁²q₂ − q₂³/3, all of one
energy, each in its colour: the points (q₂, p₂) at which they cross q₁ = 0 with p₁ > 0.
They lie inside the dashed curve, where p₁ = 0. Left: Störmer–Verlet in steps of h.
Right: a Runge–Kutta method that evaluates the force as often. Source: Hénon, Heiles,
Astronomical Journal 69 (1964); Hairer, Lubich, Wanner, Geometric Numerical Integration
(2006), I.3.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from scipy.interpolate import CubicHermiteSpline

import dynsys_nn as dnn
from dynsys_nn.plotting import em, look, shade

from .drawing import Choice, Number, Whole, figure
from .four_methods import orbit

LABELS = {
    "verlet": "Störmer–Verlet, $h = <h>$:\n<drift>",
    "other": "<name>, $h = <step>$, at the same cost:\n<drift>",
    "bounded": r"energy within <change> %",
    "falls": r"energy falls by <change> %",
    "grows": r"energy grows by <change> %",
    "escapes": "energy grows, and orbits escape",
    "q": "$q_2$,  where $q_1 = 0$ and $p_1 > 0$,  until $t = <t>$",
    "p": "$p_2$",
}
#: with the number of forces in a step
METHODS = {"RK4": (dnn.RK4(), 4), "Heun": (dnn.Heun(), 2), "Euler": (dnn.Euler(), 1)}


def force(q):
    """−∇V(q)."""
    q1, q2 = q[..., 0], q[..., 1]
    return np.stack([-q1 - 2 * q1 * q2, -q2 - q1**2 + q2**2], axis=-1)


def H(x):
    """The energy of states x = (q₁, q₂, p₁, p₂)."""
    q1, q2 = x[..., 0], x[..., 1]
    return (x * x).sum(axis=-1) / 2 + q1**2 * q2 - q2**3 / 3


HENON_HEILES = dnn.PartitionedField(
    dnn.KnownField(np.positive, 2, gradient=True),
    dnn.KnownField(force, 2, gradient=True),
)


def boundary(E, n=400):
    """q₂ and the p₂ ≥ 0 at which the energy is E with q₁ = p₁ = 0."""
    least, most = np.sort(np.roots([-1 / 3, 1 / 2, 0, -E]).real)[:2]
    q = (least + most - (most - least) * np.cos(np.linspace(0, np.pi, n))) / 2
    return q, np.sqrt(np.maximum(2 * E - q**2 + 2 / 3 * q**3, 0))


def starts(E, n):
    """n states of energy E with q₁ = 0, most with p₂ = 0, some with q₂ = 0."""
    q, p = boundary(E)
    on_p = n // 4
    q = q[0] + (q[-1] - q[0]) * (np.arange(n - on_p) + 0.5) / (n - on_p)
    p = np.sqrt(2 * E) * np.linspace(0.3, 0.45, on_p) * (-1) ** np.arange(on_p)
    x = np.zeros((n, 4))
    x[: n - on_p, 1], x[n - on_p :, 3] = q, p
    x[:, 2] = np.sqrt(2 * (E - H(x)))
    return x


@cache
def solve(method, E, n, h, time):
    """The states of n orbits, each until it leaves {‖x‖ < 2}."""
    with np.errstate(over="ignore", invalid="ignore"):  # those that escape
        x = orbit(HENON_HEILES, starts(E, n), h, round(time / h), method)
        inside = np.logical_and.accumulate((x * x).sum(axis=-1) < 4, axis=-1)
    return [y[k] for y, k in zip(x, inside, strict=True)]


def section(x, h):
    """(q₂, p₂) where the cubic that fits states and slopes has q₁ = 0 and p₁ > 0."""
    t, slopes = h * np.arange(len(x)), HENON_HEILES(x)
    crossings = CubicHermiteSpline(t, x[:, 0], slopes[:, 0]).roots(extrapolate=False)
    x = CubicHermiteSpline(t, x, slopes)(crossings)
    return x[x[:, 2] > 0][:, [1, 3]]


def describe(orbits, n, labels):
    """In words, what becomes of the energy."""
    if min(map(len, orbits)) < n:
        return labels("escapes")
    change = np.array([H(x) / H(x[0]) - 1 for x in orbits])
    worst = np.abs(change).max()
    last = change[:, -1].mean()
    what = "bounded" if abs(last) < worst / 2 else "falls" if last < 0 else "grows"
    shown = worst if what == "bounded" else abs(last)
    return labels(what, change=f"{float(f'{100 * shown:.2g}'):g}")


@figure(
    energy=Number(0.02, 0.16, "of all orbits; from 1/6 on they escape"),
    h=Number(0.05, 0.2, "the step of Störmer–Verlet"),
    time=Number(200, 4000, "how long"),
    orbits=Whole(4, 24, "how many orbits"),
    method=Choice(METHODS, "the method on the right"),
)
def make(
    quick=False,
    *,
    energy=1 / 12,
    h=0.1,
    time=2500.0,
    orbits=12,
    method="RK4",
    figsize=(13.3, 7.4),
    labels=LABELS,
):
    time = min(time, 200) if quick else time
    other, forces = METHODS[method]
    methods = {"verlet": (dnn.StormerVerlet(), h), "other": (other, forces * h)}
    fig, axes = plt.subplots(1, 2, figsize=figsize, sharex=True, sharey=True)
    q, p = boundary(energy)
    dashed = dict(color=shade(0.6), linestyle="--", linewidth=em(0.08))
    dots = dict(linestyle="", marker=".", markersize=em(0.25), markeredgewidth=0)
    for ax, (name, (way, step)) in zip(axes, methods.items(), strict=True):
        found = solve(way, energy, orbits, step, time)
        ax.plot(np.append(q, q[::-1]), np.append(p, -p[::-1]), **dashed)
        for k, x in enumerate(found):
            ax.plot(*section(x, step).T, **look(k, **dots))
        what = describe(found, round(time / step) + 1, labels)
        ax.set_title(labels(name, h=h, name=method, step=step, drift=what))
        ax.set(aspect="equal", xlabel=labels("q", t=time))
        ax.locator_params(nbins=6)
        ax.set(xlim=1.1 * q[[0, -1]], ylim=(-1.1 * p.max(), 1.1 * p.max()))
    axes[0].set_ylabel(labels("p"))
    return fig
