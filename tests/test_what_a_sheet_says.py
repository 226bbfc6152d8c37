"""What a sheet says of an answer: errors in words and with the answer's line, the first mistake and not its consequences, and of a wrong pullback what is known and no more."""

import linecache
import math
import warnings

import numpy as np
import pytest

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
    yield "a matrix does not fit, 6 against 3: is a transpose missing, or one too many? States are rows: write x @ W.T", lambda: W @ x
    yield "a matrix does not fit, 5 against 3: is a transpose missing, or one too many?", lambda: x @ W
    yield "a matrix does not fit, 3 against 5", lambda: x.dot(W)
    yield "a matrix does not fit, 3 against 6: is a transpose missing, or one too many? States are rows", lambda: x @ x
    yield "@ takes arrays, and got a number, or None", lambda: x @ 2.0
    yield "arrays of shapes (6, 3) and (5,) do not fit: is a transpose missing, or one too many? Or a sum over", lambda: x * b
    yield "arrays of shapes (6, 3) and (6,) do not fit: one number a state needs its axis: y[..., None]", lambda: x / x.sum(axis=-1)
    yield "arrays of shapes (5, 6) and (5,) do not fit: is a transpose missing, or one too many? States are rows", lambda: W @ x.T + b
    yield "arrays of other shapes are joined", lambda: np.concatenate([x, W], axis=1)
    yield "arrays of other shapes are joined", lambda: np.stack([x, W])
    yield "18 entries do not fill the shape (4,4)", lambda: x.reshape(4, 4)
    yield "there is no axis 2, the array has 2 axes", lambda: x.sum(axis=2)
    yield "there is no entry 3: the 3 of axis 1 are 0 to 2", lambda: x[:, 3]
    yield "an array of 2 axes got 3 indices: x[..., 0] is right for any number", lambda: x[:, :, 0]
    yield "an index is too large: the last of n entries is n − 1", lambda: two[2]
    yield "3 results are taken apart, but there are 2: what does the call return?", lambda: take_apart(two)
    yield "3 results are taken apart, but there are more", lambda: take_apart(range(9))
    yield "None is taken apart: does the call return something?", lambda: take_apart(None)
    yield "one result is taken apart as if it were several", lambda: take_apart(1.0)
    yield "None where a number or an array should be: is there a return, or a value?", lambda: x + None
    yield "None where a number or an array should be", lambda: nothing.T
    yield "None where a number or an array should be", lambda: np.sin(None)
    yield "a list is no array, and does not calculate", lambda: [1] - [2]
    yield "a list or a pair does not calculate", lambda: 0.5 * [1.0]
    yield "a tuple where an array should be: take it apart", lambda: two.T
    yield "a function where its value should be: are the brackets missing", lambda: take_apart * 2
    yield "a function where its value should be: are the brackets missing", lambda: x.sum.T
    yield "one Layer does not calculate: are the brackets missing", lambda: 2.0 * Layer()
    yield "one ndarray is called like a function: is a sign missing before the bracket", lambda: x(x)
    yield "None is called like a function", lambda: nothing(x)
    yield "a number has no [k]", lambda: math.pi[0]
    yield "a number has no [k]", lambda: x.sum()[0]
    yield "one number is needed, and got an array: np.exp(z) and not math.exp(z)?", lambda: math.exp(x)
    yield "take one number, not an array: write np.where(…)", lambda: x if x > 0 else -x
    yield "Layer has no W: it has A, b, B", lambda: Layer().W
    yield "Layer has no dim_inn: is it dim_in?", lambda: Layer().dim_inn
    yield "NumPy has no tahn: is it tanh?", lambda: np.tahn(x)
    yield "ndarray has no tanh: write np.tanh(…)", lambda: x.tanh()
    yield "tanh is not known here: is it np.tanh?", lambda: tanh(x)  # noqa: F821
    yield "Leyer is not known here: is it Layer?", lambda: Leyer(x)  # noqa: F821
    yield "late is used before it has a value", used_too_early
    yield "a function calls itself, and that again, without an end", without_an_end
    yield "take_apart needs 'three', too", lambda: take_apart()
    yield "take_apart takes 1, but got 2 arguments: is self the first of a method?", lambda: take_apart(1, 2)
    yield "take_apart has no argument keepdim: is it spelled rightly?", lambda: take_apart(1, keepdim=True)
    yield "there is no entry 'C'", lambda: Layer().parameters["C"]
    yield "a division by zero", lambda: 1 / (x.size - 18)
    yield "a matrix is singular, and has no inverse", lambda: np.linalg.inv(np.zeros((2, 2)))
    yield "the answer ends Python: leave out exit()", lambda: exit()
    yield "an argument is changed: write x = x + …, not x += …", lambda: in_place(x)
    yield "Layer acts on states of dimension 3, got an array of shape (6, 5)", lambda: Layer()(np.ones((6, 5)))
    yield "OverflowError: ", lambda: math.exp(1e3)


def take_apart(three):
    a, b, c = three
    return a + b + c


def used_too_early():
    later = late
    late = 1
    return later + late


def without_an_end():
    return without_an_end()


def in_place(x):
    x = x.view()
    x.flags.writeable = False
    x += 1


BROKEN = [words for words, _ in broken(np.ones((6, 3)))]


@pytest.mark.parametrize("k", range(len(BROKEN)), ids=lambda k: BROKEN[k][:60])
def test_errors_are_said_in_words_of_the_subject_and_with_the_line(k):
    def answer(x):
        return list(broken(x))[k][1]()

    result = asked(lambda: answer(np.ones((6, 3))))
    assert BROKEN[k] in result.diagnosis and result.verdict == "FAILED", result
    assert result.line and "lambda: answer" not in result.line
