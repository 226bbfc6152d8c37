"""What cannot be built is refused before anything is removed or drawn, and the wheel of the site is the package."""

import zipfile
from pathlib import Path

import pytest

import dynsys_nn as dnn
from tutorials.site import __main__ as command

pytest.importorskip("sphinx", reason='the extra is not installed: pip install ".[site]"')
from tutorials.site import build, lite


@pytest.fixture
def out(tmp_path, monkeypatch):
    """The folder of an older site; whoever begins to build has not looked first."""
    out = tmp_path / "site"
    (out / "pyodide").mkdir(parents=True)
    (out / "objects.inv").touch()
    monkeypatch.setattr(build, "step", lambda *_, **__: pytest.fail("it has begun"))
    return out


def refused(capsys, out, *arguments):
    """What the command says of these arguments, where the site stays as it was."""
    before = {*out.rglob("*")}
    with pytest.raises(SystemExit) as end:
        command.main(["--out", str(out), *map(str, arguments)])
    assert end.value.code == 2 and {*out.rglob("*")} == before
    return capsys.readouterr().err.splitlines()[-1]


def test_a_folder_of_something_else_stays(out, capsys):
    (out / "objects.inv").rename(out / "thesis.tex")
    assert f"{out} has something else in it: --out needs a new folder" in refused(capsys, out)


def test_an_incomplete_pyodide_is_refused(out, tmp_path, capsys):
    said = refused(capsys, out, "--pyodide", tmp_path)
    assert f"is missing: python -m tutorials.site.pyodide {tmp_path}" in said


def test_pyodide_in_the_folder_that_is_made_anew_is_refused(out, capsys):
    said = refused(capsys, out, "--pyodide", out / "pyodide")
    assert f"--pyodide is in {out}, which is made anew" in said


def test_without_its_own_extra_there_are_no_notebooks(out, monkeypatch, capsys):
    monkeypatch.setattr(lite, "find_spec", lambda name: None)
    said = refused(capsys, out, "--lite")
    assert 'jupyterlite_core is missing: pip install ".[lite]"' in said


def test_an_unknown_option_is_named(out, capsys):
    assert "unrecognized arguments: --quick" in refused(capsys, out, "--quick")


def test_the_wheel_of_the_site_is_the_package(folder):
    [wheel] = folder.glob("wheels/*")
    assert wheel.name == f"dynsys_nn-{dnn.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        inside = {n: packed.read(n) for n in packed.namelist() if n.startswith("dynsys_nn/")}
    parent = Path(dnn.__file__).parents[1]
    written = [path for path in (parent / "dynsys_nn").rglob("*") if path.is_file()]
    assert inside == {
        path.relative_to(parent).as_posix(): path.read_bytes()
        for path in written
        if "__pycache__" not in path.parts
    }
