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


def root_of_the_length(P, A, v, steps):
    s, u, v = length_of_the_product(P, A, v, steps)
    return s**0.5, u, v


def half_a_step_early(P, A, v, steps):
    v = unit(v)
    for _ in range(steps):
        u = unit(A @ v)
        v = A.T @ u
        s = norm(v)
        v = v / s
    return s, u, v


def at_least_once(P, A, v, steps):
    v = unit(v)
    for _ in range(steps):
        v = step(A, v)
        s = norm(A @ v)
        u = A @ v / s
    return s, u, v


def in_place(P, A, v, steps):
    v /= norm(v)
    for _ in range(steps):
        v = step(A, v)
    return end(A, v)


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


def of_powers(P, A, k):
    return norm(np.linalg.matrix_power(A.T @ A, k)) ** (0.5 / k) if k else norm(A)


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


def across(v):
    """A unit vector that is orthogonal to v."""
    e = np.roll(v, 1)
    return unit(e - (e @ v) / (v @ v) * v)


def exactly_zero(P, v):
    """e₁eᵀ with eᵀv = 0 to the last bit."""
    A = np.zeros((5, 5))
    A[0, :2] = -v[1], v[0]
    return A


def seen_in_the_second_step(P, v):
    e = across(v)
    return 20 * np.outer(unit(v + e), e) + np.outer(unit(v), unit(v))


def ratios(**changes):
    return with_method(ratios={"identity": (3, 1), "ones": (1, 1), "H": (2, 2)} | changes)


def with_gradient(G):
    return with_method(gradient=lambda P, A, v, steps: G(*P.power(A, v, steps), A))


