"""Helpers draw what they are given, say what is wrong with it, and look as the style says; and no figure names a colour or a size that a style cannot change."""

import ast
import re
import sys
import types
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.polynomial import polynomial
from zoo import IMPLICIT_RUNGE_KUTTA, RUNGE_KUTTA

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.integrators import RungeKutta

T, PLANE, SPACE = np.arange(4.0), np.arange(8.0).reshape(4, 2), 1 + np.arange(12.0).reshape(4, 3)
PENDULUM = dnn.systems.pendulum()
PROFILE = dnn.lipschitz.Profile(["a", "b"], [2.0, np.inf], [1.0, 1.0], [1.5, 4.0])


def steps_of_a_region():
    A = dnn.Dense(2, 2, W=np.eye(2))
    C = dnn.Flow(dnn.GradientField(A, dnn.LeakyReLU(0.5)), 0.5, learn_h=True)
    E = dnn.Flow(
        dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5)), 0.1, learn_h=True
    )
    return dnn.StepSizes(C, E)


def left_or_right(x):
    return np.stack([x[..., 0], -x[..., 0]], axis=-1)


@pytest.fixture
def planar():
    yield plt.figure().add_subplot()
    plt.close("all")


@pytest.fixture
def space():
    yield plt.figure().add_subplot(projection="3d")
    plt.close("all")


# ---- what is wrong


UNIT = (-1, 1), (-1, 1)
#: each helper on some Axes
ON_AXES = {
    "image": lambda ax: plotting.image(T, (2, 2), ax),
    "components": lambda ax: plotting.components(T, PLANE, ax),
    "energy": lambda ax: plotting.energy(dnn.Mass(), PLANE, T, ax),
    "invariant_drift": lambda ax: plotting.invariant_drift(dnn.Mass(), PLANE, T, ax),
    "convergence": lambda ax: plotting.convergence([1, 0.5], [1, 0.2], 2, ax),
    "lipschitz_profile": lambda ax: plotting.lipschitz_profile(PROFILE, ax),
    "certified_accuracy": lambda ax: plotting.certified_accuracy([0, 1], [1, 0.5], ax=ax),
    "phase_portrait": lambda ax: plotting.phase_portrait(PENDULUM, *UNIT, ax),
    "deformed_grid": lambda ax: plotting.deformed_grid(PENDULUM, *UNIT, ax),
    "decision_regions": lambda ax: plotting.decision_regions(left_or_right, *UNIT, ax, n=10),
    "step_size_region": lambda ax: plotting.step_size_region(steps_of_a_region(), (0, 2), ax),
    "stability_region": lambda ax: plotting.stability_region(dnn.RK4(), (-4, 1), (-3, 3), ax, n=30),
    "skew_and_gradient": lambda ax: plotting.skew_and_gradient(dnn.presnov(PENDULUM), *UNIT, [ax] * 3),
    "adversarial_example": lambda ax: plotting.adversarial_example(T, T, [ax] * 3, (2, 2)),
    "trajectories": lambda ax: plotting.trajectories(PLANE, ax),
    "on_sphere": lambda ax: plotting.on_sphere(SPACE, ax),
    "section": lambda ax: plotting.section([PLANE], ax),
    "layer_states": lambda ax: plotting.layer_states([PLANE], [0, 1, 0, 1], [ax]),
    "animate_flow": lambda ax: plotting.animate_flow([PLANE] * 2, [0, 1, 0, 1], plt.gcf(), ax),
}  # fmt: skip
NO_PICTURES = {"contrast", "diverging", "em", "ink", "look", "shade", "show", "tint"}


#: those that take a list of Axes, and those that know states in space
LISTS = {"skew_and_gradient", "adversarial_example", "layer_states"}
IN_SPACE = {
    "trajectories": "3d axes cannot show 2 components", "layer_states": "need states of shape (4, 3)",
    "animate_flow": "need states of shape (4, 3)", "on_sphere": 'needs Axes with projection="3d"',
}  # fmt: skip


def test_every_helper_is_asked():
    helpers = {name for name in plotting.__all__ if callable(getattr(plotting, name))}
    assert set(ON_AXES) | NO_PICTURES == helpers


@pytest.mark.parametrize("name", ON_AXES)
def test_wrong_axes_are_refused_before_anything_is_drawn(name, planar, space):
    for wrong in (planar.figure, "ax", 3, type(planar), *([] if name in LISTS else [[planar]])):
        with pytest.raises(TypeError, match="ax must be an Axes of matplotlib, got"):
            ON_AXES[name](wrong)
    words = IN_SPACE.get(name, "this picture is planar: it needs plain Axes, got those of 3d")
    with pytest.raises(ValueError, match=re.escape(words)):
        ON_AXES[name](planar if name == "on_sphere" else space)
    assert not planar.has_data() and not space.has_data()


