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


def drift_first(f, g, q, p, h):
    q = q + h / 2 * f(p)
    p = p + h * g(q)
    return q + h / 2 * f(p), p


def against_the_force(f, g, q, p, h):
    p = p - h / 2 * g(q)
    q = q + h * f(p)
    return q, p - h / 2 * g(q)


def without_h_in_the_drift(f, g, q, p, h):
    p = p + h / 2 * g(q)
    q = q + f(p)
    return q, p + h / 2 * g(q)


def without_h_in_the_kicks(f, g, q, p, h):
    p = p + g(q) / 2
    q = q + h * f(p)
    return q, p + g(q) / 2


def late_kick(f, g, q, p, h):
    q = q + h * f(p)
    return q, p + h / 2 * g(q)


def drift_and_kick(f, g, q, p, h):
    q = q + h * f(p)
    return q, p + h * g(q)


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


def eulers(f, g, q, p, h):
    return q + h * f(p), p + h * g(q)


def in_place(self, field, z, h):
    q, p = field.split(z)
    p += h / 2 * field.g(q)
    q += h * field.f(p)
    p += h / 2 * field.g(q)
    return joined(q, p)


def one_state(self, field, z, h):
    n = len(z) // 2
    q, p = z[:n], z[n:]
    p = p + h / 2 * field.g(q)
    q = q + h * field.f(p)
    return joined(q, p + h / 2 * field.g(q))


def first_axis(self, field, z, h):
    q, p = np.split(z, 2)
    p = p + h / 2 * field.g(q)
    q = q + h * field.f(p)
    return np.concatenate([q, p + h / 2 * field.g(q)])


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


def kicks_kept(self, field, z, h):
    q, p = field.split(z)
    p = p + h / 2 * field.g(q)
    q = q - h * field.f(p)
    return joined(q, p + h / 2 * field.g(q))


def drift_kept(self, field, z, h):
    q, p = field.split(z)
    p = p - h / 2 * field.g(q)
    q = q + h * field.f(p)
    return joined(q, p - h / 2 * field.g(q))


def whole_kicks_undone(self, field, z, h):
    q, p = field.split(z)
    p = p - h * field.g(q)
    q = q - h * field.f(p)
    return joined(q, p - h * field.g(q))


def one_kick_undone(self, field, z, h):
    q, p = field.split(z)
    p = p - h / 2 * field.g(q)
    return joined(q - h * field.f(p), p)


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
    dh_of=lambda dh: dh,
    end=False,
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
            dq, dg3 = (kick1 if old else kick3)(half * c * wp)
            d3, wq = (wp * k3).sum() / 2, wq + last * dq
            dp, df = (pull_old if old_drift else pull)(c * wq)
            d2, wp = ((w_q if end else wq) * k2).sum(), wp + drift * dp
            dq, dg1 = kick1(half * c * wp)
            d1 = ((w_p if end else wp) * k1).sum() / 2
            dh = hs[0] * d1 + hs[1] * d2 + hs[2] * d3
            return joined(wq + first * dq, wp), field.pack(**theta(dg1, df, dg3)), dh_of(dh)

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


def p_first(self, field, z, h):
    y, pullback = super(type(self), self).vjp(field, z, h)
    return y, lambda w: (np.roll(pullback(w)[0], 2, axis=-1), *pullback(w)[1:])


def without_dh(self, field, z, h):
    y, pullback = dnn.StormerVerlet().vjp(field, z, h)
    return y, lambda w: pullback(w)[:2]


def dh_of_each(self, field, z, h):
    y, pullback = dnn.StormerVerlet().vjp(field, z, h)
    return y, lambda w: (*pullback(w)[:2], (w * (y - z) / h).sum(axis=-1))


