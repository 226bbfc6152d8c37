# %% [markdown]
# # Lab 15. Adam
#
# $g_t$ is the gradient of the loss at step $t = 1, 2, \dots$ Adam keeps two running
# averages, entry by entry,
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,g_t, \qquad
# s \leftarrow \beta_2 s + (1 - \beta_2)\,g_t^2,$$
# both 0 at first. So they are too small in the beginning: if all $g_t$ are equal to
# $g$, $m = (1 - \beta_1^t)\,g$ and $s = (1 - \beta_2^t)\,g^2$. That is divided out,
# $$\theta \leftarrow \theta -
# \text{rate} \cdot \frac{\hat m}{\sqrt{\hat s} + \epsilon}, \qquad
# \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat s = \frac{s}{1 - \beta_2^t}.$$
#
# 1. Predict: the gradient is $(10^{-3}, -20)$ at each step, rate = 0.1, $\epsilon$ is
#    negligible, and $\theta = (0, 0)$ at first. Where is $\theta$ after one step, and
#    where after ten? Set `first` and `tenth`.
# 2. Write `start`: a dict with all that an optimiser has to remember, for this
#    $\theta$. It is handed to each `step`, which changes it. So nothing is kept on the
#    optimiser itself, and one optimiser serves any number of networks.
# 3. Write `step`, with $\theta$ changed in place (`theta -= …`), and `g` as it is.
# 4. Predict: the loss is multiplied by 1000, so all gradients are, too. By which factor
#    must the rate change, for gradient descent $\theta \leftarrow \theta - \text{rate}
#    \cdot g$ and for Adam, if $\theta$ is to move as before? Set `factors`.
# 5. Nothing is to be written here: your optimiser trains two networks in turns, and
#    then one by `dnn.fit`.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import itertools

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.checks import Question


