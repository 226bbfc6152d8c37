"""Lab 6, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


class Answer(sheet["Exchange"]):
    """⟨w, X⟩ = Σ_ij (w_i − w_j) R_ij x_j.

    With u = σ′ (w_i − w_j) x_j: dx_j = Σ_i (w_i − w_j) R_ij + (Aᵀu)_j, dA = Σ u xᵀ,
    db = Σ u.
    """

    def rates(self, x):
        R = 1 / (1 + np.exp(-(x @ self.A.T + self.b)))
        return R.reshape(*x.shape, 4)

    def __call__(self, x):
        M = self.rates(x) * x[..., None, :]
        return M.sum(axis=-1) - M.sum(axis=-2)

    def predictions(self):
        """A slope sums to zero; a step of Euler's keeps x ≥ 0 only if it is short."""
        return "abcd"

    def longest_step(self):
        """(x + hX)_i ≥ x_i (1 − hΣ_{j≠i} R_ji): the worst is three rates that are 1."""
        return 1 / 3

    def vjp(self, x):
        R = self.rates(x)

        def pullback(w):
            dM = w[..., :, None] - w[..., None, :]
            u = (R * (1 - R) * dM * x[..., None, :]).reshape(*x.shape[:-1], 16)
            rows = u.reshape(-1, 16)
            dtheta = self.pack(A=rows.T @ x.reshape(-1, 4), b=rows.sum(axis=0))
            return (dM * R).sum(axis=-2) + u @ self.A, dtheta

        return self(x), pullback


# The picture: x₁ − ¼ is multiplied by 1 − 4h in each step: 0.2, −0.2 and −1. So it
# tends to ¼, does so to and fro, or goes from 1 to −½ and back for ever; the sum is 1
# always.

if __name__ == "__main__":
    checks.run(sheet["questions"](Answer())).exit()
