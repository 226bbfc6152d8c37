"""What a sheet says of an answer: errors in words and with the answer's line, the first mistake and not its consequences, and of a wrong pullback what is known and no more."""

import linecache
import math
import warnings

import numpy as np
import pytest
from conftest import flags

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks.errors import line_of, words_of


class Layer(dnn.Map):
    """x + h B tanh(Ax + b), right."""

    dim_in = dim_out = 3
    h = 0.3

    def __init__(self):
        r = np.random.default_rng(1)
        self.own(A=r.normal(size=(5, 3)), b=r.normal(size=5), B=r.normal(size=(3, 5)))

    def __call__(self, x):
        return x + self.h * np.tanh(x @ self.A.T + self.b) @ self.B.T

    def vjp(self, x):
        s = np.tanh(x @ self.A.T + self.b)
        return self(x), lambda w: self.back(x, s, w)

    def u(self, s, w):
        return self.h * (1 - s * s) * (w @ self.B)

    def back(self, x, s, w):
        u = self.u(s, w)
        rows = [a.reshape(-1, a.shape[-1]) for a in (u, x, w, s)]
        dB = self.h * rows[2].T @ rows[3]
        return w + u @ self.A, self.pack(A=rows[0].T @ rows[1], b=rows[0].sum(axis=0), B=dB)


def asked(ask, **more):
    """The one Result of asking that."""
    return checks.Question("1.1 a question", ask, **more).result()


# ---- errors: the words, and the line


