"""Answers to lab 8."""

import numpy as np


def wrong(**methods):
    """The solution, with these methods in place of its own."""
    return lambda Answer: type("Wrong", (Answer,), methods)()


def midpoint(field, x, y):
    return field((x + y) / 2)


def with_newton(
    K=lambda J, h: np.eye(J.shape[-1]) - h / 2 * J,
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


def implicit_euler(self, field, x, h):
    ys = [x]
    for _ in range(10):
        r = ys[-1] - x - h * field(ys[-1])
        K = np.eye(x.shape[-1]) - h * field.jacobian(ys[-1])
        ys.append(ys[-1] - np.linalg.solve(K, r[..., None])[..., 0])
    return ys


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
    K=lambda J, h: np.eye(3) - h / 2 * J,
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


def explicit_adjoint(self, field, x, h):
    """Euler's adjoint, at the midpoint."""
    y = self.step(field, x, h)
    slope, pullback_X = field.vjp((x + y) / 2)

    def pullback(w):
        dm, dtheta = pullback_X(h * w)
        return w + dm, dtheta, (w * slope).sum()

    return y, pullback


def without_theta(self, field, x, h):
    y, pullback = super(type(self), self).vjp(field, x, h)
    return y, lambda w: pullback(w)[::2]


def theta_apart(**changes):
    """Another covector or point for dθ than for dx."""

    def vjp(self, field, x, h):
        y, pullback = super(type(self), self).vjp(field, x, h)
        at = changes.get("at", lambda x, y: (x + y) / 2)(x, y)

        def wrong_pullback(w):
            dx, _, dh = pullback(w)
            mu = np.linalg.solve(
                np.eye(3) - h / 2 * np.swapaxes(field.jacobian((x + y) / 2), -1, -2), w[..., None]
            )[..., 0]
            return dx, field.vjp(at)[1](h * changes.get("covector", lambda mu, w: mu)(mu, w))[1], dh

        return y, wrong_pullback

    return wrong(vjp=vjp)


def dh_at(point):
    """X at another point in dh."""

    def vjp(self, field, x, h):
        y, pullback = super(type(self), self).vjp(field, x, h)
        K = np.eye(3) - h / 2 * np.swapaxes(field.jacobian((x + y) / 2), -1, -2)

        def wrong_pullback(w):
            mu = np.linalg.solve(K, w[..., None])[..., 0]
            return *pullback(w)[:2], (mu * field(point(x, y))).sum()

        return y, wrong_pullback

    return wrong(vjp=vjp)


WRONG = [
    ("no ½ in K", "1.1", "K = I − hX′: is a ½ missing, from ∂m/∂y = ½, or r has X at y, and not at m: implicit Euler", with_newton(K=lambda J, h: np.eye(3) - h * J)),
    ("implicit Euler", "1.1", "r has X at y, and not at m: implicit Euler", wrong(iterates=implicit_euler)),
    ("a plus in K", "1.1", "the sign in K is wrong", with_newton(K=lambda J, h: np.eye(3) + h / 2 * J)),
    ("no h in K", "1.1", "h is missing in K", with_newton(K=lambda J, h: np.eye(3) - J / 2)),
    ("K transposed", "1.1", "K is transposed", with_newton(K=lambda J, h: np.eye(3) - h / 2 * np.swapaxes(J, -1, -2))),
    ("a fixed-point iteration", "1.1", "y ← x + hX(m) is no Newton's method", with_newton(solve=lambda K, r: r, most=60)),
    ("no identity in K", "1.1", "the identity is missing", with_newton(K=lambda J, h: -h / 2 * J)),
    ("no h in r", "1.1", "h is missing in r", with_newton(h_of_r=lambda h: 1.0)),
    ("½ twice in K", "1.1", "one ½ too many in K", with_newton(K=lambda J, h: np.eye(3) - h / 4 * J)),
    ("1 for I", "1.1", "I is np.eye(d): here 1 is added to each entry of K", with_newton(K=lambda J, h: 1 - h / 2 * J)),
    ("no ½ in m", "1.1", "m is ½(x + y): here it is x + y", with_newton(slope=lambda field, x, y: field(x + y))),
    ("no ½ in m, nor in K", "1.1", "m is ½(x + y): here it is x + y, in K, too", with_newton(slope=lambda field, x, y: field(x + y), at=lambda x, y: x + y, K=lambda J, h: np.eye(3) - h * J)),
    ("half of h in r", "1.1", "one ½ too many in r", with_newton(h_of_r=lambda h: h / 2)),
    ("r without x", "1.1", "x is missing in r", with_newton(slope=lambda field, x, y: field((x + y) / 2) - x / 0.4)),
    ("plus hX in r", "1.1", "the correction has the wrong sign, y − K⁻¹r, or r has", with_newton(h_of_r=lambda h: -h)),
    ("plus the correction", "1.1", "the correction has the wrong sign", with_newton(sign=-1)),
    ("without end", "1.1", "500 values of X, and ‖r‖ ≤ 1e-12 is not reached: look at K and at r", wrong(iterates=without_end)),
    ("K applied", "1.1", "r is multiplied by K: the system is to be solved", with_newton(solve=lambda K, r: np.einsum("...ij,...j->...i", K, r))),
    ("Kᵀ applied", "1.1", "r is multiplied by Kᵀ: the system is to be solved", with_newton(solve=lambda K, r: (r[..., None, :] @ K)[..., 0, :])),
    ("without y₀", "1.1", "the iterates are y₀ = x, y₁, …", with_newton(found=lambda ys: ys[1:])),
    ("y alone", "1.1", "the iterates are y₀ = x, y₁, … until ‖r‖ ≤ 1e-12 for all states; the first of", with_newton(found=lambda ys: ys[-1])),
    ("no return", "1.1", "iterates returns a list of arrays, got NoneType", with_newton(found=lambda ys: None)),
    ("in place", "1.1", "all are one array: write y = y − …", wrong(iterates=in_place)),
    ("x in place", "1.1", "an argument is changed", wrong(iterates=changes_x)),
    ("one axis of solve", "1.1", "solve takes r[..., None] for a batch", with_newton(solve=lambda K, r: np.linalg.solve(K, r))),
    ("an axis too many of solve", "1.1", "and [..., 0] takes the axis off again", with_newton(solve=lambda K, r: np.linalg.solve(K, r[..., None]))),
    ("the identity of the batch", "1.2", "K = np.eye(len(x)) - h / 2 * field.jacobian(m)", wrong(iterates=eye_of_the_batch)),
    ("one iteration", "1.2", "these are only 2", with_newton(most=1)),
    ("K frozen at x", "1.2", "K has X′(x), once and for all", with_newton(at=lambda x, y: x, most=40)),
    ("K at y", "1.2", "K has X′ at y_k, and r has X at m", with_newton(at=lambda x, y: y, most=40)),
    ("r at y", "1.2", "r has X at y_k, and not at m: implicit Euler", with_newton(slope=lambda field, x, y: field(y))),
    ("r at x", "1.2", "r has X at x: it does not see y_k", with_newton(slope=lambda field, x, y: field(x))),
    ("r and K at y", "1.2", "r has X at y_k, and K has X′ there: they are at m", with_newton(slope=lambda field, x, y: field(y), at=lambda x, y: y)),
    ("r and K at x", "1.2", "r has X(x), and K has X′(x): they are at m", with_newton(slope=lambda field, x, y: field(x), at=lambda x, y: x)),
    ("the trapezoidal rule", "1.2", "it is the trapezoidal rule", with_newton(slope=lambda field, x, y: (field(x) + field(y)) / 2, at=lambda x, y: y)),
    ("m of the last two iterates", "1.3", "it does not go on falling: r has x, the start of the step", wrong(iterates=moving_x)),
    ("a loose tolerance", "1.3", "go on until it is at most 1e-12", with_newton(tol=1e-5)),
    ("two iterations", "1.3", "go on until it is at most 1e-12", with_newton(most=2)),
    ("the first state decides", "1.3", "until ‖r‖ ≤ 1e-12 for all states; these are only 1", with_newton(size=lambda r: np.linalg.norm(r[0, 0]) if r.ndim > 2 else np.linalg.norm(r))),
    ("forty iterations", "1.4", "41 iterates: stop when ‖r‖ ≤ 1e-12, here after", with_newton(most=40, tol=0.0)),
    ("two iterates keep the norm", "2.1", "b is false: it changes by", wrong(predictions=lambda self: "abdf")),
    ("nothing is kept to rounding", "2.1", "a is true: it changes by", wrong(predictions=lambda self: "df")),
    ("all energies are kept", "2.1", "c is false: it changes by", wrong(predictions=lambda self: "acdf")),
    ("as good as exact", "2.1", "e is false: x becomes -0.9960 x", wrong(predictions=lambda self: "adef")),
    ("Newton has to iterate", "2.1", "f is true: y₁ is -0.9960 x, y is -0.9960 x", wrong(predictions=lambda self: "ad")),
    ("K, not Kᵀ", "3.1", "K is not transposed", with_pullback(transposed=False)),
    ("μ alone", "3.1", "its share ½hX′(m)ᵀμ is missing", with_pullback(dx=lambda mu, dm, w: mu)),
    ("without μ", "3.1", "the term μ is missing", with_pullback(dx=lambda mu, dm, w: dm / 2)),
    ("w + …", "3.1", "μ stands in place of w", with_pullback(dx=lambda mu, dm, w: w + dm / 2)),
    ("no ½ in dx", "3.1", "the ½ of m = ½(x + y) is missing", with_pullback(dx=lambda mu, dm, w: mu + dm)),
    ("no h in the pullback", "3.1", "the factor h is missing in the share of x", with_pullback(h_of=lambda h: 1.0)),
    ("minus the share", "3.1", "dx is w: X is missing, or its share has the wrong sign, or the sign in K is wrong", with_pullback(dx=lambda mu, dm, w: mu - dm / 2)),
    ("no solve", "3.1", "nothing is solved", with_pullback(solve=lambda K, w: w)),
    ("Euler's adjoint", "3.1", "it is Euler's adjoint", wrong(vjp=explicit_adjoint)),
    ("no ½ in the adjoint's K", "3.1", "the ½ is missing in K", with_pullback(K=lambda J, h: np.eye(3) - h * J)),
    ("a plus in the adjoint's K", "3.1", "the sign in K is wrong", with_pullback(K=lambda J, h: np.eye(3) + h / 2 * J)),
    ("K applied in the adjoint", "3.1", "K is applied: Kᵀμ = w is to be solved", with_pullback(solve=lambda K, w: (K @ w[..., None])[..., 0])),
    ("implicit Euler's adjoint", "3.1", "the ½ is missing in K, and in the share of x", with_pullback(K=lambda J, h: np.eye(3) - h * J, dx=lambda mu, dm, w: mu + dm)),
    ("no h in the adjoint's K", "3.1", "h is missing in K", with_pullback(K=lambda J, h: np.eye(3) - J / 2)),
    ("all at y", "3.1", "all is at y: it is at m", with_pullback(at=lambda x, y: y, at_K=lambda x, y: y)),
    ("K at x in the adjoint", "3.1", "K has X′(x): it is at m", with_pullback(at_K=lambda x, y: x)),
    ("the pullback at x", "3.1", "the share of x is by the pullback at x", with_pullback(at=lambda x, y: x)),
    ("all at x", "3.1", "all is at x: it is at m", with_pullback(at=lambda x, y: x, at_K=lambda x, y: x)),
    ("K at y in the adjoint", "3.1", "K has X′(y): it is at m", with_pullback(at_K=lambda x, y: y)),
    ("the pullback at y", "3.1", "the share of x is by the pullback at y", with_pullback(at=lambda x, y: y)),
    ("another value in vjp", "3.1", "vjp and step give different values", with_pullback(value=lambda y: 2 * y)),
    ("two things returned", "3.1", "must return the triple dx, dtheta, dh", wrong(vjp=without_theta)),
    ("w in dθ", "3.2", "it is μ that is pulled back, and not w", theta_apart(covector=lambda mu, w: w)),
    ("dθ at x", "3.2", "it is at x: X stands at m", theta_apart(at=lambda x, y: x)),
    ("dθ at y", "3.2", "it is at y: X stands at m", theta_apart(at=lambda x, y: y)),
    ("minus dθ", "3.2", "the sign is wrong", with_pullback(dtheta=lambda d, h: -d)),
    ("half of dθ", "3.2", "a factor ½ too many", with_pullback(dtheta=lambda d, h: d / 2)),
    ("dθ without h", "3.2", "a factor h is missing", with_pullback(dtheta=lambda d, h: d / h)),
    ("a mean for dθ", "3.2", "a mean over the batch of 4", with_pullback(dtheta=lambda d, h: d / 4)),
    ("w in dh", "3.3", "it is ⟨w, X(m)⟩", with_pullback(dh=lambda mu, slope, w, h: (w * slope).sum())),
    ("one h too many in dh", "3.3", "one factor h too many", with_pullback(dh=lambda mu, slope, w, h: h * (mu * slope).sum())),
    ("dh with X(x)", "3.3", "it is with X(x): X stands at m", dh_at(lambda x, y: x)),
    ("dh with X(y)", "3.3", "it is with X(y): X stands at m", dh_at(lambda x, y: y)),
    ("dh is zero", "3.3", "it is zero", with_pullback(dh=lambda mu, slope, w, h: 0.0)),
    ("a mean for dh", "3.3", "a mean over all 12 entries", with_pullback(dh=lambda mu, slope, w, h: (mu * slope).mean())),
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
    ("dx = 2μ − w", wrong(vjp=by_two_w)),
    ("ten iterations always", with_newton(tol=-1.0)),
]  # fmt: skip
