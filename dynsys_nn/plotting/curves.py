"""Numbers against time, step size, layer or perturbation."""

import numpy as np

from ..arguments import (
    Given,
    finite,
    instance,
    number_entries,
    positive,
    real_numbers,
    refuse,
)
from ..lipschitz import Profile
from .inputs import axes_or_current, row, states_of
from .looks import em, look, shade, spelled_out, tint


def components(t, states, ax=None, names=None, **kwargs):
    """The components of a solution against time, a line each, named x₁, …, x_d; returns the lines.

    Other keywords are those of `ax.plot`.

    Parameters
    ----------
    t : array, shape (n,)
        Times.
    states : array, shape (n, d)
        The solution there.
    ax : Axes, default None
        Where to draw; None: on the current one.
    names : list of d str, default None
        Labels of the lines; None: x₁, …, x_d.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> t = np.linspace(0, 6, 31)
    >>> states = np.stack([np.cos(t), -np.sin(t)], axis=-1)
    >>> ax = Figure().subplots()
    >>> q, p = dnn.plotting.components(t, states, ax, names=["position", "momentum"])
    >>> p.get_label()
    'momentum'
    >>> bool((p.get_ydata() == states[:, 1]).all())
    True
    """
    t, states = _in_time(t, states, 2, "(n, d)")
    d = states.shape[-1]
    refuse(states.ndim != 2, f"one solution has states of shape (n, d), got {states.shape}")
    names = [f"$x_{{{k + 1}}}$" for k in range(d)] if names is None else names
    wrong = isinstance(names, str) or not hasattr(names, "__len__") or len(names) != d
    refuse(wrong, f"{d} components need a list of as many names, got {names!r}")
    ax = axes_or_current(ax)
    lines = [
        ax.plot(t, x, **look(k, **{"label": name, **kwargs}))[0]
        for k, (x, name) in enumerate(zip(states.T, names, strict=True))
    ]
    ax.set(xlabel="time $t$")
    return lines


def energy(I, states, t, ax=None, **kwargs):
    """I(x_n) − I(x_0) with its sign against time, a line for each solution, over a thin line at 0;
    returns the lines.

    On a logarithmic axis, and without the sign: `invariant_drift`. Other keywords are those of
    `ax.plot`.

    Parameters
    ----------
    I : Invariant, or a function of states, (..., d) → (...)
        An energy, or what else should be kept.
    states : array, shape (..., n, d)
        Solutions.
    t : array, shape (n,)
        Their times.
    ax : Axes, default None
        Where to draw; None: on the current one.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> X, x, ax = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0]), Figure().subplots()
    >>> states = [x, dnn.Flow(X, 0.1, dnn.Euler())(x)]
    >>> [line] = dnn.plotting.energy(X.invariants["energy"], states, [0, 0.1], ax)
    >>> line.get_ydata().round(3)  # Euler's gain in a step: h²/2
    array([0.   , 0.005])
    """
    t, states = _in_time(t, states, 2, "(..., n, d)")
    values = Given(I, "I(x)", number_entries)(states)
    ax = axes_or_current(ax)
    ax.axhline(0, color=shade(0.2), linewidth=em(0.05), zorder=0)
    lines = ax.plot(t, (values - values[..., :1]).reshape(-1, len(t)).T, **kwargs)
    ax.set(xlabel="time $t$", ylabel="energy $-$ its first value")
    return lines


def invariant_drift(I, states, t, ax=None, floor=1e-17, **kwargs):
    """|I(x_n) − I(x_0)| for n ≥ 1 against time on a logarithmic axis, the worst of the batch;
    returns the lines.

    Other keywords are those of `ax.semilogy`.

    Parameters
    ----------
    I : Invariant, or a function of states, (..., d) → (...)
        What should be kept.
    states : array, shape (..., n, d)
        Solutions.
    t : array, shape (n,)
        Their times.
    ax : Axes, default None
        Where to draw; None: on the current one.
    floor : float > 0, default 1e-17
        Where values below it, as exact zeros, are drawn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> states = np.array([[1.0, 1.0], [1.5, 0.5], [1.5, 0.75]])
    >>> [line] = dnn.plotting.invariant_drift(dnn.Mass(), states, [0, 1, 2], Figure().subplots())
    >>> line.get_ydata().tolist()  # of x₁ + x₂
    [1e-17, 0.25]
    """
    (t, states), floor = _in_time(t, states, 2, "(..., n, d)"), positive(floor, "floor")
    values = Given(I, "I(x)", number_entries)(states)
    drift = np.abs(values - values[..., :1]).reshape(-1, len(t)).max(axis=0)
    return axes_or_current(ax).semilogy(t[1:], np.maximum(drift, floor)[1:], **kwargs)


