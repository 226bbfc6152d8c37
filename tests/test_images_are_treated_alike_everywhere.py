"""One bias a channel: a network of convolutions commutes with shifts, and its certificate, its file and its time know it."""

import json
import math

import numpy as np
import pytest
import zoo

import dynsys_nn as dnn
from dynsys_nn import checks, files, rounding
from dynsys_nn.fields import gradient

IMAGE = (4, 5)


def convolution(channels_out=2, channels_in=2, rng=None):
    A = dnn.Convolution(channels_out, channels_in, IMAGE, rng=rng)
    return zoo.randomise(A, rng, 0.5)


def fields(rng):
    """name → a field of two channels, with biases that are not zero."""
    C = [convolution(rng=rng) for _ in range(6)]
    found = {
        "residual": dnn.ResidualField(C[0], dnn.Tanh(), C[1]),
        "gradient": dnn.GradientField(C[2], dnn.Tanh()),
        "hamiltonian": dnn.HamiltonianField(C[3], dnn.Sigmoid()),
        "partitioned": dnn.PartitionedField(
            dnn.GradientField(C[4], dnn.Tanh(), sign=1), dnn.GradientField(C[5], dnn.Sine())
        ),
    }
    for X in found.values():
        X.theta = X.theta + 0.3 * rng.normal(size=X.theta.shape)
    return found


def shift(u):
    """By one row up and two columns to the right, around the torus."""
    return np.roll(u.reshape(-1, *IMAGE), (-1, 2), axis=(1, 2)).reshape(u.shape)


def test_a_field_on_a_convolution_adds_one_number_to_all_pixels_of_a_channel(rng):
    A, B = convolution(3, 2, rng), convolution(2, 3, rng)
    b, x = rng.normal(size=3), rng.normal(size=(2, 6, 40))
    everywhere = np.concatenate([np.full(20, b_o) for b_o in b])
    X, V = dnn.ResidualField(A, dnn.Tanh(), B), dnn.GradientField(A, dnn.Tanh())
    X.b = b
    np.testing.assert_allclose(X(x), B(np.tanh(A(x) + everywhere)), rtol=0, atol=1e-14)
    V.b = b
    np.testing.assert_allclose(V(x), -A.adjoint(np.tanh(A(x) + everywhere)), rtol=0, atol=1e-14)
    energy = np.log(np.cosh(A(x) + everywhere)).sum(axis=-1)
    np.testing.assert_allclose(V.potential(x), energy, rtol=1e-13)
    many, u = rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 6, 60))  # of each state its own sum
    np.testing.assert_allclose(
        (A.spread(many) * u).sum(axis=-1), (many * A.gather(u)).sum(axis=-1), atol=1e-13
    )
    assert A.gather(u[:0]).shape == (0, 6, 3)
    with pytest.raises(ValueError, match=r"\(40 → 60\) has 3 biases, got shape \(2, 6, 60\)"):
        A.spread(u)
    with pytest.raises(ValueError, match=r"has images of dimension 60, got \(6, 40\)"):
        A.gather(x[0])
    assert dnn.HamiltonianField(A, dnn.Tanh()).b.shape == (3,)
    C = dnn.Dense(math.comb(40, 2), 60, rng=rng)
    assert dnn.SpherePreservingField(A, dnn.Tanh(), C).b.shape == (3,)
    assert dnn.GradientField(dnn.Dense(60, 40, rng=rng), dnn.Tanh()).b.shape == (60,)


@pytest.mark.parametrize("shape", zoo.SHAPES.values(), ids=zoo.SHAPES)
def test_adjoint_and_tangent_sum_over_pixels(shape, rng):
    maps = fields(rng)
    maps["potential"] = gradient.Potential(maps["gradient"])
    C = dnn.Dense(math.comb(40, 2), 40, rng=rng)
    maps["skew"] = zoo.randomise(
        dnn.SpherePreservingField(convolution(rng=rng), dnn.Tanh(), C), rng
    )
    for name, X in maps.items():
        x = 0.5 * rng.normal(size=(*shape, X.dim_in))
        assert checks.adjoint(X, x).require().measured <= 1e-12, name
        v, dtheta = rng.normal(size=x.shape), rng.normal(size=X.theta.shape)
        theta = X.theta.copy()
        X._bind(theta + 1e-30j * dtheta)
        slope = X(x + 1e-30j * v).imag / 1e-30
        X._bind(theta)
        np.testing.assert_allclose(X.jvp(x, v, dtheta)[1], slope, rtol=0, atol=1e-13)


def test_a_network_of_convolutions_moves_with_the_image(rng):
    x = rng.normal(size=(3, 40))
    X = fields(rng)
    flows = [
        dnn.Flow(X["residual"], 0.3, dnn.RK4(), steps=2),
        dnn.Flow(X["gradient"], 0.5),
        dnn.Flow(X["hamiltonian"], 0.1, dnn.Heun()),
        convolution(4, 2, rng),
        dnn.Flow(X["partitioned"], 0.2, dnn.StormerVerlet()),
    ]
    for F in (*X.values(), dnn.Network(*flows)):
        if F.dim_in == 80:
            assert checks.equivariance(F, shift, np.tile(x, 2), limit=1e-15)
        else:
            assert checks.equivariance(F, shift, x, limit=1e-15).require()


