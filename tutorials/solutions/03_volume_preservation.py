# %% [markdown]
# # 3. Networks that keep volume: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# $\dot x = f(v)$ has two components and $v$ has one: $f: \mathbb R \to \mathbb R^2$ and
# $g: \mathbb R^2 \to \mathbb R$. The diagonal blocks of the Jacobian, 2×2 and 1×1, are
# zero as before, so nothing asks for halves of equal size.


# %%
def half(dim_out, dim_in):
    A, B = dnn.Dense(8, dim_in, rng=rng), dnn.Dense(dim_out, 8, rng=rng)
    return dnn.ResidualField(A, dnn.Tanh(), B)


X = dnn.PartitionedField(f=half(2, 1), g=half(1, 2))
z = rng.normal(size=(4, 3))
print(checks.volume(dnn.Flow(X, 0.5, dnn.SymplecticEuler()), z).require())
assert X.dim == 3 and (X.divergence(z) == 0).all()

# %% [markdown]
# ## Exercise 2
# It is not. $x$ stays, so the Jacobian is triangular, and its determinant is the
# product of its diagonal, $e^{s_1 + \dots + s_n}$. Subtract the mean of $s$ from $s$,
# and it is one: the layer scales the components of $v$ against each other.

# %%
W = rng.normal(size=(3, 3))


def scale(z, centred):
    x, v = z[..., :3], z[..., 3:]
    s = np.tanh(x @ W.T)
    if centred:
        s = s - s.mean(axis=-1, keepdims=True)
    return np.concatenate([x, np.exp(s) * v], axis=-1)


z = rng.normal(size=(4, 6))
for centred in (False, True):
    check = checks.volume(lambda z, centred=centred: scale(z, centred), z)
    print(check)
    assert check.passed == centred

# %% [markdown]
# ## Exercise 3
# It does. $(z, 0) \mapsto (z/2, 0)$ asks nothing of the other directions: they may
# stretch by 2 where $z$ shrinks by ½. Three linear shears do it exactly,
# $$(z, 0) \to (z, z) \to (\tfrac z2, z) \to (\tfrac z2, 0);$$
# and layers with tanh come as near as one trains them.


# %%
def shears(f, g):
    """v ← v + g x, and before it x ← x + f v, as a step of size 1."""
    halves = [dnn.Dense(6, 6, W=factor * np.eye(6)) for factor in (f, g)]
    return dnn.Flow(dnn.PartitionedField(*halves), 1.0, dnn.SymplecticEuler())


ends = dnn.Lift(12, 6), dnn.Restriction(6, 12)
exact = dnn.Network(ends[0], shears(0.0, 1.0), shears(-0.5, -2.0), ends[1])
assert np.abs(exact(z) - z / 2).max() < 1e-15

fields = [dnn.PartitionedField.random(12, width=12, rng=rng) for _ in range(4)]
layers = [dnn.Flow(X, 0.5, dnn.SymplecticEuler()) for X in fields]
net = dnn.Network(ends[0], *layers, ends[1])
data, loss = rng.normal(size=(200, 6)), dnn.MeanSquaredError()
print(dnn.fit(net, loss, data, data / 2, dnn.LBFGS(), epochs=150))
print(checks.volume(dnn.Network(*layers), rng.normal(size=(4, 12))).require())
print(f"loss {loss(net(data), data / 2):.1e}; in ℝ⁶ it stays at 0.2")
assert loss(net(data), data / 2) < 1e-4
