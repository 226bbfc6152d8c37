"""Volume, mass, the symplectic form, invariants and inverses: at 1, 10 and 30 times the initial parameters, and after training."""

import numpy as np
import pytest
from zoo import (
    FIELDS,
    RUNGE_KUTTA,
    Bare,
    explicit_pairs,
    hamiltonian,
    partitioned,
    randomise,
    residual,
    shear,
)

import dynsys_nn as dnn
from dynsys_nn import checks, systems

EPS = np.finfo(float).eps
SCALES = (1, 10, 30)


def volume_network(rng, scale=1.0, layers=20, method=None):
    """Twenty layers of X_θ(x, v) = (Σ(Av + a), Σ(Bx + b)) in dimension 6, weights and biases drawn, then scaled."""

    def layer():
        f, g = (dnn.ResidualField(dnn.Dense(3, 3, rng=rng), dnn.Tanh()) for _ in "fg")
        X = dnn.PartitionedField(f, g)
        f.b, g.b = rng.normal(size=3), rng.normal(size=3)
        X.theta = scale * X.theta
        return dnn.Flow(X, 1 / layers, method or dnn.SymplecticEuler())

    return dnn.Network(*[layer() for _ in range(layers)])


def trained(net, rng, epochs=50):
    """The network after learning a map that contracts volume, which it cannot do."""
    x = rng.normal(size=(100, net.dim_in))
    dnn.fit(
        net, dnn.MeanSquaredError(), x, 0.5 * np.sin(x + x[:, ::-1]), dnn.Adam(1e-2), epochs=epochs
    )
    return net


@pytest.mark.parametrize("method", [dnn.SymplecticEuler(), dnn.StormerVerlet()], ids=repr)
def test_volume_is_preserved_by_twenty_layers_initially_and_after_training(method, rng):
    net, x = volume_network(rng, method=method), rng.normal(size=(5, 6))
    assert np.abs(np.linalg.det(net.jacobian(x)) - 1).max() <= 1e-12
    before = net.theta.copy()
    trained(net, rng)
    assert np.abs(net.theta - before).max() > 0.1
    assert np.abs(np.linalg.det(net.jacobian(x)) - 1).max() <= 1e-12
    assert net.keeps == {"volume"}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", [dnn.SymplecticEuler(), dnn.StormerVerlet()], ids=repr)
def test_volume_is_preserved_layer_by_layer_at_every_scale(method, scale, rng):
    net = volume_network(rng, scale, method=method)
    for x, F in zip(net.states(rng.normal(size=(5, 6))), net.maps, strict=False):
        D = F.jacobian(x)
        assert (np.abs(np.linalg.det(D) - 1) <= 10 * EPS * np.linalg.cond(D)).all()


def test_euler_on_the_same_field_does_not_preserve_volume(rng):
    F = volume_network(rng, method=dnn.Euler()).maps[0]
    check = checks.volume(F, rng.normal(size=(5, 6)))
    assert not check.passed and check.measured > 1e-4
    assert not F.keeps


@pytest.mark.parametrize("scale", SCALES)
def test_divergence_of_a_partitioned_field_is_zero(scale, rng):
    X = randomise(partitioned(rng), rng, scale)
    x = rng.normal(size=(5, 4))
    np.testing.assert_array_equal(X.divergence(x), np.zeros(5))
    assert X.divergence(x).shape == (5,)
    np.testing.assert_array_equal(np.trace(X.jacobian(x), axis1=-2, axis2=-1), 0)


