"""What the site's command needs is named: its extra, and Python for the browser, file by file."""

import hashlib
import re
import sys

import pytest

import tutorials.site
from tutorials.site import __main__ as command
from tutorials.site import pyodide


def test_without_its_extra_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.delitem(sys.modules, "tutorials.site.build", raising=False)
    monkeypatch.delattr(tutorials.site, "build", raising=False)
    monkeypatch.setitem(sys.modules, "sphinx.cmd.build", None)
    (tmp_path / "thesis.tex").touch()  # so that nothing is built if the test fails
    with pytest.raises(SystemExit) as end:
        command.main(["--out", str(tmp_path)])
    assert end.value.code == 2
    assert re.search(
        r'error: sphinx\S* is missing: pip install "\.\[site\]"\n', capsys.readouterr().err
    )


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder of files that stand for Pyodide's."""
    names = "pyodide.mjs", "numpy-2.4.3-cp314.whl"
    known = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    monkeypatch.setattr(pyodide, "FILES", known)
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "of_no_use.whl").touch()
    return tmp_path


def test_of_pyodide_what_is_needed_is_copied(folder, tmp_path):
    pyodide.copy(folder, tmp_path / "site" / "pyodide")
    copied = {path.name: path.read_text() for path in (tmp_path / "site" / "pyodide").iterdir()}
    assert copied == {name: name for name in pyodide.FILES}


def test_a_file_of_pyodide_that_is_missing_or_changed_is_named(folder, tmp_path):
    wheel = folder / "numpy-2.4.3-cp314.whl"
    data = bytearray(wheel.read_bytes())
    data[-1] ^= 1
    wheel.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{wheel.name} is not that of Pyodide {pyodide.VERSION}"):
        pyodide.copy(folder, tmp_path / "out")
    wheel.unlink()
    with pytest.raises(ValueError, match=f"{wheel.name} is missing: python -m tutorials.site.pyo"):
        pyodide.copy(folder, tmp_path / "out")


def test_each_file_of_pyodide_is_listed_with_its_sha256():
    assert {"pyodide.mjs", "pyodide.asm.wasm", "pyodide-lock.json"} <= pyodide.FILES.keys()
    needed = {name.partition("-")[0] for name in pyodide.WHEELS}
    assert {"numpy", "scipy", "matplotlib"} <= needed
    assert all(len(bytes.fromhex(sha)) == 32 for sha in pyodide.FILES.values())
