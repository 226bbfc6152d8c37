"""Lab 0, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


class Answer(sheet["Turning"]):
    """X′(x)ᵀw = s(w₂, −w₁).

    X is orthogonal to x and s times as long, so ‖x + hX‖² = (1 + h²s²)‖x‖².
    """

    def __init__(self, s):
        super().__init__(s)
        self.stretch = float(np.hypot(1, s / 2))

    def __call__(self, x):
        return self.s * np.stack([-x[..., 1], x[..., 0]], axis=-1)

    def vjp(self, x):
        turned = np.stack([-x[..., 1], x[..., 0]], axis=-1)

        def pullback(w):
            dx = self.s * np.stack([w[..., 1], -w[..., 0]], axis=-1)
            return dx, self.pack(s=[(w * turned).sum()])

        return self.s * turned, pullback


if __name__ == "__main__":
    checks.run(sheet["questions"](Answer, sheet["SEED"])).exit()
