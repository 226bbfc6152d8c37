"""⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for every map, in x, θ and h, on a point, a batch and a grid; and J against difference quotients."""

import copy

import numpy as np
import pytest
from zoo import FIELDS, LINEAR, MAPS, RUNGE_KUTTA, SHAPES, networks, pairs, points, residual

import dynsys_nn as dnn
from dynsys_nn import checks


def assert_adjoint(F, x, rng):
    """The dot-product test to 1e-12 in x and in θ separately, and on a batch the tangent against difference quotients to 1e-7."""
    y, pullback = F.vjp(x)
    np.testing.assert_allclose(y, F(x), rtol=1e-14, atol=1e-14)
    w, v, dtheta = (
        rng.normal(size=y.shape),
        rng.normal(size=x.shape),
        rng.normal(size=F.theta.shape),
    )
    dx, dF = pullback(w)
    assert dx.shape == x.shape and dF.shape == F.theta.shape
    for Jv, back in (
        (F.jvp(x, v)[1], (dx * v).sum()),
        (F.jvp(x, 0 * v, dtheta)[1], (dF * dtheta).sum()),
    ):
        assert abs((w * Jv).sum() - back) <= 1e-12 * np.linalg.norm(w) * np.linalg.norm(Jv)
    if x.ndim == 2:
        checks.tangent(F, x).require()
    assert checks.adjoint(F, x).require().limit == 1e-12


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", FIELDS)
def test_adjoint_of_every_field(name, shape, rng):
    X = FIELDS[name](rng)
    assert_adjoint(X, points(rng, shape, X.dim), rng)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", LINEAR)
def test_adjoint_of_every_linear_map(name, shape, rng):
    A = LINEAR[name](rng)
    x, w = points(rng, shape), rng.normal(size=(*shape, A.dim_out))
    assert_adjoint(A, x, rng)
    linear_part = A(x) - A(np.zeros(4))
    assert abs((w * linear_part).sum() - (A.adjoint(w) * x).sum()) <= 1e-13 * np.linalg.norm(
        w
    ) * np.linalg.norm(x)
    np.testing.assert_array_equal(A.outer(w, x), A.vjp(x)[1](w)[1])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_adjoint_of_every_method(shape, rng):
    for name, method, X in pairs(rng):
        steps = {(): 1, (7,): 3, (3, 2): 1}[shape]
        F = dnn.Flow(copy.deepcopy(X), 0.3, method, steps=steps, learn_h=True)
        assert F.theta.size == X.theta.size + 1 and list(F.parameters)[-1] == "h", name
        assert_adjoint(F, points(rng, shape), rng)


def test_adjoint_backwards_in_time(rng):
    for _, method, X in pairs(rng):
        assert_adjoint(dnn.Flow(X, -0.3, method, learn_h=True), points(rng, (5,)), rng)


def test_the_methods_own_vjp_and_jvp_agree_in_x_theta_and_h(rng):
    for name, method, X in pairs(rng):
        x, h = points(rng, (6,)), 0.4
        y, pullback = method.vjp(X, x, h)
        w, v, dtheta, dh = (
            rng.normal(size=y.shape),
            rng.normal(size=x.shape),
            rng.normal(size=X.theta.shape),
            0.7,
        )
        dx, dX, d_h = pullback(w)
        np.testing.assert_allclose(y, method.step(X, x, h), rtol=1e-14)
        Jv = method.jvp(X, x, h, v, dtheta, dh)[1]
        total = (dx * v).sum() + (dX * dtheta).sum() + d_h * dh
        assert abs((w * Jv).sum() - total) <= 1e-12 * np.linalg.norm(w) * np.linalg.norm(Jv), name
        again = pullback(w)  # a pullback may be called twice
        np.testing.assert_array_equal(again[0], dx)
        np.testing.assert_array_equal(again[1], dX)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", MAPS)
def test_adjoint_of_every_other_map(name, shape, rng):
    F = MAPS[name](rng)
    assert_adjoint(F, points(rng, shape, F.dim_in), rng)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_adjoint_of_networks_nested_shared_and_rolled_out(shape, rng):
    for _, net in networks(rng):
        x = points(rng, shape, net.dim_in)
        assert_adjoint(net, x, rng)
        if net.dim_in == net.dim_out:
            assert_adjoint(dnn.Rollout(net, 3), x, rng)


