"""A trajectory is what the steps of its method make of x0; and where it meets a surface is found to the method's order."""

import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ellipk
from zoo import PARTITIONED, SHAPES, hamiltonian, points, residual, switched

import dynsys_nn as dnn
from dynsys_nn import systems

PENDULUM = systems.pendulum()
FIRST = lambda x: x[..., 0]  # noqa: E731
UNEVEN = np.array([0.3, 0.35, 0.5, 0.9, 1.0])


def stack(*columns):
    return np.stack(columns, axis=-1)


def slope(errors):
    """How often errors are halved where the steps are."""
    return np.log2(errors[:-1] / errors[1:])


# ---- trajectories


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("t", [UNEVEN, UNEVEN[::-1], [2, 3, 5], UNEVEN[:1]], ids=len)
def test_a_trajectory_is_the_steps_of_its_method_with_x0_in_front(shape, t, rng):
    X, x0, method = residual(rng), points(rng, shape), dnn.Ralston()
    states = dnn.trajectory(X, x0, t, method)
    assert states.shape == (*shape, len(t), 4)
    np.testing.assert_array_equal(states[..., 0, :], x0)
    for k, h in enumerate(np.diff(t)):
        x = method.step(X, states[..., k, :], h)
        np.testing.assert_array_equal(states[..., k + 1, :], x)


def test_it_is_a_rollout_of_a_flow_to_the_bit_and_many_methods_step_one_learned_field(rng):
    X, x0, t = hamiltonian(rng), points(rng, (5,)), np.arange(9) / 8
    net = dnn.Network(dnn.Flow(X, 0.1, dnn.StormerVerlet()))
    theta = net.theta
    for method in (dnn.Euler(), dnn.RK4(), dnn.ImplicitMidpoint(), *PARTITIONED):
        states = dnn.trajectory(X, x0, t, method)
        rollout = dnn.Rollout(dnn.Flow(X, 1 / 8, method), 8)
        np.testing.assert_array_equal(states[:, 1:], rollout(x0))
    assert net.theta is theta


def test_at_uneven_times_it_has_the_order_of_its_method():
    x0, methods, errors = (
        np.array([1.0, 0.5]),
        [dnn.RK4(), dnn.Yoshida(), dnn.ImplicitMidpoint()],
        [],
    )
    for n in (16, 32):
        s = np.arange(n + 1) / n
        t = 0.5 - (s + s**2) / 2  # backward, and ever faster
        exact = dnn.exact_flow(PENDULUM, x0, t[1:] - t[0])
        states = [dnn.trajectory(PENDULUM, x0, t, method)[1:] for method in methods]
        errors.append([np.abs(found - exact).max() for found in states])
    np.testing.assert_allclose(slope(np.array(errors))[0], [4, 4, 2], atol=0.1)


def test_a_symmetric_method_finds_its_way_back():
    x0, t = np.array([1.0, 0.5]), np.cumsum(UNEVEN)
    there = dnn.trajectory(PENDULUM, x0, t, dnn.StormerVerlet())
    back = dnn.trajectory(PENDULUM, there[-1], t[::-1], dnn.StormerVerlet())
    np.testing.assert_allclose(back, there[::-1], atol=1e-14)


def test_states_keep_the_dtype_of_the_field_and_complex_ones_carry_the_tangent(rng):
    X = dnn.GradientField(dnn.Dense(3, 4, rng=rng, dtype="f4"), dnn.Tanh())
    assert dnn.trajectory(X, points(rng, (2,)), UNEVEN).dtype == np.float32
    never = dnn.poincare_section(X, points(rng, ()), UNEVEN, lambda x: 0 * x[..., 0] + 1)[1]
    assert never.dtype == np.float32 and never.shape == (0, 4)
    X, x, v = residual(rng), points(rng, ()), points(rng, ())
    states = dnn.trajectory(X, x + 1e-100j * v, np.arange(4) / 8, dnn.RK4())
    _, dy = dnn.Rollout(dnn.Flow(X, 1 / 8, dnn.RK4()), 3).jvp(x, v)
    np.testing.assert_allclose(states[1:].imag / 1e-100, dy, rtol=1e-13)


