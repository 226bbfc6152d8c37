"""The students' kit: lines to read, plain functions and classes of one's own, and failures that say what is wrong."""

import contextlib
import copy

import numpy as np
import pytest
from zoo import ACTIVATIONS, FIELDS, residual

import dynsys_nn as dnn
from dynsys_nn import checks


def test_a_check_is_one_aligned_line_and_require_raises_with_it():
    good, bad, broken = (
        checks.Check("a", 1e-15, 1e-12, "in x"),
        checks.Check("b", 2.0, 1e-12),
        checks.Check("c", np.nan, 1.0),
    )
    assert good.passed and not bad.passed and not broken.passed  # a NaN fails
    assert str(good).index("measured") == str(bad).index("measured") and str(good).startswith(
        "passed  a"
    )
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
        "not finite"
        in checks.volume(
            dnn.KnownField(np.sin, 2, lambda x: np.full((2, 2), np.nan)), np.ones(2)
        ).detail
    )

    class OnlyState(dnn.Dense):
        def vjp(self, x):
            return self(x), lambda w: w @ self.W

    assert "must return the pair dx, dtheta" in checks.adjoint(OnlyState(2, 2), np.ones(2)).detail

    class Transposed(dnn.Dense):
        def vjp(self, x):
            return self(x), lambda w: (w @ self.W, self.outer(w, x)[:-1])

    assert (
        "dtheta of the pullback of Transposed has shape (5,), needed is (6,)"
        in checks.adjoint(Transposed(3, 2), np.ones(2)).detail
    )
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

    assert checks.order(
        MyHeun(), lambda x: np.stack([x[..., 1], -np.sin(x[..., 0])], axis=-1), [1.0, 0.2]
    ).require()


def test_volume_falls_back_on_differences_for_a_map_without_a_tangent():
    class Rotation(dnn.Map):
        dim_in = dim_out = 2

        def __call__(self, x):
            return np.stack([x[..., 1], -x[..., 0]], axis=-1)

    check = checks.volume(Rotation(), np.ones((3, 2))).require()
    assert "F′ by complex steps" in check.detail and check.limit < 1e-14

    class RealRotation(Rotation):
        def __call__(self, x):
            return super().__call__(x.real)

    check = checks.volume(RealRotation(), np.ones((3, 2)))
    assert check.limit == 1e-7 and check.measured < 1e-9 and not check.passed
    assert str(check).startswith("unsure") and "see no defect below this" in check.detail
    assert checks.volume(RealRotation(), np.ones((3, 2)), limit=1e-8).passed  # who asks for it
    with pytest.raises(AssertionError, match="unsure"):
        check.require()


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
        lambda x: np.where(x > 0, 0.9, 1.0) * x,
        2,
        lambda x: np.where(x > 0, 0.9, 1.0)[..., None] * np.eye(2),
    )
    assert checks.volume(shrink, [[-1.0, -1.0], [1.0, 1.0]]).measured == pytest.approx(
        1 - 0.81
    )  # the worst of the batch, det < 1
    assert checks.volume(
        lambda z: z @ [[0.0, 1.0], [-1.0, 0.3]], x
    ).passed  # not symmetric: rows and columns are not confused

    def there_and_back(z):
        return z[..., ::-1]

    check = checks.invariant(
        there_and_back, lambda z: z[..., 0], x, steps=2
    )  # x₂ = x₀, but x₁ is elsewhere
    assert not check.passed and check.measured == pytest.approx(np.abs(x[:, 0] - x[:, 1]).max())
    assert "there_and_back" in str(check)

    class OneSided:
        """ℝ² → ℝ², (a, b) ↦ (a, 0), with a left or a right inverse only on a line."""

        def __call__(self, x):
            return x * [1.0, 0.0]

        def inverse(self, y):
            return y

    assert not checks.inverse(OneSided(), x).passed
    assert not checks.inverse(
        OneSided(), np.array([[1.0, 0.0], [1.0, 2.0]])
    ).passed  # one of the batch is enough

    class Diverging(dnn.KnownField):
        pass

    X = Diverging(np.sin, 2, lambda x: np.diag([1e9, 1.0]) + 0 * x[..., None])
    assert checks.volume(X, np.ones(2)).limit <= 1e-2  # never a limit that lets anything pass


def test_an_invariant_that_becomes_nan_fails():
    with np.errstate(invalid="ignore"):
        assert not checks.invariant(
            lambda x: x - 1.0, lambda x: np.sqrt(x[..., 0]), np.array([1.5]), steps=3
        ).passed


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
            return self(x)[None], lambda w: (
                self.theta * np.cos(x) * w[0],
                (np.sin(x) * w[0]).sum(axis=0),
            )

    class SlightlyOther(Own):
        def vjp(self, x):
            return self(x) * (1 + 1e-9), super().vjp(x)[1]

    class SmallErrorInX(Own):
        """1e-9 in x, where a jvp tells; and θ has no jvp, so that a quotient's error of the same size is right there."""

        def vjp(self, x):
            return self(x), lambda w: (
                self.theta * np.cos(x) * w * (1 + 1e-10),
                (np.sin(x) * w).sum(axis=0),
            )

        def jvp(self, x, v, dtheta=None):
            if dtheta is not None:
                raise NotImplementedError
            return super().jvp(x, v)

    for Wrong in (NanInX, NanInTheta, OneMoreAxis, SlightlyOther, SmallErrorInX):
        assert not any(checks.adjoint(Wrong(), x, rng=seed).passed for seed in range(10)), (
            Wrong.__name__
        )


def test_the_tangent_check_fails_on_nan(rng):
    class NanTangent(Own):
        def jvp(self, x, v, dtheta=None):
            return self(x), np.nan * x

    assert not checks.tangent(NanTangent(), rng.normal(size=(5, 2))).passed


@pytest.mark.parametrize("name, piece", [("dx", 0), ("dtheta", 1)])
def test_a_pullback_that_is_not_finite_is_said_to_be_that(name, piece):
    """nan is not nan: no comparison of two calls says what is wrong."""

    class NotFinite(dnn.Map):
        dim_in = dim_out = 2

        def __init__(self):
            self.own(a=1.0)

        def __call__(self, x):
            return self.a * x

        def vjp(self, x):
            def pullback(w):
                found = [self.a * w, self.pack(a=(w * x).sum())]
                found[piece] = np.nan * found[piece]
                return tuple(found)

            return self(x), pullback

    said = checks.adjoint(NotFinite(), np.ones((3, 2))).detail
    assert said == f"{name} of the pullback is not finite"


def test_what_the_adjoint_check_says():
    class NoTangent(dnn.KnownField):
        jvp = dnn.Map.jvp

    x = np.ones((3, 2))
    assert (
        checks.adjoint(NoTangent(np.sin, 2, lambda x: np.cos(x)[..., None] * np.eye(2)), x).detail
        == "in x, Jv from differences"
    )
    assert checks.adjoint(dnn.Lift(3, 2), np.zeros(2)).detail == "in x, Jv from jvp"
    for fun, x in (
        (lambda x: np.where(np.isnan(x), 0.0, x), [np.nan, 1.0]),
        (lambda x: x + np.inf, [0.0, 1.0]),
    ):
        X = dnn.KnownField(fun, 2, lambda x: np.eye(2))
        assert "x or F(x) is not finite" in checks.adjoint(X, x).detail


def test_a_check_at_its_limit_passes():
    assert checks.Check("a", 1.0, 1.0).passed


