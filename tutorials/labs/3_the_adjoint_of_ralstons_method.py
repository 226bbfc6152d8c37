# %% [markdown]
# # Lab 3. The adjoint of Ralston's method
#
# $$K_1 = X(x), \quad K_2 = X(x + \tfrac23hK_1), \quad
# \Psi^h(x) = x + h(\tfrac14K_1 + \tfrac34K_2).$$
# Two different weights: this method notices a reversed index, where Heun's does not. Go
# back through the stages, last one first: $\kappa_2 = \frac34w$,
# $\eta_2 = X'(Y_2)^\top(h\kappa_2)$, and what $\eta_2$ owes to $K_1$ joins $\kappa_1$
# ($\kappa$ is the covector at a slope, up to $h$).
#
# 1. Write `vjp`: $\Psi^h(x)$ and the pullback
#    $w \mapsto (\mathrm dx, \mathrm d\theta, \mathrm dh)$, the last a number,
#    $\langle w, \partial\Psi/\partial h\rangle$. `field.vjp(x)` gives $X(x)$ and its
#    own pullback $w \mapsto (\mathrm dx, \mathrm d\theta)$.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks


# %%
class MyRalston(dnn.Method):
    """Ralston's method, with an adjoint of one's own."""

    A = [[], [2 / 3]]
    b = [1 / 4, 3 / 4]
    order = 2

    def step(self, field, x, h):
        K1 = field(x)
        K2 = field(x + 2 / 3 * h * K1)
        return x + h * (K1 / 4 + 3 / 4 * K2)

    def vjp(self, field, x, h):
        raise NotImplementedError("Task 1: write the adjoint of Ralston's method")


# %%
def questions(method):
    """What is asked of an answer."""
    x = np.random.default_rng(1).normal(size=(6, 3))

    X = dnn.ResidualField.random(3, width=5, bias=1.0, rng=2)

    def flow(steps):
        return dnn.Flow(X, 0.3, method, steps=steps, learn_h=True)

    return [
        lambda: checks.order(method, dnn.systems.pendulum(), [1.0, 0.5]),
        lambda: checks.adjoint(flow(1), x),
        lambda: checks.adjoint(flow(3), x),
        lambda: checks.taylor(flow(3), x),
    ]


if __name__ == "__main__":
    checks.run(questions(MyRalston()))
