"""What is published is whole: one version everywhere, and a wheel and a source distribution with all that belongs in them."""

import re
import shutil
import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import run

import dynsys_nn as dnn

FOLDERS = ["dynsys_nn", "figures", "tests", "tutorials"]
#: a source distribution, and in build/lib what a wheel is packed from; to pack it takes a newer setuptools than many have
BUILD = "import backend, setuptools, sys; backend.build_sdist('dist'); sys.argv[1:] = ['build']; setuptools.setup()"

#: in a fresh environment, whose folder of packages is told
LOADS = """
import sys

import matplotlib.pyplot as plt

import dynsys_nn as dnn

assert dnn.__file__.startswith(sys.argv[1]), dnn.__file__
assert dnn.datasets.digits()[0].shape == (1797, 64)
for style in dnn.plotting.STYLES.values():
    plt.style.use(style)
"""


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def package(names):
    return {name for name in names if name.startswith("dynsys_nn/")}


@pytest.fixture
def clone(tmp_path, root):
    """A copy of what is written in this one."""
    copy, made = (
        tmp_path / "clone",
        shutil.ignore_patterns("__pycache__", "out", ".*", "*.egg-info"),
    )
    for folder in FOLDERS:
        shutil.copytree(root / folder, copy / folder, ignore=made)
    for path in root.iterdir():
        if path.suffix in (".md", ".cff", ".toml", ".cfg") or path.name == "LICENSE":
            shutil.copy(path, copy)
    return copy


def test_the_version_is_that_of_the_change_log_and_of_the_citation(root):
    version, date = re.search(r"^## (\S+) \((\S+)\)$", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.M).groups()  # fmt: skip
    citation = (root / "CITATION.cff").read_text("utf-8")
    assert dnn.__version__ == version
    assert f'\nversion: {version}\ndate-released: "{date}"\n' in citation


def test_the_wheel_is_the_package_and_the_source_distribution_all_that_its_tests_need(clone):
    """And nothing that is made by running them."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed")
    if int(setuptools.__version__.split(".")[0]) < 64:
        pytest.skip("setuptools is older than 64")
    written, top = files(clone), f"dynsys_nn-{dnn.__version__}"
    for made in ("figures/out/a.png", "tutorials/out/a.ipynb", "tests/__pycache__/a.pyc"):
        (clone / made).parent.mkdir(exist_ok=True)
        (clone / made).touch()
    done = run("-c", BUILD, cwd=clone, PYTHONPATH=str(clone / "tests"))
    assert not done.returncode, done.stderr
    assert files(clone / "build" / "lib") == package(written)
    with tarfile.open(clone / "dist" / f"{top}.tar.gz") as archive:
        packed = {one.name.removeprefix(f"{top}/") for one in archive if one.isfile()}
    made = {name for name in packed if name == "PKG-INFO" or ".egg-info/" in name}
    assert packed - made == written


def test_the_wheel_is_the_package_and_runs_in_an_environment_of_its_own(clone, tmp_path):
    for name in ("build", "twine", "setuptools.command.bdist_wheel"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    done = run("-m", "build", "--no-isolation", clone, cwd=tmp_path)
    assert not done.returncode, done.stdout + done.stderr
    [wheel] = clone.glob("dist/*.whl")
    assert package(zipfile.ZipFile(wheel).namelist()) == package(files(clone))
    done = run("-m", "twine", "check", "--strict", *clone.glob("dist/*"), cwd=tmp_path)
    assert not done.returncode, done.stdout + done.stderr

    home = str(tmp_path / "environment")
    venv.create(home)
    place = sysconfig.get_paths("venv", vars={"base": home, "platbase": home})
    python = str(Path(place["scripts"], "python"))
    done = run(
        "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=home
    )
    assert not done.returncode, done.stdout + done.stderr
    libraries = Path(np.__file__).parents[1]  # after what is installed there
    Path(place["purelib"], "libraries.pth").write_text(str(libraries), "utf-8")
    for arguments in (["-c", LOADS, place["purelib"]], ["-m", "dynsys_nn.marks", "--help"]):
        subprocess.run([python, "-I", "-W", "error", *arguments], cwd=tmp_path, check=True)
