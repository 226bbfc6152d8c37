"""The gallery: a page for each figure, from its script, and all of them on one."""

import importlib
import inspect
import shlex

from PIL import Image

from figures import NAMES, live
from figures.drawing import shown
from figures.drawing.saving import message

from . import texts

#: of the pictures on the index, in pixels
WIDTH = 560
PAGE = """\
# {message}

![{name}](files/{name}.png)

:::{{container}} bar
{play}
{downloads}
:::

{film}

{about}

## Draw it

```sh
{command}
```

{options}

It goes to `figures/out` as a PNG; `--format pdf` or `svg`, `--style dark` or `print`
and `--size 8x4.5` make it another. With words in your language: {{ref}}`lecture`.

## Source

{{download}}`{name}.py </{script}>`

```python
{source}
```
"""
PLAY = '<a class="run" href="../play.html?figure={}">Move its sliders</a>'
FILM = "![{name}, moving](files/{name}.gif)\n"
TABLE = """\
| option | default | what it is |
|---|---|---|
{rows}
"""
INDEX = """\
---
hide-toc: true
---
# Gallery

Each figure's page has it as a PDF, and the command that draws it with other values; in
another style, size, format or language: {{ref}}`lecture`.

::::{{grid}} 1 2 2 3
:class-container: cards
:gutter: 3

{cards}
::::

(lecture)=
## Figures for a lecture

{section}

```{{toctree}}
:hidden:

{pages}
```
"""
CARD = """\
:::{{grid-item-card}} {title}
:img-top: files/small/{name}.webp
:link: {name}
:link-type: doc

{message}
:::"""


def write(source):
    """Write the pages of the figures whose files are in gallery/files of `source`."""
    folder = source / "gallery"
    (folder / "files" / "small").mkdir()
    for name in NAMES:
        small(folder / "files", name)
        (folder / f"{name}.md").write_text(page(name, source), encoding="utf-8")
    readme = texts.sections(texts.text_of("README.md"))
    cards = [
        CARD.format(
            name=name,
            title=name.replace("_", "_<wbr>"),
            message=plain_message(name),
        )
        for name in NAMES
    ]
    index = INDEX.format(
        cards="\n".join(cards),
        section=texts.linked(readme["Figures for a lecture"], source),
        pages="\n".join(f"{name} <{name}>" for name in NAMES),
    )
    (folder / "index.md").write_text(index, encoding="utf-8")


def plain_message(name):
    return texts.plain(message(name))


def small(files, name):
    """A small copy of a figure's picture."""
    with Image.open(files / f"{name}.png") as picture:
        picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
        picture.convert("RGB").save(files / "small" / f"{name}.webp", quality=80)


def page(name, source):
    """A figure's page."""
    module = importlib.import_module(f"figures.{name}")
    make, files = module.make, source / "gallery" / "files"
    kinds = [kind for kind in ("pdf", "png") if (files / f"{name}.{kind}").exists()]
    downloads = [
        f"{{download}}`{kind.upper()} <files/{name}.{kind}>`" for kind in kinds
    ]
    defaults = {
        key: shown(make.defaults[key])
        for key in make.options
        if key not in ("figsize", "labels")
    }
    given = [
        shlex.quote(f"{key}={default}")
        for key, default in defaults.items()
        if default != "None"
    ]
    rows = [
        f"| `{key}` | `{default}` | {texts.plain(str(make.options[key]))} |"
        for key, default in defaults.items()
    ]
    return PAGE.format(
        name=name,
        message=plain_message(name),
        play=PLAY.format(name) if name in live.NAMES else "",
        downloads="\n".join(downloads),
        film=FILM.format(name=name) if (files / f"{name}.gif").exists() else "",
        about=texts.plain(inspect.cleandoc(module.__doc__).partition("\n\n")[2]),
        command=" ".join(["python -m figures", name, *given]),
        options=TABLE.format(rows="\n".join(rows)),
        script=texts.kept(f"figures/{name}.py", source),
        source=inspect.getsource(module).strip(),
    )
