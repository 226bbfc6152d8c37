"""adversarial_robustness: a convolutional ResNet, and layers whose steps adapt to their weights, clean and under attack.

On the digits; on Fashion-MNIST if DYNSYS_NN_DATA names its folder.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting

rng, eps = np.random.default_rng(0), np.array([0, 0.3, 0.8])
try:
    (x, y), (x_test, y_test) = dnn.datasets.fashion_mnist(), dnn.datasets.fashion_mnist(train=False)
    name, image, pool = "Fashion-MNIST", (28, 28), 2
except FileNotFoundError:
    (x, y), name, image = dnn.datasets.digits(), "digits", (8, 8)
    order = rng.permutation(len(x))
    x, x_test = np.split(x[order], [1400])
    y, y_test = np.split(y[order], [1400])


def attack(eps):
    return dnn.PGD(eps, steps=100, restarts=1, step=0.025 * eps)


def convolution():
    return dnn.Convolution(8, 8, image, rng=rng)


def network(flows):
    pooled = dnn.AveragePooling(8, image)
    last = dnn.Affine(10, pooled.dim_out, rng=rng)
    return dnn.Network(dnn.ChannelLift(8, 1, image), *flows, pooled, last)


fields = [dnn.ResidualField(convolution(), dnn.ReLU(), convolution()) for _ in range(3)]
resnet = network([dnn.Flow(X, 0.3) for X in fields])
flows = [dnn.Flow(dnn.GradientField(convolution(), dnn.ReLU()), 1.0) for _ in range(3)]
stable = network(flows)
adapted, found = dnn.NonExpansiveSteps(*flows, T=1.0), {}
for kind, net, constraints in (("ResNet", resnet, []), ("non-expansive", stable, [adapted])):
    history = dnn.fit(
        net, dnn.MulticlassHinge(), x, y, dnn.Adam(dnn.OneCycle(1e-3, 5e-3)), epochs=8,
        batch_size=50, constraints=constraints, clip=1.0, rng=rng,
    )  # fmt: skip
    right = attacks.attacked_accuracy(net, x_test[:100], y_test[:100], eps, attack)
    for e, share in zip(eps, right, strict=True):
        found[f"{kind}, accuracy at {e:g}"] = share
    found[f"{kind}, certified at 0.14"] = lipschitz.certified_accuracy(net, x_test, y_test, 0.141)
    found[f"{kind}, seconds"] = history.seconds[-1]
fig, axes = plt.subplots(2, 5, figsize=(12, 5), layout="constrained")
for net, row in zip((resnet, stable), axes, strict=True):
    for e, ax in zip((0, 0.1, 0.5, 1, 2), row, strict=True):
        attacked = attack(e)(net, x_test[0], y_test[0])
        plotting.image(attacked, image, ax)
        ax.set(title=f"at {e}: {net(attacked).argmax()}")
plotting.show()
found["largest constant of a layer"] = max(F.lipschitz() for F in flows)
found["steps"] = [F.steps for F in flows]
print(name, found)
