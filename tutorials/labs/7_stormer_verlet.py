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
import copy

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question


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


def shears(*parts):
    """A method of kicks ("g", c) and drifts ("f", c), each of length c h."""
    return type("Shears", (dnn.StormerVerlet,), {"shears": parts})()


def turned(z):
    """ρ(q, p) = (q, −p)."""
    q, p = np.split(z, 2, axis=-1)
    return np.concatenate([q, -p], axis=-1)


def joined(a, b):
    """q of the one state and p of the other."""
    return np.concatenate([np.split(a, 2, -1)[0], np.split(b, 2, -1)[1]], axis=-1)


def questions(method, seed=0):
    """What is asked of an answer."""
    rng = np.random.default_rng(seed)
    X = dnn.PartitionedField.random(4, 5, bias=1.0, rng=rng)
    gradients = dnn.PartitionedField.random(4, 5, gradient=True, rng=rng)
    pendulum = dnn.systems.pendulum()
    z, w, h = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4)), 0.4
    G, kick, unkick = ("g", 0.5), ("g", 1), ("g", -0.5)  # half a kick, a whole one, …
    F, undrift = ("f", 1), ("f", -1)

    def value():
        def after(*parts, field=X, at=z[0]):
            return shears(*parts).step(field, at, h)

        right, kicked, fg = after(G, F, G), after(G), dnn.PartitionedField(X.g, X.f)
        first = kicked - z[0]
        by_p = joined(kicked + h * np.roll(kicked, 2, axis=-1), kicked)
        mistakes = {
            "the first kick is missing": after(F, G),
            "the last kick is missing": after(G, F),
            "the last kick is at q⁺: here it is at the old q": after(G, F) + first,
            "p⁺ is p½ and a kick: here it is p and a kick": right - first,
            "both kicks are half ones, by h/2": after(kick, F, kick),
            "the kicks have the wrong sign: g is −∇V": after(unkick, F, unkick),
            "the factor h of the kicks is missing": after(
                ("g", 0.5 / h), F, ("g", 0.5 / h)
            ),
            "the drift is by f(p½): here it is by f(p)": after(F, G) + first,
            "the drift is by f(p½): here it is by p½": after(G, at=by_p),
            "the drift has the wrong sign": after(G, undrift, G),
            "the drift is of h: here it is of h/2": after(G, ("f", 0.5), G),
            "the factor h of the drift is missing": after(G, ("f", 1 / h), G),
            "f and g are exchanged: q moves by f, p by g": after(G, F, G, field=fg),
            "q and p are exchanged: q stands first": np.roll(right, 2, axis=-1),
            "it is symplectic Euler: one whole kick, and a drift": after(kick, F),
            "it is symplectic Euler: a drift, and one whole kick": after(F, kick),
            "it is drift, kick, drift, which is as good, and another method": after(
                ("f", 0.5), kick, ("f", 0.5)
            ),
            "it is Euler's method": z[0] + h * X(z[0]),
        }
        return compared("value", method.step(X, z[0], h), right, mistakes)

    def of_a_batch():
        rows = z.reshape(-1, 4)
        alone = np.reshape([method.step(X, state, h) for state in rows], z.shape)
        gap = np.abs(method.step(X, z, h) - alone).max()
        return dnn.Check("batch", gap, 1e-12, "a state has another value than alone")

    def order():
        return checks.order(method, pendulum, [1.0, 0.5], finest=128)

    def symplectic():
        return checks.symplectic(dnn.Flow(gradients, h, method), z[0], limit=1e-6)

    def predictions():
        start, H = np.array([1.0, 0.0]), pendulum.invariants["energy"]

        def errors(h, n, method=method):
            return H(dnn.Rollout(dnn.Flow(pendulum, h, method), n)(start)) - H(start)

        def returns(field):
            there = method.step(field, start + 0.5, h)
            back = turned(method.step(field, turned(there), h))
            gap = np.abs(back - start - 0.5).max()
            return gap < 1e-12, f"the state is missed by {gap:.1e}"

        gain, of = errors(0.2, 200, dnn.Euler())[-1], np.abs(errors(0.2, 200))
        finer = np.abs(errors(0.1, 400)).max()
        windy = dnn.PartitionedField(dnn.KnownField(lambda p: p + 1, 1), pendulum.g)
        facts = {
            "a": (gain > 0.01, f"the energy changes by {gain:.3g}"),
            "b": (of.max() < 1e-10, f"the error is up to {of.max():.1e}"),
            "c": (
                of.max() < 2 * of[:40].max(),
                f"it is {of[:40].max():.2e} after 40 steps, {of.max():.2e} after 200",
            ),
            "d": (
                3.5 < of.max() / finer < 4.5,
                f"{of.max():.2e} becomes {finer:.2e}, as of a method of order two",
            ),
            "e": returns(pendulum),
            "f": returns(windy),
        }
        return judged(method.predictions(), facts)

    def inverse(field, states):
        there = method.step(field, states, h)

        def back(*parts):
            return shears(*parts).step(field, there, h)

        mirror = turned(method.step(field, turned(there), h))
        at_the_end = joined(back(undrift), back(undrift, unkick, unkick))
        mistakes = {
            "it is ρΨ^hρ, which is the inverse only if f(−p) = −f(p)": mirror,
            "it turns the velocity round, too: ρ once more": turned(states),
            "it is the step itself: each shear is to be undone": back(G, F, G),
            "the kicks are not undone: p⁺ = p + ½hg(q)": back(G, undrift, G),
            "the drift is not undone: q⁺ = q + hf(p)": back(unkick, F, unkick),
            "the drift is undone by f at p⁺: undo the last kick first": at_the_end,
            "the kicks are of h/2: here they are of h": back(
                ("g", -1), undrift, ("g", -1)
            ),
            "one of the kicks is not undone": back(unkick, undrift),
        }
        return compared("inverse", method.inverse(field, there, h), states, mistakes)

    def pullbacks():
        """Those of the kick, the drift and the kick, at their own states, and at z."""
        half, drift = shears(("g", 1), ("f", 0)), shears(("g", 0), F)
        at, back, old = z[0], [], []
        for shear, c in ((half, h / 2), (drift, h), (half, h / 2)):
            old.append(shear.vjp(X, z[0], c)[1])
            at, pullback = shear.vjp(X, at, c)
            back.append(pullback)
        return back, old

    def through(*back):
        """dz, and the dθ and dh of each, after these pullbacks, one after the other."""
        dz, dthetas, dhs = w, [], []
        for pullback in back:
            dz, dtheta, dh = pullback(dz)
            dthetas.append(dtheta)
            dhs.append(dh)
        return dz, np.array(dthetas), np.array(dhs)

    def scaled(c, pullback):
        """That of a shear which is c times as long."""
        return lambda w: (w + c * (pullback(w)[0] - w), *pullback(w)[1:])

    def of_z():
        y, pullback = method.vjp(X, z[0], h)
        gap = np.abs(y - method.step(X, z[0], h)).max()
        if not gap < 1e-12:
            return dnn.Check("value", gap, 1e-12, "vjp and step give different values")
        (first, drift, last), (_, drift_at_p, last_at_q) = pullbacks()
        back = last, drift, first
        mistakes = {
            "it is w: what the three of them owe is missing": (),
            "what the last kick owes to q⁺ is missing": (drift, first),
            "what the drift owes to p½ is missing": (last, first),
            "what the first kick owes to q is missing": (last, drift),
            "the order is wrong: back through the last kick first": back[::-1],
            "the last kick is at q⁺: its pullback is at q": (last_at_q, drift, first),
            "the drift is at p½: its pullback is at p": (last, drift_at_p, first),
            "the kicks are of h/2: here they are of h": (
                scaled(2, last),
                drift,
                scaled(2, first),
            ),
            "the factors h are missing": [scaled(1 / h, b) for b in back],
            "the sign of what each of them owes is wrong": [
                scaled(-1, b) for b in back
            ],
        }
        found = {words: through(*backs)[0] for words, backs in mistakes.items()}
        right = through(*back)[0]
        found["q and p are exchanged: q stands first"] = np.roll(right, 2, axis=-1)
        return compared("dz", pullback(w)[0], right, found)

    def of_theta():
        last, drift, first = through(*pullbacks()[0][::-1])[1]
        right = first + drift + last
        mistakes = {
            "the first kick's share is missing: g is called twice": last + drift,
            "the last kick's share is missing: g is called twice": first + drift,
            "g is called twice: a sum, and not a mean": (first + last) / 2 + drift,
            "the drift's share, the gradient of f, is missing": first + last,
            "the gradient of g is missing": drift,
            "the kicks are of h/2: here they are of h": 2 * (first + last) + drift,
            "the factors h are missing": right / h,
            "the gradients of f and g are exchanged": np.roll(right, right.size // 2),
            "a mean over the batch of 3 instead of a sum": right / 3,
        }
        return compared("dθ", method.vjp(X, z[0], h)[1](w)[1], right, mistakes)

    def of_h():
        last, drift, first = through(*pullbacks()[0][::-1])[2]
        right, at_the_end = (first + last) / 2 + drift, method.step(X, z[0], h) - z[0]
        mistakes = {
            "the kicks are of h/2, and their share is a half": first + drift + last,
            "the first kick's share is missing": last / 2 + drift,
            "the last kick's share is missing": first / 2 + drift,
            "the drift's share is missing": (first + last) / 2,
            "the kicks' share is missing": drift,
            "w changes on the way back: here it is the w of the end throughout": (
                (w * at_the_end).sum() / h
            ),
            "one factor h too many": right * h,
            "the sign is wrong": -right,
            "it is zero": 0.0,
            "a mean over the batch of 3 instead of a sum": right / 3,
        }
        return compared("dh", method.vjp(X, z[0], h)[1](w)[2], right, mistakes)

    flow = dnn.Flow(copy.deepcopy(X), h, method, steps=3, learn_h=True)
    return [
        Question("1.1 value", value),
        Question("1.2 value, two batch axes", of_a_batch, after="1.1"),
        Question("1.3 order two, on a pendulum", order, after="1.2"),
        Question("1.4 symplectic", symplectic, after="1.2"),
        Question("2.1 predictions", predictions, after="1.2"),
        Question(
            "3.1 inverse, of a pendulum's step",
            lambda: inverse(pendulum, z[..., :2]),
            after="1.2",
        ),
        Question("3.2 inverse, f(−p) ≠ −f(p)", lambda: inverse(X, z), after="3.1"),
        Question("4.1 dz", of_z, after="1.2"),
        Question("4.2 dθ", of_theta, after="4.1"),
        Question("4.3 dh", of_h, after="4.1"),
        Question(
            "4.4 adjoint, three steps, two axes",
            lambda: checks.adjoint(flow, z),
            after=("4.2", "4.3"),
        ),
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
