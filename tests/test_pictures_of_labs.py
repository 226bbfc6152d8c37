"""The pictures to predict: each sheet draws what the solution does, and what is seen there is what the solution says of it."""

import re
import runpy

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT
from matplotlib.collections import LineCollection

from dynsys_nn import plotting
from tutorials import notebooks

LABS = sorted(
    (ROOT / "tutorials" / "labs").glob("[0-9]*.py"), key=lambda path: int(path.name.split("_")[0])
)
DRAWN = {}


def asked_of(path):
    """What the last line of a sheet, or of a solution, asks its questions of: "Answer()"."""
    text = path.read_text(encoding="utf-8")
    return re.search(r"checks\.run\((?:sheet\[\")?questions(?:\"\])?\((.+)\)\)\.exit\(\)", text)[1]


@pytest.fixture(scope="module", autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def drawn():
    """drawn(k) is the figure of sheet k with its solution, drawn once, with warnings as errors."""

    def draw(k):
        if k not in DRAWN:
            path = LABS[k - 1].parent / "solutions" / LABS[k - 1].name
            names = runpy.run_path(str(path))
            DRAWN[k] = names["sheet"]["picture"](eval(asked_of(path), names))
        return DRAWN[k]

    return draw


def curves(ax):
    """label → (x, y) of the lines of an Axes."""
    return {line.get_label(): line.get_data() for line in ax.lines}


def said_by(k):
    """What the solution says of the picture."""
    text = (LABS[k - 1].parent / "solutions" / LABS[k - 1].name).read_text(encoding="utf-8")
    lines = text.split("\n# The picture: ")[1].split("\n\n")[0].split("\n# ")
    return " ".join(lines)


# ---- what all of them are


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("k", range(1, len(LABS) + 1))
def test_a_picture_is_readable(k, drawn):
    """Nothing is empty, or cut off, and axes and lines, or panels, have names."""
    fig = drawn(k)
    assert isinstance(fig, plt.Figure) and fig.axes
    with plt.style.context(plotting.STYLE):
        fig.get_layout_engine().execute(fig)
        box = fig.get_tightbbox()
    (left, bottom), (right, top) = box.min, box.max
    assert min(left, bottom) >= -0.01 and np.all((right, top) <= fig.get_size_inches() + 0.01)
    for ax in fig.axes:
        assert ax.lines or ax.patches or ax.collections
        assert ax.get_xlabel() and (ax.get_ylabel() or not ax.get_subplotspec().is_first_col())
    named = [ax for ax in fig.axes if ax.get_legend() or ax.texts]
    assert named or all(ax.get_title() for ax in fig.axes)


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_sheet_asks_before_it_shows_and_says_how_it_is_drawn(path):
    *_, asks, draws, runs = notebooks.opened(path.read_text(encoding="utf-8"))
    assert asks.text.startswith("## A picture to predict\n") and "predict" in asks.tags
    assert "?" in asks.text
    assert f"`picture({asked_of(path)})`" in asks.text
    assert f"`python -i tutorials/labs/{path.name}`" in asks.text
    assert draws.text.startswith("def picture(") and draws.tags == [] and runs.tags == ["checks"]
    assert max(map(len, (asks.text + "\n" + draws.text).splitlines())) <= 88


@pytest.mark.parametrize("k", range(1, len(LABS) + 1))
def test_a_picture_waits_for_the_answer_as_the_sheet_does(k):
    """And to run a sheet does not draw: matplotlib is imported by the picture alone."""
    names = runpy.run_path(str(LABS[k - 1]))
    with pytest.raises(NotImplementedError, match="Task "):
        names["picture"](eval(asked_of(LABS[k - 1]), names))
    assert "plt" not in names
    plt.close("all")


# ---- what is seen, sheet by sheet


def test_slopes_fall_like_a_power_and_like_an_exponential(drawn):
    values, slopes = map(curves, drawn(1).axes)
    left = [slopes[name][1][-1] for name in (r"yours, $\sigma$", "tanh")]
    assert left == pytest.approx([101**-1.5, 4 * np.exp(-20)], rel=1e-6)
    assert values["tanh"][1][-1] == pytest.approx(values[r"yours, $\sigma$"][1][-1], abs=0.01)
    assert "a thousandth" in said_by(1) and "8·10⁻⁹" in said_by(1)


def test_a_difference_quotient_gives_eight_digits_and_a_central_one_eleven(drawn):
    for (eps, error), best, digits in zip(
        curves(drawn(2).axes[0]).values(), (1e-8, 1e-5), (8, 11), strict=True
    ):
        near = error[np.abs(np.log10(eps / best)) < 1.1]
        assert 10.0 ** -(digits + 2) < np.median(near) < 10.0 ** -(digits - 2)
        assert min(error[0], error[-1]) > 300 * np.median(near)
        assert f"gives {digits} digits" in said_by(2) or f"gives {digits}." in said_by(2)


def test_gradients_have_the_order_of_their_method(drawn):
    for label, (h, error) in curves(drawn(3).axes[0]).items():
        order = np.polyfit(np.log(h[-3:]), np.log(error[-3:]), 1)[0]
        assert order == pytest.approx(1 if "Euler" in label else 2, abs=0.1)
        assert label.endswith(f"order {order:.1f}")


def test_a_disc_keeps_its_area_and_the_old_x_makes_it_larger(drawn):
    areas = [[float(patch.get_label().split()[-1]) for patch in ax.patches] for ax in drawn(4).axes]
    assert areas[0] == [1.13] * 4 and areas[1][0] == 1.13
    assert np.all(np.diff(areas[1]) > 0.1) and f"{areas[1][-1]} after nine" in said_by(4)
    for ax, expected in zip(drawn(4).axes, areas, strict=True):
        for patch, area in zip(ax.patches, expected, strict=True):
            x, v = patch.get_xy().T
            assert abs(x @ np.roll(v, -1) - v @ np.roll(x, -1)) / 2 == pytest.approx(area, abs=6e-3)


def test_no_pair_is_stretched_more_than_by_a_constant_that_is_nearly_reached(drawn):
    ax = drawn(5).axes[0]
    h, constant = curves(ax)[r"your constant $\ell(h)$"]
    found = np.array([line.get_ydata() for line in ax.lines if line.get_markersize() == 3])
    assert found.shape == (400, len(h)) and (found <= constant + 1e-9).all()
    assert (found.max(axis=0) > 0.97 * constant).all()
    best = 2 / (1 + 0.8**2 / 5)
    assert h[constant.argmin()] == pytest.approx(best, abs=0.05)
    assert f"least, {1 - 0.8**2 / 5 * best:.2f}," in said_by(5)
    assert (constant[h <= 2] <= 1 + 1e-12).all() and (constant[h > 2.01] > 1).all()


def test_the_sum_stays_whatever_the_places_do(drawn):
    for ax, factor in zip(drawn(6).axes, (0.2, -0.2, -1), strict=True):
        lines, n = curves(ax), np.arange(11)
        np.testing.assert_allclose(lines["the sum"][1], 1, atol=1e-12)
        np.testing.assert_allclose(lines["$x_1$"][1], 0.25 + 0.75 * factor**n, atol=1e-12)
        others = lines["$x_2 = x_3 = x_4$"][1]
        np.testing.assert_allclose(others, 0.25 - 0.25 * factor**n, atol=1e-12)


def test_the_energy_of_verlet_comes_back_and_that_of_euler_does_not(drawn):
    paths, energies = map(curves, drawn(7).axes)
    euler, whole, half = energies.values()
    assert [*energies] == ["Euler, $h = 0.2$", "yours, $h = 0.2$", "yours, $h = 0.1$"]
    assert euler[1][-1] == euler[1].max() > 4 and np.abs(paths["Euler, $h = 0.2$"][0]).max() > np.pi
    assert f"up to {whole[1].max():.4f}" in said_by(7)
    assert whole[1].max() / half[1].max() == pytest.approx(4, abs=0.1)
    t, error = whole  # no larger later on, and small again in each swing
    assert error[t > 20].max() < 1.01 * error[t < 20].max() and error[t > 35].min() < 1e-4
    radius = np.hypot(*paths["yours, $h = 0.2$"])
    assert 0.9 < radius.min() and radius.max() < 1.01


def test_newtons_digits_double_and_a_long_step_is_no_decay(drawn):
    left, right = map(curves, drawn(8).axes)
    plain, newton = (np.log10(left[name][1]) for name in ("plain iteration", "Newton, yours"))
    assert len(newton) == 4 and newton[-1] < -15 and newton[2] < 2 * newton[1] < 0
    assert np.mean(np.diff(plain)) == pytest.approx(-0.5, abs=0.1)
    z, y = right["implicit, yours"]
    np.testing.assert_allclose(y, (1 - z / 2) / (1 + z / 2), atol=1e-12)
    np.testing.assert_allclose(right["explicit"][1], 1 - z + z**2 / 2, atol=1e-12)
    np.testing.assert_allclose(right["exact"][1], np.exp(-z))


def test_cayleys_step_is_on_the_circle_and_late(drawn):
    lines = curves(drawn(9).axes[0])
    x, y = lines["Cayley, yours"]
    np.testing.assert_allclose(np.hypot(x, y), 1, atol=1e-12)
    degrees = np.degrees(np.unwrap(np.arctan2(y, x)))[-1]
    assert degrees == pytest.approx(20 * np.degrees(np.arctan(np.pi / 10)))
    assert f"{degrees:.0f}° of 360°" in said_by(9)
    assert f"{np.hypot(*lines['Euler'])[-1]:.1f} times as far out" in said_by(9)


def test_a_shear_is_half_a_saddle_and_half_a_rotation(drawn):
    """Stream lines of ∇U run on hyperbolas, and those of X_S on circles, clockwise."""
    f, gradient, sphere = drawn(10).axes

    def segments(ax):
        [lines] = [c for c in ax.collections if isinstance(c, LineCollection)]
        return [np.array(s) for s in lines.get_segments()]

    assert all(np.ptp(s[:, 1]) < 1e-9 for s in segments(f))
    for s in segments(gradient):
        hyperbola = s[:, 0] ** 2 - s[:, 1] ** 2
        assert np.ptp(hyperbola) < 0.05
    for s in segments(sphere):
        assert np.ptp((s**2).sum(axis=1)) < 0.05
        turn = [a[0] * b[1] - a[1] * b[0] for a, b in zip(s, s[1:], strict=False)]
        assert max(turn) < 1e-9
    assert max(abs(s).max() for s in segments(sphere)) > 1.5


def test_a_norm_is_hidden_until_rounding_errors_find_it(drawn):
    random, hidden = map(curves, drawn(11).axes)
    above, below = "Gram iteration, from above", "power iteration, from below"
    for lines in (random, hidden):
        assert np.all(lines[below][1] <= 1 + 1e-12) and np.all(lines[above][1] >= 1 - 1e-12)
    assert np.argmax(random[above][1] < 1.01) == 4 and "within 1 % after 4" in said_by(11)
    np.testing.assert_allclose(hidden[below][1][:6], 0.05, rtol=1e-3)
    assert hidden[below][1][-1] > 0.99  # at which step depends on the machine's rounding


def test_a_cut_is_nearer_than_a_division(drawn):
    lines = curves(drawn(12).axes[0])
    before, divided, cut = (lines[name][1] for name in lines if "_" not in name)
    assert before[0] > 2 and divided[0] == pytest.approx(1) and cut.max() < 1 + 1e-9
    np.testing.assert_allclose(divided, before / before[0])
    assert (cut[100:] > divided[100:]).all() and cut[:200].min() > 1.3 * divided[:200].min()
    far = [re.search(r"\d+ %", name)[0] for name in lines if "%" in name]
    assert f"{far[1]} away from W, and W/‖K‖ is {far[0]}" in said_by(12)


def test_what_is_certain_survives_and_without_a_constraint_nothing_is_certain(drawn):
    found = []
    for ax in drawn(13).axes:
        (eps, certain), (_, survives) = curves(ax).values()
        assert (certain <= survives + 1e-9).all() and len(eps) == 11
        k = np.abs(eps - 0.2).argmin()
        found.append((round(certain[k]), round(survives[k])))
    assert f"{found[1][1]} % against {found[0][1]} %" in said_by(13)
    assert found[1][0] == 0 and f"the other has {found[0][0]} %" in said_by(13)


def test_the_best_m_is_the_root(drawn):
    ax = drawn(14).axes[0]
    points = {text.get_text().strip(): text.get_position() for text in ax.texts}
    assert {tuple(np.ravel(line.get_data())) for line in ax.lines} == {*points.values()}
    for m in (2, 4, 8, 16, 32):
        evaluations, states = points[f"$m = {m}$"]
        assert evaluations == 128 and states == pytest.approx(64 / m + m, abs=5)
    assert min(points, key=lambda name: points[name][1] + 1e3 * ("m" not in name)) == "$m = 8$"
    assert points["stored"] == (64, pytest.approx(64, abs=6)) and points["bisected"][0] == 320
    assert points["bisected"][1] < points["$m = 8$"][1]


def test_adam_begins_along_the_diagonal_whatever_the_loss_is_multiplied_by(drawn):
    lines = curves(drawn(15).axes[0])
    descent, adam, thousand = (np.transpose(line) for line in lines.values())
    np.testing.assert_allclose(adam[1] - adam[0], [0.1, -0.1], rtol=1e-6)
    np.testing.assert_allclose(descent[1], [-1.88, -0.8])
    np.testing.assert_allclose(adam, thousand, atol=1e-6)
    assert (adam != thousand).any()  # ε is not multiplied
    assert (np.diff(np.sign(descent[:10, 1])) != 0).all()  # to and fro
    assert adam[:, 0].max() > 0.2 and np.linalg.norm(adam[-1]) < 0.1  # past it, and back


def test_what_is_stiff_swings_by_the_midpoint_rule_and_is_forgotten_by_radaus(drawn):
    decay, spring = map(curves, drawn(16).axes)
    z, y = decay["yours"]
    assert y.min() == pytest.approx(-0.098, abs=5e-4) and z[y.argmin()] == pytest.approx(8.2)
    assert "−0.098 at hλ = 8.2" in said_by(16) and decay["midpoint"][1][-1] < -0.6
    swings, forgotten = spring["midpoint"][1], spring["yours"][1]
    assert np.all(swings[1:] * swings[:-1] < 0) and abs(forgotten[2:]).max() < 0.01
    assert [abs(swings[-1]), abs(forgotten[1])] == pytest.approx([0.13, 0.07], abs=0.005)
    assert "13 % of p are left" in said_by(16) and "leaves 7 %" in said_by(16)
