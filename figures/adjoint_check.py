"""The Taylor remainder falls with slope 2: the adjoint is exact; with one mistake, 1.

J(ε) = ⟨w, F(x + εv; θ + εu)⟩ for a network of Ralston steps. What is left of it after
the first two terms of its Taylor series, J(0) + ε⟨∇J, (v, u)⟩, with ∇J from the
hand-written pullback: once the right one, and once with the sum over the batch replaced
by a mean.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, plotting


class MeanInsteadOfSum(dnn.Network):
    """A gradient in θ that is the mean over the batch."""

    def vjp(self, x):
        y, pullback = super().vjp(x)
        return y, lambda w: (pullback(w)[0], pullback(w)[1] / len(x))


def layers(rng):
    fields = [dnn.ResidualField.random(4, width=8, rng=rng) for _ in range(3)]
    return [dnn.Flow(X, 0.3, dnn.Ralston()) for X in fields]


def make(quick=False):
    fig, ax = plt.subplots(figsize=(10, 6))
    x = np.random.default_rng(1).normal(size=(10, 4))
    for kind, name, colour, order in (
        (MeanInsteadOfSum, "a mean instead of a sum:\nslope 1", "C1", 1),
        (dnn.Network, "the adjoint: slope 2", "C0", 2),
    ):
        check = checks.taylor(kind(*layers(np.random.default_rng(0))), x)
        plotting.convergence(check.eps, check.remainders, ax=ax, color=colour)
        k = len(check.eps) // 2
        place = (check.eps[k], check.remainders[k])
        offset, side = ((14, -22), "left") if order == 2 else ((-6, 14), "right")
        look = dict(textcoords="offset points", color=colour, fontsize=20, ha=side)
        ax.annotate(name, place, offset, **look)
        assert check.passed == (order == 2)
    ax.set(xlabel=r"$\varepsilon$", ylabel="Taylor remainder", xlim=(None, 1))
    return fig
