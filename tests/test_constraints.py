"""A theorem's hypothesis is true after every step of the training, and not only at its end."""

import copy

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import systems
from dynsys_nn.constraints import weights
from dynsys_nn.maps import place_of


def gradient_flow(rng, layers=2, d=6, sigma=None, h=1.0, dtype=float):
    fields = [
        dnn.GradientField(dnn.Dense(d, d, rng=rng, dtype=dtype), sigma or dnn.ReLU())
        for _ in range(layers)
    ]
    return dnn.Network(
        dnn.Lift(d, 2), *[dnn.Flow(X, h) for X in fields], dnn.Affine(3, d, rng=rng, dtype=dtype)
    )


def data(rng, n=60):
    x = rng.normal(size=(n, 2))
    return x, (x[:, 0] > 0) + (x[:, 1] > 0).astype(int)


def gap(W):
    """‖WᵀW − I‖, or ‖WWᵀ − I‖ for a wide matrix."""
    tall = W if len(W) >= W.shape[1] else W.T
    return np.linalg.norm(tall.T @ tall - np.eye(tall.shape[1]))


def distance_by_search(region, p, smallest):
    """The distance of p from the region, brute force: a fine grid of (h_C, h_E)."""
    h_C = np.linspace(smallest, 2.5, 200_001)
    top = region.largest_expansive_step(h_C)
    h_C, top = h_C[top >= smallest], top[top >= smallest]
    return np.hypot(h_C - p[0], np.clip(p[1], smallest, top) - p[1]).min()


# ---- orthogonal


@pytest.mark.parametrize("optimiser", [dnn.Adam(0.1), dnn.SGD(0.1, 0.9)], ids=repr)
@pytest.mark.parametrize("bjorck", [False, True])
def test_weights_are_orthogonal_before_after_and_at_every_epoch(bjorck, optimiser, rng):
    net = gradient_flow(rng)
    gaps = []

    def look(epoch, history):
        gaps.append(max(gap(A.W) for A in weights(net)))

    constraint = dnn.Orthogonal(*weights(net), bjorck=bjorck)
    history = dnn.fit(
        net,
        dnn.MulticlassHinge(0.5),
        *data(rng),
        optimiser,
        epochs=8,
        batch_size=10,
        constraints=[constraint],
        callback=look,
        rng=0,
    )
    assert max(gaps) < 1e-13 and len(gaps) == 8
    assert net.lipschitz() <= 1 + 1e-12
    assert history.loss[-1] < history.loss[0] / 2


def test_the_first_loss_is_that_of_the_projected_network(rng):
    net = gradient_flow(rng)
    x, y = data(rng)
    projected = copy.deepcopy(net)
    dnn.Orthogonal(*weights(projected)).project()
    history = dnn.fit(
        net,
        dnn.MulticlassHinge(),
        x,
        y,
        dnn.SGD(1e-9),
        epochs=1,
        constraints=[dnn.Orthogonal(*weights(net))],
    )
    assert (
        history.loss[0]
        == dnn.MulticlassHinge()(projected(x), y)
        != dnn.MulticlassHinge()(gradient_flow(np.random.default_rng(1))(x), y)
    )


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7)])
def test_bjorcks_iteration_goes_to_the_polar_factor(shape, rng):
    A = dnn.Dense(*shape, rng=rng)
    B, C = copy.deepcopy(A), copy.deepcopy(A)
    A.orthogonalise()
    dnn.Orthogonal(B, bjorck=True).project()
    np.testing.assert_allclose(B.W, A.W, atol=1e-12)
    C.W = A.W + 0.02 * rng.normal(
        size=shape
    )  # a step away from the set: a few iterations, and no division
    A.W = C.W
    A.orthogonalise()
    dnn.Orthogonal(C, bjorck=True).project()
    np.testing.assert_allclose(C.W, A.W, atol=1e-13)


def test_bjorcks_iteration_is_not_thrown_off_by_large_singular_or_zero_weights(rng):
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    for W in (10 * Q, 1e-3 * Q, Q * [1, 1, 1, 1e-13], 0 * Q, Q @ np.diag([1.7, 1, 1, 1]), -Q):
        A = dnn.Dense(4, 4, W=W)
        dnn.Orthogonal(A, bjorck=True).project()
        assert gap(A.W) < 1e-14


