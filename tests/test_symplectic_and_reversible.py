"""DᵀJD = J, Ψ_{−h}Ψ_h = id and ρΨ_hρΨ_h = id: at 1, 10 and 30 times the initial parameters, and after training."""

import numpy as np
import pytest
from zoo import (
    FIELDS,
    PARTITIONED,
    RUNGE_KUTTA,
    YOSHIDAS,
    PositionVerlet,
    energetic,
    hamiltonian,
    henon,
    lie,
    partitioned,
    sphere,
)

import dynsys_nn as dnn
from dynsys_nn import checks, systems

J8 = np.block([[np.zeros((4, 4)), np.eye(4)], [-np.eye(4), np.zeros((4, 4))]])


def gradient(rng, n, width=8):
    """∇V of V = Σ αᵢγ(Ax + b)ᵢ, with weights α of both signs."""
    G = dnn.GradientField(
        dnn.Dense(width, n, rng=rng), dnn.Tanh(), sign=1, alpha=rng.normal(size=width)
    )
    G.b = rng.normal(size=width)
    return G


def shears(method):
    return lambda rng: dnn.Flow(
        dnn.PartitionedField(gradient(rng, 4), gradient(rng, 4)), 1 / 20, method
    )


def implicit(method):
    def layer(rng):
        X = dnn.HamiltonianField(dnn.Dense(16, 8, rng=rng), dnn.Tanh())
        X.b = rng.normal(size=16)
        return dnn.Flow(X, 1 / 20, method)

    return layer


LAYERS = {
    "SymplecticEuler": shears(dnn.SymplecticEuler()),
    "StormerVerlet": shears(dnn.StormerVerlet()),
    "Yoshida": shears(dnn.Yoshida()),
    "HenonMap": lambda rng: dnn.HenonMap(gradient(rng, 4)),
    "ImplicitMidpoint": implicit(dnn.ImplicitMidpoint()),
    "Yoshida of ImplicitMidpoint": implicit(dnn.Yoshida(dnn.ImplicitMidpoint())),
}


def defect(F, x):
    """max ‖DᵀJD − J‖/‖D‖²."""
    D = F.jacobian(x)
    gap = np.linalg.norm(D.swapaxes(-1, -2) @ J8 @ D - J8, axis=(-2, -1))
    return (gap / np.linalg.norm(D, axis=(-2, -1)) ** 2).max()


@pytest.mark.parametrize("scale", [1, 30])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_twenty_symplectic_layers_in_dimension_eight(layer, scale, rng):
    net = dnn.Network(*[layer(rng) for _ in range(20)])
    net.theta = scale * net.theta
    x = rng.normal(size=(2, 8))
    measured = defect(net, x)
    assert measured <= 1e-12
    assert checks.symplectic(net, x).require().measured == pytest.approx(measured, rel=1e-6)
    assert net.keeps == {"symplectic", "volume"}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_twenty_symplectic_layers_after_training(layer, rng):
    """On a map that contracts, which they cannot learn."""
    net, x = dnn.Network(*[layer(rng) for _ in range(20)]), rng.normal(size=(50, 8))
    before = net.theta.copy()
    dnn.fit(net, dnn.MeanSquaredError(), x, 0.5 * np.sin(x + x[:, ::-1]), dnn.Adam(2e-2), epochs=6)
    assert np.abs(net.theta - before).max() > 0.05
    assert defect(net, x[:5]) <= 1e-12


def test_what_is_not_symplectic(rng):
    """Shears that are no gradients, other methods on the same field, and the Hénon map with +q, which is anti-symplectic."""
    x = rng.normal(size=(5, 8))
    plain = dnn.PartitionedField(dnn.Dense(4, 4, rng=rng), dnn.Dense(4, 4, rng=rng))
    assert not checks.symplectic(dnn.Flow(plain, 0.1, dnn.SymplecticEuler()), x).passed
    X = energetic(rng, n=4)
    for method in (
        *RUNGE_KUTTA,
        dnn.DiscreteGradient(),
        dnn.Projected(dnn.RK4(), dnn.SquaredNorm()),
    ):
        assert checks.symplectic(dnn.Flow(X, 0.1, method), x).measured > 1e-9
        assert "symplectic" not in method.preserves(X)
        X = energetic(rng, n=4)

    class PlusQ(dnn.Map):
        """Without a tangent of its own, so that the check takes differences."""

        dim_in = dim_out = 8
        dV = gradient(rng, 4)

        def __call__(self, z):
            q, p = np.split(z, 2, axis=-1)
            return np.concatenate([p, self.dV(p) + q], axis=-1)

    check = checks.symplectic(PlusQ(), x)
    assert not check.passed and "anti-symplectic" in check.detail


