"""Heat and wave equation, D forward differences on a periodic grid, DᵀD = −Δ: CFL is non-expansiveness."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

n, dx, alpha = 40, 1 / 40, 1.0
D = dnn.PeriodicGradient((n, n), dx)
conductivity = np.full(D.dim_out, alpha)
heat, found = dnn.GradientField(D, dnn.Identity(), alpha=conductivity), {}
cfl = dx**2 / (4 * alpha)
found["longest step / CFL"] = dnn.Euler().non_expansive_step(heat) / cfl

# a Fourier mode is multiplied by 1 − h·(its eigenvalue), step by step
h = 0.24 * dx**2 / alpha
X, Y = np.meshgrid(np.arange(n), np.arange(n))
mode = np.cos(2 * np.pi * (2 * X + 3 * Y) / n).ravel()
after = dnn.trajectory(heat, mode, h * np.arange(51), dnn.Euler())
found["decay of mode (2, 3)"] = (after[1] @ mode) / (mode @ mode)
found["after 50 steps"] = abs(after[-1] - found["decay of mode (2, 3)"] ** 50 * mode).max()

spot = np.exp(-((X - 20) ** 2 + (Y - 20) ** 2) / 20).ravel()
fig, axes = plt.subplots(2, 3, figsize=(14, 9), layout="constrained")
for factor, ax in zip((0.98, 1.02), axes[0, :2], strict=True):
    t = factor * cfl * np.arange(201)
    frames = dnn.trajectory(heat, spot + 1e-3 * (-1.0) ** (X + Y).ravel(), t, dnn.Euler())
    found[f"norm after 200 steps, {factor} CFL"] = np.linalg.norm(frames[-1] / spot.max())
    plotting.image(frames[-1], (n, n), ax)
    ax.set(title=f"{factor} CFL")
    axes[0, 2].semilogy(np.linalg.norm(frames, axis=-1), label=f"{factor} CFL")
axes[0, 2].legend()

# u̇ = v, v̇ = Δu
wave = dnn.PartitionedField(dnn.Lift(n * n, n * n), heat)  # a Lift that adds nothing: v ↦ v


def energy(z):
    """(‖v‖² + ‖Du‖²)/2."""
    u, v = wave.split(z)
    return ((v**2).sum(axis=-1) + (D(u) ** 2).sum(axis=-1)) / 2


z0, t = np.concatenate([spot, 0 * spot]), 0.38 * dx * np.arange(401)
methods = {"Störmer–Verlet": dnn.StormerVerlet(), "Heun": dnn.Heun()}
for (name, method), ax in zip(methods.items(), axes[1], strict=False):
    z = dnn.trajectory(wave, z0, t, method)
    E = energy(z)
    found[f"wave, {name}"] = abs(E / E[0] - 1).max()
    axes[1, 2].semilogy(t, E, label=name)
    plotting.image(z[280, : n * n], (n, n), ax)
    ax.set(title=name)
axes[1, 2].legend()
plotting.show()
print(found)
