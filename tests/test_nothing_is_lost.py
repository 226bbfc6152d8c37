"""A map, a training, a step: what is saved comes back to the last bit, and what cannot be read is refused by name."""

import copy
import itertools
import os
import pickle
import re
import signal
import sys
import threading
import time
from collections import deque

import numpy as np
import pytest
import zoo
from conftest import ROOT, WASM, run

import dynsys_nn as dnn
from dynsys_nn import checks, files, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.maps.parameters import DEEPEST

LOST = (
    "KnownField",
    "KnownField with its flow",
    "KnownSkewField",
    "PartitionedField with a Known clock",
    "InvariantField of a given I",
)  # made of functions, which no file keeps


def maps(rng):
    """(name, map) for every kind of map, and every method."""
    for name, make in {**zoo.FIELDS, **zoo.LINEAR}.items():
        yield name, make(rng)
    for name, method, field in zoo.pairs(rng):
        yield f"Flow by {name}", dnn.Flow(field, -0.1, method, steps=2, learn_h="Euler" in name)
    yield from zoo.networks(rng)
    yield "Rollout", dnn.Rollout(zoo.henon(rng), 3)
    for name, make in zoo.MAPS.items():
        yield name, make(rng)
    yield "Zero", dnn.Zero(3, 2)
    A = zoo.randomise(dnn.Convolution(4, 2, (4, 6), groups=2, rng=rng, dtype=np.float32), rng)
    yield (
        "images",
        dnn.Network(
            dnn.Standardisation(2, (4, 6), [0.1, 0.2], 0.5),
            A,
            dnn.MaxPooling(4, (4, 6)),
            dnn.Affine(3, 24, rng=rng, dtype=np.float32),
        ),
    )
    yield "float32", dnn.Network(dnn.Lift(4, 2), dnn.Affine(3, 4, rng=rng, dtype=np.float32))


def is_lost(name, F):
    method = repr(getattr(F, "method", ""))
    return (
        name in LOST
        or "PositionVerlet" in method
        or "Invariant" in method
        or "given I" in name
        or "ExactFlow, given" in name
    )


def same(F, G):
    """F and G are built alike, with the same θ to the bit."""
    return (
        type(F) is type(G) and F.theta.dtype == G.theta.dtype and F.theta.tobytes() == G.theta.tobytes()
        and list(F.parameters) == list(G.parameters) and files.architecture(F) == files.architecture(G)
    )  # fmt: skip


def test_every_map_comes_back_with_the_same_values_to_the_last_bit(rng, tmp_path):
    path, kinds = tmp_path / "map.npz", set()
    for name, F in maps(rng):
        if is_lost(name, F):
            continue
        F.save(path)
        G = dnn.Network.load(path)
        assert same(F, G), name
        x = zoo.points(rng, (5,), F.dim_in).astype(F.theta.dtype)
        (y, pullback), (z, back) = F.vjp(x), G.vjp(x)
        w = rng.normal(size=y.shape).astype(y.dtype)
        for a, b in zip((F(x), y, *pullback(w)), (G(x), z, *back(w)), strict=True):
            assert a.tobytes() == b.tobytes(), name
        kinds |= {type(part).__name__ for part in dnn.maps.every_map(F)} | {type(F).__name__}
    abstract = {"Map", "Field", "LinearMap", "SkewGradientField"}
    assert kinds >= {name for name in dnn.__all__ if is_a_map(getattr(dnn, name))} - abstract - {
        "KnownField"
    }


SYSTEMS = {
    "mass_example": {}, "sir": dict(beta=0.3, gamma=0.1), "harmonic_oscillator": {}, "pendulum": {}, "kepler": dict(eccentricity=0.1),
    "lotka_volterra": dict(a=0.1, c=1 / 3), "rigid_body": dict(inertia=(3, 0.7, 0.1)), "henon_heiles": {},
    "damped_oscillator": dict(gamma=0.7),
    "driven_pendulum": dict(damping=0.3, frequency=-2), "mathieu": dict(epsilon=0), "free_fall": {}, "spherical_pendulum": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "name", sorted({*dnn.systems.__all__} - {"separable"})
)  # of functions that are given
def test_a_system_comes_back_with_its_constants_and_invariants(name, tmp_path, rng):
    system, path = getattr(dnn.systems, name)(**SYSTEMS[name]), tmp_path / "map.npz"
    x = 0.3 + rng.random((5, system.dim))
    rest = dnn.ResidualField(
        dnn.Dense(system.dim, system.dim, W=0 * np.eye(system.dim)), dnn.Tanh()
    )
    for I in system.invariants.values() or [dnn.Mass()]:
        step = dnn.Projected(dnn.RK4(), I)
        ours = dnn.Network(
            dnn.Flow(system, 0.1, step),
            dnn.Dense(system.dim, system.dim, rng=0),
            dnn.Flow(system, 0.2),
        )
        for F in (system, dnn.SumField(system, system), ours, dnn.Flow(rest, 0.1, step)):
            F.save(path)
            G = dnn.Map.load(path)
            assert G(x).tobytes() == F(x).tobytes() and G.keeps == F.keeps
            assert G.jacobian(x).tobytes() == F.jacobian(x).tobytes()
            for copied in (copy.deepcopy(F), pickle.loads(pickle.dumps(F))):
                copied.save(tmp_path / "again.npz")
                assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
        ours.save(path)
        G = dnn.Map.load(path)
        again = G.maps[0].field
        assert again is G.maps[2].field and again.invariants == system.invariants
        assert not system.invariants or any(
            J is G.maps[0].method.invariant for J in again.invariants.values()
        )
    assert again.x0.tobytes() == system.x0.tobytes() and list(again.invariants) == list(
        system.invariants
    )
    for J, I in zip(again.invariants.values(), system.invariants.values(), strict=True):
        assert (
            J == I
            and J(x).tobytes() == I(x).tobytes()
            and J.hvp(x, x).tobytes() == I.hvp(x, x).tobytes()
        )


