# %% [markdown]
# # 15. Steps that adapt
#
# A theorem about a network has hypotheses, and training moves the weights. Tutorial 6
# takes the weights back after every step, to orthogonal matrices or to the ball
# $\|A\| \le 1$. One can also leave the weights alone, and take *shorter steps* where
# they are large. This tutorial looks at what happens during a training: at the steps of
# the network, the steps of the optimiser, and the gradients that arrive at each layer.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
BCE = dnn.BinaryCrossEntropy()

# %% [markdown]
# ## Steps that suit the weights
# The field $X(x) = -A^\top\sigma(Ax + b)$, slopes of σ between 0 and 1, has the
# Lipschitz constant $L = \|A\|^2$, and a step of a method with the radius of
# contractivity $r$ is non-expansive for $h \le 2r/L$. To reach the time $T$, then,
# $$n = \lceil TL/2r \rceil$$
# steps of size $T/n$ do, whatever $A$ is (Sherry et al., arXiv:2306.17332).
# `NonExpansiveSteps(*flows, T=T)` sets them so: a constraint for `fit`, one that
# touches no weight.
#
# **Before you run the cell:** $T = 0.9$, $\|A\| = 1, 2, 4, 8$. How many steps of
# Euler's method ($r = 1$) are needed? Of RK4 ($r = 1$), and of Kutta's method of order
# three ($r = \frac12$)?

# %%
T, methods = 0.9, (dnn.Euler(), dnn.RK4(), dnn.Kutta3())
Q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
print("‖A‖", *[f"{method!r:>9}" for method in methods])
for size in (1, 2, 4, 8):
    A, found = dnn.Dense(8, 8, W=size * Q), []
    for method in methods:
        flow = dnn.Flow(dnn.GradientField(A, dnn.ReLU()), T, method)
        dnn.NonExpansiveSteps(flow, T=T).project()
        found.append(flow.steps)
        r = method.contractivity_radius()
        assert flow.steps == np.ceil(T * size**2 / (2 * r))
        assert flow.lipschitz() < 1 + 1e-12 and abs(flow.steps * flow.h - T) < 1e-12
    print(f"{size:3}", *[f"{n:9}" for n in found])
assert found == [29, 29, 58]

# %% [markdown]
# Weights that double make four times as many steps. That is the price of their freedom:
# a gradient takes four times as long.
#
# ## The steps of the optimiser
# These adapt, too. A rate may be a number or a function of $s \in [0, 1)$, the fraction
# of the training that is over. `OneCycle(low, high, rise)` starts low, so that the
# first gradients do no harm, goes up to cross flat stretches, and ends at
# $\text{low}/10^4$, each on half a period of the cosine.
#
# **Before you run the cell:** which rate has `OneCycle(1e-3, 5e-2, rise=0.4)` half way
# up, and half way down?

# %%
rate = dnn.OneCycle(1e-3, 5e-2, rise=0.4)
s = np.array([0.0, 0.2, 0.4, 0.7, 1.0])
print(rate(s))
assert np.allclose(rate(s), [1e-3, 2.55e-2, 5e-2, 2.500005e-2, 1e-7], rtol=1e-9)
fig, ax = plt.subplots(figsize=(9, 5))
fine = np.linspace(0, 1, 401)
for curve, label in (
    (rate, "OneCycle(1e-3, 5e-2, 0.4)"),
    (dnn.Cosine(5e-2), "Cosine(5e-2)"),
    (dnn.Steps(5e-2, every=0.35), "Steps(5e-2, every=0.35)"),
    (lambda s: 5e-2 * (1 - s) ** 2, "one's own: $0.05\\,(1 - s)^2$"),
):
    ax.plot(fine, [curve(s) for s in fine], label=label)
ax.plot(s, rate(s), "o", color="C0")
ax.set(xlabel="fraction of the training, $s$", ylabel="rate", ylim=(0, 0.08))
_ = ax.legend(loc="upper right", ncols=2, fontsize="small")

