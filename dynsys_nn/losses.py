"""Losses J(y, target), each with ∂J/∂y beside its value."""

import numpy as np

from .maps import array, numbers, real


class Loss:
    """`loss(y, target)` is the value; `loss.vjp(y, target)` gives value and ∂J/∂y, the covector that starts backprop.

    `mean` is True where J is a mean over samples, so that it may be taken block by block.
    """

    mean = False

    def __call__(self, y, target):
        return self.vjp(y, target)[0]

    def vjp(self, y, target):
        raise NotImplementedError(f"{type(self).__name__} has no value: write vjp(self, y, target)")

    def __repr__(self):
        return f"{type(self).__name__}()"


class MeanSquaredError(Loss):
    """J = (1/N) Σ (y − target)², the mean over all N entries. ValueError where the shapes differ."""

    mean = True

    def vjp(self, y, target):
        y, target = numbers(y, "MeanSquaredError needs"), array(target, "MeanSquaredError needs a target")
        if y.shape != target.shape:
            raise ValueError(f"MeanSquaredError needs a target of the shape of y, {y.shape}, got {target.shape}")
        if target.dtype.kind not in "fiub":
            raise TypeError(f"MeanSquaredError needs a target of real numbers, got dtype {target.dtype}")
        if not y.size:
            raise ValueError(f"the mean over an empty batch is not defined: y has shape {y.shape}")
        r = y - target.astype(y.dtype, copy=False)
        return (r * r).sum() / r.size, (2 / r.size) * r


class SoftmaxCrossEntropy(Loss):
    """J = mean over the batch of log Σ_j exp z_j − z_k, z: logits (..., K), k: integer labels (...) in 0, …, K − 1.

    ∂J/∂z = (softmax(z) − e_k)/n. ValueError where shapes differ or a label is out of range; TypeError where labels
    are no integers.
    """

    mean = True

    def vjp(self, z, labels):
        z, k = logits_and_labels(z, labels)
        z = z - z.real.max(axis=-1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=-1, keepdims=True)
        value = (np.log(total) - np.take_along_axis(z, k, axis=-1)).sum() / k.size
        dz = e / total
        np.put_along_axis(dz, k, np.take_along_axis(dz, k, axis=-1) - 1, axis=-1)
        return value, dz / k.size


class MulticlassHinge(Loss):
    """J = mean over the batch of Σ_{j≠k} max(0, margin − (z_k − z_j)), z: logits (..., K), k: integer labels (...).

    Zero as soon as the logit of the label is ahead of all others by the margin: with a margin of √2 ℓ ε, ℓ the network's
    Lipschitz constant, no perturbation below ε then changes the label. At a kink the slope is the one from the side where
    J = 0. ValueError where shapes differ, a label is out of range or the margin is not positive; TypeError where labels
    are no integers.
    """

    mean = True

    def __init__(self, margin=1.0):
        if not real(margin) > 0:
            raise ValueError(f"margin must be a positive number, got {margin!r}")
        self.margin = float(margin)

    def vjp(self, z, labels):
        z, k = logits_and_labels(z, labels)
        gap = self.margin - (np.take_along_axis(z, k, axis=-1) - z)
        np.put_along_axis(gap, k, 0, axis=-1)
        dz = (gap.real > 0).astype(z.dtype)
        value = (gap * dz).sum() / k.size
        np.put_along_axis(dz, k, -dz.sum(axis=-1, keepdims=True), axis=-1)
        return value, dz / k.size

    def __repr__(self):
        return f"MulticlassHinge({self.margin:g})"


def logits_and_labels(z, labels):
    """Logits as an array (..., K), and labels as integer indices (..., 1) into its last axis; clear errors otherwise."""
    z = numbers(z, "logits must be")
    if z.ndim == 0:
        raise ValueError(f"logits must have shape (..., K), got the single number {z}")
    labels = checked_labels(labels, z.shape)
    if not labels.size:
        raise ValueError(f"the mean over an empty batch is not defined: the logits have shape {z.shape}")
    return z, labels[..., None]


def checked_labels(labels, shape):
    """Labels as an integer array of shape `shape[:-1]` with values in 0, …, shape[-1] − 1."""
    labels = array(labels, "labels must be an array of integers")
    if shape[-1] < 2:
        raise ValueError(f"a label needs at least two logits, got logits of shape {shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers 0, …, {shape[-1] - 1}, got an array of dtype {labels.dtype}")
    if labels.shape != tuple(shape[:-1]):
        raise ValueError(f"logits of shape {shape} need labels of shape {tuple(shape[:-1])}, got {labels.shape}")
    if labels.size and not (0 <= labels.min() and labels.max() < shape[-1]):
        raise ValueError(f"labels must lie in 0, …, {shape[-1] - 1}, got {labels.min()} … {labels.max()}")
    return labels
