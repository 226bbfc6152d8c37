# %% [markdown]
# # 5. Networks that keep mass, and other invariants: solutions

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, systems

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# $1^\top y = \sum_{j\le k}\bigl(x_j + \sum_{i>k}x_i\bigr) = \sum_{j\le k}x_j +
# k\sum_{i>k}x_i$: each of the $k$ receives the whole of what is cut. For $k = 2$, $n =
# 3$ it is $x_1 + x_2 + 2x_3$.

# %%
R = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])  # y₁ = x₁ + x₃, y₂ = x₂ + x₃
shares = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
assert (dnn.Restriction(2, 3)(np.eye(3)).T == shares).all()
assert (np.ones(2) @ R == [1, 1, 2]).all() and (np.ones(2) @ shares == 1).all()

# %% [markdown]
# ## Exercise 2
# $I$ is cubic: no Runge–Kutta method keeps it, and the implicit midpoint rule, which
# keeps all quadratic invariants, is no exception. (RK4, most accurate, loses least.)
# The discrete gradient and a step back to the level set keep any invariant.

# %%


def gradient(x):
    x1, x2, x3 = np.moveaxis(x, -1, 0)
    return np.stack([x2 * x3, x1 * x3, x1 * x2], axis=-1)


def hvp(x, v):
    (x1, x2, x3), (v1, v2, v3) = np.moveaxis(x, -1, 0), np.moveaxis(v, -1, 0)
    rows = x2 * v3 + v2 * x3, x1 * v3 + v1 * x3, x1 * v2 + v1 * x2
    return np.stack(rows, axis=-1)


I = dnn.Invariant(lambda x: x.prod(axis=-1), gradient, hvp)
x = rng.uniform(0.5, 1.0, (4, 3))
print(checks.gradient(I, x).require())
X = dnn.InvariantField.random(3, 16, I, rng=rng)
explicit = dnn.Euler(), dnn.RK4()
projected = dnn.Projected(dnn.RK4(), I)
for method in (*explicit, dnn.ImplicitMidpoint(), dnn.DiscreteGradient(), projected):
    flow = dnn.Flow(X, 0.01, method)
    drift = checks.invariant(flow, I, x, steps=100, limit=1e-14)
    print(f"{type(method).__name__:16} {drift.measured:.0e}")
    assert ("invariant" in flow.keeps) == drift.passed
    assert drift.passed == isinstance(method, dnn.DiscreteGradient | dnn.Projected)

# %% [markdown]
# ## Exercise 3
# RK4 has no reason to keep $I$: each round loses the same little, so the drift grows in
# proportion to time. Projected, the steps end on the level set of $I$, and what is left
# is rounding. (1000 steps in place of 10 000 show the same.)

# %%
prey = systems.lotka_volterra()
[(name, I)] = prey.invariants.items()
fig, ax = plt.subplots()
h, n = 0.2, 1000
for method in (dnn.RK4(), dnn.Projected(dnn.RK4(), I)):
    states = dnn.Rollout(dnn.Flow(prey, h, method), n)(prey.x0)
    drift, kind = np.abs(I(states) - I(prey.x0)), type(method).__name__
    ax.loglog(h * np.arange(1, n + 1), np.maximum(drift, 1e-17), label=kind)
    print(f"{kind:10} drift {drift[:100].max():.0e} … {drift.max():.0e}")
    if isinstance(method, dnn.RK4):
        assert 4 < drift.max() / drift[:100].max() < 12
    else:
        assert drift.max() < 1e-13
ax.set(xlabel="time", ylabel=f"drift of {name}")
_ = ax.legend()

# %% [markdown]
# ## Exercise 4
# No: $(M - M^\top)1$ may take from a component that has nothing left. Where the truth
# is 0, the learned component is wrong to both sides, and so below 0. For the error it
# does not matter. But who takes logarithms, or lets a negative number of people infect
# others, needs it. Then build it in: let $k_{ij}(x) \ge 0$ be the rate at which $j$
# becomes $i$, and $\dot x_i = \sum_j (k_{ij}x_j - k_{ji}x_i)$. The sum is kept, and
# what has nothing loses nothing; the SIR system itself has this form. (Trained for 60
# epochs here.)

# %%
h, steps = 0.025, 4
sir = systems.sir()
y0 = rng.dirichlet([1, 1, 1], 500)
y = dnn.exact_flow(sir, y0, h * np.arange(1, steps + 1))
fields = [dnn.MassPreservingField.random(3, width=16, rng=rng) for _ in range(4)]
net = dnn.Network(*[dnn.Flow(X, h / 4) for X in fields])
dnn.fit(dnn.Rollout(net, steps), dnn.MeanSquaredError(), y0, y, dnn.LBFGS(), epochs=60)
edge = np.linspace(0.01, 0.99, 50)
nobody = np.stack([edge, 0 * edge, 1 - edge], axis=-1)  # infected: y₂ is 0, and stays 0
learned = net(nobody)
low, high = learned[:, 1].min(), learned[:, 1].max()
print(f"infected, one step after there were none: {low:.0e} to {high:.0e}")
assert low < 0 < 1e-3 + low and np.abs(learned.sum(axis=-1) - 1).max() < 1e-14


def transfers(x, K):
    return (K @ x[..., None])[..., 0] - K.sum(axis=-2) * x


K = np.zeros((50, 3, 3))
K[:, 1, 0], K[:, 2, 1] = learned[:, 1], 1.0  # infection at the rate y₂, recovery at 1
assert np.allclose(transfers(learned, K), sir(learned), atol=1e-15)
K = rng.uniform(0, 1, (3, 3))  # what a network might learn, by a softplus
state = dnn.Flow(dnn.KnownField(lambda x: transfers(x, K), 3), h, steps=1000)(nobody)
assert (state >= 0).all() and np.abs(state.sum(axis=-1) - 1).max() < 1e-12