def test_jacobian_of_every_field_is_the_matrix_of_its_tangents(rng):
    for name, make in FIELDS.items():
        X, x = make(rng), points(rng, (3, 2))
        columns = [X.jvp(x, np.broadcast_to(e, x.shape))[1] for e in np.eye(4)]
        np.testing.assert_allclose(
            X.jacobian(x), np.stack(columns, axis=-1), rtol=1e-12, atol=1e-14, err_msg=name
        )
        assert X.jacobian(x[0, 0]).shape == (4, 4)


def test_jacobian_is_the_matrix_of_tangents(rng):
    for _, net in networks(rng):
        x = points(rng, (3, 2), net.dim_in)
        J, v = net.jacobian(x), rng.normal(size=x.shape)
        assert J.shape == (3, 2, net.dim_out, net.dim_in)
        np.testing.assert_allclose(
            (J @ v[..., None])[..., 0], net.jvp(x, v)[1], rtol=1e-12, atol=1e-13
        )
    J = dnn.Rollout(dnn.Flow(residual(rng), 0.1), 3).jacobian(points(rng, (5,)))
    assert J.shape == (5, 3, 4, 4)
    F = dnn.Flow(residual(rng), 0.1)
    x = points(rng, ())
    np.testing.assert_allclose(
        dnn.Rollout(F, 2).jacobian(x)[1], F.jacobian(F(x)) @ F.jacobian(x), rtol=1e-12
    )


def test_gradient_by_complex_step(rng):
    """Pullbacks never conjugate, so the gradient itself takes a complex step: Im dx(x + iεv)/ε is the second derivative."""
    for X in (FIELDS["GradientField −"](rng), FIELDS["MassPreservingField C"](rng), residual(rng)):
        F = dnn.Flow(X, 0.3, dnn.Ralston(), steps=2)
        x, v, w, eps = points(rng, (5,)), rng.normal(size=(5, 4)), rng.normal(size=(5, 4)), 1e-30
        np.testing.assert_allclose(
            F(x + 1j * eps * v).imag / eps, F.jvp(x, v)[1], rtol=1e-12, atol=1e-14
        )
        y, pullback = F.vjp(x + 1j * eps * v)
        dx, dtheta = pullback(w)
        step = 1e-5
        plus, minus = F.vjp(x + step * v)[1](w), F.vjp(x - step * v)[1](w)
        np.testing.assert_allclose(
            dx.imag / eps, (plus[0] - minus[0]) / (2 * step), rtol=1e-6, atol=1e-8
        )
        np.testing.assert_allclose(
            dtheta.imag / eps, (plus[1] - minus[1]) / (2 * step), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize("method", RUNGE_KUTTA, ids=repr)
def test_discrete_gradient_of_the_linear_test_equation_is_its_closed_form(method):
    """ẏ = ay: y_N = R(ha)^N y₀, so ∂y_N/∂a = N h R′(ha) R(ha)^{N−1} y₀, ∂y_N/∂y₀ = R^N and ∂y_N/∂h = N a R′ R^{N−1} y₀."""
    a, h, N, y0 = -0.7, 0.1, 20, 1.3
    s = len(method.b)
    A = np.array([[*row, *[0.0] * (s - len(row))] for row in method.A])
    b = np.array(method.b)
    powers = [np.ones(s)]
    for _ in range(s - 1):
        powers.append(A @ powers[-1])
    coefficients = [1.0, *[b @ p for p in powers]]  # R(z) = 1 + Σ z^{k+1} bᵀAᵏ1
    z = h * a
    R = sum(c * z**k for k, c in enumerate(coefficients))
    dR = sum(k * c * z ** (k - 1) for k, c in enumerate(coefficients) if k)

    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[a]]), dnn.Identity())
    F = dnn.Flow(X, h, method, steps=N, learn_h=True)
    y, pullback = F.vjp(np.array([y0]))
    dy0, dtheta = pullback(np.ones(1))
    da, _, dh = dtheta
    for measured, formula in (
        (y[0], R**N * y0),
        (dy0[0], R**N),
        (da, N * h * dR * R ** (N - 1) * y0),
        (dh, N * a * dR * R ** (N - 1) * y0),
    ):
        assert abs(measured - formula) <= 1e-14 * max(1, abs(formula))