def test_a_part_of_a_system_comes_back_and_one_that_was_changed_is_refused(tmp_path):
    force, path = dnn.systems.pendulum().g, tmp_path / "map.npz"
    F = dnn.PartitionedField(dnn.Dense(1, 1, W=[[2.0]]), force)
    F.save(path)
    np.testing.assert_allclose(dnn.Map.load(path)([0.5, 0.25]), [0.5, -np.sin(0.5)], rtol=1e-15)
    changed = dnn.systems.sir()
    changed.fun = lambda x: -x
    other = dnn.systems.pendulum()
    other.x0 = np.ones(2)
    third = dnn.systems.sir()
    third.invariants = {"mass": third.invariants["mass"]}
    for F in (changed, dnn.Flow(other, 0.1), third):
        with pytest.raises(
            TypeError, match="once was systems.(sir|pendulum), and has been changed"
        ):
            F.save(path)
    part = copy.copy(force)
    part.fun = np.sin
    with pytest.raises(TypeError, match="fun of KnownField is <ufunc 'sin'>"):
        dnn.PartitionedField(part, force).save(path)
    given = dnn.systems.separable(np.cos, np.sin, "complex step", x0=(1.0, 0.0))
    with pytest.raises(TypeError, match="V of separable is"):
        dnn.Flow(given, 0.1).save(path)


def test_a_file_names_no_system_that_is_not_ours(tmp_path):
    np.savez(
        tmp_path / "map.npz",
        architecture='{"dynsys_nn": 1, "map": {"system": "_system"}}',
        theta=np.zeros(0),
    )
    with pytest.raises(
        ValueError, match="it refers to _system, which is not a system of dynsys_nn"
    ):
        dnn.Map.load(tmp_path / "map.npz")


def is_a_map(thing):
    return isinstance(thing, type) and issubclass(thing, dnn.Map)


def test_shared_weights_are_shared_again(tmp_path, rng):
    [net] = [net for name, net in zoo.networks(rng) if name == "shared"]
    net.save(tmp_path / "net.npz")
    again = dnn.Network.load(tmp_path / "net.npz")
    assert again.maps[0] is again.maps[2] and again.theta.size == net.theta.size
    f = zoo.shared_shear(rng)
    f.save(tmp_path / "f.npz")
    assert (g := dnn.Map.load(tmp_path / "f.npz")).f is g.g


def tied(rng):
    """Networks in which parts are met again in every way."""
    dense, affine = dnn.Dense(4, 4, rng=rng), dnn.Affine(4, 4, rng=rng)
    X, H = (
        dnn.GradientField(dense, dnn.Tanh()),
        dnn.HamiltonianField(dnn.Dense(5, 4, rng=rng), dnn.Tanh()),
    )
    step, learned = dnn.Flow(X, 0.1), dnn.Flow(X, 0.2, learn_h=True)
    body = dnn.Network(step, affine)
    return {
        "one field in two flows": dnn.Network(step, dnn.Flow(X, 0.2, dnn.RK4()), learned),
        "one matrix in two fields": dnn.Network(step, dnn.Flow(dnn.ResidualField(dense, dnn.Tanh()), 0.1)),
        "one body below two heads": dnn.Network(dnn.Network(body, learned), dnn.Network(*body.maps, dnn.Lift(4, 4))),
        "a part of a network beside it": dnn.Network(body, body[:1], body[1]),
        "the matrix of an affine map, after it": dnn.Network(affine, dnn.Flow(dnn.ResidualField(affine.A, dnn.Tanh()), 0.1)),
        "the matrix of an affine map, before it": dnn.Network(dnn.Flow(dnn.ResidualField(affine.A, dnn.Tanh()), 0.1), affine),
        "an energy's flow and its descent": dnn.Network(dnn.Flow(H.dH, 0.1), dnn.Flow(H, 0.1, dnn.ImplicitMidpoint())),
    }  # fmt: skip


@pytest.mark.parametrize("name", tied(np.random.default_rng(0)))
def test_parameters_that_are_tied_are_tied_again(name, tmp_path, rng):
    net = tied(rng)[name]
    net.save(tmp_path / "net.npz")
    again = dnn.Network.load(tmp_path / "net.npz")
    assert same(net, again) and again.theta.size < sum(F.theta.size for F in net.maps)
    x, w = rng.normal(size=(2, 3, 4))
    theta = rng.normal(size=net.theta.size)
    net.theta = again.theta = theta  # a part that is not tied would stay behind
    for a, b in zip(net.vjp(x)[1](w), again.vjp(x)[1](w), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def shallow():
    """Two thirds of Python's stack are taken already."""
    frame, depth, limit = sys._getframe(), 0, sys.getrecursionlimit()
    while frame:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 330)
    yield
    sys.setrecursionlimit(limit)


