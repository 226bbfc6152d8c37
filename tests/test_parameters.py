"""One flat θ: views stay views through nesting, sharing, copying, pickling and training; any number of maps look at a part."""

import copy
import pickle

import numpy as np
import pytest
from zoo import networks, points, residual

import dynsys_nn as dnn
from dynsys_nn import systems


def small_network(dtype=float):
    X = dnn.GradientField(dnn.Dense(5, 4, rng=1, dtype=dtype), dnn.Tanh())
    return dnn.Network(
        dnn.Lift(4, 2), dnn.Flow(X, 0.1, learn_h=True), dnn.Affine(3, 4, rng=2, dtype=dtype)
    )


def assert_views(net):
    for view in net.parameters.values():
        assert np.shares_memory(view, net.theta)
    assert sum(view.size for view in net.parameters.values()) == net.theta.size
    np.testing.assert_array_equal(
        np.concatenate([view.ravel() for view in net.parameters.values()]), net.theta
    )


def test_names_and_order_of_parameters():
    net = small_network()
    assert list(net.parameters) == ["1.A", "1.b", "1.h", "2.W", "2.b"]
    assert list(net.maps[1].parameters) == ["A", "b", "h"]
    assert list(
        dnn.PartitionedField(residual(np.random.default_rng(0)), dnn.Dense(4, 4)).parameters
    ) == [
        "f.A",
        "f.b",
        "f.B",
        "g",
    ]
    assert net.parameters["1.A"] is not None and net.parameters["1.A"].shape == (5, 4)
    assert_views(net)


def test_views_stay_views_when_networks_nest_and_share(rng):
    for _, net in networks(rng):
        assert_views(net)
        outer = dnn.Network(net, dnn.Affine(2, net.dim_out))
        assert_views(outer)
        assert_views(net)
        assert np.shares_memory(net.theta, outer.theta)


def test_assigning_to_theta_or_a_parameter_copies_into_place():
    net = small_network()
    theta, field = net.theta, net.maps[1].field
    new = np.arange(theta.size, dtype=float)
    net.theta = new
    assert net.theta is theta and not np.shares_memory(theta, new)
    np.testing.assert_array_equal(field.A.W.ravel(), np.arange(20))
    field.b = np.full(5, 7.0)
    np.testing.assert_array_equal(net.theta[20:25], 7)
    net.maps[1].h = 0.25
    assert net.theta[25] == 0.25 and net.maps[1].h == 0.25
    field.b += 1
    np.testing.assert_array_equal(net.parameters["1.b"], 8)
    net.theta *= 2
    assert net.maps[1].h == 0.5
    with pytest.raises(ValueError, match=r"θ of Network has shape \(41,\), got \(3,\)"):
        net.theta = np.zeros(3)
    with pytest.raises(ValueError, match=r"b of GradientField has shape \(5,\), got \(2,\)"):
        field.b = np.zeros(2)
    with pytest.raises(ValueError, match=r"θ of Network has shape \(41,\), got \(\)"):
        net.theta = 0.0
    with pytest.raises(TypeError, match="θ of Network is float64, got complex128"):
        net.theta = net.theta + 1j
    with pytest.raises(AttributeError, match="field of Flow cannot be replaced"):
        net.maps[1].field = residual(np.random.default_rng(0))


@pytest.mark.parametrize(
    "again",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["deepcopy", "pickle"],
)
def test_copies_are_bound_again_and_independent(again, rng):
    for _, net in networks(rng):
        twin = again(net)
        x = points(rng, (5,), net.dim_in)
        np.testing.assert_array_equal(twin(x), net(x))
        assert_views(twin)
        assert not np.shares_memory(twin.theta, net.theta)
        assert [twin.maps.index(F) for F in twin.maps] == [
            net.maps.index(F) for F in net.maps
        ]  # shared maps stay shared
        twin.theta = 0.5 * twin.theta
        assert np.abs(twin(x) - net(x)).max() > 1e-3
        dnn.Network(twin, dnn.Affine(2, twin.dim_out))  # the copy is free to be adopted
        part = copy.deepcopy(net.maps[0])  # a copied part leaves its owner behind
        dnn.Network(part)


def test_a_shallow_copy_is_a_copy_too_and_a_pickle_holds_theta_once():
    net = small_network()
    twin = copy.copy(net)
    twin.theta = 0 * twin.theta
    assert np.abs(net.theta).max() > 0
    wide = dnn.Network(dnn.Flow(dnn.GradientField(dnn.Dense(200, 200, rng=0), dnn.Tanh()), 0.1))
    assert len(pickle.dumps(wide)) < 1.1 * wide.theta.nbytes


