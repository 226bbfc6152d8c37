# %% [markdown]
# # 17. Training by a residual
#
# So far networks learned from solutions. But if the equation $\dot x = X(x)$ is known,
# it can be asked itself. A network $F(x, t)$ is to be the flow: put it in, and what is
# left of the equation, the *residual*
# $$r(x, t) = \partial_tF(x, t) - X(F(x, t)),$$
# is the loss, at any points $(x, t)$ and with no solution at all. Such a network is
# called *physics-informed*. The loss holds a derivative, so that its gradient is a
# derivative of a derivative: that is the first thing to be understood.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## By hand, once
# One hidden layer, and time alone: $F(t) = B\sigma(z)$, $z = at + b$. Then $\dot F =
# B(\sigma'(z) \odot a)$. The covector $w$ at $\dot F$ is pulled back to $a$ in two
# ways, as $a$ stands there twice, once inside $\sigma'$:
# $$\frac{\partial\langle w, \dot F\rangle}{\partial a} =
# \sigma'(z) \odot B^\top w + \sigma''(z) \odot a \odot B^\top w\; t .$$
# For two layers that fills a page. Instead, let time be a little complex: with
# $\varepsilon = 10^{-30}$
# $$F(t + i\varepsilon) = F(t) + i\varepsilon\dot F(t) + O(\varepsilon^2),$$
# and the imaginary part over $\varepsilon$ is the derivative.
#
# **Before you run the cell:** how many digits of $\dot F$ will be right in this way,
# and how many by $(F(t + h) - F(t))/h$ with the best $h$?

# %%
a, b, B = rng.normal(size=(8, 1)), rng.normal(size=8), rng.normal(size=(2, 8))
F = dnn.ResidualField(dnn.Dense(8, 1, a), dnn.Tanh(), dnn.Dense(2, 8, B))
F.b, t, w, eps = b, np.array([0.7]), np.array([1.0, -2.0]), 1e-30

s = np.tanh(a[:, 0] * t + b)
slope, bend = 1 - s**2, -2 * s * (1 - s**2)  # σ′ and σ″
velocity = B @ (slope * a[:, 0])
by_hand = slope * (w @ B) + bend * a[:, 0] * (w @ B) * t

steps = 10.0 ** -np.arange(1, 15)
quotients = [np.linalg.norm((F(t + h) - F(t)) / h - velocity) for h in steps]
complex_step = np.linalg.norm(F(t + 1j * eps).imag / eps - velocity)
print(f"best difference quotient {min(quotients):.0e}, complex step {complex_step:.0e}")
assert complex_step < 1e-14 < 1e-10 < min(quotients)

# %% [markdown]
# All of them, since nothing is subtracted. The same works for the *pullback*, which is
# a function of $t$, too: at $t + i\varepsilon$ it is $w \mapsto F'(t)^\top w +
# i\varepsilon\,\partial_t(F'(t)^\top w)$, and $\partial_t$ and $\partial_\theta$
# commute. So one pullback at a complex time has both derivatives, and no layer has to
# be told.

# %%
_, pullback = F.vjp(t + 1j * eps)
_, dtheta = pullback(w)
print(f"off by {abs(dtheta[:8].imag / eps - by_hand).max():.0e}")
assert np.allclose(dtheta[:8].imag / eps, by_hand, rtol=1e-14)

# %% [markdown]
# `Residual(F, X)` is the map $(x, t) \mapsto r(x, t)$. Its pullback of $w$ needs
# $F'^\top u$ with $u = -X'(F)^\top w$, and the above: that is the real part of *one*
# pullback at $t + i\varepsilon$, of the covector $u - iw/\varepsilon$.
#
# ## A network that knows where it starts
# A flow begins with $F(x, 0) = x$. One could add that to the loss. Better to build it
# in: $F(x, t) = x + N(x, t) - N(x, 0)$ is `TrialFlow(N)`, whatever $N$ is. An
# oscillator, for times up to 1:
#
# **Before you run the cell:** nobody says a word about cosines. How far off is $F$?

# %%
X, rng = dnn.systems.harmonic_oscillator(), np.random.default_rng(1)
z = rng.uniform([-1.2, -1.2, 0], [1.2, 1.2, 1], (200, 3))  # x and t


def exact(z):
    q, p, t = np.moveaxis(z, -1, 0)
    return np.stack([q * np.cos(t) + p * np.sin(t), p * np.cos(t) - q * np.sin(t)], -1)