def test_a_layer_at_a_time_is_as_good_as_all_at_once(tmp_path, shallow):
    """Each network in the next, as deep as they may nest: it does and keeps what the flat one with the same layers does."""
    rng, path, loss = np.random.default_rng(0), tmp_path / "net.npz", dnn.MeanSquaredError()
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    layers = [dnn.Dense(2, 2, W=rotation) for _ in range(DEEPEST - 4)]
    F = dnn.Flow(dnn.PartitionedField.random(2, 2, rng=rng), 0.1, dnn.SymplecticEuler())
    layers[18:18] = [F, F]
    deep = dnn.Network(layers[0])
    for F in layers[1:]:
        deep = dnn.Network(deep, F)
    flat = dnn.Network(*copy.deepcopy(layers))
    x, y, w, v = rng.normal(size=(4, 3, 2))

    def all_of(net):
        yield from (*net.vjp(x)[1](w), *net.jvp(x, v, np.cos(net.theta)), net.inverse(y), net(x))
        yield from (net.lipschitz(), lipschitz.certified_radius(net, x), net.theta)
        for adjoint in (None, dnn.Checkpoints(), dnn.Checkpoints(3)):
            yield from dnn.value_and_grad(net, loss, x, y, adjoint=adjoint)

    found = list(all_of(flat))
    deep.save(path)
    for net in (deep, copy.deepcopy(deep), pickle.loads(pickle.dumps(deep)), dnn.Map.load(path)):
        for a, b in zip(all_of(net), found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)
        assert len(net.maps[0].maps[0].maps) == 2 and list(net.parameters) == list(deep.parameters)
    assert net.maps[1] is not deep.maps[1] and net.theta.size == flat.theta.size
    second = [dnn.hessian_times(net, loss, x, y, np.sin(net.theta)) for net in (deep, flat)]
    np.testing.assert_allclose(*second, rtol=1e-9, atol=1e-12)
    n = len(layers)
    assert list(deep.parameters)[:2] == [n * "0." + "W", (n - 2) * "0." + "1.W"]
    with pytest.raises(
        ValueError, match=r"at most 40 deep, got a Network 41 deep: put its parts side by side"
    ):
        for _ in range(3):
            deep = dnn.Network(deep, dnn.Lift(2, 2))
    assert deep.facts() == flat.facts() and "Σ" in deep.summary() and repr(deep) == "Network(2 → 2)"
    assert weights(deep)[0] is layers[0] and len(lipschitz.profile(deep, x[:1], steps=1).bound) == 2


def summed(depth, rng):
    """A sum in a sum in a sum …"""
    X = dnn.GradientField.random(2, 2, rng=rng)
    while X._depth < depth:
        X = dnn.SumField(X, dnn.GradientField.random(2, 2, rng=rng))
    return X


def test_other_maps_nest_as_deep_as_everything_works(tmp_path, rng, shallow):
    X = summed(DEEPEST - 1, rng)
    F = dnn.Flow(X, 1e-3, dnn.RK4())
    x, path = rng.normal(size=(3, 2)), tmp_path / "F.npz"
    checks.adjoint(F, x).require()
    checks.tangent(F, x).require()
    F.save(path)
    for G in (copy.deepcopy(F), pickle.loads(pickle.dumps(F)), dnn.Map.load(path)):
        assert G(x).tobytes() == F(x).tobytes() and list(G.parameters) == list(F.parameters)
    assert not X.keeps and X.is_gradient and X.lipschitz() > 0 and X.spectrum()[1] <= 0
    dnn.fit(F, dnn.MeanSquaredError(), x, x, epochs=1, checkpoint=tmp_path / "run.npz")
    with pytest.raises(
        ValueError,
        match=r"maps nest at most 40 deep, got a SumField 41 deep: put its parts side by side",
    ):
        summed(DEEPEST + 1, rng)


def test_a_file_of_the_first_version_is_read_to_the_bit(tmp_path):
    """As version 0.1 wrote it before parameters were borrowed: a learned step, tied flows, an energy with α, an affine map."""
    code = """{"dynsys_nn": 1, "map": {"class": "Network", "maps": [{"class": "Flow", "field": {"class": "GradientField", "A":
        {"class": "Dense", "dim_out": 1, "dim_in": 2, "dtype": "float64"}, "sigma": {"class": "LeakyReLU", "slope": 0.25}, "sign": -1,
        "alpha": null}, "h": 1.0, "method": {"class": "RK4"}, "steps": 2, "learn_h": true}, {"class": "Flow", "field":
        {"class": "HamiltonianField", "A": {"class": "Dense", "dim_out": 1, "dim_in": 2, "dtype": "float64"}, "sigma":
        {"class": "Tanh"}, "alpha": [0.0]}, "h": 0.1, "method": {"class": "ImplicitMidpoint"}, "steps": 1, "learn_h": false},
        {"same as": 4}, {"class": "Affine", "dim_out": 1, "dim_in": 2, "dtype": "float64"}]}}"""
    np.savez(tmp_path / "old.npz", architecture=code, theta=np.arange(1, 12) / 10)
    net = dnn.Network.load(tmp_path / "old.npz")
    assert list(net.parameters) == ["0.A", "0.b", "0.h", "1.A", "1.b", "1.alpha", "3.W", "3.b"]
    np.testing.assert_array_equal(net.theta, np.arange(1, 12) / 10)
    assert net.maps[0] is net.maps[2] and net.maps[1].field.alpha == 0.8
    np.testing.assert_allclose(net([0.5, -0.25]), [1.1687404437394953], rtol=1e-13)


def test_an_invariant_in_field_and_method_is_one_object_again(tmp_path, rng):
    Q = zoo.QUADRATIC
    F = dnn.Flow(zoo.invariant_field(rng, Q), 0.1, dnn.Projected(dnn.RK4(), Q))
    F.save(tmp_path / "F.npz")
    G = dnn.Map.load(tmp_path / "F.npz")
    assert G.field.invariant is G.method.invariant and G.keeps == F.keeps == {"invariant"}


def test_values_that_are_not_finite_are_kept_too(tmp_path):
    F = dnn.Dense(2, 2, rng=0)
    F.theta[:] = [np.nan, -np.inf, -0.0, 5e-324]
    F.save(tmp_path / "F.npz")
    assert same(F, dnn.Map.load(tmp_path / "F.npz"))


