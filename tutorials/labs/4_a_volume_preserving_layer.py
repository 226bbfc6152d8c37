# %% [markdown]
# # Lab 4. A volume-preserving layer
#
# States $(x, v) \in \mathbb{R}^2 \times \mathbb{R}^2$, as rows of four numbers. Two
# shears,
# $$x^+ = x + h\tanh(Av + a), \qquad v^+ = v + h\tanh(Bx^+ + b),$$
# change one half of the state by a function of the other half. With states as rows $Av$
# is `v @ self.A.T`. Change no argument in place, as `x += …` would: `np.split` gives
# views.
#
# 1. Write the value. Which $x$ belongs in the second line, the old one or the new one?
#    Only one of them keeps volume.
# 2. Write the inverse: the same shears, the last one first, each undone.
# 3. Write `vjp`; the pullback returns `dz, dtheta`. Go back through the second shear
#    first; its covector at $x^+$ joins the one that comes from the loss. Gradients of
#    parameters are sums over all batch axes: `self.pack(A=…, a=…, B=…, b=…)`.
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
class Shears(dnn.Map):
    """(x, v) ↦ (x⁺, v⁺): determinant one for all parameters."""

    dim_in = dim_out = 4
    h = 0.5

    def __init__(self, rng=0):
        normal = np.random.default_rng(rng).normal
        A, a = normal(size=(2, 2)), normal(size=2)
        B, b = normal(size=(2, 2)), normal(size=2)
        self.own(A=A, a=a, B=B, b=b)

    def __call__(self, z):
        # x, v = np.split(z, 2, axis=-1)
        raise NotImplementedError("Task 1: write (x, v) ↦ (x⁺, v⁺)")

    def inverse(self, z):
        raise NotImplementedError("Task 2: write the inverse")

    def vjp(self, z):
        raise NotImplementedError("Task 3: write the pullback")


# %%
def questions(F, seed=0):
    """What is asked of an answer."""
    z = np.random.default_rng(seed).normal(size=(6, 4))

    def value():
        G = copy.deepcopy(F)  # with large weights, where tanh is ±1
        G.A, G.a = [[-100, 100], [0, -200]], [50, -50]
        G.B, G.b = [[-100, 200], [100, 100]], [0, 50]
        states = np.array([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
        right = np.array([[-1, -1, 1, -1], [1, -1, 1, 3]]) / 2
        mistakes = {
            "h is missing": [[-2, -2, 0, -2], [2, -2, 0, 4]],
            "h is missing in x⁺": [[-2, -2, 1, -1], [2, -2, 1, 3]],
            "h is missing in v⁺": [[-1, -1, 0, -2], [1, -1, 0, 4]],
            "A for Aᵀ: `v @ self.A.T`": [[-1, 1, 3, 1], [-1, -1, 1, 1]],
            "B for Bᵀ: `… @ self.B.T`": [[-1, -1, 2, -1], [1, -1, 1, 3]],
            "A for Aᵀ, and B for Bᵀ": [[-1, 1, 3, 0], [-1, -1, 2, 1]],
            "a is missing": [[-1, 0, 3, 0], [0, -1, 1, 2]],
            "b is missing": [[-1, -1, 1, -1], [1, -1, 1, 2]],
            "A stands for B": [[-1, -1, 3, 1], [1, -1, 1, 3]],
            "a stands for b": [[-1, -1, 2, -1], [1, -1, 1, 1]],
            "a minus in x⁺": [[1, 1, 3, 1], [-1, 1, 3, 3]],
            "a minus in v⁺": [[-1, -1, 3, 1], [1, -1, 3, 1]],
            "a minus in both": [[1, 1, 1, -1], [-1, 1, 1, 1]],
            "v is changed before x": [[0, -1, 2, 1], [1, -1, 2, 3]],
            "v⁺ comes before x⁺": [[1, -1, -1, -1], [1, 3, 1, -1]],
        }
        mistakes = {words: np.array(wrong) / 2 for words, wrong in mistakes.items()}
        return checks.value(G, states, right, mistakes=mistakes)

    def two_axes():
        return checks.adjoint(F, z.reshape(2, 3, 4))

    return [
        Question("1.1 volume is kept", lambda: checks.volume(F, z)),
        Question("1.2 value, where tanh is ±1", value, after="1.1"),
        Question("2.1 inverse", lambda: checks.inverse(F, z), after="1.2"),
        Question("3.1 adjoint", lambda: checks.adjoint(F, z), after="1.2"),
        Question("3.2 adjoint, two batch axes", two_axes, after="3.1"),
        Question("3.3 Taylor test", lambda: checks.taylor(F, z), after="3.1"),
    ]


if __name__ == "__main__":
    checks.run(questions(Shears())).exit()
