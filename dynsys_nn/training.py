"""Training: the gradient of a loss over a data set, optimisers, and `fit`.

An optimiser changes θ in place, one vector operation for the whole network, and keeps nothing on itself: its memory
is a dict that `start` makes, so the same object serves any number of networks.
"""

import sys
import time

import numpy as np

from .constraints import Constraint
from .integrators import NotConverged
from .losses import Loss
from .maps import Map, dimension


class TrainingDiverged(ArithmeticError):
    """The loss or its gradient stopped being finite; θ is the last for which both were. `.history` is what was recorded."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history


def value_and_grad(net, loss, x, y, adjoint=None):
    """J = loss(net(x), y) and ∂J/∂θ, flat like `net.theta`: one way forward, one way back.

    x: (..., dim_in); y: what the loss takes as target; adjoint: what is kept on the way forward: Stored(), all of it, unless
    given, Reversed() or Checkpoints(). ValueError where shapes do not fit.
    """
    if isinstance(loss, type):
        raise TypeError(f"loss must be an object: write {loss.__name__}(), not {loss.__name__}")
    if adjoint is not None and not hasattr(adjoint, "vjp") or isinstance(adjoint, type):
        raise TypeError(f"adjoint must be an object such as Checkpoints(), got {adjoint!r}")
    z, pullback = net.vjp(x) if adjoint is None else adjoint.vjp(net, x)
    value, dz = loss.vjp(z, y)
    return value, pullback(dz)[1]


class Optimiser:
    """How θ moves. `start(theta)` makes the memory of one training, a dict; `step(theta, g, memory)` changes both in place."""

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value:g}' for name, value in vars(self).items())})"


class SGD(Optimiser):
    """m ← momentum·m + g, θ ← θ − rate·m: (stochastic) gradient descent."""

    def __init__(self, rate=1e-2, momentum=0.0):
        self.rate, self.momentum = _positive(rate, "rate"), _fraction(momentum, "momentum")

    def start(self, theta):
        """m = 0."""
        return dict(m=np.zeros_like(theta))

    def step(self, theta, g, memory):
        """One step, in place."""
        m = memory["m"]
        m *= self.momentum
        m += g
        theta -= self.rate * m


class Adam(Optimiser):
    """m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², θ ← θ − rate·m̂/(√ŝ + ε), m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ).

    memory["blocks"] holds slices of θ in each of which s is one number, from the mean of g² over the block: a constraint on
    a whole matrix asks for it, `Constraint.blocks`. Source: Kingma and Ba, arXiv:1412.6980.
    """

    def __init__(self, rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.rate, self.eps = _positive(rate, "rate"), _positive(eps, "eps")
        self.beta1, self.beta2 = _fraction(beta1, "beta1"), _fraction(beta2, "beta2")

    def start(self, theta):
        """t = 0, m = 0, s = 0, and no blocks."""
        return dict(t=0, m=np.zeros_like(theta), s=np.zeros_like(theta), blocks=[])

    def step(self, theta, g, memory):
        """One step, in place."""
        memory["t"] += 1
        t, m, s = memory["t"], memory["m"], memory["s"]
        m += (1 - self.beta1) * (g - m)
        squares = g * g
        for block in memory["blocks"]:
            squares[block] = squares[block].mean()
        s += (1 - self.beta2) * (squares - s)
        theta -= self.rate / (1 - self.beta1**t) * m / (np.sqrt(s / (1 - self.beta2**t)) + self.eps)


class LBFGS(Optimiser):
    """Limited-memory BFGS of `scipy.optimize` on the whole batch: for small data and high accuracy.

    corrections: pairs (step, change of gradient) that approximate the Hessian. It stops after the epochs (iterations)
    of `fit`, where the gradient's largest entry falls below `gtol`, or where the line search finds no smaller loss.
    """

    def __init__(self, corrections=100, gtol=1e-14):
        self.corrections, self.gtol = dimension(corrections, "corrections"), _positive(gtol, "gtol")

    def minimise(self, value_and_gradient, theta, epochs, callback):
        """Call `callback(θ)` after each of at most `epochs` iterations."""
        from scipy.optimize import minimize

        minimize(
            value_and_gradient, theta, jac=True, method="L-BFGS-B", callback=callback,
            options=dict(maxcor=self.corrections, maxiter=epochs, maxfun=1_000_000_000, ftol=0.0, gtol=self.gtol, maxls=50),
        )  # fmt: skip


class History:
    """What `fit` recorded, an entry an epoch.

    loss: the mean over the epoch's batches; validation: the loss on the validation data; seconds: since the start;
    interrupted: True where Ctrl-C ended the training.
    """

    def __init__(self):
        self.loss, self.validation, self.seconds, self.interrupted = [], [], [], False

    def __str__(self):
        if not self.loss:
            return "no epoch finished"
        validation = f", validation {self.validation[-1]:.3g}" if self.validation else ""
        span = f"loss {self.loss[0]:.3g} → {self.loss[-1]:.3g}{validation}"
        return f"{len(self.loss)} epochs in {self.seconds[-1]:.1f} s: {span}"

    __repr__ = __str__


def fit(
    net,
    loss,
    x,
    y,
    optimiser=None,
    epochs=100,
    batch_size=None,
    constraints=(),
    validation=None,
    rng=None,
    progress=True,
    callback=None,
):
    """Minimise loss(net(x), y) over θ, in place; returns the History.

    x: (n, …, dim_in), a sample a row; y: targets, a row each; optimiser: Adam(1e-2) unless given; batch_size: samples
    a step, shuffled with `rng` each epoch, or None for all at once; constraints: objects such as Orthogonal(field.A), each
    projected before the first step and after every step, in this order; validation: (x, y) on which the loss is recorded
    each epoch; progress: one line that rewrites itself, on a terminal only; callback(epoch, history) after each
    epoch.

    ValueError for NaN or infinite data (with its position), lengths that differ, an empty set, a batch size below 1.
    TrainingDiverged where the loss stops being finite, with θ as it was at the last finite one. Ctrl-C returns the
    history so far.
    """
    optimiser = Adam(1e-2) if optimiser is None else optimiser
    _check_kinds(net, loss, optimiser)
    x, y = _check_data(x, y, "x", "y")
    if validation is not None:
        try:
            x_val, y_val = validation
        except (TypeError, ValueError):
            raise TypeError("validation must be a pair (x, y)") from None
        validation = _check_data(x_val, y_val, "x of validation", "y of validation")
    epochs = dimension(epochs, "epochs")
    whole_batch = isinstance(optimiser, LBFGS)
    if whole_batch and batch_size is not None:
        raise ValueError(f"LBFGS takes the whole batch at once: leave batch_size out, got {batch_size}")
    batch_size = len(x) if batch_size is None else dimension(batch_size, "batch_size")
    constraints = _check_constraints(net, constraints)
    if whole_batch and constraints:
        raise ValueError(f"LBFGS moves freely and cannot keep constraints: take Adam, got {constraints}")

    history, start, line = History(), time.perf_counter(), _Line(progress and sys.stderr.isatty())

    def record(value):
        history.loss.append(float(value))
        if validation is not None:
            history.validation.append(_value(net, loss, *validation))
        history.seconds.append(time.perf_counter() - start)
        line.show("epoch", len(history.loss), "of", epochs, history)
        if callback is not None:
            callback(len(history.loss) - 1, history)

    try:
        if whole_batch:
            _minimise(net, loss, x, y, optimiser, epochs, record, history)
        else:
            rng = np.random.default_rng(rng)
            _descend(net, loss, x, y, optimiser, epochs, batch_size, constraints, rng, record, history)
    except KeyboardInterrupt:
        history.interrupted = True
        for constraint in constraints:  # it may have come between a step and its projection
            constraint.project()
    finally:
        line.end()
    return history


def _descend(net, loss, x, y, optimiser, epochs, batch_size, constraints, rng, record, history):
    for constraint in constraints:
        constraint.project()
    blocks = [block for constraint in constraints for block in constraint.blocks(net.theta)]
    memory = optimiser.start(net.theta)
    memory["blocks"] = blocks
    safe = net.theta.copy()
    for _ in range(epochs):
        order = rng.permutation(len(x)) if batch_size < len(x) else np.arange(len(x))
        total = 0.0
        for k in range(0, len(x), batch_size):
            batch = order[k : k + batch_size] if batch_size < len(x) else slice(None)
            value, g, why = _attempt(net, loss, x[batch], y[batch])
            if why:
                net.theta = safe
                raise _diverged(history, f"at sample {k} of it: {why}")
            safe[:] = net.theta
            for constraint in constraints:
                g = constraint.tangent(g)
            optimiser.step(net.theta, g, memory)
            if not np.isfinite(net.theta).all():
                net.theta = safe
                raise _diverged(history, f"at sample {k} of it: the step is not finite")
            for constraint in constraints:
                constraint.project()
            total += value * len(order[k : k + batch_size])
        record(total / len(x))


def _minimise(net, loss, x, y, optimiser, epochs, record, history):
    safe = net.theta.copy()
    value, _, why = _attempt(net, loss, x, y)
    if why:
        raise _diverged(history, f"at the start: {why}")
    values = dict(accepted=float(value), tried=float(value))

    def value_and_gradient(theta):
        net.theta = theta
        value, g, why = _attempt(net, loss, x, y)
        values["tried"] = float(value)
        if not why:
            return float(value), g.astype(float)
        back = theta - safe  # a wall whose slope points back to the accepted θ: the line search takes a shorter step
        height = 10 * (abs(values["accepted"]) + 1)
        return values["accepted"] + height, 2 * height * back / (back @ back)

    def accept(theta):
        known = np.array_equal(net.theta, theta.astype(net.theta.dtype))  # it was the last one tried
        net.theta = safe[:] = theta
        value = values["tried"] if known else _value(net, loss, x, y)
        values["accepted"] = value
        record(value)

    try:
        optimiser.minimise(value_and_gradient, net.theta.astype(float), epochs, accept)
    finally:
        net.theta = safe


def _value(net, loss, x, y):
    """The loss as a number; NaN where an implicit layer has no solution."""
    try:
        return float(loss(net(x), y))
    except NotConverged:
        return np.nan


def _attempt(net, loss, x, y):
    """Value, gradient, and why the training cannot go on from here ("" where it can)."""
    try:
        value, g = value_and_grad(net, loss, x, y)
    except NotConverged as error:  # an implicit layer has no solution here
        return np.nan, np.full_like(net.theta, np.nan), str(error)
    if np.isfinite(value) and np.isfinite(g).all():
        return value, g, ""
    return value, g, f"the loss is {value}{'' if np.isfinite(g).all() else ', and its gradient is not finite'}"


def _diverged(history, where):
    advice = "a smaller rate or step h, or smaller initial parameters, may help"
    return TrainingDiverged(
        f"training diverged in epoch {len(history.loss)}, {where}. θ is as it was at the last finite loss; {advice}",
        history,
    )


class _Line:
    """One line on the terminal that rewrites itself, at most ten times a second; nothing elsewhere."""

    def __init__(self, active):
        self.active, self.text, self.shown = active, "", 0.0

    def show(self, *words):
        if self.active:
            self.text = " ".join(map(str, words))
            if time.perf_counter() - self.shown > 0.1:
                self.shown = time.perf_counter()
                sys.stderr.write(f"\r\x1b[K{self.text}")
                sys.stderr.flush()

    def end(self):
        if self.text:
            sys.stderr.write(f"\r\x1b[K{self.text}\n")


def _check_kinds(net, loss, optimiser):
    for thing, name, kind, example in (
        (net, "net", Map, "Network(…)"), (loss, "loss", Loss, "MeanSquaredError()"),
        (optimiser, "optimiser", (SGD, Adam, LBFGS), "Adam(1e-2)"),
    ):  # fmt: skip
        if isinstance(kind, type) and not isinstance(thing, kind) or isinstance(thing, type):
            raise TypeError(f"{name} must be an object such as {example}, got {thing!r}")
    if not (isinstance(optimiser, LBFGS) or hasattr(optimiser, "start") and hasattr(optimiser, "step")):
        raise TypeError(
            f"optimiser must have start(theta) and step(theta, g, memory), or be LBFGS(), got {optimiser!r}"
        )
    if net.theta.size == 0:
        raise ValueError(f"{net!r} has no parameters to fit")


def _check_constraints(net, constraints):
    if isinstance(constraints, Constraint):
        raise TypeError(f"constraints is a list: write constraints=[{constraints!r}]")
    constraints = list(constraints)
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise TypeError(f"constraints must be objects such as Orthogonal(field.A), got {constraint!r}")
        for part in constraint.maps:
            if part.theta.size and not np.shares_memory(part.theta, net.theta):
                raise ValueError(f"{constraint!r} constrains {part!r}, which is no part of the network that is fitted")
    return constraints


def _check_data(x, y, x_name, y_name):
    x, y = np.asarray(x), np.asarray(y)
    for a, name in ((x, x_name), (y, y_name)):
        if a.ndim == 0 or (a.ndim == 1 and name.startswith("x")):
            raise ValueError(
                f"{name} must hold a sample a row, got shape {a.shape}; a single sample is {name[0]}[None]"
            )
        if a.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold real numbers, got an array of dtype {a.dtype}")
        bad = np.argwhere(~np.isfinite(a))
        if len(bad):
            where = tuple(map(int, bad[0]))
            raise ValueError(f"{name} must be finite, but {name}{list(where)} is {a[where]} ({len(bad)} such entries)")
    if len(x) != len(y):
        raise ValueError(f"{x_name} and {y_name} must have the same length, got {len(x)} and {len(y)}")
    if len(x) == 0:
        raise ValueError(f"{x_name} and {y_name} are empty: there is nothing to fit")
    return x, y


def _positive(value, name):
    if not isinstance(value, float | int | np.number) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    return value


def _fraction(value, name):
    if not isinstance(value, float | int | np.number) or not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value!r}")
    return value