@pytest.mark.parametrize("rows, columns", [(5, 5), (6, 4), (4, 6)])
def test_the_tangent_is_the_orthogonal_projection_on_the_tangent_space(rows, columns, rng):
    A = dnn.Dense(rows, columns, rng=rng)
    constraint = dnn.Orthogonal(A)
    constraint.project()
    G = rng.normal(size=(rows, columns))
    P = constraint.tangent(G.ravel()).reshape(G.shape)
    W, T, H = (A.W, P, G) if rows >= columns else (A.W.T, P.T, G.T)
    np.testing.assert_allclose(
        W.T @ T, -T.T @ W, atol=1e-14
    )  # a curve that leaves along T stays orthogonal
    np.testing.assert_allclose(constraint.tangent(P.ravel(), A), P.ravel(), atol=1e-14)
    S = rng.normal(size=(min(rows, columns),) * 2)
    other = W @ (S - S.T)  # any tangent vector is at right angles to what was taken away
    assert abs(((H - T) * other).sum()) < 1e-12
    t = 1e-4
    A.W = A.W + t * P
    assert gap(A.W) < 10 * t**2 * np.linalg.norm(P) ** 2


def test_the_tangent_touches_its_own_weight_in_a_networks_gradient_and_nothing_else(rng):
    inner = dnn.Network(
        dnn.Lift(4, 4),
        dnn.Flow(dnn.GradientField(dnn.Dense(4, 4, rng=rng), dnn.Tanh()), 0.1, learn_h=True),
    )
    net = dnn.Network(dnn.Affine(4, 2, rng=rng), inner, dnn.Affine(3, 4, rng=rng))
    A, last = inner.maps[1].field.A, net.maps[-1]
    constraint = dnn.Orthogonal(A, last)
    constraint.project()
    g = rng.normal(size=net.theta.shape)
    before = g.copy()
    out = constraint.tangent(g, net)
    own = np.concatenate([A.theta, last.A.theta])  # without a net: end to end
    np.testing.assert_array_equal(
        constraint.tangent(own)[A.theta.size :], dnn.Orthogonal(last).tangent(last.A.theta)
    )
    assert np.array_equal(g, before)  # the argument stays
    copied = copy.deepcopy(net)
    copied.theta = out - g
    changed = {name for name, value in copied.parameters.items() if np.any(value)}
    assert changed == {"1.1.A", "2.W"}
    alone = copy.deepcopy(net)
    alone.theta = g
    G = alone.parameters["1.1.A"]
    S = A.W.T @ G
    np.testing.assert_allclose(copied.parameters["1.1.A"], -A.W @ (S + S.T) / 2, atol=1e-14)
    marked = np.zeros(net.theta.size)
    for block in constraint.blocks(net):
        marked[block] = 1
    copied.theta = marked
    assert {name for name, value in copied.parameters.items() if np.all(value)} == {
        "1.1.A",
        "2.W",
    } and marked.sum() == 16 + 12


def test_adam_keeps_one_second_moment_a_block():
    """The first step of a block is −rate·g/√mean(g²), all entries on one scale; elsewhere it is −rate·sign g."""
    adam, theta, g = dnn.Adam(0.1), np.zeros(6), np.array([3.0, 4.0, 0.0, 5.0, -2.0, 1e-3])
    memory = adam.start(theta, blocks=[slice(0, 4)])
    adam.step(theta, g, memory)
    np.testing.assert_allclose(theta[:4], -0.1 * g[:4] / np.sqrt(50 / 4), rtol=1e-7)
    np.testing.assert_allclose(theta[4:], [0.1, -0.1], rtol=1e-4)
    np.testing.assert_array_equal(g, [3.0, 4.0, 0.0, 5.0, -2.0, 1e-3])


