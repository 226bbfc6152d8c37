# %% [markdown]
# # 14. Time, and neural ODEs
#
# So far a field did not know what time it is: $\dot x = X(x)$. Pendulums are pushed,
# swings are pumped, and the layers of a network differ: $\dot x = N(x, t)$. Do all
# methods, and all adjoints, have to be written again? No. *Time is one more state*, and
# so is the time that a sample is given.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## A clock among the components
# $$\frac{d}{d\tau}\begin{pmatrix} x \\ t \end{pmatrix} =
# \begin{pmatrix} N(x, t) \\ 1 \end{pmatrix}$$
# is a field like any other, in one dimension more, and `TimeDependent(N)` is that
# field. A stage $Y_i = z + h\sum_j a_{ij}Z(Y_j)$ of a Runge–Kutta method then has the
# time $t + c_ih$ by itself, $c_i = \sum_j a_{ij}$.
#
# **Before you run the cell:** $\dot x = 4t^3$, $x(0) = 0$. Where does one step of RK4
# arrive, where one of Heun's method, and where should they?

# %%
cubic = dnn.TimeDependent(lambda t, x: 4 * t[..., None] ** 3 + 0 * x, 1)
start, h = np.array([0.0, 0.0]), 0.5  # x and t
for method in (dnn.RK4(), dnn.Heun()):
    x, t = method.step(cubic, start, h)
    print(f"{method!r:8} x = {x:.4f} at t = {t:.1f}, h⁴ = {h**4}")
    assert (abs(x - h**4) < 1e-16) == isinstance(method, dnn.RK4)

# %% [markdown]
# Where $N$ depends on $t$ alone a step is a quadrature rule: RK4 is Simpson's, which is
# exact for cubics; Heun's method is the trapezoidal rule. This is the test that stage
# times cannot hide from. A method that takes all stages at the time $t$ passes every
# test on $\dot x = X(x)$, and has order one here.

# %%
pendulum, T = dnn.systems.driven_pendulum(), 5.0
exact = dnn.exact_flow(pendulum, pendulum.x0, T)


class Frozen(dnn.TimeDependent):
    """The mistake: the clock stands still within a step."""

    def __call__(self, z):
        return super().__call__(z) * [1, 1, 0]


def mistaken(n):
    X, z = Frozen(*pendulum.arguments().values()), pendulum.x0
    for _ in range(n):
        z = dnn.RK4().step(X, z, T / n) + [0, 0, T / n]
    return z


steps = np.array([50, 100, 200, 400])
flows = [dnn.Flow(pendulum, T / n, dnn.RK4(), steps=n) for n in steps]
fig, ax = plt.subplots()
for label, order, ends in (
    ("RK4", 4, [F(pendulum.x0) for F in flows]),
    ("the clock stands still in a step", 1, [mistaken(n) for n in steps]),
):
    errors = np.linalg.norm(np.array(ends) - exact, axis=-1)
    plotting.convergence(T / steps, errors, order, ax=ax, label=label)
    slope = np.log2(errors[-2] / errors[-1])
    print(f"{label:33} {errors[-1]:.0e}, order {slope:.2f}")
    assert abs(slope - order) < 0.3
ax.set(xlabel="$h$", ylabel="error at $t = 5$")
_ = ax.legend()

# %% [markdown]
# ## Two clocks
# A symplectic method moves the halves in turn, $q \leftarrow q + hf(p, t)$ and
# $p \leftarrow p + hg(q, t)$. At which times? If each half carries a clock, $(q, s)$
# and $(p, t)$, the methods need not be told: the kick finds the time $s$ that $q$ has
# reached, the drift the time $t$ of $p$. Mathieu's equation
# $$\ddot q = -(\delta + \varepsilon\cos t)\,q$$
# is a child on a swing. It is linear, so that one period is a matrix $M$ with
# $\det M = 1$, and the swing goes up where $|\operatorname{tr} M| > 2$.
#
# **Before you run the cell:** at which $\delta$, roughly, does pumping work? (The swing
# alone turns with the frequency $\sqrt\delta$.)


# %%
def monodromy(delta, epsilon=0.3, method=dnn.StormerVerlet(), n=30):
    X = dnn.systems.mathieu(delta, epsilon)
    return dnn.StartedAt(dnn.Flow(X, 2 * np.pi / n, method, steps=n)).jacobian([0, 0])


