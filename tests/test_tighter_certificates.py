"""The constant of all slopes at once is that of the worst ones, and nothing that is found exceeds it."""

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from zoo import random_step, randomise

import dynsys_nn as dnn
from dynsys_nn import lipschitz
from dynsys_nn.lipschitz import semidefinite, slopes


@pytest.fixture(autouse=True)
def one_program(monkeypatch):
    """One for each group, but where splits are what is tested."""
    monkeypatch.setattr(slopes, "SPLITS", 0)


SIGMAS = [dnn.ReLU(), dnn.LeakyReLU(-0.3), dnn.Sigmoid(), dnn.Sine()]


def small_network(rng, steps=2, d=2, widths=(1, 4), kinds=SIGMAS):
    """Steps of Euler's method of random fields, forward and backward, with an affine end."""
    flows = []
    for _ in range(steps):
        k, sigma = int(rng.integers(*widths)), kinds[rng.integers(len(kinds))]
        if rng.integers(2):
            X = dnn.ResidualField.random(d, k, sigma, bias=1.0, rng=rng)
        else:
            sign, alpha = int(rng.choice([-1, 1])), [None, 1.0][rng.integers(2)]
            X = dnn.GradientField.random(d, k, sigma, sign, alpha, bias=1.0, rng=rng)
        flows.append(dnn.Flow(X, rng.choice([-1, 1]) * rng.uniform(0.2, 1.5)))
    return dnn.Network(*flows, dnn.Affine(3, d, rng=rng))


def matrices(X, slopes):
    """X′ = B D A."""
    A = X.A.W
    B = X.B.W if isinstance(X, dnn.ResidualField) else X.sign * A.T * X.alpha
    return B @ np.diag(slopes) @ A


def worst(net, rows=None):
    """max ‖rows J(D)‖ over all extreme slopes, one after the other."""
    *flows, end = net.maps
    choices = [
        [F.field.sigma.slope_min, F.field.sigma.slope_max]
        for F in flows
        for _ in range(F.field.A.dim_out)
    ]
    largest = 0.0
    for chosen in product(*choices):
        J, at = np.eye(net.dim_in), 0
        for F in flows:
            k = F.field.A.dim_out
            J, at = J + F.h * matrices(F.field, chosen[at : at + k]) @ J, at + k
        J = end.W @ J
        largest = max(largest, np.linalg.norm(J if rows is None else rows @ J, 2))
    return largest


def program_alone(net, splits=0):
    """What the semidefinite program says, however few units there are."""
    group = slopes.Group(list(slopes.pieces_of(net)))
    return group.by_program(slice(None), splits)


# ---- the constant


def test_with_few_units_the_joint_constant_is_that_of_the_worst_slopes(rng):
    for _ in range(12):
        net = small_network(rng)
        exact = worst(net)
        assert exact <= lipschitz.joint(net) <= min(net.lipschitz(), exact * (1 + 1e-11))


def test_the_semidefinite_bound_of_small_layers_is_close_to_the_worst_slopes(rng):
    """Three hundred networks are in benchmarks/certificates.py."""
    ratios = []
    for _ in range(8):
        net = small_network(rng)
        ratios.append(program_alone(net) / worst(net))
    assert 1 <= min(ratios) and max(ratios) < 1.1 and np.median(ratios) < 1.002


def test_where_the_program_forgets_too_much_units_are_split():
    rng = np.random.default_rng(0)
    fields = [dnn.ResidualField.random(2, 4, bias=1.0, rng=rng) for _ in range(2)]
    net = dnn.Network(*[dnn.Flow(X, 1.0) for X in fields], dnn.Affine(2, 2, W=np.eye(2)))
    exact = worst(net)
    assert program_alone(net) > 1.03 * exact
    assert exact <= program_alone(net, splits=4) < 1.01 * exact


def test_with_all_units_split_the_program_is_at_the_corners(rng):
    """To GAP, the accuracy of a program: each unit has a number of its own, in whichever layer."""
    fields = [dnn.ResidualField.random(2, k, dnn.ReLU(), rng=rng) for k in (2, 1)]
    net = dnn.Network(*[dnn.Flow(X, 1.0) for X in fields], dnn.Affine(2, 2, rng=rng))
    exact = worst(net)
    assert exact <= program_alone(net, splits=7) < (1 + semidefinite.GAP) * exact


