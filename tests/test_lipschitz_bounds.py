"""Bounds of steps and networks are never exceeded, and those that are sharp are attained."""

import copy

import numpy as np
import pytest
from zoo import FIELDS, LINEAR, RUNGE_KUTTA, networks, points, random_step, randomise, residual

import dynsys_nn as dnn
from dynsys_nn import checks, lipschitz
from dynsys_nn.integrators import (
    contractivity_radius,
    euler_lipschitz,
    one_sided_bound,
    plain_bound,
    spectral_bound,
)

ROUNDING = 1 + 1e-12
SSPRK3 = dnn.RungeKutta([[], [1], [1 / 4, 1 / 4]], [1 / 6, 1 / 6, 2 / 3])


def orthogonal(rng, rows, columns):
    A = dnn.Dense(rows, columns, rng=rng)
    A.orthogonalise()
    return A


def convex(rng, sigma=None, d=4):
    """−∇V, V convex."""
    return randomise(dnn.GradientField(dnn.Dense(6, d, rng=rng), sigma or dnn.LeakyReLU(0.2)), rng)


# ---- no bound is exceeded


def test_no_bound_is_exceeded_by_random_fields_and_steps_and_pairs_found_by_ascent(rng):
    """One hundred and fifty here; ten thousand, with longer ascent, in benchmarks/lipschitz_bounds.py."""
    ratios = []
    for _ in range(150):
        flow = random_step(rng)
        found = lipschitz.measured(flow, 2 * rng.normal(size=(5, 4)), steps=3, rng=rng)
        ratios.append(found / flow.lipschitz())
    assert max(ratios) <= ROUNDING and np.quantile(ratios, 0.9) > 0.8  # the search is one


def test_three_levels_each_knows_more_than_the_one_before(rng):
    h = rng.uniform(0, 3, 1000)
    L, mu = rng.uniform(0.1, 3, (2, 1000))
    low, high = -L, -L * rng.uniform(0, 1, 1000)
    assert (spectral_bound(h, low, high) <= one_sided_bound(h, L, high) * ROUNDING).all()
    assert (one_sided_bound(h, L, np.minimum(mu, L)) <= plain_bound(h, L) * ROUNDING).all()
    slides = np.sqrt(1 - h + h * h)
    np.testing.assert_allclose(one_sided_bound(h, 1, -0.5), slides, rtol=1e-14)


