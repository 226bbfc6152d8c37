# %% [markdown]
# # Lab 9. Cayley's step
#
# $\dot x = Sx$ with $S^\top = -S$ turns $x$ on its sphere, since $x^\top Sx = 0$.
# Euler's step $x + hSx$ leaves the sphere. Cayley's step does not,
# $$x^+ = (I - \tfrac h2S)^{-1}(I + \tfrac h2S)\,x, \qquad\text{that is}\qquad
# x^+ - x = \tfrac h2S(x + x^+).$$
# (Multiply the second form by $(x + x^+)^\top$.) Here $Sx = a \times x$ with
# $a = Wp + c$. The state is $(x, p)$, six numbers, and the step keeps $p$: so each
# state of a batch has a matrix of its own, `self.S(p)`, shape (…, 3, 3).
#
# 1. Write the value, for any number of batch axes in front. `np.split(z, 2, axis=-1)`
#    gives $x$ and $p$; `np.linalg.solve(M, r[..., None])[..., 0]` solves one system for
#    each state.
# 2. Predict, before you run anything: $x \perp a$, and $\|x\|$ after $n$ steps of
#    Euler's method is how many times $\|x\|$ before? Write `euler_growth`.
# 3. Write the inverse. It is a step, too: which one?
# 4. Write `vjp`. With $u = (I - \frac h2S)^{-\top}w$, one solve with the transposed
#    matrix,
#    $$\langle w, \mathrm dx^+\rangle = \langle u,\ (I + \tfrac h2S)\,\mathrm dx +
#    \tfrac h2\,\mathrm da \times (x + x^+)\rangle,$$
#    and $\langle u, \mathrm da \times y\rangle = \langle \mathrm da, y \times u\rangle$
#    (`np.cross`). From the covector at $a = Wp + c$ go on to $p$, $W$ and $c$; what
#    comes in at $p^+ = p$ joins. `self.pack(W=…, c=…)` makes one array of the two, each
#    summed over all batch axes.
# 5. Now let $S$ depend on $x$ itself: $p = x$ before each step. Predict which of these
#    remain true of $x \mapsto x^+$, and set `kept`: (a) $\|x\|$ is kept; (b) volume is
#    kept; (c) your inverse, with $p = x^+$, leads back.
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
class CayleyStep(dnn.Map):
    """(x, p) ↦ (x⁺, p), x⁺ = (I − hS/2)⁻¹(I + hS/2)x, Sx = a × x, a = Wp + c."""

    dim_in = dim_out = 6
    kept = None  # Task 5: replace None by letters, such as "ac"

    def __init__(self, h=0.4, rng=0):
        self.h, normal = h, np.random.default_rng(rng).normal
        self.own(W=normal(size=(3, 3)), c=normal(size=3))

    def S(self, p):
        """The matrices with S(p)x = a × x, shape (..., 3, 3)."""
        a = p @ self.W.T + self.c
        return np.cross(np.eye(3), a[..., None, :])

    def __call__(self, z):
        raise NotImplementedError("Task 1: write (x, p) ↦ (x⁺, p)")

    def euler_growth(self, a, n):
        raise NotImplementedError("Task 2: write ‖x_n‖/‖x_0‖ from self.h, a and n")

    def inverse(self, z):
        raise NotImplementedError("Task 3: write the inverse")

    def vjp(self, z):
        raise NotImplementedError("Task 4: write the pullback")


