"""Averaged maps and their fixed points, norms of blocks, and the parts they are made of."""

import itertools

import numpy as np
import pytest
from zoo import randomise, residual

import dynsys_nn as dnn
from dynsys_nn import lipschitz
from dynsys_nn.block_norms import norms_between


def convex(rng, d=4, width=6, sigma=None):
    A = dnn.Dense(width, d, rng=rng)
    return randomise(dnn.GradientField(A, sigma or dnn.LeakyReLU(0.0)), rng)


def stretch(F, x, y):
    return (np.linalg.norm(F(x) - F(y), axis=-1) / np.linalg.norm(x - y, axis=-1)).max()


def excess(F, alpha, rng, n=400):
    """The largest (‖Fx − Fy‖² + (1 − α)/α ‖(x − Fx) − (y − Fy)‖²)/‖x − y‖² − 1: ≤ 0 iff averaged."""
    x, d = rng.normal(size=(2, n, F.dim_in))
    y = x + d * 10.0 ** rng.uniform(-3, 1, size=(n, 1))
    moved, rest, before = ((v * v).sum(axis=-1) for v in (F(x) - F(y), x - F(x) - y + F(y), x - y))
    return ((moved + (1 - alpha) / alpha * rest) / before).max() - 1


# ---- MaxMin, Parallel, Frozen, I − N


@pytest.mark.parametrize("d", [2, 3, 6])
def test_the_jacobian_of_maxmin_is_a_permutation(d, rng):
    F, x = dnn.MaxMin(d), rng.normal(size=(50, d))
    J = F.jacobian(x)
    assert set(np.unique(J)) == {0.0, 1.0}
    assert (J.sum(axis=-1) == 1).all() and (J.sum(axis=-2) == 1).all()
    assert set(np.linalg.det(J).round(12)) == {-1.0, 1.0}
    assert np.allclose(np.linalg.norm(J, 2, axis=(-2, -1)), 1, atol=1e-15)
    for p in (1, 2, np.inf):
        grown, before = (np.linalg.norm(v, p, axis=-1) for v in (F(x) - F(x[::-1]), x - x[::-1]))
        assert (grown[:20] <= before[:20] * (1 + 1e-15)).all()


def test_maxmin_is_the_longest_step_of_eulers_method_down_a_wall(rng):
    A = dnn.Dense(1, 2, W=[[-1, 1]])
    X, x = dnn.GradientField(A, dnn.ReLU()), rng.normal(size=(40, 2))
    assert dnn.Euler().non_expansive_step(X) == pytest.approx(1, abs=1e-14)
    assert np.allclose(dnn.Flow(X, 1.0)(x), dnn.MaxMin(2)(x), atol=1e-15)
    assert (dnn.MaxMin(2)(x)[:, 0] == x.max(axis=-1)).all()


def test_equal_components_keep_their_places_and_complex_ones_have_no_order():
    _, pullback = dnn.MaxMin(2).vjp(np.ones(2))
    assert pullback(np.array([1.0, 2.0]))[0].tolist() == [1, 2]
    with pytest.raises(TypeError, match="takes real states only"):
        dnn.MaxMin(2)(1j * np.ones(2))


def test_maps_side_by_side_have_a_block_diagonal_jacobian_and_the_largest_constant(rng):
    parts = dnn.Dense(2, 3, rng=rng), dnn.Flow(convex(rng), 0.1), dnn.MaxMin(2)
    F, x = dnn.Parallel(*parts), rng.normal(size=(5, 9))
    J, (a, b, c) = F.jacobian(x), np.split(x, [3, 7], axis=-1)
    assert np.array_equal(F(x), np.concatenate([parts[0](a), parts[1](b), parts[2](c)], axis=-1))
    assert np.array_equal(J[:, :2, :3], parts[0].jacobian(a)) and not J[:, :2, 3:].any()
    assert np.array_equal(J[:, 2:6, 3:7], parts[1].jacobian(b)) and not J[:, 2:6, :3].any()
    assert F.lipschitz() == max(G.lipschitz() for G in parts) > 1
    assert lipschitz.measured(F, x) == pytest.approx(F.lipschitz(), rel=1e-9)  # attained
    A, B = dnn.Affine(2, 2, rng=rng), dnn.Dense(3, 3, rng=rng)
    y = dnn.Parallel(A, B)(z := rng.normal(size=(4, 5)))
    assert np.allclose(dnn.Parallel(A, B).inverse(y), z, atol=1e-12)