def test_the_volume_check_allows_rounding_of_the_entries_whatever_the_units():
    def linear(J):
        return dnn.KnownField(lambda x: x @ J.T, 2, lambda x: J + 0 * x[..., None])

    def turned(angle):
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    for units in (1.0, 1e6, 1e9):  # of the components: no matter
        D = np.diag([units, 1 / units])
        assert checks.volume(linear(D), np.ones(2)).limit == 4 * 2.0**-52
        assert not checks.volume(linear((1 + 1e-13) * D), np.ones(2)).passed
    D = turned(0.3) @ np.diag([1e4, 1e-4]) @ turned(1.1)  # one whose entries know det to 1e-8
    check = checks.volume(linear(D), np.ones(2)).require()
    kappa = (np.abs(np.linalg.inv(D)) * np.abs(D).T).sum()
    assert 1e-9 < check.limit < 1e-6 and check.limit == pytest.approx(2.0**-52 * kappa, rel=1e-6)
    D = turned(0.3) @ np.diag([1e8, 1e-8]) @ turned(1.1)  # and one whose entries do not
    check = checks.volume(linear(D), np.ones(2))
    assert str(check).startswith("unsure") and "known no better than that" in check.detail
    for D in (
        np.ones((2, 2)),
        np.zeros((2, 2)),
        np.diag([1.0, 1e-300]),
    ):  # but a singular map fails
        assert str(checks.volume(linear(D), np.ones(2))).startswith("FAILED")


def test_the_volume_check_by_differences_does_not_confuse_rows_and_columns():
    def oblong(z):
        return np.concatenate([z, z[..., :1]], axis=-1)

    assert "F(x) has shape (4, 3)" in checks.volume(oblong, np.ones((4, 2))).detail


def test_the_limit_of_the_invariant_check_is_a_rounding_error_a_step():
    check = checks.invariant(lambda x: x, dnn.Mass(), [[1.0, -2.0]], steps=8)
    assert check.limit == pytest.approx((8 + 2) * 2.0**-52 * 4 * 3, rel=1e-6)
    # drifts that the sizes of states, or of other components, must not hide
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    for F, I in (
        (lambda y: 1.5 * y, lambda y: np.log(abs(y)).sum(axis=-1)),
        (lambda y: y * [1e3, 1.1], lambda y: y[..., 1]),
        (lambda y: y * 1e10, lambda y: y[..., 1]),
        (
            lambda y: y + np.stack([y[..., 1], -y[..., 0]], -1),
            lambda y: np.tanh((y * y).sum(-1) / 9),
        ),
    ):
        with np.errstate(over="ignore", invalid="ignore"):
            assert not checks.invariant(F, I, x).passed


def test_an_invariant_that_is_nan_for_a_while_fails():
    values = iter([1.0, np.nan, 1.0, 1.0])
    assert not checks.invariant(
        lambda x: x, lambda x: np.array(next(values)), np.ones(2), steps=3
    ).passed


def test_the_inverse_check_goes_there_and_back_and_back_and_there():
    class Half:
        """(a, b) ↦ (a, b, 0), cut to (b, a, 0) on the way back."""

        def __init__(self, there):
            self.there = there

        def __call__(self, x):
            return np.concatenate([x, 0 * x[..., :1]], axis=-1)

        def inverse(self, y):
            return y[..., :2] if self.there else y[..., 1::-1]

    assert (
        checks.inverse(Half(True), [[1.0, 2.0]]).passed
        and not checks.inverse(Half(False), [[1.0, 2.0]]).passed
    )

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


def test_a_jacobian_that_is_not_that_of_the_value_does_not_pass_for_structure(rng):
    """A pendulum with friction, whose jacobian forgets the friction, is neither symplectic nor volume preserving."""

    def rubbed(z):
        return np.stack([z[..., 1], -np.sin(z[..., 0]) - 0.1 * z[..., 1]], axis=-1)

    def forgets(z):
        one, zero = np.ones_like(z[..., 0]), np.zeros_like(z[..., 0])
        return np.stack([np.stack([zero, one], -1), np.stack([-np.cos(z[..., 0]), zero], -1)], -2)

    z = rng.normal(size=(5, 2))
    F = dnn.Flow(dnn.KnownField(rubbed, 2, forgets), 0.1, dnn.ImplicitMidpoint())
    for check in (checks.symplectic, checks.volume):
        assert not check(F, z).passed and "run checks.tangent" in check(F, z).detail
    assert "run checks.tangent" in checks.curl_free(dnn.KnownField(rubbed, 2, forgets), z).detail


def test_by_differences_rk4_does_not_pass_for_a_symplectic_method(rng):
    X = dnn.systems.pendulum()
    z = np.array([[1.0, 0.0], [1.5, 0.3]])
    for method, symplectic in ((dnn.RK4(), False), (dnn.StormerVerlet(), True)):
        assert checks.symplectic(lambda z: method.step(X, z, 0.3), z).passed == symplectic  # noqa: B023


def test_a_field_is_no_step_and_the_checks_say_so():
    X, z = dnn.systems.pendulum(), np.array([[1.0, 0.5]])
    for check in (
        checks.symplectic(X, z),
        checks.invariant(X, X.invariants["energy"], z),
        checks.volume(dnn.systems.lotka_volterra(), z),
    ):
        assert not check.passed and "F is a field, not a step" in check.detail


def test_the_gradient_check_tells_value_gradient_and_hessian_apart(rng):
    x = rng.normal(size=(5, 3))

    def quartic(
        value=lambda x: (x**4).sum(axis=-1),
        gradient=lambda x: 4 * x**3,
        hvp=lambda x, v: 12 * x**2 * v,
    ):
        return dnn.Invariant(value, gradient, hvp)

    for I in (
        quartic(),
        dnn.Mass(),
        dnn.SquaredNorm(),
        dnn.Quadratic(np.diag([1.0, 2.0, -1.0])),
        dnn.systems.sir().invariants["epidemic"],
    ):
        checks.gradient(I, np.abs(x) + 0.1).require()
    wrong = checks.gradient(quartic(gradient=lambda x: 3 * x**3, hvp=lambda x, v: 9 * x**2 * v), x)
    assert not wrong.passed and "∇I against differences" in wrong.detail
    wrong = checks.gradient(quartic(hvp=lambda x, v: 6 * x**2 * v), x)
    assert not wrong.passed and "∇²I v against differences" in wrong.detail
    assert (
        "it is written for one state, and those of a batch lie on the last axis"
        in checks.gradient(quartic(value=lambda x: (x**4).sum()), x).detail
    )
    assert (
        "hvp of Invariant has shape (5, 1) for states of shape (5, 3), needed is (5, 3)"
        in checks.gradient(quartic(hvp=lambda x, v: v[..., :1]), x).detail
    )
    assert not checks.gradient(quartic(gradient=lambda x: np.nan * x), x).passed


def test_the_order_check_doubles_up_to_finest():
    class Counted(dnn.Euler):
        def __init__(self):
            super().__init__()
            self.numbers = set()

        def step(self, field, x, h):
            self.numbers.add(round(1 / h))
            return super().step(field, x, h)

    X = dnn.KnownField(np.cos, 1)
    for finest, numbers in ((4096, [2**k for k in range(2, 13)]), (64, [4, 8, 16, 32, 64])):
        method = Counted()
        checks.order(method, X, [0.3], t=1.0, finest=finest)
        assert sorted(method.numbers) == numbers
    for wrong, message in ((4, "finest must be at least 8"), (0, "finest must be at least 8")):
        with pytest.raises(ValueError, match=message):
            checks.order(dnn.Euler(), X, [0.3], finest=wrong)

    class Silent(dnn.Method):
        pass

    with pytest.raises(ValueError, match="Silent claims no order: set `order`"):
        checks.order(Silent(), X, [0.3])