def test_two_maps_that_undo_each_other_have_the_constant_one():
    A, B = dnn.Dense(2, 2, W=np.diag([2, 0.5])), dnn.Dense(2, 2, W=np.diag([0.5, 2]))
    net = dnn.Network(A, dnn.Network(B))
    assert net.lipschitz() >= 4 and 1 <= lipschitz.joint(net) < 1 + 1e-13


def test_the_joint_constant_of_a_step_with_stages_has_slopes_of_its_own_at_each_stage(rng):
    """Heun's method, one unit: x + h/2 (u + v(1 + hu)) with two slopes u, v ∈ {0, ba}."""
    a, b, h = 1.3, 0.9, 1.7
    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[a]]), dnn.Tanh(), dnn.Dense(1, 1, W=[[b]]))
    exact = max(abs(1 + h / 2 * (u + v * (1 + h * u))) for u, v in product([0, a * b], repeat=2))
    assert lipschitz.joint(dnn.Flow(X, h, dnn.Heun())) == pytest.approx(exact, rel=1e-13)
    twice = dnn.Flow(X, h, dnn.Heun(), steps=2)
    assert lipschitz.joint(twice) == pytest.approx(exact**2, rel=1e-13)
    layer = dnn.ResidualField(dnn.Dense(1, 1, W=[[a]]), dnn.Tanh(), dnn.Dense(1, 1, W=[[b]]))
    assert lipschitz.joint(layer) == pytest.approx(abs(a * b), rel=1e-13)  # of an MLP


def test_joint_is_never_above_the_product_of_the_layers_nor_below_what_is_measured(
    rng, monkeypatch
):
    """Some here, of all kinds of fields, methods and activations; ten thousand in benchmarks/certificates.py."""
    monkeypatch.setattr(slopes, "CORNERS", 8)
    below = 0
    for k in range(18):
        flows = [random_step(rng, 3) for _ in range(1 + k % 3)]
        net = dnn.Network(*flows, dnn.MaxPooling(3, (1, 1), 1), dnn.Affine(2, 3, rng=rng))
        L, found = (
            lipschitz.joint(net),
            lipschitz.measured(net, rng.normal(size=(3, 3)), steps=2, rng=rng),
        )
        assert found <= L * (1 + 1e-12) and L <= net.lipschitz()
        below += L < 0.8 * net.lipschitz()
    assert below > 4


def test_the_constant_is_rounded_outward_in_float32_and_float64(rng):
    """ℝ → ℝ, against fractions: one unit after the other is worst alone or with all others."""
    for k in range(6):
        kind, steps = (np.float32, np.float64)[k % 2], []
        for _ in range(3):
            A, B = (dnn.Dense(1, 1, rng=rng, dtype=kind) for _ in range(2))
            steps.append(dnn.Flow(dnn.ResidualField(A, dnn.ReLU(), B), rng.uniform(-2, 2)))
        net, exact = dnn.Network(*steps), Fraction(1)
        for F in steps:
            a, b, h = (Fraction(float(c)) for c in (F.field.A.W[0, 0], F.field.B.W[0, 0], F.h))
            exact *= max(Fraction(1), abs(1 + h * b * a))
        [whole] = next(iter(slopes.groupings([net])))
        found = max(map(slopes.norm, whole.at_corners()))
        assert exact <= Fraction(found) <= exact * (1 + Fraction(1, 10**12))
        assert exact <= Fraction(program_alone(net))


def test_what_is_certified_does_not_depend_on_how_well_the_program_is_solved(rng, monkeypatch):
    """With ρ too small, and other weights, the smallest eigenvalue of Q pays."""
    solved = semidefinite.program

    def badly(C, Z, layers):
        rho, tau = solved(C, Z, layers)
        return 0.7 * rho, tau * rng.uniform(0.5, 1.5, tau.shape)

    monkeypatch.setattr(semidefinite, "program", badly)
    for _ in range(8):
        net = small_network(rng)
        assert worst(net) <= program_alone(net) < np.inf


