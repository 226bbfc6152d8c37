"""Answers to lab 15."""

import numpy as np


def answer(**methods):
    return lambda Answer: type("Other", (Answer,), methods)


def step(m_of=None, s_of=None, hat_m=None, hat_s=None, move=None, keep="ms", store=None, t0=0,
         count=1):  # fmt: skip
    """One step of Adam, with mistakes where they are made: m_of(F, m, g), s_of(F, s, g, m), hat_m(F,
    m, t), hat_s(F, s, t), move(F, theta, m̂, ŝ, g); keep: what is kept, store: what for m and s."""
    m_of = m_of or (lambda F, m, g: F.beta1 * m + (1 - F.beta1) * g)
    s_of = s_of or (lambda F, s, g, m: F.beta2 * s + (1 - F.beta2) * g * g)
    hat_m = hat_m or (lambda F, m, t: m / (1 - F.beta1**t))
    hat_s = hat_s or (lambda F, s, t: s / (1 - F.beta2**t))

    def one(F, theta, g, memory):
        memory["t"] += count
        t = memory["t"] + t0
        m, s = m_of(F, memory["m"], g), memory["s"]
        s = s_of(F, s, g, m)
        m_hat, s_hat = hat_m(F, m, t), hat_s(F, s, t)
        kept = store(m, s, m_hat, s_hat) if store else (m, s)
        for name, value in zip("ms", kept, strict=True):
            if name in keep:
                memory[name] = value
        if move:
            return move(F, theta, m_hat, s_hat, g)
        theta -= F.rate * m_hat / (np.sqrt(s_hat) + F.eps)

    return answer(step=one)


def moving(formula):
    """θ −= formula(F, m̂, ŝ, g)."""

    def move(F, theta, m, s, g):
        theta -= formula(F, m, s, g)

    return step(move=move)


def new_array(F, theta, m, s, g):
    theta = theta - F.rate * m / (np.sqrt(s) + F.eps)
    return theta


def on_itself(F, theta):
    F.t, F.m, F.s = 0, np.zeros_like(theta), np.zeros_like(theta)
    return {}


def counting_on_itself(Answer):
    """t is on the optimiser, m and s in the dict."""

    def one(F, theta, g, memory):
        F.t = getattr(F, "t", 0) + 1
        memory["m"] = F.beta1 * memory["m"] + (1 - F.beta1) * g
        memory["s"] = F.beta2 * memory["s"] + (1 - F.beta2) * g * g
        m, s = memory["m"] / (1 - F.beta1**F.t), memory["s"] / (1 - F.beta2**F.t)
        theta -= F.rate * m / (np.sqrt(s) + F.eps)

    return type("Other", (Answer,), dict(step=one))


def one_array(F, theta):
    zeros = np.zeros_like(theta)
    return dict(t=0, m=zeros, s=zeros)


def efficient(F, theta, g, memory):
    """In place, with a rate that has both corrections."""
    memory["t"] += 1
    t, m, s = memory["t"], memory["m"], memory["s"]
    m += (1 - F.beta1) * (g - m)
    s *= F.beta2
    s += (1 - F.beta2) * np.square(g)
    root = np.sqrt(1 - F.beta2**t)
    theta -= F.rate * root / (1 - F.beta1**t) * m / (np.sqrt(s) + F.eps * root)


def with_lists(Answer):
    """Other names, one array for both averages, and t from 1."""

    def start(F, theta):
        return {"step": 1, "first": np.zeros(theta.shape), "second": np.zeros(theta.shape)}

    def one(F, theta, g, memory):
        t = memory["step"]
        for name, beta, power in (("first", F.beta1, 1), ("second", F.beta2, 2)):
            memory[name][:] = beta * memory[name] + (1 - beta) * g**power
        m, s = memory["first"] / (1 - F.beta1**t), memory["second"] / (1 - F.beta2**t)
        theta[:] = theta - F.rate * m / (s**0.5 + F.eps)
        memory["step"] = t + 1

    return type("Other", (Answer,), dict(start=start, step=one))


