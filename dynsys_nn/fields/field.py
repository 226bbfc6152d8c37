"""What every vector field has: a dimension, a divergence, and the constants that its theorems need."""

import numpy as np

from ..activations import Activation
from ..linear import Affine, LinearMap
from ..maps import Map

#: what the exact flow of a field may keep
KEEPABLE = frozenset({"mass", "norm", "invariant", "energy", "volume", "symplectic"})


class Field(Map):
    """X: ℝᵈ → ℝᵈ, the right-hand side of ẋ = X(x). `keeps` is what its exact flow keeps, out of mass, norm, invariant,
    energy, volume, symplectic."""

    formula = "X(x)"
    is_gradient = False

    @property
    def dim(self):
        """d. ValueError where the map does not return to the space it starts from, and so is no vector field."""
        if self.dim_in != self.dim_out:
            raise ValueError(
                f"a vector field returns to the space it starts from, but {self!r} does not: give it a B that does"
            )
        return self.dim_in

    def divergence(self, x):
        """div X(x) = tr X′(x), shape (...)."""
        return np.trace(self.jacobian(x), axis1=-2, axis2=-1)

    def rhs(self, t, y):
        """X(y), in the form that `scipy.integrate.solve_ivp` takes."""
        return self(y)

    def one_sided_lipschitz(self):
        """A certified μ with ⟨X(x) − X(y), x − y⟩ ≤ μ‖x − y‖². Always true of μ = L; sharper where more is known."""
        return self.lipschitz()

    def spectrum(self):
        """(λ_min, λ_max) that hold all eigenvalues of the symmetric Jacobian of a gradient field."""
        raise NotImplementedError(f"{type(self).__name__} is not known to have a symmetric Jacobian")

    def centre_radius(self):
        """(C, r), a matrix and a number, for which X(x) − Cx is r-Lipschitz."""
        raise NotImplementedError(f"no linear map about which {type(self).__name__} is r-Lipschitz is known")


def linear_part(A, name):
    if not isinstance(A, LinearMap) or isinstance(A, Affine):
        raise TypeError(f"{name} must be a linear map such as Dense(dim_out, dim_in), got {A!r}")
    return A


def activation_part(sigma):
    if isinstance(sigma, type) and issubclass(sigma, Activation):
        raise TypeError(f"sigma must be an activation object: write {sigma.__name__}(), not {sigma.__name__}")
    if not (callable(sigma) and hasattr(sigma, "value_and_slope")):
        raise TypeError(f"sigma must be an activation such as Tanh(), got {sigma!r}")
    return sigma


def zero_bias(A):
    return np.zeros(A.dim_out, A.theta.dtype)
