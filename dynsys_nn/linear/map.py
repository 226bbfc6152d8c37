"""A linear map y = A x, and what all of them have."""

import operator

import numpy as np

from ..arguments import refuse
from ..maps import Map


class LinearMap(Map):
    """y = A x. A new one writes A(x), `adjoint` and `singular_range`; adjoint and tangent then
    follow from linearity.

    One with parameters writes also `outer`, and for tangents in θ `jvp` and `adjoint_jvp`. In
    formulas, with states that were looked at, `A @ x` is A x and `w @ A` is Aᵀw, the product wᵀA of
    rows: the state is the last axis of both.

    Examples
    --------
    >>> class Shift(dnn.LinearMap):  # (x₂, …, x₅, x₁), an isometry
    ...     dim_in = dim_out = 5
    ...
    ...     def __call__(self, x):
    ...         return np.roll(x, -1, axis=-1)
    ...
    ...     def adjoint(self, w):
    ...         return np.roll(w, 1, axis=-1)
    ...
    ...     def singular_range(self):
    ...         return 1.0, 1.0
    >>> dnn.checks.adjoint(Shift(), np.eye(5)).passed
    True
    >>> dnn.ResidualField(Shift(), dnn.Tanh()).lipschitz()  # any field takes it as its A
    1.0
    """

    __array_ufunc__ = None  # numpy leaves w @ A to A

    #: b, (..., bias_size), as it is added to A x, (..., dim_out), and the adjoint of that: as they
    #: are, if there is one b for each row; with images one for all pixels, and the sum over them
    spread = gather = staticmethod(operator.pos)

    operators = {"__call__": "__matmul__", "adjoint": "__rmatmul__"}

    def adjoint(self, w):
        """Aᵀw, (..., dim_out) → (..., dim_in)."""
        raise NotImplementedError(f"{type(self).__name__} has no adjoint: write adjoint(self, w)")

    def outer(self, w, x):
        """∂⟨w, A x⟩/∂θ summed over the batch, flat, shape (p,); for a matrix Σ w xᵀ, row by row."""
        return np.zeros(0, x.dtype)

    @property
    def bias_size(self):
        """How many numbers b has in A x + b: one for each row, unless A says otherwise."""
        return self.dim_out

    def adjoint_jvp(self, w, dw, dtheta=None):
        """Aᵀw and its tangent Aᵀdw + dAᵀw, as `jvp` is for A x."""
        self._only_without(dtheta)
        return w @ self, dw @ self

    def singular_range(self):
        """(s_min, s_max), sharp, with s_min‖x‖ ≤ ‖Ax‖ ≤ s_max‖x‖ for all x; s_min = 0 if dim_out <
        dim_in."""
        raise NotImplementedError(
            f"no singular values of {type(self).__name__} are known: write singular_range(self)"
        )

    def vjp(self, x):
        return self @ x, lambda w: (w @ self, self.outer(w, x))

    def jvp(self, x, v, dtheta=None):
        self._only_without(dtheta)
        return self @ x, self @ v

    def _only_without(self, dtheta):
        refuse(
            dtheta is not None and self._size,
            f"{type(self).__name__} has parameters: write its own jvp and adjoint_jvp",
            NotImplementedError,
        )

    def lipschitz(self):
        """s_max, the spectral norm."""
        return self.singular_range()[1]


class Weighted(LinearMap):
    """A linear map whose parameter is an array W in which it is linear, too: A x = `times(W, x)`,
    Aᵀw = `times_transposed(W, w)`."""

    def __call__(self, x):
        return self.times(self.W, x)

    def adjoint(self, w):
        return self.times_transposed(self.W, w)

    def jvp(self, x, v, dtheta=None):
        dy = self @ v
        return self @ x, dy if dtheta is None else dy + self.times(dtheta.reshape(self.W.shape), x)

    def adjoint_jvp(self, w, dw, dtheta=None):
        dx = dw @ self
        return w @ self, dx if dtheta is None else dx + self.times_transposed(
            dtheta.reshape(self.W.shape), w
        )

    def normalise(self):
        """W ← W/s_max, in place. ValueError if W = 0."""
        s_max = self.singular_range()[1]
        refuse(s_max == 0, f"{type(self).__name__} cannot be normalised: its weight is zero")
        self.W = self.W / s_max


type.__setattr__(LinearMap, "adjoint", LinearMap._adjoint)  # no dimensions to look at