@pytest.mark.parametrize("name", sorted(set(ON_AXES) - LISTS - {"animate_flow", "on_sphere"}))
def test_without_axes_the_current_ones_are_taken(name, planar):
    ON_AXES[name](None)
    assert planar.has_data() and plt.get_fignums() == [planar.figure.number]


#: name → a wrong call, its kind of error, and words of it; more of them in test_what_a_caller_gives
WRONG = {
    "components of one number": (lambda: plotting.components(T, T), ValueError, "states of shape (n, d), got (4,)"),
    "components of a batch": (lambda: plotting.components(T, np.ones((2, 4, 2))), ValueError, "one solution has states of shape (n, d), got (2, 4, 2)"),
    "components of nothing": (lambda: plotting.components([], np.ones((0, 2))), ValueError, "got (0, 2)"),
    "components at other times": (lambda: plotting.components(T[1:], PLANE), ValueError, "4 states need as many times, got times of shape (3,)"),
    "components exchanged with times": (lambda: plotting.components(PLANE, PLANE), ValueError, "got times of shape (4, 2)"),
    "fewer names": (lambda: plotting.components(T, PLANE, names=["q"]), ValueError, "2 components need a list of as many names, got ['q']"),
    "a text for names": (lambda: plotting.components(T, PLANE, names="qp"), ValueError, "need a list of as many names, got 'qp'"),
    "a number for names": (lambda: plotting.components(T, PLANE, names=2), ValueError, "got 2"),
    "no energy": (lambda: plotting.energy(3, PLANE, T), TypeError, "must be a function of the state, got 3"),
    "the class of an energy": (lambda: plotting.energy(dnn.Mass, PLANE, T), TypeError, "Mass"),
    "an energy of other states": (lambda: plotting.energy(PENDULUM.invariants["energy"], SPACE, T), ValueError, "states of dimension 2"),
    "states exchanged with times": (lambda: plotting.energy(dnn.Mass(), T, PLANE), ValueError, "states of shape (..., n, d), got (4,)"),
    "a floor of 0": (lambda: plotting.invariant_drift(dnn.Mass(), PLANE, T, floor=0), ValueError, "floor must be a positive number, got 0"),
    "one error": (lambda: plotting.convergence(1.0, 1.0), ValueError, "h must have shape (n,), got ()"),
    "no errors": (lambda: plotting.convergence([], [], 2), ValueError, "h must have shape (n,), got (0,)"),
    "errors in a table": (lambda: plotting.convergence(PLANE + 1, PLANE), ValueError, "h must have shape (n,), got (4, 2)"),
    "a step of 0": (lambda: plotting.convergence([1, 0], [1, 1]), ValueError, "step sizes must be positive"),
    "an order in words": (lambda: plotting.convergence([1], [1], "two"), ValueError, "order must be a finite number, got 'two'"),
    "a list for a profile": (lambda: plotting.lipschitz_profile([2.0, 3.0]), TypeError, "draws a Profile, lipschitz.profile(net, x), got [2.0, 3.0]"),
    "nothing for a profile": (lambda: plotting.lipschitz_profile(None), TypeError, "draws a Profile"),
    "the class of a profile": (lambda: plotting.lipschitz_profile(type(PROFILE)), TypeError, "write Profile(…), not Profile"),
    "accuracies in per cent": (lambda: plotting.certified_accuracy([0, 1], [90, 50]), ValueError, "certified must be accuracies in [0, 1]"),
    "an accuracy of NaN": (lambda: plotting.certified_accuracy([0, 1], [1, 1], [1, np.nan]), ValueError, "attacked must be accuracies in [0, 1]"),
    "a plane without end": (lambda: plotting.phase_portrait(PENDULUM, (-np.inf, 1), (-1, 1)), ValueError, "xlim must be finite, got (-inf, 1)"),
    "a limit of NaN": (lambda: plotting.step_size_region(steps_of_a_region(), (0, np.nan)), ValueError, "low < high"),
    "no lines": (lambda: plotting.deformed_grid(PENDULUM, *UNIT, lines=0), ValueError, "a side of the grid must be at least 2, got 0"),
    "half a point": (lambda: plotting.decision_regions(left_or_right, *UNIT, n=0.5), TypeError, "a side of the grid must be an integer, got 0.5"),
    "the class of a constraint": (lambda: plotting.step_size_region(dnn.StepSizes, (0, 2)), TypeError, "write StepSizes(…), not StepSizes"),
    "a method without a tableau": (lambda: plotting.stability_region(dnn.Strang(), *UNIT), TypeError, "a method with a stability function, or a function of z, got Strang()"),
    "the class of a method": (lambda: plotting.stability_region(dnn.RK4, *UNIT), TypeError, "write RK4(), not RK4"),
    "R that returns nothing": (lambda: plotting.stability_region(lambda z: None, *UNIT), ValueError, "R(z) must be numbers of the shape of z, (300, 300), got an array of shape () and dtype object"),
    "R in words": (lambda: plotting.stability_region(lambda z: np.full(z.shape, "R"), *UNIT, n=9), ValueError, "R(z) must be numbers of the shape of z, (9, 9), got an array of shape (9, 9) and dtype <U1"),
    "R of another shape": (lambda: plotting.stability_region(lambda z: z[0], *UNIT, n=9), ValueError, "R(z) must be numbers of the shape of z, (9, 9), got an array of shape (9,)"),
    "one point of a region": (lambda: plotting.stability_region(dnn.RK4(), *UNIT, n=1), ValueError, "a side of the grid must be at least 2, got 1"),
    "a sphere of the plane": (lambda: plotting.on_sphere(PLANE), ValueError, "an orbit on a sphere has states in ℝ³, got (4, 2)"),
    "a section of numbers": (lambda: plotting.section([T]), ValueError, "a list of arrays of points, shape (m, d), got shapes [(4,)]"),
    "a section of two spaces": (lambda: plotting.section([PLANE, SPACE]), ValueError, "got shapes [(4, 2), (4, 3)]"),
    "no section": (lambda: plotting.section([]), ValueError, "got shapes []"),
    "one number for a section": (lambda: plotting.section(3), TypeError, "states must be a list of arrays, got 3"),
    "a third component of a section": (lambda: plotting.section(PLANE, components=(0, 2)), ValueError, "components are two of 0, …, 1, got [0, 2]"),
    "components that are no integers": (lambda: plotting.section(PLANE, components=(0.0, 1.0)), ValueError, "two of 0, …, 1, got [0.0, 1.0]"),
    "one component": (lambda: plotting.trajectories(PLANE, components=1), ValueError, "components are two or three of 0, …, 1, got [1]"),
    "no list of states": (lambda: plotting.layer_states(3, [0], [plt.gca()]), TypeError, "states must be a list of arrays, got 3"),
    "no list of moving states": (lambda: plotting.animate_flow(3, [0], plt.gcf(), plt.gca()), TypeError, "states must be a list of arrays, got 3"),
    "an axes for a figure": (lambda: plotting.animate_flow([PLANE] * 2, [0] * 4, plt.gca(), plt.gca()), TypeError, "fig must be a Figure of matplotlib"),
    "no frames": (lambda: plotting.animate_flow([PLANE] * 2, [0] * 4, plt.gcf(), plt.gca(), between=0), ValueError, "between must be at least 1, got 0"),
    "two ems in words": (lambda: plotting.em("2"), TypeError, "a size must be numbers, got an array of dtype <U1"),
    "the look of no line": (lambda: plotting.look(-1), ValueError, "k must be at least 0, got -1"),
    "the look of half a line": (lambda: plotting.look(0.5), TypeError, "k must be an integer, got 0.5"),
    "too dark a shade": (lambda: plotting.shade(1.1), ValueError, "strength must lie in [0, 1], got 1.1"),
    "a shade in words": (lambda: plotting.shade("dark"), ValueError, "strength must lie in [0, 1], got 'dark'"),
    "a tint of NaN": (lambda: plotting.tint("C0", np.nan), ValueError, "strength must lie in [0, 1], got nan"),
    "no colour": (lambda: plotting.tint("greyish"), ValueError, "greyish"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_helper_says_what_is_wrong(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=re.escape(words)):
        call()
    plt.close("all")


@pytest.mark.parametrize(
    "radius, words",
    [
        (-1, "radius must be a positive number, got -1"),
        (None, "the norm of the first state must be a positive number, got 0.0"),
    ],
)
def test_a_sphere_has_a_radius(space, radius, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        plotting.on_sphere(0 * SPACE, space, radius)


# ---- what is drawn


def test_components_are_lines_with_the_cycles_looks(planar):
    with plt.style.context(plotting.STYLES["print"]):
        lines = plotting.components(T, PLANE, planar, names=["q", "p"], linewidth=7)
        looks = list(mpl.rcParams["axes.prop_cycle"])
    for k, line in enumerate(lines):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([T, PLANE[:, k]]))
        assert (
            line.get_color() == looks[k]["color"] and line.get_linestyle() == looks[k]["linestyle"]
        )
    assert [line.get_label() for line in lines] == ["q", "p"] and lines[0].get_linewidth() == 7
    assert [line.get_label() for line in plotting.components(T, SPACE, planar)] == [
        "$x_{1}$",
        "$x_{2}$",
        "$x_{3}$",
    ]
    assert planar.get_xlabel() == "time $t$"


def test_an_energy_has_its_sign_and_its_zero(planar):
    batch = np.stack([PLANE, -2 * PLANE])
    lines = plotting.energy(dnn.Mass(), batch, T, planar, color="C3")
    for line, x in zip(lines, batch, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), x.sum(axis=-1) - x[0].sum())
        np.testing.assert_array_equal(line.get_xdata(), T)
    assert lines[0].get_ydata()[-1] > 0 > lines[1].get_ydata()[-1]
    [zero] = [line for line in planar.lines if line not in lines]
    assert set(zero.get_ydata()) == {0} and zero.get_zorder() < lines[0].get_zorder()


def test_an_orbit_is_drawn_on_the_net_of_its_sphere(space):
    orbits = np.stack([SPACE, SPACE[::-1]])
    lines = plotting.on_sphere(orbits, space)
    for line, x in zip(lines, orbits, strict=True):
        np.testing.assert_array_equal(np.transpose(line.get_data_3d()), x)
    [net] = space.collections
    points = np.concatenate(net._segments3d)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), np.linalg.norm(SPACE[0]))
    plotting.on_sphere(SPACE, space, radius=2)
    assert np.linalg.norm(space.collections[-1]._segments3d[0][0]) == pytest.approx(2)


