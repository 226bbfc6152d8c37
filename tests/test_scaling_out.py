"""Whoever does the work, threads, processes or a cluster that loses a worker: the same numbers, and no failure is lost."""

import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import zoo

import dynsys_nn as dnn

MSE, SPAWN = dnn.MeanSquaredError(), multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def executors():
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2, SPAWN) as processes:
        yield {"here": None, "threads": threads, "processes": processes}


class ByHand(Executor):
    """The first task ends with the error, the others wait, a minute at most; the task number `refuse` is not taken."""

    def __init__(self, error, refuse=None):
        self.error, self.refuse, self.futures = error, refuse, []
        patience = threading.Timer(60, self.give_up)
        patience.daemon = True
        patience.start()

    def give_up(self):
        for future in self.futures:
            if not future.done():
                future.set_exception(TimeoutError("nobody cancelled it"))

    def submit(self, fn, /, *args, **kwargs):
        if len(self.futures) == self.refuse:
            raise self.error
        self.futures.append(Future())
        if len(self.futures) == 1 and self.refuse is None:
            self.futures[0].set_exception(self.error)
        return self.futures[-1]


# ---- the gradient, block by block


class Relative(dnn.MeanSquaredError):
    """A mean that sums over the target alone, in its order in memory."""

    def vjp(self, y, target):
        value, dy = super().vjp(y, target)
        return value - (target * target).mean(), dy


def problems(rng):
    """(name, net, loss, x, y, adjoint)"""
    for name, net in zoo.networks(rng):
        d, k = net.dim_in, net.dim_out
        yield name, net, MSE, zoo.points(rng, (7,), d), zoo.points(rng, (7,), k), None
        yield (
            f"{name}, grid",
            net,
            MSE,
            zoo.points(rng, (5, 3), d),
            zoo.points(rng, (5, 3), k),
            dnn.Checkpoints(),
        )
    net = dnn.Network(dnn.Flow(zoo.residual(rng), 0.2, steps=3), dnn.Affine(3, 4, rng=rng))
    yield (
        "labels",
        net,
        dnn.SoftmaxCrossEntropy(),
        rng.normal(size=(9, 4)),
        rng.integers(0, 3, 9),
        dnn.Checkpoints(2),
    )
    yield (
        "labels on a grid",
        net,
        dnn.MulticlassHinge(),
        rng.normal(size=(5, 2, 4)),
        rng.integers(0, 3, (5, 2)),
        None,
    )
    yield "integers", net, MSE, rng.integers(-2, 3, (7, 4)), [[0, 1, 2]] * 7, None
    columns, flow = rng.normal(size=(8, 70))[:, ::-1].T, dnn.Flow(zoo.partitioned(rng), 0.1)
    yield "x in columns", flow, MSE, columns[:, :4], columns[:, 4:].copy(), None
    yield "y in columns", flow, Relative(), columns[:, :4].copy(), columns[:, 4:], None
    flow = dnn.Flow(zoo.partitioned(rng), 0.1, dnn.SymplecticEuler(), steps=4, learn_h=True)
    yield "reversed", flow, MSE, rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), dnn.Reversed()
    trajectories = np.moveaxis(rng.normal(size=(4, 50, 6)), 0, -1)  # as `exact_flow` gives them
    yield "rollout", dnn.Rollout(flow, 6), MSE, rng.normal(size=(50, 4)), trajectories, None
    A, B = (dnn.Dense(*shape, rng=rng, dtype=np.float32) for shape in ((9, 5), (5, 9)))
    single = dnn.Network(dnn.Flow(dnn.ResidualField(A, dnn.Tanh(), B), 0.1))
    yield "float32", single, MSE, rng.normal(size=(7, 5)), rng.normal(size=(7, 5)), None
    wide = dnn.Flow(dnn.GradientField(dnn.Dense(80, 64, rng=rng), dnn.ReLU()), 0.1, dnn.RK4())
    yield "large", wide, MSE, rng.normal(size=(3000, 64)), rng.normal(size=(3000, 64)), None


