"""Answers to lab 12."""

import numpy as np


def answer(**methods):
    return lambda Answer: type("Other", (Answer,), methods)


def changed(name, change):
    """The solution's method, and then a change of what it returns."""
    return lambda Answer: type("Other", (Answer,), {
        name: lambda F, *given: change(F, getattr(Answer, name)(F, *given))})  # fmt: skip


def convolved(W, x, n, sign, rule="oi,...ipq->...opq"):
    """Σ_q W(q) x(p + sign·q)."""
    terms = [
        np.einsum(rule, W[:, :, q[0], q[1]], np.roll(x, tuple(-sign * np.array(q)), (-2, -1)))
        for q in np.ndindex(W.shape[2:])
    ]
    return sum(terms)


TRANSPOSED = "oi,...opq->...ipq"


def spectrum(F, transform=np.fft.fft2, **options):
    symbols = np.moveaxis(transform(F.W, s=(F.n, F.n), **options), (0, 1), (-2, -1))
    return np.linalg.svd(symbols, compute_uv=False)


def clipped(F, clip=lambda s: np.minimum(s, 1), back=np.fft.ifft2, turn=lambda Vh: Vh, rows=False):
    """The projection, with mistakes where they are made."""
    U, s, Vh = np.linalg.svd(F.symbols(F.W), full_matrices=False)
    s = clip(s)[..., None] if rows else clip(s)[..., None, :]
    return back(np.moveaxis((U * s) @ turn(Vh), (-2, -1), (0, 1)))


def unpadded(F):
    return np.linalg.svd(np.moveaxis(np.fft.fft2(F.W), (0, 1), (-2, -1)), compute_uv=False)


def zero_padded(F, x):
    r, (p, q) = F.W.shape[-1] - 1, (F.n, F.n)
    x = np.concatenate([x, np.zeros((*x.shape[:-2], r, q))], axis=-2)
    x = np.concatenate([x, np.zeros((*x.shape[:-1], r))], axis=-1)
    return convolved(F.W, x, F.n, 1)[..., :p, :q]


def by_fft(F, x):
    """Kx as a product with the symbols."""
    symbols = np.conj(np.fft.fft2(F.W, s=(F.n, F.n)))
    return np.fft.ifft2(np.einsum("oipq,...ipq->...opq", symbols, np.fft.fft2(x))).real


def by_exponentials(F, x):
    E = np.exp(2j * np.pi / F.n * np.outer(np.arange(F.n), np.arange(F.W.shape[2])))
    symbols = np.einsum("ka,oiab,lb->oikl", E, F.W, E)
    return np.fft.ifft2(np.einsum("oikl,...ikl->...okl", symbols, np.fft.fft2(x))).real


def by_matrix(F):
    """All singular values by the SVD of K, column by column."""
    if F.n > 8:
        return np.sqrt(np.linalg.eigvalsh(gram(F)).clip(0))
    units = np.eye(F.W.shape[1] * F.n**2).reshape(-1, F.W.shape[1], F.n, F.n)
    return np.linalg.svd(F(units).reshape(len(units), -1), compute_uv=False)


def gram(F):
    symbols = F.symbols(F.W)
    return np.conj(symbols.swapaxes(-1, -2)) @ symbols


def with_loops(F, w):
    """The adjoint as the convolution by a stencil that is turned round, n × n."""
    turned = np.zeros((F.W.shape[1], len(F.W), F.n, F.n))
    for q in np.ndindex(F.W.shape[2:]):
        turned[:, :, -q[0], -q[1]] = F.W[:, :, q[0], q[1]].T
    return convolved(turned, w, F.n, 1)


def scaled(F, rounds=20):
    return F.W / spectrum(F).max()


def padded(F):
    W = np.zeros((*F.W.shape[:2], F.n, F.n))
    W[:, :, : F.W.shape[2], : F.W.shape[3]] = F.W
    return W


def corner(F, rounds=20):
    return F.projection()[:, :, : F.W.shape[2], : F.W.shape[3]]


def one_image(F, x):
    y = np.zeros((len(F.W), F.n, F.n))
    for o, i, *q in np.ndindex(F.W.shape):
        y[o] += F.W[o, i, q[0], q[1]] * np.roll(x[i], np.negative(q), axis=(0, 1))
    return y


def rolled_again(F, x):
    y = 0
    for q in np.ndindex(3, 3):
        y = y + np.einsum("oi,...ipq->...opq", F.W[:, :, q[0], q[1]], x)
        x = np.roll(x, -1, axis=-1)
        x = np.roll(x, -1, axis=-2) if q[1] == 2 else x
    return y


def divided(F, W):
    return W / max(1, spectrum(type(F)(W, F.n)).max())


def cutting_itself(F, rounds=20):
    for _ in range(rounds):
        F.W = corner(F)
    return divided(F, F.W)


