"""The labs: sheets run and say what is to do, solutions pass, typical wrong answers are caught and named, unusual right ones are not refused."""

import contextlib
import importlib
import io
import os
import runpy
import tracemalloc
import warnings

import numpy as np
import pytest
from conftest import ROOT

from dynsys_nn import checks

LABS = sorted(
    (ROOT / "tutorials" / "labs").glob("[0-9]*.py"), key=lambda path: int(path.name.split("_")[0])
)
SOLVED = {}


def lab(path):
    """The sheet's questions and the solution's Answer."""
    if path not in SOLVED:
        solution = runpy.run_path(str(path.parent / "solutions" / path.name))
        SOLVED[path] = solution["sheet"]["questions"], solution["Answer"]
    return SOLVED[path]


def answers(kind, every):
    """(sheet, answer) for each answer of that kind, WRONG or RIGHT, in the modules of tests/answers: every so many of them,
    since all take 20 s; all with ALL_ANSWERS=1 in the environment, as when a sheet or the tutor is changed."""
    for path in LABS:
        number = path.name.split("_")[0]
        found = getattr(importlib.import_module(f"answers.lab_{number}"), kind)
        for answer in found[:: 1 if os.environ.get("ALL_ANSWERS") else every]:
            yield pytest.param(path, answer, id=f"{number} {answer[0]}")


def printed(questions):
    """The results, and the lines that are printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        return checks.run(questions), out.getvalue().splitlines()


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_sheet_as_it_is_has_no_mistakes_and_says_what_is_to_do(path):
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name="__main__")
    lines = out.getvalue().splitlines()
    assert end.value.code == 1 and "next: task " in lines[-1] and max(map(len, lines)) <= 88
    assert any(line.startswith("to do ") for line in lines) and "FAILED" not in out.getvalue()


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_solution_passes_every_question(path):
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as end:
        runpy.run_path(str(path.parent / "solutions" / path.name), run_name="__main__")
    *lines, last = out.getvalue().splitlines()
    assert end.value.code == 0 and last == f"{len(lines)} of {len(lines)} right"
    assert all(line.startswith("passed ") for line in lines)


def first_wrong(questions):
    """The result of the first question that is not answered rightly; those after it are not asked."""
    results = []
    for question in questions:
        results.append(question.result(results))
        if not results[-1].passed:
            return results[-1]


@pytest.mark.parametrize("path, wrong", list(answers("WRONG", every=8)))
def test_wrong_answers_are_caught_and_named(path, wrong):
    questions, Answer = lab(path)
    _, number, words, make = wrong
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as for a student
        first = first_wrong(questions(make(Answer)))
    said, _, line = words.partition("\n    ")
    assert first.number == number and said in first.known and line in first.line, first
    assert max(map(len, str(first).splitlines())) <= 88


@pytest.mark.parametrize("path, right", list(answers("RIGHT", every=5)))
def test_right_answers_in_unusual_form_are_not_refused(path, right):
    questions, Answer = lab(path)
    results, lines = printed(questions(right[1](Answer)))
    assert results.passed, "\n".join(lines)


def test_where_nobody_counts_bytes_lab_14_does_not_ask_for_them(monkeypatch):
    [path] = [path for path in LABS if path.name.startswith("14_")]
    questions, Answer = lab(path)
    asked = {question.name for question in questions(Answer)}
    monkeypatch.setitem(questions.__globals__, "tracemalloc", None)
    results, lines = printed(questions(Answer))
    assert results.passed, "\n".join(lines)
    assert asked - {question.name for question in questions(Answer)} == {"3.6 memory", "4.4 memory"}


def test_an_answer_that_fails_leaves_no_memory_traced():
    [path] = [path for path in LABS if path.name.startswith("14_")]
    questions, Answer = lab(path)
    peak = questions.__globals__["peak"]
    with pytest.raises(ZeroDivisionError):
        peak(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()
    assert 8e6 < peak(lambda: np.ones(1_000_000)) < 9e6
