"""The pages' sources: texts, and the tutorials and sheets as notebooks."""

import re
from pathlib import Path

from .. import notebooks
from . import live

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INDEX = """\
# dynsys_nn

Neural networks that are compositions of flow maps.

```{toctree}
:hidden:

tutorials/index
labs/index
gallery/index
play
reference/index
keeps
```
"""
CONTENTS = """\
# {title}

```{{toctree}}
:maxdepth: 1

{pages}
```
"""


def write(source, lite):
    """Write them into the folder `source`."""
    texts = {"index.md": INDEX, "play.md": live.page()}
    keeps = section(ROOT / "README.md", "What keeps what")
    texts["keeps.md"] = f"# What keeps what\n\n{keeps}"
    books = notebooks.notebooks(notebooks.scripts())
    for where, text in books.items():
        folder = "labs" if where.parts[0] == "labs" else "tutorials"
        texts[f"{folder}/{where.name}"] = text.replace('"install"', '"remove-cell"')
    for folder, title in ("tutorials", "Tutorials"), ("labs", "Labs"):
        names = [name for name in texts if name.startswith(f"{folder}/")]
        stems = "\n".join(Path(name).stem for name in names)
        texts[f"{folder}/index.md"] = CONTENTS.format(title=title, pages=stems)
    for name, text in texts.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def section(path, title):
    """The text below a heading of a Markdown file, up to the next one."""
    text = path.read_text(encoding="utf-8")
    return re.search(rf"^## {title}\n\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]
