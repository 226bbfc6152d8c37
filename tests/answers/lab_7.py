"""Answers to lab 7."""

import numpy as np

import dynsys_nn as dnn


def wrong(**methods):
    """The solution, with these methods in place of its own."""
    return lambda Answer: type("Wrong", (Answer,), methods)()


def joined(q, p):
    return np.concatenate([q, p], axis=-1)


def with_step(body):
    """The step, (q⁺, p⁺) = body(f, g, q, p, h)."""

    def step(self, field, z, h):
        return joined(*body(field.f, field.g, *field.split(z), h))

    return wrong(step=step)


def old_position(f, g, q, p, h):
    k = g(q)
    p = p + h / 2 * k
    return q + h * f(p), p + h / 2 * k


def old_momentum(f, g, q, p, h):
    q_new = q + h * f(p)
    p = p + h / 2 * g(q)
    return q_new, p + h / 2 * g(q_new)


def whole_kicks(f, g, q, p, h):
    p = p + h * g(q)
    q = q + h * f(p)
    return q, p + h * g(q)


def one_kick(f, g, q, p, h):
    p = p + h / 2 * g(q)
    return q + h * f(p), p


def symplectic_euler(f, g, q, p, h):
    p = p + h * g(q)
    return q + h * f(p), p


def against_the_force(f, g, q, p, h):
    p = p - h / 2 * g(q)
    q = q + h * f(p)
    return q, p - h / 2 * g(q)


def kick_drift_kick(f, g, q, p, h):
    p = p + h / 2 * g(q)
    q = q + h * f(p)
    return q, p + h / 2 * g(q)


def by_the_momentum(f, g, q, p, h):
    return kick_drift_kick(lambda p: p, g, q, p, h)


def from_the_old_momentum(f, g, q, p, h):
    q = q + h * f(p + h / 2 * g(q))
    return q, p + h / 2 * g(q)


def exchanged(f, g, q, p, h):
    p = p + h / 2 * g(q)
    q = q + h * f(p)
    return p + h / 2 * g(q), q


def in_place(self, field, z, h):
    q, p = field.split(z)
    p += h / 2 * field.g(q)
    q += h * field.f(p)
    p += h / 2 * field.g(q)
    return joined(q, p)


def mirrored(self, field, z, h):
    def rho(z):
        q, p = field.split(z)
        return joined(q, -p)

    return rho(self.step(field, rho(z), h))


def mirrored_once(self, field, z, h):
    q, p = field.split(z)
    return self.step(field, joined(q, -p), h)


def drift_undone_first(self, field, z, h):
    q, p = field.split(z)
    q = q - h * field.f(p)
    return joined(q, p - h / 2 * field.g(q) - h / 2 * field.g(q))


def drift_kept(self, field, z, h):
    q, p = field.split(z)
    p = p - h / 2 * field.g(q)
    q = q + h * field.f(p)
    return joined(q, p - h / 2 * field.g(q))


def with_pullback(
    half=0.5,
    theta=lambda dg1, df, dg3: dict(f=df, g=dg1 + dg3),
    last=1,
    drift=1,
    first=1,
    old=False,
    old_drift=False,
    hs=(1, 1, 1),
    factor=None,
    dh_of=lambda dh, h: dh,
    end=False,
    kept=1,
    last_half=1,
    first_half=1,
    covector=lambda wq, w_q: wq,
    value=lambda y, z: y,
):
    """The solution's pullback with one piece of it changed."""

    def vjp(self, field, z, h):
        q, p = field.split(z)
        k1, kick1 = field.g.vjp(q)
        pull_old = field.f.vjp(p)[1]
        p = p + h / 2 * k1
        k2, pull = field.f.vjp(p)
        q = q + h * k2
        k3, kick3 = field.g.vjp(q)
        y = joined(q, p + h / 2 * k3)
        c = h if factor is None else factor

        def pullback(w):
            wq, wp = w_q, w_p = field.split(w)
            dq, dg3 = (kick1 if old else kick3)(last_half * half * c * wp)
            d3, wq = (wp * k3).sum() / 2, wq + last * dq
            dp, df = (pull_old if old_drift else pull)(c * covector(wq, w_q))
            d2, wp = ((w_q if end else covector(wq, w_q)) * k2).sum(), kept * wp + drift * dp
            dq, dg1 = kick1(first_half * half * c * wp)
            d1 = ((w_p if end else wp) * k1).sum() / 2
            dh = hs[0] * d1 + hs[1] * d2 + hs[2] * d3
            return joined(wq + first * dq, wp), field.pack(**theta(dg1, df, dg3)), dh_of(dh, h)

        return value(y, z), pullback

    return wrong(vjp=vjp)


