# %% [markdown]
# # 5. Networks that keep mass, and other invariants
#
# Chemical reactions, epidemics, probabilities: the components of the state change,
# their sum does not. A network that must learn the conservation law from data will get
# it nearly right. A network that has it built in gets it right.

# %%
import numpy as np
from scipy.stats import qmc

import dynsys_nn as dnn
from dynsys_nn import checks, systems

rng = np.random.default_rng(0)
mass = dnn.Mass()  # I(x) = 1ᵀx

# %% [markdown]
# ## The family
# If $S$ is skew, then $1^\top S 1 = 0$. So for *any* matrix $M(x)$
# $$\dot x = \{M_\theta(x) - M_\theta(x)^\top\}\,1, \qquad
# \operatorname{vec} M_\theta(x) = C\,\Sigma(Ax + b),$$
# keeps $1^\top x$. Only the strict upper triangle of $M$ matters: $d(d-1)/2$ rows in
# $C$ are enough.

# %%
A, C = dnn.Dense(16, 3, rng=rng), dnn.Dense(3, 16, rng=rng)
X = dnn.MassPreservingField(A, dnn.Tanh(), C)
x = rng.uniform(0, 1, (5, 3))
print("1ᵀX =", mass(X(x)), "\nS(x₀) =\n", X.skew(x[0]))
assert np.abs(mass(X(x))).max() < 1e-15

# %% [markdown]
# ## The integrator
# A Runge–Kutta step adds a linear combination of slopes, each of which sums to zero. So
# *every* Runge–Kutta method keeps mass, and Euler will do.
#
# **Before you run the cell:** a thousand Euler steps. How far will the sum have moved?

# %%
for method in (dnn.Euler(), dnn.RK4()):
    flow = dnn.Flow(X, 0.1, method)
    print(checks.invariant(flow, mass, x, steps=1000).require())

# %% [markdown]
# By rounding errors only. This is special to *linear* invariants: see the last part of
# this tutorial for the others.
#
# ## Learning the system of arXiv:2210.02373
# $$\dot y = \begin{bmatrix}0 & -y_3y_1^2 & y_2y_3\\
# y_3y_1^2 & 0 & -\sin y_1\\ -y_2y_3 & \sin y_1 & 0\end{bmatrix} 1$$
# We know it only by pairs $(y, \varphi^{0.1}(y))$ from the box $[-0.6, 2]^3$, and learn
# the map with two Euler sub-layers. `.random` draws $A$ and $C$ as above, and with
# `bias=1.0` random biases $b$, so that the tanhs bend in different places; the points
# fill the box evenly, so that its faces are not left out.

# %%
system = systems.mass_example()
y = qmc.scale(qmc.Sobol(3, seed=rng).random(512), -0.6, 2.0)
y_next = dnn.exact_flow(system, y, 0.1)


def network(family):
    fields = [family.random(3, width=32, bias=1.0, rng=rng) for _ in range(2)]
    return dnn.Network(*[dnn.Flow(X, 0.05) for X in fields])


structured, plain = network(dnn.MassPreservingField), network(dnn.ResidualField)
for net in (structured, plain):
    print(dnn.fit(net, dnn.MeanSquaredError(), y, y_next, dnn.LBFGS(50), epochs=600))

# %% [markdown]
# **Before you run the cell:** both have the same size and have seen the same data.
# Which is more accurate on points it has not seen — and after 20 steps?

# %%
test = rng.uniform(-0.6, 2, (500, 3))
start = rng.uniform(0, 1, (50, 3))
truth = dnn.exact_flow(system, start, 0.1 * np.arange(1, 21))
for name, net in (("mass-preserving", structured), ("plain", plain)):
    error = dnn.MeanSquaredError()(net(test), dnn.exact_flow(system, test, 0.1))
    rollout = dnn.Rollout(net, 20)(start)
    worst = np.linalg.norm(rollout - truth, axis=-1).max()
    drift = np.abs(mass(rollout) - mass(start)[:, None]).max()
    print(f"{name:16} test MSE {error:.1e}   worst error to T = 2 {worst:.1e}", end="")
    print(f"   drift of the mass {drift:.1e}")
    assert (drift < 1e-14) == (net is structured) and error < 1e-6

# %% [markdown]
# Neither: both learn the map. What the structure buys here is the mass, after 20 steps
# as after one. (With four times the data and eight times the training the structured
# one gets below $10^{-9}$: `train(structured, 5000)` in
# `figures/mass_preservation.py`.)
#
# ## Lifting without losing
# `Lift` pads zeros, which keeps the sum. Cutting components off would lose mass, so
# `Restriction` hands what it cuts to the others, in equal shares:
# $y_j = x_j + \frac1k \sum_{i>k} x_i$. The whole network then keeps mass, and says so.

# %%
wide = dnn.MassPreservingField.random(10, width=20, rng=rng)  # C has 45 rows
net = dnn.Network(dnn.Lift(10, 3), dnn.Flow(wide, 0.1), dnn.Restriction(3, 10))
print(net.summary())
assert net.keeps == {"mass"} and np.abs(mass(net(x)) - mass(x)).max() < 1e-14

# %% [markdown]
# ## A trap: one-way streets
# Without $C$ the entries of $M$ are activations. With a sigmoid and the upper triangle
# alone they are all positive: the first component can only gain, the last only lose,
# whatever is learned.

