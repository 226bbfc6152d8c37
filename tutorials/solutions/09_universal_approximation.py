# %% [markdown]
# # 9. Universal approximation by two kinds of flows: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks, systems

rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## Exercise 1
# $U(x) = \int_0^1 x^\top f(tx)\,dt$ has the gradient $\nabla U(x) = \int_0^1 [f(tx) +
# t\,f'(tx)^\top x]\,dt$. Multiply by $x^\top$, and transpose the number $x^\top
# f'(tx)^\top x$:
# $$x^\top\nabla U(x) = \int_0^1 \bigl[x^\top f(tx) + t\,x^\top f'(tx)\,x\bigr]dt
# = \int_0^1 \frac{d}{dt}\bigl[t\,x^\top f(tx)\bigr]dt = x^\top f(x) - 0.$$
# So $x^\top X_S = x^\top(f - \nabla U) = 0$: that is why the second part is tangent to
# spheres. ∎

# %%
f = dnn.ResidualField.random(3, width=8, bias=1.0, rng=rng)
P, x = dnn.presnov(f), rng.normal(size=(20, 3))
gap = (x * (P.gradient(x) - f(x))).sum(axis=-1)
print(f"xᵀ∇U − xᵀf: {np.abs(gap).max():.0e}")
assert np.abs(gap).max() < 1e-12

# %% [markdown]
# ## Exercise 2
# It is not. If $\nabla U$ were zero, then so would be $x^\top f(x)$, and solutions
# would stay on spheres. They stay on planes, $1^\top x$ constant, along which the norm
# changes. To keep mass and to keep the norm are two properties; each part of $f$ alone
# has neither need nor reason to keep mass.

# %%
system = systems.mass_example()
P, x = dnn.presnov(system), rng.uniform(0, 1, (50, 3))
check = checks.orthogonal_to_x(system, x)
print(check)
share = np.linalg.norm(P.gradient(x)) / np.linalg.norm(system(x))
print(f"‖∇U‖/‖f‖ = {share:.2f}, 1ᵀ∇U up to {np.abs(P.gradient(x).sum(-1)).max():.2f}")
assert not check.passed and share > 0.1
assert np.abs(system(x).sum(axis=-1)).max() < 1e-14
assert np.abs(P.gradient(x).sum(axis=-1)).max() > 0.01

# %% [markdown]
# ## Exercise 3
# Turned, the state $(x, 0, 0)$ stays at the distance $|x|$ from 0, and its direction
# may become any function of $x$. What is read off, $w^\top y + c$ with $\|y\| = |x|$,
# is $c + \|w\||x|\cos\alpha(x)$: every target with $|\text{target}(x) - c| \le
# \|w\||x|$. Ours is at most $5|x|$ for $|x| \le 3$, so turning is enough. The gradient
# layers alone are smooth at 0, where the target has its kink, and their number is
# small. (250 samples, 120 epochs.)


# %%
def sphere(dim, gain, bias):
    X = dnn.SpherePreservingField.random(dim, width=4, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=4)
    return dnn.Flow(X, 1.0, dnn.Cayley())


def gradient(dim, gain, bias, sigma):
    X = dnn.GradientField.random(dim, width=4, sigma=sigma, sign=1, alpha=gain, rng=rng)
    X.A.W, X.b = gain * X.A.W, bias * rng.normal(size=4)
    return dnn.Flow(X, 1.0, dnn.Euler())


def target(x):
    return np.abs(x) + np.sin(x) + x**2


x = rng.normal(size=(250, 1))
y = target(x) + 0.01 * rng.normal(size=x.shape)
inside = np.linspace(-2.5, 2.5, 500)[:, None]
first, second = sphere(3, 5.0, 0.0), sphere(3, 0.5, 0.5)
pushes = [gradient(3, 0.5, 0.5, dnn.Softplus()) for _ in range(4)]
error = {}
for name, layers in (
    ("both", [first, pushes[0], second, pushes[1]]),
    ("spheres alone", [sphere(3, 5.0, 0.0), sphere(3, 0.5, 0.5)]),
    ("gradients alone", pushes[2:]),
):
    net = dnn.Network(dnn.Lift(3, 1), *layers, dnn.Affine(1, 3, rng=rng))
    dnn.fit(net, MSE, x, y, dnn.LBFGS(), epochs=120)
    error[name] = MSE(net(inside), target(inside))
    print(f"{name:15} {net.theta.size:3} parameters, MSE {error[name]:.1e}")
assert error["spheres alone"] < 5e-4 and error["both"] < 5e-4
assert error["gradients alone"] > 4 * error["spheres alone"]

# %% [markdown]
# ## Exercise 4
# The layers that turn keep $\|y\| = \|x\|$, so it is enough to turn *every* state
# towards one direction $w$, $\|w\| = 1$: then $w^\top y$ is nearly $\|x\|$. That is
# what is learned, and here, too, the turns alone do nearly as well. (300 points, 100
# epochs: more of both reach $10^{-5}$.)

# %%
x, test = rng.normal(size=(300, 2)), rng.normal(size=(500, 2))
y, truth = (np.linalg.norm(z, axis=-1, keepdims=True) for z in (x, test))
rng = np.random.default_rng(2)
turns = [sphere(3, 1.0, 0.0) for _ in range(4)]
pushes = [gradient(3, 1.0, 0.0, dnn.Tanh()) for _ in range(2)]
for layers in ([turns[0], pushes[0], turns[1], pushes[1]], turns[2:]):
    net = dnn.Network(dnn.Lift(3, 2), *layers, dnn.Affine(1, 3, rng=rng))
    dnn.fit(net, MSE, x, y, dnn.LBFGS(), epochs=100)
    error = MSE(net(test), truth)
    print(f"{net.theta.size:3} parameters, MSE on other points {error:.1e}")
    assert error < 2e-3
w = net.maps[-1].W[0]  # of the turns alone
y = dnn.Network(*net.maps[:-1])(test)
cosine = (y @ w) / np.linalg.norm(w) / np.linalg.norm(y, axis=-1)
print(f"‖w‖ = {np.linalg.norm(w):.2f}; half of the cosines are above", end=" ")
print(f"{np.median(cosine):.3f}")
assert abs(np.linalg.norm(w) - 1) < 0.05 and np.median(cosine) > 0.95
