"""Losses, gradients over data, optimisers and fit."""

import io
import sys

import numpy as np
import pytest
import scipy.special

import dynsys_nn as dnn

LOSSES = {
    "MeanSquaredError": (dnn.MeanSquaredError(), lambda rng, shape: rng.normal(size=shape)),
    "SoftmaxCrossEntropy": (
        dnn.SoftmaxCrossEntropy(),
        lambda rng, shape: rng.integers(0, shape[-1], shape[:-1]),
    ),
    "MulticlassHinge": (
        dnn.MulticlassHinge(0.7),
        lambda rng, shape: rng.integers(0, shape[-1], shape[:-1]),
    ),
    "BinaryCrossEntropy": (
        dnn.BinaryCrossEntropy(),
        lambda rng, shape: rng.integers(0, 2, shape).astype(bool),
    ),
}


def classifier(rng, dtype=float):
    X = dnn.ResidualField(dnn.Dense(3, 3, rng=rng, dtype=dtype), dnn.Tanh())
    return dnn.Network(
        dnn.Lift(3, 2), dnn.Flow(X, 0.2, steps=5), dnn.Affine(2, 3, rng=rng, dtype=dtype)
    )


@pytest.mark.parametrize("shape", [(4,), (5, 4), (3, 2, 4)])
@pytest.mark.parametrize("name", LOSSES)
def test_the_covector_of_a_loss_is_its_derivative(name, shape, rng):
    loss, draw = LOSSES[name]
    y, target = rng.normal(size=shape), draw(rng, shape)
    value, dy = loss.vjp(y, target)
    assert loss(y, target) == value and dy.shape == shape
    derivative = np.array(
        [loss(y + 1e-30j * e.reshape(shape), target).imag / 1e-30 for e in np.eye(y.size)]
    )
    np.testing.assert_allclose(dy.ravel(), derivative, rtol=1e-12, atol=1e-15)


def test_the_hinge_in_closed_form():
    """Σ_{j≠k} max(0, margin − (z_k − z_j)), the mean over the batch; nothing is paid beyond the margin."""
    z, labels = np.array([[1.0, 0.5, 2.0], [3.0, 0.0, 1.0]]), np.array([0, 0])
    hinge = dnn.MulticlassHinge(1.0)
    assert hinge(z, labels) == pytest.approx((0.5 + 2.0 + 0 + 0) / 2)
    np.testing.assert_array_equal(hinge.vjp(z, labels)[1], [[-1.0, 0.5, 0.5], [0, 0, 0]])
    assert hinge(z[1:], labels[1:]) == 0 and dnn.MulticlassHinge(2.5)(
        z[1:], labels[1:]
    ) == pytest.approx(0.5)
    assert hinge.vjp(z.astype(np.float32), labels)[1].dtype == np.float32


def test_losses_in_closed_form(rng):
    y, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    np.testing.assert_allclose(
        dnn.MeanSquaredError()(y, target), np.mean((y - target) ** 2), rtol=1e-14
    )
    labels = np.array([0, 1, 2, 2, 0])
    np.testing.assert_allclose(
        dnn.SoftmaxCrossEntropy()(y, labels),
        -np.mean(scipy.special.log_softmax(y, axis=-1)[np.arange(5), labels]),
        rtol=1e-14,
    )
    assert dnn.MeanSquaredError()([1, 2], [0.5, 1.7]) == pytest.approx(
        0.17
    )  # integers are numbers too
    huge = np.array([[1e300, -1e300], [5e4, 0.0]])
    with np.errstate(over="raise", invalid="raise"):
        value, dy = dnn.SoftmaxCrossEntropy().vjp(huge, np.array([0, 1]))
    assert value == 2.5e4 and np.isfinite(dy).all()