WRONG = [
    ("the last kick at the old q", "1.1", "the last kick is at q⁺: here it is at the old q", with_step(old_position)),
    ("the drift by the old p", "1.1", "the drift is by f(p½): here it is by f(p)", with_step(old_momentum)),
    ("whole kicks", "1.1", "both kicks are half ones, by h/2", with_step(whole_kicks)),
    ("one half kick", "1.1", "the last kick is missing", with_step(one_kick)),
    ("symplectic Euler", "1.1", "it is symplectic Euler: one whole kick, and a drift", with_step(symplectic_euler)),
    ("a drift and a kick", "1.1", "it is symplectic Euler: a drift, and one whole kick", with_step(drift_and_kick)),
    ("a drift and half a kick", "1.1", "the first kick is missing", with_step(late_kick)),
    ("p for f(p)", "1.1", "the drift is by f(p½): here it is by p½", with_step(by_the_momentum)),
    ("f and g exchanged", "1.1", "f and g are exchanged: q moves by f, p by g", with_step(lambda f, g, q, p, h: kick_drift_kick(g, f, q, p, h))),
    ("half a drift", "1.1", "the drift is of h: here it is of h/2", with_step(lambda f, g, q, p, h: kick_drift_kick(lambda p: f(p) / 2, g, q, p, h))),
    ("minus the drift", "1.1", "the drift has the wrong sign", with_step(lambda f, g, q, p, h: kick_drift_kick(lambda p: -f(p), g, q, p, h))),
    ("the last kick from the old p", "1.1", "p⁺ is p½ and a kick: here it is p and a kick", with_step(from_the_old_momentum)),
    ("no h in the kicks", "1.1", "the factor h of the kicks is missing", with_step(without_h_in_the_kicks)),
    ("drift, kick, drift", "1.1", "which is as good, and another method", with_step(drift_first)),
    ("minus the force", "1.1", "the kicks have the wrong sign: g is −∇V", with_step(against_the_force)),
    ("p first in the state", "1.1", "q and p are exchanged: q stands first", with_step(exchanged)),
    ("Euler's method", "1.1", "it is Euler's method", with_step(eulers)),
    ("no h in the drift", "1.1", "the factor h of the drift is missing", with_step(without_h_in_the_drift)),
    ("in place", "1.1", "an argument is changed", wrong(step=in_place)),
    ("no return", "1.1", "None: is there a return?", wrong(step=lambda self, field, z, h: None)),
    ("a pair is returned", "1.1", "must be an array, got (ndarray, ndarray)", wrong(step=lambda self, field, z, h: field.split(z))),
    ("split along the batch", "1.1", "q, p = np.split(z, 2)", wrong(step=first_axis)),
    ("written for one state", "1.1", "got an array of shape (1, 4)", wrong(step=one_state)),
    ("Euler keeps the energy", "2.1", "a is true: the energy changes by", wrong(predictions=lambda self: "cde")),
    ("symplectic keeps the energy", "2.1", "b is false: the error is up to 4", wrong(predictions=lambda self: "abcde")),
    ("the error grows", "2.1", "c is true: it is", wrong(predictions=lambda self: "ade")),
    ("the error is halved", "2.1", "d is true:", wrong(predictions=lambda self: "ace")),
    ("always reversible", "2.1", "f is false: the state is missed by", wrong(predictions=lambda self: "acdef")),
    ("predictions as True and False", "2.1", "predictions() returns letters", wrong(predictions=lambda self: {"a": True, "b": False})),
    ("the inverse by ρ", "3.2", "it is ρΨ^hρ, which is the inverse only if f(−p) = −f(p)", wrong(inverse=mirrored)),
    ("one ρ", "3.1", "it turns the velocity round, too", wrong(inverse=mirrored_once)),
    ("the step once more", "3.1", "it is the step itself", wrong(inverse=lambda self, field, z, h: self.step(field, z, h))),
    ("the drift undone first", "3.1", "undo the last kick first", wrong(inverse=drift_undone_first)),
    ("the kicks kept", "3.1", "the kicks are not undone", wrong(inverse=kicks_kept)),
    ("the drift kept", "3.1", "the drift is not undone", wrong(inverse=drift_kept)),
    ("whole kicks undone", "3.1", "the kicks are of h/2: here they are of h", wrong(inverse=whole_kicks_undone)),
    ("one kick undone", "3.1", "one of the kicks is not undone", wrong(inverse=one_kick_undone)),
    ("dz = w", "4.1", "it is w: what the three of them owe is missing", with_pullback(last=0, drift=0, first=0)),
    ("dz without the last kick", "4.1", "what the last kick owes to q⁺ is missing", with_pullback(last=0)),
    ("dz without the drift", "4.1", "what the drift owes to p½ is missing", with_pullback(drift=0)),
    ("dz without the first kick", "4.1", "what the first kick owes to q is missing", with_pullback(first=0)),
    ("one pullback for both kicks", "4.1", "the last kick is at q⁺: its pullback is at q", with_pullback(old=True)),
    ("the drift's pullback at p", "4.1", "the drift is at p½: its pullback is at p", with_pullback(old_drift=True)),
    ("the shears forwards", "4.1", "the order is wrong: back through the last kick first", wrong(vjp=forwards)),
    ("kicks of h", "4.1", "the kicks are of h/2: here they are of h", with_pullback(half=1)),
    ("no h", "4.1", "the factors h are missing", with_pullback(factor=1.0)),
    ("p first in dz", "4.1", "q and p are exchanged: q stands first", wrong(vjp=p_first)),
    ("all minus", "4.1", "the sign of what each of them owes is wrong", with_pullback(last=-1, drift=-1, first=-1)),
    ("another value", "4.1", "vjp and step give different values", with_pullback(value=lambda y, z: y + z)),
    ("two things returned", "4.1", "must return the triple dx, dtheta, dh", wrong(vjp=without_dh)),
    ("dθ of one kick", "4.2", "the first kick's share is missing: g is called twice", with_pullback(theta=lambda a, f, c: dict(f=f, g=c))),
    ("dθ of the other kick", "4.2", "the last kick's share is missing: g is called twice", with_pullback(theta=lambda a, f, c: dict(f=f, g=a))),
    ("dθ without f", "4.2", "the drift's share, the gradient of f, is missing", with_pullback(theta=lambda a, f, c: dict(g=a + c))),
    ("dθ without g", "4.2", "the gradient of g is missing", with_pullback(theta=lambda a, f, c: dict(f=f))),
    ("f and g exchanged in dθ", "4.2", "the gradients of f and g are exchanged", with_pullback(theta=lambda a, f, c: dict(f=a + c, g=f))),
    ("a mean of the kicks", "4.2", "g is called twice: a sum, and not a mean", with_pullback(theta=lambda a, f, c: dict(f=f, g=(a + c) / 2))),
    ("dh with whole kicks", "4.3", "the kicks are of h/2, and their share is a half", with_pullback(hs=(2, 1, 2))),
    ("dh of the drift alone", "4.3", "the kicks' share is missing", with_pullback(hs=(0, 1, 0))),
    ("dh without the first kick", "4.3", "the first kick's share is missing", with_pullback(hs=(0, 1, 1))),
    ("dh without the last kick", "4.3", "the last kick's share is missing", with_pullback(hs=(1, 1, 0))),
    ("dh without the drift", "4.3", "the drift's share is missing", with_pullback(hs=(1, 0, 1))),
    ("one h too many in dh", "4.3", "one factor h too many", with_pullback(dh_of=lambda dh: 0.4 * dh)),
    ("minus dh", "4.3", "the sign is wrong", with_pullback(dh_of=lambda dh: -dh)),
    ("dh with w of the end", "4.3", "here it is the w of the end throughout", with_pullback(end=True)),
    ("dh is zero", "4.3", "it is zero", with_pullback(hs=(0, 0, 0))),
    ("dh a mean", "4.3", "a mean over the batch of 3 instead of a sum", with_pullback(dh_of=lambda dh: dh / 3)),
    ("dh of each state", "4.1", "dh of Wrong", wrong(vjp=dh_of_each)),
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


RIGHT = [
    ("the drift in two halves", wrong(step=leapfrog)),
    ("into an array of float64", wrong(step=into_an_array)),
    ("in slices of a copy", wrong(step=by_slices)),
    ("the shears undone", wrong(inverse=shears_undone)),
    ("the factors behind the pullbacks", wrong(vjp=by_adjoint_of_flows)),
    ("predictions as a set", wrong(predictions=lambda self: {"e", "d", "c", "a"})),
]  # fmt: skip
