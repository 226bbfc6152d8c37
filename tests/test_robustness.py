"""Certificates hold, attacks are strong, and the two never cross."""

import copy
from fractions import Fraction

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.rounding import running_error


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
    np.testing.assert_allclose(radius, distances(net, x), rtol=1e-13, atol=1e-14)  # of the logits
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
    for _ in range(3):
        net = gradient_flow(rng)
        x = 2 * rng.normal(size=(100, 2))
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


# ---- the rounding of what is computed


def label_changes_inside(net, x, r, count=41):
    """Whether a neighbour of x, a single number, nearer than r as the numbers stand has another label."""
    [x] = x
    y = (np.longdouble(x) + np.longdouble(r) * np.linspace(-1, 1, count)).astype(x.dtype)
    y = y[abs(y.astype(np.longdouble) - np.longdouble(x)) < r]
    return bool((labels_of(net, y[:, None]) != labels_of(net, np.array([x]))).any())


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_no_label_changes_inside_the_radius_next_to_a_boundary_of_rows_that_are_nearly_equal(
    dtype, rng
):
    """Logits as they are computed: without their rounding, one label in six changes inside."""
    eps, inside, certain = np.finfo(dtype).eps, 0, 0
    for _ in range(400):
        w, b = rng.normal(size=(2, 1)), rng.normal(size=2) * 10 ** rng.uniform(-3, 3)
        if rng.uniform() < 0.5:
            w[1] = w[0] * (1 + eps ** rng.uniform(0.1, 1))
        net = dnn.Network(dnn.Affine(2, 1, W=w, b=b + 10 ** rng.uniform(-3, 6), dtype=dtype))
        [A] = net.maps
        w, b = A.W.astype(float), A.b.astype(float)
        boundary = (b[1] - b[0]) / (w[0, 0] - w[1, 0]) if w[0, 0] != w[1, 0] else 0.0
        x = np.array([boundary * (1 + rng.choice([-1, 1]) * eps ** rng.uniform(0.1, 1))], dtype)
        r = lipschitz.certified_radius(net, x)
        certain += r > 0
        inside += r > 0 and label_changes_inside(net, x, r)
    assert inside == 0 and certain > 100
    w = np.array([[1.0], [1 + (1e-12 if dtype is float else 1e-6)]])
    net = dnn.Network(dnn.Affine(2, 1, W=w, dtype=dtype))
    for size in (1e-3, 1.0, 1e3):
        x = np.array([size], dtype)
        assert not label_changes_inside(net, x, lipschitz.certified_radius(net, x), 1001)


def in_float64(net):
    """The same weights, exactly."""
    net = copy.deepcopy(net)
    net._bind(net.theta.astype(float))
    for F in dnn.maps.every_map(net):
        if isinstance(F, dnn.Frozen):
            F.F._bind(F.F.theta.astype(float))
    return net


def test_no_label_changes_inside_the_radius_of_a_number_that_underflows_in_float32():
    """z = (−x, x), and (0, 0) where x is rounded to 0."""
    net = dnn.Network(dnn.Dense(2, 1, W=[[-1.0], [1.0]], dtype=np.float32))
    for x in 10.0 ** np.linspace(-46, -30, 50):
        x = np.array([x])
        r = lipschitz.certified_radius(net, x)
        assert not (r > 0 and label_changes_inside(net, x, r)) and (r > 0 or x < 1e-37)


