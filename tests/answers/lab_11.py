"""Answers to lab 11."""

import numpy as np
from numpy.linalg import norm


def with_method(**methods):
    return lambda Answer: type("Other", (Answer,), methods)()


def iterated(step, end, first=lambda v: v / norm(v)):
    """power by v ← step(A, v), and end(A, v) → s, u, v."""

    def power(P, A, v, steps):
        v = first(v)
        for _ in range(steps):
            v = step(A, v)
        return end(A, v)

    return with_method(power=power)


def unit(v):
    return v / norm(v)


def step(A, v):
    return unit(A.T @ (A @ v))


def end(A, v):
    return norm(A @ v), unit(A @ v), v


def after(A, v, steps):
    """v_k."""
    v = unit(v)
    for _ in range(steps):
        v = step(A, v)
    return v


def one_step_behind(P, A, v, steps):
    v = unit(v)
    for _ in range(steps):
        u = A @ v
        s = norm(u)
        v = unit(A.T @ u)
    return s, u / s, v


def length_of_the_product(P, A, v, steps):
    v, s = unit(v), 0.0
    for _ in range(steps):
        v = A.T @ (A @ v)
        s = norm(v)
        v = v / s
    return s, unit(A @ v), v


def at_least_once(P, A, v, steps):
    v = unit(v)
    for _ in range(steps):
        v = step(A, v)
        s = norm(A @ v)
        u = A @ v / s
    return s, u, v


def by_svd(P, A, v, steps):
    U, s, Vt = np.linalg.svd(A)
    return s[0], U[:, 0], Vt[0]


def gram(product=lambda G: G.T @ G, steps=lambda k: k, root=lambda k: 0.5**k):
    def bound(P, A, k):
        G = A
        for _ in range(steps(k)):
            G = product(G)
        return norm(G) ** root(k)

    return with_method(bound=bound)


def eigenvalue(P, A, k):
    return np.abs(np.linalg.eigvals(A)).max()


def rescaled_and_not_undone(P, A, k):
    G = A
    for _ in range(k):
        G = G.T @ G
        if norm(G) > 1e100:
            G = G / norm(G)
    return norm(G) ** 0.5**k


def not_squared(P, A, k):
    r, H = np.log(norm(A)), A / norm(A)
    for _ in range(k):
        H = H.T @ H
        r, H = r + np.log(norm(H)), H / norm(H)
    return np.exp(r / 2**k)


def doubled(P, A, k):
    r, H = np.log(norm(A)), A / norm(A)
    for _ in range(k):
        H = H.T @ H
        r, H = 2 * (r + np.log(norm(H))), H / norm(H)
    return np.exp(r / 2**k)


def in_the_loop(P, A, v, steps):
    for _ in range(steps):
        return end(A, step(A, v))


def u_once(P, A, v, steps):
    u = unit(A @ unit(v))
    for _ in range(steps):
        v = unit(A.T @ u)
    return norm(A @ v), unit(A @ v), v


def across(v):
    """A unit vector that is orthogonal to v."""
    e = np.roll(v, 1)
    return unit(e - (e @ v) / (v @ v) * v)


def exactly_zero(P, v):
    """e₁eᵀ with eᵀv = 0 to the last bit."""
    A = np.zeros((5, 5))
    A[0, :2] = -v[1], v[0]
    return A


def with_gradient(G):
    return with_method(gradient=lambda P, A, v, steps: G(*P.power(A, v, steps), A))


def root_of_order_2k(P, A, k):
    with np.errstate(all="ignore"):
        return gram()(type(P)).bound(A, k) ** (2**k / np.float64(2 * k))


