"""Figures of steps that move no points apart: the numbers in the pictures, and the theorems that they claim."""

import math
import re
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from matplotlib.patches import Circle
from scipy.optimize import brentq, minimize_scalar

import dynsys_nn as dnn
from figures import cfl, circle_contractivity, contraction_region, contractive_and_expansive_steps
from figures.live import contraction_region as live_region
from figures.live import contractive_and_expansive_steps as live_steps


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(fig, start=""):
    """The texts of a figure, undrawn, that begin so."""
    return [t.get_text() for t in fig.findobj(plt.Text) if t.get_text().startswith(start)]


def number(text):
    r"""\frac{4}{3}, 2\cdot10^{-4} or 0.1547."""
    found = re.fullmatch(r"\\frac\{(\d+)\}\{(\d+)\}", text)
    if found:
        return int(found[1]) / int(found[2])
    mantissa, _, exponent = text.partition(r"\cdot10^")
    return float(mantissa) * 10.0 ** int(exponent.strip("{}") or 0)


def leaky(z, a):
    return np.maximum(z, a * z)


# ---- the region of 1-Lipschitz pairs


@pytest.mark.parametrize("a", [0.5, 0.9])
def test_dots_lie_on_the_exact_bound_and_points_at_its_corner_and_at_the_papers_maximum(a):
    fig = contraction_region.make(quick=True, slope=a)
    [dots] = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    h_C, h_E = dots.get_data()
    exact, paper = (
        lambda h: max(abs(1 - a * h), abs(1 - h)),
        lambda h: math.sqrt(1 - 2 * a * h + h * h),
    )
    np.testing.assert_allclose(h_E, [1 / exact(h) - 1 for h in h_C], rtol=1e-6)
    best = []
    for ell, note in zip((exact, paper), fig.axes[0].texts, strict=True):
        found = minimize_scalar(ell, bounds=(0.01, 1.99), method="bounded", options={"xatol": 1e-9})
        best.append(1 / found.fun - 1)
        np.testing.assert_allclose(note.xy, (found.x, best[-1]), rtol=1e-4)
        said = [number(text) for text in note.get_text().strip("$()").split(", ")]
        np.testing.assert_allclose(said, note.xy, rtol=1e-3)
    assert f" {best[0] / best[1]:.3g} times" in fig.axes[0].get_title()
    regions = {area.get_label(): area.get_paths()[0].vertices for area in fig.axes[0].collections}
    for (label, corners), top, formula in zip(
        regions.items(), best, (rf"|1 - {factor(a)}h_C|, |1 - h_C|", rf"\sqrt{{1 - {factor(2 * a)}h_C + h_C^2}}"), strict=True
    ):  # fmt: skip
        assert corners[:, 1].max() == pytest.approx(top, rel=0.02) and formula in label


def factor(value):
    found = Fraction(value).limit_denominator(20)
    return "" if found == 1 else rf"\frac{{{found.numerator}}}{{{found.denominator}}}"


@pytest.mark.parametrize("a", [0.5, 0.2])
def test_inside_the_region_no_pair_stretches_and_outside_one_does(a, rng):
    """Inside, with random orthogonal A, W and biases; outside, A = W = I, and biases that leave one slope each."""
    E, C = contraction_region.pair(a)
    x, y = rng.normal(size=(2, 500, 2)) * 4
    for h_C in (0.4, 1.0, 1.7):
        h_E = float(dnn.StepSizes(C, E).largest_expansive_step(h_C))
        A, W = (np.linalg.qr(rng.normal(size=(2, 2)))[0] for _ in range(2))
        b, v = rng.normal(size=(2, 2))

        def pair(x, h_E=h_E, h_C=h_C, A=A, W=W, b=b, v=v):
            x = x + h_E * leaky(x @ W.T + v, a)
            return x - h_C * leaky(x @ A.T + b, a) @ A

        before, after = (np.linalg.norm(d, axis=1) for d in (x - y, pair(x) - pair(y)))
        assert (after <= (1 + 1e-9) * before).all()
        slope = -1 if abs(1 - a * h_C) > abs(1 - h_C) else 1
        worst = {"h_E": 1.01 * h_E, "A": np.eye(2), "W": np.eye(2), "b": slope * 1e3, "v": 1e2}
        assert (
            np.linalg.norm(pair(x, **worst) - pair(y, **worst), axis=1) > (1 + 1e-4) * before
        ).all()


# ---- a contractive and an expansive step


