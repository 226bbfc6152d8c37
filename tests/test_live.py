"""A live figure shows what its sliders say, and all of it, however they are moved."""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from conftest import ROOT, WASM
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text

from dynsys_nn.plotting import STYLES
from figures import live
from figures.__main__ import main
from figures.live import attack


@pytest.fixture(scope="module", params=live.NAMES)
def window(request):
    """A live figure above its sliders, on Agg."""
    with plt.rc_context(), warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("error")
        patch.setattr(attack, "GRID", np.linspace(0, 0.8, 9))  # where the slider stops, below
        yield live.window(request.param, show=False)
        plt.close("all")


def pixels(window):
    return np.asarray(window.fig.canvas.buffer_rgba()).copy()


def drawn_anew(window):
    """The pixels of a full drawing, without layers."""
    layers, window.stage.layers = window.stage.layers, []
    moving = [artist for layer in layers for artist in layer.artists]
    for artist in moving:
        artist.set_animated(False)
    window.fig.canvas.draw()
    drawn = pixels(window)
    for artist in moving:
        artist.set_animated(True)
    window.stage.layers = layers
    for layer in layers:  # on the grounds that they have kept
        layer.draw()
    return drawn


def equal(one, other):
    """In WebAssembly the edge of an image may be rounded another way: by nothing that can be seen."""
    return np.abs(one.astype(int) - other).max() <= (16 if WASM else 0)


def outside(stage):
    """What moves and has left its Axes, or the picture."""
    found = []
    for artist in stage.layers[0].artists:
        if not artist.get_visible():
            continue
        if isinstance(artist, Text):
            box, frame = artist.get_window_extent(), stage.fig.bbox
            corners = box.get_points() if artist.get_text().strip() else np.zeros((0, 2))
        elif isinstance(artist, Line2D):
            frame, corners = artist.axes.bbox, artist.get_transform().transform(artist.get_xydata())
        elif isinstance(artist, PathCollection):
            frame = artist.axes.bbox
            corners = artist.get_offset_transform().transform(artist.get_offsets())
        else:
            continue
        low, high = frame.get_points()
        corners = corners[np.isfinite(corners).all(axis=1)]  # others part the pieces of a line
        if not ((corners >= low - 2) & (corners <= high + 2)).all():
            found.append(artist)
    return found


def test_every_slider_moves_the_picture_over_its_whole_range_and_nothing_leaves_it(window):
    """And each caption is one line, that fits, and says what is shown."""
    for slider in window.sliders:
        seen, captions = [], []
        for position in (slider.valmin, slider.valmax):
            slider.set_val(position)
            seen.append(pixels(window))
            [said] = window.caption.artists
            captions.append(said.get_text())
            assert said.get_window_extent().x1 < window.fig.bbox.x1 and "\n" not in captions[-1]
            now = {s.control.name: s.control.value(s.val) for s in window.sliders}
            assert window.stage.values == now and window.stage.update(**now) == captions[-1]
            assert outside(window.stage) == [], (slider.control.name, slider.val, captions[-1])
        assert not np.array_equal(seen[0], seen[-1]), slider.control.name
        slider.reset()
    for slider in window.sliders[::2]:  # the others are where they began
        slider.set_val(slider.valmax)
    assert equal(pixels(window), drawn_anew(window))
    for slider in window.sliders:
        slider.reset()


def test_what_a_slider_says_is_its_value_as_text_and_in_numbers(window):
    for slider in window.sliders:
        control, slider.eventson = slider.control, False  # nothing needs to be drawn
        for position in (slider.valmax, slider.valmin, slider.valinit):
            slider.set_val(position)
            said, value = slider.valtext.get_text(), control.value(position)
            assert said == value if control.names else float(said) == pytest.approx(value, rel=1e-3)
        slider.eventson = True
        values = [control.value(p) for p in (control.least, control.first, control.most)]
        kind = str if control.names else int if control.whole else float
        assert all(type(value) is kind for value in values)


