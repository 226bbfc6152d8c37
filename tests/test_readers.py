"""CIFAR-10 and IDX files: what was written comes back, and what is absent, truncated or foreign is refused by name."""

import gzip
import os
import re
import tracemalloc

import numpy as np
import pytest

from dynsys_nn import datasets

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
SOURCES = {
    datasets.cifar10: "https://www.cs.toronto.edu/~kriz/cifar.html",
    datasets.mnist: "http://yann.lecun.com/exdb/mnist/",
    datasets.fashion_mnist: "https://github.com/zalandoresearch/fashion-mnist",
}
READERS = pytest.mark.parametrize("read", SOURCES, ids=lambda read: read.__name__)
IDX_READERS = pytest.mark.parametrize(
    "read", [datasets.mnist, datasets.fashion_mnist], ids=lambda read: read.__name__
)


@pytest.fixture(autouse=True)
def no_folder_by_default(monkeypatch):
    monkeypatch.delenv("DYNSYS_NN_DATA", raising=False)


def idx_bytes(a, code=0x08):
    a = np.asarray(a, TYPES[code])
    return (
        bytes([0, 0, code, a.ndim])
        + np.array(a.shape, ">u4").tobytes()
        + a.astype(f">{TYPES[code]}").tobytes()
    )


def cifar_bytes(labels, images):
    return b"".join(bytes([y]) + x.tobytes() for y, x in zip(labels, images, strict=True))


def cifar_file(path, rng, n):
    """Writes n random records; returns their images and labels."""
    images, labels = rng.integers(0, 256, (n, 3072), np.uint8), rng.integers(0, 10, n)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cifar_bytes(labels, images))
    return images, labels


def mnist_files(folder, rng, n=7, part="train", idx="-idx", zipped=False):
    """Writes n random images and labels; returns them."""
    images, labels = rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n)
    folder.mkdir(parents=True, exist_ok=True)
    for name, a in ((f"{part}-images{idx}3-ubyte", images), (f"{part}-labels{idx}1-ubyte", labels)):
        (folder / (name + ".gz" * zipped)).write_bytes(
            gzip.compress(idx_bytes(a)) if zipped else idx_bytes(a)
        )
    return images, labels


def agree(read, written, dtype=np.float64):
    (x, y), (images, labels) = read, written
    assert x.dtype == dtype and y.dtype == int and x.flags.c_contiguous and x.flags.writeable
    np.testing.assert_array_equal(x, (images.reshape(len(images), -1) / 255).astype(dtype))
    np.testing.assert_array_equal(y, labels)


def refusal(kind, read, *arguments, **named):
    with pytest.raises(kind) as caught:
        read(*arguments, **named)
    return str(caught.value)


# ---- IDX


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("code", TYPES)
def test_an_idx_file_of_every_type_comes_back_in_native_order(code, zipped, rng, tmp_path):
    path = tmp_path / ("a.gz" * (not zipped) or "a")  # the name says the contrary of what it is
    for shape in [(1,), (5,), (3, 4), (2, 3, 4, 5), (1,) * 64]:
        a = (
            (100 * rng.normal(size=shape))
            .astype(TYPES[code] if code != 0x08 else "i1")
            .astype(TYPES[code])
        )
        data = idx_bytes(a, code)
        path.write_bytes(gzip.compress(data) if zipped else data)
        for name in (path, str(path), os.fsencode(path)):
            b = datasets.idx(name)
            assert b.dtype == np.dtype(TYPES[code]) and b.dtype.isnative and b.flags.writeable
            np.testing.assert_array_equal(b, a)


def test_an_idx_file_is_read_as_the_format_says(tmp_path):
    """Bytes by hand: two rows of three big-endian shorts."""
    (tmp_path / "a").write_bytes(
        bytes.fromhex("00000b02 00000002 00000003 0001 0002 ffff 0100 7fff 8000")
    )
    np.testing.assert_array_equal(datasets.idx(tmp_path / "a"), [[1, 2, -1], [256, 32767, -32768]])


@pytest.mark.parametrize("zipped", [False, True])
def test_an_idx_file_cut_anywhere_or_longer_is_refused(zipped, rng, tmp_path):
    data = idx_bytes(rng.integers(0, 256, (40, 28), np.uint8))
    data, path = gzip.compress(data) if zipped else data, tmp_path / "cut"
    for k in [*range(20), *range(0, len(data), 50), len(data) - 1]:
        path.write_bytes(data[:k])
        assert refusal(ValueError, datasets.idx, path).startswith(
            f"{path} is not an IDX file, or is damaged: "
        ), k
    path.write_bytes(data + b"x")
    assert str(path) in refusal(ValueError, datasets.idx, path)


