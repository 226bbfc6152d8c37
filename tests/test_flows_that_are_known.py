"""Fields that know their flow, and the method that takes it: exact, with the structure of the field, the orders of splittings
of such parts, and the constants of ẋ = A x."""

import numpy as np
import pytest
import zoo
from zoo import randomise, residual, solved

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.arguments import WrongResult

EXACT = dnn.ExactFlow()


def symmetric(rng, eigenvalues):
    """A matrix with these eigenvalues, and its eigenvectors."""
    d = len(eigenvalues)
    Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    S = Q * eigenvalues @ Q.T
    return (S + S.T) / 2, Q


# ---- e^{hA}


def test_the_flow_of_a_linear_field_is_that_of_its_eigenvalues_however_stiff(rng):
    """−1 to −1e6; the derivative in A by Daleckii and Krein: (e^{hλᵢ} − e^{hλⱼ})/(λᵢ − λⱼ) in the eigenvectors."""
    lam, h = -np.geomspace(1, 1e6, 5), 0.01
    S, Q = symmetric(rng, lam)
    x, w = rng.normal(size=(2, 200, 5))
    y, pullback = EXACT.vjp(dnn.LinearField(S), x, h)
    dx, dA, dh = pullback(w)
    e, off = np.exp(h * lam), ~np.eye(5, dtype=bool)
    quotient = np.divide(e[:, None] - e, lam[:, None] - lam, np.diag(h * e), where=off)
    for found, right in (
        (y, x @ Q * e @ Q.T), (dx, w @ Q * e @ Q.T), (dh, np.sum(w @ Q * e * lam * (x @ Q))),
        (dA, (Q @ (quotient * (Q.T @ w.T @ x @ Q)) @ Q.T).ravel()),
    ):  # fmt: skip
        assert np.linalg.norm(found - right) <= 1e-10 * np.linalg.norm(right)


@pytest.mark.parametrize("size", [1e308, np.inf])
def test_a_matrix_whose_exponential_is_no_number_has_no_derivatives_that_are(size):
    X, x = dnn.LinearField(np.ones((2, 2))), np.ones(2)
    X.theta = np.full(4, size)
    with np.errstate(all="ignore"):
        for h in (1.0, 2.0):
            dA, dy = EXACT.vjp(X, x, h)[1](x)[1], EXACT.jvp(X, x, h, x, X.theta)[1]
            assert np.isnan(EXACT.step(X, x, h)).all() and np.isnan(dA).all() and np.isnan(dy).all()


@pytest.mark.parametrize(
    "A",
    [
        dnn.Convolution(2, 2, (3, 3), rng=0),
        dnn.Dense(3, 3, rng=0, dtype=np.float32),
        dnn.Lift(3, 3),
    ],
    ids=repr,
)
def test_any_square_linear_map_makes_a_linear_field(A, rng):
    X = dnn.LinearField(randomise(A, rng) if A.theta.size else A)
    x = rng.normal(size=(2, X.dim)).astype(X.theta.dtype)
    np.testing.assert_array_equal(X(x), A(x))
    assert X.jacobian(x).dtype == EXACT.step(X, x, 0.2).dtype == x.dtype
    np.testing.assert_allclose((X.jacobian(x) @ x[..., None])[..., 0], A(x), rtol=1e-5, atol=1e-5)
    if x.dtype == float:
        checks.adjoint(dnn.Flow(X, 0.3, EXACT, steps=2, learn_h=True), x).require()
        np.testing.assert_allclose(EXACT.step(X, x, 0.3), dnn.exact_flow(X, x, 0.3), rtol=1e-11, atol=1e-12)  # fmt: skip
    else:
        double = dnn.LinearField(A.W.astype(float))
        y = EXACT.step(double, x.astype(float), 0.3)
        # to the rounding of float32, of sums of numbers of size 1, which may nearly cancel
        np.testing.assert_allclose(EXACT.step(X, x, 0.3), y, rtol=3e-7, atol=3e-7)
        found, error, _ = dnn.rounding.running_error([dnn.Flow(X, 0.3, EXACT)], x)
        assert (np.linalg.norm(found - y, axis=-1) <= error).all() and error.max() < 1e-5