def test_the_matrices_of_the_program_know_how_far_they_are_off(rng):
    """C and Z with errors of the size that is told: the bound holds for the exact ones."""
    net = small_network(rng)
    group = slopes.Group(list(slopes.pieces_of(net)))
    C, Z, layers, _, _ = group.with_unknowns()
    exact = worst(net)
    for size in (1e-3, 1e-1):
        nearer = (1 - size / np.linalg.norm(C.rows)) * C.rows  # all of it too small
        assert exact <= semidefinite.certified(nearer, Z, layers, size, [0.0] * len(layers))[0]
        E = [size * e / np.linalg.norm(e) for e in rng.normal(size=(2, *C.rows.shape))]
        off = np.zeros_like(Z)
        off[: group.n] = rng.normal(size=(group.n, group.m))
        off *= size / np.linalg.norm(off)
        errors = [size] * len(layers)
        for e in E:
            bound, _ = semidefinite.certified(C.rows - e, Z - off, layers, size, errors)
            assert exact <= bound


@pytest.mark.parametrize("scale", [0.0, 1e-200, 1e-30, 1e30, 1e200])
def test_weights_of_any_size_have_a_joint_constant(scale, rng):
    def step(h, W):
        A, B = dnn.Dense(20, 2, W=W), dnn.Dense(2, 20, rng=0)
        return dnn.Flow(dnn.ResidualField(A, dnn.Tanh(), B), h)

    W = scale * rng.normal(size=(20, 2))
    W[3] = 0  # a unit that sees nothing
    net = dnn.Network(step(1.0, W), step(-1.0, W.copy()))
    L = lipschitz.joint(net)
    assert 1 <= L <= net.lipschitz()
    if scale <= 1e-30:
        assert L < 1 + 1e-11


def test_what_underflows_before_a_large_weight_is_not_lost():
    """1e-200 · 1e-200 is 0, and 1e300 times that 1e-100."""
    small, large = dnn.Dense(1, 1, W=[[1e-200]]), dnn.Dense(1, 1, W=[[1e300]])
    few, many = (
        dnn.ResidualField(dnn.Dense(k, 1, W=W), dnn.ReLU(), dnn.Dense(1, k, W=W.T))
        for k, W in ((k, np.full((k, 1), 1e-200)) for k in (1, 20))
    )

    class Flat(dnn.ReLU):
        slope_max = 1e-200

    flat = dnn.ResidualField(small, Flat(), large)
    one = dnn.Dense(1, 1, W=[[1]])
    for before, last in (([small] * 2, large), ([few], large), ([many], large), ([flat], one)):
        net = dnn.Network(*before, last)
        assert 1e-100 <= lipschitz.joint(net) <= net.lipschitz()
    net = dnn.Network(small, dnn.Affine(1, 1, W=[[1e-200]], b=[1e-120]))
    x = np.zeros(1)
    assert net(x) > 0 > net(x - 1e290)
    assert lipschitz.certified_radius(net, x, joint=True) <= 1e280


def test_a_network_too_wide_for_one_program_is_cut_into_groups(rng, monkeypatch):
    net = small_network(rng, steps=6, widths=(4, 5))
    monkeypatch.setattr(slopes, "CORNERS", 0)
    whole = lipschitz.joint(net)
    monkeypatch.setattr(slopes, "UNKNOWNS", 14)  # three layers at a time
    monkeypatch.setattr(slopes, "CORNERS", 8)
    in_groups = lipschitz.joint(net)
    monkeypatch.setattr(slopes, "CORNERS", 0)
    by_programs = lipschitz.joint(net)
    assert whole < in_groups <= by_programs * (1 + 1e-9) and by_programs < net.lipschitz()