def test_what_a_file_cannot_keep_is_refused_by_name_and_the_old_file_stays(rng, tmp_path):
    path = tmp_path / "map.npz"
    dnn.Lift(3, 2).save(path)
    before = path.read_bytes()

    class Own(dnn.Dense):
        pass

    cases = {
        "fun of KnownField is <": dnn.Flow(dnn.KnownField(lambda x: -x, 2), 0.1),
        "method of Flow is PositionVerlet()": dnn.Flow(
            zoo.partitioned(rng), 0.1, zoo.PositionVerlet()
        ),
        "value of Invariant is <function": zoo.invariant_field(rng, zoo.WAVY),
        "but it is Own(2 → 3)": Own(3, 2, rng=rng),
        "an item of maps of Network is Own(2 → 3)": dnn.Network(Own(3, 2, rng=rng)),
        "but it is Lift(2 → 3)": type("Lift", (dnn.Lift,), {})(3, 2),  # of our name, but not ours
    }
    for words, F in cases.items():
        with pytest.raises(TypeError, match=f"{re.escape(words)}.*[Ss]ave θ alone"):
            F.save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["map.npz"]


# ---- files that are not what they should be


@pytest.fixture
def file(tmp_path, rng):
    path = tmp_path / "net.npz"
    dnn.Network(dnn.Lift(3, 2), dnn.Flow(zoo.residual(rng, 3), 0.1)).save(path)
    return path


def refusal(path):
    with pytest.raises(ValueError) as refused:
        dnn.Network.load(path)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_a_truncated_file_is_refused_by_name(file):
    whole = file.read_bytes()
    for size in [*range(0, len(whole), 37), len(whole) - 1]:
        file.write_bytes(whole[:size])
        assert "is not a map file of dynsys_nn, or is damaged" in refusal(file)


def test_a_file_with_a_wrong_byte_is_refused_or_harmless(file):
    """Where the byte is in a date or another field that nobody reads, what comes is what was saved."""
    whole, net = file.read_bytes(), dnn.Network.load(file)
    refused = 0
    for k in range(0, len(whole), 11):
        file.write_bytes(whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :])
        try:
            assert same(dnn.Network.load(file), net)
        except ValueError as error:
            assert str(file) in str(error)
            refused += 1
    assert refused > 0.7 * len(whole) / 11


def arrays_of(path):
    with np.load(path) as archive:
        return dict(archive)


def test_foreign_pickled_and_misfitting_files_are_refused_with_the_reason(file, tmp_path):
    good, code = arrays_of(file), arrays_of(file)["architecture"].item()

    def rewritten(**changes):
        np.savez(file, **{name: a for name, a in (good | changes).items() if a is not None})

    def raw(data):
        file.write_bytes(data)

    os.mkdir(tmp_path / "marker")
    cases = {
        "it is a pickle": lambda: raw(pickle.dumps(good)),
        "it is not an npz file": lambda: raw(b"x,y\n1,2\n"),
        "Object arrays cannot be loaded": lambda: rewritten(theta=np.array([{}, None], object)),
        "it has no architecture, but theta": lambda: rewritten(architecture=None),
        "it has no theta, but architecture": lambda: rewritten(theta=None),
        f"its θ is float64 of shape (3,), and its architecture needs float64 of shape {good['theta'].shape}": lambda: rewritten(theta=np.zeros(3)),
        "its θ is float32": lambda: rewritten(theta=good["theta"].astype(np.float32)),
        "it refers to Destroyer, which is not a class of dynsys_nn": lambda: rewritten(architecture=code.replace("ResidualField", "Destroyer")),
        "it refers to fit, which is not a class": lambda: rewritten(architecture=code.replace("ResidualField", "fit")),
        "it refers to os.system": lambda: rewritten(architecture=code.replace("ResidualField", "os.system")),
        "it holds a Tanh": lambda: rewritten(architecture='{"dynsys_nn": 1, "map": {"class": "Tanh"}}'),
        "it has format 7, and this version reads format 1": lambda: rewritten(architecture=code.replace('"dynsys_nn": 1', '"dynsys_nn": 7')),
        **({} if WASM else {"recursion": lambda: rewritten(architecture='{"dynsys_nn": 1, "map": ' + 100_000 * "[" + 100_000 * "]" + "}")}),
        "does not contain a map that can be rebuilt": lambda: rewritten(architecture="{"),
        "unexpected keyword argument": lambda: rewritten(architecture=code.replace('"steps"', '"stairs"')),
        "does not contain a map that can be rebuilt: steps must be at least 1, got 0": lambda: rewritten(architecture=code.replace('"steps": 1', '"steps": 0')),
    }  # fmt: skip
    for words, spoil in cases.items():
        spoil()
        assert words in refusal(file), words
    np.save(tmp_path / "array", good["theta"])
    assert "it is not an npz file" in refusal(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dnn.Network.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full"), MemoryError])
def test_a_write_that_fails_on_the_way_leaves_the_old_file_whole_and_no_other(
    file, error, monkeypatch
):
    before = file.read_bytes()

    def half(target, **arrays):
        target.write(b"PK half of it")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises((KeyboardInterrupt, OSError, MemoryError)):
        dnn.Lift(3, 2).save(file)
    assert file.read_bytes() == before and os.listdir(file.parent) == ["net.npz"]


# ---- checkpoints


def training(
    path=None,
    epochs=6,
    optimiser=None,
    bits=np.random.PCG64,
    callback=None,
    constraints=(),
    **changes,
):
    """A net and the history of a training of it that has all: shuffled batches, constraints, a learned step, validation."""
    x, y = dnn.datasets.moons(120, rng=0)
    rng = np.random.default_rng(5)
    fields = [dnn.GradientField(dnn.Dense(6, 6, rng=rng), dnn.ReLU()) for _ in range(2)]
    net = dnn.Network(
        dnn.Lift(6, 2), *[dnn.Flow(X, 1.0, learn_h=True) for X in fields], dnn.Affine(2, 6, rng=rng)
    )
    options = (
        dict(loss=dnn.MulticlassHinge(0.3), x=x, y=y, batch_size=50, validation=(x, y)) | changes
    )
    history = dnn.fit(
        net, optimiser=optimiser or dnn.Adam(1e-2), epochs=epochs, rng=np.random.Generator(bits(3)), callback=callback, checkpoint=path,
        constraints=[dnn.Orthogonal(*weights(net)), *constraints], **options,
    )  # fmt: skip
    return net, history


@pytest.mark.parametrize(
    "bits", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]
)
@pytest.mark.parametrize("optimiser", [dnn.Adam(1e-2), dnn.SGD(1e-2, momentum=0.9)], ids=repr)
def test_a_run_in_pieces_is_the_run_in_one_piece_to_the_last_bit(optimiser, bits, tmp_path):
    net, history = training(optimiser=optimiser, bits=bits)
    for epochs in (1, 2, 5, 6):
        pieces, again = training(tmp_path / "run.npz", epochs, optimiser, bits)
        assert len(again.loss) == epochs
    assert pieces.theta.tobytes() == net.theta.tobytes()
    assert again.loss == history.loss and again.validation == history.validation
    assert len(again.seconds) == 6 and np.all(np.diff(again.seconds) > 0)