def test_one_logit_is_worth_the_two_logits_0_and_z(rng):
    """log(1 + eᶻ) − yz is the cross-entropy of (0, z), as a value, a gradient, and at any size."""
    one, two = dnn.BinaryCrossEntropy(), dnn.SoftmaxCrossEntropy()
    z, y = 5 * rng.normal(size=(40, 1)), rng.integers(0, 2, 40)
    (J, dz), (K, d0z) = one.vjp(z, y), two.vjp(np.concatenate([0 * z, z], axis=-1), y)
    assert J == pytest.approx(K, rel=1e-14)
    np.testing.assert_allclose(dz, d0z[:, 1:], rtol=1e-13, atol=1e-17)
    assert one(z[:, 0], y.tolist()) == one(z, y == 1) == J and one.vjp(z[:, 0], y)[1].shape == (40,)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for z, y, value, slope in ((1e300, 1, 0, 0), (1e300, 0, 1e300, 1), (-1e300, 1, 1e300, -1)):
            J, dz = one.vjp(np.array([z]), np.array([y]))
            assert J == value and dz == slope
    assert one.vjp(np.array([40.0]), [1])[1] == pytest.approx(-np.exp(-40), rel=1e-14)
    assert one.vjp(np.ones((2, 1), np.float32), [1, 0])[1].dtype == np.float32
    net, x = classifier(rng), rng.normal(size=(60, 2))
    net, y = dnn.Network(net, dnn.Dense(1, 2, rng=rng)), rng.integers(0, 2, 60)
    J, g = dnn.value_and_grad(net, one, x, y)
    blocks = dnn.value_and_grad(net, one, x, y, block=7)
    assert blocks[0] == pytest.approx(J, rel=1e-14)
    np.testing.assert_allclose(blocks[1], g, rtol=1e-10, atol=1e-14)


def test_smoothness_is_its_formula_and_its_gradient_the_derivative(rng):
    layers = [dnn.Flow(gradient(rng), 0.1, learn_h=True) for _ in range(4)]
    net = dnn.Network(dnn.Lift(3, 2), *layers, dnn.Affine(2, 3, rng=rng))
    P, thetas = dnn.Smoothness(*layers, weight=0.3), np.stack([F.theta for F in layers])
    assert P.value() == pytest.approx(0.3 * (np.diff(thetas, axis=0) ** 2).sum(), rel=1e-14)
    moved, g = net.theta.copy(), P.gradient(net)
    v = rng.normal(size=g.shape)
    values = []
    for c in (1, -1):  # P is quadratic: central differences are exact
        net.theta = moved + c * v
        values.append(P.value())
    assert (values[0] - values[1]) / 2 == pytest.approx(g @ v, rel=1e-12)
    assert not g[-net[-1].theta.size :].any()  # the last map is none of them
    F, G = layers[:2]  # F, G, F: twice the same difference
    np.testing.assert_allclose(
        dnn.Smoothness(F, G, F).gradient(dnn.Network(F, G))[: F.theta.size],
        4 * (F.theta - G.theta),
        rtol=1e-14,
    )


def gradient(rng):
    return dnn.GradientField(dnn.Dense(4, 3, rng=rng), dnn.Tanh())


def test_value_and_grad_against_a_complex_step_in_theta(rng):
    """Im J(θ + iεv)/ε, with θ made complex in a copy."""
    net = classifier(rng)
    x, labels = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    loss = dnn.SoftmaxCrossEntropy()
    value, g = dnn.value_and_grad(net, loss, x, labels)
    assert value == loss(net(x), labels)
    for _ in range(5):
        v = rng.normal(size=g.shape)
        net_complex = classifier(rng)
        net_complex._bind(net.theta + 1e-30j * v)
        derivative = loss(net_complex(x.astype(complex)), labels).imag / 1e-30
        np.testing.assert_allclose(g @ v, derivative, rtol=1e-12)


@pytest.mark.parametrize(
    "optimiser",
    [dnn.SGD(0.1), dnn.SGD(0.02, momentum=0.9), dnn.Adam(0.05), dnn.LBFGS()],
    ids=lambda o: repr(o),
)
def test_every_optimiser_solves_least_squares(optimiser, rng):
    A, x = rng.normal(size=(2, 3)), rng.normal(size=(50, 3))
    net = dnn.Affine(2, 3, rng=rng)
    history = dnn.fit(net, dnn.MeanSquaredError(), x, x @ A.T + 1.0, optimiser, epochs=600)
    np.testing.assert_allclose(net.W, A, atol=1e-4)
    np.testing.assert_allclose(net.b, 1, atol=1e-4)
    assert history.loss[-1] < 1e-7 < history.loss[0] and len(history.seconds) == len(history.loss)


