"""freeRigidBody: 800 steps of h = 0.05 by Euler's method and the implicit midpoint rule; ‖m‖² and Σ m_i²/I_i."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, t = dnn.systems.rigid_body(), 0.05 * np.arange(801)
methods = {"Euler": dnn.Euler(), "midpoint": dnn.ImplicitMidpoint()}
fig, found = plt.figure(figsize=(12, 10), layout="constrained"), {}
for k, (name, method) in enumerate(methods.items()):
    m = dnn.trajectory(X, X.x0, t, method)
    ax = fig.add_subplot(2, 2, 1 + k, projection="3d")
    plotting.on_sphere(m, ax, radius=1)
    ax.set(title=name)
    ax = fig.add_subplot(2, 2, 3 + k)
    for kept, I in X.invariants.items():
        plotting.invariant_drift(I, m, t, ax, label=kept)
        found[f"{name}, {kept}"] = 2 * abs(I(m) - I(m[0])).max()
    ax.legend()
plotting.show()
print(found)
