"""Twice the layers take twice the time, and no more memory if the flow is run backwards; a second process pays where a gradient takes long.

    python tests/benchmarks/growth.py [--picture FILE]

Times and peaks of one gradient, in float64, and the exponents with which they grow: slopes of log–log lines by least squares, with
their standard errors. `--picture` draws them, too.

time         Euler steps of Bσ(Ax + b), σ = tanh, (state, width, layers, batch) as in speed.py, on one core, medians of turns: against
             batch, depth and width, one of which grows. A line begins where what each call of NumPy costs no longer counts (hollow
             points are before it). Against width the exponent lies between that of tanh, 1, and that of the matrix products, 2
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
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())

import gradient_memory  # noqa: E402
import numpy as np  # noqa: E402
import speed  # noqa: E402, binds this process to one core, one thread in a matrix product

import dynsys_nn as dnn  # noqa: E402

#: what grows → the size at a value, the values, and where the line begins
GROWTH = {
    "batch": (lambda n: (64, 64, 4, n), [2**k for k in range(5, 14)], 256),
    "depth": (lambda layers: (64, 64, layers, 64), [2**k for k in range(1, 9)], 8),
    "width": (lambda d: (d, d, 4, 512), [2**k for k in range(3, 10)], 64),
}
DEPTHS = (10, 30, 100, 300, 1000)
WAYS = {
    "stored": dnn.Stored(),
    "checkpoints": dnn.Checkpoints(),
    "reversed": dnn.Reversed(),
}
#: width → samples in a batch
SHARED = {64: (1024, 4096, 8192, 32768), 256: (512, 1024, 4096)}


def slope(x, t):
    """b of log t = a + b log x, by least squares, and its standard error."""
    u, v = (np.log(a) - np.log(a).mean() for a in (x, t))
    b = u @ v / (u @ u)
    return b, np.sqrt(((v - b * u) ** 2).sum() / (len(u) - 2) / (u @ u))


def times():
    """What grows → its values, seconds, and how many points are before the line."""
    found = {}
    for name, (size, values, begin) in GROWTH.items():
        gradients = {n: speed.ours("residual", *speed.arrays("residual", size(n))) for n in values}
        t = speed.medians(gradients, 5)
        found[name] = values, [t[n] for n in values], values.index(begin)
        b, error = slope(*(a[values.index(begin) :] for a in found[name][:2]))
        print(f"time against {name}, {size('n')}: slope {b:.3f} ± {error:.3f} from {begin} on")
        print("".join(f"{n:9}" for n in values))
        print("".join(f"{1e3 * t[n]:9.2f}" for n in values), "ms", flush=True)
    return found


def peaks():
    """Way → megabytes at each of DEPTHS."""
    found = {name: [] for name in WAYS}
    for depth in DEPTHS:
        rng = np.random.default_rng(0)
        net = gradient_memory.network(rng, True, depth)
        x, y = rng.normal(size=(128, gradient_memory.D)), rng.integers(0, 10, 128)
        for name, way in WAYS.items():
            gradient_memory.peak(net, x[:2], y[:2], way)  # what is made only once
            found[name].append(gradient_memory.peak(net, x, y, way) / 1e6)
    print("".join(f"{depth:9}" for depth in DEPTHS), "layers")
    for name, megabytes in found.items():
        b, error = slope(DEPTHS, megabytes)
        print("".join(f"{m:9.3f}" for m in megabytes), f"MB {name}: slope {b:.3f} ± {error:.3f}")
    return found


def two():
    """Width → milliseconds of one process, and how much faster two processes are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, CORES)
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    print(f"two workers beside one process, on {len(CORES)} cores{load}")
    found = {}
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2) as processes:
        for width, batches in SHARED.items():
            found[width] = []
            for n in batches:
                parts, x, y = speed.arrays("residual", (width, width, 16, n))
                net, loss = speed.network("residual", parts), dnn.MeanSquaredError()
                by = {
                    executor: lambda executor=executor, task=(net, loss, x, y): dnn.value_and_grad(
                        *task, executor
                    )
                    for executor in (None, processes, threads)
                }
                assert len({f()[1].tobytes() for f in by.values()}) == 1
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

    def named(ax, end, text, k, va="center"):
        place = dict(textcoords="offset points", va=va, fontsize="small")
        ax.annotate(text, end, (em(0.5), 0), color=f"C{k}", **place)

    with plt.style.context(STYLE):
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(13.3, 5.4))
        slopes = {}
        for k, (name, (values, seconds, begin)) in enumerate(times.items()):
            milliseconds = 1e3 * np.array(seconds)
            left.loglog(values[begin:], milliseconds[begin:], **look(k, marker="o"))
            left.loglog(values[:begin], milliseconds[:begin], "o", color=f"C{k}", mfc="none")
            slopes[name], _ = slope(values[begin:], seconds[begin:])
            end = values[-1], milliseconds[-1]
            named(left, end, f"{name}:\nslope {slopes[name]:.2f}", k)
        for k, (name, megabytes) in enumerate(peaks.items()):
            middle.loglog(DEPTHS, megabytes, **look(k, marker="o"))
            slopes[name] = slope(DEPTHS, megabytes)[0] + 0.0
            named(middle, (DEPTHS[-1], megabytes[-1]), f"{name}:\nslope {slopes[name]:.2f}", k)
        for k, (width, points) in enumerate(gains.items()):
            right.semilogx(*zip(*points, strict=True), **look(k, marker="o"))
            named(right, points[-1], f"width\n{width}", k)
        for level in (1, 2):
            right.axhline(level, color=shade(0.4), linewidth=em(0.06), zorder=0)
        left.set(xlabel="samples, layers, or width", ylabel="milliseconds")
        left.set(title="time of a gradient")
        middle.set(xlabel="layers", ylabel="megabytes", title="its memory")
        right.set(xlabel="milliseconds of one process", ylabel="times as fast", ylim=(0, 2.2))
        right.set(title="by two processes")
        for ax, room in ((left, 30), (middle, 60), (right, 6)):
            ax.set_xlim(right=room * ax.dataLim.x1)
            ax.minorticks_off()
        deeper = {name: f"{2**b:.2f}" for name, b in slopes.items()}
        fig.suptitle(
            f"Twice as deep: {deeper['depth']} times the time, and {deeper['stored']} times the "
            f"memory, or, run backwards, {deeper['reversed']} times"
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