def test_first_steps_of_the_optimisers_are_their_formulas(rng):
    g = rng.normal(size=4)
    theta = np.ones(4)
    sgd, memory = dnn.SGD(0.1, momentum=0.5), dnn.SGD(0.1).start(theta)
    sgd.step(theta, g, memory)
    sgd.step(theta, g, memory)
    np.testing.assert_allclose(theta, 1 - 0.1 * g - 0.1 * 1.5 * g)
    theta, adam = np.ones(4), dnn.Adam(0.1, eps=1e-8)
    memory = adam.start(theta)
    adam.step(theta, g, memory)
    np.testing.assert_allclose(theta, 1 - 0.1 * g / (np.abs(g) + 1e-8))
    adam.step(theta, -2 * g, memory)
    m, s = 0.9 * 0.1 * g - 0.1 * 2 * g, 0.999 * 0.001 * g**2 + 0.001 * 4 * g**2
    np.testing.assert_allclose(
        theta,
        1 - 0.1 * np.sign(g) - 0.1 * (m / (1 - 0.9**2)) / np.sqrt(s / (1 - 0.999**2)),
        rtol=1e-6,
    )


def test_one_optimiser_serves_two_networks_without_memory_between_them(rng):
    x, y = dnn.datasets.moons(100, rng=0)
    adam, results = dnn.Adam(1e-2), []
    for _ in range(2):
        net = classifier(np.random.default_rng(1))
        dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, adam, epochs=5, batch_size=32, rng=3)
        results.append(net.theta.copy())
    np.testing.assert_array_equal(*results)


def test_mini_batches_see_every_sample_once_an_epoch(rng):
    seen = []

    class Spy(dnn.MeanSquaredError):
        def vjp(self, y, target):
            seen.append(target.copy())
            return super().vjp(y, target)

    x = np.arange(10.0)[:, None]
    dnn.fit(dnn.Affine(1, 1, rng=0), Spy(), x, x, dnn.SGD(1e-4), epochs=2, batch_size=4, rng=0)
    *seen, _, _, _ = seen  # the last three see whether the last step diverged
    assert [len(batch) for batch in seen] == [4, 4, 2] * 2
    for epoch in (seen[:3], seen[3:]):
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch).ravel()), np.arange(10))
    assert not np.array_equal(np.concatenate(seen[:3]), np.concatenate(seen[3:]))


def test_the_loss_of_an_epoch_is_the_mean_over_samples_not_over_batches():
    x = np.arange(10.0)[:, None]
    net = dnn.Affine(1, 1, rng=0)
    before = dnn.MeanSquaredError()(net(x), 3 * x)
    history = dnn.fit(
        net, dnn.MeanSquaredError(), x, 3 * x, dnn.SGD(1e-12), epochs=1, batch_size=4, rng=0
    )
    assert history.loss[0] == pytest.approx(before, rel=1e-8)


def test_without_an_optimiser_it_is_adam_with_rate_one_hundredth():
    x, nets = np.linspace(-1, 1, 20)[:, None], [dnn.Affine(1, 1, rng=0) for _ in range(2)]
    dnn.fit(nets[0], dnn.MeanSquaredError(), x, 3 * x, epochs=7)
    dnn.fit(nets[1], dnn.MeanSquaredError(), x, 3 * x, dnn.Adam(1e-2), epochs=7)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)


@pytest.mark.parametrize("optimiser", [dnn.SGD(1e-2), dnn.LBFGS()], ids=repr)
def test_data_whose_loss_is_not_finite_at_the_start_leaves_theta_alone(optimiser):
    net = dnn.Affine(1, 1, rng=0)
    theta, x = net.theta.copy(), np.full((4, 1), 1e200)
    with np.errstate(all="ignore"), pytest.raises(dnn.TrainingDiverged, match="the loss is inf"):
        dnn.fit(net, dnn.MeanSquaredError(), x, -x, optimiser, epochs=5)
    np.testing.assert_array_equal(net.theta, theta)


def test_lbfgs_ends_on_the_theta_that_it_recorded_last():
    x, y = dnn.datasets.moons(100, rng=0)
    for epochs in range(1, 12):
        net = classifier(np.random.default_rng(1))
        history = dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, dnn.LBFGS(), epochs=epochs)
        assert history.loss[-1] == dnn.SoftmaxCrossEntropy()(net(x), y)
        assert (np.diff(history.loss) <= 0).all()


@pytest.mark.parametrize("calls", range(2, 8))
def test_lbfgs_ends_on_that_theta_too_when_a_loss_raises(calls):
    class Raises(dnn.SoftmaxCrossEntropy):
        left = calls

        def vjp(self, z, labels):
            self.left -= 1
            if self.left == 0:
                raise ZeroDivisionError
            return super().vjp(z, labels)

    net, (x, y) = classifier(np.random.default_rng(1)), dnn.datasets.moons(50, rng=0)
    thetas = [net.theta.copy()]
    with pytest.raises(ZeroDivisionError):
        dnn.fit(
            net, Raises(), x, y, dnn.LBFGS(), callback=lambda *_: thetas.append(net.theta.copy())
        )
    np.testing.assert_array_equal(net.theta, thetas[-1])


