"""How θ moves: an optimiser trains a network, most of them step by step down the gradient.

It keeps nothing on itself: its memory is a dict that `start` makes, so the same object serves any
number of networks.
"""

import inspect

import numpy as np

from ..arguments import Described, dimension, positive, refuse, within
from .rates import number_or_function, rate_at
from .run import TrainingDiverged

__all__ = ["LBFGS", "SGD", "Adam", "Optimiser"]


class Optimiser(Described):
    """How θ moves, in place: `start(theta)`, a dict, then `step(theta, g, memory)` for each batch.

    The dict is the memory of one training, which `step` changes. An optimiser that keeps a number
    per block of θ writes `start(theta, blocks)`: slices, by `Constraint.blocks`. One that asks how
    far the training is writes `step(theta, g, memory, fraction)`, which gets step/steps ∈ [0, 1).
    One that does not go step by step writes `train(run)` instead.

    Examples
    --------
    >>> class Signs(dnn.Optimiser):
    ...     def step(self, theta, g, memory):
    ...         theta -= 0.25 * np.sign(g)
    >>> A, x, y = dnn.Dense(1, 2, W=[[0, 0]]), np.eye(2), np.array([[1.0], [-0.5]])
    >>> history = dnn.fit(A, dnn.MeanSquaredError(), x, y, Signs(), epochs=4, progress=False)
    >>> A.W
    array([[ 1. , -0.5]])
    """

    def start(self, theta):
        """No memory."""
        return {}

    def step(self, theta, g, memory):
        """One step, in place."""
        raise NotImplementedError(
            f"{type(self).__name__} has no step: write step(self, theta, g, memory)"
        )

    def train(self, run):
        """Gradient descent: θ moves by one step per batch, and back into the constraints' sets."""
        memory = run.begin(self)
        asks = "fraction" in inspect.signature(self.step).parameters
        while run.epoch < run.epochs:
            total = 0.0
            for x, y in run.batches():
                value, g = run.value_and_gradient(x, y)
                self.step(run.net.theta, g, memory, *([run.fraction] if asks else []))
                run.accept(value)
                total += value * len(x)
            if run.epoch + 1 == run.epochs:
                run.settle()
            run.record(total / len(run.x), memory)


class SGD(Optimiser):
    """m ← momentum·m + g, θ ← θ − rate·m: (stochastic) gradient descent.

    rate: float > 0, or a function of the fraction of the training, such as OneCycle(1e-3, 5e-2),
    default 1e-2; momentum: float in [0, 1), default 0.0.

    Examples
    --------
    >>> theta, g = np.array([1.0]), np.array([1.0])
    >>> optimiser = dnn.SGD(rate=0.5, momentum=0.5)
    >>> memory = optimiser.start(theta)
    >>> for _ in range(2):
    ...     optimiser.step(theta, g, memory)
    >>> theta  # 1 − ½m − ½m with m = 1, and then m = 3/2
    array([-0.25])
    """

    def __init__(self, rate=1e-2, momentum=0.0):
        self.rate, self.momentum = number_or_function(rate), within(momentum, 0, 1, "momentum")

    def start(self, theta):
        """m = 0."""
        return dict(m=np.zeros_like(theta))

    def step(self, theta, g, memory, fraction=None):
        m = memory["m"]
        m *= self.momentum
        m += g
        theta -= rate_at(self.rate, fraction) * m


