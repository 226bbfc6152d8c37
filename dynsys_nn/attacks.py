"""Attacks: perturbations of at most ε that change a label, found by ascent. They bound robust accuracy from above, as
certificates bound it from below: an attack that succeeds inside a certified radius is a bug.

They follow differences of logits, z_j − z_y, positive for some j where the label y is lost, and not the softmax, whose
gradient vanishes where a network is sure. They work on the whole batch at once, and stop where they succeeded.
"""

import math

import numpy as np

from .lipschitz import fraction, non_negative
from .losses import checked_labels
from .maps import Map, dimension, generator, real


class PGD:
    """Projected gradient ascent of the margin in the ball ‖δ‖ ≤ ε. `attack(net, x, y)` → x + δ, of the shape of x.

    A step is δ ← P(δ + step·g/‖g‖₂) for norm=2 and P(δ + step·sign g) for norm=np.inf, P the projection on the ball, and
    with box=(low, high) on the box too. The first ascent starts at x and follows the largest z_j − z_y, whichever j that is,
    perhaps towards a label that stays out of reach. So the second goes from x towards the third most likely label, the
    fourth towards the next, and so on while there are labels; the others start at random in the ball (`rng`), in case the
    gradient vanishes at x. What is returned has the wrong label, or, where none was found, the smallest margin that was seen; a
    sample that is wrong already stays as it is.

    eps: a number ≥ 0, or an array of the batch's shape; steps, restarts: integers ≥ 1; step: its length, 2.5 ε/steps
    unless given. ValueError for a negative ε, labels out of range, or an x outside of the box. Source: Madry et al.,
    arXiv:1706.06083; the margin: Carlini and Wagner, arXiv:1608.04644.
    """

    def __init__(self, eps, steps=50, restarts=5, norm=2, box=None, rng=0, step=None):
        self.eps, self.steps, self.restarts = (
            non_negative(eps, "eps"),
            dimension(steps, "steps"),
            dimension(restarts, "restarts"),
        )
        if not isinstance(norm, float | int | np.number) or norm not in (2, np.inf):
            raise ValueError(f"norm must be 2 or np.inf, got {norm!r}")
        generator(rng)  # refuses now what is none
        self.norm, self.box, self.rng = norm, None if box is None else ordered_pair(box), rng
        self.step = 2.5 * self.eps / self.steps if step is None else non_negative(step, "step")

    def __call__(self, net, x, y):
        x = start(net, x)
        shape, z = x.shape, net(x)
        y = checked_labels(y, z.shape).reshape(-1)
        if self.box is not None and not ((x >= self.box[0]) & (x <= self.box[1])).all():
            raise ValueError(f"x must lie in the box {self.box}, but reaches from {x.min():g} to {x.max():g}")
        eps, step = (one_a_sample(a, shape[:-1]) for a in (self.eps, self.step))
        x, z, rng = x.reshape(-1, shape[-1]), z.reshape(-1, z.shape[-1]), generator(self.rng)
        best, margin, ranking = x.copy(), lost_by(z, y)[0], runners_up(z, y)
        margin[z.argmax(axis=-1) != y] = np.inf  # wrong already
        for restart in range(self.restarts):
            k = np.flatnonzero(margin <= 0)  # those that stand
            delta, target = 0 * x[k], None
            if restart % 2 and 1 + restart // 2 < ranking.shape[1]:
                target = ranking[k, 1 + restart // 2]
            elif restart:
                delta = self.project(x[k], eps[k] * self.random_point(rng, x[k].shape), eps[k])
            for n in range(self.steps + 1):
                z, pullback = net.vjp(x[k] + delta)
                m, dz = lost_by(z, y[k], target)
                better = m > margin[k]
                best[k[better]], margin[k[better]] = (x[k] + delta)[better], m[better]
                if n == self.steps or not (standing := m <= 0).any():
                    break
                g = pullback(dz)[0][standing]
                k, delta, target = k[standing], delta[standing], None if target is None else target[standing]
                delta = self.project(x[k], delta + step[k] * self.direction(g), eps[k])
        return (best if self.box is None else np.clip(best, *self.box)).reshape(shape)

    def direction(self, g):
        """The unit vector along which g rises most: g/‖g‖₂, or sign g for the maximum norm."""
        return g / np.maximum(length(g, 2), np.finfo(g.dtype).tiny) if self.norm == 2 else np.sign(g)

    def project(self, x, delta, eps):
        """The nearest δ in the ball, and then in the box; x lies in the box, so that this does not lead out of the ball."""
        if self.norm == 2:
            delta = delta * np.minimum(1, eps / np.maximum(length(delta, 2), np.finfo(delta.dtype).tiny))
        else:
            delta = np.clip(delta, -eps, eps)
        return delta if self.box is None else np.clip(x + delta, *self.box) - x

    def random_point(self, rng, shape):
        """Uniform in the unit ball, (n, d)."""
        if self.norm == np.inf:
            return rng.uniform(-1, 1, shape)
        v = rng.normal(size=shape)
        return v / length(v, 2) * rng.uniform(size=(shape[0], 1)) ** (1 / shape[1])

    def __repr__(self):
        options = dict(
            eps=self.eps, steps=self.steps, restarts=self.restarts, norm=self.norm, step=self.step, box=self.box
        )
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in options.items())})"


