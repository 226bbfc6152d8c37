"""What the figure of Parareal says, against its formula in a loop and Runge and Kutta's steps by hand."""

import re

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from figures import parareal as figure
from figures.drawing import at_most


def by_hand(x, beta, gamma):
    """Three days of an epidemic, (s, i, r), by 15 classical steps of Runge and Kutta."""

    def rates(x):
        s, i, _ = x
        return np.array([-beta * s * i, beta * s * i - gamma * i, gamma * i])

    h = 3 / 15
    for _ in range(15):
        k1 = rates(x)
        k2 = rates(x + h / 2 * k1)
        k3 = rates(x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + rates(x + h * k3))
    return x


def in_a_loop(F, G, x0, n, m):
    """All iterates of Parareal, one state after the other; and F, F, …, F in a row."""
    iterates, right = [[x0]], [x0]
    for k in range(n):
        right.append(F(right[k]))
        iterates[0].append(G(iterates[0][k]))
    for i in range(m):
        old, new = iterates[i], [x0]
        for k in range(n):
            new.append(F(old[k]) + G(new[k]) - G(old[k]))
        iterates.append(new)
    return np.array(iterates), np.array(right)


def drawn(**options):
    fig = figure.make(True, **options)
    plt.close(fig)
    return fig.axes


def number(said):
    r"""5\cdot10^{-7} → 5e-7."""
    return float(re.sub(r"\\cdot10\^\{(-?\d+)\}", r"e\1", said))


def test_the_iterates_of_the_picture_are_those_of_the_formula():
    n, m, beta, gamma, infected, seed = 10, 2, 0.35, 0.15, 0.05, 2
    left, errors = drawn(
        intervals=n, iterations=m, beta=beta, gamma=gamma, infected=infected, seed=seed
    )
    G = figure.train(beta, gamma, seed, 150, 150)
    x0 = np.array([1 - infected, infected, 0.0])
    iterates, right = in_a_loop(lambda x: by_hand(x, beta, gamma), G, x0, n, m)
    for line, x in zip(left.lines, (right, iterates[0], iterates[1]), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), 3 * np.arange(n + 1))
        np.testing.assert_allclose(line.get_ydata(), x[:, 1], rtol=0, atol=1e-12)
    off = abs(iterates - right).max(axis=-1)
    assert len(errors.lines) == len(errors.texts) == m + 1
    for k, (line, text) in enumerate(zip(errors.lines, errors.texts, strict=True)):
        np.testing.assert_array_equal(line.get_xdata(), range(n + 1))
        np.testing.assert_allclose(line.get_ydata(), off[k], rtol=0, atol=1e-12)
        assert (text.get_text(), text.get_color()) == (f"iteration {k}", line.get_color())
    coarse, gap = re.findall(r"\$([\d.e\\cdot{}^-]+)\$|to \$(.+)\$", left.get_title())
    assert coarse[0] == at_most(off[0].max()) and number(gap[1]) < 1e-13
    assert errors.get_title() == (
        f"{m} fine solves in a row, not {n}: at most ${at_most(off[m].max())}$ off,\n"
        f"the first {m} intervals are the fine solver's"
    )


def test_after_k_iterations_the_first_k_intervals_are_the_fine_solvers_and_all_soon_near():
    left, errors = drawn()
    off = np.array([line.get_ydata() for line in errors.lines])  # iteration, interval
    assert off.shape == (5, 25) and (off[:, 0] == 1e-17).all()
    assert np.tril(off).max() < 1e-14
    assert np.diagonal(off, 1).min() > 1e-11  # and no further
    worst = off.max(axis=1)
    assert worst[0] > 0.01 and (worst[1:] < worst[:-1] / 2).all() and worst[4] < 1e-3
    low, high = errors.get_ylim()
    assert low < off.min() and off.max() < high


def test_a_coarse_solver_from_which_iterates_run_away_is_called_one(monkeypatch):
    tenfold = dnn.Affine(3, 3, W=10 * np.eye(3), b=np.zeros(3))
    monkeypatch.setattr(figure, "train", lambda *_: tenfold)
    left, errors = drawn(iterations=3, intervals=10)
    off = np.array([line.get_ydata() for line in errors.lines])
    assert off.max() == 10 == off[0, -1] and np.isfinite(off).all()
    assert np.tril(off).max() < 1e-14
    assert left.get_title() == figure.LABELS["away"]
    assert errors.get_title().startswith("3 fine solves in a row, not 10: still far off,")


def test_what_is_not_finite_is_far_and_what_is_nothing_can_be_drawn():
    x = np.array([[[0.0, 0, 0]], [[0, 3, -4]], [[np.nan, 0, 0]], [[1e300, np.inf, 0]]])
    assert figure.distances(x, np.zeros(3)).ravel().tolist() == [1e-17, 4, 10, 10]
