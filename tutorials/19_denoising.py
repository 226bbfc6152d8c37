# %% [markdown]
# # 19. Denoising
#
# A denoiser can do more than take noise away. Plugged into an iteration in which the
# data have their say, too, it fills in what is missing, or sharpens what is blurred:
# *plug and play*. But does the iteration stop? For a network that was only trained
# nobody knows. For one that is *averaged* it is a theorem, and whether a layer is
# averaged is a question of its step.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import lipschitz, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Decibels
# How good is an image? The *peak signal-to-noise ratio* is $-10\log_{10}$ of the mean
# squared error, for pixels between 0 and 1, in decibels.
#
# **Before you run the cell:** noise of standard deviation 0.1 is added to each pixel.
# How many decibels are left?

# %%
x, _ = dnn.datasets.digits()
x = x[rng.permutation(len(x))]
noisy = x + 0.1 * rng.normal(size=x.shape)
(x, x_test), (noisy, noisy_test) = (np.split(a, [1500]) for a in (x, noisy))
print(f"{dnn.psnr(noisy_test, x_test):.2f} dB")
assert abs(dnn.psnr(noisy_test, x_test) - 20) < 0.1

# %% [markdown]
# The mean squared error is $0.1^2$, and $-10\log_{10}0.01 = 20$.
#
# ## A wall, two methods, one step
# Our denoiser will be a step down a convex potential, $\dot x = -\nabla V(x)$. How long
# may the step be? No two points move apart up to $h = 2/L$, $L$ the Lipschitz constant
# of $\nabla V$, and that holds for Euler's method and for Heun's.
#
# **Before you run the cell:** $\nabla V(x) = \max(0, x)$, a wall on the right, with
# $L = 1$. Where does one step of size 2 take $x = 1$, by Euler's method, and by Heun's,
# which takes the mean of the slopes at both ends? And a second step?

# %%
wall = dnn.GradientField(dnn.Dense(1, 1, W=[[1]]), dnn.ReLU())
start = np.array([[-1.0], [1.0]])
for method in (dnn.Euler(), dnn.Heun()):
    F = dnn.Flow(wall, method.non_expansive_step(wall), method)
    print(f"{method!r:8} {F(start).ravel().round(9)}, α = {lipschitz.averaged(F):.3f}")
    end = -1 if isinstance(method, dnn.Euler) else 0
    assert np.allclose(F(start), [[-1], [end]]) and np.allclose(F(F(start)), F(start))
    assert abs(lipschitz.averaged(F) - (1 if end else 0.5)) < 1e-12

# %% [markdown]
# Euler's method throws 1 back to $-1$: the step is $-|x|$, a reflection in the wall.
# Heun's method puts it on the wall: the step is $\min(0, x)$, a projection. Both are
# 1-Lipschitz. The number that tells them apart is the $\alpha$ in
# $$F = (1 - \alpha)I + \alpha R, \qquad R \text{ non-expansive}.$$
# A reflection *is* an $R$, $\alpha = 1$; a projection is half of one, half the
# identity. In general, with $\nu = 1/L$,
# $$\alpha = \frac h{2\nu} \text{ (Euler)}, \qquad \alpha = \frac h{h + 2\nu}
# \text{ (Heun, RK4)},$$
# as `help(dnn.fixed_points)` derives from the tableaus. Heun's longest step is
# as good as a projection, whatever $V$ is.
#
# Why does $\alpha < 1$ matter? With $s = \alpha/(1 - \alpha)$, to be $\alpha$-averaged
# means
# $$\|Fx - Fy\|^2 + \tfrac1s\,\|(x - Fx) - (y - Fy)\|^2 \le \|x - y\|^2.$$
# Let $y$ be a fixed point: each iteration comes nearer to it, by no less than it moves.
# So the moves must die out.
#
# ## Two denoisers of one size
# Ours is one step of Heun's method, with 128 units, $A$ and $b$ free; the constraint
# sets $h$ to the longest step after each update. Its rival is two layers of a ResNet,
# $x + B\sigma(Ax + b)$, with 32 units each, and as many parameters.