def convergence(h, errors, order=None, ax=None, **kwargs):
    """Errors against step sizes, both logarithmic, and a dotted line of slope `order` through the
    last of them; returns the lines.

    Other keywords are those of `ax.loglog`.

    Parameters
    ----------
    h : array, shape (n,)
        Step sizes > 0.
    errors : array, shape (n,)
        Their errors.
    order : float, default None
        The slope of the dotted line; None: there is none.
    ax : Axes, default None
        Where to draw; None: on the current one.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> h, errors = np.array([0.4, 0.2, 0.1]), np.array([0.9, 0.21, 0.05])
    >>> measured, slope = dnn.plotting.convergence(h, errors, order=2, ax=Figure().subplots())
    >>> slope.get_ydata().round(3).tolist()  # a quarter for half the step
    [0.8, 0.2, 0.05]
    """
    h, errors = row(h=h, errors=errors)
    refuse(not (h > 0).all(), f"step sizes must be positive, got {h}")
    order, ax = None if order is None else finite(order, "order"), axes_or_current(ax)
    lines = ax.loglog(h, errors, **{"marker": "o", **kwargs})
    if order is not None:
        slope = errors[-1] * (h / h[-1]) ** order
        lines += ax.loglog(h, slope, ":", color=lines[0].get_color(), linewidth=em(0.09))
    ax.xaxis.set_minor_formatter("")  # label decades only
    return lines


def lipschitz_profile(profile, ax=None, label=None, **kwargs):
    """Bounds and measured stretches of the beginnings of a network, layer by layer; returns the
    lines.

    profile: from `lipschitz.profile(net, x)`; ax: Axes, default None: the current one; label: str,
    default None: the lines are "certified" and "found". Other keywords are those of `ax.semilogy`.
    The solid line is the product of the bounds up to each layer, the dotted one the largest stretch
    that was found: the truth lies between. Layers without a constant end the solid line.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> p = dnn.lipschitz.Profile(["0 Wx", "1 Wx"], [2, 2], [2, 2], [2, 1])
    >>> upper, lower = dnn.plotting.lipschitz_profile(p, Figure().subplots())
    >>> upper.get_ydata()  # 2 · 2 is certified
    array([2., 4.])
    >>> lower.get_ydata()
    array([2, 1])
    """
    instance(profile, Profile, "lipschitz_profile draws a Profile, lipschitz.profile(net, x)")
    ax, layers, kwargs = axes_or_current(ax), np.arange(len(profile.bound)), spelled_out(kwargs)
    bound = np.where(np.isfinite(profile.product), profile.product, np.nan)
    [upper] = ax.semilogy(layers, bound, label=label or "certified", **{"marker": "_", **kwargs})
    dotted = {"marker": "o", "linestyle": ":", "color": upper.get_color(), **kwargs}
    [lower] = ax.semilogy(
        layers, profile.measured_product, label=f"{label}: found" if label else "found", **dotted
    )
    ax.set(xlabel="after map number", ylabel="Lipschitz constant so far", xticks=layers)
    return [upper, lower]


def certified_accuracy(eps, certified, attacked=None, ax=None, label=None, **kwargs):
    """Accuracy in per cent against ε: certified, solid, and under attack, dotted, with the gap
    between them shaded; returns the lines.

    Other keywords are those of `ax.plot`.

    Parameters
    ----------
    eps : array, shape (n,)
        The sizes ε of perturbations.
    certified : array, shape (n,)
        Accuracies in [0, 1], as from `lipschitz.certified_accuracy`.
    attacked : array, shape (n,), default None
        The same, as from `attacks.attacked_accuracy`; None: no second line.
    ax : Axes, default None
        Where to draw; None: on the current one.
    label : str, default None
        Of the solid line.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> certified, attacked = dnn.plotting.certified_accuracy([0, 1], [1, 0.5], [1, 0.75], ax)
    >>> certified.get_ydata()  # per cent
    array([100.,  50.])
    >>> attacked.get_ydata()
    array([100.,  75.])
    """
    accuracies = {"certified": certified} | ({} if attacked is None else {"attacked": attacked})
    eps, certified, *attacked = row(eps=eps, **accuracies)
    for name, found in zip(accuracies, (certified, *attacked), strict=True):
        wrong = not ((found >= 0) & (found <= 1)).all()
        refuse(wrong, f"{name} must be accuracies in [0, 1], got {found}")
    ax, kwargs = axes_or_current(ax), spelled_out(kwargs)
    lines = ax.plot(eps, 100 * certified, label=label, **kwargs)
    for found in attacked:
        colour = lines[0].get_color()
        lines += ax.plot(eps, 100 * found, **{**kwargs, "color": colour, "linestyle": ":"})
        ax.fill_between(
            eps, 100 * certified, 100 * found, color=tint(colour, 0.12), linewidth=0, zorder=1
        )
    ax.set(xlabel=r"size of the perturbation $\varepsilon$", ylabel="accuracy (%)")
    return lines


def _in_time(t, states, least, shape):
    """Times (n,), and states (..., n, d)."""
    states, t = states_of(states, least, shape), real_numbers(t, "times must be")
    refuse(
        t.shape != states.shape[-2:-1],
        f"{states.shape[-2]} states need as many times, got times of shape {t.shape}",
    )
    return t, states