def broken(x):
    W, b, two, nothing = np.ones((5, 3)), np.ones(5), (x, x), None
    yield (
        "a matrix does not fit, 6 against 3: is a transpose missing, or one too many? States are rows: write x @ W.T",
        lambda: W @ x,
    )
    yield (
        "a matrix does not fit, 5 against 3: is a transpose missing, or one too many?",
        lambda: x @ W,
    )
    yield "a matrix does not fit, 3 against 5", lambda: x.dot(W)
    yield (
        "a matrix does not fit, 6 against 3: is a transpose missing, or one too many? States are rows",
        lambda: x @ x,
    )
    yield "@ takes arrays, and got a number, or None", lambda: x @ 2.0
    yield (
        "arrays of shapes (6, 3) and (5,) do not fit: is a transpose missing, or one too many? Or a sum over",
        lambda: x * b,
    )
    yield (
        "arrays of shapes (6, 3) and (6,) do not fit: one number a state needs its axis: y[..., None]",
        lambda: x / x.sum(axis=-1),
    )
    yield (
        "arrays of shapes (5, 6) and (5,) do not fit: is a transpose missing, or one too many? States are rows",
        lambda: W @ x.T + b,
    )
    yield "x is x[..., None, :] in its rows, or x[..., None]", lambda: np.ones((6, 3, 3)) * x
    yield (
        "does len(x), that of the batch, stand for x.shape[-1]?",
        lambda: np.eye(len(x)) - np.ones((6, 3, 3)),
    )
    yield (
        "a matrix is not square: to transpose each matrix of a batch write np.swapaxes",
        lambda: np.linalg.inv(np.ones((6, 3, 3)).T),
    )
    yield (
        "np.linalg.solve takes the vectors of a batch as r[..., None]",
        lambda: np.linalg.solve(np.ones((6, 3, 3)), x),
    )
    yield "arrays of other shapes are joined", lambda: np.concatenate([x, W], axis=1)
    yield "arrays of other shapes are joined", lambda: np.stack([x, W])
    yield (
        "arrays of shapes (6, 3) and (3, 5) do not fit: is a transpose missing, or one too many? Or is @ meant",
        lambda: x * W.T,
    )
    yield (
        "is there a list, or an array, where a number should be?",
        lambda: np.array([[1.0, 2.0], [1.0]]),
    )
    yield "a text where a number should be", lambda: x * np.array("1")
    yield "several results where one array should be", lambda: 2.0 - np.linalg.svd(x)
    yield "18 entries do not fill the shape (4,4)", lambda: x.reshape(4, 4)
    yield "there is no axis 2, the array has 2 axes", lambda: x.sum(axis=2)
    yield "there is no entry 3: the 3 of axis 1 are 0 to 2", lambda: x[:, 3]
    yield "an array of 2 axes got 3 indices: x[..., 0] is right for any number", lambda: x[:, :, 0]
    yield "an index is too large: the last of n entries is n − 1", lambda: two[2]
    yield (
        "3 results are taken apart, but there are 2: what does the call return?",
        lambda: take_apart(two),
    )
    yield "3 results are taken apart, but there are more", lambda: take_apart(range(9))
    yield "None is taken apart: does the call return something?", lambda: take_apart(None)
    yield "one result is taken apart as if it were several", lambda: take_apart(1.0)
    yield (
        "None where a number or an array should be: is there a return, or a value?",
        lambda: x + None,
    )
    yield "None where a number or an array should be", lambda: nothing.T
    yield "None where a number or an array should be", lambda: np.sin(None)
    yield "a list is not an array, and does not calculate", lambda: [1] - [2]
    yield "a list or a pair does not calculate", lambda: 0.5 * [1.0]
    yield "a tuple where an array should be: take it apart", lambda: two.T
    yield "a function where its value should be: are the brackets missing", lambda: take_apart * 2
    yield "a function where its value should be: are the brackets missing", lambda: x.sum.T
    yield "one Layer does not calculate: are the brackets missing", lambda: 2.0 * Layer()
    yield (
        "one ndarray is called like a function: is a sign missing before the bracket",
        lambda: x(x),
    )
    yield "None is called like a function", lambda: nothing(x)
    yield "a number has no [k]", lambda: math.pi[0]
    yield "a number has no [k]", lambda: x.sum()[0]
    yield (
        "one number is needed, and got an array: np.exp(z) and not math.exp(z)?",
        lambda: math.exp(x),
    )
    yield "take one number, not an array: write np.where(…)", lambda: x if x > 0 else -x
    yield "Layer has no W: it has A, b, B", lambda: Layer().W
    yield "Layer has no dim_inn: is it dim_in?", lambda: Layer().dim_inn
    yield "NumPy has no tahn: is it tan or tanh?", lambda: np.tahn(x)
    yield "ndarray has no tanh: write np.tanh(…)", lambda: x.tanh()
    yield "tanh is not known here: is it np.tanh?", lambda: tanh(x)  # noqa: F821
    yield "Leyer is not known here: is it Layer?", lambda: Leyer(x)  # noqa: F821
    yield "late is used before it has a value", used_too_early
    yield "a function calls itself, and that again, without an end", without_an_end
    yield "take_apart needs 'three', too", lambda: take_apart()
    yield (
        "take_apart takes 1, but got 2 arguments: is self the first of a method?",
        lambda: take_apart(1, 2),
    )
    yield (
        "take_apart has no argument keepdim: is it spelled rightly?",
        lambda: take_apart(1, keepdim=True),
    )
    yield "there is no entry 'C'", lambda: Layer().parameters["C"]
    yield "a division by zero", lambda: 1 / (x.size - 18)
    yield (
        "begin each group with ..., as in '...i,...i->...'",
        lambda: np.einsum("ni,ni->n", np.ones((2, 3, 4)), np.ones((2, 3, 4))),
    )
    yield "a matrix is singular, and has no inverse", lambda: np.linalg.inv(np.zeros((2, 2)))
    yield "the answer ends Python: leave out exit()", lambda: exit()
    yield "an argument is changed: write x = x + …, not x += …", lambda: in_place(x)
    yield (
        "Layer acts on states of dimension 3, got an array of shape (6, 5)",
        lambda: Layer()(np.ones((6, 5))),
    )
    yield "OverflowError: ", lambda: math.exp(1e3)


def take_apart(three):
    a, b, c = three
    return a + b + c


def used_too_early():
    later = late  # noqa: F821
    late = 1
    return later + late


def without_an_end():
    return without_an_end()


def in_place(x):
    x = x.view()
    x.flags.writeable = False
    x += 1


BROKEN = [words for words, _ in broken(np.ones((6, 3)))]
SINGULAR = "a matrix is singular, and has no inverse"


@pytest.mark.parametrize(
    "k",
    [pytest.param(k, marks=flags if words == SINGULAR else ()) for k, words in enumerate(BROKEN)],
    ids=lambda k: BROKEN[k][:60],
)
def test_errors_are_said_in_words_of_the_subject_and_with_the_line(k):
    def answer(x):
        return list(broken(x))[k][1]()

    result = asked(lambda: answer(np.ones((6, 3))))
    assert BROKEN[k] in result.detail and result.verdict == "FAILED", result
    assert result.line and "lambda: answer" not in result.line