# %%
X = dnn.GradientField.random(64, width=128, sigma=dnn.LeakyReLU(0.1), rng=rng)
X.A.orthogonalise()  # AᵀA = I, to start with: the same step for all directions
D = dnn.Flow(X, 0.1, dnn.Heun())
fields = [dnn.ResidualField.random(64, 32, dnn.ReLU(), rng=rng) for _ in range(2)]
for Y in fields:
    Y.B.W = 0.3 * Y.B.W  # so that it starts near the identity
resnet = dnn.Network(*[dnn.Flow(Y, 1.0) for Y in fields])
assert abs(resnet.theta.size / D.theta.size - 1) < 0.01


def train(net, epochs, rate, constraints=()):
    adam, loss = dnn.Adam(dnn.OneCycle(rate / 10, rate)), dnn.MeanSquaredError()
    options = dict(epochs=epochs, batch_size=100, constraints=constraints, rng=rng)
    dnn.fit(net, loss, noisy, x, adam, **options)


train(D, 15, 5e-3, [dnn.NonExpansiveSteps(D, h=10.0)])
train(resnet, 40, 2e-2)
found = lipschitz.measured(resnet, x_test[:20], steps=20)
after = [dnn.psnr(net(noisy_test), x_test) for net in (D, resnet)]
print(f"ours {after[0]:.1f} dB, Lipschitz {D.lipschitz():.1f} certified")
print(f"ResNet {after[1]:.1f} dB, Lipschitz {found:.1f} at least")
assert min(after) > 21.3 and abs(after[0] - after[1]) < 0.7
assert D.lipschitz() <= 1 < 1.1 < found

# %% [markdown]
# As denoisers they are alike: each gains nearly two decibels. One of them has a
# theorem.
#
# ## What is taken away
# The noise, as the network sees it, is $x - D(x)$.
#
# **Before you run the cell:** $I$ and $D$ are 1-Lipschitz. What is the constant of
# $I - D$: 2, or less?

# %%
noise = dnn.IdentityMinus(D)
found = lipschitz.measured(noise, x_test[:20], steps=20)
print(f"certified {noise.lipschitz():.3f}, found {found:.3f}")
assert found <= noise.lipschitz() <= 1 + 1e-12
assert abs(lipschitz.averaged(noise) - 0.5) < 1e-12

# %% [markdown]
# It is 1. $I - D = \alpha(I - R)$ is $2\alpha$-Lipschitz, and $\alpha = \frac12$. The
# inequality above with $s = 1$ says the same of $D$ as of $I - D$.
#
# ## Plug and play
# Of 64 pixels 32 are known, $Sx = y$, without noise. Descent of $\frac12\|Sx - y\|^2$,
# with a step of size 1, puts these back where they were. Descent of a second term
# would have to know what digits look like. We do not have that term, but we have $D$:
# $$x_{k+1} = D\bigl(x_k - S^\top(Sx_k - y)\bigr).$$
#
# **Before you run the cell:** the data step has $\alpha = \frac12$, and so has $D$, and
# the $s = \alpha/(1 - \alpha)$ of a composition is the sum. What is its $\alpha$?

# %%
known = np.sort(rng.permutation(64)[:32])
fit_data = dnn.GradientField(dnn.Selection(known, 64), dnn.Identity())
y = x_test[0, known]
fit_data.b = -y
step = dnn.Network(dnn.Flow(fit_data, 1.0), D)
alpha = lipschitz.averaged(step)
print(f"α = {alpha:.4f}")
assert abs(alpha - 2 / 3) < 1e-12
assert np.allclose((z := step[0](rng.normal(size=64)))[known], y, rtol=0, atol=1e-14)

# %% [markdown]
# $s = 1 + 1$ and $\alpha = \frac23 < 1$: whatever the training did to $A$ and $b$, and
# whatever the data are, the iteration goes to a fixed point, if there is one.
#
# **Before you run the cell:** 1200 iterations, for twenty images at once, with our
# denoiser and with the ResNet. How long are the last steps?

