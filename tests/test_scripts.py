"""The repository keeps its promises: tutorials run, README's commands and example work, imports are light and in order."""

import ast
import io
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, SOLUTIONS, TUTORIALS, run

import dynsys_nn as dnn
from dynsys_nn.maps.tables import print_what_it_can

README = (ROOT / "README.md").read_text()
#: README's list of modules
READING_ORDER = re.findall(r"\[(\w+)\]\(dynsys_nn/", README)


# ---- what is printed


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8", "utf-16"])
def test_what_is_printed_needs_no_unicode(encoding, rng):
    net = dnn.Network(
        dnn.Flow(dnn.GradientField.random(2, 2, rng=rng), 0.1), dnn.Affine(2, 2, rng=rng)
    )
    printed = f"{net}\n{net.summary()}\n" + "".join(map(chr, range(0xA0, 0x2300))) + "κ𝒩\n"
    for errors in ("strict", "ignore"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding, errors, newline="")
        print_what_it_can(stream)
        stream.write(printed)
        stream.flush()
        text = stream.buffer.getvalue().decode(encoding)
        if errors == "ignore":  # somebody said what to do
            assert stream.errors == errors and "->" not in text
        elif encoding[:3] == "utf":
            assert stream.errors == errors and text == printed
        else:
            assert text.startswith("Network(2 -> 2)\n") and "(Ax + b), h = 0.1  2 -> 2" in text


