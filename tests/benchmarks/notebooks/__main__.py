"""The notebooks of the author's courses, each as a student's script: do they reach the numbers of the notebook?

    python tests/benchmarks/notebooks [NAME …] [--pictures FOLDER] [--readme]

Each script beside this file prints and draws what the notebook does, and leaves its numbers in `found`. Printed for each of them: the
notebook's number, as it is stored there or as its method must give it; ours; whether ours is as good; the script's lines that are
neither blank nor comments nor its docstring; and the seconds of the whole script, after imports, on the clock and of the processor.
The notebooks' seconds are those that they print, of their training in torch. `--readme` writes README's table anew. Status 1 if a
number is missed or a script is longer than 60 lines.
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


def near(value, tolerance):
    """Ours is this number, as far as the notebook shows it."""
    return f"{value:g}", lambda found: abs(found - value) <= tolerance


def at_most(value):
    """A loss, or what should be 0: ours is no larger."""
    return f"{value:g}", lambda found: found <= value


def rounding(value):
    """What is kept to rounding: ours is at most ten times as much."""
    return f"{value:g}", lambda found: found <= 10 * value


def at_least(value, noise=0.0):
    """An accuracy, whose noise is some of its points, or what a theorem bounds from below, without noise."""
    return f"{value:g}", lambda found: found >= value - noise


def only(words="–"):
    """The notebook has no such number; ours is shown."""
    return words, lambda found: True


#: notebook → name in `found` → the notebook's number, and what makes ours as good
NUMBERS = {
    "why_geometric_integration": {
        "explicit Euler": near(3.95461, 1e-5),
        "implicit Euler": near(0.798168, 1e-6),
        "RK45": near(0.27, 0.01),
        "implicit midpoint": rounding(2e-15),
    },
    "free_rigid_body": {
        "Euler, casimir": near(0.32, 0.02),
        "Euler, energy": near(0.28, 0.02),
        "midpoint, casimir": rounding(2e-15),
        "midpoint, energy": rounding(2e-15),
    },
    "sir_model": {
        "S(100), explicit Euler": near(0.158, 5e-4),
        "S(100), implicit Euler": near(0.158, 5e-4),
        "S(100), RK45": near(0.171, 5e-4),
        "S(100), implicit midpoint": near(0.15787, 1e-5),
        "S + I + R - 1": rounding(1e-15),
    },
    "symplectic_hamiltonian": {
        "symplectic Euler, least": near(-0.1, 0.005),
        "symplectic Euler, most": near(0.1, 0.005),
        "Strang, least": near(-7.231e-4, 1e-7),
        "Strang, most": near(3.011e-3, 1e-6),
        "RK45, least": near(-0.64, 0.005),
        "symplectic": rounding(1e-16),
    },
    "sympnet": {
        "SympNet, loss": at_most(9.86e-7),
        "ResNet, loss": at_most(6.82e-7),
        "SympNet, |E/E0 - 1|": at_most(0.04),
        "ResNet, |E/E0 - 1|": at_least(0.14),
        "SympNet, seconds": only("7"),
        "ResNet, seconds": only("5"),
    },
    "hamiltonian_neural_networks": {
        "symplectic, accuracy": at_least(1.0, 0.002),
        "residual, accuracy": at_least(1.0, 0.002),
        "plain, accuracy": near(0.51, 0.06),
        "symplectic, least norm": at_least(1.0),
        "residual, least norm": at_least(1.0, 0.05),
        "plain, least norm": only(),
    },
    "adversarial_robustness": {
        "ResNet, accuracy at 0": at_least(0.89),
        "ResNet, accuracy at 0.3": only("0.187"),
        "ResNet, accuracy at 0.8": only("0"),
        "non-expansive, accuracy at 0": at_least(0.876),
        "non-expansive, accuracy at 0.3": at_least(0.629),
        "non-expansive, accuracy at 0.8": only("0.224"),
        "non-expansive, certified at 0.14": only(),
        "largest constant of a layer": near(1.0, 1e-9),
    },
    "point_separation": {"accuracy": at_least(0.995, 0.002), "seconds": only("8.6")},
    "learning_hamiltonian": {
        "K11": near(4.9997, 6e-4),
        "K12": near(-0.9999, 6e-4),
        "K22": near(5.0, 6e-4),
        "test MSE": at_most(3.02e-7),
    },
    "discrete_gradient": {
        "ItohAbe()": at_most(1e-14),
        "Gonzalez()": only(),
        "MeanValue()": only(),
        "explicit Euler": near(0.14, 0.005),
        "implicit Euler": near(0.13, 0.005),
        "RK45": near(0.05, 0.007),
        "implicit midpoint": near(5e-5, 5e-6),
    },
}  # fmt: skip


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
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NUMBERS))
    parser.add_argument("--pictures", help="a folder for what the scripts draw")
    parser.add_argument(
        "--readme", action="store_true", help="write the numbers into README's table"
    )
    given, missed, cells = parser.parse_args(), [], {}
    unknown = set(given.names) - set(NUMBERS)
    if unknown:
        parser.error(f"no notebook {', '.join(sorted(unknown))}; there are {', '.join(NUMBERS)}")
    for name in given.names or NUMBERS:
        length = lines(HERE / f"{name}.py")
        found, (clock, cpu) = run(name, given.pictures)
        print(f"\n{name}: {length} lines, {clock:.1f} s, {cpu:.1f} s of the processor")
        if length > LONGEST:
            missed.append(f"{name}: {length} lines")
        print(f"    {'':34s} {'theirs':>12s}   {'ours':12s} as good")
        for what, (number, reached) in NUMBERS[name].items():
            good = reached(found[what])
            print(f"    {what:34s} {number:>12s}   {found[what]:<12.5g} {'yes' if good else 'NO'}")
            missed += [] if good else [f"{name}: {what}"]
        cells[name] = found, length, cpu
    if given.readme:
        readme(cells)
    print(*(["\nmissed:", *missed] if missed else ["\nall reached"]), sep="\n")
    return bool(missed)


def in_as_many_digits(found, number):
    """Ours as the notebook's is shown, in at least two digits."""
    digits = re.sub(r"e.*|\D", "", number).lstrip("0")
    return f"{found:.{max(2, len(digits))}g}"


