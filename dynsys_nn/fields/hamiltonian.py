"""ż = J∇H(z): the energy, the symplectic form and volume."""

import numpy as np

from ..activations import Tanh
from ..arguments import generator, refuse
from ..linear import Dense
from ..maps import Map
from .field import linear_part, with_bias
from .gradient import GradientField, Potential, random_weights
from .gradient_of import GradientOf, scalar_map, scalar_network
from .skew import J, SkewGradientField, Symplectic, forwarded


class Energy(Map):
    """H(z), one number per state, as a map whose θ is that of ∇H, and as an invariant, with
    gradient and Hessian.

    H: Map 2n → () or 1; dH: ∇H, a field with the same parameters.
    """

    keeps, degree, naming, dim_out = frozenset({"energy"}), None, "inner", ()
    formula = property(lambda self: self.H.formula)

    def __init__(self, H, dH):
        self.dim_in = H.dim_in
        self.own(H=H, dH=dH)

    def __call__(self, z):
        return self.H._value(z).reshape(z.shape[:-1])

    def vjp(self, z):
        y, pullback_H = self.H._vjp(z)
        return y.reshape(z.shape[:-1]), lambda c: pullback_H(np.reshape(c, y.shape))

    def jvp(self, z, v, dtheta=None):
        y, dy = self.H._jvp(z, v, dtheta)
        return y.reshape(z.shape[:-1]), dy.reshape(z.shape[:-1])

    def gradient(self, z):
        """∇H(z), shape (..., 2n)."""
        return self.dH(z)

    def hvp(self, z, v):
        """∇²H(z)v, shape (..., 2n)."""
        return self.dH.jvp(z, v)[1]


class Hamiltonian(SkewGradientField):
    """X(z) = J∇H(z): keeps H, the symplectic form and volume.

    H: Map 2n → () or 1; dH: ∇H, a field with the same parameters.
    """

    geometry = frozenset({"symplectic", "volume"})

    def __init__(self, H, dH):
        self.dim_in = self.dim_out = dH.dim
        self.I = Energy(H, dH)
        self.invariants = {"energy": self.I}
        self.own(S=Symplectic(), dI=dH)

    def hamiltonian(self, z):
        """H(z), (..., 2n) → (...)."""
        return self.I._value(z)

    def skew(self, z):
        """J, shape (..., 2n, 2n)."""
        return self.S.matrix(z)

    def jacobian(self, z):
        """J∇²H(z), shape (..., 2n, 2n); ∇²H is symmetric, so its rows are its columns."""
        return J(self.dH._jacobian(z)).swapaxes(-1, -2)

    def divergence(self, z):
        """0: tr(J∇²H) = 0, since J is skew and ∇²H symmetric."""
        return np.zeros(z.shape[:-1], z.dtype)

    def lipschitz(self):
        """That of ∇H, since J is orthogonal."""
        return self.dH.lipschitz()


