"""Submissions: scripts and notebooks as cells of Python, and the students that they are of."""

import collections
import json
import re
from pathlib import Path

ENDINGS = (".py", ".ipynb")
MOST = 50 << 20  # bytes
MAGIC = r"(?m)^([ \t]*)(?:[%!?]|\w+[ \t]*=[ \t]*[%!]|[\w.]+\?+[ \t]*$).*"


class Unreadable(ValueError):
    """A file that is no submission; the message is what its student is told."""


def cells_of(path):
    """The cells of Python in a submission, one for a script; Unreadable if there are none."""
    if Path(path).stat().st_size > MOST:
        raise Unreadable(f"the file has more than {MOST >> 20} MB")
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Unreadable(f"the file is not text in UTF-8: look at line {line}") from None
    text = text.replace("\r\n", "\n")
    cells = cells_in(text) if Path(path).suffix == ".ipynb" else [text]
    if not any(cell.strip() for cell in cells):
        raise Unreadable("the file is empty")
    return cells


def cells_in(text):
    """The cells of code in a notebook."""
    try:
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable("the file is no notebook of Jupyter") from None


def without_magics(cell):
    """A cell without what only a notebook understands, lines as `%matplotlib inline`, `!pip …`,
    `files = !ls` and `np.sin?`; nothing of a cell in another language, `%%bash`."""
    first = re.match(r"\s*%%(\w+)", cell)
    if first and first[1] not in ("time", "timeit", "capture", "prun"):
        return ""
    return re.sub(MAGIC, r"\1pass", cell)


def students(paths):
    """student → path, in the order of their names. A student is a file's name without its ending;
    where several files have the same, as many of their folders stand before it as tell them
    apart: anna-lab2, ben-lab2 of anna/lab2.py and ben/lab2.py.

    paths: files, and folders, of which all scripts and notebooks are taken, but for links, which
    could lead to somebody else's, and for what begins with a dot or a double underscore. ValueError
    if there are none, or if a file is neither.
    """
    found = []
    for path in map(Path, paths):
        inside = sorted(p for p in path.rglob("*") if is_one(p, path)) if path.is_dir() else ()
        found += inside or [path]
    for path in found:
        if not path.is_file() or path.suffix not in ENDINGS:
            raise ValueError(f"a submission is a file .py or .ipynb, got {path}")
    files = list(dict.fromkeys(path.resolve() for path in found))
    names, folders = {path: printable(path.stem) for path in files}, 0
    while folders < 64:
        counts = collections.Counter(name.casefold() for name in names.values())
        same = [path for path in files if counts[names[path].casefold()] > 1]
        if not same:
            break
        folders += 1
        for path in same:
            names[path] = printable(
                "-".join([*path.parts[-1 - folders : -1], path.stem]).lstrip("/")
            )
    for path in same:  # anna.py and anna.ipynb
        names[path] = f"{printable(path.stem)}-{path.suffix[1:]}"
    found = {}
    for path in sorted(files, key=lambda path: names[path]):
        name = names[path]
        while name in found:
            name += "_"
        found[name] = path
    return found


def left_out(paths):
    """The scripts and notebooks in folders that are none of the submissions."""
    folders = [path for path in map(Path, paths) if path.is_dir()]
    inside = [(p, folder) for folder in folders for p in folder.rglob("*") if p.suffix in ENDINGS]
    return sorted(str(path) for path, folder in inside if not is_one(path, folder))


def is_one(path, folder):
    """Whether a path in a folder is a submission."""
    inside = path.relative_to(folder).parts
    hidden = any(part.startswith((".", "__")) for part in inside)
    return path.suffix in ENDINGS and path.is_file() and not path.is_symlink() and not hidden


def printable(name):
    """A name without what would move the cursor of a terminal, or turn a line around."""
    return "".join(c if c.isprintable() else "_" for c in name)
