# %% [markdown]
# # 4. Symplectic networks: solutions

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import qmc

import dynsys_nn as dnn
from dynsys_nn import checks, systems

rng = np.random.default_rng(3)
pendulum, MSE = systems.pendulum(), dnn.MeanSquaredError()
H = pendulum.invariants["energy"]

# %% [markdown]
# ## Exercise 1
# Without signs $g(q) = -A^\top\sigma(Aq + b)$ is $-\nabla V$ with $V$ convex: a force
# that never stops growing with $q$, in any sum of layers. But the pendulum's, $-\sin
# q$, turns back at $q = \frac\pi2$, and the box reaches to 2. The error sticks,
# here forty times higher. (A smaller version, 128 pairs and 200 epochs; with the
# tutorial's training the factor is larger.)


# %%
def layer(alpha):
    signs = dict(alpha=alpha, bias=1.0, rng=rng)
    f = dnn.GradientField.random(1, 10, sign=1, **signs)
    g = dnn.GradientField.random(1, 10, sign=-1, **signs)
    return dnn.Flow(dnn.PartitionedField(f, g), 0.05, dnn.SymplecticEuler())


x = qmc.scale(qmc.Sobol(2, seed=rng).random(128), (-2, -1.5), (2, 1.5))
y = dnn.exact_flow(pendulum, x, 0.1)
error = {}
for alpha in (1.0, None):
    net = dnn.Network(layer(alpha), layer(alpha))
    dnn.fit(net, MSE, x, y, dnn.LBFGS(), epochs=200)
    error[alpha] = MSE(net(x), y)
    print(f"alpha = {alpha}: MSE {error[alpha]:.1e}")
assert error[None] > 30 * error[1.0]

# %% [markdown]
# ## Exercise 2
# Order four: with $\gamma_1 = 1/(2 - 2^{1/3})$ and $\gamma_0 = 1 - 2\gamma_1$ the
# errors $\propto\gamma^3$ of the three steps cancel, and a symmetric method has no
# error of order four. It is symplectic as a composition of symplectic steps, so its
# energy error stays as that of Störmer–Verlet does, only smaller.

# %%
z0, h = np.array([1.0, 0.0]), 0.2
fig, ax = plt.subplots()
largest = {}
for method in (dnn.StormerVerlet(), dnn.Yoshida(dnn.StormerVerlet())):
    print(checks.order(method, pendulum, z0).require())
    states = dnn.Rollout(dnn.Flow(pendulum, h, method), 2000)(z0)
    drift = np.abs(H(states) - H(z0))
    ax.semilogy(h * np.arange(1, 2001), drift, label=repr(method))
    first, last = drift[:1000].max(), drift[1000:].max()
    assert last < 1.1 * first
    largest[method.order] = last
ax.set(xlabel="time", ylabel="energy error")
_ = ax.legend()
assert largest[4] < largest[2] / 10

# %% [markdown]
# ## Exercise 3
# With $S = V''(p)$, which is symmetric,
# $$D = \begin{bmatrix}0 & I\\ -I & S\end{bmatrix},\quad
# JD = \begin{bmatrix}-I & S\\ 0 & -I\end{bmatrix},\quad
# D^\top JD = \begin{bmatrix}0 & -I\\ I & S\end{bmatrix}
# \begin{bmatrix}-I & S\\ 0 & -I\end{bmatrix}
# = \begin{bmatrix}0 & I\\ -I & S - S\end{bmatrix} = J.$$
# With $+q$ the lower left block of $D$ is $I$, and the same products give $-J$:
# *anti-symplectic*.


# %%
class WrongSign(dnn.Map):
    def __init__(self, dV):
        self.dim_in = self.dim_out = 2 * dV.dim_in
        self.own(dV=dV)

    def __call__(self, z):
        q, p = np.split(z, 2, axis=-1)
        return np.concatenate([p, q + self.dV(p)], axis=-1)


dV = dnn.GradientField.random(2, width=8, sign=1, alpha=1.0, rng=rng)
z = rng.normal(size=(5, 4))
print(checks.symplectic(dnn.HenonMap(dV), z).require())
check = checks.symplectic(WrongSign(dV), z)
print(check)
assert not check.passed and "anti-symplectic" in check.detail

# %% [markdown]
# ## Exercise 4
# In one step of $h = 0.006$ the state moves by about $h\|X\|$, so noise of size $s$
# is an error of $s/h$ in the field. Over $n$ steps it moves $n$ times as far, and the
# noise stays as it is: a straight line fitted to the times $h, 2h, \dots, nh$ has a
# slope that is uncertain by $s/(h\sqrt{1 + 4 + \dots + n^2})$, for ten steps 20 times
# less. (A smaller version: 500 starts, width 16, 100 epochs. That leaves an error of
# $4\cdot10^{-3}$ without any noise, so the noise is $10^{-2}$ here.)

# %%
M = np.array([[5.0, -1.0], [-1.0, 5.0]])


def true_field(z):
    q, p = z[..., :2], z[..., 2:]
    return np.concatenate([p @ M, -(q**3) - q], axis=-1)


h, rng = 0.006, np.random.default_rng(5)
x = rng.uniform(-1, 1, (500, 4))
y = dnn.exact_flow(true_field, x, h * np.arange(1, 11))
y = y + 1e-2 * rng.normal(size=y.shape)
error = {}
for n in (1, 10):
    rng = np.random.default_rng(6)
    X = dnn.PartitionedField.random(4, 16, gradient=True, alpha=0.3, bias=1.0, rng=rng)
    rollout = dnn.Rollout(dnn.Flow(X, h, dnn.StormerVerlet()), n)
    dnn.fit(rollout, MSE, x, y[:, :n], dnn.LBFGS(), epochs=100)
    gap = np.linalg.norm(X(x) - true_field(x))
    error[n] = gap / np.linalg.norm(true_field(x))
    print(f"{n:2} steps: relative error of the field {error[n]:.1e}")
assert error[10] < error[1] / 8
