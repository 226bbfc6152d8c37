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
    exact = (fast * np.exp(slow * t) - slow * np.exp(fast * t)) / (fast - slow)
    off = abs(q - exact).max()
    print(f"{method!r:15} h = {T / n:.4f}: off by {off:.1g}")
    assert (off < 0.02) == (n != 995)
    width, look = {1000: (7, "-"), 995: (0.7, "-"), 25: (2, "o-")}[n]
    ax.plot(t, q, look, linewidth=width, label=f"{method}, {n} steps")
ax.set(xlabel="$t$", ylabel="$q$", ylim=(-0.5, 1.7))
_ = ax.legend(loc="upper left", ncols=3)

# %% [markdown]
# A thousand steps do, five fewer do not. The fast part has long been gone, and it is
# still the one that says how long a step may be: $h \le 2/39.97$. Such an equation is
# called *stiff*. The implicit method of Euler, $y = x + h\,X(y)$, takes 25 steps: how
# long they are depends on what is to be seen, and on nothing else.
#
# ## One function says it all
# On $\dot y = \lambda y$ a step of any Runge–Kutta method multiplies $y$ by
# $R(h\lambda)$,
# $$R(z) = 1 + z\,b^\top(I - zA)^{-1}\mathbf 1,$$
# the *stability function*, where the exact flow has $e^z$. $R$ is a polynomial if the
# method is explicit, and otherwise a quotient of two.
#
# **Before you run the cell:** where is $|R| \le 1$? Think of $z \to \infty$: what can a
# polynomial do there, and what a quotient?

# %%
methods = {
    "RK4": dnn.RK4(),
    "Euler": dnn.Euler(),
    "implicit Euler": dnn.ImplicitEuler(),
    "Radau IIA, s = 2": dnn.RadauIIA(2),
    "Gauss, s = 2": dnn.Gauss(2),
}
fig, axes = plt.subplots(1, 4, figsize=(14, 4.6), sharey=True)
for k, (name, R) in enumerate(methods.items()):
    ax, colour = axes[max(0, k - 1)], "C1" if name == "Euler" else "C0"
    plotting.stability_region(R, (-5, 7), (-6, 6), ax=ax, color=colour, n=150)
    ax.set(title="RK4, Euler" if k < 2 else name, xticks=(-4, 0, 4))
    ax.label_outer()

z = np.array([-1.0, 2.0j, -3.0 + 1.0j])
by_hand = {
    "RK4": sum(z**k / factorial(k) for k in range(5)),
    "Euler": 1 + z,
    "implicit Euler": 1 / (1 - z),
    "Radau IIA, s = 2": (1 + z / 3) / (1 - 2 * z / 3 + z**2 / 6),
    "Gauss, s = 2": (1 + z / 2 + z**2 / 12) / (1 - z / 2 + z**2 / 12),
}
y_axis = 1j * np.linspace(-50, 50, 1001)
for name, method in methods.items():
    R = method.stability_function
    on_axis, far = abs(R(y_axis)).max(), abs(R(-1e8))
    print(f"{name:16} |R(iy)| ≤ {on_axis:<8.3g} |R(−10⁸)| = {far:.0e}")
    assert np.allclose(R(z), by_hand[name], rtol=1e-13)
    assert (on_axis < 1 + 1e-12) == (not method.explicit)
    if not method.explicit:  # a pole z is 1/μ, μ an eigenvalue of A
        assert (np.linalg.eigvals(np.array(method.A)).real > 0).all()
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
methods["Gauss, s = 1"] = dnn.Gauss(1)
for name in ("Gauss, s = 1", "Gauss, s = 2", "Radau IIA, s = 2"):
    method = methods[name]
    p = dnn.trajectory(X, [0.0, 1.0], t, method)[:, 1]
    R = float(method.stability_function(-1e4 * 0.5).real)
    print(f"{name:16} R(−5000) = {R:7.4f}, p = {p[1]:.3g}, …, {p[-1]:.3g}")
    ax.plot(t, p, "o-", label=name)
    assert abs(p[1] - R) < 1e-3 and (abs(p[-1]) > 0.9) == isinstance(method, dnn.Gauss)