def test_the_line_is_that_of_the_answer_also_in_a_notebook_and_not_that_of_the_sheet():
    cell = "def answer(x):\n    y = x @ x\n    return y\n"
    linecache.cache["<ipython-input-7>"] = (
        len(cell),
        None,
        cell.splitlines(True),
        "<ipython-input-7>",
    )
    names = {"__name__": "a notebook"}
    exec(compile(cell, "<ipython-input-7>", "exec"), names)
    sheet = (
        "def questions(answer, x):\n    def ask():\n        return answer(x) + []\n    return ask\n"
    )
    linecache.cache["sheet"] = len(sheet), None, sheet.splitlines(True), "sheet"
    exec(compile(sheet, "sheet", "exec"), names)
    x = np.ones((6, 3))
    assert asked(names["questions"](names["answer"], x)).line == "y = x @ x"
    found = asked(names["questions"](lambda x: None, x))  # what the sheet does with it
    assert found.line == "" and "None where a number" in found.detail
    assert line_of(None) == "" and words_of(ValueError("odd")) == "ValueError: odd"


def test_of_a_wrong_result_the_line_is_the_return_if_there_is_but_one():
    x = np.ones((6, 3))

    class AList(Layer):
        def vjp(self, x):
            def pullback(w):
                return [w, w]

            return self(x), pullback

    class TwoReturns(Layer):
        def vjp(self, x):
            def pullback(w):
                if w.ndim == 1:
                    return w
                return [w, w]

            return self(x), pullback

    class NoReturn(Layer):
        def vjp(self, x):
            self(x)

    class OfItsValue(Layer):
        def __call__(self, x):
            return x[:, :2]

    class Calls(Layer):
        """Its own line is right: that of another class is to be named."""

        def vjp(self, x):
            return Layer()(x), AList().vjp(x)[1]

    for Wrong, line in (
        (AList, "return [w, w]"),
        (TwoReturns, ""),
        (NoReturn, ""),
        (OfItsValue, "return x[:, :2]"),
        (Calls, "return [w, w]"),
    ):
        assert checks.adjoint(Wrong(), x).line == line, Wrong
    given = checks.orthogonal_to_x(lambda x: x[..., :1], x)
    assert "lambda x: x[..., :1]" in given.line


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, type("Odd", (BaseException,), {})])
def test_nothing_that_an_answer_raises_ends_a_sheet_but_ctrl_c(kind):
    def ask():
        raise kind

    assert asked(ask).verdict == "FAILED"

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(stop)


def test_an_answer_that_prints_without_end_does_not_bury_the_sheet(capsys):
    def ask():
        for _ in range(10_000):
            print("here")
        return checks.Check("a", 0.0, 1.0)

    checks.run([checks.Question("1.1 a", ask), checks.Question("1.2 b", lambda: print("hello"))])
    out = capsys.readouterr().out
    assert 2000 < len(out) < 2500 and "\n        … and 48000 more letters are printed" in out
    assert "hello\nFAILED  1.2 b" in out


@flags
def test_a_warning_is_said_below_its_question_and_not_beside_the_sheet(capsys):
    def answer(z):
        return np.exp(z)

    def ask(measured):
        return lambda: checks.Check(
            "a", measured * answer(np.array(1e3)) * 0 + measured, 1.0, "why"
        )

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for measured, verdict in ((0.0, "FAILED"), (2.0, "FAILED")):  # 0 · ∞ is no number
            found = asked(ask(measured))
            assert found.verdict == verdict and found.line == "return np.exp(z)"
            assert found.diagnosis.startswith("why; a warning on the way: overflow encountered in")
        right = asked(lambda: checks.Check("a", float(answer(1e3) < 0), 1.0, "why"))
    assert right.passed and right.diagnosis.startswith("a warning on the way: overflow")
    assert "why" not in str(right) and "return np.exp(z)" in str(right)
    assert capsys.readouterr().err == ""