WRONG = [
    ("rolled by +q", "1.1", "x rolls the wrong way", answer(
        __call__=lambda F, x: convolved(F.W, x, F.n, -1))),
    ("a stencil with its middle at p", "1.1", "moved by (1, 1) pixels", answer(
        __call__=lambda F, x: np.roll(convolved(F.W, x, F.n, 1), (1, 1), (-2, -1)))),
    ("zeros outside of the image", "1.1", "no zeros: it goes round", answer(__call__=zero_padded)),
    ("the axes of the stencil exchanged", "1.1", "axes of the stencil, or of x", answer(
        __call__=lambda F, x: convolved(F.W.swapaxes(2, 3), x, F.n, 1))),
    ("channels of W exchanged", "1.1", "the channels are exchanged: W[o, i] takes i to o", answer(
        __call__=lambda F, x: convolved(F.W, x, F.n, 1, TRANSPOSED))),
    ("no batch axes", "1.2", "channels are axis -3", answer(
        __call__=lambda F, x: convolved(F.W, x, F.n, 1, "oi,ipq->opq"))),
    ("K again for the adjoint", "2.1", "it is Kw", answer(
        adjoint=lambda F, w: convolved(F.W, w, F.n, 1))),
    ("adjoint: channels, but not the shift", "2.1", "w must roll the other way", answer(
        adjoint=lambda F, w: convolved(F.W, w, F.n, 1, TRANSPOSED))),
    ("adjoint: the shift, but not channels", "2.1", "but W[o, i] takes o to i now", answer(
        adjoint=lambda F, w: convolved(F.W, w, F.n, -1))),
    ("blur: the largest entry", "3.1", "an image of equal pixels", answer(blur=(0.25, 0.0))),
    ("no padding", "4.1", "pad it, s=(n, n)", answer(singular_values=unpadded)),
    ("norm='ortho'", "4.1", "leave norm='ortho' out", answer(
        singular_values=lambda F: spectrum(F, norm="ortho"))),
    ("squares", "4.1", "take square roots", changed("singular_values", lambda F, s: s * s)),
    ("moduli of the entries", "4.1", "take an SVD", answer(
        singular_values=lambda F: np.abs(F.symbols(F.W)))),
    ("the largest at each frequency", "4.1", "each of n·n frequencies has", changed(
        "singular_values", lambda F, s: s.max(axis=-1))),
    ("singular values, no return", "4.1", "is there a return?", answer(
        singular_values=lambda F: None)),
    ("divided by the norm", "5.1", "there is a nearer one", answer(
        projection=lambda F: padded(F) / max(1, spectrum(F).max()))),
    ("max for min", "5.1", "min and not max", answer(
        projection=lambda F: clipped(F, lambda s: np.maximum(s, 1)).real)),
    ("fft2 for ifft2", "5.1", "the way back is ifft2", answer(projection=lambda F: clipped(F, back=np.fft.fft2).real)),
    ("forgotten .real", "5.1", "take .real", answer(projection=clipped)),
    ("V for Vᴴ", "5.1", "U, s, Vᴴ, and not V", answer(projection=lambda F: clipped(
        F, turn=lambda Vh: np.conj(Vh.swapaxes(-1, -2))).real)),
    ("the corner of the projection", "6.1", "what has the cut done?", answer(cut=corner)),
    ("W/‖K‖", "6.2", "that is W/‖K‖: a round projects", answer(cut=scaled)),
    # written without looking
    ("one image, always", "1.2", "channels are axis -3", answer(__call__=one_image)),
    ("@ for channels", "1.1", "those that @ takes", answer(__call__=lambda F, x: sum(
        F.W[:, :, q[0], q[1]] @ np.roll(x, np.negative(q), (-2, -1)) for q in np.ndindex(3, 3)))),
    ("rolled again and again", "1.1", "what was rolled is rolled again", answer(__call__=rolled_again)),
    ("q from 1", "1.1", "are left out", answer(
        __call__=lambda F, x: convolved(F.W * np.outer([0, 1, 1], [0, 1, 1]), x, F.n, 1))),
    ("a flipped stencil for the adjoint", "2.1", "moved by (3, 3) pixels", answer(
        adjoint=lambda F, w: convolved(F.W[:, :, ::-1, ::-1], w, F.n, 1, TRANSPOSED))),
    ("the real part of the symbols", "4.1", "the symbols are complex", answer(singular_values=lambda F:
        np.linalg.svd(F.symbols(F.W).real, compute_uv=False))),
    ("all of svd", "4.1", "svd gives a tuple", answer(
        singular_values=lambda F: np.linalg.svd(F.symbols(F.W)))),
    ("a reshape", "4.1", "by a transpose, not by reshape", answer(singular_values=lambda F: np.linalg.svd(
        np.fft.fft2(F.W, s=(F.n, F.n)).reshape(F.n, F.n, *F.W.shape[:2]), compute_uv=False))),
    ("s on the rows of U", "5.1", "each s is for a column of U", answer(
        projection=lambda F: clipped(F, rows=True).real)),
    ("the same round again", "6.2", "20 rounds are as 1", answer(
        cut=lambda F, rounds=20: divided(F, corner(F)))),
    ("self.W changed", "6.1", "self.W as it was", answer(cut=cutting_itself)),
    ("svd of the pixels", "4.1", "these must be the channels", answer(
        singular_values=lambda F: np.linalg.svd(np.fft.fft2(F.W, s=(F.n, F.n)), compute_uv=False))),
    ("channels exchanged in the projection", "5.1", "the channels are exchanged", changed("projection", lambda F, W: W.swapaxes(0, 1))),
]  # fmt: skip

RIGHT = [
    ("Kx by FFT", answer(__call__=by_fft)),
    ("the adjoint as a convolution by the turned stencil", answer(adjoint=with_loops)),
    ("singular values by the matrix, or by eigenvalues of ŴᴴŴ", answer(singular_values=by_matrix)),
    ("singular values as a list, the smallest first", changed(
        "singular_values", lambda F, s: np.sort(s.ravel()).tolist())),
    ("the blur as an array, the smallest first", answer(blur=np.array([0.0, 1.0]))),
    ("s/max(s, 1) as a factor of each", answer(projection=lambda F: clipped(
        F, lambda s: s / np.maximum(s, 1)).real)),
    ("one round of cutting", changed("cut", lambda F, W: W * 1.0)),
    # written without looking
    ("Kx by FFT with symbols by a formula", answer(__call__=by_exponentials)),
    ("divided by the norm in any case", changed("cut", lambda F, W: W / spectrum(type(F)(W, F.n)).max())),
]  # fmt: skip
