"""Answers to lab 9."""

import numpy as np


def solve(M, r):
    return np.linalg.solve(M, r[..., None])[..., 0]


def times(M, x):
    return (M @ x[..., None])[..., 0]


def with_method(**methods):
    return lambda Answer: type("Other", (Answer,), methods)


def with_step(step):
    """x⁺ = step(hS/2, x); the inverse is the same with −h."""

    def turned(F, z, h):
        x, p = np.split(z, 2, axis=-1)
        return np.concatenate([step(h / 2 * F.S(p), x), p], axis=-1)

    return with_method(turned=turned)


def with_pullback(u=None, dx=None, da=None, dp=None, dW=None, dc=None):
    """The solution's pullback, with other pieces: functions of what they are made of."""
    u = u or (lambda I, half, w: solve(I + half, w))
    dx = dx or (lambda I, half, u, w: times(I - half, u))
    da = da or (lambda F, x, y, u, w, dx: F.h / 2 * np.cross(x + y, u))
    dp = dp or (lambda F, da, wp: wp + da @ F.W)
    dW = dW or (lambda da, p: da.reshape(-1, 3).T @ p.reshape(-1, 3))
    dc = dc or (lambda da: da.reshape(-1, 3).sum(axis=0))

    def vjp(F, z):
        x, p = np.split(z, 2, axis=-1)
        I, half, z_new = np.eye(3), F.h / 2 * F.S(p), F(z)

        def pullback(w):
            wx, wp = np.split(w, 2, axis=-1)
            at_x = u(I, half, wx)
            back = dx(I, half, at_x, wx)
            at_a = da(F, x, z_new[..., :3], at_x, wx, back)
            dtheta = F.pack(W=dW(at_a, p), c=dc(at_a))
            return np.concatenate([back, dp(F, at_a, wp)], axis=-1), dtheta

        return z_new, pullback

    return with_method(vjp=vjp)


def on_self(F, z):
    x, p = np.split(z, 2, axis=-1)
    F.half, F.z_new, F.x, F.p = F.h / 2 * F.S(p), F(z), x, p

    def pullback(w):
        wx, wp = np.split(w, 2, axis=-1)
        u = solve(np.eye(3) + F.half, wx)
        da = F.h / 2 * np.cross(F.x + F.z_new[..., :3], u)
        rows = da.reshape(-1, 3)
        dtheta = F.pack(W=rows.T @ F.p.reshape(-1, 3), c=rows.sum(axis=0))
        return np.concatenate([u - times(F.half, u), wp + da @ F.W], axis=-1), dtheta

    return F.z_new, pullback


def inverse_without_the_product(F, z):
    x, p = np.split(z, 2, axis=-1)
    return np.concatenate([solve(np.eye(3) + F.h / 2 * F.S(p), x), p], axis=-1)


def one_axis_only(F, z):
    x, p = z[..., :3], z[..., 3:]
    half = F.h / 2 * F.S(p)
    right = x + np.einsum("nij,nj->ni", half, x) if z.ndim > 1 else x + half @ x
    return np.concatenate([solve(np.eye(3) - half, right), p], axis=-1)


def x_for_p(F, z):
    z_new, pullback = super(type(F), F).vjp(z)

    def back(w):
        dz, dtheta = pullback(w)
        x, p = z[..., :3].reshape(-1, 3), z[..., 3:].reshape(-1, 3)
        da = np.linalg.solve(F.W.T, (dz - w)[..., 3:].reshape(-1, 3).T).T
        return dz, dtheta + F.pack(W=da.T @ (x - p), c=0 * F.c)

    return z_new, back


def s_of_x(F, z):
    x, p = np.split(z, 2, axis=-1)
    half = F.h / 2 * F.S(x)
    return np.concatenate([solve(np.eye(3) - half, x + times(half, x)), p], axis=-1)


