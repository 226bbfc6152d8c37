"""python -m figures [names] [option=value …]

Draw the lecture figures: all of them, or those that are named, with other values of
their options. Each is trained and drawn on the spot; the same seed gives the same file
on the same machine.

    python -m figures --list                              messages, options, ranges
    python -m figures contraction_region slope=0.2        another activation
    python -m figures presnov --style dark --size 8x4.5   for other slides
    python -m figures point_separation --format pdf,mp4   a still, and a film
    python -m figures leaky_slopes labels=german.json     some of its LABELS, translated
    python -m figures --live contraction_region h_C=1     a window with sliders
"""

import argparse
import importlib
import os
import sys
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

# the matrices are small: threads would wait for each other, and reorder sums
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib as mpl

from dynsys_nn.plotting import STYLES

from . import CORES, NAMES, SLOW, TOGETHER, live
from .drawing import SIZE, Labels, shown
from .drawing.saving import FORMATS, MOVING, draw, drawn, looked_at, message, moves


def make_of(name):
    return importlib.import_module(f"figures.{name}").make


def listed(name):
    """The figure's message, and its options with their defaults, ranges and units."""
    make, lines = make_of(name), [f"{name}  {message(name)}"]
    texts = [
        f"{option}={shown(make.defaults[option])}  {kind}"
        for option, kind in make.options.items()
        if option not in ("figsize", "labels")
    ]
    if moves(name):
        texts.append(f"--format {','.join(MOVING)}  for it moves, too")
    for text in texts:
        lines += textwrap.wrap(
            text, 88, initial_indent=" " * 4, subsequent_indent=" " * 8
        )
    return "\n".join(lines)


def names_and_given(texts):
    """Names, each once, and a dict of the option=value among some texts."""
    names = dict.fromkeys(text for text in texts if "=" not in text)
    return [*names], dict(text.split("=", 1) for text in texts if "=" in text)


def live_values(name, texts, error):
    """What some texts give of a live figure: values of its controls, and labels."""
    others, given = names_and_given(texts)
    if others:
        error(f"--live {name} is one figure: it does not go with {', '.join(others)}")
    try:
        kinds = {key: c.option for key, c in live.controls_of(name).items()}
        kinds["labels"] = Labels(live.words_of(name))
        given |= {key: kinds[key].read(given[key]) for key in given if key in kinds}
        labels = live.words_of(name, given.pop("labels", None))
        return {"labels": labels, **live.values_of(name, given)}
    except (ValueError, OSError) as wrong:
        error(str(wrong))


def names_and_options(texts, error):
    """Names of figures, and option=value, which each of these figures has looked at."""
    names, given = names_and_given(texts)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        there = ", ".join(NAMES)
        error(f"unknown figure {', '.join(unknown)}; there are {there}")
    if given and not names:
        error(f"which figure takes {', '.join(given)}? Name it before its options")
    if "figsize" in given:
        error(f"say --size {given['figsize']}: text and lines grow with it")
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


def side_by_side(names, draw_one, jobs):
    """`drawn` of all names, in several processes: what shares a training in one of
    them, and what takes longest first."""
    together = [[name for name in group if name in names] for group in TOGETHER]
    alone = [[name] for name in names if not any(name in group for group in TOGETHER)]
    begun = [*SLOW, *names].index
    tasks = sorted(filter(None, together + alone), key=lambda task: begun(task[0]))
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=mpl.use, initargs=("Agg",)
    ) as pool:
        futures = [pool.submit(drawn, task, draw_one) for task in tasks]
        for future in as_completed(futures):
            yield future.result()


def main(arguments=None):
    what, _, examples = __doc__.partition("\n\n")[2].partition("\n\n")
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m figures", None, what, examples, formatter_class=raw
    )
    add, out = parser.add_argument, Path(__file__).parent / "out"
    add("names", nargs="*", metavar="name | option=value", help="default: all figures")
    add("--list", action="store_true", help="say what they show, and their options")
    add("--format", default="png", help=f"of {','.join(FORMATS)} (default: png, gif)")
    add("--style", choices=STYLES, default="lecture")
    add("--size", help="in inches, as in 8x4.5: text and lines with it")
    add("--font", help="one that is installed: it is embedded as TrueType")
    add("--out", type=Path, default=out, help="a folder (default: figures/out)")
    add("--quick", action="store_true", help="less training: for a look at the layout")
    add("--jobs", type=int, default=CORES, help="processes (default: one a core)")
    sliders = "a window with sliders, for mouse and arrow keys"
    add("--live", metavar="NAME", help=f"{sliders}: {', '.join(live.NAMES)}")
    options = parser.parse_args(arguments)

    if options.live:
        values = live_values(options.live, options.names, parser.error)
        live.window(options.live, options.style, **values)
        return
    names, varied = names_and_options(options.names, parser.error)
    if options.list:
        print("\n".join(map(listed, names)))
        return
    try:
        looked_at(options.format, options.font)
        size = options.size and SIZE("--size", SIZE.read(options.size))
        options.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as wrong:
        parser.error(str(wrong))
    looks = dict(look=options.style, size=size, font=options.font, quick=options.quick)
    draw_one = partial(draw, out=options.out, format=options.format, **looks, **varied)
    start, jobs = time.perf_counter(), max(1, min(options.jobs, len(names)))
    if jobs == 1:
        mpl.use("Agg")
        done = (drawn([name], draw_one) for name in names)
    else:
        print(
            f"{len(names)} figures by {jobs} processes, the longest first", flush=True
        )
        done = side_by_side(names, draw_one, jobs)
    count = 0
    for task, paths, seconds in done:
        count += len(task)
        files = ", ".join(map(str, paths))
        print(f"[{count}/{len(names)}] {seconds:.1f} s  {files}", flush=True)
    figures = "1 figure" if count == 1 else f"{count} figures"
    print(f"{figures} in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
