"""The figure `robust_accuracy` with error bars over seeds: `python tests/benchmarks/robust_seeds.py [--seeds n] [--workers n]`.

A seed draws the initial weights, the batches, and which 397 of the digits test. Attacked by PGD with 50 steps from one
start. Prints mean ± standard deviation at ε = 0.3, in per cent, and draws the means with bars of one standard deviation.
Work is taken here, by processes (--workers), or by a Dask cluster (--scheduler host:8786, `pip install ".[cluster]"`) whose
workers can import `dynsys_nn` and `figures`: the rest of the script, and its numbers, are the same.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).resolve().parents[2]))

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting
from figures import robust_accuracy as digits

EPS = np.linspace(0, 1, 11)
KINDS = {kind.__name__: kind for kind in digits.KINDS}


def curves(kind, seed):
    """Accuracy against EPS of one network."""
    net = digits.train.__wrapped__(KINDS[kind], seed)
    _, _, x, y = digits.data(seed)
    attacked = attacks.attacked_accuracy(net, x, y, EPS, partial(dnn.PGD, steps=50, restarts=1))
    return dict(certified=lipschitz.certified_accuracy(net, x, y, EPS), attacked=attacked)


def draw(found, ax):
    """Mean and standard deviation over the seeds: certified solid, attacked dotted."""
    for kind, (name, colour) in digits.KINDS.items():
        rows = found[found["kind"] == kind.__name__]
        for accuracy, line in (("certified", "-"), ("attacked", ":")):
            if kind is not digits.resnet or accuracy == "attacked":
                mean, std = (
                    100 * rows[accuracy].mean(axis=0),
                    100 * rows[accuracy].std(axis=0, ddof=1),
                )
                label = name if accuracy == "attacked" else None
                ax.errorbar(
                    EPS, mean, std, fmt=line, color=colour, capsize=4, elinewidth=1.5, label=label
                )
    seeds = len(np.unique(found["seed"]))
    ax.set(
        xlim=(-0.01, 1.01),
        ylim=(0, 100),
        title=f"digits: certified (solid), attacked (dotted), {seeds} seeds",
    )
    ax.set(xlabel=r"size of the perturbation $\varepsilon$", ylabel="accuracy (%)")
    ax.legend(loc="upper right")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument(
        "--workers", type=int, help="processes; here, one after the other, unless given"
    )
    parser.add_argument("--scheduler", help="host:port of a Dask scheduler")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("robust_seeds.png"),
        help="the picture; the rows go beside it",
    )
    options = parser.parse_args()
    executor = ProcessPoolExecutor(options.workers) if options.workers else None
    if options.scheduler:
        from distributed import Client

        executor = Client(options.scheduler).get_executor()
    found, failures = dnn.sweep(curves, dict(seed=range(options.seeds), kind=list(KINDS)), executor)
    np.save(options.out.with_suffix(".npy"), found)
    for setting, error in failures:
        print("failed:", setting, repr(error))
    for kind in KINDS:
        for accuracy in ("certified", "attacked"):
            at = 100 * found[found["kind"] == kind][accuracy][:, 3]
            print(
                f"{kind:14} {accuracy:9} at ε = {EPS[3]:.1f}: {at.mean():.1f} ± {at.std(ddof=1):.1f} %"
            )
    with plt.style.context(plotting.STYLE):
        fig, ax = plt.subplots(figsize=(12, 6.4))
        draw(found, ax)
        fig.savefig(options.out)


if __name__ == "__main__":
    main()