def test_the_adjoint_check_in_theta_is_good_for_large_states_too(rng):
    """The difference quotient in θ must not take steps as large as x."""
    X = dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng), dnn.Sine())  # which does not saturate
    for size in (1.0, 200 * np.pi):
        assert checks.adjoint(X, size * rng.normal(size=(5, 4))).require().limit == 1e-12


def linear_map(D):
    D = np.asarray(D, float)
    return dnn.KnownField(lambda x: x @ D.T, len(D), lambda x: D + 0 * x[..., None])


def test_the_symplectic_defect_is_relative_entry_by_entry(rng):
    """So it is the same in all units, and no map with F′ = 0 is symplectic."""
    D, J = rng.normal(size=(4, 4)), np.kron([[0, 1], [-1, 0]], np.eye(2))
    c = (np.linalg.norm(D[:2, 2:]) / np.linalg.norm(D[2:, :2])) ** 0.25
    u = np.array([1 / c, 1 / c, c, c])
    gap = np.linalg.norm((D.T @ J @ D - J) / (abs(D).T @ abs(J) @ abs(D) + np.outer(u, u)))
    for c in (1e-8, 1e8):  # q in other units
        scale = np.diag([c, c, 1 / c, 1 / c])
        found = checks.symplectic(linear_map(scale @ D @ np.linalg.inv(scale)), np.ones(4))
        assert found.measured == pytest.approx(gap, rel=1e-6)
    x = np.array([[1.0, 1.0], [-1.0, -1.0]])
    for F in (lambda y: 0 * y, lambda y: 2 * np.maximum(y, 0), lambda y: y @ np.diag([1e8, 0])):
        assert not checks.symplectic(F, x).passed
    assert checks.symplectic(linear_map(D), np.ones(4)).measured == pytest.approx(gap, rel=1e-12)
    off = checks.symplectic(linear_map(np.diag([2.0, 3.0, 0.5, 0.5])), np.ones(4))
    assert not off.passed and "anti" not in off.detail and "put all" not in off.detail
    nearly = checks.symplectic(linear_map(np.diag([1.0, -1.0 - 1e-10])), np.ones(2))
    assert not nearly.passed and "anti" not in nearly.detail
    assert not checks.symplectic(
        dnn.KnownField(np.sin, 2, lambda x: np.full((2, 2), np.nan)), np.ones(2)
    ).passed


def test_a_mistake_in_a_jacobian_is_not_hidden_by_differences():
    X = dnn.KnownField(np.sin, 2, lambda x: x / None)
    for check in (checks.volume, checks.symplectic, checks.curl_free):
        with pytest.raises(TypeError):
            check(X, np.ones(2))


def test_the_order_check_measures_the_worst_component():
    """One component of twenty thousand has order one."""

    class Mixed:
        order = 2

        def step(self, field, x, h):
            y = dnn.ExplicitMidpoint().step(field, x, h)
            y[0] = (1 - h) * x[0]
            return y

    check = checks.order(Mixed(), lambda x: -x, np.ones(20_000), finest=32)
    assert not check.passed and "observed 1.0" in check.detail


# ---- the Taylor test


def test_the_taylor_remainder_of_an_adjoint_has_order_two_and_of_a_wrong_one_order_one(rng):
    F, x = (
        dnn.Network(dnn.Flow(residual(rng), 0.3, dnn.Ralston()), dnn.Affine(3, 4, rng=rng)),
        rng.normal(size=(5, 4)),
    )
    theta = F.theta.copy()
    check = dnn.checks.taylor(F, x).require()
    assert np.array_equal(F.theta, theta) and "remainder of order 2.0" in check.detail
    assert len(check.eps) == len(check.remainders) == len(check.orders) + 1 > 10
    assert len(check.table().splitlines()) == len(check.eps) and check.table().splitlines()[
        5
    ].split()[2][:2] in (
        "2.",
        "1.",
    )

    class Wrong(dnn.Network):
        def vjp(self, x):
            y, back = super().vjp(x)
            return y, lambda w: (back(w)[0], 0.99 * back(w)[1])

    wrong = dnn.checks.taylor(Wrong(*copy.deepcopy(F.maps)), x)
    assert not wrong.passed and wrong.orders[-1] == pytest.approx(1, abs=0.05)


def test_the_taylor_test_of_a_linear_map_is_rounding(rng):
    check = dnn.checks.taylor(dnn.Lift(4, 3), rng.normal(size=(5, 3)))
    assert check.passed and "linear" in check.detail and check.table() == ""


def test_where_the_second_derivative_vanishes_the_order_is_more_than_two(rng):
    class Cubes(Own):
        theta = np.zeros(0)

        def __init__(self, wrong=0.0):
            self.wrong = wrong

        def __call__(self, x):
            return x**3

        def vjp(self, x):
            return self(x), lambda w: ((3 * x**2 + self.wrong) * w, np.zeros(0))

    check = checks.taylor(Cubes(), np.zeros((3, 2))).require()
    assert "remainder of order 3.00" in check.detail and check.measured == 0
    assert not checks.taylor(Cubes(1e-6), np.zeros((3, 2))).passed
    nearly = dnn.KnownField(lambda x: x + 1e-11 * x**2, 2, lambda x: np.eye(2) + 0 * x[..., None])
    check = checks.taylor(nearly, np.ones((3, 2))).require()
    assert "nearly" in check.detail and 0 < len(check.eps) < 4


def test_the_taylor_test_and_duality_refuse_what_they_cannot_measure():
    class OnlyState(Own):
        def vjp(self, x):
            return self(x), lambda w: w

    assert "must return the pair dx, dtheta" in checks.taylor(OnlyState(), np.ones((3, 2))).detail
    assert "not finite" in checks.taylor(Own(), [[np.nan, 1.0]]).detail
    assert (
        "F maps (2,) to (3,): it must return" in checks.duality(dnn.Lift(3, 2), np.ones(2)).detail
    )


# ---- factors: maps of one state, and of a pair


FACTORS = [name for name, make in FIELDS.items() if hasattr(make(np.random.default_rng(0)), "S")]


@pytest.mark.parametrize("check", [checks.adjoint, checks.tangent, checks.taylor])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_each_factor_of_a_field_and_each_increment_is_checked_by_itself(shape, check, rng):
    for name in FACTORS:
        X = FIELDS[name](rng)
        x, y = rng.normal(size=(2, *shape, X.dim))
        for F, at in ((X.I, x), (X.dI, x), (X.S, (x, y))):
            assert check(F, at).passed, (name, str(check(F, at)))
    for name, make in FIELDS.items():
        X = make(rng)
        x, y = rng.normal(size=(2, *shape, X.dim))
        for method in (dnn.Cayley(), dnn.DiscreteGradient()):
            with contextlib.suppress(TypeError):
                method.require(X)
                phi = method.increment(X)
                assert check(phi, (x, y)).passed, (name, method, str(check(phi, (x, y))))


class Product:
    """F(x, y) = θ ⊙ x ⊙ y, with a mistake if one is put in."""

    def __init__(self, mistake=None):
        self.theta, self.mistake = np.array([1.0, 2.0, 3.0]), mistake

    def __call__(self, x, y):
        return self.theta * x * y

    def vjp(self, x, y):
        return self(x, y), lambda w: (self.mistake or Product.pullback)(self, x, y, w)

    def pullback(self, x, y, w):
        return self.theta * y * w, self.theta * x * w, (x * y * w).sum(axis=0)

    def jvp(self, x, y, dx, dy, dtheta=None):
        return self(x, y), self.theta * (dx * y + x * dy) + (
            0 if dtheta is None else x * y * dtheta
        )