def forwards(self, field, z, h):
    """Back through the first kick first."""
    q, p = field.split(z)
    k1, kick1 = field.g.vjp(q)
    p = p + h / 2 * k1
    k2, drift = field.f.vjp(p)
    q = q + h * k2
    k3, kick3 = field.g.vjp(q)

    def pullback(w):
        wq, wp = field.split(w)
        dq, dg1 = kick1(h / 2 * wp)
        wq = wq + dq
        dp, df = drift(h * wq)
        wp = wp + dp
        dq, dg3 = kick3(h / 2 * wp)
        dh = (wp * (k1 + k3)).sum() / 2 + (wq * k2).sum()
        return joined(wq + dq, wp), field.pack(f=df, g=dg1 + dg3), dh

    return joined(q, p + h / 2 * k3), pullback


def dh_of_each(self, field, z, h):
    y, pullback = dnn.StormerVerlet().vjp(field, z, h)
    return y, lambda w: (*pullback(w)[:2], pullback(w)[2] * np.ones(z.shape[:-1]))


def first_kick_whole(f, g, q, p, h):
    p = p + h * g(q)
    q = q + h * f(p)
    return q, p + h / 2 * g(q)


def first_kick_back(f, g, q, p, h):
    p = p - h / 2 * g(q)
    q = q + h * f(p)
    return q, p + h / 2 * g(q)


def last_kick_back(f, g, q, p, h):
    p = p + h / 2 * g(q)
    q = q + h * f(p)
    return q, p - h / 2 * g(q)


def drift_by_q(f, g, q, p, h):
    p = p + h / 2 * g(q)
    q = q + h * f(q)
    return q, p + h / 2 * g(q)


def half_lost(f, g, q, p, h):
    p = p + h / 2 * g(q)
    q = q + h * f(p)
    return q, h / 2 * g(q)


def force_on_self(self, field, z, h):
    q, p = field.split(z)
    if getattr(self, "field", None) is not field or self.force.shape != q.shape:
        self.field, self.force = field, field.g(q)
    p = p + h / 2 * self.force
    q = q + h * field.f(p)
    self.force = field.g(q)
    return joined(q, p + h / 2 * self.force)


def with_inverse(body):
    """The inverse, (q, p) = body(f, g, q⁺, p⁺, h)."""

    def inverse(self, field, z, h):
        return joined(*body(field.f, field.g, *field.split(z), h))

    return wrong(inverse=inverse)


def both_at_the_end(f, g, q, p, h):
    k = g(q)
    p = p - h / 2 * k
    return q - h * f(p), p - h / 2 * k


def drift_by_the_end(f, g, q, p, h):
    half = p - h / 2 * g(q)
    q = q - h * f(p)
    return q, half - h / 2 * g(q)


def made_again(f, g, q, p, h):
    p = p - h / 2 * g(q)
    q = q - h * f(p)
    return q, p + h / 2 * g(q)


def dh_at_the_start(self, field, z, h):
    y, pullback = dnn.StormerVerlet().vjp(field, z, h)
    return y, lambda w: (*pullback(w)[:2], (w * field(z)).sum())


