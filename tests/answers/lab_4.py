"""Answers to lab 4."""

import numpy as np


def split(z):
    return np.split(z, 2, axis=-1)


def join(*parts):
    return np.concatenate(parts, axis=-1)


def with_(**methods):
    return lambda Answer: type("Wrong", (Answer,), methods)()


# ---- values


def old_x(self, z):
    x, v = split(z)
    x_new = x + self.h * np.tanh(v @ self.A.T + self.a)
    return join(x_new, v + self.h * np.tanh(x @ self.B.T + self.b))


def in_place(self, z):
    x, v = split(z)
    x += self.h * np.tanh(v @ self.A.T + self.a)
    v += self.h * np.tanh(x @ self.B.T + self.b)
    return join(x, v)


def no_step(self, z):
    x, v = split(z)
    x = x + np.tanh(v @ self.A.T + self.a)
    return join(x, v + np.tanh(x @ self.B.T + self.b))


def minus(self, z):
    x, v = split(z)
    x = x + self.h * np.tanh(v @ self.A.T + self.a)
    return join(x, v - self.h * np.tanh(x @ self.B.T + self.b))


def transposed(self, z):
    x, v = split(z)
    x = x + self.h * np.tanh(v @ self.A + self.a)
    return join(x, v + self.h * np.tanh(x @ self.B + self.b))


def columns(self, z):
    x, v = split(z)
    x = x + self.h * np.tanh(self.A @ v + self.a)
    return join(x, v + self.h * np.tanh(self.B @ x + self.b))


def joined_as_rows(self, z):
    x, v = split(z)
    x = x + self.h * np.tanh(v @ self.A.T + self.a)
    return np.concatenate([x, v + self.h * np.tanh(x @ self.B.T + self.b)])


def the_pair(self, z):
    x, v = split(z)
    x = x + self.h * np.tanh(v @ self.A.T + self.a)
    return x, v + self.h * np.tanh(x @ self.B.T + self.b)


# ---- inverses


def inverse(first=-1, second=-1, wrong_order=False, old=False, transpose=False):
    def inverse(self, z):
        x, v = split(z)
        if wrong_order:
            x = x + first * self.h * np.tanh(v @ self.A.T + self.a)
            return join(x, v + second * self.h * np.tanh(x @ self.B.T + self.b))
        v_new = v + second * self.h * np.tanh(x @ self.B.T + self.b)
        v_seen = v if old else v_new
        A = self.A if transpose else self.A.T
        return join(x + first * self.h * np.tanh(v_seen @ A + self.a), v_new)

    return with_(inverse=inverse)


# ---- pullbacks


def two_lines(self, z, b):
    x, v = split(z)
    x = x + self.h * np.tanh(v @ self.A.T + self.a)
    return join(x, v + self.h * np.tanh(x @ self.B.T + b))


def vjp(
    joins=1,
    slopes=(1, 1),
    h=1,
    sign=1,
    x_of_B=None,
    back=None,
    w_in=(1, 1),
    turned=False,
    q_of_the_old=False,
    v_of_A=False,
    square=True,
    slope_of_the_old=False,
):
    def vjp(self, z):
        x, v = split(z)
        s = np.tanh(v @ self.A.T + self.a)
        x_new = x + self.h * s
        t = np.tanh(x_new @ self.B.T + self.b)

        def pullback(w):
            wx, wv = split(w)
            r = np.tanh(x @ self.B.T + self.b) if slope_of_the_old else t
            u = (self.h if h else 1) * ((1 - r * r if square else 1 - r) if slopes[1] else 1) * wv
            old, wx = wx, w_in[0] * wx + joins * u @ (self.B.T if turned else self.B)
            q = self.h * (1 - s * s if slopes[0] else 1) * (old if q_of_the_old else wx)
            dv = w_in[1] * wv + q @ self.A
            seen = x if x_of_B else x_new
            pieces = dict(
                A=sign * q.T @ (v + self.h * t if v_of_A else v),
                a=q.sum(0),
                B=u.T @ seen,
                b=u.sum(0),
            )
            return (back or join)(wx, dv), self.pack(**pieces)

        return join(x_new, v + self.h * t), pullback

    return with_(vjp=vjp)


def one_number(self, z):
    return self(z), lambda w: (w, self.pack(A=1.0))


def a_wrong_piece(self, z):
    return self(z), lambda w: (w, self.pack(A=self.A, c=self.a))


