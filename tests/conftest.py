import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small, and threads wait for each other

import matplotlib as mpl  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

mpl.use("Agg")
ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # last, so that an installed package is what is tested; `figures` is found in the clone


@pytest.fixture
def rng():
    return np.random.default_rng(20221)


@pytest.fixture
def root():
    return ROOT