def test_an_exception_anywhere_loses_no_epoch_that_was_over(tmp_path):
    net, history = training()
    for epoch in range(6):
        seen = []

        def fail(k, h, epoch=epoch, seen=seen):
            seen.append(k)
            if k == epoch:
                raise RuntimeError

        with pytest.raises(RuntimeError):
            training(tmp_path / "run.npz", callback=fail)
        assert seen == (
            [0] if epoch == 0 else [epoch - 1, epoch]
        )  # the checkpoint comes after the callback
    again, other = training(tmp_path / "run.npz")
    assert again.theta.tobytes() == net.theta.tobytes() and other.loss == history.loss


def test_a_run_that_is_over_is_restored_and_not_run(tmp_path):
    net, history = training(tmp_path / "run.npz")
    again, other = training(
        tmp_path / "run.npz", callback=lambda *_: pytest.fail("an epoch was run")
    )
    assert (
        again.theta.tobytes() == net.theta.tobytes()
        and other.loss == history.loss
        and other.seconds == history.seconds
    )


def test_a_checkpoint_of_another_run_is_refused_with_what_differs(tmp_path):
    path, (x, y) = tmp_path / "run.npz", dnn.datasets.moons(120, rng=1)
    training(path, 1)
    before = path.read_bytes()
    for what, changes in {
        "data[0] was float64": dict(x=x, y=y), "loss.margin was 0.3, and now it is 0.4": dict(loss=dnn.MulticlassHinge(0.4)),
        "loss was MulticlassHinge, and now it is SoftmaxCrossEntropy": dict(loss=dnn.SoftmaxCrossEntropy()),
        "optimiser.rate was 0.01, and now it is 0.02": dict(optimiser=dnn.Adam(2e-2)),
        "optimiser.rate was 0.01, and now it is 0.0100000004": dict(optimiser=dnn.Adam(0.0100000004)),
        "batch_size was 50, and now it is 40": dict(batch_size=40), "validation data[0] was": dict(validation=(x, y)),
        "validation data was given, and now it is left out": dict(validation=None),
        "constraints was [Orthogonal], and now it is [Orthogonal, Constraint]": dict(constraints=[dnn.Constraint()]),
        "rng was another one at the start": dict(bits=np.random.MT19937),
    }.items():  # fmt: skip
        with pytest.raises(
            ValueError,
            match=rf"resumed from .*run\.npz: it is of another run, whose {re.escape(what)}",
        ):
            training(path, 2, **changes)
    net = dnn.Affine(2, 2, rng=0)
    with pytest.raises(
        ValueError, match="another run, whose network was Network, and now it is Affine"
    ):
        dnn.fit(net, dnn.MulticlassHinge(0.3), x, y, checkpoint=path)
    assert path.read_bytes() == before


def test_validation_data_that_are_added_to_a_run_are_named(tmp_path):
    training(tmp_path / "run.npz", 1, validation=None)
    with pytest.raises(
        ValueError,
        match="another run, whose validation data was left out, and now it is given. Give another path",
    ):
        training(tmp_path / "run.npz", 2)


class Own(dnn.Activation):
    slope_min, slope_max = 0.0, 1.0

    def __init__(self, steepness=1.0):
        self.steepness = steepness

    def __call__(self, z):
        return np.tanh(self.steepness * z)

    def slope(self, z):
        return self.steepness * (1 - np.tanh(self.steepness * z) ** 2)


class Scaled(dnn.MeanSquaredError):
    def __init__(self, weight):
        self.factor = weight  # under another name than the argument

    def vjp(self, y, target):
        return tuple(self.factor * part for part in super().vjp(y, target))


class Shift(dnn.Map):
    """x + s with a learned s, which does not bear the name of its argument."""

    def __init__(self, start):
        self.dim_in = self.dim_out = len(start)
        self.own(s=start)

    def __call__(self, x):
        return x + self.s

    def vjp(self, x):
        return x + self.s, lambda w: (w, self.pack(s=w.sum(axis=0)))


class Plain:
    """An optimiser that derives from nothing."""

    def __init__(self, rate):
        self.rate, self.remark, self.nothing = rate, "a text", None

    def start(self, theta):
        return {}

    def step(self, theta, g, memory):
        theta -= self.rate * g


def rich(path, epochs=2, seed=0, h=0.1, method=dnn.Euler(), sigma=Own(), constraints=lambda net: [], penalties=lambda net: [],
         loss=Scaled(2.0), optimiser=Plain(0.01), rng=0, net=None):  # fmt: skip
    """A training with classes of one's own, of which one thing can be changed."""
    draw = np.random.default_rng(seed)
    X, Y = (dnn.GradientField(dnn.Dense(4, 4, rng=draw), s) for s in (dnn.LeakyReLU(0.5), sigma))
    flows = [dnn.Flow(X, 0.5, learn_h=True), dnn.Flow(Y, 0.1, learn_h=True), dnn.Flow(Y, h, method)]
    net = net or dnn.Network(
        *flows, Shift(np.ones(4)), *[dnn.Affine(4, 4, rng=draw) for _ in range(2)]
    )
    x = np.random.default_rng(0).normal(size=(30, 4))
    dnn.fit(
        net,
        loss,
        x,
        np.tanh(x),
        optimiser,
        epochs,
        10,
        constraints(net),
        rng=rng,
        checkpoint=path,
        penalties=penalties(net),
    )
    return net


