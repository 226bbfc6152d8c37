"""The reference: a page for each module, in reading order, and docstrings as HTML."""

from markdown_it import MarkdownIt

import dynsys_nn as dnn


def write(folder):
    """Write the pages."""
    folder.mkdir(parents=True)
    index = f"# Reference\n\nVersion {dnn.__version__}.\n"
    (folder / "index.md").write_text(index, encoding="utf-8")


def as_html(app, what, name, thing, options, lines):
    """A docstring, which is Markdown, as HTML: for autodoc-process-docstring."""
    html = MarkdownIt().enable("table").render("\n".join(lines))
    lines[:] = [".. raw:: html", "", *("   " + line for line in html.splitlines())]