def test_divergence_is_the_trace_of_the_jacobian_by_complex_step(rng):
    for name in ("ResidualField", "GradientField diag(α)", "MassPreservingField C", "SumField"):
        X, x = FIELDS[name](rng), rng.normal(size=(5, 4))
        trace = sum(X(x + 1e-30j * e)[:, k].imag / 1e-30 for k, e in enumerate(np.eye(4)))
        np.testing.assert_allclose(X.divergence(x), trace, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "method",
    [dnn.SymplecticEuler(), dnn.StormerVerlet(), dnn.Strang(dnn.StormerVerlet())],
    ids=repr,
)
def test_gradient_shears_are_symplectic(method, scale, rng):
    """DᵀJD = J where f and g are gradients, and not in general."""
    J = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    X = hamiltonian(rng)
    plain = dnn.PartitionedField(shear(rng, 2, 2), shear(rng, 2, 2))
    X.theta, plain.theta = scale * X.theta, scale * plain.theta
    if isinstance(method, dnn.Strang):
        X, plain = (dnn.SumField(Y, hamiltonian(rng)) for Y in (X, plain))
    x = rng.normal(size=(5, 4))

    def defect(F):
        D = F.jacobian(x)
        return (
            np.linalg.norm(D.swapaxes(-1, -2) @ J @ D - J, axis=(-2, -1))
            / np.linalg.norm(D, axis=(-2, -1)) ** 2
        ).max()

    structured, general = dnn.Flow(X, 0.1, method), dnn.Flow(plain, 0.1, method)
    assert defect(structured) <= 1e-14 and structured.keeps == {"volume", "symplectic"}
    assert defect(general) >= 1e-5 and general.keeps == {"volume"}


def test_stormer_verlet_keeps_the_energy_near_and_is_symmetric():
    X, z0 = systems.pendulum(), np.array([1.5, 0.0])
    H = X.invariants["energy"]
    for method, near in ((dnn.StormerVerlet(), True), (dnn.Heun(), False)):
        drift = np.abs(H(dnn.Rollout(dnn.Flow(X, 0.1, method), 5000)(z0)) - H(z0))
        first, last = drift[:1000].max(), drift[-1000:].max()
        assert (first < 2e-3 and last <= 1.01 * first) if near else last > 4 * first
    z = np.array([[1.5, 0.3], [-0.4, 1.0]])
    there = dnn.StormerVerlet().step(X, z, 0.3)
    np.testing.assert_allclose(dnn.StormerVerlet().step(X, there, -0.3), z, atol=1e-14)
    there = dnn.SymplecticEuler().step(X, z, 0.3)
    assert np.abs(dnn.SymplecticEuler().step(X, there, -0.3) - z).max() > 1e-3


# ---- mass


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", ["C", "vec M", "triangle"])
def test_mass_is_kept_to_rounding_over_three_thousand_euler_steps(form, scale, rng):
    """Drift ≤ N · 2.2e-16 · max‖x‖₁, a rounding error a step."""
    N = 3000
    F = dnn.Rollout(dnn.Flow(FIELDS[f"MassPreservingField {form}"](rng), 0.1), 100)
    F.theta = scale * F.theta
    x, mass = rng.uniform(0, 1, (2, 4)), dnn.Mass()
    start, drift, largest = mass(x)[:, None], 0.0, 0.0
    for _ in range(N // 100):
        states = F(x)  # a hundred of them
        drift = max(drift, np.abs(mass(states) - start).max())
        largest = max(largest, np.abs(states).sum(axis=-1).max())
        x = states[:, -1]
    assert drift <= N * EPS * largest
    assert largest < 1e7  # so that the limit means something


@pytest.mark.parametrize("method", RUNGE_KUTTA, ids=repr)
def test_every_runge_kutta_method_keeps_linear_invariants(method, rng):
    for X in (FIELDS["MassPreservingField C"](rng), systems.mass_example(), systems.sir()):
        F = dnn.Flow(X, 0.1, method)
        assert F.keeps == {"mass"}
        checks.invariant(F, dnn.Mass(), rng.uniform(0, 0.5, (5, X.dim)), steps=30).require()


def test_mass_is_kept_after_training_and_lost_by_a_residual_network(rng):
    x = rng.uniform(0, 1, (100, 3))
    y = dnn.exact_flow(systems.sir(), x, 1.0)
    structured = dnn.Network(
        dnn.Lift(4, 3),
        dnn.Flow(FIELDS["MassPreservingField C"](rng), 0.2),
        dnn.Flow(FIELDS["MassPreservingField vec M"](rng), 0.2),
        dnn.Restriction(3, 4),
    )
    free = dnn.Network(dnn.Lift(4, 3), dnn.Flow(residual(rng), 0.2), dnn.Restriction(3, 4))
    for net in (structured, free):
        dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs=50)
    assert structured.keeps == {"mass"} and not free.keeps
    assert checks.invariant(structured, dnn.Mass(), x, steps=50).require()
    assert checks.invariant(free, dnn.Mass(), x, steps=1).measured > 1e-3


