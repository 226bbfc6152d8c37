"""Arguments are looked at where a caller's hand is, once, for our classes and a student's alike; behind that, a body is its formula."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from zoo import residual

import dynsys_nn as dnn
from dynsys_nn.arguments import Described, WrongResult

PACKAGE = Path(dnn.__file__).parent
CONTRACT = {
    "__call__", "vjp", "jvp", "step", "inverse", "adjoint", "outer", "adjoint_jvp", "jacobian", "divergence", "states",
    "slope", "primitive", "value_and_slope", "potential", "hamiltonian", "skew", "times", "times_transposed",
}  # fmt: skip


def bodies():
    """(file, function) for each body of the contract in fields, linear maps, activations, methods and flows."""
    files = [
        PACKAGE / "activations.py",
        PACKAGE / "flows.py",
        PACKAGE / "started.py",
        *PACKAGE.glob("maps/*.py"),
        *PACKAGE.glob("linear/*.py"),
    ]
    files += [path for path in PACKAGE.glob("fields/*.py") if path.stem != "invariants"] + [
        *PACKAGE.glob("integrators/*.py")
    ]
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        looks = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            and (node.module or "").endswith("arguments") for alias in node.names
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for function in node.body:
                    if isinstance(function, ast.FunctionDef) and function.name in CONTRACT:
                        yield path, node.name, function, looks


def test_no_body_looks_at_its_arguments():
    found, looked_at = [], 0
    for path, cls, function, looks in bodies():
        looked_at += 1
        for node in ast.walk(function):
            called = getattr(node, "func", None)
            name = getattr(called, "id", getattr(called, "attr", None))
            if name in (
                looks
                if isinstance(called, ast.Name)
                else {"state", "covector", "tangent", "require"}
            ):
                found.append(f"{path.name}: {cls}.{function.name} calls {name}")
    assert looked_at > 150 and not found, found


def calls_that_look(call):
    """How many Python calls are made in `dynsys_nn/arguments`, and how many in all of the package."""
    counts = {"look": 0, "all": 0}

    def note(frame, event, _):
        if event == "call" and "dynsys_nn" in frame.f_code.co_filename:
            counts["all"] += 1
            counts["look"] += "arguments" in Path(frame.f_code.co_filename).parts

    sys.setprofile(note)
    try:
        result = call()
    finally:
        sys.setprofile(None)
    return counts, result


def test_the_gradient_of_two_heun_layers_looks_at_its_arguments_at_most_five_times(rng):
    net = dnn.Network(*[dnn.Flow(residual(rng), 0.1, dnn.Heun()) for _ in range(2)])
    counts, (y, pullback) = calls_that_look(lambda: net.vjp(np.ones((3, 4))))
    assert 1 <= counts["look"] <= 5 and counts["all"] <= 50, counts
    counts, _ = calls_that_look(lambda: pullback(y))
    assert 1 <= counts["look"] <= 5, counts


# ---- what a student writes


class Sines(dnn.Field):
    """X(x) = c sin x, with hooks for every mistake."""

    def __init__(self, c=1.0, value=None, vjp=None, pullback=None, jvp=None):
        self.dim_in = self.dim_out = 2
        self.hooks = value, vjp, pullback, jvp
        self.own(c=c)

    def __call__(self, x):
        hook = self.hooks[0]
        return self.c * np.sin(x) if hook is None else hook(x)

    def vjp(self, x):
        if self.hooks[1] is not None:
            return self.hooks[1](x)

        def pullback(w):
            if self.hooks[2] is not None:
                return self.hooks[2](w)
            return self.c * np.cos(x) * w, self.pack(c=(w * np.sin(x)).sum())

        return self.c * np.sin(x), pullback

    def jvp(self, x, v, dtheta=None):
        if self.hooks[3] is not None:
            return self.hooks[3](x, v)
        d = self.unpack(dtheta)
        return self.c * np.sin(x), self.c * np.cos(x) * v + d["c"] * np.sin(x)


def in_place(x):
    x *= 2
    return x


MISTAKES = {
    "a list": (dict(value=lambda x: [1.0, 2.0]), "F(x) of Sines must be an array, got one list"),
    "no return": (dict(value=lambda x: None), "F(x) of Sines must be an array, got None: is there a return?"),
    "another shape": (dict(value=lambda x: x.sum(axis=-1)), "F(x) of Sines has shape (5,), needed is (5, 2)"),
    "a changed argument": (dict(value=in_place), "Sines: an argument is changed: write x = x + …, not x += …"),
    "no pair": (dict(vjp=np.sin), "vjp(x) of Sines must return the pair y, pullback, the second a function, got one ndarray"),
    "a pair without a function": (dict(vjp=lambda x: (x, x)), "the second a function, got (ndarray, ndarray)"),
    "a value of another shape": (dict(vjp=lambda x: (x[0], lambda w: w)), "F(x) of Sines has shape (2,), needed is (5, 2)"),
    "dx alone": (dict(pullback=lambda w: w), "pullback(w) of Sines must return the pair dx, dtheta, got one ndarray"),
    "nothing pulled back": (dict(pullback=lambda w: None), "the pair dx, dtheta, got None: is there a return?"),
    "dx summed": (dict(pullback=lambda w: (w.sum(axis=0), np.zeros(1))), "dx of the pullback of Sines has shape (2,), needed is (5, 2)"),
    "dθ not summed": (dict(pullback=lambda w: (w, w)), "dtheta of the pullback of Sines has shape (5, 2), needed is (1,)"),
    "a changed covector": (dict(pullback=in_place), "Sines: an argument is changed"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("where", ["by hand", "in a flow", "in a network", "in a method"])
def test_a_mistake_in_a_students_field_is_named_wherever_it_is_called(mistake, where, rng):
    options, message = MISTAKES[mistake]
    X = Sines(**options)
    x = rng.normal(size=(5, 2))
    given = x.copy()
    F = {"by hand": X, "in a flow": dnn.Flow(X, 0.1), "in a network": dnn.Network(dnn.Flow(X, 0.1, dnn.RK4())),
         "in a method": dnn.Flow(X, 0.1, dnn.Heun())}[where]  # fmt: skip
    with pytest.raises(WrongResult) as caught:
        F(x)
        y, pullback = F.vjp(x)
        pullback(np.ones_like(y))
    assert message in str(caught.value)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    np.testing.assert_array_equal(x, given)


def test_a_students_field_is_given_what_fits():
    X = Sines()
    for call in (X, X.vjp, X.jacobian, lambda x: X.jvp(x, x), X.divergence):
        with pytest.raises(
            ValueError, match=r"Sines acts on states of dimension 2, got an array of shape \(5, 3\)"
        ):
            call(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"Sines needs a covector w of shape \(5, 2\), got \(2,\)"):
        X.vjp(np.zeros((5, 2)))[1](np.zeros(2))
    with pytest.raises(ValueError, match=r"Sines needs a tangent v of shape \(5, 2\), got \(2,\)"):
        X.jvp(np.zeros((5, 2)), np.zeros(2))
    with pytest.raises(
        ValueError, match=r"Sines needs a direction in θ of shape \(1,\), got \(3,\)"
    ):
        X.jvp(np.zeros(2), np.zeros(2), np.zeros(3))
    np.testing.assert_array_equal(X([0, 1]), np.sin([0.0, 1.0]))
    dnn.checks.adjoint(X, np.ones((3, 2))).require()


class Squares(dnn.Activation):
    """σ(z) = z², with a hook for every mistake."""

    def __init__(self, value=np.square, slope=lambda z: 2 * z):
        self.value, self.derivative = value, slope

    def __call__(self, z):
        return self.value(z)

    def slope(self, z):
        return self.derivative(z)


@pytest.mark.parametrize("hook, message", [
    (dict(value=list), "must be an array, got one list"),
    (dict(value=lambda z: None), "got None: is there a return?"),
    (dict(value=lambda z: z[..., :1]), "has shape (5, 1), needed is (5, 3)"),
    (dict(value=in_place), "an argument is changed"),
    (dict(slope=lambda z: 2.0), "must be an array, got one float"),
])  # fmt: skip
def test_a_mistake_in_a_students_activation_is_named(hook, message, rng):
    X = dnn.ResidualField(dnn.Dense(3, 2, rng=rng), Squares(**hook), dnn.Dense(2, 3, rng=rng))
    with pytest.raises(WrongResult) as caught:
        X.vjp(np.ones((5, 2)))
    assert message in str(caught.value) and "Squares" in str(caught.value)
    with pytest.raises(TypeError, match="Squares acts on numbers, got an array of dtype <U1"):
        Squares()("z")


class Step(dnn.Method):
    """Euler's method, with a hook for every mistake."""

    def __init__(self, step=None, vjp=None, pullback=None):
        self.hooks = step, vjp, pullback

    def step(self, field, x, h):
        return x + h * field(x) if self.hooks[0] is None else self.hooks[0](x)

    def vjp(self, field, x, h):
        if self.hooks[1] is not None:
            return self.hooks[1](x)
        y, back = field.vjp(x)

        def pullback(w):
            dx, dtheta = back(h * w)
            return (w + dx, dtheta, (w * y).sum()) if self.hooks[2] is None else self.hooks[2](w)

        return x + h * y, pullback