def test_what_a_linear_field_keeps_is_asked_of_its_weights_as_they_are(rng):
    """Each word is claimed where it holds to the last bit, the flow keeps it, and one unit in the last place takes it away."""
    J = np.kron([[0, 1], [-1, 0]], np.eye(2))
    M, S = rng.normal(size=(2, 4, 4))
    laplacian = -1.0 * np.array([[2, -1, 0, -1], [-1, 1, 0, 0], [0, 0, 0, 0], [-1, 0, 0, 1]])
    made = {
        "norm": M - M.T,
        "energy": J @ (S + S.T),
        "symplectic": J @ (M + M.T),
        "mass": laplacian,
        "volume": M - np.diag(np.diag(M)),
    }
    x = rng.normal(size=(3, 4))
    for word, A in made.items():
        X = dnn.LinearField(A)
        F = dnn.Flow(X, 0.1, EXACT, steps=3)
        assert word in X.keeps and F.keeps == X.keeps, word
        assert ("volume" in X.keeps) >= ("symplectic" in X.keeps)
        for I in F.invariants.values():
            checks.invariant(F, I, x, steps=5).require()
        if "symplectic" in X.keeps:
            checks.symplectic(F, x).require()
        if "volume" in X.keeps:
            checks.volume(F, x).require()
        X.A.W[0, 0], X.A.W[0, 1] = np.nextafter(A[0, 0], 9), np.nextafter(A[0, 1], 9)
        assert word not in F.keeps and word not in X.keeps, word
    broken = dnn.LinearField([[0.0]])
    broken.A.W[:] = np.nan
    assert dnn.LinearField(M).keeps == broken.keeps == frozenset()
    assert (
        dnn.LinearField([[1e16, 0, 0], [1, 0, 0], [-1e16, 0, 0]]).keeps == frozenset()
    )  # 1ᵀA = (1, 0, 0)


def test_the_constants_of_a_linear_field_are_attained(rng):
    S, Q = symmetric(rng, [-3.0, -0.5, 2.0, 2.5])
    X = dnn.LinearField(S)
    assert X.has_spectrum
    np.testing.assert_allclose(X.spectrum(), (-3, 2.5), rtol=1e-13)
    assert X.spectrum()[0] <= -3 and 2.5 <= X.spectrum()[1] == X.one_sided_lipschitz()
    for h in (0.3, -0.3):
        L = EXACT.lipschitz(X, h)
        assert 1 <= L / np.exp(max(-3 * h, 2.5 * h)) < 1 + 1e-13
    skew = dnn.LinearField(S @ np.diag([1, 2, 3, 4]) - np.diag([1, 2, 3, 4]) @ S)
    assert EXACT.lipschitz(skew, 7.0) == EXACT.lipschitz(skew, -7.0) == 1.0
    assert skew.one_sided_lipschitz() == 0 and EXACT.non_expansive_step(skew) == np.inf
    hump = dnn.LinearField([[-1, 100], [0, -1]])  # e^{hA} = e^{−h}[[1, 100h], [0, 1]], μ = 49
    for h in (0.01, 1.0):
        right = np.exp(-h) * np.linalg.norm([[1, 100 * h], [0, 1]], 2)
        assert 1 <= EXACT.lipschitz(hump, h) / right < 1 + 1e-5
    assert not dnn.LinearField(dnn.Convolution(1, 1, (33, 33), rng=0)).has_centre  # 1089 rows
    assert not hump.has_spectrum and EXACT.lipschitz(dnn.LinearField([[1e300]]), 1e20) == np.inf
    assert 0 < EXACT.lipschitz(dnn.LinearField([[-1e300]]), 1.0) < 1e-300
    with pytest.raises(NotImplementedError, match="not known to have a symmetric Jacobian"):
        hump.spectrum()
    with pytest.raises(NotImplementedError, match="no step of ExactFlow is known"):
        EXACT.non_expansive_step(hump)
    f = dnn.PartitionedField(zoo.shear(rng, 2, 2), dnn.Zero(2, 2))
    assert EXACT.lipschitz(f, 0.1) <= dnn.Euler().lipschitz(f, 0.1)
    assert EXACT.lipschitz(f, 99.0) == dnn.Euler().lipschitz(f, 99.0)  # it is that step
    checks.lipschitz(dnn.Flow(f, 0.1, EXACT), rng.normal(size=(9, 4))).require()


