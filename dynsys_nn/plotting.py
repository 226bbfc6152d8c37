"""Figures on a given Axes. Helpers draw on `ax` (default: the current one), return the artists, and
never save; `show` alone shows.

Styles are the caller's: `with plt.style.context(plotting.STYLE):` gives the lecture style.
matplotlib is imported when a helper runs.
"""

import warnings
from pathlib import Path

import numpy as np

from .arguments import (
    Given,
    array,
    field_entries,
    instance,
    name_of,
    number_entries,
    pair,
    real_numbers,
    refuse,
)
from .lipschitz import Profile

__all__ = [
    "STYLE", "adversarial_example", "animate_flow", "certified_accuracy", "convergence",
    "decision_regions", "deformed_grid", "invariant_drift", "layer_states", "lipschitz_profile",
    "phase_portrait", "show", "skew_and_gradient", "step_size_region", "trajectories",
]  # fmt: skip

STYLE = str(Path(__file__).with_name("lecture.mplstyle"))


def phase_portrait(field, xlim, ylim, ax=None, density=1.0, **kwargs):
    """Stream lines of a planar field ẋ = X(x) on xlim × ylim; returns the StreamplotSet."""
    grid = _grid(xlim, ylim, 40)
    X = Given(field, name_of(field), field_entries)
    (x, y), (u, v) = np.moveaxis(grid, -1, 0), np.moveaxis(X(grid), -1, 0)
    return _axes(ax).streamplot(
        x, y, u, v, **{"density": density, "color": "0.6", "linewidth": 1, **kwargs}
    )


def skew_and_gradient(decomposition, xlim, ylim, axes, **kwargs):
    """f, ∇U on level lines of U, and X_S on circles around 0, of a planar Presnov decomposition;
    returns the StreamplotSets.

    decomposition: from `presnov`; axes: three. The width of a line is the size of the field, on one
    scale for all.
    """
    P = instance(
        decomposition, ("U", "gradient", "sphere"), "skew_and_gradient draws a presnov(field)"
    )
    axes, grid = _axes_of(axes, 3), _grid(xlim, ylim, 40)
    U, radius, (x, y) = P.U(grid), np.linalg.norm(grid, axis=-1), np.moveaxis(grid, -1, 0)
    faint = dict(colors="0.75", linewidths=1.2, linestyles="solid", zorder=0)
    rounding = 1e-9 * np.abs(radius * np.linalg.norm(P.field(grid), axis=-1)).max()
    if np.ptp(U) > rounding:
        axes[1].contour(x, y, U, np.unique(np.quantile(U, np.linspace(0.05, 0.95, 14))), **faint)
    axes[2].contour(x, y, radius, np.linspace(0, radius.max(), 8)[1:], **faint)
    fields, colours = (P.field, P.gradient, P.sphere), ("black", str(_cycle()[1]), str(_cycle()[0]))
    sizes = [np.linalg.norm(X(grid), axis=-1) for X in fields]
    widths = [0.7 + 3.5 * size / np.max(sizes) for size in sizes]
    for ax in axes:
        ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    return [
        phase_portrait(
            X, xlim, ylim, ax=ax, **{"density": 0.7, "linewidth": width, "color": colour, **kwargs}
        )
        for X, ax, width, colour in zip(fields, axes, widths, colours, strict=True)
    ]


def deformed_grid(
    F, xlim, ylim, ax=None, lines=11, extend=lambda x: x, project=lambda y: y[..., :2], **kwargs
):
    """The image under F of a square grid; returns the LineCollection.

    extend: planar points (..., 2) → states of F; project: states → (..., 2).
    """
    from matplotlib.collections import LineCollection

    rows = _grid(xlim, ylim, 101, lines)
    columns = _grid(xlim, ylim, lines, 101).swapaxes(0, 1)
    F, extend = Given(F, name_of(F)), Given(extend, "extend")
    project = Given(project, "project", lambda d: (2,))
    curves = project(F(extend(np.concatenate([rows, columns]))))
    collection = _axes(ax).add_collection(
        LineCollection(list(curves), **{"color": "0.7", "linewidth": 1, **kwargs})
    )
    collection.axes.autoscale_view()
    return collection