def test_side_by_side_is_kept_what_all_keep():
    turn, shift = dnn.Selection([1, 0], 2), dnn.Restriction(2, 3)
    assert dnn.Parallel(turn, dnn.MaxMin(3)).keeps == {"mass", "norm"}
    assert dnn.Parallel(turn, shift).keeps == {"mass"}
    assert dnn.Parallel(turn, dnn.SpherePreservingField.random(3, width=4, rng=0)).keeps == set()


def test_what_is_frozen_is_no_parameter_and_in_the_file(rng, tmp_path):
    A = randomise(dnn.Affine(3, 4, rng=rng), rng)
    F, G, x = dnn.Frozen(A), dnn.Dense(4, 4, rng=rng), rng.normal(size=(6, 4))
    net, before = dnn.Network(G, F), A(G(x))
    assert net.theta.size == G.theta.size and F.parameters == {}
    A.theta = 0 * A.theta  # the copy goes on as it was
    assert np.array_equal(net(x), before)
    net.save(tmp_path / "net.npz")
    again = dnn.Map.load(tmp_path / "net.npz")
    assert np.array_equal(again(x), before) and again.theta.size == G.theta.size
    dnn.fit(net, dnn.MeanSquaredError(), x, x[:, :3], epochs=2, rng=0, progress=False)
    assert np.array_equal(F.F.theta, again[1].F.theta) and not np.array_equal(net(x), before)
    assert dnn.constraints.weights(net) == [G]


def test_a_third_of_what_a_step_takes_away_is_certified(rng):
    """I − N of a step N = I − hX is hX: its constant is that of hX, attained, and not 1 + L."""
    X = convex(rng, sigma=dnn.Identity())
    N = dnn.Flow(X, 0.3 / X.lipschitz())
    D, x = dnn.IdentityMinus(N), rng.normal(size=(20, 4))
    assert np.allclose(D(x), -N.h * X(x), atol=1e-14)
    assert D.lipschitz() == pytest.approx(0.3, rel=1e-12)
    assert lipschitz.measured(D, x) == pytest.approx(0.3, rel=1e-6)
    other = dnn.Flow(residual(rng), 0.3)
    assert dnn.IdentityMinus(other).lipschitz() == pytest.approx(1 + other.lipschitz(), rel=1e-15)
    X = dnn.GradientField(dnn.Lift(1, 1), dnn.Identity())
    to_zero = dnn.Flow(X, 1.0, steps=10)  # α = 10/11, but L = 0
    assert dnn.IdentityMinus(to_zero).lipschitz() == 1


# ---- averaged

METHODS = [dnn.Euler(), dnn.Heun(), dnn.RK4(), dnn.Kutta3(), dnn.ImplicitEuler(), dnn.Gauss(2)]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_step_is_averaged_as_its_stability_matrix_says(method, rng):
    m = {"Euler()": -1, "ImplicitEuler()": 1}.get(repr(method), 0)
    X = convex(rng)
    nu = dnn.integrators.cocoercivity(X)
    longest = min(method.non_expansive_step(X), 6 * nu)
    for h in (0.2 * longest, 0.7 * longest, longest):
        F = dnn.Flow(X, h, method)
        alpha = lipschitz.averaged(F)
        assert alpha == pytest.approx(1 / (1 + 2 * nu / h + m), rel=1e-12)
        assert excess(F, alpha, rng) <= 1e-12
    if longest < 6 * nu:
        with pytest.raises(NotImplementedError, match="is not averaged: its step is 1.1 times"):
            lipschitz.averaged(dnn.Flow(X, 1.1 * longest, method))


