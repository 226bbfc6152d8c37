# %% [markdown]
# # 20. Lie groups and constraints: solutions

# %%
import numpy as np

import dynsys_nn as dnn

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# Infection moves a share $I$ of $S$ over to $I$, recovery moves $I$ over to $R$:
# $a(x) = I\,E_1 + E_2$. Off the diagonal both matrices are $\ge 0$, so is $M + cI$ for
# a large $c$, and $e^M = e^{-c}e^{M + cI}$ is a series of matrices that are $\ge 0$.
# Its columns sum to one, and so the step mixes the three groups, as a Markov chain
# does. The weights $-\frac1{12}$ of the method of order four spoil the sign: it keeps
# the mass, and may become negative where steps are long.

# %%
infection, recovery = np.zeros((2, 3, 3))
infection[0, 0], infection[1, 0] = -1, 1
recovery[1, 1], recovery[2, 1] = -1, 1
a = dnn.Affine(2, 3, W=[[0, 1, 0], [0, 0, 0]], b=[0, 1])  # (I, 1)
X = dnn.LieField(a, basis=[infection, recovery])
x = rng.dirichlet(np.ones(3), size=200)
assert np.allclose(X(x), dnn.systems.sir()(x)) and X.keeps == {"mass"}
for method in (dnn.LieEuler(), dnn.CommutatorFree4(), dnn.Euler()):
    y = method.step(X, x, h=8.0)
    print(f"{method!r:18} mass to {abs(y.sum(-1) - 1).max():.0e}, min {y.min():.2g}")
    assert abs(y.sum(axis=-1) - 1).max() < 1e-13
    assert (y.min() >= 0) == isinstance(method, dnn.LieEuler)

# %% [markdown]
# ## Exercise 2

# %%
rod, free = dnn.systems.spherical_pendulum(), dnn.systems.free_fall()
exact = dnn.exact_flow(rod, rod.x0, 1.0)
method = dnn.Yoshida(dnn.Rattle(dnn.Sphere()))
errors = [
    np.linalg.norm(dnn.Flow(free, 1 / n, method, steps=n)(rod.x0) - exact)
    for n in (8, 16)
]
print(
    f"errors {errors[0]:.1e}, {errors[1]:.1e}: order {np.log2(np.divide(*errors)):.2f}"
)
assert abs(np.log2(np.divide(*errors)) - 4) < 0.2

# %% [markdown]
# ## Exercise 3
# The first constraint looks at $q_1$ alone. With $D = (-1, 1) \otimes I$ the second is
# $\frac12(\|Dq\|^2 - 1)$, with gradient $D^\top Dq$ and Hessian $D^\top D$, and the
# first is the same with $D = (1, 0) \otimes I$.


# %%
def stick(first, second):
    D = np.kron([[first, second]], np.eye(2))
    Q = D.T @ D
    return dnn.Invariant(
        lambda q: ((q @ Q * q).sum(axis=-1) - 1) / 2,
        lambda q: q @ Q,
        lambda q, v: v @ Q,
    )


def height(q):
    return q[..., 1] + q[..., 3]


def weight(q):
    return 0 * q + [0, 1, 0, 1]


x0 = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]  # (q, p): one rod across, one up
stones = dnn.systems.separable(height, weight, "complex step", x0)
rods = stick(1, 0), stick(-1, 1)
z = dnn.trajectory(stones, stones.x0, 0.02 * np.arange(201), dnn.Rattle(*rods))
gap = max(abs(c(z[:, :4])).max() for c in rods)
E = stones.invariants["energy"](z)
print(f"both rods to {gap:.0e}; energy in [{E.min():.4f}, {E.max():.4f}]")
assert gap < 2e-15 and np.ptp(E) < 0.02

# %% [markdown]
# ## Exercise 4
# $p^+ = Pp$ with $P = I - qq^\top = P^\top$: the pullback in $p$ is $Pw$. In $q$,
# $\mathrm dp^+ = -\langle p, \mathrm dq\rangle q - \langle p, q\rangle\,\mathrm dq$,
# and so it is $-\langle q, w\rangle p - \langle p, q\rangle w$. It is blind to momentum
# along $q$: $w = q$ gives $Pq = 0$ in $p$. (For $\|q\| \ne 1$ the formula is another
# one, and so is the pullback of `Rattle`.)

# %%
q, p, w, dq, dp = rng.normal(size=(5, 3))
q /= np.linalg.norm(q)


def projected(q, p):
    return p - (p @ q) * q


back_q, back_p = -(q @ w) * p - (p @ q) * w, w - (q @ w) * q
tangent = projected(q + 1e-100j * dq, p + 1e-100j * dp).imag / 1e-100
gap = abs(w @ tangent - back_q @ dq - back_p @ dp)
print(f"⟨w, Jv⟩ = ⟨Jᵀw, v⟩ to {gap:.0e}")
assert gap < 1e-14 and abs(projected(q, q)).max() < 1e-15
