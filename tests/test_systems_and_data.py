"""Data sets: shapes, labels, geometry and provenance."""

import numpy as np
import pytest

from dynsys_nn import datasets


@pytest.mark.parametrize(
    "make",
    [datasets.moons, datasets.rings, datasets.spirals, datasets.swiss_roll],
    ids=lambda f: f.__name__,
)
def test_planar_data_have_labels_last_in_equal_halves(make):
    x, y = make(501, noise=0.0, rng=3)
    assert x.shape == (501, 2) and y.shape == (501,) and y.dtype.kind == "i"
    assert {0, 1} == set(y) and abs((y == 0).sum() - (y == 1).sum()) == 1
    assert len(set(y[:20])) == 2 and (y[:-1] == y[1:]).sum() > 150  # shuffled, not in turns
    again = make(501, noise=0.0, rng=3)
    np.testing.assert_array_equal(x, again[0])
    noisy = make(501, noise=0.1, rng=3)[0]
    assert 0.05 < np.abs(noisy - x).mean() < 0.12


def test_rings_fill_the_disc_and_the_annulus_uniformly():
    x, y = datasets.rings(200_000, rng=0)
    r = np.linalg.norm(x, axis=-1)
    assert r[y == 0].max() <= 0.5 <= r[y == 1].min() and r.max() <= 1
    inner, outer = np.histogram(r[y == 0] ** 2, bins=5)[0], np.histogram(r[y == 1] ** 2, bins=5)[0]
    assert max(np.ptp(inner), np.ptp(outer)) < 0.05 * 20_000
    assert (
        np.ptp(np.histogram(np.arctan2(x[:, 1], x[:, 0]), bins=8)[0]) < 0.05 * 25_000
    )  # all the way round


def test_moons_are_half_circles_and_spirals_images_under_reflection():
    x, y = datasets.moons(1000, noise=0.0, rng=0)
    np.testing.assert_allclose(np.linalg.norm(x[y == 0], axis=-1), 1)
    np.testing.assert_allclose(np.linalg.norm(x[y == 1] - [1, 0.5], axis=-1), 1)
    assert x[y == 0, 1].min() >= 0 and x[y == 1, 1].max() <= 0.5
    np.testing.assert_allclose(
        [x[y == k, 0].min() for k in (0, 1)], [-1, 0], atol=1e-3
    )  # whole half circles
    np.testing.assert_allclose([x[y == k, 0].max() for k in (0, 1)], [1, 2], atol=1e-3)
    x, y = datasets.spirals(1000, rng=0)
    r, phi = np.linalg.norm(x, axis=-1), np.arctan2(x[:, 1], x[:, 0])
    turn = np.mod(phi - 3 * np.pi * r, 2 * np.pi) / np.pi  # 0 on the one arm, 1 on the other
    np.testing.assert_allclose(np.cos(np.pi * turn), np.where(y == 0, 1, -1), atol=1e-10)
    assert r.max() <= 1 and np.ptp(np.histogram(r**2, bins=4)[0]) < 0.4 * 250


def test_a_swiss_roll_lies_between_the_turns_of_its_copy():
    """r = φ/4π and r = φ/4π + 0.2, from the polar coordinates alone."""
    x, y = datasets.swiss_roll(2000, rng=0)
    r, phi = np.linalg.norm(x, axis=-1), np.arctan2(x[:, 1], x[:, 0])
    turns = 2 * (r - 0.2 * y) - phi / (2 * np.pi)  # whole, on the one and the other
    np.testing.assert_allclose(turns, turns.round(), atol=1e-10)
    assert set(turns.round()) == {0, 1, 2}  # φ from −π, twice round from 0
    for label in (0, 1):
        found = np.histogram(r[y == label] - 0.2 * label, bins=5, range=(0, 1))[0]
        assert found.sum() == 1000 and np.ptp(found) < 80


def test_digits_are_the_uci_digits():
    x, y = datasets.digits()
    assert x.shape == (1797, 64) and x.dtype == float and y.shape == (1797,) and y.dtype.kind == "i"
    assert x.min() == 0 and x.max() == 1 and set(np.unique(x * 16)) == set(range(17))
    assert list(np.bincount(y)) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (
        list(x[0, :8] * 16) == [0, 0, 5, 13, 9, 1, 0, 0] and y[0] == 0
    )  # the first row of the first zero


def test_digits_are_told_apart_by_a_residual_network():
    """A sanity check of images and labels together: they belong to each other."""
    import dynsys_nn as dnn

    x, y = datasets.digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    train, test = order[:1400], order[1400:]
    layers = [
        dnn.Flow(dnn.ResidualField(dnn.Dense(64, 64, rng=rng), dnn.Tanh()), 0.3) for _ in range(2)
    ]
    net = dnn.Network(*layers, dnn.Affine(10, 64, rng=rng))
    dnn.fit(
        net,
        dnn.SoftmaxCrossEntropy(),
        x[train],
        y[train],
        dnn.Adam(3e-3),
        epochs=15,
        batch_size=50,
        rng=rng,
    )
    assert (net(x[test]).argmax(axis=-1) == y[test]).mean() > 0.95


def test_default_noise_and_the_density_of_spirals():
    x, y = datasets.moons(1000, noise=0.0, rng=0)
    assert np.std(datasets.moons(1000, rng=0)[0] - x) == pytest.approx(0.1, rel=0.05)
    r = np.linalg.norm(datasets.spirals(1000, rng=0)[0], axis=-1)
    assert np.mean(r < 0.5) == pytest.approx(0.25, abs=0.05)  # r² is uniform
