"""A time for each sample: one more state, which stays."""

import numpy as np

from ..arguments import Described, instance, refuse
from ..maps import Map
from .field import Field
from .invariants import Mass, SquaredNorm, points


class OwnTime(Field):
    """(x, T)′ = (T X(x), 0): a flow up to time 1 takes each state x to its own time T, the last
    component of the sample.

    field: X, a Map ℝᵈ → ℝᵈ; of a TimeDependent one the states are (x, t, T). T is of either sign,
    and has a gradient. As PartitionedField(OwnTime(f), OwnTime(g)) it is (q, T, p, T)′ = (T f(p),
    0, T g(q), 0). It keeps what X keeps, but for the symplectic form, which has no meaning here. No
    Lipschitz constant is known: TX(x) grows with T. ValueError if X leaves its space.

    Examples
    --------
    Each sample of a batch is turned by its own angle:

    >>> X = dnn.OwnTime(dnn.systems.harmonic_oscillator())
    >>> z = np.array([[1.0, 0.0, np.pi / 2], [1.0, 0.0, np.pi], [1.0, 0.0, 0.0]])
    >>> y = dnn.Flow(X, 1 / 40, dnn.RK4(), steps=40)(z)
    >>> print(y[:, :2].round(4) + 0.0)
    [[ 0. -1.]
     [-1.  0.]
     [ 1.  0.]]
    """

    formula, naming = "(T X(x), 0)", "inner"

    def __init__(self, field):
        instance(field, Map, "OwnTime needs a vector field")
        refuse(
            field.dim_in != field.dim_out or field.sequence,
            f"OwnTime needs a field ℝᵈ → ℝᵈ, got {field!r}",
        )
        self.dim_in = self.dim_out = field.dim_in + 1
        self.own(field=field)

    @property
    def is_shear(self):
        return getattr(self.field, "is_shear", False)

    @property
    def geometry(self):
        return frozenset(getattr(self.field, "geometry", ())) & {"volume"}

    @property
    def invariants(self):
        """Those of X, as functions of (x, T)."""
        known = self.field.invariants if self.field.is_field else {}
        return {
            name: I if isinstance(I, Mass | SquaredNorm) else OfTheFirst(I, self.dim_in - 1)
            for name, I in known.items()
        }

    def __call__(self, z):
        x, T = z[..., :-1], z[..., -1:]
        return np.concatenate([T * self.field._value(x), np.zeros_like(T)], axis=-1)

    def vjp(self, z):
        x, T = z[..., :-1], z[..., -1:]
        k, pullback_X = self.field._vjp(x)

        def pullback(w):
            u = w[..., :-1]
            dx, dtheta = pullback_X(T * u)
            return np.concatenate([dx, (u * k).sum(axis=-1, keepdims=True)], axis=-1), dtheta

        return np.concatenate([T * k, np.zeros_like(T)], axis=-1), pullback

    def jvp(self, z, v, dtheta=None):
        x, T, dT = z[..., :-1], z[..., -1:], v[..., -1:]
        k, dk = self.field._jvp(x, v[..., :-1], dtheta)
        return (
            np.concatenate([T * k, np.zeros_like(T)], axis=-1),
            np.concatenate([T * dk + dT * k, np.zeros_like(T)], axis=-1),
        )


class OfTheFirst(Described):
    """I of the first d components of a state: an invariant of x as one of (x, T)."""

    def __init__(self, I, d):
        self.I, self.d = I, d

    keeps = property(lambda self: getattr(self.I, "keeps", frozenset({"invariant"})))
    degree = property(lambda self: getattr(self.I, "degree", None))

    def __call__(self, z):
        return self.I(points(z, self)[..., : self.d])

    def gradient(self, z):
        """(∇I(x), 0)."""
        return self.padded(self.I.gradient(z[..., : self.d]), z)

    def hvp(self, z, v):
        """(∇²I(x)v_x, 0)."""
        return self.padded(self.I.hvp(z[..., : self.d], v[..., : self.d]), z)

    def padded(self, u, z):
        """(u, 0)."""
        return np.concatenate([u, np.zeros_like(z[..., self.d :])], axis=-1)
