"""The site, step by step: sources into a folder, Sphinx, and what runs in a browser."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.cmd.build import main as sphinx

import figures.__main__ as drawing

from . import gallery, lite, live, pages, pyodide, reference, texts

HERE = Path(__file__).parent
#: what the package is made of
PARTS = (
    "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "dynsys_nn",
    "tests/backend.py",
)  # fmt: skip


def step(what, function, *arguments, **options):
    """Do something, and say how long it took."""
    start = time.perf_counter()
    done = function(*arguments, **options)
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)
    return done


def build(out, lite=False, pyodide=None, fast=False):
    """Build the site into the folder `out`; returns 0, or what Sphinx returns.

    lite: with notebooks that run in the browser; pyodide: the folder of Pyodide that
    they and the live figures take, copied beside the pages (default: the public one);
    fast: for a look, with figures from little training and no cell run.
    """
    out = out.resolve()
    check(out, lite, pyodide)
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        source = scratch / "source"
        step("figures", draw, source / "gallery" / "files", fast)
        step("pages", write, source, lite, pyodide)
        failed = step("Sphinx", run_sphinx, source, out, scratch / "trees", fast)
        wheel = step("wheel", make_wheel, scratch / "package", out / "wheels")
        step("what runs in a browser", browser, out, wheel, lite, pyodide)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    print(f"{len([*out.rglob('*.html')])} pages, {size:.0f} MB in {out}")
    return failed


def check(out, with_lite, folder):
    """ValueError for what would be missed at the end, before anything is removed."""
    if out.exists() and any(out.iterdir()) and not (out / "objects.inv").exists():
        raise ValueError(f"{out} has something else in it: --out needs a new folder")
    if folder is not None and folder.resolve().is_relative_to(out):
        raise ValueError(f"--pyodide is in {out}, which is made anew")
    if folder is not None:
        pyodide.files(folder)
    if with_lite:
        lite.check()


def draw(folder, fast):
    """Draw the figures."""
    formats = "png" if fast else "png,pdf,gif"
    drawing.main(["--out", str(folder), "--format", formats, *["--quick"] * fast])


def write(source, with_lite, folder):
    """Write the pages' sources."""
    gallery.write(source)
    reference.write(source / "reference")
    host = urlsplit(pyodide.PUBLIC).netloc if folder is None else "this site"
    pages.write(source, with_lite, host)


def run_sphinx(source, out, trees, fast):
    """Make pages of the sources, each warning an error."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(texts.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )  # the cells import the package, too
    os.environ["IPYTHONDIR"] = str(quiet(trees.parent / "ipython"))
    settings = ["-D", f"nb_execution_mode={'off' if fast else 'force'}"]
    where = [str(source), str(out), "-d", str(trees)]
    return sphinx(["-q", "-W", "--keep-going", "-c", str(HERE), *settings, *where])


def quiet(folder):
    """A profile for the kernels that run the cells, in place of the user's own: they
    say no word of their own but errors."""
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    config = "c.IPKernelApp.log_level = 40\n"
    (profile / "ipython_kernel_config.py").write_text(config)
    return folder


def make_wheel(scratch, out):
    """The package as a wheel, from a copy, so that nothing is left in the clone."""
    (scratch / "tests").mkdir(parents=True)
    for name in PARTS:
        path = texts.ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, scratch / name)
    options = ["-q", "--no-deps", "--no-cache-dir", "-w", str(out)]
    clock = dict(os.environ, SOURCE_DATE_EPOCH="1767225600")  # the same bytes each time
    lite.run("pip", "wheel", *options, str(scratch), env=clock)
    [wheel] = out.glob("*.whl")
    return wheel


def browser(out, wheel, with_lite, folder):
    """What runs in a browser, and the Python that it takes there."""
    if folder is not None:
        pyodide.copy(folder, out / "pyodide")
    where = pyodide.PUBLIC if folder is None else "pyodide/"
    live.write(out, wheel, where)
    if with_lite:
        lite.write(out, wheel, where)
