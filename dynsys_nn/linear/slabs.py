"""The circular convolution of `Convolution.formula_sum`, fast: slabs of images in the cache, matrix
products of the size that BLAS does best.

A slab is copied `kernel` times, each copy shifted by a column; then the pixels that a row of the
stencil sees are a contiguous stretch of the copies, and with it the row is one product of matrices,
(channels out, channels in · kernel) times (channels in · kernel, pixels). Since there are few rows
and many pixels, much of the time of such a product goes into packing: BLAS first copies its factors
into an order of its own. Where there is AVX-512, OpenBLAS does without it up to `SMALL`
multiplications. So an image is cut into stripes of rows: with 64 images of 32 channels of 32 × 32
pixels, float32, on one core, products do 107 instead of 60 thousand million operations a second,
and a convolution takes 14 instead of 19 ms, as much as torch's
(`tests/benchmarks/convolution.py`) and a fifth of the sum over shifts. Elsewhere stripes cost 2 %.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

#: numbers in the shifted copies of a slab of images, or in products of theirs: for the cache
SLAB = 2**17
#: multiplications of a product that OpenBLAS does not pack, and entries of one with a Bᵀ
SMALL, SMALL_TRANSPOSED = 10**6, 1200


def convolved(W, x, image, groups):
    """W ∗ x for images (..., channels_in · H · W) and a stencil (channels_out, channels_in/groups,
    kernel, kernel)."""
    (H, w), k, out = image, W.shape[-1], len(W) // groups
    rows = W.reshape(groups, out, -1, k, k).transpose(3, 0, 1, 2, 4)
    rows = np.ascontiguousarray(rows).reshape(k, 1, groups, 1, out, -1)
    images = x.reshape(-1, groups, W.shape[1], H, w)
    found = np.empty((*x.shape[:-1], len(W) * H * w), np.result_type(x, W))
    y = found.reshape(len(images), groups, out, H * w)
    stripes = in_stripes(image, rows[0, 0, 0].size)
    n = in_slab(images, k * max(images[:1].size, y[:1].size))
    products = np.empty((k, n, *y.shape[1:]), y.dtype)  # of each row of the stencil
    by_stripes = striped(products, stripes)
    for slab, seen in slabs(images, k, n, stripes):
        m = seen.shape[1]
        np.matmul(rows, seen, out=by_stripes[:, :m])
        np.add.reduce(products[:, :m], axis=0, out=y[slab])
    return found


def correlated(w, x, image, groups, shape):
    """∂⟨w, W ∗ x⟩/∂W summed over the batch, of the stencil's shape."""
    (H, W), (out, C, k, _) = image, shape
    x, w = x.reshape(-1, groups, C, H, W), w.reshape(-1, groups, out // groups, H * W)
    one = C * k, out // groups
    stripes = in_stripes(image, math.prod(one))
    n = in_slab(x, k * max(x[:1].size, groups * stripes * math.prod(one)))
    dW = np.zeros((k, n, groups, stripes, *one), np.result_type(x, w))
    for slab, seen in slabs(x, k, n, stripes):
        w_slab = striped(w[slab], stripes)
        small = math.prod(one) <= SMALL_TRANSPOSED
        w_slab = w_slab.swapaxes(-1, -2) if small else channels_last(w_slab)
        dW[:, : seen.shape[1]] += seen @ w_slab
    # row of the stencil, group, channel in, column, channel out
    dW = dW.sum(axis=(1, 3)).reshape(k, groups, C, k, -1)
    return dW.transpose(1, 4, 2, 0, 3).reshape(shape)


def in_slab(x, numbers):
    """How many images, of so many numbers each, fit the cache: at least 1, at most all."""
    return min(len(x), max(1, SLAB // max(1, numbers)))


def in_stripes(image, size):
    """The least number of stripes whose products with a matrix of that size are small; 1 if they
    would have fewer than 64 pixels."""
    H, W = image
    for stripes in range(1, H + 1):
        pixels = H * W // stripes
        if H % stripes == 0 and pixels >= 64 and size * pixels <= SMALL:
            return stripes
    return 1


def striped(a, stripes):
    """A view of (..., rows, H · W) as (..., stripes, rows, H · W/stripes)."""
    return a.reshape(*a.shape[:-1], stripes, a.shape[-1] // stripes).swapaxes(-2, -3)


def slabs(x, k, n, stripes):
    """Images (N, groups, C, H, W), n at a time: a slice of the batch and, valid until the next,
    what each row of a stencil sees of it, in stripes, (k, n, groups, stripes, C · k, pixels).

    That is a view of copies of the images, shifted by −c, …, c columns around the torus, with c
    more rows at top and bottom: row j of the stencil sees those from j on.
    """
    (N, groups, C, H, W), c = x.shape, k // 2
    copies = np.empty((n, groups, C, k, H + 2 * c, W), x.dtype)
    shape = k, n, groups, stripes, C * k, H * W // stripes
    image, group, _, copy, row, pixel = copies.strides
    seen = as_strided(copies, shape, (row, image, group, H // stripes * row, copy, pixel))
    inside = copies[..., c : c + H, :]
    flat, x_flat = inside.reshape(n, groups, C, k, H * W), x.reshape(N, groups, C, H * W)
    for i in range(0, N, n or 1):
        x_slab, pixels = x[i : i + n], x_flat[i : i + n]
        if len(x_slab) < n:  # the last one
            copies, inside, flat = (a[: len(x_slab)] for a in (copies, inside, flat))
        flat[:, :, :, c] = pixels
        for s in range(1, c + 1):  # all rows as one, which is fast; then what comes around
            flat[:, :, :, c - s, s:] = pixels[..., :-s]
            inside[:, :, :, c - s, :, :s] = x_slab[..., -s:]
            flat[:, :, :, c + s, :-s] = pixels[..., s:]
            inside[:, :, :, c + s, :, -s:] = x_slab[..., :s]
        copies[..., :c, :], copies[..., c + H :, :] = inside[..., H - c :, :], inside[..., :c, :]
        yield slice(i, i + n), seen[:, : len(x_slab)]


def channels_last(w):
    """A copy of (..., channels, pixels) as (..., pixels, channels), eight channels at a time: if
    their distance is a power of two, a cache holds no more."""
    turned = np.empty((*w.shape[:-2], w.shape[-1], w.shape[-2]), w.dtype)
    for i in range(0, w.shape[-2], 8):
        turned[..., i : i + 8] = w[..., i : i + 8, :].swapaxes(-1, -2)
    return turned
