"""A spherical pendulum in ℝ⁶: RK4, RK4 projected onto both constraints, RATTLE; and a flow that is learned there."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, fall, h = dnn.systems.spherical_pendulum(), dnn.systems.free_fall(), 0.05
length, radial, energy = (X.invariants[name] for name in ("length", "radial", "energy"))
t, found = h * np.arange(2001), {}
paths = {
    "RK4": dnn.trajectory(X, X.x0, t, dnn.RK4()),
    "projected": dnn.trajectory(X, X.x0, t, dnn.Projected(dnn.RK4(), length, radial)),
    "RATTLE": dnn.trajectory(fall, X.x0, t, dnn.Rattle(dnn.Sphere())),
}


def off(z):
    """How far from the constraints ‖q‖ = 1 and ⟨q, p⟩ = 0."""
    return np.maximum(abs(length(z) - 0.5), abs(radial(z)))


fig = plt.figure(figsize=(16, 5), layout="constrained")
sphere, drift, balance = (
    fig.add_subplot(1, 3, k, projection="3d" if k == 1 else None) for k in (1, 2, 3)
)
for name, z in paths.items():
    found[f"{name}, constraints"] = off(z).max()
    drift.semilogy(t, off(z) + 1e-17, label=name)
    plotting.energy(energy, z, t, balance, label=name)
E = energy(paths["RATTLE"])
found["RATTLE, energy, least"], found["RATTLE, energy, most"] = (f(E - E[0]) for f in (min, max))
right = dnn.exact_flow(X, X.x0, 2.0)
errors = [
    np.linalg.norm(dnn.Flow(fall, 2 / n, dnn.Rattle(dnn.Sphere()), steps=n)(X.x0) - right)
    for n in (80, 160)
]
found["RATTLE, order"] = np.log2(errors[0] / errors[1])

rng = np.random.default_rng(0)  # pairs on T*S², and a field of ℝ⁶ with steps projected onto it
q, p = rng.normal(size=(2, 1100, 3))
q /= np.linalg.norm(q, axis=-1, keepdims=True)
z = np.hstack([q, 0.7 * (p - (p * q).sum(axis=-1, keepdims=True) * q)])
y = dnn.exact_flow(X, z, 0.1)
learned = dnn.ResidualField.random(6, 60, bias=1.0, rng=rng)
net = dnn.Flow(learned, 0.1, dnn.Projected(dnn.Heun(), length, radial))
loss = dnn.MeanSquaredError()
dnn.fit(net, loss, z[:1000], y[:1000], dnn.LBFGS(), epochs=800)
found["learned, MSE"] = loss(net(z[1000:]), y[1000:])
path = dnn.Rollout(net, 200)(X.x0)
found["learned, constraints"] = off(path).max()
plotting.on_sphere(path[:, :3], sphere, radius=1)
drift.legend()
plotting.show()
print(found)
