"""How θ moves: an optimiser changes θ in place, one vector operation for the whole network.

It keeps nothing on itself: its memory is a dict that `start` makes, so the same object serves any number of networks.
"""

import numpy as np

from ..maps import dimension, real


class Optimiser:
    """How θ moves. `start(theta)` makes the memory of one training, a dict; `step(theta, g, memory)` changes both in place."""

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value:g}' for name, value in vars(self).items())})"


class SGD(Optimiser):
    """m ← momentum·m + g, θ ← θ − rate·m: (stochastic) gradient descent."""

    def __init__(self, rate=1e-2, momentum=0.0):
        self.rate, self.momentum = _positive(rate, "rate"), _fraction(momentum, "momentum")

    def start(self, theta):
        """m = 0."""
        return dict(m=np.zeros_like(theta))

    def step(self, theta, g, memory):
        """One step, in place."""
        m = memory["m"]
        m *= self.momentum
        m += g
        theta -= self.rate * m


class Adam(Optimiser):
    """m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², θ ← θ − rate·m̂/(√ŝ + ε), m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ).

    memory["blocks"] holds slices of θ in each of which s is one number, from the mean of g² over the block: a constraint on
    a whole matrix asks for it, `Constraint.blocks`. Source: Kingma and Ba, arXiv:1412.6980.
    """

    def __init__(self, rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.rate, self.eps = _positive(rate, "rate"), _positive(eps, "eps")
        self.beta1, self.beta2 = _fraction(beta1, "beta1"), _fraction(beta2, "beta2")

    def start(self, theta):
        """t = 0, m = 0, s = 0, and no blocks."""
        return dict(t=0, m=np.zeros_like(theta), s=np.zeros_like(theta), blocks=[])

    def step(self, theta, g, memory):
        """One step, in place."""
        memory["t"] += 1
        t, m, s = memory["t"], memory["m"], memory["s"]
        m += (1 - self.beta1) * (g - m)
        squares = g * g
        for block in memory["blocks"]:
            squares[block] = squares[block].mean()
        s += (1 - self.beta2) * (squares - s)
        theta -= self.rate / (1 - self.beta1**t) * m / (np.sqrt(s / (1 - self.beta2**t)) + self.eps)


class LBFGS(Optimiser):
    """Limited-memory BFGS of `scipy.optimize` on the whole batch: for small data and high accuracy.

    corrections: pairs (step, change of gradient) that approximate the Hessian. It stops after the epochs (iterations)
    of `fit`, where the gradient's largest entry falls below `gtol`, or where the line search finds no smaller loss.
    """

    def __init__(self, corrections=100, gtol=1e-14):
        self.corrections, self.gtol = dimension(corrections, "corrections"), _positive(gtol, "gtol")

    def minimise(self, value_and_gradient, theta, epochs, callback):
        """Call `callback(θ)` after each of at most `epochs` iterations."""
        from scipy.optimize import minimize

        minimize(
            value_and_gradient, theta, jac=True, method="L-BFGS-B", callback=callback,
            options=dict(maxcor=self.corrections, maxiter=epochs, maxfun=1_000_000_000, ftol=0.0, gtol=self.gtol, maxls=50),
        )  # fmt: skip


def _positive(value, name):
    if not real(value) > 0:
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    return float(value)


def _fraction(value, name):
    if not 0 <= real(value) < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value!r}")
    return float(value)
