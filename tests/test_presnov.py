"""f = ∇U + X_S: U has the gradient that is returned, X_S is tangent to spheres, and both are unique."""

import itertools
from functools import partial

import numpy as np
import pytest
from zoo import FIELDS, residual

import dynsys_nn as dnn
from dynsys_nn import checks, systems


def polynomial(rng, degree=5, d=4):
    """A random polynomial field, all monomials up to the degree."""
    E = np.array([e for e in itertools.product(range(degree + 1), repeat=d) if sum(e) <= degree])
    c = rng.normal(size=(len(E), d))

    def jacobian(x):
        columns = []
        for k in range(d):
            lower = E - (np.arange(d) == k) * (E > 0)
            columns.append((E[:, k] * np.prod(x[..., None, :] ** lower, axis=-1)) @ c)
        return np.stack(columns, axis=-1)

    return dnn.KnownField(lambda x: np.prod(x[..., None, :] ** E, axis=-1) @ c, d, jacobian)


CASES = {
    "pendulum": lambda rng: systems.pendulum(),
    "the paper's system": lambda rng: systems.mass_example(),
    "polynomial of degree 5": polynomial,
    "network field": residual,
}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_presnov_decomposition(make, rng):
    f = make(rng)
    P, x = dnn.presnov(f), 1.5 * rng.normal(size=(2, 3, f.dim))
    norm = np.linalg.norm
    U, gradient, sphere = P.U(x), P.gradient(x), P.sphere(x)
    assert U.shape == (2, 3) and gradient.shape == x.shape
    complex_step = np.stack([P.U(x + 1e-30j * e).imag / 1e-30 for e in np.eye(f.dim)], axis=-1)
    assert (norm(gradient - complex_step, axis=-1) <= 1e-10 * norm(gradient, axis=-1)).all()
    assert (
        np.abs((x * sphere).sum(axis=-1)) <= 1e-12 * norm(x, axis=-1) * norm(sphere, axis=-1)
    ).all()
    checks.orthogonal_to_x(P.sphere, x).require()
    J = np.stack([P.gradient(x + 1e-30j * e).imag / 1e-30 for e in np.eye(f.dim)], axis=-1)
    assert (norm(J - J.swapaxes(-1, -2), axis=(-2, -1)) <= 1e-8 * norm(J, axis=(-2, -1))).all()
    checks.curl_free(P.gradient, x).require()
    np.testing.assert_allclose(gradient + sphere, f(x), rtol=1e-13, atol=1e-13)
    assert np.abs(sphere).max() > 0.1 and np.abs(gradient).max() > 0.01  # neither is nothing
    assert not checks.orthogonal_to_x(f, x).passed and not checks.curl_free(f, x).passed
    np.testing.assert_array_equal(P.U(np.zeros(f.dim)), 0)


def test_a_linear_field_splits_into_its_symmetric_and_its_skew_part(rng):
    M, x = rng.normal(size=(4, 4)), rng.normal(size=(3, 5, 4))
    P = dnn.presnov(dnn.KnownField(lambda x: x @ M.T, 4, lambda x: M + 0 * x[..., None]), nodes=1)
    np.testing.assert_allclose(P.gradient(x), x @ (M + M.T) / 2, atol=1e-14)
    np.testing.assert_allclose(P.sphere(x), x @ (M - M.T).T / 2, atol=1e-14)
    np.testing.assert_allclose(P.U(x), np.einsum("...i,ij,...j->...", x, M, x) / 2, atol=1e-14)


def test_it_is_unique_a_gradient_is_all_gradient_and_a_sphere_field_all_sphere(rng):
    x = rng.normal(size=(5, 4))
    gradient = FIELDS["GradientField diag(α)"](rng)
    P = dnn.presnov(gradient)
    np.testing.assert_allclose(P.sphere(x), 0, atol=1e-13)
    V = gradient.sign * gradient.potential(x)
    np.testing.assert_allclose(
        P.U(x), V - gradient.sign * gradient.potential(np.zeros(4)), rtol=1e-12, atol=1e-13
    )
    P = dnn.presnov(FIELDS["SpherePreservingField"](rng))
    np.testing.assert_allclose(P.gradient(x), 0, atol=1e-12)
    np.testing.assert_allclose(P.U(x), 0, atol=1e-13)


