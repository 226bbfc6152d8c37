"""Scripts as notebooks, by the standard library alone.

A script has a line `# %%` before each cell of code, and `# %% [markdown]` before each
cell of text; the notebook has the same cells. It begins with one more, which installs
the package where there is none, and a sheet's ends with one that runs the checks. The
same script gives the same bytes.
"""

import hashlib
import json
import os
import re
from pathlib import Path

HERE = Path(__file__).parent

INSTALL = """\
import importlib.util

if importlib.util.find_spec("dynsys_nn") is None:
    print("installing …")
    %pip install -q {}"""

#: tag → the kind of the cells that have it, and how their text is found
TAGS = {
    "answer": (
        "code",
        r"\A(?!(?s:.*)^def questions\()(?s:.*)raise NotImplementedError",
    ),
    "questions": ("code", r"^def questions\("),
    "checks": ("code", r"^checks\.run\("),
    "asserts": ("code", r"^\s*assert\b"),
    "predict": ("markdown", r"\*\*Before you run"),
    "exercises": ("markdown", r"^## Exercises"),
}


# ---- the cells of a script


class Cell:
    """A cell: its kind, "code" or "markdown", its text, and tags to hide it by."""

    def __init__(self, kind, text, tags=()):
        self.kind, self.text, self.tags = kind, text, list(tags)
        for tag, (of, words) in TAGS.items():
            if kind == of and re.search(words, text, flags=re.M):
                self.tags.append(tag)
        if {"install", "questions"} & {*self.tags}:  # what Jupyter Book folds
            self.tags.append("hide-input")


def cells(script):
    """The cells of a script, of its text."""
    before, *rest = re.split(r"^# %%(.*)\n", script, flags=re.M)
    found = [Cell("code", before.strip("\n"))] if before.strip() else []
    for head, body in zip(rest[::2], rest[1::2], strict=True):
        kind = "markdown" if "[markdown]" in head else "code"
        tags = re.search(r"tags=(\[.*?\])", head)
        if kind == "markdown":
            body = re.sub(r"^# ?", "", body, flags=re.M)
        found.append(Cell(kind, body.strip("\n"), json.loads(tags[1]) if tags else ()))
    for asks, _, says in zip(found, found[1:], found[2:], strict=False):
        if "predict" in asks.tags and says.kind == "markdown":
            says.tags += [] if "predict" in says.tags else ["reveals"]
    return found


def opened(script):
    """The cells of a script; what a sheet runs at its end is a cell of its own."""
    end = re.search(
        r'\n+(?:# %%.*\n)?if __name__ == "__main__":\n((    .*\n|\n)+)\Z', script
    )
    if not end:
        return cells(script)
    run = re.sub(r"^    ", "", end[1], flags=re.M).strip().removesuffix(".exit()")
    return [*cells(script[: end.start()]), Cell("code", run)]


def solved(sheet, solution):
    """The cells of a sheet and, before the last one, those of its solution, a
    script that takes names from the sheet by sheet["X"]."""
    solution = re.sub(r'\A""".*?"""\n', "", solution, flags=re.S)
    left_out = r"^(import runpy|from pathlib import Path|sheet = .*)\n"
    solution = re.sub(left_out, "", solution, flags=re.M)
    *answer, run = opened(re.sub(r'\bsheet\["(\w+)"\]', r"\1", solution))
    for cell in answer:
        cell.text, cell.tags = re.sub(r"\n{4,}", "\n\n\n", cell.text), ["solution"]
    return [*opened(sheet)[:-1], *answer, run]


# ---- notebooks


def notebook(cells, package="dynsys_nn"):
    """The notebook of cells, nbformat 4.5: its text. Without a package, none is
    installed."""
    if package:
        cells = [Cell("code", INSTALL.format(package), ["install"]), *cells]
    found, seen = [], []
    for cell in cells:
        seen.append(f"{cell.kind} {cell.text}")
        words = f"{seen.count(seen[-1])} {seen[-1]}"
        found.append(
            {
                "cell_type": cell.kind,
                "id": hashlib.sha256(words.encode()).hexdigest()[:8],
                "metadata": {"tags": cell.tags} if cell.tags else {},
                "source": cell.text.splitlines(keepends=True),
            }
        )
        if cell.kind == "code":
            found[-1] |= {"execution_count": None, "outputs": []}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {
        "dynsys_nn": {"written": fingerprint(found)},
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    book = {"cells": found, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def fingerprint(cells):
    """What stays the same when cells are run, and not when they are written in."""
    texts = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def written_in(path):
    """Whether a file is anything but a notebook of ours, its cells as we wrote them."""
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        return book["metadata"]["dynsys_nn"]["written"] != fingerprint(book["cells"])
    except (OSError, ValueError, LookupError, TypeError):
        return True


def write(text, path):
    """Write a file, all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)


# ---- which notebooks there are


def scripts():
    """The tutorials and the sheets, in their order."""
    found = [*HERE.glob("[0-9]*.py"), *HERE.glob("labs/[0-9]*.py")]
    return sorted(found, key=lambda p: (p.parent, int(p.stem.split("_")[0])))


def place(path):
    """Where its notebook goes in the folder of notebooks: as here, or beside them."""
    path = path.resolve()
    inside = path.is_relative_to(HERE.resolve())
    relative = path.relative_to(HERE.resolve()) if inside else Path(path.name)
    return relative.with_suffix(".ipynb")


def notebooks(paths, solutions=False, package="dynsys_nn"):
    """The notebooks of scripts, and of their solutions: where each goes → its text.

    ValueError for a script that has no cells, or two that would be one notebook.
    """
    found = {}
    for path in paths:
        text, where = text_of(path), place(path)
        if not re.search(r"^# %%", text, flags=re.M):
            raise ValueError(f"{path} has no cells: no line begins with # %%")
        if where in found:
            raise ValueError(f"two scripts would be the notebook {where}")
        found[where] = notebook(opened(text), package)
        solution = path.parent / "solutions" / path.name
        if solutions and solution.exists():
            answers = text_of(solution)
            of_a_sheet = re.search(r"^sheet = ", answers, flags=re.M)
            parts = solved(text, answers) if of_a_sheet else opened(answers)
            found[where.parent / "solutions" / where.name] = notebook(parts, package)
    return found


def text_of(path):
    """The text of a script."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None
