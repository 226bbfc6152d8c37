"""Norms, quadratic forms, energies and any smooth I are kept, step after step; Newton's method says where it fails."""

import numpy as np
import pytest
from zoo import (
    FIELDS,
    QUADRATIC,
    RUNGE_KUTTA,
    WAVY,
    Bare,
    energetic,
    invariant_field,
    partitioned,
    residual,
    sphere,
)

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.fields import GivenGradient, Potential, ValueOf


def drift(method, X, I, x, h, steps):
    """max |I(x_n) − I(x_0)|."""
    states = dnn.Rollout(dnn.Flow(X, h, method), steps)(x)
    return np.abs(I(states) - I(x)[..., None]).max()


@pytest.mark.parametrize("scale", [1, 10, 30])
def test_cayley_keeps_the_norm_over_a_thousand_steps(scale, rng):
    X, x = sphere(rng), rng.normal(size=(5, 4))
    X.theta = scale * X.theta

    def norm(x):
        return np.linalg.norm(x, axis=-1)

    assert drift(dnn.Cayley(), X, norm, x, 0.1, 1000) <= 2e-14
    assert dnn.Cayley().preserves(X) == {"norm"}
    assert drift(dnn.RK4(), X, norm, x, 0.1, 1) > 1e-8  # RK4 does not, not even for one step


def test_cayley_is_its_formula(rng):
    """(I − ½hS)y = (I + ½hS)x with S = S(x), and with I = ½xᵀQx, S becomes SQ."""
    x, h = rng.normal(size=(3, 5, 4)), 0.7
    for X, Q in ((sphere(rng), np.eye(4)), (invariant_field(rng, QUADRATIC), QUADRATIC.Q)):
        half = h / 2 * X.skew(x) @ Q
        y = np.linalg.solve(np.eye(4) - half, ((np.eye(4) + half) @ x[..., None]))[..., 0]
        np.testing.assert_allclose(dnn.Cayley().step(X, x, h), y, rtol=1e-13, atol=1e-13)
    X = FIELDS["MassPreservingField C"](rng)
    np.testing.assert_allclose(
        dnn.Cayley().step(X, x, h), dnn.Euler().step(X, x, h), atol=1e-14
    )  # ∇I does not move


def test_implicit_midpoint_keeps_both_quadratics_of_the_rigid_body_over_a_thousand_steps():
    X = systems.rigid_body()
    states = dnn.Rollout(dnn.Flow(X, 0.1, dnn.ImplicitMidpoint()), 1000)(X.x0)
    for I in X.invariants.values():
        assert np.abs(I(states) - I(X.x0)).max() <= 1e-14
    assert dnn.ImplicitMidpoint().preserves(X) == {"norm", "energy"}
    for method in RUNGE_KUTTA:
        assert drift(method, X, X.invariants["energy"], X.x0, 0.1, 100) > 1e-8


def test_implicit_midpoint_keeps_all_quadratic_invariants_and_no_others(rng):
    x = rng.normal(size=(5, 4))
    X = invariant_field(rng, QUADRATIC)
    assert drift(dnn.ImplicitMidpoint(), X, QUADRATIC, x, 0.2, 100) <= 1e-13
    assert dnn.ImplicitMidpoint().preserves(X) == {"invariant"}
    X = invariant_field(rng, WAVY)
    assert drift(dnn.ImplicitMidpoint(), X, WAVY, x, 0.2, 100) > 1e-4
    assert dnn.ImplicitMidpoint().preserves(X) == set()
    orbit = systems.kepler(0.3)
    states = dnn.Rollout(dnn.Flow(orbit, 0.1, dnn.ImplicitMidpoint()), 200)(orbit.x0)
    gaps = {name: np.abs(I(states) - I(orbit.x0)).max() for name, I in orbit.invariants.items()}
    assert gaps["angular_momentum"] <= 1e-14 and gaps["energy"] > 1e-6


@pytest.mark.parametrize("scale", [1, 10, 30])
def test_the_discrete_gradient_keeps_any_smooth_invariant(scale, rng):
    """Drift ≤ 1e-11 over 100 steps, of I given and of a learned energy; with larger fields in smaller steps."""
    x, gonzalez = rng.normal(size=(5, 4)), dnn.DiscreteGradient()
    for X, I in ((invariant_field(rng, WAVY), WAVY), (energetic(rng, signed=False), None)):
        X.theta = scale * X.theta
        I = X.hamiltonian if I is None else I
        start = np.abs(I(x)).max()
        assert drift(gonzalez, X, I, x, 0.2 / scale**2, 100) <= 1e-11 * max(1, start)
        assert gonzalez.preserves(X) == ({"invariant"} if I is WAVY else {"energy"})
        assert drift(dnn.RK4(), X, I, x, 0.2 / scale**2, 100) > 1e-9


