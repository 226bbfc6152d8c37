"""Answers to lab 6."""

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
            own = (dM(w) * R).sum(axis=over)
            dtheta = self.pack(A=dA(rows(u), rows(x)), b=db(rows(u)))
            return dx(u @ self.A, own, w), dtheta

        return self(x), pullback

    return wrong(vjp=vjp)


def with_rates(sigma):
    """vec R = sigma(Ax + b)."""

    def call(self, x):
        M = sigma(x @ self.A.T + self.b).reshape(*x.shape, 4) * x[..., None, :]
        return M.sum(axis=-1) - M.sum(axis=-2)

    return wrong(__call__=call)


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


def flattened(self, x):
    R = self.rates(x).reshape(-1, 4, 4)
    M = R * x.reshape(-1, 1, 4)
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


WRONG = [
    ("(Mᵀ − M)1", "1.1", "the sign is wrong: X = (M − Mᵀ)1", with_flow(lambda M, R, x: M.sum(axis=-2) - M.sum(axis=-1))),
    ("M1 alone", "1.1", "what leaves is missing", with_flow(lambda M, R, x: M.sum(axis=-1))),
    ("−Mᵀ1 alone", "1.1", "what arrives is missing", with_flow(lambda M, R, x: -M.sum(axis=-2))),
    ("(M + Mᵀ)1", "1.1", "what leaves has the wrong sign", with_flow(lambda M, R, x: M.sum(axis=-1) + M.sum(axis=-2))),
    ("R_ij x_i", "1.1", "here it is R_ij x_i", with_flow(lambda M, R, x: (R * x[..., :, None]).sum(axis=-1) - (R * x[..., :, None]).sum(axis=-2))),
    ("rates without x", "1.1", "the factor x_j of the rates is missing", with_flow(lambda M, R, x: R.sum(axis=-1) - R.sum(axis=-2))),
    ("R transposed", "1.1", "R is transposed", with_flow(lambda M, R, x: (R.swapaxes(-1, -2) * x[..., None, :]).sum(axis=-1) - (R.swapaxes(-1, -2) * x[..., None, :]).sum(axis=-2))),
    ("no bias", "1.1", "b is missing in the rates", wrong(__call__=without_bias)),
    ("tanh", "1.1", "σ is tanh here", with_rates(np.tanh)),
    ("no σ", "1.1", "σ is missing: R = σ(Ax + b)", with_rates(lambda z: z)),
    ("σ(−z)", "1.1", "σ(−z) stands for σ(z)", with_rates(lambda z: 1 / (1 + np.exp(z)))),
    ("no return", "1.1", "None: is there a return?", with_flow(lambda M, R, x: None)),
    ("in place", "1.1", "an argument is changed", wrong(__call__=in_place)),
    ("one batch axis, always", "1.1", "axis 2 is out of bounds", wrong(__call__=one_axis)),
    ("written for one state", "1.2", "M = (1 / (1 + np.exp(-(self.A @ x", wrong(__call__=one_state)),
    ("Euler loses the sum", "2.1", "a is true: it moves by", wrong(predictions=lambda self: "d")),
    ("long steps lose the sum", "2.1", "b is true: it moves by", wrong(predictions=lambda self: "acd")),
    ("RK4 alone keeps it", "2.1", "a is true", wrong(predictions=lambda self: "cd")),
    ("all steps keep x ≥ 0", "2.1", "e is false: the smallest component met is -0.", wrong(predictions=lambda self: "abcde")),
    ("the norm, too", "2.1", "f is false: it moves by", wrong(predictions=lambda self: {"a", "b", "c", "d", "f"})),
    ("predictions without a return", "2.1", "predictions() returns letters, as \"af\", got None", wrong(predictions=lambda self: None)),
    ("a step without a return", "3.1", "longest_step() returns a number, got None", wrong(longest_step=lambda self: None)),
    ("a factor on the wrong axis of a batch", "1.2", "M = self.rates(x) * x", wrong(__call__=last_axis)),
    ("batches flattened", "1.1", "has shape (1, 4), needed is (4,)", wrong(__call__=flattened)),
    ("as long as for one rate", "3.1", "h = 1: with all rates 1 and all at one place, -2 is left there", wrong(longest_step=lambda self: 1)),
    ("non-expansive is not positive", "3.1", "-1 is left there", wrong(longest_step=lambda self: 2 / 3)),
    ("four rates, the diagonal counted", "3.2", "h = 0.25 keeps x ≥ 0, and so does 0.2525, whatever the rates", wrong(longest_step=lambda self: 1 / 4)),
    ("no slope", "4.1", "the slope σ′ = R(1 − R) is missing", with_pullback(slope=lambda R: 1.0)),
    ("w_j − w_i", "4.1", "the sign is wrong, or i and j are exchanged", with_pullback(dM=lambda w: w[..., None, :] - w[..., :, None])),
    ("w_i alone", "4.1", "M_ij is multiplied by more than w_i", with_pullback(dM=lambda w: w[..., :, None] + 0 * w[..., None, :])),
    ("−w_j alone", "4.1", "M_ij is multiplied by more than −w_j", with_pullback(dM=lambda w: -w[..., None, :] + 0 * w[..., :, None])),
    ("b before A in dθ", "4.1", "A stands before b in θ: pack(A=…, b=…)", wrong(vjp=b_first)),
    ("db is zero", "4.1", "it is zero: is it in pack(A=…, b=…)?", with_pullback(db=lambda u: 0 * u[0])),
    ("u without x", "4.1", "the factor x_j of the rates is missing", with_pullback(factor=lambda x: 1.0)),
    ("u with x_i", "4.1", "here it is R_ij x_i", with_pullback(factor=lambda x: x[..., :, None])),
    ("σ′ of R", "4.1", "the slope is σ′ at Ax + b: here it is at R", with_pullback(slope=lambda R: np.exp(-R) / (1 + np.exp(-R)) ** 2)),
    ("tanh's slope", "4.1", "the slope is R(1 − R): here it is 1 − R²", with_pullback(slope=lambda R: 1 - R * R)),
    ("through the rates alone", "4.2", "its share as the factor x_j is missing", with_pullback(dx=lambda share, own, w: share)),
    ("by the factor alone", "4.2", "its share in the rates R(x) is missing", with_pullback(dx=lambda share, own, w: own)),
    ("summed over j", "4.2", "is a sum over i: here it is over j", with_pullback(over=-1)),
    ("minus the share of the factor", "4.2", "its share as the factor x_j has w_j − w_i for w_i − w_j", with_pullback(dx=lambda share, own, w: share - own)),
    ("minus the share of the rates", "4.2", "its share in the rates R(x) has the wrong sign", with_pullback(dx=lambda share, own, w: own - share)),
    ("w as of a step", "4.2", "X is a field, and not a step", with_pullback(dx=lambda share, own, w: share + own + w)),
    ("a mean for db", "4.3", "the gradient of b: a mean over the batch of 3", with_pullback(db=lambda u: u.mean(axis=0))),
    ("one batch axis in dA", "4.4", "dA=lambda u, x: u.T @ x", with_pullback(rows=lambda a: a)),
    ("dA without a sum", "4.3", "the gradient of A: it is that of the first sample alone", with_pullback(dA=lambda u, x: np.outer(u[0], x[0]))),
]  # fmt: skip


def by_einsum(self, x):
    M = np.einsum("...ij,...j->...ij", self.rates(x), x)
    return np.einsum("...ij->...i", M) - np.einsum("...ij->...j", M)


def place_by_place(self, x):
    R, y = self.rates(x), np.zeros_like(x)
    for i in range(4):
        for j in range(4):
            y[..., i] += R[..., i, j] * x[..., j] - R[..., j, i] * x[..., i]
    return y


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
    ("place by place", wrong(__call__=place_by_place)),
    ("the pullback by einsum", wrong(vjp=by_the_antisymmetric_part)),
    ("predictions as a list, the step as one over the places", wrong(
        predictions=lambda self: list("dcba"), longest_step=lambda self: np.array(1 / (self.dim_in - 1)))),
]  # fmt: skip