def test_lift_and_restriction_keep_the_sum_and_undo_each_other(rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 10))
    np.testing.assert_allclose(dnn.Lift(10, 3)(x).sum(axis=-1), x.sum(axis=-1), rtol=1e-14)
    np.testing.assert_allclose(dnn.Restriction(3, 10)(y).sum(axis=-1), y.sum(axis=-1), rtol=1e-13)
    np.testing.assert_array_equal(dnn.Restriction(3, 10)(dnn.Lift(10, 3)(x)), x)


@pytest.mark.parametrize("scale", SCALES)
def test_skew_fields_leave_their_invariant(scale, rng):
    """∇IᵀX = 0 for I = 1ᵀx and I = ½‖x‖², X = (M − Mᵀ)∇I with the skew matrix that `skew` shows."""
    for name in FIELDS:
        if "Mass" in name or "Invariant" in name:
            X = FIELDS[name](rng)
            X.theta = scale * X.theta
            x = rng.normal(size=(6, 4))
            S, n = X.skew(x), X.invariant.gradient(x)
            np.testing.assert_array_equal(S, -S.swapaxes(-1, -2))
            np.testing.assert_allclose(
                X(x), (S @ n[..., None])[..., 0], rtol=1e-12, atol=1e-13 * scale
            )
            rate = np.abs((n * X(x)).sum(axis=-1))
            assert (
                rate
                <= 10 * EPS * np.linalg.norm(n, axis=-1) * np.linalg.norm(X(x), axis=-1)
                + 10 * EPS * np.abs(S).sum(axis=(-2, -1))
            ).all()


@pytest.mark.parametrize(
    "name",
    [
        "mass_example",
        "sir",
        "harmonic_oscillator",
        "pendulum",
        "lotka_volterra",
        "rigid_body",
        "kepler",
    ],
)
def test_the_systems_keep_their_invariants(name, rng):
    X = getattr(systems, name)()
    x = X.x0 * (1 + 0.1 * rng.uniform(size=(4, X.dim)))
    states = dnn.exact_flow(X, x, np.linspace(0.2, 2, 5))
    for I in X.invariants.values():
        np.testing.assert_allclose(
            I(states), np.broadcast_to(I(x)[:, None], (4, 5)), rtol=1e-11, atol=1e-12
        )
        assert np.ptp(I(x)) > 1e-3  # it tells states apart
    checks.tangent(X, x).require()


def test_kepler_orbits_close_after_two_pi():
    for e in (0.0, 0.5, 0.8):
        X = systems.kepler(e)
        np.testing.assert_allclose(dnn.exact_flow(X, X.x0, 2 * np.pi), X.x0, atol=1e-10)
        r = np.linalg.norm(
            dnn.exact_flow(X, X.x0, np.linspace(0.01, 2 * np.pi, 400))[:, :2], axis=-1
        )
        np.testing.assert_allclose((r.min(), r.max()), (1 - e, 1 + e), atol=1e-3)


# ---- what a pair of field and method keeps


