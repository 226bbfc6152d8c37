"""Gradient and sphere-preserving flows together fit a function.

Lift to ℝ³, twice a flow that turns and a flow that follows a gradient, and an affine
read-out: 100 parameters, fitted to 1800 noisy samples of |x| + sin x + x² (left) and of
‖x‖ (right: level lines, white, and the error against the noise-free function).
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn

NOISE = 0.01


def sphere(rng, gain=1.0, bias=0.0, width=4):
    """One Cayley step of ẋ = S(x)x in ℝ³: a rotation that depends on x."""
    X = dnn.SpherePreservingField.random(3, width, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=width)
    return dnn.Flow(X, 1.0, dnn.Cayley())


def gradient(rng, sigma, gain=1.0, bias=0.0, width=4):
    """One Euler step of ẋ = Aᵀdiag(α)σ(Ax + b) in ℝ³."""
    X = dnn.GradientField.random(3, width, sigma, sign=1, alpha=gain, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=width)
    return dnn.Flow(X, 1.0)


def on_the_line(rng):
    """For |x| + sin x + x²: a steep rotation for the kink, softplus for the growth."""
    return dnn.Network(
        dnn.Lift(3, 1),
        sphere(rng, 5.0),
        gradient(rng, dnn.Softplus(), 0.5, 0.5),
        sphere(rng, 0.5, 0.5),
        gradient(rng, dnn.Softplus(), 0.5, 0.5),
        dnn.Affine(1, 3, rng=rng),
    )


def in_the_plane(rng):
    """For ‖x‖."""
    return dnn.Network(
        dnn.Lift(3, 2),
        sphere(rng),
        gradient(rng, dnn.Tanh()),
        sphere(rng),
        gradient(rng, dnn.Tanh()),
        dnn.Affine(1, 3, rng=rng),
    )


def line_target(x):
    return np.abs(x) + np.sin(x) + x**2


def plane_target(x):
    return np.linalg.norm(x, axis=-1, keepdims=True)


#: (network, target, dimension, iterations)
LINE = on_the_line, line_target, 1, 1000
PLANE = in_the_plane, plane_target, 2, 800


@cache
def train(problem, seed=0, starts=3, epochs=None):
    """The best of some starts by its training loss, and the 200 points held out."""
    architecture, target, d, iterations = problem
    x = np.random.default_rng(seed).normal(size=(2000, d))
    y = target(x) + NOISE * np.random.default_rng([seed, 1000]).normal(size=(2000, 1))
    data, epochs, best = (x[:1800], y[:1800]), epochs or iterations, np.inf
    for start in range(starts):
        net = architecture(np.random.default_rng([seed, start]))
        history = dnn.fit(net, dnn.MeanSquaredError(), *data, dnn.LBFGS(), epochs)
        if history.loss[-1] < best:
            best, fitted = history.loss[-1], net
    return fitted, x[1800:]


def make(quick=False):
    starts, epochs = (1, 30) if quick else (3, None)
    fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2))
    net, held_out = train(LINE, 0, starts, epochs)
    x = np.linspace(-3, 3, 601)[:, None]
    formula = r"$|x| + \sin x + x^2$"
    left.plot(x, line_target(x), color="0.75", linewidth=8, label=formula)
    left.plot(x, net(x), color="C0", label="network")
    near = held_out[np.abs(held_out[:, 0]) <= 3]
    left.plot(near, 0 * near - 0.8, "|", color="0.5", markersize=9)
    above = dict(textcoords="offset points", color="0.4", fontsize=14)
    left.annotate("held-out points", (-3, -0.8), (0, 10), **above)
    left.set(xlabel="$x$", ylabel="$y$")
    error, noise = power(mse(net, held_out, line_target)), power(NOISE**2)
    left.set_title(f"held-out MSE {error}, variance of the noise {noise}")
    left.legend(loc="upper center")

    net, held_out = train(PLANE, 0, starts, epochs)
    r = np.linspace(-3, 3, 301)
    grid = np.stack(np.meshgrid(r, r), axis=-1)
    error = np.abs(net(grid) - plane_target(grid))[..., 0]
    digits, levels = np.log10(np.maximum(error, 1e-5)), np.arange(-4, 0.01, 0.5)
    shown = right.contourf(r, r, digits, levels, extend="both")
    circles = [0.5, 1, 1.5, 2, 2.5]
    right.contour(r, r, net(grid)[..., 0], circles, colors="white", linewidths=2)
    right.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    error = power(mse(net, held_out, plane_target))
    right.set_title(f"level lines of the network for $‖x‖$: MSE {error}")
    bar = fig.colorbar(shown, label="error", ticks=[-4, -3, -2, -1, 0])
    bar.ax.set_yticklabels([f"$10^{{{k}}}$" for k in (-4, -3, -2, -1, 0)])
    return fig


def mse(net, x, target):
    """Against the noise-free target."""
    return dnn.MeanSquaredError()(net(x), target(x))


def power(value):
    """2.1e-06 → 2 · 10⁻⁶."""
    mantissa, exponent = f"{value:.0e}".split("e")
    return rf"${mantissa}\cdot10^{{{int(exponent)}}}$"
