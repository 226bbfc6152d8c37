"""What a training is given: samples with their targets, lists of objects, and who does the work."""

import numpy as np

from .values import array, instance


def samples(x, y, of=""):
    """x and y as arrays of real, finite numbers, one sample and one target per row; ValueError or
    TypeError otherwise."""
    x, y = rows(x, f"x{of}", 2), rows(y, f"y{of}", 1)
    if len(x) != len(y):
        raise ValueError(f"x{of} and y{of} must have the same length, got {len(x)} and {len(y)}")
    if len(x) == 0:
        raise ValueError(f"x{of} and y{of} are empty: there is nothing to fit")
    return x, y


def rows(a, name, least):
    """a as an array of real, finite numbers with at least that many axes."""
    a = array(a, f"{name} must hold one sample per row")
    if a.ndim < least:
        raise ValueError(
            f"{name} must hold one sample per row, got shape {a.shape}; "
            f"a single sample is {name[0]}[None]"
        )
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got an array of dtype {a.dtype}")
    bad = np.argwhere(~np.isfinite(a))
    if len(bad):
        place, several = tuple(map(int, bad[0])), f"({len(bad)} such entries)"
        raise ValueError(f"{name} must be finite, but {name}{list(place)} is {a[place]} {several}")
    return a


def listed(values, kind, name, example):
    """`values` as a list of objects of that kind; TypeError otherwise."""
    if isinstance(values, kind):
        raise TypeError(f"{name} is a list: write {name}=[{values!r}]")
    if not hasattr(values, "__iter__"):
        raise TypeError(f"{name} is a list, such as [{example}], got {values!r}")
    return [instance(value, kind, f"{name} must be objects such as {example}") for value in values]


def executor_or_none(executor):
    """The executor; TypeError if it is not one. None means "in this process"."""
    if executor is None:
        return None
    from concurrent.futures import Executor

    of_dask = (
        "; that of a Dask client is client.get_executor()"
        if hasattr(executor, "get_executor")
        else ""
    )
    needs = f"executor must be a concurrent.futures.Executor such as ThreadPoolExecutor(2){of_dask}"
    return instance(executor, Executor, needs)
