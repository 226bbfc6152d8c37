# %% [markdown]
# # 3. Networks that keep volume
#
# The recipe (Celledoni et al., arXiv:2210.02373): a property → a family of fields whose
# flows have it → an integrator that keeps it. The property here is *volume*: $\det
# \Psi'(x) = 1$ for every $x$. By Liouville's theorem the fields are those without
# divergence.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The family
# Split the state, $(x, v)$, and let each half push the other:
# $$\dot x = \Sigma(Av + a), \qquad \dot v = \Sigma(Bx + b).$$
# The diagonal blocks of the Jacobian vanish, whatever the parameters are, so the
# divergence is zero.


# %%
def half(n=3):
    f = dnn.ResidualField(dnn.Dense(n, n, rng=rng), dnn.Tanh())  # Σ(Av + a)
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
# **Before you run the cell:** one step of Euler, of RK4, of symplectic Euler,
# $h = 0.5$. Which determinants are one?

# %%
for method in (dnn.Euler(), dnn.RK4(), dnn.SymplecticEuler(), dnn.StormerVerlet()):
    gap = np.abs(np.linalg.det(dnn.Flow(X, 0.5, method).jacobian(z)) - 1).max()
    kept = set(method.preserves(X))
    print(f"{method!r:18} |det − 1| = {gap:.1e}   keeps {kept or 'nothing'}")
    assert (gap < 1e-13) == ("volume" in kept)

# %% [markdown]
# The order does not help: RK4 is closer than Euler, but not there. Symplectic Euler,
# $$x^+ = x + h\,\Sigma(Av + a), \qquad v^+ = v + h\,\Sigma(Bx^+ + b),$$
# is the composition of two *shears*. A shear has a triangular Jacobian with ones on its
# diagonal: determinant one, to rounding, at every step size and for all parameters.
#
# In the plane one can see it: on the left the squares of a grid are bent and stretched,
# and keep their areas.

# %%
A, B = dnn.Dense(1, 1, W=[[2.0]]), dnn.Dense(1, 1, W=[[-2.0]])
halves = [dnn.ResidualField(W, dnn.Tanh()) for W in (A, B)]
plane = dnn.PartitionedField(*halves)  # ẋ = tanh 2v, v̇ = −tanh 2x: round and round
fig, axes = plt.subplots(1, 2, figsize=(12, 5.5), sharex=True, sharey=True)
for ax, method in zip(axes, (dnn.SymplecticEuler(), dnn.Euler())):
    psi = dnn.Flow(plane, 0.4, method, steps=4)
    plotting.deformed_grid(psi, (-1, 1), (-1, 1), ax=ax, color="C0")
    places = rng.uniform(-1, 1, (1000, 2))
    growth = np.linalg.det(psi.jacobian(places))  # of a small square at each place
    areas = f"areas × {growth.min():.2f} to {growth.max():.2f}"
    ax.set(title=f"{method}: {areas}", xlabel="$x$", ylabel="$v$", aspect="equal")
    assert (np.ptp(growth) < 1e-13) == isinstance(method, dnn.SymplecticEuler)

# %% [markdown]
# ## Explicitly invertible
# A shear is undone by subtracting what was added, so the network runs backwards in
# closed form.

# %%
fields = [dnn.PartitionedField(half(), half()) for _ in range(20)]
net = dnn.Network(*[dnn.Flow(X, 0.2, dnn.SymplecticEuler()) for X in fields])
print(dnn.checks.volume(net, z).require())
print(dnn.checks.inverse(net, z).require())

# %% [markdown]
# ## Where structure must be tested: far from initialisation, and after training
# Small random weights make every network nearly the identity, and nearly everything
# looks structured there. Let us enlarge the parameters, and train the network on
# something that it cannot do: shrink its data to a half.
#
# **Before you run the cell:** the best volume-preserving approximation of
# $z \mapsto z/2$ — will the loss go to zero?

# %%
net.theta = 10 * net.theta
for F, state in zip(net.maps, net.states(z)):
    D = F.jacobian(state)
    rounding = 2.2e-16 * np.linalg.cond(D)
    assert (np.abs(np.linalg.det(D) - 1) < 10 * rounding).all()

net.theta = net.theta / 10
data = rng.normal(size=(200, 6))
loss = dnn.MeanSquaredError()
before = loss(net(data), data / 2)
history = dnn.fit(net, loss, data, data / 2, dnn.Adam(1e-2), epochs=200)
print(history)
print(dnn.checks.volume(net, z).require())
assert 0.01 < history.loss[-1] < before

# %% [markdown]
# The network does what it can, and its volume does not move: the constraint is not
# learned, it is built in.
#
# ## Volume is less than symplecticity
# In two dimensions area is the symplectic form. In more it is not:
# $(x, v)' = (f(v), g(x))$ is Hamiltonian only when $f$ and $g$ are gradients,
# $f = \nabla T$, $g = -\nabla V$. The package knows:

# %%
gradients = dnn.PartitionedField(
    dnn.GradientField.random(3, width=8, sign=+1, rng=rng),
    dnn.GradientField.random(3, width=8, sign=-1, rng=rng),
)
print("f, g gradients:", set(gradients.keeps), "  f, g arbitrary:", set(X.keeps))
J = np.block([[np.zeros((3, 3)), np.eye(3)], [-np.eye(3), np.zeros((3, 3))]])
for field in (gradients, X):
    D = dnn.Flow(field, 0.5, dnn.SymplecticEuler()).jacobian(z)
    defect = np.abs(D.swapaxes(-1, -2) @ J @ D - J).max()
    print("|DᵀJD − J| =", defect)
    assert (defect < 1e-13) == ("symplectic" in field.keeps)
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. Halves of different sizes: build a field on $\mathbb R^3$ with $x \in \mathbb R^2$,
#    $v \in \mathbb R$. What shapes must $f$ and $g$ have?
# 2. Write a volume-preserving layer $(x, v) \mapsto (x,\ e^{s(x)} v)$ … is it? Use
#    `dnn.checks.volume` with a plain function.
# 3. The map $z \mapsto z/2$ cannot be learned in $\mathbb R^6$. Lift it: with
#    `dnn.Lift(12, 6)` in front and `dnn.Restriction(6, 12)` behind, the flow in between
#    keeps volume in $\mathbb R^{12}$. Does the loss go to zero now?
