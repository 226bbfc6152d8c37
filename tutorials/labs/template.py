# %% [markdown]
# # Lab 0. A turning field
#
# $X(x) = s\,(-x_2, x_1)$ turns all states about the origin, with speed $s$. Your speed
# follows from your number, which you write into `SEED`.
#
# 1. Write the value. The state is the last axis of an array (…, 2), with any number of
#    batch axes in front, so $x_1$ is `x[..., 0]`.
# 2. Write `vjp`: the value and the pullback
#    $w \mapsto (X'(x)^\top w,\ \langle w, \partial X/\partial s\rangle)$, the second
#    summed over all batch axes; `self.pack(s=…)` makes an array of it.
# 3. Predict, before you run it: the flow of $X$ keeps $\|x\|$. By which number does
#    Euler's step $x + \frac12X(x)$ multiply it: 1, or one above, or below? Find it for
#    your speed, with pencil and paper, and write it into `stretch`, to six digits.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question

SEED = 0  # your number


def speed(seed):
    """The speed of whoever has this number: one of 0.5, 0.6, …, 2.4."""
    return np.random.default_rng(seed).integers(5, 25) / 10


# %%
class Turning(dnn.Field):
    """X(x) = s(−x₂, x₁)."""

    dim_in = dim_out = 2
    stretch = None  # Task 3: replace None by a number

    def __init__(self, s):
        self.own(s=[s])

    def __call__(self, x):
        raise NotImplementedError("Task 1: write X(x) = s(−x₂, x₁)")

    def vjp(self, x):
        raise NotImplementedError("Task 2: write the pullback")


# %%
def questions(Answer, seed=0):
    """What is asked of an answer, a class, of whoever has the number `seed`."""
    X = Answer(speed(seed))
    x = np.random.default_rng(seed).normal(size=(3, 2, 2))

    def value():
        states = np.array([[1.0, 3.0], [0.0, 1.0], [-2.0, 0.5]])
        return checks.value(Answer(2.0), states, [[-6, 2], [-2, 0], [-1, -4]])

    def stretch():
        if X.stretch is None:
            raise NotImplementedError("Task 3: set stretch, a number")
        y = dnn.Flow(X, 0.5)(x)  # one step of Euler's method
        right = np.linalg.norm(y) / np.linalg.norm(x)
        gap, said = abs(X.stretch - right), "a step stretches by another number"
        if X.stretch == 1:
            said = "the step is along a tangent of the circle, and leaves it"
        elif abs(X.stretch - right**2) < 1e-5:
            said = "this is the stretch of ‖x‖²: take a root"
        return checks.Check("stretch", gap, 1e-5, said)

    return [
        Question("1.1 value", value),
        Question("2.1 adjoint", lambda: checks.adjoint(X, x), points=2, after="1.1"),
        Question("3.1 stretch of Euler's step", stretch, after="1.1"),
    ]


if __name__ == "__main__":
    checks.run(questions(Turning, SEED)).exit()