@pytest.mark.parametrize("hook, message", [
    (dict(step=list), "the step of Step must be an array, got one list"),
    (dict(step=lambda x: x[0]), "the step of Step has shape (2,), needed is (5, 2)"),
    (dict(step=in_place), "Step: an argument is changed"),
    (dict(vjp=lambda x: None), "vjp(field, x, h) of Step must return the pair y, pullback, the second a function, got None"),
    (dict(pullback=lambda w: (w, np.zeros(1))), "pullback(w) of Step must return the triple dx, dtheta, dh, got (ndarray, ndarray)"),
    (dict(pullback=lambda w: (w, w, 0.0)), "dtheta of the pullback of Step has shape (5, 2), needed is (1,)"),
    (dict(pullback=lambda w: (w, np.zeros(1), w)), "dh of Step must be a number"),
])  # fmt: skip
def test_a_mistake_in_a_students_method_is_named(hook, message):
    F, x = dnn.Flow(Sines(), 0.1, Step(**hook)), np.ones((5, 2))
    with pytest.raises((TypeError, ValueError)) as caught:
        F(x)
        F.vjp(x)[1](x)
    assert message in str(caught.value)


def test_a_students_method_is_given_what_fits():
    for h, kind in ((0.0, ValueError), (np.nan, ValueError), ("fast", TypeError)):
        with pytest.raises(kind, match="a step h must be"):
            Step().step(Sines(), np.ones(2), h)
    with pytest.raises(ValueError, match="Sines acts on states of dimension 2"):
        Step().vjp(Sines(), np.ones(3), 0.1)
    with pytest.raises(ValueError, match="Step steps a field ℝᵈ → ℝᵈ, got Dense"):
        Step().step(dnn.Dense(3, 2), np.ones(2), 0.1)
    with pytest.raises(ValueError, match="Sines needs a covector w of shape"):
        Step().vjp(Sines(), np.ones(2), 0.1)[1](np.ones(5))
    np.testing.assert_array_equal(Step().step(Sines(), [0, 1], 1), [0, 1] + np.sin([0, 1]))


