"""Functions that a caller gives: what goes in cannot be changed, what comes out is copied and looked at, wherever one is taken."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import dynsys_nn as dnn
from dynsys_nn import checks, lipschitz, plotting

ROTATION = np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]])  # the flow of (y₂, −y₁) at 1
ONE_STATE, WHOLE_BATCH = "it is written for one state", "it treats the batch as a whole"


def of_one_state(y):
    """A rotation as the books have it, and solve_ivp takes it."""
    return np.array([y[1], -y[0]])


def times_a_matrix(y):
    return np.array([[0.0, 1.0], [-1.0, 0.0]]) @ y


def normalised(y):
    """The sphere's radial field, but for its axis."""
    return y / np.linalg.norm(y)


def rotating(y):
    return np.stack([y[..., 1], -y[..., 0]], axis=-1)


WRONG = {  # name → function, what is said of it
    "components": (of_one_state, ONE_STATE),
    "a matrix": (times_a_matrix, ONE_STATE),
    "a norm": (normalised, WHOLE_BATCH),
    "a mean": (lambda y: y - y.mean(axis=0), WHOLE_BATCH),
    "one slope": (lambda y: y[..., 1:], "has shape"),
    "complex": (lambda y: 1j * y, "must return real numbers"),
    "nothing": (lambda y: None, "returned None: is there a return?"),
    "text": (lambda y: np.full(y.shape, "a"), "must return real numbers"),
    "ragged": (lambda y: [[1.0], [1.0, 2.0]], "rows of different shapes"),
    "its argument": (lambda y: np.negative(y, out=y), "an argument is changed"),
}


def field_takers(f, x):
    """Whoever takes a field: name → what it does with it."""
    X = dnn.KnownField(f, 2, lambda y: np.zeros((*y.shape, 2)))
    flow = dnn.Flow(X, 0.1, dnn.RK4(), steps=10)
    return {
        "KnownField": lambda: X(x),
        "its vjp": lambda: X.vjp(x)[0],
        "a flow": lambda: flow(x),
        "a sum": lambda: dnn.SumField(X, X)(x),
        "a partitioned field": lambda: dnn.PartitionedField(X, X)(np.tile(x, 2)),
        "exact_flow": lambda: dnn.exact_flow(f, x, 1.0),
        "continuous_adjoint": lambda: dnn.continuous_adjoint(X, x, 1.0),
        "checks.order": lambda: checks.order(dnn.Euler(), f, x).require(),
        "phase_portrait": lambda: plotting.phase_portrait(f, (-1, 1), (-1, 1)),
        "measured": lambda: lipschitz.measured(X, x),
        "presnov": lambda: dnn.presnov(X).gradient(x),
    }


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("n", [2, 5])
def test_a_field_of_the_wrong_kind_is_named_wherever_one_is_taken(wrong, n, rng):
    f, words = WRONG[wrong]
    x = rng.normal(size=(n, 2))
    kept = x.copy()
    for who, take in field_takers(f, x).items():
        with pytest.raises((TypeError, ValueError, AssertionError), match=re.escape(words)):
            take()
            pytest.fail(f"{who} takes {wrong}")
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("n", [2, 5])
def test_no_check_passes_a_function_of_the_wrong_kind(wrong, n, rng):
    f, words = WRONG[wrong]
    x = rng.normal(size=(n, 2))
    for check in (
        checks.curl_free, checks.orthogonal_to_x, checks.volume, checks.symplectic,
        lambda F, x: checks.invariant(F, lambda y: y.sum(axis=-1), x),
        lambda F, x: checks.lipschitz(F, x, L=1.0),
    ):  # fmt: skip
        if wrong == "one slope" and check not in (checks.curl_free, checks.volume):
            continue  # a map ℝ² → ℝ¹ is one; the two ask for F′ of a map of a space to itself
        found = check(f, x)
        assert not found.passed and (words in found.detail or wrong == "one slope"), found


@pytest.mark.parametrize("f", [of_one_state, times_a_matrix, rotating])
def test_a_function_of_one_state_is_right_for_one_state(f):
    np.testing.assert_allclose(dnn.exact_flow(f, [1.0, 0.0], 1.0), ROTATION[:, 0], atol=1e-13)
    times = dnn.exact_flow(f, [0.0, 1.0], [0.5, 1.0])
    np.testing.assert_allclose(times[-1], ROTATION[:, 1], atol=1e-13)
    y = dnn.Flow(dnn.KnownField(f, 2), 0.01, dnn.RK4(), steps=100)([1.0, 0.0])
    np.testing.assert_allclose(y, ROTATION[:, 0], atol=1e-9)


def test_a_list_or_a_tuple_is_a_slope_too():
    for f in (lambda y: [y[1], -y[0]], lambda y: (y[1], -y[0])):
        np.testing.assert_allclose(dnn.exact_flow(f, [1.0, 0.0], 1.0), ROTATION[:, 0], atol=1e-13)


