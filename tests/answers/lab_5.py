"""Answers to lab 5."""

import numpy as np


def with_(**methods):
    return lambda Answer: type("Wrong", (Answer,), methods)


def constant(lipschitz):
    return with_(lipschitz=lipschitz)


def s_of(F):
    return np.linalg.svd(F.A, compute_uv=False)


def vjp(change=lambda F, w, u, s, x: {}, u_of=None):
    """The solved pullback, with a change to its pieces, or another covector u at Ax + b."""

    def vjp(self, x):
        s, slope = self.sigma.value_and_slope(x @ self.A.T + self.b)

        def pullback(w):
            Aw = w @ self.A.T
            u = u_of(self, slope, Aw, s) if u_of else -self.h * slope * Aw
            pieces = dict(dx=w + u @ self.A, A=u.T @ x - self.h * s.T @ w, b=u.sum(axis=0))
            pieces |= change(self, w, u, s, x)
            return pieces.pop("dx"), self.pack(**pieces)

        return self(x), pullback

    return with_(vjp=vjp)


def plus(self, x):
    return x + self.h * self.sigma(x @ self.A.T + self.b) @ self.A


def transposed(self, x):
    return x - self.h * self.sigma(x @ self.A + self.b) @ self.A.T


def columns(self, x):
    return x - self.h * self.A.T @ self.sigma(self.A @ x + self.b)


def relu(self, x):
    return x - self.h * np.maximum(x @ self.A.T + self.b, 0) @ self.A


def sigma_without_brackets(self, x):
    return x - self.h * self.sigma * (x @ self.A.T + self.b) @ self.A


def no_step_in_vjp(self, x):
    s, slope = self.sigma.value_and_slope(x @ self.A.T + self.b)

    def pullback(w):
        u = -slope * (w @ self.A.T)
        return w + u @ self.A, self.pack(A=u.T @ x - s.T @ w, b=u.sum(axis=0))

    return self(x), pullback


def two_of_the_activation(self, x):
    s, slope, _ = self.sigma.value_and_slope(x @ self.A.T + self.b)
    return self(x), lambda w: (w, 0 * self.theta)


def by_the_norm_of_rows(F):
    return max(
        abs(1 - F.h * (F.A**2).sum(axis=1).max()), abs(1 - F.h * (F.A**2).sum(axis=1).min() / 5)
    )


def no_return(F):
    s_of(F)


