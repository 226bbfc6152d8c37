"""Flow maps F(x, t) as networks, of which the time is one input: they are x at t = 0, whatever the
weights are, and so is what is symplectic.

    x + N(x, t) − N(x, 0)             is x at t = 0 for any map N
    p ← p − ∇_qV(q, t) + ∇_qV(q, 0)   moves p alone: a kick, symplectic at each t, as is one of q

They are trained on solutions at any times, or, without one, by a Residual.
"""

import numpy as np

from .activations import Tanh
from .arguments import dimension, finite, generator, instance, refuse
from .fields import GradientField, GradientOf
from .fields.gradient_of import scalar_map
from .linear import Selection
from .linear.shapes import padded
from .maps import Map, flattened

__all__ = ["FlowAt", "SympFlowLayer", "TrialFlow"]


class Gain(Map):
    """(x, t) ↦ N(x, t) − N(x, 0), the first d components for x in ℝᵈ: 0 at t = 0, to the bit."""

    formula, naming = "N(x, t) − N(x, 0)", "inner"

    def __init__(self, N):
        self.dim_in, self.dim_out = N.dim_in, N.dim_in - 1
        self.own(N=N)

    def __call__(self, z):
        return (self.N._value(z) - self.N._value(at_start(z)))[..., : self.dim_out]

    def vjp(self, z):
        y, pullback_t = self.N._vjp(z)
        y_0, pullback_0 = self.N._vjp(at_start(z))

        def pullback(w):
            w = padded(w, self.N.dim_out)
            (dz, dtheta), (dz_0, dtheta_0) = pullback_t(w), pullback_0(w)
            return dz - at_start(dz_0), dtheta - dtheta_0

        return (y - y_0)[..., : self.dim_out], pullback

    def jvp(self, z, v, dtheta=None):
        y, dy = self.N._jvp(z, v, dtheta)
        y_0, dy_0 = self.N._jvp(at_start(z), at_start(v), dtheta)
        return (y - y_0)[..., : self.dim_out], (dy - dy_0)[..., : self.dim_out]


def at_start(z):
    """(x, 0) of z = (x, t): linear, and its own adjoint."""
    return np.concatenate([z[..., :-1], np.zeros_like(z[..., -1:])], axis=-1)


class TrialFlow(Map):
    """(x, t) ↦ x + N(x, t) − N(x, 0), which is x at t = 0 whatever N is: a network that meets
    every initial value, to be trained by its Residual.

    N: Map ℝᵈ⁺¹ → ℝᵈ, of states (x, t), such as a Network; it has the θ of N. ValueError if the
    dimensions of N do not fit. Source: Lagaris, Likas and Fotiadis, IEEE Trans. Neural Networks 9
    (1998).

    Examples
    --------
    >>> N = dnn.ResidualField(dnn.Dense(8, 3, rng=0), dnn.Tanh(), dnn.Dense(2, 8, rng=1))
    >>> F = dnn.TrialFlow(N)
    >>> F(np.array([3.0, 4.0, 0.0]))
    array([3., 4.])
    """

    formula, naming = "x + N(x, t) − N(x, 0)", "inner"

    def __init__(self, N):
        instance(N, Map, "TrialFlow needs a Map N")
        refuse(
            N.dim_in - 1 != N.dim_out or N.sequence,
            f"TrialFlow needs N: ℝᵈ⁺¹ → ℝᵈ, of states (x, t), got {N!r}",
        )
        self.dim_in, self.dim_out = N.dim_in, N.dim_out
        self.own(gain=Gain(N))

    N = property(lambda self: self.gain.N)

    def __call__(self, z):
        return z[..., :-1] + self.gain._value(z)

    def vjp(self, z):
        y, pullback_gain = self.gain._vjp(z)

        def pullback(w):
            dz, dtheta = pullback_gain(w)
            return padded(w, self.dim_in) + dz, dtheta

        return z[..., :-1] + y, pullback

    def jvp(self, z, v, dtheta=None):
        y, dy = self.gain._jvp(z, v, dtheta)
        return z[..., :-1] + y, v[..., :-1] + dy


