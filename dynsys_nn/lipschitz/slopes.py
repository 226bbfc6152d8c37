"""The Lipschitz constant of a composition, from the slopes of all its activations at once.

How far a step x + hBσ(Ax + b) moves two points apart depends on the slopes of σ between them: Δy =
Δx + hBDAΔx, with D diagonal and its entries in [σ′_min, σ′_max]. So Δy = J(D)Δx for a whole
network, with one number for each of its units, and the largest ‖J(D)‖ is a Lipschitz constant. A
product of constants, one for each layer, lets every layer meet the direction that it stretches
most; here they all see the same Δx.

With slopes written as c + re, c the middle of their interval and r half of it, J is affine in each
e_u, and its norm convex. So the largest one is at a corner of the cube, e_u = ±1: few units are
tried in all 2^m ways, and this is exact. More of them are bounded by a semidefinite program
(`semidefinite`). Both use the one recursion that is below, with matrices that know how far rounding
may have moved them.
"""

import math
from functools import reduce
from itertools import combinations
from types import MappingProxyType

import numpy as np

from ..arguments import instance
from ..block_norms import is_linear
from ..fields import GradientField, ResidualField, SumField
from ..fixed_points import is_tableau
from ..flows import Flow
from ..integrators.runge_kutta import advance
from ..linear import Affine, Dense
from ..linear.matrix import SMALLEST
from ..maps import Map, flattened, lipschitz_product, outward, product
from ..rounding import size
from . import semidefinite

__all__ = ["joint"]

EPS = np.finfo(float).eps
#: the most units whose slopes are tried in all 2^m ways
CORNERS = 14
#: the most unknowns, inputs and units, of a semidefinite program, and the largest state
UNKNOWNS, LARGEST = 512, 1024
#: the cube of the unknowns times the number of pairs of labels, if each has a program of its own
PAIRS = 3 * 10**8
#: how often a program is split in two, if all are small enough: the cube of the unknowns
SPLITS, WORK = 8, 10**7
#: numbers in a block of matrices, for the cache
BLOCK = 2**20


class Difference:
    """Δ = rowsᵀξ, linear in some unknowns ξ, (..., n, d), as it is computed: the exact rows are at
    most `error`, of rounding and of what underflows, from these in the Frobenius norm, and ‖Δ‖ ≤
    reach‖Δx‖, Δx the input."""

    __array_ufunc__ = None  # numpy leaves c * Δ to Δ

    def __init__(self, rows, error, reach):
        self.rows, self.error, self.reach = rows, error, reach

    def size(self):
        """The Frobenius norm of the rows, the largest one of a batch."""
        return float(size(self.rows.reshape(*self.rows.shape[:-2], -1)).max())

    def __add__(self, other):
        total = Difference(
            self.rows + other.rows, self.error + other.error, self.reach + other.reach
        )
        total.error += EPS * total.size()
        return total

    def __rmul__(self, c):
        """c Δ for a number, or diag(c) Δ."""
        most, lost = float(np.abs(c).max()), self.rows.size * SMALLEST
        error = most * (self.error + EPS * self.size()) + lost
        return Difference(c * self.rows, error, most * self.reach)

    def through(self, A, transposed=False):
        """A Δ, or AᵀΔ: each of its sums has at most n terms, and ‖|A|‖_F ≤ √n‖A‖."""
        rows, s = self.rows @ A if transposed else A @ self.rows, A.lipschitz()
        n, number = max(A.dim_in, A.dim_out), np.finfo(rows.dtype)
        lost = rows.size * n * number.smallest_subnormal
        error = s * (self.error + 2 * n**1.5 * number.eps * self.size()) + lost
        return Difference(rows, error, s * self.reach)