def test_a_state_that_is_lost_is_reported_with_its_time_and_takes_nobody_with_it():
    X, t = dnn.KnownField(lambda x: x**3, 1, lambda x: 3 * x[..., None] ** 2), np.arange(0, 20, 0.5)
    x0 = np.array([[1.0], [-0.1], [0.1]])
    with pytest.warns(RuntimeWarning, match=r"trajectory: at t = (\S+) a state") as said:
        states = dnn.trajectory(X, x0, t, dnn.Euler())
    finite = np.isfinite(states).all(axis=-1)
    assert not finite[0].all() and finite[1:].all()
    first = t[np.argmin(finite[0])]
    assert f"at t = {first:g} a" in str(said[0].message) and said[0].filename == __file__
    np.testing.assert_array_equal(states[1:], dnn.trajectory(X, x0[1:], t, dnn.Euler()))
    with pytest.warns(RuntimeWarning, match=f"poincare_section: at t = {first:g} a state"):
        dnn.poincare_section(X, x0, t, FIRST, dnn.Euler())
    square = dnn.KnownField(lambda x: x**2, 1, lambda x: 2 * x[..., None])
    with pytest.raises(dnn.NotConverged, match=r"at t = 0.4: ImplicitMidpoint\(\): .* h = 0.4"):
        dnn.trajectory(square, [1.0], [0.0, 0.4, 0.8], dnn.ImplicitMidpoint())


# ---- switching


def oscillator(c):
    """q̈ = c − q."""
    J = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return dnn.KnownField(
        lambda x: stack(x[..., 1], c - x[..., 0]), 2, lambda x: J + 0 * x[..., None]
    )


#: q̈ = −q − sign q
JUMP = dnn.SwitchedField(oscillator(1), oscillator(-1), dnn.Affine(1, 2, W=[[1, 0]]))


def test_order_four_is_kept_across_a_line_and_lost_without():
    """From (−1, 0) the line is reached at t = π/3, and the solution there turns around −1 with radius 2."""
    x0, s = np.array([-1.0, 0.0]), 2 - 2 * np.pi / 3
    exact, steps = np.array([2 * np.cos(s) - 1, -2 * np.sin(s)]), np.array([40, 80, 160])
    kept, lost = (
        np.array([np.abs(dnn.Flow(JUMP, 2 / n, m, steps=n)(x0) - exact).max() for n in steps])
        for m in (dnn.Switching(dnn.RK4()), dnn.RK4())
    )
    np.testing.assert_allclose(slope(kept), dnn.Switching(dnn.RK4()).order, atol=0.05)
    assert (lost * steps > 0.05).all() and (lost > 1e4 * kept).all()  # order one
    states = dnn.trajectory(JUMP, x0, np.linspace(0, 2, 161), dnn.Switching(dnn.RK4()))
    assert np.abs(states[-1] - exact).max() == pytest.approx(kept[-1], rel=1e-3)


def test_order_four_is_kept_across_a_curve_by_every_state_of_a_batch_in_its_own_time():
    """A circle: a pendulum that is driven outwards, and another field outside; against solve_ivp, stopped on the circle."""
    inside = dnn.KnownField(
        lambda x: stack(x[..., 0] + x[..., 1], x[..., 1] - np.sin(x[..., 0])), 2
    )
    outside = dnn.KnownField(
        lambda x: stack(x[..., 0] + np.sin(x[..., 1]), 2 * x[..., 1] - x[..., 0]), 2
    )
    circle = dnn.Invariant(lambda x: (x * x).sum(axis=-1) - 1, lambda x: 2 * x, lambda x, v: 2 * v)
    X, T = dnn.SwitchedField(inside, outside, circle), 1.2
    x0 = np.array([[0.4, 0.1], [0.5, 0.3], [-0.3, 0.6], [0.1, 0.2]])
    hit = lambda t, x: x @ x - 1  # noqa: E731
    hit.terminal, options = True, dict(method="DOP853", rtol=2.3e-14, atol=1e-15)
    exact, crossed = [], []
    for x in x0:
        first = solve_ivp(inside.rhs, (0, T), x, events=hit, **options)
        rest = solve_ivp(outside.rhs, (first.t[-1], T), first.y[:, -1], **options)
        exact.append(rest.y[:, -1])
        crossed += [*first.t_events[0]]
    assert len(set(np.round(np.array(crossed) * 30).astype(int))) == 3  # in steps of their own
    method, errors = dnn.Switching(dnn.RK4()), []
    for n in (60, 120):
        y = dnn.Flow(X, T / n, method, steps=n)(x0)
        errors.append(np.linalg.norm(y - exact))
    assert slope(np.array(errors)) == pytest.approx(4, abs=0.05)
    alone = [dnn.Flow(X, T / 120, method, steps=120)(x) for x in x0]
    np.testing.assert_allclose(y, alone, rtol=1e-13)
    times, _ = dnn.poincare_section(X, x0, np.linspace(0, T, 121), circle, method)
    np.testing.assert_allclose(np.concatenate(times), crossed, atol=1e-8)


