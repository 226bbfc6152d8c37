"""python -m figures [names] [--list] [--format png|pdf|svg] [--out DIR] [--quick]

Draw the lecture figures.

Each is trained and drawn on the spot; the same seed gives the same file on the same
machine.
"""

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

# the matrices are small: threads would wait for each other, and reorder sums
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from dynsys_nn.plotting import STYLE

from . import NAMES

#: what would otherwise change from run to run in the files
UNDATED = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None},
}


def message(name):
    """The figure's message: the first paragraph of its script's docstring."""
    paragraphs = importlib.import_module(f"figures.{name}").__doc__.split("\n\n")
    return " ".join(paragraphs[0].split())


def draw(name, out, format="png", quick=False):
    """Draw one figure into the folder `out`; returns the paths written.

    An animation is a GIF beside the figure.
    """
    module = importlib.import_module(f"figures.{name}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}.{format}"]
    with plt.style.context(STYLE):
        fig = module.make(quick=quick)
        fig.savefig(paths[0], metadata=UNDATED[format])
        plt.close(fig)
        if hasattr(module, "animate"):
            animation = module.animate(quick=quick)
            paths.append(out / f"{name}.gif")
            animation.save(paths[1], writer="pillow", dpi=60)
            plt.close("all")
    return paths


def main(arguments=None):
    what = "Draw the lecture figures, training their networks on the spot."
    parser = argparse.ArgumentParser(prog="python -m figures", description=what)
    add, out = parser.add_argument, Path(__file__).parent / "out"
    add("names", nargs="*", metavar="name", help="figures to draw (default: all)")
    add("--list", action="store_true", help="list the figures with their messages")
    add("--format", choices=sorted(UNDATED), default="png")
    add("--out", type=Path, default=out, help="a folder (default: figures/out)")
    add("--quick", action="store_true", help="less training: for a look at the layout")
    options = parser.parse_args(arguments)

    if options.list:
        width = max(map(len, NAMES))
        print("\n".join(f"{name:<{width}}  {message(name)}" for name in NAMES))
        return
    unknown = ", ".join(name for name in options.names if name not in NAMES)
    if unknown:
        parser.error(f"unknown figure {unknown}; there are {', '.join(NAMES)}")
    start = time.perf_counter()
    for k, name in enumerate(names := options.names or NAMES):
        begin = time.perf_counter()
        print(f"[{k + 1}/{len(names)}] {name} …", end=" ", flush=True)
        paths = draw(name, options.out, options.format, options.quick)
        seconds = time.perf_counter() - begin
        print(f"{seconds:.1f} s  {', '.join(map(str, paths))}", flush=True)
    print(f"{len(names)} figures in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
