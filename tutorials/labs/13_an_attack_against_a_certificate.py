# %% [markdown]
# # Lab 13. An attack against a certificate
#
# A network gives logits $z(x) \in \mathbb{R}^K$, and the label is the largest. Its
# margin for the label $y$,
# $$m(x) = z_y - \max_{j \ne y} z_j,$$
# is positive where the label is $y$. An attack looks for $\delta$, $\|\delta\| \le
# \varepsilon$, with $m(x + \delta) < 0$: what it finds is a proof that there is one.
# A certificate proves that there is none: if $z$ is $\ell$-Lipschitz, $z_y - z_j$ falls
# by at most $\sqrt2\,\ell\,\|\delta\|$. Both are true, so between them is a gap.
#
# States are rows, (n, d), with labels `y` and radii `eps` of shape (n,).
#
# 1. Write `margin`. Its $j$ are the labels other than $y$, and $y$ need not be the
#    largest.
# 2. Write `project`, the nearest point of the ball $\|\delta\|_2 \le \varepsilon$ for
#    each row. What is already in the ball stays.
# 3. Write `gradient`, $\nabla m(x)$ for each row: `z, pullback = net.vjp(x)`, and the
#    first of the two that `pullback(w)` returns is $z'(x)^\top w$. Which $w$?
# 4. Write `attack`, and return $x + \delta$:
#    $$\delta_0 = 0, \quad \delta_{k+1} = P\Bigl(\delta_k -
#    \frac{2.5\,\varepsilon}{\text{steps}}\,\frac{\nabla m(x + \delta_k)}
#    {\|\nabla m(x + \delta_k)\|}\Bigr).$$
# 5. Write `radius`, the largest that is certain by $\ell$, `net.lipschitz()`, and the
#    margin; 0 where the label is not $y$.
# 6. Predict. The gap is the distance of the nearest other label over the certified
#    radius. With pencil and paper: what is it for the linear networks of two logits
#    with the matrices $\begin{pmatrix}1&0\\0&1\end{pmatrix}$ and
#    $\begin{pmatrix}3&0\\2&0\end{pmatrix}$? Set `linear_gaps`. Then guess it, before
#    you see it, for two trained networks of three layers: one with orthogonal weights,
#    $\ell = 1$, the other without any constraint. Set `guess`; within a factor of 3 is
#    right.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import functools

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.arguments import frozen
from dynsys_nn.checks import Question


# %%
class Attack:
    """Projected gradient descent of the margin, and the radius that it cannot beat."""

    linear_gaps = None  # Task 6: replace None by two numbers
    guess = None  # Task 6: two numbers, (orthogonal weights, no constraint)

    def margin(self, z, y):
        raise NotImplementedError("Task 1: write m, (n, K) and (n,) → (n,)")

    def project(self, delta, eps):
        raise NotImplementedError("Task 2: write the projection, (n, d) → (n, d)")

    def gradient(self, net, x, y):
        raise NotImplementedError("Task 3: write ∇m(x), (n, d) → (n, d)")

    def attack(self, net, x, y, eps, steps=40):
        raise NotImplementedError("Task 4: write the attack, (n, d) → (n, d)")

    def radius(self, net, x, y):
        raise NotImplementedError("Task 5: write the certified radius, → (n,)")


# %%
@functools.cache
def trained():
    """Two moons x and their labels y, and networks of three layers for them: one with
    orthogonal weights, ℓ = 1, and one without any constraint."""
    rng = np.random.default_rng(0)
    x, y = dnn.datasets.moons(60, 0.1, rng=rng)
    fields = [dnn.GradientField.random(6, width=6, rng=rng) for _ in range(3)]
    last = dnn.Dense(2, 6, rng=rng)
    keep = [dnn.Orthogonal(X.A) for X in fields] + [dnn.SpectralBall(last)]
    steps = [dnn.Flow(X, 1.0) for X in fields]
    bounded = dnn.Network(dnn.Lift(6, 2), *steps, last)
    steps = [dnn.Flow(dnn.ResidualField.random(6, 8, rng=rng), 1.0) for _ in range(3)]
    free = dnn.Network(dnn.Lift(6, 2), *steps, dnn.Affine(2, 6, rng=rng))
    fit = functools.partial(dnn.fit, epochs=40, batch_size=60, progress=False, rng=0)
    fit(bounded, dnn.MulticlassHinge(0.5), x, y, dnn.Adam(0.05), constraints=keep)
    fit(free, dnn.SoftmaxCrossEntropy(), x, y, dnn.Adam(0.05))
    return frozen(x), frozen(y), bounded, free


