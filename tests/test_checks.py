"""The students' kit: lines to read, plain functions and classes of one's own, and failures that say what is wrong."""

import numpy as np
import pytest
from zoo import FIELDS

import dynsys_nn as dnn
from dynsys_nn import checks


def test_a_check_is_one_aligned_line_and_require_raises_with_it():
    good, bad, broken = (
        checks.Check("a", 1e-15, 1e-12, "in x"),
        checks.Check("b", 2.0, 1e-12),
        checks.Check("c", np.nan, 1.0),
    )
    assert good.passed and not bad.passed and not broken.passed  # a NaN fails
    assert str(good).index("measured") == str(bad).index("measured") and str(good).startswith("passed  a")
    assert good.require() is good
    with pytest.raises(AssertionError, match="FAILED  b .* measured  2.00e"):
        bad.require()


def test_checks_fail_on_nan_and_on_what_they_cannot_measure():
    class Log:
        def __call__(self, x):
            return np.exp(x)

        def inverse(self, y):
            return np.log(y)

    with np.errstate(invalid="ignore"):
        assert not checks.inverse(Log(), [[-1.0, 2.0]]).passed  # log(−1)
    assert "maps of a space to itself" in checks.volume(dnn.Lift(3, 2), np.ones(2)).detail
    assert (
        "not finite" in checks.volume(dnn.KnownField(np.sin, 2, lambda x: np.full((2, 2), np.nan)), np.ones(2)).detail
    )

    class OnlyState(dnn.Dense):
        def vjp(self, x):
            return self(x), lambda w: w @ self.W

    assert "must return the pair dx, dtheta" in checks.adjoint(OnlyState(2, 2), np.ones(2)).detail

    class Transposed(dnn.Dense):
        def vjp(self, x):
            return self(x), lambda w: (w @ self.W, self.outer(w, x)[:-1])

    assert "in θ the pullback has shape (5,), needed is (6,)" in checks.adjoint(Transposed(3, 2), np.ones(2)).detail
    blow_up = checks.order(dnn.Euler(), dnn.KnownField(lambda x: -(x**3), 1), [1000.0], t=1e3)
    assert not blow_up.passed and "blow up" in blow_up.detail
    rest = checks.order(dnn.RK4(), dnn.KnownField(lambda x: 0 * x, 1), [1.0])
    assert not rest.passed and "at rounding" in rest.detail


def test_a_forgotten_own_and_a_wrong_tangent_are_mentioned(rng):
    class NoOwn(dnn.Field):
        def __init__(self):
            self.dim_in = self.dim_out = 2
            self.c = np.array([1.0, 2.0])

        def __call__(self, x):
            return self.c * self.state(x)

        def vjp(self, x):
            return self(x), lambda w: (self.c * w, (x * w).sum(axis=0))

    x = rng.normal(size=(5, 2))
    assert "were the parameters given to own(…)?" in checks.adjoint(NoOwn(), x).detail

    class WrongTangent(dnn.GradientField):
        def jvp(self, x, v, dtheta=None):
            y, dy = super().jvp(x, v, dtheta)
            return y, -dy

    check = checks.adjoint(WrongTangent(dnn.Dense(3, 2, rng=0), dnn.Tanh()), x)
    assert check.passed and "the jvp DISAGREES, run checks.tangent" in check.detail
    assert "not finite" in checks.adjoint(dnn.Dense(2, 2), [np.nan, 1.0]).detail
    assert repr(check) == str(check)


def test_the_tangent_check_fails_on_a_wrong_tangent_in_x_and_in_theta(rng):
    class WrongX(dnn.GradientField):
        def jvp(self, x, v, dtheta=None):
            y, dy = super().jvp(x, v, dtheta)
            return y, dy + 1e-5 * v

    class WrongTheta(dnn.GradientField):
        def jvp(self, x, v, dtheta=None):
            return super().jvp(x, v)

    x = rng.normal(size=(5, 4))
    for wrong, part in ((WrongX, "in x"), (WrongTheta, "in θ")):
        check = checks.tangent(wrong(dnn.Dense(6, 4, rng=rng), dnn.Tanh()), x)
        assert not check.passed and check.detail == part


def test_order_takes_a_plain_function_and_a_method_of_ones_own():
    class MyHeun:
        order = 2

        def step(self, f, x, h):
            k = f(x)
            return x + h / 2 * (k + f(x + h * k))

    assert checks.order(MyHeun(), lambda x: np.stack([x[..., 1], -np.sin(x[..., 0])], axis=-1), [1.0, 0.2]).require()


def test_volume_falls_back_on_differences_for_a_map_without_a_tangent():
    class Rotation(dnn.Map):
        dim_in = dim_out = 2

        def __call__(self, x):
            return np.stack([x[..., 1], -x[..., 0]], axis=-1)

    assert checks.volume(Rotation(), np.ones((3, 2))).require().limit == 1e-6


@pytest.mark.parametrize("scale", [1, 10, 30])
def test_the_invariant_check_does_not_blame_rounding(scale):
    """It passes for the mass of correct fields, after one step or ten, for many of them."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = FIELDS["MassPreservingField C"](rng)
        X.theta = scale * X.theta
        x = rng.uniform(0, 1, (20, 4))
        for method, steps in ((dnn.Euler(), 1), (dnn.RK4(), 10)):
            checks.invariant(dnn.Flow(X, 0.1, method), dnn.Mass(), x, steps=steps).require()


def test_each_check_looks_at_the_worst_and_in_both_directions(rng):
    x = rng.normal(size=(5, 2))
    shrink = dnn.KnownField(
        lambda x: np.where(x > 0, 0.9, 1.0) * x, 2, lambda x: np.where(x > 0, 0.9, 1.0)[..., None] * np.eye(2)
    )
    assert checks.volume(shrink, [[-1.0, -1.0], [1.0, 1.0]]).measured == pytest.approx(
        1 - 0.81
    )  # the worst of the batch, det < 1
    assert checks.volume(
        lambda z: z @ [[0.0, 1.0], [-1.0, 0.3]], x
    ).passed  # not symmetric: rows and columns are not confused

    def there_and_back(z):
        return z[..., ::-1]

    check = checks.invariant(there_and_back, lambda z: z[..., 0], x, steps=2)  # x₂ = x₀, but x₁ is elsewhere
    assert not check.passed and check.measured == pytest.approx(np.abs(x[:, 0] - x[:, 1]).max())
    assert "there_and_back" in str(check)

    class OneSided:
        """ℝ² → ℝ², (a, b) ↦ (a, 0), with a left or a right inverse only on a line."""

        def __call__(self, x):
            return x * [1.0, 0.0]

        def inverse(self, y):
            return y

    assert not checks.inverse(OneSided(), x).passed
    assert not checks.inverse(OneSided(), np.array([[1.0, 0.0], [1.0, 2.0]])).passed  # one of the batch is enough

    class Diverging(dnn.KnownField):
        pass

    X = Diverging(np.sin, 2, lambda x: np.diag([1e9, 1.0]) + 0 * x[..., None])
    assert checks.volume(X, np.ones(2)).limit <= 1e-2  # never a limit that lets anything pass


def test_an_invariant_that_becomes_nan_fails():
    with np.errstate(invalid="ignore"):
        assert not checks.invariant(lambda x: x - 1.0, lambda x: np.sqrt(x[..., 0]), np.array([1.5]), steps=3).passed
