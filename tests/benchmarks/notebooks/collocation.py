"""mathone-ode: implicit Runge–Kutta methods; Gauss 2, 4, 6 and their orders, and Kepler's planet for 50 periods."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, x0, found = dnn.systems.pendulum(), np.array([1.5, 0.0]), {}
exact = dnn.exact_flow(X, x0, 2.0)
fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
for s in (1, 2, 3):
    n = np.array([4, 8, 16])
    ends = [dnn.trajectory(X, x0, np.linspace(0, 2, k + 1), dnn.Gauss(s))[-1] for k in n]
    errors = np.linalg.norm(np.array(ends) - exact, axis=-1)
    plotting.convergence(2 / n, errors, 2 * s, left, label=f"Gauss {s}")
    found[f"order, s = {s}"] = np.log2(errors[-2] / errors[-1])
left.legend()

kepler, t = dnn.systems.kepler(0.6), 2 * np.pi / 60 * np.arange(3001)
H, L = kepler.invariants["energy"], kepler.invariants["angular_momentum"]
for s in (2, 3):
    x = dnn.trajectory(kepler, kepler.x0, t, dnn.Gauss(s))
    plotting.energy(H, x, t, right, label=f"Gauss {s}")
    found[f"energy, s = {s}"] = abs(H(x) - H(x[0])).max()
    found[f"angular momentum, s = {s}"] = abs(L(x) - L(x[0])).max()
right.legend()
plotting.show()
tableau = dnn.RungeKutta([[1 / 2]], [1])  # any tableau: this one is the midpoint rule
step = tableau.step(X, x0, 0.1) - dnn.ImplicitMidpoint().step(X, x0, 0.1)
found["tableau of the midpoint rule"] = abs(step).max()
print(found)
