"""Convolution of images with circular padding: a linear map like any other, whose singular values are known exactly.

On a torus the Fourier transform turns a convolution into a matrix at each frequency, its symbol

    Ŵ(ω)_oi = Σ_q W_oi(q) e^{i ω·(q − c)},   ω = 2π(k/H, l/W),   c the centre of the kernel,

and the singular values of the convolution are those of all its symbols. (Sedghi, Gupta and Long, arXiv:1805.10408.) Zero padding
has no such formula, and a shifted delta, an isometry of the torus, would push pixels over the edge.
"""

import numpy as np

from ..maps import dimension, generator
from .map import Weighted, floating, given

#: numbers in the shifted copies of a slab of images, which should stay in the cache
SLAB = 2**18


class Convolution(Weighted):
    """y_o(p) = Σ_i Σ_q W_oi(q) x_i(p + q − c), circular: a stencil W, shape (channels_out, channels_in/groups, kernel, kernel).

    States are flattened images, (..., channels · H · W). image: (H, W); kernel: odd, at most H and W; groups: the channels are
    cut into so many groups that do not see each other. Unless W is given it starts delta-orthogonal: at its centre a random
    orthogonal matrix, drawn with `rng`, and zeros around it, so that all singular values are 1. dtype: float64 or float32.
    ValueError where sizes do not fit. Sources: Xiao et al., arXiv:1806.05393 (the start).
    """

    formula = "W ∗ x"

    def __init__(self, channels_out, channels_in, image, kernel=3, groups=1, W=None, rng=None, dtype=float):
        self.channels_out, self.channels_in = dimension(channels_out, "channels_out"), dimension(channels_in, "channels_in")
        self.image, self.kernel, self.groups = pixels(image), dimension(kernel, "kernel"), dimension(groups, "groups")
        if self.kernel % 2 == 0 or self.kernel > min(self.image):
            raise ValueError(f"kernel must be odd and at most the image's {self.image}, got {kernel}")
        if self.channels_out % self.groups or self.channels_in % self.groups:
            raise ValueError(f"{groups} groups do not divide {channels_in} channels into {channels_out}")
        self.dim_out = dimension(self.channels_out * self.image[0] * self.image[1], "the dimension of the images after it")
        self.dim_in = dimension(self.channels_in * self.image[0] * self.image[1], "the dimension of the images before it")
        shape = (self.channels_out, self.channels_in // self.groups, self.kernel, self.kernel)
        if W is None:
            W, centre, rng = np.zeros(shape), self.kernel // 2, generator(rng)
            for group in np.split(W[..., centre, centre], self.groups):
                group[...] = orthogonal(group.shape, rng)
        self.own(W=given(W, shape, "W of Convolution", floating(dtype)))

    def arguments(self):
        """What builds it again, but for θ."""
        names = "channels_out", "channels_in", "image", "kernel", "groups"
        return {name: getattr(self, name) for name in names} | {"dtype": str(self.W.dtype)}

    def __call__(self, x):
        return self.convolved(self.state(x), self.W)

    def adjoint(self, w):
        return self.convolved(self._image(w), self.turned(self.W))

    def outer(self, w, x):
        k, (H, W) = self.kernel, self.image
        x, w = x.reshape(-1, self.channels_in, H, W), w.reshape(-1, self.groups, self.channels_out // self.groups, H * W)
        dW = np.zeros((k, self.groups, self.channels_in // self.groups * k, w.shape[2]), np.result_type(x, w))
        for slab in slabs(x, k):
            shifted, w_slab = shifts(x[slab], k, self.groups), w[slab].swapaxes(-1, -2)
            for j in range(k):
                dW[j] += (shifted[..., j * W : (j + H) * W] @ w_slab).sum(axis=0)
        dW = dW.reshape(k, self.groups, -1, k, w.shape[2])  # row of the stencil, group, channel in, column, channel out
        return dW.transpose(1, 4, 2, 0, 3).ravel()

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        return self(x), self(v) + (0 if dtheta is None else self.convolved(x, d["W"]))

    def adjoint_jvp(self, w, dw, dtheta=None):
        d = self.unpack(dtheta)
        return self.adjoint(w), self.adjoint(dw) + (0 if dtheta is None else self.convolved(w, self.turned(d["W"])))

    def turned(self, W):
        """The stencil of the adjoint: channels exchanged in each group, and the kernel turned by 180°."""
        W = W.reshape(self.groups, -1, *W.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
        return W.reshape(-1, *W.shape[2:])

    def convolved(self, x, W):
        """W ∗ x, one matrix product for each row of the stencil."""
        (H, w), k, out = self.image, W.shape[-1], len(W)
        rows = W.reshape(self.groups, out // self.groups, -1, k, k).transpose(3, 0, 1, 2, 4)
        rows = np.ascontiguousarray(rows).reshape(k, self.groups, out // self.groups, -1)
        images = x.reshape(-1, W.shape[1] * self.groups, H, w)
        y = np.empty((len(images), self.groups, out // self.groups, H * w), np.result_type(x, W))
        for slab in slabs(images, k):
            shifted = shifts(images[slab], k, self.groups)
            np.matmul(rows[0], shifted[..., : H * w], out=y[slab])
            for j in range(1, k):
                y[slab] += rows[j] @ shifted[..., j * w : (j + H) * w]
        return y.reshape(*x.shape[:-1], out * H * w)

    # ---- frequencies
    def symbols(self, W=None):
        """Ŵ(ω) for all frequencies, shape (H, W, groups, channels_out/groups, channels_in/groups), complex128."""
        W = (self.W if W is None else W).astype(float)
        rows, columns = (waves(n, self.kernel) for n in self.image)
        W = W.reshape(self.groups, -1, *W.shape[1:])
        return np.einsum("hp,wq,goipq->hwgoi", rows, columns, W, optimize=True)

    def stencil(self, G):
        """Σ_ω Re Ŵ(ω)̄ G(ω): the adjoint of `symbols`, for G of its shape; the shape of W."""
        rows, columns = (waves(n, self.kernel).conj() for n in self.image)
        return np.einsum("hp,wq,hwgoi->goipq", rows, columns, G, optimize=True).real.reshape(self.W.shape)

    def singular_range(self):
        """(s_min, s_max): of the symbols at half of the frequencies, since those at ω and −ω are conjugates. Rounded outward by
        the error of an SVD and of the sums that make a symbol."""
        half = self.symbols()[:, : self.image[1] // 2 + 1]
        s = np.linalg.svd(half, compute_uv=False)
        eps, (o, i) = np.finfo(float).eps, half.shape[-2:]
        error = eps * (max(o, i) * s.max() + 4 * (self.kernel + 1) * np.linalg.norm(self.W.astype(float), axis=(0, 1)).sum())
        low = max(0.0, s.min() - error) if o >= i else 0.0
        return float(low), float(s.max() + error)

    def inverse(self, y):
        """The x with W ∗ x = y, frequency by frequency. NotImplementedError unless there are as many channels out as in,
        ValueError where a symbol is singular."""
        y, (H, w) = self._image(y), self.image
        if self.channels_out != self.channels_in:
            raise NotImplementedError(f"{self!r} is not square and has no inverse")
        images = y.reshape(-1, self.groups, self.channels_out // self.groups, H, w)
        y_hat = np.moveaxis(np.fft.fft2(images), (-2, -1), (1, 2))[..., None]
        try:
            x_hat = np.linalg.solve(self.symbols(), y_hat)[..., 0]
        except np.linalg.LinAlgError:
            raise ValueError(f"{self!r} has no inverse: its symbol is singular at some frequency") from None
        x = np.fft.ifft2(np.moveaxis(x_hat, (1, 2), (-2, -1)))
        return (x if np.iscomplexobj(y) else x.real).reshape(y.shape).astype(y.dtype, copy=False)


def pixels(image):
    """image as a pair of integers (H, W); TypeError or ValueError otherwise."""
    try:
        H, W = image
    except (TypeError, ValueError):
        raise TypeError(f"image must be a pair (H, W), got {image!r}") from None
    return dimension(H, "H of image"), dimension(W, "W of image")


def orthogonal(shape, rng):
    """A random matrix with orthonormal columns, or rows where it has fewer."""
    Q, R = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    Q = Q * np.sign(np.diag(R))  # uniform on all of them
    return Q if shape[0] >= shape[1] else Q.T


def waves(n, k):
    """e^{2πi m(q − c)/n} for m = 0, …, n − 1 and q = 0, …, k − 1, shape (n, k)."""
    return np.exp(2j * np.pi / n * (np.outer(np.arange(n), np.arange(k) - k // 2) % n))


def slabs(x, k):
    """Slices of a batch of images, each with shifted copies that fit the cache."""
    rows = max(1, SLAB // max(1, k * x[:1].size))
    return [slice(i, i + rows) for i in range(0, len(x), rows)]


def shifts(x, k, groups):
    """Images (n, C, H, W) as (n, groups, C/groups · k, (H + k − 1) · W): k copies of each, shifted by −c, …, c columns around the
    torus, with c rows more at top and bottom. The columns j·W to (j + H)·W are those that row j of a stencil sees."""
    (n, C, H, W), c = x.shape, k // 2
    copies = np.empty((n, C, k, H + 2 * c, W), x.dtype)
    for q in range(k):
        left = (q - c) % W
        copies[:, :, q, c : c + H, : W - left] = x[..., left:]
        copies[:, :, q, c : c + H, W - left :] = x[..., :left]
    copies[..., :c, :], copies[..., c + H :, :] = copies[..., H : H + c, :], copies[..., c : 2 * c, :]
    return copies.reshape(n, groups, C // groups * k, (H + 2 * c) * W)
