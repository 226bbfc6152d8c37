"""Small data sets: planar points in two classes, and 8×8 digits shipped with the package. Labels
come last.

And readers of larger ones, CIFAR-10, MNIST and Fashion-MNIST, from files that are on the disk
already: nothing is downloaded, nothing is unpickled, and truncated or foreign files are rejected
with an error that names them.
"""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

from .arguments import dimension, flag, floating, generator, positive, real, refuse
from .arguments import path as path_of

__all__ = [
    "CIFAR10_LABELS",
    "cifar10",
    "digits",
    "fashion_mnist",
    "idx",
    "mnist",
    "moons",
    "rings",
    "spirals",
    "swiss_roll",
]

#: what the labels of `cifar10` stand for, in the order of their numbers
CIFAR10_LABELS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

#: type code of an IDX file → NumPy's letter and size
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def moons(n=1000, noise=0.1, rng=None):
    """Two interleaving half circles, (cos t, sin t) and (1 − cos t, ½ − sin t), t ∈ [0, π], with
    Gaussian noise.

    n: int ≥ 1, default 1000; noise: float ≥ 0, the standard deviation, default 0.1; rng: Generator
    or int, default None: anew each time. Returns points (n, 2) and labels (n,) in {0, 1}, half of
    each, shuffled.

    Examples
    --------
    >>> x, y = dnn.datasets.moons(100, noise=0.0, rng=0)
    >>> x.shape, np.bincount(y).tolist()
    ((100, 2), [50, 50])
    >>> centres = np.array([[0.0, 0.0], [1.0, 0.5]])[y]
    >>> bool(abs(np.linalg.norm(x - centres, axis=-1) - 1).max() < 1e-14)  # circles of radius 1
    True
    """
    labels, rng = _labels(n, noise, rng)
    t = rng.uniform(0, np.pi, len(labels))
    return _two_classes(
        labels, (np.cos(t), np.sin(t)), (1 - np.cos(t), 0.5 - np.sin(t)), noise, rng
    )


def rings(n=1000, noise=0.0, rng=None):
    """The disc of radius ½ (label 0) inside the annulus from ½ to 1 (label 1), each filled
    uniformly.

    n, noise (default 0.0), rng and what is returned are as for `moons`. No line in the plane
    separates the classes; a lifted flow does.

    Examples
    --------
    >>> x, y = dnn.datasets.rings(1000, rng=0)
    >>> r = np.linalg.norm(x, axis=-1)
    >>> bool(r[y == 0].max() < 0.5 < r[y == 1].min() < r.max() < 1)
    True
    """
    labels, rng = _labels(n, noise, rng)
    t, u = rng.uniform(0, 2 * np.pi, len(labels)), rng.uniform(0, 1, len(labels))
    r = np.sqrt(np.where(labels == 0, u, 1 + 3 * u)) / 2  # r² uniform on [0, ¼] and on [¼, 1]
    return _two_classes(labels, *[(r * np.cos(t), r * np.sin(t))] * 2, noise, rng)


def spirals(n=1000, noise=0.0, rng=None, turns=1.5):
    """Two interleaving spirals r = φ/(2π turns), one the other's image under x ↦ −x, of radius at
    most 1.

    Parameters
    ----------
    n : int ≥ 1, default 1000
        The number of points.
    noise : float ≥ 0, default 0.0
        The standard deviation of what is added to each coordinate.
    rng : Generator or int, default None
        What the points are drawn with; None: anew each time.
    turns : float > 0, default 1.5
        How often a spiral goes around 0.

    Returns
    -------
    x : array, shape (n, 2)
        The points.
    y : array of int, shape (n,)
        Their labels in {0, 1}, half of each, shuffled.

    Examples
    --------
    >>> x, y = dnn.datasets.spirals(100, rng=0, turns=2)
    >>> x[y == 1] *= -1  # both on the first spiral
    >>> r = np.linalg.norm(x, axis=-1)
    >>> phi = 2 * np.pi * 2 * r
    >>> np.allclose(x[:, 0], r * np.cos(phi)) and np.allclose(x[:, 1], r * np.sin(phi))
    True
    """
    labels, rng = _labels(n, noise, rng)
    r = np.sqrt(rng.uniform(0, 1, len(labels)))
    phi = 2 * np.pi * positive(turns, "turns") * r
    x, y = r * np.cos(phi), r * np.sin(phi)
    return _two_classes(labels, (x, y), (-x, -y), noise, rng)


