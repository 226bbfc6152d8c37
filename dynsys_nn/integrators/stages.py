"""The stages of an implicit tableau, solved for, and the linear system of their derivatives.

The unknowns are u_i = hX(Y_i), the slopes times h, of the stages Y = x + Au (a_ij stands for
a_ij I):

    r(u) = u − hX(x + Au) = 0,   K = ∂r/∂u = I − hX′(Y)A,   y = x + Σ_i b_i u_i

Why not Y? Where X′ is large, the rounding of Y comes back from X times ‖hX′‖: y = x + hΣ_i b_iX(Y_i)
would have it, but u, which Newton's method gets by K⁻¹, has not. For the same reason ‖r‖ says little:
it cannot fall below the rounding of Y times ‖hX′‖. What is made small is ‖Pr‖, P the K⁻¹ at the
start, which is a distance to the solution (Deuflhard, Newton Methods for Nonlinear Problems, 2004).
"""

import numpy as np

from .newton import finite_at_start, newton, norm, solved_or_refused

ROUNDING = 1e4  # ‖Pr‖ up to ROUNDING · 2.2e-16 · (‖x‖ + ‖u‖ + |h|) is rounding
MEASURE = "‖P(u − hX(x + Au))‖, u = hX(Y), P = (I − hX′(x)A)⁻¹,"


class Stages:
    """Y and u, (..., s, d), of a step from the states x, (..., d), and K there."""

    def __init__(self, method, field, x, h):
        self.method, self.field, self.h, self.shape = method, field, h, x.shape
        self.s, self.d = len(method.b), x.shape[-1]
        x = x.astype(np.result_type(x, np.complex64) if isinstance(h, complex) else x.dtype)
        self.A, self.b = (np.array(a, x.dtype) for a in (method.A, method.b))
        self.x = x.reshape(-1, 1, self.d)
        u = self.solution()
        self.u = u.reshape(*x.shape[:-1], self.s, self.d)
        self.Y = x[..., None, :] + self.A @ self.u
        self.y = x + self.b @ self.u

    def solution(self):
        """u, (n, s d), by Newton's method from u = 0."""
        x, h = self.x, self.h
        one, start = np.ones((self.s, 1), x.dtype), np.zeros((len(x), self.s * self.d), x.dtype)
        first = h * self.field._value(x[:, 0])
        finite_at_start(self.method, first)
        K_0 = self.K(one * x)
        P = self.solved(K_0, np.broadcast_to(np.eye(self.s * self.d, dtype=x.dtype), K_0.shape))

        def stages(k, u):
            return x[k] + self.A @ u.reshape(-1, self.s, self.d)

        def residual(k, u):
            slopes = self.field._value(stages(k, u))
            return applied(P[k], u - h * slopes.reshape(u.shape))

        def correction(k, u, Pr):
            return self.solved(self.K(stages(k, u)), applied(K_0[k], Pr)[..., None], k)[..., 0]

        def rounding(size):
            state = norm(x[:, 0]) + np.minimum(size, norm(first)) + abs(h)
            return ROUNDING * np.finfo(x.dtype).eps * state

        return newton(residual, correction, start, rounding, (self.method, h, MEASURE))

    def K(self, Y):
        """I − hX′(Y)A, (n, s d, s d), of stages (n, s, d)."""
        n = self.s * self.d
        hJ = self.h * self.field._jacobian(Y)
        blocks = self.A[:, None, :, None] * hJ[..., :, None, :]
        return np.eye(n, dtype=blocks.dtype) - blocks.reshape(-1, n, n)

    def solved(self, K, r, k=slice(None)):
        """K⁻¹r of the rows k of the batch."""
        return solved_or_refused(K, r, (self.method, self.h, "I − hX′A"), np.arange(len(self.x))[k])

    def derivative(self):
        """The functions r ↦ K⁻¹r and r ↦ K⁻ᵀr of r, (..., s, d), at the solution."""
        K = self.K(self.Y.reshape(-1, self.s, self.d))

        def by(K):
            return lambda r: self.solved(K, r.reshape(len(K), -1, 1)).reshape(r.shape)

        return by(K), by(K.swapaxes(-1, -2))


def applied(M, v):
    """M v of matrices (n, m, m) and vectors (n, m)."""
    return (M @ v[..., None])[..., 0]