def test_the_symplectic_check_says_what_is_wrong(rng):
    def pairs(z):
        """A shear for states (q₁, p₁, q₂, p₂)."""
        q, p = z[..., ::2], z[..., 1::2]
        return np.stack([q, p - np.sin(q)], axis=-1).reshape(z.shape)

    x = rng.normal(size=(3, 4))
    assert "put all of q first" in checks.symplectic(pairs, x).detail
    assert "even dimension" in checks.symplectic(lambda z: z, x[:, :3]).detail
    assert "even dimension" in checks.symplectic(dnn.Lift(6, 4), x).detail
    there = checks.symplectic(
        lambda z: np.concatenate([z[..., 2:], -z[..., :2]], axis=-1), x
    ).require()
    assert there.limit < 1e-14 and "F′ by complex steps" in there.detail
    worst = np.stack([np.eye(4), np.diag([1, 1, 1, 1 + 1e-3])])
    assert not checks.symplectic(
        dnn.KnownField(lambda z: (worst @ z[..., None])[..., 0], 4, lambda z: worst),
        np.ones((2, 4)),
    ).passed


# ---- Hamiltonian fields


@pytest.mark.parametrize(
    "make",
    [energetic, lambda rng: energetic(rng, signed=False), hamiltonian],
    ids=["α", "1", "T + V"],
)
def test_hamiltonian_fields_are_j_grad_h(make, rng):
    X, z = make(rng), rng.normal(size=(3, 5, 4))
    gradient = np.stack([X.hamiltonian(z + 1e-30j * e).imag / 1e-30 for e in np.eye(4)], axis=-1)
    np.testing.assert_allclose(
        X(z),
        np.concatenate([gradient[..., 2:], -gradient[..., :2]], axis=-1),
        rtol=1e-12,
        atol=1e-13,
    )
    assert X.keeps == {"energy", "symplectic", "volume"} and X.hamiltonian(z).shape == (3, 5)
    np.testing.assert_array_equal(X.divergence(z), np.zeros((3, 5)))
    np.testing.assert_allclose(np.trace(X.jacobian(z), axis1=-2, axis2=-1), 0, atol=1e-14)
    H = X.hamiltonian(dnn.exact_flow(X, z[0], [0.5, 1.0, 2.0]))
    np.testing.assert_allclose(
        H, np.broadcast_to(X.hamiltonian(z[0])[:, None], H.shape), rtol=1e-11
    )


def test_a_hamiltonian_field_shows_its_parts_under_their_names(rng):
    X = dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng), dnn.Tanh(), alpha=np.arange(6.0))
    assert list(X.parameters) == ["A", "b", "alpha"] and X.theta.size == 36
    X.b, X.alpha = np.ones(6), 2.0
    assert (
        np.shares_memory(X.b, X.theta)
        and (X.parameters["b"] == 1).all()
        and (X.parameters["alpha"] == 2).all()
    )
    z = rng.normal(size=(5, 4))
    G = (2.0 * np.tanh(z @ X.A.W.T + 1)) @ X.A.W
    np.testing.assert_allclose(X(z), np.concatenate([G[:, 2:], -G[:, :2]], axis=-1), rtol=1e-13)
    np.testing.assert_allclose(
        X.hamiltonian(z), 2 * np.log(np.cosh(z @ X.A.W.T + 1)).sum(axis=-1), rtol=1e-12
    )
    assert X.lipschitz() == pytest.approx(2 * np.linalg.norm(X.A.W, 2) ** 2)
    assert list(dnn.Flow(X, 0.1, dnn.ImplicitMidpoint()).parameters) == ["A", "b", "alpha"]
    np.testing.assert_array_equal(
        X.skew(z)[0], np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    )


