"""What the picture of the neural ODE says, against scipy's solution of the field, written out, and geometry."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dynsys_nn.plotting import tint
from figures import neural_ode


def flown(X, x, start, end):
    """Where ẋ = B tanh(Ax + b) takes states (n, 2) from one time to another."""
    A, B, b = (X.parameters[name] for name in "ABb")

    def rhs(_, x):
        return (B @ np.tanh(A @ x.reshape(2, -1) + b[:, None])).ravel()

    found = solve_ivp(rhs, (start, end), x.T.ravel(), method="DOP853", rtol=1e-7, atol=1e-9)
    return found.y[:, -1].reshape(2, -1).T


@pytest.fixture(scope="module")
def drawn():
    """A picture of other options, drawn once; what was trained; and the times of its panels."""
    options = dict(width=9, noise=0.15, seed=4)
    fig = neural_ode.make(quick=True, **options)
    plt.close(fig)
    trained = neural_ode.train(True, *options.values())  # as make calls it: it is remembered
    return fig, *trained, (0, 1 / 3, 2 / 3, 1)


def dashed(ax):
    [curve] = [line for line in ax.lines if line.get_linestyle() == "--"]
    return curve.get_xydata()


def test_the_points_are_those_of_the_ode_in_the_colours_of_their_classes(drawn):
    fig, X, x, y, times = drawn
    colours = mpl.colors.to_rgba_array([f"C{label}" for label in y])
    for ax, t in zip(fig.axes, times, strict=True):
        points, _ = ax.collections
        exact = flown(X, x, 0, t) if t else x
        np.testing.assert_allclose(points.get_offsets(), exact, atol=1e-4)
        np.testing.assert_allclose(points.get_facecolors(), colours, atol=1 / 255)
        low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])
        assert ((low < exact) & (exact < high)).all()
    for k, height in ((0, 1), (1, -1)):  # what the training asks for, and where the name is
        [name] = [text for text in fig.axes[-1].texts if text.get_text() == f"class {k}"]
        assert name.xy[1] == height and name.get_color() == f"C{k}"
        assert abs(np.median(exact[y == k, 1]) - height) < 0.3
    assert abs(exact[:, 0] - x[:, 0]).mean() < 0.1


def test_a_tail_is_where_its_point_was_for_the_last_sixth(drawn):
    fig, X, _, y, times = drawn
    for ax, t in zip(fig.axes, times, strict=True):
        points, tails = ax.collections
        colours = mpl.colors.to_rgba_array([tint(f"C{label}", 0.8) for label in y[:80]])
        np.testing.assert_array_equal(tails.get_edgecolors(), colours)
        heads, tails = points.get_offsets()[:80], tails.get_segments()
        np.testing.assert_array_equal([tail[-1] for tail in tails], heads)
        if t:
            begun = flown(X, heads, t, t - 1 / 6)
            np.testing.assert_allclose([tail[0] for tail in tails], begun, atol=1e-4)


def test_the_curve_is_what_goes_to_the_line_and_no_point_crosses_it(drawn):
    """Above it is the inside of a polygon that is closed far above; at t = 1 it is the line x₂ = 0."""
    fig, X, x, y, times = drawn
    end = flown(X, x, 0, 1)[:, 1]
    far = abs(end) > 1e-2  # nearer to it the side of a polygon is not that of the curve
    assert far.mean() > 0.98
    bent = []
    for ax, t in zip(fig.axes, times, strict=True):
        curve, (left, right) = dashed(ax), ax.get_xlim()
        assert curve[0, 0] < left and right < curve[-1, 0]  # through the whole panel
        seen = curve[(left < curve[:, 0]) & (curve[:, 0] < right)]
        bent.append(np.ptp(seen[:, 1]))
        on = flown(X, seen, t, 1) if t < 1 else seen
        np.testing.assert_allclose(on[:, 1], 0, atol=1e-4)
        above = mpl.path.Path(np.concatenate([curve, [(12, 99), (-12, 99)]]))
        side = above.contains_points(ax.collections[0].get_offsets())
        np.testing.assert_array_equal(side[far], end[far] > 0)
    assert bent[0] > bent[1] > bent[2] > 0.2 and bent[3] == 0
    right = 100 * np.mean((end > 0) == (y == 0))
    assert f" {right:.1f} % are on their side" in fig.get_suptitle()
    assert 90 < right < 100
