"""Losses J(y, target), each with ∂J/∂y beside its value."""

import numpy as np


class Loss:
    """`loss(y, target)` is the value; `loss.vjp(y, target)` gives value and ∂J/∂y, the covector that starts backprop."""

    def __call__(self, y, target):
        return self.vjp(y, target)[0]

    def vjp(self, y, target):
        raise NotImplementedError(f"{type(self).__name__} has no value: write vjp(self, y, target)")

    def __repr__(self):
        return f"{type(self).__name__}()"


class MeanSquaredError(Loss):
    """J = (1/N) Σ (y − target)², the mean over all N entries. ValueError where the shapes differ."""

    def vjp(self, y, target):
        y, target = np.asarray(y), np.asarray(target)
        if y.shape != target.shape:
            raise ValueError(f"MeanSquaredError needs a target of the shape of y, {y.shape}, got {target.shape}")
        if target.dtype.kind not in "fiub":
            raise TypeError(f"MeanSquaredError needs a target of real numbers, got dtype {target.dtype}")
        if not y.size:
            raise ValueError(f"the mean over an empty batch is not defined: y has shape {y.shape}")
        y = y.astype(float) if y.dtype.kind in "iub" else y
        r = y - target.astype(y.dtype, copy=False)
        return (r * r).sum() / r.size, (2 / r.size) * r


class SoftmaxCrossEntropy(Loss):
    """J = mean over the batch of log Σ_j exp z_j − z_k, z: logits (..., K), k: integer labels (...) in 0, …, K − 1.

    ∂J/∂z = (softmax(z) − e_k)/n. ValueError where shapes differ or a label is out of range; TypeError where labels
    are no integers.
    """

    def vjp(self, z, labels):
        if np.ndim(z) == 0:
            raise ValueError(f"logits must have shape (..., K), got the single number {z}")
        z, labels = np.asarray(z), checked_labels(labels, np.shape(z))
        if not labels.size:
            raise ValueError(f"the mean over an empty batch is not defined: the logits have shape {z.shape}")
        k = labels[..., None]
        z = z - z.real.max(axis=-1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=-1, keepdims=True)
        value = (np.log(total) - np.take_along_axis(z, k, axis=-1)).sum() / labels.size
        dz = e / total
        np.put_along_axis(dz, k, np.take_along_axis(dz, k, axis=-1) - 1, axis=-1)
        return value, dz / labels.size


def checked_labels(labels, shape):
    """Labels as an integer array of shape `shape[:-1]` with values in 0, …, shape[-1] − 1."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers 0, …, {shape[-1] - 1}, got an array of dtype {labels.dtype}")
    if labels.shape != tuple(shape[:-1]):
        raise ValueError(f"logits of shape {shape} need labels of shape {tuple(shape[:-1])}, got {labels.shape}")
    if labels.size and not (0 <= labels.min() and labels.max() < shape[-1]):
        raise ValueError(f"labels must lie in 0, …, {shape[-1] - 1}, got {labels.min()} … {labels.max()}")
    return labels
