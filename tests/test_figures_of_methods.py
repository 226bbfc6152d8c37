"""What the figures of methods say, read off their pictures: factors of energies, invariants, stability, sections."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import dynsys_nn as dnn
from dynsys_nn import plotting, systems
from figures import (
    four_methods,
    lotka_volterra,
    poincare_section,
    rigid_body,
    stability_regions,
)
from figures.drawing.places import apart, ends_of, names_at_ends


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def number(words):
    """The last number of a text: 4.955, or 3\\cdot10^{-15}."""
    mantissa, exponent = re.findall(r"([\d.]+)(?:\\cdot10\^\{(-?\d+)\})?", words)[-1]
    return float(mantissa) * 10.0 ** int(exponent or 0)


@pytest.mark.parametrize("third", ["RK45", "RK4"])
def test_energies_change_by_the_factors_of_the_methods(third):
    """(1 + h²)ⁿ and its inverse, 4.95461 and 0.201832 in the lecture; and RK4's |R(ih)|²ⁿ, where
    |R(ih)|² = 1 − h⁶/72 + h⁸/576."""
    time, steps = 30, 400
    fig = four_methods.make(quick=True, time=time, steps=steps, third=third, rtol=0.02)
    *orbits, position, energy = fig.axes
    h, titles = time / steps, [ax.get_title() for ax in orbits]
    grown = np.exp(steps * np.log1p(h**2))
    names = "explicit", "implicit", third, "midpoint"
    for name, title in zip(names, titles, strict=True):
        words = four_methods.LABELS[name].replace("<rtol>", "0.02")
        assert title.splitlines()[0] == words
    assert position.get_title() == f"{steps} steps of $h = {h:g}$"
    lines = pictures.named(energy)
    ends = [lines[name][0].get_ydata()[-1] for name in names]
    np.testing.assert_allclose([number(t) for t in titles[:2]], [grown, 1 / grown], rtol=6e-4)
    np.testing.assert_allclose([ends[0], ends[1], ends[3]], [grown, 1 / grown, 1], rtol=1e-12)
    assert "kept" in titles[3] and number(titles[3]) < 1e-13
    if third == "RK4":
        lost = -np.expm1(steps * np.log1p(-(h**6) / 72 + h**8 / 576))
        assert 1 - ends[2] == pytest.approx(lost, rel=1e-6)
        assert "(1 - " in titles[2] and number(titles[2]) == pytest.approx(lost, rel=0.1)
    else:
        assert number(titles[2]) == pytest.approx(ends[2], rel=1e-3) and ends[2] > 1.01  # it drifts


def test_names_at_the_ends_of_lines_are_moved_least():
    heights = np.array([0.5, 0.1, 0.52, 0.9])
    moved = apart(heights, 0.1)
    np.testing.assert_allclose(moved, [0.46, 0.1, 0.56, 0.9])
    np.testing.assert_allclose(apart(heights, 0.01), heights)
    _, ax = plt.subplots()
    lines = [ax.semilogy([1, 10], [1, end], color=f"C{k}")[0] for k, end in enumerate((100, 10))]
    ax.set(ylim=(1, 10_000))
    names = names_at_ends(ax, "ab", *ends_of(lines))
    assert [name.xy for name in names] == [(1, pytest.approx(0.5)), (1, pytest.approx(0.25))]
    assert [name.get_text() + name.get_color() for name in names] == ["aC0", "bC1"]


@pytest.mark.parametrize(
    "options", [{"steps": 300}, {"inertia": (1.0, 2.0, 0.7), "method": "Heun", "steps": 200}]
)
def test_midpoint_keeps_both_invariants_of_the_rigid_body(options, monkeypatch):
    monkeypatch.setattr(rigid_body, "among", lambda inertia: np.eye(3)[None])  # slow, and grey
    fig = rigid_body.make(quick=True, **options)
    left, right, norm, energy = fig.axes
    assert "leaves" in left.get_title() and "stays" in right.get_title()
    assert number(right.get_title()) < 1e-13
    for ax in (norm, energy):
        found = pictures.named(ax)
        [other], [midpoint] = found[options.get("method", "Euler")], found["midpoint"]
        other, midpoint = other.get_ydata(), midpoint.get_ydata()
        assert midpoint.max() < 1e-13 < 1e-7 < other[-1] and (np.diff(other) >= 0).all()
    if "method" not in options:
        euler = np.sqrt(after_euler(0.05, 300))
        assert rf"\|m\| = {euler:.3g}$ at $t = 15$" in left.get_title()
        assert norm.lines[0].get_ydata()[-1] == pytest.approx(euler - 1, rel=1e-10)


def after_euler(h, steps):
    """‖x‖² after Euler's steps: each adds h²‖X‖², since X is orthogonal to x."""
    x, k, square = systems.rigid_body().x0, 1 / np.array([2.0, 1.0, 2 / 3]), 1.0
    for _ in range(steps):
        X = np.cross(x, k * x)
        x, square = x + h * X, square + h**2 * X @ X
    return square


