# %% [markdown]
# # Lab 16. An implicit step and its adjoint
#
# A step of an implicit method is the solution of a system of equations. Newton's method
# finds it, in a few iterations; its adjoint is one linear system more, however many
# these were.
#
# The method of Radau with two stages, of order three, is made for stiff equations. Each
# stage needs the other,
# $$Y_i = x + h\sum_j a_{ij}\,X(Y_j), \qquad A = \begin{pmatrix} \frac5{12} &
# -\frac1{12} \\ \frac34 & \frac14 \end{pmatrix}, \qquad y = Y_2,$$
# so that both are unknowns of one equation, $r(Y) = 0$,
# $$r_i(Y) = Y_i - x - h\sum_j a_{ij}\,X(Y_j),$$
# and Newton's method solves it, $Y \leftarrow Y - K(Y)^{-1}r(Y)$, $K = \partial
# r/\partial Y$, from $Y = (x, x)$ on.
#
# Here $x$ is one state, of shape (d,), and $Y$ has shape (2, d). `field(Y)`, (2, d),
# has the two slopes, and `field.jacobian(Y)`, (2, d, d), their derivatives. $K$ has
# shape (2d, 2d), its rows and columns in the order of `Y.ravel()`: those of $Y_1$, and
# then those of $Y_2$. `self.A` is $A$.
#
# 1. Write `K`. Which block stands in row $i$ and column $j$?
# 2. Write `stages`: $Y$ with $\|r(Y)\| \le 10^{-11}(1 + \|Y\|)$, and at most 30
#    iterations. `step` is given: the last stage.
# 3. Predict, before you run anything. Which of these are true?
#    - a: For $\dot x = -1000x$ and $h = 1$, one step leaves less than 1 % of $x$.
#    - b: So does a step of the implicit midpoint rule.
#    - c: For a linear field one iteration of Newton's method finds $Y$.
#    - d: A step keeps $\|x\|$, to rounding, if $x^\top X(x) = 0$.
#    - e: $\dot x = -\tanh x$: a step with $h = 5$ moves two states apart, as one of
#      Euler's method does.
# 4. Write `vjp`: $y$ and the pullback
#    $w \mapsto (\mathrm dx, \mathrm d\theta, \mathrm dh)$, the last a number,
#    $\langle w, \partial y/\partial h\rangle$. Differentiate $r(Y) = 0$, and not
#    Newton's iterates. One system is to be solved, $K^\top\mu = (0, w)$: why these, and
#    what are d$x$, d$\theta$ and d$h$ in terms of $\mu = (\mu_1, \mu_2)$?
#    `field.vjp(Y)` gives the slopes, and a pullback that sums d$\theta$ over both
#    stages.
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
class MyRadau(dnn.Method):
    """y = Y₂, Y = x + hA X(Y), by Newton's method."""

    order = 3
    A = np.array([[5 / 12, -1 / 12], [3 / 4, 1 / 4]])

    def K(self, field, Y, h):
        raise NotImplementedError("Task 1: write K = ∂r/∂Y, of shape (2d, 2d)")

    def stages(self, field, x, h):
        raise NotImplementedError(
            "Task 2: write Newton's method for Y, of shape (2, d)"
        )

    def step(self, field, x, h):
        return self.stages(field, x, h)[1]

    def predictions(self):
        # return "de", if these two are true
        raise NotImplementedError("Task 3: which of a, b, c, d, e are true?")

    def vjp(self, field, x, h):
        raise NotImplementedError("Task 4: write the adjoint of a step")