def test_validation_history_and_callback():
    x, y = dnn.datasets.moons(200, rng=0)
    net, calls = classifier(np.random.default_rng(1)), []
    history = dnn.fit(
        net, dnn.SoftmaxCrossEntropy(), x[:100], y[:100], dnn.LBFGS(), epochs=7,
        validation=(x[100:], y[100:]), callback=lambda epoch, history: calls.append((epoch, len(history.loss))),
    )  # fmt: skip
    assert len(history.loss) == len(history.validation) == 7 and calls == [
        (k, k + 1) for k in range(7)
    ]
    assert history.validation[-1] == dnn.SoftmaxCrossEntropy()(net(x[100:]), y[100:])
    assert history.loss[-1] == dnn.SoftmaxCrossEntropy()(net(x[:100]), y[:100])
    assert "7 epochs" in str(history)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_progress_is_one_line_on_a_terminal_and_silent_elsewhere(stream, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", stream())
    x, y = dnn.datasets.moons(50, rng=0)
    dnn.fit(classifier(np.random.default_rng(1)), dnn.SoftmaxCrossEntropy(), x, y, epochs=3)
    text = sys.stderr.getvalue()
    dnn.fit(
        classifier(np.random.default_rng(1)),
        dnn.SoftmaxCrossEntropy(),
        x,
        y,
        epochs=3,
        progress=False,
    )
    assert sys.stderr.getvalue() == text
    assert (text == "") == (stream is io.StringIO)
    assert text.count("\n") == (1 if text else 0) and (not text or "epoch 3 of 3" in text)
    assert capsys.readouterr().out == ""


def test_divergence_is_reported_and_the_last_finite_theta_kept():
    net = dnn.Affine(1, 1, rng=0)
    x = np.linspace(1, 2, 10)[:, None]
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            dnn.TrainingDiverged, match=r"epoch \d+, .*the loss is (inf|nan).*smaller rate"
        ) as caught,
    ):
        dnn.fit(net, dnn.MeanSquaredError(), x, x, dnn.SGD(1e3), epochs=1000)
    assert np.isfinite(net.theta).all() and np.isfinite(dnn.MeanSquaredError()(net(x), x))
    assert len(caught.value.history.loss) > 5


@pytest.mark.parametrize("seed", [3, 9, 14, 28])
def test_lbfgs_steps_back_from_where_the_loss_is_not_finite(seed):
    """A loss with a wall (infinite beyond it) whose minimum lies inside: the line search turns round and finds it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(50, 2))
    target = x @ rng.normal(size=(2, 2)) + 0.05 * rng.normal(size=(50, 2))

    class Walled(dnn.MeanSquaredError):
        hits = 0

        def vjp(self, y, target):
            value, dy = super().vjp(y, target)
            if np.abs(y).max() > 1.1 * np.abs(target).max():
                Walled.hits += 1
                return np.inf, dy
            return value, dy

    free, walled = dnn.Dense(2, 2, W=0.1 * np.eye(2)), dnn.Dense(2, 2, W=0.1 * np.eye(2))
    dnn.fit(free, dnn.MeanSquaredError(), x, target, dnn.LBFGS(), epochs=50)
    dnn.fit(walled, Walled(), x, target, dnn.LBFGS(), epochs=50)
    assert Walled.hits
    np.testing.assert_allclose(walled.W, free.W, atol=1e-6)


def test_a_last_step_that_is_not_finite_is_divergence_too():
    net = dnn.Dense(2, 2, rng=0)
    theta, x = net.theta.copy(), np.ones((4, 2))
    with (
        np.errstate(all="ignore"),
        pytest.raises(dnn.TrainingDiverged, match="the step is not finite"),
    ):
        dnn.fit(net, dnn.MeanSquaredError(), x, 1e4 * x, dnn.SGD(1e308), epochs=1)
    np.testing.assert_array_equal(net.theta, theta)


@pytest.mark.parametrize("epochs, batch_size", [(1, None), (1, 3), (3, None)])
def test_a_last_step_to_where_the_loss_is_infinite_is_divergence_too(epochs, batch_size, tmp_path):
    """Adam's first step is 1e200 in each entry: finite, and (1e200)² is not."""
    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))
    theta = net.theta.copy()
    with (
        np.errstate(all="ignore"),
        pytest.raises(dnn.TrainingDiverged, match="the loss is inf") as caught,
    ):
        dnn.fit(
            net,
            dnn.MeanSquaredError(),
            x,
            x,
            dnn.Adam(1e200),
            epochs,
            batch_size,
            rng=0,
            checkpoint=tmp_path / "run.npz",
        )
    assert np.isfinite(dnn.MeanSquaredError()(net(x), x)) and len(caught.value.history.loss) == min(
        epochs - 1, 1
    )
    if batch_size is None:
        np.testing.assert_array_equal(net.theta, theta)


