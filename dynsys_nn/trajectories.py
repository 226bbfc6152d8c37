"""Trajectories: steps between times that are given, the first state in front; where they meet a
surface; and all of their intervals at the same time."""

import warnings

import numpy as np

from .arguments import (
    Given,
    WrongResult,
    array,
    dimension,
    function,
    instance,
    number_entries,
    refuse,
    states,
)
from .flows import not_a_flow
from .integrators import RK4, Method, NotConverged, Slides, crossing
from .maps import Map

__all__ = ["parareal", "poincare_section", "trajectory"]


def trajectory(field, x0, t, method=RK4()):
    """x₀, x₁, …, x_n at the times t₀, t₁, …, t_n: x_{k+1} = Ψ^h(x_k), h = t_{k+1} − t_k.

    A function and no map: it has no adjoint. To learn from trajectories take a Rollout of a Flow,
    which has one. Any number of methods may step one field. All states of a batch share the times;
    for a time of its own for each take OwnTime(field). A field that depends on time goes by the
    clock in its states: t only says how far.

    Parameters
    ----------
    field : Map, d → d
        The vector field X, learned or known.
    x0 : array, shape (..., d)
        The states at t₀.
    t : array, shape (n + 1,)
        Times that go one way, forward or backward, in steps of any size; of one time, n = 0, there
        is x0 alone.
    method : Method, default RK4()
        How to step.

    Returns
    -------
    array, shape (..., n + 1, d)
        The states at the times t, x0 in front. If one of them is not finite, a RuntimeWarning names
        the time; those before it, and those of the others in the batch, are what they are.

    Raises
    ------
    ValueError
        If x0 or t is not finite, or t has another shape or does not go one way.
    TypeError
        If the method cannot step the field.
    NotConverged
        If an implicit step has no solution; it names the time.
    RuntimeError
        If a step of Switching slides; it names the time, too.

    Examples
    --------
    >>> X, x0, t = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0]), np.linspace(0, 6, 61)
    >>> path = dnn.trajectory(X, x0, t)
    >>> path.shape
    (61, 2)
    >>> bool(abs(path[:, 0] - np.cos(t)).max() < 1e-5)
    True
    >>> for method in dnn.Euler(), dnn.StormerVerlet():
    ...     H = X.invariants["energy"](dnn.trajectory(X, x0, t, method))
    ...     print(method, abs(H - H[0]).max().round(3))
    Euler() 0.408
    StormerVerlet() 0.001
    >>> two = dnn.Rollout(dnn.Flow(X, 0.5), 2)(x0)  # without x0, but with an adjoint
    >>> np.array_equal(dnn.trajectory(X, x0, [0, 0.5, 1], dnn.Euler())[1:], two)
    True
    """
    x, t = start(field, x0, t, method, "trajectory")
    path = np.stack([x, *[y for *_, y in steps(field, x, t, method)]], axis=-2)
    lost = ~np.isfinite(path).all(axis=(*range(path.ndim - 2), -1))
    warn_of(t[lost], "trajectory")
    return path


