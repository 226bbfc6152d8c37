"""Every constant against a measurement, and for sharpness where it is sharp."""

import decimal
import itertools
import warnings
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from zoo import (
    ACTIVATIONS,
    FIELDS,
    LINEAR,
    RUNGE_KUTTA,
    explicit_pairs,
    networks,
    points,
    randomise,
)

import dynsys_nn as dnn
from dynsys_nn import lipschitz
from dynsys_nn.integrators import euler_lipschitz

ROUNDING = 1 + 1e-12
approx = partial(pytest.approx, rel=1e-14)  # bounds are rounded outward by a few 2.2e-16


def orthogonal(rng, n):
    A = dnn.Dense(n, n, rng=rng)
    A.orthogonalise()
    return A


def largest_stretch(F, rng, n=300, d=4):
    """The largest ‖F(x) − F(y)‖/‖x − y‖ over random pairs, and ‖F′(x)‖ over random points: a lower bound of the Lipschitz constant."""
    x = 2 * rng.normal(size=(n, d))
    y = x + np.exp(rng.uniform(-3, 2, (n, 1))) * rng.normal(size=(n, d))
    pairs_ = np.linalg.norm(np.reshape(F(x) - F(y), (n, -1)), axis=-1) / np.linalg.norm(
        x - y, axis=-1
    )
    J = F.jacobian(x).reshape(n, -1, d)
    return max(pairs_.max(), np.linalg.norm(J, 2, axis=(-2, -1)).max())


# ---- linear maps


@pytest.mark.parametrize("name", LINEAR)
def test_singular_ranges_are_those_of_the_dense_matrix(name, rng):
    A = LINEAR[name](rng)
    s = np.linalg.svd(A.jacobian(np.zeros(4)), compute_uv=False)
    low = s[-1] if A.dim_out >= A.dim_in else 0.0
    np.testing.assert_allclose(A.singular_range(), (low, s[0]), rtol=1e-13, atol=1e-14)
    assert A.lipschitz() == A.singular_range()[1]


def test_lift_and_restriction_between_equal_dimensions_are_the_identity(rng):
    x = rng.normal(size=(5, 3))
    for F in (dnn.Lift(3, 3), dnn.Restriction(3, 3)):
        np.testing.assert_array_equal(F(x), x)
        assert (F(x) is x) == isinstance(F, dnn.Lift)
        assert F.singular_range() == (1.0, 1.0)


def test_normalise_and_orthogonalise_do_what_they_say_in_place(rng):
    A = dnn.Dense(5, 4, rng=rng)
    W, view = A.W.copy(), A.W
    A.normalise()
    np.testing.assert_allclose(A.singular_range()[1], 1, rtol=1e-14)
    np.testing.assert_allclose(A.W, W / np.linalg.norm(W, 2), rtol=1e-13)
    A.orthogonalise()
    assert A.W is view and np.shares_memory(view, A.theta)
    np.testing.assert_allclose(A.W.T @ A.W, np.eye(4), atol=1e-14)
    for _ in range(20):  # nearest: no other matrix with orthonormal columns is nearer
        Q = np.linalg.qr(rng.normal(size=(5, 4)))[0]
        assert np.linalg.norm(W - A.W) <= np.linalg.norm(W - Q)


def test_dense_entries_have_variance_one_over_dim_in():
    W = dnn.Dense(300, 200, rng=0).W
    assert abs(W.std() * 200**0.5 - 1) < 0.01 and abs(W.mean()) < 1e-3


# ---- fields


def bounded(rng):
    """Every field with a Lipschitz constant."""
    for name, make in FIELDS.items():
        X = make(rng)
        try:
            X.lipschitz()
        except NotImplementedError:
            unknown = "Known", "Invariant", "Sphere", "Switched", "OwnTime", "Of", "Lie", "Tangent"
            assert any(word in name for word in unknown)
            continue
        yield name, X