def test_a_section_has_dots_of_a_colour_for_each_trajectory(planar):
    orbits = [SPACE, SPACE[:0], SPACE + 1]
    lines = plotting.section(orbits, planar, (0, 2), ms=7)
    for line, x in zip(lines, orbits, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), x[:, [0, 2]])
        assert (line.get_linestyle(), line.get_markersize()) == ("None", 7)
    assert len({line.get_color() for line in lines}) == 3
    [line] = plotting.section(PLANE, planar)
    np.testing.assert_array_equal(line.get_xydata(), PLANE)


#: R of a method with as many stages as its order is the beginning of the exponential series
SERIES = np.array([1, 1, 1 / 2, 1 / 6, 1 / 24])


@pytest.mark.parametrize("method", [dnn.Euler(), dnn.Heun(), dnn.Kutta3(), dnn.RK4()], ids=repr)
def test_a_stability_region_is_where_a_polynomial_is_at_most_1(method, planar):
    area, edge = plotting.stability_region(
        method, (-4, 1), (-3.5, 3.5), planar, "a name", n=150, color="C2"
    )
    x, y = np.meshgrid(np.linspace(-3.9, 0.9, 40), np.linspace(-3.4, 3.4, 40))
    size = np.abs(polynomial.polyval(x + 1j * y, SERIES[: method.order + 1]))
    inside = (
        area.get_paths()[0]
        .contains_points(np.column_stack([x.ravel(), y.ravel()]))
        .reshape(x.shape)
    )
    sure = np.abs(size - 1) > 0.03
    assert (inside == (size <= 1))[sure].all() and 0.05 < inside.mean() < 0.6
    on_edge = np.concatenate([path.vertices for path in edge.get_paths()]) @ [1, 1j]
    np.testing.assert_allclose(
        np.abs(polynomial.polyval(on_edge, SERIES[: method.order + 1])), 1, atol=0.03
    )
    [named] = [line for line in planar.lines if line.get_label() == "a name"]
    assert named.get_color() == "C2" and planar.get_xlim() == (-4, 1) and planar.get_aspect() == 1


