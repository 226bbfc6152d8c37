# %% [markdown]
# # Lab 7. Störmer and Verlet's method
#
# A Hamiltonian $H(q, p) = T(p) + V(q)$ gives $\dot q = f(p) = \nabla T(p)$,
# $\dot p = g(q) = -\nabla V(q)$: a `PartitionedField`, with maps `field.f` and
# `field.g`, whose states $z = (q, p)$ `field.split(z)` cuts into $q$ and $p$ (and
# `np.concatenate([q, p], axis=-1)` joins). A step is a kick, a drift and a kick,
# $$p^{1/2} = p + \tfrac h2\,g(q), \qquad q^+ = q + h\,f(p^{1/2}), \qquad
# p^+ = p^{1/2} + \tfrac h2\,g(q^+).$$
#
# 1. Write `step`. Why is it symplectic, whatever $T$ and $V$ are?
# 2. Predict, before you run anything. The pendulum ($T = p^2/2$, $V = -\cos q$) starts
#    from $(q, p) = (1, 0)$; $\rho(q, p) = (q, -p)$ turns the velocity round. Which of
#    these are true?
#    - a: After 200 steps of Euler's method with $h = 0.2$ it has more energy.
#    - b: 200 steps of this method with $h = 0.2$ keep the energy to rounding.
#    - c: Its largest energy error over 200 steps is at most twice that over 40.
#    - d: With $h = 0.1$, to the same time, the largest energy error is about a quarter.
#    - e: $\rho\,\Psi^h\rho\,\Psi^h = I$: with the velocity turned round it goes back.
#    - f: This is so for $T(p) = p^2/2 + p$, too.
# 3. Write `inverse`, for all $f$ and $g$: from $z^+$ back to $z$.
# 4. Write `vjp`: $\Psi^h(z)$ and the pullback
#    $w \mapsto (\mathrm dz, \mathrm d\theta, \mathrm dh)$, the last a number,
#    $\langle w, \partial\Psi/\partial h\rangle$. `field.f.vjp(p)` gives $f(p)$ and its
#    own pullback; `field.pack(f=…, g=…)` makes $\mathrm d\theta$ of the two parts. Go
#    back through the last kick first. What does $w$ become on the way?
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question, symplectic


# %%
class MyVerlet(dnn.Method):
    """A kick of h/2, a drift of h, a kick of h/2."""

    order = 2

    def step(self, field, z, h):
        # q, p = field.split(z)
        raise NotImplementedError("Task 1: write the step (q, p) ↦ (q⁺, p⁺)")

    def predictions(self):
        # return "af", if these two are true
        raise NotImplementedError("Task 2: which of a, b, c, d, e, f are true?")

    def inverse(self, field, z, h):
        raise NotImplementedError("Task 3: write the inverse of a step")

    def vjp(self, field, z, h):
        raise NotImplementedError("Task 4: write the adjoint of a step")


# %%
class Square(dnn.Map):
    """a y², with one parameter a."""

    dim_in = dim_out = 1

    def __init__(self, a):
        self.own(a=np.array([a]))

    def __call__(self, y):
        return self.a * y**2

    def vjp(self, y):
        return self(y), lambda w: (2 * self.a * y * w, np.array([(w * y**2).sum()]))


