"""What the figure of flow maps trained by a residual says: energies by a loop and by hand, the loss by F's tangent."""

import numpy as np
import pytest
from test_figures_of_what_is_kept import colour, drawn, of_colour

from figures import residual_energy as figure

#: the fields and their energies, written out
FIELDS = {"harmonic_oscillator": np.positive, "pendulum": np.sin}
POTENTIALS = {"harmonic_oscillator": lambda q: q * q / 2, "pendulum": lambda q: 1 - np.cos(q)}


def at_one(F, x):
    """F(x, 1)."""
    return F(np.hstack([x, np.ones((len(x), 1))]))


@pytest.mark.parametrize("options", [{}, dict(system="pendulum", time=50, orbits=2, seed=4)])
def test_energies_and_losses_are_those_of_the_networks(options):
    fig, titles = drawn(figure, **options)
    given = figure.make.defaults | options
    system, n, seed = given["system"], min(given["time"], 200), given["seed"]
    potential, highest = POTENTIALS[system], 0
    for ax, title, architecture in zip(
        fig.axes, titles, (figure.trial, figure.sympflow), strict=True
    ):
        F, _ = figure.train(architecture, system, 60, 100, seed)
        x = [figure.starts(system, given["orbits"])]
        for _ in range(n):
            x.append(at_one(F, x[-1]))
        q, p = np.moveaxis(x, -1, 0)
        E = p * p / 2 + potential(q)
        dashed = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]
        np.testing.assert_allclose(dashed, E[0], rtol=1e-12)
        for k in range(given["orbits"]):
            [line] = of_colour(ax, colour(k))
            np.testing.assert_allclose(line, E[:, k], rtol=1e-8, atol=1e-12)
        highest = max(highest, E.max())

        _, side, top = figure.SYSTEMS[system]  # the loss: as many points, drawn anew
        z = np.random.default_rng(7).uniform([-side, -top, 0], [side, top, 1], (4000, 3))
        y, dy = F.jvp(z, np.broadcast_to([0.0, 0, 1], z.shape))
        field = np.stack([y[:, 1], -FIELDS[system](y[:, 0])], axis=-1)
        *_, loss, off = title
        assert loss / 2 < ((dy - field) ** 2).mean() < 8 * loss  # that of 100 points, which it saw
        assert off == float(f"{100 * np.abs(E / E[0] - 1).max():.2g}")
    assert fig.axes[0].get_ylim()[1] == pytest.approx(1.08 * highest)
    assert titles[1][-1] < titles[0][-1] / 4  # the message