def test_the_region_of_the_implicit_midpoint_rule_is_the_left_half_plane(planar):
    area, _ = plotting.stability_region(dnn.ImplicitMidpoint(), (-3, 3), (-2, 2), planar, n=40)
    (left, bottom), (right, top) = area.get_paths()[0].get_extents().get_points()
    assert (left, bottom, top) == (-3, -2, 2) and right == pytest.approx(0, abs=0.01)


TABLEAUS = [*RUNGE_KUTTA, *IMPLICIT_RUNGE_KUTTA]


def test_all_methods_with_a_tableau_are_asked():
    known = {
        getattr(dnn, name)
        for name in dnn.__all__
        if hasattr(getattr(dnn, name), "stability_function")
    }
    assert known - {RungeKutta} <= set(map(type, TABLEAUS)) and len(known) >= 8


@pytest.mark.parametrize("method", TABLEAUS, ids=repr)
def test_a_stability_function_is_what_a_step_does_to_a_complex_number(method):
    """ẏ = λy in ℂ is ẋ = [[a, −b], [b, a]]x in ℝ², λ = a + ib."""
    h, x = 0.7, np.array([0.6, -0.8])
    for z in (0.3 + 0.4j, -2.5 + 1.5j, 2j, -1.7):
        a, b = np.real(z) / h, np.imag(z) / h
        X = dnn.ResidualField(dnn.Dense(2, 2, W=[[a, -b], [b, a]]), dnn.Identity())
        stepped = dnn.Flow(X, h, method)(x) @ [1, 1j]
        assert stepped == pytest.approx(method.stability_function(z) * (x @ [1, 1j]), rel=1e-10)


