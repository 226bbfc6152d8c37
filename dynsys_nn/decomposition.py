"""Presnov's decomposition f = ∇U + X_S of a vector field into a gradient and a field that preserves
spheres.

    U(x) = ∫₀¹ xᵀf(tx) dt,   ∇U(x) = ∫₀¹ [f(tx) + t f′(tx)ᵀx] dt,   X_S = f − ∇U,   xᵀX_S(x) = 0

It is unique with U(0) = 0, and for f(x) = Mx it is sym(M)x + skew(M)x. That xᵀX_S = 0 is the
fundamental theorem, xᵀ∇U(x) = ∫₀¹ d/dt [t xᵀf(tx)] dt = xᵀf(x). So compositions of flows of
gradient and of sphere-preserving fields approximate what compositions of flows do. Source: Presnov,
Theoret. and Math. Phys. 133 (2002); arXiv:2210.02373.
"""

import warnings

import numpy as np

from .arguments import Described, dimension, instance, refuse
from .fields import KnownField, SumField
from .integrators.newton import norm
from .maps import Map

__all__ = ["presnov"]


class presnov(Described):
    """The Presnov decomposition f = ∇U + X_S of a vector field, with `U(x)`, `gradient(x)`,
    `sphere(x)`, `recompose()`.

    field: a Map ℝᵈ → ℝᵈ with `vjp`. nodes: int, default None, how many the Gauss–Legendre rule in t
    has, which is exact for polynomial fields of degree below 2·nodes; None: doubled from 8 until ∇U
    no longer moves and xᵀX_S(x) is 0, to 1e-14 of the terms, at most 1024 (with a RuntimeWarning if
    that is too few, as at kinks). TypeError if the field is not a map, ValueError if it does not
    return to its space.

    Examples
    --------
    >>> P = dnn.presnov(dnn.Dense(2, 2, W=[[1, 2], [0, 1]]))  # f(x) = Mx
    >>> x = np.array([1.0, 2.0])
    >>> P.gradient(x).round(3).tolist()  # [[1, 1], [1, 1]] x, the symmetric part
    [3.0, 3.0]
    >>> P.sphere(x).round(3).tolist()  # [[0, 1], [−1, 0]] x, the skew part, at right angles to x
    [2.0, -1.0]
    """

    def __init__(self, field, nodes=None):
        self.field = instance(field, Map, "presnov decomposes a vector field, a Map with vjp")
        refuse(field.dim_in != field.dim_out, f"presnov decomposes a field ℝᵈ → ℝᵈ, got {field!r}")
        self.nodes = None if nodes is None else dimension(nodes, "nodes")

    def U(self, x):
        """U(x) = ∫₀¹ xᵀf(tx) dt, shape (...)."""
        x = self.field.state(x)
        return sum(
            w * (x * self.field._value(t * x)).sum(axis=-1)
            for t, w in self._rule_and_gradient(x)[0]
        )

    def gradient(self, x):
        """∇U(x) = ∫₀¹ [f(tx) + t f′(tx)ᵀx] dt, shape (..., d): the gradient of U by the same nodes,
        term by term."""
        return self._rule_and_gradient(self.field.state(x))[1]

    def sphere(self, x):
        """X_S(x) = f(x) − ∇U(x), shape (..., d)."""
        x = self.field.state(x)
        return self.field._value(x) - self._rule_and_gradient(x)[1]

    def recompose(self):
        """f as SumField(∇U, X_S), for splitting methods; its parts evaluate, and have no
        adjoint."""
        d = self.field.dim_in
        return SumField(
            KnownField(self.gradient, d, gradient=True), KnownField(self.sphere, d, keeps={"norm"})
        )

    def _rule_and_gradient(self, x):
        """[(t, weight), …] on [0, 1] and ∇U(x), with as many nodes as asked for, or doubled until
        ∇U is settled."""
        f, rounding, previous = self.field._value(x), 50 * np.finfo(x.dtype).eps, np.nan
        for nodes in [8 * 2**k for k in range(8)] if self.nodes is None else [self.nodes]:
            points, weights = np.polynomial.legendre.leggauss(nodes)  # on [−1, 1]
            rule = [(float(1 + p) / 2, float(w) / 2) for p, w in zip(points, weights, strict=True)]
            gradient, size = 0.0, norm(f)
            for t, w in rule:
                f_t, pullback = self.field._vjp(t * x)
                turned = t * pullback(x)[0]
                gradient = gradient + w * (f_t + turned)
                size = size + w * (norm(f_t) + norm(turned))
            change, defect = norm(gradient - previous), np.abs((x * (f - gradient)).sum(axis=-1))
            settled = (change <= rounding * size) & (defect <= rounding * size * norm(x))
            if self.nodes or settled.all():
                break
            previous = gradient
        else:
            moves = np.max(change / np.maximum(size, np.finfo(x.dtype).tiny))
            warnings.warn(
                f"presnov: with {nodes} nodes ∇U still moves by {moves:.1e} of its terms: "
                "has the field kinks?",
                RuntimeWarning,
                stacklevel=3,
            )
        return rule, gradient