@pytest.mark.parametrize("h, a, does", [(0.5, 0.5, "brings points closer"), (2.5, 0.3, "can move points apart"), (2.0, 0.5, "moves no points apart")])  # fmt: skip
def test_no_pair_is_stretched_more_than_the_picture_says_and_some_are_as_much(
    h, a, does, monkeypatch
):
    monkeypatch.setattr(
        contractive_and_expansive_steps, "phase_portrait", lambda *a, **k: None
    )  # slow
    fig = contractive_and_expansive_steps.make(quick=True, h=h, slope=a)
    left, _, right = fig.axes
    slopes = np.reshape(np.meshgrid([a, 1], [a, 1]), (2, -1)).T  # of σ, in two components
    A = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2)))[0]
    steps = [
        [np.eye(2) - h * A.T * s @ A for s in slopes],
        [np.eye(2) + h * np.diag(s) for s in slopes],
    ]
    expected = [np.linalg.norm(jacobians, 2, axis=(1, 2)).max() for jacobians in steps]
    said = [float(text.split("\n")[1]) for text in words(fig, "at most")]
    np.testing.assert_allclose(said, expected, rtol=1e-3)
    for bound, bars in zip(expected, right.containers, strict=True):
        seen = [bar for bar in bars if bar.get_height()]
        width = seen[-1].get_width()
        assert seen[-1].get_x() + width == pytest.approx(bound, rel=1e-9)
        assert sum(bar.get_height() for bar in bars) == 2000  # none is beyond
    assert right.get_title().startswith("2 000 pairs")
    for ax, flow in zip(fig.axes, contractive_and_expansive_steps.steps(h, a), strict=False):
        *_, reach = ax.get_xlim()
        after = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "-"]
        np.testing.assert_allclose(after, flow(contractive_and_expansive_steps.STARTS))
        assert np.abs(after).max() < reach == ax.get_ylim()[1]
    assert left.get_title().endswith(does)


# ---- circle contractivity


def radius(method):
    """The largest r with M + B/r ≥ 0, by bisection on 1/r."""
    s = len(method.b)
    A, B = np.zeros((s, s)), np.diag(method.b)
    for i, row in enumerate(method.A):
        A[i, : len(row)] = row
    M = B @ A + A.T @ B - np.outer(method.b, method.b)
    return 1 / brentq(lambda t: np.linalg.eigvalsh(M + B * (t + 1e-12))[0], 0, 10)


@pytest.mark.parametrize(
    "methods, norm", [(("Euler", "Heun", "Kutta3", "RK4"), 1), (("RK4", "Ralston"), 3)]
)
def test_discs_of_circle_contractivity_lie_in_the_regions_and_beyond_them_steps_stretch(
    methods, norm
):
    fig = circle_contractivity.make(quick=True, methods=methods, norm=norm)
    above, below = np.array(fig.axes, object).reshape(2, -1)
    for name, plane, profile in zip(methods, above, below, strict=True):
        method = getattr(dnn, name)()
        r, [disc] = radius(method), [patch for patch in plane.patches if isinstance(patch, Circle)]
        assert disc.get_radius() == pytest.approx(r, rel=1e-9) and disc.get_center() == (
            -disc.get_radius(),
            0,
        )
        z = -r + r * np.exp(2j * np.pi * np.arange(100) / 100)
        R = sum(z**k / math.factorial(k) for k in range(method.order + 1))  # stages = order
        assert np.abs(R).max() <= 1 + 1e-10
        curve = profile.lines[0]
        at, stretch = -curve.get_xdata(), curve.get_ydata()
        assert np.abs(stretch[at <= 2 * r * (1 - 1e-9)] - 1).max() < 1e-12
        assert (stretch[at > 1.05 * 2 * r] > 1 + 1e-4).all()
        [said] = [text.get_text() for text in profile.texts if "leq" in text.get_text()]
        assert float(said.split()[-1].strip("$")) == pytest.approx(2 * r / norm**2, rel=5e-3)
        assert plane.get_title() == f"{name}: $r = {r:.3g}$"
        assert profile.get_xlabel().endswith(rf" = {norm**2:.3g}$")
        for ax in (plane, profile):
            assert -2 * r in [
                pytest.approx(x[0]) for x in (line.get_xdata() for line in ax.lines) if len(x)
            ]
        at, linear = -profile.lines[1].get_xdata(), profile.lines[1].get_ydata()
        R = sum((-at) ** k / math.factorial(k) for k in range(method.order + 1))
        np.testing.assert_allclose(linear, np.maximum(1, np.abs(R)))


def test_any_hessians_at_the_stages_stretch_nothing_in_the_disc(rng):
    """In ℝ³, of any eigenvalues in [0, 1]; and the figure's are those of gradient flows where they are the same at all stages."""
    for method in (dnn.Heun(), dnn.Kutta3(), dnn.RK4(), dnn.Ralston()):
        h = 2 * radius(method)
        Q = np.linalg.qr(rng.normal(size=(200, len(method.b), 3, 3)))[0]
        S = np.swapaxes(Q, -1, -2) * rng.choice([0, 1, 0.5], (200, len(method.b), 1, 3)) @ Q
        K = []
        for a, S_i in zip(method.A, np.moveaxis(S, 1, 0), strict=True):
            K.append(S_i @ (np.eye(3) - h * sum(w * k for w, k in zip(a, K, strict=False))))
        step = np.eye(3) - h * sum(w * k for w, k in zip(method.b, K, strict=True))
        assert np.linalg.norm(step, 2, axis=(1, 2)).max() <= 1 + 1e-10
        angle = 0.7
        A = dnn.Dense(1, 2, W=[[math.cos(angle), math.sin(angle)]])
        flow = dnn.Flow(dnn.GradientField(A, dnn.Identity()), 2.9, method)
        found = circle_contractivity.stretch(
            method, np.array([2.9]), np.full((1, len(method.b)), angle)
        )
        assert found == pytest.approx(np.linalg.norm(flow(np.array([1.0, 0.0]))))