def test_lipschitz_and_one_sided_constants_hold(rng):
    names = set()
    for name, X in bounded(rng):
        names.add(name)
        assert largest_stretch(X, rng) <= X.lipschitz() * ROUNDING, name
        x, y = rng.normal(size=(2, 500, 4)) * 2
        quotient = ((X(x) - X(y)) * (x - y)).sum(axis=-1) / ((x - y) ** 2).sum(axis=-1)
        J = X.jacobian(x)
        numerical_range = np.linalg.eigvalsh((J + J.swapaxes(-1, -2)) / 2).max()
        assert max(quotient.max(), numerical_range) <= X.one_sided_lipschitz() + 1e-12, name
    assert len(names) == len(FIELDS) - 17


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("sigma", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("shape", [(6, 4), (3, 4), (4, 4)])
def test_spectrum_holds_the_eigenvalues_of_a_gradient_field(sigma, sign, shape, rng):
    for alpha in (None, rng.normal(size=shape[0])):
        X = randomise(
            dnn.GradientField(dnn.Dense(*shape, rng=rng), sigma, sign=sign, alpha=alpha), rng
        )
        eigenvalues = np.linalg.eigvalsh(X.jacobian(3 * rng.normal(size=(200, 4))))
        low, high = X.spectrum()
        assert low - 1e-12 <= eigenvalues.min() and eigenvalues.max() <= high + 1e-12


def test_spectrum_is_sharp_where_the_slopes_are_attained():
    A = dnn.Dense(2, 2, W=[[2.0, 0.0], [0.0, 1.0]])
    X = dnn.GradientField(A, dnn.LeakyReLU(0.5))
    assert X.spectrum() == approx((-4.0, -0.5))
    np.testing.assert_allclose(np.diag(X.jacobian(np.array([1.0, -1.0]))), [-4.0, -0.5])
    assert X.one_sided_lipschitz() == approx(-0.5) and X.lipschitz() == approx(4.0)
    assert dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Sine()).spectrum() == approx(
        (-1.0, 1.0)
    )
    assert (
        dnn.GradientField(dnn.Dense(1, 2, W=[[1.0, 0.0]]), dnn.LeakyReLU(0.5)).one_sided_lipschitz()
        == 0.0
    )


def test_lipschitz_constants_are_sharp_on_linear_fields():
    """With σ(z) = z they are norms of matrices that can be written down."""
    A, B = np.diag([3.0, 1.0]), np.diag([2.0, 5.0])
    X = dnn.ResidualField(dnn.Dense(2, 2, W=A), dnn.LeakyReLU(-3.0), dnn.Dense(2, 2, W=B))
    assert X.lipschitz() == pytest.approx(5 * 3 * 3)
    assert dnn.ResidualField(dnn.Dense(2, 2, W=A), dnn.Sigmoid()).lipschitz() == pytest.approx(
        0.25 * 3
    )
    assert dnn.GradientField(
        dnn.Dense(2, 2, W=A), dnn.LeakyReLU(-2.0)
    ).lipschitz() == pytest.approx(2 * 9)
    assert dnn.GradientField(
        dnn.Dense(2, 2, W=A), dnn.LeakyReLU(-2.0), sign=1
    ).lipschitz() == pytest.approx(2 * 9)

    one = [dnn.Dense(1, 1, W=[[value]]) for value in (2.0, 3.0, 3.0, 2.0)]
    for f, g in (
        one[:2],
        one[2:],
    ):  # x′ = 2v, v′ = 3x: norm 3, and the symmetric part has the eigenvalue 5/2
        X = dnn.PartitionedField(f, g)
        J = X.jacobian(np.zeros(2))
        assert X.lipschitz() == pytest.approx(np.linalg.norm(J, 2)) == pytest.approx(3)
        assert (
            X.one_sided_lipschitz()
            == pytest.approx(np.linalg.eigvalsh((J + J.T) / 2).max())
            == pytest.approx(2.5)
        )

    parts = [
        dnn.GradientField(dnn.Dense(1, 1, W=[[w]]), dnn.LeakyReLU(a))
        for w, a in ((1.0, 0.5), (2.0, 0.25))
    ]
    X = dnn.SumField(*parts)  # slopes in [½, 1] + 4 [¼, 1]
    assert (
        X.spectrum() == approx((-5.0, -1.5))
        and X.one_sided_lipschitz() == approx(-1.5)
        and X.lipschitz() == approx(5.0)
    )


def test_the_constant_of_a_mass_preserving_field_is_attained():
    """‖P C A‖ = ‖P‖‖C‖‖A‖ where A = v uᵀ points along the largest singular vector v of P, P m = (M − Mᵀ)1."""
    probe = dnn.MassPreservingField(dnn.Dense(6, 4, W=np.eye(6, 4)), dnn.Identity())
    P = np.stack(
        [
            dnn.MassPreservingField(dnn.Dense(6, 4, W=np.outer(e, [1, 0, 0, 0])), dnn.Identity())(
                np.eye(4)[0]
            )
            for e in np.eye(6)
        ],
        -1,
    )
    v = np.linalg.svd(P)[2][0]
    X = dnn.MassPreservingField(dnn.Dense(6, 4, W=np.outer(v, [0.6, 0.8, 0, 0])), dnn.Identity())
    np.testing.assert_allclose(
        X.lipschitz(), np.linalg.norm(X.jacobian(np.zeros(4)), 2), rtol=1e-12
    )
    assert probe.lipschitz() >= np.linalg.norm(probe.jacobian(np.zeros(4)), 2)


# ---- one step


class Rotation(dnn.Field):
    """Damped rotation, X(x) = [[−a, 1], [−1, −a]] x: L² = 1 + a², μ = −a, no symmetric Jacobian."""

    dim_in = dim_out = 2

    def __init__(self, a):
        self.M = np.array([[-a, 1.0], [-1.0, -a]])

    def __call__(self, x):
        return x @ self.M.T

    def jvp(self, x, v, dtheta=None):
        return self(x), self(v)

    def lipschitz(self):
        return float(np.linalg.norm(self.M, 2))

    def one_sided_lipschitz(self):
        return float(self.M[0, 0])


