"""(x, v)′ = (f(v), g(x)): volume, and with gradients the symplectic form."""

import numpy as np

from ..maps import Map
from .field import Field
from .gradient import GradientField
from .invariants import invariants_of, words_of


class PartitionedField(Field):
    """(x, v)′ = (f(v), g(x)): divergence zero, and each half alone is a shear that a splitting step solves exactly.

    f: map ℝᵐ → ℝⁿ; g: map ℝⁿ → ℝᵐ, any maps; the state is (x, v), dimension n + m, x first. Keeps volume; where f and
    g are gradients of T and −V, it is the Hamiltonian system of H = T(v) + V(x), and keeps the energy and the
    symplectic form with J = [[0, I], [−I, 0]]. ValueError where f and g do not fit together. Parameters: those of
    "f", then of "g".
    """

    formula = "(f(v), g(x))"

    def __init__(self, f, g):
        for F, name in ((f, "f"), (g, "g")):
            if not isinstance(F, Map):
                raise TypeError(f"{name} of PartitionedField must be a Map, got a {type(F).__name__}")
        if f.dim_in != g.dim_out or f.dim_out != g.dim_in:
            raise ValueError(
                f"(x, v)′ = (f(v), g(x)) needs f: ℝᵐ → ℝⁿ and g: ℝⁿ → ℝᵐ, "
                f"got f: {f.dim_in} → {f.dim_out} and g: {g.dim_in} → {g.dim_out}"
            )
        self.dim_in = self.dim_out = f.dim_out + f.dim_in
        self.own(f=f, g=g)

    @property
    def keeps(self):
        hamiltonian = all(
            F.dim_in == F.dim_out and (F.dim_in == 1 or getattr(F, "is_gradient", False)) for F in (self.f, self.g)
        )
        known = {word for I in invariants_of(self) for word in words_of(I)}
        return frozenset({"volume", "symplectic", "energy"} if hamiltonian else {"volume"}) | known

    def hamiltonian(self, z):
        """H(x, v) = T(v) + V(x), shape (...), where f = ∇T and g = −∇V are GradientFields; NotImplementedError otherwise."""
        for F, name in ((self.f, "f"), (self.g, "g")):
            if not isinstance(F, GradientField):
                raise NotImplementedError(
                    f"H = T(v) + V(x) is known where f and g are GradientFields, but {name} is {F!r}"
                )
        x, v = self.split(self.state(z))
        return self.f.sign * self.f.potential(v) - self.g.sign * self.g.potential(x)

    def split(self, z):
        """z = (x, v) → x, v, two views."""
        n = self.f.dim_out
        return z[..., :n], z[..., n:]

    def __call__(self, z):
        x, v = self.split(self.state(z))
        return np.concatenate([self.f(v), self.g(x)], axis=-1)

    def vjp(self, z):
        z = self.state(z)
        x, v = self.split(z)
        fv, pullback_f = self.f.vjp(v)
        gx, pullback_g = self.g.vjp(x)

        def pullback(w):
            wx, wv = self.split(self.covector(w, z))
            (dv, df), (dx, dg) = pullback_f(wx), pullback_g(wv)
            return np.concatenate([dx, dv], axis=-1), self.pack(f=df, g=dg)

        return np.concatenate([fv, gx], axis=-1), pullback

    def jvp(self, z, dz, dtheta=None):
        z, d = self.state(z), self.unpack(dtheta)
        (x, v), (dx, dv) = self.split(z), self.split(self.tangent(dz, z))
        fv, dfv = self.f.jvp(v, dv, d["f"])
        gx, dgx = self.g.jvp(x, dx, d["g"])
        return np.concatenate([fv, gx], axis=-1), np.concatenate([dfv, dgx], axis=-1)

    def divergence(self, z):
        """0: f does not depend on x, nor g on v."""
        z = self.state(z)
        return np.zeros(z.shape[:-1], z.dtype)

    def lipschitz(self):
        """max(L_f, L_g): the Jacobian is block anti-diagonal."""
        return max(self.f.lipschitz(), self.g.lipschitz())

    def one_sided_lipschitz(self):
        """(L_f + L_g)/2: the norm of the off-diagonal blocks of the symmetric part."""
        return (self.f.lipschitz() + self.g.lipschitz()) / 2