WRONG = [
    ("Euler's step", "1.1", "that is Euler's step x + hSx", with_step(lambda half, x: x + 2 * times(half, x))),
    ("no solve", "1.1", "the solve is missing", with_step(lambda half, x: x + times(half, x))),
    ("the factors exchanged", "1.1", "a sign, or the two factors exchanged", with_step(lambda half, x: solve(np.eye(3) + half, x - times(half, x)))),
    ("h where h/2 belongs", "1.1", "h stands where h/2 belongs", with_step(lambda half, x: solve(np.eye(3) - 2 * half, x + 2 * times(half, x)))),
    ("h written as a number", "1.1", "right for h = 0.4, and not for h = 1: take self.h", with_method(__call__=lambda F, z: F.turned(z, 0.4))),
    ("Heun's step", "1.1", "it is 0.5, 1, 2, 0, needed is 0.6, 0.8, 2, 0", with_step(lambda half, x: x + times(2 * half, x + times(half, x)))),
    ("one batch axis only, in the value", "1.3", "begin each group with ...\n    nij,nj->ni", with_method(__call__=one_axis_only)),
    ("Euler keeps ‖x‖, too", "2.1", "true of Cayley's step, not of Euler's", with_method(euler_growth=lambda F, a, n: 1.0)),
    ("growth of the square", "2.1", "the growth of ‖x‖²", with_method(euler_growth=lambda F, a, n: (1 + F.h**2 * a @ a) ** n)),
    ("the triangle inequality", "2.1", "but hSx ⟂ x", with_method(euler_growth=lambda F, a, n: (1 + F.h * np.linalg.norm(a)) ** n)),
    ("the inverse is the step", "3.1", "it is F itself: something is to be undone", with_method(inverse=lambda F, z: F(z))),
    ("the inverse without its second factor", "3.1", "x comes back with another length", with_method(inverse=inverse_without_the_product)),
    ("a solve with the matrix itself", "4.1", "dx is w: is only one of the two matrices transposed?", with_pullback(u=lambda I, half, w: solve(I - half, w))),
    ("no transpose at all", "4.1", "neither of the two matrices is transposed", with_pullback(u=lambda I, half, w: solve(I - half, w), dx=lambda I, half, u, w: times(I + half, u))),
    ("dx is u", "4.1", "dx is u: the factor (I + hS/2)ᵀ is missing", with_pullback(dx=lambda I, half, u, w: u)),
    ("x alone in da", "4.2", "a product with x, and not of x + x⁺ with u", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(x, u))),
    ("w in place of u", "4.2", "a product with w, and not of x + x⁺ with u", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(x + y, w))),
    ("the cross product the other way round", "4.2", "the sign is wrong", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(u, x + y))),
    ("h where h/2 belongs, in da", "4.2", "h in place of h/2", with_pullback(da=lambda F, x, y, u, w, dx: F.h * np.cross(x + y, u))),
    ("S is taken as a constant", "4.2", "it is zero, but x⁺ depends on a, through S", with_pullback(da=lambda F, x, y, u, w, dx: 0 * u)),
    ("p⁺ = p forgotten in the adjoint", "4.3", "w_p is missing: p⁺ = p", with_pullback(dp=lambda F, da, wp: da @ F.W)),
    ("W where its transpose belongs", "4.3", "W stands where Wᵀ belongs", with_pullback(dp=lambda F, da, wp: wp + da @ F.W.T)),
    ("dp is da", "4.3", "Wᵀ is missing", with_pullback(dp=lambda F, da, wp: wp + da)),
    ("x for p in dW", "4.3", "W multiplies p, not x", with_method(vjp=x_for_p)),
    ("a mean over the batch", "4.3", "the gradient of c: a mean over the batch of 6", with_pullback(dc=lambda da: da.mean(axis=0))),
    ("state on self", "4.1", "where local variables should be", with_method(vjp=on_self)),
    ("one batch axis only, in dW", "4.4", "a matrix does not fit\n    da.T @ p", with_pullback(dW=lambda da, p: da.T @ p)),
    ("volume is kept for p = x", "5.1", "b is false: det is not 1", with_method(kept="ab")),
    # written without looking
    ("S of x", "1.1", "is S made of x, not of p?", with_method(__call__=s_of_x)),
    ("h for h/2 in the product", "1.1", "h/2 belongs, in the product alone", with_step(lambda half, x: solve(np.eye(3) - half, x + 2 * times(half, x)))),
    ("h/2 in Euler's growth", "2.1", "h/2 is Cayley's, Euler's step has h", with_method(euler_growth=lambda F, a, n: (1 + F.h**2 * (a @ a) / 4) ** (n / 2))),
    ("h for h²", "2.1", "h stands where h² belongs", with_method(euler_growth=lambda F, a, n: (1 + F.h * (a @ a)) ** (n / 2))),
    ("−p for −S, with the c of a = Wp + c", "3.1", "its error is of order h", with_method(inverse=lambda F, z: F(z * np.repeat([1, -1], 3)) * np.repeat([1, -1], 3))),
    ("dp is what comes in at p⁺ alone", "4.3", "but x⁺ depends on p, too", with_pullback(dp=lambda F, da, wp: wp)),
    ("h for h/2 in the solve", "1.1", "h/2 belongs, in the solve alone", with_step(lambda half, x: solve(np.eye(3) - 2 * half, x + times(half, x)))),
    ("the growth of n steps is a sum", "2.1", "in n steps factors multiply", with_method(euler_growth=lambda F, a, n: 1 + n * F.h**2 * (a @ a) / 2)),
    ("x for x⁺", "1.1", "x stays: is it x⁺", with_method(__call__=lambda F, z: z)),
    ("|a| for |a|²", "2.1", "|a| stands where |a|² belongs", with_method(euler_growth=lambda F, a, n: (1 + F.h**2 * np.linalg.norm(a)) ** (n / 2))),
    ("h/2 left out in da", "4.2", "the factor h/2 is missing", with_pullback(da=lambda F, x, y, u, w, dx: np.cross(x + y, u))),
]  # fmt: skip


