"""The small print: edges, defaults and messages, one sentence of a docstring a test."""

import re
import sys

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import checks, datasets, systems

POINTS = np.zeros((2, 2))


# ---- beside test_activations.py
def test_the_sigmoid_takes_a_complex_step_at_zero():
    assert dnn.Sigmoid()(np.array(1e-30j)).imag / 1e-30 == pytest.approx(0.25)


# ---- beside test_constants.py
def test_a_lift_between_equal_dimensions_returns_x_itself():
    x = np.ones((5, 3))
    assert dnn.Lift(3, 3)(x) is x


def test_a_mu_that_rounding_puts_below_minus_l_still_has_a_bound():
    """1 + 2hμ + h²L² is then −4e-16 at h = 1/L, and its root 0."""

    class Contracting(dnn.Field):
        def lipschitz(self):
            return 1.0

        def one_sided_lipschitz(self):
            return -np.nextafter(1.0, 2.0)

    assert dnn.Euler().lipschitz(Contracting(), 1.0) == 0


def test_a_bound_of_zero_has_no_sign():
    low, high = dnn.GradientField(dnn.Dense(1, 2, W=[[1.0, 0.0]]), dnn.Tanh()).spectrum()
    assert (low, high) == (-1, 0) and not np.signbit(high)


# ---- beside test_what_is_preserved.py
def test_a_general_invariant_field_keeps_its_invariant_and_no_mass():
    class Half:
        def __call__(self, x):
            return (x * x).sum(axis=-1) / 2

        def gradient(self, x):
            return x

        def hvp(self, x, v):
            return v

    assert dnn.InvariantField(dnn.Dense(9, 3), dnn.Tanh(), Half()).keeps == {"invariant"}
    assert dnn.Rollout(dnn.Flow(systems.sir(), 0.1), 2).keeps == {"mass"}


def test_what_the_systems_keep_and_where_they_start():
    """The words, and the values of each invariant at the default start, which fix its scale, sign and parameters."""
    known = {
        "mass_example": ({"mass"}, [0.2, 0.6, 0.9], dict(mass=1.7)),
        "sir": ({"mass", "invariant"}, [0.9, 0.1, 0.0], dict(mass=1.0, epidemic=1 - np.log(0.9))),
        "harmonic_oscillator": ({"volume", "symplectic", "energy"}, [1.0, 0.0], dict(energy=0.5)),
        "pendulum": ({"volume", "symplectic", "energy"}, [1.5, 0.0], dict(energy=-np.cos(1.5))),
        "kepler": ({"volume", "symplectic", "energy"}, [0.5, 0, 0, 3**0.5], dict(energy=-0.5, angular_momentum=0.75**0.5)),
        "lotka_volterra": ({"invariant"}, [2.0, 1.0], dict(cycle=3 - np.log(2))),
        "rigid_body": ({"norm", "energy", "volume"}, [np.cos(1.1), 0, np.sin(1.1)],
            dict(casimir=0.5, energy=np.cos(1.1) ** 2 / 4 + 3 * np.sin(1.1) ** 2 / 4)),
    }  # fmt: skip
    for name, (keeps, x0, invariants) in known.items():
        X = getattr(systems, name)()
        assert X.keeps == keeps and X.invariants.keys() == invariants.keys()
        np.testing.assert_allclose(X.x0, x0)
        for key, value in invariants.items():
            assert X.invariants[key](X.x0) == pytest.approx(value), (name, key)


def test_the_right_hand_sides_with_parameters_that_all_differ(rng):
    X, x, y = systems.lotka_volterra(1.0, 2.0, 3.0, 5.0), 0.7, 1.3
    np.testing.assert_allclose(X([x, y]), [x * (1 - 2 * y), y * (5 * x - 3)])
    checks.tangent(X, rng.uniform(0.5, 2, (5, 2))).require()
    z = rng.uniform(0.5, 2, (5, 2))
    rate = [(X.invariants["cycle"](s + 1e-6 * X(s)) - X.invariants["cycle"](s - 1e-6 * X(s))) / 2e-6 for s in z]
    np.testing.assert_allclose(rate, 0, atol=1e-8)
    inertia, m = np.array([2.0, 1.0, 0.5]), rng.normal(size=(5, 3))
    np.testing.assert_allclose(systems.rigid_body(inertia)(m), np.cross(m, m / inertia), rtol=1e-12, atol=1e-14)


