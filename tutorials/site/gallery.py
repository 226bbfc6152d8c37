"""The gallery: a page for each figure, from its script."""

from figures import NAMES
from figures.drawing.saving import message

PAGE = """\
# {name}

{message}

![{message}](files/{name}.png)
"""


def write(folder, fast):
    """Write the pages of the figures whose files are in folder/files."""
    for name in NAMES:
        text = PAGE.format(name=name, message=message(name))
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    pages = "\n".join(NAMES)
    index = f"# Gallery\n\n```{{toctree}}\n:maxdepth: 1\n\n{pages}\n```\n"
    (folder / "index.md").write_text(index, encoding="utf-8")
