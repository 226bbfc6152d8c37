"""Discrete gradients: what stands for ∇I between two points, so that I(y) − I(x) = ⟨∇̄I, y − x⟩.

    Gonzalez      ∇I(m) + c(y − x),  m = (x + y)/2         c is what the identity asks for
    MeanValue     ∫₀¹ ∇I(x + ξ(y − x)) dξ                  the identity is the fundamental theorem
    ItohAbe       ΔᵢI/(yᵢ − xᵢ), one coordinate at a time  the identity is a sum that telescopes

In one dimension all three are (I(y) − I(x))/(y − x), and for I = ½xᵀQx the first two are Qm.
"""

import numpy as np

from ..arguments import Described, dimension, flag, refuse
from .newton import norm


class TwoPointGradient(Described):
    """∇̄I(x, y) with ⟨∇̄I(x, y), y − x⟩ = I(y) − I(x) and ∇̄I(x, x) = ∇I(x), with adjoint and tangent.

    I and ∇I are the maps F.I and F.dI, with the same parameters θ, of anything that has them, such
    as a HamiltonianField or InvariantField. A new one writes, for x and y of shape (..., d),

        G(F, x, y)                       ∇̄I(x, y), (..., d)
        G.vjp(F, x, y)                   ∇̄I, pullback;  pullback(w) = dx, dy, dθ
        G.jvp(F, x, y, dx, dy, dtheta)   ∇̄I, its tangent

    and, if it likes, `jacobian`; and it says which `order` a step of DiscreteGradient has with it,
    and whether it is `symmetric`, ∇̄I(x, y) = ∇̄I(y, x), as all of order two here are.

    Examples
    --------
    For I of degree two the mean of ∇I at the two ends is a discrete gradient:

    >>> class Trapezoidal(dnn.integrators.TwoPointGradient):
    ...     def __call__(self, F, x, y):
    ...         return (F.dI(x) + F.dI(y)) / 2
    ...
    ...     def jvp(self, F, x, y, dx, dy, dtheta=None):
    ...         (n_x, dn_x), (n_y, dn_y) = F.dI.jvp(x, dx, dtheta), F.dI.jvp(y, dy, dtheta)
    ...         return (n_x + n_y) / 2, (dn_x + dn_y) / 2
    >>> X = dnn.SpherePreservingField.random(3, width=5, rng=0)
    >>> x, method = np.array([1.0, 2.0, 2.0]), dnn.DiscreteGradient(gradient=Trapezoidal())
    >>> print(np.linalg.norm(method.step(X, x, h=0.5)).round(12))
    3.0
    """

    order, symmetric = 2, True

    def __call__(self, F, x, y):
        raise NotImplementedError(
            f"{type(self).__name__} has no value: write __call__(self, F, x, y)"
        )

    def vjp(self, F, x, y):
        """∇̄I(x, y) and its pullback w ↦ dx, dy, dθ."""
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written adjoint: write vjp(self, F, x, y)"
        )

    def jvp(self, F, x, y, dx, dy, dtheta=None):
        """∇̄I(x, y) and its tangent."""
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written tangent: "
            "write jvp(self, F, x, y, dx, dy, dtheta)"
        )

    def jacobian(self, F, x, y):
        """∇̄I(x, y) and ∂∇̄I/∂y, shape (..., d, d): the tangents of the unit vectors, one per
        column."""
        d = x.shape[-1]
        x, y = (np.repeat(z[..., None, :], d, axis=-2) for z in (x, y))
        unit = np.broadcast_to(np.eye(d, dtype=x.dtype), x.shape)
        n, columns = self.jvp(F, x, y, np.zeros_like(x), unit)
        return n[..., 0, :], columns.swapaxes(-1, -2)

    def keeps(self, I):
        """True if ⟨∇̄I, y − x⟩ = I(y) − I(x) for this I, whatever x and y are."""
        return True

    def exchanged(self):
        """The discrete gradient (x, y) ↦ ∇̄I(y, x), whose steps are the adjoint method; None if it
        is not known."""
        return self if self.symmetric else None


