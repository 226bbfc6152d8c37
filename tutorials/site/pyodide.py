"""Python for the browser: Pyodide's files, each as its lock has it.

python -m tutorials.site.pyodide FOLDER

fetches them into a folder from the package registries, by npm and pip. None of them is
part of this project, and none is used that has not the sha256 that is written here, or
in the lock.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

VERSION = "314.0.3"  # CPython 3.14
PUBLIC = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
#: a package of PyPI that carries the wheels that PyPI itself has not yet
CARRIER = "open-webui==0.12.4"
#: what is needed first, and its sha256; that of a wheel stands in the lock
CORE = """
c963d22858f6bcb8f41586a2142f03905ab370c88ea22a86a2736e95fac2a8f3  pyodide-lock.json
5cfc46f5dcbaf2a16f26e2363f441873eb424762609cc03db00d6a2ace4d00e5  pyodide.mjs
1a9775427ef6e8abaa7db88ece0515422d1886915ae5c9093776410c865dfd8d  pyodide.asm.mjs
e7f8fac36f8bf11085309cbc5c829b3ec3057c18bf1d73b05a6741612d63cdbf  pyodide.asm.wasm
444c770dfd75a32097fc0a7d5c1413fd3140601f49c3a1f2e9af0376fcd124b4  python_stdlib.zip
"""
CORE = {name: sha for sha, name in map(str.split, CORE.strip().splitlines())}
PACKAGES = "numpy", "scipy", "matplotlib"


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def wheels(lock, packages):
    """The wheels of some packages and of all that they need: file → sha256."""
    found, left = {}, list(packages)
    while left:
        about = lock["packages"][left.pop()]
        if about["file_name"] not in found:
            found[about["file_name"]] = about["sha256"]
            left += about["depends"]
    return found


def files(folder, packages=PACKAGES):
    """The files of a folder that are needed, each as it should be: their paths.

    ValueError for one that is not there, or not the one that is written here.
    """
    folder, found = Path(folder), []
    lock = json.loads(
        looked_at(folder / "pyodide-lock.json", CORE["pyodide-lock.json"])
    )
    for name, sha in {**CORE, **wheels(lock, packages)}.items():
        looked_at(folder / name, sha)
        found.append(folder / name)
    return found


def looked_at(path, sha):
    """The bytes of a file, if they are the right ones."""
    if not path.is_file():
        raise ValueError(
            f"{path} is missing: python -m tutorials.site.pyodide {path.parent}"
        )
    if sha256(path) != sha:
        raise ValueError(f"{path} is not that of Pyodide {VERSION}: its sha256 differs")
    return path.read_bytes()


def copy(folder, out, packages=PACKAGES):
    """Copy what is needed of a folder into another."""
    out.mkdir(parents=True, exist_ok=True)
    for path in files(folder, packages):
        shutil.copyfile(path, out / path.name)


def fetch(folder):
    """Fetch Pyodide from npm, and the wheels that its lock names out of CARRIER."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        there = dict(cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["npm", "pack", "--silent", f"pyodide@{VERSION}"], **there)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", CARRIER]
        subprocess.run(pip, **there)
        [core], [carrier] = Path(scratch).glob("*.tgz"), Path(scratch).glob("*.whl")
        with tarfile.open(core) as packed:
            for name in CORE:
                folder.joinpath(name).write_bytes(
                    packed.extractfile(f"package/{name}").read()
                )
        lock = json.loads((folder / "pyodide-lock.json").read_bytes())
        named = {about["file_name"] for about in lock["packages"].values()}
        with zipfile.ZipFile(carrier) as packed:
            for path in packed.namelist():
                name = path.rpartition("/")[2]
                if name in named:
                    (folder / name).write_bytes(packed.read(path))
    return files(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m tutorials.site.pyodide FOLDER")
    found = fetch(Path(sys.argv[1]))
    size = sum(path.stat().st_size for path in found) / 1e6
    print(f"Pyodide {VERSION}: {len(found)} files, {size:.0f} MB, as the lock has them")
