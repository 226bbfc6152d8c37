"""Fields that are gradients of networks: their adjoints are second derivatives, by a pullback at a complex point."""

import numpy as np
import pytest
from zoo import ANALYTIC, points, randomise

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.fields import Potential


def deep(rng, d=4, sigma=None, sign=-1, dtype=float):
    return randomise(
        dnn.GradientOf.random(d, (5, 6, 3), sigma or dnn.Tanh(), sign, rng=rng, dtype=dtype), rng
    )


def kinetic(rng, n=2):
    """v ↦ Kv with K symmetric and no multiple of the identity."""
    T = dnn.GradientField(dnn.Dense(n, n, rng=rng), dnn.Identity(), sign=1)
    return T, T.A.W.T @ T.A.W


# ---- it is what was there for one layer


@pytest.mark.parametrize("sigma", ANALYTIC, ids=repr)
def test_the_gradient_of_one_layer_is_the_gradient_field_with_all_its_derivatives(sigma, rng):
    # the primitive of Softplus is scipy's dilogarithm, less exact at complex points
    limit = 1e-12 if isinstance(sigma, dnn.Softplus) else 1e-15
    for sign in (-1, 1):
        X = dnn.GradientField(dnn.Dense(6, 4, rng=rng), sigma, sign, alpha=rng.normal(size=6))
        Y, x = dnn.GradientOf(Potential(randomise(X, rng)), sign), points(rng, (3, 2))
        v, w = rng.normal(size=(2, *x.shape))
        dtheta = rng.normal(size=X.theta.size)
        for found, exact in zip(
            (Y(x), *Y.vjp(x)[1](w), *Y.jvp(x, v), *Y.jvp(x, v, dtheta), Y.jacobian(x)),
            (X(x), *X.vjp(x)[1](w), *X.jvp(x, v), *X.jvp(x, v, dtheta), X.jacobian(x)),
            strict=True,
        ):
            assert np.linalg.norm(found - exact) <= limit * np.linalg.norm(exact)
        np.testing.assert_array_equal(Y.potential(x), X.potential(x))


def test_hamiltonian_of_one_layer_is_the_hamiltonian_field(rng):
    X = randomise(
        dnn.HamiltonianField(dnn.Dense(6, 4, rng=rng), dnn.Sine(), rng.normal(size=6)), rng
    )
    Y, z = dnn.HamiltonianOf(Potential(X.dH)), points(rng, (5,))
    w = rng.normal(size=z.shape)
    for found, exact in zip(
        (Y(z), Y.hamiltonian(z), Y.jacobian(z), *Y.vjp(z)[1](w), Y.skew(z)),
        (X(z), X.hamiltonian(z), X.jacobian(z), *X.vjp(z)[1](w), X.skew(z)),
        strict=True,
    ):
        assert np.linalg.norm(found - exact) <= 1e-15 * np.linalg.norm(exact)


# ---- deeper


def test_what_is_drawn_is_what_was_asked_for_under_the_names_of_the_network():
    for cls in (dnn.GradientOf, dnn.HamiltonianOf):
        X = cls.random(2, (300, 4), dnn.Sine(), bias=2.0, rng=0)
        V = X.V if cls is dnn.GradientOf else X.H
        assert [G.dim_out for G in V.maps] == [300, 4, 1] and V[0].sigma == dnn.Sine()
        assert abs(X.parameters["0.b"].std() - 2) < 0.2
        assert list(X.parameters) == list(V.parameters)
    assert [dnn.GradientOf.random(2, 3, sign=s).sign for s in (-1, 1)] == [-1, 1]


