"""The radius in which a label is certain: what the logits are apart, over how fast they can come
together."""

import math

import numpy as np

from ..arguments import flag, instance, labels, non_negative, real_and_finite, refuse
from ..block_norms import each_output, is_linear
from ..maps import Map, flattened, lipschitz_product, outward, require_finite
from ..rounding import running_error, size
from .slopes import constant as joint_constant
from .slopes import constants_of_differences

__all__ = ["certified_accuracy", "certified_radius"]


def certified_radius(net, x, pairwise=True, joint=False):
    """The radius r, shape of the batch, of a ball around each x in which the network's label,
    argmax z, is certain not to change.

    With ℓ = net.lipschitz(), from input to logits, and k the label,

        r = min_j (z_k − z_j)/(√2 ℓ)
        r = min_j (z_k − z_j)/(ℓ′‖w_k − w_j‖)      pairwise, if the network ends in linear maps

    w_j are the rows of the last linear maps, multiplied, and ℓ′ is the constant of what comes
    before; the second is never smaller. It holds for ‖δ‖ < r, Euclidean, and for the label as it is
    computed: constants are rounded outward, and what the rounding of the logits may be, at x and at
    x + δ, is taken off z_k − z_j (`rounding`). With e + gr that of the states before the linear
    maps, and ẽ + g̃‖s‖ that of these,

        r = min_j (z_k − z_j − 2√2ẽ − 2eσ_j)/((ℓ′ + g)σ_j),   σ_j = ‖w_k − w_j‖ + √2g̃

    and 0 where that is negative. With `joint`, ℓ and ℓ′ are those of `lipschitz.joint`, and in the
    pairwise radius ℓ_kj, that of z_k − z_j as a function of the input, takes the place of
    ℓ′‖w_k − w_j‖ where it is cheap: in a network without other steps than `joint` names, of at most
    14 units, or with K logits and N unknowns of which K(K − 1)N³ ≤ 6·10⁸ and N ≤ 512, so for ten
    labels N ≤ 188. Of a network with one logit z the label is 1 where z > 0, and

        r = (|z| − 2e)/(ℓ + g),   ℓ = each_output(net), or with joint=True the less of both

    Sources: Tsuzuku, Sato and Sugiyama, arXiv:1802.04034; Celledoni et al., arXiv:2210.02373.

    Parameters
    ----------
    net : Map
        From states to logits z, with a Lipschitz constant.
    x : array, shape (..., dim_in)
        The states.
    pairwise : bool, default True
        Which of the two radii it is.
    joint : bool, default False
        Whether the constants look at all slopes at once: larger radii, after seconds of work for a
        network with hundreds of units, at each call.

    Raises
    ------
    ValueError
        For logits that are not finite.
    NotImplementedError
        For a network without a constant.

    Examples
    --------
    >>> net, x = dnn.Dense(2, 2, W=[[1, 0], [0, 1]]), np.array([2.0, 0.0])
    >>> r = dnn.lipschitz.certified_radius(net, x)
    >>> round(float(r), 3)  # √2: the distance from the line z₁ = z₂
    1.414
    >>> delta = r * np.array([-1, 1]) / np.sqrt(2)  # the shortest way there
    >>> [int(net(x + c * delta).argmax()) for c in (0.999, 1.001)]
    [0, 1]
    """
    instance(net, Map, "certified_radius needs a network, which knows its constant")
    require_finite(net)
    z = real_and_finite(net(x), "certified_radius needs", "logits")
    if z.ndim == 0:
        raise ValueError(f"a label needs logits, but {net!r} gives an array of shape {z.shape}")
    pairwise, joint = flag(pairwise, "pairwise"), flag(joint, "joint")
    if z.shape[-1] == 1:
        return radius_of_one_logit(net, net.state(x), np.abs(z[..., 0].astype(float)), joint)
    k, K, x = z.argmax(axis=-1), z.shape[-1], net.state(x)
    before, last = split_linear_end(net) if pairwise else ([net], [])
    pairs = np.full((K, K), np.inf)
    with np.errstate(all="ignore"):  # what overflows is ∞, and the radius 0
        slope = slopes_of_differences(last, K)[k]
        reach = lipschitz_product(before)
        if joint and pairwise:
            pairs = constants_of_differences([*before, *last], K)
        if joint and np.isinf(pairs).sum() > K:  # the diagonal is
            reach = joint_constant(before)
        u = np.finfo(x.dtype).eps / 2
        # x + δ is rounded as it is formed, and both to the dtype of θ
        state, e, g = running_error(before, x, 2 * u * size(x), 2 * u)
        _, e_last, g_last = running_error(last, state)
        others = np.arange(K) != k[..., None]
        gap = np.minimum(z.max(axis=-1, keepdims=True).astype(float) - z, np.finfo(float).max)
        slope = slope + math.sqrt(2) * g_last
        room = gap - 2 * (math.sqrt(2) * e_last[..., None] + e[..., None] * slope)
        of_pairs = ((pairs[k] + math.sqrt(2) * g_last * reach) / slope + g) * (1 + 1e-15)
        reach = np.minimum(outward(lambda a, b: a + b, reach, g), of_pairs)
        radius = np.minimum(room / slope / reach * (1 - 1e-15), np.finfo(float).max)
        # where nothing grows, no perturbation changes the label
        radius = np.where((slope == 0) | (reach == 0), np.inf, radius)
        certain = (room > 0) & (radius > 0)
        return np.where(others, np.where(certain, radius, 0.0), np.inf).min(axis=-1)


