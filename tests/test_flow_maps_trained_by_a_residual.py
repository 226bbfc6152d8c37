"""∂_tF − X(F) is 0 for the flow, and its derivatives are exact; x + N(x, t) − N(x, 0) is x at t = 0, and SympFlow symplectic."""

import copy

import numpy as np
import pytest
from zoo import MAPS, points, randomise, residual, shear, sympflow

import dynsys_nn as dnn
from dynsys_nn import checks, systems

MSE = dnn.MeanSquaredError()


class Turn(dnn.Map):
    """(q, p, t) ↦ the oscillator's solution at t: q cos t + p sin t, p cos t − q sin t."""

    dim_in, dim_out = 3, 2

    def __call__(self, z):
        (q, p, t), turned = np.moveaxis(z, -1, 0), self.turned
        return turned(q, p, np.cos(t), np.sin(t))

    def turned(self, q, p, c, s):
        return np.stack([q * c + p * s, p * c - q * s], axis=-1)

    def vjp(self, z):
        t, y = z[..., 2], self(z)

        def pullback(w):
            back = self.turned(w[..., 0], w[..., 1], np.cos(t), -np.sin(t))
            dt = w[..., 0] * y[..., 1] - w[..., 1] * y[..., 0]
            return np.concatenate([back, dt[..., None]], axis=-1), np.zeros(0)

        return y, pullback

    def jvp(self, z, v, dtheta=None):
        t, y = z[..., 2], self(z)
        moved = self.turned(v[..., 0], v[..., 1], np.cos(t), np.sin(t))
        return y, moved + v[..., 2:] * self.turned(*np.moveaxis(y, -1, 0), 0, 1)


class Driven(dnn.Map):
    """(x, t) ↦ (x + sin t, t), the flow of ẋ = cos t with its clock."""

    dim_in = dim_out = 2

    def __call__(self, z):
        return z + np.sin(z[..., 1:]) * [1, 0]

    def vjp(self, z):
        def pullback(w):
            return w + (w[..., :1] * np.cos(z[..., 1:])) * [0, 1], np.zeros(0)

        return self(z), pullback

    def jvp(self, z, v, dtheta=None):
        return self(z), v + np.cos(z[..., 1:]) * v[..., 1:] * [1, 0]


def deep(rng, n=1):
    """N(x, t) with two hidden layers, x in ℝ²ⁿ."""
    d = 2 * n
    return dnn.Network(shear(rng, 4, d + 1), dnn.Affine(5, 4, rng=rng), shear(rng, d, 5))


def sympflows(rng, layers=2):
    """(x, t) ↦ x, x in ℝ²."""
    net = [sympflow(rng, 1) for _ in range(layers)]
    return dnn.Network(*net, dnn.Selection([0, 1], 3))


def residuals(rng):
    """Of networks and of SympFlow; with a system and a field that is learned; of t alone."""
    yield dnn.Residual(dnn.TrialFlow(deep(rng)), systems.pendulum())
    yield dnn.Residual(sympflows(rng), randomise(dnn.ResidualField.random(2, 5, rng=rng), rng))
    yield dnn.Residual(dnn.TrialFlow(deep(rng, 2)), residual(rng))
    yield dnn.Residual(shear(rng, 4, 1), residual(rng))


def by_hand(F, X, z):
    """∂_tF(z) − X(F(z)), ∂_tF by F's tangent."""
    y, dy = F.jvp(z, np.broadcast_to(np.eye(z.shape[-1])[-1], z.shape))
    return dy - X(y)


# ---- the residual


def test_the_flow_has_residual_zero(rng):
    z = rng.normal(size=(50, 3))
    checks.adjoint(Turn(), z).require()
    oscillator = dnn.Residual(Turn(), systems.harmonic_oscillator())
    assert np.abs(oscillator(z)).max() < 1e-14
    assert np.abs(oscillator.jacobian(z)).max() < 1e-14  # it is 0 everywhere
    assert np.abs(dnn.Residual(Turn(), systems.pendulum())(z)).max() > 0.1
    X = dnn.TimeDependent(lambda t, x: np.cos(t)[..., None] + 0 * x, 1, "complex step")
    driven, z = dnn.Residual(Driven(), X), z[:, :2]  # F may carry t along
    assert np.abs(driven(z)).max() < 1e-14 and np.abs(driven.jacobian(z)).max() < 1e-14
    z = z.astype(np.float32)  # F makes doubles of them
    assert np.abs(driven(z)).max() < 1e-6 and np.abs(driven.jacobian(z)).max() < 1e-6
    assert np.abs(driven.vjp(z)[1](z)[0]).max() < 1e-5


