"""How much each layer of a network stretches, certified and found.

A certificate is an upper bound of the Lipschitz constant. What is measured here is a lower bound,
and no search, however long, makes it a certificate.
"""

import math
from itertools import accumulate

import numpy as np

from ..arguments import dimension, generator, instance, real_and_finite, refuse
from ..maps import Map, Network, html, product, require_finite, table

__all__ = ["Profile", "measured", "profile"]


def measured(F, x, steps=100, rng=0):
    """The largest stretch ‖F(x) − F(y)‖/‖x − y‖ that was found: a LOWER bound of the Lipschitz
    constant of F.

    Power iteration with F′ᵀF′ at each of the points finds ‖F′(x)‖; ascent of the stretch over pairs
    of points, which start near by and far apart, moves the points too. Points are first perturbed
    by about 1e-8 of their size (3e-4 in float32), to leave kinks, where F′ is undefined. The
    rounding of values is subtracted from the result; that of layers which nearly undo each other,
    10⁴ · 10⁻⁴ in float32, may be larger. TypeError for complex points.

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


def bound_or_infinity(F):
    """F.lipschitz(), or ∞ if no constant is known."""
    try:
        return F.lipschitz()
    except NotImplementedError:
        return math.inf