def swiss_roll(n=1000, noise=0.0, rng=None):
    """Two turns of a roll and of its copy further out, r (cos φ, sin φ) and (r + 0.2)(cos φ, sin φ)
    with φ = 4πr, r uniform on [0, 1].

    Between two turns of the one lies the other, 0.2 and 0.3 away along a ray. n: int ≥ 1, default
    1000; noise: float ≥ 0, the standard deviation, default 0.0; rng: Generator or int, default
    None: anew each time. Returns points (n, 2) and labels (n,) in {0, 1}, half of each, shuffled.
    Source: Haber and Ruthotto, arXiv:1705.03341.

    Examples
    --------
    >>> x, y = dnn.datasets.swiss_roll(100, rng=0)
    >>> r = np.linalg.norm(x, axis=-1) - 0.2 * y
    >>> phi = 4 * np.pi * r
    >>> np.allclose(x, (r + 0.2 * y)[:, None] * np.stack([np.cos(phi), np.sin(phi)], axis=-1))
    True
    """
    labels, rng = _labels(n, noise, rng)
    r = rng.uniform(0, 1, len(labels))
    x, y = np.cos(4 * np.pi * r), np.sin(4 * np.pi * r)
    return _two_classes(labels, (r * x, r * y), ((r + 0.2) * x, (r + 0.2) * y), noise, rng)


def digits():
    """1797 handwritten digits: images as states (1797, 64) in [0, 1], 8×8 row by row, and labels
    (1797,).

    Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine
    Learning Repository, CC BY 4.0 (its test set; pixels, counts from 0 to 16, are divided by 16).

    Examples
    --------
    >>> x, y = dnn.datasets.digits()
    >>> x.shape, y[:10].tolist()
    ((1797, 64), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    >>> for row in x[0].reshape(8, 8).tolist():
    ...     print("".join("-#"[pixel > 0.2] for pixel in row))
    --###---
    --#####-
    --#--##-
    -##--##-
    -##--##-
    -##--##-
    --####--
    --###---
    """
    with np.load(Path(__file__).parent / "data" / "digits.npz", allow_pickle=False) as data:
        return data["images"].reshape(-1, 64) / 16.0, data["labels"].astype(int)


def cifar10(folder=None, train=True, dtype=float):
    """CIFAR-10: photographs as states (n, 3072) in [0, 1], and labels (n,) in 0, …, 9, named by
    `CIFAR10_LABELS`.

    A state is an image (3, 32, 32), flattened: the red plane, the green, the blue, each row by row.
    The files, in the official binary layout (a byte of label, 3072 bytes of image, and so on), are
    those of data_batch_1.bin, …, data_batch_5.bin that are there, or test_batch.bin.

    folder: path of the files, or of the folder above their cifar-10-batches-bin, default None: that
    in the environment variable DYNSYS_NN_DATA; train: bool, default True, or False for
    test_batch.bin; dtype: that of the images, float or np.float32, default float.

    FileNotFoundError says where the data can be downloaded, ValueError which file is damaged;
    TypeError for a dtype other than float64 and float32. Source: A. Krizhevsky,
    Learning multiple layers of features from tiny images, 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html.

    Examples
    --------
    A file of one image, dark grey, which is labelled 8:

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = pathlib.Path(folder, "test_batch.bin").write_bytes(bytes([8] + 3072 * [51]))
    ...     x, y = dnn.datasets.cifar10(folder, train=False)
    >>> x.shape, float(x.max()), dnn.datasets.CIFAR10_LABELS[y[0]]
    ((1, 3072), 0.2, 'ship')
    """
    batches = {
        "data_batch_1.bin, …, data_batch_5.bin": [f"data_batch_{k}.bin" for k in range(1, 6)]
    }
    groups = batches if flag(train, "train") else {"test_batch.bin": ["test_batch.bin"]}
    dtype = floating(dtype)
    (paths,) = _files(
        "cifar10",
        folder,
        ("", "cifar-10-batches-bin"),
        groups,
        "CIFAR-10, the binary version, can be downloaded from "
        "https://www.cs.toronto.edu/~kriz/cifar.html",
    )
    records, labels = zip(*map(_cifar_batch, paths), strict=True)
    images = np.concatenate([record[:, 1:] for record in records], dtype=dtype)
    images /= 255  # in place: the images are the one large array
    return images, np.concatenate(labels)


