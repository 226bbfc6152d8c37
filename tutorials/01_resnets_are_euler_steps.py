# %% [markdown]
# # 1. A ResNet is Euler's method
#
# A residual layer adds something to its input,
# $$x_{k+1} = x_k + B\,\Sigma(A x_k + b), \qquad
# \Sigma(z) = [\sigma(z_1), \dots, \sigma(z_n)].$$
# Put a factor $h$ in front and it is one step of Euler's method for
# $\dot x = B\,\Sigma(Ax + b)$, with $h = 1$ in the usual ResNet. This tutorial takes
# the sentence literally and asks what it is good for.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The layer, twice
# A *field* is a map $X: \mathbb R^d \to \mathbb R^d$; a *flow* makes a layer of it,
# $\Psi^h$, one step of size $h$ of a numerical method. `A` and `B` are linear maps, `b`
# starts at zero. A flow has no parameters of its own: it looks at those of its field,
# and any number of flows may look at one.

# %%
A, B = dnn.Dense(8, 2, rng=rng), dnn.Dense(2, 8, rng=rng)
X = dnn.ResidualField(A, dnn.Tanh(), B)
X.b = rng.normal(size=8)
x = rng.normal(size=(5, 2))  # five states, on the last axis; all axes before are batch
by_hand = x + np.tanh(x @ A.W.T + X.b) @ B.W.T
layer = dnn.Flow(X, h=1.0)  # Euler is the default method
assert np.allclose(layer(x), by_hand, rtol=1e-14)
print(layer.formula)

# %% [markdown]
# ## One time, many depths
# We reach $T = 2$ with $n$ layers of size $h = T/n$, all with the same parameters, and
# compare with the exact flow $\varphi^T$, which takes a state $x(0)$ to $x(T)$ along
# the solution of $\dot x = X(x)$.
#
# **Before you run the cell:** sixteen times more layers. How much smaller is the error?

# %%
T, x0 = 2.0, np.array([1.0, -0.5])
exact = dnn.exact_flow(X, x0, T)
depths = np.array([16, 64, 256])
networks = [dnn.Flow(X, T / n, steps=n) for n in depths]
errors = np.array([np.linalg.norm(flow(x0) - exact) for flow in networks])
print("layers", depths, " errors", errors)
assert 14 < errors[0] / errors[-1] < 18

# %% [markdown]
# About 16 times: Euler has order one, $\|x_n - \varphi^T(x_0)\| = O(h)$.
#
# ## Other methods are other architectures
# Nothing forces the layer to be an Euler step. A Runge–Kutta method with $s$ stages is
# a layer that evaluates the *same* weights $s$ times,
# $$K_i = X\Bigl(x + h\sum_{j<i} a_{ij}K_j\Bigr), \qquad
# \Psi^h(x) = x + h\sum_{i=1}^s b_iK_i.$$
# Its numbers $a_{ij}$ and $b_i$ are called its *tableau*: Euler has $b = (1)$, Heun
# $a_{21} = 1$ and $b = (\frac12, \frac12)$.
#
# **Before you run the cell:** which of the three lines in the plot is steepest, and
# what is its slope?

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
plotting.phase_portrait(X, (-2, 2), (-2, 2), ax=left)
solutions = dnn.exact_flow(X, x, np.linspace(0.01, T, 50))
plotting.trajectories(solutions, ax=left)
left.set(xlabel="$x_1$", ylabel="$x_2$", title="the field and five solutions")

steps = 2 ** np.arange(1, 8)
for method in (dnn.Euler(), dnn.Heun(), dnn.RK4()):
    flows = [dnn.Flow(X, T / n, method, steps=n) for n in steps]
    errors = [np.linalg.norm(flow(x0) - exact) for flow in flows]
    plotting.convergence(T / steps, errors, method.order, ax=right, label=repr(method))
    print(dnn.checks.order(method, X, x0, T).require())
right.set(xlabel="step $h$", ylabel="error at $T$", title="slopes 1, 2 and 4")
_ = right.legend()

# %% [markdown]
# The slope is the order: 1 for Euler, 2 for Heun, 4 for the classical Runge–Kutta
# method.
#
# ## Different weights in every layer
# A network has its own $\theta_i$ in each layer, so the ODE behind it is
# $\dot x = X_{\theta(t)}(x)$ with $\theta(t)$ constant on $[t_i, t_{i+1})$: a
# *switching system*. `Network` composes the layers and lays all parameters in one
# vector. `.random` builds a field of the family as we did above, from its dimension and
# its width. `summary()` has a line for each layer. *Lipschitz* is a bound for how much
# it stretches distances, $\|F(x) - F(y)\| \le \ell\|x - y\|$ (tutorial 6), and of the
# whole the product; *keeps* is what the layer conserves exactly (tutorials 3 to 5): a
# ResNet nothing.

# %%
fields = [dnn.ResidualField.random(2, width=8, rng=rng) for _ in range(4)]
net = dnn.Network(*[dnn.Flow(X, 0.25) for X in fields])
print(net.summary())
assert net.theta.shape == (4 * (8 * 2 + 8 + 2 * 8),)
assert list(net.parameters)[:3] == ["0.A", "0.b", "0.B"]

# %% [markdown]
# The states after each layer are $x_0, \dots, x_4$, the corners of a polygon that
# approximates the solution of the switching system:

# %%
state = x0
for k, F in enumerate(net.maps):
    state = dnn.exact_flow(F.field, state, 0.25)
    print(f"t = {0.25 * (k + 1):.2f}   layer {net.states(x0)[k + 1]}   exact {state}")
assert np.linalg.norm(net(x0) - state) < 0.2
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# (Solutions, of this tutorial and of the others: `tutorials/solutions`.)
#
# 1. Give `Flow` a negative step. With `psi = dnn.Euler().step`, what does
#    `psi(X, psi(X, x, h), -h)` give, and why is it not `x`? How does the gap fall when
#    $h$ is halved?
# 2. Write your own tableau, `dnn.RungeKutta(A, b)`, with two stages and order two.
#    Which one-parameter family do you find? Check it with `dnn.checks.order`.
# 3. For which $h$ is one layer of `dnn.ResidualField(dnn.Dense(2, 2, W=-5 * np.eye(2)),
#    dnn.Tanh())` a poor approximation of its flow?
# 4. `X.rhs(t, y)` is what `scipy.integrate.solve_ivp` takes. Solve $\dot x = X(x)$ with
#    it, and compare with `exact`.
