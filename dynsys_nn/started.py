"""Flows of fields that depend on time, started at a time: maps of the state alone."""

import numpy as np

from .arguments import finite, instance, refuse
from .fields import at_time, clocks
from .flows import Flow
from .maps import Map, power, require_finite

__all__ = ["StartedAt"]


class StartedAt(Map):
    """x ↦ x(t₀ + nh), x(t₀) = x: a flow of a field that depends on time, as a map of x alone.

    flow: a Flow with n steps h, of a TimeDependent field, or of a PartitionedField of two; t0: t₀,
    a float, default 0.0. It has the θ of the flow. All x start at the same time, and so
    `lipschitz()` and `keeps` are those of x: the flow of −∇V(x, t), V convex in x, does not move
    two points apart, and where f(p, t) and g(q, t) are gradients in p and q it is symplectic.
    TypeError without a Flow, ValueError if its field has no time.

    Examples
    --------
    >>> X = dnn.TimeDependent.random(2, width=8, gradient=True, rng=0)
    >>> flow = dnn.Flow(X, 0.1, dnn.Heun(), steps=5)
    >>> F, x = dnn.StartedAt(flow, t0=3.0), np.array([1.0, -1.0])
    >>> flow(np.array([1.0, -1.0, 3.0]))[:2] == F(x)
    array([ True,  True])
    >>> F.lipschitz()
    1.0
    >>> later = dnn.StartedAt(flow, t0=3.5)(F(x))  # from 3.5 to 4
    >>> np.allclose(later, dnn.StartedAt(dnn.Flow(X, 0.1, dnn.Heun(), steps=10), t0=3.0)(x))
    True
    """

    naming = "inner"

    def __init__(self, flow, t0=0.0):
        instance(flow, Flow, "StartedAt needs a Flow")
        times = clocks(flow.field)
        refuse(
            not times,
            "StartedAt needs the Flow of a field with time, as TimeDependent(N) is, or a "
            f"PartitionedField of two such, got {flow.field!r}",
        )
        self.t0 = finite(t0, "t0")
        self.own(flow=flow)
        self.places = [k for k in range(flow.dim_in) if k not in times]
        self.dim_in = self.dim_out = len(self.places)

    @property
    def formula(self):
        return f"{self.flow.formula}, t₀ = {self.t0:.4g}"

    def _placed(self, x, t):
        """The state of the flow with components x, and t on all clocks."""
        z = np.full((*x.shape[:-1], self.flow.dim_in), t, x.dtype)
        z[..., self.places] = x
        return z

    def __call__(self, x):
        return self.flow._value(self._placed(x, self.t0))[..., self.places]

    def vjp(self, x):
        y, pullback_flow = self.flow._vjp(self._placed(x, self.t0))

        def pullback(w):
            dz, dtheta = pullback_flow(self._placed(w, 0.0))
            return dz[..., self.places], dtheta

        return y[..., self.places], pullback

    def jvp(self, x, v, dtheta=None):
        y, dy = self.flow._jvp(self._placed(x, self.t0), self._placed(v, 0.0), dtheta)
        return y[..., self.places], dy[..., self.places]

    def inverse(self, y):
        t = self.t0 + self.flow.steps * self.flow.h
        return self.flow._inverse(self._placed(y, t))[..., self.places]

    @property
    def keeps(self):
        """Volume and the symplectic form of x, if every step keeps them at each time."""
        method, X = self.flow.method, at_time(self.flow.field, self.t0)
        return method.preserves(X) & {"volume", "symplectic"}

    def lipschitz(self):
        """The method's constant of one step, with the field's constants in x, to the power n."""
        require_finite(self)
        flow = self.flow
        return power(flow.method.lipschitz(at_time(flow.field, self.t0), flow.h), flow.steps)
