"""Marks: each submission gets what it deserves and a sentence that says why; what it does to its own process changes no check; a run that was killed goes on, and gives the same table to the byte."""

import csv
import json
import socket
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from benchmarks import marks as thirty
from conftest import ROOT, run

import dynsys_nn as dnn
from dynsys_nn.checks import errors
from dynsys_nn.marks import __main__ as command
from dynsys_nn.marks import (
    answer,
    course,
    fences,
    marker,
    messages,
    pages,
    standins,
    submission,
    tape,
)

LABS = ROOT / "tutorials" / "labs"
KINDS = (
    "right_an_object", "notebook", "value_is_zero", "endless_loop", "os_exit", "sys_exit", "memory",
    "not_utf8", "patched_adjoint", "reads_passwd", "fork_bomb", "packages_own", "quotients",
)  # fmt: skip
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a clock alone on Windows")


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The folder of results of some of the thirty submissions, by two processes, the submissions, and what was printed."""
    base = tmp_path_factory.mktemp("marks")
    folder = base / "submissions"
    folder.mkdir()
    thirty.write(folder, KINDS)
    done = run(
        "-m",
        "dynsys_nn.marks",
        str(thirty.SHEET),
        str(folder),
        "--out",
        str(base / "out"),
        "--seconds",
        "2",
        cwd=base,
    )
    assert done.returncode == 0, done.stderr
    return base / "out", folder, done.stderr


def rows(out):
    with open(out / "marks.csv", newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def found(out, student):
    (path,) = (out / "results").glob(f"{student}-*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def said_of(out, student):
    return found(out, student)["questions"]


@posix_only
@pytest.mark.parametrize("student", KINDS)
def test_each_kind_of_submission_gets_what_it_deserves(marked, student):
    out, _, _ = marked
    _, points, words = thirty.SUBMISSIONS[student]
    first = said_of(out, student)[0]
    assert float(rows(out)[student]["total"]) == points
    assert words.replace("20 s", "2 s") in first["diagnosis"]
    assert (first["verdict"] == "passed") == (points == 4)
    feedback = (out / "feedback" / f"{student}.html").read_text(encoding="utf-8")
    assert pages.safe(first["diagnosis"]) in feedback and pages.safe(first["line"]) in feedback


def test_the_lines_of_the_answer_are_named(marked):
    lines = {student: said_of(marked[0], student)[0]["line"] for student in KINDS}
    assert lines["packages_own"] == "y, pullback = X.vjp(x)"
    assert lines["reads_passwd"] == "text = open('/etc/passwd').read()"
    assert "self(x" in lines["quotients"]


def test_what_ends_a_submission_is_said_and_what_is_defined_is_marked(marked):
    """A notebook goes on after a cell that ends Python; a script that runs the checks itself does not end there."""
    assert found(marked[0], "notebook")["remark"].startswith("the answer ends Python")
    assert found(marked[0], "right_an_object")["remark"] == ""


def test_the_lecturers_solution_is_marked_first(marked):
    assert "LOOK AT THE SHEET" not in marked[2]
    assert all(q["verdict"] == "passed" for q in said_of(marked[0], "solution"))


def test_submissions_are_as_they_were(marked):
    _, folder, _ = marked
    for student in KINDS:
        text = thirty.SUBMISSIONS[student][0]
        (path,) = folder.glob(f"{student}.*")
        assert path.read_bytes() == (text if isinstance(text, bytes) else text.encode())


def test_a_run_goes_on_where_it_was_and_gives_the_same_table(marked, capsys):
    out, folder, _ = marked
    before, results = (out / "marks.csv").read_bytes(), sorted((out / "results").glob("*.json"))
    lost = [path for path in results if path.name.startswith(("value_is_zero", "not_utf8"))]
    for path, text in zip(
        lost, (None, '{"student": "val'), strict=True
    ):  # not begun, and half written
        path.unlink() if text is None else path.write_text(text)
    times = {path: path.stat().st_mtime_ns for path in results if path not in lost}
    (out / "marks.csv").unlink()
    options = ["--seconds", "2", "--jobs", "1", "--out", str(out)]
    assert command.main([str(thirty.SHEET), str(folder), *options]) == 0
    assert (out / "marks.csv").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert all(json.loads(path.read_text(encoding="utf-8")) for path in lost)


def test_pages_say_what_was_kept_out_and_the_commonest_mistakes_first(marked):
    text = (marked[0] / "marks.html").read_text(encoding="utf-8")
    for words in fences.kept_out(fences.bubblewrap_starts(marked[0])):
        assert pages.safe(words) in text
    assert "<script" not in text and 'src="' not in text


# ---- stand-ins


@pytest.mark.parametrize("line", ["", "y = x"])
def test_what_the_marker_refuses_is_a_mistake_of_the_line_that_asks(line):
    error = ValueError("wrong")
    error.line = line
    with pytest.raises(ValueError, match="wrong"):
        answer.Answer.fail(None, error, "", 0)
    assert errors.line_of(error) == (line or 'answer.Answer.fail(None, error, "", 0)')


def marked_by_itself(number, tmp_path, source=None):
    """What is said of the solution of a lab, or of an answer that derives from it, at home and by the marker."""
    (path,) = LABS.glob(f"{number}_*.py")
    file = path.parent / "solutions" / path.name
    if source is not None:
        file = tmp_path / "answer.py"
        file.write_text(source, encoding="utf-8")
    options = course.Options(30, readable=(str(LABS), str(tmp_path)))
    return marker.mark(marker.Sheet(path), file, 0, options)[0]


@pytest.mark.parametrize("number", [4, 12, 15])
def test_a_stand_in_copies_changes_and_is_what_the_sheet_wants(number, tmp_path):
    """Lab 4 copies its map, sets its parameters and calls its inverse; lab 12 asks whether it keeps the array that it was given; lab 15 has θ and a dict changed in place, and trains a network."""
    results = marked_by_itself(number, tmp_path)
    assert results.passed, results


def test_a_mistake_is_named_as_at_home(tmp_path):
    source = f"""
