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
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question


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
def questions(sigma, seed=0):
    """What is asked of an answer."""
    x = np.random.default_rng(seed).normal(size=(6, 3))

    def alone(**more):
        """σ and σ′, and what else is asked for."""
        parts = {
            "__call__": lambda _, z: sigma(z),
            "slope": lambda _, z: sigma.slope(z),
        }
        return type(type(sigma).__name__, (), parts | more)()

    def slope():
        mistakes = {
            "the quotient rule is (u′v − uv′)/v²: it is u′/v, or v² is missing": (
                lambda z: 1 / np.hypot(1, z)
            ),
            "the quotient rule has a minus: (u′v − uv′)/v²": (
                lambda z: 1 / np.hypot(1, z) + z**2 / np.hypot(1, z) ** 3
            ),
            "the inner derivative 2z of the root is missing": (
                lambda z: 1 / np.hypot(1, z) - z / np.hypot(1, z) ** 3 / 2
            ),
            "the root has the derivative ½(…)^(−½)·2z: here ½ is missing": (
                lambda z: 1 / np.hypot(1, z) - 2 * z**2 / np.hypot(1, z) ** 3
            ),
            "it is 1/(1 + z²), or 1 − σ², as for tanh": (lambda z: 1 / (1 + z**2)),
        }
        return checks.activation(alone(), mistakes=mistakes)

    def primitive():
        mistakes = {
            "it is γ of z/(1 + z²): the root is missing": (
                lambda z: np.log(1 + z**2) / 2
            ),
            "it is γ of 1/√(1 + z²): the numerator z is missing": np.arcsinh,
            "it is γ of z√(1 + z²), which is σ with a product": (
                lambda z: np.hypot(1, z) ** 3 / 3
            ),
            "it is γ of z": lambda z: (1 + z**2) / 2,
        }
        answer = alone(primitive=lambda _, z: sigma.primitive(z))
        return checks.activation(answer, mistakes=mistakes)

    def sharp_bounds():
        bounds = {name: getattr(sigma, name) for name in ("slope_min", "slope_max")}
        if None in bounds.values():
            raise NotImplementedError("Task 4: set slope_min and slope_max")
        check = checks.activation(alone(**bounds))
        if not check.passed:
            return check
        slope = sigma.slope(np.linspace(-100, 100, 20_001))
        low, high = slope.min(), slope.max()
        gaps = {
            "slope_min": abs(sigma.slope_min - low),
            "slope_max": abs(sigma.slope_max - high),
        }
        worst = max(gaps, key=gaps.get)
        said = f"slopes from {low:.3g} to {high:.3g} are found for |z| ≤ 100"
        said = f"{worst} is not sharp: {said}"
        return checks.Check("sharp bounds", gaps[worst], 1e-3, said)

    def value():
        z = np.array([0.75, -4 / 3, 1e300])
        mistakes = {
            "the root is missing": [0.48, -0.48, 0.0],
            "z² overflows, `np.hypot(1, z)` does not": [0.6, -0.8, 0.0],
            "the numerator is z, and not 1": [0.8, 0.6, 0.0],
            "σ is odd, and this is even": [0.6, 0.8, 1.0],
            "`np.hypot(1, z)` is the root already": [
                0.75 / 1.25**0.5,
                -4 / 15**0.5,
                1e150,
            ],
        }
        return checks.value(sigma, z, [0.6, -0.8, 1.0], mistakes=mistakes)

    def adjoint():
        return checks.adjoint(dnn.GradientField(dnn.Dense(3, 3, rng=0), sigma), x)

    def lipschitz():
        X = dnn.GradientField(dnn.Dense(3, 3, W=np.eye(3)), sigma)
        return checks.lipschitz(dnn.Flow(X, 1.5), x)

    return [
        Question("1.1 three values of σ", value),
        Question("2.1 σ′ is the slope of σ", slope, after="1.1"),
        Question("2.2 adjoint of a field made of σ", adjoint, after="2.1"),
        Question("3.1 γ′ is σ", primitive, after="2.1"),
        Question("4.1 sharp bounds of the slope", sharp_bounds, after="2.1"),
        Question("4.2 Lipschitz constant of a step", lipschitz, after="4.1"),
    ]


# %% [markdown]
# ## A picture to predict
#
# $\sigma$ and $\tanh$ look alike, and what a network learns goes through their slopes.
# **Before you run it:** sketch $\sigma'$ and $\tanh'$ for $|z| \le 10$ on a logarithmic
# axis. How much of each slope, 1 at $z = 0$, is left at $z = 10$?
#
# `picture(SmoothSign())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/1_an_activation.py`, once question 2.1 is right.


# %%
def picture(sigma):
    """What was predicted: two activations that look alike, and their slopes."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    z = np.linspace(-10, 10, 401)
    with plt.style.context(plotting.STYLE):
        _, (left, right) = plt.subplots(1, 2)
        for f, name in ((sigma, r"yours, $\sigma$"), (dnn.Tanh(), "tanh")):
            left.plot(z, f(z), label=name)
            right.semilogy(z, f.slope(z), label=name)
        left.set(xlabel="$z$", ylabel="value")
        right.set(xlabel="$z$", ylabel="slope", ylim=(1e-9, 3))
        left.legend()
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(SmoothSign())).exit()