# ---- how it looks


def test_the_contrast_of_white_and_black_is_21():
    assert plotting.contrast("white", "black") == pytest.approx(21) == plotting.contrast("0", "1")
    assert plotting.contrast("C1", "C1") == 1
    # 0.2126, 0.7152, 0.0722 are the luminances of the three colours
    assert plotting.contrast("#0000ff", "#000000") == pytest.approx((0.0722 + 0.05) / 0.05)
    assert plotting.contrast("#00ff00", "#ff0000") == pytest.approx(
        (0.7152 + 0.05) / (0.2126 + 0.05)
    )
    # the straight piece of the curve, up to 0.04045, and then ((0.5020 + 0.055)/1.055)^2.4
    assert plotting.contrast("#0a0a0a", "#000000") == pytest.approx(
        (10 / 255 / 12.92 + 0.05) / 0.05
    )
    assert plotting.contrast("#808080", "#000000") == pytest.approx(
        (0.21586 + 0.05) / 0.05, rel=1e-4
    )


def test_sizes_are_those_of_the_text():
    with plt.rc_context({"font.size": 20}):
        assert plotting.em() == 20 and plotting.em(0.3) == pytest.approx(6)
        np.testing.assert_allclose(plotting.em([0.1, 0.2]), [2, 4])


def test_a_look_is_that_of_the_cycle_and_others_win():
    with plt.style.context(plotting.STYLES["print"]):
        looks = list(mpl.rcParams["axes.prop_cycle"])
        assert [plotting.look(k) for k in range(9)] == [looks[k % len(looks)] for k in range(9)]
        assert plotting.look(1, color="C5", label="a")["linestyle"] == looks[1]["linestyle"]
        assert plotting.look(1, color="C5", label="a")["color"] == "C5"


def test_shades_go_from_the_grid_to_the_text_and_tints_from_the_ground():
    for style in plotting.STYLES.values():
        with plt.style.context(style):
            text, grid, ground = (
                mpl.rcParams[key] for key in ("text.color", "grid.color", "axes.facecolor")
            )
            for strength, colour in ((0, grid), (1, text)):
                np.testing.assert_allclose(
                    mpl.colors.to_rgb(plotting.shade(strength)),
                    mpl.colors.to_rgb(colour),
                    atol=1 / 255,
                )
            assert plotting.tint("C0", 1) == mpl.colors.to_rgba("C0")
            assert plotting.tint("C0", 0.9) == mpl.colors.to_rgba("C0", 0.9)
            assert mpl.colors.to_rgb(plotting.ink()(0.0)) == mpl.colors.to_rgb(ground)
            assert mpl.colors.to_rgb(plotting.ink()(1.0)) == mpl.colors.to_rgb(text)
            ends = [mpl.colors.to_hex(plotting.diverging()(x)) for x in (0.0, 1.0)]
            assert ends == [mpl.colors.to_hex("C0"), mpl.colors.to_hex("C1")]


def over(rgba, ground):
    return tuple(rgba[3] * np.array(rgba[:3]) + (1 - rgba[3]) * np.array(mpl.colors.to_rgb(ground)))


def test_in_the_dark_whatever_is_drawn_is_seen():
    """Lines, shades and tints of all strengths, on the ground of the figure and of its Axes, with 3 : 1, and texts with 4.5 : 1."""
    with plt.style.context(plotting.STYLES["dark"]):
        ground = mpl.rcParams["axes.facecolor"]
        assert ground == mpl.rcParams["figure.facecolor"] == mpl.rcParams["savefig.facecolor"]
        colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        strengths = np.linspace(0, 1, 41)
        drawn = [*colours, *map(plotting.shade, strengths), mpl.rcParams["axes.edgecolor"]]
        drawn += [over(plotting.tint(colour, s), ground) for colour in colours for s in strengths]
        assert min(plotting.contrast(colour, ground) for colour in drawn) >= 3
        written = [
            mpl.rcParams[key]
            for key in (
                "text.color",
                "axes.labelcolor",
                "axes.titlecolor",
                "xtick.color",
                "ytick.color",
                "legend.labelcolor",
            )
        ]
        assert min(plotting.contrast(colour, ground) for colour in written) >= 4.5