# ---- the CFL condition


@pytest.mark.parametrize("points, alpha, steps, above", [(32, 1, 150, 1.02), (15, 0.3, 40, 1.1)])
def test_the_theorems_step_is_the_cfl_condition_and_just_beyond_heat_explodes(
    points, alpha, steps, above
):
    """The states are those of the five-point Laplacian, by its Fourier modes."""
    fig = cfl.make(quick=True, points=points, alpha=alpha, steps=steps, factors=(0.98, above))
    title = fig.get_suptitle()
    limit = 1 / points**2 / (4 * alpha)
    sine = 4 * np.sin(np.pi * np.arange(points) / points) ** 2
    eigenvalues = alpha * points**2 * (sine + sine[:, None])
    longest = 2 / eigenvalues.max()
    assert number(re.search(r"= (\S+)\$ s", title)[1]) == pytest.approx(longest, rel=1e-3)
    if points % 2:
        assert f"{100 * (longest / limit - 1):.2g} % longer" in title
    else:
        assert longest == pytest.approx(limit) and "longer" not in title
    u = np.fft.fft2(cfl.warm_spot(points).reshape(points, points))
    names = pictures.named(fig.axes[2])
    curves = [names[rf"${factor:g}\,h_{{\max}}$"][0] for factor in (0.98, above)]
    for ax, curve, factor in zip(fig.axes, curves, (0.98, above), strict=False):
        growth = 1 - factor * longest * eigenvalues
        [image] = ax.images
        np.testing.assert_allclose(
            image.get_array(), np.fft.ifft2(growth**steps * u).real, atol=1e-9
        )
        largest = np.abs(image.get_array()).max()
        assert image.get_clim() == (-largest, largest)
        assert number(re.search(r"leq (\S+)\$", ax.get_xlabel())[1]) == pytest.approx(
            largest, rel=0.1
        )
        norm = curve.get_ydata()
        assert norm[-1] == pytest.approx(np.linalg.norm(growth**steps * u) / np.linalg.norm(u))
        assert (np.diff(norm).max() <= 1e-12) == (factor < 1)
        assert ("no distance" not in ax.get_title()) == (np.abs(growth).max() > 1 + 1e-9)
    assert fig.axes[2].get_title().startswith("beyond")
    [bound] = words(fig, "bound")
    assert f"${np.abs(growth).max():.4g}^n$" in bound


def test_within_the_condition_no_distance_grows():
    fig = cfl.make(quick=True, points=10, steps=20, factors=(0.5, 1))
    assert fig.axes[2].get_title().startswith("up to") and not words(fig, "bound")


# ---- live


def test_live_the_circle_reaches_the_certified_one_and_no_farther(rng):
    update = live_region.start(plt.figure())
    image, certified = plt.gcf().axes[1].lines[-1], plt.gcf().axes[1].lines[-2]
    for _ in range(12):
        h_C, h_E, a = (
            rng.uniform(*live_region.CONTROLS[key][:2]) for key in ("h_C", "h_E", "slope")
        )
        depth = int(rng.integers(1, 7))
        caption = update(h_C=h_C, h_E=h_E, slope=a, depth=depth)
        exact = ((1 + h_E) * max(abs(1 - a * h_C), abs(1 - h_C))) ** depth
        paper = ((1 + h_E) * math.sqrt(1 - 2 * a * h_C + h_C**2)) ** depth
        said = [float(text) for text in re.findall(r"[\d.]+(?:e[+-]\d+)?", caption)]
        np.testing.assert_allclose(said, [exact, exact, paper], rtol=1e-3)
        assert caption.startswith("no two" if exact <= 1 else "some") and len(caption) <= 95
        reach = [np.hypot(*line.get_data()).max() for line in (image, certified)]
        assert reach[0] == pytest.approx(reach[1]) and reach[1] < plt.gcf().axes[1].get_xlim()[1]


def test_live_dots_lie_below_the_bounds_and_in_the_picture(rng):
    update = live_steps.start(plt.figure())
    right = plt.gcf().axes[2]
    for h, a in [
        (0.05, 0.1),
        (2.2, 0.9),
        (2.2, 0.1),
        *rng.uniform((0.05, 0.1), (2.2, 0.9), (5, 2)),
    ]:
        caption = update(h=h, slope=a)
        bounds = max(abs(1 - a * h), abs(1 - h)), 1 + h
        said = [float(text) for text in re.findall(r"× ([\d.]+)", caption)]
        np.testing.assert_allclose(said, bounds, rtol=1e-3)
        assert len(caption) <= 95
        for bound, cloud in zip(bounds, right.lines[:4:2], strict=True):
            stretch = cloud.get_xdata()
            assert 0.9 * bound < stretch.max() <= bound * (1 + 1e-9) < right.get_xlim()[1]
