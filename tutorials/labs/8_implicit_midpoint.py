# %% [markdown]
# # Lab 8. The implicit midpoint rule
#
# $$y = x + h\,X(m), \qquad m = \tfrac12(x + y).$$
# The new state $y$ stands on both sides: it is the zero of
# $r(y) = y - x - h\,X(\frac12(x + y))$, and Newton's method finds it,
# $$y_0 = x, \qquad y_{k+1} = y_k - K(y_k)^{-1}r(y_k), \qquad
# K = \partial r/\partial y.$$
# States are the last axis of an array (…, d), and `field.jacobian(m)` is $X'(m)$, of
# shape (…, d, d). `np.linalg.solve(K, r[..., None])[..., 0]` solves for all states at
# once, and `np.eye(d)` is $I$.
#
# 1. Write `iterates`, the list of $y_0, y_1, \ldots$ until $\|r\| \le 10^{-12}$ for
#    all states; not more than ten are needed here. (`step` is given: the last one.)
# 2. Predict, before you run anything. Which of these are true?
#    - a: Ten steps with $h = 0.5$ keep $\|x\|$, to rounding, if $x^\top X(x) = 0$.
#    - b: So do ten steps that take Newton's $y_2$ for $y$.
#    - c: Ten steps with $h = 0.5$ keep the energy $p^2/2 - \cos q$ of a pendulum.
#    - d: For $\dot x = -1000x$ and $h = 1$, one step makes $|x|$ smaller.
#    - e: It makes $|x|$ almost zero, as the exact solution is.
#    - f: There, $y_1$ is $y$.
# 3. Write `vjp`: $y$ and the pullback
#    $w \mapsto (\mathrm dx, \mathrm d\theta, \mathrm dh)$, the last a number,
#    $\langle w, \partial y/\partial h\rangle$. Differentiate the equation
#    $y = x + h\,X(m)$, and not Newton's iterates: how do d$y$, d$x$, d$\theta$ and
#    d$h$ belong together? One linear system with $K^\top$, $K^\top\mu = w$, is all
#    that is to be solved. `field.vjp(m)` gives $X(m)$ and its own pullback.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.arguments import refuse
from dynsys_nn.checks import Question


# %%
class MyMidpoint(dnn.Method):
    """y = x + hX((x + y)/2), by Newton's method."""

    order = 2

    def iterates(self, field, x, h):
        raise NotImplementedError("Task 1: write Newton's iterates [y₀, y₁, …], y₀ = x")

    def step(self, field, x, h):
        return self.iterates(field, x, h)[-1]

    def predictions(self):
        # return "af", if these two are true
        raise NotImplementedError("Task 2: which of a, b, c, d, e, f are true?")

    def vjp(self, field, x, h):
        raise NotImplementedError("Task 3: write the adjoint of a step")


