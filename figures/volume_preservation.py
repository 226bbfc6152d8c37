"""The structured network carries a shape and keeps its area; the ResNet does not.

Both learn the flow of the pendulum over time 1 from the same 50 noisy pairs, with 192
and 200 parameters, and are then applied again and again to a disc. Left and middle:
the disc at first, in between, and at last; dashed is the outline that the exact flow
gives it. Right: its area. The structured network is made of shears, whose determinant
is 1. Source: arXiv:2210.02373.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from dynsys_nn.plotting import em, look, shade, tint

from .drawing import Number, Whole, figure

LABELS = {
    "structured": "volume-preserving network:\n<area:.0f> % of the area",
    "resnet": "ResNet:\n<area:.0f> % of the area",
    "angle": "angle $q$ (radians)",
    "momentum": "momentum $p$",
    "count": "<n>",
    "exact": "exact flow",
    "times": "applications",
    "area": "area of the shape (%)",
    "sentence": "ResNet: up to <most> % off",
    "structured curve": "volume-preserving",
    "resnet curve": "ResNet",
}


def structured(rng, layers=4, width=8):
    """Symplectic Euler steps of (x, v)′ = (f(v), g(x)): each has determinant one."""
    fields = [dnn.PartitionedField.random(2, width, rng=rng) for _ in range(layers)]
    method = dnn.SymplecticEuler()
    return dnn.Network(*[dnn.Flow(X, 1 / layers, method) for X in fields])


def resnet(rng, layers=5, width=8):
    """Euler steps of Bσ(Ax + b): nothing is kept."""
    fields = [dnn.ResidualField.random(2, width, rng=rng) for _ in range(layers)]
    return dnn.Network(*[dnn.Flow(X, 1 / layers) for X in fields])


@cache
def train(epochs=200, pairs=50, noise=0.03, seed=1):
    """The two networks, trained on the same pairs (x, φ¹(x) + noise)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform((-2, -1.5), (2, 1.5), (pairs, 2))
    y = dnn.exact_flow(systems.pendulum(), x, 1.0) + noise * rng.normal(size=x.shape)
    nets = structured(rng), resnet(rng)
    for net in nets:
        dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs)
    return nets


def circle(centre, radius, n=2000):
    """n points of a circle, (n, 2)."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return centre + radius * np.stack([np.cos(t), np.sin(t)], axis=-1)


def area(outline):
    """The area inside a closed polygon, shape (..., n, 2), by the shoelace formula."""
    x, v = np.moveaxis(outline, -1, 0)
    return np.abs((x * np.roll(v, -1, -1) - v * np.roll(x, -1, -1)).sum(axis=-1)) / 2


def beside(u, outlines, out):
    """The point of the ray along u where it leaves the outlines, or enters them."""
    angle = np.abs(np.angle(outlines @ [1, 1j] / (u @ [1, 1j])))
    r = np.linalg.norm(outlines[angle < 0.3], axis=-1)
    return (r.max() if out else r.min()) * u


@figure(
    applications=Whole(2, 24, "how often the networks are applied"),
    angle=Number(0.6, 1.2, "of the pendulum at the disc's centre, in radians"),
    radius=Number(0.1, 0.5, "of the disc"),
    pairs=Whole(50, 500, "pairs (x, φ¹(x)) that are learned from"),
    noise=Number(0, 0.05, "standard deviation of the noise in φ¹(x)"),
    seed=Whole(0, 99, "of the pairs, and of the first parameters"),
)
def make(
    quick=False, *, applications=18, angle=1.0, radius=0.4, pairs=50, noise=0.03,
    seed=1, figsize=(13.3, 5.2), labels=LABELS,
):  # fmt: skip
    pendulum, times = systems.pendulum(), np.arange(applications + 1)
    disc = circle(np.array([angle, 0.0]), radius)
    exact = dnn.exact_flow(pendulum, disc, times).swapaxes(0, 1)
    images = [
        np.vstack([disc[None], dnn.Rollout(net, applications)(disc).swapaxes(0, 1)])
        for net in train(30 if quick else 200, pairs, noise, seed)
    ]
    centres = exact.mean(axis=1)
    u = centres / np.linalg.norm(centres, axis=-1, keepdims=True)
    middle = 1 + np.argmin(np.maximum(u @ u[0], u @ u[-1])[1:-1])  # far from both ends
    shown = [0, middle, applications]

    drawn = np.concatenate([exact[shown], *(image[shown] for image in images)])
    width, height = np.maximum([2.2, 1.9], 1.1 * np.abs(drawn).max(axis=(0, 1)))
    limits = (-width, width), (-height, height)
    fig, axes = plt.subplots(1, 3, figsize=figsize)
    percent = [100 * area(image) / area(disc) for image in images]
    low, high = np.min(percent), np.max(percent)
    for k, (name, ax) in enumerate(zip(("structured", "resnet"), axes, strict=False)):
        style, image = look(k), images[k]
        plotting.phase_portrait(pendulum, *limits, ax=ax, density=0.6, color=shade())
        for n in shown:
            strength = 0.35 if n else 0.75
            ax.fill(*image[n].T, color=tint(style["color"], strength), linewidth=0)
            ax.plot(*exact[n].T, color=shade(1), linewidth=em(0.08), linestyle="--")
            own, out = np.concatenate([exact[n], image[n]]), n > 0
            if n == 0:  # inside, where the other shapes leave room for it
                inside = beside(u[0], own, out=False) - 0.22 * u[0]
                others = np.concatenate([*exact[shown[1:]], *image[shown[1:]]])
                out = np.linalg.norm(others - inside, axis=-1).min() < 0.12
            place = beside(u[n], own, out)
            ax.annotate(
                labels("count", n=n), place, em(0.75 if out else -0.75) * u[n],
                textcoords="offset points", ha="center", va="center",
                fontweight="bold",
            )  # fmt: skip
        ax.set(title=labels(name, area=percent[k][-1]), xlabel=labels("angle"))
        ax.set(ylabel=labels("momentum"), xlim=limits[0], ylim=limits[1])
        axes[2].plot(times, percent[k], marker="o", **style)
        above = percent[k].mean() > percent[1 - k].mean()
        axes[2].annotate(
            labels(f"{name} curve"), (applications, high if above else low),
            (0, em(0.4 if above else -0.4)), textcoords="offset points",
            color=style["color"], ha="right", va="bottom" if above else "top",
        )  # fmt: skip

    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * [width, height]
    gaps = np.linalg.norm(drawn.reshape(-1, 1, 2) - corners, axis=-1)
    corner = 0.95 * corners[gaps.min(axis=0).argmax()]
    outlines = exact[shown[1:]].reshape(-1, 2)
    axes[0].annotate(
        labels("exact"), outlines[np.linalg.norm(outlines - corner, axis=-1).argmin()],
        corner, fontsize="small", ha="right" if corner[0] > 0 else "left",
        va="top" if corner[1] > 0 else "bottom",
        bbox=dict(facecolor=axes[0].get_facecolor(), edgecolor="none", pad=em(0.1)),
        arrowprops=dict(arrowstyle="-", color=shade(1), linewidth=em(0.05)),
    )  # fmt: skip
    most, margin = np.abs(percent[1] - 100).max(), 0.2 * max(high - low, 1)
    axes[2].set(xlabel=labels("times"), ylabel=labels("area"))
    said = labels("sentence", most=float(f"{most:.3g}"))
    axes[2].set(title=said, ylim=(low - margin, high + margin))
    axes[2].xaxis.get_major_locator().set_params(integer=True)
    return fig
