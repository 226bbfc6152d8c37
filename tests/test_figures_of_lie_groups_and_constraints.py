"""What the picture of the spherical pendulum says, against the pendulum in angles, and closed forms."""

import re

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

from figures import spherical_pendulum


def in_angles(t, speed):
    """The positions at times t, from θ̈ = sin θ + L² cos θ/sin³ θ, φ̇ = L/sin² θ, θ from the top."""
    L = speed * np.sin(1.0)

    def rhs(_, y):
        theta, rate, _ = y
        return [rate, np.sin(theta) + L**2 * np.cos(theta) / np.sin(theta) ** 3, L / np.sin(theta) ** 2]  # fmt: skip

    theta, _, phi = solve_ivp(
        rhs, (0, t[-1]), [1.0, 0.0, 0.0], t_eval=t, rtol=1e-9, atol=1e-9, method="DOP853"
    ).y
    ring = np.sin(theta)
    return np.stack([ring * np.cos(phi), ring * np.sin(phi), np.cos(theta)], axis=-1)


def test_the_orbits_of_the_picture_are_the_pendulums_in_angles():
    """To order two and four, at once after 20 steps; where its energy comes back to 0, so does RATTLE's."""
    h, speed = 0.1, 0.9
    found = spherical_pendulum.orbits(h, 20, speed)
    exact = in_angles(h * np.arange(21), speed)
    for name, error in (("RATTLE", 2e-2), ("RK4", 1e-4), ("nested", 1e-4)):
        gap = np.abs(found[name][:, :3] - exact).max()
        assert error / 50 < gap < error, name
    np.testing.assert_array_equal(found["RATTLE"][0], [np.sin(1), 0, np.cos(1), 0, speed, 0])


def test_the_picture_shows_the_gaps_of_its_orbits_and_the_way_between_the_states():
    fig = spherical_pendulum.make(quick=True)
    plt.close(fig)
    found = spherical_pendulum.orbits(0.25, 150, 0.7)
    sphere, rod, energy = fig.axes
    for k, (name, z) in enumerate(found.items()):
        q, p = z[:, :3], z[:, 3:]
        off = np.abs(np.sqrt((q * q).sum(axis=-1)) - 1)
        shown = rod.lines[k].get_ydata()
        np.testing.assert_allclose(shown[-1], max(off.max(), 1e-17), atol=1e-16)
        assert (np.diff(shown) >= 0).all()
        H = (p * p).sum(axis=-1) / 2 + q[:, 2]
        np.testing.assert_allclose(energy.lines[k].get_ydata(), H - H[0], atol=1e-15)
        assert rod.texts[k + 1].get_text() == energy.texts[k].get_text() == name
    gaps = [line.get_ydata()[-1] for line in rod.lines]
    assert gaps[0] > 1e-3 > 1e-6 > gaps[1] > 1e-9 > 1e-15 > gaps[2]
    lost = [line.get_ydata() for line in energy.lines]
    assert lost[0][-1] < -0.02 and lost[1][-1] < -0.02 and lost[2].max() < 1e-2
    tail = lost[2][-40:]  # the deepest and the highest of the last swings are those of the first
    np.testing.assert_allclose([tail.min(), tail.max()], [lost[2].min(), lost[2].max()], atol=3e-3)
    said = re.search(r"kept to \$(\d)\\cdot10\^\{-(\d+)\}\$", sphere.get_title())
    assert float(f"{said[1]}e-{said[2]}") <= 3e-16
    way = np.array(sphere.lines[0].get_data_3d()).T
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), 1, atol=1e-15)
    nearest = np.linalg.norm(way[:, None] - found["RATTLE"][:, :3], axis=-1).min(axis=0)
    assert nearest.max() < 0.04  # it goes by every state, drawn eight times as fine