@pytest.mark.parametrize("h", [0.1, 0.5, 2.0, -0.5])
@pytest.mark.parametrize("a", [0.5, 0.0, -0.5])
def test_the_bound_from_l_and_mu_is_attained_by_a_damped_rotation(a, h):
    """√(1 + 2hμ + h²L²) for h > 0; for h < 0, where μ says nothing, 1 + |h|L."""
    X = Rotation(a)
    bound, measured = (
        dnn.Euler().lipschitz(X, h),
        np.linalg.norm(dnn.Flow(X, h).jacobian(np.zeros(2)), 2),
    )
    assert measured <= bound * ROUNDING
    np.testing.assert_allclose(bound, measured if h > 0 else 1 + abs(h) * X.lipschitz(), rtol=1e-12)


def test_the_stage_bound_takes_absolute_values():
    """Kutta's third-order method has a₃₁ = −1: with L = 1, h = ½ the stages grow by 1, 5/4 and 1 + ½(1 + 2 · 5/4)."""
    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity())
    stages = 1, 1.25, 1 + 0.5 * (1 + 2 * 1.25)
    bound = 1 + 0.5 * (stages[0] / 6 + 2 / 3 * stages[1] + stages[2] / 6)
    assert (
        dnn.Kutta3().lipschitz(X, 0.5)
        == dnn.Kutta3().lipschitz(X, -0.5)
        == pytest.approx(bound, rel=1e-15)
    )
    negative = dnn.RungeKutta([[], [-1.0]], [1.5, -0.5])
    assert negative.lipschitz(X, 0.5) == pytest.approx(1 + 0.5 * (1.5 + 0.5 * 1.5), rel=1e-15)


def test_steps_and_shears_multiply():
    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity())
    assert dnn.Flow(X, 0.5, steps=3).lipschitz() == pytest.approx(1.5**3)
    f, g = dnn.Dense(1, 1, W=[[2.0]]), dnn.Dense(1, 1, W=[[3.0]])

    def norm(ell):
        return np.linalg.norm([[1, ell], [0, 1]], 2)

    shears = dnn.PartitionedField(f, g)
    assert dnn.SymplecticEuler().lipschitz(shears, 0.1) == pytest.approx(norm(0.2) * norm(0.3))
    assert dnn.StormerVerlet().lipschitz(shears, -0.1) == pytest.approx(
        norm(0.15) * norm(0.2) * norm(0.15)
    )
    parts = dnn.SumField(
        *[dnn.ResidualField(dnn.Dense(1, 1, W=[[w]]), dnn.Identity()) for w in (1.0, 2.0)]
    )
    assert dnn.LieTrotter().lipschitz(parts, 0.1) == pytest.approx(1.1 * 1.2)
    assert dnn.Strang(dnn.Euler()).lipschitz(parts, 0.1) == pytest.approx(1.05 * 1.2 * 1.05)


def test_no_step_stretches_more_than_its_constant(rng):
    for name, method, X in explicit_pairs(rng):
        for h in (0.5, -0.3, 2.0):
            assert (
                largest_stretch(dnn.Flow(X, h, method), rng) <= method.lipschitz(X, h) * ROUNDING
            ), (name, h)


def test_no_euler_step_of_a_random_gradient_field_stretches_more_than_the_sharp_bound(rng):
    for _ in range(200):
        k = int(rng.integers(1, 7))
        sigma = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]
        X = randomise(
            dnn.GradientField(dnn.Dense(k, 4, rng=rng), sigma, sign=int(rng.choice([-1, 1]))), rng
        )
        h = rng.uniform(-2, 2)
        assert largest_stretch(dnn.Flow(X, h), rng, n=30) <= euler_lipschitz(X, h) * ROUNDING


@pytest.mark.parametrize("h", [0.1, 0.5, 1.0, 4 / 3, 2.0, 2.5, -0.5])
@pytest.mark.parametrize("a", [0.0, 0.5, -0.3])
def test_the_bound_of_a_gradient_step_is_attained_and_below_the_lectures_bound(a, h, rng):
    """max(|1 − ah|, |1 − h|) for slopes in [a, 1] and A orthogonal; the lecture's √(1 − 2ah + h²) is larger."""
    X = dnn.GradientField(orthogonal(rng, 3), dnn.LeakyReLU(a))
    bound = dnn.Euler().lipschitz(X, h)
    np.testing.assert_allclose(bound, max(abs(1 - a * h), abs(1 - h)), rtol=1e-12)
    corners = (
        np.array(list(itertools.product([-1.0, 1.0], repeat=3))) @ X.A.W
    )  # all sign patterns of A x
    measured = np.linalg.norm(dnn.Flow(X, h).jacobian(corners), 2, axis=(-2, -1)).max()
    np.testing.assert_allclose(measured, bound, rtol=1e-9)
    if h > 0 and a >= 0:
        assert bound <= np.sqrt(1 - 2 * a * h + h * h) * ROUNDING


