"""The pendulum in steps of a method: its states, and how far its energy is off."""

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.plotting import em, shade

from ..drawing import Words

MOST = 100
METHODS = {
    "Störmer–Verlet": dnn.StormerVerlet,
    "sympl. Euler": dnn.SymplecticEuler,
    "Euler": dnn.Euler,
    "RK4": dnn.RK4,
}
CONTROLS = {
    "method": tuple(METHODS),
    "step": (0.05, 0.8, 0.5),
    "angle": (0.3, 2.5, 1.5),
    "steps": (20, MOST, MOST),
}
LABELS = {
    "plane": "the states, and the true orbit",
    "q": "angle $q$ (radians)",
    "p": "momentum $p$",
    "energy": "largest energy error so far",
    "n": "steps",
    "says": "energy at most <most:.1e> off, <first:.1e> in the first <n> steps; "
    "<method> is <what>",
    "symplectic": "symplectic",
    "other": "not symplectic",
}


def start(fig, labels=Words(LABELS)):
    left, right = fig.subplots(1, 2)
    pendulum = systems.pendulum()
    H = pendulum.invariants["energy"]
    q, p = np.meshgrid(np.linspace(-np.pi, np.pi, 200), np.linspace(-5.2, 5.2, 200))
    levels = [-0.95, -0.7, -0.3, 0.2, 0.7, 1, 1.5, 2.5, 4, 6, 8.5, 11.5]
    thin = dict(colors=shade(), linewidths=em(0.06), linestyles="solid", zorder=0)
    left.contour(q, p, H(np.stack([q, p], axis=-1)), levels, **thin)
    left.set(xlim=(-np.pi, np.pi), ylim=(-5.2, 5.2), title=labels["plane"])
    left.set(xlabel=labels["q"], ylabel=labels["p"])
    [orbit] = left.plot([], [], color=shade(0.7), linewidth=em(0.12), zorder=3)
    dots = dict(linestyle="", marker="o", markersize=em(0.35), zorder=4)
    [states] = left.plot([], [], color="C1", **dots)
    [errors] = right.semilogy([1], [1.0], color="C1", zorder=3)
    right.set(xlim=(0, MOST), ylim=(1e-12, 1e2), xlabel=labels["n"])
    right.set(title=labels["energy"])
    way = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 60))

    def update(method, step, angle, steps):
        x = np.array([angle, 0.0])
        flow = dnn.Flow(pendulum, step, METHODS[method]())
        y = dnn.Rollout(flow, steps)(x)
        so_far = np.maximum.accumulate(np.abs(H(y) - H(x)))
        height = np.sqrt(2 * np.maximum(np.cos(angle * way) - np.cos(angle), 0))
        there = angle * np.concatenate([way, way[::-1]])
        orbit.set_data(there, np.concatenate([height, -height[::-1]]))
        states.set_data((y[:, 0] + np.pi) % (2 * np.pi) - np.pi, y[:, 1])
        errors.set_data(np.arange(1, steps + 1), so_far)
        symplectic = "symplectic" in flow.keeps
        for artist in (states, errors):
            artist.set_color("C0" if symplectic else "C1")
        what = labels["symplectic" if symplectic else "other"]
        values = dict(most=so_far[-1], first=so_far[9], n=10)
        return labels("says", method=method, what=what, **values)

    return update