def readme(cells):
    """Write the last two columns of README's rows that begin with [title](…/name.py): the numbers, and lines and seconds."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    for name, (found, length, cpu) in cells.items():
        numbers = "; ".join(
            f"{SHOWN[name][what]}: {number} → {in_as_many_digits(found[what], number)}"
            for what, (number, _) in NUMBERS[name].items()
            if what in SHOWN[name]
        )
        row = (
            rf"(?m)^(\| \[[^\]]*\]\(tests/benchmarks/notebooks/{name}\.py\) \|.*\|)[^|]*\|[^|]*\|$"
        )
        end = rf"\g<1> {numbers} | {length}, {cpu:.2g} s |"
        text, times = re.subn(row, end, text)
        if times != 1:
            raise LookupError(f"README has {times} rows of {name}, not one")
    path.write_text(text, encoding="utf-8")


#: notebook → name in `found` → in README's words
SHOWN = {
    "why_geometric_integration": {"explicit Euler": "E − E₀, Euler", "implicit Euler": "implicit", "implicit midpoint": "midpoint"},
    "free_rigid_body": {"Euler, casimir": "change of m², Euler", "midpoint, casimir": "midpoint"},
    "sir_model": {"S(100), implicit midpoint": "S(100)", "S + I + R - 1": "change of the mass"},
    "symplectic_hamiltonian": {"Strang, most": "H − H₀, Strang", "RK45, least": "RK45"},
    "sympnet": {"SympNet, loss": "loss", "SympNet, |E/E0 - 1|": "E/E₀ − 1 to T = 100"},
    "hamiltonian_neural_networks": {"symplectic, accuracy": "accuracy", "symplectic, least norm": "least ‖∂y_N/∂y_j‖, at least"},
    "adversarial_robustness": {"non-expansive, accuracy at 0": "accuracy", "non-expansive, accuracy at 0.3": "ε = 0.3", "non-expansive, accuracy at 0.8": "ε = 0.8"},
    "point_separation": {"accuracy": "accuracy"},
    "learning_hamiltonian": {"K11": "K₁₁", "test MSE": "error"},
    "discrete_gradient": {"ItohAbe()": "change of I, Itoh–Abe", "implicit midpoint": "midpoint"},
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