class Real(Turn):
    """The same, but real at complex times."""

    def turned(self, q, p, c, s):
        return super().turned(q, p, c, s).real


def test_a_flow_map_that_is_real_at_complex_times_is_refused(rng):
    R, z = dnn.Residual(Real(), PENDULUM), rng.normal(size=(5, 3))
    for derivative in (lambda: R(z), lambda: R.vjp(z), lambda: R.jvp(z, z), lambda: R.jacobian(z)):
        with pytest.raises(TypeError, match="has real values at complex states, as abs"):
            derivative()


@pytest.mark.parametrize("shape", [(), (7,), (3, 2)])
def test_value_tangent_and_pullback_are_the_complex_step_of_the_hand_written_tangent(shape, rng):
    for R in residuals(rng):
        z, eps = points(rng, shape, R.dim_in), 1e-30
        np.testing.assert_allclose(R(z), by_hand(R.F, R.X, z), rtol=1e-13, atol=1e-14)
        v, d = rng.normal(size=z.shape), rng.normal(size=R.theta.shape)
        moved = copy.deepcopy(R)
        moved._bind(R.theta + 1j * eps * d)
        exact = by_hand(moved.F, moved.X, z + 1j * eps * v).imag / eps
        (r, dr), (y, pullback), w = R.jvp(z, v, d), R.vjp(z), rng.normal(size=exact.shape)
        np.testing.assert_allclose(dr, exact, rtol=1e-13, atol=1e-13)
        np.testing.assert_array_equal([r, y], [R(z)] * 2)
        dz, dtheta = pullback(w)
        assert dz.dtype == dtheta.dtype == float
        total, size = (dz * v).sum() + dtheta @ d, np.linalg.norm(w) * np.linalg.norm(exact)
        assert abs(total - (w * exact).sum()) <= 1e-13 * size


def test_the_gradient_of_the_loss_against_central_differences(rng):
    for R in residuals(rng):
        z, d, h = points(rng, (20,), R.dim_in), rng.normal(size=R.theta.shape), 1e-4
        zero, start, J = np.zeros((20, R.dim_out)), R.theta.copy(), {}
        for k in (-2, -1, 1, 2):
            R.theta = start + k * h * d
            J[k] = MSE(R(z), zero)
        R.theta = start
        gradient = dnn.value_and_grad(R, MSE, z, zero)[1] @ d
        difference = (8 * (J[1] - J[-1]) - (J[2] - J[-2])) / (12 * h)
        assert abs(gradient - difference) < 1e-9 * abs(difference)


def test_a_residual_in_single_precision_has_a_smaller_epsilon_and_the_same_derivatives(rng):
    for R in residuals(rng):
        single = copy.deepcopy(R)
        single._bind(R.theta.astype(np.float32))
        z, w = points(rng, (9,), R.dim_in), rng.normal(size=(9, R.dim_out))
        (y, pullback), (y32, pullback32) = R.vjp(z), single.vjp(z.astype(np.float32))
        assert y32.dtype == np.float32
        for a, b in zip((y, *pullback(w)), (y32, *pullback32(w)), strict=True):
            assert b.dtype == np.float32
            assert np.abs(a - b).max() < 3e-5 * np.abs(a).max()


