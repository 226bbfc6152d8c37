"""Whatever is called with whatever, the outcome is right or an error of ours that says what was got: 500 random
calls, the first of those of `tests/benchmarks/fuzz.py`. And the oracle notices what it is there to notice.
"""

import re
import signal
import time

import fuzz
import numpy as np
import pytest
import zoo
from conftest import flags

import dynsys_nn as dnn


def test_every_outcome_is_right_or_an_error_of_ours():
    violations = []
    for k in range(500):
        call = fuzz.call(k)
        outcome, error = fuzz.judge(call)
        if isinstance(outcome, fuzz.Violation):
            violations.append(f"call {k}: {outcome}\n    {call}\n    {error!r}")
    assert not violations, "\n".join(violations)


def test_a_call_depends_on_its_number_alone():
    texts = [re.sub("0x[0-9a-fA-F]+", "", str(fuzz.call(k))) for k in range(60)]
    for k in reversed(range(60)):
        assert re.sub("0x[0-9a-fA-F]+", "", str(fuzz.call(k))) == texts[k]


def test_every_kind_of_call_comes_up_and_most_kinds_of_outcome():
    calls = [fuzz.call(k) for k in range(300)]
    assert {call.family for call in calls} == {family.__name__ for family in fuzz.FAMILIES}
    verdicts = {argument.verdict for call in calls for argument in call.arguments.values()}
    assert verdicts == {"good", "bad", "odd"}


def test_every_public_class_is_built_or_is_a_base():
    public = {name for name in dnn.__all__ if isinstance(getattr(dnn, name), type)}
    built = {made.__name__ for made, _ in fuzz.CONSTRUCTORS.values()}
    listed = {
        type(thing).__name__ for thing in zoo.one_of_each(np.random.default_rng(0))
    } | fuzz.NOT_BUILT
    assert public <= listed, f"in no list of tests/zoo.py, and so not tested: {public - listed}"
    assert public == built | fuzz.NOT_BUILT and not built & fuzz.NOT_BUILT
    functions = {name for name in dnn.__all__ if callable(getattr(dnn, name))} - public
    assert functions <= fuzz.FUNCTIONS_OF_DATA.keys() | fuzz.FUNCTIONS.keys()
    assert (
        set(dnn.checks.__all__) - {"Check", "Question", "Result", "Results", "run"}
        == fuzz.CHECKS.keys()
    )


# ---- guard the guard
class Twice(dnn.Map):
    """y = 2x, right; each class below has one mistake."""

    dim_in = dim_out = 2

    def __call__(self, x):
        return 2 * self.state(x)


class ChangesItsArgument(Twice):
    def __call__(self, x):
        x = self.state(x)
        x *= 2
        return x


class ChangesItself(Twice):
    calls = 0

    def __call__(self, x):
        self.calls += 1
        return 2 * self.state(x)


class SpreadsOverTheBatch(Twice):
    def __call__(self, x):
        x = self.state(x)
        return 2 * x + 0 * x.sum(axis=tuple(range(x.ndim - 1)))


class Rounds(Twice):
    def __call__(self, x):
        return (2 * self.state(x)).astype(np.float32)


class DropsABatchAxis(Twice):
    def __call__(self, x):
        return 2 * self.state(x).reshape(-1, 2)


class LooksAtTheBatch(Twice):
    def __call__(self, x):
        x = self.state(x)
        return 2 * x - x.mean(axis=0)


class IsSilent(Twice):
    def __call__(self, x):
        with np.errstate(all="ignore"):
            return 2 * self.state(x) ** 3 / self.state(x) ** 2


class IsNotFinite(Twice):
    def __call__(self, x):
        return 2 * self.state(x) + np.where(self.state(x) > 0.5, np.inf, 0)


class Warns(Twice):
    def __call__(self, x):
        return 2 * self.state(x) + 0 * np.log(self.state(x) * 0 + 1e-320 - 1)


class LooksAtTheLayout(Twice):
    def __call__(self, x):
        x = self.state(x)
        return 2 * np.frombuffer(x.tobytes("A"), x.dtype).reshape(x.shape)


class Hangs(Twice):
    def __call__(self, x):
        while True:
            time.sleep(0.01)


class RefusesAll(Twice):
    def __call__(self, x):
        return self.state(np.zeros(3))


