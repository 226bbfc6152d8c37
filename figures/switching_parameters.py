"""A network is an ODE whose θ(t) is piecewise constant on t₀ < t₁ < … < t_M.

A network that separates two moons, with learned parameters and learned steps h_i =
t_{i+1} − t_i. Top: some of its parameters as functions of time; they switch at the t_i.
Bottom: the states of a few data points, which turn a corner at each switch and end on
their class's side.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn


def train(quick=False, layers=6):
    """Euler flows with learned steps, fitted to two moons; points and labels."""
    rng = np.random.default_rng(3)
    x, y = dnn.datasets.moons(300, noise=0.08, rng=rng)
    matrices = [dnn.Dense(3, 3, rng=rng) for _ in range(layers)]
    fields = [dnn.ResidualField(A, dnn.Tanh()) for A in matrices]
    flows = [dnn.Flow(X, 0.8, learn_h=True) for X in fields]
    net = dnn.Network(dnn.Lift(3, 2), *flows, dnn.Affine(2, 3, rng=rng))
    epochs = 50 if quick else 300
    dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, dnn.Adam(1e-2), epochs)
    return net, x, y


def make(quick=False):
    net, x, y = train(quick)
    flows = net.maps[1:-1]
    t = np.concatenate([[0], np.cumsum([F.h for F in flows])])
    sizes = dict(figsize=(12, 7), height_ratios=(1, 1.2))
    fig, (top, bottom) = plt.subplots(2, 1, sharex=True, **sizes)

    drawn = ("A", (0, 0), "C0"), ("A", (1, 2), "C1"), ("b", (2,), "C2")
    for name, entry, colour in drawn:
        values = [F.parameters[name][entry] for F in flows]
        index = "".join(str(k + 1) for k in entry)
        label = f"${name}_{{{index}}}(t)$"
        top.hlines(values, t[:-1], t[1:], color=colour, linewidth=5, label=label)
        dotted = dict(linewidth=1, linestyle=":")
        top.vlines(t[1:-1], values[:-1], values[1:], color=colour, **dotted)
    formula = r"$\dot x = \Sigma(A(t)x + b(t))$"
    top.set(ylabel=r"parameters $\theta(t)$")
    top.set(title=f"{formula}: the parameters switch, the state goes on")
    top.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    last, shown = net.maps[-1], net.states(x[:40])[1:-1]
    w, c = last.W[1] - last.W[0], last.b[1] - last.b[0]  # towards class 1
    distance = np.array([(x_k @ w + c) / np.linalg.norm(w) for x_k in shown])
    thin = dict(linewidth=1.2, marker=".", markersize=7, alpha=0.8)
    for label, colour, name in ((0, "C0", "class 0"), (1, "C1", "class 1")):
        lines = bottom.plot(t, distance[:, y[:40] == label], color=colour, **thin)
        lines[0].set_label(name)
    bottom.axhline(0, color="black", linewidth=1.5, linestyle="--")
    bottom.set(xlabel="time $t$ (depth of the network)")
    bottom.set(ylabel="distance to the\ndecision plane")
    bottom.set_xticks(t, [f"$t_{k}$" for k in range(len(t))])
    bottom.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    for ax in (top, bottom):
        for t_k in t:
            ax.axvline(t_k, color="0.85", linewidth=1, zorder=0)
    return fig
