# %% [markdown]
# # 20. Lie groups and constraints
#
# A state on a sphere, a rod that does not stretch: some states are not just any vectors
# of $\mathbb R^d$, they lie on a surface in it. A step along the tangent leaves it.
# There are two ways to stay. *Move along the surface*, by rotations, which cannot leave
# it. Or *be held there*, by the force that holds a pendulum to its rod.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import expm

import dynsys_nn as dnn
from dynsys_nn import checks, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## A body turns
# The angular momentum $m$ of a free rigid body, seen from the body, obeys
# $$\dot m = m \times (m/I) = a(m) \times m, \qquad a(m) = -m/I.$$
# At each moment $m$ *turns*, about the axis $a(m)$. If the axis stood still for a time
# $h$, then $m$ would turn about it by the angle $h\|a\|$: that is exact, and a formula
# of Rodrigues. It suggests a step: turn about $a(x)$, as it is at the beginning.
#
# **Before you run the cell:** a step of Euler's method goes along the tangent. How long
# is $y = x + h\,a \times x$? And how long is $x$ after 800 turns?


# %%
def turn(u, x):
    """x turned about u by the angle ‖u‖: Rodrigues' formula."""
    angle = np.linalg.norm(u)
    k = u / angle
    across = np.cross(k, x)
    return x + np.sin(angle) * across + (1 - np.cos(angle)) * np.cross(k, across)


inertia = np.array([2.0, 1.0, 2 / 3])
body = dnn.systems.rigid_body(inertia)
h, x0 = 0.05, body.x0
t = h * np.arange(801)
turned, euler = [x0], [x0]
for _ in t[1:]:
    x, y = turned[-1], euler[-1]
    turned.append(turn(-h * x / inertia, x))
    euler.append(y - h * np.cross(y / inertia, y))
off = {"turns": turned, "Euler": euler}
for name, path in off.items():
    off[name] = np.linalg.norm(path, axis=-1) - 1
    print(f"{name}: ‖x‖ − 1 in [{off[name].min():.1e}, {off[name].max():.1e}]")
assert abs(off["turns"]).max() < 1e-14 and off["Euler"][-1] > 0.05

# %% [markdown]
# Euler's step is longer than $x$, by Pythagoras, always: $\|y\|^2 = \|x\|^2 +
# h^2\|a \times x\|^2$. A turn does not change a length. That $x$ stays on the sphere
# has nothing to do with how accurate the step is.
#
# ## What turns: a group, and its algebra
# $a \times x = \hat a x$ with a skew matrix $\hat a$, and the turn is its exponential,
# $$y = e^{h\hat a(x)}x, \qquad \hat a =
# \begin{pmatrix} 0 & -a_3 & a_2 \\ a_3 & 0 & -a_1 \\ -a_2 & a_1 & 0 \end{pmatrix}.$$
# Exponentials of skew matrices are rotations. Nothing here needs the number three:
# $\dot x = a(x)\cdot x$, $a(x) = \sum_k a_k(x)E_k$, with any basis of matrices $E_k$,
# moves by exponentials of them, and what these keep is kept. That is `LieField(a)`,
# with $a$ any map, and `LieEuler()`. (The $E_k$ span a *Lie algebra*, the products of
# exponentials are its *group*.)

# %%
X = dnn.LieField(dnn.Dense(3, 3, W=-np.diag(1 / inertia)))
states = dnn.trajectory(X, x0, t, dnn.LieEuler())
print(f"the same as by hand, to {abs(states - turned).max():.0e}; keeps {X.keeps}")
assert abs(states - turned).max() < 1e-12 and X.keeps == {"norm"}

# %% [markdown]
# ## Turns do not commute
# We want order four. RK4 takes $x + \frac h6(k_1 + 2k_2 + 2k_3 + k_4)$; let us put its
# weights in the exponent:
# $$y = e^{\frac h6(a_1 + 2a_2 + 2a_3 + a_4)}x, \qquad a_j = a(Y_j), \quad
# Y_2 = e^{\frac h2a_1}x, \quad Y_3 = e^{\frac h2a_2}x, \quad Y_4 = e^{ha_3}x.$$
#
# **Before you run the cell:** it stays on the sphere. Which order has it?


# %%
def one_exponential(x, h):
    def a(x):
        return X.matrix(X.a(x))

    a1 = a(x)
    a2 = a(expm(h / 2 * a1) @ x)
    a3 = a(expm(h / 2 * a2) @ x)
    a4 = a(expm(h * a3) @ x)
    return expm(h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)) @ x