X = np.arange(6.0).reshape(3, 2) / 5
ONE_BAD = np.array([False, True, False])


def sample(number):
    x = X.copy()
    x[1, 0] = number
    return fuzz.Argument(x, "odd", x.copy(), ONE_BAD)


ARGUMENTS = {
    "clean": lambda: fuzz.Argument(X.copy(), "good", X.copy()),
    "grid": lambda: fuzz.Argument(X[None].copy(), "good", X[None].copy()),
    "transposed": lambda: fuzz.Argument(np.asfortranarray(X), "good", X.copy()),
    "NaN": lambda: sample(np.nan),
    "huge": lambda: sample(1e200),
    "too wide": lambda: fuzz.Argument(np.zeros((3, 3)), "bad"),
}
NOTICED = {
    ChangesItsArgument: (
        "clean",
        "good arguments were refused",
    ),  # by the door of a class that is not ours
    ChangesItself: ("clean", "an argument was changed"),
    SpreadsOverTheBatch: ("NaN", "y of sample"),
    Rounds: ("clean", "y has dtype float32, needed is float64"),
    DropsABatchAxis: ("grid", "good arguments were refused"),
    LooksAtTheBatch: ("clean", "y of sample (0,) is not that of the sample alone"),
    IsSilent: ("huge", "y is not finite, and no warning says so"),
    IsNotFinite: ("clean", "y is not finite"),
    Warns: ("clean", "warns: invalid value"),
    LooksAtTheLayout: ("transposed", "y is not that of a clean copy"),
    **({Hangs: ("clean", "did not come back")} if hasattr(signal, "setitimer") else {}),
    RefusesAll: ("clean", "good arguments were refused"),
}


def outcome_of(F, argument):
    return fuzz.judge(
        fuzz.pointwise("F", F, lambda x: {"y": F(x)}, {"y": (2,)}, x=ARGUMENTS[argument]())
    )[0]


@pytest.mark.parametrize(
    "mistaken",
    [pytest.param(one, marks=flags if one in (IsSilent, Warns) else ()) for one in NOTICED],
)
def test_a_mistake_of_a_map_is_noticed(mistaken, monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    argument, words = NOTICED[mistaken]
    outcome = outcome_of(mistaken(), argument)
    assert isinstance(outcome, fuzz.Violation) and words in outcome


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_right_map_is_right(argument):
    assert outcome_of(Twice(), argument) == ("ValueError" if argument == "too wide" else "right")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError('h must be finite, got inf')", ""),
        ("raise ValueError('no')", "says only 'no'"),
        ("raise ValueError('something or other is wrong here')", "does not say what was got"),
        ("raise KeyError('a name that is needed, got another')", "no kind of error of ours"),
        ("{}['x']", "raised by no line of ours"),
        ("raise_it = int('x')", "raised by no line of ours"),
        ("raise ValueError(f'h must be {None:g}, got inf')", "raised by no line of ours"),
    ],
)
def test_an_error_is_ours_where_a_raise_of_the_package_says_what_was_got(line, words):
    code = compile(line, f"{fuzz.PACKAGE}/made_up.py", "exec")
    call = fuzz.Call("f", lambda h: exec(code), lambda result, warned: "", h=fuzz.Argument(np.inf))
    outcome, _ = fuzz.judge(call)
    assert isinstance(outcome, fuzz.Violation) == bool(words) and words in outcome


def test_a_sum_over_the_batch_that_misses_a_sample_is_noticed():
    A = dnn.Dense(2, 2, rng=0)

    def function(x, w):
        y, pullback = A.vjp(x)
        return {"y": y, "dtheta": pullback(w)[1] if x.ndim == 1 else A.outer(w[1:], x[1:])}

    call = fuzz.pointwise(
        "F.vjp", A, function, {"y": (2,)}, x=ARGUMENTS["clean"](), w=ARGUMENTS["clean"]()
    )
    assert fuzz.judge(call)[0] == "dtheta is not the sum over the samples"


def test_an_object_that_cannot_be_used_is_noticed():
    class Flat(dnn.Activation):
        def __call__(self, z):
            return z * np.nan

        slope = primitive = __call__

    call = fuzz.Call(
        "Flat", Flat, lambda thing, warned: fuzz.built(thing, warned, np.random.default_rng(0))
    )
    assert "it was made, but cannot be used" in fuzz.judge(call)[0]