def lightness(colour):
    """L* of CIELAB, 0 to 100, from the contrast with black: Y = 0.05 (ratio − 1)."""
    Y = 0.05 * (plotting.contrast(colour, "black") - 1)
    return 116 * np.cbrt(Y) - 16 if Y > 216 / 24389 else Y * 24389 / 27


def test_in_print_two_lines_differ_in_grey_or_in_their_dashes():
    with plt.style.context(plotting.STYLES["print"]):
        looks = list(mpl.rcParams["axes.prop_cycle"])
        ground = mpl.rcParams["axes.facecolor"]
    assert lightness("white") == pytest.approx(100) and lightness("black") == 0
    for k, one in enumerate(looks):
        assert plotting.contrast(one["color"], ground) >= 3
        for other in looks[:k]:
            apart = abs(lightness(one["color"]) - lightness(other["color"])) >= 12
            assert apart or one["linestyle"] != other["linestyle"], (one, other)


def test_styles_are_read_and_have_no_text_below_14_points():
    for name, style in plotting.STYLES.items():
        with warnings.catch_warnings(), plt.style.context(style):
            warnings.simplefilter("error")
            text = plt.figure().text(0, 0, "")
            for key in (
                "axes.titlesize",
                "axes.labelsize",
                "xtick.labelsize",
                "ytick.labelsize",
                "legend.fontsize",
                "figure.titlesize",
                "figure.labelsize",
            ):
                text.set_fontsize(mpl.rcParams[key])
                assert text.get_fontsize() >= 14, (name, key)
            plt.close("all")
    assert (
        set(plotting.STYLES) == {"lecture", "dark", "print"}
        and plotting.STYLE in plotting.STYLES["dark"]
    )


# ---- sources


SOURCES = [
    path
    for pattern in (
        "dynsys_nn/plotting/*.py",
        "figures/*.py",
        "figures/live/*.py",
        "figures/drawing/*.py",
    )
    for path in sorted(ROOT.glob(pattern))
]
FIXED = {
    "fontsize", "labelsize", "titlesize", "linewidth", "linewidths", "lw", "markersize", "ms", "s",
    "markeredgewidth", "mew", "elinewidth", "capsize",
}  # fmt: skip


def fixed_looks(source):
    """(line, text) of each colour that no style can change, and of each size of a text, a line or a marker that is a number."""
    found, tree = [], ast.parse(source)
    formats = [node.format_spec for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)]
    formats = {id(part) for spec in formats if spec for part in ast.walk(spec)}  # {x:.1} is no grey
    for node in ast.walk(tree):
        named = []
        if isinstance(node, ast.Call):
            named = [(k.arg or "", k.value) for k in node.keywords]
        elif isinstance(node, ast.Dict):
            named = [
                (getattr(k, "value", ""), v) for k, v in zip(node.keys, node.values, strict=True)
            ]
        for name, value in named:
            if not isinstance(name, str) or not isinstance(value, ast.Constant):
                continue
            one_letter = isinstance(value.value, str) and len(value.value) == 1
            if (
                one_letter
                and re.search(r"colou?r|^c$", name)
                and mpl.colors.is_color_like(value.value)
            ):
                found.append((node.lineno, f"{name}={value.value!r}"))
            if type(value.value) in (int, float) and value.value and name in FIXED:
                found.append((node.lineno, f"{name}={value.value}"))
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and len(node.value) > 1 and id(node) not in formats:
            free = re.fullmatch(r"C\d|none", node.value)
            if not free and mpl.colors.is_color_like(node.value):
                found.append((node.lineno, repr(node.value)))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_source_names_a_colour_or_a_size_that_a_style_cannot_change(path):
    assert fixed_looks(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source, words",
    [
        ("plot(color='black')", "'black'"), ("x = '#1a3a5c'", "'#1a3a5c'"), ("x = '0.6'", "'0.6'"), ("x = 'tab:blue'", "'tab:blue'"),
        ("plot(color='k')", "color='k'"), ("dict(c='w')", "c='w'"), ("{'edgecolor': 'r'}", "edgecolor='r'"),
        ("text(fontsize=12)", "fontsize=12"), ("{'linewidth': 1.5}", "linewidth=1.5"), ("plot(ms=4)", "ms=4"),
    ],
)  # fmt: skip
def test_a_fixed_look_is_found(source, words):
    assert [text for _, text in fixed_looks(source)] == [words]


def test_what_a_style_can_change_is_left_alone():
    assert not fixed_looks(
        "plot(color='C3', linewidth=em(0.1), ms=0, marker='o', fontsize='small', c=shade(1)); m = {'k': f'{x:.1}', 'r': 1}"
    )


