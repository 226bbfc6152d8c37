"""non-expansive-odes on the digits: denoisers by Euler, Heun and RK4 with n = ⌈T‖A‖²/2r⌉ steps; plug and play with missing
pixels converges, since D is averaged, and need not with a ResNet of the same size.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting

rng = np.random.default_rng(0)
x = rng.permutation(dnn.datasets.digits()[0])
noisy = x + 0.15 * rng.normal(size=x.shape)
(x, x_test), (noisy, noisy_test) = np.split(x, [1500]), np.split(noisy, [1500])
known = rng.random(64) < 0.5  # plug and play: the other pixels are missing


def trained(net, constraints=()):
    adam = dnn.Adam(dnn.OneCycle(1e-3, 1e-2))
    options = dict(epochs=30, batch_size=100, constraints=constraints, rng=rng)
    dnn.fit(net, dnn.MeanSquaredError(), noisy, x, adam, **options)
    return net


def plug_and_play(D, images, n=2000):
    """u ← D(u − Sᵀ(Su − y)), Su = y the pixels that are known; and how far u goes in each step."""
    u, moved = np.where(known, images, 0), []
    with np.errstate(all="ignore"):
        for _ in range(n):
            before, u = u, D(np.where(known, images, u))
            moved.append(np.linalg.norm(u - before, axis=-1))
    return u, np.array(moved)


found = {"noisy": dnn.psnr(noisy_test, x_test)}
for name, method in {"Euler": dnn.Euler(), "Heun": dnn.Heun(), "RK4": dnn.RK4()}.items():
    X = dnn.GradientField.random(64, 128, dnn.LeakyReLU(0.1), rng=0)
    D = dnn.Flow(X, 0.1, method)
    trained(D, [dnn.NonExpansiveSteps(D, T=1.0)])
    found[name] = dnn.psnr(D(noisy_test), x_test)
    found[f"{name}, Lipschitz"] = D.lipschitz()
fields = [dnn.ResidualField.random(64, 32, dnn.ReLU(), rng=rng) for _ in range(2)]
resnet = trained(dnn.Network(*[dnn.Flow(X, 0.3) for X in fields]))
found["ResNet"] = dnn.psnr(resnet(noisy_test), x_test)
found["α"] = lipschitz.averaged(D)
fig, axes = plt.subplots(1, 5, figsize=(16, 4), layout="constrained")
for name, net in (("ResNet", resnet), ("plug and play", D)):
    u, moved = plug_and_play(net, x_test[:20])
    axes[4].semilogy(moved.max(axis=-1), label=name)
    found[f"{name}, last step"] = moved[-1].max()
for ax, v in zip(axes, (x_test[0], noisy_test[0], D(noisy_test)[0], u[0]), strict=False):
    plotting.image(v, (8, 8), ax)
found["plug and play, PSNR"] = dnn.psnr(u, x_test[:20])
axes[4].legend()
plotting.show()
print(found)
