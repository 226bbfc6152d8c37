"""How was it built, what does it keep, what are its factors: each question has one answer."""

import copy
import math
import pickle

import numpy as np
import pytest
from zoo import (
    FIELDS,
    LOPSIDED,
    QUADRATIC,
    WAVY,
    energetic,
    invariant_field,
    partitioned,
    points,
    residual,
)

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.arguments import identity, same

# ---- how was it built?

BUILT = {
    "Tanh()": dnn.Tanh(),
    "LeakyReLU(0.30000000000000004)": dnn.LeakyReLU(0.1 + 0.2),
    "LeakyReLU()": dnn.LeakyReLU(0.5),
    "Strang(Kutta3())": dnn.Strang(dnn.Kutta3()),
    "Strang()": dnn.Strang(dnn.Heun()),
    "Projected(RK4(), SquaredNorm())": dnn.Projected(dnn.RK4(), dnn.SquaredNorm()),
    "RungeKutta([[], [0.5]], [0.0, 1.0])": dnn.RungeKutta([[], [0.5]], [0, 1]),
    "Adam(0.0100000004)": dnn.Adam(0.0100000004),
    "Adam(0.01, eps=1e-06)": dnn.Adam(0.01, eps=1e-6),
    "MulticlassHinge(0.3)": dnn.MulticlassHinge(0.3),
    "Checkpoints(3)": dnn.Checkpoints(3),
    "SpectralBall(Dense(2 → 2), radius=0.5)": dnn.SpectralBall(dnn.Dense(2, 2, rng=0), radius=0.5),
}


@pytest.mark.parametrize("text", BUILT)
def test_a_repr_has_all_arguments_that_differ_and_all_their_digits(text):
    assert repr(BUILT[text]) == text
    for twin in (copy.deepcopy(BUILT[text]), pickle.loads(pickle.dumps(BUILT[text]))):
        assert twin == BUILT[text] and hash(twin) == hash(BUILT[text]) and repr(twin) == text
    assert sum(BUILT[text] == other for other in BUILT.values()) == 1


class Gauss(dnn.Activation):
    """A class of one's own, with an argument."""

    def __init__(self, width=1.0):
        self.width = width


class Momentum(dnn.Optimiser):
    """A class of one's own, whose attributes have other names than its arguments."""

    def __init__(self, rate):
        self.r, self.note, self.start_at = rate, "slow", None


def test_classes_of_ones_own_are_described_too():
    assert repr(Gauss(1 / 3)) == "Gauss(0.3333333333333333)" and Gauss(1 / 3) == Gauss(
        1 / 3
    ) != Gauss(1 / 4)
    assert repr(Momentum(0.1)) == "Momentum(r=0.1, note='slow', start_at=None)" and Momentum(
        0.1
    ) != Momentum(0.2)
    assert identity(Gauss(1 / 3)) == identity(Gauss(1 / 3)) != identity(Gauss(1 / 4))


def test_functions_are_the_same_if_they_do_the_same():
    def made(c):
        return lambda x: c * x

    assert same(made(2.0), made(2.0)) and not same(made(2.0), made(3.0))
    assert identity(made(2.0)) == identity(made(2.0)) != identity(made(3.0))
    assert same(np.arange(3), np.arange(3)) and not same(np.arange(3), np.arange(3.0))


# ---- what does it keep?


@pytest.mark.parametrize(
    "name",
    [
        "pendulum",
        "kepler",
        "lotka_volterra",
        "rigid_body",
        "sir",
        "mass_example",
        "harmonic_oscillator",
    ],
)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda X: pickle.loads(pickle.dumps(X)), lambda X: getattr(systems, X.made)()],
    ids=["deepcopy", "pickle", "made again"])  # fmt: skip
def test_a_copied_system_keeps_its_invariants(name, again):
    X = getattr(systems, name)()
    X.made = name
    twin = again(X)
    assert twin.keeps == X.keeps and list(twin.invariants) == list(X.invariants)
    for key, I in X.invariants.items():
        assert twin.invariants[key] == I
        method = dnn.Projected(dnn.RK4(), I)
        assert method.preserves(twin) == method.preserves(X) >= I.keeps
    np.testing.assert_array_equal(twin(X.x0), X(X.x0))


