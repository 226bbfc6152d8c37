"""J and ∂J/∂θ over a data set, in blocks of samples that fit the cache, and that any executor may
take; and ∂²J/∂θ² v.

A loss is a mean over n samples, so over blocks of n_b samples J = Σ_b (n_b/n) J_b, and its gradient
is the sum of theirs. The blocks and the order of the sum depend on the network and the data alone:
whoever takes a block, the sum is the same to the last bit, on one kind of machine and with one
number of threads in the matrix products. Dask gives its workers one thread; OPENBLAS_NUM_THREADS=1,
in the environment before numpy is imported, does so here.
"""

import copy
import math
import weakref
from itertools import starmap

import numpy as np

from ..arguments import array, covector, dimension, direction, name_of, numbers, refuse, result
from ..arguments.doors import call
from ..arguments.samples import executor_or_none, listed
from ..flows import Flow
from ..integrators import Method
from ..losses import Loss, Penalty
from ..maps import Map, every_map, flattened, require_analytic
from ..started import StartedAt

__all__ = ["hessian_times", "value_and_grad"]

#: numbers in an array of a block, at most: a megabyte in float64
BLOCK = 2**17
#: twice the numbers that are kept of a block: 32 megabytes in float64
KEPT = 2**23
#: net → what its maps keep of one sample: numbers, and references to flows with what they keep of a
#: step; and the dimension of its widest map
SIZES = weakref.WeakKeyDictionary()

# A gradient asks for the same memory as the one before, but glibc gives what is freed back to the
# system at once, unless one large array, whose pages nobody touches, was freed before. This alone
# can halve the time of small networks.
np.empty(4_190_000)


def value_and_grad(net, loss, x, y, executor=None, block=None, adjoint=None, penalties=()):
    """J = loss(net(x), y) + Σ P and ∂J/∂θ, flat like `net.theta`: one way forward, one way back,
    block by block.

    Parameters
    ----------
    net : Map
    loss : Loss
    x : array, shape (..., dim_in)
    y : array
        What the loss takes as target.
    executor : concurrent.futures.Executor, default None
        What takes the blocks: threads, processes, or an engine that has one
        (`client.get_executor()` of Dask, `mpi4py.futures`). None: here.
    block : int, default None
        Samples (entries of the first axis) per block; None: as many as fit in the cache.
    adjoint : Stored(), Reversed() or Checkpoints(), default None
        What is kept on the way forward; None: all of it.
    penalties : list of Penalty, default ()
        The P(θ), such as OrthogonalityPenalty(field.A).

    Returns
    -------
    value : float
        J.
    gradient : array, shape (p,)
        ∂J/∂θ.

    Raises
    ------
    ValueError
        If shapes do not fit, or executor or block is given and the loss is not a mean over samples
        (`loss.mean`).

    Examples
    --------
    For J = ‖xWᵀ − y‖²/n the gradient is (2/n)(xWᵀ − y)ᵀx:

    >>> rng = np.random.default_rng(0)
    >>> x, y, A = rng.normal(size=(30, 2)), rng.normal(size=(30, 1)), dnn.Dense(1, 2, rng=rng)
    >>> J, g = dnn.value_and_grad(A, dnn.MeanSquaredError(), x, y)
    >>> np.allclose(g, 2 / 30 * (x @ A.W.T - y).T @ x)
    True
    >>> J_of_blocks, g_of_blocks = dnn.value_and_grad(A, dnn.MeanSquaredError(), x, y, block=7)
    >>> np.allclose(J_of_blocks, J) and np.allclose(g_of_blocks, g)
    True
    """
    check_kinds(net, loss, adjoint)
    executor = executor_or_none(executor)
    penalties = listed(penalties, Penalty, "penalties", "OrthogonalityPenalty(A)")
    x = np.asarray(net.state(x), order="C")  # as a process gets it: sums depend on the order
    tasks = [(net, loss, *b, adjoint) for b in blocks(net, loss, x, y, executor, block)]
    found = starmap(gradient_of_block, tasks) if executor is None else taken(executor, tasks)
    value, gradient = next(found)
    for k, (value_b, gradient_b) in enumerate(found):
        value = value + value_b
        gradient = np.add(gradient, gradient_b, out=gradient if k else None)  # in place if ours
    for P in penalties:
        value = value + P.value()
        gradient = gradient + result(P, P.gradient(net), gradient.shape, "the gradient")
    return value, gradient


def gradient_of_block(net, loss, x, y, share, adjoint):
    """share · J and share · ∂J/∂θ of one block."""
    z, pullback = net._vjp(x) if adjoint is None else adjoint.vjp(net, x)
    value, dz = call(loss, loss.vjp, z, y)
    return share * value, pullback(covector(net, share * dz, z))[1]