def difference(F, dx, unit):
    """What a piece makes of Δx: unit(Δz) gives eΔz, |e| ≤ 1, of an activation."""
    if is_linear(F):
        return dx.through(F.A if isinstance(F, Affine) else F)
    if not isinstance(F, Flow):
        return slope(F, dx, unit)
    K = []
    for a in F.method.A:
        K.append(slope(F.field, advance(dx, F.h, a, K), unit))
    return advance(dx, F.h, F.method.b, K)


def slope(X, dx, unit):
    """ΔX = BΔs of a field, Δs = cΔz + reΔz, Δz = AΔx; of a sum, the sum."""
    if isinstance(X, SumField):
        return reduce(Difference.__add__, [slope(part, dx, unit) for part in X.parts])
    low, high = X.sigma.slope_min, X.sigma.slope_max
    c = (low + high) / 2
    r = outward(lambda low, high, c: max(high - c, c - low), low, high, c)
    dz = dx.through(X.A)
    ds = c * dz + r * unit(dz) if r else c * dz
    if isinstance(X, ResidualField):
        return ds.through(X.B)
    return (X.sign * X.alpha * ds).through(X.A, transposed=True)


class Piece:
    """A map of a network, or one step of a flow: `lipschitz`, and `units`, the numbers of units
    that compute at once, or None if its slopes are not known."""

    def __init__(self, F):
        self.F, self.dim_in, self.dim_out = F, F.dim_in, F.dim_out
        self.lipschitz = (
            F.method.lipschitz(F.field, F.h) if type(F) is Flow else float(F.lipschitz())
        )
        self.units = units(F)


def units(F):
    """The numbers of units of a map that compute at once; None if its slopes are not known."""
    if is_linear(F):
        return []
    if type(F) is SumField:
        parts = [units(part) for part in F.parts]
        return None if None in parts else sum(parts, [])
    if type(F) in (ResidualField, GradientField):
        slopes = {F.sigma.slope_min, F.sigma.slope_max}
        return [F.A.dim_out] * (len(slopes) > 1)
    if type(F) is Flow and is_tableau(F.method) and F.method.explicit:
        of_field = units(F.field)
        return of_field * len(F.method.b) if of_field is not None else None
    return None


def pieces_of(net):
    """A map as pieces: nested networks opened, one step of a flow after the other."""
    for F in flattened(net):
        yield from [Piece(F)] * (F.steps if type(F) is Flow else 1)


class Corner:
    """e Δz for corners e of the cube, (P, m): each unit takes the next entries."""

    def __init__(self, e):
        self.e = e

    def __call__(self, dz):
        k = dz.rows.shape[-1]
        e, self.e = self.e[:, None, :k], self.e[:, k:]
        return Difference(e * dz.rows, dz.error, dz.reach)


class Unknown:
    """e Δz with e given for some units, `fixed`, a dict unit → e; each other unit is a new unknown
    η with eΔz = reach η, so that no layer has an ‖η‖ above ‖Δx‖. What bounds it, Δz/reach, is noted
    for each layer, and which unit it is."""

    def __init__(self, n, fixed):
        self.row, self.unit, self.fixed = n, 0, fixed
        self.bounds, self.units = [], []

    def __call__(self, dz):
        k = dz.rows.shape[-1]
        e = np.array([self.fixed.get(unit, 0.0) for unit in range(self.unit, self.unit + k)])
        free, rows = np.flatnonzero(e == 0), e * dz.rows
        rows[self.row + np.arange(len(free)), free] = dz.reach
        if len(free):
            bound = 1 / dz.reach * dz if dz.reach else dz
            self.bounds.append(Difference(bound.rows[:, free], bound.error, bound.reach))
        self.units += (self.unit + free).tolist()
        self.row, self.unit = self.row + len(free), self.unit + k
        return Difference(rows, dz.error, dz.reach)


