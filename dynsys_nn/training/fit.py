"""`fit`: minimise a loss over θ, and say what happened on the way."""

from ..arguments import dimension, flag, function, generator, instance, positive, refuse
from ..arguments.samples import listed, samples
from ..constraints import Constraint
from ..losses import Loss, Penalty
from ..maps import Map, place_of
from .checkpoint import Checkpoint
from .optimisers import Adam, Optimiser
from .progress import Line, on_a_terminal
from .run import Run

__all__ = ["fit"]


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
    penalties=(),
    clip=None,
    after_step=None,
    augment=None,
):
    """Minimise loss(net(x), y) + Σ P over θ, in place; returns the History.

    Parameters
    ----------
    net : Map
        The network, whose θ is changed.
    loss : Loss
    x : array, shape (n, …, dim_in)
        One sample per row.
    y : array
        One target per row.
    optimiser : Optimiser, default None
        None: Adam(1e-2). One of your own has start(theta) and step(theta, g, memory). A rate may be
        a function of the fraction of the training: Adam(OneCycle(1e-3, 5e-2)).
    epochs : int, default 100
    batch_size : int, default None
        Samples per step, shuffled with `rng` each epoch; None: all at once.
    constraints : list of Constraint, default ()
        Such as Orthogonal(field.A), each projected before the first step and after every step, in
        this order.
    validation : pair (x, y), default None
        Data on which the loss is recorded after each epoch; None: nothing is recorded.
    rng : Generator or int, default None
        Shuffles the samples, an int as a seed; None: anew each time.
    progress : bool, default True
        One line that rewrites itself, on a terminal only.
    callback : function of (epoch, history), default None
        Called after each epoch, the first of which is 0.
    checkpoint : path, default None
        A file that is written at the start and after each epoch and its callback, all or nothing.
        If it already exists and was written by the same call (possibly with fewer epochs), training
        resumes from it: θ, the optimiser's memory, the random state and the history are what they
        were, to the last bit, however the run was ended. What a loss, an optimiser or a callback
        keeps on itself while it trains is not in the file. With another number of epochs, a rate
        that is a function goes on at the fraction of them that is over. None: no file.
    penalties : list of Penalty, default ()
        The P(θ), such as OrthogonalityPenalty(field.A): they join the loss that is minimised and
        recorded.
    clip : float > 0, default None
        The gradient in all of θ, with the penalties and along the constraints' sets, is scaled to
        this norm if it is longer. None: it is left as it is.
    after_step : function of (step, loss), default None
        Called after each step and its constraints, with the number of the step, from 0, and the
        loss of its batch before it; after each iteration of LBFGS, with the loss after it. It looks
        at the network, and leaves θ alone: WrongResult if it does not.
    augment : function of (x, rng), default None
        Called with each batch before its step, and the Generator that shuffles: returns the samples
        to train with in its place, an array of the same shape, such as images that were shifted and
        flipped at random. Targets and validation data stay as they are. None: the batch as it is.

    Returns
    -------
    History
        Loss, validation and seconds, one entry of each per epoch. Ctrl-C returns the history so
        far, with θ as it was after the last finished step, or as a callback left it.

    Raises
    ------
    ValueError
        For NaN or infinite data (with its position), lengths that differ, an empty set, a batch
        size below 1, a checkpoint of another run (with what differs), and what LBFGS cannot do.
    TrainingDiverged
        If the loss stops being finite, or a constraint cannot be met after a step, with θ as it was
        at the last finite loss.

    Examples
    --------
    A quarter of a turn is learned from points and their images, and A stays orthogonal:

    >>> x = np.random.default_rng(0).normal(size=(50, 2))
    >>> turn = np.array([[0, -1], [1, 0]])
    >>> A = dnn.Dense(2, 2, W=np.eye(2))
    >>> options = dict(optimiser=dnn.Adam(0.1), constraints=[dnn.Orthogonal(A)], progress=False)
    >>> history = dnn.fit(A, dnn.MeanSquaredError(), x, x @ turn.T, **options)
    >>> np.allclose(A.W, turn, atol=1e-2)
    True
    >>> np.allclose(A.W.T @ A.W, np.eye(2))
    True
    >>> history.loss[-1] < 1e-4 * history.loss[0]
    True

    Gradient descent by steps of length 0.3 at most:

    >>> B, weights = dnn.Dense(1, 1, W=[[1.0]]), []
    >>> options = dict(optimiser=dnn.SGD(1.0), epochs=3, progress=False, clip=0.3)
    >>> options["after_step"] = lambda step, loss: weights.append(B.W.item())
    >>> history = dnn.fit(B, dnn.MeanSquaredError(), np.ones((1, 1)), np.zeros((1, 1)), **options)
    >>> np.round(weights, 9)
    array([0.7, 0.4, 0.1])

    What is the same at x and −x has the slope 0 there, though all points lie on one side:

    >>> C, x = dnn.Affine(1, 1, rng=0), np.linspace(0, 1, 200)[:, None]
    >>> options = dict(optimiser=dnn.Adam(dnn.Cosine(0.1)), rng=0, progress=False)
    >>> options["augment"] = lambda x, rng: rng.choice([-1, 1], size=x.shape) * x
    >>> history = dnn.fit(C, dnn.MeanSquaredError(), x, x**2, **options)
    >>> bool(abs(C.W.item()) < 0.05)
    True
    """
    optimiser = Adam(1e-2) if optimiser is None else optimiser
    instance(net, Map, "net must be an object such as Network(…)")
    instance(loss, Loss, "loss must be an object such as MeanSquaredError()")
    instance(
        optimiser, ("start", "step"),
        "optimiser must have start(theta) and step(theta, g, memory), such as Adam(1e-2)",
    )  # fmt: skip
    refuse(net._size == 0, f"{net!r} has no parameters to fit")
    x, y = samples(x, y)
    if validation is not None:
        if not isinstance(validation, list | tuple) or len(validation) != 2:
            raise TypeError(f"validation must be a pair (x, y), got {validation!r}")
        validation = samples(*validation, " of validation")
    if callback is not None:
        function(callback, "callback", "the epoch and the history", 2)
    if after_step is not None:
        function(after_step, "after_step", "the step and the loss", 2)
    if augment is not None:
        function(augment, "augment", "the samples of a batch and the Generator", 2)
    run = Run(
        net, loss=loss, x=x, y=y, validation=validation, callback=callback, rng=generator(rng),
        clip=None if clip is None else positive(clip, "clip"), after_step=after_step,
        augment=augment, epochs=dimension(epochs, "epochs"),
        batch_size=None if batch_size is None else dimension(batch_size, "batch_size"),
        constraints=listed(constraints, Constraint, "constraints", "Orthogonal(field.A)"),
        penalties=listed(penalties, Penalty, "penalties", "OrthogonalityPenalty(field.A)"),
        line=Line(flag(progress, "progress") and on_a_terminal()),
    )  # fmt: skip
    for part in [part for thing in run.constraints + run.penalties for part in thing.maps]:
        place_of(part, net)  # refuses what is not a part of the network
    if validation is not None:
        run.refuse_validation()
    if checkpoint is not None:
        run.checkpoint = Checkpoint(checkpoint, run, optimiser, seeded=rng is not None)
    try:
        getattr(type(optimiser), "train", Optimiser.train)(optimiser, run)
    except KeyboardInterrupt:
        run.put(run.finished)
        run.history.interrupted = True
        if checkpoint is not None:
            run.checkpoint.leave(run)
    finally:
        run.line.end()
    return run.history