def test_a_diagnosis_is_what_was_found_and_not_how_it_was_measured():
    x = np.random.default_rng(0).normal(size=(6, 3))
    right = asked(lambda: checks.adjoint(Layer(), x))
    assert right.passed and right.diagnosis == "" and right.detail.endswith(", Jv from differences")

    class Wrong(Layer):
        def back(self, x, s, w):
            return -super().back(x, s, w)[0], super().back(x, s, w)[1]

    wrong = asked(lambda: checks.adjoint(Wrong(), x))
    assert wrong.diagnosis == "dx: the sign is wrong"
    assert wrong.detail == "in x, Jv from differences; dx: the sign is wrong"
    assert "differences" not in str(wrong) and "Jv from" in str(checks.adjoint(Wrong(), x))
    assert "<td" in checks.adjoint(Wrong(), x)._repr_html_()
    assert "differences" not in checks.adjoint(Wrong(), x)._repr_html_()


def test_an_array_that_nobody_trains_is_said_of_an_answer_that_passes():
    class NoOwn(dnn.Map):
        dim_in = dim_out = 2

        def __init__(self):
            self.c = np.array([1.0, 2.0])

        def __call__(self, x):
            return self.c * x

        def vjp(self, x):
            return self(x), lambda w: (self.c * w, np.zeros(0))

    found = asked(lambda: checks.adjoint(NoOwn(), np.ones((4, 2))))
    assert found.passed and "        c was not given to own(…): constant" in str(found)


# ---- wrong pullbacks: what is known, and no more


def said_of(change, shape=(6, 3), base=Layer, h=0.3):
    """What is said of the layer with a changed method."""
    F = type("Wrong", (base,), change)()
    F.h = h
    check = checks.adjoint(F, np.random.default_rng(0).normal(size=shape))
    assert not check.passed
    return check.finding


def back_with(**changes):
    def back(self, x, s, w):
        dx, dtheta = Layer.back(self, x, s, w)
        A, b, B = np.split(dtheta, [15, 20])
        pieces = {"dx": dx, "A": A, "b": b, "B": B}
        pieces |= {name: change(self, pieces, x, s, w) for name, change in changes.items()}
        return pieces["dx"], np.concatenate([pieces[name].ravel() for name in "AbB"])

    return {"back": back}


def test_a_slope_is_named_with_what_follows_from_it_and_right_pieces_are_not():
    for shape in ((6, 3), (2, 3, 3)):
        assert said_of({"u": lambda F, s, w: F.h * (w @ F.B)}, shape) == (
            "dx and the gradient of A and b: the slope σ′ is missing, as if σ were linear"
        )
        look = "off by a factor that depends on x, and not on w: look at the slope σ′ and its z"
        slope = " stands for σ′ = 1 − tanh² z"
        for wrong, known in (
            (lambda s: 1 - s, "1 − tanh z" + slope),
            (lambda s: 1 + s * s, "1 + tanh² z" + slope),
            (lambda s: s, "tanh z" + slope),
            (lambda s: 1 - np.arctanh(s) ** 2, "1 − z²" + slope),
            (lambda s: 1 - np.tanh(s) ** 2, "tanh is taken twice: σ′ = 1 − tanh² z"),
            (lambda s: 1 - s**3, look),
        ):
            words = said_of({"u": lambda F, s, w, wrong=wrong: F.h * wrong(s) * (w @ F.B)}, shape)
            assert words == f"dx and the gradient of A and b: {known}", words


def test_an_entry_by_entry_factor_that_is_constant_is_no_slope():
    words = said_of(back_with(b=lambda F, g, *_: g["b"] * np.arange(1, 6)))
    assert words.startswith("the gradient of b: off by") and "depends on x" not in words


def test_another_mistake_beside_a_slope_is_not_explained_by_it():
    """dx is wrong in another way, too."""
    words = said_of(
        back_with(
            b=lambda F, g, x, s, w: (F.h * (w @ F.B)).sum(axis=0),
            dx=lambda F, g, x, s, w: g["dx"] + np.sin(w),
        )
    )
    assert words.startswith("the gradient of b: the slope σ′ is missing")
    assert "dx is off, too: by this, or look for a term" in words


def test_pieces_in_another_order_are_named():
    class AnotherOrder(Layer):
        def back(self, x, s, w):
            dx, dtheta = super().back(x, s, w)
            return dx, np.concatenate([dtheta[15:20], dtheta[:15], dtheta[20:]])

    found = checks.adjoint(AnotherOrder(), np.random.default_rng(0).normal(size=(6, 3)))
    words = "the entries are those of θ in another order: it is A, b, B"
    assert found.finding == f"the gradient of A and b: {words}"


