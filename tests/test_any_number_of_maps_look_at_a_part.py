"""Parameters are borrowed, not owned: any number of flows, roll-outs and networks look at one field, and ties add up."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from zoo import energetic, partitioned, points, residual

import dynsys_nn as dnn


def gradients_agree(net, x, w):
    """∂⟨w, net(x; θ)⟩/∂θ by vjp against the complex step of each parameter, whatever is tied."""
    found = net.vjp(x)[1](w)[1]
    theta, twin = net.theta.copy(), copy.deepcopy(net)
    true = []
    for e in np.eye(theta.size):
        twin._bind(theta + 1e-30j * e)
        true.append((w * twin(x)).sum().imag / 1e-30)
    np.testing.assert_allclose(found, true, rtol=1e-11, atol=1e-12)


# ---- what a student does at a prompt


def test_one_failed_call_does_not_lock_a_field():
    """At a prompt, whose last traceback keeps what failed."""
    session = """
import numpy as np, dynsys_nn as dnn
X = dnn.GradientField(dnn.Dense(3, 2, rng=0), dnn.Tanh())
F = dnn.Flow(X, 0.1)
F(np.zeros(99))
F = dnn.Flow(X, 0.2)
del F
F = dnn.Flow(X, 0.3)
dnn.Flow(X, 0.4)
_.lipschitz()
print("still here:", F.h, dnn.Flow(X, 0.5)(np.zeros(2)).shape)
"""
    done = subprocess.run(
        [sys.executable, "-i", "-q"], input=session, capture_output=True, text=True, timeout=60
    )
    assert "still here: 0.3 (2,)" in done.stdout, done.stderr
    assert (
        done.stderr.count("Traceback") == 1 and "Flow acts on states of dimension 2" in done.stderr
    )


def test_a_comprehension_a_loop_and_a_pair_of_flows_look_at_one_field(rng):
    X, x = residual(rng), points(rng, (5,))
    flows = [dnn.Flow(X, h, method) for h in (0.1, 0.2) for method in (dnn.Euler(), dnn.RK4())]
    for F in flows:
        F = dnn.Flow(X, F.h, F.method)  # the old one lives while the new one is made
        np.testing.assert_array_equal(F(x), F.method.step(X, x, F.h))
    before = [F(x) for F in flows]
    X.theta = 0.5 * X.theta
    for F, y in zip(flows, before, strict=True):
        assert np.shares_memory(F.theta, X.theta) and np.abs(F(x) - y).max() > 1e-3


def test_two_heads_on_one_body(rng):
    """Both see what the training of either does to the body, and keep what is theirs."""
    body = dnn.Network(dnn.Lift(4, 2), dnn.Flow(residual(rng), 0.3))
    one, other = (
        dnn.Network(body, dnn.Affine(2, 4, rng=rng)),
        dnn.Network(body, dnn.Affine(3, 4, rng=rng)),
    )
    x = rng.normal(size=(30, 2))
    y, z = one(x), other(x)
    for _ in range(2):  # whoever was asked for its θ last
        for net, value in ((one, y), (other, z), (one, y)):
            assert net.theta.size == body.theta.size + net.maps[1].theta.size
            np.testing.assert_array_equal(net(x), value)
            np.testing.assert_array_equal(net.theta[: body.theta.size], body.theta)
            for view in net.parameters.values():
                assert np.shares_memory(view, net.theta)
    gradients_agree(one, x, rng.normal(size=(30, 2)))
    gradients_agree(other, x, rng.normal(size=(30, 3)))
    head = other.maps[1].theta.copy()
    history = dnn.fit(one, dnn.MeanSquaredError(), x, np.sin(x), epochs=20, progress=False)
    assert history.loss[-1] < history.loss[0]
    np.testing.assert_array_equal(other.maps[1].theta, head)
    np.testing.assert_array_equal(other(x), other.maps[1](body(x)))
    assert np.abs(other(x) - z).max() > 1e-3
    other.theta *= 0.5
    np.testing.assert_array_equal(one.theta[: body.theta.size], body.theta)


# ---- ties


def tied_networks(rng):
    """(name, network): a part that is met twice, on every level where it can be."""
    X, A = residual(rng), dnn.Dense(4, 4, rng=rng)
    yield "one field in two flows", dnn.Network(dnn.Flow(X, 0.1), dnn.Flow(X, 0.2, dnn.Ralston()))
    yield (
        "one field, two learned steps",
        dnn.Network(*[dnn.Flow(X, h, learn_h=True) for h in (0.1, 0.3)]),
    )
    yield (
        "one matrix in two fields",
        dnn.Network(*[dnn.Flow(dnn.ResidualField(A, dnn.Tanh()), 0.2) for _ in range(2)]),
    )
    yield (
        "one matrix twice in a field",
        dnn.Network(dnn.Flow(dnn.ResidualField(A, dnn.Tanh(), A), 0.2)),
    )
    f, g, k = (dnn.ResidualField.random(2, 3, bias=1.0, rng=rng) for _ in range(3))
    halves = dnn.PartitionedField(f, g), dnn.PartitionedField(f, k), dnn.PartitionedField(g, f)
    yield (
        "halves that overlap",
        dnn.Network(*[dnn.Flow(H, 0.2, dnn.StormerVerlet()) for H in halves]),
    )
    yield (
        "a sum with a part twice",
        dnn.Network(dnn.Flow(dnn.SumField(X, residual(rng), X), 0.1, dnn.Strang())),
    )
    inner = dnn.Network(dnn.Flow(X, 0.1), dnn.Affine(4, 4, rng=rng))
    yield (
        "a network, a part of it, and its field",
        dnn.Network(inner, inner[1:], dnn.Flow(X, 0.3), inner),
    )
    yield "roll-outs as parts", dnn.Network(dnn.Flow(X, 0.1), dnn.Rollout(dnn.Flow(X, 0.2), 2))
    H = energetic(rng)
    yield (
        "a field and its gradient",
        dnn.Network(dnn.Flow(H, 0.1, dnn.ImplicitMidpoint()), dnn.Flow(H.dH, 0.1)),
    )


NAMES = [name for name, _ in tied_networks(np.random.default_rng(0))]


@pytest.fixture(params=NAMES)
def tied(request, rng):
    return dict(tied_networks(rng))[request.param]


def test_the_gradient_in_shared_parameters_is_the_sum(tied, rng):
    x = 0.5 * points(rng, (3,))
    gradients_agree(tied, x, rng.normal(size=tied(x).shape))
    v = rng.normal(size=tied.theta.size)
    w = rng.normal(size=tied(x).shape)
    dy = tied.jvp(x, 0 * x, v)[1]
    assert abs((w * dy).sum() - tied.vjp(x)[1](w)[1] @ v) <= 1e-12 * np.linalg.norm(
        w
    ) * np.linalg.norm(dy)


def test_ties_survive_save_load_deepcopy_and_pickle(tied, rng, tmp_path):
    x = 0.5 * points(rng, (3,))
    tied.save(tmp_path / "net.npz")
    for twin in (
        dnn.Map.load(tmp_path / "net.npz"),
        copy.deepcopy(tied),
        pickle.loads(pickle.dumps(tied)),
    ):
        assert twin.theta.size == tied.theta.size and not np.shares_memory(twin.theta, tied.theta)
        np.testing.assert_array_equal(twin(x), tied(x))
        assert list(twin.parameters) == list(tied.parameters)
        v = 0.1 * rng.normal(size=tied.theta.size)
        twin.theta += v
        again = copy.deepcopy(tied)
        again.theta += v
        np.testing.assert_array_equal(twin(x), again(x))


def test_a_part_of_a_network_looks_at_the_same_parameters(rng):
    net = dnn.Network(
        dnn.Lift(4, 2),
        dnn.Flow(residual(rng), 0.1),
        dnn.Flow(partitioned(rng), 0.1),
        dnn.Affine(2, 4, rng=rng),
    )
    theta, x = net.theta, rng.normal(size=(5, 2))
    head, tail = net[:2], net[2:]
    assert net[1] is net.maps[1] and len(net) == 4 and list(net) == list(net.maps)
    np.testing.assert_array_equal(tail(head(x)), net(x))
    for k, state in enumerate(net.states(x)[1:], start=1):
        np.testing.assert_array_equal(net[:k](x), state)
    for part in (head, tail, net[1], net[-1:]):
        assert np.shares_memory(part.theta, theta) and part.theta.base is not None
    assert net.theta is theta  # nobody moved anything
    before = net(x)
    head.theta *= 2
    assert np.abs(net(x) - before).max() > 1e-3
    with pytest.raises(ValueError, match="at least one map"):
        net[4:]


def test_a_gradient_of_a_part_is_found_in_the_whole(rng):
    from dynsys_nn.maps import place_of

    f, g, k = (dnn.Dense(2, 2, rng=rng) for _ in range(3))
    outer = dnn.PartitionedField(f, g), dnn.PartitionedField(f, k)
    net = dnn.SumField(*outer)
    np.testing.assert_array_equal(
        net.theta[place_of(outer[1], net)], np.concatenate([f.theta, k.theta])
    )
    np.testing.assert_array_equal(net.theta[place_of(g, net, "W")], g.theta)
    with pytest.raises(ValueError, match=r"Dense\(2 → 2\) is not a part of SumField"):
        place_of(dnn.Dense(2, 2), net)
    assert place_of(dnn.Lift(2, 2), net) == slice(0, 0)


def test_nothing_depends_on_what_a_garbage_collector_does(rng):
    """The same program with and without something that keeps every network that was made."""
    results = []
    for keep in ([], None):
        X, rng_k, thetas = residual(np.random.default_rng(1)), np.random.default_rng(2), []
        for k in range(4):
            net = dnn.Network(dnn.Flow(X, 0.1 * (k + 1)), dnn.Affine(2, 4, rng=rng_k))
            net.theta *= 0.9
            thetas.append(net.theta.copy())
            if keep is not None:
                keep.append(net)
            del net
        results.append((thetas, X.theta.copy()))
    for a, b in zip(*[result[0] for result in results], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_parts_of_two_precisions_take_the_wider_one(rng):
    narrow = dnn.Dense(3, 2, rng=rng, dtype=np.float32)
    assert narrow.theta.dtype == np.float32
    net = dnn.Network(narrow, dnn.Dense(2, 3, rng=rng))
    assert net.theta.dtype == narrow.theta.dtype == narrow.W.dtype == float
    narrow = dnn.Dense(3, 2, rng=rng, dtype=np.float32)
    dnn.Network(narrow, dnn.Dense(2, 3, rng=rng, dtype=np.float32))
    net = dnn.Network(narrow, dnn.Dense(2, 3, rng=rng))
    assert narrow.W.dtype == net[1].W.dtype == net(np.ones(2)).dtype == float  # θ was not asked for


def test_building_a_second_network_moves_nothing_of_the_first(rng):
    """Its arrays move when its own θ is asked for, not before: a live θ stays live."""
    body, heads = dnn.Flow(residual(rng), 0.1), [dnn.Affine(2, 4, rng=rng) for _ in range(2)]
    first = dnn.Network(body, heads[0])
    theta = first.theta
    second = dnn.Network(body, heads[1])
    theta[:] = 0
    assert not first.theta.any() and first.theta is theta and not body.theta.any()
    second.theta += 1  # now the body lies here
    assert (body.theta == 1).all() and (first.theta[: body.theta.size] == 1).all()


def test_a_weight_that_was_taken_from_a_new_network_is_live(rng):
    net = dnn.Network(dnn.Dense(2, 2, rng=rng), dnn.Affine(2, 2, rng=rng))
    W, theta = net[0].W, net[1].theta
    net.theta = np.arange(10.0)
    np.testing.assert_array_equal(W.ravel(), np.arange(4.0))
    np.testing.assert_array_equal(theta, np.arange(4.0, 10.0))


def test_a_part_that_lies_elsewhere_in_the_same_vector_is_found(rng):
    """Equal sizes, another place: [A, B] and [B, A] are two θ."""
    A, B = (dnn.Dense(2, 2, rng=rng) for _ in range(2))
    there, back = dnn.Network(A, B), dnn.Network(B, A)
    for net, order in ((there, (A, B)), (back, (B, A)), (there, (A, B))):
        net.theta = np.arange(8.0)
        np.testing.assert_array_equal(order[0].theta, np.arange(4.0))
        np.testing.assert_array_equal(order[1].theta, np.arange(4.0, 8.0))


@pytest.mark.parametrize(
    "name", ["keeps", "invariants", "formula", "doors", "theta", "vjp", "dim_in"]
)
def test_own_refuses_a_name_that_a_map_uses(name):
    with pytest.raises(ValueError, match=f"{name} is a name that Field uses already"):
        dnn.Field().own(**{name: np.ones(2)})
