"""Many trainings at once: seeds × settings, here or on any executor, with every failure kept."""

import itertools
import sys
import time

import numpy as np

from ..maps import yes_or_no
from .progress import Line


def sweep(function, settings, executor=None, progress=True):
    """function(**setting) for each setting; returns a structured array, a row for each that finished, and the failures.

    settings: dict name → values, of which all combinations are taken, the last name fastest; or a list of dicts with the
    same names. function returns a number, the column "value", or a dict of numbers and arrays, a column each. executor:
    a `concurrent.futures.Executor`, as for `value_and_grad`; processes need a function that is defined in a module.
    progress: one line that rewrites itself, on a terminal only.

    Rows stand in the order of the settings, whoever finished first. failures: a list of pairs (setting, exception). Ctrl-C
    returns what is finished; what is not is among the failures. ValueError or TypeError for settings of another form.
    """
    settings = combinations(settings)
    if not callable(function):
        raise TypeError(f"sweep needs a function, got {function!r}")
    if executor is not None and not hasattr(executor, "submit") or isinstance(executor, type):
        raise TypeError(f"executor must be an object such as ProcessPoolExecutor(), got {executor!r}")
    outcomes, line, start = {}, Line(yes_or_no(progress, "progress") and sys.stderr.isatty()), time.perf_counter()

    def note(k, outcome):
        outcomes[k] = outcome
        failed = sum(isinstance(outcome, BaseException) for outcome in outcomes.values())
        line.show(len(outcomes), "of", len(settings), f"done, {failed} failed, {time.perf_counter() - start:.0f} s")

    try:
        for k, outcome in finished(function, settings, executor):
            note(k, outcome)
    except KeyboardInterrupt as interrupt:
        outcomes = {k: outcomes.get(k, interrupt) for k in range(len(settings))}
    finally:
        line.end()
    rows, failures, form = [], [], None
    for k, setting in enumerate(settings):
        outcome = outcomes[k]
        if not isinstance(outcome, BaseException):
            shapes = {name: np.shape(value) for name, value in outcome.items()}
            form = form or shapes
            if shapes != form or setting.keys() & shapes.keys():
                outcome = ValueError(f"needed are results of the shapes {form}, and no name of a setting, got {shapes}")
        if isinstance(outcome, BaseException):
            failures.append((setting, outcome))
        else:
            rows.append(setting | outcome)
    return table(rows), failures


def combinations(settings):
    """A list of dicts, with the same names each."""
    if isinstance(settings, dict):
        for name, values in settings.items():
            if isinstance(values, str) or not hasattr(values, "__len__"):
                raise TypeError(f"settings must give a list of values for each name, got {name}={values!r}")
        settings = [dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())]
    try:
        settings = list(settings)
    except TypeError:
        raise TypeError(f"settings must be a dict name → values, or a list of dicts, got {settings!r}") from None
    if not settings:
        raise ValueError("sweep needs at least one setting, got none")
    for setting in settings:
        if not isinstance(setting, dict):
            raise TypeError(f"settings must be dicts with the same names, got {setting!r}")
        if list(setting) != list(settings[0]):
            raise TypeError(f"settings must be dicts with the names {list(settings[0])}, got {setting!r}")
    return settings


def finished(function, settings, executor):
    """(k, outcome) of each setting as it finishes: a dict of columns, or the exception."""
    if executor is None:
        for k, setting in enumerate(settings):
            try:
                yield k, columns(function(**setting))
            except Exception as error:
                yield k, error
        return
    from concurrent.futures import as_completed

    futures = {executor.submit(function, **setting): k for k, setting in enumerate(settings)}
    try:
        for future in as_completed(futures):
            try:
                yield futures[future], columns(future.result())
            except Exception as error:
                yield futures[future], error
    finally:
        for future in futures:
            future.cancel()


def columns(result):
    """A result as a dict name → number or array."""
    result = result if isinstance(result, dict) else {"value": result}
    for name, value in result.items():
        if np.asarray(value).dtype.kind not in "fciub":
            raise TypeError(f"the function of a sweep returns numbers or arrays, but {name} is {value!r}")
    return result


def table(rows):
    """A structured array with a column for each name."""
    arrays = {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    found = np.zeros(len(rows), [(name, a.dtype, a.shape[1:]) for name, a in arrays.items()])
    for name, a in arrays.items():
        found[name] = a
    return found
