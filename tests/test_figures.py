"""Figures say what is so, whatever a lecturer varies, and can be read in every style and size."""

import json
import re
import shutil
import struct
import sys
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from conftest import ROOT, run
from PIL import Image, ImageSequence

from dynsys_nn import plotting
from figures import LECTURE, NAMES, SLOW, TOGETHER, switching_parameters
from figures import __main__ as command
from figures.__main__ import main, make_of
from figures.drawing import (
    Choice,
    Number,
    Several,
    Whole,
    Words,
    figure,
    fraction,
    power,
    ratio,
    shown,
)
from figures.drawing.saving import draw, style


@pytest.mark.parametrize("name", NAMES)
def test_no_label_has_a_number_that_an_option_could_change(name):
    """But for names, RK4 or class 0, and those of formulas: others are filled in."""
    for key, words in make_of(name).defaults["labels"].items():
        prose = "".join(pictures.PLACE.sub("", words).split("$")[::2])
        names = r"1-Lipschitz|RK45?|class [01]|from 0|^0$"
        assert not any(c.isdigit() for c in re.sub(names, "", prose)), (key, words)


def test_what_is_wrong_with_a_picture_is_seen():
    with style("dark"):
        fig, ax = plt.subplots(figsize=(6, 4))
        ax.set(xlim=(0, 1), ylim=(0, 1), title="all is well")
        [line] = ax.plot([0, 1], [0.05, 0.1])
        fig.canvas.draw()
        seen = pictures.outside, pictures.overlaps, pictures.crossed, pictures.faint
        assert [look(fig) for look in seen] == [[], [], [], []]
        assert "all is well" in [words for words, _, _ in pictures.texts(fig)]
        ax.text(0.95, 0.5, "too far on the right")
        ax.text(0.4, 0.5, "one"), ax.text(0.4, 0.52, "two")
        ax.text(0.5, 0.04, "behind a line")
        ax.plot([0.1, 0.2], [0.8, 0.9], color="0.2", label="faint")
        ax.plot([0.1, 0.2], [0.9, 0.8], alpha=0.2, label="thinned")
        ax.fill_between([0, 0.1], 0.3, 0.4, color="0.15", label="area")
        fig.set_layout_engine("none")
        fig.canvas.draw()
        assert pictures.outside(fig) == ["too far on the right"]
        for x, y in ((-0.02, 0.5), (1.02, 0.5), (0.5, -0.02), (0.5, 1.02)):
            beyond = fig.text(x, y, "beyond", ha="center", va="center")
            assert pictures.outside(fig) == ["beyond", "too far on the right"], (x, y)
            beyond.remove()
        assert pictures.overlaps(fig) == [("one", "two")]
        assert pictures.crossed(fig) == ["behind a line"]
        ax.text(0.6, 0.7, "covered", color="C1"), ax.plot([0.65], [0.72], "o")
        ax.text(0.95, 0.3, "not to be seen", visible=False)
        assert pictures.crossed(fig) == ["behind a line", "covered"]
        assert pictures.outside(fig) == ["too far on the right"]
        assert {what.split()[-1] for what, _ in pictures.faint(fig)} == {"faint", "thinned", "area"}
    plt.close(fig)


def test_a_curve_beyond_the_limits_and_a_name_at_another_curve_are_seen():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.set(xlim=(0, 1), ylim=(0, 1), title="it")
    for k, y in enumerate((0.2, 0.8)):
        ax.plot([-9, 9], [y, y], color=f"C{k}")
        ax.scatter([0.5], [y], color=f"C{k}")
        ax.text(0.3, y, f"at {k}", color=f"C{k}", va="bottom")
    assert pictures.unseen(fig) == [] == pictures.astray(fig)
    ax.plot([0.2, 0.3], [1.5, 1.6], color="C2"), ax.scatter([2], [0.5], color="C3")
    ax.texts[0].set_y(0.7)
    green, pink = map(plt.matplotlib.colors.to_hex, ("C2", "C3"))
    assert pictures.unseen(fig) == [
        f"Line2D in {green} of 'it'", f"PathCollection in {pink} of 'it'"]  # fmt: skip
    assert pictures.astray(fig) == ["at 0"]
    plt.close(fig)