def test_fit_gives_adam_the_blocks_of_its_constraints_and_takes_the_step_along_the_tangent(rng):
    """One step, by hand."""
    A = dnn.Dense(3, 3, rng=rng)
    net, x = dnn.Network(A), rng.normal(size=(7, 3))
    y = rng.normal(size=(7, 3))
    by_hand = copy.deepcopy(net)
    dnn.Orthogonal(by_hand.maps[0]).project()
    _, g = dnn.value_and_grad(by_hand, dnn.MeanSquaredError(), x, y)
    W, G = by_hand.maps[0].W, g.reshape(3, 3)
    G = G - W @ (W.T @ G + G.T @ W) / 2
    step = by_hand.maps[0]
    step.W = W - 0.05 * G / np.sqrt((G * G).mean())
    step.orthogonalise()
    dnn.fit(
        net, dnn.MeanSquaredError(), x, y, dnn.Adam(0.05), epochs=1, constraints=[dnn.Orthogonal(A)]
    )
    np.testing.assert_allclose(A.W, step.W, atol=1e-7)


def test_float32_weights_stay_float32_and_orthogonal_to_its_rounding(rng):
    net = gradient_flow(rng, dtype=np.float32)
    dnn.fit(
        net,
        dnn.MulticlassHinge(),
        *data(rng),
        dnn.Adam(0.05),
        epochs=3,
        constraints=[dnn.Orthogonal(*weights(net), bjorck=True)],
    )
    assert net.theta.dtype == np.float32 and max(gap(A.W) for A in weights(net)) < 1e-5
    assert abs(net.lipschitz() - 1) < 1e-5


def test_weights_are_all_linear_maps_with_a_weight_each_once(rng):
    A, B, last = dnn.Dense(5, 4, rng=rng), dnn.Dense(4, 5, rng=rng), dnn.Affine(2, 4, rng=rng)
    shared = dnn.Flow(dnn.ResidualField(A, dnn.Tanh(), B), 0.1)
    net = dnn.Network(dnn.Lift(4, 3), shared, shared, dnn.Network(last))
    assert [id(W) for W in weights(net)] == [id(W) for W in (A, B, last.A)]
    assert weights(last) == [last.A] and weights(dnn.Lift(4, 3), systems.pendulum()) == []


def test_an_interrupt_between_step_and_projection_leaves_the_constraints_true(rng):
    class Interrupting(dnn.Adam):
        def step(self, theta, g, memory):
            super().step(theta, g, memory)
            if memory["t"] == 3:
                raise KeyboardInterrupt

    net = gradient_flow(rng)
    history = dnn.fit(
        net,
        dnn.MulticlassHinge(),
        *data(rng),
        Interrupting(0.1),
        epochs=9,
        constraints=[dnn.Orthogonal(*weights(net))],
    )
    assert (
        history.interrupted
        and len(history.loss) == 2
        and max(gap(A.W) for A in weights(net)) < 1e-13
    )


def test_two_constraints_of_one_map_each_are_one_of_two_maps(rng):
    x, y = data(rng)
    nets = [gradient_flow(np.random.default_rng(3)) for _ in range(2)]
    for net, constraints in zip(
        nets,
        (
            [dnn.Orthogonal(A) for A in weights(nets[0])],
            (dnn.Orthogonal(*weights(net)) for net in nets[1:]),
        ),
        strict=True,
    ):
        dnn.fit(
            net,
            dnn.MulticlassHinge(),
            x,
            y,
            dnn.Adam(0.1),
            epochs=3,
            batch_size=20,
            constraints=constraints,
            rng=0,
        )
    np.testing.assert_array_equal(
        nets[0].theta, nets[1].theta
    )  # the second were given as a generator


def test_constraints_are_projected_in_their_order(rng):
    order = []

    class Named(dnn.Constraint):
        def __init__(self, name):
            self.name = name

        def project(self):
            order.append(self.name)

    dnn.fit(
        gradient_flow(rng),
        dnn.MulticlassHinge(),
        *data(rng),
        epochs=2,
        constraints=[Named("a"), Named("b")],
    )
    assert order == ["a", "b"] * 3


