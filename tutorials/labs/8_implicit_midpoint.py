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
import copy

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
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
def compared(what, found, right, mistakes, limit=1e-10):
    """A check of what was found; mistakes: words → what each of them leads to."""
    found, right = np.asarray(found), np.asarray(right)
    size = np.linalg.norm(right)
    error = np.linalg.norm(found - right) / size
    alike = [
        words
        for words, wrong in mistakes.items()
        if np.linalg.norm(found - wrong) < 1e-5 * size
    ]
    said, needed = (np.array2string(a.ravel()[:4], precision=4) for a in (found, right))
    told = ", or ".join(alike) or f"it is {said}, needed is {needed}"
    return dnn.Check(what, error, limit, told)


def judged(said, facts):
    """A check of predictions; facts: letter → (whether it is true, what was seen)."""
    if not isinstance(said, str | set | list | tuple):
        told = f'predictions() returns letters, as "af", got {said!r}'
        return dnn.Check("predictions", np.inf, 0, told)
    said = {str(letter).lower() for letter in said}
    wrong = [letter for letter, (true, _) in facts.items() if (letter in said) != true]
    told = [f"{k} is {str(facts[k][0]).lower()}: {facts[k][1]}" for k in wrong]
    return dnn.Check("predictions", len(wrong), 0, "".join(told[:1]))


def solved(K, r):
    """K⁻¹r, for all states."""
    return np.linalg.solve(K, r[..., None])[..., 0]


