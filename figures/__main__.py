"""python -m figures [names] [option=value] [--list] [--style lecture|dark|print] [--format png,…]
                    [--size 8x4.5] [--font NAME] [--out DIR] [--quick] [--jobs N] [--live NAME]

Draw the lecture figures.

Each is trained and drawn on the spot; the same seed gives the same file on the same
machine. An option=value is one of `--list`, and is taken by each of the figures named.
"""

import argparse
import importlib
import os
import sys
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

# the matrices are small: threads would wait for each other, and reorder sums
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib as mpl

from dynsys_nn.plotting import STYLES

from . import NAMES, SLOW, TOGETHER, live
from .drawing import shown
from .drawing.saving import FORMATS, draw, looked_at, message


def make_of(name):
    return importlib.import_module(f"figures.{name}").make


def listed(name):
    """The figure's message, and its options with their defaults, ranges and units."""
    make = make_of(name)
    lines = [f"{name}  {message(name)}"]
    for option, kind in make.options.items():
        if option not in ("figsize", "labels"):
            text = f"{option}={shown(make.defaults[option])}  {kind}"
            lines += textwrap.wrap(
                text, 88, initial_indent="    ", subsequent_indent=" " * 8
            )
    return "\n".join(lines)


def split(arguments, error):
    """Names of figures, and options, each looked at by those figures."""
    names = [text for text in arguments if "=" not in text]
    unknown = ", ".join(name for name in names if name not in NAMES)
    if unknown:
        error(f"unknown figure {unknown}; there are {', '.join(NAMES)}")
    given = dict(text.split("=", 1) for text in arguments if "=" in text)
    if given and not names:
        error(f"which figure takes {', '.join(given)}? Name it before its options")
    options = {}
    for name in names:
        known = make_of(name).options
        for option, text in given.items():
            if option not in known:
                error(f"{name} has no option {option}; it has {', '.join(known)}")
            try:
                options[option] = known[option].read(text)
                known[option](option, options[option])
            except (ValueError, OSError) as wrong:
                error(f"{name}: {wrong}")
    return names or list(NAMES), options


def in_turn(names, draw_one):
    """(names, paths, seconds) of each figure, one after the other."""
    for name in names:
        yield drawn([name], draw_one)


def side_by_side(names, draw_one, jobs):
    """The same, in `jobs` processes; those that share a training in one, the slow ones first."""
    together = [[name for name in group if name in names] for group in TOGETHER]
    alone = [[name] for name in names if not any(name in group for group in TOGETHER)]
    order = [*SLOW, *names]
    tasks = sorted(
        filter(None, together + alone), key=lambda task: order.index(task[0])
    )
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        futures = [pool.submit(drawn, task, draw_one) for task in tasks]
        for future in as_completed(futures):
            yield future.result()


class Drawing:
    """draw with all but the name: what a process is sent."""

    def __init__(self, *arguments, **options):
        self.arguments, self.options = arguments, options

    def __call__(self, name):
        mpl.use("Agg")
        return draw(name, *self.arguments, **self.options)


def drawn(task, draw_one):
    begin = time.perf_counter()
    paths = [path for name in task for path in draw_one(name)]
    return task, paths, time.perf_counter() - begin


def main(arguments=None):
    what = "Draw the lecture figures, training their networks on the spot."
    parser = argparse.ArgumentParser(prog="python -m figures", description=what)
    add, out = parser.add_argument, Path(__file__).parent / "out"
    add(
        "names",
        nargs="*",
        metavar="name | option=value",
        help="figures to draw (default: all)",
    )
    add(
        "--list",
        action="store_true",
        help="list the figures: messages, options, ranges",
    )
    add(
        "--format",
        default="png",
        help=f"some of {','.join(FORMATS)} (default: png, gif)",
    )
    add("--style", choices=STYLES, default="lecture")
    add(
        "--size",
        help="inches, as in 8x4.5: text and lines with it (default: the figure's)",
    )
    add("--font", help="a font that is installed; it is embedded as TrueType")
    add("--out", type=Path, default=out, help="a folder (default: figures/out)")
    add("--quick", action="store_true", help="less training: for a look at the layout")
    add(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes (default: all cores)",
    )
    add(
        "--live", metavar="NAME", help=f"a window with sliders: {', '.join(live.NAMES)}"
    )
    options = parser.parse_args(arguments)

    if options.live:
        if options.live not in live.NAMES:
            parser.error(
                f"no live figure {options.live}; there are {', '.join(live.NAMES)}"
            )
        return live.window(options.live, options.style)
    names, varied = split(options.names, parser.error)
    if options.list:
        print("\n".join(map(listed, names)))
        return None
    try:
        looked_at(options.format, options.font)
        size = options.size and make_of(names[0]).options["figsize"].read(options.size)
        size = size and make_of(names[0]).options["figsize"]("--size", size)
    except ValueError as wrong:
        parser.error(str(wrong))
    looks = dict(look=options.style, size=size, font=options.font, **varied)
    draw_one = Drawing(options.out, options.format, options.quick, **looks)
    start, jobs = time.perf_counter(), max(1, min(options.jobs, len(names)))
    done = (
        in_turn(names, draw_one) if jobs == 1 else side_by_side(names, draw_one, jobs)
    )
    count = 0
    for task, paths, seconds in done:
        count += len(task)
        print(
            f"[{count}/{len(names)}] {' '.join(task)}  {seconds:.1f} s  "
            f"{', '.join(map(str, paths))}",
            flush=True,
        )
    print(f"{len(names)} figures in {time.perf_counter() - start:.1f} s")
    return None


if __name__ == "__main__":
    sys.exit(main())
