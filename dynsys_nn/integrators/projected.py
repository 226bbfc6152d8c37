"""Projection: any method, then back to the level sets of one or several invariants."""

import numpy as np

from ..arguments import instance
from ..fields import given_invariant, looked_at, words_of
from .method import Method
from .newton import NotConverged, newton, norm, solved_or_refused


class Several:
    """x ↦ (I₁(x), …, I_m(x)), shape (..., m), of objects that are given, I(x), I.gradient(x) and
    I.hvp(x, v)."""

    def __init__(self, *invariants):
        self.each, self.m = [looked_at(given_invariant(I)) for I in invariants], len(invariants)

    def __call__(self, x):
        return np.stack([I(x) for I in self.each], axis=-1)

    def gradients(self, x):
        """∇I_i(x), the rows of a matrix, shape (..., m, d)."""
        return np.stack([I.gradient(x) for I in self.each], axis=-2)

    def hessians(self, x, v):
        """∇²I_i(x)v, the rows of a matrix, shape (..., m, d)."""
        return np.stack([I.hvp(x, v) for I in self.each], axis=-2)


class Projected(Method):
    """y = ỹ + Σ_i λ_i∇I_i(ỹ), ỹ = Ψ^h(x), with the λ for which I_i(y) = I_i(x) for all i, by
    Newton's method from 0: any method keeps any invariants, all at once.

    The order is that of the method. With the gradients as rows, G of the ∇I_i(ỹ), N of the ∇I_i(y)
    and C of the ∇I_i(x), the implicit function theorem for λ gives the adjoint

        (NGᵀ)ᵀc = Gw,   u = w − Nᵀc,   (∂y/∂ỹ)ᵀw = u + Σ_i λ_i∇²I_i(ỹ)u,   (∂y/∂x)ᵀw = Cᵀc

    It keeps the I_i on any field, whether its flow does or not. One projection after another would
    not: the second leaves the level set of the first. Source: Hairer, Lubich and Wanner, Geometric
    Numerical Integration, chapter IV.4 (2006).

    Parameters
    ----------
    method : Method
        Ψ.
    invariant : object with I(x), I.gradient(x) and I.hvp(x, v)
        I₁, without parameters: for the learned H of a HamiltonianField take DiscreteGradient.
    *others : objects of that kind
        I₂, I₃, …: their gradients must be independent.

    Raises
    ------
    NotConverged
        If Newton's method finds no λ, as of invariants whose gradients are dependent; from
        derivatives also where the step stays and they are, as at an equilibrium: there is none.

    Examples
    --------
    Euler's method leaves the circle along the tangent; from there it goes back along the radius:

    >>> X, x = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0])
    >>> dnn.Euler().step(X, x, h=0.75)
    array([ 1.  , -0.75])
    >>> dnn.Projected(dnn.Euler(), dnn.SquaredNorm()).step(X, x, h=0.75).round(12)
    array([ 0.8, -0.6])

    The free rigid body keeps two, and so moves on a curve:

    >>> X = dnn.systems.rigid_body()
    >>> method = dnn.Projected(dnn.RK4(), *X.invariants.values())
    >>> m = dnn.Flow(X, 0.5, method, steps=50)(X.x0)
    >>> all(abs(I(m) - I(X.x0)) < 1e-14 for I in X.invariants.values())
    True
    """

    def __init__(self, method, invariant, *others):
        self.method = instance(method, Method, "Projected takes a method such as RK4()")
        self.invariant, self.others = given_invariant(invariant), others
        self.I = Several(invariant, *others)

    @property
    def order(self):
        """That of the method."""
        return self.method.order

    def require(self, field):
        self.method.require(field)

    def kept(self, field):
        """The I_i alone."""
        known = {}
        for I in (self.invariant, *self.others):
            word = min(words_of(I), default="invariant")
            known[word if word not in known else f"{word} {len(known) + 1}"] = I
        return known

    def step(self, field, x, h):
        return self.project(self.method._step(field, x, h), x, h)[0]

    def _solve(self, K, r, h, rows, *so):
        """K⁻¹r: of a single invariant 0 where K = 0, at rest, as if λ did not depend on ỹ."""
        if self.I.m == 1:
            return r * inverse(K[..., 0])
        words = self, h, "NGᵀ of the gradients, which must be independent,"
        return solved_or_refused(K, r[..., None], words, rows, *so)[..., 0]

    def project(self, y, x, h):
        """ỹ ↦ y, λ, by λ ← λ − K⁻¹(I(ỹ + Gᵀλ) − I(x)), K = NGᵀ."""
        shape = y.shape
        y, level = y.reshape(-1, shape[-1]), self.I(x).reshape(-1, self.I.m)
        G = self.I.gradients(y)
        eps = np.finfo(y.dtype).eps

        def equations(t, k, _):
            y_k, G_k, goal = y[k], G[k], level[k]
            if t < 1:
                goal = t * goal + (1 - t) * self.I(y_k)
            return (
                lambda j, lam: self.I(y_k[j] + along(lam, G_k[j])) - goal[j],
                lambda j, lam, gap: self._solve(
                    products(self.I.gradients(y_k[j] + along(lam, G_k[j])), G_k[j]), gap, h, k[j]
                ),
                lambda _: 1e4 * eps * (np.abs(level[k]) + norm(y_k)[:, None] * norm(G_k)).sum(-1),
            )

        start = np.zeros(level.shape, np.result_type(level, y))
        what = "|I(ỹ + λ∇I(ỹ)) − I(x)|" if self.I.m == 1 else "‖I(ỹ + Σ λ_i∇I_i(ỹ)) − I(x)‖"
        lam = newton(equations, start, (self, h, what))
        y = y + along(lam, G)
        gap, size = np.abs(self.I(y) - level), norm(y)[:, None] * norm(self.I.gradients(y))
        far = (gap > 1e4 * eps * (np.abs(level) + size)).any(axis=-1)
        if far.any():
            k = np.argmax(far)
            raise NotConverged(
                f"{self!r}: a step h = {h:g} leads so far from the level set of state number {k} "
                f"of the batch that |I(y) − I(x)| = {gap[k].max():.2g} is left; take a smaller step"
            )
        return y.reshape(shape), lam.reshape(*shape[:-1], self.I.m)

    def linearised(self, y_tilde, x, h):
        """y, λ, G, N and K ↦ K⁻¹r of K = NGᵀ or its transpose."""
        y, lam = self.project(y_tilde, x, h)
        G, N = self.I.gradients(y_tilde), self.I.gradients(y)
        K = products(N, G).astype(y.dtype)

        def solve(r, transposed=False):
            K_r, r_k = K.swapaxes(-1, -2) if transposed else K, r.reshape(-1, self.I.m)
            K_r = K_r.reshape(-1, self.I.m, self.I.m)
            so = "the step has no derivative there"
            return self._solve(K_r, r_k, h, np.arange(len(r_k)), so).reshape(r.shape)

        return y, lam, G, N, solve

    def vjp(self, field, x, h):
        y_tilde, pullback_step = self.method._vjp(field, x, h)
        y, lam, G, N, solve = self.linearised(y_tilde, x, h)

        def pullback(w):
            c = solve(rates(G, w), transposed=True)
            u = w - along(c, N)
            dx, dtheta, dh = pullback_step(u + along(lam, self.I.hessians(y_tilde, u)))
            return dx + along(c, self.I.gradients(x)), dtheta, dh

        return y, pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        y_tilde, u = self.method._jvp(field, x, h, v, dtheta, dh)
        y, lam, G, N, solve = self.linearised(y_tilde, x, h)
        u = u + along(lam, self.I.hessians(y_tilde, u))
        dlevel = rates(self.I.gradients(x), v)
        dlam = solve(dlevel - rates(N, u))
        return y, u + along(dlam, G)


def along(lam, G):
    """Gᵀλ = Σ_i λ_i g_i of the rows g_i of G, (..., m) and (..., m, d)."""
    return (lam[..., None] * G).sum(axis=-2)


def rates(G, v):
    """Gv, (..., m, d) and (..., d)."""
    return (G * v[..., None, :]).sum(axis=-1)


def products(N, G):
    """NGᵀ, (..., m, d) twice → (..., m, m)."""
    return (N[..., :, None, :] * G[..., None, :, :]).sum(axis=-1)


def inverse(a):
    """1/a, and 0 where a = 0, or nearly so, so that 1/a overflows."""
    nothing = np.abs(a) < 4 * np.finfo(a.dtype).tiny
    return np.where(nothing, 0, 1 / np.where(nothing, 1, a))
