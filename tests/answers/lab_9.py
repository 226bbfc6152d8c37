"""Answers to lab 9."""

import numpy as np
from scipy.linalg import expm


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


def in_place(F, z):
    x, p = np.split(z, 2, axis=-1)
    half = F.h / 2 * F.S(p)
    x += times(half, x)
    return np.concatenate([solve(np.eye(3) - half, x), p], axis=-1)


def one_matrix(F, z):
    x, p = np.split(z, 2, axis=-1)
    half = F.h / 2 * F.S(p).reshape(-1, 3, 3)[0]
    return np.concatenate([np.linalg.solve(np.eye(3) - half, (x + x @ half.T).T).T, p], axis=-1)


def one_state(F, z):
    x, p = z[:3], z[3:]
    half = F.h / 2 * F.S(p)
    return np.concatenate([np.linalg.solve(np.eye(3) - half, x + half @ x), p])


def backwards(F, z):
    x, p = np.split(z, 2, axis=-1)
    return np.concatenate([x - F.h * times(F.S(p), x), p], axis=-1)


def inverse_without_the_product(F, z):
    x, p = np.split(z, 2, axis=-1)
    return np.concatenate([solve(np.eye(3) + F.h / 2 * F.S(p), x), p], axis=-1)


def axes_exchanged(F, z):
    z_new = F.turned(z, F.h)
    return z_new.swapaxes(0, 1).reshape(z.shape) if z.ndim > 2 else z_new


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


def upper_entries(F, x, y, u, w, dx):
    dS = F.h / 2 * u[..., :, None] * (x + y)[..., None, :]
    return np.stack([-dS[..., 1, 2], dS[..., 0, 2], -dS[..., 0, 1]], axis=-1)


