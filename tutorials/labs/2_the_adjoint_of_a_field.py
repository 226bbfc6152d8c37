# %% [markdown]
# # Lab 2. The adjoint of a field
#
# $X(x) = B\sin(Ax + b)$ with a matrix $A$ of shape (5, 3), $B$ of shape (3, 5) and
# $b \in \mathbb{R}^5$. States are the last axis of an array (…, 3), with any number of
# batch axes in front, so $Ax$ is `x @ A.T`. For a covector $w$ at $X(x)$ write
# $$\langle w, X\rangle = \langle B^\top w, \sin(z)\rangle, \qquad z = Ax + b,$$
# and differentiate it in $x$, $A$, $b$ and $B$.
#
# 1. Write `vjp`: the value and the pullback $w \mapsto (X'(x)^\top w,\ \partial\langle
#    w, X\rangle/\partial\theta)$, the second summed over all batch axes
#    (`a.reshape(-1, a.shape[-1])` makes rows). `self.pack(A=…, b=…, B=…)` makes one
#    flat vector of the pieces.
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
class SineField(dnn.Field):
    """X(x) = B sin(Ax + b)."""

    dim_in = dim_out = 3

    def __init__(self, rng=0):
        normal = np.random.default_rng(rng).normal
        self.own(A=normal(size=(5, 3)), b=normal(size=5), B=normal(size=(3, 5)))

    def __call__(self, x):
        return np.sin(x @ self.A.T + self.b) @ self.B.T

    def vjp(self, x):
        raise NotImplementedError("Task 1: write the pullback of X(x) = B sin(Ax + b)")


# %%
def questions(X, seed=0):
    """What is asked of an answer."""
    x = np.random.default_rng(seed).normal(size=(6, 3))
    flow = dnn.Flow(X, 0.2, dnn.Ralston(), steps=2, learn_h=True)
    two_axes = x.reshape(2, 3, 3)
    return [
        Question("1.1 adjoint, one batch axis", lambda: checks.adjoint(X, x)),
        Question(
            "1.2 adjoint, two batch axes",
            lambda: checks.adjoint(X, two_axes),
            after="1.1",
        ),
        Question("1.3 Taylor test", lambda: checks.taylor(X, x), after="1.1"),
        Question(
            "1.4 adjoint of two Ralston steps of it",
            lambda: checks.adjoint(flow, x),
            after="1.1",
        ),
    ]


# %% [markdown]
# ## A picture to predict
#
# $(\langle w, X(x + \varepsilon v)\rangle - \langle w, X(x)\rangle)/\varepsilon$ should
# be $\langle X'(x)^\top w, v\rangle$, which your `vjp` gives. **Before you run it:**
# sketch the relative difference of the two for $\varepsilon$ from 1 down to $10^{-12}$,
# both axes logarithmic. Which $\varepsilon$ is best, and how many digits does it give?
#
# `picture(SineField())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/2_the_adjoint_of_a_field.py`, once question 1.1 is right.


# %%
def picture(X):
    """What was predicted: difference quotients against your exact derivative."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    x, v, w = np.random.default_rng(0).normal(size=(3, 6, 3))
    exact, eps = (X.vjp(x)[1](w)[0] * v).sum(), 10.0 ** np.arange(-12, 0.1, 0.2)
    J = {
        sign: np.array([(w * X(x + sign * e * v)).sum() for e in eps])
        for sign in (-1, 0, 1)
    }
    quotients = {
        "one-sided": (J[1] - J[0]) / eps,
        "central": (J[1] - J[-1]) / (2 * eps),
    }
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(9, 5.5))
        for name, quotient in quotients.items():
            ax.loglog(eps, np.abs(quotient / exact - 1), "o-", label=name)
        ax.set(xlabel=r"$\varepsilon$", ylabel="relative difference from yours")
        ax.legend(title="difference quotient")
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(SineField())).exit()