def float32_network(name, rng):
    def flow(field, h, method=dnn.Euler(), steps=1):
        field.b = 0.5 * rng.normal(size=field.b.shape)
        return dnn.Flow(field, h, method, steps)

    def gradient(k=8, d=8, sigma=dnn.ReLU()):
        X = dnn.GradientField(dnn.Dense(k, d, rng=rng, dtype=np.float32), sigma)
        X.A.orthogonalise()
        return X

    def last(d):
        return dnn.Affine(3, d, rng=rng, dtype=np.float32)

    if name == "matrices":
        return dnn.Network(
            *[dnn.Dense(*shape, rng=rng, dtype=np.float32) for shape in ((32, 500), (3, 32))]
        )
    if name == "many layers":
        return dnn.Network(dnn.Lift(8, 2), *[flow(gradient(), 0.5) for _ in range(30)], last(8))
    if name == "many steps":
        return dnn.Network(flow(gradient(sigma=dnn.Softplus()), 0.5, steps=100), last(8))
    if name == "four stages, midpoints":
        maps = [
            flow(gradient(sigma=dnn.Tanh()), 1.0, m)
            for m in (dnn.RK4(), dnn.ImplicitMidpoint(), dnn.RadauIIA())
        ]
        return dnn.Network(*maps, last(8))
    if name == "wide":
        return dnn.Network(*[flow(gradient(128, 64), 2.0) for _ in range(3)], last(64))
    if name.startswith("what cancels inside"):  # relu(b + Ax) − relu(b − Ax) = 2Ax, and b = 10⁴
        W = rng.normal(size=(8, 8))
        A = dnn.Dense(16, 8, W=np.vstack([W, -W]), dtype=np.float32)
        B = dnn.Dense(8, 16, W=np.hstack([np.eye(8), -np.eye(8)]), dtype=np.float32)
        X = dnn.ResidualField(A, dnn.ReLU(), B)
        X.b = np.full(16, 1e4)
        F = dnn.Flow(X, 0.2)
        inside = {
            "a block": lambda: dnn.Parallel(dnn.MaxMin(4), F),
            "what is frozen": lambda: dnn.Frozen(F),
            "I − N": lambda: dnn.IdentityMinus(F),
        }.get(name.removeprefix("what cancels inside of "), lambda: F)()
        return dnn.Network(inside, last(inside.dim_out))
    if name == "sums and shears":
        f = [dnn.ResidualField.random(4, 6, rng=rng, dtype=np.float32) for _ in range(2)]
        parts = dnn.SumField(gradient(), gradient(sigma=dnn.Sigmoid()))
        return dnn.Network(
            dnn.Flow(parts, 0.3, dnn.Strang(dnn.Heun())),
            dnn.Flow(dnn.PartitionedField(*f), 0.2, dnn.StormerVerlet(), steps=3),
            dnn.HenonMap(gradient(d=4)), dnn.Restriction(5, 8), last(5),
        )  # fmt: skip
    image = 4, 4
    flows = [
        flow(
            dnn.GradientField(dnn.Convolution(4, 4, image, rng=rng, dtype=np.float32), dnn.ReLU()),
            1.0,
        )
        for _ in range(3)
    ]
    return dnn.Network(
        dnn.Standardisation(1, image, 0.3, 0.7), dnn.ChannelLift(4, 1, image), *flows,
        dnn.MaxPooling(4, image), dnn.AveragePooling(4, (2, 2)), last(4),
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["matrices", "many layers", "many steps", "four stages, midpoints", "wide", "what cancels inside", "sums and shears", "images",
     "what cancels inside of a block", "what cancels inside of what is frozen", "what cancels inside of I − N"],
)  # fmt: skip
def test_logits_are_off_by_less_than_what_is_taken_off_the_gap(name, rng):
    """float32 against the same weights in float64, at x and at x + δ; an attack finds nothing inside."""
    net = float32_network(name, rng)
    exact = in_float64(net)
    x = 2 * rng.normal(size=(100, net.dim_in)).astype(np.float32)
    z, error, growth = running_error([net], x)
    assert z.dtype == np.float32 and exact(x).dtype == float
    off = np.linalg.norm(exact(x) - z, axis=-1)
    assert (off <= error / 2).all() and off.max() > 1e-5 * error.max()
    for r in (0.1, 10.0, 1e4):
        v = rng.normal(size=x.shape)
        y = (x + r * v / np.linalg.norm(v, axis=-1, keepdims=True)).astype(np.float32)
        assert (np.linalg.norm(exact(y) - net(y), axis=-1) <= error + growth * r).all()
    labels, radius = labels_of(net, x), lipschitz.certified_radius(net, x)
    assert attacks.accuracy(net, dnn.PGD(radius * (1 - 1e-6), 5, 2), x, labels) == 1
    ratio = radius / lipschitz.certified_radius(exact, x.astype(float))
    least = 0.8 if name.startswith("what cancels") else 0.99  # with cause
    assert (ratio <= 1).all() and np.median(ratio) > least


