"""What two figures say: gradients do not vanish through symplectic layers, and a potential is found where there are data."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, solve_ivp

import dynsys_nn as dnn
from figures import learned_hamiltonian, vanishing_gradients


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def number(text):
    """0.04 or 2\\cdot10^{-6} as a float."""
    return float(text.replace(r"\cdot10^{", "e").replace("}", ""))


def numbers(text):
    """All that are in a title."""
    return map(number, re.findall(r"\d[\d.]*(?:\\cdot10\^{-?\d+})?", text))


def one_digit(errors):
    """The largest one, rounded as a title says it."""
    return float(f"{np.abs(errors).max():.1g}")


# ---- vanishing gradients


def by_complex_step(layers, y):
    """∂y_N/∂y_k at states y, (n, 4, 4), column by column: Im 𝒩(y + iεe)/ε, exact for analytic maps."""
    net = dnn.Network(*layers)
    return np.stack([net(y + 1e-100j * e).imag / 1e-100 for e in np.eye(4)], axis=-1)


@pytest.mark.parametrize("options", [dict(layers=5, T=1.0, turns=1.0, seed=3)], ids=str)
def test_norms_over_the_training_are_those_of_the_jacobians(options):
    fig = vanishing_gradients.make(quick=True, **options)
    N, seed = options.get("layers", 12), options.get("seed", 0)
    x, y = dnn.datasets.spirals(400, rng=seed, turns=options.get("turns", 1.5))
    architectures = (
        vanishing_gradients.symplectic,
        vanishing_gradients.resnet,
        vanishing_gradients.mlp,
    )
    assert rf"\partial y_{{{N}}}/" in fig.axes[0].get_ylabel()
    for ax, plane, layer in zip(fig.axes[:3], fig.axes[3:], architectures, strict=True):
        *curves, one = ax.lines
        assert set(one.get_ydata()) == {1} and len(curves) == N
        net, _ = vanishing_gradients.train(
            layer, N, options.get("T", 2.0), options.get("turns", 1.5), seed, 4
        )
        first, last = (text for text in ax.texts if text.get_text().startswith("$k"))
        assert first.xy[1] == curves[0].get_ydata()[-1] and last.xy[1] == curves[-1].get_ydata()[-1]
        assert (first.get_text(), last.get_text()) == ("$k = 0$", f"$k = {N - 1}$")
        states = net.states(x[:50])
        for k in (0, N // 2, N - 1):
            M = by_complex_step(net.maps[1 + k : -1], states[1 + k])
            largest = np.linalg.svd(M, compute_uv=False)[:, 0]
            assert curves[k].get_ydata()[-1] == pytest.approx(np.median(largest), rel=1e-9)
            if layer is vanishing_gradients.symplectic:
                assert largest.min() >= 1
        least = min(curve.get_ydata().min() for curve in curves)
        *_, said = re.findall(r"\d[^ $]*", ax.get_title())
        if layer is vanishing_gradients.symplectic:
            assert said == "1" and "theorem" in ax.get_title() and least >= 1
        else:
            assert number(said) <= least <= number(said) + 0.01
            assert (r"\geq" in ax.get_title()) == (least >= 1)
        # the share of the points on a pixel of their own class
        [image], [points] = plane.images, plane.collections
        pixels = image.get_array()
        spots = mpl.colors.to_rgba_array([f"C{label}" for label in y])
        np.testing.assert_allclose(points.get_facecolors(), spots, atol=1 / 255)
        np.testing.assert_allclose(
            image.cmap([0, 1]), mpl.colors.to_rgba_array(["C0", "C1"]), atol=1 / 255
        )
        column, row = np.floor((points.get_offsets().T + 1.15) / 2.3 * len(pixels)).astype(int)
        right = 100 * (pixels[row, column] == y).mean()
        assert float(plane.get_title().split(" ")[0]) == pytest.approx(right, abs=3)


def test_a_symplectic_jacobian_does_not_shrink_and_a_plain_layer_may(rng):
    """MᵀJM = J, so the singular values come in pairs s, 1/s: for all parameters, and twelve layers."""
    J = np.kron([[0, 1], [-1, 0]], np.eye(2))
    for scale in (0.1, 1.0, 3.0):
        layers = [vanishing_gradients.symplectic(rng, 0.2) for _ in range(12)]
        for layer in layers:
            layer.theta = scale * layer.theta
        net = dnn.Network(dnn.Lift(4, 2), *layers, dnn.Affine(2, 4, rng=rng))
        x = rng.normal(size=(20, 2))
        M = by_complex_step(layers, dnn.Lift(4, 2)(x))
        size = np.linalg.norm(M, 2, axis=(-2, -1))
        assert (
            np.abs(M.swapaxes(-1, -2) @ J @ M - J).max() < 1e-12 * (1 + size.max() ** 2)
            and size.min() >= 1
        )
        s = np.linalg.svd(M, compute_uv=False)
        np.testing.assert_allclose(s[:, 0] * s[:, -1], 1, rtol=1e-6)
        np.testing.assert_allclose(vanishing_gradients.norms(net, x)[0], size, rtol=1e-9)
    plain = [vanishing_gradients.mlp(rng, None) for _ in range(12)]
    for layer in plain:
        layer.A.theta = 0.5 * layer.A.theta
    net = dnn.Network(dnn.Lift(4, 2), *plain, dnn.Affine(2, 4, rng=rng))
    bound = np.prod([np.linalg.norm(layer.A.W, 2) for layer in plain])
    assert vanishing_gradients.norms(net, x)[0].max() <= bound < 0.1


# ---- a learned Hamiltonian

FORCES = {
    "pendulum": (lambda q: -np.sin(q), lambda q: -np.cos(q)),
    "double_well": (lambda q: q - q**3, lambda q: (q**2 - 1) ** 2 / 4 - 1 / 4),
}


@pytest.mark.parametrize(
    "options",
    [{}, dict(system="double_well", reach=1.5, pairs=200, noise=0.01, steps=2, seed=1)],
    ids=str,
)
def test_a_learned_solution_and_its_potential_are_as_far_off_as_is_said(options):
    fig = learned_hamiltonian.make(quick=True, **options)
    (left, right), reach = fig.axes, options.get("reach", 2.0)
    force, V = FORCES[options.get("system", "pendulum")]

    true, dots = left.lines
    t, found = dots.get_data()
    q0 = true.get_ydata()[0]
    assert q0 in (0.4 * reach, 0.8 * reach) and abs(force(q0)) > 0.1
    exact = solve_ivp(
        lambda _, x: [x[1], force(x[0])],
        (0, t[-1]),
        [q0, 0],
        "DOP853",
        t,
        rtol=1e-11,
        atol=1e-11,
    ).y[0]
    np.testing.assert_allclose(true.get_ydata()[::10][1:], exact, atol=1e-7)
    end, error, drift = numbers(left.get_title())
    name = learned_hamiltonian.LABELS[options.get("system", "pendulum")]
    assert f"the {name}," in left.get_title()
    colours = {line.get_label(): line.get_color() for line in right.lines}
    assert [true.get_color(), dots.get_color()] == [colours["true"], colours["learned"]]
    assert end == t[-1] == 60 and error == one_digit(found - exact)

    net = learned_hamiltonian.train(
        options.get("system", "pendulum"), reach, options.get("pairs", 1000), options.get("noise", 0.0), options.get("steps", 4), options.get("seed", 0), 50,
    )  # fmt: skip
    x, h, energies = np.array([q0, 0.0]), 0.4 / options.get("steps", 4), []
    X = net[0].field
    for q in found:  # kick, drift, kick
        for _ in range(options.get("steps", 4)):
            x[1:] += h / 2 * X.g(x[:1])
            x[:1] += h * X.f(x[1:])
            x[1:] += h / 2 * X.g(x[:1])
        assert x[0] == pytest.approx(q, abs=1e-9)
        energies.append(x[1] ** 2 / 2 + V(x[0]))
    assert drift == one_digit(np.array(energies) - V(q0))

    curves = {line.get_label(): line.get_xydata().T for line in right.lines}
    q, height = curves["learned"]
    np.testing.assert_allclose(np.diff(curves["true"][1]), np.diff(V(q)), atol=1e-12)
    np.testing.assert_allclose(
        height - height[0], cumulative_trapezoid(-X.g(q[:, None])[:, 0], q, initial=0), atol=2e-3
    )
    inside = np.abs(q) <= reach
    assert curves["true"][1][inside].mean() == pytest.approx(0, abs=1e-12) == height[inside].mean()
    pairs, error = numbers(right.get_title())
    off = height - curves["true"][1]
    assert pairs == options.get("pairs", 1000) and error == one_digit(off[inside])
    [bar] = right.collections
    (low, _), (high, _) = bar.get_segments()[0]
    pairs = learned_hamiltonian.seen(*(options.get(k, d) for k, d in dict(
        system="pendulum", reach=2.0, pairs=1000, noise=0.0, seed=0).items()))  # fmt: skip
    assert (low, high) == (np.min(pairs, axis=(0, 1))[0], np.max(pairs, axis=(0, 1))[0])


def test_the_pairs_are_of_the_true_flow_and_stay_within_reach():
    x, y = learned_hamiltonian.seen("pendulum", 2.0, 200, 0.0, 0)
    assert x.shape == y.shape == (200, 2) and np.abs([x, y]).max(axis=(0, 1))[0] <= 2 + 1e-3
    energy = dnn.systems.pendulum().invariants["energy"]
    np.testing.assert_allclose(energy(x), energy(y), atol=1e-12)
    np.testing.assert_allclose(y, dnn.exact_flow(dnn.systems.pendulum(), x, 0.4), atol=1e-12)


def test_what_is_learned_is_the_potential_of_the_steps():
    """Kick, drift, kick with T = a p²/2 and V = c q²/2 is the rotation by h if 1 − ac h²/2 = cos h and a h = sin h: c = tan(h/2)/(h/2), not 1."""
    h, q = learned_hamiltonian.PAUSE, np.linspace(-2, 2, 41)
    X = learned_hamiltonian.train("oscillator", 2.0, 300, 0.0, 1, 0, 150)[0].field
    curvature = 2 * np.polyfit(q, X.g.potential(q[:, None]), 2)[0]
    assert curvature == pytest.approx(np.tan(h / 2) / (h / 2), abs=1e-3) and curvature > 1.01
    assert 2 * np.polyfit(q, X.f.potential(q[:, None]), 2)[0] == pytest.approx(
        np.sin(h) / h, abs=1e-3
    )
