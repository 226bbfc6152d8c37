"""Answers to lab 16."""

import numpy as np


def answer(**methods):
    """The solution, with these in place of its own."""
    return lambda Answer: type("Other", (Answer,), methods)()


def with_K(block=lambda h, A, J, i, j: h * A[i, j] * J[j], sign=-1, I=np.eye, found=lambda K, d: K):
    """K with one piece of it changed."""

    def K(self, field, Y, h):
        J, d = field.jacobian(Y), Y.shape[1]
        rows = [[(i == j) * I(d) + sign * block(h, self.A, J, i, j) for j in range(2)] for i in range(2)]  # fmt: skip
        return found(np.block(rows), d)

    return answer(K=K)


def with_newton(
    A=lambda A: A,
    at=lambda field, Y, x: field(Y),
    K_at=lambda Y, x: Y,
    h_of_r=lambda h: h,
    sign=1,
    most=30,
    solve=np.linalg.solve,
    found=lambda Y: Y,
):
    """Newton's method with one piece of it changed."""

    def stages(self, field, x, h):
        Y = np.stack([x, x])
        for _ in range(most):
            r = Y - x - h_of_r(h) * A(self.A) @ at(field, Y, x)
            if np.linalg.norm(r) <= 1e-11 * (1 + np.linalg.norm(Y)):
                break
            K = self.K(field, K_at(Y, x), h)
            Y = Y - sign * solve(K, r.ravel()).reshape(Y.shape)
        return found(Y)

    return answer(stages=stages)


def with_pullback(
    K=lambda K: K.T,
    right=lambda w: np.concatenate([0 * w, w]),
    at=lambda Y, x: Y,
    solve=np.linalg.solve,
    dx=lambda mu, w: mu.sum(axis=0),
    h_mu=lambda h, A, mu, w: h * A.T @ mu,
    dh=lambda mu, A, slopes, w, h: (mu * (A @ slopes)).sum(),
    K_at=lambda Y, x: Y,
):
    """The pullback with one piece of it changed."""

    def vjp(self, field, x, h):
        Y = self.stages(field, x, h)
        slopes, pullback_X = field.vjp(at(Y, x))
        matrix = K(self.K(field, K_at(Y, x), h))

        def pullback(w):
            mu = solve(matrix, right(w)).reshape(Y.shape)
            dtheta = pullback_X(h_mu(h, self.A, mu, w))[1]
            return dx(mu, w), dtheta, dh(mu, self.A, slopes, w, h)

        return Y[1], pullback

    return answer(vjp=vjp)


def both_at_x(Y, x):
    return np.stack([x, x])


def interleaved(K, d):
    return K.reshape(2, d, 2, d).transpose(1, 0, 3, 2).reshape(2 * d, 2 * d)


def by_reshape_alone(self, field, Y, h):
    """h a_ij X′(Y_j), (2, 2, d, d), reshaped."""
    J, d = field.jacobian(Y), Y.shape[1]
    blocks = np.eye(2)[:, :, None, None] * np.eye(d) - h * self.A[:, :, None, None] * J
    return blocks.reshape(2 * d, 2 * d)


def without_end(self, field, x, h):
    Y = np.stack([x, x])
    while True:
        r = Y - x - h * self.A @ field(Y)
        if np.linalg.norm(r) == 0.1:
            return Y
        Y = Y - np.linalg.solve(self.K(field, Y, h), r.ravel()).reshape(Y.shape)


def of_the_first_stage(self, field, x, h):
    """y is Y₁."""
    Y, pullback = super(type(self), self).vjp(field, x, h)
    return self.stages(field, x, h)[0], pullback


def last_stage_alone(self, field, x, h):
    y, pullback = super(type(self), self).vjp(field, x, h)
    Y = self.stages(field, x, h)

    def of_the_last(w):
        dx, _, dh = pullback(w)
        mu = np.linalg.solve(self.K(field, Y, h).T, np.concatenate([0 * w, w])).reshape(2, -1)
        return dx, field.vjp(y)[1](h * (self.A.T @ mu)[1])[1], dh

    return y, of_the_last


def x_in_place(self, field, x, h):
    Y = np.stack([x, x])
    x -= h * field(x)
    return Y


