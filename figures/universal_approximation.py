"""Gradient and sphere-preserving flows together fit a function.

Lift to ℝ³, twice a flow that turns and a flow that follows a gradient, and an affine
read-out, fitted to noisy samples of |x| + sin x + x² (left) and of ‖x‖ (right, by level
lines): the network, thin, lies on the function, wide. How far it is off is measured
against the function itself, at samples held out, as a root of a mean square.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import em, shade, tint

from .drawing import Number, Whole, figure

NOISE, SAMPLES, WIDTH, CIRCLES = 0.01, 2000, 4, (0.5, 1, 1.5, 2, 2.5)
LABELS = {
    "title": r"two turns and two gradient flows in $\mathbb{R}^3$,"
    " <size> parameters, fitted to a function",
    "line": r"$|x| + \sin x + x^2$",
    "plane": r"level lines of $\Vert x\Vert$",
    "off": "<what>:\nsamples off by <noise>, the network by <error:.2g>",
    "function": "function",
    "samples": "samples held out",
    "network": "network",
    "x": "$x$",
    "y": "$y$",
    "x1": "$x_1$",
    "x2": "$x_2$",
}


def sphere(rng, gain=1.0, bias=0.0, width=WIDTH):
    """One Cayley step of ẋ = S(x)x in ℝ³: a rotation that depends on x."""
    X = dnn.SpherePreservingField.random(3, width, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=width)
    return dnn.Flow(X, 1.0, dnn.Cayley())


def gradient(rng, sigma, gain=1.0, bias=0.0, width=WIDTH):
    """One Euler step of ẋ = Aᵀdiag(α)σ(Ax + b) in ℝ³."""
    X = dnn.GradientField.random(3, width, sigma, sign=1, alpha=gain, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=width)
    return dnn.Flow(X, 1.0)


def line_target(x):
    return np.abs(x) + np.sin(x) + x**2


def plane_target(x):
    return np.linalg.norm(x, axis=-1, keepdims=True)


@cache
def on_the_line(width=WIDTH):
    """|x| + sin x + x²: a steep rotation for the kink, softplus for the growth.

    Returns network(rng), the function, the dimension, and iterations to fit it.
    """

    def network(rng):
        return dnn.Network(
            dnn.Lift(3, 1),
            sphere(rng, 5.0, 0.0, width),
            gradient(rng, dnn.Softplus(), 0.5, 0.5, width),
            sphere(rng, 0.5, 0.5, width),
            gradient(rng, dnn.Softplus(), 0.5, 0.5, width),
            dnn.Affine(1, 3, rng=rng),
        )

    return network, line_target, 1, 450


@cache
def in_the_plane(width=WIDTH):
    """‖x‖, likewise."""

    def network(rng):
        return dnn.Network(
            dnn.Lift(3, 2),
            sphere(rng, width=width),
            gradient(rng, dnn.Tanh(), width=width),
            sphere(rng, width=width),
            gradient(rng, dnn.Tanh(), width=width),
            dnn.Affine(1, 3, rng=rng),
        )

    return network, plane_target, 2, 400


LINE, PLANE = on_the_line(), in_the_plane()


def drawn(problem, seed=0, noise=NOISE, samples=SAMPLES):
    """The samples that are fitted, nine tenths, and those held out: x, y, x, y."""
    target, d, fitted = problem[1], problem[2], samples - samples // 10
    x = np.random.default_rng(seed).normal(size=(samples, d))
    errors = np.random.default_rng([seed, 1000]).normal(size=(samples, 1))
    y = target(x) + noise * errors
    return x[:fitted], y[:fitted], x[fitted:], y[fitted:]


@cache
def train(problem, seed=0, noise=NOISE, samples=SAMPLES, starts=3, iterations=None):
    """A network fitted to the samples, and the points that are held out.

    Of some starts, the one whose loss is least after 60 iterations is trained further.
    """
    network, enough, best = problem[0], problem[3], np.inf
    x, y, held_out, _ = drawn(problem, seed, noise, samples)
    for start in range(starts):
        net = network(np.random.default_rng([seed, start]))
        loss = fit(net, x, y, min(60, iterations or enough))
        if loss < best:
            best, chosen = loss, net
    if iterations is None:
        fit(chosen, x, y, enough)
    return chosen, held_out


def fit(net, x, y, iterations):
    """The loss after so many iterations of L-BFGS."""
    history = dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), iterations)
    return history.loss[-1]


def mse(net, x, target):
    """Against the function, without noise."""
    return dnn.MeanSquaredError()(net(x), target(x))


@figure(
    seed=Whole(0, 999, "of samples, noise and weights"),
    noise=Number(0, 0.5, "standard deviation of the noise of the samples"),
    width=Whole(2, 10, "of the four fields"),
    samples=Whole(200, 4000, "samples, of which a tenth is held out"),
)
def make(
    quick=False,
    *,
    seed=0,
    noise=NOISE,
    width=WIDTH,
    samples=SAMPLES,
    figsize=(13, 6.2),
    labels=LABELS,
):
    few = dict(starts=1, iterations=20) if quick else {}
    data = dict(seed=seed, noise=noise, samples=samples)
    fig, (left, right) = plt.subplots(1, 2, figsize=figsize)
    nets, panels = [], {"line": (left, on_the_line), "plane": (right, in_the_plane)}
    for name, (ax, problem_of) in panels.items():
        problem = problem_of(width)
        net, held_out = train(problem, **data, **few)
        off = dict(noise=noise, error=np.sqrt(mse(net, held_out, problem[1])))
        ax.set_title(labels("off", what=labels(name), **off))
        nets.append(net)

    x = np.linspace(-3, 3, 601)[:, None]
    wide = dict(color=tint("C0"), linewidth=em(0.6), label=labels("function"))
    left.plot(x, line_target(x), **wide)
    _, _, x_out, y_out = drawn(on_the_line(width), **data)
    near = np.abs(x_out) <= 3
    dots = dict(color="C0", markersize=em(0.25), label=labels("samples"))
    left.plot(x_out[near], y_out[near], ".", **dots)
    left.plot(x, nets[0](x), "-", color=shade(1), label=labels("network"))
    left.set(xlabel=labels("x"), ylabel=labels("y"))
    left.legend(loc="upper center", fontsize="medium")

    x = x[::4]
    grid, lines = np.stack(np.meshgrid(x, x), axis=-1), (x[:, 0], x[:, 0])
    wide = dict(colors=[tint("C0")], linewidths=em(0.6))
    right.contour(*lines, plane_target(grid)[..., 0], CIRCLES, **wide)
    right.contour(*lines, nets[1](grid)[..., 0], CIRCLES, colors=shade(1))
    for r in CIRCLES:
        ground = dict(facecolor=right.get_facecolor(), linewidth=0, pad=em(0.05))
        look = dict(ha="center", va="center", fontsize="small", bbox=ground)
        right.text(0, r, f"{r}", **look)
    ticks = [-2, -1, 0, 1, 2]
    right.set(xlabel=labels("x1"), ylabel=labels("x2"), aspect="equal")
    right.set(xticks=ticks, yticks=ticks)
    fig.suptitle(labels("title", size=nets[0].theta.size))
    return fig