def test_a_splitting_keeps_only_what_each_substep_keeps(rng):
    mass = dnn.SumField(
        FIELDS["MassPreservingField C"](rng), FIELDS["MassPreservingField triangle"](rng)
    )
    assert dnn.Strang().preserves(mass) == {"mass"}
    volume = dnn.SumField(partitioned(rng), partitioned(rng))
    assert volume.keeps == {"volume"}
    assert dnn.LieTrotter(dnn.SymplecticEuler()).preserves(volume) == {"volume"}
    assert dnn.LieTrotter(dnn.Heun()).preserves(volume) == set()
    mixed = dnn.SumField(systems.mass_example(), dnn.KnownField(lambda x: x, 3))
    assert mixed.keeps == set()


def test_what_a_partitioned_field_keeps_depends_on_both_halves(rng):
    def gradient(n):
        return dnn.GradientField(dnn.Dense(4, n, rng=rng), dnn.Tanh())

    hamiltonian_too = {"volume", "symplectic", "energy"}
    assert dnn.PartitionedField(gradient(2), gradient(2)).keeps == hamiltonian_too
    assert dnn.PartitionedField(gradient(2), shear(rng, 2, 2)).keeps == {"volume"}
    assert dnn.PartitionedField(shear(rng, 2, 2), gradient(2)).keeps == {"volume"}
    assert (
        dnn.PartitionedField(shear(rng, 1, 1), shear(rng, 1, 1)).keeps == hamiltonian_too
    )  # on a line all is gradient
    assert dnn.PartitionedField(shear(rng, 2, 1), shear(rng, 1, 2)).keeps == {"volume"}
    assert systems.kepler().keeps == hamiltonian_too | {"invariant"}  # and the angular momentum
    mixed = dnn.SumField(gradient(2), shear(rng, 2, 2))
    assert not mixed.is_gradient and dnn.SumField(gradient(2), gradient(2)).is_gradient
    assert (
        not dnn.KnownField(np.sin, 2).is_gradient
        and dnn.KnownField(np.sin, 2, gradient=True).is_gradient
    )


def test_energies_and_invariants_of_different_maps_are_not_one():
    class Keeper(dnn.Map):
        dim_in = dim_out = 2
        keeps = frozenset({"energy", "invariant", "norm"})

        def __call__(self, x):
            return x

    one, other = Keeper(), Keeper()
    assert dnn.Network(one, other).keeps == {"norm"}
    assert dnn.Network(one, one).keeps == {"norm", "energy", "invariant"}
    assert dnn.Restriction(2, 3).keeps == {"mass"} and dnn.Lift(3, 2).keeps == {"mass", "norm"}
    field = dnn.KnownField(np.sin, 2, keeps={"norm", "invariant", "energy", "mass"})
    assert dnn.Euler().preserves(field) == {"mass"}
    assert dnn.SumField(
        field, dnn.KnownField(np.cos, 2, keeps={"norm", "invariant", "energy"})
    ).keeps == {"norm"}


def test_vec_m_is_row_by_row(rng):
    """S = M − Mᵀ with M the matrix whose rows are the entries in order, or its strict upper triangle."""
    entries = rng.normal(size=9)
    A = dnn.Dense(9, 3, W=np.outer(entries, [1.0, 0, 0]))
    M = entries.reshape(3, 3)
    x = np.array([1.0, 0, 0])
    X = dnn.MassPreservingField(A, dnn.Identity())
    np.testing.assert_allclose(X.skew(x), M - M.T)
    np.testing.assert_allclose(X(x), (M - M.T).sum(axis=1))
    U = np.zeros((3, 3))
    U[np.triu_indices(3, 1)] = entries[:3]
    X = dnn.MassPreservingField(
        dnn.Dense(3, 3, W=np.outer(entries[:3], [1.0, 0, 0])), dnn.Identity()
    )
    np.testing.assert_allclose(X(x), (U - U.T).sum(axis=1))