def test_what_users_print_arrives_at_a_pipe_of_windows(tmp_path, root):
    """A lab, an error, a warning, and an object that a user prints."""
    code = """if True:
        import runpy, sys, warnings
        import dynsys_nn as dnn
        net = dnn.Network(dnn.Dense(2, 2, rng=0))
        history = dnn.fit(net, dnn.MeanSquaredError(), [[1.0, 2.0]], [[0.0, 1.0]], epochs=2)
        print(net, net.summary(), history, dnn.checks.adjoint(net, [1.0, 2.0]), dnn.Strang())
        warnings.warn("θ → σ")
        try:
            dnn.fit(net, dnn.MeanSquaredError(), [[1.0, 2.0]], [[0.0, 1.0]], dnn.SGD(1e308), epochs=1)
        except dnn.TrainingDiverged as error:
            print(error)
        try:
            runpy.run_path(sys.argv[1], run_name="__main__")
        except SystemExit as unfinished:
            assert unfinished.code == 1
        raise ValueError("θ")"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(root / "tutorials" / "labs" / "1_an_activation.py")], cwd=tmp_path, capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{os.path.dirname(os.path.dirname(dnn.__file__))}{os.pathsep}{root}", "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    )  # fmt: skip
    said, errors = done.stdout.decode("cp1252"), done.stderr.decode("cp1252")
    assert errors.splitlines()[-1] == r"ValueError: \u03b8", errors
    for words in ("Network(2 -> 2)", "Sum  Network", "theta is as it was", "write sigma(z)"):
        assert words in said


# ---- tutorials


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda p: p.stem)
def test_tutorial_runs_alone_from_any_directory_with_warnings_as_errors(path, scripts):
    done, folder = scripts[path.stem]
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and not list(folder.iterdir())
    source = path.read_text()
    assert (
        source.startswith("# %% [markdown]")
        and "assert" in source
        and "xercise" in source
        and "efore you run" in source
    )


def cells(path):
    """The cells of a percent script, each with its text or its code."""
    return re.split(r"(?m)^# %%", path.read_text())[1:]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: f"solutions/{p.stem}")
def test_solution_runs_with_warnings_as_errors(path, scripts):
    done, _ = scripts["solutions"]
    assert f"\nsolved {path.stem} in " in "\n" + done.stdout, done.stderr


def test_solution_scripts_leave_no_file(scripts):
    assert not list(scripts["solutions"][1].iterdir())


def test_every_exercise_of_every_tutorial_has_a_solution_with_an_assertion():
    assert [path.name for path in SOLUTIONS] == [path.name for path in TUTORIALS]
    for tutorial, solution in zip(TUTORIALS, SOLUTIONS, strict=True):
        *_, last = cells(tutorial)  # so that no tutorial solves its own exercises
        _, exercises = last.split("# ## Exercises\n")
        asked = re.findall(r"(?m)^# (\d+)\. ", exercises)
        assert asked == [str(1 + k) for k in range(len(asked))]
        _, *sections = re.split(r"(?m)^# ## Exercise (\d+)$", solution.read_text())
        assert sections[::2] == asked, solution
        for number, section in zip(asked, sections[1::2], strict=True):
            assert re.search(r"(?m)^ *(assert |np\.testing\.)", section), (solution, number)


@pytest.mark.parametrize(
    "path", [*TUTORIALS, *SOLUTIONS], ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_no_cell_ends_in_a_value_that_a_notebook_would_print(path):
    """A check that was required would be there twice, a legend as <Legend …>."""
    for cell in cells(path):
        last = ast.parse("#" + cell).body[-1:]
        if last and isinstance(last[0], ast.Expr):
            function = ast.unparse(last[0].value).split("(")[0]
            assert re.fullmatch(r"print|(plotting\.)?show|.*\.grid|np\.testing\.\w+", function)


# ---- README


def test_readme_example_runs_and_says_what_readme_says(tmp_path):
    [example] = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    code = [
        line for line in example.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    assert len(code) <= 12
    done = run("-W", "error", "-c", example, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"```text\n(.*?)```", README, flags=re.S)
    assert done.stdout in promised


def test_readme_shows_the_two_commands_and_links_to_what_exists():
    assert (
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m figures\n"
        in README
    )
    assert (
        'python3 -m venv .venv && .venv/bin/pip install ".[test]" && .venv/bin/pytest\n' in README
    )
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


# ---- structure


#: which modules are imported before they are read, and by whom: all look at arguments; a map saves itself, a training its state
AHEAD = {"arguments": ".*", "files": "maps/map|training/checkpoint"}


def test_a_module_imports_only_modules_above_it():
    """A module, or a folder in its place, imports what comes before it; in a folder, no two files import each other."""
    package = ROOT / "dynsys_nn"
    for path in [*package.glob("*.py"), *package.glob("*/*.py")]:
        home, *inner = path.relative_to(package).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not node.level or home == "__init__":
                continue
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                if node.level == 1 and inner:
                    text = (package / home / f"{name}.py").read_text()
                    assert f"from .{inner[0]} import" not in text, (
                        f"{home}: {inner[0]} and {name} import each other"
                    )
                    continue
                module = name.split(".")[0]
                above = READING_ORDER.index(module) < READING_ORDER.index(home)
                ahead = re.fullmatch(AHEAD.get(module, ""), "/".join([home, *inner]))
                assert above or ahead, f"{home} imports {name}, which comes after it"


def test_every_module_has_its_place_in_the_reading_order_of_readme_and_package():
    names = {
        path.stem
        for path in (ROOT / "dynsys_nn").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(READING_ORDER) == names - {"__init__"} and len(READING_ORDER) == len(
        set(READING_ORDER)
    )
    text = re.split(r"reading\s+order", dnn.__doc__)[1].split("\n\n")[0]
    order = [word for word in re.findall(r"\w+", text) if word in names]
    assert list(dict.fromkeys(reversed(order))) == READING_ORDER[::-1]  # where each is named last


def test_import_is_light(tmp_path):
    code = "import sys, dynsys_nn; print([m for m in ('scipy', 'matplotlib', 'torch', 'jax') if m in sys.modules])"
    assert run("-c", code, cwd=tmp_path).stdout.strip() == "[]"


def test_everything_in_all_exists_and_every_public_name_has_a_docstring():
    for name in dnn.__all__:
        thing = getattr(dnn, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            inherited = any(
                getattr(getattr(base, member, None), "__doc__", None)
                for base in getattr(thing, "__mro__", ())[1:]
            )
            if (
                callable(value)
                and not member.startswith("_")
                and member not in ("vjp", "jvp", "label", "slope", "primitive")
            ):
                assert value.__doc__ or inherited, f"{name}.{member}"


def test_digits_and_style_sheet_are_in_the_installed_package(tmp_path):
    code = (
        "import dynsys_nn as dnn, matplotlib.pyplot as plt\n"
        "x, y = dnn.datasets.digits()\n"
        "with plt.style.context(dnn.plotting.STYLE): assert plt.rcParams['font.size'] == 17\n"
        "print(dnn.__file__, x.shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    if "No module named 'dynsys_nn'" in done.stderr:
        pytest.skip("dynsys_nn is not installed in this environment")
    assert done.returncode == 0, done.stderr
    assert "(1797, 64)" in done.stdout
