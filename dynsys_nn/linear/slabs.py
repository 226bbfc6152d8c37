"""The circular convolution of `Convolution.formula_sum`, fast: slabs of images in the cache, one
matrix product for each row of the stencil.

A slab is copied `kernel` times, each copy shifted by a column; then the pixels that a row of the
stencil sees are a contiguous stretch of the copies. It takes a fifth to two thirds of the time of
the sum over shifts (`tests/benchmarks/convolution.py`).
"""

import numpy as np

#: numbers in the shifted copies of a slab of images, which should stay in the cache
SLAB = 2**18


def convolved(W, x, image, groups):
    """W ∗ x for images (..., channels_in · H · W) and a stencil (channels_out, channels_in/groups,
    kernel, kernel)."""
    (H, w), k, out = image, W.shape[-1], len(W)
    rows = W.reshape(groups, out // groups, -1, k, k).transpose(3, 0, 1, 2, 4)
    rows = np.ascontiguousarray(rows).reshape(k, groups, out // groups, -1)
    images = x.reshape(-1, W.shape[1] * groups, H, w)
    y = np.empty((len(images), groups, out // groups, H * w), np.result_type(x, W))
    for slab in slabs(images, k):
        shifted = shifts(images[slab], k, groups)
        np.matmul(rows[0], shifted[..., : H * w], out=y[slab])
        for j in range(1, k):
            y[slab] += rows[j] @ shifted[..., j * w : (j + H) * w]
    return y.reshape(*x.shape[:-1], out * H * w)


def correlated(w, x, image, groups, shape):
    """∂⟨w, W ∗ x⟩/∂W summed over the batch, of the stencil's shape."""
    (H, W), (out, _, k, _) = image, shape
    x, w = x.reshape(-1, shape[1] * groups, H, W), w.reshape(-1, groups, out // groups, H * W)
    dW = np.zeros((k, groups, shape[1] * k, w.shape[2]), np.result_type(x, w))
    for slab in slabs(x, k):
        shifted, w_slab = shifts(x[slab], k, groups), w[slab].swapaxes(-1, -2)
        for j in range(k):
            dW[j] += (shifted[..., j * W : (j + H) * W] @ w_slab).sum(axis=0)
    # row of the stencil, group, channel in, column, channel out
    dW = dW.reshape(k, groups, -1, k, w.shape[2])
    return dW.transpose(1, 4, 2, 0, 3).reshape(shape)


def slabs(x, k):
    """Slices of a batch of images, each with shifted copies that fit the cache."""
    rows = max(1, SLAB // max(1, k * x[:1].size))
    return [slice(i, i + rows) for i in range(0, len(x), rows)]


def shifts(x, k, groups):
    """Images (n, C, H, W) as (n, groups, C/groups · k, (H + k − 1) · W): k copies of each, shifted
    by −c, …, c columns around the torus, with c more rows at top and bottom. The columns j·W to (j
    + H)·W are those that row j of a stencil sees."""
    (n, C, H, W), c = x.shape, k // 2
    copies = np.empty((n, C, k, H + 2 * c, W), x.dtype)
    for q in range(k):
        left = (q - c) % W
        copies[:, :, q, c : c + H, : W - left] = x[..., left:]
        copies[:, :, q, c : c + H, W - left :] = x[..., :left]
    copies[..., :c, :], copies[..., c + H :, :] = (
        copies[..., H : H + c, :],
        copies[..., c : 2 * c, :],
    )
    return copies.reshape(n, groups, C // groups * k, (H + 2 * c) * W)
