"""Attacks: perturbations of at most ε that change a label, found by ascent. They bound robust
accuracy from above, as certificates bound it from below: an attack that succeeds inside a certified
radius is a bug.

They follow differences of logits, z_j − z_y, positive for some j if the label y is lost, and not
the softmax, whose gradient vanishes if a network is sure. They work on the whole batch at once, and
stop where they succeeded.
"""

import math

import numpy as np

from .arguments import (
    Described,
    dimension,
    generator,
    instance,
    labels,
    non_negative,
    pair,
    positive,
    real_and_finite,
    refuse,
)
from .lipschitz.radii import accuracy_of
from .lipschitz.stretch import tiny
from .maps import Map

__all__ = ["FGM", "PGD", "PublishedPGD", "accuracy", "attacked_accuracy", "smallest_perturbation"]


class PGD(Described):
    """Projected gradient ascent of max_{j≠y} z_j − z_y in the ball ‖δ‖ ≤ ε. `attack(net, x, y)` →
    x + δ, of the shape of x.

    The first ascent starts at x and follows the largest z_j − z_y, whichever j that is, perhaps
    towards a label that stays out of reach. So the second goes from x towards the third most likely
    label, the fourth towards the next, and so on while there are labels; the others start at random
    in the ball, in case the gradient vanishes at x. What is returned has a wrong label, or, if none
    was found, the largest z_j − z_y that was seen; a sample that is wrong already stays as it is.
    Rounded to the dtype of x, x + δ is still within ε. Sources: Madry et al., arXiv:1706.06083;
    what is ascended: Carlini and Wagner, arXiv:1608.04644.

    Parameters
    ----------
    eps : float ≥ 0, or an array of the batch's shape
        The radius ε of the ball.
    steps : int ≥ 1, default 50
        Of each ascent.
    restarts : int ≥ 1, default 5
        The number of ascents.
    norm : 2 or np.inf, default 2
        Of the ball.
    box : pair (low, high), default None
        All entries of x + δ stay between these; None: anywhere.
    rng : Generator or int, default 0
        Draws the random starts.
    step : float ≥ 0, or an array of the batch's shape, default None
        The length of a step; None: 2.5 ε/steps.

    Raises
    ------
    ValueError
        If ε is negative, a label is out of range, or an x is outside the box.

    Examples
    --------
    >>> net, x = dnn.Dense(2, 2, W=np.eye(2)), np.array([2.0, 0.0])  # √2 from the other label
    >>> int(net(dnn.PGD(eps=1.4)(net, x, 0)).argmax())
    0
    >>> found = dnn.PGD(eps=1.5)(net, x, 0)
    >>> int(net(found).argmax())
    1
    >>> bool(np.linalg.norm(found - x) <= 1.5)
    True
    """

    def __init__(self, eps, steps=50, restarts=5, norm=2, box=None, rng=0, step=None):
        self.eps, self.norm, self.rng = non_negative(eps, "eps"), norm, rng
        self.steps, self.restarts = dimension(steps, "steps"), dimension(restarts, "restarts")
        refuse(
            not isinstance(norm, float | int | np.number) or norm not in (2, np.inf),
            f"norm must be 2 or np.inf, got {norm!r}",
        )
        generator(rng)  # validate the seed now
        self.box = None if box is None else pair(box, "box")
        self.step = None if step is None else non_negative(step, "step")

    def __call__(self, net, x, y):
        """x + δ, shape of x, for states x, (..., dim_in), and labels y, integers (...)."""
        states, z, y = samples(net, x, y)
        if self.box is not None and not ((states >= self.box[0]) & (states <= self.box[1])).all():
            raise ValueError(
                f"x must lie in the box {self.box}, but reaches from {states.min():g} "
                f"to {states.max():g}"
            )
        eps = one_per_sample(self.eps, y.shape)
        step = 2.5 * eps / self.steps if self.step is None else one_per_sample(self.step, y.shape)
        x, z, y = states.reshape(-1, states.shape[-1]), z.reshape(-1, z.shape[-1]), y.ravel()
        best, margin = x.copy(), lost_by(z, y)[0]
        ranking, rng = runners_up(z, y), generator(self.rng)
        margin[z.argmax(axis=-1) != y] = np.inf  # wrong already
        for n in range(self.restarts):
            k = np.flatnonzero(margin <= 0)  # those that stand
            delta, target = np.zeros(x[k].shape), np.full(len(k), -1)
            if n % 2 and 1 + n // 2 < ranking.shape[1]:
                target = ranking[k, 1 + n // 2]
            elif n:
                delta = self.project(x[k], eps[k] * self.random_point(rng, x[k].shape), eps[k])
            found, m = self.ascend(net, x[k], y[k], delta, target, eps[k], step[k])
            better = m > margin[k]
            best[k[better]], margin[k[better]] = found[better], m[better]
        return best.reshape(states.shape)

    def ascend(self, net, x, y, delta, target, eps, step):
        """One ascent δ ← P(δ + step·g/‖g‖₂), or P(δ + step·sign g), of z_j − z_y, j the `target`
        (−1: the largest), P the projection on ball and box, until a label falls: the x + δ with the
        largest margin that was seen, and this margin."""
        best, margin, k = x.copy(), np.full(len(x), -np.inf), np.arange(len(x))
        for n in range(self.steps + 1):
            point = self.moved(x[k], delta[k], eps[k])
            z, pullback = net.vjp(point)
            m, dz = lost_by(finite_logits(z), y[k], target[k])
            better = m > margin[k]
            best[k[better]], margin[k[better]] = point[better], m[better]
            stands = m <= 0
            if n == self.steps or not stands.any():
                break
            g, k = pullback(dz)[0][stands], k[stands]
            delta[k] = self.project(x[k], delta[k] + step[k] * self.direction(g), eps[k])
        return best, margin

    def direction(self, g):
        """The unit vector along which g rises most: g/‖g‖₂, or sign g for the maximum norm."""
        return g / np.maximum(length(g, 2), tiny(g)) if self.norm == 2 else np.sign(g)

    def project(self, x, delta, eps):
        """The nearest δ in the ball, and then in the box; x lies in the box, so that this does not
        lead out of the ball."""
        delta = (
            delta * np.minimum(1, eps / np.maximum(length(delta, 2), tiny(delta)))
            if self.norm == 2
            else np.clip(delta, -eps, eps)
        )
        return delta if self.box is None else np.clip(x + delta, *self.box) - x

    def moved(self, x, delta, eps):
        """x + δ as it is computed, within ε of x: where rounding leads out of the ball, one number
        nearer to x in each entry, and x itself if that does not help four times."""
        y = (x + delta).astype(x.dtype)
        y = y if self.box is None else np.clip(y, *self.box)
        for _ in range(4):
            too_far = length(y.astype(float) - x, self.norm) > eps
            if not too_far.any():
                return y
            y = np.where(too_far, np.nextafter(y, x), y)
        return np.where(length(y.astype(float) - x, self.norm) > eps, x, y)

    def random_point(self, rng, shape):
        """Uniform in the unit ball, (n, d)."""
        if self.norm == np.inf:
            return rng.uniform(-1, 1, shape)
        v = rng.normal(size=shape)
        return v / length(v, 2) * rng.uniform(size=(shape[0], 1)) ** (1 / shape[1])


def FGM(eps, norm=2, box=None):
    """The fast gradient method, a PGD of one step of length ε along the gradient g of max_{j≠y} z_j
    − z_y at x: ε g/‖g‖₂, or ε sign g.

    eps: float ≥ 0, or an array of the batch's shape; norm: 2 or np.inf, default 2; box: a pair
    (low, high) that holds all entries of x + δ, default None: no box. x itself is returned if the
    step does not help. Source: Goodfellow, Shlens and Szegedy, arXiv:1412.6572.

    Examples
    --------
    >>> net, x = dnn.Dense(2, 2, W=np.eye(2)), np.array([2.0, 0.0])
    >>> dnn.FGM(1.5, norm=np.inf)(net, x, 0).tolist()  # along the signs of ∇(z₂ − z₁)
    [0.5, 1.5]
    """
    return PGD(eps, steps=1, restarts=1, norm=norm, box=box, step=eps)


def PublishedPGD(eps, norm=2, box=None):
    """PGD as it was published with the first of these networks: 10 steps of 0.025 ε, which get no
    farther than ε/4.

    That it fails says nothing about a network's robustness; it is here for comparison only. eps,
    norm (default 2) and box (default None) are those of `FGM`.

    Examples
    --------
    >>> net, x = dnn.Dense(2, 2, W=np.eye(2)), np.array([2.0, 0.0])
    >>> found = dnn.PublishedPGD(4.0)(net, x, 0)
    >>> round(float(np.linalg.norm(found - x)), 3)  # a quarter of 4
    1.0
    >>> int(net(found).argmax())  # the label stands
    0
    >>> int(net(dnn.PGD(4.0)(net, x, 0)).argmax())  # though √2 is far enough
    1
    """
    return PGD(
        eps,
        steps=10,
        restarts=1,
        norm=norm,
        box=box,
        step=0.025 * np.asarray(non_negative(eps, "eps")),
    )


def smallest_perturbation(
    net, x, y, norm=2, largest=10.0, bisections=15, steps=50, restarts=5, box=None, rng=0
):
    """The smallest perturbations that were found to change the labels: an upper bound of the
    distance to the decision boundary, as `certified_radius` is a lower one.

    Each sample has an ε of its own, which is bisected, from [0, largest] on.

    Parameters
    ----------
    net : Map
        From states to logits, with `vjp`.
    x : array, shape (..., dim_in)
        The samples.
    y : array of int, shape (...)
        Their labels.
    norm : 2 or np.inf, default 2
        In which δ is measured.
    largest : float > 0, default 10.0
        The first ε; nothing beyond is found.
    bisections : int ≥ 1, default 15
        How often ε is bisected.
    steps : int ≥ 1, default 50
        Of the `PGD` that attacks with every ε, as are the following.
    restarts : int ≥ 1, default 5
    box : pair (low, high), default None
    rng : Generator or int, default 0

    Returns
    -------
    found : array, shape of x
        x + δ, and x where nothing was found.
    distance : array, shape of the batch
        ‖δ‖; 0 for samples that are wrong already, ∞ if nothing within `largest` was found.

    Examples
    --------
    >>> net, x = dnn.Dense(2, 2, W=np.eye(2)), np.array([[2.0, 0], [0, 1], [3, 4]])
    >>> found, distance = dnn.attacks.smallest_perturbation(net, x, [0, 1, 0], steps=10, restarts=1)
    >>> distance.round(3).tolist()  # √2, 1/√2, and a label that is wrong already
    [1.414, 0.707, 0.0]
    """
    largest = positive(largest, "largest")
    x, z, y = samples(net, x, y)
    found, low, high = x.copy(), np.zeros(y.shape), np.full(y.shape, largest)
    distance = np.where(z.argmax(axis=-1) == y, math.inf, 0.0)
    for n in range(dimension(bisections, "bisections") + 1):
        eps = high if n == 0 else np.minimum(high, (low + high) / 2)
        tried = PGD(np.where(distance > 0, eps, 0.0), steps, restarts, norm, box, rng)(net, x, y)
        fooled = (labels_of(net, tried) != y) & (distance > 0)
        found[fooled] = tried[fooled]
        distance[fooled] = length(tried - x, norm)[fooled][..., 0]
        high, low = np.where(fooled, np.minimum(eps, distance), high), np.where(fooled, low, eps)
    return found, distance


def accuracy(net, attack, x, y):
    """The fraction of samples whose label survives the attack.

    Parameters
    ----------
    net : Map
        From states to logits (..., K), with `vjp`.
    attack : function or object, (net, x, y) → x + δ
        Such as PGD(eps); or None, for the clean accuracy.
    x : array, shape (..., dim_in)
        The samples.
    y : array of int, shape (...)
        Their labels.

    Examples
    --------
    >>> net = dnn.Dense(2, 2, W=np.eye(2))
    >>> x, y = np.array([[2.0, 0], [0, 1]]), [0, 1]  # √2 and 1/√2 from the other label
    >>> dnn.attacks.accuracy(net, None, x, y)
    1.0
    >>> dnn.attacks.accuracy(net, dnn.FGM(1.0), x, y)
    0.5
    >>> def shift(net, x, y):  # an attack of your own
    ...     return x + [-3, 0]
    >>> dnn.attacks.accuracy(net, shift, x, y)
    0.5
    """
    needs = "attack must be an object such as PGD(eps), or None"
    x, z, y = samples(net, x, y)
    found = (
        z.argmax(axis=-1)
        if attack is None
        else labels_of(net, instance(attack, ("__call__",), needs)(net, x, y))
    )
    return float(accuracy_of(np.ravel(found == y)))


def attacked_accuracy(net, x, y, eps, attack=PGD):
    """`accuracy` under attack(ε) for each ε of an array; a label that falls at one ε stays fallen
    for larger ones.

    Parameters
    ----------
    net : Map
        From states to logits, with `vjp`.
    x : array, shape (..., dim_in)
        The samples.
    y : array of int, shape (...)
        Their labels.
    eps : float ≥ 0, or an array of such
        The sizes ε of the perturbations.
    attack : function, ε → an attack, default PGD
        Such as FGM, or `lambda eps: PGD(eps, steps=100)`.

    Returns
    -------
    array, shape of eps
        The fraction for each ε; for ‖δ‖₂ never less than `lipschitz.certified_accuracy`.

    Raises
    ------
    TypeError
        If `attack` is an attack with an ε of its own, as PGD(eps).

    Examples
    --------
    >>> net = dnn.Dense(2, 2, W=np.eye(2))
    >>> x, y = np.array([[2.0, 0], [0, 1]]), [0, 1]  # √2 and 1/√2 from the other label
    >>> dnn.attacks.attacked_accuracy(net, x, y, [0, 1, 2], attack=dnn.FGM).tolist()
    [1.0, 0.5, 0.0]
    """
    refuse(
        isinstance(attack, PGD) or not callable(attack),
        "attack makes an attack for each ε: give PGD, or lambda eps: PGD(eps, steps=100), "
        f"got {attack!r}",
        TypeError,
    )
    eps, (x, z, y) = np.asarray(non_negative(eps, "eps")), samples(net, x, y)
    standing, x, y = (z.argmax(axis=-1) == y).ravel(), x.reshape(-1, x.shape[-1]), y.ravel()
    accuracies = np.zeros(eps.size)
    for k in np.argsort(eps, axis=None):
        k_x, k_y = x[standing], y[standing]
        standing[standing] = labels_of(net, attack(eps.flat[k])(net, k_x, k_y)) == k_y
        accuracies[k] = accuracy_of(standing)
    return accuracies.reshape(eps.shape)


def lost_by(z, y, target=-1):
    """m = max_{j≠y} z_j − z_y for logits (n, K), and ∂/∂z of z_j − z_y, j the target of each
    sample, or the largest if that is −1."""
    n, j = np.arange(len(z)), others(z, y).argmax(axis=-1)
    dz = np.zeros_like(z)
    dz[n, np.where(np.less(target, 0), j, target)], dz[n, y] = 1, -1
    return z[n, j] - z[n, y], dz


def runners_up(z, y):
    """The labels other than y, the largest logit first, shape (n, K − 1)."""
    return np.argsort(-others(z, y), axis=-1)[:, :-1]


def others(z, y):
    """The logits (n, K) of the labels other than y, −∞ in the place of y."""
    z = z.copy()
    z[np.arange(len(z)), y] = -np.inf
    return z


def one_per_sample(eps, batch):
    """eps as an array (n, 1) beside the n samples of a batch."""
    try:
        return np.broadcast_to(eps, batch).reshape(-1, 1)
    except ValueError:
        raise ValueError(
            f"eps has shape {np.shape(eps)}, which does not fit a batch of shape {batch}"
        ) from None


def samples(net, x, y):
    """x as states of the network, real and finite, their logits, and their labels. TypeError or
    ValueError otherwise."""
    x = instance(net, Map, "an attack needs a network, whose vjp it can call").state(x)
    z = logits_of(net, real_and_finite(x, "an attack starts from", "states"))
    return x, z, labels(y, z.shape)


def logits_of(net, x):
    """net(x), one K for each sample, (..., K)."""
    z = net(x)
    if z.ndim != x.ndim or z.shape[:-1] != x.shape[:-1]:
        raise ValueError(
            f"labels need logits (..., K), one K for each sample, but {net!r} gives an array "
            f"of shape {z.shape}"
        )
    return finite_logits(z)


def finite_logits(z):
    """z; ValueError if it has a NaN or infinity, which no label survives."""
    return real_and_finite(z, "an attack needs", "logits")


def labels_of(net, x):
    """argmax of the logits of each sample."""
    return logits_of(net, x).argmax(axis=-1)


def length(v, norm):
    """The norm of each sample, (..., d) → (..., 1)."""
    return np.linalg.norm(v, norm, axis=-1, keepdims=True)