@pytest.mark.parametrize("h", [0.3, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("a", [0.0, 0.5, -0.3])
def test_the_centre_radius_bound_is_that_of_the_gradient_step_where_both_know_the_field(a, h, rng):
    """With B = −Aᵀ and A orthogonal, ‖I + hcBA‖ + hr = |1 − hc| + hr = max(|1 − ah|, |1 − h|), which is attained."""
    A = orthogonal(rng, 3, 3)
    X = dnn.ResidualField(A, dnn.LeakyReLU(a), dnn.Dense(3, 3, W=-A.W.T))
    assert euler_lipschitz(X, h) == pytest.approx(max(abs(1 - a * h), abs(1 - h)), rel=1e-13)


def test_the_centre_radius_bound_is_never_worse_and_often_better(rng):
    better = 0
    for _ in range(200):
        X, h = residual(rng, sigma=dnn.LeakyReLU(rng.uniform(-1, 1))), rng.uniform(-2, 2)
        bound = euler_lipschitz(X, h)
        assert bound <= plain_bound(h, X.lipschitz())
        better += bound < 0.9 * plain_bound(h, X.lipschitz())
    assert better > 50


def test_the_centre_and_radius_of_a_residual_field_hold(rng):
    """X(x) − Cx is r-Lipschitz, in float32 too."""
    A, B = dnn.Dense(40, 4, rng=rng, dtype=np.float32), dnn.Dense(4, 40, rng=rng, dtype=np.float32)
    C, r = dnn.ResidualField(A, dnn.Identity(), B).centre_radius()
    assert np.linalg.norm(C - B.W.astype(float) @ A.W.astype(float), 2) <= r < 1e-3
    for dtype in (float, np.float32):
        A, B = dnn.Dense(5, 4, rng=rng, dtype=dtype), dnn.Dense(4, 5, rng=rng, dtype=dtype)
        X = dnn.ResidualField(A, dnn.LeakyReLU(0.3), B)
        C, r = X.centre_radius()
        J = X.jacobian(rng.normal(size=(300, 4)))
        assert np.linalg.norm(J - C, 2, axis=(-2, -1)).max() <= r
        np.testing.assert_allclose(C, 0.65 * B.W @ A.W, rtol=1e-5)


def test_a_residual_field_that_points_inward_is_known_to(rng):
    """B = −Aᵀ: μ is −a s_min² by the spectrum of the gradient field that it is, and at most (1 − a)s_max² more about the centre."""
    A = orthogonal(rng, 4, 4)
    X = dnn.ResidualField(A, dnn.LeakyReLU(0.5), dnn.Dense(4, 4, W=-A.W.T))
    assert X.one_sided_lipschitz() == pytest.approx(-0.5, rel=1e-12)
    assert (
        dnn.Euler().non_expansive_step(X) == pytest.approx(1.0)
        and residual(rng).one_sided_lipschitz() > 0
    )


# ---- rounding


@pytest.mark.parametrize("n", [2, 16, 64, 200])
def test_the_bound_of_an_orthogonal_matrix_is_rounded_outward_and_within_1e_12(n, rng):
    """The eigenvalues of WᵀW − I, with WᵀW in long double, are those of s² − 1."""
    A = orthogonal(rng, n, n)
    W = A.W.astype(np.longdouble)
    low, high = np.linalg.eigvalsh((W.T @ W - np.eye(n)).astype(float))[[0, -1]]
    s_min, s_max = A.singular_range()
    assert s_min**2 - 1 < low and high < s_max**2 - 1
    assert s_max - 1 < 1e-12 and 1 - s_min < 1e-12
    assert dnn.Dense(n, n, W=np.ones((n, n))).singular_range()[0] == 0


# ---- non-expansive steps


@pytest.mark.parametrize(
    "method, r",
    [(dnn.Euler(), 1), (dnn.Heun(), 1), (SSPRK3, 1), (dnn.RK4(), 1), (dnn.Kutta3(), 0.5), (dnn.Ralston(), 0.791), (dnn.ExplicitMidpoint(), 0)],
    ids=repr,
)  # fmt: skip
def test_contractivity_radii_of_the_methods(method, r):
    assert method.contractivity_radius() == pytest.approx(r, abs=5e-4)
    if r in (1, 0.5):  # rounded down
        assert r * (1 - 1e-13) < method.contractivity_radius() <= r


def test_contractivity_radii_of_other_tableaus():
    assert contractivity_radius([[0.5]], [1]) == np.inf  # the implicit midpoint rule
    assert contractivity_radius([[1.0]], [1]) == np.inf  # implicit Euler
    assert contractivity_radius([[], [1]], [1.5, -0.5]) == 0  # a negative weight
    assert contractivity_radius([[0.49]], [1]) == pytest.approx(50)  # M = 2a − 1 = −0.02
    assert contractivity_radius([[], [0.3]], [1, 0]) == pytest.approx(
        1
    )  # Euler, with a stage that is not used


@pytest.mark.parametrize("method", [*RUNGE_KUTTA, SSPRK3, dnn.ImplicitMidpoint()], ids=repr)
def test_steps_up_to_two_r_over_l_do_not_move_two_solutions_apart(method, rng):
    for _ in range(10):
        X = convex(rng, dnn.LeakyReLU(rng.uniform(0, 1)))
        try:
            H = method.non_expansive_step(X)
        except NotImplementedError:
            assert isinstance(method, dnn.ExplicitMidpoint) or method.contractivity_radius() == 0
            return
        h = min(H, 10.0)
        assert (
            lipschitz.measured(dnn.Flow(X, h, method), rng.normal(size=(20, 4)), 10, rng)
            <= ROUNDING
        )
        assert method.lipschitz(X, h) <= ROUNDING
        if not isinstance(method, dnn.ImplicitMidpoint):
            assert H == pytest.approx(2 * method.contractivity_radius() / X.lipschitz())
            assert method.lipschitz(X, 1.01 * h) > 1 + 1e-4
            assert method.lipschitz(X, -h) > 1


@pytest.mark.parametrize("method", [*RUNGE_KUTTA, SSPRK3], ids=repr)
def test_the_bound_of_a_contracting_field_grows_from_one_without_a_jump_and_holds(method, rng):
    """√(1 + (hL)² max(0, −λ) Σ ℓ_i²): 1 up to 2rν, never above the bound from L alone, and never below what is found."""
    X = convex(rng, dnn.LeakyReLU(0.3))
    H = 2 * max(method.contractivity_radius(), 0.05) / X.lipschitz()
    bounds = [method.lipschitz(X, c * H) for c in (0.5, 1 - 1e-9, 1 + 1e-9, 1.05, 1.5, 3.0)]
    assert bounds[2] - bounds[1] < 1e-3 and np.all(np.diff(bounds[2:]) >= 0)
    plain = dnn.ResidualField(dnn.Dense(4, 4, W=X.lipschitz() * np.eye(4)), dnn.Tanh())  # L alone
    for c, bound in zip((1.05, 1.5, 3.0), bounds[3:], strict=True):
        assert bound <= (1 + 1e-12) * (
            1 + c * H * X.lipschitz() if len(method.b) == 1 else method.lipschitz(plain, c * H)
        )
        assert (
            lipschitz.measured(
                dnn.Flow(copy.deepcopy(X), c * H, method), rng.normal(size=(20, 4)), 10, rng
            )
            <= bound * ROUNDING
        )


def test_beyond_two_over_l_an_euler_step_expands(rng):
    X = convex(rng, dnn.Identity())
    h = dnn.Euler().non_expansive_step(X)
    assert np.linalg.norm(dnn.Flow(X, 1.001 * h).jacobian(np.zeros(4)), 2) > 1


def test_the_largest_step_from_l_and_mu_alone_is_minus_two_mu_over_l_squared():
    """A damped rotation, X′ = [[−a, 1], [−1, −a]]: |1 + hλ| = 1 at h = 2a/(a² + 1)."""

    class Rotation(dnn.Field):
        dim_in = dim_out = 2

        def lipschitz(self):
            return 1.25**0.5

        def one_sided_lipschitz(self):
            return -0.5

    class Turning(Rotation):
        def one_sided_lipschitz(self):
            return 0.0

    with pytest.raises(
        NotImplementedError, match="is not known to contract: its one-sided Lipschitz constant is 0"
    ):
        dnn.Euler().non_expansive_step(Turning())
    h = dnn.Euler().non_expansive_step(Rotation())
    assert h == pytest.approx(0.8) and abs(1 + h * (-0.5 + 1j)) == pytest.approx(1)


def test_the_number_of_substeps_is_the_smallest_that_is_certified(rng):
    X = dnn.GradientField(orthogonal(rng, 4, 4), dnn.ReLU())
    assert [dnn.Euler().steps_for(X, T) for T in (0.1, 2, 2.01, 4, 7)] == [1, 1, 2, 2, 4]
    assert dnn.Kutta3().steps_for(X, 2) == 2 and dnn.ImplicitMidpoint().steps_for(X, 100.0) == 1
    for method in (dnn.Euler(), dnn.Ralston(), dnn.RK4()):
        for T in (2.0, 8.0):  # n steps of 2/L, to rounding
            assert method.lipschitz(X, T / method.steps_for(X, T)) <= ROUNDING
        n = method.steps_for(X, 7)
        steps = [
            dnn.Flow(dnn.GradientField(orthogonal(rng, 4, 4), dnn.ReLU()), 7 / m, method, steps=m)
            for m in (n, n - 1)
        ]
        assert steps[0].lipschitz() <= ROUNDING < steps[1].lipschitz()


@pytest.mark.parametrize("method", [*RUNGE_KUTTA, SSPRK3, dnn.ImplicitMidpoint()], ids=repr)
def test_a_step_up_to_the_longest_is_certified_by_exactly_one(method, rng):
    """No rounding in between; and those of steps_for by no more than the rounding of the field's constants."""
    if isinstance(method, dnn.RungeKutta) and method.contractivity_radius() == 0:
        return
    split = dnn.Strang(method)
    one_stage = isinstance(method, dnn.Euler | dnn.ImplicitMidpoint)
    for _ in range(5):
        X = convex(rng, dnn.LeakyReLU(rng.uniform(0, 1)))
        H = min(method.non_expansive_step(X), 1e3)
        assert method.lipschitz(X, H) <= 1 and method.lipschitz(X, 0.7 * H) <= 1
        assert dnn.Flow(X, H, method, steps=1000).lipschitz() <= 1
        for T in (0.1, 2 * H, 3 * H * (1 + 1e-13), rng.uniform(1, 100)):
            assert method.lipschitz(X, T / method.steps_for(X, T)) <= 1 + (
                1e-14 if one_stage else 1e-12
            )
        parts = dnn.SumField(X, convex(rng))
        assert split.lipschitz(parts, min(split.non_expansive_step(parts), 1e3)) <= 1


def test_a_composition_of_uneven_substeps_is_certified_by_exactly_one(rng):
    class Uneven(dnn.integrators.Composition):
        def plan(self, field):
            return [(None, field, dnn.Euler(), c) for c in (0.3, 0.7 / 3, 0.7 * 2 / 3)]

    for w in rng.uniform(0.1, 3, 100):
        X = dnn.GradientField(dnn.Dense(1, 1, W=[[w]]), dnn.ReLU())
        assert Uneven().lipschitz(X, Uneven().non_expansive_step(X)) <= 1


def test_more_steps_than_can_be_taken_are_refused():
    steep = dnn.GradientField(dnn.Dense(1, 1, W=[[1e200]]), dnn.ReLU())  # L = ∞, H = 0
    for X, T in ((steep, 1.0), (dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), dnn.ReLU()), 1e300)):
        with pytest.raises(
            ValueError,
            match=r"^more than 2147483647 steps, each at most .*, would be needed to reach T = 1e?",
        ):
            dnn.Euler().steps_for(X, T)