def test_the_value_of_somebodys_own_map_counts_where_nothing_else_is_known_of_it(rng):
    """x + 10⁶: the offset is not a parameter."""

    class Offset(dnn.Map):
        def __init__(self, c):
            self.dim_in = self.dim_out = 3
            self.c = np.float32(c)

        def __call__(self, x):
            return x + self.c

        def lipschitz(self):
            return 1.0

    x = rng.normal(size=(100, 3)).astype(np.float32)
    z, error, _ = running_error([Offset(1e6)], x)
    off = np.linalg.norm(z - (x.astype(float) + 1e6), axis=-1)
    assert off.max() > 0.01 and (off <= error).all()


def test_an_offset_of_all_logits_is_paid_for_in_float32(rng):
    """253 labels changed inside."""
    x = rng.normal(size=(1000, 20)).astype(np.float32)
    flow = dnn.Flow(
        dnn.GradientField(dnn.Dense(40, 20, rng=1, dtype=np.float32), dnn.LeakyReLU()), 0.1
    )
    radii, nets = [], []
    for offset in (0.0, 1e4, 1e6):
        last = dnn.Affine(3, 20, W=dnn.Dense(3, 20, rng=2).W, b=[offset] * 3, dtype=np.float32)
        net = dnn.Network(copy.deepcopy(flow), last)
        y, r = labels_of(net, x), lipschitz.certified_radius(net, x)
        z = dnn.PGD(r * (1 - 1e-6), steps=10, restarts=1)(net, x, y)
        assert (labels_of(net, z) == y).all()
        radii.append(r)
        nets.append(net)
    r = lipschitz.certified_radius(in_float64(nets[0]), x.astype(float))
    assert np.median(radii[0] / r) > 1 - 1e-3 and np.median(radii[1] / r) > 0.98
    assert 0 < (radii[2] == 0).mean() < 0.5


def test_in_float64_the_rounding_takes_less_than_1e_9_of_a_radius(rng, monkeypatch):
    for net in (gradient_flow(rng), gradient_flow(rng, d=64, layers=10)):
        x = 2 * rng.normal(size=(50, 2))
        radius = lipschitz.certified_radius(net, x)
        with monkeypatch.context() as m:
            m.setattr(
                lipschitz.radii, "running_error", lambda maps, x, *_: (x, np.zeros(len(x)), 0.0)
            )
            without = lipschitz.certified_radius(net, x)
        assert (radius < without).all() and np.median(1 - radius / without) < 1e-9


def test_a_radius_whose_arithmetic_overflows_or_underflows_is_not_infinite():
    largest = dnn.Network(dnn.Affine(2, 1, W=[[1.0], [-1.0]], b=[1e308, -1e308]))
    assert 8e307 < lipschitz.certified_radius(largest, np.zeros(1)) <= 1e308
    single = dnn.Network(dnn.Affine(2, 1, W=[[1.0], [-1.0]], b=[3e38, -3e38], dtype=np.float32))
    assert 2.9e38 < lipschitz.certified_radius(single, np.zeros(1)) <= 3e38
    small, last = [dnn.Dense(1, 1, W=[[1e-3]]) for _ in range(120)], dnn.Dense(1, 1, W=[[1e300]])
    for maps in ([*small, last], [last, *small]):
        for end in (
            dnn.Affine(2, 1, W=[[1.0], [-1.0]], b=[1.0, 0.0]),
            dnn.MaxPooling(2, (1, 1), 1),
        ):
            tail = (
                [end]
                if isinstance(end, dnn.Affine)
                else [dnn.Affine(2, 1, W=[[1.0], [-1.0]], b=[1.0, 0.0]), end]
            )
            for pairwise in (True, False):
                r = lipschitz.certified_radius(dnn.Network(*maps, *tail), np.zeros(1), pairwise)
                assert 0 < r <= 0.5e60
    for W in ([[3e-320], [1e-320]], [[1e-200], [-1e-200]]):
        net = dnn.Network(dnn.Affine(2, 1, W=W, b=[1.0, 0.0]))
        assert 0 < lipschitz.certified_radius(net, np.zeros(1)) <= np.finfo(float).max


