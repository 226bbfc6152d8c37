"""Answers to lab 8."""

import numpy as np


def wrong(**methods):
    """The solution, with these methods in place of its own."""
    return lambda Answer: type("Wrong", (Answer,), methods)()


def midpoint(field, x, y):
    return field((x + y) / 2)


def eye(J):
    return np.eye(J.shape[-1])


def with_newton(
    K=lambda J, h: eye(J) - h / 2 * J,
    slope=midpoint,
    at=lambda x, y: (x + y) / 2,
    sign=1,
    solve=lambda K, r: np.linalg.solve(K, r[..., None])[..., 0],
    h_of_r=lambda h: h,
    tol=1e-12,
    size=lambda r: np.linalg.norm(r, axis=-1).max(),
    most=10,
    found=lambda ys: ys,
):
    """Newton's iterates with one piece of them changed."""

    def iterates(self, field, x, h):
        ys = [x]
        for _ in range(most):
            y = ys[-1]
            r = y - x - h_of_r(h) * slope(field, x, y)
            if size(r) <= tol:
                break
            ys.append(y - sign * solve(K(field.jacobian(at(x, y)), h), r))
        return found(ys)

    return wrong(iterates=iterates)


def without_end(self, field, x, h):
    """The correction has the wrong sign, and the loop waits for ‖r‖ ≤ 1e-12."""
    ys = [x]
    while True:
        m = (x + ys[-1]) / 2
        r = ys[-1] - x - h * field(m)
        if np.linalg.norm(r) <= 1e-12:
            return ys
        K = np.eye(x.shape[-1]) - h / 2 * field.jacobian(m)
        ys.append(ys[-1] + np.linalg.solve(K, r[..., None])[..., 0])


def eye_of_the_batch(self, field, x, h):
    ys = [x]
    for _ in range(8):
        m = (x + ys[-1]) / 2
        K = np.eye(len(x)) - h / 2 * field.jacobian(m)
        ys.append(ys[-1] - np.linalg.solve(K, (ys[-1] - x - h * field(m))[..., None])[..., 0])
    return ys


def in_place(self, field, x, h):
    y, ys = x.copy(), []
    ys.append(y)
    for _ in range(8):
        r = y - x - h * field((x + y) / 2)
        K = np.eye(x.shape[-1]) - h / 2 * field.jacobian((x + y) / 2)
        y -= np.linalg.solve(K, r[..., None])[..., 0]
        ys.append(y)
    return ys


def changes_x(self, field, x, h):
    y = x
    for _ in range(8):
        r = y - x - h * field((x + y) / 2)
        y -= r
    return [x, y]


def moving_x(self, field, x, h):
    """m is between the last two iterates."""
    ys = [x, x]
    for _ in range(8):
        m = (ys[-2] + ys[-1]) / 2
        K = np.eye(x.shape[-1]) - h / 2 * field.jacobian(m)
        r = ys[-1] - x - h * field(m)
        ys.append(ys[-1] - np.linalg.solve(K, r[..., None])[..., 0])
    return ys[1:]


def with_pullback(
    K=lambda J, h: eye(J) - h / 2 * J,
    transposed=True,
    at=lambda x, y: (x + y) / 2,
    at_K=lambda x, y: (x + y) / 2,
    covector=lambda mu, w: mu,
    dx=lambda mu, dm, w: mu + dm / 2,
    h_of=lambda h: h,
    dtheta=lambda dtheta, h: dtheta,
    dh=lambda mu, slope, w, h: (mu * slope).sum(),
    solve=lambda K, w: np.linalg.solve(K, w[..., None])[..., 0],
    value=lambda y: y,
):
    """The solution's pullback with one piece of it changed."""

    def vjp(self, field, x, h):
        y = self.step(field, x, h)
        slope, pullback_X = field.vjp(at(x, y))
        matrix = K(field.jacobian(at_K(x, y)), h)
        matrix = np.swapaxes(matrix, -1, -2) if transposed else matrix

        def pullback(w):
            mu = solve(matrix, w)
            dm, d = pullback_X(h_of(h) * covector(mu, w))
            return dx(mu, dm, w), dtheta(d, h), dh(mu, slope, w, h)

        return value(y), pullback

    return wrong(vjp=vjp)