# ---- shown, and helpers together


@pytest.mark.filterwarnings("error")
def test_without_a_window_or_a_notebook_nothing_is_shown_and_nothing_is_said(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")  # or else matplotlib keeps quiet on Linux
    plt.close("all")
    assert plotting.show() is None and not plt.get_fignums()
    first, last = plt.figure(), plt.figure()
    with pytest.warns(UserWarning, match="cannot be shown"):
        plt.show()
    assert plotting.show() is last and plt.get_fignums() == [first.number, last.number]
    plt.close("all")


@pytest.mark.parametrize("closes", [True, False], ids=["a notebook", "a window"])
def test_where_a_figure_can_be_shown_it_is_shown_once(closes, monkeypatch):
    shown, backend = [], types.ModuleType("shows")
    backend.FigureCanvas = FigureCanvasAgg

    def show(*args, **kwargs):
        shown.extend(map(plt.figure, plt.get_fignums()))
        warnings.warn("something else", UserWarning, stacklevel=2)
        if closes:
            plt.close("all")

    backend.show = show
    monkeypatch.setitem(sys.modules, "shows", backend)
    plt.close("all")
    try:
        plt.switch_backend("module://shows")
        fig = plt.figure()
        with pytest.warns(UserWarning, match="something else"):  # is not ours to hide
            found = plotting.show()
        assert shown == [fig] and found is (None if closes else fig)
    finally:
        plt.close("all")
        plt.switch_backend("Agg")


def test_plotting_helpers_draw_on_the_axes_given_and_on_the_current_ones():
    fig, axes = plt.subplots(1, 2)
    line = plotting.trajectories(np.zeros((3, 5, 2)), ax=axes[0])
    assert len(line) == 3 and all(artist.axes is axes[0] for artist in line)
    plt.sca(axes[1])
    measured, slope = plotting.convergence([1, 0.5], [1, 0.3], order=2)
    assert measured.axes is axes[1] and list(measured.get_ydata()) == [1, 0.3]
    np.testing.assert_allclose(slope.get_ydata(), [1.2, 0.3])  # through the last error
    grid = plotting.deformed_grid(lambda x: 2 * x, (-1, 1), (-1, 1), ax=axes[0], lines=5)
    assert len(grid.get_segments()) == 10 and np.abs(np.array(grid.get_segments())).max() == 2
    into, out = (lambda x: x @ [[0, 1, 0], [0, 0, 1]]), (lambda y: y[..., 1:])
    lifted = plotting.deformed_grid(lambda x: 3 * x, (-1, 1), (0, 1), axes[0], 2, into, out)
    ends = {tuple(line[k]) for line in lifted.get_segments() for k in (0, -1)}
    assert ends == {(-3, 0), (3, 0), (-3, 3), (3, 3)}
    image = plotting.decision_regions(
        lambda x: np.stack([x[..., 0], -x[..., 0]], axis=-1), (-1, 1), (-1, 1), ax=axes[0], n=10
    )
    assert (image.get_array()[:, :5] == 1).all() and (image.get_array()[:, 5:] == 0).all()
    here = [image.cmap(image.norm(k))[:3] for k in (0, 1)]
    np.testing.assert_allclose(here, [mpl.colors.to_rgb(f"C{k}") for k in (0, 1)], atol=1 / 255)
    wide = plotting.decision_regions(left_or_right, (-3, 3), (-1, 1), ax=axes[0], n=4)
    assert wide.get_extent() == [-3, 3, -1, 1]
    worst = plotting.invariant_drift(dnn.Mass(), np.stack([PLANE, 2 * PLANE]), T, axes[0])
    np.testing.assert_array_equal(worst[0].get_ydata(), 2 * (PLANE[1:] - PLANE[0]).sum(axis=1))
    drift = plotting.invariant_drift(
        lambda y: y.sum(axis=-1),
        np.array([[[1.0, 1.0], [1.0, 1.5], [1.0, 1.0]]]),
        [0, 1, 2],
        ax=axes[0],
    )
    np.testing.assert_array_equal(drift[0].get_ydata(), [0.5, 1e-17])
    plt.close(fig)


def test_the_helpers_for_lipschitz_networks_draw_what_they_are_given():
    fig, axes = plt.subplots(1, 5)
    X, Y = (
        dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5)),
        dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5)),
    )
    C, E = dnn.Flow(X, 0.5, learn_h=True), dnn.Flow(Y, 0.1, learn_h=True)
    region = plotting.step_size_region(dnn.StepSizes(C, E), (0, 2), ax=axes[0], label="sharp")
    corners = region.get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(2, abs=0.01) and corners[
        corners[:, 1].argmax(), 0
    ] == pytest.approx(4 / 3, abs=0.01)
    profile = dnn.lipschitz.Profile(
        ["a", "b", "c"], [2.0, 3.0, np.inf], [1.0, 1.0, 1.0], [1.5, 4.0, 3.0]
    )
    upper, lower = plotting.lipschitz_profile(profile, ax=axes[1])
    np.testing.assert_array_equal(upper.get_ydata(), [2.0, 6.0, np.nan])
    np.testing.assert_array_equal(lower.get_ydata(), [1.5, 4.0, 3.0])
    lines = plotting.certified_accuracy([0, 1], [0.9, 0.5], [0.9, 0.6], ax=axes[2], label="net")
    np.testing.assert_array_equal([line.get_ydata() for line in lines], [[90, 50], [90, 60]])
    assert [line.get_linestyle() for line in lines] == ["-", ":"]
    [gap] = axes[2].collections
    assert {tuple(v) for v in gap.get_paths()[0].vertices} == {(0, 90), (1, 50), (1, 60)}
    assert len(plotting.certified_accuracy([0, 1], [0.9, 0.5], ax=axes[2])) == 1
    x, x_adv = np.linspace(0, 1, 6), np.linspace(0, 1, 6) + [0, 0, 0.25, 0, 0, -0.5]
    pictures = plotting.adversarial_example(x, x_adv, axes[2:], (2, 3), titles=("a", "b", "c"))
    np.testing.assert_allclose(pictures[1].get_array(), [[0, 0, 0.25], [0, 0, -0.5]], atol=1e-15)
    np.testing.assert_allclose(pictures[2].get_array(), x_adv.reshape(2, 3), atol=1e-15)
    np.testing.assert_allclose(pictures[1].cmap([0.0, 1.0]), mpl.colors.to_rgba_array(["C0", "C1"]))
    assert pictures[1].get_clim() == (-0.5, 0.5) and [ax.get_title() for ax in axes[2:]] == [
        "a",
        "b",
        "c",
    ]
    plt.close(fig)


