"""Thesis: the free rigid body by Lie–Euler, x ← exp(h hat(−I⁻¹x))x, and by a commutator-free method of order four."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

body, t = dnn.systems.rigid_body(), 0.05 * np.arange(801)
X = dnn.LieField(dnn.Dense(3, 3, W=-np.diag(1 / np.array([2.0, 1.0, 2 / 3]))))
exact = dnn.exact_flow(body, body.x0, t[-1])
methods = {"Lie–Euler": dnn.LieEuler(), "commutator-free 4": dnn.CommutatorFree4()}
fig, found = plt.figure(figsize=(12, 6), layout="constrained"), {}
for k, (name, method) in enumerate(methods.items()):
    x = dnn.trajectory(X, body.x0, t, method)
    ax = fig.add_subplot(1, 2, 1 + k, projection="3d")
    plotting.on_sphere(x, ax, radius=1)
    ax.set(title=name)
    found[f"{name}, ‖x‖"] = abs(np.linalg.norm(x, axis=-1) - 1).max()
    found[f"{name}, error"] = np.linalg.norm(x[-1] - exact)
    I = body.invariants["energy"](x)
    found[f"{name}, energy"] = abs(I - I[0]).max()
errors = [
    np.linalg.norm(
        dnn.trajectory(X, body.x0, np.linspace(0, 4, n + 1), methods["commutator-free 4"])[-1]
        - dnn.exact_flow(body, body.x0, 4.0)
    )
    for n in (80, 160)
]
found["commutator-free 4, order"] = np.log2(errors[0] / errors[1])
plotting.show()
print(found)
