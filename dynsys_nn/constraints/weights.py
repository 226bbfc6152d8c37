"""Constraints of weights: orthogonal ones, and those of norm at most one."""

import numpy as np

from ..arguments import Described, dimension, flag, instance, positive, refuse
from ..linear import Convolution, Weighted
from ..losses import matrices, stretch
from ..maps import Map, every_map, inner, place_of

__all__ = ["Constraint", "Orthogonal", "SpectralBall", "TowardsOrthogonal", "weights"]


class Constraint(Described):
    """A set of parameters: `project()` puts θ into it, in place. `maps` are those whose parameters
    it changes.

    Examples
    --------
    >>> class Box(dnn.Constraint):
    ...     def __init__(self, A):
    ...         self.maps = (A,)
    ...
    ...     def project(self):
    ...         for A in self.maps:
    ...             A.theta = np.clip(A.theta, -1, 1)
    >>> A, x, y = dnn.Dense(1, 2, rng=0), np.eye(2), np.array([[3.0], [0.5]])
    >>> options = dict(optimiser=dnn.SGD(0.5), constraints=[Box(A)], progress=False)
    >>> history = dnn.fit(A, dnn.MeanSquaredError(), x, y, **options)
    >>> A.W.round(3)  # without the box it would be [3, ½]
    array([[1. , 0.5]])
    """

    maps = ()

    def project(self):
        """θ ← a point of the set near θ, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no projection: write project(self)")

    def tangent(self, dtheta, net=None):
        """A gradient as a direction along the set: unchanged unless the set is curved. It is flat
        like net.theta, or without a net like the θ of `maps`, end to end."""
        return dtheta

    def blocks(self, net):
        """Slices of net.theta for which an optimiser should keep a single second moment instead of
        one per entry."""
        return []

    def follow(self):
        """Set what depends on θ but is not part of it, such as the steps of flows; θ itself is in
        the set already. `project` does this, too."""

    def release(self):
        """Set the same back to what it was before it followed θ: a run is recognised by that."""


class Orthogonal(Constraint):
    """WᵀW = I for the weight W of each linear map given (WWᵀ = I if it has fewer rows than
    columns).

    linear_maps: Dense and Affine maps, TypeError for others. The projection is the nearest such
    matrix, the polar factor of W, by an SVD; with bjorck, a bool, default False, by Björck and
    Bowie's iteration W ← W(3I − WᵀW)/2, which is matrix products only, and a handful of them after
    a small step away from the set. Of a gradient G at W, `tangent` takes G − W sym(WᵀG), the part
    along the set, and Adam keeps one second moment per matrix: per-entry scaling would rotate the
    direction; a single scale is what makes the trained bounds tight.

    Sources: Björck and Bowie (1971); Absil, Mahony and Sepulchre, Optimization Algorithms on Matrix
    Manifolds (2008); Bécigneul and Ganea, arXiv:1810.00760.

    Examples
    --------
    >>> A = dnn.Dense(3, 2, rng=0)
    >>> orthogonal = dnn.Orthogonal(A)
    >>> orthogonal.project()
    >>> np.allclose(A.W.T @ A.W, np.eye(2))
    True
    >>> G = orthogonal.tangent(np.arange(6.0)).reshape(3, 2)
    >>> np.allclose(A.W.T @ G + G.T @ A.W, 0)  # along G nothing changes in WᵀW, to first order
    True
    """

    def __init__(self, *linear_maps, bjorck=False):
        for A in linear_maps:
            refuse(
                isinstance(A, Convolution),
                f"Orthogonal constrains Dense and Affine maps, got {A!r}: a convolution has no "
                "nearest orthogonal stencil; take SpectralBall, and TowardsOrthogonal or "
                "OrthogonalityPenalty",
                TypeError,
            )
        self.linear_maps, self.bjorck = linear_maps, flag(bjorck, "bjorck")
        self.maps = matrices(linear_maps, "Orthogonal")

    def project(self):
        for A in self.maps:
            Q = bjorck(tall(A.W)) if self.bjorck else None
            if Q is None:
                A.orthogonalise()
            else:
                tall(A.W)[...] = Q

    def tangent(self, dtheta, net=None):
        dtheta = np.array(dtheta)
        for A, place in zip(self.maps, self.blocks(net), strict=True):
            W, G = tall(A.W), tall(dtheta[place].reshape(A.W.shape))
            S = W.T @ G
            G -= W @ (S + S.T) / 2  # G is a view: dtheta changes with it
        return dtheta

    def blocks(self, net):
        if net is None:
            ends = np.cumsum([A.W.size for A in self.maps])
            return [slice(end - A.W.size, end) for A, end in zip(self.maps, ends, strict=True)]
        return [place_of(A, net) for A in self.maps]


class TowardsOrthogonal(Constraint):
    """`descents` steps of steepest descent of ‖WᵀW − I‖² for the weight of each linear map given: W
    ← W − W(WᵀW − I)/2.

    For convolutions, with Ŵ ← Ŵ − ŴE/2 of their symbols, E = Ŵ*Ŵ − I, cut off to the stencil:
    Björck's iteration for a matrix, and near it for a convolution. What it ends at need not be
    orthogonal: follow it by SpectralBall. linear_maps: Dense, Affine and Convolution maps,
    TypeError for others; descents: int ≥ 1, default 1.

    Examples
    --------
    Each descent takes every singular value s to s(3 − s²)/2, 1 − e to 1 − 3e²/2 + …:

    >>> A = dnn.Dense(2, 2, W=np.diag([0.5, 1.1]))
    >>> dnn.TowardsOrthogonal(A).project()
    >>> np.diag(A.W).round(4)
    array([0.6875, 0.9845])
    >>> dnn.TowardsOrthogonal(A, descents=4).project()
    >>> np.allclose(A.W, np.eye(2))
    True
    """

    def __init__(self, *linear_maps, descents=1):
        self.linear_maps, self.descents = linear_maps, dimension(descents, "descents")
        self.maps = matrices(linear_maps, "TowardsOrthogonal")

    def project(self):
        for A in self.maps:
            for _ in range(self.descents):
                A.W = A.W - stretch(A) / 2


class SpectralBall(Constraint):
    """‖W‖ ≤ radius for the weight of each linear map given: W ← W · radius/max(radius, s_max).

    linear_maps: Dense, Affine and Convolution maps, TypeError for others; radius: float, default
    1.0, ValueError if it is not positive.

    Examples
    --------
    >>> outside, inside = dnn.Dense(2, 2, W=np.diag([4.0, 2.0])), dnn.Dense(1, 1, W=[[0.7]])
    >>> dnn.SpectralBall(outside, inside, radius=2.0).project()
    >>> np.diag(outside.W).round(12)
    array([2., 1.])
    >>> outside.lipschitz() <= 2.0
    True
    >>> inside.W  # as it was
    array([[0.7]])
    """

    def __init__(self, *linear_maps, radius=1.0):
        if len(linear_maps) > 1 and isinstance(linear_maps[-1], float | int | np.number):
            *linear_maps, radius = linear_maps  # SpectralBall(A, 2)
        self.linear_maps, self.maps = tuple(linear_maps), matrices(linear_maps, "SpectralBall")
        self.radius = positive(radius, "radius")

    def project(self):
        for A in self.maps:
            A.W = A.W * into_ball(A.lipschitz(), self.radius, A.W)


def into_ball(size, radius, W):
    """The factor by which W, of that size, gets into the ball, and is there after its rounding, and
    that of another SVD, too; 1 if it is inside."""
    inside = 1 - (4 + len(W) ** 0.5) * np.finfo(W.dtype).eps
    return radius / size * inside if size > radius else 1.0


def weights(*maps):
    """What has the weights in the maps given, however deep, each once:
    `SpectralBall(*weights(net))` constrains them all.

    They are Dense maps (that of an Affine is its A) and Convolutions. Not among them are the
    weights α of a gradient field and learned steps h, which count in Lipschitz constants, too.
    maps: Maps, TypeError for others.

    Examples
    --------
    Two flows of one field share its A and B:

    >>> X = dnn.ResidualField.random(2, width=8, rng=0)
    >>> net = dnn.Network(dnn.Flow(X, 0.1), dnn.Flow(X, 0.2), dnn.Affine(3, 2, rng=0))
    >>> dnn.constraints.weights(net)
    [Dense(2 → 8), Dense(8 → 2), Dense(2 → 3)]
    """
    for F in maps:
        instance(F, Map, "weights takes maps, weights(net) or weights(*layers)")
    return list({id(A): A for F in maps for A in every_map(F) if isinstance(A, Weighted)}.values())


def tall(W):
    """W, or Wᵀ if it has fewer rows than columns: a view."""
    return W if len(W) >= W.shape[1] else W.T


def bjorck(Q, iterations=30):
    """Q ← Q(3I − QᵀQ)/2 for a tall matrix, until QᵀQ = I to rounding; None if that takes too long
    (Q is nearly singular).

    The iteration needs s_max < √3, which s_max² ≤ 1 + ‖QᵀQ − I‖ shows, or a division by s_max makes
    true.
    """
    I = np.eye(Q.shape[1], dtype=Q.dtype)
    E = Q.T @ Q - I
    if inner(E, E) > 1.5**2:
        Q = Q / (np.linalg.norm(Q, 2) or 1)
        E = Q.T @ Q - I
    for _ in range(iterations):
        Q = Q - Q @ E / 2
        if inner(E, E) < np.finfo(Q.dtype).eps:  # ‖E‖², which is what is left of E
            return Q
        E = Q.T @ Q - I
    return None
