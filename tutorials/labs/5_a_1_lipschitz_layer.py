# %% [markdown]
# # Lab 5. A 1-Lipschitz layer
#
# $F(x) = x - h\,A^\top\sigma(Ax + b)$ with a leaky ReLU, slopes in $[\frac15, 1]$, and
# any matrix $A$. Its Jacobian is $I - hA^\top DA$ with $D$ diagonal, entries in
# $[\frac15, 1]$: symmetric, with eigenvalues between two numbers.
#
# 1. Write the value. States are rows of an array (…, 3).
# 2. Write `lipschitz`: the smallest constant that holds for all $b$, from $h$ and the
#    singular values of $A$, `np.linalg.svd(self.A, compute_uv=False)`. Mind both ends
#    of the spectrum.
# 3. Write `vjp`; the pullback returns `dx, dtheta`, the second summed over all batch
#    axes: `self.pack(A=…, b=…)`. $A$ acts twice, so it is paid twice.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question


# %%
class Contraction(dnn.Map):
    """x − hAᵀσ(Ax + b), σ = LeakyReLU(1/5)."""

    dim_in = dim_out = 3
    sigma = dnn.LeakyReLU(0.2)

    def __init__(self, h=1.0, rng=0):
        self.h, rng = h, np.random.default_rng(rng)
        Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        self.own(A=Q * [1.0, 0.9, 0.8], b=0.1 * rng.normal(size=3))

    def __call__(self, x):
        raise NotImplementedError("Task 1: write x − hAᵀσ(Ax + b)")

    def lipschitz(self):
        raise NotImplementedError("Task 2: write the Lipschitz constant")

    def vjp(self, x):
        raise NotImplementedError("Task 3: write the pullback")


