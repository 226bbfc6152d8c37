"""The gradient in blocks by two threads beside one: `python tests/benchmarks/two_threads.py`, on two idle cores.

(state, width, layers, batch) = (256, 256, 16, 1024), float64, Euler steps of Bσ(Ax + b), σ = tanh; one thread in each matrix
product; medians of repetitions that take turns. The load of the machine is printed, since it decides.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None

import speed  # noqa: E402, pins one core, sets one thread

if cores:
    os.sched_setaffinity(0, cores)

import dynsys_nn as dnn  # noqa: E402

SIZE = 256, 256, 16, 1024


def main():
    parts, x, y = speed.arrays("residual", SIZE)
    net, loss = speed.network("residual", parts), dnn.MeanSquaredError()
    with ThreadPoolExecutor(2) as threads:

        def by(executor):
            return lambda: dnn.value_and_grad(net, loss, x, y, executor)

        assert by(None)()[1].tobytes() == by(threads)()[1].tobytes()
        t = speed.medians({"one": by(None), "two": by(threads)}, 20)
    print(
        f"{SIZE}: one thread {1e3 * t['one']:.0f} ms, two {1e3 * t['two']:.0f} ms: {t['one'] / t['two']:.2f} times as fast;",
        end=" ",
    )
    print(
        f"load {os.getloadavg()[0]:.2f} on {len(cores or [0])} cores"
        if hasattr(os, "getloadavg")
        else ""
    )


if __name__ == "__main__":
    main()
