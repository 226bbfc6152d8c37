"""Answers to lab 10."""

import numpy as np
from scipy.integrate import fixed_quad


def with_method(**methods):
    return lambda Answer: type("Other", (Answer,), methods)


def with_potential(rule, term=lambda P, x, t: (x * P.f(t * x)).sum(axis=-1)):
    """U(x) = Σ w·term(x, t) over the pairs t, w that `rule` makes of nodes and weights on [−1, 1]."""

    def U(P, x):
        return sum(w * term(P, x, t) for t, w in zip(*rule(*leggauss(P.n)), strict=True))

    return with_method(U=U)


def with_gradient(term):
    """∇U(x) = Σ w·term(f, pullback, jvp, x, t) over the nodes, f, pullback at tx."""

    def gradient(P, x):
        total = 0 * x
        for t, w in P.rule():
            f, pullback = P.f.vjp(t * x)
            total = total + w * term(f, pullback, lambda v, t=t: P.f.jvp(t * x, v)[1], x, t)
        return total

    return with_method(gradient=gradient)


leggauss = np.polynomial.legendre.leggauss


def moved(t, w):
    return (1 + t) / 2, w / 2


def trapezoid(t, w):
    n = len(t) + 1
    return np.linspace(0, 1, n), np.array([0.5, *np.ones(n - 2), 0.5]) / (n - 1)


def forgotten_loop_sum(P, x):
    for t, w in P.rule():
        total = w * (x * P.f(t * x)).sum(axis=-1)
    return total


def first_node(P, x):
    for t, w in P.rule():
        return w * (x * P.f(t * x)).sum(axis=-1)


def one_axis(P, x, t):
    return np.einsum("ni,ni->n", x, P.f(t * x))


def mean_of_the_nodes(P, x):
    terms = [P.f(t * x) + t * P.f.vjp(t * x)[1](x)[0] for t, _ in P.rule()]
    return np.mean(terms, axis=0)


def nodes(rule):
    return with_method(nodes_for=staticmethod(rule))


