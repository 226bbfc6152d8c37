"""A PINN of one orbit, q̈ = −q − 0.05q̇ from (1, 0): good to T = 10, and no longer at T = 40."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, found = dnn.systems.damped_oscillator(0.05), {}
loss, x0 = dnn.MeanSquaredError(), np.array([1.0, 0.0])
fig, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
for T, ax in zip((10, 40), axes, strict=True):
    rng, t = np.random.default_rng(0), np.linspace(0, T, 400)
    hidden = dnn.ResidualField(dnn.Dense(30, 3, rng=rng), dnn.Tanh())
    N = dnn.Network(hidden, dnn.ResidualField(dnn.Dense(30, 30, rng=rng), dnn.Tanh()))
    F = dnn.TrialFlow(dnn.Network(N, dnn.Dense(2, 30, rng=rng)))
    z, zeros = np.hstack([np.tile(x0, (400, 1)), t[:, None]]), np.zeros((400, 2))
    R = dnn.Residual(F, X)  # at one x₀
    dnn.fit(R, loss, z, zeros, dnn.Adam(dnn.OneCycle(1e-3, 1e-2)), 100, batch_size=100, rng=rng)
    dnn.fit(R, loss, z, zeros, dnn.LBFGS(), epochs=1000)
    path, right = F(z), dnn.exact_flow(X, x0, t)
    plotting.components(t, path, ax, names=["q", "q̇"])
    plotting.components(t, right, ax, color="k", linestyle=":")
    ax.set(title=f"T = {T}")
    found[f"T = {T}, RMS"] = np.sqrt(loss(path, right))
plotting.show()
print(found)