# %%
def questions(method, seed=0):
    """What is asked of an answer."""
    rng, h = np.random.default_rng(seed), 0.4
    X = dnn.ResidualField.random(3, 8, rng=rng)  # without a bias: X(0) = 0
    x, w = rng.normal(size=(2, 2, 4, 3))
    with_0 = np.stack([0 * x[0], x[1]])
    square = dnn.KnownField(lambda x: x**2, 1, lambda x: 2 * x[..., None])
    shear = dnn.KnownField(lambda x: x @ C.T, 2, lambda x: C + 0 * x[..., None])
    C, two, z = np.eye(2, k=1), np.array([2.0]), np.outer([1, 2, 3], [2.0, 1.0])
    for states in (x, with_0, two, z):
        states.flags.writeable = False

    def newton(field, x, h, least):
        left = iter(range(500))

        def counted(x):
            next(left)
            return field(x)

        try:
            with np.errstate(all="ignore"):
                limited = dnn.KnownField(counted, field.dim, field.jacobian)
                ys = method.iterates(limited, x, h)
        except StopIteration:
            ys = left
        told = "500 values of X, and ‖r‖ ≤ 1e-12 is not reached: look at K and at r"
        refuse(ys is left, told)
        told, kind = "the list is y₀ = x, y₁, … until ‖r‖ ≤ 1e-12", type(ys).__name__
        refuse(kind not in ("list", "tuple", "ndarray"), f"{told}; got {kind}")
        refuse(len(ys) < least, f"{told} for all states; this one has {len(ys)}")
        refuse(ys[0] is ys[1], "y₁ is y₀: is it y −= …, or is x there twice?")
        refuse(not np.array_equal(ys[0], x), f"{told}; the first of these is not x")
        told = f"y₁ has shape {np.shape(ys[1])}: take solve(K, r[..., None])[..., 0]"
        refuse(np.shape(ys[1]) != x.shape, told)
        return ys

    def first():
        mistakes = {
            "is the ½ missing in K, from ∂m/∂y = ½, or has r X at y: implicit Euler": 6,
            "the sign in K = ∂r/∂y is wrong": 2 + 0.8 / 1.4,
            "h is missing in K": 1.2,
            "K is missing: y ← x + hX(m) is no Newton's method": 2.8,
            "r is multiplied by K: the system is to be solved": 2.48,
            "h is missing in r": 2 + 4 / 0.6,
            "m is ½(x + y): here it is x + y": 18,
            "m is ½(x + y): here it is x + ½y": 6.5,
            "the correction has the wrong sign, y − K⁻¹r, or r has": 2 / 3,
        }
        y1 = newton(square, two, 0.2, 2)[1]
        mistakes["m = x + hX(x)/2, as explicit: it is ½(x + y)"] = 2 + 1.152 / 0.52
        return checks.compared("y₁", y1[0], 10 / 3, mistakes)

    def two_states():
        mistakes = {
            "K is transposed": [[3, 1.5], [6, 3]],
            "I is np.eye(d): here 1 is added to each entry of K": [[4, -1], [8, -2]],
        }
        y1 = newton(shear, z[:2], 1.0, 2)[1]
        return checks.compared("y₁", y1, [[3, 1], [6, 2]], mistakes)

    def second():
        mistakes = {
            "K has X′(x), once and for all: here it is ∂r/∂y at y_k": 4 / 27,
            "K has X′ at y_k, and r has X at m": 4 / 15,
            "r has X at y_k, and not at m: implicit Euler": 40 / 21,
            "r has X at x: it does not see y_k": -8 / 7,
            "r is that of the trapezoidal rule: X belongs at m": 8 / 21,
            "y_k is corrected: here it is x": -8 / 7,
            "r has X(x), and K has X′(x): they are at m": -8 / 9,
            "x is the start of the step: here it is y_k, in r and in m": 20 / 3,
        }
        ys = newton(square, two, 0.2, 3)
        return checks.compared("y₂ − y₁", (ys[2] - ys[1])[0], 4 / 21, mistakes, 1e-8)

    def solved():
        ys = newton(X, with_0, h, 3)
        r = [y - with_0 - h * X((with_0 + y) / 2) for y in ys]
        sizes = [np.linalg.norm(a, axis=-1).max() for a in r]
        told = "‖r‖ is " + ", ".join(f"{size:.0e}" for size in sizes[:6])
        if len(ys) > 11:
            told += f": stop when it is ≤ 1e-12, and not after {len(ys)} iterates"
            return dnn.Check("number", len(ys), 11, told)
        told += ": go on to 1e-12, for all states; and x is the start of the step"
        return dnn.Check("residual", sizes[-1], 2e-12, told)

    def predictions():
        sphere = dnn.SpherePreservingField.random(3, 8, bias=1.0, rng=seed)
        pendulum = dnn.systems.pendulum()
        on_it = x[0] / np.linalg.norm(x[0], axis=-1, keepdims=True)

        def kept(field, I, y, method=method):
            path = dnn.Rollout(dnn.Flow(field, 0.5, method), 10)(y)
            drift = np.abs(I(path) - I(y)[..., None]).max()
            return drift < 1e-9, f"it changes by {drift:.1e}"

        y2 = {"step": lambda self, *of: self.iterates(*of)[:3][-1]}
        stopped = type("Stopped", (type(method),), y2)()
        decay = dnn.KnownField(lambda x: -1e3 * x, 1, lambda x: 0 * x[..., None] - 1e3)
        ys = method.iterates(decay, np.ones(1), 1.0)
        y1, y = ys[1][0], ys[-1][0]
        facts = {
            "a": kept(sphere, dnn.SquaredNorm(), on_it),
            "b": kept(sphere, dnn.SquaredNorm(), on_it, stopped),
            "c": kept(pendulum, pendulum.invariants["energy"], np.array([1.0, 0.0])),
            "d": (abs(y) < 1, f"x becomes {y:.4f} x"),
            "e": (abs(y) < 0.1, f"x becomes {y:.4f} x"),
            "f": (abs(y1 - y) < 1e-12, f"y₁ is {y1:.4f} x, y is {y:.4f} x"),
        }
        return checks.predicted("predictions", method.predictions(), facts)

    def pulled():
        return method.vjp(square, two, 0.16)[1](np.ones(1))

    def of_x():
        gap = np.abs(method.vjp(X, x, h)[0] - method.step(X, x, h)).max()
        if not gap < 1e-11:
            return dnn.Check("value", gap, 1e-11, "vjp and step give different values")
        mistakes = {
            "dx is μ and x's share in m: here it is μ, or w and that share": 5 / 3,
            "x stands outside of X, too: the term μ is missing": 2 / 3,
            "the ½ of m = ½(x + y) is missing in x's share": 3,
            "the factor h is missing in x's share": 35 / 6,
            "dx is w: x's share is missing, or negative, or the sign in K is wrong": 1,
            "w is pulled back, and not μ": 31 / 15,
            "nothing is solved": 1.4,
            "K is applied: Kᵀμ = w is to be solved": 0.84,
            "the ½ of m = ½(x + y) is missing in K": 7,
            "the ½ is missing in K and in x's share, or m is x + y": 9,
            "K has X′(x): it is at m": 1.4 / 0.68,
            "K has X′(y): it is at m": 1.4 / 0.52,
            "x's share is by the pullback at x: it is at m": 2.2,
            "x's share is by the pullback at y: it is at m": 1.48 / 0.6,
            "all is at x: it is at m": 1.32 / 0.68,
            "all is at y: it is at m": 1.48 / 0.52,
        }
        return checks.compared("dx", pulled()[0][0], 7 / 3, mistakes, 1e-9)

    def of_states():
        dx = method.vjp(shear, z, 1.0)[1](z)[0]
        mistakes = {"K is not transposed: Kᵀμ = w": np.outer([1, 2, 3], [2.5, 2.25])}
        return checks.compared("dx", dx, np.outer([1, 2, 3], [2, 3]), mistakes, 1e-9)

    def of_theta():
        y, back = dnn.ImplicitMidpoint().vjp(X, x, h)
        right = back(w)[1]
        mistakes = {
            "it is w that is pulled back: it is μ": X.vjp((x + y) / 2)[1](h * w)[1],
            "it is hμ that is pulled back: a factor h is missing": right / h,
            "a factor ½ too many: θ does not stand in m": right / 2,
            "a mean over the 8 states instead of a sum": right / 8,
        }
        dtheta = method.vjp(X, x, h)[1](w)[1]
        return checks.compared("dθ", dtheta, right, mistakes, 1e-9)

    def of_h():
        mistakes = {
            "it is ⟨w, X(m)⟩: h stands in y, too, so μ stands for w": 6.25,
            "it is ⟨dx, X(m)⟩: it is with μ": 175 / 12,
            "one factor h too many": 5 / 3,
            "it is with X(x): X stands at m": 20 / 3,
            "it is with X(y): X stands at m": 15,
        }
        return checks.compared("dh", pulled()[2], 125 / 12, mistakes, 1e-9)

    flow = dnn.Flow(X, h, method, learn_h=True)
    return [
        Question("1.1 the first iterate, ẋ = x²", first),
        Question("1.2 the first iterate, two states", two_states, after="1.1"),
        Question("1.3 the second iterate, ẋ = x²", second, after="1.2"),
        Question("1.4 the equation is solved, two axes", solved, after="1.3"),
        Question("2.1 predictions", predictions, after="1.4"),
        Question("3.1 dx, ẋ = x²", of_x, after="1.4"),
        Question("3.2 dx, three states", of_states, after="3.1"),
        Question("3.3 dθ, two axes", of_theta, after="3.2"),
        Question("3.4 dh, ẋ = x²", of_h, after="3.2"),
        Question("3.5 adjoint", lambda: checks.adjoint(flow, x), after=("3.3", "3.4")),
    ]


