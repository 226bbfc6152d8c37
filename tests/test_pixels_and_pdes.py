"""Images as fields: derivatives by differences, the heat and the wave equation from known stencils, any field made
tangent to any invariant, and equations learned from frames."""

from fractions import Fraction

import numpy as np
import pytest
import zoo

import dynsys_nn as dnn
from dynsys_nn.arguments import WrongResult

NORM = dnn.SquaredNorm()
IMAGES = [(4, 6), (3, 5), (4, 5), (2, 3), (1, 4), (1, 1)]


def shift_matrix(n):
    """(Su)_k = u_{k+1}, periodic."""
    return np.roll(np.eye(n), 1, axis=1)


def matrices(image, dx):
    """D and Δ by Kronecker products of what they are along a line."""
    H, W = image
    down, right = (shift_matrix(n) - np.eye(n) for n in image)
    D = np.vstack([np.kron(down, np.eye(W)), np.kron(np.eye(H), right)]) / dx
    lines = [S + S.T - 2 * np.eye(len(S)) for S in map(shift_matrix, image)]
    return D, (np.kron(lines[0], np.eye(W)) + np.kron(np.eye(H), lines[1])) / dx**2


def heat(n, dx, alpha=1.0):
    """u̇ = αΔu as the gradient flow −DᵀαDu."""
    D = dnn.PeriodicGradient((n, n), dx)
    return dnn.GradientField(D, dnn.Identity(), alpha=np.full(D.dim_out, alpha))


def wave(n, k, l):
    """cos(ω·p) on n × n pixels."""
    p = 2 * np.pi * np.arange(n) / n
    return np.cos(k * p[:, None] + l * p).ravel()


def moved(u, n, rows, columns):
    return np.roll(u.reshape(-1, n, n), (rows, columns), axis=(1, 2)).reshape(u.shape)


# ---- derivatives of images


@pytest.mark.parametrize("image", IMAGES, ids=str)
def test_gradient_and_laplacian_are_the_differences_along_both_axes(image, rng):
    dx, eye = 0.7, np.eye(image[0] * image[1])
    D, A = dnn.PeriodicGradient(image, dx), dnn.Laplacian(image, dx)
    by_hand, laplacian = matrices(image, dx)
    np.testing.assert_allclose((D @ eye).T, by_hand, atol=1e-15)
    np.testing.assert_allclose((A @ eye).T, laplacian, atol=1e-14)
    u, w = rng.normal(size=(3, 2, len(eye))), rng.normal(size=(3, 2, 2 * len(eye)))
    np.testing.assert_allclose(D.adjoint(w), w @ by_hand, atol=1e-14)
    np.testing.assert_allclose(D.adjoint(D(u)), -A(u), atol=1e-13)  # DᵀD = −Δ
    np.testing.assert_allclose(A.adjoint(u), A(u), atol=0)


@pytest.mark.parametrize("image", IMAGES, ids=str)
def test_their_largest_singular_values_are_those_of_the_shortest_waves(image):
    dx = 0.7
    for F, matrix in zip(
        (dnn.PeriodicGradient(image, dx), dnn.Laplacian(image, dx)),
        matrices(image, dx),
        strict=True,
    ):
        s = np.linalg.svd(matrix, compute_uv=False)
        assert F.singular_range()[0] == 0 and s[-1] < 1e-14
        assert abs(F.lipschitz() - s[0]) <= 1e-14 * s[0]
    if not any(n % 2 for n in image):
        assert dnn.Laplacian(image, 0.5).lipschitz() == 32  # 8/dx²


@pytest.mark.parametrize("n", [3, 5, 7, 9, 11, 13])
def test_of_an_odd_number_of_pixels_they_are_rounded_up(n):
    """8 cos²(π/2n) by its series, in fractions."""
    x, c, term = Fraction("3.14159265358979323846264338327950288") / n, 1, Fraction(1)
    for k in range(1, 30, 2):
        term *= -x * x / (k * (k + 1))
        c += term
    squared = 4 * (1 + c)  # of ‖D‖
    assert (
        squared
        <= Fraction(dnn.Laplacian((n, n)).lipschitz())
        <= squared * (1 + Fraction(1, 10**14))
    )
    assert squared <= Fraction(dnn.PeriodicGradient((n, n)).lipschitz()) ** 2