def radius_of_one_logit(net, x, gap, joint):
    """r, from |z| of each x."""
    with np.errstate(all="ignore"):  # what overflows is ∞, and the radius 0
        u = np.finfo(x.dtype).eps / 2
        _, e, g = running_error([net], x, 2 * u * size(x), 2 * u)
        ell = min(each_output(net), joint_constant([net])) if joint else each_output(net)
        room, reach = gap - 2 * e, outward(lambda a, b: a + b, ell, g)
        radius = np.minimum(room / reach * (1 - 1e-15), np.finfo(float).max)
        radius = radius if reach else np.inf  # where nothing grows
        return np.where((room > 0) & (radius > 0), radius, 0.0)


def slopes_of_differences(last, K):
    """How fast z_k − z_j grows at most, (K, K), with the states that come into the linear maps
    `last`, which give K logits z."""
    slope = math.sqrt(2) * lipschitz_product(last)
    rows, lost = np.eye(K)[:, None] - np.eye(K), 0.0  # e_k − e_j, to become w_k − w_j
    for A in reversed(last):
        rows = A.adjoint(rows)
        # what underflows, in any of the sums
        lost = lost * A.lipschitz() + A.dim_in * A.dim_out * np.finfo(rows.dtype).smallest_normal
    rounding = sum(max(A.dim_in, A.dim_out) * np.finfo(rows.dtype).eps for A in last)
    return np.minimum(slope, size(rows) + rounding * slope + lost)


def split_linear_end(net):
    """The maps of a network, nested ones flattened, as two lists: what comes before, and the linear
    maps, and affine ones, at its end."""
    maps, last = flattened(net), []
    while maps and is_linear(maps[-1]):
        last.insert(0, maps.pop())
    return maps, last


def certified_accuracy(net, x, y, eps, pairwise=True, joint=False):
    """The fraction of samples with the right label for every perturbation ‖δ‖₂ ≤ ε:
    certified_radius(net, x, pairwise, joint) > ε.

    Parameters
    ----------
    net : Map
        From states to logits, with a Lipschitz constant.
    x : array, shape (..., dim_in)
        The samples.
    y : array of int, shape (...)
        Their labels.
    eps : float ≥ 0, or an array of such
        The sizes ε of the perturbations.
    pairwise : bool, default True
        Which radius is taken: see `certified_radius`.
    joint : bool, default False
        Whether its constants look at all slopes at once.

    Returns
    -------
    float, or array of the shape of eps
        The fraction for each ε, never more than that under an attack.

    Raises
    ------
    ValueError
        If an ε is negative, a label is out of range, or there is no sample.
    NotImplementedError
        If the network has no constant.

    Examples
    --------
    >>> net = dnn.Dense(2, 2, W=np.eye(2))
    >>> x, y = np.array([[2.0, 0], [0, 1]]), [0, 1]  # with radii √2 and 1/√2
    >>> dnn.lipschitz.certified_accuracy(net, x, y, [0, 1, 2]).tolist()
    [1.0, 0.5, 0.0]
    """
    instance(net, Map, "certified_accuracy needs a network, which knows its constant")
    eps, z = np.asarray(non_negative(eps, "eps")), net(x)
    if z.shape[-1:] == (1,):
        z = np.concatenate([0 * z, z], axis=-1)  # the larger is z where z > 0
    right = np.argmax(z, axis=-1) == labels(y, z.shape)
    radius = np.where(right, certified_radius(net, x, pairwise, joint), -1.0).reshape(-1)
    return accuracy_of(radius > eps[..., None])


def accuracy_of(right):
    """The fraction of samples that are right, over the last axis; ValueError if there is none."""
    refuse(not right.shape[-1], "the accuracy of an empty batch is not defined")
    return right.mean(axis=-1)
