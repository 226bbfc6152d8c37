# %% [markdown]
# # 11. Convolutions
#
# The states of the earlier tutorials were vectors. Is an image something else? Only in
# how we look at it. A convolution on a torus is a linear map like any other, and its
# singular values are known *exactly*. So every field, step and certificate that was
# made of matrices carries over to images, with far fewer numbers to learn.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import scipy.signal

import dynsys_nn as dnn
from dynsys_nn import attacks, checks, lipschitz, plotting
from dynsys_nn.constraints import weights

rng = np.random.default_rng(0)
plt.style.use(plotting.STYLE)


def show(ax, image, title="", **look):
    ax.imshow(image, **look)
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)


# %% [markdown]
# ## An image is a state
# Channels · H · W numbers, channel by channel, row by row, on the last axis. A
# `Convolution` moves a stencil over it,
# $$y_o(p) = \sum_i \sum_q W_{oi}(q)\,x_i(p + q - c),$$
# and what would be beyond an edge is taken from the opposite one: the image is a torus.
# Scipy calls that `wrap`.

# %%
x, y = dnn.datasets.digits()
differences = np.array([[-1, 0, 1]] * 3) / 6
A = dnn.Convolution(1, 1, (8, 8), W=differences.reshape(1, 1, 3, 3))
assert x.shape == (1797, 64) and A(x).shape == x.shape
image, sideways = x[0].reshape(8, 8), A(x[0]).reshape(8, 8)
torus = dict(mode="same", boundary="wrap")
expected = scipy.signal.correlate2d(image, differences, **torus)
np.testing.assert_allclose(sideways, expected, atol=1e-14)
fig, axes = plt.subplots(1, 2, figsize=(9, 4.5))
show(axes[0], image, "a state in ℝ⁶⁴", cmap="gray_r")
look = dict(cmap="RdBu_r", vmin=-0.7, vmax=0.7)
show(axes[1], sideways, "differences from left to right", **look)

# %% [markdown]
# Every linear map is a matrix. Its columns are what it makes of the unit vectors, so
# take a small convolution, from 2 channels to 2 on an image of 4×5, and write its
# matrix down.
#
# **Before you run the cell:** the matrix is 40×40. How many of its 1600 entries are not
# zero, and how many different numbers are they? What does $A^\top$ look like?

# %%
A = dnn.Convolution(2, 2, (4, 5), rng=rng)
A.theta += 0.3 * rng.normal(size=A.theta.size)
D = A(np.eye(40)).T
different, how_often = np.unique(D[D != 0], return_counts=True)
print(f"{np.count_nonzero(D)} entries are not zero,", end=" ")
print(f"{different.size} different numbers, each {how_often[0]} times")
assert np.count_nonzero(D) == 720 and (how_often == 20).all()
assert different.size == A.theta.size == 36
At = dnn.Convolution(2, 2, (4, 5), W=A.W.swapaxes(0, 1)[..., ::-1, ::-1])
for transposed in (A.adjoint(np.eye(40)).T, At(np.eye(40)).T):
    np.testing.assert_allclose(transposed, D.T, atol=1e-14)
print(checks.adjoint(A, rng.normal(size=(3, 40))).require())
fig, axes = plt.subplots(1, 2, figsize=(11, 5.5))
for ax, matrix, title in zip(axes, (D, D.T), ("$A$", "$A^\\top$")):
    show(ax, matrix, title, cmap="RdBu_r", vmin=-1.2, vmax=1.2)
    for line in range(5, 40, 5):
        for draw in (ax.axhline, ax.axvline):
            draw(line - 0.5, color="black", linewidth=2 if line == 20 else 0.3)

# %% [markdown]
# 36 numbers, one for each entry of the stencil, each in 20 places, one for each pixel.
# In each of the four large blocks, from one channel to one, the small blocks repeat
# along diagonals that wrap around, and so do the numbers inside of them: *block
# circulant*. The transpose is of the same kind: channels exchanged, and the stencil
# turned by 180°.
#
# ## Its singular values
# Circulant means that $A$ commutes with shifts, so waves $e^{i\omega\cdot p}$ are
# eigenvectors of each block. In the Fourier basis, which is unitary, nothing is left
# but a channels × channels matrix $\hat W(\omega)$, the *symbol*, at each frequency: 20
# matrices of 2×2.
#
# **Before you run the cell:** a power method multiplies by $A^\top A$ again and again.
# From which side does it approach the norm? How near is it after 5 and after 50
# iterations?