def test_a_field_of_any_positive_mu_is_not_known_to_be_non_expansive():
    """μ = 0.1, X(x) = x/10, and the implicit midpoint rule stretches by (2 + h/10)/(2 − h/10)."""
    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[0.1]]), dnn.Identity())
    assert 0 < X.one_sided_lipschitz() < 0.2
    with pytest.raises(NotImplementedError, match="no step of ImplicitMidpoint is known"):
        dnn.ImplicitMidpoint().non_expansive_step(X)


def test_a_splitting_is_non_expansive_where_its_substeps_are(rng):
    parts = dnn.SumField(convex(rng), convex(rng))
    largest = [2 / X.lipschitz() for X in parts.parts]
    assert dnn.LieTrotter().non_expansive_step(parts) == pytest.approx(min(largest))
    assert dnn.Strang(dnn.Euler()).non_expansive_step(parts) == pytest.approx(
        min(2 * largest[0], largest[1])
    )
    assert (
        dnn.Strang(dnn.Euler()).lipschitz(parts, dnn.Strang(dnn.Euler()).non_expansive_step(parts))
        <= ROUNDING
    )
    assert dnn.LieTrotter().steps_for(parts, 10.0) == np.ceil(10 / min(largest))
    with pytest.raises(
        NotImplementedError, match="no step of Yoshida is known to be non-expansive"
    ):
        dnn.Yoshida(dnn.ImplicitMidpoint()).non_expansive_step(parts)