@pytest.mark.parametrize("h", [0.1, 0.5, 2.0, 20.0, -0.3])
@pytest.mark.parametrize("a", [0.0, 0.5, -0.3])
def test_the_bound_of_an_implicit_midpoint_step_is_attained_and_at_most_one_for_contraction(a, h):
    """|1 + ½hλ|/|1 − ½hλ| at the worse end of the spectrum [−1, −a]: non-expansive for all h > 0 where a ≥ 0."""
    X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(a))
    midpoint = dnn.ImplicitMidpoint()
    if max(-h * a, -h) >= 2:
        with pytest.raises(NotImplementedError, match="hμ < 2"):
            midpoint.lipschitz(X, h)
        return
    bound = midpoint.lipschitz(X, h)
    J = dnn.Flow(X, h, midpoint).jacobian(np.array([3.0, -3.0]))  # one slope 1, the other a
    assert np.linalg.norm(J, 2) == pytest.approx(bound, rel=1e-12)
    assert (bound <= 1) == (h > 0 and a >= 0)


def test_the_bound_of_an_implicit_midpoint_step_from_mu_alone_and_from_l_backwards(rng):
    rotation = Rotation(0.5)
    assert dnn.ImplicitMidpoint().lipschitz(rotation, 3.0) == 1.0  # μ < 0
    assert dnn.ImplicitMidpoint().lipschitz(Rotation(-0.5), 1.0) == pytest.approx(
        (2 + 0.5) / (2 - 0.5)
    )
    assert dnn.ImplicitMidpoint().lipschitz(rotation, -0.5) == pytest.approx(
        (2 + 0.5 * 1.25**0.5) / (2 - 0.5 * 1.25**0.5)
    )
    growth = dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity())  # attained: X(x) = x
    assert dnn.Flow(growth, 0.5, dnn.ImplicitMidpoint()).jacobian(np.ones(1))[
        0, 0
    ] == pytest.approx(1.25 / 0.75)
    for X, h in (
        (FIELDS["ResidualField"](rng), 0.05),
        (FIELDS["GradientField diag(α)"](rng), 0.05),
        (FIELDS["GradientField −"](rng), -0.05),
    ):
        F = dnn.Flow(X, h, dnn.ImplicitMidpoint())
        assert largest_stretch(F, rng) <= F.lipschitz() * (1 + 1e-12)


def test_an_expansive_step_attains_one_plus_h():
    X = dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU(0.5))
    assert dnn.Euler().lipschitz(X, 0.3) == pytest.approx(1.3, rel=1e-15)
    assert largest_stretch(dnn.Flow(X, 0.3), np.random.default_rng(0), d=2) == pytest.approx(
        1.3, rel=1e-12
    )


@pytest.mark.parametrize("method", [dnn.SymplecticEuler(), dnn.StormerVerlet()], ids=repr)
def test_the_bound_of_a_single_shear_is_attained(method):
    """(x, v) ↦ (x + ℓv, v) has norm (ℓ + √(ℓ² + 4))/2."""
    identity, nothing = dnn.Dense(1, 1, W=[[1.0]]), dnn.Dense(1, 1, W=[[0.0]])
    F = dnn.Flow(dnn.PartitionedField(identity, nothing), 0.8, method)
    np.testing.assert_allclose(F.lipschitz(), np.linalg.norm([[1, 0.8], [0, 1]], 2), rtol=1e-14)


def test_the_bound_of_a_henon_map_is_attained():
    """‖[[0, 1], [−1, ℓ]]‖ = (ℓ + √(ℓ² + 4))/2: a shear, turned."""
    F = dnn.HenonMap(dnn.Dense(1, 1, W=[[1.5]]))
    assert (
        F.lipschitz()
        == pytest.approx(np.linalg.norm(F.jacobian(np.zeros(2)), 2), rel=1e-14)
        == pytest.approx(2.0)
    )


@pytest.mark.parametrize("method", RUNGE_KUTTA, ids=repr)
def test_the_stage_bound_is_attained_by_growth(method):
    """ẋ = x with nonnegative coefficients: the bound is the stability function itself, R(h)."""
    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity())
    step = method.step(X, np.ones(1), 0.5)[0]
    bound = method.lipschitz(X, 0.5)
    assert bound >= step * (1 - 1e-14)
    if all(a >= 0 for row in method.A for a in row):
        np.testing.assert_allclose(bound, step, rtol=1e-14)


