"""The notebooks of the author's courses and his other experiments are scripts of a student's length, and README says where each
notebook is taught and what each script finds.
"""

import re
import runpy

import numpy as np
from conftest import ROOT

import dynsys_nn as dnn

NOTEBOOKS = ROOT / "tests" / "benchmarks" / "notebooks"
SCRIPTS = sorted(NOTEBOOKS.glob("[!_]*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"(?m)^\| \[\w+\]\(tests/benchmarks/notebooks/(\w+)\.py\) \|(.*)\|$", README)
EXPERIMENTS = re.findall(
    r"(?m)^\| (\d+) \| \[[^\]]+\]\(tests/benchmarks/notebooks/(\w+)\.py\) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", README
)  # fmt: skip


def test_readme_has_a_row_for_each_script_and_the_runner_its_numbers():
    runner = runpy.run_path(str(NOTEBOOKS / "__main__.py"))
    for rows, told in ((ROWS, "NUMBERS"), (EXPERIMENTS, "EXPERIMENTS")):
        names = [row[0] if rows is ROWS else row[1] for row in rows]
        assert set(names) == set(runner[told]) and len(names) == len(set(names))
    assert {path.stem for path in SCRIPTS} == {*runner["NUMBERS"], *runner["EXPERIMENTS"]}
    assert [int(number) for number, *_ in EXPERIMENTS] == list(range(16, 38))
    for path in SCRIPTS:
        assert runner["lines"](path) <= 60, path.name


def test_no_script_needs_a_class_of_its_own():
    for path in SCRIPTS:
        assert not re.search(r"(?m)^ *class ", path.read_text(encoding="utf-8")), path.name


def test_readme_counts_the_experiments_that_need_nothing_by_hand():
    by_hand = [name for _, name, hand, *_ in EXPERIMENTS if hand != "–"]
    says = f"{len(EXPERIMENTS) - len(by_hand)} as they are, one with something by hand"
    assert len(by_hand) == 1 and f"{len(EXPERIMENTS)} experiments" in README and says in README
    for _, name, _, numbers, cost in EXPERIMENTS:
        assert re.search(r": \S+ → -?[\d.]", numbers) and re.fullmatch(r"\d+, [\d.]+ s", cost), name


def test_the_rows_name_tutorials_labs_and_figures_that_exist_by_their_numbers():
    for name, row in ROWS:
        _, tutorial, lab, figure, numbers, cost = (cell.strip() for cell in row.split("|"))
        for cell, folder in (tutorial, "tutorials"), (lab, "tutorials/labs"), (figure, "figures"):
            links = re.findall(r"\[(\w+)\]\((\S+)/(\w+)\.py\)", cell)
            assert links or (cell == "–" and cell is lab), name
            for said, where, stem in links:
                assert where == folder and (ROOT / where / f"{stem}.py").exists(), (name, stem)
                assert said == stem.split("_")[0].lstrip("0") or said == stem, (name, said)
        assert re.search(r": \S+ → -?\d", numbers) and re.fullmatch(r"\d+, [\d.]+ s", cost), name


def test_the_epidemic_ends_where_the_notebook_says():
    X, t = dnn.systems.sir(0.1, 0.1), np.linspace(0, 100, 1000)
    end = dnn.trajectory(X, np.array([0.3, 0.5, 0.2]), t, dnn.Euler())[-1]
    assert abs(end[0] - 0.1577) < 5e-5 and abs(end.sum() - 1) < 1e-14


def test_euler_leaves_the_first_integral_as_far_as_the_notebook_says():
    X, t = dnn.systems.lotka_volterra(2, 1, 1, 1), np.linspace(0, 10, 2000)
    I = X.invariants["cycle"](dnn.trajectory(X, np.array([0.1, 1.9]), t, dnn.Euler()))
    assert abs(abs(I - I[0]).max() - 0.141) < 5e-4