def test_these_weights_are_attained_by_a_wall_or_a_parabola(rng):
    """Of ẋ = −max(0, x) Heun's longest step is the projection min(0, x), of α = ½; of ẋ = −x Euler's
    step and the implicit one are x ↦ (1 − 2α)x."""
    one = dnn.Dense(1, 1, W=[[1]])
    x = rng.normal(size=(30, 1))
    wall = dnn.Flow(dnn.GradientField(one, dnn.ReLU()), 2.0, dnn.Heun())
    wall = dnn.Flow(wall.field, dnn.Heun().non_expansive_step(wall.field), dnn.Heun())
    assert np.allclose(wall(x), np.minimum(0, x), atol=1e-13)
    assert lipschitz.averaged(wall) == pytest.approx(0.5, abs=1e-13)
    assert abs(excess(wall, 0.5, rng)) < 1e-12 and excess(wall, 0.49, rng) > 0.01
    for method, h in itertools.product((dnn.Euler(), dnn.ImplicitEuler()), (0.4, 1.3)):
        F = dnn.Flow(dnn.GradientField(one, dnn.Identity()), h, method)
        alpha = lipschitz.averaged(F)
        assert np.allclose(F(x), (1 - 2 * alpha) * x, atol=1e-14)
        assert abs(excess(F, alpha, rng)) < 1e-9 and excess(F, 0.99 * alpha, rng) > 1e-3


def test_between_a_lift_and_its_adjoint_the_weight_stays(rng):
    F = dnn.Flow(convex(rng, 6), 0.1, dnn.RK4())
    G = dnn.Flow(convex(rng, 4), 0.1, dnn.RK4())
    cut, channels = dnn.Selection(range(4), 6), dnn.ChannelRestriction(2, 3, (1, 2))
    for P in (cut, channels):
        net = dnn.Network(dnn.Lift(6, 4), F, P)
        alpha = lipschitz.averaged(net)
        assert alpha == lipschitz.averaged(F) and excess(net, alpha, rng) <= 1e-12
    s = [a / (1 - a) for a in map(lipschitz.averaged, (F, G))]
    both = dnn.Network(dnn.Lift(6, 4), F, cut, G, dnn.ChannelLift(3, 2, (1, 2)), F, channels)
    total = 2 * s[0] + s[1]
    assert lipschitz.averaged(both) == pytest.approx(total / (1 + total), rel=1e-12)
    for other in (dnn.Restriction(4, 6), dnn.Selection([1, 0, 2, 3], 6)):  # not the adjoint of it
        with pytest.raises(NotImplementedError, match="is not known to be averaged"):
            lipschitz.averaged(dnn.Network(dnn.Lift(6, 4), F, other))


def test_side_by_side_and_what_is_left_are_averaged(rng):
    F, G = dnn.Flow(convex(rng), 0.05), dnn.Flow(convex(rng), 0.02, dnn.Heun())
    assert lipschitz.averaged(dnn.Parallel(F, dnn.Frozen(G))) == max(
        map(lipschitz.averaged, (F, G))
    )
    assert lipschitz.averaged(F) < 0.5
    thrice = lipschitz.averaged(dnn.Flow(F.field, F.h, steps=3))
    assert thrice == pytest.approx(lipschitz.averaged(dnn.Network(F, F, F)), rel=1e-14)
    D = dnn.IdentityMinus(F)
    assert lipschitz.averaged(D) == 0.5 and excess(D, 0.5, rng) <= 1e-12
    with pytest.raises(NotImplementedError, match="Flows forward in time"):
        lipschitz.averaged(dnn.Flow(F.field, -0.01))

    class Reflection(dnn.Euler):
        def step(self, field, x, h):
            return -x

    with pytest.raises(NotImplementedError, match="is not known to be averaged"):
        lipschitz.averaged(dnn.Flow(F.field, 0.01, Reflection()))
    double = dnn.GradientField(dnn.Dense(1, 1, W=[[1]]), dnn.Identity())  # α = 0.6: I − N is 1.2x
    with pytest.raises(NotImplementedError, match="IdentityMinus.* is not known to be averaged"):
        lipschitz.averaged(dnn.IdentityMinus(dnn.Flow(double, 1.2)))


def test_iterates_of_an_averaged_map_stop_and_of_a_reflection_do_not(rng):
    """x ↦ |x|-like folds: a reflection has α = 1, and its iterates go to and fro."""
    X = dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.Identity())
    x = np.array([1.0, -2.0])
    for h, last in ((1.9, 0.0), (2.0, 2 * np.sqrt(5))):
        path = dnn.Rollout(dnn.Flow(X, h), 400)(x)
        assert np.linalg.norm(path[-1] - path[-2]) == pytest.approx(last, abs=1e-14)
        assert (lipschitz.averaged(dnn.Flow(X, h)) < 1 - 1e-9) == (h < 2)


# ---- norms of blocks