# %%
def questions(Answer, seed=0):
    """What is asked of an answer, a class."""
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=(6, 6)), rng.normal(size=6)
    x, p, grid = z[:, :3], z[:, 3:], z.reshape(2, 3, 6)

    def norm(F, z, steps=100):
        return checks.invariant(F, lambda z: (z[..., :3] ** 2).sum(axis=-1), z, steps)

    def value():  # of a = (0, 0, a) it is known what x₁ + ix₂ is multiplied by
        states = [[1, 0, 2, 0, 0, 2.5], [1, 2, 3, 5, 0, 0], [1, 2, 3, 0, 0, 0]]
        needed = [[0.6, 0.8, 2, 0, 0, 2.5], [1, -3, 2, 5, 0, 0], [1, 2, 3, 0, 0, 0]]
        factors = {
            "that is Euler's step x + hSx": 1 + 1j,
            "that is (I + hS/2)x: the solve is missing": 1 + 0.5j,
            "that is (I − hS/2)⁻¹x: the factor I + hS/2 is missing": 1 / (1 - 0.5j),
            "multiplied by I − hS/2, where a system is to be solved": 1.25,
            "turned backwards: a sign, or the two factors exchanged": 0.6 - 0.8j,
            "h stands where h/2 belongs": 1j,
            "h stands where h/2 belongs, in the product alone": 0.4 + 1.2j,
            "h stands where h/2 belongs, in the solve alone": 0.25 + 0.75j,
            "x stays: is it x⁺, do two signs cancel, or is S made of x, not of p?": 1,
        }
        mistakes = {s: [c.real, c.imag, *needed[0][2:]] for s, c in factors.items()}
        F, G, states = Answer(0.4), Answer(1.0), np.array(states)
        F.W, F.c, G.W, G.c = np.eye(3), 0.0, 0.4 * np.eye(3), 0.0  # ha is the same
        check = norm(F, states, 1)
        if not np.isfinite(check.measured):  # no array, or not for a batch
            return check
        first = checks.compared("value", F(states)[0], needed[0], mistakes, 1e-12)
        others = checks.compared("value", F(states)[1:], needed[1:], {}, 1e-12)
        for_h = checks.compared("value", G(states), needed, {}, 1e-12)
        for_h.detail = "right for h = 0.4, and not for h = 1: take self.h"
        return next((c for c in (first, others) if not c.passed), for_h)

    def two_axes():
        F = Answer(0.4)
        return checks.value(F, grid, F(z).reshape(grid.shape))

    def growth():
        F, (a, v) = Answer(0.3), p[:2]
        length = np.linalg.norm(a)

        def grown(a, n=20):  # by Euler's method itself
            y = start = np.cross(a, v)
            for _ in range(n):
                y = y + F.h * np.cross(a, y)
            return np.linalg.norm(y) / np.linalg.norm(start)

        true = grown(a)
        mistakes = {
            "that is what is true of Cayley's step, not of Euler's": 1,
            "that is the growth of ‖x‖²": true**2,
            "1 + h|a| a step is a bound; but hSx ⟂ x": (1 + F.h * length) ** 20,
            "it depends on |a|, too": grown(a / length),
            "h/2 is Cayley's, Euler's step has h": grown(a / 2),
            "h stands where h² belongs": grown(a / F.h**0.5),
            "|a| stands where |a|² belongs": grown(a / length**0.5),
            "that is a sum: in n steps factors multiply": 1 + 10 * (F.h * length) ** 2,
        }
        return checks.compared("growth", F.euler_growth(a.copy(), 20), true, mistakes)

    def inverse():
        F = Answer(0.4)
        check = checks.inverse(F, z)
        if not np.isfinite(check.measured):
            return check
        x_back, p_back = np.split(F.inverse(F(z)), 2, axis=-1)
        if not np.allclose(p_back, p):
            check.finding = "p does not come back"
        elif not np.allclose((x_back**2).sum(axis=-1), (x * x).sum(axis=-1)):
            check.finding = "x comes back with another length: a Cayley step keeps it"
        return check

    def pulled(F, w):  # dx, dp and dW, dc of one state
        dz, dtheta = F.vjp(z[:1])[1](w[None])
        return *np.split(dz[0], 2), *(F.unpack(dtheta)[name] for name in ("W", "c"))

    def in_x():
        F, w_x = Answer(0.4), w[:3]
        check = checks.adjoint(F, z)
        if not np.isfinite(check.measured):  # no pair of arrays, or kept on self
            return check

        units = np.concatenate([np.eye(3), [p[0]] * 3], axis=-1)
        C, C_2h = (Answer(h)(units)[:, :3].T for h in (0.4, 0.8))  # x⁺ = Cx
        mistakes = {
            "dx is w: is only one of the two matrices transposed?": w_x,
            "neither of the two matrices is transposed": C @ w_x,
            "the sign is wrong": -C.T @ w_x,
            "dx is u: the factor (I + hS/2)ᵀ is missing": (w_x + C.T @ w_x) / 2,
            "the solve is missing": 2 * np.linalg.solve(np.eye(3) + C, w_x),
            "h stands where h/2 belongs": C_2h.T @ w_x,
        }
        dx = pulled(F, np.append(w_x, 0 * w_x))[0]
        return checks.compared("dx", dx, C.T @ w_x, mistakes)

    def slopes_in_p(F, w):  # of ⟨w, F⟩ at one state, by differences
        steps = 1e-6 * np.concatenate([np.eye(3), -np.eye(3)])
        J = F(np.concatenate([[x[0]] * 6, p[0] + steps], axis=-1)) @ w
        return (J[:3] - J[3:]) / 2e-6

    def in_a():
        F, w_x = Answer(0.4), np.append(w[:3], [0, 0, 0])
        F.W, F.c = np.eye(3), 0.0  # so that a = p
        true, (dx, _, _, da) = slopes_in_p(F, w_x), pulled(F, w_x)
        y, zero = F(z[:1])[0, :3], "it is zero, but x⁺ depends on a, through S"
        mistakes = {zero: 0 * da, "the sign is wrong": -true}
        mistakes |= {"h in place of h/2": 2 * true, "a factor h is missing": true / F.h}
        mistakes |= {"the factor h/2 is missing": 2 * true / F.h}
        others = {"x": x[0], "x⁺": y, "w": w[:3], "dx": dx}
        mistakes |= {  # a product is orthogonal to its factors
            f"a product with {s}, and not of x + x⁺ with u": da - (da @ v) / (v @ v) * v
            for s, v in others.items()
            if da.any()
        }
        return checks.compared("dc", da, true, mistakes, 1e-8)

    def all_gradients(states):
        F = Answer(0.4)
        check = checks.adjoint(F, states)
        if check.passed or not np.isfinite(check.measured):
            return check
        _, dp, dW, da = pulled(F, w)
        true, w_p = slopes_in_p(F, w), w[3:]
        mistakes = {
            "w_p is missing: p⁺ = p, so what comes in at p⁺ joins": true - w_p,
            "it is w_p alone, but x⁺ depends on p, too": w_p,
            "W stands where Wᵀ belongs": F.W @ da + w_p,
            "Wᵀ is missing": da + w_p,
        }
        if np.allclose(dW, np.outer(da, x[0])):
            check.finding = "dW: W multiplies p, not x"
        of_p = checks.compared("dp", dp, true, mistakes, 1e-6)
        of_p.detail = f"dp: {of_p.detail}"
        return check if of_p.passed else of_p

    def kept():
        F = Answer(0.4)

        def G(x):
            return F(np.concatenate([x, x], axis=-1))[..., :3]

        y = G(x)
        back = F.inverse(np.concatenate([y, y], axis=-1))[:, :3]
        length = np.abs(np.linalg.norm(y, axis=-1) / np.linalg.norm(x, axis=-1) - 1)
        length, det = length.max(), checks.volume(G, x).measured
        missed = np.abs(back - x).max()
        facts = {
            "a": (length < 1e-6, f"‖x‖ changes by up to {length:.1e} of it"),
            "b": (det < 1e-6, f"det is not 1, but up to {det:.1e} off"),
            "c": (missed < 1e-6, f"the way back misses x by up to {missed:.1e}"),
        }
        return checks.predicted("kept", F.kept, facts)

    return [
        Question("1.1 value, three angles", value),
        Question("1.2 ‖x‖ over 100 steps", lambda: norm(Answer(0.4), z), after="1.1"),
        Question("1.3 two batch axes, as with one", two_axes, after="1.1"),
        Question("2.1 growth of Euler's ‖x‖", growth),
        Question("3.1 inverse", inverse, after="1.1"),
        Question("4.1 dx of one state", in_x, after="1.1"),
        Question("4.2 dc of one state, the covector at a", in_a, after="4.1"),
        Question("4.3 adjoint in x, p, W, c", lambda: all_gradients(z), after="4.2"),
        Question(
            "4.4 two batch axes", lambda: all_gradients(grid), after=("1.3", "4.3")
        ),
        Question("5.1 p = x: what is kept", kept, after=("1.2", "3.1")),
    ]