@pytest.mark.parametrize("how", ["raises", "is stopped later"])
def test_what_a_callback_does_to_theta_is_kept(how):
    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))

    def change(epoch, history):
        net.theta[:] = 7
        if how == "raises":
            raise KeyboardInterrupt

    class Stop(dnn.MeanSquaredError):
        def vjp(self, y, target):
            if (y == 14).all():  # where θ is 7
                raise KeyboardInterrupt
            return super().vjp(y, target)

    loss = Stop() if how == "is stopped later" else dnn.MeanSquaredError()
    assert dnn.fit(net, loss, x, x, epochs=9, callback=change).interrupted
    np.testing.assert_array_equal(net.theta, 7)


def test_a_callback_that_changes_the_history_is_told_so():
    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))
    with pytest.raises(
        dnn.arguments.WrongResult,
        match=r"forget: the history is changed: take a copy, list\(history.loss\)",
    ):

        def forget(epoch, history):
            history.loss.clear()

        dnn.fit(net, dnn.MeanSquaredError(), x, x, epochs=3, callback=forget)


@pytest.mark.parametrize("in_place", ["y", "target"])
def test_a_loss_cannot_change_the_data(in_place):
    class Careless(dnn.Loss):
        mean = True

        def vjp(self, y, target):
            r = y - target
            if in_place == "y":
                y -= target
            else:
                target *= 2
            return (r * r).mean(), 2 * r / r.size

    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))
    for train in (
        lambda: dnn.value_and_grad(net, Careless(), x, x),
        lambda: dnn.fit(net, Careless(), x, x, epochs=1),
        lambda: dnn.fit(net, Careless(), x, x, epochs=1, validation=(x, x)),
        lambda: dnn.hessian_times(net, Careless(), x, x, net.theta),
    ):
        with pytest.raises(
            dnn.arguments.WrongResult, match="Careless: an argument is changed: write x = x"
        ):
            train()
    assert (x == 1).all()


def test_masked_targets_are_refused():
    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))
    y = np.ma.array(np.where(np.eye(4, 2) > 0, 1e6, 1.0), mask=np.eye(4, 2) > 0)
    for block in (None, 2):
        with pytest.raises(TypeError, match="MeanSquaredError needs a target, got masked entries"):
            dnn.value_and_grad(net, dnn.MeanSquaredError(), x, y, block=block)
    whole = dnn.value_and_grad(net, dnn.MeanSquaredError(), x, y.data)
    assert dnn.value_and_grad(net, dnn.MeanSquaredError(), x, np.ma.array(y.data))[0] == whole[0]


@pytest.mark.parametrize("validation, loss, kind, why", [
    ((np.ones((3, 5)), np.ones((3, 2))), dnn.MeanSquaredError(), ValueError, r"Dense acts on states of dimension 2, got an array of shape \(3, 5\)"),
    ((np.ones((3, 2)), np.ones((3, 4))), dnn.MeanSquaredError(), ValueError, r"MeanSquaredError needs a target of the shape of y, \(3, 2\), got \(3, 4\)"),
    ((np.ones((3, 2)), np.array([0, 1, 2])), dnn.SoftmaxCrossEntropy(), ValueError, r"labels must lie in 0, …, 1, got 0 … 2"),
    ((np.ones((3, 2)), np.array([0, 1.0, 1])), dnn.SoftmaxCrossEntropy(), TypeError, "labels must be integers"),
])  # fmt: skip
def test_validation_data_that_do_not_fit_are_refused_before_the_first_epoch(
    validation, loss, kind, why, tmp_path
):
    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))
    theta, y = net.theta.copy(), x if isinstance(loss, dnn.MeanSquaredError) else np.zeros(4, int)
    with pytest.raises(kind, match=f"the validation data do not fit: {why}"):
        dnn.fit(net, loss, x, y, epochs=2, validation=validation, checkpoint=tmp_path / "run.npz")
    assert (net.theta == theta).all() and not list(tmp_path.iterdir())