def test_the_henon_map_is_its_formula_and_four_of_them_the_identity(rng):
    F, z = henon(rng), rng.normal(size=(5, 4))
    q, p = z[:, :2], z[:, 2:]
    np.testing.assert_allclose(F(z), np.concatenate([p + F.eta, -q + F.dV(p)], axis=-1), rtol=1e-15)
    checks.inverse(F, z, limit=1e-14).require()
    assert list(F.parameters) == ["dV.A", "dV.b", "dV.alpha", "eta"] and np.abs(F.eta).min() > 0
    F.theta = 0 * F.theta
    np.testing.assert_array_equal(F(F(F(F(z)))), z)
    assert dnn.HenonMap(dnn.Dense(2, 2)).keeps == {"volume"} and dnn.HenonMap(
        dnn.Dense(1, 1)
    ).keeps == {
        "volume",
        "symplectic",
    }
    general = dnn.HenonMap(dnn.Dense(2, 2, rng=rng))
    assert checks.volume(general, z).passed and not checks.symplectic(general, z).passed


@pytest.mark.parametrize("scale", [1, 10])
def test_implicit_midpoint_keeps_the_volume_of_partitioned_fields_and_not_of_all(scale, rng):
    """det(I + ½hX′) = det(I − ½hX′) where X′ has no diagonal blocks, gradients or not."""
    X, z = partitioned(rng), rng.normal(size=(5, 4))
    X.theta = scale * X.theta
    F = dnn.Flow(X, 0.1 / scale, dnn.ImplicitMidpoint())
    assert F.keeps == {"volume"}
    checks.volume(F, z).require()
    G = dnn.Flow(FIELDS["GradientField −"](rng), 0.1, dnn.ImplicitMidpoint())
    assert not G.keeps and not checks.volume(G, z).passed
    solenoidal = dnn.KnownField(
        lambda x: x @ np.diag([1.0, 1.0, -2.0]),
        3,
        lambda x: np.diag([1.0, 1.0, -2.0]) + 0 * x[..., None],
        keeps={"volume"},
    )
    F = dnn.Flow(solenoidal, 0.1, dnn.ImplicitMidpoint())
    assert (
        not F.keeps and not checks.volume(F, z[:, :3]).passed
    )  # divergence zero alone is not enough


# ---- symmetry in time


def symmetric_pairs(rng):
    """(method, field) where the method claims Ψ_{−h}Ψ_h = id."""
    parts = dnn.SumField(energetic(rng), hamiltonian(rng))
    return [
        *[(method, partitioned(rng)) for method in (dnn.StormerVerlet(), PositionVerlet(), *YOSHIDAS)],
        (dnn.ImplicitMidpoint(), energetic(rng)), (dnn.ImplicitMidpoint(), sphere(rng)),
        (dnn.DiscreteGradient(), energetic(rng)), (dnn.DiscreteGradient(), FIELDS["InvariantField of a given I"](rng)),
        (dnn.Strang(dnn.ImplicitMidpoint()), parts), (dnn.Strang([dnn.ImplicitMidpoint(), dnn.StormerVerlet()]), parts),
        (dnn.Yoshida(dnn.ImplicitMidpoint()), energetic(rng)), (dnn.Yoshida(dnn.Strang(dnn.ImplicitMidpoint())), parts),
    ]  # fmt: skip


def test_time_symmetry(rng):
    """Ψ_{−h}Ψ_h = id for the methods that claim it: then `inverse` is the step with −h."""
    z = rng.normal(size=(2, 5, 4))
    for method, X in symmetric_pairs(rng):
        assert method.symmetric, method
        there = method.step(X, z, 0.2)
        assert np.abs(there - z).max() > 0.05
        np.testing.assert_allclose(method.step(X, there, -0.2), z, atol=1e-12, err_msg=repr(method))
        np.testing.assert_allclose(
            method.inverse(X, there, 0.2), z, atol=1e-12, err_msg=repr(method)
        )