ax.set(xlabel="$t$", ylabel="$p$")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# Gauss keeps what is to be forgotten: with one stage, $R(\infty) = -1$, it even swings.
# Radau has forgotten it after one step. For stiff equations take `RadauIIA(s)`.
#
# ## Where the coefficients come from
# Choose nodes $c_1, \dots, c_s \in [0, 1]$. If $h$ is not too long there is a
# polynomial $p$ of degree $s$ that begins at $x$ and *meets the field at the nodes*,
# $$p(0) = x, \qquad p'(c_ih) = X(p(c_ih)), \qquad y = p(h).$$
# That is *collocation*. Integrate $p' = \sum_j X(p(c_jh))\,\ell_j$, with the Lagrange
# polynomials of the nodes, and there is a Runge–Kutta method, with $a_{ij} =
# \int_0^{c_i}\ell_j$ and $b_j = \int_0^1\ell_j$. Gauss takes the nodes of his
# quadrature. Let us find the polynomial without any tableau, from its conditions.
#
# **Before you run the cell:** logistic growth, $\dot x = 4x(1 - x)$, in *one* step over
# most of the rise. How good are a line, a parabola, a cubic?


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
    assert abs(p.deriv()(c * h) - f(p(c * h))).max() < 1e-9 and abs(p(h) - y) < 1e-9
    slopes = dict(angles="xy", pivot="mid", headwidth=0, headlength=0, headaxislength=0)
    grey, black = plotting.shade(0.2), plotting.shade(1.0)
    ax.quiver(times, states, 1 + 0 * times, f(states), color=grey, **slopes)
    ax.plot(t, exact, ":", color=black, label="exact")
    ax.plot(t, p(t), label="$p$")
    for t_i in c * h:
        near = np.array([t_i - h / 12, t_i, t_i + h / 12])
        ax.plot(near, p(t_i) + f(p(t_i)) * (near - t_i), color="C1")
    ax.plot(c * h, p(c * h), "o", color="C1", label="the field at the nodes")
    ax.set(title=f"s = {s}", xlabel="$t$", ylim=(0.2, 1.1))
    ax.label_outer()
axes[0].set_ylabel("$x$")
_ = axes[0].legend(loc="lower right")

# %% [markdown]
# The line has the slope of the field at one point, the parabola at two, the cubic at
# three. At the end $s$ conditions are worth *twice* as many: the nodes of Gauss make
# $\int_0^1$ exact for polynomials of degree $2s - 1$, and the step is of order $2s$.
# Radau asks for $c_s = 1$, so that $y$ is itself a point that meets the field, and pays
# one order for it.
#
# **Before you run the cell:** a pendulum up to $t = 2$, in 4, 8, 16, 32 steps. How many
# digits does each doubling give to Gauss with $s = 3$? (Think of
# $2^{10} \approx 10^3$.)

# %%
X, x0, T, steps = dnn.systems.pendulum(), np.array([1.5, 0.0]), 2.0, [4, 8, 16, 32]
exact = dnn.exact_flow(X, x0, T)
fig, ax = plt.subplots()
for method, name, order in (
    (dnn.Gauss(1), "Gauss, s = 1", 2),
    (dnn.RadauIIA(2), "Radau IIA, s = 2", 3),
    (dnn.Gauss(2), "Gauss, s = 2", 4),
    (dnn.Gauss(3), "Gauss, s = 3", 6),
):
    ends = np.array([dnn.Flow(X, T / n, method, steps=n)(x0) for n in steps])
    errors = np.linalg.norm(ends - exact, axis=-1)
    slope = np.log2(errors[1] / errors[2])
    print(f"{name:16} {errors[0]:.0e} … {errors[-1]:.0e}, order {slope:.2f}")
    plotting.convergence(T / np.array(steps), errors, order, ax=ax, label=name)
    assert method.order == order and abs(slope - order) < 0.05
