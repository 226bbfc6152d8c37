"""The figure denoiser shows what it says: its images, decibels and counts are those of formulas written out here."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from figures import denoiser

NOISE, KNOWN, SEED = 0.12, 40, 3


@pytest.fixture(scope="module")
def fig():
    yield denoiser.make(True, noise=NOISE, known=KNOWN, seed=SEED)
    plt.close("all")


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.?\d*", text)]


def decibels(y, x):
    return -10 * np.log10(np.mean((y - x) ** 2))


def heun(F, x):
    """x + h(K₁ + K₂)/2, K = −Aᵀσ(Ax + b), σ with the slopes 0.1 and 1."""

    def K(x):
        z = x @ F.field.A.W.T + F.field.b
        return -np.where(z > 0, z, 0.1 * z) @ F.field.A.W

    return x + F.h / 2 * (K(x) + K(x + F.h * K(x)))


def resnet(net, x):
    """x + B max(0, Ax + b), twice."""
    for F in net.maps:
        x = x + np.maximum(0, x @ F.field.A.W.T + F.field.b) @ F.field.B.W.T
    return x


def iterated(D, x, known, n):
    z, lengths = np.where(known, x, 0), []
    for _ in range(n):
        before, z = z, D(np.where(known, x, z))
        lengths.append(((z - before) ** 2).sum(axis=-1) ** 0.5)
    return np.where(known, x, z), np.array(lengths)


def test_images_decibels_and_counts_are_those_of_the_formulas_written_out(fig):
    D, other, x, noisy = denoiser.learned(NOISE, SEED, True)
    ax = fig.axes[-1]
    others, ours = (
        np.array([line.get_ydata() for line in part]).T for part in np.split(np.array(ax.lines), 2)
    )
    n, few = len(ours), 40
    mask = fig.axes[6].images[0].get_array() > 0  # white is unknown, or 0
    assert np.array_equal(fig.axes[6].images[0].get_array()[mask], x[0].reshape(8, 8)[mask])
    known = np.isin(np.arange(64), np.random.default_rng(SEED).permutation(64)[:KNOWN])
    assert known.sum() == numbers(fig.axes[6].get_title())[0] == KNOWN
    filled, lengths = iterated(lambda z: heun(D, z), x[:20], known, n)
    _, first = iterated(lambda z: resnet(other, z), x[:20], known, few)
    assert np.allclose(ours[:few], lengths[:few], rtol=1e-9, atol=1e-13)
    assert np.allclose(others[:few], np.maximum(first, 1e-16), rtol=1e-6, atol=1e-13)
    shown = {0: noisy, 3: heun(D, noisy), 9: filled}
    for place, images in shown.items():
        for k in range(3):
            picture = fig.axes[place + k].images[0].get_array().ravel()
            assert np.allclose(picture, np.clip(images[k], 0, 1), atol=1e-9)
        truth = x[: len(images)]
        assert abs(numbers(fig.axes[place].get_title())[0] - decibels(images, truth)) < 0.0501
    assert abs(numbers(ax.get_title("right"))[0] - decibels(resnet(other, noisy), x)) < 0.0501
    stopped = [int((lines[-1] < 1e-12).sum()) for lines in (ours, others)]
    assert numbers(fig._suptitle.get_text()) == [stopped[0], 20, stopped[1]]
    assert stopped[0] == 20 > stopped[1]


def test_the_iteration_is_averaged_and_its_steps_do_not_grow(fig):
    """2/3 is 1 + 1 = α/(1 − α), of two projections."""
    assert abs(numbers(fig.axes[-1].get_title("left"))[0] - 2 / 3) < 0.0051
    for line in fig.axes[-1].lines[20:]:
        lengths = line.get_ydata()
        assert (lengths[1:] <= lengths[:-1] + 1e-15).all()
