# %% [markdown]
# # 16. Learning a Hamiltonian
#
# A marble in a valley, a bead on a wire: what we can measure is how they move, and what
# we want is their energy. A *Hamiltonian neural network* (Greydanus et al.,
# arXiv:1906.01563) is a network $H$ with one number as its value, and the field is its
# derivative, $X = J\nabla H$. So the loss contains a derivative of the network, and the
# gradient of the loss a *derivative of a derivative*. First we find that by hand, for
# one layer; then, for any depth, with one line.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## By hand
# One layer, $V(x) = \alpha^\top\tanh(a)$ with $a = Ax + b$. Its gradient is
# $$X(x) = \nabla V(x) = A^\top(\alpha\odot\tau'(a)), \qquad \tau' = 1 - \tanh^2.$$
# To train $X$ we need its pullback: for a covector $w$ the derivatives of
# $\langle w, X\rangle$ in $x$ and in θ. But
# $$\langle w, \nabla V(x)\rangle = \sum_i \alpha_i\tau'(a_i)(Aw)_i$$
# is nothing but the tangent of $V$ along $w$, its `jvp`. So inside of a `vjp` stands a
# `jvp`, and it is differentiated by the rules that we know: $a$ gets the covector
# $\alpha\odot\tau''(a)\odot Aw$, with $\tau'' = -2\tanh\cdot\tau'$.
#
# **Before you run the cell:** how often does $A$ occur in $\langle w, X\rangle$? So how
# many terms has the gradient in $A$?


# %%
class OneLayer(dnn.Field):
    """X(x) = ∇V(x), V(x) = α·tanh(A x + b)."""

    def __init__(self, A, alpha):
        self.dim_in = self.dim_out = A.dim_in
        self.own(A=A, b=rng.normal(size=A.dim_out), alpha=alpha)

    def __call__(self, x):
        t = np.tanh(self.A(x) + self.b)
        return self.A.adjoint(self.alpha * (1 - t * t))

    def vjp(self, x):
        t = np.tanh(self.A(x) + self.b)
        slope = 1 - t * t

        def pullback(w):
            Aw = self.A(w)
            u = self.alpha * (-2 * t * slope) * Aw  # the covector at a = A x + b
            dA = self.A.outer(u, x) + self.A.outer(self.alpha * slope, w)
            gradients = dict(A=dA, b=u.sum(axis=0), alpha=(slope * Aw).sum(axis=0))
            return self.A.adjoint(u), self.pack(**gradients)

        return self.A.adjoint(self.alpha * slope), pullback


X = OneLayer(dnn.Dense(6, 2, rng=rng), rng.normal(size=6))
x, w = rng.normal(size=(2, 50, 2))
print(checks.adjoint(X, x).require())

# %% [markdown]
# Twice: $A$ is in $a$ and in $A^\top$, and pays both times. With a second layer below
# the first, both of these terms go on down, and each splits again. It can be done
# (exercise 1), but nobody wants to do it for five layers.
#
# ## One pullback, at a complex point
# The package's networks have a pullback of their own, which knows $\nabla V$. All that
# is missing is its derivative along $w$. A difference quotient,
# $(\nabla V(x + \varepsilon w) - \nabla V(x))/\varepsilon$, subtracts two numbers that
# are almost equal. But an analytic $V$ may be asked at the *complex* point
# $x + i\varepsilon w$:
# $$\nabla V(x + i\varepsilon w) = \nabla V(x) + i\varepsilon\,\nabla^2V(x)w -
# \tfrac12\varepsilon^2\ldots$$
# The real part is the gradient, and the imaginary part over ε the product with the
# Hessian. Nothing is subtracted.
#
# **Before you run the cell:** $\varepsilon = 10^{-1}, 10^{-2}, \ldots, 10^{-16}$. Which
# ε is best for the quotient, and how good is it there? And for the complex point?

# %%
layer = dnn.ResidualField(dnn.Dense(6, 2, W=X.A.W), dnn.Tanh())  # x ↦ tanh(A x + b)
layer.b = X.b
V = dnn.Network(layer, dnn.Dense(1, 6, W=X.alpha[None]))


def gradient(V, x):
    y, pullback = V.vjp(x)
    return pullback(np.ones_like(y))  # ∇V at each x, and Σ ∂V/∂θ


def second(V, x, w, eps=1e-100):
    dx, dtheta = gradient(V, x + 1j * eps * w)
    return dx.imag / eps, dtheta.imag / eps  # ∇²V w, and ∂⟨w, ∇V⟩/∂θ


