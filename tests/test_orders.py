"""The observed order of every method is the claimed one, on autonomous and non-autonomous problems."""

import numpy as np
import pytest
from zoo import (
    PARTITIONED,
    RUNGE_KUTTA,
    SPLITTINGS,
    WAVY,
    YOSHIDAS,
    energetic,
    invariant_field,
    sphere,
)

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.integrators import tableau_order


def stack(*columns):
    return np.stack(columns, axis=-1)


PENDULUM = dnn.systems.pendulum()

#: ẏ = −y + sin(3t)y², with time as an extra state: wrong stage times make every method here of order one
TIMED = dnn.KnownField(
    lambda z: stack(-z[..., 0] + np.sin(3 * z[..., 1]) * z[..., 0] ** 2, np.ones_like(z[..., 1])), 2,
    lambda z: np.stack([
        stack(-1 + 2 * np.sin(3 * z[..., 1]) * z[..., 0], 3 * np.cos(3 * z[..., 1]) * z[..., 0] ** 2), np.zeros_like(z),
    ], axis=-2),
)  # fmt: skip

#: a pendulum pushed by cos 2t: x = (q, t), v = (p, s), ṫ = 1, ṡ = 0
PUSHED = dnn.PartitionedField(
    dnn.KnownField(lambda v: stack(v[..., 0], np.ones_like(v[..., 1])), 2),
    dnn.KnownField(
        lambda x: stack(np.cos(2 * x[..., 1]) - np.sin(x[..., 0]), np.zeros_like(x[..., 1])), 2
    ),
)

#: the same two problems as sums, for splittings
SPLIT = dnn.SumField(
    dnn.KnownField(lambda z: stack(z[..., 1], 0 * z[..., 0]), 2),
    dnn.KnownField(lambda z: stack(z[..., 1] * 0, -np.sin(z[..., 0])), 2),
)
SPLIT_TIMED = dnn.SumField(
    dnn.KnownField(lambda z: stack(-z[..., 0], np.ones_like(z[..., 1])), 2),
    dnn.KnownField(
        lambda z: stack(np.sin(3 * z[..., 1]) * z[..., 0] ** 2, np.zeros_like(z[..., 1])), 2
    ),
)

CASES = (
    [(m, X) for m in RUNGE_KUTTA for X in (PENDULUM, TIMED)]
    + [(m, X) for m in PARTITIONED + YOSHIDAS for X in (PENDULUM, PUSHED)]
    + [(dnn.Yoshida(dnn.ImplicitMidpoint()), X) for X in (PENDULUM, TIMED)]
    + [(dnn.Projected(m, PENDULUM.invariants["energy"]), PENDULUM) for m in (dnn.Heun(), dnn.RK4())]
    + [(m, X) for m in SPLITTINGS for X in (SPLIT, SPLIT_TIMED)]
)


@pytest.mark.parametrize(("method", "field"), CASES, ids=lambda v: repr(v))
def test_observed_order(method, field):
    x = np.array([0.7, 0.3] if field.dim == 2 else [0.7, 0.0, 0.3, 0.0])
    check = checks.order(
        method, field, x, t=0.5, finest=1024 if field is TIMED else 256
    )  # there it is reached later
    print(check)
    check.require()


@pytest.mark.parametrize(
    ("method", "make"),
    [
        (dnn.ImplicitMidpoint(), lambda rng: PENDULUM), (dnn.ImplicitMidpoint(), lambda rng: TIMED), (dnn.Cayley(), sphere),
        (dnn.DiscreteGradient(), energetic), (dnn.Yoshida(dnn.DiscreteGradient()), energetic),
        (dnn.DiscreteGradient(), lambda rng: invariant_field(rng, WAVY)),
        (dnn.Projected(dnn.RK4(), WAVY), lambda rng: invariant_field(rng, WAVY)),
        (dnn.Yoshida(dnn.Strang(dnn.ImplicitMidpoint())), lambda rng: dnn.SumField(energetic(rng), sphere(rng))),
    ],
    ids=lambda v: repr(v),
)  # fmt: skip
def test_observed_order_of_structured_methods(method, make, rng):
    field = make(rng)
    x = np.array([0.7, 0.3]) if field.dim == 2 else rng.normal(size=(3, 4))
    checks.order(method, field, x, t=0.5, finest=32).require()


@pytest.mark.parametrize("method", RUNGE_KUTTA, ids=repr)
def test_claimed_order_fulfils_exactly_its_order_conditions(method):
    assert method.order == tableau_order(method.A, method.b)


