"""One training, as an optimiser sees it: what is minimised, the batches, and what is recorded."""

import inspect
import time

import numpy as np

from ..arguments import WrongResult, name_of, refuse
from ..arguments.doors import call, result
from ..arguments.samples import rows
from ..integrators import NotConverged
from ..maps import html
from .value_and_grad import value_and_grad

__all__ = ["History", "Run", "TrainingDiverged"]


class TrainingDiverged(ArithmeticError):
    """The loss or its gradient stopped being finite, or a constraint cannot be met any more; θ is
    the last for which both were finite.

    `.history` is what was recorded.

    Examples
    --------
    Steps longer than 2/L climb the valley: θ² grows until it overflows.

    >>> A, x, y = dnn.Dense(1, 1, W=[[1.0]]), np.ones((1, 1)), np.zeros((1, 1))
    >>> options = dict(optimiser=dnn.SGD(1e3), progress=False)
    >>> try:
    ...     with np.errstate(over="ignore"):
    ...         dnn.fit(A, dnn.MeanSquaredError(), x, y, **options)
    ... except dnn.TrainingDiverged as error:
    ...     print(len(error.history.loss) < 100)
    True
    >>> bool(np.isfinite(A.W**2).all())  # the last θ whose loss is finite
    True
    """


class History:
    """What `fit` recorded, one entry per epoch.

    loss: the mean over the epoch's batches, with the penalties; validation: the loss on the
    validation data; seconds: of training so far; interrupted: True if Ctrl-C ended the training.

    Examples
    --------
    Gradient descent of θ² with rate ¼ halves θ in each step:

    >>> A, x, y = dnn.Dense(1, 1, W=[[1.0]]), np.ones((1, 1)), np.zeros((1, 1))
    >>> options = dict(optimiser=dnn.SGD(0.25), epochs=4, progress=False)
    >>> history = dnn.fit(A, dnn.MeanSquaredError(), x, y, **options)
    >>> history.loss
    [1.0, 0.25, 0.0625, 0.015625]
    """

    def __init__(self):
        self.loss, self.validation, self.seconds, self.interrupted = [], [], [], False

    def __str__(self):
        if not self.loss:
            return "no epoch finished"
        validation = f", validation {self.validation[-1]:.3g}" if self.validation else ""
        return (
            f"{len(self.loss)} epochs in {self.seconds[-1]:.1f} s: "
            f"loss {self.loss[0]:.3g} → {self.loss[-1]:.3g}{validation}"
        )

    __repr__ = __str__

    def _repr_html_(self):
        """At most twelve epochs, evenly spread, the first and the last one among them."""
        n = len(self.loss)
        columns = {"loss": self.loss, "validation": self.validation, "seconds": self.seconds}
        columns = {name: column for name, column in columns.items() if column}
        shown = sorted({round(k * (n - 1) / 11) for k in range(12)}) if n else []
        rows = [[str(k + 1), *(f"{c[k]:.4g}" for c in columns.values())] for k in shown]
        return html([["epoch", *columns], *rows]) if n else str(self)


