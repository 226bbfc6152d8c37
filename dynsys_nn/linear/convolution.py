"""Convolution of images with circular padding: a linear map like any other, whose singular values
are known exactly.

On a torus the Fourier transform turns a convolution into a matrix at each frequency, its symbol

    Ŵ(ω)_oi = Σ_q W_oi(q) e^{i ω·(q − c)},   ω = 2π(k/H, l/W),   c the centre of the kernel,

and the singular values of the convolution are those of all its symbols. (Sedghi, Gupta and Long,
arXiv:1805.10408.) Zero padding has no such formula, and a shifted delta, an isometry of the torus,
would push pixels over the edge.
"""

import math

import numpy as np

from ..arguments import dimension, floating, generator, parameter, pixels, refuse
from ..maps import require_finite
from .map import Weighted
from .matrix import SMALLEST, solved, svd_values
from .slabs import convolved, correlated


class Convolution(Weighted):
    """y_o(p) = Σ_i Σ_q W_oi(q) x_i(p + q − c), circular, c the centre of the stencil W.

    States are flattened images, (..., channels · H · W). Unless W is given it starts
    delta-orthogonal: at its centre a random orthogonal matrix, and zeros around it, so that all
    singular values are 1. A field on it, σ(W ∗ x + b), has one bias for each channel. Source of the
    start: Xiao et al., arXiv:1806.05393.

    Parameters
    ----------
    channels_out, channels_in : int
        Channels of y and of x.
    image : pair of int
        (H, W), the pixels of a channel.
    kernel : int, default 3
        Rows and columns of the stencil: odd, at most H and W.
    groups : int, default 1
        The channels are split into this many groups, which do not interact.
    W : array, shape (channels_out, channels_in/groups, kernel, kernel), default None
        The stencil; None: delta-orthogonal.
    rng : Generator or int, default None
        What W is drawn with; None: anew each time.
    dtype : dtype, default float
        That of W, float64 or float32.

    Raises
    ------
    ValueError
        If sizes do not fit.

    Examples
    --------
    >>> W = np.zeros((1, 1, 3, 3))
    >>> W[0, 0, 1, 1:] = -1, 1  # y(p) = x(p + one column) − x(p)
    >>> D = dnn.Convolution(1, 1, image=(4, 4), W=W)
    >>> np.round(D.singular_range(), 6)  # 0 for constant images, 2 for stripes
    array([0., 2.])
    >>> print(np.linalg.norm(D @ np.eye(16), 2).round(6))  # of the matrix, 16 × 16
    2.0
    >>> np.round(dnn.Convolution(3, 3, image=(4, 4), rng=0).singular_range(), 6)
    array([1., 1.])
    """

    formula = "W ∗ x"

    def __init__(
        self, channels_out, channels_in, image, kernel=3, groups=1, W=None, rng=None, dtype=float
    ):
        self.channels_out, self.channels_in = (
            dimension(channels_out, "channels_out"),
            dimension(channels_in, "channels_in"),
        )
        self.image, self.kernel, self.groups = (
            pixels(image),
            dimension(kernel, "kernel"),
            dimension(groups, "groups"),
        )
        refuse(
            self.kernel % 2 == 0 or self.kernel > min(self.image),
            f"kernel must be odd and at most the image's {self.image}, got {kernel}",
        )
        refuse(
            self.channels_out % self.groups or self.channels_in % self.groups,
            f"{groups} groups do not divide {channels_in} channels into {channels_out}",
        )
        self.dim_out, self.dim_in = (
            size_of(self.channels_out, self.image),
            size_of(self.channels_in, self.image),
        )
        shape = (self.channels_out, self.channels_in // self.groups, self.kernel, self.kernel)
        if W is None:
            W, centre, rng = np.zeros(shape), self.kernel // 2, generator(rng)
            for group in np.split(W[..., centre, centre], self.groups):
                group[...] = orthogonal(group.shape, rng)
        self.own(W=parameter(W, shape, "W of Convolution", floating(dtype)))

    def arguments(self):
        """What builds it again, but for θ."""
        names = "channels_out", "channels_in", "image", "kernel", "groups"
        return {name: getattr(self, name) for name in names} | {"dtype": str(self.W.dtype)}

    def formula_sum(self, x):
        """W ∗ x, sum by sum as in the formula, x: (..., dim_in): what `times` computes faster, in
        slabs."""
        k, g, y = self.kernel, self.groups, 0.0
        W = self.W.reshape(g, self.channels_out // g, -1, k, k)
        images = x.reshape(*x.shape[:-1], g, self.channels_in // g, *self.image)
        for q in np.ndindex(k, k):  # x(p + q − c) is the image, rolled by c − q
            shifted = np.roll(images, (k // 2 - q[0], k // 2 - q[1]), axis=(-2, -1))
            y = y + np.einsum("goi,...gihw->...gohw", W[..., q[0], q[1]], shifted)
        return y.reshape(*x.shape[:-1], self.dim_out)

    def times(self, W, x):
        """W ∗ x."""
        return convolved(W, x, self.image, self.groups)

    def times_transposed(self, W, w):
        """The adjoint of W ∗ x."""
        return convolved(self.turned(W), w, self.image, self.groups)

    def turned(self, W):
        """The stencil of the adjoint: channels exchanged in each group, and the kernel turned by
        180°."""
        W = W.reshape(self.groups, -1, *W.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
        return W.reshape(-1, *W.shape[2:])

    def outer(self, w, x):
        return correlated(w, x, self.image, self.groups, self.W.shape).ravel()

    # ---- biases, one for each channel
    @property
    def bias_size(self):
        """channels_out: a bias for every pixel would undo that all pixels are treated alike."""
        return self.channels_out

    def spread(self, b):
        """b for all pixels, (..., channels_out) → (..., dim_out); one number as it is.
        ValueError for another length."""
        if np.ndim(b) and np.shape(b)[-1] != self.channels_out:
            raise ValueError(f"{self!r} has {self.channels_out} biases, got shape {np.shape(b)}")
        return np.repeat(b, math.prod(self.image), axis=-1) if np.ndim(b) else b

    def gather(self, u):
        """The adjoint of `spread`: sums over pixels, (..., dim_out) → (..., channels_out).
        ValueError for another length."""
        if u.shape[-1:] != (self.dim_out,):
            raise ValueError(f"{self!r} has images of dimension {self.dim_out}, got {u.shape}")
        channels = self.channels_out, math.prod(self.image)
        return u.reshape(*u.shape[:-1], *channels).sum(axis=-1)

    # ---- frequencies
    def symbols(self):
        """Ŵ(ω) for all frequencies, shape (H, W, groups, channels_out/groups, channels_in/groups),
        complex128."""
        (H, w), k = self.image, self.kernel
        W = self.W.astype(float).reshape(self.groups, -1, *self.W.shape[1:])
        S = waves(H, k) @ W.transpose(3, 4, 0, 1, 2).reshape(k, -1)  # Σ over rows of the stencil,
        return (waves(w, k) @ S.reshape(H, k, -1)).reshape(H, w, *W.shape[:3])  # then columns

    def stencil(self, G):
        """Σ_ω Re Ŵ(ω)̄ G(ω): the adjoint of `symbols`, for G of its shape; the shape of W."""
        (H, w), k = self.image, self.kernel
        S = waves(w, k).conj().T @ G.reshape(H, w, -1)
        W = (waves(H, k).conj().T @ S.reshape(H, -1)).real.reshape(k, k, *G.shape[2:])
        return W.transpose(2, 3, 4, 0, 1).reshape(self.W.shape)

    def singular_range(self):
        """(s_min, s_max): of the symbols at half of the frequencies, since those at ω and −ω are
        conjugates. Rounded outward by the error of an SVD and of the sums that make a symbol."""
        require_finite(self)
        half = self.symbols()[:, : self.image[1] // 2 + 1]
        s, eps, (o, i) = svd_values(half), np.finfo(float).eps, half.shape[-2:]
        if not self.W.any():
            return 0.0, 0.0
        error = self.W.size * SMALLEST + eps * (
            max(o, i) * s.max()
            + 4 * (self.kernel + 1) * np.linalg.norm(self.W.astype(float), axis=(0, 1)).sum()
        )
        low = max(0.0, s.min() - error) if o >= i else 0.0
        return float(low), float(s.max() + error)

    def inverse(self, y):
        """The x with W ∗ x = y, frequency by frequency. NotImplementedError unless there are as
        many channels out as in, ValueError if a symbol is singular."""
        if self.channels_out != self.channels_in:
            raise NotImplementedError(f"{self!r} is not square and has no inverse")
        images = y.reshape(-1, self.groups, self.channels_out // self.groups, *self.image)
        y_hat = np.moveaxis(np.fft.fft2(images), (-2, -1), (1, 2))[..., None]
        try:
            x_hat = solved(self.symbols(), y_hat)[..., 0]
        except np.linalg.LinAlgError:
            raise ValueError(
                f"{self!r} has no inverse: its symbol is singular at some frequency"
            ) from None
        x = np.fft.ifft2(np.moveaxis(x_hat, (1, 2), (-2, -1)))
        return (x if np.iscomplexobj(y) else x.real).reshape(y.shape).astype(y.dtype, copy=False)


def size_of(channels, image):
    """The dimension of flattened images, channels · H · W."""
    return dimension(channels * image[0] * image[1], "the dimension of the images")


def orthogonal(shape, rng):
    """A random matrix with orthonormal columns, or rows if it has fewer."""
    Q, R = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
    Q = Q * np.sign(np.diag(R))  # uniform on all of them
    return Q if shape[0] >= shape[1] else Q.T


def waves(n, k):
    """e^{2πi m(q − c)/n} for m = 0, …, n − 1 and q = 0, …, k − 1, shape (n, k)."""
    return np.exp(2j * np.pi / n * (np.outer(np.arange(n), np.arange(k) - k // 2) % n))