class Gonzalez(TwoPointGradient):
    """∇̄I(x, y) = ∇I(m) + c(y − x), m = (x + y)/2, c = (I(y) − I(x) − ⟨∇I(m), y − x⟩)/‖y − x‖².

    ∇I at the midpoint, corrected along the chord by what is missing there; no correction for
    quadratic I. Source: Gonzalez, J. Nonlinear Sci. 6 (1996).

    Examples
    --------
    >>> X = dnn.HamiltonianField.random(2, width=6, alpha=1.0, rng=0)
    >>> x, y = np.array([1.0, 0.5]), np.array([0.0, 2.0])
    >>> mean = dnn.Gonzalez()(X, x, y)
    >>> bool(abs(mean @ (y - x) - (X.hamiltonian(y) - X.hamiltonian(x))) < 1e-14)
    True
    >>> bool(abs(X.dH((x + y) / 2) @ (y - x) - (X.hamiltonian(y) - X.hamiltonian(x))) < 1e-3)
    False
    """

    def _correction(self, I_x, I_y, n, delta, m):
        """c = e/‖δ‖², e = I(y) − I(x) − ⟨n, δ⟩ ≈ I‴(m)[δ, δ, δ]/24, and q = 1/‖δ‖².

        Both are 0 where e is rounding, for ‖δ‖ below eps^{1/3} = 6e-6 times min(1, ‖m‖). Above,
        adjoint and tangent in θ and h have an error of eps/‖δ‖, 4e-11 at most.
        """
        rounding = too_short(norm(delta), m)
        q = np.where(rounding, 0, 1 / np.where(rounding, 1, (delta * delta).sum(axis=-1)))
        q = q.astype(delta.dtype)
        return (I_y - I_x - (n * delta).sum(axis=-1)) * q, q

    def __call__(self, F, x, y):
        m, delta = (x + y) / 2, y - x
        n = F.dI._value(m)
        c, _ = self._correction(F.I._value(x), F.I._value(y), n, delta, m)
        return n + c[..., None] * delta

    def vjp(self, F, x, y):
        m, delta = (x + y) / 2, y - x
        (n, pullback_n), (I_x, pullback_x), (I_y, pullback_y) = (
            F.dI._vjp(m),
            F.I._vjp(x),
            F.I._vjp(y),
        )
        c, q = self._correction(I_x, I_y, n, delta, m)

        def pullback(w):
            de = (w * delta).sum(axis=-1) * q
            dn = w - de[..., None] * delta
            ddelta = c[..., None] * w - de[..., None] * n - (2 * c * de)[..., None] * delta
            dm, dtheta_n = pullback_n(dn)
            (dx, dtheta_x), (dy, dtheta_y) = pullback_x(-de), pullback_y(de)
            return dx + dm / 2 - ddelta, dy + dm / 2 + ddelta, dtheta_n + dtheta_x + dtheta_y

        return n + c[..., None] * delta, pullback

    def jvp(self, F, x, y, dx, dy, dtheta=None):
        m, delta, dm, ddelta = (x + y) / 2, y - x, (dx + dy) / 2, dy - dx
        n, dn = F.dI._jvp(m, dm, dtheta)
        (I_x, dI_x), (I_y, dI_y) = F.I._jvp(x, dx, dtheta), F.I._jvp(y, dy, dtheta)
        c, q = self._correction(I_x, I_y, n, delta, m)
        de = dI_y - dI_x - (dn * delta + n * ddelta).sum(axis=-1)
        dc = q * (de - 2 * c * (delta * ddelta).sum(axis=-1))
        tangent = dn + dc[..., None] * delta + c[..., None] * ddelta
        return n + c[..., None] * delta, tangent


