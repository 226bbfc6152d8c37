"""Certificates hold, attacks are strong, and the two never cross."""

import copy
from fractions import Fraction

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights


def gradient_flow(rng, d=8, layers=4, labels=3, dim_in=2):
    """A 1-Lipschitz network, untrained, with random biases, the last ones such that the labels are mixed."""
    fields = [dnn.GradientField(dnn.Dense(d, d, rng=rng), dnn.ReLU()) for _ in range(layers)]
    for X in fields:
        X.A.orthogonalise()
        X.b = 0.5 * rng.normal(size=d)
    last = dnn.Affine(labels, d, rng=rng)
    last.orthogonalise()
    net = dnn.Network(dnn.Lift(d, dim_in), *[dnn.Flow(X, 2.0) for X in fields], last)
    last.b = -net(2 * rng.normal(size=(100, dim_in))).mean(axis=0)
    return net


def classifier(rng, labels=4, d=6):
    return dnn.Network(dnn.Affine(labels, d, rng=rng, b=0.3 * rng.normal(size=labels)))


def labels_of(net, x):
    return np.argmax(net(x), axis=-1)


def distances(net, x, norm=2):
    """The exact distance of each x from the nearest boundary of an affine classifier: min_j (z_k − z_j)/‖w_k − w_j‖*."""
    [A] = net.maps
    z, k = net(x), labels_of(net, x)
    difference = A.W[k][..., None, :] - A.W
    size = np.linalg.norm(difference, axis=-1) if norm == 2 else np.abs(difference).sum(axis=-1)
    gap = z[np.arange(len(x)), k][:, None] - z
    return np.where(size > 0, gap / np.where(size > 0, size, 1), np.inf).min(axis=-1)


# ---- certificates


def test_the_pairwise_radius_of_an_affine_classifier_is_the_distance_of_the_boundary(rng):
    net, x = classifier(rng), rng.normal(size=(50, 6))
    radius = lipschitz.certified_radius(net, x)
    np.testing.assert_allclose(radius, distances(net, x), rtol=1e-13)
    assert (radius <= distances(net, x)).all()  # rounded inward
    assert (lipschitz.certified_radius(net, x, pairwise=False) <= radius).all()


def test_the_radius_from_the_margin_is_its_formula(rng):
    net, x = (
        dnn.Network(
            dnn.Flow(dnn.GradientField(dnn.Dense(5, 4, rng=rng), dnn.Tanh()), 0.3),
            dnn.Dense(3, 4, rng=rng),
        ),
        rng.normal(size=(7, 2, 4)),
    )
    z = np.sort(net(x), axis=-1)
    margin = (z[..., -1] - z[..., -2]) / (np.sqrt(2) * net.lipschitz())
    np.testing.assert_allclose(
        lipschitz.certified_radius(net, x, pairwise=False), margin, rtol=1e-13
    )
    assert lipschitz.certified_radius(net, x).shape == (7, 2)
    assert lipschitz.certified_radius(net, x[0, 0]).shape == ()


def test_the_pairwise_radius_multiplies_all_linear_maps_at_the_end_and_opens_nested_networks(rng):
    X = dnn.GradientField(dnn.Dense(5, 4, rng=rng), dnn.Tanh())
    flat = dnn.Network(dnn.Flow(X, 0.3), dnn.Affine(5, 4, rng=rng), dnn.Restriction(3, 5))
    nested = dnn.Network(copy.deepcopy(flat.maps[0]), dnn.Network(*copy.deepcopy(flat.maps[1:])))
    x = rng.normal(size=(9, 4))
    radius = lipschitz.certified_radius(flat, x)
    np.testing.assert_array_equal(lipschitz.certified_radius(nested, x), radius)
    rows = np.eye(3) @ flat.maps[2].jacobian(np.zeros(5)) @ flat.maps[1].W
    z, k = flat(x), labels_of(flat, x)
    expected = [
        min((z[n, k[n]] - z[n, j]) / np.linalg.norm(rows[k[n]] - rows[j]) for j in range(3) if j != k[n]) for n in range(9)
    ]  # fmt: skip
    np.testing.assert_allclose(radius, np.array(expected) / flat.maps[0].lipschitz(), rtol=1e-12)
    assert (lipschitz.certified_radius(flat, x, pairwise=False) < radius).all()


