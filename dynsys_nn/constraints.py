"""Projections that keep a theorem's hypothesis true while a network is trained.

`fit(…, constraints=[Orthogonal(*weights(net))])` projects θ before the first step and after every step, in the order of the
list, so that every network that is measured, kept or returned satisfies the hypothesis, to rounding, and not in the limit
of a penalty.
"""

import math

import numpy as np

from .flows import Flow
from .integrators import Euler, check_step, cocoercivity, one_sided_bound, spectral_bound
from .linear import Convolution, Weighted, WeightMatrix
from .maps import Map, dimension, every_map, real, yes_or_no

TINY = 1e-150


class Constraint:
    """A set of parameters: `project()` puts θ into it, in place. `maps` are those whose parameters it changes."""

    maps = ()

    def project(self):
        """θ ← a point of the set near θ, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no projection: write project(self)")

    def tangent(self, dtheta):
        """A gradient, flat like the network's θ, as a direction along the set: unchanged unless the set is curved. A penalty adds
        its own gradient here."""
        return dtheta

    def blocks(self, theta):
        """Slices of the network's θ for which an optimiser should keep one second moment, not one an entry."""
        return []

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.maps))})"


class Orthogonal(Constraint):
    """WᵀW = I for the weight W of each linear map given (WWᵀ = I where it has fewer rows than columns).

    The projection is the nearest such matrix, the polar factor of W, by an SVD; with `bjorck=True` by Björck and Bowie's
    iteration W ← W(3I − WᵀW)/2, which is matrix products only, and a handful of them after a small step away from the
    set. With a network's gradient G at W, `tangent` takes G − W sym(WᵀG), the part along the set, and Adam keeps one
    second moment a matrix: a scale for each entry would turn the direction. This decides how tight the networks get.

    TypeError for what is no Dense or Affine map. Sources: Björck and Bowie (1971); Absil, Mahony and Sepulchre,
    Optimization Algorithms on Matrix Manifolds (2008); Bécigneul and Ganea, arXiv:1810.00760.
    """

    def __init__(self, *linear_maps, bjorck=False):
        self.maps, self.bjorck = weighted_maps(linear_maps, "Orthogonal", WeightMatrix), yes_or_no(bjorck, "bjorck")

    def project(self):
        for A in self.maps:
            W = bjorck(A.W) if self.bjorck else None
            if W is None:
                A.orthogonalise()
            else:
                A.W = W

    def tangent(self, dtheta):
        dtheta = np.array(dtheta)
        for A in self.maps:
            block = weight_block(A, dtheta)
            W, G = A.W, dtheta[block].reshape(A.W.shape)
            if A.dim_out < A.dim_in:  # orthonormal rows: those of Wᵀ are orthonormal columns
                W, G = W.T, G.T
            S = W.T @ G
            G = G - W @ (S + S.T) / 2
            dtheta[block] = (G if A.dim_out >= A.dim_in else G.T).ravel()
        return dtheta

    def blocks(self, theta):
        return [weight_block(A, theta) for A in self.maps]


class SpectralBall(Constraint):
    """‖W‖ ≤ radius for the weight of each linear map given: W ← W · radius/max(radius, s_max).

    ValueError where the radius is not positive, TypeError for what is no map with a weight.
    """

    def __init__(self, *linear_maps, radius=1.0):
        if len(linear_maps) > 1 and isinstance(linear_maps[-1], float | int | np.number):  # SpectralBall(A, 2)
            *linear_maps, radius = linear_maps
        self.maps = weighted_maps(tuple(linear_maps), "SpectralBall", Weighted)
        if not real(radius) > 0:
            raise ValueError(f"radius must be a positive number, got {radius!r}")
        self.radius = float(radius)

    def project(self):
        for A in self.maps:
            s_max = A.lipschitz()
            if s_max > self.radius:
                A.W = A.W * (self.radius / s_max * (1 - 2 * np.finfo(A.W.dtype).eps))  # rounding stays inside