def test_zeros_around_the_image_or_a_bias_for_every_pixel_undo_it(rng):
    """The first at the edge alone: the row and the columns that came around, and their neighbours."""
    x, A = rng.normal(size=40), convolution(rng=rng)

    def with_zeros(u):
        images, sums = np.pad(u.reshape(-1, 2, *IMAGE), ((0, 0), (0, 0), (1, 1), (1, 1))), 0.0
        for i, j in np.ndindex(3, 3):
            seen = images[..., i : i + 4, j : j + 5]
            sums = sums + np.einsum("oi,nihw->nohw", A.W[..., i, j], seen)
        return sums.reshape(u.shape)

    check = checks.equivariance(with_zeros, shift, x)
    assert not check.passed
    gap = np.abs(with_zeros(shift(x)) - shift(with_zeros(x))).reshape(2, *IMAGE)
    inside = np.zeros(IMAGE, bool)
    inside[1:2, 3:4] = True  # of old and new image
    assert gap[:, inside].max() < 1e-15 < gap[:, ~inside].min()
    assert check.finding == "the two ways differ in 38 of 40 components"
    b = rng.normal(size=40)
    check = checks.equivariance(lambda u: A(u) + b, shift, x)
    assert check.finding == "the two ways differ in 40 of 40 components"


def test_equivariance_is_asked_of_any_pair_of_functions(rng):
    x = rng.normal(size=(3, 4))
    P = dnn.Selection([2, 0, 3, 1], 4)
    assert checks.equivariance(np.tanh, P, x).require().measured == 0
    turn = dnn.Dense(2, 2, W=[[0, -1], [1, 0]])
    radial = dnn.KnownField(lambda u: u / (1 + (u * u).sum(axis=-1, keepdims=True)), 2)
    assert checks.equivariance(radial, turn, x[:, :2]).require()
    check = checks.equivariance(lambda u: u * [1.0, 2.0], turn, x[:, :2])
    assert not check.passed and check.measured > 0.1
    even = checks.equivariance(np.cos, np.negative, x)
    assert not even.passed and even.finding == "F(g(x)) = F(x): F is invariant"
    assert checks.equivariance(np.sin, np.negative, x[0]).require()
    assert not checks.equivariance(lambda u: 0 * u, P, x).require().finding
    steep = checks.equivariance(lambda u: 1e9 * u + [1, 0, 1e-4, 0], lambda u: np.roll(u, 1, -1), x)
    assert steep.finding == "the two ways differ in 2 of 4 components"  # of 1e9, the others do not
    assert steep.measured < 1e-8


def test_equivariance_says_what_it_cannot_compare(rng):
    x = rng.normal(size=(3, 4))
    apart = checks.equivariance(lambda u: u[..., :2], lambda u: np.tile(u, 2), x)
    assert not apart.passed
    assert apart.detail == "F(g(x)) has shape (3, 2), and g(F(x)) (3, 4)"
    strange = checks.equivariance(lambda u: np.nan * u, np.negative, x)
    assert not strange.passed and strange.detail == "F(g(x)) or g(F(x)) is not finite"
    with pytest.raises(TypeError, match="g of equivariance must be a function"):
        checks.equivariance(np.tanh, 3, x)
    with pytest.raises(TypeError, match="is float32"):
        checks.equivariance(dnn.Dense(4, 4, rng=0, dtype="f4"), np.negative, x)


def test_a_certificate_counts_a_bias_at_every_pixel(rng):
    """The terms of a rounding error are those of the same field on the dense matrix."""
    A = convolution(rng=rng)
    dense = dnn.Dense(40, 40, W=A(np.eye(40)).T)
    for kind in (dnn.GradientField, dnn.ResidualField):
        X, Y = kind(A, dnn.Tanh()), kind(dense, dnn.Tanh())
        X.b = [300.0, -400.0]
        Y.b = A.spread(X.b)
        np.testing.assert_allclose(rounding.terms(X).m, rounding.terms(Y).m, rtol=1e-12)


def test_a_field_of_images_in_time_has_a_bias_at_every_pixel(rng):
    """States (x, t) as an image of 1 × 5 pixels: N(x, t) at one time is a field on a matrix."""
    A = dnn.Convolution(2, 1, (1, 5), kernel=1, rng=rng)
    N = zoo.randomise(dnn.ResidualField(A, dnn.Tanh(), dnn.Dense(4, 10, rng=rng)), rng)
    X, x = dnn.TimeDependent(N), rng.normal(size=(3, 4))
    z = np.concatenate([x, np.full((3, 1), 0.7)], axis=-1)
    np.testing.assert_allclose(X.at(0.7)(x), N(z), rtol=0, atol=1e-14)


def test_files_keep_it_and_one_with_a_bias_for_every_pixel_is_refused_with_the_reason(
    rng, tmp_path
):
    net = dnn.Network(dnn.Flow(fields(rng)["gradient"], 0.1), dnn.Affine(2, 40, rng=rng))
    net.save(tmp_path / "net.npz")
    again = dnn.Network.load(tmp_path / "net.npz")
    assert again.theta.tobytes() == net.theta.tobytes() and again[0].field.b.shape == (2,)
    code = json.loads(files.architecture(net))
    old = np.zeros(net.theta.size + 38)  # 40 biases, and not 2
    text = json.dumps({"dynsys_nn": 1, "map": code})
    files.write_arrays(tmp_path / "old.npz", architecture=text, theta=old)
    with pytest.raises(ValueError, match="had one bias for each pixel up to version 1.0.0"):
        dnn.Network.load(tmp_path / "old.npz")