def test_where_no_linear_map_ends_the_network_the_margin_decides(rng):
    net, x = (
        dnn.Network(
            dnn.Dense(4, 3, rng=rng),
            dnn.Flow(dnn.GradientField(dnn.Dense(4, 4, rng=rng), dnn.Tanh()), 0.1),
        ),
        rng.normal(size=(5, 3)),
    )
    np.testing.assert_array_equal(
        lipschitz.certified_radius(net, x), lipschitz.certified_radius(net, x, pairwise=False)
    )


def test_equal_rows_of_the_last_map_change_no_label(rng):
    """z₁ − z₀ = 1 whatever x is: certain, as far as numbers go. Equal logits: certain nowhere."""
    x = rng.normal(size=(4, 2))
    sure = dnn.Network(dnn.Affine(2, 2, W=[[1, 2], [1, 2]], b=[0.0, 1.0]))
    assert (lipschitz.certified_radius(sure, x) > 1e14).all()  # 1 over rounding
    tie = dnn.Network(dnn.Affine(2, 2, W=[[1, 2], [1, 2]]))
    assert (lipschitz.certified_radius(tie, x) == 0).all()


def test_certified_accuracy_counts_right_labels_whose_radius_is_larger(rng):
    net, x = classifier(rng), rng.normal(size=(40, 6))
    y = labels_of(net, x)
    y[:10] = (y[:10] + 1) % 4
    radius = lipschitz.certified_radius(net, x)
    eps = np.array([[0.0, 0.1], [0.3, 10.0]])
    expected = [[((radius > e) & (np.arange(40) >= 10)).mean() for e in row] for row in eps]
    np.testing.assert_array_equal(lipschitz.certified_accuracy(net, x, y, eps), expected)
    assert lipschitz.certified_accuracy(net, x, y, 0.0) == 0.75
    margin = lipschitz.certified_radius(net, x, pairwise=False)
    between = np.median((radius + margin)[10:]) / 2
    assert (
        lipschitz.certified_accuracy(net, x, y, between, pairwise=False)
        == (margin[10:] > between).sum() / 40
    )
    assert (
        lipschitz.certified_accuracy(net, x.reshape(8, 5, 6), y.reshape(8, 5), 0.1)
        == expected[0][1]
    )


def test_rows_that_cancel_in_the_product_of_two_maps_are_rounded_outward():
    """w₁ − w₀ = (0.1, 1e-9), of which 1e8 · (1 + 1e-9) − 1e8 has lost half of the digits, and 1e-3 as the gap."""
    net = dnn.Network(
        dnn.Dense(2, 2, W=[[1e8, 0], [1, 0]]),
        dnn.Affine(2, 2, W=[[1, 1], [1, 1 + 1e-9]], b=[1e-3, 0]),
    )
    assert lipschitz.certified_radius(net, np.zeros(2)) <= 1e6


def test_the_radius_is_rounded_inward_to_the_last_digit(rng):
    """Against the exact distance, in fractions."""
    for _ in range(200):
        w, b = rng.normal(size=(2, 2)), rng.normal(size=2)
        net = dnn.Network(dnn.Affine(2, 2, W=w, b=b))
        r = Fraction(float(lipschitz.certified_radius(net, np.zeros(2))))
        gap = abs(Fraction(b[0]) - Fraction(b[1]))
        square = sum((Fraction(w[0, i]) - Fraction(w[1, i])) ** 2 for i in range(2))
        assert r * r * square <= gap * gap