def test_named_methods_are_those_of_the_books():
    """Nodes c = A1 and weights b, with Ralston's c₂ = 2/3 (its smallest error bound) told from Heun's c₂ = 1."""
    books = {
        dnn.Euler: ([0], [1]),
        dnn.Heun: ([0, 1], [1 / 2, 1 / 2]),
        dnn.ExplicitMidpoint: ([0, 1 / 2], [0, 1]),
        dnn.Ralston: ([0, 2 / 3], [1 / 4, 3 / 4]),
        dnn.Kutta3: ([0, 1 / 2, 1], [1 / 6, 4 / 6, 1 / 6]),
        dnn.RK4: ([0, 1 / 2, 1 / 2, 1], [1 / 6, 2 / 6, 2 / 6, 1 / 6]),
    }
    for method, (nodes, weights) in books.items():
        np.testing.assert_allclose([sum(row) for row in method().A], nodes, atol=1e-15)
        np.testing.assert_allclose(method().b, weights, atol=1e-15)


def test_shears_and_substeps_come_in_the_order_of_their_formulas():
    """With f(v) = v² and g(x) = x³ no two shears commute, so a formula has one right order."""
    f, g, h = dnn.KnownField(lambda v: v**2, 1), dnn.KnownField(lambda x: x**3, 1), 0.3
    X, x, v = dnn.PartitionedField(f, g), 0.7, -0.4
    x1 = x + h * v**2
    np.testing.assert_allclose(
        dnn.SymplecticEuler().step(X, [x, v], h), [x1, v + h * x1**3], rtol=1e-15
    )
    half = v + h / 2 * x**3
    x1 = x + h * half**2
    np.testing.assert_allclose(
        dnn.StormerVerlet().step(X, [x, v], h), [x1, half + h / 2 * x1**3], rtol=1e-15
    )
    parts = [dnn.KnownField(fun, 1) for fun in (np.sin, np.square, np.exp)]

    def run(*steps):
        y = np.array([x])
        for k, c in steps:
            y = dnn.RK4().step(parts[k], y, c * h)
        return y

    total = dnn.SumField(*parts)
    np.testing.assert_allclose(
        dnn.LieTrotter(dnn.RK4()).step(total, [x], h), run((0, 1), (1, 1), (2, 1)), rtol=1e-15
    )
    palindrome = run((0, 0.5), (1, 0.5), (2, 1), (1, 0.5), (0, 0.5))
    np.testing.assert_allclose(dnn.Strang(dnn.RK4()).step(total, [x], h), palindrome, rtol=1e-15)


def test_a_field_goes_into_scipy_as_it_is():
    from scipy.integrate import solve_ivp

    X = dnn.systems.lotka_volterra()
    solution = solve_ivp(X.rhs, (0, 2), X.x0, rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(solution, dnn.exact_flow(X, X.x0, 2.0), rtol=1e-8)


def test_exact_flow_at_time_zero_is_the_identity_and_a_copy():
    x = np.array([[1.0, 0.5]])
    y = dnn.exact_flow(PENDULUM, x, 0)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)
    several = dnn.exact_flow(PENDULUM, x, [0.0, 1.0])
    np.testing.assert_array_equal(several[:, 0], x)
    np.testing.assert_allclose(several[:, 1], dnn.exact_flow(PENDULUM, x, 1.0), rtol=1e-12)
    assert dnn.exact_flow(lambda x: -x, [1], np.log(2)) == pytest.approx(
        0.5
    )  # a function, and integers


def test_order_conditions_see_famous_methods():
    three_eighths = dnn.RungeKutta(
        [[], [1 / 3], [-1 / 3, 1], [1, -1, 1]], [1 / 8, 3 / 8, 3 / 8, 1 / 8]
    )
    assert three_eighths.order == 4
    fehlberg = dnn.RungeKutta(
        [[], [1 / 4], [3 / 32, 9 / 32], [1932 / 2197, -7200 / 2197, 7296 / 2197], [439 / 216, -8, 3680 / 513, -845 / 4104],
         [-8 / 27, 2, -3544 / 2565, 1859 / 4104, -11 / 40]],
        [16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55])  # fmt: skip
    assert fehlberg.order == 5
    full_square = dnn.RungeKutta([[0, 0], [0.5, 0]], [0, 1])
    assert full_square.A == [[], [0.5]] and full_square.order == 2


def test_splittings_have_the_smaller_of_two_orders():
    assert dnn.LieTrotter(dnn.RK4()).order == 1
    assert dnn.Strang(dnn.Euler()).order == 1
    assert dnn.Strang(dnn.RK4()).order == 2
    assert dnn.Strang([dnn.RK4(), dnn.Euler()]).order == 1


