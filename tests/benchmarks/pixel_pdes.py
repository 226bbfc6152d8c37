"""Equations learned from films of 40×40 pixels: `python tests/benchmarks/pixel_pdes.py [heat] [fisher] [advection] [--seeds n]`.

One line a seed. heat, fisher: the relative errors of one step and of 20, on new images. advection: a film with noise, the
norm kept or not: relative errors after 10 and 40 frames, and by how much the norm changes in 10. The seconds are those of the training.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

import dynsys_nn as dnn
from figures.pixel_pdes import drifting, network

N, H = 40, 0.375
ALPHA = 0.2 / H  # dx = 1: 8αH + H < 2, so that Euler's steps of Fisher's equation are stable, too
MSE = dnn.MeanSquaredError()


def images(count, rng, shortest=2, power=0.5):
    """Random images, periodic, without waves shorter than so many pixels."""
    k = np.fft.fftfreq(N, 1 / N)
    long = shortest * abs(k) <= N
    size = long[:, None] * long / (1 + k[:, None] ** 2 + k**2) ** power
    u = np.fft.ifft2(size * np.fft.fft2(rng.normal(size=(count, N, N)))).real
    return (u / abs(u).max(axis=(1, 2), keepdims=True)).reshape(count, N * N)


def relative(found, truth):
    """‖found − truth‖/‖truth‖ of each image."""
    return np.linalg.norm(found - truth, axis=-1) / np.linalg.norm(truth, axis=-1)


def learned(X, u, rng, field, epochs):
    """The largest relative errors after 1 and 20 steps of the field, learned from 4 frames of 10 films."""
    film = dnn.trajectory(X, u, H * np.arange(21), dnn.Euler())
    x, y = (part.reshape(-1, N * N) for part in (film[:10, :4], film[:10, 1:5]))
    step = dnn.Flow(field, 1.0)
    dnn.fit(step, MSE, x, y, dnn.LBFGS(corrections=40, gtol=1e-15), epochs=epochs)
    found = dnn.Rollout(step, 20)(film[10:, 0])
    error = relative(found, film[10:, 1:]).max(axis=0)
    return f"1 step {error[0]:.1e}, 20 steps {error[-1]:.1e}"


def heat(seed):
    """u̇ = αΔu, by one stencil."""
    rng = np.random.default_rng(seed)
    D = dnn.PeriodicGradient((N, N))
    X = dnn.GradientField(D, dnn.Identity(), alpha=np.full(D.dim_out, ALPHA))
    return learned(X, images(20, rng), rng, network(N, False).field.parts[0], 100)


def fisher(seed):
    """u̇ = αΔu + u(1 − u), by the network of all of them."""
    rng = np.random.default_rng(seed)
    diffusion = dnn.LinearField(dnn.Laplacian((N, N), dx=ALPHA**-0.5))
    X = dnn.SumField(diffusion, dnn.KnownField(lambda u: u * (1 - u), N * N))
    u = (1 + np.tanh(8 * images(20, rng))) / 2
    return learned(X, u, rng, network(N, False).field, 400)


def advection(seed, noise=0.02):
    """A pattern that drifts by (0.6, 0.3) pixels a frame, of waves longer than five pixels."""
    rng, said = np.random.default_rng(seed), []
    u = images(30, rng, 16 / 3, power=1)
    film = drifting(u, N, (0.6, 0.3), 41)
    noisy = film[:10, :5] + noise * rng.normal(size=(10, 5, N * N))
    x, y = (part.reshape(-1, N * N) for part in (noisy[:, :-1], noisy[:, 1:]))
    for keep in (False, True):
        net = network(N, keep)
        dnn.fit(net, MSE, x, y, dnn.LBFGS(30), epochs=60)
        found = dnn.Rollout(net, 40)(film[10:, 0])
        error = relative(found, film[10:, 1:]).mean(axis=0)
        size = np.linalg.norm(found[:, 9], axis=-1) / np.linalg.norm(u[10:], axis=-1)
        name = "norm kept" if keep else "free"
        said.append(f"{name} {error[9]:.3f}, {error[39]:.3f}, norm {abs(size - 1).max():.0e}")
    return "   ".join(said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = {task.__name__: task for task in (heat, fisher, advection)}
    parser.add_argument("tasks", nargs="*", help=f"out of {', '.join(tasks)}; none: all")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for name in options.tasks or tasks:
        for seed in range(options.seeds):
            start = time.perf_counter()
            said = tasks[name](seed)
            print(f"{name:9} {seed}  {time.perf_counter() - start:5.1f} s  {said}", flush=True)


if __name__ == "__main__":
    main()