by_hand, by_hand_theta = X.vjp(x)[1](w)
sizes = 10.0 ** -np.arange(1, 17)
quotients = [(gradient(V, x + e * w)[0] - gradient(V, x)[0]) / e for e in sizes]
errors = {
    "difference quotient": [abs(q - by_hand).max() for q in quotients],
    "complex point": [abs(second(V, x, w, e)[0] - by_hand).max() for e in sizes],
}
fig, ax = plt.subplots()
for name, error in errors.items():
    ax.loglog(sizes, np.maximum(error, 1e-17), "o-", label=name)
    print(f"{name:20} at best {min(error):.0e}, with ε = 1e-16 {error[-1]:.0e}")
ax.set(xlabel="ε", ylabel="error of $\\nabla^2V\\,w$")
_ = ax.legend()
found, found_theta = second(V, x, w)
print(f"with ε = 1e-100: {abs(found - by_hand).max():.0e}")
assert min(errors["difference quotient"]) > 1e-10 > 1e-14 > errors["complex point"][-1]
assert abs(found - by_hand).max() < 1e-14
assert abs(found_theta - by_hand_theta).max() < 1e-12  # sums over 50 states

# %% [markdown]
# The quotient loses at least half of its digits, whichever ε one takes. The complex
# point has them all as soon as $\varepsilon^2$ is below rounding, and from there on ε
# may be as small as one likes: we take $10^{-100}$. There is no magic in it: complex
# numbers whose ε² is lost carry a value and its derivative through each operation, as
# `jvp` does. And the same pullback brought the derivative in θ: all that we wrote into
# `OneLayer`, and for any depth.
#
# `GradientOf(V)` is the field $-\nabla V$ (with `sign=1`, $+\nabla V$) made in this
# way. ReLU is refused: it has no complex derivative, and the field $\nabla V$ of such a
# network jumps.

# %%
Y = dnn.GradientOf(V, sign=1)
assert abs(Y(x) - X(x)).max() < 1e-14
assert abs(Y.vjp(x)[1](w)[0] - by_hand).max() < 1e-14
print(checks.adjoint(Y, x).require())
print(checks.curl_free(Y, x).require())
try:
    dnn.GradientOf.random(2, (8, 8), dnn.ReLU())
except TypeError as error:
    print(error)

# %% [markdown]
# ## Where one layer is not enough
# A valley in the shape of a ring, $V(q) = -e^{-4(\|q\|^2 - 1)^2}$, and the force on a
# marble at 250 places. A sum of functions of $a_i^\top q + b_i$ has to build the ring
# from straight folds; a deeper network can first compute something like $\|q\|^2$, and
# then bend that.
#
# **Before you run the cell:** 61 units in one layer, or layers of 5, 10, 10 and 5: both
# have about 245 parameters. By which factor do the errors of their forces differ?


# %%
def valley(q):
    return -np.exp(-4 * ((q**2).sum(axis=-1) - 1) ** 2)


def force(q):
    r2 = (q**2).sum(axis=-1, keepdims=True)
    return -16 * (r2 - 1) * np.exp(-4 * (r2 - 1) ** 2) * q


q, q_test = rng.uniform(-1.5, 1.5, (250, 2)), rng.uniform(-1.5, 1.5, (1000, 2))
learned = {}
for widths in ((61,), (5, 10, 10, 5)):
    X = learned[widths] = dnn.GradientOf.random(2, widths, bias=1.0, rng=0)
    dnn.fit(X, MSE, q, force(q), dnn.LBFGS(), epochs=150)
    print(f"{widths}: {X.theta.size} parameters, {MSE(X(q_test), force(q_test)):.0e}")
wide, deep = (MSE(X(q_test), force(q_test)) for X in learned.values())
assert wide > 10 * deep

grid = np.stack(np.meshgrid(*[np.linspace(-1.5, 1.5, 61)] * 2), axis=-1)
fig, axes = plt.subplots(1, 3, figsize=(15, 5), sharex=True, sharey=True)
potentials = [valley, *[X.potential for X in learned.values()]]
titles = "the valley", "one layer", "four layers"
for ax, potential, title in zip(axes, potentials, titles):
    values = potential(grid) - potential(grid).mean()
    levels = np.linspace(-0.8, 0.4, 13)
    ax.contourf(*np.moveaxis(grid, -1, 0), values, levels, extend="both")
    ax.set(xlabel="$q_1$", title=title, aspect="equal")
_ = axes[0].set_ylabel("$q_2$")

# %% [markdown]
# Depth is what the ring needs, and depth costs us nothing: the class is the same.
#
# ## From velocities: a bead on a wire
# A bead slides on the parabola $y = q^2/2$. Its kinetic energy is
# $\tfrac12(1 + q^2)\dot q^2$, and so
# $$H(q, p) = \frac{p^2}{2(1 + q^2)} + \frac{q^2}{2},$$
# which is no sum $T(p) + V(q)$. We see states and their velocities $\dot z$.
# `HamiltonianOf(H)` is $J\nabla H$ for a network $H$; beside it stands a field of the
# same size without structure.
#
# **Before you run the cell:** both fit the velocities. What does the bead's energy do
# until $t = 100$ on a solution of the one, and of the other?


