# %% [markdown]
# # 13. Collocation and stability
#
# An explicit step asks the field where it is, and goes there. An *implicit* step asks
# the field where it will be: in each step there is an equation to solve. What for? The
# step may be as long as one likes; what the exact flow keeps is kept; two solutions
# that should not move apart do not. Each of the three can be read off the coefficients
# of the method, and the gradient costs one linear system.

# %%
from math import factorial

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize
from numpy.polynomial import Polynomial

import dynsys_nn as dnn
from dynsys_nn import checks, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## A spring in honey
# $$\dot q = p, \qquad \dot p = -q - \gamma p, \qquad \gamma = 40.$$
# The eigenvalues are $-39.97$ and $-0.025$. After a moment the fast part is gone, and
# what one sees creeps back to 0, in a time of 40.
#
# **Before you run the cell:** we want $q$ up to $t = 50$. Which step would you take,
# and which does Euler's method allow?

# %%
X, T = dnn.systems.damped_oscillator(gamma=40.0), 50.0
fast, slow = np.sort(np.linalg.eigvals(X.jacobian(X.x0)).real)
print(f"eigenvalues {fast:.2f} and {slow:.3f}; 2/|λ| = {2 / abs(fast):.5f}")
assert round(fast, 2) == -39.97 and round(slow, 3) == -0.025

fig, ax = plt.subplots()
for method, n in ((dnn.Euler(), 1000), (dnn.Euler(), 995), (dnn.ImplicitEuler(), 25)):
    t = np.linspace(0, T, n + 1)
    q = dnn.trajectory(X, X.x0, t, method)[:, 0]
    off = abs(q - dnn.exact_flow(X, X.x0, t)[:, 0]).max()
    print(f"{method!r:15} h = {T / n:.4f}: off by {off:.1g}")
    assert (off < 0.02) == (n != 995)
    width, look = {1000: (7, "-"), 995: (0.7, "-"), 25: (2, "o-")}[n]
    ax.plot(t, q, look, linewidth=width, label=f"{method}, {n} steps")
ax.set(xlabel="$t$", ylabel="$q$", ylim=(-0.5, 1.7))
_ = ax.legend(loc="upper left", ncols=3)

# %% [markdown]
# A thousand steps do, five fewer do not. The fast part has long been gone, and it is
# still the one that says how long a step may be: $h \le 2/39.97$. Such an equation is
# called *stiff*. The implicit method of Euler, $y = x + h\,X(y)$, takes 25 steps, as
# many as what is to be seen needs.
#
# ## One function says it all
# On $\dot y = \lambda y$ a step of any Runge–Kutta method multiplies $y$ by
# $R(h\lambda)$,
# $$R(z) = 1 + z\,b^\top(I - zA)^{-1}\mathbf 1,$$
# the *stability function*. The exact flow has $e^z$. It is a polynomial if the method
# is explicit, and otherwise a quotient.
#
# **Before you run the cell:** where is $|R| \le 1$? Think of $z \to \infty$: what can
# a polynomial do there, and what a quotient?

# %%
panels = [
    [dnn.RK4(), dnn.Euler()], [dnn.ImplicitEuler()], [dnn.RadauIIA(2)], [dnn.Gauss(2)]
]  # fmt: skip
fig, axes = plt.subplots(1, 4, figsize=(14, 4.6), sharey=True)
for ax, methods in zip(axes, panels):
    for k, R in enumerate(methods):
        plotting.stability_region(R, (-5, 7), (-6, 6), ax=ax, color=f"C{k}", n=150)
    ax.set(title=", ".join(repr(method) for method in methods), xticks=(-4, 0, 4))
    ax.label_outer()

z = np.array([-1.0, 2.0j, -3.0 + 1.0j])
by_hand = {
    "Euler": 1 + z,
    "RK4": sum(z**k / factorial(k) for k in range(5)),
    "ImplicitEuler": 1 / (1 - z),
    "RadauIIA": (1 + z / 3) / (1 - 2 * z / 3 + z**2 / 6),
    "Gauss": (1 + z / 2 + z**2 / 12) / (1 - z / 2 + z**2 / 12),
}
y_axis = 1j * np.linspace(-50, 50, 1001)
for method in sum(panels, []):
    R = method.stability_function
    on_axis, far = abs(R(y_axis)).max(), abs(R(-1e8))
    print(f"{method!r:15} |R(iy)| ≤ {on_axis:<8.3g} |R(−10⁸)| = {far:.0e}")
    assert np.allclose(R(z), by_hand[type(method).__name__], rtol=1e-13)
    assert (on_axis < 1 + 1e-12) == (not method.explicit)
    assert (far < 1e-7) == isinstance(method, (dnn.ImplicitEuler, dnn.RadauIIA))

