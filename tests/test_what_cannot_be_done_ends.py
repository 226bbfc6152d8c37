"""Nothing is wrong in silence, and nothing goes on for ever: an answer, or an error that names what is wrong."""

import re

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import checks

NAN_AT_REST = [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]  # Kepler's force is infinite at q = 0


def robertson(y):
    """Robertson's reaction, the stiff test problem of 1966."""
    a, b, c = np.moveaxis(y, -1, 0)
    slow, fast, second = 0.04 * a, 1e4 * b * c, 3e7 * b**2
    return np.stack([fast - slow, slow - fast - second, second], axis=-1)


def not_finite():
    """Who solves an equation, at a state where the field is not finite."""
    X, K = dnn.GradientField.random(2, 3, rng=0), dnn.systems.kepler()
    pullback = dnn.continuous_adjoint(X, [[1.0, 1.0]], 1.0)[1]
    X.theta[0] = np.nan
    yield (
        "exact_flow",
        lambda: dnn.exact_flow(K, NAN_AT_REST, 1.0),
        "at state number 1 of the batch",
    )
    yield "backwards", lambda: dnn.exact_flow(K, NAN_AT_REST, -1.0), "at state number 1"
    yield "a logarithm", lambda: dnn.exact_flow(np.log, [[1.0], [-1.0]], 1.0), "it is [nan]"
    yield "the order", lambda: checks.order(dnn.RK4(), X, [1.0, 1.0]), "at state number 0"
    for method in ("RK45", "Radau", "LSODA"):
        solve = lambda m=method: dnn.continuous_adjoint(X, [1.0, 1.0], 1.0, method=m)  # noqa: E731
        yield f"the adjoint by {method}", solve, "at state number 0 of the batch"
    yield "its pullback", lambda: pullback(np.ones((1, 2))), "the adjoint equation needs a field"


@pytest.mark.parametrize(
    "solve, words", [case[1:] for case in not_finite()], ids=[case[0] for case in not_finite()]
)
def test_no_solution_is_sought_from_where_the_field_is_not_finite(solve, words):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=re.escape(words)):
        solve()


def test_a_solution_that_takes_too_long_says_that_it_is_stiff_or_has_kinks():
    with pytest.raises(
        RuntimeError,
        match=r"after 2000 evaluations with DOP853: the equation is stiff .* has kinks",
    ):
        dnn.exact_flow(robertson, [1.0, 0.0, 0.0], 100.0, evaluations=2000)
    steep = dnn.GradientField(dnn.Dense(2, 2, W=np.diag([2000.0, 1.0])), dnn.Tanh())
    with pytest.raises(RuntimeError, match="evaluations with RK45: the equation is stiff"):
        dnn.continuous_adjoint(steep, [1.0, 1.0], 1.0, evaluations=2000)
    with pytest.raises(RuntimeError, match="or t is far"):
        dnn.exact_flow(dnn.systems.pendulum(), [1.0, 0.0], 1e9, evaluations=2000)


