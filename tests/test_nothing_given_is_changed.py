"""Arrays are written in place only while nobody else has them: no argument, no parameter and no array that was handed
out is ever changed, and a pullback may be called again."""

import copy

import numpy as np
import pytest
from zoo import ACTIVATIONS, FIELDS, LINEAR, LOSSES, MAPS, SHAPES, STEEP, networks, pairs, points

import dynsys_nn as dnn


class Watched:
    """Arrays, and copies of them as they were: `unchanged()` compares the two."""

    def __init__(self, *arrays):
        self.arrays, self.before = [], []
        self.add(*arrays)

    def add(self, *arrays):
        self.arrays += arrays
        self.before += [np.array(a) for a in arrays]
        return arrays

    def unchanged(self):
        for a, before in zip(self.arrays, self.before, strict=True):
            np.testing.assert_array_equal(a, before)


def assert_pure(F, x, rng):
    """Value, adjoint and tangent from inside, where nothing stands between the package and the arrays, twice."""
    watched = Watched(x, F.theta)
    y, pullback = F._vjp(x)
    w, v, dtheta = (rng.normal(size=a.shape) for a in (y, x, F.theta))
    watched.add(y, w, v, dtheta)
    first = watched.add(*pullback(w))
    watched.add(F._value(x), *pullback(-2 * w), *F._jvp(x, v), *F._jvp(x, v, dtheta))
    for once, again in zip(first, pullback(w), strict=True):
        np.testing.assert_array_equal(once, again)
    watched.unchanged()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_maps_fields_and_networks_are_pure(shape, rng):
    for make in (FIELDS | LINEAR | MAPS).values():
        F = make(rng)
        assert_pure(F, points(rng, shape, F.dim_in), rng)
    for _, net in networks(rng):
        assert_pure(net, points(rng, shape, net.dim_in), rng)


def test_methods_are_pure_and_a_step_that_is_not_learned_has_the_same_gradient(rng):
    # a stage of weight 1, at which the covector is w itself, and which a later stage adds to
    first = dnn.RungeKutta([[], [1 / 2], [0, 1 / 2]], [1, 1 / 2, -1 / 2])
    for name, method, X in [*pairs(rng), ("weight 1", first, FIELDS["ResidualField"](rng))]:
        x, F = points(rng, (5,)), dnn.Flow(copy.deepcopy(X), 0.3, method, steps=2)
        assert_pure(F, x, rng)
        learned = dnn.Flow(copy.deepcopy(X), 0.3, method, steps=2, learn_h=True)
        w = rng.normal(size=x.shape)
        (dx, dtheta), (dx_too, dtheta_and_dh) = F.vjp(x)[1](w), learned.vjp(x)[1](w)
        np.testing.assert_array_equal(dx, dx_too, err_msg=name)
        np.testing.assert_array_equal(dtheta, dtheta_and_dh[:-1], err_msg=name)


@pytest.mark.parametrize("sigma", [*ACTIVATIONS, *STEEP], ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations_are_pure_and_their_pullback_is_the_slope(sigma, dtype, rng):
    z, w = rng.normal(size=(2, 40, 3)).astype(dtype)
    watched = Watched(z, w)
    s, pullback = sigma._vjp(z)
    s, u = watched.add(s, pullback(w))
    value, slope = watched.add(*sigma._value_and_slope(z))
    watched.add(sigma._value(z), sigma._slope(z), sigma._primitive(z), pullback(-2 * w))
    np.testing.assert_array_equal(pullback(w), u)
    np.testing.assert_array_equal(s, value)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(u, slope * w, rtol=4 * eps, atol=2 * eps * np.abs(w).max())
    assert u.dtype == s.dtype == dtype and pullback(w + 0j).dtype.kind == "c"
    watched.unchanged()


def test_whoever_writes_a_slope_anew_gets_the_pullback_that_follows():
    class Steep(dnn.Tanh):
        def slope(self, z):
            return 2 + 0 * z

    class Steeper(dnn.Tanh):
        def value_and_slope(self, z):
            return np.tanh(z), 3 + 0 * z

    z = np.ones(2)
    for sigma, slope in ((Steep(), 2), (Steeper(), 3)):
        np.testing.assert_array_equal(sigma.vjp(z)[1](z), [slope, slope])
        np.testing.assert_array_equal(sigma.value_and_slope(z)[1], [slope, slope])


def test_losses_and_gradients_are_pure(rng):
    for loss in LOSSES:
        z = rng.normal(size=(6, 4))
        target = np.arange(6) % 4
        if isinstance(loss, dnn.MeanSquaredError):
            target = rng.normal(size=z.shape)
        elif isinstance(loss, dnn.BinaryCrossEntropy):
            target = rng.integers(0, 2, z.shape)
        net = dnn.Network(
            dnn.Flow(FIELDS["GradientField diag(α)"](rng), 0.1, dnn.RK4()), dnn.Lift(4, 4)
        )
        watched = Watched(z, target, net.theta)
        value, dz = loss.vjp(z, target)
        watched.add(dz, dnn.value_and_grad(net, loss, z, target)[1])
        dnn.value_and_grad(net, loss, z, target, block=4)
        np.testing.assert_array_equal(loss.vjp(z, target)[1], dz)
        watched.unchanged()