def test_a_step_of_the_heat_equation_multiplies_a_wave_by_a_number():
    n, dx, alpha = 40, 0.05, 0.3
    R = 1 - 0.24 * 4 * (np.sin(2 * np.pi / n) ** 2 + np.sin(3 * np.pi / n) ** 2)
    assert abs(R - 0.9241902594320904) < 1e-15
    u, h = wave(n, 2, 3), 0.24 * dx**2 / alpha
    for X, step in (
        (heat(n, dx, alpha), h),
        (dnn.LinearField(dnn.Laplacian((n, n), dx)), alpha * h),
    ):
        np.testing.assert_allclose(dnn.Flow(X, step)(u), R * u, atol=1e-13)


@pytest.mark.parametrize("n, dx, alpha", [(40, 0.05, 0.3), (12, 2.0, 7.0)])
def test_the_condition_of_courant_friedrichs_and_lewy_is_non_expansiveness(n, dx, alpha):
    X, cfl = heat(n, dx, alpha), dx**2 / (4 * alpha)
    h = dnn.Euler().non_expansive_step(X)
    assert abs(h / cfl - 1) < 1e-14
    chessboard = wave(n, n // 2, n // 2)
    for factor, grows in ((0.999, False), (1.001, True)):
        y = dnn.Flow(X, factor * h)(chessboard)
        assert (np.linalg.norm(y) > np.linalg.norm(chessboard)) == grows


def test_of_the_wave_equation_verlet_keeps_the_energy_near_and_heun_blows_up():
    """ü = Δu, 200 steps of 0.6 dx from a bump at rest: the Hamiltonian system of ½‖v‖² + ½‖Du‖²."""
    n = 40
    D, d = dnn.PeriodicGradient((n, n), dx := 1 / n), n * n
    v = dnn.GradientField(dnn.Lift(d, d), dnn.Identity(), sign=1)
    X = dnn.PartitionedField(v, dnn.GradientField(D, dnn.Identity()))
    p = (np.arange(n) - n // 2) * dx
    z = np.concatenate([np.exp(-30 * (p[:, None] ** 2 + p**2)).ravel(), np.zeros(d)])
    within, last = [], []
    for method in (dnn.StormerVerlet(), dnn.Heun()):
        path = np.vstack([z, dnn.Rollout(dnn.Flow(X, 0.6 * dx, method, steps=4), 50)(z)])
        energy = ((path[:, d:] ** 2).sum(axis=-1) + (D(path[:, :d]) ** 2).sum(axis=-1)) / 2
        np.testing.assert_allclose(X.invariants["energy"](path), energy, rtol=1e-13)
        within.append(abs(energy / energy[0] - 1).max())
        last.append(energy[-1] / energy[0])
    assert 1e-3 < within[0] < 6e-3 and last[1] > 1e30
    assert dnn.StormerVerlet().preserves(X) == {"symplectic", "volume"}


def test_fields_on_differences_treat_all_pixels_alike(rng):
    """One bias for each of the two differences; and a projection to a sphere knows no pixel, either."""
    n = 5
    D = dnn.PeriodicGradient((n, n), 0.5)
    X = zoo.randomise(dnn.GradientField(D, dnn.Tanh()), rng)
    assert X.b.shape == (2,) and dnn.ResidualField(dnn.Laplacian((n, n)), dnn.Tanh()).b.shape == (
        1,
    )
    Y = dnn.TangentField(
        dnn.ResidualField(dnn.Convolution(1, 1, (n, n), rng=rng), dnn.Tanh()), NORM
    )
    x = rng.normal(size=(3, n * n))
    for F in (D, dnn.Laplacian((n, n)), X, Y):
        y = F(x)
        shifted = moved(y.reshape(-1, n * n), n, 1, 2).reshape(y.shape)
        np.testing.assert_allclose(F(moved(x, n, 1, 2)), shifted, atol=1e-13)
    assert dnn.checks.adjoint(X, x).passed


# ---- any field, any invariant


def fields(rng):
    """name → (X, I), of which no X keeps its I."""
    residual, energetic = zoo.residual(rng), zoo.energetic(rng)
    return {
        "norm": (residual, NORM),
        "mass": (residual, dnn.Mass()),
        "invariant": (energetic, zoo.QUADRATIC),
        "a given I": (energetic, zoo.WAVY),
    }


@pytest.mark.parametrize("name", ["norm", "mass", "invariant", "a given I"])
def test_the_tangential_part_is_what_is_left_of_a_field_without_its_normal_part(name, rng):
    X, I = fields(rng)[name]
    Y, x = dnn.TangentField(X, I), zoo.points(rng, (50,))
    n = I.gradient(x)
    n = n / np.linalg.norm(n, axis=-1, keepdims=True)
    P = np.eye(4) - n[..., None] * n[..., None, :]  # symmetric, P² = P, Pn = 0
    np.testing.assert_allclose(Y(x), (P @ X(x)[..., None])[..., 0], atol=1e-14)
    assert abs((n * X(x)).sum(axis=-1)).max() > 0.1  # which is something
    assert np.shares_memory(Y.theta, X.theta)


def test_a_field_that_keeps_I_is_its_own_tangential_part(rng):
    x = zoo.points(rng, (50,))
    for X, I in ((zoo.sphere(rng), NORM), (zoo.energetic(rng), None)):
        Y = dnn.TangentField(X, I or dnn.Invariant(X.I, X.I.gradient, X.I.hvp))
        np.testing.assert_allclose(Y(x), X(x), atol=1e-14)


@pytest.mark.parametrize("name", ["norm", "invariant", "a given I"])
def test_what_is_kept_is_kept_by_every_step_that_says_so_and_by_a_network_of_them(name, rng):
    X, I = fields(rng)[name]
    Y, x = dnn.TangentField(X, I), 0.5 * zoo.points(rng, (5,))
    word = {min(getattr(I, "keeps", {"invariant"}))}
    assert Y.keeps == word and Y.invariants == dict.fromkeys(word, I)
    for method, on, kept in (
        (dnn.Projected(dnn.Heun(), I), (X, Y, dnn.SumField(X, Y)), True),
        (dnn.DiscreteGradient(I), (Y,), True),
        (dnn.Gauss(2), (Y,), I.degree == 2),
        (dnn.Strang(dnn.Projected(dnn.Heun(), I)), (dnn.SumField(X, Y),), True),
        (dnn.RK4(), (Y,), False),
    ):
        for field in on:
            F = dnn.Flow(field, 0.1, method)
            net = dnn.Network(F, dnn.Rollout(F, 2))
            assert F.keeps == net.keeps == (word if kept else set())
            drift = abs(I(net(x)) - I(x)[..., None]).max()
            assert drift < 3e-14 if kept else drift > 1e-9


@pytest.mark.parametrize("nothing", [0.0, 1e-310])
def test_where_the_gradient_vanishes_a_state_stays_and_others_do_not_notice(nothing, rng):
    X = zoo.randomise(dnn.ResidualField.random(3, 5, rng=rng), rng)
    Y, x, w = dnn.TangentField(X, NORM), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    x[1] = nothing
    y, pullback = Y.vjp(x)
    dx, dtheta = pullback(w)
    others = [0, 2, 3]
    one, pullback = Y.vjp(x[others])
    np.testing.assert_array_equal(y[1], 0)
    np.testing.assert_array_equal(dx[1], 0)
    np.testing.assert_array_equal(Y.jvp(x, w, X.theta)[1][1], 0)
    np.testing.assert_array_equal(y[others], one)
    np.testing.assert_allclose(dtheta, pullback(w[others])[1], atol=1e-15)
    assert np.linalg.norm(X(np.zeros(3))) > 0.1
    F = dnn.Flow(Y, 0.5, dnn.Projected(dnn.Heun(), NORM), steps=3)
    np.testing.assert_array_equal(F(np.zeros(3)), 0)


@pytest.mark.parametrize("scale", [1e-170, 1e-20, 1e20, 1e170])
def test_how_long_the_gradient_is_does_not_matter(scale, rng):
    X = dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Identity())  # X(cx) = cX(x)
    Y, x, w = dnn.TangentField(X, NORM), zoo.points(rng, (5,)), rng.normal(size=(5, 4))
    X.theta = X.theta * (np.arange(X.theta.size) < 16)
    np.testing.assert_allclose(Y(scale * x) / scale, Y(x), rtol=1e-12, atol=1e-15)
    for big, small in (
        (Y.jvp(scale * x, w)[1], Y.jvp(x, w)[1]),
        (Y.vjp(scale * x)[1](w)[0], Y.vjp(x)[1](w)[0]),
    ):
        np.testing.assert_allclose(big, small, rtol=1e-12, atol=1e-14)


def clocked(Q):
    """The tangential part of ẋ = t for ½ zᵀQz, z = (x, t)."""
    X = dnn.TimeDependent(lambda t, x: t[..., None] + 0 * x, 2)
    return dnn.TangentField(X, dnn.Quadratic(Q))


def test_a_tangential_part_leaves_the_clock_alone():
    Y = clocked(np.diag([1, 1, 0]))
    np.testing.assert_allclose(Y([1.0, 0.0, 3.0]), [0, 3, 1], atol=1e-15)
    assert np.isnan(Y([np.nan, 0.0, 3.0])).any()  # a NaN is no look at the time


def test_stencils_and_tangential_parts_refuse_what_makes_no_sense(rng):
    X = zoo.residual(rng)

    class NoReturn(dnn.SquaredNorm):
        def gradient(self, x):
            pass

    for call, error, message in (
        (lambda: dnn.Laplacian((4, 4), dx=0), ValueError, "dx must be a positive number, got 0"),
        (lambda: dnn.PeriodicGradient((4, 4), dx=-1.0), ValueError, "dx must be a positive number"),
        (lambda: dnn.Laplacian((4, 4), dx=1e-200), ValueError, "1/dx² must be a number, got dx"),
        (lambda: dnn.Laplacian((4, 4), dx=1e200), ValueError, "1/dx² must be a number, got dx"),
        (lambda: dnn.TangentField(X, NoReturn())(np.ones(4)), WrongResult, "is there a return"),
        (lambda: dnn.Laplacian(4), TypeError, "pair"),
        (lambda: dnn.Laplacian((4, 4))(np.ones(15)), ValueError, "dimension 16, got an array"),
        (lambda: dnn.TangentField(dnn.Dense(4, 4), NORM), TypeError, r"write LinearField\(A\)"),
        (
            lambda: dnn.TangentField(dnn.Flow(X, 0.1), NORM),
            TypeError,
            "takes a vector field X, got",
        ),
        (lambda: dnn.TangentField(X, np.sum), TypeError, r"I.gradient\(x\)"),
        (lambda: clocked(np.eye(3))(np.ones(3)), ValueError, r"does not look at the time.*\[2\]"),
        (lambda: dnn.TangentField(X, zoo.energetic(rng).I), TypeError, "has no parameters, got"),
        (lambda: dnn.TangentField(X, NORM).lipschitz(), NotImplementedError, "TangentField"),
    ):
        with pytest.raises(error, match=message):
            call()


# ---- equations learned from frames


def random_images(count, n, rng):
    """Smooth images, periodic, whose largest entry is 1."""
    k = np.fft.fftfreq(n, 1 / n)
    u = np.fft.fft2(rng.normal(size=(count, n, n))) / np.sqrt(1 + k[:, None] ** 2 + k**2)
    u = np.fft.ifft2(u).real.reshape(count, -1)
    return u / abs(u).max(axis=-1, keepdims=True)


def steps_of(X, u, h, frames):
    """Pairs (x, y), y = x + hX(x), along paths from the images u."""
    path = dnn.trajectory(X, u, h * np.arange(frames + 1), dnn.Euler())
    return [part.reshape(-1, u.shape[-1]) for part in (path[:, :-1], path[:, 1:])]


def stencil(n, kernel=5, W=0.0):
    return dnn.Convolution(1, 1, (n, n), kernel, W=np.full((1, 1, kernel, kernel), W))


def density(u):
    """An image with values between 0 and 1, most of them near the ends, as Fisher's equation has them."""
    return (1 + np.tanh(8 * u)) / 2


@pytest.mark.parametrize("equation, epochs, limit", [("heat", 60, 1e-11), ("Fisher", 250, 1e-6)])
def test_stencils_of_five_by_five_pixels_learn_an_equation_from_frames(
    equation, epochs, limit, rng
):
    """u̇ = αΔu by K ∗ u, and K is then the Laplacian of five points; u̇ = αΔu + u(1 − u) by K ∗ u + B ∗ max(au + b, 0)²."""
    n, h = 8, 0.375
    X, K = heat(n, dx := 1 / n, alpha=0.2 * dx**2 / h), stencil(n)
    u = random_images(16, n, rng)
    F = dnn.LinearField(K)
    if equation == "Fisher":
        X = dnn.SumField(X, dnn.KnownField(lambda u: u * (1 - u), n * n))
        squares = dnn.ResidualField(stencil(n, 1, 1.0), dnn.ReLUSquared(), stencil(n))
        F, u = dnn.SumField(F, squares), density(u)
    step = dnn.Flow(F, 1.0)
    x, y = steps_of(X, u[:6], h, frames=2)
    optimiser = dnn.LBFGS(corrections=40, gtol=1e-15)
    dnn.fit(step, dnn.MeanSquaredError(), x, y, optimiser, epochs=epochs)
    x, y = steps_of(X, u[6:], h, frames=3)
    error = np.linalg.norm(step(x) - y, axis=-1) / np.linalg.norm(y, axis=-1)
    assert error.max() < limit
    if equation == "heat":
        five = np.zeros((5, 5))
        five[1:4, 1:4] = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
        np.testing.assert_allclose(K.W[0, 0] / 0.2, five, atol=1e-9)
