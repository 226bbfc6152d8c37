"""The figures adjoint_check, memory, presnov and universal_approximation, and the live presnov, show what they say: their
numbers are those of another computation, as in the lecture and varied."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import plotting
from dynsys_nn.plotting.planes import on_lines_to_corners
from figures import adjoint_check, memory, presnov, universal_approximation
from figures.live import presnov as live


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def numbers(text):
    """The numbers in a text."""
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[+-]\d+)?", text)]


# ---- the adjoint


@pytest.mark.parametrize("mistake", adjoint_check.MISTAKES)
def test_a_mistake_leaves_slope_one_and_the_adjoint_two(mistake):
    varied = {} if mistake == "mean" else {"steps": 5, "method": "RK4", "batch": 4, "seed": 3}
    [ax] = adjoint_check.make(True, mistake=mistake, **varied).axes
    for line, text, order in zip(ax.lines, ax.texts, (1, 2), strict=False):
        eps, left = (values[-4:] for values in line.get_data())
        slope = np.polyfit(np.log(eps), np.log(left), 1)[0]
        assert abs(slope - order) < 0.02
        assert abs(numbers(text.get_text())[-1] - slope) < 0.02
    assert ax.texts[0].get_text().startswith(adjoint_check.LABELS[mistake])
    assert ax.texts[1].get_text().startswith("the adjoint")


def test_the_layer_written_out_is_the_packages(rng):
    """And each mistake is one."""
    x, w = rng.normal(size=(2, 7, adjoint_check.D))
    for mistake in (None, *adjoint_check.MISTAKES):
        net = adjoint_check.network(2, "Heun", mistake)
        plain = dnn.Network(
            *[
                dnn.Flow(dnn.ResidualField(F.field.A, F.field.sigma, F.field.B), F.h, F.method)
                for F in net.maps
            ]
        )
        for F, G in zip(plain.maps, net.maps, strict=True):
            F.field.b = G.field.b
        right = plain.vjp(x)[1](w)
        found = net.vjp(x)[1](w)
        gaps = [np.abs(a - b).max() for a, b in zip(found, right, strict=True)]
        assert np.array_equal(net(x), plain(x))
        assert max(gaps) < 1e-13 if mistake is None else max(gaps) > 1e-2


# ---- memory


def peaks(**options):
    """name → depths, megabytes and the slope that is said, and the title's numbers."""
    [ax] = memory.make(True, **options).axes
    lines = zip(memory.WAYS, ax.lines, ax.texts, strict=True)
    assert [t.get_text().split(":")[0] for t in ax.texts] == [
        "stored states",
        "checkpoints",
        "reversed flow",
    ]
    assert [t.get_color() for t in ax.texts] == [f"C{k}" for *_, k in memory.WAYS]
    found = {
        name: (*line.get_data(), numbers(text.get_text())[0]) for (name, *_), line, text in lines
    }
    return found, numbers(ax.get_title())


def test_memory_is_n_root_n_or_constant_and_grows_with_the_batch():
    small, title = peaks(batch=64)
    assert title[0] == small["stored"][0][-1]
    np.testing.assert_allclose(
        title[1:], [small["stored"][1][-1], small["reversed"][1][-1]], rtol=0.05
    )
    for name, least, most in (
        ("stored", 0.88, 1.0),  # what does not grow is a tenth of the memory at depth 50
        ("checkpoints", 0.25, 0.5),
        ("reversed", 0, 0.02),
    ):
        depths, megabytes, slope = small[name]
        measured = np.log(megabytes[-1] / megabytes[-2]) / np.log(depths[-1] / depths[-2])
        assert least <= measured <= most and abs(slope - measured) < 0.006
    d, batch = 64, 64
    depths, megabytes, _ = small["stored"]
    a_step = np.diff(megabytes) / np.diff(depths) * 1e6 / (8 * batch * d)
    assert (
        np.ptp(a_step) < 0.05 * a_step.min() and 2 < a_step.min()
    )  # so many arrays of states each
    large, _ = peaks(batch=128)
    ratio = [large[name][1][-1] / small[name][1][-1] for name in small]
    assert all(1.5 < r < 2.02 for r in ratio)