WRONG = [
    ("Euler's step", "1.1", "that is Euler's step x + hSx", with_step(lambda half, x: x + 2 * times(half, x))),
    ("no solve", "1.1", "the solve is missing", with_step(lambda half, x: x + times(half, x))),
    ("the factors exchanged", "1.1", "a sign, or the two factors exchanged", with_step(lambda half, x: solve(np.eye(3) + half, x - times(half, x)))),
    ("h where h/2 belongs", "1.1", "h stands where h/2 belongs", with_step(lambda half, x: solve(np.eye(3) - 2 * half, x + 2 * times(half, x)))),
    ("multiplied, not solved", "1.1", "multiplied by I − hS/2, where a system is to be solved", with_step(lambda half, x: times(np.eye(3) - half, x + times(half, x)))),
    ("the implicit Euler step", "1.1", "the implicit Euler step", with_step(lambda half, x: solve(np.eye(3) - 2 * half, x))),
    ("the right factor forgotten", "1.1", "the factor I + hS/2 is missing", with_step(lambda half, x: solve(np.eye(3) - half, x))),
    ("the exact flow", "1.1", "that is the exact flow exp(hS)x", with_step(lambda half, x: times(expm(2 * half), x))),
    ("h written as a number", "1.1", "right for h = 0.4, and not for h = 1: take self.h", with_method(__call__=lambda F, z: F.turned(z, 0.4))),
    ("Heun's step", "1.1", "F(x) is [0.5 1. ", with_step(lambda half, x: x + times(2 * half, x + times(half, x)))),
    ("only x⁺ is returned", "1.1", "shape (3, 3), needed is (3, 6)", with_method(__call__=lambda F, z: F.turned(z, F.h)[..., :3])),
    ("p and x exchanged", "1.1", "p is not kept", with_method(__call__=lambda F, z: np.roll(F.turned(z, F.h), 3, axis=-1))),
    ("no return", "1.1", "got None: is there a return?", with_method(__call__=lambda F, z: None)),
    ("the argument is changed", "1.1", "an argument is changed", with_method(__call__=in_place)),
    ("the matrix of the first state for all", "1.1", "treats the batch as a whole", with_method(__call__=one_matrix)),
    ("code for one state", "1.1", "it is written for one state", with_method(__call__=one_state)),
    ("one batch axis only, in the value", "1.3", "nij,nj->ni", with_method(__call__=one_axis_only)),
    ("batch axes exchanged", "1.3", "not that of the same states with one batch axis", with_method(__call__=axes_exchanged)),
    ("Euler keeps ‖x‖, too", "2.1", "true of Cayley's step, not of Euler's", with_method(euler_growth=lambda F, a, n: 1.0)),
    ("growth of the square", "2.1", "the growth of ‖x‖²", with_method(euler_growth=lambda F, a, n: (1 + F.h**2 * a @ a) ** n)),
    ("growth in one step", "2.1", "the growth in one step", with_method(euler_growth=lambda F, a, n: (1 + F.h**2 * a @ a) ** 0.5)),
    ("growth of the square in one step", "2.1", "the growth of ‖x‖² in one step", with_method(euler_growth=lambda F, a, n: 1 + F.h**2 * a @ a)),
    ("growths are added", "2.1", "growths are multiplied, not added", with_method(euler_growth=lambda F, a, n: 1 + n * ((1 + F.h**2 * a @ a) ** 0.5 - 1))),
    ("the triangle inequality", "2.1", "but hSx ⟂ x", with_method(euler_growth=lambda F, a, n: (1 + F.h * np.linalg.norm(a)) ** n)),
    ("|a| forgotten", "2.1", "it depends on |a|, too", with_method(euler_growth=lambda F, a, n: (1 + F.h**2) ** (n / 2))),
    ("growth for each component of a", "2.1", "the growth is one number", with_method(euler_growth=lambda F, a, n: (1 + F.h**2 * a * a) ** (n / 2))),
    ("the inverse is the step", "3.1", "that is the step itself, forwards", with_method(inverse=lambda F, z: F(z))),
    ("an Euler step back", "3.1", "x comes back with another length", with_method(inverse=backwards)),
    ("the inverse without its second factor", "3.1", "x comes back with another length", with_method(inverse=inverse_without_the_product)),
    ("an inverse without p", "3.1", "p does not come back", with_method(inverse=lambda F, z: F.turned(z, -F.h) * [1, 1, 1, 0, 0, 0])),
    ("half a step back", "3.1", "keeps its length, and is turned wrongly", with_method(inverse=lambda F, z: F.turned(z, -F.h / 2))),
    ("a solve with the matrix itself", "4.1", "only one of the two matrices transposed", with_pullback(u=lambda I, half, w: solve(I - half, w))),
    ("a product with the matrix itself", "4.1", "only one of the two matrices transposed", with_pullback(dx=lambda I, half, u, w: times(I + half, u))),
    ("no transpose at all", "4.1", "neither of the two matrices is transposed", with_pullback(u=lambda I, half, w: solve(I - half, w), dx=lambda I, half, u, w: times(I + half, u))),
    ("dx is u", "4.1", "dx is u: the factor (I + hS/2)ᵀ is missing", with_pullback(dx=lambda I, half, u, w: u)),
    ("no solve in the adjoint", "4.1", "the solve is missing", with_pullback(u=lambda I, half, w: w)),
    ("h forgotten in the solve and the product", "4.1", "a factor h is missing: S/2 where hS/2 belongs", with_pullback(u=lambda I, half, w: solve(I + half / 0.4, w), dx=lambda I, half, u, w: times(I - half / 0.4, u))),
    ("h for h/2, in the solve and the product", "4.1", "h stands where h/2 belongs", with_pullback(u=lambda I, half, w: solve(I + 2 * half, w), dx=lambda I, half, u, w: times(I - 2 * half, u))),
    ("h for h/2, in the solve alone", "4.1", "dx: ", with_pullback(u=lambda I, half, w: solve(I + 2 * half, w))),
    ("dx of the step by its own sign", "4.1", "the sign is wrong", with_pullback(dx=lambda I, half, u, w: -times(I - half, u))),
    ("x alone in da", "4.2", "x stands where x + x⁺ belongs", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(x, u))),
    ("x⁺ alone, and the whole h", "4.2", "x⁺ stands where x + x⁺ belongs", with_pullback(da=lambda F, x, y, u, w, dx: F.h * np.cross(y, u))),
    ("x⁺ − x in da", "4.2", "x⁺ − x stands where x + x⁺ belongs", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(y - x, u))),
    ("w in place of u", "4.2", "w stands where u belongs", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(x + y, w))),
    ("dx in place of u", "4.2", "dx stands where u belongs", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(x + y, dx))),
    ("the cross product the other way round", "4.2", "the sign is wrong", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * np.cross(u, x + y))),
    ("h where h/2 belongs, in da", "4.2", "it is 2 times what it should be", with_pullback(da=lambda F, x, y, u, w, dx: F.h * np.cross(x + y, u))),
    ("h forgotten in da", "4.2", "a factor h = 0.4 is missing", with_pullback(da=lambda F, x, y, u, w, dx: np.cross(x + y, u) / 2)),
    ("the upper triangle of S alone", "4.2", "the covector at a", with_pullback(da=upper_entries)),
    ("one entry for each a_k", "4.2", "each a_k stands in two entries of S", with_pullback(da=lambda F, x, y, u, w, dx: F.h / 2 * u[..., [2, 0, 1]] * (x + y)[..., [1, 2, 0]])),
    ("S is taken as a constant", "4.2", "x⁺ depends on p, through S", with_pullback(da=lambda F, x, y, u, w, dx: 0 * u)),
    ("p⁺ = p forgotten in the adjoint", "4.3", "p⁺ = p, so what comes in at p⁺", with_pullback(dp=lambda F, da, wp: da @ F.W)),
    ("W where its transpose belongs", "4.3", "should be Wᵀ times it", with_pullback(dp=lambda F, da, wp: wp + da @ F.W.T)),
    ("dp is da", "4.3", "Wᵀ is missing", with_pullback(dp=lambda F, da, wp: wp + da)),
    ("dW is transposed", "4.3", "the gradient of W: it is transposed", with_pullback(dW=lambda da, p: p.reshape(-1, 3).T @ da.reshape(-1, 3))),
    ("x for p in dW", "4.3", "W multiplies p, not x", with_method(vjp=x_for_p)),
    ("a mean over the batch", "4.3", "the gradient of c: a mean over the batch of 6", with_pullback(dc=lambda da: da.mean(axis=0))),
    ("dc of each state", "4.1", "the gradient of c has shape (6, 3), but c has (3,)", with_pullback(dc=lambda da: da)),
    ("state on self", "4.2", "where local variables should be", with_method(vjp=on_self)),
    ("one batch axis only, in dW", "4.4", "da.T @ p", with_pullback(dW=lambda da, p: da.T @ p)),
    ("one batch axis only, in dc", "4.4", "the gradient of c", with_pullback(dc=lambda da: da.sum(axis=0))),
    ("volume is kept for p = x", "5.1", "volume is off by", with_method(kept={"norm", "volume"})),
    ("everything is kept for p = x", "5.1", "inverse is off by", with_method(kept={"norm", "volume", "inverse"})),
    ("nothing is kept for p = x", "5.1", "norm is off by", with_method(kept=set())),
    ("a word instead of a set", "5.1", "kept is a set out of norm, volume, inverse, got 'norm'", with_method(kept="norm")),
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
    ("a list of words, and an array without axes", with_method(kept=["norm"], euler_growth=lambda F, a, n: np.array(np.hypot(1, F.h * np.linalg.norm(a)) ** n))),
]  # fmt: skip


def levi_civita():
    e = np.zeros((3, 3, 3))
    e[[0, 1, 2], [1, 2, 0], [2, 0, 1]], e[[0, 2, 1], [2, 1, 0], [1, 0, 2]] = 1, -1
    return e
