# %% [markdown]
# # 17. Training by a residual: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# With $n$ steps of $t/n$ the flow map is $\varphi^t(x) + c(x, t)\,n^{-4} + \dots$, and
# so its residual falls like $n^{-4}$, as its error does: 16 times for twice the steps.

# %%
X, z = dnn.systems.pendulum(), np.array([[1.0, 0.5, 1.0], [2.0, -1.0, 1.0]])
residuals = []
for n in (4, 8, 16, 32):
    steps = dnn.Flow(dnn.OwnTime(X), 1 / n, dnn.RK4(), steps=n)
    F = dnn.Network(steps, dnn.Selection([0, 1], 3))
    residuals.append(abs(dnn.Residual(F, X)(z)).max())
    print(f"{n:2} steps: residual {residuals[-1]:.1e}")
ratios = np.divide(residuals[:-1], residuals[1:])
assert (abs(ratios - 16) < 2).all()

# %% [markdown]
# ## Exercise 2
# At each $t$: a kick has the Jacobian $\begin{pmatrix} 1 & 0 \\ -S & 1 \end{pmatrix}$
# with a symmetric $S$, a difference of two Hessians, whatever the weights are. A
# `TrialFlow` has determinant 1 at $t = 0$, and any other elsewhere.

# %%
layer = dnn.SympFlowLayer.random(4, width=8, bias=1.0, rng=0)
N = dnn.ResidualField(dnn.Dense(8, 5, rng=0), dnn.Tanh(), dnn.Dense(4, 8, rng=1))
trial, x = dnn.TrialFlow(N), rng.normal(size=(20, 4))
for t in (-3.0, 0.0, 0.5, 10.0):
    checks.symplectic(dnn.FlowAt(layer, t), x).require()
    det = np.linalg.det(dnn.FlowAt(trial, t).jacobian(x))
    print(f"t = {t:4}: det of a TrialFlow from {det.min():.2f} to {det.max():.2f}")
    assert (det == 1).all() == (t == 0) and (np.ptp(det) > 0.1) == (t != 0)

# %% [markdown]
# ## Exercise 3
# It is 0 to rounding, and the equation is in the flow: the residual of a field that is
# to be learned is least for the right one.


# %%
class Turn(dnn.Map):
    """(q, p, t) ↦ (q cos t + p sin t, p cos t − q sin t)."""

    dim_in, dim_out = 3, 2

    def __call__(self, z):
        q, p, t = np.moveaxis(z, -1, 0)
        c, s = np.cos(t), np.sin(t)
        return np.stack([q * c + p * s, p * c - q * s], axis=-1)

    def vjp(self, z):
        y, t = self(z), z[..., 2]
        c, s = np.cos(t), np.sin(t)

        def pullback(w):
            u, v = np.moveaxis(w, -1, 0)
            dt = u * y[..., 1] - v * y[..., 0]
            dz = np.stack([u * c - v * s, u * s + v * c, dt], axis=-1)
            return dz, np.zeros(0)

        return y, pullback


F, z = Turn(), rng.normal(size=(50, 3))
checks.adjoint(F, z).require()
left = abs(dnn.Residual(F, dnn.systems.harmonic_oscillator())(z)).max()
print(f"residual of the exact flow: {left:.0e}")
assert left < 1e-14

field, zeros = dnn.LinearField(dnn.Dense(2, 2, rng=0)), np.zeros((50, 2))
R = dnn.Residual(F, field)
dnn.fit(R, dnn.MeanSquaredError(), z, zeros, dnn.LBFGS(), epochs=20)
print("ẋ = A x with A =", field.A.W.round(6).tolist())
assert np.allclose(field.A.W, [[0, 1], [-1, 0]], atol=1e-5)
