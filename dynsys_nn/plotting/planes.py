"""Pictures of the plane: fields, images of grids, regions."""

import numpy as np

from ..arguments import Given, field_entries, instance, name_of, pair, refuse, within
from .inputs import axes_of, axes_or_current, colours_of, rectangle
from .looks import em, shade, tint


def phase_portrait(field, xlim, ylim, ax=None, density=1.0, least=0.0, **kwargs):
    """Stream lines of a planar field ẋ = X(x) on xlim × ylim; returns the StreamplotSet.

    Other keywords are those of `ax.streamplot`.

    Parameters
    ----------
    field : Map, or a function of states
        X, (..., 2) → (..., 2).
    xlim, ylim : pairs of float
        The rectangle: ranges of x₁ and x₂.
    ax : Axes, default None
        Where to draw; None: on the current one.
    density : float > 0, default 1.0
        Of the lines.
    least : float ≥ 0, default 0.0
        Where the field is smaller there are no lines, which would crowd around its zeros.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> def rotation(x):
    ...     return np.stack([x[..., 1], -x[..., 0]], axis=-1)
    >>> square, ax, starts = (-1, 1), Figure().subplots(), [[0.3, 0], [0.8, 0]]
    >>> streams = dnn.plotting.phase_portrait(
    ...     rotation, square, square, ax, least=0.5, start_points=starts
    ... )
    >>> points = np.concatenate(streams.lines.get_segments())
    >>> np.unique(np.linalg.norm(points, axis=-1).round(1))  # one circle: at 0.3 the field is small
    array([0.8])
    """
    grid = rectangle(xlim, ylim, 41)
    X = Given(field, name_of(field), field_entries)
    (x, y), slope = np.moveaxis(grid, -1, 0), X(grid)
    small = np.linalg.norm(slope, axis=-1) < within(least, 0, np.inf, "least")
    u, v = (np.ma.masked_array(part, small) for part in np.moveaxis(slope, -1, 0))
    look = {"color": shade(0.3), "linewidth": em(0.06), "arrowsize": em(0.06)}
    return axes_or_current(ax).streamplot(x, y, u, v, **{"density": density, **look, **kwargs})


def skew_and_gradient(decomposition, xlim, ylim, axes, **kwargs):
    """f, ∇U on level lines of U, and X_S on circles around 0, of a planar Presnov decomposition;
    returns the StreamplotSets.

    The width of a line is the size of the field, on one scale for all; there are none where it is
    small, and a part that is 0 up to rounding has none. Other keywords are those of
    `ax.streamplot`.

    Parameters
    ----------
    decomposition : presnov
        Of a field on ℝ².
    xlim, ylim : pairs of float
        The rectangle: ranges of x₁ and x₂.
    axes : list of three Axes
        Where to draw.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> P = dnn.presnov(dnn.Dense(2, 2, W=[[0, 1], [-1, 0]]), nodes=1)  # a rotation: ∇U = 0
    >>> streams = dnn.plotting.skew_and_gradient(
    ...     P, (-1, 1), (-1, 1), Figure().subplots(1, 3), start_points=[[0.5, 0]]
    ... )
    >>> [len(s.lines.get_segments()) > 0 for s in streams]
    [True, False, True]
    """
    P = instance(
        decomposition, ("U", "gradient", "sphere"), "skew_and_gradient draws a presnov(field)"
    )
    axes, grid = axes_of(axes, 3), rectangle(xlim, ylim, 41)
    U, radius, (x, y) = P.U(grid), np.linalg.norm(grid, axis=-1), np.moveaxis(grid, -1, 0)
    faint = dict(colors=shade(0.1), linewidths=em(0.07), linestyles="solid", zorder=0)
    fields, colours = (P.field, P.gradient, P.sphere), (shade(1), "C1", "C0")
    sizes = [np.linalg.norm(X(grid), axis=-1) for X in fields]
    rounding = 1e-9 * np.max(sizes)
    if np.max(sizes[1]) > rounding:
        axes[1].contour(x, y, U, np.unique(np.quantile(U, np.linspace(0.05, 0.95, 14))), **faint)
    circles = np.max(radius) * (np.arange(8) + 0.6) / 8
    axes[2].contour(x, y, radius, circles, **faint)
    on_circles = dict(start_points=on_lines_to_corners(xlim, ylim, circles))
    whole, short = dict(broken_streamlines=False), dict(density=0.6, minlength=0.3)
    looks = [whole | dict(density=0.4), short, whole | on_circles]
    for ax in axes:
        ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    streams = []
    for X, ax, size, colour, lines in zip(fields, axes, sizes, colours, looks, strict=True):
        least, width = max(0.03 * np.max(size), rounding), em(0.04 + 0.2 * size / np.max(sizes))
        lines = {"linewidth": width, "color": colour, **lines, **kwargs}
        streams.append(phase_portrait(X, xlim, ylim, ax, least=least, **lines))
    return streams


