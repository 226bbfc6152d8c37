"""NonExpansiveSteps: any weights are allowed, and every flow is 1-Lipschitz after every step."""

import math

import numpy as np
import pytest

import dynsys_nn as dnn

METHODS = [dnn.Euler(), dnn.Heun(), dnn.RK4()]


def flow(rng, method=None, h=1.0, alpha=None, dtype=float, **options):
    X = dnn.GradientField(dnn.Dense(8, 4, rng=rng, dtype=dtype), dnn.LeakyReLU(0.3), alpha=alpha)
    return dnn.Flow(X, h, method or dnn.Euler(), **options)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_whatever_the_weights_are_no_flow_expands_and_all_reach_T(method, rng):
    """n = ⌈T L/2r⌉, L = ‖diag(α)‖‖A‖², as in Sherry et al.; for Euler's method no fewer would do."""
    T, F = 1.5, flow(rng, method, alpha=np.full(8, 0.5))
    steps, r = dnn.NonExpansiveSteps(F, T=T), method.contractivity_radius()
    for scale in (0.01, 0.3, 1, 3, 10):
        F.field.A.W = scale * rng.normal(size=(8, 4))
        steps.project()
        n = math.ceil(T * 0.5 * np.linalg.norm(F.field.A.W, 2) ** 2 / (2 * r))
        assert F.steps == max(1, n) and F.steps * F.h == pytest.approx(T, rel=1e-14)
        assert F.lipschitz() <= 1
        x, y = rng.normal(size=(2, 200, 4)) * 10.0 ** rng.uniform(-3, 3, size=(200, 1))
        ratio = np.linalg.norm(F(x) - F(y), axis=-1) / np.linalg.norm(x - y, axis=-1)
        assert 0 < ratio.max() <= 1 + 1e-12
        if isinstance(method, dnn.Euler) and n > 1:
            assert dnn.Flow(F.field, T / (n - 1), method, n - 1).lipschitz() > 1


@pytest.mark.parametrize(
    "needed, n, reached", [(1.5, 2, 1), (3, 3, 1), (4, 3, 3 / 4), (1e12, 3, 3e-12)]
)
def test_of_at_most_so_many_steps_none_expands_and_a_flow_may_end_before_T(needed, n, reached, rng):
    F, T = flow(rng), 2.0
    steps = dnn.NonExpansiveSteps(F, T=T, most=3)
    F.field.A.W *= math.sqrt(needed / (T / dnn.Euler().non_expansive_step(F.field)))
    steps.project()
    assert F.steps == n and F.steps * F.h == pytest.approx(reached * T, rel=1e-12)
    assert F.lipschitz() <= 1


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_without_T_a_step_is_the_wanted_one_as_soon_as_the_weights_allow_it(method, rng):
    F, wanted = flow(rng, method), 0.25
    W, steps = F.field.A.W.copy(), dnn.NonExpansiveSteps(F, h=wanted)
    for scale, short in ((10, True), (0.1, False), (30, True), (0, False)):
        F.field.A.W = scale * W
        steps.project()
        H = method.non_expansive_step(F.field)
        assert F.h == (H if short else wanted) and (H < wanted) == short
        assert F.lipschitz() <= 1 and F.steps == 1
    assert dnn.NonExpansiveSteps(G := flow(rng, h=0.3)).wanted == [G.h]


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_learned_step_is_projected_and_only_if_it_must_be(dtype, rng):
    F = flow(rng, learn_h=True, dtype=dtype)
    steps = dnn.NonExpansiveSteps(F)
    H = dnn.Euler().non_expansive_step(F.field)
    for h, found in ((H / 2, H / 2), (3 * H, H), (-0.1, 1e-3)):
        F.h = h
        steps.project()
        assert F.h == pytest.approx(found, rel=1e-6) and F.h <= H and F.lipschitz() <= 1
        before = F.theta.tobytes()
        steps.project()
        assert F.theta.tobytes() == before
    F.field.A.W = 1e3 * F.field.A.W  # no room for 1e-3
    steps.project()
    assert 0 < F.h <= dnn.Euler().non_expansive_step(F.field) < 1e-3


def test_a_field_that_does_not_contract_any_more_is_named(rng):
    F = flow(rng, alpha=np.ones(8))
    steps = dnn.NonExpansiveSteps(F, T=1)
    F.field.alpha[0] = -1
    with pytest.raises(NotImplementedError, match="is not known to contract: its one-sided.*α ≥ 0"):
        steps.project()


def test_a_training_that_leaves_the_fields_that_contract_ends_with_its_history(rng):
    """The target 3x wants a step that expands, and so α < 0 in the end, for which no step is short enough."""
    F = flow(rng, alpha=np.ones(8))
    x, seen = rng.normal(size=(20, F.dim_in)), []
    options = dict(
        optimiser=dnn.SGD(0.2), rng=0, progress=False, constraints=[dnn.NonExpansiveSteps(F)]
    )
    with pytest.raises(dnn.TrainingDiverged, match=r"epoch \d+.*is not known to contract") as error:
        dnn.fit(
            F,
            dnn.MeanSquaredError(),
            x,
            3 * x,
            epochs=50,
            after_step=lambda *_: seen.append(F.theta.copy()),
            **options,
        )
    assert len(error.value.history.loss) == len(seen) > 0
    np.testing.assert_array_equal(F.theta, seen[-1])
    assert F.lipschitz() <= 1


