"""A live figure in the page's worker: a stage, as wide as the page."""

import json

import matplotlib.pyplot as plt

from dynsys_nn.plotting import STYLES
from figures.live import Stage, values_of
from figures.live.stage import SIZE, STRIP

#: (name, style, width in pixels) and the stage of what is shown
shown = stage = None


def show(name, style, width, values):
    """Draw a live figure at these values, JSON; returns its line of text."""
    global shown, stage
    values = values_of(name, json.loads(values))
    if shown != (name, style, width):
        shown = stage = None
        plt.close("all")
        plt.style.use(["default", *STYLES[style]])
        size = SIZE[0], SIZE[1] * (1 - STRIP)
        fig = plt.figure(figsize=size, dpi=width / SIZE[0])
        stage = Stage(name, fig, **values)
        fig.canvas.draw()
        shown = name, style, width
    return stage.show(**values)


def pixels():
    """What is drawn: red, green, blue, opacity; (height, width, 4)."""
    return stage.canvas.buffer_rgba()