deltas = np.linspace(0, 1.3, 66)
matrices = np.array([monodromy(delta) for delta in deltas])
traces, unstable = np.trace(matrices, axis1=-2, axis2=-1), []
fig, ax = plt.subplots()
ax.plot(deltas, traces)
ax.fill_between(deltas, -2, 2, alpha=0.2)
ax.set(xlabel="δ", ylabel="trace of M", title="It grows outside of the band")
print("|det M − 1| ≤", f"{abs(np.linalg.det(matrices) - 1).max():.0e}")
assert abs(np.linalg.det(matrices) - 1).max() < 1e-13
assert traces[abs(deltas - 0.25).argmin()] < -2 < traces[abs(deltas - 0.6).argmin()] < 2

reference = 2.0027709702616794  # at δ = 1, by a method of order eight
yoshida = dnn.Yoshida(dnn.StormerVerlet())
gaps = [
    abs(np.trace(monodromy(1.0, method=yoshida, n=n)) - reference) for n in (50, 100)
]
print(f"δ = 1: the trace to {gaps[1]:.0e}, order {np.log2(gaps[0] / gaps[1]):.2f}")
assert abs(np.log2(gaps[0] / gaps[1]) - 4) < 0.1

# %% [markdown]
# Around δ = ¼: one pushes twice in a period of the swing. And, only just, near δ = 1.
# The determinant is one to rounding, for each number of steps: that the shears change
# with time does them no harm. `StartedAt(flow, t0)` is the flow as a map of $(q, p)$
# alone, all of which start at the time $t_0$.
#
# ## A neural ODE
# A ResNet has weights for each layer. A *neural ODE* (Chen et al., arXiv:1806.07366)
# has one field, whose flow is the network; with time in it its layers still differ. 66
# numbers separate the two moons:

# %%
x, y = dnn.datasets.moons(300, rng=0)
X = dnn.TimeDependent.random(2, width=11, bias=1.0, rng=1)
net = dnn.Network(
    dnn.StartedAt(dnn.Flow(X, 0.1, dnn.RK4(), steps=10)), dnn.Affine(2, 2, rng=2)
)
options = dict(epochs=100, batch_size=100, rng=0)
dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, dnn.Adam(0.03), **options)
x_test, y_test = dnn.datasets.moons(1000, rng=1)
accuracy = (net(x_test).argmax(axis=-1) == y_test).mean()
print(f"{X.theta.size} parameters of the field: {100 * accuracy:.1f} % of new points")
assert accuracy > 0.98

step = dnn.Flow(X, 0.1, dnn.RK4())
path = dnn.Network(dnn.Lift(3, 2), dnn.Rollout(step, 10), dnn.Selection([0, 1], 3))
assert np.allclose(path(x)[:, -1], net[0](x))
fig, ax = plt.subplots()
for k in range(60):
    ax.plot(*np.vstack([x[k], path(x[k])]).T, color=f"C{y[k]}", alpha=0.4)
ax.scatter(*net[0](x[:60]).T, c=[f"C{label}" for label in y[:60]], zorder=3)
_ = ax.set(xlabel="$x_1$", ylabel="$x_2$", title="Each point's way through the flow")

# %% [markdown]
# `Lift` starts the clock at 0 and `Selection` drops it again: `path` is the same flow
# with all the states between. Ways may cross in this picture, at different times.
#
# ## Each sample has its own time
# Observations come when they come. To go from $x_k$ to $x_{k+1}$ takes the time
# $T_k = t_{k+1} - t_k$, another one for each $k$, and a batch has one step $h$. But
# $$\frac{d}{d\tau}\begin{pmatrix} x \\ T \end{pmatrix} =
# \begin{pmatrix} T\,X(x) \\ 0 \end{pmatrix}$$
# takes each $x$ to its own $T$ while τ goes from 0 to 1. That field is `OwnTime(X)`.

# %%
spiral = dnn.KnownField(lambda x: x**3 @ np.array([[-0.1, -2.0], [2.0, -0.1]]), 2)
t = np.append(0, np.sort(rng.uniform(0, 10, 150)))
seen = dnn.exact_flow(spiral, np.array([2.0, 0.0]), t)
gaps = np.diff(t)[:, None]
print(f"gaps from {gaps.min():.4f} to {gaps.max():.2f}")

X = dnn.ResidualField.random(2, width=24, bias=1.0, rng=1)
own = dnn.Flow(dnn.OwnTime(X), 1 / 4, dnn.RK4(), steps=4)
net = dnn.Network(own, dnn.Selection([0, 1], 3))
history = dnn.fit(
    net, MSE, np.hstack([seen[:-1], gaps]), seen[1:], dnn.LBFGS(), epochs=300
)
print(f"mean squared error {history.loss[-1]:.0e}")
assert history.loss[-1] < 1e-6

