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
# 5. Predict which parts these fields on $\mathbb R^2$ have: rotation, $(x_2, -x_1)$;
#    tanh, $(\tanh x_1, \tanh x_2)$; pendulum, $(x_2, -\sin x_1)$; radial,
#    $-\|x\|^2x$. Set `parts`.
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

    # Task 5: replace each None by "gradient", "sphere" or "both"
    parts = {"rotation": None, "tanh": None, "pendulum": None, "radial": None}

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

    def jacobian(x):
        slope = m * x[..., ::-1] ** (m - 1) if m else 0 * x
        return slope[..., None] * np.eye(2)[::-1]

    return dnn.KnownField(lambda x: x[..., ::-1] ** m, 2, jacobian)


def linear(M):
    """f(x) = Mx."""
    M = np.array(M, float)

    def jacobian(x):
        return np.broadcast_to(M, (*x.shape, len(M)))

    return dnn.KnownField(lambda x: x @ M.T, len(M), jacobian)


def known(name):
    """The fields of task 5."""
    if name == "pendulum":
        return dnn.systems.pendulum()
    if name == "rotation":
        return linear([[0, 1], [-1, 0]])
    eye = np.eye(2)
    if name == "tanh":
        return dnn.KnownField(
            np.tanh, 2, lambda x: (1 / np.cosh(x) ** 2)[..., None] * eye
        )

    def r2(x):
        return (x * x).sum(axis=-1, keepdims=True)

    def jacobian(x):
        return -r2(x)[..., None] * eye - 2 * x[..., None] * x[..., None, :]

    return dnn.KnownField(lambda x: -r2(x) * x, 2, jacobian)


def against(f, x, needed, name):
    """f(x), called by this name, against what it should be."""
    found = f(x.copy())
    if not isinstance(found, np.ndarray | np.number | float):
        got = "None: is there a return?" if found is None else type(found).__name__
        return Check(name, np.inf, 0.0, f"{name} must be an array, got {got}")
    if np.shape(found) != needed.shape:
        said = f"{name} has shape {np.shape(found)} for states of shape {x.shape}, "
        said += f"needed is {needed.shape}"
        if name == "U(x)":
            said += ": one number for each state, sum over the last axis alone"
        return Check(name, np.inf, 0.0, said)
    check = checks.value(f, x, needed)
    check.detail = check.detail.replace("F(x)", name)
    return check


