"""Tests of the built site, in a browser: they need the site (the environment variable DYNSYS_NN_SITE names its folder) and Chromium."""

import os
from pathlib import Path

import chromium
import pytest

SITE = os.environ.get("DYNSYS_NN_SITE")
BUILD = "python -m tutorials.site --out FOLDER --lite --pyodide PYODIDE, then DYNSYS_NN_SITE=FOLDER pytest tests/site"


@pytest.fixture(scope="session")
def folder():
    """The built site."""
    if not SITE:
        pytest.skip(f"no site was built: {BUILD}")
    return Path(SITE)


@pytest.fixture(scope="session")
def site(folder):
    """Its address."""
    with chromium.served(folder) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    if not chromium.PROGRAM:
        pytest.skip("no Chromium is installed")
    with chromium.Chromium() as browser:
        yield browser
