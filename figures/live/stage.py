"""A live figure on a canvas: what stays is drawn once, and what moves on top of it."""

import importlib
import math
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.backend_bases import key_press_handler
from matplotlib.widgets import Slider

from dynsys_nn.plotting import STYLES, shade

from ..drawing import Choice, Labels, Number, Whole

SIZE, STRIP = (13, 7.3), 0.17
DPI = 80  # of a new window: it fits on a small laptop, and can be made larger
_modules = {path.stem for path in Path(__file__).parent.glob("[!_]*.py")}
NAMES = tuple(sorted(_modules - {"stage"}))


class Control:
    """What a slider moves: a number, a whole number, or one of some names."""

    def __init__(self, name, control):
        self.name, self.names = name, None
        if all(isinstance(value, str) for value in control):
            self.names, control = control, (0, len(control) - 1, 0)
        self.least, self.most, self.first = control
        self.whole = all(isinstance(value, int) for value in control)
        what = "where its slider goes"
        if self.names:
            self.option = Choice(self.names, what)
        else:
            self.option = (Whole if self.whole else Number)(self.least, self.most, what)

    def value(self, position):
        """The value that a slider's position means."""
        if self.names:
            return self.names[round(position)]
        return round(position) if self.whole else float(position)

    def position(self, value):
        """Where the slider is that means a value."""
        return self.names.index(value) if self.names else value

    def step(self):
        """How far an arrow key moves it."""
        return 1 if self.whole else (self.most - self.least) / 50

    def text(self, position):
        value = self.value(position)
        return value if isinstance(value, str) else f"{value:.4g}"


def controls_of(name):
    """The controls of a live figure, by name."""
    controls = module_of(name).CONTROLS
    return {key: Control(key, control) for key, control in controls.items()}


def values_of(name, given):
    """The values of all controls: the given ones, looked at, and the others' first."""
    controls = controls_of(name)
    unknown = ", ".join(key for key in given if key not in controls)
    if unknown:
        there = ", ".join(controls)
        raise ValueError(f"{name} has no control {unknown}; it has {there}")
    values = {key: c.value(c.first) for key, c in controls.items()}
    return values | {key: controls[key].option(key, given[key]) for key in given}


def words_of(name, given=None):
    """The words of a live figure: its LABELS, some of them given."""
    return Labels(module_of(name).LABELS)("labels", given or {})


def module_of(name):
    if name not in NAMES:
        raise ValueError(f"no live figure {name}; there are {', '.join(NAMES)}")
    return importlib.import_module(f"figures.live.{name}")


class Layer:
    """What moves in one part of a canvas, and the ground on which it does."""

    def __init__(self, canvas, box, artists):
        self.canvas, self.box, self.artists = canvas, box, artists
        for artist in artists:
            artist.set_animated(True)  # a full drawing leaves them out

    def keep(self):
        """Keep the ground, which has just been drawn."""
        self.ground = self.canvas.copy_from_bbox(self.box)

    def draw(self, restore=True):
        """Draw what moves, where it is now."""
        if restore:
            self.canvas.restore_region(self.ground)
        renderer = self.canvas.get_renderer()
        for artist in self.artists:
            artist.draw(renderer)


class Stage:
    """A live figure on `fig`: `show(**values)` moves it and returns its line of text.

    picture: the Figure or SubFigure on which it draws (default: `fig`); labels: some of
    its words; values: of its controls, at first. The layout is made once; what moves is
    found by moving it.
    """

    def __init__(self, name, fig, picture=None, labels=None, **values):
        self.fig, self.canvas, self.picture = fig, fig.canvas, picture or fig
        self.controls = controls_of(name)
        self.values = values_of(name, values)
        self.update = module_of(name).start(self.picture, words_of(name, labels))
        self.caption = self.update(**self.values)
        self.canvas.draw()
        fig.set_layout_engine("none")
        moving = sorted(self.find_moving(), key=lambda artist: artist.get_zorder())
        self.layers = [Layer(self.canvas, self.picture.bbox, moving)]
        self.canvas.mpl_connect("draw_event", self.drawn)

    def find_moving(self):
        """The artists that some control makes stale."""
        found, there = {}, list(self.artists())
        for artist in there:
            artist.stale = False
        for key, control in self.controls.items():
            for position in (control.least, control.most):
                self.update(**{**self.values, key: control.value(position)})
                self.update(**self.values)
                found |= dict.fromkeys(artist for artist in there if artist.stale)
        return found

    def artists(self):
        """Those that an update may move: all that is on the Axes, and their titles."""
        for ax in self.picture.axes:
            frame = {
                ax.patch,
                ax.xaxis,
                ax.yaxis,
                getattr(ax, "zaxis", None),
                *ax.spines.values(),
            }
            yield from (artist for artist in ax.get_children() if artist not in frame)

    def drawn(self, event=None):
        """After a full drawing: keep the grounds, and draw on them what moves."""
        for layer in self.layers:
            layer.keep()
        for layer in self.layers:
            layer.draw(restore=False)

    def show(self, **values):
        """Move the figure to these values of its controls; returns its line of text."""
        self.values |= values
        self.caption = self.update(**self.values)
        self.layers[0].draw()
        self.canvas.blit(self.picture.bbox)
        return self.caption


