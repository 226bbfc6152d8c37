"""The learned epidemic lies on the true one, and nobody gets lost: the total stays 1.

The susceptible are infected at the rate β, the infected removed at the rate γ, so that
the first patient infects R₀ = β/γ others. A network of four mass-preserving Euler
steps learns the map over a quarter of a day from 1000 pairs on the simplex, and is
iterated 4000 times. Left: the epidemic. Right: how far the total is from 1. In the
network's fields, ẏ = (M − Mᵀ)1, what leaves one part enters another. Source:
arXiv:2210.02373.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting import em, look, shade

from .drawing import Number, Whole, at_most, figure
from .drawing.places import names_at_ends

H, STEPS = 0.25, 4000

LABELS = {
    "peak": r"$R_0 = \beta/\gamma = <R0:.3g>$: "
    "<most:.0f> % are infected on day <day:.0f>",
    "rising": r"$R_0 = \beta/\gamma = <R0:.3g>$: the infected still rise",
    "falling": r"$R_0 = \beta/\gamma = <R0:.3g>$: the infected only fall",
    "gap": "the learned one is at most $<gap>$ off",
    "time": "time $t$ (days)",
    "fraction": "fraction of the population",
    "susceptible": "susceptible",
    "infected": "infected",
    "removed": "removed",
    "true": "true flow",
    "learned": "learned",
    "total": "the total is off by less than $<bound>$\nin <steps> learned steps",
    "off": r"$|1^\top y(t) - 1|$",
    "roundings": "<steps> roundings",
}


def sir(beta, gamma):
    """ṡ = −βsi, i̇ = βsi − γi, ṙ = γi: the total is kept."""

    def rates(y):
        s, i, _ = np.moveaxis(y, -1, 0)
        return np.stack([-beta * s * i, beta * s * i - gamma * i, gamma * i], axis=-1)

    return dnn.KnownField(rates, 3, keeps={"mass"})


def network(rng, width=16, layers=4):
    """Four Euler steps of ẏ = (M − Mᵀ)1, vec M = Cσ(Ay + b), h/4 each."""
    fields = [dnn.MassPreservingField.random(3, width, rng=rng) for _ in range(layers)]
    for X in fields:
        X.b = rng.normal(size=width)
    return dnn.Network(*[dnn.Flow(X, H / layers) for X in fields])


@cache
def train(beta=0.3, gamma=0.1, seed=0, epochs=1000, pairs=1000):
    """The network, trained on pairs of the simplex, many of them with few infected."""
    rng = np.random.default_rng(seed)
    y = rng.dirichlet([0.7, 0.2, 0.7], pairs)
    net = network(rng)
    y_next = dnn.exact_flow(sir(beta, gamma), y, H)
    dnn.fit(net, dnn.MeanSquaredError(), y, y_next, dnn.LBFGS(), epochs)
    return net


@figure(
    beta=Number(0.05, 0.6, "β, infections a day"),
    gamma=Number(0.05, 0.3, "γ, removals a day"),
    infected=Number(0.005, 0.2, "the fraction that is infected at first"),
    days=Number(50, 400, "of the epidemic that are shown"),
    seed=Whole(0, 99, "of the pairs, and of the first parameters"),
)
def make(
    quick=False, *, beta=0.3, gamma=0.1, infected=0.01, days=120.0, seed=0,
    figsize=(13.3, 5.4), labels=LABELS,
):  # fmt: skip
    net = train(beta, gamma, seed, *((150, 300) if quick else ()))
    y0, t = np.array([1 - infected, infected, 0.0]), H * np.arange(STEPS + 1)
    states = np.concatenate([y0[None], dnn.Rollout(net, STEPS)(y0)])
    shown = t <= days
    truth = dnn.exact_flow(sir(beta, gamma), y0, t[shown])
    gap = np.abs(states[shown] - truth).max()

    peak, R0 = truth[:, 1].argmax(), beta / gamma
    says = "falling" if peak == 0 else "rising" if peak == len(truth) - 1 else "peak"
    values = dict(R0=R0, most=100 * truth[peak, 1], day=t[peak])

    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    dots = slice(0, len(truth), max(1, len(truth) // 25))
    colours = [look(k)["color"] for k in range(3)]
    for k, colour in enumerate(colours):
        left.plot(t[shown], truth[:, k], color=shade(0.6), linewidth=em(0.1))
        dotted = dict(color=colour, marker="os^"[k], markersize=em(0.45), linestyle="")
        left.plot(t[dots], states[dots, k], **dotted)
    left.lines[0].set_label(labels("true"))
    left.lines[1].set_label(labels("learned"))
    left.legend(loc="best")
    left.set(xlabel=labels("time"), ylabel=labels("fraction"), ylim=(-0.04, 1.04))
    left.set_xlim(-0.02 * t[shown][-1], 1.02 * t[shown][-1])
    names = [labels(name) for name in ("susceptible", "infected", "removed")]
    names_at_ends(left, names, truth[-1], colours)
    left.set_title("\n".join([labels(says, **values), labels("gap", gap=at_most(gap))]))

    plotting.invariant_drift(
        dnn.Mass(), states, t, right, color="C0", linewidth=em(0.06)
    )
    worst = np.abs(states.sum(axis=-1) - 1).max()
    bound = f"10^{{{np.floor(np.log10(worst)) + 1:.0f}}}"
    rounding = STEPS * np.finfo(float).eps
    if worst < rounding:
        right.axhline(rounding, color=shade(0.5), linewidth=em(0.07), linestyle="--")
        above = dict(textcoords="offset points", color=shade(0.7), va="bottom")
        place = (0, rounding), (em(0.4), em(0.3))
        right.annotate(labels("roundings", steps=STEPS), *place, **above)
    right.set(xlabel=labels("time"), ylabel=labels("off"), xlim=(0, t[-1]))
    right.set(ylim=(2e-17, max(1e-10, 10 * worst)))
    right.set_title(labels("total", bound=bound, steps=STEPS))
    return fig
