"""Lab 11, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


class Answer(sheet["Norms"]):
    """From e ⟂ v power iteration sees nothing of 20 eeᵀ + vvᵀ/‖v‖², whose norm is 20.

    (Rounding errors grow by 400 a step: after 5 steps still 10¹³ · 10⁻¹⁶ at most.)
    With r = log ‖G‖_F: log ‖GᵀG‖_F = 2r + log ‖HᵀH‖_F. ‖A‖_F = ‖A‖₂ if A has rank
    one, or is 0.
    """

    sharp = "bde"

    def power(self, A, v, steps):
        v = v / np.linalg.norm(v)
        for _ in range(steps):
            u = A @ v
            v = A.T @ (u / np.linalg.norm(u))
            v = v / np.linalg.norm(v)
        u = A @ v
        s = np.linalg.norm(u)
        return s, u / s, v

    def gradient(self, A, v, steps):
        _, u, v = self.power(A, v, steps)
        return np.outer(u, v)

    def hidden(self, v):
        v = v / np.linalg.norm(v)
        e = np.roll(v, 1)
        e = e - (e @ v) * v
        e = e / np.linalg.norm(e)
        return 20 * np.outer(e, e) + np.outer(v, v)

    def bound(self, A, k):
        size = np.linalg.norm(A)
        r, G = np.log(size), A / size
        for _ in range(k):
            G = G.T @ G
            size = np.linalg.norm(G)
            r, G = 2 * r + np.log(size), G / size
        return np.exp(r / 2**k)


# The picture: for the random matrix both come near, the bound within 1 % after 4 steps.
# Of the hidden norm s_k shows a twentieth for ever, in exact arithmetic; on a computer
# rounding errors have found it after 7 steps. Nobody should certify by luck.

if __name__ == "__main__":
    checks.run(sheet["questions"](Answer())).exit()
