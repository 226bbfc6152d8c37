"""RATTLE: mechanics with holonomic constraints c(q) = 0, as a pendulum on its sphere.

With the gradients ∇c_i(q) as the rows of C(q), q̇ = f(p), ṗ = g(q) + C(q)ᵀλ. Where all c_i stay 0,
so does their velocity C(q)f(p): the hidden constraint. One step composes four maps,

    kick       p̂ = p + ½hg(q)
    drift      p̄ = p̂ + C(q)ᵀλ,   q⁺ = q + hf(p̄),      λ such that c(q⁺) = 0
    kick       p̃ = p̄ + ½hg(q⁺)
    projection p⁺ = p̃ + C(q⁺)ᵀμ,                      μ such that C(q⁺)f(p⁺) = 0

and adjoint and tangent are those of the four. With C⁺ = C(q⁺), F = f′ and the curvature Γ_λu = Σ_i
λ_i∇²c_i(q)u, the implicit function theorem gives those of the drift, K = hC⁺FCᵀ,

    u = dp̂ + Γ_λdq,   k = dq + hFu + f dh,   dλ = −K⁻¹C⁺k,   dp̄ = u + Cᵀdλ,   dq⁺ = k + hFCᵀdλ
    ρ = K⁻ᵀC(w_p + hFᵀw_q),   w = w_q − C⁺ᵀρ,   dp̂ = w_p + hFᵀw,   dq = w + Γ_λdp̂

and those of the projection, at q⁺ and p⁺, K = CFCᵀ and Γ_f the matrix with rows (∇²c_i f)ᵀ,

    u = dp̃ + Γ_μdq,   dμ = −K⁻¹(CFu + Γ_f dq),   dp⁺ = u + Cᵀdμ
    ρ = K⁻ᵀCw_p,   dp̃ = w_p − FᵀCᵀρ,   dq = w_q + Γ_μdp̃ − Γ_fᵀρ
"""

import numpy as np

from ..arguments import refuse
from ..fields import PartitionedField, given_invariant, times
from ..maps import inner
from .method import Method
from .newton import newton, norm, solved_or_refused
from .projected import Several, along, products, rates


