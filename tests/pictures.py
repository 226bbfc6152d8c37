"""What is in a picture, read off its artists; and all figures, each with its options varied.

`python tests/pictures.py OUT [name …] [--one-by-one] [--ends] [--full]` draws them into OUT, with a
report of each in OUT/reports.json: what to run when a figure is changed. --one-by-one varies one
option at a time, --ends takes the ends of its range, and --full trains as for a lecture.
"""

import argparse
import contextlib
import importlib
import itertools
import json
import re
import sys
import time
import traceback
import warnings
from functools import partial
from pathlib import Path
from unittest import mock

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import Collection, PathCollection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

sys.path.append(str(Path(__file__).parents[1]))
from dynsys_nn.plotting import contrast
from figures import NAMES
from figures.drawing import Choice, Number, Several, Whole, Words
from figures.drawing.saving import scale_of, style

PLACE = re.compile(r"<(\w+)(?::[^<>]+)?>")
TICK = re.compile(r"[\d.,−-]*|.*10\^\{[^{}]*\}.*|1e[+−-]?\d+")  # a number, as matplotlib writes it


# ---- one picture


def visible(fig):
    """Every artist that is drawn and holds no others, with its Axes, or None."""
    for ax in [None, *fig.axes]:
        home = fig if ax is None else ax
        if ax is not None and not ax.get_visible():
            continue
        off = ax is not None and not ax.axison
        hidden = set()
        if off:
            for axis in (ax.xaxis, ax.yaxis):
                hidden |= set(axis.findobj())
            hidden |= set(ax.spines.values()) | {ax.patch}
        for artist in home.findobj(
            lambda a: isinstance(a, Text | Line2D | Patch | Collection | AxesImage)
        ):
            if artist.get_visible() and artist not in hidden and artist.axes is ax:
                yield artist, ax


def texts(fig, seen=None):
    """The texts of a drawn figure: (words, points, box in pixels), tick labels included."""
    found, hidden = [], {text for ax in fig.axes for text in undrawn(ax)}
    for artist, _ in seen or visible(fig):
        if isinstance(artist, Text) and artist.get_text().strip() and artist not in hidden:
            box = Text.get_window_extent(artist)
            if box.width:
                found.append((artist.get_text(), artist.get_fontsize(), box))
    return found


def undrawn(ax):
    """The labels of ticks beyond the limits, which matplotlib keeps and does not draw."""
    found = set()
    for axis in (ax.xaxis, ax.yaxis, *([ax.zaxis] if ax.name == "3d" else [])):
        ticks = axis._update_ticks() if ax.axison else ()
        drawn = {label for tick in ticks for label in (tick.label1, tick.label2)}
        found |= set(axis.findobj(Text)) - drawn - {axis.label, axis.offsetText}
    return found


def outside(fig, slack=2, written=None):
    """The texts that are cut by the edge of the picture."""
    edge = fig.bbox
    return [
        words for words, _, box in written or texts(fig)
        if box.x0 < edge.x0 - slack or box.y0 < edge.y0 - slack or box.x1 > edge.x1 + slack or box.y1 > edge.y1 + slack
    ]  # fmt: skip


def overlaps(fig, slack=2.5, written=None):
    """Pairs of texts that lie on each other."""
    boxes = [(words, box.padded(-slack)) for words, _, box in written or texts(fig)]
    boxes = [(words, box) for words, box in boxes if box.width > 0 and box.height > 0]
    return [(a, b) for (a, one), (b, two) in itertools.combinations(boxes, 2) if one.overlaps(two)]


def holds_one(points, box):
    return any(box.contains(*point) for point in points)


def crossed(fig, slack=2, seen=None):
    """The texts on the Axes that a line runs through, or that a marker covers; lines of the ground,
    zorder ≤ 0, may."""
    found, seen = [], seen or list(visible(fig))
    written = [
        (artist.get_text(), Text.get_window_extent(artist).padded(-slack))
        for artist, ax in seen
        if isinstance(artist, Text)
        and artist.get_text().strip()
        and artist.get_bbox_patch() is None
    ]
    for line, ax in seen:
        if not isinstance(line, Line2D) or ax is None or line.get_zorder() <= 0:
            continue
        if ax.name == "3d" or line not in ax.lines:
            continue  # of a legend, or a tick
        points = line.get_transform().transform(
            np.column_stack(line.get_data(orig=False)).astype(float)
        )
        points = points[np.isfinite(points).all(axis=1)]
        if line.get_linestyle() in ("None", "", " "):
            hit = partial(holds_one, points)
        elif len(points) > 1:
            hit = partial(mpl.path.Path(points).intersects_bbox, filled=False)
        else:
            continue
        for words, box in written:
            inside = Bbox.intersection(box, ax.bbox) if line.get_clip_on() else box
            if inside is not None and min(inside.width, inside.height) > 0 and hit(inside):
                found.append(words)
    return sorted(set(found))