import runpy
Solution = runpy.run_path({str(LABS / "solutions" / "2_the_adjoint_of_a_field.py")!r})["Answer"]

class Answer(Solution):
    def vjp(self, x):
        self.z = x
        y, _ = super().vjp(x)
        return y, lambda w: Solution.vjp(self, self.z)[1](w)
"""
    first = marked_by_itself(2, tmp_path, source)[0]
    assert first.verdict == "FAILED" and "reads self.z" in first.detail


@pytest.fixture
def talk():
    """Two peers that answer with what they are sent."""

    class Echo(messages.Peer):
        def do(self, do):
            return do

    a, b = socket.socketpair()
    with a, b:
        yield Echo(messages.Channel(a)), Echo(messages.Channel(b))


VALUES = [
    None, True, 3, -(2**100), 1.5, Fraction(-1, 3), float("inf"), 2 + 3j, "σ", (1, [2.0, ()]), {"a": {1: None}}, {"x"},
    np.float32(0.1), np.arange(6.0).reshape(2, 3)[:, ::2], np.zeros((0, 3)), np.array(1j), np.array([True]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_arrives_as_it_was_sent(talk, value):
    here, there = talk
    here.post({"do": value})
    found = there.take()["do"]
    assert type(found) is type(value)
    np.testing.assert_equal(found, value)
    if isinstance(value, np.ndarray | np.generic):
        assert found.dtype == value.dtype and found.shape == value.shape


def test_arrays_keep_what_they_share_and_may_not_be_changed(talk):
    here, there = talk
    a = np.ones(3)
    view = a.view()
    view.flags.writeable = False
    here.post({"do": [a, a, view]})
    b, c, d = there.take()["do"]
    assert b is c and b.flags.writeable and not d.flags.writeable


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\xff" * 8, "too much"),
        (messages.HEAD.pack(messages.TEXT + 1, 0) + b"{}", "too much"),
        (messages.HEAD.pack(2, 0) + b"[[", "cannot be read"),
        (messages.HEAD.pack(45, 0) + b'{"value": {"array": ["<f8", [9], 0, true]}}  ', "cannot be read"),
        (b"", "ends its own process"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_ends_the_process_and_not_the_marker(talk, data, words):
    here, there = talk
    here.channel.socket.sendall(data)
    here.channel.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(messages.Stopped, match=words):
        there.take()


def test_an_answer_may_ask_the_marker_for_the_contract_alone(talk):
    M, X = standins.Marker(talk[0].channel), dnn.systems.pendulum()
    x = np.array([1.0, 0.5])
    assert (M.do("call", M.number(X), "__call__", (x,), {}) == X(x)).all()
    for method in ("save", "_vjp", "__class__", "own"):
        with pytest.raises(PermissionError, match=f"may not ask for {method}"):
            M.do("call", M.number(X), method, ("x",), {})


def test_an_answer_does_not_choose_which_lines_are_shown(talk):
    M = standins.Marker(talk[0].channel)
    M.file = "answer.py"
    for file, shown in (("answer.py", True), (__file__, False), ("answer.py/..", False)):
        with pytest.raises(ValueError, match="wrong") as caught:
            M.fail(ValueError("wrong"), file, 3)
        places = [(entry.frame.code.path, entry.lineno + 1) for entry in caught.traceback]
        assert ((file, 3) in [(str(path), line) for path, line in places]) == shown
    with pytest.warns(RuntimeWarning) as warned:
        M.look({"warned": [("RuntimeWarning", "words", "/etc/passwd", 1)]})
    assert warned[0].filename == "dynsys_nn"


def test_what_the_sheet_gives_is_compared(talk):
    """A field that is zero has a right adjoint, and is another field; one with other numbers, names or an object of its own is no matter."""
    sheet = marker.Sheet(thirty.SHEET).space()["SineField"]
    assert standins.is_given(sheet, "__call__")
    assert not any(standins.is_given(sheet, name) for name in ("vjp", "lipschitz", "sigma"))
    M, F, x = standins.Marker(talk[0].channel), sheet(rng=3), np.ones((2, 3))
    assert M.as_on_the_sheet(F, "__call__", (x,), {}, 0 * x)  # nothing is known of it
    M.likes[id(F)] = sheet()
    assert M.as_on_the_sheet(F, "__call__", (x,), {}, F(x))
    assert not M.as_on_the_sheet(F, "__call__", (x,), {}, 0 * x)
    M.likes[id(F)].b = np.full(5, np.inf)  # it would warn, the answer does not
    F.b = M.likes[id(F)].b
    assert not M.as_on_the_sheet(F, "__call__", (x,), {}, 0 * x)
    F.b = np.zeros(5)
    M.likes[id(F)] = dnn.ResidualField(dnn.Dense(5, 3), dnn.Sine(), dnn.Dense(3, 5))
    assert M.as_on_the_sheet(F, "__call__", (x,), {}, F(x))


def test_the_tape_sees_what_is_run_in_a_thread_or_by_exec():
    space, x = {}, np.ones(3)
    exec("def quotient(f, x, e):\n    return (f(x + e) - f(x)) / 1e-6", space)
    seen = tape.Tape(("answer.py",), space, ())
    for e, found in ((1e-6, [(tape.QUOTIENTS, "")]), (1.0, [])):
        given = space["quotient"], (lambda x: x**2, x, e)
        for run_it in (lambda q, a: q(*a), in_a_thread):
            with seen.running(dnn.Tanh(), "slope", (x,)):
                run_it(*given)
            assert seen.taken() == found


def in_a_thread(function, given):
    thread = threading.Thread(target=function, args=given)
    thread.start()
    thread.join()


def test_the_tape_notes_that_it_is_switched_off():
    seen = tape.Tape(("answer.py",), {}, ())
    for off in (False, True):
        with seen.running(dnn.Tanh(), "slope", (np.ones(3),)):
            if off:
                sys.setprofile(None)
            seen.followed(1.0)
        assert seen.taken() == [(tape.OFF, "")] * off


@posix_only
def test_a_submission_writes_a_hundred_files_and_walks_nowhere(tmp_path):
    """os.walk is refused nothing that os.scandir is not: Matplotlib looks for fonts. What is no class is said to be none."""
    source = """