def test_a_penalty_whose_gradient_does_not_fit_is_refused():
    class Column(dnn.Penalty):
        def value(self):
            return 0.0

        def gradient(self, net):
            return np.zeros((net.theta.size, 1))  # (p,) + (p, 1) would be a matrix

    net, x = dnn.Dense(2, 2, rng=0), np.ones((4, 2))
    with pytest.raises(
        TypeError, match=r"the gradient of Column has shape \(4, 1\), needed is \(4,\)"
    ):
        dnn.fit(net, dnn.MeanSquaredError(), x, x, penalties=[Column()])


def test_control_c_returns_the_history_so_far():
    x, y = dnn.datasets.moons(50, rng=0)

    def stop(epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    for optimiser in (dnn.Adam(1e-2), dnn.LBFGS()):
        net = classifier(np.random.default_rng(1))
        history = dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, optimiser, epochs=50, callback=stop)
        assert history.interrupted and len(history.loss) == 3 and np.isfinite(net.theta).all()


def test_fit_through_a_rollout_trains_the_network():
    X = dnn.systems.harmonic_oscillator()
    x = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    states = dnn.exact_flow(X, x, 0.1 * np.arange(1, 4))
    net = dnn.Dense(2, 2, rng=0)
    dnn.fit(dnn.Rollout(net, 3), dnn.MeanSquaredError(), x, states, dnn.LBFGS(), epochs=100)
    np.testing.assert_allclose(
        net.W, [[np.cos(0.1), np.sin(0.1)], [-np.sin(0.1), np.cos(0.1)]], atol=1e-7
    )


def test_float32_trains_in_float32():
    x, y = dnn.datasets.moons(100, rng=0)
    for optimiser in (dnn.Adam(1e-2), dnn.LBFGS()):
        net = classifier(np.random.default_rng(1), np.float32)
        history = dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, optimiser, epochs=20)
        assert net.theta.dtype == np.float32 and history.loss[-1] < history.loss[0]


class Spoilt(dnn.MeanSquaredError):
    """From call `n` on, the value is finite and the covector is not."""

    def __init__(self, n):
        self.n = n

    def vjp(self, y, target):
        self.n -= 1
        value, dy = super().vjp(y, target)
        return value, dy if self.n >= 0 else dy * np.nan


def test_a_gradient_that_is_not_finite_is_divergence_and_theta_is_the_last_with_a_finite_one():
    x, nets = np.ones((4, 1)), [dnn.Affine(1, 1, rng=0) for _ in range(2)]
    dnn.fit(nets[0], dnn.MeanSquaredError(), x, 3 * x, dnn.SGD(0.1), epochs=1)
    with pytest.raises(dnn.TrainingDiverged, match="the loss is"):
        dnn.fit(nets[1], Spoilt(2), x, 3 * x, dnn.SGD(0.1), epochs=5)
    np.testing.assert_array_equal(
        nets[1].theta, nets[0].theta
    )  # the third covector is spoilt; the second was at θ₁


def test_lbfgs_refuses_a_start_whose_gradient_is_not_finite():
    x = np.ones((4, 1))
    with pytest.raises(dnn.TrainingDiverged, match="at the start"):
        dnn.fit(dnn.Affine(1, 1, rng=0), Spoilt(0), x, 3 * x, dnn.LBFGS(), epochs=5)


def test_lbfgs_refuses_a_start_whose_loss_is_infinite_with_a_finite_gradient():
    class Infinite(dnn.MeanSquaredError):
        def vjp(self, y, target):
            return np.inf, super().vjp(y, target)[1]

    x = np.ones((4, 1))
    with pytest.raises(dnn.TrainingDiverged, match="at the start: the loss is inf"):
        dnn.fit(dnn.Affine(1, 1, rng=0), Infinite(), x, 3 * x, dnn.LBFGS(), epochs=5)


def test_lbfgs_steps_back_from_a_gradient_that_is_not_finite():
    """J = mean (y − 1)², whose value is finite and whose covector is NaN for |y| > 1.3; the first step leads there."""
    gone = []

    class Cliff(dnn.MeanSquaredError):
        def vjp(self, y, target):
            value, dy = super().vjp(y, target)
            gone.append(np.abs(y).max() > 1.3)
            return value, dy * np.nan if gone[-1] else dy

    net, x = dnn.Affine(1, 1, W=[[0.0]], b=[0.5]), np.array([[-1.0], [1.0], [2.0]])
    dnn.fit(net, Cliff(), x, np.array([[0.0], [1.0], [1.0]]), dnn.LBFGS(), epochs=50)
    free = dnn.Affine(1, 1, W=[[0.0]], b=[0.5])
    dnn.fit(
        free, dnn.MeanSquaredError(), x, np.array([[0.0], [1.0], [1.0]]), dnn.LBFGS(), epochs=50
    )
    assert any(gone)
    np.testing.assert_allclose(net.theta, free.theta, atol=1e-6)


