"""hamiltonianNeuralNetworks: a swiss roll in ℝ⁴, 12 layers, T = 1.2: what is left of a gradient, after each step."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

N, h, into_R4 = 12, 0.1, dnn.Selection([0, 3], 4)
x, y = dnn.datasets.swiss_roll(1000, rng=0)


def symplectic(rng):
    X = dnn.PartitionedField.random(4, 32, gradient=True, bias=3.0, rng=rng)
    return dnn.Flow(X, h, dnn.SymplecticEuler())


def residual(rng):
    return dnn.Flow(dnn.ResidualField.random(4, 32, bias=3.0, rng=rng), h)


def plain(rng):
    return dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Tanh())


def norms(net, x):
    """‖∂y_N/∂y_j‖, j = 0, …, N − 1, for one x."""
    M, found = np.eye(4), []
    for layer, y in zip(net[N - 1 :: -1], net.states(x)[N - 1 :: -1], strict=True):
        M = M @ layer.jacobian(y)
        found.append(np.linalg.norm(M, 2))
    return found[::-1]


def train(layer, rate, above, below):
    rng, seen = np.random.default_rng(0), []
    layers = [layer(rng) for _ in range(N)]
    net = dnn.Network(*layers, dnn.Affine(1, 4, rng=rng))
    data = net, dnn.BinaryCrossEntropy(), x @ into_R4, y
    options = dict(
        epochs=100, penalties=[dnn.Smoothness(*layers, weight=1e-6)],
        after_step=lambda *_: seen.append(norms(net, x[0] @ into_R4)),
    )  # fmt: skip
    dnn.fit(*data, dnn.Adam(dnn.OneCycle(1e-3, rate)), batch_size=50, rng=rng, **options)
    dnn.fit(*data, dnn.LBFGS(), **options)
    two = dnn.Network(net, dnn.Dense(2, 1, W=[[0], [1]]))
    above.semilogy(seen)
    above.set(title=layer.__name__)
    plotting.decision_regions(lambda x: two(x @ into_R4), (-1.3, 1.3), (-1.3, 1.3), below)
    plotting.layer_states([x], y, [below], s=4)
    return dnn.attacks.accuracy(two, None, x @ into_R4, y), np.min(seen)


fig, axes = plt.subplots(2, 3, figsize=(16, 10), layout="constrained")
kinds, found = ((symplectic, 1e-2), (residual, 1e-2), (plain, 5e-2)), {}
for (layer, rate), pair in zip(kinds, axes.T, strict=True):
    name = layer.__name__
    found[f"{name}, accuracy"], found[f"{name}, least norm"] = train(layer, rate, *pair)
plotting.show()
print(found)