def theorem(rng, layers=2, h=3):
    """The network of Theorem 4.1 of arXiv:2505.12003, and its flows."""
    flows = [dnn.Flow(convex(rng, h), 1.0) for _ in range(layers)]
    maps = [dnn.Affine(3 + h, 2, rng=rng)]
    for F in flows:
        maps += [dnn.Parallel(dnn.MaxMin(3), F), dnn.Affine(3 + h, 3 + h, rng=rng)]
    maps[-1] = dnn.Affine(1, 3 + h, rng=rng)
    return randomise(dnn.Network(*maps), rng, 3.0), flows


def test_the_logit_of_theorem_4_1_is_1_lipschitz_and_the_product_does_not_see_it(rng):
    net, flows = theorem(rng)
    assert norms_between(net.maps)[1:-1] == [(1, 1, 1, 3)] * 4
    for constraint in (dnn.BlockBall(net), dnn.NonExpansiveSteps(*flows)):
        constraint.project()
    A, B, C = (F.A.W for F in net.maps[::2])
    assert np.linalg.norm(A[:3], axis=1) == pytest.approx(np.ones(3), rel=1e-12)
    assert np.linalg.norm(A[3:], 2) == pytest.approx(1, rel=1e-12)
    dual = np.abs([*B[:3, :3], C[0, :3]]).sum(axis=1) + np.linalg.norm(
        [*B[:3, 3:], C[0, 3:]], axis=1
    )
    assert dual == pytest.approx(np.ones(4), rel=1e-12)
    assert sum(np.linalg.norm(block, 2) for block in np.split(B[3:], [1, 2, 3], axis=1)) >= 1
    x, y = 3 * rng.normal(size=(2, 500, 2))
    assert stretch(net, x, y) <= lipschitz.each_output(net) <= 1
    assert lipschitz.measured(net, x[:50], steps=20) <= 1
    # all rows alike: every matrix has the norm 2, and the logit is 1-Lipschitz, no less
    A.fill(1.0)
    for W in (B, C):
        W[:], W[:, 0] = 0.0, 1.0
    dnn.BlockBall(net).project()
    assert net.lipschitz() == pytest.approx(4, rel=1e-9)
    assert lipschitz.each_output(net) == pytest.approx(1, rel=1e-9)
    assert lipschitz.each_output(net) <= 1
    assert stretch(net, x, x + 1) == pytest.approx(1, rel=1e-9)


def test_two_moons_are_learned_and_no_point_inside_its_radius_changes_sides(rng):
    """tests/benchmarks/theorem_4_1.py trains longer."""
    net, flows = theorem(rng, h=5)
    net.theta = net.theta / 3
    x, y = dnn.datasets.moons(200, rng=0)
    halves = dnn.Frozen(dnn.Dense(2, 1, W=[[-0.5], [0.5]]))  # (−z/2, z/2), for the hinge
    held = [dnn.BlockBall(net), dnn.NonExpansiveSteps(*flows, h=10.0)]
    dnn.fit(
        dnn.Network(net, halves),
        dnn.MulticlassHinge(0.3),
        x,
        y,
        dnn.Adam(dnn.OneCycle(1e-3, 5e-2)),
        epochs=25,
        batch_size=50,
        constraints=held,
        rng=0,
        progress=False,
    )
    r = lipschitz.certified_radius(net, x)
    turn = np.linspace(0, 2 * np.pi, 64)[:, None]
    around = x[:, None] + r[:, None, None] * np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
    assert ((net(around) > 0) == (net(x) > 0)[:, None]).all()
    assert lipschitz.each_output(net) <= 1
    right = lipschitz.certified_accuracy(net, x, y, [0.0, 0.1])
    assert right[0] > 0.8 and 0.7 < right[1] <= right[0]