# ---- the method


def test_every_step_is_the_flow_and_splittings_have_their_own_order(rng):
    """∞, and 1 and 2 observed; the inverse is the step with −h."""
    x = 0.5 * rng.normal(size=(4, 4))
    drift = dnn.KnownField(np.ones_like, 4, shear=True)
    halves = dnn.PartitionedField(residual(rng, 2), dnn.Zero(2, 2))
    for X in (zoo.linear(rng), solved(), halves, drift):
        assert EXACT.order_on(X) == np.inf
        checks.order(EXACT, X, x, 0.5, finest=8).require()
        checks.inverse(dnn.Flow(X, 0.3, EXACT), x).require()
    parts = dnn.SumField(zoo.linear(rng), solved())
    for method, order in ((dnn.LieTrotter(EXACT), 1), (dnn.Strang(EXACT), 2)):
        assert method.order == method.order_on(parts) == order
        checks.order(method, parts, x, 0.5, finest=64).require()
    assert dnn.Strang(EXACT).symmetric and dnn.Strang(dnn.Euler()).order_on(parts) == 1


def potential(q):
    return q[..., 0] ** 2 / 2 + np.cos(q[..., 1])


def slope(q):
    return np.stack([q[..., 0], -np.sin(q[..., 1])], axis=-1)


def test_strang_of_the_exact_flows_of_kinetic_and_potential_energy_is_drift_kick_drift():
    """To the bit; in 5000 steps of 0.1 the energy H = q₁²/2 + cos q₂ + ‖p‖²/2 stays in [−7.231e-4, 3.011e-3]."""
    X, h = systems.separable(potential, slope, "complex step", x0=[1.0, 0.5, 0.0, 0.0]), 0.1
    drift, kick = dnn.PartitionedField(X.f, dnn.Zero(2, 2)), dnn.PartitionedField(dnn.Zero(2, 2), X.g)  # fmt: skip
    parts, method = dnn.SumField(drift, kick), dnn.Strang(EXACT)
    assert method.order_on(parts) == 2 and method.preserves(parts) == {"volume", "symplectic"}
    z, (q, p), path = X.x0, np.split(X.x0, 2), []
    for _ in range(5000):
        z = method._step(parts, z, h)
        path.append(z)
    for z in path[:200]:
        q = q + (h / 2) * p
        p = p + h * -slope(q)
        q = q + (h / 2) * p
        assert z.tobytes() == np.concatenate([q, p]).tobytes()
    H = X.invariants["energy"]
    gap = H(np.array(path)) - H(X.x0)
    assert abs(gap.min() + 7.231e-4) < 5e-8 and abs(gap.max() - 3.011e-3) < 5e-7
    checks.gradient(H, np.array(path[:5])).require()


class Doubling(dnn.Field):
    """ẋ = cx, with its flow by hand, and hooks for mistakes."""

    dim_in = dim_out = 2
    has_flow = True

    def __init__(self, c, flow=None):
        self.hook = flow
        self.own(c=c)

    def __call__(self, x):
        return self.c * x

    def flow(self, x, h):
        return x * np.exp(self.c * h) if self.hook is None else self.hook(x, h)

    def flow_vjp(self, x, h):
        y = self.flow(x, h)
        return y, lambda w: (
            w * np.exp(self.c * h),
            self.pack(c=(w * y).sum() * h),
            (w * y).sum() * self.c,
        )