WRONG_PRODUCTS = {
    "in x, Jv from jvp": lambda F, x, y, w: (F.theta * y * w, 0 * x, (x * y * w).sum(axis=0)),
    "in x, Jv from jvp; dx: the sign is wrong": lambda F, x, y, w: (-F.theta * y * w, -F.theta * x * w, (x * y * w).sum(axis=0)),
    "the gradient of θ: a mean over the batch of 5": lambda F, x, y, w: (F.theta * y * w, F.theta * x * w, (x * y * w).mean(axis=0)),
    "pullback(w) of Product must return the triple dx, dy, dtheta, got (ndarray, ndarray)": lambda F, x, y, w: (w, w),
    "dtheta of the pullback of Product has shape (5, 3), needed is (3,)": lambda F, x, y, w: (F.theta * y * w, F.theta * x * w, x * y * w),
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG_PRODUCTS)
def test_a_wrong_map_of_two_states_is_named(words, rng):
    x, y = rng.normal(size=(2, 5, 3))
    assert checks.adjoint(Product(), (x, y)).passed and checks.taylor(Product(), (x, y)).passed
    check = checks.adjoint(Product(WRONG_PRODUCTS[words]), (x, y))
    assert not check.passed and words in check.detail and check.name == "adjoint of Product", str(
        check
    )


def test_a_pair_has_two_states_of_one_shape_and_a_tuple_of_numbers_is_one_state(rng):
    with pytest.raises(ValueError, match=r"two arrays of equal shape, got \(3,\) and \(2,\)"):
        checks.adjoint(Product(), (np.ones(3), np.ones(2)))
    assert checks.tangent(Own(), (0.5, 1.5)).passed
    theta = (F := Product()).theta.copy()
    checks.taylor(F, tuple(rng.normal(size=(2, 5, 3))))
    assert np.array_equal(F.theta, theta)


# ---- what cannot be right is a check that failed


class Doubled(dnn.Map):
    """y = 2x, right; the classes below return what is not a state."""

    dim_in = dim_out = 2

    def __call__(self, x):
        return 2 * x

    def vjp(self, x):
        return 2 * x, lambda w: (2 * w, np.zeros(0))

    def jvp(self, x, v, dtheta=None):
        return 2 * x, 2 * v

    def inverse(self, y):
        return y / 2

    def jacobian(self, x):
        return 2 * np.eye(2) + 0 * x[..., None]

    def lipschitz(self):
        return 2.0


def changed_in_place(self, x):
    x *= 2
    return x


WRONG_RESULTS = {
    "F(x) of Wrong must be an array, got one list": lambda self, x: [[2.0, 2.0]],
    "F(x) of Wrong must be an array, got None: is there a return?": lambda self, x: None,
    "F(x) of Wrong has shape (3, 1), needed is (3, 2)": lambda self, x: 2 * x[..., :1],
    "an argument is changed: write x = x + …, not x += …": changed_in_place,
}


@pytest.mark.parametrize("words", WRONG_RESULTS)
def test_every_check_of_a_map_that_returns_no_state_fails_and_says_so(words):
    F, x = type("Wrong", (Doubled,), {"__call__": WRONG_RESULTS[words]})(), np.ones((3, 2))
    asked = [
        (check, ())
        for check in (
            checks.adjoint,
            checks.taylor,
            checks.tangent,
            checks.duality,
            checks.inverse,
            checks.lipschitz,
        )
    ]
    for check, more in [*asked, (checks.invariant, (dnn.Mass(),)), (checks.value, ())]:
        if check is checks.value:
            found = check(F, x, 2 * x)
        elif more:
            found = check(F, *more, x)
        else:
            found = check(F, x)
        assert not found.passed and words in found.detail, str(found)
        assert found.line == ("x *= 2" if "is changed" in words else found.line)
    assert checks.adjoint(Doubled(), x).passed


def test_a_method_and_a_jacobian_that_return_no_state_fail():
    class Half(dnn.Method):
        order = 1

        def step(self, field, x, h):
            return (x + h * field(x))[..., :1]

    found = checks.order(Half(), lambda x: -x, np.ones(2))
    assert (
        not found.passed
        and found.name == "order of Half"
        and "has shape (1,), needed is (2,)" in found.detail
    )

    class NoTangent(Doubled):
        def jvp(self, x, v, dtheta=None):
            return 2 * x, v[..., :1]

    assert (
        "has shape (3, 1), needed is (3, 2)" in checks.tangent(NoTangent(), np.ones((3, 2))).detail
    )
    assert "run checks.tangent" in checks.adjoint(NoTangent(), np.ones((3, 2))).require().detail


# ---- exact flows


def test_where_each_step_is_the_exact_flow_the_order_is_infinite_and_the_error_rounding(rng):
    shear = dnn.KnownField(lambda z: np.stack([z[..., 1], 0 * z[..., 0]], axis=-1), 2, shear=True)
    check = checks.order(dnn.Euler(), shear, rng.normal(size=(3, 2)), finest=64).require()
    assert "exact flow" in check.detail and check.limit < 1e-10

    class Boastful(dnn.Heun):
        def solves(self, field):
            return True

    assert not checks.order(Boastful(), dnn.systems.pendulum(), [1.0, 0.5], finest=64).passed
    kick = dnn.KnownField(
        lambda z: np.stack([0 * z[..., 0], -np.sin(z[..., 0])], axis=-1), 2, shear=True
    )
    both = dnn.SumField(shear, kick)
    for method, claimed in ((dnn.Strang(dnn.Euler()), 2), (dnn.LieTrotter(dnn.Euler()), 1)):
        check = checks.order(method, both, [1.0, 0.5], finest=64).require()
        assert f"claimed {claimed}" in check.detail


# ---- what a tutor would say


class Layer(dnn.Map):
    """x + h B tanh(Ax + b), with a mistake in its pullback."""

    dim_in = dim_out = 3
    h = 0.3

    def __init__(self, mistake=None):
        r = np.random.default_rng(1)
        self.mistake = mistake
        self.own(A=r.normal(size=(3, 3)), b=r.normal(size=3), B=r.normal(size=(3, 3)))

    def __call__(self, x):
        return x + self.h * np.tanh(x @ self.A.T + self.b) @ self.B.T

    def vjp(self, x):
        s = np.tanh(x @ self.A.T + self.b)

        def back(w):
            u = self.h * (1 - s * s) * (w @ self.B)
            values = dict(dx=w + u @ self.A, A=u.T @ x, b=u.sum(axis=0), B=self.h * w.T @ s)
            if self.mistake is not None:
                values |= self.mistake(self, w, u, s, x, values)
            return values["dx"], self.pack(**{name: values[name] for name in "AbB"})

        return self(x), back