class Group:
    """Consecutive pieces of a network: `few` says that all corners can be tried, `fits` that a
    semidefinite program can be solved."""

    def __init__(self, pieces):
        self.pieces, self.n = pieces, pieces[0].dim_in
        known = all(piece.units is not None for piece in pieces)
        self.layers = [k for piece in pieces for k in piece.units or []]
        self.m = sum(self.layers)
        small = known and max(max(piece.dim_in, piece.dim_out) for piece in pieces) <= LARGEST
        self.few = small and self.m <= CORNERS
        self.fits = small and self.n + self.m <= UNKNOWNS

    def lipschitz(self):
        """The least that is known: the product, or what all slopes at once allow."""
        bound = product(*(piece.lipschitz for piece in self.pieces))
        with np.errstate(all="ignore"):  # what overflows is ∞
            if self.few:
                return min(bound, max(map(norm, self.at_corners())))
            return min(bound, self.by_program(slice(None), SPLITS)) if self.fits else bound

    def each_lipschitz(self):
        """The same for each component of what comes out, (d,): without the product."""
        with np.errstate(all="ignore"):
            if self.few:
                return np.max([norms(dy) for dy in self.at_corners()], axis=0)
            d = self.pieces[-1].dim_out
            return np.array([self.by_program([component], SPLITS // d) for component in range(d)])

    def by_program(self, components, splits):
        """What the semidefinite program says of these components. Where it says most, the unit with
        the largest weight is split, e = −1 or 1, a number of times, if programs are small."""
        nodes = [self.node({}, components, math.inf)]
        for _ in range(min(splits, WORK // (self.n + self.m) ** 3)):
            nodes.sort(key=lambda node: node[0])
            bound, fixed, unit = nodes.pop()
            if unit is None:  # this is a corner
                return bound
            nodes += [self.node(fixed | {unit: e}, components, bound) for e in (-1.0, 1.0)]
        return max(bound for bound, _, _ in nodes)

    def node(self, fixed, components, most):
        """What the program says if some e are fixed, at most `most`; these e, a dict unit → e; and
        the free unit with the largest weight, None without one."""
        C, Z, layers, errors, units = self.with_unknowns(fixed)
        bound, tau = semidefinite.certified(C.rows[:, components], Z, layers, C.error, errors)
        return min(bound, most), fixed, units[tau.argmax()] if units else None

    def difference(self, dx, unit):
        """What all pieces make of Δx."""
        for piece in self.pieces:
            dx = difference(piece.F, dx, unit)
        return dx

    def at_corners(self):
        """Δy at all corners of the cube, in blocks."""
        dx = Difference(np.eye(self.n)[None], 0.0, 1.0)
        widest = max(piece.dim_out for piece in self.pieces)
        block = max(1, BLOCK // (self.n * max(widest, *self.layers, 1)))
        for first in range(0, 2**self.m, block):
            codes = np.arange(first, min(first + block, 2**self.m))
            bits = codes[:, None] >> np.arange(self.m) & 1
            yield self.difference(dx, Corner(2.0 * bits - 1))

    def with_unknowns(self, fixed=MappingProxyType({})):
        """Δy = Cᵀη and Z for the unknowns η = (Δx, η₁, …) of `semidefinite`, if some e are fixed;
        the numbers of free units in the layers, how far their part of Z may be off, the units."""
        N = self.n + self.m - len(fixed)
        unknown = Unknown(self.n, fixed)
        C = self.difference(Difference(np.eye(N, self.n), 0.0, 1.0), unknown)
        parts = [bound.rows for bound in unknown.bounds]
        Z = np.concatenate([np.zeros((N, 0)), *parts], axis=1)
        errors = [bound.error for bound in unknown.bounds]
        return C, Z, [part.shape[1] for part in parts], errors, unknown.units


def norm(dy):
    """The largest ‖Δy‖ for ‖Δx‖ = 1, over a batch: of the smaller one of JJᵀ and JᵀJ."""
    scale = dy.size()
    if scale == 0 or not math.isfinite(scale):
        return scale + dy.error
    J = dy.rows / scale  # so that squares are numbers
    J = J if J.shape[-2] <= J.shape[-1] else J.swapaxes(-1, -2)
    k, n = J.shape[-2:]
    largest = math.sqrt(np.linalg.eigvalsh(J @ J.swapaxes(-1, -2))[..., -1].max())
    return scale * largest * (1 + k * (n + 4) * EPS) + dy.error


def norms(dy):
    """The largest |Δy_j| for ‖Δx‖ = 1, over a batch, (d,)."""
    n = dy.rows.shape[-2]
    return size(dy.rows.swapaxes(-1, -2)).max(axis=0) * (1 + (n + 4) * EPS) + dy.error


def groups(pieces, allowed):
    """The pieces in groups, each as long as it may be."""
    found = []
    for piece in pieces:
        if found and allowed(Group([*found[-1], piece])):
            found[-1].append(piece)
        else:
            found.append([piece])
    return [Group(part) for part in found]


def groupings(maps):
    """Two ways in which a network of these maps is cut into groups, or one if they are the same."""
    pieces = [piece for F in maps for piece in pieces_of(F)]
    few = groups(pieces, lambda group: group.few)
    yield few
    if len(few) > 1:
        yield groups(pieces, lambda group: group.fits)


def constant(maps):
    """A Lipschitz constant of a network of these maps."""
    return min(
        lipschitz_product(maps),
        *(product(*(group.lipschitz() for group in found)) for found in groupings(maps)),
    )


def constants_of_differences(maps, K):
    """Lipschitz constants of z_k − z_j, (K, K), where z are the K logits of a network of these
    maps, if all of it is one group, and they do not cost too much: otherwise, and for j = k, ∞."""
    found, pairs = np.full((K, K), math.inf), K * (K - 1) // 2
    if pairs > LARGEST:
        return found
    k, j = np.array(list(combinations(range(K), 2))).T
    difference = Dense(pairs, K, np.eye(K)[k] - np.eye(K)[j])
    for whole, *others in groupings([*maps, difference]):
        cheap = whole.few or whole.fits and pairs * (whole.n + whole.m) ** 3 <= PAIRS
        if not others and cheap:
            found[k, j] = found[j, k] = whole.each_lipschitz()
    return found


def joint(net):
    """A certified Lipschitz constant of a whole network, which is at most net.lipschitz() and often
    much less: sup ‖J(D)‖ over the slopes D of all its activations at once.

    net: a map with a constant. It is cut into steps: linear and affine maps; steps of Flows of
    GradientFields, ResidualFields and their sums by explicit Runge–Kutta methods; such fields as
    maps. Any other map is a step of its own, with its own constant. Steps with 14 units or fewer
    together get the constant of the worst slopes, exactly; steps with up to 512 unknowns, inputs
    and units, one by a semidefinite program, which then takes some seconds. The least product is
    returned, rounded outward. NotImplementedError for a network without a constant. Source:
    Fazlyab et al., arXiv:1906.04893.

    Examples
    --------
    >>> X, Y = (dnn.ResidualField.random(2, width=6, rng=seed) for seed in (0, 1))
    >>> net = dnn.Network(dnn.Flow(X, 1.0), dnn.Flow(Y, 1.0))
    >>> print(round(net.lipschitz(), 2), round(dnn.lipschitz.joint(net), 2))
    3.67 2.61
    >>> print(round(dnn.lipschitz.measured(net, np.zeros((20, 2))), 2))
    2.1

    Two maps that undo each other:

    >>> A, B = dnn.Dense(2, 2, W=np.diag([2, 0.5])), dnn.Dense(2, 2, W=np.diag([0.5, 2]))
    >>> net = dnn.Network(A, B)
    >>> print(round(net.lipschitz(), 6), round(dnn.lipschitz.joint(net), 6))
    4.0 1.0
    """
    return constant([instance(net, Map, "joint needs a network, which knows its constant")])
