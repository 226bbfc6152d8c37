# %% [markdown]
# # 14. Time, and neural ODEs: solutions

# %%
import numpy as np
from scipy.special import ellipk

import dynsys_nn as dnn

rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## Exercise 1
# Two solutions that start at the same time never meet, so that on the line they stay in
# their order: $x \mapsto x(T)$ increases. No increasing function is nearer to $-x$ than
# the constant 0, which is off by the mean of $x^2$. In the plane there is a way round:
# half a turn.

# %%
x = np.linspace(-1, 1, 41)[:, None]
errors = []
for d in (1, 2):
    X = dnn.TimeDependent.random(d, width=8, bias=1.0, rng=0)
    flow = dnn.StartedAt(dnn.Flow(X, 0.05, dnn.RK4(), steps=20))
    net = dnn.Network(dnn.Lift(d, 1), flow, dnn.Selection([0], d))
    errors.append(dnn.fit(net, MSE, x, -x, dnn.LBFGS(), epochs=100).loss[-1])
    print(f"in ℝ{'¹²'[d - 1]}: {errors[-1]:.1e}")
    if d == 1:
        assert (np.diff(net(x)[:, 0]) > 0).all() and errors[0] > 0.9 * (x**2).mean()
assert errors[1] < 1e-3

# %% [markdown]
# ## Exercise 2
# $\partial\varphi^T(x)/\partial T = X(\varphi^T(x))$: the state moves on with its own
# velocity. The pendulum from rest at $q = 1.5$ hangs down for the first time after a
# quarter of its period, the elliptic integral $K(\sin^2 0.75)$.

# %%
X, T = dnn.systems.pendulum(), 1.5
F = dnn.Flow(dnn.OwnTime(X), 1 / 100, dnn.RK4(), steps=100)
for _ in range(5):
    z = np.array([1.5, 0.0, T])
    q, slope = F(z)[0], F.jacobian(z)[0, 2]
    assert abs(slope - X(F(z)[:2])[0]) < 1e-8
    print(f"T = {T:.10f}, q(T) = {q:.1e}")
    T = T - q / slope
assert abs(T - ellipk(np.sin(0.75) ** 2)) < 1e-9

# %% [markdown]
# ## Exercise 3
# The adjoint equation has the gradient of the exact flow, the steps have their own: for
# a method of order four twice the steps leave a sixteenth of the gap.

# %%
x, y = dnn.datasets.moons(100, rng=0)
z, CE = dnn.Lift(3, 2)(x), dnn.SoftmaxCrossEntropy()
X, A = dnn.TimeDependent.random(2, width=11, bias=1.0, rng=1), dnn.Affine(2, 2, rng=2)
S, gaps = dnn.Selection([0, 1], 3), []


def gradient(vjp):
    """∂J/∂θ of the field, from its flow and pullback, for J = CE ∘ A ∘ S ∘ flow."""
    state, pullback = vjp
    logits, pullback_A = dnn.Network(S, A).vjp(state)
    return pullback(pullback_A(CE.vjp(logits, y)[1])[0])[1]


limit = gradient(dnn.continuous_adjoint(X, z, 1.0, rtol=1e-10, atol=1e-12))
for n in (5, 10, 20):
    found = gradient(dnn.Flow(X, 1 / n, dnn.RK4(), steps=n).vjp(z))
    gaps.append(np.linalg.norm(found - limit) / np.linalg.norm(limit))
    print(f"{n:2} steps: {gaps[-1]:.1e}")
assert 10 < gaps[0] / gaps[1] < 25 and 10 < gaps[1] / gaps[2] < 25