SAID = {
    "dx: the term w itself is missing": lambda F, w, u, s, x, g: dict(dx=u @ F.A),
    "dx: it is w itself: the other terms are missing": lambda F, w, u, s, x, g: dict(dx=w),
    "dx: the term w itself is one too many": lambda F, w, u, s, x, g: dict(dx=g["dx"] + w),
    "dx: beside w, the sign is wrong": lambda F, w, u, s, x, g: dict(dx=w - u @ F.A),
    "dx: beside w, a factor h = 0.3 is missing": lambda F, w, u, s, x, g: dict(dx=w + u @ F.A / F.h),
    "dx: beside w, a matrix should be transposed": lambda F, w, u, s, x, g: dict(dx=w + u @ F.A.T),
    "dx: it is F′w and not F′ᵀw": lambda F, w, u, s, x, g: dict(dx=w + F.h * ((1 - s * s) * (w @ F.A.T)) @ F.B.T),
    "dx: the sign is wrong": lambda F, w, u, s, x, g: dict(dx=-g["dx"]),
    "dx: it is zero": lambda F, w, u, s, x, g: dict(dx=0 * x),
    "dx: it is 2 times what it should be": lambda F, w, u, s, x, g: dict(dx=2 * g["dx"]),
    "dx: its entries are in reverse order": lambda F, w, u, s, x, g: dict(dx=g["dx"][:, ::-1]),
    "the gradient of A: it is transposed": lambda F, w, u, s, x, g: dict(A=g["A"].T),
    "the gradient of B: it is transposed, and the sign is wrong": lambda F, w, u, s, x, g: dict(B=-g["B"].T),
    "the gradient of A: the sign is wrong": lambda F, w, u, s, x, g: dict(A=-g["A"]),
    "the gradient of b: a mean over the batch of 5 instead of a sum": lambda F, w, u, s, x, g: dict(b=u.mean(axis=0)),
    "the gradient of A and b and B: a mean over the batch of 5": lambda F, w, u, s, x, g: {name: g[name] / 5 for name in "AbB"},
    "the gradient of B: a factor h = 0.3 is missing": lambda F, w, u, s, x, g: dict(B=w.T @ s),
    "the gradient of A: one factor h = 0.3 too many": lambda F, w, u, s, x, g: dict(A=F.h * g["A"]),
    "the gradient of A: one factor h = 0.3 too many, and the sign is wrong": lambda F, w, u, s, x, g: dict(A=-F.h * g["A"]),
    "the gradients of A and B are exchanged": lambda F, w, u, s, x, g: dict(A=g["B"], B=g["A"]),
    "the gradient of b: it is zero": lambda F, w, u, s, x, g: dict(b=0 * F.b),
    "the gradient of b: it is that of the first sample alone": lambda F, w, u, s, x, g: dict(b=u[0]),
    "the gradient of A: it is that of the last sample alone": lambda F, w, u, s, x, g: dict(A=np.outer(u[-1], x[-1])),
    "the gradient of b: its entries are in reverse order": lambda F, w, u, s, x, g: dict(b=g["b"][::-1]),
    "the gradients of A and B are exchanged; dx: the sign is wrong": lambda F, w, u, s, x, g: dict(A=g["B"], B=g["A"], dx=-g["dx"]),
    "the gradient of A: of Σ pqᵀ, p (3 entries) is right, q (3) is not: it is w": lambda F, w, u, s, x, g: dict(A=u.T @ w),
    "the gradient of A: of Σ pqᵀ, q (3 entries) is right, p (3) is not: it does not depend on x": lambda F, w, u, s, x, g: dict(A=(w @ F.B).T @ x),
    "dx: it does not depend on x: is a slope σ′ missing?": lambda F, w, u, s, x, g: dict(dx=w + w @ F.B @ F.A),
    "the gradient of b: Bw for Bᵀw, or the other way round": lambda F, w, u, s, x, g: dict(b=(u / (w @ F.B) * (w @ F.B.T)).sum(axis=0)),
    "the gradient of B: of Σ pqᵀ, p (3 entries) is right, q (3) is not": lambda F, w, u, s, x, g: dict(B=F.h * w.T @ (s + 1)),
}  # fmt: skip


@pytest.mark.parametrize("words", SAID)
def test_a_wrong_pullback_is_named(words):
    check = checks.adjoint(Layer(SAID[words]), np.random.default_rng(0).normal(size=(5, 3)))
    assert not check.passed and words in check.detail, check.detail


def test_a_wrong_field_is_not_laid_to_the_step():
    class Field(dnn.Field):
        dim_in = dim_out = 3

        def __init__(self):
            self.own(A=np.random.default_rng(0).normal(size=(3, 3)))

        def __call__(self, x):
            return np.tanh(x @ self.A.T)

        def vjp(self, x):
            def back(w):
                return w @ self.A, 0 * self.theta

            return self(x), back

    F, x = dnn.Flow(Field(), 0.3, dnn.Ralston()), np.random.default_rng(0).normal(size=(6, 3))
    assert (
        "the vjp of the field Field is wrong, and the step's is what follows from it"
        in checks.adjoint(F, x).detail
    )


def test_a_value_may_have_the_name_of_the_mistake_that_leads_to_it():
    mistakes = {"a plus for the minus": [3.0], "x is missing": [-1.0]}
    said = [
        checks.value(lambda x, s=s: x - s, np.ones(1), [0.0], mistakes=mistakes).detail
        for s in (-2, 2, 3)
    ]
    assert (
        said[0].endswith(": a plus for the minus")
        and said[1].endswith(": x is missing")
        and ":" not in said[2]
    )


def test_an_inverse_with_its_halves_exchanged_is_named():
    class Shear(dnn.Map):
        dim_in = dim_out = 2

        def __call__(self, z):
            return z + np.stack([0 * z[..., 0], z[..., 0] ** 2], axis=-1)

        def inverse(self, z):
            return (z - np.stack([0 * z[..., 0], z[..., 0] ** 2], axis=-1))[..., ::-1]

    assert (
        "its halves are exchanged"
        in checks.inverse(Shear(), np.random.default_rng(0).normal(size=(4, 2))).detail
    )


def test_where_two_factors_coincide_both_are_named():
    """h = ½ and a batch of 2."""
    F = Layer(SAID["the gradient of A: one factor h = 0.3 too many"])
    F.h = 0.5
    said = checks.adjoint(F, np.random.default_rng(0).normal(size=(2, 3))).detail
    assert (
        "the gradient of A: a mean over the batch of 2 instead of a sum, or one factor h = 0.5 too many"
        in said
    )


@pytest.mark.parametrize("h, steps", [(1.0, 1), (-1.0, 1), (0.5, 3)])
def test_a_wrong_sign_is_no_wrong_step(h, steps, rng):
    class Wrong(dnn.Flow):
        def vjp(self, x):
            y, back = super().vjp(x)
            return y, lambda w: (back(w)[0], -back(w)[1])

    said = checks.adjoint(
        Wrong(residual(rng), h, dnn.Heun(), steps=steps), rng.normal(size=(3, 4))
    ).detail
    assert said.endswith("; the gradient of A and b and B: the sign is wrong"), said


def test_the_right_pullback_is_not_talked_about():
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert ";" not in checks.adjoint(Layer(), x).require().detail


def test_a_wrong_gradient_with_respect_to_the_step_is_named(rng):
    """A single number is a multiple of any other: only a factor such as 2 or ½ is a remark."""

    class Times(dnn.Flow):
        factor = 2.0

        def vjp(self, x):
            y, back = super().vjp(x)
            return y, lambda w: (
                back(w)[0],
                back(w)[1] * np.append(np.ones(self.field.theta.size), self.factor),
            )

    F, x = Times(residual(rng), 0.1, dnn.Heun(), learn_h=True), rng.normal(size=(3, 4))
    assert "the gradient of h: it is 2 times what it should be" in checks.adjoint(F, x).detail
    F.factor = 0.8
    assert "the gradient of h: off by 20 %, no multiple" in checks.adjoint(F, x).detail


# ---- activations and losses


@pytest.mark.parametrize("sigma", ACTIVATIONS, ids=repr)
def test_every_activation_of_the_package_passes(sigma):
    checks.activation(sigma).require()


class Arctan:
    """σ(z) = arctan z: right, unless a mistake is put in."""

    slope_min, slope_max = 0.0, 1.0

    def __call__(self, z):
        return np.arctan(z)

    def slope(self, z):
        return 1 / (1 + z * z)

    def primitive(self, z):
        return z * np.arctan(z) - np.log(np.hypot(1, z))