WRONG = [
    ("nodes on [−1, 1]", "1.1", "nodes and weights of [−1, 1]: move both", with_potential(lambda t, w: (t, w))),
    ("weights not halved", "1.1", "weights on [0, 1] have the sum 1, not 2", with_potential(lambda t, w: ((1 + t) / 2, w))),
    ("tx in both factors", "1.1", "is the first factor tx, and not x?", with_potential(moved, lambda P, x, t: (t * x * P.f(t * x)).sum(axis=-1))),
    ("f at x", "1.1", "that is xᵀf(x): f belongs at tx", with_potential(moved, lambda P, x, t: (x * P.f(x)).sum(axis=-1))),
    ("a mean over the nodes", "1.1", "a mean over the nodes", with_potential(lambda t, w: ((1 + t) / 2, np.full(len(t), 1 / len(t))))),
    ("the trapezoidal rule", "1.1", "for degrees 0 to 4, where 3 nodes are exact", with_potential(trapezoid)),
    ("the last node alone", "1.1", "the last node's share", with_method(U=forgotten_loop_sum)),
    ("always five nodes", "1.2", "right with more nodes: take self.n of them", with_method(rule=lambda P: zip(*moved(*leggauss(5)), strict=True))),
    ("one batch axis only", "1.3", "begin each group with ...\n    ni,ni->n", with_potential(moved, one_axis)),
    ("as many nodes as the degree", "2.1", "degree m = 0: 0 nodes, needed is an integer ≥ 1", nodes(lambda m: m)),
    ("half the degree", "2.1", "degree m = 2: 1 nodes are too few", nodes(lambda m: max(1, m // 2))),
    ("2n − 1 solved for the degree of xᵀf(x)", "2.1", "degree m = 1: 2 nodes are more than needed", nodes(lambda m: (m + 1) // 2 + 1)),
    ("a fraction of a node", "2.1", "degree m = 0: 0.5 nodes, needed is an integer", nodes(lambda m: (m + 1) / 2)),
    ("∫ f(tx) dt alone", "3.1", "the second term, t f′(tx)ᵀx, is missing", with_gradient(lambda f, back, jvp, x, t: f)),
    ("t forgotten", "3.1", "the factor t of the second term is missing", with_gradient(lambda f, back, jvp, x, t: f + back(x)[0])),
    ("the covector is tx, and a factor t", "3.1", "is the covector tx?", with_gradient(lambda f, back, jvp, x, t: f + t * back(t * x)[0])),
    ("a tangent for a covector", "3.1", "f′(tx)x stands where f′(tx)ᵀx belongs", with_gradient(lambda f, back, jvp, x, t: f + t * jvp(x))),
    ("f at x in the first term", "3.1", "f(x) stands where f(tx) belongs", with_method(gradient=lambda P, x: sum(w * (P.f(x) + t * P.f.vjp(t * x)[1](x)[0]) for t, w in P.rule()))),
    ("minus the second term", "3.1", "the sign of the second term is wrong", with_gradient(lambda f, back, jvp, x, t: f - t * back(x)[0])),
    ("the pullback of w = f", "3.1", "the covector of the pullback is x, not f(tx)", with_gradient(lambda f, back, jvp, x, t: f + t * back(f)[0])),
    ("a mean over the nodes, in the gradient", "3.2", "has each node its weight?", with_method(gradient=mean_of_the_nodes)),
    ("the gradient with five nodes", "3.2", "take self.n of them", with_method(gradient=lambda P, x: sum(w * (P.f(t * x) + t * P.f.vjp(t * x)[1](x)[0]) for t, w in zip(*moved(*leggauss(5)), strict=True)))),
    ("the pullback at x in place of tx", "3.2", "is f′ taken at tx?", with_method(gradient=lambda P, x: sum(w * (P.f(t * x) + t * P.f.vjp(x)[1](x)[0]) for t, w in P.rule()))),
    ("−X_S", "4.1", "the sign is wrong: f = ∇U + X_S", with_method(sphere=lambda P, x: P.gradient(x) - P.f(x))),
    ("f + ∇U", "4.1", "X_S is what ∇U leaves of f", with_method(sphere=lambda P, x: P.gradient(x) + P.f(x))),
    ("f projected on the sphere", "4.1", "less its part along x", with_method(sphere=lambda P, x: P.f(x) - (x * P.f(x)).sum(axis=-1, keepdims=True) / (x * x).sum(axis=-1, keepdims=True) * x)),
    ("the pendulum is Hamiltonian, so it has no gradient", "5.1", "c is false: it is up to", with_method(zero="abce")),
    ("tanh is a gradient and more", "5.1", "b is true: it is up to", with_method(zero="ae")),
    # written without looking
    ("return in the loop", "1.1", "the first node's share: is return in the loop?", with_method(U=first_node)),
    ("t times the integrand at x", "1.1", "that is ∫ t xᵀf(x) dt", with_potential(moved, lambda P, x, t: t * (x * P.f(x)).sum(axis=-1))),
    ("nodes and weights exchanged", "1.1", "are nodes and weights exchanged?", with_potential(lambda w, t: moved(t, w))),
    ("a mean over the components", "1.1", "a mean over the components, or ½ twice?", with_potential(moved, lambda P, x, t: (x * P.f(t * x)).mean(axis=-1))),
    ("a node less", "1.1", "where 3 nodes are exact", with_method(rule=lambda P: zip(*moved(*leggauss(max(P.n - 1, 1))), strict=True))),
    ("a node more", "1.2", "right with more nodes: take self.n of them", with_method(rule=lambda P: zip(*moved(*leggauss(P.n + 1)), strict=True))),
    ("weights for the first term alone", "3.1", "the second term has no weights", with_method(gradient=lambda P, x: sum(w * P.f(t * x) + t * P.f.vjp(t * x)[1](x)[0] for t, w in P.rule()))),
    ("f for ∇U", "3.1", "or that is f(x)", with_method(gradient=lambda P, x: P.f(x))),
    ("U for ∇U in X_S", "4.1", "U stands where ∇U belongs", with_method(sphere=lambda P, x: P.f(x) - P.U(x)[..., None])),
    ("weights over n", "1.1", "are half of the others, not 1/n of them", with_potential(lambda t, w: ((1 + t) / 2, w / len(w)))),
    ("degree m + 1 in t", "2.1", "1 do: the degree in t is m", nodes(lambda m: (m + 3) // 2)),
    ("half a node rounded down", "2.1", "so a half is rounded up", nodes(lambda m: (m + 1) // 2)),
    ("n − 1 for 2n − 1", "2.1", "and not n − 1 ≥ m", nodes(lambda m: m + 1)),
    ("t before both terms", "3.1", "f(tx) has a factor t, too", with_gradient(lambda f, back, jvp, x, t: t * (f + back(x)[0]))),
    ("no weights in the gradient", "3.1", "neither term has its weights", with_method(gradient=lambda P, x: sum(P.f(t * x) + t * P.f.vjp(t * x)[1](x)[0] for t, w in P.rule()))),
    ("nodes on [−1, 1] in the gradient", "3.1", "are the nodes on [−1, 1]?", with_method(gradient=lambda P, x: sum(w / 2 * (P.f(t * x) + t * P.f.vjp(t * x)[1](x)[0]) for t, w in zip(*leggauss(P.n), strict=True)))),
]  # fmt: skip


def all_nodes_at_once(P, x):
    t, w = moved(*leggauss(P.n))
    states = t.reshape(-1, *np.ones(x.ndim, int)) * x
    return np.einsum("k,k...i,...i->...", w, P.f(states), x)


def by_jacobian(P, x):
    total = 0 * x
    for t, w in P.rule():
        turned = np.einsum("...ji,...j->...i", P.f.jacobian(t * x), x)
        total = total + w * (P.f(t * x) + t * turned)
    return total


def by_scipy(P, x):
    """∫₀¹ by scipy's Gauss–Legendre rule, the nodes on the last axis."""

    def integrand(t):
        return np.stack([(x * P.f(s * x)).sum(axis=-1) for s in t], axis=-1)

    return fixed_quad(integrand, 0, 1, n=P.n)[0]


def by_parts(P, x):
    """f(tx) + t f′(tx)ᵀx as d/dt[t f(tx)] + t(f′ᵀ − f′)x."""
    total = P.f(x)
    for t, w in P.rule():
        total = total + w * t * (P.f.vjp(t * x)[1](x)[0] - P.f.jvp(t * x, x)[1])
    return total


RIGHT = [
    ("all nodes at once", with_method(U=all_nodes_at_once)),
    ("the covector tx, and no factor t", with_gradient(lambda f, back, jvp, x, t: f + back(t * x)[0])),
    ("f′ as a matrix", with_method(gradient=by_jacobian)),
    ("scipy's rule", with_method(U=by_scipy)),
    ("integrated by parts", with_method(gradient=by_parts)),
    ("U as a list", with_method(U=lambda P, x: sum(w * (x * P.f(t * x)).sum(axis=-1) for t, w in P.rule()).tolist())),
    ("nodes by a method", with_method(nodes_for=lambda P, m: (m + 2) // 2)),
    ("nodes by ceil, a NumPy integer", nodes(lambda m: np.int64(np.ceil((m + 1) / 2)))),
]  # fmt: skip
