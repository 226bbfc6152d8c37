"""Lab 9, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


def solve(M, r):
    """M⁻¹r, for each state."""
    return np.linalg.solve(M, r[..., None])[..., 0]


def times(M, x):
    """Mx, for each state."""
    return (M @ x[..., None])[..., 0]


class Answer(sheet["CayleyStep"]):
    """The inverse is the step with −h. Transposed, I ± hS/2 become I ∓ hS/2.

    Euler's step adds hSx ⟂ x: ‖x⁺‖² = ‖x‖² + h²|a|²‖x‖² for x ⟂ a. With S(x) frozen
    during the step ‖x‖ is kept as for any S; but S(x⁺) is another matrix than S(x), so
    the inverse is no explicit step any more, and nothing keeps the volume.
    """

    kept = "a"

    def __call__(self, z):
        return self.turned(z, self.h)

    def turned(self, z, h):
        x, p = np.split(z, 2, axis=-1)
        half = h / 2 * self.S(p)
        return np.concatenate([solve(np.eye(3) - half, x + times(half, x)), p], axis=-1)

    def euler_growth(self, a, n):
        return (1 + self.h**2 * (a @ a)) ** (n / 2)

    def inverse(self, z):
        return self.turned(z, -self.h)

    def vjp(self, z):
        x, p = np.split(z, 2, axis=-1)
        half, z_new = self.h / 2 * self.S(p), self(z)

        def pullback(w):
            wx, wp = np.split(w, 2, axis=-1)
            u = solve(np.eye(3) + half, wx)  # (I − hS/2)ᵀ = I + hS/2
            dx = u - times(half, u)
            da = self.h / 2 * np.cross(x + z_new[..., :3], u)
            rows, p_rows = da.reshape(-1, 3), p.reshape(-1, 3)
            dtheta = self.pack(W=rows.T @ p_rows, c=rows.sum(axis=0))
            return np.concatenate([dx, wp + da @ self.W], axis=-1), dtheta

        return z_new, pullback


# The picture: Cayley's step stays on the circle and is late, by 2atan(h|a|/2) a step,
# in all 349° of 360°. Euler's is 5.3 times as far out, and it is late, too.

if __name__ == "__main__":
    checks.run(sheet["questions"](Answer)).exit()
