"""What a training is given: samples with their targets, lists of objects, and who does the work."""

from concurrent.futures import Executor

import numpy as np

from .values import array, instance, refuse


def samples(x, y, of=""):
    """x and y as arrays of real, finite numbers, one sample and one target per row; ValueError or
    TypeError otherwise."""
    x, y = rows(x, f"x{of}", 2), rows(y, f"y{of}", 1)
    refuse(
        len(x) != len(y),
        f"x{of} and y{of} must have the same length, got {len(x)} and {len(y)}",
    )
    refuse(len(x) == 0, f"x{of} and y{of} are empty: there is nothing to fit")
    return x, y


def rows(a, name, least):
    """a as an array of real, finite numbers with at least that many axes."""
    a = array(a, f"{name} must hold one sample per row")
    refuse(
        a.ndim < least,
        f"{name} must hold one sample per row, got shape {a.shape}; "
        f"a single sample is {name[0]}[None]",
    )
    refuse(
        a.dtype.kind not in "fiub",
        f"{name} must hold real numbers, got an array of dtype {a.dtype}",
        TypeError,
    )
    bad = np.argwhere(~np.isfinite(a))
    if len(bad):
        found = f"{name}{bad[0].tolist()} is {a[tuple(bad[0])]} ({len(bad)} such entries)"
        raise ValueError(f"{name} must be finite, but {found}")
    return a


def listed(values, kind, name, example):
    """`values` as a list of objects of that kind; TypeError otherwise."""
    if isinstance(values, kind):
        raise TypeError(f"{name} is a list: write {name}=[{values!r}]")
    try:
        values = list(values)
    except TypeError:
        raise TypeError(f"{name} is a list, such as [{example}], got {values!r}") from None
    return [instance(value, kind, f"{name} must be objects such as {example}") for value in values]


def executor_or_none(executor):
    """The executor; TypeError if it is not one. None means "in this process"."""
    needs = "executor must be a concurrent.futures.Executor such as ThreadPoolExecutor(2)"
    if hasattr(executor, "get_executor"):
        needs += "; that of a Dask client is client.get_executor()"
    return None if executor is None else instance(executor, Executor, needs)