def test_a_map_of_ones_own_counts_with_its_own_constant(rng):
    class Half(dnn.Map):
        dim_in = dim_out = 2

        def __call__(self, x):
            return np.sin(x) / 2

        def lipschitz(self):
            return 0.5

    class Other(dnn.ResidualField):
        def __call__(self, x):
            return 3 * x

        def lipschitz(self):
            return 3.0

    class Thrice(dnn.Euler):
        def step(self, field, x, h):
            return 3 * x

        def lipschitz(self, field, h):
            return 3.0

    A, B = dnn.Dense(2, 2, W=np.diag([2, 0.5])), dnn.Dense(2, 2, W=np.diag([0.5, 2]))
    other = Other(dnn.Dense(2, 2, rng=rng), dnn.ReLU())
    net = dnn.Network(A, B, Half(), other, B, A)
    assert lipschitz.joint(net) == pytest.approx(1.5, rel=1e-12)
    flow = dnn.Flow(dnn.ResidualField.random(2, 2, rng=rng), 1e-3, Thrice())
    assert lipschitz.joint(flow) == 3

    class Twice(dnn.Affine):
        def __call__(self, x):
            return 2 * super().__call__(x)

        def lipschitz(self):
            return 2 * super().lipschitz()

    net, x = dnn.Network(dnn.MaxMin(2), Twice(2, 2, W=np.eye(2))), np.array([3.0, 1.0])
    assert min(lipschitz.joint(net), lipschitz.each_output(net)) >= 2
    assert lipschitz.certified_radius(net, x) <= np.sqrt(2) * (1 + 1e-9)  # a distance of 2 · 2


# ---- radii


def labels_of(net, x):
    return net(x).argmax(axis=-1)


def test_the_radius_of_a_pair_of_labels_has_the_constant_of_their_difference(rng):
    for _ in range(2):
        net, x = small_network(rng), rng.normal(size=(20, 2))
        z, k, exact = net(x), labels_of(net, x), np.full(20, np.inf)
        for i, j in combinations(range(3), 2):
            row = np.eye(3)[[i]] - np.eye(3)[[j]]
            distance = np.abs(z @ row[0]) / worst(net, row)
            exact = np.where((k == i) | (k == j), np.minimum(exact, distance), exact)
        r = lipschitz.certified_radius(net, x, joint=True)
        assert (r <= exact).all() and (r >= exact * (1 - 1e-9) - 1e-12).all()


@pytest.mark.parametrize("width, dtype", [(6, np.float32), (20, np.float64)])
def test_joint_radii_are_the_larger_ones_and_no_attack_succeeds_inside_of_them(width, dtype, rng):
    flows = [
        dnn.Flow(dnn.ResidualField.random(2, width, dnn.ReLU(), 1.0, rng, dtype), 0.7)
        for _ in range(2)
    ]
    net = dnn.Network(*flows, dnn.Affine(3, 2, rng=rng, dtype=dtype))
    x = rng.normal(size=(10, 2)).astype(dtype)
    for pairwise in (True, False):
        plain = lipschitz.certified_radius(net, x, pairwise)
        r = lipschitz.certified_radius(net, x, pairwise, joint=True)
        assert (r > 1.2 * plain)[plain > 0].all()
    r, y = lipschitz.certified_radius(net, x, joint=True), labels_of(net, x)
    attacked = dnn.PGD(0.999 * r, steps=10, restarts=2)(net, x, y)
    assert (labels_of(net, attacked) == y).all()
    eps = np.median(r)
    assert lipschitz.certified_accuracy(net, x, y, eps, joint=True) == (r > eps).mean()


def test_the_rounding_of_logits_is_taken_off_their_joint_radius(rng):
    """In float32 it is more than 1e-9 of a radius: with e, g of the step, and ẽ, g̃ of its end."""
    X = dnn.ResidualField.random(2, 4, dnn.ReLU(), 1.0, rng, np.float32)
    F, end = dnn.Flow(X, 0.7), dnn.Affine(2, 2, rng=rng, dtype=np.float32)
    net, x, u = dnn.Network(F, end), rng.normal(size=(20, 2)).astype(np.float32), 2.0**-24
    s, e, g = dnn.rounding.running_error([F], x, 2 * u * np.linalg.norm(x, axis=-1), 2 * u)
    _, e_end, g_end = (np.sqrt(2) * c for c in dnn.rounding.running_error([end], s))
    row, gap = np.array([[1, -1]]), np.abs(np.diff(net(x).astype(float))[:, 0])
    sigma = np.linalg.norm(row @ end.W.astype(float)) + g_end
    exact = (gap - 2 * e_end - 2 * e * sigma) / (
        worst(net, row) + g_end * F.lipschitz() + g * sigma
    )
    r = lipschitz.certified_radius(net, x, joint=True)
    assert (exact > 0).mean() > 0.9
    np.testing.assert_allclose(r, np.maximum(0, exact), rtol=1e-9)