def test_a_stiff_equation_is_solved_by_another_method_of_scipys():
    """Hairer and Wanner, Solving Ordinary Differential Equations II: y₁(40) = 0.7158…"""
    for method in ("Radau", "BDF", "LSODA"):
        y = dnn.exact_flow(
            robertson, [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [1.0, 40.0], method=method, rtol=1e-8
        )
        assert y.shape == (2, 2, 3)
        np.testing.assert_allclose(y[:, -1], 2 * [[0.715827, 9.18553e-6, 0.284164]], rtol=1e-5)
    linear = dnn.KnownField(
        lambda y: y * [-1.0, -1e6], 2, lambda y: np.diag([-1.0, -1e6]) + 0 * y[..., None]
    )
    np.testing.assert_allclose(
        dnn.exact_flow(linear, [1.0, 1.0], 1.0, method="Radau"),
        [np.exp(-1), 0],
        rtol=1e-8,
        atol=1e-12,
    )
    with pytest.raises(
        ValueError, match="method must be the name of one of solve_ivp's, RK23, .* got 'Euler'"
    ):
        dnn.exact_flow(linear, [1.0, 1.0], 1.0, method="Euler")


def test_states_with_kinks_are_solved_in_blocks(rng):
    """As all together cannot be, within as many evaluations: |y| falls at the rate of its side."""
    X = dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), dnn.LeakyReLU(0.5))
    X.b = -1.0  # ẏ = −σ(y − 1): from above 1, with a kink at y = 1
    field = dnn.SumField(X, dnn.KnownField(lambda y: -np.ones_like(y), 1))
    y = 1 + rng.uniform(0.1, 0.9, (130, 1))
    t_kink = np.log(
        y
    )  # y − 1 + 1 = (y₀) e^{−t} down to 1, and then y − 1 = −2(1 − e^{−(t − t*)/2})
    exact = 1 - 2 * (1 - np.exp(-(1.0 - t_kink) / 2))
    found = dnn.exact_flow(field, y, 1.0, evaluations=20_000)
    np.testing.assert_allclose(found, exact, atol=1e-11)


def test_a_singular_matrix_is_seen_where_numpy_raises_nothing(monkeypatch):
    """In a browser floating-point flags do not exist, and np.linalg.solve gives NaN."""
    dense, convolution = (
        dnn.Dense(2, 2, W=np.ones((2, 2))),
        dnn.Convolution(1, 1, image=(2, 2), kernel=1, W=np.zeros((1, 1, 1, 1))),
    )
    linear = dnn.KnownField(lambda x: 2 * x, 2, lambda x: 2 * np.eye(2) + 0 * x[..., None])
    cases = [
        (lambda: dense.inverse(np.ones((3, 2))), "its weight is singular"),
        (lambda: convolution.inverse(np.ones(4)), "its symbol is singular"),
        (
            lambda: dnn.ImplicitMidpoint().step(linear, np.ones(2), 1.0),
            "is singular in a step h = 1",
        ),
    ]
    for silent in (False, True):
        if silent:
            monkeypatch.setattr(
                np.linalg,
                "solve",
                lambda K, r: np.full(
                    np.broadcast_shapes(K.shape[:-1] + r.shape[-1:], r.shape), np.nan
                ),
            )
        for case, words in cases:
            with pytest.raises((ValueError, ArithmeticError), match=words):
                case()


def test_a_projection_from_far_is_an_error_and_not_another_level_set():
    """Rigour 3: relative errors of I of 7e-11, 8e-7, 1.8 were taken for none."""
    X = dnn.KnownField(lambda y: np.ones_like(y), 2)
    for far in (1e6, 1e10, 1e16):
        with pytest.raises(dnn.integrators.NotConverged, match="leads so far from the level set"):
            dnn.Projected(dnn.Euler(), dnn.SquaredNorm()).step(X, [1.0, 0.0], far)
    y = dnn.Projected(dnn.Euler(), dnn.SquaredNorm()).step(X, [1.0, 0.0], 100.0)
    assert abs((y @ y) - 1) < 1e-11


def test_a_field_that_is_no_skew_gradient_at_a_rest_of_its_invariant_is_refused():
    S = np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 0]])
    X = dnn.KnownField(lambda y: y @ S.T + [0, 0, 1], 3, lambda y: S + 0 * y[..., None])
    method = dnn.DiscreteGradient(dnn.Quadratic(np.diag([1.0, 1.0, 0.0])))
    with pytest.raises(
        dnn.integrators.NotConverged, match="∇I is 0 at a state where the field is not"
    ):
        method.step(X, np.zeros(3), 0.1)
    y = method.step(X, np.array([1.0, 0.0, 0.0]), 0.1)
    np.testing.assert_allclose(y[2], 0.1, rtol=1e-12)


