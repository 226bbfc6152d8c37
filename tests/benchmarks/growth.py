"""Twice the layers take twice the time, and no more memory if the flow is run backwards; a second process pays where a gradient takes long.

    python tests/benchmarks/growth.py [--picture FILE]

Times and peaks of one gradient, in float64, and the exponents with which they grow: slopes of log–log lines by least squares, with
their standard errors. `--picture` draws them, too.

time         Euler steps of Bσ(Ax + b), σ = tanh, (state, width, layers, batch) as in speed.py, on one core, medians of turns: against
             batch, depth and width, one of which grows. A line begins where the time of an entry no longer changes: where what
             each call of NumPy costs no longer counts, and the states have left the cache that a core has for itself; before it
             points are hollow. It would end where they leave the one that all cores share. Against width the exponent lies
             between that of tanh, 1, and that of the matrix products, 2
memory       the peak by tracemalloc beyond θ and dθ, of a network as in gradient_memory.py, of shared weights, against depth: with
             all states stored, with each √L-th, and with none, the flow run backwards
two workers  `value_and_grad(…, executor)` by two processes, and by two threads, beside one, on two cores that should be idle: the
             load is printed. Where there is one block, there is nothing to share; and a process is sent the network and its
             block, and sends a gradient
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)

import gradient_memory  # noqa: E402
import numpy as np  # noqa: E402
import speed  # noqa: E402, binds this process to one core, one thread in a matrix product
from scipy.stats import linregress  # noqa: E402

import dynsys_nn as dnn  # noqa: E402

#: what grows → the sizes, n in its place; the values of n; and where the line begins
GROWTH = {
    "batch": ((64, 64, 4, "n"), [2**k for k in range(5, 14)], 256),
    "depth": ((64, 64, "n", 32), [2**k for k in range(1, 10)], 32),
    "width": (("n", "n", 4, 128), [2**k for k in range(3, 10)], 64),
}
WAYS = {"stored": dnn.Stored(), "checkpoints": dnn.Checkpoints(), "reversed": dnn.Reversed()}
DEPTHS, DEEP = (10, 30, 100, 200, 400, 1000), 100
#: width → samples in a batch
SHARED = {64: (1024, 4096, 8192, 32768), 256: (512, 1024, 4096)}


class Line:
    """Points of which the last ones, from x = begin on, lie near a line log y = a + b log x: its slope b by least squares."""

    def __init__(self, x, y, begin):
        self.x, self.y, self.fitted = x, y, slice(x.index(begin), None)
        fit = linregress(np.log(x[self.fitted]), np.log(y[self.fitted]))
        self.slope, self.error = fit.slope, fit.stderr

    def __str__(self):
        return f"slope {self.slope:.3f} ± {self.error:.3f} from {self.x[self.fitted.start]} on"


def times():
    """What grows → a Line of milliseconds."""
    found = {}
    for name, (size, values, begin) in GROWTH.items():
        sizes = {n: tuple(n if k == "n" else k for k in size) for n in values}
        gradients = {n: speed.ours("residual", *speed.arrays("residual", sizes[n])) for n in values}
        t = speed.medians(gradients, 15)
        found[name] = Line(values, [1e3 * t[n] for n in values], begin)
        print(f"time against {name}, ({', '.join(map(str, size))}): {found[name]}")
        print("".join(f"{n:9}" for n in values))
        print("".join(f"{1e3 * t[n]:9.2f}" for n in values), "ms", flush=True)
    return found


def peaks():
    """Way → a Line of megabytes."""
    found = {name: [] for name in WAYS}
    for depth in DEPTHS:
        rng = np.random.default_rng(0)
        net = gradient_memory.network(rng, True, depth)
        x, y = rng.normal(size=(128, gradient_memory.D)), rng.integers(0, 10, 128)
        for name, way in WAYS.items():
            gradient_memory.peak(net, x[:2], y[:2], way)  # what is made only once
            found[name].append(gradient_memory.peak(net, x, y, way) / 1e6)
    found = {name: Line(DEPTHS, y, DEEP) for name, y in found.items()}
    print("memory against depth")
    print("".join(f"{depth:9}" for depth in DEPTHS), "layers")
    for name, line in found.items():
        print("".join(f"{m:9.3f}" for m in line.y), f"MB {name}: {line}", flush=True)
    return found


def two():
    """Width → milliseconds of one process, and how much faster two processes are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, CORES)
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    print(f"two workers beside one process, on {len(CORES)} core{'s' * (len(CORES) > 1)}{load}")
    found = {}
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2) as processes:
        for width, batches in SHARED.items():
            found[width] = []
            for n in batches:
                parts, x, y = speed.arrays("residual", (width, width, 16, n))
                task = speed.network("residual", parts), dnn.MeanSquaredError(), x, y
                by = {e: partial(dnn.value_and_grad, *task, e) for e in (None, processes, threads)}
                assert len({f()[1].tobytes() for f in by.values()}) == 1, "other bits"
                t = speed.rounds(by, 6)
                found[width].append((1e3 * np.median(t[None]), np.median(t[None] / t[processes])))
                gains = [speed.spread(t[None] / t[e]) for e in (processes, threads)]
                print(f"{(width, width, 16, n)!s:>22} {found[width][-1][0]:9.1f} ms", end="  ")
                print(f"processes {gains[0]}, threads {gains[1]} times as fast", flush=True)
    return found


def draw(times, peaks, gains, path):
    """The picture: time, memory, and two processes."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from dynsys_nn.plotting import STYLE, em, look, shade

    with plt.style.context(STYLE):
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(13.3, 5.2))
        for ax, lines in ((left, times), (middle, peaks)):
            for k, (name, line) in enumerate(lines.items()):
                text = f"{name}: slope {line.slope + 0.0:.2f}"
                ax.loglog(line.x, line.y, "o", color=f"C{k}", mfc="none")
                end = line.x[line.fitted], line.y[line.fitted]
                ax.loglog(*end, **look(k, marker="o", label=text))
        for k, (width, points) in enumerate(gains.items()):
            points = np.array(sorted(points)).T
            right.semilogx(*points, **look(k, marker="o", label=f"width {width}"))
        for level in (1, 2):
            right.axhline(level, color=shade(0.4), linewidth=em(0.06), zorder=0)
        left.set(xlabel="samples, layers, or width", ylabel="time (ms)")
        middle.set(xlabel="layers", ylabel="peak of the memory (MB)")
        right.set(xlabel="time of one process (ms)", ylabel="two processes: times as fast")
        right.set(ylim=(0, 2.15), yticks=[0, 1, 2])
        for ax, room in ((left, 30), (middle, 20), (right, 1)):
            ax.set_ylim(top=room * ax.get_ylim()[1])
            ax.minorticks_off()
        left.legend(loc="upper left"), middle.legend(loc="upper left"), right.legend(loc=4)
        twice = {name: f"{2**line.slope:.2f}" for name, line in (times | peaks).items()}
        fig.suptitle(
            f"Twice the layers: {twice['depth']} times the time, {twice['stored']} times the "
            f"memory, or {twice['reversed']} times if reversed"
        )
        fig.savefig(path, metadata={"Software": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path, metavar="FILE", help="what to draw it to")
    path = parser.parse_args().picture
    speed.say_where()
    found = times(), peaks(), two()
    if path:
        draw(*found, path)


if __name__ == "__main__":
    main()
