# %% [markdown]
# # 6. Lipschitz networks
#
# How far can a network's output move when its input moves by $\varepsilon$? At most by
# $\ell\varepsilon$, if $\ell$ is a Lipschitz constant. For most networks the best known
# $\ell$ is astronomically large. Here we build networks with $\ell \le 1$, of any
# depth, from steps whose constants we can compute *exactly*.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, lipschitz, plotting
from dynsys_nn.constraints import weights

rng = np.random.default_rng(0)
plt.style.use(plotting.STYLE)


def orthogonal(d):
    A = dnn.Dense(d, d, rng=rng)
    A.orthogonalise()
    return A


# %% [markdown]
# ## One step, three levels of knowledge
# The field $X(x) = -A^\top\sigma(Ax + b)$ with a leaky ReLU, slopes between
# $a = \frac12$ and $1$, and $A$ orthogonal. How much can one Euler step $x + hX(x)$
# stretch a distance? That depends on what you know of $X$:
#
# 1. it is $L$-Lipschitz, here $L = 1$: at most $1 + hL$;
# 2. it also points inward, $\langle X(x) - X(y), x - y\rangle \le \mu\|x - y\|^2$ with
#    $\mu = -a$: at most $\sqrt{1 + 2h\mu + h^2L^2}$, the bound of the paper
#    arXiv:2210.02373, here $\sqrt{1 - h + h^2}$;
# 3. its Jacobian is symmetric, with eigenvalues in $[-1, -a]$: at most
#    $\max(|1 - h|, |1 - ah|)$.
#
# `lipschitz.measured` searches for the pair of points that is stretched most: from the
# points given, along the direction that $F'$ stretches most (a power iteration with
# $F'^\top F'$), and from there by gradient ascent of $\|F(x) - F(y)\|/\|x - y\|$.
#
# **Before you run the cell:** for $h = \frac12$ the three are 1.5, 0.87 and 0.75. And
# for $h = \frac43$? Which of them will the search find?

# %%
X = dnn.GradientField(orthogonal(2), dnn.LeakyReLU(0.5))
L, mu, spectrum = X.lipschitz(), X.one_sided_lipschitz(), X.spectrum()
x = rng.normal(size=(100, 2))
print("   h     L alone   L and μ   spectrum   found")
for h in (0.25, 0.5, 1.0, 4 / 3, 2.0):
    plain, paper = 1 + h * L, np.sqrt(1 + 2 * h * mu + (h * L) ** 2)
    exact = max(abs(1 + h * eigenvalue) for eigenvalue in spectrum)
    found = lipschitz.measured(dnn.Flow(X, h), x)
    print(f"{h:6.3f} {plain:9.3f} {paper:9.3f} {exact:10.3f} {found:9.3f}")
    assert found <= exact * (1 + 1e-12) and exact <= paper + 1e-12 <= plain + 1e-12
    assert abs(found - exact) < 1e-9
    assert abs(dnn.Euler().lipschitz(X, h) - exact) < 1e-12

# %% [markdown]
# The third is attained, for every $h$: no better constant exists. It is below 1 for all
# $0 < h < 2$, the paper's only for $h < 1$. The package takes the best that a field
# allows: `method.lipschitz(field, h)`, `flow.lipschitz()`, `net.lipschitz()`.
#
# A *measured* constant is a lower bound. However long the search, it certifies nothing.
#
# ## An expansive step, paid for by a contractive one
# A step with a bound below 1 loses something, and many of them lose everything. So
# alternate: $x + h_E\,\sigma(Wx + v)$ may stretch, by at most $1 + h_E$, and the
# contractive step makes up for it. The pair is 1-Lipschitz if the product of the two is
# at most 1.
#
# **Before you run the cell:** what is the largest $h_E$ that the paper's bound permits,
# and the exact one?

# %%
Y = dnn.ResidualField(orthogonal(2), dnn.LeakyReLU(0.5))
contractive, expansive = dnn.Flow(X, 0.5, learn_h=True), dnn.Flow(Y, 0.1, learn_h=True)
h_C = np.linspace(0.01, 1.99, 10_000)
fig, ax = plt.subplots()
for bound, label, colour in (
    ("sharp", "the exact bound", "C0"),
    ("paper", "the paper's bound", "C1"),
):
    region = dnn.StepSizes(contractive, expansive, bound=bound)
    plotting.step_size_region(region, (0, 2), ax=ax, label=label, color=colour)
    h_E = region.largest_expansive_step(h_C)
    print(f"{label:20} h_E = {h_E.max():.4f} at h_C = {h_C[h_E.argmax()]:.3f}")
    assert abs(h_E.max() - (2 if bound == "sharp" else 2 / 3**0.5 - 1)) < 1e-3
