"""Discrete gradients: ⟨∇̄I, y − x⟩ = I(y) − I(x), three times, and S∇I with S given, which they are for."""

from types import SimpleNamespace

import numpy as np
import pytest
from zoo import QUADRATIC, TWO_POINT_GRADIENTS, WAVY, energetic, known_skew, residual

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.fields import GivenGradient, ValueOf

K = np.array([[0.0, -1.0], [1.0, 0.0]])
ids = dict(ids=repr)


def separable(x):
    return (np.cos(x) + x**4 / 8).sum(axis=-1)


SEPARABLE = dnn.Invariant(
    separable, lambda x: -np.sin(x) + x**3 / 2, lambda x, v: (-np.cos(x) + 1.5 * x**2) * v
)


def of(I, d=4):
    """The maps I and ∇I of an invariant that is given."""
    return SimpleNamespace(I=ValueOf(I, d), dI=GivenGradient(I, d))


def method_of(G, I=None):
    return dnn.DiscreteGradient(I, gradient=G)


# ---- the three


@pytest.mark.parametrize("G", TWO_POINT_GRADIENTS, **ids)
def test_a_discrete_gradient_has_its_two_properties_and_the_symmetry_that_it_claims(G, rng):
    x, H = rng.normal(size=(50, 4)), energetic(rng)
    y = x + 0.1 * rng.normal(size=x.shape)
    for F in (of(WAVY), H):
        mean = G(F, x, y)
        np.testing.assert_allclose(
            (mean * (y - x)).sum(axis=-1), F.I(y) - F.I(x), rtol=0, atol=2e-14
        )
        np.testing.assert_allclose(G(F, x, x), F.dI(x), rtol=1e-14, atol=1e-14)
        assert np.abs(mean - F.dI((x + y) / 2)).max() > 1e-4
        gap = np.abs(G(F, y, x) - mean).max()
        assert gap <= 1e-12 if G.symmetric else gap > 1e-3
        np.testing.assert_allclose(G.exchanged()(F, y, x), mean, rtol=0, atol=1e-11)
        np.testing.assert_allclose(G(F, x[0], y[0]), mean[0], rtol=1e-12, atol=1e-13)


def test_the_mean_value_is_exact_for_polynomials_of_twice_the_degree_of_its_nodes(rng):
    for nodes in (1, 2, 3):
        for degree in (2 * nodes, 2 * nodes + 1):
            c = rng.normal(size=3)
            I = dnn.Invariant(
                lambda x, c=c, p=degree: (x @ c) ** p,
                lambda x, c=c, p=degree: p * (x @ c)[..., None] ** (p - 1) * c,
                lambda x, v: 0 * v,
            )
            x, y = rng.normal(size=(2, 5, 3))
            gap = (dnn.MeanValue(nodes)(of(I, 3), x, y) * (y - x)).sum(axis=-1) - (I(y) - I(x))
            size = np.abs(I(x)) + np.abs(I(y)) + 1
            if degree == 2 * nodes:
                assert (np.abs(gap) <= 1e-13 * size).all()
            else:
                assert np.abs(gap).max() > 1e-4


def test_the_error_of_the_mean_value_falls_as_its_distance_to_a_singularity_says():
    """log is singular at 0, r = 1 chord from [1, 2]: by (3 + 2√2)² for each node; 6e-13 with eight, rounding at r = 2.

    1/(1 + x²) is singular at ±i, beside the chord [−½, ½], and that is worse: by (2 + √5)², which is what is promised."""
    log = of(dnn.Invariant(lambda x: np.log(x[..., 0]), lambda x: 1 / x, lambda x, v: -v / x**2), 1)
    x, y = np.ones(1), 2 * np.ones(1)
    errors = [abs(dnn.MeanValue(n)(log, x, y)[0] - np.log(2)) for n in (3, 4, 5, 6)]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), (1 + 2**0.5) ** 4, rtol=0.05)
    assert 1e-14 < abs(dnn.MeanValue()(log, x, y)[0] - np.log(2)) <= 6e-13
    assert abs(dnn.MeanValue()(log, 2 * x, 3 * x)[0] - np.log(1.5)) <= 1e-15
    beside = of(
        dnn.Invariant(lambda x: np.arctan(x[..., 0]), lambda x: 1 / (1 + x**2), np.multiply), 1
    )
    errors = [
        abs(dnn.MeanValue(n)(beside, -x / 2, x / 2)[0] - 2 * np.arctan(0.5)) for n in (5, 6, 7, 8)
    ]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), (2 + 5**0.5) ** 2, rtol=0.02)
    assert errors[-1] <= 1.5 * (2 + 5**0.5) ** -16 < 1.5e-10