def test_the_place_of_a_map_adds_up_the_offsets_of_all_that_hold_it(rng):
    X = dnn.ResidualField(dnn.Dense(3, 3, rng=rng), dnn.Tanh(), dnn.Dense(3, 3, rng=rng))
    inner = dnn.Network(dnn.Affine(3, 3, rng=rng), dnn.Flow(X, 0.1, learn_h=True))
    net = dnn.Network(dnn.Affine(3, 2, rng=rng), inner, dnn.Affine(2, 3, rng=rng))
    for A in weights(net):
        found = net.theta[place_of(A, net)]
        assert found.shape == A.theta.shape and found.ctypes.data == A.theta.ctypes.data
    assert place_of(X.B, inner) == slice(12 + 9 + 3, 12 + 9 + 3 + 9)


# ---- spectral ball


def test_a_spectral_ball_shrinks_what_is_outside_and_leaves_the_rest(rng):
    A, B, affine = (
        dnn.Dense(4, 3, rng=rng),
        dnn.Dense(3, 5, rng=rng),
        dnn.Affine(2, 3, b=[1.0, 2.0], rng=rng),
    )
    A.W, B.W, affine.W = 5 * A.W, 0.1 * B.W, 9 * affine.W
    before = [F.W.copy() for F in (A, B, affine)]
    dnn.SpectralBall(A, B, affine, radius=1.5).project()
    for F, W in zip((A, B, affine), before, strict=True):
        s = np.linalg.norm(W, 2)
        np.testing.assert_allclose(F.W, W * min(1, 1.5 / s), rtol=1e-13)
        assert np.linalg.norm(F.W, 2) <= 1.5 and F.lipschitz() <= 1.5 * (1 + 1e-14)
    np.testing.assert_array_equal(affine.b, [1.0, 2.0])
    between, below = dnn.Dense(2, 2, W=1.2 * np.eye(2)), dnn.Dense(2, 2, W=0.8 * np.eye(2))
    dnn.SpectralBall(between, radius=1.5).project()
    dnn.SpectralBall(below, radius=0.5).project()
    np.testing.assert_array_equal(between.W, 1.2 * np.eye(2))
    np.testing.assert_allclose(below.W, 0.5 * np.eye(2), rtol=1e-13)
    again = A.W.copy()
    dnn.SpectralBall(A, 1.5).project()
    np.testing.assert_allclose(A.W, again, rtol=1e-14)


def test_the_norm_that_is_certified_after_a_projection_is_at_most_the_radius(rng):
    for dtype in (float, np.float32):
        for n in (1, 3, 20):
            for radius in (0.7, 1.0, 1 / 3):
                maps = [dnn.Dense(n, n + 2, rng=rng, dtype=dtype) for _ in range(10)]
                maps.append(dnn.Convolution(n, n, (4, 5), rng=rng, dtype=dtype))
                dnn.SpectralBall(*maps, radius=radius).project()
                norms = [A.lipschitz() for A in maps]
                assert max(norms) <= radius and norms[-1] > radius * (1 - 100 * np.finfo(dtype).eps)


def test_a_network_stays_in_its_spectral_balls_while_it_is_trained(rng):
    net = gradient_flow(rng)
    norms = []
    dnn.fit(
        net, dnn.MulticlassHinge(), *data(rng), dnn.Adam(0.3), epochs=10, constraints=[dnn.SpectralBall(*weights(net))],
        callback=lambda epoch, history: norms.append([np.linalg.norm(A.W, 2) for A in weights(net)]),
    )  # fmt: skip
    assert 0.999 < np.max(norms) <= 1 + 1e-14


def test_descents_towards_orthogonal_weights_square_the_defect(rng):
    """W ← W(3I − WᵀW)/2 takes a singular value 1 + e to 1 − 3e²/2 − e³/2."""
    Q, affine = np.linalg.qr(rng.normal(size=(4, 4)))[0], dnn.Affine(2, 4, rng=rng)
    A, B = dnn.Dense(4, 4, W=1.01 * Q), dnn.Dense(3, 4, W=1.01 * Q[:3])
    dnn.TowardsOrthogonal(A, B, affine).project()
    np.testing.assert_allclose(A.W, (1 - 1.5e-4 - 0.5e-6) * Q, rtol=1e-12)
    np.testing.assert_allclose(B.W, (1 - 1.5e-4 - 0.5e-6) * Q[:3], rtol=1e-12)
    dnn.TowardsOrthogonal(A, descents=3).project()
    assert gap(A.W) < 1e-13
    with pytest.raises(ValueError, match="descents must be at least 1, got 0"):
        dnn.TowardsOrthogonal(A, descents=0)
    assert (
        repr(dnn.TowardsOrthogonal(A, descents=3)) == "TowardsOrthogonal(Dense(4 → 4), descents=3)"
    )
    assert (
        repr(dnn.SpectralBall(A, radius=0.5))
        == "SpectralBall(Dense(4 → 4), radius=0.5)"
        != repr(dnn.SpectralBall(A))
    )


