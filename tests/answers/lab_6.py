"""Answers to lab 6."""

from fractions import Fraction

import numpy as np


def wrong(**methods):
    """The solution, with these methods in place of its own."""
    return lambda Answer: type("Wrong", (Answer,), methods)()


def with_flow(value):
    """X(x) = value(M, R, x)."""

    def call(self, x):
        R = self.rates(x)
        return value(R * x[..., None, :], R, x)

    return wrong(__call__=call)


def with_pullback(
    dM=lambda w: w[..., :, None] - w[..., None, :],
    slope=lambda R: R * (1 - R),
    factor=lambda x: x[..., None, :],
    dx=lambda share, own, w: share + own,
    own=lambda own, x: own,
    over=-2,
    db=lambda u: u.sum(axis=0),
    dA=lambda u, x: u.T @ x,
    rows=lambda a: a.reshape(-1, a.shape[-1]),
):
    """The solution's pullback with one piece of it changed."""

    def vjp(self, x):
        R = self.rates(x)

        def pullback(w):
            u = (slope(R) * dM(w) * factor(x)).reshape(*x.shape[:-1], 16)
            share = own((dM(w) * R).sum(axis=over), x)
            dtheta = self.pack(A=dA(rows(u), rows(x)), b=db(rows(u)))
            return dx(u @ self.A, share, w), dtheta

        return self(x), pullback

    return wrong(vjp=vjp)


def with_rates(sigma):
    """vec R = sigma(Ax + b)."""

    def call(self, x):
        M = sigma(x @ self.A.T + self.b).reshape(*x.shape, 4) * x[..., None, :]
        return M.sum(axis=-1) - M.sum(axis=-2)

    return wrong(__call__=call)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def without_bias(self, x):
    M = (1 / (1 + np.exp(-x @ self.A.T))).reshape(*x.shape, 4) * x[..., None, :]
    return M.sum(axis=-1) - M.sum(axis=-2)


def one_state(self, x):
    M = (1 / (1 + np.exp(-(self.A @ x + self.b)))).reshape(4, 4) * x
    return M.sum(axis=1) - M.sum(axis=0)


def one_axis(self, x):
    M = self.rates(x) * x[..., None, :]
    return M.sum(axis=2) - M.sum(axis=1)


def last_axis(self, x):
    M = self.rates(x) * x
    return M.sum(axis=-1) - M.sum(axis=-2)


def in_place(self, x):
    R = self.rates(x)
    R *= x[..., None, :]
    x += R.sum(axis=-1) - R.sum(axis=-2)
    return x


def b_first(self, x):
    y, pullback = super(type(self), self).vjp(x)

    def exchanged(w):
        dx, dtheta = pullback(w)
        dA, db = np.split(dtheta, [64])
        return dx, np.concatenate([db, dA])

    return y, exchanged


def rates_on_self(self, x):
    self.R = self.rates(x)
    y, pullback = super(type(self), self).vjp(x)

    def kept(w):
        u = (self.R * (1 - self.R) * (w[..., :, None] - w[..., None, :])) * x[..., None, :]
        own = ((w[..., :, None] - w[..., None, :]) * self.R).sum(axis=-2)
        return own + u.reshape(*x.shape[:-1], 16) @ self.A, pullback(w)[1]

    return y, kept