def colours(artist):
    """The colours in which it is drawn, with their opacities: (r, g, b, a)."""
    found = []
    if isinstance(artist, Text):
        found = [artist.get_color()]
    elif isinstance(artist, Line2D):
        marker = artist.get_marker() not in (None, "None", "", " ")
        line = artist.get_linestyle() not in ("None", "", " ") and artist.get_linewidth() > 0
        found = [artist.get_color()] if line else []
        found += [artist.get_markerfacecolor()] if marker and len(artist.get_xdata()) else []
        found = [c for c in found if not (isinstance(c, str) and c == "none")]
    elif isinstance(artist, Patch):
        edge = [artist.get_edgecolor()] if artist.get_linewidth() > 0 else []
        face = [artist.get_facecolor()] if artist.get_fill() else []
        found = edge or face if isinstance(artist, FancyArrowPatch) else face + edge
    elif isinstance(artist, Collection) and artist.get_array() is None:
        widths = np.atleast_1d(artist.get_linewidth())
        edges = list(artist.get_edgecolor()) if np.any(widths > 0) else []
        found = [*artist.get_facecolor(), *edges]
    alpha = artist.get_alpha()
    rgba = {mpl.colors.to_rgba(c) for c in found}  # a cloud has one for each point
    if isinstance(alpha, float | int) and isinstance(artist, Text | Line2D):
        rgba = [(*c[:3], c[3] * alpha) for c in rgba]
    return [c for c in rgba if c[3] > 0]


def faint(fig, least=3.0, seen=None):
    """(what, contrast) of the artists that are too close to the ground of their Axes."""
    found = []
    for artist, ax in seen or visible(fig):
        if (
            ax is not None
            and artist is ax.patch
            or artist is fig.patch
            or isinstance(artist, AxesImage)
        ):
            continue
        if isinstance(artist, Text) and not artist.get_text().strip():
            continue
        ground = np.array(
            mpl.colors.to_rgb(fig.get_facecolor() if ax is None else ax.get_facecolor())
        )
        for *rgb, alpha in colours(artist):
            blended = tuple(np.clip(alpha * np.array(rgb) + (1 - alpha) * ground, 0, 1))
            if np.abs(blended - ground).max() < 1e-3:
                continue  # in the colour of the ground: a box that clears the way for a text
            ratio = contrast(blended, ground)
            if ratio < least - 0.02:
                words = artist.get_text() if isinstance(artist, Text) else artist.get_label()
                found.append((f"{type(artist).__name__} {words}", round(float(ratio), 2)))
    return sorted(set(found))


def drawn_points(artist, ax):
    """Points of a curve, or of a cloud, in pixels, as far as they are seen; (n, 2)."""
    if isinstance(artist, Line2D):
        points = np.column_stack(artist.get_data(orig=False)).astype(float)
        points = artist.get_transform().transform(points)
        if artist.get_linestyle() not in ("None", "", " ") and 1 < len(points) < 200:
            steps = np.linspace(0, len(points) - 1, 200)  # between the points, too
            points = np.column_stack([np.interp(steps, range(len(points)), v) for v in points.T])
    elif isinstance(artist, PathCollection):
        points = artist.get_offset_transform().transform(np.asarray(artist.get_offsets(), float))
    else:
        return np.zeros((0, 2))
    points, box = points[np.isfinite(points).all(axis=1)], ax.bbox.padded(2)
    low, high = box.get_points() if artist.get_clip_on() else ax.figure.bbox.get_points()
    return points[((points >= low) & (points <= high)).all(axis=1)]


def seen_curves(fig):
    """The curves and clouds of plain Axes, each with its points that are seen, in pixels."""
    for ax in fig.axes:
        if ax.name != "3d" and ax.get_visible():
            for artist in [*ax.lines, *ax.collections]:
                if isinstance(artist, Line2D | PathCollection) and artist.get_visible():
                    yield ax, artist, drawn_points(artist, ax)


def unseen(fig):
    """The curves and clouds that are beyond the limits of their Axes."""
    return [
        f"{type(artist).__name__} in {artist_colour(artist)} of {ax.get_title()!r}"
        for ax, artist, points in seen_curves(fig)
        if not len(points) and (isinstance(artist, PathCollection) or len(artist.get_xdata()))
    ]