@pytest.mark.parametrize("name", [name for name, *_ in problems(np.random.default_rng(0))])
def test_the_gradient_has_the_same_bits_whoever_takes_the_blocks(name, executors, rng):
    [(net, loss, x, y, adjoint)] = [problem for key, *problem in problems(rng) if key == name]
    whole = dnn.value_and_grad(net, loss, x, y, adjoint=adjoint, block=len(x))
    for block in (None, len(x) // 2 + 1) if len(x) > 9 else (None, 1, 3, 1000):
        value, g = dnn.value_and_grad(net, loss, x, y, adjoint=adjoint, block=block)
        tolerance = 1e-5 if net.theta.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(value, whole[0], rtol=tolerance)
        np.testing.assert_allclose(g, whole[1], rtol=tolerance, atol=tolerance * np.abs(g).max())
        assert value.dtype == g.dtype == net.theta.dtype
        if block == 1000:
            assert value == whole[0] and g.tobytes() == whole[1].tobytes()
        for executor in (executors["threads"], executors["processes"]):
            again = dnn.value_and_grad(net, loss, x, y, executor, block, adjoint)
            assert (
                again[0] == value
                and again[1].tobytes() == g.tobytes()
                and again[1].dtype == g.dtype
            )


def test_every_block_goes_back_by_the_adjoint_that_is_given(rng):
    class Spy(dnn.Checkpoints):
        def vjp(self, net, x):
            rows.append(len(x))
            return super().vjp(net, x)

    x, rows = rng.normal(size=(7, 2)), []
    dnn.value_and_grad(dnn.Affine(2, 2, rng=rng), MSE, x, x, block=3, adjoint=Spy())
    assert rows == [3, 3, 1]


class Total(dnn.MeanSquaredError):
    """Σ (y − target)²: no mean."""

    mean = False

    def vjp(self, y, target):
        value, dy = super().vjp(y, target)
        return y.size * value, y.size * dy


def test_a_loss_that_is_no_mean_is_taken_at_once_or_refused(executors, rng):
    net, x = dnn.Affine(3, 64, rng=rng), rng.normal(size=(5000, 64))
    y = rng.normal(size=(5000, 3))
    value, g = dnn.value_and_grad(net, Total(), x, y)
    np.testing.assert_allclose(value, y.size * MSE(net(x), y), rtol=1e-12)
    np.testing.assert_allclose(
        g, y.size * dnn.value_and_grad(net, MSE, x, y)[1], rtol=1e-9, atol=1e-9
    )
    for options in (dict(block=100), dict(executor=executors["threads"])):
        with pytest.raises(ValueError, match="a mean over samples.*Total"):
            dnn.value_and_grad(net, Total(), x, y, **options)


class Fails(dnn.MeanSquaredError):
    def vjp(self, y, target):
        raise dnn.NotConverged("no solution in this block")


@pytest.mark.parametrize("name", ["here", "threads", "processes"])
def test_an_exception_in_a_block_reaches_the_caller_and_the_executor_goes_on(name, executors, rng):
    net, x = dnn.Affine(2, 2, rng=rng), rng.normal(size=(6, 2))
    with pytest.raises(dnn.NotConverged, match="no solution in this block"):
        dnn.value_and_grad(net, Fails(), x, x, executors[name], block=1)
    assert np.isfinite(dnn.value_and_grad(net, MSE, x, x, executors[name], block=1)[0])


@pytest.mark.parametrize("error", [ArithmeticError(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("refuse", [None, 3])
def test_what_ends_one_block_cancels_those_that_wait(error, refuse, rng):
    net, x, executor = dnn.Affine(2, 2, rng=rng), rng.normal(size=(6, 2)), ByHand(error, refuse)
    with pytest.raises(type(error)):
        dnn.value_and_grad(net, MSE, x, x, executor, block=1)
    waiting = executor.futures[0 if refuse else 1 :]
    assert len(waiting) == (3 if refuse else 5) and all(future.cancelled() for future in waiting)


class ClientOfDask:
    def get_executor(self):
        pass

    submit = map = shutdown = get_executor


@pytest.mark.parametrize(
    "executor", [ThreadPoolExecutor, 4, ClientOfDask()], ids=["a class", "4", "a client"]
)
def test_what_is_no_executor_is_refused_by_name(executor):
    message = (
        "ThreadPoolExecutor"
        if not isinstance(executor, ClientOfDask)
        else r"client\.get_executor\(\)"
    )
    for call in (
        lambda: dnn.value_and_grad(
            dnn.Affine(2, 2, rng=0), MSE, np.ones((3, 2)), np.ones((3, 2)), executor
        ),
        lambda: dnn.sweep(square, dict(k=[1]), executor),
    ):
        with pytest.raises(TypeError, match=f"executor must be .*{message}"):
            call()


def test_states_of_another_dimension_are_refused_however_many():
    for shape in ((5000, 1), (3, 1), ()):
        with pytest.raises(ValueError, match="states of dimension 64"):
            dnn.value_and_grad(dnn.Affine(2, 64, rng=0), MSE, np.zeros(shape), np.zeros((5000, 2)))


# ---- sweeps


def square(k):
    return k * k


def study(kind, seed, scale=2):
    time.sleep(0.02 if seed == 1 else 0.0)  # the first ones finish last
    curve = scale * np.random.default_rng(seed).normal(size=3)
    return dict(curve=curve, total=curve.sum(), right=seed % 2 == 0, length=len(kind))


@pytest.mark.parametrize("name", ["here", "threads", "processes"])
def test_a_sweep_is_a_table_in_the_order_of_the_settings(name, executors):
    settings = dict(kind=["flow", "resnet"], seed=np.arange(1, 4), scale=[np.float64(0.5), 3])
    found, failures = dnn.sweep(study, settings, executors[name])
    assert failures == [] and found.shape == (12,)
    assert found.dtype.names == ("kind", "seed", "scale", "curve", "total", "right", "length")
    assert (
        found["seed"].dtype == np.int64
        and found["right"].dtype == bool
        and found["curve"].shape == (12, 3)
    )
    assert (
        found["kind"].tolist() == ["flow"] * 6 + ["resnet"] * 6
        and found["scale"].tolist() == [0.5, 3] * 6
    )
    for row in found:
        result = study(row["kind"], row["seed"], row["scale"])
        np.testing.assert_array_equal(row["curve"], result["curve"])
        assert row["total"] == result["total"] and row["length"] == len(row["kind"])


def test_settings_may_be_a_list_or_come_one_by_one():
    expected = dnn.sweep(square, dict(k=[3, 1]))[0]
    assert expected.dtype.names == ("k", "value") and expected["value"].tolist() == [9, 1]
    for settings in ([dict(k=3), dict(k=1)], (dict(k=k) for k in (3, 1))):
        np.testing.assert_array_equal(dnn.sweep(square, settings)[0], expected)
    found, _ = dnn.sweep(study, [dict(kind="a", seed=0), dict(seed=1, kind="b")])
    assert found["kind"].tolist() == ["a", "b"] and found["seed"].tolist() == [0, 1]


@pytest.mark.parametrize(
    "settings",
    [
        5,
        [],
        dict(k=[]),
        dict(k=3),
        dict(k="abc"),
        [1],
        [dict(k=1), dict(j=1)],
        dict(k=iter([1, 2])),
    ],
)
def test_settings_of_another_form_are_refused(settings):
    with pytest.raises((TypeError, ValueError), match="setting"):
        dnn.sweep(square, settings)
    with pytest.raises(TypeError, match="needs a function, got 3"):
        dnn.sweep(3, dict(k=[1]))


class Fussy(Exception):
    """What cannot be made again from its text."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def trouble(k):
    if k == 1:
        raise ValueError("one is no setting")
    if k == 2:
        x = np.linspace(1, 2, 10)[:, None]
        with np.errstate(all="ignore"):
            dnn.fit(dnn.Affine(1, 1, rng=0), MSE, x, x, dnn.SGD(1e3), epochs=1000)
    if k == 3:
        raise Fussy("a", "b")
    if k == 4:
        sys.exit("enough")
    return {5: None, 6: [[1.0], [2.0, 3.0]], 7: "seven", 8: {0.1: 1.0}}.get(k, 10.0 * k)


@pytest.mark.parametrize("name", ["here", "threads", "processes"])
def test_every_failure_is_named_with_its_setting_and_the_rest_is_kept(name, executors):
    found, failures = dnn.sweep(trouble, dict(k=range(11)), executors[name])
    assert found["k"].tolist() == [0, 9, 10] and found["value"].tolist() == [0.0, 90.0, 100.0]
    assert [setting for setting, _ in failures] == [dict(k=k) for k in range(1, 9)]
    for (_, error), (kind, words) in zip(failures, [
        (ValueError, "one is no setting"), (dnn.TrainingDiverged, "training diverged"), (RuntimeError, "Fussy: a and b"),
        (RuntimeError, "SystemExit: enough"), (TypeError, "value is None"), (ValueError, ""), (TypeError, "seven"),
        (TypeError, "words, got 0.1"),
    ], strict=True):  # fmt: skip
        assert type(error) is kind and words in str(error)
    assert len(failures[1][1].history.loss) > 5


def test_a_sweep_without_one_result_is_an_empty_table():
    found, failures = dnn.sweep(trouble, dict(k=[1, 5]))
    assert len(found) == 0 and len(failures) == 2


def test_a_function_that_no_process_can_import_is_a_failure_and_no_hang(executors):
    found, failures = dnn.sweep(lambda k: k, dict(k=range(5)), executors["processes"])
    assert len(found) == 0 and [setting["k"] for setting, _ in failures] == [0, 1, 2, 3, 4]
    assert all("<lambda>" in str(error) for _, error in failures)
    assert dnn.sweep(square, dict(k=[2]), executors["processes"])[0]["value"] == [
        4
    ]  # the executor goes on


def dies_at_two(k):
    if k == 2:
        os._exit(1)
    return k


def test_where_a_worker_dies_what_finished_is_kept_and_the_rest_is_named():
    with ProcessPoolExecutor(1, SPAWN) as processes:
        found, failures = dnn.sweep(dies_at_two, dict(k=range(5)), processes)
        assert found["value"].tolist() == [0, 1] and [setting["k"] for setting, _ in failures] == [
            2,
            3,
            4,
        ]
        assert all(isinstance(error, BrokenProcessPool) for _, error in failures)
        with pytest.raises(BrokenProcessPool):
            dnn.sweep(dies_at_two, dict(k=[0, 1]), processes)  # which takes nothing more


class Breaks(Executor):
    """At once, and for the first two tasks only."""

    taken = 0

    def submit(self, fn, /, *args, **kwargs):
        if self.taken == 2:
            raise BrokenProcessPool("a worker died")
        self.taken, future = self.taken + 1, Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_an_executor_that_breaks_before_it_has_all_settings_keeps_what_finished():
    found, failures = dnn.sweep(square, dict(k=range(4)), Breaks())
    assert found["value"].tolist() == [0, 1] and [setting["k"] for setting, _ in failures] == [2, 3]
    assert all(isinstance(error, BrokenProcessPool) for _, error in failures)
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        dnn.sweep(square, dict(k=range(4)), closed)


def test_columns_hold_objects_where_shapes_differ_or_values_are_no_numbers():
    found, failures = dnn.sweep(
        lambda n, stages: np.arange(n), dict(n=[2, 3], stages=[(1, 2), ((3,), 4)])
    )
    assert not failures and [value.tolist() for value in found["value"]] == [
        [0, 1],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2],
    ]
    assert found["stages"].tolist() == [(1, 2), ((3,), 4)] * 2
    for sizes in ([1, "all"], [1, "all", None, MSE, square], [[1], 2]):
        assert dnn.sweep(lambda size: 1, dict(size=sizes))[0]["size"].tolist() == sizes


def test_a_result_with_other_names_is_a_failure_that_keeps_it():
    found, failures = dnn.sweep(lambda k: {"even" if k % 2 == 0 else "odd": k}, dict(k=[0, 1, 2]))
    assert found["even"].tolist() == [0, 2]
    [(setting, error)] = failures
    assert setting == dict(k=1) and error.result == dict(odd=1)
    assert "need ['even'], as before, got ['odd']" in str(error)
    found, [(_, error)] = dnn.sweep(lambda k: dict(k=5), dict(k=[0]))
    assert len(found) == 0 and error.result == dict(k=5) and "other names than ['k']" in str(error)


def stopped(k):
    """A training that Ctrl-C interrupts for k = 2; `fit` returns its history so far."""
    x = np.linspace(0, 1, 5)[:, None]

    def callback(epoch, history):
        if k == 2:
            signal.raise_signal(signal.SIGINT)

    return dnn.fit(dnn.Affine(1, 1, rng=k), MSE, x, x, epochs=3, callback=callback).loss[-1]


def interrupted(k):
    if k == 2:
        raise KeyboardInterrupt
    return 1.0


@pytest.mark.parametrize("function", [stopped, interrupted])
def test_ctrl_c_ends_a_sweep_and_returns_what_is_finished(function, ctrl_c):
    found, failures = dnn.sweep(function, dict(k=range(5)))
    assert found["k"].tolist() == [0, 1] and [setting["k"] for setting, _ in failures] == [2, 3, 4]
    assert all(isinstance(error, KeyboardInterrupt) for _, error in failures)
    assert signal.getsignal(signal.SIGINT) is ctrl_c


def test_ctrl_c_cancels_the_settings_that_wait():
    executor = ByHand(KeyboardInterrupt())
    found, failures = dnn.sweep(square, dict(k=range(4)), executor)
    assert len(found) == 0 and [setting["k"] for setting, _ in failures] == [0, 1, 2, 3]
    assert all(future.cancelled() for future in executor.futures[1:])


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("name", ["here", "threads"])
def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(
    stream, name, executors, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "stderr", stream())
    dnn.sweep(trouble, dict(k=[0, 1, 9]), executors[name])
    text = sys.stderr.getvalue()
    dnn.sweep(trouble, dict(k=[0, 1, 9]), executors[name], progress=False)
    assert sys.stderr.getvalue() == text and capsys.readouterr().out == ""
    assert (text == "") == (stream is io.StringIO) and text.count("\n") == (1 if text else 0)
    assert not text or "3 of 3 done, 1 failed" in text.split("\r")[-1]


def test_divergence_comes_home_from_another_process_with_its_history():
    with pytest.raises(dnn.TrainingDiverged) as caught:
        trouble(2)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and copy.history.loss == caught.value.history.loss


# ---- a cluster


def first(folder):
    """Whether it is the first call with this folder, in any process."""
    try:
        os.close(os.open(os.path.join(folder, "was here"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


class Deadly(dnn.MeanSquaredError):
    """Kills its process the first time that it is called."""

    def __init__(self, folder):
        self.folder = folder

    def vjp(self, y, target):
        if first(self.folder):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().vjp(y, target)


def training(seed, priority, folder=None):
    """A network after a few epochs; `priority` is a word of Dask's own `submit`. For seed 2 a process is killed, once."""
    if seed == 2 and folder is not None and first(folder):
        os.kill(os.getpid(), signal.SIGKILL)
    x, labels = dnn.datasets.moons(100, rng=seed)
    X = dnn.ResidualField(dnn.Dense(3, 2, rng=seed), dnn.Tanh(), dnn.Dense(2, 3, rng=seed))
    net = dnn.Network(dnn.Flow(X, 0.2, dnn.RK4(), steps=3))
    history = dnn.fit(
        net, dnn.SoftmaxCrossEntropy(), x, labels, epochs=3, batch_size=30, rng=seed, progress=False
    )
    return dict(loss=history.loss, theta=net.theta * priority, process=os.getpid())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a worker is killed by SIGKILL")
@pytest.mark.filterwarnings("default")  # the engine's own warnings are not ours
def test_a_cluster_that_loses_workers_gives_the_same_bits(tmp_path, rng):
    distributed = pytest.importorskip(
        "distributed", reason='needs the extra "cluster", dask.distributed'
    )
    net = dnn.Network(
        dnn.Flow(zoo.residual(rng), 0.2, dnn.RK4(), steps=2, learn_h=True),
        dnn.Affine(3, 4, rng=rng),
    )
    x, y = rng.normal(size=(70, 4)), rng.normal(size=(70, 3))
    for name in ("gradient", "sweep"):
        (tmp_path / name).mkdir()
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        assert len({os.getpid(), *client.run(os.getpid).values()}) == 3
        for loss in (Deadly(str(tmp_path / "gradient")), MSE):  # and with another θ
            value, g = dnn.value_and_grad(net, loss, x, y, executor, block=16)
            again = dnn.value_and_grad(net, MSE, x, y, block=16)
            assert value == again[0] and g.tobytes() == again[1].tobytes()
            net.theta = net.theta + 0.1
        settings = dict(seed=range(6), priority=[1, 2])
        found, failures = dnn.sweep(
            training, settings | dict(folder=[str(tmp_path / "sweep")]), executor
        )
        assert not failures and os.getpid() not in found["process"]
    expected, _ = dnn.sweep(training, settings)
    for column in ("seed", "priority", "loss", "theta"):
        assert found[column].tobytes() == expected[column].tobytes()
    assert all(
        (tmp_path / name / "was here").exists() for name in ("gradient", "sweep")
    )  # two workers were killed


def test_an_array_that_a_map_keeps_is_not_added_to():
    """A pullback may give back an array that its map goes on using: the sum over blocks is another one."""

    class Constant(dnn.Map):
        """x + c, with a gradient in c that is ready-made."""

        dim_in = dim_out = 1

        def __init__(self):
            self.own(c=0.0)
            self.ready = np.ones(1)

        def __call__(self, x):
            return x + self.c

        def vjp(self, x):
            return x + self.c, lambda w: (w, self.ready)

    F, x = Constant(), np.ones((6, 1))
    _, gradient = dnn.value_and_grad(F, dnn.MeanSquaredError(), x, x, block=2)
    assert gradient == 3 and F.ready == 1  # three blocks