def test_two_energies_do_not_make_one(rng):
    assert dnn.SumField(hamiltonian(rng), hamiltonian(rng)).keeps == {"volume", "symplectic"}


def test_gradient_flows_descend_and_two_solutions_never_move_apart(rng):
    X = FIELDS["GradientField −"](rng)
    x, y = rng.normal(size=(2, 20, 4))
    t = np.linspace(0.1, 3, 20)
    V = X.potential(dnn.exact_flow(X, x, t))
    assert (np.diff(V, axis=-1) < 0).all()
    distance = np.linalg.norm(dnn.exact_flow(X, x, t) - dnn.exact_flow(X, y, t), axis=-1)
    assert (np.diff(distance, axis=-1) <= 0).all()


@pytest.mark.parametrize("name", ["GradientField −", "GradientField +", "GradientField diag(α)"])
def test_gradient_fields_are_gradients_of_their_potentials(name, rng):
    X, x = FIELDS[name](rng), rng.normal(size=(5, 4))
    gradient = np.stack([X.potential(x + 1e-30j * e).imag / 1e-30 for e in np.eye(4)], axis=-1)
    np.testing.assert_allclose(X(x), X.sign * gradient, rtol=1e-12, atol=1e-13)
    J = X.jacobian(x)
    np.testing.assert_allclose(J, J.swapaxes(-1, -2), rtol=1e-12, atol=1e-13)


# ---- inverses


@pytest.mark.parametrize("scale", (1, 10))
def test_explicit_inverses_undo_their_steps(scale, rng):
    inverted = 0
    for _, method, X in explicit_pairs(rng):
        X.theta = scale * X.theta
        F = dnn.Flow(X, 0.1, method, steps=2)
        x = rng.normal(size=(5, 4))
        try:
            F.inverse(x)
        except NotImplementedError as error:
            assert "no explicit inverse" in str(error)
            continue
        inverted += 1
        checks.inverse(F, x, limit=1e-12 * scale**4).require()
    assert (
        inverted == 17
    )  # three lists of shears and three compositions of them, two fields each, three splittings, and two exact flows
    A = dnn.Affine(3, 3, rng=0, b=[1.0, -2.0, 3.0])
    checks.inverse(A, rng.normal(size=(4, 2, 3)), limit=1e-13).require()
    three = dnn.SumField(
        partitioned(rng), hamiltonian(rng), partitioned(rng)
    )  # an order that matters
    checks.inverse(
        dnn.Flow(three, 0.3, dnn.LieTrotter(dnn.SymplecticEuler())),
        rng.normal(size=(5, 4)),
        limit=1e-13,
    ).require()


def test_the_inverse_of_a_network_runs_through_its_maps_backwards(rng):
    backwards = dnn.Flow(
        dnn.PartitionedField(shear(rng, 3, 3), shear(rng, 3, 3)), -0.2, dnn.StormerVerlet()
    )
    net = dnn.Network(volume_network(rng, layers=4), dnn.Affine(6, 6, rng=rng), backwards)
    checks.inverse(net, rng.normal(size=(5, 6)), limit=1e-11).require()


# ---- guard the guard


def test_the_volume_invariant_and_inverse_checks_fail_on_wrong_maps(rng):
    x = rng.normal(size=(5, 6))
    good = volume_network(rng, layers=2)

    class SlightlyWrong(dnn.SymplecticEuler):
        def step(self, field, z, h):
            return super().step(field, z, h) * (1 + 1e-9)

        def jvp(self, field, z, h, dz, dtheta=None, dh=0.0):
            y, dy = super().jvp(field, z, h, dz, dtheta, dh)
            return y * (1 + 1e-9), dy * (1 + 1e-9)

    bad = dnn.Flow(partitioned(rng), 0.1, SlightlyWrong())
    assert checks.volume(good, x).passed and not checks.volume(bad, x[:, :4]).passed
    assert not checks.inverse(bad, x[:, :4]).passed

    leaky = FIELDS["MassPreservingField C"](rng)
    leaky.S.E_i = leaky.S.E_i * (1 + 1e-9)
    assert not checks.invariant(dnn.Flow(leaky, 0.1), dnn.Mass(), x[:, :4], steps=100).passed


