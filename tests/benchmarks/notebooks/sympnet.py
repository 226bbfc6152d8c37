"""SympNet: φ^0.1 of the oscillator from 900 pairs, by 5 blocks of width 1 and by a ResNet, 300 epochs of Adam(1e-2); T = 100."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng, X = np.random.default_rng(0), dnn.systems.harmonic_oscillator()
x = rng.uniform(-1, 1, (1000, 2))
y = dnn.exact_flow(X, x, 0.1)
blocks = [dnn.PartitionedField.random(2, 1, gradient=True, alpha=0.1, rng=rng) for _ in range(5)]
layers = [dnn.ResidualField.random(2, 5, rng=rng) for _ in range(5)]
nets = {
    "SympNet": dnn.Network(*[dnn.Flow(B, 1.0, dnn.SymplecticEuler()) for B in blocks]),
    "ResNet": dnn.Network(*[dnn.Flow(L, 0.1) for L in layers]),
}
fig, (orbits, energies) = plt.subplots(2, 2, figsize=(12, 10), layout="constrained")
H, x0, t, found = X.invariants["energy"], X.x0, 0.1 * np.arange(1001), {}
for (name, net), orbit, energy in zip(nets.items(), orbits, energies, strict=True):
    options = dict(batch_size=32, validation=(x[900:], y[900:]), rng=rng)
    history = dnn.fit(net, dnn.MeanSquaredError(), x[:900], y[:900], dnn.Adam(1e-2), 300, **options)
    path = np.vstack([x0, dnn.Rollout(net, 1000)(x0)])
    plotting.trajectories(path, orbit)
    plotting.energy(H, path, t, energy)
    orbit.set(title=name, aspect="equal")
    found[f"{name}, loss"], found[f"{name}, on others"] = history.loss[-1], history.validation[-1]
    found[f"{name}, |E/E0 - 1|"] = abs(H(path) / H(x0) - 1).max()
    found[f"{name}, seconds"] = history.seconds[-1]
plotting.show()
print(found)
