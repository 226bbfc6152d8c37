"""Neural ODEs: two moons by one field, with and without time; a spiral from irregular observations; three adjoints."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

found, fig = {}, plt.figure(figsize=(16, 5), layout="constrained")
left, middle, right = fig.subplots(1, 3)
(x, y), (x_test, y_test) = (dnn.datasets.moons(1000, rng=k) for k in (0, 1))
still = dnn.ResidualField.random(4, 16, bias=1.0, rng=0)
moving = dnn.TimeDependent.random(4, 16, bias=1.0, rng=0)
flow = dnn.Flow(still, 0.1, dnn.RK4(), steps=10)
started = dnn.StartedAt(dnn.Flow(moving, 0.1, dnn.RK4(), steps=10))
for name, F, ax in (("moons", flow, left), ("moons, with time", started, middle)):
    net = dnn.Network(dnn.Lift(4, 2), F, dnn.Affine(2, 4, rng=1))
    loss, rate = dnn.SoftmaxCrossEntropy(), dnn.OneCycle(1e-3, 3e-2)
    dnn.fit(net, loss, x, y, dnn.Adam(rate), epochs=30, batch_size=100, rng=0)
    found[name] = dnn.attacks.accuracy(net, None, x_test, y_test)
    plotting.decision_regions(net, (-1.5, 2.5), (-1, 1.5), ax)
    plotting.layer_states([x[:200]], y[:200], [ax], s=4)
    ax.set(title=name)

# the continuous adjoint, beside those of the steps, of ⟨1, φ¹(x)⟩ for the learned field
z, w = dnn.Lift(4, 2)(x[:5]), np.ones((5, 4))
ways = {
    "continuous": dnn.continuous_adjoint(still, z, 1.0, rtol=1e-10, atol=1e-12)[1](w),
    "stored": dnn.Flow(still, 0.005, dnn.RK4(), steps=200).vjp(z)[1](w),
}
dtheta = [dtheta for _, dtheta in ways.values()]
found["adjoints differ by"] = abs(dtheta[0] - dtheta[1]).max() / abs(dtheta[0]).max()

rng = np.random.default_rng(0)
spiral = dnn.KnownField(lambda x: x**3 @ np.array([[-0.1, -2.0], [2.0, -0.1]]), 2)
t = np.append(0, np.sort(rng.uniform(0, 10, 150)))
seen, gaps = dnn.exact_flow(spiral, np.array([2.0, 0.0]), t), np.diff(t)[:, None]
X = dnn.ResidualField.random(2, 32, bias=1.0, rng=1)
own = dnn.Flow(dnn.OwnTime(X), 1 / 4, dnn.RK4(), steps=4)
net = dnn.Network(own, dnn.Selection([0, 1], 3))
data = np.hstack([seen[:-1], gaps]), seen[1:]
history = dnn.fit(net, dnn.MeanSquaredError(), *data, dnn.LBFGS(), epochs=500)
times = np.linspace(0, 10, 1000)
path = dnn.exact_flow(X, seen[0], times)
plotting.trajectories(np.stack([dnn.exact_flow(spiral, seen[0], times), path]), right)
right.plot(*seen.T, "o", markersize=3)
plotting.show()
found["spiral, error"] = history.loss[-1]
print(found)