def test_gonzalez_corrects_what_is_missing_unless_it_is_rounding():
    """For x³, δ³/4 is missing; it is rounding for δ < 6e-6 min(1, |m|)."""
    cube = of(
        dnn.Invariant(lambda x: x[..., 0] ** 3, lambda x: 3 * x**2, lambda x, v: 6 * x * v), 1
    )
    for m, delta in ((1.0, 1e-4), (1e-3, 1e-7)):
        x, y = np.array([m]), np.array([m + delta])
        gap = dnn.Gonzalez()(cube, x, y) @ (y - x) - (cube.I(y) - cube.I(x))
        assert abs(gap) <= 1e-15 * m**3 < 0.1 * delta**3 / 4
    x, y = np.array([1.0]), np.array([1.0 + 1e-6])
    np.testing.assert_array_equal(dnn.Gonzalez()(cube, x, y), cube.dI((x + y) / 2))


def test_itoh_and_abes_quotients_are_their_formula_from_either_end(rng):
    x, y = rng.normal(size=(2, 3, 2, 4))
    for backward in (False, True):
        a, b = (y, x) if backward else (x, y)
        expected = np.empty_like(x)
        for i in range(4):
            before = np.concatenate([b[..., :i], a[..., i:]], axis=-1)
            after = np.concatenate([b[..., : i + 1], a[..., i + 1 :]], axis=-1)
            expected[..., i] = (WAVY(after) - WAVY(before)) / (b - a)[..., i]
        np.testing.assert_allclose(
            dnn.ItohAbe(backward)(of(WAVY), x, y), expected, rtol=1e-12, atol=1e-13
        )


