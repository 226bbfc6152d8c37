"""The network of Theorem 4.1 of arXiv:2505.12003 on two moons: `python tests/benchmarks/theorem_4_1.py [--seeds n] [--layers n …]`.

400 points, noise 0.1; h + 3 = 8 components, of which a layer sorts two, keeps one and lets five flow down a convex
potential; affine maps before, between and behind, rows of dual norm ≤ 1. A row says: the share of points that are right,
the product of the layers' spectral norms, the certified constant of the logit, the largest stretch that was found, the
mean certified radius, and the share that is certified at ε = 0.1 and 0.2.
"""

import argparse
import time

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz

H = 5


def network(layers, rng):
    """x ↦ one logit, and its flows."""
    fields = [dnn.GradientField.random(H, H, dnn.ReLU(), rng=rng) for _ in range(layers)]
    flows = [dnn.Flow(X, 1.0) for X in fields]
    for X in fields:
        X.A.orthogonalise()
    maps = [dnn.Affine(3 + H, 2, W=3 * rng.normal(size=(3 + H, 2)))]
    for F in flows:
        maps += [dnn.Parallel(dnn.MaxMin(3), F), dnn.Affine(3 + H, 3 + H, W=np.eye(3 + H))]
    for A in maps[::2]:
        A.b = rng.normal(size=3 + H) / 2
    first = np.eye(1, 3 + H) + 0.02 * rng.normal(size=(1, 3 + H))
    return dnn.Network(*maps, dnn.Affine(1, 3 + H, W=first)), flows


def row(layers, seed, epochs=200, margin=0.2):
    x, y = dnn.datasets.moons(400, rng=seed)
    rng = np.random.default_rng(seed)
    net, flows = network(layers, rng)
    halves = dnn.Frozen(dnn.Dense(2, 1, W=[[-0.5], [0.5]]))  # (−z/2, z/2), for the hinge
    held = [dnn.BlockBall(net), dnn.NonExpansiveSteps(*flows, h=1e3)]
    start = time.perf_counter()
    dnn.fit(
        dnn.Network(net, halves), dnn.MulticlassHinge(margin), x, y, dnn.Adam(dnn.OneCycle(1e-3, 3e-2)), epochs,
        batch_size=50, constraints=held, rng=rng, progress=False,
    )  # fmt: skip
    right, *certified = lipschitz.certified_accuracy(net, x, y, [0, 0.1, 0.2])
    return [
        right, net.lipschitz(), lipschitz.each_output(net), lipschitz.measured(net, x[:100]),
        lipschitz.certified_radius(net, x).mean(), *certified, time.perf_counter() - start,
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--layers", type=int, nargs="*", default=[2])
    options = parser.parse_args()
    print("layers seed   right product  logit  found radius   0.1    0.2   seconds")
    for layers in options.layers:
        for seed in range(options.seeds):
            print(
                f"{layers:6} {seed:4}",
                *[f"{number:6.4f}" for number in row(layers, seed)],
                flush=True,
            )


if __name__ == "__main__":
    main()
