# %% [markdown]
# # 13. Collocation and stability: solutions

# %%
import numpy as np
import scipy.optimize
from numpy.polynomial import Polynomial

import dynsys_nn as dnn

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# Quadrature at the nodes is exact up to degree $s - 1$, by construction. It is exact up
# to $s - 1 + m$ if $\int_0^1 N(\tau)\,\tau^k\,\mathrm d\tau = 0$ for $k < m$, $N(\tau)
# = \prod_i(\tau - c_i)$, and the order of the method is that of the quadrature, $s +
# m$. The nodes of Simpson's rule gain one order; the last ones are Radau's.


# %%
def collocation(c):
    """The Runge–Kutta method with a_ij = ∫₀^{c_i} ℓ_j, b_j = ∫₀¹ ℓ_j."""
    integrals = []
    for j, c_j in enumerate(c):
        others = np.delete(c, j)
        lagrange = Polynomial.fromroots(others) / np.prod(c_j - others)
        integrals.append(lagrange.integ())
    A = [[float(F(c_i)) for F in integrals] for c_i in c]
    return dnn.RungeKutta(A, [float(F(1.0)) for F in integrals])


for c in ([0, 1 / 2, 1], [0, 1 / 3, 1], [1 / 3, 1]):
    method, m = collocation(c), 0
    while abs((Polynomial.fromroots(c) * Polynomial([0, 1]) ** m).integ()(1.0)) < 1e-14:
        m += 1
    print(f"c = {np.round(c, 2)}: order {method.order}, s + m = {len(c)} + {m}")
    assert method.order == len(c) + m
assert np.allclose(method.A, dnn.RadauIIA(2).A, rtol=1e-14)
assert collocation([0, 1 / 2, 1]).order == 4

# %% [markdown]
# ## Exercise 2
# The rule is half a step of Euler's method and then half a step of the implicit one.
# From $x > 0$ the first goes to $(1 - h/2)x$. For $h > 2$ that is below 0, where the
# field vanishes, and the second leaves it there: distances grow by $h/2 - 1$. The
# implicit method stays above 0 and divides by $1 + h$.

# %%
A = dnn.Dense(1, 1, W=[[1.0]])
X, h = dnn.GradientField(A, dnn.ReLU()), 10.0  # −max(x, 0)
x = np.array([[1.0], [2.0]])
trapezoidal = dnn.RungeKutta([[0, 0], [1 / 2, 1 / 2]], [1 / 2, 1 / 2])
for method, factor in ((trapezoidal, h / 2 - 1), (dnn.ImplicitEuler(), 1 / (1 + h))):
    y = method.step(X, x, h)
    print(f"{x.ravel()} → {y.ravel().round(3)}, distance × {abs(y[1] - y[0])[0]:.3f}")
    assert abs(abs(y[1] - y[0])[0] - factor) < 1e-12

# %% [markdown]
# ## Exercise 3
# The unknowns are $\eta_1$ and $\eta_2$ in one vector. In block row $i$ and column $j$
# stands $\delta_{ij}I - h\,a_{ji}X'(Y_i)^\top$.

# %%
X, h, method = (
    dnn.ResidualField.random(3, width=8, bias=1.0, rng=0),
    0.5,
    dnn.RadauIIA(2),
)
A, b = np.array(method.A), np.array(method.b)
x, w = rng.normal(size=(2, 3))


def gap(Y):
    return (Y.reshape(2, 3) - x - h * A @ X(Y.reshape(2, 3))).ravel()


Y = scipy.optimize.fsolve(gap, np.tile(x, 2), xtol=1e-14).reshape(2, 3)
slopes, pullback_X = X.vjp(Y)
JT = X.jacobian(Y).swapaxes(-1, -2)  # X′(Y_i)ᵀ
blocks = [
    [(i == j) * np.eye(3) - h * A[j, i] * JT[i] for j in range(2)] for i in range(2)
]
right = np.concatenate([h * b[i] * JT[i] @ w for i in range(2)])
eta = np.linalg.solve(np.block(blocks), right).reshape(2, 3)
kappa = b[:, None] * w + A.T @ eta  # κ_i = b_i w + Σ_j a_ji η_j
mine = w + eta.sum(axis=0), pullback_X(h * kappa)[1], (kappa * slopes).sum()
y, pullback = method.vjp(X, x, h)
gaps = [np.abs(its - my).max() for its, my in zip(pullback(w), mine)]
print("dx, dθ, dh: off by", ", ".join(f"{gap:.0e}" for gap in gaps))
assert np.abs(y - Y[1]).max() < 1e-10 and max(gaps) < 1e-10

# %% [markdown]
# ## Exercise 4
# The angular momentum is quadratic, $q_1p_2 - q_2p_1$, and kept. The energy is not
# quadratic: it swings in each period and comes back, for the method is symplectic. That
# of RK4 does not come back.

# %%
X = dnn.systems.kepler(0.6)
t = np.linspace(0, 3 * 2 * np.pi, 181)
for method in (dnn.Gauss(2), dnn.RK4()):
    states = dnn.trajectory(X, X.x0, t, method)
    swings, ends = {}, {}
    for name, I in X.invariants.items():
        change = abs(I(states) - I(X.x0))
        swings[name], ends[name] = change.max(), change[[60, 120, 180]]
        after = ", ".join(f"{size:.0e}" for size in ends[name])
        print(f"{method!r:8} {name:17} ≤ {swings[name]:.0e}, after periods {after}")
    if isinstance(method, dnn.Gauss):
        assert swings["angular_momentum"] < 1e-13 and 3e-5 < swings["energy"] < 1e-4
        assert ends["energy"].max() < swings["energy"] / 10
    else:
        assert ends["energy"][2] > 2 * ends["energy"][0]