def from_x(self, field, x, h):
    ys = [x]
    for _ in range(10):
        m = (x + ys[-1]) / 2
        r, K = ys[-1] - x - h * field(m), eye(x) - h / 2 * field.jacobian(m)
        ys.append(x - np.linalg.solve(K, r[..., None])[..., 0])
    return ys


def overwritten(self, field, x, h):
    """x is the last iterate."""
    ys = [x]
    for _ in range(10):
        y = x
        m = (x + y) / 2
        r = y - x - h * field(m)
        if np.linalg.norm(r, axis=-1).max() <= 1e-12:
            break
        x = (
            y
            - np.linalg.solve(eye(field.jacobian(m)) - h / 2 * field.jacobian(m), r[..., None])[
                ..., 0
            ]
        )
        ys.append(x)
    return ys


def y_on_self(self, field, x, h):
    y, pullback = super(type(self), self).vjp(field, x, h)
    self.m = (x + y) / 2

    def kept(w):
        K = np.swapaxes(eye(x) - h / 2 * field.jacobian(self.m), -1, -2)
        mu = np.linalg.solve(K, w[..., None])[..., 0]
        return *pullback(w)[:2], (mu * field(self.m)).sum()

    return y, kept


def dh_with_dx(self, field, x, h):
    y, pullback = super(type(self), self).vjp(field, x, h)
    slope = field((x + y) / 2)
    return y, lambda w: (*pullback(w)[:2], (pullback(w)[0] * slope).sum())


def dh_at_x(self, field, x, h):
    y, pullback = super(type(self), self).vjp(field, x, h)
    K = np.swapaxes(eye(x) - h / 2 * field.jacobian((x + y) / 2), -1, -2)

    def wrong_pullback(w):
        mu = np.linalg.solve(K, w[..., None])[..., 0]
        return *pullback(w)[:2], (mu * field(x)).sum()

    return y, wrong_pullback


