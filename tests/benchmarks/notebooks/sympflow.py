"""SympFlow without data: symplectic layers in (x, t), trained by the oscillator's residual; H − H₀ to T = 500."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng, X = np.random.default_rng(0), dnn.systems.harmonic_oscillator()
layers = [dnn.SympFlowLayer.random(2, 10, alpha=0.3, bias=1.0, rng=rng) for _ in range(5)]
net = dnn.Network(*layers)
F = dnn.Network(net, dnn.Selection([0, 1], 3))
z = np.hstack([rng.uniform(-1.2, 1.2, (1000, 2)), rng.uniform(0, 1, (1000, 1))])  # x₀ and t
R, loss = dnn.Residual(F, X), dnn.MeanSquaredError()
history = dnn.fit(R, loss, z, np.zeros((1000, 2)), dnn.LBFGS(), epochs=1500)
one = dnn.FlowAt(net, 1.0)
H, t = X.invariants["energy"], np.arange(501)
path = np.vstack([X.x0, dnn.Rollout(one, 500)(X.x0)])
fig, (orbit, drift) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
orbit.plot(*path[:101].T, ".")
orbit.set(aspect="equal")
plotting.energy(H, path, t, drift)
plotting.show()
x = z[:, :2]
found = {
    "residual": history.loss[-1],
    "MSE of the flow": loss(one(x), dnn.exact_flow(X, x, 1.0)),
    "H − H₀ to T = 500": abs(H(path) - H(X.x0)).max(),
    "symplectic": abs(np.linalg.det(one.jacobian(x[:100])) - 1).max(),
    "seconds": history.seconds[-1],
}
print(found)
