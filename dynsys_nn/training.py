"""Training: the gradient of a loss over a data set, optimisers, and `fit`.

An optimiser changes θ in place, one vector operation for the whole network, and keeps nothing on itself: its memory
is a dict that `start` makes, so the same object serves any number of networks.
"""

import sys
import time
from dataclasses import dataclass, field

import numpy as np

from .losses import Loss
from .maps import Map, dimension


class TrainingDiverged(ArithmeticError):
    """The loss or its gradient stopped being finite; θ is the last for which both were. `.history` is what was recorded."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history


def value_and_grad(net, loss, x, y):
    """J = loss(net(x), y) and ∂J/∂θ, flat like `net.theta`: one way forward, one way back.

    x: (..., dim_in); y: what the loss takes as target. ValueError where shapes do not fit.
    """
    z, pullback = net.vjp(x)
    value, dz = loss.vjp(z, y)
    return value, pullback(dz)[1]


@dataclass
class SGD:
    """m ← momentum·m + g, θ ← θ − rate·m: (stochastic) gradient descent."""

    rate: float = 1e-2
    momentum: float = 0.0

    def __post_init__(self):
        _check_rate(self.rate)
        _check_fraction(self.momentum, "momentum")

    def start(self, theta):
        """The memory for one training: m = 0."""
        return dict(m=np.zeros_like(theta))

    def step(self, theta, g, memory):
        """One step, in place, on θ and the memory."""
        memory["m"] *= self.momentum
        memory["m"] += g
        theta -= self.rate * memory["m"]


@dataclass
class Adam:
    """m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², θ ← θ − rate·m̂/(√ŝ + ε), m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ).

    Source: Kingma and Ba, arXiv:1412.6980.
    """

    rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self):
        _check_rate(self.rate)
        _check_fraction(self.beta1, "beta1")
        _check_fraction(self.beta2, "beta2")

    def start(self, theta):
        """The memory for one training: t = 0, m = 0, s = 0."""
        return dict(t=0, m=np.zeros_like(theta), s=np.zeros_like(theta))

    def step(self, theta, g, memory):
        """One step, in place, on θ and the memory."""
        memory["t"] += 1
        t, m, s = memory["t"], memory["m"], memory["s"]
        m += (1 - self.beta1) * (g - m)
        s += (1 - self.beta2) * (g * g - s)
        theta -= self.rate / (1 - self.beta1**t) * m / (np.sqrt(s / (1 - self.beta2**t)) + self.eps)


@dataclass
class LBFGS:
    """Limited-memory BFGS of `scipy.optimize` on the whole batch: for small data and high accuracy.

    corrections: pairs (step, change of gradient) that approximate the Hessian. It stops after the epochs (iterations)
    of `fit`, where the gradient's largest entry falls below `gtol`, or where the line search finds no smaller loss.
    """

    corrections: int = 100
    gtol: float = 1e-14

    def __post_init__(self):
        self.corrections = dimension(self.corrections, "corrections")

    def minimise(self, value_and_gradient, theta, epochs, callback):
        """Call `callback(θ)` after each of at most `epochs` iterations."""
        from scipy.optimize import minimize

        minimize(
            value_and_gradient, theta, jac=True, method="L-BFGS-B", callback=callback,
            options=dict(maxcor=self.corrections, maxiter=epochs, maxfun=1_000_000_000, ftol=0.0, gtol=self.gtol, maxls=50),
        )  # fmt: skip


@dataclass
class History:
    """What `fit` recorded, an entry an epoch: mean loss over its batches, loss on the validation data, seconds since the start."""

    loss: list = field(default_factory=list)
    validation: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    interrupted: bool = False

    def __str__(self):
        if not self.loss:
            return "no epoch finished"
        validation = f", validation {self.validation[-1]:.3g}" if self.validation else ""
        return f"{len(self.loss)} epochs in {self.seconds[-1]:.1f} s: loss {self.loss[0]:.3g} → {self.loss[-1]:.3g}{validation}"


def fit(
    net,
    loss,
    x,
    y,
    optimiser=None,
    epochs=100,
    batch_size=None,
    validation=None,
    rng=None,
    progress=True,
    callback=None,
):
    """Minimise loss(net(x), y) over θ, in place; returns the History.

    x: (n, …, dim_in), a sample a row; y: targets, a row each; optimiser: Adam(1e-2) unless given; batch_size: samples
    a step, shuffled with `rng` each epoch, or None for all at once; validation: (x, y) on which the loss is recorded
    each epoch; progress: one line that rewrites itself, on a terminal only; callback(epoch, history) after each
    epoch.

    ValueError for NaN or infinite data (with its position), lengths that differ, an empty set, a batch size below 1.
    TrainingDiverged where the loss stops being finite, with θ as it was before. Ctrl-C returns the history so far.
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

    history, start, line = History(), time.perf_counter(), _Line(progress and sys.stderr.isatty())

    def record(value):
        history.loss.append(float(value))
        if validation is not None:
            history.validation.append(float(loss(net(validation[0]), validation[1])))
        history.seconds.append(time.perf_counter() - start)
        line.show(f"epoch {len(history.loss)}/{epochs}  {history}")
        if callback is not None:
            callback(len(history.loss) - 1, history)

    try:
        if whole_batch:
            _minimise(net, loss, x, y, optimiser, epochs, record, history)
        else:
            _descend(net, loss, x, y, optimiser, epochs, batch_size, np.random.default_rng(rng), record, history)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        line.end()
    return history


