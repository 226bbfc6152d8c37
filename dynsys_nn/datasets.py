"""Small data sets: planar points in two classes, and 8×8 digits shipped with the package. Labels come last."""

import os.path

import numpy as np

from .maps import dimension, generator, real


def moons(n=1000, noise=0.1, rng=None):
    """Two interleaving half circles, (cos t, sin t) and (1 − cos t, ½ − sin t), t ∈ [0, π], with Gaussian noise.

    Returns points (n, 2) and labels (n,) in {0, 1}, halves of n, shuffled.
    """
    labels, rng = _labels(n, noise, rng)
    t = rng.uniform(0, np.pi, len(labels))
    upper, lower = (np.cos(t), np.sin(t)), (1 - np.cos(t), 0.5 - np.sin(t))
    return _two_classes(labels, upper, lower, noise, rng)


def rings(n=1000, noise=0.0, rng=None):
    """The disc of radius ½ (label 0) inside the annulus from ½ to 1 (label 1), each filled uniformly.

    Returns points (n, 2) and labels (n,). No line in the plane separates them; a lifted flow does.
    """
    labels, rng = _labels(n, noise, rng)
    t, u = rng.uniform(0, 2 * np.pi, len(labels)), rng.uniform(0, 1, len(labels))
    r = np.where(labels == 0, np.sqrt(u) / 2, np.sqrt(1 + 3 * u) / 2)  # r² uniform on [0, ¼] and on [¼, 1]
    return _two_classes(labels, *[(r * np.cos(t), r * np.sin(t))] * 2, noise, rng)


def spirals(n=1000, noise=0.0, rng=None, turns=1.5):
    """Two interleaving spirals r = φ/(2π turns), one the other's image under x ↦ −x, of radius at most 1.

    Returns points (n, 2) and labels (n,) in {0, 1}.
    """
    labels, rng = _labels(n, noise, rng)
    if not real(turns) > 0:
        raise ValueError(f"turns must be a positive number, got {turns}")
    r = np.sqrt(rng.uniform(0, 1, len(labels)))
    phi = 2 * np.pi * turns * r
    arm = (r * np.cos(phi), r * np.sin(phi))
    return _two_classes(labels, arm, (-arm[0], -arm[1]), noise, rng)


def digits():
    """1797 handwritten digits: images as states (1797, 64) in [0, 1], 8×8 row by row, and labels (1797,).

    Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning
    Repository, CC BY 4.0 (its test set; pixels, counts from 0 to 16, are divided by 16).
    """
    with np.load(os.path.join(os.path.dirname(__file__), "data", "digits.npz"), allow_pickle=False) as data:
        return data["images"].reshape(-1, 64) / 16.0, data["labels"].astype(int)


def _labels(n, noise, rng):
    n = dimension(n, "n")
    if not real(noise) >= 0:
        raise ValueError(f"noise is a standard deviation ≥ 0, got {noise!r}")
    rng = generator(rng)
    return rng.permutation(np.arange(n) % 2), rng


def _two_classes(labels, zero, one, noise, rng):
    x = np.where((labels == 0)[:, None], np.stack(zero, axis=-1), np.stack(one, axis=-1))
    return x + noise * rng.normal(size=x.shape), labels