def test_what_does_not_contract_has_no_non_expansive_step(rng):
    for X in (
        residual(rng),
        randomise(dnn.GradientField(dnn.Dense(4, 4, rng=rng), dnn.Sine()), rng),
    ):
        for method in (dnn.Euler(), dnn.RK4()):
            with pytest.raises(
                NotImplementedError,
                match="is not known to contract: its one-sided Lipschitz constant is",
            ):
                method.non_expansive_step(X)
    with pytest.raises(
        NotImplementedError, match="no step of ImplicitMidpoint is known to be non-expansive"
    ):
        dnn.ImplicitMidpoint().non_expansive_step(residual(rng))
    constant = dnn.GradientField(dnn.Dense(2, 2, W=np.zeros((2, 2))), dnn.ReLU())
    assert dnn.Euler().non_expansive_step(constant) == np.inf


# ---- averaged operators


def pairs(rng, n=500):
    return 2 * rng.normal(size=(2, n, 4))


def averaged_gap(F, alpha, rng):
    """‖Fx − Fy‖² + (1 − α)/α ‖(x − Fx) − (y − Fy)‖² − ‖x − y‖², which is ≤ 0 where F is α-averaged."""
    x, y = pairs(rng)
    difference = (F(x) - F(y)), (x - F(x)) - (y - F(y)), x - y
    moved, rest, before = ((v * v).sum(axis=-1) for v in difference)
    return ((moved + (1 - alpha) / alpha * rest - before) / before).max()