def test_an_array_that_is_filled_again_and_again_is_copied():
    """Row 7 of what was tried: RK4 has order four, and the adjoint is exact, with such a function too."""
    out, J = np.empty(2), np.zeros((2, 2))

    def f(y):
        out[:] = y[1], -np.sin(y[0])
        return out

    def jacobian(y):
        J[:] = [[0, 1], [-np.cos(y[0]), 0]]
        return J

    fresh = dnn.KnownField(lambda y: f(y).copy(), 2, lambda y: jacobian(y).copy())
    reused = dnn.KnownField(f, 2, jacobian)
    x, w = np.array([1.5, 0.0]), np.array([1.0, 2.0])
    flows = [dnn.Flow(X, 0.2, dnn.RK4(), steps=20) for X in (fresh, reused)]
    (y, pull), (z, pull_again) = (F.vjp(x) for F in flows)
    np.testing.assert_array_equal(y, z)
    np.testing.assert_array_equal(pull(w)[0], pull_again(w)[0])
    t = np.linspace(0, 10, 11)[1:]
    exact = [dnn.exact_flow(X, x, t) for X in (fresh, f)]
    np.testing.assert_array_equal(*exact)
    assert np.abs(y - dnn.exact_flow(f, x, 4.0)).max() < 1e-3


def test_an_invariant_is_one_number_a_state():
    S = np.array([[0, -1.0, 0], [1, 0, -2], [0, 2, 0]])
    X = dnn.KnownField(lambda y: y @ S.T, 3, lambda y: S + 0 * y[..., None])
    x = np.random.default_rng(0).normal(size=(4, 3))
    kept = dict(value=lambda y: (y * y).sum(axis=-1) / 2, gradient=lambda y: y, hvp=lambda y, v: v)
    wrong = {
        "without keepdims": dict(value=lambda y: (y * y).sum(axis=-1, keepdims=True) / 2),
        ONE_STATE: dict(value=lambda y: (y * y).sum() / 2),
        "gradient of Invariant has shape": dict(gradient=lambda y: y[..., :1]),
        WHOLE_BATCH: dict(gradient=lambda y: y - y.mean(axis=0)),
        "hvp of Invariant must return real": dict(hvp=lambda y, v: 1j * v),
    }

    class Own:
        keeps = frozenset({"norm"})

        def __init__(self, value, gradient, hvp):
            self.value, self.gradient, self.hvp = value, gradient, hvp

        def __call__(self, y):
            return self.value(y)

    for words, change in wrong.items():
        for build in (dnn.Invariant, Own):
            projected = dnn.Projected(dnn.RK4(), build(**kept | change))
            with pytest.raises((TypeError, ValueError), match=re.escape(words)):
                projected.vjp(X, x, 0.3)[1](x)
    for I in (dnn.Invariant(**kept), Own(**kept)):
        for method in (dnn.Projected(dnn.RK4(), I), dnn.DiscreteGradient(I)):
            y = method.step(X, x, 0.3)
            np.testing.assert_allclose((y * y).sum(-1), (x * x).sum(-1), rtol=1e-14)


def test_float32_states_stay_float32_whatever_an_invariant_returns():
    I = dnn.Invariant(
        lambda y: (y.astype(float) ** 2).sum(axis=-1) / 2,
        lambda y: y.astype(float),
        lambda y, v: v.astype(float),
    )
    X = dnn.SpherePreservingField.random(3, 4, rng=0, dtype=np.float32)
    x = np.ones((2, 3), np.float32)
    method = dnn.Projected(dnn.RK4(), I)
    y, pullback = method.vjp(X, x, 0.1)
    assert {a.dtype for a in (y, *pullback(y)[:2], method.jvp(X, x, 0.1, x)[1])} == {
        np.dtype(np.float32)
    }


def test_a_function_that_is_another_one_at_each_call_is_named():
    count = iter(range(100))
    with pytest.raises(ValueError, match="not the same when it is called again"):
        dnn.KnownField(lambda y: y + next(count), 2)(np.ones((3, 2)))