def test_what_is_left_of_the_residual_bounds_the_error_and_training_makes_both_small(rng):
    """The oscillator's flow moves no two points apart or together: ‖F(x, 1) − φ¹(x)‖ ≤ ∫‖r(x, s)‖ds."""
    z = rng.uniform([-1, -1, 0], [1, 1, 1], (100, 3))
    N = dnn.ResidualField(dnn.Dense(12, 3, rng=rng), dnn.Tanh(), dnn.Dense(2, 12, rng=rng))
    F = dnn.TrialFlow(N)
    R, s = dnn.Residual(F, systems.harmonic_oscillator()), np.linspace(0, 1, 41)
    paths = np.broadcast_to(z[:, None], (100, 41, 3)).copy()
    paths[..., 2] = s
    errors = []
    for epochs in (0, 150):
        if epochs:
            dnn.fit(R, MSE, z, np.zeros((100, 2)), dnn.LBFGS(), epochs=epochs)
        bound = np.trapezoid(np.linalg.norm(R(paths), axis=-1), s, axis=-1)
        error = np.linalg.norm(F(paths[:, -1]) - Turn()(paths[:, -1]), axis=-1)
        assert (error < 1.001 * bound).all()
        errors.append(error.max())
    assert errors[1] < errors[0] / 10


def test_a_field_with_parameters_is_learned_from_its_flow(rng):
    X, z = dnn.LinearField(dnn.Dense(2, 2, rng=rng)), rng.normal(size=(50, 3))
    dnn.fit(dnn.Residual(Turn(), X), MSE, z, np.zeros((50, 2)), dnn.LBFGS(), epochs=20)
    np.testing.assert_allclose(X.A.W, [[0, 1], [-1, 0]], atol=1e-6)


# ---- maps that are the identity at t = 0


def test_a_trial_flow_and_sympflow_are_the_identity_at_time_zero_to_the_bit(rng):
    z = points(rng, (500,), 3)
    z[:, 2] = 0
    for F in (
        dnn.TrialFlow(deep(rng)),
        sympflows(rng, 3),
        MAPS["SympFlowLayer of networks in ℝ⁵"](rng),
    ):
        x = z if F.dim_in == 3 else np.hstack([points(rng, (500,)), z[:, 2:]])
        np.testing.assert_array_equal(F(x)[:, : x.shape[1] - 1], x[:, :-1])
        at_0 = dnn.FlowAt(F, 0.0)
        np.testing.assert_array_equal(at_0.jacobian(x[:, :-1]), [np.eye(at_0.dim_in)] * 500)


def test_a_trial_flow_moves_with_its_network(rng):
    N, z = deep(rng), points(rng, (5,), 3)
    at_start = z * [1, 1, 0]
    np.testing.assert_array_equal(dnn.TrialFlow(N)(z), z[:, :2] + (N(z) - N(at_start)))


def test_a_layer_is_its_formula_and_the_same_from_scalar_networks_and_from_their_gradients(rng):
    """∇_q of α·softplus(Az + b) is A_qᵀ(α σ(Az + b)), σ the sigmoid."""
    A, alpha, z = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5)), points(rng, (6,), 5)
    fields, networks = [], []
    for W, a in zip(A, alpha, strict=True):
        fields.append(dnn.GradientField(dnn.Dense(5, 3, W), dnn.Sigmoid(), sign=1, alpha=a))
        hidden = dnn.ResidualField(dnn.Dense(5, 3, W), dnn.Softplus())
        networks.append(dnn.Network(hidden, dnn.Dense(1, 5, [a])))
        hidden.b = fields[-1].b = rng.normal(size=5)

    def gain(k, x, t):
        s_t, s_0 = (dnn.Sigmoid()(np.hstack([x, s * t]) @ A[k].T + fields[k].b) for s in (1, 0))
        return (alpha[k] * (s_t - s_0)) @ A[k][:, :2]

    q, p, t = z[:, :2], z[:, 2:4], z[:, 4:]
    p = p - gain(0, q, t)
    formula = np.hstack([q + gain(1, p, t), p, t])
    for layer in (dnn.SympFlowLayer(*fields), dnn.SympFlowLayer(*networks)):
        np.testing.assert_allclose(layer(z), formula, rtol=1e-13, atol=1e-14)
    assert {"V.A", "K.alpha"} < set(dnn.SympFlowLayer(*fields).parameters)