WRONG_ACTIVATIONS = {
    "the sign is wrong": dict(slope=lambda self, z: -1 / (1 + z * z)),
    "it is 2 times what it should be": dict(slope=lambda self, z: 2 / (1 + z * z)),
    "σ′ against differences of σ": dict(slope=lambda self, z: 1 / (1 + np.abs(z))),
    "γ′ against σ": dict(primitive=lambda self, z: z * np.arctan(z)),
    "γ′ against σ; it is 0.5 times": dict(primitive=lambda self, z: (z * np.arctan(z) - np.log(np.hypot(1, z))) / 2),
    "slope_min = 0 ≤ σ′ ≤ slope_max = 0.5, found from": dict(slope_max=0.5),
    "slope_min = 0.1 ≤ σ′": dict(slope_min=0.1),
    "value_and_slope against σ and σ′": dict(value_and_slope=lambda self, z: (np.arctan(z), 1 + 0 * z)),
    "vjp against σ and σ′(z) w": dict(vjp=lambda self, z: (np.arctan(z), lambda w: w * np.arctan(z))),
    "vjp(z) of Wrong must return the pair s, pullback": dict(vjp=lambda self, z: np.arctan(z)),
    "up to 1e300: it is": dict(slope=lambda self, z: (1 / (1 + np.abs(z)) ** 2 * (1 + np.abs(z)) ** 2 + 0 * z * z) / (1 + z * z)),
    "slope(z) of Wrong must be an array, got one float": dict(slope=lambda self, z: 1.0),
    "jumps of σ, the largest at z = 1.5": dict(__call__=lambda self, z: np.arctan(z) + (z > 1.5)),
    "jumps of γ, the largest at z = -3": dict(primitive=lambda self, z: Arctan().primitive(z) + (z > -3)),
    "it is 2 times the power 3/2 of what it should be": dict(slope=lambda self, z: 2 * (1 + z * z) ** -1.5),
    "σ′ against differences of σ; it is σ itself": dict(slope=lambda self, z: np.arctan(z)),
    "worst at z = 2.004: it is 0.1996, and should be 0.1994": dict(slope=lambda self, z: 1 / (1 + z * z) + 2e-4 * np.exp(-((z - 2) ** 2))),
    "worst at z = 2.0": dict(slope=lambda self, z: 1 / (1 + z * z) + 2e-7 * np.exp(-((z - 2) ** 2))),
    "slope_max is missing beside": dict(slope_max=None),
    "σ(z) is not finite at z = -20": dict(__call__=lambda self, z: np.where(z < 0, np.nan, np.arctan(z))),
}  # fmt: skip


@pytest.mark.parametrize("k", [1e-3, 100.0, 1e4, 1e5])
def test_a_steep_activation_passes_and_one_wrong_by_a_millionth_does_not(k):
    class Steep(Arctan):
        slope_min, slope_max, factor = -k, k, 1.0

        def __call__(self, z):
            return np.sin(k * z)

        def slope(self, z):
            return self.factor * k * np.cos(k * z)

        def primitive(self, z):
            return -np.cos(k * z) / k

    checks.activation(Steep()).require()
    wrong = Steep()
    wrong.factor = 1 + 1e-6 / min(k, 1)  # relative to the slope, or to 1 where that is less
    assert not checks.activation(wrong).passed


def test_an_activation_of_ones_own_passes():
    assert checks.activation(Arctan()).passed


@pytest.mark.parametrize("words", WRONG_ACTIVATIONS)
def test_a_wrong_activation_is_named(words):
    check = checks.activation(type("Wrong", (Arctan,), WRONG_ACTIVATIONS[words])())
    assert not check.passed and words in check.detail, check.detail


def test_a_loss_is_checked_to_the_rounding_of_its_value(rng):
    """Well-classified samples have gradients of 1e-300, and a constant in the loss costs digits: neither is a mistake."""
    labels = rng.integers(0, 4, 6)
    checks.loss(dnn.SoftmaxCrossEntropy(), 700.0 * np.eye(4)[labels] - 300.0, labels).require()

    class Shifted:
        factor, constant = 1.0, 1e5

        def __call__(self, y, target):
            return self.constant + dnn.MeanSquaredError()(y, target)

        def vjp(self, y, target):
            return self(y, target), self.factor * dnn.MeanSquaredError().vjp(y, target)[1]

    y, target = rng.normal(size=(2, 6, 4))
    checks.loss(Shifted(), y, target).require()
    for factor, words in (
        (24, "24 times too much: a mean over all 24 entries"),
        (4, "4 times too much: a mean over a row of 4"),
    ):
        wrong = Shifted()
        wrong.factor, wrong.constant = factor, 1.0
        assert (
            not checks.loss(wrong, y, target).passed
            and words in checks.loss(wrong, y, target).detail
        )

    class NoPair(Shifted):
        def vjp(self, y, target):
            return super().vjp(y, target)[1]

    assert "must return the pair value, dy" in checks.loss(NoPair(), y, target).detail


def test_the_losses_of_the_package_pass_and_wrong_ones_are_named(rng):
    y, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    checks.loss(dnn.MeanSquaredError(), y, rng.normal(size=(6, 4))).require()
    checks.loss(dnn.SoftmaxCrossEntropy(), y, labels).require()
    checks.loss(dnn.MulticlassHinge(), y, labels).require()
    wrong = {
        "a mean over the batch of 6 instead of a sum": lambda value, dy: (value, dy / 6),
        "6 times too much: a mean over the batch of 6 is missing": lambda value, dy: (
            value,
            6 * dy,
        ),
        "the sign is wrong": lambda value, dy: (value, -dy),
        "give different values": lambda value, dy: (2 * value, dy),
        "has shape (24,)": lambda value, dy: (value, dy.ravel()),
        "no multiple of what it should be": lambda value, dy: (value, dy + 0.1),
    }
    for words, change in wrong.items():

        class Wrong(dnn.SoftmaxCrossEntropy):
            def __call__(self, y, target):
                return dnn.SoftmaxCrossEntropy()(y, target)

            def vjp(self, y, target, change=change):
                return change(*super().vjp(y, target))

        check = checks.loss(Wrong(), y, labels)
        assert not check.passed and words in check.detail, check.detail
    for kind in (dnn.Tanh, dnn.MulticlassHinge):
        with pytest.raises(TypeError, match=f"got the class itself: write {kind.__name__}"):
            (checks.activation if kind is dnn.Tanh else checks.loss)(
                kind, *[] if kind is dnn.Tanh else (y, labels)
            )


class SineOfAMatrix(dnn.Map):
    """sin(W x + b), right; subclasses make one mistake each."""

    def __init__(self):
        self.dim_in = self.dim_out = 3
        self.own(W=np.random.default_rng(1).normal(size=(3, 3)), b=np.zeros(3))

    def __call__(self, x):
        return np.sin(x @ self.W.T + self.b)

    def back(self, x, z):
        def pullback(w):
            u = w * np.cos(z())
            return u @ self.W, self.pack(
                W=u.reshape(-1, 3).T @ x.reshape(-1, 3), b=u.reshape(-1, 3).sum(0)
            )

        return pullback

    def vjp(self, x):
        z = x @ self.W.T + self.b
        return np.sin(z), self.back(x, lambda: z)


class KeepsItInVjp(SineOfAMatrix):
    def vjp(self, x):
        self.z = x @ self.W.T + self.b
        return np.sin(self.z), self.back(x, lambda: self.z)


class KeepsItInTheValue(SineOfAMatrix):
    def __call__(self, x):
        self.z = x @ self.W.T + self.b
        return np.sin(self.z)

    def vjp(self, x):
        z = self.z
        return np.sin(x @ self.W.T + self.b), self.back(x, lambda: z)


class UsesItUp(SineOfAMatrix):
    def vjp(self, x):
        zs = [x @ self.W.T + self.b]
        return np.sin(zs[0]), self.back(x, zs.pop)


