# %% [markdown]
# # Lab 6. A mass-preserving field
#
# Something is exchanged between four places. What flows from $j$ to $i$ is a share of
# what is at $j$,
# $$M_{ij} = R_{ij}(x)\,x_j, \qquad \operatorname{vec} R(x) = \sigma(Ax + b),$$
# with rates $R_{ij}$ between 0 and 1 ($\sigma$ is the sigmoid), $A$ of shape (16, 4),
# $b \in \mathbb{R}^{16}$ and vec row by row, $R_{ij}$ in place $4i + j$. So $x_i$
# changes by what arrives, less what leaves:
# $$X(x) = (M - M^\top)\,1.$$
# States are the last axis of an array (…, 4), with any number of batch axes in front.
#
# 1. Write $X(x)$. `z.reshape(*z.shape[:-1], 4, 4)` makes matrices of rows, and
#    `M.sum(axis=-1)` is $M1$. Why is $1^\top X = 0$?
# 2. Predict, before you run anything: all components are ≥ 0 at the start, and one
#    place may hold everything. Which of these are true, whatever $A$ and $b$ are?
#    - a: 100 steps of Euler's method with $h = 0.3$ keep the sum $1^\top x$.
#    - b: So do 100 steps with $h = 0.5$.
#    - c: So do 100 steps of RK4 with $h = 0.5$.
#    - d: 100 steps of Euler's method with $h = 0.3$ keep all components ≥ 0.
#    - e: So do 100 steps with $h = 0.5$.
#    - f: 100 steps of Euler's method with $h = 0.3$ keep $\|x\|$.
#
#    Every Runge–Kutta step is $x + h\sum_i b_iX(Y_i)$: what is its sum?
# 3. Write `longest_step`: the largest $h$ for which a step $x + hX(x)$ keeps all
#    components ≥ 0, whatever $A$ and $b$ are. At most how much leaves a place?
# 4. Write `vjp`. $\langle w, X\rangle$ is a sum over $i$ and $j$ of $M_{ij}$ times
#    what? And $x$ occurs twice: in the rates, and as the factor $x_j$.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import copy

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question


# %%
class Exchange(dnn.Field):
    """X(x) = (M − Mᵀ)1, M_ij = R_ij x_j, vec R = σ(Ax + b): the sum 1ᵀx stays."""

    dim_in = dim_out = 4

    def __init__(self, rng=0):
        normal = np.random.default_rng(rng).normal
        self.own(A=normal(size=(16, 4)), b=normal(size=16))

    def __call__(self, x):
        raise NotImplementedError("Task 1: write X(x) = (M − Mᵀ)1")

    def predictions(self):
        # return "af", if these two are true
        raise NotImplementedError("Task 2: which of a, b, c, d, e, f are true?")

    def longest_step(self):
        raise NotImplementedError("Task 3: write the longest step that keeps x ≥ 0")

    def vjp(self, x):
        raise NotImplementedError("Task 4: write the pullback of X(x) = (M − Mᵀ)1")


# %%
def compared(what, found, right, mistakes, limit=1e-6):
    """A check of what was found; mistakes: words → what each of them leads to."""
    found, right = np.asarray(found), np.asarray(right)
    size = np.linalg.norm(right)
    error = np.linalg.norm(found - right) / size
    alike = [
        words
        for words, wrong in mistakes.items()
        if np.linalg.norm(found - wrong) < 1e-5 * size
    ]
    said, needed = (np.array2string(a.ravel()[:4], precision=4) for a in (found, right))
    told = ", or ".join(alike) or f"it is {said}, needed is {needed}"
    return dnn.Check(what, error, limit, told)


def judged(said, facts):
    """A check of predictions; facts: letter → (whether it is true, what was seen)."""
    if not isinstance(said, str | set | list | tuple):
        told = f'predictions() returns letters, as "af", got {said!r}'
        return dnn.Check("predictions", np.inf, 0, told)
    said = {str(letter).lower() for letter in said}
    wrong = [letter for letter, (true, _) in facts.items() if (letter in said) != true]
    told = [f"{k} is {str(facts[k][0]).lower()}: {facts[k][1]}" for k in wrong]
    return dnn.Check("predictions", len(wrong), 0, "".join(told[:1]))


def slopes(f, at):
    """∂f by difference quotients."""
    steps = 1e-6 * np.eye(at.size)
    return np.array([(f(at + e) - f(at - e)) / 2e-6 for e in steps])


def changed(X, A, b):
    """A copy of X, with these A and b."""
    X = copy.deepcopy(X)
    X.A, X.b = A, b
    return X


