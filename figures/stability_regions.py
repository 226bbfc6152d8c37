"""A damped oscillation decays under a method if hλ lies in the method's stability
region, and grows if it does not, whatever the exact solution does.

Above: where |R(z)| ≤ 1 (coloured), R the stability function of the method, and the two
hλ (dots) of q̈ + 2γq̇ + q = 0, λ = −γ ± i√(1 − γ²). Below: the solution q(t) (grey) and
the steps of the method, whose size goes like |R(hλ)|ⁿ. The regions of the implicit
methods hold the whole left half-plane: these methods are A-stable. Source: Hairer and
Wanner, Solving Ordinary Differential Equations II (1996), IV.2 and IV.3.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting import em, shade

from .drawing import Number, figure, power
from .four_methods import orbit

LABELS = {
    "Euler": "Euler",
    "Heun": "Heun",
    "RK4": "RK4",
    "midpoint": "implicit midpoint",
    "implicit": "implicit Euler",
    "real": r"$\mathrm{Re}\,z$",
    "imaginary": r"$\mathrm{Im}\,z$",
    "eigenvalues": r"$h\lambda$",
    "grows": r"grows: $|R(h\lambda)| = <factor>$",
    "decays": r"decays: $|R(h\lambda)| = <factor>$",
    "stays": r"stays: $|R(h\lambda)| = <factor>$",
    "hardly grows": r"grows: $|R| = 1 + <change>$",
    "hardly decays": r"decays: $|R| = 1 - <change>$",
    "time": "time $t$",
    "q": "$q(t)$",
}
METHODS = {
    "Euler": dnn.Euler(),
    "Heun": dnn.Heun(),
    "RK4": dnn.RK4(),
    "midpoint": dnn.ImplicitMidpoint(),
    "implicit": dnn.ImplicitEuler(),
}


def damped(gamma):
    """q̈ + 2γq̇ + q = 0, as a field of (q, q̇)."""
    A = np.array([[0.0, 1.0], [-1.0, -2 * gamma]])
    return dnn.KnownField(
        lambda x: x @ A.T, 2, lambda x: np.broadcast_to(A, (*x.shape, 2))
    )


@figure(
    h=Number(0.1, 3.5, "the step"),
    gamma=Number(0, 0.95, "γ, the damping"),
    time=Number(5, 60, "how long"),
)
def make(quick=False, *, h=1.4, gamma=0.1, time=30.0, figsize=(13.3, 6), labels=LABELS):
    field, x0, steps = damped(gamma), np.array([1.0, 0.0]), round(time / h)
    t = np.linspace(0, time, 400)
    exact = dnn.exact_flow(field, x0, t)[:, 0]
    z = h * np.array([1, -1]) * 1j * np.sqrt(1 - gamma**2) - h * gamma
    fig, axes = plt.subplots(
        2, 5, figsize=figsize, sharex="row", sharey="row", height_ratios=(1.1, 1)
    )
    for region, solution, (name, method) in zip(*axes, METHODS.items(), strict=True):
        factor = abs(method.stability_function(z[0]))
        what = (
            "stays" if abs(factor - 1) < 1e-9 else "grows" if factor > 1 else "decays"
        )
        shown = dict(factor=f"{factor:.3g}", change=power(abs(factor - 1)))
        hardly = "hardly " if what != "stays" and abs(factor - 1) < 1e-3 else ""
        colour = {"grows": "C1", "decays": "C0", "stays": "C0"}[what]
        plotting.stability_region(method, (-4, 2), (-4, 4), region, color=colour)
        region.plot(z.real, z.imag, "o", color=shade(1))
        region.set(title=labels(name), ylabel="", xlabel=labels("real"))
        region.set(xticks=[-4, -2, 0, 2], yticks=[-4, -2, 0, 2, 4])
        solution.plot(t, exact, color=shade(0.4), linewidth=em(0.1))
        x = orbit(field, x0, h, steps, method)
        solution.plot(
            h * np.arange(steps + 1),
            x[:, 0],
            "o-",
            color=colour,
            markersize=em(0.25),
            linewidth=em(0.1),
        )
        solution.set_title(
            labels(hardly + what, **shown), color=colour, fontsize="small"
        )
        solution.set(xlim=(0, time), ylim=(-2.2, 2.2), xlabel=labels("time"))
    name_eigenvalue(axes[0, 0], labels("eigenvalues"), z[0])
    axes[0, 0].set_ylabel(labels("imaginary"))
    axes[1, 0].set_ylabel(labels("q"))
    return fig


def name_eigenvalue(region, name, z):
    """Beside z = hλ, where the disc |z + 1| ≤ 1 of Euler's method does not lie."""
    if z.real < -2 and z.imag < 2:
        beside = (z.real, z.imag), (0, em(0.4)), dict(ha="center", va="bottom")
    else:
        right = 0 if abs(z + 1) < 1.5 else z.real
        beside = (right, z.imag), (em(0.5), 0), dict(va="center")
    at, offset, aligned = beside
    region.annotate(name, at, offset, textcoords="offset points", **aligned)
