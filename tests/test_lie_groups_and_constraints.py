"""Steps that stay on a sphere because they are rotations, and steps that stay because a force holds them there."""

import numpy as np
import pytest
from scipy.linalg import expm
from zoo import CURVE, QUADRATIC, WAVY, heavy, lie, lie_of_mass, points, residual

import dynsys_nn as dnn
from dynsys_nn import checks, systems

BOTH = [dnn.LieEuler(), dnn.CommutatorFree4()]
EPS = 1e-100


def free_body():
    """ṁ = a(m) × m with a(m) = −m/I."""
    return dnn.LieField(dnn.Dense(3, 3, W=-np.diag([0.5, 1.0, 1.5])))


def orbit(method, X, x, h, n):
    """x₀, …, x_n."""
    states = [x]
    for _ in range(n):
        states.append(method.step(X, states[-1], h))
    return np.array(states)


# ---- Lie groups


def test_so3_is_the_cross_product_and_so_d_all_skew_matrices(rng):
    u, x = rng.normal(size=(2, 5, 3))
    X = free_body()
    np.testing.assert_allclose((X.matrix(u) @ x[..., None])[..., 0], np.cross(u, x), atol=1e-15)
    np.testing.assert_allclose(X(x), systems.rigid_body()(x), atol=1e-15)
    for d in (2, 4, 5):
        X = dnn.LieField(dnn.Affine(d * (d - 1) // 2, d, rng=0))
        given = X.basis.copy()
        assert not np.shares_memory(dnn.LieField(X.a, given).basis, given)
        assert X.keeps == {"norm"} and not dnn.LieField(X.a, given + 1e-12).keeps
        np.testing.assert_array_equal(X.basis, -X.basis.swapaxes(1, 2))
        assert np.linalg.matrix_rank(X.basis.reshape(len(X.basis), -1)) == d * (d - 1) // 2


def test_the_free_rigid_body_after_eight_hundred_steps():
    """At t = 40, from the exact state: ‖x‖ = 1 to 5e-15 at every step, errors 0.801 and 2.93e-7."""
    exact = np.array([-0.059676294156520, 0.635905938465855, 0.769455896942511])
    X, x = free_body(), systems.rigid_body().x0
    np.testing.assert_allclose(dnn.exact_flow(X, x, 40.0), exact, atol=1e-10)
    for method, error, digits in zip(BOTH, (0.801, 2.93e-7), (5e-4, 5e-10), strict=True):
        states = dnn.Rollout(dnn.Flow(X, 0.05, method), 800)(x)
        assert np.abs(np.linalg.norm(states, axis=-1) - 1).max() <= 5e-15
        assert abs(np.linalg.norm(states[-1] - exact) - error) <= digits


@pytest.mark.parametrize("method", BOTH, ids=repr)
def test_lie_methods_have_their_order_and_keep_what_the_group_keeps(method, rng):
    for X, I in ((lie(rng), dnn.SquaredNorm()), (lie_of_mass(rng), dnn.Mass())):
        x = points(rng, (4,))
        checks.order(method, X, x, t=0.5, finest=16).require()
        assert method.preserves(X) == X.keeps == I.keeps
        y = dnn.Flow(X, 0.2, method, steps=20)(x)
        assert np.abs(y - x).max() > 0.5
        np.testing.assert_allclose(I(y), I(x), rtol=0, atol=1e-14 * np.abs(y).max() ** 2)
    X.invariants["norm"] = dnn.SquaredNorm()  # what somebody says of the field is not of the group
    assert method.preserves(X) == {"mass"}
    assert dnn.RK4().preserves(lie(rng)) == set()


def test_a_lie_step_is_its_formula(rng):
    """By rotations of Rodrigues about a(x) for LieEuler, and the five exponentials written out."""
    X, x, h = free_body(), rng.normal(size=3), 0.7
    u = h * X.a(x)
    angle = np.linalg.norm(u)
    k = u / angle
    y = x * np.cos(angle) + np.cross(k, x) * np.sin(angle) + k * (k @ x) * (1 - np.cos(angle))
    np.testing.assert_allclose(dnn.LieEuler().step(X, x, h), y, rtol=0, atol=1e-15)
    X, x = lie_of_mass(rng), rng.normal(size=4)

    def a(x):
        return h * np.tensordot(X.a(x), X.basis, 1)

    a1 = a(x)
    y2 = expm(a1 / 2) @ x
    a2 = a(y2)
    a3 = a(expm(a2 / 2) @ x)
    a4 = a(expm(a3 - a1 / 2) @ y2)
    y = expm((3 * a1 + 2 * a2 + 2 * a3 - a4) / 12) @ x
    y = expm((-a1 + 2 * a2 + 2 * a3 + 3 * a4) / 12) @ y
    np.testing.assert_allclose(dnn.CommutatorFree4().step(X, x, h), y, rtol=1e-14, atol=1e-14)


def test_lie_methods_are_exact_where_a_is_constant(rng):
    A = rng.normal(size=(1, 4, 4))
    X = dnn.LieField(dnn.Affine(1, 4, W=np.zeros((1, 4)), b=[1.0]), A)
    x = rng.normal(size=(3, 4))
    for method in BOTH:
        np.testing.assert_allclose(method.step(X, x, 1.3), x @ expm(1.3 * A[0]).T, rtol=1e-12)


def test_an_epidemic_in_a_lie_algebra_keeps_everybody_and_nobody_is_negative():
    """ẋ = a(x)·x with columns that sum to zero: Lie–Euler's step is a stochastic matrix, however long it is."""
    infects, recovers = np.zeros((2, 3, 3))
    infects[0, 0], infects[1, 0] = -1, 1
    recovers[1, 1], recovers[2, 1] = -1, 1
    a = dnn.Affine(2, 3, W=[[0, 1, 0], [0, 0, 0]], b=[0, 1])  # (I, 1)
    X, x = dnn.LieField(a, [infects, recovers]), np.array([0.9, 0.1, 0.0])
    np.testing.assert_allclose(X(x), systems.sir()(x), atol=1e-16)
    y = orbit(dnn.LieEuler(), X, x, 20.0, 5)
    assert y.min() >= 0 and np.abs(y.sum(axis=-1) - 1).max() <= 1e-15
    assert orbit(dnn.Euler(), X, x, 20.0, 1).min() < -0.5


def test_lie_steps_in_single_precision_stay_there():
    X = dnn.LieField(dnn.Dense(3, 3, rng=0, dtype=np.float32))
    x = np.ones(3, np.float32)
    for method in BOTH:
        y, pullback = method.vjp(X, x, 0.1)
        tangent = method.jvp(X, x, 0.1, x, X.theta)[1]
        found = X(x), method.step(X, x, 0.1), y, *pullback(x), tangent
        assert {np.asarray(a).dtype for a in found} == {np.dtype(np.float32)}


def test_the_derivative_of_the_exponential_bears_covectors_of_any_size(rng):
    X, x, w = lie(rng), rng.normal(size=4), rng.normal(size=4)
    pullback = dnn.CommutatorFree4().vjp(X, x, 0.5)[1]
    once, dtheta, dh = pullback(w)
    for size in (2.0**-400, 2.0**400):
        for found, expected in zip(pullback(size * w), (once, dtheta, dh), strict=True):
            np.testing.assert_array_equal(found, size * expected)


def complex_step_of_a_step(method, X, x, h, rng):
    """The tangents in x and h, against Im Ψ(· + iε·)/ε."""
    v = rng.normal(size=x.shape)
    at = dict(rtol=1e-13, atol=1e-13)
    found = method.step(X, x + 1j * EPS * v, h).imag / EPS
    np.testing.assert_allclose(method.jvp(X, x, h, v)[1], found, **at)
    found = method.step(X, x + 0j, h + 1j * EPS).imag / EPS
    np.testing.assert_allclose(method.jvp(X, x, h, 0 * x, None, 1.0)[1], found, **at)


@pytest.mark.parametrize(
    ("method", "field"),
    [
        (dnn.LieEuler(), lie),
        (dnn.CommutatorFree4(), lie_of_mass),
        (dnn.Projected(dnn.Heun(), WAVY, dnn.Mass()), residual),
        (dnn.Rattle(CURVE), heavy),
    ],
    ids=["LieEuler", "CommutatorFree4", "Projected", "Rattle"],
)
def test_tangents_of_steps_are_those_of_the_complex_step(method, field, rng):
    complex_step_of_a_step(method, field(rng), points(rng, (3,)), 0.2, rng)


# ---- several invariants at once


def test_a_projection_on_two_level_sets_moves_along_both_gradients(rng):
    X, x, method = residual(rng), rng.normal(size=(5, 4)), dnn.Ralston()
    I = (WAVY, QUADRATIC)
    y_tilde = method.step(X, x, 0.1)
    y = dnn.Projected(method, *I).step(X, x, 0.1)
    assert all(np.abs(each(y_tilde) - each(x)).max() > 1e-3 for each in I)
    for each in I:
        np.testing.assert_allclose(each(y), each(x), rtol=1e-14, atol=1e-14)
    for k in range(5):
        G = np.array([each.gradient(y_tilde[k]) for each in I])
        lam = np.linalg.lstsq(G.T, y[k] - y_tilde[k], rcond=None)[0]
        np.testing.assert_allclose(G.T @ lam, y[k] - y_tilde[k], atol=1e-14)


def test_projections_one_after_another_leave_a_gap_and_all_at_once_do_not(rng):
    X, x, I = residual(rng), rng.normal(size=(20, 4)), (WAVY, QUADRATIC)
    nested = dnn.Projected(dnn.Projected(dnn.Heun(), I[0]), I[1]).step(X, x, 0.1)
    assert np.abs(I[0](nested) - I[0](x)).max() > 1e-3
    method = dnn.Projected(dnn.Heun(), *I)
    states = orbit(method, X, x, 0.1, 20)
    assert max(np.abs(each(states) - each(x)).max() for each in I) <= 1e-13
    assert method.order == 2 and method.kept(X) == {"invariant": WAVY, "invariant 2": QUADRATIC}
    assert dnn.Projected(dnn.Heun(), dnn.Quadratic(np.eye(4), keeps=())).preserves(X) == set()
    body = systems.rigid_body()
    both = dnn.Projected(dnn.RK4(), *body.invariants.values())
    assert both.preserves(body) == {"norm", "energy"}
    checks.order(both, body, body.x0, t=1.0, finest=16).require()


def test_methods_with_several_invariants_come_back_from_a_file(tmp_path):
    I = dnn.Sphere(2.0), dnn.Quadratic(np.eye(6)), dnn.Mass()
    for method in (dnn.Projected(dnn.Heun(), *I), dnn.Rattle(*I)):
        dnn.Flow(systems.free_fall(), 0.1, method).save(tmp_path / "flow.npz")
        assert dnn.Flow.load(tmp_path / "flow.npz").method == method


def test_a_projection_at_rest_is_the_step_alone():
    """Of one invariant, where its gradient is 0, in value and adjoint."""
    X, x, w = systems.harmonic_oscillator(), np.zeros(2), np.array([2.0, 1.0])
    y, pullback = dnn.Projected(dnn.RK4(), dnn.SquaredNorm()).vjp(X, x, 0.1)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(pullback(w)[0], dnn.RK4().vjp(X, x, 0.1)[1](w)[0])


def test_a_projection_on_two_level_sets_has_no_derivative_at_an_equilibrium():
    """Steps exist there: along u, v and u + v they move at rates that do not add up."""
    X, (x, u, v) = systems.rigid_body(), np.eye(3)
    method, h = dnn.Projected(dnn.Euler(), *X.invariants.values()), 1e-5
    np.testing.assert_array_equal(method.step(X, x, 0.1), x)
    along_u, along_v, along_both = (method.step(X, x + h * w, 0.1) - x for w in (u, v, u + v))
    assert np.abs(along_both - along_u - along_v).max() > 1e-3 * h
    for derivative in (lambda: method.vjp(X, x, 0.1)[1](u), lambda: method.jvp(X, x, 0.1, u)):
        with pytest.raises(dnn.NotConverged, match="independent.*: the step has no derivative"):
            derivative()


def test_dependent_gradients_are_refused_by_name(rng):
    twice = dnn.Projected(dnn.RK4(), dnn.SquaredNorm(), dnn.Quadratic(np.eye(4)))
    with pytest.raises(dnn.NotConverged, match="NGᵀ of the gradients, which must be independent"):
        twice.step(residual(rng), rng.normal(size=(2, 4)), 0.1)
    with pytest.raises(dnn.NotConverged, match="the constraints, whose gradients must be indep"):
        dnn.Rattle(CURVE, CURVE).step(heavy(rng), rng.normal(size=4), 0.1)


# ---- RATTLE


def pendulum():
    """Free fall and RATTLE on the unit sphere, and the equations that have the rod's force in them."""
    return systems.free_fall(), dnn.Rattle(dnn.Sphere()), systems.spherical_pendulum()


def test_the_spherical_pendulum_stays_on_its_sphere_and_near_its_energy():
    """The figures of two thousand steps are in benchmarks/spherical_pendulum.py."""
    X, method, exact = pendulum()
    states = orbit(method, X, exact.x0, 0.05, 80)
    q, p = np.split(states, 2, axis=-1)
    assert np.abs(dnn.Sphere()(q)).max() <= 1e-15 and np.abs((q * p).sum(axis=-1)).max() <= 1e-15
    energy = X.invariants["energy"](states) - X.invariants["energy"](states[0])
    assert -2.1e-3 < energy.min() < -1.9e-3 and energy.max() < 3e-7  # in [−2.0e-3, 2.7e-7]
    turn = exact.invariants["angular_momentum"](states)
    assert np.ptp(turn) <= 1e-14


def test_rattle_has_order_two_and_by_yoshida_order_four():
    X, method, exact = pendulum()
    x, y = exact.x0, dnn.exact_flow(exact, exact.x0, 1.0)
    for psi, order, tolerance, n in ((method, 2, 0.005, 16), (dnn.Yoshida(method), 4, 0.1, 8)):
        errors = [np.linalg.norm(dnn.Flow(X, 1 / k, psi, steps=k)(x) - y) for k in (n, 2 * n)]
        assert abs(np.log2(errors[0] / errors[1]) - order) < tolerance and psi.order == order


def test_rattle_is_symmetric_and_symplectic_on_its_manifold(rng):
    """ω(Ψ′u, Ψ′v) = ω(u, v) for u, v tangent to the states with c(q) = 0, ∇c·p = 0; in ℝ⁶ it is not symplectic."""
    X, method, exact = pendulum()
    z = exact.x0
    q, p = np.split(z, 2)
    y = method.step(X, z, 0.3)
    np.testing.assert_allclose(method.step(X, y, -0.3), z, atol=1e-15)
    np.testing.assert_allclose(method.inverse(X, y, 0.3), z, atol=1e-15)
    normals = np.array([[*q, 0, 0, 0], [*p, *q]])
    T = np.linalg.svd(normals)[2][2:].T
    omega = np.kron([[0, 1], [-1, 0]], np.eye(3))
    D = dnn.Flow(X, 0.3, method).jacobian(z)
    np.testing.assert_allclose((D @ T).T @ omega @ D @ T, T.T @ omega @ T, atol=5e-16)
    assert np.abs(D.T @ omega @ D - omega).max() > 0.1 and method.preserves(X) == set()


def test_two_constraints_leave_a_plane_pendulum():
    """The sphere and a plane in which the weight is 0.64: the angle is that of systems.pendulum(), at 0.8 t."""
    across, down = np.array([1.0, 0.0, 0.0]), np.array([0.0, np.sqrt(1 - 0.64**2), -0.64])
    normal = np.cross(across, down)
    plane = dnn.Invariant(
        lambda q: q @ normal, lambda q: np.broadcast_to(normal, q.shape), lambda q, v: 0 * v
    )
    X, planar = systems.free_fall(), systems.pendulum()

    def lifted(angle, speed):
        q = np.sin(angle) * across + np.cos(angle) * down
        return np.array([*q, *(0.8 * speed * (np.cos(angle) * across - np.sin(angle) * down))])

    exact = lifted(*dnn.exact_flow(planar, planar.x0, 0.8))
    method = dnn.Rattle(dnn.Sphere(), plane)
    errors = [
        np.linalg.norm(dnn.Flow(X, 1 / k, method, steps=k)(lifted(*planar.x0)) - exact)
        for k in (15, 30)
    ]
    assert errors[1] < 1e-3 and abs(errors[0] / errors[1] - 4) < 0.02


def test_the_adjoint_of_two_constraints_and_a_mass_that_is_no_symmetric_matrix(rng):
    """Both matrices of the constraints, 2 × 2, are transposed in it; h is learned, too."""
    f = dnn.Dense(3, 3, W=np.eye(3) + 0.3 * rng.normal(size=(3, 3)))
    X = dnn.PartitionedField(f, dnn.GradientField.random(3, 4, rng=rng))
    flow = dnn.Flow(X, 0.2, dnn.Rattle(dnn.Sphere(), dnn.Mass()), steps=2, learn_h=True)
    z = rng.normal(size=(4, 2, 3))
    z -= z.mean(axis=-1, keepdims=True)
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    z = z.reshape(4, 6)
    checks.adjoint(flow, z, rng=rng).require()
    complex_step_of_a_step(flow.method, X, z, 0.2, rng)
    assert X.jacobian(z + 0j).dtype == complex


def test_a_state_off_the_constraints_is_brought_there_by_one_step(rng):
    X, method = heavy(rng), dnn.Rattle(CURVE)
    y = method.step(X, points(rng, (40,)), 0.3)
    q, p = np.split(y, 2, axis=-1)
    speed = (CURVE.gradient(q) * X.f(p)).sum(axis=-1)
    size = 1 + np.linalg.norm(y, axis=-1)
    assert (np.abs(CURVE(q)) / size).max() <= 1e-15 and (np.abs(speed) / size).max() <= 1e-15


def test_a_mass_is_learned_through_rattle(rng):
    """Mp of a bead on a wire, from states after four steps: the force of the wire is in the gradient."""
    X, method = heavy(rng), dnn.Rattle(CURVE)
    x = method.step(X, rng.normal(size=(20, 4)), 0.1)
    target = dnn.Flow(X, 0.1, method, steps=4)(x)
    start = X.theta.copy()
    X.theta = start + 0.02 * rng.normal(size=start.shape)
    net = dnn.Network(dnn.Flow(X, 0.1, method, steps=4))
    before = dnn.MeanSquaredError()(net(x), target)
    dnn.fit(net, dnn.MeanSquaredError(), x, target, dnn.LBFGS(), epochs=8, progress=False)
    assert dnn.MeanSquaredError()(net(x), target) < 1e-2 * before


def test_the_rods_force_is_the_textbooks_and_all_four_invariants_stay_from_any_state(rng):
    """On the sphere q̈ = −e₃ + (q₃ − ‖p‖²)q; the Jacobian times X is tangent to every level set."""
    X, z = systems.spherical_pendulum(), rng.normal(size=(20, 6))
    for I in X.invariants.values():
        scale = np.linalg.norm(I.gradient(z), axis=-1) * np.linalg.norm(X(z), axis=-1)
        np.testing.assert_allclose((I.gradient(z) * X(z)).sum(axis=-1) / scale, 0, atol=1e-15)
    q, p = np.split(z, 2, axis=-1)
    says = {
        "length": (q * q).sum(axis=-1) / 2,
        "radial": (q * p).sum(axis=-1),
        "energy": (p * p).sum(axis=-1) / 2 + q[:, 2],
        "angular_momentum": np.cross(q, p)[:, 2],
    }
    assert says.keys() == X.invariants.keys()
    for name, value in says.items():
        np.testing.assert_allclose(X.invariants[name](z), value, rtol=0, atol=1e-14)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    p = p - (p * q).sum(axis=-1, keepdims=True) * q
    force = (q[:, 2] - (p * p).sum(axis=-1))[:, None] * q - [0, 0, 1]
    expected = np.concatenate([p, force], axis=-1)
    np.testing.assert_allclose(X(np.concatenate([q, p], axis=-1)), expected, atol=1e-14)


# ---- what is refused


def test_lie_fields_and_constraints_say_what_they_need(rng):
    with pytest.raises(TypeError, match="a of LieField must be a Map"):
        dnn.LieField(np.eye(3))
    with pytest.raises(ValueError, match=r"a: 4 → 3 and a basis of shape \(6, 4, 4\)"):
        dnn.LieField(dnn.Dense(3, 4, rng=0))
    with pytest.raises(ValueError, match="an array of shape .m, d, d., got shape .3, 3"):
        dnn.LieField(dnn.Dense(3, 3, rng=0), np.eye(3))
    with pytest.raises(TypeError, match="finite real matrices"):
        dnn.LieField(dnn.Dense(1, 1, rng=0), [[[1j]]])
    for method in BOTH:
        with pytest.raises(TypeError, match=r"needs ẋ = a\(x\)·x, a LieField\(a\), got Residual"):
            method.step(residual(rng), np.zeros(4), 0.1)
    with pytest.raises(TypeError, match=r"Rattle needs a PartitionedField \(f\(p\), g\(q\)\)"):
        dnn.Rattle(CURVE).step(residual(rng), np.zeros(4), 0.1)
    uneven = dnn.PartitionedField(dnn.Dense(2, 1, rng=0), dnn.Dense(1, 2, rng=0))
    with pytest.raises(ValueError, match="got q of dimension 2 and p of dimension 1"):
        dnn.Rattle(CURVE).step(uneven, np.zeros(3), 0.1)
    for build in (dnn.Rattle, lambda I: dnn.Rattle(CURVE, I), lambda I: dnn.Projected(dnn.RK4(), CURVE, I)):  # fmt: skip
        with pytest.raises(TypeError, match=r"invariant must have I\(x\), I\.gradient\(x\)"):
            build(np.sin)
    with pytest.raises(ValueError, match="radius of Sphere must be a positive number, got 0"):
        dnn.Sphere(0)
    X, x = systems.free_fall(), np.array([0.0, 0.0, 5.0, 0.0, 0.0, 0.0])
    words = r"residual ‖c\(q⁺\)‖ \(c\(q\) must be 0 at first\) is .*; take a smaller step"
    with pytest.raises(dnn.NotConverged, match=words):
        dnn.Rattle(dnn.Sphere()).step(X, x + [0, 0, 0, 50, 0, 0], 1.0)
