"""The page on sheets and the template: its commands run and print what it says, its code is the template's, answers to it are marked as it says."""

import contextlib
import csv
import importlib.util
import io
import re
import runpy
import shlex
import shutil

import numpy as np
import pytest
from conftest import ROOT, run

from dynsys_nn import checks
from tutorials import notebooks

LABS = ROOT / "tutorials" / "labs"
PAGE = (LABS / "README.md").read_text(encoding="utf-8")
TEMPLATE = (LABS / "template.py").read_text(encoding="utf-8")
SOLUTION = (LABS / "solutions" / "template.py").read_text(encoding="utf-8")
#: the blocks of the page, (language, text)
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.S)
COMMANDS = [text.strip() for language, text in BLOCKS if language == "sh"]
marks_missing = importlib.util.find_spec("dynsys_nn.marks") is None


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The scripts of a clone, with the two submissions and the seeds of the page."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "tutorials", folder / "tutorials", ignore=shutil.ignore_patterns("out"))
    [seeds] = [text for language, text in BLOCKS if text.startswith("student,seed\n")]
    (folder / "seeds.csv").write_text(seeds)
    (folder / "submissions").mkdir()
    code = [c.text for c in notebooks.solved(TEMPLATE, SOLUTION) if c.kind == "code"]
    for student, number in (line.split(",") for line in seeds.split()[1:]):
        answer = "\n\n\n".join(code).replace("class Answer(Turning)", "class Turning(Turning)")
        answer = answer.replace("SEED = 0", f"SEED = {number}").replace("questions(Answer", "questions(Turning")  # fmt: skip
        (folder / "submissions" / f"{student}.py").write_text(answer, encoding="utf-8")
    return folder


def told(command, clone):
    """What a command prints, run in the clone."""
    program, *arguments = shlex.split(command)
    assert program == "python"
    done = run(*arguments, cwd=clone, PYTHONUTF8="1")
    assert done.stderr == "", done.stderr
    return done


def without_rounding(text):
    """The text, without what differs from machine to machine in a measured number."""
    return re.sub(r"(?<=measured ) *\d\.\de[-+]\d\d", " …", text)


# ---- the page


def test_scripts_print_what_the_page_says(clone):
    following = dict(zip(BLOCKS, BLOCKS[1:], strict=False))
    for command, status in zip(COMMANDS[1:3], (1, 0), strict=True):
        language, promised = following["sh", f"{command}\n"]
        done = told(command, clone)
        assert language == "text" and done.returncode == status
        assert without_rounding(done.stdout) == without_rounding(promised)


def test_notebooks_are_written_without_solutions(clone):
    done = told(COMMANDS[0], clone)
    found = sorted(path.name for path in (clone / "course" / "labs").rglob("*.ipynb"))
    sheets = sorted(path.stem for path in LABS.glob("[0-9]*.py"))
    assert done.returncode == 0 and found == [f"{name}.ipynb" for name in sheets]
    assert not [*(clone / "course").rglob("solutions")]