BALL = {
    r: dict(constraints=lambda net, r=r: [dnn.SpectralBall(*weights(net), radius=r)])
    for r in (5, 0.5)
}
LAYER = {k: dict(constraints=lambda net, k=k: [dnn.SpectralBall(net[k])]) for k in (4, 5)}
TOWARDS = {
    n: dict(constraints=lambda net, n=n: [dnn.TowardsOrthogonal(*weights(net), descents=n)])
    for n in (1, 2)
}
PENALTY = {
    a: dict(penalties=lambda net, a=a: [dnn.OrthogonalityPenalty(*weights(net), weight=a)])
    for a in (1, 1000)
}
STEPS = {
    bound: dict(
        constraints=lambda net, b=bound: [
            dnn.Orthogonal(*weights(net)),
            dnn.StepSizes(net[0], net[1], b),
        ]
    )
    for bound in ("sharp", "paper")
}


@pytest.mark.parametrize("was, now, what", [
    (BALL[5], BALL[0.5], "constraints[0].radius was 5.0, and now it is 0.5"),
    (STEPS["sharp"], STEPS["paper"], "constraints[1].bound was sharp, and now it is paper"),
    (PENALTY[1], PENALTY[1000], "penalties[0].weight was 1.0, and now it is 1000.0"),
    (TOWARDS[1], TOWARDS[2], "constraints[0].descents was 1, and now it is 2"),
    (LAYER[4], LAYER[5], "constraints[0].linear_maps[0].number was"),
    ({}, dict(h=0.7), "network.maps[2].h was 0.1, and now it is 0.7"),
    ({}, dict(method=dnn.RK4()), "network.maps[2].method.class was Euler, and now it is RK4"),
    ({}, dict(sigma=Own(2.0)), "network.maps[1].field.sigma.steepness was 1.0, and now it is 2.0"),
    ({}, dict(loss=Scaled(100.0)), "loss.factor was 2.0, and now it is 100.0"),
    ({}, dict(loss=type("Scaled", (Scaled,), {"vjp": lambda self, y, target: (0.0, 0.0 * y)})(2.0)), "loss.vjp[0] was Scaled.vjp"),
    ({}, dict(optimiser=Plain(0.02)), "optimiser.rate was 0.01, and now it is 0.02"),
    (dict(optimiser=dnn.Adam(0.01)), dict(optimiser=dnn.Adam(0.0100000004)), "optimiser.rate was 0.01, and now it is 0.0100000004"),
    ({}, dict(seed=1), "θ was another one at the start"), ({}, dict(rng=1), "rng was another one at the start"),
])  # fmt: skip
def test_a_run_with_one_thing_changed_is_refused_with_that_thing_and_the_same_resumes(
    was, now, what, tmp_path
):
    path = tmp_path / "run.npz"
    net = rich(path, **was)
    with pytest.raises(ValueError, match=rf"it is of another run, whose {re.escape(what)}"):
        rich(path, 3, **was | now)
    again = rich(path, 3, **was)
    rich(path, 3, net=net, **was)  # the session goes on, with the network as it is
    assert net.theta.tobytes() == again.theta.tobytes()


def test_without_a_seed_the_random_state_is_that_of_the_file(tmp_path):
    whole = rich(None, 4)
    rich(tmp_path / "run.npz", 2)
    assert rich(tmp_path / "run.npz", 4, rng=None).theta.tobytes() == whole.theta.tobytes()


def test_classes_of_ones_own_are_resumed_in_a_new_process(tmp_path):
    code = "import sys; sys.path.append(sys.argv[1]); import test_nothing_is_lost as here; net = here.rich('run.npz', 4); print(net.theta.sum())"
    rich(tmp_path / "run.npz", 2)
    done = run("-c", code, str(ROOT / "tests"), cwd=tmp_path)
    assert not done.stderr
    assert float(done.stdout.removeprefix("np.float64(").strip(")\n")) == rich(None, 4).theta.sum()


calls = itertools.count(1)


def test_after_ctrl_c_in_an_epoch_the_session_takes_the_run_up_again(tmp_path):
    class Stop(dnn.Constraint):
        def project(self):
            if next(calls) == 9:
                raise KeyboardInterrupt

    stop, rng = dict(constraints=lambda net: [Stop()]), np.random.default_rng(0)
    net = rich(tmp_path / "run.npz", 5, rng=rng, **stop)
    rich(tmp_path / "run.npz", 5, rng=rng, net=net, **stop)
    assert net.theta.tobytes() == rich(None, 5, **stop).theta.tobytes() and next(calls) > 30


def test_a_checkpoint_of_the_first_version_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "run.npz"
    net = rich(path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "starts"}
    np.savez(path, **arrays | dict(run='{"network": "Network(4 → 4) with float64 parameters"}'))
    with pytest.raises(
        ValueError,
        match=r"an earlier version of dynsys_nn wrote it.*net\.theta = np\.load\(.*\)\[\"theta\"\]",
    ):
        rich(path)
    np.testing.assert_array_equal(np.load(path)["theta"], net.theta)


def test_a_checkpoint_without_a_folder_is_refused_before_the_first_epoch(tmp_path):
    path = tmp_path / "nowhere" / "run.npz"
    with pytest.raises(
        FileNotFoundError, match="nowhere.*run.npz cannot be written: its folder does not exist"
    ):
        training(path, callback=lambda *_: pytest.fail("an epoch was run"))
    with pytest.raises(FileNotFoundError, match="net.npz cannot be written"):
        dnn.Lift(3, 2).save(tmp_path / "nowhere" / "net.npz")