def test_no_output_grows_faster_than_its_constant(rng):
    """Random networks, constrained or not; sharp for a row, a MaxMin and a row of 1-norm 1."""
    makers = [
        lambda: dnn.Network(dnn.Dense(6, 3, rng=rng), dnn.MaxMin(6), dnn.Dense(2, 6, rng=rng)),
        lambda: dnn.Network(
            dnn.MaxMin(3), dnn.Flow(convex(rng, 3), 0.1), dnn.Affine(4, 3, rng=rng)
        ),
        lambda: dnn.Network(
            dnn.Lift(6, 3),
            dnn.Parallel(dnn.Dense(2, 4, rng=rng), dnn.Frozen(dnn.MaxMin(2))),
            dnn.Parallel(dnn.MaxMin(3), dnn.Dense(1, 1, rng=rng)),
        ),
        lambda: theorem(rng)[0],
    ]
    for make in makers * 5:
        net = make()
        x = rng.normal(size=(300, net.dim_in))
        y = x + rng.normal(size=x.shape) * 10.0 ** rng.uniform(-3, 1, size=(300, 1))
        found = (np.abs(net(x) - net(y)).max(axis=-1) / np.linalg.norm(x - y, axis=-1)).max()
        ell = lipschitz.each_output(net)
        assert 0 < found <= ell * (1 + 1e-9) and ell <= net.lipschitz()
    frozen = [dnn.Dense(3, 2), dnn.Frozen(dnn.MaxMin(3)), dnn.Dense(1, 3)]
    assert norms_between(frozen) == [(2,), (1, 1, 1), (1, 1, 1), (1,)]
    twice = [dnn.MaxMin(3), dnn.Dense(3, 3), dnn.Dense(2, 3), dnn.Dense(1, 2)]  # blocks stay
    assert norms_between(twice) == [(3,), (1, 1, 1), (1, 1, 1), (2,), (1,)]
    A = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    net = dnn.Network(dnn.Dense(3, 3, W=A), dnn.MaxMin(3), dnn.Dense(1, 3, W=[[0, 0, 1]]))
    assert lipschitz.each_output(net) == pytest.approx(1, rel=1e-12)
    assert stretch(net, np.zeros(3), A[2]) == pytest.approx(1, rel=1e-12)


def test_the_radius_of_one_logit_is_its_distance_over_its_constant(rng):
    net, x = dnn.Affine(1, 2, W=[[3, 4]], b=[1]), rng.normal(size=(20, 2))
    r = lipschitz.certified_radius(net, x)
    assert r == pytest.approx(np.abs(net(x)[:, 0]) / 5, rel=1e-12)
    two = dnn.Network(net, dnn.Dense(2, 1, W=[[0], [1]]))
    assert r == pytest.approx(lipschitz.certified_radius(two, x), rel=1e-12)
    towards = -np.sign(net(x)) * np.array([0.6, 0.8])
    for c, same in ((0.999, True), (1.001, False)):
        assert ((net(x + c * r[:, None] * towards) > 0) == (net(x) > 0)).all() == same
    y = (net(x)[:, 0] > 0).astype(int)
    eps = np.sort(r)[[4, 12]] * 1.0001
    assert lipschitz.certified_accuracy(net, x, y, eps).tolist() == [0.75, 0.35]
    assert lipschitz.certified_accuracy(net, x, 1 - y, 0.0) == 0
    net, _ = theorem(rng)
    dnn.BlockBall(net).project()
    assert lipschitz.certified_radius(net, x) == pytest.approx(
        np.abs(net(x)[:, 0]) / lipschitz.each_output(net), rel=1e-9
    )


def test_the_rounding_of_one_logit_is_taken_off_its_radius(rng):
    """z = 10⁶ + wx − 10⁶ in float32: its last digit is 0.06, and nearer to 0 no sign is certain."""
    w, b = rng.normal(size=(2, 1, 3)), np.array([[1e6]])
    net = dnn.Network(
        dnn.Affine(1, 3, W=w[0], b=b[0], dtype=np.float32),
        dnn.Affine(1, 1, W=[[1]], b=-b[0], dtype=np.float32),
    )
    x = rng.normal(size=(500, 3)).astype(np.float32)
    r, exact = lipschitz.certified_radius(net, x), x @ w[0, 0] / np.linalg.norm(w[0])
    assert (r <= np.abs(exact)).all() and (r[np.abs(exact) < 0.01] == 0).all()
    assert 0.5 < (r > 0).mean() < 1
    u = 2.0**-24
    _, e, g = dnn.rounding.running_error([net], x, 2 * u * np.linalg.norm(x, axis=-1), 2 * u)
    room = np.abs(net(x)[:, 0].astype(float)) - 2 * e
    ell = lipschitz.each_output(net)
    np.testing.assert_allclose(r, np.maximum(0, room) / (ell + g), rtol=1e-9, atol=1e-7 * e.max())
    # nothing grows: a label is certain everywhere, if it is not rounding, as that of 3 · 0.1 − 0.3
    for b, radius in ((-0.3, 0.0), (-0.2, np.inf)):
        end = dnn.Affine(1, 1, W=[[3]], b=[b])
        net = dnn.Network(dnn.Zero(1, 2), dnn.Affine(1, 1, b=[0.1]), end)
        assert 0 < net(x[0, :2]) and lipschitz.certified_radius(net, x[0, :2]) == radius