def trajectories(states, ax=None, components=(0, 1), **kwargs):
    """Curves through states, shape (..., n, d): component against component; returns the lines."""
    states = _states(states, 2, "(..., n, d)")
    refuse(
        len(components) not in (2, 3) or not all(k in range(states.shape[-1]) for k in components),
        f"components are two or three of 0, …, {states.shape[-1] - 1}, got {components}",
    )
    ax = _axes(ax)
    refuse(
        len(components) != (3 if ax.name == "3d" else 2),
        f"{ax.name} axes cannot show {len(components)} components: choose those to draw",
    )
    curves = np.reshape(states, (-1, *states.shape[-2:])).T
    return ax.plot(*curves[list(components)], **kwargs)


def layer_states(states, labels, axes, **kwargs):
    """The points of a data set after some layers, one scatter per Axes (planar, or 3-D for states
    in ℝ³); returns the scatters.

    states: list of arrays (n, 2 or 3), as from `Network.states`; labels: (n,) in 0, 1, …, coloured
    by the style's cycle.
    """
    axes, labels = _axes_of(axes, len(states)), array(labels, "labels must be an array of integers")
    states = [_states(x, 2, "(n, 2 or 3)") for x in states]
    for x, ax in zip(states, axes, strict=True):
        needed = (*labels.shape, 3 if ax.name == "3d" else 2)
        refuse(
            x.shape != needed,
            f"{ax.name} axes and {labels.size} labels need states of shape {needed}, got {x.shape}",
        )
    colours = _colours(labels)
    return [
        ax.scatter(*x.T, c=colours, **{"s": 6, "linewidths": 0, **kwargs})
        for x, ax in zip(states, axes, strict=True)
    ]


def invariant_drift(I, states, t, ax=None, floor=1e-17, **kwargs):
    """|I(x_n) − I(x_0)| for n ≥ 1 against time on a logarithmic axis, the worst of the batch;
    returns the lines.

    states: (..., n, d), times t: (n,); values below `floor` (exact zeros) are drawn at the floor.
    """
    states, t = _states(states, 2, "(..., n, d)"), np.asarray(t)
    refuse(
        t.shape != states.shape[-2:-1],
        f"{states.shape[-2]} states need as many times, got times of shape {t.shape}",
    )
    values = Given(I, "I(x)", number_entries)(states)
    drift = np.abs(values - values[..., :1]).reshape(-1, len(t)).max(axis=0)
    return _axes(ax).semilogy(t[1:], np.maximum(drift, floor)[1:], **kwargs)


def convergence(h, errors, order=None, ax=None, **kwargs):
    """Errors against step sizes, both logarithmic, with a dotted triangle side of slope `order`;
    returns the lines."""
    ax = _axes(ax)
    h, errors = _alike(h=h, errors=errors)
    lines = ax.loglog(h, errors, **{"marker": "o", **kwargs})
    if order is not None:
        slope = errors[-1] * (h / h[-1]) ** order
        lines += ax.loglog(h, slope, ":", color=lines[0].get_color(), linewidth=1.5)
    ax.xaxis.set_minor_formatter("")  # label decades only
    return lines


def step_size_region(steps, xlim, ax=None, label=None, **kwargs):
    """The steps (h_C, h_E) that a StepSizes constraint allows, a filled region under its curve;
    returns the PolyCollection.

    steps: a constraint, dnn.StepSizes; xlim: the range of h_C.
    """
    needs = "step_size_region draws the region of a StepSizes constraint"
    instance(steps, ("largest_expansive_step",), needs)
    h_C = np.linspace(*pair(xlim, "xlim"), 1201)
    h_E = np.maximum(0, steps.largest_expansive_step(h_C))
    return _axes(ax).fill_between(
        h_C, h_E, **{"label": label, "alpha": 0.35, "linewidth": 0, **kwargs}
    )


