"""What the figure of learned potentials says, against scipy's solution, difference quotients and energies."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from figures import learned_valley

S, TIME = 3.0, 6.0


@pytest.fixture(scope="module")
def picture():
    fig = learned_valley.make(quick=True, sharpness=S, time=TIME, places=150)
    yield fig
    plt.close(fig)


def height(q):
    return -np.exp(-S * (q[..., 0] ** 2 + q[..., 1] ** 2 - 1) ** 2)


def slope(V, q, h=1e-5):
    """∇V by central differences."""
    return np.stack([(V(q + h * e) - V(q - h * e)) / (2 * h) for e in np.eye(2)], axis=-1)


def fields():
    return [
        learned_valley.train(widths, S, 150, 0, 60)[1] for widths in learned_valley.WIDTHS.values()
    ]


def test_the_broad_line_is_the_way_of_the_marble_in_each_panel(picture):
    def rhs(t, z):
        return np.concatenate([z[2:], -slope(height, z[:2])])

    for ax in picture.axes:
        x, y = ax.lines[0].get_data()
        t = TIME / len(x) * np.arange(1, len(x) + 1)
        exact = solve_ivp(rhs, (0, TIME), [0.9, 0, 0, 0.6], t_eval=t, rtol=1e-9, atol=1e-9).y[:2]
        assert abs(exact - [x, y]).max() < 0.01
        assert ax.lines[0].get_linewidth() == max(line.get_linewidth() for line in ax.lines)


def test_the_titles_say_how_far_the_forces_of_the_networks_are_off(picture):
    q = np.random.default_rng(0).uniform(-1.5, 1.5, (4000, 2))
    true, said = slope(height, q), []
    for ax, X in zip(picture.axes[1:], fields(), strict=True):
        error = 100 * np.linalg.norm(slope(X.potential, q) - true) / np.linalg.norm(true)
        said.append(float(ax.get_title().split()[-2]))
        assert abs(said[-1] / error - 1) < 0.1, (said[-1], error)
        sizes = [2, *learned_valley.WIDTHS[("one", "four")[len(said) - 1]]]
        count = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False)) + sizes[-1]
        assert ax.get_xlabel().split()[-2] == str(count)


def test_each_marble_keeps_the_energy_of_the_network_that_it_rolls_in(picture):
    """And so its way is that of the potential which is drawn."""
    for ax, X in zip(picture.axes[1:], fields(), strict=True):
        q = np.transpose(ax.lines[1].get_data())
        h = TIME / len(q)
        velocity = (q[2:] - q[:-2]) / (2 * h)
        energy = (velocity**2).sum(axis=-1) / 2 + X.potential(q[1:-1])
        start = 0.6**2 / 2 + X.potential(np.array([0.9, 0.0]))
        assert abs(energy - start).max() < 0.01
        V, [drawn] = X.potential(learned_valley.grid(121)), ax.collections
        paths = drawn.get_paths()[1:-1]
        assert sum(len(path.vertices) > 50 for path in paths) > 6
        for low, high, path in zip(drawn.levels[:-1], drawn.levels[1:], paths, strict=True):
            values = X.potential(path.vertices) - V.mean()
            assert ((low - 0.02 < values) & (values < high + 0.02)).all()
