"""PredictingPixelData, 40 × 40: heat, Fisher's equation, and advection with and without its norm, learned from frames with
noise, by fields on 5 × 5 stencils.
"""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

image, n, frames = (40, 40), 40, 5
kx, ky = np.meshgrid(np.fft.fftfreq(n, 1 / n), np.fft.fftfreq(n, 1 / n))


def pictures(count, rough, rng):
    """Pictures with values in [0, 1], most of them near the ends where they are rough."""
    u = rng.normal(size=(count, n, n)) + 0j
    u = np.fft.ifft2(np.fft.fft2(u) * np.exp(-(kx**2 + ky**2) / rough)).real
    u /= abs(u).max(axis=(1, 2), keepdims=True)
    return (1 + np.tanh(rough / 25 * u)).reshape(count, -1) / 2


def evolved(u, name, steps):
    """The frames u_0, …, u_steps."""
    if name != "advection":
        heat, grows = dnn.LinearField(dnn.Laplacian(image, 0.5)), name == "Fisher"
        X = dnn.KnownField(lambda u: 0.3 * heat(u) + grows * u * (1 - u), n * n)
        return dnn.trajectory(X, u, np.linspace(0, 0.03 * steps, steps + 1))
    symbol = -2j * np.pi * (0.3 * kx + 0.2 * ky) / n  # a shift by (0.3, 0.2) pixels
    hat = np.fft.fft2(u.reshape(-1, n, n))[:, None]
    hat = hat * np.exp(symbol * np.arange(steps + 1)[:, None, None])
    return np.fft.ifft2(hat).real.reshape(len(u), steps + 1, -1)


def stencil(size, start):
    W = np.full((1, 1, size, size), start)
    return dnn.Convolution(1, 1, image, size, W=W)


def field():
    """K ∗ u + B ∗ max(au + b, 0)², from K = B = 0, a = 1."""
    products = dnn.ResidualField(stencil(1, 1.0), dnn.ReLUSquared(), stencil(5, 0.0))
    return dnn.SumField(dnn.LinearField(stencil(5, 0.0)), products)


fig, axes = plt.subplots(3, 4, figsize=(16, 11), layout="constrained")
found, loss, norm = {}, dnn.MeanSquaredError(), dnn.SquaredNorm()
kinds = "heat", "Fisher", "advection", "advection, norm kept"
for kind, column in zip(kinds, axes.T, strict=True):
    rng, keeps = np.random.default_rng(0), kind.endswith("kept")
    advected = kind.startswith("advection")
    rough, noise, method = (20, 0.01, dnn.Heun()) if advected else (200, 0.0, dnn.RK4())
    u = evolved(pictures(12, rough, rng), kind.split(",")[0], 10)
    seen = u[:, : frames + 1] + noise * rng.normal(size=u[:, : frames + 1].shape)
    X = dnn.TangentField(field(), norm) if keeps else field()
    net = dnn.Flow(X, 1.0, dnn.Projected(method, norm) if keeps else method)
    pairs = seen[:10, :-1].reshape(-1, n * n), seen[:10, 1:].reshape(-1, n * n)
    dnn.fit(net, loss, *pairs, dnn.LBFGS(), epochs=150)
    v = np.concatenate([u[10:, :1], dnn.Rollout(net, 10)(u[10:, 0])], axis=1)
    off = net(u[10:, 0]) - u[10:, 1]
    found[f"{kind}, error of a step"] = np.linalg.norm(off) / np.linalg.norm(u[10:, 1])
    found[f"{kind}, error after 10"] = np.linalg.norm(v - u[10:]) / np.linalg.norm(u[10:])
    size = np.linalg.norm(v, axis=-1)
    found[f"{kind}, norm"] = abs(size / size[:, :1] - 1).max()
    for ax, picture in zip(column, (u[10, 0], u[10, -1], v[0, -1]), strict=True):
        plotting.image(picture, image, ax)
    column[0].set(title=kind)
plotting.show()
print(found)
