# %% [markdown]
# # Lab 11. Power iteration, and why it certifies nothing
#
# $\|A\|_2$ is the largest singular value of $A$. From a start $v$ power iteration goes
# $$v_0 = \frac{v}{\|v\|}, \qquad v_k = \frac{A^\top Av_{k-1}}{\|A^\top Av_{k-1}\|},
# \qquad s_k = \|Av_k\|, \quad u_k = \frac{Av_k}{s_k}.$$
# A certificate needs a number that is *at least* $\|A\|_2$. But $s_k = \|Av_k\|$ with
# $\|v_k\| = 1$ is at most $\|A\|_2$, for every $k$.
#
# 1. Write `power`: $s_k, u_k, v_k$ for $k$ = steps. Do not change $v$.
# 2. Write `gradient`, $\partial\|A\|_2/\partial A$, an array of the shape of $A$, with
#    `self.power`: where $s$ is simple, $\mathrm ds = u^\top(\mathrm dA)\,v$.
# 3. Somebody certifies networks with the norms that 5 steps find, always from the same
#    start $v$ (a seed makes it so). Write `hidden`: a square matrix, made for that $v$,
#    whose norm is at least 10 times what is found. What do $Av$ and $A^\top Av$ know
#    of a vector that is orthogonal to $v$? (Do not let $Av$ be 0, which would be
#    noticed; and do not exaggerate, rounding errors grow, too.)
# 4. Write `bound`, from above: $\|A\|_2^{2^k} \le \|G_k\|_F$ with the Gram iteration
#    $G_0 = A$, $G_{j+1} = G_j^\top G_j$, so $\|A\|_2 \le \|G_k\|_F^{2^{-k}}$ (Delattre
#    et al., arXiv:2305.16173). The entries of $G_k$ overflow soon: keep
#    $G_j = e^{r_j}H_j$ with $\|H_j\|_F = 1$, and find $r_{j+1}$ from $r_j$.
# 5. Two more bounds from above are $\|A\|_F$ and $\sqrt{\|A\|_1\|A\|_\infty}$
#    ($\|A\|_1$: the largest sum of absolute values in a column; $\|A\|_\infty$: in a
#    row). Predict for which matrices $\|A\|_F = \|A\|_2$: (a) $I$ of order 9, (b) the
#    9×9 matrix of ones, (c) the matrix `H` below; and for which the other bound is
#    equal to $\|A\|_2$: (d) $I$, (e) ones, (f) `H`. Set `sharp`.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np
from numpy.linalg import norm

from dynsys_nn import checks
from dynsys_nn.checks import Check, Question

H = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


# %%
class Norms:
    """The spectral norm from below, its gradient, and from above."""

    sharp = None  # Task 5: replace None by letters, such as "ac"

    def power(self, A, v, steps):
        raise NotImplementedError("Task 1: write s, u, v after this many steps")

    def gradient(self, A, v, steps):
        raise NotImplementedError("Task 2: write the gradient of ‖A‖₂")

    def hidden(self, v):
        raise NotImplementedError("Task 3: write a matrix with a hidden norm")

    def bound(self, A, k):
        raise NotImplementedError("Task 4: write the bound of the Gram iteration")


# %%
def frozen(a):
    """A copy that cannot be changed."""
    a = np.array(a, float)
    a.flags.writeable = False
    return a


def matrix(rng, m, S):
    """Random, m × len(S), with singular values S."""
    U, V = (np.linalg.qr(rng.normal(size=(k, len(S))))[0] for k in (m, len(S)))
    return frozen(U * S @ V)