def with_a_matrix(Answer):
    """m and s are the rows of a matrix."""

    def start(F, theta):
        return dict(t=0, rows=np.zeros((2, len(theta))))

    def one(F, theta, g, memory):
        beta = np.array([[F.beta1], [F.beta2]])
        memory["t"] += 1
        memory["rows"] = beta * memory["rows"] + (1 - beta) * np.array([g, g * g])
        m, s = memory["rows"] / (1 - beta ** memory["t"])
        theta -= F.rate * m / (np.sqrt(s) + F.eps)

    return type("Other", (Answer,), dict(start=start, step=one))


def with_powers(Answer):
    """β₁ᵗ and β₂ᵗ are kept in place of t."""

    def start(F, theta):
        return dict(m=0 * theta, s=0 * theta, power1=1.0, power2=1.0)

    def one(F, theta, g, memory):
        memory["power1"] *= F.beta1
        memory["power2"] *= F.beta2
        memory["m"] = F.beta1 * memory["m"] + (1 - F.beta1) * g
        memory["s"] = F.beta2 * memory["s"] + (1 - F.beta2) * np.abs(g) ** 2
        m, s = memory["m"] / (1 - memory["power1"]), memory["s"] / (1 - memory["power2"])
        np.subtract(theta, F.rate * m / (np.sqrt(s) + F.eps), out=theta)

    return type("Other", (Answer,), dict(start=start, step=one))


def remembering(Answer):
    """All gradients are kept, and summed with their weights."""

    def one(F, theta, g, memory):
        memory["all"].append(g.copy())
        t = len(memory["all"])
        m, s = (
            sum(b ** (t - k) * G**p for k, G in enumerate(memory["all"], 1)) * (1 - b) / (1 - b**t)
            for b, p in ((F.beta1, 1), (F.beta2, 2))
        )
        theta[...] = theta - F.rate * m / (s**0.5 + F.eps)

    return type("Other", (Answer,), dict(start=lambda F, theta: {"all": []}, step=one))


def as_it_is(F, average, t):
    return average


