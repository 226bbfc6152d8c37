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


def clipped(F, clip=lambda s: np.minimum(s, 1), back=np.fft.ifft2, turn=lambda Vh: Vh):
    """The projection, with mistakes where they are made."""
    U, s, Vh = np.linalg.svd(F.symbols(F.W), full_matrices=False)
    return back(np.moveaxis((U * clip(s)[..., None, :]) @ turn(Vh), (-2, -1), (0, 1)))


def unpadded(F):
    return np.linalg.svd(np.moveaxis(np.fft.fft2(F.W), (0, 1), (-2, -1)), compute_uv=False)


def zero_padded(F, x):
    r, (p, q) = F.W.shape[-1] - 1, (F.n, F.n)
    x = np.concatenate([x, np.zeros((*x.shape[:-2], r, q))], axis=-2)
    x = np.concatenate([x, np.zeros((*x.shape[:-1], r))], axis=-1)
    return convolved(F.W, x, F.n, 1)[..., :p, :q]


def in_place(F, x):
    y = np.zeros((*x.shape[:-3], len(F.W), F.n, F.n))
    x *= 1.0
    return y


def by_fft(F, x):
    """Kx as a product with the symbols."""
    symbols = np.conj(np.fft.fft2(F.W, s=(F.n, F.n)))
    return np.fft.ifft2(np.einsum("oipq,...ipq->...opq", symbols, np.fft.fft2(x))).real


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


def rfft_frequencies(F):
    return np.linalg.svd(
        np.moveaxis(np.fft.rfft2(F.W, s=(F.n, F.n)), (0, 1), (-2, -1)), compute_uv=False
    )


def over_channels(F):
    return np.linalg.svd(np.fft.fft2(F.W, s=(F.n, F.n), axes=(0, 1)), compute_uv=False)


def scaled(F, rounds=20):
    return F.W / spectrum(F).max()


def padded(F):
    W = np.zeros((*F.W.shape[:2], F.n, F.n))
    W[:, :, : F.W.shape[2], : F.W.shape[3]] = F.W
    return W


def corner(F, rounds=20):
    return F.projection()[:, :, : F.W.shape[2], : F.W.shape[3]]


