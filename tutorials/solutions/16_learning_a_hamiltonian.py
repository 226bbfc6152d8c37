# %% [markdown]
# # 16. Learning a Hamiltonian: solutions

# %%
import numpy as np

import dynsys_nn as dnn

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# With $s = \tanh(a_1)$, $a_1 = Ax + b$ and $t = \tanh(a_2)$, $a_2 = Bs + c$, the
# tangent of $V$ along $w$ is $\langle\alpha, \tau'(a_2)\odot B\dot s\rangle$,
# $\dot s = \tau'(a_1)\odot Aw$. Back through it: $a_2$ gets
# $\alpha\odot\tau''(a_2)\odot B\dot s$, $\dot s$ gets $B^\top(\alpha\odot\tau'(a_2))$,
# and $a_1$ what comes down both ways.

# %%
X = dnn.GradientOf.random(3, (6, 5), sign=1, bias=1.0, rng=rng)
A, b, B, c, alpha = X.parameters.values()
x, w = rng.normal(size=(2, 20, 3))
s, Aw = np.tanh(x @ A.T + b), w @ A.T
ds = 1 - s * s
t, Bs = np.tanh(s @ B.T + c), (ds * Aw) @ B.T
dt = 1 - t * t
u2 = alpha * (-2 * t * dt) * Bs  # at a₂
u1 = (u2 @ B) * ds + ((alpha * dt) @ B) * (-2 * s * ds) * Aw  # at a₁
gap = abs(u1 @ A - X.vjp(x)[1](w)[0]).max()
print(f"by hand and at a complex point: {gap:.0e}")
assert gap < 1e-14

# %% [markdown]
# ## Exercise 2
# $V$ is linear between its kinks, so that $\nabla V$ is constant there, and jumps. Its
# derivative is 0 almost everywhere: no force that changes smoothly can be fitted well,
# and the pullback of $\nabla V$ in $b$ is 0, so that kinks never learn to move.

# %%
layer = dnn.ResidualField(dnn.Dense(8, 2, rng=rng), dnn.ReLU())
layer.b = rng.normal(size=8)
V = dnn.Network(layer, dnn.Dense(1, 8, rng=rng))
line = np.linspace(-3, 3, 1001)[:, None] * [0.6, 0.8]
y, pullback = V.vjp(line)
forces, _ = pullback(np.ones_like(y))
values = len(np.unique(forces.round(12), axis=0))
print(f"∇V has {values} values on the line")
assert 2 <= values <= 9

# %% [markdown]
# ## Exercise 3
# Newton's method has the exact Hessian here, and doubles the digits with each step.

# %%
V = dnn.GradientOf.random(2, (6, 6), bias=1.0, rng=1)
X, x, sizes = dnn.SumField(V, dnn.LinearField(-np.eye(2))), np.zeros(2), []
while not sizes or sizes[-1] > 1e-14:
    x = x - np.linalg.solve(X.jacobian(x), X(x))
    sizes.append(np.linalg.norm(X(x)))
print(*[f"{size:.0e}" for size in sizes])
assert len(sizes) <= 7 and (np.linalg.eigvalsh(X.jacobian(x)) < 0).all()