def test_the_identity_of_a_student_gives_back_what_it_got():
    class Same(dnn.Map):
        dim_in = dim_out = 2

        def __call__(self, x):
            return x

    x = np.ones(2)
    y = Same()(x)
    assert y is x and y.flags.writeable


# ---- every way of writing a method in Python


class Doubling:
    """A mixin, which knows nothing of doors."""

    def __call__(self, x):
        return 2 * super().__call__(x)


def test_a_mixin_and_a_later_assignment_count_inside_and_outside():
    """F(x) is what a network with F in it computes, wherever the method was written."""

    class Twice(Doubling, dnn.Dense):
        pass

    class Later(dnn.Dense):
        pass

    Later.__call__ = lambda self, x: 3 * dnn.Dense.__call__(self, x)
    x = np.ones(2)
    for F, factor in ((Twice(2, 2), 2), (Later(2, 2), 3)):
        F.W = np.eye(2)
        np.testing.assert_array_equal(F(x), factor * x)
        np.testing.assert_array_equal(dnn.Network(F)(x), F(x))
        with pytest.raises(ValueError, match="acts on states of dimension 2"):
            F(np.ones(3))


def test_arguments_may_be_named_as_the_method_names_them():
    class Scaled(Sines):
        def __call__(self, points, scale=1.0):
            return scale * super().__call__(points)

    A, X = dnn.Dense(2, 2), Scaled()
    A.W = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(A.adjoint(w=[1, 0]), [1.0, 2.0])
    np.testing.assert_array_equal(X(points=[0, 1], scale=2.0), 2 * np.sin([0, 1]))
    np.testing.assert_array_equal(X([0, 1], 2.0), 2 * np.sin([0, 1]))
    field = dnn.GradientField(A, dnn.Tanh())
    assert dnn.Euler().steps_for(field, T=1.0) == dnn.Euler().steps_for(field, 1.0)
    with pytest.raises(TypeError, match="missing a required argument: 'points'"):
        X(z=[0, 1])


