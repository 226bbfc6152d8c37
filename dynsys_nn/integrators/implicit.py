"""Implicit methods y = x + hΦ(x, y): Newton's method, and one transposed solve for the adjoint, written once for all Φ."""

import math

import numpy as np

from ..fields import InvariantField, PartitionedField, invariants_of, words_of
from .bounds import require_field
from .method import Method, check_dh, check_step, real_step


class NotConverged(ArithmeticError):
    """Newton's method found no solution of an implicit step; the message names the step and the residual."""


class ImplicitMethod(Method):
    """y = x + hΦ(x, y). A subclass writes Φ with adjoint and tangent, and if it likes ∂Φ/∂y as a matrix:

        increment(field, x, y)                           Φ
        increment_vjp(field, x, y)                       Φ, pullback;  pullback(w) = Φ_xᵀw, Φ_yᵀw, Φ_θᵀw
        increment_jvp(field, x, y, dx, dy, dtheta)       Φ, Φ_x dx + Φ_y dy + Φ_θ dθ
        increment_jacobian(field, x, y)                  Φ_y, (..., d, d); from increment_jvp unless written

    Newton's method uses the exact Jacobian, all samples at once, halves a step that does not help, and goes on until
    the residual stops falling, which is at rounding: a tolerance would let invariants drift. NotConverged where it
    stops falling earlier; for large h there may be several solutions, and it is the one found from y = x. By the
    implicit function theorem, with K = I − hΦ_y, tangent and adjoint are

        K dy = dx + h(Φ_x dx + Φ_θ dθ) + Φ dh
        Kᵀμ = w,   (∂Ψ/∂x)ᵀw = μ + hΦ_xᵀμ,   (∂Ψ/∂θ)ᵀw = hΦ_θᵀμ,   ⟨w, ∂Ψ/∂h⟩ = ⟨μ, Φ⟩

    A subclass also sets `order`, and `preserves(field)` where it keeps something. `linear`: True where Φ is affine in
    y, so that the first Newton step is the solution. `symmetric`: True where Φ(x, y) = Φ(y, x), so that the step with
    −h is the inverse.
    """

    linear = False
    rounding = 1e4  # a residual up to rounding · 2.2e-16 · (‖x‖ + ‖hΦ‖ + |h|) is one

    def increment(self, field, x, y):
        """Φ(x, y), shape (..., d)."""
        raise NotImplementedError(f"{type(self).__name__} has no increment: write increment(self, field, x, y)")

    def increment_vjp(self, field, x, y):
        """Φ(x, y) and its pullback w ↦ Φ_xᵀw, Φ_yᵀw, Φ_θᵀw."""
        raise NotImplementedError(f"{type(self).__name__} has no adjoint: write increment_vjp(self, field, x, y)")

    def increment_jvp(self, field, x, y, dx, dy, dtheta=None):
        """Φ(x, y) and its tangent."""
        raise NotImplementedError(f"{type(self).__name__} has no tangent: write increment_jvp(self, field, x, y, …)")

    def increment_jacobian(self, field, x, y):
        """Φ_y, shape (..., d, d): the tangents of the unit vectors, one a column."""
        d = x.shape[-1]
        x, y = (np.repeat(z[..., None, :], d, axis=-2) for z in (x, y))
        _, columns = self.increment_jvp(
            field, x, y, np.zeros_like(x), np.broadcast_to(np.eye(d, dtype=x.dtype), x.shape)
        )
        return columns.swapaxes(-1, -2)

    def step(self, field, x, h):
        return self._solution(field, x, h)[0]

    def _solution(self, field, x, h):
        """y, and K at y as a function to be called where it is needed."""
        self.require(field)
        x, h = field.state(x), check_step(h)
        if x.dtype.char not in "fdFD":
            raise TypeError(f"{self!r} solves linear systems, in float32 or float64, got states of {x.dtype}")
        if not self.linear:
            if isinstance(h, complex):
                x = x.astype(np.result_type(x, np.complex64))
            y = self._newton(field, x.reshape(-1, x.shape[-1]), h).reshape(x.shape)
            return y, lambda: self._K(field, x, y, h)
        K, y = self._K(field, x, x, h), x
        for _ in range(2):  # one Newton step from y = x, and one to keep to rounding what is kept, however large h‖Φ_y‖
            y = y + solve(K, x - y + h * self.increment(field, x, y), self, h)
        return y, lambda: K

    def _K(self, field, x, y, h):
        return np.eye(x.shape[-1], dtype=x.dtype) - h * self.increment_jacobian(field, x, y)

    def _newton(self, field, x, h):
        """y with r(y) = y − x − hΦ(x, y) = 0 to rounding, for states x of shape (n, d), from y = x on."""

        def residual(k, y_k):
            return y_k - x[k] - h * self.increment(field, x[k], y_k)

        y, delta, going = x.copy(), np.zeros_like(x), np.arange(len(x))
        r = residual(going, y)
        size = norm(r)
        rounding = self.rounding * np.finfo(x.dtype).eps * (norm(x) + size + abs(h))
        if not np.isfinite(size).all():
            k = np.argmin(np.isfinite(size))
            raise NotConverged(f"{self!r}: state number {k} of the batch, or its field, is not finite: {x[k]}")
        for _ in range(100):
            if not going.size:
                break
            delta[going] = solve(self._K(field, x[going], y[going], h), r[going], self, h)
            before, trying, c = size.copy(), going, 1.0
            while trying.size and c > 1e-6:  # the full step, or half of it, or a quarter …
                y_new = y[trying] - c * delta[trying]
                r_new = residual(trying, y_new)
                falls = norm(r_new) < size[trying]
                k = trying[falls]
                y[k], r[k], size[k] = y_new[falls], r_new[falls], norm(r_new[falls])
                trying = trying[~falls & (size[trying] > rounding[trying])]
                c /= 2
            # go on where it falls, and at rounding only where it halves
            fell = (size < before / 2) | ((size < before) & (size > rounding))
            going = going[fell[going]]
        if not (size <= rounding).all():
            k = np.argmax(size / rounding)
            raise NotConverged(
                f"{self!r}: Newton's method did not converge in a step h = {h:g} from state number {k} of the batch: "
                f"the residual ‖y − x − hΦ(x, y)‖ is {size[k]:.2g}; take a smaller step"
            )
        for _ in range(2 if np.iscomplexobj(x) else 0):  # imaginary parts far below the real ones' rounding
            y = y - solve(self._K(field, x, y, h), residual(slice(None), y), self, h)
        return y

    def vjp(self, field, x, h):
        (y, K), x, h = self._solution(field, x, h), field.state(x), check_step(h)
        phi, pull_phi = self.increment_vjp(field, x, y)
        K_transposed = K().swapaxes(-1, -2)

        def pullback(w):
            mu = solve(K_transposed, field.covector(w, x), self, h)
            dx, _, dtheta = pull_phi(h * mu)
            return mu + dx, dtheta, (mu * phi).sum()

        return y, pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        (y, K), x, h, dh = self._solution(field, x, h), field.state(x), check_step(h), check_dh(dh)
        v = field.tangent(v, x)
        phi, dphi = self.increment_jvp(field, x, y, v, np.zeros_like(y), dtheta)
        return y, solve(K(), v + h * dphi + dh * phi, self, h)

    def inverse(self, field, y, h):
        """The step with −h, where the method is symmetric: as implicit as the step itself."""
        return self.step(field, y, -check_step(h)) if self.symmetric else super().inverse(field, y, h)


