"""Functions that a caller gives: what goes in cannot be changed, what comes out is copied and looked at, wherever one is taken."""

import re

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import checks, lipschitz, plotting

ROTATION = np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]])  # the flow of (y₂, −y₁) at 1
ONE_STATE, WHOLE_BATCH = "it is written for one state", "it treats the batch as a whole"


def of_one_state(y):
    """A rotation as the books have it, and solve_ivp takes it."""
    return np.array([y[1], -y[0]])


def times_a_matrix(y):
    return np.array([[0.0, 1.0], [-1.0, 0.0]]) @ y


def normalised(y):
    """The sphere's radial field, but for its axis."""
    return y / np.linalg.norm(y)


def rotating(y):
    return np.stack([y[..., 1], -y[..., 0]], axis=-1)


WRONG = {  # name → function, what is said of it
    "components": (of_one_state, ONE_STATE),
    "a matrix": (times_a_matrix, ONE_STATE),
    "a norm": (normalised, WHOLE_BATCH),
    "a mean": (lambda y: y - y.mean(axis=0), WHOLE_BATCH),
    "one slope": (lambda y: y[..., 1:], "has shape"),
    "complex": (lambda y: 1j * y, "must return real numbers"),
    "nothing": (lambda y: None, "returned None: is there a return?"),
    "text": (lambda y: np.full(y.shape, "a"), "must return real numbers"),
    "ragged": (lambda y: [[1.0], [1.0, 2.0]], "rows of different shapes"),
    "its argument": (lambda y: np.negative(y, out=y), "an argument is changed"),
}


def field_takers(f, x):
    """Whoever takes a field: name → what it does with it."""
    X = dnn.KnownField(f, 2, lambda y: np.zeros((*y.shape, 2)))
    flow = dnn.Flow(X, 0.1, dnn.RK4(), steps=10)
    return {
        "KnownField": lambda: X(x),
        "its vjp": lambda: X.vjp(x)[0],
        "a flow": lambda: flow(x),
        "a sum": lambda: dnn.SumField(X, X)(x),
        "a partitioned field": lambda: dnn.PartitionedField(X, X)(np.tile(x, 2)),
        "exact_flow": lambda: dnn.exact_flow(f, x, 1.0),
        "continuous_adjoint": lambda: dnn.continuous_adjoint(X, x, 1.0),
        "checks.order": lambda: checks.order(dnn.Euler(), f, x).require(),
        "phase_portrait": lambda: plotting.phase_portrait(f, (-1, 1), (-1, 1)),
        "measured": lambda: lipschitz.measured(X, x),
        "presnov": lambda: dnn.presnov(X).gradient(x),
    }


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("n", [2, 5])
def test_a_field_of_the_wrong_kind_is_named_wherever_one_is_taken(wrong, n, rng):
    f, words = WRONG[wrong]
    x = rng.normal(size=(n, 2))
    kept = x.copy()
    for who, take in field_takers(f, x).items():
        with pytest.raises((TypeError, ValueError, AssertionError), match=re.escape(words)):
            take()
            pytest.fail(f"{who} takes {wrong}")
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("n", [2, 5])
def test_no_check_passes_a_function_of_the_wrong_kind(wrong, n, rng):
    f, words = WRONG[wrong]
    x = rng.normal(size=(n, 2))
    for check in (
        checks.curl_free, checks.orthogonal_to_x, checks.volume, checks.symplectic,
        lambda F, x: checks.invariant(F, lambda y: y.sum(axis=-1), x),
        lambda F, x: checks.lipschitz(F, x, L=1.0),
    ):  # fmt: skip
        if wrong == "one slope" and check not in (checks.curl_free, checks.volume):
            continue  # a map ℝ² → ℝ¹ is one; the two ask for F′ of a map of a space to itself
        found = check(f, x)
        assert not found.passed and (words in found.detail or wrong == "one slope"), found


@pytest.mark.parametrize("f", [of_one_state, times_a_matrix, rotating])
def test_a_function_of_one_state_is_right_for_one_state(f):
    np.testing.assert_allclose(dnn.exact_flow(f, [1.0, 0.0], 1.0), ROTATION[:, 0], atol=1e-13)
    times = dnn.exact_flow(f, [0.0, 1.0], [0.5, 1.0])
    np.testing.assert_allclose(times[-1], ROTATION[:, 1], atol=1e-13)
    y = dnn.Flow(dnn.KnownField(f, 2), 0.01, dnn.RK4(), steps=100)([1.0, 0.0])
    np.testing.assert_allclose(y, ROTATION[:, 0], atol=1e-9)