WRONG = [
    ("s of the step before", "1.1", "that is s after no step", with_method(power=one_step_behind)),
    ("a step too many", "1.1", "that is s after two steps", with_method(power=lambda P, A, v, n: end(A, step(A, after(A, v, n))))),
    ("s²", "1.1", "that is s²", iterated(step, lambda A, v: (v @ A.T @ A @ v, unit(A @ v), v))),
    ("the length of AᵀAv", "1.1", "that is ‖AᵀAv₀‖, which tends to s²", with_method(power=length_of_the_product)),
    ("the root of the length of AᵀAv", "1.1", "that is ‖AᵀAv₀‖^½", with_method(power=root_of_the_length)),
    ("half a step early", "1.1", "half a step early", with_method(power=half_a_step_early)),
    ("an eigenvalue of A", "1.1", "v goes on by A, to an eigenvalue", iterated(lambda A, v: unit(A @ v), end)),
    ("by SVD", "1.1", "exact, and no power iteration", with_method(power=by_svd)),
    ("never divided", "1.1", "v₀ and v₁ are not divided by their lengths", iterated(lambda A, v: A.T @ (A @ v), end, lambda v: v)),
    ("divided at the start only", "1.1", "v₁ is not divided by its length", iterated(lambda A, v: A.T @ (A @ v), end)),
    ("Rayleigh's quotient of A", "1.1", "that is vᵀAv", iterated(step, lambda A, v: (v @ A @ v, unit(A @ v), v))),
    ("the length of AᵀAv, for the last v", "1.1", "= s² at last, and s = ‖Av‖", iterated(step, lambda A, v: (norm(A.T @ (A @ v)), unit(A @ v), v))),
    ("s alone", "1.1", "power returns s, u, v, three things, got float64", iterated(step, lambda A, v: norm(A @ v))),
    ("no return", "1.1", "got None: is there a return?", with_method(power=lambda P, A, v, n: None)),
    ("s and v", "1.1", "three things, got 2", iterated(step, lambda A, v: (norm(A @ v), v))),
    ("v is changed", "1.1", "an argument is changed", with_method(power=in_place)),
    ("u and v exchanged", "1.2", "u and v are exchanged", iterated(step, lambda A, v: (norm(A @ v), v, unit(A @ v)))),
    ("u without its length", "1.2", "u does not have length 1", iterated(step, lambda A, v: (norm(A @ v), A @ v, v))),
    ("Aᵀu for v", "1.2", "v does not have length 1", iterated(step, lambda A, v: (norm(A @ v), unit(A @ v), A.T @ unit(A @ v)))),
    ("at most five steps", "1.2", "Aᵀu = sv does not hold", with_method(power=lambda P, A, v, n: end(A, after(A, v, min(n, 5))))),
    ("u with a wrong sign", "1.2", "Av = su does not hold", iterated(step, lambda A, v: (norm(A @ v), -unit(A @ v), v))),
    ("A for its transpose", "1.1", "AAᵀ stands where AᵀA belongs", iterated(lambda A, v: unit(A @ (A.T @ v)), end)),
    ("no s without a step", "1.3", "UnboundLocalError", with_method(power=at_least_once)),
    ("starts again after five steps", "1.3", "s falls from step to step", with_method(power=lambda P, A, v, n: end(A, after(A, v, n - 5 if 5 <= n < 20 else n)))),
    ("divided at the end only", "1.4", "s is not finite: does a number overflow", iterated(lambda A, v: A.T @ (A @ v), lambda A, v: end(A, unit(v)))),
    ("the gradient is transposed", "2.1", "the gradient is transposed", with_gradient(lambda s, u, v, A: np.outer(v, u))),
    ("the gradient of s²", "2.1", "that is the gradient of s²", with_gradient(lambda s, u, v, A: 2 * s * np.outer(u, v))),
    ("s u vᵀ", "2.1", "a factor s too many", with_gradient(lambda s, u, v, A: s * np.outer(u, v))),
    ("twice u vᵀ", "2.1", "a factor 2 too many", with_gradient(lambda s, u, v, A: 2 * np.outer(u, v))),
    ("−u vᵀ", "2.1", "the sign is wrong", with_gradient(lambda s, u, v, A: -np.outer(u, v))),
    ("u vᵀ/s", "2.1", "divided by s: that is the gradient of log s", with_gradient(lambda s, u, v, A: np.outer(u, v) / s)),
    ("no return", "2.1", "the gradient is None: is there a return?", with_gradient(lambda s, u, v, A: None)),
    ("A v for u", "2.1", "a factor s too many", with_gradient(lambda s, u, v, A: np.outer(A @ v, v))),
    ("the gradient of the Frobenius norm", "2.1", "that is the gradient of ‖A‖_F", with_gradient(lambda s, u, v, A: A / norm(A))),
    ("v vᵀ", "2.1", "the gradient has shape (3, 3), needed is (5, 3)", with_gradient(lambda s, u, v, A: np.outer(v, v))),
    ("an inner product for an outer one", "2.1", "u @ v", with_gradient(lambda s, u, v, A: u @ v)),
    ("every pair of singular vectors", "2.1", "u vᵀ has rank 1, this has 3", with_method(gradient=lambda P, A, v, n: np.linalg.svd(A, full_matrices=False)[0] @ np.linalg.svd(A, full_matrices=False)[2])),
    ("u for v in a symmetric matrix", "2.2", "it is transposed: u vᵀ, not v uᵀ", with_gradient(lambda s, u, v, A: np.outer(v, u).reshape(A.shape) if len(u) == len(v) else np.outer(u, v))),
    ("the matrix 0", "3.1", "nothing is hidden", with_method(hidden=lambda P, v: np.zeros((5, 5)))),
    ("Av = 0", "3.1", "Av = 0: what goes on is 0/0, or rounding errors", with_method(hidden=exactly_zero)),
    ("any matrix", "3.1", "which is not orthogonal to v", with_method(hidden=lambda P, v: np.diag([100.0, 1, 1, 1, 1]))),
    ("vvᵀ, which is found at once", "3.1", "which is not orthogonal to v", with_method(hidden=lambda P, v: 20 * np.outer(v, v))),
    ("hidden, and only twice as large", "3.1", "it is not seen, and should be larger", with_method(hidden=lambda P, v: 2 * np.outer(across(v), across(v)) + np.outer(unit(v), unit(v)))),
    ("seen in the second step", "3.1", "which is not orthogonal to v", with_method(hidden=seen_in_the_second_step)),
    ("so large that rounding finds it", "3.1", "rounding errors grow", with_method(hidden=lambda P, v: 1e6 * np.outer(across(v), across(v)) + np.outer(unit(v), unit(v)))),
    ("the vector for the matrix", "3.1", "the matrix has shape (5,), needed is (5, 5)", with_method(hidden=lambda P, v: across(v))),
    ("the root forgotten", "4.1", "the root is missing", gram(root=lambda k: 1)),
    ("AᵀA for G₀", "4.1", "one step too many: G₀ is A itself", gram(steps=lambda k: k + 1, root=lambda k: 0.5 ** (k + 1))),
    ("AᵀA for G₀, with the root of A", "4.1", "a step too many, and its root is missing", gram(steps=lambda k: k + 1)),
    ("the root of one step more", "4.1", "a step too few, or too high a root", gram(root=lambda k: 0.5 ** (k + 1))),
    ("r + …, where 2r + … belongs", "4.1", "is squared in each step: 2r_j + …", with_method(bound=not_squared)),
    ("a mean of the powers", "4.1", "k = 1: 2.9615", with_method(bound=lambda P, A, k: (norm(A) + norm(A.T @ A) ** 0.5) / 2 if k else norm(A))),
    ("the exponential forgotten", "4.1", "that is its logarithm", with_method(bound=lambda P, A, k: np.log(gram()(type(P)).bound(A, k)))),
    ("the root of one step less", "4.1", "the root of order 2ᵏ⁻¹", gram(root=lambda k: 2 * 0.5**k)),
    ("by SVD", "4.1", "exact, and no Gram iteration", with_method(bound=lambda P, A, k: norm(A, 2))),
    ("GG for GᵀG", "4.1", "GG stands where GᵀG belongs", gram(product=lambda G: G @ G)),
    ("powers of AᵀA", "4.1", "that is of (AᵀA)ᵏ", with_method(bound=of_powers)),
    ("the Frobenius norm", "4.1", "that is ‖A‖_F for every k", with_method(bound=lambda P, A, k: norm(A))),
    ("the largest eigenvalue", "4.1", "k = 0: 2, needed is 3", with_method(bound=eigenvalue)),
    ("at most three steps", "4.2", "k = 8 gives 1.0", with_method(bound=lambda P, A, k: gram()(type(P)).bound(A, min(k, 3)))),
    ("power iteration for large k", "4.2", "and so none", with_method(bound=lambda P, A, k: gram()(type(P)).bound(A, k) if k < 5 else norm(A @ after(A, np.ones(A.shape[1]), 2)))),
    ("ratios as a list", "5.1", "ratios is a dict, got [(3, 1)", with_method(ratios=[(3, 1), (1, 1), (2, 2)])),
    ("no logarithms", "4.3", "is not finite: does a number overflow", gram()),
    ("rescaled, and not undone", "4.3", "what G is divided by has to come back", with_method(bound=rescaled_and_not_undone)),
    ("‖I‖_F = 1", "5.1", "identity: look at ‖A‖_F", ratios(identity=(1, 1))),
    ("norms of H, and not their ratios", "5.1", "H: look at ‖A‖_F and √(‖A‖₁‖A‖_∞)", ratios(H=(4, 4))),
    ("the two exchanged", "5.1", "identity: ‖A‖_F comes first", ratios(identity=(1, 3))),
    ("one number for two", "5.1", "what is said of ones has shape (), needed is (2,)", ratios(ones=1)),
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
    ("hidden by a basis, not symmetric", with_method(hidden=hidden_by_a_basis)),
    ("ratios as arrays, by roots", ratios(identity=np.array([9**0.5, 1.0]), H=[4**0.5, 2])),
]  # fmt: skip