def test_a_path_that_cannot_be_written_is_named_before_the_first_epoch(tmp_path):
    too_long = tmp_path / (300 * "x")
    for path, kind, words in (
        (tmp_path, IsADirectoryError, "cannot be written: it is a folder"),
        *(() if WASM else [(too_long, OSError, "")]), (tmp_path / "map.npz" / "x", FileNotFoundError, "its folder does not exist"),
    ):  # fmt: skip
        with pytest.raises(
            kind, match=f"{re.escape(str(path))}.*{words}|{words}.*{re.escape(str(path))}"
        ) as refused:
            dnn.Lift(3, 2).save(path)
        assert ".partial" not in str(refused.value)
        with pytest.raises(kind, match=re.escape(str(path))) as refused:
            training(path, callback=lambda *_: pytest.fail("an epoch was run"))
        assert ".partial" not in str(refused.value) and words in str(refused.value)
    with pytest.raises(IsADirectoryError, match="cannot be read: it is a folder"):
        dnn.Map.load(tmp_path)
    for path in (3, None):
        with pytest.raises(TypeError, match=f"must be a path, got {path}"):
            dnn.Lift(3, 2).save(path)
        with pytest.raises(TypeError, match=f"must be a path, got {path}"):
            dnn.Map.load(path)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", [240 * "x" + ".npz", "θ.npz", "[a]*.npz"])
def test_any_name_of_a_file_will_do(name, tmp_path):
    for path in (tmp_path / name, os.fsencode(tmp_path / name)):
        dnn.Lift(3, 2).save(path)
        assert dnn.Map.load(path)([1.0, 2.0]).tolist() == [1, 2, 0]
    assert os.listdir(tmp_path) == [name]


def test_what_a_killed_process_left_is_removed_and_what_others_write_is_not(tmp_path, monkeypatch):
    """Four writers at once of one file, one of another name, and one that was killed."""
    path, seen = tmp_path / "F.npz", []
    code = """if True:
        import os, signal, sys
        import numpy as np
        from dynsys_nn import files
        def stop(target, **arrays):
            target.write(b"half of it")
            target.flush()
            os._exit(9)
        np.savez = stop
        files.write_arrays(sys.argv[1], x=np.ones(2))"""
    assert run("-c", code, str(path), cwd=tmp_path).returncode == 9
    [left] = os.listdir(tmp_path)
    os.utime(tmp_path / left, (0, 0))
    savez = np.savez

    def nested(target, **arrays):  # while this one is written, others write and tidy up
        for name in os.listdir(tmp_path):
            os.utime(tmp_path / name, (0, 0))
        seen.append(len(os.listdir(tmp_path)))
        if len(seen) < 4:
            files.write_arrays(path, **arrays)
        savez(target, **arrays)

    monkeypatch.setattr(np, "savez", nested)
    files.write_arrays(path, x=np.arange(3))
    assert seen == [1, 2, 3, 4] and os.listdir(tmp_path) == ["F.npz"]
    assert arrays_of(path)["x"].tolist() == [0, 1, 2]


def test_what_an_optimiser_notes_on_the_way_is_restored_too(tmp_path):
    class Late(dnn.Optimiser):
        def start(self, theta):
            return dict(rate=np.float64(0.1))  # which makes float64 of float32

        def step(self, theta, g, memory):
            memory["mean"] = 0.9 * memory.get("mean", 0.0) + g
            memory["rate"] = memory["rate"] * 0.7
            theta -= memory["rate"] * memory["mean"]

    class Listed(Late):
        def start(self, theta):
            return super().start(theta) | dict(all=[1.0])

    def trained(epochs, path, optimiser=Late()):
        net, x = dnn.Affine(9, 1, rng=0, dtype=np.float32), np.arange(10.0)[:, None] / 10
        dnn.fit(
            net, dnn.MeanSquaredError(), x, x * np.arange(9), optimiser, epochs, checkpoint=path
        )
        return net.theta.tobytes()

    whole = trained(5, None)
    assert trained(2, tmp_path / "run.npz") != whole == trained(5, tmp_path / "run.npz")
    with pytest.raises(
        TypeError,
        match=r"a checkpoint keeps numbers and arrays, but memory.all of the optimiser is not: \[1.0\]",
    ):
        trained(1, tmp_path / "other.npz", Listed())


def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.npz"
    training(path, 1)
    whole = path.read_bytes()
    dnn.Lift(3, 2).save(path)
    with pytest.raises(
        ValueError,
        match=r"run\.npz is not a checkpoint file of dynsys_nn: it has no run, but architecture",
    ):
        training(path, 2)
    path.write_bytes(whole[:-200])
    with pytest.raises(
        ValueError, match=r"run\.npz is not a checkpoint file of dynsys_nn, or is damaged"
    ):
        training(path, 2)
    assert path.read_bytes() == whole[:-200]


def test_lbfgs_takes_no_checkpoint(tmp_path):
    x = np.ones((2, 1))
    with pytest.raises(
        ValueError,
        match="LBFGS keeps its memory to itself and cannot resume from a checkpoint: take Adam",
    ):
        dnn.fit(
            dnn.Affine(1, 1),
            dnn.MeanSquaredError(),
            x,
            x,
            dnn.LBFGS(),
            checkpoint=tmp_path / "run.npz",
        )


