"""The Taylor remainder falls with slope 2: the gradient is right; with one mistake, 1.

J(ε) = ⟨w, F(x + εv; θ + εu)⟩ for a network F of one-step flows. Drawn is what is left
of it after the first two terms of its Taylor series, J(0) + ε⟨∇J, (v, u)⟩, with ∇J from
a pullback written by hand: once without, and once with a mistake in one of its lines.
The slopes are measured, at the smallest ε whose remainder is more than rounding.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, plotting
from dynsys_nn.plotting import em, look

from .drawing import Choice, Whole, figure

D, H = 6, 0.3
MISTAKES = "mean", "sign", "transpose", "slope", "bias"
METHODS = {
    "Euler": dnn.Euler(),
    "Heun": dnn.Heun(),
    "Ralston": dnn.Ralston(),
    "RK4": dnn.RK4(),
}
LABELS = {
    "title": r"a right gradient leaves $O(\varepsilon^2)$,"
    r" a wrong one $O(\varepsilon)$",
    "epsilon": r"$\varepsilon$",
    "R": r"the Taylor remainder $R(\varepsilon)$",
    "remainder": r"$R(\varepsilon) = |\,J(\varepsilon) - J(0)"
    r" - \varepsilon\,\langle\nabla J, (v, u)\rangle\,|$",
    "J": r"$J(\varepsilon) = \langle w,\,"
    r" F(x + \varepsilon v;\,\theta + \varepsilon u)\rangle$",
    "F": r"$F$ by <method>; steps: <steps>, samples: <batch>",
    "right": "the adjoint:\nslope <order:.2f>",
    "wrong": "<what>:\nslope <order:.2f>",
    "mean": "a mean instead of the sum",
    "sign": r"$-\partial x$ instead of $\partial x$",
    "transpose": r"$B$ instead of $B^\top$",
    "slope": r"$\sigma$ instead of $\sigma'$",
    "bias": r"the gradient of $b$ forgotten",
}


class Layer(dnn.ResidualField):
    """Bσ(Ax + b), its pullback written out, and perhaps one of the MISTAKES in it."""

    mistake = None

    def vjp(self, x):
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)

        def pullback(w):
            Bw = self.B(w) if self.mistake == "transpose" else self.B.adjoint(w)
            u = Bw * (s if self.mistake == "slope" else slope)
            dx, db = self.A.adjoint(u), u.sum(axis=0)
            dx = -dx if self.mistake == "sign" else dx
            db = 0 * db if self.mistake == "bias" else db
            dtheta = self.pack(A=self.A.outer(u, x), b=db, B=self.B.outer(w, s))
            return dx, dtheta / len(x) if self.mistake == "mean" else dtheta

        return self.B(s), pullback


def network(steps, method, mistake=None, seed=0):
    """Steps of length 0.3 in ℝ⁶, each with a field of its own."""
    rng = np.random.default_rng(seed)
    fields = [Layer.random(D, D, bias=0.5, rng=rng) for _ in range(steps)]
    for X in fields:
        X.mistake = mistake
    return dnn.Network(*[dnn.Flow(X, H, METHODS[method]) for X in fields])


@figure(
    mistake=Choice(MISTAKES, "what is wrong in the wrong pullback of Bσ(Ax + b)"),
    steps=Whole(1, 20, "the layers of the network, one step each"),
    method=Choice(METHODS, "the method that takes the steps"),
    batch=Whole(2, 200, "samples"),
    seed=Whole(0, 999, "of the weights, the samples, and the directions"),
)
def make(
    quick=False,
    *,
    mistake="mean",
    steps=3,
    method="Ralston",
    batch=10,
    seed=1,
    figsize=(11, 6.4),
    labels=LABELS,
):
    x = np.random.default_rng([seed, 1]).normal(size=(batch, D))
    fig, ax = plt.subplots(figsize=figsize)
    place = dict(textcoords="offset points", fontsize="large")
    for k, wrong in ((1, mistake), (0, None)):
        check = checks.taylor(network(steps, method, wrong, seed), x, rng=seed)
        plotting.convergence(check.eps, check.remainders, ax=ax, **look(k))
        order = np.median(check.orders[-3:])
        if wrong:
            words = labels("wrong", what=labels(wrong), order=order)
            side = dict(xytext=(-em(0.5), em(0.5)), ha="right", va="bottom")
        else:
            words = labels("right", order=order)
            side = dict(xytext=(em(0.8), -em(0.3)), ha="left", va="top")
        middle = len(check.eps) // 2
        point = check.eps[middle], check.remainders[middle]
        ax.annotate(words, point, color=f"C{k}", **side, **place)
    ax.set(title=labels("title"), xlabel=labels("epsilon"), ylabel=labels("R"))
    F = labels("F", steps=steps, method=method, batch=batch)
    lines = "\n".join([labels("remainder"), labels("J"), F])
    corner = dict(ha="right", va="bottom", linespacing=1.5, transform=ax.transAxes)
    ax.text(0.99, 0.03, lines, **corner)
    return fig