def test_methods_that_are_not_symmetric_do_not_claim_it(rng):
    z = rng.normal(size=(5, 4))
    parts = dnn.SumField(partitioned(rng), hamiltonian(rng))
    cases = [
        *[(method, energetic(rng)) for method in RUNGE_KUTTA], (dnn.SymplecticEuler(), partitioned(rng)), (dnn.Cayley(), sphere(rng)),
        (dnn.LieTrotter(dnn.StormerVerlet()), parts), (dnn.Strang(dnn.SymplecticEuler()), parts),
        (dnn.Strang([dnn.StormerVerlet(), dnn.SymplecticEuler()]), parts), (dnn.Projected(dnn.RK4(), dnn.SquaredNorm()), sphere(rng)),
        (dnn.LieEuler(), lie(rng)), (dnn.CommutatorFree4(), lie(rng)),
    ]  # fmt: skip
    for method, X in cases:
        assert not method.symmetric, method
        assert np.abs(method.step(X, method.step(X, z, 0.2), -0.2) - z).max() > 1e-9, method
    for method in (dnn.Cayley(), dnn.Projected(dnn.RK4(), dnn.SquaredNorm())):
        with pytest.raises(NotImplementedError, match="has no explicit inverse"):
            method.inverse(sphere(rng), z, 0.1)


def even_in_p(rng):
    """H(q, −p) = H(q, p): each row (a, b) of A has its mirror image (a, −b), with the same bias and weight."""
    W, b, alpha = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=3)
    X = dnn.HamiltonianField(
        dnn.Dense(6, 4, W=np.concatenate([W, W * [1, 1, -1, -1]])),
        dnn.Tanh(),
        alpha=np.tile(alpha, 2),
    )
    X.b = np.tile(b, 2)
    return X


