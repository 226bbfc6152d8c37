"""`fit`: minimise a loss over θ, and say what happened on the way."""

import sys
import time

import numpy as np

from ..constraints import Constraint
from ..integrators import NotConverged
from ..losses import Loss
from ..maps import Map, array, dimension, generator, yes_or_no
from .checkpoint import Checkpoint, run_of
from .gradient import value_and_grad
from .optimisers import LBFGS, SGD, Adam
from .progress import Line


class TrainingDiverged(ArithmeticError):
    """The loss or its gradient stopped being finite; θ is the last for which both were. `.history` is what was recorded."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history

    def __reduce__(self):
        """Both arguments: it comes home from another process."""
        return type(self), (*self.args, self.history)


class History:
    """What `fit` recorded, an entry an epoch.

    loss: the mean over the epoch's batches; validation: the loss on the validation data; seconds: of training so far;
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
    checkpoint=None,
):
    """Minimise loss(net(x), y) over θ, in place; returns the History.

    x: (n, …, dim_in), a sample a row; y: targets, a row each; optimiser: Adam(1e-2) unless given; batch_size: samples
    a step, shuffled with `rng` each epoch, or None for all at once; constraints: objects such as Orthogonal(field.A), each
    projected before the first step and after every step, in this order; validation: (x, y) on which the loss is recorded
    each epoch; progress: one line that rewrites itself, on a terminal only; callback(epoch, history) after each
    epoch; checkpoint: the path of a file that is written after each epoch and its callback, all or nothing. Where it is there
    already, from the same call with perhaps fewer epochs, the training goes on from it: θ, the optimiser's memory, the
    random state and the history are what they were, to the last bit, however the run was ended.

    ValueError for NaN or infinite data (with its position), lengths that differ, an empty set, a batch size below 1, a
    checkpoint of another run, or with LBFGS. TrainingDiverged where the loss stops being finite, with θ as it was at the last
    finite one. Ctrl-C returns the history so far, with θ as it was after the last finished step.
    """
    optimiser = Adam(1e-2) if optimiser is None else optimiser
    _check_kinds(net, loss, optimiser)
    x, y = _check_data(x, y, "x", "y")
    if validation is not None:
        try:
            x_val, y_val = validation
        except (TypeError, ValueError):
            raise TypeError(f"validation must be a pair (x, y), got {validation!r}") from None
        validation = _check_data(x_val, y_val, "x of validation", "y of validation")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of the epoch and the history, got {callback!r}")
    epochs = dimension(epochs, "epochs")
    whole_batch = isinstance(optimiser, LBFGS)
    if whole_batch and batch_size is not None:
        raise ValueError(f"LBFGS takes the whole batch at once: leave batch_size out, got {batch_size}")
    batch_size = len(x) if batch_size is None else dimension(batch_size, "batch_size")
    constraints = _check_constraints(net, constraints)
    if whole_batch and constraints:
        raise ValueError(f"LBFGS moves freely and cannot keep constraints: take Adam, got {constraints}")
    if whole_batch and checkpoint is not None:
        raise ValueError(f"LBFGS keeps its memory to itself and cannot go on from a checkpoint: take Adam, got {checkpoint!r}")
    if checkpoint is not None:
        data = {"data": (x, y)} | ({} if validation is None else {"validation data": validation})
        checkpoint = Checkpoint(checkpoint, run_of(net, loss, optimiser, batch_size, constraints, **data))

    history, last, line = History(), time.perf_counter(), Line(yes_or_no(progress, "progress") and sys.stderr.isatty())

    def record(value):
        nonlocal last
        history.loss.append(float(value))
        if validation is not None:
            history.validation.append(_value(net, loss, *validation))
        now = time.perf_counter()
        history.seconds.append((history.seconds or [0.0])[-1] + now - last)
        last = now
        line.show("epoch", len(history.loss), "of", epochs, history)
        if callback is not None:
            callback(len(history.loss) - 1, history)

    try:
        if whole_batch:
            _minimise(net, loss, x, y, optimiser, epochs, record, history)
        else:
            rng = generator(rng)
            _descend(net, loss, x, y, optimiser, epochs, batch_size, constraints, rng, record, history, checkpoint)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        line.end()
    return history


def _descend(net, loss, x, y, optimiser, epochs, batch_size, constraints, rng, record, history, checkpoint):
    memory = optimiser.start(net.theta)
    if checkpoint is None or not checkpoint.restore(net.theta, memory, rng, history):
        for constraint in constraints:
            constraint.project()
    memory["blocks"] = [block for constraint in constraints for block in constraint.blocks(net.theta)]
    safe, finished = net.theta.copy(), net.theta.copy()  # after the last finite loss, and after the last whole step
    try:
        for _ in range(len(history.loss), epochs):
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
                finished[:] = net.theta
                total += value * len(order[k : k + batch_size])
            record(total / len(x))
            if checkpoint is not None:
                checkpoint.save(net.theta, memory, rng, history)
    except KeyboardInterrupt:
        net.theta = finished
        raise


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
    try:
        constraints = list(constraints)
    except TypeError:
        raise TypeError(f"constraints is a list, such as [Orthogonal(field.A)], got {constraints!r}") from None
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise TypeError(f"constraints must be objects such as Orthogonal(field.A), got {constraint!r}")
        for part in constraint.maps:
            if part.theta.size and not np.shares_memory(part.theta, net.theta):
                raise ValueError(f"{constraint!r} constrains {part!r}, which is no part of the network that is fitted")
    return constraints


def _check_data(x, y, x_name, y_name):
    x, y = array(x, f"{x_name} must hold a sample a row"), array(y, f"{y_name} must hold a sample a row")
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
