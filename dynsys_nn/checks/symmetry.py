"""Does a map treat what is alike alike? F ∘ g = g ∘ F for a symmetry g of its states."""

import numpy as np

from ..arguments import Given, WrongResult, refuse
from .check import TINY, Check, fails_on_wrong_results, name_of, points_of


@fails_on_wrong_results
def equivariance(F, g, x, limit=1e-12):
    """max |F(g(x)) − g(F(x))| over the batch and all components, relative to max |F(g(x))|.

    What a network of convolutions says moves with the image that it is shown: the padding of a
    Convolution is circular, and fields have one bias for each channel. With zeros around the image
    that would be so away from the edge only, and with a bias for each pixel nowhere.

    Parameters
    ----------
    F : Map, or a function of states
        ℝᵈ → ℝᵐ.
    g : Map, or a function of states
        A shift, a rotation, a permutation, of x and of F(x); linear or not.
    x : array, shape (..., d)
        Where both ways are gone.
    limit : float, default 1e-12
        Of the relative difference.

    Examples
    --------
    >>> X = dnn.GradientField(dnn.Convolution(1, 1, (4, 5), rng=0), dnn.Tanh())
    >>> F, x = dnn.Flow(X, 0.5, steps=3), np.random.default_rng(0).normal(size=(2, 20))
    >>> def shift(u):  # by one row and two columns
    ...     return np.roll(u.reshape(-1, 4, 5), (1, 2), axis=(1, 2)).reshape(u.shape)
    >>> dnn.checks.equivariance(F, shift, x).passed
    True
    >>> dnn.checks.equivariance(lambda u: u + np.arange(20), shift, x).finding
    'the two ways differ in 20 of 20 components'
    """
    F, x = points_of(F, x)
    g = Given(g, "g of equivariance")
    moved_before, moved_after = F(g(x)), g(F(x))
    refuse(
        moved_before.shape != moved_after.shape,
        f"F(g(x)) has shape {moved_before.shape}, and g(F(x)) {moved_after.shape}",
        WrongResult,
    )
    finite = np.isfinite(moved_before).all() and np.isfinite(moved_after).all()
    refuse(not finite, "F(g(x)) or g(F(x)) is not finite", WrongResult)
    gap, size = np.abs(moved_before - moved_after), np.abs(moved_before).max()
    measured = gap.max() / max(size, TINY)
    check = Check(f"equivariance of {name_of(F)}", measured, limit, "|F(g(x)) − g(F(x))|/|F(g(x))|")
    if np.array_equal(moved_before, F(x)) and not check.passed:
        check.finds("F(g(x)) = F(x): F is invariant")
    elif not check.passed:
        apart = (gap > check.limit * size).reshape(-1, gap.shape[-1]).any(axis=0)
        check.finds(f"the two ways differ in {apart.sum()} of {apart.size} components")
    return check