def test_values_that_look_alike_are_shown_with_more_digits():
    check = checks.value(lambda x: x + 1e-7, np.ones(1), [1.0])
    assert check.detail == "F(x) is [1.0000001], needed is [1.]"


def test_what_is_unknown_is_said_once():
    words = said_of(back_with(A=lambda F, g, *_: np.sin(g["A"]), B=lambda F, g, *_: np.cos(g["B"])))
    assert (
        words.startswith("the gradient of A and B: off by up to") and words.count("look for") == 1
    )
    words = said_of(back_with(A=lambda F, g, *_: -g["A"], B=lambda F, g, *_: np.cos(g["B"])))
    assert words.startswith(
        "the gradient of A: the sign is wrong; the gradient of B is off, too: by"
    )


def test_means_over_a_part_of_the_batch_are_named_both_where_they_look_alike():
    shape = (2, 4, 3)
    b = {1 / 8: "a mean over the batch of 8", 1 / 2: "a mean over batch axis 0 of 2 alone", 1 / 24: "a mean over all 24 entries"}  # fmt: skip
    for factor, words in b.items():
        found = said_of(back_with(b=lambda F, g, *_, c=factor: c * g["b"]), shape)
        assert found == f"the gradient of b: {words} instead of a sum"
    found = said_of(back_with(b=lambda F, g, *_: g["b"] / 4), shape)
    assert "batch axis 1 of 4 alone" in found and "or len(x) = 2 is taken for the batch" in found
    found = said_of(back_with(b=lambda F, g, x, s, w: F.u(s, w)[0].sum(axis=0)), shape)
    assert found == "the gradient of b: it is that of x[0] alone: sum over all batch axes"


def test_the_covector_may_be_missing_in_a_part_of_the_state():
    def without(k):
        return back_with(dx=lambda F, g, x, s, w: g["dx"] - w * np.isin(np.arange(3), k))

    assert said_of(without([1])) == "dx: the term w itself is missing in w[..., [1]]"
    assert said_of(without([0, 2])) == "dx: the term w itself is missing in w[..., [0, 2]]"
    assert said_of(without([0, 1, 2])) == "dx: the term w itself is missing"
    more = back_with(dx=lambda F, g, x, s, w: g["dx"] - w * [1, 0, 0] + np.sin(w) * [0, 0, 1])
    assert said_of(more).startswith("dx: off by")


def of_stages(tableau, change):
    """Said of one step by that tableau, whose adjoint is `change`d."""

    class Own(dnn.RungeKutta):
        A, b = tableau

        def __init__(self):
            super().__init__()

        def vjp(self, field, x, h):
            A, b, K, backs = self.A, self.b, [], []
            for row in A:
                k, back = field.vjp(x + h * sum((a * k for a, k in zip(row, K)), 0.0 * x))  # noqa: B905
                K.append(k)
                backs.append(back)
            y = x + h * sum(b_i * k for b_i, k in zip(b, K))  # noqa: B905
            return y, lambda w: change(A, b, K, backs, h, w)

    X = dnn.ResidualField.random(3, 5, bias=1.0, rng=2)
    x = np.random.default_rng(3).normal(size=(4, 3))
    return checks.adjoint(dnn.Flow(X, 0.3, Own(), learn_h=True), x)


def adjoint_of_stages(
    A, b, K, backs, h, w, c=None, in_dx=None, in_theta=None, dh_factor=1.0, a=1, turned=False, share=1
):  # fmt: skip
    s = len(b)
    kappa, dx, dtheta = [b_i * w for b_i in (b[::-1] if turned else b)], w, 0.0
    c, every = c or [1] * s, range(s)
    dh = sum(b[i] * (w * K[i]).sum() for i in every)
    for i in reversed(every):
        eta, d = backs[i](h * c[i] * kappa[i])
        dx = dx + eta * (i in (in_dx or every))
        dtheta = dtheta + d * (i in (in_theta or every))
        for j, a_ij in enumerate(A[i]):
            kappa[j] = kappa[j] + a * a_ij * eta
            dh += share * a_ij * (eta * K[j]).sum()
    return dx, dtheta, dh_factor * dh


