"""Answers to lab 2."""

import numpy as np


def with_(change, before=lambda x: x):
    """The solved field, with a change to the pieces of its pullback; `before` is done to x."""

    def make(Answer):
        def vjp(self, x):
            x = before(x)
            z = x @ self.A.T + self.b

            def pullback(w):
                u = np.cos(z) * (w @ self.B)
                rows = [a.reshape(-1, a.shape[-1]) for a in (u, x, w, np.sin(z))]
                pieces = dict(
                    dx=u @ self.A, A=rows[0].T @ rows[1], b=rows[0].sum(0), B=rows[2].T @ rows[3]
                )
                pieces |= change(self, pieces, *rows)
                return pieces.pop("dx"), self.pack(**pieces)

            return self(x), pullback

        return type("Wrong", (Answer,), {"vjp": vjp})()

    return make


def another_u(u_of):
    """The pullback with another covector u at z."""

    def make(Answer):
        def vjp(self, x):
            z = x @ self.A.T + self.b

            def pullback(w):
                u = u_of(self, z, w)
                rows, s = u.reshape(-1, 5), np.sin(z).reshape(-1, 5)
                dB = w.reshape(-1, 3).T @ s
                return u @ self.A, self.pack(A=rows.T @ x.reshape(-1, 3), b=rows.sum(0), B=dB)

            return self(x), pullback

        return type("Wrong", (Answer,), {"vjp": vjp})()

    return make


def vjp(body):
    return lambda Answer: type("Wrong", (Answer,), {"vjp": body})()


def columns(self, x):
    z = self.A @ x + self.b
    return self(x), lambda w: (z, 0 * self.theta)


def transposed_matrix(self, x):
    z = x @ self.A.T + self.b

    def pullback(w):
        u = np.cos(z) * (w @ self.B.T)
        return u @ self.A, self.pack(A=u.T @ x, b=u.sum(axis=0), B=w.T @ np.sin(z))

    return self(x), pullback


def without_the_sum(self, x):
    z = x @ self.A.T + self.b

    def pullback(w):
        u = np.cos(z) * (w @ self.B)
        return u @ self.A, self.pack(A=u.T @ x, b=u, B=w.T @ np.sin(z))

    return self(x), pullback


def no_transpose_in_the_sum(self, x):
    z = x @ self.A.T + self.b

    def pullback(w):
        u = np.cos(z) * (w @ self.B)
        dA = u @ x
        return u @ self.A, self.pack(A=dA, b=u.sum(axis=0), B=w.T @ np.sin(z))

    return self(x), pullback


def of_one_batch_axis(self, x):
    z = x @ self.A.T + self.b

    def pullback(w):
        u = np.cos(z) * (w @ self.B)
        dA = u.T @ x
        return u @ self.A, self.pack(A=dA, b=u.sum(axis=0), B=w.T @ np.sin(z))

    return self(x), pullback


def on_self(self, x):
    self.z = x @ self.A.T + self.b

    def pullback(w):
        u = np.cos(self.z) * (w @ self.B)
        rows, s = u.reshape(-1, 5), np.sin(self.z).reshape(-1, 5)
        dB = w.reshape(-1, 3).T @ s
        return u @ self.A, self.pack(A=rows.T @ x.reshape(-1, 3), b=rows.sum(0), B=dB)

    return self(x), pullback


def no_self(self, x):
    z = x @ A.T + self.b  # noqa: F821
    return self(x), lambda w: (z, 0 * self.theta)


def another_name(self, x):
    z = x @ self.W.T + self.b
    return self(x), lambda w: (z, 0 * self.theta)


def no_return(self, x):
    def pullback(w):
        return w, 0 * self.theta


def a_list(self, x):
    def pullback(w):
        return [w, 0 * self.theta]

    return self(x), pullback


def without_the_value(self, x):
    def pullback(w):
        return w, 0 * self.theta

    return pullback


def only_dx(self, x):
    z = x @ self.A.T + self.b

    def pullback(w):
        return (np.cos(z) * (w @ self.B)) @ self.A

    return self(x), pullback


def mean_times_length(self, x):
    z = x @ self.A.T + self.b

    def pullback(w):
        u = np.cos(z) * (w @ self.B)
        rows, s = u.reshape(-1, 5), np.sin(z).reshape(-1, 5)
        db, dB = len(x) * rows.mean(axis=0), w.reshape(-1, 3).T @ s
        return u @ self.A, self.pack(A=rows.T @ x.reshape(-1, 3), b=db, B=dB)

    return self(x), pullback