class Window:
    """A stage above a strip of sliders.

    ← and → move a slider (a clicker's Page Up and Page Down, too), ↑ and ↓ choose
    which, and so does the mouse that moves one. Text and lines grow with the window.
    """

    def __init__(self, name, fig, labels=None, **values):
        self.fig, self.chosen = fig, 0
        picture, strip = fig.subfigures(2, 1, height_ratios=(1 - STRIP, STRIP))
        above = strip.add_axes((0, 0.65, 1, 0.35))
        above.set_axis_off()
        look = dict(va="top", ha="left", fontsize="medium", transform=above.transAxes)
        self.said = above.text(0.02, 0.95, "", **look)
        controls, values = controls_of(name), values_of(name, values)
        self.sliders = [
            slider(strip, control, values[key], k, len(controls))
            for k, (key, control) in enumerate(controls.items())
        ]
        self.sliders[0].label.set_fontweight("bold")
        self.stage = Stage(name, fig, picture, labels, **values)
        self.said.set_text(self.stage.caption)
        self.caption = Layer(fig.canvas, above.bbox, [self.said])
        self.stage.layers += [self.caption, *(s.layer for s in self.sliders)]
        fig.canvas.draw()
        for k, s in enumerate(self.sliders):
            s.on_changed(partial(self.moved, k))
        manager = fig.canvas.manager
        if getattr(manager, "key_press_handler_id", None):
            fig.canvas.mpl_disconnect(manager.key_press_handler_id)  # where ← is "back"
        fig.canvas.mpl_connect("key_press_event", self.key)
        fig.canvas.mpl_connect("resize_event", self.resized)

    def moved(self, k, position):
        """The k-th slider has been moved there, by the mouse or by a key."""
        control = self.sliders[k].control
        caption = self.stage.show(**{control.name: control.value(position)})
        self.choose(k)
        if self.said.get_text() != caption:
            self.said.set_text(caption)
            self.draw(self.caption)

    def choose(self, k):
        """The k-th slider is the one that keys move: its name is bold."""
        before, self.chosen = self.chosen, k
        self.sliders[before].label.set_fontweight("normal")
        self.sliders[k].label.set_fontweight("bold")
        for one in {before, k}:
            self.draw(self.sliders[one].layer)

    def draw(self, layer):
        layer.draw()
        self.fig.canvas.blit(layer.box)

    def key(self, event):
        ways = {"right": 1, "pagedown": 1, "left": -1, "pageup": -1}
        if event.key in ("up", "down"):
            way = 1 if event.key == "down" else -1
            self.choose((self.chosen + way) % len(self.sliders))
        elif event.key in ways:
            chosen = self.sliders[self.chosen]
            there = chosen.val + ways[event.key] * chosen.control.step()
            chosen.set_val(min(max(there, chosen.valmin), chosen.valmax))
        else:
            key_press_handler(event)  # f fills the screen, s saves, q closes

    def resized(self, event):
        """Show all of the picture that there was, with more or fewer dots an inch."""
        size = self.fig.bbox.size
        dpi = max(1, min(size / SIZE))
        self.fig._set_dpi(dpi, forward=False)  # fig.dpi = … would resize the window
        self.fig.set_size_inches(size / dpi, forward=False)


def slider(strip, control, value, k, n):
    """The k-th of n sliders of a strip: in a row, or in two if they are many."""
    columns = math.ceil(n / 2) if n > 3 else n
    row, column = divmod(k, columns)
    cell = strip.add_axes((column / columns, 0.33 - 0.32 * row, 1 / columns, 0.32))
    cell.set_axis_off()
    ax = cell.inset_axes((0.23, 0.2, 0.5, 0.6))
    made = Slider(
        ax, control.name, control.least, control.most,
        valinit=control.position(value), valstep=1 if control.whole else None,
        color="C0", track_color=shade(0.1),
    )  # fmt: skip
    made.control = control
    made.drawon = False  # or each would draw the whole figure
    made._format = control.text  # a name, where others have a number
    made.vline.set_visible(False)
    made.valtext.set_text(control.text(made.val))
    for text, x in ((made.label, -0.04), (made.valtext, 1.04)):
        text.set(fontsize="small", x=x)  # clear of the handle at an end
    made.layer = Layer(
        strip.figure.canvas,
        cell.bbox,
        [made.poly, made._handle, made.label, made.valtext],
    )
    return made


def window(name, style="lecture", show=True, labels=None, **values):
    """A live figure in a window, or below a cell of a notebook with an interactive
    backend (%matplotlib widget); returns its Window.

    labels: some of its words; values: of its controls, at first. The style stays set:
    what a slider draws anew needs it.
    """
    values, labels = values_of(name, values), words_of(name, labels)
    look = Choice(STYLES, "how it looks")("style", style)
    plt.style.use(STYLES[look])
    fig = plt.figure(figsize=SIZE, dpi=DPI)
    fig.canvas.manager.set_window_title(name)
    window = Window(name, fig, labels, **values)
    fig.live = window  # or the sliders would be forgotten
    if show:
        backend = plt.get_backend().lower()
        if "inline" in backend or backend.startswith(("agg", "pdf", "svg", "ps")):
            print(
                "The sliders cannot be moved here: a live figure needs a window, or, in"
                " a notebook, %matplotlib widget."
            )
        else:
            plt.show()
    return window


def still(name, fig=None, labels=None, **values):
    """A live figure at some values of its controls, on paper, in the style that is set,
    some of its words given; returns the figure."""
    values, labels = values_of(name, values), words_of(name, labels)
    fig = fig or plt.figure(figsize=(SIZE[0], SIZE[1] * (1 - STRIP)))
    module_of(name).start(fig, labels)(**values)
    return fig
