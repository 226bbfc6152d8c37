"""Memory and time of the three ways to one gradient: `python tests/benchmarks/gradient_memory.py`.

Depth 1000, depth × h = 10, dimension 64, batch 256, symplectic Euler steps of volume-preserving fields (tanh), with
independent and with shared weights. Memory is the peak by tracemalloc beyond θ and dθ; time the median of five, in turn.
"""

import gc
import os
import sys
import time
import tracemalloc
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

import dynsys_nn as dnn

D, DEPTH, BATCH = 64, 1000, 256
WAYS = dnn.Stored(), dnn.Reversed(), dnn.Checkpoints(), dnn.Checkpoints(10)


def network(rng, shared, depth=DEPTH):
    def field():
        f, g = (
            dnn.ResidualField(
                dnn.Dense(D // 2, D // 2, rng=rng), dnn.Tanh(), dnn.Dense(D // 2, D // 2, rng=rng)
            )
            for _ in "fg"
        )
        return dnn.PartitionedField(f, g)

    euler, h = dnn.SymplecticEuler(), 10 / depth
    flows = (
        [dnn.Flow(field(), h, euler, steps=depth)]
        if shared
        else [dnn.Flow(field(), h, euler) for _ in range(depth)]
    )
    return dnn.Network(*flows, dnn.Affine(10, D, rng=rng))


def peak(net, x, y, way):
    """Bytes at the peak of a gradient, beyond θ and dθ."""
    gc.collect()
    gc.disable()  # or the peak depends on when it last ran
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _, g = dnn.value_and_grad(net, dnn.SoftmaxCrossEntropy(), x, y, adjoint=way)
    after = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    gc.enable()
    return after - before - g.nbytes


def main():
    for shared in (False, True):
        rng = np.random.default_rng(0)
        net, x, y = network(rng, shared), rng.normal(size=(BATCH, D)), rng.integers(0, 10, BATCH)
        seconds, gradients = {way: [] for way in WAYS}, {}
        for _ in range(5):
            for way in WAYS:
                start = time.perf_counter()
                _, gradients[way] = dnn.value_and_grad(
                    net, dnn.SoftmaxCrossEntropy(), x, y, adjoint=way
                )
                seconds[way].append(time.perf_counter() - start)
        peaks = {way: peak(net, x, y, way) for way in WAYS}
        stored = WAYS[0]
        for way in WAYS:
            off = np.linalg.norm(gradients[way] - gradients[stored]) / np.linalg.norm(
                gradients[stored]
            )
            ratio = np.median(seconds[way]) / np.median(seconds[stored])
            print(
                f"{'shared' if shared else 'independent':12} {way!r:26} {peaks[way] / 1e6:7.1f} MB, {peaks[way] / peaks[stored]:7.2%} "
                f"of stored   time ratio {ratio:.2f}   gradient off by {off:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