WRONG = [
    ("(Mᵀ − M)1", "1.1", "the sign is wrong: X = (M − Mᵀ)1", with_flow(lambda M, R, x: M.sum(axis=-2) - M.sum(axis=-1))),
    ("M1 alone", "1.1", "what leaves is missing", with_flow(lambda M, R, x: M.sum(axis=-1))),
    ("R_ij x_i", "1.1", "here it is R_ij x_i", with_flow(lambda M, R, x: (R * x[..., :, None]).sum(axis=-1) - (R * x[..., :, None]).sum(axis=-2))),
    ("rates without x", "1.1", "the factor x_j of the rates is missing", with_flow(lambda M, R, x: R.sum(axis=-1) - R.sum(axis=-2))),
    ("R transposed", "1.1", "R is transposed", with_flow(lambda M, R, x: (R.swapaxes(-1, -2) * x[..., None, :]).sum(axis=-1) - (R.swapaxes(-1, -2) * x[..., None, :]).sum(axis=-2))),
    ("no bias", "1.1", "b is missing in the rates", wrong(__call__=without_bias)),
    ("tanh", "1.1", "σ is tanh here", with_rates(np.tanh)),
    ("in place", "1.1", "an argument is changed", wrong(__call__=in_place)),
    ("one batch axis, always", "1.1", "there is no axis 2", wrong(__call__=one_axis)),
    ("written for one state", "1.3", "With several batch axes, make rows first", wrong(__call__=one_state)),
    ("Euler loses the sum", "2.1", "a is true: it moves by", wrong(predictions=lambda self: "d")),
    ("all steps keep x ≥ 0", "2.1", "e is false: the smallest component met is -0.", wrong(predictions=lambda self: "abcde")),
    ("a factor on the wrong axis of a batch", "1.3", "beside a matrix for each state x is x[..., None, :] in its rows", wrong(__call__=last_axis)),
    ("as long as for one rate", "3.1", "h = 1: with all rates 1 and all at one place, -2 is left", wrong(longest_step=lambda self: 1)),
    ("four rates, the diagonal counted", "3.2", "h = 0.25 keeps x ≥ 0, whatever the rates, as does 0.251", wrong(longest_step=lambda self: 1 / 4)),
    ("no slope", "4.1", "the slope σ′ = R(1 − R) is missing", with_pullback(slope=lambda R: 1.0)),
    ("w_j − w_i", "4.1", "the sign is wrong, or i and j are exchanged", with_pullback(dM=lambda w: w[..., None, :] - w[..., :, None])),
    ("w_i alone", "4.1", "M_ij leaves j, too: that is missing", with_pullback(dM=lambda w: w[..., :, None] + 0 * w[..., None, :])),
    ("b before A in dθ", "4.1", "A stands before b in θ: pack(A=…, b=…)", wrong(vjp=b_first)),
    ("u without x", "4.1", "the factor x_j of the rates is missing", with_pullback(factor=lambda x: 1.0)),
    ("σ′ of R", "4.1", "the slope is σ′ at Ax + b: here it is at R", with_pullback(slope=lambda R: np.exp(-R) / (1 + np.exp(-R)) ** 2)),
    ("through the rates alone", "4.2", "its share as the factor x_j is missing", with_pullback(dx=lambda share, own, w: share)),
    ("by the factor alone", "4.2", "its share in the rates R(x) is missing", with_pullback(dx=lambda share, own, w: own)),
    ("summed over j", "4.2", "is summed over j, and not over i", with_pullback(over=-1)),
    ("a mean for db", "4.3", "the gradient of b: a mean over the batch of 3", with_pullback(db=lambda u: u.mean(axis=0))),
    ("one batch axis in dA", "4.4", "With several batch axes, make rows first", with_pullback(rows=lambda a: a)),
    # written without looking
    ("x added, as by a step", "1.1", "here x is one too many", with_flow(lambda M, R, x: x + M.sum(axis=-1) - M.sum(axis=-2))),
    ("a mean for M1", "1.1", "M1 is a sum: here it is a mean", with_flow(lambda M, R, x: M.mean(axis=-1) - M.mean(axis=-2))),
    ("ReLU", "1.1", "σ is ReLU here", with_rates(lambda z: np.maximum(z, 0))),
    ("softmax", "1.2", "σ is a softmax here: it acts on each entry", with_rates(softmax)),
    ("True and False", "2.1", "needed are letters", wrong(predictions=lambda self: (True, True, True, True, False, False))),
    ("all four rates leave", "3.2", "as does 0.251: R_jj x_j leaves j, and arrives there, too", wrong(longest_step=lambda self: 1 / 4)),
    ("1 // 3", "3.2", "h = 0 keeps x ≥ 0, whatever the rates, as does 0.001", wrong(longest_step=lambda self: 1 // 3)),
    ("w_i + w_j", "4.1", "M_ij leaves j: the sign of that is wrong", with_pullback(dM=lambda w: w[..., :, None] + w[..., None, :])),
    ("R for its slope", "4.1", "the slope is R(1 − R): here it is R", with_pullback(slope=lambda R: R)),
    ("x_j twice", "4.2", "its share as the factor x_j has a factor x_j more", with_pullback(own=lambda own, x: own * x)),
    ("R on self", "4.3", "it reads self.R", wrong(vjp=rates_on_self)),
    ("dA transposed", "4.3", "the gradient of A: it is transposed", with_pullback(dA=lambda u, x: x.T @ u)),
]  # fmt: skip


def by_einsum(self, x):
    M = np.einsum("...ij,...j->...ij", self.rates(x), x)
    return np.einsum("...ij->...i", M) - np.einsum("...ij->...j", M)


def place_by_place(self, x):
    y, places = [], range(4)
    for s in x.reshape(-1, 4):
        z = [self.A[k] @ s + self.b[k] for k in range(16)]
        R = [[1 / (1 + np.exp(-z[4 * i + j])) for j in places] for i in places]
        y.append([sum(R[i][j] * s[j] - R[j][i] * s[i] for j in places) for i in places])
    return np.reshape(y, x.shape)


def by_tanh(self, x):
    """σ(z) = ½(1 + tanh ½z), and X(x) = R x − x · (what leaves each place)."""
    R = 0.5 * (1 + np.tanh((x @ self.A.T + self.b) / 2)).reshape(*x.shape, 4)
    return np.matmul(R, x[..., None])[..., 0] - x * R.sum(axis=-2)


def by_the_antisymmetric_part(self, x):
    R = self.rates(x)

    def pullback(w):
        dR = (w[..., :, None] - w[..., None, :]) * x[..., None, :]
        u = R * (1 - R) * dR
        dx = np.einsum("...ij,...i->...j", R, w) - w * R.sum(axis=-2)
        dx = dx + np.einsum("...ij,ijk->...k", u, self.A.reshape(4, 4, 4))
        axes = "abc"[: x.ndim - 1]
        dA = np.einsum(f"{axes}ij,{axes}k->ijk", u, x).reshape(16, 4)
        return dx, self.pack(A=dA, b=u.reshape(-1, 16).sum(axis=0))

    return self(x), pullback


RIGHT = [
    ("sums by einsum", wrong(__call__=by_einsum)),
    ("the pullback by einsum", wrong(vjp=by_the_antisymmetric_part)),
    ("predictions as a list, the step as one over the places", wrong(
        predictions=lambda self: list("dcba"), longest_step=lambda self: np.array(1 / (self.dim_in - 1)))),
    # written without looking
    ("a fraction for the longest step", wrong(longest_step=lambda self: Fraction(1, 3))),
    ("place by place", wrong(__call__=place_by_place)),
    ("σ by tanh, and R x by matmul", wrong(__call__=by_tanh)),
]  # fmt: skip