# %%
one_way = dnn.MassPreservingField(dnn.Dense(3, 3, rng=rng), dnn.Sigmoid())
one_way.theta = 10 * rng.normal(size=one_way.theta.shape)
velocities = one_way(rng.normal(size=(1000, 3)))
first, _, last = velocities.T
print(f"ẋ₁ from {first.min():.2f} to {first.max():.2f}")
print(f"ẋ₃ from {last.min():.2f} to {last.max():.2f}")
assert (first >= 0).all() and (last <= 0).all()

# %% [markdown]
# ## Any invariant
# $\dot x = S(x)\nabla I(x)$ with $S = M - M^\top$ keeps $I$, since
# $\dot I = \nabla I^\top S\,\nabla I = 0$. Mass is $I = 1^\top x$. With
# $I = \frac12\|x\|^2$ the states stay on spheres, $\dot x = S(x)x$; with
# $I = \frac12x^\top Qx$ on ellipsoids; and `dnn.Invariant(value, gradient, hvp)` takes
# any other. Here $I(x) = \sum_i (x_i^2 + \cos 2x_i)/2$.


# %%
wavy = dnn.Invariant(
    lambda x: ((x**2 + np.cos(2 * x)) / 2).sum(axis=-1),
    lambda x: x - np.sin(2 * x),
    lambda x, v: (1 - 2 * np.cos(2 * x)) * v,
)
invariants = {
    "mass": dnn.Mass(),
    "½‖x‖²": dnn.SquaredNorm(),
    "½xᵀQx": dnn.Quadratic(np.diag([1.0, 2.0, 3.0])),
    "wavy": wavy,
}
fields = {
    name: dnn.InvariantField.random(3, 16, I, rng=rng) for name, I in invariants.items()
}

# %% [markdown]
# Which *method* keeps which invariant?
#
# - `Euler`, and every Runge–Kutta method: linear ones.
# - `ImplicitMidpoint`: quadratic ones too. It solves $y = x + hX(\frac{x+y}2)$ by
#   Newton's method.
# - `Cayley`, $(I - \frac h2S(x))\,y = (I + \frac h2S(x))\,x$: the same ones, by one
#   linear solve; of order one.
# - `DiscreteGradient`: all of them. It puts $\bar\nabla I(x, y)$ in the place of
#   $\nabla I$, with $\langle\bar\nabla I, y - x\rangle = I(y) - I(x)$.
# - `Projected(method, I)`: any method, on any field, and a step back to the level set
#   of $I$.
#
# **Before you run the cell:** in the table of drifts over fifty steps, which
# entries will be at rounding?

# %%
quadratic = ["mass", "½‖x‖²", "½xᵀQx"]
kept = {
    dnn.Euler(): ["mass"],
    dnn.ImplicitMidpoint(): quadratic,
    dnn.Cayley(): quadratic,
    dnn.DiscreteGradient(): [*invariants],
    "Projected": [*invariants],
}
print(" " * 20 + "".join(f"{name:>10}" for name in invariants))
for method, names in kept.items():
    row = f"{method!s:20}"
    for name, I in invariants.items():
        if isinstance(method, dnn.Cayley) and name == "wavy":  # its ∇I is not linear
            row += f"{'–':>10}"
            continue
        psi = dnn.Projected(dnn.RK4(), I) if method == "Projected" else method
        flow = dnn.Flow(fields[name], 0.1, psi)
        drift = checks.invariant(flow, I, x[:2], steps=50, limit=1e-12)
        row += f"{drift.measured:10.0e}"
        assert drift.passed == (name in names) == bool(flow.keeps), (method, name)
    print(row)

# %% [markdown]
# And every one of them says beforehand what it keeps: `flow.keeps`, as the last
# assertion checks.
#
# ## Two invariants at once
# A free rigid body keeps its energy and the length of its angular momentum, both
# quadratic: the implicit midpoint rule keeps both, an explicit method neither.
# (Newton's method iterates until the residual stops decreasing. With a tolerance of
# $10^{-12}$ the energy would drift.)

# %%
body = systems.rigid_body()
for method, passes in ((dnn.RK4(), False), (dnn.ImplicitMidpoint(), True)):
    flow = dnn.Flow(body, 0.1, method)
    for name, I in body.invariants.items():
        check = checks.invariant(flow, I, body.x0, steps=300)
        print(f"{method!r:18} {name:8}", check)
        assert check.passed == passes

# %% [markdown]
# ## Exercises
# 1. Which weighted sum of $x$ becomes $1^\top y$ if you replace the $1/k$ of
#    `Restriction` by $1$? Write it down for $k = 2$, $n = 3$.
# 2. Write $I(x) = x_1x_2x_3$ as a `dnn.Invariant`, build its `InvariantField`, and see
#    which methods keep it. Check your three functions by `checks.gradient(I, x)`. (Take
#    h = 0.01: the level sets reach to infinity, and so may solutions, in finite time.)
# 3. Prey and predators, `systems.lotka_volterra()`, keep an invariant that is not
#    quadratic. Plot its drift under `RK4()` and under `Projected(RK4(), I)` over 10 000
#    steps.
# 4. Probabilities: does the learned SIR flow of tutorial 8 keep its components
#    positive? Need it?
