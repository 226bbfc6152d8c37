"""A map whose parameters are no parameters any more."""

import copy

import numpy as np

from ..arguments import instance
from .map import Map


class Frozen(Map):
    """y = F(x) with the parameters that F has now: they are outside θ, and no training changes
    them.

    It is made of a copy of F, which goes on as it is. A file keeps the frozen parameters, too.

    Parameters
    ----------
    F : Map
        The map.
    theta : array, shape (p,), default None
        The parameters that are frozen; None: those of F.

    Raises
    ------
    TypeError
        If F is not a Map.
    ValueError
        If theta does not fit F.

    Examples
    --------
    >>> A = dnn.Affine(2, 2, W=[[1, 2], [3, 4]], b=[5, 6])
    >>> F, x = dnn.Frozen(A), np.array([1.0, 1.0])
    >>> F.theta.size, F(x)
    (0, array([ 8., 13.]))
    >>> A.b = 0.0
    >>> A(x), F(x)
    (array([3., 7.]), array([ 8., 13.]))
    """

    def __init__(self, F, theta=None):
        self.F = copy.deepcopy(instance(F, Map, "Frozen needs a map"))
        if theta is not None:
            self.F.theta = theta
        self.dim_in, self.dim_out, self.sequence = F.dim_in, F.dim_out, F.sequence

    def arguments(self):
        """What builds it again."""
        return {"F": self.F, "theta": self.F.theta}

    _dtype = property(lambda self: self.F._dtype)
    formula = property(lambda self: self.F.formula)
    keeps = property(lambda self: self.facts()[0], doc="What F keeps.")
    invariants = property(lambda self: self.facts()[1], doc="name → I: what F keeps.")

    def facts(self):
        """What F keeps: nothing, if it is the value of a field."""
        return (frozenset(), {}) if self.F.is_field else self.F.facts()

    def __call__(self, x):
        return self.F._value(x)

    def vjp(self, x):
        y, pullback_F = self.F._vjp(x)
        return y, lambda w: (pullback_F(w)[0], np.zeros(0, x.dtype))

    def jvp(self, x, v, dtheta=None):
        return self.F._jvp(x, v)

    def inverse(self, y):
        return self.F._inverse(y)

    def lipschitz(self):
        """That of F."""
        return self.F.lipschitz()