# %%
padded = np.zeros((2, 2, 4, 5))
padded[..., :3, :3] = A.W
# up to a phase and a conjugate
symbols = np.moveaxis(np.fft.fft2(padded), (0, 1), (-2, -1))
s = np.sort(np.linalg.svd(symbols, compute_uv=False).ravel())[::-1]
s_dense = np.linalg.svd(D, compute_uv=False)
low, high = A.singular_range()
gap = np.abs(s - s_dense).max()
print(f"frequencies against the dense matrix: off by {gap:.0e}")
print(f"range {low:.6f} to {high:.6f}")
assert gap < 1e-12
assert low <= s_dense[-1] < low + 1e-12 and high - 1e-12 < s_dense[0] <= high
v, power = rng.normal(size=40), []
for _ in range(50):
    v = A.adjoint(A(v))
    v /= np.linalg.norm(v)
    power.append(np.linalg.norm(A(v)))
early, late = high - power[4], high - power[49]
print(f"power method, below the norm by {early:.1e} after 5 steps, {late:.1e} after 50")
assert (np.diff(power) > -1e-14).all() and early > 10 * late > 0
fig, axes = plt.subplots(1, 2, figsize=(14, 5))
axes[0].plot(s_dense, "o", label="40×40 matrix", alpha=0.4, markersize=9)
axes[0].plot(s, ".", label="20 symbols of 2×2")
axes[0].axhline(power[4], color="C2", linestyle=":", label="power method, 5 iterations")
axes[0].set(xlabel="number", ylabel="singular value")
axes[0].legend()
picture = axes[1].imshow(np.linalg.norm(symbols, 2, axis=(-2, -1)), cmap="viridis")
fig.colorbar(picture, ax=axes[1])
axes[1].set(xlabel="waves across", ylabel="waves down")
axes[1].set(title=r"$\|\hat W(\omega)\|$ at each frequency")
axes[1].set(xticks=range(5), yticks=range(4))
axes[1].grid(False)

# %% [markdown]
# The same to rounding, at a price that grows like the number of pixels instead of its
# cube. The power method comes from *below*: whatever it says, the norm is larger. That
# is no certificate. `singular_range` is rounded outward.
#
# Why a torus, if a photograph is not one? Take the simplest stencil, a single 1 beside
# the centre. It shifts an image by one pixel. **Before you run the cell:** what are its
# singular values on the torus, and with zeros around the image?

# %%
to_the_right = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]])
images = np.eye(64).reshape(64, 8, 8)
for boundary, what in (("wrap", "torus"), ("fill", "zero padding")):
    options = dict(mode="same", boundary=boundary)
    shifted = [scipy.signal.correlate2d(e, to_the_right, **options) for e in images]
    s = np.linalg.svd(np.reshape(shifted, (64, 64)).T, compute_uv=False)
    zeros = np.count_nonzero(s < 0.5)
    print(f"{what:13} {s[-1]:.0f} to {s[0]:.0f}, {zeros} of 64 are zero")
    assert s[0] == 1 and (s[-1], zeros) == ((1, 0) if boundary == "wrap" else (0, 8))

# %% [markdown]
# On the torus it is an isometry. With zero padding a column of 8 pixels falls over the
# edge, and no singular value of the symbols knows about it.
#
# ## Orthogonal, nearly orthogonal, safe
# Unless you give `W`, a convolution starts *delta-orthogonal*: a random orthogonal
# matrix between the channels at the centre, zeros around it. Then all symbols are that
# matrix, and $A^\top A = I$. Training moves it away. For matrices `Orthogonal` went
# back to the nearest orthogonal one; for stencils there is no such formula. But the
# gradient of $P = \|A^\top A - I\|^2$ is known in closed form, from the symbols. Two
# tools are made of it:
#
# - `OrthogonalityPenalty`, a penalty: $P$ and its gradient join the loss that is
#   minimised, `fit(…, penalties=[…])`;
# - `TowardsOrthogonal`, a constraint: after each step of the training it descends from
#   $P$ a few times.
#
# **Before you run the cell:** we add 0.1·N(0, 1) to the 81 entries of a stencil. How
# far do the singular values open? And will the descents end at 1 exactly?