class OrthogonalityPenalty(Constraint):
    """P = weight · Σ_A ‖AᵀA − I‖²/n is added to the loss, n the number of pixels (1 for a matrix), AAᵀ where A has fewer rows.

    For convolutions, whose stencils have no nearest orthogonal one: their singular values are drawn towards 1, and no theorem
    follows; what is certified is the singular range that they have. `value()` is P, and `tangent` adds its gradient: with
    the symbol Ŵ of A and E = Ŵ*Ŵ − I (ŴŴ* − I) it is 4 weight ŴE/n (EŴ) at each frequency. `project` takes `descents` steps of
    steepest descent, Ŵ ← Ŵ − ŴE/2, cut off to the stencil: Björck's iteration for a matrix, and near it for a convolution.

    linear_maps: Dense, Affine and Convolution maps. ValueError where the weight is not positive. Source: Wang et al., Orthogonal convolutional neural networks, arXiv:1911.12207.
    """

    def __init__(self, *linear_maps, weight=1.0, descents=0):
        self.maps = weighted_maps(linear_maps, "OrthogonalityPenalty", Weighted)
        if not real(weight) > 0:
            raise ValueError(f"weight must be a positive number, got {weight!r}")
        self.weight = weight
        self.descents = 0 if type(descents) is int and descents == 0 else dimension(descents, "descents")

    def value(self):
        """P, a number."""
        return self.weight * sum(float(np.sum(np.abs(defect(S)) ** 2)) / n for S, n in map(symbols_of, self.maps))

    def tangent(self, dtheta):
        dtheta = np.array(dtheta)
        for A in self.maps:
            dtheta[weight_block(A, dtheta)] += 4 * self.weight * stretch(A).ravel()
        return dtheta

    def project(self):
        for A in self.maps:
            for _ in range(self.descents):
                A.W = A.W - stretch(A) / 2


class StepSizes(Constraint):
    """(h_C, h_E) ← the nearest steps for which the contractive step after the expansive one is 1-Lipschitz.

    flow_C, flow_E: Flows with learned steps, −AᵀΣ(Ax + b) and Σ(Wx + v) in the lectures; with L and λ, μ the constants
    that their fields have now the steps satisfy h_E ≤ (1/ℓ(h_C) − 1)/L_E, where

        bound="sharp"    ℓ(h) = max(|1 + hλ_min|, |1 + hλ_max|), which is attained
        bound="slides"   ℓ(h) = √(1 + 2hμ + h²L²)

    For slopes in [½, 1] and orthogonal A, W the first allows h_E up to 2, at h_C = 4/3, the second up to 0.1547, at
    h_C = ½. Put it after the constraints on A and W. Steps stay above `smallest`, since a step may not be zero.

    TypeError where a flow does not learn its step, or is not one Euler step, or a constant is missing;
    NotImplementedError where no h_C contracts. Source: Celledoni et al., arXiv:2210.02373.
    """

    def __init__(self, flow_C, flow_E, bound="sharp", smallest=1e-3):
        for flow, name in ((flow_C, "flow_C"), (flow_E, "flow_E")):
            if not isinstance(flow, Flow) or not flow.learn_h:
                raise TypeError(f"{name} must be a Flow with learn_h=True, got {flow!r}")
            if not isinstance(flow.method, Euler) or flow.steps != 1:
                raise TypeError(f"{name} must be one Euler step, got {flow.method!r} with steps={flow.steps}")
        if flow_C is flow_E:
            raise ValueError("flow_C and flow_E must be two flows, got the same one twice")
        if not isinstance(bound, str) or bound not in ("sharp", "slides"):
            raise ValueError(f'bound must be "sharp" or "slides", got {bound!r}')
        if isinstance(smallest, complex | np.complexfloating) or check_step(smallest) < 0:
            raise ValueError(f"smallest must be a positive number, got {smallest}")
        self.maps, self.bound, self.smallest = (flow_C, flow_E), bound, smallest
        try:
            self.curve()
        except NotImplementedError as error:
            raise TypeError(
                f"flow_C is the contractive step, of a gradient field, and flow_E the expansive one: {error}"
            ) from None

    def largest_expansive_step(self, h_C):
        """The largest h_E that each h_C allows, an array of its shape; negative where h_C alone does not contract."""
        return self.curve()(np.asarray(h_C))

    def curve(self):
        """h_C ↦ the largest h_E, for the weights as they are now."""
        C, E = (flow.field for flow in self.maps)
        L_E, constants = (
            max(E.lipschitz(), TINY),
            C.spectrum() if self.bound == "sharp" else (C.lipschitz(), C.one_sided_lipschitz()),
        )
        ell = spectral_bound if self.bound == "sharp" else one_sided_bound
        return lambda h_C: (1 / np.maximum(ell(h_C, *constants), TINY) - 1) / L_E

    def project(self):
        from scipy.optimize import brentq, minimize_scalar

        C, E = self.maps
        largest, smallest = self.curve(), self.smallest
        if largest(C.h) >= E.h >= smallest <= C.h:
            return
        top = 2 * cocoercivity(C.field)  # no bound is below 1 from here on
        h = np.linspace(smallest, top, 1001) if smallest < top < math.inf else np.zeros(0)
        h = h[largest(h) > smallest]
        if not h.size:
            raise NotImplementedError(
                f"no step of {C.field!r} is known to make up for an expansive one of {smallest}: slopes of at least a > 0, and "
                "A with full column rank, are what contracts"
            )

        def spare(h_C):
            return largest(h_C) - smallest

        def distance(h_C):
            return np.hypot(h_C - C.h, np.clip(E.h, smallest, largest(h_C)) - E.h)

        low = smallest if spare(smallest) >= 0 else brentq(spare, smallest, h[0])
        high = brentq(spare, h[-1], top)
        h = np.linspace(low, high, 1001)  # there may be a minimum on each side of the region's peak
        near, gap = h[np.argmin(distance(h))], h[1] - h[0]
        bounds = max(low, near - gap), min(high, near + gap)
        C.h = minimize_scalar(distance, bounds=bounds, method="bounded", options=dict(xatol=1e-10)).x
        E.h = np.clip(E.h, smallest, largest(C.h))
        if E.h > largest(C.h):  # rounded up, to the dtype of θ
            E.h = np.nextafter(E.theta.dtype.type(E.h), E.theta.dtype.type(0))


