"""Ways to the gradient of a deep network that differ in what they keep on the way forward, and the
continuous adjoint.

Backpropagation needs the states in reverse order. Keep them all (Stored), keep some and compute the
rest again (Checkpoints), or keep none and run the flow backwards by its explicit inverse
(Reversed): all three give the exact derivative of the discrete network, up to rounding. The
continuous adjoint solves a differential equation instead, and gives the derivative of something
else: of the exact flow, to a tolerance, and only where the flow can be run backwards.
"""

import math
import warnings

import numpy as np

from .arguments import (
    Described,
    covector,
    dimension,
    finite,
    finite_states,
    instance,
    positive,
)
from .fields import Field
from .flows import Evaluations, Flow, finite_at_start, solver
from .linear import Affine, LinearMap
from .maps import Map, flattened, place_of

__all__ = ["Checkpoints", "Reversed", "Stored", "continuous_adjoint"]


class Stored(Described):
    """Keep all that the pullbacks need: memory proportional to the depth, one way forward and one
    way back.

    Examples
    --------
    ⟨w, F′(x)v⟩ = ⟨F′(x)ᵀw, v⟩, through fifty layers:

    >>> F = dnn.Flow(dnn.ResidualField.random(2, width=5, rng=0), 0.02, dnn.Heun(), steps=50)
    >>> x, v, w = np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([2.0, 1.0])
    >>> y, pullback = dnn.Stored().vjp(F, x)
    >>> dx, dtheta = pullback(w)
    >>> _, dy = F.jvp(x, v)
    >>> bool(abs(w @ dy - dx @ v) < 1e-13)
    True
    """

    def vjp(self, net, x):
        """net(x) and its pullback, as `net.vjp(x)`."""
        return net.vjp(x)


class Reversed(Described):
    """Keep the last state, and get x_k back from x_{k+1} by the explicit inverse of step k: memory
    independent of the depth.

    Linear maps, and affine ones, keep their input. On the way back rounding errors grow as the
    inverse steps stretch them: a RuntimeWarning is issued if a reconstructed state (x₀, or the
    output of a linear map) has a relative error above `tolerance` (float > 0, default None: 1e-6,
    and 1e-3 in float32) in the worst sample: the gradient cannot be trusted. NotImplementedError
    for a step without an explicit inverse. Source: Gomez, Ren, Urtasun and Grosse, The reversible
    residual network, arXiv:1707.04585.

    Examples
    --------
    >>> X, x = dnn.PartitionedField.random(4, width=5, rng=0), np.ones((3, 4))
    >>> F = dnn.Flow(X, 0.1, dnn.StormerVerlet(), steps=50)
    >>> y, pullback = dnn.Reversed().vjp(F, x)
    >>> _, stored_pullback = dnn.Stored().vjp(F, x)
    >>> np.allclose(pullback(y)[1], stored_pullback(y)[1])  # the same gradient in θ
    True
    """

    def __init__(self, tolerance=None):
        self.tolerance = None if tolerance is None else positive(tolerance, "tolerance")

    def vjp(self, net, x):
        """net(x) and its pullback."""
        steps, x0 = single_steps(net), net.state(x)
        y, inputs = x0, []
        for F, before in zip(steps, [None, *steps], strict=False):
            inputs.append(y if F.linear else None)
            y = F(y)
            if not F.linear and F is not before:  # fail now rather than after the forward pass
                F.inverse(y.reshape(-1, F.F.dim_out)[:1])

        def pullback(w):
            w, state, lost = covector(net, w, y), y, 0.0
            dtheta = np.zeros(net._size, np.result_type(net._dtype or w, w, y))
            for F, known in zip(reversed(steps), reversed(inputs), strict=True):
                if known is None:
                    state = F.inverse(state)
                else:
                    lost = np.maximum(lost, relative_error(state, F(known)))  # a NaN stays
                    state = known
                w, d = F.vjp(state)[1](w)
                dtheta[F.part] += d
            tolerance = self.tolerance or (1e-3 if y.dtype == np.float32 else 1e-6)
            warn_of_a_lost_state(np.maximum(lost, relative_error(state, x0, y)), tolerance)
            return w, dtheta

        return y, pullback