def test_what_the_sphere_hides_is_not_drawn():
    e, a = np.radians([rigid_body.ELEVATION, rigid_body.AZIMUTH])
    towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    points = np.array([towards, -towards, [0, 0, 1.25], -1.25 * towards, 2 * towards])
    seen = np.isfinite(rigid_body.in_sight(points)).all(axis=-1)
    assert seen.tolist() == [True, False, True, False, False]


def test_only_the_discrete_gradient_keeps_the_first_integral():
    """I = x − log x + y − 2 log y; each of Euler's steps makes a convex I larger."""
    left, right = lotka_volterra.make(quick=True).axes
    curves = [line.get_data() for line in left.lines[:4]]
    values = [x - np.log(x) + y - 2 * np.log(y) for x, y in curves]
    gradient, midpoint, rk45, euler = errors = [v - v[0] for v in values]
    assert np.abs(gradient).max() < 1e-13 and (np.diff(euler) > 0).all()
    assert min(np.abs(midpoint).max(), np.abs(rk45).max()) > 1e-3
    lines = pictures.named(right)
    for name, off in zip(("gradient", "midpoint", "RK45", "Euler"), errors, strict=True):
        [line] = lines[name]
        np.testing.assert_allclose(line.get_ydata()[-1], np.abs(off).max(), atol=2e-14)
    assert number(right.get_title()) == pytest.approx(np.abs(gradient).max(), rel=0.5, abs=1e-15)