def test_the_hessian_of_two_layers_is_the_formula(rng):
    """V = w·τ(a₂), a₂ = Bs + c, s = τ(a₁), a₁ = Ax + b, τ = tanh, τ′ = 1 − τ², τ″ = −2ττ′: by hand,
    ∇²V = Mᵀdiag(w τ″(a₂))M + Aᵀdiag(Bᵀ(w τ′(a₂)) τ″(a₁))A, M = B diag(τ′(a₁))A."""
    X = randomise(dnn.GradientOf.random(4, (5, 3), rng=rng), rng)
    A, b, B, c, w = X.parameters.values()
    x = points(rng, ())
    s = np.tanh(A @ x + b)
    t = np.tanh(B @ s + c)
    ds, dt = 1 - s**2, 1 - t**2
    M = B @ (ds[:, None] * A)
    at_top = M.T @ ((w[0] * -2 * t * dt)[:, None] * M)
    below = A.T @ ((((w[0] * dt) @ B) * -2 * s * ds)[:, None] * A)
    np.testing.assert_allclose(X(x), -(w[0] * dt) @ M, rtol=1e-14)
    np.testing.assert_allclose(X.jacobian(x), -(at_top + below), rtol=1e-13, atol=1e-15)


def test_the_gradient_of_a_network_has_no_curl(rng):
    for sigma in (dnn.Tanh(), dnn.Sigmoid(), dnn.Softplus(), dnn.Sine()):
        # rounding: 4.5e-16 here, 1.3e-15 in WebAssembly, and 1.2e-14 for the worst of 300 seeds
        assert checks.curl_free(deep(rng, sigma=sigma), points(rng, (6,))).measured <= 4e-15


def test_training_through_the_gradient_of_a_network_has_its_exact_gradient(rng):
    """⟨∇J, v⟩ of a loss over steps against central differences of order four."""
    T, V = kinetic(rng)[0], deep(rng, 2)
    net = dnn.Rollout(dnn.Flow(dnn.PartitionedField(T, V), 0.2, dnn.StormerVerlet()), 3)
    x, y, loss = points(rng, (8,)), rng.normal(size=(8, 3, 4)), dnn.MeanSquaredError()
    _, g = dnn.value_and_grad(net, loss, x, y)
    theta, v, h, difference = net.theta.copy(), rng.normal(size=net.theta.size), 2e-4, 0.0
    for k, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
        net.theta = theta + k * h * v
        difference += weight * loss(net(x), y) / (12 * h)
    assert abs(difference - g @ v) <= 1e-9 * abs(g @ v)


def test_with_any_kinetic_energy_the_flow_is_symplectic_and_knows_it(rng):
    (T, K), V, x = kinetic(rng), deep(rng, 2), points(rng, (6,))
    for f in (T, deep(rng, 2, sign=1)):
        X = dnn.PartitionedField(f, V)
        assert X.keeps == {"symplectic", "volume", "energy"}
        for method in (dnn.SymplecticEuler(), dnn.StormerVerlet()):
            flow = dnn.Flow(X, 0.5, method, steps=3)
            assert flow.keeps == {"symplectic", "volume"}
            assert checks.symplectic(flow, x).require().measured < 1e-14
    X = dnn.PartitionedField(T, V)
    q, v = x[:, :2], x[:, 2:]
    energy = ((v @ K) * v).sum(axis=-1) / 2 + V.V(q)[:, 0]
    np.testing.assert_allclose(X.hamiltonian(x), energy, rtol=1e-14)
    assert checks.gradient(X.invariants["energy"], x).passed


def test_the_field_of_a_learned_hamiltonian_keeps_what_it_says(rng):
    X = randomise(dnn.HamiltonianOf.random(4, (6, 5), rng=rng), rng)
    z = points(rng, (6,))
    assert X.keeps == {"symplectic", "volume", "energy"} and X.H is X.dH.V
    assert abs((X.dH(z) * X(z)).sum(axis=-1)).max() <= 1e-15
    midpoint = dnn.Flow(X, 0.5, dnn.ImplicitMidpoint())
    assert midpoint.keeps == {"symplectic", "volume"}
    assert checks.symplectic(midpoint, z).require().measured < 1e-14
    kept = dnn.Flow(X, 0.5, dnn.DiscreteGradient())
    assert kept.keeps == {"energy"}
    np.testing.assert_allclose(X.hamiltonian(kept(z)), X.hamiltonian(z), atol=1e-14)
    assert checks.gradient(X.invariants["energy"], z).passed
    assert checks.adjoint(X.I, z).passed


