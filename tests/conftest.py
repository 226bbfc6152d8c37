import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small, and threads wait for each other

import matplotlib as mpl  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

mpl.use("Agg")
ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # last, so that an installed package is what is tested; `figures` is found in the clone
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))


def run(*arguments, cwd, **environment):
    """A Python process that sees the package wherever the tests see it: installed, or else in the clone."""
    import dynsys_nn

    package_home = os.path.dirname(os.path.dirname(dynsys_nn.__file__))
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": package_home, "MPLBACKEND": "Agg", **environment},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def tutorial_runs(request, tmp_path_factory):
    """path → the future of that tutorial's run and its working directory: they run beside the other tests, one after the other."""
    wanted = {path for path in TUTORIALS for item in request.session.items if f"[{path.stem}]" in item.name}

    def start(path):
        folder = tmp_path_factory.mktemp(path.stem)
        return run("-W", "error", str(path), cwd=folder), folder

    with ThreadPoolExecutor(1) as pool:
        yield {path: pool.submit(start, path) for path in sorted(wanted)}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def rng():
    return np.random.default_rng(20221)


@pytest.fixture
def root():
    return ROOT
