"""How much each layer of a network stretches, certified and found; and whether it is averaged.

A certificate is an upper bound of the Lipschitz constant. What is measured here is a lower bound,
and no search, however long, makes it a certificate.
"""

import math
from itertools import accumulate

import numpy as np

<<<<<<< HEAD:dynsys_nn/lipschitz.py
from .arguments import (
    dimension,
    flag,
    generator,
    instance,
    labels,
    non_negative,
    real_and_finite,
    refuse,
)
from .block_norms import each_output
from .fixed_points import averaged
from .linear import Affine, LinearMap
from .maps import (
    Map,
    Network,
    flattened,
    html,
    lipschitz_product,
    outward,
    product,
    require_finite,
    table,
)
from .rounding import running_error, size

__all__ = [
    "Profile",
    "averaged",
    "certified_accuracy",
    "certified_radius",
    "each_output",
    "measured",
    "profile",
]
=======
from ..arguments import dimension, generator, instance, real_and_finite, refuse
from ..flows import Flow
from ..integrators import Euler, cocoercivity
from ..maps import Map, Network, html, product, require_finite, table

__all__ = ["Profile", "averaged", "measured", "profile"]
>>>>>>> help21N:dynsys_nn/lipschitz/stretch.py


def measured(F, x, steps=100, rng=0):
    """The largest stretch ‖F(x) − F(y)‖/‖x − y‖ that was found: a LOWER bound of the Lipschitz
    constant of F.

    Power iteration with F′ᵀF′ at each of the points finds ‖F′(x)‖; ascent of the stretch over pairs
    of points, which start near by and far apart, moves the points too. Points are first perturbed
    by about 1e-8 of their size (3e-4 in float32), to leave kinks, where F′ is undefined; possible
    rounding is subtracted from the result. TypeError for complex points.

    Parameters
    ----------
    F : Map
        With `vjp` and `jvp`; for a function, `checks.lipschitz` needs values only.
    x : array, shape (..., d)
        The points from which to search, one at least.
    steps : int ≥ 1, default 100
        Iterations of each of the two searches.
    rng : Generator or int, default 0
        Draws where the searches start.

    Examples
    --------
    >>> A, x = dnn.Dense(2, 2, W=[[3, 0], [0, 1]]), np.zeros((1, 2))
    >>> round(dnn.lipschitz.measured(A, x, steps=50), 6)  # the largest singular value
    3.0
    >>> X = dnn.GradientField.random(2, width=8, rng=0)
    >>> bool(dnn.lipschitz.measured(X, x, steps=20) <= X.lipschitz())  # found ≤ certified
    True
    """
    instance(
        F, Map, "measured needs a Map with vjp and jvp, while checks.lipschitz takes any function"
    )
    x, steps, rng = F.state(x).reshape(-1, F.dim_in), dimension(steps, "steps"), generator(rng)
    refuse(
        not real_and_finite(x, "measured needs", "points").size,
        "measured needs at least one point, got none",
    )
    eps, scale = np.finfo(x.dtype).eps, norm(x).mean() or 1.0
    x = x + (eps**0.5 * scale * rng.normal(size=x.shape)).astype(x.dtype)
    norms, v = power_iteration(F, x, rng.normal(size=x.shape).astype(x.dtype), steps)
    r = (scale * 10 ** rng.uniform(-2, 0.5, (len(x), 1))).astype(x.dtype)
    pairs = pair_ascent(F, x, x + r * v, steps, shortest=scale / 1000)
    found = np.array([norms.max() * (1 - 100 * eps), pairs.max()])
    refuse(not np.isfinite(found).all(), f"{F!r} is not finite near the points: {found}")
    return float(found.max())


def power_iteration(F, x, v, steps):
    """‖F′v‖ and v, ‖v‖ = 1, after `steps` of v ← F′ᵀF′v at each of the points x, (n, d)."""
    _, pullback = F.vjp(x)
    v = unit(v)
    for _ in range(steps):
        w = pullback(F.jvp(x, v)[1])[0]
        # in the kernel of F′, any direction is as good
        v = np.where(norm(w)[:, None] > tiny(w), unit(w), v)
    return norm(F.jvp(x, v)[1]), v