def test_all_that_is_wrong_is_told():
    fine = {
        "what": "", "options": {}, "smallest": 14.2, "size": (13.3, 7.4), "ink": 0.1, "said": [], "texts": ["0.5"],
        **dict.fromkeys(("outside", "overlaps", "crossed", "faint", "unseen", "astray"), []),
    }  # fmt: skip
    assert pictures.wrong("cfl", fine) == []
    for key, value, words in (
        ("smallest", 13.9, "a text of 13.9 points"), ("size", (13.5, 7), "larger than a slide"),
        ("size", (13, 7.6), "larger than a slide"), ("ink", 0.001, "0.1% of the picture"),
        ("ink", 0.95, "95.0% of the picture"), ("outside", ["a"], "cut: 'a'"), ("overlaps", [("a", "b")], "on each other: 'a' and 'b'"),
        ("crossed", ["a"], "a line runs through 'a'"), ("faint", [("a", 2)], "contrast 2 : 1 of a"),
        ("unseen", ["a"], "beyond the limits: a"), ("astray", ["a"], "of another colour: 'a'"),
        ("texts", ["a"], "'a' is not among"), ("error", "a warning", "a warning"),
        ("said", [["α = 3", "it", {"alpha": "3"}]], "it says 'α = 3', but alpha is 1"),
    ):  # fmt: skip
        [said] = pictures.wrong("cfl", {**fine, key: value})
        assert words in said
    for said, true in ((r"\frac{1}{3}", True), (r"-\frac{1}{3}", False), (r"\frac{2}{3}", False)):
        assert pictures.same_number(said, str(1 / 3)) == true


def test_a_warning_is_an_error():
    make = types.SimpleNamespace(make=figure()(warns))
    with mock.patch.dict(sys.modules, {"figures.it": make}), pytest.raises(UserWarning):
        pictures.report("it", {}, True)
    plt.close("all")


def warns(quick=False, *, figsize=(6, 4), labels={}):  # noqa: B006
    warnings.warn("not so", stacklevel=1)
    return plt.figure(figsize=figsize)


def test_a_number_that_an_option_contradicts_is_seen(monkeypatch):
    """A title that says ½ whatever the slope is, and a word beside LABELS."""
    LABELS = {"title": "m = <slope>", "x": "$x$"}

    @figure(slope=Number(0, 1, "a slope"))
    def make(quick=False, *, slope=0.5, figsize=(6, 4), labels=LABELS):
        fig, ax = plt.subplots(figsize=figsize)
        ax.set(title=labels("title", slope=0.5), xlabel=labels("x"), ylabel="beside")
        return fig

    monkeypatch.setitem(sys.modules, "figures.it", types.SimpleNamespace(make=make))
    usual = {"what": "", **pictures.report("it", {}, True)}
    varied = {"what": "", **pictures.report("it", {"slope": 0.2}, True)}
    assert [p.split("lecture: ")[1] for p in pictures.wrong("it", usual)] == [
        "'beside' is not among the LABELS"
    ]
    said = [p.split("lecture: ")[1] for p in pictures.wrong("it", varied)]
    assert set(said) == {
        "title says 'm = 0.5', but slope is 0.2",
        "'beside' is not among the LABELS",
    }


# ---- options


