"""Stored states, reversed flow and checkpoints give one gradient; the continuous adjoint gives another one, where it gives any."""

import copy
import itertools
import math
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.optimize
from zoo import (
    FIELDS,
    RUNGE_KUTTA,
    hamiltonian,
    henon,
    networks,
    pairs,
    partitioned,
    points,
    residual,
)

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.adjoints import binomial_split, single_steps

LOSS = dnn.MeanSquaredError()


def shears(rng, d=8, sigma=None):
    """A volume-preserving field in ℝᵈ."""
    f, g = (
        dnn.ResidualField(
            dnn.Dense(d, d // 2, rng=rng), sigma or dnn.Tanh(), dnn.Dense(d // 2, d, rng=rng)
        )
        for _ in range(2)
    )
    f.b, g.b = rng.normal(size=(2, d))
    return dnn.PartitionedField(f, g)


def deep(rng, depth=1000, shared=False, sigma=None, d=8):
    """Symplectic Euler steps of 10/depth, and an affine map."""
    if shared:
        flows = [dnn.Flow(shears(rng, d, sigma), 10 / depth, dnn.SymplecticEuler(), steps=depth)]
    else:
        flows = [
            dnn.Flow(shears(rng, d, sigma), 10 / depth, dnn.SymplecticEuler()) for _ in range(depth)
        ]
    return dnn.Network(*flows, dnn.Affine(3, d, rng=rng))


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# ---- one gradient


def test_the_gradient_of_every_method_is_its_complex_step(rng):
    """Im⟨w, Ψ^{h + iεk}(x + iεv; θ + iεu)⟩/ε = ⟨dx, v⟩ + ⟨dθ, u⟩ + ⟨dh, k⟩, to 1e-13."""
    for name, method, X in pairs(rng):
        F, x = dnn.Flow(X, 0.2, method, steps=2, learn_h=True), 0.5 * points(rng, (3,))
        y, pullback = F.vjp(x)
        w, v, u = rng.normal(size=y.shape), rng.normal(size=x.shape), rng.normal(size=F.theta.shape)
        dx, dtheta = pullback(w)
        moved = copy.deepcopy(F)
        moved._bind(F.theta + 1e-30j * u)
        derivative = (w * moved(x + 1e-30j * v).imag).sum() / 1e-30
        size = np.linalg.norm(dx) * np.linalg.norm(v) + np.linalg.norm(dtheta) * np.linalg.norm(u)
        assert abs((dx * v).sum() + dtheta @ u - derivative) <= 1e-13 * size, name


# ---- three ways


@pytest.mark.parametrize(
    "adjoint",
    [dnn.Stored(), dnn.Checkpoints(), *[dnn.Checkpoints(c) for c in (1, 2, 3, 50)]],
    ids=repr,
)
def test_checkpoints_give_the_gradient_of_stored_states_for_every_network(adjoint, rng):
    """Nested, shared, lifted, with learned steps, explicit and implicit; the covector at x, too."""
    for name, net in networks(rng):
        for shape in ((), (5,), (2, 3)):
            x = 0.3 * points(rng, shape, net.dim_in)
            y, pullback = net.vjp(x)
            w = rng.normal(size=y.shape)
            value, back = adjoint.vjp(net, x)
            np.testing.assert_array_equal(value, y)
            for _ in range(2):  # a pullback may be called again
                for ours, theirs in zip(back(w), pullback(w), strict=True):
                    assert ours.shape == theirs.shape and relative(ours, theirs) < 1e-14, name


def invertible(rng):
    flows = [
        dnn.Flow(partitioned(rng), 0.2, dnn.StormerVerlet(), steps=3, learn_h=True), henon(rng),
        dnn.Flow(hamiltonian(rng), 0.1, dnn.Yoshida()), dnn.Flow(FIELDS["SpherePreservingField"](rng), 0.02, dnn.ImplicitMidpoint()),
    ]  # fmt: skip
    return dnn.Network(
        dnn.Lift(4, 2), dnn.Network(*flows[:2]), *flows[2:], flows[2], dnn.Affine(3, 4, rng=rng)
    )


def test_the_reversed_flow_gives_the_gradient_of_stored_states(rng):
    net = invertible(rng)
    for shape in ((), (5,), (2, 3)):
        x, w = points(rng, shape, 2), rng.normal(size=(*shape, 3))
        (y, back), (value, pullback) = dnn.Reversed().vjp(net, x), net.vjp(x)
        np.testing.assert_array_equal(value, y)
        for ours, theirs in zip(back(w), pullback(w), strict=True):
            assert ours.shape == theirs.shape and relative(ours, theirs) < 1e-12


@pytest.mark.parametrize("shared, limit", [(False, 1e-12), (True, 1e-9)])
def test_the_reversed_flow_agrees_at_depth_one_thousand(shared, limit, rng):
    net, x, y = deep(rng, shared=shared), rng.normal(size=(6, 8)), rng.normal(size=(6, 3))
    value, g = dnn.value_and_grad(net, LOSS, x, y)
    for adjoint, bound in ((dnn.Reversed(), limit), (dnn.Checkpoints(), 1e-12)):
        other, h = dnn.value_and_grad(net, LOSS, x, y, adjoint=adjoint)
        assert other == value and relative(h, g) < bound


def test_where_states_blow_up_the_reversed_flow_warns_that_x0_is_lost(rng):
    """ReLU with shared weights: the flow expands by many powers of ten, and its inverse has to undo that."""
    net = deep(rng, shared=True, sigma=dnn.ReLU())
    x, y = rng.normal(size=(6, 8)), rng.normal(size=(6, 3))
    for F in (net.maps[0].field.f, net.maps[0].field.g):
        F.A.W, F.B.W = 3 * F.A.W, 3 * F.B.W
    with pytest.warns(
        RuntimeWarning, match="x₀ is rebuilt with a relative error of .* cannot be trusted"
    ):
        dnn.value_and_grad(net, LOSS, x, y, adjoint=dnn.Reversed())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dnn.value_and_grad(net, LOSS, x, y, adjoint=dnn.Checkpoints())
        dnn.value_and_grad(deep(rng, 100), LOSS, x, y, adjoint=dnn.Reversed())


def test_a_lift_in_front_does_not_hide_that_the_state_was_lost(rng):
    """What the Lift gives is rebuilt wrongly; its input is kept, and would look right."""
    X = shears(rng, sigma=dnn.ReLU())
    for F in (X.f, X.g):
        F.A.W, F.B.W = 3 * F.A.W, 3 * F.B.W
    net = dnn.Network(dnn.Lift(8, 4), dnn.Flow(X, 0.01, dnn.SymplecticEuler(), steps=1000))
    with pytest.warns(RuntimeWarning, match="the state was lost on the way back"):
        dnn.Reversed().vjp(net, rng.normal(size=(6, 4)))[1](rng.normal(size=(6, 8)))


def test_the_state_zero_is_rebuilt_without_a_false_warning(rng):
    net = dnn.Network(dnn.Flow(partitioned(rng), 0.1, dnn.SymplecticEuler(), steps=5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dnn.Reversed().vjp(net, np.zeros(4))[1](np.ones(4))


def test_one_lost_sample_is_not_hidden_by_a_large_batch(rng):
    """x⁺ = x + hv, v⁺ = v + h sin x⁺: samples near 1e9 lose their last digits, the others do not."""
    f, g = (
        dnn.KnownField(lambda v: v, 1, lambda v: np.ones((*v.shape, 1))),
        dnn.KnownField(lambda x: 1e9 * x, 1, lambda x: 1e9 + 0 * x[..., None]),
    )
    net, x = (
        dnn.Network(dnn.Flow(dnn.PartitionedField(f, g), 1.0, dnn.SymplecticEuler())),
        np.ones((500, 2)),
    )
    x[0] = 50
    x[:, 1] = -x[:, 0]  # x⁺ = 0, and the force is 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dnn.Reversed().vjp(net, x)[1](np.ones((500, 2)))
    x[7, 1] = 1e-3  # x⁺ = 1.001, v⁺ = 1e9: v is rebuilt to 1e-7
    with pytest.warns(RuntimeWarning, match="the state was lost"):
        dnn.Reversed(tolerance=1e-8).vjp(net, x)[1](np.ones((500, 2)))


def test_a_singular_affine_map_in_the_middle_keeps_its_input(rng):
    net = dnn.Network(
        dnn.Flow(partitioned(rng), 0.1, dnn.SymplecticEuler()), dnn.Affine(4, 4, W=np.ones((4, 4))),
        dnn.Flow(partitioned(rng), 0.1, dnn.SymplecticEuler(), steps=3),
    )  # fmt: skip
    x, w = rng.normal(size=(2, 5, 4))
    for ours, theirs in zip(dnn.Reversed().vjp(net, x)[1](w), net.vjp(x)[1](w), strict=True):
        assert relative(ours, theirs) < 1e-12


def test_in_float32_a_state_may_be_off_by_a_thousandth(rng):
    def part():
        return dnn.ResidualField(
            dnn.Dense(3, 2, rng=rng, dtype=np.float32),
            dnn.Tanh(),
            dnn.Dense(2, 3, rng=rng, dtype=np.float32),
        )

    net = dnn.Network(
        dnn.Flow(dnn.PartitionedField(part(), part()), 0.3, dnn.SymplecticEuler(), steps=60)
    )
    x, w = rng.normal(size=(2, 5, 4)).astype(np.float32)
    with pytest.warns(RuntimeWarning, match="the state was lost"):
        dnn.Reversed(tolerance=1e-6).vjp(net, x)[1](w)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dx, dtheta = dnn.Reversed().vjp(net, x)[1](w)
    assert dx.dtype == dtheta.dtype == np.float32 and relative(dtheta, net.vjp(x)[1](w)[1]) < 1e-4


def test_an_inverse_is_asked_for_once_a_map(rng):
    class Counted(dnn.SymplecticEuler):
        count = 0

        def inverse(self, field, y, h):
            self.count += 1
            return super().inverse(field, y, h)

    method = Counted()
    net = dnn.Network(dnn.Flow(partitioned(rng), 0.1, method, steps=20))
    pullback = dnn.Reversed().vjp(net, rng.normal(size=(5, 4)))[1]
    assert method.count == 1
    pullback(np.ones((5, 4)))
    assert method.count == 21


@pytest.mark.parametrize(
    "adjoint", [dnn.Stored(), dnn.Reversed(), dnn.Checkpoints(), dnn.Checkpoints(2)], ids=repr
)
def test_an_empty_batch_and_a_roll_out_have_a_gradient(adjoint, rng):
    net = dnn.Network(dnn.Flow(partitioned(rng), 0.1, dnn.SymplecticEuler(), steps=3))
    y, back = adjoint.vjp(net, np.zeros((0, 4)))
    dx, dtheta = back(np.zeros((0, 4)))
    assert y.shape == dx.shape == (0, 4) and np.array_equal(dtheta, np.zeros(net.theta.size))
    if not isinstance(adjoint, dnn.Reversed):
        F, x, w = dnn.Rollout(net, 4), rng.normal(size=(5, 4)), rng.normal(size=(5, 4, 4))
        for ours, theirs in zip(adjoint.vjp(F, x)[1](w), F.vjp(x)[1](w), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_map_without_parameters_may_be_in_two_networks(rng):
    P = dnn.Lift(4, 2)
    nets = [
        dnn.Network(P, dnn.Flow(partitioned(rng), 0.1, dnn.SymplecticEuler())) for _ in range(2)
    ]
    for net in nets:
        for adjoint in (dnn.Checkpoints(), dnn.Reversed()):
            ours, theirs = (
                adjoint.vjp(net, np.ones(2))[1](np.ones(4)),
                net.vjp(np.ones(2))[1](np.ones(4)),
            )
            np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12)
            with pytest.raises(ValueError, match="Network needs a covector w of shape"):
                adjoint.vjp(net, np.ones(2))[1](np.ones(3))


def test_a_budget_is_kept_and_one_state_is_enough(rng):
    X = shears(rng, 4)
    net = dnn.Network(dnn.Flow(X, 0.01, dnn.SymplecticEuler(), steps=64))
    x, y = rng.normal(size=(500, 4)), rng.normal(size=(500, 4))
    peaks = [peak(net, x, y, dnn.Checkpoints(c)) for c in (1, 3, 6)]
    assert max(peaks) < peak(net, x, y, dnn.Checkpoints()) < 0.6 * peak(net, x, y, None)
    assert peaks[0] <= peaks[1] <= peaks[2] * 1.01
    deep_one = dnn.Network(
        dnn.Flow(dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Identity()), 1e-3, steps=300)
    )
    ours, theirs = (
        dnn.Checkpoints(1).vjp(deep_one, np.ones(1))[1](np.ones(1)),
        deep_one.vjp(np.ones(1))[1](np.ones(1)),
    )
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)


def test_a_step_without_an_explicit_inverse_cannot_be_reversed(rng):
    net = dnn.Network(dnn.Flow(residual(rng), 0.1))
    with pytest.raises(NotImplementedError, match="Euler has no explicit inverse"):
        dnn.Reversed().vjp(net, np.ones(4))


@pytest.mark.parametrize(
    "budget, depth",
    [(1, 10), (2, 21), (3, 34), (5, 252), (10, 600), (1200, 1300), (10**4, 1100), (None, 90)],
)
def test_checkpoints_take_no_step_more_often_than_the_binomial_bound(budget, depth, rng):
    """L ≤ C(c + t, t): at most t times again, besides the first way forward; √L: once again. In all t L − C(c + t, t − 1)
    times again, the theorem of Griewank and Walther, also where the budget is beyond Python's stack."""
    counts = np.zeros(depth, int)
    steps = [
        dnn.KnownField(
            lambda x, k=k: (np.add.at(counts, k, 1), 0 * x)[1], 1, lambda x: np.zeros((*x.shape, 1))
        )
        for k in range(depth)
    ]
    net = dnn.Network(*[dnn.Flow(X, 0.1) for X in steps])
    _, back = dnn.Checkpoints(budget).vjp(net, np.ones(1))
    assert (counts == 1).all()
    back(np.ones(1))
    t = 1 if budget is None else next(t for t in range(depth) if math.comb(budget + t, t) >= depth)
    assert counts.max() <= 1 + t + 1 and counts.min() >= 2  # 1 forward, t again, and the one in vjp
    if budget:
        assert counts.sum() == 2 * depth + t * depth - math.comb(budget + t, t - 1)
    assert len(single_steps(net)) == depth


class Doubled(dnn.Network):
    """2 F_L ∘ … ∘ F_1."""

    def __call__(self, x):
        return 2 * super().__call__(x)

    def vjp(self, x):
        y, pullback = super().vjp(x)
        return 2 * y, lambda w: pullback(2 * w)

    def lipschitz(self):
        return 2 * super().lipschitz()


@pytest.mark.parametrize("adjoint", [dnn.Checkpoints(), dnn.Checkpoints(2), None], ids=repr)
def test_a_network_of_ones_own_is_not_taken_apart(adjoint, rng):
    layers = [dnn.Dense(2, 2, rng=rng) for _ in range(4)]
    inner, x = Doubled(*layers[1:3]), rng.normal(size=(5, 2))
    net, plain = dnn.Network(layers[0], inner, layers[3]), dnn.Network(*layers)
    for F in (net, Doubled(*layers)):
        value, g = dnn.value_and_grad(F, dnn.MeanSquaredError(), x, 2 * x, adjoint=adjoint)
        true = dnn.value_and_grad(plain, dnn.MeanSquaredError(), x, x, adjoint=adjoint)
        np.testing.assert_allclose((value, *g), (4 * true[0], *4 * true[1]), rtol=1e-12)
        assert F.lipschitz() == pytest.approx(2 * plain.lipschitz())


def test_no_schedule_takes_fewer_steps_than_the_binomial_one():
    """Against the best of all splits, T(n, c) = min over m of m + T(n − m, c − 1) + T(m, c)."""
    best, ours = {}, {}
    for c, n in itertools.product(range(6), range(1, 40)):
        best[n, c] = 0 if n == 1 else np.inf
        for m in range(1, n if c else 1):
            best[n, c] = min(best[n, c], m + best[n - m, c - 1] + best[m, c])
        m = binomial_split(n, c) if c and n > 1 else 0
        ours[n, c] = m + ours[n - m, c - 1] + ours[m, c] if m else best[n, c]
    assert ours == best


def test_a_binomial_split_leaves_what_the_rest_of_the_budget_can_do():
    for budget in range(1, 6):
        for n in range(2, 200):
            m, t = (
                binomial_split(n, budget),
                next(t for t in range(n) if math.comb(budget + t, t) >= n),
            )
            assert (
                1 <= m < n
                and n - m <= math.comb(budget - 1 + t, t)
                and m <= max(1, math.comb(budget + t - 1, t - 1))
            )


def peak(net, x, y, adjoint):
    """The peak of memory, beyond θ and dθ."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _, g = dnn.value_and_grad(net, LOSS, x, y, adjoint=adjoint)
    after = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return after - before - g.nbytes


def test_the_memory_of_the_reversed_flow_does_not_grow_with_the_depth(rng):
    x, y = rng.normal(size=(64, 32)), rng.normal(size=(64, 3))
    net = deep(rng, depth=150, shared=True, d=32)
    stored = peak(net, x, y, None)
    assert peak(net, x, y, dnn.Reversed()) < 0.03 * stored
    assert (
        peak(net, x, y, dnn.Checkpoints()) < 0.15 * stored
    )  # √150/150 = 0.08, and as much for the tape of a segment
    assert peak(net, x, y, dnn.Checkpoints(5)) < 0.05 * stored
    assert peak(deep(rng, depth=300, shared=True, d=32), x, y, dnn.Reversed()) < 1.1 * peak(
        net, x, y, dnn.Reversed()
    )


@pytest.mark.parametrize("adjoint", [dnn.Reversed, 3, "reversed"])
def test_an_adjoint_is_an_object(adjoint, rng):
    with pytest.raises(TypeError, match="adjoint must be an object such as Checkpoints"):
        dnn.value_and_grad(deep(rng, 2), LOSS, np.ones((1, 8)), np.ones((1, 3)), adjoint=adjoint)


def test_a_budget_is_at_least_one_and_a_tolerance_positive():
    with pytest.raises(ValueError, match="budget must be at least 1, got 0"):
        dnn.Checkpoints(0)
    with pytest.raises(ValueError, match="tolerance must be a positive number, got 0"):
        dnn.Reversed(0)


# ---- the continuous adjoint


def dissipative(rng, size):
    """−Wᵀtanh(Wy + b), ‖W‖ = size, in ℝ⁴."""
    X = dnn.GradientField(dnn.Dense(4, 4, rng=rng), dnn.Tanh())
    X.A.normalise()
    X.A.W = size * X.A.W
    X.b = rng.normal(size=4)
    return X


def test_the_continuous_adjoint_is_the_limit_of_the_discrete_one(rng):
    X, x, w = FIELDS["ResidualField"](rng), points(rng, (3,)), rng.normal(size=(3, 4))
    X.theta *= 0.3
    y, back = dnn.continuous_adjoint(X, x, 1.0, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(y, dnn.exact_flow(X, x, 1.0), rtol=1e-8)
    exact = back(w)
    for method, order in ((dnn.Euler(), 1), (dnn.Heun(), 2), (dnn.RK4(), 4)):
        errors = [
            [
                relative(ours, limit)
                for ours, limit in zip(method_vjp(X, x, w, method, n), exact, strict=True)
            ]
            for n in (6, 12)
        ]
        np.testing.assert_allclose(np.log2(np.divide(*errors)), order, atol=0.3)


def method_vjp(X, x, w, method, n):
    pullbacks, dtheta = [], 0.0
    for _ in range(n):
        x, pullback = method.vjp(X, x, 1 / n)
        pullbacks.append(pullback)
    for pullback in reversed(pullbacks):
        w, d, _ = pullback(w)
        dtheta = dtheta + d
    return w, dtheta


def test_on_a_contracting_field_the_state_solved_backwards_is_lost_with_a_warning_and_the_discrete_gradient_is_exact(
    rng,
):
    """‖W‖ = 4, T = 5: the gradient is wrong by more than 100 % at any tolerance."""
    X, x, w = dissipative(rng, 4), rng.normal(size=4), rng.normal(size=4)
    flow = dnn.Flow(X, 5 / 400, dnn.RK4(), steps=400)
    dx, dtheta = flow.vjp(x)[1](w)
    direction = rng.normal(size=X.theta.size)
    F = dnn.Flow(dissipative(np.random.default_rng(0), 4), 5 / 400, dnn.RK4(), steps=400)
    F._bind(X.theta + 1e-30j * direction)
    assert dtheta @ direction == pytest.approx(
        (w * F(x.astype(complex)).imag).sum() / 1e-30, rel=1e-12
    )
    for rtol in (1e-3, 1e-6, 1e-9):
        with pytest.warns(RuntimeWarning, match="the state was lost on the way back"):
            _, other = dnn.continuous_adjoint(X, x, 5.0, rtol=rtol, atol=rtol / 1e3)[1](w)
        assert relative(other, dtheta) > 1


def test_a_mild_field_raises_no_warning_and_time_may_run_backwards(rng):
    X, x, w = dissipative(rng, 1), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in (1.0, -0.5):
            y, back = dnn.continuous_adjoint(X, x, t, rtol=1e-10, atol=1e-12)
            exact = dnn.Flow(dissipative(rng, 1), t / 50, dnn.RK4(), steps=50)
            exact.theta = X.theta
            for ours, theirs in zip(back(w), exact.vjp(x)[1](w), strict=True):
                assert relative(ours, theirs) < 1e-6


def test_after_no_time_the_pullback_is_the_identity(rng):
    X, x, w = dissipative(rng, 1), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    y, back = dnn.continuous_adjoint(X, x, 0)
    dx, dtheta = back(w)
    assert (
        np.array_equal(y, x)
        and np.array_equal(dx, w)
        and np.array_equal(dtheta, np.zeros(X.theta.size))
    )


def test_the_continuous_adjoint_refuses_what_it_cannot_solve(rng):
    X, x = dissipative(rng, 1), np.ones(4)
    with pytest.raises(ValueError, match=r"needs a covector w of shape \(4,\), got \(3,\)"):
        dnn.continuous_adjoint(X, x, 1.0)[1](np.ones(3))
    for t in (np.nan, "1"):
        with pytest.raises(ValueError, match="t must be a finite number, got"):
            dnn.continuous_adjoint(X, x, t)
    with pytest.raises(TypeError, match="is that of a vector field, got Flow"):
        dnn.continuous_adjoint(dnn.Flow(X, 0.1), x, 1.0)
    with pytest.raises(TypeError, match="needs a float64 field and states, got float32"):
        dnn.continuous_adjoint(
            dnn.ResidualField(dnn.Dense(2, 2, dtype=np.float32), dnn.Tanh()), np.ones(2), 1.0
        )


# ---- duality


def test_the_product_of_adjoint_and_tangent_is_constant_over_twenty_steps_of_every_method(rng):
    for name, method, X in pairs(rng):
        X.theta *= 0.3
        check = checks.duality(dnn.Flow(X, 0.05, method), 0.3 * points(rng, (2,)), steps=20)
        assert check.passed, (name, str(check))


def test_the_duality_check_notices_a_wrong_adjoint(rng):
    class Wrong(dnn.Flow):
        def vjp(self, x):
            y, back = super().vjp(x)
            return y, lambda w: (1.001 * back(w)[0], back(w)[1])

    assert not checks.duality(Wrong(residual(rng), 0.1), points(rng, (2,)), steps=3).passed


@pytest.mark.parametrize("method", [m for m in RUNGE_KUTTA if all(m.b)], ids=repr)
def test_the_adjoint_of_a_runge_kutta_step_is_the_step_of_the_adjoint_tableau(method, rng):
    """λ̇ = −X′(x)ᵀλ with Â, b from λ_n = dx ends at λ_{n+1} = w; its stages solve a linear system."""
    X, x, w, h = residual(rng), rng.normal(size=4), rng.normal(size=4), 0.3
    A_hat, b = map(np.array, method.adjoint_tableau())
    _, back = method.vjp(X, x, h)
    lam = back(w)[0]
    K, Y = [], []
    for a in method.A:
        Y.append(x + h * sum((a_j * k for a_j, k in zip(a, K, strict=True)), 0 * x))
        K.append(X(Y[-1]))
    J = [-X.jacobian(y).T for y in Y]  # the right-hand side of the adjoint equation at each stage
    s = len(b)
    system = np.eye(4 * s) - h * np.block(
        [[A_hat[i, j] * J[j] for j in range(s)] for i in range(s)]
    )
    stages = np.linalg.solve(system, np.tile(lam, s)).reshape(s, 4)
    np.testing.assert_allclose(
        lam + h * sum(b[i] * J[i] @ stages[i] for i in range(s)), w, rtol=1e-12, atol=1e-13
    )
    A = np.array([[*row, *[0.0] * (s - len(row))] for row in method.A])
    np.testing.assert_allclose(b[:, None] * A_hat + (b[:, None] * A).T, np.outer(b, b), atol=1e-15)


def test_a_method_with_a_weight_of_zero_has_no_adjoint_tableau():
    with pytest.raises(ValueError, match="the adjoint tableau divides by each of them"):
        dnn.ExplicitMidpoint().adjoint_tableau()


# ---- second derivatives


def smooth(rng):
    return dnn.Network(
        dnn.Lift(4, 2),
        dnn.Flow(residual(rng), 0.3, dnn.RK4(), steps=2, learn_h=True),
        dnn.Affine(2, 4, rng=rng),
    )


@pytest.mark.parametrize("kind", ["mse", "softmax", "rollout"])
def test_the_hessian_vector_product_is_the_derivative_of_the_gradient_and_symmetric(kind, rng):
    net = smooth(rng)
    loss, x, y = LOSS, rng.normal(size=(7, 2)), rng.normal(size=(7, 2))
    if kind == "softmax":
        loss, y = dnn.SoftmaxCrossEntropy(), rng.integers(0, 2, 7)
    if kind == "rollout":
        net, y = dnn.Rollout(net, 3), rng.normal(size=(7, 3, 2))
    u, v = rng.normal(size=(2, net.theta.size))
    theta, Hv = net.theta.copy(), dnn.hessian_times(net, loss, x, y, v)
    assert np.array_equal(net.theta, theta) and net.theta.dtype == float
    gradients = []
    for eps in (1e-6, -1e-6):
        net.theta = theta + eps * v
        gradients.append(dnn.value_and_grad(net, loss, x, y)[1])
    net.theta = theta
    assert relative(Hv, (gradients[0] - gradients[1]) / 2e-6) < 1e-6
    assert u @ Hv == pytest.approx(v @ dnn.hessian_times(net, loss, x, y, u), rel=1e-12)


def test_the_hessian_of_a_float32_network_is_that_of_its_float64_twin(rng):
    A, B = dnn.Dense(3, 2, rng=rng, dtype=np.float32), dnn.Dense(2, 3, rng=rng, dtype=np.float32)
    net, twin = (
        dnn.Network(dnn.ResidualField(A, dnn.Tanh(), B)),
        dnn.Network(dnn.ResidualField(dnn.Dense(3, 2), dnn.Tanh(), dnn.Dense(2, 3))),
    )
    twin.theta = net.theta.astype(float)
    x, y, v = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), rng.normal(size=net.theta.size)
    np.testing.assert_allclose(
        dnn.hessian_times(net, LOSS, x, y, v), dnn.hessian_times(twin, LOSS, x, y, v), rtol=1e-12
    )


def test_a_kink_has_no_second_derivative_and_a_wrong_direction_is_refused(rng):
    net = dnn.Network(dnn.Flow(dnn.ResidualField(dnn.Dense(2, 2, rng=rng), dnn.ReLU()), 0.1))
    sorted_pairs = dnn.Network(dnn.Affine(2, 2), dnn.Parallel(dnn.MaxMin(2)))
    for F in (net, sorted_pairs):
        with pytest.raises(TypeError, match="is not analytic"):
            dnn.hessian_times(F, LOSS, np.ones((1, 2)), np.ones((1, 2)), F.theta)
    with pytest.raises(ValueError, match="needs a direction in θ of shape"):
        dnn.hessian_times(smooth(rng), LOSS, np.ones((1, 2)), np.ones((1, 2)), np.ones(3))


def test_newton_cg_goes_on_where_lbfgs_stalls(rng):
    """To a gradient of 1e-10 on a small regression."""
    x = np.linspace(-2, 2, 40)[:, None]
    y = np.sin(2 * x)
    X = dnn.ResidualField(dnn.Dense(4, 1, rng=rng), dnn.Tanh(), dnn.Dense(1, 4, rng=rng))
    X.b = rng.normal(size=4)
    net = dnn.Network(X)

    def at(theta):
        net.theta = theta
        return net

    def gradient(theta):
        return dnn.value_and_grad(at(theta), LOSS, x, y)[1]

    dnn.fit(net, LOSS, x, y, dnn.LBFGS(), epochs=300)
    found = scipy.optimize.minimize(
        lambda theta: LOSS(at(theta)(x), y), net.theta.copy(), jac=gradient, method="trust-ncg", options=dict(gtol=1e-11, maxiter=500),
        hessp=lambda theta, v: dnn.hessian_times(at(theta), LOSS, x, y, v),
    )  # fmt: skip
    assert np.linalg.norm(gradient(found.x)) < 1e-10


def test_a_state_that_comes_back_as_nan_is_lost_too():
    class Forgets(dnn.Map):
        dim_in = dim_out = 2

        def __call__(self, x):
            return 1.0 * x

        def vjp(self, x):
            return 1.0 * x, lambda w: (w, np.zeros(0))

        def inverse(self, y):
            return y * np.nan

    net = dnn.Network(Forgets(), Forgets())
    with pytest.warns(RuntimeWarning, match="lost on the way back: x₀ is rebuilt with .* nan"):
        dnn.Reversed().vjp(net, np.ones(2))[1](np.ones(2))
