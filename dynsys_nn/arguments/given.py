"""Functions that a caller gives: what goes in cannot be changed, and what comes out is copied and
looked at, here and nowhere else."""

import copy

import numpy as np

from .doors import CHANGED, WrongResult, frozen, kind_of, writes_to_a_view
from .values import array, function, numbers

ONE_STATE = (
    "it is written for one state, and those of a batch lie on the last axis: write x[..., 0] for "
    "x[0], np.stack([…], axis=-1) for np.array([…]), x @ W.T for W @ x, x.sum(axis=-1) for x.sum()"
)
WHOLE_BATCH = (
    "it treats the batch as a whole, and a state in it has another value than alone: name the axis "
    "of each sum, mean or norm, as in np.linalg.norm(x, axis=-1, keepdims=True)"
)


class Given:
    """f(x), f(x, v): a function of states (..., d) that was given, as the package calls it.

    It gets views that it cannot change. What it returns becomes an array of its own, of the dtype
    of its arguments, and of shape (..., *entries(d)), or any (..., *) if `entries` is None. Some
    states of the first batch are asked for alone, too. WrongResult if one of these does not hold.
    """

    def __init__(self, f, name, entries=None):
        self.f, self.__name__, self.entries = function(f, name), name, entries
        self.known = set()  # of "some" and "distinct" states: those with which f was looked at

    def __call__(self, *given):
        if any(type(a) is not np.ndarray or a.dtype.kind not in "fc" for a in given):
            given = [numbers(a, f"{self.__name__} takes") for a in given]
        if len(given) > 1 and len({a.shape for a in given}) > 1:
            given = np.broadcast_arrays(*given)
        if given[0].ndim == 0:
            raise ValueError(
                f"{self.__name__} takes states, arrays of shape (..., d), got the single number "
                f"{given[0]}"
            )
        try:
            y = self.value(*given)
        except Exception as error:
            return self.another_way(given, error)
        if "distinct" not in self.known and given[0].size > given[0].shape[-1]:
            self.look(given, y)
        return y

    def at(self, *constants):
        """x ↦ f(x, *constants), which is looked at no more often than f."""
        fixed = copy.copy(self)
        fixed.f = lambda *given: self.f(*given, *constants)
        return fixed

    def another_way(self, given, error):
        """f at a single state as at a batch of one; or else `error`, or what it comes from."""
        if given[0].ndim == 1:
            alone = self.attempt(*[a[None] for a in given])
            if alone is not None:
                return alone[0]
        elif given[0].size and self.takes_one_state_alone(given):
            raise WrongResult(f"{self.__name__}: {ONE_STATE}") from error
        raise error

    def value(self, *given):
        """f(x, …), as an array that fits; f gets all batch axes as one."""
        x, batch = given[0], given[0].shape[:-1]
        flat = [a.reshape(-1, a.shape[-1]) if a.ndim > 2 else a for a in given]
        try:
            y = self.f(*map(frozen, flat))
        except ValueError as error:
            if writes_to_a_view(error):
                raise WrongResult(f"{self.__name__}: {CHANGED}") from error
            raise
        if y is None:
            raise WrongResult(f"{self.__name__} returned {kind_of(y)}")
        try:
            known = type(y) is np.ndarray
            y = np.array(y if known else array(y, f"{self.__name__} must return an array"))
        except (ValueError, TypeError) as error:
            raise WrongResult(f"{error}".replace("got", "returned")) from None
        dtype = x.dtype if len(given) == 1 else np.result_type(*given)
        if y.dtype.kind not in ("fciub" if dtype.kind == "c" else "fiub"):
            raise WrongResult(
                f"{self.__name__} must return {'' if dtype.kind == 'c' else 'real '}numbers, "
                f"got an array of dtype {y.dtype}"
            )
        rows = flat[0].shape[:-1]
        entries = y.shape[len(rows) :] if self.entries is None else self.entries(x.shape[-1])
        if y.shape != rows + entries:
            needed = (*rows, "…") if self.entries is None else rows + entries
            kept = self.entries is number_entries and y.shape == (*rows, 1)
            raise WrongResult(
                f"{self.__name__} has shape {y.shape} for states of shape {flat[0].shape}, needed "
                f"is {needed}{': sum over the last axis, without keepdims' if kept else ''}"
            )
        return y.reshape(batch + entries).astype(dtype, copy=False)

    def look(self, given, y):
        """WrongResult unless the first and the last state of the batch have the values that they
        have alone, and in the reversed batch: to half of the digits, and to what rounding errors of
        the states make of them."""
        axes, eps = given[0].ndim - 1, np.finfo(given[0].dtype).eps
        first = (slice(0, 1),) * axes
        distinct = any((a != a[first]).any() for a in given)
        if "some" in self.known and not distinct:
            return  # equal states tell nothing new
        if not np.allclose(self.value(*given), y, rtol=eps**0.4, atol=0, equal_nan=True):
            raise WrongResult(f"{self.__name__}: it is not the same when it is called again")
        wobble = [1 + 64 * eps * np.cos(np.arange(a.size)).reshape(a.shape) for a in given]
        moved = self.attempt(*[(a * c).astype(a.dtype) for a, c in zip(given, wobble, strict=True)])
        with np.errstate(invalid="ignore"):  # ∞ − ∞
            moved = 0 * y if moved is None else np.nan_to_num(np.abs(moved - y), posinf=0.0)
        rounding = 1e3 * moved.max(axis=tuple(range(axes)), keepdims=True)
        for part in (slice(0, 1), slice(-1, None), slice(None, None, -1)):
            part = (part,) * axes
            found = self.attempt(*[a[part] for a in given])
            if found is None or not alike(found, y[part], eps**0.4, rounding):
                remark = ONE_STATE if self.takes_one_state_alone(given) else WHOLE_BATCH
                raise WrongResult(f"{self.__name__}: {remark}")
        finite = distinct and bool(np.isfinite(y).all())
        self.known.update({"some", "distinct"} if finite else {"some"})

    def attempt(self, *given):
        """f(x, …), or None if it fails."""
        try:
            return self.value(*given)
        except Exception:
            return None

    def takes_one_state_alone(self, given):
        """Whether f has a value at the first state alone, and none at a batch of d + 1 copies."""
        first = [a[(0,) * (a.ndim - 1)] for a in given]
        copies = [np.broadcast_to(a, (a.size + 1, a.size)) for a in first]
        return self.attempt(*first) is not None and self.attempt(*copies) is None


def alike(a, b, relative, rounding):
    """Whether two arrays are equal, entry by entry, up to these errors."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        same = (a == b) | np.isnan(a) & np.isnan(b)
        return bool((same | (gap <= relative * size + rounding)).all())


def field_entries(d):
    """The shape of X(x), or of a gradient: that of the state."""
    return (d,)


def number_entries(d):
    """The shape of I(x): a number for each state."""
    return ()


def matrix_entries(d):
    """The shape of X′(x): a matrix for each state."""
    return (d, d)