class Adam(Optimiser):
    """m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², θ ← θ − rate·m̂/(√ŝ + ε), m̂ = m/(1 − β₁ᵗ), ŝ =
    s/(1 − β₂ᵗ).

    In each of the blocks, slices of θ, s is one number, from the mean of g² over the block: a
    constraint on a whole matrix asks for it, `Constraint.blocks`. Source: Kingma and Ba,
    arXiv:1412.6980.

    Parameters
    ----------
    rate : float > 0, or a function of the fraction of the training, default 1e-3
        Such as OneCycle(1e-3, 5e-2), Steps(5e-3, every=0.45), Cosine(1e-2), or one of your own.
    beta1 : float in [0, 1), default 0.9
        β₁, how much m remembers.
    beta2 : float in [0, 1), default 0.999
        β₂, how much s remembers.
    eps : float > 0, default 1e-8
        ε, against division by 0.

    Examples
    --------
    The first step has the size of the rate in each entry, whatever the gradient's is:

    >>> theta, optimiser = np.zeros(2), dnn.Adam(rate=0.1)
    >>> memory = optimiser.start(theta)
    >>> optimiser.step(theta, np.array([1e-3, -100.0]), memory)
    >>> theta.round(4)
    array([-0.1,  0.1])
    """

    def __init__(self, rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.rate, self.eps = number_or_function(rate), positive(eps, "eps")
        self.beta1, self.beta2 = within(beta1, 0, 1, "beta1"), within(beta2, 0, 1, "beta2")

    def start(self, theta, blocks=()):
        """t = 0, m = 0, s = 0, and where the blocks start and stop."""
        ends = np.array([(block.start, block.stop) for block in blocks], int).reshape(-1, 2)
        return dict(t=0, m=np.zeros_like(theta), s=np.zeros_like(theta), blocks=ends)

    def step(self, theta, g, memory, fraction=None):
        rate = rate_at(self.rate, fraction)
        memory["t"] += 1
        t, m, s = memory["t"], memory["m"], memory["s"]
        m += (1 - self.beta1) * (g - m)
        squares = g * g
        for start, stop in memory["blocks"]:
            squares[start:stop] = squares[start:stop].mean()
        s += (1 - self.beta2) * (squares - s)
        theta -= rate / (1 - self.beta1**t) * m / (np.sqrt(s / (1 - self.beta2**t)) + self.eps)


class LBFGS(Optimiser):
    """Limited-memory BFGS of `scipy.optimize` on the whole batch: for small data and high accuracy.

    corrections: int ≥ 1, default 100, the pairs (step, change of gradient) that approximate the
    Hessian. It stops after the epochs (iterations) of `fit`, when the gradient's largest entry
    falls below gtol, a float > 0, default 1e-14, or when the line search finds no smaller loss.

    Examples
    --------
    A quadratic loss of six parameters is done with after a few iterations:

    >>> x, A = np.random.default_rng(0).normal(size=(20, 6)), dnn.Dense(1, 6, rng=0)
    >>> y = x @ np.ones((6, 1))
    >>> history = dnn.fit(A, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), progress=False)
    >>> len(history.loss) < 30
    True
    >>> history.loss[-1] < 1e-24
    True
    """

    def __init__(self, corrections=100, gtol=1e-14):
        self.corrections, self.gtol = dimension(corrections, "corrections"), positive(gtol, "gtol")

    def train(self, run):
        """Whole batches, by line searches; an epoch is an iteration."""
        from scipy.optimize import minimize

        for given, why in (
            (run.batch_size, "takes the whole batch at once: leave batch_size out"),
            (
                run.constraints,
                "moves freely and cannot keep constraints: take Adam or SGD, which project after "
                "each step, or penalties=[OrthogonalityPenalty(A)] and the like in their place",
            ),
            (run.augment, "minimises one function: leave augment out"),
            (run.clip, "needs the gradient as it is for its line searches: leave clip out"),
            (
                run.checkpoint and run.checkpoint.path,
                "keeps its memory to itself and cannot resume from a checkpoint: take Adam",
            ),
        ):
            refuse(given, f"LBFGS {why}, got {given}")
        accepted, _ = run.value_and_gradient(run.x, run.y)

        def value_and_gradient(theta):
            run.net.theta = theta
            try:
                value, g = run.value_and_gradient(run.x, run.y)
                return float(value), g.astype(float)
            except TrainingDiverged:
                # a wall whose slope points back to the accepted θ: the search takes a shorter step
                height, back = 10 * (abs(accepted) + 1), theta - run.finished
                return float(accepted + height), 2 * height * back / (back @ back)

        def accept(intermediate_result):
            nonlocal accepted
            run.net.theta, accepted = intermediate_result.x, intermediate_result.fun
            try:
                run.accept(accepted)
                run.record(accepted)
            except StopIteration as error:  # with which scipy would end without a word
                raise RuntimeError("the callback, or after_step, raised StopIteration") from error

        try:
            minimize(
                value_and_gradient, run.net.theta.astype(float), method="L-BFGS-B", jac=True,
                callback=accept, options=dict(
                    maxcor=self.corrections, maxiter=run.epochs, maxfun=10**9, maxls=50,
                    ftol=0.0, gtol=self.gtol,
                ),
            )  # fmt: skip
        finally:
            run.net.theta = run.finished
