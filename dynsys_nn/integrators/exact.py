"""The exact flow as a method, for fields that know theirs."""

import math
import sys

import numpy as np

from ..arguments import refuse
from ..fields import Field, ends
from ..linear import singular_values
from ..maps import outward
from .bounds import euler_lipschitz, require_field
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
        """e^{|h|μ}, μ the one-sided constant of X for h > 0, of −X for h < 0; of ẋ = Cx + c also
        ‖e^{hC}‖, and of a shear that of Euler's step, which it is."""
        require_field(field)
        if field.has_centre and field.centre_radius()[1] == 0:
            C, _ = field.centre_radius()
            mu = ends(np.sign(h) * (C + C.T) / 2)[1]
            return min(exponential(abs(h), mu), norm_of_exponential(h, C))
        mu = field.one_sided_lipschitz() if h > 0 else field.lipschitz()
        bound = exponential(abs(h), mu)
        return min(bound, euler_lipschitz(field, h)) if field.is_shear else bound

    def non_expansive_step(self, field):
        """∞ if the field contracts, μ ≤ 0."""
        require_field(field)
        return math.inf if field.one_sided_lipschitz() <= 0 else super()._non_expansive_step(field)


def exponential(h, mu):
    """e^{hμ}, rounded up: `math.exp` is off by at most one unit in the last place. 1 for hμ = 0,
    and never 0."""
    exponent = outward(lambda h, mu: h * mu, h, mu)
    try:
        return 1.0 if exponent == 0 else math.exp(exponent) * (1 + 4 * EPS) + math.ulp(0.0)
    except OverflowError:
        return math.inf


def norm_of_exponential(h, C):
    """‖eᴹ‖, M = hC, rounded up: e^{M/2ᵏ}, ‖M/2ᵏ‖ ≤ ½, is known to 20 d² units of rounding, and each
    of k squarings of E, ‖E − e‖ ≤ δ, adds the d² units of a product: ‖E² − e²‖ ≤ δ(2‖E‖ + δ). ∞ if
    that is not a number."""
    from scipy.linalg import expm

    with np.errstate(over="ignore"):
        M = h * C
    if not np.isfinite(M).all() or (size := singular_values(M)[1]) == math.inf:
        return math.inf
    unit = len(M) ** 2 * EPS
    k = max(0, math.frexp(size)[1] + 1)
    E = expm(np.ldexp(M, -k))
    norm, error = singular_values(E)[1], 20 * unit
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(k):
            E, error = E @ E, error * (2 * norm + error) + unit * norm * norm
            if not np.isfinite(E).all():
                return math.inf
            norm = singular_values(E)[1]
    return norm + error + unit / EPS * math.ulp(0.0)  # what underflows
