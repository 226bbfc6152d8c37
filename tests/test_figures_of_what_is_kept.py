"""What the figures of learned flows say, against answers found another way: closed forms, loops
written out, determinants. All quickly trained, with options varied."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest

import dynsys_nn as dnn
from dynsys_nn import systems
from figures import learned_orbits, mass_preservation, sir_learned, symplectic_energy
from figures import volume_preservation as volume
from figures.drawing import at_most
from figures.drawing.places import apart


def drawn(module, **options):
    """A quick figure, and the numbers of its panels' titles."""
    fig = module.make(quick=True, **options)
    plt.close(fig)
    return fig, [numbers(ax.get_title()) for ax in fig.axes]


def numbers(words):
    """The numbers in a text: 3\\cdot10^{-6} is one, and so is 10^{-14}."""
    words = re.sub(r"([\d.]+)\\cdot10\^\{(-?\d+)\}", r"\1e\2", words.replace("\n", " "))
    words = re.sub(r"10\^\{(-?\d+)\}", r"1e\1", words)
    return [float(n) for n in re.findall(r"\d[\d.]*(?:e-?\d+)?", words)]


def of_colour(ax, colour):
    """The heights of the lines of one of the cycle's colours."""
    return [np.asarray(line.get_ydata()) for line in ax.lines if line.get_color() == colour]


def colour(k):
    return plt.rcParams["axes.prop_cycle"].by_key()["color"][k]


def determinants(net, x):
    """det ∂F/∂x of a map of the plane, at points (n, 2)."""
    (_, a), (_, b) = (net.jvp(x, np.broadcast_to(e, x.shape)) for e in np.eye(2))
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


@pytest.mark.parametrize("options", [dict(applications=6, radius=0.2, angle=0.8, noise=0.01)])
def test_areas_are_the_integrals_of_the_determinant(options):
    """Of shears it is 1 everywhere; the titles say the areas at last, and the largest deviation."""
    fig, titles = drawn(volume, **options)
    given = volume.make.defaults | options
    n = given["applications"]
    r, weight = np.polynomial.legendre.leggauss(20)
    r, weight = (r + 1) / 2, weight * (r + 1) / 2  # ∫ g = Σ weight · mean over the circle of r
    rings = [volume.circle([given["angle"], 0.0], given["radius"] * s, 60) for s in r]
    nets = volume.train(30, given["pairs"], given["noise"], given["seed"])
    for k, net in enumerate(nets):
        x, det, percent = np.concatenate(rings), 1.0, [100.0]
        for _ in range(n):
            x, det = net(x), det * determinants(net, x)
            percent.append(100 * weight @ det.reshape(20, 60).mean(axis=1))
        [found] = of_colour(fig.axes[2], colour(k))
        np.testing.assert_allclose(found, percent, rtol=2e-3)
        assert titles[k] == [round(percent[-1])]
        if k == 0:
            np.testing.assert_allclose(det, 1, rtol=1e-9)
    assert titles[2] == [float(f"{np.abs(found - 100).max():.3g}")]
    curves = pictures.named(fig.axes[2])
    np.testing.assert_array_equal(curves["ResNet"][0].get_ydata(), found)
    assert curves["volume-preserving"] != curves["ResNet"]
    disc = volume.circle([given["angle"], 0.0], given["radius"])
    exact = dnn.exact_flow(systems.pendulum(), disc, float(n))
    for ax in fig.axes[:2]:
        counts = sorted(int(t.get_text()) for t in ax.texts if t.get_text().isdigit())
        assert counts[0] == 0 < counts[1] < counts[2] == n
        *_, dashed = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "--"]
        np.testing.assert_allclose(dashed, exact, atol=1e-6)
        (width, height), shapes = (ax.get_xlim()[1], ax.get_ylim()[1]), ax.patches
        reach = np.max(
            [np.abs(shape.get_xy()).max(axis=0) for shape in shapes if len(shape.get_path()) > 9],
            axis=0,
        )
        assert (reach < [width, height]).all()


