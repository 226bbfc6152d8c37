"""What every one-step method has."""

import math
import sys

from ..arguments import METHOD, Described, Guarded, guard, real_step, refuse
from ..arguments.values import LARGEST
from ..fields import known_invariants, words_of
from ..maps import Map, inner, is_among

EPS = sys.float_info.epsilon


class Method(Described, metaclass=Guarded):
    """A one-step method: `order`, `step`, `vjp`, `jvp`, and if they are known `inverse` and
    `lipschitz`.

    Steps h may be negative (reversal). A step that is zero, NaN or infinite is a ValueError.
    `symmetric` is True if Ψ^{−h} ∘ Ψ^h is the identity. As for a map, arguments are looked at on
    the way in, and the package calls from inside method._step, _vjp, _jvp, which are the same
    without that look.

    Examples
    --------
    >>> class MyEuler(dnn.Method):
    ...     order = 1
    ...
    ...     def step(self, field, x, h):
    ...         return x + h * field(x)
    ...
    ...     def vjp(self, field, x, h):
    ...         k, pullback_X = field.vjp(x)
    ...
    ...         def pullback(w):
    ...             dx, dtheta = pullback_X(h * w)
    ...             return w + dx, dtheta, (w * k).sum()
    ...
    ...         return x + h * k, pullback
    >>> X, x = dnn.ResidualField.random(2, width=5, rng=0), np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> dnn.checks.adjoint(dnn.Flow(X, 0.1, MyEuler(), learn_h=True), x).passed
    True
    """

    order, symmetric = None, False
    stages = 1  # how many evaluations of the field, about, a step keeps for its adjoint
    doors, operators = METHOD, {}
    dtypes = None  # the characters of the dtypes of states that it can step, or None for all

    def step(self, field, x, h):
        """Ψ^h(x), shape (..., d)."""
        raise NotImplementedError(
            f"{type(self).__name__} has no step: write step(self, field, x, h)"
        )

    def vjp(self, field, x, h):
        """Ψ^h(x) and its pullback w ↦ (∂Ψ/∂x)ᵀw, (∂Ψ/∂θ)ᵀw summed over the batch, ⟨w, ∂Ψ/∂h⟩ (a
        number)."""
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written adjoint: write vjp(self, field, x, h)"
        )

    def _fixed_vjp(self, field, x, h):
        """The same without ⟨w, ∂Ψ/∂h⟩, for a step that is not learned: it may keep less."""
        y, pullback = self._vjp(field, x, h)
        return y, lambda w: pullback(w)[:2]

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        """Ψ^h(x) and its tangent (∂Ψ/∂x) v + (∂Ψ/∂θ) dtheta + (∂Ψ/∂h) dh."""
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written tangent: "
            "write jvp(self, field, x, h, v, dtheta, dh)"
        )

    def inverse(self, field, y, h):
        """The x with Ψ^h(x) = y, if it is explicit."""
        raise NotImplementedError(f"{type(self).__name__} has no explicit inverse")

    def lipschitz(self, field, h):
        """A certified Lipschitz constant of Ψ^h."""
        raise NotImplementedError(f"no Lipschitz constant of {type(self).__name__} is known")

    def non_expansive_step(self, field):
        """The largest H for which Ψ^h is certified non-expansive, ‖Ψ^h(x) − Ψ^h(y)‖ ≤ ‖x − y‖, for
        all 0 < h ≤ H."""
        raise NotImplementedError(f"no step of {type(self).__name__} is known to be non-expansive")

    def steps_for(self, field, T):
        """The smallest n for which n steps T/n reach time T > 0, each non-expansive to the rounding
        of the field's constants, 8d · 2.2e-16. ValueError if a Flow cannot have so many steps."""
        T, H = real_step(T), self.non_expansive_step(field)
        refuse(T < 0, f"a field contracts forward in time: T must be positive, got {T}")
        refuse(
            not T / LARGEST < H,
            f"more than {LARGEST} steps, each at most {H:.3g}, would be needed to reach T = {T:g}",
        )
        slack = 1 - 8 * field.dim_in * EPS  # do not add a step because of rounding
        return max(1, math.ceil(T / H * slack))

    # ---- what a step keeps
    def solves(self, field):
        """True if every step is the exact flow of the field."""
        return False

    def order_on(self, field):
        """The order on this field: ∞ if every step is its exact flow."""
        return math.inf if self.solves(field) else self.order

    def keeps_invariant(self, field, I):
        """True if every step keeps the invariant I of the field."""
        return False

    def keeps_geometry(self, field):
        """What every step keeps, out of volume and symplectic."""
        return frozenset()

    def kept(self, field):
        """name → I: the invariants of the field that every step keeps."""
        exact = self.solves(field)
        return {
            name: I
            for name, I in known_invariants(field).items()
            if exact or self.keeps_invariant(field, I)
        }

    def preserves(self, field):
        """The part of `field.keeps` that every step keeps, and what it keeps on any field."""
        if self.solves(field):
            return frozenset(field.keeps)
        known, kept = known_invariants(field).values(), self.kept(field)
        lost = {word for I in known if not is_among(I, kept) for word in words_of(I)}
        words = {word for I in kept.values() for word in words_of(I)}
        return self.keeps_geometry(field) | words - lost

    def facts(self, field):
        """What every step keeps: the words, and the invariants, name → I."""
        return self.preserves(field), self.kept(field)

    def require(self, field):
        """TypeError if the field is of a kind that the method cannot step, ValueError if it leaves
        its space."""
        if not isinstance(field, Map):
            raise TypeError(f"{type(self).__name__} steps a vector field, got {field!r}")
        if getattr(field, "dim_in", None) != getattr(field, "dim_out", None) or field.sequence:
            raise ValueError(f"{type(self).__name__} steps a field ℝᵈ → ℝᵈ, got {field!r}")


class Staged(Method):
    """A method that adds up slopes K_i of the field. It writes `_stages(field, x, h)`: Ψ^h(x), its
    pullback w ↦ dx, dtheta, κ, and the K_i, where κ_i is the covector at hK_i."""

    def vjp(self, field, x, h):
        y, pullback_stages, K = self._stages(field, x, h)

        def pullback(w):
            dx, dtheta, kappa = pullback_stages(w)
            return dx, dtheta, sum(map(inner, kappa, K))  # ∂Ψ/∂h: Σ_i ⟨κ_i, K_i⟩

        return y, pullback

    def _fixed_vjp(self, field, x, h):
        if type(self)._vjp is not Staged._vjp:  # a subclass has its own
            return super()._fixed_vjp(field, x, h)
        y, pullback_stages, _ = self._stages(field, x, h)
        return y, lambda w: pullback_stages(w)[:2]


for name in ("preserves", "steps_for"):
    guard(Method, name)


def geometry_of(field):
    """Out of volume and symplectic, what the exact flow of a field keeps."""
    return frozenset(field.keeps) & {"volume", "symplectic"}
