# %% [markdown]
# # Lab 1. An activation
#
# $\sigma(z) = z/\sqrt{1 + z^2}$ is smooth, odd, and lies between $-1$ and $1$. The
# package needs four things of an activation. Find them with pencil and paper, write
# them below, and run this script.
#
# 1. The value, $\sigma(\frac34) = \frac35$, for $|z|$ up to $10^{300}$:
#    `np.hypot(1, z)` is $\sqrt{1 + z^2}$ without overflow.
# 2. The slope $\sigma'(z)$.
# 3. The primitive $\gamma$ with $\gamma' = \sigma$: it makes potentials.
# 4. The bounds of the slope, as sharp as they are: they make Lipschitz constants.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks


# %%
class SmoothSign(dnn.Activation):
    """σ(z) = z/√(1 + z²)."""

    slope_min = slope_max = None  # Task 4: replace None by two numbers

    def __call__(self, z):
        raise NotImplementedError("Task 1: write σ(z)")

    def slope(self, z):
        raise NotImplementedError("Task 2: write σ′(z)")

    def primitive(self, z):
        raise NotImplementedError("Task 3: write γ(z) with γ′ = σ")


# %%
def questions(sigma):
    """What is asked of an answer."""
    x = np.random.default_rng(0).normal(size=(6, 3))

    def sharp_bounds():
        if None in (sigma.slope_min, sigma.slope_max):
            raise NotImplementedError("Task 4: set slope_min and slope_max")
        slope = sigma.slope(np.linspace(-100, 100, 20_001))
        low, high = slope.min(), slope.max()
        gap = max(abs(sigma.slope_min - low), abs(sigma.slope_max - high))
        said = f"found are slopes from {low:.3g} to {high:.3g}"
        return checks.Check("sharp bounds", gap, 1e-3, said)

    def adjoint():
        if not checks.activation(sigma).passed:
            after = "after the activation: the adjoint of a field that is made of it"
            raise NotImplementedError(after)
        return checks.adjoint(dnn.GradientField(dnn.Dense(3, 3, rng=0), sigma), x)

    def lipschitz():
        X = dnn.GradientField(dnn.Dense(3, 3, W=np.eye(3)), sigma)
        return checks.lipschitz(dnn.Flow(X, 1.5), x)

    return [
        lambda: checks.value(sigma, np.array([0.75, -4 / 3, 1e300]), [0.6, -0.8, 1.0]),
        lambda: checks.activation(sigma),
        adjoint,
        sharp_bounds,
        lipschitz,
    ]


if __name__ == "__main__":
    checks.run(questions(SmoothSign()))
