# %% [markdown]
# # 15. Steps that adapt: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# It is as good as the substeps, with one step per block, and no better. The loss would
# go further than the theorem allows, so that the steps end at their bound: $h\|A\|^2 =
# 2$, at the edge in one direction, and shorter than the edge in all others.

# %%
x, y = dnn.datasets.moons(1000, 0.1, rng=0)
(x, x_test), (y, y_test) = np.split(x, 2), np.split(y, 2)
fields = [dnn.GradientField.random(8, 8, dnn.ReLU(), rng=rng) for _ in range(4)]
flows = [dnn.Flow(X, 0.5, learn_h=True) for X in fields]
net = dnn.Network(dnn.Lift(8, 2), *flows, dnn.Affine(2, 8, rng=rng))
constraints = [dnn.NonExpansiveSteps(*flows), dnn.SpectralBall(net.maps[-1])]
adam = dnn.Adam(dnn.OneCycle(1e-3, 5e-2), beta2=0.99)
options = dict(epochs=30, batch_size=100, constraints=constraints, rng=rng)
dnn.fit(net, dnn.MulticlassHinge(0.55), x, y, adam, **options)
share = [F.h / dnn.Euler().non_expansive_step(F.field) for F in flows]
clean = attacks.accuracy(net, None, x_test, y_test)
sure = lipschitz.certified_accuracy(net, x_test, y_test, 0.2)
print(f"{clean:.1%} right, {sure:.1%} certified at 0.2;", end=" ")
print("h‖A‖²/2 =", *[f"{s:.3f}" for s in share])
assert net.lipschitz() <= 1 + 1e-12 and 0.88 < clean < 0.96
assert 0.5 < min(share) and max(share) <= 1 + 1e-12

# %% [markdown]
# ## Exercise 2
# `SGD` goes a thousand times as far. A gradient that is always clipped has always the
# same length, and `Adam` divides by the length that it has seen: neither notices, but
# for the $\varepsilon$ in `Adam`'s denominator. So with `Adam` a clip does not set the
# size of the steps. It only keeps one gradient that is far longer than all others from
# filling the memory.


# %%
class Larger(dnn.BinaryCrossEntropy):
    def vjp(self, z, labels):
        value, dz = super().vjp(z, labels)
        return 1000 * value, 1000 * dz


def path(loss, optimiser, clip):
    net = dnn.Affine(1, 2, rng=0)
    dnn.fit(net, loss, x, y, optimiser, epochs=20, clip=clip)
    return net.theta


for optimiser, clip in (
    (dnn.SGD(1e-2), None),
    (dnn.SGD(1.0), 1e-2),
    (dnn.Adam(), None),
):
    plain, larger = (
        path(loss, optimiser, clip) for loss in (dnn.BinaryCrossEntropy(), Larger())
    )
    gap = np.linalg.norm(larger - plain)
    print(f"{optimiser!r}, clip {clip}: ends {gap:.1e} apart")
    assert gap < 1e-5 if clip or isinstance(optimiser, dnn.Adam) else gap > 0.1

# %% [markdown]
# ## Exercise 3
# $\partial y_1/\partial y_0 = I + h\,\mathrm{diag}(\tanh')A$ is 0 for
# $A = -I/h$, $b = 0$, at 0, however small $h$ is. Weights of size $1/h$ are far from
# where they begin, so that one seldom meets it; nothing forbids it. A symplectic layer
# has a norm of at least 1 with any weights.

# %%
h = 0.1
layer = dnn.Flow(dnn.ResidualField(dnn.Dense(4, 4, W=-np.eye(4) / h), dnn.Tanh()), h)
X = dnn.PartitionedField.random(4, 8, gradient=True, alpha=None, rng=rng)
X.theta = X.theta / h
symplectic = dnn.Flow(X, h, dnn.SymplecticEuler())
norms = [np.linalg.norm(F.jacobian(np.zeros(4)), 2) for F in (layer, symplectic)]
print(f"ResNet {norms[0]:.1e}, symplectic {norms[1]:.1f}")
assert norms[0] < 1e-15 and norms[1] >= 1

# %% [markdown]
# ## Exercise 4
# One step of size 2 is a reflection on each piece: all singular values are 1, and what
# is sent back arrives, at any depth. Four steps of size ½ contract by
# $2^{-4} = \frac1{16}$ in the directions in which the ReLU is active, others in each
# block, and after thirty blocks nearly nothing is left.

# %%
fields = [dnn.GradientField.random(8, 8, dnn.ReLU(), rng=rng) for _ in range(30)]
for X in fields:
    X.A.orthogonalise()
x0 = rng.normal(size=8)
for n in (1, 4):
    net = dnn.Network(*[dnn.Flow(X, 2 / n, steps=n) for X in fields])
    values = np.linalg.svd(net.jacobian(x0))[1]
    print(f"{n} step(s): singular values from {values[-1]:.1e} to {values[0]:.1e}")
    assert values[0] <= 1 + 1e-12
    assert values[-1] > 1 - 1e-12 if n == 1 else values[0] < 0.3

# %% [markdown]
# ## Exercise 5
# It is not: this rate does not drive the tanhs to where they are flat. (From other
# starts it may.) But the network is slow, and after 300 steps far behind the symplectic
# one, which could take the large rate.

# %%
x, y = dnn.datasets.swiss_roll(200, rng=0)
rng = np.random.default_rng(0)
layers = [dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Tanh()) for _ in range(16)]
enter = dnn.Network(dnn.Lift(4, 2), dnn.Selection([0, 2, 3, 1], 4))
net = dnn.Network(enter, *layers, dnn.Affine(1, 4, rng=rng))
adam = dnn.Adam(dnn.OneCycle(1e-3, 1e-2))
dnn.fit(net, dnn.BinaryCrossEntropy(), x, y, adam, epochs=300, clip=0.3)
norms = np.linalg.norm(net[1:17].jacobian(enter(x[:20])), 2, axis=(-2, -1))
right = np.mean((net(x)[..., 0] > 0) == y)
print(f"{right:.1%} right, median ‖∂y_N/∂y₀‖ = {np.median(norms):.1e}")
assert np.median(norms) > 1e-4 and right < 0.85
