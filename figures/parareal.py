"""Parareal: after k iterations the first k intervals are the fine solver's, and with a
learned coarse solver a few iterations bring all others near.

An epidemic at the ends of intervals of three days. Iteration 0 is the coarse solver G
alone, an Euler step of a network that keeps s + i + r, trained on values of F.
Then xⁱ⁺¹ₖ₊₁ = F(xⁱₖ) + G(xⁱ⁺¹ₖ) − G(xⁱₖ), where the values of the fine solver F, 15
steps of RK4, cost most and do not wait for each other: m iterations take as long as m
of them, not n. Left: G alone, and one iteration. Right: how far each iterate is from
Fᵏ(x₀); 10⁻¹⁷ stands for 0, and 10 for all that is more. Source: Lions, Maday, Turinici,
C. R. Acad. Sci. Paris 332 (2001).
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.plotting import em, look, shade

from .drawing import Number, Whole, at_most, figure
from .drawing.places import ends_of, names_at_ends

H, STEPS = 3.0, 15  # days, and steps of the fine solver, in an interval

LABELS = {
    "near": "<m> fine solves in a row, not <n>: at most $<off>$ off,",
    "far": "<m> fine solves in a row, not <n>: still far off,",
    "exact": "the first <m> intervals are the fine solver's",
    "coarse error": "the learned coarse solver is $<off>$ off;",
    "mass": r"all iterates keep $s + i + r$ to $<gap>$",
    "away": "from such a coarse solver\niterates run away",
    "time": "time $t$ (days)",
    "infected": "infected fraction $i$",
    "fine": "fine solver",
    "coarse": "learned coarse solver",
    "iterate": "iteration <k>",
    "interval": "interval",
    "off": "distance from the fine solver",
}


def solver(beta, gamma):
    """F, over an interval."""
    return dnn.Flow(systems.sir(beta, gamma), H / STEPS, dnn.RK4(), steps=STEPS)


@cache
def train(beta, gamma, seed, epochs, pairs):
    """G, which has learned F from states of the simplex, many with few infected."""
    rng = np.random.default_rng(seed)
    G = dnn.Flow(dnn.MassPreservingField.random(3, 16, bias=1.0, rng=rng), H)
    x = rng.dirichlet([0.7, 0.2, 0.7], pairs)
    y = solver(beta, gamma)(x)
    dnn.fit(G, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs)
    return G


def distances(iterates, right):
    """The largest of the three errors, iteration by interval: 10⁻¹⁷ stands for 0, and
    10 for all that is more, or not finite."""
    off = np.abs(iterates - right).max(axis=-1)
    return np.maximum(np.fmin(off, 10), 1e-17)


@figure(
    intervals=Whole(10, 40, "of three days"),
    iterations=Whole(2, 6, "after the coarse solver alone"),
    beta=Number(0.2, 0.4, "β, infections a day"),
    gamma=Number(0.08, 0.2, "γ, removals a day"),
    infected=Number(0.005, 0.1, "the fraction that is infected at first"),
    seed=Whole(0, 99, "of the states it learns from, and of the first parameters"),
)
def make(
    quick=False, *, intervals=24, iterations=4, beta=0.3, gamma=0.1, infected=0.01,
    seed=5, figsize=(13.3, 5.8), labels=LABELS,
):  # fmt: skip
    G = train(beta, gamma, seed, *((150, 150) if quick else (300, 500)))
    F, x0 = solver(beta, gamma), np.array([1 - infected, infected, 0.0])
    right = np.concatenate([x0[None], dnn.Rollout(F, intervals)(x0)])
    with np.errstate(over="ignore", invalid="ignore"):  # of what runs away
        iterates = dnn.parareal(G, F, x0, intervals, iterations)
        off = distances(iterates, right)

    fig, (left, errors) = plt.subplots(1, 2, figsize=figsize)
    n = np.arange(intervals + 1)
    fine = dict(color=shade(0.5), linewidth=em(0.35), solid_capstyle="round")
    left.plot(H * n, right[:, 1], **fine, label=labels("fine"))
    marks = dict(marker="o", markersize=em(0.32), linewidth=em(0.1))
    names = [labels("iterate", k=k) for k in range(iterations + 1)]
    for k, name in enumerate([labels("coarse"), names[1]]):
        i = np.clip(iterates[k, :, 1], -10, 10)
        left.plot(H * n, i, **look(k, **marks), label=name)
    left.legend(loc="best")
    top = 1.35 * right[:, 1].max()
    left.set(xlabel=labels("time"), ylabel=labels("infected"), ylim=(-0.05 * top, top))
    left.set_title(about_the_coarse(labels, iterates, off))

    for k, distance in enumerate(off):
        errors.semilogy(n, distance, **look(k, **marks))
    errors.set(xlabel=labels("interval"), ylabel=labels("off"), xlim=(0, intervals))
    errors.set_ylim(3e-18, 10)
    names_at_ends(errors, names, *ends_of(errors.lines), gap=0.06, fontsize="small")
    worst = off[-1].max()
    says = dict(m=iterations, n=intervals, off=at_most(worst))
    near = labels("near" if worst < 0.1 else "far", **says)
    errors.set_title(near + "\n" + labels("exact", m=iterations))
    return fig


def about_the_coarse(labels, iterates, off):
    """How far it is off alone, and what is kept, if no iterate runs away."""
    if off.max() == 10:
        return labels("away")
    gap = max(np.abs(iterates.sum(axis=-1) - 1).max(), 1e-16)
    coarse = labels("coarse error", off=at_most(off[0].max()))
    return coarse + "\n" + labels("mass", gap=at_most(gap))