def test_gauss_legendre_is_exact_for_polynomials_of_degree_below_twice_the_nodes(rng):
    x = rng.normal(size=(5, 4))
    for degree, nodes in ((1, 1), (3, 2), (5, 3)):
        f = polynomial(rng, degree)
        few, many = dnn.presnov(f, nodes=nodes), dnn.presnov(f, nodes=20)
        np.testing.assert_allclose(few.gradient(x), many.gradient(x), rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(few.U(x), many.U(x), rtol=1e-11, atol=1e-11)
    assert np.abs(dnn.presnov(f, nodes=2).gradient(x) - many.gradient(x)).max() > 1e-3


def test_recomposed_it_is_the_field_and_splittings_follow_its_flow():
    f = systems.pendulum()
    P = dnn.presnov(f, nodes=12)
    again, z = P.recompose(), np.array([[1.0, 0.5], [-0.3, 1.2]])
    assert isinstance(again, dnn.SumField) and [X.keeps for X in again.parts] == [set(), {"norm"}]
    np.testing.assert_allclose(again(z), f(z), rtol=1e-14)
    np.testing.assert_array_equal(again.parts[0](z), P.gradient(z))
    np.testing.assert_array_equal(again.parts[1](z), P.sphere(z))
    checks.order(dnn.LieTrotter(dnn.Heun()), again, z, t=0.5, finest=16).require()
    checks.order(dnn.Strang(dnn.Heun()), again, z, t=0.5, finest=16).require()
    y = dnn.Flow(again, 0.1, dnn.Strang(dnn.RK4()), steps=10)(z)
    np.testing.assert_allclose(y, dnn.exact_flow(f, z, 1.0), atol=1e-3)
    with pytest.raises(NotImplementedError, match="without a Jacobian"):
        again.vjp(z)


def test_what_is_asked_for_wrongly(rng):
    for call, error, message in (
        (lambda: dnn.presnov(np.sin), TypeError, "a Map with vjp, got <ufunc 'sin'>"),
        (lambda: dnn.presnov(dnn.Lift(3, 2)), ValueError, "decomposes a field ℝᵈ → ℝᵈ, got Lift"),
        (
            lambda: dnn.presnov(residual(rng), nodes=0),
            ValueError,
            "nodes must be at least 1, got 0",
        ),
        (lambda: dnn.presnov(residual(rng), nodes=2.5), TypeError, "nodes must be an integer"),
        (lambda: dnn.presnov(residual(rng)).U(np.zeros(3)), ValueError, "states of dimension 4"),
        (
            lambda: dnn.presnov(dnn.KnownField(np.sin, 2)).U(np.ones(2)),
            NotImplementedError,
            "without a Jacobian",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
    kinks = dnn.ResidualField(dnn.Dense(5, 2, rng=rng), dnn.ReLU(), dnn.Dense(2, 5, rng=rng))
    kinks.b = rng.normal(size=5)
    with pytest.warns(RuntimeWarning, match="with 1024 nodes .* has the field kinks?"):
        dnn.presnov(kinks).gradient(rng.normal(size=(20, 2)))
    dnn.presnov(kinks, nodes=64).gradient(rng.normal(size=(20, 2)))  # as asked for: no warning


def test_the_checks_fail_on_small_mistakes(rng):
    x, X = rng.normal(size=(5, 4)), FIELDS["SpherePreservingField"](rng)
    checks.orthogonal_to_x(X, x).require()
    assert not checks.orthogonal_to_x(lambda x: X(x) + 1e-9 * x, x).passed
    one = np.zeros((5, 1))
    one[3] = 1e-9
    assert not checks.orthogonal_to_x(
        lambda x: X(x) - one * x, x
    ).passed  # one of the batch, the other sign
    G = FIELDS["GradientField −"](rng)
    assert checks.curl_free(G, x).require().limit == 1e-12
    J = G.jacobian(x)
    J[2, 0, 1] += 1e-9
    assert not checks.curl_free(dnn.KnownField(G, 4, lambda x: J), x).passed
    assert checks.curl_free(lambda x: x**3, x).require().limit == 1e-12  # by complex steps
    assert checks.curl_free(lambda x: x.real**3, x).require().limit == 1e-7
    assert not checks.curl_free(lambda x: x[..., ::-1] * x[..., :1], x).passed
    assert "ℝᵈ → ℝᵈ" in checks.curl_free(dnn.Lift(5, 4), x).detail


def test_the_whole_gradient_is_settled_and_not_only_its_radial_part():
    """f = ∇(x₁ tanh 30x₂): on the axis x₁ = 0 the radial part is exact for any rule; and a point's batch does not matter."""

    def f(x):
        t = np.tanh(30 * x[..., 1])
        return np.stack([t, 30 * x[..., 0] * (1 - t * t)], axis=-1)

    def jacobian(x):
        t = np.tanh(30 * x[..., 1])
        off = 30 * (1 - t * t)
        return np.stack(
            [np.stack([0 * t, off], -1), np.stack([off, -60 * x[..., 0] * t * off], -1)], -2
        )

    P, x = dnn.presnov(dnn.KnownField(f, 2, jacobian)), np.array([[0.0, 1.0], [0.5, 1.0]])
    np.testing.assert_allclose(P.gradient(x[0]), f(x[0]), atol=1e-12)
    np.testing.assert_allclose(P.gradient(x[0]), P.gradient(x)[0], atol=1e-12)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_rounding_far_out_and_at_equilibria_is_no_kink(size):
    """The change of ∇U is measured by its terms: at x of 1e6, at f = 0, and for fields of any size."""
    M, J = size * np.array([[0.3, 1.0], [-1.0, 0.7]]), size * np.array([[0.0, 1.0], [-1.0, 0.0]])
    x = 1e6 * np.random.default_rng(0).normal(size=(50, 2))
    P = dnn.presnov(dnn.KnownField(lambda x: x @ M.T, 2, lambda x: M + 0 * x[..., None]))
    np.testing.assert_allclose(P.gradient(x), x @ (M + M.T) / 2, rtol=1e-12, atol=1e-9 * size)
    c = np.array([0.4, -1.3])
    around = dnn.KnownField(lambda x: (x - c) @ J.T, 2, lambda x: J + 0 * x[..., None])
    np.testing.assert_allclose(dnn.presnov(around).gradient(c), -J @ c, rtol=1e-13)


def test_a_float32_field_is_decomposed_to_its_own_rounding(rng):
    f = dnn.ResidualField(
        dnn.Dense(5, 3, rng=rng, dtype=np.float32),
        dnn.Tanh(),
        dnn.Dense(3, 5, rng=rng, dtype=np.float32),
    )
    P, x = dnn.presnov(f), rng.normal(size=(20, 3)).astype(np.float32)
    assert P.gradient(x).dtype == P.sphere(x).dtype == P.U(x).dtype == np.float32  # and no warning


def test_a_decomposition_takes_lists_and_wants_its_dimension(rng):
    P, Q, x = dnn.presnov(systems.pendulum()), dnn.presnov(residual(rng)), np.array([1.0, 2.0])
    assert P.U([1, 2]) == P.U(x)
    for part in (P.gradient, P.sphere):
        np.testing.assert_array_equal(part([1, 2]), part(x))
    for part in (Q.U, Q.gradient, Q.sphere):
        with pytest.raises(ValueError, match="states of dimension 4"):
            part(np.zeros(3))


def test_orthogonality_and_curl_are_relative_at_every_size_and_zero_at_rest():
    for size in (1e-6, 1.0, 1e6):
        D = size * np.array([[1.0, 2.0], [-1.0, 3.0]])
        for at in (1e-3, 1e3):
            check = checks.orthogonal_to_x(partial(np.multiply, size), at * np.array([[3.0, 4.0]]))
            assert check.measured == pytest.approx(1.0)
        linear = dnn.KnownField(D.dot, 2, lambda x, D=D: D + 0 * x[..., None])
        assert checks.curl_free(linear, np.ones(2)).measured == pytest.approx(3 * 2**0.5 / 15**0.5)
    assert checks.orthogonal_to_x(lambda x: 0 * x, np.ones((3, 2))).require().measured == 0
    assert checks.curl_free(lambda x: 0 * x, np.ones((3, 2))).require().measured == 0