def test_a_gradient_step_is_averaged_with_half_of_h_l(rng):
    for _ in range(20):
        X = convex(rng)
        F = dnn.Flow(X, rng.uniform(0.1, 2) / X.lipschitz())
        alpha = lipschitz.averaged(F)
        assert (
            alpha == pytest.approx(F.h * X.lipschitz() / 2) and averaged_gap(F, alpha, rng) <= 1e-12
        )
    linear = dnn.Flow(dnn.GradientField(dnn.Dense(4, 4, W=np.eye(4)), dnn.Identity()), 1.2)
    assert abs(averaged_gap(linear, lipschitz.averaged(linear), rng)) < 1e-12  # attained
    assert averaged_gap(linear, 0.59, rng) > 0.01


def test_a_composition_of_averaged_steps_is_averaged(rng):
    fields = [convex(rng) for _ in range(3)]
    net = dnn.Network(
        *[
            dnn.Flow(X, c / X.lipschitz(), steps=2)
            for X, c in zip(fields, (0.5, 1.0, 1.5), strict=True)
        ]
    )
    alpha = lipschitz.averaged(net)
    total = 2 * sum(a / (1 - a) for a in (0.25, 0.5, 0.75))
    assert alpha == pytest.approx(total / (1 + total)) and averaged_gap(net, alpha, rng) <= 1e-12
    X = convex(rng)
    reflection = dnn.Flow(dnn.GradientField(orthogonal(rng, 4, 4), dnn.ReLU()), 2)
    assert (
        lipschitz.averaged(reflection)
        == lipschitz.averaged(dnn.Network(reflection))
        == pytest.approx(1)
    )
    for F in (
        dnn.Flow(X, 1.1 * dnn.Euler().non_expansive_step(X)),
        dnn.Flow(convex(rng), 0.01, dnn.Ralston()),  # M1 is no multiple of b
        dnn.Flow(convex(rng), -0.1),
        dnn.Flow(residual(rng), 0.1),
        dnn.Dense(4, 4, rng=rng),
    ):
        with pytest.raises(NotImplementedError, match="averaged|not known to contract"):
            lipschitz.averaged(F)


# ---- measured constants


def test_the_measured_constant_of_a_linear_map_is_its_norm(rng):
    for name, make in LINEAR.items():
        A = make(rng)
        assert lipschitz.measured(A, points(rng, (3,))) == pytest.approx(A.lipschitz(), rel=1e-9), (
            name
        )


def test_measuring_changes_neither_points_nor_map_and_says_the_same_twice(rng):
    F, x = dnn.Flow(residual(rng), 0.5), points(rng, (3, 2))
    before, theta = x.copy(), F.theta.copy()
    assert lipschitz.measured(F, x, 20) == lipschitz.measured(F, x, 20) > 0
    assert np.array_equal(x, before) and np.array_equal(F.theta, theta)