def mnist(folder=None, train=True, dtype=float):
    """MNIST: handwritten digits as states (n, 784) in [0, 1], 28×28 row by row, and labels (n,) in
    0, …, 9.

    The files are train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-… if train is False,
    plain or .gz, also spelled .idx3 and .idx1.

    folder: path, default None: that in the environment variable DYNSYS_NN_DATA; the files are in
    its mnist, its MNIST/raw or itself, the first that has both. train: bool, default True; dtype:
    that of the images, float or np.float32, default float.

    Errors are those of `cifar10`. Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner,
    Gradient-based learning applied to document recognition, Proc. IEEE 86(11), 1998,
    http://yann.lecun.com/exdb/mnist/.

    Examples
    --------
    Files of one image, white, which is labelled 7:

    >>> import pathlib, tempfile
    >>> image = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28] + 784 * [255])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = pathlib.Path(folder, "train-images-idx3-ubyte").write_bytes(image)
    ...     label = pathlib.Path(folder, "train-labels-idx1-ubyte")
    ...     written = label.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    ...     x, y = dnn.datasets.mnist(folder)
    >>> x.shape, float(x.min()), y.tolist()
    ((1, 784), 1.0, [7])
    """
    return _images_and_labels(
        "mnist",
        folder,
        ("mnist", "MNIST/raw", ""),
        train,
        dtype,
        "MNIST can be downloaded from http://yann.lecun.com/exdb/mnist/",
    )


def fashion_mnist(folder=None, train=True, dtype=float):
    """Fashion-MNIST: articles of clothing as states (n, 784) in [0, 1], 28×28 row by row, and
    labels (n,) in 0, …, 9.

    Its files have the names of MNIST's, so keep them apart: fashion-mnist and FashionMNIST/raw in
    the folder are searched before the folder itself. Otherwise folder, train and dtype are those of
    `mnist`, with the same defaults. Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747, 2017,
    https://github.com/zalandoresearch/fashion-mnist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     x, y = dnn.datasets.fashion_mnist(empty)
    Traceback (most recent call last):
    FileNotFoundError: fashion_mnist needs train-images-idx3-ubyte[.gz] and ...
    """
    return _images_and_labels(
        "fashion_mnist",
        folder,
        ("fashion-mnist", "FashionMNIST/raw", ""),
        train,
        dtype,
        "Fashion-MNIST can be downloaded from https://github.com/zalandoresearch/fashion-mnist",
    )


def idx(path):
    """The array in an IDX file, of its shape and type (u1, i1, i2, i4, f4 or f8), in native byte
    order.

    path: str or Path. The file: 0, 0, a type code, the number of axes, their lengths as big-endian
    integers of four bytes, then the entries, big endian, the last axis fastest. It may be gzipped,
    whatever its name. ValueError names the file if it is truncated, has trailing bytes or an axis
    of length 0, or is of another kind. Source: http://yann.lecun.com/exdb/mnist/.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pair.idx")
    ...     written = path.write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 0, 7, 1, 0]))
    ...     dnn.datasets.idx(path)  # 0B: integers of two bytes; 01 00 is 256
    array([  7, 256], dtype=int16)
    """
    path = path_of(path, "path")
    with open(path, "rb") as file:
        try:
            return _idx(gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file)
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is not an IDX file, or is damaged: {error}") from error


def _idx(stream):
    magic = stream.read(4)
    refuse(
        len(magic) < 4
        or magic[:2] != b"\0\0"
        or magic[2] not in IDX_TYPES
        or not 1 <= magic[3] <= 64,
        f"it must start 00 00, a type out of {', '.join(f'{code:02x}' for code in IDX_TYPES)}, "
        f"1 to 64 axes, but starts {magic.hex(' ')!r}",
    )
    code, lengths = IDX_TYPES[magic[2]], stream.read(4 * magic[3])
    refuse(len(lengths) < 4 * magic[3], f"it ends before the lengths of its {magic[3]} axes")
    shape = tuple(np.frombuffer(lengths, ">u4").tolist())
    refuse(0 in shape, f"its axes must be at least 1 long, got {shape}")
    needed = math.prod(shape) * np.dtype(code).itemsize
    data = _read(stream, needed + 1)  # one more, to see the end
    refuse(
        len(data) != needed,
        f"its entries, {code} of shape {shape}, are {needed} bytes, but there are "
        f"{'more' if len(data) > needed else len(data)}",
    )
    return np.frombuffer(data, f">{code}").reshape(shape).astype(code)