# %% [markdown]
# The mean of `low` and `high`, 0.0255, and on the way down that of `high` and almost
# nothing, 0.025.
#
# Far from a minimum one batch can have a gradient that throws the weights out of
# everything learned so far. *Clipping* bounds its length, and leaves its direction.
# By hand these are three lines, between the gradient and the step.
#
# Our ResNet has *one logit* $z$ for two labels: label 1 has the probability
# $1/(1 + e^{-z})$, and `BinaryCrossEntropy` is $\log(1 + e^z) - yz$, the same as the
# softmax of the two logits $(0, z)$.


# %%
def resnet(depth, seed=0):
    rng = np.random.default_rng(seed)
    fields = [dnn.ResidualField.random(4, 8, bias=1.0, rng=rng) for _ in range(depth)]
    flows = [dnn.Flow(X, 2.0 / depth) for X in fields]
    return dnn.Network(dnn.Lift(4, 2), *flows, dnn.Affine(1, 4, rng=rng))


x, y = dnn.datasets.moons(400, 0.1, rng=0)
net, again = resnet(6), resnet(6)
J, g = dnn.value_and_grad(net, BCE, x, y)
two = np.concatenate([np.zeros((400, 1)), net(x)], axis=-1)
assert abs(J - dnn.SoftmaxCrossEntropy()(two, y)) < 1e-14

clip = 0.1
size = np.linalg.norm(g)  # 1
if size > clip:  # 2
    g = clip / size * g  # 3
net.theta = net.theta - 0.5 * g
dnn.fit(again, BCE, x, y, dnn.SGD(0.5), epochs=1, clip=clip)
print(f"‖g‖ was {size:.2f}, now {np.linalg.norm(g):.2f}")
assert size > 2 * clip and np.allclose(net.theta, again.theta, atol=1e-14)

# %% [markdown]
# ## Two moons, and steps that adapt to them
# Three networks of four blocks in $\mathbb{R}^8$, each of them non-expansive, and so is
# the last map:
#
# - the flow to $T = \frac12$ with *free* weights, its steps adapted to them;
# - one step of size ½, with weights in the ball $\|A\| \le 1$;
# - one step of size 2, with orthogonal weights: the longest that is non-expansive.
#
# `after_step=f` calls `f(step, loss)` after each step of the optimiser, when the
# constraints hold again. There we record the substeps, and ask each block for its
# constant.
#
# **Before you run the cell:** all three have $\ell \le 1$. Which of them separates the
# moons best, and what happens to $n$?

# %%
x, y = dnn.datasets.moons(1000, 0.1, rng=0)
(x, x_test), (y, y_test) = np.split(x, 2), np.split(y, 2)
eps, d = 0.2, 8
strong, table, substeps = partial(dnn.PGD, steps=15, restarts=1), {}, []
for name, h in (
    ("adapted steps, T = ½", 0.5),
    ("ball ‖A‖ ≤ 1, h = ½", 0.5),
    ("orthogonal, h = 2", 2.0),
):
    rng = np.random.default_rng(0)
    fields = [dnn.GradientField.random(d, d, dnn.ReLU(), rng=rng) for _ in range(4)]
    flows, matrices = [dnn.Flow(X, h) for X in fields], [X.A for X in fields]
    net = dnn.Network(dnn.Lift(d, 2), *flows, dnn.Affine(2, d, rng=rng))
    if "adapted" in name:
        constraint = dnn.NonExpansiveSteps(*flows, T=h)
    elif "ball" in name:
        constraint = dnn.SpectralBall(*matrices)
    else:
        constraint = dnn.Orthogonal(*matrices, bjorck=True)

    def record(step, loss, flows=flows, adapted="adapted" in name):
        if adapted:
            substeps.append([F.steps for F in flows])
            constants = [F.lipschitz() for F in flows]
            assert 1 - 1e-12 < min(constants) and max(constants) < 1 + 1e-12

    adam = dnn.Adam(dnn.OneCycle(1e-3, 5e-2), beta2=0.99)
    options = dict(batch_size=100, epochs=30, rng=rng, after_step=record)
    constraints = [constraint, dnn.SpectralBall(net.maps[-1])]
    hinge = dnn.MulticlassHinge(0.55)
    dnn.fit(net, hinge, x, y, adam, constraints=constraints, **options)
    clean = attacks.accuracy(net, None, x_test, y_test)
    sure = lipschitz.certified_accuracy(net, x_test, y_test, eps)
    attacked = attacks.attacked_accuracy(net, x_test, y_test, eps, strong)
    table[name] = clean, sure, attacked
    largest = max(A.lipschitz() for A in matrices)
    print(f"{name:21} right {clean:.1%}; at ε = {eps} certified {sure:.1%},", end=" ")
    print(f"attacked {attacked:.1%}; ‖A‖ ≤ {largest:.2f}")
    assert net.lipschitz() <= 1 + 1e-12 and sure <= attacked <= clean