@pytest.mark.parametrize("options", [dict(T=6.0, starts=30, exponent=7, seed=3)])
def test_the_mass_is_kept_by_one_network_only(options):
    """Lines and titles against a loop; that of (M − Mᵀ)1 keeps it to a rounding a step."""
    fig, titles = drawn(mass_preservation, **options)
    given = mass_preservation.make.defaults | options
    steps, system = round(given["T"] / 0.1), systems.mass_example()
    random = np.random.default_rng([given["seed"], 1]).uniform(0, 1, (given["starts"], 3))
    y = random
    inside = np.ones(len(random), bool)
    for _ in range(2 * steps):
        y = dnn.RK4().step(system, y, 0.05)
        inside &= ((y > -0.6) & (y < 2)).all(axis=1)
    most, (left, right) = [], fig.axes
    assert f"{inside.sum()} solutions" in left.get_ylabel()
    assert np.finfo(float).eps in [line.get_ydata()[0] for line in right.lines]
    names = {words[:4]: (words, lines) for words, lines in pictures.named(right).items()}
    for k, architecture in enumerate((mass_preservation.structured, mass_preservation.resnet)):
        net = mass_preservation.train(architecture, 60, 2 ** given["exponent"], given["seed"])
        x, worst = random[inside], 0.0
        for _ in range(steps):
            x = net(x)
            worst = max(worst, np.abs(x.sum(axis=1) - random[inside].sum(axis=1)).max())
        lines = [y for y in of_colour(fig.axes[0], colour(k)) if len(y) == steps + 1]
        assert len(lines) == inside.sum()
        assert np.isclose(np.abs(lines).max(), worst, rtol=1e-6, atol=1e-14)
        most.append(worst)
        words, curves = names["mass" if k == 0 else "ResN"]
        np.testing.assert_allclose(
            [y for y in of_colour(right, colour(k)) if len(y) == steps][0][-1],
            curves[0].get_ydata()[-1],
        )
        assert curves[0].get_color() == colour(k)
        x = np.random.default_rng(5).uniform(-0.6, 2, (1000, 3))
        off = net(x) - dnn.RK4().step(system, dnn.RK4().step(system, x, 0.05), 0.05)
        error = np.sqrt(np.square(off).sum(axis=1).mean())
        assert numbers(words)[0] == pytest.approx(error, rel=0.6)
    assert most[0] <= steps * 2e-15 < 1e-4 < most[1]
    assert titles[0][1] == given["T"] and most[1] <= titles[0][0] <= 1.1 * most[1]
    assert 0.2 * most[0] <= titles[1][0] <= 5 * most[0]


@pytest.mark.parametrize("options", [dict(infected=0.02), dict(beta=0.1, gamma=0.11, days=80)])
def test_an_epidemic_has_a_peak_if_and_only_if_a_patient_infects_more_than_one(options):
    """At the peak s = 1/R₀, and i + s − log(s)/R₀ is what it was."""
    fig, (left, right) = drawn(sir_learned, **options)
    given = sir_learned.make.defaults | options
    i, R0 = given["infected"], given["beta"] / given["gamma"]
    assert left[1] == pytest.approx(R0, rel=5e-3)  # the 0 of R₀ comes before it
    words = fig.axes[0].get_title()
    assert ("only fall" in words) == (R0 * (1 - i) <= 1)
    truth = [line for line in fig.axes[0].lines if line.get_linestyle() == "-"]
    dots = [line for line in fig.axes[0].lines if line.get_linestyle() == "None"]
    assert truth[0].get_xdata()[-1] == given["days"]
    first = [lines[0].get_ydata()[0] for lines in pictures.named(fig.axes[0]).values()]
    assert list(pictures.named(fig.axes[0])) == ["susceptible", "infected", "removed"]
    assert first == [1 - i, i, 0]
    gap = max(
        np.abs(np.interp(d.get_xdata(), *t.get_data()) - d.get_ydata()).max()
        for t, d in zip(truth, dots, strict=True)
    )
    assert gap <= left[-1] * (1 + 1e-9) and left[-1] <= 2 * gap
    np.testing.assert_allclose(sum(line.get_ydata() for line in truth), 1, rtol=1e-12)
    if R0 * (1 - i) > 1:
        highest = i + (1 - i) - (1 + np.log(R0 * (1 - i))) / R0
        assert left[2] == round(100 * highest)
        infected = truth[1].get_ydata()
        assert left[3] == round(truth[1].get_xdata()[infected.argmax()])
        assert infected.max() == pytest.approx(highest, abs=1e-4)
    [drift] = [y for y in of_colour(fig.axes[1], "C0") if len(y) == 4000]
    assert drift.max() < right[0] <= 10.001 * drift.max() and right[1] == 4000
    assert drift.max() <= 4000 * 2.2e-16


def leapfrog(force, q, p, h):
    p = p + h / 2 * force(q)
    q = q + h * p
    return q, p + h / 2 * force(q)


