"""Rates that change while a network is trained: functions of the fraction s of the training.

s = step/steps runs from 0, at the first step, towards 1, which it would have after the last one. So
a rate does not know how many epochs or batches there are: twice as many epochs stretch the same
curve. SGD and Adam take any function of s, and these three are the usual ones.
"""

import math

import numpy as np

from ..arguments import Described, finite, function, non_negative, positive, real, refuse

__all__ = ["Cosine", "OneCycle", "Steps"]


class OneCycle(Described):
    """From `low` up to `high` while s ≤ rise, then down to low/10⁴, each on half a period of the
    cosine.

    With c(t) = (1 − cos πt)/2, which rises from 0 to 1, it is

        low + (high − low) c(s/rise)                        for s ≤ rise
        low/10⁴ + (high − low/10⁴) c((1 − s)/(1 − rise))    for s ≥ rise

    A small rate lets the first steps settle, a large one crosses flat stretches, and a tiny one
    ends at the bottom of a valley. Source: Smith and Topin, arXiv:1708.07120.

    low, high: float > 0, low ≤ high; rise: float, 0 < rise < 1, default 0.3. ValueError for others.

    Examples
    --------
    >>> rate = dnn.OneCycle(1e-3, 5e-2, rise=0.4)
    >>> rate(np.array([0.0, 0.2, 0.4, 0.7, 1.0]))
    array([1.000000e-03, 2.550000e-02, 5.000000e-02, 2.500005e-02,
           1.000000e-07])
    >>> dnn.Adam(rate)
    Adam(OneCycle(0.001, 0.05, 0.4))
    """

    def __init__(self, low, high, rise=0.3):
        self.low, self.high = positive(low, "low"), positive(high, "high")
        refuse(self.low > self.high, f"OneCycle rises from low to high, got low={low}, high={high}")
        refuse(not 0 < real(rise) < 1, f"rise must lie between 0 and 1, got {rise!r}")
        self.rise = float(rise)

    def __call__(self, s):
        end = self.low / 1e4
        up = self.low + (self.high - self.low) * rising(s / self.rise)
        down = end + (self.high - end) * rising((1 - s) / (1 - self.rise))
        return np.where(s <= self.rise, up, down)[()]


class Steps(Described):
    """start · factorᵏ, k = ⌊s/every⌋: constant, and multiplied by the factor after each such part
    of the training.

    start: float > 0; every: a fraction of the training, 0 < every ≤ 1; factor: float > 0, default
    0.1. ValueError for others.

    Examples
    --------
    >>> dnn.Steps(5e-3, every=0.45)(np.array([0.0, 0.44, 0.45, 0.89, 0.9]))
    array([5.e-03, 5.e-03, 5.e-04, 5.e-04, 5.e-05])
    """

    def __init__(self, start, every, factor=0.1):
        self.start, self.every = positive(start, "start"), positive(every, "every")
        refuse(self.every > 1, f"every is a fraction of the training, at most 1, got {every!r}")
        self.factor = positive(factor, "factor")

    def __call__(self, s):
        return self.start * self.factor ** np.floor(s / self.every + 1e-9)  # 0.3/0.1 is below 3


class Cosine(Described):
    """low + (high − low)(1 + cos πs)/2: from `high` down to `low`, on half a period of the cosine.

    high: float > 0; low: float, 0 ≤ low ≤ high, default 0.0, which no step reaches, since s < 1.
    ValueError for others. Source: Loshchilov and Hutter, arXiv:1608.03983.

    Examples
    --------
    >>> rate = dnn.Cosine(0.1)
    >>> rate(np.array([0.0, 0.5, 1.0]))
    array([0.1 , 0.05, 0.  ])
    >>> A, x, y = dnn.Dense(1, 1, W=[[1.0]]), np.ones((1, 1)), np.zeros((1, 1))
    >>> history = dnn.fit(A, dnn.MeanSquaredError(), x, y, dnn.SGD(rate), epochs=2, progress=False)
    >>> A.W  # (1 − 2 · 0.1)(1 − 2 · 0.05), at s = 0 and s = ½
    array([[0.72]])
    """

    def __init__(self, high, low=0.0):
        self.high, self.low = positive(high, "high"), non_negative(finite(low, "low"), "low")
        refuse(self.low > self.high, f"Cosine falls from high to low, got high={high}, low={low}")

    def __call__(self, s):
        return self.low + (self.high - self.low) * rising(1 - s)


def rising(t):
    """(1 − cos πt)/2, from 0 at t = 0 to 1 at t = 1."""
    return (1 - np.cos(math.pi * t)) / 2


# ---- what an optimiser does with a rate


def number_or_function(rate):
    """A rate as a float, or a function of s as it is; ValueError or TypeError unless it is
    positive, a function at all of a hundred s."""
    if not callable(rate):
        return positive(rate, "rate")
    function(rate, "rate", "the fraction s of the training")
    try:
        for k in range(100):
            rate_at(rate, k / 100)
    except TypeError as error:
        raise TypeError(f"rate must be a function of a number s, got {rate!r}: {error}") from error
    return rate


def rate_at(rate, s):
    """A rate, a number or a function, at s. ValueError, with s, unless it is positive, or for a
    function without s."""
    if not callable(rate):
        return rate
    if s is None:
        raise ValueError(
            f"the rate {rate!r} is a function of the fraction of the training, which the step "
            "needs to be told: step(theta, g, memory, fraction)"
        )
    value = rate(s)
    if not real(value) > 0:
        raise ValueError(
            f"rate must be a positive number at every s in [0, 1), got {value!r} at s = {s:g}"
        )
    return float(value)