class ImplicitMidpoint(ImplicitMethod):
    """y = x + hX(m), m = (x + y)/2: order two, symmetric, and the Runge–Kutta method that keeps all quadratic invariants.

    Symplectic for Hamiltonian fields; keeps volume for those and for partitioned ones, where
    det(I + ½hX′) = det(I − ½hX′).
    """

    order, symmetric = 2, True

    def increment(self, field, x, y):
        return field((x + y) / 2)

    def increment_vjp(self, field, x, y):
        value, pullback = field.vjp((x + y) / 2)

        def half(w):
            dm, dtheta = pullback(w)
            return dm / 2, dm / 2, dtheta

        return value, half

    def increment_jvp(self, field, x, y, dx, dy, dtheta=None):
        return field.jvp((x + y) / 2, (dx + dy) / 2, dtheta)

    def increment_jacobian(self, field, x, y):
        return field.jacobian((x + y) / 2) / 2

    def preserves(self, field):
        self.require(field)
        quadratic, other = set(), set()
        for I in invariants_of(field):
            (quadratic if getattr(I, "degree", None) in (1, 2) else other).update(words_of(I))
        kept = frozenset(field.keeps) & ({"mass", "norm", "symplectic"} | (quadratic - other))
        even = isinstance(field, PartitionedField) or "symplectic" in kept
        return kept | (frozenset(field.keeps) & {"volume"} if even else frozenset())

    def lipschitz(self, field, h):
        """max |1 + ½hλ|/|1 − ½hλ| over the spectrum. Where that is not known, hλ is hμ for h > 0 (0 if that is negative: the
        constant is 1) and |h|L for h < 0. NotImplementedError where ½hλ may be 1: the step need not be unique.
        """
        self.require(field)
        require_field(field)
        h = real_step(h)
        try:
            ends = [h * eigenvalue for eigenvalue in field.spectrum()]
        except NotImplementedError:
            ends = [max(0.0, h * field.one_sided_lipschitz()) if h > 0 else -h * field.lipschitz()]
        if max(ends) >= 2:
            raise NotImplementedError(
                f"ImplicitMidpoint has a Lipschitz constant where hμ < 2, got hμ = {max(ends):.3g}: take a smaller step"
            )
        return max(abs((2 + end) / (2 - end)) for end in ends)

    def non_expansive_step(self, field):
        """∞ where the field contracts, μ ≤ 0: the rule is B-stable."""
        self.require(field)
        require_field(field)
        return math.inf if field.one_sided_lipschitz() <= 0 else super().non_expansive_step(field)