def test_an_optimiser_of_ones_own_is_resumed_too_unless_it_keeps_objects(tmp_path):
    class Signs(dnn.Optimiser):
        def start(self, theta):
            return dict(rate=0.01, count=np.zeros(2, int))

        def step(self, theta, g, memory):
            theta -= memory["rate"] * np.sign(g)
            memory["rate"] *= 0.9
            memory["count"] += 1

    class Objects(Signs):
        def start(self, theta):
            return super().start(theta) | dict(friend=object())

    x = np.arange(10.0)[:, None]

    def fitted(optimiser, epochs, path):
        net = dnn.Affine(1, 1, rng=0)
        dnn.fit(
            net,
            dnn.MeanSquaredError(),
            x,
            x,
            optimiser,
            epochs,
            batch_size=4,
            rng=0,
            checkpoint=path,
        )
        return net.theta.tobytes()

    whole = fitted(Signs(), 5, None)
    assert (
        fitted(Signs(), 2, tmp_path / "run.npz")
        != whole
        == fitted(Signs(), 5, tmp_path / "run.npz")
    )
    with pytest.raises(TypeError, match="a checkpoint keeps numbers and arrays, but memory.friend"):
        fitted(Objects(), 1, tmp_path / "other.npz")


def test_after_kill_minus_nine_at_any_moment_a_run_goes_on_to_the_bit(scripts):
    """Two here; fifty by the script itself."""
    done, _ = scripts["kills"]
    assert re.fullmatch(r"\d+ kills, 2 of 2 resumptions bit-exact\n", done.stdout), done.stderr


@pytest.mark.parametrize("delay", np.linspace(0.005, 0.2, 6))
def test_control_c_at_any_moment_leaves_theta_at_the_last_finished_step(delay, ctrl_c):
    class Record(dnn.Constraint):
        """Not a constraint, but a witness: what θ was after the last two steps."""

        def project(self):
            seen.append(net.theta.copy())
            if press.ident is None:  # the training is on its way
                press.start()
            assert time.monotonic() < limit, "Ctrl-C did not end the training"

    x, y = dnn.datasets.moons(300, rng=0)
    rng = np.random.default_rng(0)
    net = dnn.Network(
        dnn.Lift(8, 2), dnn.Flow(zoo.residual(rng, 8, 16), 0.1, steps=4), dnn.Affine(2, 8, rng=rng)
    )
    seen, limit = deque([net.theta.copy()], maxlen=2), time.monotonic() + 60
    press = threading.Timer(delay, signal.raise_signal, (signal.SIGINT,))
    try:
        history = dnn.fit(
            net, dnn.SoftmaxCrossEntropy(), x, y, epochs=10**6, batch_size=30, rng=0, constraints=[dnn.Orthogonal(*weights(net)), Record()]
        )  # fmt: skip
    finally:
        press.cancel()
    assert history.interrupted
    assert any(np.array_equal(net.theta, theta) for theta in seen)


WEIGHT = 1.0


def weighted(d):
    return WEIGHT * d


class Weighted(dnn.Loss):
    def vjp(self, z, y):
        return (weighted(z - y) ** 2).mean(), 2 * WEIGHT**2 * (z - y) / z.size


class Lowest(dnn.Constraint):
    def __init__(self, A):
        self.maps, self.A, self.low = (A,), A, -9.0

    def project(self):
        np.maximum(self.A.W, self.low, out=self.A.W)


class Slotted(dnn.Optimiser):
    __slots__ = ("speed",)

    def __init__(self):
        self.speed = 0.01

    def start(self, theta):
        return {}

    def step(self, theta, g, memory):
        theta -= self.speed * g


@pytest.mark.parametrize(
    "changed, words",
    [
        ("WEIGHT", "WEIGHT was 1.0, and now it is 100.0"),
        ("low", "low was -9.0, and now it is 0.5"),
        ("speed", "speed was 0.01, and now it is 0.5"),
    ],
)
def test_a_run_is_known_by_globals_and_by_all_that_ones_own_objects_keep(
    changed, words, tmp_path, monkeypatch
):
    x = np.random.default_rng(0).normal(size=(16, 2))

    def trained():
        net = dnn.Network(dnn.Dense(2, 2, rng=0))
        low, slotted = Lowest(net[0]), Slotted()
        if now and changed != "WEIGHT":
            setattr(low if changed == "low" else slotted, changed, 0.5)
        return dnn.fit(
            net,
            Weighted(),
            x,
            x,
            slotted,
            epochs=2,
            constraints=[low],
            checkpoint=tmp_path / "run.npz",
        )

    now = False
    assert trained().loss == trained().loss
    now = True
    if changed == "WEIGHT":
        monkeypatch.setitem(globals(), "WEIGHT", 100.0)
    with pytest.raises(ValueError, match=words):
        trained()


def test_two_energies_with_other_activations_of_ones_own_are_not_one():
    class Steep(dnn.Activation):
        slope_min, slope_max, beta = 0.0, 1.0, 1.0

        def __call__(self, z):
            return np.tanh(self.beta * z) / self.beta

        def slope(self, z):
            return 1 / np.cosh(self.beta * z) ** 2

        def primitive(self, z):
            return np.log(np.cosh(self.beta * z)) / self.beta**2

    a, b = Steep(), Steep()
    assert a == b
    b.beta = 4.0
    flows = [
        dnn.Flow(dnn.HamiltonianField(dnn.Dense(6, 2, rng=0), s), 0.3, dnn.DiscreteGradient())
        for s in (a, b)
    ]
    assert a != b and "energy" not in dnn.Network(*flows).keeps


def test_an_invariant_whose_functions_use_itself_is_compared():
    class Weighted(dnn.Invariant):
        def __init__(self, c):
            self.c = np.array([1.0, c])
            super().__init__(
                lambda x: (self.c * x * x).sum(-1) / 2,
                lambda x: self.c * x,
                lambda x, v: self.c * v,
            )

    assert Weighted(2.0) == Weighted(2.0) != Weighted(3.0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="it is not a file"):
        dnn.Dense(2, 2, rng=0).save(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it is not a file"):
        dnn.Map.load(tmp_path / "pipe")
