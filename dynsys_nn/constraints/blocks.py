"""The constraint of networks in norms of blocks."""

import numpy as np

from ..arguments import instance
from ..block_norms import norms_between, row_sizes
from ..linear import Affine, Dense
from ..maps import Network, flattened, require_finite
from .weights import Constraint, into_ball

__all__ = ["BlockBall"]


class BlockBall(Constraint):
    """Σ_j ‖W_ij‖ ≤ 1 for each block row i of the weights between the maps of a network: then each
    output of affine maps, MaxMin and non-expansive flows is 1-Lipschitz.

    The blocks are those on which the maps before and behind W act, x is one block, and each output
    is one, as the module `block_norms` says; for a row of one number Σ_j ‖w_j‖ is its dual norm,
    |w₁| + |w₂| + |w₃| + ‖w₄‖ for blocks of 1, 1, 1 and h numbers. Where √J‖(W_i1, …, W_iJ)‖, of J
    blocks, is less than the sum, it takes its place. W_i is divided by the size that it has if that
    is above 1. The rest of the network needs its own constraint, such as NonExpansiveSteps. net: a
    Network, of which the Dense and Affine maps count that are not inside of others; TypeError for
    another map, ValueError if there is none. Source: Murari, Furuya and Schönlieb,
    arXiv:2505.12003.

    Examples
    --------
    >>> A, B = dnn.Affine(3, 2, W=[[3, 4], [0, 0.5], [1, 0]]), dnn.Affine(1, 3, W=[[1, 2, 1]])
    >>> net = dnn.Network(A, dnn.MaxMin(3), B)
    >>> dnn.BlockBall(net).project()
    >>> A.W.round(9)  # each row has a Euclidean norm of at most 1
    array([[0.6, 0.8],
           [0. , 0.5],
           [1. , 0. ]])
    >>> B.W.round(9)  # and here a sum of absolute values
    array([[0.25, 0.5 , 0.25]])
    >>> dnn.lipschitz.each_output(net) <= 1
    True
    """

    def __init__(self, net):
        self.net = instance(net, Network, "BlockBall needs a Network")
        self.places = [
            (k, F.A if isinstance(F, Affine) else F)
            for k, F in enumerate(flattened(net))
            if isinstance(F, Affine | Dense)
        ]
        if not self.places:
            raise ValueError(f"BlockBall needs Dense or Affine maps in the network, got {net!r}")
        self.maps = tuple(A for _, A in self.places)

    def arguments(self):
        """What builds it again."""
        return {"net": self.net}

    def project(self):
        norms = norms_between(flattened(self.net))
        for k, A in self.places:
            require_finite(A)
            scales = [into_ball(size, 1.0, A.W) for size in row_sizes(A.W, norms[k], norms[k + 1])]
            A.W = A.W * np.repeat(scales, norms[k + 1])[:, None].astype(A.W.dtype)