fig, ax = plt.subplots(figsize=(9, 5))
ax.plot(substeps, drawstyle="steps-post")
ax.set(xlabel="step of the training", ylabel="substeps $n$ of a block", ylim=(0, None))
_ = ax.legend([f"block {k}" for k in (1, 2, 3, 4)])
line = dnn.Affine(2, 2, rng=0)
dnn.fit(line, hinge, x, y, dnn.Adam(5e-2), epochs=100)
straight = attacks.accuracy(line, None, x_test, y_test)
print(f"{'a straight line':21} right {straight:.1%}")
free, ball, edge = table.values()
assert len(substeps) == 150 and max(substeps[0]) == 1 and 4 <= max(substeps[-1]) <= 9
assert abs(straight - ball[0]) < 0.03
assert abs(ball[0] - 0.85) < 0.02 and abs(free[0] - 0.93) < 0.03 < free[0] - ball[0]
assert edge[0] > 0.96 and edge[1] > free[1] + 0.04 and free[1] > ball[1] + 0.04
assert edge[2] - edge[1] < 0.012 < free[2] - free[1]

# %% [markdown]
# In a short time a field with $\|A\| \le 1$ gets nowhere: 85 % right, which is what a
# straight line does. With free weights the flow gets further in the same time, 93 %,
# and pays with up to six substeps per block. The constant of each block was 1.0000
# after each of the 150 steps of the training.
#
# But freedom is not all. One orthogonal step of size 2, at the very edge of the
# theorem, is no longer near any flow. It is a reflection wherever it is differentiable,
# so it loses nothing. It costs less, and wins, with a certificate that the attack
# nearly reaches. Substeps of a free $A$ are at the edge at most in *one* direction,
# that of its largest singular value, and contract in others. So adapt the steps where
# you want a flow, or where weights are hard to keep orthogonal, as those of
# convolutions are; and take the edge where you can have it.
#
# ## Weights that change slowly from layer to layer
# If layers are to be steps of *one* equation $\dot x = X(x, t)$, their weights
# $\theta_1, \dots, \theta_N$ should be the values of something smooth. Nothing in the
# loss asks for that. A penalty does: `Smoothness(*layers, weight=w)` adds
# $w\sum_j\|\theta_{j+1} - \theta_j\|^2$. Then one may read the weights *between* the
# layers, at half the step, and have twice as many layers that nobody has trained.
#
# **Before you run the cell:** two ResNets of six layers, trained with the penalty and
# without. Both learn the moons. Do they know them with twelve?


# %%
def refined(net):
    """Twice as many layers of half the step, their θ on straight lines between."""
    theta = np.array([F.theta for F in net.maps[1:-1]])
    ends = np.vstack([theta[:1], theta, theta[-1:]])
    pairs = np.stack([3 * theta + ends[:-2], 3 * theta + ends[2:]], axis=1) / 4
    finer = resnet(2 * len(theta))
    finer.theta = np.concatenate([pairs.ravel(), net.maps[-1].theta])
    return finer


def right(net, x, y):
    return np.mean((net(x)[..., 0] > 0) == y)