def pair_ascent(F, x, y, steps, shortest):
    """The stretch of each pair x, y after `steps` of ascent of its logarithm: a step that does not
    help is not taken, and the next one is shorter. Pairs nearer than `shortest` are not tried:
    their difference is rounding."""
    best, g_x, g_y = pair_stretch(F, x, y)
    rate = np.full(len(x), 0.5)
    for _ in range(steps):
        c = (rate * norm(x - y) ** 2)[:, None]  # the gradient of a logarithm is one over a length
        x_new, y_new = x + c * g_x, y + c * g_y
        found, *slopes = pair_stretch(F, x_new, y_new)
        better = (found > best) & (norm(x_new - y_new) > shortest)
        rate = np.where(better, 1.5 * rate, rate / 2)
        for old, new in zip((best, x, y, g_x, g_y), (found, x_new, y_new, *slopes), strict=True):
            old[better] = new[better]
    return best


def pair_stretch(F, x, y):
    """s = ‖F(x) − F(y)‖/‖x − y‖ for each pair, (n,), less its rounding, and the gradients of log s
    in x and in y."""
    (F_x, pull_x), (F_y, pull_y), d = F.vjp(x), F.vjp(y), x - y
    D = F_x - F_y
    before, after = np.maximum(norm(d), tiny(d)), norm(D)
    w = D / (np.maximum(after, tiny(D)) ** 2).reshape(-1, *[1] * (D.ndim - 1))
    u = d / before[:, None] ** 2
    rounding = 8 * np.finfo(D.dtype).eps * (norm(F_x) + norm(F_y))
    return np.maximum(0, after - rounding) / before, pull_x(w)[0] - u, pull_y(-w)[0] + u


def norm(v):
    """‖v‖ of each sample, (n, …) → (n,)."""
    return np.linalg.norm(v.reshape(len(v), -1), axis=-1)


def unit(v):
    """v/‖v‖ of each sample, (n, d)."""
    return v / np.maximum(norm(v), tiny(v))[:, None]


def tiny(v):
    """A length whose square is still a number of the dtype of v."""
    return np.finfo(v.dtype).tiny ** 0.5


class Profile:
    """A table of a network's layers, from `profile(net, x)`: arrays of one number per layer.

    Beside the arrays that it is given it has `product`, the product of the bounds so far. Measured
    numbers are lower bounds. `print` shows the table.

    Parameters
    ----------
    names : list of L str
        What each layer is.
    bound : list of L float
        The certified constant of each layer, ∞ if none is known.
    measured : list of L float
        The largest stretch that was found of each layer, from the states that it gets.
    measured_product : list of L float
        The largest stretch that was found from the input to the end of each layer.

    Examples
    --------
    >>> names, bound, measured, so_far = ["flow", "logits"], [0.5, 3], [0.5, 2], [0.5, 0.8]
    >>> p = dnn.lipschitz.Profile(names, bound, measured, so_far)
    >>> p.product.tolist()  # so the constant of the network lies between 0.8 and 1.5
    [0.5, 1.5]
    """

    def __init__(self, names, bound, measured, measured_product):
        self.names, self.bound = names, np.array(bound)
        self.product = np.array(list(accumulate(bound, product)))
        self.measured, self.measured_product = np.array(measured), np.array(measured_product)

    def rows(self):
        """The table as rows of strings."""
        columns = self.names, self.bound, self.measured, self.product, self.measured_product
        rows = [
            [name, *(f"{number:.6g}" for number in numbers)]
            for name, *numbers in zip(*columns, strict=True)
        ]
        return [["layer", "bound", "measured", "product", "measured so far"], *rows]

    def __str__(self):
        return table(self.rows())

    __repr__ = __str__

    def _repr_html_(self):
        return html(self.rows())


