"""Rates as functions of the fraction of the training, clipping, and a hook after each step."""

import json
import math
import pickle

import numpy as np
import pytest
from zoo import RATES

import dynsys_nn as dnn

MSE, X = dnn.MeanSquaredError(), np.linspace(-1, 1, 10)[:, None]


def test_rates_in_closed_form():
    """The values of torch 2.13 at these fractions; and where the pieces meet."""
    s, rate = np.array([0, 0.2, 0.4, 0.7, 1]), dnn.OneCycle(1e-3, 5e-2, rise=0.4)
    np.testing.assert_allclose(rate(s), [1e-3, 2.55e-2, 5e-2, 2.500005e-2, 1e-7], rtol=1e-14)
    np.testing.assert_array_equal(rate(s), [rate(t) for t in s])
    u = np.linspace(0, 0.4, 9)  # each half of a period is symmetric about its middle
    np.testing.assert_allclose(rate(0.4 - u) + rate(u), 5.1e-2, rtol=1e-14)
    np.testing.assert_allclose(rate(0.4 + u) + rate(1 - u), 5e-2 + 1e-7, rtol=1e-14)
    about = np.array([0.4 - 1e-9, 0.4 + 1e-9])
    np.testing.assert_allclose(rate(about), 5e-2, rtol=1e-15)
    rising = np.diff(rate(np.linspace(0, 1, 101))) > 0
    assert rising[:40].all() and not rising[40:].any()
    np.testing.assert_allclose(
        dnn.Steps(5e-3, every=0.45)(np.array([0, 0.4499, 0.45, 0.9])), [5e-3, 5e-3, 5e-4, 5e-5]
    )
    for n in range(1, 60):  # k/n is a whole number of parts of length 1/n, whatever is rounded
        np.testing.assert_allclose(
            dnn.Steps(1.0, 1 / n, factor=2.0)(np.arange(n) / n), 2.0 ** np.arange(n)
        )
    np.testing.assert_allclose(dnn.Cosine(0.3, 0.1)(s), 0.2 + 0.1 * np.cos(np.pi * s), rtol=1e-15)
    assert dnn.Cosine(0.3, 0.1)(1.0) == 0.1


@pytest.mark.parametrize("rate", RATES, ids=repr)
def test_a_rate_is_known_by_what_it_was_built_from(rate):
    for optimiser in (dnn.SGD(rate, 0.5), dnn.Adam(rate)):
        assert eval(repr(optimiser), vars(dnn)) == optimiser
        assert pickle.loads(pickle.dumps(optimiser)) == optimiser
        assert optimiser != type(optimiser)(dnn.Cosine(0.2))


def fitted(rate=0.01, epochs=3, net=None, optimiser=None, **options):
    """Nine steps of SGD, three batches in each of three epochs."""
    net = net or dnn.Affine(1, 1, rng=0)
    optimiser = optimiser or dnn.SGD(rate, momentum=0.9)
    options = dict(epochs=epochs, batch_size=4, rng=0, progress=False) | options
    return net, dnn.fit(net, MSE, X, np.sin(3 * X), optimiser, **options)


def test_a_rate_is_asked_at_step_over_steps(tmp_path, monkeypatch):
    asked, path = [], tmp_path / "run.npz"
    monkeypatch.setattr(dnn.Cosine, "__call__", lambda self, s: asked.append(s) or 0.1)
    optimiser = dnn.SGD(dnn.Cosine(0.1))
    asked.clear()  # what it was looked at with
    fitted(optimiser=optimiser)
    assert asked == [k / 9 for k in range(9)]
    asked.clear()
    fitted(optimiser=optimiser, batch_size=None, epochs=2, checkpoint=path)
    assert asked == [0, 1 / 2]
    asked.clear()
    fitted(optimiser=optimiser, batch_size=None, epochs=4, checkpoint=path)  # goes on at a half
    assert asked == [2 / 4, 3 / 4]

    class Own(dnn.Optimiser):
        def step(self, theta, g, memory, fraction):
            asked.append(fraction)

    asked.clear()
    fitted(optimiser=Own(), epochs=1)
    assert asked == [0, 1 / 3, 2 / 3]


def test_a_step_is_as_long_as_the_rate_says():
    """One step each of momentum 0 and of Adam, whose first is as long as the rate, at s = ½."""
    g, rate = np.array([3.0, -2.0]), dnn.Cosine(0.2)
    for optimiser, step in ((dnn.SGD(rate), 0.1 * g), (dnn.Adam(rate), 0.1 * np.sign(g))):
        theta = np.zeros(2)
        optimiser.step(theta, g, optimiser.start(theta), 0.5)
        np.testing.assert_allclose(theta, -step, rtol=1e-7)


