"""ẋ = ∓∇V(x) of any scalar network V: the field is a derivative, and its adjoint a derivative of a
derivative."""

import copy

import numpy as np

from ..activations import Tanh
from ..arguments import dimension, generator, instance, real, refuse
from ..linear import Dense
from ..maps import (
    Map,
    Network,
    complex_point,
    epsilon,
    over_epsilon,
    require_analytic,
    require_complex,
    size_of,
)
from .field import Field, with_bias
from .residual import ResidualField


class GradientOf(Field):
    """X(x) = ∓∇V(x) of a scalar network V, of any depth.

    X is V's own pullback of the covector 1, and what is to be differentiated once more is that
    pullback: at the complex point x + iεw it has ∇²V w and ∂⟨w, ∇V⟩/∂θ as its imaginary part over
    ε, exact to rounding. The Jacobian ∓∇²V is symmetric; two GradientOfs make a PartitionedField
    symplectic. That V is convex is not known of it, nor a Lipschitz constant. θ is that of V.

    Parameters
    ----------
    V : Map, d → 1 or d → ()
        One number per state, analytic: such as Network(…, Dense(1, k)) with Tanh, Sigmoid, Softplus
        or Sine. A constant added to V changes nothing, so that it needs no last bias.
    sign : −1 or 1, default -1
        −1 for descent, 1 for ascent.

    Raises
    ------
    TypeError
        If V is no Map, or a map or activation in it is not analytic, as ReLU, ReLUSquared, MaxMin
        and MaxPooling are not; from derivatives, if V has real values at complex states, and at
        complex states of one's own: a third derivative is not known.
    ValueError
        If V has more than one value per state, or sign is another number.

    Examples
    --------
    >>> V = dnn.Network(
    ...     dnn.ResidualField(dnn.Dense(8, 2, rng=0), dnn.Tanh()),  # tanh(A x + b)
    ...     dnn.ResidualField(dnn.Dense(8, 8, rng=1), dnn.Tanh()),
    ...     dnn.Dense(1, 8, rng=2),
    ... )
    >>> X, x = dnn.GradientOf(V), np.array([[1.0, -0.5], [0.0, 2.0]])
    >>> dnn.checks.adjoint(X, x).passed
    True
    >>> dnn.checks.curl_free(X, x).passed
    True
    >>> y = dnn.Flow(X, 0.1, steps=20)(x)
    >>> bool((X.potential(y) < X.potential(x)).all())  # down the hill
    True
    """

    is_gradient, naming = True, "inner"

    def __init__(self, V, sign=-1):
        scalar_map(V, "V")
        refuse(real(sign) not in (-1, 1), f"sign must be −1 (descent) or +1 (ascent), got {sign!r}")
        self.dim_in = self.dim_out = V.dim_in
        self.sign = int(sign)
        self.own(V=V)

    @classmethod
    def random(cls, dim, widths, sigma=Tanh(), sign=-1, bias=0.0, rng=None, dtype=float):
        """A GradientOf V(x) = w·σ(A_L ⋯ σ(A₁x + b₁) ⋯ + b_L), with hidden layers of those widths
        and all weights dense.

        Parameters
        ----------
        dim : int
            d.
        widths : tuple of int, or int
            The widths of the hidden layers, or that of the only one.
        sigma : Activation, default Tanh()
            σ.
        sign : −1 or 1, default -1
            −1 for descent, 1 for ascent.
        bias : float, default 0.0
            Standard deviation of the biases b.
        rng : Generator or int, default None
            What the weights and biases are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        return cls(scalar_network(dim, widths, sigma, bias, rng, dtype), sign)

    formula = property(lambda self: f"{'−' if self.sign < 0 else ''}∇V(x)")

    def potential(self, x):
        """V(x), shape (...); X = −∇V for sign −1 and X = +∇V for sign +1."""
        return self.V._value(x).reshape(x.shape[:-1])

    def __call__(self, x):
        dx, _ = gradient(self.V, x)
        return self.sign * dx

    def vjp(self, x):
        dx, _ = gradient(self.V, x)

        def pullback(w):
            size = size_of(w)
            z = complex_point(self.V, x, w / size)  # x + iεw, w of size 1
            dz, dtheta = gradient(self.V, z)
            return (
                self.sign * (size * over_epsilon(dz, z)),
                self.sign * (size * over_epsilon(dtheta, z)),
            )

        return self.sign * dx, pullback

    def jvp(self, x, v, dtheta=None):
        size = size_of(v) if dtheta is None else size_of(v, dtheta)
        V, z = self.V, complex_point(self.V, x, v / size)  # ∇²V is its own transpose
        if dtheta is not None and V._size:
            V = with_complex_parameters(V, dtheta / size, z.dtype)  # V of θ + iε dθ
        dz, _ = gradient(V, z)
        return self.sign * dz.real, self.sign * (size * over_epsilon(dz, z))


def scalar_map(V, name):
    """V itself; TypeError or ValueError, with its name, unless it is a Map of one number per state
    whose gradient has a derivative."""
    instance(V, Map, f"{name} must be a scalar network, a Map such as Network(…, Dense(1, k))")
    refuse(
        V.dim_out not in ((), 1) or V.sequence,
        f"{name} must have one number per state, as Network(…, Dense(1, k)) has, got {V!r}",
    )
    require_analytic(V, f"∇{name} has no derivative; take Tanh, Sigmoid, Softplus or Sine")
    return V


def gradient(V, x):
    """∂V/∂x and Σ ∂V/∂θ at states x, which may be complex: then V is, too."""
    y, pullback = V._vjp(x)
    if np.iscomplexobj(x):
        require_complex(V, y)
    return pullback(np.ones_like(y))


def with_complex_parameters(F, dtheta, dtype):
    """A copy of F with the parameters θ + iε dθ, of that complex dtype."""
    copied = copy.deepcopy(F)
    theta = copied._gathered().astype(dtype)
    theta.imag = dtheta
    theta.imag *= epsilon(dtype)
    copied._bind(theta)
    return copied


def scalar_network(dim, widths, sigma, bias, rng, dtype):
    """w·σ(A_L ⋯ σ(A₁x + b₁) ⋯ + b_L), a network of dense maps, b ~ N(0, bias²)."""
    rng, layers, d = generator(rng), [], dimension(dim, "dim")
    for width in widths if isinstance(widths, list | tuple) else [widths]:
        width = dimension(width, "each of widths")
        layer = ResidualField(Dense(width, d, rng=rng, dtype=dtype), sigma)
        layers.append(with_bias(layer, bias, rng))
        d = layer.dim_out
    return Network(*layers, Dense(1, d, rng=rng, dtype=dtype))
