"""Pairs, sorted: an activation that keeps norms."""

import numpy as np

from ..arguments import dimension, refuse
from ..maps import Map


class MaxMin(Map):
    """(x₁, x₂, x₃, x₄, …) ↦ (max(x₁, x₂), min(x₁, x₂), max(x₃, x₄), …): each pair sorted.

    F′(x) is a permutation matrix, and so F keeps sum and norm, and its Lipschitz constant is 1 in
    every ℓᵖ norm; ReLU, whose slope is 0 on one side, loses norm there. As a step it is Euler's, of
    size 1 = 2/‖A‖², of ẋ = −Aᵀ max(0, Ax) with A x = x₂ − x₁. Of an odd number of components the
    last stays as it is; equal ones keep their places.

    dim: d, an int ≥ 2. TypeError for complex states, which have no order. Source: Anil, Lucas and
    Grosse, Sorting out Lipschitz function approximation, arXiv:1811.05381.

    Examples
    --------
    >>> y, pullback = dnn.MaxMin(3).vjp(np.array([1.0, 4.0, 2.0]))
    >>> y
    array([4., 1., 2.])
    >>> dx, _ = pullback(np.array([10.0, 20.0, 30.0]))
    >>> dx  # each covector goes where its component was
    array([20., 10., 30.])
    """

    formula, analytic = "(max, min) of pairs", False
    keeps = frozenset({"mass", "norm"})

    def __init__(self, dim):
        self.dim = self.dim_in = self.dim_out = dimension(dim, "dim", least=2)

    def swapped(self, x):
        """Which pairs are not in order, (..., ⌊d/2⌋)."""
        refuse(
            np.iscomplexobj(x),
            "MaxMin compares components and takes real states only, got complex ones",
            TypeError,
        )
        return x[..., : self.dim - 1 : 2] < x[..., 1::2]

    def swap(self, swapped, v):
        """P v: the pairs of v swapped where those of x were, P = Pᵀ."""
        first, second = v[..., : self.dim - 1 : 2], v[..., 1::2]
        y = v.copy()
        y[..., : self.dim - 1 : 2] = np.where(swapped, second, first)
        y[..., 1::2] = np.where(swapped, first, second)
        return y

    def __call__(self, x):
        return self.swap(self.swapped(x), x)

    def vjp(self, x):
        swapped = self.swapped(x)
        return self.swap(swapped, x), lambda w: (self.swap(swapped, w), np.zeros(0, x.dtype))

    def jvp(self, x, v, dtheta=None):
        swapped = self.swapped(x)
        return self.swap(swapped, x), self.swap(swapped, v)

    def lipschitz(self):
        """1: sorting a permuted pair or not, no distance grows."""
        return 1.0
