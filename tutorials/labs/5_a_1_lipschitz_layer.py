# %% [markdown]
# # Lab 5. A 1-Lipschitz layer
#
# $F(x) = x - h\,A^\top\sigma(Ax + b)$ with a leaky ReLU, slopes in $[\frac15, 1]$, and
# any matrix $A$. Its Jacobian is $I - hA^\top DA$ with $D$ diagonal, entries in
# $[\frac15, 1]$: symmetric, with eigenvalues between two numbers.
#
# 1. Write the value.
# 2. Write `lipschitz`: the smallest constant that holds for all $b$, from $h$ and the
#    singular values of $A$, `np.linalg.svd(self.A, compute_uv=False)`. Mind both ends
#    of the spectrum.
# 3. Write `vjp`. $A$ acts twice, so it is paid twice.
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
    x = np.random.default_rng(seed).normal(size=(40, 3))

    def value():
        F = Answer(0.5)
        F.A, F.b = [[1, 2, 0], [0, 1, 0], [0, 0, 1]], 0.0
        x = np.array([[1.0, -1.0, 2.0], [-1.0, 1.0, 0.0]])
        return checks.value(F, x, [[1.1, -0.7, 1.0], [-1.5, -0.5, 0.0]])

    def holds(h):
        return checks.lipschitz(Answer(h), x)

    def sharp(h):
        F = Answer(h)
        check = checks.lipschitz(F, x)
        if not check.passed:
            return check
        ratio = F.lipschitz() / check.measured
        said = f"the constant holds, and is {ratio:.3g} times what is found"
        return dnn.Check(f"sharpness for h = {h}", ratio, 1.01, said)

    return [
        Question("1.1 value", value),
        Question("2.1 the constant holds, h = 0.3", lambda: holds(0.3), after="1.1"),
        Question("2.2 the constant holds, h = 1", lambda: holds(1.0), after="2.1"),
        Question("2.3 the constant holds, h = 1.9", lambda: holds(1.9), after="2.2"),
        Question("2.4 it is sharp, h = 0.3", lambda: sharp(0.3), after="2.3"),
        Question("2.5 it is sharp, h = 1.9", lambda: sharp(1.9), after="2.4"),
        Question(
            "3.1 adjoint", lambda: checks.adjoint(Answer(0.3), x[:6]), after="1.1"
        ),
    ]


if __name__ == "__main__":
    checks.run(questions(Contraction)).exit()
