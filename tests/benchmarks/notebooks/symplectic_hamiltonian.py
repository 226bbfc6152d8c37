"""symplecticHamiltonian: H = q₁²/2 + cos q₂ + ‖p‖²/2, 5000 steps to T = 500: symplectic Euler, Strang, RK45; H − H₀."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import dynsys_nn as dnn
from dynsys_nn import plotting


def V(q):
    return q[..., 0] ** 2 / 2 + np.cos(q[..., 1])


def dV(q):
    return np.stack([q[..., 0], -np.sin(q[..., 1])], axis=-1)


x0, t = np.array([1.0, 0.5, 0.0, 0.0]), np.linspace(0, 500, 5001)
X = dnn.systems.separable(V, dV, "complex step", x0)
H, zero = X.invariants["energy"], dnn.Zero(2, 2)
parts = dnn.SumField(dnn.PartitionedField(X.f, zero), dnn.PartitionedField(zero, X.g))
paths = {
    "symplectic Euler": dnn.trajectory(X, x0, t, dnn.SymplecticEuler()),
    "Strang": dnn.trajectory(parts, x0, t, dnn.Strang(dnn.ExactFlow())),
    "RK45": solve_ivp(X.rhs, (0, 500), x0, t_eval=t, atol=1e-4).y.T,
}
fig, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
found = {}
for ax, (name, x) in zip(axes, paths.items(), strict=True):
    plotting.energy(H, x, t, ax)
    ax.set(title=name)
    found[f"{name}, least"], found[f"{name}, most"] = (f(H(x) - H(x0)) for f in (min, max))
plotting.show()
M = dnn.Flow(parts, 0.1, dnn.Strang(dnn.ExactFlow())).jacobian(x0)
J = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
found["symplectic"] = abs(M.T @ J @ M - J).max()
print(found)