def profile(net, x=None, steps=50, rng=0):
    """How much each layer of a network stretches: certified, and found by `measured`.

    Parameters
    ----------
    net : Network
        Its L maps are the layers.
    x : array, shape (..., dim_in), default None
        The points from which to search; None: 100 points N(0, I), drawn with `rng`.
    steps : int ≥ 1, default 50
        Of `measured`.
    rng : Generator or int, default 0
        Draws the points, unless they are given, and where the searches start.

    Returns
    -------
    Profile
        With a row for each layer.

    Examples
    --------
    Two maps whose composition is the identity: a product of constants may be far from the constant.

    >>> A, B = dnn.Dense(2, 2, W=np.diag([2, 0.5])), dnn.Dense(2, 2, W=np.diag([0.5, 2]))
    >>> dnn.lipschitz.profile(dnn.Network(A, B), steps=20)
    layer  bound  measured  product  measured so far
    0 Wx   2      2         2        2
    1 Wx   2      2         4        1
    """
    require_finite(instance(net, Network, "profile needs a Network"))
    x = generator(rng).normal(size=(100, net.dim_in)) if x is None else x
    x = net.state(x).reshape(-1, net.dim_in)
    names = [f"{k} {F.formula}" for k, F in enumerate(net.maps)]
    bounds = [bound_or_infinity(F) for F in net.maps]
    found = [measured(F, x_k, steps, rng) for F, x_k in zip(net.maps, net.states(x), strict=False)]
    so_far = [measured(net[: k + 1], x, steps, rng) for k in range(len(net))]
    return Profile(names, bounds, found, so_far)


<<<<<<< HEAD:dynsys_nn/lipschitz.py
def certified_radius(net, x, pairwise=True):
    """The radius r, shape of the batch, of a ball around each x in which the network's label,
    argmax z, is certain not to change.

    net: a map from states to logits z, with a Lipschitz constant; x: array, shape (..., dim_in);
    pairwise: bool, default True, chooses between two radii. With ℓ = net.lipschitz(), from input to
    logits, and k the label,

        r = min_j (z_k − z_j)/(√2 ℓ)
        r = min_j (z_k − z_j)/(ℓ′‖w_k − w_j‖)      pairwise, if the network ends in linear maps

    w_j are the rows of the last linear maps, multiplied, and ℓ′ is the constant of what comes
    before; the second is never smaller. It holds for ‖δ‖ < r, Euclidean, and for the label as it is
    computed: constants are rounded outward, and what the rounding of the logits may be, at x and at
    x + δ, is taken off z_k − z_j (`rounding`). With e + gr that of the states before the linear
    maps, and ẽ + g̃‖s‖ that of these,

        r = min_j (z_k − z_j − 2√2ẽ − 2eσ_j)/((ℓ′ + g)σ_j),   σ_j = ‖w_k − w_j‖ + √2g̃

    and 0 where that is negative. Of a network with one logit z the label is 1 where z > 0, and

        r = (|z| − 2e)/(ℓ + g),   ℓ = each_output(net)

    ValueError for a logit that is not finite; NotImplementedError for a network without a constant.
    Sources: Tsuzuku, Sato and Sugiyama,
    arXiv:1802.04034; Celledoni et al., arXiv:2210.02373.

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
    refuse(z.ndim == 0, f"a label needs logits, but {net!r} gives an array of shape {z.shape}")
    if z.shape[-1] == 1:
        return radius_of_one_logit(net, net.state(x), np.abs(z[..., 0].astype(float)))
    k, K, x = z.argmax(axis=-1), z.shape[-1], net.state(x)
    before, last = split_linear_end(net) if flag(pairwise, "pairwise") else ([net], [])
    with np.errstate(all="ignore"):  # what overflows is ∞, and the radius 0
        slope, reach = slopes_of_differences(last, K)[k], lipschitz_product(before)
        u = np.finfo(x.dtype).eps / 2
        # x + δ is rounded as it is formed, and both to the dtype of θ
        state, e, g = running_error(before, x, 2 * u * size(x), 2 * u)
        _, e_last, g_last = running_error(last, state)
        others = np.arange(K) != k[..., None]
        gap = np.minimum(z.max(axis=-1, keepdims=True).astype(float) - z, np.finfo(float).max)
        slope = slope + math.sqrt(2) * g_last
        room = gap - 2 * (math.sqrt(2) * e_last[..., None] + e[..., None] * slope)
        reach = outward(lambda a, b: a + b, reach, g)
        radius = np.minimum(room / slope / reach * (1 - 1e-15), np.finfo(float).max)
        # where nothing grows, no perturbation changes the label
        radius = np.where((slope == 0) | (reach == 0), np.inf, radius)
        certain = (room > 0) & (radius > 0)
        return np.where(others, np.where(certain, radius, 0.0), np.inf).min(axis=-1)


def radius_of_one_logit(net, x, gap):
    """r, from |z| of each x."""
    with np.errstate(all="ignore"):  # what overflows is ∞, and the radius 0
        u = np.finfo(x.dtype).eps / 2
        _, e, g = running_error([net], x, 2 * u * size(x), 2 * u)
        room, reach = gap - 2 * e, outward(lambda a, b: a + b, each_output(net), g)
        radius = np.minimum(room / reach * (1 - 1e-15), np.finfo(float).max)
        certain = (room > 0) & (radius > 0)
        return np.where(certain, radius, 0.0) if reach else np.full(gap.shape, np.inf)


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
    while maps and isinstance(maps[-1], LinearMap | Affine):
        last.insert(0, maps.pop())
    return maps, last


def certified_accuracy(net, x, y, eps, pairwise=True):
    """The fraction of samples with the right label for every perturbation ‖δ‖₂ ≤ ε:
    certified_radius(net, x) > ε.

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
    radius = np.where(right, certified_radius(net, x, pairwise), -1.0).reshape(-1)
    return accuracy_of(radius > eps[..., None])