N = dnn.ResidualField(dnn.Dense(16, 3, rng=1), dnn.Tanh(), dnn.Dense(2, 16, rng=2))
N.b = rng.normal(size=16)
trial = dnn.TrialFlow(N)
R, zeros = dnn.Residual(trial, X), np.zeros((200, 2))
checks.adjoint(R, z).require()
history = dnn.fit(R, MSE, z, zeros, dnn.LBFGS(), epochs=200)
print(f"mean squared residual {history.loss[0]:.1f} → {history.loss[-1]:.0e}")
error = np.linalg.norm(trial(z) - exact(z), axis=-1)
print(f"error at these points: at most {error.max():.3f}")
assert history.loss[-1] < 1e-3 and error.max() < 0.1

# %% [markdown]
# ## The residual is a certificate
# Without cosines we should not know that error. But the residual we have, everywhere,
# and it bounds the error. Let $e = F - \varphi^t$; then $\dot e = X(F) -
# X(\varphi^t) + r$. If $\langle X(x) - X(y), x - y\rangle \le \mu\|x - y\|^2$, then
# $$\|e(t)\| \le \int_0^t e^{\mu(t - s)}\,\|r(x, s)\|\,ds .$$
# An oscillator turns the plane, and so $\mu = 0$: the error is at most what the
# residual sums up to.
#
# **Before you run the cell:** will the bound be close to the error, or far off?

# %%
s = np.linspace(0, 1, 41)
paths = np.stack([[[*x, t] for t in s] for x in z[:100, :2]])
left = np.linalg.norm(R(paths), axis=-1)
bound = np.cumsum((left[:, 1:] + left[:, :-1]) / 2 * (s[1] - s[0]), axis=-1)
error = np.linalg.norm(trial(paths) - exact(paths), axis=-1)[:, 1:]
tight = (error / bound)[:, -1]
print(f"error over bound at t = 1: {tight.min():.2f} to {tight.max():.2f}")
assert (error < 1.01 * bound).all() and tight.max() > 0.3

fig, ax = plt.subplots()
worst = error[:, -1].argmax()
ax.plot(s[1:], bound[worst], label="the residual, summed up")
ax.plot(s[1:], error[worst], label="the error")
ax.set(xlabel="$t$", title="The worst of 100 initial values")
_ = ax.legend()

# %% [markdown]
# It never fails, and for some initial values there is little between them: a network
# that is trained in this way brings its own error bars.
#
# ## A long time
# For $t > 1$ the network has learned nothing. But $\varphi^n = \varphi^1 \circ \cdots
# \circ \varphi^1$: `FlowAt(F, 1.0)` is the map $x \mapsto F(x, 1)$, and a `Rollout`
# composes it.
#
# **Before you run the cell:** three orbits, of radii ½, ¾ and 1, and an error of one
# per cent or so in each of 500 compositions. Where are they in the end?

# %%
H, T = X.invariants["energy"], np.arange(1, 501)
starts = np.array([[0.5, 0.0], [0.75, 0.0], [1.0, 0.0]])


def energies(F):
    """H at the times 1, …, 500, a row for each of the three orbits."""
    return H(dnn.Rollout(dnn.FlowAt(F, 1.0), 500)(starts))


H_trial, H_0 = energies(trial), H(starts)
first, last = (abs(H_trial[:, k] - H_0).max() for k in (0, -1))
print(f"|H − H₀| at t = 1: {first:.3f}; at t = 500: {last:.3f}")
print("radii at t = 500:", np.sqrt(2 * H_trial[:, -1]).round(2))
assert last > 10 * first and np.ptp(np.sqrt(2 * H_trial[:, -1])) < 0.2

# %% [markdown]
# On one circle, or nearly: the small orbits have grown. The oscillator has no such
# *limit cycle*; the network made it up, and neither its loss nor its error says so.
#
# ## The same loss, with structure
# Tutorial 4 made networks of kicks and drifts. Let the potentials depend on time and
# take away what they do at $t = 0$,
# $$p \leftarrow p - \nabla_qV(q, t) + \nabla_qV(q, 0), \qquad
#   q \leftarrow q + \nabla_pK(p, t) - \nabla_pK(p, 0).$$
# Such a `SympFlowLayer` is $x$ at $t = 0$ and symplectic at *each* $t$, before, during
# and after training (Canizares et al., arXiv:2412.16787). The residual is the same, and
# so are the points.
#
# **Before you run the cell:** the error will be of the same size. And the energy?

