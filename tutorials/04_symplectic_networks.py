# %% [markdown]
# # 4. Symplectic networks
#
# A pendulum without friction swings for ever. Its equations are $\dot z = J\nabla H(z)$
# with $z = (q, p)$, $J = \begin{bmatrix}0 & I\\ -I & 0\end{bmatrix}$ and the energy
# $H$. The energy is kept since $J$ is skew; but the flow keeps more: its Jacobian $D$
# has
# $$D^\top J D = J.$$
# Such a map is *symplectic*. A method whose steps have this property does not gain or
# lose energy steadily.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import qmc

import dynsys_nn as dnn
from dynsys_nn import checks, plotting, systems

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
pendulum = systems.pendulum()
H = pendulum.invariants["energy"]
starts = np.array([[1.0, 0.0], [1.5, 0.0]])

# %% [markdown]
# ## Two methods
# RK4 has order four. Störmer–Verlet has order two, and is a composition of three
# shears, each of which is symplectic: $p \leftarrow p - \tfrac h2 \nabla V(q)$,
# $q \leftarrow q + h p$, $p \leftarrow p - \tfrac h2\nabla V(q)$.
#
# **Before you run the cell:** 10 000 steps of size ½. Which of the two has the smaller
# energy error after the first hundred steps, and which after all of them?


# %%
def energy_errors(step, H, x, n=10_000):
    """|H(x_k) − H(x_0)| for k = 1, …, n, the worst of the batch."""
    states = dnn.Rollout(step, n)(x)  # the axis of time comes after that of the batch
    return np.abs(H(states) - H(x)[:, None]).max(axis=0)


drift = {}
for method in (dnn.RK4(), dnn.StormerVerlet()):
    flow = dnn.Flow(pendulum, 0.5, method)
    drift[method.order] = errors = energy_errors(flow, H, starts)
    print(
        f"{method!r:16} first hundred {errors[:100].max():.1e}   all {errors.max():.1e}"
    )
    print(checks.symplectic(flow, starts))

assert drift[4][:100].max() < drift[2][:100].max()
assert drift[4].max() > 5 * drift[2].max()

# %% [markdown]
# RK4 is the more accurate at first, and its error keeps growing. Störmer–Verlet's stays
# where it was after one swing: up to exponentially small terms it follows the flow of a
# nearby energy.
#
# ## The family
# For any $A$, $b$ and $\alpha$ the map $q \mapsto
# A^\top\operatorname{diag}(\alpha)\,\sigma(Aq + b)$ is a gradient, $\nabla V$ with
# $V(q) = \sum_i\alpha_i\gamma(Aq + b)_i$, $\gamma' = \sigma$. So shears with such maps
# are symplectic for *all* parameters, and compositions of symplectic maps are
# symplectic. A `PartitionedField` of two `GradientField`s knows this. (`alpha=1.0`
# draws the weights $\alpha_i$ from $N(0, 1)$: they have both signs. `bias=1.0` does the
# same for $b$.)


# %%
def symplectic_layer(dim, width, h):
    X = dnn.PartitionedField.random(
        dim, width, gradient=True, alpha=1.0, bias=1.0, rng=rng
    )
    return dnn.Flow(X, h, dnn.SymplecticEuler())


net = dnn.Network(*[symplectic_layer(8, 8, 0.05) for _ in range(20)])
z = rng.normal(size=(5, 8))
for scale in (1, 30):
    net.theta = scale * net.theta
    print(checks.symplectic(net, z).require())
assert net.keeps == {"symplectic", "volume"}

# %% [markdown]
# Where $H(q, p)$ is not of the form $T(p) + V(q)$, take `HamiltonianField`,
# $\dot z = JA^\top\sigma(Az + b)$, and a method that is symplectic for every
# Hamiltonian: the implicit midpoint rule. `DiscreteGradient` keeps the energy itself
# instead: for a general $H$ one cannot have both (Ge and Marsden, 1988).

# %%
X, z = dnn.HamiltonianField.random(4, width=8, rng=rng), z[:, :4]
for method in (dnn.ImplicitMidpoint(), dnn.DiscreteGradient()):
    flow = dnn.Flow(X, 0.3, method)
    form, energy = checks.symplectic(flow, z), checks.invariant(flow, X.hamiltonian, z)
    print(f"{method!r:19} keeps {', '.join(sorted(flow.keeps))}")
    print(form, energy, sep="\n")
    assert ("symplectic" in flow.keeps) == form.passed
    assert ("energy" in flow.keeps) == energy.passed

# %% [markdown]
# ## Learning the pendulum's flow
# We know pairs $(z, \varphi^{0.1}(z))$ from the box $[-2, 2]\times[-1.5, 1.5]$: 256 of
# them, evenly spread. Two layers, four shears, against a ResNet with as many
# parameters.

# %%
rng = np.random.default_rng(3)
x = qmc.scale(qmc.Sobol(2, seed=rng).random(256), (-2, -1.5), (2, 1.5))
y = dnn.exact_flow(pendulum, x, 0.1)
symplectic = dnn.Network(*[symplectic_layer(2, 10, 0.05) for _ in range(2)])
fields = [dnn.ResidualField.random(2, width=12, bias=1.0, rng=rng) for _ in range(2)]
resnet = dnn.Network(*[dnn.Flow(X, 0.05) for X in fields])
assert symplectic.theta.size == resnet.theta.size == 120
lbfgs = dnn.LBFGS(corrections=50)  # it sees the Hessian through its last 50 steps
for net in (symplectic, resnet):
    print(dnn.fit(net, dnn.MeanSquaredError(), x, y, lbfgs, epochs=1800))

