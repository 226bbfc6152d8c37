"""The pages' sources: the front page, the project's texts, tutorials and sheets."""

import os
import re
import subprocess
import sys

import dynsys_nn

from . import books, cite, live, texts
from .lite import MEGABYTES

#: sections of README that have a place of their own; the others are the page "How to"
PLACED = (
    "The idea",
    "What keeps what",
    "Labs that mark themselves",
    "Figures for a lecture",
    "Where to read on",
)
FRONT = """\
---
hide-toc: true
---
# dynsys_nn

{what}

:::{{container}} buttons
{{doc}}`Play with a figure <play>`
{run}
{{doc}}`Read the first tutorial <{first}>`
<small>{loads}</small>
:::

::::{{container}} three
{pictures}
::::

::::{{container}} example
```python
{code}
```

```text
{printed}
```
::::

::::{{container}} commands
{commands}
::::

## Where to go

::::{{grid}} 1 2 2 3
:class-container: cards
:gutter: 3

{cards}
::::

{subject}

```{{toctree}}
:hidden:

Tutorials <tutorials/index>
Labs <labs/index>
Gallery <gallery/index>
Live figures <play>
Reference <reference/index>
Index of names <genindex>
keeps
howto
contributing
changes
cite
The digits <data>
```
"""
PICTURE = """\
:::{{figure}} gallery/files/small/{name}.webp
:alt: {alt}
:target: gallery/{name}.html

{alt}
:::"""
CARD = """\
:::{{grid-item-card}} {title}
:link: {page}
:link-type: doc

{text}
:::"""
#: page, its title, and what is there
CARDS = (
    ("tutorials/index", "Tutorials", "From the Euler step to images and certificates."
     " Predict, run, see, and an exercise at the end."),
    ("labs/index", "Labs", "Sheets for each week of a course, which say what is wrong"
     " in an answer, and in which line."),
    ("gallery/index", "Gallery", "The lecture's figures. What each shows, what can be"
     " varied, and the script that draws it."),
    ("play", "Live figures", "Sliders for steps, slopes and attacks, and what the"
     " package itself makes of them, in your browser."),
    ("reference/index", "Reference", "Each public class and function, with its formula,"
     " shapes, errors, source, and an example."),
    ("keeps", "What keeps what", "Which fields and integrators keep volume, energy,"
     " mass or a norm, and which never drive two states apart."),
)  # fmt: skip
INSTALL = """\
# How to

## Install

The package alone, for scripts and notebooks of your own: download
<a href="wheels/dynsys_nn-{version}-py3-none-any.whl">its wheel</a>, and `pip install`
it. Tutorials, labs and figures are beside it in a clone of the project, and there:

{clone}"""
CONTENTS = """\
# {title}

{text}

```{{toctree}}
:hidden:

{pages}
```
"""
LOADS = "Loaded once, when you ask: {what}. Python comes from {host}."
FIGURE = f"up to {sum(live.MEGABYTES.values())} MB for figures"
NOTEBOOK = f"{MEGABYTES} MB for a notebook"
IN_THE_BROWSER = """
Each page has a button that opens it as a notebook in the browser, with nothing to
install. {loads} What you write is kept in that browser. A cell that does not end is
stopped by ↻, which starts Python anew.
"""


def write(source, lite, host):
    """Write them into the folder `source`, after those of gallery and reference.

    lite: whether notebooks run in the browser; host: what sends Python there.
    """
    loads = LOADS.format(what=NOTEBOOK, host=host)
    pages = books.write(source, lite, loads)
    browser = IN_THE_BROWSER.format(loads=loads) if lite else ""
    readme = texts.sections(texts.text_of("README.md"))
    subject = readme["Where to read on"].rpartition("\n\n")[2]
    both = LOADS.format(what=", ".join([FIGURE, *[NOTEBOOK] * lite]), host=host)
    found = {"index.md": front(readme, subject, [*pages][0], lite, both)}
    found["play.md"] = live.page()
    found["keeps.md"] = f"# What keeps what\n\n{readme['What keeps what']}"
    found["howto.md"] = how_to(readme)
    found["cite.md"] = cite.page(subject)
    found["tutorials/index.md"] = tutorials(pages, browser)
    found["labs/index.md"] = labs(pages, browser, readme["Labs that mark themselves"])
    for path, page in texts.PAGES.items():
        found.setdefault(f"{page}.md", texts.text_of(path))
    for name, text in found.items():
        base = "tutorials/labs" if name == "labs/index.md" else ""
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts.linked(text, source, base), encoding="utf-8")


def front(readme, subject, first, lite, loads):
    """The front page, of README's sections."""
    code = re.search(r"```python\n(.*?)\n```", readme["The idea"], re.S)[1]
    shown = re.findall(r"!\[(.*?)\]\(figures/shown/(\w+)\.png\)", readme[""])
    pictures = [PICTURE.format(alt=alt, name=name) for alt, name in shown[:3]]
    commands = re.findall(r"^.*:\n\n```sh\n[^`]*```", readme[""], re.M)
    cards = [
        CARD.format(page=page, title=title, text=text) for page, title, text in CARDS
    ]
    book = books.LITE.format(f"{first.rpartition('/')[2]}.ipynb")
    notebook = f'<a href="{book}">Open a notebook</a>'
    return FRONT.format(
        what=readme[""].split("\n\n")[1],
        run=notebook if lite else "{doc}`howto`",
        first=first,
        loads=loads,
        pictures="\n".join(pictures),
        code=code,
        printed=printed(code),
        commands="\n\n".join(commands[:2]),
        cards="\n".join(cards),
        subject=subject,
    )


def printed(code):
    """What a script prints."""
    there = dict(os.environ, PYTHONPATH=str(texts.ROOT), PYTHONUTF8="1")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=there,
    )
    return done.stdout.strip()


def how_to(readme):
    """README's other sections, and how to install."""
    install = re.split(r"^!\[", readme[""], flags=re.M)[0].split("\n\n", 2)[2]
    others = [
        f"## {title}\n\n{texts.unbroken(text)}"
        for title, text in readme.items()
        if title and title not in PLACED
    ]
    begin = INSTALL.format(version=dynsys_nn.__version__, clone=install)
    return "\n\n".join([begin, *others])


def tutorials(pages, browser):
    """The index of the tutorials: of each, how it begins."""
    own = {
        page: about for page, about in pages.items() if page.startswith("tutorials/")
    }
    ideas = [
        f"{{doc}}`{title} </{page}>`\n: {idea}" for page, (title, idea) in own.items()
    ]
    text = "\n\n".join([browser, *ideas])
    return CONTENTS.format(title="Tutorials", text=text, pages=stems(own))


def labs(pages, browser, section):
    """The index of the labs: their own text, and README's section."""
    own = [page for page in pages if page.startswith("labs/")]
    title, text = texts.text_of("tutorials/labs/README.md").split("\n\n", 1)
    table, *more = re.split(r"(?=^## )", text, flags=re.M)
    section = re.sub(r"\]\(tutorials/labs/", "](", section)
    run = f"## Labs that mark themselves\n\n{section}\n"
    text = "\n".join([browser, table, run, *more])
    return CONTENTS.format(title=title.removeprefix("# "), text=text, pages=stems(own))


def stems(pages):
    return "\n".join(page.rpartition("/")[2] for page in pages)
