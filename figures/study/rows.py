"""What the study says of a network: how accurate, how certain, and under attack."""

import time
from functools import cache

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz

from . import Data, train

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


def line(data, options, setting):
    """What is said of one network, once it is trained, its numbers and the seconds; and
    the numbers."""
    (margin, kind, seed), start = setting, time.perf_counter()
    net = train(kind, data, seed, margin, options.out, options.epochs)
    trained = time.perf_counter()
    found = row(net, data, options.images)
    numbers = "  ".join(f"{key} {value:.4g}" for key, value in found.items())
    seconds = f"{trained - start:.0f} + {time.perf_counter() - trained:.0f} s"
    return f"{kind:13}  margin {margin:g}  seed {seed}  {numbers}  {seconds}", found


def summary(settings, found):
    """A table in Markdown, a row for each margin and kind: the least and the greatest
    of each number, over the seeds."""
    several = {}
    for (margin, kind, _), numbers in zip(settings, found, strict=True):
        several.setdefault((kind, f"{margin:g}"), []).append(numbers.values())
    head = ["network", "margin", "seeds", *found[0]]
    yield joined(head)
    yield "|" + len(head) * "---|"
    for (kind, margin), rows in several.items():
        columns = zip(*rows, strict=True)
        yield joined([kind, margin, str(len(rows)), *map(between, columns)])


def joined(cells):
    return f"| {' | '.join(cells)} |"


def between(values):
    """The least and the greatest, as a text, or the one number that both are."""
    ends = (f"{end:.4g}" for end in (min(values), max(values)))
    return "–".join(dict.fromkeys(ends))


loaded = cache(Data)


def line_of(name, options, setting):
    """`line`, in a process that loads the images once."""
    return line(loaded(name), options, setting)
