"""SympFlow from data: 100 trajectories of the oscillator, each seen at 50 random times, without noise and with 0.02."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, found, t = dnn.systems.harmonic_oscillator(), {}, np.arange(101)
H = X.invariants["energy"]
fig, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
for noise, ax in zip((0.0, 0.02), axes, strict=True):
    rng = np.random.default_rng(0)
    x0, times = rng.uniform(-1.2, 1.2, (100, 1, 2)), rng.uniform(0, 1, (100, 50, 1))
    q, p = np.moveaxis(x0, -1, 0)
    c, s = np.cos(times[..., 0]), np.sin(times[..., 0])
    seen = np.stack([c * q + s * p, c * p - s * q], axis=-1) + noise * rng.normal(size=(100, 50, 2))
    z = np.concatenate([np.broadcast_to(x0, (100, 50, 2)), times], axis=-1).reshape(-1, 3)
    layers = [dnn.SympFlowLayer.random(2, 10, alpha=0.3, bias=1.0, rng=rng) for _ in range(3)]
    N = dnn.ResidualField(dnn.Dense(40, 3, rng=rng), dnn.Tanh(), dnn.Dense(2, 40, rng=rng))
    kinds = {
        "SympFlow": dnn.Network(*layers, dnn.Selection([0, 1], 3)),
        "unstructured": dnn.TrialFlow(N),
    }
    for kind, F in kinds.items():
        dnn.fit(F, dnn.MeanSquaredError(), z, seen.reshape(-1, 2), dnn.LBFGS(), epochs=500)
        path = np.vstack([X.x0, dnn.Rollout(dnn.FlowAt(F, 1.0), 100)(X.x0)])
        E = H(path) / H(X.x0)
        ax.plot(t, E, label=kind)
        for name, f in (("least", min), ("most", max)):
            found[f"{kind}, noise {noise:g}, {name}"] = f(E)
    ax.set(title=f"noise {noise:g}", xlabel="t", ylabel="H/H₀")
    ax.legend()
plotting.show()
print(found)
