# %% [markdown]
# # 8. Learning a flow map
#
# We observe a system at times $0, h, 2h, \dots$ and want the map that takes a state to
# the next one: a network $\Psi$ that we may iterate for as long as we please. The
# system is the SIR epidemic on the simplex, in the setting of arXiv:2210.02373: 2000
# initial states, four steps of 0.025.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import systems

rng = np.random.default_rng(0)
h, steps = 0.025, 4
sir = systems.sir()
y0 = rng.dirichlet([1, 1, 1], 2000)  # uniform on the simplex
y = dnn.exact_flow(sir, y0, h * np.arange(1, steps + 1))
print("data", y.shape)
assert y.shape == (2000, 4, 3) and np.abs(y.sum(axis=-1) - 1).max() < 1e-13

# %% [markdown]
# ## How good is good?
# An error means nothing without something to compare it with. Predicting no motion at
# all:
#
# **Before you run the cell:** the state moves by about $h\|X\|$ a step. What will the
# mean squared error of "nothing moves" be?

# %%
loss = dnn.MeanSquaredError()
nothing = loss(np.repeat(y0[:, None], steps, axis=1), y)
print(f"no motion: {nothing:.1e}")
assert 1e-5 < nothing < 1e-3

# %% [markdown]
# ## The network
# Four Euler sub-steps of $\dot y = (M - M^\top)1$, so the total stays one by
# construction. `Rollout` feeds the network its own output:
# $y_0 \mapsto (\Psi(y_0), \Psi(\Psi(y_0)), \dots)$. Trained on that, the network learns
# from errors that it will make later.

# %%
fields = [dnn.MassPreservingField.random(3, width=16, rng=rng) for _ in range(4)]
net = dnn.Network(*[dnn.Flow(X, h / 4) for X in fields])
fed = dnn.Rollout(net, steps)
print(net.summary())

# %% [markdown]
# 448 parameters, no noise, and 500 of the trajectories are enough: a quasi-Newton
# method on this one batch gets much further than stochastic gradients would.

# %%
history = dnn.fit(fed, loss, y0[:500], y[:500], dnn.LBFGS(), epochs=450)
error = loss(fed(y0[500:]), y[500:])
print(history, f"\ntest error {error:.1e}")
assert net.theta.size == 448 and error < 2e-10 and error < 1e-6 * nothing

# %% [markdown]
# More than a million times below "no motion", on the 1500 trajectories that it has not
# seen.
#
# ## Iterating far beyond the data
# **Before you run the cell:** after 4000 steps, $t = 100$: is the total still one, and
# is the learned state still right?

# %%
start = np.array([0.6, 0.4, 0.0])
states = dnn.Rollout(net, 4000)(start)
truth = dnn.exact_flow(sir, start, h * np.arange(1, 4001))
total = np.abs(states.sum(axis=-1) - 1).max()
gaps = np.abs(states - truth).max(axis=-1)
print(f"total off by {total:.1e}")
print(f"state off by {gaps[:800].max():.1e} to t = 20, by {gaps.max():.1e} to t = 100")
assert total < 1e-12 and gaps[:800].max() < 2e-2

# %% [markdown]
# What is built in holds for ever; what is learned holds for as long as its errors stay
# small. The end of an epidemic is a line of equilibria ($y_2 = 0$), and along it
# nothing pulls a small error back.
#
# ## Is it a flow?
# $\varphi^{s+t} = \varphi^s \circ \varphi^t$. The learned map was never told, but from
# one step of $h$ we can ask how well half the sub-layers do half the way:

# %%
half = net[:2](y0[500:])  # the network of the first two layers
gap = np.abs(half - dnn.exact_flow(sir, y0[500:], h / 2)).max()
moved = np.abs(half - y0[500:]).max()
print(f"half the network is off by {gap:.1e} at h/2, where states move by {moved:.1e}")
assert gap > 1e-5

# %% [markdown]
# Not at all well: only the whole was trained. The sub-layers divide the labour as they
# like.
#
# ## Exercises
# 1. Train with `dnn.Adam(1e-2)` and mini-batches for as long as L-BFGS took. How far do
#    you get?
# 2. Replace the fields by `ResidualField`s of the same size. What happens to the total
#    after 4000 steps?
# 3. Learn with one sub-layer and with eight, at equal training time. Which gets
#    further? What limits the first, what the second?
