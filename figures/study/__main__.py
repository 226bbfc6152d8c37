"""python -m figures.study [kind …] [options]: train, certify, attack.

One line per network: clean and certified accuracy (ε = 36/255) on all test images,
accuracy under attack on the first of them (ε = 0.3 by the published attack and by the
strong one, ε = 1 by the strong one; 50 steps), and violations: labels that the strong
attack changed at 0.999 of their certified radius. The last column is ℓ, the constant
from pixels to logits.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz

from . import FOLDER, KINDS, Data, available, train

EPS = 36 / 255


def labels(net, x):
    """The labels, in batches that fit the cache."""
    batches = [x[k : k + 20] for k in range(0, len(x), 20)]
    return np.concatenate([net(batch).argmax(axis=-1) for batch in batches])


def standing(net, attack, eps, x, y):
    """Which labels survive attack(ε); wrong ones, and certain ones, need no attack."""
    stands = labels(net, x) == y
    eps = np.broadcast_to(eps, len(x))
    for k in range(0, len(x), 50):
        radius = lipschitz.certified_radius(net, x[k : k + 50])
        at = k + np.flatnonzero(stands[k : k + 50] & (radius <= eps[k : k + 50]))
        if at.size:
            stands[at] = labels(net, attack(eps[at])(net, x[at], y[at])) == y[at]
    return stands


def strong(eps):
    return dnn.PGD(eps, steps=50, restarts=1)


def row(net, data, images):
    """The numbers of one network, in per cent but for violations and ℓ."""
    right = labels(net, data.x_test) == data.y_test
    batches = [data.x_test[k : k + 100] for k in range(0, len(right), 100)]
    radius = np.concatenate([lipschitz.certified_radius(net, x) for x in batches])
    x, y, r = data.x_test[:images], data.y_test[:images], radius[:images]
    inside = np.flatnonzero(right[:images] & (r > 1e-3))
    fallen = 0
    for k in range(0, len(inside), 50):
        at = inside[k : k + 50]
        attacked = strong(0.999 * r[at])(net, x[at], y[at])
        fallen += int((labels(net, attacked) != y[at]).sum())
    return {
        "clean": 100 * right.mean(),
        "certified 36/255": 100 * (right & (radius > EPS)).mean(),
        "published 0.3": 100 * standing(net, dnn.PublishedPGD, 0.3, x, y).mean(),
        "attacked 0.3": 100 * standing(net, strong, 0.3, x, y).mean(),
        "attacked 1": 100 * standing(net, strong, 1.0, x, y).mean(),
        "violations": fallen,
        "ℓ": net.lipschitz(),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m figures.study", description=__doc__.split("\n\n")[1]
    )
    add, published = parser.add_argument, "0.07, 0.15, 0.3 are the publication's"
    add("kinds", nargs="*", metavar="kind", help=", ".join(KINDS))
    add("--data", choices=["cifar10", "digits"])
    add("--margins", nargs="+", type=float, default=[1.0], help=published)
    add("--seeds", type=int, default=1)
    add("--images", type=int, default=500, help="test images that are attacked")
    add("--epochs", type=float, default=1.0, help="share of the recipe's epochs")
    add("--out", default=FOLDER, help="a folder (default: figures/out/study)")
    options = parser.parse_args(arguments)
    unknown = [kind for kind in options.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"unknown kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    name, why = (options.data, "") if options.data else available()
    print(why or f"data: {name}")
    data = Data(name)
    for margin in options.margins:
        for kind in options.kinds or KINDS:
            for seed in range(options.seeds):
                start = time.perf_counter()
                net = train(kind, data, seed, margin, options.out, options.epochs)
                trained = time.perf_counter()
                found = row(net, data, options.images).items()
                numbers = "  ".join(f"{key} {value:.4g}" for key, value in found)
                certified = time.perf_counter() - trained
                line = f"{kind:13}  margin {margin:g}  seed {seed}  {numbers}  "
                print(f"{line}{trained - start:.0f} + {certified:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