def test_systems_with_other_parameters_have_other_invariants():
    I = systems.lotka_volterra(a=2.0).invariants["cycle"]
    assert (
        I != systems.lotka_volterra().invariants["cycle"]
        and I == systems.lotka_volterra(a=2).invariants["cycle"]
    )
    energies = [
        systems.rigid_body(inertia).invariants["energy"] for inertia in ((1, 2, 3), (1, 2, 4))
    ]
    assert energies[0] != energies[1]


def test_a_projection_says_that_it_keeps_its_invariant_on_any_field(rng):
    """Learned ones included; and it does."""
    X, x = residual(rng), points(rng, (5,))
    F = dnn.Flow(X, 0.2, dnn.Projected(dnn.RK4(), WAVY))
    assert F.keeps == {"invariant"} and F.invariants == {"invariant": WAVY} and not X.keeps
    checks.invariant(F, WAVY, x, steps=20, limit=1e-12).require()
    net = dnn.Network(F, dnn.Flow(residual(rng), 0.1, dnn.Projected(dnn.Heun(), WAVY)))
    assert net.keeps == {"invariant"}  # of two fields, the same I
    other = dnn.Flow(residual(rng), 0.1, dnn.Projected(dnn.Heun(), QUADRATIC))
    assert dnn.Network(F, other).keeps == set()


def test_a_tied_network_keeps_its_energy_and_two_fields_do_not(rng):
    X, z = energetic(rng), 0.3 * rng.normal(size=(4, 4))
    steps = [dnn.Flow(X, h, dnn.DiscreteGradient()) for h in (0.1, 0.05)]
    net = dnn.Network(*steps)
    assert net.keeps == {"energy"} and list(net.invariants.values()) == [X.I]
    checks.invariant(net, X.hamiltonian, z, steps=10, limit=1e-12).require()
    assert (
        dnn.Network(steps[0], dnn.Flow(energetic(rng), 0.1, dnn.DiscreteGradient())).keeps == set()
    )


def test_a_field_as_a_map_keeps_nothing_of_what_its_flow_keeps(rng):
    for name in ("SpherePreservingField", "HamiltonianField", "MassPreservingField C"):
        X = FIELDS[name](rng)
        assert X.keeps and dnn.Network(X).keeps == set() and dnn.Network(X).invariants == {}


# ---- parts that are solved exactly


def drift_and_kick(rng):
    """q̇ = f(p) alone and ṗ = g(q) alone: as partitioned fields with a zero half, and as functions."""
    f, g = (dnn.GradientField.random(2, 5, alpha=1.0, bias=1.0, rng=rng) for _ in range(2))
    yield (
        f,
        g,
        dnn.SumField(
            dnn.PartitionedField(f, dnn.Zero(2, 2)), dnn.PartitionedField(dnn.Zero(2, 2), g)
        ),
    )

    def drift(z):
        return np.concatenate([f(z[..., 2:]), 0 * z[..., 2:]], axis=-1)

    def kick(z):
        return np.concatenate([0 * z[..., :2], g(z[..., :2])], axis=-1)

    words = {"volume", "symplectic"}
    yield (
        f,
        g,
        dnn.SumField(dnn.KnownField(drift, 4, keeps=words), dnn.KnownField(kick, 4, keeps=words)),
    )