# %% [markdown]
# ## A picture to predict
#
# $x \perp a$ and $h\|a\| = 2\pi/10$: the exact solution is round its circle in ten
# steps. **Before you run it:** sketch where it is after each step, and where Euler's
# method and Cayley's step are. Where does each stand after ten?
#
# `picture(CayleyStep)` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/9_cayleys_step.py`, once question 1.1 is right.


# %%
def picture(Answer):
    """What was predicted: ten steps around a circle, seen along a."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    F, turns = Answer(1.0), np.linspace(0, 2 * np.pi, 201)
    F.W, F.c = 0.0, [0.0, 0.0, 2 * np.pi / 10]
    euler, yours = [np.eye(3)[0]], [np.eye(6)[:1]]
    for _ in range(10):
        euler.append(euler[-1] + F.S(np.zeros(3)) @ euler[-1])
        yours.append(F(yours[-1]))
    x, y = np.array(euler), np.concatenate(yours)
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(8, 7))
        exact = {"color": "0.6", "marker": "o", "markersize": 13, "fillstyle": "none"}
        ax.plot(np.cos(turns), np.sin(turns), markevery=20, **exact, label="exact")
        ax.plot(y[:, 0], y[:, 1], "o", label="Cayley, yours")
        ax.plot(x[:, 0], x[:, 1], "o-", linewidth=1, label="Euler")
        arrow = {"arrowstyle": "->"}
        ax.annotate("after ten steps", y[-1, :2], (1.4, -0.6), arrowprops=arrow)
        ax.set(xlim=(-2.7, 3.2), ylim=(-2.7, 2.7), aspect="equal")
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
        ax.legend(loc="upper right")
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(CayleyStep)).exit()
