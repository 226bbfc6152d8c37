"""Five networks on images, the same but for their layers: pixels → standardise → (lift channels → two layers → pool) → affine.

    unconstrained   x + Bσ(Ax + b), a ResNet
    naive           x + ½Bσ(Ax + b), ‖A‖, ‖B‖ ≤ 1, and a last layer small enough for the whole to be 1-Lipschitz
    non_expansive   x − 2Aᵀσ(Ax + b), ‖A‖ ≤ 1
    prescribed      x + h_E σ(Wx + v), then x − h_C Aᵀσ(Ax + b): the switching is given, and the steps are learned
    flexible        x − hAᵀσ(Ax + b) twice: the steps are learned with their signs, so which layer expands is learned, too

A, B and W are 3×3 convolutions. All but the first have a constant of at most 1 from the pixels to the logits, pre-processing
and pooling included. On CIFAR-10 where DYNSYS_NN_DATA names its folder, otherwise on the 8×8 digits. `python -m figures.study` is the
whole of it. Source: Celledoni et al., arXiv:2210.02373.
"""

import os
from pathlib import Path

import numpy as np

import dynsys_nn as dnn
from dynsys_nn.constraints import weights

FOLDER = Path(__file__).parents[1] / "out" / "study"
RELU, LEAKY = dnn.ReLU(), dnn.LeakyReLU(0.5)


class Data:
    """Images of training and test as states in [0, 1], float32, with labels; `shape` (channels, H, W), `names` of the labels."""

    def __init__(self, name):
        self.name = name
        if name == "cifar10":
            (self.x, self.y), (self.x_test, self.y_test) = (dnn.datasets.cifar10(train=t, dtype=np.float32) for t in (True, False))
            self.shape, self.names, self.widths = (3, 32, 32), dnn.datasets.CIFAR10_LABELS, (8, 16, 32)
            self.stages, self.batch = ((5e-3, 5), (2e-3, 3), (1e-3, 1), (3e-4, 1)), 100  # rate, epochs
        else:
            x, y = dnn.datasets.digits()
            order = np.random.default_rng(0).permutation(len(x))
            x, y = x[order].astype(np.float32), y[order]
            self.x, self.y, self.x_test, self.y_test = x[:1400], y[:1400], x[1400:], y[1400:]
            self.shape, self.names, self.widths = (1, 8, 8), tuple("0123456789"), (8,)
            self.stages, self.batch = ((1e-2, 10), (2e-3, 6), (5e-4, 4)), 50


def available():
    """ "cifar10" where its files are, otherwise "digits", and why."""
    try:
        dnn.datasets.cifar10(train=False)
        return "cifar10", ""
    except FileNotFoundError as error:
        return "digits", str(error)


def announced(quick):
    """What a figure is drawn of: the digits, where it is to be quick, or where CIFAR-10 is absent, which is said."""
    name, why = ("digits", "") if quick else available()
    if why:
        print(f"{why}\nHere it is drawn of the digits.", end=" ", flush=True)
    return name


def convolution(c, image, rng):
    return dnn.Convolution(c, c, image, rng=rng, dtype=np.float32)


def unconstrained(c, image, rng):
    flows = [dnn.Flow(dnn.ResidualField(convolution(c, image, rng), RELU, convolution(c, image, rng)), 1.0) for _ in range(2)]
    for F in flows:
        F.field.B.W = 0.3 * F.field.B.W
    return flows, []


def naive(c, image, rng):
    return [dnn.Flow(dnn.ResidualField(convolution(c, image, rng), RELU, convolution(c, image, rng)), 0.5) for _ in range(2)], []


def non_expansive(c, image, rng):
    return [dnn.Flow(dnn.GradientField(convolution(c, image, rng), RELU), 2.0) for _ in range(2)], []


def prescribed(c, image, rng):
    E = dnn.Flow(dnn.ResidualField(convolution(c, image, rng), LEAKY), 1.5, learn_h=True)
    C = dnn.Flow(dnn.GradientField(convolution(c, image, rng), LEAKY), 4 / 3, learn_h=True)
    return [E, C], [dnn.StepSizes(C, E)]


def flexible(c, image, rng):
    flows = [dnn.Flow(dnn.GradientField(convolution(c, image, rng), LEAKY), h, learn_h=True) for h in (-1.5, 4 / 3)]
    return flows, [dnn.SignedSteps(*flows)]


KINDS = {kind.__name__: kind for kind in (unconstrained, naive, non_expansive, prescribed, flexible)}


def network(kind, data, rng):
    """The network of that kind, and its constraints."""
    (c_before, *image), steps = data.shape, []
    maps = [dnn.Standardisation(c_before, image, data.x.reshape(len(data.x), c_before, -1).mean(axis=(0, 2)))]
    for c in data.widths:
        layers, constraints = KINDS[kind](c, image, rng)
        maps += [dnn.ChannelLift(c, c_before, image), *layers, dnn.AveragePooling(c, image)]
        c_before, image, steps = c, [n // 2 for n in image], steps + constraints
    net = dnn.Network(*maps, dnn.Affine(len(data.names), maps[-1].dim_out, rng=rng, dtype=np.float32))
    if kind == "unconstrained":
        return net, []
    *stencils, last = weights(net)
    if kind == "naive":
        return net, [dnn.SpectralBall(*stencils), dnn.SpectralBall(last, radius=1.5 ** (-len(stencils) // 2))]
    keep_orthogonal = dnn.OrthogonalityPenalty(*stencils, weight=0.1, descents=2)
    return net, [keep_orthogonal, dnn.SpectralBall(*stencils), *steps, dnn.Orthogonal(last), dnn.SpectralBall(last)]


def train(kind, data, seed=0, margin=1.0, folder=FOLDER, epochs=1.0):
    """The network of that kind, trained by its recipe, or as it was saved by an earlier run; a run that was stopped goes on.

    margin: of the hinge loss; 0.07, 0.15 and 0.3 are the publication's, and 1 is what makes labels certain at ε = 36/255. epochs:
    the share of the recipe's epochs that is taken, at least one a stage.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{data.name}-{kind}-{margin:g}-{seed}" + (f"-{epochs:g}" if epochs != 1 else "")
    done = folder / f"{name}.npz"
    if done.exists():
        return dnn.Network.load(done)
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    net, constraints = network(kind, data, rng)
    parts = [folder / f"{name}.{k}.checkpoint" for k in range(len(data.stages))]
    for (rate, n), part in zip(data.stages, parts, strict=True):
        rate = rate if kind != "unconstrained" else rate / 5
        dnn.fit(
            net, dnn.MulticlassHinge(margin), data.x, data.y, dnn.Adam(rate, beta2=0.99), max(1, round(n * epochs)), data.batch,
            constraints=constraints, rng=rng, checkpoint=part,
        )  # fmt: skip
    net.save(done)
    for part in parts:
        os.remove(part)
    return net