changes = []
fig, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
for ax, weight in zip(axes, (0, 1e-2)):
    net = resnet(6)
    layers = net.maps[1:-1]
    penalties = [dnn.Smoothness(*layers, weight=weight)] if weight else []
    adam = dnn.Adam(dnn.OneCycle(1e-3, 5e-2))
    dnn.fit(net, BCE, x, y, adam, epochs=100, penalties=penalties)
    more, rough = refined(net), dnn.Smoothness(*layers).value()
    changes.append(np.linalg.norm(more(x) - net(x)) / np.linalg.norm(net(x)))
    before, after = right(net, x, y), right(more, x, y)
    print(f"w = {weight:<4}: Σ‖θ' − θ‖² = {rough:.0f}, {before:.1%} right;", end=" ")
    print(f"with 12 layers {after:.1%}, logits changed by {changes[-1]:.0%}")
    assert before > 0.95
    ax.plot(range(1, 7), [F.field.A.W[:4, 0] for F in layers], "o-")
    title = f"Smoothness, w = {weight}" if weight else "no penalty"
    ax.set(xlabel="layer", title=title)
_ = axes[0].set_ylabel("four entries of A")
assert changes[0] > 0.2 and changes[1] < 0.16

# %% [markdown]
# Smooth weights are known between the layers, and the logits change by a tenth or so.
# Where each layer went its own way, there is nothing between them to be known. So a
# smooth network can be trained with few layers, and then go on with more.
#
# ## What arrives at the first layers
# Let $y_j$ be the state after layer $j$ of $N$. Backpropagation multiplies a covector
# by $(\partial y_N/\partial y_j)^\top$ on its way to layer $j$, and if that matrix is
# tiny, layer $j$ learns nothing. For symplectic layers it never is:
# $$M^\top JM = J \quad\Rightarrow\quad 1 = \|J\| = \|M^\top JM\| \le \|M\|^2$$
# for $M = \partial y_N/\partial y_j$ (Galimberti et al., arXiv:2105.13205). No weights,
# no steps can spoil it, so there is nothing to constrain.
#
# Two spirals of two turns each are a task for a deep network. Two networks on
# $\mathbb{R}^4$, which we enter by $(x_1, x_2) \mapsto (x_1, 0, 0, x_2)$: 16 layers
# $y \mapsto \tanh(Wy + b)$, and 16 symplectic ones, steps of
# $q' = \nabla T(p)$, $p' = -\nabla V(q)$. After every tenth step of the training we
# record $\|\partial y_N/\partial y_j\|$ for 20 samples and each $j$; the picture has
# their medians.
#
# **Before you run the cell:** what will these norms do, for each of the two?


# %%
def sensitivities(layers, y):
    """‖∂y_N/∂y_j‖ for j = 0, …, N − 1, shape (N, samples)."""
    jacobians = []
    for F in layers:
        jacobians.append(F.jacobian(y))
        y = F(y)
    M, norms = np.eye(4), []
    for D in reversed(jacobians):
        M = M @ D
        norms.append(np.linalg.norm(M, 2, axis=(-2, -1)))
    return np.array(norms[::-1])


def symplectic_layer(rng):
    options = dict(gradient=True, alpha=None, bias=1.0, rng=rng)
    X = dnn.PartitionedField.random(4, 8, **options)
    return dnn.Flow(X, 0.075, dnn.SymplecticEuler())


def tanh_layer(rng):
    return dnn.ResidualField(dnn.Dense(4, 4, rng=rng), dnn.Tanh())


