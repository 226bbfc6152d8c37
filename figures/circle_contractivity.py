"""Where a method's disc ends, its steps begin to move points apart: beyond h = 2r/L.

Above: each method's region of stability, |R(z)| ≤ 1, and its disc of circle
contractivity, |z + r| ≤ r, r from the tableau. Below: how much a step h = −z/L of a
gradient flow ẋ = −∇V(x), V convex, ∇V L-Lipschitz, can stretch a distance: for two
solutions ΔK = −SΔY at each stage, 0 ≤ S ≤ L the Hessian between them, and a search
finds the worst S for each stage. Up to h = 2r/L, which is 2r/‖A‖² for −Aᵀσ(Ax + b)
with slopes of σ in [0, 1], it is 1, and beyond more. Dotted: linear flows, of the same
S at all stages, with which Kutta's methods may take longer steps. Sources: Dahlquist
and Jeltsch, Generalized disks of contractivity (1979); Sherry et al., arXiv:2306.17332.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

import dynsys_nn as dnn
from dynsys_nn.integrators.runge_kutta import advance
from dynsys_nn.plotting import em, shade, stability_region, tint

from .drawing import Choice, Number, Several, figure

METHODS = "Euler", "Heun", "Kutta3", "RK4", "Ralston", "ExplicitMidpoint"
LEFT, RIGHT = -3.3, 0.9
LABELS = {
    "title": "Up to $h = 2r/L$, where the disc ends, "
    "a step of a gradient flow moves no points apart",
    "method": "<method>: $r = <r:.3g>$",
    "z": r"$z = -hL$,  $L = \Vert A\Vert^2 = <L:.3g>$",
    "im": r"$\mathrm{Im}\,z$",
    "stretch": "largest\nstretch",
    "up to": r"$h \leq <step:.3g>$",
    "none": "no step",
    "linear": "linear",
}


def stretch(method, z, angles):
    """‖Δx⁺‖/‖Δx‖ of a step, z = hL, for stages with the Hessians S = L uuᵀ, u at such
    angles to Δx, (..., s)."""
    dx, K = np.zeros((*angles.shape[:-1], 2)), []
    dx[..., 0] = 1
    for a, angle in zip(method.A, np.moveaxis(angles, -1, 0), strict=True):
        u = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        Y = advance(dx, -z[..., None], a, K)
        K.append((u * Y).sum(axis=-1, keepdims=True) * u)
    return np.linalg.norm(advance(dx, -z[..., None], method.b, K), axis=-1)


def worst(method, z, rounds, tries=40, seed=0):
    """The largest stretch that is found for each z, (n,): from ΔK = 0 on, and angles
    near by and far, by ever smaller changes, of which those that help are kept."""
    rng, z = np.random.default_rng(seed), np.asarray(z)[:, None]
    far = np.linspace(0, 1, tries)[:, None]
    angles = np.pi / 2 + far * rng.normal(size=(len(z), tries, len(method.b)))
    best = stretch(method, z, angles)
    for size in np.geomspace(1, 1e-3, rounds):
        new = angles + size * rng.normal(size=angles.shape)
        found = stretch(method, z, new)
        better = found > best
        angles[better], best[better] = new[better], found[better]
    return best.max(axis=1)


@figure(
    methods=Several(Choice(METHODS, "a Runge–Kutta method"), 2, 4),
    norm=Number(0.5, 4, "‖A‖, from which L = ‖A‖²"),
)
def make(
    quick=False,
    *,
    methods=("Euler", "Heun", "Kutta3", "RK4"),
    norm=1,
    figsize=(13.3, 7.4),
    labels=LABELS,
):
    X = dnn.GradientField(dnn.Dense(2, 2, W=norm * np.eye(2)), dnn.ReLU())
    heights = dict(height_ratios=(2.9, 1), sharex="col", sharey="row")
    fig, axes = plt.subplots(2, len(methods), figsize=figsize, **heights)
    fig.suptitle(labels("title"))
    z = np.linspace(0, -LEFT, 45 if quick else 133)
    for k, (name, (above, below)) in enumerate(zip(methods, axes.T, strict=True)):
        method, colour = getattr(dnn, name)(), f"C{k}"
        r = method.contractivity_radius()
        stability_region(method, (LEFT, RIGHT), (-3.1, 3.1), ax=above, color=shade(0.3))
        look = dict(fc=tint(colour, 0.6), ec=colour, lw=em(0.15), zorder=3)
        above.add_patch(Circle((-r, 0), r, **look))
        above.set(title=labels("method", method=name, r=r), xlabel="", ylabel="")
        below.plot(-z, worst(method, z, 30 if quick else 100), color=colour)
        linear = np.abs(method.stability_function(-z))
        below.plot(-z, np.maximum(1, linear), ":", color=shade(0.6), linewidth=em(0.1))
        for ax in (above, below):
            ax.axvline(
                -2 * r, color=colour, linestyle="--", linewidth=em(0.1), zorder=0
            )
        under = dict(y=0.985, va="top", fontsize="small")
        step = (
            labels("up to", step=method.non_expansive_step(X)) if r else labels("none")
        )
        place = dict(x=0.08 - 2 * r) if r else dict(x=-0.08, ha="right")
        below.text(s=step, color=colour, **place, **under)
        limit = z[linear <= 1 + 1e-9].max()
        if limit > 2 * r + 0.6:
            below.text(-limit, s=labels("linear"), ha="center", **under)
        below.set_box_aspect(6.2 / (RIGHT - LEFT) / 2.9)  # as wide as the one above
        below.set(xlim=(LEFT, RIGHT), ylim=(0.9, 1.3), yticks=[1, 1.2], xticks=[-2, 0])
        below.set_xlabel(labels("z", L=X.lipschitz()))
    axes[0, 0].set_ylabel(labels("im"))
    axes[1, 0].set_ylabel(labels("stretch"))
    return fig