class MeanValue(TwoPointGradient):
    """∇̄I(x, y) = Σ_k b_k ∇I(x + ξ_k(y − x)) ≈ ∫₀¹ ∇I(x + ξ(y − x)) dξ: Gauss's formula with that
    many `nodes`, default 8.

    It needs ∇I alone, and where S is constant a step with it is the average vector field method, y
    = x + h∫₀¹ X(x + ξ(y − x)) dξ. A polynomial I of degree up to 2 · nodes is kept; any other to
    the error of the formula, which falls like (2r + √(1 + 4r²))^(−2 · nodes) if I is analytic up to
    r‖y − x‖ from the chord: with 8 nodes 1e-10 at r = 1 and rounding at r = 2, so a shorter step is
    enough. Only an I that is known to be of degree one or two is claimed to be kept.
    ValueError unless 1 ≤ nodes ≤ 100. Sources: Harten, Lax and van Leer, SIAM Review 25 (1983);
    Quispel and McLaren, J. Phys. A 41 (2008).

    Examples
    --------
    Two nodes are enough for an I of degree four:

    >>> X = dnn.KnownSkewField(
    ...     [[0, 1], [-1, 0]],
    ...     dnn.Invariant(
    ...         lambda x: (x**4).sum(axis=-1), lambda x: 4 * x**3, lambda x, v: 12 * x**2 * v
    ...     ),
    ... )
    >>> x = np.array([1.0, 0.5])
    >>> for nodes in (1, 2):
    ...     y = dnn.DiscreteGradient(gradient=dnn.MeanValue(nodes)).step(X, x, h=0.1)
    ...     print(bool(abs((y**4).sum() - (x**4).sum()) < 1e-14))
    False
    True
    """

    def __init__(self, nodes=8):
        self.nodes = dimension(nodes, "nodes")
        refuse(self.nodes > 100, f"100 nodes are more than enough, got nodes = {nodes}")
        xi, b = np.polynomial.legendre.leggauss(self.nodes)
        self.xi, self.b = (1 + xi) / 2, b / 2

    def _formula(self, x):
        """ξ_k and b_k, each of shape (nodes, 1, …, 1)."""
        shape = (-1, *[1] * x.ndim)
        return [a.astype(x.real.dtype).reshape(shape) for a in (self.xi, self.b)]

    def __call__(self, F, x, y):
        xi, b = self._formula(x)
        return (b * F.dI._value(x + xi * (y - x))).sum(axis=0)

    def vjp(self, F, x, y):
        xi, b = self._formula(x)
        n, pullback_n = F.dI._vjp(x + xi * (y - x))

        def pullback(w):
            dp, dtheta = pullback_n(b * w)
            dy = (xi * dp).sum(axis=0)
            return dp.sum(axis=0) - dy, dy, dtheta

        return (b * n).sum(axis=0), pullback

    def jvp(self, F, x, y, dx, dy, dtheta=None):
        xi, b = self._formula(x)
        n, dn = F.dI._jvp(x + xi * (y - x), dx + xi * (dy - dx), dtheta)
        return (b * n).sum(axis=0), (b * dn).sum(axis=0)

    def keeps(self, I):
        """True for I that is known to be of degree one or two."""
        return getattr(I, "degree", None) in (1, 2)