# %%
images, mask = x_test[:20], np.isin(np.arange(64), known)


def plug_and_play(D, n=1200):
    z, steps = np.where(mask, images, 0), []
    for _ in range(n):
        z, before = D(np.where(mask, images, z)), z
        steps.append(np.linalg.norm(z - before, axis=-1))
    return z, np.array(steps)


fig, axes = plt.subplots(1, 2, figsize=(12, 4.5))
results = {}
for ax, (name, net) in zip(axes, {"ours": D, "ResNet": resnet}.items(), strict=True):
    with np.errstate(over="ignore", invalid="ignore"):
        results[name] = z, steps = plug_and_play(net)
    ax.semilogy(steps, color="C0", linewidth=0.8)
    ax.set(title=name, xlabel="iteration $k$", ylim=(1e-17, 1e7))
    print(f"{name}: last steps from {steps[-1].min():.0e} to {steps[-1].max():.0e}")
z, steps = results["ours"]
axes[0].set_ylabel(r"$\|x_{k+1} - x_k\|$")
last = results["ResNet"][1][-1]
print(f"{(last > 1e-3).sum()} of the ResNet's are longer than 0.001")
assert steps[-1].max() < 1e-14 and (last > 1e-3).sum() >= 14 and last.max() > 1e3

# %% [markdown]
# Ours stop, to the last digit. Most of those of the ResNet, which is as good a
# denoiser, do not: some images wander about, and others explode. (Not every ResNet does
# that. Trained with more noise it may well converge; one can try. Ours needs no trial.)
#
# The inequality also counts. Summed along the orbit it is
# $$\sum_k \|x_{k+1} - x_k\|^2 \le s\,\|x_0 - x_*\|^2,$$
# and as no step of a non-expansive map is longer than the one before, the $n$-th is at
# most $\sqrt{s/n}\,\|x_0 - x_*\|$.

# %%
start = np.linalg.norm(np.where(mask, images, 0) - z, axis=-1)
share = (steps**2).sum(axis=0) / start**2
print(f"Σ‖x_k+1 − x_k‖²/‖x₀ − x∗‖² ≤ {share.max():.2f}")
assert (share <= 2).all() and (steps[1:] <= steps[:-1] + 1e-14).all()

# %% [markdown]
# Are the fixed points any good? Compare them with what is known, and with the truth.

# %%
filled = np.where(mask, images, z)
ways = np.where(mask, images, 0), np.where(mask, images, x.mean(axis=0)), filled
zero, mean, ours = (dnn.psnr(a, images) for a in ways)
print(f"0: {zero:.1f} dB, the mean digit: {mean:.1f} dB, plug and play: {ours:.1f} dB")
assert zero + 5 < ours and mean + 1 < ours

fig, axes = plt.subplots(3, 6, figsize=(9, 4.8))
rows = {"known": np.where(mask, images, 0), "filled in": filled, "true": images}
for row, (name, pictures) in zip(axes, rows.items(), strict=True):
    for ax, picture in zip(row, pictures, strict=False):
        plotting.image(picture, (8, 8), ax)
    row[0].set_ylabel(name)
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# From half of the pixels most digits emerge, by a network that has never seen one with
# a pixel missing.
#
# ## Exercises
# 1. A rotation of the plane by 90° is 1-Lipschitz. Do its iterates stop? And those of
#    half of it, $\frac12(I + R)$, which is averaged? How fast do they?
# 2. Six denoisers one after the other, each a longest step of Heun's method: what is
#    $\alpha$? And of six of Euler's steps, each half as long?
# 3. MaxMin, which sorts pairs, is 1-Lipschitz in the Euclidean and in the maximum norm.
#    In `Network(Affine(6, 2), MaxMin(6), Affine(6, 6), MaxMin(6), Affine(1, 6))` let
#    the entries of the first two matrices be 1, and the last one $(1, 0, \dots, 0)$,
#    and project it by `BlockBall(net)`. Compare `net.lipschitz()` and
#    `lipschitz.each_output(net)`. Which one is attained?
