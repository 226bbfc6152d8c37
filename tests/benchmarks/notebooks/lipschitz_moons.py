"""1LipschitzResNets, Theorem 3.1: gradient steps with τ ≤ 2/‖W‖² on the moons, an affine lift and a row of norm one."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting
from dynsys_nn.constraints import weights

(x, y), (x_test, y_test) = (dnn.datasets.moons(1000, noise=0.1, rng=k) for k in (0, 1))
fig, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
found = {}
for depth, ax in zip((2, 4, 8), axes, strict=True):
    rng = np.random.default_rng(0)
    fields = [dnn.GradientField.random(8, 16, dnn.ReLU(), rng=rng) for _ in range(depth)]
    flows = [dnn.Flow(X, 1.0) for X in fields]
    lift, row = dnn.Affine(8, 2, rng=rng), dnn.Affine(1, 8, rng=rng)
    net = dnn.Network(lift, *flows, row)
    sharp = dnn.Network(net, dnn.Frozen(dnn.Dense(1, 1, W=[[20]])))  # the logit of the loss
    at_most_1 = [dnn.NonExpansiveSteps(*flows), dnn.SpectralBall(*weights(lift, row))]
    dnn.fit(
        sharp, dnn.BinaryCrossEntropy(), x, y, dnn.Adam(dnn.OneCycle(1e-3, 2e-2)), epochs=60,
        batch_size=100, constraints=at_most_1, rng=rng,
    )  # fmt: skip
    two = dnn.Network(net, dnn.Dense(2, 1, W=[[0], [1]]))
    plotting.decision_regions(two, (-1.5, 2.5), (-1, 1.5), ax)
    plotting.layer_states([x], y, [ax], s=3)
    ax.set(title=f"{depth} layers, Lipschitz constant {net.lipschitz():.4f}")
    found[f"accuracy, {depth} layers"] = dnn.attacks.accuracy(two, None, x_test, y_test)
plotting.show()
found["Lipschitz"] = net.lipschitz()
found["measured"] = lipschitz.measured(net, x_test[:100])
found["mean radius"] = lipschitz.certified_radius(net, x_test).mean()
print(found)