def questions(method, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    X = dnn.PartitionedField.random(4, 5, bias=1.0, rng=rng)
    forces = dnn.PartitionedField.random(4, 5, gradient=True, rng=rng)
    z, h = rng.normal(size=(2, 3, 4)), 0.4
    flow, steps = dnn.Flow(X, h, method, learn_h=True), dnn.Flow(forces, h, method)
    # f(p) = p², g(q) = ½q² and h = 4: from (1, 2) to p½ = 3, q⁺ = 37, p⁺ = 1372
    squares = dnn.PartitionedField(Square(1.0), Square(0.5))
    start = np.array([1.0, 2.0])

    def value():
        mistakes = {
            "the first kick is missing": (17, 291),
            "the last kick is missing": (37, 3),
            "the first kick is by h/2: here it is by h": (65, 4229),
            "the last kick is by h/2: here it is by h": (37, 2741),
            "both kicks are half ones, by h/2": (65, 8454),
            "the factor h of the kicks is missing": (21.25, 115.140625),
            "the kicks have the wrong sign: g is −∇V": (5, -24),
            "the first kick has the wrong sign": (5, 26),
            "the last kick has the wrong sign": (37, -1366),
            "the last kick is at q⁺: here it is at the old q": (37, 4),
            "p⁺ is p½ and a kick: here it is p and a kick": (37, 1371),
            "p⁺ is p½ and a kick: here p½ is missing": (37, 1369),
            "q⁺ is q and a drift: here q is missing": (36, 1299),
            "the drift is by h: here it is by h/2": (19, 364),
            "the factor h of the drift is missing": (10, 103),
            "the drift is by f(p½): here it is by f(p)": (17, 292),
            "the drift is by f(p½): here it is by p½": (13, 172),
            "the drift is by f(p½): here it is by f(q)": (5, 28),
            "f and g are exchanged: q moves by f, p by g": (33, 2182),
            "q and p are exchanged: q stands first": (1372, 37),
            "it is symplectic Euler: one whole kick, and a drift": (65, 4),
            "it is drift, kick, drift, as good, and another method": (53801, 164),
            "it is Euler's method": (17, 4),
        }
        y = method.step(squares, start, 4.0)
        return checks.compared("value", y, [37, 1372], mistakes)

    def of_a_batch():
        alone = [[method.step(X, state, h) for state in row] for row in z]
        gap = np.abs(method.step(X, z, h) - alone).max()
        return dnn.Check("batch", gap, 1e-12, "a state has another value than alone")

    def predictions():
        start, rho = np.array([1.0, 0.0]), np.array([1.0, -1.0])
        pendulum = dnn.systems.pendulum()
        H = pendulum.invariants["energy"]

        def errors(h, n, method=method):
            return H(dnn.Rollout(dnn.Flow(pendulum, h, method), n)(start)) - H(start)

        def returns(field):
            there = method.step(field, start + 0.5, h)
            back = rho * method.step(field, rho * there, h)
            gap = np.abs(back - start - 0.5).max()
            return gap < 1e-12, f"the state is missed by {gap:.1e}"

        gain, of = errors(0.2, 200, dnn.Euler())[-1], np.abs(errors(0.2, 200))
        most, early, finer = of.max(), of[:40].max(), np.abs(errors(0.1, 400)).max()
        windy = dnn.PartitionedField(dnn.KnownField(lambda p: p + 1, 1), pendulum.g)
        facts = {
            "a": (gain > 0.01, f"the energy changes by {gain:.3g}"),
            "b": (most < 1e-10, f"the error is up to {most:.1e}"),
            "c": (most < 2 * early, f"over 40 steps {early:.2e}, over 200 {most:.2e}"),
            "d": (3.5 < most / finer < 4.5, f"{most:.2e} becomes {finer:.2e}"),
            "e": returns(pendulum),
            "f": returns(windy),
        }
        return checks.predicted("predictions", method.predictions(), facts)

    def inverse():
        mistakes = {
            "it is the step itself: each shear is to be undone": (37, 1372),
            "it is ρΨ^hρ, which is the inverse only if f(−p) = −f(p)": (5, -24),
            "it turns the velocity round, too: ρ once more": (5, 24),
            "the drift is undone, but not the kicks: p⁺ = p + ½hg(q)": (-35, 1228),
            "the kicks are undone, but not the drift: q⁺ = q + hf(p)": (5, -24),
            "the last kick is not undone, but made again": (-35, -1222),
            "the first kick is not undone, but made again": (-3, 10),
            "the last kick is not undone": (-15, -223),
            "the first kick is not undone": (-3, 1),
            "the kicks are by h/2: here they are by h": (1, -2),
            "the drift is undone before the last kick": (-15, -448),
            "the drift is undone by f at p⁺, and not at p½": (-15, -224),
            "both kicks are undone at q⁺: the first one was at q": (-3, 0),
        }
        found = method.inverse(squares, start, 4.0)
        return checks.compared("inverse", found, [-3, -8], mistakes)

    def inverse_of_all():
        found = method.inverse(X, method.step(X, z, h), h)
        return checks.compared("inverse", found, z)

    def pulled():
        return method.vjp(squares, start, 4.0)[1](np.array([2.0, 1.0]))

    def of_z():
        gap = np.abs(method.vjp(X, z[0], h)[0] - method.step(X, z[0], h)).max()
        if not gap < 1e-12:
            return dnn.Check("value", gap, 1e-12, "vjp and step give different values")
        mistakes = {
            "it is w: what the three of them owe is missing": (2, 1),
            "what the last kick owes to q⁺ is missing": (100, 49),
            "what the drift owes to p½ is missing": (78, 1),
            "what the first kick owes to q is missing": (76, 1825),
            "the order is wrong: back through the last kick first": (7182, 97),
            "the last kick is at q⁺: its pullback is at q": (198, 97),
            "the drift is at p½: its pullback is at p": (2510, 1217),
            "w changes on the way back: the drift has the old one": (174, 49),
            "w changes on the way back: the first kick has the old one": (78, 1825),
            "w changes on the way back: here all have the old one": (78, 49),
            "a drift keeps p: the term w of p is missing": (3724, 1824),
            "a kick keeps q: the term w of q is missing": (3628, 1777),
            "the kicks are by h/2: here they are by h": (14554, 3601),
            "the last kick is by h/2: here it is by h": (7352, 3601),
            "the first kick is by h/2: here it is by h": (7376, 1825),
            "the factors h are missing": (82.5, 124),
            "the factor h of the drift is missing": (990, 457),
            "the sign of what each of them owes is wrong": (-3530, 1729),
            "the sign of what the first kick owes is wrong": (-3574, 1825),
        }
        return checks.compared("dz", pulled()[0], [3726, 1825], mistakes)

    def of_theta():
        mistakes = {
            "the first kick's share is missing: g is called twice": (2736, 2738),
            "the last kick's share is missing: g is called twice": (2736, 3650),
            "g is called twice: a sum, and not a mean": (2736, 3194),
            "the drift's share, the gradient of f, is missing": (0, 6388),
            "the factors h are missing": (684, 1597),
            "the gradients of f and g are exchanged": (6388, 2736),
        }
        return checks.compared("dθ", pulled()[1], [2736, 6388], mistakes)

    def of_h():
        mistakes = {
            "the kicks are by h/2, and their share is a half": 2281,
            "the last kick's share is a half of ⟨w, g⟩: here it is all": 1824.75,
            "the first kick's share is a half of ⟨w, g⟩: here it is all": 1938.75,
            "the first kick's share is missing": 1026.25,
            "the last kick's share is missing": 1140.25,
            "the drift's share is missing": 798.5,
            "the kicks' share is missing": 684,
            "w changes on the way back: the drift has the old one": 816.5,
            "w changes on the way back: the first kick has the old one": 1026.5,
            "w changes on the way back: here all have the old one": 360.5,
            "it is ⟨w, X(z)⟩, that of Euler's method": 8.5,
        }
        return checks.compared("dh", pulled()[2], 1482.5, mistakes)

    return [
        Question("1.1 value, with f(p) = p², g(q) = ½q²", value),
        Question("1.2 value, two batch axes", of_a_batch, after="1.1"),
        Question("1.3 symplectic", lambda: symplectic(steps, z[0], 1e-6), after="1.2"),
        Question("2.1 predictions", predictions, after="1.2"),
        Question("3.1 inverse, with f(p) = p², g(q) = ½q²", inverse, after="1.2"),
        Question("3.2 inverse, two batch axes", inverse_of_all, after="3.1"),
        Question("4.1 dz, with f(p) = p², g(q) = ½q²", of_z, after="1.2"),
        Question("4.2 dθ, with f(p) = ap², g(q) = bq²", of_theta, after="4.1"),
        Question("4.3 dh", of_h, after="4.1"),
        Question("4.4 adjoint", lambda: checks.adjoint(flow, z), after=("4.2", "4.3")),
    ]


# %% [markdown]
# ## A picture to predict
#
# The pendulum starts from $(q, p) = (1, 0)$ and goes to $t = 40$, about six swings.
# **Before you run it:** sketch the path of Euler's method and of yours, both with
# $h = 0.2$, in the plane $(q, p)$. Then sketch the error of the energy against time,
# Euler's, yours, and yours with $h = 0.1$. Does it grow, stay, or come back?
#
# `picture(MyVerlet())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/7_stormer_verlet.py`, once question 1.1 is right.


# %%
def picture(method):
    """What was predicted: paths of a pendulum, and their energy."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    pendulum, start = dnn.systems.pendulum(), np.array([[1.0, 0.0]])
    runs = [("Euler", dnn.Euler(), 0.2), ("yours", method, 0.2), ("yours", method, 0.1)]
    with plt.style.context(plotting.STYLE):
        _, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5))
        plotting.phase_portrait(
            pendulum, (-3.5, 3.5), (-2.7, 2.7), left, 0.5, color="0.85"
        )
        for (name, m, h), colour, width in zip(runs, ("C1", "C0", "C2"), (2, 4, 1.5)):
            n = round(40 / h)
            states = dnn.Rollout(dnn.Flow(pendulum, h, m), n)(start)
            states = np.concatenate([start[:, None], states], axis=1)
            look = {"color": colour, "label": f"{name}, $h = {h}$", "linewidth": width}
            plotting.trajectories(states, left, **look)
            energy, t = pendulum.invariants["energy"], h * np.arange(n + 1)
            plotting.invariant_drift(energy, states, t, right, **look)
        left.set(xlabel="$q$", ylabel="$p$", xlim=(-3.5, 3.5), ylim=(-2.7, 2.7))
        right.set(xlabel="time $t$", ylabel="error of the energy", ylim=(1e-6, 1e4))
        right.legend(loc="upper right")
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(MyVerlet())).exit()
