# %% [markdown]
# # 10. Memory, and the continuous adjoint
#
# Backpropagation needs the states in reverse order: $x_L, x_{L-1}, \dots, x_0$. A deep
# network that keeps them all runs out of memory long before it runs out of patience.
# Three ways out give the *same* gradient; a fourth, from optimal control, gives another
# one.

# %%
import tracemalloc
import warnings
from math import comb

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize

import dynsys_nn as dnn
from dynsys_nn import checks, plotting

plt.style.use(plotting.STYLE)
rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## Three ways to one gradient
# - `Stored()`, the default: keep everything.
# - `Checkpoints()`: keep every $\sqrt L$-th state and compute those between again. Each
#   step is taken twice forward.
# - `Reversed()`: keep nothing, and get $x_k$ from $x_{k+1}$ by the inverse of the step.
#   It must be explicit: symplectic Euler on a partitioned field has one, whatever the
#   parameters are.
#
# **Before you run the cell:** 500 layers. By which factors do memory and time change,
# and how far apart are the three gradients?

# %%
d, depth = 32, 500
fields = [dnn.PartitionedField.random(d, width=d, rng=rng) for _ in range(depth)]
flows = [dnn.Flow(X, 10 / depth, dnn.SymplecticEuler()) for X in fields]
net = dnn.Network(*flows, dnn.Affine(3, d, rng=rng))
x, y = rng.normal(size=(100, d)), rng.normal(size=(100, 3))


def measure(adjoint):
    """The gradient, and the megabytes that it takes beyond itself."""
    tracemalloc.start()
    _, g = dnn.value_and_grad(net, MSE, x, y, adjoint=adjoint)
    peak = tracemalloc.get_traced_memory()[1] - g.nbytes
    tracemalloc.stop()
    return g, peak / 1e6


exact, stored = measure(dnn.Stored())
print(f"{dnn.Stored()!r:28} {stored:7.1f} MB")
for adjoint in (dnn.Checkpoints(), dnn.Checkpoints(5), dnn.Reversed()):
    g, megabytes = measure(adjoint)
    error = np.linalg.norm(g - exact) / np.linalg.norm(exact)
    print(f"{adjoint!r:28} {megabytes:7.1f} MB   off by {error:.0e}")
    assert error < 1e-12 and megabytes <= 0.12 * stored

# %% [markdown]
# `Checkpoints(5)` has room for five states only. The binomial schedule of Griewank and
# Walther then takes no step more often than it must: with $c$ states and $t$
# repetitions, $\binom{c + t}{t}$ steps can be reversed.
#
# **Before you run the cell:** how many repetitions for 500 steps and 5 states?

# %%
t = next(t for t in range(100) if comb(5 + t, t) >= 500)
print([comb(5 + t, t) for t in range(9)], "so t =", t)
assert t == 7

# %% [markdown]
# ## Where the way back gets lost
# Rounding errors of the reversed flow grow as the inverse steps stretch them. While
# states stay of one size that is harmless. With ReLU, and the same large weights in all
# layers, they grow like $e^{ct}$, and the way back cannot find $x_0$ again. `Reversed`
# compares, and warns.

# %%
X = dnn.PartitionedField.random(d, width=d, sigma=dnn.ReLU(), rng=rng)
X.theta *= 2
wild = dnn.Network(dnn.Flow(X, 10 / depth, dnn.SymplecticEuler(), steps=depth))
target = rng.normal(size=(100, d))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    _, lost = dnn.value_and_grad(wild, MSE, x, target, adjoint=dnn.Reversed())
_, kept = dnn.value_and_grad(wild, MSE, x, target, adjoint=dnn.Checkpoints())
growth = np.linalg.norm(wild(x)) / np.linalg.norm(x)
print(f"states grow by {growth:.0e};", caught[0].message)
assert len(caught) == 1 and np.linalg.norm(lost - kept) > 1e-9 * np.linalg.norm(kept)

# %% [markdown]
# ## The continuous adjoint
# Optimal control differentiates the *equation*: $\dot\lambda = -X'(x)^\top\lambda$,
# from $\lambda(T) = w$ back to $\lambda(0)$, beside $\dot x = X(x)$ solved backwards,
# so that nothing need be kept. Our gradients so far came from the *steps*: first
# discretise, then differentiate. On a mild field the two differ by the discretisation
# error.
#
# **Before you run the cell:** by which factor does the difference fall when the number
# of Euler steps is doubled? And of RK4 steps?


# %%
def contracting(size):
    """−Wᵀtanh(Wy + b) with ‖W‖ = size."""
    X = dnn.GradientField.random(4, width=4, rng=rng)
    X.A.normalise()
    X.A.W, X.b = size * X.A.W, rng.normal(size=4)
    return X


def discrete(X, x, w, T, method, n):
    """(∂Ψ/∂θ)ᵀw for n steps of a method, backpropagated."""
    dtheta, pullbacks = 0.0, []
    for _ in range(n):
        x, pullback = method.vjp(X, x, T / n)
        pullbacks.append(pullback)
    for pullback in reversed(pullbacks):
        w, d, _ = pullback(w)
        dtheta = dtheta + d
    return dtheta