X22 = np.arange(6.0).reshape(3, 2)
PROFILE = lipschitz.Profile(["a"], [1.0], [0.5], [0.5])
PICTURES = {  # what does not fit → (the call, what is said)
    "limits that are numbers": (lambda: plotting.phase_portrait(dnn.systems.pendulum(), -2, 2), "xlim must be a pair of numbers"),
    "limits in reverse": (lambda: plotting.deformed_grid(dnn.Lift(2, 2), (1, 0), (0, 1)), "low < high"),
    "a field of space": (lambda: plotting.phase_portrait(dnn.systems.sir(), (0, 1), (0, 1)), "dimension 3"),
    "a field of one state": (lambda: plotting.phase_portrait(of_one_state, (0, 1), (0, 1)), ONE_STATE),
    "no axes": (lambda: plotting.phase_portrait(dnn.systems.pendulum(), (0, 1), (0, 1), ax=0), "ax must be an Axes"),
    "a grid in three dimensions": (lambda: plotting.deformed_grid(dnn.Lift(3, 2), (0, 1), (0, 1), project=lambda y: y), "project has shape"),
    "a map of one state": (lambda: plotting.deformed_grid(times_a_matrix, (0, 1), (0, 1)), ONE_STATE),
    "a curve in space on planar axes": (lambda: plotting.trajectories(np.ones((5, 3)), components=(0, 1, 2)), "rectilinear axes cannot show 3 components"),
    "a curve on the line": (lambda: plotting.trajectories(np.ones((5, 1))), "components are two or three of 0, …, 0"),
    "a single state": (lambda: plotting.trajectories(np.ones(2)), "needs states of shape (..., n, d)"),
    "complex states": (lambda: plotting.trajectories(1j * X22), "real numbers"),
    "fewer labels": (lambda: plotting.layer_states([X22], [0, 1], [plt.gca()]), "2 labels need states of shape (2, 2), got (3, 2)"),
    "labels in words": (lambda: plotting.layer_states([X22], ["a", "b", "c"], [plt.gca()]), "labels must be integers"),
    "fewer axes": (lambda: plotting.layer_states([X22, X22], [0, 1, 2], [plt.gca()]), "2 Axes are needed, got 1"),
    "states in space": (lambda: plotting.layer_states([np.ones((3, 3))], [0, 1, 2], plt.gca()), "got (3, 3)"),
    "other times": (lambda: plotting.invariant_drift(dnn.Mass(), X22, np.arange(4)), "3 states need as many times"),
    "an invariant with keepdims": (lambda: plotting.invariant_drift(lambda y: y[..., :1], X22, np.arange(3)), "without keepdims"),
    "fewer errors": (lambda: plotting.convergence([0.1, 0.2], [1.0]), "errors must have the shape of h, (2,), got (1,)"),
    "a network for its profile": (lambda: plotting.lipschitz_profile(dnn.Network(dnn.Lift(2, 2))), "draws a Profile"),
    "no constraint": (lambda: plotting.step_size_region(1.0, (0, 2)), "StepSizes"),
    "fewer accuracies": (lambda: plotting.certified_accuracy([0, 1], [1.0, 0.5], [1.0]), "attacked must have the shape of eps"),
    "an image of another size": (lambda: plotting.adversarial_example(np.ones(6), np.ones(6), [plt.gca()] * 3, (2, 2)), "of 6 pixels, got (2, 2)"),
    "two axes for three": (lambda: plotting.adversarial_example(np.ones(4), np.ones(4), [plt.gca()] * 2, (2, 2)), "3 Axes are needed, got 2"),
    "logits of NaN": (lambda: plotting.decision_regions(lambda y: y * np.nan, (0, 1), (0, 1)), "a class needs finite logits"),
    "classes of one state": (lambda: plotting.decision_regions(lambda y: np.array([y[0], y[1]]), (0, 1), (0, 1)), ONE_STATE),
    "states that change their number": (lambda: plotting.animate_flow([X22, X22[:2]], [0, 1, 2], plt.gcf(), plt.gca()), "states[1] must have the shape of states[0]"),
    "one state of an animation": (lambda: plotting.animate_flow([X22], [0, 1, 2], plt.gcf(), plt.gca()), "needs two states"),
    "fewer titles": (lambda: plotting.animate_flow([X22, X22], [0, 1, 2], plt.gcf(), plt.gca(), titles=["a"]), "2 states need as many titles"),
    "a field that is not decomposed": (lambda: plotting.skew_and_gradient(dnn.systems.pendulum(), (0, 1), (0, 1), [plt.gca()] * 3), "draws a presnov(field)"),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_is_drawn_of_what_does_not_fit(name):
    picture, words = PICTURES[name]
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        picture()


@pytest.mark.parametrize("style", [plotting.STYLE, "default"])
def test_a_class_has_one_colour_in_every_helper_however_many_there_are(style):
    K = 12
    with plt.style.context(style):
        image = plotting.decision_regions(
            lambda g: np.eye(K)[np.clip((g[..., 0] * K).astype(int), 0, K - 1)], (0, 1), (0, 1)
        )
        [dots] = plotting.layer_states([np.full((K, 2), 0.5)], np.arange(K), plt.gca())
        animation = plotting.animate_flow(
            [np.full((K, 2), 0.5)] * 2, np.arange(K), plt.gcf(), plt.gca()
        )
        animation._draw_was_started = True
    moving = plt.gca().collections[-1]
    with plt.style.context(style):
        cycle = [to_hex(c) for c in plt.rcParams["axes.prop_cycle"].by_key()["color"]]
    for k in range(K):
        assert to_hex(dots.get_facecolors()[k][:3]) == cycle[k % len(cycle)]
        colour = to_hex(image.cmap(image.norm(k))[:3])
        assert (
            colour == to_hex(dots.get_facecolors()[k][:3]) == to_hex(moving.get_facecolors()[k][:3])
        )
    plt.close("all")


def test_an_animation_shows_all_states(rng):
    x = rng.normal(size=(20, 2))
    fig, ax = plt.subplots()
    animation = plotting.animate_flow([x, 2 * x, 4 * x], np.zeros(20, int), fig, ax)
    animation._draw_was_started = True
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    reach = 4 * x
    assert left < reach[:, 0].min() and reach[:, 0].max() < right
    assert bottom < reach[:, 1].min() and reach[:, 1].max() < top
    plt.close("all")


def test_a_function_may_be_for_batches_of_one_axis_only(rng):
    """Such as einsum("ij,…") and what scikit-learn makes: all batch axes come as one, and a single state as a batch of one."""
    f = lambda y: np.einsum("nj,ij->ni", y, [[0.0, 1.0], [-1.0, 0.0]])  # noqa: E731
    x = rng.normal(size=(2, 3, 2))
    X = dnn.KnownField(f, 2)
    np.testing.assert_array_equal(X(x), rotating(x))
    np.testing.assert_array_equal(X(x[0, 0]), rotating(x[0, 0]))
    np.testing.assert_allclose(
        dnn.exact_flow(f, [1.0, 0.0], 1.0, method="Radau"), ROTATION[:, 0], atol=1e-8
    )


def test_a_function_that_overflows_is_looked_at_without_a_warning():
    X = dnn.KnownField(lambda x: np.where(x > 1, np.inf, x), 2)
    assert np.isinf(X(np.array([[0.5, 2.0], [3.0, 0.1], [0.2, 0.3]]))).sum() == 2


def test_rounding_is_not_taken_for_a_mixed_batch():
    """Cancellation, chaos and mixed units: what is alone differs from what is in the batch by its rounding alone."""
    n = 500
    L = (n - 1.0) ** 2 * (
        np.diag(-2 * np.ones(n)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    )
    L[0] = L[-1] = 0
    s = np.linspace(0, 1, n)
    steady = np.array([s, 0.3 * s + 0.1, 0.7 * s])
    assert np.abs(dnn.KnownField(lambda u: u @ L.T, n)(steady)).max() < 1e-9

    def lorenz(y):
        a, b, c = np.moveaxis(y, -1, 0)
        return np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], axis=-1)

    chaotic = dnn.Flow(dnn.KnownField(lorenz, 3), 0.01, dnn.RK4(), steps=800)
    lines = plotting.deformed_grid(
        chaotic, (-1, 1), (-1, 1), lines=2, extend=lambda y: np.concatenate([y, y[..., :1]], -1)
    )
    assert len(lines.get_paths()) == 4
    plt.close("all")