def test_moving_points_go_straight_from_state_to_state(planar):
    states = [
        np.zeros((2, 2)),
        np.array([[1.0, 0.0], [0.0, 2.0]]),
        np.array([[3.0, 3.0], [1.0, 1.0]]),
    ]
    animation = plotting.animate_flow(
        states, [0, 1], planar.figure, planar, between=2, hold=3, interval=70, titles="abc")  # fmt: skip
    animation._draw_was_started, [points] = True, planar.collections
    assert (
        list(animation.new_frame_seq()) == [0, 0.5, 1, 1.5, 2, 2, 2, 2]
        and animation._interval == 70
    )
    spots = mpl.colors.to_rgba_array(["C0", "C1"])
    np.testing.assert_allclose(points.get_facecolors(), spots, atol=1 / 255)
    for time, x, title in ((0.5, states[1] / 2, "a"), (1, states[1], "b"), (2, states[2], "c")):
        animation._draw_frame(time)
        np.testing.assert_array_equal(points.get_offsets(), x)
        assert planar.get_title() == title


def test_stream_lines_go_with_the_field_over_the_whole_rectangle(planar):
    streams = plotting.phase_portrait(
        lambda x: x[..., :1] * [0, 1] + [1, 0], (-3, 3), (-1, 1), planar
    )
    lines = streams.lines.get_segments()
    pieces = np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines])
    x, step = pieces.mean(axis=1), np.diff(pieces, axis=1)[:, 0]
    np.testing.assert_allclose(step[:, 1], x[:, 0] * step[:, 0], atol=5e-3)
    assert (np.abs(pieces).max(axis=(0, 1)) < [3.001, 1.001]).all() and np.abs(x).max() > 2.5


def test_the_parts_of_a_decomposition_are_drawn_each_on_its_axes():
    turning = dnn.KnownField(
        lambda x: x[..., ::-1] * [1.0, -1.0],
        2,
        lambda x: np.array([[0.0, 1.0], [-1.0, 0.0]]) + 0 * x[..., None],
    )
    for field, level_lines in (
        (dnn.systems.pendulum(), True),
        (turning, False),
    ):  # turning has no gradient part to draw
        fig, axes = plt.subplots(1, 3)
        streams = plotting.skew_and_gradient(dnn.presnov(field), (-2, 2), (-1, 1), axes)
        assert [s.lines.axes for s in streams] == list(axes) and axes[1].get_xlim() == (-2, 2)
        assert (len(axes[1].collections) > 1) == level_lines and len(axes[2].collections) > 1
        plt.close(fig)