def test_float32_radii_are_below_those_of_the_stored_weights(rng):
    for _ in range(50):
        maps = [
            dnn.Dense(5, 5, rng=rng, dtype=np.float32),
            dnn.Affine(3, 5, rng=rng, dtype=np.float32),
        ]
        net, x = dnn.Network(*maps), rng.normal(size=(20, 5)).astype(np.float32)
        rows, z = maps[1].W.astype(float) @ maps[0].W.astype(float), net(x).astype(float)
        k = z.argmax(axis=-1)
        gap = np.where(np.arange(3) == k[:, None], np.inf, z[np.arange(20), k][:, None] - z)
        slope = np.linalg.norm(rows[k][:, None] - rows, axis=-1)
        slope[np.arange(20), k] = 1
        assert (lipschitz.certified_radius(net, x) <= (gap / slope).min(axis=-1)).all()


# ---- attacks


@pytest.mark.parametrize("box", [None, (0.1, 0.9)])
@pytest.mark.parametrize("norm", [2, np.inf])
def test_attacks_stay_in_the_ball_and_in_the_box(norm, box, rng):
    net, x = classifier(rng), rng.uniform(0.1, 0.9, (5, 8, 6))
    y, eps = labels_of(net, x), rng.uniform(0, 0.5, (5, 8))
    for attack in (
        dnn.PGD(eps, 20, 3, norm, box),
        dnn.FGM(eps, norm, box),
        dnn.PublishedPGD(eps, norm, box),
    ):
        x_adv = attack(net, x, y)
        assert x_adv.shape == x.shape and np.abs(x_adv - x).max() > 0.01
        assert (np.linalg.norm(x_adv - x, norm, axis=-1) <= eps * (1 + 1e-12)).all()
        assert box is None or (0.1 <= x_adv.min() and x_adv.max() <= 0.9)
    x_adv, size = attacks.smallest_perturbation(net, x, y, norm, bisections=5, steps=10, box=box)
    assert np.isfinite(size).any() and (box is None or (0.1 <= x_adv.min() and x_adv.max() <= 0.9))


@pytest.mark.parametrize("norm", [2, np.inf])
def test_on_an_affine_classifier_pgd_succeeds_exactly_where_the_boundary_is_nearer_than_eps(
    norm, rng
):
    net, x = classifier(rng), rng.normal(size=(400, 6))
    y, exact = labels_of(net, x), distances(net, x, norm)
    for eps in (0.03, 0.1, 0.3):
        fooled = labels_of(net, dnn.PGD(eps, norm=norm)(net, x, y)) != y
        assert not fooled[exact > eps].any()
        assert fooled[exact < 0.97 * eps].all()
        assert abs(fooled.mean() - (exact < eps).mean()) < 0.01


@pytest.mark.parametrize("norm", [2, np.inf])
def test_one_step_is_enough_between_two_classes(norm, rng):
    net, x = classifier(rng, labels=2), rng.normal(size=(300, 6))
    y, exact = labels_of(net, x), distances(net, x, norm)
    for eps in (0.1, 0.5):
        fooled = labels_of(net, dnn.FGM(eps, norm)(net, x, y)) != y
        np.testing.assert_array_equal(
            fooled[np.abs(exact - eps) > 1e-9], exact[np.abs(exact - eps) > 1e-9] < eps
        )


def test_the_published_setting_travels_a_quarter_of_the_ball(rng):
    net, x = classifier(rng, labels=2), rng.normal(size=(100, 6))
    y, exact = labels_of(net, x), distances(net, x)
    x_adv = dnn.PublishedPGD(1.0)(net, x, y)
    assert np.linalg.norm(x_adv - x, axis=-1).max() == pytest.approx(0.25)
    fooled = labels_of(net, x_adv) != y
    np.testing.assert_array_equal(
        fooled[np.abs(exact - 0.25) > 1e-9], exact[np.abs(exact - 0.25) > 1e-9] < 0.25
    )