def test_maps_do_not_change_their_arguments(rng):
    for _, net in networks(rng):
        x = points(rng, (5,), net.dim_in)
        kept, theta = x.copy(), net.theta.copy()
        y, pullback = net.vjp(x)
        w = rng.normal(size=y.shape)
        kept_w = w.copy()
        first, second = pullback(w), pullback(w)
        np.testing.assert_array_equal(x, kept)
        np.testing.assert_array_equal(w, kept_w)
        np.testing.assert_array_equal(net.theta, theta)
        np.testing.assert_array_equal(first[1], second[1])


# ---- guard the guard: wrong adjoints, one mistake each


class WrongSign(dnn.GradientField):
    def vjp(self, x):
        y, pullback = super().vjp(x)
        return y, lambda w: (-pullback(w)[0], pullback(w)[1])


class ForgetsOneA(dnn.GradientField):
    """A acts twice and is paid once."""

    def vjp(self, x):
        x = self.state(x)
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)

        def pullback(w):
            u = -slope * self.A(w)
            return self.A.adjoint(u), self.pack(
                A=self.A.outer(u, x), b=u.reshape(-1, u.shape[-1]).sum(axis=0)
            )

        return -self.A.adjoint(s), pullback


class MeanOverBatch(dnn.GradientField):
    def vjp(self, x):
        y, pullback = super().vjp(x)
        return y, lambda w: (pullback(w)[0], pullback(w)[1] / len(x))


class ConsistentlyWrong(dnn.GradientField):
    """vjp and jvp share a wrong slope, so they are adjoint to each other, but not derivatives of the value."""

    def vjp(self, x):
        y, pullback = super().vjp(x)
        return y, lambda w: (0.9 * pullback(w)[0], 0.9 * pullback(w)[1])

    def jvp(self, x, v, dtheta=None):
        y, dy = super().jvp(x, v, dtheta)
        return y, 0.9 * dy


class OtherValue(dnn.GradientField):
    def __call__(self, x):
        return 2 * super().__call__(x)


@pytest.mark.parametrize(
    "wrong", [WrongSign, ForgetsOneA, MeanOverBatch, ConsistentlyWrong, OtherValue]
)
def test_the_adjoint_check_fails_on_a_wrong_map(wrong, rng):
    X = wrong(dnn.Dense(6, 4, rng=rng), dnn.Tanh())
    X.theta = rng.normal(size=X.theta.shape)
    check = checks.adjoint(X, points(rng, (7,)))
    assert not check.passed
    with pytest.raises(AssertionError, match="FAILED  adjoint of " + wrong.__name__):
        check.require()


def test_the_adjoint_check_takes_a_class_without_a_tangent(rng):
    class Right:
        def __call__(self, x):
            return np.sin(x) * x[..., ::-1]

        def vjp(self, x):
            return self(x), lambda w: (
                np.cos(x) * x[..., ::-1] * w + (np.sin(x) * w)[..., ::-1],
                np.zeros(0),
            )

    class Wrong(Right):
        def vjp(self, x):
            return self(x), lambda w: (
                np.cos(x) * x[..., ::-1] * w + np.sin(x) * w[..., ::-1],
                np.zeros(0),
            )

    x = points(rng, (7,))
    assert checks.adjoint(Right(), x).require().limit == 1e-6
    assert not checks.adjoint(Wrong(), x).passed


def test_a_reversed_index_in_the_adjoint_is_noticed_by_ralston_but_not_by_heun(rng):
    class Wrong(dnn.Ralston):
        def vjp(self, field, x, h):
            y, right = dnn.Ralston().vjp(field, x, h)
            K1, back1 = field.vjp(x)
            K2, back2 = field.vjp(x + 2 / 3 * h * K1)

            def pullback(w):
                eta2, d2 = back2(h * self.b[0] * w)
                eta1, d1 = back1(h * (self.b[1] * w + 2 / 3 * eta2))
                return w + eta1 + eta2, d1 + d2, right(w)[2]

            return y, pullback

    class Unnoticed(dnn.Heun):
        def vjp(self, field, x, h):
            y, right = dnn.Heun().vjp(field, x, h)
            K1, back1 = field.vjp(x)
            K2, back2 = field.vjp(x + h * K1)

            def pullback(w):
                eta2, d2 = back2(h * self.b[0] * w)
                eta1, d1 = back1(h * (self.b[1] * w + eta2))
                return w + eta1 + eta2, d1 + d2, right(w)[2]

            return y, pullback

    x = points(rng, (7,))
    assert not checks.adjoint(dnn.Flow(residual(rng), 0.3, Wrong()), x).passed
    assert checks.adjoint(dnn.Flow(residual(rng), 0.3, Unnoticed()), x).passed
