"""Five networks on images, the same but for their layers.

pixels → standardise → fold → lift channels → two layers → pool → affine

    unconstrained   x + Bσ(Ax + b), a ResNet
    naive           x + ½Bσ(Ax + b), ‖A‖, ‖B‖ ≤ 1, and a last layer small enough for the
                    whole to be 1-Lipschitz
    non_expansive   x − 2Aᵀσ(Ax + b), ‖A‖ ≤ 1
    prescribed      x + h_E σ(Wx + v), then x − h_C Aᵀσ(Ax + b): the switching is given,
                    the steps are learned
    flexible        x − hAᵀσ(Ax + b) twice: the steps are learned with their signs, and
                    so which layer expands

A, B and W are 3×3 convolutions, with one bias for each channel. All but the first have
a constant of at most 1 from the pixels to the logits, pre-processing and pooling
included. On CIFAR-10 if DYNSYS_NN_DATA names its folder, otherwise on the 8×8 digits.
Photographs are folded and not pooled: 4 × 4 pixels become one of 16 times as many
channels, which is an isometry. In training they are shifted and flipped at random.
`python -m figures.study` is the whole of it. Source: Celledoni et al.,
arXiv:2210.02373.
"""

import os
from functools import cache, partial
from pathlib import Path

# the matrices are small: threads would wait for each other. Before NumPy, which
# `python -m figures.study` imports here, and no later
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import dynsys_nn as dnn
from dynsys_nn.constraints import weights

FOLDER = Path(__file__).parents[1] / "out" / "study"
RELU, LEAKY = dnn.ReLU(), dnn.LeakyReLU(0.5)
#: of the hinge loss: more of it, and fewer labels are right; less, and fewer certain
MARGIN = 0.7


class Data:
    """Images as states in [0, 1], float32, with labels, for training and for the test.

    `shape` is (channels, H, W); `rate` runs through the training of so many `epochs`,
    whose batches are changed by `augment`. `fold`: how often 2 × 2 pixels become one;
    `pool`: by how many pixels a side the last images are pooled.
    """

    def __init__(self, name):
        self.name = name
        if name == "cifar10":
            cifar10 = partial(dnn.datasets.cifar10, dtype=np.float32)
            self.x, self.y = cifar10()
            self.x_test, self.y_test = cifar10(train=False)
            self.shape, self.names = (3, 32, 32), dnn.datasets.CIFAR10_LABELS
            self.width, self.fold, self.pool = 48, 2, 1
            self.batch, self.epochs, self.rate = 100, 20, (1e-3, 1e-2)
            self.augment = partial(moved, shape=self.shape)
        else:
            x, y = dnn.datasets.digits()
            order = np.random.default_rng(0).permutation(len(x))
            x, y = x[order].astype(np.float32), y[order]
            self.x, self.x_test = np.split(x, [1400])
            self.y, self.y_test = np.split(y, [1400])
            self.shape, self.names = (1, 8, 8), tuple("0123456789")
            self.width, self.fold, self.pool = 8, 0, 2
            self.batch, self.epochs, self.rate = 50, 20, (3e-3, 2e-2)
            self.augment = None


def moved(x, rng, shape, most=1):
    """Each image shifted by up to `most` pixels, black where it ends; half of them
    flipped."""
    n, sides = len(x), [(0, 0), (0, 0), (most, most), (most, most)]
    black_around = np.pad(x.reshape(n, *shape), sides)
    seen = sliding_window_view(black_around, shape[1:], axis=(2, 3))
    i, j = rng.integers(2 * most + 1, size=(2, n))
    images = seen[np.arange(n), :, i, j]
    flipped = rng.random(n) < 0.5
    images[flipped] = images[flipped][..., ::-1]
    return images.reshape(n, -1)