@pytest.mark.parametrize(
    ("name", "invariant"),
    [
        ("pendulum", "energy"),
        ("kepler", "energy"),
        ("lotka_volterra", "cycle"),
        ("rigid_body", "casimir"),
    ],
)
def test_the_discrete_gradient_keeps_an_invariant_that_it_is_given(name, invariant, rng):
    """Of any field: S = (X∇Iᵀ − ∇IXᵀ)/‖∇I‖², S∇I = X. Order two, symmetric, and at rest where the field is."""
    X = getattr(systems, name)()
    I, x = X.invariants[invariant], X.x0 + 0.05 * rng.uniform(size=(4, X.dim))
    method = dnn.DiscreteGradient(I)
    assert drift(method, X, I, x, 0.1, 100) <= 1e-12
    assert I.keeps == method.preserves(X) and method.symmetric
    checks.order(method, X, x, t=0.5, finest=16).require()
    np.testing.assert_allclose(method.step(X, method.step(X, x, 0.1), -0.1), x, atol=1e-11)
    from dynsys_nn.integrators.discrete_gradient import SkewForm

    form, n = SkewForm(X, I), rng.normal(size=x.shape)
    np.testing.assert_allclose(form.S(x, form.dI(x)), X(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose((n * form.S(x, n)).sum(axis=-1), 0, atol=1e-13)


def test_a_discrete_gradient_rests_where_its_invariant_does():
    X = systems.pendulum()
    method = dnn.DiscreteGradient(X.invariants["energy"])
    np.testing.assert_array_equal(method.step(X, np.zeros((3, 2)), 0.1), 0)
    assert np.isfinite(dnn.Flow(X, 0.1, method).jacobian(np.zeros(2))).all()
    assert dnn.DiscreteGradient(systems.pendulum().invariants["energy"]).preserves(X) == {
        "energy"
    }  # they are equal
    assert (
        dnn.DiscreteGradient(systems.harmonic_oscillator().invariants["energy"]).preserves(X)
        == set()
    )
    assert (
        repr(method).startswith("DiscreteGradient(SeparableEnergy(")
        and repr(dnn.DiscreteGradient()) == "DiscreteGradient()"
    )


def test_gonzalez_discrete_gradient_has_its_two_properties(rng):
    """⟨∇̄I, y − x⟩ = I(y) − I(x), and ∇̄I(x, x) = ∇I(x); for quadratic I it is ∇I at the midpoint."""
    x, y = rng.normal(size=(2, 50, 4))

    class Straight(dnn.SkewGradientField):
        """S = 1, so that the increment is ∇̄I itself."""

        dim_in = dim_out = 4
        S, I, dI = staticmethod(lambda p, n: n), ValueOf(WAVY, 4), GivenGradient(WAVY, 4)

    phi = dnn.DiscreteGradient().increment(Straight())
    mean = phi(x, y)
    np.testing.assert_allclose((mean * (y - x)).sum(axis=-1), WAVY(y) - WAVY(x), atol=1e-13)
    assert np.abs(mean - WAVY.gradient((x + y) / 2)).max() > 0.01
    np.testing.assert_array_equal(phi(x, x), WAVY.gradient(x))
    X = invariant_field(rng, QUADRATIC)
    np.testing.assert_allclose(
        dnn.DiscreteGradient().step(X, x, 0.1), dnn.ImplicitMidpoint().step(X, x, 0.1), atol=1e-12
    )


def test_the_discrete_gradient_at_rest_and_next_to_it(rng):
    """Where y = x the correction is 0/0, and near it rounding divided by ‖y − x‖: both are taken as none."""
    X = energetic(rng, signed=False)
    from scipy.optimize import root

    rest = root(X, np.zeros(4), jac=X.jacobian, tol=1e-14).x
    for distance in (0.0, 1e-13, 1e-10, 1e-7, 1e-4):
        z = rest + distance * np.array([0.5, -0.5, 0.5, 0.5])
        F = dnn.Flow(X, 0.1, dnn.DiscreteGradient())
        assert np.linalg.norm(F(z) - z) <= 10 * distance + 1e-14
        assert abs(X.hamiltonian(F(z)) - X.hamiltonian(z)) <= 1e-14
        checks.adjoint(F, z).require()
        del F


@pytest.mark.parametrize("method", [dnn.Euler(), dnn.RK4(), dnn.SymplecticEuler()], ids=repr)
def test_a_projected_method_keeps_the_energy_of_the_pendulum(method):
    X = systems.pendulum()
    H, z = X.invariants["energy"], np.array([[1.5, 0.0], [0.3, -1.0], [3.0, 1.0]])
    projected = dnn.Projected(method, H)
    # the third goes round, to an angle of 40
    assert drift(projected, X, H, z, 0.05, 400) <= 2e-13
    assert drift(method, X, H, z, 0.05, 400) > 1e-8
    assert projected.preserves(X) == {"energy"} and projected.order == method.order


def test_a_projection_is_its_formula_with_the_nearest_level(rng):
    x = rng.normal(size=(2, 5, 4))
    X, method = residual(rng), dnn.Projected(dnn.Ralston(), WAVY)
    y_inner, y = dnn.Ralston().step(X, x, 0.1), method.step(X, x, 0.1)
    g = WAVY.gradient(y_inner)
    lam = ((y - y_inner) * g).sum(axis=-1) / (g * g).sum(axis=-1)
    np.testing.assert_allclose(y, y_inner + lam[..., None] * g, atol=1e-14)
    np.testing.assert_allclose(WAVY(y), WAVY(x), atol=1e-13)
    assert np.abs(lam).max() < 0.5
    on_sphere = dnn.Projected(dnn.Euler(), dnn.SquaredNorm()).step(X, x, 0.1)
    e = dnn.Euler().step(X, x, 0.1)
    radii = np.linalg.norm(x, axis=-1, keepdims=True) / np.linalg.norm(e, axis=-1, keepdims=True)
    np.testing.assert_allclose(on_sphere, radii * e, rtol=1e-13)


def test_what_a_pair_of_method_and_field_keeps(rng):
    cycle = systems.lotka_volterra(a=2.0).invariants["cycle"]
    assert (
        dnn.Projected(dnn.RK4(), cycle).preserves(systems.lotka_volterra()) == set()
    )  # another system's cycle
    X = systems.lotka_volterra()
    assert dnn.Projected(dnn.RK4(), X.invariants["cycle"]).preserves(X) == {"invariant"}
    assert dnn.Projected(dnn.RK4(), dnn.SquaredNorm()).preserves(sphere(rng)) == {"norm"}
    assert dnn.Projected(dnn.RK4(), dnn.SquaredNorm()).preserves(residual(rng)) == {
        "norm"
    }  # on any field
    assert dnn.ImplicitMidpoint().preserves(systems.harmonic_oscillator()) == {
        "energy",
        "symplectic",
        "volume",
    }
    assert dnn.ImplicitMidpoint().preserves(systems.pendulum()) == {"symplectic", "volume"}
    assert dnn.ImplicitMidpoint().preserves(FIELDS["MassPreservingField C"](rng)) == {"mass"}
    assert dnn.ImplicitMidpoint().preserves(sphere(rng)) == {"norm"}
    parts = dnn.SumField(sphere(rng), sphere(rng))
    assert dnn.Strang(dnn.Cayley()).preserves(parts) == {"norm"} == parts.keeps
    assert dnn.Yoshida(dnn.ImplicitMidpoint()).preserves(sphere(rng)) == {"norm"}
    assert dnn.RK4().preserves(sphere(rng)) == set()
    net = dnn.Network(*[dnn.Flow(sphere(rng), 0.5, dnn.Cayley()) for _ in range(3)])
    assert net.keeps == {"norm"}
    checks.invariant(net, dnn.SquaredNorm(), rng.normal(size=(5, 4))).require()


def test_the_norm_is_kept_after_training(rng):
    net = dnn.Network(*[dnn.Flow(sphere(rng), 0.5, dnn.Cayley()) for _ in range(3)])
    x, before = rng.normal(size=(100, 4)), net.theta.copy()
    dnn.fit(net, dnn.MeanSquaredError(), x, np.sin(x[:, ::-1]), dnn.LBFGS(), epochs=30)
    assert np.abs(net.theta - before).max() > 0.1
    np.testing.assert_allclose(
        np.linalg.norm(net(x), axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-14
    )


# ---- invariants and their derivatives


def invariants():
    yield from [(I, 4) for I in (dnn.Mass(), dnn.SquaredNorm(), QUADRATIC, WAVY)]
    for name in (
        "mass_example",
        "sir",
        "harmonic_oscillator",
        "pendulum",
        "kepler",
        "lotka_volterra",
        "rigid_body",
    ):
        X = getattr(systems, name)()
        yield from [(I, X.dim) for I in X.invariants.values()]


@pytest.mark.parametrize(("I", "d"), list(invariants()), ids=lambda v: type(v).__name__)
def test_gradient_and_hessian_of_every_invariant_by_complex_step(I, d, rng):
    x, v = 0.5 + rng.uniform(size=(3, 5, d)), rng.normal(size=(3, 5, d))
    gradient = np.stack([I(x + 1e-30j * e).imag / 1e-30 for e in np.eye(d)], axis=-1)
    np.testing.assert_allclose(I.gradient(x), gradient, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(
        I.hvp(x, v), I.gradient(x + 1e-30j * v).imag / 1e-30, rtol=1e-13, atol=1e-13
    )
    assert I(x).shape == (3, 5) and I(x[0, 0]).shape == ()
    if I.degree is not None:  # ∇I is linear
        np.testing.assert_allclose(I.gradient(x + v) - I.gradient(x), I.hvp(x, v), atol=1e-14)


def test_only_the_symmetric_part_of_a_quadratic_form_matters(rng):
    Q, x = rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
    I = dnn.Quadratic(Q)
    np.testing.assert_allclose(I(x), np.einsum("ni,ij,nj->n", x, Q, x) / 2, rtol=1e-13)
    np.testing.assert_allclose(I.gradient(x), x @ (Q + Q.T) / 2, rtol=1e-13)
    Q[:] = 0  # it was copied
    assert np.abs(I(x)).min() > 0
    assert I.gradient(x.astype(np.float32)).dtype == np.float32


# ---- Newton's method


def test_newton_goes_on_until_the_residual_is_at_rounding(rng):
    X, x, h = residual(rng), rng.normal(size=(50, 4)), 0.5
    y = dnn.ImplicitMidpoint().step(X, x, h)
    assert np.abs(y - x - h * X((x + y) / 2)).max() <= 1e-15 * 10
    np.testing.assert_allclose(
        dnn.ImplicitMidpoint().step(X, x.reshape(2, 25, 4), h).reshape(50, 4), y, atol=1e-14
    )
    assert dnn.ImplicitMidpoint().step(X, x[:0], h).shape == (0, 4)


def test_newton_solves_stiff_steps_of_convex_energies(rng):
    """h‖X′‖ of some hundreds: a full step overshoots, a halved one does not."""
    X = energetic(rng, signed=False)
    X.theta = 30 * X.theta
    x = rng.normal(size=(20, 4))
    y = dnn.ImplicitMidpoint().step(X, x, 0.1)
    assert 0.1 * np.linalg.norm(X.jacobian((x + y) / 2), 2, axis=(-2, -1)).max() > 100
    assert np.abs(y - x - 0.1 * X((x + y) / 2)).max() <= 1e-10


def test_newton_says_where_it_fails():
    """x⁺ = x + h(1 + m²), m = (x + x⁺)/2, has no solution for large h."""
    X = dnn.KnownField(lambda x: 1 + x * x, 1, lambda x: 2 * x[..., None])
    x = np.array([[0.0], [5.0], [0.1]])
    dnn.ImplicitMidpoint().step(X, x, 0.01)
    message = r"ImplicitMidpoint\(\): Newton's method did not converge in a step h = 1 from state number 2 of the batch: the residual .* is 0\.\d+; take"
    with pytest.raises(dnn.NotConverged, match=message):
        dnn.ImplicitMidpoint().step(X, [[-1.0], [-2.0], [0.1]], 1.0)
    with pytest.raises(dnn.NotConverged, match="in a step h = 1.35"):  # γ₁h
        dnn.Flow(X, 1.0, dnn.Yoshida(dnn.ImplicitMidpoint()))(x)
    blowing = dnn.KnownField(lambda x: x, 1, lambda x: np.ones_like(x)[..., None])
    with pytest.raises(dnn.NotConverged, match="singular in a step h = 2"):  # I − ½hX′ = 0
        dnn.ImplicitMidpoint().step(blowing, [[1.0]], 2.0)
    outside = dnn.Projected(
        dnn.Euler(),
        dnn.Invariant(
            lambda x: np.cos(x[..., 0]), lambda x: -np.sin(x), lambda x, v: -np.cos(x) * v
        ),
    )
    with pytest.raises(
        dnn.NotConverged,
        match=r"did not converge in a step h = 1 .* the residual .I.ỹ \+ λ∇I.ỹ.. − I.x",
    ):
        outside.step(dnn.KnownField(lambda x: np.pi - x, 1), [[0.5]], 1.0)  # lands where ∇I = 0


def test_an_implicit_layer_without_a_solution_ends_a_training_with_theta_restored(rng):
    X = dnn.HamiltonianField(dnn.Dense(4, 2, rng=rng), dnn.Identity(), alpha=[3.0, -1.0, 2.0, -2.5])
    net = dnn.Network(dnn.Flow(X, 0.5, dnn.ImplicitMidpoint()))
    x = rng.normal(size=(10, 2))

    class Failing(dnn.ImplicitMidpoint):
        calls = 0

        def vjp(self, field, x, h):
            Failing.calls += 1
            if Failing.calls in (4, 5):
                raise dnn.NotConverged("Newton's method did not converge in a step h = 0.5")
            return super().vjp(field, x, h)

    failing = dnn.Network(
        dnn.Flow(dnn.HamiltonianField(dnn.Dense(4, 2, rng=1), dnn.Tanh()), 0.5, Failing())
    )
    with pytest.raises(dnn.TrainingDiverged, match="did not converge in a step h = 0.5") as caught:
        dnn.fit(failing, dnn.MeanSquaredError(), x, 2 * x, epochs=10)
    assert len(caught.value.history.loss) == 3 and np.isfinite(failing.theta).all()
    Failing.calls = -2  # a value and gradient, the same again for scipy, then a failure
    dnn.fit(
        failing, dnn.MeanSquaredError(), x, 2 * x, dnn.LBFGS(), epochs=3
    )  # a wall for the line search
    dnn.fit(net, dnn.MeanSquaredError(), x, 2 * x, dnn.LBFGS(), epochs=5)
    assert np.isfinite(net.theta).all()


def test_implicit_methods_want_the_jacobian_and_a_field_of_their_kind(rng):
    with pytest.raises(NotImplementedError, match="built without a Jacobian"):
        dnn.ImplicitMidpoint().step(dnn.KnownField(np.sin, 2), np.ones(2), 0.1)
    for method, X, message in (
        (
            dnn.Cayley(),
            partitioned(rng),
            "Cayley needs a field S.x.∇I.x. with I of degree one or two, .* got PartitionedField",
        ),
        (
            dnn.Cayley(),
            invariant_field(rng, WAVY),
            "of Quadratic.Q., got InvariantField of Invariant",
        ),
        (
            dnn.DiscreteGradient(),
            residual(rng),
            "DiscreteGradient needs a field S.x.∇I.x., .* got a ResidualField",
        ),
        (
            dnn.Projected(dnn.StormerVerlet(), WAVY),
            residual(rng),
            "StormerVerlet needs a PartitionedField",
        ),
        (dnn.Yoshida(), residual(rng), "StormerVerlet needs a PartitionedField"),
    ):
        with pytest.raises(TypeError, match=message):
            dnn.Flow(X, 0.1, method)


def test_float32_stays_float32(rng):
    A, C = dnn.Dense(7, 4, rng=rng, dtype=np.float32), dnn.Dense(6, 7, rng=rng, dtype=np.float32)
    x, h = rng.normal(size=(5, 4)).astype(np.float32), 0.1
    cases = [
        (dnn.Cayley(), dnn.SpherePreservingField(A, dnn.Tanh(), C)),
        (
            dnn.DiscreteGradient(),
            dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng, dtype=np.float32), dnn.Tanh()),
        ),
        (
            dnn.ImplicitMidpoint(),
            dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng, dtype=np.float32), dnn.Softplus()),
        ),
        (
            dnn.Projected(dnn.RK4(), QUADRATIC),
            dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng, dtype=np.float32), dnn.Tanh()),
        ),
    ]
    for method, X in cases:
        F = dnn.Flow(X, h, method)
        y, pullback = F.vjp(x)
        dx, dtheta = pullback(x)
        assert {
            F(x).dtype,
            y.dtype,
            dx.dtype,
            dtheta.dtype,
            F.jvp(x, x)[1].dtype,
            F.jacobian(x).dtype,
        } == {np.dtype(np.float32)}, method
        assert np.isfinite(dtheta).all()
    F = dnn.HenonMap(
        dnn.GradientField(dnn.Dense(6, 2, rng=rng, dtype=np.float32), dnn.Tanh(), sign=1)
    )
    assert F(x).dtype == F.vjp(x)[1](x)[1].dtype == np.float32


