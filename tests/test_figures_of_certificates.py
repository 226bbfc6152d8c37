"""The figure of tighter certificates: every constant and every share is found again, corner by corner."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest

from figures import tighter_certificates as figure


def worst(net, rows):
    """max ‖rows J(D)‖ of a network of one step, over its 2⁸ corners."""
    lift, step, _ = net.maps
    A, B = step.field.A.W, step.field.B.W
    J = lift(np.eye(2)).T
    return max(
        np.linalg.norm(rows @ (J + step.h * (B * np.array(d)) @ A @ J), 2)
        for d in product((0.0, 1.0), repeat=8)
    )


def test_constants_and_shares_of_one_layer_are_those_of_its_corners(eps=0.35, seed=3):
    words = dict(title="<before:.9f> <after:.9f>", same="<after:.9f> <after:.9f>")
    kinds = dict(kinds=("resnet", "naive"), kind="naive", layers=1)
    fig = figure.make(quick=True, **kinds, eps=eps, seed=seed, labels=words)
    left, right = fig.axes
    products, joints, found = (line.get_xdata() for line in left.lines)
    nets = [figure.train(kind, 1, seed, 4) for kind in kinds["kinds"]]
    rows = [net.maps[-1].W for net in nets]
    exact = [worst(net, W) for net, W in zip(nets, rows, strict=True)]
    np.testing.assert_allclose(joints, exact, rtol=1e-12)
    np.testing.assert_allclose(products, [net.lipschitz() for net in nets])
    assert (found <= joints).all() and (joints < products).all()
    x, y = (a[:100] for a in figure.data(seed)[2:])
    net, W = nets[1], rows[1]
    z, difference = net(x), W[[1]] - W[[0]]
    gap = np.where(y == 1, 1, -1) * (z[:, 1] - z[:, 0])  # positive if the label is right
    layers_apart = np.linalg.norm(difference) * net[:-1].lipschitz()
    before, after, attacked, mark = right.lines
    grid = after.get_xdata()
    for line, constant in ((before, layers_apart), (after, worst(net, difference))):
        shares = [100 * np.mean(gap / constant > max(e, 1e-9)) for e in grid]
        np.testing.assert_allclose(line.get_ydata(), shares)
    assert (before.get_ydata() <= after.get_ydata()).all()
    assert (after.get_ydata() <= attacked.get_ydata()).all()
    title = [float(number) for number in fig.get_suptitle().split()]
    assert title == pytest.approx(mark.get_ydata()[1:].tolist())
    assert title[1] == pytest.approx(100 * np.mean(gap / worst(net, difference) > eps))
    plt.close(fig)


def test_where_both_constants_certify_the_same_labels_the_title_says_so():
    """Two layers of reflections: 1 is the constant, and attained."""
    kinds = dict(kinds=("gradient_steps",), kind="gradient_steps", layers=2)
    fig = figure.make(quick=True, **kinds)
    before, after = (line.get_ydata() for line in fig.axes[1].lines[:2])
    at = np.searchsorted(fig.axes[1].lines[0].get_xdata(), 0.2)
    assert before[at] == after[at]
    assert f"{after[at]:.0f}% by either constant" in fig.get_suptitle()
    plt.close(fig)
