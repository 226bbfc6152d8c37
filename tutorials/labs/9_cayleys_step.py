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
# 1. Write the value, for any number of batch axes in front.
#    `np.linalg.solve(M, r[..., None])[..., 0]` solves one system for each state.
# 2. Predict, before you run anything: $x \perp a$, and $\|x\|$ after $n$ steps of
#    Euler's method is how many times $\|x\|$ before? Write `euler_growth`.
# 3. Write the inverse. It is a step, too: which one?
# 4. Write `vjp`. With $u = (I - \frac h2S)^{-\top}w$, one solve with the transposed
#    matrix,
#    $$\langle w, \mathrm dx^+\rangle = \langle u,\ (I + \tfrac h2S)\,\mathrm dx +
#    \tfrac h2\,\mathrm da \times (x + x^+)\rangle,$$
#    and $\langle u, \mathrm da \times y\rangle = \langle \mathrm da, y \times u\rangle$
#    (`np.cross`). From the covector at $a = Wp + c$ go on to $p$, $W$ and $c$.
# 5. Now let $S$ depend on $x$ itself: $p = x$ before each step. Predict which of these
#    three remain true of $x \mapsto x^+$: norm, $\|x\|$ is kept; volume is kept;
#    inverse, yours with $p = x^+$ leads back. Set `kept`.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Check, Question


# %%
class CayleyStep(dnn.Map):
    """(x, p) ↦ (x⁺, p), x⁺ = (I − hS/2)⁻¹(I + hS/2)x, Sx = a × x, a = Wp + c."""

    dim_in = dim_out = 6
    kept = None  # Task 5: replace None by a set out of {"norm", "volume", "inverse"}

    def __init__(self, h=0.4, rng=0):
        self.h, normal = h, np.random.default_rng(rng).normal
        self.own(W=normal(size=(3, 3)), c=normal(size=3))

    def S(self, p):
        """The matrices with S(p)x = a × x, shape (..., 3, 3)."""
        a = p @ self.W.T + self.c
        return np.cross(np.eye(3), a[..., None, :])

    def __call__(self, z):
        # x, p = np.split(z, 2, axis=-1)
        raise NotImplementedError("Task 1: write (x, p) ↦ (x⁺, p)")

    def euler_growth(self, a, n):
        raise NotImplementedError("Task 2: write ‖x_n‖/‖x_0‖ from self.h, a and n")

    def inverse(self, z):
        raise NotImplementedError("Task 3: write the inverse")

    def vjp(self, z):
        raise NotImplementedError("Task 4: write the pullback")


# %%
class Half(dnn.Map):
    """x ↦ x⁺ for one p, or p ↦ x⁺ for one x, or x ↦ x⁺ with p = x."""

    dim_in = dim_out = 3

    def __init__(self, F, x=None, p=None):
        self._F, self.h, self._x, self._p = F, F.h, x, p
        self.part = slice(3) if x is None else slice(3, 6)

    def states(self, y):
        x, p = (y if z is None else 0 * y + z for z in (self._x, self._p))
        return np.concatenate([x, p], axis=-1)

    def __call__(self, y):
        return self._F(self.states(y))[..., :3]

    def vjp(self, y):
        z, pullback = self._F.vjp(self.states(y))

        def back(w):
            dz, _ = pullback(np.concatenate([w, 0 * w], axis=-1))
            return dz[..., self.part], np.zeros(0)

        return z[..., :3], back


def near(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-8, atol=1e-10)


def named(check, mistakes):
    """The check; if it failed, with the words of the first mistake that is true."""
    said = [words for words, true in mistakes if true]
    if said and not check.passed:
        check.detail = said[0]
    return check