def test_at_a_point_of_rest_nothing_spirals():
    """(c/d, a/b)."""
    fig = lotka_volterra.make(
        quick=True, time=5.0, steps=250, rates=(1.0, 0.8, 1.5, 1.2), start=(1.25, 1.25)
    )
    left, right = fig.axes
    assert left.get_title() == lotka_volterra.LABELS["rest"]
    [start] = [line for line in left.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(start.get_xydata(), [[1.25, 1.25]])
    assert max(line.get_ydata().max() for line in right.lines) < 1e-14


@pytest.mark.parametrize("options", [{"gamma": 0.0, "h": 0.5}])
def test_solutions_grow_as_their_eigenvalues_lie(options):
    """The matrices of the steps, written out, have the spectral radii that the titles say."""
    fig = stability_regions.make(quick=True, **options)
    h, gamma = options.get("h", 1.4), options.get("gamma", 0.1)
    Z, I = h * np.array([[0.0, 1.0], [-1.0, -2 * gamma]]), np.eye(2)
    inverse, Z2 = np.linalg.inv, Z @ Z
    steps = (
        I + Z, I + Z + Z2 / 2, I + Z + Z2 / 2 + Z2 @ Z / 6 + Z2 @ Z2 / 24,
        inverse(I - Z / 2) @ (I + Z / 2), inverse(I - Z),
    )  # fmt: skip
    eigenvalues = np.linalg.eigvals(Z)
    name = fig.axes[0].texts[0]
    assert name.xy[1] == pytest.approx(eigenvalues.imag.max())
    for plane, ax, step in zip(fig.axes[:5], fig.axes[5:], steps, strict=True):
        [dots] = [line for line in plane.lines if line.get_marker() == "o"]
        assert set(np.round(dots.get_xydata() @ [1, 1j], 9)) == set(np.round(eigenvalues, 9))
        radius, title = np.abs(np.linalg.eigvals(step)).max(), ax.get_title()
        growth = radius - 1
        what = "stays" if abs(growth) < 1e-12 else "grows" if growth > 0 else "decays"
        assert title.startswith(what), (title, radius)
        said = number(title) if "|R|" in title else abs(number(title) - 1)
        assert said == pytest.approx(abs(growth), abs=6e-3, rel=0.1)
        assert (
            ax.title.get_color() == ax.lines[1].get_color() == ("C1" if what == "grows" else "C0")
        )
        q = ax.lines[1].get_ydata()
        x = np.array([1.0, 0.0])
        for q_n in q[:20]:
            np.testing.assert_allclose(q_n, x[0], atol=1e-9 * max(1, np.abs(x).max()))
            x = step @ x


def test_implicit_methods_are_a_stable_and_explicit_ones_are_not():
    y = np.linspace(-50, 50, 101)
    for name, method in stability_regions.METHODS.items():
        size = np.abs(method.stability_function(-1e-3 + 1j * y)).max()
        assert (size <= 1) == (name in ("midpoint", "implicit"))


def test_sections_are_crossings_of_the_solution():
    """Against scipy's solution, and its events, of Hénon and Heiles's equations written out."""

    def field(t, x):
        q1, q2, p1, p2 = x
        return [p1, p2, -q1 - 2 * q1 * q2, -q2 - q1**2 + q2**2]

    def crossing(t, x):
        return x[0]

    crossing.direction = 1
    x0 = poincare_section.starts(0.1, 5)[3]
    exact = solve_ivp(field, (0, 60), x0, "DOP853", rtol=1e-12, atol=1e-12, events=crossing)
    x = four_methods.orbit(poincare_section.HENON_HEILES, x0, 0.05, 1200, dnn.RK4())
    found, true = poincare_section.section(x, 0.05), exact.y_events[0][:, [1, 3]]
    found = found[np.abs(found - x0[[1, 3]]).max(axis=-1) > 1e-12]  # but for the start
    true = true[np.abs(true - x0[[1, 3]]).max(axis=-1) > 1e-12]
    np.testing.assert_allclose(found, true, atol=2e-5)
    assert len(true) > 5


@pytest.mark.parametrize("energy", [1 / 12, 0.15])
def test_starts_have_one_energy_and_lie_inside_the_boundary(energy):
    x = poincare_section.starts(energy, 9)
    np.testing.assert_allclose(poincare_section.H(x), energy, rtol=1e-12)
    assert (x[:, 0] == 0).all() and (x[:, 2] > 0).all()
    q, p = poincare_section.boundary(energy)

    def V(q):
        return q**2 / 2 - q**3 / 3 - energy

    np.testing.assert_allclose([q[0], q[-1]], [brentq(V, -1, 0), brentq(V, 0, 1)], rtol=1e-12)
    np.testing.assert_allclose(p[1:-1] ** 2 / 2 + V(q[1:-1]), 0, atol=1e-14)


def test_the_symplectic_method_keeps_the_energy_and_the_other_loses_it():
    fig = poincare_section.make(quick=True, orbits=6)
    left, right = (ax.get_title() for ax in fig.axes)
    assert "within" in left and "falls" in right and "h = 0.4" in right
    lost = [1 - poincare_section.H(x[-1]) * 12 for x in poincare_section.solve(
        dnn.RK4(), 1 / 12, 6, 0.4, 200.0)]  # fmt: skip
    assert number(right.replace(" %", "")) == pytest.approx(100 * np.mean(lost), rel=0.05)
    assert number(left.replace(" %", "")) < 1 < number(right.replace(" %", ""))
    fig = poincare_section.make(quick=True, orbits=6, method="Euler", energy=0.02)
    assert "escape" in fig.axes[1].get_title() and "h = 0.1$, at" in fig.axes[1].get_title()
    q, p = fig.axes[1].lines[0].get_data()  # all that may be reached
    assert q.max() < fig.axes[1].get_xlim()[1] < 2 * q.max()
    assert p.max() < fig.axes[1].get_ylim()[1] < 2 * p.max()


def test_a_batch_of_curves_in_space_is_drawn_curve_by_curve():
    states = np.random.default_rng(0).normal(size=(3, 5, 3))
    ax = plt.figure().add_subplot(projection="3d")
    lines = plotting.on_sphere(states, ax)
    assert len(lines) == 3
    for line, curve in zip(lines, states, strict=True):
        np.testing.assert_array_equal(np.transpose(line.get_data_3d()), curve)


def test_a_given_function_is_asked_once_for_equal_states():
    """As an implicit step of a single state asks, for each column of a Jacobian."""
    asked = []

    def force(q):
        asked.append(len(q))
        return -q

    X, equal = dnn.KnownField(force, 2), np.ones((2, 2))
    X(equal)
    first = len(asked)
    X(equal)
    assert first > 1 and len(asked) == first + 1
    X(np.eye(2))  # they are not equal: it is asked for each of them alone
    assert len(asked) > first + 2
    with pytest.raises(ValueError, match="written for one state"):
        dnn.KnownField(lambda q: np.array([q[1], -q[0]]), 2)(np.eye(3, 2))
