"""Flow maps with the time as an input, by their residual and from data, followed for a long time.

    python tests/benchmarks/residuals.py                 # all, some two minutes of one core
    python tests/benchmarks/residuals.py sympflow pinn   # those whose names begin so
    python tests/benchmarks/residuals.py --seed 1

A line each: what came out, what was reported, and the seconds of a processor that the training took. The oscillator's H is
½(q² + p²); x ↦ F(x, 1) is composed from (1, 0), where H = ½.
"""

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np

import dynsys_nn as dnn

MSE, OSCILLATOR = dnn.MeanSquaredError(), dnn.systems.harmonic_oscillator()


# ---- the maps


def symplectic(rng, layers=4, width=16):
    """(x, t) ↦ x by SympFlowLayers, whose kicks are small to begin with."""
    small = dict(alpha=0.1, bias=1.0, rng=rng)
    kicks = [dnn.SympFlowLayer.random(2, width, **small) for _ in range(layers)]
    return dnn.Network(*kicks, dnn.Selection([0, 1], 3))


def unstructured(rng, width=24):
    """x + N(x, t) − N(x, 0), N with two hidden layers."""
    hidden = [dnn.ResidualField(dnn.Dense(width, d, rng=rng), dnn.Tanh()) for d in (3, width)]
    for X in hidden:
        X.b = rng.normal(size=width)
    return dnn.TrialFlow(dnn.Network(*hidden, dnn.Affine(2, width, rng=rng)))


# ---- the oscillator


def points(rng, n):
    """x around the orbit of radius one, and t in [0, 1]."""
    return rng.uniform([-1.2, -1.2, 0], [1.2, 1.2, 1], (n, 3))


def exact(z):
    """The oscillator's solution."""
    q, p, t = np.moveaxis(z, -1, 0)
    return np.stack([q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t)], axis=-1)


def energies(F, T):
    """H/H₀ at t = 1, …, T."""
    return (dnn.Rollout(dnn.FlowAt(F, 1.0), T)(np.array([1.0, 0.0])) ** 2).sum(axis=-1)


def by_residual(make, epochs, rng):
    """What a flow map of the oscillator that saw no solution does."""
    F, z = make(rng), points(rng, 500)
    dnn.fit(dnn.Residual(F, OSCILLATOR), MSE, z, 0 * z[:, :2], dnn.LBFGS(), epochs=epochs)
    new, off = points(rng, 1000), np.abs(energies(F, 500) - 1) / 2
    return (
        f"mean squared error {MSE(F(new), exact(new)):.1e}, "
        f"|H − H₀| {off[:100].max():.1e} to T = 100, {off.max():.1e} to 500"
    )


def from_data(make, noise, rng):
    """The same from 100 solutions, each seen at 50 random times in [0, 1], with noise."""
    F, z = make(rng), points(rng, 5000).reshape(100, 50, 3)
    z[..., :2] = z[:, :1, :2]
    z = z.reshape(-1, 3)
    seen = exact(z) + noise * rng.normal(size=(len(z), 2))
    dnn.fit(F, MSE, z, seen, dnn.LBFGS(), epochs=300)
    E = energies(F, 100)
    return f"mean squared error {MSE(F(z), exact(z)):.1e}, H/H₀ in [{E.min():.3f}, {E.max():.3f}] to T = 100"


def one_orbit(T, rng, width=20, n=200):
    """q̈ = −q − 0.05q̇ from (1, 0): the one orbit on [0, T] directly."""
    X, t = dnn.systems.damped_oscillator(0.05), np.linspace(0, T, n)
    F, z = unstructured(rng, width), np.stack([0 * t + 1, 0 * t, t], axis=-1)
    for optimiser in (dnn.Adam(dnn.Cosine(1e-2)), dnn.LBFGS()):
        dnn.fit(dnn.Residual(F, X), MSE, z, 0 * z[:, :2], optimiser, epochs=1000)
    q = dnn.exact_flow(X, z[0, :2], t[1:])[:, 0]
    return f"root of the mean squared error of q {np.sqrt(np.mean((F(z[1:])[:, 0] - q) ** 2)):.1e}"


#: name → (what is run, what was reported)
RUNS = {
    "sympflow by its residual": (
        lambda rng: by_residual(symplectic, 3000, rng), "2.8e-9, 4.1e-4 to 500",
    ),
    "unstructured by its residual": (
        lambda rng: by_residual(unstructured, 3000, rng), "6e-3 to 100, 3e-2 to 500",
    ),
    "sympflow from data": (
        lambda rng: from_data(lambda rng: symplectic(rng, 3, 10), 0.0, rng), "[0.984, 1.007]",
    ),
    "sympflow from data, noise 0.02": (
        lambda rng: from_data(lambda rng: symplectic(rng, 3, 10), 0.02, rng), "[0.988, 1.009]",
    ),
    "unstructured from data": (lambda rng: from_data(unstructured, 0.0, rng), "up to 1.74"),
    "unstructured from data, noise 0.02": (
        lambda rng: from_data(unstructured, 0.02, rng), "up to 3.92",
    ),
    "pinn to T = 10": (lambda rng: one_orbit(10, rng), "6.8e-3"),
    "pinn to T = 40": (lambda rng: one_orbit(40, rng), "0.45: it does not learn it"),
}  # fmt: skip

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"beginnings of {', '.join(RUNS)}")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name, (run, reference) in RUNS.items():
        if not given.names or name.startswith(tuple(given.names)):
            start = time.process_time()
            found = run(np.random.default_rng(given.seed))
            seconds = time.process_time() - start
            print(f"{name}: {found} ({reference}), {seconds:.0f} s", flush=True)
