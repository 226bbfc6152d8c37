"""What is left of ẋ = X(x) when a flow map is put in: the residual, by which the map is trained
without a single solution.

    r(x, t) = ∂_tF(x, t) − X(F(x, t)) = 0 at all x and t,   F(x, 0) = x,   if F is the flow of X

∂_tF is a derivative, and training differentiates it. At the complex point (x, t + iε) of
`maps.complex_point` F is y + iεẏ, and the pullback of w is F′ᵀw + iε ∂⟨w, ẏ⟩. It is linear, so that
of a − iw/ε it has the real part F′ᵀa + ∂⟨w, ẏ⟩: with a = −X′(y)ᵀw, the pullback of ẏ − X(y).
"""

import numpy as np

from .arguments import instance, refuse
from .fields import Field
from .maps import Map, complex_point, epsilon, over_epsilon, require_analytic, require_complex

__all__ = ["Residual"]


class Residual(Map):
    """z = (…, t) ↦ ∂_tF(z) − X(F(z)), which is 0 where t ↦ F(…, t) solves ẋ = X(x).

    F: Map ℝᵐ → ℝᵈ whose last input is the time, as (x₀, t) ↦ x, or t ↦ x alone; X: a Field on ℝᵈ,
    with a Jacobian. fit(Residual(F, X), MeanSquaredError(), z, zeros) trains F as a
    physics-informed network, on points z and no solution; parameters of X are trained, too. Value,
    adjoint and tangent are those of F at t + iε, exact to rounding. TypeError if an activation of F
    is not analytic or F has real values at complex times, and at complex states; ValueError if F
    and X do not fit together. Source: Raissi, Perdikaris and Karniadakis, J. Comput. Phys. 378
    (2019).

    Examples
    --------
    >>> X, rng = dnn.systems.harmonic_oscillator(), np.random.default_rng(0)
    >>> N = dnn.ResidualField(dnn.Dense(16, 3, rng=rng), dnn.Tanh(), dnn.Dense(2, 16, rng=rng))
    >>> F, z = dnn.TrialFlow(N), rng.uniform(-1, 1, (200, 3))  # z = (x₀, t)
    >>> R, loss, zeros = dnn.Residual(F, X), dnn.MeanSquaredError(), np.zeros((200, 2))
    >>> history = dnn.fit(R, loss, z, zeros, dnn.LBFGS(), epochs=100, progress=False)
    >>> gap = dnn.FlowAt(F, 1.0)(z[:3, :2]) - dnn.exact_flow(X, z[:3, :2], 1.0)
    >>> bool(np.abs(gap).max() < 0.1)  # nobody told F a solution
    True
    """

    formula = "∂F/∂t − X(F)"

    def __init__(self, F, X):
        instance(F, Map, "Residual needs a Map F")
        instance(X, Field, "Residual needs a Field X, of ẋ = X(x)")
        refuse(
            F.dim_out != X.dim or F.sequence,
            f"Residual needs F: ℝᵐ → ℝᵈ, the last input the time, and X on ℝᵈ, got {F!r} and {X!r}",
        )
        require_analytic(F, "∂F/∂t is to be differentiated; take Tanh, Sigmoid, Softplus or Sine")
        self.dim_in, self.dim_out = F.dim_in, F.dim_out
        self.own(F=F, X=X)

    def __call__(self, z):
        z = in_complex_time(self.F, z)
        y = self.F._value(z)
        require_complex(self.F, y)
        return over_epsilon(y, z) - self.X._value(y.real)

    def vjp(self, z):
        z = in_complex_time(self.F, z)
        y, pullback_F = self.F._vjp(z)
        require_complex(self.F, y)
        k, pullback_X = self.X._vjp(y.real)

        def pullback(w):
            a, dX = pullback_X(-w)
            dz, dF = pullback_F(a - 1j * w / epsilon(z.dtype))
            return dz.real, self.pack(F=dF.real, X=dX)

        return over_epsilon(y, z) - k, pullback

    def jvp(self, z, v, dtheta=None):
        z, d = in_complex_time(self.F, z), self.unpack(dtheta)
        y, dy = self.F._jvp(z, v, d["F"])
        require_complex(self.F, y)
        k, dk = self.X._jvp(y.real, dy.real, d["X"])
        return over_epsilon(y, z) - k, over_epsilon(dy, z) - dk


def in_complex_time(F, z):
    """(…, t + iε) of z = (…, t), a state of F."""
    v = np.zeros_like(z)
    v[..., -1] = 1
    return complex_point(F, z, v)
