# %% [markdown]
# # 10. Memory, and the continuous adjoint: solutions

# %%
import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn

rng = np.random.default_rng(0)
MSE = dnn.MeanSquaredError()

# %% [markdown]
# ## Exercise 1
# Those whose inverse is a step of their own. Shears are undone by subtracting what was
# added (symplectic Euler, Störmer–Verlet, and Yoshida's composition of it), and the
# symmetric implicit methods by their own step with $-h$, which is solved for like the
# step itself (the implicit midpoint rule, the discrete gradient). An explicit
# Runge–Kutta step would have to be solved for by an iteration that may have no
# solution, or several; the package refuses, and says so.

# %%
X = dnn.PartitionedField.random(4, width=8, gradient=True, rng=rng)
x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
explicit = dnn.Euler(), dnn.Heun(), dnn.RK4()
shears = dnn.SymplecticEuler(), dnn.StormerVerlet(), dnn.Yoshida(dnn.StormerVerlet())
for method in (*explicit, *shears, dnn.ImplicitMidpoint()):
    net = dnn.Network(dnn.Flow(X, 0.1, method, steps=20))
    _, stored = dnn.value_and_grad(net, MSE, x, y)
    try:
        _, g = dnn.value_and_grad(net, MSE, x, y, adjoint=dnn.Reversed())
        said = f"off by {np.linalg.norm(g - stored) / np.linalg.norm(stored):.0e}"
        assert np.linalg.norm(g - stored) < 1e-13 * np.linalg.norm(stored)
    except NotImplementedError as error:
        said = str(error)
    print(f"{method!r:18} {said}")
    assert ("no explicit inverse" in said) == (method in explicit)

# %% [markdown]
# ## Exercise 2
# Backward, an error in the direction of an eigenvector of $X'$ grows like $e^{-\lambda
# t}$, and fastest for the smallest eigenvalue. On a logarithmic scale the slope is
# $-\lambda_{\min}$, here about 1: every unit of time costs a digit of base $e$, from
# rounding on. `X.spectrum()` bounds it for all states; near the point of rest it is the
# eigenvalue there.

# %%
X = dnn.GradientField.random(4, width=4, rng=rng)
X.A.normalise()
X.b = rng.normal(size=4)
x0, times = rng.normal(size=(50, 4)), np.arange(4.0, 20.0, 2.0)
ends = dnn.exact_flow(X, x0, times)
rebuilt = [dnn.exact_flow(X, ends[:, k], -T) for k, T in enumerate(times)]
errors = [np.median(np.linalg.norm(back - x0, axis=-1)) for back in rebuilt]
fig, ax = plt.subplots()
ax.semilogy(times, errors, "o")
ax.set(xlabel="$T$", ylabel="error of the rebuilt $x_0$")
slope = np.polyfit(times, np.log(errors), 1)[0]
smallest = np.linalg.eigvalsh(X.jacobian(ends[0, -1]))[0]
print(f"slope {slope:.2f}, smallest eigenvalue {smallest:.2f}", end="")
print(f", spectrum within [{X.spectrum()[0]:.2f}, {X.spectrum()[1]:.2f}]")
assert abs(slope + smallest) < 0.2 and X.spectrum()[0] <= smallest

# %% [markdown]
# ## Exercise 3
# $\hat a_{ij} = b_j - b_ja_{ji}/b_i$, with $b = (\frac16, \frac13, \frac13, \frac16)$
# and $a_{21} = a_{32} = \frac12$, $a_{43} = 1$:
# $$\hat A = \frac16\begin{bmatrix}1 & -4 & 2 & 1\\ 1 & 2 & -1 & 1\\
# 1 & 2 & 2 & -2\\ 1 & 2 & 2 & 1\end{bmatrix}.$$
# Read from the end of the step, $\lambda_{n+1} = \lambda_n + h\sum_j b_j\ell_j$, a
# stage is $\lambda_{n+1} - h\sum_j (b_j - \hat a_{ij})\ell_j$, with $b_j -
# \hat a_{ij} = b_ja_{ji}/b_i$: zero unless $j > i$. In the order 4, 3, 2, 1 this is
# explicit, with the coefficients ½, ½, 1 below the diagonal: RK4 itself.

# %%
A_hat, b = map(np.array, dnn.RK4().adjoint_tableau())
rows = [[1, -4, 2, 1], [1, 2, -1, 1], [1, 2, 2, -2], [1, 2, 2, 1]]
assert np.allclose(6 * A_hat, rows, atol=1e-15)
backward = (b - A_hat)[::-1, ::-1]
A = np.array([[*row, *[0] * (4 - len(row))] for row in dnn.RK4().A])
assert np.allclose(backward, A, atol=1e-15) and np.allclose(b[::-1], dnn.RK4().b)

# %% [markdown]
# ## Exercise 4
# 21 times. Once on the way forward; then, with a single state $x_0$ to start from, it
# is taken again for each of the steps 20, 19, …, 2, to get the state in front of it,
# which is 19 times, as $\binom{1 + t}{t} = 1 + t \ge 20$ says; and a last time with its
# pullback.


# %%
class Counted(dnn.Map):
    """x ↦ sin x, and how often it was asked."""

    dim_in = dim_out = 1

    def __init__(self):
        self.own()
        self.asked = []

    def __call__(self, x):
        self.asked.append("value")
        return np.sin(x)

    def vjp(self, x):
        self.asked.append("vjp")
        return np.sin(x), lambda w: (np.cos(x) * w, np.zeros(0))


steps = [Counted() for _ in range(20)]
net, one = dnn.Network(*steps), np.ones((1, 1))
for step in steps:
    step.asked.clear()
_, pullback = dnn.Checkpoints(1).vjp(net, one)
pullback(one)
taken = [len(step.asked) for step in steps]
print("steps 1 to 20 are taken", taken)
assert taken == [*range(21, 1, -1)] and steps[0].asked == ["value"] * 20 + ["vjp"]
