# %% [markdown]
# # 9. Universal approximation by two kinds of flows
#
# A gradient flow moves states, a sphere-preserving flow turns them round 0 and leaves
# their norms alone. Together they can do what any flow can. The reason is a
# decomposition of vector fields.

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, plotting, systems

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Presnov's decomposition
# Every smooth field is the sum of a gradient and a field that is tangent to the spheres
# around 0:
# $$f = \nabla U + X_S,\quad U(x) = \int_0^1 x^\top f(tx)\,dt,\quad x^\top X_S(x) = 0.$$
#
# **Before you run the cell:** what are $\nabla U$ and $X_S$ for a linear field
# $f(x) = Mx$?

# %%
M = np.array([[1.0, 3.0], [-1.0, 2.0]])
linear = dnn.KnownField(
    lambda x: x @ M.T, dim=2, jacobian=lambda x: M + 0 * x[..., None]
)
P = dnn.presnov(linear)
print("∇U(e₁), ∇U(e₂) =", *P.gradient(np.eye(2)).round(12).tolist())
print("X_S(e₁), X_S(e₂) =", *P.sphere(np.eye(2)).round(12).tolist())
np.testing.assert_allclose(P.gradient(np.eye(2)), (M + M.T) / 2, atol=1e-14)
np.testing.assert_allclose(P.sphere(np.eye(2)), (M.T - M) / 2, atol=1e-14)

# %% [markdown]
# The symmetric part and the skew part: $U(x) = \frac12x^\top Mx$. The pendulum's field
# is not linear, and neither of its parts is zero. (Does the first surprise you? The
# pendulum does not keep $\|z\|$, so $z^\top f(z) = z^\top\nabla U(z)$ cannot be 0.)

# %%
pendulum = systems.pendulum()
P, z = dnn.presnov(pendulum), rng.normal(size=(20, 2))
print(checks.orthogonal_to_x(P.sphere, z).require())
print(checks.curl_free(P.gradient, z).require())
print(checks.orthogonal_to_x(pendulum, z))
fig, axes = plt.subplots(1, 3, figsize=(15, 4.6))
plotting.skew_and_gradient(P, (-3, 3), (-2.4, 2.4), axes)
for ax, title in zip(axes, ("$f$", r"$\nabla U$", "$X_S$")):
    ax.set_title(title)
assert np.abs(P.gradient(z) + P.sphere(z) - pendulum(z)).max() < 1e-14

# %% [markdown]
# ## From fields to flows
# To follow the flow of $f = \nabla U + X_S$, follow $\nabla U$ for a short time $h$,
# then $X_S$, then $\nabla U$, … `recompose` gives the sum in a form that splitting
# methods take.
#
# **Before you run the cell:** with what power of $h$ does the error of each method
# fall?

# %%
both = P.recompose()
exact = dnn.exact_flow(pendulum, z, 1.0)
steps = np.array([2, 4, 8])
fig, ax = plt.subplots(figsize=(8, 5))
for method in (dnn.LieTrotter(dnn.RK4()), dnn.Strang(dnn.RK4())):
    flows = [dnn.Flow(both, 1 / n, method, steps=n) for n in steps]
    errors = [np.abs(flow(z) - exact).max() for flow in flows]
    name = type(method).__name__
    plotting.convergence(1 / steps, errors, method.order, ax=ax, label=name)
    assert abs(np.log2(errors[-2] / errors[-1]) - method.order) < 0.15
ax.set(xlabel="step $h$", ylabel="error at time 1")
_ = ax.legend()

# %% [markdown]
# So: what can be approximated by flows of any smooth fields, can be approximated by
# flows of gradients and of sphere-preserving fields in turn. And in enough dimensions
# flows approximate any function.
#
# ## Fitting a function
# A layer of each kind, with parameters:
#
# - $x \mapsto x + hA^\top\operatorname{diag}(\alpha)\,\sigma(Ax + b)$, an Euler step of
#   a gradient field;
# - $(I - \frac h2S(x))\,y = (I + \frac h2S(x))\,x$, a Cayley step of $\dot x = S(x)x$:
#   it keeps $\|x\|$ exactly.
#
# We lift $x\in\mathbb R$ to $\mathbb R^3$, take two of each in turn, read one number
# off, and fit
# $$y = |x| + \sin x + x^2$$
# to 900 samples with noise of size 0.01.


# %%
def sphere(gain, bias):
    X = dnn.SpherePreservingField.random(3, width=4, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=4)
    return dnn.Flow(X, 1.0, dnn.Cayley())


def gradient(gain, bias):
    sigma = dnn.Softplus()
    X = dnn.GradientField.random(3, width=4, sigma=sigma, sign=1, alpha=gain, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=4)
    return dnn.Flow(X, 1.0, dnn.Euler())


def network():
    """A steep rotation for the kink at 0, the rest gentle."""
    return dnn.Network(
        dnn.Lift(3, 1),
        sphere(5.0, 0.0),
        gradient(0.5, 0.5),
        sphere(0.5, 0.5),
        gradient(0.5, 0.5),
        dnn.Affine(1, 3, rng=rng),
    )


def target(x):
    return np.abs(x) + np.sin(x) + x**2


x = rng.normal(size=(900, 1))
y = target(x) + 0.01 * rng.normal(size=x.shape)
net = network()
print(dnn.fit(net, dnn.MeanSquaredError(), x, y, dnn.LBFGS(50), epochs=400))

# %% [markdown]
# **Before you run the cell:** the noise has variance $10^{-4}$. The network has 100
# parameters, and there are 900 samples. What mean square error against the function
# *without* noise can one hope for?

# %%
inside = np.linspace(-2.5, 2.5, 1000)[:, None]
error = dnn.MeanSquaredError()(net(inside), target(inside))
print(f"{net.theta.size} parameters; without noise, on [−2.5, 2.5]: MSE {error:.1e}")
assert error <= 1e-4
print(net.summary())
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# The noise alone would leave its variance × parameters / samples,
# $10^{-4}\cdot100/900 \approx 10^{-5}$. The rest is what one start and 400
# iterations leave; the figure goes on with the best of three starts. (Beyond the data,
# past $|x| = 3$ or so, nothing holds the network back.)
#
# ## Exercises
# 1. Prove that $x^\top\nabla U(x) = x^\top f(x)$: write $x^\top\nabla U(x)$ as the
#    integral of $\frac{d}{dt}[t\,x^\top f(tx)]$.
# 2. Decompose the mass-preserving system of tutorial 5, `systems.mass_example()`. Is
#    its $\nabla U$ zero?
# 3. Take the gradient layers out of the network, then the sphere layers instead, and
#    fit again. Why can the sphere layers manage almost alone *here*? (The target is 0
#    at 0, the state has three dimensions and the output is one.)
# 4. Fit $y = \|x\|$ on $\mathbb R^2$. (With `Lift(3, 2)`, `Tanh()` in place of
#    `Softplus()`, gain 1 and bias 0 everywhere: 100 parameters reach $10^{-5}$. See
#    `figures/universal_approximation.py`.) Can the sphere layers do it alone?
