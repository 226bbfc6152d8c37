"""A lab is answered in the browser: as given, wrong, right, kept, downloaded and marked; a tutorial runs to its end; Python is asked of this site alone, or of Pyodide's public one."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutorials.site import lite, pyodide

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "tutorials" / "01_resnets_are_euler_steps.py"
SHEET = ROOT / "tutorials" / "labs" / "1_an_activation.py"
SOLUTION = SHEET.parent / "solutions" / SHEET.name
BOOK = "jupyterapp.shell.currentWidget.content"
ANSWER = f"{BOOK}.widgets.find(cell => cell.model.sharedModel.source.startsWith('class'))"
CODE = f"{BOOK}.widgets.filter(cell => cell.model.type == 'code')"
SOURCE = f"{ANSWER}.model.sharedModel.source"


@pytest.fixture(scope="module")
def notebook(folder, site, browser):
    """Opens a notebook in a page, which is looked at when it is closed."""
    if not (folder / "lite").exists():
        pytest.skip("the site was built without --lite")
    page = browser.page()

    def opened(name):
        page.open(f"{site}lite/notebooks/index.html?path={name}")
        page.wait(
            f"window.jupyterapp && jupyterapp.shell.currentWidget && {BOOK}.widgets.length > 3"
        )
        return page

    yield opened
    page.close()
    public = () if (folder / "pyodide").exists() else (pyodide.PUBLIC,)
    assert all(url.startswith((site, "data:", "blob:", *public)) for url in page.asked)
    assert not page.errors


def run_all(page):
    """Run all cells, by ▶▶, when Python is there: it does not start anew, and asks nothing."""
    page.wait(
        "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status == 'idle'", 120
    )
    count = f"{CODE}.at(-1).model.executionCount"
    before = page.run(count) or 0
    page.click("[data-command='notebook:run-all-cells']")
    page.wait(f"{count} > {before}", 120)


def said(page):
    """What the last cell of code has below it."""
    page.wait(f"!{BOOK}.widgets.some(cell => cell.promptNode?.innerText.includes('*'))")
    return page.run(f"{CODE}.at(-1).model.outputs.toJSON().map(o => o.data?.['text/plain']).join()")


def write(page, text):
    """Write an answer in its cell."""
    page.run(f"{ANSWER}.model.sharedModel.setSource({json.dumps(text)})")


def test_a_lab_is_answered(notebook, folder, tmp_path):
    page = notebook(f"labs/{SHEET.stem}.ipynb")
    given = page.run(SOURCE)
    run_all(page)
    assert "Task 1: write σ(z)" in said(page) and "0 of 6 right; next: task 1" in said(page)
    if (folder / "pyodide").exists():
        assert abs(page.bytes / 1e6 - lite.MEGABYTES) < 1  # as the page says

    right = re.search(r"^class .*?(?=\n\n\n)", SOLUTION.read_text(encoding="utf-8"), re.M | re.S)[0]
    assert "return (1 / np" in right
    write(page, right.replace("return (1 / np", "return 2 * (1 / np"))
    run_all(page)
    assert "it is 2 times what it should be" in said(page)

    write(page, right)
    run_all(page)
    assert "6 of 6 right" in said(page)

    page.wait("!jupyterapp.shell.currentWidget.model.dirty", 30)  # saved without being told to
    page = notebook(f"labs/{SHEET.stem}.ipynb")
    assert page.run(SOURCE) == right != given and "6 of 6 right" in said(page)

    file = tmp_path / "downloads" / f"labs_{SHEET.stem}.ipynb"
    page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(file.parent))
    page.wait("!!document.querySelector('[data-commandlinker-command]')")
    page.click("[data-commandlinker-command]")
    end = time.monotonic() + 30
    while not (file.exists() and file.stat().st_size) and time.monotonic() < end:
        time.sleep(0.1)
    marks = [sys.executable, "-m", "dynsys_nn.marks", str(SHEET), str(file), "--out", "marks"]
    subprocess.run(marks, cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    with open(tmp_path / "marks" / "marks.csv", encoding="utf-8", newline="") as table:
        [points] = csv.DictReader(table)
    assert points["total"] == "6"


def test_a_tutorial_runs_to_its_end(notebook):
    page = notebook(f"{TUTORIAL.stem}.ipynb")
    run_all(page)
    assert page.run(f"{CODE}.every((cell, k) => cell.model.executionCount == k + 1)")
    assert "'output_type': 'error'" not in str(
        page.run(f"{CODE}.map(cell => cell.model.outputs.toJSON())")
    )
    assert page.run("document.querySelectorAll('.jp-OutputArea img').length") == 1


def test_what_is_loaded_is_what_pyodide_names(folder):
    """With all that it needs, in our lock as in Pyodide's."""
    path = folder / "pyodide" / "pyodide-lock.json"
    if not path.exists():
        pytest.skip("the site was built without --pyodide")
    lock = json.loads(path.read_text())
    theirs = {about["file_name"]: about for about in lock["packages"].values()}
    assert lite.LOCK == lock["info"]
    for name, sha in pyodide.WHEELS.items():
        assert theirs[name]["sha256"] == sha
        needed = [lock["packages"][other]["file_name"] for other in theirs[name]["depends"]]
        assert {*needed} <= {*pyodide.WHEELS}
