"""A pattern that drifts keeps its norm. Of two networks that have learned it from the
same film, the one that keeps the norm as well cannot run away.

∂u/∂t + v·∇u = 0 on a square, periodic, filmed with noise. Both networks are steps of
Heun's method for u̇ = K ∗ u + B ∗ max(au + b, 0)², with stencils K and B of 5×5 pixels;
for "norm kept" the field is made tangent to the sphere ‖u‖ = constant, and each step
returns to it. Left: one pattern, and what the networks, from its first frame alone, say
of it. Right: its norm, and the distance of a prediction from the truth, over the norm;
medians of some patterns. Source: Celledoni, Jackaman, Murari, Owren, arXiv:2305.00723.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import diverging, look, shade

from .drawing import Number, Several, Whole, figure
from .drawing.places import names_at_ends

LABELS = {
    "title": "After <steps> frames the free network is <free> off, "
    "and the one that keeps the norm <kept>",
    "percent": "<value> %",
    "true": "true",
    "free": "free",
    "kept": "norm kept",
    "frame": "frame <k>",
    "norm": r"$\Vert u_n\Vert\,/\,\Vert u_0\Vert$",
    "error": "relative error",
    "n": "frame $n$",
}
PIXELS, TRAINED = 24, 16
I = dnn.SquaredNorm()


def patterns(count, n, rng):
    """Random images, (count, n²), of waves that are longer than five pixels."""
    k = np.fft.fftfreq(n, 1 / n)
    long = 5 * abs(k) < n
    size = long[:, None] * long / (1 + (16 * k[:, None] / n) ** 2 + (16 * k / n) ** 2)
    u = np.fft.ifft2(size * np.fft.fft2(rng.normal(size=(count, n, n)))).real
    return (u / abs(u).max(axis=(1, 2), keepdims=True)).reshape(count, n * n)


def drifting(u, n, v, frames):
    """u(p − kv) for k = 0, …, frames − 1, wave by wave: (..., frames, n²)."""
    omega = 2 * np.pi * np.fft.fftfreq(n)
    turns = np.exp(-1j * (v[0] * omega[:, None] + v[1] * omega))
    turns = turns ** np.arange(frames)[:, None, None]
    u_hat = np.fft.fft2(u.reshape(*u.shape[:-1], 1, n, n))
    return np.fft.ifft2(turns * u_hat).real.reshape(*u.shape[:-1], frames, n * n)


def network(n, keep):
    """A step of K ∗ u + B ∗ max(au + b, 0)² for images of n × n pixels."""

    def stencil(size, W):
        return dnn.Convolution(1, 1, (n, n), size, W=np.full((1, 1, size, size), W))

    square = dnn.ReLUSquared()
    products = dnn.ResidualField(stencil(1, 1.0), square, stencil(5, 0.0))
    X = dnn.SumField(dnn.LinearField(stencil(5, 0.0)), products)
    if keep:
        return dnn.Flow(dnn.TangentField(X, I), 1.0, dnn.Projected(dnn.Heun(), I))
    return dnn.Flow(X, 1.0, dnn.Heun())


@cache
def train(v, noise, films, seed, epochs):
    """θ of the free network and of the one that keeps the norm, from noisy films."""
    rng = np.random.default_rng(seed)
    film = drifting(patterns(films, TRAINED, rng), TRAINED, v, 9)
    film = film + noise * rng.normal(size=film.shape)
    x, y = (
        film[:, :-1:2].reshape(-1, TRAINED**2),
        film[:, 1:].reshape(-1, 2, TRAINED**2),
    )
    nets, LBFGS = [network(TRAINED, keep) for keep in (False, True)], dnn.LBFGS(30)
    for net in nets:
        dnn.fit(dnn.Rollout(net, 2), dnn.MeanSquaredError(), x, y, LBFGS, epochs)
    return [net.theta for net in nets]


def predict(thetas, u, steps):
    """Frames 0, …, steps of both networks from images u of PIXELS × PIXELS."""
    for theta, keep in zip(thetas, (False, True), strict=True):
        net = network(PIXELS, keep)
        net.theta = theta
        with np.errstate(over="ignore", invalid="ignore"):  # of what runs away
            yield np.concatenate([u[:, None], dnn.Rollout(net, steps)(u)], axis=-2)


@figure(
    velocity=Several(Number(-1, 1, "v, in pixels a frame, down and right"), 2, 2),
    noise=Number(0, 0.1, "standard deviation, of patterns whose largest pixel is 1"),
    films=Whole(4, 40, "patterns that are filmed, 9 frames each"),
    steps=Whole(12, 200, "frames that are predicted"),
    seed=Whole(0, 99, "of the patterns and the noise"),
)
def make(
    quick=False,
    *,
    velocity=(0.6, 0.3),
    noise=0.02,
    films=20,
    steps=120,
    seed=1,
    figsize=(13.3, 7.4),
    labels=LABELS,
):
    films, epochs = (min(films, 4), 40) if quick else (films, 60)
    thetas = train(velocity, noise, films, seed, epochs)
    u = patterns(4 if quick else 20, PIXELS, np.random.default_rng([seed, 1]))
    true = drifting(u, PIXELS, velocity, steps + 1)
    free, kept = predict(thetas, u, steps)
    size = np.linalg.norm(u, axis=-1)[:, None, None]

    fig = plt.figure(figsize=figsize)
    frames, curves = fig.subfigures(1, 2, width_ratios=(6, 5))
    shown, most = [round(steps * k / 3) for k in (1, 2, 3)], abs(u[0]).max()
    rows = {"true": (true, shade(1.0)), "free": (free, "C1"), "kept": (kept, "C0")}
    axes = frames.subplots(3, 3)
    for row, (name, (film, colour)) in zip(axes, rows.items(), strict=True):
        for ax, k in zip(row, shown, strict=True):
            image = np.clip(film[0, k], -most, most).reshape(PIXELS, PIXELS)
            ax.imshow(image, cmap=diverging(), vmin=-most, vmax=most)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(labels(name), color=colour)
    for ax, k in zip(axes[0], shown, strict=True):
        ax.set_title(labels("frame", k=k))

    n, ends = np.arange(steps + 1), []
    above, below = curves.subplots(2, 1, sharex=True)
    for film, k in ((kept, 0), (free, 1)):
        above.plot(n, length(film / size), **look(k))
        error = length((film - true) / size)
        below.semilogy(n[1:], error[1:], **look(k))
        ends.append(error[-1])
    names = [labels("kept"), labels("free")]
    first = max(1e-17, min(line.get_ydata()[0] for line in below.lines))
    for ax, least, most in ((above, 0, 4), (below, first / 2, 20)):
        ends_at = [min(line.get_ydata()[-1], most) for line in ax.lines]
        ax.set(xlim=(0, steps), ylim=(least, 1.2 * max(1.0, *ends_at)))
        names_at_ends(ax, names, ends_at, ["C0", "C1"])
    above.set_ylabel(labels("norm"))
    below.set(xlabel=labels("n"), ylabel=labels("error"))
    curves.align_ylabels()
    kept, free = (labels("percent", value=percent(end)) for end in ends)
    fig.suptitle(labels("title", steps=steps, kept=kept, free=free))
    return fig


def length(u):
    """The median of the norms of some films, frame by frame; ∞ for what is no longer
    finite."""
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(u, axis=-1)
    return np.median(np.where(np.isfinite(norms), norms, np.inf), axis=0)


def percent(x):
    """0.1234 → 12, 1.234 → 120; >1000 from there on, and <0.1 below that."""
    if not 1e-3 <= x < 10:
        return "<0.1" if x < 1 else ">1000"
    return f"{float(f'{100 * x:.2g}'):g}"