# ---- beside test_orders.py
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
    check = checks.order(dnn.RK4(), dnn.KnownField(np.cos, 1), [0.3], t=0.09)  # one error above 1e-11
    assert not check.passed and "take a larger t" in check.detail

    class Infinite(dnn.Euler):
        def step(self, field, x, h):
            return x + np.inf

    check = checks.order(Infinite(), X, [0.3])
    assert not check.passed and "take a smaller t" in check.detail


# ---- beside test_parameters.py
def test_names_of_parts_with_two_parameters():
    X = dnn.PartitionedField(dnn.Dense(2, 2), dnn.Affine(2, 2))
    assert list(X.parameters) == ["f", "g.W", "g.b"]


def test_a_learned_step_of_a_field_without_parameters_is_a_double():
    F = dnn.Flow(systems.pendulum(), 0.1, learn_h=True)
    assert F.h == 0.1 and F.theta.dtype == float
    assert type(dnn.Flow(systems.pendulum(), np.float64(0.1)).h) is float


def test_integers_and_lists_are_states():
    X = systems.rigid_body()
    np.testing.assert_array_equal(X(np.array([1, 1, 2])), X(np.array([1.0, 1.0, 2.0])))
    F = dnn.Flow(X, 0.1)
    y, pullback = dnn.Rollout(F, 2).vjp([1, 2, 3])
    assert y.shape == (2, 3) and pullback(y)[0].shape == (3,)
    assert isinstance(dnn.Network(F).states([1, 2, 3])[0], np.ndarray)
    assert dnn.Lift(3, 2).jacobian(np.ones(2, np.float32)).dtype == np.float32


def test_summary_and_formula_to_the_letter():
    X = dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Tanh())
    net = dnn.Network(dnn.Flow(X, 0.1, steps=2))
    assert net.maps[0].formula == "Ψ^h × 2, Euler(), X = Bσ(Ax + b), h = 0.1"
    assert [line.endswith("–") for line in net.summary().splitlines()] == [False, True, True]


# ---- beside test_training.py
class Spoilt(dnn.MeanSquaredError):
    """From call `n` on, the value is finite and the covector is not."""

    def __init__(self, n):
        self.n = n

    def vjp(self, y, target):
        self.n -= 1
        value, dy = super().vjp(y, target)
        return value, dy if self.n >= 0 else dy * np.nan


def test_a_gradient_that_is_not_finite_is_divergence_and_theta_is_the_last_with_a_finite_one():
    x, nets = np.ones((4, 1)), [dnn.Affine(1, 1, rng=0) for _ in range(2)]
    dnn.fit(nets[0], dnn.MeanSquaredError(), x, 3 * x, dnn.SGD(0.1), epochs=1)
    with pytest.raises(dnn.TrainingDiverged, match="the loss is"):
        dnn.fit(nets[1], Spoilt(2), x, 3 * x, dnn.SGD(0.1), epochs=5)
    np.testing.assert_array_equal(nets[1].theta, nets[0].theta)  # the third covector is spoilt; the second was at θ₁


def test_lbfgs_refuses_a_start_whose_gradient_is_not_finite():
    x = np.ones((4, 1))
    with pytest.raises(dnn.TrainingDiverged, match="at the start"):
        dnn.fit(dnn.Affine(1, 1, rng=0), Spoilt(0), x, 3 * x, dnn.LBFGS(), epochs=5)


