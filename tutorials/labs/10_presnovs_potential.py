# %% [markdown]
# # Lab 10. Presnov's potential
#
# Every smooth field on $\mathbb R^d$ is a gradient plus a field that keeps spheres,
# $$f = \nabla U + X_S, \qquad x^\top X_S(x) = 0, \qquad
# U(x) = \int_0^1 x^\top f(tx)\,\mathrm dt,$$
# in one way with $U(0) = 0$. The integral is over one number $t$ for each state, so a
# rule with a few nodes does: $\int_0^1 g(t)\,\mathrm dt \approx \sum_k w_k\,g(t_k)$.
#
# 1. Write `U` by Gauss–Legendre quadrature with `self.n` nodes.
#    `np.polynomial.legendre.leggauss(n)` gives nodes and weights on $[-1, 1]$; move
#    both to $[0, 1]$. States $x$ have any number of batch axes, and $U(x)$ is one
#    number for each.
# 2. Predict: $f$ is a polynomial of degree $m$ in the components of $x$. How many nodes
#    are the fewest that give $U$ exactly? Write `nodes_for`. (A rule with $n$ nodes is
#    exact for polynomials in $t$ of degree $2n - 1$. What is the degree in $t$?)
# 3. Differentiate $U$ under the integral and write `gradient`,
#    $$\nabla U(x) = \int_0^1 \big(f(tx) + t\,f'(tx)^\top x\big)\,\mathrm dt.$$
#    `self.f.vjp(y)` gives $f(y)$ and a pullback, `pullback(w)` the pair
#    $f'(y)^\top w$, $\partial/\partial\theta$.
# 4. Write `sphere`, $X_S$. Show with pencil that $x^\top\nabla U(x) = x^\top f(x)$: the
#    integrand is $\frac{\mathrm d}{\mathrm dt}\big(t\,x^\top f(tx)\big)$.
# 5. Predict what is 0 everywhere, and set `zero`: (a) $\nabla U$ of the rotation
#    $(x_2, -x_1)$; (b) $X_S$ of $-A^\top\tanh(Ax + b)$; (c) $\nabla U$ and (d) $X_S$
#    of the pendulum, $(x_2, -\sin x_1)$; (e) $X_S$ of $(x_2, x_1)$.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Check, Question


# %%
class Presnov:
    """f = ∇U + X_S for a field f, with n nodes in t."""

    zero = None  # Task 5: replace None by letters, such as "ac"

    def __init__(self, f, n=20):
        self.f, self.n = f, n

    def U(self, x):
        raise NotImplementedError("Task 1: write U(x) = ∫₀¹ xᵀf(tx) dt")

    @staticmethod
    def nodes_for(m):
        raise NotImplementedError("Task 2: write the number of nodes for degree m")

    def gradient(self, x):
        raise NotImplementedError("Task 3: write ∇U(x) = ∫₀¹ [f(tx) + t f′(tx)ᵀx] dt")

    def sphere(self, x):
        raise NotImplementedError("Task 4: write X_S(x)")


# %%
def power(m):
    """f(x) = (x₂ᵐ, x₁ᵐ), of degree m."""
    return dnn.KnownField(lambda x: x[..., ::-1] ** m, 2)


def linear(M):
    """f(x) = Mx."""
    M = np.array(M, float)
    return dnn.KnownField(lambda x: x @ M.T, len(M), lambda x: M + 0 * x[..., None])