# %% [markdown]
# **Before you run the cell:** both are good for one step. What will the energy do in 10
# 000 steps of each network?

# %%
test = rng.uniform((-2, -1.5), (2, 1.5), (4000, 2))
fig, ax = plt.subplots(figsize=(8, 5))
errors = {}
for name, net in (("symplectic", symplectic), ("ResNet", resnet)):
    mse = dnn.MeanSquaredError()(net(test), dnn.exact_flow(pendulum, test, 0.1))
    errors[name] = energy_errors(net, H, starts)
    first, last = errors[name][:1000].max(), errors[name][-1000:].max()
    print(f"{name:10}  test MSE {mse:.1e}", end="   ")
    print(f"energy error: first thousand {first:.1e}, last thousand {last:.1e}")
    largest = np.maximum.accumulate(errors[name])
    ax.loglog(0.1 * np.arange(1, 10_001), largest, label=name)
    assert mse <= 2e-10
    stays = last <= 1.05 * first and last <= 3e-4
    assert stays if name == "symplectic" else last > 3 * first
ax.set(xlabel="time", ylabel="largest energy error so far")
ax.set(title="10 000 learned steps")
_ = ax.legend()

# %% [markdown]
# The symplectic network's energy error stays; the ResNet's grows in proportion to time,
# though single steps of both are accurate to $2\cdot10^{-10}$ in the mean square.
#
# ## Learning a Hamiltonian
# Now we want the *energy*, not only the flow. Take one field
# $(q, p)' = (\nabla T(p), -\nabla V(q))$, step it by Störmer–Verlet, and fit its steps
# to observed trajectories; the field itself is what we keep (the flow looks at its
# parameters, so what trains the flow trains the field). The truth is
# $$H = \tfrac12 p^\top M p + \sum_i\bigl(\tfrac14 q_i^4 + \tfrac12 q_i^2\bigr),\qquad
# M = \begin{bmatrix}5 & -1\\ -1 & 5\end{bmatrix},$$
# observed from 512 starts in $[-1, 1]^4$, a time 0.006 later.

# %%
M = np.array([[5.0, -1.0], [-1.0, 5.0]])


def true_energy(z):
    q, p = z[..., :2], z[..., 2:]
    return ((p @ M) * p).sum(axis=-1) / 2 + (q**4 / 4 + q**2 / 2).sum(axis=-1)


def true_field(z):
    q, p = z[..., :2], z[..., 2:]
    return np.concatenate([p @ M, -(q**3) - q], axis=-1)


h, rng = 0.006, np.random.default_rng(5)
x = qmc.scale(qmc.Sobol(4, seed=rng).random(512), -1, 1)
y = dnn.exact_flow(true_field, x, h)
X = dnn.PartitionedField.random(4, 32, gradient=True, alpha=0.3, bias=1.0, rng=rng)
step = dnn.Flow(X, h, dnn.StormerVerlet())
print(dnn.fit(step, dnn.MeanSquaredError(), x, y, lbfgs, epochs=1300))

grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 4), axis=-1)
truth = true_field(grid)
error = np.linalg.norm(X(grid) - truth) / np.linalg.norm(truth)
print(f"relative error of the learned field on a grid of 9⁴ points: {error:.1e}")
assert error <= 5e-4

# %% [markdown]
# The learned energy is `X.hamiltonian`, known up to a constant. On the plane
# $q_2 = p_2 = 0$:

# %%
q, p = np.meshgrid(np.linspace(-1, 1, 81), np.linspace(-1, 1, 81))
plane = np.stack([q, 0 * q, p, 0 * p], axis=-1)
learned, true = (E(plane) - E(np.zeros(4)) for E in (X.hamiltonian, true_energy))
fig, ax = plt.subplots(figsize=(7, 5.5))
shown = ax.contourf(q, p, learned, 12)
dashed = dict(colors="white", linewidths=1.5, linestyles="dashed")
ax.contour(q, p, true, shown.levels, **dashed)
fig.colorbar(shown, label="energy")
ax.set(xlabel="$q_1$", ylabel="$p_1$", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
ax.set(title="learned energy; dashed: the true one")
gap = np.abs(learned - true).max()
print(f"energies differ by at most {gap:.1e}; they go up to {true.max():.2f}")
assert gap < 2e-3
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. Learn the pendulum again without weights `alpha`, with `sign=-1` for the force `g`
#    and `sign=1` for `f`. The error sticks: without signs the force is monotone, and
#    $\sin q$ is not beyond $\pi/2$.
# 2. `dnn.Yoshida(dnn.StormerVerlet())` takes three steps of sizes $\gamma_1 h$,
#    $\gamma_0 h$, $\gamma_1 h$, the middle one backwards. Check its order with
#    `checks.order`, and draw its energy error on the pendulum.
# 3. The Hénon map $(q, p) \mapsto (p + \eta, -q + \nabla V(p))$ is symplectic. Verify
#    $D^\top JD = J$ by hand, then with `dnn.HenonMap`. What does $+q$ in place of $-q$
#    do? (Write it as a `dnn.Map` with `__call__` alone, and `checks.symplectic` has a
#    word for it.)
# 4. Add noise of $10^{-3}$ to the observations of the last section. Why is one step no
#    longer enough, and what does a `dnn.Rollout` of ten steps do about it?
