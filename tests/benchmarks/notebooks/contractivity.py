"""Non-expansive methods: radii of circle contractivity, the longest step of each, and B-stability."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting

methods = {
    "Euler": dnn.Euler(),
    "Heun": dnn.Heun(),
    "SSP, order 3": dnn.RungeKutta([[], [1], [1 / 4, 1 / 4]], [1 / 6, 1 / 6, 2 / 3]),
    "RK4": dnn.RK4(),
    "Ralston": dnn.Ralston(),
    "Kutta, order 3": dnn.Kutta3(),
    "Kutta, 3/8": dnn.RungeKutta([[], [1 / 3], [-1 / 3, 1], [1, -1, 1]], [1 / 8, 3 / 8, 3 / 8, 1 / 8]),
    "explicit midpoint": dnn.ExplicitMidpoint(),
    "implicit Euler": dnn.ImplicitEuler(),
    "Gauss 2": dnn.Gauss(2),
}  # fmt: skip
X = dnn.GradientField.random(2, 16, dnn.ReLU(), bias=1.0, rng=0)
x = np.random.default_rng(0).normal(size=(20, 2))
fig, axes = plt.subplots(2, 5, figsize=(16, 7), layout="constrained")
found, circle = {}, np.exp(2j * np.pi * np.linspace(0, 1, 201))
for ax, (name, method) in zip(axes.flat, methods.items(), strict=True):
    found[name] = r = method.contractivity_radius()
    plotting.stability_region(method.stability_function, (-5, 1), (-3, 3), ax)
    if np.isfinite(r):
        ax.plot((r * (circle - 1)).real, (r * circle).imag)
    ax.set(title=name)
    if r > 0:  # theorem: h ≤ 2νr; for B-stable methods, any h
        step = dnn.Flow(X, min(method.non_expansive_step(X), 10.0), method)
        assert step.lipschitz() == 1.0 and lipschitz.measured(step, x, steps=20) <= 1 + 1e-12
plotting.show()
found["longest step of Euler, times ‖A‖²/2"] = (
    dnn.Euler().non_expansive_step(X) * X.A.singular_range()[1] ** 2 / 2
)
print(found)