def test_the_order_check_fails_on_wrong_stage_times():
    class FrozenTime(dnn.RK4):
        """RK4 whose stages all see the time at the start of the step."""

        def step(self, field, x, h):
            frozen = dnn.KnownField(
                lambda z: field(stack(z[..., 0], np.broadcast_to(x[..., 1], z[..., 1].shape))), 2
            )
            return super().step(frozen, x, h)

    x = np.array([0.7, 0.3])
    check = checks.order(FrozenTime(), TIMED, x, finest=256)
    assert not check.passed and "observed 0.99" in check.detail
    assert checks.order(dnn.RK4(), TIMED, x, finest=256).passed


def test_the_order_check_fails_on_a_wrong_weight():
    class Wrong(dnn.RK4):
        def step(self, field, x, h):
            self.b = self.b[2:] + self.b[:2]
            return super().step(field, x, h)

    x = np.array([0.7, 0.3])
    assert not checks.order(Wrong(), PENDULUM, x, finest=256).passed
    assert checks.order(dnn.RK4(), PENDULUM, x, finest=256).passed


def test_a_claimed_order_is_held_against_the_order_conditions():
    """A typo in a tableau does not hide behind an order that is computed from it."""
    assert dnn.RungeKutta([[], [1 / 2], [0, 3 / 4]], [2 / 9, 1 / 3, 4 / 9], order=3).order == 3
    with pytest.raises(
        ValueError, match="claims order 3, but its tableau meets the conditions of order 1"
    ):
        dnn.RungeKutta([[], [1 / 2], [0, 3 / 5]], [2 / 9, 1 / 3, 4 / 9], order=3)

    class Typo(dnn.RungeKutta):
        A, b, order = [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 3, 1 / 6, 1 / 6, 1 / 3], 4

    with pytest.raises(ValueError, match="claims order 4"):
        Typo()


@pytest.mark.parametrize("t", [-1.5, np.array([0.5, 1.0, 4.0])], ids=["backwards", "several times"])
def test_exact_flow_solves_the_oscillator_to_twelve_digits(t):
    x = np.array([[1.0, 0.0], [0.3, -2.0]])
    q, p = (np.expand_dims(c, -1) if np.ndim(t) else c for c in x.T)
    rotation = stack(q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t))
    np.testing.assert_allclose(
        dnn.exact_flow(dnn.systems.harmonic_oscillator(), x, t), rotation, atol=1e-12
    )


def test_rollout_is_the_iterated_map_with_the_batch_first():
    F = dnn.Flow(PENDULUM, 0.1, dnn.StormerVerlet())
    x = np.array([[1.0, 0.0], [0.3, -2.0]])
    states = dnn.Rollout(F, 5)(x)
    assert states.shape == (2, 5, 2)
    np.testing.assert_array_equal(states[:, 1], F(F(x)))
    np.testing.assert_array_equal(
        states[:, -1], dnn.Flow(PENDULUM, 0.1, dnn.StormerVerlet(), steps=5)(x)
    )


def test_a_method_of_six_orders_is_seen_as_one():
    """Butcher's method of seven stages."""
    A = [[], [1 / 3], [0, 2 / 3], [1 / 12, 1 / 3, -1 / 12], [-1 / 16, 9 / 8, -3 / 16, -3 / 8],
         [0, 9 / 8, -3 / 8, -3 / 4, 1 / 2], [9 / 44, -9 / 11, 63 / 44, 18 / 11, 0, -16 / 11]]  # fmt: skip
    assert dnn.RungeKutta(A, [11 / 120, 0, 27 / 40, 27 / 40, -4 / 15, -4 / 15, 11 / 120]).order == 6


def test_the_order_check_wants_the_order_that_is_claimed_and_not_a_higher_one():
    class Modest:
        order = 3
        step = dnn.RK4().step

    assert not checks.order(Modest(), systems.pendulum(), [0.7, 0.3]).passed


def test_the_order_check_needs_two_errors_that_are_more_than_rounding_and_less_than_infinity():
    X = dnn.KnownField(lambda x: 0.1 + 0 * x, 1)  # every method is exact, to rounding
    check = checks.order(dnn.Euler(), X, [0.3], t=0.7)
    assert not check.passed and "take a larger t" in check.detail
    check = checks.order(
        dnn.RK4(), dnn.KnownField(np.cos, 1), [0.3], t=0.09
    )  # one error above 1e-11
    assert not check.passed and "take a larger t" in check.detail

    class Infinite(dnn.Euler):
        def step(self, field, x, h):
            return x + np.inf

    check = checks.order(Infinite(), X, [0.3])
    assert not check.passed and "take a smaller t" in check.detail