class HamiltonianField(Hamiltonian):
    """X(z) = J Aᵀdiag(α)σ(A z + b) = J∇H(z), H(z) = Σᵢ αᵢγ(A z + b)ᵢ, γ′ = σ, with z = (q, p) and
    J(a, b) = (b, −a).

    Keeps H (`hamiltonian(z)`), the symplectic form and volume. Without alpha and with σ increasing,
    H is convex: to represent one that is not (a pendulum's, say), give alpha entries of both signs;
    or take HamiltonianOf a network of any depth.

    A: LinearMap 2n → k; sigma: Activation σ; alpha: array, shape (k,), of learned weights, default
    None: ones, which are not learned. ValueError if the dimension is odd. Parameters: "A", "b"
    (k,), which starts at 0, "alpha" if given; `dH` is ∇H as a GradientField. Source:
    arXiv:2210.02373.

    Examples
    --------
    >>> X = dnn.HamiltonianField.random(2, width=6, alpha=1.0, rng=0)
    >>> z = np.array([1.0, 0.5])
    >>> bool(abs(X.dH(z) @ X(z)) < 1e-14)  # Ḣ = ∇HᵀJ∇H = 0
    True
    >>> y = dnn.Flow(X, 0.5, dnn.DiscreteGradient(), steps=2)(z)
    >>> bool(abs(X.hamiltonian(y) - X.hamiltonian(z)) < 1e-12)
    True
    >>> dnn.checks.symplectic(dnn.Flow(X, 0.5, dnn.ImplicitMidpoint()), z).passed
    True
    """

    A, b, alpha, sigma = (forwarded("dI", name) for name in ("A", "b", "alpha", "sigma"))

    def __init__(self, A, sigma, alpha=None):
        require_even(linear_part(A, "A").dim_in, "A")
        dH = GradientField(A, sigma, sign=1, alpha=alpha)
        super().__init__(Potential(dH), dH)

    @classmethod
    def random(cls, dim, width, sigma=Tanh(), alpha=None, bias=0.0, rng=None, dtype=float):
        """A HamiltonianField with A: ℝ²ⁿ → ℝᵏ dense, and b ~ N(0, bias²).

        Parameters
        ----------
        dim, width : int
            2n and k.
        sigma : Activation, default Tanh()
            σ.
        alpha : float, default None
            α ~ N(0, alpha²), shape (k,); None: no weights.
        bias : float, default 0.0
            Standard deviation of b.
        rng : Generator or int, default None
            What A, α and b are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        rng = generator(rng)
        A = Dense(width, dim, rng=rng, dtype=dtype)
        return with_bias(cls(A, sigma, random_weights(alpha, A.dim_out, rng)), bias, rng)

    dH = property(lambda self: self.dI, doc="∇H, a GradientField")
    formula = property(lambda self: f"J{self.dH.formula}")

    def arguments(self):
        """What builds it again, but for θ."""
        return {key: value for key, value in self.dH.arguments().items() if key != "sign"}


class HamiltonianOf(Hamiltonian):
    """X(z) = J∇H(z) of a scalar network H of any depth, with z = (q, p) and J(a, b) = (b, −a).

    Keeps H (`hamiltonian(z)`), the symplectic form and volume: steps of ImplicitMidpoint and
    Gauss(s) are symplectic, those of DiscreteGradient keep H. `dH` is ∇H, a GradientOf, where it is
    said how ∇H is differentiated. θ is that of H.

    H: Map 2n → 1 or 2n → (), analytic. TypeError or ValueError as by GradientOf, and ValueError if
    the dimension is odd. Source: Greydanus, Dzamba, Yosinski, arXiv:1906.01563.

    Examples
    --------
    >>> X = dnn.HamiltonianOf.random(2, widths=(8, 8), bias=1.0, rng=0)
    >>> z = np.array([1.0, 0.5])
    >>> y = dnn.Flow(X, 0.5, dnn.DiscreteGradient(), steps=2)(z)
    >>> bool(abs(X.hamiltonian(y) - X.hamiltonian(z)) < 1e-12)
    True
    >>> dnn.checks.symplectic(dnn.Flow(X, 0.5, dnn.ImplicitMidpoint()), z).passed
    True
    """

    formula = "J∇H(z)"

    def __init__(self, H):
        dH = GradientOf(scalar_map(H, "H"), sign=1)
        require_even(dH.dim, "H")
        super().__init__(H, dH)

    @classmethod
    def random(cls, dim, widths, sigma=Tanh(), bias=0.0, rng=None, dtype=float):
        """A HamiltonianOf H(z) = w·σ(A_L ⋯ σ(A₁z + b₁) ⋯ + b_L), with hidden layers of those widths
        and all weights dense.

        Parameters
        ----------
        dim : int
            2n.
        widths : tuple of int, or int
            The widths of the hidden layers, or that of the only one.
        sigma : Activation, default Tanh()
            σ.
        bias : float, default 0.0
            Standard deviation of the biases b.
        rng : Generator or int, default None
            What the weights and biases are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        return cls(scalar_network(dim, widths, sigma, bias, rng, dtype))

    dH = property(lambda self: self.dI, doc="∇H, a GradientOf")
    H = property(lambda self: self.dI.V, doc="H, the network that was given")


def require_even(dim, name):
    """ValueError unless states of that dimension can be (q, p)."""
    refuse(
        dim % 2,
        f"a Hamiltonian system has states (q, p) of even dimension, got {name} with dim_in = {dim}",
    )