def stops(self, x):
    raise SystemExit


WRONG = [
    ("dx with the wrong sign", "1.1", "dx: the sign is wrong", with_(lambda F, g, *_: dict(dx=-g["dx"]))),
    ("w added to dx", "1.1", "dx: the term w itself is one too many", with_(lambda F, g, u, x, w, s: dict(dx=g["dx"] + w.reshape(g["dx"].shape)))),
    ("dA transposed", "1.1", "the gradient of A: it is transposed", with_(lambda F, g, u, x, w, s: dict(A=(x.T @ u).reshape(5, 3)))),
    ("dB transposed", "1.1", "the gradient of B: it is transposed", with_(lambda F, g, u, x, w, s: dict(B=(s.T @ w).reshape(3, 5)))),
    ("means throughout", "1.1", "the gradient of A and b and B: a mean over the batch of 6", with_(lambda F, g, u, *_: {k: g[k] / len(u) for k in "AbB"})),
    ("the mean of all entries", "1.1", "the gradient of A and b and B: a mean over all 18 entries instead of a sum", with_(lambda F, g, *_: {k: g[k] / 18 for k in "AbB"})),
    ("b forgotten", "1.1", "the gradient of b: it is zero", with_(lambda F, g, *_: dict(b=0 * F.b))),
    ("the first sample", "1.1", "the gradient of b: it is that of the first sample alone", with_(lambda F, g, u, *_: dict(b=u[0]))),
    ("the slope is forgotten", "1.1", "dx and the gradient of A and b: the slope σ′ is missing", another_u(lambda F, z, w: w @ F.B)),
    ("sin for cos", "1.1", "dx and the gradient of A and b: sin z stands for σ′ = cos z", another_u(lambda F, z, w: np.sin(z) * (w @ F.B))),
    ("cos of x and not of z", "1.1", "dx and the gradient of A and b: σ′ is taken at Ax, and not at Ax + b", another_u(lambda F, z, w: np.cos(z - F.b) * (w @ F.B))),
    ("u with the wrong sign", "1.1", "dx and the gradient of A and b: the sign is wrong", another_u(lambda F, z, w: -np.cos(z) * (w @ F.B))),
    ("cos z for sin z in dB", "1.1", "the gradient of B: of Σ pqᵀ, p (3 entries) is right, q (5) is not", with_(lambda F, g, u, x, w, s: dict(B=w.T @ np.cos(np.arcsin(s))))),
    ("sin z for u in dA", "1.1", "the gradient of A: of Σ pqᵀ, q (3 entries) is right, p (5) is not", with_(lambda F, g, u, x, w, s: dict(A=s.T @ x))),
    # written without looking
    ("no slope in dx", "1.1", "dx: it does not depend on x: is a slope σ′ missing?", with_(lambda F, g, u, x, w, s: dict(dx=w @ F.B @ F.A))),
    ("np.outer for a sum over the batch", "1.1", "A has (5, 3): np.outer is for one state, and u.T @ x is a sum over rows", with_(lambda F, g, u, x, w, s: dict(A=np.outer(u, x)))),
    ("z for sin z in dB", "1.1", "p (3 entries) is right, q (5) is not: it is Ax + b", with_(lambda F, g, u, x, w, s: dict(B=w.T @ (x @ F.A.T + F.b)))),
    ("sin twice", "1.1", "dx and the gradient of A and b: sin is taken twice: σ′ = cos z", another_u(lambda F, z, w: np.cos(np.sin(z)) * (w @ F.B))),
    ("cos for sin in dB", "1.1", "q (5) is not: it is cos(Ax + b)", with_(lambda F, g, u, x, w, s: dict(B=w.T @ np.cos(x @ F.A.T + F.b)))),
    ("no slope in dA", "1.1", "the gradient of A: of Σ pqᵀ, q (3 entries) is right, p (5) is not: it does not depend on x, is a slope σ′ missing?", with_(lambda F, g, u, x, w, s: dict(A=(w @ F.B).T @ x))),
    ("w for x in dA", "1.1", "p (5 entries) is right, q (3) is not: it is w", with_(lambda F, g, u, x, w, s: dict(A=u.T @ w))),
    ("u for sin z in dB", "1.1", "q (5) is not: it is the gradient of b", with_(lambda F, g, u, x, w, s: dict(B=w.T @ u))),
    ("states as columns", "1.1", "a matrix does not fit, 6 against 3: is a transpose missing, or one too many? States are rows: write x @ W.T, not W @ x, and u.T @ x for a sum over them\n    z = self.A @ x + self.b", vjp(columns)),
    ("Bᵀ for B", "1.1", "a matrix does not fit, 5 against 3: is a transpose missing, or one too many?\n    u = np.cos(z) * (w @ self.B.T)", vjp(transposed_matrix)),
    ("u x for uᵀx", "1.1", "and u.T @ x for a sum over them\n    dA = u @ x", vjp(no_transpose_in_the_sum)),
    ("no sum", "1.1", "the gradient of b has shape (6, 5), but b has (5,): sum it over the batch axes", vjp(without_the_sum)),
    ("A for self.A", "1.1", "A is not known here: is it self.A?\n    z = x @ A.T + self.b", vjp(no_self)),
    ("W for A", "1.1", "Wrong has no W: it has A, b, B\n    z = x @ self.W.T", vjp(another_name)),
    ("no return", "1.1", "the second a function, got None: is there a return?", vjp(no_return)),
    ("a list of two", "1.1", "must return the pair dx, dtheta, got one list\n    return [w, 0 * self.theta]", vjp(a_list)),
    ("no value", "1.1", "vjp(x) of Wrong must return the pair y, pullback, the second a function, got one function\n    return pullback", vjp(without_the_value)),
    ("no dθ", "1.1", "must return the pair dx, dtheta, got one ndarray\n    return (np.cos(z)", vjp(only_dx)),
    ("state on self", "1.1", "it reads self.z, where local variables should be", vjp(on_self)),
    ("w is changed", "1.1", "an argument is changed: write x = x + …, not x += …", with_(lambda F, g, u, x, w, s: dict(B=np.multiply(w, 1, out=w).T @ s))),
    ("exit", "1.1", "the answer ends Python: leave out exit()\n    raise SystemExit", vjp(stops)),
    ("one batch axis only", "1.2", "With several batch axes, make rows first: x.reshape(-1, x.shape[-1])\n    dA = u.T @ x", vjp(of_one_batch_axis)),
    ("len(x) for the batch", "1.2", "the gradient of b: a mean over batch axis 1 of 3 alone instead of a sum, or len(x) = 2 is taken for the batch of 6", vjp(mean_times_length)),
]  # fmt: skip