WRONG = [
    ("no h in K", "1.1", "h is missing", with_K(lambda h, A, J, i, j: A[i, j] * J[j])),
    ("plus", "1.1", "the sign is wrong", with_K(sign=1)),
    ("no I", "1.1", "I is missing", with_K(I=lambda d: 0)),
    ("1 for I", "1.1", "1 stands for I", with_K(I=lambda d: 1)),
    ("A transposed", "1.1", "A is transposed", with_K(lambda h, A, J, i, j: h * A[j, i] * J[j])),
    ("1/12 for −1/12", "1.1", "a₁₂ is −1/12", with_K(lambda h, A, J, i, j: h * abs(A[i, j]) * J[j])),
    ("columns of A", "1.1", "the columns of A", with_K(lambda h, A, J, i, j: h * A[i, 1 - j] * J[j])),
    ("h² in K", "1.1", "one factor h too many", with_K(lambda h, A, J, i, j: h**2 * A[i, j] * J[j])),
    ("X′ at Y_i", "1.1", "block ij has X′(Y_i)", with_K(lambda h, A, J, i, j: h * A[i, j] * J[i])),
    ("X′ transposed", "1.1", "X′ is transposed in each block", with_K(lambda h, A, J, i, j: h * A[i, j] * J[j].T)),
    ("one X′ for both", "1.1", "X′ is that at Y₁ for both", with_K(lambda h, A, J, i, j: h * A[i, j] * J[0])),
    ("K transposed", "1.1", "transposed", with_K(found=lambda K, d: K.T)),
    ("interleaved", "1.1", "in the order of Y.T.ravel()", with_K(found=interleaved)),
    ("reshape alone", "1.1", "first transpose", answer(K=by_reshape_alone)),
    ("A transposed in r", "2.1", "A is transposed in r", with_newton(A=np.transpose)),
    ("1/12 for −1/12 in r", "2.1", "a₁₂ is −1/12", with_newton(A=abs)),
    ("columns of A in r", "2.1", "the columns of A", with_newton(A=np.fliplr)),
    ("Newton's sign", "2.1", "runs away", with_newton(sign=-1)),
    ("r in another order", "2.1", "in the order of K's rows", with_newton(solve=lambda K, r: np.linalg.solve(K, r.reshape(2, -1).T.ravel()))),
    ("X(x) in r", "2.1", "X is at the stages", with_newton(at=lambda field, Y, x: field(np.stack([x, x])))),
    ("no h in r", "2.1", "h is missing in r", with_newton(h_of_r=lambda h: 1.0)),
    ("one iteration", "2.1", "it is one iteration", with_newton(most=1)),
    ("no iteration", "2.1", "Y = (x, x), the start", with_newton(most=0)),
    ("without end", "2.1", "30 iterations are enough", answer(stages=without_end)),
    ("the last stage alone", "2.1", "an array of shape (2, 3), got one of shape (3,)", with_newton(found=lambda Y: Y[1])),
    ("flat", "2.1", "got one of shape (6,)", with_newton(found=np.ravel)),
    ("x in place", "2.1", "an argument is changed", answer(stages=x_in_place)),
    ("diagonal of A alone", "2.1", "stage i has its own slope alone", with_newton(A=lambda A: np.diag(np.diag(A)))),
    ("a fixed-point iteration", "2.2", "only with K⁻¹r", with_newton(solve=lambda K, r: r)),
    ("K once, at the start", "2.2", "K that at Y", with_newton(K_at=both_at_x)),
    ("three iterations", "2.2", "up to 30 iterations", with_newton(most=3)),
    ("the norm is kept", "3.1", "d is false: it changes by", answer(predictions=lambda self: "acd")),
    ("midpoint damps", "3.1", "b is false: 99.6 % are left", answer(predictions=lambda self: "abc")),
    ("as Euler's method", "3.1", "e is false: distances are multiplied by 0.", answer(predictions=lambda self: "ace")),
    ("K, not Kᵀ", "4.1", "K is not transposed", with_pullback(K=lambda K: K)),
    ("Kᵀ applied", "4.1", "K is applied", with_pullback(solve=np.matmul)),
    ("w at both", "4.1", "w stands at both stages", with_pullback(right=lambda w: np.concatenate([w, w]))),
    ("w at the first", "4.1", "w stands at the first stage", with_pullback(right=lambda w: np.concatenate([w, 0 * w]))),
    ("weights b", "4.1", "w is weighted with b", with_pullback(right=lambda w: np.concatenate([3 / 4 * w, w / 4]))),
    ("μ₂ alone", "4.1", "it is μ₂ alone", with_pullback(dx=lambda mu, w: mu[1])),
    ("w + Σμ", "4.1", "w is there twice", with_pullback(dx=lambda mu, w: w + mu.sum(axis=0))),
    ("a mean", "4.1", "it is a mean over the stages", with_pullback(dx=lambda mu, w: mu.mean(axis=0))),
    ("K at x", "4.1", "K is that at (x, x)", with_pullback(K_at=both_at_x)),
    ("y = Y₁", "4.1", "vjp and step give values that differ", answer(vjp=of_the_first_stage)),
    ("Σ η alone", "4.1", "w is missing", with_pullback(dx=lambda mu, w: mu.sum(axis=0) - w)),
    ("μ as (d, 2)", "4.1", "μ is taken apart as (d, 2)", with_pullback(dx=lambda mu, w: mu.reshape(-1, 2).sum(axis=1))),
    ("w alone", "4.1", "nothing is solved", with_pullback(dx=lambda mu, w: w)),
    ("dθ of the last stage", "4.2", "of the second stage alone", answer(vjp=last_stage_alone)),
    ("no h in dθ", "4.2", "h is missing", with_pullback(h_mu=lambda h, A, mu, w: A.T @ mu)),
    ("no A in dθ", "4.2", "A is missing", with_pullback(h_mu=lambda h, A, mu, w: h * mu)),
    ("A for Aᵀ in dθ", "4.2", "A is not transposed", with_pullback(h_mu=lambda h, A, mu, w: h * A @ mu)),
    ("w for μ in dθ", "4.2", "it is w that is pulled back", with_pullback(h_mu=lambda h, A, mu, w: h * A.T @ [0 * w, w])),
    ("dθ at x", "4.2", "pulled back at x", with_pullback(at=both_at_x)),
    ("dh with w", "4.3", "the stages move with h, too", with_pullback(dh=lambda mu, A, slopes, w, h: w @ (A @ slopes)[1])),
    ("the flow's dh", "4.3", "a step is not the flow", with_pullback(dh=lambda mu, A, slopes, w, h: w @ slopes[1])),
    ("no A in dh", "4.3", "A is missing", with_pullback(dh=lambda mu, A, slopes, w, h: (mu * slopes).sum())),
    ("Aᵀ in dh", "4.3", "A is transposed", with_pullback(dh=lambda mu, A, slopes, w, h: (mu * (A.T @ slopes)).sum())),
    ("h in dh", "4.3", "one factor h too many", with_pullback(dh=lambda mu, A, slopes, w, h: h * (mu * (A @ slopes)).sum())),
]  # fmt: skip