WRONG = [
    ("predicted: gradient descent", "1.1", "Adam divides by √ŝ", answer(first=(-1e-4, 2))),
    ("predicted: nothing corrected", "1.1", "both are corrected", answer(
        first=(-0.1**0.5, 0.1**0.5))),
    ("predicted: uphill", "1.1", "θ goes down", answer(first=(0.1, -0.1))),
    ("predicted: the tenth step is like the first", "1.2", "after one step", answer(
        tenth=(-0.1, 0.1))),
    ("on the optimiser", "2.1", "put it in the dict", answer(start=on_itself)),
    ("m and s are one array", "2.1", "are one array: np.zeros_like(theta) is a new one", answer(start=one_array)),
    ("a new θ", "3.1", "is it theta -= …", step(move=new_array)),
    ("uphill", "3.1", "the sign is wrong", moving(lambda F, m, s, g: -F.rate * m / (np.sqrt(s) + F.eps))),
    ("no corrections", "3.1", "m is not corrected, and s, too", step(hat_m=as_it_is, hat_s=as_it_is)),
    ("s not corrected", "3.1", "s is not corrected", step(hat_s=as_it_is)),
    ("1 − β first", "3.1", "m has β and 1 − β exchanged, and s, too", step(
        lambda F, m, g: (1 - F.beta1) * m + F.beta1 * g,
        lambda F, s, g, m: (1 - F.beta2) * s + F.beta2 * g * g)),
    ("m as of momentum", "3.1", "m misses the factor 1 − β", step(lambda F, m, g: F.beta1 * m + g)),
    ("β₁ for both corrections", "3.1", "s is corrected with the other β", step(
        hat_s=lambda F, s, t: s / (1 - F.beta1**t))),
    ("no root", "3.1", "the root is missing", moving(lambda F, m, s, g: F.rate * m / (s + F.eps))),
    ("s of g", "3.1", "s is made of g, and not of g²", step(
        s_of=lambda F, s, g, m: F.beta2 * s + (1 - F.beta2) * g)),
    ("gradient descent", "3.1", "nothing is divided by √ŝ", moving(lambda F, m, s, g: F.rate * g)),
    ("t from 0", "3.1", "t is 0 in the first step, and 1 − β⁰ = 0", step(t0=-1)),
    ("β₂·t", "3.3", "s is divided by 1 − β·t", step(hat_s=lambda F, s, t: s / (1 - F.beta2 * t))),
    ("t from 2", "3.1", "m has t = 2 in the first step, and s, too", step(t0=1)),
    ("ε under the root", "3.2", "ε is under the root", moving(
        lambda F, m, s, g: F.rate * m / np.sqrt(s + F.eps))),
    ("ε a number", "3.2", "take self.eps", moving(
        lambda F, m, s, g: F.rate * m / (np.sqrt(s) + 1e-8))),
    ("m is not kept", "3.3", "m starts from 0 again", step(keep="s")),
    ("t is not counted", "3.3", "m is corrected as if t stayed 1", step(t0=1, count=0)),
    ("m̂ and ŝ are kept", "3.3", "m is kept after its correction, and s is kept", step(
        store=lambda m, s, m_hat, s_hat: (m_hat, s_hat))),
    ("β₁ and β₂ exchanged", "3.3", "m has the other β, and s has the other β", step(
        lambda F, m, g: F.beta2 * m + (1 - F.beta2) * g,
        lambda F, s, g, m: F.beta1 * s + (1 - F.beta1) * g * g,
        lambda F, m, t: m / (1 - F.beta2**t), lambda F, s, t: s / (1 - F.beta1**t))),
    ("the larger s (AMSGrad)", "3.4", "the first difference after step", step(
        s_of=lambda F, s, g, m: np.maximum(s, F.beta2 * s + (1 - F.beta2) * g * g))),
    ("factors: both 1/1000", "4.1", "what becomes of m̂", answer(factors=(1e-3, 1e-3))),
    ("t on the optimiser", "5.1", "is in self.t", counting_on_itself),
    # written without looking
    ("s is a sum over the entries", "3.1", "each has its own", step(
        s_of=lambda F, s, g, m: F.beta2 * s + (1 - F.beta2) * (g * g).sum())),
    ("the average of s with β₁", "3.1", "s has the other β in its average", step(
        s_of=lambda F, s, g, m: F.beta1 * s + (1 - F.beta1) * g * g)),
    ("brackets missing", "3.2", "brackets are missing", moving(
        lambda F, m, s, g: F.rate * m / np.sqrt(s) + F.eps)),
    ("0.9 for β₁", "3.3", "m has a number for one β", step(lambda F, m, g: 0.9 * m + (1 - F.beta1) * g)),
    ("g in place of m̂", "3.3", "m is made of the last gradient alone", moving(
        lambda F, m, s, g: F.rate * g / (np.sqrt(s) + F.eps))),
    ("(1 − β)ᵗ", "3.3", "s is divided by (1 − β)ᵗ", step(hat_s=lambda F, s, t: s / (1 - F.beta2) ** t)),
    ("predicted: exchanged factors", "4.1", "not 1: rate · 1000g must stay", answer(factors=(1, 1e-3))),
    ("s is 1 at first", "3.1", "s is 1 at first, and not 0", answer(start=lambda F, theta: {
        "t": 0, "m": np.zeros_like(theta), "s": np.ones_like(theta)})),
    ("|g| for g²", "3.1", "s is made of |g|", step(s_of=lambda F, s, g, m: F.beta2 * s + (1 - F.beta2) * np.abs(g))),
    ("((1 − β)g)²", "3.1", "only g is squared", step(s_of=lambda F, s, g, m: F.beta2 * s + ((1 - F.beta2) * g) ** 2)),
]  # fmt: skip

RIGHT = [
    ("in place, and one factor for both corrections", answer(step=efficient)),
    ("other names, t from 1, g**power", with_lists),
    ("powers of β in place of t", with_powers),
    ("m and s in a matrix", with_a_matrix),
    ("predicted as lists of integers and floats", answer(first=[-0.1, 0.1], tenth=[-1, 1.0])),
    # written without looking
    ("all gradients are remembered", remembering),
    ("m and s as numbers at first", answer(start=lambda F, theta: dict(t=0, m=0.0, s=0.0))),
]  # fmt: skip
