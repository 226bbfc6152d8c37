"""Live figures: a module each, with CONTROLS, what the sliders move, with LABELS, its
words, as other figures have them, and with `start(fig, labels)`, which draws what stays
and returns `update(**values)`, which moves the rest and returns one line of text.

    CONTROLS = {"h": (0.1, 2.0, 4 / 3), "steps": (1, 64, 8), "method": ("Euler", "RK4")}

A control is (least, most, at first), of whole numbers if all three are, or a tuple of
names, the first at first. `start` adds its Axes to `fig`, a Figure or a SubFigure, and
fixes their limits, so that nothing leaves the picture wherever the sliders are.
`update` makes no artists: it moves those of `start`. The same module serves a window
and a notebook (`window`), a web page (`Stage`), and paper (`still`).
"""

from .stage import NAMES, Stage, controls_of, still, values_of, window, words_of

__all__ = ["NAMES", "Stage", "controls_of", "still", "values_of", "window", "words_of"]