# ---- far out, at rest, and other places where rounding shows


def test_the_discrete_gradient_keeps_the_energy_after_a_thousand_turns():
    """I may vary over a length of 1 however large ‖x‖ is: the drift is that of rounding 2π · 1000, and the midpoint rule's is not."""
    X = dnn.HamiltonianField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Sine())
    z = np.array([[2000 * np.pi + 1.0, 0.8]])
    assert drift(dnn.DiscreteGradient(), X, X.hamiltonian, z, 0.01, 200) <= 1e-10
    assert drift(dnn.ImplicitMidpoint(), X, X.hamiltonian, z, 0.01, 200) > 1e-8


def test_a_projection_at_rest_has_the_derivative_of_its_method():
    """There ∇I = 0, and λ with it."""
    for X, I in ((systems.pendulum(), None), (sphere(np.random.default_rng(0)), dnn.SquaredNorm())):
        I = X.invariants["energy"] if I is None else I
        x = np.zeros((3, X.dim))
        F = dnn.Flow(X, 0.1, dnn.Projected(dnn.RK4(), I))
        dx, dtheta = F.vjp(x)[1](np.ones_like(x))
        assert np.isfinite(dx).all() and np.isfinite(dtheta).all()
        assert np.isfinite(F(x + 0j)).all()
        J = F.jacobian(x)
        del F
        np.testing.assert_array_equal(J, dnn.Flow(X, 0.1, dnn.RK4()).jacobian(x))