def questions(answer, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    tall = matrix(rng, 5, [5, 2, 1])
    square = matrix(rng, 4, [4, 1.5, 1, 0.5])
    slow = matrix(rng, 6, np.linspace(1, 2, 6))
    start = frozen(rng.normal(size=6))

    def power(A, steps, v=start):
        with np.errstate(all="ignore"):
            s, u, v = answer.power(A, v[: A.shape[1]], steps)
        return s, u, v

    def one_step():  # v₀ = (0.6, 0.8), v₁ = (3, 16)/√265, Av₁ = (32, 3)/√265
        A, v = frozen([[0, 2], [1, 0]]), frozen([3, 4])
        mistakes = {
            "that is ‖Av₀‖: a step too few, or s is not of the last v": 2.92**0.5,
            "v goes on by AA: it goes on by AᵀA": 2.92**0.5,
            "that is the root of ‖AᵀAv₁‖, not ‖Av₁‖": (4105 / 265) ** 0.25,
            "that is s after two steps": (16393 / 4105) ** 0.5,
            "that is s²: s = ‖Av‖, not ‖Av‖²": 1033 / 265,
            "that is ‖AᵀAv₀‖, which tends to s²": 10.6**0.5,
            "v goes on by A, to an eigenvalue: it goes on by AᵀA": (4 / 2.92) ** 0.5,
            "AAᵀ stands where AᵀA belongs": 1.3**0.5,
            "that is ‖A‖₂, exact, and no power iteration": 2,
            "v₁ is not divided by its length": 41.32**0.5,
            "v₀ and v₁ are not divided by their lengths": 1033**0.5,
        }
        found = power(A, 1, v)[0]
        return checks.compared("s", found, (1033 / 265) ** 0.5, mistakes)

    def triple():
        for A in (tall, tall.T, square):
            s, u, v = power(A, 60)
            if len(A) != A.shape[1] == np.size(u):
                return Check("u", np.inf, 0, "u and v are exchanged: u = Av/‖Av‖")
            errors = {
                "v does not have length 1": abs(norm(v) - 1),
                "u does not have length 1": abs(norm(u) - 1),
                "Av = su does not hold": norm(A @ v - np.multiply(s, u)),
                "Aᵀu = sv does not hold": norm(A.T @ u - np.multiply(s, v)),
            }
            wrong = [words for words, error in errors.items() if not error < 1e-10]
            if wrong and s == power(A, 1)[0]:
                wrong = ["as after 1 step: return in the loop, or u not renewed?"]
            check = Check("s, u, v", max(errors.values()), 1e-10, "".join(wrong[:1]))
            if wrong:
                break
        return check

    def below():
        right = norm(slow @ start)
        said = {"v₀ is not divided by its length": right}
        check = checks.compared("s", power(slow, 0)[0], right / norm(start), said)
        if not check.passed:
            check.detail = f"after no step: {check.detail}"
            return check
        s = np.array([power(slow, k)[0] for k in (0, 1, 2, 5, 10, 20)])
        said = "s falls from step to step; it may only grow"
        return Check("s", max(np.max(s[:-1] - s[1:]), s[-1] - 2), 1e-12, said)

    def large():
        check = checks.compared("s", power(frozen(1e50 * tall), 60)[0] / 1e50, 5)
        check.detail = f"is v divided in each step? For 10⁵⁰A, s/10⁵⁰: {check.detail}"
        return check

    def gradient():
        units, s = 1e-6 * np.eye(15).reshape(15, 5, 3), norm(tall, 2)
        true = [(norm(tall + E, 2) - norm(tall - E, 2)) / 2e-6 for E in units]
        true = np.reshape(true, (5, 3))
        mistakes = {
            "the sign is wrong": -true,
            "a factor s too many": s * true,
            "a factor 1/s too many": true / s,
            "that is the gradient of s²": 2 * s * true,
            "that is A/‖A‖₂, as for the length of a vector": tall / s,
        }
        found = answer.gradient(tall, start[:3], 100)
        return checks.compared("gradient", found, true, mistakes, 1e-7)

    def hidden():
        v = frozen(start[:5])
        A = answer.hidden(v)
        check = checks.compared("A", A, np.ones((5, 5)))
        if check.measured == np.inf:
            return check
        s, _, found = power(frozen(A), 5, v)
        S, Vt = np.linalg.svd(A)[1:]
        said = "it is not seen, and should be larger"
        if not np.isfinite(s) or norm(A @ v) <= 1e-12 * S[0]:
            said = "Av = 0: what goes on is 0/0, or rounding errors"
        elif abs(Vt[0] @ v) > 1e-10:
            said = "Av sees its first singular vector, which is not orthogonal to v"
            of_unit = np.linalg.svd(answer.hidden(frozen(v / norm(v))))[2]
            if abs(of_unit[0] @ v) < 1e-10:
                said += ": right for ‖v‖ = 1, so is v divided by ‖v‖?"
        elif abs(Vt[0] @ found) > 1e-6:
            said = "rounding errors grow by (s₁/s₂)² a step until they see it"
        said = f"{s:.3g} is found of ‖A‖₂ = {S[0]:.3g}: {said}"
        return Check("hidden", np.divide(s, S[0]), 0.1 + 1e-9, said)  # NaN fails, too

    def bounds(A, steps):
        with np.errstate(all="ignore"):
            return [answer.bound(frozen(A), k) for k in steps]

    def first_bounds():
        k, root = np.arange(4), 0.5 ** np.arange(4)  # ‖G_k‖_F = 2 · 3^(2^k) for A = 3I
        mistakes = {
            "the root is missing": 2.0 * 3 ** (2**k),
            "that is its logarithm": np.log(3 * 2**root),
            "one step too many: G₀ is A itself": 3 * 2 ** (root / 2),
            "a step too many, and its root is missing": 9 * 2**root,
            "a step too few, or too high a root": (3 * 2**root) ** 0.5,
            "a step too few, as by range(k − 1)": [6, *(3 * 4 ** root[1:]) ** 0.5],
            "the root is of order 2k: it is of order 2ᵏ": [
                np.inf,
                *(2 * 3**2 ** k[1:]) ** (0.5 / k[1:]),
            ],
            "‖G_j‖_F is squared in each step: 2r_j + …": (6 * root) ** root,
            "what is added to 2r_j is doubled, too": 1.5 * 4**root,
            "that is ‖A‖_F for every k": [6, 6, 6, 6],
            "r₀ = log ‖A‖_F is missing": 2**root / 2,
            "the norm of G is added, not its logarithm": 6 * np.exp((1 - root) / 2),
            "that is of k = 1: is return in the loop?": 3 * 2 ** root[[0, 1, 1, 1]],
            "that is ‖A‖₂ for every k: is the norm ‖·‖_F?": [3, 3, 3, 3],
        }
        found = bounds(3 * np.eye(4), range(4))  # k as Python's integers
        check = checks.compared("bound", found, 3 * 2**root, mistakes)
        if not check.passed:
            check.detail += " (A = 3I of order 4, k = 0 to 3)"
            return check
        A = np.array([[1.0, 2.0], [0.0, 2.0]])  # ‖G_k‖_F^(1/2ᵏ) by singular values, too
        needed = [norm(np.linalg.svd(A)[1], 2 ** (j + 1)) for j in k]
        squares = [norm(np.linalg.matrix_power(A, 2**j)) ** 0.5**j for j in k]
        mistakes = {"GG stands where GᵀG belongs, as for an eigenvalue": squares}
        return checks.compared("bound", bounds(A, range(4)), needed, mistakes)

    def above():
        isotropic = matrix(rng, 4, [2, 2, 2, 2])
        found = [bounds(A / norm(A, 2), range(9)) for A in (tall, tall.T, isotropic)]
        low, high = np.min(found), np.max(found, axis=0)[-1]
        if low < 1 - 1e-12:
            said = f"{low:.6g} times ‖A‖₂ is claimed, which is no bound"
            return Check("bound", 1 - low, 1e-12, said)
        return Check("bound", high - 1, 0.01, f"k = 8: up to {high:.6g} times ‖A‖₂")

    def no_overflow():
        found = [np.divide(bounds(c * square, (12, 30)), 4 * c) for c in (1e60, 1e-60)]
        check = checks.compared("bound", found, np.ones((2, 2)), limit=1e-3)
        said = "does a number overflow? What G is divided by comes back, by its root."
        check.detail = f"{said} A·10^±60, k = 12 and 30, bound/‖A‖₂: {check.detail}"
        return check

    def sharp():
        facts = {}
        for (one, other), A in ("ad", np.eye(9)), ("be", np.ones((9, 9))), ("cf", H):
            rows_columns = norm(A, 1) * norm(A, np.inf)
            for letter, bound in ((one, norm(A)), (other, rows_columns**0.5)):
                ratio = bound / norm(A, 2)
                facts[letter] = abs(ratio - 1) < 1e-9, f"it is {ratio:.3g} times ‖A‖₂"
        return checks.predicted("sharp", answer.sharp, dict(sorted(facts.items())))

    return [
        Question("1.1 s after one step", one_step),
        Question("1.2 s, u, v after 60 steps", triple, after="1.1"),
        Question("1.3 s grows, and stays below ‖A‖₂", below, after="1.2"),
        Question("1.4 a large matrix", large, after="1.2"),
        Question("2.1 gradient, A of shape (5, 3)", gradient, after="1.2"),
        Question("3.1 a norm that is not found", hidden, after=("1.2", "1.3")),
        Question("4.1 the first bounds of two matrices", first_bounds),
        Question("4.2 above ‖A‖₂, and near it", above, after="4.1"),
        Question("4.3 no overflow", no_overflow, after="4.2"),
        Question("5.1 where two more bounds are sharp", sharp),
    ]


# %% [markdown]
# ## A picture to predict
#
# **Before you run it:** sketch $s_k$ and your bound after $k = 0, \dots, 12$ steps, for
# a matrix of $30 \times 30$ random numbers. Then $s_k$ for the matrix that hides its
# norm from 5 steps: in exact arithmetic it stays hidden. On a computer, with 16 digits?
#
# `picture(Norms())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/11_power_iteration.py`, once tasks 1, 3 and 4 are right.


# %%
def picture(answer):
    """What was predicted: a norm from below and from above, step by step."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    rng, steps = np.random.default_rng(0), range(13)
    v, B, w = rng.normal(size=30), rng.normal(size=(30, 30)), rng.normal(size=5)
    matrices = {"random": (B, v), "with a hidden norm": (answer.hidden(w), w)}
    with plt.style.context(plotting.STYLE):
        _, axes = plt.subplots(1, 2, figsize=(13, 5.5))
        for ax, (name, (A, start)) in zip(axes, matrices.items()):
            bounds = [answer.bound(A, k) / np.linalg.norm(A, 2) for k in steps]
            found = [answer.power(A, start, k)[0] / np.linalg.norm(A, 2) for k in steps]
            ax.plot(steps, bounds, "v-", label="Gram iteration, from above")
            ax.plot(steps, found, "^-", label="power iteration, from below")
            ax.axhline(1, color="black", linestyle=":", label=r"$\|A\|_2$")
            ax.set(
                title=name,
                xlabel="steps $k$",
                ylabel=r"found, over $\|A\|_2$",
                ylim=(0, None),
            )
        axes[0].legend()
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Norms())).exit()