THREE = [[], [1 / 2], [-1.0, 2.0]], [1 / 6, 2 / 3, 1 / 6]
FOUR = [[], [0.3], [0.1, 0.4], [0.2, 0.3, 0.4]], [0.1, 0.2, 0.3, 0.4]
STAGES = [
    ("the weights b are in reverse order", FOUR, dict(turned=True)),
    ("the stages' share of the gradient of h is missing", FOUR, dict(share=0)),
    ("one factor h too many in the stages' share of the gradient of h", FOUR, dict(share=0.3)),
    ("a factor h is missing in stage 2: η = X′(Y)ᵀ(hκ)", THREE, dict(c=[1, 1 / 0.3, 1])),
    ("one factor h too many in stage 3: η = X′(Y)ᵀ(hκ)", THREE, dict(c=[1, 1, 0.3])),
    ("η_3 is missing in dx", FOUR, dict(in_dx=[0, 1, 3])),
    ("the gradient in θ lacks that of stage 2", FOUR, dict(in_theta=[0, 2, 3])),
    ("the gradient in θ is that of the last stage alone: sum over the stages", FOUR, dict(in_theta=[3])),
    ("what a stage owes to the earlier ones, a_ij η_i, has the wrong sign", FOUR, dict(a=-1)),
    ("the gradient of h: a mean over all 12 entries instead of a sum", FOUR, dict(dh_factor=1 / 12)),
    ("the gradient of h: a mean over the batch of 4 instead of a sum", FOUR, dict(dh_factor=1 / 4)),
]  # fmt: skip


def test_an_implicit_tableau_is_not_taken_for_an_explicit_one():
    class Implicit(dnn.Euler):
        A, b = [[1 / 2]], [1.0]

        def __init__(self):
            pass

        def vjp(self, field, x, h):
            (y, pullback), (K, back) = dnn.Euler().vjp(field, x, h), field.vjp(x)
            return y, lambda w: (*pullback(w)[:2], (w * K).sum() - (back(h * w)[0] * K).sum() / 2)

    X = dnn.ResidualField.random(3, 5, bias=1.0, rng=2)
    found = checks.adjoint(dnn.Flow(X, 0.3, Implicit(), learn_h=True), np.ones((4, 3)))
    assert found.finding.startswith("the gradient of h: off by"), found


@pytest.mark.parametrize("words, tableau, change", STAGES, ids=[words for words, *_ in STAGES])
def test_mistakes_in_the_stages_of_any_tableau_are_named(words, tableau, change):
    right = of_stages(tableau, adjoint_of_stages)
    assert right.passed, right
    found = of_stages(tableau, lambda *given: adjoint_of_stages(*given, **change))
    assert not found.passed and found.finding == words, found


def test_state_on_a_method_or_on_a_field_of_a_flow_is_found_in_one_step():
    class OnSelf(dnn.Ralston):
        def vjp(self, field, x, h):
            self.K = field(x)
            return super().vjp(field, x, h)

    class Keeps(dnn.Ralston):
        def vjp(self, field, x, h):
            y, self.back = super().vjp(field, x, h)
            return y, lambda w: self.back(w)

    class KeepingField(dnn.ResidualField):
        def vjp(self, x):
            y, self.back = super().vjp(x)
            return y, lambda w: self.back(w)

    X, x = dnn.ResidualField.random(3, 5, bias=1.0, rng=2), np.ones((4, 3))
    own = KeepingField(dnn.Dense(5, 3, rng=0), dnn.Tanh(), dnn.Dense(3, 5, rng=1))
    assert checks.adjoint(dnn.Flow(X, 0.3, OnSelf()), x).passed  # it is kept, but not read
    for F in (dnn.Flow(X, 0.3, Keeps()), dnn.Flow(own, 0.3), dnn.Network(dnn.Flow(own, 0.3))):
        found = checks.adjoint(F, x)
        assert not found.passed and "it reads self.back, where local variables" in found.detail
    assert checks.adjoint(dnn.Flow(X, 0.3, dnn.Ralston()), x).passed


# ---- structure


