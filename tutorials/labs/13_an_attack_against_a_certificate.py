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
    adam = dnn.Adam(0.05)
    fit(bounded, dnn.MulticlassHinge(0.5), x, y, adam, constraints=keep)
    fit(free, dnn.SoftmaxCrossEntropy(), x, y, adam)
    x.flags.writeable = y.flags.writeable = False
    return x, y, bounded, free


# %%
def questions(answer, seed=0):
    """What is asked of an answer."""

    def rng_of(task):
        return np.random.default_rng([seed, task])

    def frozen(*arrays):
        for a in arrays:
            a.flags.writeable = False
        return arrays

    def three_labels(n=12):
        """A small network of three labels, states, and labels, some of them wrong."""
        rng = rng_of(1)
        field = dnn.ResidualField.random(4, 6, rng=rng)
        last = dnn.Affine(3, 4, W=2 * rng.normal(size=(3, 4)))
        net = dnn.Network(dnn.Flow(field, 0.5), last)
        x = rng.normal(size=(n, 4))
        y = (net(x).argmax(axis=-1) + (np.arange(n) % 4 == 0)) % 3
        return net, *frozen(x, y)

    def margins(z, y):
        """z_y − z_j for the labels j other than y, and these labels, (n, K − 1)."""
        rows = np.arange(len(z))
        others = np.array([[j for j in range(z.shape[1]) if j != k] for k in y])
        return z[rows, y][:, None] - z[rows[:, None], others], others

    def compare(f, right, mistakes, limit=1e-10):
        """What f() returns against what is right, and what it looks like if not."""
        found = f()
        if isinstance(found, tuple):
            said = f"{len(found)} things are returned, and one array is asked for"
            return checks.Check("what is returned", np.inf, 0, said)
        check = checks.value(lambda _: found, np.zeros(1), right, limit)
        if not check.passed:
            fits = ["nothing is returned: is there a return?"] * (found is None)
            for words, y in mistakes.items():
                if np.shape(y) == np.shape(found) == np.shape(right):
                    fits += [words] * np.allclose(found, y, 1e-6, equal_nan=True)
            check.detail = ", or ".join(fits) or check.detail.replace("F(x)", "it")
        return check

    def margin():
        z = rng_of(1).normal(size=(12, 4))
        k, top = np.arange(12), np.sort(z, axis=-1)
        y = (z.argmax(axis=-1) + k * (k % 2)) % 4
        frozen(z, y)
        gaps = margins(z, y)[0]
        p = margins(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True), y)[0]
        mistakes = {
            "y is among the j: so it is never positive": np.minimum(0, gaps.min(1)),
            "the sign is wrong: it is z_j − z_y": -gaps.min(axis=1),
            "y is given, and need not be the largest logit": top[:, -1] - top[:, -2],
            "j is the smallest logit: the largest is nearest": gaps.max(axis=1),
            "j is any other label, and not the largest": gaps[:, 0],
            "these are differences of probabilities, not of logits": p.min(axis=1),
        }
        return compare(lambda: answer.margin(z, y), gaps.min(axis=1), mistakes)

    def project():
        delta, eps = rng_of(2).normal(size=(6, 3)), np.linspace(0.5, 3, 6)
        size = np.linalg.norm(delta, axis=1)
        delta = delta * (eps * [0.3, 2, 0.9, 4, 1.2, 0.5] / size)[:, None]
        delta[0] = 0
        frozen(delta, eps)
        size, e = np.linalg.norm(delta, axis=1, keepdims=True), eps[:, None]
        size, whole = np.maximum(size, 1e-300), np.linalg.norm(delta)
        with np.errstate(all="ignore"):
            mistakes = {
                "what is in the ball moves to the sphere, too": delta * e / size,
                "each entry is clipped: that is the maximum norm's ball": np.clip(
                    delta, -e, e
                ),
                "the norm is that of the whole batch: axis=-1": delta
                * np.minimum(1, e / whole),
                "a row outside gets length 1: the factor ε is missing": delta
                / np.maximum(1, size / e)
                / np.where(size > e, e, 1),
                "what is inside moves out, and what is outside stays": delta
                * np.maximum(1, e / size),
                "it is δ/max(‖δ‖, ε): the factor ε is missing": delta
                / np.maximum(size, e),
                "nothing is projected": delta,
            }
            found, right = answer.project(delta, eps), delta * np.minimum(1, e / size)
            if found is None or not np.isnan(np.sum(found)):
                return compare(lambda: found, right, mistakes)
            check = compare(lambda: np.nan_to_num(found), right, mistakes)
            said = "δ = 0 gives NaN, 0/0: its norm is 0"
            said += "" if check.passed else f"; and {check.detail}"
            return checks.Check("projection", np.nan, 1e-10, said)

    def gradient():
        net, x, y = three_labels()
        z, J, rows = net(x), net.jacobian(x), np.arange(len(x))
        gaps, others = margins(z, y)
        of_y, of_j = J[rows, y], J[rows, others[rows, gaps.argmin(axis=1)]]
        g, size = of_y - of_j, np.linalg.norm(of_y - of_j, axis=1, keepdims=True)
        of_top = J[rows, z.argmax(axis=1)]
        of_least = J[rows, others[rows, gaps.argmax(axis=1)]]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        of_mean = (p[:, :, None] * J).sum(axis=1)
        mistakes = {
            "the sign is wrong: it is ∇(z_j − z_y)": -g,
            "it is ∇z_y alone: z_j is missing": of_y,
            "it is −∇z_j alone: z_y is missing": -of_j,
            "it is ∇z_j alone": of_j,
            "w is +1 in both places: z_j is subtracted": of_y + of_j,
            "j is the largest of all logits, y among them": of_y - of_top,
            "j is the smallest logit: the largest is nearest": of_y - of_least,
            "it is a mean over the batch: each row has its own margin": g / len(x),
            "it is the gradient of a softmax: take differences of logits": of_y
            - of_mean,
            "it has length 1 already: ∇m itself is asked for": g / size,
            "rows are summed: each has its own gradient": np.tile(g.sum(0), (12, 1)),
        }
        return compare(lambda: answer.gradient(net, x, y), g, mistakes)

    class Watched:
        """A network that keeps the points at which its derivative is taken."""

        def __init__(self, net):
            self.net, self.points = net, []

        def __call__(self, x):
            return self.net(x)

        def __getattr__(self, name):
            return getattr(self.net, name)

        def vjp(self, x):
            self.points.append(np.array(x))
            return self.net.vjp(x)

    def linear():
        """A linear network, states, labels, and balls within which no label changes."""
        rng = rng_of(4)
        net = dnn.Affine(2, 3, W=0.05 * rng.normal(size=(2, 3)))
        x = rng.normal(size=(8, 3))
        z, w = net(x), np.linalg.norm([1, -1] @ net.jacobian(x[0]))
        eps = rng.uniform(0.2, 0.95, 8) * np.abs(z[:, 0] - z[:, 1]) / w
        return net, *frozen(x, z.argmax(axis=1), eps)

    def attacked(net, x, y, eps, **options):
        found = np.asarray(answer.attack(net, x, y, eps, **options))
        if found.dtype.kind == "O":
            raise TypeError("attack(…) returned no array: is there a return?")
        if found.shape != x.shape:
            raise ValueError(f"attack(…) has shape {found.shape}, needed is {x.shape}")
        return found

    def ball():
        net, x, y, eps = linear()
        found = attacked(net, x, y, eps)
        ratio = (np.linalg.norm(found - x, axis=1) / eps).max()
        said = f"‖δ‖ is up to {ratio:.4g} ε"
        if not ratio <= 1 + 1e-9:
            said += ": project δ after each step"
            if (np.linalg.norm(found, axis=1) <= 1.0001 * eps).all():
                said = "‖x + δ‖ ≤ ε: it is δ that lies in the ball, or x is missing"
        if not (found - x).any():
            return checks.Check("ball", np.inf, 1, "x does not move: δ = 0 is returned")
        return checks.Check("ball", ratio, 1 + 1e-9, said)

    def reached(net, x, y, eps):
        """The part of the largest possible fall of the margin, ε‖w₁ − w₂‖, that is
        found."""
        fall = margins(net(x), y)[0] - margins(net(attacked(net, x, y, eps)), y)[0]
        return fall[:, 0] / (eps * np.linalg.norm([1, -1] @ net.jacobian(x[0])))

    def boundary():
        net, x, y, eps = linear()
        part, w = reached(net, x, y, eps), [1, -1] @ net.jacobian(x[0])
        said = f"of the largest fall of the margin {100 * part.min():.3g} % is found"
        alone = [reached(net, *(a[[k]] for a in (x, y, eps)))[0] for k in range(8)]
        size, signs = np.linalg.norm(w), np.abs(w).sum() / 3**0.5
        fits = {
            "the margin grows: go down, δ − step · ∇m/‖∇m‖": (part < 0).all(),
            "the step is not of length 2.5 ε/steps: divide ∇m by ‖∇m‖": np.allclose(
                part, 2.5 * size
            ),
            "it is sign ∇m: that is the attack in the maximum norm": np.allclose(
                part, signs / size
            ),
            "it is one step of all: δ goes on from where it is": np.allclose(
                part, 2.5 / 40
            ),
            "a norm of the whole batch: axis=-1 is missing?": min(alone) >= 0.99,
        }
        look = "is each step of length 2.5 ε/steps, along ∇m/‖∇m‖?"
        if not part.min() >= 0.99:
            said += ": " + next((words for words, fit in fits.items() if fit), look)
        return checks.Check("boundary", 1 - part.min(), 0.01, said)

    def moves():
        """Where the gradients are taken, and how far the margin falls."""
        x, y, _, free = trained()
        net, eps = Watched(free), 0.3
        adversarial = attacked(net, x, y, np.full(len(x), eps))
        wrong = wrong_places(x, eps, net.points, adversarial)
        if wrong:
            return checks.Check("places", np.inf, 1, wrong)
        before, found, least = (
            margins(free(z), y)[0].mean()
            for z in (x, adversarial, dnn.PGD(eps, restarts=1)(free, x, y))
        )
        missed = 1 - (before - found) / (before - least)
        said = f"the mean margin falls from {before:.3g} to {found:.3g}"
        return checks.Check("fall", missed, 1 / 3, f"{said}, {least:.3g} is possible")

    def wrong_places(x, eps, points, found):
        """What is wrong with the points at which ∇m is taken, "" if nothing."""
        if not points or any(p.shape != x.shape for p in points):
            return ""
        away = [np.linalg.norm(p - x, axis=1).max() for p in points]
        near = min(np.linalg.norm(p - found, axis=1).max() for p in points)
        if len({p.tobytes() for p in points}) < 3:
            return "∇m is taken at x again and again: take it at x + δ"
        if near > eps / 2:
            return "∇m is taken elsewhere, and not at x + δ"
        first, step = next(d for d in away if d > 0), 2.5 * eps / 40
        if away[0] == 0 and first > 2 * step:
            lengths = f"{first:.3g}, and 2.5 ε/steps is {step:.3g}"
            return f"the first step has the length {lengths}: it will go to and fro"
        return ""

    def radius():
        net, x, y = three_labels()
        m, L, root = margins(net(x), y)[0].min(axis=1), net.lipschitz(), 2**0.5
        room = np.maximum(0, m)
        right = room / (root * L)
        mistakes = {
            "√2 is missing: one logit falls while the other rises": room / L,
            "2 for √2: it holds, but ‖e_y − e_j‖ is √2": room / (2 * L),
            "√2 is on the wrong side": root * room / L,
            "ℓ is missing": room / root,
            "it is multiplied by ℓ": room * L / root,
            "it is negative where the label is not y: nothing is certain there": m
            / (root * L),
            "where the label is not y nothing is certain: 0, and not |m|": np.abs(m)
            / (root * L),
        }
        found = answer.radius(net, x, y)
        check = compare(lambda: found, right, mistakes)
        if check.detail.startswith("it is [") and np.shape(found) == right.shape:
            c = np.sum(np.multiply(found, right)) / np.sum(right * right)
            if np.allclose(found, c * right):
                said = "times what is certain by net.lipschitz()"
                check.detail = f"it is {c:.4g} {said}; a measured ℓ certifies nothing"
        return check

    def violations():
        x, y, *nets = trained()
        lost, tried = 0, 0
        for net in nets:
            r = np.asarray(answer.radius(net, x, y))
            k = r > 0
            found = attacked(net, *frozen(x[k], y[k], 0.999 * r[k]))
            lost += (net(found).argmax(axis=1) != y[k]).sum()
            tried += k.sum()
        said = f"{lost} of {tried} labels change inside of the certified radius"
        return checks.Check("violations", lost, 0, said)

    def pair(name):
        value = getattr(answer, name)
        if value is None:
            raise NotImplementedError(f"Task 6: set {name}, two numbers")
        value = np.ravel(np.asarray(value, float))
        if value.shape != (2,) or not (value > 0).all():
            raise ValueError(f"{name} must be two positive numbers, got {value}")
        return value

    def linear_gaps():
        found, right, said = pair("linear_gaps"), [], []
        for k, W in enumerate(([[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [2.0, 0.0]])):
            W = np.array(W)
            norm, w = np.linalg.norm(W, 2), np.linalg.norm(W[0] - W[1])
            right.append(2**0.5 * norm / w)
            known = {
                "it is upside down": 1 / right[-1],
                "√2 is missing": norm / w,
                "it is with 2 for √2": 2 * norm / w,
                "ℓ is the largest singular value": 2**0.5 * np.abs(W).max() / w,
                "the distance is m/‖w₁ − w₂‖": norm * 2**0.5,
            }
            if abs(found[k] / right[-1] - 1) > 1e-2:
                fits = [s for s, y in known.items() if abs(found[k] / y - 1) < 1e-2]
                look = "√2 ‖W‖/‖w₁ − w₂‖, what is each of them?"
                said.append(
                    f"the {('first', 'second')[k]}: {' or '.join(fits) or look}"
                )
        gap = np.abs(found / right - 1).max()
        return checks.Check("linear gaps", gap, 1e-2, "; ".join(said))

    def guess():
        guessed, found = pair("guess"), []
        x, y, *nets = trained()
        times = 1.3 ** np.arange(1, 17)
        for net in nets:
            r = np.asarray(answer.radius(net, x, y))
            k = np.flatnonzero(r > 0)[::4]
            n, eps = np.repeat(k, len(times)), np.outer(r[k], times).ravel()
            z = net(attacked(net, *frozen(x[n], y[n], eps), steps=20))
            lost = (z.argmax(axis=1) != y[n]).reshape(len(k), -1)
            smallest = np.where(lost.any(axis=1), times[lost.argmax(axis=1)], np.inf)
            found.append(np.median(smallest))
        said = "the attack needs {:.2g} and {:.2g} times the radius".format(*found)
        off = np.exp(np.abs(np.log(guessed / found))).max()
        return checks.Check("gaps", off, 3, f"{said}, guessed {guessed.tolist()}")

    return [
        Question("1.1 the margin", margin),
        Question("2.1 the projection", project),
        Question("3.1 the gradient of the margin", gradient),
        Question("4.1 the attack stays in the ball", ball, after=("1.1", "2.1", "3.1")),
        Question("4.2 it finds a linear boundary", boundary, after="4.1"),
        Question("4.3 its gradients are taken on the way", moves, after="4.2"),
        Question("5.1 the certified radius", radius, after="1.1"),
        Question("5.2 none is lost inside", violations, after=("4.3", "5.1")),
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
