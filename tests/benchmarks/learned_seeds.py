"""What the figures, tutorials and tests assert for one seed, over many: `python tests/benchmarks/learned_seeds.py [name …] [--seeds n]`.

Names: oscillator, pendulum, hamiltonian, line, matched, plane. One line a seed; the seconds are those of the training.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np
from scipy.stats import qmc

import dynsys_nn as dnn
from figures import symplectic_energy as energy
from figures import universal_approximation as regression

MSE = dnn.MeanSquaredError()


def pair(system, nets, low, high, starts, rng):
    """One-step test MSE and energy errors of a symplectic network and a ResNet, over 10 000 steps."""
    H, x = system.invariants["energy"], rng.uniform(low, high, (4000, 2))
    truth = dnn.exact_flow(system, x, energy.T)
    parts = []
    for net in nets:
        errors = energy.energy_error(H, net, starts, 10_000)
        ratio = errors[-1000:].max() / errors[:1000].max()
        parts.append(
            f"MSE {MSE(net(x), truth):.1e}, energy {errors.max():.1e}, last/first {ratio:.4g}"
        )
    return "symplectic: " + "   ResNet: ".join(parts)


def oscillator(seed):
    """[−1, 1]², one Störmer–Verlet step against one Euler step, 120 parameters each."""
    nets = [
        energy.train(architecture, seed=seed) for architecture in (energy.symplectic, energy.resnet)
    ]
    return pair(
        dnn.systems.harmonic_oscillator(),
        nets,
        -1,
        1,
        energy.STARTS,
        np.random.default_rng([seed, 1]),
    )


def pendulum(seed, epochs=4000):
    """[−2, 2] × [−1.5, 1.5], two symplectic Euler steps against two Euler steps, 120 parameters each."""
    rng, system, low, high = (
        np.random.default_rng(seed),
        dnn.systems.pendulum(),
        (-2, -1.5),
        (2, 1.5),
    )

    def shears():
        X = dnn.PartitionedField.random(2, 10, gradient=True, bias=1.0, rng=rng)
        return dnn.Flow(X, energy.T / 2, dnn.SymplecticEuler())

    def residual():
        return dnn.Flow(dnn.ResidualField.random(2, 12, bias=1.0, rng=rng), energy.T / 2)

    nets = dnn.Network(shears(), shears()), dnn.Network(residual(), residual())
    x = qmc.scale(qmc.Sobol(2, seed=rng).random(1024)[:1000], low, high)
    for net in nets:
        dnn.fit(net, MSE, x, dnn.exact_flow(system, x, energy.T), dnn.LBFGS(), epochs=epochs)
    return pair(system, nets, low, high, np.array([[1.0, 0.0], [1.5, 0.0]]), rng)


def hamiltonian_error(seed, noise, n, epochs):
    """Relative error on a 9⁴ grid of a field learned from 1000 trajectories of n steps of 0.006, all states with noise.

    H = ½pᵀMp + Σ(q⁴/4 + q²/2) on [−1, 1]⁴; (q, p)′ = (∇T(p), −∇V(q)) of width 32, stepped by Störmer–Verlet.
    """
    M, h, rng = np.array([[5.0, -1.0], [-1.0, 5.0]]), 0.006, np.random.default_rng(seed)

    def field(z):
        q, p = z[..., :2], z[..., 2:]
        return np.concatenate([p @ M, -(q**3) - q], axis=-1)

    def gradient():
        X = dnn.GradientField(
            dnn.Dense(32, 2, rng=rng), dnn.Tanh(), sign=1, alpha=0.3 * rng.normal(size=32)
        )
        X.b = rng.normal(size=32)
        return X

    starts = qmc.scale(qmc.Sobol(4, seed=rng).random(1024)[:1000], -1, 1)
    z = dnn.exact_flow(field, starts, h * np.arange(n + 1))
    z += noise * rng.normal(size=z.shape)
    X = dnn.PartitionedField(gradient(), gradient())
    dnn.fit(
        dnn.Rollout(dnn.Flow(X, h, dnn.StormerVerlet()), n),
        MSE,
        z[:, 0],
        z[:, 1:],
        dnn.LBFGS(),
        epochs=epochs,
    )
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 4), axis=-1)
    return np.linalg.norm(X(grid) - field(grid)) / np.linalg.norm(field(grid))


def hamiltonian(seed):
    """A Hamiltonian in ℝ⁴ from trajectories: one step without noise, ten steps with noise 1e-3."""
    clean, noisy = hamiltonian_error(seed, 0.0, 1, 2500), hamiltonian_error(seed, 1e-3, 10, 300)
    return f"relative error {clean:.1e}, with noise {noisy:.1e}"


def fitted(problem, seed):
    target = problem[1]
    net, x = regression.train(problem, seed)
    inner = x[np.linalg.norm(x, axis=-1) <= 2.5]
    far = np.linalg.norm(x, axis=-1).max()
    errors = [regression.mse(net, points, target) for points in (x, inner)]
    return f"held-out MSE without noise {errors[0]:.1e}, where ‖x‖ ≤ 2.5 {errors[1]:.1e}, farthest point {far:.2f}"


def line(seed):
    """|x| + sin x + x², best of three starts after 60 iterations."""
    return fitted(regression.LINE, seed)


def matched(seed):
    """The same function by 36 parameters and activations that suit it: a square, a kink and a sine, which extrapolate.

    A Cayley step of small size h of ẋ = S(x)x, S linear in x, sends (x, 0, 0) to about (x, hcx², hc′x²).
    """

    def network(rng):
        def gradient(sigma, gain):
            X = dnn.GradientField(
                dnn.Dense(2, 3, rng=rng), sigma, sign=1, alpha=0.3 * rng.normal(size=2)
            )
            X.A.W = gain * X.A.W
            return dnn.Flow(X, 1.0)

        square = dnn.SpherePreservingField(dnn.Dense(3, 3, rng=rng), dnn.Identity())
        flows = (
            dnn.Flow(square, 0.02, dnn.Cayley()),
            gradient(dnn.LeakyReLU(), 1.0),
            gradient(dnn.Sine(), 1.7),
        )
        return dnn.Network(
            dnn.Lift(3, 1), *flows, dnn.Affine(1, 3, W=rng.normal(0, 3**-0.5, (1, 3)) * [1, 50, 50])
        )

    return fitted((network, regression.line_target, 1, 1000), seed)


def plane(seed):
    """‖x‖ on ℝ², best of three starts after 60 iterations."""
    return fitted(regression.PLANE, seed)


if __name__ == "__main__":
    studies = {f.__name__: f for f in (oscillator, pendulum, hamiltonian, line, matched, plane)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"out of {', '.join(studies)}; all unless given")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in studies]:
        parser.error(f"unknown study {', '.join(unknown)}; there are {', '.join(studies)}")
    for name in chosen.names or studies:
        print(f"\n{name}: {studies[name].__doc__.splitlines()[0]}")
        for seed in range(chosen.first, chosen.first + chosen.seeds):
            start = time.perf_counter()
            print(
                f"seed {seed}  {studies[name](seed)}  ({time.perf_counter() - start:.1f} s)",
                flush=True,
            )
