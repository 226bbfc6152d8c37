"""The figure of the moons by depth: regions, bands and shares are found again from weights and by distances in the plane."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.spatial import KDTree

from dynsys_nn import lipschitz
from figures import moons_by_depth as figure

OPTIONS = dict(depths=(3, 1, 3), width=6, margin=0.3, noise=0.15, eps=0.12, seed=4)
WORDS = (
    {word: f"{word} <last:.9f> <first:.9f>" for word in ("more", "fewer")}
    | {"same": "same <last:.9f>"}
    | {word: f"{word} <depth> <right:.9f> <certain:.9f>" for word in ("one", "many")}
)


@pytest.fixture(scope="module")
def drawn():
    fig = figure.make(quick=True, **OPTIONS, labels=WORDS)
    yield fig
    plt.close(fig)


def trained(depth):
    return figure.train(depth, *(OPTIONS[k] for k in ("width", "noise", "margin", "seed")), 10)


def gaps(net, x):
    """(z₁ − z₀)/‖w₁ − w₀‖ by folds, u ↦ −|u| along the rows of orthogonal matrices."""
    x = np.concatenate([x, np.zeros((*x.shape[:-1], net.maps[0].dim_out - 2))], axis=-1)
    for layer in net.maps[1:-1]:
        A, b = layer.field.A.W, layer.field.b
        x = (-np.abs(x @ A.T + b) - b) @ A
    w, b = (np.diff(part, axis=0)[0] for part in (net.maps[-1].W, net.maps[-1].b))
    return (x @ w + b) / np.linalg.norm(w)


def test_its_networks_fold_and_stretch_nothing():
    x = np.random.default_rng(0).normal(size=(50, 2))
    for depth in set(OPTIONS["depths"]):
        net = trained(depth)
        z, W = net(x), net.maps[-1].W
        gap = (z[:, 1] - z[:, 0]) / np.linalg.norm(W[1] - W[0])
        np.testing.assert_allclose(gap, gaps(net, x), atol=1e-12)
        steep = np.linalg.norm(net.jacobian(x), 2, axis=(-2, -1))
        assert len(net.maps) == depth + 2 and steep.max() <= 1 + 1e-12
        assert abs(net.lipschitz() - 1) < 1e-12 and lipschitz.measured(net, x[:5], 5) <= 1 + 1e-12


def test_shares_right_and_certain_are_those_of_the_test_points(drawn):
    _, _, x, y = figure.data(OPTIONS["noise"], OPTIONS["seed"])
    shares = []
    for ax, depth in zip(drawn.axes, (1, 3), strict=True):
        gap = np.where(y == 1, 1, -1) * gaps(trained(depth), x)  # positive if the label is right
        shares.append(100 * np.mean(gap > OPTIONS["eps"]))
        word, *numbers = ax.get_title().split()
        assert word == ("one" if depth == 1 else "many")
        expected = [depth, 100 * np.mean(gap > 0), shares[-1]]
        assert [float(number) for number in numbers] == pytest.approx(expected)
        points = ax.collections[-1]
        np.testing.assert_array_equal(points.get_offsets(), x)
    word, *numbers = drawn.get_suptitle().split()
    assert word == "more" and shares[0] < shares[-1]
    assert [float(number) for number in numbers] == pytest.approx([shares[-1], shares[0]])


def test_what_is_coloured_is_farther_than_epsilon_from_the_other_class(drawn):
    eps, n = OPTIONS["eps"], 60
    for ax, depth in zip(drawn.axes, (1, 3), strict=True):
        [image] = ax.images
        x0, x1, y0, y1 = image.get_extent()
        assert (x0, x1) == ax.get_xlim() and (y0, y1) == ax.get_ylim()
        x = np.stack(np.meshgrid(np.linspace(x0, x1, n), np.linspace(y0, y1, n)), axis=-1)
        gap, classes, coloured = gaps(trained(depth), x), image.get_array(), image.get_alpha() > 0
        np.testing.assert_array_equal(classes, gap > 0)
        np.testing.assert_array_equal(coloured, np.abs(gap) > eps)
        assert 0.2 < coloured.mean() < 1
        for k in (0, 1):
            others = KDTree(x[classes != k])
            assert others.query(x[coloured & (classes == k)])[0].min() > eps
        line = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
        assert np.abs(gaps(trained(depth), line)).max() < 0.5 * np.hypot(x1 - x0, y1 - y0) / n
        [circle] = ax.patches
        assert circle.get_radius() == eps


def test_one_layer_follows_the_moons_or_keeps_away_from_them_and_four_do_both():
    """With the lecture's values, but 15 epochs where they are enough."""
    found = {}
    for depth, margin, epochs in ((1, 0.4, 15), (1, 0.1, 40), (4, 0.4, 15)):
        net, (*_, x, y) = figure.train(depth, 8, 0.1, margin, 0, epochs), figure.data(0.1, 0)
        gap = np.where(y == 1, 1, -1) * gaps(net, x)
        found[depth, margin] = np.mean(gap > 0), np.mean(gap > 0.2)
    (steep, far), (follows, near), both = found.values()
    assert steep < 0.9 < follows and near < 0.3 < 0.6 < far
    assert both[0] > 0.98 and both[1] > far + 0.1


@pytest.mark.parametrize(
    "words, options",
    [("fewer {:.9f} {:.9f}", dict(eps=0.3)), ("same {:.9f}", dict(depths=(3,)))],
)
def test_where_depth_is_worth_nothing_the_title_does_not_say_so(words, options, monkeypatch):
    """The margin asked for is 0.3, the radius 0.21: at ε = 0.3 one layer is certain of more."""
    for drawing in ("draw_regions", "layer_states"):  # they take longest, and are not read
        monkeypatch.setattr(figure, drawing, lambda *args, **options: None)
    fig = figure.make(quick=True, **OPTIONS | options, labels=WORDS)
    shares = [float(ax.get_title().split()[-1]) for ax in fig.axes]
    assert (shares[0] > shares[-1]) == ("fewer" in words)
    assert fig.get_suptitle() == words.format(*shares[::-1])
    plt.close(fig)