def test_a_step_that_crosses_several_times_goes_on_by_the_field_of_each_side():
    """A ball on a soft ground: q̈ = −1 above, 4 below; every leg is a parabola, which RK4 follows exactly."""

    def ball(a):
        J = np.array([[0.0, 1.0], [0.0, 0.0]])
        return dnn.KnownField(
            lambda x: stack(x[..., 1], a + 0 * x[..., 0]), 2, lambda x: J + 0 * x[..., None]
        )

    X = dnn.SwitchedField(ball(4.0), ball(-1.0), dnn.Affine(1, 2, W=[[1, 0]]))
    x, h, method = np.array([0.02, -1.0]), 0.7, dnn.Switching(dnn.RK4())
    v = np.sqrt(1.04)  # on the ground, by its energy
    r = h - (v - 1) - v / 2  # the time after it left the ground
    np.testing.assert_allclose(method.step(X, x, h), [v * r - r * r / 2, v - r], atol=1e-15)
    thrown = method.step(X, [0.0, 1.0], 2.2)  # from the ground, where it is again at 2
    np.testing.assert_allclose(thrown, [-0.2 + 2 * 0.2**2, -1 + 4 * 0.2], atol=1e-14)
    J = dnn.Flow(X, h, method).jacobian(x)
    columns = [method.step(X, x + 1e-100j * e, h).imag / 1e-100 for e in np.eye(2)]
    np.testing.assert_allclose(J.T, columns, atol=1e-13)
    y, pullback = method.vjp(X, x, h)
    dx, _, dh = pullback(np.array([0.3, 0.7]))
    np.testing.assert_allclose(dx, J.T @ [0.3, 0.7], atol=1e-13)
    assert dh == pytest.approx(np.dot([0.3, 0.7], X(y)), abs=1e-13)  # a parabola is the exact flow


def test_the_surface_has_its_gradient_by_the_time_at_which_it_is_reached():
    """ẋ = 1 below c = −b/W, 2 above: y = c + 2(h − c + x), so that ∂y = (2, −1, 2) in (x, c, h)."""
    slow, fast = (
        dnn.KnownField(lambda x, a=a: a + 0 * x, 1, lambda x: 0 * x[..., None]) for a in (1.0, 2.0)
    )
    X = dnn.SwitchedField(slow, fast, dnn.Affine(1, 1, W=[[2.0]], b=[-1.0]))
    x, h, method = np.array([0.2]), 0.75, dnn.Switching(dnn.RK4())
    y, pullback = method.vjp(X, x, h)
    dx, dtheta, dh = pullback(np.ones(1))
    np.testing.assert_allclose([*y, *dx, dh], [1.4, 2, 2], atol=1e-14)
    np.testing.assert_allclose(dtheta, [1 / 4, 1 / 2], atol=1e-14)  # −∂c = (1/4, 1/2) in (W, b)
    _, dy = method.jvp(X, x, h, np.zeros(1), np.array([1.0, 1.0]))
    np.testing.assert_allclose(dy, [3 / 4], atol=1e-14)
    np.testing.assert_allclose(X.vjp(x)[1](np.ones(1))[1], 0)  # X itself does not move
    np.testing.assert_array_equal(X([[0.49], [0.5]]), [[1], [2]])
    # backward; and a step that ends on the surface, and one from there
    np.testing.assert_allclose(method.step(X, np.array([1.0]), -1.0), [-0.25], atol=1e-14)
    states = dnn.trajectory(X, [[0.0], [0.25]], [0, 0.25, 0.5, 0.75], method)
    np.testing.assert_allclose(states[..., 0], [[0, 0.25, 0.5, 1], [0.25, 0.5, 1, 1.5]], atol=1e-14)


