"""1LipschitzResNets, Theorem 4.1: (max, min, id) beside a gradient step, rows |a₁| + |a₂| + |a₃| + ‖a₄‖ ≤ 1, on the moons."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting

(x, y), (x_test, y_test) = (dnn.datasets.moons(1000, noise=0.1, rng=k) for k in (0, 1))
rng, k = np.random.default_rng(0), 10
flows = [dnn.Flow(dnn.GradientField.random(k, 20, dnn.ReLU(), rng=rng), 1.0) for _ in range(2)]
first, second = (dnn.Parallel(dnn.MaxMin(3), F) for F in flows)
lift, between = dnn.Affine(3 + k, 2, rng=rng), dnn.Affine(3 + k, 3 + k, rng=rng)
net = dnn.Network(lift, first, between, second, dnn.Affine(1, 3 + k, rng=rng))
constraints = [dnn.NonExpansiveSteps(*flows), dnn.BlockBall(net)]
sharp = dnn.Network(net, dnn.Frozen(dnn.Dense(1, 1, W=[[50]])))  # its logit times 50, for the loss
dnn.fit(
    sharp, dnn.BinaryCrossEntropy(), x, y, dnn.Adam(dnn.OneCycle(1e-3, 3e-2)), epochs=100,
    batch_size=100, constraints=constraints, rng=rng,
)  # fmt: skip
two = dnn.Network(net, dnn.Dense(2, 1, W=[[0], [1]]))
fig, ax = plt.subplots(figsize=(7, 5), layout="constrained")
plotting.decision_regions(two, (-1.5, 2.5), (-1, 1.5), ax)
plotting.layer_states([x], y, [ax], s=3)
plotting.show()
found = {
    "accuracy": dnn.attacks.accuracy(two, None, x_test, y_test),
    "product of the norms": net.lipschitz(),
    "certified": lipschitz.each_output(net),
    "measured": lipschitz.measured(net, x_test[:100]),
    "mean radius": lipschitz.certified_radius(net, x_test).mean(),
}
print(found)
