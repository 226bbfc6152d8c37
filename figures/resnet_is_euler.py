"""More layers with smaller steps follow the flow more closely: Euler's method.

Left: one and the same tanh field, ẋ = BΣ(Ax + b), whose exact flow is drawn in black; n
residual layers x + (T/n)BΣ(Ax + b) reach the same time T. Right: the distance to the
exact solution falls like 1/n, the order of Euler's method.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

T, x0 = 5.0, np.array([1.6, 0.0])


def make(quick=False):
    turn = dnn.Dense(2, 2, W=[[0.0, 1.0], [-1.0, 0.0]])
    X = dnn.ResidualField(dnn.Dense(2, 2, W=[[1.0, 0.3], [0.0, 1.4]]), dnn.Tanh(), turn)
    fig, (left, right) = plt.subplots(1, 2)

    limits = (-2.9, 2.9), (-3.1, 1.9)
    plotting.phase_portrait(X, *limits, ax=left, density=0.7, color="0.8")
    for n, colour in ((8, "C1"), (16, "C4"), (64, "C0")):
        states = dnn.Rollout(dnn.Flow(X, T / n), n)(x0)
        look = dict(color=colour, marker="o", markersize=6 if n < 64 else 3)
        polygon = np.vstack([x0, states])
        plotting.trajectories(polygon, ax=left, label=f"{n} layers", **look)
    curve = dnn.exact_flow(X, x0, np.linspace(0, T, 200))
    plotting.trajectories(curve, ax=left, color="black", label="exact flow")
    left.plot(*x0, "ks", markersize=10)
    left.annotate("$x_0$", x0, (12, -18), textcoords="offset points", fontsize=20)
    left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    left.set(xlim=limits[0], ylim=limits[1])
    left.set_title(f"states of the layers, $h = T/n$, $T = {T:g}$")
    box = dict(frameon=True, framealpha=1, edgecolor="none", borderaxespad=0.1)
    left.legend(loc="lower center", ncols=2, **box)

    depths = 2 ** np.arange(3, 9 if quick else 13)
    exact = dnn.exact_flow(X, x0, T)
    flows = [dnn.Flow(X, T / n, steps=n) for n in depths]
    errors = [np.linalg.norm(flow(x0) - exact) for flow in flows]
    plotting.convergence(depths, errors, order=-1, ax=right, color="C0")
    right.set(xlabel="number of layers $n$", ylabel=r"error $\|x_n - \varphi^T(x_0)\|$")
    right.set(title="twice the layers, half the error")
    place = (depths[-3], errors[-3])
    right.annotate("slope −1", place, (12, 12), textcoords="offset points", color="C0")
    return fig
