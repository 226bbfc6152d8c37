"""python -m figures.study [kind …] [options]: train, certify, attack.

One line per network: clean and certified accuracy (ε = 36/255) on all test images,
accuracy under attack on the first of them (ε = 0.3 by the published attack and by the
strong one, ε = 1 by the strong one; 50 steps), and violations: labels that the strong
attack changed at 0.999 of their certified radius. The last column is ℓ, the constant
from pixels to logits. With several seeds, a table of their ranges follows.

Networks are trained side by side, one a core, and are the same as one by one; each
process holds the images.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context

from .. import CORES
from . import FOLDER, KINDS, MARGIN, Data, available
from .rows import line, line_of, summary


def say(settings, lines):
    """Print each line as it comes, and what several seeds have in common at the end."""
    found = []
    for text, numbers in lines:
        print(text, flush=True)
        found.append(numbers)
    if len({seed for _, _, seed in settings}) > 1:
        print(*summary(settings, found), sep="\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m figures.study", description=__doc__.split("\n\n")[1]
    )
    add, published = parser.add_argument, "0.07, 0.15, 0.3 are the publication's"
    add("kinds", nargs="*", metavar="kind", help=", ".join(KINDS))
    add("--data", choices=["cifar10", "digits"])
    add("--margins", nargs="+", type=float, default=[MARGIN], help=published)
    add("--seeds", type=int, default=1)
    add("--images", type=int, default=500, help="test images that are attacked")
    add("--epochs", type=float, default=1.0, help="share of the recipe's epochs")
    add("--out", default=FOLDER, help="a folder (default: figures/out/study)")
    add("--jobs", type=int, default=CORES, help="processes (default: one a core)")
    options = parser.parse_args(arguments)
    unknown = [kind for kind in options.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"unknown kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    name, why = (options.data, "") if options.data else available()
    print(why or f"data: {name}")
    settings = [*product(options.margins, options.kinds or KINDS, range(options.seeds))]
    jobs = max(1, min(options.jobs, len(settings)))
    if jobs == 1:
        say(settings, map(partial(line, Data(name), options), settings))
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        say(settings, pool.map(partial(line_of, name, options), settings))


if __name__ == "__main__":
    sys.exit(main())