# ---- step sizes


def pair(rng, h_C=0.5, h_E=0.1, sigma=None, d=3, W=None, dtype=float):
    sigma, (A, B) = (
        sigma or dnn.LeakyReLU(0.5),
        (dnn.Dense(d, d, W=W, rng=rng, dtype=dtype) for _ in range(2)),
    )
    expansive, contractive = dnn.ResidualField(A, sigma), dnn.GradientField(B, sigma)
    return dnn.Flow(contractive, h_C, learn_h=True), dnn.Flow(expansive, h_E, learn_h=True)


def test_the_papers_region_reaches_0_1547_and_the_sharp_one_2():
    C, E = pair(0, W=np.eye(3))
    paper, sharp = dnn.StepSizes(C, E, bound="paper"), dnn.StepSizes(C, E)
    h = np.linspace(0.01, 1.99, 1_000_001)
    curve = paper.largest_expansive_step(h)
    assert curve.max() == pytest.approx(
        2 / 3**0.5 - 1, abs=1e-12
    ) and 2 / 3**0.5 - 1 == pytest.approx(0.1547, abs=1e-5)
    assert h[curve.argmax()] == pytest.approx(0.5, abs=2e-3)
    np.testing.assert_allclose(curve, 1 / np.sqrt(1 - h + h * h) - 1, atol=1e-12)
    np.testing.assert_allclose(
        sharp.largest_expansive_step(np.array([0.5, 4 / 3])), [1 / 3, 2], rtol=1e-12
    )
    curve = sharp.largest_expansive_step(h)
    assert h[curve.argmax()] == pytest.approx(4 / 3, abs=1e-5) and curve.max() == pytest.approx(
        2, abs=1e-4
    )


@pytest.mark.parametrize("bound", ["sharp", "paper"])
def test_steps_go_to_the_nearest_point_of_the_region(bound, rng):
    for p in [
        (0.5, 0.5),
        (1.0, 3.0),
        (1.4, 2.5),
        (3.0, 0.1),
        (-1.0, 0.05),
        (0.2, -0.3),
        (1.3, 1.95),
        *rng.uniform(-0.5, 3, (10, 2)),
    ]:
        C, E = pair(0, W=np.eye(3))
        region = dnn.StepSizes(C, E, bound=bound)
        C.h, E.h = p
        region.project()
        assert C.h >= region.smallest and E.h >= region.smallest
        assert E.h <= region.largest_expansive_step(C.h) + 1e-12
        assert C.lipschitz() * E.lipschitz() <= 1 + 1e-12
        moved = np.hypot(C.h - p[0], E.h - p[1])
        assert moved <= distance_by_search(region, p, region.smallest) + 1e-5
        inside = C.h, E.h
        region.project()
        np.testing.assert_allclose((C.h, E.h), inside, atol=1e-8)


def test_the_nearest_point_is_found_to_seven_digits():
    """On h_E = h/(2 − h), slopes [½, 1]: points on the normals at h go to h."""
    for h in (0.3, 0.7, 1.0, 1.2):
        C, E = pair(0, W=np.eye(3))
        C.h, E.h = h - 0.1 * 2 / (2 - h) ** 2, h / (2 - h) + 0.1
        dnn.StepSizes(C, E).project()
        assert (C.h, E.h) == pytest.approx((h, h / (2 - h)), rel=1e-7)


def test_the_papers_bound_is_that_of_the_slides():
    C, E = pair(0, 1.0, 1.0)
    regions = [dnn.StepSizes(C, E, bound) for bound in ("paper", "slides", "sharp")]
    paper, slides, sharp = (
        region.largest_expansive_step(np.linspace(0.1, 1, 9)) for region in regions
    )
    assert np.array_equal(paper, slides) and not np.array_equal(paper, sharp)