def test_ascent_leaves_a_flat_place_for_a_steep_one():
    """x + ½·tanh is steepest at 0: from points at 3, the Jacobian there says 1.005, pairs find the 1.5 at 0."""
    F = dnn.Flow(dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Tanh()), 0.5)
    x = np.array([[3.0], [2.5]])
    assert np.abs(F.jacobian(x)).max() < 1.02
    assert 1.49 < lipschitz.measured(F, x, 300) <= 1.5 * ROUNDING


def test_both_parts_of_the_search_are_needed():
    """At 0 the Jacobian of x + ½tanh x has the norm 3/2, which no pair has; around 0 (x − ½)₊ is flat, and pairs see 1."""
    F = dnn.Flow(dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Tanh()), 0.5)
    assert lipschitz.measured(F, [[0.0]]) == pytest.approx(1.5, rel=1e-12)
    flat = dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.ReLU())
    flat.b = np.array([-0.5])
    assert lipschitz.measured(flat, np.zeros((20, 1))) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_search_does_not_depend_on_the_unit_of_length(scale, rng):
    """x ↦ s F(x/s)."""
    x = np.random.default_rng(5).normal(size=(5, 4))
    F = dnn.Flow(dnn.ResidualField(dnn.Dense(5, 4, rng=6), dnn.Tanh(), dnn.Dense(4, 5, rng=7)), 0.5)
    other = dnn.Network(
        dnn.Dense(4, 4, W=np.eye(4) / scale), copy.deepcopy(F), dnn.Dense(4, 4, W=scale * np.eye(4))
    )
    assert lipschitz.measured(other, scale * x) == pytest.approx(lipschitz.measured(F, x), rel=1e-2)


def test_what_is_measured_is_a_lower_bound_at_kinks_far_away_and_in_float32(rng):
    twice = dnn.ResidualField(
        dnn.Dense(2, 1, W=[[1.0], [-1.0]]), dnn.ReLU(), dnn.Dense(1, 2, W=[[1.0, -1.0]])
    )  # x
    assert (
        lipschitz.measured(twice, np.zeros((3, 1))) == pytest.approx(1)
        and lipschitz.measured(twice, np.zeros((3, 1))) <= 1
    )
    for b in (1e4, 1e8, 1e12):
        far = dnn.Affine(3, 3, W=np.eye(3), b=b * np.ones(3))
        assert lipschitz.measured(far, rng.normal(size=(20, 3))) <= ROUNDING
        assert checks.lipschitz(far, rng.normal(size=(20, 3))).passed
    flows = [
        dnn.Flow(dnn.GradientField(dnn.Dense(8, 8, rng=rng, dtype=np.float32), dnn.ReLU()), 2.0)
        for _ in range(4)
    ]
    for F in flows:
        F.field.A.orthogonalise()
    net = dnn.Network(*flows)
    assert 0.99 < lipschitz.measured(net, rng.normal(size=(50, 8))) <= net.lipschitz()


def test_a_map_that_moves_nothing_measures_zero(rng):
    """A kernel of F′ is no reason to report a one."""
    F = dnn.Flow(dnn.GradientField(orthogonal(rng, 4, 4), dnn.Identity()), 1.0)  # x − AᵀAx = 0
    assert lipschitz.measured(F, points(rng, (5,))) < 1e-12
    assert lipschitz.measured(dnn.Dense(2, 2, W=np.zeros((2, 2))), np.ones((3, 2))) == 0


def test_measured_constants_of_networks_and_rollouts_stay_below_their_bounds(rng):
    for _, net in networks(rng):
        assert (
            lipschitz.measured(net, points(rng, (4,), net.dim_in), 20) <= net.lipschitz() * ROUNDING
        )
    F = dnn.Flow(dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity()), 0.5)
    roll = dnn.Rollout(F, 3)
    assert lipschitz.measured(roll, np.ones((2, 1))) == pytest.approx(roll.lipschitz(), rel=1e-9)


# ---- whole networks