import os
try:
    for k in range(10**4):
        open(f"{k}", "w").close()
except PermissionError:
    SineField, Answer = (k, [*os.walk("/etc")]), 3
"""
    first = marked_by_itself(2, tmp_path, source)[0]
    assert first.detail == "SineField is to be a class, as on the sheet, got (100, [])"


# ---- submissions, seeds, pages


def test_students_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for name in ("ben/lab2.py", "anna/lab2.py", "anna/other.ipynb", "cleo.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert [*submission.students([tmp_path])] == ["anna-lab2", "ben-lab2", "cleo", "other"]
    with pytest.raises(ValueError, match=r"\.py or \.ipynb"):
        submission.students([tmp_path / "missing.py"])


def test_a_folder_gives_its_own_files_alone(tmp_path):
    """No links, which could lead to another's answer, no hidden files, no folder x.py; of a name that a terminal would obey its plain letters, and of two alike both."""
    names = (
        "ada.py",
        ".ada.py",
        "q/.ipynb_checkpoints/ada.ipynb",
        "x.py/ben.py",
        "a\nb\x1b[31m.py",
        "a\nb\x07[31m.py",
    )
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("")
    for name, target in (("link.py", "ada.py"), ("loop.py", "loop.py"), ("out.py", __file__)):
        (tmp_path / name).symlink_to(target if target == __file__ else tmp_path / target)
    assert [*submission.students([tmp_path])] == ["a_b_[31m-py", "a_b_[31m-py_", "ada", "ben"]
    left = [Path(path).name for path in submission.left_out([tmp_path])]
    assert sorted(left) == [".ada.py", "ada.ipynb", "link.py", "loop.py", "out.py", "x.py"]