def no_sum(self, z):
    return self(z), lambda w: (w, self.pack(a=w[:, :2]))


def only_half(self, z):
    x, v = split(z)

    def pullback(w):
        wx, wv = split(w)
        return wx, 0 * self.theta

    return self(z), pullback


WRONG = [
    ("the old x in the second line", "1.1", "det F′ is", with_(__call__=old_x)),
    ("in place", "1.1", "an argument is changed: write x = x + …, not x += …\n    x += self.h * np.tanh(v @ self.A.T + self.a)", with_(__call__=in_place)),
    ("states as columns", "1.1", "it is written for one state, and those of a batch lie on the last axis", with_(__call__=columns)),
    ("joined along the batch", "1.1", "it is written for one state", with_(__call__=joined_as_rows)),
    ("the pair", "1.1", "must be an array, got (ndarray, ndarray)\n    return x, v + self.h", with_(__call__=the_pair)),
    ("nothing is done", "1.2", "F(x) is [0. 0. 1. 0.], needed is [-0.5 -0.5  0.5 -0.5]", with_(__call__=lambda self, z: 1.0 * z)),
    ("h forgotten", "1.2", "needed is [-0.5 -0.5  0.5 -0.5]: h is missing", with_(__call__=no_step)),
    ("a minus", "1.2", ": a minus in v⁺", with_(__call__=minus)),
    ("A for Aᵀ", "1.2", "A for Aᵀ, and B for Bᵀ", with_(__call__=transposed)),
    ("undone in the wrong order", "2.1", "its error is of order h²: the parts are undone in the wrong order", inverse(wrong_order=True)),
    ("undone with the old v", "2.1", "or with the old state where the new one belongs", inverse(old=True)),
    ("both signs wrong", "2.1", "the sign is wrong, what F adds is added again", inverse(1, 1)),
    ("the sign of x wrong", "2.1", "in x[..., [0, 1]]: the sign is wrong, what F adds is added again", inverse(first=1)),
    ("x is not undone", "2.1", "in x[..., [0, 1]]: what F adds is not taken off", inverse(first=0)),
    ("A for Aᵀ in the inverse", "2.1", "in x[..., [0, 1]]: its error is of order h, look for a sign, a transpose or a parameter", inverse(transpose=True)),
    ("the value for the inverse", "2.1", "it is F itself: something is to be undone", lambda Answer: type("Wrong", (Answer,), {"inverse": Answer.__call__})()),
    ("what comes back does not join", "3.1", "dx: its [..., [0, 1]] does not depend on w[..., [2, 3]]: a term is missing; the gradient of A and a are off, too", vjp(joins=0)),
    # written without looking
    ("b forgotten", "1.2", "b is missing", with_(__call__=lambda self, z: two_lines(self, z, 0))),
    ("a for b", "1.2", "a stands for b", with_(__call__=lambda self, z: two_lines(self, z, self.a))),
    ("halves exchanged in the inverse", "2.1", "its halves are exchanged", lambda Answer: type("Wrong", (Answer,), {"inverse": lambda self, z: np.roll(Answer.inverse(self, z), 2, axis=-1)})()),
    ("old x: who is to blame", "1.1", "volume is not kept; v⁺ is made of the old x, and not of x⁺", with_(__call__=old_x)),
    ("1 − t for 1 − t²", "3.1", "the gradient of B and b: 1 − tanh z stands for σ′ = 1 − tanh² z", vjp(square=False)),
    ("the slope at the old x", "3.1", "the gradient of B and b: σ′ is taken at B(x's first half) + b, and not at B(F(x)'s first half) + b", vjp(slope_of_the_old=True)),
    ("the covector before it is joined", "3.1", "dx: its [..., [2, 3]] is w[..., [2, 3]] if w is zero elsewhere: a term is missing, what joins the covector of [..., [0, 1]] before that goes on", vjp(q_of_the_old=True)),
    ("B for Bᵀ on the way back", "3.1", "dx: in dx[..., [0, 1]], B should be transposed", vjp(turned=True)),
    ("v⁺ for v in dA", "3.1", "p (2 entries) is right, q (2) is not: it is F(x)'s last half", vjp(v_of_A=True)),
    ("one batch axis", "3.2", "With several batch axes, make rows first", vjp()),
    ("dA with the wrong sign", "3.1", "the gradient of A: the sign is wrong", vjp(sign=-1)),
    ("h forgotten in u", "3.1", "the gradient of B and b: a factor h = 0.5 is missing; dx and the gradient of A and a are off, too: by this, or look for", vjp(h=0)),
    ("the slope of the first shear", "3.1", "dx and the gradient of A and a: σ′ = 1 − tanh² z is missing", vjp(slopes=(0, 1))),
    ("the slope of the second shear", "3.1", "the gradient of B and b: the slope σ′ is missing", vjp(slopes=(1, 0))),
    ("the old x in dB", "3.1", "p (2 entries) is right, q (2) is not: it is x's first half", vjp(x_of_B=True)),
    ("halves exchanged", "3.1", "dx: its halves are exchanged", vjp(back=lambda wx, wv: join(wv, wx))),
    ("w forgotten in v", "3.1", "dx: the term w itself is missing in w[..., [2, 3]]", vjp(w_in=(1, 0))),
    ("half of dx", "3.1", "dx of the pullback of Wrong has shape (6, 2), needed is (6, 4)\n    return wx, 0 * self.theta", with_(vjp=only_half)),
    ("dA is a number", "3.1", "the gradient of A has shape (), but A has (2, 2)", with_(vjp=one_number)),
    ("no sum over the batch", "3.1", "the gradient of a has shape (6, 2), but a has (2,): sum it over", with_(vjp=no_sum)),
    ("a piece of another name", "3.1", "Wrong has no piece c (it has A, a, B, b)", with_(vjp=a_wrong_piece)),
]  # fmt: skip