def test_keys_move_a_slider_and_choose_another(window):
    """Those of a clicker, too; at the end of its range it stays."""

    def press(key):
        window.key(KeyEvent("key_press_event", window.fig.canvas, key))

    first, start = window.sliders[0], window.sliders[0].val
    window.choose(0)
    press("right")
    assert first.val == pytest.approx(start + first.control.step()) or start == first.valmax
    press("pageup")
    assert first.val == pytest.approx(start) or start == first.valmax
    first.set_val(first.valmin + 1.5 * first.control.step())
    for _ in range(3):
        press("left")
    assert first.val == first.valmin
    first.reset()
    press("down")
    assert window.chosen == 1 % len(window.sliders)
    others = [s.val for s in window.sliders]
    chosen, start = window.sliders[window.chosen], others[window.chosen]
    press("left" if start > chosen.valmin else "right")
    moved = [s is chosen and chosen.val != start for s in window.sliders]
    assert moved == [s.val != val for s, val in zip(window.sliders, others, strict=True)]
    assert moved[window.chosen] and window.sliders[window.chosen].reset() is None
    assert [s.label.get_fontweight() for s in window.sliders].index("bold") == window.chosen
    press("up")
    assert window.chosen == 0 and press("x") is None


def test_the_mouse_moves_a_slider_and_chooses_it(window):
    slider, canvas = window.sliders[-1], window.fig.canvas
    box = slider.ax.bbox
    at = box.x0 + 0.6 * box.width, (box.y0 + box.y1) / 2
    for event in ("button_press_event", "button_release_event"):
        MouseEvent(event, canvas, *at, button=1)._process()
    there = slider.valmin + 0.6 * (slider.valmax - slider.valmin)
    assert slider.val == pytest.approx(there, abs=0.6 if slider.control.whole else 0.02)
    assert window.chosen == len(window.sliders) - 1
    assert [s.label.get_fontweight() for s in window.sliders].index("bold") == window.chosen
    slider.reset()
    window.key(KeyEvent("key_press_event", canvas, "down"))
    assert window.chosen == 0


@pytest.mark.parametrize("name", live.NAMES)
def test_a_live_figure_can_be_read_in_the_dark_and_on_paper(name, monkeypatch):
    monkeypatch.setattr(attack, "GRID", np.linspace(0, 0.8, 9))
    with plt.rc_context():
        plt.style.use(STYLES["dark"])
        fig = live.still(name)
        fig.canvas.draw()
        assert pictures.faint(fig) == [] and pictures.outside(fig) == []
        assert min(points for _, points, _ in pictures.texts(fig)) >= 14
        plt.close(fig)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("leaky_slopes", dict(n=3), "leaky_slopes has no control n; it has m, h"),
        ("leaky_slopes", dict(m=5), "m is a number from 0 to 1: where its slider goes; got 5"),
        ("leaky_slopes", dict(m="a"), "got 'a'"),
        ("resnet_is_euler", dict(depth=8.5), "depth is a whole number from 4 to 64"),
        ("resnet_is_euler", dict(method="euler"), "method is one of Euler, Heun, RK4"),
        ("stage", {}, "no live figure stage; there are attack, contraction_region"),
    ],
)
def test_what_no_slider_can_say_is_refused(name, values, words, capsys):
    """By a still, a window, and the command line, and no figure is left behind."""
    there = plt.get_fignums()
    for refuses in (live.still, live.window):
        with pytest.raises(ValueError, match=re.escape(words)):
            refuses(name, **values)
    with pytest.raises(SystemExit):
        main(["--live", name, *(f"{key}={value}" for key, value in values.items())])
    assert words[:-1] in capsys.readouterr().err and plt.get_fignums() == there


def test_a_live_figure_speaks_another_language(tmp_path, capsys):
    german = {"activation": "die Aktivierung", "says": "<what>: höchstens × <bound:.2f>"}
    path = tmp_path / "german.json"
    path.write_text(json.dumps(german), "utf-8")
    with plt.rc_context():
        main(["--live", "leaky_slopes", f"labels={path}", "h=2.5"])
        window = plt.gcf().live
        assert window.said.get_text() == "some distances grow: höchstens × 1.50"
        fig = live.still("leaky_slopes", labels=german)
        assert fig.axes[0].get_title() == "die Aktivierung"
        plt.close(fig)
        plt.close(window.fig)
    capsys.readouterr()
    with pytest.raises(ValueError, match="the label 'says' cannot say <h>, only <bound>, <what>"):
        live.window("leaky_slopes", labels={"says": "<h>"})


