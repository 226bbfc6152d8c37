"""Tutorials and sheets as notebooks: the cells of the scripts, the same bytes each time, run one after the other, without solutions unless asked."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TUTORIALS, run

from dynsys_nn import checks
from tutorials import notebooks
from tutorials.__main__ import main
from tutorials.site import lite

LABS = sorted((ROOT / "tutorials" / "labs").glob("[0-9]*.py"))
SHEETS = [*LABS, ROOT / "tutorials" / "labs" / "template.py"]
SCRIPT = """\
# %% [markdown]
# # Title
#
# $x$ and `# %%`, **Before you run it**

# %%
import math


# %% tags=["mine"]
def f(x):
    # a comment
    return x


assert f(1) == 1

# %% [markdown]
# It is 1. Think before you run it.
"""


def written(folder, *arguments):
    """The notebooks that a command writes, by their names."""
    assert main(["notebooks", "--out", str(folder), *map(str, arguments)]) == 0
    return {
        path.relative_to(folder).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.ipynb")
    }


def source(cell):
    return "".join(cell["source"])


def tags(book):
    return [cell["metadata"].get("tags", []) for cell in book["cells"]]


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory):
    return written(tmp_path_factory.mktemp("all"), *notebooks.scripts(), SHEETS[-1], "--solutions")


# ---- what they are


def test_a_script_has_these_cells():
    found = [(cell.kind, cell.text, cell.tags) for cell in notebooks.cells(SCRIPT)]
    assert found == [
        ("markdown", "# Title\n\n$x$ and `# %%`, **Before you run it**", ["predict"]),
        ("code", "import math", []),
        ("code", "def f(x):\n    # a comment\n    return x\n\n\nassert f(1) == 1", ["mine", "asserts"]),
        ("markdown", "It is 1. Think before you run it.", []),
    ]  # fmt: skip


def test_what_tells_the_answer_to_a_prediction_is_tagged():
    asked = "# %% [markdown]\n# **Before you run the cell:** how many?\n# %%\n1\n"
    told, again = (
        "# %% [markdown]\n# One.\n",
        "# %% [markdown]\n# One. **Before you run it:** two?\n",
    )
    assert [cell.tags for cell in notebooks.cells(asked + told)] == [["predict"], [], ["reveals"]]
    assert [cell.tags for cell in notebooks.cells(asked + again)] == [["predict"], [], ["predict"]]


def test_cells_are_those_of_jupytext():
    """But for blank lines between `# %%` and the code, which it keeps."""
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed")
    for path in (ROOT / "tutorials").rglob("*.py"):
        if path.parent == ROOT / "tutorials" and path not in TUTORIALS:
            continue  # this package's own
        text = path.read_text(encoding="utf-8")
        theirs = jupytext.reads(text, fmt="py:percent").cells
        ours = notebooks.cells(text)
        assert [(c.kind, c.text) for c in ours] == [
            (c.cell_type, c.source.lstrip("\n")) for c in theirs
        ], path


def test_the_cells_of_a_notebook_are_those_of_the_script(all_of_them):
    """But for the first one, which installs, and the last one of a sheet, which runs the checks."""
    for path in TUTORIALS:
        book, script = all_of_them[f"{path.stem}.ipynb"], path.read_text(encoding="utf-8")
        theirs = [cell.text for cell in notebooks.cells(script)]
        assert [source(cell) for cell in book["cells"][1:]] == theirs
    for path in SHEETS:
        book, script = all_of_them[f"labs/{path.stem}.ipynb"], path.read_text(encoding="utf-8")
        text = "\n".join(source(cell) for cell in book["cells"][1:-1])
        above, below = script.split('if __name__ == "__main__":\n')
        assert [line for line in text.splitlines() if line] == [
            re.sub("^# ?", "", line) if kind == "markdown" else line
            for kind, line in of_lines(above)
            if re.sub("^# ?", "", line)
        ]
        assert source(book["cells"][-1]) == below.strip().removesuffix(".exit()")
        assert "__main__" not in text


def of_lines(script):
    """(kind of its cell, line) for each line of a script."""
    kind = "code"
    for line in script.splitlines():
        if line.startswith("# %%"):
            kind = "markdown" if "[markdown]" in line else "code"
        elif line:
            yield kind, line


def test_what_a_sheet_runs_is_a_cell_of_its_own():
    runs = 'if __name__ == "__main__":\n    a()\n    checks.run(f(1)).exit()\n'
    for between in ("\n\n\n", "\n", "\n\n# %%\n"):
        found = notebooks.opened(f"# %%\nf = 1{between}{runs}")
        assert [cell.text for cell in found] == ["f = 1", "a()\nchecks.run(f(1))"]
    for script in ("# %%\nx\n", f"# %%\nf = 1\n\n{runs}g = 2\n", f"# %%\nf = '''\n{runs}'''\n"):
        assert len(notebooks.opened(script)) == 1  # nothing, or something else, at its end


def test_a_notebook_is_valid(all_of_them):
    for name, book in all_of_them.items():
        assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
        ids = [cell["id"] for cell in book["cells"]]
        assert len({*ids}) == len(ids) and all(re.fullmatch(r"[\w-]{1,64}", i) for i in ids), name
        for cell in book["cells"]:
            code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
            assert {*cell} == {"cell_type", "id", "metadata", "source"} | code
            assert source(cell) == source(cell).strip("\n") != ""


def test_a_notebook_is_valid_for_nbformat(all_of_them):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    for book in all_of_them.values():
        nbformat.validate(nbformat.from_dict(book))


def test_a_notebook_of_the_site_has_the_same_cells_and_installs_nothing(tmp_path, all_of_them):
    """Between what a reader and a student are told there, which is not taken for an answer."""
    for path, after in ((TUTORIALS[0], 0), (LABS[0], 1)):
        (tmp_path / "a.ipynb").write_text(lite.book(path), encoding="utf-8")
        assert not notebooks.written_in(tmp_path / "a.ipynb")
        ours = all_of_them[notebooks.place(path).as_posix()]["cells"][1:]
        told, *theirs = json.loads(lite.book(path))["cells"]
        theirs, button = theirs[: len(ours)], theirs[len(ours) :]
        assert [*map(source, theirs)] == [*map(source, ours)] and len(button) == after
        assert {cell["cell_type"] for cell in (told, *button)} == {"markdown"}


def test_cells_with_equal_text_have_ids_of_their_own():
    book = json.loads(notebooks.notebook(notebooks.cells("# %%\nx\n# %%\nx\n# %%\ny\n")))
    assert len({cell["id"] for cell in book["cells"]}) == 4


def test_the_same_script_gives_the_same_bytes(tmp_path):
    for seed in "12":
        done = run("-m", "tutorials", "notebooks", "--solutions", "--out", seed, cwd=tmp_path, PYTHONHASHSEED=seed)  # fmt: skip
        assert done.returncode == 0 and done.stderr == "", done.stderr
    found = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*"))
    assert len(found) >= len(TUTORIALS) + 2 * len(LABS)
    for path in found:
        content = (tmp_path / "1" / path).read_bytes()
        assert content == (tmp_path / "2" / path).read_bytes()
        assert b"\r" not in content and content.endswith(b"}\n")
    assert done.stdout == f"{len(found)} notebooks in 2\n"


def test_a_lecturer_can_hide_by_tags(all_of_them):
    for path in SHEETS:
        of_sheet = tags(all_of_them[f"labs/{path.stem}.ipynb"])
        assert of_sheet[0] == ["install", "hide-input"] and of_sheet[-1] == ["checks"]
        picture = [["predict"], []] if path in LABS else []
        *of_answer, questions = of_sheet[2 : -1 - len(picture)]
        assert questions == ["questions", "hide-input"] and ["answer"] in of_answer
        assert of_sheet[-1 - len(picture) : -1] == picture
        of_solution = tags(all_of_them[f"labs/solutions/{path.stem}.ipynb"])
        assert of_solution == [*of_sheet[:-1], ["solution"], of_sheet[-1]]
    for path in TUTORIALS:
        of_tutorial = [tag for cell in tags(all_of_them[f"{path.stem}.ipynb"]) for tag in cell]
        for tag in ("install", "predict", "reveals", "asserts", "exercises"):
            assert tag in of_tutorial, (path.stem, tag)


# ---- that they run


def results_of(book):
    """What the last cell of a notebook shows, after all cells were run in one namespace."""
    names = {"__name__": "__main__"}
    *before, last = [
        "\n".join(line for line in source(cell).split("\n") if not line.lstrip().startswith("%"))
        for cell in book["cells"]
        if cell["cell_type"] == "code"
    ]
    for text in before:
        exec(text, names)
    return eval(last, names)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_the_cells_of_a_sheet_run_and_say_what_is_to_do(path, all_of_them, capsys):
    results = results_of(all_of_them[f"labs/{path.stem}.ipynb"])
    assert isinstance(results, checks.Results) and not results.passed
    assert {r.verdict for r in results} <= {"to do", "waits", "passed"}
    assert "to do" in {r.verdict for r in results} and "installing" not in capsys.readouterr().out


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_the_cells_of_a_solution_run_and_are_right(path, all_of_them, capsys):
    book = all_of_them[f"labs/solutions/{path.stem}.ipynb"]
    assert "runpy" not in str(book) and "__file__" not in str(book) and "sheet[" not in str(book)
    results = results_of(book)
    assert results.passed and capsys.readouterr().out.endswith(f"{results.end}\n")


def test_jupyter_runs_a_sheet(tmp_path, all_of_them):
    """And what is hidden is hidden, by the command that --help shows."""
    for name in ("nbconvert", "ipykernel"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    for part in ("", "solutions/"):
        book = all_of_them[f"labs/{part}2_the_adjoint_of_a_field.ipynb"]
        (tmp_path / "a.ipynb").write_text(json.dumps(book), encoding="utf-8")
        done = run(
            *("-m", "nbconvert", "--execute", "--to", "html", "a.ipynb"),
            "--TagRemovePreprocessor.enabled=True",
            "--TagRemovePreprocessor.remove_input_tags=questions",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        shown = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert ("4 of 4 right" if part else "0 of 4 right; next: task 1") in shown
        assert "What is asked of an answer" not in shown and "SineField" in shown


# ---- what is written, and where


def test_no_solution_is_written_unless_asked(tmp_path):
    books = written(tmp_path)
    assert {*books} == {
        f"{path.relative_to(ROOT / 'tutorials').with_suffix('').as_posix()}.ipynb"
        for path in [*TUTORIALS, *LABS]
    }
    assert "solution" not in [tag for book in books.values() for cell in tags(book) for tag in cell]


def test_scripts_are_written_with_their_solutions_beside_them(tmp_path):
    (tmp_path / "solutions").mkdir()
    sheet, exercise = tmp_path / "mine.py", tmp_path / "other.py"
    shutil.copy(SHEETS[-1], sheet)
    shutil.copy(SHEETS[-1].parent / "solutions" / "template.py", tmp_path / "solutions" / "mine.py")
    exercise.write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "solutions" / "other.py").write_text("# %%\nsolved = 1\n")
    books = written(tmp_path / "out", sheet, exercise, "--solutions")
    assert {*books} == {"mine.ipynb", "other.ipynb", "solutions/mine.ipynb", "solutions/other.ipynb"}  # fmt: skip
    assert results_of(books["solutions/mine.ipynb"]).passed
    assert source(books["solutions/other.ipynb"]["cells"][1]) == "solved = 1"


def test_the_first_cell_installs_what_it_is_told(tmp_path):
    package = "git+https://example.org/course.git"
    book = written(tmp_path, SHEETS[0], "--package", package)[f"labs/{SHEETS[0].stem}.ipynb"]
    assert source(book["cells"][0]).endswith(f"\n    %pip install -q {package}")


def test_what_somebody_has_written_in_is_kept_and_what_was_run_is_written_again(tmp_path, capsys):
    [path] = [tmp_path / name for name in written(tmp_path, SHEETS[0])]
    command, first = ["notebooks", str(SHEETS[0]), "--out", str(tmp_path)], path.read_text()

    book = json.loads(first)  # it was run, and saved by a program that splits no lines
    for cell in book["cells"]:
        cell["source"] = source(cell)
    book["cells"][-1] |= {"execution_count": 7, "outputs": [{"output_type": "stream"}]}
    path.write_text(json.dumps(book))
    assert main(command) == 0 and path.read_text() == first

    book["cells"][3]["source"] += "\n# my answer"
    foreign = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for kept in (json.dumps(book), json.dumps(foreign), "notes", "", "[1]"):
        path.write_text(kept)
        capsys.readouterr()
        assert main(command) == 1 and path.read_text() == kept
        assert capsys.readouterr().out.splitlines() == [
            f"0 notebooks in {tmp_path}",
            f"kept, since somebody has written in it: {path}",
        ]
    assert main([*command, "--overwrite"]) == 0 and path.read_text() == first
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing unfinished is left


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "the following arguments are required: command"),
        (["notebook"], "invalid choice: 'notebook'"),
        (["notebooks", "nowhere.py"], "a script is a file that ends in .py, got nowhere.py"),
        (["notebooks", "a.txt"], "a script is a file that ends in .py, got a.txt"),
        (["notebooks", "plain.py"], "plain.py has no cells: no line begins with # %%"),
        (["notebooks", "latin.py"], "latin.py is not UTF-8: "),
        (["notebooks", "mine.py", "b/mine.py"], "two scripts would be the notebook mine.ipynb"),
        (["notebooks", "mine.py", "--out", "a.txt"], "--out needs a folder, and a.txt is a file"),
        (["notebooks", "mine.py", "--out", "a.txt/b"], "mine.ipynb cannot be written: "),
    ],
)
def test_what_cannot_be_written_is_said(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    for name in ("mine.py", "b/mine.py", "a.txt"):
        (tmp_path / name).write_text("# %%\n1\n")
    (tmp_path / "plain.py").write_text("x = 1  # %% of it\n")
    (tmp_path / "latin.py").write_bytes("# %%\nx = 'é'\n".encode("latin-1"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and words in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_notebooks_need_the_standard_library_alone(tmp_path):
    code = "import sys, tutorials.__main__; print([m for m in ('numpy', 'dynsys_nn', 'nbformat') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