T, steps = 4.0, np.array([10, 20, 40, 80])
exact = dnn.exact_flow(X, x0, T)
ways = {
    "Lie–Euler": (1, lambda x, h: dnn.LieEuler().step(X, x, h)),
    "RK4 in one exponential": (2, one_exponential),
    "commutator-free": (4, lambda x, h: dnn.CommutatorFree4().step(X, x, h)),
}
fig, ax = plt.subplots()
for name, (order, step) in ways.items():
    errors = []
    for n in steps:
        x = x0
        for _ in range(n):
            x = step(x, T / n)
        errors.append(np.linalg.norm(x - exact))
        assert abs(np.linalg.norm(x) - 1) < 1e-14
    slope = np.log2(errors[-2] / errors[-1])
    print(f"{name:23} {errors[-1]:.0e}, order {slope:.2f}")
    assert abs(slope - order) < 0.2
    plotting.convergence(T / steps, errors, order, ax=ax, label=name)
ax.set_xticks(T / steps, [f"{h:g}" for h in T / steps])
ax.set(xlabel="$h$", ylabel="error at $t = 4$")
_ = ax.legend(loc="lower right")

# %% [markdown]
# Order two, for four values of $a$. The axis moves while we turn, and $e^Ae^B \ne
# e^{A+B}$: turn a book about two axes, in either order. One may correct the exponent
# with commutators $a_ia_j - a_ja_i$ (Munthe-Kaas), or split the last turn into two with
# weights found for it (Celledoni, Marthinsen, Owren, 2003),
# $$y = e^{\frac h{12}(-a_1 + 2a_2 + 2a_3 + 3a_4)}\,
# e^{\frac h{12}(3a_1 + 2a_2 + 2a_3 - a_4)}x, \qquad Y_4 = e^{h(a_3 - \frac12a_1)}Y_2.$$
# That is `CommutatorFree4()`. As for RK4, the method is a table of numbers.
#
# ## The adjoint: how an exponential changes
# Back through $y = e^Mx$. In $x$ it is $(e^M)^\top w$. In $M$ we need the derivative
# $L(M, N) = \frac{\mathrm d}{\mathrm d\varepsilon}e^{M + \varepsilon N}$, which is not
# $Ne^M$: again, $M$ and $N$ do not commute. But
# $$\exp\begin{pmatrix} M & N \\ 0 & M \end{pmatrix} =
# \begin{pmatrix} e^M & L(M, N) \\ 0 & e^M \end{pmatrix},$$
# since the block matrix is $M + \varepsilon N$ with $\varepsilon^2 = 0$, so to speak.
# In the series each term of $L$ is a word $M\cdots MNM\cdots M$, and the trace lets
# words be read in a circle: $\langle W, L(M, N)\rangle = \langle L(M^\top, W),
# N\rangle$. So the covector at $M$ is $L(M^\top, wx^\top)$.
#
# **Before you run the cell:** how will you test the block formula?


# %%
def L(M, N):
    d = len(M)
    return expm(np.block([[M, N], [0 * M, M]]))[:d, d:]


M, N, W = rng.normal(size=(3, 4, 4))
by_complex_step = expm(M + 1e-100j * N).imag / 1e-100
gaps = [abs(L(M, N) - by_complex_step).max(), abs((W * L(M, N) - L(M.T, W) * N).sum())]
print("complex step:", f"{gaps[0]:.0e}, adjoint: {gaps[1]:.0e}")
assert max(gaps) < 1e-12 < 0.1 < abs(L(M, N) - N @ expm(M)).max()

a = dnn.ResidualField(dnn.Dense(8, 4, rng=0), dnn.Tanh(), dnn.Dense(6, 8, rng=1))
flow = dnn.Flow(dnn.LieField(a), h=0.3, method=dnn.CommutatorFree4(), steps=2)
print(checks.adjoint(flow, rng.normal(size=(10, 4))).require())

# %% [markdown]
# A network $a: \mathbb R^4 \to \mathfrak{so}(4)$, six coordinates: its flow stays on
# spheres in $\mathbb R^4$ whatever its weights are, and can be trained.
#
# ## Learn the body
# We see 60 momenta, and the same ones after half a time unit, and learn the matrix $W$
# in $a(m) = Wm$.
#
# **Before you run the cell:** will $W$ be $-\operatorname{diag}(1/I)$? Which other
# matrices give the same field?