def on_lines_to_corners(xlim, ylim, radii):
    """Points of a rectangle with these distances from 0, on the lines from its point nearest to 0
    to its corners: (n, 2)."""
    nearest = np.clip(0.0, *np.transpose([xlim, ylim]))
    found = []
    for corner in np.stack(np.meshgrid(xlim, ylim), axis=-1).reshape(-1, 2):
        line = nearest + np.linspace(0, 0.99, 200)[:, None] * (corner - nearest)
        distance = np.linalg.norm(line, axis=-1)
        inside = radii[(radii > distance[0]) & (radii < distance[-1])]
        found.append(line[np.searchsorted(distance, inside)])
    return np.concatenate(found)


def deformed_grid(F, xlim, ylim, ax=None, lines=11, extend=None, project=None, **kwargs):
    """The image under F of a square grid; returns the LineCollection.

    Other keywords are those of `LineCollection`.

    Parameters
    ----------
    F : Map, or a function of states
        What deforms.
    xlim, ylim : pairs of float
        The rectangle: ranges of x₁ and x₂.
    ax : Axes, default None
        Where to draw; None: on the current one.
    lines : int ≥ 2, default 11
        How many in each direction.
    extend : function, planar points (..., 2) → states of F, default None
        None: the points are states.
    project : function, values of F → (..., 2), default None
        None: the first two components.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> F = dnn.Dense(2, 2, W=[[1, 1], [0, 1]])  # a shear
    >>> grid = dnn.plotting.deformed_grid(F, (0, 1), (0, 1), Figure().subplots(), lines=3)
    >>> segments = grid.get_segments()
    >>> len(segments)  # three lines each way
    6
    >>> segments[-1][-1].round(3)  # the image of (1, 1)
    array([2., 1.])
    """
    from matplotlib.collections import LineCollection

    rows = rectangle(xlim, ylim, 101, lines)
    columns = rectangle(xlim, ylim, lines, 101).swapaxes(0, 1)
    extend = (lambda x: x) if extend is None else extend
    project = (lambda y: y[..., :2]) if project is None else project
    F, extend = Given(F, name_of(F)), Given(extend, "extend")
    project = Given(project, "project", lambda d: (2,))
    curves = project(F(extend(np.concatenate([rows, columns]))))
    collection = axes_or_current(ax).add_collection(
        LineCollection(list(curves), **{"color": shade(0.2), "linewidth": em(0.06), **kwargs})
    )
    collection.axes.autoscale_view()
    return collection


def decision_regions(classify, xlim, ylim, ax=None, n=400, **kwargs):
    """The class of every point of a planar rectangle, faintly coloured; returns the image.

    Other keywords are those of `ax.imshow`. ValueError for logits that are not finite.

    Parameters
    ----------
    classify : Map, or a function of states
        (..., 2) → logits (..., K), K ≥ 2.
    xlim, ylim : pairs of float
        The rectangle: ranges of x₁ and x₂.
    ax : Axes, default None
        Where to draw; None: on the current one.
    n : int ≥ 2, default 400
        Points on a side of the grid.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> net = dnn.Dense(2, 2, W=np.eye(2))  # class 0 where x₁ ≥ x₂
    >>> picture = dnn.plotting.decision_regions(net, (0, 1), (0, 1), Figure().subplots(), n=3)
    >>> picture.get_array().tolist()  # the lowest row first
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    """
    from matplotlib.colors import ListedColormap

    grid = rectangle(xlim, ylim, n)
    logits = Given(classify, name_of(classify))(grid)
    refuse(
        logits.ndim != 3 or logits.shape[-1] < 2,
        f"classify must return logits (..., K) with K ≥ 2, but {grid.shape} became {logits.shape}",
    )
    bad = np.argwhere(~np.isfinite(logits))
    refuse(len(bad), f"{len(bad)} logits are not finite: a class needs finite logits")
    classes = logits.argmax(axis=-1)
    look = {"alpha": 0.2, "vmin": -0.5, "vmax": logits.shape[-1] - 0.5, **kwargs}
    look = {"cmap": ListedColormap(colours_of(np.arange(logits.shape[-1])))} | look
    return axes_or_current(ax).imshow(
        classes,
        extent=(*xlim, *ylim),
        origin="lower",
        interpolation="nearest",
        aspect="equal",
        **look,
    )


