import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # the matrices are small, and threads wait for each other

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
ROOT = Path(__file__).parent.parent
sys.path.append(
    str(ROOT)
)  # last, so that an installed package is what is tested; `figures` is found in the clone
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))


def run(*arguments, cwd, **environment):
    """A Python process that sees the package wherever the tests see it, installed, or else in the clone, and the figures."""
    import dynsys_nn

    package_home = os.path.dirname(os.path.dirname(dynsys_nn.__file__))
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": f"{package_home}{os.pathsep}{ROOT}", "MPLBACKEND": "Agg", **environment},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def scripts(request, tmp_path_factory):
    """name → the future of a run and its working directory, for "figures" (all, quickly) and each tutorial: one after the
    other, beside the other tests."""
    commands = {"figures": ["-m", "figures", "--quick", "--out", "."]}
    commands |= {path.stem: ["-W", "error", str(path)] for path in TUTORIALS}
    names = {item.name for item in request.session.items}
    wanted = (
        {"figures"} if any(name.startswith("test_figure_is_drawn") for name in names) else set()
    )
    wanted |= {path.stem for path in TUTORIALS for name in names if f"[{path.stem}]" in name}

    def start(name):
        folder = tmp_path_factory.mktemp(name)
        return run(*commands[name], cwd=folder), folder

    with ThreadPoolExecutor(1) as pool:
        yield {name: pool.submit(start, name) for name in commands if name in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def rng():
    return np.random.default_rng(20221)


@pytest.fixture
def root():
    return ROOT