# %%
A = dnn.Convolution(3, 3, (8, 8), rng=rng)
print(f"at the start      {A.singular_range()[0]:.4f} to {A.singular_range()[1]:.4f}")
np.testing.assert_allclose(A.singular_range(), (1, 1), atol=1e-13)
A.theta += 0.1 * rng.normal(size=A.theta.size)
towards, ranges = dnn.TowardsOrthogonal(A, descents=1), [A.singular_range()]
for _ in range(60):
    towards.project()
    ranges.append(A.singular_range())
for n in (0, 2, 10, 60):
    print(f"{n:2} descents       {ranges[n][0]:.4f} to {ranges[n][1]:.4f}")
(low, high), (last_low, last_high) = ranges[0], ranges[60]
assert low < 0.4 and abs(high - 1.83) < 0.01 and ranges[2][0] < low
assert abs(1.83 * (3 - 1.83**2) / 2 + 0.32) < 0.01
assert last_low > 0.95 and 1 + 1e-9 < last_high < 1.05
dnn.SpectralBall(A).project()
print(f"and SpectralBall  {A.singular_range()[0]:.4f} to {A.singular_range()[1]:.16f}")
assert A.lipschitz() <= 1 and A.singular_range()[0] > 0.9
fig, ax = plt.subplots()
label = "singular values of the convolution"
ax.fill_between(range(61), *np.transpose(ranges), alpha=0.3, label=label)
ax.axhline(1, color="black", linewidth=1)
ax.set(xlabel="descents of $P$", ylabel="singular value", xlim=(0, 60))
_ = ax.legend()

# %% [markdown]
# To within a twentieth of 1. (The smallest falls at first: a descent takes $s$ to about
# $s(3 - s^2)/2$, and 1.83 to $-0.32$, on the other side of zero.) But not to 1: the
# largest is still *above* 1, and a product of such layers is no certificate. So the
# work is shared: penalty and descents keep singular values near 1, so that little is
# lost, and `SpectralBall` divides by what is left of the excess, so that the theorem's
# hypothesis, $\|A\| \le 1$, is *true*.
#
# ## In place of Dense
# A field asks of $A$ that it can be applied, has an adjoint and a singular range. So
# $X(x) = -A^\top\sigma(Ax + b)$ is a gradient field on images, and one step of Euler's
# method with ReLU stretches by at most $\max(1, |1 - h|)$ if $\|A\| = 1$.
#
# **Before you run the cell:** which of the steps $h = \frac12, 1, 2, \frac52$ are
# non-expansive?


# %%
def gradient_step(channels, image, h=2.0, dtype=float):
    A = dnn.Convolution(channels, channels, image, rng=rng, dtype=dtype)
    return dnn.Flow(dnn.GradientField(A, dnn.ReLU()), h)


images = rng.normal(size=(4, 192))
for h in (0.5, 1.0, 2.0, 2.5):
    step = gradient_step(3, (8, 8), h)
    found = lipschitz.measured(step, images)
    bound = step.lipschitz()
    print(f"h = {h}:  bound {bound:.6f}, found {found:.6f}")
    assert found <= bound < found + 1e-3 and (bound <= 1 + 1e-12) == (h <= 2)

# %% [markdown]
# All but the last, and the bound is attained. At $h = 2$ and with $A$ orthogonal the
# step is a reflection wherever it is differentiable, as in tutorial 6: nothing of an
# image is lost.
#
# The bias $b$ of such a field has one number for each channel, added to all pixels of
# it: no pixel is treated differently from the others.
#
# **Before you run the cell:** the image is moved, by two rows and three columns. What
# happens to what the step says? And with a bias for each pixel?

# %%
step = gradient_step(3, (8, 8))
step.field.b = rng.normal(size=3)


def shifted(u):
    return np.roll(u.reshape(-1, 3, 8, 8), (2, 3), axis=(2, 3)).reshape(u.shape)


print(checks.equivariance(step, shifted, images, limit=1e-15).require())
for_each_pixel = rng.normal(size=192)
check = checks.equivariance(lambda u: step(u + for_each_pixel), shifted, images)
print(check)
assert not check.passed and check.measured > 0.1

# %% [markdown]
# It moves with the image, to the last bits: $F(g(x)) = g(F(x))$, which is called
# *equivariance*. A bias for each pixel knows where it is, and undoes that.
#
# Between such layers stand a few more, which know their constants, too:
#
# - `Standardisation` subtracts a mean from each channel and divides by a scale:
#   $1/\min$ scale;
# - `ChannelLift` adds channels of zeros: an isometry;
# - `AveragePooling` takes the *sum* of a window of 2×2 pixels, divided by 2: its
#   adjoint is an isometry;
# - `Affine` makes logits of what is left: the norm of its matrix.
#
# **Before you run the cell:** the mean of the window would be the sum divided by 4.
# Which constant would that have? (What would two such layers cost in a certificate?)


