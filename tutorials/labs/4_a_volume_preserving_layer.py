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

    def volume():
        check, (x, v) = checks.volume(F, z, 1e-6), np.split(z, 2, axis=-1)
        old = v + F.h * np.tanh(x @ F.B.T + F.b)
        if 1e-6 < check.measured < np.inf and np.allclose(F(z)[..., 2:], old):
            check.finds("v⁺ is made of the old x, and not of x⁺")
        return check

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
        Question("1.1 volume is kept", volume),
        Question("1.2 value, where tanh is ±1", value, after="1.1"),
        Question("2.1 inverse", lambda: checks.inverse(F, z), after="1.2"),
        Question("3.1 adjoint", lambda: checks.adjoint(F, z), after="1.2"),
        Question("3.2 adjoint, two batch axes", two_axes, after="3.1"),
        Question("3.3 Taylor test", lambda: checks.taylor(F, z), after="3.1"),
    ]


# %% [markdown]
# ## A picture to predict
#
# With $A = I$, $B = -I$, $a = b = 0$ each pair $(x_i, v_i)$ is moved in a plane of its
# own: layer by layer a disc is carried around the origin. **Before you run it:** sketch
# the disc after 3, 6 and 9 layers, by yours, and by the layer that has the old $x$ in
# the second line, too. What becomes of its area?
#
# `picture(Shears())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/4_a_volume_preserving_layer.py`, once question 1.2 is right.


# %%
def picture(F):
    """What was predicted: a disc in the plane (x₁, v₁), layer by layer."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    F, t = copy.deepcopy(F), np.linspace(0, 2 * np.pi, 201)
    F.A, F.a, F.B, F.b = np.eye(2), 0.0, -np.eye(2), 0.0

    def old_x(z):
        x, v = np.split(z, 2, axis=-1)
        return np.concatenate([F(z)[:, :2], v - F.h * np.tanh(x)], axis=-1)

    with plt.style.context(plotting.STYLE):
        _, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(12, 6))
        for ax, layer, name in zip(axes, (F, old_x), ("yours", "the old $x$ twice")):
            z = np.stack(
                [1.2 + 0.6 * np.cos(t), 0 * t, 0.6 * np.sin(t), 0 * t], axis=-1
            )
            for k in range(10):
                x, v = z[:, 0], z[:, 2]
                if k % 3 == 0:
                    area = np.sum(x[:-1] * np.diff(v) - v[:-1] * np.diff(x)) / 2
                    ax.fill(x, v, alpha=0.5, label=f"{k} layers: area {area:.2f}")
                z = layer(z)
            ax.set(xlabel="$x_1$", ylabel="$v_1$", title=name)
            ax.set(xlim=(-2.6, 2), ylim=(-2.6, 2.6))
            ax.legend(ncols=2, loc="upper center", columnspacing=0.8, handlelength=1)
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Shears())).exit()