WRONG = [
    ("the last kick at the old q", "1.1", "the last kick is at q⁺: here it is at the old q", with_step(old_position)),
    ("the drift by the old p", "1.1", "the drift is by f(p½): here it is by f(p)", with_step(old_momentum)),
    ("whole kicks", "1.1", "both kicks are half ones, by h/2", with_step(whole_kicks)),
    ("one half kick", "1.1", "the last kick is missing", with_step(one_kick)),
    ("symplectic Euler", "1.1", "it is symplectic Euler: one whole kick, and a drift", with_step(symplectic_euler)),
    ("p for f(p)", "1.1", "the drift is by f(p½): here it is by p½", with_step(by_the_momentum)),
    ("the last kick from the old p", "1.1", "p⁺ is p½ and a kick: here it is p and a kick", with_step(from_the_old_momentum)),
    ("minus the force", "1.1", "the kicks have the wrong sign: g is −∇V", with_step(against_the_force)),
    ("in place", "1.1", "an argument is changed", wrong(step=in_place)),
    ("symplectic keeps the energy", "2.1", "b is false: the error is up to 4", wrong(predictions=lambda self: "abcde")),
    ("the error grows", "2.1", "c is true: over 40 steps", wrong(predictions=lambda self: "ade")),
    ("always reversible", "2.1", "f is false: the state is missed by", wrong(predictions=lambda self: "acdef")),
    ("the inverse by ρ", "3.1", "it is ρΨ^hρ, which is the inverse only if f(−p) = −f(p)", wrong(inverse=mirrored)),
    ("one ρ", "3.1", "it turns the velocity round, too", wrong(inverse=mirrored_once)),
    ("the step once more", "3.1", "it is the step itself", wrong(inverse=lambda self, field, z, h: self.step(field, z, h))),
    ("the drift undone first", "3.1", "the drift is undone before the last kick", wrong(inverse=drift_undone_first)),
    ("the drift kept", "3.1", "or the kicks are undone, but not the drift", wrong(inverse=drift_kept)),
    ("dz without the last kick", "4.1", "what the last kick owes to q⁺ is missing", with_pullback(last=0)),
    ("one pullback for both kicks", "4.1", "the last kick is at q⁺: its pullback is at q", with_pullback(old=True)),
    ("the shears forwards", "4.1", "the order is wrong: back through the last kick first", wrong(vjp=forwards)),
    ("kicks of h", "4.1", "the kicks are by h/2: here they are by h", with_pullback(half=1)),
    ("dθ of one kick", "4.2", "the first kick's share is missing: g is called twice", with_pullback(theta=lambda a, f, c: dict(f=f, g=c))),
    ("f and g exchanged in dθ", "4.2", "the gradients of f and g are exchanged", with_pullback(theta=lambda a, f, c: dict(f=a + c, g=f))),
    ("dh with whole kicks", "4.3", "the kicks are by h/2, and their share is a half", with_pullback(hs=(2, 1, 2))),
    ("dh with w of the end", "4.3", "w changes on the way back: here all have the old one", with_pullback(end=True)),
    # written without looking
    ("the first kick alone by h", "1.1", "the first kick is by h/2: here it is by h", with_step(first_kick_whole)),
    ("minus the last kick alone", "1.1", "the last kick has the wrong sign", with_step(last_kick_back)),
    ("f of q", "1.1", "the drift is by f(p½): here it is by f(q)", with_step(drift_by_q)),
    ("p½ lost", "1.1", "p⁺ is p½ and a kick: here p½ is missing", with_step(half_lost)),
    ("the force left on self", "1.2", "a state has another value than alone", wrong(step=force_on_self)),
    ("one force for both kicks undone", "3.1", "both kicks are undone at q⁺", with_inverse(both_at_the_end)),
    ("the drift undone by f at p⁺", "3.1", "the drift is undone by f at p⁺, and not at p½", with_inverse(drift_by_the_end)),
    ("a sign forgotten in the inverse", "3.1", "the first kick is not undone, but made again", with_inverse(made_again)),
    ("the drift's pullback of the old w", "4.1", "w changes on the way back: the drift has the old one", with_pullback(covector=lambda wq, w_q: w_q)),
    ("dp in place of w_p + dp", "4.1", "a drift keeps p: the term w of p is missing", with_pullback(kept=0)),
    ("the last kick alone by h in dz", "4.1", "the last kick is by h/2: here it is by h", with_pullback(last_half=2)),
    ("dh of Euler's method", "4.3", "it is ⟨w, X(z)⟩, that of Euler's method", wrong(vjp=dh_at_the_start)),
    ("the first kick whole, on the way back", "4.1", "the first kick is by h/2: here it is by h", with_pullback(first_half=2)),
    ("the first kick with a minus", "1.1", "the first kick has the wrong sign", with_step(first_kick_back)),
    ("dh with the last kick whole", "4.3", "the last kick's share is a half of ⟨w, g⟩: here it is all", with_pullback(hs=(1, 1, 2))),
    ("dh with the first kick whole", "4.3", "the first kick's share is a half of ⟨w, g⟩: here it is all", with_pullback(hs=(2, 1, 1))),
    ("dh summed over the last axis", "4.4", "is a sum missing?", wrong(vjp=dh_of_each)),
]  # fmt: skip