def test_the_adjoint_of_a_discrete_gradient_keeps_eleven_digits_for_small_steps(rng):
    """For small h the implicit midpoint rule differs from it by O(h³) alone, and in it nothing is divided by ‖y − x‖."""
    H = dnn.HamiltonianField.random(4, 8, rng=0)
    x, w = rng.normal(size=(2, 4))
    for h in (1e-5, 1e-6, 1e-7, 1e-8):
        dtheta = dnn.DiscreteGradient().vjp(H, x, h)[1](w)[1]
        exact = dnn.ImplicitMidpoint().vjp(H, x, h)[1](w)[1]
        np.testing.assert_allclose(dtheta, exact, rtol=0, atol=5e-11 * np.abs(exact).max())


def test_a_field_that_ceases_to_be_finite_is_named_by_every_method():
    for method in ("DOP853", "Radau", "BDF"):
        with (
            np.errstate(all="ignore"),
            pytest.raises(RuntimeError, match="does not reach t = 2|not finite"),
        ):
            dnn.exact_flow(
                lambda y: np.where(y > 2, np.nan, y), [1.0], 2.0, method=method, evaluations=2000
            )


def test_no_constant_is_made_of_eigenvalues_that_are_nan(monkeypatch):
    """In a browser np.linalg raises nothing: a constant of 1 came out where 548 is attained."""
    W = 2 * np.random.default_rng(0).normal(size=(5, 4))
    X = dnn.GradientField(dnn.Dense(5, 4, W=W), dnn.Tanh())
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda a: np.full(a.shape[:-1], np.nan))
    for make in (
        lambda: dnn.Flow(X, 1.0, dnn.ExplicitMidpoint()).lipschitz(),
        lambda: dnn.RungeKutta([[], [0.4]], [0.5, 0.5]).contractivity_radius(),
        lambda: dnn.ResidualField(dnn.Dense(4, 4, rng=0), dnn.Tanh()).one_sided_lipschitz(),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="eigenvalues did not converge"):
            make()


def test_the_constant_of_a_rollout_is_a_geometric_sum_of_any_length():
    half, one, double = (dnn.Dense(1, 1, W=[[c]]) for c in (0.5, 1.0, 2.0))
    for n in (1, 2, 3, 7, 40):
        exact = sum(0.25**k for k in range(1, n + 1)) ** 0.5
        assert exact <= dnn.Rollout(half, n).lipschitz() <= exact * (1 + 1e-15 * n)
    assert dnn.Rollout(half, 10**9).lipschitz() == pytest.approx((1 / 3) ** 0.5, rel=1e-14)
    assert dnn.Rollout(one, 10**9).lipschitz() == pytest.approx(10**4.5, rel=1e-6)  # of 1 + 2.2e-16
    assert dnn.Rollout(double, 10**9).lipschitz() == np.inf


def test_a_flow_of_any_length_is_averaged():
    X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.ReLU())
    assert dnn.lipschitz.averaged(dnn.Flow(X, 0.5, steps=3)) == pytest.approx(
        1 / (1 + 1), rel=1e-12
    )  # α = ¼ three times
    assert 1 - 1e-8 < dnn.lipschitz.averaged(dnn.Flow(X, 0.5, steps=10**9)) < 1


def test_a_flow_that_only_moves_all_states_alike_is_averaged_with_any_weight():
    still = dnn.GradientField(dnn.Dense(2, 2, W=np.zeros((2, 2))), dnn.ReLU())
    assert dnn.lipschitz.averaged(dnn.Flow(still, 0.5)) == 0


def test_what_is_measured_is_never_nan():
    X = dnn.KnownField(np.sin, 2, lambda x: np.full((*x.shape, 2), np.nan))
    with pytest.raises(ValueError, match="is not finite near the points"):
        dnn.lipschitz.measured(X, np.ones((3, 2)), steps=2)


@pytest.mark.parametrize("stream", [None, object()])
def test_a_training_needs_no_terminal(stream, monkeypatch):
    monkeypatch.setattr("sys.stderr", stream)
    x = np.ones((4, 2))
    assert len(dnn.fit(dnn.Dense(2, 2, rng=0), dnn.MeanSquaredError(), x, x, epochs=2).loss) == 2
