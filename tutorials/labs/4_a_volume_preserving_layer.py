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
# 3. Write `vjp`. Go back through the second shear first; its covector at $x^+$ joins
#    the one that comes from the loss.
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
        G.A, G.a = [[50, 100], [-50, 0]], 0.0
        G.B, G.b = [[100, 0], [100, 300]], 0.0
        return checks.value(G, np.array([0.0, 0.0, 1.0, 0.0]), [0.5, -0.5, 1.5, -0.5])

    return [
        Question("1.1 volume is kept", lambda: checks.volume(F, z)),
        Question("1.2 value, where tanh is ±1", value, after="1.1"),
        Question("2.1 inverse", lambda: checks.inverse(F, z), after="1.2"),
        Question("3.1 adjoint", lambda: checks.adjoint(F, z), after="1.2"),
        Question("3.2 Taylor test", lambda: checks.taylor(F, z), after="3.1"),
    ]


if __name__ == "__main__":
    checks.run(questions(Shears())).exit()