def by_kron(self, field, Y, h):
    """A ⊗ 𝟙 times the derivatives, in one array."""
    J, d = field.jacobian(Y), Y.shape[-1]
    blocks = np.einsum("ij,jab->iajb", self.A, J).reshape(2 * d, 2 * d)
    return np.identity(2 * d) - h * blocks


def by_increments(self, field, x, h):
    """Newton's method for Z = Y − x, always eight iterations."""
    Z = np.zeros((2, len(x)))
    for _ in range(8):
        r = (h * self.A @ field(x + Z) - Z).flatten()
        Z = Z + np.reshape(np.linalg.inv(self.K(field, x + Z, h)) @ r, Z.shape)
    return x + Z


def by_eta(self, field, x, h):
    """η_i = hX′(Y_i)ᵀκ_i, κ = bw + Aᵀη, and dx = w + Σ_i η_i."""
    Y, b, d = np.array(self.stages(field, x, h)), self.A[1], len(x)
    JT = field.jacobian(Y).swapaxes(-1, -2)

    def pullback(w):
        M = np.eye(2 * d) - h * np.einsum("iab,ji->iajb", JT, self.A).reshape(2 * d, 2 * d)
        right = np.concatenate([h * b[i] * JT[i] @ w for i in range(2)])
        eta = np.linalg.solve(M, right).reshape(2, d)
        kappa = np.outer(b, w) + self.A.T @ eta
        slopes, back = field.vjp(Y)
        return w + eta[0] + eta[1], back(h * kappa)[1], np.vdot(kappa, slopes)

    return Y[-1], pullback


RIGHT = [
    ("K by einsum", answer(K=by_kron)),
    ("Newton for Y − x", answer(stages=by_increments)),
    ("κ and η", answer(vjp=by_eta)),
    ("the inverse of Kᵀ", with_pullback(solve=lambda K, w: np.linalg.inv(K) @ w)),
]