# ---- Presnov's decomposition


def curves(ax, colour):
    """The stream lines of a colour, or their pieces."""
    rgba = mpl.colors.to_rgba(colour)
    lines = [c for c in ax.collections if isinstance(c, mpl.collections.LineCollection)]
    return [x for c in lines if np.allclose(c.get_color()[0], rgba) for x in c.get_segments()]


def segments(ax, colour):
    """Their middles and directions, of length one."""
    pieces = curves(ax, colour)
    middles = np.concatenate([(x[1:] + x[:-1]) / 2 for x in pieces])
    steps = np.concatenate([x[1:] - x[:-1] for x in pieces])
    lengths = np.linalg.norm(steps, axis=-1)
    return middles[lengths > 1e-6], steps[lengths > 1e-6] / lengths[lengths > 1e-6, None]


def gradient_of_the_pendulum(x):
    """∇U in closed form: U(q, p) = qp/2 − p(1 − cos q)/q."""
    q, p = np.moveaxis(x, -1, 0)
    g = (1 - np.cos(q)) / q
    return np.stack([p / 2 - p * (np.sin(q) - g) / q, q / 2 - g], axis=-1)


CLOSED = {
    "pendulum": gradient_of_the_pendulum,
    "damped_oscillator": lambda x: x * [0, -0.5],  # the symmetric part
}


@pytest.mark.parametrize("system, reach", [("pendulum", 3.1), ("damped_oscillator", 1.7)])
def test_lines_of_the_gradient_follow_it_and_those_of_the_rest_circles(system, reach):
    left, middle, right = presnov.make(True, system=system, reach=reach).axes
    assert ("q" in left.get_xlabel(), "p" in left.get_ylabel()) == (True, True)
    x, direction = segments(middle, "C1")
    x, direction = x[x[:, 0] != 0], direction[x[:, 0] != 0]
    g = CLOSED[system](x)
    cosine = (direction * g).sum(axis=-1) / np.linalg.norm(g, axis=-1)
    assert len(x) > 100 and np.median(cosine) > 0.9999 and np.quantile(cosine, 0.02) > 0.99
    x, direction = segments(right, "C0")
    radial = (x * direction).sum(axis=-1) / np.linalg.norm(x, axis=-1)
    assert len(x) > 100 and np.quantile(np.abs(radial), 0.98) < 0.02 and np.abs(x).max() <= reach


def test_a_part_that_is_zero_says_so_and_has_no_lines():
    for system, zeros in (("harmonic_oscillator", {1}), ("descent", {2})):
        fig = presnov.make(True, system=system)
        for k, colour in ((1, "C1"), (2, "C0")):
            ax = fig.axes[k]
            said = [t.get_text() for t in ax.texts] == ["0"]
            assert said == ("zero" in ax.get_title()) == (k in zeros) == (not curves(ax, colour))


def test_no_line_comes_near_a_zero_of_the_field_and_circles_begin_at_their_radii():
    _, ax = plt.subplots()
    streams = plotting.phase_portrait(
        dnn.systems.harmonic_oscillator(), (-1, 1), (-1, 1), ax, least=0.5
    )
    assert np.linalg.norm(np.concatenate(streams.lines.get_segments()), axis=-1).min() > 0.4
    radii = np.array([0.5, 1.0, 2.5])
    points = on_lines_to_corners((-1, 3), (0.8, 2), radii)  # a rectangle without 0
    r = np.linalg.norm(points, axis=-1)
    assert np.abs(r[:, None] - radii).min(axis=-1).max() < 0.03 and {round(x, 1) for x in r} == {
        1.0,
        2.5,
    }


