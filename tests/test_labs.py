"""The labs: sheets run and say what is to do, solutions pass, and typical wrong answers are caught and named."""

import contextlib
import io
import runpy

import numpy as np
import pytest
from conftest import ROOT

import dynsys_nn as dnn
from dynsys_nn import checks

LABS = sorted((ROOT / "tutorials" / "labs").glob("[0-9]*.py"))


def lab(number):
    """The sheet's questions and the solution's answer."""
    [sheet] = [path for path in LABS if path.name.startswith(str(number))]
    solution = runpy.run_path(str(sheet.parent / "solutions" / sheet.name))
    return solution["sheet"]["questions"], solution["Answer"]


def said(questions, answer):
    """What the checks of an answer say where they fail."""
    with contextlib.redirect_stdout(io.StringIO()):
        return " | ".join(
            check.name + ": " + check.detail
            for check in checks.run(questions(answer))
            if not check.passed
        )


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_sheet_runs_as_it_is_and_says_what_is_to_do(path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("to do   Task") for line in lines) >= 3 and not any(
        "FAILED" in line for line in lines
    )
    assert (
        path.read_text().startswith("# %% [markdown]\n# # Lab")
        and "NotImplementedError(" in path.read_text()
    )


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_solution_passes_every_check(path, capsys):
    runpy.run_path(str(path.parent / "solutions" / path.name), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 3 and all(line.startswith("passed") for line in lines)


def split(z):
    return np.split(z, 2, axis=-1)


ACTIVATION = {
    "value of Wrong: F(x) is [ 0.6351 -0.8701  1.    ], needed is [ 0.6 -0.8  1. ]": dict(
        __call__=lambda self, z: np.tanh(z)
    ),
    "value of Wrong: F(x) is [ 0.6 -0.8  0. ]": dict(
        __call__=lambda self, z: quiet(lambda: z / np.sqrt(1 + z * z))
    ),
    "sharp bounds: found are slopes from 1e-06 to 1": dict(slope_min=-1.0),
    "of Wrong must be an array, got None: is there a return?": dict(primitive=lambda self, z: None),
    "the sign is wrong": dict(slope=lambda self, z: -((1 / np.hypot(1, z)) ** 3)),
    "σ′ against differences of σ": dict(slope=lambda self, z: 1 / np.hypot(1, z)),
    "it is 2 times what it should be": dict(slope=lambda self, z: 2 * (1 / np.hypot(1, z)) ** 3),
    "γ′ against σ": dict(primitive=lambda self, z: np.hypot(1, z) ** 2 / 2),
    "≤ σ′ ≤ slope_max = 0.5, found from": dict(slope_max=0.5),
    "slope_min = 0.2 ≤ σ′": dict(slope_min=0.2),
    "of Wrong must be an array, got one float": dict(slope=lambda self, z: 1.0),
}


def quiet(f):
    with np.errstate(all="ignore"):
        return f()


def test_a_wrong_slope_is_not_blamed_on_the_field_that_is_made_of_it(capsys):
    questions, Answer = lab(1)
    sigma = type("Wrong", (Answer,), dict(slope=lambda self, z: 1 / np.hypot(1, z)))()
    checks.run(questions(sigma))
    lines = capsys.readouterr().out.splitlines()
    assert "σ′ against differences" in lines[1] and lines[2].startswith(
        "to do   after the activation"
    )
    check = checks.adjoint(dnn.GradientField(dnn.Dense(3, 3, rng=0), sigma), np.ones((2, 3)))
    assert (
        "agree with each other, and not with F(x): look at the value, or at a slope σ′"
        in check.detail
    )


@pytest.mark.parametrize("words", ACTIVATION)
def test_wrong_activations_are_named(words):
    questions, Answer = lab(1)
    assert words in said(questions, type("Wrong", (Answer,), ACTIVATION[words])())


def field_with(change):
    """The solved field, with a change to the pieces of its pullback."""
    questions, Answer = lab(2)

    class Wrong(Answer):
        def vjp(self, x):
            x = self.state(x)
            z = x @ self.A.T + self.b

            def pullback(w):
                u = np.cos(z) * (w @ self.B)
                rows = [a.reshape(-1, a.shape[-1]) for a in (u, x, w, np.sin(z))]
                pieces = dict(
                    dx=u @ self.A,
                    A=rows[0].T @ rows[1],
                    b=rows[0].sum(axis=0),
                    B=rows[2].T @ rows[3],
                )
                pieces |= change(self, pieces, *rows)
                return pieces.pop("dx"), self.pack(**pieces)

            return self(x), pullback

    return said(questions, Wrong())


FIELD = {
    "dx: the sign is wrong": lambda F, g, u, x, w, s: dict(dx=-g["dx"]),
    "dx: the term w itself is one too many": lambda F, g, u, x, w, s: dict(
        dx=g["dx"] + w.reshape(g["dx"].shape)
    ),
    "the gradient of A: it is transposed": lambda F, g, u, x, w, s: dict(A=(x.T @ u)),
    "the gradient of B: it is transposed": lambda F, g, u, x, w, s: dict(B=s.T @ w),
    "the gradient of b: a mean over the batch of 6 instead of a sum": lambda F, g, u, x, w, s: dict(
        b=u.mean(axis=0)
    ),
    "the gradient of A and b and B: a mean over the batch": lambda F, g, u, x, w, s: {
        k: g[k] / len(x) for k in "AbB"
    },
    "the gradient of b: it is zero": lambda F, g, u, x, w, s: dict(b=0 * F.b),
    "the gradient of b: it is that of the first sample alone": lambda F, g, u, x, w, s: dict(
        b=u[0]
    ),
}


@pytest.mark.parametrize("words", FIELD)
def test_wrong_adjoints_of_a_field_are_named(words):
    assert words in field_with(FIELD[words])


def ralston_with(
    b=(1 / 4, 3 / 4), a=2 / 3, h_in_eta=True, direct=1, stages_of_dh=True, both_theta=True, sign=1
):
    questions, Answer = lab(3)

    class Wrong(Answer):
        def vjp(self, field, x, h):
            K1, back1 = field.vjp(x)
            K2, back2 = field.vjp(x + 2 / 3 * h * K1)

            def pullback(w):
                c = h if h_in_eta else 1
                eta2, dtheta2 = back2(c * b[1] * w)
                kappa1 = b[0] * w + a * eta2
                eta1, dtheta1 = back1(c * kappa1)
                dh = ((kappa1 if stages_of_dh else b[0] * w) * K1).sum() + (b[1] * w * K2).sum()
                return direct * w + sign * (eta1 + eta2), dtheta1 * both_theta + dtheta2, dh

            return self.step(field, x, h), pullback

    return said(questions, Wrong())


RALSTON = {
    "dx: the term w itself is missing": dict(direct=0),
    "dx: beside w, the sign is wrong": dict(sign=-1),
    "the weights b are in reverse order": dict(b=(3 / 4, 1 / 4)),
    "what a stage owes to the earlier ones, a_ij, is missing": dict(a=0),
    "the stages' share of the gradient of h is missing": dict(stages_of_dh=False),
    "a factor h is missing: η = X′(Y)ᵀ(hκ)": dict(h_in_eta=False),
    "the gradient in θ is that of the last stage alone": dict(both_theta=False),
}


@pytest.mark.parametrize("words", RALSTON)
def test_wrong_adjoints_of_ralstons_method_are_named(words):
    assert words in ralston_with(**RALSTON[words])


def shears_with(
    old_x=False, lines=(1, 1), undo_first=False, joins=True, slope=True, h=True, sign=1
):
    questions, Answer = lab(4)

    class Wrong(Answer):
        def __call__(self, z):
            x, v = split(z)
            x_new = x + self.h * np.tanh(v @ self.A.T + self.a)
            return np.concatenate(
                [x_new, v + self.h * np.tanh((x if old_x else x_new) @ self.B.T + self.b)], axis=-1
            )

        def inverse(self, z):
            if not undo_first:
                return super().inverse(z)
            x, v = split(z)
            x = x - self.h * np.tanh(v @ self.A.T + self.a)
            return np.concatenate([x, v - self.h * np.tanh(x @ self.B.T + self.b)], axis=-1)

        def vjp(self, z):
            x, v = split(z)
            s = np.tanh(v @ self.A.T + self.a)
            x_new = x + self.h * s
            t = np.tanh(x_new @ self.B.T + self.b)

            def pullback(w):
                wx, wv = split(w)
                u = (self.h if h else 1) * (1 - t * t) * wv
                wx = wx + joins * u @ self.B
                q = self.h * ((1 - s * s) if slope else 1) * wx
                wv = wv + q @ self.A
                return np.concatenate([wx, wv], axis=-1), self.pack(
                    A=sign * q.T @ v, a=q.sum(0), B=u.T @ x_new, b=u.sum(0)
                )

            return np.concatenate([x_new, v + self.h * t], axis=-1), pullback

    return said(questions, Wrong())


def in_place(self, z):
    x, v = split(z)
    x += self.h * np.tanh(v @ self.A.T + self.a)
    v += self.h * np.tanh(x @ self.B.T + self.b)
    return np.concatenate([x, v], axis=-1)


OTHER_SHEARS = {
    "an argument is changed: write x = x + …, not x += … (test_labs.py, line": dict(__call__=in_place),
    "value of Wrong: F(x) is [0. 0. 1. 0.], needed is [ 0.5 -0.5  1.5 -0.5]": dict(__call__=lambda self, z: 1.0 * z),
    "an argument is changed: write": dict(vjp=lambda self, z: (self(z), lambda w: (np.add(w, z, out=w), 0 * self.theta))),
    "F(x) of Wrong must be an array, got None: is there a return?": dict(__call__=lambda self, z: None),
    "vjp(x) of Wrong must return the pair y, pullback, the second a function, got None: is there a return?": dict(vjp=lambda self, z: None),
    "the second a function, got (ndarray, tuple)": dict(vjp=lambda self, z: (self(z), (z, 0 * self.theta))),
    "pullback(w) of Wrong must return the pair dx, dtheta, got None: is there a return?": dict(vjp=lambda self, z: (self(z), lambda w: None)),
    "the gradient of A has shape (), but A has (2, 2) (test_labs.py, line": dict(vjp=lambda self, z: (self(z), lambda w: (w, self.pack(A=1.0)))),
    "the gradient of a has shape (6, 2), but a has (2,): sum it over": dict(vjp=lambda self, z: (self(z), lambda w: (w, self.pack(a=w[:, :2])))),
}  # fmt: skip


@pytest.mark.parametrize("words", OTHER_SHEARS)
def test_what_is_no_answer_at_all_is_named(words):
    questions, Answer = lab(4)
    assert words in said(questions, type("Wrong", (Answer,), OTHER_SHEARS[words])())


SHEARS = {
    "volume of Wrong: |det F′ − 1|": dict(old_x=True),
    "inverse of Wrong: F⁻¹(F(x)) − x": dict(undo_first=True),
    "the gradient of A: off by": dict(joins=False),
    "the gradient of A: the sign is wrong": dict(sign=-1),
    "the gradient of B and b: a factor h = 0.5 is missing": dict(h=False),
    "in x, Jv from differences; dx: off by": dict(slope=False),
}


@pytest.mark.parametrize("words", SHEARS)
def test_wrong_shears_are_named(words):
    assert words in (found := shears_with(**SHEARS[words])), found


def test_without_a_mistake_nothing_is_named():
    assert ralston_with() == "" and shears_with() == ""


def s_of(F):
    return np.linalg.svd(F.A, compute_uv=False)


CONTRACTION = {
    "h = 0.3: the constant holds, and is 1.35 times what is found": dict(
        lipschitz=lambda F: 1 + F.h * s_of(F)[0] ** 2
    ),
    "the constant claims at most 0.7: 1.374 times": dict(lipschitz=lambda F: abs(1 - F.h)),
    "the constant claims at most 0.9: 1.068 times": dict(lipschitz=lambda F: 0.9),
    "two points are moved apart by": dict(
        lipschitz=lambda F: max(abs(1 - F.h * s_of(F)[0] ** 2 / 5), abs(1 - F.h * s_of(F)[0] ** 2))
    ),
    "a constant is one number ≥ 0, got -0.": dict(lipschitz=lambda F: 1 - F.h * s_of(F)[0] ** 2),
    "a constant is one number ≥ 0, got None": dict(lipschitz=lambda F: None),
}


@pytest.mark.parametrize("words", CONTRACTION)
def test_wrong_constants_are_named(words):
    questions, Answer = lab(5)
    assert words in said(questions, type("Wrong", (Answer,), CONTRACTION[words]))


HALF = {
    "the gradient of A: off by": lambda F, w, u, x, s: (
        w + u @ F.A,
        F.pack(A=u.T @ x, b=u.sum(axis=0)),
    ),
    "dx: the term w itself is missing": lambda F, w, u, x, s: (
        u @ F.A,
        F.pack(A=u.T @ x - F.h * s.T @ w, b=u.sum(axis=0)),
    ),
    "the gradient of b: the sign is wrong": lambda F, w, u, x, s: (
        w + u @ F.A,
        F.pack(A=u.T @ x - F.h * s.T @ w, b=-u.sum(axis=0)),
    ),
}


@pytest.mark.parametrize("words", HALF)
def test_wrong_pullbacks_of_the_contraction_are_named(words):
    questions, Answer = lab(5)

    class Wrong(Answer):
        def vjp(self, x):
            s, slope = self.sigma.value_and_slope(x @ self.A.T + self.b)
            return self(x), lambda w: HALF[words](self, w, -self.h * slope * (w @ self.A.T), x, s)

    assert words in said(questions, Wrong)


def test_a_contraction_without_its_step_or_with_a_in_place_of_its_transpose_is_named():
    questions, Answer = lab(5)

    class Transposed(Answer):
        def __call__(self, x):
            return x - self.h * self.sigma(x @ self.A + self.b) @ self.A.T

    def no_step(self, x):
        s, slope = self.sigma.value_and_slope(x @ self.A.T + self.b)

        def pullback(w):
            u = -slope * (w @ self.A.T)
            return w + u @ self.A, self.pack(A=u.T @ x - s.T @ w, b=u.sum(axis=0))

        return self(x), pullback

    said_of = said(questions, type("NoStep", (Answer,), dict(vjp=no_step)))
    assert "dx: beside w, a factor h = 0.3 is missing" in said_of
    assert "value of Transposed: F(x) is [-0.5 -1.5  1. ], needed is [ 1.1 -0.7  1. ]" in said(
        questions, Transposed
    )