def questions(method, seed=0):
    """What is asked of an answer."""
    rng, h, eye = np.random.default_rng(seed), 0.4, np.eye(3)
    X = dnn.ResidualField.random(3, 8, bias=1.0, rng=rng)
    x, w = rng.normal(size=(2, 4, 3)), rng.normal(size=(4, 3))
    centred = copy.deepcopy(X)  # without a bias: X(0) = 0, and the state 0 stays
    centred.b, with_0 = 0.0, np.concatenate([np.zeros((1, 4, 3)), x])
    x.flags.writeable = with_0.flags.writeable = False
    B = 0.7 * rng.normal(size=(3, 3))
    linear = dnn.KnownField(
        lambda x: x @ B.T, 3, lambda x: np.broadcast_to(B, (*x.shape, 3))
    )

    def newton(field, x, least):
        calls = []

        def counted(x):
            calls.append(x)
            if len(calls) > 500:
                raise RecursionError
            return field(x)

        try:
            limited = dnn.KnownField(counted, 3, field.jacobian)
            with np.errstate(all="ignore"):
                ys = method.iterates(limited, x, h)
        except RecursionError:
            words = (
                "500 values of X, and ‖r‖ ≤ 1e-12 is not reached: look at K and at r"
            )
            raise ArithmeticError(words) from None
        if not isinstance(ys, list | tuple | np.ndarray):
            raise TypeError(
                f"iterates returns a list of arrays, got {type(ys).__name__}"
            )
        needed = "the iterates are y₀ = x, y₁, … until ‖r‖ ≤ 1e-12 for all states"
        if len(ys) < least:
            raise ValueError(f"{needed}; these are only {len(ys)}")
        if ys[0] is ys[1]:
            raise ValueError("all are one array: write y = y − …, not y −= …")
        if np.shape(ys[0]) != x.shape or not np.array_equal(ys[0], x):
            raise ValueError(f"{needed}; the first of these is not x")
        if np.shape(ys[1]) != x.shape:
            raise ValueError(
                f"y₁ has shape {np.shape(ys[1])}, and x {x.shape}: solve takes "
                "r[..., None] for a batch, and [..., 0] takes the axis off again"
            )
        return ys

    def first():
        x3 = x[0, :3]
        r = -h * linear(x3)

        def after(K, r=r):
            return x3 - solved(np.broadcast_to(K, (3, 3, 3)), r)

        K = eye - h / 2 * B
        mistakes = {
            "K = I − hX′: is a ½ missing, from ∂m/∂y = ½": after(eye - h * B),
            "r has X at y, and not at m: implicit Euler": after(eye - h * B),
            "the sign in K is wrong: it is I + ½hX′": after(eye + h / 2 * B),
            "h is missing in K: it is I − ½X′": after(eye - B / 2),
            "K is transposed": after(K.T),
            "K is missing: y ← x + hX(m) is no Newton's method": after(eye),
            "the identity is missing in K = ∂r/∂y": after(-h / 2 * B),
            "one ½ too many in K: it is I − ¼hX′": after(eye - h / 4 * B),
            "I is np.eye(d): here 1 is added to each entry of K": after(1 - h / 2 * B),
            "h is missing in r": after(K, r / h),
            "m is ½(x + y): here it is x + y": after(K, 2 * r),
            "m is ½(x + y): here it is x + y, in K, too": after(eye - h * B, 2 * r),
            "one ½ too many in r = y − x − hX(m)": after(K, r / 2),
            "x is missing in r = y − x − hX(m)": after(K, r + x3),
            "the correction has the wrong sign, y − K⁻¹r, or r has": after(K, -r),
            "r is multiplied by K: the system is to be solved": x3 - r @ K.T,
            "r is multiplied by Kᵀ: the system is to be solved": x3 - r @ K,
        }
        return compared("y₁", newton(linear, x3, 2)[1], after(K), mistakes)

    def second():
        y1, y2 = newton(X, x[0], 3)[1:3]
        m1 = (x[0] + y1) / 2

        def correction(slope, at_K):
            return -solved(eye - h / 2 * X.jacobian(at_K), y1 - x[0] - h * slope)

        trapezoidal, once = (X(x[0]) + X(y1)) / 2, "K has X′(x), once and for all"
        mistakes = {
            f"{once}: here it is ∂r/∂y at y_k": correction(X(m1), x[0]),
            "K has X′ at y_k, and r has X at m": correction(X(m1), y1),
            "r has X at y_k, and not at m: implicit Euler": correction(X(y1), m1),
            "r has X at y_k, and K has X′ there: they are at m": correction(X(y1), y1),
            "r has X at x: it does not see y_k": correction(X(x[0]), m1),
            "r has X(x), and K has X′(x): they are at m": correction(X(x[0]), x[0]),
            "it is the trapezoidal rule, with (X(x) + X(y))/2": correction(
                trapezoidal, y1
            ),
        }
        right = correction(X(m1), m1)
        return compared("y₂ − y₁", y2 - y1, right, mistakes, 1e-8)

    def residuals():
        ys = newton(centred, with_0, 3)
        residuals = [y - with_0 - h * centred((with_0 + y) / 2) for y in ys]
        return [np.linalg.norm(r, axis=-1).max() for r in residuals]

    def residual():
        sizes = residuals()
        fell = ", ".join(f"{size:.0e}" for size in sizes[:6])
        falls = "go on until it is at most 1e-12, for all states"
        if sizes[-1] > min(sizes):
            falls = "it does not go on falling: r has x, the start of the step, and y_k"
        return dnn.Check("residual", sizes[-1], 2e-12, f"‖r‖ is {fell}: {falls}")

    def number():
        sizes = residuals()
        enough = 1 + sum(size > 1e-12 for size in sizes)
        told = f"{len(sizes)} iterates: stop when ‖r‖ ≤ 1e-12, here after {enough}"
        return dnn.Check("number", len(sizes), 11, told)

    def order():
        return checks.order(method, dnn.systems.pendulum(), [1.0, 0.5], finest=8)

    def predictions():
        sphere = dnn.SpherePreservingField.random(3, 8, bias=1.0, rng=seed)
        pendulum = dnn.systems.pendulum()
        on_it = x[0] / np.linalg.norm(x[0], axis=-1, keepdims=True)

        def kept(field, I, y, step):
            start, values = I(y), []
            for _ in range(10):
                y = step(field, y, 0.5)
                values.append(I(y))
            drift = np.abs(values - start).max()
            return drift < 1e-9, f"it changes by {drift:.1e}"

        decay = dnn.KnownField(
            lambda x: -1000 * x, 1, lambda x: np.full((*x.shape, 1), -1000.0)
        )
        y = method.step(decay, np.ones(1), 1.0)[0]
        y1 = method.iterates(decay, np.ones(1), 1.0)[1][0]
        norm, energy = dnn.SquaredNorm(), pendulum.invariants["energy"]
        facts = {
            "a": kept(sphere, norm, on_it, method.step),
            "b": kept(sphere, norm, on_it, lambda *of: method.iterates(*of)[:3][-1]),
            "c": kept(pendulum, energy, np.array([1.0, 0.0]), method.step),
            "d": (abs(y) < 1, f"x becomes {y:.4f} x"),
            "e": (abs(y) < 0.1, f"x becomes {y:.4f} x"),
            "f": (abs(y1 - y) < 1e-12, f"y₁ is {y1:.4f} x, y is {y:.4f} x"),
        }
        return judged(method.predictions(), facts)

    def adjoint_at():
        """y, m, X′(m) and μ, as they should be."""
        y = dnn.ImplicitMidpoint().step(X, x[0], h)
        m = (x[0] + y) / 2
        J = X.jacobian(m)
        return y, m, J, solved((eye - h / 2 * J).swapaxes(-1, -2), w)

    def back(J, mu):
        return np.einsum("nij,ni->nj", J, mu)

    def of_x():
        y, pullback = method.vjp(X, x[0], h)
        gap = np.abs(y - method.step(X, x[0], h)).max()
        if not gap < 1e-11:
            return dnn.Check("value", gap, 1e-11, "vjp and step give different values")
        y, m, J, mu = adjoint_at()
        J_x, J_y = X.jacobian(x[0]), X.jacobian(y)

        def with_K(K):
            return solved(K.swapaxes(-1, -2), w)

        def dx(mu, J=J, c=h / 2):
            return mu + c * back(J, mu)

        without_half, at_x, at_y, plus, no_h = (
            with_K(eye + c * A)
            for c, A in ((-h, J), (-h / 2, J_x), (-h / 2, J_y), (h / 2, J), (-1 / 2, J))
        )
        mistakes = {
            "K is not transposed: Kᵀμ = w": dx(solved(eye - h / 2 * J, w)),
            "x stands in m, too: its share ½hX′(m)ᵀμ is missing": mu,
            "x stands outside of X, too: the term μ is missing": dx(mu) - mu,
            "it is w + ½hX′ᵀμ: μ stands in place of w": w + h / 2 * back(J, mu),
            "nothing is solved: it is w + ½hX′ᵀw": dx(w),
            "it is Euler's adjoint, w + hX′ᵀw, at m": dx(w, c=h),
            "the ½ of m = ½(x + y) is missing in the share of x": dx(mu, c=h),
            "the factor h is missing in the share of x": dx(mu, c=1 / 2),
            "dx is w: X is missing, or its share has the wrong sign": w,
            "the ½ is missing in K": dx(without_half),
            "the ½ is missing in K, and in the share of x": dx(without_half, c=h),
            "h is missing in K": dx(no_h),
            "the sign in K is wrong": dx(plus),
            "K has X′(x): it is at m": dx(at_x),
            "K has X′(y): it is at m": dx(at_y),
            "the share of x is by the pullback at x: it is at m": dx(mu, J_x),
            "the share of x is by the pullback at y: it is at m": dx(mu, J_y),
            "all is at x: it is at m": dx(at_x, J_x),
            "all is at y: it is at m": dx(at_y, J_y),
            "K is applied: Kᵀμ = w is to be solved": dx(w - h / 2 * back(J, w)),
        }
        return compared("dx", pullback(w)[0], dx(mu), mistakes, 1e-9)

    def of_theta():
        y, m, J, mu = adjoint_at()

        def theta(mu, at=m):
            return X.vjp(at)[1](h * mu)[1]

        mistakes = {
            "it is μ that is pulled back, and not w": theta(w),
            "it is hμ that is pulled back: a factor h is missing": theta(mu) / h,
            "one factor h too many": theta(mu) * h,
            "a factor ½ too many: θ does not stand in m": theta(mu) / 2,
            "it is at x: X stands at m": theta(mu, x[0]),
            "it is at y: X stands at m": theta(mu, y),
            "K is not transposed: Kᵀμ = w": theta(solved(eye - h / 2 * J, w)),
            "the sign is wrong": -theta(mu),
            "a mean over the batch of 4 instead of a sum": theta(mu) / 4,
        }
        dtheta = method.vjp(X, x[0], h)[1](w)[1]
        return compared("dθ", dtheta, theta(mu), mistakes, 1e-9)

    def of_h():
        y, m, J, mu = adjoint_at()
        right = (mu * X(m)).sum()
        mistakes = {
            "it is ⟨w, X(m)⟩: h stands in y, too, so μ stands for w": (w * X(m)).sum(),
            "it is with X(x): X stands at m": (mu * X(x[0])).sum(),
            "it is with X(y): X stands at m": (mu * X(y)).sum(),
            "one factor h too many": right * h,
            "the sign is wrong": -right,
            "it is zero": 0.0,
            "a mean over the batch of 4 instead of a sum": right / 4,
            "a mean over all 12 entries instead of a sum": right / 12,
        }
        dh = method.vjp(X, x[0], h)[1](w)[2]
        return compared("dh", dh, right, mistakes, 1e-9)

    flow = dnn.Flow(X, h, method, steps=2, learn_h=True)
    return [
        Question("1.1 the first iterate, a linear field", first),
        Question("1.2 the second iterate", second, after="1.1"),
        Question("1.3 the equation is solved, two axes", residual, after="1.2"),
        Question("1.4 ... in at most ten iterations", number, after="1.3"),
        Question("1.5 order two, on a pendulum", order, after="1.4"),
        Question("2.1 predictions", predictions, after="1.4"),
        Question("3.1 dx", of_x, after="1.3"),
        Question("3.2 dθ", of_theta, after="3.1"),
        Question("3.3 dh", of_h, after="3.1"),
        Question(
            "3.4 adjoint, two steps, two axes",
            lambda: checks.adjoint(flow, x),
            after=("3.2", "3.3"),
        ),
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