# %%
def energy(z):
    q, p = z[..., 0], z[..., 1]
    return p**2 / (2 * (1 + q**2)) + q**2 / 2


def velocity(z):
    q, p = z[..., :1], z[..., 1:]
    return np.concatenate([p / (1 + q**2), q * (p / (1 + q**2)) ** 2 - q], axis=-1)


z = rng.uniform(-2, 2, (150, 2))
fields = {
    "Hamiltonian": dnn.HamiltonianOf.random(2, (8, 8), bias=1.0, rng=0),
    "without structure": dnn.ResidualField.random(2, width=21, bias=1.0, rng=0),
}
start, t = np.array([1.5, 0.0]), np.linspace(0, 100, 501)
fig, ax = plt.subplots()
drift = {}
for name, X in fields.items():
    history = dnn.fit(X, MSE, z, velocity(z), dnn.LBFGS(), epochs=150)
    errors = energy(dnn.trajectory(X, start, t, dnn.RK4())) - energy(start)
    drift[name] = abs(errors[-50:]).max()
    ax.plot(t, errors, label=name)
    print(f"{name:17} {X.theta.size} parameters, error {history.loss[-1]:.0e}")
    keeps = ", ".join(sorted(X.keeps)) or "–"
    print(f"{'':17} energy off by {drift[name]:.0e}, keeps {keeps}")
ax.set(xlabel="$t$", ylabel="energy − energy at first")
_ = ax.legend()
assert drift["Hamiltonian"] < 0.03 and drift["without structure"] > 0.06

# %% [markdown]
# The first follows its own $H$, which is near the true one everywhere: its energy error
# comes back after each swing. The errors of the second add up.
#
# ## From trajectories, with any kinetic energy
# Velocities are rarely measured. From states at times $0, h, 2h, \ldots$ we learn
# through the steps of a method. Let the kinetic energy be known, and not a quadratic
# one: that of a fast particle, $T(p) = \sqrt{1 + p^2}$ (with $m = c = 1$). Unknown is
# the potential, here two wells. A `PartitionedField` takes $\nabla T$ as any map, and
# $-\nabla V$ as a `GradientOf`.

# %%
T = dnn.KnownField(lambda p: p / np.sqrt(1 + p**2), 1, "complex step")
wells = dnn.KnownField(lambda q: q - q**3, 1)  # V(q) = q⁴/4 − q²/2
h, M = 0.15, 2
z = rng.uniform([-1.6, -1.2], [1.6, 1.2], (60, 2))
seen = dnn.exact_flow(dnn.PartitionedField(T, wells), z, h * np.arange(1, M + 1))

V = dnn.GradientOf.random(1, (8, 8), bias=1.0, rng=0)
X = dnn.PartitionedField(T, V)
flow = dnn.Flow(X, h / 2, dnn.StormerVerlet(), steps=2)
history = dnn.fit(dnn.Rollout(flow, M), MSE, z, seen, dnn.LBFGS(), epochs=80)
q = np.linspace(-1.5, 1.5, 201)
gap = V.potential(q[:, None]) - (q**4 / 4 - q**2 / 2)
gap = abs(gap - gap.mean()).max()
print(f"mean squared error {history.loss[-1]:.0e}, the potential is off by {gap:.0e}")
print(f"the flow keeps {', '.join(sorted(flow.keeps))}")
assert gap < 2e-2 and flow.keeps == {"symplectic", "volume"}

# %% [markdown]
# It was told neither forces nor velocities. The flow is symplectic for any $T$, any $V$
# and any parameters, and so the energy stays near its first value for a very long time:

# %%
start, n = np.array([1.5, 0.0]), 1000  # over the hill between the wells, and back


def total(z):
    q, p = z[..., 0], z[..., 1]
    return np.sqrt(1 + p**2) + q**4 / 4 - q**2 / 2


states = dnn.Rollout(flow, n)(start)
errors = abs(total(states) - total(start))
first, last = errors[:200].max(), errors[-200:].max()
print(f"energy off by {first:.0e} up to t = 30, by {last:.0e} near t = {n * h:.0f}")
assert last < 2 * first < 0.06 and states[:, 0].min() < -1
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. Write the pullback of $\nabla V$ by hand for two layers,
#    $V(x) = \alpha^\top\tanh(B\tanh(Ax + b) + c)$: its part in $x$ is enough. Compare
#    with `GradientOf`.
# 2. What is $\nabla V$ for a network $V$ with ReLU, and what could be learned with it?
#    Take $V$'s own pullback along a line.
# 3. The derivative of `GradientOf` is the Hessian. Add $\|x\|^2/2$ to a random deep
#    $V$ (as a `SumField`) and find the minimum by Newton's method: how many steps until
#    the gradient is below $10^{-14}$?