def test_newton_takes_rounding_around_an_equilibrium_at_zero_for_none():
    """X(0) is 1e-17, not 0, and no step can make it smaller."""
    G = dnn.GradientField(dnn.Dense(3, 1, W=[[1.1], [2.2], [-3.3]]), dnn.Tanh())
    G.b = 0.5
    for h in (0.1, 0.3, 1.0, 0.01):
        assert np.abs(dnn.ImplicitMidpoint().step(G, np.zeros(1), h)).max() <= 1e-15


def test_complex_steps_in_h_and_from_rest(rng):
    """∂Ψ/∂h = Im Ψ^{h + iε}/ε, and where the real residual cannot fall the imaginary part is solved for all the same."""
    x = rng.normal(size=(5, 4))
    for method, X in (
        (dnn.ImplicitMidpoint(), energetic(rng)), (dnn.DiscreteGradient(), energetic(rng)), (dnn.Cayley(), sphere(rng)),
        (dnn.Projected(dnn.RK4(), WAVY), invariant_field(rng, WAVY)), (dnn.Yoshida(dnn.ImplicitMidpoint()), energetic(rng)),
    ):  # fmt: skip
        derivative = method.step(X, x, 0.1 + 1e-30j).imag / 1e-30
        np.testing.assert_allclose(
            derivative, method.jvp(X, x, 0.1, 0 * x, None, 1.0)[1], rtol=1e-11, atol=1e-12
        )
    from scipy.optimize import root

    X, v = energetic(rng, signed=False), rng.normal(size=(5, 4))
    rest = root(X, np.zeros(4), jac=X.jacobian, tol=1e-14).x * np.ones((5, 1))
    tangent = dnn.ImplicitMidpoint().step(X, rest + 1e-30j * v, 0.5).imag / 1e-30
    np.testing.assert_allclose(
        tangent, dnn.ImplicitMidpoint().jvp(X, rest, 0.5, v)[1], rtol=1e-10, atol=1e-11
    )


