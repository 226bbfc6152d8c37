"""Pictures of states: curves through them, and points on their way through the layers."""

import numpy as np

from ..arguments import array, dimension, instance, positive, real_numbers, refuse
from .inputs import (
    alike,
    an_axes,
    axes_of,
    axes_or_current,
    colours_of,
    components_of,
    number_of,
    states_of,
)
from .looks import em, shade, spelled_out


def trajectories(states, ax=None, components=(0, 1), **kwargs):
    """Curves through states: component against component; returns the lines.

    states: array, shape (..., n, d); ax: Axes, default None: the current one; components: two of
    0, …, d − 1, or three on three-dimensional Axes, default (0, 1). Other keywords are those of
    `ax.plot`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> X = dnn.systems.kepler()
    >>> orbit = dnn.Rollout(dnn.Flow(X, 0.1, dnn.StormerVerlet()), 20)(X.x0)  # (q₁, q₂, p₁, p₂)
    >>> [line] = dnn.plotting.trajectories(orbit, Figure().subplots(), components=(0, 1))
    >>> bool((line.get_xydata() == orbit[:, :2]).all())  # q₂ against q₁
    True
    """
    states = states_of(states, 2, "(..., n, d)")
    components = components_of(components, states.shape[-1], {2: "two", 3: "or three"})
    ax = axes_or_current(ax, space=True)
    refuse(
        len(components) != (3 if ax.name == "3d" else 2),
        f"{ax.name} axes cannot show {len(components)} components: choose those to draw",
    )
    curves = np.reshape(states, (-1, *states.shape[-2:]))[..., components]
    return [line for curve in curves for line in ax.plot(*curve.T, **kwargs)]


def on_sphere(states, ax=None, radius=None, **kwargs):
    """Curves through states in ℝ³ around the sphere on which they start, drawn as a net; returns
    the lines.

    states: array, shape (..., n, 3); ax: three-dimensional (`fig.add_subplot(projection="3d")`),
    default None: the current one; radius: float > 0, that of the sphere, default None: the norm of
    the first state. Other keywords are those of `ax.plot`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> F = dnn.Flow(dnn.systems.rigid_body(), 0.1, dnn.ImplicitMidpoint())
    >>> orbit = dnn.Rollout(F, 10)(np.array([0.6, 0.0, 0.8]))
    >>> ax = Figure().add_subplot(projection="3d")
    >>> [line] = dnn.plotting.on_sphere(orbit, ax)
    >>> bool(abs(np.linalg.norm(line.get_data_3d(), axis=0) - 1).max() < 1e-12)  # ‖x‖ = 1
    True
    """
    states = states_of(states, 2, "(..., n, 3)")
    refuse(states.shape[-1] != 3, f"an orbit on a sphere has states in ℝ³, got {states.shape}")
    ax = axes_or_current(ax, space=True)
    refuse(ax.name != "3d", 'a sphere needs Axes with projection="3d", got plain ones')
    r = float(np.linalg.norm(states.reshape(-1, 3)[0])) if radius is None else radius
    r = positive(r, "the norm of the first state" if radius is None else "radius")
    azimuth, height = np.meshgrid(np.linspace(0, 2 * np.pi, 37), np.linspace(-np.pi, 0, 19))
    ring = r * np.sin(height)
    net = ring * np.cos(azimuth), ring * np.sin(azimuth), r * np.cos(height)
    ax.plot_wireframe(*net, color=shade(0.0), linewidth=em(0.03), rcount=10, ccount=13)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return trajectories(states, ax, (0, 1, 2), **kwargs)