# %%
def questions(method, seed=0):
    """What is asked of an answer."""
    rng, h, d = np.random.default_rng(seed), 0.2, 3
    X = dnn.ResidualField.random(d, 8, bias=1.0, rng=rng)
    x, w, Z = rng.normal(size=d), rng.normal(size=d), rng.normal(size=(2, d))
    stiff = dnn.KnownField(lambda x: -1e3 * x, 1, lambda x: 0 * x[..., None] - 1e3)
    valley = dnn.GradientField(dnn.Dense(1, 1, W=[[1.0]]), dnn.Tanh())
    one = np.ones(1)
    for states in (x, w, Z, one):
        states.flags.writeable = False
    A = np.array([[5 / 12, -1 / 12], [3 / 4, 1 / 4]])

    def solved_slowly(x, h, A=A, slopes=X):
        """Y, by Y ← x + hA X(Y), which converges for small h alone."""
        Y = np.stack([x, x])
        for _ in range(100):
            Y = x + h * A @ slopes(Y)
        return Y

    def along(F, z):
        """dF/dz by complex steps, a row for each entry of z."""
        steps = 1e-100j * np.eye(z.size).reshape(-1, *z.shape)
        return 1e100 * np.array([F(z + step).imag.ravel() for step in steps])

    def matrix():
        """The mistakes are made of what is right, block by block."""
        right = along(lambda Y: Y - x - h * A @ X(Y), Z).T
        I, ratio = np.eye(2 * d), (A.T / A)[:, None, :, None]
        P = (I - right).reshape(2, d, 2, d)

        def flat(P):
            return I - P.reshape(2 * d, 2 * d)

        own, other = (P[:, :, j] / A[:, j, None, None] for j in range(2))
        weights = A[:, None, :, None]
        mistakes = {
            "h is missing": flat(P / h),
            "the sign is wrong, + in place of −": flat(-P),
            "I is missing: it is from the Y in front": right - I,
            "1 stands for I": right - I + np.kron(np.eye(2), np.ones((d, d))),
            "A is transposed": flat(P * ratio),
            "a₁₂ is −1/12, and there it is 1/12": flat(P * np.sign(weights)),
            "the columns of A have changed places": flat(
                P * (A[:, ::-1] / A)[:, None, :, None]
            ),
            "there is one factor h too many": flat(P * h),
            "block ij has X′(Y_i): r_i is differentiated in Y_j": flat(
                P.transpose(2, 1, 0, 3) / ratio
            ),
            "A is transposed, or all of K is, and X′ is not": flat(
                P.transpose(2, 1, 0, 3)
            ),
            "X′ is transposed in each block": flat(P.transpose(0, 3, 2, 1)),
            "X′ is that at Y₁ for both": flat(weights * own[:, :, None]),
            "X′ is that at Y₂ for both": flat(weights * other[:, :, None]),
            "rows and columns are in the order of Y.T.ravel()": flat(P)
            .reshape(2, d, 2, d)
            .transpose(1, 0, 3, 2)
            .reshape(2 * d, 2 * d),
            "reshape alone, (2, 2, d, d) → (2d, 2d), mixes rows: first transpose": (
                right.reshape(2, d, 2, d).transpose(0, 2, 1, 3).reshape(2 * d, 2 * d)
            ),
        }
        return checks.compared("K", method.K(X, Z, h), right, mistakes)

    def stages_of(field, x, h):
        left = iter(range(200))

        def counted(x):
            next(left)
            return field(x)

        Y = left
        try:
            limited = dnn.KnownField(counted, field.dim, field.jacobian)
            Y = method.stages(limited, x, h)
        except StopIteration:
            pass
        told = "200 values of X, and no end: 30 iterations are enough"
        refuse(Y is left, told)
        return Y

    def mild():
        Y, found = solved_slowly(x, h), stages_of(X, x, h)
        refuse(
            np.shape(found) == Y.shape and not np.linalg.norm(found) < 100,
            "Y runs away: is it Y − K⁻¹r, with r in the order of K's rows, r.ravel()?",
        )
        one_iteration = np.stack([x, x])
        K = np.eye(2 * d) - h * np.kron(A, along(lambda x: X(x), x).T)
        r = (one_iteration - x - h * A @ X(one_iteration)).ravel()
        one_iteration = one_iteration - np.linalg.solve(K, r).reshape(2, d)
        mistakes = {
            "A is transposed in r": solved_slowly(x, h, A.T),
            "a₁₂ is −1/12, and in r it is 1/12": solved_slowly(x, h, abs(A)),
            "the columns of A have changed places in r": solved_slowly(
                x, h, A[:, ::-1]
            ),
            "r has X(x), once and for all: X is at the stages": np.stack(
                [x + h * a * X(x) for a in A.sum(axis=1)]
            ),
            "h is missing in r": solved_slowly(x, 1.0),
            "h has the wrong sign in r": solved_slowly(x, -h),
            "stage i has its own slope alone: Σ_j a_ij X(Y_j)": solved_slowly(
                x, h, np.diag(np.diag(A))
            ),
            "it is Y = (x, x), the start": np.stack([x, x]),
            "it is one iteration: go on until ‖r‖ is small": one_iteration,
        }
        return checks.compared("Y", found, Y, mistakes, 1e-9)

    def far():
        """ẋ = −1000x and ẋ = −tanh x: what does not solve with K(Y) does not arrive."""
        sizes = []
        for field, start, h in ((stiff, one, 1.0), (valley, 2 * one, 5.0)):
            with np.errstate(all="ignore"):
                Y = np.array(stages_of(field, start, h))
                r = np.linalg.norm(Y - start - h * A @ field(Y))
                sizes.append(np.nan_to_num(r / (1 + np.linalg.norm(Y)), nan=np.inf))
        told = f"‖r‖/(1 + ‖Y‖) is {sizes[0]:.0e} of ẋ = −1000x, {sizes[1]:.0e} of "
        told += "−tanh x: it falls only with K⁻¹r, K that at Y, and up to 30 iterations"
        return dnn.Check("residual", max(sizes), 1e-9, told)

    def predictions():
        def left(step):
            y = abs(step(stiff, one, 1.0)[0])
            return y < 0.01, f"{100 * y:.1f} % are left"

        linear = dnn.KnownField(lambda x: x @ B.T, 2, lambda x: B + 0 * x[..., None])
        B, start = np.array([[-0.3, 2.0], [-1.0, -0.1]]), np.ones((2, 2))
        r = start - start[0] - A @ linear(start)
        Y = start - np.linalg.solve(method.K(linear, start, 1.0), r.ravel()).reshape(
            2, 2
        )
        off = abs(Y - start[0] - A @ linear(Y)).max()
        sphere = dnn.SpherePreservingField.random(3, 8, bias=1.0, rng=seed)
        drift = abs(np.linalg.norm(method.step(sphere, x, 0.5)) - np.linalg.norm(x))
        ends = [method.step(valley, np.array([a]), 5.0)[0] for a in (0.3, 0.8, 2.0)]
        stretch = max(abs(np.diff(ends) / np.diff([0.3, 0.8, 2.0])))
        facts = {
            "a": left(method.step),
            "b": left(dnn.ImplicitMidpoint().step),
            "c": (off < 1e-12, f"after one iteration ‖r‖ is {off:.0e}"),
            "d": (drift < 1e-9, f"it changes by {drift:.0e}"),
            "e": (stretch > 1, f"distances are multiplied by {stretch:.2f} at most"),
        }
        return checks.predicted("predictions", method.predictions(), facts)

    def pulled():
        y, pullback = method.vjp(X, x, h)
        gap = abs(y - method.step(X, x, h)).max()
        refuse(not gap < 1e-11, f"vjp and step give values that differ by {gap:.0e}")
        return pullback(w)

    def parts():
        Y = solved_slowly(x, h)
        return Y, along(lambda Y: Y - x - h * A @ X(Y), Y).T  # K, by complex steps

    def of_x():
        Y, K = parts()
        right = along(lambda x: solved_slowly(x, h)[1], x) @ w
        zero, b = 0 * w, A[1]

        def with_mu(mu):
            return mu.reshape(2, d).sum(axis=0)

        def solve(K, first, second):
            return np.linalg.solve(K, np.concatenate([first, second]))

        mu = solve(K.T, zero, w)
        mistakes = {
            "K is not transposed: Kᵀμ = (0, w)": with_mu(solve(K, zero, w)),
            "K is applied: Kᵀμ = (0, w) is to be solved": with_mu(
                K.T @ np.concatenate([zero, w])
            ),
            "w stands at both stages: y is Y₂ alone": with_mu(solve(K.T, w, w)),
            "w stands at the first stage: y is Y₂": with_mu(solve(K.T, w, zero)),
            "w is weighted with b: y is Y₂ itself": with_mu(
                solve(K.T, b[0] * w, b[1] * w)
            ),
            "it is μ₂ alone: x stands in both equations": mu[d:],
            "it is μ₁ alone: x stands in both equations": mu[:d],
            "w is there twice: x is in r, and y = Y₂ has no x of its own": right + w,
            "it is w: nothing is solved": w,
            "w is missing: it is w + Σ_i η_i, or Σ_i μ_i": right - w,
            "μ is taken apart as (d, 2): it is (μ₁, μ₂), (2, d)": (
                mu.reshape(d, 2).sum(axis=1)
            ),
            "it is a mean over the stages: a sum": right / 2,
            "K is that at (x, x): it is at the stages": with_mu(
                solve(along(lambda Y: Y - h * A @ X(Y), np.stack([x, x])), zero, w)
            ),
        }
        return checks.compared("dx", pulled()[0], right, mistakes, 1e-9)

    def of_theta():
        Y, K = parts()
        right = dnn.RadauIIA(2).vjp(X, x, h)[1](w)[1]
        mu = np.linalg.solve(K.T, np.concatenate([0 * w, w])).reshape(2, d)
        pullback = X.vjp(Y)[1]
        mistakes = {
            "h is missing": right / h,
            "A is missing: it is Σ_i a_ij μ_i at Y_j": pullback(h * mu)[1],
            "A is not transposed: it is Σ_i a_ij μ_i at Y_j": pullback(h * A @ mu)[1],
            "it is that of the second stage alone: sum over both": (
                X.vjp(Y[1])[1](h * (A.T @ mu)[1])[1]
            ),
            "it is w that is pulled back": pullback(h * A.T @ np.stack([0 * w, w]))[1],
            "the stages have changed places": X.vjp(Y[::-1])[1](h * A.T @ mu)[1],
            "it is pulled back at x: it is at the stages": (
                X.vjp(np.stack([x, x]))[1](h * A.T @ mu)[1]
            ),
        }
        return checks.compared("dθ", pulled()[1], right, mistakes, 1e-9)

    def of_h():
        Y, K = parts()
        right = w @ solved_slowly(x, h + 1e-100j)[1].imag * 1e100
        mu = np.linalg.solve(K.T, np.concatenate([0 * w, w])).reshape(2, d)
        mistakes = {
            "it is ⟨w, Σ_j a_2j X(Y_j)⟩: the stages move with h, too": w
            @ (A @ X(Y))[1],
            "it is ⟨w, X(y)⟩: a step is not the flow": w @ X(Y[1]),
            "A is transposed": (mu * (A.T @ X(Y))).sum(),
            "A is missing": (mu * X(Y)).sum(),
            "one factor h too many": h * right,
            "X is at x: it is at the stages": (mu * (A @ X(np.stack([x, x])))).sum(),
            "it is the first stage's share alone": (mu * (A @ X(Y)))[0].sum(),
            "it is the second stage's share alone": (mu * (A @ X(Y)))[1].sum(),
        }
        return checks.compared("dh", pulled()[2], right, mistakes, 1e-9)

    flow = dnn.Flow(X, h, method, steps=2, learn_h=True)
    return [
        Question("1.1 K, three components", matrix),
        Question("2.1 the stages, a mild field", mild, after="1.1"),
        Question("2.2 the stages, long steps", far, after="2.1"),
        Question("3.1 predictions", predictions, after="2.2"),
        Question("4.1 dx", of_x, after="2.1"),
        Question("4.2 dθ", of_theta, after="4.1"),
        Question("4.3 dh", of_h, after="4.1"),
        Question(
            "4.4 adjoint, two steps",
            lambda: checks.adjoint(flow, x),
            after=("4.2", "4.3"),
        ),
    ]