hs = T / np.array(steps)
ax.set_xticks(hs, [f"{h:g}" for h in hs])
ax.set(xlabel="$h$", ylabel="error at $t = 2$")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# By $2^6 = 64$ each time: 1.8 digits.
#
# ## One matrix
# What a method does to quadratic forms is all in the matrix
# $$M = (b_ia_{ij} + b_ja_{ji} - b_ib_j)_{ij}.$$
# Put $y = x + h\sum_i b_iK_i$ into $y^\top Cy$, and $x = Y_i - h\sum_j a_{ij}K_j$ into
# what is mixed:
# $$y^\top Cy = x^\top Cx + 2h\sum_i b_i\,Y_i^\top CK_i -
# h^2\sum_{ij} m_{ij}\,K_i^\top CK_j.$$
# - If $x^\top Cx$ is an *invariant* of the field, $Y^\top CX(Y) = 0$, and the first sum
#   is 0. So methods with $M = 0$ keep all quadratic invariants (Cooper, 1987).
# - The same line holds for *differences* of two solutions and $C = I$. If the field
#   moves no two solutions apart, $\langle \Delta Y, \Delta K\rangle \le 0$,
#   then methods with $b \ge 0$ and $M \succeq 0$ do not either, for any $h$: they are
#   *B-stable* (Burrage and Butcher, 1979).
#
# **Before you run the cell:** which of these methods will keep, which will damp?


# %%
def stability_matrix(method):
    A, b = np.zeros((method.stages, method.stages)), np.array(method.b)
    for i, row in enumerate(method.A):
        A[i, : len(row)] = row
    return b[:, None] * A + (b[:, None] * A).T - np.outer(b, b)


x, K, C = rng.normal(size=3), rng.normal(size=(2, 3)), np.diag([1.0, -2.0, 3.0])
h, A, b = 0.7, np.array(dnn.RadauIIA(2).A), np.array(dnn.RadauIIA(2).b)
M, Y, y = stability_matrix(dnn.RadauIIA(2)), x + h * A @ K, x + h * b @ K
products = K @ C @ K.T  # K_iᵀCK_j
right = x @ C @ x + 2 * h * b @ np.diag(Y @ C @ K.T) - h**2 * (M * products).sum()
assert abs(y @ C @ y - right) < 1e-13  # whatever the numbers in x and K are

methods["trapezoidal"] = dnn.RungeKutta([[0, 0], [1 / 2, 1 / 2]], [1 / 2, 1 / 2])
for name, method in methods.items():
    M = np.linalg.eigvalsh(stability_matrix(method))
    print(f"{name:16} eigenvalues of M from {M[0]:7.4f} to {M[-1]:6.4f}")
    assert (abs(M).max() < 1e-14) == ("Gauss" in name)
    assert (M[0] > -1e-14) == (name not in ("RK4", "Euler", "trapezoidal"))

# %% [markdown]
# Gauss keeps. Radau and the implicit method of Euler damp, $M \succeq 0$, the explicit
# one does the opposite, and of RK4 and the trapezoidal rule nothing can be said.
#
# ## What Gauss keeps
# A free rigid body has two quadratic invariants, its energy and the length of its
# angular momentum.

# %%
X = dnn.systems.rigid_body()
t = np.linspace(0, 40, 161)
fig, ax = plt.subplots(figsize=(12, 4.5))
for name in ("RK4", "Radau IIA, s = 2", "Gauss, s = 2"):
    states = dnn.trajectory(X, X.x0, t, methods[name])
    drift = max(abs(I(states) - I(X.x0)).max() for I in X.invariants.values())
    print(f"{name:16} both invariants within {drift:.0e}")
    plotting.invariant_drift(X.invariants["energy"], states, t, ax=ax, label=name)
    assert (drift < 1e-14) == (name == "Gauss, s = 2")
ax.set(xlabel="$t$", ylabel="drift of the energy")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# To rounding, and not because the order is high: RK4 has the same one.
#
# For the implicit method of Euler $M = 1$, and the line above says how much it takes
# away. On the oscillator, with $C = I$, it is $\|y\|^2 = \|x\|^2 - h^2\|y\|^2$.
#
# **Before you run the cell:** 999 steps up to $t = 40$. What is left of the energy? And
# what does Gauss, $s = 2$, leave in 40 steps?