class Rattle(Method):
    """Störmer and Verlet's step with constraints c_i(q) = 0 on the positions, order two: all c_i,
    and their velocities ⟨∇c_i(q), q̇⟩, are 0 to rounding after every step.

    On these states it is symmetric, and symplectic if f and g are gradients, so that the energy
    stays near its first value for long. Any other state is brought there by the first step, which
    loses what was off: from there nothing is kept, and `preserves` is empty. The order is that
    towards the constrained system, not towards the field alone.

    Parameters
    ----------
    constraint : object with c(q), c.gradient(q) and c.hvp(q, v)
        c₁, without parameters, such as Sphere(), or an Invariant(value, gradient, hvp).
    *others : objects of that kind
        c₂, c₃, …: their gradients must be independent.

    Raises
    ------
    TypeError
        Unless the field is a PartitionedField (f(p), g(q)) with q and p of one dimension.
    NotConverged
        If no force along the gradients leads back to the constraints: take a smaller step, and
        begin where c(q) = 0.

    Examples
    --------
    What falls freely, on a sphere, is a pendulum:

    >>> X, method = dnn.systems.free_fall(), dnn.Rattle(dnn.Sphere())
    >>> z = np.array([1.0, 0.0, 0.0, 0.0, 0.5, 0.0])
    >>> q, p = np.split(dnn.Flow(X, 0.05, method, steps=100)(z), 2)
    >>> bool(abs(q @ q - 1) < 1e-14), bool(abs(q @ p) < 1e-14)
    (True, True)
    >>> bool(abs(q[0] * p[1] - q[1] * p[0] - 0.5) < 1e-13)  # it turns about the vertical evenly
    True
    """

    order, symmetric, stages, dtypes = 2, True, 3, "fdFD"

    def __init__(self, constraint, *others):
        self.constraint, self.others = given_invariant(constraint), others
        self.c = Several(constraint, *others)

    def require(self, field):
        super().require(field)
        refuse(
            not isinstance(field, PartitionedField),
            f"Rattle needs a PartitionedField (f(p), g(q)), got {type(field).__name__}",
            TypeError,
        )
        refuse(
            field.f.dim_in != field.f.dim_out,
            f"Rattle needs q and p of one dimension, got q of dimension {field.f.dim_out} and p of "
            f"dimension {field.f.dim_in}",
        )

    def inverse(self, field, y, h):
        """The step with −h, which undoes a step between states on the constraints."""
        return self._step(field, y, -h)

    def step(self, field, x, h):
        q, p = field.split(x)
        p = p + h / 2 * field.g._value(q)
        q, p, _ = self._drift(field.f, q, p, h)
        p = p + h / 2 * field.g._value(q)
        return np.concatenate([q, self._projection(field.f, q, p, h)[0]], axis=-1)

    def _solve(self, K, r, h, rows):
        words = self, h, "the matrix of the constraints, whose gradients must be independent,"
        return solved_or_refused(K, r[..., None], words, rows)[..., 0]

    # ---- the two maps that are implicit
    def _drift(self, f, q, p, h):
        """(q, p̂) ↦ q⁺, p̄, λ."""
        shape, (q, p) = q.shape, rows_of(q, p)
        C = self.c.gradients(q)

        def equations(t, k, _):
            q_k, p_k, C_k, th = q[k], p[k], C[k], t * h

            def end(j, lam):
                return q_k[j] + th * f._value(p_k[j] + along(lam, C_k[j]))

            def correction(j, lam, r):
                F = f._jacobian(p_k[j] + along(lam, C_k[j]))
                N = self.c.gradients(end(j, lam))
                return self._solve(th * products(N @ F, C_k[j]), r, h, k[j])

            def rounding(_):
                size = norm(q_k) + norm(th * f._value(p_k))
                return 1e4 * np.finfo(q.dtype).eps * size * norm(C_k).sum(axis=-1)

            return lambda j, lam: self.c(end(j, lam)), correction, rounding

        lam = newton(equations, self._none(q, p, h), (self, h, "‖c(q⁺)‖ (c(q) must be 0 at first)"))
        p = p + along(lam, C)
        return (q + h * f._value(p)).reshape(shape), p.reshape(shape), lam

    def _projection(self, f, q, p, h):
        """(q, p̃) ↦ p⁺, μ."""
        shape, (q, p) = p.shape, rows_of(q, p)
        C = self.c.gradients(q)

        def equations(t, k, _):
            p_k, C_k = p[k], C[k]
            speed = (1 - t) * rates(C_k, f._value(p_k))

            def correction(j, mu, r):
                F = f._jacobian(p_k[j] + along(mu, C_k[j]))
                return self._solve(products(C_k[j] @ F, C_k[j]), r, h, k[j])

            def rounding(_):
                return 1e4 * np.finfo(q.dtype).eps * norm(f._value(p_k)) * norm(C_k).sum(axis=-1)

            return (
                lambda j, mu: rates(C_k[j], f._value(p_k[j] + along(mu, C_k[j]))) - speed[j],
                correction,
                rounding,
            )

        mu = newton(equations, self._none(q, p, h), (self, h, "‖C(q)f(p)‖"))
        return (p + along(mu, C)).reshape(shape), mu

    def _none(self, q, p, h):
        """λ = 0 of the constraints."""
        return np.zeros((len(q), self.c.m), np.result_type(q, p, h))

    # ---- adjoint
    def vjp(self, field, x, h):
        f, g, (q0, p0) = field.f, field.g, field.split(x)
        g0, pullback_g0 = g._vjp(q0)
        q, p, pullback_drift = self._drift_vjp(f, q0, p0 + h / 2 * g0, h)
        g1, pullback_g1 = g._vjp(q)
        p, pullback_projection = self._projection_vjp(f, q, p + h / 2 * g1, h)

        def pullback(w):
            w_q, w_p = field.split(w)
            w_q, w_p, df1 = pullback_projection(w_q, w_p)
            dq, dg1 = pullback_g1(h / 2 * w_p)
            dh = inner(w_p, g1) / 2
            w_q, w_p, df0, dh_drift = pullback_drift(w_q + dq, w_p)
            dq, dg0 = pullback_g0(h / 2 * w_p)
            dh = dh + dh_drift + inner(w_p, g0) / 2
            dtheta = field.pack(f=df0 + df1, g=dg0 + dg1)
            return np.concatenate([w_q + dq, w_p], axis=-1), dtheta, dh

        return np.concatenate([q, p], axis=-1), pullback

    def _drift_vjp(self, f, q, p, h):
        q_new, p, lam = self._drift(f, q, p, h)
        (speed, pullback_f), F = f._vjp(p), f._jacobian(p)
        C, N = self.c.gradients(q), self.c.gradients(q_new)
        K = h * products(N @ F, C)

        def pullback(w_q, w_p):
            rho = self._solved(
                K.swapaxes(-1, -2), rates(C, w_p + h * times(F.swapaxes(-1, -2), w_q)), h
            )
            w = w_q - along(rho, N)
            dp, df = pullback_f(h * w)
            dp = w_p + dp
            dq = w + along(lam.reshape(rho.shape), self.c.hessians(q, dp))
            return dq, dp, df, inner(w, speed)

        return q_new, p, pullback

    def _projection_vjp(self, f, q, p, h):
        p, mu = self._projection(f, q, p, h)
        speed, pullback_f = f._vjp(p)
        C = self.c.gradients(q)
        K = products(C @ f._jacobian(p), C)

        def pullback(w_q, w_p):
            rho = self._solved(K.swapaxes(-1, -2), rates(C, w_p), h)
            dp, df = pullback_f(-along(rho, C))
            dp = w_p + dp
            bent = along(mu.reshape(rho.shape), self.c.hessians(q, dp))
            return w_q + bent - along(rho, self.c.hessians(q, speed)), dp, df

        return p, pullback

    def _solved(self, K, r, h):
        """K⁻¹r at the solution, for states of any shape."""
        m = self.c.m
        flat = r.reshape(-1, m)
        return self._solve(K.reshape(-1, m, m), flat, h, np.arange(len(flat))).reshape(r.shape)

    # ---- tangent
    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        f, g, d = field.f, field.g, field.unpack(dtheta)
        (q, p), (dq, dp) = field.split(x), field.split(v)
        force, dforce = g._jvp(q, dq, d["g"])
        p, dp = p + h / 2 * force, dp + h / 2 * dforce + dh / 2 * force
        q, p, dq, dp = self._drift_jvp(f, q, p, h, dq, dp, d["f"], dh)
        force, dforce = g._jvp(q, dq, d["g"])
        p, dp = p + h / 2 * force, dp + h / 2 * dforce + dh / 2 * force
        p, dp = self._projection_jvp(f, q, p, h, dq, dp, d["f"])
        return np.concatenate([q, p], axis=-1), np.concatenate([dq, dp], axis=-1)

    def _drift_jvp(self, f, q, p, h, dq, dp, df, dh):
        q_new, p, lam = self._drift(f, q, p, h)
        C, N, F = self.c.gradients(q), self.c.gradients(q_new), f._jacobian(p)
        u = dp + along(lam.reshape(C.shape[:-1]), self.c.hessians(q, dq))
        speed, dspeed = f._jvp(p, u, df)
        k = dq + h * dspeed + dh * speed
        dlam = -self._solved(h * products(N @ F, C), rates(N, k), h)
        bent = along(dlam, C)
        return q_new, p, k + h * times(F, bent), u + bent

    def _projection_jvp(self, f, q, p, h, dq, dp, df):
        p, mu = self._projection(f, q, p, h)
        C = self.c.gradients(q)
        u = dp + along(mu.reshape(C.shape[:-1]), self.c.hessians(q, dq))
        speed, dspeed = f._jvp(p, u, df)
        K = products(C @ f._jacobian(p), C)
        dmu = -self._solved(K, rates(C, dspeed) + rates(self.c.hessians(q, dq), speed), h)
        return p, u + along(dmu, C)


def rows_of(*states):
    return [x.reshape(-1, x.shape[-1]) for x in states]