def step_size_region(steps, xlim, ax=None, label=None, **kwargs):
    """The steps (h_C, h_E) that a StepSizes constraint allows, a filled region under its curve;
    returns the PolyCollection.

    Other keywords are those of `ax.fill_between`.

    Parameters
    ----------
    steps : StepSizes
        The constraint.
    xlim : pair of float
        The range of h_C.
    ax : Axes, default None
        Where to draw; None: on the current one.
    label : str, default None
        Of the region.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> A, sigma = dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5)
    >>> C = dnn.Flow(dnn.GradientField(A, sigma), 1.0, learn_h=True)
    >>> E = dnn.Flow(dnn.ResidualField(A, sigma), 1.0, learn_h=True)
    >>> region = dnn.plotting.step_size_region(dnn.StepSizes(C, E), (0, 2), Figure().subplots())
    >>> edge = region.get_paths()[0].vertices
    >>> edge[edge[:, 1].argmax()].round(3)  # its highest point, (4/3, 2)
    array([1.333, 2.   ])
    """
    needs = "step_size_region draws the region of a StepSizes constraint"
    instance(steps, ("largest_expansive_step",), needs)
    h_C = np.linspace(*pair(xlim, "xlim"), 1201)
    h_E = np.maximum(0, steps.largest_expansive_step(h_C))
    kwargs = {"color": "C0", "label": label, "linewidth": 0, **kwargs}
    if "alpha" not in kwargs:
        kwargs["color"] = tint(kwargs["color"], 0.35)
    return axes_or_current(ax).fill_between(h_C, h_E, **kwargs)


def stability_region(R, xlim, ylim, ax=None, label=None, n=300, **kwargs):
    """Where |R(z)| ≤ 1 in the complex plane, filled, and its edge, |R(z)| = 1; returns the two
    ContourSets.

    A step of ẏ = λy with z = hλ there does not grow. Other keywords, besides `color`, are those of
    `ax.contourf`.

    Parameters
    ----------
    R : RungeKutta, or a function, complex array → complex array
        A method, or its stability function.
    xlim, ylim : pairs of float
        The rectangle: ranges of Re z and Im z.
    ax : Axes, default None
        Where to draw; None: on the current one.
    label : str, default None
        Of the edge.
    n : int ≥ 2, default 300
        Points on a side of the grid.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> area, edge = dnn.plotting.stability_region(dnn.Euler(), (-3, 1), (-2, 2), ax, n=41)
    >>> z = edge.get_paths()[0].vertices @ [1, 1j]
    >>> bool(abs(abs(1 + z) - 1).max() < 0.01)  # R(z) = 1 + z: a circle around −1
    True
    """
    needs = "R is a method with a stability function, or a function of z"
    R = getattr(instance(R, (), needs), "stability_function", R)
    refuse(not callable(R), f"{needs}, got {R!r}", TypeError)
    grid = rectangle(xlim, ylim, n)
    z = grid[..., 0] + 1j * grid[..., 1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # at a pole |R| = ∞
        value = np.asarray(R(z))
    wrong = value.dtype.kind not in "fciu" or value.shape != z.shape
    got = f"an array of shape {value.shape} and dtype {value.dtype}"
    refuse(wrong, f"R(z) must be numbers of the shape of z, {z.shape}, got {got}")
    size = np.minimum(np.nan_to_num(np.abs(value), nan=np.inf), 1e3)
    ax, colour = axes_or_current(ax), kwargs.pop("color", "C0")
    area = ax.contourf(*np.moveaxis(grid, -1, 0), size, [0, 1], colors=[tint(colour)], **kwargs)
    edge = ax.contour(*np.moveaxis(grid, -1, 0), size, [1], colors=[colour], linewidths=em(0.12))
    ax.plot([], [], color=colour, label=label)
    ax.axhline(0, color=shade(0.2), linewidth=em(0.05), zorder=0)
    ax.axvline(0, color=shade(0.2), linewidth=em(0.05), zorder=0)
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.set(xlabel=r"$\mathrm{Re}\,z$", ylabel=r"$\mathrm{Im}\,z$")
    return area, edge