def closed_form(F, z):
    """x⁺ = x + 2/(1 + |c|²) (c × x + c × (c × x)), c = ha/2."""
    x, p = np.split(z, 2, axis=-1)
    c = F.h / 2 * (p @ F.W.T + F.c)
    turned = np.cross(c, x)
    factor = 2 / (1 + (c * c).sum(axis=-1, keepdims=True))
    return np.concatenate([x + factor * (turned + np.cross(c, turned)), p], axis=-1)


def transposed_inverse(I, half, w):
    return np.einsum("...ji,...j->...i", np.linalg.inv(I - half), w)


def state_by_state(F, z):
    rows = [
        np.linalg.solve(np.eye(3) - F.h / 2 * F.S(s[3:]), s[:3] + F.h / 2 * F.S(s[3:]) @ s[:3])
        for s in z.reshape(-1, 6)
    ]
    return np.concatenate([np.reshape(rows, z[..., :3].shape), z[..., 3:]], axis=-1)


RIGHT = [
    ("by cross products, without a solve", with_method(__call__=closed_form)),
    ("the second form: 2(I − hS/2)⁻¹x − x", with_step(lambda half, x: 2 * solve(np.eye(3) - half, x) - x)),
    ("a loop over the states", with_method(__call__=state_by_state)),
    ("the inverse matrix, transposed; dx = 2u − w", with_pullback(u=transposed_inverse, dx=lambda I, half, u, w: 2 * u - w)),
    ("da from dS, entry by entry", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.einsum("ijk,...j,...k->...i", levi_civita(), x + y, u))),
    ("a list of letters, and an array without axes", with_method(kept=["a"], euler_growth=lambda F, a, n: np.array(np.hypot(1, F.h * np.linalg.norm(a)) ** n))),
]  # fmt: skip


def levi_civita():
    e = np.zeros((3, 3, 3))
    e[[0, 1, 2], [1, 2, 0], [2, 0, 1]], e[[0, 2, 1], [2, 1, 0], [1, 0, 2]] = 1, -1
    return e
