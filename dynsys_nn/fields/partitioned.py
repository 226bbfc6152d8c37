"""(x, v)′ = (f(v), g(x)): volume, and with gradients the symplectic form."""

import numpy as np

from ..activations import Tanh
from ..arguments import Described, Given, dimension, flag, generator, number_entries, refuse
from ..linear import Zero
from ..maps import Map, outward
from .field import Field
from .gradient import GradientField
from .gradient_of import GradientOf
from .invariants import points
from .residual import ResidualField


class PartitionedField(Field):
    """(x, v)′ = (f(v), g(x)): divergence zero, and each half alone is a shear that a splitting step
    solves exactly.

    f: Map ℝᵐ → ℝⁿ; g: Map ℝⁿ → ℝᵐ; the state is (x, v), dimension n + m, x first. Keeps volume; if
    f and g are the gradients of T and −V, it is the Hamiltonian system of H = T(v) + V(x), and
    keeps the energy and the symplectic form with J = [[0, I], [−I, 0]]. With f or g a Zero map it
    is a shear. ValueError if f and g do not fit together. Parameters: those of "f", then of "g".

    Examples
    --------
    A pendulum, (x, v)′ = (v, −sin x):

    >>> f, g = dnn.Dense(1, 1, W=[[1]]), dnn.GradientField(dnn.Lift(1, 1), dnn.Sine())
    >>> X, z = dnn.PartitionedField(f, g), np.array([np.pi / 2, 3.0])
    >>> X(z)
    array([ 3., -1.])
    >>> sorted(X.keeps)
    ['energy', 'symplectic', 'volume']
    >>> step = dnn.Flow(X, 0.5, dnn.SymplecticEuler())  # of two shears
    >>> print(np.linalg.det(step.jacobian(z)).round(9))
    1.0
    """

    formula = "(f(v), g(x))"

    def __init__(self, f, g):
        for F, name in ((f, "f"), (g, "g")):
            refuse(
                not isinstance(F, Map),
                f"{name} of PartitionedField must be a Map, got a {type(F).__name__}",
                TypeError,
            )
        refuse(
            f.dim_in != g.dim_out or f.dim_out != g.dim_in,
            f"(x, v)′ = (f(v), g(x)) needs f: ℝᵐ → ℝⁿ and g: ℝⁿ → ℝᵐ, "
            f"got f: {f.dim_in} → {f.dim_out} and g: {g.dim_in} → {g.dim_out}",
        )
        self.dim_in = self.dim_out = f.dim_out + f.dim_in
        self.is_shear = isinstance(f, Zero) or isinstance(g, Zero)
        hamiltonian = f.dim_in == f.dim_out and is_gradient(f) and is_gradient(g)
        self.geometry = frozenset({"volume", "symplectic"} if hamiltonian else {"volume"})
        self.invariants = {"energy": SeparableEnergy(f, g)} if hamiltonian else {}
        self.own(f=f, g=g)

    @classmethod
    def random(
        cls, dim, width, sigma=Tanh(), gradient=False, alpha=1.0, bias=0.0, rng=None, dtype=float
    ):
        """A PartitionedField whose f and g, on halves of the state, are ResidualFields, or
        GradientFields, which make it symplectic.

        Parameters
        ----------
        dim : int
            n + m, even: n = m.
        width : int
            k, the rows of A in f and in g.
        sigma : Activation, default Tanh()
            σ.
        gradient : bool, default False
            True for GradientFields, f of sign 1 and g of sign −1.
        alpha : float, default 1.0
            For GradientFields: α ~ N(0, alpha²), shape (k,); None: no weights.
        bias : float, default 0.0
            Standard deviation of the biases.
        rng : Generator or int, default None
            What f and then g are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        half, odd = divmod(dimension(dim, "dim"), 2)
        refuse(odd, f"dim must be even, for two halves of one dimension, got {dim}")
        rng, options = generator(rng), dict(sigma=sigma, bias=bias, dtype=dtype)
        if flag(gradient, "gradient"):
            return cls(
                *[
                    GradientField.random(half, width, sign=sign, alpha=alpha, rng=rng, **options)
                    for sign in (1, -1)
                ]
            )
        return cls(*[ResidualField.random(half, width, rng=rng, **options) for _ in range(2)])

    def hamiltonian(self, z):
        """H(x, v) = T(v) + V(x), shape (...), if f = ∇T and g = −∇V are GradientFields or
        GradientOfs; NotImplementedError otherwise."""
        return SeparableEnergy(self.f, self.g)(z)

    def split(self, z):
        """z = (x, v) → x, v, two views."""
        n = self.f.dim_out
        return z[..., :n], z[..., n:]

    def __call__(self, z):
        x, v = self.split(z)
        return np.concatenate([self.f._value(v), self.g._value(x)], axis=-1)

    def vjp(self, z):
        x, v = self.split(z)
        fv, pullback_f = self.f._vjp(v)
        gx, pullback_g = self.g._vjp(x)

        def pullback(w):
            wx, wv = self.split(w)
            (dv, df), (dx, dg) = pullback_f(wx), pullback_g(wv)
            return np.concatenate([dx, dv], axis=-1), self.pack(f=df, g=dg)

        return np.concatenate([fv, gx], axis=-1), pullback

    def jvp(self, z, dz, dtheta=None):
        (x, v), (dx, dv), d = self.split(z), self.split(dz), self.unpack(dtheta)
        fv, dfv = self.f._jvp(v, dv, d["f"])
        gx, dgx = self.g._jvp(x, dx, d["g"])
        return np.concatenate([fv, gx], axis=-1), np.concatenate([dfv, dgx], axis=-1)

    def divergence(self, z):
        """0: f does not depend on x, nor g on v."""
        return np.zeros(z.shape[:-1], z.dtype)

    def lipschitz(self):
        """max(L_f, L_g): the Jacobian is block anti-diagonal."""
        return max(self.f.lipschitz(), self.g.lipschitz())

    def one_sided_lipschitz(self):
        """(L_f + L_g)/2: the norm of the off-diagonal blocks of the symmetric part."""
        return outward(lambda f, g: (f + g) / 2, self.f.lipschitz(), self.g.lipschitz())


class SeparableEnergy(Described):
    """H(x, v) = T(v) + V(x) of (x, v)′ = (f(v), g(x)) with f = ∇T and g = −∇V: an invariant, whose
    gradient is (−g(x), f(v)).

    T, V: functions of half a state, (..., n) → (...); None: those of f and g, which must then be
    GradientFields or GradientOfs.
    """

    keeps, degree = frozenset({"energy"}), None

    def __init__(self, f, g, T=None, V=None):
        self.f, self.g, self.T, self.V = f, g, T, V
        self.given = [
            E and Given(E, f"{name} of SeparableEnergy", number_entries)
            for E, name in ((T, "T"), (V, "V"))
        ]

    def __call__(self, z):
        z, d = points(z, self), self.f.dim_out + self.g.dim_out
        if z.shape[-1] != d:
            raise ValueError(
                f"SeparableEnergy acts on states of dimension {d}, got an array of shape {z.shape}"
            )
        x, v = np.split(z, [self.f.dim_out], axis=-1)
        T, V = self.given
        T, V = T or potential_of(self.f, "f", sign=1), V or potential_of(self.g, "g", sign=-1)
        return T(v) + V(x)

    def gradient(self, z):
        """∇H = (−g(x), f(v)), shape (..., 2n)."""
        x, v = np.split(z, [self.f.dim_out], axis=-1)
        return np.concatenate([-self.g(x), self.f(v)], axis=-1)

    def hvp(self, z, w):
        """∇²H w = (−g′(x)w_x, f′(v)w_v), shape (..., 2n)."""
        (x, v), (w_x, w_v) = (np.split(a, [self.f.dim_out], axis=-1) for a in (z, w))
        return np.concatenate([-self.g.jvp(x, w_x)[1], self.f.jvp(v, w_v)[1]], axis=-1)


def is_gradient(F):
    """Whether F: ℝⁿ → ℝⁿ is known to be the gradient of a function: in one dimension, every
    function is; 0 is."""
    return F.dim_in == 1 or isinstance(F, Zero) or getattr(F, "is_gradient", False)


def potential_of(F, name, sign):
    """The function whose gradient is sign · F; NotImplementedError unless F is a GradientField, a
    GradientOf, or 0."""
    if isinstance(F, Zero):
        return lambda x: np.zeros(x.shape[:-1], x.dtype)
    refuse(
        not isinstance(F, GradientField | GradientOf),
        f"H = T(v) + V(x) is known where f and g are GradientFields or GradientOfs, but {name} is "
        f"{F!r}",
        NotImplementedError,
    )
    return lambda x: sign * F.sign * F.potential(x)
