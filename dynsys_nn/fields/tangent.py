"""The part of a field that is tangent to the level sets of an invariant: any field, made to keep
it."""

import numpy as np

from .field import Field, field_part, words_of
from .invariants import given_invariant, looked_at
from .time import clocks


class TangentField(Field):
    """Y(x) = PX(x) = X − (∇IᵀX/‖∇I‖²)∇I with any field X and any I: ∇IᵀY = 0, so that I stays.

    It takes O(d) numbers, where InvariantField learns the d² of S: for images. Where ∇I = 0 there
    is no tangent plane, and Y is 0, so that I stays there, too; Y jumps there, and its derivatives
    are given as 0. With n = ∇I, Pv = v − (nᵀv/‖n‖²)n, c = nᵀX/‖n‖² and N = ∇²I,

        Y′v = P(X′v − cNv) − (YᵀNv/‖n‖²)n,    Y′ᵀw = X′ᵀPw − N(cPw + (nᵀw/‖n‖²)Y)

    Unless I is linear, explicit steps leave the level set along its tangent, and Projected(method,
    I) leads back; DiscreteGradient stays, and so does Gauss if I has degree two. Of what X keeps no
    more is claimed. Parameters: those of X.

    field: the Field X, TypeError otherwise; invariant: an object with I(x), I.gradient(x) and
    I.hvp(x, v), without parameters. ValueError, from a value, if X has a clock, as a TimeDependent
    field has, and I looks at it. Source: Celledoni, Jackaman, Murari and Owren, arXiv:2305.00723.

    Examples
    --------
    >>> X, I = dnn.ResidualField.random(3, width=8, rng=0), dnn.SquaredNorm()
    >>> Y, x = dnn.TangentField(X, I), np.array([1.0, 2.0, 2.0])
    >>> bool(abs(x @ Y(x)) < 1e-14)
    True
    >>> F = dnn.Flow(Y, 0.1, dnn.Projected(dnn.Heun(), I), steps=10)
    >>> print(F.keeps, np.linalg.norm(F(x)).round(9))
    frozenset({'norm'}) 3.0
    """

    naming = "inner"

    def __init__(self, field, invariant):
        self.dim_in = self.dim_out = field_part(field, "TangentField takes a vector field X").dim
        self.invariant = given_invariant(invariant)
        self.invariants = {min(words_of(invariant)): invariant}
        self.I, self.clocks = looked_at(invariant), list(clocks(field))
        self.own(field=field)

    @property
    def formula(self):
        return f"P({self.field.formula}), P∇I = 0"

    def split(self, x):
        """n, v ↦ Nv, 1/‖n‖² and v ↦ (Pv, nᵀv/‖n‖²), which is 0 where n is. How long n is does not
        matter, and I is divided by the largest entry of ∇I."""
        n = self.I.gradient(x)
        if self.clocks and (np.abs(n[..., self.clocks]) > 0).any():
            raise ValueError(
                f"TangentField of {self.field!r} needs an I that does not look at the time: by a "
                f"∇I that is not 0 in component {self.clocks} the clock would not run as t′ = 1"
            )
        s = np.abs(n).max(axis=-1, keepdims=True)
        some = ~(s < 4 * np.finfo(s.dtype).tiny)
        s = np.where(some, s, 1)
        n = some * n / s
        r = 1 / np.where(some, dot(n, n), 1)

        def parts(v):
            c = dot(n, v) * r
            return some * v - c * n, c

        return n, lambda v: self.I.hvp(x, v) / s, r, parts

    def __call__(self, x):
        *_, parts = self.split(x)
        return parts(self.field._value(x))[0]

    def vjp(self, x):
        _, N, _, parts = self.split(x)
        X, pullback_X = self.field._vjp(x)
        Y, c = parts(X)

        def pullback(w):
            Pw, a = parts(w)
            dx, dtheta = pullback_X(Pw)
            return dx - N(c * Pw + a * Y), dtheta

        return Y, pullback

    def jvp(self, x, v, dtheta=None):
        n, N, r, parts = self.split(x)
        X, dX = self.field._jvp(x, v, self.unpack(dtheta)["field"])
        Y, c = parts(X)
        Nv = N(v)
        return Y, parts(dX - c * Nv)[0] - dot(Y, Nv) * r * n


def dot(u, v):
    """uᵀv, (..., d) and (..., d) → (..., 1)."""
    return (u * v).sum(axis=-1, keepdims=True)
