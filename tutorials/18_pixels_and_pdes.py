# %% [markdown]
# # 18. Pixels and partial differential equations
#
# A film of something that diffuses, swings, spreads or drifts: each frame is a state,
# and the next one is a step of a flow. Differences of neighbouring pixels are linear
# maps, so what we know of fields tells us which steps are safe before anything is
# learned. And a convolution is a difference whose numbers are not known yet: it can
# *learn* the equation from the film (Celledoni, Jackaman, Murari and Owren,
# arXiv:2305.00723).

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()


def show(ax, u, title="", most=1.0):
    n = round(np.sqrt(u.size))
    look = dict(cmap=plotting.diverging(), vmin=-most, vmax=most)
    ax.imshow(u.reshape(n, n), **look)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(True)


# %% [markdown]
# ## Heat is a gradient flow
# `PeriodicGradient` takes the differences of an image $u$ downwards and to the right,
# $$Du(p) = \frac1{\mathrm dx}\big(u(p + e_1) - u(p),\; u(p + e_2) - u(p)\big),$$
# two images behind each other, on a torus. $V(u) = \frac12\|Du\|^2$ says how rough the
# image is, and descends along $-\nabla V$:
# $$\dot u = -D^\top Du = \Delta u,$$
# the heat equation, with the Laplacian of five points. It is a layer that we have known
# since tutorial 6, $-A^\top\Sigma(Au + b)$ with $A = D$ and $\Sigma(z) = z$.
#
# **Before you run the cell:** shifts commute with $D$, so a wave stays the same wave,
# and a step of Euler's method multiplies it by one number. By which, for the wave with
# 2 crests down and 3 across on 40×40 pixels, $h = 0.24\,\mathrm dx^2$?

# %%
n, dx = 40, 1 / 40
D, A = dnn.PeriodicGradient((n, n), dx), dnn.Laplacian((n, n), dx)
heat = dnn.GradientField(D, dnn.Identity())
u = rng.normal(size=n * n)
gap = abs(heat(u) - A(u)).max() / abs(A(u)).max()
print(f"−DᵀD against Δ: {gap:.0e}")
print(checks.adjoint(D, u).require())
assert gap < 1e-15

p = 2 * np.pi * np.arange(n) / n
wave = np.cos(2 * p[:, None] + 3 * p).ravel()
after = dnn.Flow(heat, 0.24 * dx**2)(wave)
factor = 1 - 0.24 * 4 * (np.sin(2 * np.pi / n) ** 2 + np.sin(3 * np.pi / n) ** 2)
print(f"the wave is multiplied by {after @ wave / (wave @ wave):.13f}")
assert abs(after - factor * wave).max() < 1e-13 and round(factor, 4) == 0.9242

# %% [markdown]
# $-\Delta$ multiplies a wave by $\frac4{\mathrm dx^2}(\sin^2\frac{\omega_1}2 +
# \sin^2\frac{\omega_2}2)$: that is `singular_range`, and the largest factor,
# $8/\mathrm dx^2$, belongs to the chessboard.
#
# ## The CFL condition is non-expansiveness
# A step of Euler's method moves no two states apart as long as $h \le 2/\|D\|^2$: the
# theorem of 1-Lipschitz networks. Whoever learned numerical analysis first has another
# theorem, of Courant, Friedrichs and Lewy (1928): $h \le \mathrm dx^2/4$.
#
# **Before you run the cell:** which of the two allows the longer step? What will a
# random image look like after 60 steps that are 3 % shorter, and 3 % longer?

# %%
longest = dnn.Euler().non_expansive_step(heat)
print(f"2/‖D‖² = {longest:.10f}, dx²/4 = {dx**2 / 4:.10f}")
assert abs(longest / (dx**2 / 4) - 1) < 1e-14

