"""The live figures as a page: the package itself, in the reader's browser.

page.html is what stands on it, and play.css how it looks; play.js is the page's part,
worker.js and player.py are Python's, which is loaded when the reader presses "Start".
"""

import hashlib
import importlib
import json
import shutil
import zipfile
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import figures
from figures import live

from . import player

HERE = Path(__file__).parent
FILES = "play.css", "play.js", "worker.js", "report.js"
#: what is shown to who asks for no figure
FIRST = "contraction_region"
#: what is loaded, in megabytes: Python with NumPy and matplotlib; SciPy
MEGABYTES = {"start": 27, "scipy": 14}
#: the width of a picture, and of a small one, in pixels
WIDE, SMALL = 1300, 208
PAGE = """\
---
hide-toc: true
---

# Play

Press Start and move the sliders: the package itself, in your browser, draws each
picture.

```{{raw}} html
{html}
```
"""


def names():
    """The live figures, in the order of the lecture."""
    place = {name: k for k, name in enumerate(figures.NAMES)}
    return sorted(live.NAMES, key=lambda name: place.get(name, len(place)))


def message(name):
    """What a live figure shows: the first paragraph of its script's docstring."""
    paragraphs = importlib.import_module(f"figures.live.{name}").__doc__.split("\n\n")
    return " ".join(paragraphs[0].split())


def controls(name):
    """The controls of a live figure, as the page needs them."""
    return [
        {
            "name": key,
            "names": c.names,
            "whole": c.whole,
            "least": c.least,
            "most": c.most,
            "step": 1 if c.whole else step(c),
            "first": c.value(c.first),
        }
        for key, c in live.controls_of(name).items()
    ]


def step(control):
    """How far an arrow key moves a slider of numbers: the largest 1, 2 or 5 · 10ᵏ that
    divides its range, into 75 parts or more."""
    span = control.most - control.least
    for s in (digit * 10.0**k for k in range(2, -6, -1) for digit in (5, 2, 1)):
        parts = span / s
        if parts > 74.5 and abs(parts - round(parts)) < 1e-6:
            return float(f"{s:.0e}")
    raise ValueError(f"{control.name}: no round step divides {span}")


def pictures(file, words):
    """The picture of a live figure for a page in the light, and that for the dark."""
    image = '<img class="only-{}" src="live/{}.png" alt="{}">'.format
    styles = {"light": "lecture", "dark": "dark"}
    return "".join(image(k, file.format(v), words) for k, v in styles.items())


def page():
    """The page's source."""
    film, known = [], {}
    for name in names():
        known[name] = dict(message=message(name), controls=controls(name))
        known[name]["gallery"] = name in figures.NAMES
        link = f'<a href="?figure={name}" title="{escape(message(name))}">'
        film.append(f"{link}{pictures(name + '_{}_small', name)}</a>")
    says = escape(message(FIRST))
    parts = dict(film="\n".join(film), first=FIRST, message=says)
    parts |= dict(pictures=pictures(FIRST + "_{}", says))
    parts |= dict(known=json.dumps(known, ensure_ascii=False).replace("</", "<\\/"))
    parts |= {name.replace(".", "_"): address(HERE / name) for name in FILES}
    html = (HERE / "page.html").read_text("utf-8").format(**parts)
    return PAGE.format(html=html)


def address(path):
    """A file's name, with what is in it, so that no older one is taken for it."""
    return f"{path.name}?{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def write(out, wheel, pyodide):
    """Write what the page needs beside it into the folder `out` of the site.

    wheel: the package's, in a folder of the site; pyodide: where Python is, an address,
    or a folder of the site.
    """
    folder = out / "live"
    folder.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / name, folder / name)
    pack(folder / "figures.zip")
    known = dict(figures=address(folder / "figures.zip"), captions=draw(folder))
    known |= dict(wheel=f"../{wheel.relative_to(out).parent}/{address(wheel)}")
    there = pyodide if "://" in pyodide else f"../{pyodide}"
    known |= dict(pyodide=there, megabytes=MEGABYTES)
    (folder / "about.json").write_text(json.dumps(known), "utf-8")


def pack(path):
    """The scripts of the figures, and the player, the same bytes each time."""
    root = Path(figures.__file__).parents[1]
    scripts = {p.relative_to(root): p for p in (root / "figures").rglob("*.py")}
    scripts[Path("player.py")] = HERE / "player.py"
    with zipfile.ZipFile(path, "w") as packed:
        for name, script in sorted(scripts.items()):
            file = zipfile.ZipInfo(name.as_posix())
            packed.writestr(file, script.read_bytes(), zipfile.ZIP_DEFLATED)


def draw(folder):
    """The pictures for who does not start, as the player draws them; their lines of
    text, by name."""
    captions = {}
    with plt.rc_context({"backend": "agg"}):
        for style in "lecture", "dark":
            for name in names():
                captions[name] = player.show(name, style, WIDE, "{}")
                image = Image.fromarray(np.asarray(player.pixels())).convert("RGB")
                image.save(folder / f"{name}_{style}.png", optimize=True)
                image.thumbnail((SMALL, SMALL))
                image.save(folder / f"{name}_{style}_small.png", optimize=True)
    return captions
