"""Lab 15, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


class Answer(sheet["MyAdam"]):
    """A gradient that stays the same gives m̂ = g and √ŝ = |g|, so each step is −rate in
    the direction of sign g, and however large the loss is, Adam moves as before."""

    first, tenth = (-0.1, 0.1), (-1, 1)
    factors = 1e-3, 1

    def start(self, theta):
        return dict(t=0, m=np.zeros_like(theta), s=np.zeros_like(theta))

    def step(self, theta, g, memory):
        memory["t"] += 1
        memory["m"] = self.beta1 * memory["m"] + (1 - self.beta1) * g
        memory["s"] = self.beta2 * memory["s"] + (1 - self.beta2) * g**2
        m = memory["m"] / (1 - self.beta1 ** memory["t"])
        s = memory["s"] / (1 - self.beta2 ** memory["t"])
        theta -= self.rate * m / (np.sqrt(s) + self.eps)


# The picture: gradient descent goes down the steep side and across the valley, to and
# fro; Adam begins along the diagonal, each entry by the rate, overshoots, and comes
# back. The loss times 1000 changes nothing that could be seen.

if __name__ == "__main__":
    checks.run(sheet["questions"](Answer)).exit()