x, y = dnn.datasets.swiss_roll(1200, rng=0)
(x, x_test), (y, y_test) = np.split(x, [200]), np.split(y, [200])
enter = dnn.Lift(4, 2), dnn.Selection([0, 2, 3, 1], 4)
fig, axes = plt.subplots(2, 2, figsize=(13, 10.5))
for row, name, layer in (
    (axes[0], "symplectic", symplectic_layer),
    (axes[1], "tanh(Wy + b)", tanh_layer),
):
    rng, norms = np.random.default_rng(5), []
    layers = [layer(rng) for _ in range(16)]
    net = dnn.Network(*enter, *layers, dnn.Affine(1, 4, rng=rng))
    some = dnn.Network(*enter)(x[:20])

    def record(step, loss, layers=layers, some=some, norms=norms):
        if step % 10 == 0:
            norms.append(sensitivities(layers, some))

    adam = dnn.Adam(dnn.OneCycle(1e-3, 0.1))
    dnn.fit(net, BCE, x, y, adam, epochs=300, clip=0.3, after_step=record)
    norms = np.array(norms)  # time, layer, sample
    typical = np.median(norms, axis=-1)
    share, new = right(net, x, y), right(net, x_test, y_test)
    print(f"{name:12} {share:.1%} right, {new:.1%} of new points;", end=" ")
    print(f"norms ≥ {norms.min():.4g}, last median of j = 0: {typical[-1, 0]:.0e}")

    colours = plt.colormaps["viridis"](np.linspace(0, 0.9, 16))
    for j in range(16):
        label = f"$j = {j}$" if j % 5 == 0 else None
        row[0].semilogy(
            10 * np.arange(30), typical[:, j], color=colours[j], label=label
        )
    row[0].axhline(1, color=plotting.shade(0.5), linestyle="dashed")
    row[0].set(title=name, ylabel="median $\\|\\partial y_N/\\partial y_j\\|$")
    row[0].set_ylim(top=max(12, row[0].get_ylim()[1]))
    row[0].yaxis.set_minor_formatter(plt.NullFormatter())
    row[0].legend(fontsize="small", loc="upper left" if row is axes[0] else "best")
    two = dnn.Network(net, dnn.Dense(2, 1, W=[[0], [1]]))  # the logits (0, z)
    plotting.decision_regions(two, (-1.3, 1.4), (-1.3, 1.3), ax=row[1], n=120)
    plotting.layer_states([x], y, [row[1]], s=8)
    row[1].set(title=f"{share:.1%} right", aspect="equal")
    if name == "symplectic":
        assert all("symplectic" in F.keeps for F in layers)
        assert norms.min() >= 1 - 1e-12 and share > 0.85 and new > 0.75
    else:
        assert typical[-1, 0] < 1e-4 and share < 0.7
_ = axes[1, 0].set_xlabel("step of the training")
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# None of the symplectic norms, at 30 times, of 16 layers and 20 samples, is below 1,
# and the network learns the roll. The same rates drive the other one to where its tanhs
# are flat. There its first layers get less than $10^{-4}$ of what the last one gets
# (how much less depends on the start), it does little better than guess, and nothing
# leads back: what would is what has vanished. A network without a theorem need not end
# there (exercise 5), but nothing keeps it from it.
#
# The theorem says "at least 1". It does not say that the norms stay small, and they do
# not: that is what clipping is for. The blocks of the moons have norms of *at most* 1,
# which may vanish. Both theorems hold together only where all norms are 1.
#
# ## Exercises
# 1. Free weights and *learned* steps: train the moons' network with `learn_h=True`, one
#    step of Euler's method per block, and `NonExpansiveSteps(*flows)` without $T$,
#    which keeps $h \le 2/\|A\|^2$. Does it beat the substeps? Where do the steps end?
# 2. Multiply a loss by 1000. Which of `SGD`, `SGD` with a small `clip`, and `Adam` take
#    the same path as before?
# 3. A ResNet's layer $y + h\tanh(Ay + b)$ is close to the identity for small $h$. Can
#    its gradient vanish? Find an $A$ for which $\partial y_1/\partial y_0$ is 0 at
#    $y_0 = 0$, and see what a symplectic layer makes of weights as large.
# 4. Thirty blocks with orthogonal $A$ and ReLU, none trained, each a flow to $T = 2$:
#    in one step, and in four. What arrives at the first one?
# 5. Train the tanh network by `OneCycle(1e-3, 1e-2)`, from `default_rng(0)`. Is
#    $\|\partial y_N/\partial y_0\|$ as small at the end? Has it learned the roll?