WRONG = [
    ("s of the step before", "1.1", "that is ‖Av₀‖: a step too few, or s is not of the last v", with_method(power=one_step_behind)),
    ("a step too many", "1.1", "that is s after two steps", with_method(power=lambda P, A, v, n: end(A, step(A, after(A, v, n))))),
    ("s²", "1.1", "that is s²", iterated(step, lambda A, v: (v @ A.T @ A @ v, unit(A @ v), v))),
    ("the length of AᵀAv", "1.1", "that is ‖AᵀAv₀‖, which tends to s²", with_method(power=length_of_the_product)),
    ("an eigenvalue of A", "1.1", "v goes on by A, to an eigenvalue", iterated(lambda A, v: unit(A @ v), end)),
    ("by SVD", "1.1", "exact, and no power iteration", with_method(power=by_svd)),
    ("u and v exchanged", "1.2", "u and v are exchanged", iterated(step, lambda A, v: (norm(A @ v), v, unit(A @ v)))),
    ("A for its transpose", "1.1", "AAᵀ stands where AᵀA belongs", iterated(lambda A, v: unit(A @ (A.T @ v)), end)),
    ("no s without a step", "1.3", "s is used before it has a value", with_method(power=at_least_once)),
    ("divided at the end only", "1.4", "is v divided in each step?", iterated(lambda A, v: A.T @ (A @ v), lambda A, v: end(A, unit(v)))),
    ("the gradient is transposed", "2.1", "got one of shape (3, 5): it is transposed", with_gradient(lambda s, u, v, A: np.outer(v, u))),
    ("the gradient of s²", "2.1", "that is the gradient of s²", with_gradient(lambda s, u, v, A: 2 * s * np.outer(u, v))),
    ("−u vᵀ", "2.1", "the sign is wrong", with_gradient(lambda s, u, v, A: -np.outer(u, v))),
    ("Av = 0", "3.1", "Av = 0: what goes on is 0/0, or rounding errors", with_method(hidden=exactly_zero)),
    ("any matrix", "3.1", "which is not orthogonal to v", with_method(hidden=lambda P, v: np.diag([100.0, 1, 1, 1, 1]))),
    ("hidden, and only twice as large", "3.1", "it is not seen, and should be larger", with_method(hidden=lambda P, v: 2 * np.outer(across(v), across(v)) + np.outer(unit(v), unit(v)))),
    ("so large that rounding finds it", "3.1", "rounding errors grow", with_method(hidden=lambda P, v: 1e6 * np.outer(across(v), across(v)) + np.outer(unit(v), unit(v)))),
    ("the root forgotten", "4.1", "the root is missing", gram(root=lambda k: 1)),
    ("AᵀA for G₀", "4.1", "one step too many: G₀ is A itself", gram(steps=lambda k: k + 1, root=lambda k: 0.5 ** (k + 1))),
    ("r + …, where 2r + … belongs", "4.1", "is squared in each step: 2r_j + …", with_method(bound=not_squared)),
    ("the exponential forgotten", "4.1", "that is its logarithm", with_method(bound=lambda P, A, k: np.log(gram()(type(P)).bound(A, k)))),
    ("by SVD", "4.1", "that is ‖A‖₂ for every k", with_method(bound=lambda P, A, k: norm(A, 2))),
    ("GG for GᵀG", "4.1", "GG stands where GᵀG belongs", gram(product=lambda G: G @ G)),
    ("the Frobenius norm", "4.1", "that is ‖A‖_F for every k", with_method(bound=lambda P, A, k: norm(A))),
    ("at most three steps", "4.2", "k = 8: up to 1.0", with_method(bound=lambda P, A, k: gram()(type(P)).bound(A, min(k, 3)))),
    ("power iteration for large k", "4.2", "which is no bound", with_method(bound=lambda P, A, k: gram()(type(P)).bound(A, k) if k < 5 else norm(A @ after(A, np.ones(A.shape[1]), 2)))),
    ("no logarithms", "4.3", "does a number overflow?", gram()),
    ("rescaled, and not undone", "4.3", "What G is divided by comes back", with_method(bound=rescaled_and_not_undone)),
    ("‖I‖_F = 1", "5.1", "a is false: it is 3 times ‖A‖₂", with_method(sharp="abde")),
    # written without looking
    ("return in the loop", "1.2", "as after 1 step: return in the loop", with_method(power=in_the_loop)),
    ("u is not renewed", "1.2", "or u not renewed", with_method(power=u_once)),
    ("v₀ not divided", "1.3", "v₀ is not divided by its length", iterated(step, end, lambda v: v)),
    ("A over its norm", "2.1", "as for the length of a vector", with_gradient(lambda s, u, v, A: A / s)),
    ("v, not divided, in vvᵀ and across", "3.1", "not orthogonal to v", with_method(hidden=lambda P, v: np.outer(v, v) + 20 * np.outer(np.eye(5)[0] - v[0] * v, np.eye(5)[0] - v[0] * v))),
    ("return in the loop of the bound", "4.1", "that is of k = 1", with_method(bound=lambda P, A, k: gram()(type(P)).bound(A, min(k, 1)))),
    ("twice all of r", "4.1", "what is added to 2r_j is doubled, too", with_method(bound=doubled)),
    ("AA for AᵀA", "1.1", "v goes on by AA: it goes on by AᵀA", iterated(lambda A, v: unit(A @ (A @ v)) if A.shape == (2, 2) else step(A, v), end)),
    ("the root of ‖AᵀAv‖", "1.1", "that is the root of ‖AᵀAv₁‖", iterated(step, lambda A, v: (norm(A.T @ A @ v) ** 0.5, unit(A @ v), v))),
    ("hidden by a v that is not divided", "3.1", "so is v divided by ‖v‖?", with_method(hidden=lambda P, v: 12 * np.eye(5) - 11 * np.outer(v, v))),
    ("range(k − 1)", "4.1", "a step too few, as by range(k − 1)", gram(steps=lambda k: k - 1)),
    ("a root of order 2k", "4.1", "it is of order 2ᵏ", with_method(bound=root_of_order_2k)),
    ("u vᵀ/s", "2.1", "a factor 1/s too many", with_gradient(lambda s, u, v, A: np.outer(u, v) / s)),
    ("r₀ is 0", "4.1", "r₀ = log ‖A‖_F is missing", with_method(bound=lambda P, A, k: gram()(type(P)).bound(A, k) / norm(A))),
    ("no logarithm", "4.1", "is added, not its logarithm", with_method(bound=lambda P, A, k: norm(A) * np.exp(0.5 - 0.5 ** (k + 1)))),
]  # fmt: skip