class OneShear:
    """Both shears by one function, forth and back; the pullback by transposed Jacobians."""

    def shear(self, x, v, A, a, h):
        return x + h * np.tanh(np.einsum("ij,...j->...i", A, v) + a)

    def __call__(self, z):
        x = self.shear(z[..., :2], z[..., 2:], self.A, self.a, self.h)
        return np.concatenate((x, self.shear(z[..., 2:], x, self.B, self.b, self.h)), -1)

    def inverse(self, z):
        v = self.shear(z[..., 2:], z[..., :2], self.B, self.b, -self.h)
        return np.concatenate((self.shear(z[..., :2], v, self.A, self.a, -self.h), v), -1)


def in_one_array(self, z):
    y = np.array(z)
    y[..., :2] += self.h * np.tanh(y[..., 2:] @ self.A.T + self.a)
    y[..., 2:] += self.h * np.tanh(y[..., :2] @ self.B.T + self.b)
    return y


def vjp_by_jacobians(self, z):
    """Σ over the batch of Jᵀw, sample by sample, from F′ = [[I, P], [Q, I + QP]]."""
    y, rows, shape = self(z), z.reshape(-1, 4), z.shape
    x_new = y.reshape(-1, 4)[:, :2]

    def pullback(w):
        w_rows, dx, pieces = w.reshape(-1, 4), [], dict.fromkeys("AaBb", 0.0)
        for z, x, w in zip(rows, x_new, w_rows, strict=True):
            p = self.h / np.cosh(self.A @ z[2:] + self.a) ** 2
            q = self.h / np.cosh(self.B @ x + self.b) ** 2
            P, Q, I = p[:, None] * self.A, q[:, None] * self.B, np.eye(2)
            dx.append(np.block([[I, P], [Q, I + Q @ P]]).T @ w)
            u, r = q * w[2:], p * (w[:2] + Q.T @ w[2:])
            for name, g in (("A", np.outer(r, z[2:])), ("a", r), ("B", np.outer(u, x)), ("b", u)):
                pieces[name] = pieces[name] + g
        return np.reshape(dx, shape), self.pack(**pieces)

    return y, pullback


def in_an_array_of_floats(self, z):
    y = np.array(z, dtype=float)
    y[..., :2] += self.h * np.tanh(y[..., 2:] @ self.A.T + self.a)
    y[..., 2:] += self.h * np.tanh(y[..., :2] @ self.B.T + self.b)
    return y


RIGHT = [
    ("one function for both shears", lambda Answer: type("Right", (OneShear, Answer), {"__call__": OneShear.__call__, "inverse": OneShear.inverse})()),
    ("in one array of its own", with_(__call__=in_one_array)),
    ("an array of float64, which takes no complex states", with_(__call__=in_an_array_of_floats)),
    ("state by state, by Jacobians", with_(vjp=vjp_by_jacobians)),
]  # fmt: skip
