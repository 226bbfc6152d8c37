"""The stages of an implicit tableau, solved for, and the linear system of their derivatives.

The unknowns are u_i = hX(Y_i), the slopes times h, of the stages Y = x + Au (a_ij stands for
a_ij I):

    r(u) = u − hX(x + Au) = 0,   K = ∂r/∂u = I − hX′(Y)A,   y = x + Σ_i b_i u_i

Why not Y? Where X′ is large, the rounding of Y comes back from X times ‖hX′‖, and it would be in
y = x + hΣ_i b_iX(Y_i); in u, which Newton's method gets by K⁻¹, it is not. In r it is: that is why
each entry of r is divided by the sum of |K| in its row, where it starts. Then rounding is in all
entries of the size of that of x, and no larger error can hide behind it in any.
"""

import numpy as np

from .newton import NotConverged, newton, norm, solved_or_refused

ROUNDING = 1e4  # a residual up to ROUNDING · 2.2e-16 · (‖x‖ + ‖u‖ + |h|) is rounding


class Stages:
    """Of a step from n states x, (..., d): u, (n, s, d), Y, (n s, d), and y, (..., d)."""

    def __init__(self, method, field, x, h):
        self.method, self.field, self.h = method, field, h
        dtype = np.result_type(x, np.complex64) if isinstance(h, complex) else x.dtype
        self.A, self.b = np.array(method.A, dtype), np.array(method.b, dtype)
        self.s, self.d = len(self.b), x.shape[-1]
        self.x = x.reshape(-1, 1, self.d).astype(dtype, copy=False)
        self.u = self.solution().reshape(-1, self.s, self.d)
        self.Y, self.y = self.at(self.x, self.u), x + (self.b @ self.u).reshape(x.shape)

    def at(self, x, u):
        """Y = x + Au."""
        return (x + self.A @ u.reshape(-1, self.s, self.d)).reshape(-1, self.d)

    def K(self, Y, s):
        """I − hX′(Y)A, (n, s d, s d), of stages (n s, d), or, for s = 1, all equal, (n, d)."""
        hJ = (self.h * self.field._jacobian(Y)).reshape(-1, s, self.d, 1, self.d)
        hJA = self.A[:, None, :, None] * hJ  # a_ij hX′(Y_i), (n, s, d, s, d)
        n = self.s * self.d
        return np.eye(n, dtype=hJ.dtype) - hJA.reshape(-1, n, n)

    def solved(self, K, r, k=slice(None)):
        """K⁻¹r, (n, s d), of the rows k of the batch."""
        words, rows = (self.method, self.h, "I − hX′A"), np.arange(len(self.x))[k]
        return solved_or_refused(K, r.reshape(*K.shape[:-1], 1), words, rows)[..., 0]

    def solution(self):
        """u, (n, s d), by Newton's method from u = 0; if that fails, from where its first full step
        leads: a field may be far stiffer there than at x, and ‖r‖ not fall before it is known."""
        K_0 = self.K(self.x[:, 0], 1)
        u = np.zeros(K_0.shape[:-1], K_0.dtype)
        try:
            return self.newton(u, K_0)
        except NotConverged as error:
            try:
                u = self.solved(K_0, self.h * self.field._value(self.at(self.x, u)))
                return self.newton(u, self.K(self.at(self.x, u), self.s))
            except NotConverged:
                raise error from None

    def newton(self, start, K_start):
        """u by Newton's method from there."""
        x, h = self.x, self.h
        size_of_row = np.maximum(1, np.abs(K_start).sum(axis=-1))

        def residual(k, u):
            slopes = self.field._value(self.at(x[k], u))
            return (u - h * slopes.reshape(u.shape)) / size_of_row[k]

        def correction(k, u, r):
            moved = (u != start[k]).any()
            K = self.K(self.at(x[k], u), self.s) if moved else K_start[k]
            return self.solved(K, size_of_row[k] * r, k)

        def rounding(size):
            return ROUNDING * np.finfo(x.dtype).eps * (norm(x[:, 0]) + size + abs(h))

        words = self.method, h, "of its stages"
        return newton(residual, correction, start, rounding, words, quadratic=True)

    def vjp(self):
        """y, its pullback w ↦ dx, dtheta, [κ], and [X(Y)]: lists, as of explicit stages."""
        slopes, pullback_X = self.field._vjp(self.Y)
        transposed = self.K(self.Y, self.s).swapaxes(-1, -2)

        def pullback(w):
            bw = self.b[:, None] * w.reshape(-1, 1, self.d)
            kappa = self.solved(transposed, bw).reshape(-1, self.d)  # Kᵀκ = (b_i w)_i
            eta, dtheta = pullback_X(self.h * kappa)  # η_i = X′(Y_i)ᵀ(hκ_i)
            dx = w + eta.reshape(-1, self.s, self.d).sum(axis=1).reshape(w.shape)
            return dx, dtheta, [kappa]

        return self.y, pullback, [slopes]

    def jvp(self, v, dtheta, dh):
        """y and dy = v + Σ_i b_i du_i, K du = hX′(Y)v + h(∂X/∂θ)dθ + X(Y)dh."""
        slopes, dslopes = self.field._jvp(
            self.Y, np.repeat(v.reshape(-1, self.d), self.s, axis=0), dtheta
        )
        du = self.solved(self.K(self.Y, self.s), self.h * dslopes + dh * slopes)
        return self.y, v + (self.b @ du.reshape(-1, self.s, self.d)).reshape(v.shape)