WRONG = [
    ("plus for minus", "1.1", "needed is [ 0.  -2.6  0.5 -3. ]: a plus for the minus", with_(__call__=plus)),
    ("A for Aᵀ", "1.1", "A and Aᵀ are exchanged: Ax is `x @ self.A.T`", with_(__call__=transposed)),
    ("states as columns", "1.1", "a matrix does not fit, 2 against 3: is a transpose missing, or one too many? States are rows", with_(__call__=columns)),
    ("another activation", "1.1", "ReLU, not a leaky one", with_(__call__=relu)),
    ("σ without brackets", "1.1", "one LeakyReLU does not calculate: are the brackets missing, as in f(x)?", with_(__call__=sigma_without_brackets)),
    ("the slope of the first kind alone", "2.1", "the constant claims at most 0.7: 1.374 times", constant(lambda F: abs(1 - F.h))),
    ("no return", "2.1", "a constant is one number ≥ 0, got None", constant(no_return)),
    ("both ends", "2.1", "a constant is one number ≥ 0, got [", constant(lambda F: np.abs(1 - F.h * s_of(F) ** 2))),
    ("the largest singular value alone", "2.1", "this is the end of the spectrum for slope 1: the other end counts, too", constant(lambda F: abs(1 - F.h * s_of(F)[0] ** 2))),
    ("the largest at both ends", "2.1", "the smallest eigenvalue of AᵀDA: the smallest singular value makes it", constant(lambda F: max(abs(1 - F.h * s_of(F)[0] ** 2 / 5), abs(1 - F.h * s_of(F)[0] ** 2)))),
    ("the smallest end alone", "2.3", "the end for slope 1, 1 − hs², counts in size: it may be negative", constant(lambda F: abs(1 - F.h * s_of(F)[-1] ** 2 / 5))),
    ("no squares", "2.1", "eigenvalues are of AᵀDA: squares of singular values of A, and 1/5", constant(lambda F: max(abs(1 - F.h * s_of(F)[-1]), abs(1 - F.h * s_of(F)[0])))),
    ("rows for singular values", "2.1", "two points are moved apart by", constant(by_the_norm_of_rows)),
    ("an upper bound that is not sharp", "2.4", "the constant holds, and is 1.35 times what is found: a bound by ‖x‖ + ‖…‖", constant(lambda F: 1 + F.h * s_of(F)[0] ** 2)),
    ("one, since it is a contraction", "2.4", "the constant holds, and is 1.04 times what is found: D is at least 1/5", constant(lambda F: 1.0)),
    ("the slope is forgotten", "3.1", "dx and the gradient of A and b: the slope σ′ is missing", vjp(u_of=lambda F, slope, Aw, s: -F.h * Aw)),
    ("the value for the slope", "3.1", "dx and the gradient of A and b: off by a factor that depends on x, and not on w: look at the slope σ′ and its z", vjp(u_of=lambda F, slope, Aw, s: -F.h * s * Aw)),
    ("A is paid once, at x", "3.1", "the gradient of A: it is Σ u xᵀ alone, u the gradient of b: does the matrix act twice?", vjp(lambda F, w, u, s, x: dict(A=u.T @ x))),
    ("A is paid once, at w", "3.1", "the gradient of A: the term Σ u xᵀ is missing", vjp(lambda F, w, u, s, x: dict(A=-F.h * s.T @ w))),
    ("the second term with a plus", "3.1", "the gradient of A: beside the term Σ u xᵀ, the sign is wrong", vjp(lambda F, w, u, s, x: dict(A=u.T @ x + F.h * s.T @ w))),
    ("the second term transposed", "3.1", "the gradient of A: beside the term Σ u xᵀ, it is transposed", vjp(lambda F, w, u, s, x: dict(A=u.T @ x - F.h * w.T @ s))),
    ("the second term without h", "3.1", "the gradient of A: beside the term Σ u xᵀ, a factor h = 0.3 is missing", vjp(lambda F, w, u, s, x: dict(A=u.T @ x - s.T @ w))),
    ("w forgotten", "3.1", "dx: the term w itself is missing", vjp(lambda F, w, u, s, x: dict(dx=u @ F.A))),
    # written without looking
    ("1/5 at both ends", "2.3", "the end for slope 1, 1 − hs², counts in size", constant(lambda F: np.abs(1 - F.h * s_of(F) ** 2 / 5).max())),
    ("Aᵀw for Aw", "3.1", "the gradient of b: Aw for Aᵀw, or the other way round; dx and the gradient of A are off, too", vjp(u_of=lambda F, slope, Aw, s: -F.h * slope * (Aw @ np.linalg.inv(F.A.T) @ F.A))),
    ("the first term twice", "3.1", "the gradient of A: it is twice Σ u xᵀ, u the gradient of b: the other term is another one", vjp(lambda F, w, u, s, x: dict(A=2 * u.T @ x))),
    ("z in the second term", "3.1", "the gradient of A: beside the term Σ u xᵀ, of Σ pqᵀ, q (3 entries) is right, p (3) is not", vjp(lambda F, w, u, s, x: dict(A=u.T @ x - F.h * (x @ F.A.T + F.b).T @ w))),
    ("einsum over …", "3.1", "np.einsum has no sum over '...': make rows first", vjp(lambda F, w, u, s, x: dict(b=np.einsum("...i->i", u)))),
    ("one batch axis", "3.2", "With several batch axes, make rows first", vjp()),
    ("b outside σ", "1.1", "b is outside σ", with_(__call__=lambda self, x: x - self.h * self.sigma(x @ self.A.T) @ self.A + self.b)),
    ("h forgotten in the constant", "2.1", "the constant claims at most 0.872: 1.103 times: h is missing", constant(lambda F: max(abs(1 - s_of(F)[-1] ** 2 / 5), abs(1 - s_of(F)[0] ** 2)))),
    ("1/5 forgotten", "2.1", "D has entries from 1/5 on", constant(lambda F: np.abs(1 - F.h * s_of(F) ** 2).max())),
    ("eigenvalues of A", "2.1", "eigenvalues of A are not its singular values", constant(lambda F: (lambda e: max(abs(1 - F.h * e.min() ** 2 / 5), abs(1 - F.h * e.max() ** 2)))(abs(np.linalg.eigvals(F.A))))),
    ("the sum of both ends", "2.4", "the larger of both ends, and not their sum", constant(lambda F: abs(1 - F.h * s_of(F)[-1] ** 2 / 5) + abs(1 - F.h * s_of(F)[0] ** 2))),
    ("h forgotten", "3.1", "dx: beside w, a factor h = 0.3 is missing", with_(vjp=no_step_in_vjp)),
    ("b with the wrong sign", "3.1", "the gradient of b: the sign is wrong", vjp(lambda F, w, u, s, x: dict(b=-u.sum(axis=0)))),
    ("A for Aᵀ in dx", "3.1", "dx: beside w, a matrix should be transposed", vjp(lambda F, w, u, s, x: dict(dx=w + u @ F.A.T))),
    ("three of the activation", "3.1", "3 results are taken apart, but there are 2: what does the call return?\n    s, slope, _ =", with_(vjp=two_of_the_activation)),
]  # fmt: skip


def of_matrices(self, x):
    """X by −∇V with V = Σ γ(Ax + b) written out: slopes ⅕ and 1 by np.where."""
    z = np.tensordot(x, self.A, ([-1], [1])) + self.b
    return x - self.h * np.where(z < 0, z / 5, z).dot(self.A)


def vjp_by_samples(self, x):
    z = x @ self.A.T + self.b
    slope = np.where(z >= 0, 1, 0.2)

    def pullback(w):
        D = slope[..., :, None] * self.A  # D A, state by state
        dx = w - self.h * np.einsum("...ki,kj,...j->...i", D, self.A, w)
        u = -self.h * slope * (w @ self.A.T)
        rows = "ki,kj->ij"  # einsum does not sum over "..."
        u, X, s, W = (a.reshape(-1, 3) for a in (u, x, slope * z, w))
        dA = np.einsum(rows, u, X) - self.h * np.einsum(rows, s, W)
        return dx, self.pack(b=np.einsum("ki->i", u), A=dA)

    return x - self.h * (slope * z) @ self.A, pullback


RIGHT = [
    ("the largest eigenvalue of AᵀA, by eigvalsh", with_(lipschitz=lambda F: max(
        abs(1 - F.h * np.linalg.eigvalsh(F.A.T @ F.A) * c).max() for c in (0.2, 1)))),
    ("the constant as an array without axes", with_(lipschitz=lambda F: np.max(np.abs(1 - F.h * np.outer(s_of(F) ** 2, [0.2, 1]))))),
    ("np.where for the activation", with_(__call__=of_matrices)),
    ("Jacobians state by state", with_(vjp=vjp_by_samples)),
]  # fmt: skip