# %% [markdown]
# ## A picture to predict
#
# **Before you run it:** (left) a pendulum takes a step of $h = 1$. Sketch $\|r(y_k)\|$
# for your iterates, and for $y_{k+1} = x + h\,X(\frac12(x + y_k))$, on a logarithmic
# axis. (right) $\dot x = -\lambda x$, $x = 1$: sketch the $y$ of one step against
# $h\lambda$ from 0 to 10, yours and the explicit midpoint rule's. Where does it go,
# and where should it?
#
# `picture(MyMidpoint())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/8_implicit_midpoint.py`, once task 1 is right.


# %%
def picture(method):
    """What was predicted: how fast Newton's method is, and where a long step goes."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    X, x = dnn.systems.pendulum(), np.array([[1.0, 0.5]])
    plain = [x]
    for _ in range(10):
        plain.append(x + X((x + plain[-1]) / 2))
    z = np.linspace(0, 10, 51)  # hλ, with h = 1
    decay = dnn.KnownField(
        lambda x: -z * x, 51, lambda x: np.broadcast_to(np.diag(-z), (*x.shape, 51))
    )
    with plt.style.context(plotting.STYLE):
        _, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5))
        for name, ys in (
            ("Newton, yours", method.iterates(X, x, 1.0)),
            ("plain iteration", plain),
        ):
            r = [np.linalg.norm(y - x - X((x + y) / 2)) for y in ys]
            left.semilogy(np.maximum(r, 1e-17), "o-", label=name)
        left.set(xlabel="iterate $k$", ylabel=r"$\|r(y_k)\|$", ylim=(1e-17, 3))
        right.plot(z, np.exp(-z), "k:", label="exact")
        one = np.ones((1, 51))
        right.plot(z, method.step(decay, one, 1.0)[0], label="implicit, yours")
        right.plot(z, dnn.ExplicitMidpoint().step(decay, one, 1.0)[0], label="explicit")
        right.set(xlabel=r"$h\lambda$", ylabel="$y$ after one step", ylim=(-1.2, 2))
        left.legend()
        right.legend()
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(MyMidpoint())).exit()