def test_networks_and_rollouts_multiply_their_constants(rng):
    for _, net in networks(rng):
        bound = net.lipschitz()
        np.testing.assert_allclose(bound, np.prod([F.lipschitz() for F in net.maps]))
        assert largest_stretch(net, rng, d=net.dim_in) <= bound * ROUNDING
    F = dnn.Flow(dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity()), 0.5)
    np.testing.assert_allclose(dnn.Rollout(F, 3).lipschitz(), np.sqrt(1.5**2 + 1.5**4 + 1.5**6))
    assert largest_stretch(dnn.Rollout(F, 3), rng, d=1) == pytest.approx(
        dnn.Rollout(F, 3).lipschitz(), rel=1e-9
    )
    x = points(rng, (1,))
    assert dnn.Flow(FIELDS["GradientField −"](rng), 0.1, steps=4)(x).shape == x.shape


def test_the_bound_of_a_float32_weight_is_not_below_its_norm():
    for seed in range(20):
        A = dnn.Dense(3, 3, rng=seed, dtype=np.float32)
        assert A.lipschitz() >= np.linalg.norm(A.W.astype(float), 2) * (1 - 1e-15)


def test_an_activation_without_bounds_has_no_constant():
    class Cubic(dnn.Activation):
        def __call__(self, z):
            return z**3

        def slope(self, z):
            return 3 * z**2

    for bounds in ((None, None), (0.0, np.inf)):
        sigma = Cubic()
        sigma.slope_min, sigma.slope_max = bounds
        for X in (
            dnn.GradientField(dnn.Dense(1, 2), sigma),
            dnn.ResidualField(dnn.Dense(2, 2), sigma),
        ):
            with pytest.raises(NotImplementedError, match="of Cubic are known"):
                X.lipschitz()
            assert "–" in dnn.Network(dnn.Flow(X, 0.1)).summary()


def test_a_map_without_a_known_constant_says_which(rng):
    with pytest.raises(NotImplementedError, match="InvariantField"):
        FIELDS["InvariantField ½‖x‖²"](rng).lipschitz()
    with pytest.raises(NotImplementedError, match="KnownField"):
        dnn.Network(dnn.Flow(dnn.systems.sir(), 0.1)).lipschitz()


def test_a_mu_that_rounding_puts_below_minus_l_still_has_a_bound():
    """1 + 2hμ + h²L² is then −4e-16 at h = 1/L, and its root 0."""

    class Contracting(dnn.Field):
        def lipschitz(self):
            return 1.0

        def one_sided_lipschitz(self):
            return -np.nextafter(1.0, 2.0)

    assert dnn.Euler().lipschitz(Contracting(), 1.0) == 0


def test_a_bound_of_zero_has_no_sign():
    low, high = dnn.GradientField(dnn.Dense(1, 2, W=[[1.0, 0.0]]), dnn.Tanh()).spectrum()
    assert (low, high) == approx((-1, 0)) and not np.signbit(high)


