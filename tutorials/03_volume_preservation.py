# %% [markdown]
# # 3. Networks that keep volume
#
# The recipe of the lecture: a property → a family of fields whose flows have it → an integrator that keeps it. The
# property here is *volume*: $\det \Psi'(x) = 1$ for every $x$. By Liouville's theorem the fields are those without
# divergence.

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng = np.random.default_rng(0)

# %% [markdown]
# ## The family
# Split the state, $(x, v)$, and let each half push the other:
# $$\dot x = \Sigma(Av + a), \qquad \dot v = \Sigma(Bx + b).$$
# The diagonal blocks of the Jacobian vanish, whatever the parameters are, so the divergence is zero.


# %%
def half(n=3):
    f = dnn.ResidualField(dnn.Dense(n, n, rng=rng), dnn.Tanh())
    f.b = rng.normal(size=n)
    return f


X = dnn.PartitionedField(half(), half())
z = rng.normal(size=(4, 6))  # (x, v), three components each
print("divergence", X.divergence(z), " keeps", set(X.keeps))
assert (X.divergence(z) == 0).all() and X.keeps == {"volume"}

# %% [markdown]
# ## The integrator
# The exact flow keeps volume. A numerical method need not.
#
# **Before you run the cell:** one step of Euler, of RK4, of symplectic Euler, $h = 0.5$. Which determinants are one?

# %%
for method in (dnn.Euler(), dnn.RK4(), dnn.SymplecticEuler(), dnn.StormerVerlet()):
    gap = np.abs(np.linalg.det(dnn.Flow(X, 0.5, method).jacobian(z)) - 1).max()
    print(f"{method!r:18} |det − 1| = {gap:.1e}   keeps {set(method.preserves(X)) or 'nothing'}")
    assert (gap < 1e-13) == ("volume" in method.preserves(X))

# %% [markdown]
# The order does not help: RK4 is closer than Euler, but not there. Symplectic Euler,
# $$x^+ = x + h\,\Sigma(Av + a), \qquad v^+ = v + h\,\Sigma(Bx^+ + b),$$
# is the composition of two *shears*. A shear has a triangular Jacobian with ones on its diagonal: determinant one, to
# rounding, at every step size and for all parameters.
#
# In the plane one can see it: on the left the squares of a grid are bent and stretched, and keep their areas.

# %%
f, g = (dnn.ResidualField(dnn.Dense(1, 1, W=[[slope]]), dnn.Tanh()) for slope in (2.0, -2.0))
plane = dnn.PartitionedField(f, g)  # ẋ = tanh 2v, v̇ = −tanh 2x: round and round
fig, axes = plt.subplots(
    1, 2, figsize=(9, 4.5), sharex=True, sharey=True, layout="constrained", subplot_kw={"aspect": "equal"}
)
for ax, method in zip(axes, (dnn.SymplecticEuler(), dnn.Euler()), strict=True):
    psi = dnn.Flow(copy.deepcopy(plane), 0.4, method, steps=4)
    plotting.deformed_grid(psi, (-1, 1), (-1, 1), ax=ax, color="C0")
    growth = np.linalg.det(psi.jacobian(rng.uniform(-1, 1, (1000, 2))))  # of a small square, at 1000 places
    ax.set(title=f"{method}: areas × {growth.min():.2f} to {growth.max():.2f}", xlabel="$x$", ylabel="$v$")
    assert (np.ptp(growth) < 1e-13) == isinstance(method, dnn.SymplecticEuler)

# %% [markdown]
# ## Explicitly invertible
# A shear is undone by subtracting what was added, so the network runs backwards in closed form.

# %%
net = dnn.Network(*[dnn.Flow(dnn.PartitionedField(half(), half()), 0.2, dnn.SymplecticEuler()) for _ in range(20)])
print(dnn.checks.volume(net, z).require())
print(dnn.checks.inverse(net, z).require())

# %% [markdown]
# ## Where structure must be tested: far from initialisation, and after training
# Small random weights make every network nearly the identity, and nearly everything looks structured there. Let us
# enlarge the parameters, and train the network on something that it cannot do: shrink its data to a half.
#
# **Before you run the cell:** the best volume-preserving approximation of $z \mapsto z/2$ — will the loss go to zero?

# %%
net.theta = 10 * net.theta
for F, state in zip(net.maps, net.states(z), strict=False):
    D = F.jacobian(state)
    assert (np.abs(np.linalg.det(D) - 1) < 10 * 2.2e-16 * np.linalg.cond(D)).all()  # rounding, times the conditioning

net.theta = net.theta / 10
data = rng.normal(size=(200, 6))
before = dnn.MeanSquaredError()(net(data), data / 2)
history = dnn.fit(net, dnn.MeanSquaredError(), data, data / 2, dnn.Adam(1e-2), epochs=200)
print(history)
print(dnn.checks.volume(net, z).require())
assert 0.01 < history.loss[-1] < before

# %% [markdown]
# The network does what it can, and its volume does not move: the constraint is not learned, it is built in.
#
# ## Volume is less than symplecticity
# In two dimensions area is the symplectic form. In more it is not: $(x, v)' = (f(v), g(x))$ is Hamiltonian only when
# $f$ and $g$ are gradients, $f = \nabla T$, $g = -\nabla V$. The package knows:

# %%
gradients = dnn.PartitionedField(
    dnn.GradientField(dnn.Dense(8, 3, rng=rng), dnn.Tanh(), sign=+1),
    dnn.GradientField(dnn.Dense(8, 3, rng=rng), dnn.Tanh(), sign=-1),
)
print("f, g gradients:", set(gradients.keeps), "  f, g arbitrary:", set(X.keeps))
J = np.block([[np.zeros((3, 3)), np.eye(3)], [-np.eye(3), np.zeros((3, 3))]])
for field in (gradients, X):
    D = dnn.Flow(field, 0.5, dnn.SymplecticEuler()).jacobian(z)
    defect = np.abs(D.swapaxes(-1, -2) @ J @ D - J).max()
    print("|DᵀJD − J| =", defect)
    assert (defect < 1e-13) == ("symplectic" in field.keeps)

# %% [markdown]
# ## Exercises
# 1. Halves of different sizes: build a field on $\mathbb R^3$ with $x \in \mathbb R^2$, $v \in \mathbb R$. What
#    shapes must $f$ and $g$ have?
# 2. Write a volume-preserving layer $(x, v) \mapsto (x,\ e^{s(x)} v)$ … is it? Use `dnn.checks.volume` with a plain
#    function.
# 3. The map $z \mapsto z/2$ cannot be learned in $\mathbb R^6$. Lift it: with `dnn.Lift(12, 6)` in front and
#    `dnn.Restriction(6, 12)` behind, the flow in between keeps volume in $\mathbb R^{12}$. Does the loss go to zero
#    now?