def test_steps_inside_the_region_stay(rng):
    C, E = pair(0, 0.4, 0.1, W=np.eye(3))
    dnn.StepSizes(C, E, bound="paper").project()
    assert (C.h, E.h) == (0.4, 0.1)


def test_the_region_follows_the_weights(rng):
    """With A = 2I all of h_C shrinks by 4; with W = 2I h_E by 2."""
    C, E = pair(0, W=2 * np.eye(3))
    assert dnn.StepSizes(C, E).largest_expansive_step(1 / 3) == pytest.approx(1.0)
    for a in (0.5, 0.2):
        C, E = pair(0, W=2 * np.eye(3), sigma=dnn.LeakyReLU(a))
        h = np.array([0.05, 0.1, 0.2])
        paper = dnn.StepSizes(C, E, bound="paper").largest_expansive_step(h)
        np.testing.assert_allclose(
            paper, (1 / np.sqrt(1 - 8 * a * h + 16 * h * h) - 1) / 2, atol=1e-12
        )
        np.testing.assert_allclose(
            dnn.StepSizes(C, E).largest_expansive_step(list(h)),
            (1 / np.maximum(1 - 4 * a * h, np.abs(1 - 4 * h)) - 1) / 2,
            rtol=1e-10,
        )


@pytest.mark.parametrize("bound", ["sharp", "paper"])
@pytest.mark.parametrize("size", [2, 10])
def test_steps_stay_above_the_smallest_for_large_weights_too(size, bound, rng):
    C, E = pair(0, W=size * np.eye(3))
    region = dnn.StepSizes(C, E, bound=bound)
    for p in [(-1, -1), (0.5, 0.5), (0.001, 3)]:
        C.h, E.h = p
        region.project()
        assert (
            C.h >= 1e-3 * (1 - 1e-9)
            and E.h >= 1e-3 * (1 - 1e-9)
            and C.lipschitz() * E.lipschitz() <= 1 + 1e-12
        )
        steps = C.h, E.h
        region.project()
        np.testing.assert_allclose((C.h, E.h), steps, rtol=1e-9)


def test_a_step_that_contracts_all_to_a_point_pays_for_any_other():
    C, E = pair(0, 1.0, 5.0, sigma=dnn.Identity(), W=np.eye(3))
    assert dnn.StepSizes(C, E).largest_expansive_step(1.0) > 1e12
    dnn.StepSizes(C, E).project()
    assert (C.h, E.h) == (1.0, 5.0)
    nothing = dnn.Flow(
        dnn.ResidualField(dnn.Dense(3, 3, W=np.zeros((3, 3))), dnn.Tanh()), 7.0, learn_h=True
    )
    dnn.StepSizes(C, nothing).project()
    assert nothing.h == 7.0


def test_the_region_in_float32_is_kept_to_the_last_digit():
    for seed in range(20):
        C, E = pair(seed, dtype=np.float32)
        dnn.Orthogonal(C.field.A, E.field.A).project()
        C.h, E.h = np.random.default_rng(seed).uniform(0.2, 3, 2)
        region = dnn.StepSizes(C, E)
        region.project()
        assert E.h <= region.largest_expansive_step(C.h)


@pytest.mark.parametrize("bound", ["sharp", "paper"])
def test_learned_alternations_are_certified_at_every_epoch(bound, rng):
    d = 5
    flows = [F for _ in range(2) for F in reversed(pair(rng, 0.5, 0.1, d=d))]
    net = dnn.Network(dnn.Lift(d, 2), *flows, dnn.Affine(3, d, rng=rng))
    constraints = [
        dnn.Orthogonal(*weights(net)), *[dnn.StepSizes(C, E, bound=bound) for E, C in zip(flows[::2], flows[1::2], strict=True)],
    ]  # fmt: skip
    seen, start = [], [F.h for F in flows]
    dnn.fit(
        net, dnn.MulticlassHinge(), *data(rng), dnn.Adam(0.1), epochs=10, batch_size=20, constraints=constraints, rng=0,
        callback=lambda epoch, history: seen.append([net.lipschitz(), *[F.h for F in flows]]),
    )  # fmt: skip
    seen = np.array(seen)
    assert seen[:, 0].max() <= 1 + 1e-12 and seen[:, 1:].min() >= 1e-3
    assert not np.allclose(seen[-1, 1:], start)


