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
# 5. Predict $\|A\|_F/\|A\|_2$ and $\sqrt{\|A\|_1\|A\|_\infty}/\|A\|_2$, two more bounds
#    from above ($\|A\|_1$: the largest sum of absolute values in a column;
#    $\|A\|_\infty$: in a row), for $I$ of order 9, for the 9×9 matrix of ones, and for
#    the matrix `H` below. Which matrices have $\|A\|_F = \|A\|_2$? Set `ratios`.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

from dynsys_nn import checks
from dynsys_nn.checks import Check, Question

H = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


# %%
class Norms:
    """The spectral norm from below, its gradient, and from above."""

    # Task 5: replace each None by two numbers, ‖A‖_F and √(‖A‖₁‖A‖_∞) over ‖A‖₂
    ratios = {"identity": None, "ones": None, "H": None}

    def power(self, A, v, steps):
        raise NotImplementedError("Task 1: write s, u, v after this many steps")

    def gradient(self, A, v, steps):
        raise NotImplementedError("Task 2: write the gradient of ‖A‖₂")

    def hidden(self, v):
        raise NotImplementedError("Task 3: write a matrix with a hidden norm")

    def bound(self, A, k):
        raise NotImplementedError("Task 4: write the bound of the Gram iteration")


# %%
def norm(A):
    """‖A‖₂."""
    return np.linalg.svd(A, compute_uv=False)[0]


def frozen(a):
    """A copy that cannot be changed."""
    a = np.array(a, float)
    a.flags.writeable = False
    return a


def near(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-8, atol=1e-10)


def close(G, B):
    """Equal, as far as differences know."""
    return np.allclose(G, B, rtol=1e-5, atol=1e-7)


def matrix(rng, singular_values, shape):
    """A random matrix with these singular values."""
    m, n = shape
    U, V = (np.linalg.qr(rng.normal(size=(k, k)))[0] for k in shape)
    S = np.zeros(shape)
    np.fill_diagonal(S, singular_values)
    return U @ S @ V


class NoAnswer(Exception):
    """What is wrong with an answer in which there is no number to measure."""


def said_of(ask):
    """ask, with a check that failed for a NoAnswer."""

    def asked():
        try:
            return ask()
        except NoAnswer as words:
            return Check("answer", np.inf, 0.0, words)

    return asked


def array_of(found, shape, name):
    """What was found, as an array; NoAnswer unless it has that shape, and is finite."""
    if found is None:
        raise NoAnswer(f"{name} is None: is there a return?")
    try:
        array = np.array(found, float)
    except (TypeError, ValueError):
        raise NoAnswer(f"{name} is a {type(found).__name__}, not numbers") from None
    if array.shape != shape:
        raise NoAnswer(f"{name} has shape {array.shape}, needed is {shape}")
    if not np.isfinite(array).all():
        words = "is not finite: does a number overflow, or is there 0/0?"
        raise NoAnswer(f"{name} {words}")
    return array