def test_no_leg_has_length_zero_where_a_step_starts_or_ends_on_the_surface_to_rounding(rng):
    method = dnn.Switching(dnn.RK4())
    for a, b, W, c, h in rng.uniform(0.1, 2, (6, 5)):
        fields = [dnn.KnownField(lambda x, a=a: a + 0 * x, 1) for a in (a, b)]
        X = dnn.SwitchedField(*fields, dnn.Affine(1, 1, W=[[W]], b=[-c]))
        near = c / W + np.arange(-3, 4)[:, None] * 2.0**-54
        for x, s in ((near - a * h, h), (near, h), (near, -h), (near + b * h, -h)):
            y, groups = method._legs(X, x, s)
            assert all(tau / s > 0 for _, legs in groups for _, tau in legs)
            assert sorted(np.concatenate([k for k, _ in groups])) == [*range(7)]
            assert np.ptp(y) < 1e-14 * (1 + c / W)


def test_a_state_comes_to_rest_on_the_surface_where_it_need_not_cross_it_again(rng):
    """By rounding alone it would lie on either side."""
    right = dnn.KnownField(lambda x: np.array([1.0, 0.0]) + 0 * x, 2)
    X = dnn.SwitchedField(right, dnn.KnownField(np.zeros_like, 2), dnn.Affine(1, 2, W=[[0.3, 0.7]]))
    z = rng.normal(size=40)
    end = stack(-7 / 3 * z, z)
    x = end - rng.uniform(0.1, 9, 40)[:, None] * [1, 0]
    states = dnn.trajectory(X, x, [0.0, 9.0, 9.1, 9.3], dnn.Switching(dnn.RK4()))
    np.testing.assert_allclose(states[:, 1:], np.stack([end] * 3, axis=1), atol=2e-14)


def test_a_state_that_is_lost_beyond_the_surface_takes_nobody_with_it():
    cubic = dnn.KnownField(lambda x: -(x**3) + 5, 1)
    X, method = (
        dnn.SwitchedField(cubic, cubic, dnn.Affine(1, 1, W=[[1.0]])),
        dnn.Switching(dnn.RK4()),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        y = method.step(X, [[1e200], [-0.1], [np.nan]], 0.1)
    np.testing.assert_array_equal(np.isnan(y[:, 0]), [True, False, True])
    np.testing.assert_allclose(y[1], method.step(X, [-0.1], 0.1), rtol=1e-14)


def test_a_surface_is_learned_from_where_states_arrive():
    """Refraction at x₁ + 0.4x₂ = 0.3, the two fields known: without Switching the surface has no gradient."""
    fields = [
        dnn.KnownField(lambda x, a=a: a + 0 * x, 2, lambda x: 0 * x[..., None] + [0.0, 0.0])
        for a in ([1.0, 0.5], [2.0, -1.0])
    ]
    x = np.array([[-0.5, 0.0], [-0.2, 0.5], [0.0, -0.5]])
    X = dnn.SwitchedField(*fields, dnn.Affine(1, 2, W=[[1.0, 0.4]], b=[-0.3]))
    y = dnn.Flow(X, 1.0, dnn.Switching(dnn.Euler()))(x)
    X.theta = [1.0, 0.0, 0.0]
    net = dnn.Flow(X, 1.0, dnn.Switching(dnn.Euler()))
    dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs=25, progress=False)
    np.testing.assert_allclose(X.theta / X.theta[0], [1, 0.4, -0.3], atol=1e-7)


def test_tangents_of_switching_are_those_of_a_complex_step(rng):
    for inner, dh in ((dnn.ImplicitMidpoint(), 0.0), (dnn.Ralston(), 1.0)):
        X, x, method = switched(rng), points(rng, (7,)) - 0.4, dnn.Switching(inner)
        v, crosses = rng.normal(size=x.shape), X.level(x) * X.level(method.step(X, x, 0.4)) < 0
        assert 0 < crosses.sum() < 7
        y, dy = method.jvp(X, x, 0.4, v, dh=dh)
        z = method.step(X, x + 1e-100j * v, 0.4 + 1e-100j * dh)
        np.testing.assert_allclose(z.imag / 1e-100, dy, rtol=1e-13)
        np.testing.assert_allclose(z.real, y, rtol=1e-13)
    z = method.step(X, x, 0.4 + 1e-100j)  # from real states
    np.testing.assert_allclose(z.imag / 1e-100, method.jvp(X, x, 0.4, 0 * v, dh=1.0)[1], rtol=1e-13)