def test_states_that_are_not_finite_are_named(rng):
    x = rng.normal(size=(4, 4))
    x[2, 1] = np.nan
    for method, X in (
        (dnn.ImplicitMidpoint(), residual(rng)),
        (dnn.DiscreteGradient(), energetic(rng)),
    ):
        with pytest.raises(
            dnn.NotConverged, match="state number 2 of the batch, or its field, is not finite"
        ):
            method.step(X, x, 0.1)
    with pytest.raises(
        dnn.NotConverged, match="state number 2 of the batch, or its field, is not finite"
    ):
        dnn.Projected(dnn.RK4(), WAVY).step(residual(rng), x, 0.1)


def jump(height):
    """X₁ = ±height against the sign of x₁, which no implicit step from x₁ = 0 can meet; X₂ = x₂/10."""
    return dnn.KnownField(
        lambda x: np.stack([np.where(x[..., 0] > 0, -height, height), x[..., 1] / 10], axis=-1), 2,
        lambda x: np.diag([0.0, 0.1]) + 0 * x[..., None],
    )  # fmt: skip


def test_newton_refuses_a_residual_of_1e_10_and_names_the_state_that_is_worst_for_its_size():
    with pytest.raises(dnn.NotConverged, match="the residual .* is 1e-10"):
        dnn.ImplicitMidpoint().step(jump(1e-9), [[0.0, 1.0]], 0.1)
    large = np.stack([np.ones(20), np.linspace(1e12, 2e12, 20)], axis=-1)
    dnn.ImplicitMidpoint().step(jump(1e-9), large, 0.1)
    with pytest.raises(dnn.NotConverged, match="from state number 20 of the batch"):
        dnn.ImplicitMidpoint().step(jump(1e-9), np.concatenate([large, [[0.0, 1.0]]]), 0.1)