def questions(Answer, seed=0):
    """What is asked of an answer, a class."""
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=(6, 6)), rng.normal(size=3)
    x, p = z[:, :3], z[:, 3:]

    def with_a_equal_to_p(h=0.4):
        F = Answer(h)
        F.W, F.c = np.eye(3), 0.0
        return F

    def value():
        F = with_a_equal_to_p()
        states = [[1, 0, 2, 0, 0, 2.5], [1, 2, 3, 5, 0, 0], [1, 2, 3, 0, 0, 0]]
        needed = [[0.6, 0.8, 2, 0, 0, 2.5], [1, -3, 2, 5, 0, 0], [1, 2, 3, 0, 0, 0]]
        alone = norm(F, states)  # is it right that there is a batch?
        if not np.isfinite(alone.measured):
            alone.detail = alone.detail.replace("I(x_n)", "x⁺")
            return alone
        check = checks.value(F, np.array(states), needed)
        if check.passed:  # ha/2 is the same for h = 1 and a shorter a
            shorter = np.array(states) / [1, 1, 1, 2.5, 2.5, 2.5]
            again = with_a_equal_to_p(1.0)(shorter)[:, :3]
            if not near(again, np.array(needed)[:, :3]):
                said = "right for h = 0.4, and not for h = 1: take self.h"
                return Check("value", np.inf, 0.0, said)
        if check.passed or not np.isfinite(check.measured):
            return check
        first = F(np.array(states[:1]))[0]
        of_first = [
            ("that is Euler's step x + hSx", 1, 1),
            ("that is (I + hS/2)x: the solve is missing", 1, 0.5),
            ("that is (I − hS/2)⁻¹x: the factor I + hS/2 is missing", 0.8, 0.4),
            ("that is (I − hS)⁻¹x, the implicit Euler step", 0.5, 0.5),
            ("multiplied by I − hS/2, where a system is to be solved", 1.25, 0),
            ("turned backwards: a sign, or the two factors exchanged", 0.6, -0.8),
            ("h stands where h/2 belongs", 0, 1),
            ("a factor h is missing: S/2 where hS/2 belongs", -9 / 41, 40 / 41),
            ("that is the exact flow exp(hS)x", np.cos(1), np.sin(1)),
        ]
        found = [
            (f"{words}; {check.detail}", near(first[:2], (a, b)))
            for words, a, b in of_first
        ]
        not_kept = "p is not kept: the last three numbers of the state stay as they are"
        return named(check, [(not_kept, not near(first[3:], states[0][3:])), *found])

    def norm(F, z):
        return checks.invariant(F, lambda z: (z[..., :3] ** 2).sum(axis=-1), z)

    def two_axes():
        F, grid = Answer(0.4), z.reshape(2, 3, 6)
        check = checks.value(F, grid, F(z).reshape(grid.shape))
        check.detail = (
            f"not that of the same states with one batch axis: {check.detail}"
        )
        return check

    def growth():
        F, n = Answer(0.3), 20
        a, v = p[:2]
        y = start = np.cross(a, v)
        found = F.euler_growth(a.copy(), n)
        if not isinstance(found, float | int | np.number | np.ndarray) or np.ndim(
            found
        ):
            said = f"the growth is one number, got {found!r}"
            return Check("growth", np.inf, 0.0, said)
        for _ in range(n):
            y = y + F.h * np.cross(a, y)
        true = np.linalg.norm(y) / np.linalg.norm(start)
        ha = F.h * np.linalg.norm(a)
        said = f"{found:.6g} is claimed, {n} steps grow by {true:.6g}"
        mistakes = [
            ("that is what is true of Cayley's step, not of Euler's", 1),
            ("that is the growth of ‖x‖²", true**2),
            ("that is the growth in one step", true ** (1 / n)),
            ("that is the growth of ‖x‖² in one step", true ** (2 / n)),
            ("1 + h|a| a step is a bound; but hSx ⟂ x", (1 + ha) ** n),
            ("it depends on |a|, too", (1 + F.h**2) ** (n / 2)),
            ("growths are multiplied, not added", 1 + n * (np.hypot(1, ha) - 1)),
        ]
        check = Check("growth", abs(found / true - 1), 1e-12, said)
        return named(check, [(f"{m}: {said}", near(found, g)) for m, g in mistakes])

    def inverse():
        F = Answer(0.4)
        check = checks.inverse(F, z)
        if check.passed or not np.isfinite(check.measured):
            return check
        x_back = F.inverse(F(z))[:, :3]
        mistakes = [
            ("p does not come back", not near(F.inverse(F(z))[:, 3:], p)),
            ("that is the step itself, forwards", near(F.inverse(z), F(z))),
            (
                "x comes back with another length: a Cayley step keeps it",
                not near(*(np.linalg.norm(y, axis=-1) for y in (x_back, x))),
            ),
            ("x keeps its length, and is turned wrongly: look at h and at S", True),
        ]
        return named(check, mistakes)

    def in_x():
        X = Half(Answer(0.4), p=p[0])
        check = checks.adjoint(X, x)
        if check.passed or not np.isfinite(check.measured):
            return check
        dx = X.vjp(x[:1])[1](w[None])[0][0]
        J, J_1, J_2 = (Half(Answer(h), p=p[0])(np.eye(3)).T for h in (0.4, 1.0, 0.8))
        M = np.eye(3) - 0.2 * X._F.S(p[0])
        mistakes = [
            (
                "dx is w itself: is only one of the two matrices transposed? both are, "
                "in the solve and in the product",
                near(dx, w),
            ),
            ("neither of the two matrices is transposed", near(dx, J @ w)),
            ("dx is (I + hS/2)ᵀw: the solve is missing", near(dx, M @ w)),
            ("a factor h is missing: S/2 where hS/2 belongs", near(dx, J_1.T @ w)),
            ("h stands where h/2 belongs", near(dx, J_2.T @ w)),
            ("dx is u: the factor (I + hS/2)ᵀ is missing", near(M.T @ dx, w)),
        ]
        return named(check, mistakes)

    def in_a():
        A = Half(with_a_equal_to_p(), x=x[0])
        check = checks.adjoint(A, p)
        if check.passed or not np.isfinite(check.measured):
            return check
        da = A.vjp(p[:1])[1](w[None])[0][0]
        y = A(p[:1])[0]
        dx = Half(A._F, p=p[0]).vjp(x[:1])[1](w[None])[0][0]

        M = np.eye(3) - 0.2 * A._F.S(p[0])
        S_bar = 0.2 * np.outer(np.linalg.solve(M.T, w), x[0] + y)
        i, j = [2, 0, 1], [1, 2, 0]
        one_entry = near(da, S_bar[i, j]) or near(da, -S_bar[j, i])

        def across(v):  # whether da is a product with v
            return abs(da @ v) <= 1e-8 * np.linalg.norm(da) * np.linalg.norm(v)

        mistakes = [
            ("it is zero, but x⁺ depends on p, through S", not da.any()),
            ("x stands where x + x⁺ belongs", across(x[0])),
            ("x⁺ stands where x + x⁺ belongs", across(y)),
            ("x⁺ − x stands where x + x⁺ belongs", across(y - x[0])),
            ("w stands where u belongs", across(w)),
            ("dx stands where u belongs", across(dx)),
            ("each a_k stands in two entries of S, with two signs", one_entry),
        ]
        check = named(check, mistakes)
        check.detail = f"the covector at a (at p, with W = I, c = 0): {check.detail}"
        return check

    def all_gradients(states):
        F = Answer(0.4)
        check = checks.adjoint(F, states)
        if check.passed or not np.isfinite(check.measured):
            return check
        _, pullback = F.vjp(z[:1])
        only_p = np.concatenate([0 * w, w])
        dz, dtheta = pullback(np.concatenate([w, 0 * w])[None])
        dz_p, _ = pullback(only_p[None])
        dW, dc = (F.unpack(dtheta)[name] for name in ("W", "c"))
        mistakes = [
            (
                "w = (0, w_p) does not come back as it is: p⁺ = p, so what comes in at "
                "p⁺ joins the covector at p",
                not near(dz_p[0], only_p),
            ),
            (
                "the covector at p is W times that at a, and should be Wᵀ times it",
                near(dz[0, 3:], F.W @ dc) and not near(F.W @ dc, dc @ F.W),
            ),
            ("the covector at p is that at a: Wᵀ is missing", near(dz[0, 3:], dc)),
            ("W multiplies p, not x", near(dW, np.outer(dc, z[0, :3]))),
        ]
        return named(check, mistakes)

    def kept():
        F = Answer(0.4)
        if F.kept is None:
            raise NotImplementedError("Task 5: set kept")
        words = {"norm", "volume", "inverse"}
        several = isinstance(F.kept, set | frozenset | list | tuple)
        if not several or not words.issuperset(F.kept):
            said = f"kept is a set out of norm, volume, inverse, got {F.kept!r}"
            return Check("kept", np.inf, 0.0, said)
        G = Half(F)
        x_new = G(x)
        back = F.inverse(np.concatenate([x_new, x_new], axis=-1))[:, :3]
        norms = [np.linalg.norm(y, axis=-1) for y in (x_new, x)]
        found = {
            "norm": np.abs(norms[0] - norms[1]).max(),
            "volume": np.abs(np.linalg.det(jacobian(G, x)) - 1).max(),
            "inverse": np.abs(back - x).max(),
        }
        wrong = [word for word in found if (found[word] < 1e-6) != (word in F.kept)]
        said = ", ".join(f"{word} is off by {found[word]:.1e}" for word in wrong)
        return Check("kept", len(wrong), 0, f"with p = x, {said}")

    def jacobian(G, x):
        columns = [(G(x + e) - G(x - e)) / 2e-5 for e in 1e-5 * np.eye(3)]
        return np.stack(columns, axis=-1)

    return [
        Question("1.1 value, three angles", value),
        Question("1.2 ‖x‖ over 100 steps", lambda: norm(Answer(0.4), z), after="1.1"),
        Question("1.3 value, two batch axes", two_axes, after="1.1"),
        Question("2.1 growth of Euler's ‖x‖", growth),
        Question("3.1 inverse", inverse, after="1.1"),
        Question("4.1 adjoint in x, for one p", in_x, after="1.1"),
        Question("4.2 covector at a, for one x", in_a, after="4.1"),
        Question("4.3 adjoint in x, p, W, c", lambda: all_gradients(z), after="4.2"),
        Question(
            "4.4 adjoint, two batch axes",
            lambda: all_gradients(z.reshape(2, 3, 6)),
            after=("1.3", "4.3"),
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