# ---- what is refused, and what is kept


def test_constraints_of_another_network_are_refused(rng):
    net, other = gradient_flow(rng), gradient_flow(rng)
    with pytest.raises(ValueError, match="is not a part of"):
        dnn.fit(
            net,
            dnn.MulticlassHinge(),
            *data(rng),
            epochs=1,
            constraints=[dnn.Orthogonal(other.maps[1].field.A)],
        )
    with pytest.raises(ValueError, match="is not a part of"):
        dnn.fit(
            net,
            dnn.MulticlassHinge(),
            *data(rng),
            epochs=1,
            constraints=[dnn.Orthogonal(copy.deepcopy(net).maps[1].field.A)],
        )
    with pytest.raises(ValueError, match="is not a part of"):
        dnn.Orthogonal(net.maps[1].field.A).tangent(np.zeros(7), other)


def test_divergence_leaves_the_last_network_that_satisfied_the_constraints(rng):
    net = gradient_flow(rng)
    x, y = data(rng)

    class Treacherous(dnn.MulticlassHinge):
        calls = 0

        def vjp(self, z, labels):
            self.calls += 1
            value, dz = super().vjp(z, labels)
            return (value, dz) if self.calls < 5 else (np.nan, dz)

    with pytest.raises(dnn.TrainingDiverged):
        dnn.fit(
            net,
            Treacherous(),
            x,
            y,
            dnn.Adam(0.1),
            epochs=10,
            constraints=[dnn.Orthogonal(*weights(net))],
        )
    assert max(gap(A.W) for A in weights(net)) < 1e-13


def test_an_optimiser_of_ones_own_needs_to_know_nothing_of_blocks(rng):
    class Descent(dnn.SGD):
        def start(self, theta):
            return dict(m=np.zeros_like(theta))

    net = gradient_flow(rng)
    dnn.fit(
        net,
        dnn.MulticlassHinge(),
        *data(rng),
        Descent(0.1),
        epochs=2,
        constraints=[dnn.Orthogonal(*weights(net))],
    )
    assert max(gap(A.W) for A in weights(net)) < 1e-13


def test_a_constraint_of_ones_own_is_projected_before_and_after_every_step(rng):
    class NonNegativeBias(dnn.Constraint):
        calls = 0

        def __init__(self, field):
            self.field, self.maps = field, (field,)

        def project(self):
            self.calls += 1
            self.field.b = np.maximum(self.field.b, 0)

    net = gradient_flow(rng)
    constraint = NonNegativeBias(net.maps[1].field)
    dnn.fit(
        net,
        dnn.MulticlassHinge(),
        *data(rng),
        dnn.Adam(0.1),
        epochs=3,
        batch_size=20,
        constraints=[constraint],
    )
    assert constraint.calls == 1 + 3 * 3 and net.maps[1].field.b.min() >= 0


def test_no_region_where_nothing_contracts(rng):
    C, E = pair(rng, sigma=dnn.ReLU())
    with pytest.raises(
        NotImplementedError,
        match="no contractive step is known to compensate for an expansive step of 0.001",
    ):
        dnn.StepSizes(C, E).project()
    with pytest.raises(NotImplementedError, match="is not known to contract"):
        dnn.StepSizes(
            *[
                dnn.Flow(dnn.ResidualField(dnn.Dense(2, 2, rng=rng), dnn.Tanh()), 0.1, learn_h=True)
                for _ in range(2)
            ],
            bound="paper",
        ).project()
    assert systems.pendulum().theta.size == 0  # a field without parameters learns no step


def test_a_weight_that_is_not_finite_has_no_nearest_orthogonal_one():
    A = dnn.Dense(2, 2, rng=0)
    A.theta[1] = np.nan
    with pytest.raises(ValueError, match=r"W of the Dense must be finite, got nan at \(0, 1\)"):
        dnn.Orthogonal(A).project()