# %%
x = rng.normal(size=(60, 3))
x /= np.linalg.norm(x, axis=-1, keepdims=True)
y = dnn.exact_flow(body, x, 0.5)
learned = dnn.LieField(dnn.Dense(3, 3, rng=0))
net = dnn.Network(dnn.Flow(learned, 0.25, dnn.CommutatorFree4(), steps=2))
history = dnn.fit(
    net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs=60, progress=False
)
W = learned.a.W
print(f"loss {history.loss[-1]:.0e}, W =\n{W.round(4) + 0.0}")
off = abs(W - np.diag(np.diag(W))).max(), abs(np.diff(np.diag(W)) + 0.5).max()
print(f"not diagonal by {off[0]:.0e}; W₂₂ − W₁₁, W₃₃ − W₂₂ = −½ to {off[1]:.0e}")
assert history.loss[-1] < 1e-12 and max(off) < 1e-4
assert abs(np.linalg.norm(net(x), axis=-1) - 1).max() < 2e-15

# %% [markdown]
# $W$ is known up to multiples of the identity, since $cm \times m = 0$. What can be
# seen, the differences of $1/I$, is learned, and the norm is kept to rounding, before
# the training, in it, and after it.
#
# ## A rod
# Now a pendulum in space: a stone at $q \in \mathbb R^3$, with $H = \frac12\|p\|^2 +
# q_3$, on a rod of length one. Its states obey two equations, the rod's and what
# follows from it by a derivative,
# $$c(q) = \tfrac12(\|q\|^2 - 1) = 0, \qquad \tfrac{\mathrm d}{\mathrm dt}c(q) =
# \langle q, p\rangle = 0.$$
# The second is called *hidden*. `systems.spherical_pendulum()` has the force of the rod
# in its formula. RK4 knows nothing of the rod. `Projected(method, I₁, I₂)` brings each
# step back: $y = \tilde y + \lambda_1\nabla I_1(\tilde y) + \lambda_2\nabla
# I_2(\tilde y)$.
#
# **Before you run the cell:** could one not project on the first, and then on the
# second?

# %%
rod = dnn.systems.spherical_pendulum()
length, radial = rod.invariants["length"], rod.invariants["radial"]
methods = {
    "as it is": dnn.Heun(),
    "one, then the other": dnn.Projected(dnn.Projected(dnn.Heun(), length), radial),
    "both at once": dnn.Projected(dnn.Heun(), length, radial),
}
t = 0.1 * np.arange(101)
fig, ax = plt.subplots(figsize=(12, 4.5))
gap = {}
for name, method in methods.items():
    z = dnn.trajectory(rod, rod.x0, t, method)
    gap[name] = abs(length(z) - 0.5).max()
    print(f"{name:20} rod {gap[name]:.0e}, radial {abs(radial(z)).max():.0e}")
    plotting.invariant_drift(length, z, t, ax=ax, label=name)
assert gap["as it is"] > 1e-3 > 1e-6 > gap["one, then the other"] > 1e-8
assert gap["both at once"] < 1e-14
ax.set(xlabel="$t$", ylabel="½‖q‖² is off by")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# The second projection moves along $\nabla I_2 = (p, q)$, and leaves the level set of
# the first. Both at once is a system of two equations for $\lambda$ in Newton's method,
# and one transposed solve in the adjoint.
#
# ## The rod as a force
# A projection keeps the surface, and does not ask where the energy goes. Mechanics
# says more: the rod pulls *along itself*, $\dot p = -\nabla V(q) + \lambda q$. Take
# Störmer and Verlet's step and give each half kick such a force, the first one so that
# the rod has length one at the end, the second one so that the velocity is along the
# sphere:
# $$\bar p = p - \tfrac h2\nabla V(q) + \lambda q, \quad q^+ = q + h\bar p, \quad
# \|q^+\| = 1;$$
# $$p^+ = \bar p - \tfrac h2\nabla V(q^+) + \mu q^+, \quad
# \langle q^+, p^+\rangle = 0.$$
# That is RATTLE (Andersen, 1983). On the sphere $\lambda$ solves a quadratic equation.
#
# **Before you run the cell:** write it.


# %%
def rattle(q, p, h):
    up = np.array([0.0, 0.0, 1.0])  # ∇V
    end = q + h * (p - h / 2 * up)  # and then q⁺ = end + hλq
    b = end @ q
    c = (np.sqrt(b**2 - end @ end + 1) - b) / h  # ‖end + hλq‖ = 1
    p = p - h / 2 * up + c * q
    q = q + h * p
    p = p - h / 2 * up
    return q, p - (p @ q) * q


