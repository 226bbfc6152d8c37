"""Answers to lab 13."""

import numpy as np

import dynsys_nn as dnn


def answer(**methods):
    return lambda Answer: type("Other", (Answer,), methods)()


def rows(z):
    return np.arange(len(z))


def others(z, y):
    z = np.array(z)
    z[rows(z), y] = -np.inf
    return z


def softmax(z):
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def pulled(sign_y, sign_j, chosen=lambda z, y: others(z, y).argmax(axis=-1), mean=1):
    """∇(±z_y ± z_j), with j as it is chosen."""

    def gradient(F, net, x, y):
        z, pullback = net.vjp(x)
        w = np.zeros_like(z)
        w[rows(z), y] += sign_y
        w[rows(z), chosen(z, y)] += sign_j
        return pullback(w)[0] / (len(x) if mean else 1)

    return gradient


def of_softmax(F, net, x, y):
    z, pullback = net.vjp(x)
    return pullback(np.eye(z.shape[1])[y] - softmax(z))[0]


def unit(g, axis=-1):
    return g / np.maximum(np.linalg.norm(g, axis=axis, keepdims=True), 1e-300)


def descent(move=unit, sign=-1, at=lambda x, d: x + d, project=True, end=lambda x, d: x + d):
    """The attack, with mistakes where they are made."""

    def attack(F, net, x, y, eps, steps=40):
        delta = np.zeros_like(x)
        for _ in range(steps):
            g = F.gradient(net, at(x, delta), y)
            delta = delta + sign * 2.5 / steps * eps[:, None] * move(g)
            delta = F.project(delta, eps) if project else delta
        return end(x, delta)

    return attack


def one_step(F, net, x, y, eps, steps=40):
    for _ in range(steps):
        delta = -2.5 / steps * eps[:, None] * unit(F.gradient(net, x, y))
    return x + F.project(delta, eps)


def ball_around_zero(F, net, x, y, eps, steps=40):
    for _ in range(steps):
        x = F.project(x - 2.5 / steps * eps[:, None] * unit(F.gradient(net, x, y)), eps)
    return x


def in_place(F, net, x, y, eps, steps=40):
    for _ in range(steps):
        x -= 2.5 / steps * eps[:, None] * unit(F.gradient(net, x, y))
    return x


def from_a_random_start(F, net, x, y, eps, steps=40):
    """And the smallest margin that was seen."""
    delta = F.project(np.random.default_rng(0).normal(size=x.shape), 0.5 * eps)
    best, least = np.array(x), F.margin(net(x), y)
    for _ in range(steps):
        g = F.gradient(net, x + delta, y)
        delta = F.project(delta - 2.5 / steps * eps[:, None] * unit(g), eps)
        m = F.margin(net(x + delta), y)
        better = m < least
        best[better], least[better] = (x + delta)[better], m[better]
    return best


def stopping(F, net, x, y, eps, steps=40):
    """Those whose label has changed stay."""
    delta, stands = np.zeros_like(x), np.ones(len(x), bool)
    for _ in range(steps):
        g = F.gradient(net, x + delta, y)
        new = F.project(delta - 2.5 / steps * eps[:, None] * unit(g), eps)
        delta = np.where(stands[:, None], new, delta)
        stands = net(x + delta).argmax(axis=-1) == y
    return x + delta


def sorted_margin(F, z, y):
    """By sorting: the best of the others is the last but one, or the last."""
    order = np.argsort(z, axis=-1)
    best = np.where(order[:, -1] == y, order[:, -2], order[:, -1])
    return z[rows(z), y] - z[rows(z), best]


def margin_of_loops(F, z, y):
    return [a[k] - max(a[j] for j in range(len(a)) if j != k) for a, k in zip(z, y, strict=True)]


def without_y(F, z, y):
    z[rows(z), y] = -np.inf
    return -z.max(axis=-1)


def length(delta):
    return np.linalg.norm(delta, axis=-1, keepdims=True)


