"""Python for the browser: Pyodide's files, each as it was published.

python -m tutorials.site.pyodide FOLDER

fetches them into a folder from the package registries, by npm and pip. None of them is
part of this project, and none is used that has not the sha256 that pyodide.sha256 says,
which is, of a wheel, that of Pyodide's own lock (pyodide-lock.json).
"""

import hashlib
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
#: each file that is needed → its sha256
FILES = dict(
    reversed(line.split())
    for line in Path(__file__).with_suffix(".sha256").read_text().splitlines()
)
WHEELS = {name: sha for name, sha in FILES.items() if name.endswith(".whl")}


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def files(folder):
    """The files of a folder that are needed, each as it should be: their paths.

    ValueError for one that is not there, or is another one.
    """
    for name, sha in FILES.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(
                f"{path} is missing: python -m tutorials.site.pyodide {folder}"
            )
        if sha256(path) != sha:
            raise ValueError(
                f"{path} is not that of Pyodide {VERSION}: its sha256 differs"
            )
    return [folder / name for name in FILES]


def copy(folder, out):
    """Copy what is needed of a folder into another."""
    out.mkdir(parents=True, exist_ok=True)
    for path in files(folder):
        shutil.copyfile(path, out / path.name)


def fetch(folder):
    """Fetch Pyodide from npm, and the wheels out of CARRIER."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        there = dict(cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["npm", "pack", "--silent", f"pyodide@{VERSION}"], **there)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", CARRIER]
        subprocess.run(pip, **there)
        [core], [carrier] = Path(scratch).glob("*.tgz"), Path(scratch).glob("*.whl")
        with tarfile.open(core) as packed:
            for name in FILES.keys() - WHEELS.keys():
                folder.joinpath(name).write_bytes(
                    packed.extractfile(f"package/{name}").read()
                )
        with zipfile.ZipFile(carrier) as packed:
            for path in packed.namelist():
                name = path.rpartition("/")[2]
                if name in WHEELS:
                    (folder / name).write_bytes(packed.read(path))
    return files(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m tutorials.site.pyodide FOLDER")
    try:
        found = fetch(Path(sys.argv[1]))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    size = sum(path.stat().st_size for path in found) / 1e6
    print(f"Pyodide {VERSION}: {len(found)} files, {size:.0f} MB, as published")
