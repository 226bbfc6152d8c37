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
    """What is asked of an answer, a class."""

    def rng_of(question):
        return np.random.default_rng([seed, question])

    def failed(said):
        return checks.Check("what is returned", np.inf, 0, said)

    def moved(optimiser, gradients, theta=None):
        """θ after each of these gradients, from 0 unless it is given."""
        theta = np.zeros(np.shape(gradients[0])) if theta is None else theta
        memory, thetas = optimiser.start(theta), []
        for g in np.array(gradients, float):
            g.flags.writeable = False
            with np.errstate(all="ignore"):
                try:
                    optimiser.step(theta, g, memory)
                except ZeroDivisionError as error:
                    said = "1 − β⁰ is 0: t is 1 in the first step"
                    raise ValueError(said).with_traceback(error.__traceback__) from None
            thetas.append(theta.copy())
        return np.array(thetas)

    def compare(found, right, mistakes, limit=1e-9):
        """θ against what is right, relative, and the mistakes that would give it."""
        found, right = np.asarray(found, float), np.asarray(right, float)
        error = np.max(np.abs(found - right) / np.maximum(np.abs(right), 1e-300))
        said = f"θ is {np.ravel(found)[-4:]}, needed is {np.ravel(right)[-4:]}"
        if not error <= limit:
            fits = [
                words
                for words, z in mistakes.items()
                if np.allclose(found, z, 1e-6, 0, equal_nan=True)
            ]
            c = np.ravel(found / right)
            if not fits and np.allclose(c, c[0], 1e-6):
                fits = [f"θ moves by {c[0]:.4g} times what it should"]
            said = ", or ".join(fits) or said
        return checks.Check("θ", error, limit, said)

    def predicted(name, k):
        value = getattr(Answer, name)
        if value is None:
            raise NotImplementedError(f"Task 1: set {name}, the two entries of θ")
        found, g = np.ravel(np.asarray(value, float)), np.array([1e-3, -20])
        if found.shape != (2,):
            return failed(f"θ has two entries, got {value}")
        right = -0.1 * k * np.sign(g)
        mistakes = {
            "that is gradient descent: Adam divides by √ŝ": -0.1 * k * g,
            "the sign: θ goes down, against g": -right,
            "√ŝ is |g|, and not g: the signs of g stay": [-0.1 * k, -0.1 * k],
        }
        if k == 1:
            mistakes |= {
                "both are corrected: m̂ = g, ŝ = g²": right * 0.1 / 0.001**0.5,
                "m is corrected, too: m̂ = g": right * 0.1,
            }
        else:
            mistakes["that is where it is after one step"] = right / k
        return compare(found, right, mistakes, 1e-6)

    def memory():
        theta = rng_of(2).normal(size=5)
        optimiser, before = Answer(), theta.copy()
        given = dict(vars(optimiser))
        found = optimiser.start(theta)
        if not isinstance(found, dict):
            got = "None: is there a return?" if found is None else type(found).__name__
            return failed(f"a dict is needed, got {got}")
        arrays = {k: a for k, a in found.items() if isinstance(a, np.ndarray)}
        averages = {k: a for k, a in arrays.items() if a.shape[-1:] == theta.shape}
        kept = sorted(vars(optimiser).keys() - given.keys())
        pairs = [
            f"{a} and {b}"
            for a in averages
            for b in averages
            if a < b and np.shares_memory(averages[a], averages[b])
        ]
        said = [
            (kept, f"self.{''.join(kept[:1])} is on the optimiser: put it in the dict"),
            (
                sum(a.size for a in averages.values()) < 2 * theta.size,
                f"m and s are arrays of θ's shape, {theta.shape}, got {found}",
            ),
            (pairs, f"{' and '.join(pairs)} are one array: make two"),
            (
                any(np.shares_memory(a, theta) for a in arrays.values()),
                "the memory has θ itself: np.zeros_like(theta) is new",
            ),
            (any(a.any() for a in averages.values()), "m and s are 0 at first"),
            ((theta != before).any(), "start changes θ"),
        ]
        wrong = [words for is_so, words in said if is_so]
        return checks.Check("memory", len(wrong), 0, "; ".join(wrong[:1]))

    def first():
        """−rate·sign g, whatever β₁, β₂ and g are."""
        g, rate, b1, b2 = np.array([3.0, -0.25, 0.02, -40]), 0.5, 0.8, 0.91
        optimiser = Answer(rate, b1, b2, eps=1e-300)
        found, right = moved(optimiser, [g])[0], -rate * np.sign(g)
        m, s = 1 - b1, (1 - b2) ** 0.5  # the factors without corrections
        of_g = np.where(g < 0, np.nan, np.nan_to_num(found))
        mistakes = {
            "θ is NaN: t is 1 in the first step, 1 − β⁰ is 0, or is ŝ negative?": np.nan
            * g,
            "√ŝ is NaN where g is negative: s is made of g²": of_g,
            "θ is not changed: is it theta -= …, and is m̂/√ŝ anything but 0?": 0 * g,
            "θ goes uphill: the sign is wrong": -right,
            "neither m nor s is corrected: m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ)": right
            * m
            / s,
            "m is not corrected: m̂ = m/(1 − β₁ᵗ)": right * m,
            "s is not corrected: ŝ = s/(1 − β₂ᵗ)": right / s,
            "m is multiplied by 1 − β₁ᵗ, and not divided": right * m * m,
            "s is multiplied by 1 − β₂ᵗ, and not divided": right / s**2,
            "β₁ and 1 − β₁ are exchanged in m": right * b1 / m,
            "β₂ and 1 − β₂ are exchanged in s": right * s / b2**0.5,
            "β and 1 − β are exchanged in m and in s": right * (b1 / m) * (s / b2**0.5),
            "the factor 1 − β₁ is missing in m": right / m,
            "the factor 1 − β₂ is missing in s": right * s,
            "1 − β₁ is missing in m, and 1 − β₂ in s": right * s / m,
            "m is corrected with β₂, and s with β₁": right * m / s**2 * m**0.5 / s,
            "m is corrected with β₂": right * m / s**2,
            "s is corrected with β₁": right * m**0.5 / s,
            "the root is missing: √ŝ": -rate / g,
            "s is made of m², and not of g²": right / m,
            "nothing is divided by √ŝ": -rate * g,
            "m̂ is multiplied by √ŝ": -rate * g * np.abs(g),
            "ŝ is 0, and m̂ is divided by ε alone: g² is missing in s": -rate
            * g
            / 1e-300,
            "t is 2 in the first step: 1 − β² for 1 − β": right
            / (1 + b1)
            * (1 + b2) ** 0.5,
            "the rate is missing": right / rate,
        }
        return compare(found, right, mistakes, 1e-5)

    def with_eps():
        g, rate, eps = np.array([3.0, -0.25, 0.75]), 0.5, 0.5
        found, b2 = moved(Answer(rate, 0.8, 0.91, eps), [g])[0], 0.91
        size, c = np.abs(g), (1 - b2) ** 0.5
        mistakes = {
            "ε is under the root: √ŝ + ε": -rate * g / np.sqrt(g * g + eps),
            "ε is left out": -rate * np.sign(g),
            "ε is added before ŝ is corrected": -rate * g / (size + eps / c),
            "ε is added to s before ŝ is corrected": -rate
            * g
            / np.sqrt(g * g + eps / c**2),
            "ε is ε², under the root": -rate * g / np.sqrt(g * g + eps * eps),
            "it is subtracted": -rate * g / (size - eps),
            "ε is 1e-8 always: take self.eps": -rate * g / (size + 1e-8),
        }
        return compare(found, -rate * g / (size + eps), mistakes)

    def second():
        """With these numbers m̂ is 9, then 29/5 or −11/5, and √ŝ is 9, and then 7."""
        g, h, b1, b2 = np.array([9.0, 9.0]), np.array([5.0, -5.0]), 1 / 4, 3 / 4
        found = moved(Answer(1.0, b1, b2, eps=1.0), [g, h])[1]
        start, c1, c2 = -9 / 10, 1 - b1**2, 1 - b2**2  # θ after the first step
        m_h, s_h = 3 / 4 * h, h**2 / 4  # what the second gradient adds to m and s
        m_g, s_g = 3 / 4 * g, g**2 / 4  # and the first

        def theta(m=None, s=None):
            """θ after the second step, with m̂ and ŝ as they are given."""
            m = np.array([29 / 5, -11 / 5]) if m is None else m
            return start - m / (np.sqrt(49.0 if s is None else s) + 1)

        mistakes = {
            "m starts from 0 again: keep it in memory": theta(m_h / c1),
            "s starts from 0 again: keep it in memory": theta(s=s_h / c2),
            "m and s start from 0 again: keep them in memory": theta(
                m_h / c1, s_h / c2
            ),
            "t stays 1, or βᵗ is only β": theta(
                (b1 * m_g + m_h) / (1 - b1), (b2 * s_g + s_h) / (1 - b2)
            ),
            "t stays 1 for m, or β₁ᵗ is only β₁": theta((b1 * m_g + m_h) / (1 - b1)),
            "t stays 1 for s, or β₂ᵗ is only β₂": theta(s=(b2 * s_g + s_h) / (1 - b2)),
            "β₁·t stands for β₁ᵗ": theta((b1 * m_g + m_h) / (1 - 2 * b1)),
            "ŝ is negative: does β₂·t stand for β₂ᵗ?": np.nan * h,
            "m̂ and ŝ are kept in place of m and s": theta(
                (b1 * g + m_h) / c1, (b2 * g**2 + s_h) / c2
            ),
            "m̂ is kept in place of m": theta((b1 * g + m_h) / c1),
            "ŝ is kept in place of s": theta(s=(b2 * g**2 + s_h) / c2),
            "m is a sum, without the factor β₁": theta((m_g + m_h) / c1),
            "s is a sum, without the factor β₂": theta(s=(s_g + s_h) / c2),
            "m and s are sums, without β₁ and β₂": theta(
                (m_g + m_h) / c1, (s_g + s_h) / c2
            ),
            "β₁ and β₂ are exchanged": theta(
                (b2 * g + h) / 4 / c2, 3 / 4 * (b1 * g**2 + h**2) / c1
            ),
            "the second step is missing": theta(0 * h),
            "θ starts from 0 again": theta() - start,
        }
        return compare(found, theta(), mistakes)

    def constant():
        g, k = np.array([1e-6, -3.0, 1e6]), np.arange(1, 21)[:, None]
        found = moved(Answer(0.1, 0.7, 0.9, eps=1e-300), [g] * 20)
        return compare(found, -0.1 * k * np.sign(g), {}, 1e-9)

    def random():
        g = rng_of(3).normal(size=(100, 4)) * [1e-3, 1, 30, 1]
        found, right = (moved(A(0.01), g) for A in (Answer, dnn.Adam))
        far = np.abs(found - right).max(axis=1) > 1e-9
        check = checks.Check("θ", np.abs(found - right).max(), 1e-9, "against dnn.Adam")
        if far.any():
            check.detail += f", the first difference after step {far.argmax() + 1}"
        return check

    def factors():
        if Answer.factors is None:
            raise NotImplementedError("Task 4: set factors = (gradient descent, Adam)")
        found, right = np.ravel(np.asarray(Answer.factors, float)), [1e-3, 1.0]
        if found.shape != (2,):
            return failed(f"factors are two numbers, got {Answer.factors}")
        why = (
            "rate · 1000g must stay what it was",
            "what becomes of m̂ and of √ŝ, if g becomes 1000g?",
        )
        names = "gradient descent", "Adam"
        said = [
            f"{names[k]}: not {found[k]:g}, {why[k]}"
            for k in (0, 1)
            if abs(found[k] / right[k] - 1) > 1e-9
        ]
        gap = np.abs(found / right - 1).max()
        return checks.Check("factors", gap, 1e-9, "; ".join(said))

    def scaled():
        g = rng_of(4).normal(size=(30, 4))
        one, thousand = (moved(Answer(0.01, eps=1e-300), c * g) for c in (1, 1000))
        gap = np.abs(one - thousand).max() / np.abs(one).max()
        return checks.Check("scaling", gap, 1e-9, "θ with 1000 g against θ with g")

    def turns():
        g, optimiser = rng_of(5).normal(size=(2, 12, 3)), Answer(0.01)
        given = dict(vars(optimiser))
        alone = [moved(Answer(0.01), g_k)[-1] for g_k in g]
        thetas = np.zeros((2, 3))
        memories = [optimiser.start(theta) for theta in thetas]
        for k in range(12):
            for theta, memory, g_k in zip(thetas, memories, g, strict=True):
                optimiser.step(theta, g_k[k], memory)
        kept = [k for k, v in vars(optimiser).items() if given.get(k) is not v]
        said = "two networks trained in turns, against each alone"
        gap = np.abs(thetas - alone).max()
        if gap > 1e-12:
            where = f"self.{kept[0]}" if kept else "something outside of the dict"
            said += f": the memory of one is in {where}, where the other finds it"
        return checks.Check("turns", gap, 1e-12, said)

    def fit():
        x = rng_of(6).normal(size=(20, 2))
        y = (x[:, 0] > 0).astype(int)
        thetas = []
        for optimiser in (Answer(0.05), dnn.Adam(0.05)):
            X = dnn.GradientField.random(2, width=4, rng=0)
            net = dnn.Network(dnn.Flow(X, 0.5), dnn.Affine(2, 2, rng=1))
            loss = dnn.SoftmaxCrossEntropy()
            dnn.fit(net, loss, x, y, optimiser, epochs=5, batch_size=10, rng=0)
            thetas.append(net.theta.copy())
        gap = np.abs(thetas[0] - thetas[1]).max()
        said = "θ after five epochs, against dnn.Adam"
        return checks.Check("fit", gap, 1e-8, said)

    return [
        Question("1.1 after one step, predicted", lambda: predicted("first", 1)),
        Question(
            "1.2 after ten steps, predicted",
            lambda: predicted("tenth", 10),
            after="1.1",
        ),
        Question("2.1 the memory before the first step", memory),
        Question("3.1 the first step, ε = 0", first, after="2.1"),
        Question("3.2 the first step, with ε", with_eps, after="3.1"),
        Question("3.3 the second step, in fractions", second, after="3.2"),
        Question("3.4 twenty steps of one gradient", constant, after="3.3"),
        Question("3.5 a hundred steps, any gradients", random, after="3.3"),
        Question("4.1 a loss times 1000, predicted", factors),
        Question("4.2 a loss times 1000, tried", scaled, after="3.5"),
        Question("5.1 two networks in turns", turns, after="3.5"),
        Question("5.2 a network, by dnn.fit", fit, after="5.1"),
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
