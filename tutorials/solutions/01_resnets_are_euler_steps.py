# %% [markdown]
# # 1. A ResNet is Euler's method: solutions

# %%
import numpy as np
import scipy.integrate

import dynsys_nn as dnn
from dynsys_nn import checks

rng = np.random.default_rng(0)
X = dnn.ResidualField.random(2, width=8, bias=1.0, rng=rng)
x, x0, T = rng.normal(size=(5, 2)), np.array([1.0, -0.5]), 2.0

# %% [markdown]
# ## Exercise 1
# $\Psi^{-h}(\Psi^h(x)) = x + hX(x) - hX(x + hX(x)) = x - h^2X'(x)X(x) + O(h^3)$: the
# way back starts with the slope at the other end. Half the step leaves a quarter of the
# gap. (The inverse of $\Psi^h$ is *implicit*: solve $x = y - hX(x)$ for $x$.)

# %%
psi = dnn.Euler().step
gaps = [psi(X, psi(X, x, h), -h) - x for h in (0.01, 0.005)]
assert 3.8 < np.abs(gaps[0]).max() / np.abs(gaps[1]).max() < 4.2
leading = -(0.005**2) * X.jvp(x, X(x))[1]  # −h²X′X
assert np.linalg.norm(gaps[1] - leading) < 0.05 * np.linalg.norm(leading)
back = dnn.Flow(X, -0.01)(dnn.Flow(X, 0.01)(x))  # the same by flows
assert np.allclose(back - x, gaps[0], rtol=0, atol=1e-15)

# %% [markdown]
# ## Exercise 2
# Two stages, $K_1 = X(x)$ and $K_2 = X(x + ha K_1)$, and weights $b_1, b_2$. Expanded,
# the step is $x + h(b_1 + b_2)X + h^2b_2a\,X'X + O(h^3)$, the exact flow $x + hX +
# \frac{h^2}2X'X + O(h^3)$. So $b_2 = 1/(2a)$ and $b_1 = 1 - b_2$, one method for each
# $a \neq 0$: Heun ($a = 1$), the explicit midpoint rule ($a = \frac12$), Ralston ($a =
# \frac23$).

# %%
for a in (0.3, 1.0, -1.0):
    method = dnn.RungeKutta([[], [a]], [1 - 1 / (2 * a), 1 / (2 * a)])
    assert method.order == 2
    print(f"a = {a:5.2f} ", checks.order(method, X, x0, T).require())
ralston = dnn.RungeKutta([[], [2 / 3]], [1 / 4, 3 / 4])
assert np.allclose(ralston.step(X, x, 0.1), dnn.Ralston().step(X, x, 0.1), atol=1e-15)

# %% [markdown]
# ## Exercise 3
# Near 0 the field is $-5x$. The flow multiplies by $e^{-5h}$, the layer by $1 - 5h$:
# from $h = \frac15$ on it overshoots to the other side of 0, from $h = \frac25$ on it
# even runs away from it. It is a poor approximation unless $h$ is well below $\frac15$,
# the usual $h = 1$ included. (Far from 0, where tanh is nearly constant, any $h$ will
# do that does not come near 0.)

# %%
stiff = dnn.ResidualField(dnn.Dense(2, 2, W=-5 * np.eye(2)), dnn.Tanh())
near = np.array([0.01, 0.01])
for h, factor in ((0.02, 0.9), (0.2, 0.0), (0.4, -1.0), (1.0, -4.0)):
    layer, exact = dnn.Flow(stiff, h)(near)[0], dnn.exact_flow(stiff, near, h)[0]
    print(f"h = {h}: the layer × {layer / 0.01:.2f}, the flow × {exact / 0.01:.3f}")
    assert abs(layer / 0.01 - factor) < 0.01
    assert (abs(layer - exact) < 0.01 * exact) == (h == 0.02)

# %% [markdown]
# ## Exercise 4
# `solve_ivp` calls `rhs(t, y)` with one flat vector; an autonomous field does not look
# at `t`. `exact_flow` does the same at tighter tolerances, so the two agree as far as
# `solve_ivp` was asked to be exact.

# %%
solution = scipy.integrate.solve_ivp(X.rhs, (0, T), x0, rtol=1e-9, atol=1e-12)
gap = np.abs(solution.y[:, -1] - dnn.exact_flow(X, x0, T)).max()
print(f"solve_ivp against exact_flow: {gap:.0e}")
assert gap < 1e-7
