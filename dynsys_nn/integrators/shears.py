"""Shears, each of which keeps volume whatever its parameters are: methods for partitioned fields,
and Hénon's map."""

import numpy as np

from ..arguments import instance, refuse
from ..fields import PartitionedField
from ..maps import Map, outward, over_batch, product, root
from .method import Staged, geometry_of


class PartitionedMethod(Staged):
    """A composition of shears x ← x + c h f(v) and v ← v + c h g(x), as the pairs ("f", c), ("g",
    c) of `shears`.

    Each shear has determinant one and an explicit inverse, whatever f and g are; with gradients it
    is symplectic. A list that reads the same backwards is a symmetric method. TypeError on a field
    that is not partitioned.

    Examples
    --------
    >>> class PositionVerlet(dnn.integrators.PartitionedMethod):
    ...     shears = (("f", 1 / 2), ("g", 1), ("f", 1 / 2))
    ...     order = 2
    >>> PositionVerlet().symmetric
    True
    >>> F = dnn.Flow(dnn.systems.pendulum(), 0.1, PositionVerlet())
    >>> z = np.array([[1.0, 0.5], [2.0, -1.0]])
    >>> dnn.checks.symplectic(F, z).passed
    True
    >>> np.allclose(F.inverse(F(z)), z)
    True
    """

    shears = ()

    @property
    def symmetric(self):
        """True if the list of shears reads the same backwards."""
        return tuple(self.shears) == tuple(self.shears)[::-1]

    def require(self, field):
        refuse(
            not isinstance(field, PartitionedField),
            f"{type(self).__name__} needs a PartitionedField (f(v), g(x)), got a "
            f"{type(field).__name__}",
            TypeError,
        )

    def solves(self, field):
        """True if f or g is 0: the step is one shear."""
        return field.is_shear

    def keeps_geometry(self, field):
        """Volume, and the symplectic form if the field does."""
        return geometry_of(field)

    def step(self, field, z, h):
        return self.sheared(field, z, h, self.shears)

    def inverse(self, field, y, h):
        """The same shears in reverse order, each with −h: explicit."""
        return self.sheared(field, y, -h, self.shears[::-1])

    def sheared(self, field, z, h, shears):
        """z after the shears."""
        x, v = field.split(z)
        for part, c in shears:
            if part == "f":
                x = x + (c * h) * field.f._value(v)
            else:
                v = v + (c * h) * field.g._value(x)
        return np.concatenate([x, v], axis=-1)

    def _stages(self, field, z, h):
        """Ψ^h(z), its pullback w ↦ dz, dtheta, κ, and the slopes K_i of the shears."""
        x, v = field.split(z)
        K, pullbacks = [], []
        for part, c in self.shears:
            if part == "f":
                k, pullback = field.f._vjp(v)
                x = x + (c * h) * k
            else:
                k, pullback = field.g._vjp(x)
                v = v + (c * h) * k
            K.append(k)
            pullbacks.append(pullback)

        def pullback(w):
            wx, wv = field.split(w)
            gradients, kappa = {"f": None, "g": None}, []
            for (part, c), pullback_k in zip(
                reversed(self.shears), reversed(pullbacks), strict=True
            ):
                kappa.append(c * (wx if part == "f" else wv))
                dw, d = pullback_k(h * kappa[-1])
                wx, wv = (wx, wv + dw) if part == "f" else (wx + dw, wv)
                gradients[part] = d if gradients[part] is None else gradients[part] + d
            return np.concatenate([wx, wv], axis=-1), field.pack(**gradients), kappa[::-1]

        return np.concatenate([x, v], axis=-1), pullback, K

    def jvp(self, field, z, h, dz, dtheta=None, dh=0.0):
        (x, v), (dx, dv), d = field.split(z), field.split(dz), field.unpack(dtheta)
        for part, c in self.shears:
            if part == "f":
                k, dk = field.f._jvp(v, dv, d["f"])
                x, dx = x + (c * h) * k, dx + (c * h) * dk + (c * dh) * k
            else:
                k, dk = field.g._jvp(x, dx, d["g"])
                v, dv = v + (c * h) * k, dv + (c * h) * dk + (c * dh) * k
        return np.concatenate([x, v], axis=-1), np.concatenate([dx, dv], axis=-1)

    def lipschitz(self, field, h):
        """Π over the shears of ‖[[1, ℓ], [0, 1]]‖ = (ℓ + √(ℓ² + 4))/2, ℓ = |c h|L_f or |c h|L_g."""
        return product(
            *[
                norm_of_shear(c * h, (field.f if part == "f" else field.g).lipschitz())
                for part, c in self.shears
            ]
        )