def artist_colour(artist):
    found = artist.get_facecolor() if isinstance(artist, PathCollection) else [artist.get_color()]
    names = {mpl.colors.to_hex(c) for c in found}
    return names.pop() if len(names) == 1 else None


def named(ax):
    """{text: the curves of its colour}, for the texts on an Axes."""
    words = {t.get_text(): mpl.colors.to_hex(t.get_color()) for t in ax.texts}
    return {
        name: [line for line in ax.lines if artist_colour(line) == colour]
        for name, colour in words.items()
    }


def astray(fig):
    """The texts in a colour of the cycle that lie farther from the curves of their colour than from
    one of another, by more than two sizes of the text."""
    cycle = {mpl.colors.to_hex(c) for c in mpl.rcParams["axes.prop_cycle"].by_key()["color"]}
    cycle.discard(mpl.colors.to_hex(mpl.rcParams["text.color"]))
    curves, found = {}, []
    for ax, artist, points in seen_curves(fig):
        if (colour := artist_colour(artist)) in cycle and len(points):
            curves.setdefault(ax, {}).setdefault(colour, []).append(points)
    for ax, by_colour in curves.items():
        for text in ax.texts:
            colour = mpl.colors.to_hex(text.get_color())
            if colour in by_colour and text.get_visible():
                low, high = Text.get_window_extent(text).get_points()
                gaps = {
                    c: min(np.linalg.norm(np.maximum(0, np.maximum(low - p, p - high)), axis=1).min() for p in pieces)
                    for c, pieces in by_colour.items()
                }  # fmt: skip
                if gaps[colour] > min(gaps.values()) + 2 * text.get_fontsize() * fig.dpi / 72:
                    found.append(text.get_text())
    return found


# ---- all figures, varied


@contextlib.contextmanager
def overheard():
    """What figures say by their labels meanwhile: a list of [text, label, {place: value}]."""
    said, say = [], Words.__call__

    def heard(words, name, /, **values):
        places = {p[1]: say(Words(it=p[0]), "it", **values) for p in PLACE.finditer(words[name])}
        said.append([say(words, name, **values), name, places])
        return said[-1][0]

    with mock.patch.object(Words, "__call__", heard):
        yield said


def beside(words, said):
    """What is left of a text without what is said by labels, and without numbers of ticks."""
    for text in sorted({text for text, _, _ in said if text}, key=len, reverse=True):
        words = words.replace(text, "")
    plain = re.sub(r"\\mathdefault|[${}]", "", words)
    return "" if TICK.fullmatch(words) or TICK.fullmatch(plain) else words.strip(" \n,;:()")


def another(kind, default, end=None):
    """Another value of an option, not far from the lecture's; or an end of its range."""
    if isinstance(kind, Several):
        values = tuple(another(kind.option, one, end) for one in default)
        return values if end is None or len(set(values)) == len(values) else default
    if isinstance(kind, Choice):
        return kind.names[
            (kind.names.index(default) + (1 if end is None else end)) % len(kind.names)
        ]
    if end is not None:
        return (kind.least, kind.most)[end]
    if isinstance(kind, Whole):
        return default + 1 if default < kind.most else default - 1
    assert isinstance(kind, Number)
    return next(v for v in (0.8 * default, 1.2 * default, 0.37 * kind.most + 0.63 * kind.least)
                if kind.least <= v <= kind.most and v != default)  # fmt: skip


def variations(make, one_by_one=False, ends=False):
    """(what is varied, options) of the pictures of one figure, the lecture's first."""
    kinds = {key: kind for key, kind in make.options.items() if key not in ("figsize", "labels")}
    default = make.defaults
    yield "as in the lecture", {}
    if one_by_one or ends:
        for key, kind in kinds.items():
            for end in (0, 1) if ends else (None,):
                value = another(kind, default[key], end)
                if value != default[key]:
                    yield key, {key: value}
    elif kinds:
        yield "all", {key: another(kind, default[key]) for key, kind in kinds.items()}
    for key, kind in kinds.items():
        if isinstance(kind, Choice) and (one_by_one or ends):
            for name in kind.names:
                if name not in (default[key], another(kind, default[key])):
                    yield key, {key: name}