def questions(answer, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    tall = matrix(rng, [5, 2, 1], (5, 3))
    square = matrix(rng, [4, 1.5, 1, 0.5], (4, 4))
    start = rng.normal(size=(2, 6))

    def power(A, v, steps):
        """s, u, v of the answer."""
        with np.errstate(all="ignore"):
            found = answer.power(frozen(A), frozen(v), steps)
        if found is None:
            raise NoAnswer("power returns s, u, v, got None: is there a return?")
        if not isinstance(found, tuple | list) or len(found) != 3:
            got = (
                len(found) if isinstance(found, tuple | list) else type(found).__name__
            )
            raise NoAnswer(f"power returns s, u, v, three things, got {got}")
        if len(A) != A.shape[1] == np.size(found[1]):
            raise NoAnswer("u and v are exchanged: u = Av/‖Av‖ is as long as a column")
        return map(array_of, found, ((), A.shape[:1], A.shape[1:]), "suv")

    def one_step():
        A, v = np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([1.0, 1.0])
        (s, _, _), true = power(A, v, 1), (65 / 17) ** 0.5
        mistakes = [
            ("that is s after no step, of v₀", (5 / 2) ** 0.5),
            ("that is s after two steps", (1025 / 257) ** 0.5),
            ("that is s²: s = ‖Av‖, not ‖Av‖²", 65 / 17),
            ("that is ‖AᵀAv‖ = s² at last, and s = ‖Av‖", (257 / 17) ** 0.5),
            ("that is ‖AᵀAv₀‖, which tends to s², and s = ‖Av₁‖", (17 / 2) ** 0.5),
            ("that is ‖AᵀAv₀‖^½, and s = ‖Av₁‖", (17 / 2) ** 0.25),
            ("that is ‖Aᵀu₀‖, half a step early: s = ‖Av₁‖", (17 / 5) ** 0.5),
            ("v goes on by A, to an eigenvalue: it goes on by AᵀA", (8 / 5) ** 0.5),
            ("that is vᵀAv, and s = ‖Av‖", 12 / 17),
            ("AAᵀ stands where AᵀA belongs", (20 / 17) ** 0.5),
            ("that is ‖A‖₂, exact, and no power iteration", 2),
            ("v₁ is not divided by its length", (65 / 2) ** 0.5),
            ("v₀ and v₁ are not divided by their lengths", 65**0.5),
        ]
        said = [words for words, c in mistakes if near(s, c)]
        said.append(f"s = {s:.6g}, not {true:.6g}, A = [[0, 2], [1, 0]], v = (1, 1)")
        return Check("s", abs(s - true), 1e-12, ": ".join(said))

    def triple():
        worst, said = 0.0, ""
        for A, v in (
            (tall, start[0, :3]),
            (tall.T, start[0, :5]),
            (square, start[0, :4]),
        ):
            s, u, v = power(A, v, 60)
            errors = {
                "v does not have length 1": abs(np.linalg.norm(v) - 1),
                "u does not have length 1": abs(np.linalg.norm(u) - 1),
                "Av = su does not hold": np.linalg.norm(A @ v - s * u),
                "Aᵀu = sv does not hold": np.linalg.norm(A.T @ u - s * v),
            }
            wrong = [words for words, error in errors.items() if not error < 1e-10]
            if wrong and not said:
                said = f"{wrong[0]}, after 60 steps, A of shape {A.shape}"
            worst = max(worst, *errors.values())
        return Check("s, u, v", worst, 1e-10, said)

    def below():
        A, v = matrix(rng_of(1), np.linspace(1, 2, 6), (6, 6)), start[1]
        s = np.array([next(power(A, v, k)) for k in (0, 1, 2, 5, 10, 20)])
        falls = np.max(s[:-1] - s[1:])
        said = "s falls from step to step; it may only grow"
        return Check("s", max(falls, s[-1] - norm(A)), 1e-12, said)

    def large():
        s, _, _ = power(1e50 * tall, start[0, :3], 60)
        said = "s for 10⁵⁰A is not 10⁵⁰ times that for A"
        return Check("s", abs(s / 5e50 - 1), 1e-10, said)

    def rng_of(k):
        return np.random.default_rng([seed, k])

    def gradient(A):
        v = start[0, : A.shape[1]]
        G = answer.gradient(frozen(A), frozen(v), 100)
        if np.shape(G) == A.T.shape != A.shape:
            raise NoAnswer("the gradient is transposed: it has the shape of A")
        G = array_of(G, A.shape, "the gradient")
        units = 1e-6 * np.eye(A.size).reshape(-1, *A.shape)
        true = [(norm(A + E) - norm(A - E)) / 2e-6 for E in units]
        true = np.reshape(true, A.shape)
        error, s = np.linalg.norm(G - true), norm(A)
        mistakes = [
            ("it is transposed: u vᵀ, not v uᵀ", true.T),
            ("the sign is wrong", -true),
            ("a factor s too many", s * true),
            ("that is the gradient of s²", 2 * s * true),
            ("a factor 2 too many", 2 * true),
            ("divided by s: that is the gradient of log s", true / s),
            ("that is the gradient of ‖A‖_F", A / np.linalg.norm(A)),
        ]
        said = [w for w, B in mistakes if np.shape(B) == A.shape and close(G, B)]
        rank = np.linalg.matrix_rank(G, 1e-6)
        if not said and rank != 1:
            said = [f"u vᵀ has rank 1, this has {rank}"]
        said.append(f"off by {error:.2g} from differences")
        return Check("gradient", error, 1e-7, "; ".join(said))

    def hidden():
        v = start[1, :5]
        A = array_of(answer.hidden(frozen(v)), (5, 5), "the matrix")
        if not A.any():
            raise NoAnswer("that is the matrix 0, of norm 0: nothing is hidden")
        with np.errstate(all="ignore"):
            s, _, found = answer.power(frozen(A), frozen(v), 5)
        S, Vt = np.linalg.svd(A)[1:]
        said = f"{s:.3g} is found of ‖A‖₂ = {S[0]:.3g}"
        v = v / np.linalg.norm(v)
        if not np.isfinite(s) or np.linalg.norm(A @ v) < 1e-12 * S[0]:
            said = "Av = 0: what goes on is 0/0, or rounding errors"
        elif abs(Vt[0] @ v) > 1e-10:
            said += "; Av sees its first singular vector, which is not orthogonal to v"
        elif abs(Vt[0] @ found) > 1e-6:
            said += "; rounding errors grow by (s₁/s₂)² a step until they see it"
        elif S[0] < 10 * s:
            said += "; it is not seen, and should be larger"
        return Check("hidden", s / S[0], 0.1, said)  # NaN fails, too

    def bound(A, k):
        """The bound of the answer."""
        with np.errstate(all="ignore"):
            return array_of(answer.bound(frozen(A), k), (), f"the bound for k = {k}")

    def first_bounds():
        A = np.array([[1.0, 2.0], [0.0, 2.0]])
        found = [bound(A, k) for k in range(4)]

        def grams(first, product):
            G = [first]
            for _ in range(4):
                G.append(product(G[-1]))
            return np.linalg.norm(G, axis=(1, 2))

        K, roots = grams(A, lambda G: G.T @ G), 0.5 ** np.arange(5)
        needed = (K**roots)[:4]
        squares = grams(A, lambda G: G @ G) ** roots
        lengths = np.cumprod(K[:4] / np.append(1, K[:3]) ** 2)  # of HᵀH
        products = grams(A.T @ A, lambda G: A.T @ A @ G)[:3] ** [1 / 2, 1 / 4, 1 / 6]
        mistakes = [
            ("the root is missing", K[:4]),
            ("‖G_j‖_F is squared in each step: 2r_j + …", lengths ** roots[:4]),
            ("that is its logarithm", np.log(needed)),
            ("one step too many: G₀ is A itself", (K**roots)[1:]),
            ("a step too many, and its root is missing", K[1:] ** roots[:4]),
            ("a step too few, or too high a root", (K ** (roots / 2))[:4]),
            (
                "the root of order 2ᵏ⁻¹ stands where that of order 2ᵏ belongs",
                K[:4] ** (2 * roots[:4]),
            ),
            ("that is ‖A‖_F for every k", K[[0, 0, 0, 0]]),
            ("that is ‖A‖₂, exact, and no Gram iteration", np.full(4, norm(A))),
            ("GG stands where GᵀG belongs, which tends to an eigenvalue", squares[:4]),
            (
                "that is of (AᵀA)ᵏ: G is multiplied by itself, not by AᵀA",
                [K[0], *products],
            ),
        ]
        errors = np.abs(found - needed)
        k = int(np.argmax(errors > 1e-12))
        said = [words for words, c in mistakes if near(found, c)]
        said.append(f"k = {k}: {found[k]:.6g}, needed is {needed[k]:.6g}")
        return Check("bound", errors.max(), 1e-12, ": ".join(said))

    def above():
        gaps = []
        for A in (tall / 5, tall.T / 5, square / 4, matrix(rng_of(2), 1, (4, 4))):
            found = [bound(A, k) for k in range(9)]
            gaps.append(np.array(found) / norm(A) - 1)
        low, high = np.min(gaps), np.max(np.array(gaps)[:, -1])
        if low < -1e-12:
            k = int(np.argmin(np.min(gaps, axis=0)))
            times = f"{1 + low:.6g} times ‖A‖₂"
            raise NoAnswer(f"k = {k}: the bound is {times}, and so none")
        said = f"k = 8 gives {1 + high:.6g} times ‖A‖₂ at most"
        return Check("bound", high, 0.01, said)

    def no_overflow():
        found = [bound(c * square, k) for c in (1e60, 1e-60) for k in (12, 30)]
        true = norm(square) * np.array([1e60, 1e60, 1e-60, 1e-60])
        error = np.abs(found / true - 1).max()
        said = f"A·10^±60: k = 12 and 30 are off by up to {error:.1e}"
        if 0.1 < found[0] < 10:
            said += "; what G is divided by has to come back, by its root"
        return Check("bound", error, 1e-3, said)

    def ratios():
        matrices = {"identity": np.eye(9), "ones": np.ones((9, 9)), "H": H}
        if not isinstance(answer.ratios, dict):
            raise NoAnswer(f"ratios is a dict, got {answer.ratios!r}")
        if any(ratio is None for ratio in answer.ratios.values()):
            raise NotImplementedError("Task 5: set ratios")
        said = []
        for name, A in matrices.items():
            rows_and_columns = np.linalg.norm(A, 1) * np.linalg.norm(A, np.inf)
            true = [np.linalg.norm(A) / norm(A), rows_and_columns**0.5 / norm(A)]
            claimed = array_of(
                answer.ratios.get(name, ()), (2,), f"what is said of {name}"
            )
            pairs = zip(("‖A‖_F", "√(‖A‖₁‖A‖_∞)"), claimed, true, strict=True)
            wrong = [bound for bound, a, b in pairs if not np.isclose(a, b, 1e-3)]
            if wrong and np.allclose(claimed[::-1], true):
                said.append(f"{name}: ‖A‖_F comes first")
            elif wrong:
                said.append(f"{name}: look at {' and '.join(wrong)}")
        return Check("ratios", len(said), 0, "; ".join(said))

    sheet = [
        Question("1.1 s after one step", one_step),
        Question("1.2 s, u, v after 60 steps", triple, after="1.1"),
        Question("1.3 s grows, and stays below ‖A‖₂", below, after="1.1"),
        Question("1.4 a large matrix", large, after="1.2"),
        Question(
            "2.1 gradient, A of shape (5, 3)", lambda: gradient(tall), after="1.2"
        ),
        Question(
            "2.2 gradient, A of shape (4, 4)", lambda: gradient(square), after="2.1"
        ),
        Question("3.1 a norm that is not found", hidden, after=("1.2", "1.3")),
        Question("4.1 three bounds of a matrix", first_bounds),
        Question("4.2 above ‖A‖₂, and near it", above, after="4.1"),
        Question("4.3 no overflow", no_overflow, after="4.2"),
        Question("5.1 two more bounds", ratios),
    ]
    for question in sheet:
        question.ask = said_of(question.ask)
    return sheet


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
            bounds = [answer.bound(A, k) / norm(A) for k in steps]
            found = [answer.power(A, start, k)[0] / norm(A) for k in steps]
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
