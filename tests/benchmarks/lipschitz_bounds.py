"""No bound is exceeded: `python tests/benchmarks/lipschitz_bounds.py [n]`, n = 10 000 random fields and steps unless given.

Each is searched for the pair of points that it moves apart most, by power iteration and ascent, and the largest ratio of
what was found to the bound is printed, for each method and for each number of known things.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path += [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import numpy as np
from zoo import random_step

from dynsys_nn import lipschitz


def main(n=10_000, steps=20):
    rng, ratios = np.random.default_rng(4), {}
    for _ in range(n):
        flow = random_step(rng)
        kind = f"{flow.method!r:32} {type(flow.field).__name__}"
        ratio = lipschitz.measured(flow, 2 * rng.normal(size=(5, 4)), steps, rng) / flow.lipschitz()
        ratios.setdefault(kind, []).append(ratio)
    for kind, found in sorted(ratios.items()):
        print(
            f"{kind:48} {len(found):5} fields   found/bound: median {np.median(found):.4f}, largest {max(found):.13f}"
        )
    exceeded = sum(ratio > 1 + 1e-12 for found in ratios.values() for ratio in found)
    print(f"{exceeded} of {n} bounds exceeded")
    return exceeded


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