WRONG = [
    ("no ½ in K", "1.1", "is the ½ missing in K, from ∂m/∂y = ½, or has r X at y: implicit Euler", with_newton(K=lambda J, h: eye(J) - h * J)),
    ("no h in K", "1.1", "h is missing in K", with_newton(K=lambda J, h: eye(J) - J / 2)),
    ("a fixed-point iteration", "1.1", "y ← x + hX(m) is no Newton's method", with_newton(solve=lambda K, r: r, most=60)),
    ("no ½ in m", "1.1", "m is ½(x + y): here it is x + y", with_newton(slope=lambda field, x, y: field(x + y), at=lambda x, y: x + y)),
    ("plus the correction", "1.1", "the correction has the wrong sign", with_newton(sign=-1)),
    ("without end", "1.1", "500 values of X, and ‖r‖ ≤ 1e-12 is not reached: look at K and at r", wrong(iterates=without_end)),
    ("K applied", "1.1", "r is multiplied by K: the system is to be solved", with_newton(solve=lambda K, r: np.einsum("...ij,...j->...i", K, r))),
    ("without y₀", "1.1", "the first of these is not x", with_newton(found=lambda ys: ys[1:])),
    ("in place", "1.1", "y₁ is y₀: is it y −= …", wrong(iterates=in_place)),
    ("x in place", "1.1", "an argument is changed", wrong(iterates=changes_x)),
    ("K transposed", "1.2", "K is transposed", with_newton(K=lambda J, h: eye(J) - h / 2 * np.swapaxes(J, -1, -2))),
    ("1 for I", "1.2", "I is np.eye(d): here 1 is added to each entry of K", with_newton(K=lambda J, h: 1 - h / 2 * J)),
    ("one axis of solve", "1.2", "y₁ has shape (2, 2, 2): take solve(K, r[..., None])[..., 0]", with_newton(solve=lambda K, r: np.linalg.solve(K, r))),
    ("K frozen at x", "1.3", "K has X′(x), once and for all", with_newton(at=lambda x, y: x, most=40)),
    ("r at y", "1.3", "r has X at y_k, and not at m: implicit Euler", with_newton(slope=lambda field, x, y: field(y))),
    ("the identity of the batch", "1.4", "does len(x), that of the batch, stand for x.shape[-1]?", wrong(iterates=eye_of_the_batch)),
    ("m of the last two iterates", "1.4", "and x is the start of the step", wrong(iterates=moving_x)),
    ("forty iterations", "1.4", "and not after 41 iterates", with_newton(most=40, tol=0.0)),
    ("two iterates keep the norm", "2.1", "b is false: it changes by", wrong(predictions=lambda self: "abdf")),
    ("Newton has to iterate", "2.1", "f is true: y₁ is -0.9960 x, y is -0.9960 x", wrong(predictions=lambda self: "ad")),
    ("μ alone", "3.1", "here it is μ, or w and that share", with_pullback(dx=lambda mu, dm, w: mu)),
    ("no ½ in dx", "3.1", "the ½ of m = ½(x + y) is missing", with_pullback(dx=lambda mu, dm, w: mu + dm)),
    ("no solve", "3.1", "nothing is solved", with_pullback(solve=lambda K, w: w)),
    ("K at y in the adjoint", "3.1", "K has X′(y): it is at m", with_pullback(at_K=lambda x, y: y)),
    ("all at x", "3.1", "all is at x: it is at m", with_pullback(at=lambda x, y: x, at_K=lambda x, y: x)),
    ("K, not Kᵀ", "3.2", "K is not transposed", with_pullback(transposed=False)),
    ("w in dh", "3.4", "it is ⟨w, X(m)⟩", with_pullback(dh=lambda mu, slope, w, h: (w * slope).sum())),
    # written without looking
    ("x corrected in place of y_k", "1.3", "or y_k is corrected: here it is x", wrong(iterates=from_x)),
    ("y appended before it is new", "1.1", "or is x there twice?", with_newton(found=lambda ys: ys[:1] + ys)),
    ("m is x + ½y", "1.1", "m is ½(x + y): here it is x + ½y", with_newton(slope=lambda field, x, y: field(x + y / 2), at=lambda x, y: x + y / 2)),
    ("x is overwritten", "1.3", "x is the start of the step: here it is y_k", wrong(iterates=overwritten)),
    ("the smallest ‖r‖ decides", "1.4", "for all states; this one has 1", with_newton(size=lambda r: np.linalg.norm(r, axis=-1).min())),
    ("w pulled back", "3.1", "w is pulled back, and not μ", with_pullback(covector=lambda mu, w: w)),
    ("m is x + y in the adjoint", "3.1", "or m is x + y", with_pullback(at=lambda x, y: x + y, at_K=lambda x, y: x + y)),
    ("the pullback at x", "3.1", "x's share is by the pullback at x", with_pullback(at=lambda x, y: x)),
    ("K.T of a batch", "3.2", "K.T turns all axes", with_pullback(K=lambda J, h: (eye(J) - h / 2 * J).T, transposed=False)),
    ("dh with dx", "3.4", "it is ⟨dx, X(m)⟩", wrong(vjp=dh_with_dx)),
    ("dh with X(x)", "3.4", "it is with X(x): X stands at m", wrong(vjp=dh_at_x)),
    ("a mean for dh", "3.5", "the gradient of h: a mean over all 24 entries", with_pullback(dh=lambda mu, slope, w, h: (mu * slope).mean())),
    ("m on self", "3.5", "it reads self.m", wrong(vjp=y_on_self)),
    ("the explicit midpoint rule", "1.1", "as explicit: it is ½(x + y)", with_newton(slope=lambda field, x, y: field(x + 0.1 * field(x)), at=lambda x, y: x + 0.1 * x * x)),
    ("the trapezoidal rule", "1.3", "that of the trapezoidal rule", with_newton(slope=lambda field, x, y: (field(x) + field(y)) / 2)),
    ("no ½ in K of the adjoint", "3.1", "is missing in K", with_pullback(K=lambda J, h: eye(J) - h * J)),
]  # fmt: skip