# %%
X = dnn.systems.harmonic_oscillator()
fig, ax = plt.subplots(figsize=(9, 6))
for name, n in (("Euler", 999), ("implicit Euler", 999), ("Gauss, s = 2", 40)):
    states = dnn.trajectory(X, [1.0, 0.0], np.linspace(0, 40, n + 1), methods[name])
    energy = (states**2).sum(axis=-1)
    change, h = energy[-1] - 1, 40 / n
    print(f"{name:15} {n:3} steps: energy 1 {change:+.6g}")
    ax.plot(*states.T, "o" if n == 40 else "-", label=name, zorder=n == 40)
    by_theory = {"E": (1 + h**2) ** n - 1, "i": (1 + h**2) ** -n - 1, "G": 0}[name[0]]
    assert abs(change - by_theory) < 1e-11
    assert name != "implicit Euler" or round(change, 6) == -0.798168
ax.set(xlabel="$q$", ylabel="$p$", aspect="equal")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# All three solutions should stay on the circle. Where nothing is lost such damping is
# an error. Where things are to come together it is what one wants.
#
# ## No two apart, whatever h
# $\dot x = -\nabla V(x)$, $V$ convex, has $\langle \Delta x, \Delta X\rangle \le 0$:
# two solutions never move apart. Nor do the steps of B-stable methods move two states
# apart, for all weights and each $h$.
#
# **Before you run the cell:** the trapezoidal rule has the $R$ of Gauss with $s = 1$,
# so that it is A-stable. Is it B-stable? (Its $M$ is above.)

# %%
X = dnn.GradientField.random(4, width=16, bias=1.0, rng=0)
X.theta = 3 * X.theta
x = 2 * rng.normal(size=(100, 4))
apart = 0.1 * rng.normal(size=x.shape)
Rs = [methods[k].stability_function(z) for k in ("trapezoidal", "Gauss, s = 1")]
assert np.allclose(*Rs, rtol=1e-14)
pairs, hs = np.stack([x, x + apart]), np.logspace(-2, 2, 9)
fig, ax = plt.subplots()
for name, method in methods.items():
    moved = [np.diff(method.step(X, pairs, h), axis=0)[0] for h in hs]
    stretch = np.linalg.norm(moved, axis=-1) / np.linalg.norm(apart, axis=-1)
    worst, longest = stretch.max(axis=-1), method.non_expansive_step(X)
    print(f"{name:16} up to × {worst.max():<8.3g} certified for h ≤ {longest:.3g}")
    ax.loglog(hs, worst, "--" if method.explicit else "-", label=name)
    B_stable = name not in ("RK4", "Euler", "trapezoidal")
    assert (worst.max() < 1 + 1e-9) == B_stable == np.isinf(longest)
ax.set(xlabel="$h$", ylabel="stretch of distances", ylim=(1e-2, 1e2))
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

flow = dnn.Flow(X, 100.0, dnn.ImplicitEuler(), steps=3)
print(f"three layers with h = 100: Lipschitz constant {flow.lipschitz():.12f}")
assert flow.lipschitz() < 1 + 1e-12

# %% [markdown]
# A-stability speaks of linear equations, and the trapezoidal rule shows that it is not
# enough. With gradient fields and B-stable steps a network is 1-Lipschitz for all
# weights, and no step has to be watched, as it had in tutorial 6.
#
# ## The gradient costs one linear system
# Newton's method took a few iterations to find $y$. Must we go back through them? No:
# differentiate the *equation*. A covector $w$ is pulled back through a step by
# $$\kappa_i = b_iw + \sum_j a_{ji}\eta_j, \qquad \eta_i = X'(Y_i)^\top h\kappa_i,
# \qquad \mathrm dx = w + \sum_i\eta_i,$$
# whatever the tableau is (sheet 3 of the labs). If the method is explicit, the κ follow
# from each other, the last one first. If not, it is a linear system, the transposed one
# of Newton's method:
# $$\eta_i - hX'(Y_i)^\top\sum_j a_{ji}\eta_j = hb_iX'(Y_i)^\top w.$$
#
# **Before you run the cell:** write the step of the implicit method of Euler ($s = 1$,
# $a = b = 1$, $Y = y$) and its pullback yourself.