def test_a_rate_that_fails_on_the_way_is_named_with_where():
    with pytest.raises(ValueError, match=r"at every s in \[0, 1\), got -1 at s = 0.111111"):
        fitted(lambda s: -1 if s == 1 / 9 else 0.1)

    class Recording(dnn.SGD):  # does not hand on what it is not told
        def step(self, theta, g, memory):
            super().step(theta, g, memory)

    fitted(optimiser=Recording(0.1))
    with pytest.raises(
        ValueError, match=r"Cosine\(0.1\) is a function of the fraction of the trai"
    ):
        fitted(optimiser=Recording(dnn.Cosine(0.1)))


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "optimiser",
    [*map(dnn.Adam, RATES), dnn.SGD(lambda s: 0.01 * math.exp(-s), momentum=0.5)],
    ids=repr,
)
def test_a_killed_training_ends_as_if_nothing_had_been(optimiser, tmp_path):
    path, options = tmp_path / "run.npz", dict(optimiser=optimiser, epochs=4, clip=0.5)
    whole, history = fitted(**options)

    def kill(step, loss):
        if step == 7:
            raise Killed

    with pytest.raises(Killed):
        fitted(checkpoint=path, after_step=kill, **options)
    steps = []
    again, other = fitted(checkpoint=path, after_step=lambda *a: steps.append(a[0]), **options)
    assert again.theta.tobytes() == whole.theta.tobytes() and other.loss == history.loss
    assert steps == list(range(6, 12))


def test_another_rate_or_clip_is_another_run_and_an_older_file_is_one_without_clip(tmp_path):
    path = tmp_path / "run.npz"
    fitted(dnn.Cosine(0.1), epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="whose optimiser.rate.high was 0.1, and now it is 0.2"):
        fitted(dnn.Cosine(0.2), checkpoint=path)
    with pytest.raises(ValueError, match="whose clip was None, and now it is 1.0"):
        fitted(dnn.Cosine(0.1), checkpoint=path, clip=1)
    with np.load(path) as archive:
        arrays = dict(archive)
    run = json.loads(arrays["run"].item())
    assert run.pop("clip") is None
    np.savez(path, **arrays | dict(run=json.dumps(run)))
    _, history = fitted(dnn.Cosine(0.1), checkpoint=path)
    assert len(history.loss) == 3


class Seen(dnn.Optimiser):
    """Notes the gradients, and moves nothing."""

    def __init__(self, gradients):
        self.gradients = gradients

    def step(self, theta, g, memory):
        self.gradients.append(g.copy())


class Slope(dnn.Penalty):
    """⟨c, θ⟩."""

    def __init__(self, net, c):
        self.maps, self.c = (net,), c

    def value(self):
        return self.c @ self.maps[0].theta

    def gradient(self, net):
        return self.c


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e200])
def test_clipping_leaves_the_direction_and_what_is_short(scale):
    """Of the gradient of loss and penalties, in all of θ, though its square may be no number."""
    net, c = dnn.Affine(1, 1, W=[[0.0]]), scale * np.array([3.0, -4.0])
    for clip, expected in ((scale / 2, c / 10), (6 * scale, c)):
        seen = []
        options = dict(epochs=1, penalties=[Slope(net, c)], progress=False, clip=clip)
        dnn.fit(net, MSE, X, 0 * X, Seen(seen), **options)
        np.testing.assert_allclose(seen[0], expected, rtol=1e-14)
    seen = []
    dnn.fit(net, MSE, X, 0 * X, Seen(seen), epochs=1, clip=1e-9, progress=False)
    assert not seen[0].any()


def test_after_each_step_the_hook_sees_the_constrained_network_and_the_loss():
    seen, net = [], dnn.Dense(2, 2, rng=0)
    x = np.random.default_rng(0).normal(size=(10, 2))

    def look(step, loss):
        seen.append((step, loss, np.abs(net.W.T @ net.W - np.eye(2)).max(), net.theta.copy()))

    options = dict(epochs=3, batch_size=5, rng=0, progress=False, after_step=look)
    history = dnn.fit(
        net, MSE, x, x[:, ::-1], dnn.SGD(0.1), constraints=[dnn.Orthogonal(net)], **options
    )
    steps, losses, defects, thetas = zip(*seen, strict=True)
    assert steps == tuple(range(6)) and max(defects) < 1e-14
    np.testing.assert_allclose(np.reshape(losses, (3, 2)).mean(axis=1), history.loss, rtol=1e-14)
    assert len({theta.tobytes() for theta in thetas}) == 6
    assert thetas[-1].tobytes() == net.theta.tobytes()


def test_the_hook_of_lbfgs_is_called_after_each_iteration():
    seen, net = [], dnn.Affine(1, 1, rng=0)

    def look(step, loss):
        seen.append((step, loss))
        assert loss == MSE(net(X), np.sin(3 * X))

    _, history = fitted(net=net, optimiser=dnn.LBFGS(), batch_size=None, after_step=look)
    assert seen == list(enumerate(history.loss)) and len(seen) > 1

    def stop(step, loss):
        raise StopIteration

    with pytest.raises(RuntimeError, match="or after_step, raised StopIteration"):
        fitted(optimiser=dnn.LBFGS(), batch_size=None, after_step=stop)


@pytest.mark.parametrize("optimiser", [dnn.SGD(0.1), dnn.LBFGS()], ids=repr)
def test_a_hook_looks_and_does_not_touch(optimiser):
    net = dnn.Affine(1, 1, rng=0)

    def touch(step, loss):
        net.theta[0] += 1e-9

    with pytest.raises(TypeError, match="touch: θ is changed; what moves it after each step is a"):
        fitted(net=net, optimiser=optimiser, batch_size=None, after_step=touch)