class ItohAbe(TwoPointGradient):
    """∇̄I(x, y)ᵢ = (I(zᵢ) − I(zᵢ₋₁))/(yᵢ − xᵢ), zᵢ = (y₁, …, yᵢ, xᵢ₊₁, …, x_d): from x to y along
    edges of a box, one coordinate after the other.

    Order one, and not symmetric; for a separable I = Σ Iᵢ(xᵢ) it is the mean value, and there of
    order two. backward: from the last coordinate to the first if True, default False. That is
    ∇̄I(y, x), and its step is the adjoint of the other's: half a step of each is a symmetric step of
    order two.

    A quotient is the mean of ∂ᵢI along its edge. Where five nodes of Gauss's formula give that to
    rounding, as they do for yᵢ ≈ xᵢ, it is taken from them, and no derivative is a quotient of
    roundings. Source: Itoh and Abe, J. Comput. Phys. 76 (1988).

    Examples
    --------
    >>> X = dnn.HamiltonianField.random(2, width=6, alpha=1.0, rng=0)
    >>> H, x = X.hamiltonian, np.array([1.0, 0.5])
    >>> there, back = (dnn.DiscreteGradient(gradient=dnn.ItohAbe(b)) for b in (False, True))
    >>> y = there.step(X, x, h=0.2)
    >>> bool(abs(H(y) - H(x)) < 1e-13)
    True
    >>> np.allclose(back.step(X, y, h=-0.2), x)
    True
    >>> np.allclose(there.step(X, y, h=-0.2), x)
    False
    """

    order, symmetric = 1, False
    _mean = MeanValue(5)

    def __init__(self, backward=False):
        self.backward = flag(backward, "backward")

    def exchanged(self):
        return ItohAbe(not self.backward)

    def _box(self, x):
        """(d + 1, 1, …, d), where a corner has the coordinates of y; (d, 1, …, d), the direction of
        an edge."""
        d, batch = x.shape[-1], [1] * (x.ndim - 1)
        of_y, edges = np.tri(d + 1, d, -1, dtype=bool), np.eye(d, dtype=x.real.dtype)
        if self.backward:
            of_y, edges = of_y[:, ::-1], edges[::-1]
        return of_y.reshape(d + 1, *batch, d), edges.reshape(d, *batch, d)

    def _quotients(self, I, n, x, y, edges):
        """The quotients; where they are the mean of ∂ᵢI, which is in n; and q = 1/(yᵢ − xᵢ), or 0
        there."""
        delta, eps = y - x, np.finfo(x.dtype).eps
        step, mean = along(np.diff(I, axis=0), edges), (n * edges).sum(axis=0)
        size = along(np.abs(I[:-1]) + np.abs(I[1:]), edges)
        rounding = 2 * eps * (size + np.abs(mean) * (np.abs(x) + np.abs(y)))
        alike = np.abs(step - mean * delta) <= rounding
        alike |= too_short(np.abs(delta), (x + y) / 2) | (delta == 0)
        q = np.where(alike, 0, 1 / np.where(alike, 1, delta)).astype(delta.dtype)
        return np.where(alike, mean, q * step), alike, q

    def __call__(self, F, x, y):
        of_y, edges = self._box(x)
        z = np.where(of_y, y, x)
        return self._quotients(F.I._value(z), self._mean(F, z[:-1], z[1:]), x, y, edges)[0]

    def vjp(self, F, x, y):
        of_y, edges = self._box(x)
        z = np.where(of_y, y, x)
        (I, pullback_I), (n, pullback_n) = F.I._vjp(z), self._mean.vjp(F, z[:-1], z[1:])
        g, alike, q = self._quotients(I, n, x, y, edges)

        def pullback(w):
            e = (q * w * edges).sum(axis=-1)  # the covector at I(zᵢ) − I(zᵢ₋₁)
            dz, dtheta_I = pullback_I(-np.diff(e, axis=0, prepend=0, append=0))
            start, end, dtheta_n = pullback_n(np.where(alike, w, 0) * edges)
            none = np.zeros_like(start[:1])
            dz = dz + np.concatenate([start, none]) + np.concatenate([none, end])
            dx, dy = np.where(of_y, 0, dz).sum(axis=0), np.where(of_y, dz, 0).sum(axis=0)
            ddelta = -q * w * g
            return dx - ddelta, dy + ddelta, dtheta_I + dtheta_n

        return g, pullback

    def jvp(self, F, x, y, dx, dy, dtheta=None):
        of_y, edges = self._box(x)
        z, dz = np.where(of_y, y, x), np.where(of_y, dy, dx)
        I, dI = F.I._jvp(z, dz, dtheta)
        n, dn = self._mean.jvp(F, z[:-1], z[1:], dz[:-1], dz[1:], dtheta)
        g, alike, q = self._quotients(I, n, x, y, edges)
        moved = q * (along(np.diff(dI, axis=0), edges) - g * (dy - dx))
        return g, np.where(alike, (dn * edges).sum(axis=0), moved)

    def jacobian(self, F, x, y):
        """∇̄I(x, y) and ∂∇̄I/∂y, row by row: a row of ∇²I, or the quotient's."""
        of_y, edges = self._box(x)
        z = np.where(of_y, y, x)
        n, pullback_n = self._mean.vjp(F, z[:-1], z[1:])
        g, alike, q = self._quotients(F.I._value(z), n, x, y, edges)
        start, end, _ = pullback_n(np.broadcast_to(edges, n.shape))
        mean = np.where(of_y[:-1], start, 0) + np.where(of_y[1:], end, 0)
        step = np.diff(np.where(of_y, F.dI._value(z), 0), axis=0)
        order = slice(None, None, -1 if self.backward else 1)
        mean, step = (np.moveaxis(rows, 0, -2)[..., order, :] for rows in (mean, step))
        quotients = q[..., None] * (step - g[..., None] * np.eye(x.shape[-1], dtype=x.dtype))
        return g, np.where(alike[..., None], mean, quotients)


def along(a, edges):
    """Numbers a, one for each edge, (d, ...), as coordinates, (..., d)."""
    return (a[..., None] * edges).sum(axis=0)


def too_short(size, m):
    """Whether a distance is below eps^{1/3} = 6e-6 times min(1, ‖m‖), so that I(y) − I(x) −
    ⟨∇I(m), y − x⟩, of third order, is rounding."""
    scale, info = np.minimum(norm(m), 1), np.finfo(m.dtype)
    if size.ndim > scale.ndim:
        scale = scale[..., None]
    return size <= info.eps ** (1 / 3) * scale + info.tiny ** (1 / 2)