def poincare_section(field, x0, t, event, method=RK4(), direction=1):
    """The times and states at which g(x) = 0 along a trajectory, from x0 at t₀, through t₁, …, t_n.

    Where a step Ψ^h leads from one sign of g to the other, the θ of [0, 1] with g(Ψ^{θh}(x)) = 0 is
    found to rounding, for each state of a batch by itself: the points have the order of the method.
    Two crossings in one step are not seen; a trajectory that starts on the surface crosses it when
    it returns.

    Parameters
    ----------
    field : Map, d → d
        The vector field X.
    x0 : array, shape (..., d)
        The states at t₀.
    t : array, shape (n + 1,)
        The times of the steps, which go one way; no state in between is kept.
    event : function, (..., d) → (...), or Map, d → 1
        g, as lambda x: x[..., 0].
    method : Method, default RK4()
        How to step.
    direction : 1, −1 or 0, default 1
        Which crossings count, in the order of the steps: to g > 0, to g < 0, or both.

    Returns
    -------
    times, states : array, shape (m,), and array, shape (m, d)
        Of m crossings, in the order of the trajectory. For a batch of states two lists of such
        arrays, in the order of the batch.

    Raises
    ------
    ValueError
        As `trajectory`, and if the direction is another one, or the event is NaN at a finite state.

    Examples
    --------
    A pendulum passes the bottom to the right once in a period, at its largest speed:

    >>> X, t = dnn.systems.pendulum(), np.arange(0, 30, 0.05)
    >>> times, states = dnn.poincare_section(X, [1.0, 0.0], t, lambda x: x[..., 0])
    >>> np.diff(times).round(6)  # 4K(sin ½) = 6.69997566…
    array([6.699976, 6.699976, 6.699976])
    >>> bool(abs(states[:, 0]).max() < 1e-15)
    True
    >>> batch = np.array([[1.0, 0.0], [2.0, 0.0]])
    >>> [len(times) for times in dnn.poincare_section(X, batch, t, lambda x: x[..., 0])[0]]
    [4, 3]
    """
    refuse(
        not isinstance(direction, int | np.integer) or direction not in (-1, 0, 1),
        f"direction must be 1, −1 or 0, got {direction!r}",
    )
    x, t = start(field, x0, t, method, "poincare_section")
    refuse(np.iscomplexobj(x), "poincare_section needs real states, got complex ones", TypeError)
    g, points, lost = level_of(event), x.reshape(-1, x.shape[-1]), []
    found = [[] for _ in points]
    before = g(points)
    for t_k, h, y, z in steps(field, points, t, method):
        after = g(z)
        up, down = (before < 0) & (after >= 0), (before > 0) & (after <= 0)
        for k in np.flatnonzero((direction >= 0) & up | (direction <= 0) & down).tolist():
            one = y[k : k + 1]
            tau = crossing(method, field, one, h, g, 1 if up[k] else -1)
            found[k].append((t_k + tau, method._step(field, one, tau)[0]))
        lost += [] if np.isfinite(z).all() else [t_k + h]
        before = after
    warn_of(lost, "poincare_section")
    times = [np.array([time for time, _ in its]) for its in found]
    states = [np.array([z for _, z in its], x.dtype).reshape(-1, x.shape[-1]) for its in found]
    return (times, states) if x.ndim > 1 else (times[0], states[0])


def parareal(coarse, fine, x0, n, iterations):
    """xⁱ₀, …, xⁱₙ for i = 0, …, m: x⁰_{k+1} = G(x⁰_k), xⁱ⁺¹_{k+1} = F(xⁱ_k) + G(xⁱ⁺¹_k) − G(xⁱ_k).

    F and G both take a state over one interval, F well and G quickly: few steps, or a network that
    has learned it. The values of F, which cost most, do not wait for each other: here all n of them
    are a batch. Up to k = i the states xⁱ_k are Fᵏ(x₀), but for rounding, so that m = n is never
    needed; where G is good a few iterations do. What is linear and kept by both F and G is kept by
    each iterate. A function and no map: it has no adjoint. Source: Lions, Maday and Turinici, C. R.
    Acad. Sci. Paris 332 (2001).

    Parameters
    ----------
    coarse, fine : Map, d → d
        G and F.
    x0 : array, shape (..., d)
        x₀, the same in each iterate.
    n : int
        How many intervals.
    iterations : int
        m ≥ 0; of m = 0 there is what G does alone.

    Returns
    -------
    array, shape (m + 1, ..., n + 1, d)
        All iterates, the one of G alone in front; the last one is the best.

    Raises
    ------
    TypeError
        If coarse or fine is not a Map.
    ValueError
        If they are not ℝᵈ → ℝᵈ with the same d, if x0 is not finite, or n or m too small.

    Examples
    --------
    >>> X, x0 = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0])
    >>> G, F = dnn.Flow(X, 0.5, dnn.Heun()), dnn.Flow(X, 0.01, dnn.RK4(), steps=50)
    >>> x = dnn.parareal(G, F, x0, n=20, iterations=5)
    >>> x.shape
    (6, 21, 2)
    >>> errors = np.linalg.norm(x[:, -1] - [np.cos(10), -np.sin(10)], axis=-1)
    >>> print(*[f"{error:.0e}" for error in errors])
    4e-01 9e-02 1e-02 1e-03 7e-05 3e-06
    """
    n, m = dimension(n, "n"), dimension(iterations, "iterations", least=0)
    for name, F in (("coarse", coarse), ("fine", fine)):
        instance(F, Map, f"{name} of parareal must be a map over one interval")
        refuse(
            F.dim_in != F.dim_out or F.sequence,
            f"{name} of parareal must be a map ℝᵈ → ℝᵈ, got {F!r}",
        )
    refuse(
        coarse.dim_in != fine.dim_in,
        f"parareal needs two maps of one dimension, got {coarse.dim_in} and {fine.dim_in}",
    )
    x0 = states(fine, x0)
    refuse(not np.isfinite(x0).all(), "parareal needs finite states, got a NaN or infinity")
    nothing = np.zeros((n, *x0.shape), x0.dtype)
    x = corrected(coarse, x0, nothing, nothing)
    iterates = [x]
    for _ in range(m):
        x = corrected(coarse, x0, fine._value(x[:-1]), coarse._value(x[:-1]))
        iterates.append(x)
    return np.moveaxis(np.stack(iterates), 1, -2)