def for_the_midpoint(self, field, x, h):
    """Newton's method for m = x + ½hX(m), and y = 2m − x."""
    m, ys = x, [x]
    for _ in range(7):
        K = np.eye(x.shape[-1]) - h / 2 * field.jacobian(m)
        r = m - x - h / 2 * field(m)
        m = m - np.einsum("...ij,...j->...i", np.linalg.inv(K), r)
        ys.append(2 * m - x)
    return np.array(ys)


def until_it_stops(self, field, x, h):
    """‖r‖ over the whole batch, until it is no smaller."""

    def residual(y):
        return x + h * field(0.5 * (x + y)) - y

    ys, before = [np.array(x)], np.inf
    while (now := np.abs(residual(ys[-1])).sum()) < before and now > 1e-15:
        K = 0.5 * h * field.jacobian(0.5 * (x + ys[-1])) - np.eye(x.shape[-1])
        ys.append(ys[-1] - np.squeeze(np.linalg.solve(K, residual(ys[-1])[..., None]), -1))
        before = now
    return tuple(ys)


def by_half_steps(self, field, x, h):
    """dx = (I + ½hX′ᵀ)(I − ½hX′ᵀ)⁻¹w, with the inverse itself."""
    y = self.step(field, x, h)
    m = 0.5 * (x + y)
    J, (slope, back) = field.jacobian(m), field.vjp(m)
    I = np.eye(x.shape[-1])
    inverse = np.linalg.inv(I - 0.5 * h * J)

    def pullback(w):
        mu = (w[..., None, :] @ inverse)[..., 0, :]
        dx = (mu[..., None, :] @ (I + 0.5 * h * J))[..., 0, :]
        return dx, h * back(mu)[1], np.vdot(mu, slope)

    return y, pullback


def state_by_state(self, field, x, h):
    """A loop over the states, with K and r halved."""
    d, y, out = x.shape[-1], np.array(x), [np.array(x)]
    r = y - x - h * field(0.5 * (x + y))
    while np.sqrt((r**2).sum(-1)).max() > 1e-12 and len(out) < 11:
        J = field.jacobian(0.5 * (x + y)).reshape(-1, d, d)
        steps = [
            np.linalg.solve(0.5 * np.identity(d) - 0.25 * h * j, 0.5 * s)
            for j, s in zip(J, r.reshape(-1, d), strict=True)
        ]
        y = y - np.reshape(steps, x.shape)
        out.append(y)
        r = y - x - h * field(0.5 * (x + y))
    return tuple(out)


def by_two_w(self, field, x, h):
    """dx = 2μ − w, since Kᵀμ = w."""
    y, pullback = super(type(self), self).vjp(field, x, h)
    K = np.eye(x.shape[-1]) - h / 2 * field.jacobian((x + y) / 2)

    def by_mu(w):
        mu = np.linalg.solve(np.swapaxes(K, -1, -2), w[..., None])[..., 0]
        return 2 * mu - w, *pullback(w)[1:]

    return y, by_mu


RIGHT = [
    ("Newton for m", wrong(iterates=for_the_midpoint)),
    ("r with the other sign, until it stops", wrong(iterates=until_it_stops)),
    ("the inverse of K", wrong(vjp=by_half_steps)),
    ("ten iterations always", with_newton(tol=-1.0)),
    # written without looking
    ("dx = 2μ − w", wrong(vjp=by_two_w)),
    ("state by state, in a tuple", wrong(iterates=state_by_state)),
]  # fmt: skip