def test_a_window_begins_where_it_is_told(capsys):
    with plt.rc_context():
        main(["--live", "resnet_is_euler", "method=RK4", "depth=5"])
        assert "a live figure needs a window" in capsys.readouterr().out
        window = plt.gcf().live
        assert window.stage.values == {"depth": 5, "T": 5.0, "method": "RK4"}
        assert [s.valtext.get_text() for s in window.sliders] == ["5", "5", "RK4"]
        assert window.said.get_text().startswith("5 RK4 layers")
        window.sliders[0].set_val(6)
        assert window.said.get_text().startswith("6 RK4 layers")
        plt.close("all")
    for wrong, words in (
        (["--live", "leaky_slopes", "memory"], "it does not go with memory"),
        (["--live", "leaky_slopes", "--style", "grey"], "invalid choice: 'grey'"),
    ):
        with pytest.raises(SystemExit):
            main(wrong)
        assert words in capsys.readouterr().err
    with pytest.raises(ValueError, match="style is one of lecture, dark, print"):
        live.window("leaky_slopes", "grey")


def test_in_another_size_the_picture_is_drawn_on_another_ground():
    with plt.rc_context():
        window = live.window("leaky_slopes", show=False)
        window.fig.set_size_inches(9, 5)
        window.fig.canvas.draw()
        for slider in window.sliders:
            slider.set_val(slider.valmax)
        assert equal(pixels(window), drawn_anew(window))
    plt.close("all")


def test_a_still_is_where_its_controls_say():
    fig = live.still("resnet_is_euler", depth=20, T=2.0, method="RK4")
    curves = [len(line.get_xdata()) for line in fig.axes[0].lines]
    assert curves[-1] == 21 and fig.axes[1].lines[-1].get_xdata()[0] == 20
    plt.close(fig)


def test_a_window_that_nobody_holds_stays_and_keeps_its_style():
    before = dict(plt.rcParams)
    main(["--live", "leaky_slopes", "--style", "dark"])
    fig = plt.gcf()
    assert sum(fig.get_facecolor()[:3]) < 0.6
    gc.collect()  # nobody holds the window now
    seen = np.asarray(fig.canvas.buffer_rgba()).copy()
    fig.canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", fig.canvas, "left"))
    assert not np.array_equal(np.asarray(fig.canvas.buffer_rgba()), seen)
    plt.close("all")
    plt.rcParams.update(before)


IN_A_WINDOW = """
import sys, time
import matplotlib.pyplot as plt
from matplotlib.backend_bases import KeyEvent
from figures import live

def width():
    return window.said.get_window_extent().width / window.fig.bbox.width

window = live.window(sys.argv[1], show=False)
plt.show(block=False)
plt.pause(0.05)
assert plt.get_backend().lower() == "tkagg", plt.get_backend()
moved = 0
for slider in window.sliders:
    for step in range(10):
        slider.set_val(slider.valmin + (slider.valmax - slider.valmin) * step / 9)
        window.fig.canvas.flush_events()
        moved += 1
before = width()
window.fig.canvas.manager.resize(900, 600)
plt.pause(0.05)
assert abs(width() / before - 1) < 0.05, "the text has grown with the window"
slider.set_val(slider.valinit)
print(moved, window.caption.artists[0].get_text())
KeyEvent("key_press_event", window.fig.canvas, "q")._process()
assert not plt.get_fignums(), "q closes the window"
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("Xvfb"), reason="there is no Xvfb here"
)
def test_in_a_real_window_the_sliders_move_the_picture():
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    display = f":{90 + os.getpid() % 1000}"
    screen = subprocess.Popen(
        ["Xvfb", display, "-screen", "0", "1600x1000x24"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(50):
            if os.path.exists(f"/tmp/.X11-unix/X{display[1:]}"):
                break
            time.sleep(0.1)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", IN_A_WINDOW, "leaky_slopes"], cwd=ROOT, timeout=120, text=True,
            env={**os.environ, "DISPLAY": display, "MPLBACKEND": "TkAgg", "PYTHONPATH": str(ROOT)}, capture_output=True,
        )  # fmt: skip
    finally:
        screen.terminate()
        screen.wait()
    assert done.returncode == 0, done.stderr
    assert re.match(r"20 \S", done.stdout)
