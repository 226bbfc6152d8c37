import faulthandler
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # the matrices are small, and threads wait for each other

import matplotlib as mpl
import numpy as np
import pytest
from alone import collect_rarely, run_alone
from second_process import pytest_runtestloop, watch

__all__ = ["pytest_runtestloop"]
mpl.use("Agg")
ROOT = Path(__file__).parent.parent
WASM = sys.platform == "emscripten"
sys.path.append(
    str(ROOT)
)  # last, so that an installed package is what is tested; `figures` is found in the clone
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
SOLUTIONS = sorted((ROOT / "tutorials" / "solutions").glob("[0-9]*.py"))


def absent(what):
    """Stands for the start of what WebAssembly does not have: the test that wants it is skipped, and says why."""

    def start(*args, **kwargs):
        pytest.skip(f"WebAssembly has no {what}")

    return start


if WASM:
    threading.Thread.start = absent("threads")
    subprocess.Popen.__init__ = ProcessPoolExecutor.__init__ = absent("processes")
    socket.socketpair = absent("sockets")

#: of a test that wants a warning of overflow from NumPy, or a LinAlgError
flags = pytest.mark.skipif(WASM, reason="WebAssembly has no floating-point flags")


def start(*arguments, cwd, **environment):
    """A Python process that sees the package wherever the tests see it, installed, or else in the clone, and the figures."""
    import dynsys_nn

    package_home = os.path.dirname(os.path.dirname(dynsys_nn.__file__))
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": f"{package_home}{os.pathsep}{ROOT}", "MPLBACKEND": "Agg", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process):
    with process:
        try:
            said = process.communicate(timeout=300)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, *said)


def run(*arguments, cwd, **environment):
    return finished(start(*arguments, cwd=cwd, **environment))


TRAIN = """
import gc

from figures import mass_preservation, symplectic_energy

gc.set_threshold(50_000)
mass_preservation.train(mass_preservation.structured, 5000).save("structured.npz")
for architecture in (symplectic_energy.symplectic, symplectic_energy.resnet):
    symplectic_energy.train(architecture, epochs=800).save(f"{architecture.__name__}.npz")
"""

#: all of them in one process: to start one takes longer than to solve an exercise
SOLVE = """
import gc, pathlib, runpy, sys, time, traceback
import matplotlib.pyplot

gc.set_threshold(50_000)
for path in sys.argv[1:]:
    start, name = time.process_time(), pathlib.Path(path).stem
    try:
        runpy.run_path(path, run_name="__main__")
    except BaseException:
        traceback.print_exc()
    else:
        print(f"solved {name} in {time.process_time() - start:.2f} s")
    matplotlib.pyplot.close("all")
"""

#: name → (a part of the names of the tests that wait for it, the arguments of Python, or a script that runs alone), the long ones first
COMMANDS = {
    "training": ("_is_learned_to_", ["-W", "error", "-c", TRAIN]),
    "solutions": ("test_solution_", ["-W", "error", "-c", SOLVE, *map(str, SOLUTIONS)]),
    **{
        path.stem: (f"[{path.stem}]", path)
        for path in sorted(TUTORIALS, key=lambda path: path.stem[:2] not in ("04", "07", "08", "09"))
    },
    "kills": ("test_after_kill_minus_nine", [str(ROOT / "tests" / "benchmarks" / "kills.py"), "2", "1"]),
}  # fmt: skip


#: name → a process that runs while the tests are still being collected, and its working directory
EARLY = {}


def pytest_sessionstart(session):
    """The watchdog, and the first command, which begins at once if all tests are asked for."""
    watch() if not WASM else None
    option, name = session.config.option, next(iter(COMMANDS))
    if session.config.args_source.name == "TESTPATHS" and not (
        option.keyword or option.collectonly or WASM
    ):
        folder = session.config._tmp_path_factory.mktemp(name)
        EARLY[name] = start(*COMMANDS[name][1], cwd=folder), folder


@pytest.hookimpl(trylast=True)
def pytest_exception_interact():
    """Anew: pytest ends the watch when a test fails, as before a debugger."""
    watch() if not WASM else None


def pytest_sessionfinish():
    faulthandler.cancel_dump_traceback_later() if not WASM else None
    for process, _ in EARLY.values():  # for nothing: the session ended before a test waited for it
        process.kill()
        process.communicate()


class Scripts:
    """scripts[name] is the finished process of a command, and its working directory.

    One command runs after the other beside the tests, which need not wait for them: a test that
    would wait runs those that are left itself, the last one first.
    """

    def __init__(self, names, folder):
        self.left, self.folder = deque(names), folder
        self.futures = {name: Future() for name in names}

    def __getitem__(self, name):
        while self.left and not self.futures[name].done():
            self.run_one(self.left.pop)
        return self.futures[name].result(timeout=300)

    def run_all(self):
        while self.left:
            self.run_one(self.left.popleft)

    def run_one(self, take):
        try:
            name = take()
        except IndexError:  # the other side took the last one
            return
        try:
            what = COMMANDS[name][1]
            if name in EARLY:
                process, folder = EARLY.pop(name)
                done = finished(process)
            else:
                folder = self.folder(name)
                done = run(*what, cwd=folder) if isinstance(what, list) else run_alone(what, folder)
            self.futures[name].set_result((done, folder))
        except Exception as error:
            self.futures[name].set_exception(error)


@pytest.fixture(scope="session", autouse=True)
def background(request, tmp_path_factory):
    """Scripts, of the commands that the tests wait for."""
    tests = [item.name for item in request.session.items]
    names = [name for name, (part, _) in COMMANDS.items() if any(part in test for test in tests)]
    tmp_path_factory.getbasetemp()  # before two threads want to make it
    scripts = Scripts(names, tmp_path_factory.mktemp)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(scripts.run_all) if not WASM else None
        yield scripts
        scripts.left.clear()


@pytest.fixture
def scripts(background):
    if WASM:
        absent("processes")()
    return background


def pytest_collection_finish():
    collect_rarely()


def pytest_collection_modifyitems(items):
    """The tests that wait for scripts come last."""
    items.sort(key=lambda item: "scripts" in item.fixturenames)


@pytest.fixture
def ctrl_c():
    """What Ctrl-C calls, as at a prompt: background jobs of scripts, nohup and some CI systems ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rng():
    return np.random.default_rng(20221)


@pytest.fixture
def root():
    return ROOT