class SignedSteps(Constraint):
    """Steps h_i of either sign for which the product of the bounds of Euler steps x − hAᵀσ(Ax + b) is at most one.

    A positive step contracts, a negative one expands, and which is which is learned. With the spectra [λ_min, λ_max] that the
    fields have now, Π_i max(|1 + h_iλ_min|, |1 + h_iλ_max|) ≤ 1. Where it is more, all steps move towards their safe values,
    h = −2/(λ_min + λ_max), where a positive step contracts most, and `smallest` for a negative one, until it is 1. Put it after
    the constraints on the weights.

    flows: Flows of gradient fields with learned steps, one Euler step each; TypeError for others. Source: Celledoni et al.,
    arXiv:2210.02373, the switching that is flexible.
    """

    def __init__(self, *flows, smallest=1e-3):
        for flow in flows or [None]:
            if not isinstance(flow, Flow) or not flow.learn_h or not isinstance(flow.method, Euler) or flow.steps != 1:
                raise TypeError(f"SignedSteps needs Flows with learn_h=True, one Euler step each, got {flow!r}")
        if not real(smallest) > 0:
            raise ValueError(f"smallest must be a positive number, got {smallest!r}")
        self.maps, self.smallest = flows, smallest
        self.spectra()

    def spectra(self):
        """λ_min and λ_max of each field, two arrays. TypeError for a field that is no gradient field."""
        try:
            return np.array([flow.field.spectrum() for flow in self.maps]).T
        except NotImplementedError as error:
            raise TypeError(f"SignedSteps needs gradient fields: {error}") from None

    def project(self):
        (low, high), h, dtype = self.spectra(), np.array([flow.h for flow in self.maps]), self.maps[0].theta.dtype

        def at(t):
            steps = (1 - t) * h + t * safe
            return np.where(steps == 0, self.smallest, steps).astype(dtype).astype(float)

        safe = np.where(h > 0, -2 / np.minimum(low + high, -TINY), self.smallest)
        t = 0.0
        if spectral_bound(at(t), low, high).prod() > 1:
            t = self.fraction(h, safe, low, high)
            while t < 1 and spectral_bound(at(t), low, high).prod() > 1:  # rounding to the dtype of θ
                t = min(1.0, t + np.finfo(dtype).eps)
        for flow, step in zip(self.maps, at(t), strict=True):
            flow.h = step

    @staticmethod
    def fraction(h, safe, low, high):
        """The smallest t in [0, 1] for which (1 − t)h + t·safe has a product of at most 1, or 1."""
        from scipy.optimize import brentq

        def excess(t):
            return np.log(spectral_bound((1 - t) * h + t * safe, low, high) + TINY).sum()

        return brentq(excess, 0, 1) if excess(0) > 0 > excess(1) else 1.0