def test_a_structure_that_is_lost_is_said_in_a_sentence(rng):
    x = rng.normal(size=(4, 2))
    D = np.diag([2.0, 1.0])
    for check, words in (
        (checks.volume(lambda x: x + x * x * [0.5, 0], [[0.0, 0.0], [2.0, 0.0]]), "det F′ is 3, and not 1: volume is not kept"),
        (checks.symplectic(lambda x: x @ D, x), "DᵀJD is not J, by"),
        (checks.orthogonal_to_x(lambda x: x, x), "X(x) is not at right angles to x: the cosine"),
        (checks.curl_free(lambda x: x @ [[0, 1], [-1, 0]], x), "X′ is not symmetric"),
        (checks.invariant(lambda x: 2 * x, dnn.Mass(), [[1.0, 0.0]], 3), "I moves by up to 1 in one step, 7 in 3"),
    ):  # fmt: skip
        assert not check.passed and check.finding.startswith(words), check


class Step(dnn.Map):
    """x + h tanh x, undone in some way."""

    dim_in = dim_out = 2

    def __init__(self, back, h=0.4):
        self.h, self.back = h, back

    def __call__(self, x):
        return x + self.h * np.tanh(x)

    def inverse(self, y):
        return self.back(self, y)


def fixed_point(F, y):
    x = y
    for _ in range(100):
        x = y - F.h * np.tanh(x)
    return x


def test_what_is_said_of_a_wrong_inverse_follows_from_its_error(rng):
    x = rng.normal(size=(5, 2)) + 0.2
    assert checks.inverse(Step(fixed_point), x).passed
    for back, words in (
        (lambda F, y: y + F.h * np.tanh(y), "it is F itself: something is to be undone"),
        (lambda F, y: 2 * y - fixed_point(F, y), "in x[..., [0, 1]]: the sign is wrong"),
        (lambda F, y: y, "in x[..., [0, 1]]: what F adds is not taken off"),
        (lambda F, y: np.stack([fixed_point(F, y)[:, 0], y[:, 1]], -1), "in x[..., [1]]: what F adds is not"),
        (lambda F, y: y - F.h * np.tanh(y), "its error is of order h²"),
        (lambda F, y: y - F.h * np.sin(y), "in x[..., [0, 1]]: its error is of order h, look for a sign"),
        (lambda F, y: fixed_point(F, y) + 1e-3, "F⁻¹(F(x)) is off by up to 0.001"),
        (lambda F, y: fixed_point(F, y) + (F.h > 0.1), "F⁻¹(F(x)) is off by up to 1"),
        (lambda F, y: np.where(F.h > 0.1, 0.0, np.nan) * y, "F⁻¹(F(x)) is off by up to"),
        (lambda F, y: -fixed_point(F, y), "F⁻¹(F(x)) = −x: look for a sign"),
    ):  # fmt: skip
        F = Step(back)
        found = checks.inverse(F, x)
        assert not found.passed and found.finding.startswith(words), found
        assert F.h == 0.4

    class NoStep(Step):
        def __init__(self, back):
            self.back = back

        def __call__(self, x):
            return x + 0.4 * np.tanh(x)

    assert checks.inverse(NoStep(lambda F, y: y), x).finding.startswith("F⁻¹(F(x)) is off by up to")

    class OfTheClass(Step):
        h = 0.4

        def __init__(self, back):
            self.back = back

    F = OfTheClass(lambda F, y: y)
    assert "what F adds" in checks.inverse(F, x).finding and "h" not in vars(F)

    class Back(dnn.Euler):
        def inverse(self, field, y, h):
            return y + h * field(y)

    X = dnn.ResidualField.random(2, 3, bias=1.0, rng=0)
    for flow in (dnn.Flow(X, 0.3, Back()), dnn.Flow(X, 0.3, Back(), learn_h=True)):
        theta = flow.theta.copy()
        assert "it is F itself" in checks.inverse(flow, x).finding
        assert flow.h == 0.3 and np.array_equal(flow.theta, theta)
    Back.inverse = lambda self, field, y, h: y - h / 2 * field(y)
    F = dnn.Flow(X, 0.3, Back())
    assert "its error is of order h, look for" in checks.inverse(F, x).finding and F.h == 0.3


def test_functions_in_place_of_questions_are_numbered_and_called_by_their_checks(capsys):
    results = checks.run([lambda: checks.Check("first", 0.0, 1.0), lambda: 1 / 0])
    assert [r.name for r in results] == ["1 first", "2"] and results.end.endswith("next: task 2")