def test_a_step_without_a_flow_wants_a_field_of_its_kind_too(rng):
    x = np.ones(4)
    for method, X in (
        (dnn.Cayley(), residual(rng)), (dnn.Cayley(), invariant_field(rng, WAVY)), (dnn.DiscreteGradient(), residual(rng)),
        (dnn.Yoshida(), residual(rng)),
    ):  # fmt: skip
        for call in (method.step, method.vjp):
            with pytest.raises(TypeError, match="needs a"):
                call(X, x, 0.1)
        with pytest.raises(TypeError, match="needs a"):
            method.jvp(X, x, 0.1, x)
        with pytest.raises(TypeError, match="needs a"):
            method.preserves(X)


# ---- words


def known(keeps, **invariants):
    X = dnn.KnownField(
        lambda x: 0 * x, 3, lambda x: 0 * x[..., None] + np.zeros((3, 3)), keeps=keeps
    )
    X.invariants = invariants
    return X


def test_two_invariants_of_one_word_are_claimed_only_where_both_are_kept():
    quadratic, other = (
        dnn.Quadratic(np.diag([0.0, 0.0, 1.0])),
        dnn.Invariant(np.sum, np.ones_like, np.zeros_like),
    )
    both, one = known({"invariant"}, a=quadratic, b=other), known({"invariant"}, a=quadratic)
    for method, X, word in (
        (dnn.ImplicitMidpoint(), both, set()), (dnn.ImplicitMidpoint(), one, {"invariant"}),
        (dnn.Projected(dnn.Heun(), quadratic), both, set()), (dnn.Projected(dnn.Heun(), quadratic), one, {"invariant"}),
        (dnn.DiscreteGradient(quadratic), both, set()), (dnn.DiscreteGradient(quadratic), one, {"invariant"}),
    ):  # fmt: skip
        assert method.preserves(X) == word, (method, X.invariants.keys())


def test_implicit_midpoint_keeps_mass_and_norm_also_of_fields_without_an_invariant_object():
    for word in ("mass", "norm"):
        assert dnn.ImplicitMidpoint().preserves(known({word, "volume", "energy"})) == {word}


def test_an_invariant_of_ones_own_needs_no_word_and_no_degree(rng):
    class WithDegree(Bare):
        degree = 2

    A = [dnn.Dense(6, 4, rng=rng) for _ in range(3)]
    assert dnn.ImplicitMidpoint().preserves(dnn.InvariantField(A[0], dnn.Tanh(), Bare())) == set()
    X = dnn.InvariantField(A[1], dnn.Tanh(), WithDegree())
    assert dnn.ImplicitMidpoint().preserves(X) == {"invariant"} == dnn.Cayley().preserves(X)
    assert dnn.Projected(dnn.RK4(), X.invariant).preserves(X) == {"invariant"}


def test_the_orbit_of_kepler_keeps_its_angular_momentum_as_an_invariant():
    X = systems.kepler()
    I = X.invariants["angular_momentum"]
    assert dnn.Projected(dnn.RK4(), I).preserves(X) == {"invariant"}
    assert dnn.ImplicitMidpoint().preserves(X) == {"symplectic", "volume", "invariant"}


def test_invariants_take_lists_and_integers():
    assert dnn.SquaredNorm()([3, 4]) == 12.5 and dnn.Mass()([3, 4]) == 7
    half = dnn.Quadratic([[1.5, 0.5], [0.5, 1.0]])
    assert half([1, 2]) == pytest.approx(3.75)
    np.testing.assert_allclose(half.gradient([1, 2]), [2.5, 2.5])
    np.testing.assert_allclose(half.hvp([0, 0], [1, 2]), [2.5, 2.5])