free, method = dnn.systems.free_fall(), dnn.Rattle(dnn.Sphere())
h = 0.25
z = [np.split(rod.x0, 2)]
for _ in range(1200):
    z.append(rattle(*z[-1], h))
z = np.array(z).reshape(-1, 6)
z_package = dnn.trajectory(free, rod.x0, h * np.arange(41), method)
print(f"the same as dnn.Rattle, to {abs(z[:41] - z_package).max():.0e}")
gaps = abs(dnn.Sphere()(z[:, :3])).max(), abs(radial(z)).max()
print(f"1200 steps: rod {gaps[0]:.0e}, radial {gaps[1]:.0e}")
assert abs(z[:41] - z_package).max() < 1e-10 and max(gaps) < 2e-15

# %% [markdown]
# `Rattle(c₁, c₂, …)` takes any constraints, and steps the *free* system: the stone
# falls, and the constraint does the rest.
#
# **Before you run the cell:** long steps, $h = 0.25$. RK4 with projections has order
# four, and RATTLE two. Which one has the better energy after 600 steps?

# %%
H = rod.invariants["energy"]
t = h * np.arange(601)
projected = dnn.trajectory(rod, rod.x0, t, dnn.Projected(dnn.RK4(), length, radial))
drift = {"RK4, projected": H(projected), "RATTLE": H(z[:601])}
fig, ax = plt.subplots(figsize=(12, 4.5))
for name, E in drift.items():
    E = E - E[0]
    ax.plot(t, E, label=name)
    print(f"{name:15} H − H₀ in [{E.min():.3f}, {E.max():.3f}], at the end {E[-1]:.3f}")
    drift[name] = E
ax.set(xlabel="$t$", ylabel="$H - H_0$")
_ = ax.legend(loc="lower left")
assert drift["RK4, projected"][-1] < -0.06 and drift["RATTLE"].min() > -0.11
assert abs(drift["RATTLE"][:100].min() - drift["RATTLE"].min()) < 1e-3

# %% [markdown]
# RK4 loses energy, swing after swing. Within a swing RATTLE is off by more, but it
# always comes back. We know that from tutorial 4: the method is *symplectic*. But in
# which sense? $J$ lives in $\mathbb R^6$, the states of the pendulum on a surface of
# dimension four. Tangent vectors $u, v$ of that surface are what counts:
# $\omega(\Psi'u, \Psi'v) = \omega(u, v)$, $\omega(u, v) = u^\top Jv$.

# %%
q, p = np.split(rod.x0, 2)
normals = np.array([[*q, 0, 0, 0], [*p, *q]])  # gradients of c and of ⟨q, p⟩
tangents = np.linalg.svd(normals)[2][2:].T  # shape (6, 4)
J = np.kron([[0, 1], [-1, 0]], np.eye(3))
D = dnn.Flow(free, h, method).jacobian(rod.x0)
on_it = tangents.T @ (D.T @ J @ D - J) @ tangents
print(f"on the surface {abs(on_it).max():.0e}, in ℝ⁶ {abs(D.T @ J @ D - J).max():.1f}")
assert abs(on_it).max() < 1e-14 and abs(D.T @ J @ D - J).max() > 0.3
back = method.step(free, method.step(free, rod.x0, h), -h)
print(f"there and back: {abs(back - rod.x0).max():.0e}")
assert abs(back - rod.x0).max() < 1e-14
print(checks.adjoint(dnn.Flow(free, h, method, learn_h=True), rod.x0).require())
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# Symplectic on the surface, and symmetric: so Yoshida's composition of it has order
# four. The adjoint goes through the two implicit equations by the implicit function
# theorem, each a linear system with as many unknowns as there are constraints.
#
# ## Exercises
# 1. An epidemic, $\dot S = -SI$, $\dot I = SI - I$, $\dot R = I$, as $\dot x =
#    a(x)\cdot x$ with matrices whose columns sum to zero. Why can no component become
#    negative in a step of `LieEuler()`, however long it is? Is that so for
#    `CommutatorFree4()`?
# 2. Measure the order of `Yoshida(Rattle(Sphere()))` against `exact_flow`.
# 3. A double pendulum: two stones, $q \in \mathbb R^4$ in a plane, two rods. Write the
#    second constraint, $\frac12(\|q_2 - q_1\|^2 - 1)$, with gradient and Hessian, and
#    look at the rods and the energy over 200 steps.
# 4. Write the pullback of the last part of RATTLE, $p^+ = p - \langle p, q\rangle q$,
#    in $p$ and in $q$, for $\|q\| = 1$. In which directions is it blind?