def folded(shape):
    """The permutation by which 2 × 2 pixels become one of four times as many channels,
    and the shape of such images."""
    c, H, W = shape
    pixels = np.arange(c * H * W).reshape(c, H // 2, 2, W // 2, 2)
    indices = pixels.transpose(0, 2, 4, 1, 3).ravel().tolist()
    return dnn.Selection(indices, len(indices)), (4 * c, H // 2, W // 2)


def available():
    """The data set whose files are there, cifar10 or else digits, and why."""
    try:
        dnn.datasets.cifar10(train=False)
        return "cifar10", ""
    except FileNotFoundError as error:
        return "digits", str(error)


@cache
def announced(quick):
    """What is drawn: digits if quick, or, saying why once, without CIFAR-10."""
    name, why = ("digits", "") if quick else available()
    if why:
        print(f"{why}\nWithout it, the digits are drawn.", flush=True)
    return name


def convolution(c, image, rng):
    return dnn.Convolution(c, c, image, rng=rng, dtype=np.float32)


def residual(c, image, rng):
    A, B = convolution(c, image, rng), convolution(c, image, rng)
    return dnn.ResidualField(A, RELU, B)


def unconstrained(c, image, rng):
    flows = [dnn.Flow(residual(c, image, rng), 1.0) for _ in range(2)]
    for F in flows:
        F.field.B.W = 0.3 * F.field.B.W
    return flows, []


def naive(c, image, rng):
    return [dnn.Flow(residual(c, image, rng), 0.5) for _ in range(2)], []


def non_expansive(c, image, rng):
    fields = [dnn.GradientField(convolution(c, image, rng), RELU) for _ in range(2)]
    return [dnn.Flow(X, 2.0) for X in fields], []


def prescribed(c, image, rng):
    X_E = dnn.ResidualField(convolution(c, image, rng), LEAKY)
    X_C = dnn.GradientField(convolution(c, image, rng), LEAKY)
    E, C = dnn.Flow(X_E, 2.0, learn_h=True), dnn.Flow(X_C, 4 / 3, learn_h=True)
    return [E, C], [dnn.StepSizes(C, E)]


def flexible(c, image, rng):
    fields = [dnn.GradientField(convolution(c, image, rng), LEAKY) for _ in range(2)]
    steps = zip(fields, (-2.0, 4 / 3), strict=True)
    flows = [dnn.Flow(X, h, learn_h=True) for X, h in steps]
    return flows, [dnn.SignedSteps(*flows)]


KINDS = {
    kind.__name__: kind
    for kind in (unconstrained, naive, non_expansive, prescribed, flexible)
}


def network(kind, data, rng):
    """The network of that kind; its constraints and penalties, as `fit` takes them."""
    (channels, *image), c = data.shape, data.width
    mean = data.x.reshape(len(data.x), channels, -1).mean(axis=(0, 2))
    maps = [dnn.Standardisation(channels, image, mean)]
    for _ in range(data.fold):
        fold, (channels, *image) = folded((channels, *image))
        maps.append(fold)
    layers, steps = KINDS[kind](c, image, rng)
    lift = dnn.ChannelLift(c, channels, image)
    pool = dnn.AveragePooling(c, image, data.pool)
    last = dnn.Affine(len(data.names), pool.dim_out, rng=rng, dtype=np.float32)
    net = dnn.Network(*maps, lift, *layers, pool, last)
    if kind == "unconstrained":
        return net, {}
    *stencils, last = weights(net)
    ball = dnn.SpectralBall(*stencils)
    if kind == "naive":
        small = dnn.SpectralBall(last, radius=1.5 ** (-len(stencils) // 2))
        return net, dict(constraints=[ball, small])
    nearly = dnn.TowardsOrthogonal(*stencils, descents=3)
    of_last = dnn.Orthogonal(last), dnn.SpectralBall(last)
    penalty = dnn.OrthogonalityPenalty(*stencils, weight=0.1)
    return net, dict(constraints=[nearly, ball, *steps, *of_last], penalties=[penalty])


def train(kind, data, seed=0, margin=MARGIN, folder=FOLDER, epochs=1.0):
    """The network of that kind, trained by its recipe, or as an earlier run saved it.

    A run that was stopped is resumed. margin: of the hinge loss; 0.07, 0.15 and 0.3 are
    the publication's. epochs: the share of the recipe's epochs that is taken, at least
    one.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{data.name}-{kind}-{margin:g}-{seed}"
    name += f"-{epochs:g}" if epochs != 1 else ""
    done = folder / f"{name}.npz"
    if done.exists():
        return dnn.Network.load(done)
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    net, kept = network(kind, data, rng)
    slower, part = 5 if kind == "unconstrained" else 1, folder / f"{name}.checkpoint"
    rate = dnn.OneCycle(*(rate / slower for rate in data.rate))
    adam, n = dnn.Adam(rate, beta2=0.99), max(1, round(data.epochs * epochs))
    options = dict(batch_size=data.batch, rng=rng, checkpoint=part, **kept)
    hinge = dnn.MulticlassHinge(margin)
    dnn.fit(net, hinge, data.x, data.y, adam, n, augment=data.augment, **options)
    net.save(done)
    os.remove(part)
    return net
