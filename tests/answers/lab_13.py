"""Answers to lab 13."""

import numpy as np

import dynsys_nn as dnn


def answer(**methods):
    return lambda Answer: type("Other", (Answer,), methods)()


def changed(name, change):
    return lambda Answer: type("Other", (Answer,), {
        name: lambda F, *given: change(getattr(Answer, name)(F, *given))})()  # fmt: skip


def rows(z):
    return np.arange(len(z))


def others(z, y):
    z = np.array(z)
    z[rows(z), y] = -np.inf
    return z


def pulled(sign_y, sign_j, chosen=lambda z, y: others(z, y).argmax(axis=-1), mean=1):
    """∇(±z_y ± z_j), with j as it is chosen."""

    def gradient(F, net, x, y):
        z, pullback = net.vjp(x)
        w = np.zeros_like(z)
        w[rows(z), y] += sign_y
        w[rows(z), chosen(z, y)] += sign_j
        return pullback(w)[0] / (len(x) if mean else 1)

    return gradient


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


def steps_projected(F, net, x, y, eps, steps=40):
    for _ in range(steps):
        x = x + F.project(-2.5 / steps * eps[:, None] * unit(F.gradient(net, x, y)), eps)
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
    ("logits changed", "1.1", "an argument is changed", answer(margin=without_y)),
    ("all onto the sphere", "2.1", "all moves to the sphere, and δ = 0 is 0/0", answer(
        project=lambda F, d, eps: d / length(d) * eps[:, None])),
    ("clipped entries", "2.1", "entries are clipped", answer(
        project=lambda F, d, eps: np.clip(d, -eps[:, None], eps[:, None]))),
    ("the norm of the batch", "2.1", "the norm is that of the batch", answer(
        project=lambda F, d, eps: d * np.minimum(1, eps[:, None] / np.linalg.norm(d)))),
    ("δ/max(‖δ‖, ε)", "2.1", "the factor ε is missing", answer(
        project=lambda F, d, eps: d / np.maximum(length(d), eps[:, None]))),
    ("eps without its axis", "2.1", "one number a state needs its axis", answer(
        project=lambda F, d, eps: d * np.minimum(1, eps / (np.linalg.norm(d, axis=-1) + 1e-99)))),
    ("∇(z_j − z_y)", "3.1", "the sign is wrong", answer(gradient=pulled(-1, 1, mean=0))),
    ("∇z_y", "3.1", "y = 2, it is z′(x)ᵀw with w = [0. 0. 1.]", answer(gradient=pulled(1, 0, mean=0))),
    ("j = argmax z", "3.1", "w = [0. 0. 0.]", answer(
        gradient=pulled(1, -1, lambda z, y: z.argmax(axis=-1), mean=0))),
    ("nothing projected", "4.1", "project δ after each step", answer(
        attack=descent(project=False))),
    ("δ returned", "4.1", "or x is missing", answer(attack=descent(end=lambda x, d: d))),
    ("x + δ in the ball", "4.1", "it is δ that lies in the ball", answer(attack=ball_around_zero)),
    ("∇m not divided by its length", "4.1", "not divided by ‖∇m‖", answer(
        attack=descent(lambda g: g))),
    ("∇m over the norm of the batch", "4.1", "alone each finds it", answer(
        attack=descent(lambda g: g / np.linalg.norm(g)))),
    ("one step", "4.1", "it is one step of all", answer(attack=one_step)),
    ("∇m at x", "4.2", "at most 0 ε from x, and not at x + δ", answer(attack=descent(at=lambda x, d: x))),
    ("steps of length 2.5 ε", "4.2", "the first step is 1 ε long", answer(attack=descent(lambda g: 40 * unit(g)))),
    ("m/ℓ", "5.1", "√2 is missing", radius(lambda m, L: np.maximum(0, m) / L)),
    ("m/2ℓ", "5.1", "2 for √2", radius(lambda m, L: np.maximum(0, m) / (2 * L))),
    ("ℓ as it is measured", "5.1", "If ℓ is measured, it certifies nothing", answer(
        radius=lambda F, net, x, y: np.maximum(0, F.margin(net(x), y))
        / (2**0.5 * dnn.lipschitz.measured(net, x, steps=20)))),
    ("|m|", "5.1", "where nothing is certain", radius(lambda m, L: np.abs(m) / 2**0.5 / L)),
    ("the gap guessed too small", "6.2", "times the radius, guessed", answer(guess=(1, 2))),
    # written without looking
    ("the second of all", "1.1", "the second largest of all", answer(
        margin=lambda F, z, y: z[rows(z), y] - np.sort(z)[:, -2])),
    ("z_y as 0 in the maximum", "1.1", "z_y is 0 in the maximum", answer(
        margin=lambda F, z, y: z[rows(z), y] - (z * (np.arange(4) != y[:, None])).max(axis=-1))),
    ("z_y after it was overwritten", "1.1", "overwritten before it is used", answer(
        margin=lambda F, z, y: others(z, y)[rows(z), y] - others(z, y).max(axis=-1))),
    ("the norm squared", "2.1", "the norm is squared", answer(project=lambda F, d, eps: d
        * np.minimum(1, eps[:, None] / np.maximum(length(d) ** 2, 1e-300)))),
    ("length 1 outside", "2.1", "gets length 1, and not ε", answer(project=lambda F, d, eps: np.where(
        length(d) > eps[:, None], d / np.maximum(length(d), 1e-300), d))),
    ("all j", "3.1", "y = 0, it is z′(x)ᵀw with w = [ 1. -1. -1.]", answer(gradient=lambda F, net, x, y: net.vjp(x)[1](
        2 * np.eye(3)[y] - 1)[0])),
    ("dx and dtheta", "3.1", "got one tuple", answer(
        gradient=lambda F, net, x, y: net.vjp(x)[1](np.ones((len(x), 3))))),
    ("rows summed", "3.1", "are rows mixed", changed("gradient", lambda g: g + g.sum(axis=0))),
    ("a return in the loop", "4.1", "it is one step of all", answer(
        attack=lambda F, net, x, y, eps, steps=40: x - 2.5 / steps * eps[:, None] * unit(F.gradient(net, x, y)))),
    ("always 40 steps", "4.2", "the first step is 0.0625 ε long, of 10 steps", lambda Answer: answer(
        attack=lambda F, net, x, y, eps, steps=40: Answer.attack(F, net, x, y, eps))(Answer)),
    ("each step projected, and not δ", "4.1", "project δ after each step", answer(attack=steps_projected)),
    ("net.lipschitz without brackets", "5.1", "are the brackets missing", answer(
        radius=lambda F, net, x, y: F.margin(net(x), y) / 2**0.5 / net.lipschitz)),
    ("linear gaps: the largest entry", "6.1", "what is ℓ", answer(linear_gaps=(1, 3 * 2**0.5))),
    ("2.5 left out", "4.2", "the factor 2.5 is missing", answer(attack=descent(lambda g: unit(g) / 2.5))),
    ("m/√2·ℓ", "5.1", "ℓ multiplies: brackets", radius(lambda m, L: np.maximum(0, m) / 2**0.5 * L)),
    ("a mean over the others", "1.1", "it is a mean over j", answer(margin=lambda F, z, y: z[rows(z), y]
        - np.ma.masked_invalid(others(z, y)).mean(axis=-1).data)),
    ("a sum over the others", "1.1", "it is a sum over j", answer(margin=lambda F, z, y: 2 * z[rows(z), y] - z.sum(axis=-1))),
    ("the smallest of the others", "1.1", "the smallest of the others", answer(margin=lambda F, z, y: z[rows(z), y]
        - np.abs(others(z, y) + 99).min(axis=-1) + 99)),
    ("max for min", "2.1", "max stands where min belongs", answer(
        project=lambda F, d, eps: d * np.maximum(1, eps[:, None] / np.maximum(length(d), 1e-99)))),
    ("the norm over ε", "2.1", "upside down", answer(project=lambda F, d, eps: d * np.minimum(1, length(d) / eps[:, None]))),
    ("√2 m/ℓ", "5.1", "√2 multiplies", radius(lambda m, L: np.maximum(0, m) * 2**0.5 / L)),
    ("m/√2", "5.1", "ℓ is missing", radius(lambda m, L: np.maximum(0, m) / 2**0.5)),
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
    # written without looking
    ("the projection as a list of rows", answer(project=lambda F, d, eps: [
        a if np.sqrt(a @ a) <= e else e * a / np.sqrt(a @ a) for a, e in zip(d, eps, strict=True)])),
    ("w by a double loop", answer(gradient=lambda F, net, x, y: net.vjp(x)[1](np.array([
        [(k == i) - float(k == j) for k in range(net.dim_out)]
        for i, j in zip(y, others(net(x), y).argmax(axis=-1), strict=True)]))[0])),
]  # fmt: skip
