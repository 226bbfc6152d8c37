"""The paper's regressions, |x| + sin x + x² and sin³x + x³ with noise 0.01, by gradient and sphere-preserving flows; and
a field as the sum of two such parts.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

targets = {
    "abs x + sin x + x²": lambda x: np.abs(x) + np.sin(x) + x**2,
    "sin³x + x³": lambda x: np.sin(x) ** 3 + x**3,
}
fig, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
found, loss = {}, dnn.MeanSquaredError()
for (name, f), ax in zip(targets.items(), axes, strict=False):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (1500, 1))
    y = f(x) + 0.01 * rng.normal(size=x.shape)
    layers = []
    for _ in range(2):
        turn = dnn.SpherePreservingField.random(3, 6, bias=1.0, rng=rng)
        climb = dnn.GradientField.random(3, 6, sign=1, alpha=1.0, bias=1.0, rng=rng)
        layers += [dnn.Flow(turn, 1.0, dnn.Cayley()), dnn.Flow(climb, 1.0)]
    net = dnn.Network(dnn.Lift(3, 1), *layers, dnn.Affine(1, 3, rng=rng))
    dnn.fit(net, loss, x[:1000], y[:1000], dnn.LBFGS(), epochs=700)
    found[f"{name}, error"] = loss(net(x[1000:]), y[1000:])
    ax.plot(x[1000:], y[1000:], ".", np.sort(x[1000:], axis=0), net(np.sort(x[1000:], axis=0)))
    ax.set(title=name)

# a field with both parts, −∇V and S(x)x, learned from its values
rng = np.random.default_rng(0)
x, J = rng.uniform(-1.5, 1.5, (1500, 2)), np.array([[0.0, 1.0], [-1.0, 0.0]])


def sphere(x):
    return (1 + np.cos(x[..., :1] + x[..., 1:])) * x @ J


def field(x):
    return sphere(x) - np.sin(x) - x**3


turn = dnn.SpherePreservingField.random(2, 24, bias=1.0, rng=rng)
climb = dnn.GradientField.random(2, 24, sign=1, alpha=1.0, bias=1.0, rng=rng)
both = dnn.SumField(turn, climb)
dnn.fit(both, loss, x[:1000], field(x[:1000]), dnn.LBFGS(), epochs=500)
test = x[1000:]
found["field"] = np.linalg.norm(both(test) - field(test)) / np.linalg.norm(field(test))
found["its part"] = np.linalg.norm(turn(test) - sphere(test)) / np.linalg.norm(sphere(test))
plotting.phase_portrait(both, (-1.5, 1.5), (-1.5, 1.5), axes[2])
plotting.show()
print(found)
