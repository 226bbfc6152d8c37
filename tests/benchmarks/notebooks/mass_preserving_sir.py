"""Thesis: the SIR flow learned over five steps, by mass-preserving layers and by a ResNet; roll-out of 100."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng, h = np.random.default_rng(0), 1.0
true = dnn.systems.sir(0.1, 0.1)
x = rng.dirichlet(np.ones(3), 600)
y = dnn.exact_flow(true, x, h * np.arange(1, 6))
kinds = {
    "constrained": lambda: dnn.MassPreservingField.random(3, 8, bias=1.0, rng=rng),
    "unconstrained": lambda: dnn.ResidualField.random(3, 12, bias=1.0, rng=rng),
}
x0 = np.array([0.3, 0.5, 0.2])
t = h * np.arange(101)
right = dnn.exact_flow(true, x0, t)
fig, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
found = {}
for (kind, field), (states, total) in zip(kinds.items(), axes.T, strict=True):
    net = dnn.Network(*[dnn.Flow(field(), h / 2) for _ in range(2)])
    five, loss = dnn.Rollout(net, 5), dnn.MeanSquaredError()
    dnn.fit(five, loss, x[:500], y[:500], dnn.LBFGS(), epochs=2000)
    path = np.vstack([x0, dnn.Rollout(net, 100)(x0)])
    plotting.components(t, path, states, names=list("SIR"))
    plotting.components(t, right, states, color="k", linestyle=":")
    plotting.invariant_drift(dnn.Mass(), path, t, total)
    states.set(title=f"{kind}, {net.theta.size} parameters")
    found[f"{kind}, MSE"] = loss(five(x[500:]), y[500:])
    found[f"{kind}, mass"] = abs(path.sum(axis=-1) - 1).max()
    found[f"{kind}, states"] = abs(path - right).max()
plotting.show()
print(found)
