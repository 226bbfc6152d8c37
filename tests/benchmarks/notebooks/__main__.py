"""The notebooks of the author's courses, and the experiments of his papers, each as a student's script: do they reach the numbers?

    python tests/benchmarks/notebooks [NAME …] [--pictures FOLDER] [--readme]

Each script beside this file prints and draws what the notebook or the experiment does, and leaves its numbers in `found`. Printed for
each of them: the number that it is compared with, as it is stored in the notebook, as its method must give it, or as the experiment
was found before the package could do it; ours; whether ours is as good; the script's lines that are neither blank nor comments nor
its docstring; and the seconds of the whole script, after imports, on the clock and of the processor. The notebooks' seconds are
those that they print, of their training in torch. `--readme` writes README's two tables anew. Status 1 if a number is missed or a
script is longer than 60 lines.
"""

import argparse
import ast
import contextlib
import io
import os
import re
import runpy
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]

LONGEST = 60
TOLD = runpy.run_path(str(HERE / "_numbers.py"))
NUMBERS, EXPERIMENTS, SHOWN = TOLD["NUMBERS"], TOLD["EXPERIMENTS"], TOLD["SHOWN"]


def lines(path):
    """How many are neither blank nor comments nor in the docstring."""
    source = path.read_text(encoding="utf-8")
    first = ast.parse(source).body[0]
    body = source.splitlines()[first.end_lineno if isinstance(first, ast.Expr) else 0 :]
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in body)


def run(name, pictures):
    """The script's numbers, and its seconds on the clock and of the processor."""
    from matplotlib import pyplot as plt

    begin, cpu, home = time.perf_counter(), time.process_time(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(folder)  # a film is saved there
        try:
            found = runpy.run_path(str(HERE / f"{name}.py"))["found"]
        finally:
            os.chdir(home)
    seconds = time.perf_counter() - begin, time.process_time() - cpu
    if pictures:
        plt.savefig(Path(pictures) / f"{name}.png", dpi=60)
    plt.close("all")
    return found, seconds


def main():
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.path.append(str(ROOT))
    from dynsys_nn.maps.tables import print_what_it_can

    print_what_it_can(sys.stdout)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NUMBERS | EXPERIMENTS))
    parser.add_argument("--pictures", help="a folder for what the scripts draw")
    parser.add_argument(
        "--readme", action="store_true", help="write the numbers into README's table"
    )
    given, missed, cells = parser.parse_args(), [], {}
    numbers = NUMBERS | EXPERIMENTS
    unknown = set(given.names) - set(numbers)
    if unknown:
        parser.error(f"no script {', '.join(sorted(unknown))}; there are {', '.join(numbers)}")
    for name in given.names or numbers:
        length = lines(HERE / f"{name}.py")
        found, (clock, cpu) = run(name, given.pictures)
        print(f"\n{name}: {length} lines, {clock:.1f} s, {cpu:.1f} s of the processor")
        if length > LONGEST:
            missed.append(f"{name}: {length} lines")
        print(f"    {'':34s} {'theirs':>12s}   {'ours':12s} as good")
        for what, (number, reached) in numbers[name].items():
            good = reached(found[what])
            print(f"    {what:34s} {number:>12s}   {found[what]:<12.5g} {'yes' if good else 'NO'}")
            missed += [] if good else [f"{name}: {what}"]
        cells[name] = found, length, cpu
    if given.readme:
        readme(cells)
    print(*(["\nmissed:", *missed] if missed else ["\nall reached"]), sep="\n")
    return bool(missed)


def in_as_many_digits(found, number):
    """Ours as the notebook's is shown, in at least three digits."""
    digits = re.sub(r"e.*|\D", "", number).lstrip("0")
    return f"{found:.{max(3, len(digits))}g}"


def readme(cells):
    """Write the last two columns of README's rows of name.py: the numbers, and lines and seconds."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    for name, (found, length, cpu) in cells.items():
        shown = SHOWN.get(name) or {what: what for what in EXPERIMENTS[name]}
        told = (NUMBERS | EXPERIMENTS)[name]
        numbers = "; ".join(
            f"{shown[what]}: {number} → {in_as_many_digits(found[what], number)}"
            for what, (number, _) in told.items()
            if what in shown
        )
        row = rf"(?m)^(\| .*\(tests/benchmarks/notebooks/{name}\.py\) \|.*\|)[^|]*\|[^|]*\|$"
        end = rf"\g<1> {numbers} | {length}, {cpu:.2g} s |"
        text, times = re.subn(row, end, text)
        if times != 1:
            raise LookupError(f"README has {times} rows of {name}, not one")
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