WRONG = [
    ("rolled by +q", "1.1", "x rolls the wrong way", answer(
        __call__=lambda F, x: convolved(F.W, x, F.n, -1))),
    ("a stencil with its middle at p", "1.1", "the stencil is centred", answer(
        __call__=lambda F, x: np.roll(convolved(F.W, x, F.n, 1), (1, 1), (-2, -1)))),
    ("zeros outside of the image", "1.1", "no zeros, it goes round", answer(__call__=zero_padded)),
    ("the axes of the stencil exchanged", "1.1", "axes of the stencil, or of the image", answer(
        __call__=lambda F, x: convolved(F.W.swapaxes(2, 3), x, F.n, 1))),
    ("channels of W exchanged", "1.1", "the channels of W are exchanged", answer(
        __call__=lambda F, x: convolved(F.W, x, F.n, 1, TRANSPOSED))),
    ("an argument is changed", "1.1", "an argument is changed", answer(__call__=in_place)),
    ("no batch axes", "1.2", "right for one image of two channels", answer(
        __call__=lambda F, x: convolved(F.W, x, F.n, 1, "oi,ipq->opq"))),
    ("no return", "1.1", "is there a return?", answer(__call__=lambda F, x: None)),
    ("by FFT, and complex", "1.1", "take .real", answer(__call__=lambda F, x: np.fft.ifft2(
        np.einsum("oipq,...ipq->...opq", np.conj(np.fft.fft2(F.W, s=(F.n, F.n))), np.fft.fft2(x))))),
    ("by FFT, without conj", "1.1", "x rolls the wrong way", answer(
        __call__=lambda F, x: np.fft.ifft2(np.einsum(
            "oipq,...ipq->...opq", np.fft.fft2(F.W, s=(F.n, F.n)), np.fft.fft2(x))).real)),
    ("not added up", "1.1", "the last entry of the stencil alone", answer(
        __call__=lambda F, x: np.einsum("oi,...ipq->...opq", F.W[:, :, 2, 2],
            np.roll(x, (-2, -2), (-2, -1))))),
    ("minus", "1.1", "the sign is wrong", answer(__call__=lambda F, x: -by_fft(F, x))),
    ("K again for the adjoint", "2.1", "it is Kw", answer(
        adjoint=lambda F, w: convolved(F.W, w, F.n, 1))),
    ("adjoint: channels, but not the shift", "2.1", "w must roll the other way", answer(
        adjoint=lambda F, w: convolved(F.W, w, F.n, 1, TRANSPOSED))),
    ("adjoint: the shift, but not channels", "2.1", "but W[o, i] takes o to i now", answer(
        adjoint=lambda F, w: convolved(F.W, w, F.n, -1))),
    ("blur: both the same", "3.1", "a chessboard", answer(blur=(1.0, 1.0))),
    ("blur: the largest entry", "3.1", "an image of equal pixels", answer(blur=(0.25, 0.0))),
    ("blur: one number", "3.1", "two numbers, got 1.0", answer(blur=1.0)),
    ("no padding", "4.1", "pad it, s=(n, n)", answer(singular_values=unpadded)),
    ("rfft2", "4.1", "half of the frequencies", answer(singular_values=rfft_frequencies)),
    ("the FFT over channels", "4.1", "the FFT is over the pixels", answer(
        singular_values=over_channels)),
    ("norm='ortho'", "4.1", "leave norm='ortho' out", answer(
        singular_values=lambda F: spectrum(F, norm="ortho"))),
    ("ifft2", "4.1", "is it ifft2, or norm='forward'", answer(
        singular_values=lambda F: spectrum(F, np.fft.ifft2))),
    ("squares", "4.1", "take square roots", changed("singular_values", lambda F, s: s * s)),
    ("moduli of the entries", "4.1", "take an SVD", answer(
        singular_values=lambda F: np.abs(F.symbols(F.W)))),
    ("eigenvalues of the symbols", "4.1", "eigenvalues of the symbols", answer(
        singular_values=lambda F: np.abs(np.linalg.eigvals(F.symbols(F.W))))),
    ("the norm alone", "4.1", "that is one number", changed("singular_values", lambda F, s: s.max())),
    ("the largest at each frequency", "4.1", "one number a frequency", changed(
        "singular_values", lambda F, s: s.max(axis=-1))),
    ("singular values, no return", "4.1", "is there a return?", answer(
        singular_values=lambda F: None)),
    ("divided by the norm", "5.1", "there is a nearer one", answer(
        projection=lambda F: padded(F) / max(1, spectrum(F).max()))),
    ("all singular values 1", "5.1", "those below 1 stay", answer(
        projection=lambda F: clipped(F, np.ones_like).real)),
    ("max for min", "5.1", "min and not max", answer(
        projection=lambda F: clipped(F, lambda s: np.maximum(s, 1)).real)),
    ("fft2 for ifft2", "5.1", "the way back is ifft2", answer(projection=lambda F: clipped(F, back=np.fft.fft2).real)),
    ("forgotten .real", "5.1", "take .real", answer(projection=clipped)),
    ("V for Vᴴ", "5.1", "U, s and Vᴴ, and not V", answer(projection=lambda F: clipped(
        F, turn=lambda Vh: np.conj(Vh.swapaxes(-1, -2))).real)),
    ("cut to the stencil", "5.1", "it is r × r", changed(
        "projection", lambda F, P: P[:, :, :3, :3])),
    ("axes left where the SVD had them", "5.1", "its axes are (n, n, out, in)", changed(
        "projection", lambda F, P: np.moveaxis(P, (0, 1), (-2, -1)))),
    ("clipped from below as well", "5.1", "needed is", answer(
        projection=lambda F: clipped(F, lambda s: np.clip(s, 0.9, 1)).real)),
    ("the corner of the projection", "6.1", "what has the cut done?", answer(cut=corner)),
    ("W/‖K‖", "6.2", "its distance from W is 1 times", answer(cut=scaled)),
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
]  # fmt: skip
