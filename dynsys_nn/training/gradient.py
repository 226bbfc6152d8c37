"""J and ∂J/∂θ over a data set, in blocks of samples that fit the cache, and that any executor may take.

A loss is a mean over n samples, so over blocks of n_b samples J = Σ_b (n_b/n) J_b, and its gradient is the sum of theirs.
The blocks and the order of the sum depend on the network and the data alone: whoever takes a block, the sum is the same to
the last bit, on one kind of machine and with one number of threads in the matrix products. Dask gives its workers one
thread; OPENBLAS_NUM_THREADS=1, in the environment before numpy is imported, does so here.
"""

import numpy as np

from ..integrators import Method
from ..losses import Loss
from ..maps import Map, dimension, every_map

#: numbers in an array of a block: a megabyte in float64
BLOCK = 2**17

# A gradient asks for the same memory as the one before. glibc gives what is freed back to the system at once, unless one
# large array, whose pages nobody touches, was freed before: this alone can halve the time of small networks.
np.empty(4_190_000)


def value_and_grad(net, loss, x, y, executor=None, block=None, adjoint=None):
    """J = loss(net(x), y) and ∂J/∂θ, flat like `net.theta`: one way forward, one way back, block by block.

    x: (..., dim_in); y: what the loss takes as target; executor: a `concurrent.futures.Executor` that takes the blocks, of
    threads, of processes, or of an engine that has one (`client.get_executor()` of Dask, `mpi4py.futures`); block: samples
    (entries of the first axis) a block, chosen to fit the cache unless given; adjoint: what is kept on the way forward:
    Stored(), all of it, unless given, Reversed() or Checkpoints(). ValueError where shapes do not fit, or where executor or
    block is given and the loss is no mean over samples (`loss.mean`).
    """
    if isinstance(loss, type):
        raise TypeError(f"loss must be an object: write {loss.__name__}(), not {loss.__name__}")
    if not isinstance(net, Map) or not hasattr(loss, "vjp") or isinstance(loss, Map):
        raise TypeError(f"value_and_grad needs a network and a loss, got {net!r} and {loss!r}")
    if adjoint is not None and not hasattr(adjoint, "vjp") or isinstance(adjoint, type | Map | Loss | Method):
        raise TypeError(f"adjoint must be an object such as Checkpoints(), got {adjoint!r}")
    checked_executor(executor)
    means = getattr(loss, "mean", False)
    if not means and (executor is not None or block is not None):
        raise ValueError(f"blocks add up where a loss is a mean over samples: {loss!r} does not say so, by mean = True")
    rows = None if block is None else dimension(block, "block")
    x = np.asarray(net.state(x), order="C")  # as a process gets it: numpy's sums depend on the order in memory
    n, divisible = len(x), means and x.ndim > 1 and np.ndim(y) > 0 and len(y) == len(x)
    y = np.asarray(y, order="C") if divisible else y
    rows = (rows or block_rows(net, x)) if divisible else n
    tasks = [(net, loss, x, y, 1, adjoint)]
    if rows < n:
        blocks = [slice(k, min(k + rows, n)) for k in range(0, n, rows)]
        tasks = [(net, loss, x[b], y[b], (b.stop - b.start) / n, adjoint) for b in blocks]
    value, gradient = 0.0, None
    for k, (value_b, gradient_b) in enumerate(taken(executor, gradient_of_block, tasks)):
        value = value + value_b
        gradient = gradient_b if k == 0 else np.add(gradient, gradient_b, out=gradient if k > 1 else None)
    return value, gradient


def gradient_of_block(net, loss, x, y, share, adjoint):
    """share · J and share · ∂J/∂θ of one block."""
    z, pullback = net.vjp(x) if adjoint is None else adjoint.vjp(net, x)
    value, dz = loss.vjp(z, y)
    return share * value, pullback(share * dz)[1]


def checked_executor(executor):
    """TypeError where it is no executor; None stands for here."""
    if executor is None:
        return
    from concurrent.futures import Executor

    if not isinstance(executor, Executor):
        of_dask = "; that of a Dask client is client.get_executor()" if hasattr(executor, "get_executor") else ""
        raise TypeError(
            f"executor must be a concurrent.futures.Executor such as ThreadPoolExecutor(2), got {executor!r}{of_dask}"
        )


def taken(executor, function, tasks):
    """function(*task) for each task, in order: here, or by the executor; where one fails, those that wait are cancelled."""
    if executor is None:
        yield from (function(*task) for task in tasks)
        return
    futures = []
    try:
        for task in tasks:
            futures.append(executor.submit(function, *task))
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def block_rows(net, x):
    """Samples a block: so many that an array of the widest map has BLOCK numbers, and that the states have no fewer numbers
    than the gradient, which is added up for each block."""
    if x.size <= 2**12:
        return len(x)  # too little to look further
    widths = [max(F.dim_in, F.dim_out) for F in every_map(net)]
    points = x[0].size // net.dim_in
    return max(1, max(BLOCK // max(widths), net.theta.size // sum(widths)) // points)
