"""Submissions: scripts and notebooks as cells of Python, and the students that they are of."""

import ast
import collections
import json
import re
from pathlib import Path

ENDINGS = (".py", ".ipynb")


class Unreadable(ValueError):
    """A file that is no submission; the message is what its student is told."""


def cells_of(path):
    """The cells of Python in a submission, one for a script; Unreadable if there are none."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Unreadable(f"the file is not text in UTF-8: look at line {line}") from None
    text = text.replace("\r\n", "\n")
    cells = cells_in(text) if Path(path).suffix == ".ipynb" else [text]
    if not any(cell.strip() for cell in cells):
        raise Unreadable("the file is empty")
    if Path(path).suffix != ".ipynb":
        try:
            compile(text, Path(path).name, "exec")
        except SyntaxError:
            pass  # said with its line, when it is run
        except (ValueError, RecursionError, MemoryError) as error:
            raise Unreadable(f"the file is no Python: {error}") from None
    return cells


def cells_in(text):
    """The cells of code in a notebook, without what only a notebook understands."""
    try:
        cells = json.loads(text)["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return [without_magics("".join(source)) for source in code]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable("the file is no notebook of Jupyter") from None


def without_magics(cell):
    """A cell without lines as `%matplotlib inline` and `!pip install …`, if it is no Python with
    them; nothing of a cell in another language, `%%bash`."""
    try:
        ast.parse(cell)
        return cell
    except (SyntaxError, ValueError):
        first = re.match(r"\s*%%(\w+)", cell)
        if first and first[1] not in ("time", "timeit", "capture", "prun"):
            return ""
        return "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in cell.split("\n"))


def students(paths):
    """student → path, in the order of their names. A student is a file's name without its ending;
    where several files have the same, as many of their folders stand before it as tell them
    apart: anna-lab2, ben-lab2 of anna/lab2.py and ben/lab2.py.

    paths: files, and folders, of which all scripts and notebooks are taken. ValueError if there are
    none, or if a file is neither.
    """
    found = []
    for path in map(Path, paths):
        inside = sorted(p for p in path.rglob("*") if p.suffix in ENDINGS) if path.is_dir() else ()
        found += inside or [path]
    files = list(dict.fromkeys(path.resolve() for path in found))
    for path in files:
        if not path.is_file() or path.suffix not in ENDINGS:
            raise ValueError(f"a submission is a file .py or .ipynb, got {path}")
    names, folders = {path: path.stem for path in files}, 0
    while folders < 64:
        counts = collections.Counter(name.casefold() for name in names.values())
        same = [path for path in files if counts[names[path].casefold()] > 1]
        if not same:
            break
        folders += 1
        for path in same:
            names[path] = "-".join([*path.parts[-1 - folders : -1], path.stem]).lstrip("/")
    for path in same:  # anna.py and anna.ipynb
        names[path] = f"{path.stem}-{path.suffix[1:]}"
    return {names[path]: path for path in sorted(files, key=lambda path: names[path])}
