"""From pairs of states a Hamiltonian network finds the potential, where there are data.

Trained on pairs (x, φ^0.4(x)) of q̈ = −V′(q), a few Störmer–Verlet steps of (q̇, ṗ) =
(T′(p), −V′(q)) learn T and V, each a sum of 20 functions αγ(az + b). Left: a solution
and, as dots, what the network makes of its start. Right: the true potential and the
learned one, whose constant no solution tells: both have the mean 0 where the data
start. Beyond, it may be anything. With one or two steps between the states of a pair it
is the potential of the steps, which differs: they are not exact.

Source: Greydanus, Dzamba, Yosinski, Hamiltonian neural networks, NeurIPS 2019,
arXiv:1906.01563.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em

from .drawing import Choice, Number, Whole, figure, power

LABELS = {
    "pendulum": "pendulum",
    "oscillator": "harmonic oscillator",
    "double_well": "double well",
    "solution": "the <name>, learned:\n"
    "up to $t = <end>$, $q$ is off by $<error>$, the energy by $<energy>$",
    "t": "time $t$",
    "q(t)": "$q(t)$",
    "potential": "its potential, from <pairs> pairs of states:\n"
    "off by $<error>$ where there are data",
    "q": "$q$",
    "V(q)": "$V(q)$",
    "true": "true",
    "learned": "learned",
    "data": "data",
}
#: V and V′
SYSTEMS = {
    "pendulum": (lambda q: -np.cos(q), np.sin),
    "oscillator": (lambda q: q**2 / 2, lambda q: q),
    "double_well": (lambda q: q**4 / 4 - q**2 / 2, lambda q: q**3 - q),
}
#: the time between the states of a pair
PAUSE = 0.4


def true_system(system):
    """q̈ = −V′(q) as a field in (q, p)."""
    _, slope = SYSTEMS[system]
    q_dot, p_dot = (dnn.KnownField(f, 1) for f in (lambda p: p, lambda q: -slope(q)))
    return dnn.PartitionedField(q_dot, p_dot)


def seen(system, reach, pairs, noise, seed):
    """Pairs (x, φ^0.4(x) + noise), no more energetic than V is on [−reach, reach]."""
    rng, (V, _) = np.random.default_rng(seed), SYSTEMS[system]
    q, u = rng.uniform(-1, 1, (2, pairs)) * [[reach], [1]]
    most = V(np.linspace(-reach, reach, 201)).max()
    x = np.stack([q, u * np.sqrt(2 * np.maximum(most - V(q), 0))], axis=-1)
    y = dnn.exact_flow(true_system(system), x, PAUSE)
    return x, y + noise * rng.normal(size=y.shape)


@cache
def train(system, reach, pairs, noise, steps, seed, epochs):
    """A network that has seen these pairs."""
    rng = np.random.default_rng(seed)
    X = dnn.PartitionedField.random(2, 20, gradient=True, alpha=0.1, bias=1.0, rng=rng)
    net = dnn.Network(dnn.Flow(X, PAUSE / steps, dnn.StormerVerlet(), steps))
    x, y = seen(system, reach, pairs, noise, seed)
    dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs)
    return net


def one_digit(value):
    """600, 0.005 or 4·10⁻⁵, for a formula."""
    rounded = float(f"{value:.1g}")
    return power(rounded) if rounded < 1e-4 else f"{rounded:g}"


@figure(
    system=Choice(SYSTEMS, "the system that is learned"),
    reach=Number(1, 3, "the data start from |q| up to it"),
    pairs=Whole(50, 2000, "the number of pairs of states"),
    noise=Number(0, 0.1, "standard deviation of the error of the second states"),
    steps=Whole(1, 8, "the network's steps between the states of a pair"),
    seed=Whole(0, 99, "of the data and of the parameters at first"),
)
def make(
    quick=False, *, system="pendulum", reach=2.0, pairs=1000, noise=0.0, steps=4,
    seed=0, figsize=(13.3, 5.9), labels=LABELS,
):  # fmt: skip
    net = train(system, reach, pairs, noise, steps, seed, 50 if quick else 400)
    fig, axes = plt.subplots(1, 2, figsize=figsize, width_ratios=(1.2, 1))
    name = labels(system)
    q0 = max(0.4 * reach, 0.8 * reach, key=SYSTEMS[system][0])  # not in a well
    error, drift, end = draw_solution(axes[0], net, system, q0)
    said = dict(name=name, end=f"{end:.0f}", error=one_digit(error))
    axes[0].set_title(labels("solution", energy=one_digit(drift), **said))
    x, y = seen(system, reach, pairs, noise, seed)
    span = np.concatenate([x, y])[:, 0].min(), np.concatenate([x, y])[:, 0].max()
    error = draw_potentials(axes[1], net, system, reach, span, labels)
    axes[1].set_title(labels("potential", pairs=pairs, error=one_digit(error)))
    axes[0].set(xlabel=labels("t"), ylabel=labels("q(t)"))
    axes[1].set(xlabel=labels("q"), ylabel=labels("V(q)"))
    return fig


def draw_solution(ax, net, system, q0, n=150):
    """The solution from (q₀, 0), and what the network makes of it; returns the largest
    errors of q and of the energy, and the last time."""
    X, x0 = true_system(system), np.array([q0, 0.0])
    t, found = PAUSE * np.arange(1, n + 1), dnn.Rollout(net, n)(x0)
    between = np.linspace(0, t[-1], 10 * n + 1)
    true = dnn.exact_flow(X, x0, between)
    ax.plot(between, true[:, 0], "-", color="C0")
    ax.plot(t, found[:, 0], "o", color="C1", markersize=em(0.35))
    q, p = found.T
    V, _ = SYSTEMS[system]
    drift = np.abs(p**2 / 2 + V(q) - V(q0)).max()
    return np.abs(q - true[10::10, 0]).max(), drift, t[-1]


def draw_potentials(ax, net, system, reach, span, labels):
    """V and the learned one, with the mean 0 on [−reach, reach]; returns their largest
    difference there."""
    q = np.linspace(-2.6 * reach, 2.6 * reach, 601)
    V, inside = SYSTEMS[system][0], np.abs(q) <= reach
    curves = [V(q), net[0].field.g.potential(q[:, None])]
    true, found = (curve - curve[inside].mean() for curve in curves)
    low, high = true[inside].min(), true[inside].max()
    unit = high - low
    ax.plot(q, true, "-", color="C0", linewidth=em(0.4), label=labels("true"))
    ax.plot(q, found, "--", color="C1", label=labels("learned"))
    floor = low - 0.25 * unit
    ax.hlines(floor, *span, color="C2", linewidth=em(0.4))
    text = dict(ha="center", va="bottom", textcoords="offset points")
    ax.annotate(labels("data"), (np.mean(span), floor), (0, em(0.3)), **text)
    top = high + 0.9 * unit
    ax.set(xlim=q[true <= top][[0, -1]], ylim=(low - 0.35 * unit, top))
    ax.legend(loc="upper center")
    return np.abs(true - found)[inside].max()