def weights(*maps):
    """The Dense, Affine and Convolution maps in the maps given, however deep, each once: `SpectralBall(*weights(net))` constrains
    them all.

    Not among them are the weights α of a gradient field and learned steps h, which count in Lipschitz constants, too.
    """
    for F in maps:
        if not isinstance(F, Map):
            raise TypeError(f"weights takes maps, weights(net) or weights(*layers), got {F!r}")
    return list({id(A): A for F in maps for A in every_map(F) if isinstance(A, Weighted)}.values())


def weighted_maps(maps, name, kind):
    """The linear maps, each of that kind; TypeError for others, or none."""
    for A in maps:
        if isinstance(A, Convolution) and kind is WeightMatrix:
            raise TypeError(
                f"{name} constrains Dense and Affine maps, got {A!r}: no stencil is nearest to it that is orthogonal; take "
                "SpectralBall, and OrthogonalityPenalty"
            )
        if not isinstance(A, kind):
            kinds = "Dense and Affine" if kind is WeightMatrix else "Dense, Affine and Convolution"
            raise TypeError(f"{name} constrains {kinds} maps, such as field.A, got {A!r}")
    if not maps:
        raise TypeError(f"{name} needs at least one linear map, such as field.A, got none")
    return maps


def symbols_of(A):
    """The symbols of a convolution and its number of pixels; a matrix is its own symbol, of one pixel."""
    return (A.symbols(), A.image[0] * A.image[1]) if isinstance(A, Convolution) else (A.W, 1)


def defect(S):
    """S*S − I, or SS* − I where S has fewer rows."""
    S = S if S.shape[-2] >= S.shape[-1] else S.conj().swapaxes(-1, -2)
    return S.conj().swapaxes(-1, -2) @ S - np.eye(S.shape[-1], dtype=S.dtype)


def stretch(A):
    """A(AᵀA − I), or (AAᵀ − I)A, cut off to the weight of A, per pixel: a quarter of the gradient of ‖AᵀA − I‖²/n."""
    S, n = symbols_of(A)
    G = S @ defect(S) if S.shape[-2] >= S.shape[-1] else defect(S) @ S
    return A.stencil(G / n) if isinstance(A, Convolution) else G


def weight_block(A, theta):
    """The slice of a holder's θ, or of its gradient, in which W of A lies."""
    start = A.place(theta).start + A.slices["W"].start
    return slice(start, start + A.W.size)


def bjorck(W, iterations=30):
    """W ← W(3I − WᵀW)/2 for the taller of W and Wᵀ, until WᵀW = I to rounding; None where that takes too long (W is nearly
    singular). The iteration needs s_max < √3, which s_max² ≤ 1 + ‖WᵀW − I‖ shows, or a division by s_max makes true."""
    Q = W if len(W) >= W.shape[1] else W.T
    I = np.eye(Q.shape[1], dtype=W.dtype)
    if np.linalg.norm(Q.T @ Q - I) > 1.5:
        Q = Q / (np.linalg.norm(Q, 2) or 1)
    for _ in range(iterations):
        E = Q.T @ Q - I
        Q = Q - Q @ E / 2
        if np.linalg.norm(E) < np.finfo(W.dtype).eps ** 0.5:  # of which this step has made the square, rounding
            return Q if len(W) >= W.shape[1] else Q.T
    return None
