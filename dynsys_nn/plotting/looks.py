"""How a picture looks is the style's: no helper, and no figure, names a colour or a size that a
style cannot change."""

import warnings
from pathlib import Path

import numpy as np

from ..arguments import dimension, real, real_numbers, refuse

_LECTURE, _DARK, _PRINT = (
    str(Path(__file__).with_name(f"{name}.mplstyle")) for name in ("lecture", "dark", "print")
)
#: the style for a lecture room, as `plt.style.context` takes it
STYLE = _LECTURE
#: what `plt.style.context` takes: for a lecture room, for dark slides, for grey paper
STYLES = {"lecture": [_LECTURE], "dark": [_LECTURE, _DARK], "print": [_LECTURE, _PRINT]}


def em(size=1.0):
    """`size` times the style's font size, in points: lines, markers and distances grow with the
    text.

    size: float, or array, default 1.0.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.rc_context({"font.size": 20}):
    ...     print(dnn.plotting.em(0.1))
    2.0
    """
    import matplotlib as mpl

    return real_numbers(size, "a size must be")[()] * mpl.rcParams["font.size"]


def look(k, **others):
    """What the style's cycle says of its k-th line, its colour and perhaps its dashes, as keywords
    of `plot`; other keywords are added, and win.

    k: int ≥ 0; after the last line the cycle begins anew.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.rc_context({"axes.prop_cycle": plt.cycler(color=["red", "blue"])}):
    ...     print(dnn.plotting.look(3), dnn.plotting.look(0, c="grey"))
    {'color': 'blue'} {'color': 'grey'}
    """
    import matplotlib as mpl

    looks = mpl.rcParams["axes.prop_cycle"]
    return {**list(looks)[dimension(k, "k", least=0) % len(looks)], **spelled_out(others)}


def spelled_out(kwargs):
    """Keywords of `plot` by their full names: color for c, linestyle for ls."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return normalize_kwargs(kwargs, Line2D)


def shade(strength=0.0):
    """A grey of the style: 0 is its grid, the faintest thing to be seen, and 1 its text.

    strength: float, default 0.0. Returns the colour as text, #rrggbb; ValueError unless
    0 ≤ strength ≤ 1.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.rc_context({"grid.color": "#cccccc", "text.color": "black"}):
    ...     print(dnn.plotting.shade(), dnn.plotting.shade(0.5), dnn.plotting.shade(1.0))
    #cccccc #666666 #000000
    """
    import matplotlib as mpl

    refuse(not 0 <= real(strength) <= 1, f"strength must lie in [0, 1], got {strength!r}")
    return mixed(mpl.rcParams["text.color"], mpl.rcParams["grid.color"], strength)


def tint(colour, strength=0.35):
    """A colour thinned by the ground, for areas: strength · colour + (1 − strength) · ground, with
    more of the colour where it would be fainter than the style's grid.

    colour: any of matplotlib; strength: float, default 0.35. Returns the colour with its opacity,
    (r, g, b, a); ValueError unless 0 ≤ strength ≤ 1.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.rc_context({"axes.facecolor": "white", "grid.color": "#eeeeee"}):
    ...     blue, yellow = dnn.plotting.tint("blue", 0.25), dnn.plotting.tint("yellow", 0.25)
    >>> round(float(blue[3]), 3)
    0.25
    >>> bool(yellow[3] > 0.25)  # yellow is faint on white
    True
    """
    import matplotlib as mpl

    refuse(not 0 <= real(strength) <= 1, f"strength must lie in [0, 1], got {strength!r}")
    ground, faintest = mpl.rcParams["axes.facecolor"], mpl.rcParams["grid.color"]
    least = min(contrast(faintest, ground), contrast(colour, ground))
    strengths = np.append(np.arange(strength, 1, 0.01), 1.0)
    seen = (s for s in strengths if contrast(mixed(colour, ground, s), ground) >= least)
    return mpl.colors.to_rgba(colour, next(seen))


def ink():
    """The colour map from the ground, 0, to the text, 1, for images in grey.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.rc_context({"axes.facecolor": "white", "text.color": "black"}):
    ...     print(dnn.plotting.ink()([0.0, 1.0]).tolist())  # red, green, blue, opacity
    [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    """
    import matplotlib as mpl

    return blend("ink", mpl.rcParams["axes.facecolor"], mpl.rcParams["text.color"])


def diverging():
    """The colour map from the cycle's first colour through the ground to its second, for what has a
    sign.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with plt.rc_context({"axes.prop_cycle": plt.cycler(color=["red", "blue"])}):
    ...     print(dnn.plotting.diverging()([0.0, 1.0]).tolist())
    [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    import matplotlib as mpl

    return blend("diverging", "C0", mpl.rcParams["axes.facecolor"], "C1")


def contrast(colour, ground):
    """(L₁ + 0.05)/(L₂ + 0.05), from 1 to 21, L₁ ≥ L₂ the relative luminances of two colours.

    colour, ground: any of matplotlib. From 3 on a shape is told from its ground, and from 4.5 on a
    text. Source: WCAG 2.1, W3C, 2018.

    Examples
    --------
    >>> for colour in ("yellow", "red", "blue"):
    ...     print(colour, round(float(dnn.plotting.contrast(colour, "white")), 2))
    yellow 1.07
    red 4.0
    blue 8.59
    """
    import matplotlib as mpl

    rgb = np.array([mpl.colors.to_rgb(c) for c in (colour, ground)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    darker, lighter = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour, other, share):
    """share · colour + (1 − share) · other, as text."""
    import matplotlib as mpl

    a, b = (np.array(mpl.colors.to_rgb(c)) for c in (colour, other))
    return mpl.colors.to_hex(share * a + (1 - share) * b)


def blend(name, *colours):
    """The colour map that runs through some colours."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    return LinearSegmentedColormap.from_list(name, [to_rgb(c) for c in colours])


def cycle():
    """The style's colours as text: some matplotlibs have triples of numbers."""
    import matplotlib as mpl

    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return np.array([mpl.colors.to_hex(c) for c in colours])


def show():
    """Show all open figures: in windows, which are waited for, or below the cell of a notebook.
    Where there is neither, nothing happens, and nothing is said.

    Returns the current figure, or None if it has been shown and closed, as in notebooks: a function
    of yours may end in `return plotting.show()`, and its picture is seen once.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> dnn.plotting.show() in (fig, None)
    True
    >>> plt.close(fig)
    """
    import matplotlib.pyplot as plt

    fig = plt.gcf() if plt.get_fignums() else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is non-interactive, and thus cannot be shown")
        plt.show()
    return fig if fig is not None and plt.fignum_exists(fig.number) else None