@pytest.mark.parametrize("missing", ["__call__", "gradient", "hvp"])
def test_each_member_of_an_invariant_is_asked_for(missing):
    members = {
        "__call__": lambda self, x: 0.0,
        "gradient": lambda self, x: x,
        "hvp": lambda self, x, v: v,
    }
    del members[missing]
    with pytest.raises(
        TypeError, match="invariant must have I.x., I.gradient.x. and I.hvp.x, v., got"
    ):
        dnn.Projected(dnn.RK4(), type("Half", (), members)())


def test_potentials_want_states_of_their_dimension_and_take_numbers_as_covectors(rng):
    X = FIELDS["GradientField diag(α)"](rng)
    assert X.potential([1, 0, 0, 1]) == X.potential(np.array([1.0, 0, 0, 1]))
    V = Potential(X)
    np.testing.assert_array_equal(V.vjp(np.ones(4))[1](1.0)[0], X.sign * X(np.ones(4)))
    for call in (X.potential, V, V.vjp, lambda x: V.jvp(x, x), energetic(rng).hamiltonian):
        with pytest.raises(ValueError, match="states of dimension 4"):
            call(np.zeros(3))
    with pytest.raises(ValueError, match="tangent"):
        V.jvp(np.zeros(4), np.zeros(3))


def test_formulas_of_skew_fields(rng):
    def A():
        return dnn.Dense(9, 3, rng=rng)

    assert dnn.MassPreservingField(A(), dnn.Tanh()).formula == "(M − Mᵀ)1"
    assert dnn.SpherePreservingField(A(), dnn.Tanh()).formula == "(M − Mᵀ)x"
    assert dnn.InvariantField(A(), dnn.Tanh(), dnn.Quadratic(np.eye(3))).formula == "(M − Mᵀ)∇I(x)"
    assert dnn.HamiltonianField(dnn.Dense(3, 2), dnn.Tanh()).formula == "JAᵀσ(Ax + b)"


def test_a_composition_of_ones_own_needs_only_its_plan(rng):
    class Thrice(dnn.integrators.Composition):
        order = 1

        def plan(self, field):
            return [(None, field, dnn.Euler(), 1 / 3)] * 3

    X, x = residual(rng), rng.normal(size=(5, 4))
    np.testing.assert_allclose(Thrice().step(X, x, 0.3), dnn.Flow(X, 0.1, steps=3)(x), rtol=1e-14)
    assert repr(Thrice()) == "Thrice()"


# ---- projections and small steps


def shrinking(c):
    return dnn.KnownField(
        lambda x: (c - 1) * x, 2, lambda x: (c - 1) * np.eye(2) + 0 * x[..., None]
    )


def test_newton_for_lambda_goes_on_to_the_level_from_far():
    """From cx back to the sphere of x: the square root of c² by Newton's method."""
    x = np.array([[3.0, 4.0], [1.0, 0.0]])
    for c in (0.01, 0.1, 0.8, 10.0, 1e3, 1e6):  # from inside the full step overshoots
        y = dnn.Projected(dnn.Euler(), dnn.SquaredNorm()).step(shrinking(c), x, 1.0)
        np.testing.assert_allclose(y, x, rtol=1e-15 * c + 1e-14)


def test_a_projection_of_a_batch_is_that_of_each_state(rng):
    X, method, x = residual(rng), dnn.Projected(dnn.Euler(), WAVY), rng.normal(size=(40, 4))
    together = method.step(X, x, 0.3)
    np.testing.assert_allclose(
        together, [method.step(X, z, 0.3) for z in x], rtol=1e-13, atol=1e-14
    )
    np.testing.assert_allclose(WAVY(together), WAVY(x), rtol=1e-14, atol=1e-14)


def test_a_projection_takes_a_state_at_rest_and_lists():
    rest = dnn.KnownField(lambda x: 0 * x, 2, lambda x: 0 * x[..., None] + np.zeros((2, 2)))
    method = dnn.Projected(dnn.Euler(), dnn.SquaredNorm())
    np.testing.assert_array_equal(method.step(rest, [[0, 0], [3, 4]], 0.1), [[0, 0], [3, 4]])
    turning = dnn.KnownField(
        lambda x: x[..., ::-1] * [1.0, -1.0],
        2,
        lambda x: np.array([[0.0, 1], [-1, 0]]) + 0 * x[..., None],
    )
    x = np.array([3.0, 4.0])
    np.testing.assert_array_equal(
        method.vjp(turning, [3, 4], 0.1)[1](x)[0], method.vjp(turning, x, 0.1)[1](x)[0]
    )
    np.testing.assert_array_equal(
        method.jvp(turning, [3, 4], 0.1, x)[1], method.jvp(turning, x, 0.1, x)[1]
    )


