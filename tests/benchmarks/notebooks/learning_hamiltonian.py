"""learningHamiltonian: T and V, an MLP 2-5-10-10-5-1, from 2024 trajectories of H = pᵀKp/2 + (q₁⁴ + q₂⁴)/4 + q₁q₂. Most
of the way by single steps of Störmer and Verlet, which are cheap, the rest by compositions of order four, so that what
is learned is H and not that of the steps.
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

rng, MSE, verlet = np.random.default_rng(0), dnn.MeanSquaredError(), dnn.StormerVerlet()
T = dnn.GradientField(dnn.Dense(2, 2, rng=rng), dnn.Identity(), sign=1)
V = dnn.GradientOf.random(2, (5, 10, 10, 5), bias=1.0, rng=rng)
learned, seconds = dnn.PartitionedField(T, V), 0.0
for method, steps, count, epochs in (
    (verlet, 1, 2024, 700),
    (dnn.Yoshida(verlet), 2, 1000, 200),
    (dnn.Yoshida(verlet), 2, 2024, 100),
):
    net = dnn.Rollout(dnn.Flow(learned, h / steps, method, steps), M)
    history = dnn.fit(net, MSE, x[:count], y[:count], dnn.LBFGS(corrections=60), epochs)
    seconds += history.seconds[-1]
A = T.A.W

t = np.linspace(0, 10, 501)
paths = [dnn.trajectory(F, x_test[0], t) for F in (X, learned)]
fig, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
for ax, pair in zip(axes, ((0, 2), (1, 3)), strict=False):
    plotting.trajectories(np.array(paths), ax, pair)
q = np.linspace(-1, 1, 101)
axes[2].plot(q, q**4 / 4, q, V.potential(q[:, None] * [1, 0]) - V.potential(np.zeros(2)))
plotting.show()
found = {
    "K11": (A.T @ A)[0, 0], "K12": (A.T @ A)[0, 1], "K22": (A.T @ A)[1, 1],
    "test MSE": MSE(net(x_test), y_test), "seconds": seconds,
}  # fmt: skip
print(found)
