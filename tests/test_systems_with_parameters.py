"""Systems with parameters, against independent numbers; Jacobians by complex step; and both through files and checkpoints."""

import pickle

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.arguments import WrongResult

EPS = np.finfo(float).eps


def some_systems():
    """One of each, with parameters that are not the defaults."""
    return [
        systems.mass_example(), systems.sir(0.3, 0.1), systems.harmonic_oscillator(), systems.damped_oscillator(0.7),
        systems.pendulum(), systems.kepler(0.1), systems.henon_heiles(), systems.lotka_volterra(0.1, 2.0, 1 / 3, 0.7),
        systems.rigid_body((3, 0.7, 0.1)), systems.separable(quartic, slope, curvature, [1.0, 0.5]),
        systems.free_fall(), systems.spherical_pendulum(),
    ]  # fmt: skip


def quartic(q):
    return q[..., 0] ** 4 / 4


def slope(q):
    return q**3


def curvature(q):
    return 3 * q[..., None] ** 2


# ---- the numbers of the courses


def test_an_epidemic_ends_where_its_invariant_says():
    """β = γ = 0.1 from (0.3, 0.5, 0.2): S + I − log S = 0.8 − log 0.3 for ever, S(100) = 0.15787, and S(∞) its root."""
    X, x = systems.sir(beta=0.1, gamma=0.1), np.array([0.3, 0.5, 0.2])
    I, (y, end) = X.invariants["epidemic"], dnn.exact_flow(X, x, [100.0, 2000.0])
    assert abs(I(x) - 2.0039728043259361) < 1e-15
    assert max(abs(I(y) - I(x)), abs(I(end) - I(x)), abs(y.sum() - 1)) < 1e-12
    assert abs(y[0] - 0.15787) < 5e-6
    S = 0.1
    for _ in range(60):
        S = np.exp(S - 2.0039728043259361)
    assert abs(end[0] - S) < 1e-12 and abs(end[1]) < 1e-12


def test_the_rates_of_an_epidemic_scale_time_and_the_defaults_are_one(rng):
    """β = γ = c runs c times as fast; the default has the bits of the formula without rates."""
    x = rng.random((50, 3)) + 0.1
    X, (y1, y2, _) = systems.sir(), x.T
    I = X.invariants["epidemic"]
    assert X(x).tobytes() == np.stack([-y1 * y2, y1 * y2 - y2, y2], axis=-1).tobytes()
    assert I(x).tobytes() == (y1 + y2 - np.log(y1)).tobytes()
    assert I.gradient(x)[:, 0].tobytes() == (1 - 1 / y1).tobytes()
    np.testing.assert_array_equal(systems.sir(4, 4)(x), 4 * X(x))
    assert systems.sir(4, 4).invariants["epidemic"](x).tobytes() == I(x).tobytes()


def test_a_star_of_henon_and_heiles_is_where_it_must_be():
    X = systems.henon_heiles()
    right = [0.3819825523901797, -0.1275612566661502, 0.0231608090061473, 0.3600310479885994]
    np.testing.assert_allclose(dnn.exact_flow(X, X.x0, 20.0), right, rtol=0, atol=1e-10)


@pytest.mark.parametrize("gamma", (0.3, 2.0, 5.0))
def test_a_damped_oscillator_is_solved_by_its_flow(gamma, rng):
    """Under, at and over the critical damping, ExactFlow at any step, against the equation; volume shrinks by e^{−γh}."""
    X, x, exact = systems.damped_oscillator(gamma), rng.normal(size=(4, 2)), dnn.ExactFlow()
    F = dnn.Flow(X, 1.5, exact, learn_h=True)
    np.testing.assert_allclose(F(x), dnn.exact_flow(X, x, 1.5), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(F.jacobian(x)), np.exp(-1.5 * gamma), rtol=1e-12)
    assert not X.keeps
    h = 1.5 + 1e-100j
    for y in (exact.step(X, x, h), exact.jvp(X, x, h, x)[1]):  # of real states, and of x along x
        np.testing.assert_allclose(y.imag / 1e-100, X(F(x)), rtol=1e-12, atol=1e-13)
    checks.adjoint(F, x).require()
    np.testing.assert_allclose(F.inverse(F(x)), x, rtol=1e-11, atol=1e-12)