def trained(net=None, path=None, epochs=4, T=None, look=None, more=(), loss=None, **options):
    x, y = dnn.datasets.moons(40, rng=0)
    rng = np.random.default_rng(1)
    net = net or dnn.Network(
        dnn.Lift(4, 2), flow(rng, dnn.Heun()), flow(rng), flow(rng, learn_h=T is None),
        dnn.Affine(2, 4, rng=rng),
    )  # fmt: skip
    steps = dnn.NonExpansiveSteps(*net.maps[1:4], T=T, h=None if T else 0.8)
    options = dict(optimiser=dnn.Adam(dnn.OneCycle(1e-2, 0.2)), batch_size=20, rng=0) | options
    history = dnn.fit(
        net, loss or dnn.SoftmaxCrossEntropy(), x, y, epochs=epochs, constraints=[steps, *more],
        checkpoint=path, progress=False, after_step=look and (lambda *a: look(net, *a)), **options,
    )  # fmt: skip
    return net, history


def made(net):
    """All that the steps of a training made."""
    return net.theta.tobytes(), [(F.steps, F.h) for F in net.maps[1:4]]


@pytest.mark.parametrize("T", [None, 2.0])
def test_after_every_step_every_flow_is_1_lipschitz_and_a_stopped_training_goes_on(T, tmp_path):
    path, seen = tmp_path / "run.npz", []

    def look(net, step, loss):
        assert max(F.lipschitz() for F in net.maps[1:4]) <= 1
        seen.append(made(net)[1])

    whole, history = trained(T=T, look=look)
    assert history.loss[-1] < history.loss[0]
    assert len({str(found) for found in seen}) > 3  # they do adapt

    def interrupt(net, step, loss):
        if step == 5:
            raise KeyboardInterrupt

    net, history = trained(None, path, T=T, look=interrupt)
    assert history.interrupted and max(F.lipschitz() for F in net.maps[1:4]) <= 1
    assert made(trained(None, path, T=T)[0]) == made(whole)  # as in a new process
    path.unlink()
    net, _ = trained(None, path, T=T, look=interrupt)
    before = made(net)
    with pytest.raises(ValueError, match="whose clip was None, and now it is 1.0"):
        trained(net, path, T=T, clip=1.0)
    assert made(net) == before
    assert made(trained(net, path, T=T)[0]) == made(whole)  # in the same session
    assert made(trained(None, path, T=T)[0]) == made(whole)  # and nothing is left to do
    whole.save(path)
    loaded, x = dnn.Map.load(path), np.ones((3, 2))
    assert made(loaded) == made(whole) and loaded(x).tobytes() == whole(x).tobytes()


class Loss(dnn.SoftmaxCrossEntropy):
    """Infinite as soon as four steps were seen."""

    def __init__(self, seen):
        self.seen = seen

    def vjp(self, z, labels):
        value, dz = super().vjp(z, labels)
        return value + (np.inf if len(self.seen) == 4 else 0), dz


@pytest.mark.parametrize("far, loss, words", [
    (1e30, None, "more than 2147483647 steps"), (np.inf, None, "the step is not finite"),
    (0.1, Loss, "the loss is inf"),
])  # fmt: skip
def test_steps_follow_the_weights_back_when_a_training_diverges(far, loss, words):
    """Also from weights for which no step is short enough: all is as at the last finite loss."""
    seen = []

    class Jump(dnn.SGD):
        def step(self, theta, g, memory):
            theta += far if len(seen) == 3 else 0.1

    def look(net, step, loss):
        seen.append(made(net))

    net, _ = trained(epochs=1, T=1.0)
    with np.errstate(all="ignore"), pytest.raises(dnn.TrainingDiverged, match=words):
        trained(net, T=1.0, optimiser=Jump(0.1), look=look, loss=loss and loss(seen))
    assert made(net) == seen[2] and made(net)[1] != seen[-1 if loss else 1][1]


def test_steps_follow_the_weights_back_after_ctrl_c_between_two_constraints():
    seen = []

    class Stop(dnn.Constraint):
        def project(self):
            seen.append([F.steps for F in net.maps[1:4]])
            if len(seen) == 4:
                raise KeyboardInterrupt

    class Grow(dnn.Optimiser):
        def step(self, theta, g, memory):
            theta *= 1.3

    net, _ = trained(epochs=1, T=1.0)
    trained(net, T=1.0, more=[Stop()], optimiser=Grow())
    assert [F.steps for F in net.maps[1:4]] == seen[2] != seen[3]


def test_weights_that_no_step_is_short_enough_for_are_refused(rng):
    F = flow(rng, learn_h=True)
    steps = dnn.NonExpansiveSteps(F)
    F.field.A.W = 1e200 * F.field.A.W
    with pytest.raises(OverflowError, match="no step of Flow.* is short enough"):
        steps.project()


def test_steps_follow_a_callback_that_sets_the_weights():
    net, _ = trained(epochs=1, T=1.0)
    smaller = net.theta / 3

    def back(epoch, history):
        net.theta = smaller

    before = [F.steps for F in net.maps[1:4]]
    trained(net, T=1.0, epochs=1, callback=back)
    found = [F.steps for F in net.maps[1:4]]
    assert found == [F.method.steps_for(F.field, 1.0) for F in net.maps[1:4]] != before


def test_blocks_are_those_of_the_steps_that_a_flow_has_now(rng):
    """Otherwise a resumed training would add up in another order than the one that went on."""
    from dynsys_nn.training.value_and_grad import block_rows

    x = np.zeros((4096, 4))
    F, G = flow(rng, steps=1), flow(rng, steps=500)
    few, many = block_rows(F, x), block_rows(G, x)
    F.steps = 500
    assert block_rows(F, x) == many < few
