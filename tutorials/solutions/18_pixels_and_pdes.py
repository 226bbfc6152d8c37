# %% [markdown]
# # 18. Pixels and partial differential equations: solutions

# %%
import numpy as np

import dynsys_nn as dnn

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# The shortest waves have 2 crests on 5 pixels, $\omega = 4\pi/5$, and $\sin^2(2\pi/5) =
# 0.9045$ in the place of 1: the step may be 10.6 % longer.

# %%
D = dnn.PeriodicGradient((5, 5))
heat = dnn.GradientField(D, dnn.Identity())
h = dnn.Euler().non_expansive_step(heat)
print(f"{h:.6f} = {4 * h:.4f} dx²/4")
assert abs(4 * h * np.sin(2 * np.pi / 5) ** 2 - 1) < 1e-14
p = 2 * np.pi * np.arange(5) / 5
wave = np.cos(2 * p[:, None] + 2 * p).ravel()
np.testing.assert_allclose(dnn.Flow(heat, h)(wave), -wave, atol=1e-14)

# %% [markdown]
# ## Exercise 2
# $\omega = \|D\| = \sqrt8/\mathrm dx$, so $h < 2/\|D\| = \mathrm dx/\sqrt2$. A random
# image has a bit of a chessboard in it, and that is enough.

# %%
n, d = 10, 100
D = dnn.PeriodicGradient((n, n))
velocity = dnn.GradientField(dnn.Lift(d, d), dnn.Identity(), sign=1)
waves = dnn.PartitionedField(velocity, dnn.GradientField(D, dnn.Identity()))
longest, z = 2 / D.lipschitz(), np.concatenate([rng.normal(size=d), np.zeros(d)])
assert abs(longest - np.sqrt(0.5)) < 1e-15
for share in (0.99, 1.01):
    last = dnn.Flow(waves, share * longest, dnn.StormerVerlet(), steps=200)(z)
    growth = np.linalg.norm(last) / np.linalg.norm(z)
    print(f"{share} of 2/‖D‖: 200 steps multiply by {growth:.3g}")
    assert (growth < 30) == (share < 1)

# %% [markdown]
# ## Exercise 3
# A linear invariant is kept by all Runge–Kutta methods, since a step adds multiples of
# the field: no projection is needed, and every step says so. Here $\nabla I = 1$, and
# $Y$ is $X$ without its mean.

# %%
n = 12
k = 2 * np.pi * np.fft.fftfreq(n)
turn = np.exp(-1j * (0.6 * k[:, None] + 0.3 * k))
smooth = 1 / (1 + (n * k[:, None] / 6) ** 2 + (n * k / 6) ** 2)
u_hat = smooth * np.fft.fft2(rng.normal(size=(8, n, n)))
x, y = (np.fft.ifft2(f).real.reshape(8, -1) for f in (u_hat, turn * u_hat))
y = y + 0.02 * rng.normal(size=y.shape)
for name in ("free", "kept"):
    K = dnn.Convolution(1, 1, (n, n), 5, W=np.zeros((1, 1, 5, 5)))
    X = dnn.LinearField(K)
    if name == "kept":
        X = dnn.TangentField(X, dnn.Mass())
    F = dnn.Flow(X, 1.0, dnn.Heun())
    dnn.fit(F, dnn.MeanSquaredError(), x, y, dnn.LBFGS(), epochs=30)
    mass = dnn.Rollout(F, 10)(x).sum(axis=-1)
    change = abs(mass / x.sum(axis=-1)[:, None] - 1).max()
    print(f"{name}: keeps {set(F.keeps) or '{}'}, the mass changes by {change:.0e}")
    assert (change < 1e-12) == ("mass" in F.keeps) == (name == "kept")