def _descend(net, loss, x, y, optimiser, epochs, batch_size, rng, record, history):
    memory = optimiser.start(net.theta)
    safe = net.theta.copy()
    for _ in range(epochs):
        order = rng.permutation(len(x)) if batch_size < len(x) else np.arange(len(x))
        total = 0.0
        for k in range(0, len(x), batch_size):
            batch = order[k : k + batch_size] if batch_size < len(x) else slice(None)
            value, g = value_and_grad(net, loss, x[batch], y[batch])
            if not (np.isfinite(value) and np.isfinite(g).all()):
                net.theta = safe
                raise _diverged(
                    history, f"at sample {k} of the epoch: the loss is {value}", "a smaller rate or step h may help"
                )
            safe[:] = net.theta
            optimiser.step(net.theta, g, memory)
            total += value * len(order[k : k + batch_size])
        record(total / len(x))


def _minimise(net, loss, x, y, optimiser, epochs, record, history):
    last, safe = {}, net.theta.copy()  # `last` spares a second evaluation at the point that an iteration accepts

    def value_and_gradient(theta):
        net.theta = theta
        value, g = value_and_grad(net, loss, x, y)
        last.update(theta=theta.copy(), value=value)
        if not np.isfinite(value):
            return np.inf, np.zeros_like(theta)  # the line search takes a shorter step
        return float(value), g.astype(float)

    def accept(theta):
        net.theta = safe[:] = theta
        record(last["value"] if np.array_equal(last["theta"], theta) else loss(net(x), y))

    try:
        if not np.isfinite(value_and_gradient(net.theta.astype(float))[0]):
            raise _diverged(history, f"at the start: the loss is {last['value']}", "start from smaller parameters")
        optimiser.minimise(value_and_gradient, net.theta.astype(float), epochs, accept)
    finally:
        net.theta = safe


def _diverged(history, where, advice):
    return TrainingDiverged(
        f"training diverged in epoch {len(history.loss)} {where}; θ is the last finite one ({advice})", history
    )


class _Line:
    """One line on the terminal that rewrites itself, at most ten times a second; nothing elsewhere."""

    def __init__(self, active):
        self.active, self.text, self.shown = active, "", 0.0

    def show(self, text):
        self.text = text
        if self.active and time.perf_counter() - self.shown > 0.1:
            self.shown = time.perf_counter()
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def end(self):
        if self.active and self.text:
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


def _check_data(x, y, x_name, y_name):
    x, y = np.asarray(x), np.asarray(y)
    for a, name in ((x, x_name), (y, y_name)):
        if a.ndim == 0:
            raise ValueError(f"{name} must hold a sample a row, got a single number")
        if a.dtype.kind not in "fiubc":
            raise TypeError(f"{name} must hold numbers, got an array of dtype {a.dtype}")
        bad = np.argwhere(~np.isfinite(a))
        if len(bad):
            where = tuple(map(int, bad[0]))
            raise ValueError(f"{name} must be finite, but {name}{list(where)} is {a[where]} ({len(bad)} such entries)")
    if len(x) != len(y):
        raise ValueError(f"{x_name} and {y_name} must have the same length, got {len(x)} and {len(y)}")
    if len(x) == 0:
        raise ValueError(f"{x_name} and {y_name} are empty: there is nothing to fit")
    return x, y


def _check_rate(rate):
    if not 0 < rate < np.inf:
        raise ValueError(f"rate must be a positive number, got {rate}")


def _check_fraction(value, name):
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value}")
