"""What the figures of layers say is so, at other values than the lecture's: Euler's method, switching parameters,
rings that come apart, and the slopes of a step."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Text
from scipy.integrate import solve_ivp

from figures import leaky_slopes, live, point_separation, resnet_is_euler, switching_parameters


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(where):
    """All texts of a figure, or of an Axes, in one."""
    return " | ".join(text.get_text() for text in where.findobj(Text))


def inside(ax, points, slack=1e-9):
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    x, y = np.transpose(points)
    assert left - slack <= x.min() and x.max() <= right + slack, (left, x.min(), x.max(), right)
    assert bottom - slack <= y.min() and y.max() <= top + slack, (bottom, y.min(), y.max(), top)


# ---- resnet_is_euler


def spiral(t, x):
    """ẋ = B tanh(Ax), written out."""
    u, v = np.tanh([x[0] + 0.3 * x[1], 1.4 * x[1]])
    return np.array([v, -u])


def euler(x, h):
    return x + h * spiral(0, x)


def heun(x, h):
    k = spiral(0, x)
    return x + h / 2 * (k + spiral(0, x + h * k))


@pytest.mark.parametrize(
    "options, step, order, share",
    [({}, euler, 1, "half the error"), ({"method": "Heun", "T": 3, "start": 2, "depths": (6, 12)}, heun, 2, "a quarter")],
)  # fmt: skip
def test_layers_are_steps_and_their_error_has_the_order_of_the_method(options, step, order, share):
    fig = resnet_is_euler.make(quick=True, **options)
    left, right = fig.axes
    values = resnet_is_euler.make.defaults | options
    x0, T, depths = np.array([values["start"], 0.0]), values["T"], values["depths"]
    exact = solve_ivp(spiral, (0, T), x0, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    drawn = {len(line.get_xdata()) - 1: line.get_xydata() for line in left.lines}
    marked = {
        line.get_xdata()[0]: line.get_ydata()[0]
        for line in right.lines
        if len(line.get_xdata()) == 1
    }
    for n in depths:
        states = [x0]
        for _ in range(n):
            states.append(step(states[-1], T / n))
        np.testing.assert_allclose(drawn[n], states, atol=1e-12)
        np.testing.assert_allclose(marked[n], np.linalg.norm(states[-1] - exact), atol=1e-9)
        [own] = [
            line for line in pictures.named(right)[f"{n} layers"] if len(line.get_xdata()) == 1
        ]
        assert own.get_xdata()[0] == n
        inside(left, drawn[n])
    curve, dotted = (line for line in right.lines if len(line.get_xdata()) > 2)
    slopes = [
        np.diff(np.log(line.get_ydata())) / np.diff(np.log(line.get_xdata()))
        for line in (dotted, curve)
    ]
    np.testing.assert_allclose(slopes[0], -order)
    assert abs(slopes[1][-1] + order) < 0.1  # the theorem: the error is of the method's order
    assert share in right.get_title() and f"slope $-{order}$" in words(right)
    assert (dotted.get_ydata() < curve.get_ydata()).all()


def test_depths_whose_names_would_meet_are_refused():
    with pytest.raises(ValueError, match="3/2 of the last"):
        resnet_is_euler.make(quick=True, depths=(8, 9, 10))


# ---- switching_parameters


@pytest.mark.parametrize("options", [{"layers": 3, "noise": 0.2, "seed": 5}])
def test_three_parameters_switch_where_the_states_turn(options):
    fig = switching_parameters.make(quick=True, **options)
    *rows, bottom = fig.axes
    given = switching_parameters.make.defaults | options
    net, x, y = switching_parameters.train(True, given["layers"], given["noise"], given["seed"])
    A = [F.parameters["A"] for F in net.maps[1:-1]]
    b = [F.parameters["b"] for F in net.maps[1:-1]]
    t = np.append(0, np.cumsum([F.h for F in net.maps[1:-1]]))
    for ax, theta in zip(
        rows, ([a[0, 0] for a in A], [a[1, 2] for a in A], [c[2] for c in b]), strict=True
    ):
        steps = next(c for c in ax.collections if isinstance(c, LineCollection)).get_segments()
        np.testing.assert_allclose(
            steps, [[(s, v), (e, v)] for s, e, v in zip(t, t[1:], theta, strict=False)]
        )
        inside(ax, np.concatenate(steps))
    assert [ax.get_ylabel() for ax in rows] == ["$A_{11}(t)$", "$A_{23}(t)$", "$b_3(t)$"]
    assert (np.diff(t) > 0).all()
    np.testing.assert_array_equal(bottom.get_xticks(), t)

    states = [np.pad(x, ((0, 0), (0, 1)))]
    for A_k, b_k, h in zip(A, b, np.diff(t), strict=True):
        states.append(states[-1] + h * np.tanh(states[-1] @ A_k.T + b_k))
    normal, offset = np.diff(net.maps[-1].W, axis=0)[0], np.diff(net.maps[-1].b)[0]
    distance = (np.array(states) @ normal + offset) / np.linalg.norm(normal)
    shown = [line.get_ydata() for line in bottom.lines if len(line.get_xdata()) == len(t)]
    for k in (0, 1):  # its name lies on its side, in its colour
        own = pictures.named(bottom)[f"class {k}"]
        assert len(own) == 8 and all(line.get_color() == f"C{k}" for line in own)
        [name] = [text for text in bottom.texts if text.get_text() == f"class {k}"]
        assert (name.xy[1] > 0) == (k == 1)
    wanted = [distance[:, n] for k in (0, 1) for n in np.flatnonzero(y == k)[:8]]
    np.testing.assert_allclose(shown, wanted, atol=1e-9)
    right = sum((line[-1] > 0) == (n >= 8) for n, line in enumerate(shown))
    assert f"{right} of 16 end" in bottom.get_title()
    # where the network cannot decide, both logits are equal: distance 0
    logits = net(x)
    np.testing.assert_array_equal(logits[:, 1] > logits[:, 0], distance[-1] > 0)


# ---- point_separation


@pytest.mark.parametrize("options", [{"data": "moons", "layers": 4, "seed": 2}])
def test_the_plane_is_seen_from_its_side_and_its_sides_are_the_classes(options):
    fig = point_separation.make(quick=True, **options)
    given = point_separation.make.defaults | options
    net, x, y = point_separation.train(True, given["data"], given["layers"], given["seed"])
    last = fig.axes[-1].collections[0].get_offsets()
    logits = net(x)
    np.testing.assert_array_equal(last[:, 1] > 0, logits[:, 1] > logits[:, 0])
    right = 100 * np.mean((last[:, 1] > 0) == (y == 1))
    layers = len(net.maps) - 2
    assert f"{layers} layers" in words(fig) and f" {right:.1f} % of the test" in words(fig)
    assert fig.axes[-1].get_title() == f"layer {layers}" and "class 1" in words(fig.axes[-1])
    offset, normal = np.diff(net.maps[-1].b)[0], np.diff(net.maps[-1].W, axis=0)[0]
    for ax in fig.axes:
        k = int("".join(filter(str.isdigit, ax.get_title())) or 0)
        distance = (net.states(x)[1 + k] @ normal + offset) / np.linalg.norm(normal)
        np.testing.assert_allclose(ax.collections[0].get_offsets()[:, 1], distance, atol=1e-12)
    for k, side in ((0, -1), (1, 1)):
        [name] = [text for text in fig.axes[-1].texts if text.get_text() == f"class {k}"]
        spots = fig.axes[-1].collections[0].get_facecolors()[y == k]
        assert name.xy[1] * side > 0 and name.get_color() == f"C{k}"
        np.testing.assert_allclose(spots, [mpl.colors.to_rgba(f"C{k}")] * len(spots), atol=1 / 255)
    states = net.states(x[:20])[-2]
    turned = point_separation.seen_along_the_plane(net, [states])[0]
    between = lambda z: np.linalg.norm(z[:, None] - z, axis=-1)  # noqa: E731
    np.testing.assert_allclose(between(turned), between(states), atol=1e-12)  # an isometry
    for ax in fig.axes:
        inside(ax, ax.collections[0].get_offsets())


def test_the_animation_holds_and_shows_all_states():
    animation = point_separation.animate(quick=True, layers=3)
    animation._draw_was_started = True
    net, x, y = point_separation.train(True, "rings", 3, 0)
    states = np.array(point_separation.seen_along_the_plane(net, net.states(x[:400])[1:-1]))
    [ax] = animation._fig.axes
    limits = np.array([ax.get_xlim(), ax.get_ylim(), ax.get_zlim()])
    assert (limits[:, 0] < states.min(axis=(0, 1))).all() and (
        states.max(axis=(0, 1)) < limits[:, 1]
    ).all()
    frames = list(animation.new_frame_seq())
    for frame in frames[:4]:
        animation._draw_frame(frame)
        np.testing.assert_allclose(
            np.transpose(ax.collections[0]._offsets3d), states[round(frame)], atol=1e-12
        )
    right = 100 * (net(x).argmax(axis=-1) == y).mean()
    assert ax.get_title() == f"after 3 layers, {right:.1f} % are on their side"


# ---- leaky_slopes


def number(text):
    """The number after = in a text, \\frac included."""
    fraction = re.search(r"= (-?)\\frac\{(\d+)\}\{(\d+)\}", text)
    if fraction:
        return float(fraction[1] + "1") * int(fraction[2]) / int(fraction[3])
    return float(re.search(r"= (-?[\d.]+)", text)[1])


@pytest.mark.parametrize(
    "options",
    [{}, {"slope": 0.2}, {"h": 2}, {"slope": 0.9, "h": 2.4}, {"slope": 0.4, "h": 16 / 15}],
)
def test_slopes_and_their_names_follow_the_step(options, rng):
    fig = leaky_slopes.make(quick=True, **options, labels={"slope": "Steigung $= <m>$"})
    m, h = ({"slope": 0.5, "h": 4 / 3} | options).values()
    step = lambda x: x - h * np.where(x < 0, m * x, x)  # noqa: E731
    left, right = fig.axes
    for name, slope in (("Steigung", m), ("slope $1$", 1)):
        [line] = next(
            lines for text, lines in pictures.named(left).items() if text.startswith(name)
        )
        (x0, y0), (x1, y1) = line.get_xydata()
        assert (y1 - y0) / (x1 - x0) == pytest.approx(slope)
    steep = [area.get_paths()[0] for area in right.collections]
    assert [[path.contains_point((x, y)) for path in steep] for x, y in ((1, -1.5), (1, 1.5), (1.5, 1), (-1.5, -1))] == [
        [True, False], [False, True], [False, False], [False, False]]  # fmt: skip
    for line, name, slope in zip(right.lines[1:], right.texts[2:], (1 - h * m, 1 - h), strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y, step(x), atol=1e-12)
        np.testing.assert_allclose(np.diff(y) / np.diff(x), slope, atol=1e-12)
        assert abs(number(name.get_text()) - slope) < 6e-4
        assert mpl.colors.same_color(name.get_color(), line.get_color())
        inside(right, line.get_xydata())
        # the axis lies between a line and its name
        assert name.get_position()[1] * y[np.argmax(np.abs(x))] <= 0
    x = np.concatenate([rng.normal(size=(500, 2)), [[-2, -1], [1, 2]]])
    found = (np.abs(np.diff(step(x))) / np.abs(np.diff(x))).max()  # of pairs of points
    title = right.get_title()
    says = (
        "grow, up to"
        if found > 1 + 1e-12
        else "no distance grows"
        if found > 1 - 1e-12
        else "shrink to"
    )
    assert says in title
    if says != "no distance grows":
        assert abs(number(title[title.index("\n") :].replace("$", "= ", 1)) - found) < 6e-4
    others = [max(abs(1 - k * m), abs(1 - k)) for k in np.linspace(0.1, 2.5, 500)]
    assert ("the best step" in title) == (found <= min(others) + 1e-12)


# ---- live


def test_a_live_step_is_where_its_sliders_are(rng):
    fig = plt.figure()
    update = live.stage.module_of("leaky_slopes").start(fig)
    _, middle, right = fig.axes
    for m, h in [(0, 0.05), (1, 2.5), (1, 0.05), (0, 2.5), (0.5, 4 / 3), (0.3, 2.0)]:
        caption = update(m, h)
        bound = max(abs(1 - h * m), abs(1 - h))
        says = "some distances grow" if bound > 1 else "all distances shrink"
        says = "no distance grows" if bound == 1 else says
        assert caption.startswith(says) and caption.endswith(f"= {bound:.4g}")
        lines = middle.lines[-2:]
        slopes = [np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in lines]
        np.testing.assert_allclose(slopes, [1 - h * m, 1 - h], atol=1e-12)
        curve, now = right.lines
        for k in rng.uniform(0.01, 2.5, 5):
            np.testing.assert_allclose(
                np.interp(k, *curve.get_data()), max(abs(1 - k * m), abs(1 - k)), atol=1e-8
            )
        np.testing.assert_allclose(now.get_ydata(), [bound])
        for ax, line in [(middle, lines[0]), (middle, lines[1]), (right, curve), (right, now)]:
            inside(ax, line.get_xydata())


def test_live_layers_end_where_they_say_and_stay_in_the_picture():
    fig = plt.figure()
    update = live.stage.module_of("resnet_is_euler").start(fig)
    left, right = fig.axes
    exact, _, layers = left.lines[-3:]
    curve, now = right.lines[-2:]
    for depth, T, method in [
        (4, 6.0, "Euler"),
        (4, 6.0, "Heun"),
        (64, 1.0, "RK4"),
        (9, 2.345, "Euler"),
        (4, 1.0, "Euler"),
    ]:
        caption = update(depth, T, method)
        end = solve_ivp(spiral, (0, T), [1.6, 0.0], method="DOP853", rtol=1e-12, atol=1e-13).y[
            :, -1
        ]
        np.testing.assert_allclose(exact.get_xydata()[-1], end, atol=1e-10)
        error = np.linalg.norm(layers.get_xydata()[-1] - exact.get_xydata()[-1])
        assert (
            f"{depth} {method} layers of h = T/n = {T / depth:.3g} end {error:.2g} from" in caption
        )
        assert (
            caption.endswith({"Euler": "1/n", "Heun": "1/n²", "RK4": "1/n⁴"}[method])
            and len(caption) <= 95
        )
        assert len(layers.get_xdata()) == depth + 1 and now.get_xdata()[0] == depth
        if depth in curve.get_xdata():
            np.testing.assert_allclose(np.interp(depth, *curve.get_data()), error, rtol=1e-6)
        if method in ("Euler", "Heun"):
            x, step = np.array([1.6, 0.0]), {"Euler": euler, "Heun": heun}[method]
            for _ in range(depth):
                x = step(x, T / depth)
            np.testing.assert_allclose(layers.get_xydata()[-1], x, atol=1e-12)
        for ax, line in [(left, exact), (left, layers), (right, curve), (right, now)]:
            inside(ax, line.get_xydata())