class OfOneState(SineOfAMatrix):
    def __call__(self, x):
        return np.sin(self.W @ x + self.b)

    def vjp(self, x):
        z = self.W @ x + self.b

        def pullback(w):
            u = w * np.cos(z)
            return self.W.T @ u, self.pack(W=np.outer(u, x), b=u)

        return np.sin(z), pullback


class OfAllStates(dnn.Map):
    """x/‖x‖ with a consistent adjoint, and the norm of the whole batch."""

    dim_in = dim_out = 3

    def __call__(self, x):
        return x / np.linalg.norm(x)

    def vjp(self, x):
        size = np.linalg.norm(x)
        y = x / size
        return y, lambda w: ((w - y * (y * w).sum()) / size, np.zeros(0))


class LeavesOneOut(SineOfAMatrix):
    def __init__(self):
        self.dim_in = self.dim_out = 3
        self.own(W=np.eye(3))
        self.b = np.ones(3)

    def pack(self, W, b):
        return super().pack(W=W)


@pytest.mark.parametrize("shape", [(3,), (3, 3), (5, 3), (2, 4, 3)])
@pytest.mark.parametrize("check", [checks.adjoint, checks.taylor])
def test_no_derivative_check_passes_what_is_right_only_by_itself(check, shape, rng):
    """State kept on self, samples that are mixed, code for one state: right for one call, or one sample."""
    x, local = rng.normal(size=shape), "where local variables should be"
    assert check(SineOfAMatrix(), x).passed
    for F, words in (
        (KeepsItInVjp(), f"when vjp is called again, at another x: it reads self.z, {local}"),
        (KeepsItInTheValue(), f"after a call at another x: it reads self.z, {local}"),
        (UsesItUp(), "the pullback fails when it is called twice: it uses something up"),
        (OfOneState(), "it is written for one state, and those of a batch lie on the last axis"),
        (OfAllStates(), "it treats the batch as a whole"),
    ):
        found = check(F, x)
        assert not found.passed and words in found.detail, found


def test_an_array_that_nobody_trains_is_named(rng):
    x = rng.normal(size=(4, 3))
    assert checks.adjoint(LeavesOneOut(), x).detail.endswith(
        "; b was not given to own(…): constant"
    )
    assert "own(" not in checks.adjoint(SineOfAMatrix(), x).detail

    class Ascent(dnn.GradientField):
        """Consistent, and not the descent that it is known as."""

        def __call__(self, x):
            return -super().__call__(x)

        def vjp(self, x):
            y, pullback = super().vjp(x)
            return -y, lambda w: pullback(-w)

    X = Ascent(dnn.Dense(4, 3, rng=rng), dnn.Tanh())
    found = checks.adjoint(X, x)
    assert found.detail.endswith("; F(x) is not that of a GradientField, as which it is known"), (
        found
    )
    Same = type("Same", (dnn.GradientField,), {})
    assert "known" not in checks.adjoint(Same(dnn.Dense(4, 3, rng=rng), dnn.Tanh()), x).detail
    assert (
        "own("
        not in checks.adjoint(dnn.Standardisation(3, (1, 1), np.ones(3), np.ones(3)), x).detail
    )


def test_checks_of_a_thing_that_changes_its_argument_blame_that_and_nothing_else():
    class Root:
        def __call__(self, z):
            z /= np.hypot(1, z)
            return z

        def slope(self, z):
            return (1 + z * z) ** -1.5

    class Squares(dnn.Loss):
        def vjp(self, y, target):
            y -= target
            return (y * y).sum(), 2 * y

    class SquaresOfTargets(dnn.Loss):
        def vjp(self, y, target):
            target -= y
            return (target * target).sum(), -2 * target

    y = np.array([[0.75, -1.0]])
    for check in (
        checks.activation(Root()), checks.value(Root(), y, y), checks.loss(Squares(), y, 2 * y),
        checks.loss(SquaresOfTargets(), y, 2 * y),
    ):  # fmt: skip
        assert not check.passed and "an argument is changed: write x = x + …" in check.detail
    np.testing.assert_array_equal(y, [[0.75, -1.0]])


def test_an_activation_may_overflow_where_its_formula_does():
    class SquaredReLU(dnn.Activation):
        slope_min, slope_max = 0.0, np.inf

        def __call__(self, z):
            return np.maximum(z, 0) ** 2

        def slope(self, z):
            return 2 * np.maximum(z, 0)

        def primitive(self, z):
            return np.maximum(z, 0) ** 3 / 3

    class NaiveSoftplus(dnn.Activation):
        slope_min, slope_max = 0.0, 1.0

        def __call__(self, z):
            return np.log(1 + np.exp(z))

        def slope(self, z):
            return 1 / (1 + np.exp(-z))

        def primitive(self, z):
            return dnn.Softplus().primitive(z)

    assert checks.activation(SquaredReLU()).passed
    with np.errstate(all="ignore"):
        check = checks.activation(NaiveSoftplus())
    assert (
        not check.passed and "σ up to 1e300: it is 709.8 at z = 709.8, and then inf" in check.detail
    )


@pytest.mark.parametrize("check", [checks.symplectic, checks.volume])
def test_nearly_symplectic_fails_wherever_the_defect_is_above_rounding(check):
    """RK4 on q̇ = p, ṗ = −q: det F′ = |R(ih)|² = 1 − h⁶/72 + h⁸/576, and DᵀJD − J = (det − 1)J."""
    X, x = dnn.systems.harmonic_oscillator(), np.array([[1.0, 0.5], [-0.3, 2.0]])
    for h in (1.0, 0.3, 0.1, 0.03, 0.015):
        F, defect = dnn.Flow(X, h, dnn.RK4()), h**6 / 72 - h**8 / 576
        for F in (F, lambda z, F=F: F(z)):
            found = check(F, x)
            assert not found.passed, (h, found)
            (a, b), (c, d) = np.abs(dnn.Flow(X, h, dnn.RK4()).jacobian(x[0]))
            size = 1 if check is checks.volume else 2**0.5 / (a * d + b * c + 1)
            assert found.measured == pytest.approx(size * defect, rel=1e-3, abs=4e-16)
            real = check(lambda z, F=F: F(z.real), x)  # no complex steps: differences
            assert not real.passed and str(real).startswith("FAILED" if defect > 1e-7 else "unsure")
    for method in (dnn.StormerVerlet(), dnn.ImplicitMidpoint()):
        for h, steps in ((1.0, 1), (0.1, 1), (0.01, 1), (0.1, 30)):
            F = dnn.Flow(X, h, method, steps=steps)
            assert check(F, x).passed and check(lambda z, F=F: F(z), x).passed

    def there_and_back(z):
        """A rotation, and rounding a thousand times that of its result."""
        q, p = z[..., :1], z[..., 1:]
        q, p = 0.6 * q + 0.8 * p, 0.6 * p - 0.8 * q
        q = q + 1e3 * np.tanh(p) - 1e3 * np.tanh(p)
        return np.concatenate([q, p + 1e3 * np.tanh(q) - 1e3 * np.tanh(q)], axis=-1)

    found = check(there_and_back, x)
    assert found.passed and found.limit > 2e-14, found


