"""Methods for partitioned fields: a list of shears, each of which keeps volume whatever the parameters are."""

import math

import numpy as np

from ..fields import PartitionedField
from ..maps import inner
from .method import Method, check_dh, check_step, real_step


class PartitionedMethod(Method):
    """A composition of shears x ← x + c h f(v) and v ← v + c h g(x), as the pairs ("f", c), ("g", c) of `shears`.

    Each shear has determinant one and an explicit inverse, whatever f and g are; with gradients it is symplectic. A
    list that reads the same backwards is a symmetric method. TypeError on a field that is not partitioned.
    """

    shears = ()

    @property
    def symmetric(self):
        return tuple(self.shears) == tuple(self.shears)[::-1]

    def require(self, field):
        if not isinstance(field, PartitionedField):
            raise TypeError(
                f"{type(self).__name__} needs a PartitionedField (f(v), g(x)), got a {type(field).__name__}"
            )

    def step(self, field, z, h):
        return self._steps(field, z, h, self.shears)

    def inverse(self, field, y, h):
        """The same shears in reverse order, each with −h: explicit."""
        return self._steps(field, y, -check_step(h), self.shears[::-1])

    def _steps(self, field, z, h, shears):
        self.require(field)
        h = check_step(h)
        x, v = field.split(field.state(z))
        for part, c in shears:
            if part == "f":
                x = x + (c * h) * field.f(v)
            else:
                v = v + (c * h) * field.g(x)
        return np.concatenate([x, v], axis=-1)

    def vjp(self, field, z, h):
        self.require(field)
        h = check_step(h)
        z = field.state(z)
        x, v = field.split(z)
        tape = []
        for part, c in self.shears:
            if part == "f":
                k, pullback = field.f.vjp(v)
                x = x + (c * h) * k
            else:
                k, pullback = field.g.vjp(x)
                v = v + (c * h) * k
            tape.append((part, c, k, pullback))

        def back(w):
            wx, wv = field.split(field.covector(w, z))
            gradients, dh = {"f": 0.0, "g": 0.0}, 0.0
            for part, c, k, pullback in reversed(tape):
                if part == "f":
                    dv, d = pullback((c * h) * wx)
                    dh += c * inner(wx, k)
                    wv = wv + dv
                else:
                    dx, d = pullback((c * h) * wv)
                    dh += c * inner(wv, k)
                    wx = wx + dx
                gradients[part] = gradients[part] + d
            return np.concatenate([wx, wv], axis=-1), field.pack(**gradients), dh

        return np.concatenate([x, v], axis=-1), back

    def jvp(self, field, z, h, dz, dtheta=None, dh=0.0):
        self.require(field)
        h, dh, z = check_step(h), check_dh(dh), field.state(z)
        (x, v), (dx, dv), d = field.split(z), field.split(field.tangent(dz, z)), field.unpack(dtheta)
        for part, c in self.shears:
            if part == "f":
                k, dk = field.f.jvp(v, dv, d["f"])
                x, dx = x + (c * h) * k, dx + (c * h) * dk + (c * dh) * k
            else:
                k, dk = field.g.jvp(x, dx, d["g"])
                v, dv = v + (c * h) * k, dv + (c * h) * dk + (c * dh) * k
        return np.concatenate([x, v], axis=-1), np.concatenate([dx, dv], axis=-1)

    def preserves(self, field):
        self.require(field)
        return frozenset(field.keeps) & {"volume", "symplectic"}

    def lipschitz(self, field, h):
        """Π over the shears of ‖[[1, ℓ], [0, 1]]‖ = (ℓ + √(ℓ² + 4))/2, ℓ = |c h| L_f or |c h| L_g."""
        self.require(field)
        h = real_step(h)
        steps = [abs(c * h) * (field.f if part == "f" else field.g).lipschitz() for part, c in self.shears]
        return math.prod((step + math.hypot(step, 2)) / 2 for step in steps)


class SymplecticEuler(PartitionedMethod):
    """x⁺ = x + hf(v), v⁺ = v + hg(x⁺), order one."""

    shears = (("f", 1), ("g", 1))
    order = 1


class StormerVerlet(PartitionedMethod):
    """v̂ = v + ½hg(x), x⁺ = x + hf(v̂), v⁺ = v̂ + ½hg(x⁺), order two and symmetric (the leapfrog)."""

    shears = (("g", 1 / 2), ("f", 1), ("g", 1 / 2))
    order = 2