@pytest.mark.parametrize("options", [dict(step=0.3, system="harmonic_oscillator", steps=3000)])
def test_the_energy_errors_are_those_of_methods_written_out(options):
    """Verlet on the oscillator keeps p² + (1 − h²/4)q², so that H falls by at most h²q₀²/8; Euler
    multiplies H by 1 + h² in each step; the symplectic network has determinant 1."""
    fig, ((h, most), (most_learned,)) = drawn(symplectic_energy, **options)
    given = symplectic_energy.make.defaults | options
    assert h == given["step"]
    pendulum, n = given["system"] == "pendulum", given["steps"] // 10
    force, potential = (lambda q: -np.sin(q), lambda q: -np.cos(q)) if pendulum else (
        lambda q: -q, lambda q: q**2 / 2)  # fmt: skip
    q, p, errors = np.array([1.5, 1.0]), np.zeros(2), []
    first = potential(q)
    for _ in range(n):
        q, p = leapfrog(force, q, p, h)
        errors.append(np.abs(p**2 / 2 + potential(q) - first).max())
    lines = {line.get_color(): line.get_ydata() for line in fig.axes[0].lines}
    assert len(lines) == 3 and symplectic_energy.LABELS[given["system"]] in fig.axes[0].get_title()
    for ax, names in zip(
        fig.axes,
        (("Störmer–Verlet,\nsymplectic", "Euler"), ("symplectic\nnetwork", "ResNet")),
        strict=True,
    ):
        found = pictures.named(ax)
        assert [found[name][0].get_color() for name in names] == [colour(0), colour(1)]
    assert fig.axes[1].lines[1].get_xdata()[-1] == pytest.approx(0.1 * n)
    np.testing.assert_allclose(lines[colour(0)], np.maximum.accumulate(errors), rtol=1e-9)
    assert max(errors) <= most <= 1.1 * max(errors)
    if not pendulum:
        assert 0.9 <= max(errors) / (h**2 * 1.5**2 / 8) <= 1 + 1e-9
        euler = lines[colour(1)][:20]
        powers = np.cumprod(np.full(20, 1 + h**2))
        np.testing.assert_allclose(euler, 1.5**2 / 2 * (powers - 1), rtol=1e-9)
    net = symplectic_energy.train(symplectic_energy.symplectic, 60, given["seed"])
    x = symplectic_energy.STARTS
    np.testing.assert_allclose(determinants(net, x), 1, rtol=1e-12)
    learned = of_colour(fig.axes[1], colour(0))[0][-1]
    assert learned <= most_learned <= 1.1 * learned


@pytest.mark.parametrize(
    "options", [dict(long=400.0), dict(start=0.5, short=6.0, long=200.0, seed=2)]
)
def test_only_the_resnet_leaves_its_orbit(options):
    """Radii and energies against a loop; only the symplectic network has determinant 1."""
    fig, titles = drawn(learned_orbits, **options)
    given = learned_orbits.make.defaults | options
    off, names, errors = {}, pictures.named(fig.axes[2]), []
    assert {name: lines[0].get_color() for name, lines in names.items()} == {
        "ResNet": colour(1), "symplectic": colour(0)}  # fmt: skip
    np.testing.assert_allclose(np.hypot(*fig.axes[0].lines[0].get_data()), given["start"])
    for k, architecture in enumerate((symplectic_energy.symplectic, symplectic_energy.resnet)):
        net = symplectic_energy.train(architecture, 60, given["seed"])
        x, radii = np.array([[given["start"], 0.0]]), [given["start"]]
        det = determinants(net, x)
        assert (abs(det - 1) < 1e-12) == (k == 0)
        z = np.random.default_rng(7).uniform(-1, 1, (1000, 2))
        turned = z @ [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
        errors.append(np.sqrt(np.square(net(z) - turned).sum(axis=1).mean()))
        for _ in range(round(given["long"] / 0.1)):
            x = net(x)
            radii.append(np.hypot(*x[0]))
        off[k] = 100 * np.abs(np.array(radii) / given["start"] - 1)
        [energy] = of_colour(fig.axes[2], colour(k))
        np.testing.assert_allclose(
            energy, (np.square(radii) - given["start"] ** 2) / 2, rtol=0, atol=1e-9
        )
        if k == 0:
            most = np.abs(energy).max()
            assert most <= titles[2][0] <= 2 * most
    np.testing.assert_allclose(numbers(fig.get_suptitle())[::-1], errors, rtol=0.6)
    short = off[1][: round(given["short"] / 0.1) + 1].max()
    assert titles[0] == [given["short"], float(f"{short:.1g}")]
    assert titles[1] == [given["long"], float(f"{off[1].max():.2g}")]
    assert off[0].max() < 2 < off[1].max()


def test_names_are_a_gap_apart_and_a_bound_is_no_less():
    rng = np.random.default_rng(0)
    for heights in [*rng.uniform(-0.2, 1.2, (50, 4)), np.full(4, 0.99), np.zeros(4)]:
        found = apart(heights, 0.1)
        assert np.diff(np.sort(found)).min() >= 0.1 - 1e-12
        assert found.min() >= 0 and found.max() <= 1
        assert (np.diff(found[np.argsort(heights, kind="stable")]) > 0).all()
    for value in 10 ** rng.uniform(-16, 6, 100):
        [bound] = numbers(at_most(value))
        assert value <= bound * (1 + 1e-9) and bound <= 2 * value
