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
def questions(method, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    x, X = rng.normal(size=(6, 3)), dnn.ResidualField.random(3, 5, bias=1.0, rng=rng)

    def flow(steps):
        return dnn.Flow(X, 0.3, method, steps=steps, learn_h=True)

    def order():
        return checks.order(method, dnn.systems.pendulum(), [1.0, 0.5], finest=128)

    return [
        Question("0.1 order of the step (it is given)", order),
        Question("1.1 adjoint of one step", lambda: checks.adjoint(flow(1), x)),
        Question(
            "1.2 adjoint of three steps",
            lambda: checks.adjoint(flow(3), x),
            after="1.1",
        ),
        Question("1.3 Taylor test", lambda: checks.taylor(flow(3), x), after="1.1"),
    ]


# %% [markdown]
# ## A picture to predict
#
# A pendulum goes to $T = 2$ in $n$ steps of size $h = T/n$. Your adjoint is exact for
# these steps, and the steps are not. **Before you run it:** with which power of $h$ do
# the errors of $x_n$ and of the gradient $\mathrm dx$ fall? And with Euler's method?
#
# `picture(MyRalston())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/3_the_adjoint_of_ralstons_method.py`, once question 1.1 is
# right.


# %%
def picture(method):
    """What was predicted: the errors of states and of gradients, against h."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    def state_and_gradient(method, n):
        F = dnn.Flow(dnn.systems.pendulum(), 2 / n, method, steps=n)
        y, pullback = F.vjp(np.array([[1.0, 0.5]]))
        return np.concatenate([y, pullback(np.array([[1.0, -2.0]]))[0]])

    true, steps = state_and_gradient(dnn.RK4(), 256), 2 ** np.arange(2, 8)
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(9, 5.5))
        for m, name, colour in ((dnn.Euler(), "Euler", "C1"), (method, "yours", "C0")):
            errors = [state_and_gradient(m, n) - true for n in steps]
            for error, what, marker in zip(
                np.linalg.norm(errors, axis=-1).T, ("state", "gradient"), "os"
            ):
                order = np.log2(error[-2] / error[-1])
                label = f"{name}: {what}, order {order:.1f}"
                ax.loglog(2 / steps, error, color=colour, marker=marker, label=label)
        ax.xaxis.set_minor_formatter("")
        ax.set_xticks([0.02, 0.1, 0.5], [0.02, 0.1, 0.5])
        ax.set(xlabel="step size $h$", ylabel="error at $T = 2$")
        ax.legend()
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(MyRalston())).exit()