def test_switching_has_the_order_the_stages_and_the_dtypes_of_its_method():
    for method in (dnn.Euler(), dnn.RK4(), dnn.ImplicitMidpoint()):
        for name in ("order", "stages", "dtypes"):
            assert getattr(dnn.Switching(method), name) == getattr(method, name)


def test_on_fields_where_the_method_has_a_higher_order_switching_has_it_too(rng):
    """On sums of two shears Strang(Euler()) has order two, and Euler() one; a shear is solved exactly."""
    shears = [
        dnn.PartitionedField(*halves)
        for _ in range(2)
        for f in [dnn.ResidualField.random(1, 3, rng=rng)]
        for halves in ((f, dnn.Zero(1, 1)), (dnn.Zero(1, 1), f))
    ]
    line = dnn.Affine(1, 2, W=[[-1, 0]], b=[-1])
    X = dnn.SwitchedField(dnn.SumField(*shears[:2]), dnn.SumField(*shears[2:]), line)
    method, x = dnn.Switching(dnn.Strang(dnn.Euler())), np.array([-0.5, 0.4])
    assert X.level(x) * X.level(dnn.Flow(X, 0.5, method, steps=4)(x)) < 0
    assert method.order == 1 and method.order_on(X) == 2
    dnn.checks.order(method, X, x, 2.0, finest=64).require()
    euler, sums = dnn.Switching(dnn.Euler()), X.minus
    assert euler.order_on(dnn.SwitchedField(shears[0], shears[2], line)) == np.inf
    assert euler.order_on(dnn.SwitchedField(shears[0], sums, line)) == 1


def test_what_both_fields_keep_is_kept_but_for_volume(rng):
    def field(make):
        return dnn.SwitchedField(make(rng), make(rng), dnn.Affine(1, 4, rng=rng))

    mass = field(lambda rng: dnn.MassPreservingField.random(4, 5, rng=rng))
    assert mass.keeps == dnn.Switching(dnn.RK4()).preserves(mass) == {"mass"}
    sphere = field(lambda rng: dnn.SpherePreservingField.random(4, 5, rng=rng))
    assert sphere.keeps == dnn.Switching(dnn.Cayley()).preserves(sphere) == {"norm"}
    assert dnn.Switching(dnn.RK4()).preserves(sphere) == set()
    X = field(hamiltonian)
    assert X.keeps == dnn.Switching(dnn.StormerVerlet()).preserves(X) == set()


# ---- sections


def henon_heiles():
    """H = ½(‖p‖² + ‖q‖²) + q₁²q₂ − q₂³/3."""

    def g(q):
        q1, q2 = q[..., 0], q[..., 1]
        return -stack(q1 + 2 * q1 * q2, q2 + q1**2 - q2**2)

    f = dnn.KnownField(lambda p: 1 * p, 2, gradient=True)
    return dnn.PartitionedField(f, dnn.KnownField(g, 2, gradient=True))


def energy(z):
    q1, q2, p1, p2 = np.moveaxis(z, -1, 0)
    return (p1**2 + p2**2 + q1**2 + q2**2) / 2 + q1**2 * q2 - q2**3 / 3


def test_a_section_of_henon_and_heiles_is_that_of_solve_ivp_and_keeps_the_energy():
    X, q2, p2 = henon_heiles(), np.array([0.1, -0.1, 0.3]), np.array([0.1, 0.05, 0.0])
    p1 = np.sqrt(2 * (1 / 8 - (p2**2 + q2**2) / 2 + q2**3 / 3))
    z, t = stack(0 * q2, q2, p1, p2), np.linspace(0, 16, 401)
    times, states = dnn.poincare_section(X, z, t, FIRST, dnn.Yoshida())
    assert [len(found) for found in times] == [2, 2, 2]
    for found in states:
        assert (found[:, 2] > 0).all() and np.abs(found[:, 0]).max() < 1e-15
        assert np.abs(energy(found) - 1 / 8).max() < 4e-8
    event = lambda t, z: z[0]  # noqa: E731
    event.direction = 1
    exact = solve_ivp(X.rhs, (0, 8), z[0], "DOP853", events=event, rtol=2.3e-14, atol=1e-15)
    t = np.linspace(0, 8, 201)
    times, states = dnn.poincare_section(X, z[0], t, FIRST, dnn.Yoshida(dnn.Yoshida()))
    np.testing.assert_allclose(times, exact.t_events[0][1:], atol=1e-8)  # without the start
    np.testing.assert_allclose(states, exact.y_events[0][1:], atol=1e-8)