def test_a_layer_is_drawn_as_was_asked_for():
    drawn = dnn.SympFlowLayer.random(4, 300, alpha=3.0, bias=2.0, rng=0).parameters
    assert not np.allclose(drawn["V.A"], drawn["K.A"])  # one generator for both
    for name in "VK":
        assert (
            abs(drawn[f"{name}.alpha"].std() - 3) < 0.3 and abs(drawn[f"{name}.b"].std() - 2) < 0.2
        )


@pytest.mark.parametrize("t", [-1.3, 2.0])
def test_sympflow_is_symplectic_at_each_time_and_has_an_explicit_inverse(t, rng):
    for name in ("SympFlowLayer in ℝ⁵", "SympFlowLayer of networks in ℝ⁵"):
        net = dnn.Network(*[MAPS[name](rng) for _ in range(3)])
        F, x = dnn.FlowAt(net, t), points(rng, (6,))
        D, J = F.jacobian(x), np.kron([[0, 1], [-1, 0]], np.eye(2))
        gap = np.linalg.norm(D.swapaxes(-1, -2) @ J @ D - J, axis=(-2, -1))
        assert (gap <= 1e-12 * np.linalg.norm(D, axis=(-2, -1)) ** 2).all()
        assert checks.symplectic(F, x).require() and checks.volume(net, F.z(x)).require()
        assert F.keeps == {"symplectic", "volume"} and net.keeps == {"volume"}
        assert np.linalg.norm(F(x) - x) > 0.1
        np.testing.assert_allclose(F.inverse(F(x)), x, rtol=1e-11, atol=1e-11)
        np.testing.assert_array_equal(net(F.z(x))[:, -1], t)  # it carries t along


def test_what_a_flow_map_at_one_time_keeps_is_what_all_its_layers_keep(rng):
    layer = sympflow(rng, 1)
    first, other = dnn.Selection([0, 1], 3), dnn.Selection([1, 0], 3)
    both = {"symplectic", "volume"}
    for F, keeps in (
        (layer, both),
        (dnn.Network(dnn.Network(layer), layer, first), both),
        (dnn.Network(layer, other), set()),  # (p, q) is not symplectic
        (first, set()),
        (dnn.TrialFlow(deep(rng)), set()),
        (dnn.Network(dnn.Affine(3, 3, rng=rng), layer), set()),
    ):
        assert dnn.FlowAt(F, 0.5).keeps == keeps


def test_a_flow_map_onto_x_alone_has_the_inverse_of_its_layers(rng):
    layer, x, first = sympflow(rng, 1), points(rng, (4,), 2), dnn.Selection([0, 1], 3)
    np.testing.assert_array_equal(dnn.FlowAt(first, 0.5).inverse(x), x)
    F = dnn.FlowAt(dnn.Network(layer, dnn.Network(layer, first)), 0.5)
    np.testing.assert_allclose(F.inverse(F(x)), x, rtol=1e-12, atol=1e-12)
    with pytest.raises(NotImplementedError, match="Selection has no explicit inverse"):
        dnn.FlowAt(dnn.Network(layer, dnn.Selection([1, 0], 3)), 0.5).inverse(x)
    with pytest.raises(NotImplementedError, match="Affine.* does not carry t along"):
        dnn.FlowAt(dnn.Affine(3, 3, rng=rng), 0.5).inverse(x)


def test_a_rollout_of_a_flow_map_composes_it(rng):
    net, x = sympflows(rng), points(rng, (4,), 2)
    F = dnn.FlowAt(net, 0.5)
    once = net(np.hstack([x, np.full((4, 1), 0.5)]))
    np.testing.assert_array_equal(F(x), once)
    np.testing.assert_array_equal(dnn.Rollout(F, 2)(x)[:, 1], F(once))
    assert F.theta.size == net.theta.size


# ---- errors


def relu(d_out, d_in):
    return dnn.ResidualField(dnn.Dense(5, d_in), dnn.ReLU(), dnn.Dense(d_out, 5))


def symplectic_by_networks():
    rng = np.random.default_rng(0)
    V = [dnn.Network(shear(rng, 4, 2), shear(rng, 1, 4)) for _ in "VK"]
    net = dnn.Network(dnn.SympFlowLayer(*V), dnn.Selection([0, 1], 3))
    return dnn.Residual(net, systems.pendulum())