# ---- the complex point


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_vectors_of_any_size_are_as_exact_as_those_of_size_one(dtype, rng):
    """The adjoint is linear in w to rounding, from the smallest to the largest numbers."""
    X, x = deep(rng, dtype=dtype), points(rng, (5,)).astype(dtype)
    w, dtheta = rng.normal(size=x.shape).astype(dtype), rng.normal(size=X.theta.size).astype(dtype)
    info = np.finfo(dtype)
    (dx, dF), dy = X.vjp(x)[1](w), X.jvp(x, w, dtheta)[1]
    for k in (info.minexp // 2, -100, 60, info.maxexp - 20):
        size = dtype(2.0**k)
        du, dG = X.vjp(x)[1](size * w)
        assert du.dtype == dG.dtype == dtype
        for found, exact in ((du, dx), (dG, dF), (X.jvp(x, size * w, size * dtheta)[1], dy)):
            np.testing.assert_allclose(found / size, exact, rtol=1e-5, atol=10 * info.eps)
    only_theta, tiny = X.jvp(x, 0 * w, dtheta)[1], dtype(2.0 ** (info.minexp // 2))
    np.testing.assert_allclose(X.jvp(x, tiny * w, dtheta)[1], only_theta, rtol=1e-5)


def test_single_precision_has_its_own_accuracy(rng):
    X = deep(rng, dtype=np.float32)
    Y, x = deep(rng), points(rng, (5,))
    Y.theta = X.theta.astype(float)
    w = rng.normal(size=x.shape)
    for found, exact in zip(X.vjp(x)[1](w), Y.vjp(x)[1](w), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, atol=1e-5)


def test_the_value_takes_complex_states_and_a_third_derivative_is_refused(rng):
    X, x, v = deep(rng), points(rng, (5,)), rng.normal(size=(5, 4))
    np.testing.assert_allclose(X(x + 1e-100j * v).imag / 1e-100, X.jvp(x, v)[1], rtol=1e-13)
    with pytest.raises(TypeError, match="real states, vectors and parameters only, got complex128"):
        X.jvp(x + 0j, v)
    with pytest.raises(TypeError, match="found at a complex point"):
        X.vjp(x + 0j)[1](v)
    with pytest.raises(TypeError, match="found at a complex point"):
        dnn.hessian_times(X, dnn.MeanSquaredError(), x, x, X.theta)


class Quartic(dnn.Map):
    """V(x) = Σ c xᵢ⁴, with one parameter: written by hand, and with no second derivative."""

    dim_in, dim_out = 4, ()

    def __init__(self, c):
        self.own(c=c)

    def __call__(self, x):
        return self.c * (x**4).sum(axis=-1)

    def vjp(self, x):
        return self(x), lambda w: (
            4 * self.c * x**3 * w[..., None],
            self.pack(c=(w * (x**4).sum(axis=-1)).sum()),
        )


def test_a_map_of_ones_own_gets_its_second_derivative(rng):
    X, x, w = dnn.GradientOf(Quartic(1.5), sign=1), points(rng, (5,)), rng.normal(size=(5, 4))
    dx, dc = X.vjp(x)[1](w)
    np.testing.assert_allclose(dx, 18 * x**2 * w, rtol=1e-14)
    np.testing.assert_allclose(dc, [(4 * x**3 * w).sum()], rtol=1e-14)
    np.testing.assert_allclose(X.jvp(x, 0 * w, np.ones(1))[1], 4 * x**3, rtol=1e-14)
    assert checks.adjoint(X, x).passed


class Loses(Quartic):
    """The same, but real at complex states."""

    def vjp(self, x):
        return super().vjp(x.real)


def test_a_map_that_is_real_at_complex_states_is_refused(rng):
    X, x = dnn.GradientOf(Loses(1.0)), points(rng, (5,))
    for second in (lambda: X.vjp(x)[1](x), lambda: X.jvp(x, x), lambda: X.jacobian(x)):
        with pytest.raises(TypeError, match="has real values at complex states, as abs"):
            second()


def test_epsilon_is_that_of_the_complex_point_whatever_the_precision_of_the_map(rng):
    """Double where single precision was given: ε is 2⁻⁴² in one of them, and 2⁻³⁴⁰ in the other."""

    class Wide(Quartic):
        def vjp(self, x):
            return super().vjp(x.astype(np.result_type(x, float)))

    X, Y = (dnn.GradientOf(V(np.float32(1.5)), sign=1) for V in (Wide, Quartic))
    x, w, d = points(rng, (5,)).astype(np.float32), np.ones((5, 4), np.float32), np.ones(1)
    wide, exact = ((*Z.vjp(x)[1](w), *Z.jvp(x, w, d)) for Z in (X, Y))
    for a, b in zip(wide, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    X = deep(rng, dtype=np.float32)
    dtheta = rng.normal(size=X.theta.size).astype(np.float32)
    single, double = (X._jvp(z, w, dtheta)[1] for z in (x, x.astype(float)))
    np.testing.assert_allclose(double, single, rtol=1e-4, atol=1e-5)


REFUSED = {
    "two values": (lambda: dnn.GradientOf(dnn.Dense(2, 4)), ValueError, "V must have one number per state"),
    "a sequence": (lambda: dnn.GradientOf(dnn.Rollout(dnn.Dense(1, 1), 2)), ValueError, "V must have one number per state"),
    "a function": (lambda: dnn.GradientOf(np.sum), TypeError, "V must be a scalar network, a Map such as"),
    "sign 2": (lambda: dnn.GradientOf(dnn.Dense(1, 4), 2), ValueError, r"sign must be −1 \(descent\) or \+1 \(ascent\), got 2"),
    "ReLU": (lambda: dnn.GradientOf.random(4, (3, 3), dnn.ReLU()), TypeError, r"ReLU\(\) is not analytic: ∇V has no derivative; take Tanh"),
    "LeakyReLU in H": (lambda: dnn.HamiltonianOf.random(4, 3, dnn.LeakyReLU()), TypeError, r"LeakyReLU\(\) is not analytic: ∇H has"),
    "two outputs of H": (lambda: dnn.HamiltonianOf(dnn.Dense(2, 4)), ValueError, r"H must have one number per state.*got Dense\(4 → 2\)"),
    "H a function": (lambda: dnn.HamiltonianOf(np.sum), TypeError, "H must be a scalar network"),
    "MaxPooling": (lambda: dnn.GradientOf(dnn.MaxPooling(1, (2, 2))), TypeError, r"MaxPooling\(4 → 1\) is not analytic: ∇V has no"),
    "MaxMin": (lambda: dnn.GradientOf(dnn.Network(dnn.MaxMin(4), dnn.Dense(1, 4))), TypeError, r"MaxMin\(4 → 4\) is not analytic: ∇V has no"),
    "an odd dimension": (lambda: dnn.HamiltonianOf.random(3, 4), ValueError, "even dimension, got H with dim_in = 3"),
    "no layers": (lambda: dnn.GradientOf.random(4, (3, 0)), ValueError, "each of widths must be at least 1, got 0"),
    "a constant": (lambda: dnn.GradientOf.random(4, 3).lipschitz(), NotImplementedError, "no Lipschitz constant of GradientOf is known"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_gradient_or_hamiltonian_is_refused(name):
    call, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        call()


def test_a_constant_added_to_the_potential_changes_nothing(rng):
    """And images of dimension 1 and none are the same."""
    X, x = deep(rng), points(rng, (5,))
    last = X.V[-1].W
    Y = dnn.GradientOf(dnn.Network(*X.V[:-1].maps, dnn.Affine(1, 3, W=last, b=[7.0])))
    np.testing.assert_array_equal(Y(x), X(x))
    np.testing.assert_allclose(Y.potential(x), X.potential(x) + 7, rtol=1e-14)
    assert Y.vjp(x)[1](x)[1][-1] == 0