def test_a_shared_map_has_one_set_of_parameters_and_the_sum_of_gradients(rng):
    F = dnn.Flow(residual(rng), 0.2)
    shared = dnn.Network(F, F, F)
    steps = dnn.Flow(copy.deepcopy(F.field), 0.2, steps=3)
    assert shared.theta.size == F.theta.size
    x, w = points(rng, (5,)), rng.normal(size=(5, 4))
    np.testing.assert_allclose(
        shared.vjp(x)[1](w)[1], steps.vjp(x)[1](w)[1], rtol=1e-12, atol=1e-14
    )


def test_several_rollouts_look_at_one_network(rng):
    net = dnn.Network(dnn.Flow(residual(rng), 0.1))
    short, long = dnn.Rollout(net, 2), dnn.Rollout(net, 20)
    assert np.shares_memory(short.theta, net.theta) and np.shares_memory(long.theta, net.theta)
    short.theta = 0 * net.theta
    np.testing.assert_array_equal(long(np.ones(4)), np.ones((20, 4)))
    assert_views(net)


def test_arrays_given_to_constructors_are_copied():
    W, alpha = np.eye(3), np.ones(3)
    A = dnn.Dense(3, 3, W=W)
    X = dnn.GradientField(A, dnn.Tanh(), alpha=alpha)
    W[0, 0] = alpha[0] = 5.0
    assert A.W[0, 0] == 1 and X.alpha[0] == 1


def test_float32_stays_float32(rng):
    net = small_network(np.float32)
    x = rng.normal(size=(6, 2))
    y, pullback = net.vjp(x)
    dx, dtheta = pullback(np.ones_like(y))
    tangent = net.jvp(x.astype(np.float32), np.ones((6, 2), np.float32))[1]
    assert {a.dtype for a in (net.theta, y, dx, dtheta, net(x), tangent)} == {np.dtype(np.float32)}
    value, g = dnn.value_and_grad(net, dnn.SoftmaxCrossEntropy(), x, np.zeros(6, int))
    assert g.dtype == value.dtype == np.float32
    dx, dtheta = pullback(np.ones(y.shape))  # float64 covectors and tangents do not promote
    tangent = net.jvp(x, np.ones((6, 2)), np.ones(net.theta.shape))[1]
    assert {a.dtype for a in (dx, dtheta, tangent)} == {np.dtype(np.float32)}
    same = small_network()
    np.testing.assert_allclose(net(x), same(x), rtol=1e-5, atol=1e-5)
    assert dnn.Lift(4, 2)(x.astype(np.float32)).dtype == np.float32
    assert dnn.RK4().step(same.maps[1].field, np.ones(4), np.float64(0.1)).dtype == np.float64
    A = dnn.Affine(3, 3, rng=0, dtype=np.float32)
    assert {a.dtype for a in (A.inverse(np.ones(3)), A.adjoint(np.ones(3)))} == {
        np.dtype(np.float32)
    }
    assert dnn.RK4().step(net.maps[1].field, np.ones(4), np.float64(0.1)).dtype == np.float32
    body = dnn.Flow(dnn.systems.rigid_body(), 0.1, dnn.RK4())
    assert (
        body(np.ones(3, np.float32)).dtype
        == body.jvp(np.ones(3, np.float32), np.ones(3, np.float32))[1].dtype
        == np.float32
    )
    A, C = dnn.Dense(5, 3, rng=0, dtype=np.float32), dnn.Dense(3, 5, rng=0, dtype=np.float32)
    X = dnn.MassPreservingField(A, dnn.Tanh(), C)
    assert X(np.ones(3)).dtype == X.skew(np.ones(3)).dtype == np.float32
    A = dnn.Dense(5, 3, rng=0, dtype=np.float32)
    assert dnn.GradientField(A, dnn.Tanh(), alpha=np.ones(5)).theta.dtype == np.float32
    assert dnn.MeanSquaredError().vjp(np.ones(3, np.float32), np.ones(3))[1].dtype == np.float32
    for method in (dnn.RK4(), dnn.Ralston()):
        F = dnn.Flow(
            dnn.ResidualField(dnn.Dense(2, 2, rng=0, dtype="float32"), dnn.Softplus()),
            0.1,
            method,
            steps=2,
            learn_h=True,
        )
        y, pullback = F.vjp(x)
        assert (
            F.theta.dtype == y.dtype == pullback(y)[0].dtype == pullback(y)[1].dtype == np.float32
        )