@pytest.mark.parametrize("kind", [0, 1], ids=["zero halves", "functions"])
def test_strang_of_two_exact_sub_flows_is_order_two_symmetric_and_symplectic(kind, rng):
    """Drift–kick–drift, whatever method steps the parts."""
    f, g, X = list(drift_and_kick(rng))[kind]
    z, h = rng.normal(size=(5, 4)), 0.3
    for inner in (dnn.Euler(), dnn.RK4()):
        method = dnn.Strang(inner)
        q, p = z[:, :2] + h / 2 * f(z[:, 2:]), z[:, 2:]
        p = p + h * g(q)
        np.testing.assert_allclose(
            method.step(X, z, h), np.concatenate([q + h / 2 * f(p), p], axis=-1), atol=1e-14
        )
        assert (
            method.order_on(X) == 2
            and method.symmetric_on(X)
            and method.preserves(X) == {"volume", "symplectic"}
        )
        if kind == 0:
            np.testing.assert_allclose(method.inverse(X, method.step(X, z, h), h), z, atol=1e-13)
        else:  # what is found to be a shear, but not said to be one, is not inverted
            with pytest.raises(NotImplementedError, match="has no explicit inverse"):
                method.inverse(X, z, h)
        checks.order(method, X, z, t=0.5, finest=64).require()
        if kind == 0:
            assert all(inner.solves(part) and inner.order_on(part) == math.inf for part in X.parts)
            checks.order(inner, X.parts[0], z).require()
    assert dnn.LieTrotter().order_on(X) == 1 and dnn.LieTrotter().preserves(X) == {
        "volume",
        "symplectic",
    }
    checks.symplectic(dnn.Flow(X, h, dnn.Strang(dnn.Euler())), z).require()


def test_parts_that_are_not_solved_exactly_claim_no_more_than_before(rng):
    X = dnn.SumField(residual(rng), energetic(rng))
    assert dnn.Strang(dnn.Euler()).order_on(X) == 1 and not dnn.Strang(dnn.Euler()).symmetric_on(X)
    assert dnn.Strang(dnn.Euler()).preserves(X) == set() and dnn.Euler().order_on(X) == 1
    nearly = dnn.KnownField(
        lambda z: np.concatenate([z[..., 1:], 1e-9 * z[..., :1]], axis=-1), 2, keeps={"volume"}
    )
    assert not nearly.keeps_its_slope and dnn.Euler().preserves(nearly) == set()
    assert not systems.pendulum().keeps_its_slope and not systems.kepler().f.keeps_its_slope
    assert dnn.KnownField(np.log, 2).keeps_its_slope is False  # and no warning
    with pytest.raises(NotImplementedError, match="Euler has no explicit inverse"):
        dnn.Euler().inverse(nearly, np.ones(2), 0.1)


# ---- factors


@pytest.mark.parametrize(
    "name",
    [
        "InvariantField of a given I",
        "HamiltonianField diag(α)",
        "SpherePreservingField",
        "MassPreservingField vec M",
    ],
)
def test_the_factors_of_a_field_are_checked_one_by_one(name, rng):
    X, x = FIELDS[name](rng), points(rng, (5,))
    n = rng.normal(size=x.shape)
    for factor, at in ((X.I, x), (X.dI, x), (X.S, (x, n))):
        assert checks.adjoint(factor, at).require().measured <= 1e-12
    np.testing.assert_allclose(X.S(x, X.dI(x)), X(x), atol=1e-14)
    np.testing.assert_allclose((X.dI(x) * X(x)).sum(axis=-1), 0, atol=1e-13)
    np.testing.assert_allclose((X.S.matrix(x) @ n[..., None])[..., 0], X.S(x, n), atol=1e-14)


def test_an_increment_is_checked_alone(rng):
    x = points(rng, (5,))
    y = x + 0.1 * rng.normal(size=x.shape)
    for method, X in (
        (dnn.Cayley(), FIELDS["SpherePreservingField"](rng)), (dnn.DiscreteGradient(), energetic(rng)),
        (dnn.DiscreteGradient(WAVY), residual(rng)),
    ):  # fmt: skip
        assert checks.adjoint(method.increment(X), (x, y)).require().measured <= 1e-12


# ---- in one breath