def test_the_joint_radius_of_an_affine_classifier_is_the_distance_of_the_boundary(rng):
    net, x = dnn.Network(dnn.Affine(4, 6, rng=rng)), rng.normal(size=(50, 6))
    np.testing.assert_allclose(
        lipschitz.certified_radius(net, x, joint=True),
        lipschitz.certified_radius(net, x),
        rtol=1e-11,
    )
    nothing = dnn.Network(dnn.Zero(3, 2), dnn.Affine(2, 3, rng=0, b=[1.0, 0.0]))
    assert lipschitz.certified_radius(nothing, np.ones(2), joint=True) > 1e14


def test_the_joint_radius_of_one_logit_is_its_distance_over_the_least_constant(rng):
    """That of the worst slopes, or of blocks: of the larger of two values slopes know nothing."""
    flows, x = small_network(rng)[:-1].maps, rng.normal(size=(20, 2))
    end = dnn.Affine(1, 2, rng=rng)
    net, pair = dnn.Network(*flows, end), dnn.Dense(2, 2, W=[[0.6, 0.8], [0.8, 0.6]])
    larger = dnn.Network(pair, dnn.MaxMin(2), dnn.Selection([0], 2))
    assert worst(net) < 0.9 * lipschitz.each_output(net) and lipschitz.joint(larger) > 1.3
    for F, ell in ((net, worst(net)), (larger, 1.0)):
        r = lipschitz.certified_radius(F, x, joint=True)
        assert (r <= np.abs(F(x)[:, 0]) / ell).all()
        np.testing.assert_allclose(r, np.abs(F(x)[:, 0]) / ell, rtol=1e-9, atol=1e-12)
    y, eps = net(x)[:, 0] > 0, np.median(lipschitz.certified_radius(net, x, joint=True))
    assert lipschitz.certified_accuracy(net, x, y.astype(int), eps, joint=True) == 0.5


def test_what_is_no_network_or_has_no_constant_has_no_joint_one(rng):
    with pytest.raises(TypeError, match="joint needs a network"):
        lipschitz.joint(np.sin)
    X = randomise(dnn.SpherePreservingField(dnn.Dense(3, 3, rng=rng), dnn.ReLU()), rng)
    with pytest.raises(NotImplementedError, match="no Lipschitz constant"):
        lipschitz.joint(dnn.Flow(X, 0.1))
    net = small_network(rng)
    with pytest.raises(TypeError, match="joint must be True or False"):
        lipschitz.certified_radius(net, np.ones(2), joint=2)
    net.maps[0].field.A.W[0] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        lipschitz.joint(net)


def test_where_a_program_for_each_pair_costs_too_much_the_joint_constant_of_what_comes_before_counts(
    rng, monkeypatch
):
    monkeypatch.setattr(slopes, "PAIRS", 0)
    flows = [dnn.Flow(dnn.ResidualField.random(2, 10, dnn.ReLU(), 1.0, rng), 0.5) for _ in range(2)]
    net, x = dnn.Network(*flows, dnn.Affine(3, 2, rng=rng)), rng.normal(size=(9, 2))
    gain = net[:-1].lipschitz() / lipschitz.joint(net[:-1])
    plain = lipschitz.certified_radius(net, x)
    np.testing.assert_allclose(
        lipschitz.certified_radius(net, x, joint=True), gain * plain, rtol=1e-9, atol=1e-12
    )
    assert gain > 1.2
