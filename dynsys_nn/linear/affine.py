"""A matrix and a bias: not a linear map, but it has one."""

import numpy as np

from ..arguments import parameter
from ..maps import Map, over_batch
from .matrix import Dense


class Affine(Map):
    """F(x) = A x + b with a Dense map A, whose matrix is W.

    Not linear, but as steep as its linear part A: adjoint and singular values are those of A.

    Parameters
    ----------
    dim_out, dim_in : int
        Dimensions of F(x) and of x.
    W : array, shape (dim_out, dim_in), default None
        The matrix; None: entries N(0, 1/dim_in).
    b : array, shape (dim_out,), default None
        The bias; None: zeros.
    rng : Generator or int, default None
        What W is drawn with; None: anew each time.
    dtype : dtype, default float
        That of W and b, float64 or float32.

    Examples
    --------
    >>> F = dnn.Affine(2, 2, W=[[2, 1], [0, 1]], b=[5, -1])
    >>> F(np.array([1.0, 1.0]))
    array([8., 0.])
    >>> F.inverse(np.array([8.0, 0.0])).round(9)
    array([1., 1.])
    >>> F.theta  # W row by row, then b
    array([ 2.,  1.,  0.,  1.,  5., -1.])
    """

    formula, naming = "Wx + b", "inner"

    def __init__(self, dim_out, dim_in, W=None, b=None, rng=None, dtype=float):
        A = Dense(dim_out, dim_in, W, rng, dtype)
        self.dim_out, self.dim_in = A.dim_out, A.dim_in
        b = np.zeros(A.dim_out) if b is None else b
        self.own(A=A, b=parameter(b, (A.dim_out,), "b of Affine", A.W.dtype))

    W = property(lambda self: self.A.W, lambda self, value: setattr(self.A, "W", value))

    def arguments(self):
        """What builds it again, but for θ."""
        return self.A.arguments()

    def __call__(self, x):
        return self.A @ x + self.b

    def vjp(self, x):
        return self.A @ x + self.b, lambda w: (w @ self.A, self.outer(w, x))

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        y, dy = self.A._jvp(x, v, d["A"])
        return y + self.b, dy + d["b"]

    def adjoint(self, w):
        """Wᵀw, (..., dim_out) → (..., dim_in)."""
        return w @ self.A

    def outer(self, w, x):
        """∂⟨w, A x + b⟩/∂θ summed over the batch, flat."""
        return self.pack(A=self.A.outer(w, x), b=over_batch(w))

    def inverse(self, y):
        return self.A._inverse(y - self.b)

    def singular_range(self):
        """(s_min, s_max) of W."""
        return self.A.singular_range()

    def lipschitz(self):
        """‖W‖."""
        return self.A.lipschitz()

    def normalise(self):
        """W ← W/s_max, in place. ValueError if W = 0."""
        self.A.normalise()

    def orthogonalise(self):
        """W ← its polar factor, in place."""
        self.A.orthogonalise()