def test_ctrl_c_in_a_line_search_leaves_the_theta_of_the_last_entry():
    x, y = dnn.datasets.moons(50, rng=0)
    for calls in range(2, 12):

        class Interrupted(dnn.SoftmaxCrossEntropy):
            n = calls

            def vjp(self, z, labels):
                Interrupted.n -= 1
                if Interrupted.n == 0:
                    raise KeyboardInterrupt
                return super().vjp(z, labels)

        net = dnn.Affine(2, 2, rng=1)
        before = dnn.SoftmaxCrossEntropy()(net(x), y)
        history = dnn.fit(net, Interrupted(), x, y, dnn.LBFGS(), epochs=50)
        assert history.interrupted
        assert dnn.SoftmaxCrossEntropy()(net(x), y) == [before, *history.loss][-1]


def test_progress_is_shown_ten_times_a_second_at_most(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    x = np.ones((4, 1))
    history = dnn.fit(dnn.Affine(1, 1, rng=0), dnn.MeanSquaredError(), x, x, epochs=200)
    assert sys.stderr.getvalue().count("\r") <= 3 + 10 * history.seconds[-1]
    assert repr(history) == str(history)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(dnn.TrainingDiverged):
        dnn.fit(dnn.Affine(1, 1, rng=0), Spoilt(0), x, x, epochs=2)
    assert sys.stderr.getvalue() == ""  # nothing was shown, so there is no line to end


def test_a_validation_point_without_a_solution_is_recorded_as_nan():
    """An implicit layer may solve all of the training data, and not the validation data: ẋ = 1 + x² with h = 1 from x = 0.1."""
    X = dnn.KnownField(lambda x: 1 + x * x, 1, lambda x: 2 * x[..., None])
    net = dnn.Network(dnn.Affine(1, 1, W=[[1.0]]), dnn.Flow(X, 1.0, dnn.ImplicitMidpoint()))
    x, unsolvable = np.array([[-3.0], [-4.0]]), np.array([[0.1]])
    for optimiser in (dnn.SGD(1e-6), dnn.LBFGS()):
        history = dnn.fit(
            net,
            dnn.MeanSquaredError(),
            x,
            x,
            optimiser,
            epochs=2,
            validation=(unsolvable, unsolvable),
        )
        assert (
            np.isnan(history.validation).all()
            and np.isfinite(history.loss).all()
            and len(history.loss) == 2
        )


def test_divergence_says_whether_the_gradient_is_finite_too():
    class Bad(dnn.MeanSquaredError):
        def __init__(self, value, factor):
            self.value, self.factor = value, factor

        def vjp(self, y, target):
            return self.value, super().vjp(y, target)[1] * self.factor

    x = np.ones((4, 1))
    for loss, message in (
        (Bad(np.inf, 1.0), r"the loss is inf\. θ"), (Bad(0.5, np.nan), r"the loss is 0\.5, and its gradient is not finite\. θ"),
    ):  # fmt: skip
        with pytest.raises(dnn.TrainingDiverged, match=message):
            dnn.fit(dnn.Affine(1, 1, rng=0), loss, x, 3 * x, dnn.SGD(0.1), epochs=1)


def test_only_what_the_package_calls_divergence_is_caught():
    class Divides(dnn.MeanSquaredError):
        def vjp(self, y, target):
            raise ZeroDivisionError

    x = np.ones((4, 1))
    for optimiser in (dnn.SGD(0.1), dnn.LBFGS()):
        with pytest.raises(ZeroDivisionError):
            dnn.fit(dnn.Affine(1, 1, rng=0), Divides(), x, x, optimiser, epochs=2)


def test_penalties_join_the_loss_that_is_minimised_and_recorded(rng):
    """J + P, whoever trains, and its gradient by differences."""
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    loss = dnn.MeanSquaredError()

    def fresh():
        net = dnn.Network(dnn.Affine(4, 3, rng=5), dnn.Affine(3, 4, rng=6))
        return net, [
            dnn.OrthogonalityPenalty(*net.maps, weight=0.3),
            dnn.OrthogonalityPenalty(net.maps[1]),
        ]

    net, penalties = fresh()

    def total(theta):
        net.theta = theta
        return loss(net(x), y) + sum(P.value() for P in penalties)

    theta, v = net.theta.copy(), rng.normal(size=net.theta.size)
    slope = (total(theta + 1e-5 * v) - total(theta - 1e-5 * v)) / 2e-5
    before = total(theta)
    value, g = dnn.value_and_grad(net, loss, x, y, penalties=penalties)
    assert value == pytest.approx(before, rel=1e-14) and g @ v == pytest.approx(slope, rel=1e-7)
    for optimiser in (dnn.SGD(1e-12), dnn.LBFGS()):
        net, penalties = fresh()
        history = dnn.fit(
            net, loss, x, y, optimiser, epochs=1, penalties=penalties, validation=(x, y)
        )
        expected = before if isinstance(optimiser, dnn.SGD) else total(net.theta.copy())
        assert history.loss[0] == pytest.approx(expected, rel=1e-9) and history.validation[
            0
        ] == loss(net(x), y)
    assert history.loss[0] < before


def test_a_penalty_of_ones_own_and_what_is_none(rng):
    class Decay(dnn.Penalty):
        """Weight decay, ½λ‖W‖²."""

        def __init__(self, A, weight):
            self.A, self.weight, self.maps = A, weight, (A,)

        def value(self):
            return self.weight * (self.A.W**2).sum() / 2

        def gradient(self, net):
            return self.weight * net.theta

    A, x = dnn.Dense(2, 2, rng=rng), np.ones((3, 2))
    dnn.fit(A, dnn.MeanSquaredError(), x, x, dnn.LBFGS(), penalties=[Decay(A, 1e6)])
    assert np.abs(A.W).max() < 1e-5
    with pytest.raises(ValueError, match="is not a part of"):
        dnn.fit(dnn.Dense(2, 2), dnn.MeanSquaredError(), x, x, penalties=[Decay(A, 1.0)])
    with pytest.raises(TypeError, match="penalties is a list: write penalties="):
        dnn.fit(A, dnn.MeanSquaredError(), x, x, penalties=Decay(A, 1.0))
    with pytest.raises(NotImplementedError, match=r"Penalty has no value: write value\(self\)"):
        dnn.value_and_grad(A, dnn.MeanSquaredError(), x, x, penalties=[dnn.Penalty()])


def test_an_optimiser_that_derives_from_nothing_trains_by_the_same_loop():
    class Plain:
        def start(self, theta):
            return {}

        def step(self, theta, g, memory):
            theta -= 0.1 * g

    x, nets = np.linspace(-1, 1, 20)[:, None], [dnn.Affine(1, 1, rng=0) for _ in range(2)]
    for net, optimiser in zip(nets, (Plain(), dnn.SGD(0.1)), strict=True):
        dnn.fit(net, dnn.MeanSquaredError(), x, 3 * x, optimiser, epochs=7, batch_size=6, rng=0)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)
    with pytest.raises(NotImplementedError, match="Optimiser has no step"):
        dnn.fit(nets[0], dnn.MeanSquaredError(), x, x, dnn.Optimiser())


def test_losses_and_optimisers_are_known_by_their_arguments():
    assert repr(dnn.MulticlassHinge(0.3000000004)) == "MulticlassHinge(0.3000000004)"
    assert (
        repr(dnn.Adam(0.0100000004, beta2=0.99)) == "Adam(0.0100000004, beta2=0.99)"
        and repr(dnn.LBFGS()) == "LBFGS()"
    )
    assert (
        dnn.Adam(0.1) == dnn.Adam(0.1) != dnn.Adam(0.2)
        and dnn.MeanSquaredError() != dnn.SoftmaxCrossEntropy()
    )


def test_the_hessian_of_least_squares_is_its_matrix(rng):
    """J = mean |W x − y|², whose Hessian is (2/N) Σ x xᵀ for each row of W, whatever W is."""
    net, x, y, v = (
        dnn.Dense(2, 3, rng=rng),
        rng.normal(size=(5, 3)),
        rng.normal(size=(5, 2)),
        rng.normal(size=6),
    )
    expected = (2 / 10) * v.reshape(2, 3) @ x.T @ x
    np.testing.assert_allclose(
        dnn.training.hessian_times(net, dnn.MeanSquaredError(), x, y, v),
        expected.ravel(),
        rtol=1e-12,
    )