def test_where_quotients_of_two_steps_disagree_a_derivative_check_is_unsure():
    """A hundred samples of a ReLU flow cannot all stay away from kinks; and differences of sin x + 1e6 have no digits."""
    X = dnn.GradientField.random(3, 64, sigma=dnn.ReLU(), rng=0)
    F, x = dnn.Flow(X, 0.1, steps=10), np.random.default_rng(3).normal(size=(100, 3))
    for check in (checks.adjoint(F, x), checks.tangent(F, x)):
        assert str(check).startswith(("unsure", "passed")), check

    class FarAway(SineOfAMatrix):
        offset = 1e8

        def __call__(self, x):
            return super().__call__(x) + self.offset

        def vjp(self, x):
            return self(x), super().vjp(x)[1]

    check = checks.adjoint(FarAway(), x)
    assert str(check).startswith("unsure") and "known no better" in check.detail

    class Reversed(FarAway):  # what is wrong by more than that fails all the same
        offset = 1e6

        def vjp(self, x):
            return self(x), lambda w: tuple(-a for a in super(Reversed, self).vjp(x)[1](w))

    class WrongFlow(dnn.Flow):
        def jvp(self, x, v, dtheta=None):
            y, dy = super().jvp(x, v, dtheta)
            return y, -dy

        def vjp(self, x):
            y, pullback = super().vjp(x)
            return y, lambda w: tuple(-a for a in pullback(w))

    wrong = WrongFlow(X, 0.1, steps=10)
    for check in (
        checks.adjoint(Reversed(), x),
        checks.adjoint(wrong, x[:9]),
        checks.tangent(wrong, x),
    ):
        assert str(check).startswith("FAILED"), check


def test_an_order_that_is_still_on_its_way_to_the_claim_is_no_mistake():
    sir = dnn.systems.sir()
    for t in (1.0, 2.0):
        checks.order(dnn.RK4(), sir, sir.x0, t=t).require()

    def lorenz(y):
        a, b, c = np.moveaxis(y, -1, 0)
        return np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], axis=-1)

    checks.order(dnn.RK4(), lorenz, np.ones(3), t=2.0).require()  # the coarsest steps are NaN
    kepler = dnn.systems.kepler()
    checks.order(
        dnn.ImplicitMidpoint(), kepler, kepler.x0, 2.0, finest=64
    ).require()  # … have no solution


def test_an_infinite_constant_is_kept_and_a_number_is_one_in_any_form():
    F = dnn.Flow(
        dnn.HamiltonianField.random(2, 4, rng=0), 0.1, dnn.ImplicitMidpoint(), steps=10_000
    )
    assert (
        F.lipschitz() == np.inf
        and checks.lipschitz(lambda x: 2 * x, np.ones((2, 2)), L=np.inf).passed
    )
    assert checks.lipschitz(lambda x: 2 * x, np.ones((2, 2)), L=np.array(2.0)).passed


def test_duality_holds_over_a_thousand_steps_to_their_rounding():
    kepler = dnn.systems.kepler()
    assert checks.duality(dnn.Flow(kepler, 0.1, dnn.StormerVerlet()), kepler.x0, steps=1000).passed


def test_the_worst_of_some_checks_failed_or_else_is_unsure():
    from dynsys_nn.checks.derivatives import worst_of

    near, unsure, failed, nan = (checks.Check("a", c, 1.0) for c in (0.9, 0.1, 2.0, np.nan))
    unsure.blind = True
    assert worst_of([near, unsure]) is unsure and worst_of([unsure, failed, near]) is failed
    assert worst_of([failed, nan]) is nan and worst_of([near, checks.Check("b", 0.5, 1.0)]) is near


# ---- what a sheet compares


@pytest.mark.parametrize(
    "found, words",
    [
        (2.0, "twice, or more than once"),
        (-1.0, "the sign is wrong"),
        (0.7, "it is 0.7, needed is 1"),
        (None, "needed is a number, got None: is there a return?"),
        ([1.0, 2.0], "needed is a number, got one of shape (2,)"),
        (dict(a=1), "needed is a number, got one dict"),
        (np.nan, "it is nan, needed is 1"),
    ],
)
def test_what_is_compared_is_told_by_every_mistake_that_leads_to_it(found, words):
    mistakes = {"twice": 2.0, "more than once": 2.0, "zero": 0.0}
    check = checks.compared("dh", found, 1.0, mistakes)
    assert not check.passed and check.detail == words
    assert checks.compared("dh", 1 + 1e-12, 1.0, mistakes).passed


def test_of_an_array_a_multiple_is_told_or_the_entry_that_differs_most():
    right = np.arange(6.0).reshape(2, 3)
    for found, words in (
        (right / 2, "it is 0.5 times what it should be"),
        (right.T.reshape(2, 3), "it is transposed"),
        (right + [[0, 0, 0], [0, 0, 2]], "it is 7, needed is 5, from entry 5 on"),
    ):
        assert checks.compared("dW", found, right).detail == words


def test_complex_numbers_other_shapes_and_nan_are_told():
    right = np.arange(6.0).reshape(2, 3)
    mistakes = {"a row is missing": right[:1], "0/0": np.where(right == 3, np.nan, right)}
    for found, words in (
        (right + 0j, "take .real"),
        (right[:1], "a row is missing"),
        (right[1:], "needed is an array of shape (2, 3), got one of shape (1, 3)"),
        (mistakes["0/0"], "0/0"),
        (np.where(right == 4, np.nan, right), "it is nan, 5, needed is 4, 5, from entry 4 on"),
    ):
        check = checks.compared("dW", found, right, mistakes)
        assert not check.passed and words in check.detail
    assert (
        checks.compared("U", [2.0, 2.0], [1.0, 3.0], {"a number for all": 2}).detail
        == "a number for all"
    )


def test_what_differs_is_shown():
    right = np.arange(1.0, 7.0)
    for change, words in (
        ((0, 0, 0, 0, 0, 1), "it is 7, needed is 6, from entry 5 on"),
        ((0, 0, 1, 0, 0, 9), "it is 1, 2, 4, 4, needed is 1, 2, 3, 4"),
        ((0, 1e-8, 0, 0, 0, 0), "it is 2.00000001, 3, 4, 5, needed is 2, 3, 4, 5, from entry 1 on"),
    ):
        assert checks.compared("x", right + change, right).detail == words
    assert "got None" in checks.compared("x", [None, 1.0], [1.0, 1.0]).detail


def test_the_first_wrong_prediction_is_told_by_what_was_seen():
    facts = {"a": (True, "it moves by 0"), "b": (False, "it moves by 3"), "c": (False, "it falls")}
    assert all(checks.predicted("p", said, facts).passed for said in ("a", ["a"], {"a"}))
    check = checks.predicted("p", "abc", facts)
    assert check.measured == 2 and check.detail == "b is false: it moves by 3"
    assert checks.predicted("p", "", facts).detail == "a is true: it moves by 0"
    with pytest.raises(NotImplementedError, match="to be predicted: set p"):
        checks.predicted("p", None, facts)
    for wrong in ("ad", 3):
        check = checks.predicted("p", wrong, facts)
        assert (
            not check.passed and check.detail == f'needed are letters out of "abc", got {wrong!r}'
        )


@pytest.mark.parametrize(
    "said, words",
    [
        ((100, 20), "not 100: half of them"),
        ((7, 3.0), "not 7: count again; not 3: what is kept?"),
        (200, "2 numbers are needed, got 200"),
        (("a", "b"), "2 numbers are needed, got ('a', 'b')"),
        ((np.nan, 20), "not nan: count again"),
    ],
)
def test_numbers_that_are_foretold_are_named_and_the_right_ones_are_not(said, words):
    def asked(said):
        mistakes = {"half of them": (100, np.nan), "twice": (400, np.nan)}
        return checks.foretold(
            "set it", said, (200, 20), mistakes, ("count again", "what is kept?")
        )

    check = asked(said)
    assert not check.passed and check.detail == words
    assert asked([200.0, 20]).passed
    with pytest.raises(NotImplementedError, match="set it"):
        asked(None)
    assert checks.foretold("", 1e-12, 0.0).passed and not checks.foretold("", 0.1, 0.0).passed
