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
def changed(X, A, b):
    """A copy of X, with these A and b."""
    X = copy.deepcopy(X)
    X.A, X.b = A, b
    return X


def slopes(f, at):
    """∂f by difference quotients."""
    steps = 1e-6 * np.eye(at.size)
    return np.array([(f(at + e) - f(at - e)) / 2e-6 for e in steps])


def questions(X, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    x, w = rng.uniform(0.5, 2, size=(2, 3, 4)), rng.normal(size=(1, 4))
    at, x1, w1, corners, sigma = x[0, 0], x[0, :1], w[0], np.eye(4), dnn.Sigmoid()
    fast = changed(X, 0.0, 50.0)  # all rates are 1
    i, j = np.divmod(np.arange(16), 4)  # what is in place 4i + j of vec R
    to, of = corners[i], corners[j]
    amount = at[j, None]  # what there is to flow, for each of the 16
    flows = amount * (to - of)

    def one_by_one():
        found = [changed(X, 0.0, 180 * e - 90)(at) for e in np.eye(16)]
        others = flows.sum(axis=0) - flows
        mistakes = {
            "the sign is wrong: X = (M − Mᵀ)1": -flows,
            "what leaves is missing: Mᵀ1": amount * to,
            "what arrives is missing: M1": -amount * of,
            "what leaves has the wrong sign: it is (M + Mᵀ)1": amount * (to + of),
            "M_ij is R_ij x_j: here it is R_ij x_i": at[i, None] * (to - of),
            "R is transposed: R_ij is in place 4i + j": at[i, None] * (of - to),
            "the factor x_j of the rates is missing": to - of,
            "X is a field: here x is one too many": flows + at,
            "M1 is a sum: here it is a mean": flows / 4,
            "b is missing in the rates": (flows + others) / 2,
            "σ is tanh here: σ(z) = 1/(1 + exp(−z))": flows - others,
            "σ(−z) stands for σ(z) = 1/(1 + exp(−z))": others,
            "σ is ReLU here: σ(z) = 1/(1 + exp(−z))": 90 * flows,
            "σ is missing: R = σ(Ax + b)": 90 * (flows - others),
        }
        return checks.compared("one flow", found, flows, mistakes)

    def together():
        z = X.A @ at + X.b
        softmax = np.exp(z) / np.exp(z).sum()
        mistakes = {
            "Ax is missing in the rates": sigma(X.b) @ flows,
            "σ is a softmax here: it acts on each entry": softmax @ flows,
        }
        return checks.compared("all flows", X(at), sigma(z) @ flows, mistakes)

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
        return checks.predicted("predictions", X.predictions(), facts)

    def after_a_step(h):
        return (corners + h * fast(corners)).min()

    def holds():
        h = X.longest_step()
        if np.ndim(h) or not hasattr(h, "__float__"):
            told = f"longest_step() returns a number, got {h!r}"
            return dnn.Check("it holds", np.inf, 0, told)
        least = after_a_step(float(h))
        told = f"h = {h}: with all rates 1 and all at one place, {least:.2g} is left"
        return dnn.Check("it holds", max(-least, 0.0), 1e-12, told)

    def longest():
        h = float(X.longest_step())
        told = f"h = {h:.4g} keeps x ≥ 0, whatever the rates, as does {h + 1e-3:.4g}"
        if abs(h - 1 / 4) < 1e-9:
            told += ": R_jj x_j leaves j, and arrives there, too"
        return dnn.Check("longest", after_a_step(h + 1e-3), 0, told)

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
        z = X.A @ at + X.b
        R, slope, alone = sigma(z), sigma.slope(z), flows @ w1
        mistakes = {
            "the slope σ′ = R(1 − R) is missing": alone,
            "the slope is R(1 − R): here it is R": R * alone,
            "the slope is R(1 − R): here it is 1 − R²": (1 - R**2) * alone,
            "the slope is σ′ at Ax + b: here it is at R": sigma.slope(R) * alone,
            "the sign is wrong, or i and j are exchanged": -u,
            "M_ij leaves j, too: that is missing": slope * (amount * to @ w1),
            "M_ij arrives at i, too: that is missing": -slope * (amount * of @ w1),
            "M_ij leaves j: the sign of that is wrong": slope
            * (amount * (to + of) @ w1),
            "the factor x_j of the rates is missing": u / amount[:, 0],
            "M_ij is R_ij x_j: here it is R_ij x_i": u / amount[:, 0] * at[i],
            "A stands before b in θ: pack(A=…, b=…)": np.outer(u, x1)[12:].ravel(),
            "it is zero: is it in pack(A=…, b=…), is w_i − w_j on the last axes?": 0
            * u,
        }
        return checks.compared("db", db, u, mistakes, 1e-6)

    def of_x():
        dx, _, u = pulled()
        right = slopes(lambda x: (w1 * X(x)).sum(), at)
        rates = u @ X.A
        factor = right - rates
        over_j = (sigma(X.A @ at + X.b) * ((to - of) @ w1)) @ to
        twice = "x occurs twice, and its share"
        mistakes = {
            f"{twice} in the rates R(x) is missing": factor,
            f"{twice} as the factor x_j is missing": rates,
            f"{twice} as the factor x_j is summed over j, and not over i": rates
            + over_j,
            f"{twice} as the factor x_j has a factor x_j more": rates + factor * at,
            f"{twice} as the factor x_j has the wrong sign": rates - factor,
            f"{twice} in the rates R(x) has the wrong sign": factor - rates,
            "the term w is one too many: X is a field, and not a step": right + w1,
        }
        return checks.compared("dx", dx[0], right, mistakes, 1e-6)

    return [
        Question("1.1 value, one rate 1, the others 0", one_by_one),
        Question("1.2 value, all rates", together, after="1.1"),
        Question("1.3 value, two batch axes", of_a_batch, after="1.2"),
        Question("1.4 ten steps of Euler's keep the sum", the_sum, after="1.3"),
        Question("2.1 predictions", predictions, after="1.4"),
        Question("3.1 the longest step keeps x ≥ 0", holds, after="1.3"),
        Question("3.2 no longer step does", longest, after="3.1"),
        Question("4.1 gradient of b, one state", of_b, after="1.3"),
        Question("4.2 dx, one state", of_x, after="4.1"),
        Question("4.3 adjoint", lambda: checks.adjoint(X, x[0]), after="4.2"),
        Question("4.4 ... two batch axes", lambda: checks.adjoint(X, x), after="4.3"),
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