class Cayley(ImplicitMethod):
    """y = x + hS(x)∇I(m), m = (x + y)/2, with S frozen over the step; for ẋ = S(x)x it is (I − ½hS)⁻¹(I + ½hS)x.

    One linear solve, order one, and I is kept exactly: I(y) − I(x) = ⟨∇I(m), y − x⟩ = h∇IᵀS∇I = 0 for I of degree
    two. TypeError unless the field is an InvariantField of an I of degree one or two, as SpherePreservingField.
    """

    order, linear = 1, True

    def require(self, field):
        if not isinstance(field, InvariantField) or getattr(field.invariant, "degree", None) not in (1, 2):
            of = f" of {type(field.invariant).__name__}" if isinstance(field, InvariantField) else ""
            raise TypeError(
                "Cayley needs a field S(x)∇I(x) with I of degree one or two, as SpherePreservingField or an InvariantField "
                f"of Quadratic(Q), got {type(field).__name__}{of}"
            )

    def increment(self, field, x, y):
        return field.S(x, field.dI((x + y) / 2))

    def increment_vjp(self, field, x, y):
        n, back_n = field.dI_vjp((x + y) / 2)
        value, back_S = field.S_vjp(x, n)

        def pullback(w):
            dx, dn, dtheta = back_S(w)
            dm, _ = back_n(dn)
            return dx + dm / 2, dm / 2, dtheta

        return value, pullback

    def increment_jvp(self, field, x, y, dx, dy, dtheta=None):
        n, dn = field.dI_jvp((x + y) / 2, (dx + dy) / 2)
        return field.S_jvp(x, n, dx, dn, dtheta)

    def increment_jacobian(self, field, x, y):
        """½ S(x)∇²I."""
        S, d = field.skew(x), field.dim
        unit = np.broadcast_to(np.eye(d, dtype=x.dtype), S.shape)
        rows = field.invariant.hvp(np.broadcast_to(x[..., None, :], S.shape), unit)  # ∇²I is symmetric
        return S @ rows / 2

    def preserves(self, field):
        self.require(field)
        return frozenset(field.keeps)


def norm(x):
    return np.linalg.norm(x, axis=-1)


def solve(K, r, method, h):
    try:
        return np.linalg.solve(K, r[..., None])[..., 0]
    except np.linalg.LinAlgError:
        raise NotConverged(f"{method!r}: I − h ∂Φ/∂y is singular in a step h = {h:g}: take a smaller step") from None