# %%
def questions(answer, seed=0):
    """What is asked of an answer, an object: where margins and radii are known."""
    rng = np.random.default_rng(seed)

    def three_labels():
        """A small network of three labels, states, and labels, some of them wrong."""
        last = dnn.Affine(3, 4, W=2 * rng.normal(size=(3, 4)))
        net = dnn.Network(dnn.Flow(dnn.ResidualField.random(4, 6, rng=rng), 0.5), last)
        x = rng.normal(size=(12, 4))
        return net, frozen(x), frozen((net(x).argmax(axis=1) + np.arange(12) // 9) % 3)

    def margin():
        """z_j = c is the largest of the others, and z_y = c + m."""
        k, m = np.arange(12), rng.uniform(0.2, 2, 12) * (-1) ** np.arange(12)
        y, c = rng.integers(4, size=12), rng.normal(size=12)
        j, z = (y + 1 + k % 3) % 4, c[:, None] - rng.uniform(0.1, 3, size=(12, 4))
        z[k, j], z[k, y] = c, c + m
        top = np.sort(z, axis=1)
        mistakes = {
            "y is among the j, so it is never positive": np.minimum(0, m),
            "y is given, and need not be the largest logit": top[:, 3] - top[:, 2],
            "j is the second largest of all, y or not": z[k, y] - top[:, 2],
            "z_y is 0 in the maximum, and not left out": c + m - np.maximum(0, c),
            "z_y is overwritten before it is used": np.full(12, -np.inf),
            "it is a mean over j, not the largest": c + m - (z.sum(axis=1) - c - m) / 3,
            "it is a sum over j, not the largest": 2 * (c + m) - z.sum(axis=1),
            "it is the smallest of the others": c
            + m
            - np.where(np.arange(4) == y[:, None], 9, z).min(axis=1),
        }
        return checks.compared("m", answer.margin(frozen(z), frozen(y)), m, mistakes)

    def project():
        t, e = np.array([[0, 2, 0.9, 4, 1.2, 0.5]]).T, np.linspace(0.5, 3, 6)[:, None]
        u = rng.normal(size=(6, 3))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        delta, right = t * e * u, np.minimum(t, 1) * e * u + 0.0
        size, whole, sphere = t * e + 1e-99, np.linalg.norm(t * e), e * u * (t > 0)
        mistakes = {
            "what is in the ball moves to the sphere, too": sphere,
            "all moves to the sphere, and δ = 0 is 0/0": np.where(
                t > 0, sphere, np.nan
            ),
            "the norm is squared": delta * np.minimum(1, e / size / size),
            "entries are clipped, as for the maximum norm": np.clip(delta, -e, e),
            "the norm is that of the batch": t * e * u * np.minimum(1, e / whole),
            "a row outside gets length 1, and not ε": np.where(t > 1, u, delta),
            "the factor ε is missing": right / e,
            "max stands where min belongs": delta * np.maximum(1, e / size),
            "upside down: it is ε over the norm": delta * np.minimum(1, size / e),
        }
        found = answer.project(frozen(delta), frozen(e[:, 0]))
        return checks.compared("projection", found, right, mistakes)

    def gradient():
        """By differences of m; if it is wrong, by the w of z′(x)ᵀw that leads to it."""
        net, x, y = three_labels()
        sides = [
            [answer.margin(net(x + s * e), y) for e in np.eye(4)] for s in (1e-6, -1e-6)
        ]
        right = np.subtract(*sides).T / 2e-6
        found = answer.gradient(net, x, y)
        check = checks.compared("∇m", found, right, limit=1e-6)
        if "needed is" in check.detail and np.isfinite(check.measured):
            k = np.linalg.norm(found - right, axis=1).argmax()
            w, left, *_ = np.linalg.lstsq(net.jacobian(x[k]).T, found[k])
            mixed = "it is no z′(x)ᵀw, w of each row: are rows mixed, or was z changed?"
            said = (
                f"in row {k}, y = {y[k]}, it is z′(x)ᵀw with w = {np.round(w, 2) + 0}"
            )
            check.detail = said if left < 1e-9 else mixed
        return check

    def linear():
        """In a linear network the margin falls by ε times its slope at most."""
        W, x = 0.05 * rng.normal(size=(2, 3)), rng.normal(size=(8, 3))
        net, slope = dnn.Affine(2, 3, W=W), np.linalg.norm(W[0] - W[1])
        eps = rng.uniform(0.2, 0.95, 8) * np.abs(net(x) @ [1, -1]) / slope
        x, y, eps = map(frozen, (x, net(x).argmax(axis=1), eps))
        found = np.asarray(answer.attack(net, x, y, eps))
        ratio = (np.linalg.norm(found - x, axis=1) / eps).max()
        if ratio > 1 + 1e-9:
            said = f"‖δ‖ is up to {ratio:.4g} ε: project δ after each step"
            if (np.linalg.norm(found, axis=1) <= 1.0001 * eps).all():
                said = "‖x + δ‖ ≤ ε: it is δ that lies in the ball, or x is missing"
            return checks.Check("ball", ratio, 1, said)

        def part(k, z):
            ends = (answer.margin(net(a), y[k]) for a in (x[k], z))
            return np.subtract(*ends) / eps[k] / slope

        found, k = part(slice(None), found), [0]
        alone = part(k, answer.attack(net, x[k], y[k], eps[k])) > 0.99
        signs = np.abs(W[0] - W[1]).sum() / 3**0.5 / slope
        mistakes = {
            "the margin grows: go down": np.full(8, -1.0),
            "∇m is not divided by ‖∇m‖": np.full(8, 2.5 * slope),
            "it is sign ∇m, as in the maximum norm": np.full(8, signs),
            "it is one step of all: δ goes on from where it is": np.full(8, 2.5 / 40),
            "alone each finds it: is ‖∇m‖ of the batch?": np.where(alone, found, 9),
        }
        return checks.compared("fall", found, np.ones(8), mistakes, 0.01)

    def places():
        """How near to x + δ ∇m was taken, in ε."""
        (x, y, _, free), points = trained(), []

        class Watched(dnn.Network):
            def vjp(self, x):
                points.append(np.array(x))
                return super().vjp(x)

        found = answer.attack(Watched(*free.maps), x, y, np.full(60, 0.3), steps=10)
        points = np.array(points or [found])
        gaps = np.linalg.norm(points - np.stack([found, x])[:, None], axis=3)
        off, away = gaps.max(axis=2) / 0.3
        said = f"∇m is taken at most {max(away):.3g} ε from x, and not at x + δ"
        first = min(away[away > 0], default=0.25)
        if away[0] == 0 and not 1 / 2 < first / 0.25 < 2:
            off, said = [np.inf], f"the first step is {first:.3g} ε long, of 10 steps"
            if abs(first - 0.1) < 1e-6:
                said += ": the factor 2.5 is missing"
        return checks.Check("places", min(off), 0.5, said)

    def radius():
        net, x, y = three_labels()
        found, wrong = answer.radius(net, x, y), net(x).argmax(axis=1) != y
        right = dnn.lipschitz.certified_radius(net, x, pairwise=False) * ~wrong
        elsewhere = np.where(wrong, np.resize(np.array(found, float), 12), right)
        mistakes = {
            "√2 is missing: one logit falls while the other rises": right * 2**0.5,
            "2 for √2: it holds, but ‖e_y − e_j‖ is √2": right / 2**0.5,
            "√2 multiplies, and should divide": 2 * right,
            "ℓ is missing": right * net.lipschitz(),
            "ℓ multiplies: brackets, m / (√2 * ℓ)": right * net.lipschitz() ** 2,
            "it is not 0 where the label is not y, where nothing is certain": elsewhere,
        }
        check = checks.compared("radius", found, right, mistakes)
        if "times" in check.detail:
            check.detail += ", by √2 or ℓ? If ℓ is measured, it certifies nothing"
        return check

    def lost(net, times, every=1):
        """Whether labels are lost at so many times their radius."""
        x, y = trained()[:2]
        r = np.asarray(answer.radius(net, x, y))
        k = np.flatnonzero(r > 0)[::every]
        n, eps = np.repeat(k, len(times)), np.outer(r[k], times).ravel()
        z = net(answer.attack(net, *map(frozen, (x[n], y[n], eps)), steps=20))
        return (z.argmax(axis=1) != y[n]).reshape(len(k), -1)

    def violations():
        number = sum(lost(net, [0.999]).sum() for net in trained()[2:])
        return checks.Check(
            "", number, 0, "labels change inside of the certified radius"
        )

    def linear_gaps():
        right = np.zeros(2)
        for k, W in enumerate(np.array([[[1.0, 0], [0, 1]], [[3, 0], [2, 0]]])):
            x = (W[0] - W[1])[None] / np.linalg.norm(W[0] - W[1])  # at the distance 1
            net = dnn.Affine(2, 2, W=W)
            right[k] = 1 / dnn.lipschitz.certified_radius(net, x, pairwise=False)[0]
        mistakes = {"it is upside down": 1 / right, "√2 is missing": right / 2**0.5}
        task, hints = "Task 6: set linear_gaps", ["what is ℓ, where is z₁ = z₂?"] * 2
        return checks.foretold(task, answer.linear_gaps, right, mistakes, hints, 0.01)

    def guess():
        if answer.guess is None:
            raise NotImplementedError("Task 6: set guess, two numbers")
        times, gaps = 1.3 ** np.arange(1, 17), []
        for net in trained()[2:]:
            first = (lost(net, times, every=4) | (times == times[-1])).argmax(axis=1)
            gaps.append(np.median(times[first]))
        said = "the attack needs {:.2g} and {:.2g} times the radius".format(*gaps)
        off = np.abs(np.log(np.array(answer.guess, float) / gaps)).max()
        return checks.Check("", np.exp(off), 3, f"{said}, guessed {answer.guess}")

    return [
        Question("1.1 the margin", margin),
        Question("2.1 the projection", project),
        Question("3.1 the gradient of the margin", gradient, after="1.1"),
        Question("4.1 the attack of a linear network", linear, after=("2.1", "3.1")),
        Question("4.2 its gradients are taken on the way", places, after="4.1"),
        Question("5.1 the certified radius", radius, after="1.1"),
        Question("5.2 none is lost inside", violations, after=("4.2", "5.1")),
        Question("6.1 gaps of linear networks, predicted", linear_gaps),
        Question("6.2 gaps of trained networks, guessed", guess, after="5.2"),
    ]


# %% [markdown]
# ## A picture to predict
#
# Two networks for the moons: one has orthogonal weights, the other no constraint.
# **Before you run it:** sketch for each, against $\varepsilon$ up to 1, how many labels
# are certain by your radius, and how many survive your attack. Between the two curves
# lies what nobody knows. Which network is right more often, and which can say so?
#
# `picture(Attack())` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/13_an_attack_against_a_certificate.py`, once tasks 4 and 5
# are right.


# %%
def picture(answer):
    """What was predicted: labels that are certain, and labels that survive."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    x, y, *networks = trained()
    eps = np.linspace(0.01, 1, 11)
    all_x, all_y, all_eps = np.tile(x, (11, 1)), np.tile(y, 11), np.repeat(eps, len(x))
    with plt.style.context(plotting.STYLE):
        _, axes = plt.subplots(1, 2, sharey=True, figsize=(13, 5.5))
        for ax, net, name in zip(
            axes, networks, ("orthogonal weights", "no constraint")
        ):
            certain = np.mean(answer.radius(net, x, y) >= eps[:, None], axis=1)
            moved = answer.attack(net, all_x, all_y, all_eps)
            survives = (
                (net(moved).argmax(axis=-1) == all_y).reshape(11, -1).mean(axis=1)
            )
            lines = plotting.certified_accuracy(eps, certain, survives, ax)
            ax.set(title=name, ylim=(0, 105))
            ax.label_outer()
        ax.legend(lines, ("certain, by your radius", "survive your attack"))
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Attack())).exit()