def test_restarts_help_where_the_gradient_vanishes(rng):
    """Around 0 the network is flat; outside a small ball the label changes."""
    step = dnn.ResidualField(
        dnn.Dense(2, 1, W=[[1.0], [-1.0]]), dnn.ReLU(), dnn.Dense(1, 2, W=[[10.0, 10.0]])
    )
    step.b = -0.5 * np.ones(2)  # 10(|x| − ½)₊
    net = dnn.Network(step, dnn.Affine(2, 1, W=[[-1.0], [1.0]], b=[0.5, -0.5]))
    x, y = np.zeros((20, 1)), np.zeros(20, int)
    assert attacks.accuracy(net, dnn.PGD(1.0, restarts=1), x, y) == 1
    assert attacks.accuracy(net, dnn.PGD(1.0, restarts=8), x, y) == 0


def test_the_box_is_part_of_the_ascent_and_not_of_its_end_alone():
    """2x₁ + x₂ has to grow by 0.6 from (0.9, 0), and x₁ ≤ 1: along x₂ it can, by 0.69; the straight way, cut off, gives 0.42."""
    net = dnn.Network(dnn.Affine(2, 2, W=[[0, 0], [2, 1]], b=[0, -2.4]))
    x, y = np.array([[0.9, 0.0]]), np.array([0])
    assert attacks.accuracy(net, dnn.PGD(0.5, box=(0, 1)), x, y) == 0
    assert attacks.accuracy(net, dnn.FGM(0.5, box=(0, 1)), x, y) == 1


def test_random_starts_fill_the_ball_of_eps(rng):
    """Flat up to 2, and ε = 3: a start in the unit ball would never find the slope."""
    step = dnn.ResidualField(
        dnn.Dense(2, 1, W=[[1.0], [-1.0]]), dnn.ReLU(), dnn.Dense(1, 2, W=[[10.0, 10.0]])
    )
    step.b = -2 * np.ones(2)
    net = dnn.Network(step, dnn.Affine(2, 1, W=[[-1.0], [1.0]], b=[0.5, -0.5]))
    assert (
        attacks.accuracy(net, dnn.PGD(3.0, restarts=10), np.zeros((20, 1)), np.zeros(20, int)) == 0
    )


def test_every_runner_up_is_tried_once_and_then_random_starts(rng):
    """Three labels: the first ascent follows the nearest, the second goes for the other, no third one repeats them."""
    net, x = classifier(rng, labels=3), rng.normal(size=(300, 6))
    y, exact = labels_of(net, x), distances(net, x)
    fooled = labels_of(net, dnn.PGD(0.3, restarts=2)(net, x, y)) != y
    assert fooled[exact < 0.29].all() and not fooled[exact > 0.3].any()
    assert attacks.runners_up(np.array([[0.1, 0.5, 0.3, 0.4]]), np.array([1])).tolist() == [
        [3, 2, 0]
    ]


def test_a_tie_is_wrong_for_the_second_label_and_falls_for_the_first(rng):
    net = dnn.Network(dnn.Affine(2, 2, W=[[1.0, 0], [0, 1.0]]))
    x = np.array([[0.5, 0.5]])
    np.testing.assert_array_equal(dnn.PGD(0.1)(net, x, np.array([1])), x)
    assert attacks.accuracy(net, None, x, np.array([1])) == 0
    assert attacks.accuracy(net, dnn.PGD(0.1), x, np.array([0])) == 0
    assert lipschitz.certified_accuracy(net, x, np.array([0]), 0.0) == 0  # certain of nothing


def test_float32_and_vanishing_gradients_raise_no_warning(rng):
    net = dnn.Network(
        dnn.Dense(3, 3, rng=rng, dtype=np.float32),
        dnn.Dense(2, 3, W=np.zeros((2, 3)), dtype=np.float32),
    )
    x = rng.normal(size=(5, 3)).astype(np.float32)
    with np.errstate(all="raise", under="ignore"):
        x_adv = dnn.PGD(0.1, steps=3)(net, x, np.zeros(5, int))
        assert lipschitz.measured(net, x) == 0
    assert x_adv.dtype == np.float32


