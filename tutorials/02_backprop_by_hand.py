# %% [markdown]
# # 2. Backpropagation by hand
#
# Data flow forward through maps, covectors flow back through the same maps in reverse:
# $$x_0 \to x_1 \to \dots \to x_L \to J, \qquad
# \lambda_L = \frac{\partial J}{\partial x_L}, \quad
# \lambda_{k} = F_k'(x_k)^\top \lambda_{k+1}.$$
# There is nothing else to it. A *covector* $\lambda_k$ has the shape of the state $x_k$
# and says by how much $J$ changes with it, $\delta J = \langle\lambda_k, \delta
# x_k\rangle$: a gradient, on its way back. The map $F_k'(x_k)^\top$ that takes it one
# layer back is called the *pullback*, or the adjoint. We write the adjoint of one
# residual layer with pencil and paper, check it, and build up from there.

# %%
import numpy as np

import dynsys_nn as dnn

rng = np.random.default_rng(0)

# %% [markdown]
# ## One layer, on paper
# $y = x + h\,A^\top\sigma(Ax + b)$ — the same matrix twice. For a covector $w$ at $y$,
# with $z = Ax + b$:
# $$\langle w, y\rangle = \langle w, x\rangle + h\,\langle Aw, \sigma(z)\rangle .$$
# Differentiate the right-hand side. In $x$: $w + h\,A^\top u$ with
# $u = \sigma'(z) \odot Aw$, where $\odot$ multiplies entry by entry, `*` in numpy. In
# $b$: $h\,u$. In $A$, which occurs **twice**: $h\,(u x^\top + \sigma(z) w^\top)$.


# %%
def layer(x, A, b, h):
    """y = x + h Aᵀσ(Ax + b) and its pullback w ↦ dx, dA, db; dA, db are sums over x."""
    z = x @ A.T + b
    s, slope = np.tanh(z), 1 - np.tanh(z) ** 2

    def pullback(w):
        u = slope * (w @ A.T)
        return w + h * u @ A, h * (u.T @ x + s.T @ w), h * u.sum(axis=0)

    return x + h * s @ A, pullback


A, b, h = rng.normal(size=(5, 3)), rng.normal(size=5), 0.3
x, w = rng.normal(size=(10, 3)), rng.normal(size=(10, 3))

# %% [markdown]
# ## Is it right? One number decides
# For the derivative $J$ of any map, $\langle w, Jv\rangle = \langle J^\top w, v\rangle$
# for all $v$ and $w$. The right-hand side comes from the pullback. For the left-hand
# side take a complex step, $Jv = \operatorname{Im} F(x + i\varepsilon v)/\varepsilon$:
# no subtraction, so $\varepsilon = 10^{-30}$ does no harm.
#
# **Before you run the cell:** to how many digits will the two sides agree?

# %%
y, pullback = layer(x, A, b, h)
dx, dA, db = pullback(w)
v, dV = rng.normal(size=x.shape), rng.normal(size=A.shape)
left = (w * layer(x + 1e-30j * v, A, b, h)[0].imag / 1e-30).sum()
print("in x:", left, (dx * v).sum())
assert abs(left - (dx * v).sum()) < 1e-13 * abs(left)
left = (w * layer(x, A + 1e-30j * dV, b, h)[0].imag / 1e-30).sum()
print("in A:", left, (dA * dV).sum())
assert abs(left - (dA * dV).sum()) < 1e-13 * abs(left)

# %% [markdown]
# To all of them. The package does the same sums: `vjp` gives the value and the
# pullback; parameters come as one flat vector.

# %%
F = dnn.Flow(dnn.GradientField(dnn.Dense(5, 3, W=A), dnn.Tanh(), sign=+1), h)
F.field.b = b
y_package, pullback = F.vjp(x)
dx_package, dtheta = pullback(w)
assert np.allclose(y, y_package, rtol=1e-13) and np.allclose(dx, dx_package, rtol=1e-13)
assert np.allclose(np.concatenate([dA.ravel(), db]), dtheta, rtol=1e-12)

# %% [markdown]
# ## A field of your own
# A map sets its dimensions, registers its parameters with `own`, and writes value and
# adjoint side by side. Here is $X(x) = c \odot \sin(Ax)$, a field that the package does
# not have. States are rows of a batch: write `self.A(x)` or `x @ W.T`, never `W @ x`,
# and sum the gradients of parameters over the batch.
#
# A linear map knows both of its derivatives: `self.A.adjoint(u)` is $A^\top u$, and
# `self.A.outer(u, x)` the derivative of $\langle u, Ax\rangle$ in $A$, which is
# $ux^\top$, summed over the batch and flat. `self.pack` puts the gradients of all
# parameters, named as in `own`, into one vector.


# %%
class SineField(dnn.Field):
    """X(x) = c ⊙ sin(A x)."""

    def __init__(self, dim, rng):
        self.dim_in = self.dim_out = dim
        self.own(A=dnn.Dense(dim, dim, rng=rng), c=rng.normal(size=dim))

    def __call__(self, x):
        return self.c * np.sin(self.A(x))

    def vjp(self, x):
        z = self.A(x)

        def pullback(w):
            u = w * self.c * np.cos(z)  # the covector at z = A x
            dc = (w * np.sin(z)).reshape(-1, w.shape[-1]).sum(axis=0)  # over the batch
            return self.A.adjoint(u), self.pack(A=self.A.outer(u, x), c=dc)

        return self(x), pullback


X = SineField(3, rng)
print(dnn.checks.adjoint(X, x).require())

