"""A live figure on a canvas: what stays is drawn once, and what moves on top of it."""

import importlib
import math

import matplotlib.pyplot as plt
from matplotlib.widgets import Slider

from dynsys_nn.plotting import STYLES, shade

SIZE, STRIP = (13, 7.3), 0.17


class Control:
    """What a slider moves: a number, a whole number, or one of some names."""

    def __init__(self, name, control):
        self.name, self.names = name, None
        if all(isinstance(value, str) for value in control):
            self.names, control = control, (0, len(control) - 1, 0)
        self.least, self.most, self.first = control
        self.whole = all(isinstance(value, int) for value in control)

    def value(self, position):
        """The value that a slider's position means."""
        if self.names:
            return self.names[round(position)]
        return round(position) if self.whole else float(position)

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


def module_of(name):
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

    picture: the Figure or SubFigure on which it draws (default: `fig`). The layout is
    made once; what moves is found by moving it.
    """

    def __init__(self, name, fig, picture=None):
        self.fig, self.canvas, self.picture = fig, fig.canvas, picture or fig
        self.controls = controls_of(name)
        self.values = {key: c.value(c.first) for key, c in self.controls.items()}
        self.update = module_of(name).start(self.picture)
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
    which.
    """

    def __init__(self, name, fig):
        self.fig, self.chosen = fig, 0
        picture, strip = fig.subfigures(2, 1, height_ratios=(1 - STRIP, STRIP))
        above = strip.add_axes((0, 0.65, 1, 0.35))
        above.set_axis_off()
        look = dict(va="top", ha="left", fontsize="medium", transform=above.transAxes)
        self.said = above.text(0.02, 0.95, "", **look)
        controls = controls_of(name)
        self.sliders = [
            slider(strip, c, k, len(controls)) for k, c in enumerate(controls.values())
        ]
        self.sliders[0].label.set_fontweight("bold")
        self.stage = Stage(name, fig, picture)
        self.said.set_text(self.stage.caption)
        self.caption = Layer(fig.canvas, above.bbox, [self.said])
        self.stage.layers += [self.caption, *(s.layer for s in self.sliders)]
        fig.canvas.draw()
        for s in self.sliders:
            s.on_changed(self.moved)
        manager = fig.canvas.manager
        if getattr(manager, "key_press_handler_id", None):
            fig.canvas.mpl_disconnect(manager.key_press_handler_id)  # where ← is "back"
        fig.canvas.mpl_connect("key_press_event", self.key)

    def moved(self, position):
        """The picture at the sliders' values."""
        caption = self.stage.show(
            **{s.control.name: s.control.value(s.val) for s in self.sliders}
        )
        for s in self.sliders:
            if s.val != s.shown:
                s.shown = s.val
                self.draw(s.layer)
        if self.said.get_text() != caption:
            self.said.set_text(caption)
            self.draw(self.caption)

    def draw(self, layer):
        layer.draw()
        self.fig.canvas.blit(layer.box)

    def key(self, event):
        ways = {"right": 1, "pagedown": 1, "left": -1, "pageup": -1}
        if event.key in ("up", "down"):
            self.chosen = (self.chosen + (1 if event.key == "down" else -1)) % len(
                self.sliders
            )
            for k, s in enumerate(self.sliders):
                s.label.set_fontweight("bold" if k == self.chosen else "normal")
                self.draw(s.layer)
        elif event.key in ways:
            chosen = self.sliders[self.chosen]
            there = chosen.val + ways[event.key] * chosen.control.step()
            chosen.set_val(min(max(there, chosen.valmin), chosen.valmax))


def slider(strip, control, k, n):
    """The k-th of n sliders of a strip: in a row, or in two if they are many."""
    columns = math.ceil(n / 2) if n > 3 else n
    row, column = divmod(k, columns)
    cell = strip.add_axes((column / columns, 0.33 - 0.32 * row, 1 / columns, 0.32))
    cell.set_axis_off()
    ax = cell.inset_axes((0.25, 0.2, 0.5, 0.6))
    made = Slider(
        ax, control.name, control.least, control.most, valinit=control.first,
        valstep=1 if control.whole else None, color="C0", track_color=shade(0.1),
    )  # fmt: skip
    made.control, made.shown = control, control.first
    made.drawon = False  # or each would draw the whole figure
    made._format = control.text  # a name, where others have a number
    made.vline.set_visible(False)
    made.valtext.set_text(control.text(control.first))
    for text in (made.label, made.valtext):
        text.set_fontsize("small")
    made.layer = Layer(
        strip.figure.canvas,
        cell.bbox,
        [made.poly, made._handle, made.label, made.valtext],
    )
    return made


def window(name, style="lecture", show=True):
    """A live figure in a window, or below a cell of a notebook with an interactive
    backend (%matplotlib widget); returns its Window.

    The style stays set: what a slider draws anew needs it.
    """
    plt.style.use(STYLES[style])
    fig = plt.figure(figsize=SIZE)
    window = Window(name, fig)
    fig.live = window  # or the sliders would be forgotten
    if show:
        if not plt.get_backend().lower().startswith(("agg", "pdf", "svg", "ps")):
            plt.show()
        else:
            print(
                "There is no display here: a live figure needs a window, or a notebook."
            )
    return window


def still(name, fig=None, **values):
    """A live figure at some values of its controls, on paper; returns the figure."""
    fig = fig or plt.figure(figsize=(SIZE[0], SIZE[1] * (1 - STRIP)))
    first = {key: c.value(c.first) for key, c in controls_of(name).items()}
    unknown = ", ".join(set(values) - set(first))
    if unknown:
        raise ValueError(f"{name} has no control {unknown}; it has {', '.join(first)}")
    module_of(name).start(fig)(**{**first, **values})
    return fig
