"""Two moons: clean, certified and attacked accuracy over seeds: `python tests/benchmarks/certified_moons.py [kind …] [--seeds n]`.

1000 points for training, 1000 for testing, noise 0.1; networks lifted to dimension 16, six layers and an affine map. The
columns are those of certified_digits.py, at ε = 0, 0.1, 0.2, 0.3.
"""

import argparse
import time

import certified_digits
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights
from figures.robust_accuracy import ORTHOGONAL, contractive, expansive, residual

D, LAYERS, EPS = 16, 6, np.array([0, 0.1, 0.2, 0.3])


def alternation(rng, h_C, h_E):
    return [
        F
        for _ in range(LAYERS // 2)
        for F in (expansive(rng, h_E, D), contractive(rng, h_C, dnn.LeakyReLU(0.5), D))
    ]


#: kind → layers, constraint, margin of the hinge loss, stages (rate, epochs)
KINDS = {
    "gradient_flow": (
        lambda rng: [contractive(rng, 2, dnn.ReLU(), D) for _ in range(LAYERS)], ORTHOGONAL, 0.58, ((3e-2, 80), (1e-2, 60), (3e-3, 60), (1e-3, 30)),
    ),
    "sharp": (lambda rng: alternation(rng, 4 / 3, 2), ORTHOGONAL, 0.5, ((2e-2, 80), (6e-3, 60), (2e-3, 40))),
    "slides": (lambda rng: alternation(rng, 1 / 2, 0.1547), ORTHOGONAL, 0.15, ((3e-2, 80), (1e-2, 60), (2e-3, 40))),
    "slides, margin 0.3": (lambda rng: alternation(rng, 1 / 2, 0.1547), ORTHOGONAL, 0.3, ((3e-2, 80), (1e-2, 60), (2e-3, 40))),
    "resnet": (lambda rng: [residual(rng, 1.0, D) for _ in range(LAYERS)], None, 1.0, ((3e-3, 60), (3e-4, 20))),
}  # fmt: skip


def row(kind, seed):
    """The numbers of one seed."""
    rng, (layers, constraint, margin, stages) = np.random.default_rng(seed), KINDS[kind]
    (x, x_test), (y, y_test) = (np.split(a, 2) for a in dnn.datasets.moons(2000, 0.1, rng))
    net = dnn.Network(dnn.Lift(D, 2), *layers(rng), dnn.Affine(2, D, rng=rng))
    constraints = [constraint(*weights(net))] if constraint else []
    start = time.perf_counter()
    for rate, epochs in stages:
        adam = dnn.Adam(rate, beta2=0.99)
        dnn.fit(
            net,
            dnn.MulticlassHinge(margin),
            x,
            y,
            adam,
            epochs,
            batch_size=100,
            constraints=constraints,
            rng=rng,
        )
    seconds, ell = time.perf_counter() - start, net.lipschitz()
    certified, attacked = (
        lipschitz.certified_accuracy(net, x_test, y_test, EPS),
        attacks.attacked_accuracy(net, x_test, y_test, EPS),
    )
    return {
        **{f"certified {e:g}": 100 * c for e, c in zip(EPS, certified, strict=True)},
        **{f"attacked {e:g}": 100 * a for e, a in zip(EPS, attacked, strict=True)},
        "found/bound": lipschitz.measured(net, x_test, 200) / ell, "bound − 1": ell - 1,
        "violations": certified_digits.violations(net, x_test, y_test), "seconds": seconds,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="kind", help=", ".join(KINDS))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    certified_digits.table(options.names or KINDS, row, options.seeds)