def _read(stream, n):
    """The next n bytes, or those that are there: piece by piece, since a wrong header may ask for
    any n."""
    pieces = []
    while n and (piece := stream.read(min(n, 2**20))):
        pieces.append(piece)
        n -= len(piece)
    return b"".join(pieces)


def _cifar_batch(path):
    """The records (n, 3073) of a file, bytes, and their labels (n,)."""
    data = np.fromfile(path, np.uint8)
    refuse(
        data.size == 0 or data.size % 3073,
        f"{path} must be one or more records of 3073 bytes, label and image, got {data.size} bytes",
    )
    records = data.reshape(-1, 3073)
    return records, _up_to_nine(records[:, 0], path)


def _images_and_labels(reader, folder, places, train, dtype, source):
    """What `mnist` and `fashion_mnist` return."""
    dtype, part = floating(dtype), "train" if flag(train, "train") else "t10k"
    names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    groups = {
        f"{s}[.gz]": [t + z for t in (s, s.replace("-idx", ".idx")) for z in ("", ".gz")]
        for s in names
    }
    (image_path, *_), (label_path, *_) = _files(reader, folder, places, groups, source)
    images, labels = idx(image_path), idx(label_path)
    refuse(
        images.dtype != np.uint8 or images.shape[1:] != (28, 28),
        f"{image_path} must hold uint8 of shape (n, 28, 28), got {images.dtype} "
        f"of shape {images.shape}",
    )
    refuse(
        labels.dtype != np.uint8 or labels.shape != images.shape[:1],
        f"{label_path} must hold uint8 of shape {images.shape[:1]}, a label for each image of "
        f"{image_path}, got {labels.dtype} of shape {labels.shape}",
    )
    return np.divide(images.reshape(-1, 784), 255, dtype=dtype), _up_to_nine(labels, label_path)


def _files(reader, folder, places, groups, source):
    """Lists of paths, one for each group of names, from the first folder in which every group has
    at least one file.

    places: folders in `folder`; groups: what an error calls a group → its names; source: a sentence
    for the error.
    """
    folder = os.environ.get("DYNSYS_NN_DATA") if folder is None else Path(path_of(folder, "folder"))
    searched = [Path(folder, place) for place in places] if folder else []
    for place in searched:
        found = [
            [place / name for name in names if (place / name).is_file()]
            for names in groups.values()
        ]
        if all(found):
            return found
    where = f"which are not in {', '.join(map(str, searched))}" if searched else "but got no folder"
    raise FileNotFoundError(
        f"{reader} needs {' and '.join(groups)}, {where}. {source}; name its folder by folder=… "
        "or by the environment variable DYNSYS_NN_DATA"
    )


def _up_to_nine(labels, path):
    """Labels, bytes, as int; ValueError that names their file for one above 9."""
    k = np.argmax(labels > 9)  # the first that is, or 0
    refuse(
        labels[k] > 9,
        f"{path} must have labels 0, …, 9, but label {k} (from 0) is {labels[k]}",
    )
    return labels.astype(int)


def _labels(n, noise, rng):
    """n labels 0 and 1 in equal parts, shuffled, and the Generator."""
    rng, labels = generator(rng), np.arange(dimension(n, "n")) % 2
    refuse(not real(noise) >= 0, f"noise must be at least 0 and finite, got {noise!r}")
    return rng.permutation(labels), rng


def _two_classes(labels, zero, one, noise, rng):
    """Points (n, 2) on the curve `zero` or `one`, by their labels, with noise; and the labels."""
    x = np.where((labels == 0)[:, None], np.stack(zero, axis=-1), np.stack(one, axis=-1))
    return x + noise * rng.normal(size=x.shape), labels
