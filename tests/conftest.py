import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # last, so that an installed package is what is tested; `figures` is found in the clone


@pytest.fixture
def rng():
    return np.random.default_rng(20221)


@pytest.fixture
def root():
    return ROOT