def alternating(P, A, v, steps):
    """u and v in turns, each divided by its length."""
    v = unit(v)
    u = unit(A @ v)
    for _ in range(steps):
        v = unit(A.T @ u)
        u = unit(A @ v)
    return u @ A @ v, u, v


def on_the_gram_matrix(P, A, v, steps):
    G, scale = A.T @ A, np.abs(A).max() ** 2
    for _ in range(steps):
        v = G @ v / scale
        v = v / np.abs(v).max()
    v = unit(v)
    return np.sqrt(v @ G @ v), A @ v / norm(A @ v), v


def wide_gram(P, A, k):
    """The same bound from AAᵀ, by norms that are multiplied and not added."""
    bound, G = 1.0, A
    for j in range(k + 1):
        size = norm(G)
        bound, G = bound * size ** (0.5**j), (G / size) @ (G / size).T
    return bound


def schatten(P, A, k):
    """‖G_k‖_F^(2^−k) is the norm of order 2^(k+1) of the singular values."""
    s = np.linalg.svd(A, compute_uv=False)
    return s[0] * (np.sum((s / s[0]) ** 2 ** (k + 1)) ** 2**-k) ** 0.5


def hidden_by_a_basis(P, v):
    """Av = |v|w, Ae = 15w′ with bases (v, e, …) and (w, w′, …)."""
    Q = np.linalg.qr(np.column_stack([v, np.eye(5)[:, :4]]))[0]
    return np.roll(Q, 1, axis=0) @ np.diag([1.0, 15, 0.5, 0.2, 0.1]) @ Q.T


RIGHT = [
    ("u and v in turns", with_method(power=alternating)),
    ("AᵀA once, scaled by its largest entry; a list", with_method(power=lambda P, A, v, n: list(on_the_gram_matrix(P, A, v, n)))),
    ("the gradient by broadcasting", with_gradient(lambda s, u, v, A: u[:, None] * v)),
    ("the gradient as A v vᵀ/s", with_gradient(lambda s, u, v, A: A @ np.outer(v, v) / s)),
    ("the bound from AAᵀ, by products", with_method(bound=wide_gram)),
    ("the bound by singular values, a root as 2**-k", with_method(bound=schatten)),
    ("hidden, and just 10 times as large", with_method(hidden=lambda P, v: np.outer(v, v) / (v @ v) + 10 * np.outer(across(v), across(v)))),
    ("hidden by a basis, not symmetric", with_method(hidden=hidden_by_a_basis)),
]  # fmt: skip