def accuracy_of(right):
    """The fraction of samples that are right, over the last axis; ValueError if there is none."""
    refuse(not right.shape[-1], "the accuracy of an empty batch is not defined")
    return right.mean(axis=-1)
=======
def averaged(F):
    """An α ≤ 1 for which F is α-averaged, F = (1 − α)I + αN with N non-expansive. With α < 1 its
    iterates go to a fixed point, if it has one.

    F: a Flow by Euler(), forward in time, or a Network of such. An Euler step h ≤ 2ν of a field of
    cocoercivity ν: α = h/2ν, which is hL/2 for −∇V, V convex. A composition: α = s/(1 + s),
    s = Σ α_i/(1 − α_i), and 1 if one α_i is 1. NotImplementedError for other maps and longer steps.
    Sources: Combettes and Yamada, J. Math. Anal. Appl. 425 (2015); Sherry et al., arXiv:2306.17332.

    Examples
    --------
    >>> X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Tanh())  # L = 1
    >>> F = dnn.Flow(X, h=1.0)
    >>> round(dnn.lipschitz.averaged(F), 3)
    0.5
    >>> round(dnn.lipschitz.averaged(dnn.Network(F, F)), 3)
    0.667
    >>> dnn.lipschitz.averaged(dnn.Flow(X, h=2.0))  # the longest step: non-expansive, and no more
    1.0
    """
    if isinstance(F, Network):
        parts, times = [averaged(G) for G in F.maps], 1
    elif isinstance(F, Flow) and isinstance(F.method, Euler) and F.h > 0:
        parts, times = [F.h / (2 * cocoercivity(F.field))], F.steps
    else:
        raise NotImplementedError(
            f"{F!r} is not known to be averaged: Flows by Euler(), forward in time, and their "
            "compositions are"
        )
    refuse(
        max(parts) > 1 + 1e-12,  # rounding of h = 2/L
        f"{F!r} is not averaged: its step is {max(parts):.3g} times the largest that is",
        NotImplementedError,
    )
    total = times * sum(alpha / (1 - alpha) if alpha < 1 else math.inf for alpha in parts)
    return 1 / (1 + 1 / total) if total else 0.0
>>>>>>> help21N:dynsys_nn/lipschitz/stretch.py


def bound_or_infinity(F):
    """F.lipschitz(), or ∞ if no constant is known."""
    try:
        return F.lipschitz()
    except NotImplementedError:
        return math.inf