# %% [markdown]
# ## A picture to predict
#
# **Before you run it:** (left) $\dot x = -\lambda x$, $x = 1$: sketch the $y$ of one
# step against $h\lambda$ from 0 to 10, yours and the implicit midpoint rule's. Where
# do they go, and where should they? (right) A spring in honey, $\dot q = p$,
# $\dot p = -q - 40p$, from $q = 0$, $p = 1$: sketch $p$ in ten steps of $h = 0.5$, of
# both methods.
#
# `picture(MyRadau())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/16_an_implicit_step_and_its_adjoint.py`, once task 2 is
# right.


# %%
def picture(method):
    """What was predicted: where long steps go."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    decay = dnn.KnownField(np.negative, 1, lambda x: 0 * x[..., None] - 1)
    spring = dnn.systems.damped_oscillator(40.0)
    z, t = np.linspace(0.1, 10, 100), np.linspace(0, 5, 11)
    with plt.style.context(plotting.STYLE):
        _, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5))
        left.plot(z, np.exp(-z), ":", color=plotting.shade(1.0), label="exact")
        for name, step in (
            ("yours", method.step),
            ("midpoint", dnn.ImplicitMidpoint().step),
        ):
            left.plot(z, [step(decay, np.ones(1), h)[0] for h in z], label=name)
            states = [np.array([0.0, 1.0])]
            for _ in t[1:]:
                states.append(step(spring, states[-1], 0.5))
            right.plot(t, np.array(states)[:, 1], "o-", label=name)
        left.set(xlabel=r"$h\lambda$", ylabel="$y$ after one step")
        right.set(xlabel="$t$", ylabel="$p$")
        left.legend()
        right.legend()
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(MyRadau())).exit()