fig, axes = plt.subplots(1, 3, figsize=(14, 5))
u = rng.uniform(-1, 1, size=n * n)
show(axes[0], u, "at the start")
for ax, share in zip(axes[1:], (0.97, 1.03)):
    F = dnn.Flow(heat, share * longest, steps=60)
    ratio = np.linalg.norm(F(u)) / np.linalg.norm(u)
    print(f"{share} of it: Lipschitz constant {F.lipschitz():6.3g}, ratio {ratio:.3g}")
    show(ax, F(u), f"60 steps, {share} of the longest", abs(F(u)).max())
    assert (ratio < 1) == (F.lipschitz() <= 1) == (share < 1)

# %% [markdown]
# They are one condition. If it is broken, it is the chessboard that grows.
#
# ## The same stencil, another structure
# With two images, height $u$ and velocity $v$, the same $D$ makes a wave:
# $$\dot u = v, \qquad \dot v = \Delta u = -\nabla V(u).$$
# This is Hamiltonian, $H = \frac12\|v\|^2 + \frac12\|Du\|^2$, and two gradients in a
# `PartitionedField` are all that it takes.
#
# **Before you run the cell:** of Störmer and Verlet's method and Heun's, both of order
# two, which one can be used, and what becomes of the energy?

# %%
height = dnn.GradientField(dnn.Lift(n * n, n * n), dnn.Identity(), sign=1)  # v
waves = dnn.PartitionedField(height, dnn.GradientField(D, dnn.Identity()))
p = (np.arange(n) - n // 2) * dx
bump = np.exp(-30 * (p[:, None] ** 2 + p**2)).ravel()
z, H = np.concatenate([bump, 0 * bump]), waves.invariants["energy"]
t = 0.6 * dx * np.arange(101)
fig, ax = plt.subplots(figsize=(12, 4.5))
for method in (dnn.StormerVerlet(), dnn.Heun()):
    energy = H(dnn.trajectory(waves, z, t, method))
    ax.semilogy(t, energy / energy[0], label=repr(method))
    off = abs(energy / energy[0] - 1).max()
    print(f"{method!r:15} energy within {off:.2g} of itself")
    verlet = isinstance(method, dnn.StormerVerlet)
    assert off < 6e-3 if verlet else 1e31 < off < 1e33
ax.set(xlabel="$t$", ylabel="energy / energy at the start", ylim=(0.1, 1e8))
_ = ax.legend()

# %% [markdown]
# With the first the energy stays within 0.6 %, with the second it grows by a factor of
# $10^{32}$. To swing is to have imaginary eigenvalues, and of the imaginary axis the
# region of stability of Heun's method holds nothing but 0 (tutorial 13). The roughest
# waves, which turn fastest, grow first.
#
# ## An equation from a film
# Now the equation is unknown, and there are frames. One architecture for all that
# follows, with stencils $K$ and $B$ of 5×5 pixels and numbers $a$, $b$:
# $$\dot u = K * u + B * \max(au + b, 0)^2.$$
# The square is there because equations have products in them. Fisher's equation, of a
# gene that spreads through a population, diffuses and grows:
# $$\dot u = \alpha\Delta u + u(1 - u).$$
#
# **Before you run the cell:** there are 52 numbers to learn, from 12 frames of 8×8
# pixels and those that follow them, 768 equations. If it succeeds, what do you expect
# to find in the middle of $K$? And is the field of any use for images of 40×40?


# %%
def learnable(n):
    def stencil(size, W):
        return dnn.Convolution(1, 1, (n, n), size, W=np.full((1, 1, size, size), W))

    square = dnn.ReLUSquared()
    products = dnn.ResidualField(stencil(1, 1.0), square, stencil(5, 0.0))
    return dnn.SumField(dnn.LinearField(stencil(5, 0.0)), products)


def images(count, n, rng, shortest=2, power=0.5):
    """Random periodic images without waves shorter than so many pixels."""
    k = np.fft.fftfreq(n, 1 / n)
    long = abs(k) <= n / shortest
    size = long[:, None] * long / (1 + k[:, None] ** 2 + k**2) ** power
    u = np.fft.ifft2(size * np.fft.fft2(rng.normal(size=(count, n, n)))).real
    return (u / abs(u).max(axis=(1, 2), keepdims=True)).reshape(count, n * n)


def fisher(n, h=0.375):
    """αΔu + u(1 − u), with h and α such that hα/dx² = 0.2."""
    diffusion = dnn.LinearField(dnn.Laplacian((n, n), dx=np.sqrt(h / 0.2)))
    return dnn.SumField(diffusion, dnn.KnownField(lambda u: u * (1 - u), n * n))


def frames(X, u, h, count):
    return dnn.trajectory(X, u, h * np.arange(count), dnn.Euler())


h = 0.375
u = (1 + np.tanh(8 * images(6, 8, rng))) / 2
film = frames(fisher(8), u, h, 3)
x, y = film[:, :-1].reshape(-1, 64), film[:, 1:].reshape(-1, 64)
step = dnn.Flow(learnable(8), 1.0)  # time in frames
optimiser = dnn.LBFGS(corrections=40, gtol=1e-15)
dnn.fit(step, MSE, x, y, optimiser, epochs=250)
K, a, b, B = step.parameters.values()
middle, product = K[0, 0, 1:4, 1:4], (B * a**2)[0, 0, 2, 2]
print(f"{step.theta.size} numbers; b = {b[0]:.0e}, Ba² = {product:.4f}, and of K")
print(middle.round(3))
five = np.array([[0, 0.2, 0], [0.2, h - 0.8, 0.2], [0, 0.2, 0]])
assert step.theta.size == 52 and x.size == 768
assert abs(middle - five).max() < 5e-4 and abs(product + h) < 5e-4

spots = (rng.uniform(size=(40, 40)) < 0.004).astype(float).ravel()
truth = frames(fisher(40), spots, h, 25)
large = dnn.Flow(learnable(40), 1.0)
large.theta = step.theta
film = np.vstack([spots, dnn.Rollout(large, 24)(spots)])
error = np.linalg.norm(film - truth, axis=-1) / np.linalg.norm(truth, axis=-1)
print(f"on 40×40 pixels off by {error[1]:.0e} after 1 step, {error[-1]:.0e} after 24")
assert error.max() < 1e-3

fig, axes = plt.subplots(1, 4, figsize=(14, 4))
for ax, k in zip(axes, (0, 8, 16, 24)):
    show(ax, film[k], f"learned, {k} steps")

# %% [markdown]
# It is Fisher's equation, term by term: 0.2 for each neighbour, $-0.425 = -4\cdot 0.2 +
# h$ for what diffuses away and what grows, and $-hu^2$. A stencil does not know how
# large the image is. (Why 0.2, and not 0.24? Near $u = 1$ the reaction pulls back as
# well, by $h = 0.375$, and $8\cdot 0.24 + 0.375 > 2$: CFL is a condition on the whole
# field.)
#
# ## A film with noise
# A pattern that drifts, $\dot u + v\cdot\nabla u = 0$, keeps its shape and so its norm.
# We film ten patterns on 12×12 pixels that drift by (0.6, 0.3) pixels a frame, four
# steps each, this time with noise, of 2 % of the largest pixel.
#
# A network that is to keep the norm needs a field that is tangent to the spheres. Take
# out what is not,
# $$Y(u) = X(u) - \frac{u^\top X(u)}{\|u\|^2}\,u,$$
# and let each step, which leaves the sphere along its tangent, return along the radius.
# `TangentField(X, I)` does the former for any field and any invariant, and
# `Projected(method, I)` the latter. (An `InvariantField` would have to learn a skew
# matrix of 144² entries.)
#
# **Before you run the cell:** is the error of the prediction, after 10 steps, larger or
# smaller if the norm is kept? And after 60?


# %%
def drifting(u, n, count, v=(0.6, 0.3)):
    """Frames of images that drift, exactly, wave by wave."""
    k = 2 * np.pi * np.fft.fftfreq(n)
    turn = np.exp(-1j * (v[0] * k[:, None] + v[1] * k))
    u_hat, film = np.fft.fft2(u.reshape(-1, n, n)), []
    for _ in range(count):
        film.append(np.fft.ifft2(u_hat).real.reshape(u.shape))
        u_hat = turn * u_hat
    return np.stack(film, axis=-2)


n, rng, I = 12, np.random.default_rng(1), dnn.SquaredNorm()
film = drifting(images(10, n, rng, shortest=4, power=1), n, 5)
film += 0.02 * rng.normal(size=film.shape)
x, y = film[:, :-1].reshape(-1, n * n), film[:, 1:].reshape(-1, n * n)
free = dnn.Flow(learnable(n), 1.0, dnn.Heun())
tangent = dnn.TangentField(learnable(n), I)
kept = dnn.Flow(tangent, 1.0, dnn.Projected(dnn.Heun(), I))

truth = drifting(images(20, n, rng, shortest=4, power=1), n, 61)
norms = np.linalg.norm(truth, axis=-1)
assert abs(norms / norms[:, :1] - 1).max() < 1e-14
fig, axes = plt.subplots(1, 2, figsize=(14, 5))
errors = {}
for name, net in (("free", free), ("norm kept", kept)):
    dnn.fit(net, MSE, x, y, dnn.LBFGS(corrections=30, gtol=1e-12), epochs=60)
    found = dnn.Rollout(net, 60)(truth[:, 0])
    norm = np.linalg.norm(found, axis=-1) / norms[:, 1:]
    error = np.linalg.norm(found - truth[:, 1:], axis=-1) / norms[:, 1:]
    errors[name] = error.mean(axis=0)
    change = abs(norm - 1).max(axis=0)
    print(f"{name:9} keeps {set(net.keeps) or '{}'}, norm changes by", end=" ")
    print(f"{change[9]:.0e}, {change[-1]:.0e};", end=" ")
    print(f"error {errors[name][9]:.3f}, {errors[name][-1]:.2f} (10, 60 steps)")
    axes[0].plot(np.arange(1, 61), norm.mean(axis=0), label=name)
    axes[1].semilogy(np.arange(1, 61), errors[name], label=name)
    assert (change[9] < 2e-15) == ("norm" in net.keeps) == (net is kept)
print(checks.adjoint(tangent, x[:3]).require())
assert errors["norm kept"][9] < errors["free"][9]
assert errors["norm kept"][-1] < 0.5 * errors["free"][-1]
axes[0].set(xlabel="step", ylabel="norm, 1 at the start")
axes[1].set(xlabel="step", ylabel="relative error")
_ = axes[1].legend()

# %% [markdown]
# Smaller: a little after 10 steps, and by far after 60. A single frame does not show
# what the free network has learned wrong: a wave that grows by 2 % in a step, and by
# $1.02^{60} = 3.3$ in 60, or a square that feeds itself. On the sphere nothing runs
# away.
#
# What both networks have for free is that they treat all pixels alike: the film of a
# shifted image is the shifted film.

# %%


def shifted(u):
    return np.roll(u.reshape(-1, n, n), (3, 5), axis=(1, 2)).reshape(u.shape)


for net in (free, kept):
    print(checks.equivariance(net, shifted, truth[:, 0]).require())
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. With an *odd* number of pixels there is no chessboard. How much longer than
#    $\mathrm dx^2/4$ is the longest step on 5×5 pixels? Find the wave that allows no
#    longer one.
# 2. How long may a step of Störmer and Verlet's method be for the wave equation? For
#    the harmonic oscillator it is $h\omega < 2$; what is the largest $\omega$ here?
#    See what happens just beyond.
# 3. A pattern that drifts keeps its mass, too. Learn it from the film with
#    `TangentField(X, Mass())` and steps of Heun's method, without a projection: which
#    methods keep a linear invariant?
