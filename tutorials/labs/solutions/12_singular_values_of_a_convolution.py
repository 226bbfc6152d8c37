"""Lab 12, solved."""

import runpy
from pathlib import Path

import numpy as np

from dynsys_nn import checks

sheet = runpy.run_path(str(Path(__file__).parents[1] / Path(__file__).name))


class Answer(sheet["Convolution"]):
    """K = Σ_q W(q) S_q with shifts S_q, Kᵀ = Σ_q W(q)ᵀS_qᵀ; and S_q is a number at
    each frequency.

    The blur keeps images of equal pixels, (1 + 2 + 1)²/16 = 1, and removes a
    chessboard, (1 − 2 + 1)²/16 = 0: for its stencil of positive entries frequency 0 is
    the largest. fft2 has conj Ŵ, which has the singular values of Ŵ. min(s, 1) has a
    corner as a function of the frequency, so its Fourier coefficients, the entries of
    the projection's stencil, go on for ever. Cutting them off moves out of the ball
    again, less from round to round, and what is left is divided out.
    """

    blur = 1.0, 0.0

    def __call__(self, x):
        y = np.zeros((*x.shape[:-3], len(self.W), self.n, self.n))
        for q in np.ndindex(self.W.shape[2:]):
            rolled = np.roll(x, np.negative(q), axis=(-2, -1))
            y += np.einsum("oi,...ipq->...opq", self.W[:, :, q[0], q[1]], rolled)
        return y

    def adjoint(self, w):
        x = np.zeros((*w.shape[:-3], self.W.shape[1], self.n, self.n))
        for q in np.ndindex(self.W.shape[2:]):
            rolled = np.roll(w, q, axis=(-2, -1))
            x += np.einsum("oi,...opq->...ipq", self.W[:, :, q[0], q[1]], rolled)
        return x

    def symbols(self, W):
        return np.moveaxis(np.fft.fft2(W, s=(self.n, self.n)), (0, 1), (-2, -1))

    def singular_values(self):
        return np.linalg.svd(self.symbols(self.W), compute_uv=False)

    def projected(self, W):
        U, s, Vh = np.linalg.svd(self.symbols(W), full_matrices=False)
        clipped = (U * np.minimum(s, 1)[..., None, :]) @ Vh
        return np.fft.ifft2(np.moveaxis(clipped, (-2, -1), (0, 1))).real

    def projection(self):
        return self.projected(self.W)

    def cut(self, rounds=20):
        W, r = self.W, self.W.shape[-1]
        for _ in range(rounds):
            W = self.projected(W)[:, :, :r, :r]
        largest = np.linalg.svd(self.symbols(W), compute_uv=False).max()
        return W / max(1, largest)


# The picture: a division makes all singular values smaller, also those that were below
# 1; the cut changes the large ones most. It is 42 % away from W, and W/‖K‖ is 54 %.

if __name__ == "__main__":
    checks.run(sheet["questions"](Answer)).exit()