def test_the_invariants_of_every_system_are_invariants_with_their_derivatives(rng):
    for X in some_systems():
        x = 0.3 + rng.random((5, X.dim))
        for I in X.invariants.values():
            assert np.abs((I.gradient(x) * X(x)).sum(axis=-1)).max() < 1e-14 * 30
            checks.gradient(I, x).require()


# ---- complex steps


def test_a_jacobian_by_complex_step_is_the_written_one_to_rounding(rng):
    """Of every function of the systems, relative to the largest entry: a few units of rounding."""
    compared = 0
    for X in some_systems():
        for P in [X] if isinstance(X, dnn.KnownField) else [X.f, X.g]:
            x = 0.3 + rng.random((2, 3, P.dim))
            Y = dnn.KnownField(P.fun, P.dim, "complex step")
            written, found = P.jacobian(x), Y.jacobian(x)
            assert np.abs(found - written).max() <= 8 * EPS * np.abs(written).max()
            assert Y.formula == "X(x), X′ by complex step" and P.formula == "X(x)"
            single = Y.jacobian(x.astype(np.float32))
            assert single.dtype == np.float32 and np.allclose(single, written, rtol=1e-5, atol=1e-5)
            compared += 1
    assert compared == 18
    X, x = dnn.KnownField(np.tanh, 2, "complex step"), rng.normal(size=(3, 2))
    checks.adjoint(dnn.Flow(X, 0.5, dnn.ImplicitMidpoint()), x).require()
    assert X.jacobian(x[:0]).shape == (0, 2, 2) and X.jacobian(x[0]).shape == (2, 2)
    again = pickle.loads(pickle.dumps(X))
    assert again.jacobian(x).tobytes() == X.jacobian(x).tobytes()


NOT_ANALYTIC = {
    "abs": (np.abs, "has real values at complex states"),
    "one component": (lambda x: np.stack([x[..., 0], np.abs(x[..., 1])], axis=-1), "is not analytic"),
    "a norm": (lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True) ** 3, "is not analytic"),
    "the real part": (lambda x: x * x.real, "is not analytic"),
    "a conjugate": (lambda x: x * np.conj(x), "is not analytic"),
    "a small part": (lambda x: x + 1e-3 * np.abs(x), "is not analytic"),
    "floor": (np.floor, "takes no complex states"),
    "hypot": (lambda x: x * np.hypot(x[..., :1], x[..., 1:]), "takes no complex states"),
    "floats": (lambda x: np.ones(x.shape), "has real values at complex states"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_ANALYTIC)
def test_a_function_that_is_not_analytic_has_no_complex_step(name, rng):
    """At any state, 0 included, and at every call."""
    f, words = NOT_ANALYTIC[name]
    X = dnn.KnownField(f, 2, "complex step")
    for x in (rng.normal(size=(3, 2)), np.zeros(2), rng.normal(size=2)):
        with pytest.raises(WrongResult, match=words):
            X.jacobian(x)


def test_a_function_is_looked_at_near_each_state_of_a_batch():
    half = dnn.KnownField(lambda x: np.where(x.real > 0, x, np.conj(x)), 1, "complex step")
    with pytest.raises(WrongResult, match="is not analytic"):
        half.jacobian([[1.0], [-1.0]])


def test_a_state_that_is_not_finite_says_nothing_about_a_function():
    X = dnn.KnownField(lambda x: x + 1e-3 * np.abs(x), 2, "complex step")
    with np.errstate(invalid="ignore"):
        X.jacobian(np.full(2, np.inf))
    with pytest.raises(WrongResult, match="is not analytic"):
        X.jacobian(-np.ones(2))


