"""learningHamiltonian: T and V from 2024 trajectories of H = pᵀKp/2 + (q₁⁴ + q₂⁴)/4 + q₁q₂, by compositions of
Störmer and Verlet's step of order four, so that what is learned is H and not that of the steps.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng, h, M = np.random.default_rng(0), 0.06, 5
K = np.array([[5.0, -1.0], [-1.0, 5.0]])
force = dnn.KnownField(lambda q: -(q**3) - q[..., ::-1], 2)
X = dnn.PartitionedField(dnn.Dense(2, 2, W=K), force)
x = rng.uniform(-1, 1, (2524, 4))
y = dnn.exact_flow(X, x, h * np.arange(1, M + 1))
(x, x_test), (y, y_test) = np.split(x, [2024]), np.split(y, [2024])

T = dnn.GradientField(dnn.Dense(2, 2, rng=rng), dnn.Identity(), sign=1)
V = dnn.GradientField.random(2, 40, alpha=1.0, bias=1.0, rng=rng)
step = dnn.Yoshida(dnn.StormerVerlet())
flow = dnn.Flow(dnn.PartitionedField(T, V), h / 2, step, steps=2)
net = dnn.Rollout(flow, M)
history = dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs=550)
A = T.A.W

t = np.linspace(0, 10, 501)
paths = [dnn.trajectory(F, x_test[0], t) for F in (X, flow.field)]
fig, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
for ax, pair in zip(axes, ((0, 2), (1, 3)), strict=False):
    plotting.trajectories(np.array(paths), ax, pair)
q = np.linspace(-1, 1, 101)
axes[2].plot(q, q**4 / 4, q, V.potential(q[:, None] * [1, 0]) - V.potential(np.zeros(2)))
plotting.show()
found = {
    "K11": (A.T @ A)[0, 0], "K12": (A.T @ A)[0, 1], "K22": (A.T @ A)[1, 1],
    "test MSE": dnn.MeanSquaredError()(net(x_test), y_test), "seconds": history.seconds[-1],
}  # fmt: skip
print(found)
