"""Plug and play with a denoiser stops if the denoiser is averaged, and need not with a
ResNet that denoises as well.

Both networks have learned to take noise from digits: one step of Heun's method for
−∇V, V convex, as long as non-expansiveness allows, and two layers of a ResNet of the
same size. Left: noisy images, and what the step makes of them. Middle: images of which
some pixels are known, and where x ↦ D(x, known pixels put back) arrives with each of
the two. Right: the length of the steps of this iteration, one line an image. With the
step it is averaged, α < 1, so that the lengths go to 0 by a theorem. Source: Sherry et
al., arXiv:2306.17332.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting
from dynsys_nn.plotting import em

from .drawing import Number, Whole, figure

LABELS = {
    "title": "Plug and play stops for <averaged> of <n> images with an averaged"
    " network,\nand for <resnet> with a ResNet of the same size",
    "noisy": "noisy\n<dB:.1f> dB",
    "denoised": "denoised\n<dB:.1f> dB",
    "known": "<known> of <pixels>\nknown",
    "filled": "filled in\n<dB:.1f> dB",
    "resnet filled": "by the\nResNet",
    "averaged": r"averaged, $\alpha = <alpha:.2f>$",
    "resnet": "ResNet, <dB:.1f> dB",
    "k": "iteration $k$",
    "step": r"$\Vert x_{k+1} - x_k\Vert$",
}
IMAGES, ITERATIONS = 20, 2000
#: an iteration has stopped if its steps are shorter, and is left where it is beyond
STOPPED, LOST = 1e-12, 1e6


@cache
def learned(noise, seed, quick):
    """The averaged network, the ResNet, and test images, clean and noisy."""
    rng = np.random.default_rng(seed)
    x, _ = dnn.datasets.digits()
    x = x[rng.permutation(len(x))]
    noisy = x + noise * rng.normal(size=x.shape)
    X = dnn.GradientField.random(64, width=128, sigma=dnn.LeakyReLU(0.1), rng=rng)
    X.A.orthogonalise()
    D = dnn.Flow(X, 0.1, dnn.Heun())
    fields = [dnn.ResidualField.random(64, 32, dnn.ReLU(), rng=rng) for _ in range(2)]
    for Y in fields:
        Y.B.W = 0.3 * Y.B.W
    resnet = dnn.Network(*[dnn.Flow(Y, 1.0) for Y in fields])
    longest = dnn.NonExpansiveSteps(D, h=10.0)
    few = 4 if quick else 15
    trainings = (D, few, 5e-3, [longest]), (resnet, 2 * few + 10, 2e-2, [])
    for net, epochs, rate, held in trainings:
        dnn.fit(
            net, dnn.MeanSquaredError(), noisy[:1500], x[:1500],
            dnn.Adam(dnn.OneCycle(rate / 10, rate)), epochs,
            batch_size=100, constraints=held, rng=rng, progress=False,
        )  # fmt: skip
    return D, resnet, x[1500:], noisy[1500:]


def plug_and_play(D, x, known, iterations):
    """x ↦ D(x, known pixels put back), iterated from 0: where it arrives, and the
    lengths of all steps, (iterations, n)."""
    z, lengths = np.where(known, x, 0), []
    for _ in range(iterations):
        new = D(np.where(known, x, z))
        lengths.append(np.linalg.norm(new - z, axis=-1))
        z = np.where(np.abs(new).max(axis=-1, keepdims=True) < LOST, new, z)
    return np.where(known, x, z), np.array(lengths)


def weight(D, known):
    """α of the iteration: a step of size 1 down ½‖Sx − y‖², and D."""
    S = dnn.Selection(np.flatnonzero(known), 64)
    data = dnn.Flow(dnn.GradientField(S, dnn.Identity()), 1.0)
    return lipschitz.averaged(dnn.Network(data, D))


@figure(
    noise=Number(0.05, 0.3, "standard deviation of the noise; pixels are from 0 to 1"),
    known=Whole(8, 56, "how many of the 64 pixels are known"),
    seed=Whole(0, 99, "of the noise, the parameters at first and the known pixels"),
)
def make(
    quick=False, *, noise=0.1, known=32, seed=0, figsize=(13.3, 6.0), labels=LABELS
):
    D, resnet, x, noisy = learned(noise, seed, quick)
    rng, n = np.random.default_rng(seed), ITERATIONS // 2 if quick else ITERATIONS
    mask = np.isin(np.arange(64), rng.permutation(64)[:known])
    clean = D(noisy)
    (filled, steps), (lost, others) = (
        plug_and_play(net, x[:IMAGES], mask, n) for net in (D, resnet)
    )
    columns = {
        labels("noisy", dB=dnn.psnr(noisy, x)): noisy,
        labels("denoised", dB=dnn.psnr(clean, x)): clean,
        labels("known", known=known, pixels=64): np.where(mask, x[:IMAGES], 0),
        labels("filled", dB=dnn.psnr(filled, x[:IMAGES])): filled,
        labels("resnet filled"): lost,
    }
    fig = plt.figure(figsize=figsize)
    grid = fig.add_gridspec(3, 6, width_ratios=(1, 1, 1, 1, 1, 3.4))
    for j, (name, images) in enumerate(columns.items()):
        for i in range(3):
            ax = fig.add_subplot(grid[i, j])
            plotting.image(images[i], (8, 8), ax)
            if i == 0:
                ax.set_title(name)
    ax = fig.add_subplot(grid[:, 5])
    for lengths, colour in ((others, "C1"), (steps, "C0")):
        lengths = np.maximum(lengths, 1e-16)  # rounding; some are 0
        ax.semilogy(lengths, "-", color=colour, linewidth=em(0.04))
    ax.set(xlabel=labels("k"), ylabel=labels("step"), ylim=(1e-17, 1e3), xlim=(0, n))
    ax.set_title(labels("averaged", alpha=weight(D, mask)), loc="left", color="C0")
    ax.set_title(
        labels("resnet", dB=dnn.psnr(resnet(noisy), x)), loc="right", color="C1"
    )
    stopped = [int((lengths[-1] < STOPPED).sum()) for lengths in (steps, others)]
    counts = dict(averaged=stopped[0], resnet=stopped[1], n=IMAGES)
    fig.suptitle(labels("title", **counts))
    return fig
