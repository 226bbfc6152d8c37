"""The tutorials and the labs' sheets as pages: notebooks, a bar below the title."""

import json
import re

from .. import notebooks
from . import texts

BAR = """
:::{{container}} bar
{run}
{{download}}`Notebook </files/{book}>`
{{download}}`Script </{script}>`
{loads}
:::
"""
LITE = "lite/notebooks/index.html?path={}"
RUN = '<a class="run" href="../{}">Open in the browser</a>'
ASKS = re.compile(r"\*\*(Before you run\s[^*]*?):?\*\*\s*")


def write(source, lite, loads):
    """Write them, and the notebooks to download; returns page → title, and first words.

    lite: whether they can be run in the browser; loads: what it says of that.
    """
    titles = {}
    paths = notebooks.scripts()
    for script, (where, text) in zip(
        paths, notebooks.notebooks(paths).items(), strict=True
    ):
        folder = "labs" if where.parts[0] == "labs" else "tutorials"
        book = source / "files" / folder / where.name
        page = source / folder / where.name
        for path in (book, page):
            path.parent.mkdir(parents=True, exist_ok=True)
        book.write_text(text, encoding="utf-8")
        bar = BAR.format(
            run=RUN.format(LITE.format(where.as_posix())) if lite else "",
            loads=f"<small>{loads}</small>" if lite else "",
            book=f"{folder}/{where.name}",
            script=texts.kept(script.relative_to(texts.ROOT), source),
        )
        page.write_text(as_page(text, bar), encoding="utf-8")
        titles[f"{folder}/{where.stem}"] = opening(text)
    return titles


def as_page(text, bar):
    """A notebook, of its text, without the cell that installs the package, with a bar
    below its title and with its questions set off."""
    book = json.loads(text)
    cells = book["cells"] = [
        cell
        for cell in book["cells"]
        if "install" not in cell["metadata"].get("tags", ())
    ]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = texts.mentioned("".join(cell["source"]))
        if "predict" in cell["metadata"].get("tags", ()):
            cell["source"] = set_off(cell["source"])
    title, *rest = cells[0]["source"].split("\n", 1)
    cells[0]["source"] = "\n".join([title, bar, *rest])
    return json.dumps(book)


def set_off(text):
    """A text whose "**Before you run the cell:** …", a paragraph's end, is a box."""
    found = ASKS.search(text)
    asks, *rest = text[found.end() :].split("\n\n", 1)
    asks = asks[0].upper() + asks[1:]
    title = " ".join(found[1].split())
    box = f":::{{admonition}} {title}\n:class: predict\n\n{asks}\n:::"
    return "\n\n".join([text[: found.start()].rstrip(), box, *rest])


def opening(text):
    """A notebook's title, and the sentences that it begins with: a line or two."""
    first = next(
        "".join(cell["source"])
        for cell in json.loads(text)["cells"]
        if cell["cell_type"] == "markdown"
    )
    title, paragraph = re.match(r"# (.*)\n+((?:.+\n?)+)", first).groups()
    words = " ".join(re.sub(r"\\q?quad", r"\\;", paragraph).replace("$$", "$").split())
    idea = ""
    for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z$])", words):
        idea += sentence + " "
        if len(re.sub(r"\$.*?\$", "", idea)) > 80:
            break
    return title, idea.strip()