RANDOM = {
    "ResidualField": lambda **o: dnn.ResidualField.random(4, 7, **o),
    "GradientField": lambda **o: dnn.GradientField.random(4, 7, **o),
    "GradientField α": lambda **o: dnn.GradientField.random(4, 7, alpha=0.5, **o),
    "HamiltonianField": lambda **o: dnn.HamiltonianField.random(4, 7, **o),
    "HamiltonianField α": lambda **o: dnn.HamiltonianField.random(4, 7, alpha=0.5, **o),
    "MassPreservingField": lambda **o: dnn.MassPreservingField.random(4, 7, **o),
    "SpherePreservingField": lambda **o: dnn.SpherePreservingField.random(4, 7, **o),
    "InvariantField": lambda **o: dnn.InvariantField.random(4, 7, QUADRATIC, **o),
    "PartitionedField": lambda **o: dnn.PartitionedField.random(4, 7, **o),
    "TimeDependent": lambda **o: dnn.TimeDependent.random(3, 7, **o),
    "TimeDependent of a gradient": lambda **o: dnn.TimeDependent.random(3, 7, gradient=True, **o),
    "PartitionedField of gradients": lambda **o: dnn.PartitionedField.random(
        4, 7, gradient=True, **o
    ),
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_field_needs_a_dimension_a_width_and_a_seed(name, rng):
    make = RANDOM[name]
    X, again = make(rng=3), make(rng=3)
    assert X.dim == 4 and same(X, again) and not same(X, make(rng=4))
    biases = [view for key, view in X.parameters.items() if key.split(".")[-1] == "b"]
    assert biases and not np.concatenate(biases).any()
    bent = make(rng=3, bias=2.0, sigma=dnn.Sine())
    assert (
        np.concatenate([v for k, v in bent.parameters.items() if k.split(".")[-1] == "b"]).std()
        > 0.5
    )
    assert make(rng=3, dtype=np.float32).theta.dtype == np.float32
    checks.adjoint(bent, points(rng, (3,))).require()
    F = dnn.Flow(X, 0.1, dnn.StormerVerlet() if "Partitioned" in name else dnn.RK4())
    assert F(np.ones((2, 4))).shape == (2, 4)
    with pytest.raises(ValueError, match="bias must be a finite number"):
        make(bias=np.nan)


def test_the_long_form_draws_the_same_numbers(rng):
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    X = dnn.MassPreservingField(dnn.Dense(16, 3, rng=one), dnn.Tanh(), dnn.Dense(3, 16, rng=one))
    np.testing.assert_array_equal(
        X.theta, dnn.MassPreservingField.random(3, width=16, rng=other).theta
    )
    np.testing.assert_array_equal(one.normal(size=3), other.normal(size=3))
    with pytest.raises(ValueError, match="dim must be even"):
        dnn.PartitionedField.random(3, 5)


def test_the_runge_kutta_adjoint_is_its_formula(rng):
    """κ_i = b_i w + Σ_j a_ji η_j, η_i = X′(Y_i)ᵀ(hκ_i), dx = w + Σ η_i, dh = Σ ⟨κ_i, K_i⟩, with dense Jacobians."""
    X, x, w, h = residual(rng), rng.normal(size=4), rng.normal(size=4), 0.3
    A, b, K, J = LOPSIDED.A, LOPSIDED.b, [], []
    for a in A:
        Y = x + h * sum((a_j * k for a_j, k in zip(a, K, strict=True)), np.zeros(4))
        K.append(X(Y))
        J.append(X.jacobian(Y))
    eta = [None] * 3
    kappa = [None] * 3
    for i in (2, 1, 0):
        kappa[i] = b[i] * w + sum((A[j][i] * eta[j] for j in range(i + 1, 3)), np.zeros(4))
        eta[i] = J[i].T @ (h * kappa[i])
    dx, _, dh = LOPSIDED.vjp(X, x, h)[1](w)
    np.testing.assert_allclose(dx, w + sum(eta), rtol=1e-13)
    assert dh == pytest.approx(sum(k @ K_i for k, K_i in zip(kappa, K, strict=True)), rel=1e-13)


def test_invariant_fields_of_any_invariant_are_skew_gradient_fields(rng):
    X = invariant_field(rng, WAVY)
    assert isinstance(X, dnn.SkewGradientField) and X.invariants == {"invariant": WAVY}


def test_tab_completion_shows_public_names_only():
    modules = [
        thing
        for name in dnn.__all__
        if (thing := getattr(dnn, name)).__class__.__name__ == "module"
    ]
    assert len(modules) > 15 and set(dnn.__all__) <= set(dir(dnn))
    for module in modules:
        assert dir(module) == sorted(module.__all__) and not any(
            name.startswith("_") for name in module.__all__
        )
        assert all(hasattr(module, name) for name in module.__all__)


def test_what_a_deep_network_keeps_is_asked_once_for_each_part(rng):
    net = X = dnn.MassPreservingField(dnn.Dense(3, 3, rng=rng), dnn.Tanh())
    net = dnn.Flow(X, 0.1)
    for _ in range(35):
        net, X = dnn.Network(net), dnn.SumField(X)
    assert net.keeps == X.keeps == {"mass"} and list(net.invariants) == ["mass"]
    assert dnn.Flow(X, 0.1).keeps == dnn.Rollout(net, 2).keeps == {"mass"}


def test_a_rollout_of_the_value_of_a_field_keeps_nothing(rng):
    X = FIELDS["SpherePreservingField"](rng)
    assert X.keeps == {"norm"} and dnn.Rollout(X, 3).keeps == set() == set(
        dnn.Rollout(X, 3).invariants
    )


def test_two_different_energies_are_not_a_common_one(rng):
    """Nor does a tie of one of them make it so; and a network of one map keeps what the map keeps."""
    X, Y = energetic(rng), energetic(rng)
    F, G = (dnn.Flow(Z, 0.1, dnn.DiscreteGradient()) for Z in (X, Y))
    assert dnn.Network(F).keeps == F.keeps == {"energy"} and dnn.Network(F, F).keeps == {"energy"}
    assert dnn.Network(F, G).keeps == dnn.Network(F, G, F).keeps == set()

    class Keeper(dnn.Map):
        """Keeps an energy of which it has no formula: of one map alone that is a word that holds."""

        dim_in = dim_out = 4
        keeps = frozenset({"energy"})

        def __call__(self, x):
            return x

    K = Keeper()
    assert dnn.Network(K).keeps == dnn.Network(K, K).keeps == {"energy"}
    assert dnn.Network(K, Keeper()).keeps == set()


def test_an_exact_step_keeps_every_invariant_of_its_field():
    """A shear is stepped exactly by Euler's method, which keeps nothing but linear invariants."""
    I = dnn.Invariant(lambda x: np.sin(x[..., 0]), lambda x: 0 * x, lambda x, v: 0 * v)
    X = dnn.KnownField(lambda x: np.stack([0 * x[..., 0], x[..., 0]], axis=-1), 2, shear=True)
    X.invariants = {"invariant": I}
    assert dnn.Euler().kept(X) == {"invariant": I} and dnn.Heun().kept(X) == {"invariant": I}


class Cubic:
    """I(x) = Σ cxᵢ³/3, an invariant of somebody's own without an equality."""

    keeps = frozenset({"mass"})  # the word of another one

    def __init__(self, c):
        self.c = c

    def __call__(self, x):
        return self.c * (x**3).sum(axis=-1) / 3

    def gradient(self, x):
        return self.c * x * x

    def hvp(self, x, v):
        return 2 * self.c * x * v


def test_invariants_of_ones_own_are_equal_if_they_were_built_alike(rng):
    X = dnn.InvariantField(dnn.Dense(9, 3, rng=rng), dnn.Tanh(), Cubic(2.0))
    method = dnn.DiscreteGradient(Cubic(2.0))
    assert same(Cubic(2.0), Cubic(2.0)) and not same(Cubic(2.0), Cubic(1.0))
    twin = copy.deepcopy(X)
    for field in (X, twin):
        assert dnn.DiscreteGradient().preserves(field) == method.preserves(field) == {"mass"}
        assert not dnn.DiscreteGradient(Cubic(1.0)).preserves(field)
    net = dnn.Network(*[dnn.Flow(field, 0.1, method) for field in (X, twin)])
    assert list(net.invariants) == ["mass"] and net.keeps == {"mass"}
    assert dnn.RK4().preserves(X) == set()  # its mass is not Σxᵢ, which RK4 would keep


def test_an_invariant_that_is_given_has_no_parameters(rng):
    """A gradient would not flow to them."""
    X, Y = energetic(rng), partitioned(rng)
    learned = dnn.fields.partitioned.SeparableEnergy(Y.f, Y.g)
    for I in (X.I, learned):
        for build in (dnn.DiscreteGradient, lambda I: dnn.Projected(dnn.RK4(), I)):
            with pytest.raises(TypeError, match=r"has no parameters, got .*DiscreteGradient\(\)"):
                build(I)


def test_a_function_that_is_flat_near_zero_is_not_taken_for_a_shear():
    """X(x) = (0, 0) for |x| < 5, a pulse beyond: 64 states of size one would not see it."""

    def pulse(x):
        return np.where(np.abs(x[..., ::-1]) < 5, 0 * x, x[..., ::-1])

    X = dnn.KnownField(pulse, 2, keeps={"volume"})
    assert not X.keeps_its_slope
    assert dnn.Strang(dnn.Euler()).order_on(dnn.SumField(X, X)) == 1
    with pytest.raises(NotImplementedError):
        dnn.Euler().inverse(X, np.ones(2), 0.1)


def test_an_identity_is_the_same_for_equal_numbers_and_another_for_other_things():
    equal = [(1, 1.0), (1, True), (np.float64(0.5), 0.5), (0.0, -0.0), (np.int32(3), 3)]
    assert all(identity(a) == identity(b) for a, b in equal)
    differ = [
        (np.float32(0.1), 0.1),
        ("sin", np.sin),
        (max, "max"),
        (max, min),
        ([1], [2]),
        (math.nan, 0.0),
    ]
    assert all(identity(a) != identity(b) for a, b in differ)
    draws = [np.random.default_rng(k) for k in (0, 0, 1)]
    assert identity(draws[0]) == identity(draws[1]) != identity(draws[2])


@pytest.mark.parametrize("which", range(6))
def test_an_identity_has_all_that_a_class_says(which):
    def made(table=(1.0,), shears=2.0, weight=3.0, twice=4.0, thrice=5.0, named=6.0):
        class Own(dnn.RungeKutta):
            order, b = 1, [1.0]
            A = [[]]
            rows, entries, array = [table], {"shears": shears}, np.array([weight])
            double, triple = property(lambda self: twice), staticmethod(lambda: thrice)
            of_the_class = classmethod(lambda cls: named)

            def __init__(self):
                super().__init__()

        return identity(Own())

    names = ["table", "shears", "weight", "twice", "thrice", "named"]
    assert made() == made() != made(**{names[which]: 0.5})


def test_a_method_keeps_the_invariant_of_which_its_field_is_made_and_no_other(rng):
    X, x = FIELDS["SpherePreservingField"](rng), points(rng, (5,))
    X.invariants = X.invariants | {"invariant": WAVY}  # a false claim
    for method in (dnn.Cayley(), dnn.DiscreteGradient(), dnn.ImplicitMidpoint()):
        F = dnn.Flow(X, 0.1, method)
        assert list(F.invariants) == ["norm"] and F.keeps == {"norm"}
        assert abs(np.linalg.norm(F(x), axis=-1) - np.linalg.norm(x, axis=-1)).max() < 1e-14
        assert abs(WAVY(F(x)) - WAVY(x)).max() > 1e-6


def test_a_word_for_two_invariants_is_lost_with_one_of_them(rng):
    X = invariant_field(rng, QUADRATIC)
    X.invariants = {"quadratic": QUADRATIC, "wavy": WAVY}
    assert QUADRATIC.keeps == WAVY.keeps == {"invariant"}
    F = dnn.Flow(X, 0.1, dnn.ImplicitMidpoint())
    assert list(F.invariants) == ["quadratic"] and F.keeps == set()
