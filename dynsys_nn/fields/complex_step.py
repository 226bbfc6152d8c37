"""The Jacobian of an analytic function by complex steps: exact to rounding, and not a difference
quotient.

For f that is analytic, and real on the reals, f(x + iεv) = f(x) + iεf′(x)v − ½ε²f″(x)(v, v) + …
With ε = 2⁻³⁴⁰ the third term is lost in the rounding of the first, and Im f(x + iεv)/ε, in which
nothing is subtracted, is f′(x)v. Source: Squire and Trapp, SIAM Review 40 (1998).
"""

import copy

import numpy as np

from ..arguments import Given, WrongResult, field_entries, function, refuse
from ..maps import epsilon

#: how far, over |x|, around a state f is looked at to see whether it is analytic
RADII = 1e-3, 1e-5, 1e-8


class ComplexStep:
    """x ↦ f′(x), with ∂f/∂x_k = Im f(x + iεe_k)/ε at places (..., k): f(x) is of shape (..., *
    entries(d)), (..., d) by default, and f′(x) has one axis d more.

    WrongResult if f is not analytic: if its values are real at complex states, or, near where it
    is first asked and finite, if it does not change along iv as it does along v. Functions that are
    analytic between kinks, as np.maximum(x, 0) and np.where(x > 0, …), are differentiated there.
    """

    def __init__(self, f, name, entries=field_entries):
        self.fun, self.name, self.known = function(f, name), name, []
        self.f = Given(self.value, name, entries)

    def at(self, *constants):
        """The same of x ↦ f(x, *constants)."""
        fixed = copy.copy(self)
        fixed.f = self.f.at(*constants)
        return fixed

    def value(self, z, *constants):
        """f(z), which is complex, at complex states."""
        try:
            y = self.fun(z, *constants)
        except (TypeError, np.exceptions.ComplexWarning) as error:
            raise WrongResult(
                f"{self.name} takes no complex states, {error}: give the derivative as a function"
            ) from error
        refuse(
            y is not None and not np.iscomplexobj(y),
            f"{self.name} has real values at complex states, as abs, real, norm or an array of "
            "floats make of them: without them it may be analytic; or give the derivative as a "
            "function",
            WrongResult,
        )
        return y

    def __call__(self, x):
        if np.iscomplexobj(x):
            raise TypeError(
                "a derivative by complex steps is known at real states only, and has no complex "
                "step of its own: give it as a function"
            )
        z = x.astype(np.result_type(x, np.complex64))
        eps = epsilon(z.dtype)
        columns = self.f(z[..., None, :] + 1j * eps * np.eye(x.shape[-1], dtype=x.dtype))
        J = np.moveaxis(columns.imag / eps, x.ndim - 1, -1).astype(x.dtype)
        if not self.known and x.size:
            self.look(x.reshape(-1, x.shape[-1])[:64].astype(float))
        return J

    def look(self, x):
        """WrongResult unless ∂f/∂z̄ = 0: (1/4r) Σ_k iᵏf(z + iᵏrv), k = 0, …, 3, is as small as
        rounding and r² are beside ∂f/∂z, the sum with i⁻ᵏ. z is near x, and not 0."""
        size = np.abs(x).max(axis=-1, keepdims=True)
        z = np.where(x != 0, 1.01 * x, 0.01 * np.where(size > 0, size, 1))
        v = z * np.cos(np.arange(x.shape[-1]))
        for r in RADII:
            ring = [self.f(z + 1j**k * r * v) for k in range(4)]
            d_conj, d = (
                np.abs(sum(1j ** (sign * k) * y for k, y in enumerate(ring))) / (4 * r)
                for sign in (1, -1)
            )
            rounding = 32 * np.finfo(float).eps / r * np.abs(ring).max(axis=0)
            if not (d_conj > 1e-5 * d + rounding).any():
                self.known += [True] if np.isfinite(d_conj).all() else []
                return
        raise WrongResult(
            f"{self.name} is not analytic, so that its complex step is not its derivative, as with "
            "abs, real or norm: write x * x for abs(x)**2, and np.sqrt((x * x).sum(axis=-1)) for a "
            "norm; or give the derivative as a function"
        )