def test_a_map_of_ones_own_takes_plain_numbers_and_owns_once():
    class Scale(dnn.Map):
        def __init__(self, **pieces):
            self.dim_in = self.dim_out = 2
            self.own(**pieces)

        def __call__(self, x):
            return self.c * self.state(x)

    assert Scale(c=[1, 2]).theta.dtype == float
    np.testing.assert_array_equal(Scale(c=[1, 2])([0.5, 0.5]), [0.5, 1.0])
    np.testing.assert_array_equal(Scale(c=3)([0.5, 0.5]), [1.5, 1.5])
    with pytest.raises(
        TypeError, match="c of Scale must be an array of numbers or a map, got 'two'"
    ):
        Scale(c="two")
    with pytest.raises(
        ValueError, match=r"Scale called own\(\) already: pass all parameters in a single call"
    ):
        Scale(c=1.0).own(b=2.0)


def test_a_linear_map_with_parameters_of_its_own_must_bring_its_tangents(rng):
    class Multiple(dnn.LinearMap):
        def __init__(self, dim):
            self.dim_in = self.dim_out = dim
            self.own(c=np.array([2.0]))

        def __call__(self, x):
            return self.c * self.state(x)

        def adjoint(self, w):
            return self.c * w

        def outer(self, w, x):
            return np.array([(w * x).sum()])

    A = Multiple(3)
    dnn.checks.adjoint(A, rng.normal(size=(5, 3))).require()
    with pytest.raises(
        NotImplementedError, match="Multiple has parameters: write its own jvp and adjoint_jvp"
    ):
        A.jvp(np.ones(3), np.ones(3), np.ones(1))


def test_randomness_enters_only_as_rng():
    for make in (
        lambda rng: dnn.Dense(3, 2, rng=rng).theta,
        lambda rng: dnn.datasets.moons(10, rng=rng)[0],
    ):
        np.testing.assert_array_equal(make(7), make(np.random.default_rng(7)))
        assert not np.array_equal(make(7), make(8))
    before = np.random.get_state()[1].copy()
    dnn.Dense(3, 2), dnn.datasets.rings(10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_any_integer_type_is_a_dimension():
    assert dnn.Dense(np.int64(3), np.uint8(2)).W.shape == (3, 2)
    assert dnn.Flow(dnn.systems.sir(), 0.1, steps=np.int32(2)).steps == 2


def test_summary_lists_every_layer():
    text = small_network().summary()
    assert text.splitlines()[0].split() == [
        "map",
        "formula",
        "shape",
        "parameters",
        "Lipschitz",
        "keeps",
    ]
    assert len(text.splitlines()) == 5
    for part in ("Lift", "2 → 4", "Aᵀσ(Ax + b)", "Euler()", "26", "41", "mass, norm", "Σ  Network"):
        assert part in text
    assert (
        "(shared)"
        in dnn.Network(F := dnn.Flow(residual(np.random.default_rng(0)), 0.1), F).summary()
    )
    assert "–" in dnn.Network(dnn.Flow(dnn.systems.sir(), 0.1)).summary()


def test_states_are_all_states(rng):
    for _, net in networks(rng):
        x = points(rng, (5,), net.dim_in)
        states = net.states(x)
        assert len(states) == len(net.maps) + 1
        np.testing.assert_array_equal(states[0], x)
        np.testing.assert_array_equal(states[-1], net(x))


def test_names_of_parts_with_two_parameters():
    X = dnn.PartitionedField(dnn.Dense(2, 2), dnn.Affine(2, 2))
    assert list(X.parameters) == ["f", "g.W", "g.b"]


def test_a_learned_step_of_a_field_without_parameters_is_a_double():
    F = dnn.Flow(systems.pendulum(), 0.1, learn_h=True)
    assert F.h == 0.1 and F.theta.dtype == float
    assert type(dnn.Flow(systems.pendulum(), np.float64(0.1)).h) is float


def test_integers_and_lists_are_states():
    X = systems.rigid_body()
    np.testing.assert_array_equal(X(np.array([1, 1, 2])), X(np.array([1.0, 1.0, 2.0])))
    F = dnn.Flow(X, 0.1)
    y, pullback = dnn.Rollout(F, 2).vjp([1, 2, 3])
    assert y.shape == (2, 3) and pullback(y)[0].shape == (3,)
    assert isinstance(dnn.Network(F).states([1, 2, 3])[0], np.ndarray)
    assert dnn.Lift(3, 2).jacobian(np.ones(2, np.float32)).dtype == np.float32


def test_summary_and_formula_to_the_letter():
    X = dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Tanh())
    net = dnn.Network(dnn.Flow(X, 0.1, steps=2))
    assert net.maps[0].formula == "Ψ^h × 2, Euler(), X = Bσ(Ax + b), h = 0.1"
    assert [line.endswith("–") for line in net.summary().splitlines()] == [False, True, True]