def leapfrog(self, field, z, h):
    """Two steps of symplectic Euler, one of each kind, of half the length."""
    q, p = field.split(z)
    half = p + h / 2 * field.g(q)
    q_half = q + h / 2 * field.f(half)
    q = q_half + h / 2 * field.f(half)
    return joined(q, half + h / 2 * field.g(q))


def into_an_array(self, field, z, h):
    n, y = z.shape[-1] // 2, np.zeros(z.shape)
    half = z[..., n:] + h / 2 * field.g(z[..., :n])
    y[..., :n] = z[..., :n] + h * field.f(half)
    y[..., n:] = half + h / 2 * field.g(y[..., :n])
    return y


def by_slices(self, field, z, h):
    n = z.shape[-1] // 2
    y = np.array(z)
    y[..., n:] += h / 2 * field.g(y[..., :n])
    y[..., :n] += h * field.f(y[..., n:])
    y[..., n:] += h / 2 * field.g(y[..., :n])
    return y


def shears_undone(self, field, z, h):
    q, p = field.split(z)
    p = p - h / 2 * field.g(q)
    q = q - h * field.f(p)
    return joined(q, p - h / 2 * field.g(q))


def by_adjoint_of_flows(self, field, z, h):
    """Symplectic Euler of h/2 and its adjoint, each with its own pullback."""
    q, p = field.split(z)
    g1, back1 = field.g.vjp(q)
    half = p + 0.5 * h * g1
    f1, back2 = field.f.vjp(half)
    q_new = q + h * f1
    g2, back3 = field.g.vjp(q_new)

    def pullback(w):
        wq, wp = np.split(w, 2, axis=-1)
        from_g2, theta2 = back3(wp)
        at_q = wq + 0.5 * h * from_g2
        from_f, theta_f = back2(at_q)
        at_half = wp + h * from_f
        from_g1, theta1 = back1(at_half)
        dtheta = np.concatenate([h * theta_f, 0.5 * h * (theta1 + theta2)])
        dh = float(np.vdot(at_q, f1) + 0.5 * np.vdot(wp, g2) + 0.5 * np.vdot(at_half, g1))
        return joined(at_q + 0.5 * h * from_g1, at_half), dtheta, dh

    return joined(q_new, half + 0.5 * h * g2), pullback


def by_a_stack(self, field, z, h):
    q, p = np.split(z, 2, axis=-1)
    p = np.add(p, h * field.g(q) / 2)
    q = np.add(q, np.multiply(h, field.f(p)))
    p = np.add(p, h * field.g(q) / 2)
    return np.stack([*np.moveaxis(q, -1, 0), *np.moveaxis(p, -1, 0)], axis=-1)


def part_by_part(self, field, z, h):
    """The three shears in a loop, with what they read and what they move."""
    n = z.shape[-1] // 2
    q, p = np.s_[..., :n], np.s_[..., n:]
    y, saved = z.copy(), []
    for name, read, move, c in (("g", q, p, 0.5), ("f", p, q, 1.0), ("g", q, p, 0.5)):
        k, pullback = getattr(field, name).vjp(y[read].copy())
        y[move] += c * h * k
        saved.append((name, read, move, c, k, pullback))

    def back(w):
        w, dtheta, dh = w.copy(), {"f": 0.0, "g": 0.0}, 0.0
        for name, read, move, c, k, pullback in saved[::-1]:
            dh += c * np.einsum("...i,...i->...", w[move], k).sum()
            dx, own = pullback(c * h * w[move])
            w[read] += dx
            dtheta[name] = dtheta[name] + own
        return w, field.pack(**dtheta), dh

    return y, back


RIGHT = [
    ("the drift in two halves", wrong(step=leapfrog)),
    ("into an array of float64", wrong(step=into_an_array)),
    ("in slices of a copy", wrong(step=by_slices)),
    ("the shears undone", wrong(inverse=shears_undone)),
    ("the factors behind the pullbacks", wrong(vjp=by_adjoint_of_flows)),
    ("predictions as a set", wrong(predictions=lambda self: {"e", "d", "c", "a"})),
    # written without looking
    ("predictions with commas", wrong(predictions=lambda self: "a, c, d, e")),
    ("a loop over the shears", wrong(vjp=part_by_part)),
    ("joined by a stack, with letters as a tuple", wrong(
        predictions=lambda self: ("e", "d", "c", "a"), step=by_a_stack)),
]  # fmt: skip
