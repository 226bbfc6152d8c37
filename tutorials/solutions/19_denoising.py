# %% [markdown]
# # 19. Denoising: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz

# %% [markdown]
# ## Exercise 1
# The rotation's iterates go round for ever. Half of it is
# $\frac12\begin{pmatrix} 1 & -1 \\ 1 & 1 \end{pmatrix}$, of which both singular values
# are $1/\sqrt2$: they stop, and each step is shorter by that factor than the last one.

# %%
R = np.array([[0.0, -1.0], [1.0, 0.0]])
for W, factor in ((R, 1), ((np.eye(2) + R) / 2, 0.5**0.5)):
    path = dnn.Rollout(dnn.Dense(2, 2, W=W), 100)(np.array([1.0, 0.0]))
    steps = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    print(f"last step {steps[-1]:.0e}, factor {steps[1] / steps[0]:.4f}")
    assert np.allclose(steps[1:] / steps[:-1], factor)

# %% [markdown]
# ## Exercise 2
# Each has $\alpha = \frac12$ and $s = 1$: for Heun's method at its longest step, and
# for Euler's at half of it. So $s = 6$ and $\alpha = \frac67$ for both.

# %%
X = dnn.GradientField.random(64, width=128, rng=0)
for method, share in ((dnn.Heun(), 1), (dnn.Euler(), 0.5)):
    F = dnn.Flow(X, share * method.non_expansive_step(X), method)
    alpha = lipschitz.averaged(dnn.Network(*[F] * 6))
    print(f"{method!r}: α = {alpha:.6f}")
    assert abs(alpha - 6 / 7) < 1e-12

# %% [markdown]
# ## Exercise 3
# `BlockBall` makes each row of the first matrix of Euclidean norm 1, and each row of
# the others of 1-norm 1. All six numbers behind the first layer are the same,
# $(x_1 + x_2)/\sqrt2$, and so is the logit: its constant is 1, attained along $(1, 1)$.
# The product counts $\sqrt6$ for the first matrix, as if all six numbers were wanted,
# and the last matrix takes one of them.

# %%
net = dnn.Network(
    dnn.Affine(6, 2, W=np.ones((6, 2))),
    dnn.MaxMin(6),
    dnn.Affine(6, 6, W=np.ones((6, 6))),
    dnn.MaxMin(6),
    dnn.Affine(1, 6, W=[[1, 0, 0, 0, 0, 0]]),
)
dnn.BlockBall(net).project()
each, product = lipschitz.each_output(net), net.lipschitz()
found = np.linalg.norm(net.jacobian(np.array([0.3, -0.2])))
print(f"product {product:.3f}, each output {each:.3f}, found {found:.3f}")
assert abs(product - 6**0.5) < 1e-9 and abs(found - 1) < 1e-9
assert found - 1e-12 <= each <= 1
