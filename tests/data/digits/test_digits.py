import gzip
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits as load_sklearn_digits

from framecast.data import load_digits
from framecast.data.digits import _digits

SPLITS = ("train", "val", "test")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """MNIST in small: 5 training digits, of which 2 for validation, and 3 test digits, each image of one value."""
    monkeypatch.setattr(_digits, "_MNIST_VAL", 2)
    for prefix, values in (("train", range(5)), ("t10k", range(5, 8))):
        images = np.stack([np.full((28, 28), 10 * value, np.uint8) for value in values])
        header = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape)
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = struct.pack(">4BI", 0, 0, 8, 1, len(images)) + bytes(values)
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return tmp_path


def test_builtin_splits_partition_the_bundled_digits():
    digits = load_sklearn_digits()
    expected = {
        (np.round(x * 255 / 16).astype(np.uint8).tobytes(), y)
        for x, y in zip(digits.images, digits.target, strict=True)
    }
    parts = []
    for split, count in zip(SPLITS, (1197, 300, 300), strict=True):
        images, labels = load_digits(split=split, size=8)
        assert len(images) == len(labels) == count
        assert set(labels) == set(range(10))
        parts.append({(image.tobytes(), label) for image, label in zip(images, labels, strict=True)})
    assert sum(map(len, parts)) == len(digits.images)
    assert set.union(*parts) == expected


def test_enlarged_digits_look_like_the_small_ones():
    small, _ = load_digits(split="val", size=8)
    large, labels = load_digits(split="val", size=32)
    assert large.dtype == np.uint8
    assert labels.dtype == np.int64
    means = large.reshape(-1, 8, 4, 8, 4).mean((2, 4))
    assert np.abs(means - small).mean() < 12
    assert large.max() == 255


def test_loaded_digits_are_read_only():
    images, labels = load_digits()
    for array in (images, labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_mnist_folder(folder):
    for split, values in zip(SPLITS, ([0, 1, 2], [3, 4], [5, 6, 7]), strict=True):
        images, labels = load_digits(folder, split)
        assert labels.tolist() == values
        np.testing.assert_array_equal(images, np.broadcast_to(10 * np.array(values)[:, None, None], images.shape))
        assert images.shape[1:] == (28, 28)
    assert load_digits(str(folder), "test", size=20)[0].shape == (3, 20, 20)


def test_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither t10k-labels-idx1-ubyte.gz nor .*`download`"):
        load_digits(folder, "test")


def test_other_idx_files_are_refused(folder):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 1) + b"\x00")
    with pytest.raises(ValueError, match="does not hold MNIST: its train images are uint8"):
        load_digits(folder)


def test_download_into_the_folder(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(_digits, "download_mnist", asked.append)
    load_digits(folder, download=True)
    assert asked == [folder]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "valid"}, "`split` (='valid') must be one of train, val, test"),
        ({"size": 0}, "`size` (=0) must be positive"),
        ({"download": True}, "`download` needs `source`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        load_digits(**arguments)
    assert message in str(error.value)


def test_real_mnist(shared_data):
    counts = [len(load_digits(shared_data / "mnist", split)[1]) for split in SPLITS]
    assert counts == [55_000, 5_000, 10_000]
    assert load_digits(shared_data / "mnist", "test")[1][:5].tolist() == [7, 2, 1, 0, 4]