def test_a_gzip_file_with_a_longer_array_or_a_flipped_bit_is_refused(rng, tmp_path):
    data, path = idx_bytes(rng.integers(0, 256, 500, np.uint8)), tmp_path / "a.gz"
    path.write_bytes(gzip.compress(data + b"x"))
    assert "are 500 bytes, but there are more" in refusal(ValueError, datasets.idx, path)
    zipped = gzip.compress(data)
    for k in range(10, len(zipped), 7):  # from 10 on: the header holds a time, which may be any
        path.write_bytes(zipped[:k] + bytes([zipped[k] ^ 1]) + zipped[k + 1 :])
        assert str(path) in refusal(ValueError, datasets.idx, path), k


@pytest.mark.parametrize(
    "start, needed",
    {
        "": "it must start 00 00, a type out of 08, 09, 0b, 0c, 0d, 0e, 1 to 64 axes, but starts ''",
        "80049500": "but starts '80 04 95 00'",  # a pickle
        "00010801": "but starts '00 01 08 01'",
        "00000a01": "but starts '00 00 0a 01'",
        "00000800": "but starts '00 00 08 00'",
        "00000841": "but starts '00 00 08 41'",
        "00000802 00000001 000000": "it ends before the lengths of its 2 axes",
        "00000802 00000000 ffffffff": "its axes must be at least 1 long, got (0, 4294967295)",
        "00000e03 ffffffff ffffffff ffffffff 00": "but there are 1",
        "00000802 00000002 00000003 0102030405": "its entries, u1 of shape (2, 3), are 6 bytes, but there are 5",
        "00000801 00000002 010203": "its entries, u1 of shape (2,), are 2 bytes, but there are more",
    }.items(),
)
def test_foreign_and_absurd_idx_headers_are_refused_by_name(start, needed, tmp_path):
    path = tmp_path / "foreign"
    for data in (bytes.fromhex(start), gzip.compress(bytes.fromhex(start))):
        path.write_bytes(data)
        message = refusal(ValueError, datasets.idx, path)
        assert str(path) in message and needed in message


def test_nothing_is_allocated_that_the_file_does_not_have(tmp_path):
    header = bytes.fromhex("00000803 7fffffff 0000ffff 0000ffff")
    for data in (
        header + b"x" * 9,
        gzip.compress(header + b"x" * 9),
        gzip.compress(idx_bytes([1]) + bytes(2**25)),
    ):
        (tmp_path / "a").write_bytes(data)
        assert peak(lambda: refusal(ValueError, datasets.idx, tmp_path / "a"))[0] < 2**23


# ---- MNIST and Fashion-MNIST


@pytest.mark.parametrize("idx", ["-idx", ".idx"])
@pytest.mark.parametrize("zipped", [False, True])
@IDX_READERS
def test_mnist_comes_back_from_each_name_and_place(read, zipped, idx, rng, tmp_path):
    own = (
        ("mnist", "MNIST/raw") if read is datasets.mnist else ("fashion-mnist", "FashionMNIST/raw")
    )
    for k, place in enumerate(("", *own)):
        train = mnist_files(tmp_path / str(k) / place, rng, 7, "train", idx, zipped)
        test = mnist_files(tmp_path / str(k) / place, rng, 5, "t10k", idx, zipped)
        agree(read(tmp_path / str(k)), train)
        agree(read(os.fsencode(tmp_path / str(k)), train=False, dtype=np.float32), test, np.float32)


def test_pixels_of_mnist_are_row_by_row(rng, tmp_path):
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 1, 2] = 255
    mnist_files(tmp_path, rng, 1)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(image))
    assert list(np.flatnonzero(datasets.mnist(tmp_path)[0])) == [28 + 2]


def test_mnist_and_fashion_mnist_in_one_folder_are_kept_apart(rng, tmp_path):
    digits, clothes = mnist_files(tmp_path, rng), mnist_files(tmp_path / "fashion-mnist", rng)
    agree(datasets.mnist(tmp_path), digits)
    agree(datasets.fashion_mnist(tmp_path), clothes)


def test_images_and_labels_come_from_one_place(rng, tmp_path):
    written = mnist_files(tmp_path / "MNIST" / "raw", rng)
    mnist_files(tmp_path / "mnist", rng)
    (tmp_path / "mnist" / "train-labels-idx1-ubyte").unlink()
    agree(datasets.mnist(tmp_path), written)


