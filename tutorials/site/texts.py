"""The project's texts as pages: their sections, with links that lead to pages."""

import re
import shutil
from pathlib import Path

from .. import notebooks

ROOT = Path(__file__).parents[2]
#: a text's own page, or the one that it is part of
PAGES = {
    "CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changes",
    "LICENSE": "cite",
    "dynsys_nn/data/README.md": "data",
    "tutorials/labs/README.md": "labs/index",
}


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def sections(text):
    """What a Markdown text has before its first heading of level two, under the key "",
    and below each of them."""
    before, *rest = re.split(r"^## (.*)\n", text, flags=re.M)
    parts = dict(zip(rest[::2], rest[1::2], strict=True))
    return {title: part.strip() for title, part in {"": before, **parts}.items()}


def page_of(path):
    """The page that a script of the project would have."""
    folder, stem = path.parent.as_posix(), path.stem
    if path.suffix == ".py" and folder in ("tutorials", "tutorials/labs", "figures"):
        known = {"tutorials/labs": "labs", "figures": "gallery"}
        return f"{known.get(folder, folder)}/{stem}"
    if path.suffix == ".py" and path.parts[0] == "dynsys_nn":
        return f"reference/{path.parent.name if stem == '__init__' else stem}"
    return None


def linked(text, source, base=""):
    """A text of the folder `base` whose links to files lead to their pages, if there
    are such in `source`, or else to a copy of the file."""

    def there(match):
        path = (ROOT / base / match[2]).resolve().relative_to(ROOT)
        if page := PAGES.get(path.as_posix()):
            return f"[{match[1]}](/{page}.md)"
        page = page_of(path)
        for suffix in (".md", ".ipynb"):
            if page and (source / (page + suffix)).exists():
                return f"[{match[1]}](/{page}{suffix})"
        return f"[{match[1]}](/{kept(path, source)})"

    text = re.sub(r"\[([^][]*)\]\((?!https?:|#|/)([^()\s]+)\)", there, text)
    return mentioned(text)


def mentioned(text):
    """A text in which "tutorial 6" and "sheet 2" are links to them."""
    pages = {}
    for path in notebooks.scripts():
        kind = "sheet" if path.parent.name == "labs" else "tutorial"
        page = page_of(path.relative_to(ROOT))
        pages[kind, int(path.stem.split("_")[0])] = f"/{page}.ipynb"

    def there(match):
        page = pages.get((match[1].lower(), int(match[2])))
        return f"[{match[0]}]({page})" if page else match[0]

    return re.sub(r"(?i)\b(tutorial|sheet) (\d+)\b", there, text)


def kept(path, source):
    """A copy of a file of the project, to be downloaded: its place in `source`."""
    place = Path("files", path)
    (source / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / path, source / place)
    return place.as_posix()


def unbroken(text):
    """With the minus of 1e−9, at which no line ends, in the rows of tables."""

    def row(found):
        return re.sub(r"(?<=\de)-(?=\d)", "−", found[0])

    return re.sub(r"^\|.*", row, text, flags=re.M)


def plain(text):
    """A text of a docstring, in which only `code` means more than it says."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [
        re.sub(r"([\\*_{}\[\]<>#|$~^])", r"\\\1", part) for part in parts[::2]
    ]
    return "".join(parts)
