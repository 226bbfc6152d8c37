"""The notebooks, to run in the browser: JupyterLite.

Its kernel is Pyodide. What Python loads there stands in a lock of our own, each wheel
with its sha256: Pyodide's, those of kernel.txt from the package index, JupyterLite's,
and the package's. So nobody else is asked for anything.
"""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from os.path import relpath
from pathlib import Path

from .. import notebooks
from ..notebooks import Cell
from .pyodide import WHEELS, sha256

KERNEL = Path(__file__).with_suffix("") / "kernel.txt"
EXTENSION = "@jupyterlite/pyodide-kernel-extension"
NOTEBOOK = "@jupyter-notebook/notebook-extension"
#: what Pyodide's lock says of itself
LOCK = {
    "abi_version": "2026_0",
    "arch": "wasm32",
    "platform": "emscripten_5_0_3",
    "python": "3.14.0",
}
#: what is loaded by who opens a notebook for the first time, in megabytes
MEGABYTES = 53
#: without it a browser asks for one that is not there, until faviconUrl is read
ICON = '<link rel="icon" href="../../_static/favicon.svg">'
#: what a notebook has before and after the cells of its script
BEFORE = f"""\
> **Python runs in this page**, and nothing is installed. The first time it loads
> {MEGABYTES} MB, then it starts, which takes ten to thirty seconds each time: ▶▶ above,
> which runs all cells, says so if it is pressed too early. Shift + Enter runs one.
>
> What you write is kept by this browser. A cell that never ends: ↻ above,
> which starts Python anew."""
AFTER = """\
<button data-commandlinker-command="docmanager:download">Download my answer</button>

This browser keeps it, too, until it is told to forget. A fresh sheet: delete this one
in the folder labs of File › Open…, and the sheet as given comes back."""
#: what speaks of a server's files, and a warning that our own notebooks need not
DISABLED = "checkpoints", "kernel-logo", "tab-icon", "trusted"
#: its toolbar: ▶▶ starts nothing anew, and ■ is gone, which can stop nothing here
RUN_ALL = {"command": "notebook:run-all-cells", "icon": "ui-components:fast-forward"}
TOOLBAR = [
    {"name": "restart-and-run", **RUN_ALL},
    {"name": "interrupt", "disabled": True},
]
#: JupyterLab's settings
SETTINGS = {
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 10},
    "@jupyterlab/notebook-extension:panel": {"toolbar": TOOLBAR},
    "@jupyterlab/notebook-extension:tracker": {"enableKernelInitNotification": True},
}


def check():
    """ValueError if JupyterLite or its kernel is not installed."""
    for name in "jupyterlite_core", "jupyterlite_pyodide_kernel":
        if not find_spec(name):
            raise ValueError(f'{name} is missing: pip install ".[lite]"')


def write(out, wheel, pyodide):
    """Write them into the folder out/lite of the site.

    wheel: the package's, in a folder of the site; pyodide: where Python is, an address,
    or a folder of the site.
    """
    lite = out / "lite"
    where = pyodide if "://" in pyodide else f"./../{pyodide}"
    build(lite)
    write_books(lite)
    packages = write_lock(lite, wheel, where)
    path = lite / "jupyter-lite.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["jupyter-config-data"] |= {
        "appName": "dynsys_nn",
        "contentsAllJsonFile": "all.json",
        "disabledExtensions": [f"{NOTEBOOK}:{name}" for name in DISABLED],
        "exposeAppInBrowser": "true",  # for the tests
        "faviconUrl": "./../_static/favicon.svg",
        "settingsOverrides": SETTINGS,
        "litePluginSettings": {
            f"{EXTENSION}:kernel": {
                "pyodideUrl": f"{where}pyodide.mjs",
                "disablePyPIFallback": True,
                "loadPyodideOptions": {
                    "lockFileURL": "./pyodide-lock.json",
                    "packages": packages,
                },
            }
        },
    }
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")


def build(lite):
    """JupyterLite without notebooks, and the wheels that its kernel needs."""
    lean = ["--no-sourcemaps", "--no-unused-shared-packages"]
    apps = ["--apps", "notebooks", "--apps", "tree"]
    with tempfile.TemporaryDirectory() as scratch:
        command = ["jupyterlite_core", "build", "--output-dir", str(lite)]
        run(*command, *lean, *apps, cwd=scratch)  # it leaves a file there
    for path in lite.glob("*/index.html"):
        page = path.read_text(encoding="utf-8")
        path.write_text(page.replace("<head>", f"<head>{ICON}", 1), encoding="utf-8")
    wheels = ["--only-binary", ":all:", "--python-version", "3.14", "--no-deps"]
    listed = ["--require-hashes", "-r", str(KERNEL), "-d", str(lite / "pypi")]
    run("pip", "download", *wheels, *listed)


def run(module, *arguments, **options):
    """Run a module of Python; ValueError with what it says if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise ValueError(done.stderr)


def write_lock(lite, wheel, where):
    """Write the lock of what Python loads; returns the packages' names."""
    jupyters = lite.glob(f"extensions/{EXTENSION}/static/pypi/*.whl")
    here = [wheel, *lite.glob("pypi/*.whl"), *jupyters]
    files = {where + name: sha for name, sha in WHEELS.items()}
    files |= {relpath(path, lite): sha256(path) for path in here}
    packages = {}
    for file, sha in files.items():
        name, version, *_ = file.rpartition("/")[2].split("-")
        name = name.replace("_", "-")
        packages[name] = {
            "name": name,
            "version": version,
            "file_name": file,
            "sha256": sha,
            "install_dir": "site",
            "package_type": "package",
            "imports": [],
            "depends": [],
            "unvendored_tests": False,
        }
    lock = json.dumps({"info": LOCK, "packages": packages}, indent=1)
    (lite / "pyodide-lock.json").write_text(lock, encoding="utf-8")
    return [*packages]


def write_books(lite):
    """Write the notebooks, and the lists of them that JupyterLite reads."""
    folders = {Path("."): [about("labs", "directory")]}
    for path in notebooks.scripts():
        where = notebooks.place(path)
        notebooks.write(book(path), lite / "files" / where)
        folders.setdefault(where.parent, []).append(about(where, "notebook"))
    for folder, found in folders.items():
        listing = json.dumps(about(folder, "directory") | {"content": found})
        notebooks.write(listing, lite / "api" / "contents" / folder / "all.json")


def book(path):
    """The notebook of a script, as it is shown there."""
    cells = notebooks.opened(notebooks.text_of(path))
    after = [Cell("markdown", AFTER)] * (path.parent.name == "labs")
    cells = [Cell("markdown", BEFORE), *cells, *after]
    book = json.loads(notebooks.notebook(cells, package=None))
    for cell in book["cells"]:
        about = cell["metadata"]
        if cell["cell_type"] == "code":
            about["trusted"] = True  # its buttons work without a question
        if "hide-input" in about.get("tags", []):
            about["jupyter"] = {"source_hidden": True}
    return json.dumps(book, ensure_ascii=False)


def about(path, kind):
    """What JupyterLite wants to know of a file or folder."""
    path, at = Path(path), "2026-01-01T00:00:00Z"
    return {
        "name": path.name,
        "path": path.as_posix(),
        "type": kind,
        "format": "json",
        "mimetype": None,
        "content": None,
        "created": at,
        "last_modified": at,
        "writable": True,
    }