def test_a_constant_network_is_certain_everywhere():
    nothing = dnn.Network(dnn.Affine(2, 1, W=[[0.0], [0.0]], b=[1.0, 0.0]))
    before = dnn.Network(dnn.Zero(3, 2), dnn.Affine(2, 3, rng=0, b=[1.0, 0.0]))
    for net in (nothing, before):
        for pairwise in (True, False):
            assert lipschitz.certified_radius(net, np.ones(net.dim_in), pairwise) == np.inf


def test_the_arithmetic_of_the_radius_is_rounded_inward(rng, monkeypatch):
    """r = gap/(√2 ‖w‖) against fractions, if logits had no rounding."""
    monkeypatch.setattr(
        lipschitz.radii, "running_error", lambda maps, x, *_: (x, np.zeros(x.shape[:-1]), 0.0)
    )
    for _ in range(300):
        w, b = rng.normal(size=(2, 1)), rng.normal(size=2)
        net = dnn.Network(dnn.Affine(2, 1, W=w, b=b))
        r = Fraction(float(lipschitz.certified_radius(net, np.zeros(1), pairwise=False)))
        gap, L = abs(Fraction(b[0]) - Fraction(b[1])), Fraction(net.lipschitz())
        assert gap**2 * Fraction(1 - 1e-14) <= 2 * (r * L) ** 2 <= gap**2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_measure_of_robustness_takes_logits_that_are_not_finite_for_robust(value):
    x, y = np.ones((3, 2)), np.zeros(3, int)
    net = dnn.Network(dnn.Affine(2, 2, rng=0))
    net.theta[5] = value
    for measure in (
        lambda: attacks.accuracy(net, None, x, y),
        lambda: attacks.accuracy(net, dnn.PGD(0.1), x, y),
        lambda: attacks.attacked_accuracy(net, x, y, [0.0, 0.1]),
        lambda: dnn.PGD(0.1)(net, x, y),
        lambda: dnn.FGM(0.1)(net, x, y),
        lambda: dnn.PublishedPGD(0.1)(net, x, y),
        lambda: attacks.smallest_perturbation(net, x, y),
    ):
        with pytest.raises(
            ValueError, match="^an attack needs finite logits, got a NaN or infinity$"
        ):
            measure()


def test_logits_that_overflow_at_the_perturbed_point_are_refused(rng):
    """z₁ is −∞ at x, and 1e308 · 30 where the attack looks."""
    net = dnn.Network(dnn.Dense(2, 1, W=[[1e308], [-1e308]]))
    with (
        pytest.raises(ValueError, match="^an attack needs finite logits"),
        np.errstate(all="ignore"),
    ):
        dnn.PGD(30.0)(net, np.ones((1, 1)), np.zeros(1, int))


@pytest.mark.parametrize("dtype", [float, np.float32])
@pytest.mark.parametrize("norm", [2, np.inf])
def test_an_attack_is_within_eps_as_it_is_computed(norm, dtype, rng):
    """x + δ is rounded: at x ~ 1000 in float32, an ε of 1e-4 was exceeded by half."""
    net = dnn.Network(dnn.Affine(4, 6, rng=rng, dtype=dtype))
    for scale in (1.0, 1e3):
        x = (scale * rng.uniform(size=(100, 6))).astype(dtype)
        y = labels_of(net, x)
        for eps in (1e-9, 1e-4, 0.3, scale):
            for box in (None, (0.1 * scale, 0.7 * scale)):
                x = x if box is None else np.clip(x, *box)
                y = labels_of(net, x)
                z = dnn.PGD(eps, 5, 2, norm, box)(net, x, y)
                moved = np.linalg.norm(z.astype(float) - x, norm, axis=-1)
                assert z.dtype == dtype and (moved <= eps).all()
                assert (
                    box is None or (np.clip(x, *box) == x).all() and (np.clip(z, *box) == z).all()
                )
                assert eps != 0.3 or moved.max() > 0.99 * eps
    x, eps = np.ones((3, 2), dtype), np.array([[0.1], [0.3], [0.5]])
    y = dnn.PGD(eps[:, 0], norm=norm).moved(
        x, np.full((3, 2), 0.3), eps
    )  # too far, and too far to pull back
    assert np.array_equal(y[0], x[0]) and y[2] == pytest.approx(1.3, rel=1e-6)