def test_a_list_or_a_tuple_is_a_slope_too():
    for f in (lambda y: [y[1], -y[0]], lambda y: (y[1], -y[0])):
        np.testing.assert_allclose(dnn.exact_flow(f, [1.0, 0.0], 1.0), ROTATION[:, 0], atol=1e-13)


def test_an_array_that_is_filled_again_and_again_is_copied():
    """Row 7 of what was tried: RK4 has order four, and the adjoint is exact, with such a function too."""
    out, J = np.empty(2), np.zeros((2, 2))

    def f(y):
        out[:] = y[1], -np.sin(y[0])
        return out

    def jacobian(y):
        J[:] = [[0, 1], [-np.cos(y[0]), 0]]
        return J

    fresh = dnn.KnownField(lambda y: f(y).copy(), 2, lambda y: jacobian(y).copy())
    reused = dnn.KnownField(f, 2, jacobian)
    x, w = np.array([1.5, 0.0]), np.array([1.0, 2.0])
    flows = [dnn.Flow(X, 0.2, dnn.RK4(), steps=20) for X in (fresh, reused)]
    (y, pull), (z, pull_again) = (F.vjp(x) for F in flows)
    np.testing.assert_array_equal(y, z)
    np.testing.assert_array_equal(pull(w)[0], pull_again(w)[0])
    t = np.linspace(0, 10, 11)[1:]
    exact = [dnn.exact_flow(X, x, t) for X in (fresh, f)]
    np.testing.assert_array_equal(*exact)
    assert np.abs(y - dnn.exact_flow(f, x, 4.0)).max() < 1e-3


def test_an_invariant_is_one_number_a_state():
    S = np.array([[0, -1.0, 0], [1, 0, -2], [0, 2, 0]])
    X = dnn.KnownField(lambda y: y @ S.T, 3, lambda y: S + 0 * y[..., None])
    x = np.random.default_rng(0).normal(size=(4, 3))
    kept = dict(value=lambda y: (y * y).sum(axis=-1) / 2, gradient=lambda y: y, hvp=lambda y, v: v)
    wrong = {
        "without keepdims": dict(value=lambda y: (y * y).sum(axis=-1, keepdims=True) / 2),
        ONE_STATE: dict(value=lambda y: (y * y).sum() / 2),
        "gradient of Invariant has shape": dict(gradient=lambda y: y[..., :1]),
        WHOLE_BATCH: dict(gradient=lambda y: y - y.mean(axis=0)),
        "hvp of Invariant must return real": dict(hvp=lambda y, v: 1j * v),
    }

    class Own:
        keeps = frozenset({"norm"})

        def __init__(self, value, gradient, hvp):
            self.value, self.gradient, self.hvp = value, gradient, hvp

        def __call__(self, y):
            return self.value(y)

    for words, change in wrong.items():
        for build in (dnn.Invariant, Own):
            projected = dnn.Projected(dnn.RK4(), build(**kept | change))
            with pytest.raises((TypeError, ValueError), match=re.escape(words)):
                projected.vjp(X, x, 0.3)[1](x)
    for I in (dnn.Invariant(**kept), Own(**kept)):
        for method in (dnn.Projected(dnn.RK4(), I), dnn.DiscreteGradient(I)):
            y = method.step(X, x, 0.3)
            np.testing.assert_allclose((y * y).sum(-1), (x * x).sum(-1), rtol=1e-14)


def test_float32_states_stay_float32_whatever_an_invariant_returns():
    I = dnn.Invariant(
        lambda y: (y.astype(float) ** 2).sum(axis=-1) / 2,
        lambda y: y.astype(float),
        lambda y, v: v.astype(float),
    )
    X = dnn.SpherePreservingField.random(3, 4, rng=0, dtype=np.float32)
    x = np.ones((2, 3), np.float32)
    method = dnn.Projected(dnn.RK4(), I)
    y, pullback = method.vjp(X, x, 0.1)
    assert {a.dtype for a in (y, *pullback(y)[:2], method.jvp(X, x, 0.1, x)[1])} == {
        np.dtype(np.float32)
    }


def test_a_function_that_is_another_one_at_each_call_is_named():
    count = iter(range(100))
    with pytest.raises(ValueError, match="not the same when it is called again"):
        dnn.KnownField(lambda y: y + next(count), 2)(np.ones((3, 2)))
