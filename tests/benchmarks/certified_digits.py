"""Clean, certified and attacked accuracy of every kind of network, over seeds: `python tests/benchmarks/certified_digits.py [kind …] [--seeds n]`.

8×8 digits, 1400 for training by a permutation of the seed and the other 397 for testing; ‖δ‖₂ = 0.3. One line a seed and one
for the mean; the seconds are those of the training. `violations` counts labels that any attack of the kit changes inside
of their certified radius: PGD with 100 steps and 5 restarts, FGM and the published attack, on a grid of ε and at 0.999 of
each radius, and PGD in the maximum norm with ε/√d.
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
from dynsys_nn import attacks, lipschitz
from figures import robust_accuracy as digits

EPS = 0.3


def violations(net, x, y):
    """How many labels of (x, y) some attack changes inside of the certified radius."""
    right = np.argmax(net(x), axis=-1) == y
    x, y = x[right], y[right]
    radius, changed = lipschitz.certified_radius(net, x), np.zeros(len(x), bool)
    for eps in (*np.arange(0.1, 1, 0.1), 0.999 * radius):
        k = radius > eps
        if k.any():
            eps = eps[k] if np.ndim(eps) else eps
            strong = (
                dnn.PGD(eps, steps=100),
                dnn.PGD(eps / x.shape[-1] ** 0.5, steps=100, norm=np.inf),
            )
            for attack in (*strong, dnn.FGM(eps), dnn.PublishedPGD(eps)):
                changed[k] |= np.argmax(net(attack(net, x[k], y[k])), axis=-1) != y[k]
    return int(changed.sum())


def row(kind, seed):
    """The numbers of one seed."""
    start = time.perf_counter()
    net = digits.train.__wrapped__(kind, seed)
    seconds = time.perf_counter() - start
    _, _, x, y = digits.data(seed)
    ell, found = net.lipschitz(), lipschitz.measured(net, x)
    return {
        "clean": 100 * attacks.accuracy(net, None, x, y),
        "certified": 100 * lipschitz.certified_accuracy(net, x, y, EPS, pairwise=False),
        "pairwise": 100 * lipschitz.certified_accuracy(net, x, y, EPS),
        "attacked": 100 * attacks.accuracy(net, dnn.PGD(EPS), x, y),
        "found/bound": found / ell, "bound − 1": ell - 1, "violations": violations(net, x, y), "seconds": seconds,
    }  # fmt: skip


def main():
    kinds = {kind.__name__: kind for kind in digits.RECIPES}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="kind", help=", ".join(kinds))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    table(options.names or kinds, lambda name, seed: row(kinds[name], seed), options.seeds)


def table(names, row, seeds):
    """Print row(name, seed) for each seed, and their mean."""
    for name in names:
        rows = [row(name, seed) for seed in range(seeds)]
        rows.append({key: np.mean([r[key] for r in rows]) for key in rows[0]})
        for label, numbers in zip([*range(seeds), "mean"], rows, strict=True):
            columns = "  ".join(f"{key} {value:.4g}" for key, value in numbers.items())
            print(f"{name:14}  {label!s:4}  {columns}", flush=True)


if __name__ == "__main__":
    main()