class Checkpoints(Described):
    """Keep some states, and compute those between again from the last one that was kept.

    budget: int ≥ 1, default None. Without one, every √L-th of L is kept, and each step is taken
    twice forward and once back. With a budget of c states the binomial schedule takes no step more
    than t times again, t the smallest with L ≤ C(c + t, t), and all of them together t L −
    C(c + t, t − 1) times: the least that is possible. Source: Griewank and Walther, Algorithm 799:
    revolve, ACM Trans. Math. Softw. 26 (2000).

    Examples
    --------
    20 = C(3 + 3, 3) steps with a budget of c = 3 states, so that t = 3:

    >>> calls = []
    >>> class Decay(dnn.Field):
    ...     dim_in = dim_out = 1
    ...
    ...     def __call__(self, x):
    ...         calls.append(x)
    ...         return -x
    ...
    ...     def vjp(self, x):
    ...         return -x, lambda w: (-w, np.zeros(0))
    >>> y, pullback = dnn.Checkpoints(budget=3).vjp(dnn.Flow(Decay(), 0.1, steps=20), np.ones(1))
    >>> dx, dtheta = pullback(np.ones(1))
    >>> len(calls) - 20  # steps that were taken again: 3 · 20 − C(6, 2)
    45
    >>> bool(abs(dx[0] - 0.9**20) < 1e-15)
    True
    """

    def __init__(self, budget=None):
        self.budget = None if budget is None else dimension(budget, "budget")

    def vjp(self, net, x):
        """net(x) and its pullback."""
        steps, x0 = single_steps(net), net.state(x)
        stride = math.isqrt(len(steps) - 1) + 1 if self.budget is None else len(steps)
        y, kept = x0, []
        for k, F in enumerate(steps):
            if k % stride == 0:
                kept.append((steps[k : k + stride], y))
            y = F(y)

        def pullback(w):
            w = covector(net, w, y)
            dtheta = np.zeros(net._size, np.result_type(net._dtype or w, w, y))
            for segment, start in reversed(kept):
                w = back_through(segment, start, w, dtheta, self.budget)
            return w, dtheta

        return y, pullback


def back_through(steps, x, w, dtheta, budget):
    """The covector before the steps, from x forward and from w back; gradients are added to dtheta.
    With a budget there is room for so many states, x among them, and none is kept but for the steps
    since the last of them."""
    kept, end = [(0, x)], len(steps)  # states, each with the number of steps before it
    while kept:
        start, x = kept[-1]
        room = budget and budget - len(kept) + 1
        if room and end - start > 1:
            m = start + binomial_split(end - start, room)
            for F in steps[start:m]:
                x = F(x)
            kept.append((m, x))
            continue
        pullbacks = []
        for F in steps[start:end]:
            x, pullback = F.vjp(x)
            pullbacks.append(pullback)
        for F in reversed(steps[start:end]):
            w, d = pullbacks.pop()(w)
            dtheta[F.part] += d
        end, _ = kept.pop()
    return w


def binomial_split(n, budget):
    """How many of n steps to advance before the next state is kept: n − C(c − 1 + t, t), or if that
    is more C(c + t − 2, t − 2), t the smallest with n ≤ C(c + t, t)."""
    t = next(t for t in range(n) if math.comb(budget + t, t) >= n)
    least = math.comb(budget + t - 2, t - 2) if t > 1 else 1  # so many are taken t − 2 times again
    return max(least, n - math.comb(budget - 1 + t, t))


class SingleStep:
    """One step of a Flow, or one map, of a network, and where its θ lies in that of the network."""

    def __init__(self, F, net):
        self.F, self.part, self.flow = F, place_of(F, net), isinstance(F, Flow)
        self.linear = isinstance(F, LinearMap | Affine)

    def __call__(self, x):
        return self.F.method._step(self.F.field, x, self.F.h) if self.flow else self.F._value(x)

    def vjp(self, x):
        return self.F._step_vjp(x) if self.flow else self.F._vjp(x)

    def inverse(self, y):
        return (
            self.F.method._inverse(self.F.field, y, self.F.h) if self.flow else self.F._inverse(y)
        )


def single_steps(F):
    """The maps of a network, nested networks flattened, and a flow of n steps as n of them."""
    instance(F, Map, "an adjoint needs a network")
    return [
        step
        for G in flattened(F)
        for step in [SingleStep(G, F)] * (G.steps if isinstance(G, Flow) else 1)
    ]