@pytest.mark.parametrize("size", [0.0, 1e-13, 1e-9, 1e-6, 1e-5, 1e-4, 1e-2, 0.3])
def test_for_separable_invariants_itoh_and_abes_is_the_mean_value_with_all_its_derivatives(
    size, rng
):
    """However close y and x are in a coordinate: no quotient of two roundings."""
    x, dx, dy, w = rng.normal(size=(4, 6, 4))
    y = x + size * np.array([1, -1, 1, 0.5])
    y[..., 1] = x[..., 1] + 0.2  # one coordinate moves in any case
    results = []
    for G in (dnn.ItohAbe(), dnn.ItohAbe(backward=True), dnn.MeanValue(9)):
        value, pullback = G.vjp(of(SEPARABLE), x, y)
        np.testing.assert_array_equal(value, G(of(SEPARABLE), x, y))
        tangent = G.jvp(of(SEPARABLE), x, y, dx, dy)[1]
        results.append([value, tangent, *pullback(w)[:2]])
    for found in results[:2]:
        for a, b in zip(found, results[2], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("G", TWO_POINT_GRADIENTS, **ids)
def test_the_derivatives_of_an_increment_agree_where_a_coordinate_stays_or_nearly(G, rng):
    """⟨w, Φ_x dx + Φ_y dy + Φ_θ dθ⟩ = ⟨Φ_xᵀw, dx⟩ + …, and by a complex step, of S given and I learned."""
    for X, I in ((energetic(rng), None), (known_skew(rng), None), (residual(rng), WAVY)):
        phi = method_of(G, I).increment(X)
        x, dx, dy, w = rng.normal(size=(4, 5, 4))
        y = x + [[0.1], [0.2], [0.4], [0.8], [1.6]] * rng.uniform(0.5, 1, size=x.shape)
        y[:, 2] = x[:, 2] + [0, 1e-16, 1e-12, 1e-8, 1e-3]
        u = rng.normal(size=X.theta.shape)
        value, tangent = phi.jvp(x, y, dx, dy, u)
        a, b, c = phi.vjp(x, y)[1](w)
        total = (a * dx).sum() + (b * dy).sum() + c @ u
        assert abs((w * tangent).sum() - total) <= 1e-12 * np.linalg.norm(w) * np.linalg.norm(
            tangent
        )
        column = (phi.jacobian(x, y) @ dy[..., None])[..., 0]
        np.testing.assert_allclose(column, phi.jvp(x, y, 0 * dx, dy)[1], rtol=0, atol=1e-13)
        moved = phi(x + 1e-30j * dx, y + 1e-30j * dy)
        np.testing.assert_allclose(moved.real, value, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(
            moved.imag / 1e-30, phi.jvp(x, y, dx, dy)[1], rtol=1e-13, atol=1e-13 * 30
        )


def test_row_ten_of_the_courses_lotka_and_volterra_from_far_out():
    """2000 points to T = 10 end 1.1e-4, 1.1e-4, 7.9e-6 off with I kept to 1e-13; here 64 steps, scaled by order two.

    I is separable, and so Itoh and Abe's step is the mean value's."""
    X, n = systems.lotka_volterra(2, 1, 1, 1), 64
    I, x, ends = X.invariants["cycle"], np.array([0.1, 1.9]), []
    exact = dnn.exact_flow(X, x, 10.0)
    for G, error in (
        (dnn.ItohAbe(), 1.06e-4),
        (dnn.MeanValue(), 1.06e-4),
        (dnn.Gonzalez(), 7.9e-6),
    ):
        states = dnn.Rollout(dnn.Flow(X, 10 / n, method_of(G, I)), n)(x)
        assert np.abs(I(states) - I(x)).max() <= 1e-13
        scaled = np.linalg.norm(states[-1] - exact) * (n / 1999) ** 2
        assert scaled == pytest.approx(error, rel=0.08)
        ends.append(states[-1])
    np.testing.assert_allclose(ends[0], ends[1], rtol=0, atol=1e-11)


# ---- as methods


class Both(dnn.integrators.Composition):
    """Half a step from the first coordinate to the last, and half a step back."""

    order, symmetric = 2, True

    def plan(self, field):
        return [(None, field, method_of(dnn.ItohAbe(b)), 1 / 2) for b in (False, True)]


def test_orders_and_inverses(rng):
    """Itoh and Abe's method has order one, its adjoint undoes it, and the two together have order two and are symmetric."""
    X, x = known_skew(rng), 0.5 * rng.normal(size=4)
    for method in (*map(method_of, TWO_POINT_GRADIENTS[1:]), Both()):
        checks.order(method, X, x, t=0.2, finest=16).require()
        y = method.step(X, x, 0.1)
        np.testing.assert_allclose(method.inverse(X, y, 0.1), x, atol=1e-11)
        back = np.abs(method.step(X, y, -0.1) - x).max()
        assert back <= 1e-11 if method.symmetric else back > 1e-4
        np.testing.assert_allclose(WAVY(y), WAVY(x), atol=1e-13)


def test_what_a_long_step_does_not_reach_from_x_is_reached_along_shorter_ones():
    """Where Newton's method fails, and from the first full step, too; and a projection along part of the way."""
    X = systems.lotka_volterra(2, 1, 1, 1)
    I, x = X.invariants["cycle"], np.array([[0.1, 1.9], [1.0, 2.0]])
    with np.errstate(invalid="ignore"):  # it looks beyond the axes
        y = method_of(dnn.ItohAbe(), I).step(X, x, 2.0)
    np.testing.assert_allclose(I(y), I(x), rtol=0, atol=1e-13)
    e = dnn.Invariant(lambda x: np.exp(x[..., 0]), np.exp, lambda x, v: np.exp(x) * v)
    away = dnn.KnownField(lambda x: 0 * x - 25, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        y = dnn.Projected(dnn.Euler(), e).step(away, np.zeros((1, 1)), 1.0)
    np.testing.assert_allclose(y, 0, rtol=0, atol=1e-13)


@pytest.mark.parametrize("G", TWO_POINT_GRADIENTS, **ids)
def test_a_state_that_is_not_finite_is_named_and_nothing_else_is_said(G, rng):
    with pytest.raises(dnn.NotConverged, match="state number 1 of the batch, or its field, is not"):
        method_of(G).step(energetic(rng), [[1.0, 0, 2, 0], [0, np.nan, 1, 0]], 0.1)


def test_what_a_step_with_each_is_said_to_keep(rng):
    H, X = energetic(rng), known_skew(rng)
    quadratic = dnn.KnownSkewField(X.skew(np.zeros(4)), QUADRATIC)
    for G in (dnn.Gonzalez(), dnn.ItohAbe(), dnn.ItohAbe(backward=True)):
        assert method_of(G).preserves(H) == {"energy"}
        assert method_of(G).preserves(X) == method_of(G).preserves(quadratic) == {"invariant"}
        assert method_of(G, WAVY).preserves(residual(rng)) == set()  # the field does not keep it
    assert method_of(dnn.MeanValue()).preserves(X) == set()  # to the error of a formula
    assert method_of(dnn.MeanValue()).preserves(quadratic) == {"invariant"}
    assert [method_of(G).order for G in TWO_POINT_GRADIENTS] == [2, 2, 1, 1]


def test_the_default_is_gonzalez_and_each_is_known_by_how_it_was_built():
    assert dnn.DiscreteGradient() == method_of(dnn.Gonzalez()) != method_of(dnn.ItohAbe())
    assert repr(method_of(dnn.Gonzalez())) == "DiscreteGradient()"
    assert repr(method_of(dnn.MeanValue(3))) == "DiscreteGradient(gradient=MeanValue(3))"
    assert repr(method_of(dnn.ItohAbe(backward=True))) == "DiscreteGradient(gradient=ItohAbe(True))"
    assert dnn.MeanValue(3) != dnn.MeanValue(4) and dnn.ItohAbe(True) == dnn.ItohAbe(1)


def test_single_precision_stays_single(rng):
    X = dnn.HamiltonianField.random(2, width=5, rng=0, dtype=np.float32)
    J = dnn.KnownSkewField(K, dnn.Quadratic(np.diag([1.0, 2.0])))
    x = np.array([0.5, 0.25], np.float32)
    assert J(x).dtype == J.skew(x).dtype == np.float32
    half = x.astype(np.float16)
    assert J(half).dtype == J.vjp(half)[1](half)[0].dtype == np.float16
    for G in TWO_POINT_GRADIENTS:
        assert method_of(G).step(X, x, 0.1).dtype == np.float32
        assert method_of(G).step(J, x, 0.1).dtype == np.float32


def test_a_discrete_gradient_of_ones_own_says_what_is_missing(rng):
    class OneSided(dnn.integrators.TwoPointGradient):
        symmetric = False

    X, x = energetic(rng), np.ones(4)
    method = method_of(OneSided())
    with pytest.raises(NotImplementedError, match="OneSided has no value: write __call__"):
        method.step(X, x, 0.1)
    with pytest.raises(NotImplementedError, match="no hand-written adjoint: write vjp"):
        method.increment(X).vjp(x, x)
    with pytest.raises(NotImplementedError, match="no hand-written tangent: write jvp"):
        method.increment(X).jvp(x, x, x, x)
    with pytest.raises(NotImplementedError, match="has no explicit inverse"):
        method.inverse(X, x, 0.1)


# ---- S given


def test_a_field_of_a_given_s_is_lotka_and_volterras(rng):
    X = systems.lotka_volterra(2, 1, 1, 3)
    Y = dnn.KnownSkewField(
        lambda x: (x[..., 0] * x[..., 1])[..., None, None] * K, X.invariants["cycle"], dim=2,
        dS=lambda x: K[:, :, None] * x[..., None, None, ::-1],
    )  # fmt: skip
    x, v, w = 0.5 + rng.uniform(size=(3, 5, 2))
    np.testing.assert_allclose(Y(x), X(x), rtol=1e-13)
    np.testing.assert_allclose(Y.jacobian(x), X.jacobian(x), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(Y.jvp(x, v)[1], X.jvp(x, v)[1], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(Y.vjp(x)[1](w)[0], X.vjp(x)[1](w)[0], rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(dnn.KnownSkewField(**Y.arguments()).jvp(x, v), Y.jvp(x, v))
    assert Y.keeps == {"invariant"} and Y.invariants["invariant"] == X.invariants["cycle"]


def test_the_derivative_of_a_given_s_by_complex_step_is_the_derivative(rng):
    """At a point, a batch and a grid; in both adjoint and tangent, in single precision, and in steps."""
    X, x, v = known_skew(rng), *rng.normal(size=(2, 3, 5, 4))
    Y = dnn.KnownSkewField(**{**X.arguments(), "dS": "complex step"})
    assert Y.formula == "S(x)∇I(x), S′ by complex step" and X.formula == "S(x)∇I(x)"
    assert Y.arguments()["dS"] == "complex step" and Y.keeps == X.keeps
    for a, b in ((x, v), (x[0], v[0]), (x[0, 0], v[0, 0])):
        np.testing.assert_allclose(Y.jvp(a, b)[1], X.jvp(a, b)[1], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(Y.vjp(a)[1](b)[0], X.vjp(a)[1](b)[0], rtol=1e-13, atol=1e-13)
    single = x.astype(np.float32)
    assert Y.jvp(single, single)[1].dtype == np.float32
    np.testing.assert_allclose(Y.S.derivative(single), X.S.derivative(single), atol=1e-6)
    F, G = (dnn.Flow(Z, 0.2, dnn.DiscreteGradient()) for Z in (X, Y))
    np.testing.assert_allclose(G(x[0]), F(x[0]), rtol=0, atol=1e-13)
    rough = dnn.KnownSkewField(
        lambda x: np.abs(x[..., :1, None]) * K, dnn.Mass(), 2, "complex step"
    )
    with pytest.raises(dnn.arguments.WrongResult, match="S of KnownSkewField has real values at"):
        rough.jvp(np.ones(2), np.ones(2))


def test_a_constant_s_keeps_volume_and_j_the_symplectic_form(rng):
    S = rng.normal(size=(4, 4))
    X = dnn.KnownSkewField(S - S.T, WAVY)
    x = rng.normal(size=(5, 4))
    np.testing.assert_allclose(X(x), WAVY.gradient(x) @ (S.T - S), rtol=1e-13)
    np.testing.assert_allclose(X.divergence(x), 0, atol=1e-13)
    assert X.keeps == {"invariant", "volume"}
    J = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    Z = dnn.KnownSkewField(J.tolist(), QUADRATIC)
    assert Z.keeps == {"invariant", "volume", "symplectic"}
    assert "symplectic" in dnn.KnownSkewField(-2 * J, QUADRATIC).keeps  # ẋ = J∇(−2I)
    for S in (
        X.skew(x[0]),
        np.diag([1, 2]) @ K @ np.diag([1, 2]),
        J[[1, 0, 2, 3]][:, [1, 0, 2, 3]],
    ):
        I = QUADRATIC if len(S) == 4 else dnn.SquaredNorm()
        assert ("symplectic" in dnn.KnownSkewField(S, I).keeps) == (
            len(S) == 2
        )  # det = 1 in the plane
    step = dnn.Flow(Z, 0.3, dnn.ImplicitMidpoint())
    assert step.keeps == Z.keeps
    checks.symplectic(step, x[0]).require()
    with pytest.raises(AttributeError, match="cannot be replaced"):
        X.S = S


def test_a_field_of_a_constant_s_is_saved_and_one_of_a_function_is_not(tmp_path, rng):
    path, x = tmp_path / "field.npz", rng.normal(size=(3, 4))
    X = dnn.KnownSkewField([[0, 1, 0, 2], [-1, 0, 0, 0], [0, 0, 0, 3], [-2, 0, -3, 0]], QUADRATIC)
    for G in TWO_POINT_GRADIENTS[1:]:
        F = dnn.Flow(X, 0.1, method_of(G))
        F.save(path)
        again = dnn.Map.load(path)
        np.testing.assert_array_equal(again(x), F(x))
        assert again.method == F.method and again.keeps == F.keeps
    with pytest.raises(TypeError, match="a file keeps objects of the classes of dynsys_nn"):
        known_skew(rng).save(path)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: dnn.KnownSkewField(np.eye(2), WAVY), ValueError, "must be skew, .* an entry 2"),
        (lambda: dnn.KnownSkewField(np.zeros((2, 3)), WAVY), ValueError, "square matrix, got shape"),
        (lambda: dnn.KnownSkewField([[0, np.nan], [0, 0]], WAVY), ValueError, "finite square matrix"),
        (lambda: dnn.KnownSkewField([[0, 1j], [-1j, 0]], WAVY), TypeError, "real numbers"),
        (lambda: dnn.KnownSkewField(K, np.sum), TypeError, "invariant must have"),
        (lambda: dnn.KnownSkewField(K, WAVY, dim=3), ValueError, "dim must be that of S, 2, got 3"),
        (lambda: dnn.KnownSkewField(K, WAVY, dim=np.ones(2)), TypeError, "dim must be an integer, got array"),
        (lambda: dnn.KnownSkewField(K, WAVY, dS=np.sin), ValueError, "and S is a matrix: got dS = <ufunc"),
        (lambda: dnn.KnownSkewField(lambda x: K, WAVY, 2, "complex"), ValueError, 'a function or "complex step", got .complex'),
        (lambda: dnn.KnownSkewField(lambda x: K, WAVY), ValueError, "needs dim= of a function S, got none"),
        (lambda: dnn.KnownSkewField(lambda x: K, WAVY, dim=0), ValueError, "dim must be at least 1"),
        (lambda: dnn.KnownSkewField(lambda x: np.ones((2, 2)) + 0 * x[..., None], dnn.Mass(), 2)(np.ones(2)),
            dnn.arguments.WrongResult, r"S\(x\) of KnownSkewField must be skew, .* an entry 2"),
        (lambda: dnn.KnownSkewField(lambda x: x[..., :1, None] ** 30 * K + np.eye(2), dnn.Mass(), 2)(np.array([[1.0, 0], [9.0, 0]])),
            dnn.arguments.WrongResult, "must be skew, .* an entry 2"),
        (lambda: dnn.KnownSkewField(lambda x: K + 0 * x[..., None], dnn.Mass(), 2).vjp(np.ones(2)),
            NotImplementedError, "never approximates one: give dS="),
        (lambda: dnn.KnownSkewField(lambda x: x, dnn.Mass(), 2)(np.ones((3, 2))), dnn.arguments.WrongResult, "has shape"),
        (lambda: dnn.DiscreteGradient(gradient="itoh-abe"), TypeError, "such as Gonzalez.. or ItohAbe.., got 'itoh-abe'"),
        (lambda: dnn.DiscreteGradient(gradient=dnn.ItohAbe), TypeError, "got the class itself"),
        (lambda: dnn.MeanValue(0), ValueError, "nodes must be at least 1"),
        (lambda: dnn.MeanValue(101), ValueError, "100 nodes are more than enough, got nodes = 101"),
        (lambda: dnn.ItohAbe("backward"), TypeError, "backward must be True or False"),
        (lambda: dnn.Yoshida(dnn.DiscreteGradient(gradient=dnn.ItohAbe())), TypeError, "Yoshida composes a symmetric method"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_rounding_in_a_matrix_that_is_skew_is_no_matter(rng):
    Q, S = np.linalg.qr(rng.normal(size=(4, 4)))[0], np.kron(np.eye(2), K)
    X = dnn.KnownSkewField(Q @ S @ Q.T, WAVY)
    assert (Q @ S @ Q.T != -(Q @ S @ Q.T).T).any()
    np.testing.assert_array_equal(X.skew(np.ones(4)), -X.skew(np.ones(4)).T)
