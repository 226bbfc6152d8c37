"""Convolutions and the layers between images: adjoints, exact singular values, orthogonality, and the bounds of their steps."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.optimize
import zoo

import dynsys_nn as dnn
from dynsys_nn import checks, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.linear import slabs

#: sizes, kernels and groups of every kind: square, wide and tall, odd and even images, a kernel as large as the image
STENCILS = {
    "3 → 3 on 8×8": dict(channels_out=3, channels_in=3, image=(8, 8)),
    "2 → 4 on 5×7, kernel 5": dict(channels_out=4, channels_in=2, image=(5, 7), kernel=5),
    "4 → 2 on 6×3": dict(channels_out=2, channels_in=4, image=(6, 3)),
    "4 → 6 on 4×5, 2 groups": dict(channels_out=6, channels_in=4, image=(4, 5), groups=2),
    "3 → 3 on 3×3, each channel alone": dict(channels_out=3, channels_in=3, image=(3, 3), groups=3),
    "2 → 3 on 4×4, kernel 1": dict(channels_out=3, channels_in=2, image=(4, 4), kernel=1),
}
BETWEEN = {
    "ChannelLift": lambda: dnn.ChannelLift(3, 2, (4, 6)),
    "ChannelRestriction": lambda: dnn.ChannelRestriction(2, 3, (4, 6)),
    "AveragePooling": lambda: dnn.AveragePooling(2, (4, 6)),
    "AveragePooling of 3×3": lambda: dnn.AveragePooling(1, (3, 6), 3),
    "MaxPooling": lambda: dnn.MaxPooling(2, (4, 6)),
    "Standardisation": lambda: dnn.Standardisation(2, (4, 6), [0.5, -1.0], [0.5, 2.0]),
}


def convolution(name, rng, dtype=float):
    return zoo.randomise(dnn.Convolution(**STENCILS[name], rng=rng, dtype=dtype), rng)


def by_the_formula(A, x):
    """y_o(p) = Σ_i Σ_q W_oi(q) x_i(p + q − c), by loops over everything."""
    (H, W), c, y = A.image, A.kernel // 2, np.zeros((A.channels_out, *A.image))
    x, per_group = x.reshape(A.channels_in, H, W), A.channels_out // A.groups
    for o in range(A.channels_out):
        for i in range(A.channels_in // A.groups):
            image = x[o // per_group * (A.channels_in // A.groups) + i]
            for q in np.ndindex(A.kernel, A.kernel):
                y[o] += A.W[(o, i, *q)] * np.roll(image, (c - q[0], c - q[1]), axis=(0, 1))
    return y.ravel()


@pytest.mark.parametrize("name", STENCILS)
def test_a_convolution_is_its_formula(name, rng):
    A = convolution(name, rng)
    x = rng.normal(size=A.dim_in)
    np.testing.assert_allclose(A(x), by_the_formula(A, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", zoo.SHAPES.values(), ids=zoo.SHAPES)
@pytest.mark.parametrize("name", [*STENCILS, *BETWEEN])
def test_adjoint_and_tangent_of_layers_of_images(name, shape, rng):
    F = convolution(name, rng) if name in STENCILS else BETWEEN[name]()
    x = rng.normal(size=(*shape, F.dim_in))
    for check in (checks.adjoint, checks.tangent):
        result = check(F, x).require()
        assert check is checks.tangent or result.measured <= 1e-12


@pytest.mark.parametrize("name", STENCILS)
def test_adjoint_and_outer_are_those_of_the_dense_matrix(name, rng):
    A = convolution(name, rng)
    D = A(np.eye(A.dim_in)).T
    np.testing.assert_allclose(A.adjoint(np.eye(A.dim_out)), D, atol=1e-13)
    w, x, dW = (
        rng.normal(size=(4, A.dim_out)),
        rng.normal(size=(4, A.dim_in)),
        rng.normal(size=A.theta.size),
    )
    assert A.outer(w, x) @ dW == pytest.approx(np.sum(w * A.jvp(x, 0 * x, dW)[1]), rel=1e-12)
    for a, b in zip(A.adjoint_jvp(w, 2 * w, dW), (A.adjoint(w), 2 * A.adjoint(w)), strict=True):
        assert (a is None) or a.shape == b.shape
    moved = A.adjoint_jvp(w, 0 * w, dW)[1]
    assert np.sum(moved * x) == pytest.approx(A.outer(w, x) @ dW, rel=1e-12)


@pytest.mark.parametrize("name", STENCILS)
def test_the_fast_sum_is_the_formula(name, rng):
    """W ∗ x in slabs against Σ_q W(q) x(p + q − c), written out, on a point, a batch and a grid."""
    A = convolution(name, rng)
    for shape in ((), (5,), (2, 3)):
        x = rng.normal(size=(*shape, A.dim_in))
        np.testing.assert_allclose(A(x), A.formula_sum(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", STENCILS)
def test_the_singular_range_is_that_of_the_dense_matrix_rounded_outward(name, rng):
    A = convolution(name, rng)
    s = np.linalg.svd(A(np.eye(A.dim_in)), compute_uv=False)
    low, high = A.singular_range()
    assert 0 <= high - s[0] < 1e-12 * s[0]
    assert low == 0 if A.dim_out < A.dim_in else 0 <= s[-1] - low < 1e-12 * s[0]
    A.normalise()
    assert 1 - 1e-12 < A.singular_range()[1] <= 1 + 1e-12


@pytest.mark.parametrize("image", [(4, 4), (3, 4), (4, 3), (5, 6), (6, 5)])
def test_frequencies_of_even_and_odd_images_are_all_looked_at(image, rng):
    """[1, −2, 1] stretches an alternating row by 4; other stencils against the dense matrix."""
    if image[1] % 2 == 0:
        W = np.zeros((1, 1, 3, 3))
        W[0, 0, 1] = 1, -2, 1
        assert dnn.Convolution(1, 1, image, W=W).lipschitz() == pytest.approx(4, rel=1e-14)
    for _ in range(20):
        A = dnn.Convolution(2, 2, image, W=rng.normal(size=(2, 2, 3, 3)))
        s = np.linalg.svd(A(np.eye(A.dim_in)), compute_uv=False)
        np.testing.assert_allclose(A.singular_range(), (s[-1], s[0]), rtol=1e-11, atol=1e-13)


def test_the_norm_of_a_stencil_is_not_below_the_sum_of_its_weights():
    """In fractions: positive weights are all added up at the frequency 0."""
    for kernel in (3, 5, 7, 9):
        for seed in range(60):
            W = np.random.default_rng(seed).uniform(size=(1, 1, kernel, kernel))
            norm = Fraction(dnn.Convolution(1, 1, (kernel, kernel), kernel, W=W).lipschitz())
            assert norm >= sum(map(Fraction, W.ravel()))


def test_a_power_method_and_zero_padding_would_certify_nothing(rng):
    """Power iteration stays below s_max; with zeros around the image a shifted delta is no isometry, and here it is."""
    A = convolution("3 → 3 on 8×8", rng)
    assert lipschitz.measured(A, rng.normal(size=(2, A.dim_in)), steps=5) < A.lipschitz()
    shift = dnn.Convolution(1, 1, (5, 5), W=np.eye(9)[2].reshape(1, 1, 3, 3))
    np.testing.assert_allclose(shift.singular_range(), (1, 1), atol=1e-13)


@pytest.mark.parametrize("name", STENCILS)
def test_the_start_is_exactly_orthogonal(name):
    A = dnn.Convolution(**STENCILS[name], rng=0)
    low, high = A.singular_range()
    assert abs(high - 1) < 1e-13 and (A.dim_out < A.dim_in or abs(low - 1) < 1e-13)
    D = A(np.eye(A.dim_in)).T
    D = D if A.dim_out >= A.dim_in else D.T
    np.testing.assert_allclose(D.T @ D, np.eye(min(D.shape)), atol=1e-14)
    assert not np.array_equal(A.W, dnn.Convolution(**STENCILS[name], rng=1).W)


@pytest.mark.parametrize("name", ["3 → 3 on 8×8", "3 → 3 on 3×3, each channel alone"])
def test_the_inverse_undoes_the_convolution(name, rng):
    A = convolution(name, rng)
    x = rng.normal(size=(2, 3, A.dim_in))
    np.testing.assert_allclose(A.inverse(A(x)), x, atol=1e-11)
    with pytest.raises(NotImplementedError, match="not square and has no inverse"):
        convolution("4 → 2 on 6×3", rng).inverse(np.zeros(36))
    A.W = 0
    with pytest.raises(ValueError, match="its symbol is singular at some frequency"):
        A.inverse(x)


def test_slabs_of_images_are_the_whole_batch(rng, monkeypatch):
    A = convolution("2 → 4 on 5×7, kernel 5", rng)
    x, w = rng.normal(size=(7, A.dim_in)), rng.normal(size=(7, A.dim_out))
    whole = A(x), A.adjoint(w), A.outer(w, x)
    monkeypatch.setattr("dynsys_nn.linear.slabs.SLAB", 1500)
    for a, b in zip(whole, (A(x), A.adjoint(w), A.outer(w, x)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert A(x[:0]).shape == (0, A.dim_out) and not A.outer(w[:0], x[:0]).any()


def test_stripes_of_an_image_and_turned_covectors_are_the_formula(rng, monkeypatch):
    """What large images and many channels take, on small ones; with complex x, and no argument written to."""
    A = zoo.randomise(dnn.Convolution(20, 4, (16, 12), groups=2), rng)
    monkeypatch.setattr(slabs, "SMALL", 6000)
    monkeypatch.setattr(slabs, "SMALL_TRANSPOSED", 0)
    assert slabs.in_stripes(A.image, 10 * 2 * 3) == 2
    x, y = rng.normal(size=(2, 3, A.dim_in))
    w, dW = rng.normal(size=(3, A.dim_out)), rng.normal(size=A.W.shape)
    for a in (x, y, w, A.W):
        a.flags.writeable = False
    np.testing.assert_allclose(A(x), A.formula_sum(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(A(x + 1e-30j * y).imag / 1e-30, A(y), rtol=1e-12, atol=1e-12)
    assert np.sum(A(x) * w) == pytest.approx(np.sum(x * A.adjoint(w)), rel=1e-12)
    outer, A = A.outer(w, x), dnn.Convolution(20, 4, (16, 12), groups=2, W=dW)
    assert outer @ dW.ravel() == pytest.approx(np.sum(w * A.formula_sum(x)), rel=1e-12)


# ---- every field takes it in place of Dense


def fields_of_images(rng, dtype=float):
    def A(out=2):
        return dnn.Convolution(out, 2, (4, 3), rng=rng, dtype=dtype)

    def back():
        return dnn.Convolution(2, 4, (4, 3), rng=rng, dtype=dtype)

    yield "ResidualField", dnn.ResidualField(A(4), dnn.Tanh(), back())
    yield "GradientField", dnn.GradientField(A(4), dnn.Sigmoid())
    yield "GradientField diag(α)", dnn.GradientField(A(), dnn.Tanh(), alpha=rng.normal(size=24))
    yield "HamiltonianField", dnn.HamiltonianField(A(), dnn.Tanh(), alpha=rng.normal(size=24))
    yield (
        "SpherePreservingField",
        dnn.SpherePreservingField(A(), dnn.Tanh(), dnn.Dense(276, 24, rng=rng, dtype=dtype)),
    )
    yield (
        "MassPreservingField",
        dnn.MassPreservingField(A(), dnn.Tanh(), dnn.Dense(276, 24, rng=rng, dtype=dtype)),
    )
    yield (
        "PartitionedField",
        dnn.PartitionedField(
            dnn.ResidualField(A(4), dnn.Tanh(), back()), dnn.GradientField(A(), dnn.Tanh())
        ),
    )


def test_every_field_takes_a_convolution_in_place_of_dense(rng):
    for name, X in fields_of_images(rng):
        zoo.randomise(X, rng, 0.5)
        x = 0.5 * rng.normal(size=(3, X.dim))
        assert checks.adjoint(X, x).require().measured <= 1e-12, name
        checks.tangent(X, x).require()
        flow = dnn.Flow(
            X, 0.1, dnn.SymplecticEuler() if "Partitioned" in name else dnn.RK4(), learn_h=True
        )
        assert checks.adjoint(flow, x).require().measured <= 1e-12, name
        try:
            bound = X.lipschitz()
        except NotImplementedError:
            continue
        assert lipschitz.measured(X, x, steps=20) <= bound, name


def test_a_convolutional_gradient_step_is_never_above_its_bound_and_attains_it(rng):
    """Random stencils, slopes and steps; the bound is attained where σ is linear."""
    for _ in range(20):
        sigma = zoo.ACTIVATIONS[rng.integers(len(zoo.ACTIVATIONS))]
        A = zoo.randomise(dnn.Convolution(int(rng.integers(1, 4)), 2, (4, 3), rng=rng), rng, 0.7)
        flow = dnn.Flow(
            dnn.GradientField(A, sigma, sign=int(rng.choice([-1, 1]))),
            float(rng.uniform(-1, 2) or 1),
        )
        assert lipschitz.measured(flow, rng.normal(size=(5, 24)), steps=15) <= flow.lipschitz()
    flow = dnn.Flow(dnn.GradientField(convolution("3 → 3 on 8×8", rng), dnn.Identity()), 0.1)
    assert (
        lipschitz.measured(flow, rng.normal(size=(2, 192)), steps=100)
        > (1 - 1e-6) * flow.lipschitz()
    )


def test_float32_stays_float32(rng):
    for name, X in fields_of_images(rng, np.float32):
        x = rng.normal(size=(3, X.dim)).astype(np.float32)
        y, pullback = X.vjp(x)
        assert {a.dtype for a in (y, X(x), *pullback(y), *X.jvp(x, x))} == {np.dtype(np.float32)}, (
            name
        )
    for name in BETWEEN:
        F = BETWEEN[name]()
        x = rng.normal(size=(3, F.dim_in)).astype(np.float32)
        y, pullback = F.vjp(x)
        assert {a.dtype for a in (y, F(x), pullback(y)[0], *F.jvp(x, x))} == {
            np.dtype(np.float32)
        }, name


# ---- constraints


@pytest.mark.parametrize("A", [*STENCILS, "Dense", "Dense wide", "Affine"])
def test_the_gradient_of_the_orthogonality_penalty_is_its_derivative(A, rng):
    """Against ‖AᵀA − I‖² of the dense matrix, whose complex step is the derivative."""
    A = convolution(A, rng) if A in STENCILS else zoo.randomise(zoo.LINEAR[A](rng), rng)
    P = dnn.OrthogonalityPenalty(A, weight=0.3)
    pixels = A.image[0] * A.image[1] if hasattr(A, "image") else 1

    def by_the_matrix(theta):
        A._bind(theta)
        D = A(np.eye(A.dim_in, dtype=theta.dtype)) - A(np.zeros(A.dim_in, theta.dtype))
        D = D.T if A.dim_out >= A.dim_in else D
        E = D.T @ D - np.eye(D.shape[1])
        return 0.3 * (E * E).sum() / pixels

    theta, v = A.theta.copy(), rng.normal(size=A.theta.size)
    assert P.value() == pytest.approx(by_the_matrix(theta), rel=1e-12)
    derivative = by_the_matrix(theta + 1e-30j * v).imag / 1e-30
    A._bind(theta)
    assert P.gradient(A) @ v == pytest.approx(derivative, rel=1e-11)


def test_the_penalty_alone_leads_back_to_an_orthogonal_convolution(rng):
    """From nearby: from far away it may end at a symbol that vanishes somewhere, since its determinant may wind around 0."""
    A = dnn.Convolution(3, 3, (8, 8), rng=rng)
    A.theta += 0.1 * rng.normal(size=A.theta.shape)
    P = dnn.OrthogonalityPenalty(A)
    before = A.singular_range()

    def value_and_gradient(theta):
        A.theta = theta
        return P.value(), P.gradient(A)

    scipy.optimize.minimize(
        value_and_gradient, A.theta.copy(), jac=True, method="L-BFGS-B", options=dict(maxiter=300)
    )
    low, high = A.singular_range()
    assert before[0] < 0.7 and 0.98 < low <= high < 1.02


def test_the_spectral_ball_holds_convolutions_and_orthogonal_says_why_it_cannot(rng):
    A = convolution("3 → 3 on 8×8", rng)
    net = dnn.Network(dnn.Flow(dnn.GradientField(A, dnn.ReLU()), 1.0), dnn.Affine(2, 192, rng=rng))
    assert [type(part).__name__ for part in weights(net)] == ["Convolution", "Dense"]
    dnn.SpectralBall(*weights(net)).project()
    assert net.lipschitz() <= 1 + 1e-12
    for seed in range(20):  # rounding to float32 stays inside
        B = dnn.Convolution(
            3, 3, (4, 4), W=np.random.default_rng(seed).normal(size=(3, 3, 3, 3)), dtype=np.float32
        )
        dnn.SpectralBall(B).project()
        assert 1 - 1e-6 < B.lipschitz() <= 1
    with pytest.raises(
        TypeError,
        match="a convolution has no nearest orthogonal stencil; take SpectralBall, and TowardsOrthogonal",
    ):
        dnn.Orthogonal(*weights(net))


# ---- between images


def test_lift_restriction_and_pooling_are_isometries_or_their_adjoints(rng):
    lift, restriction = BETWEEN["ChannelLift"](), BETWEEN["ChannelRestriction"]()
    x, y = rng.normal(size=(5, lift.dim_in)), rng.normal(size=(5, restriction.dim_in))
    np.testing.assert_array_equal(restriction(lift(x)), x)
    np.testing.assert_array_equal(restriction.adjoint(restriction(y)), lift(restriction(y)))
    for name in ("AveragePooling", "AveragePooling of 3×3"):
        P = BETWEEN[name]()
        y = rng.normal(size=(5, P.dim_out))
        np.testing.assert_allclose(P(P.adjoint(y)), y, rtol=1e-13)
        np.testing.assert_allclose(
            np.linalg.norm(P.adjoint(y), axis=-1), np.linalg.norm(y, axis=-1), rtol=1e-13
        )
    assert dnn.AveragePooling(1, (2, 4))([1, 2, 10, 10, 3, 4, 10, 10.0]).tolist() == [5, 20]


def test_max_pooling_takes_the_largest_pixel_of_a_window_and_is_1_lipschitz(rng):
    P = dnn.MaxPooling(1, (2, 4))
    np.testing.assert_array_equal(P([1, 2, 10, 8, 3, -4, 9, 7.0]), [3, 10])
    y, pullback = P.vjp([1, 1, 0, 0, 1, 1, 0, 0.0])
    np.testing.assert_array_equal(
        pullback([5.0, 7.0])[0], [5, 0, 7, 0, 0, 0, 0, 0]
    )  # of pixels that tie, the first
    P = BETWEEN["MaxPooling"]()
    for _ in range(20):
        x, v = rng.normal(size=(2, 50, P.dim_in)) * 10 ** rng.uniform(-2, 1)
        assert (np.linalg.norm(P(x + v) - P(x), axis=-1) <= np.linalg.norm(v, axis=-1)).all()
    assert P.lipschitz() == 1
    with pytest.raises(TypeError, match="real images only, got complex ones"):
        P(np.zeros(P.dim_in, complex))


def test_pre_processing_counts_in_the_certificate(rng):
    """(x − m)/s is 1/min s-Lipschitz, which is attained, and its inverse undoes it."""
    F = BETWEEN["Standardisation"]()
    x = rng.normal(size=(3, 48))
    y = F(x).reshape(3, 2, 24)
    np.testing.assert_allclose(
        y, (x.reshape(3, 2, 24) - np.array([[0.5], [-1]])) / np.array([[0.5], [2]]), rtol=1e-14
    )
    np.testing.assert_allclose(F.inverse(F(x)), x, rtol=1e-13)
    assert F.lipschitz() == 2 and lipschitz.measured(F, x) == pytest.approx(2, rel=1e-9)
    assert dnn.Network(F, dnn.AveragePooling(2, (4, 6))).lipschitz() == 2


def signed(rng, *steps, a=0.5, scale=1.0):
    flows = [
        dnn.Flow(
            dnn.GradientField(dnn.Convolution(2, 2, (3, 3), rng=rng), dnn.LeakyReLU(a)),
            h,
            learn_h=True,
        )
        for h in steps
    ]
    for F in flows:
        F.field.A.W = F.field.A.W + 0.1 * scale * rng.normal(size=F.field.A.W.shape)
    dnn.SpectralBall(*weights(*flows)).project()
    return flows


def test_signed_steps_make_any_steps_non_expansive_and_leave_those_alone_that_are(rng):
    for steps in ((-1.5, 4 / 3), (4 / 3, -2.0, -0.5), (3.0, 2.5), (-1.0, -2.0), (0.7,), (-0.2,)):
        flows = signed(rng, *steps)
        dnn.SignedSteps(*flows).project()
        net, after = dnn.Network(*flows), [F.h for F in flows]
        assert net.lipschitz() <= 1 + 1e-12, steps
        assert all(h <= 1e-3 or was > 0 for h, was in zip(after, steps, strict=True))
        assert lipschitz.measured(net, rng.normal(size=(3, 18)), steps=20) <= 1 + 1e-12
        dnn.SignedSteps(*flows).project()
        assert [F.h for F in flows] == after  # a projection
        if net.lipschitz() < 1 - 1e-3:
            assert after == pytest.approx(steps) or steps == (0.7,) or min(steps) < 0
    flows = signed(rng, -0.3, 4 / 3, scale=0)
    dnn.SignedSteps(*flows).project()
    assert [F.h for F in flows] == [-0.3, 4 / 3]


def test_signed_steps_go_as_far_as_the_sharp_bound_allows(rng):
    """With orthogonal A, slopes [½, 1] and h = 4/3 the step contracts by 1/3, so the other may expand by 3: h = −2."""
    flows = signed(rng, -5.0, 4 / 3, scale=0)
    dnn.SignedSteps(*flows).project()
    assert flows[0].h == pytest.approx(-2, abs=1e-6) and flows[1].h == pytest.approx(
        4 / 3, abs=1e-9
    )


@pytest.mark.parametrize("steps", [(-1.5, 1.1), (-0.9, 1.7), (0.6, -0.4, -0.5)])
def test_signed_steps_that_are_a_little_too_long_go_to_the_nearest_that_are_not(steps, rng):
    """Along the normal of the surface on which the product is 1, whose logarithm has the gradient 1/(h + 1/λ), with λ = −1
    where a step expands or overshoots, and −½ elsewhere."""
    flows = signed(rng, *steps, scale=0)
    dnn.SignedSteps(*flows).project()
    on_it = np.array([F.h for F in flows])
    lam = np.where((on_it < 0) | (on_it > 4 / 3), -1, -0.5)
    normal = 1 / (on_it + 1 / lam)
    for eps in (1e-2, 1e-3):
        before = on_it + eps * normal
        for F, h in zip(flows, before, strict=True):
            F.h = h
        dnn.SignedSteps(*flows).project()
        assert dnn.Network(*flows).lipschitz() == pytest.approx(1, abs=1e-12)
        assert np.linalg.norm([F.h for F in flows] - on_it) < 2 * eps**2


def in_the_plane(h, W, a, dtype=float):
    """An Euler step of −Wᵀσ(Wx), W diagonal: λ from −max W² to −a·min W²."""
    A = dnn.Dense(2, 2, W=np.diag(W).astype(dtype), dtype=dtype)
    return dnn.Flow(dnn.GradientField(A, dnn.LeakyReLU(a) if a else dnn.ReLU()), h, learn_h=True)


def test_a_signed_step_that_hardly_changes_the_product_stays(rng):
    """λ = −10⁻¹⁷ and the like: 1/λ + h is 1/λ, to rounding."""
    for _ in range(10):
        far = [
            in_the_plane(h, [1, s], 0.5)
            for h, s in zip((1.5, 1.2), 10 ** rng.uniform(-9, -7, 2), strict=True)
        ]
        near = [in_the_plane(h, [1, 1], 0.5) for h in (-1.5, 1.0)]
        dnn.SignedSteps(*far, *near).project()
        assert [F.h for F in far] == pytest.approx([1.5, 1.2], abs=1e-9)
        assert dnn.Network(*far, *near).lipschitz() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_signed_steps_do_not_expand_where_weights_are_large_or_no_step_contracts(dtype, rng):
    """A negative step goes no further than to where it contracts most, 2·10⁻⁵, and the largest step that does not expand
    is not rounded up."""
    flows = [in_the_plane(h, [300, 300], 0.5, dtype) for h in (-0.3, -1e-5)]
    dnn.SignedSteps(*flows).project()
    assert dnn.Network(*flows).lipschitz() <= 1
    for W in rng.uniform(0.5, 2, (8, 2)):
        F, G = (in_the_plane(h, W, 0, dtype) for h in (30.0, 0.25))
        dnn.SignedSteps(F, G).project()
        assert 1 - 1e-6 < F.h * F.field.A.W.max() ** 2 / 2 <= 1 and F.lipschitz() <= 1
        assert G.h == 0.25  # the product does not change with it


def test_signed_steps_of_large_weights_end_where_a_step_contracts(rng):
    """Steps of 10⁻¹¹, by which h is changed in its last digits."""
    A = dnn.Dense(2, 2, W=np.diag([5e5, 6e4]))
    F = dnn.Flow(dnn.GradientField(A, dnn.LeakyReLU(0.5)), 1.0, learn_h=True)
    for h in rng.normal(size=50):
        F.h = h
        dnn.SignedSteps(F).project()
        assert 0 < F.h < 1e-11 and F.lipschitz() <= 1


def test_signed_steps_say_where_none_is_short_enough_and_change_nothing():
    """α < 0: ∇V descends, and so −∇V ascends, along its row."""
    A, alpha = dnn.Dense(2, 2, W=np.eye(2)), np.array([1.0, -1.0])
    F = dnn.Flow(dnn.GradientField(A, dnn.LeakyReLU(0.5), alpha=alpha), 0.5, learn_h=True)
    with pytest.raises(NotImplementedError, match="at most 1, but 1.5: a constraint .* α ≥ 0"):
        dnn.SignedSteps(F).project()
    assert F.h == 0.5


def test_signed_steps_name_what_they_cannot_take(rng):
    [F] = signed(rng, 1.0)

    def residual():
        return dnn.ResidualField(dnn.Dense(2, 2, rng=rng), dnn.Tanh())

    for flows, words in (
        ((), "each of SignedSteps must be a Flow with learn_h=True, got None"),
        (
            (F, dnn.Flow(residual(), 1.0)),
            "each of SignedSteps must be a Flow with learn_h=True, got Flow(2 → 2)",
        ),
        ((dnn.Flow(residual(), 1.0, learn_h=True),), "SignedSteps needs gradient fields"),
    ):
        with pytest.raises(TypeError, match=words.replace("(", r"\(").replace(")", r"\)")):
            dnn.SignedSteps(*flows)


MISTAKES = {
    "kernel must be odd and at most the image's (4, 4), got 2": lambda: dnn.Convolution(1, 1, (4, 4), kernel=2),
    "kernel must be odd and at most the image's (4, 2), got 3": lambda: dnn.Convolution(1, 1, (4, 2)),
    "2 groups do not divide 4 channels into 3": lambda: dnn.Convolution(3, 4, (4, 4), groups=2),
    "image must be a pair (H, W), got 8": lambda: dnn.Convolution(1, 1, 8),
    "H of image must be at least 1, got 0": lambda: dnn.MaxPooling(1, (0, 2)),
    "W of Convolution has shape (2, 1, 3, 3), got (2, 3, 3)": lambda: dnn.Convolution(2, 1, (4, 4), W=np.zeros((2, 3, 3))),
    "windows of 2 × 2 pixels do not divide an image of 4 × 5": lambda: dnn.AveragePooling(1, (4, 5)),
    "ChannelRestriction needs channels_out ≤ channels_in, got 3 > 2": lambda: dnn.ChannelRestriction(3, 2, (2, 2)),
    "Convolution acts on states of dimension 16, got an array of shape (4, 4)": lambda: dnn.Convolution(1, 1, (4, 4))(np.zeros((4, 4))),
    "Convolution cannot be normalised: its weight is zero": lambda: dnn.Convolution(1, 1, (3, 3), W=np.zeros((1, 1, 3, 3))).normalise(),
    "weight must be a positive number, got 0": lambda: dnn.OrthogonalityPenalty(dnn.Dense(2, 2), weight=0),
}  # fmt: skip


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_with_images_are_named(words):
    with pytest.raises((ValueError, TypeError)) as refused:
        MISTAKES[words]()
    assert words in str(refused.value)