def test_options_refuse_what_is_out_of_range_and_say_the_range():
    NO_LABELS, kinds = {}, {
        "slope": Number(0.1, 0.9, "the slope"), "layers": Whole(1, 9, "layers"),
        "method": Choice(("Euler", "RK4"), "the method"),
        "depths": Several(Whole(1, 99, "layers"), 1, 3),
    }  # fmt: skip

    @figure(**kinds)
    def make(
        quick=False,
        *,
        slope=0.5,
        layers=3,
        method="Euler",
        depths=(1, 2),
        figsize=(6, 4),
        labels=NO_LABELS,
    ):
        return slope, layers, method, depths, figsize, quick

    assert make() == (0.5, 3, "Euler", (1, 2), (6.0, 4.0), False)
    assert make(True, slope=np.float32(0.25), layers=np.int64(2), depths=[4], figsize=[7, 5])[1:] == (
        2, "Euler", (4,), (7.0, 5.0), True,
    )  # fmt: skip
    for wrong, words in (
        (dict(slope=1), "slope is a number from 0.1 to 0.9: the slope; got 1"),
        (dict(slope="a"), "got 'a'"), (dict(slope=float("nan")), "got nan"), (dict(slope=True), "got True"),
        (dict(layers=2.5), "layers is a whole number from 1 to 9: layers; got 2.5"),
        (dict(layers=0), "got 0"), (dict(layers=True), "got True"),
        (dict(method="euler"), "method is one of Euler, RK4: the method; got 'euler'"),
        (dict(depths=()), "1 to 3 values, each a whole number from 1 to 99"),
        (dict(depths=3), "got 3"), (dict(depths="123"), "got '123'"), (dict(depths=(1, 200)), "got 200"),
        (dict(figsize=(100, 1)), "figsize is a number from 2 to 40: inches; got 100"),
        (dict(labels={"titel": ""}), "unknown label titel"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(words)):
            make(**wrong)
    with pytest.raises(TypeError, match="unknown option slop; there are slope, layers, method"):
        make(slop=0.5)
    with pytest.raises(TypeError, match="'h'"):
        figure(h=Number(0, 1, "a step"))(lambda quick=False, figsize=(6, 4), labels={}: None)
    assert "slope=1/2: a number from 0.1 to 0.9: the slope" in make.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_default_within_its_range_and_a_meaning(name):
    make = make_of(name)
    for key, kind in make.options.items():
        assert kind(key, make.defaults[key]) is not None and kind.what, key
        assert key == "labels" or kind(key, kind.read(shown(make.defaults[key]))) is not None
    (_, usual), (_, varied) = pictures.variations(make)
    assert usual == {} and set(varied) == set(make.options) - {"figsize", "labels"}
    assert all(value != make.defaults[key] for key, value in varied.items())


def test_words_fill_their_places():
    words = Words(title="$h = <h>$, <n:d> steps of <x:.1f>, <name>", plain="a < b")
    said = words("title", h=ratio(4 / 3), n=12, x=0.25, name="Euler")
    assert said == r"$h = \frac{4}{3}$, 12 steps of 0.2, Euler" and words("plain") == "a < b"
    assert Words(v="<v>")("v", v=0.123456) == "0.1235"
    with pytest.raises(KeyError, match="h"):
        words("title", n=1)
    assert [fraction(v) for v in (4 / 3, 2.0, -0.5, 0.123456)] == ["4/3", "2", "-1/2", "0.1235"]
    assert [ratio(v) for v in (-1 / 3, 7.0)] == [r"-\frac{1}{3}", "7"]
    assert power(2.1e-6) == r"2\cdot10^{-6}"


def test_another_language_is_one_argument(tmp_path):
    german = {"activation": r"die Aktivierung $\sigma$", "slope": "Steigung $<m>$"}
    fig = make_of("leaky_slopes")(labels=german, slope=0.2)
    said = [t.get_text() for t in fig.findobj(plt.Text)]
    assert r"die Aktivierung $\sigma$" in said and r"Steigung $\frac{1}{5}$" in said
    plt.close(fig)
    path = tmp_path / "german.json"
    path.write_text(json.dumps(german), "utf-8")
    assert make_of("leaky_slopes").options["labels"].read(str(path)) == german


# ---- the command line


def test_command_line_lists_draws_and_refuses(tmp_path, capsys):
    main(["--list"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in NAMES) and "piecewise constant" in listed
    assert "slope=1/2  a number from" in listed
    folder = tmp_path / "new" / "folder"
    main(["leaky_slopes", "slope=0.2", "h=6/5", "--format", "svg", "--out", str(folder), "--quick"])
    svg = (folder / "leaky_slopes.svg").read_text("utf-8")
    assert svg.startswith("<?xml") and "leaky_slopes.svg" in capsys.readouterr().out
    main(["leaky_slopes", "--out", str(folder), "--style", "dark", "--size", "8x3.2"])
    image = plt.imread(folder / "leaky_slopes.png")
    assert image.shape[:2] == (320, 800) and image[0, 0, :3].max() < 0.2
    for arguments, words in (
        (
            ["resnet_is_eular"],
            "unknown figure resnet_is_eular; there are resnet_is_euler, switching",
        ),
        (["leaky_slopes", "slope=2"], "leaky_slopes: slope is a number from 0.1 to 0.9"),
        (["leaky_slopes", "slope=a"], "got 'a'"),
        (["leaky_slopes", "slop=1"], "leaky_slopes has no option slop; it has slope, h"),
        (["slope=0.2"], "which figure takes slope? Name it before its options"),
        (["leaky_slopes", "labels=none.json"], "none.json"),
        (
            ["leaky_slopes", "labels=x"],
            "labels are read from a JSON file of a dict of texts, got 'x'",
        ),
        (["leaky_slopes", "--format", "jpeg"], "unknown format jpeg; there are png, pdf, svg, gif"),
        (["leaky_slopes", "--size", "1x1"], "--size is a number from 2 to 40: inches; got 1"),
        (["leaky_slopes", "--size", "big"], "--size is 2 values"),
        (["leaky_slopes", "--font", "Nowhere Sans"], "the font 'Nowhere Sans' is not found here"),
        (["--live", "memory"], "no live figure memory; there are "),
    ):
        with pytest.raises(SystemExit) as refusal:
            main(arguments)
        assert refusal.value.code == 2 and words in capsys.readouterr().err, arguments


def test_mp4_without_ffmpeg_is_refused_before_anything_is_trained(tmp_path, capsys):
    with plt.rc_context({"animation.ffmpeg_path": "no such program"}), pytest.raises(SystemExit):
        main(["point_separation", "--format", "mp4", "--out", str(tmp_path)])
    assert "mp4 needs the program ffmpeg" in capsys.readouterr().err and not list(
        tmp_path.iterdir()
    )


def test_a_script_is_a_figure_and_the_lecture_decides_the_order(tmp_path):
    scripts = {path.stem for path in (ROOT / "figures").glob("*.py")} - {"__init__", "__main__"}
    assert NAMES[: len(LECTURE)] == LECTURE and set(NAMES) == scripts and len(NAMES) == len(scripts)
    assert set(SLOW) <= scripts and {name for group in TOGETHER for name in group} <= scripts
    ignored = shutil.ignore_patterns("out", "__pycache__")
    shutil.copytree(ROOT / "figures", tmp_path / "figures", ignore=ignored)
    (tmp_path / "figures" / "a_new_one.py").write_text('"""A script is enough."""\n')
    done = run("-c", "import figures; print(figures.NAMES[-1], len(figures.NAMES))", cwd=tmp_path)
    assert done.stdout.split() == ["a_new_one", str(len(NAMES) + 1)], done.stderr


def test_each_figure_is_drawn_once_and_those_that_share_a_training_by_one_process(monkeypatch):
    class Serial(ThreadPoolExecutor):
        def __init__(self, jobs, *_, **__):
            super().__init__(1)

    monkeypatch.setattr(command, "ProcessPoolExecutor", Serial)
    begun = []
    drawn = [
        task
        for task, *_ in command.side_by_side(
            list(NAMES), lambda name: begun.append(name) or [name], 2
        )
    ]
    assert sorted(name for task in drawn for name in task) == sorted(NAMES)
    assert [task for task in drawn if len(task) > 1] == [list(group) for group in TOGETHER]
    assert [name for name in begun if name in SLOW or name not in TOGETHER[0]][: len(SLOW)] == list(
        SLOW
    )
    few = list(command.side_by_side([TOGETHER[0][1], "cfl"], lambda name: [name], 2))
    assert sorted(paths for _, paths, _ in few) == sorted([[TOGETHER[0][1]], ["cfl"]])


def test_the_command_asks_for_what_it_was_told_and_counts(monkeypatch, capsys, tmp_path):
    asked = {}
    monkeypatch.setattr(command, "draw", lambda name, **how: asked.update({name: how}) or [name])
    told = "slope=0.2 --quick --style print --size 8x4 --format pdf,gif --jobs 1"
    main(["leaky_slopes", *told.split(), "--font", "DejaVu Serif", "--out", str(tmp_path)])
    files = dict(out=tmp_path, format="pdf,gif", look="print", size=(8.0, 4.0))
    assert asked == {"leaky_slopes": dict(files, font="DejaVu Serif", quick=True, slope=0.2)}
    monkeypatch.setattr(command, "side_by_side", lambda *_: [(["a", "b"], [], 1), (["c"], [], 1)])
    main(["cfl", "memory", "presnov", "--jobs", "2"])
    assert re.findall(r"\[.*?\]", capsys.readouterr().out) == ["[1/1]", "[2/3]", "[3/3]"]


# ---- looks and files


@pytest.fixture
def moving(monkeypatch):
    """A figure with an animation of three frames, that keeps what it was asked for."""
    asked = []

    def still(quick=False, *, side=0.5, figsize=(6, 4), labels={}):  # noqa: B006
        asked.append((quick, side, plt.rcParams["font.size"]))
        return plt.figure(figsize=figsize)

    def animate(quick=False, *, side=0.5, figsize=(3, 4), labels={}):  # noqa: B006
        asked.append((quick, side, plt.rcParams["font.size"]))
        fig = plt.figure(figsize=figsize)
        fig.set_layout_engine("none")
        square = fig.add_artist(plt.Rectangle((0, 0), side, side, color="C0"))
        states = [np.tile([x, 0.0], (2, 1)) for x in (0.0, 1.0)]
        animation = plotting.animate_flow(
            states, np.arange(2), fig, fig.add_axes((0, 0, 1, 1)), between=2, hold=0, interval=125
        )
        fig.axes[0].set_axis_off()
        move = animation._func
        animation._func = lambda t: (square.set_x(t / 2), *move(t))
        return animation

    side = Number(0, 1, "of a square")
    module = types.SimpleNamespace(
        make=figure(side=side)(still), animate=figure(side=side)(animate)
    )
    monkeypatch.setitem(sys.modules, "figures.moving", module)
    return asked


def test_an_animation_is_saved_frame_by_frame_in_all_formats(tmp_path, moving, monkeypatch):
    """The same bytes on two days, with the options, and in the size, that were asked for."""
    ffmpeg = shutil.which("ffmpeg") is not None
    formats = "gif,html,pdf" + ",mp4" * ffmpeg
    days = []
    for day in ("1", "2"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", day + "00000")
        options = dict(quick=True, size=(2.5125, 2), side=0.25)
        paths = draw("moving", tmp_path / day, formats, **options)
        names = "moving.pdf", "moving.gif", "moving.html", "moving_frames.pdf"
        assert [path.name for path in paths] == [*names, *["moving.mp4"] * ffmpeg]
        days.append({path.name: path.read_bytes() for path in paths})
    assert days[0] == days[1] and not plt.get_fignums()
    with style():
        size = plt.rcParams["font.size"]
    assert moving[:2] == [(True, 0.25, 2.5125 / 6 * size), (True, 0.25, size / 2)]
    files = days[0]
    with Image.open(tmp_path / "1" / "moving.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (3, (201, 160), 120)
        frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(gif)]
    blue = [int(np.flatnonzero(frame[-10] < 200).min()) for frame in frames]
    assert blue[0] < blue[1] < 201 and len({frame.tobytes() for frame in frames}) == 3
    assert files["moving_frames.pdf"].count(b"/Type /Page ") == 3
    assert files["moving_frames.pdf"].rstrip().endswith(b"%%EOF")
    if ffmpeg:  # as long as the three frames at their pace
        film = files["moving.mp4"]
        unit, length = struct.unpack_from(">II", film, film.index(b"mvhd") + 16)
        assert length / unit == pytest.approx(3 * 0.125, abs=0.002)
    page = files["moving.html"].decode()
    assert page.count("data:image/png;base64") == 3 and 'id="_anim_imgmoving"' in page


def test_formats_are_those_asked_for_and_a_still_is_there_in_any_case(tmp_path, moving):
    assert [path.name for path in draw("moving", tmp_path, "gif")] == ["moving.png", "moving.gif"]
    still = ["moving.png", "moving.svg", "moving.gif"]
    assert [path.name for path in draw("moving", tmp_path, "png,svg")] == still
    assert plt.imread(tmp_path / "moving.png").shape[:2] == (400, 600)
    assert {(quick, side) for quick, side, _ in moving} == {(False, 0.5)}


def test_drawing_leaves_no_settings_and_no_open_figure(tmp_path):
    before = dict(plt.rcParams)
    drawn = draw(
        "leaky_slopes", tmp_path, quick=True, look="dark", size=(8, 4), font="DejaVu Serif"
    )
    assert drawn == [tmp_path / "leaky_slopes.png"]
    assert dict(plt.rcParams) == before and not plt.get_fignums()


def test_same_seed_same_bytes(tmp_path, monkeypatch):
    """Trained anew, and on two days: Matplotlib takes SOURCE_DATE_EPOCH for the date of a file."""
    for name, formats in (("switching_parameters", "png"), ("leaky_slopes", "pdf,svg")):
        drawn = []
        for day in ("1", "2"):
            monkeypatch.setenv("SOURCE_DATE_EPOCH", day + "00000")
            switching_parameters.train.cache_clear()
            paths = draw(name, tmp_path / day, formats, quick=True)
            drawn.append([path.read_bytes() for path in paths])
        assert len(drawn[0]) == len(formats.split(",")) and drawn[0] == drawn[1]


def test_no_figure_takes_a_random_number_without_a_seed():
    for path in (ROOT / "figures").rglob("*.py"):
        unseeded = r"default_rng\(\)|rng=None|np\.random\.(?!default_rng\()\w+|import random"
        assert not re.findall(unseeded, path.read_text("utf-8")), path.name


def test_two_processes_draw_what_one_draws(tmp_path, capsys):
    names = "leaky_slopes", "adjoint_check"
    for jobs in ("1", "2"):
        main([*names, "--quick", "--jobs", jobs, "--out", str(tmp_path / jobs)])
        assert "2 figures in" in capsys.readouterr().out
    for name in names:
        one, two = ((tmp_path / jobs / f"{name}.png").read_bytes() for jobs in "12")
        assert one == two


def test_text_and_lines_grow_with_the_picture():
    """Half the size, half the points: at twice the dots per inch, the same picture."""
    drawn = []
    for scale in (1, 0.5):
        with style("lecture", scale=scale):
            fig = plt.figure(figsize=(5 * scale, 4 * scale), dpi=50 / scale, layout="none")
            ax = fig.add_axes((0.25, 0.25, 0.5, 0.5), xscale="log", title="a title", ylabel="y")
            ax.plot([1, 10, 30], [0, 1, 2], "o-"), ax.bar([3], [1], edgecolor="C1")
            fig.canvas.draw()
            drawn.append(np.asarray(fig.canvas.buffer_rgba()).astype(float))
            plt.close(fig)
    assert np.abs(drawn[0] - drawn[1]).mean() < 0.1


def test_a_font_is_embedded_as_truetype(tmp_path):
    """Type 3 fonts are refused by publishers, and blurred by some viewers."""
    pdf = draw("leaky_slopes", tmp_path, "pdf", font="DejaVu Serif")[0].read_bytes()
    assert b"DejaVuSerif" in pdf and b"/Type3" not in pdf and b"/CIDFontType2" in pdf
