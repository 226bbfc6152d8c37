"""Networks in norms of blocks, ‖x‖ = max_j ‖x_j‖: what a product of spectral norms cannot see.

A state is cut into blocks, ‖x_j‖ Euclidean; one block is the Euclidean norm, blocks of one number
are the maximum norm, in which MaxMin is 1-Lipschitz, too. A Parallel acts on the blocks of its
parts. For a matrix with blocks W_ij, between two such norms,

    ‖Σ_j W_ij x_j‖ ≤ Σ_j ‖W_ij‖ max_j ‖x_j‖,     and ≤ ‖(W_i1, …, W_iJ)‖ √J max_j ‖x_j‖,

the first an equality if block i is one number: Σ_j ‖w_j‖ is the dual norm of a row w. A network
whose rows have dual norms of at most 1 has outputs that are 1-Lipschitz each, of Euclidean x, while
its matrices, with many rows, may have any spectral norm up to the root of their number. That is how
Murari, Furuya and Schönlieb, arXiv:2505.12003, make a network of fixed width whose one output can
approximate any 1-Lipschitz function, with blocks of 1, 1, 1 and h numbers, a MaxMin of the first
three beside a gradient step on the others, and affine maps between.
"""

from fractions import Fraction

import numpy as np

from .arguments import instance, refuse
from .linear import Affine, LinearMap, MaxMin, singular_values
from .maps import Frozen, Map, Parallel, flattened, outward, product, require_finite, root

__all__ = []  # each_output is public as lipschitz.each_output


def each_output(F):
    """An ℓ with |F(x)_i − F(y)_i| ≤ ℓ‖x − y‖ for each output i, Euclidean in x: never more than
    F.lipschitz(), and a constant of the network if it has one output, a logit.

    It is the least of the products of the constants of F's maps in norms ‖x‖ = max_j ‖x_j‖, with
    one block or with those on which the maps act, as the module `block_norms` says. F: a Map from
    states to states, ValueError for a Rollout; NotImplementedError if a map has no constant.

    Examples
    --------
    Two rows of norm 1, and the larger of the two values: all of it is 1-Lipschitz.

    >>> A = dnn.Affine(2, 2, W=[[0.6, 0.8], [0.8, 0.6]])
    >>> net = dnn.Network(A, dnn.MaxMin(2), dnn.Selection([0], 2))
    >>> round(net.lipschitz(), 9)  # ‖A‖ · 1 · 1
    1.4
    >>> round(dnn.lipschitz.each_output(net), 9)
    1.0
    """
    instance(F, Map, "each_output needs a map")
    refuse(F.sequence or not isinstance(F.dim_out, int), f"{F!r} does not give states")
    require_finite(F)
    maps = flattened(F)
    first, *norms = norms_between(maps)
    best = {first: 1.0}  # norm of the state → the least constant so far
    for G, Q in zip(maps, norms, strict=True):
        best = {
            R: min(product(L, constant(G, P, R)) for P, L in best.items())
            for R in {Q, (G.dim_out,)}
        }
    return best[norms[-1]]


def norms_between(maps):
    """The blocks before, between and behind maps, as tuples of their dimensions: x is one block,
    each output one; between, those on which the map behind acts, or if it is linear the map before;
    two linear maps have between them what is before both, if the dimension is the same, or else one
    block."""
    norms = [(maps[0].dim_in,)]
    for F, G in zip(maps, maps[1:], strict=False):
        if not is_linear(G):
            norms.append(own_norms(G)[0])
        elif is_linear(F) and F.dim_in == F.dim_out:
            norms.append(norms[-1])
        else:
            norms.append(own_norms(F)[1])
    return [*norms, (1,) * maps[-1].dim_out]


def own_norms(F):
    """The blocks before and behind F on which it acts: the Lipschitz constant holds in these
    norms, too."""
    if type(F) is MaxMin:
        return (1,) * F.dim, (1,) * F.dim
    if type(F) is Frozen:
        return own_norms(F.F)
    if type(F) is Parallel:
        before, behind = zip(*map(own_norms, F.maps), strict=True)
        return sum(before, ()), sum(behind, ())
    return (F.dim_in,), (F.dim_out,)


def is_linear(F):
    """Whether F is a matrix, or one and a bias; a subclass of Affine may be anything."""
    return isinstance(F, LinearMap) or type(F) is Affine


def constant(F, P, Q):
    """A Lipschitz constant of F from the norm with blocks P to that with blocks Q."""
    if is_linear(F) and (len(P), len(Q)) != (1, 1):
        W = F._jacobian(np.zeros(F.dim_in))
        return max(row_sizes(W, P, Q))
    ways = own_norms(F), ((F.dim_in,), (F.dim_out,))
    changes = [product(change(P, before), change(behind, Q)) for before, behind in ways]
    return product(F.lipschitz(), min(changes))


def change(P, Q):
    """‖x‖ in the norm with blocks Q over that with blocks P, at most: √n, n the number of blocks
    of P that one of Q meets."""
    ends_P, ends_Q = np.cumsum(P), np.cumsum(Q)
    first = np.searchsorted(ends_P, ends_Q - Q, side="right")
    last = np.searchsorted(ends_P, ends_Q, side="left")
    return root(Fraction(int((last - first).max()) + 1))


def row_sizes(W, P, Q):
    """For each block i of Q, min(Σ_j ‖W_ij‖, √J ‖(W_i1, …, W_iJ)‖), rounded up, J the number of
    blocks of P."""
    sizes = []
    for W_i in np.split(W, np.cumsum(Q)[:-1]):
        parts = [norm(W_ij) for W_ij in np.split(W_i, np.cumsum(P)[:-1], axis=1)]
        whole = product(root(Fraction(len(P))), norm(W_i))
        sizes.append(min(outward(lambda *parts: sum(parts), *parts), whole))
    return sizes


def norm(W):
    """‖W‖ of a matrix, rounded up."""
    return singular_values(W)[1]
