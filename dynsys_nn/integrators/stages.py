"""The stages of an implicit tableau, solved for, and the linear system of their derivatives.

The unknowns are u_i = hX(Y_i), the slopes times h, of the stages Y = x + Au (a_ij stands for
a_ij I):

    r(u) = u − hX(x + Au) = 0,   K = ∂r/∂u = I − hX′(Y)A,   y = x + Σ_i b_i u_i

Why not Y? Where X′ is large, the rounding of Y comes back from X times ‖hX′‖, and it would be in
y = x + hΣ_i b_iX(Y_i); in u, which Newton's method gets by K⁻¹, it is not. In r it is: that is why
each entry of r is divided by the sum of |K| in its row, where it starts. Then rounding is in all
entries of the size of that of x, and no larger error can hide behind it in any.
"""

from functools import partial

import numpy as np

from .newton import newton, norm, solved_or_refused

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

    def K(self, Y, s, h):
        """I − hX′(Y)A, (n, s d, s d), of stages (n s, d), or, for s = 1, all equal, (n, d)."""
        hJ = (h * self.field._jacobian(Y)).reshape(-1, s, self.d, 1, self.d)
        hJA = self.A[:, None, :, None] * hJ  # a_ij hX′(Y_i), (n, s, d, s, d)
        n = self.s * self.d
        return np.eye(n, dtype=hJ.dtype) - hJA.reshape(-1, n, n)

    def solved(self, K, r, k=None):
        """K⁻¹r, (n, s d), of the rows k of the batch, or of all."""
        k = np.arange(len(self.x)) if k is None else k
        words = self.method, self.h, "I − hX′A"
        return solved_or_refused(K, r.reshape(*K.shape[:-1], 1), words, k)[..., 0]

    def solution(self):
        """u, (n, s d), by Newton's method from u = 0."""
        K_0 = self.K(self.x[:, 0], 1, self.h)
        u = np.zeros(K_0.shape[:-1], K_0.dtype)
        words = self.method, self.h, "of its stages"
        return newton(partial(self.equations, K_0), u, words, quadratic=True)

    def equations(self, K_0, t, k, start):
        """r, divided by the sums of |K| at the start, K⁻¹r and what is rounding, of the rows k for
        a step th."""
        x, h = self.x[k], t * self.h
        first = t == 1 and not start.any()
        K_start = K_0[k] if first else self.K(self.at(x, start), self.s, h)
        size_of_row = np.maximum(1, np.abs(K_start).sum(axis=-1))

        def residual(j, u):
            slopes = self.field._value(self.at(x[j], u))
            return (u - h * slopes.reshape(u.shape)) / size_of_row[j]

        def correction(j, u, r):
            moved = (u != start[j]).any()
            K = self.K(self.at(x[j], u), self.s, h) if moved else K_start[j]
            return self.solved(K, size_of_row[j] * r, k[j])

        def rounding(size):
            return ROUNDING * np.finfo(x.dtype).eps * (norm(x[:, 0]) + size + abs(h))

        return residual, correction, rounding

    def vjp(self):
        """y, its pullback w ↦ dx, dtheta, [κ], and [X(Y)]: lists, as of explicit stages."""
        slopes, pullback_X = self.field._vjp(self.Y)
        transposed = self.K(self.Y, self.s, self.h).swapaxes(-1, -2)

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
        du = self.solved(self.K(self.Y, self.s, self.h), self.h * dslopes + dh * slopes)
        return self.y, v + (self.b @ du.reshape(-1, self.s, self.d)).reshape(v.shape)