def test_a_pendulum_passes_the_bottom_once_each_way_in_a_period():
    """By partitioned, projected and composed methods alike."""
    period = 4 * ellipk(np.sin(0.5) ** 2)
    for method, direction, first in (
        (dnn.Yoshida(), 1, [3 / 4]),
        (dnn.StormerVerlet(), -1, [1 / 4]),
        (dnn.Projected(dnn.RK4(), PENDULUM.invariants["energy"]), 0, [1 / 4, 3 / 4]),
    ):
        t = np.linspace(0, 7, 71)
        times, states = dnn.poincare_section(PENDULUM, [1.0, 0.0], t, FIRST, method, direction)
        limit = 2e-3 if method.order == 2 else 3e-5
        np.testing.assert_allclose(times, period * np.array(first), atol=limit)
        speed = 2 * np.sin(0.5) * np.where(np.array(first) > 1 / 2, 1, -1)
        np.testing.assert_allclose(states, stack(0 * speed, speed), atol=limit)


def test_each_state_of_a_batch_has_its_own_section_backward_too(rng):
    x0, t = np.array([[[1.0, 0.0], [0.0, 1.9]], [[2.0, 0.1], [0.0, 0.0]]]), np.linspace(0, -11, 111)
    times, states = dnn.poincare_section(PENDULUM, x0, t, FIRST)
    assert [len(found) for found in times] == [1, 1, 1, 0] and states[3].shape == (0, 2)
    for x, found, at in zip(x0.reshape(4, 2), times, states, strict=True):
        alone, there = dnn.poincare_section(PENDULUM, x, t, FIRST)
        np.testing.assert_allclose(found, alone, rtol=1e-12)
        np.testing.assert_allclose(at, there, atol=1e-12)
        assert (found < 0).all() and (at[:, 1] < 0).all()  # to q > 0, as time goes back


def test_a_state_on_the_surface_at_a_given_time_counts_once_and_not_at_the_start():
    for x0, found in ((-1.0, [1.0]), (0.0, []), (-0.75, [0.75]), (1.0, [1.0]), (0.25, [0.25])):
        X = dnn.KnownField(lambda x, v=-1.0 if x0 > 0 else 1.0: v + 0 * x, 1)
        times, states = dnn.poincare_section(
            X, [x0], [0, 0.5, 1, 1.5, 2], dnn.Affine(1, 1, W=[[1]]), dnn.Euler(), 0
        )
        np.testing.assert_allclose(times, found, rtol=1e-15)
        np.testing.assert_allclose(states, np.zeros((len(found), 1)), atol=1e-15)


# ---- all intervals at once


def solvers(n):
    """An interval of an epidemic of 10 days, in n parts, by one step and by fifty."""
    X, h = systems.sir(0.5, 0.1), 10 / n
    return dnn.Flow(X, h, dnn.Heun()), dnn.Flow(X, h / 50, dnn.RK4(), steps=50)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_parareal_is_exact_up_to_the_kth_interval_after_k_iterations(shape, rng):
    n, (coarse, fine) = 8, solvers(8)
    x0 = rng.dirichlet(np.ones(3), shape)
    right = np.concatenate([x0[..., None, :], dnn.Rollout(fine, n)(x0)], axis=-2)
    found = dnn.parareal(coarse, fine, x0, n, iterations=n)
    assert found.shape == (n + 1, *shape, n + 1, 3)
    np.testing.assert_array_equal(found[0, ..., 1:, :], dnn.Rollout(coarse, n)(x0))
    off = abs(found - right).max(axis=(*range(1, len(shape) + 1), -1))  # iteration, interval
    assert np.tril(off).max() < 1e-15
    assert np.diagonal(off, 1)[:4].min() > 1e-11  # and no sooner
    ends = off[:4, -1]
    assert (ends[1:] < ends[:-1] / 8).all()
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-14)  # mass, at each iterate