class FGM(PGD):
    """The fast gradient method: one step of length ε along the gradient g of max_{j≠y} z_j − z_y at x: ε g/‖g‖₂, or ε sign g.

    x itself is returned where the step does not help.

    Source: Goodfellow, Shlens and Szegedy, arXiv:1412.6572.
    """

    def __init__(self, eps, norm=2, box=None):
        super().__init__(eps, steps=1, restarts=1, norm=norm, box=box, step=eps)


class PublishedPGD(PGD):
    """PGD as it was published with the first of these networks: 10 steps of 0.025 ε, which travel a quarter of the ball.

    What it cannot do says nothing about a network: keep it for comparison.
    """

    def __init__(self, eps, norm=2, box=None):
        super().__init__(eps, steps=10, restarts=1, norm=norm, box=box, step=0.025 * non_negative(eps, "eps"))


def smallest_perturbation(net, x, y, norm=2, largest=10.0, bisections=15, steps=50, restarts=5, box=None, rng=0):
    """The smallest perturbations that were found to change the labels: x + δ, shape of x, and ‖δ‖, shape of the batch.

    By bisection of ε, each sample with its own, from [0, largest] on; PGD attacks with every ε. ‖δ‖ is 0 for samples
    that are wrong already, and ∞ where nothing within `largest` was found (x + δ is x there). An upper bound of the
    distance to the decision boundary, as `certified_radius` is a lower one.
    """
    if not real(largest) > 0:
        raise ValueError(f"largest must be one positive number, got {largest!r}")
    x = start(net, x)
    y = checked_labels(y, (*x.shape[:-1], net.dim_out))
    found, low, high = x.copy(), np.zeros(x.shape[:-1]), np.full(x.shape[:-1], float(largest))
    distance = np.where(labels_of(net, x) == y, math.inf, 0.0)
    for n in range(dimension(bisections, "bisections") + 1):
        eps = high if n == 0 else np.minimum(high, (low + high) / 2)
        tried = PGD(np.where(distance > 0, eps, 0.0), steps, restarts, norm, box, rng)(net, x, y)
        fooled = (labels_of(net, tried) != y) & (distance > 0)
        found[fooled] = tried[fooled]
        distance[fooled] = length(tried - x, norm)[fooled][..., 0]
        high, low = np.where(fooled, np.minimum(eps, distance), high), np.where(fooled, low, eps)
    return found, distance