# %%
def network(channels, image, mean, labels=10, width=8):
    """Standardise, lift to `width` channels, two gradient steps, pool, logits.

    Also the constraints that make it 1-Lipschitz, and the penalty.
    """
    steps = [gradient_step(width, image, dtype=np.float32) for _ in range(2)]
    first = dnn.Standardisation(channels, image, mean)
    lift = dnn.ChannelLift(width, channels, image)
    pool = dnn.AveragePooling(width, image)
    last = dnn.Affine(labels, pool.dim_out, rng=rng, dtype=np.float32)
    net = dnn.Network(first, lift, *steps, pool, last)
    *stencils, last = weights(net)
    towards = dnn.TowardsOrthogonal(*stencils, descents=2)
    of_last = dnn.Orthogonal(last), dnn.SpectralBall(last)
    constraints = [towards, dnn.SpectralBall(*stencils), *of_last]
    return net, constraints, dnn.OrthogonalityPenalty(*stencils, weight=0.1)


net, constraints, penalty = network(1, (8, 8), mean=x.mean())
for constraint in constraints:
    constraint.project()
print(net.summary())
pool = dnn.AveragePooling(8, (8, 8))
w = rng.normal(size=(5, pool.dim_out))
np.testing.assert_allclose(pool(pool.adjoint(w)), w, atol=1e-14)
norms = (np.linalg.norm(v, axis=-1) for v in (pool.adjoint(w), w))
np.testing.assert_allclose(*norms)
mean_of_window = pool(np.eye(pool.dim_in)) / 2
assert pool.lipschitz() == 1 and abs(np.linalg.norm(mean_of_window, 2) - 0.5) < 1e-12
print(f"ℓ = {net.lipschitz():.9f} from the pixels to the logits,", end=" ")
print(f"{net.theta.size} parameters")
assert net.lipschitz() <= 1
assert net.theta.size == 2458 and net.maps[2].field.A.theta.size == 576
assert pool.dim_in == 512 and 512**2 == 262144 and pool.dim_out == 128

# %% [markdown]
# The mean has the constant ½: two of them, and three quarters of every margin are gone.
# Divided by 2 the sum has constant 1, and so has the whole network: from the pixels to
# the logits.
#
# A `Dense` on the 512 numbers of the lifted image would have 262144 entries; the
# stencil has 576.
#
# ## Train it
# In `float32`, a few seconds. A hinge of margin 0.5 asks for a radius of
# $0.5/\sqrt2 = 0.35$. Each step of Adam moves the stencils away from what is
# orthogonal, the penalty draws them back, and only what is left over is lost to the
# ball.
#
# **Before you run the cell:** what fraction of the test digits will be certified at
# $\varepsilon = 36/255$, and at 0.3?

# %%
order = rng.permutation(len(x))
x, x_test = np.split(x[order].astype(np.float32), [1400])
y, y_test = np.split(y[order], [1400])
hinge = dnn.MulticlassHinge(0.5)
options = dict(batch_size=50, constraints=constraints, penalties=[penalty], rng=rng)
for rate, epochs in ((1e-2, 6), (2e-3, 2)):
    dnn.fit(net, hinge, x, y, dnn.Adam(rate, beta2=0.99), epochs, **options)
clean = attacks.accuracy(net, None, x_test, y_test)
certified = lipschitz.certified_accuracy(net, x_test, y_test, [36 / 255, 0.3])
smallest = min(A.singular_range()[0] for A in weights(net)[:-1])
print(f"{clean:.1%} right, certified", end=" ")
print(f"{certified[0]:.1%} at ε = 36/255, {certified[1]:.1%} at ε = 0.3")
print(f"ℓ = {net.lipschitz():.9f}, smallest singular value of a stencil {smallest:.3f}")
assert net.lipschitz() <= 1 and smallest > 0.8 and net.theta.dtype == np.float32
assert clean > 0.9 and certified[0] > 0.7 and certified[1] > 0.45

# %% [markdown]
# More than nine in ten are read right after eight epochs, more than seven are certain
# at 36/255; and the singular values of the stencils are above 0.8 still, because the
# penalty and the descents have drawn them back.
#
# The certificate is a theorem, for images as for vectors. Let us try to refute it: a
# long attack on test images, each at 0.999 times its own radius, and then at 0.3 for
# all of them.
#
# **Before you run the cell:** between certificate and attack there was half a per cent
# for the moons of tutorial 7. And here?