def lipschitz_profile(profile, ax=None, label=None, **kwargs):
    """Bounds and measured stretches of the beginnings of a network, layer by layer; returns the
    lines.

    profile: from `lipschitz.profile(net, x)`. The solid line is the product of the bounds up to
    each layer, the dotted one the largest stretch that was found: the truth lies between. Layers
    without a constant end the solid line.
    """
    instance(profile, Profile, "lipschitz_profile draws a Profile, lipschitz.profile(net, x)")
    ax, layers = _axes(ax), np.arange(len(profile.bound))
    bound = np.where(np.isfinite(profile.product), profile.product, np.nan)
    [upper] = ax.semilogy(layers, bound, label=label or "certified", **{"marker": "_", **kwargs})
    look = {"marker": "o", "linestyle": ":", "color": upper.get_color(), **kwargs}
    [lower] = ax.semilogy(
        layers, profile.measured_product, label=f"{label}: found" if label else "found", **look
    )
    ax.set(xlabel="after map number", ylabel="Lipschitz constant so far", xticks=layers)
    return [upper, lower]


def certified_accuracy(eps, certified, attacked=None, ax=None, label=None, **kwargs):
    """Accuracy in per cent against ε: certified, solid, and under attack, dotted, with the gap
    between them shaded; returns the lines. eps, certified, attacked: arrays (n,), accuracies in [0,
    1]."""
    accuracies = {"certified": certified} | ({} if attacked is None else {"attacked": attacked})
    eps, certified, *attacked = _alike(eps=eps, **accuracies)
    ax = _axes(ax)
    lines = ax.plot(eps, 100 * certified, label=label, **kwargs)
    for found in attacked:
        colour = lines[0].get_color()
        lines += ax.plot(eps, 100 * found, **{**kwargs, "color": colour, "linestyle": ":"})
        ax.fill_between(eps, 100 * certified, 100 * found, color=colour, alpha=0.12, linewidth=0)
    ax.set(xlabel=r"size of the perturbation $\varepsilon$", ylabel="accuracy (%)")
    return lines


def adversarial_example(x, x_adv, axes, shape, titles=("image", "perturbation", "perturbed")):
    """An image, a perturbation and their sum, on three Axes; returns the images.

    x, x_adv: (d,) with d the product of `shape`, (rows, columns) or (3, rows, columns). Pixels from
    0 to 1, grey (ink is 1) or red, green and blue; the perturbation from blue, negative, to red,
    its largest entry, or in colours around grey.
    """
    x, x_adv = _alike(x=x, x_adv=x_adv)
    refuse(
        len(shape) not in (2, 3) or len(shape) == 3 and shape[0] != 3 or x.size != np.prod(shape),
        f"shape is (rows, columns) or (3, rows, columns) of {x.size} pixels, got {tuple(shape)}",
    )
    axes = _axes_of(axes, 3)
    x, delta = np.reshape(x, shape), np.reshape(x_adv - x, shape)
    size = np.abs(delta).max() or 1.0
    grey, colour = dict(cmap="gray_r", vmin=0, vmax=1), dict(cmap="RdBu_r", vmin=-size, vmax=size)
    images = x, delta, x + delta
    if len(shape) == 3:
        images = [
            np.clip(np.moveaxis(image, 0, -1), 0, 1)
            for image in (x, 0.5 + delta / (2 * size), x + delta)
        ]
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return [
        ax.imshow(image, **look)
        for ax, image, look in zip(axes, images, (grey, colour, grey), strict=True)
    ]


def decision_regions(classify, xlim, ylim, ax=None, n=400, **kwargs):
    """The class of every point of a planar rectangle, faintly coloured; returns the image.

    classify: (..., 2) → logits (..., K).
    """
    from matplotlib.colors import ListedColormap

    grid = _grid(xlim, ylim, n)
    logits = Given(classify, name_of(classify))(grid)
    refuse(
        logits.ndim != 3 or logits.shape[-1] < 2,
        f"classify must return logits (..., K) with K ≥ 2, but {grid.shape} became {logits.shape}",
    )
    bad = np.argwhere(~np.isfinite(logits))
    refuse(len(bad), f"{len(bad)} logits are not finite: a class needs finite logits")
    classes = logits.argmax(axis=-1)
    look = {"alpha": 0.2, "vmin": -0.5, "vmax": logits.shape[-1] - 0.5, **kwargs}
    look = {"cmap": ListedColormap(_colours(np.arange(logits.shape[-1])))} | look
    return _axes(ax).imshow(
        classes,
        extent=(*xlim, *ylim),
        origin="lower",
        interpolation="nearest",
        aspect="equal",
        **look,
    )