X, x0, w = contracting(1.0), rng.normal(size=4), rng.normal(size=4)
_, pullback = dnn.continuous_adjoint(X, x0, 1.0, rtol=1e-11, atol=1e-13)
limit, steps = pullback(w)[1], np.array([5, 10, 20, 40])
fig, ax = plt.subplots()
for method, order in ((dnn.Euler(), 1), (dnn.RK4(), 4)):
    gradients = np.array([discrete(X, x0, w, 1.0, method, n) for n in steps])
    errors = np.linalg.norm(gradients - limit, axis=-1) / np.linalg.norm(limit)
    plotting.convergence(1 / steps, errors, order, ax=ax, label=repr(method))
    slope = np.log2(errors[-2] / errors[-1])
    print(f"{method!r:8} {errors[0]:.1e} … {errors[-1]:.1e}, order {slope:.2f}")
    assert abs(slope - order) < 0.3
ax.set(xlabel="$h$", ylabel="relative gap of the gradients")
_ = ax.legend()

# %% [markdown]
# As the method's order says. Neither is wrong: they are derivatives of two different
# things. But the *training* sees the steps.
#
# ## Where it fails
# Now let the field contract: $\|W\| = 4$, $T = 5$. Forward, all solutions run together.
# Backward, they run apart, and the solver has to find out where they came from.
#
# **Before you run the cell:** the exact gradient is known to 15 digits. How wrong is
# the continuous adjoint at tolerances from $10^{-3}$ to $10^{-11}$?

# %%
X, w = contracting(4.0), rng.normal(size=4)
exact = discrete(X, x0, w, 5.0, dnn.RK4(), 2000)
for rtol in (1e-3, 1e-5, 1e-7, 1e-9, 1e-11):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, pullback = dnn.continuous_adjoint(X, x0, 5.0, rtol=rtol, atol=rtol / 100)
        error = np.linalg.norm(pullback(w)[1] - exact) / np.linalg.norm(exact)
    said = str(caught[0].message)[:84] if caught else "no warning"
    print(f"rtol {rtol:.0e}: gradient off by {100 * error:.0f} %; {said}")
    assert error > 1 and caught

# %% [markdown]
# By more than 100 %, at every tolerance: the information is no longer there. Libraries
# that solve the state backwards do this silently. Keep the states, or some of them, and
# the problem is gone.
#
# ## Why it all fits: $\lambda^\top\delta$
# A perturbation $\delta_k$ goes forward with the tangent, a covector $\lambda_k$ comes
# back with the adjoint, and $\lambda_k^\top\delta_k$ is the same at every step. For the
# *steps* it is exact. Seen from the equation, the adjoint of a Runge–Kutta method is a
# Runge–Kutta method itself, $\hat a_{ij} = b_j - b_ja_{ji}/b_i$: the pair is
# symplectic.

# %%
for method in (dnn.Euler(), dnn.Ralston(), dnn.RK4(), dnn.ImplicitMidpoint()):
    flow = dnn.Flow(contracting(1.0), 0.1, method)
    print(checks.duality(flow, rng.normal(size=(3, 4))).require())
for row in dnn.Ralston().adjoint_tableau()[0]:
    print("Â of Ralston:", row)

# %% [markdown]
# ## Second derivatives
# One more derivative comes for free: the gradient is made of analytic functions, so its
# complex step gives the Hessian times a vector, $\nabla^2J\,v = \operatorname{Im}\nabla
# J(\theta + i\varepsilon v)/\varepsilon$, exactly: `hessian_times`. With it scipy's
# Newton–CG methods go on, at a quadratic rate, where L-BFGS has become slow.

# %%
inputs = np.linspace(-2, 2, 40)[:, None]
outputs = np.sin(2 * inputs)
net = dnn.Network(dnn.ResidualField.random(1, width=4, bias=1.0, rng=rng))


def at(theta):
    net.theta = theta
    return net


def gradient(theta):
    return dnn.value_and_grad(at(theta), MSE, inputs, outputs)[1]


def hessian_times(theta, v):
    return dnn.hessian_times(at(theta), MSE, inputs, outputs, v)


dnn.fit(net, MSE, inputs, outputs, dnn.LBFGS(), epochs=100)
before = np.linalg.norm(gradient(net.theta.copy()))
found = scipy.optimize.minimize(
    lambda theta: MSE(at(theta)(inputs), outputs),
    net.theta.copy(),
    method="trust-ncg",
    jac=gradient,
    hessp=hessian_times,
    options=dict(gtol=1e-11, maxiter=1000),
)
after = np.linalg.norm(gradient(found.x))
print(f"gradient after L-BFGS {before:.0e}, after Newton–CG {after:.0e}")
assert after < 1e-10 < 1e-5 < before
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# ## Exercises
# 1. Which of the package's methods can be reversed? Try `dnn.Reversed()` on Euler
#    steps, on Störmer–Verlet, on the implicit midpoint rule, and read what is said.
# 2. Plot the error of the rebuilt $x_0$ of a contracting field against the time $T$.
#    Which slope do you expect from the spectrum of $X'$?
# 3. Write $\hat A$ of RK4. Which method is it, read backwards in time?
# 4. `Checkpoints(1)`: how often is the first of 20 steps taken?