def test_side_by_side_and_in_what_is_left_the_rounding_of_large_terms_counts(rng):
    """10³(x₁ − x₂), which cancel."""
    A = dnn.Dense(3, 3, W=[[1e3, -1e3, 0], [0, 1e3, -1e3], [-1e3, 0, 1e3]], dtype=np.float32)
    x = (1.1 + 1e-4 * rng.normal(size=(20, 3))).astype(np.float32)
    both = np.concatenate([x, x], axis=-1)
    least = dnn.rounding.running_error([A], x)[1]
    assert (dnn.rounding.running_error([dnn.Parallel(dnn.MaxMin(3), A)], both)[1] >= least).all()
    y, error, _ = dnn.rounding.running_error([dnn.IdentityMinus(A)], x)
    off = np.linalg.norm(y - (x - x.astype(float) @ A.W.T.astype(float)), axis=-1)
    assert (off <= error).all() and off.max() > 0.01 * error.max()


def test_psnr_counts_decibels(rng):
    y, x = rng.normal(size=(2, 6, 5))
    assert dnn.psnr(y, x) == pytest.approx(-10 * np.log10(np.mean((y - x) ** 2)), rel=1e-14)
    assert dnn.psnr(255 * y, 255 * x, peak=255) == pytest.approx(dnn.psnr(y, x), rel=1e-13)
    assert dnn.psnr(x, x) == np.inf
    for k in (200, -200):  # 20 dB for each factor of 10 of the peak
        expected = dnn.psnr(y, x) + 20 * k
        assert dnn.psnr(y, x, peak=10.0**k) == pytest.approx(expected, rel=1e-14)


# ---- what is refused

WRONG = {
    "nothing side by side": (lambda: dnn.Parallel(), ValueError, "Parallel needs at least one map"),
    "an activation side by side": (lambda: dnn.Parallel(dnn.ReLU()), TypeError, "Parallel is made of maps, got a ReLU at place 0"),
    "a rollout side by side": (lambda: dnn.Parallel(dnn.Rollout(dnn.Dense(2, 2), 3)), ValueError, "from states to states, got Rollout"),
    "one number": (lambda: dnn.MaxMin(1), ValueError, "dim must be at least 2, got 1"),
    "an array, frozen": (lambda: dnn.Frozen(np.eye(2)), TypeError, "Frozen needs a map, got"),
    "what does not fit": (lambda: dnn.Frozen(dnn.Dense(2, 2), np.ones(3)), ValueError, "θ of Dense has shape"),
    "I − N of another shape": (lambda: dnn.IdentityMinus(dnn.Dense(3, 2)), ValueError, "IdentityMinus needs a map ℝᵈ → ℝᵈ"),
    "blocks of no network": (lambda: dnn.BlockBall(dnn.Dense(2, 2)), TypeError, "BlockBall needs a Network"),
    "blocks of no weights": (lambda: dnn.BlockBall(dnn.Network(dnn.MaxMin(2))), ValueError, "BlockBall needs Dense or Affine maps"),
    "the weight of a number": (lambda: lipschitz.averaged(3), TypeError, "averaged needs a map, got 3"),
    "outputs of a sequence": (lambda: lipschitz.each_output(dnn.Rollout(dnn.Dense(2, 2), 3)), ValueError, "does not give states"),
    "outputs of nothing known": (lambda: lipschitz.each_output(dnn.KnownField(np.sin, 2)), NotImplementedError, "no Lipschitz constant"),
    "a NaN": (lambda: lipschitz.each_output(dnn.Dense(1, 1, W=[[np.nan]])), ValueError, "W of Dense must be finite, got nan"),
    "psnr of two shapes": (lambda: dnn.psnr(np.ones(3), np.ones(4)), ValueError, "a target of the shape of y"),
    "psnr up to 0": (lambda: dnn.psnr(np.ones(3), np.zeros(3), 0), ValueError, "peak must be"),
}  # fmt: skip


@pytest.mark.parametrize("make, kind, words", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()
