"""The figures of attacks and certificates say what their networks do: no attack breaks a certificate, and every number and word is computed anew."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dynsys_nn import lipschitz
from dynsys_nn.plotting.images import image
from figures import adversarial_example, growing_attack, robust_accuracy
from figures.live import attack as live_attack


def quick(kind, seed=0):
    """The network that a quick figure trains."""
    return robust_accuracy.train(robust_accuracy.NAMED[kind], seed, 0, 400)


def answer(net, *states):
    return int(net(sum(states)).argmax())


def by_hand(net, x):
    """The certified radius of a gradient flow, whose layers are 1-Lipschitz: the least (z_k − z_j)/‖w_k − w_j‖."""
    for F in net.maps[:-1]:
        assert F.h == 2 and np.linalg.norm(F.field.A.W, 2) <= 1 + 1e-12
    z, W = net(x), net.maps[-1].A.W
    k = z.argmax(axis=-1)
    widths = np.linalg.norm(W[k][:, None] - W, axis=-1)
    return np.where(widths > 0, (z.max(axis=-1)[:, None] - z) / np.maximum(widths, 1e-300), np.inf).min(axis=-1)  # fmt: skip


@pytest.mark.parametrize("options", [dict(eps=0.1, eps_max=0.5, seed=1)])
def test_what_is_certain_survives_and_is_counted_by_hand(options):
    words = dict(
        title="<least:.9f> <most:.9f> <best>, <worst>", panel="<constant>, <name>", digits="<n>"
    )
    kinds = ("resnet", "gradient_flow")
    fig = robust_accuracy.make(quick=True, kinds=kinds, **options, labels=words)
    seed, eps = options.get("seed", 0), options.get("eps", 0.3)
    _, _, x, y = robust_accuracy.data(seed)
    x, y, counted = x[:100], y[:100], []
    for ax, kind in zip(fig.axes, kinds, strict=True):
        net = quick(kind, seed)
        certified, attacked, mark = ax.lines
        grid, right = certified.get_xdata(), net(x).argmax(axis=-1) == y
        assert grid[-1] == options.get("eps_max", 1)
        assert np.all(certified.get_ydata() <= attacked.get_ydata())
        assert attacked.get_ydata()[0] == pytest.approx(100 * right.mean())
        assert np.all(np.diff(attacked.get_ydata()) <= 0)
        if kind == "gradient_flow":
            radius = by_hand(net, x)
            fraction = [100 * np.mean(right & (radius > e)) for e in [*grid, eps]]
            np.testing.assert_allclose([*certified.get_ydata(), mark.get_ydata()[1]], fraction)
        counted.append(mark.get_ydata()[1])
        constant, name = ax.get_title().split(", ")
        assert float(constant) >= net.lipschitz() - 1e-9
        assert float(constant) == pytest.approx(net.lipschitz(), rel=0.01)
        assert name == robust_accuracy.LABELS[kind]
    least, most, best = fig.get_suptitle().split(maxsplit=2)
    assert [float(least), float(most)] == pytest.approx(sorted(counted))
    assert best == "gradient flow, ResNet"  # the larger of the two, here, and the other
    assert fig.axes[0].get_ylabel() == "100"
    plt.close(fig)


@pytest.mark.parametrize("options", [dict(eps=1.5), dict(eps=0.02, image=3, seed=1)])
def test_the_sentence_over_an_attack_is_what_the_networks_say(options):
    sentences = {key: key for key, words in adversarial_example.LABELS.items() if "<eps>" in words}
    names = dict.fromkeys(("says", "truth"), "<name>")
    names |= dict(
        right="<name> right",
        wrong="<name> wrong",
        delta="<times>",
        certain="<radius>",
        uncertain="0",
    )
    fig = adversarial_example.make(quick=True, **options, labels={**sentences, **names})
    eps, seed = options.get("eps", 0.3), options.get("seed", 0)
    flips, y = [], int(fig.axes[5].get_xlabel())
    for row, kind in ((fig.axes[:4], "resnet"), (fig.axes[4:], "gradient_flow")):
        net = quick(kind, seed)
        x, delta = (np.asarray(ax.images[0].get_array()).ravel() for ax in row[1:3])
        assert np.linalg.norm(delta) <= eps * (1 + 1e-12)
        after, does = row[3].get_title().split()
        said = [int(row[1].get_title()), int(after)]
        assert does == ("right" if said[1] == y else "wrong")
        assert row[3].title.get_color() == ("C0" if said[1] == y else "C1")
        assert float(row[2].get_title()) * np.abs(delta).max() == pytest.approx(1, rel=0.05)
        certain = float(row[0].texts[1].get_text())
        assert certain <= lipschitz.certified_radius(net, x) <= certain * 1.02
        assert said == [answer(net, x), answer(net, x, delta)] and said[0] == y
        flips.append(said[0] != said[1])
        if kind == "gradient_flow":
            radius = by_hand(net, x[None])[0]
            assert eps >= radius or not flips[-1]
    expected = {(True, True): "both", (False, False): "neither", (False, True): "other way round"}
    certain = "flips, cannot flip" if eps < radius else "flips, not flipped"
    assert fig.get_suptitle() == expected.get(tuple(flips), certain)
    plt.close(fig)


@pytest.mark.parametrize("options", [dict(eps=(0, 0.05, 0.3, 3), image=2, seed=1)])
def test_a_growing_attack_wins_only_beyond_the_certified_radius(options):
    words = dict(falls="<radius> <fall>", stands="<radius> inf", says="<name>", truth="<name>")
    fig = growing_attack.make(quick=True, **options, labels=words)
    eps, seed = options.get("eps", growing_attack.make.defaults["eps"]), options.get("seed", 0)
    rows = np.array(fig.axes).reshape(2, -1)
    y = int(rows[0, 0].texts[-1].get_text())
    numbers = []
    for row, kind in zip(rows, ("resnet", "gradient_flow"), strict=True):
        net = quick(kind, seed)
        radius, fall = map(float, row[0].texts[1].get_text().split())
        numbers.append((radius, fall))
        images = [np.asarray(ax.images[0].get_array()).ravel() for ax in row[1:]]
        assert answer(net, images[0]) == y and radius <= fall
        for size, ax, x_adv in zip(eps, row[1:], images, strict=True):
            assert np.linalg.norm(x_adv - images[0]) <= size * (1 + 1e-12)  # clipping leads nearer
            state = (
                "certain" if size < radius else "not known" if int(ax.get_title()) == y else "wrong"
            )
            shown = {"C0": "certain", "C1": "wrong"}.get(ax.title.get_color(), "not known")
            assert shown == state
            assert ax.get_xlabel() == state and (size >= radius or int(ax.get_title()) == y)
            assert (state == "wrong") == (size >= fall) or abs(size - fall) < 0.02
        if kind == "gradient_flow":
            largest = by_hand(net, images[0][None])[0]
            assert 0.99 * largest < radius <= largest
    (_, first), (certain, _) = numbers
    assert f"{first:g}" in fig.get_suptitle() and (f"{certain:g}" in fig.get_suptitle()) == (
        certain > first
    )
    plt.close(fig)


def test_the_strongest_attack_goes_on_where_another_has_won():
    net, (_, _, x, y) = quick("resnet"), robust_accuracy.data()
    k = np.flatnonzero(net(x).argmax(axis=-1) == y)[0]
    eps = np.array([0.0, 0.5, 1.0, 2.0])
    found = adversarial_example.strongest(net, x[k], y[k], eps)
    margin = [np.delete(z, y[k]).max() - z[y[k]] for z in net(found)]
    distance = np.linalg.norm(found - x[k], axis=-1)
    assert np.all(distance <= eps * (1 + 1e-12)) and np.all(distance > 0.9 * eps - 1e-12)
    assert margin[0] < 0 < margin[1] < margin[2] < margin[3]


def test_no_attack_leads_below_the_line_of_the_certificate(monkeypatch):
    monkeypatch.setattr(live_attack, "train", lambda kind, **_: quick(kind.__name__))
    monkeypatch.setattr(live_attack, "GRID", np.linspace(0, 0.8, 9))
    fig = plt.figure()
    update = live_attack.start(fig)
    curves = fig.axes[0].lines
    for digit in (3, 4, 7):
        for eps in live_attack.GRID:
            said = update(eps, digit)
            assert len(said) <= 95
            for k, kind in enumerate(("resnet", "gradient_flow")):
                bound, curve, dot = curves[1 + 3 * k : 4 + 3 * k]
                shown = np.asarray(fig.axes[1 + k].images[0].get_array()).ravel()
                (_, _), (last, height) = bound.get_xydata()
                below = 1 - curve.get_xdata() * (1 - height) / last
                inside = curve.get_xdata() <= last
                assert np.all(curve.get_ydata()[inside] >= below[inside] - 1e-9)
                wrong = dot.get_ydata()[0] < 0
                assert dot.get_xdata()[0] == pytest.approx(eps)
                is_certain = eps * (1 - height) < last
                words = "certain" if is_certain else "wrong" if wrong else "not known"
                assert words in said.split(", the")[k]
                assert wrong == ("wrong" in fig.axes[1 + k].texts[0].get_text())
                if not eps:
                    assert answer(quick(kind), shown) == digit and dot.get_ydata()[0] == 1
                    if kind == "gradient_flow":
                        radius = by_hand(quick(kind), shown[None])[0]
                        assert last / (1 - height) == pytest.approx(radius)
    plt.close(fig)


def test_an_image_is_drawn_within_its_range_and_refused_in_another_shape():
    _, (left, right) = plt.subplots(1, 2)
    np.testing.assert_array_equal(
        image([-0.5, 0.5, 0, 2], (2, 2), left).get_array(), [[0, 0.5], [0, 1]]
    )
    assert image([0.4, 0.5], (1, 2), right).get_clim() == (0, 1)
    [grey] = left.images
    assert (
        grey.get_clim() == (0, 1)
        and grey.cmap(0.0)[:3] == (1, 1, 1)
        and grey.cmap(1.0)[:3] == (0, 0, 0)
    )
    colours = np.arange(12) / 11
    pixels = image(colours, (3, 2, 2), right).get_array()
    np.testing.assert_array_equal(pixels[1, 0], colours[[2, 6, 10]])
    with pytest.raises(ValueError, match="of 4 pixels, got"):
        image(np.ones(4), (3, 3))
    plt.close("all")
