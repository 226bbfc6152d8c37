"""The exact flow as a method, for fields that know theirs."""

import math
import sys

import numpy as np

from ..arguments import refuse
from ..fields import Field
from ..linear import singular_values
from ..maps import outward
from .bounds import require_field
from .method import Method

EPS = sys.float_info.epsilon


class ExactFlow(Method):
    """Ψ^h = φ^h, the flow itself, of a field that knows it: order ∞, symmetric, and all that the
    field keeps is kept.

    It is known of a LinearField, e^{hA}x; of a shear, x + hX(x); of a KnownField(…, flow=φ); and of
    a Field of your own with `has_flow = True`, `flow`, `flow_vjp` and `flow_jvp`. TypeError for
    others. Splittings of such parts, as Strang(ExactFlow()), have the order of the splitting.

    Examples
    --------
    A stiff equation, and an oscillation: one step is as good as many.

    >>> X, x = dnn.LinearField([[-1000.0, 0.0], [0.0, -1.0]]), np.array([1.0, 1.0])
    >>> dnn.ExactFlow().step(X, x, h=1.0).round(4)
    array([0.    , 0.3679])
    >>> parts = dnn.SumField(X, dnn.LinearField([[0.0, 1.0], [-1.0, 0.0]]))
    >>> dnn.Strang(dnn.ExactFlow()).order_on(parts)
    2
    """

    order, symmetric = math.inf, True

    def require(self, field):
        super().require(field)
        refuse(
            not (isinstance(field, Field) and field.has_flow),
            "ExactFlow needs a field that knows its flow, as a LinearField, a shear or a "
            f"KnownField(…, flow=…), got {field!r}",
            TypeError,
        )

    def solves(self, field):
        """True."""
        return True

    def step(self, field, x, h):
        return field._flow(x, h)

    def vjp(self, field, x, h):
        return field._flow_vjp(x, h)

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        return field._flow_jvp(x, h, v, dtheta, dh)

    def inverse(self, field, y, h):
        """φ^{−h}(y)."""
        return field._flow(y, -h)

    def lipschitz(self, field, h):
        """e^{hμ} for h > 0, e^{|h|L} for h < 0, with the one-sided constant of −X for L if that is
        known; for ẋ = Cx + c also ‖e^{hC}‖."""
        require_field(field)
        bound = exponential(abs(h), growth(field, h))
        if not field.has_centre:
            return bound
        C, r = field.centre_radius()
        return min(bound, norm_of_exponential(h * C)) if r == 0 else bound

    def non_expansive_step(self, field):
        """∞ if the field contracts, μ ≤ 0."""
        require_field(field)
        return math.inf if field.one_sided_lipschitz() <= 0 else super()._non_expansive_step(field)


def growth(field, h):
    """μ of X for h > 0, and of −X for h < 0: what is known of it."""
    if h > 0:
        return field.one_sided_lipschitz()
    if field.has_spectrum:
        return 0.0 - field.spectrum()[0]
    return field.lipschitz()


def exponential(h, mu):
    """e^{hμ}, rounded up: `math.exp` is off by one unit in the last place, or less; 1 for μ = 0."""
    exponent = outward(lambda h, mu: h * mu, h, mu)
    try:
        return 1.0 if exponent == 0 else math.exp(exponent) * (1 + 4 * EPS)
    except OverflowError:
        return math.inf


def norm_of_exponential(M):
    """‖eᴹ‖, rounded up by a bound of the error of scaling and squaring, d(10 + 10‖M‖)e^{‖M‖} units
    of rounding; ∞ if that is no number."""
    from scipy.linalg import expm

    size = singular_values(M)[1]
    with np.errstate(all="ignore"):
        error = len(M) * (10 + 10 * size) * EPS * exponential(1.0, size)
        E = expm(M) if error < math.inf else np.full_like(M, math.inf)
    return singular_values(E)[1] + error if np.isfinite(E).all() else math.inf