@pytest.mark.skipif(marks_missing, reason="dynsys_nn.marks is not there")
def test_submissions_are_marked_with_the_number_of_each_student(clone):
    program, *arguments = shlex.split(COMMANDS[3])
    done = run(*arguments, cwd=clone, PYTHONUTF8="1")
    assert program == "python" and done.returncode == 0, done.stderr
    with open(clone / "marks" / "marks.csv", encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {*rows} == {"ada", "emmy"} and {float(row["total"]) for row in rows.values()} == {4.0}
    assert (clone / "marks" / "marks.html").exists()
    assert len([*(clone / "marks" / "feedback").iterdir()]) == 2


def test_every_command_of_the_page_is_run_by_a_test_above():
    assert len(COMMANDS) == 4
    assert COMMANDS[3].startswith("python -m dynsys_nn.marks tutorials/labs/template.py ")
    assert [language for language, _ in BLOCKS if language not in ("sh", "text", "python")] == []


def test_code_on_the_page_is_in_the_template():
    code = [text.strip() for language, text in BLOCKS if language == "python"]
    assert len(code) == 2 and all(text in TEMPLATE for text in code)


def test_the_page_has_a_row_for_each_sheet():
    rows = re.findall(r"^\| (\d+) \| \[(.*?)\]\((.*?)\) \| .+ \| [½12]+ \|$", PAGE, flags=re.M)
    assert [int(number) for number, _, _ in rows] == [*range(1, 17)]
    sheets = [(title, name) for _, title, name in rows]
    for path in LABS.glob("[0-9]*.py"):
        title = re.search(r"^# # Lab \d+\. (.*)$", path.read_text(encoding="utf-8"), flags=re.M)[1]
        assert (title, path.name) in sheets


def test_links_lead_to_what_exists():
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (LABS / target).exists() or re.match(r"\d", target), target


# ---- the template


@pytest.fixture(scope="module")
def template():
    """The sheet's questions, and the solution's Answer."""
    solution = runpy.run_path(str(LABS / "solutions" / "template.py"))
    return solution["sheet"]["questions"], solution["Answer"]


def asked(questions, Answer, seed):
    """The results, and the lines that are printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        return checks.run(questions(Answer, seed)), out.getvalue().splitlines()


def turned(x):
    return np.stack([-x[..., 1], x[..., 0]], axis=-1)


def with_pullback(dx, ds):
    """A change of the adjoint: functions of the field, x and w."""

    def vjp(X, x):
        return X(x), lambda w: (dx(X, x, w), X.pack(s=np.reshape(ds(X, x, w), 1)))

    return dict(vjp=vjp)


def right_dx(X, x, w):
    return -X.s * turned(w)


def right_ds(X, x, w):
    return (w * turned(x)).sum()


def stretch(f):
    """A change of the number, a function of the speed."""

    def __init__(X, s):
        super(type(X), X).__init__(s)
        X.stretch = f(s)

    return dict(__init__=__init__)


WRONG = [
    ("turns the other way", "1.1", "needed is [-6  2 -2  0]", dict(__call__=lambda X, x: -X.s * turned(x))),
    ("the speed is missing", "1.1", "needed is [-6  2 -2  0]", dict(__call__=lambda X, x: turned(x))),
    ("written for one state", "1.1", "(2, 2)", dict(__call__=lambda X, x: X.s * np.array([-x[1], x[0]]))),
    ("no return", "1.1", "None", dict(__call__=lambda X, x: None)),
    ("the sign of dx", "2.1", "the sign is wrong", with_pullback(lambda X, x, w: X.s * turned(w), right_ds)),
    ("the speed is missing in dx", "2.1", "dx", with_pullback(lambda X, x, w: -turned(w), right_ds)),
    ("a mean for ds", "2.1", "mean", with_pullback(right_dx, lambda X, x, w: (w * turned(x)).sum() / 6)),
    ("ds of the value", "2.1", "s", with_pullback(right_dx, lambda X, x, w: (w * X(x)).sum())),
    ("the norm is kept", "3.1", "leaves it", stretch(lambda s: 1.0)),
    ("no root", "3.1", "take a root", stretch(lambda s: 1 + s**2 / 4)),
    ("h = 1", "3.1", "another number", stretch(lambda s: np.hypot(1, s))),
    ("the number of speed 1", "3.1", "another number", stretch(lambda s: np.hypot(1, 0.5))),
]  # fmt: skip

RIGHT = [
    ("with a matrix", dict(__call__=lambda X, x: x @ (X.s * np.array([[0.0, 1.0], [-1.0, 0.0]])))),
    ("ds by einsum, axis by axis", with_pullback(right_dx, lambda X, x, w: np.einsum("...i,...i", w, turned(x)).sum())),
    ("six digits", stretch(lambda s: round(float(np.sqrt(1 + (s / 2) ** 2)), 6))),
]  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1815])
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong[0])
def test_wrong_answers_are_caught_and_named(wrong, seed, template):
    questions, Answer = template
    _, number, words, change = wrong
    results, lines = asked(questions, type("Wrong", (Answer,), change), seed)
    first = next(result for result in results if not result.passed)
    assert first.number == number and words in first.diagnosis, "\n".join(lines)
    assert max(map(len, lines)) <= 88


@pytest.mark.parametrize("seed", [0, 1815])
@pytest.mark.parametrize("right", [("as it is", {}), *RIGHT], ids=lambda right: right[0])
def test_right_answers_are_not_refused(right, seed, template):
    questions, Answer = template
    results, lines = asked(questions, type("Right", (Answer,), right[1]), seed)
    assert results.passed and results.points == (4, 4), "\n".join(lines)


def test_the_right_number_of_another_student_is_wrong(template):
    """So the marker needs to know whose number is whose."""
    questions, Answer = template
    for mine, other in ((0, 1815), (1815, 1882)):
        s = runpy.run_path(str(LABS / "template.py"))["speed"](mine)
        copied = type("Copied", (Answer,), stretch(lambda _, s=s: np.hypot(1, s / 2)))
        assert asked(questions, copied, mine)[0].passed
        assert [r.number for r in asked(questions, copied, other)[0] if not r.passed] == ["3.1"]