def test_a_notebook_is_run_without_its_magics():
    cells = [
        "%matplotlib inline\nx = 1\n!ls", "%%bash\nls", "y = 7 \\\n% 4", "if x:\n    !ls",
        "%%time\nfiles = !ls\nx.real?\nz = 2 + x\nhere = %pwd\n?x",
    ]  # fmt: skip
    text, found = json.dumps({"cells": [dict(cell_type="code", source=c) for c in cells]}), {}
    assert submission.cells_in(text) == cells
    for k, cell in enumerate(cells):
        code = answer.code_in(cell, 10 * k, "ada.ipynb")
        assert k == 1 or max(line for *_, line in code.co_lines() if line) > 10 * k
        exec(code, found)
    assert (found["x"], found["y"], found["z"]) == (1, 3, 3)
    with pytest.raises(SyntaxError):
        answer.code_in(cells[0], 0, "ada.py")
    with pytest.raises(submission.Unreadable, match="no notebook"):
        submission.cells_in("{}")


def test_seeds_are_of_the_sheet_the_student_and_the_secret(tmp_path):
    sheet = marker.Sheet(thirty.SHEET)
    found = {sheet.seed_of(*given) for given in (("anna",), ("ben",), ("anna", "secret"))}
    assert len(found) == 3 and sheet.seed_of("anna") in found
    file = tmp_path / "seeds.csv"
    file.write_text("student,seed\nanna, 7\n")
    assert command.seeds_in(file) == {"anna": 7}
    file.write_text("anna,x\nben,1\ncleo,y\n")
    with pytest.raises(ValueError, match="needs rows student,seed"):
        command.seeds_in(file)


def test_pages_escape_whatever_a_student_writes():
    sheet = marker.Sheet(thirty.SHEET)
    evil = "<script>alert('1')</script>\ud800\0\x1b\u202e"
    q = dict(
        points=0, of=1, verdict="FAILED", measured=np.inf, limit=0.0, diagnosis=evil, line=evil
    )
    row = {
        "student": '=<b>"',
        "remark": evil,
        "questions": [q | {"name": question.name} for question in sheet.questions],
    }
    for text in (pages.overview(sheet, [row], evil, False), pages.feedback(sheet, row)):
        assert "<script" not in text and '<b>"' not in text and text.encode()
        assert not {"\0", "\x1b", "\u202e"} & set(text) and "Lab 2. The adjoint of a field" in text
        assert '✗<span class="word"> FAILED' in text
    assert pages.table(sheet, [row]).splitlines()[1].startswith("\"'=")


def test_a_result_is_written_whatever_a_student_writes(tmp_path):
    course.write(tmp_path / "a.json", json.dumps(["\ud800"], ensure_ascii=False))
    assert course.read(tmp_path / "a.json") == ["?"]
    assert len(course.cut("y" * 10**6)) < 700


def test_mistakes_that_differ_in_numbers_are_counted_together():
    def row(student, words):
        q = dict(name="1.1 adjoint", verdict="FAILED", diagnosis=words)
        return {"student": student, "questions": [q]}

    rows = [row("a", "other"), row("b", "off by 3.1 %"), row("c", "off by 41 %")]
    text = pages.commonest(rows)
    assert text.index("2 ×") < text.index("1 ×") and "b, c" in text


def test_a_sheet_without_questions_is_refused(tmp_path):
    path = tmp_path / "sheet.py"
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="is no sheet"):
        marker.Sheet(path)


def test_it_is_not_run_where_python_would_import_a_submission(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("numpy.py").write_text("")
    with pytest.raises(SystemExit, match="2"):
        command.main([str(thirty.SHEET), "."])
    assert "go to another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given, words",
    [
        (["missing.py", "a.py"], "missing.py"),
        ([str(thirty.SHEET), "missing.py"], "a submission is a file"),
        ([str(thirty.SHEET), str(thirty.SHEET), "--jobs", "0"], "at least 1"),
        ([str(thirty.SHEET), str(thirty.SHEET), "--seconds", "0"], "are positive"),
    ],
)
def test_what_cannot_be_marked_is_said_on_the_command_line(given, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(given)
    assert words in capsys.readouterr().err