def accuracy(net, attack, x, y):
    """The fraction of samples whose label survives the attack; attack=None: the clean accuracy.

    x: (..., dim_in); y: integer labels (...).
    """
    if isinstance(attack, type):
        raise TypeError(f"attack must be an object: write {attack.__name__}(eps), not {attack.__name__}")
    if attack is not None and not callable(attack):
        raise TypeError(f"attack must be an object such as PGD(eps), or None, got {attack!r}")
    x = start(net, x)
    y = checked_labels(y, (*x.shape[:-1], net.dim_out))
    return float(fraction(np.ravel(labels_of(net, x if attack is None else attack(net, x, y)) == y)))


def attacked_accuracy(net, x, y, eps, attack=PGD):
    """`accuracy` under attack(ε) for each ε of an array, shape of eps; a label that falls at one ε stays fallen for larger ones.

    attack: what makes an attack of ε: PGD, FGM, or a function such as `lambda eps: PGD(eps, steps=100)`.
    """
    if isinstance(attack, PGD):
        raise TypeError(
            "attack makes an attack for each ε: give PGD, or lambda eps: PGD(eps, steps=100), not one attack"
        )
    if not callable(attack):
        raise TypeError(f"attack must make an attack of ε, as PGD does, got {attack!r}")
    eps, x = non_negative(eps, "eps"), start(net, x)
    y = checked_labels(y, (*x.shape[:-1], net.dim_out)).reshape(-1)
    x, accuracies = x.reshape(-1, x.shape[-1]), np.zeros(eps.size)
    standing = labels_of(net, x) == y
    for k in np.argsort(eps, axis=None):
        k_x, k_y = x[standing], y[standing]
        standing[standing] = labels_of(net, attack(eps.flat[k])(net, k_x, k_y)) == k_y
        accuracies[k] = fraction(standing)
    return accuracies.reshape(eps.shape)


def lost_by(z, y, target=None):
    """m = max_{j≠y} z_j − z_y for logits (n, K), and ∂/∂z of it, or of z_j − z_y with j the target of each sample."""
    n = np.arange(len(z))
    others = z.copy()
    others[n, y] = -np.inf
    j = others.argmax(axis=-1)
    dz = np.zeros_like(z)
    dz[n, j if target is None else target], dz[n, y] = 1, -1
    return z[n, j] - z[n, y], dz


def runners_up(z, y):
    """The labels other than y, the largest logit first, shape (n, K − 1)."""
    others = z.copy()
    others[np.arange(len(z)), y] = -np.inf
    return np.argsort(-others, axis=-1)[:, :-1]


def one_a_sample(eps, batch):
    """eps as an array (n, 1) beside the n samples of a batch."""
    try:
        return np.broadcast_to(eps, batch).reshape(-1, 1)
    except ValueError:
        raise ValueError(f"eps has shape {np.shape(eps)}, which does not fit a batch of shape {batch}") from None


def start(net, x):
    """x as states of the network, real and finite. TypeError or ValueError otherwise."""
    if not isinstance(net, Map):
        raise TypeError(f"an attack needs a network, whose vjp it can call, got {net!r}")
    x = net.state(x)
    if np.iscomplexobj(x):
        raise TypeError("an attack starts from real states, got complex ones")
    if not np.isfinite(x).all():
        raise ValueError("an attack starts from finite states, got a NaN or infinity")
    return x


def labels_of(net, x):
    z = net(x)
    if z.shape[:-1] != x.shape[:-1]:
        raise ValueError(f"labels need logits (..., K), one K for each sample, but {net!r} gives an array of shape {z.shape}")
    return np.argmax(z, axis=-1)


def length(v, norm):
    return np.linalg.norm(v, norm, axis=-1, keepdims=True)


def ordered_pair(box):
    try:
        low, high = map(float, box)
    except (TypeError, ValueError):
        raise TypeError(f"box must be a pair of numbers (low, high), got {box!r}") from None
    if not low < high:
        raise ValueError(f"box must be (low, high) with low < high, got {box}")
    return low, high