def radius(formula):
    return answer(radius=lambda F, net, x, y: formula(F.margin(net(x), y), net.lipschitz()))


WRONG = [
    ("the largest of all logits", "1.1", "y is among the j", answer(
        margin=lambda F, z, y: z[rows(z), y] - z.max(axis=-1))),
    ("z_j − z_y", "1.1", "the sign is wrong", answer(
        margin=lambda F, z, y: others(z, y).max(axis=-1) - z[rows(z), y])),
    ("the two largest logits", "1.1", "y is given", answer(
        margin=lambda F, z, y: np.sort(z)[:, -1] - np.sort(z)[:, -2])),
    ("probabilities", "1.1", "differences of probabilities", answer(
        margin=lambda F, z, y: softmax(z)[rows(z), y] - others(softmax(z), y).max(axis=-1))),
    ("a mean over the batch", "1.1", "shape ()", answer(
        margin=lambda F, z, y: np.mean(z[rows(z), y] - others(z, y).max(axis=-1)))),
    ("logits changed", "1.1", "an argument is changed", answer(margin=without_y)),
    ("no return", "1.1", "is there a return?", answer(margin=lambda F, z, y: None)),
    ("all onto the sphere", "2.1", "0/0: its norm is 0; and what is in the ball moves", answer(
        project=lambda F, d, eps: d / length(d) * eps[:, None])),
    ("all onto the sphere, and 0 stays", "2.1", "what is in the ball moves", answer(
        project=lambda F, d, eps: d / np.maximum(length(d), 1e-300) * eps[:, None])),
    ("clipped entries", "2.1", "each entry is clipped", answer(
        project=lambda F, d, eps: np.clip(d, -eps[:, None], eps[:, None]))),
    ("the norm of the batch", "2.1", "the whole batch: axis=-1", answer(
        project=lambda F, d, eps: d * np.minimum(1, eps[:, None] / np.linalg.norm(d)))),
    ("δ/max(‖δ‖, ε)", "2.1", "the factor ε is missing", answer(
        project=lambda F, d, eps: d / np.maximum(length(d), eps[:, None]))),
    ("max for min", "2.1", "what is inside moves out", answer(
        project=lambda F, d, eps: d * np.maximum(1, eps[:, None] / np.maximum(length(d), 1e-9)))),
    ("eps without its axis", "2.1", "", answer(
        project=lambda F, d, eps: d * np.minimum(1, eps / np.linalg.norm(d, axis=-1)))),
    ("∇(z_j − z_y)", "3.1", "the sign is wrong", answer(gradient=pulled(-1, 1, mean=0))),
    ("∇z_y", "3.1", "z_j is missing", answer(gradient=pulled(1, 0, mean=0))),
    ("z_j added", "3.1", "z_j is subtracted", answer(gradient=pulled(1, 1, mean=0))),
    ("j = argmax z", "3.1", "j is the largest of all logits", answer(
        gradient=pulled(1, -1, lambda z, y: z.argmax(axis=-1), mean=0))),
    ("∇ of the mean margin", "3.1", "a mean over the batch", answer(gradient=pulled(1, -1))),
    ("∇ of the softmax", "3.1", "gradient of a softmax", answer(gradient=of_softmax)),
    ("∇m in θ", "3.1", "needed are numbers of shape", answer(
        gradient=lambda F, net, x, y: net.vjp(x)[1](np.ones((len(x), 3)))[1])),
    ("both of the pullback", "3.1", "2 things are returned", answer(
        gradient=lambda F, net, x, y: net.vjp(x)[1](np.ones((len(x), 3))))),
    ("nothing projected", "4.1", "project δ after each step", answer(
        attack=descent(project=False))),
    ("δ returned", "4.1", "or x is missing", answer(attack=descent(end=lambda x, d: d))),
    ("x + δ in the ball", "4.1", "it is δ that lies in the ball", answer(attack=ball_around_zero)),
    ("x changed", "4.1", "an argument is changed", answer(attack=in_place)),
    ("upwards", "4.2", "the margin grows", answer(attack=descent(sign=1))),
    ("∇m not divided by its length", "4.2", "divide ∇m by ‖∇m‖", answer(
        attack=descent(lambda g: g))),
    ("signs", "4.2", "sign ∇m", answer(attack=descent(lambda g: np.sign(g) / 3**0.5))),
    ("∇m over the norm of the batch", "4.2", "axis=-1 is missing?", answer(
        attack=descent(lambda g: g / np.linalg.norm(g)))),
    ("one step", "4.2", "it is one step of all", answer(attack=one_step)),
    ("∇m at x", "4.3", "take it at x + δ", answer(attack=descent(at=lambda x, d: x))),
    ("∇m at δ", "4.3", "taken elsewhere", answer(attack=descent(at=lambda x, d: d))),
    ("∇m at x − δ", "4.3", "taken elsewhere", answer(attack=descent(at=lambda x, d: x - d))),
    ("steps of length 2.5 ε", "4.3", "to and fro", answer(attack=descent(lambda g: 40 * unit(g)))),
    ("m/ℓ", "5.1", "√2 is missing", radius(lambda m, L: np.maximum(0, m) / L)),
    ("m/2ℓ", "5.1", "2 for √2", radius(lambda m, L: np.maximum(0, m) / (2 * L))),
    ("√2 m/ℓ", "5.1", "√2 is on the wrong side", radius(
        lambda m, L: np.maximum(0, m) * 2**0.5 / L)),
    ("no ℓ", "5.1", "ℓ is missing", radius(lambda m, L: np.maximum(0, m) / 2**0.5)),
    ("negative radii", "5.1", "negative where the label is not y", radius(
        lambda m, L: m / 2**0.5 / L)),
    ("ℓ as it is measured", "5.1", "a measured ℓ certifies nothing", answer(
        radius=lambda F, net, x, y: np.maximum(0, F.margin(net(x), y))
        / (2**0.5 * dnn.lipschitz.measured(net, x, steps=20)))),
    ("ℓ too small for the trained networks", "5.2", "labels change inside", lambda Answer: answer(
        radius=lambda F, net, x, y: Answer.radius(F, net, x, y) * (3 if net.dim_in == 2 else 1))(
            Answer)),
    ("|m|", "5.1", "0, and not |m|", radius(lambda m, L: np.abs(m) / 2**0.5 / L)),
    ("linear gaps: no √2", "6.1", "√2 is missing", answer(linear_gaps=(2**-0.5, 13**0.5))),
    ("linear gaps: upside down", "6.1", "the second: it is upside down", answer(
        linear_gaps=(1, 26**-0.5))),
    ("linear gaps: one number", "6.1", "two positive numbers", answer(linear_gaps=1.0)),
    ("the gap guessed too small", "6.2", "times the radius, guessed", answer(guess=(1, 2))),
]  # fmt: skip

RIGHT = [
    ("it stops where the label changes", answer(attack=stopping)),
    ("the margin by sorting", answer(margin=sorted_margin)),
    ("the margin as a list", answer(margin=margin_of_loops)),
    ("the projection by np.where", answer(project=lambda F, d, eps: np.where(
        length(d) > eps[:, None], d * (eps[:, None] / np.maximum(length(d), 1e-300)), d))),
    ("the gradient by jacobian", answer(gradient=lambda F, net, x, y: net.jacobian(x)[rows(x), y]
        - net.jacobian(x)[rows(x), others(net(x), y).argmax(axis=-1)])),
    ("a random start, and the best point that was seen", answer(attack=from_a_random_start)),
    ("the package's certificate", answer(radius=lambda F, net, x, y: np.where(
        net(x).argmax(axis=-1) == y, dnn.lipschitz.certified_radius(net, x, pairwise=False), 0))),
    ("linear gaps to three digits", answer(linear_gaps=[1.0, 5.10])),
]  # fmt: skip
