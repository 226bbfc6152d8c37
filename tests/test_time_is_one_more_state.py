"""Time is one more state: stage times, orders and reference values; what holds for x alone; a time for each sample."""

import numpy as np
import pytest
from zoo import LOPSIDED, in_time, points, randomise, residual, with_clocks

import dynsys_nn as dnn
from dynsys_nn import checks, systems

#: by an 8th order method at tolerances 1e-13, outside of this package
DRIVEN = np.array([0.3481358340301309, 2.2235205583605544])
#: of the monodromy matrix of Mathieu's equation
TRACE = 2.0027709702616794


def observed(errors):
    """Orders, from errors with half the step each time."""
    return np.log2(np.divide(errors[:-1], errors[1:]))


def gradient_in_time(rng, n, sign=-1, sigma=None):
    """∓∇V(x, t) for x in ℝⁿ, signed weights α."""
    G = dnn.GradientField(
        dnn.Dense(6, n + 1, rng=rng), sigma or dnn.Tanh(), sign=sign, alpha=rng.normal(size=6)
    )
    return dnn.TimeDependent(dnn.Network(randomise(G, rng), dnn.Selection(range(n), n + 1)))


# ---- stage times


def test_rk4_integrates_a_cubic_in_time_exactly_and_a_quadrature_rule_is_the_methods():
    X = dnn.TimeDependent(lambda t, x: 4 * t[..., None] ** 3 + 0 * x, 1)
    h = np.array([0.1, 0.7, -2.0])
    for step in h:
        y = dnn.RK4().step(X, np.zeros((1, 2)), step)
        np.testing.assert_allclose(y, [[step**4, step]], rtol=1e-15)
    c = [sum(row) for row in LOPSIDED.A]  # Ψ^h = Σ b_i N(t₀ + c_i h), where N does not depend on x
    quadrature = 0.3 * sum(
        b * 4 * (0.5 + 0.3 * c_i) ** 3 for b, c_i in zip(LOPSIDED.b, c, strict=True)
    )
    assert LOPSIDED.step(X, np.array([0.0, 0.5]), 0.3)[0] == pytest.approx(quadrature, rel=1e-15)


def test_the_driven_pendulum_is_where_it_should_be_and_rk4_has_order_four():
    X = systems.driven_pendulum()
    np.testing.assert_allclose(dnn.exact_flow(X, X.x0, 20.0), [*DRIVEN, 20.0], atol=1e-9)
    errors = [
        np.abs(dnn.Flow(X, 20 / n, dnn.RK4(), steps=n)(X.x0)[:2] - DRIVEN).max() for n in (400, 800)
    ]
    assert observed(errors) == pytest.approx(4, abs=0.15) and errors[-1] < 2e-6


@pytest.mark.parametrize(
    "method, order", [(dnn.StormerVerlet(), 2), (dnn.Yoshida(dnn.StormerVerlet()), 4)], ids=repr
)
def test_symplectic_methods_find_the_monodromy_matrix_of_mathieu(method, order):
    X, T, errors = systems.mathieu(), 2 * np.pi, []
    for n in (50, 100):
        F = dnn.StartedAt(dnn.Flow(X, T / n, method, steps=n))
        M = F.jacobian(np.zeros(2))
        assert abs(np.linalg.det(M) - 1) < 1e-14 * n and F.keeps == {"volume", "symplectic"}
        errors.append(abs(np.trace(M) - TRACE))
    assert observed(errors) == pytest.approx(order, abs=0.1) and errors[-1] < 2e-4


def test_the_exact_flow_finds_the_monodromy_matrix_of_mathieu():
    z = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0]])  # (q, t, p, t)
    M = dnn.exact_flow(systems.mathieu(), z, 2 * np.pi)[:, ::2]
    assert np.trace(M) == pytest.approx(TRACE, abs=1e-12)