# %% [markdown]
# Every check prints such a line: the verdict, what was checked of what, a number that
# should be small, and its limit. It passed if measured ≤ limit. Measured was here
# $|\langle w, Jv\rangle - \langle J^\top w, v\rangle|$, relative to $\|w\|\|Jv\|$, for
# derivatives in $x$ and in $\theta$; the line is about the worse of the two. `Jv from
# differences` says where the left-hand side is from: `SineField` has no tangent of its
# own (exercise 1), so $Jv$ is a difference quotient, which has half the digits, and the
# limit is 1e-6. (The complex step would have them all, but not every map takes complex
# states.) With a `jvp` it is `Jv from jvp`, and the limit 1e-12. In the same way checks
# of $F'$ say `F′ by complex steps` or `F′ from differences`. The verdict `unsure` means
# that measured ≤ limit is true and proves nothing: a mistake of that size would not
# have been seen. What is known of a mistake stands at the end of the line. `require()`
# raises an error unless the check passed.
#
# From here on it is a field like any other: every method steps it, and every method's
# adjoint uses the one above.

# %%
for method in (dnn.Euler(), dnn.Ralston(), dnn.RK4()):
    F = dnn.Flow(X, 0.2, method, steps=3, learn_h=True)
    print(dnn.checks.adjoint(F, x).require())

# %% [markdown]
# ## The classical mistakes
# **Before you run the cell:** each of these three pullbacks has one mistake. Which of
# them changes the direction of steepest descent for a *single* sample, and which would
# a training run forgive?


# %%
class ForgotTheChainRule(SineField):
    def vjp(self, x):
        y, pullback = super().vjp(x)
        u = self.c * np.cos(self.A(x))
        return y, lambda w: (w * u, pullback(w)[1])  # Aᵀ is missing


class MeanInsteadOfSum(SineField):
    def vjp(self, x):
        y, pullback = super().vjp(x)
        return y, lambda w: (pullback(w)[0], pullback(w)[1] / len(x))


class Transposed(SineField):
    def vjp(self, x):
        y, pullback = super().vjp(x)
        u = self.c * np.cos(self.A(x))
        return y, lambda w: (self.A(w * u), pullback(w)[1])  # A for Aᵀ


names = {
    MeanInsteadOfSum: "a mean over the batch of 10 instead of a sum",
    Transposed: "a matrix should be transposed",
}
for wrong in (ForgotTheChainRule, MeanInsteadOfSum, Transposed):
    check = dnn.checks.adjoint(wrong(3, rng), x)
    print(check)
    assert not check.passed and names.get(wrong, "") in check.detail

# %% [markdown]
# The mean instead of the sum only rescales the gradient: training would work, with a
# strange step size, until the batch size changes. The other two are wrong in direction.
# Where the numbers look like a mistake that it knows, the check names it: which piece,
# which factor, a sign, a transpose.
#
# ## The Taylor test
# The same question without any tangent: with the right gradient, the remainder
# $|J(\varepsilon) - J(0) - \varepsilon\langle\nabla J, v\rangle|$ falls like
# $\varepsilon^2$; with any mistake in it, like $\varepsilon$.
#
# **Before you run the cell:** by which factor does the remainder fall from line to
# line, when $\varepsilon$ is halved?

# %%
check = dnn.checks.taylor(dnn.Flow(X, 0.3), x).require()
print(check)
print("         ε   remainder   order")
print("\n".join(check.table().splitlines()[:8]))
assert not dnn.checks.taylor(MeanInsteadOfSum(3, np.random.default_rng(1)), x).passed

# %% [markdown]
# By four. (`figures/adjoint_check.py` draws it.)
#
# ## All the way: the gradient of a loss
# `value_and_grad` runs a network forward, starts with $\partial J/\partial x_L$, and
# runs it back. Gradient descent is then one line.

# %%
points, labels = dnn.datasets.moons(200, noise=0.1, rng=0)
layers = [dnn.Flow(SineField(3, rng), 0.3) for _ in range(4)]
net = dnn.Network(dnn.Lift(3, 2), *layers, dnn.Affine(2, 3, rng=rng))
loss = dnn.SoftmaxCrossEntropy()
for _ in range(300):
    value, dtheta = dnn.value_and_grad(net, loss, points, labels)
    net.theta -= 0.5 * dtheta
accuracy = (net(points).argmax(axis=-1) == labels).mean()
print(f"loss {value:.3f}, {100 * accuracy:.0f} % of the moons right")
assert accuracy > 0.95

# %% [markdown]
# ## Exercises
# 1. Write `jvp` for `SineField`, the tangent $c \odot \cos(Ax) \odot (A v + \mathrm
#    dA\,x) + \mathrm dc \odot \sin(Ax)$, and run `dnn.checks.tangent`. (Hint: `d =
#    self.unpack(dtheta)` has the pieces `d["A"]` and `d["c"]`, and `self.A.jvp(x, v,
#    d["A"])` is $Ax$ and its tangent.)
# 2. Write the adjoint of Heun's method for a field given only by `vjp`. Then reverse
#    the order of its weights $b$. Why does nothing happen? Which methods of the package
#    with two stages would notice?
# 3. Sixteen labs are waiting in `tutorials/labs`, the first three an activation, a
#    field's adjoint and Ralston's adjoint. Run a sheet as it is: it says what is to do.
#    What does `dnn.checks.run` say of a question whose answer is not written, and of
#    one that builds on it?
# 4. Replace the loss by `dnn.MeanSquaredError()` on targets $\pm 1$. What changes in
#    the code of the network?