def test_a_level_of_zero_is_a_level_and_a_gap_of_1e_10_is_none():
    saddle, angle = dnn.Quadratic([[0.0, 1.0], [1.0, 0.0]]), np.linspace(0, 6, 200)
    x = np.stack([np.linspace(1, 2, 50), np.zeros(50)], axis=-1)  # I = x₁x₂ = 0
    turn = dnn.KnownField(lambda x: np.stack([-x[..., 1], x[..., 0]], axis=-1), 2)
    np.testing.assert_allclose(
        saddle(dnn.Projected(dnn.Euler(), saddle).step(turn, x, 0.3)), 0, atol=1e-13
    )
    circle = dnn.Invariant(lambda x: (x * x).sum(axis=-1) / 2 - 0.5, lambda x: x, lambda x, v: v)
    dnn.Projected(dnn.Euler(), circle).step(
        shrinking(0.9), np.stack([np.cos(angle), np.sin(angle)], axis=-1), 1.0
    )
    steps = dnn.Invariant(  # I jumps by 1e-10 where x₁ = 1, and for x₂ > 0 the level is in the gap
        lambda x: np.where(x[..., 1] > 0, 1 - 5e-11, x[..., 0] - np.where(x[..., 0] > 1, 0.0, 1e-10)),
        lambda x: np.array([1.0, 0]) + 0 * x, lambda x, v: 0 * v,
    )  # fmt: skip
    fall = dnn.KnownField(lambda x: np.stack([0.01 + 0 * x[..., 0], -x[..., 1] - 1], axis=-1), 2)
    for batch in ([[1.0, 1.0]], [[1.0, 1.0], [1.0, -1.0]]):  # one of the batch is enough
        with pytest.raises(
            dnn.NotConverged, match="did not converge .* from state number 0 of the batch"
        ):
            dnn.Projected(dnn.Euler(), steps).step(fall, batch, 1.0)


@pytest.mark.parametrize("size", [1e-5, 3e-5, 1e-4, 1e-3, 1e-2])
def test_the_discrete_gradient_is_corrected_for_small_steps_too(size):
    """⟨∇̄I, y − x⟩ = I(y) − I(x) for I = sin 10x, whose e = O(‖δ‖³) is 4e-14 at ‖δ‖ = 1e-5."""

    class Straight(dnn.SkewGradientField):
        dim_in = dim_out = 1
        I = dnn.Invariant(
            lambda x: np.sin(10 * x[..., 0]),
            lambda x: 10 * np.cos(10 * x),
            lambda x, v: -100 * np.sin(10 * x) * v,
        )
        S, I, dI = staticmethod(lambda p, n: n), ValueOf(I, 1), GivenGradient(I, 1)

    x, y = np.array([1 - size / 2]), np.array([1 + size / 2])
    mean = dnn.DiscreteGradient().increment(Straight())(x, y)
    assert abs((mean @ (y - x)) - (np.sin(10 * y[0]) - np.sin(10 * x[0]))) <= 1e-15


def test_the_discrete_gradient_from_a_state_whose_square_is_zero(rng):
    X = dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng), dnn.Tanh())
    x = 1e-158 * np.ones(4)
    np.testing.assert_allclose(
        dnn.DiscreteGradient().step(X, x, 0.1), dnn.ImplicitMidpoint().step(X, x, 0.1), rtol=1e-12
    )


def test_not_converged_is_an_arithmetic_error():
    assert issubclass(dnn.NotConverged, ArithmeticError) and issubclass(
        dnn.TrainingDiverged, ArithmeticError
    )


def test_a_composition_keeps_no_energy_that_is_only_that_of_each_part(rng):
    energies = dnn.SumField(energetic(rng), energetic(rng))
    assert dnn.Strang(dnn.DiscreteGradient()).preserves(energies) == set()
    F = dnn.Flow(energies, 0.1, dnn.Strang(dnn.DiscreteGradient()))
    assert not checks.invariant(
        F, lambda z: sum(X.hamiltonian(z) for X in energies.parts), rng.normal(size=4), steps=10
    ).passed
    given = dnn.SumField(invariant_field(rng, WAVY), invariant_field(rng, QUADRATIC))
    assert dnn.LieTrotter(dnn.DiscreteGradient()).preserves(given) == set()


def test_the_derivatives_of_an_increment_agree_also_in_y(rng):
    """⟨w, Φ_y dy⟩ = ⟨Φ_yᵀw, dy⟩, which the solver needs only as a matrix, and that matrix."""
    x, y, dy, w = rng.normal(size=(4, 5, 4))
    y = x + 0.1 * y
    for method, X in (
        (dnn.Cayley(), invariant_field(rng, QUADRATIC)), (dnn.DiscreteGradient(), energetic(rng)),
        (dnn.DiscreteGradient(), invariant_field(rng, WAVY)), (dnn.DiscreteGradient(WAVY), residual(rng)),
    ):  # fmt: skip
        phi = method.increment(X)
        tangent = phi.jvp(x, y, 0 * x, dy)[1]
        back = phi.vjp(x, y)[1](w)[1]
        matrix = (phi.jacobian(x, y) @ dy[..., None])[..., 0]
        np.testing.assert_allclose(matrix, tangent, rtol=1e-11, atol=1e-12)
        assert abs((w * tangent).sum() - (back * dy).sum()) <= 1e-12 * np.linalg.norm(
            w
        ) * np.linalg.norm(tangent), method


def test_the_discrete_gradient_claims_only_the_invariant_that_the_field_is_made_of(rng):
    class Both(dnn.InvariantField):
        """Says that it keeps more than its I."""

        keeps = frozenset({"invariant", "mass", "volume"})

    X = Both(dnn.Dense(6, 4, rng=rng), dnn.Tanh(), WAVY)
    assert dnn.DiscreteGradient().preserves(X) == {"invariant"}