def section(points, ax=None, components=(0, 1), **kwargs):
    """The points of a Poincaré section, component against component, a colour for each trajectory;
    returns the lines, which are dots.

    points: list of arrays (m, d), as `poincare_section` finds them for a batch, or one of them; ax:
    Axes, default None: the current one; components: two of 0, …, d − 1, default (0, 1). Other
    keywords are those of `ax.plot`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> X, t = dnn.systems.pendulum(), np.arange(0, 20, 0.1)
    >>> x0 = np.array([[0.5, 0.0], [1.0, 0.0]])
    >>> times, points = dnn.poincare_section(X, x0, t, lambda x: x[..., 0])
    >>> dots, _ = dnn.plotting.section(points, Figure().subplots())
    >>> bool((dots.get_xydata() == points[0]).all())
    True
    """
    number_of(points)
    one = isinstance(points, np.ndarray) and points.ndim == 2
    orbits = [
        real_numbers(x, "a section needs points, that is,") for x in ([points] if one else points)
    ]
    shapes = [x.shape for x in orbits]
    refuse(
        not orbits or {shape[1:] for shape in shapes} != {shapes[0][-1:]},
        f"a section needs a list of arrays of points, shape (m, d), got shapes {shapes}",
    )
    components = components_of(components, shapes[0][-1], {2: "two"})
    ax = axes_or_current(ax)
    dots = {"linestyle": "none", "marker": ".", "markersize": em(0.3), "markeredgewidth": 0}
    return [ax.plot(*x[:, components].T, **{**dots, **spelled_out(kwargs)})[0] for x in orbits]


def layer_states(states, labels, axes, **kwargs):
    """The points of a data set after some layers, one scatter per Axes (planar, or 3-D for states
    in ℝ³); returns the scatters.

    states: list of arrays (n, 2 or 3), as from `Network.states`; labels: integers (n,), 0, 1, …,
    coloured by the style's cycle; axes: a list of as many Axes. Other keywords are those of
    `ax.scatter`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> x, y = dnn.datasets.moons(20, rng=0)
    >>> net = dnn.Network(dnn.Flow(dnn.ResidualField.random(2, width=4, rng=0), 0.1))
    >>> before, after = dnn.plotting.layer_states(net.states(x), y, Figure().subplots(1, 2))
    >>> bool((before.get_offsets() == x).all())
    True
    >>> bool((after.get_offsets() == net(x)).all())
    True
    """
    axes = axes_of(axes, number_of(states), space=True)
    labels = array(labels, "labels must be an array of integers")
    states = [states_of(x, 2, "(n, 2 or 3)") for x in states]
    for x, ax in zip(states, axes, strict=True):
        needed = (*labels.shape, 3 if ax.name == "3d" else 2)
        refuse(
            x.shape != needed,
            f"{ax.name} axes and {labels.size} labels need states of shape {needed}, got {x.shape}",
        )
    colours = colours_of(labels)
    return [
        ax.scatter(*x.T, c=colours, **{"s": em(0.15) ** 2, "linewidths": 0, **kwargs})
        for x, ax in zip(states, axes, strict=True)
    ]


def animate_flow(states, labels, fig, ax, between=6, interval=60, hold=15, titles=None, **kwargs):
    """An animation that carries points through the layers on axes that hold all of them; returns
    the FuncAnimation.

    Other keywords are those of `layer_states`.

    Parameters
    ----------
    states : list of L ≥ 2 arrays (n, 2 or 3), of one dimension
        As from `Network.states`.
    labels : array of int, shape (n,)
        Of the points, which are coloured by them.
    fig : Figure
        That of ax.
    ax : Axes
        Planar, or three-dimensional for states in ℝ³.
    between : int ≥ 1, default 6
        Frames from one layer to the next.
    interval : float, default 60
        Milliseconds from frame to frame.
    hold : int ≥ 0, default 15
        Frames at rest at the end.
    titles : list of L str, default None
        One for each layer; None: no title.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> fig = Figure(figsize=(1, 1))
    >>> ax, x = fig.add_axes((0, 0, 1, 1), xticks=[], yticks=[]), np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> film = dnn.plotting.animate_flow([x, x + 1], [0, 1], fig, ax, between=2, hold=1)
    >>> [float(layer) for layer in film.new_frame_seq()]
    [0.0, 0.5, 1.0, 1.0]
    >>> text = film.to_jshtml()  # or film.save("flow.gif")
    """
    from matplotlib.animation import FuncAnimation

    last = number_of(states) - 1
    refuse(last < 1, f"an animation needs two states at least, got {last + 1}")
    states = np.array(alike(**{f"states[{k}]": x for k, x in enumerate(states)}))
    instance(fig, ("canvas", "add_subplot"), "fig must be a Figure of matplotlib")
    ax, between = an_axes(ax, space=True), dimension(between, "between")
    hold = dimension(hold, "hold", 0)
    refuse(
        titles is not None and len(titles) != len(states),
        f"{len(states)} states need as many titles, got {np.size(titles)}",
    )
    [points] = layer_states(states[:1], labels, [ax], **kwargs)
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
