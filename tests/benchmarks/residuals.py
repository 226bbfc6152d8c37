"""Flow maps as networks, trained by their residual or on noisy data, and followed for a long time: numbers beside those to be had.

    python tests/benchmarks/residuals.py                 # all, some three minutes
    python tests/benchmarks/residuals.py symplectic      # those whose name begins so
"""

import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np

import dynsys_nn as dnn

MSE, OSCILLATOR = dnn.MeanSquaredError(), dnn.systems.harmonic_oscillator()


def symplectic(rng, layers=4, width=16):
    """(x, t) ↦ x by SympFlowLayers with small kicks to begin with."""
    made = [
        dnn.SympFlowLayer.random(2, width, alpha=0.1, bias=1.0, rng=rng) for _ in range(layers)
    ]
    return dnn.Network(*made, dnn.Selection([0, 1], 3))


def unstructured(rng, width=24):
    """x + N(x, t) − N(x, 0) with two hidden layers."""
    A = dnn.Dense(width, 3, rng=rng)
    first, second = (
        dnn.ResidualField(A, dnn.Tanh()),
        dnn.ResidualField(dnn.Dense(width, width, rng=rng), dnn.Tanh()),
    )
    for X in (first, second):
        X.b = rng.normal(size=width)
    return dnn.TrialFlow(dnn.Network(first, second, dnn.Affine(2, width, rng=rng)))


def points(rng, n=500):
    """x₀ around the orbit of radius one, and t in [0, 1]."""
    return rng.uniform([-1.2, -1.2, 0], [1.2, 1.2, 1], (n, 3))


def exact(z):
    """The oscillator's solution."""
    q, p, t = np.moveaxis(z, -1, 0)
    return np.stack([q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t)], axis=-1)


def energies(F, T):
    """H/H₀ along F¹ composed T times, from (1, 0)."""
    return (dnn.Rollout(dnn.FlowAt(F, 1.0), T)(np.array([1.0, 0.0])) ** 2).sum(axis=-1)


def by_residual(make, epochs):
    """What a flow map of the oscillator that saw no solution does: error, and |H − H₀|, H₀ = ½."""
    rng = np.random.default_rng(0)
    F, z = make(rng), points(rng)
    dnn.fit(dnn.Residual(F, OSCILLATOR), MSE, z, np.zeros((len(z), 2)), dnn.LBFGS(), epochs=epochs)
    new = points(rng, 1000)
    H = energies(F, 500) / 2
    return {
        "mean squared error of the flow": MSE(F(new), exact(new)),
        "|H − H₀| to T = 100": np.abs(H[:100] - 0.5).max(),
        "|H − H₀| to T = 500": np.abs(H - 0.5).max(),
    }