def test_after_n_iterations_it_is_exact_whatever_the_coarse_solver_is(rng):
    n, x0, fine = 5, np.array([1.0, 0.0]), dnn.Flow(PENDULUM, 0.1, dnn.RK4(), steps=10)
    coarse = dnn.Affine(2, 2, rng=rng)
    found, right = dnn.parareal(coarse, fine, x0, n, n), dnn.Rollout(fine, n)(x0)
    assert abs(found[n - 1, -1] - right[-1]).max() > 0.01
    np.testing.assert_allclose(found[n, 1:], right, rtol=0, atol=1e-13)
    assert dnn.parareal(fine, fine, x0.astype(np.float32), 2, 1).dtype == np.float32


WRONG = {
    "a coarse solver that is a function": (lambda: dnn.parareal(np.sin, PENDULUM, [1, 0], 3, 1), TypeError, "coarse of parareal must be a map over one interval"),
    "a fine solver into another space": (lambda: dnn.parareal(PENDULUM, dnn.Lift(3, 2), [1, 0], 3, 1), ValueError, "fine of parareal must be a map ℝᵈ → ℝᵈ, got Lift"),
    "solvers of two spaces": (lambda: dnn.parareal(PENDULUM, systems.sir(), [1, 0], 3, 1), ValueError, "parareal needs two maps of one dimension, got 2 and 3"),
    "no interval": (lambda: dnn.parareal(PENDULUM, PENDULUM, [1, 0], 0, 1), ValueError, "n must be at least 1, got 0"),
    "fewer than no iterations": (lambda: dnn.parareal(PENDULUM, PENDULUM, [1, 0], 3, -1), ValueError, "iterations must be at least 0, got -1"),
    "a start that is a NaN": (lambda: dnn.parareal(PENDULUM, PENDULUM, [1, np.nan], 3, 1), ValueError, "parareal needs finite states"),
    "a time that comes back": (lambda: dnn.trajectory(PENDULUM, [1, 0], [0, 2, 1]), ValueError, "finite times that go one way, got [0. 2. 1.]"),
    "a time twice": (lambda: dnn.trajectory(PENDULUM, [1, 0], [0, 1, 1]), ValueError, "go one way"),
    "a NaN time": (lambda: dnn.trajectory(PENDULUM, [1, 0], [0, np.nan]), ValueError, "finite times"),
    "one number for times": (lambda: dnn.trajectory(PENDULUM, [1, 0], 1.0), ValueError, "trajectory needs times t₀, …, t_n, got shape ()"),
    "times for each state": (lambda: dnn.trajectory(PENDULUM, np.ones((2, 2)), [[0, 1], [0, 2]]), ValueError, "got shape (2, 2): for a time of its own for each state take OwnTime(field)"),
    "no times": (lambda: dnn.trajectory(PENDULUM, [1, 0], []), ValueError, "got shape (0,)"),
    "complex times": (lambda: dnn.trajectory(PENDULUM, [1, 0], [0, 1j]), TypeError, "needs real times"),
    "truths for times": (lambda: dnn.trajectory(PENDULUM, [1, 0], [False, True]), TypeError, "needs real times"),
    "a NaN state": (lambda: dnn.trajectory(PENDULUM, [1, np.nan], [0, 1]), ValueError, "trajectory needs finite states"),
    "a state of another space": (lambda: dnn.trajectory(PENDULUM, [1], [0, 1]), ValueError, "dimension 2, got an array of shape (1,)"),
    "a function for a field": (lambda: dnn.trajectory(np.sin, [1, 0], [0, 1]), TypeError, "RK4 steps a vector field, got <ufunc 'sin'>"),
    "a class for a method": (lambda: dnn.trajectory(PENDULUM, [1, 0], [0, 1], dnn.RK4), TypeError, "write RK4(), not RK4"),
    "a field of another kind": (lambda: dnn.trajectory(systems.sir(), [1, 0, 0], [0, 1], dnn.StormerVerlet()), TypeError, "PartitionedField"),
    "an event that is none": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1], 3), TypeError, "event must be a function of the state, got 3"),
    "an event of two numbers": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1], np.sin), ValueError, "event has shape"),
    "an event that is true or not": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1], lambda x: x[..., 0] > 0), TypeError, "as lambda x: x[..., 0] does; it returned truth values"),
    "an event that is not defined everywhere": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1, 2, 3], lambda x: np.where(x[..., 0] > 0, 1, np.nan)), ValueError, "event is NaN at a finite state, [-0.293"),
    "an event that is not defined at the start": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1, 2], lambda x: np.where(x[..., 0] == 1, np.nan, 1)), ValueError, "event is NaN at a finite state, [1. 0.]"),
    "an event that is not defined within a step": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1.5, 3], lambda x: np.where(abs(x[..., 0]) < 0.1, np.nan, -x[..., 0])), ValueError, "event is NaN at a finite state, ["),
    "an event that is not defined for one of a batch": (lambda: dnn.poincare_section(PENDULUM, [[1, 0], [2, 0]], [0, 1], lambda x: np.where(x[..., 0] > 1.5, np.nan, 1)), ValueError, "state, [2. 0.]"),
    "a map of two numbers": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1], PENDULUM), ValueError, "a map ℝᵈ → ℝ¹, got PartitionedField"),
    "an event that is a sequence": (lambda: dnn.poincare_section(SLIDING[0], [1], [0, 1], dnn.Rollout(dnn.Affine(1, 1), 2)), ValueError, "a map ℝᵈ → ℝ¹, got Rollout"),
    "two directions": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1], FIRST, direction=np.array([1, -1])), ValueError, "1, −1 or 0, got array"),
    "no direction": (lambda: dnn.poincare_section(PENDULUM, [1, 0], [0, 1], FIRST, direction=2), ValueError, "direction must be 1, −1 or 0, got 2"),
    "complex states": (lambda: dnn.poincare_section(PENDULUM, [1j, 0], [0, 1], FIRST), TypeError, "needs real states"),
    "a field that does not switch": (lambda: dnn.Switching(dnn.RK4()).step(PENDULUM, [1, 0], 0.1), TypeError, "Switching steps a SwitchedField, got Part"),
    "a first side that it cannot step": (lambda: dnn.Flow(dnn.SwitchedField(oscillator(1), PENDULUM, dnn.Mass()), 0.1, dnn.Switching(dnn.StormerVerlet())), TypeError, "needs a PartitionedField"),
    "a second side that it cannot step": (lambda: dnn.Flow(dnn.SwitchedField(PENDULUM, oscillator(1), dnn.Mass()), 0.1, dnn.Switching(dnn.StormerVerlet())), TypeError, "needs a PartitionedField"),
    "a method that is none": (lambda: dnn.Switching(dnn.RK4), TypeError, "write RK4(), not RK4"),
    "sides of two spaces": (lambda: dnn.SwitchedField(PENDULUM, systems.sir(), dnn.Mass()), ValueError, "fields of one dimension, got [2, 3]"),
    "a side that is a map": (lambda: dnn.SwitchedField(PENDULUM, dnn.Lift(2, 2), dnn.Mass()), TypeError, "plus of SwitchedField must be a vector field, got Lift(2 → 2): write LinearField(A)"),
    "a surface that is a function": (lambda: dnn.SwitchedField(PENDULUM, PENDULUM, np.sin), TypeError, "surface must be a map ℝᵈ → ℝ¹ with d = 2, or have I(x), gradient and hvp, got <ufunc"),
    "a surface of another space": (lambda: dnn.SwitchedField(PENDULUM, PENDULUM, dnn.Affine(1, 3)), ValueError, "surface must be a map ℝᵈ → ℝ¹ with d = 2, got Affine(3 → 1)"),
    "two surfaces": (lambda: dnn.SwitchedField(PENDULUM, PENDULUM, dnn.Affine(2, 2)), ValueError, "surface must be a map ℝᵈ → ℝ¹ with d = 2, got Affine(2 → 2)"),
    "a solution that slides": (lambda: dnn.Switching(dnn.RK4()).step(dnn.SwitchedField(*SLIDING, dnn.Affine(1, 1, W=[[1]])), [-0.5], 1.0), RuntimeError, "h = 1 crosses the surface more than 20 times"),
    "a trajectory that slides": (lambda: dnn.trajectory(dnn.SwitchedField(*SLIDING, dnn.Affine(1, 1, W=[[1]])), [-0.75], [2, 2.5, 3], dnn.Switching(dnn.RK4())), RuntimeError, "at t = 2.5: Switching(RK4()): a step h = 0.5 crosses"),
}  # fmt: skip
SLIDING = [dnn.KnownField(lambda x, a=a: a + 0 * x, 1) for a in (1.0, -1.0)]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name):
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=re.escape(words)):
        call()
