# %% [markdown]
# # 21. Tighter certificates
#
# The constant of a network in tutorials 6 and 7 is a *product*, one factor for each
# layer. Trained without constraints, a network of three layers then has a constant
# of 8, and no search finds two points that it moves apart by more than a factor of 2.
# Is the search bad, or the product? Here we find a better constant: still a theorem,
# for the network as it is, and often close to what is found.

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## What a product does not know
# Each factor belongs to the direction that its layer stretches most. The next layer may
# have shrunk that direction.
#
# **Before you run the cell:** $A = \text{diag}(2, \frac12)$ and $B = A^{-1}$. What is
# $\|A\|\|B\|$, and what is the constant of $B \circ A$?

# %%
A, B = dnn.Dense(2, 2, W=np.diag([2, 0.5])), dnn.Dense(2, 2, W=np.diag([0.5, 2]))
net = dnn.Network(A, B)
print(f"product {net.lipschitz():.6f}, joint {lipschitz.joint(net):.6f}")
assert net.lipschitz() >= 4 and lipschitz.joint(net) < 1 + 1e-12

# %% [markdown]
# Linear maps one multiplies first, and takes the norm afterwards. With activations
# between them, that is what we have to imitate.
#
# ## Slopes instead of activations
# Let two points $x$ and $x + \Delta x$ go through a step $x + hB\sigma(Ax + b)$. Each
# unit of $\sigma$ sees two numbers, a distance $\Delta z$ apart, and gives two that are
# a distance $\Delta s = d\,\Delta z$ apart: $d$ is the slope of the line through two
# points of the graph, so it lies between the least and the largest $\sigma'$. With
# these slopes on the diagonal of $D$, *without any approximation*,
# $$\Delta y = (I + hBDA)\,\Delta x .$$
# A network is a product of such matrices, $\Delta y = J(D_1, \dots, D_L)\,\Delta x$.
#
# **Before you run the cell:** we take two points that are far apart, and read the
# slopes off. How well does $J\Delta x$ agree with $\Delta y$?


# %%
def layers(L, d, width, h=1.0, seed=0):
    rng = np.random.default_rng(seed)
    fields = [dnn.ResidualField.random(d, width, bias=1.0, rng=rng) for _ in range(L)]
    return dnn.Network(*[dnn.Flow(X, h) for X in fields])


def J(net, slopes):
    """The product of the I + hBDA."""
    J = np.eye(net.dim_in)
    for F, d in zip(net.maps, slopes):
        A, B = F.field.A.W, F.field.B.W
        J = (np.eye(len(J)) + F.h * B @ np.diag(d) @ A) @ J
    return J


net = layers(2, d=2, width=4)
x, y = np.array([3.0, -1.0]), np.array([-2.0, 2.0])
slopes = []
for F, x_k, y_k in zip(net.maps, net.states(x), net.states(y)):
    z, w = (F.field.A.W @ point + F.field.b for point in (x_k, y_k))
    slopes.append((np.tanh(z) - np.tanh(w)) / (z - w))
print(*[d.round(2) for d in slopes])
gap = np.linalg.norm(J(net, slopes) @ (x - y) - (net(x) - net(y)))
assert gap < 1e-14 and all((0 < d).all() and (d < 1).all() for d in slopes)

# %% [markdown]
# To rounding. So $\max_D \|J(D)\|$ over all slopes in $[0, 1]$ is a Lipschitz constant
# of the network, whatever its biases are.
#
# ## The worst slopes are at a corner
# Each slope enters $J$ once: fix all others, and $J$ is affine in it, and its norm
# convex. A convex function on an interval is largest at an end. So each of the eight
# slopes may be moved to 0 or 1 without loss, and there are $2^8 = 256$ corners to look
# at.
#
# **Before you run the cell:** of the product, the worst corner, 2000 random slopes, and
# what a search finds, which is the largest, and in which order do the others come?

# %%
corners = [np.split(np.array(e), 2) for e in product([0.0, 1.0], repeat=8)]
worst = max(np.linalg.norm(J(net, e), 2) for e in corners)
inside = max(np.linalg.norm(J(net, d), 2) for d in rng.uniform(size=(2000, 2, 4)))
found = lipschitz.measured(net, rng.normal(size=(100, 2)), steps=50)
bound, joint = net.lipschitz(), lipschitz.joint(net)
print(f"product {bound:.3f}, worst corner {worst:.3f}, joint {joint:.3f},")
print(f"random slopes {inside:.3f}, found {found:.3f}")
assert abs(joint / worst - 1) < 1e-12
assert max(found, inside) < worst < 0.9 * bound

# %% [markdown]
# `lipschitz.joint(net)` is the worst corner. What is found is less, since a network
# cannot have all slopes that we allow: they belong to two points, and to the biases.
#
# ## More units than corners
# A layer of 64 units has $2^{64}$ corners. For such layers we forget a little more. Put
# the slopes around their centre, $d = \frac12 + \frac12 e$ with $|e| \le 1$, and call
# the unknown part of each unit $\eta = e\,\Delta z$. Then everything is *linear* in
# $\xi = (\Delta x, \eta)$: $\Delta z_u = z_u^\top\xi$ for unit $u$, $\Delta y =
# C^\top\xi$. And all that we know of the units are inequalities, $\eta_u^2 \le
# (z_u^\top\xi)^2$. Multiply each by a weight $\tau_u \ge 0$ and add:
# $$\rho\|\Delta x\|^2 - \|\Delta y\|^2 \ge \xi^\top Q\,\xi, \qquad
# Q = \text{diag}(\rho, \rho, \tau) - CC^\top - \sum_u \tau_u z_u z_u^\top .$$
# If no eigenvalue of $Q$ is negative, then $\|\Delta y\|^2 \le \rho\|\Delta x\|^2$.
# *Any* weights make a proof, and better weights a better one.
#
# For given $\tau$ the least $\rho$ is an eigenvalue of a small matrix: eliminate $\eta$
# from $Q$.
#
# **Before you run the cell:** ten random choices of eight weights, and the best. Is the
# best one near the worst corner, or far above it?


# %%
def linear_in_the_unknowns(net, n=2, m=8):
    """C and the z_u, as columns, of two layers."""
    dx, eta = np.eye(n, n + m), np.split(np.eye(n + m)[n:], 2)
    Z = []
    for F, e in zip(net.maps, eta):
        dz = F.field.A.W @ dx
        dx = dx + F.h * F.field.B.W @ (dz + e) / 2
        Z.append(dz)
    return dx.T, np.concatenate(Z).T


def least_rho(log_tau, n=2):
    tau = np.exp(log_tau)
    M = C @ C.T + (Z * tau) @ Z.T - np.diag(np.concatenate([[0, 0], tau]))  # ρI − Q
    if np.linalg.eigvalsh(M[n:, n:])[-1] > -1e-9:
        return 1e3  # no ρ is large enough
    eliminated = M[:n, :n] - M[:n, n:] @ np.linalg.solve(M[n:, n:], M[n:, :n])
    return np.linalg.eigvalsh(eliminated)[-1]


C, Z = linear_in_the_unknowns(net)
guesses = rng.normal(size=(400, 8))
by_chance = np.sort([least_rho(log_tau) for log_tau in guesses]) ** 0.5
start = min(guesses, key=least_rho)
options = dict(maxfev=4000, maxiter=4000, adaptive=True)
best = minimize(least_rho, start, method="Nelder-Mead", options=options).fun ** 0.5
print(f"by chance {by_chance[0]:.3f} … {by_chance[20]:.3f} …; best {best:.3f},", end=" ")
print(f"worst corner {worst:.3f}, product {bound:.3f}")