class SympFlowLayer(Map):
    """(q, p, t) ↦ (q⁺, p⁺, t), a kick and a drift, symplectic at each t and the identity at t = 0,

        p⁺ = p − ∇_qV(q, t) + ∇_qV(q, 0),   q⁺ = q + ∇_pK(p⁺, t) − ∇_pK(p⁺, 0).

    V, K: potentials on ℝⁿ⁺¹, scalar Maps, or fields that are their gradients, such as
    GradientField(…, sign=1, alpha=…) for those with one hidden layer. A Network of such layers
    carries t along; behind a Selection of its first 2n components it is a flow map (x, t) ↦ x.
    FlowAt(net, t) is it at one time. The gradient of its Residual holds third derivatives of V and
    K, which are known of GradientFields: other potentials are trained on solutions. Parameters:
    those of "V", then of "K". TypeError unless V and K are Maps, ValueError if they do not fit
    together. Source: Canizares et al., "Symplectic neural flows", arXiv:2412.16787.

    Examples
    --------
    >>> F = dnn.SympFlowLayer.random(2, width=8, rng=0)
    >>> z = np.array([1.0, 2.0, 0.5])
    >>> np.allclose(F.inverse(F(z)), z)
    True
    >>> dnn.checks.symplectic(dnn.FlowAt(F, 0.5), z[:2]).passed
    True
    """

    formula = "(q + ∇K(p⁺, t) − ∇K(p⁺, 0), p − ∇V(q, t) + ∇V(q, 0), t)"
    keeps = frozenset({"volume"})  # of (q, p, t)

    def __init__(self, V, K):
        V, K = gradient_of(V, "V"), gradient_of(K, "K")
        refuse(
            V.dim_in != K.dim_in or V.dim_in < 2,
            f"SympFlowLayer needs V(q, t) and K(p, t) on one ℝⁿ⁺¹, got {V!r} and {K!r}",
        )
        self.n = V.dim_in - 1
        self.dim_in = self.dim_out = 2 * self.n + 1
        self.own(V=Gain(V), K=Gain(K))

    @classmethod
    def random(cls, dim, width, sigma=Tanh(), alpha=1.0, bias=0.0, rng=None, dtype=float):
        """A SympFlowLayer of two GradientFields, whose weights α have both signs.

        Parameters
        ----------
        dim : int
            2n, even.
        width : int
            k, the rows of A in V and in K.
        sigma : Activation, default Tanh()
            σ.
        alpha : float, default 1.0
            α ~ N(0, alpha²), shape (k,).
        bias : float, default 0.0
            Standard deviation of the biases.
        rng : Generator or int, default None
            What V and then K are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        n, odd = divmod(dimension(dim, "dim"), 2)
        refuse(odd, f"dim must be even, for q and p of one dimension, got {dim}")
        options = dict(alpha=finite(alpha, "alpha"), bias=bias, rng=generator(rng), dtype=dtype)
        return cls(*[GradientField.random(n + 1, width, sigma, sign=1, **options) for _ in "VK"])

    def arguments(self):
        """What builds it again, but for θ."""
        return {"V": self.V.N, "K": self.K.N}

    def split(self, z):
        """z = (q, p, t) → q, p, t, three views."""
        return z[..., : self.n], z[..., self.n : -1], z[..., -1:]

    def __call__(self, z):
        q, p, t = self.split(z)
        p = p - self.V._value(joined(q, t))
        q = q + self.K._value(joined(p, t))
        return joined(q, p, t)

    def vjp(self, z):
        q, p, t = self.split(z)
        kick, pullback_V = self.V._vjp(joined(q, t))
        p = p - kick
        drift, pullback_K = self.K._vjp(joined(p, t))

        def pullback(w):
            w_q, w_p, w_t = self.split(w)
            dz, dK = pullback_K(w_q)
            w_p, w_t = w_p + dz[..., :-1], w_t + dz[..., -1:]
            dz, dV = pullback_V(-w_p)
            return joined(w_q + dz[..., :-1], w_p, w_t + dz[..., -1:]), self.pack(V=dV, K=dK)

        return joined(q + drift, p, t), pullback

    def jvp(self, z, v, dtheta=None):
        (q, p, t), (dq, dp, dt), d = self.split(z), self.split(v), self.unpack(dtheta)
        kick, dkick = self.V._jvp(joined(q, t), joined(dq, dt), d["V"])
        p, dp = p - kick, dp - dkick
        drift, ddrift = self.K._jvp(joined(p, t), joined(dp, dt), d["K"])
        return joined(q + drift, p, t), joined(dq + ddrift, dp, dt)

    def inverse(self, y):
        """q = q⁺ − ∇K(p⁺, t) + ∇K(p⁺, 0), p = p⁺ + ∇V(q, t) − ∇V(q, 0)."""
        q, p, t = self.split(y)
        q = q - self.K._value(joined(p, t))
        p = p + self.V._value(joined(q, t))
        return joined(q, p, t)


def gradient_of(V, name):
    """∇V as a field: V itself if it is a gradient already, GradientOf it if it is a scalar map."""
    instance(V, Map, f"{name} of SympFlowLayer must be a scalar Map, or a field that is a gradient")
    if V.dim_out in ((), 1):
        return GradientOf(scalar_map(V, name), sign=1)
    refuse(
        not getattr(V, "is_gradient", False),
        f"{name} of SympFlowLayer must have one number per state, or be a field with is_gradient, "
        f"such as a GradientField, got {V!r}",
    )
    return V


def joined(*parts):
    """(q, p, t) of its parts."""
    return np.concatenate(parts, axis=-1)


class FlowAt(Map):
    """x ↦ F(x, t) at one time t, a map of x alone: what a Rollout composes to reach nt.

    F: Map ℝᵈ⁺¹ → ℝᵈ, or → ℝᵈ⁺¹ if it carries t along, as SympFlowLayers do; t: a float. It has the
    θ of F, and keeps volume and the symplectic form if F is made of SympFlowLayers. ValueError if
    the dimensions of F do not fit.

    Examples
    --------
    >>> layers = [dnn.SympFlowLayer.random(2, width=8, rng=k) for k in range(3)]
    >>> F, x = dnn.FlowAt(dnn.Network(*layers), 0.5), np.array([1.0, 2.0])
    >>> sorted(F.keeps)
    ['symplectic', 'volume']
    >>> np.allclose(F.inverse(F(x)), x)
    True
    >>> dnn.Rollout(F, 10)(x).shape  # at t = 0.5, 1, …, 5
    (10, 2)
    """

    naming = "inner"

    def __init__(self, F, t):
        instance(F, Map, "FlowAt needs a Map F")
        d = F.dim_in - 1
        refuse(
            not d or F.dim_out not in (d, d + 1) or F.sequence,
            f"FlowAt needs F: ℝᵈ⁺¹ → ℝᵈ, of states (x, t), or one that carries t along, got {F!r}",
        )
        self.dim_in = self.dim_out = d
        self.t = finite(t, "t")
        self.own(F=F)

    @property
    def formula(self):
        return f"F(x, t), t = {self.t:.4g}"

    @property
    def keeps(self):
        """Volume and the symplectic form, if F is made of SympFlowLayers."""
        maps = in_time(self.F)
        symplectic = maps and all(isinstance(G, SympFlowLayer) for G in maps)
        return frozenset({"volume", "symplectic"} if symplectic else ())

    def z(self, x):
        """(x, t)."""
        return joined(x, np.full_like(x[..., :1], self.t))

    def __call__(self, x):
        return self.F._value(self.z(x))[..., : self.dim_out]

    def vjp(self, x):
        y, pullback_F = self.F._vjp(self.z(x))

        def pullback(w):
            dz, dtheta = pullback_F(padded(w, self.F.dim_out))
            return dz[..., :-1], dtheta

        return y[..., : self.dim_out], pullback

    def jvp(self, x, v, dtheta=None):
        y, dy = self.F._jvp(self.z(x), padded(v, self.F.dim_in), dtheta)
        return y[..., : self.dim_out], dy[..., : self.dim_out]

    def inverse(self, y):
        z = self.z(y)
        for G in reversed(in_time(self.F)):
            z = G._inverse(z)
        if (np.abs(z[..., -1] - self.t) > 1e-6 * (1 + abs(self.t))).any():
            raise NotImplementedError(
                f"{self.F!r} does not carry t along, and has no inverse at one t alone"
            )
        return z[..., :-1]


def in_time(F):
    """The maps that F is made of, without an (x, t) ↦ x at the end: those that carry t along."""
    *maps, last = flattened(F)
    is_first = isinstance(last, Selection) and last.indices == tuple(range(last.dim_in - 1))
    return maps if is_first else [*maps, last]