def questions(Answer, seed=0):
    """What is asked of an answer, a class."""
    rng = np.random.default_rng(seed)
    x, grid = rng.normal(size=(6, 2)), rng.normal(size=(2, 3, 2))
    M, in_space = np.array([[1, 2, 0], [-1, 3, 1], [0, 0, -2]]), rng.normal(size=(6, 3))

    def first_numbers():
        states = np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]])
        needed, U = np.array([2.5, -2.5, 0.5]), Answer(power(3), 3).U
        check = against(U, states, needed, "U(x)")
        if check.passed or not np.isfinite(check.measured):
            return check
        found, last = U(states) / needed, 4 * 5 / 18 * ((1 + 0.6**0.5) / 2) ** 3
        mistakes = [
            ("nodes on [−1, 1]: move them to [0, 1], t = (1 + node)/2", 0),
            ("twice too much: the weights on [0, 1] have the sum 1, not 2", 2),
            ("that is xᵀf(x): f belongs at tx, node by node", 4),
            ("that is 2xᵀf(x): f belongs at tx, and weights have the sum 1", 8),
            ("t = 1 + node lies in [0, 2]: halve it", 8),
            ("t = 1 + node lies in [0, 2]: halve it, and the weights", 16),
            ("t = 1 + node/2 lies in [½, 3/2]", 5),
            ("that is ∫ (tx)ᵀf(tx) dt: the first factor is x, not tx", 0.8),
            ("that is ∫ t xᵀf(tx) dt, with a factor t too many", 0.8),
            ("a mean over the nodes: each has a weight of its own", 1.1),
            ("a sum over the nodes: each has a weight", 3.3),
            ("that is the last node's share alone: sum over the nodes", last),
            ("the sign is wrong", -1),
        ]
        said = [words for words, c in mistakes if np.allclose(found, c, 1e-9, 1e-12)]
        if not said and np.allclose(Answer(power(3), 300).U(states), needed, 1e-2):
            said = ["more nodes make it right: is it the Gauss–Legendre rule?"]
        check.detail = ", or ".join(said) or check.detail
        return check

    def pendulum():
        q, p = np.moveaxis(grid, -1, 0)
        U = q * p / 2 - p * (1 - np.cos(q)) / q
        two, twenty = (Answer(dnn.systems.pendulum(), n).U for n in (2, 20))
        check = against(twenty, grid, U, "U(x)")
        if np.isfinite(check.measured) and np.allclose(
            two(grid), twenty(grid), 1e-13, 0
        ):
            said = "U is the same with 2 and with 20 nodes: take self.n of them"
            return Check("nodes", np.inf, 0.0, said)
        if check.passed:
            U = (in_space * (in_space @ M.T)).sum(axis=-1) / 2
            check = against(Answer(linear(M), 4).U, in_space, U, "U(x)")
            check.detail = f"right in ℝ², and not in ℝ³: {check.detail}"
        return check

    def nodes():
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
        P, x = Answer(linear(M), 4), in_space
        needed = x @ (M + M.T) / 2
        check = against(P.gradient, x, needed, "∇U(x)")
        if check.passed or not np.isfinite(check.measured):
            return check
        columns = np.stack([y.ravel() for y in (x @ M.T, x @ M, x @ M.T @ M)], axis=-1)
        abc, left, *_ = np.linalg.lstsq(columns, P.gradient(x).ravel(), rcond=None)
        mistakes = [
            ("the second term, t f′(tx)ᵀx, is missing", 1 / 2, 0, 0),
            ("the first term, f(tx), is missing", 0, 1 / 2, 0),
            ("the factor t of the second term is missing", 1 / 2, 1, 0),
            ("f′(tx)x stands where f′(tx)ᵀx belongs", 1, 0, 0),
            ("f′(tx)x where f′(tx)ᵀx belongs, and without its factor t", 3 / 2, 0, 0),
            ("f(x) stands where f(tx) belongs, in the first term", 1, 1 / 2, 0),
            ("the sign of the second term is wrong", 1 / 2, -1 / 2, 0),
            ("the sign is wrong", -1 / 2, -1 / 2, 0),
            ("the second term has t²: is the covector tx?", 1 / 2, 1 / 3, 0),
            ("one factor t too many in both terms", 1 / 3, 1 / 3, 0),
            ("twice too much: weights on [0, 1] have the sum 1", 1, 1, 0),
            ("the covector of the pullback is x, not f(tx)", 1 / 2, 0, 1 / 2),
            ("the covector of the pullback is x, not f(tx)", 1 / 2, 0, 1 / 3),
        ]
        if left.size and left[0] < 1e-16 * (columns**2).sum():
            said = [words for words, *c in mistakes if np.allclose(abc, c, 1e-8, 1e-8)]
            terms = "for f = Mx it is {:.3g} Mx + {:.3g} Mᵀx + {:.3g} MᵀMx".format(*abc)
            check.detail = ": ".join([*said, f"{terms}, needed is ½Mx + ½Mᵀx"])
        return check

    def of_the_pendulum():
        P, e = Answer(dnn.systems.pendulum(), 20), 1e-5
        quotients = [(P.U(grid + v) - P.U(grid - v)) / (2 * e) for v in e * np.eye(2)]
        check = against(P.gradient, grid, np.stack(quotients, axis=-1), "∇U(x)")
        same = np.allclose(Answer(P.f, 2).gradient(grid), P.gradient(grid), 1e-13, 0)
        if np.isfinite(check.measured) and same:
            said = "∇U is the same with 2 and with 20 nodes: take self.n of them"
            return Check("nodes", np.inf, 0.0, said)
        check.limit = 1e-8  # a difference quotient is known no better
        if not check.passed:
            asked = "is f′ taken at tx? has each node its weight?"
            check.detail = f"right for f = Mx, and not here: {asked} {check.detail}"
        return check

    def recomposed():
        f = dnn.ResidualField.random(3, 5, bias=1.0, rng=seed)
        P, x = Answer(f, 24), in_space
        needed = f(x) - P.gradient(x)
        check = against(P.sphere, x, needed, "X_S(x)")
        if check.passed or not np.isfinite(check.measured):
            return check
        X, r2 = P.sphere(x), (x * x).sum(axis=-1, keepdims=True)
        along = (x * f(x)).sum(axis=-1, keepdims=True) * x / r2
        mistakes = [
            ("the sign is wrong: f = ∇U + X_S", -needed),
            ("that is f + ∇U: X_S is what ∇U leaves of f", f(x) + P.gradient(x)),
            (
                "that is f less its part along x; the rest of it is no gradient",
                f(x) - along,
            ),
            ("that is f itself", f(x)),
            ("that is ∇U", P.gradient(x)),
        ]
        said = [words for words, y in mistakes if np.allclose(X, y, 1e-8, 1e-10)]
        check.detail = said[0] if said else check.detail
        return check

    def orthogonal():
        f = dnn.ResidualField.random(3, 5, bias=1.0, rng=seed)
        return checks.orthogonal_to_x(Answer(f, 24).sphere, in_space, limit=1e-10)

    def parts():
        said, words, claimed = [], ("gradient", "sphere", "both"), Answer.parts
        if not isinstance(claimed, dict):
            return Check("parts", np.inf, 0.0, f"parts is a dict, got {claimed!r}")
        if any(part is None for part in claimed.values()):
            raise NotImplementedError("Task 5: set parts")
        for name in ("rotation", "tanh", "pendulum", "radial"):
            P = Answer(known(name), 24)
            has = [np.abs(X).max() > 1e-8 for X in (P.gradient(x), P.sphere(x))]
            found = "both" if all(has) else "gradient" if has[0] else "sphere"
            if claimed.get(name) not in words:
                said.append(
                    f"{name}: {claimed.get(name)!r} is none of {', '.join(words)}"
                )
            elif found != claimed[name]:
                which = {
                    "gradient": "X_S = 0",
                    "sphere": "∇U = 0",
                    "both": "neither is 0",
                }
                said.append(f"{name}: not {claimed[name]}, measured is {which[found]}")
        return Check("parts", len(said), 0, "; ".join(said))

    return [
        Question("1.1 U of a cubic field", first_numbers),
        Question("1.2 U of the pendulum, two batch axes", pendulum, after="1.1"),
        Question("2.1 fewest nodes for degree m", nodes, after="1.2"),
        Question("3.1 ∇U of f = Mx", of_a_matrix, after="1.1"),
        Question("3.2 ∇U of the pendulum", of_the_pendulum, after=("1.2", "3.1")),
        Question("4.1 X_S is what ∇U leaves of f", recomposed, after="3.2"),
        Question("4.2 X_S is orthogonal to x", orthogonal, after="4.1"),
        Question("5.1 the parts of four fields", parts, after="4.2"),
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