def start(field, x0, t, method, what):
    """The states and the times, as arrays, of a trajectory of that method; an error that says what
    does not fit."""
    instance(method, Method, "method must be a method object such as RK4()").require(field)
    not_a_flow(field, what)
    x, t = states(field, x0), array(t, f"{what} needs an array of times")
    refuse(not np.isfinite(x).all(), f"{what} needs finite states, got a NaN or infinity")
    if t.dtype.kind not in "fiu":
        raise TypeError(f"{what} needs real times, got {t!r}")
    t = t.astype(float)
    refuse(
        t.ndim != 1 or not t.size,
        f"{what} needs times t₀, …, t_n, got shape {t.shape}"
        f"{': for a time of its own for each state take OwnTime(field)' if t.ndim > 1 else ''}",
    )
    h = np.diff(t)
    if not np.isfinite(t).all() or not ((h > 0).all() or (h < 0).all()):
        raise ValueError(f"{what} needs finite times that go one way, got {t}")
    return x, t


def steps(field, x, t, method):
    """t_k, h = t_{k+1} − t_k, x_k and x_{k+1} for k = 0, …, n − 1."""
    for t_k, h in zip(t[:-1].tolist(), np.diff(t).tolist(), strict=True):
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                y = method._step(field, x, h)
        except (NotConverged, Slides) as error:
            raise type(error)(f"at t = {t_k:g}: {error}") from error
        yield t_k, h, x, y
        x = y


def corrected(coarse, x0, F, G):
    """x₀, …, x_n with x_{k+1} = F_k + (G(x_k) − G_k): F_k alone where x_k is what it was."""
    x = [x0]
    for F_k, G_k in zip(F, G, strict=True):
        x.append(F_k + (coarse._value(x[-1]) - G_k))
    return np.stack(x)


def warn_of(times, what):
    """A RuntimeWarning that names the first of the times, if there is one, at which a state was not
    finite."""
    if len(times):
        warnings.warn(
            f"{what}: at t = {times[0]:g} a state is no longer finite: take smaller steps, or "
            "another method",
            RuntimeWarning,
            stacklevel=3,
        )


def signed(y):
    """y; WrongResult if these are truth values, which do not change their sign."""
    if np.asarray(y).dtype == bool:
        raise WrongResult(
            "event must return numbers whose sign changes, as lambda x: x[..., 0] does; it "
            "returned truth values"
        )
    return y


def defined(y, x):
    """y, values of an event at states x; WrongResult if one is NaN where the state is finite."""
    if (nan := np.isnan(y) & np.isfinite(x).all(axis=-1)).any():
        raise WrongResult(f"event is NaN at a finite state, {x[nan][0]}")
    return y


def level_of(event):
    """g, (..., d) → (...), of a function, or of a Map ℝᵈ → ℝ¹."""
    if not isinstance(event, Map):
        function(event, "event")
        g = Given(lambda x: signed(event(x)), "event", number_entries)
        return lambda x: defined(g(x), x)
    refuse(
        event.dim_out not in (1, ()) or event.sequence,
        f"event must be a function of states, or a map ℝᵈ → ℝ¹, got {event!r}",
    )
    return lambda x: defined(event._value(x).reshape(x.shape[:-1]), x)