def test_a_field_of_ones_own_may_know_its_flow(rng):
    X, x = Doubling(np.log(2)), rng.normal(size=(3, 2))
    np.testing.assert_allclose(X.flow(x, 3), 8 * x, rtol=1e-15)
    checks.adjoint(dnn.Flow(X, 0.5, EXACT, steps=2, learn_h=True), x).require()
    with pytest.raises(WrongResult, match="the flow of Doubling has shape"):
        EXACT.step(Doubling(1.0, lambda x, h: x[0]), x, 0.5)
    with pytest.raises(ValueError, match="a step h must be one finite number other than zero"):
        X.flow(x, 0.0)
    with pytest.raises(
        ValueError, match=r"Doubling needs a covector w of shape \(3, 2\), got \(2,\)"
    ):
        X.flow_vjp(x, 0.5)[1](x[0])


def test_backward_a_flow_is_bounded_by_the_constant_of_the_field_and_not_by_how_it_contracts():
    class Decay(Doubling):
        lipschitz, one_sided_lipschitz = lambda self: 1.0, lambda self: -1.0
        has_centre, centre_radius = True, lambda self: (-3 * np.eye(2), 2.0)  # −x = −3x + 2x

    for h in (0.5, -0.5):
        assert EXACT.lipschitz(Decay(-1.0), h) == pytest.approx(np.exp(-h), rel=1e-14)


def test_what_has_no_flow_is_refused_with_a_word_on_what_has():
    A, sir = dnn.Dense(3, 3, rng=0), systems.sir()
    for call, error, words in (
        (lambda: dnn.Flow(A, 0.1), TypeError, r"got Dense\(3 → 3\): write LinearField\(A\)"),
        (lambda: dnn.SumField(sir, A), TypeError, r"at place 1: write LinearField\(A\) for"),
        (lambda: dnn.LinearField(np.ones((2, 3))), ValueError, r"a square matrix, got shape \(2, 3\)"),
        (lambda: dnn.LinearField(dnn.Dense(2, 3)), ValueError, r"ℝᵈ → ℝᵈ, got Dense\(3 → 2\)"),
        (lambda: dnn.LinearField("A"), TypeError, "A of LinearField must be"),
        (lambda: dnn.Flow(sir, 0.1, EXACT), TypeError, r"needs a field that knows its flow, .* got KnownField\(3 → 3\)"),
        (lambda: EXACT.step(A, np.ones(3), 0.1), TypeError, r"knows its flow, .* got Dense"),
        (lambda: sir.flow(sir.x0, 0.1), NotImplementedError, "exact_flow solves"),
        (lambda: sir.flow_vjp(sir.x0, 0.1), NotImplementedError, "exact_flow solves"),
        (lambda: sir.flow_jvp(sir.x0, 0.1, sir.x0), NotImplementedError, "exact_flow solves"),
        (lambda: dnn.KnownField(np.sin, 2, flow_jacobian="complex step"), ValueError, "give flow="),
        (lambda: dnn.KnownField(np.sin, 2, flow=3), TypeError, "flow of KnownField must be a function"),
        (lambda: EXACT.vjp(dnn.KnownField(np.copy, 2, flow=lambda x, h: x * np.exp(h)), np.ones(2), 0.1),
         NotImplementedError, "give flow_jacobian="),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call()


def test_a_map_that_is_no_field_may_call_a_method_flow():
    class Tank(dnn.Map):
        dim_in = dim_out = 1

        def flow(self, litres):
            return f"{litres} litres"

    assert Tank().flow("3") == "3 litres"