def test_a_kick_is_taken_at_the_time_of_q_and_a_drift_at_that_of_p(rng):
    X, h, t = with_clocks(rng), 0.3, 0.7
    f, g = (lambda x, t, N=F.N: N(np.stack([x, t])[:, 0] if x.ndim else [x, t]) for F in (X.f, X.g))
    q, p = np.array(0.4), np.array(-0.2)
    half = p + h / 2 * g(q, t)[0]
    q1 = q + h * f(half, t + h / 2)[0]
    p1 = half + h / 2 * g(q1, t + h)[0]
    y = dnn.StormerVerlet().step(X, np.array([q, t, p, t]), h)
    np.testing.assert_allclose(y, [q1, t + h, p1, t + h], rtol=1e-15)
    z = np.array([[0.4, 0.7, -0.2, 0.7], [-1.0, 0.0, 0.5, 0.0]])
    for method in (dnn.StormerVerlet(), dnn.Yoshida(dnn.StormerVerlet())):
        checks.order(method, X, z, finest=64).require()


# ---- what holds for x


def test_a_field_at_a_time_is_its_value_there(rng):
    known = systems.driven_pendulum()
    network = dnn.TimeDependent(
        dnn.Network(dnn.Affine(5, 3, rng=rng), residual(rng, 5), dnn.Affine(2, 5, rng=rng))
    )
    kinds = {
        "ResidualField": in_time(rng, 2), "GradientField": gradient_in_time(rng, 2, sign=1), "AtTime": known, "network": network
    }  # fmt: skip
    for kind, X in kinds.items():
        x, t = points(rng, (5,), 2), 1.3
        Y, z = X.at(t), np.concatenate([x, np.full((5, 1), t)], axis=-1)
        assert type(Y).__name__ == kind or kind == "network"
        np.testing.assert_allclose(Y(x), X(z)[:, :2], rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(Y.jacobian(x), X.jacobian(z)[:, :2, :2], rtol=1e-13, atol=1e-15)
        if X.theta.size:
            checks.adjoint(Y, x).require()
    for X in (in_time(rng, 2), gradient_in_time(rng, 2)):  # a copy, without the column a
        theta, Y = X.theta.copy(), X.at(2.0)
        assert Y.theta.size == theta.size - len(Y.b)
        Y.theta[:] = 0
        np.testing.assert_array_equal(X.theta, theta)
    swap, single = dnn.Selection([1, 0], 3), dnn.TimeDependent.random(2, 3, dtype=np.float32)
    assert single.at(t).theta.dtype == (np.ones(2, np.float32) @ swap).dtype == np.float32
    swapped = dnn.TimeDependent(dnn.Network(X.N[0], swap))  # no gradient
    np.testing.assert_array_equal(swapped.at(t)(x), swapped(z)[:, :2])
    assert not swapped.at(t).is_gradient


def test_a_gradient_field_that_changes_with_time_contracts_and_the_certificate_knows(rng):
    X = randomise(dnn.TimeDependent.random(3, width=6, gradient=True, rng=rng), rng)
    X.N[0].A.W[:, -1] *= 5  # it depends strongly on t
    for method in (dnn.Euler(), dnn.Heun(), dnn.RK4(), dnn.ImplicitMidpoint()):
        h = min(method.non_expansive_step(X.at(0)), 1.0)
        flow = dnn.Flow(X, 0.99 * h, method, steps=3)
        F = dnn.StartedAt(flow, t0=-0.4)
        assert F.lipschitz() <= 1 + 1e-12, method
        x = rng.normal(size=(200, 3))
        assert np.linalg.svd(F.jacobian(x))[1].max() <= F.lipschitz() + 1e-12, method
        z = np.concatenate([x, rng.normal(size=(200, 1))], axis=-1)
        assert np.linalg.svd(flow.jacobian(z))[1].max() > 1.1  # but not in (x, t)
    too_long = dnn.StartedAt(dnn.Flow(X, 3 * dnn.Euler().non_expansive_step(X.at(0))))
    assert too_long.lipschitz() > 1.5


def test_constants_at_a_time_hold_and_the_bound_of_a_step_is_sharp_where_it_can_be(rng):
    X = in_time(rng, 3)
    Y = X.at(0.0)
    z, x = rng.normal(size=(2, 300, 4)), rng.normal(size=(300, 3))
    z[1, :, -1] = z[0, :, -1]  # two states at the same time
    gap, dX = z[0, :, :3] - z[1, :, :3], (X(z[0]) - X(z[1]))[:, :3]
    assert (np.linalg.norm(dX, axis=-1) <= Y.lipschitz() * np.linalg.norm(gap, axis=-1)).all()
    assert ((dX * gap).sum(-1) <= Y.one_sided_lipschitz() * (gap * gap).sum(-1)).all()
    assert Y.lipschitz() < X.lipschitz()
    X.N.b[1] = np.nan
    with pytest.raises(ValueError, match="N.b of the StartedAt must be finite"):
        dnn.StartedAt(dnn.Flow(X, 0.1)).lipschitz()
    A = dnn.Dense(2, 3, W=[[1.0, 0, 7], [0, 1, 7]])
    rotation = dnn.ResidualField(A, dnn.Identity(), dnn.Dense(2, 2, W=[[0, 1.0], [-1, 0]]))
    F = dnn.StartedAt(dnn.Flow(dnn.TimeDependent(rotation), 0.5, steps=2))
    assert F.lipschitz() == pytest.approx(1.25, rel=1e-14)
    assert np.linalg.svd(F.jacobian(x[:, :2]))[1].max() == pytest.approx(1.25, rel=1e-14)


def test_shears_that_change_with_time_are_symplectic_in_q_and_p_if_they_are_gradients(rng):
    gradients = dnn.PartitionedField(gradient_in_time(rng, 2, 1), gradient_in_time(rng, 2))
    plain = dnn.PartitionedField(in_time(rng, 2), in_time(rng, 2))
    x = rng.normal(size=(5, 4))
    mixed = dnn.PartitionedField(gradients.f, plain.g)
    for X, kept in (
        (gradients, {"volume", "symplectic"}), (plain, {"volume"}), (mixed, {"volume"})
    ):  # fmt: skip
        F = dnn.StartedAt(dnn.Flow(X, 0.4, dnn.StormerVerlet(), steps=2), t0=0.3)
        assert F.keeps == dnn.Network(F, F).keeps == kept
        assert checks.volume(F, x).passed
        assert checks.symplectic(F, x).passed == ("symplectic" in kept)
        assert checks.adjoint(F, x).passed and checks.tangent(F, x).passed
        np.testing.assert_allclose(F.inverse(F(x)), x, atol=1e-13)
    for method in (dnn.RK4(), dnn.Projected(dnn.RK4(), dnn.SquaredNorm())):  # ‖(q, t, p, t)‖
        assert dnn.StartedAt(dnn.Flow(gradients, 0.4, method)).keeps == set()


def wave(t, u):
    """∇(½‖u‖² + cos(t) cos(u₁ − u₂)) in u."""
    force = np.cos(t) * np.sin(u[..., 0] - u[..., 1])
    return u + force[..., None] * [-1, 1]


def test_given_shears_that_are_said_to_be_gradients_are_symplectic(rng):
    x, kept = rng.normal(size=(5, 4)), []
    for gradient in (True, False):
        f, g = (dnn.TimeDependent(wave, 2, "complex step", gradient) for _ in range(2))
        again = dnn.TimeDependent(**f.arguments()).at(1.0)
        assert again.is_gradient == f.at(1.0).is_gradient == gradient and not f.is_gradient
        F = dnn.StartedAt(dnn.Flow(dnn.PartitionedField(f, g), 0.4, dnn.StormerVerlet()), t0=0.3)
        assert checks.symplectic(F, x).passed
        kept.append(F.keeps)
    assert kept == [{"volume", "symplectic"}, {"volume"}]


def test_a_lift_and_a_permutation_put_components_anywhere(rng):
    x = rng.normal(size=(5, 2))
    into = dnn.Network(dnn.Lift(4, 2), dnn.Selection([0, 2, 3, 1], 4))
    np.testing.assert_array_equal(into(x), np.insert(x, [1, 1], 0, axis=-1))
    assert into.keeps == {"mass", "norm"} and dnn.Selection([0, 2], 3).keeps == set()


def test_started_at_is_the_flow_between_a_lift_and_a_selection_and_times_add_up(rng):
    X, x = in_time(rng, 3), points(rng, (2, 5), 3)
    flow = dnn.Flow(X, 0.1, dnn.Ralston(), steps=4, learn_h=True)
    net = dnn.Network(dnn.Lift(4, 3), flow, dnn.Selection(range(3), 4))
    F = dnn.StartedAt(flow)
    (y, pullback_F), (y_net, pullback_net), w = F.vjp(x), net.vjp(x), rng.normal(size=x.shape)
    for a, b in zip((y, *pullback_F(w)), (y_net, *pullback_net(w)), strict=True):
        np.testing.assert_array_equal(a, b)
    checks.adjoint(dnn.StartedAt(flow, t0=0.4), x).require()  # h moves the end of time, too
    later = dnn.Network(F, dnn.StartedAt(flow, t0=0.4))(x)
    np.testing.assert_allclose(
        later, dnn.StartedAt(dnn.Flow(X, 0.1, dnn.Ralston(), 8))(x), rtol=1e-13
    )
    path = dnn.Network(dnn.Lift(4, 3), dnn.Rollout(flow, 3), dnn.Selection(range(3), 4))
    np.testing.assert_array_equal(path(x)[..., 0, :], y)
    checks.adjoint(path, x).require()


@pytest.mark.parametrize("system", [systems.driven_pendulum(), systems.mathieu()], ids=repr)
def test_jacobians_of_driven_systems_by_complex_steps(system, rng):
    x = rng.normal(size=(5, system.dim))
    columns = [system(x + 1e-100j * e).imag / 1e-100 for e in np.eye(system.dim)]
    np.testing.assert_allclose(
        system.jacobian(x), np.stack(columns, axis=-1), rtol=1e-14, atol=1e-16
    )
    if isinstance(system, dnn.TimeDependent):
        by_steps = dnn.TimeDependent(system.N.fun, 2, "complex step")
        np.testing.assert_allclose(by_steps.jacobian(x), system.jacobian(x), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("make", [in_time, with_clocks], ids=lambda f: f.__name__)
def test_derivatives_by_complex_steps(make, rng):
    X = make(rng)
    method = LOPSIDED if make is in_time else dnn.Yoshida(dnn.StormerVerlet())
    flow = dnn.Flow(X, 0.2, method, steps=2)
    for F in (
        X,
        flow,
        dnn.StartedAt(flow, 0.4),
        dnn.OwnTime(X),
        dnn.Flow(dnn.OwnTime(X), 0.5, LOPSIDED),
    ):
        x, v = rng.normal(size=(2, 5, F.dim_in))
        np.testing.assert_allclose(
            F(x + 1e-100j * v).imag / 1e-100, F.jvp(x, v)[1], rtol=1e-13, atol=1e-14
        )


@pytest.mark.parametrize("t0", [0.0, 4000.0])
def test_rounding_of_a_flow_with_time_is_within_its_running_error(t0, rng):
    """In float32, against the same weights in float64. Where t is large, at + b is rounded more."""
    F, exact = (
        dnn.StartedAt(dnn.Flow(X, 0.1, dnn.RK4(), steps=30), t0)
        for X in (
            dnn.TimeDependent.random(3, 5, gradient=True, bias=1.0, rng=rng, dtype=dtype)
            for dtype in (np.float32, float)
        )
    )
    exact.theta = F.theta
    x = rng.normal(size=(50, 3)).astype(np.float32)
    y, error, _ = dnn.rounding.running_error([F], x)
    gap = np.linalg.norm(y - exact(x.astype(float)), axis=-1)
    assert (gap <= error).all() and error.max() < (1 + t0) * 1e3 * gap.max()
    assert error.min() > 3.0 * 6e-8 * t0  # what the rounding of at may do up to t₀ + 3


# ---- a time for each sample


def test_each_sample_goes_to_its_own_time(rng):
    X, T = systems.pendulum(), np.array([0.0, 0.3, -0.7, 1.1, 2.0])
    x = rng.normal(size=(5, 2))
    exact = np.stack(
        [dnn.exact_flow(X, x_k, T_k) if T_k else x_k for x_k, T_k in zip(x, T, strict=True)]
    )
    F = dnn.Flow(dnn.OwnTime(X), 1 / 40, dnn.RK4(), steps=40)
    y, pullback = F.vjp(np.concatenate([x, T[:, None]], axis=-1))
    np.testing.assert_allclose(y[:, :2], exact, atol=2e-6)
    np.testing.assert_array_equal(y[:, 2], T)
    w = np.concatenate([rng.normal(size=(5, 2)), np.zeros((5, 1))], axis=-1)
    slope = (w[:, :2] * X(exact)).sum(axis=-1)  # dy/dT = X(y)
    np.testing.assert_allclose(pullback(w)[0][:, 2], slope, atol=2e-5)


def test_own_times_of_both_halves_keep_the_shears(rng):
    X, x, T = systems.pendulum(), rng.normal(size=(5, 2)), rng.uniform(-1, 1, size=(5, 1))
    halves = dnn.PartitionedField(dnn.OwnTime(X.f), dnn.OwnTime(X.g))
    F = dnn.Flow(halves, 1 / 8, dnn.StormerVerlet(), steps=8)
    y = F(np.concatenate([x[:, :1], T, x[:, 1:], T], axis=-1))
    for k in range(5):
        alone = dnn.Flow(X, T[k, 0] / 8, dnn.StormerVerlet(), steps=8)(x[k])
        np.testing.assert_allclose(y[k, ::2], alone, rtol=1e-13, atol=1e-14)
    assert F.keeps == {"volume"}
    drift = dnn.OwnTime(dnn.PartitionedField(X.f, dnn.Zero(1, 1)))
    assert dnn.Euler().order_on(drift) == np.inf
    y = dnn.Euler().step(drift, np.array([0.2, 3.0, 0.5]), 1.0)
    np.testing.assert_allclose(y, [0.2 + 0.5 * 3.0, 3.0, 0.5], rtol=1e-15)


@pytest.mark.parametrize("name", ["rigid_body", "lotka_volterra", "sir", "pendulum"])
def test_own_times_keep_what_the_field_keeps(name, rng):
    X = getattr(systems, name)()
    Z, d = dnn.OwnTime(X), X.dim
    assert Z.keeps == X.keeps - {"symplectic"} and list(Z.invariants) == list(X.invariants)
    for key in {"mass", "norm"} & {*X.invariants}:  # of (x, T), for networks with other layers
        assert Z.invariants[key] == X.invariants[key]
    z = np.concatenate([rng.uniform(0.2, 1, (5, d)), rng.uniform(-2, 2, (5, 1))], axis=-1)
    flow = dnn.Flow(Z, 0.05, dnn.ImplicitMidpoint(), steps=3)
    for key, I in Z.invariants.items():
        assert checks.gradient(I, z).passed and np.abs((I.gradient(z) * Z(z)).sum(-1)).max() < 1e-14
        drift = np.abs(I(flow(z)) - I(z)).max()
        assert (drift < 1e-13) == (key in flow.invariants)
    assert set(flow.invariants) == set(dnn.Flow(X, 0.05, dnn.ImplicitMidpoint()).invariants)


def test_irregular_times_of_a_field_that_depends_on_time(rng):
    """States (x, t, T): from t to t + T, two ways."""
    X, z = in_time(rng, 2), np.array([[0.3, -0.5, 0.2, 0.7], [1.0, 0.4, -1.0, 0.1]])
    y = dnn.Flow(dnn.OwnTime(X), 1 / 5, dnn.RK4(), steps=5)(z)
    for z_k, y_k in zip(z, y, strict=True):
        alone = dnn.StartedAt(dnn.Flow(X, z_k[3] / 5, dnn.RK4(), steps=5), t0=z_k[2])(z_k[:2])
        np.testing.assert_allclose(y_k, [*alone, z_k[2] + z_k[3], z_k[3]], rtol=1e-13)


# ---- Neural ODEs


def test_the_gradient_through_the_steps_is_that_of_the_continuous_adjoint(rng):
    X, z = in_time(rng, 2), points(rng, (4,), 3)
    w = rng.normal(size=z.shape)
    steps, adjoint = (
        [*pullback(w), y]
        for y, pullback in (
            dnn.Flow(X, 0.05, dnn.RK4(), steps=20).vjp(z), dnn.continuous_adjoint(X, z, 1.0, 1e-9, 1e-12)
        )
    )  # fmt: skip
    for a, b in zip(steps, adjoint, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_a_network_with_time_comes_back_from_a_file(rng, tmp_path):
    flows = [
        dnn.Flow(X, 0.1, method, steps=2)
        for X, method in (
            (in_time(rng, 2), dnn.RK4()), (gradient_in_time(rng, 2), dnn.Heun()), (with_clocks(rng), dnn.StormerVerlet())
        )
    ]  # fmt: skip
    own = dnn.Flow(dnn.OwnTime(residual(rng, 2)), 0.5)
    net = dnn.Network(
        *[dnn.StartedAt(F, 0.3) for F in flows], dnn.Lift(3, 2), own, dnn.Selection([1, -1], 3)
    )
    net.save(tmp_path / "net.npz")
    again, x = dnn.Network.load(tmp_path / "net.npz"), points(rng, (5,), 2)
    np.testing.assert_array_equal(again(x), net(x))
    assert again[0].t0 == 0.3 and again[-1].indices == (1, 2)


# ---- what cannot be done


@pytest.mark.parametrize(
    "make, kind, words",
    [
        (lambda: dnn.KnownField(lambda t, x: x, 2), TypeError, r"of the state x alone.*TimeDependent\(fun, dim\)"),
        (lambda: dnn.exact_flow(lambda t, x: x, np.ones(2), 1.0), TypeError, r"TimeDependent\(fun, dim\)"),
        (lambda: dnn.TimeDependent(lambda x: x, 2), TypeError, "fun of TimeDependent must be a function of t and x, in this order"),
        (lambda: dnn.TimeDependent(lambda x, t: x, 2), TypeError, "t and x, in this order, got one of x and t"),
        (lambda: dnn.TimeDependent(lambda t, x: x, 2, lambda z: z), TypeError, "jacobian of TimeDependent must be a function of t and x"),
        (lambda: dnn.TimeDependent(lambda t, x: x), TypeError, "a function of t and x and dim"),
        (lambda: dnn.TimeDependent(dnn.Dense(2, 3), 2, gradient=True), TypeError, "got dim = 2, gradient = True"),
        (lambda: dnn.TimeDependent(dnn.Dense(2, 2)), ValueError, "ℝᵈ⁺¹ → ℝᵈ.*got Dense"),
        (lambda: dnn.TimeDependent(lambda t, x: x, 2).jacobian(np.ones(3)), NotImplementedError, "give jacobian="),
        (lambda: dnn.TimeDependent(lambda t, x: x * t, 2)(np.ones((4, 3))), dnn.arguments.WrongResult, "written for one state"),
        (lambda: dnn.OwnTime(dnn.Dense(2, 3)), ValueError, "ℝᵈ → ℝᵈ, got Dense"),
        (lambda: dnn.OwnTime(lambda x: x), TypeError, "OwnTime needs a vector field"),
        (lambda: dnn.OwnTime(systems.pendulum()).lipschitz(), NotImplementedError, "OwnTime"),
        (lambda: dnn.StartedAt(dnn.Flow(systems.pendulum(), 0.1)), ValueError, "a field with time.*or a PartitionedField of two such"),
        (lambda: dnn.StartedAt(dnn.Flow(dnn.PartitionedField(systems.mathieu().f, dnn.Dense(2, 2)), 0.1)), ValueError, "of two such"),
        (lambda: dnn.StartedAt(systems.driven_pendulum()), TypeError, "StartedAt needs a Flow"),
        (lambda: dnn.StartedAt(dnn.Flow(systems.mathieu(), 0.1), np.inf), ValueError, "t0 must be a finite number"),
        (lambda: dnn.Selection([0, -3], 3), ValueError, r"different indices below 3, got \[0, -3\]"),
        (lambda: dnn.Selection([3], 3), ValueError, "different indices below 3"),
        (lambda: dnn.Selection([], 3), ValueError, "different indices"),
        (lambda: dnn.Selection(1, 3), TypeError, "a list of integers, got 1"),
        (lambda: systems.mathieu(epsilon=np.nan), ValueError, "epsilon must be a finite number"),
    ],
)  # fmt: skip
def test_an_error_says_what_is_needed(make, kind, words):
    with pytest.raises(kind, match=words):
        make()