def test_a_students_own_method_may_have_a_name_that_the_package_uses_elsewhere():
    class Own(Sines):
        def states(self, n):
            return [f"state {k}" for k in range(n)]

        @staticmethod
        def potential(height):
            return 9.81 * height

    assert Own().states(2) == ["state 0", "state 1"] and Own().potential(2) == 19.62


@pytest.mark.parametrize("method, message", [
    (dict(inverse=lambda self, y: y[..., :1]), "a state of Own has shape (5, 1), needed is (5, 2)"),
    (dict(jacobian=lambda self, x: x), "F′(x) of Own has shape (5, 2), needed is (5, 2, 2)"),
    (dict(__call__=lambda self, x: np.add(x, 1, out=x)), "Own: an argument is changed"),
])  # fmt: skip
def test_what_any_method_of_the_contract_returns_is_looked_at(method, message):
    X = type("Own", (Sines,), method)()
    with pytest.raises(WrongResult, match=re.escape(message)):
        getattr(X, *method)(np.ones((5, 2)))


def test_an_error_of_the_students_own_is_not_renamed():
    def strict(x):
        raise ValueError("the table that I read is read-only in part")

    with pytest.raises(ValueError, match="the table that I read") as caught:
        Sines(value=strict)(np.ones(2))
    assert not isinstance(caught.value, WrongResult)


def test_a_part_of_the_argument_is_given_back_as_an_array_that_may_be_changed():
    x = np.arange(2.0)
    y = Sines(value=lambda x: x[::-1])(x)
    y += 1
    np.testing.assert_array_equal(y, [2, 1])
    np.testing.assert_array_equal(x, [0, 1])


def test_no_error_is_put_into_words_where_nothing_is_wrong(rng, monkeypatch):
    """Not the text of a map, of a penalty or of an array, which may take longer than the work."""
    A = dnn.Affine(2, 2, rng=rng)
    net = dnn.Network(A, F := dnn.Flow(dnn.GradientField.random(2, 3, rng=rng), 0.1))
    X, Y, x, y = dnn.systems.harmonic_oscillator(), [1.0, 0.0], rng.normal(size=(3, 2)), [0, 1, 1]
    penalties, loss = [dnn.OrthogonalityPenalty(A.A)], dnn.SoftmaxCrossEntropy()
    steps = dnn.NonExpansiveSteps(F)

    def written(*_):
        raise AssertionError("a text is written")

    with np.printoptions(formatter={"all": written}):
        dnn.trajectory(X, Y, [0.0, 0.1, 0.3])
        dnn.exact_flow(X, Y, [0.1, 0.3])
        attack = dnn.attacks.FGM(np.full(3, 0.1))
    for cls in (dnn.Map, Described):
        monkeypatch.setattr(cls, "__repr__", written)
    attack(net, x, y)
    dnn.value_and_grad(net, loss, x, y, penalties=penalties)
    dnn.lipschitz.certified_radius(net, x)
    steps.project()