def questions(X, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    x, w = rng.uniform(0.5, 2, size=(2, 3, 4)), rng.normal(size=(1, 4))
    corners, x1 = np.eye(4), x[0, :1]
    fast = changed(X, 0.0, 50.0)  # all rates are 1

    def value():
        A, b = 60 * rng.integers(-1, 2, (16, 4)), rng.choice([-90, 90], 16)
        A[::2] = 0  # these rates depend on b alone
        x = np.array([1.0, 2.0, 3.0, 4.0])

        def moved(R, arrives=1, leaves=1, of_j=True):
            y = np.zeros(4)
            for (i, j), rate in np.ndenumerate(R):
                flow = rate * x[j if of_j else i]
                y += arrives * flow * corners[i] - leaves * flow * corners[j]
            return y

        z, y = (A @ x + b).reshape(4, 4), changed(X, A, b)(x)
        R, alone = np.heaviside(z, 0.5), np.heaviside(A @ x, 0.5).reshape(4, 4)
        mistakes = {
            "the sign is wrong: X = (M − Mᵀ)1": -moved(R),
            "what leaves is missing: Mᵀ1": moved(R, leaves=0),
            "what arrives is missing: M1": moved(R, arrives=0),
            "what leaves has the wrong sign: it is (M + Mᵀ)1": moved(R, leaves=-1),
            "M_ij is R_ij x_j: here it is R_ij x_i": moved(R, of_j=False),
            "R is transposed: R_ij is in place 4i + j": moved(R.T),
            "the factor x_j of the rates is missing": (R - R.T).sum(axis=-1),
            "σ is tanh here: rates are between 0 and 1, σ(z) = 1/(1 + exp(−z))": moved(
                2 * R - 1
            ),
            "σ(−z) stands for σ(z) = 1/(1 + exp(−z))": moved(1 - R),
            "σ is missing: R = σ(Ax + b)": moved(z),
            "b is missing in the rates": moved(alone),
        }
        return compared("value", y, moved(R), mistakes, 1e-10)

    def of_a_batch():
        alone = np.reshape([X(state) for state in x.reshape(-1, 4)], x.shape)
        gap = np.abs(X(x) - alone).max()
        return dnn.Check("batch", gap, 1e-12, "a state has another value than alone")

    def the_sum():
        return checks.invariant(dnn.Flow(X, 0.3), dnn.Mass(), x, steps=10)

    def predictions():
        Y = changed(X, 0.3 * X.A, 2 + 0.3 * X.b)

        def path(h, method=dnn.Euler()):
            return dnn.Rollout(dnn.Flow(Y, h, method), 100)(corners)

        def kept(total, states):
            drift = np.abs(total(states) - total(corners)[:, None]).max()
            return drift < 1e-12, f"it moves by {drift:.1e}"

        def positive(states):
            least = states.min()
            return least >= -1e-12, f"the smallest component met is {least:.2g}"

        short, long = path(0.3), path(0.5)
        facts = {
            "a": kept(dnn.Mass(), short),
            "b": kept(dnn.Mass(), long),
            "c": kept(dnn.Mass(), path(0.5, dnn.RK4())),
            "d": positive(short),
            "e": positive(long),
            "f": kept(dnn.SquaredNorm(), short),
        }
        return judged(X.predictions(), facts)

    def after_a_step(h):
        return (corners + h * fast(corners)).min()

    def holds():
        h = X.longest_step()
        if np.ndim(h) or np.asarray(h).dtype.kind not in "fiu":
            told = f"longest_step() returns a number, got {h!r}"
            return dnn.Check("it holds", np.inf, 0, told)
        least = after_a_step(h)
        told = (
            f"h = {h}: with all rates 1 and all at one place, {least:.2g} is left there"
        )
        return dnn.Check("it holds", max(0.0, -least), 1e-12, told)

    def longest():
        h = X.longest_step()
        told = f"h = {h} keeps x ≥ 0, and so does {1.01 * h:.4g}, whatever the rates"
        return dnn.Check("longest", after_a_step(1.01 * h), 0, told)

    def pulled():
        """dx and db of one state, and what db should be."""
        dx, dtheta = X.vjp(x1)[1](w)
        u = slopes(lambda b: (w * changed(X, X.A, b)(x1)).sum(), X.b)
        return dx, X.unpack(dtheta)["b"], u

    def of_b():
        if not np.allclose(X.vjp(x1)[0], X(x1), rtol=1e-12):
            told = "vjp(x) and X(x) give different values"
            return dnn.Check("value", np.inf, 0, told)
        _, db, u = pulled()
        R, (i, j) = dnn.Sigmoid()(x1 @ X.A.T + X.b)[0], np.divmod(np.arange(16), 4)
        slope, x_i, x_j, w_i, w_j = R * (1 - R), x1[0, i], x1[0, j], w[0, i], w[0, j]
        no_slope = "the slope σ′ = R(1 − R) is missing"
        twice = "M occurs twice, as M and as Mᵀ: M_ij is multiplied by more than"
        mistakes = {
            no_slope: u / slope,
            "the slope is R(1 − R): here it is 1 − R²": u / slope * (1 - R * R),
            "the slope is σ′ at Ax + b: here it is at R": u
            / slope
            * dnn.Sigmoid().slope(R),
            "the sign is wrong, or i and j are exchanged": -u,
            f"{twice} w_i": slope * x_j * w_i,
            f"{twice} −w_j": -slope * x_j * w_j,
            "the factor x_j of the rates is missing": u / x_j,
            "M_ij is R_ij x_j: here it is R_ij x_i": u / x_j * x_i,
            "A stands before b in θ: pack(A=…, b=…)": np.outer(u, x1)[12:].ravel(),
            "it is zero: is it in pack(A=…, b=…)?": 0 * u,
        }
        return compared("db", db, u, mistakes)

    def of_x():
        dx, _, u = pulled()
        right = slopes(lambda x: (w * X(x)).sum(), x1[0])[None]
        rates = u @ X.A
        R = dnn.Sigmoid()(x1 @ X.A.T + X.b).reshape(4, 4)
        over_j = ((w.T - w) * R).sum(axis=1)
        twice = "x occurs twice, and its share"
        mistakes = {
            f"{twice} in the rates R(x) is missing": right - rates,
            f"{twice} as the factor x_j is missing": rates,
            f"{twice} as the factor x_j is a sum over i: here it is over j": rates
            + over_j,
            f"{twice} as the factor x_j has w_j − w_i for w_i − w_j": 2 * rates - right,
            f"{twice} in the rates R(x) has the wrong sign": right - 2 * rates,
            "the term w is one too many: X is a field, and not a step": right + w,
        }
        return compared("dx", dx, right, mistakes)

    flow = dnn.Flow(X, 0.3, dnn.Heun(), steps=2)
    return [
        Question("1.1 value, where all rates are 0 or 1", value),
        Question("1.2 value, two batch axes", of_a_batch, after="1.1"),
        Question("1.3 ten steps of Euler's keep the sum", the_sum, after="1.2"),
        Question("2.1 predictions", predictions, after="1.3"),
        Question("3.1 the longest step keeps x ≥ 0", holds, after="1.2"),
        Question("3.2 no longer step does", longest, after="3.1"),
        Question("4.1 gradient of b, one state", of_b, after="1.2"),
        Question("4.2 dx, one state", of_x, after="4.1"),
        Question(
            "4.3 adjoint, one batch axis", lambda: checks.adjoint(X, x[0]), after="4.2"
        ),
        Question(
            "4.4 adjoint, two batch axes", lambda: checks.adjoint(X, x), after="4.3"
        ),
        Question(
            "4.5 Taylor test of two Heun steps",
            lambda: checks.taylor(flow, x),
            after="4.4",
        ),
    ]


# %% [markdown]
# ## A picture to predict
#
# All rates are 1, and place 1 holds everything at the start: $x = (1, 0, 0, 0)$, and
# $X(x)_i = 1^\top x - 4x_i$. **Before you run it:** sketch $x_1$ and $x_2$ over ten
# steps of Euler's method, for $h = 0.2$, $0.3$ and $0.5$. Where do they go, and which
# number stays the same in all three?
#
# `picture(Exchange())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/6_a_mass_preserving_field.py`, once question 1.3 is right.


# %%
def picture(X):
    """What was predicted: what is at each place, step by step, and the sum."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    X, start = copy.deepcopy(X), np.eye(4)[:1]
    X.A, X.b = 0.0, 50.0  # all rates are 1
    with plt.style.context(plotting.STYLE):
        _, axes = plt.subplots(1, 3, sharey=True, figsize=(14, 5))
        for ax, h in zip(axes, (0.2, 0.3, 0.5)):
            path = dnn.Rollout(dnn.Flow(X, h), 10)(start)
            x = np.concatenate([start[:, None], path], axis=1)[0]
            ax.plot(x.sum(axis=-1), "k:", label="the sum")
            ax.plot(x[:, 0], "o-", label="$x_1$")
            ax.plot(x[:, 1], "s-", label="$x_2 = x_3 = x_4$")
            ax.axhspan(-0.7, 0, color="0.9", label="less than nothing")
            ax.set(
                xlabel="step of Euler's method", title=f"$h = {h}$", ylim=(-0.7, 1.2)
            )
        axes[0].set_ylabel("what a place holds")
        axes[1].legend(loc=(0.25, 0.5))
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Exchange())).exit()