class Run:
    """One training of `net`, with the arguments of `fit` as attributes.

    An optimiser's `train(run)` asks it for

        run.begin(optimiser)           the memory that the optimiser has at the start
        run.batches()                  the pairs (x, y) of an epoch
        run.value_and_gradient(x, y)   J and ∂J/∂θ, along the constraints' sets, clipped
        run.fraction                   of the training that is over: step/steps
        run.accept(loss)               after each step: θ back into the sets
        run.record(loss, memory)       after each epoch
    """

    def __init__(self, net, **arguments):
        vars(self).update(arguments, net=net, checkpoint=None)
        self.history, self.began, self.place = History(), time.perf_counter(), "at the start"
        self.batch = 0  # its number in the epoch
        self.safe = net.theta.copy()  # as it was at the last finite loss
        self.finished = self.safe  # and after the last whole step

    @property
    def epoch(self):
        """How many are over."""
        return len(self.history.loss)

    @property
    def shuffled(self):
        """Whether an epoch has several batches, and so needs random numbers."""
        return self.batch_size is not None and self.batch_size < len(self.x)

    @property
    def step(self):
        """The number of the step that is taken now; an epoch of the whole batch is one."""
        return self.epoch * -(-len(self.x) // self.size) + self.batch

    @property
    def fraction(self):
        """The fraction of the training that is over, step/steps ∈ [0, 1)."""
        return self.step / (self.epochs * -(-len(self.x) // self.size))

    @property
    def size(self):
        """Samples in a batch; the last one of an epoch may have fewer."""
        return self.batch_size if self.shuffled else len(self.x)

    def put(self, theta):
        """Set θ to what it was before, and with it what the constraints make depend on it."""
        self.net.theta = theta
        for constraint in self.constraints:
            constraint.follow()

    def refuse_validation(self):
        """ValueError or TypeError for validation data that network or loss cannot take: now, and
        not after an epoch."""
        try:
            with np.errstate(all="ignore"):
                self.value(*self.validation)
        except WrongResult:  # they do: it is the loss that does not
            raise
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"the validation data do not fit: {error}") from error

    def begin(self, optimiser):
        """The optimiser's memory, and θ in the constraints' sets; both as the checkpoint has them
        if there is one."""
        blocks = [block for constraint in self.constraints for block in constraint.blocks(self.net)]
        wanted = "blocks" in inspect.signature(optimiser.start).parameters
        memory = optimiser.start(self.net.theta, *([blocks] if wanted else []))
        if self.checkpoint is not None and self.checkpoint.restore(self, memory):
            self.put(self.net.theta)
        else:
            self.project()
            self.save(memory)  # what cannot be saved is told now, and not after an epoch
        self.safe = self.finished = self.net.theta.copy()
        return memory

    def batches(self):
        """The pairs (x, y) of an epoch: all samples once, in random order unless one batch takes
        them all, and augmented."""
        order = self.rng.permutation(len(self.x)) if self.shuffled else slice(None)
        for n, k in enumerate(range(0, len(self.x), self.size)):
            self.batch = n
            self.place = f"at sample {k} of it"
            batch = order[k : k + self.size] if self.shuffled else order
            yield self.augmented(self.x[batch]), self.y[batch]

    def augmented(self, x):
        """The samples of a batch as they are trained with; WrongResult unless `augment` returns an
        array of their shape, TypeError or ValueError unless its numbers are real and finite."""
        f = self.augment
        if f is None:
            return x
        y = result(f, call(f, f, x, self.rng), x.shape, "augment")
        return rows(y, f"what augment of {name_of(f)} returns", 2)

    def value_and_gradient(self, x, y):
        """J and ∂J/∂θ, as a direction along the constraints' sets, not longer than `clip`.
        TrainingDiverged if one of them is not finite."""
        try:
            value, g = value_and_grad(self.net, self.loss, x, y, penalties=self.penalties)
        except NotConverged as error:  # an implicit layer has no solution here
            raise self.diverged(str(error)) from error
        finite = np.isfinite(g).all()
        if not finite or not np.isfinite(value):
            also = "" if finite else ", and its gradient is not finite"
            raise self.diverged(f"the loss is {value}{also}")
        self.safe = self.net.theta.copy()
        for constraint in self.constraints:
            g = constraint.tangent(g, self.net)
        return value, g if self.clip is None else clipped(g, self.clip)

    def accept(self, value=np.nan):
        """After a step: θ back into the constraints' sets, and `after_step` is told, with the loss.
        TrainingDiverged if θ is not finite, or a constraint knows no way back."""
        if not np.isfinite(self.net.theta).all():
            raise self.diverged("the step is not finite")
        try:
            self.project()
        except (NotImplementedError, OverflowError) as error:
            raise self.diverged(str(error)) from error
        self.finished = self.net.theta.copy()
        if self.after_step is not None:
            self.after_step(self.step, float(value))
            refuse(
                not np.array_equal(self.net.theta, self.finished),
                f"{name_of(self.after_step)}: θ is changed; what moves it after each step is a "
                "Constraint",
                WrongResult,
            )

    def project(self):
        """Put θ into the constraints' sets, one after the other."""
        for constraint in self.constraints:
            constraint.project()

    def diverged(self, why):
        """A TrainingDiverged, and θ as it was at the last finite loss."""
        self.put(self.safe)
        error = TrainingDiverged(
            f"training diverged in epoch {self.epoch}, {self.place}: {why}. θ is as it was at the "
            "last finite loss; a smaller rate or step h, or smaller initial parameters, may help"
        )
        error.history = self.history
        return error

    def record(self, value, memory=None):
        """Note the loss of an epoch, tell the callback, and save the state."""
        self.history.loss.append(float(value))
        if self.validation is not None:
            self.history.validation.append(self.value(*self.validation))
        self.history.seconds.append(time.perf_counter() - self.began)
        self.line.show("epoch", self.epoch, "of", self.epochs, self.history)
        self.call_back()
        self.save(memory)

    def call_back(self):
        """Tell the callback; what it does to θ is kept, also if Ctrl-C ends it."""
        if self.callback is None:
            return
        epoch = self.epoch
        try:
            self.callback(epoch - 1, self.history)
        finally:
            self.finished = self.net.theta.copy()
            self.put(self.finished)
        refuse(
            self.epoch != epoch,
            f"{name_of(self.callback)}: the history is changed: take a copy, list(history.loss)",
            WrongResult,
        )

    def settle(self):
        """After the last step: TrainingDiverged if the loss is not finite there."""
        for k in range(0, len(self.x), self.size):
            with np.errstate(over="ignore", invalid="ignore"):
                value = self.value(self.x[k : k + self.size], self.y[k : k + self.size])
            if not np.isfinite(value):
                raise self.diverged(f"the loss is {value}")

    def value(self, x, y):
        """The loss as a number; NaN if an implicit layer has no solution."""
        try:
            return float(call(self.loss, self.loss, self.net(x), y))
        except NotConverged:
            return np.nan

    def save(self, memory):
        """Write the checkpoint, if there is one."""
        if self.checkpoint is not None:
            self.checkpoint.save(self, memory)


def clipped(g, clip):
    """g · min(1, clip/‖g‖), a vector that may be too long for its square to be a number."""
    largest = float(np.abs(g).max())
    if largest == 0:
        return g
    u = g / largest
    length = float(np.linalg.norm(u))  # ‖g‖/largest
    return g if length <= clip / largest else u * (clip / length)