class SymplecticEuler(PartitionedMethod):
    """x⁺ = x + hf(v), v⁺ = v + hg(x⁺), order one.

    Examples
    --------
    It turns not on a circle but on an ellipse near it, on which x² + v² + hxv is constant:

    >>> F = dnn.Flow(dnn.systems.harmonic_oscillator(), 0.1, dnn.SymplecticEuler(), steps=100)
    >>> x, v = F(np.array([1.0, 0.0]))
    >>> bool(abs(x**2 + v**2 + 0.1 * x * v - 1) < 1e-13)
    True
    """

    shears = (("f", 1), ("g", 1))
    order = 1


class StormerVerlet(PartitionedMethod):
    """v̂ = v + ½hg(x), x⁺ = x + hf(v̂), v⁺ = v̂ + ½hg(x⁺), order two, symmetric (leapfrog).

    Examples
    --------
    >>> X, z = dnn.systems.pendulum(), np.array([1.5, 0.0])
    >>> F = dnn.Flow(X, 0.1, dnn.StormerVerlet(), steps=100)
    >>> H = X.invariants["energy"]
    >>> bool(abs(H(F(z)) - H(z)) < 0.1**2)  # of order h², also after many steps
    True
    >>> back = dnn.Flow(X, -0.1, dnn.StormerVerlet(), steps=100)
    >>> np.allclose(back(F(z)), z)
    True
    """

    shears = (("g", 1 / 2), ("f", 1), ("g", 1 / 2))
    order = 2


class HenonMap(Map):
    """(q, p) ↦ (p + η, −q + ∇V(p)): a symplectic layer that is not a step of a vector field. The
    composition of four, with small η and V, is close to the identity.

    dV: ∇V as a Map ℝⁿ → ℝⁿ, such as GradientField(…, sign=1, alpha=…). The determinant is one for
    any map; the form is kept if dV is a gradient. ValueError if dV does not return to its space.
    Parameters: those of "dV", and "eta" (n,), which starts at 0. Source: Turaev, Nonlinearity 16
    (2003).

    Examples
    --------
    >>> dV = dnn.GradientField.random(1, width=4, sign=1, rng=0)
    >>> F, z = dnn.HenonMap(dV), np.array([1.0, 2.0])
    >>> print(np.linalg.det(F.jacobian(z)).round(12))
    1.0

    With η = 0 and V = 0 it is a quarter of a turn:

    >>> F.theta = np.zeros_like(F.theta)
    >>> F(z)
    array([ 2., -1.])
    >>> F(F(F(F(z))))
    array([1., 2.])
    """

    formula = "(p + η, −q + ∇V(p))"

    def __init__(self, dV):
        self.n = instance(dV, Map, "dV of HenonMap must be a Map").dim_in
        refuse(dV.dim_in != dV.dim_out or dV.sequence, f"HenonMap needs ∇V: ℝⁿ → ℝⁿ, got {dV!r}")
        self.dim_in = self.dim_out = 2 * self.n
        self.own(dV=dV, eta=np.zeros(self.n, dV._dtype))

    @property
    def geometry(self):
        gradient = self.n == 1 or getattr(self.dV, "is_gradient", False)
        return frozenset({"volume", "symplectic"} if gradient else {"volume"})

    keeps = geometry

    def __call__(self, z):
        q, p = np.split(z, 2, axis=-1)
        return np.concatenate([p + self.eta, self.dV._value(p) - q], axis=-1)

    def vjp(self, z):
        q, p = np.split(z, 2, axis=-1)
        force, pullback_dV = self.dV._vjp(p)

        def pullback(w):
            w_q, w_p = np.split(w, 2, axis=-1)
            dp, dtheta = pullback_dV(w_p)
            return np.concatenate([-w_p, w_q + dp], axis=-1), self.pack(
                dV=dtheta, eta=over_batch(w_q)
            )

        return np.concatenate([p + self.eta, force - q], axis=-1), pullback

    def jvp(self, z, v, dtheta=None):
        (q, p), (dq, dp), d = np.split(z, 2, axis=-1), np.split(v, 2, axis=-1), self.unpack(dtheta)
        force, dforce = self.dV._jvp(p, dp, d["dV"])
        y = np.concatenate([p + self.eta, force - q], axis=-1)
        return y, np.concatenate([dp + d["eta"], dforce - dq], axis=-1)

    def inverse(self, y):
        """p = q⁺ − η, q = ∇V(p) − p⁺."""
        q, p = np.split(y, 2, axis=-1)
        p_before = q - self.eta
        return np.concatenate([self.dV._value(p_before) - p, p_before], axis=-1)

    def lipschitz(self):
        """‖[[0, 1], [−1, ℓ]]‖ = (ℓ + √(ℓ² + 4))/2, ℓ the constant of ∇V."""
        return norm_of_shear(1, self.dV.lipschitz())


def norm_of_shear(c, L):
    """(ℓ + √(ℓ² + 4))/2, ℓ = |c|L, rounded up."""
    hypotenuse = root(outward(lambda c, L: (c * L) ** 2 + 4, c, L))
    return outward(lambda c, L, s: (abs(c) * L + s) / 2, c, L, hypotenuse)