times = np.linspace(0, 10, 400)
learned = dnn.exact_flow(X, seen[0], times)  # any times: it is a field that was learned
off = abs(learned - dnn.exact_flow(spiral, seen[0], times)).max()
fig, ax = plt.subplots()
ax.plot(*learned.T, label="learned")
ax.plot(*seen.T, "o", markersize=4, label="seen, at irregular times")
ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
print(f"150 steps on from the first state alone: off by {off:.2f}")
assert off < 0.1

# %% [markdown]
# ## What a field without time cannot do
# Two solutions of $\dot x = X(x)$ never cross, and none crosses itself. A figure of
# eight does. **Before you run the cell:** which of the two networks learns it, and what
# does the other do at the crossing?


# %%
def eight(t):
    return np.stack([np.sin(t), np.sin(2 * t) / 2], axis=-1)


t = np.append(0, np.sort(rng.uniform(0, 2 * np.pi, 200)))
samples = np.hstack([eight(t[:-1]), t[:-1, None], np.diff(t)[:, None]])  # x, t, T
times = np.linspace(0, 2 * np.pi, 200)
fig, axes = plt.subplots(1, 2, figsize=(12, 5), sharex=True, sharey=True)
losses, misses = [], []
for ax, kind in zip(axes, ("without time", "with time")):
    if kind == "with time":
        X, first = dnn.TimeDependent.random(2, width=24, bias=1.0, rng=0), np.zeros(3)
        columns = [0, 1, 2, 3]
    else:
        X, first = dnn.ResidualField.random(2, width=24, bias=1.0, rng=0), np.zeros(2)
        columns = [0, 1, 3]
    own = dnn.Flow(dnn.OwnTime(X), 1 / 2, dnn.RK4(), steps=2)
    net = dnn.Network(own, dnn.Selection([0, 1], len(columns)))
    history = dnn.fit(
        net, MSE, samples[:, columns], eight(t[1:]), dnn.LBFGS(), epochs=300
    )
    learned = dnn.exact_flow(X, first, times)[:, :2]
    losses.append(history.loss[-1])
    misses.append(abs(learned - eight(times)).max())
    ax.plot(*learned.T, label="learned")
    ax.plot(*eight(t).T, "o", markersize=4, label="seen")
    ax.set(
        title=f"{kind}: mean squared error {losses[-1]:.0e}",
        xlabel="$x_1$",
        xticks=(-1, 0, 1),
    )
axes[0].set_ylabel("$x_2$")
_ = axes[0].legend()
assert losses[0] > 100 * losses[1] and misses[1] < 0.1 < misses[0]

# %% [markdown]
# In $(x, t)$ the eight does not cross itself. In the plane it does, and a field has one
# direction at the crossing, not two.
#
# ## What is certain, with time
# In $(x, t)$ no field with a clock contracts: two clocks that differ go on to differ.
# But inputs of a network all start at the same time, and what counts is how far two
# *such* solutions get apart. If $N(x, t) = -\nabla_xV(x, t)$, $V$ convex in $x$ at each
# time, that is never further. The certificate knows.

# %%
X = dnn.TimeDependent.random(2, width=8, gradient=True, bias=1.0, rng=0)
longest = dnn.Heun().non_expansive_step(X.at(0.0))  # X.at(t) is x ↦ N(x, t)
flow = dnn.Flow(X, longest, dnn.Heun(), steps=10)
F = dnn.StartedAt(flow, t0=0.0)
points = rng.normal(size=(200, 2))
stretch = np.linalg.svd(F.jacobian(points))[1].max()
print(f"certified {F.lipschitz():.12f}, measured {stretch:.3f}")
print(f"in (x, t): certified {flow.lipschitz():.0e}")
assert stretch <= F.lipschitz() <= 1 + 1e-12 < flow.lipschitz()
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. A neural ODE on the line cannot turn $x$ into $-x$, with time or without. Why?
#    Let one try, and then give it a second dimension.
# 2. `OwnTime` has a gradient in $T$: what is it, for the exact flow? Find the time at
#    which the pendulum, let go at $q = 1.5$, first passes through $q = 0$, by Newton's
#    method on $T$.
# 3. Train the time-dependent network on the moons through `continuous_adjoint`, or
#    compare one gradient: how large is the gap for 5, 10, 20 steps of RK4?