ax.set(xlabel="$h_C$", ylabel="$h_E$", title="steps that make a 1-Lipschitz pair")
_ = ax.legend()

# %% [markdown]
# 0.1547 against 2. At $(\frac43, 2)$ the contractive step multiplies every direction by
# $\pm\frac13$, whatever the signs of $Ax + b$ are, and the expansive one can stretch by
# 3 and give all of it back.
#
# There is a second way to lose nothing: with ReLU, slopes 0 and 1, the step with
# $h = 2$ has the eigenvalues 1 and $-1$. It is a reflection wherever it is
# differentiable, and needs no expansion beside it.
#
# ## Keeping the hypothesis true
# The constants above need orthogonal weights. `fit` projects on them after every step:
#
# - `Orthogonal(*weights(net))`: the gradient is projected on the tangent space of the
#   orthogonal matrices before the step, and the result taken back to the nearest
#   orthogonal matrix after it;
# - `SpectralBall(*weights(net))`: $\|W\| \le 1$, nothing else;
# - `StepSizes(flow_C, flow_E)`: learned steps, kept in the region. (Where they end
#   depends on where they start: from small steps they shrink further.)
#
# Four networks, by the same few lines, on two moons. The loss `MulticlassHinge(m)`,
# $\sum_{j\neq k}\max(0, m - (z_k - z_j))$ with $k$ the right label, asks the right
# logit to be larger than the others by a margin $m$. Where a network stretches nothing,
# a margin $m$ is a distance of $m/\sqrt2$ from the boundary (tutorial 7), and the moons
# have room for 0.55.

# %%
d, depth = 16, 6
points, labels = dnn.datasets.moons(1000, 0.1, rng)


def gradient_flow():
    fields = [dnn.GradientField.random(d, d, dnn.ReLU(), rng=rng) for _ in range(depth)]
    return [dnn.Flow(X, 2.0) for X in fields]


def resnet():
    fields = [dnn.ResidualField.random(d, d, dnn.ReLU(), rng=rng) for _ in range(depth)]
    return [dnn.Flow(X, 0.5) for X in fields]


def pair(h_E, h_C, **options):
    E = dnn.ResidualField(dnn.Dense(d, d, rng=rng), dnn.LeakyReLU(0.5))
    C = dnn.GradientField(dnn.Dense(d, d, rng=rng), dnn.LeakyReLU(0.5))
    return dnn.Flow(E, h_E, **options), dnn.Flow(C, h_C, **options)