# %%
def implicit_euler(X, x, h):
    """y = x + hX(y), and its pullback."""
    y, I = x, np.eye(X.dim)
    for _ in range(10):  # Newton's method
        r = y - x - h * X(y)
        y = y - np.linalg.solve(I - h * X.jacobian(y), r[..., None])[..., 0]
    slope, pullback_X = X.vjp(y)
    transposed = (I - h * X.jacobian(y)).swapaxes(-1, -2)  # I − hX′(y)ᵀ

    def pullback(w):
        right = pullback_X(h * w)[0]  # hX′(y)ᵀw
        eta = np.linalg.solve(transposed, right[..., None])[..., 0]
        dtheta = pullback_X(h * (w + eta))[1]  # κ = w + η
        return w + eta, dtheta, ((w + eta) * slope).sum()

    return y, pullback


X, h = dnn.ResidualField.random(3, width=16, bias=1.0, rng=0), 0.5
x, w = rng.normal(size=(2, 10, 3))
y, pullback = implicit_euler(X, x, h)
y_package, pullback_package = dnn.ImplicitEuler().vjp(X, x, h)
gaps = [abs(y - y_package).max()]
for mine, its in zip(pullback(w), pullback_package(w)):
    gaps.append(np.linalg.norm(mine - its) / np.linalg.norm(its))
print("y, dx, dθ, dh: off by", ", ".join(f"{gap:.0e}" for gap in gaps))
assert max(gaps) < 1e-12
for method in (dnn.Gauss(3), dnn.RadauIIA(2)):
    print(checks.adjoint(dnn.Flow(X, h, method, steps=2, learn_h=True), x).require())

# %% [markdown]
# No iterate is kept, none is run again, and to the gradient it does not matter how $y$
# was found. *Deep equilibrium models* (Bai et al., arXiv:1909.01377) are such layers.
#
# ## What it costs
# Each iteration of Newton's method solves a system of $sd$ equations, of some
# $\tfrac23(sd)^3$ operations; the adjoint solves one more. For the stiff spring that is
# next to nothing.
#
# **Before you run the cell:** $\gamma = 10^4$ again, up to $t = 5$. How often does RK4
# ask the field, with the longest step that is stable, $2.78/\gamma$? And Radau, $s =
# 2$, $h = 0.5$?

# %%
spring, asked = dnn.systems.damped_oscillator(gamma=1e4), []


def counted(x):
    asked.append(x.size // 2)  # so many states
    return spring(x)


X = dnn.KnownField(counted, 2, spring.jacobian)
y = dnn.trajectory(X, [1.0, 0.0], np.linspace(0, 5, 11), dnn.RadauIIA(2))[-1]
error = abs(y - dnn.ExactFlow().step(spring, np.array([1.0, 0.0]), 5.0)).max()
before, after = abs(dnn.RK4().stability_function(np.array([-2.78, -2.79])))
assert before <= 1 < after
explicit = 4 * np.ceil(5 * 1e4 / 2.78)
print(f"Radau: {sum(asked)} values of X, off by {error:.0e}; RK4: {explicit:.0f}")
assert error < 1e-8 and sum(asked) < 200 < 70_000 < explicit
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# For a wide layer it is another matter. With $d = 1000$ and $s = 2$ one system takes
# $5\cdot 10^9$ operations, and an evaluation of $B\,\Sigma(Ax + b)$, with square $A$
# and $B$, takes $4\cdot 10^6$: a thousand times less. Implicit steps are for small
# stiff systems, and for what must be kept to rounding; wide layers take explicit steps,
# as long as tutorial 6 allows.
#
# ## Exercises
# 1. Other nodes: $c = (0, \frac12, 1)$, $(0, \frac13, 1)$, $(\frac13, 1)$. Build the
#    tableaus from integrals of the Lagrange polynomials and let `dnn.RungeKutta` tell
#    their orders. Which condition on the nodes raises the order above $s$?
# 2. Find two states on the line that one trapezoidal step of $\dot x = -\max(x, 0)$
#    moves apart. What does the implicit method of Euler do to them?
# 3. Write the adjoint of a step of Radau, $s = 2$: a system of $2d$ equations. Compare
#    with the package.
# 4. Kepler's orbit with eccentricity 0.6, in 60 steps a period. Of its two invariants,
#    which does Gauss, $s = 2$, keep to rounding? What happens to the other one in three
#    periods, and what with RK4?
