"""Implicit methods y = x + hΦ(x, y): Newton's method, and one transposed solve for the adjoint,
written once for all Φ."""

import numpy as np

from ..arguments import same
from ..fields import InvariantField
from ..linear import solved
from .method import Method
from .newton import NotConverged, newton, norm


class Increment:
    """Φ(x, y) of a field, with adjoint and tangent; its parameters are those of the field. A new
    one writes

        Φ(x, y)                            the value, (..., d)
        Φ.vjp(x, y)                        Φ, pullback;  pullback(w) = Φ_xᵀw, Φ_yᵀw, Φ_θᵀw
        Φ.jvp(x, y, dx, dy, dtheta)        Φ, Φ_x dx + Φ_y dy + Φ_θ dθ

    and, if it likes, `jacobian`. The field is `self.field`.

    Examples
    --------
    The increment of the implicit trapezoidal rule is ½X(x) + ½X(y):

    >>> class Trapezoidal(dnn.integrators.Increment):
    ...     def __call__(self, x, y):
    ...         return (self.field(x) + self.field(y)) / 2
    ...
    ...     def vjp(self, x, y):
    ...         (X_x, pullback_x), (X_y, pullback_y) = self.field.vjp(x), self.field.vjp(y)
    ...
    ...         def pullback(w):
    ...             (dx, dtheta_x), (dy, dtheta_y) = pullback_x(w / 2), pullback_y(w / 2)
    ...             return dx, dy, dtheta_x + dtheta_y
    ...
    ...         return (X_x + X_y) / 2, pullback
    >>> X = dnn.ResidualField.random(2, width=5, rng=0)
    >>> dnn.checks.adjoint(Trapezoidal(X), (np.array([1.0, 2.0]), np.array([1.5, 1.0]))).passed
    True
    """

    def __init__(self, field):
        self.field = field

    @property
    def theta(self):
        """θ of the field."""
        return self.field.theta

    @theta.setter
    def theta(self, value):
        self.field.theta = value

    def jacobian(self, x, y):
        """Φ_y, shape (..., d, d): the tangents of the unit vectors, one per column."""
        d = x.shape[-1]
        x, y = (np.repeat(z[..., None, :], d, axis=-2) for z in (x, y))
        _, columns = self.jvp(
            x, y, np.zeros_like(x), np.broadcast_to(np.eye(d, dtype=x.dtype), x.shape)
        )
        return columns.swapaxes(-1, -2)


class ImplicitMethod(Method):
    """y = x + hΦ(x, y). A subclass gives Φ as an object, `increment(field)`, an Increment.

    Newton's method uses the exact Jacobian, all samples at once; for large h the equation may have
    several solutions, and the one that is reached from y = x is returned, or else one to which
    shorter steps lead. NotConverged if it reaches none. By the implicit function theorem, with K =
    I − hΦ_y, tangent and adjoint are

        K dy = dx + h(Φ_x dx + Φ_θ dθ) + Φ dh
        Kᵀμ = w,   (∂Ψ/∂x)ᵀw = μ + hΦ_xᵀμ,   (∂Ψ/∂θ)ᵀw = hΦ_θᵀμ,   ⟨w, ∂Ψ/∂h⟩ = ⟨μ, Φ⟩

    A subclass also sets `order`, and says what it keeps. `linear`: True if Φ is affine in y, so
    that the first Newton step is the solution. `symmetric`: True if Φ(x, y) = Φ(y, x), so that the
    step with −h is the inverse.

    Examples
    --------
    The implicit method of Euler, Φ(x, y) = X(y), damps ẋ = −x however long the step is:

    >>> class AtTheEnd(dnn.integrators.Increment):
    ...     def __call__(self, x, y):
    ...         return self.field(y)
    ...
    ...     def jacobian(self, x, y):
    ...         return self.field.jacobian(y)
    >>> class MyImplicitEuler(dnn.ImplicitMethod):
    ...     order = 1
    ...
    ...     def increment(self, field):
    ...         return AtTheEnd(field)
    >>> X = dnn.KnownField(np.negative, 1, jacobian=lambda x: -np.ones((*x.shape, 1)))
    >>> MyImplicitEuler().step(X, np.ones(1), h=9.0).round(12)  # 1/(1 + h)
    array([0.1])
    >>> dnn.Euler().step(X, np.ones(1), h=9.0)  # 1 − h
    array([-8.])
    """

    linear, dtypes = False, "fdFD"
    rounding = 1e4  # a residual up to rounding · 2.2e-16 · (‖x‖ + ‖hΦ‖ + |h|) is one

    def increment(self, field):
        """Φ of the field, an Increment."""
        raise NotImplementedError(
            f"{type(self).__name__} has no increment: write increment(self, field)"
        )

    def solution(self, field, x, h):
        """y, and K at y as a function to be called when it is needed."""
        phi = self.increment(field)

        def K(x, y, h=h):
            return np.eye(x.shape[-1], dtype=x.dtype) - h * phi.jacobian(x, y)

        if self.linear:
            K_x, y = K(x, x), x
            for _ in range(2):  # Newton from y = x, and again for the rounding of the first
                y = y + self.solve(K_x, x - y + h * phi(x, y), h)
            return y, lambda: K_x
        if isinstance(h, complex):
            x = x.astype(np.result_type(x, np.complex64))
        points = x.reshape(-1, x.shape[-1])

        def equations(t, k, start):
            x, th = points[k], t * h

            def rounding(size):
                return self.rounding * np.finfo(x.dtype).eps * (norm(x) + size + abs(th))

            return (
                lambda j, y: y - x[j] - th * phi(x[j], y),
                lambda j, y, r: self.solve(K(x[j], y, th), r, h),
                rounding,
            )

        y = newton(equations, points, (self, h, "‖y − x − hΦ(x, y)‖")).reshape(x.shape)
        return y, lambda: K(x, y)

    def solve(self, K, r, h):
        """K⁻¹r."""
        try:
            return solved(K, r[..., None])[..., 0]
        except np.linalg.LinAlgError:
            raise NotConverged(
                f"{self!r}: I − h ∂Φ/∂y is singular in a step h = {h:g}: take a smaller step"
            ) from None

    def step(self, field, x, h):
        return self.solution(field, x, h)[0]

    def vjp(self, field, x, h):
        y, K = self.solution(field, x, h)
        phi, pullback_phi = self.increment(field).vjp(x, y)
        K_transposed = K().swapaxes(-1, -2)

        def pullback(w):
            mu = self.solve(K_transposed, w, h)
            dx, _, dtheta = pullback_phi(h * mu)
            return mu + dx, dtheta, (mu * phi).sum()

        return y, pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        y, K = self.solution(field, x, h)
        phi, dphi = self.increment(field).jvp(x, y, v, np.zeros_like(y), dtheta)
        return y, self.solve(K(), v + h * dphi + dh * phi, h)

    def inverse(self, field, y, h):
        """The step with −h, if the method is symmetric: as implicit as the step itself."""
        return self._step(field, y, -h) if self.symmetric else super()._inverse(field, y, h)


