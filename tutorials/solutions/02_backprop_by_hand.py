# %% [markdown]
# # 2. Backpropagation by hand: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks

rng = np.random.default_rng(0)
x = rng.normal(size=(10, 3))

# %% [markdown]
# ## Exercise 1
# $c$ and $A$ occur once each, so the product rule has two terms, and the chain rule
# puts both ways into $z = Ax$, by $x$ and by $A$, behind one slope: $\mathrm dz = Av +
# \mathrm dA\,x$. With a tangent of its own, the check of the adjoint need not take
# differences any more.


# %%
class SineField(dnn.Field):
    """X(x) = c ⊙ sin(A x)."""

    def __init__(self, dim, rng):
        self.dim_in = self.dim_out = dim
        self.own(A=dnn.Dense(dim, dim, rng=rng), c=rng.normal(size=dim))

    def __call__(self, x):
        return self.c * np.sin(self.A(x))

    def vjp(self, x):
        z = self.A(x)

        def pullback(w):
            u = w * self.c * np.cos(z)
            dc = (w * np.sin(z)).reshape(-1, w.shape[-1]).sum(axis=0)
            return self.A.adjoint(u), self.pack(A=self.A.outer(u, x), c=dc)

        return self(x), pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        z, dz = self.A.jvp(x, v, d["A"])  # A x, and A v + dA x
        return self(x), self.c * np.cos(z) * dz + d["c"] * np.sin(z)


X = SineField(3, rng)
print(checks.tangent(X, x).require())
check = checks.adjoint(X, x).require()
print(check)
assert "Jv from jvp" in check.detail and check.measured < 1e-13

# %% [markdown]
# ## Exercise 2
# $y = x + \frac h2(K_1 + K_2)$ with $K_1 = X(x)$ and $K_2 = X(x + hK_1)$. Read it from
# the end: $K_2$ is owed $\frac h2w$, and pulls it back to $\eta_2$ at $x + hK_1$; so
# $K_1$ is owed $\frac h2w + h\eta_2$, and $x$ the sum of all. Heun's weights $b =
# (\frac12, \frac12)$ are the same in either order, so nothing happens. Those of Kutta3
# and RK4 are palindromes, too: only Ralston's $(\frac14, \frac34)$ and the explicit
# midpoint rule's $(0, 1)$ notice.


# %%
def heun(X, x, h, b=(1 / 2, 1 / 2)):
    """A step of Heun's method, and w ↦ dx, dtheta, dh with the weights b."""
    K1, pullback1 = X.vjp(x)
    K2, pullback2 = X.vjp(x + h * K1)

    def pullback(w):
        eta2, dtheta2 = pullback2(h * b[1] * w)
        eta1, dtheta1 = pullback1(h * b[0] * w + h * eta2)
        dh = (w * (b[0] * K1 + b[1] * K2)).sum() + (eta2 * K1).sum()
        return w + eta1 + eta2, dtheta1 + dtheta2, dh

    return x + h * (b[0] * K1 + b[1] * K2), pullback


w = rng.normal(size=x.shape)
for b in ((1 / 2, 1 / 2), (1 / 2, 1 / 2)[::-1]):
    mine, theirs = heun(X, x, 0.3, b), dnn.Heun().vjp(X, x, 0.3)
    for a, b in zip((mine[0], *mine[1](w)), (theirs[0], *theirs[1](w))):
        assert np.allclose(a, b, rtol=1e-12)

two_stages = dnn.Heun, dnn.ExplicitMidpoint, dnn.Ralston
methods = dnn.Euler, *two_stages, dnn.Kutta3, dnn.RK4
notice = [method.__name__ for method in methods if method.b != method.b[::-1]]
print("notice a reversed b:", *notice)
assert notice == ["ExplicitMidpoint", "Ralston"]

# %% [markdown]
# ## Exercise 3
# The sixteen have solutions of their own, in `tutorials/labs/solutions`. This is what a
# sheet is: questions, each of which returns a check. An answer that raises
# `NotImplementedError` is still to do and no mistake, and a question waits for those
# that it builds on.


# %%
class Unfinished(SineField):
    def vjp(self, x):
        raise NotImplementedError("Task 1: write the pullback")


def questions(X):
    return [
        checks.Question("1.1 adjoint", lambda: checks.adjoint(X, x)),
        checks.Question("1.2 Taylor test", lambda: checks.taylor(X, x), after="1.1"),
    ]


unfinished = checks.run(questions(Unfinished(3, rng)))
assert [result.verdict for result in unfinished] == ["to do", "waits"]
assert unfinished.end == "0 of 2 right; next: task 1"
assert checks.run(questions(X)).passed

# %% [markdown]
# ## Exercise 4
# One number with a sign in place of two logits: the last map is `Affine(1, 3)`, the
# targets have its shape, (n, 1), and `sign` takes the place of `argmax`. No field, no
# flow and no adjoint changes: only the covector differs that starts the way back.

# %%
points, labels = dnn.datasets.moons(200, noise=0.1, rng=0)
targets = 2.0 * labels[:, None] - 1
layers = [dnn.Flow(SineField(3, rng), 0.3) for _ in range(4)]
net = dnn.Network(dnn.Lift(3, 2), *layers, dnn.Affine(1, 3, rng=rng))
print(dnn.fit(net, dnn.MeanSquaredError(), points, targets, dnn.LBFGS(), epochs=150))
accuracy = (np.sign(net(points)) == targets).mean()
print(f"{100 * accuracy:.0f} % of the moons right")
assert accuracy > 0.95
