"""ẋ = Bσ(Ax + b): the ResNet."""

import numpy as np

from ..activations import Tanh
from ..arguments import generator, refuse
from ..linear import Dense, Lift, eigenvalues
from ..maps import outward, over_batch, product
from .field import Field, activation_part, linear_part, with_bias, zero_bias


class ResidualField(Field):
    """X(x) = B σ(A x + b). Explicit Euler steps of it are the layers of a ResNet, x + hBσ(Ax + b).

    A: LinearMap d → k; sigma: Activation σ; B: LinearMap k → d, default None: the identity.
    Parameters: "A", "b" (k,), on a Convolution (channels,), which starts at 0, "B".

    Examples
    --------
    >>> X = dnn.ResidualField.random(2, width=5, bias=1.0, rng=0)
    >>> list(X.parameters)
    ['A', 'b', 'B']
    >>> x, h = np.array([1.0, -1.0]), 0.1
    >>> layer = x + h * (X.B @ np.tanh(X.A @ x + X.b))
    >>> np.allclose(dnn.Flow(X, h, dnn.Euler())(x), layer)
    True
    >>> Y = dnn.ResidualField(dnn.Dense(2, 2, W=[[0, 3], [0, 0]]), dnn.Tanh())
    >>> round(Y.lipschitz(), 9)  # ‖B‖ max |σ′| ‖A‖
    3.0
    >>> Y.jacobian(np.zeros(2)).tolist()  # it is attained here
    [[0.0, 3.0], [0.0, 0.0]]
    """

    formula = "Bσ(Ax + b)"

    def __init__(self, A, sigma, B=None):
        A, sigma = linear_part(A, "A"), activation_part(sigma)
        # Lift(k, k) is the identity
        B = Lift(A.dim_out, A.dim_out) if B is None else linear_part(B, "B")
        refuse(
            B.dim_in != A.dim_out,
            f"B must act on the {A.dim_out} values of A, got B: {B.dim_in} → {B.dim_out}",
        )
        self.dim_in, self.dim_out, self.sigma = A.dim_in, B.dim_out, sigma
        self.own(A=A, b=zero_bias(A), B=B)

    @classmethod
    def random(cls, dim, width, sigma=Tanh(), bias=0.0, rng=None, dtype=float):
        """A ResidualField with A: ℝᵈ → ℝᵏ and B: ℝᵏ → ℝᵈ dense, and b ~ N(0, bias²).

        Parameters
        ----------
        dim, width : int
            d and k.
        sigma : Activation, default Tanh()
            σ.
        bias : float, default 0.0
            Standard deviation of b.
        rng : Generator or int, default None
            What A, B and b are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        rng = generator(rng)
        A, B = Dense(width, dim, rng=rng, dtype=dtype), Dense(dim, width, rng=rng, dtype=dtype)
        return with_bias(cls(A, sigma, B), bias, rng)

    def __call__(self, x):
        return self.B @ self.sigma._value(self.A @ x + self.A.spread(self.b))

    def vjp(self, x):
        s, pullback_sigma = self.sigma._vjp(self.A @ x + self.A.spread(self.b))

        def pullback(w):
            u = pullback_sigma(w @ self.B)  # the covector at z = A x + b
            db = self.A.gather(over_batch(u))
            return u @ self.A, self.pack(A=self.A.outer(u, x), b=db, B=self.B.outer(w, s))

        return self.B @ s, pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        z, dz = self.A._jvp(x, v, d["A"])
        s, slope = self.sigma._value_and_slope(z + self.A.spread(self.b))
        return self.B._jvp(s, slope * (dz + self.A.spread(d["b"])), d["B"])

    def jacobian(self, x):
        """B diag(σ′(A x + b)) A, shape (..., dim_out, dim_in)."""
        slope = self.sigma._slope(self.A @ x + self.A.spread(self.b))
        columns = self.B @ (
            slope[..., None, :] * (self.A @ np.eye(self.dim_in, dtype=self.b.dtype))
        )
        return columns.swapaxes(-1, -2)

    def lipschitz(self):
        """‖B‖ max|σ′| ‖A‖."""
        return product(self.B.lipschitz(), self.sigma.lipschitz, self.A.lipschitz())

    def one_sided_lipschitz(self):
        """The largest eigenvalue of (C + Cᵀ)/2, plus r, if X is r-Lipschitz about C; L if that is
        less, or C too large."""
        if not self.has_centre:
            return self.lipschitz()
        C, r = self.centre_radius()
        largest = eigenvalues((C + C.T) / 2)[-1]
        return min(self.lipschitz(), outward(lambda largest, r: largest + r, largest, r))

    @property
    def has_centre(self):
        """True unless states are images, of more than 1024 numbers, so that C would fill the
        memory."""
        return self.dim_in <= 1024

    def centre_radius(self):
        """C = cBA and r = ‖B‖ ½(σ′_max − σ′_min) ‖A‖, c = (σ′_max + σ′_min)/2: subtracting cz
        centres the slopes of σ about 0.

        r covers the rounding of the product BA, and of its norm or eigenvalues. NotImplementedError
        for states of more than 1024 numbers."""
        self.sigma.require_bounds()
        refuse(
            not self.has_centre, f"C = cBA of {self!r} is too large a matrix", NotImplementedError
        )
        low, high = self.sigma.slope_min, self.sigma.slope_max
        C = (high + low) / 2 * (self.B @ (self.A @ np.eye(self.dim))).T
        rounding = (
            2 * (self.A.dim_in + self.A.dim_out) * np.finfo(self.b.dtype).eps * abs(high + low) / 2
        )
        half = outward(lambda low, high, e: (high - low) / 2 + e, low, high, rounding)
        return C, product(half, self.B.lipschitz(), self.A.lipschitz())