class FrozenSkew(Increment):
    """Φ(x, y) = S(x)∇I(m), m = (x + y)/2, of a field S∇I."""

    def __call__(self, x, y):
        return self.field.S(x, self.field.dI._value((x + y) / 2))

    def vjp(self, x, y):
        n, pullback_n = self.field.dI._vjp((x + y) / 2)
        value, pullback_S = self.field.S.vjp(x, n)

        def pullback(w):
            dx, dn, dtheta_S = pullback_S(w)
            dm, dtheta_n = pullback_n(dn)
            return dx + dm / 2, dm / 2, self.field.pack(S=dtheta_S, dI=dtheta_n)

        return value, pullback

    def jvp(self, x, y, dx, dy, dtheta=None):
        d = self.field.unpack(dtheta)
        n, dn = self.field.dI._jvp((x + y) / 2, (dx + dy) / 2, d["dI"])
        return self.field.S.jvp(x, n, dx, dn, d["S"])

    def jacobian(self, x, y):
        """½ S(x)∇²I."""
        S, d = self.field.S.matrix(x), x.shape[-1]
        unit = np.broadcast_to(np.eye(d, dtype=x.dtype), S.shape)
        # ∇²I is symmetric: its rows are its columns
        rows = self.field.dI.invariant.hvp(np.broadcast_to(x[..., None, :], S.shape), unit)
        return S @ rows / 2


class Cayley(ImplicitMethod):
    """y = x + hS(x)∇I(m), m = (x + y)/2, with S frozen over the step; for ẋ = S(x)x it is (I −
    ½hS)⁻¹(I + ½hS)x.

    One linear solve, order one, and I is kept exactly: I(y) − I(x) = ⟨∇I(m), y − x⟩ = h∇IᵀS∇I = 0
    for I of degree two. TypeError unless the field is an InvariantField of an I of degree one or
    two, as SpherePreservingField.

    Examples
    --------
    >>> X = dnn.SpherePreservingField.random(3, width=4, rng=0)
    >>> x, h = np.array([0.0, 0.6, 0.8]), 2.0
    >>> y = dnn.Cayley().step(X, x, h)
    >>> bool(abs(np.linalg.norm(y) - 1) < 1e-14)
    True
    >>> S = X.S.matrix(x)
    >>> np.allclose(y - h / 2 * S @ y, x + h / 2 * S @ x)
    True
    """

    order, linear = 1, True

    def require(self, field):
        I = field.invariant if isinstance(field, InvariantField) else None
        if getattr(I, "degree", None) not in (1, 2):
            of = "" if I is None else f" of {type(I).__name__}"
            raise TypeError(
                "Cayley needs a field S(x)∇I(x) with I of degree one or two, as "
                "SpherePreservingField or an InvariantField of Quadratic(Q), got "
                f"{type(field).__name__}{of}"
            )

    def increment(self, field):
        return FrozenSkew(field)

    def keeps_invariant(self, field, I):
        """True for the I that the field is made of."""
        return same(I, field.invariant)