learned = [pair(1.0, 4 / 3, learn_h=True) for _ in range(depth // 2)]
fixed = [pair(0.1547, 0.5) for _ in range(depth // 2)]
steps = [dnn.StepSizes(C, E) for E, C in learned]
kinds = {
    "gradient flow, h = 2": (gradient_flow(), dnn.Orthogonal, []),
    "alternation, exact region": (sum(learned, ()), dnn.Orthogonal, steps),
    "alternation, paper": (sum(fixed, ()), dnn.Orthogonal, []),
    "ResNet, ‖W‖ ≤ 1": (resnet(), dnn.SpectralBall, []),
}
profiles, hinge = {}, dnn.MulticlassHinge(0.55)
for name, (layers, constraint, more) in kinds.items():
    net = dnn.Network(dnn.Lift(d, 2), *layers, dnn.Affine(2, d, rng=rng))
    options = dict(batch_size=200, constraints=[constraint(*weights(net)), *more])
    dnn.fit(net, hinge, points, labels, dnn.Adam(2e-2), 20, rng=rng, **options)
    profiles[name] = lipschitz.profile(net, points[:30])
    if more:
        print("learned (h_E, h_C):", *[f"({E.h:.3f}, {C.h:.3f})" for E, C in learned])
    right = np.mean(np.argmax(net(points), axis=-1) == labels)
    found = profiles[name].measured_product[-1]
    print(f"{name:26} {right:6.1%} right   ", end="")
    print(f"certified {net.lipschitz():.12g}   found {found:.4f}")
    assert (net.lipschitz() <= 1 + 1e-12) == (name != "ResNet, ‖W‖ ≤ 1")

# %% [markdown]
# **Before you run the cell:** layer by layer, where do bound and truth part?

# %%
fig, axes = plt.subplots(1, 2, figsize=(13, 6.5), sharey=True)
for name, colour in zip(profiles, ("C0", "C2", "C4", "C1")):
    ax = axes[int("ResNet" in name)]
    plotting.lipschitz_profile(profiles[name], ax=ax, label=name, color=colour)
for ax in axes:
    ax.legend(loc="upper left")
axes[1].set_ylabel("")
for name in ("gradient flow, h = 2", "ResNet, ‖W‖ ≤ 1"):
    print(f"\n{name}\n{profiles[name]}")
flow, naive = profiles["gradient flow, h = 2"], profiles["ResNet, ‖W‖ ≤ 1"]
assert flow.measured_product[-1] > 0.99
assert naive.product[-1] > 3 * naive.measured_product[-1]

# %% [markdown]
# For the gradient flow the search finds nearly all that the bound allows: the
# certificate gives nothing away. For the ResNet with bounded weights the bound is
# several times what is found, and nobody knows where the truth lies. It is the bound
# that counts in a certificate.
#
# ## Any time, any depth
# $X = -\nabla V$ with $V$ convex: a step of Euler's method is non-expansive up to
# $h = 2/L$. Other Runge–Kutta methods have other limits, $2r/L$. The radius of
# contractivity $r$ follows from the tableau: it is the largest $r$ for which the matrix
# $M + B/r$, with $m_{ij} = b_ia_{ij} + b_ja_{ji} - b_ib_j$ and $B$ = diag($b$), $b \ge
# 0$, has no negative eigenvalue (Dahlquist and Jeltsch, 1979): 1 for Euler, ½ for
# Kutta's third-order method, ∞ for the implicit midpoint rule. How many steps does a
# time $T$ need?

# %%
X = dnn.GradientField.random(8, width=8, sigma=dnn.ReLU(), rng=rng)
explicit = dnn.Euler(), dnn.RK4(), dnn.Ralston(), dnn.Kutta3()
for method in (*explicit, dnn.ImplicitMidpoint()):
    h, n = method.non_expansive_step(X), method.steps_for(X, 10.0)
    print(f"{method!r:18} step at most {h:.3f}   T = 10 in {n} steps")
n = dnn.RK4().steps_for(X, 10.0)
assert dnn.Kutta3().steps_for(X, 10.0) >= 2 * n - 1
flow = dnn.Flow(X, 10.0 / n, dnn.RK4(), steps=n)
print(checks.lipschitz(flow, rng.normal(size=(20, 8))).require())

# %% [markdown]
# Strictly below $2/L$ the step is even *averaged*, $(1 - \alpha)I + \alpha N$ with $N$
# non-expansive. Iterating it converges to a fixed point, if it has one: denoisers made
# of such layers can be put into fixed-point iterations.

# %%
step = dnn.Flow(dnn.GradientField.random(8, width=8, rng=rng), 0.2)
alpha, x = lipschitz.averaged(step), rng.normal(size=(50, 8))
late = dnn.Rollout(step, 2000)(x)[:, -1]
first, last = (np.linalg.norm(step(y) - y, axis=-1).max() for y in (x, late))
print(f"α = {alpha:.2f}: moved by {first:.2f} in step 1, by {last:.1e} in step 2001")
assert alpha < 1 and last < 1e-3

# %% [markdown]
# ## Your own layer
# Write `lipschitz()` for a layer, and let the package try to refute it. Here is a wrong
# one: the author has forgotten that the slopes of the *other* side of the kink count,
# too.


# %%
class MyStep(dnn.Flow):
    def lipschitz(self):
        return abs(1 - self.h)  # max(|1 − h|, |1 − h/2|) is right


X = dnn.GradientField(orthogonal(3), dnn.LeakyReLU(0.5))
check = checks.lipschitz(MyStep(X, 0.5), rng.normal(size=(20, 3)))
print(check)
assert not check.passed
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. With slopes in $[a, 1]$, which $h_C$ permits the largest $h_E$, and how large is
#    it? Check by `StepSizes` for $a = 0.2$. For $a = 0$ its `project` refuses: why?
# 2. A tanh step, slopes in $[0, 1]$, is non-expansive up to $h = 2$. Compare the
#    singular values of the Jacobian after 20 layers with $h = 1$ and $h = 2$, for tanh
#    and for ReLU. Which of the four can learn?
# 3. A free scale: put `scale = dnn.Dense(16, 16, W=3 * np.eye(16))` between two layers,
#    leave it out of the constraints, and train. What do `net.lipschitz()` and
#    `lipschitz.profile` say? (Published networks do this.)
# 4. Steps $x - h\,A^\top D\sigma(Ax + b)$, $D$ diagonal with entries in $[0, 2]$: for
#    which $h$ are they non-expansive? `dnn.Euler().non_expansive_step(X)` knows it of
#    `X = dnn.GradientField(…, alpha=…)`. Write a `dnn.Constraint` that keeps the
#    entries of `X.alpha` in $[0, 2]$ while it is trained.