PENDULUM = systems.pendulum()
GRADIENT = dnn.GradientField.random(2, width=3, rng=0)


@pytest.mark.parametrize(
    "make, kind, words",
    [
        (lambda: dnn.Residual(np.sin, PENDULUM), TypeError, "Residual needs a Map F"),
        (lambda: dnn.Residual(Turn(), np.sin), TypeError, "Residual needs a Field X"),
        (lambda: dnn.Residual(dnn.Dense(3, 3), PENDULUM), ValueError, "the last input the time"),
        (lambda: dnn.Residual(dnn.Rollout(dnn.Dense(2, 2), 2), PENDULUM), ValueError, "the last input the time"),
        (lambda: dnn.Residual(relu(2, 3), PENDULUM), TypeError, r"ReLU\(\) is not analytic"),
        (lambda: dnn.Residual(dnn.Network(dnn.Dense(2, 3), dnn.MaxMin(2)), PENDULUM), TypeError, r"MaxMin\(2 → 2\) is not analytic: ∂F"),
        (lambda: dnn.Residual(Turn(), dnn.KnownField(np.sin, 2)).vjp(np.ones(3)), NotImplementedError, "without a Jacobian"),
        (lambda: dnn.Residual(Turn(), PENDULUM)(np.ones(3) + 1j), TypeError, "real states"),
        (lambda: dnn.hessian_times(dnn.Residual(dnn.Dense(2, 3), PENDULUM), MSE, np.ones((4, 3)), np.ones((4, 2)), np.ones(6)), TypeError, "real states"),
        (lambda: symplectic_by_networks().vjp(np.ones(3))[1](np.ones(2)), TypeError, "real states"),
        (lambda: dnn.TrialFlow(np.sin), TypeError, "TrialFlow needs a Map N"),
        (lambda: dnn.TrialFlow(dnn.Dense(2, 2)), ValueError, "N: ℝᵈ⁺¹ → ℝᵈ.*got Dense"),
        (lambda: dnn.TrialFlow(dnn.Rollout(dnn.Dense(2, 2), 2)), ValueError, "got Rollout"),
        (lambda: dnn.SympFlowLayer(GRADIENT, np.sin), TypeError, "K of SympFlowLayer must be a scalar Map"),
        (lambda: dnn.SympFlowLayer(dnn.Dense(2, 2), GRADIENT), ValueError, "V of SympFlowLayer must have one number per state"),
        (lambda: dnn.SympFlowLayer(GRADIENT, dnn.GradientField.random(3, 2, rng=0)), ValueError, "on one ℝⁿ⁺¹"),
        (lambda: dnn.SympFlowLayer(dnn.Dense(1, 1), dnn.Dense(1, 1)), ValueError, "on one ℝⁿ⁺¹"),
        (lambda: dnn.SympFlowLayer(relu(1, 2), GRADIENT), TypeError, r"ReLU\(\) is not analytic"),
        (lambda: dnn.SympFlowLayer(GRADIENT, relu(1, 2)), TypeError, r"ReLU\(\) is not analytic: ∇K has no derivative"),
        (lambda: dnn.SympFlowLayer.random(3, 4), ValueError, "dim must be even"),
        (lambda: dnn.SympFlowLayer.random(2, 4, alpha=None), ValueError, "alpha must be a finite number"),
        (lambda: dnn.FlowAt(np.sin, 1.0), TypeError, "FlowAt needs a Map F"),
        (lambda: dnn.FlowAt(dnn.Dense(1, 3), 1.0), ValueError, "F: ℝᵈ⁺¹ → ℝᵈ.*got Dense"),
        (lambda: dnn.FlowAt(dnn.Dense(1, 1), 1.0), ValueError, "F: ℝᵈ⁺¹ → ℝᵈ"),
        (lambda: dnn.FlowAt(Turn(), np.inf), ValueError, "t must be a finite number"),
        (lambda: dnn.FlowAt(Turn(), 1.0).inverse(np.ones(2)), NotImplementedError, "Turn has no explicit inverse"),
    ],
)  # fmt: skip
def test_an_error_says_what_is_needed(make, kind, words):
    with pytest.raises(kind, match=words):
        make()