def test_rho_reversibility(rng):
    """ρ(q, p) = (q, −p) turns solutions round; so do symmetric methods: ρΨ_hρΨ_h = id. Symplectic Euler does not."""

    def there_and_back(method, X, z, h=0.2):
        rho = np.repeat([1.0, -1.0], X.dim // 2)
        return rho * method.step(X, rho * method.step(X, z, h), h)

    kepler, pendulum, learned = systems.kepler(), systems.pendulum(), even_in_p(rng)
    near_orbit = kepler.x0 + 0.1 * rng.normal(size=(5, 4))
    for X, z in ((kepler, near_orbit), (pendulum, rng.normal(size=(5, 2)))):
        for method in (
            dnn.StormerVerlet(),
            PositionVerlet(),
            dnn.ImplicitMidpoint(),
            *YOSHIDAS,
            dnn.Yoshida(dnn.ImplicitMidpoint()),
        ):
            np.testing.assert_allclose(
                there_and_back(method, X, z, 0.05), z, atol=1e-12, err_msg=repr(method)
            )
        for method in (dnn.SymplecticEuler(), *RUNGE_KUTTA):
            assert np.abs(there_and_back(method, X, z) - z).max() > 1e-7, method
    z = rng.normal(size=(5, 4))
    for method in (
        dnn.ImplicitMidpoint(),
        dnn.DiscreteGradient(),
        dnn.Yoshida(dnn.DiscreteGradient()),
    ):
        np.testing.assert_allclose(there_and_back(method, learned, z), z, atol=1e-12)
        assert (
            np.abs(there_and_back(method, energetic(rng), z) - z).max() > 1e-3
        )  # the field is not reversible


def test_yoshida_composes_with_its_coefficients(rng):
    X, z, h = partitioned(rng), rng.normal(size=(5, 4)), 0.3
    g1, g0 = 1 / (2 - 2 ** (1 / 3)), -(2 ** (1 / 3)) / (2 - 2 ** (1 / 3))
    y, verlet = z, dnn.StormerVerlet()
    for c in (g1, g0, g1):
        y = verlet.step(X, y, c * h)
    np.testing.assert_allclose(dnn.Yoshida().step(X, z, h), y, atol=1e-14)
    g1, y = 1 / (2 - 2 ** (1 / 5)), z
    for c in (g1, 1 - 2 * g1, g1):
        y = dnn.Yoshida().step(X, y, c * h)
    np.testing.assert_allclose(dnn.Yoshida(dnn.Yoshida()).step(X, z, h), y, atol=1e-14)
    assert dnn.Yoshida().order == 4 and dnn.Yoshida(dnn.Yoshida()).order == 6
    assert all(
        method.symmetric == (tuple(method.shears) == tuple(method.shears)[::-1])
        for method in PARTITIONED
    )


def test_lists_of_shears_are_symmetric_where_they_read_the_same_backwards():
    from dynsys_nn.integrators import PartitionedMethod

    for shears, symmetric in (
        ([("g", 0.25), ("f", 0.5), ("g", 0.5), ("f", 0.5), ("g", 0.25)], True), ((("g", 0.3), ("f", 1), ("g", 0.7)), False),
        ((("f", 0.5), ("g", 1.0), ("g", 0.5)), False), ([("g", 1), ("f", 1)], False),
    ):  # fmt: skip
        assert (
            type("Own", (PartitionedMethod,), {"shears": shears, "order": 1})().symmetric
            == symmetric
        )


def test_the_henon_map_wants_its_dimension_takes_lists_and_stays_float32():
    F = dnn.HenonMap(dnn.Dense(2, 2, rng=0))
    np.testing.assert_allclose(F.inverse(list(F([1, 2, 3, 4]))), [1, 2, 3, 4])
    for call in (F.inverse, lambda v: F.jvp(np.zeros(4), v), F.vjp(np.zeros(4))[1]):
        with pytest.raises(ValueError, match="4"):
            call(np.zeros(6))
    F, z = dnn.HenonMap(dnn.Dense(2, 2, rng=0, dtype=np.float32)), np.ones((5, 4), np.float32)
    results = (
        F.inverse(np.ones((5, 4))),
        F.vjp(z)[1](np.ones((5, 4)))[0],
        F.jvp(z, np.ones((5, 4)))[1],
    )
    assert {r.dtype for r in results} == {np.dtype(np.float32)}


def test_a_composition_refuses_a_zero_step_before_its_first_substep(rng):
    class Careless(dnn.Method):
        """A substep that does not look at h."""

        order = 1

        def step(self, field, x, h):
            return x

        inverse = step

        def vjp(self, field, x, h):
            return x, lambda w: (w, 0.0, 0.0)

        def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
            return x, v

    X, z, method = (
        dnn.SumField(partitioned(rng), partitioned(rng)),
        np.ones(4),
        dnn.LieTrotter(Careless()),
    )
    for call in (method.step, method.inverse, method.vjp, lambda X, z, h: method.jvp(X, z, h, z)):
        for h in (0, np.nan, np.inf):
            with pytest.raises(ValueError, match="other than zero"):
                call(X, z, h)


@pytest.mark.parametrize(("sign_f", "sign_g"), [(-1, -1), (-1, 1), (1, 1)])
def test_the_energy_of_a_partitioned_field_has_the_signs_of_its_parts(sign_f, sign_g, rng):
    f, g = (
        dnn.GradientField(dnn.Dense(5, 2, rng=rng), dnn.Tanh(), sign=sign)
        for sign in (sign_f, sign_g)
    )
    X, z = dnn.PartitionedField(f, g), rng.normal(size=(5, 4))
    gradient = np.stack([X.hamiltonian(z + 1e-30j * e).imag / 1e-30 for e in np.eye(4)], axis=-1)
    np.testing.assert_allclose(
        X(z), np.concatenate([gradient[:, 2:], -gradient[:, :2]], axis=-1), rtol=1e-12, atol=1e-13
    )


def test_a_hamiltonian_wants_gradients_in_both_halves(rng):
    for f, g, name in ((0, 1, "g"), (1, 0, "f")):
        maps = [
            dnn.GradientField(dnn.Dense(4, 2, rng=rng), dnn.Tanh()),
            dnn.ResidualField(dnn.Dense(2, 2, rng=rng), dnn.Tanh()),
        ]
        with pytest.raises(NotImplementedError, match=f"but {name} is ResidualField"):
            dnn.PartitionedField(maps[f], maps[g]).hamiltonian(np.zeros(4))