def hessian_times(net, loss, x, y, v):
    """∂²J/∂θ² v of J(θ) = loss(net(x), y), as Im ∇J(θ + iεv)/ε.

    It is the complex step of the hand-written gradient, which involves no subtraction, so ε can be
    as small as 1e-100 without cancellation. For Newton–CG by `scipy.optimize`.

    Parameters
    ----------
    net : Map
    loss : Loss
    x : array, shape (..., dim_in)
    y : array
        What the loss takes as target.
    v : array, shape (p,)
        A direction in θ.

    Returns
    -------
    array, shape (p,)
        ∂²J/∂θ² v.

    Raises
    ------
    TypeError
        If an activation is not analytic.

    Examples
    --------
    The Hessian of least squares is (2/n)xᵀx:

    >>> x, A = np.random.default_rng(0).normal(size=(30, 2)), dnn.Dense(1, 2, rng=0)
    >>> v = np.array([1.0, -2.0])
    >>> Hv = dnn.hessian_times(A, dnn.MeanSquaredError(), x, np.zeros((30, 1)), v)
    >>> np.allclose(Hv, 2 / 30 * x.T @ x @ v)
    True
    """
    check_kinds(net, loss, None)
    v = numbers(v, f"{type(net).__name__} needs a direction in θ of")
    refuse(
        v.dtype.kind == "c",
        f"a direction in θ must hold real numbers, got an array of dtype {v.dtype}",
        TypeError,
    )
    direction(net, v)  # refuses a wrong shape
    require_analytic(net, "the network has no second derivative")
    copied, eps = copy.deepcopy(net), 1e-100
    copied._bind(net.theta + 1j * eps * v.astype(float))
    return gradient_of_block(copied, loss, copied.state(x), y, 1.0, None)[1].imag / eps


def check_kinds(net, loss, adjoint):
    """TypeError unless they are a network, a loss, and an adjoint or None."""
    if isinstance(loss, type):
        raise TypeError(f"loss must be an object: write {loss.__name__}(), not {loss.__name__}")
    if (
        not isinstance(net, Map)
        or isinstance(loss, Map)
        or not (callable(loss) and hasattr(loss, "vjp"))
    ):
        raise TypeError(f"value_and_grad needs a network and a loss, got {net!r} and {loss!r}")
    if (
        adjoint is not None
        and not hasattr(adjoint, "vjp")
        or isinstance(adjoint, type | Map | Loss | Method)
    ):
        raise TypeError(f"adjoint must be an object such as Checkpoints(), got {adjoint!r}")


def taken(executor, tasks):
    """gradient_of_block(*task) by the executor for each task, in order; if one fails, those that
    wait are cancelled."""
    futures = []
    try:
        for task in tasks:
            futures.append(executor.submit(gradient_of_block, *task))
        yield from (future.result() for future in futures)
    finally:
        for future in futures:
            future.cancel()


def blocks(net, loss, x, y, executor, block):
    """The blocks (x_b, y_b, n_b/n): all of x in one unless the loss is a mean over its samples."""
    means, n = getattr(loss, "mean", False), len(x)
    rows = None if block is None else dimension(block, "block")
    if not means and (executor is not None or block is not None):
        raise ValueError(
            "blocks add up if a loss is a mean over samples: "
            f"{loss!r} does not say so, by mean = True"
        )
    if not (means and x.ndim > 1 and np.ndim(y) > 0 and len(y) == n > 0):
        return [(x, y, 1)]
    y = np.asarray(array(y, f"{name_of(loss)} needs a target"), order="C")
    rows = rows or math.ceil(n / math.ceil(n / block_rows(net, x)))  # blocks of one size
    slices = [slice(k, min(k + rows, n)) for k in range(0, n, rows)]
    return [(x[b], y[b], (b.stop - b.start) / n) for b in slices]


def block_rows(net, x):
    """Samples per block: so many that what is kept of them fits the cache, that an array of the
    widest map is neither longer nor much shorter than BLOCK, and that the states have no fewer
    numbers than the gradient, which is added up for each block."""
    if x.size <= 2**12:
        return len(x)  # too little to look further
    if net not in SIZES:
        SIZES[net] = list(map(kept_by_step, flattened(net))), max(widths_of(net))
    (maps, widest), points = SIZES[net], x[0].size // net.dim_in
    kept = sum(count * (flow().steps if flow else 1) for count, flow in maps)
    rows = min(max(KEPT // kept, BLOCK // 4 // widest), BLOCK // widest)
    return max(1, max(rows, net._size // kept) // points)


def kept_by_step(F):
    """How many numbers a map keeps of a sample, None; those of one step and a reference to it for a
    flow, whose steps may change."""
    count = sum(widths_of(F))
    F = F.flow if isinstance(F, StartedAt) else F
    return (count * F.method.stages, weakref.ref(F)) if isinstance(F, Flow) else (count, None)


def widths_of(F):
    """The longer dimension of each map that F is made of."""
    return [max(G.dim_in, G.dim_out or 1) for G in every_map(F) if isinstance(G, Map)]