def test_a_mixed_batch_is_seen_in_any_units_and_after_states_that_are_equal():
    G = 1.327e20  # a planet in SI: metres beside metres a second

    def attracted(y):
        return np.concatenate(
            [y[..., 2:], -G * y[..., :2] / np.linalg.norm(y[..., :2]) ** 3], axis=-1
        )

    planets = np.array([[1.5e11, 0, 0, 3e4], [2e11, 0, 0, 2.5e4], [0, 1e11, 3e4, 0]])
    with pytest.raises(ValueError, match=WHOLE_BATCH):
        dnn.exact_flow(attracted, planets, 1.0)
    centred = dnn.KnownField(lambda y: y - y.mean(axis=0), 2)
    centred(np.ones((3, 2)))
    with pytest.raises(ValueError, match=WHOLE_BATCH):
        centred(np.array([[1.0, 2.0], [3.0, 4.0]]))
    with pytest.raises(ValueError, match="returned masked entries"):
        dnn.KnownField(lambda y: np.ma.masked_less(y, 0), 2)(np.array([[1.0, -1.0]]))


@pytest.mark.parametrize("I, d", [
    (dnn.systems.pendulum().invariants["energy"], 4), (dnn.systems.kepler().invariants["energy"], 6),
    (dnn.systems.lotka_volterra().invariants["cycle"], 3), (dnn.systems.sir().invariants["epidemic"], 2),
])  # fmt: skip
def test_an_invariant_of_a_system_takes_its_states_only(I, d):
    with pytest.raises(
        ValueError, match=rf"of dimension {{}}.*got an array of shape \(2, {d}\)".format(r"\d")
    ):
        I(np.ones((2, d)))
