"""The CFL condition is non-expansiveness: a step too long, and solutions move apart.

The heat equation ∂u/∂t = α Δu on a square, periodic, is the gradient flow u̇ = −DᵀDu, D
the forward differences times √α/dx, and ‖D‖² = 8α/dx² for an even number of points. An
Euler step moves no two solutions apart for h ≤ 2/‖D‖², the theorem of contracting
networks, and that is h ≤ dx²/(4α), the condition of Courant, Friedrichs and Lewy. Left,
middle: a warm spot after the same number of steps, slightly shorter and slightly longer
than this one, h_max. Right: ‖uₙ‖, the distance of uₙ from the solution 0, and dotted
the bound Lⁿ‖u₀‖, L the Lipschitz constant of a step. Source of the step: Sherry et al.,
arXiv:2306.17332.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn.plotting import diverging, em, look

from .drawing import Number, Several, Whole, figure

LABELS = {
    "equal": r"The theorem's longest step, $2/\Vert D\Vert^2 = <step>$ s, "
    r"is the CFL condition's, $dx^2/(4\alpha)$",
    "longer": r"The theorem's longest step, $2/\Vert D\Vert^2 = <step>$ s, "
    r"is <percent:.2g> % longer than $dx^2/(4\alpha)$",
    "panel": r"$<factor>\,h_{\max}$: <does>",
    "together": "no distance grows",
    "apart": "distances grow",
    "x": "$x$ (m)\n" r"after <steps> steps $|u| \leq <most>$",
    "y": "$y$ (m)",
    "grow": r"beyond $h_{\max}$ distances can grow",
    "shrink": r"up to $h_{\max}$ no distance grows",
    "n": "step $n$",
    "norm": r"distance from 0: $\Vert u_n\Vert\,/\,\Vert u_0\Vert$",
    "line": r"$<factor>\,h_{\max}$",
    "bound": r"bound $<L>^n$",
}


def heat(points, alpha):
    """u̇ = −DᵀDu on the unit square: a gradient field, σ(z) = z."""
    W = np.zeros((2, 1, 3, 3))
    W[:, 0, 1, 1], W[0, 0, 1, 2], W[1, 0, 2, 1] = -1, 1, 1
    W *= np.sqrt(alpha) * points  # dx = 1/points
    D = dnn.Convolution(2, 1, (points, points), W=W)
    return dnn.GradientField(D, dnn.Identity())


def warm_spot(points):
    """u = 1 on a square in the middle, an odd number of points wide, 0 elsewhere."""
    width = points // 12
    near = np.abs(np.arange(points) - points // 2) <= width
    return np.outer(near, near).astype(float).ravel()


@figure(
    factors=Several(Number(0.5, 1.2, "h/h_max"), 2, 2),
    points=Whole(10, 64, "points of the grid on each side of the square, 1 m long"),
    alpha=Number(0.01, 100, "α, the diffusivity, in m²/s"),
    steps=Whole(20, 300, "how many steps are taken"),
)
def make(
    quick=False,
    *,
    factors=(0.98, 1.02),
    points=32,
    alpha=1,
    steps=150,
    figsize=(13.3, 5.4),
    labels=LABELS,
):
    X, u = heat(points, alpha), warm_spot(points)
    longest, cfl = dnn.Euler().non_expansive_step(X), 1 / points**2 / (4 * alpha)
    fig, axes = plt.subplots(1, 3, figsize=figsize)
    fig.suptitle(title(labels, longest, cfl))
    n, bounds, ends, right = np.arange(steps + 1), [], [], axes[2]
    for k, (ax, factor) in enumerate(zip(axes, factors, strict=False)):
        flow = dnn.Flow(X, factor * longest)
        states = np.vstack([u, dnn.Rollout(flow, steps)(u)])
        bounds.append(max(1.0, flow.lipschitz()))  # constants stay as they are
        most = np.abs(states[-1]).max()
        image = states[-1].reshape(points, points)
        ax.imshow(image, cmap=diverging(), vmin=-most, vmax=most, extent=(0, 1, 0, 1))
        does = labels("apart" if expands(bounds[k]) else "together")
        ax.set_title(labels("panel", factor=factor, does=does))
        ax.set(xticks=[0, 1], yticks=[0, 1], ylabel=labels("y"))
        ax.set_xlabel(labels("x", steps=steps, most=number(most, 2)))
        norm = np.linalg.norm(states, axis=-1) / np.linalg.norm(u)
        right.semilogy(n, norm, **look(k))
        right.semilogy(n, bounds[k] ** n, ":", color=f"C{k}", linewidth=em(0.12))
        ends.append(norm[-1])
    for k, (factor, end) in enumerate(zip(factors, ends, strict=True)):
        side = "top" if k == np.argmin(ends) else "bottom"
        beside = dict(color=f"C{k}", va=side, textcoords="offset points")
        text = labels("line", factor=factor)
        right.annotate(text, (steps, end), (em(0.3), 0), **beside)
    L = max(bounds)
    if expands(L):
        at = 0.55 * steps, L ** (0.55 * steps)
        above = dict(ha="right", va="bottom", color=f"C{bounds.index(L)}")
        right.text(*at, labels("bound", L=L), **above)
    right.set(title=labels("grow" if expands(L) else "shrink"), xlim=(0, steps))
    right.set(xlabel=labels("n"), ylabel=labels("norm"))
    return fig


def title(labels, longest, cfl):
    """What the theorem's step is to the CFL condition's: longer if the number of points
    is odd, since then no wave on the grid changes its sign at every point."""
    percent = 100 * (longest / cfl - 1)
    name = "equal" if abs(percent) < 1e-9 else "longer"
    return labels(name, step=number(longest, 4), percent=percent)


def expands(L):
    """Is a Lipschitz constant above 1 by more than rounding?"""
    return L > 1 + 1e-12


def number(value, digits):
    r"""0.00024414 → 2.441\cdot10^{-4}, 0.33 → 0.33."""
    if 0.01 <= value < 10**digits:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return rf"{mantissa}\cdot10^{{{int(exponent)}}}"