# %% [markdown]
# A polynomial that is not constant goes to ∞: the region of an explicit method is
# bounded, and there is a longest step. The three on the right are *A-stable*, $|R| \le
# 1$ in the whole left half-plane: what decays, decays, with any step. (No pole lies
# there, so that by the maximum principle the imaginary axis decides.)
#
# But *how* does it decay? $R(-\infty)$ is 0 for the methods of Radau and the implicit
# one of Euler, which are called *L-stable*, and 1 for the method of Gauss. We start the
# spring off the slow motion, with $p = 1$.
#
# **Before you run the cell:** $\gamma = 10^4$ and $h = 0.5$. The exact $p$ is almost 0
# after $t = 0.001$. What does $p$ do in the steps of each method?

# %%
X, t = dnn.systems.damped_oscillator(gamma=1e4), np.linspace(0, 5, 11)
fig, ax = plt.subplots(figsize=(12, 4))
for method in (dnn.Gauss(1), dnn.Gauss(2), dnn.RadauIIA(2)):
    p = dnn.trajectory(X, [0.0, 1.0], t, method)[:, 1]
    R = method.stability_function(-1e4 * 0.5).real
    print(f"{method!r:12} R(−5000) = {R:7.4f}, p = {p[1]:.4f}, …, {p[-1]:.4f}")
    ax.plot(t, p, "o-", label=repr(method))
    assert abs(p[1] - R) < 1e-3 and (abs(p[-1]) > 0.9) == isinstance(method, dnn.Gauss)
ax.set(xlabel="$t$", ylabel="$p$")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# Gauss keeps what he should forget: with one stage, $R(\infty) = -1$, it even swings.
# Radau has forgotten it after one step. For stiff equations take `RadauIIA(s)`.
#
# ## Where the coefficients come from
# Choose nodes $c_1, \dots, c_s \in [0, 1]$. There is a polynomial $p$ of degree $s$
# that begins at $x$ and *meets the field at the nodes*,
# $$p(0) = x, \qquad p'(c_ih) = X(p(c_ih)), \qquad y = p(h).$$
# That is *collocation*. Integrate $p' = \sum_j X(p(c_jh))\,\ell_j$, with the Lagrange
# polynomials of the nodes, and there is a Runge–Kutta method, with $a_{ij} =
# \int_0^{c_i}\ell_j$ and $b_j = \int_0^1\ell_j$. Gauss takes the nodes of his
# quadrature. Let us find the polynomial without any tableau, from its conditions.
#
# **Before you run the cell:** logistic growth, $\dot x = 4x(1 - x)$, in *one* step over
# the whole rise. How good are a line, a parabola, a cubic?

# %%
def f(x):
    return 4 * x * (1 - x)


growth = dnn.KnownField(f, 1, jacobian=lambda x: (4 - 8 * x)[..., None])
x, h = 0.25, 0.75


def collocation_polynomial(c):
    """p with p(0) = x and p′ = f(p) at the times c_i h, from its coefficients."""

    def gap(a):
        p = Polynomial([x, *a])
        return p.deriv()(c * h) - f(p(c * h))

    return Polynomial([x, *scipy.optimize.fsolve(gap, f(x) * np.eye(len(c))[0])])


t = np.linspace(0, h, 101)
exact = dnn.exact_flow(growth, [x], t)[:, 0]
times, states = np.meshgrid(np.linspace(0, h, 16), np.linspace(0.2, 1.1, 13))
fig, axes = plt.subplots(1, 3, figsize=(14, 5), sharey=True)
for s, ax in enumerate(axes, start=1):
    c = (np.polynomial.legendre.leggauss(s)[0] + 1) / 2
    p = collocation_polynomial(c)
    [y] = dnn.Gauss(s).step(growth, [x], h)
    print(f"s = {s}: p(h) = {p(h):.10f}, off by {abs(p(h) - exact[-1]):.1e}")
    assert abs(p(h) - y) < 1e-10
    ax.quiver(
        times, states, np.ones_like(times), f(states), angles="xy", headwidth=1,
        color=plotting.shade(0.2),
    )  # fmt: skip
    ax.plot(t, exact, ":", color=plotting.shade(1.0), label="exact")
    ax.plot(t, p(t), label="$p$")
    ax.plot(c * h, p(c * h), "o", color="C1", label="at the nodes")
    ax.set(title=f"s = {s}", xlabel="$t$", ylim=(0.2, 1.1))
    ax.label_outer()
axes[0].set_ylabel("$x$")
_ = axes[0].legend(loc="upper left")