def continuous_adjoint(
    field,
    x,
    t,
    rtol=1e-6,
    atol=1e-9,
    method="RK45",
    tolerance=1e-3,
    evaluations=200_000,
):
    """φ^t(x) and its pullback w ↦ (∂φ^t/∂x)ᵀw, (∂φ^t/∂θ)ᵀw by the adjoint equation, solved
    backwards in time:

        ẋ = X(x),  λ̇ = −X′(x)ᵀλ,  ġ = −(∂X/∂θ)ᵀλ,  λ(t) = w,  g(t) = 0,  and then λ(0) and g(0).

    The states, too, are solved backwards, so that nothing is kept: that is the method, and its
    weakness. If ẋ = X(x) contracts, the way back expands, and the state is lost at any tolerance: λ
    and g are then wrong, and a RuntimeWarning is issued. Backpropagation through the steps of a
    method (`Flow.vjp`) has no such trouble. Sources: Chen et al., arXiv:1806.07366; Gholami,
    Keutzer and Biros, ANODE, arXiv:1902.10298.

    Parameters
    ----------
    field : Field
        With vjp, in float64; p is the length of its θ.
    x : array, shape (..., d)
    t : float
        Of either sign.
    rtol : float > 0, default 1e-6
        The relative tolerance of scipy's solve_ivp.
    atol : float > 0, default 1e-9
        Its absolute tolerance.
    method : str, default "RK45"
        The name of its method.
    tolerance : float > 0, default 1e-3
        RuntimeWarning if the x₀ that comes out has a larger relative error.
    evaluations : int, default 200_000
        How many evaluations of the field, and then of its adjoint, are allowed.

    Returns
    -------
    y : array, shape (..., d)
        φ^t(x).
    pullback : function
        w, (..., d) → dx, (..., d), and dtheta, (p,), summed over the batch.

    Raises
    ------
    TypeError
        If the field is not a Field in float64.
    ValueError
        If t, x, the field or its adjoint is not finite.
    RuntimeError
        If a solution does not reach its end within so many evaluations.

    Examples
    --------
    The flow of the oscillator is a turn, and the adjoint of a turn is the turn back:

    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> y, pullback = dnn.continuous_adjoint(X, x, t=1.0)
    >>> dx, dtheta = pullback(y)
    >>> bool(abs(dx - x).max() < 1e-5)  # up to the tolerances, not to rounding
    True
    """
    x = instance(field, Field, "the continuous adjoint is that of a vector field").state(x)
    x, t = finite_states(x, "the continuous adjoint"), finite(t, "t")
    options = {"rtol": positive(rtol, "rtol"), "atol": positive(atol, "atol")}
    options["method"] = solver(method)
    tolerance, d = positive(tolerance, "tolerance"), x.shape[-1]
    evaluations = dimension(evaluations, "evaluations")

    def solve(rhs, span, start):
        return Evaluations(evaluations).solve(rhs, span, start, t_eval=span[-1:], **options)[:, -1]

    def X(_, state):
        return field._value(state.reshape(x.shape)).ravel()

    def adjoint_equation(_, z):
        state, adjoint = z[: 2 * x.size].reshape(2, *x.shape)
        value, pullback_X = field._vjp(state)
        dx, dtheta = pullback_X(adjoint)
        return np.concatenate([value.ravel(), -dx.ravel(), -dtheta])

    finite_at_start(field._value(x).reshape(-1, d), "the continuous adjoint")
    y = solve(X, (0.0, t), x.ravel()).reshape(x.shape)

    def pullback(w):
        z = np.concatenate([y.ravel(), covector(field, w, x).ravel(), np.zeros(field._size)])
        finite_at_start(adjoint_equation(t, z)[: 2 * x.size].reshape(-1, d), "the adjoint equation")
        z = solve(adjoint_equation, (t, 0.0), z)
        x_again, dx = z[: 2 * x.size].reshape(2, *x.shape)
        warn_of_a_lost_state(relative_error(x_again, x, y), tolerance)
        return dx, z[2 * x.size :]

    return y, pullback


def relative_error(rebuilt, x, other=1.0):
    """max ‖rebuilt − x‖/‖x‖ over the samples; those of size 0, nearly, over 1e-3 of the largest, or
    the size of `other`."""
    with np.errstate(over="ignore", invalid="ignore"):
        gap, size = np.linalg.norm(rebuilt - x, axis=-1), np.linalg.norm(x, axis=-1)
        least = 1e-3 * np.max(size, initial=0.0) or np.linalg.norm(other) or 1.0
        return float(np.max(gap / np.maximum(size, least), initial=0.0))


def warn_of_a_lost_state(error, tolerance):
    """RuntimeWarning if a state, computed backwards, is not the state that was."""
    if not error <= tolerance:
        warnings.warn(
            "the state was lost on the way back: x₀ is rebuilt with a relative error of "
            f"{error:.1e}, and the gradient cannot be trusted; keep the states, Stored() or "
            "Checkpoints(), or take fewer or smaller steps",
            RuntimeWarning,
            stacklevel=3,
        )