def test_samples_that_are_wrong_already_stay_and_eps_zero_changes_nothing(rng):
    net, x = classifier(rng), rng.normal(size=(30, 6))
    y = labels_of(net, x)
    wrong = (y + 1) % 4
    np.testing.assert_array_equal(dnn.PGD(0.5)(net, x, wrong), x)
    np.testing.assert_array_equal(dnn.PGD(0.0)(net, x, y), x)
    before = x.copy()
    dnn.PGD(0.5)(net, x, y)
    np.testing.assert_array_equal(x, before)


def test_an_ascent_stops_where_the_label_fell(rng):
    """Not a whole step beyond the boundary, however large ε is."""
    net, x = classifier(rng, labels=2), rng.normal(size=(50, 6))
    y, exact = labels_of(net, x), distances(net, x)
    eps = 2 * exact
    size = np.linalg.norm(dnn.PGD(eps)(net, x, y) - x, axis=-1)
    assert (exact * (1 - 1e-12) <= size).all() and (
        size <= exact + 2.5 * eps / 50 * (1 + 1e-9)
    ).all()


def test_where_no_label_falls_the_smallest_margin_is_returned(rng):
    net, x = classifier(rng, labels=2), rng.normal(size=(30, 6))
    y, exact = labels_of(net, x), distances(net, x)
    eps = 0.5 * exact
    x_adv = dnn.PGD(eps)(net, x, y)
    assert (labels_of(net, x_adv) == y).all()
    np.testing.assert_allclose(
        distances(net, x_adv), 0.5 * exact, rtol=1e-9
    )  # straight to the boundary


def test_the_same_seed_is_the_same_attack(rng):
    net, x = gradient_flow(rng), rng.normal(size=(20, 2))
    y = labels_of(net, x)
    np.testing.assert_array_equal(dnn.PGD(0.4, 5)(net, x, y), dnn.PGD(0.4, 5)(net, x, y))


def test_starts_are_uniform_in_the_ball(rng):
    for norm in (2, np.inf):
        u = dnn.PGD(1.0, norm=norm).random_point(rng, (20_000, 3))
        size = np.linalg.norm(u, norm, axis=-1)
        assert size.max() <= 1 and np.abs(u.mean(axis=0)).max() < 0.02
        np.testing.assert_allclose(
            np.quantile(size, [0.25, 0.5]) ** 3, [0.25, 0.5], atol=0.02
        )  # volume


# ---- the two together


def test_no_attack_succeeds_inside_the_certified_radius(rng):
    for _ in range(5):
        net = gradient_flow(rng)
        x = 2 * rng.normal(size=(200, 2))
        y, radius = labels_of(net, x), lipschitz.certified_radius(net, x)
        for scale in (0.5, 0.99, 1 - 1e-9):
            assert attacks.accuracy(net, dnn.PGD(scale * radius, 30, 3), x, y) == 1
        assert attacks.accuracy(net, dnn.PGD(3 * radius, 30, 3), x, y) < 0.9  # and outside they do


def test_a_bound_that_is_too_small_is_beaten_by_the_attack(rng):
    """The guard of the guard: with half the constant the certificates are wrong, and the attack shows it."""

    class Boaster(dnn.Network):
        def lipschitz(self):
            return super().lipschitz() / 2

    net = gradient_flow(rng)
    boaster = Boaster(*copy.deepcopy(net.maps))
    x = 2 * rng.normal(size=(200, 2))
    y, radius = labels_of(net, x), lipschitz.certified_radius(boaster, x, pairwise=False)
    assert attacks.accuracy(boaster, dnn.PGD(0.99 * radius, 30, 3), x, y) < 1