def test_lbfgs_refuses_a_start_whose_loss_is_infinite_with_a_finite_gradient():
    class Infinite(dnn.MeanSquaredError):
        def vjp(self, y, target):
            return np.inf, super().vjp(y, target)[1]

    x = np.ones((4, 1))
    with pytest.raises(dnn.TrainingDiverged, match="at the start: the loss is inf"):
        dnn.fit(dnn.Affine(1, 1, rng=0), Infinite(), x, 3 * x, dnn.LBFGS(), epochs=5)


def test_lbfgs_steps_back_from_a_gradient_that_is_not_finite():
    """J = mean (y − 1)², whose value is finite and whose covector is NaN for |y| > 1.3; the first step leads there."""
    gone = []

    class Cliff(dnn.MeanSquaredError):
        def vjp(self, y, target):
            value, dy = super().vjp(y, target)
            gone.append(np.abs(y).max() > 1.3)
            return value, dy * np.nan if gone[-1] else dy

    net, x = dnn.Affine(1, 1, W=[[0.0]], b=[0.5]), np.array([[-1.0], [1.0], [2.0]])
    dnn.fit(net, Cliff(), x, np.array([[0.0], [1.0], [1.0]]), dnn.LBFGS(), epochs=50)
    free = dnn.Affine(1, 1, W=[[0.0]], b=[0.5])
    dnn.fit(free, dnn.MeanSquaredError(), x, np.array([[0.0], [1.0], [1.0]]), dnn.LBFGS(), epochs=50)
    assert any(gone)
    np.testing.assert_allclose(net.theta, free.theta, atol=1e-6)


def test_ctrl_c_in_a_line_search_leaves_the_theta_of_the_last_entry():
    x, y = dnn.datasets.moons(50, rng=0)
    for calls in range(2, 12):

        class Interrupted(dnn.SoftmaxCrossEntropy):
            n = calls

            def vjp(self, z, labels):
                Interrupted.n -= 1
                if Interrupted.n == 0:
                    raise KeyboardInterrupt
                return super().vjp(z, labels)

        net = dnn.Affine(2, 2, rng=1)
        before = dnn.SoftmaxCrossEntropy()(net(x), y)
        history = dnn.fit(net, Interrupted(), x, y, dnn.LBFGS(), epochs=50)
        assert history.interrupted
        assert dnn.SoftmaxCrossEntropy()(net(x), y) == [before, *history.loss][-1]


