# %% [markdown]
# # 6. Lipschitz networks: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz
from dynsys_nn.constraints import weights

rng = np.random.default_rng(0)


def orthogonal(d):
    A = dnn.Dense(d, d, rng=rng)
    A.orthogonalise()
    return A


# %% [markdown]
# ## Exercise 1
# $\max(|1 - h|, |1 - ah|)$ is smallest where its two branches meet, $h - 1 = 1 - ah$:
# at $h_C = 2/(1 + a)$, where it is $\frac{1 - a}{1 + a}$. So $h_E$ may be
# $\frac{1 + a}{1 - a} - 1 = \frac{2a}{1 - a}$, for $a = \frac12$ the 2 at $\frac43$.
# With $a = 0$ one eigenvalue is $1 - 0h = 1$ for every $h$: no step contracts, none can
# be paid for, and $h_E > 0$ is impossible.


# %%
def steps(a):
    X = dnn.GradientField(orthogonal(2), dnn.LeakyReLU(a) if a else dnn.ReLU())
    Y = dnn.ResidualField(orthogonal(2), dnn.Tanh())
    return dnn.StepSizes(dnn.Flow(X, 0.5, learn_h=True), dnn.Flow(Y, 0.1, learn_h=True))


h_C = np.linspace(0.01, 1.99, 100_000)
for a in (0.2, 0.5):
    h_E = steps(a).largest_expansive_step(h_C)
    print(f"a = {a}: h_E = {h_E.max():.4f} at h_C = {h_C[h_E.argmax()]:.4f}")
    assert abs(h_E.max() - 2 * a / (1 - a)) < 1e-3
    assert abs(h_C[h_E.argmax()] - 2 / (1 + a)) < 1e-3
try:
    steps(0).project()
except NotImplementedError as error:
    print(error)
else:
    raise AssertionError("with a = 0 nothing contracts")

# %% [markdown]
# ## Exercise 2
# A layer's Jacobian $I - hA^\top\sigma'A$ has the eigenvalues $1 - h\sigma'$. ReLU at
# $h = 2$: 1 and $-1$, a reflection, and 20 of them lose nothing. ReLU at $h = 1$: 1 and
# 0, a projection, and 20 of them leave little. tanh at $h = 2$: between $-1$ and 1, and
# something is lost in each. tanh at $h = 1$: $1 - \sigma' = \tanh^2$, the square of
# something small, and all is lost at once.
#
# What has singular value 0 passes no gradient back either, so tanh at $h = 1$ stays
# where it was. The other three learn the moons, and ReLU at $h = 1$ opens its own way:
# where $Ax + b < 0$ its layer does nothing, and the training moves $A$ and $b$.

# %%
d, depth = 8, 20
points, labels = dnn.datasets.moons(300, 0.1, rng)
found = {}
for sigma in (dnn.Tanh(), dnn.ReLU()):
    for h in (1.0, 2.0):
        rng = np.random.default_rng(1)
        fields = [dnn.GradientField.random(d, d, sigma, rng=rng) for _ in range(depth)]
        layers = dnn.Network(*[dnn.Flow(X, h) for X in fields])
        net = dnn.Network(dnn.Lift(d, 2), layers, dnn.Affine(2, d, rng=rng))
        constraint = dnn.Orthogonal(*weights(net), bjorck=True)
        constraint.project()
        s = np.linalg.svd(layers.jacobian(net.states(points)[1]), compute_uv=False)
        adam, hinge = dnn.Adam(1e-2), dnn.MulticlassHinge(0.3)
        options = dict(batch_size=50, rng=rng, constraints=[constraint])
        dnn.fit(net, hinge, points, labels, adam, 12, **options)
        right = (net(points).argmax(axis=-1) == labels).mean()
        after = np.linalg.norm(layers.jacobian(net.states(points)[1]), 2, (-2, -1))
        found[repr(sigma), h] = np.median(s), right, after.max()
        print(f"{sigma!r:7} h = {h}:  median singular value {np.median(s):.2g}", end="")
        print(f", largest {s.max():.2g}; after 12 epochs {after.max():.2g}", end="")
        print(f", {right:.0%} right")
tanh1, tanh2, relu1, relu2 = found.values()
assert tanh1[0] < 1e-50 and relu1[0] < 1e-3 < tanh2[0] < 0.9 and relu2[0] > 1 - 1e-12
assert (
    tanh1[2] < 1e-50
    and relu1[2] > 0.1
    and tanh1[1] < 0.6
    and min(tanh2[1], relu1[1], relu2[1]) > 0.8
)

# %% [markdown]
# ## Exercise 3
# Both count it: the bound of the whole is the product over *everything*, and the table
# has a line for the layer. Training makes use of the freedom, since a larger scale
# makes larger margins; a certificate that leaves it out is too large by that factor.

# %%
d = 16
scale = dnn.Dense(d, d, W=3 * np.eye(d))
fields = [dnn.GradientField.random(d, d, dnn.ReLU(), rng=rng) for _ in range(2)]
first, second = (dnn.Flow(X, 2.0) for X in fields)
net = dnn.Network(dnn.Lift(d, 2), first, scale, second, dnn.Affine(2, d, rng=rng))
constrained = [A for A in weights(net) if A is not scale]
options = dict(batch_size=50, rng=rng, constraints=[dnn.Orthogonal(*constrained)])
dnn.fit(net, hinge, points, labels, dnn.Adam(1e-2), 10, **options)
print(lipschitz.profile(net, points[:20]))
s = scale.singular_range()[1]
print(f"ℓ = {net.lipschitz():.4f}, the largest singular value of the scale {s:.4f}")
assert s > 2 and abs(net.lipschitz() - s) < 1e-9 * s

# %% [markdown]
# ## Exercise 4
# The Jacobian is $I - hA^\top D\sigma'A$, and $D\sigma'$ is diagonal with entries in
# $[0, 2M]$, $M$ the largest slope: eigenvalues in $[1 - 2hM\|A\|^2, 1]$, so $h \le
# 1/(M\|A\|^2)$, half of what it is without $D$. `project` clips, which is the nearest
# point of a box; a gradient needs no `tangent`, since the box is flat.


# %%
class Box(dnn.Constraint):
    """α ∈ [0, 2] for the weights α of gradient fields."""

    def __init__(self, *fields):
        self.maps = fields

    def project(self):
        for X in self.maps:
            X.alpha = np.clip(X.alpha, 0, 2)


X = dnn.GradientField(orthogonal(2), dnn.Tanh(), alpha=np.array([0.5, 2.0]))
assert abs(dnn.Euler().non_expansive_step(X) - 1.0) < 1e-12
X = dnn.GradientField.random(2, 8, alpha=3.0, rng=rng)
box, net = Box(X), dnn.Network(dnn.Flow(X, 0.1), dnn.Affine(2, 2, rng=rng))
options = dict(batch_size=50, rng=rng, constraints=[box])
history = dnn.fit(net, hinge, points, labels, dnn.Adam(3e-2), 10, **options)
print(history, X.alpha.round(2))
assert ((X.alpha >= 0) & (X.alpha <= 2)).all() and history.loss[-1] < history.loss[0]
h = dnn.Euler().non_expansive_step(X)
assert h >= 1 / X.A.lipschitz() ** 2 * (1 - 1e-12)
assert dnn.Flow(X, 0.99 * h).lipschitz() <= 1 + 1e-12