# %%
some, right = x_test[:100], y_test[:100]
radius = lipschitz.certified_radius(net, some)
radius = np.where(net(some).argmax(axis=-1) == right, radius, 0)
attack = partial(dnn.PGD, steps=50, restarts=2)
some_clean = attacks.accuracy(net, None, some, right)
refuted = some_clean - attacks.accuracy(net, attack(0.999 * radius), some, right)
attacked = attacks.accuracy(net, attack(0.3), some, right)
sure = lipschitz.certified_accuracy(net, some, right, 0.3)
print(f"labels lost inside of their radius: {refuted:.0%}")
print(f"at ε = 0.3: certified {sure:.1%}, survive {attacked:.1%}")
assert refuted == 0 and sure + 0.05 < attacked <= some_clean

# %% [markdown]
# None is lost inside of its radius. At 0.3 more survive than are certain, and the gap
# is wider than in tutorial 7: pooling keeps 128 of 512 numbers, and what it forgets
# counts in the bound as if it were kept. The bound is true, not attained.
#
# ## Photographs
# Nothing above depends on the number of channels or pixels. CIFAR-10 has photographs, 3
# channels of 32×32, and the package reads its files, if you have them: `DYNSYS_NN_DATA`
# names their folder. If you have not, a digit will do.
#
# **Before you run the cell:** the image goes to the right, by half of its width. What
# enters from the left? And what is the constant of the network, with 3072 numbers going
# in?

# %%
try:
    photographs, labels = dnn.datasets.cifar10(train=False, dtype=np.float32)
    k = np.argmax(labels == dnn.datasets.CIFAR10_LABELS.index("airplane"))
    image, shape, name = photographs[k], (3, 32, 32), "an aeroplane"
except FileNotFoundError as error:
    print(error)
    image, shape, name = x_test[0], (1, 8, 8), f"a digit {y_test[0]}"
channels, H, W = shape
stencil = np.zeros((channels, channels, 3, 3))
for c in range(channels):
    stencil[c, c, 1, 0] = 1  # each channel from its own, one pixel to the left
shift = dnn.Convolution(channels, channels, (H, W), W=stencil, dtype=np.float32)
moved = dnn.Network(*[shift] * (W // 2))(image)
rolled = np.roll(image.reshape(shape), W // 2, axis=-1)
np.testing.assert_array_equal(moved, rolled.ravel())
net, constraints, _ = network(channels, (H, W), mean=image.mean())
for constraint in constraints:
    constraint.project()
print(f"{name}: {image.size} numbers in, ℓ = {net.lipschitz():.9f}")
assert net.dim_in == image.size == channels * H * W and net.lipschitz() <= 1
fig, axes = plt.subplots(1, 2, figsize=(9, 4.8))
titles = name, f"{W // 2} convolutions later"
for ax, state, title in zip(axes, (image, moved), titles):
    picture = np.moveaxis(state.reshape(shape), 0, -1)  # channels last, for imshow
    show(ax, picture, title, cmap="gray_r", vmin=0, vmax=1)
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# What leaves on the right enters from the left, and not a bit is lost. The network is
# 1-Lipschitz before it has learned anything, and stays so while it learns.
#
# Training on 50000 photographs takes longer than a tutorial should.
# `python -m figures.study` does it, for five kinds of networks that differ in their
# layers only, and `python -m figures robust_accuracy adversarial_example` draws what
# came out.
#
# ## Exercises
# 1. One channel, a stencil $\frac12$ at the centre and $\frac12$ beside it. Work out
#    its singular values on a torus of width 7 and of width 8: what does one of the two
#    forget? Where do 300 descents of `TowardsOrthogonal` take it?
# 2. Replace `Standardisation`'s scale of 1 by 0.25. What does `net.lipschitz()` say,
#    and how must the margin of the hinge change for the radius to stay the same?
# 3. Train at a rate of `5e-2`, with penalty and descents and without them, the ball
#    alone. Compare the stencils' `singular_range()` and the certified accuracies. What
#    do they save?
# 4. Two images as position and momentum: build a `PartitionedField` of two gradient
#    fields whose $A$ are convolutions, step it by `SymplecticEuler()`, and ask
#    `checks.symplectic`. How large are the singular values of $A$ allowed to be?