def test_progress_is_shown_ten_times_a_second_at_most(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    x = np.ones((4, 1))
    history = dnn.fit(dnn.Affine(1, 1, rng=0), dnn.MeanSquaredError(), x, x, epochs=200)
    assert sys.stderr.getvalue().count("\r") <= 3 + 10 * history.seconds[-1]
    assert repr(history) == str(history)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(dnn.TrainingDiverged):
        dnn.fit(dnn.Affine(1, 1, rng=0), Spoilt(0), x, x, epochs=2)
    assert sys.stderr.getvalue() == ""  # nothing was shown, so there is no line to end


# ---- beside test_checks.py
class Own:
    """x ↦ c ⊙ sin x, c = (1, 2), written by hand; the subclasses have one mistake each."""

    def __init__(self):
        self.theta = np.array([1.0, 2.0])

    def __call__(self, x):
        return self.theta * np.sin(x)

    def vjp(self, x):
        return self(x), lambda w: (self.theta * np.cos(x) * w, (np.sin(x) * w).sum(axis=0))

    def jvp(self, x, v, dtheta=None):
        return self(x), self.theta * np.cos(x) * v + (0 if dtheta is None else np.sin(x) * dtheta)


def test_the_adjoint_check_fails_on_nan_on_shapes_and_on_other_values(rng):
    x = rng.normal(size=(5, 2))
    assert checks.adjoint(Own(), x).passed and checks.tangent(Own(), x).passed

    class NanInX(Own):
        def vjp(self, x):
            return self(x), lambda w: (np.nan * x, (np.sin(x) * w).sum(axis=0))

    class NanInTheta(Own):
        def vjp(self, x):
            return self(x), lambda w: (self.theta * np.cos(x) * w, np.nan * self.theta)

    class OneMoreAxis(Own):
        def vjp(self, x):
            return self(x)[None], lambda w: (self.theta * np.cos(x) * w[0], (np.sin(x) * w[0]).sum(axis=0))

    class SlightlyOther(Own):
        def vjp(self, x):
            return self(x) * (1 + 1e-9), super().vjp(x)[1]

    class SmallErrorInX(Own):
        """1e-9 in x, where a jvp tells; and θ has no jvp, so that a quotient's error of the same size is right there."""

        def vjp(self, x):
            return self(x), lambda w: (self.theta * np.cos(x) * w * (1 + 1e-10), (np.sin(x) * w).sum(axis=0))

        def jvp(self, x, v, dtheta=None):
            if dtheta is not None:
                raise NotImplementedError
            return super().jvp(x, v)

    for Wrong in (NanInX, NanInTheta, OneMoreAxis, SlightlyOther, SmallErrorInX):
        assert not any(checks.adjoint(Wrong(), x, rng=seed).passed for seed in range(10)), Wrong.__name__


def test_the_tangent_check_fails_on_nan(rng):
    class NanTangent(Own):
        def jvp(self, x, v, dtheta=None):
            return self(x), np.nan * x

    assert not checks.tangent(NanTangent(), rng.normal(size=(5, 2))).passed


def test_what_the_adjoint_check_says():
    class NoTangent(dnn.KnownField):
        jvp = dnn.Map.jvp

    x = np.ones((3, 2))
    assert (
        checks.adjoint(NoTangent(np.sin, 2, lambda x: np.cos(x)[..., None] * np.eye(2)), x).detail
        == "in x, Jv from differences"
    )
    assert checks.adjoint(dnn.Lift(3, 2), np.zeros(2)).detail == "in x, Jv from jvp"
    for fun, x in ((lambda x: np.where(np.isnan(x), 0.0, x), [np.nan, 1.0]), (lambda x: x + np.inf, [0.0, 1.0])):
        X = dnn.KnownField(fun, 2, lambda x: np.eye(2))
        assert "x or F(x) is not finite" in checks.adjoint(X, x).detail


def test_a_check_at_its_limit_passes():
    assert checks.Check("a", 1.0, 1.0).passed


def test_the_volume_check_allows_rounding_of_the_condition_number_and_one_percent_at_most():
    def linear(J):
        return dnn.KnownField(lambda x: x @ J.T, 2, lambda x: J + 0 * x[..., None])

    assert checks.volume(linear(np.diag([1e6, 1e-6])), np.ones(2)).limit == pytest.approx(10 * 2.2e-16 * 1e12, rel=0.1)
    assert checks.volume(linear(np.diag([1e9, 1e-9])), np.ones(2)).limit == 1e-2
    assert checks.volume(linear(np.eye(2)), np.ones(2)).limit == 1e-12


def test_the_volume_check_by_differences_does_not_confuse_rows_and_columns():
    def oblong(z):
        return np.concatenate([z, z[..., :1]], axis=-1)

    assert "F′ has shape (3, 2)" in checks.volume(oblong, np.ones((4, 2))).detail


def test_the_limit_of_the_invariant_check_is_a_rounding_error_a_step():
    check = checks.invariant(lambda x: x, dnn.Mass(), [[1.0, -2.0]], steps=8)
    assert check.limit == pytest.approx((8 + 2) * 2.220446049250313e-16 * 3, abs=0)


def test_an_invariant_that_is_nan_for_a_while_fails():
    values = iter([1.0, np.nan, 1.0, 1.0])
    assert not checks.invariant(lambda x: x, lambda x: np.array(next(values)), np.ones(2), steps=3).passed


def test_the_inverse_check_goes_there_and_back_and_back_and_there():
    class Half:
        """(a, b) ↦ (a, b, 0), cut to (b, a, 0) on the way back."""

        def __init__(self, there):
            self.there = there

        def __call__(self, x):
            return np.concatenate([x, 0 * x[..., :1]], axis=-1)

        def inverse(self, y):
            return y[..., :2] if self.there else y[..., 1::-1]

    assert checks.inverse(Half(True), [[1.0, 2.0]]).passed and not checks.inverse(Half(False), [[1.0, 2.0]]).passed

    class Off(dnn.Map):
        dim_in = dim_out = 1

        def __call__(self, x):
            return x + 1.0

        def inverse(self, y):
            return y - 1.0 + 1e-12

    assert checks.inverse(Off(), [[1e-6]]).passed  # relative to 1, not to a small ‖x‖


def test_a_tangent_is_told_from_a_quotient_whose_value_is_rounding():
    """F(x) = 1e8 + 1e-3 x: the quotient is all rounding, and the jvp is not to be blamed for it."""

    class Large(Own):
        theta = np.zeros(0)

        def __init__(self):
            pass

        def __call__(self, x):
            return 1e8 + 1e-3 * x

        def vjp(self, x):
            return self(x), lambda w: (1e-3 * w, np.zeros(0))

        def jvp(self, x, v, dtheta=None):
            return self(x), 1e-3 * v

    assert checks.adjoint(Large(), np.ones((5, 2))).require().limit == 1e-12


# ---- beside test_systems_and_data.py
def test_rings_go_all_the_way_round():
    x, y = datasets.rings(2000, rng=0)
    for label in (0, 1):
        assert np.abs(np.sign(x[y == label]).mean(axis=0)).max() < 0.1


def test_moons_interleave_and_labels_are_shuffled():
    x, y = datasets.moons(1000, noise=0.0, rng=0)
    upper, lower = x[y == 0], x[y == 1]
    assert upper[:, 0].min() < -0.99 and upper[:, 0].max() > 0.99  # half circles, not quarters
    assert lower[:, 0].min() < 0.01 and lower[:, 0].max() > 1.99
    assert not np.array_equal(y, np.arange(1000) % 2)
    assert np.std(datasets.moons(1000, rng=0)[0] - x) == pytest.approx(0.1, rel=0.05)
    r = np.linalg.norm(datasets.spirals(1000, rng=0)[0], axis=-1)
    assert np.mean(r < 0.5) == pytest.approx(0.25, abs=0.05)  # r² is uniform


# ---- beside test_errors.py
def test_a_splitting_of_ones_own_must_bring_its_substeps():
    with pytest.raises(NotImplementedError):
        dnn.integrators.Splitting.substeps(2)


# for MISTAKES
def gradient():
    return dnn.GradientField(dnn.Dense(3, 2, rng=0), dnn.Tanh())


def affine():
    return dnn.Affine(2, 2, rng=0)


MISTAKES = {
    "no function": (lambda: dnn.KnownField(None, 2), TypeError, "fun of KnownField must be a function of the state, got None"),
    "no words": (lambda: dnn.KnownField(np.sin, 2, keeps=""), ValueError, "keeps must be a set out of"),
    "half a tableau for RK4": (lambda: dnn.RK4(b=[1]), TypeError, "RK4 has its own tableau"),
    "a NaN time": (lambda: dnn.exact_flow(gradient(), POINTS, np.nan), ValueError, "finite states and times"),
    "a matrix of times": (lambda: dnn.exact_flow(gradient(), POINTS, [[1.0, 2.0]]), ValueError, "times that go one way from 0"),
    "no times": (lambda: dnn.exact_flow(gradient(), POINTS, []), ValueError, "times that go one way from 0"),
    "the same time twice": (lambda: dnn.exact_flow(gradient(), POINTS, [1.0, 1.0]), ValueError, "times that go one way from 0"),
    "times that come back": (lambda: dnn.exact_flow(gradient(), POINTS, [2.0, 1.0]), ValueError, "times that go one way from 0"),
    "an exact flow of float32": (lambda: dnn.exact_flow(dnn.ResidualField(dnn.Dense(2, 2, dtype="float32"), dnn.Tanh()), POINTS, 1.0), TypeError,
        "needs a float64 field and states, got float32"),
    "a complex learned step": (lambda: dnn.Flow(gradient(), 0.1 + 1j, learn_h=True), TypeError, "the step of a Flow is a real number, got (0.1+1j)"),
    "a step set to a complex number": (lambda: setattr(dnn.Flow(gradient(), 0.1), "h", 1j), TypeError, "the step of a Flow is a real number, got 1j"),
    "a rollout of a function": (lambda: dnn.Rollout(np.sin, 2), TypeError, "Rollout iterates a Map, got a ufunc"),
    "a rate of zero": (lambda: dnn.SGD(0.0), ValueError, "rate must be a positive number, got 0"),
    "an infinite rate": (lambda: dnn.Adam(np.inf), ValueError, "rate must be a positive number, got inf"),
    "validation data that are no pair": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, validation=3), TypeError,
        "validation must be a pair (x, y)"),
    "a hyperbola": (lambda: systems.kepler(-0.1), ValueError, "an eccentricity in [0, 1), got -0.1"),
    "a needle": (lambda: systems.rigid_body((1, np.inf, 2)), ValueError, "inertia must be three positive numbers"),
    "no predators": (lambda: systems.lotka_volterra(c=0), ValueError, "the rates a, b, c, d must be positive numbers"),
    "infinite noise": (lambda: datasets.moons(10, noise=np.inf), ValueError, "noise is a standard deviation ≥ 0, got inf"),
    "spirals with zero turns": (lambda: datasets.spirals(10, turns=0), ValueError, "turns must be a positive number, got 0"),
    "C that does not fit": (lambda: dnn.MassPreservingField(dnn.Dense(5, 3), dnn.Tanh(), dnn.Dense(9, 6)), ValueError,
        "C must act on the 5 values of A, got C: 6 → 9"),
    "a dimension for a parameter": (lambda: dnn.Field().own(dim_in=np.ones(2)), ValueError, "dim_in is a name that Field uses already"),
    "a gradient that would be broadcast": (lambda: gradient().pack(b=1.0), ValueError, "the gradient of b has shape (), but b has (3,)"),
    "a number for x": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), 1.0, POINTS), ValueError, "x must hold a sample a row, got shape ()"),
    "a sum of nothing": (lambda: dnn.SumField(), ValueError, "SumField needs at least one field, got none"),
    "a sum with a map that is no field": (lambda: dnn.SumField(gradient(), affine()), TypeError, "SumField adds vector fields, got Affine(2 → 2) at place 1"),
    "a linear map without adjoint": (lambda: dnn.LinearMap().adjoint(POINTS), NotImplementedError, "LinearMap has no adjoint"),
    "a linear map without singular values": (lambda: dnn.LinearMap().lipschitz(), NotImplementedError, "no singular values of LinearMap are known"),
    "a loss without a value": (lambda: dnn.Loss().vjp(POINTS, POINTS), NotImplementedError, "Loss has no value"),
    "a method without a step": (lambda: dnn.Method().step(gradient(), POINTS, 0.1), NotImplementedError, "Method has no step"),
    "a method without an adjoint": (lambda: dnn.Method().vjp(gradient(), POINTS, 0.1), NotImplementedError, "Method has no hand-written adjoint"),
    "a method without a tangent": (lambda: dnn.Method().jvp(gradient(), POINTS, 0.1, POINTS), NotImplementedError, "Method has no hand-written tangent"),
    "a method without a constant": (lambda: dnn.Method().lipschitz(gradient(), 0.1), NotImplementedError, "no Lipschitz constant of Method is known"),
    "a map without a value": (lambda: dnn.Map()(POINTS), NotImplementedError, "Map has no value"),
    "a map without an adjoint": (lambda: dnn.Map().vjp(POINTS), NotImplementedError, "Map has no hand-written adjoint"),
    "a map without an inverse": (lambda: dnn.Network(gradient()).inverse(POINTS), NotImplementedError, "GradientField has no explicit inverse"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(name):
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=re.escape(message)), np.errstate(all="ignore"):
        mistake()