def animate_flow(states, labels, fig, ax, between=6, interval=60, hold=15, titles=None):
    """An animation that carries points through the layers, `between` frames from one to the next,
    on axes that hold all of them; returns the FuncAnimation.

    states: list of arrays (n, 2 or 3) of one dimension; hold: frames at rest at the end; titles:
    one per state.
    """
    from matplotlib.animation import FuncAnimation

    states, last = (
        np.array(_alike(**{f"states[{k}]": x for k, x in enumerate(states)})),
        len(states) - 1,
    )
    refuse(last < 1, f"an animation needs two states at least, got {len(states)}")
    refuse(
        titles is not None and len(titles) != len(states),
        f"{len(states)} states need as many titles, got {np.size(titles)}",
    )
    [points] = layer_states(states[:1], labels, [ax])
    everything = states.reshape(-1, states.shape[-1])
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.05 * np.maximum(high - low, 1e-9)
    limits = zip("xyz", low - margin, high + margin, strict=False)
    ax.set(**{f"{axis}lim": (a, b) for axis, a, b in limits})
    times = np.concatenate([np.linspace(0, last, between * last + 1), np.full(hold, last)])

    def draw(time):
        k = min(int(time), last - 1)
        x = states[k] + (time - k) * (states[k + 1] - states[k])
        if ax.name == "3d":
            points._offsets3d = x.T
        else:
            points.set_offsets(x)
        if titles is not None:
            ax.set_title(titles[round(time)])
        return (points,)

    return FuncAnimation(fig, draw, frames=times, interval=interval, blit=False)


def show():
    """Show all open figures: in windows, which are waited for, or below the cell of a notebook.
    Where there is neither, nothing happens, and nothing is said.

    Returns the current figure, or None where it has been shown and closed, as notebooks do: a
    function of yours may end in `return plotting.show()`, and its picture is seen once.
    """
    import matplotlib.pyplot as plt

    fig = plt.gcf() if plt.get_fignums() else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is non-interactive, and thus cannot be shown")
        plt.show()
    return fig if fig is not None and plt.fignum_exists(fig.number) else None


def _grid(xlim, ylim, n, m=None):
    """The points (x, y) of a rectangle, n in each of its m rows, shape (m, n, 2)."""
    (left, right), (bottom, top) = pair(xlim, "xlim"), pair(ylim, "ylim")
    x, y = np.linspace(left, right, n), np.linspace(bottom, top, m or n)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _axes(ax):
    """The given Axes, or the current one."""
    import matplotlib.pyplot as plt

    return plt.gca() if ax is None else _an_axes(ax)


def _an_axes(ax):
    return instance(ax, ("plot", "scatter", "imshow"), "ax must be an Axes of matplotlib")


def _axes_of(axes, n):
    """A list, or array, of n Axes."""
    axes = np.atleast_1d(np.asarray(axes, object)).ravel()
    refuse(len(axes) != n, f"{n} Axes are needed, got {len(axes)}")
    return [_an_axes(ax) for ax in axes]


def _states(x, least, shape):
    """x as an array of real states of that many axes at least."""
    x = real_numbers(x, "a picture needs states, that is,")
    refuse(x.ndim < least, f"a picture needs states of shape {shape}, got {x.shape}")
    return x


def _alike(**arrays):
    """Arrays of real numbers, of one shape."""
    found = [real_numbers(a, f"{name} must be") for name, a in arrays.items()]
    for name, a in zip(arrays, found, strict=True):
        first = next(iter(arrays))
        refuse(
            a.shape != found[0].shape,
            f"{name} must have the shape of {first}, {found[0].shape}, got {a.shape}",
        )
    return found


def _colours(labels):
    """The colour of each class: that of its number in the style's cycle, again and again."""
    refuse(
        labels.dtype.kind not in "iu",
        f"labels must be integers, got dtype {labels.dtype}",
        TypeError,
    )
    return _cycle()[labels % len(_cycle())]


def _cycle():
    """The style's colours as text: some matplotlibs have triples of numbers."""
    import matplotlib as mpl

    return np.array(
        [mpl.colors.to_hex(c) for c in mpl.rcParams["axes.prop_cycle"].by_key()["color"]]
    )