def test_a_profile_lists_bounds_products_and_what_was_found(rng):
    flows = [
        dnn.Flow(FIELDS["GradientField −"](rng), 0.3),
        dnn.Flow(residual(rng), 0.2, dnn.Heun()),
    ]
    net = dnn.Network(*flows, dnn.Affine(3, 4, rng=rng))
    x = rng.normal(size=(20, 4))
    profile = lipschitz.profile(net, x)
    bounds = [F.lipschitz() for F in net.maps]
    np.testing.assert_array_equal(profile.bound, bounds)
    np.testing.assert_allclose(profile.product, np.cumprod(bounds), rtol=1e-14)
    assert (profile.measured <= profile.bound * ROUNDING).all()
    assert (profile.measured_product <= profile.product * ROUNDING).all()
    assert profile.measured[-1] == pytest.approx(net.maps[-1].lipschitz(), rel=1e-9)
    assert profile.measured_product[-1] == lipschitz.measured(net, x, 50)
    for F, state, number in zip(net.maps, net.states(x), profile.measured, strict=False):
        assert number == lipschitz.measured(F, state, 50)
    text = str(profile).splitlines()
    assert len(text) == 4 and text[0].split() == [
        "layer",
        "bound",
        "measured",
        "product",
        "measured",
        "so",
        "far",
    ]
    assert "Wx + b" in text[3]
    assert len(lipschitz.profile(net).bound) == 3  # from normal points


def test_a_layer_without_a_constant_is_infinite_in_a_profile_and_an_error_in_a_certificate(rng):
    net = dnn.Network(
        dnn.Flow(FIELDS["SpherePreservingField"](rng), 0.1, dnn.RK4()), dnn.Affine(3, 4, rng=rng)
    )
    profile = lipschitz.profile(net, rng.normal(size=(3, 4)))
    assert profile.bound[0] == profile.product[1] == np.inf and np.isfinite(profile.measured).all()
    with pytest.raises(NotImplementedError, match="SpherePreservingField"):
        lipschitz.certified_radius(net, np.ones(4))


# ---- the student's check


def test_the_lipschitz_check_passes_what_is_right_and_finds_what_is_not(rng):
    x = rng.normal(size=(10, 4))
    flow = dnn.Flow(dnn.GradientField(orthogonal(rng, 4, 4), dnn.LeakyReLU(0.5)), 0.5)
    check = checks.lipschitz(flow, x).require()
    assert check.measured > 0.99 * check.limit and "of L = 0.75, by search" in check.detail

    class Forgetful(dnn.Flow):
        def lipschitz(self):
            return abs(1 - self.h)  # the other end of the spectrum is forgotten

    wrong = checks.lipschitz(
        Forgetful(dnn.GradientField(orthogonal(rng, 4, 4), dnn.LeakyReLU(0.5)), 0.5), x
    )
    assert (
        not wrong.passed
        and "the constant claims at most 0.5" in wrong.detail
        and "1.5 times" in wrong.detail
    )
    with pytest.raises(AssertionError, match="Lipschitz constant of Forgetful"):
        wrong.require()


def test_the_lipschitz_check_takes_plain_functions_and_looks_far_from_the_points(rng):
    assert checks.lipschitz(np.sin, rng.normal(size=(5, 3)), L=1).passed
    assert not checks.lipschitz(np.sin, rng.normal(size=(5, 3)), L=0.99).passed
    assert not checks.lipschitz(
        lambda x: np.maximum(x - 2, 0), np.zeros((3, 2)), L=0.9
    ).passed  # flat at 0
    assert checks.lipschitz(lambda x: 0 * x, np.ones((2, 2)), L=0).passed
    assert not checks.lipschitz(lambda x: x, np.ones((2, 2)), L=0).passed
    assert not checks.lipschitz(lambda x: x, np.ones((2, 2)), L=np.nan).passed
    with pytest.raises(TypeError, match="has no lipschitz"):
        checks.lipschitz(np.sin, np.ones(3))
    with pytest.raises(NotImplementedError, match="no Lipschitz constant of KnownField"):
        checks.lipschitz(dnn.KnownField(np.sin, 3), np.ones(3))