@pytest.mark.parametrize(
    "name, data, needed",
    [
        (
            "images-idx3",
            idx_bytes(np.zeros((7, 28, 27))),
            "of shape (n, 28, 28), got uint8 of shape (7, 28, 27)",
        ),
        (
            "images-idx3",
            idx_bytes(np.zeros((7, 784))),
            "of shape (n, 28, 28), got uint8 of shape (7, 784)",
        ),
        (
            "images-idx3",
            idx_bytes(np.zeros((7, 28, 28)), 0x0D),
            "must hold uint8 of shape (n, 28, 28), got float32",
        ),
        ("images-idx3", b"\x80\x04", "is not an IDX file, or is damaged"),
        (
            "labels-idx1",
            idx_bytes(np.zeros(6)),
            "must hold uint8 of shape (7,), a label for each image of",
        ),
        ("labels-idx1", idx_bytes(np.zeros((7, 1))), "got uint8 of shape (7, 1)"),
        ("labels-idx1", idx_bytes(np.zeros(7), 0x0C), "got int32 of shape (7,)"),
        (
            "labels-idx1",
            idx_bytes([0, 9, 9, 10, 0, 0, 11]),
            "must have labels 0, …, 9, but label 3 (from 0) is 10",
        ),
    ],
    ids=[
        "27 columns",
        "flat",
        "floats",
        "a pickle",
        "too few labels",
        "a column",
        "integers",
        "a label 10",
    ],
)
@IDX_READERS
def test_other_shapes_types_and_labels_of_mnist_are_refused_by_name(
    read, name, data, needed, rng, tmp_path
):
    mnist_files(tmp_path, rng)
    path = tmp_path / f"train-{name}-ubyte"
    path.write_bytes(data)
    message = refusal(ValueError, read, tmp_path)
    assert message.startswith(f"{path} ") and needed in message


# ---- CIFAR-10


def test_cifar_comes_back_batch_by_batch_in_order(rng, tmp_path):
    for place in ("", "cifar-10-batches-bin"):
        folder = tmp_path / f"of {place}"
        written = {k: cifar_file(folder / place / f"data_batch_{k}.bin", rng, k) for k in (3, 1, 5)}
        (folder / place / "data_batch_2.bin").mkdir()  # no file
        test = cifar_file(folder / place / "test_batch.bin", rng, 4)
        train = [
            np.concatenate(parts) for parts in zip(*(written[k] for k in (1, 3, 5)), strict=True)
        ]
        agree(datasets.cifar10(folder), train)
        agree(datasets.cifar10(str(folder), train=False), test)
        agree(datasets.cifar10(folder, dtype=np.float32), train, np.float32)