# %%
class MyAdam(dnn.Optimiser):
    """θ ← θ − rate·m̂/(√ŝ + ε)."""

    first = tenth = None  # Task 1: replace None by two numbers each
    factors = None  # Task 4: (for gradient descent, for Adam)

    def __init__(self, rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.rate, self.beta1, self.beta2, self.eps = rate, beta1, beta2, eps

    def start(self, theta):
        raise NotImplementedError("Task 2: write the memory before the first step")

    def step(self, theta, g, memory):
        raise NotImplementedError("Task 3: write one step of θ, in place")


# %%
def questions(Answer, seed=0):
    """What is asked of an answer, a class, by closed forms and the package's Adam."""
    rng, g0 = np.random.default_rng(seed), np.array([1e-3, -20])

    def moved(optimiser, gradients):
        """θ after each of these gradients, from 0."""
        theta = np.zeros(np.shape(gradients[0]))
        memory, thetas = optimiser.start(theta), []
        for g in np.array(gradients, float):
            g.flags.writeable = False
            with np.errstate(all="ignore"):
                optimiser.step(theta, g, memory)
            thetas.append(theta.copy())
        return np.array(thetas)

    def predicted(name, k):
        right = moved(dnn.Adam(0.1), [g0] * k)[-1]
        mistakes = {
            "that is gradient descent: Adam divides by √ŝ": -0.1 * k * g0,
            "the sign: θ goes down, against g": -right,
            "√ŝ is |g|, and not g: the signs of g stay": -np.abs(right),
            "both are corrected: m̂ = g, ŝ = g²": right * 10**0.5,
            "that is where it is after one step": right / k,
        }
        task, said = f"Task 1: set {name}, two numbers", getattr(Answer, name)
        return checks.foretold(task, said, right, mistakes, limit=1e-3)

    def memory():
        theta, optimiser = rng.normal(size=5), Answer()
        given, found = set(vars(optimiser)), optimiser.start(theta)
        if not isinstance(found, dict):
            return checks.Check("memory", np.inf, 0, f"a dict is needed, got {found!r}")
        arrays = {k: a for k, a in found.items() if isinstance(a, np.ndarray)}
        kept = [k for k in vars(optimiser) if k not in given]
        said = [f"self.{k} is on the optimiser: put it in the dict" for k in kept]
        said += [
            f"{a} and {b} are one array: np.zeros_like(theta) is a new one"
            for a, b in itertools.combinations(arrays | {"θ": theta}, 2)
            if np.shares_memory(arrays[a], arrays.get(b, theta))
        ]
        return checks.Check("memory", len(said), 0, "; ".join(said[:1]))

    def first():
        g, rate, b1, b2 = np.array([3.0, -0.25, 0.02, -40]), 0.5, 0.8, 0.91
        right, one = -rate * np.sign(g), -rate * g / np.linalg.norm(g)
        found = moved(Answer(rate, b1, b2, eps=1e-300), [g])[0]

        def factors(own, other):
            return {
                "is not corrected": 1 - own,
                "is multiplied by 1 − βᵗ, and not divided": (1 - own) ** 2,
                "has β and 1 − β exchanged": own / (1 - own),
                "misses the factor 1 − β": 1 / (1 - own),
                "is corrected with the other β": (1 - own) / (1 - other),
                "has the other β in its average": (1 - other) / (1 - own),
                "has t = 2 in the first step": 1 / (1 + own),
            }

        mistakes = {
            "t is 0 in the first step, and 1 − β⁰ = 0": np.nan * g,
            "θ is not changed: is it theta -= …, and is m̂/√ŝ anything but 0?": 0 * g,
            "the root is missing: √ŝ": -rate / g,
            "nothing is divided by √ŝ": -rate * g,
            "s is a sum over all entries: each has its own": one,
            "s is a mean over all entries: each has its own": 2 * one,
            "s is made of g, and not of g²": right * np.where(g < 0, np.nan, g) ** 0.5,
            "s is made of m², and not of g²": right / (1 - b1),
            "s is made of |g|, and not of g²": right * np.abs(g) ** 0.5,
            "s has (1 − β)²: only g is squared": right / (1 - b2) ** 0.5,
            "s is 1 at first, and not 0": -rate * g / np.sqrt(g * g + b2 / (1 - b2)),
            "the rate is missing": right / rate,
        }
        of_s = factors(b2, b1)
        for words, c in factors(b1, b2).items():
            mistakes[f"m {words}"] = right * c
            mistakes[f"s {words}"] = right / of_s[words] ** 0.5
            mistakes[f"m {words}, and s, too"] = right * c / of_s[words] ** 0.5
        return checks.compared("θ", found, right, mistakes, 1e-5)

    def with_eps():
        g = np.array([3.0, -0.25, 0.75])
        found = moved(Answer(0.5, 0.8, 0.91, 0.5), [g])[0]
        mistakes = {
            "ε is under the root: √ŝ + ε": -0.5 * g / np.sqrt(g * g + 0.5),
            "ε is left out, or is 1e-8 always: take self.eps": -0.5 * np.sign(g),
            "brackets are missing, it is (m̂/√ŝ) + ε": -0.5 * np.sign(g) - 0.5,
        }
        return checks.compared("θ", found, [-3 / 7, 1 / 6, -3 / 10], mistakes)

    def second():
        """With these numbers m̂ is 29/5 or −11/5, and √ŝ is 7."""
        g, h, betas = np.array([9.0, 9.0]), np.array([5.0, -5.0]), (1 / 4, 3 / 4)
        found = moved(Answer(1.0, *betas, eps=1.0), [g, h])[1]

        def hats(g, h, b, other, usual):
            a, new = (1 - b) * g, (1 - b) * h
            last, full = b * a + new, lambda b: (b * g + h) / (1 + b)
            return {
                "": last / (1 - b * b),
                "starts from 0 again: keep it in memory": new / (1 - b * b),
                "is corrected as if t stayed 1, or βᵗ were β": last / (1 - b),
                "is divided by 1 − β·t, and not 1 − βᵗ": last / (1 - 2 * b),
                "is divided by (1 − β)ᵗ, and not 1 − βᵗ": last / (1 - b) ** 2,
                "is kept after its correction": (b * g + new) / (1 - b * b),
                "is a sum, without its β": (a + new) / (1 - b * b),
                "is made of the last gradient alone": h,
                "has the other β": full(other),
                "has not self.beta, but a number": full(usual),
                "has a number for one β": (usual * a + new) / (1 - b * b),
            }

        mistakes = {}
        for at_m, m in hats(g, h, *betas, 0.9).items():
            for at_s, s in hats(g * g, h * h, *betas[::-1], 0.999).items():
                words = [f"{x} {at}" for x, at in (("m", at_m), ("s", at_s)) if at]
                if min(s) > 0 or not at_m:
                    root = np.where(s < 0, np.nan, np.abs(s) ** 0.5)
                    mistakes[", and ".join(words)] = -0.9 - m / (root + 1)
        return checks.compared("θ", found, [-13 / 8, -5 / 8], mistakes)

    def random():
        g = rng.normal(size=(100, 4)) * [1e-3, 1, 30, 1]
        found, right = (moved(A(0.01), g) for A in (Answer, dnn.Adam))
        far = np.abs(found - right).max(axis=1) > 1e-9
        said = f"against dnn.Adam, the first difference after step {far.argmax() + 1}"
        return checks.Check("θ", np.abs(found - right).max(), 1e-9, said)

    def factors():
        ratios = [
            moved(optimiser, [g0])[0, 1] / moved(optimiser, [1000 * g0])[0, 1]
            for optimiser in (dnn.SGD(0.1), dnn.Adam(0.1))
        ]
        task = "Task 4: set factors = (gradient descent, Adam)"
        hints = "rate · 1000g must stay", "what becomes of m̂ and of √ŝ with 1000g?"
        return checks.foretold(task, Answer.factors, ratios, {}, hints, 1e-3)

    def scaled():
        g = rng.normal(size=(30, 4))
        one, thousand = (moved(Answer(0.01, eps=1e-300), c * g) for c in (1, 1000))
        return checks.compared("θ with 1000 g", thousand, one, limit=1e-9)

    def turns():
        g, optimiser = rng.normal(size=(2, 12, 3)), Answer(0.01)
        given = dict(vars(optimiser))
        alone = [moved(Answer(0.01), g_k)[-1] for g_k in g]
        thetas = np.zeros((2, 3))
        memories = [optimiser.start(theta) for theta in thetas]
        for k, i in np.ndindex(12, 2):
            optimiser.step(thetas[i], g[i, k], memories[i])
        kept = [k for k, v in vars(optimiser).items() if given.get(k) is not v]
        where = f"self.{kept[0]}" if kept else "something outside of the dict"
        said = f"the memory of one is in {where}, where the other finds it"
        return checks.Check("turns", np.abs(thetas - alone).max(), 1e-12, said)

    def trained():
        loss = dnn.SoftmaxCrossEntropy()
        x = rng.normal(size=(20, 2))
        y, thetas = (x[:, 0] > 0).astype(int), []
        for optimiser in (Answer(0.05), dnn.Adam(0.05)):
            X = dnn.GradientField.random(2, width=4, rng=0)
            net = dnn.Network(dnn.Flow(X, 0.5), dnn.Affine(2, 2, rng=1))
            dnn.fit(net, loss, x, y, optimiser, epochs=5, batch_size=10, rng=0)
            thetas.append(net.theta.copy())
        return checks.compared("θ after five epochs", *thetas, limit=1e-8)

    def ask(name, f, *given, after=()):
        return Question(name, lambda: f(*given), after=after)

    return [
        ask("1.1 after one step, predicted", predicted, "first", 1),
        ask("1.2 after ten steps, predicted", predicted, "tenth", 10, after="1.1"),
        ask("2.1 the memory before the first step", memory),
        ask("3.1 the first step, ε = 0", first, after="2.1"),
        ask("3.2 the first step, with ε", with_eps, after="3.1"),
        ask("3.3 the second step, in fractions", second, after="3.2"),
        ask("3.4 a hundred steps", random, after="3.3"),
        ask("4.1 a loss times 1000, predicted", factors),
        ask("4.2 a loss times 1000, tried", scaled, after="3.4"),
        ask("5.1 two networks in turns", turns, after="3.4"),
        ask("5.2 a network, by dnn.fit", trained, after="5.1"),
    ]


# %% [markdown]
# ## A picture to predict
#
# The loss $\frac12(\theta_1^2 + 30\,\theta_2^2)$ is a long valley, and at first
# $\theta = (-2, 1)$. **Before you run it:** sketch the way of gradient descent with
# rate 0.06, and that of your Adam with rate 0.1. In which direction does each begin?
# And where does your Adam go, if the loss is multiplied by 1000?
#
# `picture(MyAdam)` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/15_adam.py`, once question 3.5 is right.


# %%
def picture(Answer):
    """What was predicted: ways down a long valley."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    def path(optimiser, scale=1):
        theta = np.array([-2.0, 1.0])
        memory, thetas = optimiser.start(theta), [theta.copy()]
        for _ in range(60):
            optimiser.step(theta, scale * np.array([1, 30]) * theta, memory)
            thetas.append(theta.copy())
        return np.transpose(thetas)

    a, b = np.meshgrid(np.linspace(-2.4, 0.8, 99), np.linspace(-1.2, 1.2, 99))
    ways = {
        "gradient descent": (path(dnn.SGD(0.06)), "C1.-"),
        "Adam, yours": (path(Answer(0.1)), "C0o-"),
        "Adam, loss times 1000": (path(Answer(0.1), 1000), "k."),
    }
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(11, 6))
        ax.contour(a, b, np.sqrt(a**2 + 30 * b**2), 9, colors="0.85", linewidths=1)
        for name, (way, look) in ways.items():
            ax.plot(*way, look, linewidth=1, label=name)
        ax.set(xlabel=r"$\theta_1$", ylabel=r"$\theta_2$")
        ax.legend(loc="lower right")
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(MyAdam)).exit()
