"""Slopes, primitives and slope bounds of Σ, by complex step and against a scan; stable for huge arguments."""

import numpy as np
import pytest
from zoo import ACTIVATIONS, ANALYTIC, SHAPES, STEEP, residual

import dynsys_nn as dnn
from dynsys_nn import checks

Z = np.concatenate([np.linspace(-40, 40, 161) + 1e-3, np.linspace(-3, 3, 61) + 1e-3])


@pytest.mark.parametrize("sigma", ANALYTIC, ids=repr)
def test_slope_and_primitive_by_complex_step(sigma):
    # absolute, since 1 − tanh² cancels to a rounding error of 1 where it is nearly 0
    np.testing.assert_allclose(
        sigma.slope(Z), sigma(Z + 1e-30j).imag / 1e-30, rtol=1e-12, atol=5e-16
    )
    np.testing.assert_allclose(
        sigma.primitive(Z + 1e-30j).imag / 1e-30, sigma(Z), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("sigma", [*ACTIVATIONS, *STEEP], ids=repr)
def test_slope_and_primitive_by_differences(sigma):
    h = 1e-5
    z = Z[np.abs(Z) < 4]
    np.testing.assert_allclose(sigma.slope(z), (sigma(z + h) - sigma(z - h)) / (2 * h), atol=1e-9)
    np.testing.assert_allclose(
        sigma(z), (sigma.primitive(z + h) - sigma.primitive(z - h)) / (2 * h), atol=1e-8
    )


@pytest.mark.parametrize("sigma", [*ACTIVATIONS, *STEEP], ids=repr)
def test_value_and_slope_are_value_and_slope(sigma):
    s, slope = sigma.value_and_slope(Z)
    np.testing.assert_array_equal(s, sigma(Z))
    np.testing.assert_array_equal(slope, sigma.slope(Z))


@pytest.mark.parametrize("sigma", ACTIVATIONS, ids=repr)
def test_slope_bounds_hold_and_are_attained(sigma):
    z = np.concatenate([Z, np.linspace(-4, 4, 100_001), [-500.0, 500.0]])
    slope = sigma.slope(z)
    assert sigma.slope_min <= slope.min() and slope.max() <= sigma.slope_max
    np.testing.assert_allclose(
        (slope.min(), slope.max()), (sigma.slope_min, sigma.slope_max), atol=1e-8
    )
    assert sigma.lipschitz == max(abs(sigma.slope_min), abs(sigma.slope_max))


@pytest.mark.parametrize("sigma", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_huge_arguments_give_finite_results_without_a_warning(sigma, dtype):
    top, half = (1e300, 1e150) if dtype == np.float64 else (1e37, 1e18)
    huge = np.array([-top, -half, -800, -1, 0, 1, 800, half, top], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        s, slope = sigma.value_and_slope(huge)
        gamma = sigma.primitive(np.clip(huge, -half, half))
        for a in (sigma(huge), sigma.slope(huge), s, slope, gamma):
            assert np.isfinite(a).all() and a.dtype == dtype and a.shape == huge.shape


def test_values_in_closed_form():
    z = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(dnn.Sigmoid()(z), 1 / (1 + np.exp(-z)), rtol=1e-15)
    np.testing.assert_allclose(dnn.Softplus()(z), np.log(1 + np.exp(z)), rtol=1e-14)
    np.testing.assert_allclose(dnn.Tanh().primitive(z), np.log(np.cosh(z)), rtol=1e-14, atol=1e-16)
    np.testing.assert_array_equal(dnn.LeakyReLU(0.5)(z), [-1.0, 0.0, 3.0])
    np.testing.assert_allclose(dnn.Softplus().primitive(np.array(0.0)), np.pi**2 / 12, rtol=1e-14)
    np.testing.assert_allclose(
        dnn.Sigmoid()(np.array(-700.0)), np.exp(-700.0), rtol=1e-12
    )  # relative accuracy in the tail


def test_at_a_kink_the_slope_is_the_right_derivative():
    assert dnn.ReLU().slope(np.zeros(1)) == 1 and dnn.LeakyReLU(0.5).slope(np.zeros(1)) == 1


@pytest.mark.parametrize("sigma", [dnn.ReLU(), dnn.LeakyReLU(), dnn.ReLUSquared()], ids=repr)
def test_activations_with_a_kink_refuse_complex_arguments(sigma):
    with pytest.raises(TypeError, match="not analytic"):
        sigma(np.ones(2, complex))
    with pytest.raises(TypeError, match="not analytic"):
        sigma.slope(np.ones(2, complex))


def test_relu_squared_makes_squares_and_has_a_slope_without_a_bound(rng):
    sigma, z = dnn.ReLUSquared(), np.array([-3.0, -0.5, 0.0, 2.0])
    np.testing.assert_array_equal(sigma(z) + sigma(-z), z**2)
    np.testing.assert_array_equal(sigma.slope(z), [0, 0, 0, 4])
    np.testing.assert_array_equal(sigma.primitive(np.array([-3.0, 3.0])), [0, 9])
    X = residual(rng, sigma=sigma)
    for shape in SHAPES.values():
        checks.adjoint(X, rng.normal(size=(*shape, 4)), limit=1e-12).require()
        checks.tangent(X, rng.normal(size=(*shape, 4))).require()
    for ask in (X.lipschitz, X.one_sided_lipschitz, X.centre_radius, lambda: sigma.lipschitz):
        with pytest.raises(NotImplementedError, match="no bounds slope_min ≤ σ′ ≤ slope_max of R"):
            ask()


def test_the_check_of_an_activation_lets_relu_squared_overflow_and_no_slope_with_it():
    """σ is infinite from 1.3e154 on, as z² is; σ′ = 2z is not."""
    checks.activation(dnn.ReLUSquared()).require()

    class Early(dnn.ReLUSquared):
        def slope(self, z):  # z³/z² overflows before it should
            return 2 * np.maximum(z, 0) ** 3 / np.maximum(z, 1e-9) ** 2

    check = checks.activation(Early())
    assert not check.passed and "σ′ up to 1e300: it is" in check.detail


def test_the_sigmoid_takes_a_complex_step_at_zero():
    assert dnn.Sigmoid()(np.array(1e-30j)).imag / 1e-30 == pytest.approx(0.25)


@pytest.mark.parametrize("sigma", [*ACTIVATIONS, *STEEP], ids=repr)
def test_a_number_is_an_array_of_one_entry(sigma):
    for z in (-3.0, 3.0):
        array = np.array([z])
        found = [sigma(np.float64(z)), sigma(z), sigma.vjp(np.float64(z))[1](np.float64(0.7))]
        assert found == [sigma(array)[0], sigma(array)[0], sigma.vjp(array)[1](np.array([0.7]))[0]]