def by_einsum(self, x):
    z = np.einsum("ij,...j->...i", self.A, x) + self.b

    def pullback(w):
        u = np.cos(z) * np.einsum("ki,...k->...i", self.B, w)
        x_rows, u_rows = x.reshape(-1, 3), u.reshape(-1, 5)
        dA = sum(np.outer(u, x) for u, x in zip(u_rows, x_rows, strict=True))
        db = u.sum(axis=tuple(range(u.ndim - 1)))
        dB = np.tensordot(w.reshape(-1, 3), np.sin(z).reshape(-1, 5), (0, 0))
        return np.einsum("ij,...i->...j", self.A, u), np.concatenate([dA.ravel(), db, dB.ravel()])

    return np.sin(z) @ self.B.T, pullback


def of_all_axes_at_once(self, x):
    shape, x = x.shape, x.reshape(-1, 3)
    z = x @ self.A.T + self.b

    def pullback(w):
        w = np.reshape(w, (-1, 3))
        u = np.sin(z + np.pi / 2) * (w @ self.B)
        ones = np.ones((1, len(u)))
        dtheta = self.pack(B=w.T @ np.sin(z), A=u.T @ x, b=(ones @ u)[0])
        return (u @ self.A).reshape(shape), dtheta

    return self(x).reshape(shape), pullback


def with_a_class(self, x):
    class Pullback:
        z = x @ self.A.T + self.b

        def __call__(pullback, w):
            u = np.cos(pullback.z) * (w @ self.B)
            dA, dB = (
                u[..., :, None] * x[..., None, :],
                w[..., :, None] * np.sin(pullback.z)[..., None, :],
            )
            pieces = {"A": dA, "B": dB}
            pieces = {name: a.reshape(-1, *a.shape[-2:]).sum(axis=0) for name, a in pieces.items()}
            return u @ self.A, self.pack(b=u.reshape(-1, 5).sum(axis=0), **pieces)

    return self(x), Pullback()


RIGHT = [
    ("einsum, a loop over samples, and no pack", vjp(by_einsum)),
    ("rows first, the pieces in another order", vjp(of_all_axes_at_once)),
    ("a pullback that is an object", vjp(with_a_class)),
]