# %%
kicks = [
    dnn.SympFlowLayer.random(2, width=12, alpha=0.1, bias=1.0, rng=k) for k in (0, 1)
]
sympflow = dnn.Network(*kicks, dnn.Selection([0, 1], 3))  # (x, t) ↦ x
history = dnn.fit(dnn.Residual(sympflow, X), MSE, z, zeros, dnn.LBFGS(), epochs=120)
error = np.linalg.norm(sympflow(z) - exact(z), axis=-1)
print(f"mean squared residual {history.loss[-1]:.0e}, error at most {error.max():.3f}")
assert history.loss[-1] < 1e-3 and error.max() < 0.1

F = dnn.FlowAt(sympflow, 1.0)
print(checks.symplectic(F, z[:20, :2]).require())
assert F.keeps == {"symplectic", "volume"}

H_symplectic = energies(sympflow)
drift = abs(H_symplectic - H_0[:, None])
print(f"|H − H₀| to t = 50: {drift[:, :50].max():.4f}; to t = 500: {drift.max():.4f}")
assert drift.max() < 1.5 * drift[:, :50].max() and drift.max() < last / 4

fig, axes = plt.subplots(1, 2, figsize=(12, 4.5), sharey=True)
for ax, name, H_t in (
    (axes[0], "Without structure", H_trial),
    (axes[1], "SympFlow", H_symplectic),
):
    ax.plot(T, H_t.T)
    ax.set(xlabel="$t$", title=name, ylim=(0, None))
_ = axes[0].set_ylabel("energy $H$")

# %% [markdown]
# Its errors do not add up: a symplectic map near the flow has an energy of its own,
# near $H$, that it keeps (tutorial 4).
#
# ## Where it fails
# Why not learn a long orbit directly, $t \in [0, T]$? There is one initial value then,
# and time is all that varies.
#
# **Before you run the cell:** an oscillator that loses energy, $\ddot q = -q -
# 0.05\,\dot q$, the same network and the same effort for $T = 5$ and for $T = 40$.
# What does a wrong solution look like, if the residual is small?

# %%
damped = dnn.systems.damped_oscillator(gamma=0.05)
fig, axes = plt.subplots(1, 2, figsize=(12, 4), sharey=True)
off = []
for ax, end in zip(axes, (5, 40)):
    t = np.linspace(0, end, 101)
    orbit = np.stack([0 * t + 1, 0 * t, t], axis=-1)  # x and t
    N = dnn.ResidualField(dnn.Dense(30, 3, rng=0), dnn.Tanh(), dnn.Dense(2, 30, rng=1))
    N.b = -N.A.W[:, 2] * np.linspace(0, end, 30)  # each bends at a time of its own
    F = dnn.TrialFlow(N)
    R = dnn.Residual(F, damped)
    loss = dnn.fit(R, MSE, orbit, np.zeros((101, 2)), dnn.LBFGS(), epochs=100).loss
    solution = dnn.exact_flow(damped, orbit[0, :2], t[1:])
    off.append(np.sqrt(MSE(F(orbit[1:]), solution)))
    print(f"T = {end:2}: mean squared residual {loss[-1]:.0e}, error {off[-1]:.2g}")
    ax.plot(t[1:], solution[:, 0], label="exact")
    ax.plot(t, F(orbit)[:, 0], "--", label="by its residual")
    ax.set(xlabel="$t$", title=f"$T = {end}$")
assert off[0] < 0.01 and loss[-1] < 0.01 and off[1] > 0.2
axes[0].set_ylabel("$q$")
_ = axes[0].legend()
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# It dies. Rest, $x = 0$, is a solution, too, and its residual is 0 for ever after:
# only while the network leaves the right solution for that one is there anything to be
# paid. A small *mean* of $\|r\|^2$ over a long time says little; the bound above says
# it, since it has the integral of $\|r\|$. The way out is short times, composed.
#
# ## Exercises
# 1. `Flow(OwnTime(X), 1 / n, RK4(), steps=n)` and a `Selection` are a flow map $(x, t)
#    \mapsto F(x, t)$ as well, with nothing to be trained. What is its residual for the
#    pendulum at $t = 1$, and how does it fall with $n$?
# 2. A `SympFlowLayer` that is not trained at all: at which $t$ is it symplectic? And
#    what is $\det\partial F/\partial x$ of an untrained `TrialFlow`?
# 3. The other way round. Write the solution of the oscillator as a `Map` $(x, t)
#    \mapsto x$, with its pullback. Is its residual 0? Now forget the field: let a
#    `LinearField(Dense(2, 2))` be learned from that flow, by the same residual.