def test_a_complex_step_is_right_between_kinks_and_at_fast_oscillations():
    x = np.array([[1.3, -0.4], [-2.0, 0.0]])
    relu = dnn.KnownField(lambda x: np.maximum(x, 0.0), 2, "complex step")
    np.testing.assert_array_equal(relu.jacobian(x[0]), [[1, 0], [0, 0]])
    far = dnn.KnownField(lambda x: x + 1e9, 2, "complex step")  # whose rounding is no sign of abs
    np.testing.assert_array_equal(far.jacobian(x[0]), np.eye(2))
    fast = dnn.KnownField(lambda x: np.sin(1e4 * x), 2, "complex step")
    np.testing.assert_allclose(fast.jacobian(x[0]), np.diag(1e4 * np.cos(1e4 * x[0])), rtol=1e-13)


def test_what_parameters_of_a_system_cannot_be_is_said():
    x = np.ones(2)
    for call, error, words in (
        (lambda: systems.sir(beta=0), ValueError, "the rate beta must be a positive number, got 0"),
        (lambda: systems.sir(gamma=-1), ValueError, "the rate gamma must be a positive"),
        (lambda: systems.damped_oscillator("much"), ValueError, "gamma must be a positive number"),
        (lambda: systems.separable(quartic, slope, curvature, np.ones(3)), ValueError, "2n finite numbers"),
        (lambda: systems.separable(quartic, slope, curvature, [1.0, np.nan]), ValueError, "2n finite numbers"),
        (lambda: systems.separable(quartic, 3.0, curvature, x), TypeError, "dV of separable must be a function"),
        (lambda: systems.separable(quartic, slope, None, x), TypeError, "d2V of separable must be a function"),
        (lambda: dnn.KnownField(np.sin, 2, "differences"), ValueError, 'must be a function or "complex step"'),
        (lambda: dnn.KnownField(np.sin, 2, "complex step").jacobian(1j * x), TypeError, "has no complex step of its own"),
        (lambda: dnn.KnownField(np.sin, 2).jacobian(x), NotImplementedError, 'or "complex step" if fun is analytic'),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call()


# ---- nothing lost


def test_a_file_of_a_system_without_its_rates_is_read_as_with_rates_of_one(tmp_path):
    """As version 1.0 wrote it."""
    code = '{"dynsys_nn": 1, "map": {"system": "sir"}}'
    np.savez(tmp_path / "sir.npz", architecture=code, theta=np.zeros(0))
    X, Y = dnn.Map.load(tmp_path / "sir.npz"), systems.sir(1.0, 1.0)
    assert X(Y.x0).tobytes() == Y(Y.x0).tobytes() and X.invariants == Y.invariants


@pytest.mark.parametrize("d", (2, 3, 4))
def test_a_training_of_a_network_with_systems_goes_on_from_its_checkpoint_to_the_bit(
    d, tmp_path, rng
):
    """All systems of one dimension, a linear field and its exact flow, a splitting of known parts, a complex step."""

    def net():
        X, Y = dnn.LinearField(dnn.Dense(d, d, rng=0)), dnn.KnownField(slope, d, "complex step")
        splitting = dnn.Strang([dnn.ExactFlow(), dnn.Heun()])
        return dnn.Network(
            *[dnn.Flow(system, 0.01, dnn.Heun()) for system in some_systems() if system.dim == d],
            dnn.Flow(X, 0.1, dnn.ExactFlow(), learn_h=True),
            dnn.Flow(dnn.SumField(X, Y), 0.01, splitting),
        )

    (whole, first, second), x = [net() for _ in range(3)], 0.3 + rng.random((4, d))
    options = dict(rng=0, progress=False, batch_size=2)
    dnn.fit(whole, dnn.MeanSquaredError(), x, 0 * x, epochs=2, **options)
    options["checkpoint"] = tmp_path / "run.npz"
    dnn.fit(first, dnn.MeanSquaredError(), x, 0 * x, epochs=1, **options)
    dnn.fit(second, dnn.MeanSquaredError(), x, 0 * x, epochs=2, **options)
    assert second.theta.tobytes() == whole.theta.tobytes() != first.theta.tobytes()