def report(name, options, quick, look="lecture", size=None, path=None):
    """What there is to see in one picture of a figure, as plain data."""
    make = importlib.import_module(f"figures.{name}").make
    begin = time.process_time()
    sized = {} if size is None else {"figsize": tuple(size)}
    with style(look, scale=scale_of(make, size)), overheard() as said, warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = make(quick, **options, **sized)
        fig.canvas.draw()
        seen = list(visible(fig))
        written = texts(fig, seen)
        found = {
            "options": {key: str(value) for key, value in options.items()},
            "look": look, "size": tuple(map(float, fig.get_size_inches())),
            "texts": [words for words, _, _ in written],
            "smallest": min(points for _, points, _ in written) / scale_of(make, size),
            "outside": outside(fig, written=written), "overlaps": overlaps(fig, written=written), "crossed": crossed(fig, seen=seen),
            "unseen": unseen(fig), "astray": astray(fig),
            "faint": faint(fig, seen=seen) if look == "dark" else [],
        }  # fmt: skip
        pixels = np.asarray(fig.canvas.buffer_rgba())[..., :3]
        found["ink"] = float((np.abs(pixels.astype(int) - pixels[0, 0]).max(axis=-1) > 25).mean())
        if path is not None:
            fig.savefig(path)
        plt.close("all")
    found["said"] = said
    found["seconds"] = time.process_time() - begin
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    for flag in ("--one-by-one", "--ends", "--full"):
        parser.add_argument(flag, action="store_true")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    reports = {}
    for name in given.names or NAMES:
        reports[name] = []
        make = importlib.import_module(f"figures.{name}").make
        for k, (what, options) in enumerate(variations(make, given.one_by_one, given.ends)):
            looks = [("lecture", None)] if k == 0 else [("dark" if k == 1 else "lecture", None)]
            if k == 0:
                half = tuple(0.5 * inches for inches in make.defaults["figsize"])
                looks += [("dark", None), ("print", half)] if given.full else []
            for look, size in looks:
                number = "" if k == 0 and look == "lecture" else f"-{k}-{look}"
                path = given.out / f"{name}{number}.png"
                try:
                    found = report(name, options, not given.full, look, size, path)
                except Exception as error:
                    where = "".join(traceback.format_exception(error)[-3:])
                    found = {"options": {key: str(v) for key, v in options.items()}, "error": where}
                reports[name].append({"what": what, **found})
        print(name, f"{sum(r.get('seconds', 0) for r in reports[name]):.2f} s", flush=True)
        (given.out / "reports.json").write_text(
            json.dumps(reports, indent=1, ensure_ascii=False), "utf-8"
        )
        for problem in [p for r in reports[name] for p in wrong(name, r)]:
            print("   ", problem)
        if given.ends:
            said = {label for r in reports[name] for _, label, _ in r.get("said", ())}
            print("    not said:", *sorted(set(make.defaults["labels"]) - said))
    return reports


def wrong(name, found):
    """What is wrong with one picture: sentences."""
    make = importlib.import_module(f"figures.{name}").make
    where = f"{name} {found['what']} {found['options']} {found.get('look', '')}: "
    if "error" in found:
        return [where + found["error"]]
    problems = []
    if found["smallest"] < 14 - 1e-9:
        problems.append(f"a text of {found['smallest']:.1f} points")
    if found["size"][0] > 13.34 or found["size"][1] > 7.5:
        problems.append(f"larger than a slide: {found['size']}")
    if not 0.005 < found["ink"] < 0.9:
        problems.append(f"{found['ink']:.1%} of the picture are drawn")
    problems += [f"cut: {words!r}" for words in found["outside"]]
    problems += [f"on each other: {a!r} and {b!r}" for a, b in found["overlaps"]]
    problems += [f"a line runs through {words!r}" for words in found["crossed"]]
    problems += [f"beyond the limits: {what}" for what in found["unseen"]]
    problems += [f"at a curve of another colour: {words!r}" for words in found["astray"]]
    problems += [f"contrast {ratio} : 1 of {what}" for what, ratio in found["faint"]]
    for text, label, places in found["said"]:
        for key, value in places.items():
            expected = str(found["options"].get(key, make.defaults.get(key)))
            if key in make.options and not same_number(value, expected):
                problems.append(f"{label} says {text!r}, but {key} is {expected}")
    others = (beside(words, found["said"]) for words in found["texts"])
    problems += [f"{words!r} is not among the LABELS" for words in others if words]
    return [where + problem for problem in problems]


def same_number(said, expected):
    r"""Is the text 0.3333, 1/3 or \frac{1}{3} what an option is?"""
    found = re.fullmatch(r"(-?)\\frac\{(\d+)\}\{(\d+)\}", said)
    if found:
        said = f"{found[1]}{int(found[2]) / int(found[3])}"
    try:
        return np.isclose(float(said), float(expected), rtol=1e-3, atol=0)
    except ValueError:
        return said.replace(" ", "") in (
            expected.replace(" ", ""),
            expected.strip("()").replace(" ", ""),
        )


if __name__ == "__main__":
    main()