@pytest.mark.parametrize("system", ["pendulum", "spiral"])
def test_live_the_arrows_add_up_and_the_caption_says_their_sizes(system):
    fig = plt.figure()
    update = live.start(fig)
    x, s = np.array([1.3, -0.7]), 0.4
    caption = update(system, s, *x)
    field = presnov.SYSTEMS[live.NAMES[system]][0]
    g = CLOSED[live.NAMES[system]](x)
    turn = field(x) - g
    inside = numbers(caption.split(";")[1])
    np.testing.assert_allclose(inside[:2], [np.linalg.norm(g), np.linalg.norm(turn)], rtol=5e-3)
    assert inside[2] < 1e-14 and len(caption) <= 95
    *_, three = [a for a in fig.axes[0].collections if isinstance(a, mpl.quiver.Quiver)]
    arrows = np.stack([three.U, three.V], axis=-1)
    unit = np.linalg.norm(arrows[1]) / np.linalg.norm(g)
    np.testing.assert_allclose(arrows, unit * np.array([g + s * turn, g, s * turn]), atol=1e-12)
    np.testing.assert_allclose(three.get_offsets(), [x, x, x + arrows[1]], atol=1e-12)


# ---- approximation


@pytest.mark.parametrize("options", [{"noise": 0.3, "width": 3, "samples": 500, "seed": 2}])
def test_the_network_is_off_by_what_the_titles_say(options):
    fig = universal_approximation.make(True, **options)
    left, right = fig.axes
    noise, samples = options.get("noise", 0.01), options.get("samples", 2000)
    wide, dots, thin = left.lines
    x, y = (np.ravel(values) for values in wide.get_data())
    np.testing.assert_allclose(y, np.abs(x) + np.sin(x) + x**2)
    x, y = (np.ravel(values) for values in dots.get_data())
    assert 0.85 * noise < np.std(y - np.abs(x) - np.sin(x) - x**2) < 1.15 * noise
    nets = []
    for ax, of, target in (
        (left, universal_approximation.on_the_line, lambda x: np.abs(x) + np.sin(x) + x**2),
        (
            right,
            universal_approximation.in_the_plane,
            lambda x: np.sqrt((x**2).sum(axis=-1, keepdims=True)),
        ),
    ):
        problem = of(options.get("width", 4))
        data = dict(seed=options.get("seed", 0), noise=noise, samples=samples)
        net, held_out = universal_approximation.train(problem, **data, starts=1, iterations=20)
        assert len(held_out) == samples // 10
        said = numbers(ax.get_title().split("\n")[1])
        error = np.sqrt(np.mean((net(held_out) - target(held_out)) ** 2))
        np.testing.assert_allclose(said, [noise, error], rtol=0.05)
        nets.append(net)
    np.testing.assert_array_equal(thin.get_ydata(), nets[0](thin.get_xdata()[:, None])[:, 0])
    assert f" {nets[0].theta.size} parameters" in fig.get_suptitle()
    for text in right.texts:
        assert float(text.get_text()) == np.linalg.norm(text.get_position())
    true, learned = right.collections
    for level, path in zip(true.levels, true.get_paths(), strict=True):
        assert np.abs(np.linalg.norm(path.vertices, axis=-1) - level).max() < 2e-3
    for level, path in zip(learned.levels, learned.get_paths(), strict=True):
        assert np.abs(nets[1](path.vertices) - level).max() < 0.1


def test_two_of_the_maps_turn_and_two_follow_a_gradient(rng):
    for problem, d in ((universal_approximation.LINE, 1), (universal_approximation.PLANE, 2)):
        net = problem[0](rng)
        x = net.maps[0](rng.normal(size=(20, d)))
        for F, turns in zip(net.maps[1:-1], (True, False, True, False), strict=True):
            kept = np.abs(np.linalg.norm(F(x), axis=-1) - np.linalg.norm(x, axis=-1)).max()
            assert (kept < 1e-13) == turns and F.field.is_gradient == (not turns)