def test_a_red_pixel_is_found_in_its_place_and_the_labels_have_names(tmp_path):
    image = np.zeros((3, 32, 32), np.uint8)  # channels first
    image[0, 1, 2] = 255
    (tmp_path / "test_batch.bin").write_bytes(cifar_bytes([6], [image]))
    x, y = datasets.cifar10(tmp_path, train=False)
    assert x.shape == (1, 3072) and list(np.flatnonzero(x)) == [32 + 2] and x[0, 34] == 1
    assert x.reshape(-1, 3, 32, 32)[0, 0, 1, 2] == 1
    assert datasets.CIFAR10_LABELS[y[0]] == "frog" and len(datasets.CIFAR10_LABELS) == 10
    names = (
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
    assert datasets.CIFAR10_LABELS == names


def test_a_batch_cut_anywhere_but_between_records_is_refused(rng, tmp_path):
    path = tmp_path / "data_batch_2.bin"
    cifar_file(tmp_path / "data_batch_1.bin", rng, 2)
    images, labels = cifar_file(path, rng, 3)
    data = path.read_bytes()
    for k in [*range(0, len(data), 50), 3072, 3074, len(data) - 1]:
        path.write_bytes(data[:k])
        message = refusal(ValueError, datasets.cifar10, tmp_path)
        assert (
            message
            == f"{path} must be one or more records of 3073 bytes, label and image, got {k} bytes"
        )
    path.write_bytes(data[: 2 * 3073])
    agree((part[2:] for part in datasets.cifar10(tmp_path)), (images[:2], labels[:2]))


def test_a_label_of_cifar_above_nine_is_refused(rng, tmp_path):
    path = tmp_path / "test_batch.bin"
    path.write_bytes(cifar_bytes([9, 10], np.zeros((2, 3072), np.uint8)))
    message = refusal(ValueError, datasets.cifar10, tmp_path, train=False)
    assert message == f"{path} must have labels 0, …, 9, but label 1 (from 0) is 10"


# ---- folders


@READERS
def test_absent_data_are_said_to_be_absent_and_where_they_can_be_downloaded(read, tmp_path):
    for folder in (None, tmp_path, tmp_path / "none"):
        for train in (True, False):
            message = refusal(FileNotFoundError, read, folder, train)
            assert message.startswith(f"{read.__name__} needs ") and SOURCES[read] in message
            assert "folder=" in message and "DYNSYS_NN_DATA" in message
            first = "data_batch_1.bin" if read is datasets.cifar10 else "train-images-idx3-ubyte"
            other = "test_batch.bin" if read is datasets.cifar10 else "t10k-labels-idx1-ubyte"
            assert (first in message) == train and (other in message) != train
            assert (
                "but got no folder" in message if folder is None else f"not in {folder}" in message
            )


def test_all_places_that_were_looked_into_are_named(rng, tmp_path):
    places = {
        datasets.cifar10: ("", "cifar-10-batches-bin"),
        datasets.mnist: ("", "mnist", "MNIST/raw"),
        datasets.fashion_mnist: ("", "fashion-mnist", "FashionMNIST/raw"),
    }
    for read in places:
        message = refusal(FileNotFoundError, read, tmp_path)
        assert all(
            re.search(f"{re.escape(str(tmp_path / place))}[,.]", message) for place in places[read]
        )


@READERS
def test_the_environment_variable_names_the_folder_and_an_argument_goes_first(
    read, rng, tmp_path, monkeypatch
):
    def write(folder):
        return (
            cifar_file(folder / "data_batch_1.bin", rng, 2)
            if read is datasets.cifar10
            else mnist_files(folder, rng)
        )

    here, there = write(tmp_path / "here"), write(tmp_path / "there")
    monkeypatch.setenv("DYNSYS_NN_DATA", str(tmp_path / "here"))
    agree(read(), here)
    agree(read(tmp_path / "there"), there)
    monkeypatch.setenv("DYNSYS_NN_DATA", str(tmp_path / "none"))
    assert str(tmp_path / "none") in refusal(FileNotFoundError, read)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("DYNSYS_NN_DATA", "")  # as if it were not set, and not the working directory
    assert "got no folder" in refusal(FileNotFoundError, read)


@READERS
def test_a_reader_takes_a_path_a_bool_and_a_float_type(read, tmp_path):
    assert refusal(TypeError, read, 3) == "folder must be a path, got 3"
    assert (
        refusal(TypeError, read, tmp_path, train="test")
        == "train must be True or False, got 'test'"
    )
    for dtype in (np.float16, int, "floats"):
        assert "dtype must be float64 or float32, got " in refusal(
            TypeError, read, tmp_path, dtype=dtype
        )


def test_idx_takes_the_path_of_a_file(tmp_path):
    assert (
        refusal(TypeError, datasets.idx, 3) == "path must be a path, got 3"
    )  # 3 would be a file that is open already
    assert str(tmp_path / "none") in refusal(FileNotFoundError, datasets.idx, tmp_path / "none")


# ---- memory


def peak(read):
    """The bytes that `read()` takes at most, and what it returns."""
    tracemalloc.start()
    try:
        result = read()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_images_in_float32_do_not_pass_through_float64(rng, tmp_path):
    for k in (1, 2):
        data = rng.integers(0, 10, (1000, 3073), np.uint8)
        data.tofile(tmp_path / f"data_batch_{k}.bin")
    taken, (x, _) = peak(lambda: datasets.cifar10(tmp_path, dtype=np.float32))
    assert x.shape == (2000, 3072) and taken < 1.3 * x.nbytes
    for zipped in (False, True):
        folder = tmp_path / str(zipped)
        mnist_files(folder, rng, 2000, zipped=zipped)
        taken, (x, _) = peak(lambda folder=folder: datasets.mnist(folder, dtype=np.float32))
        assert x.shape == (2000, 784) and taken < 1.3 * x.nbytes


# ---- the real thing

REAL = os.environ.get("DYNSYS_NN_DATA")


@pytest.mark.parametrize("train, size", [(True, 10_000), (False, 2_000)])
def test_real_cifar_has_as_many_of_each_class_and_plausible_means(train, size):
    if not REAL:
        pytest.skip("DYNSYS_NN_DATA names no folder with the real CIFAR-10")
    try:
        x, y = datasets.cifar10(REAL, train, np.float32)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    share = np.bincount(y) / len(
        y
    )  # ⅒ in all five batches and in the test set, nearly so in one batch
    assert len(share) == 10 and len(x) % size == 0 and abs(share - 0.1).max() < 0.01
    images = x.reshape(-1, 3, 32, 32)
    np.testing.assert_allclose(
        images.mean(axis=(0, 2, 3)), [0.491, 0.482, 0.447], atol=0.02
    )  # of all 50 000
    neighbours = np.abs(np.diff(images, axis=-1)).mean(), np.abs(np.diff(images, axis=-2)).mean()
    assert (
        max(neighbours) < 0.08
    )  # rows and columns are where they should be: neighbours look alike
