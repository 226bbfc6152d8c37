# %% [markdown]
# # 21. Tighter certificates: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz
from dynsys_nn.constraints import weights

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# No. In one dimension, with $A = B = 1$, the two steps multiply $\Delta x$ by $(1 +
# hd)(1 - hd')$. For $\sigma(z) = z$ both slopes are 1, and it is $1 - h^2$: a step of
# Euler's method with $-h$ is not the inverse of one with $h$, but nearly so. For ReLU
# the second step may see another slope than the first, and the worst corner is $d = 1$,
# $d' = 0$: $1 + h$, as if there were no step back.

# %%
h = 0.4
for sigma, expected in ((dnn.Identity(), 1 - h**2), (dnn.ReLU(), 1 + h)):
    X = dnn.ResidualField(dnn.Dense(1, 1, W=[[1.0]]), sigma)
    net = dnn.Network(dnn.Flow(X, h), dnn.Flow(X, -h))
    print(f"{sigma!r:10} {lipschitz.joint(net):.6f}, product {net.lipschitz():.6f}")
    assert abs(lipschitz.joint(net) - expected) < 1e-12

# %% [markdown]
# ## Exercise 2
# All slopes 1. $J(D)$ is then a sum of products of entries $\ge 0$, and each of its
# entries grows with each slope; and the norm of a matrix with entries $\ge 0$ grows
# with its entries. So there is one corner to look at, one singular value decomposition.
# (`joint` does not look for such cases. It finds the same number with more work.)

# %%
J, flows = np.eye(2), []
for _ in range(2):
    A, B = (np.abs(rng.normal(size=shape)) for shape in ((5, 2), (2, 5)))
    X = dnn.ResidualField(dnn.Dense(5, 2, W=A), dnn.ReLU(), dnn.Dense(2, 5, W=B))
    flows.append(dnn.Flow(X, 0.3))
    J = (np.eye(2) + 0.3 * B @ A) @ J
joint, one_corner = lipschitz.joint(dnn.Network(*flows)), np.linalg.norm(J, 2)
print(f"joint {joint:.6f}, the corner with slopes 1 {one_corner:.6f}")
assert abs(joint / one_corner - 1) < 1e-12

# %% [markdown]
# ## Exercise 3
# $\rho\,\|\Delta x\|^2 \ge \|C^\top\xi\|^2 + \sum_u \tau_u((z_u^\top\xi)^2 - \eta_u^2)$
# has to hold for all $\xi$. For each $\xi$ with $\|\Delta x\| = 1$ the right-hand side
# is affine in $\tau$, and the least $\rho$ is the largest of these: a maximum of affine
# functions is convex.


# %%
def least_rho(tau, C, Z, n=2):
    M = C @ C.T + (Z * tau) @ Z.T - np.diag(np.concatenate([[0, 0], tau]))
    if np.linalg.eigvalsh(M[n:, n:])[-1] > -1e-9:
        return np.inf
    eliminated = M[:n, :n] - M[:n, n:] @ np.linalg.solve(M[n:, n:], M[n:, :n])
    return np.linalg.eigvalsh(eliminated)[-1]


dx, Z = np.eye(2, 10), []  # two layers of four units
for e in np.split(np.eye(10)[2:], 2):
    A, B = rng.normal(size=(4, 2)) / 3, rng.normal(size=(2, 4)) / 3
    Z.append(A @ dx)
    dx = dx + B @ (Z[-1] + e) / 2
C, Z = dx.T, np.concatenate(Z).T
tested = 0
for tau in np.exp(0.7 * rng.normal(size=(300, 2, 8))):
    ends, middle = [least_rho(t, C, Z) for t in tau], least_rho(tau.mean(axis=0), C, Z)
    tested += np.isfinite(ends).all()
    assert middle <= np.mean(ends) * (1 + 1e-12)
print(tested, "pairs with two numbers")
assert tested > 30

# %% [markdown]
# ## Exercise 4
# The third is the least. The second knows the last map and the layers, but lets the
# layers stretch $w_1 - w_0$ as much as any other direction. The first lets both logits
# be as steep as they can, one up and one down; that is what a network of two labels
# learns to do, so that little is lost.

# %%
x, y = dnn.datasets.moons(500, 0.1, rng=0)
fields = [dnn.ResidualField.random(8, 8, dnn.ReLU(), rng=rng) for _ in range(3)]
flows = [dnn.Flow(X, 0.5) for X in fields]
net = dnn.Network(dnn.Lift(8, 2), *flows, dnn.Affine(2, 8, rng=rng))
ball = dnn.SpectralBall(*weights(net))
options = dict(epochs=10, batch_size=100, constraints=[ball], rng=rng)
dnn.fit(net, dnn.MulticlassHinge(0.4), x, y, dnn.Adam(2e-2), **options)
rows = net.maps[-1].W
difference = dnn.Network(net, dnn.Dense(1, 2, W=[[-1, 1]]))
bounds = (
    np.sqrt(2) * lipschitz.joint(net),
    np.linalg.norm(rows[1] - rows[0]) * lipschitz.joint(net[:-1]),
    lipschitz.joint(difference),
)
print(*[f"{bound:.3f}" for bound in bounds])
assert bounds[2] < bounds[1] * (1 + 1e-9) and bounds[2] < bounds[0] * (1 + 1e-9)