def questions(Answer, seed=0):
    """What is asked of an answer, a class."""
    rng, M = np.random.default_rng(seed), np.array([[1, 2, 0], [-1, 3, 1], [0, 0, -2]])
    states, x = np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]]), rng.normal(size=(6, 2))
    in_space, grid = rng.normal(size=(6, 3)), rng.normal(size=(2, 5, 3))
    for a in (states, x, in_space, grid):
        a.flags.writeable = False

    def U_of(f, n, x, needed):
        check = checks.compared("U(x)", Answer(f, n).U(x), needed)
        if "got one of shape" in check.detail:
            check.detail += ": U is one number a state, a sum over the last axis alone"
        return check

    def moment(m, n):
        """U(x)/xᵀf(x) for f of degree m: what tᵐ is integrated to."""
        f = power(m)
        return Answer(f, n).U(states) / (states * f(states)).sum(axis=-1)

    def five_degrees():
        f = power(3)
        check = U_of(f, 3, states, (states * f(states)).sum(axis=-1) / 4)
        if check.measured == np.inf:
            return check
        m, node = np.arange(5), 0.15**0.5 * np.array([[-1], [0], [1]])
        right, powers = 1 / (m + 1), (0.5 + node) ** m
        mistakes = {
            "weights on [0, 1] have the sum 1, not 2": 2 * right,
            "weights on [0, 1] are half of the others, not 1/n of them": 2 / 3 * right,
            "nodes and weights of [−1, 1]: move both to [0, 1]": [2, 0, 2 / 3, 0, 0.4],
            "nodes on [−1, 1]: move them to [0, 1]": [1, 0, 1 / 3, 0, 0.2],
            "that is xᵀf(x): f belongs at tx": np.ones(5),
            "that is ∫ t xᵀf(x) dt: f belongs at tx": np.ones(5) / 2,
            "a factor t too many: is the first factor tx, and not x?": 1 / (m + 2),
            "a mean over the nodes: each has a weight": powers.mean(axis=0),
            "that is the first node's share: is return in the loop?": 5
            / 18
            * powers[0],
            "that is the last node's share: sum over the nodes": 5 / 18 * powers[2],
            "zero: are nodes and weights exchanged?": 0 * right,
            "the sign is wrong": -right,
            "half of it: a mean over the components, or ½ twice?": right / 2,
        }
        found = np.stack([moment(k, 3) for k in m], axis=-1)
        check = checks.compared("U", found[0], right, mistakes)
        if check.passed:
            return checks.compared("U", found, np.tile(right, (3, 1)))
        if check.detail.startswith("it is "):
            check.detail += ": U(x)/xᵀf(x) for degrees 0 to 4, where 3 nodes are exact"
        return check

    def one_node():
        mistakes = {"right with more nodes: take self.n of them": 1 / 3}
        return checks.compared("U", moment(2, 1), [1 / 4] * 3, mistakes)

    def two_axes():
        return U_of(linear(M), 4, grid, (grid * (grid @ M.T)).sum(axis=-1) / 2)

    def nodes():
        check, m = fewest(), np.arange(12)
        mistakes = {
            "the degree in t is m: x is a constant": (m + 3) // 2,
            "2n − 1 ≥ m, so a half is rounded up": (m + 1) // 2,
            "2n − 1 ≥ m, and not n − 1 ≥ m": m + 1,
        }
        given = [Answer(power(1)).nodes_for(k) for k in range(12)]
        names = [words for words, n in mistakes.items() if np.array_equal(given, n)]
        check.detail = ": ".join([check.detail, *names])
        return check

    def fewest():
        for m in range(12):
            f = power(m)
            n = Answer(f).nodes_for(m)
            if not isinstance(n, int | np.integer) or n < 1:
                said = f"degree m = {m}: {n!r} nodes, needed is an integer ≥ 1"
                return Check("nodes", np.inf, 0.0, said)
            true = (x * f(x)).sum(axis=-1) / (m + 1)  # of degree m + 1: Euler's theorem
            errors = [np.abs(Answer(f, k).U(x) - true).max() for k in (n, n - 1) if k]
            rounding = 1e-12 * np.abs(true).max()
            if errors[0] > rounding:
                said = f"degree m = {m}: {n} nodes are too few, off by {errors[0]:.1e}"
                return Check("nodes", errors[0], rounding, said)
            if n > 1 and errors[1] <= rounding:
                said = f"degree m = {m}: {n} nodes are more than needed, {n - 1} do"
                return Check("nodes", 1, 0, said)
        return Check("nodes", 0, 0)

    def of_a_matrix():
        found, x = Answer(linear(M), 4).gradient(in_space), in_space
        check = checks.compared("∇U(x)", found, x @ (M + M.T) / 2)
        if check.passed or check.measured == np.inf:
            return check
        columns = np.stack([y.ravel() for y in (x @ M.T, x @ M, x @ M.T @ M)], axis=-1)
        abc, left, *_ = np.linalg.lstsq(columns, np.ravel(found), rcond=None)
        if left > 1e-16 * (columns**2).sum():
            return check
        mistakes = {
            "the second term, t f′(tx)ᵀx, is missing": [1 / 2, 0, 0],
            "the first term, f(tx), is missing": [0, 1 / 2, 0],
            "the factor t of the second term is missing": [1 / 2, 1, 0],
            "f′(tx)x stands where f′(tx)ᵀx belongs": [1, 0, 0],
            "that is f(x)": [1, 0, 0],
            "f(x) stands where f(tx) belongs": [1, 1 / 2, 0],
            "f(tx) has a factor t, too: only the second term has it": [1 / 3, 1 / 2, 0],
            "the sign of the second term is wrong": [1 / 2, -1 / 2, 0],
            "the second term has t²: is the covector tx?": [1 / 2, 1 / 3, 0],
            "weights on [0, 1] have the sum 1, not 2": [1, 1, 0],
            "the second term has no weights": [1 / 2, 2, 0],
            "neither term has its weights": [2, 2, 0],
            "zero: are the nodes on [−1, 1]? move them to [0, 1]": [0, 0, 0],
            "the covector of the pullback is x, not f(tx)": [1 / 2, 0, 1 / 3],
        }
        check = checks.compared("∇U", np.round(abc, 9) + 0, [0.5, 0.5, 0], mistakes)
        if check.detail.startswith("it is "):
            check.detail += " times Mx, Mᵀx, MᵀMx"
        return check

    def of_the_pendulum():
        P, e, x = Answer(dnn.systems.pendulum(), 20), 1e-5, grid[..., :2]
        quotients = [
            np.subtract(P.U(x + v), P.U(x - v)) / (2 * e) for v in e * np.eye(2)
        ]
        found, two = P.gradient(x), Answer(P.f, 2).gradient(x)
        check = checks.compared(
            "∇U(x)", found, np.stack(quotients, axis=-1), limit=1e-8
        )
        if check.measured < np.inf and np.allclose(two, found, 1e-13, 0):
            said = "∇U is the same with 2 and with 20 nodes: take self.n of them"
            return Check("nodes", np.inf, 0.0, said)
        if not check.passed and check.measured < np.inf:
            asked = "is f′ taken at tx? has each node its weight?"
            check.detail = f"right for f = Mx, and not here: {asked} {check.detail}"
        return check

    def residual():
        return Answer(dnn.ResidualField.random(3, 5, bias=1.0, rng=seed), 24)

    def recomposed():
        P, x = residual(), in_space
        y, G = P.f(x), P.gradient(x)
        r2, along = (x * x).sum(axis=-1), (x * y).sum(axis=-1)
        mistakes = {
            "the sign is wrong: f = ∇U + X_S": G - y,
            "that is f + ∇U: X_S is what ∇U leaves of f": y + G,
            "that is f less its part along x": y - (along / r2)[:, None] * x,
            "U stands where ∇U belongs": y - np.reshape(P.U(x), (-1, 1)),
        }
        return checks.compared("X_S(x)", P.sphere(x), y - G, mistakes)

    def orthogonal():
        return checks.orthogonal_to_x(residual().sphere, in_space, limit=1e-10)

    def zero():
        turn, swap = linear([[0, 1], [-1, 0]]), linear([[0, 1], [1, 0]])
        descent, pendulum = (
            dnn.GradientField.random(2, 3, rng=seed),
            dnn.systems.pendulum(),
        )
        fields, facts = (turn, descent, pendulum, pendulum, swap), {}
        for letter, f, part in zip("abcde", fields, "∇X∇XX", strict=True):
            P = Answer(f, 24)
            size = np.abs(P.gradient(x) if part == "∇" else P.sphere(x)).max()
            facts[letter] = size < 1e-8, f"it is up to {size:.2g}"
        return checks.predicted("zero", Answer.zero, facts)

    return [
        Question("1.1 U of degrees 0 to 4, three nodes", five_degrees),
        Question("1.2 U of degree 2, one node", one_node, after="1.1"),
        Question("1.3 U in ℝ³, two batch axes", two_axes, after="1.1"),
        Question("2.1 fewest nodes for degree m", nodes, after="1.2"),
        Question("3.1 ∇U of f = Mx", of_a_matrix, after="1.1"),
        Question("3.2 ∇U of the pendulum", of_the_pendulum, after=("1.3", "3.1")),
        Question("4.1 X_S is what ∇U leaves of f", recomposed, after="3.2"),
        Question("4.2 X_S is orthogonal to x", orthogonal, after="4.1"),
        Question("5.1 which parts are 0", zero, after="4.2"),
    ]


# %% [markdown]
# ## A picture to predict
#
# $f(x) = (x_2, 0)$ is a shear: points above the $x_1$-axis go to the right, points
# below it to the left. **Before you run it:** sketch $f$, and the stream lines of its
# two parts $\nabla U$ and $X_S$. On which curves do they run? ($f = Mx$, and what are
# the symmetric and the skew part of $M$?)
#
# `picture(Presnov)` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/10_presnovs_potential.py`, once question 4.1 is right.


# %%
def picture(Answer):
    """What was predicted: a shear, and the two parts that it is the sum of."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    P = Answer(linear([[0, 1], [0, 0]]))
    P.field = P.f
    with plt.style.context(plotting.STYLE):
        _, axes = plt.subplots(1, 3, figsize=(15, 5.4))
        plotting.skew_and_gradient(P, (-2, 2), (-2, 2), axes, density=0.4)
        for ax, title in zip(axes, ("$f$", r"$\nabla U$, yours", "$X_S$, yours")):
            ax.set(xlabel="$x_1$", title=title)
        axes[0].set_ylabel("$x_2$")
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Presnov)).exit()