PAIRS = {
    "ImplicitMidpoint": lambda: (dnn.ImplicitMidpoint(), dnn.HamiltonianField.random(2, 4, rng=0)),
    "Euler": lambda: (dnn.Euler(), dnn.ResidualField.random(2, 4, rng=0)),
    "Heun": lambda: (dnn.Heun(), dnn.ResidualField.random(2, 4, rng=0)),
    "RK4": lambda: (dnn.RK4(), dnn.ResidualField.random(2, 4, rng=0)),
    "SymplecticEuler": lambda: (dnn.SymplecticEuler(), dnn.PartitionedField.random(4, 4, rng=0)),
    "StormerVerlet": lambda: (dnn.StormerVerlet(), dnn.PartitionedField.random(4, 4, rng=0)),
    "Yoshida": lambda: (dnn.Yoshida(), dnn.PartitionedField.random(4, 4, rng=0)),
    "Strang": lambda: (dnn.Strang(), dnn.SumField(*[dnn.ResidualField.random(2, 4, rng=k) for k in (0, 1)])),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_constant_beyond_all_floats_is_infinite(name):
    """L^n > 1.8e308: no bound, said without an error or a warning, and the table is printed."""
    method, X = PAIRS[name]()
    F = dnn.Flow(X, 0.1, method, steps=10**6)
    one = dnn.Flow(X, 0.1, method).lipschitz()
    assert 10**6 * np.log(one) > np.log(np.finfo(float).max)
    assert F.lipschitz() == np.inf == dnn.Network(F, F).lipschitz()
    assert " inf " in dnn.Network(F).summary()
    if name != "ImplicitMidpoint":  # which has a constant for hμ < 2
        assert method.lipschitz(X, 1e300) >= 1e290
    double = dnn.Dense(2, 2, W=2 * np.eye(2))
    assert dnn.Rollout(double, 2000).lipschitz() == np.inf
    assert dnn.Rollout(dnn.Dense(2, 2, W=1e200 * np.eye(2)), 3).lipschitz() == np.inf


# ---- rounding


class Spectral(dnn.Field):
    """A field whose symmetric Jacobian has the eigenvalues low and high, and that knows it exactly."""

    dim_in = dim_out = 2
    has_spectrum = True

    def __init__(self, low, high):
        self.low, self.high = low, high

    def spectrum(self):
        return self.low, self.high

    def lipschitz(self):
        return max(abs(self.low), abs(self.high))

    def one_sided_lipschitz(self):
        return self.high


class Bounded(dnn.Field):
    """A field of which L and μ are known."""

    dim_in = dim_out = 2

    def __init__(self, L, mu):
        self.L, self.mu = L, mu

    def lipschitz(self):
        return self.L

    def one_sided_lipschitz(self):
        return self.mu


def rounded_up(found, exact):
    """Whether a float is the smallest that is not below an exact number."""
    return Fraction(np.nextafter(found, -np.inf)) < exact <= Fraction(found)


def stability(method, z):
    """Growth of x under x + hX(x), |X(x)| = L|x|, all coefficients positive: exactly, for z = hL."""
    stages = []
    for weights in [*method.A, method.b]:
        stages.append(
            1 + z * sum(abs(Fraction(a)) * s for a, s in zip(weights, stages, strict=True))
        )
    return stages[-1]


def test_the_constant_of_a_step_is_the_smallest_float_that_is_not_below_the_formula(rng):
    """In fractions."""
    for h, L, c in rng.uniform(0.1, 3, (100, 3)):
        low, high, mu = -L, -L * c / 3, L * (c - 1.5) / 3
        H, exact_low, exact_high = Fraction(h), Fraction(low), Fraction(high)
        spectral = max(abs(1 + H * exact_low), abs(1 + H * exact_high))
        assert rounded_up(dnn.Euler().lipschitz(Spectral(low, high), h), spectral)
        implicit = [abs((2 + H * end) / (2 - H * end)) for end in (exact_low, exact_high)]
        assert rounded_up(dnn.ImplicitMidpoint().lipschitz(Spectral(low, high), h), max(implicit))
        X = Bounded(L, mu)
        square = max(0, 1 + 2 * H * Fraction(mu) + (H * Fraction(L)) ** 2)
        found = dnn.Euler().lipschitz(X, h)
        assert square <= Fraction(found) ** 2 and float(found) <= float(square) ** 0.5 * (1 + 4e-16)
        assert rounded_up(dnn.Euler().lipschitz(X, -h), 1 + H * Fraction(L))
        growing = Bounded(L, L)
        for method in (dnn.Heun(), dnn.Kutta3(), dnn.RK4()):
            assert rounded_up(method.lipschitz(growing, h), stability(method, H * Fraction(L)))
    assert dnn.Euler().lipschitz(Spectral(-1.0, -0.5), 2.0) == 1.0  # what is exact stays exact


def test_the_constant_of_many_steps_of_shears_and_of_networks_is_never_below_the_product(rng):
    """In fractions, and for the root of the shears in decimals."""
    for h, L in rng.uniform(0.01, 0.3, (10, 2)):
        X, one = Bounded(L, L), 1 + Fraction(h) * Fraction(L)
        for n in (1, 7, 300):
            found = Fraction(dnn.Flow(X, -h, steps=n).lipschitz())
            assert one**n <= found <= one**n * Fraction(1 + 5e-16 * n)
        exact = sum(one ** (2 * k) for k in range(1, 8))
        found = Fraction(dnn.Rollout(dnn.Flow(X, -h), 7).lipschitz()) ** 2
        assert exact <= found <= exact * Fraction(1 + 1e-14)
        f = dnn.Dense(1, 1, W=[[L]])
        with decimal.localcontext(decimal.Context(prec=60)):
            ell = decimal.Decimal(h) * decimal.Decimal(f.lipschitz())
            shear = (ell + (ell * ell + 4).sqrt()) / 2
            found = dnn.Flow(dnn.PartitionedField(f, f), h, dnn.SymplecticEuler(), steps=500)
            found = decimal.Decimal(found.lipschitz())
            assert shear**1000 <= found <= shear**1000 * (1 + decimal.Decimal(1e-12))
            henon = decimal.Decimal(dnn.HenonMap(f).lipschitz())
            assert (
                henon
                >= (
                    decimal.Decimal(f.lipschitz())
                    + (decimal.Decimal(f.lipschitz()) ** 2 + 4).sqrt()
                )
                / 2
            )
        net = dnn.Network(*[dnn.Flow(X, -h, steps=n) for n in (1, 2, 3, 4)])
        assert one**10 <= Fraction(net.lipschitz()) <= one**10 * Fraction(1 + 1e-14)
        parts = dnn.SumField(X, Bounded(h, h))
        assert rounded_up(parts.lipschitz(), Fraction(L) + Fraction(h))
        split = Fraction(dnn.LieTrotter().lipschitz(parts, -h))
        assert (
            one * (1 + Fraction(h) ** 2)
            <= split
            <= one * (1 + Fraction(h) ** 2) * Fraction(1 + 1e-15)
        )
    h, two = 2.0**-30, dnn.SumField(Bounded(1.0, 1.0), Bounded(1.0, 1.0))
    assert rounded_up(dnn.LieTrotter().lipschitz(two, -h), Fraction(1 + h) ** 2)
    identity = dnn.Network(*[dnn.Lift(3, 3)] * 50, dnn.Rollout(dnn.Lift(3, 3), 4))
    assert identity.lipschitz() == 2.0  # 1 · 1 = 1, √4 = 2


def test_the_constants_of_fields_are_never_below_their_formulas(rng):
    for a, w, v in rng.uniform(0.1, 3, (50, 3)):
        A, B, a = dnn.Dense(1, 1, W=[[w]]), dnn.Dense(1, 1, W=[[v]]), Fraction(a)
        sigma = dnn.LeakyReLU(float(a))
        s, t = Fraction(A.lipschitz()), Fraction(B.lipschitz())
        low, high = dnn.GradientField(A, sigma).spectrum()
        assert rounded_up(-low, max(a, 1) * s * s)
        assert Fraction(high) >= -min(a, 1) * Fraction(A.singular_range()[0]) ** 2
        assert Fraction(dnn.ResidualField(A, sigma, B).lipschitz()) >= max(a, 1) * s * t
        assert rounded_up(dnn.PartitionedField(A, B).one_sided_lipschitz(), (s + t) / 2)
        X = dnn.SumField(*[dnn.GradientField(A, sigma) for _ in range(3)])
        assert X.spectrum()[0] <= 3 * Fraction(low) and X.spectrum()[1] >= 3 * Fraction(high)


def test_restriction_and_standardisation_are_rounded_outward_in_both_dtypes(rng):
    """√(n/k); a scale of 0.7 is 1.2e-8 less in float32, and the quotient as much larger."""
    for n in range(2, 40):
        for k in range(1, n):
            assert Fraction(dnn.Restriction(k, n).lipschitz()) ** 2 >= Fraction(n, k)
    for scale in (0.5, *rng.uniform(0.1, 3, 50)):
        L = Fraction(dnn.Standardisation(1, (1, 1), scale=scale).lipschitz())
        stored = Fraction(float(scale)), Fraction(float(np.float32(scale)))
        assert 1 / min(stored) <= L <= 1 / min(stored) * Fraction(1 + 3e-16)


def test_denormal_weights_have_a_norm_that_is_not_below_theirs():
    W = [[3e-320, 1e-320]]
    square = sum(Fraction(w) ** 2 for w in W[0])
    assert Fraction(dnn.Dense(1, 2, W=W).lipschitz()) ** 2 >= square
    stencil = dnn.Convolution(1, 1, (3, 3), W=3e-320 * np.ones((1, 1, 3, 3)))
    assert Fraction(stencil.lipschitz()) >= 9 * Fraction(3e-320)
    assert dnn.GradientField(dnn.Dense(1, 2, W=W), dnn.ReLU()).lipschitz() > 0  # 1e-639
    for seed in range(20):
        W = 1e-320 * np.random.default_rng(seed).uniform(size=(1, 2, 3, 3))
        square = sum(sum(map(Fraction, channel.ravel())) ** 2 for channel in W[0])
        assert Fraction(dnn.Convolution(1, 2, (3, 3), W=W).lipschitz()) ** 2 >= square
    for A in (
        dnn.Dense(2, 2, W=np.zeros((2, 2))),
        dnn.Convolution(1, 1, (3, 3), W=np.zeros((1, 1, 3, 3))),
    ):
        assert A.singular_range() == (0.0, 0.0)


def test_a_product_that_underflows_is_not_zero_and_one_that_overflows_is_infinite():
    small, large = [dnn.Dense(1, 1, W=[[w]]) for w in (1e-3, 1e300)]
    assert 1e-60 <= dnn.Network(*[small] * 120, large).lipschitz() < 1e-20
    assert dnn.Flow(Spectral(-0.9, -0.9), 1.0, steps=10_000).lipschitz() > 0
    assert dnn.Network(large, large).lipschitz() == np.inf
    nothing = dnn.Dense(1, 1, W=[[0.0]])
    assert dnn.Network(large, large, nothing).lipschitz() == 0  # a constant


@pytest.mark.parametrize(
    "method",
    [dnn.Euler(), dnn.Heun(), dnn.RK4(), dnn.ImplicitMidpoint(), dnn.Yoshida(dnn.ImplicitMidpoint()), dnn.StormerVerlet(), dnn.SymplecticEuler()],
    ids=repr,
)  # fmt: skip
def test_the_constant_of_a_long_flow_is_infinite_and_no_error(method):
    """And nothing warns: warnings are errors here."""
    shears = isinstance(method, dnn.StormerVerlet | dnn.SymplecticEuler)
    field = dnn.PartitionedField if shears else dnn.HamiltonianField
    A = (
        [dnn.Dense(1, 1, W=[[1.0]]) for _ in range(2)]
        if shears
        else (dnn.Dense(8, 2, rng=0), dnn.Tanh())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow = dnn.Flow(field(*A), 0.1, method, steps=100_000)
        assert flow.lipschitz() == dnn.Rollout(flow, 2).lipschitz() == np.inf
        assert dnn.Rollout(dnn.Flow(field(*A), 0.1, method), 10_000).lipschitz() == np.inf
        assert " inf " in dnn.Network(flow, dnn.Dense(3, 2, rng=0)).summary()


def test_weights_that_are_not_finite_are_named_with_their_place_and_shown_in_the_summary(
    monkeypatch,
):
    """Also where np.linalg never raises, as in WebAssembly."""

    def networks_with(value):
        A, X = (
            dnn.Dense(2, 2, rng=0),
            dnn.GradientField(dnn.Dense(3, 2, rng=1), dnn.Tanh(), alpha=np.ones(3)),
        )
        net = dnn.Network(dnn.Flow(X, 0.1, learn_h=True), A, dnn.Affine(4, 2, rng=2))
        A.W[0, 1] = value
        return net, A, X

    svd_here = np.linalg.svd

    def svd_there(W, compute_uv=True):
        if np.isfinite(W).all():
            return svd_here(W, compute_uv=compute_uv)
        return np.full(min(W.shape[-2:]), np.nan)

    for svd in (svd_here, svd_there):
        monkeypatch.setattr(np.linalg, "svd", svd)
        for value in (np.nan, np.inf):
            net, A, _ = networks_with(value)
            for ask in (
                net.lipschitz,
                lambda net=net: lipschitz.certified_radius(net, np.zeros(2)),
                lambda net=net: lipschitz.profile(net),
            ):
                with pytest.raises(
                    ValueError,
                    match=rf"^1.W of the Network must be finite, got {value} at \(0, 1\)$",
                ):
                    ask()
            with pytest.raises(
                ValueError, match=r"^W of the Dense must be finite, got .* at \(0, 1\)$"
            ):
                A.singular_range()
            assert (
                "nan" in net.summary().splitlines()[2] and "nan" in net.summary().splitlines()[-1]
            )
    net, A, X = networks_with(0.0)
    monkeypatch.setattr(np.linalg, "svd", lambda W, compute_uv: np.full(2, np.nan))
    with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
        A.lipschitz()
    monkeypatch.setattr(np.linalg, "svd", svd_here)
    X.alpha[2] = np.nan
    for F, name in ((X, "alpha of the GradientField"), (net.maps[0], "alpha of the Flow")):
        with pytest.raises(ValueError, match=rf"^{name} must be finite, got nan at \(2,\)$"):
            F.lipschitz()
    X.alpha[2], net.maps[0].__dict__["h"][...] = 1.0, np.nan
    with pytest.raises(ValueError, match=r"^0.h of the Network must be finite, got nan$"):
        net.lipschitz()
    stencil = dnn.Convolution(1, 1, (3, 3))
    stencil.W[0, 0, 1, 1] = np.nan
    with pytest.raises(
        ValueError, match=r"^W of the Convolution must be finite, got nan at \(0, 0, 1, 1\)$"
    ):
        stencil.singular_range()


def test_bounds_of_a_slope_in_the_wrong_order_are_refused():
    class Twisted(dnn.Tanh):
        slope_min, slope_max = 1.0, 0.0

    X = dnn.ResidualField(dnn.Dense(2, 2, rng=0), Twisted(), dnn.Dense(2, 2, rng=1))
    for ask in (
        X.lipschitz,
        X.centre_radius,
        dnn.GradientField(dnn.Dense(2, 2, rng=0), Twisted()).spectrum,
        lambda: Twisted().lipschitz,
    ):
        with pytest.raises(
            ValueError, match=r"^Twisted needs slope_min ≤ slope_max, got 1.0 and 0.0$"
        ):
            ask()


def test_only_weights_that_are_not_negative_and_steps_forward_gain_from_contraction():
    """Otherwise the bound is that of the stages: the inequality needs h b ≥ 0."""
    negative, X = dnn.RungeKutta([[], [-1.0]], [1.5, -0.5]), Spectral(-1.0, 0.0)
    for h in (0.1, 0.5, 1.0):
        stages = 1, 1 + h
        assert negative.lipschitz(X, h) == pytest.approx(1 + h * (1.5 + 0.5 * stages[1]), rel=1e-14)
        for method in (dnn.Heun(), dnn.RK4()):
            assert method.lipschitz(X, -h) >= float(stability(method, Fraction(h)))  # attained
            assert method.lipschitz(X, h) == 1