# %%
def questions(Answer, seed=0):
    """What is asked of an answer, a class.

    Bounds hold for short and for long steps, and are at most 1 % too large.
    """
    x = np.random.default_rng(seed).normal(size=(20, 3))

    def value():
        F = Answer(0.5)
        F.A, F.b = [[1, 2, 0], [0, 1, 0], [0, 0, 1]], [3, -3, 1]
        states = np.array([[1.0, -1.0, 2.0], [-1.0, 1.0, 0.0]])
        mistakes = {
            "a plus for the minus": [[2.0, 0.6, 3.5], [1.0, 4.8, 0.5]],
            "`… @ self.A` is Aᵀσ, and not `… @ self.A.T`": [
                [0.8, -0.6, 0.5],
                [-2.6, 1.2, -0.5],
            ],
            "Ax is `x @ self.A.T`": [[-1.0, -4.8, 0.5], [-2.0, -0.6, -0.5]],
            "A and Aᵀ are exchanged: Ax is `x @ self.A.T`": [
                [-0.6, -0.8, 0.5],
                [-1.2, 1.4, -0.5],
            ],
            "h is missing": [[-1.0, -4.2, -1.0], [-5.0, -6.6, -1.0]],
            "the term x is missing": [[-1.0, -1.6, -1.5], [-2.0, -3.8, -0.5]],
            "h is taken of x, too": [[-0.5, -2.1, -0.5], [-2.5, -3.3, -0.5]],
            "ReLU, not a leaky one": [[0.0, -3.0, 0.5], [-3.0, -3.0, -0.5]],
            "σ is missing": [[0.0, -1.0, 0.5], [-3.0, -2.0, -0.5]],
            "σ′ for σ": [[0.5, -2.1, 1.5], [-1.5, -0.1, -0.5]],
            "b is missing": [[1.1, -0.7, 1.0], [-1.5, -0.5, 0.0]],
            "b is outside σ": [[4.1, -3.7, 2.0], [1.5, -3.5, 1.0]],
        }
        right = [[0.0, -2.6, 0.5], [-3.0, -2.8, -0.5]]
        return checks.value(F, states, right, mistakes=mistakes)

    claims = {  # what typical mistakes claim, for one of the steps
        0.7: "this is the end of the spectrum for slope 1: the other end counts, too",
        0.94: "the smallest eigenvalue of AᵀDA: the smallest singular value makes it",
        0.952: "eigenvalues of AᵀA are squares of singular values of A",
        0.76: "eigenvalues are of AᵀDA: squares of singular values of A, and 1/5",
        0.872: "h is missing",
        0.904: "D has entries from 1/5 on, and not from 1/2",
        0.9528: "eigenvalues of A are not its singular values",
        0.808: "D has entries from 1/5 on",
        0.853: "np.linalg.norm(A) is not the largest singular value",
        0.7568: "the end for slope 1, 1 − hs², counts in size: it may be negative",
        1.0: "D is at least 1/5, and A has no singular value 0",
        1.3: "a bound by ‖x‖ + ‖…‖ does not know that eigenvalues are subtracted",
        1.6616: "the larger of both ends, and not their sum",
        0.9885: "h counts once, not as h²",
    }

    def recognised(check, F):
        """The check, with what is known of a wrong constant."""
        if not check.passed and np.isfinite(check.measured):
            words = claims.get(round(float(F.lipschitz()), 4))
            check.detail += f": {words}" if words else ""
        return check

    def holds(h):
        F = Answer(h)
        return recognised(checks.lipschitz(F, x), F)

    def sharp(h):
        F = Answer(h)
        check = checks.lipschitz(F, x)
        if not check.passed:
            return check
        ratio = F.lipschitz() / check.measured
        said = f"the constant holds, and is {ratio:.3g} times what is found"
        return recognised(dnn.Check(f"sharpness for h = {h}", ratio, 1.01, said), F)

    def adjoint(*batch):
        return checks.adjoint(Answer(0.3), x[:6].reshape(*batch, 3))

    return [
        Question("1.1 value", value),
        Question("2.1 the constant holds, h = 0.3", lambda: holds(0.3), after="1.1"),
        Question("2.2 the constant holds, h = 1", lambda: holds(1.0), after="2.1"),
        Question("2.3 the constant holds, h = 1.9", lambda: holds(1.9), after="2.2"),
        Question("2.4 it is sharp, h = 0.3", lambda: sharp(0.3), after="2.3"),
        Question("2.5 it is sharp, h = 1.9", lambda: sharp(1.9), after="2.4"),
        Question("3.1 adjoint", lambda: adjoint(6), after="1.1"),
        Question("3.2 adjoint, two batch axes", lambda: adjoint(2, 3), after="3.1"),
    ]


# %% [markdown]
# ## A picture to predict
#
# The singular values of $A$ are 1, 0.9 and 0.8, and the slopes of $\sigma$ lie in
# $[\frac15, 1]$. **Before you run it:** sketch the Lipschitz constant $\ell(h)$ for
# $0 \le h \le 2.5$. Up to which $h$ is it at most 1, and for which $h$ is it least?
#
# `picture(Contraction)` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/5_a_1_lipschitz_layer.py`, once question 2.5 is right.


# %%
def picture(Answer):
    """What was predicted: the constant ℓ(h), and what pairs of points show of it."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    h, (x, v) = (
        np.linspace(0, 2.5, 51),
        np.random.default_rng(0).normal(size=(2, 400, 3)),
    )
    x, y = 5 * x, 5 * x + 0.1 * v
    constants = [Answer(step).lipschitz() for step in h]
    stretches = [
        np.linalg.norm(F(x) - F(y), axis=-1) / np.linalg.norm(x - y, axis=-1)
        for F in map(Answer, h)
    ]
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(9, 5.5))
        ax.plot(h, stretches, ".", color="0.75", markersize=3)
        ax.plot(h, constants, label=r"your constant $\ell(h)$")
        ax.plot([], [], "o", color="0.75", label="stretch of pairs of points")
        ax.axhline(1, color="black", linewidth=1, linestyle=":")
        ax.set(xlabel="step size $h$", ylabel="Lipschitz constant", ylim=(0, 1.7))
        ax.legend(loc="upper center")
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Contraction)).exit()