def test_the_volume_check_takes_a_plain_function(rng):
    def shear_map(z):
        x, v = z[..., :1], z[..., 1:]
        x = x + np.tanh(v)
        return np.concatenate([x, v + np.sin(x)], axis=-1)

    x = rng.normal(size=(5, 2))
    assert checks.volume(shear_map, x).passed
    assert not checks.volume(lambda z: shear_map(z) * np.array([1, 1.01]), x).passed
    checks.invariant(lambda z: z[..., ::-1], lambda z: z.sum(axis=-1), x).require()


def test_a_general_invariant_field_keeps_its_invariant_and_no_mass():
    assert dnn.InvariantField(dnn.Dense(9, 3), dnn.Tanh(), Bare()).keeps == {"invariant"}
    assert dnn.InvariantField(dnn.Dense(9, 3), dnn.Tanh(), dnn.SquaredNorm()).keeps == {"norm"}
    assert dnn.Rollout(dnn.Flow(systems.sir(), 0.1), 2).keeps == {"mass"}


def test_what_the_systems_keep_and_where_they_start():
    """The words, and the values of each invariant at the default start, which fix its scale, sign and parameters."""
    known = {
        "mass_example": ({"mass"}, [0.2, 0.6, 0.9], dict(mass=1.7)),
        "sir": ({"mass", "invariant"}, [0.9, 0.1, 0.0], dict(mass=1.0, epidemic=1 - np.log(0.9))),
        "harmonic_oscillator": ({"volume", "symplectic", "energy"}, [1.0, 0.0], dict(energy=0.5)),
        "pendulum": ({"volume", "symplectic", "energy"}, [1.5, 0.0], dict(energy=-np.cos(1.5))),
        "kepler": ({"volume", "symplectic", "energy", "invariant"}, [0.5, 0, 0, 3**0.5], dict(energy=-0.5, angular_momentum=0.75**0.5)),
        "lotka_volterra": ({"invariant"}, [2.0, 1.0], dict(cycle=3 - np.log(2))),
        "rigid_body": ({"norm", "energy", "volume"}, [np.cos(1.1), 0, np.sin(1.1)],
            dict(casimir=0.5, energy=np.cos(1.1) ** 2 / 4 + 3 * np.sin(1.1) ** 2 / 4)),
    }  # fmt: skip
    for name, (keeps, x0, invariants) in known.items():
        X = getattr(systems, name)()
        assert X.keeps == keeps and X.invariants.keys() == invariants.keys()
        np.testing.assert_allclose(X.x0, x0)
        for key, value in invariants.items():
            assert X.invariants[key](X.x0) == pytest.approx(value), (name, key)


def test_the_right_hand_sides_with_parameters_that_all_differ(rng):
    X, x, y = systems.lotka_volterra(1.0, 2.0, 3.0, 5.0), 0.7, 1.3
    np.testing.assert_allclose(X([x, y]), [x * (1 - 2 * y), y * (5 * x - 3)])
    checks.tangent(X, rng.uniform(0.5, 2, (5, 2))).require()
    z = rng.uniform(0.5, 2, (5, 2))
    rate = [
        (X.invariants["cycle"](s + 1e-6 * X(s)) - X.invariants["cycle"](s - 1e-6 * X(s))) / 2e-6
        for s in z
    ]
    np.testing.assert_allclose(rate, 0, atol=1e-8)
    inertia, m = np.array([2.0, 1.0, 0.5]), rng.normal(size=(5, 3))
    np.testing.assert_allclose(
        systems.rigid_body(inertia)(m), np.cross(m, m / inertia), rtol=1e-12, atol=1e-14
    )
