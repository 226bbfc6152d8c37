"""Figures are true and legible far from the lecture's options, too."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from figures import (
    cfl,
    four_methods,
    growing_attack,
    learned_hamiltonian,
    lotka_volterra,
    poincare_section,
    resnet_is_euler,
    rigid_body,
    robust_accuracy,
    stability_regions,
    vanishing_gradients,
)
from figures.drawing.saving import scale_of, style


@pytest.fixture(autouse=True)
def lecture():
    with style():
        yield
    plt.close("all")


def labelled(axis):
    """The ticks within the limits that have a label."""
    low, high = sorted(axis.get_view_interval())
    ticks = axis.get_majorticklocs()
    words = axis.get_major_formatter().format_ticks(ticks)
    return [tick for tick, text in zip(ticks, words, strict=True) if text and low <= tick <= high]


@pytest.mark.parametrize("n, follows", [(9, False), (64, True)])
def test_layers_that_lose_the_flow_are_not_said_to_follow_it(n, follows):
    fig = resnet_is_euler.make(True, depths=(n,), T=10, start=1.6)
    assert ("follow" in fig.axes[0].get_title()) == follows


@pytest.mark.parametrize("time, word", [(5, "moves"), (12, "spirals")])
def test_euler_spirals_only_if_it_goes_round(time, word):
    fig = lotka_volterra.make(True, rates=(1, 1, 1, 1), time=time, steps=250)
    assert word in fig.axes[0].get_title()


def test_a_percentage_has_no_exponent():
    """RK4 in steps of 0.8 loses 99.6 % of the energy."""
    orbits = [np.array([[0.1, 0, 0, 0], [0.1 * np.sqrt(0.004), 0, 0, 0]])]
    words = poincare_section.describe(orbits, 2, poincare_section.make.options["labels"]("", {}))
    assert "100" in words and "e+" not in words


@pytest.mark.parametrize("time", [10, 25])
def test_the_energies_of_four_methods_can_be_read_off(time):
    [*_, energy] = four_methods.make(True, time=time, steps=400).axes
    ticks = labelled(energy.yaxis)
    assert len(ticks) >= 3 and np.isclose(ticks, 1).any()


def test_the_norms_of_few_layers_can_be_read_off():
    ticks = labelled(vanishing_gradients.make(True, layers=2, T=3.9).axes[0].yaxis)
    assert len(ticks) >= 3 and np.isclose(ticks, 1).any()


def test_orbits_of_an_almost_round_body_go_around_it():
    orbits = rigid_body.among((2.32, 2.27, 3.0))
    angle = np.unwrap(np.arctan2(orbits[..., 1], orbits[..., 0]), axis=-1)
    around = np.abs(np.ptp(angle, axis=-1)) >= 2 * np.pi
    assert around.mean() > 0.7


def test_what_is_marked_lies_on_the_curve():
    fig = robust_accuracy.make(True, kinds=("paper",), eps=0.383, eps_max=1.74, images="digits")
    certified, _, marked = fig.axes[0].lines
    (eps, _), (_, share) = marked.get_data()
    assert np.interp(eps, *certified.get_data()) == share


def test_a_learned_double_well_does_not_start_at_rest():
    fig = learned_hamiltonian.make(True, system="double_well", reach=1.25, pairs=50)
    assert np.ptp(fig.axes[0].lines[0].get_ydata()) > 0.4


def test_two_long_numbers_of_cfl_lie_side_by_side():
    fig = cfl.make(True, factors=(1.17, 1.1), points=24, steps=300)
    fig.draw_without_rendering()
    one, two = (ax.xaxis.label.get_window_extent() for ax in fig.axes[:2])
    assert not one.overlaps(two)


@pytest.mark.parametrize(
    "z", [-2.5 + 0.8j, -1.3 + 1.4j, -0.1 + 1.4j, -0.1 + 0.1j, -3.3 + 1.1j, -1.8 + 3j]
)
def test_no_circle_runs_through_the_name_of_an_eigenvalue(z):
    fig, ax = plt.subplots(figsize=(2.6, 2.6))
    ax.set(xlim=(-4, 2), ylim=(-4, 4))
    stability_regions.name_eigenvalue(ax, "$h\\lambda$", z)
    fig.draw_without_rendering()
    box = Text.get_window_extent(ax.texts[0]).transformed(ax.transData.inverted())
    x, y = np.meshgrid(*np.linspace(box.min, box.max, 9).T)
    assert (np.hypot(x + 1, y) > 1).all() and x.min() > -4 and y.max() < 4


def test_the_words_under_large_images_are_not_cut():
    size = (8, 4.5)
    with style(scale=scale_of(growing_attack.make, size)):
        fig = growing_attack.make(True, figsize=size, eps=(0, 0.05, 5), images="digits")
        fig.draw_without_rendering()
    under = [ax.xaxis.label.get_window_extent() for ax in fig.axes]
    assert len(under) == 8 and min(box.y0 for box in under) > -2
