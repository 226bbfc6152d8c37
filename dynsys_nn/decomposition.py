"""Presnov's decomposition f = ∇U + X_S of a vector field into a gradient and a field that preserves spheres.

    U(x) = ∫₀¹ xᵀf(tx) dt,   ∇U(x) = ∫₀¹ [f(tx) + t f′(tx)ᵀx] dt,   X_S = f − ∇U,   xᵀX_S(x) = 0

It is unique with U(0) = 0, and for f(x) = Mx it is sym(M)x + skew(M)x. That xᵀX_S = 0 is the fundamental theorem,
xᵀ∇U(x) = ∫₀¹ d/dt [t xᵀf(tx)] dt = xᵀf(x). So compositions of flows of gradient and of sphere-preserving fields
approximate what compositions of flows do. Source: Presnov, Theoret. and Math. Phys. 133 (2002); arXiv:2210.02373.
"""

import warnings

import numpy as np

from .fields import KnownField, SumField
from .maps import Map, dimension


def presnov(field, nodes=None):
    """The Presnov decomposition of a vector field, an object with `U(x)`, `gradient(x)`, `sphere(x)`, `recompose()`.

    field: a map ℝᵈ → ℝᵈ with `vjp`, as every field with a Jacobian; nodes: of the Gauss–Legendre rule in t, exact for
    polynomial fields of degree below 2·nodes, or None: doubled from 8 until ∇U no longer moves and xᵀX_S(x) is 0, to
    1e-14 of the terms, at most 1024 (with a RuntimeWarning where that is too few, as at kinks). TypeError where the
    field is no map, ValueError where it does not return to its space.
    """
    return Decomposition(field, nodes)


class Decomposition:
    """f = ∇U + X_S; made by `presnov`."""

    def __init__(self, field, nodes=None):
        if not isinstance(field, Map):
            raise TypeError(f"presnov decomposes a vector field, a Map with vjp, got {field!r}")
        if field.dim_in != field.dim_out:
            raise ValueError(f"presnov decomposes a field ℝᵈ → ℝᵈ, got {field!r}")
        self.field, self.nodes = field, None if nodes is None else dimension(nodes, "nodes")

    def U(self, x):
        """U(x) = ∫₀¹ xᵀf(tx) dt, shape (...)."""
        x = self.field.state(x)
        return sum(w * (x * self.field(t * x)).sum(axis=-1) for t, w in self._rule_and_gradient(x)[0])

    def gradient(self, x):
        """∇U(x) = ∫₀¹ [f(tx) + t f′(tx)ᵀx] dt, shape (..., d): the gradient of U by the same nodes, term by term."""
        return self._rule_and_gradient(self.field.state(x))[1]

    def sphere(self, x):
        """X_S(x) = f(x) − ∇U(x), shape (..., d)."""
        x = self.field.state(x)
        return self.field(x) - self._rule_and_gradient(x)[1]

    def recompose(self):
        """f as SumField(∇U, X_S), for splitting methods; its parts evaluate, and have no adjoint."""
        d = self.field.dim_in
        return SumField(KnownField(self.gradient, d, gradient=True), KnownField(self.sphere, d, keeps={"norm"}))

    def _rule_and_gradient(self, x):
        """[(t, weight), …] on [0, 1] and ∇U(x), with as many nodes as asked for, or doubled until ∇U is settled."""
        f, eps, previous = self.field(x), np.finfo(x.dtype).eps, None
        for nodes in [8 * 2**k for k in range(8)] if self.nodes is None else [self.nodes]:
            points, weights = np.polynomial.legendre.leggauss(nodes)  # on [−1, 1]
            rule = [(float(1 + p) / 2, float(w) / 2) for p, w in zip(points, weights, strict=True)]
            gradient, size = 0.0, norm(f)
            for t, w in rule:
                f_t, pullback = self.field.vjp(t * x)
                turned = t * pullback(x)[0]
                gradient, size = gradient + w * (f_t + turned), size + w * (norm(f_t) + norm(turned))
            change = np.full(size.shape, np.inf) if previous is None else norm(gradient - previous)
            defect = np.abs((x * (f - gradient)).sum(axis=-1))
            if ((change <= 50 * eps * size) & (defect <= 50 * eps * size * norm(x))).all():
                break
            previous = gradient
        else:
            if self.nodes is None:
                warnings.warn(
                    f"presnov: with {nodes} nodes ∇U still moves by {np.max(change / np.maximum(size, np.finfo(x.dtype).tiny)):.1e} of its terms: has the field kinks?",
                    RuntimeWarning, stacklevel=3,
                )  # fmt: skip
        return rule, gradient


def norm(x):
    return np.linalg.norm(x, axis=-1)
