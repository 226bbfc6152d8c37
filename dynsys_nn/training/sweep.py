"""Many trainings at once: seeds × settings, here or on any executor, with every failure kept."""

import contextlib
import itertools
import pickle
import signal
import threading
import time
from concurrent.futures import Future, as_completed

import numpy as np

from ..arguments import flag, instance, refuse
from ..arguments.samples import executor_or_none
from .progress import Line, on_a_terminal

__all__ = ["sweep"]


def sweep(function, settings, executor=None, progress=True):
    """function(**setting) for each setting; returns a structured array, one row per result, and the
    failures.

    Parameters
    ----------
    function : function
        It returns a number, the column "value", or a dict of numbers and arrays, one column each.
    settings : dict, or iterable of dicts
        A dict name → values, of which all combinations are taken, the last name fastest; or dicts
        with the same names.
    executor : concurrent.futures.Executor, default None
        As for `value_and_grad`; processes need a function that is defined in a module.
    progress : bool, default True
        One line that rewrites itself, on a terminal only.

    Returns
    -------
    rows : structured array
        In the order of the settings, whoever finished first. A column of numbers or arrays of one
        shape, or of strings, is an array of them; any other holds objects.
    failures : list of pairs (setting, exception)
        A result whose names are not those of the first one, or are names of settings, is a failure
        too, and the exception's `.result`. If a worker dies, what finished is kept. Ctrl-C returns
        what is finished; what is not is among the failures.

    Raises
    ------
    TypeError
        If the settings have another form.
    ValueError
        If there is none. And what the executor raises if it takes nothing.

    Examples
    --------
    >>> def error(h):  # of Euler's method for ẋ = −x at t = 1
    ...     return {"error": abs((1 - h) ** (1 / h) - np.exp(-1))}
    >>> rows, failures = dnn.sweep(error, {"h": [0.1, 0.05, 0.0]}, progress=False)
    >>> rows["h"]
    array([0.1 , 0.05])
    >>> rows["error"].round(3)
    array([0.019, 0.009])
    >>> [(setting, type(exception).__name__) for setting, exception in failures]
    [({'h': 0.0}, 'ZeroDivisionError')]
    """
    settings, executor = combinations(settings), executor_or_none(executor)
    refuse(not callable(function), f"sweep needs a function, got {function!r}", TypeError)
    line = Line(flag(progress, "progress") and on_a_terminal())
    outcomes, failed, start = {}, 0, time.perf_counter()
    try:
        with contextlib.closing(finished(function, settings, executor)) as finishing:
            for k, outcome in finishing:
                outcomes[k] = outcome
                failed += isinstance(outcome, BaseException)
                passed = f"{time.perf_counter() - start:.0f} s"
                line.show(len(outcomes), "of", len(settings), "done,", failed, "failed,", passed)
    except KeyboardInterrupt as interrupt:
        outcomes = {k: outcomes.get(k, interrupt) for k in range(len(settings))}
    finally:
        line.end()
    rows, failures, names = [], [], ()
    for k, setting in enumerate(settings):
        outcome = outcomes[k]
        if isinstance(outcome, BaseException):
            failures.append((setting, outcome))
        elif setting.keys().isdisjoint(outcome) and (not rows or outcome.keys() == set(names)):
            names = list(outcome)
            rows.append(setting | outcome)
        else:
            needed = f"{names}, as before" if rows else f"other names than {list(setting)}"
            error = ValueError(f"the results of a sweep need {needed}, got {list(outcome)}")
            error.result = outcome
            failures.append((setting, error))
    return table(rows), failures


def combinations(settings):
    """A list of dicts, with the same names each."""
    if isinstance(settings, dict):
        for name, values in settings.items():
            refuse(
                isinstance(values, str) or not hasattr(values, "__len__"),
                f"settings must give a list of values for each name, got {name}={values!r}",
                TypeError,
            )
        settings = [
            dict(zip(settings, values, strict=True))
            for values in itertools.product(*settings.values())
        ]
    settings = list(
        instance(settings, ("__iter__",), "settings must be a dict name → values, or dicts")
    )
    refuse(not settings, "sweep needs at least one setting, got none")
    for setting in settings:
        if not isinstance(setting, dict) or setting.keys() != settings[0].keys():
            raise TypeError(
                f"settings must be dicts with the same names, got {settings[0]!r} and {setting!r}"
            )
    return settings


def finished(function, settings, executor):
    """(k, outcome) of each setting as it finishes: a dict of columns, or the exception."""
    if executor is None:
        yield from enumerate(outcome_of(attempt_here, function, setting) for setting in settings)
        return
    futures = {}
    try:
        for k, setting in enumerate(settings):
            future = outcome_of(executor.submit, attempt, function, setting)
            if isinstance(future, Future):
                futures[future] = k
            elif isinstance(future, RuntimeError) and not futures:
                raise future  # an executor that takes nothing is the caller's mistake
            else:  # its worker died on the way, or it cannot send this setting
                yield k, future
        for future in as_completed(futures):
            yield futures[future], outcome_of(future.result)
    finally:
        for future in futures:
            future.cancel()


def outcome_of(call, *arguments):
    """What the call returns, or the exception that it raises."""
    try:
        return call(*arguments)
    except Exception as error:
        return error


def attempt(function, setting):
    """The columns of one setting. An exception that would kill a worker, or cannot be pickled, is
    replaced by a RuntimeError with its name and text."""
    try:
        return columns(function(**setting))
    except BaseException as error:
        if isinstance(error, Exception | KeyboardInterrupt) and comes_home(error):
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def comes_home(error):
    """Whether an exception survives the way from another process."""
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), type(error))
    except Exception:
        return False


def attempt_here(function, setting):
    """The columns of one setting. Ctrl-C ends the sweep even if the function takes it and returns,
    as `fit` does."""
    interrupts, before = [], signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        return attempt(function, setting)

    def note(*arguments):
        interrupts.append(arguments)
        before(*arguments)

    signal.signal(signal.SIGINT, note)
    try:
        return attempt(function, setting)
    finally:
        signal.signal(signal.SIGINT, before)
        if interrupts:
            raise KeyboardInterrupt


def columns(result):
    """A result as a dict name → number or array."""
    result = result if isinstance(result, dict) else {"value": result}
    for name, value in result.items():
        refuse(
            not isinstance(name, str) or not name,
            f"the names of results are words, got {name!r}",
            TypeError,
        )
        refuse(
            np.asarray(value).dtype.kind not in "fciub",
            f"the function of a sweep returns numbers or arrays, but {name} is {value!r}",
            TypeError,
        )
    return result


def table(rows):
    """A structured array with a column for each name."""
    arrays = {name: column([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    dtype = [(name, a.dtype, a.shape[1:]) for name, a in arrays.items()]
    return np.array(list(zip(*arrays.values(), strict=True)), dtype)


def column(values):
    """Numbers of one shape, or strings, as an array; anything else as an array of objects."""
    if all(isinstance(value, str) for value in values):
        return np.array(values)
    with contextlib.suppress(ValueError):  # a ragged list is no array
        arrays = [np.asarray(value) for value in values]
        if all(a.dtype.kind in "fciub" and a.shape == arrays[0].shape for a in arrays):
            return np.array(values)
    return np.fromiter(values, object, len(values))