def test_certified_below_attacked_below_clean_and_all_fall_with_eps(rng):
    net, x = gradient_flow(rng), 2 * rng.normal(size=(150, 2))
    y = labels_of(net, x)
    y[:20] = (y[:20] + 1) % 3
    eps = np.array([0.0, 0.4, 0.1, 0.2])  # in any order
    certified = lipschitz.certified_accuracy(net, x, y, eps)
    attacked = attacks.attacked_accuracy(net, x, y, eps, lambda e: dnn.PGD(e, 20, 2))
    order = np.argsort(eps)
    assert (
        (certified <= attacked).all()
        and (np.diff(attacked[order]) <= 0).all()
        and (np.diff(certified[order]) <= 0).all()
    )
    assert certified[0] == attacked[0] == attacks.accuracy(net, None, x, y) == 130 / 150
    assert attacks.attacked_accuracy(net, x, y, 0.4) <= attacked[1] + 0.02
    weak = attacks.attacked_accuracy(net, x, y, 0.4, dnn.PublishedPGD)
    assert weak >= attacks.accuracy(net, dnn.PGD(0.1, 20, 2), x, y)


def test_a_label_that_fell_stays_fallen(rng):
    class Moody(dnn.PGD):
        """Fails at the larger ε."""

        def __call__(self, net, x, y):
            return super().__call__(net, x, y) if self.eps < 0.5 else x

    net, x = classifier(rng), rng.normal(size=(100, 6))
    y = labels_of(net, x)
    small, large = attacks.attacked_accuracy(net, x, y, np.array([0.3, 0.9]), Moody)
    assert small == large < 1


@pytest.mark.parametrize("norm", [2, np.inf])
def test_the_smallest_perturbation_of_an_affine_classifier_is_the_distance_of_the_boundary(
    norm, rng
):
    net, x = classifier(rng), rng.normal(size=(40, 6))
    y, exact = labels_of(net, x), distances(net, x, norm)
    y[0] = (y[0] + 1) % 4
    x_adv, size = attacks.smallest_perturbation(net, x, y, norm=norm, largest=5.0)
    assert size[0] == 0 and np.array_equal(x_adv[0], x[0])
    np.testing.assert_allclose(size[1:], exact[1:], rtol=5e-3, atol=5e-4)
    assert (size[1:] >= exact[1:] * (1 - 1e-12)).all()
    np.testing.assert_allclose(np.linalg.norm(x_adv - x, norm, axis=-1), size)
    assert (labels_of(net, x_adv) != y).all()


def test_the_smallest_perturbation_is_infinite_where_none_is_found_and_never_below_the_certificate(
    rng,
):
    net, x = gradient_flow(rng), 2 * rng.normal(size=(6, 10, 2))
    y, radius = labels_of(net, x), lipschitz.certified_radius(net, x)
    x_adv, size = attacks.smallest_perturbation(
        net, x, y, largest=0.5, bisections=8, steps=20, restarts=2
    )
    assert (size >= radius * (1 - 1e-12)).all() and size.shape == (6, 10)
    lost = np.isinf(size)
    assert 0 < lost.sum() < 60 and np.array_equal(x_adv[lost], x[lost])
    assert (size[~lost] <= 0.5 * (1 + 1e-12)).all()


# ---- a trained network


def test_on_two_moons_what_survives_the_attack_is_certified(rng):
    """A non-expansive gradient flow, ReLU, A orthogonal, h = 2: what is certified is what survives the attack."""
    x, y = dnn.datasets.moons(600, 0.1, rng)
    net = gradient_flow(rng, d=16, labels=2)
    dnn.fit(
        net, dnn.MulticlassHinge(0.55), x, y, dnn.Adam(0.02), epochs=40, batch_size=100, constraints=[dnn.Orthogonal(*weights(net), bjorck=True)], rng=rng
    )  # fmt: skip
    test, labels = dnn.datasets.moons(400, 0.1, rng)
    eps = np.array([0.0, 0.1, 0.2, 0.3])
    certified = lipschitz.certified_accuracy(net, test, labels, eps)
    attacked = attacks.attacked_accuracy(net, test, labels, eps, lambda e: dnn.PGD(e, 30, 2))
    assert net.lipschitz() <= 1 + 1e-12 and lipschitz.measured(net, test[:50], 20) > 0.99
    assert certified[0] > 0.95 and certified[3] > 0.75
    assert (attacked - certified <= 0.02).all() and (
        attacked >= certified
    ).all()  # trained for long: 0.005, tutorial 7
