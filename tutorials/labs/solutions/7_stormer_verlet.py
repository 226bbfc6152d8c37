"""Lab 7, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


class Answer(sheet["MyVerlet"]):
    """Each of the three is a shear: symplectic with gradients, and easy to undo."""

    def step(self, field, z, h):
        q, p = field.split(z)
        p = p + h / 2 * field.g(q)
        q = q + h * field.f(p)
        p = p + h / 2 * field.g(q)
        return np.concatenate([q, p], axis=-1)

    def predictions(self):
        """The energy error stays of size h², and ρ needs f(−p) = −f(p)."""
        return "acde"

    def inverse(self, field, z, h):
        """It reads the same backwards: Ψ^{−h} undoes Ψ^h."""
        return self.step(field, z, -h)

    def vjp(self, field, z, h):
        q, p = field.split(z)
        k1, kick1 = field.g.vjp(q)
        p = p + h / 2 * k1
        k2, drift = field.f.vjp(p)
        q = q + h * k2
        k3, kick3 = field.g.vjp(q)

        def pullback(w):
            wq, wp = field.split(w)
            dq, dg3 = kick3(h / 2 * wp)
            dh, wq = (wp * k3).sum() / 2, wq + dq
            dp, df = drift(h * wq)
            dh, wp = dh + (wq * k2).sum(), wp + dp
            dq, dg1 = kick1(h / 2 * wp)
            dh, wq = dh + (wp * k1).sum() / 2, wq + dq
            return np.concatenate([wq, wp], axis=-1), field.pack(f=df, g=dg1 + dg3), dh

        return np.concatenate([q, p + h / 2 * k3], axis=-1), pullback


# The picture: Euler's path goes outwards, and over the top; yours stays at its level,
# with an error of the energy up to 0.0042 that always comes back, and a quarter of it
# for h/2.

if __name__ == "__main__":
    checks.run(sheet["questions"](Answer())).exit()
