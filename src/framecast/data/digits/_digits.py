"""Handwritten digits: the ones that scikit-learn brings, or MNIST."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from framecast.runs import PARTS

from .._checks import check_positive
from ._idx import download_mnist, read_idx

_BUILTIN_COUNTS = (1197, 300, 300)
_MNIST_VAL = 5000  # the last ones of the training files


def load_digits(
    source: str | Path = "builtin", split: str = "train", size: int = 28, download: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Load the digit images of one split and their labels. No image is in two splits.

    The built-in digits are the 1,797 of 8x8 pixels that scikit-learn brings, enlarged: 1,197 for training, 300 each
    for validation and test, by a fixed permutation. MNIST has 55,000 for training and 5,000, the last of its training
    files, for validation; its test files are the test split.

    Args:
        source: ``"builtin"``, or a folder that holds MNIST's four IDX files, gzipped or not.
        split: ``"train"``, ``"val"`` or ``"test"``.
        size: height and width of an image in pixels. Digits of another size are resized (bicubic).
        download: fetch MNIST's files that are missing into the folder.

    Returns:
        Images uint8 ``(n, size, size)``, bright on a black ground, and labels int64 ``(n,)``. Both are read-only.

    Raises:
        FileNotFoundError: if the folder lacks a file.
        ValueError: if the split is unknown, the size is not positive, a file is damaged or has another checksum
            than MNIST's when it is to be downloaded, or a download is asked for without a folder.

    Example:
        >>> images, labels = load_digits(split="test")
        >>> images.shape, labels.shape
        ((300, 28, 28), (300,))
    """
    if split not in PARTS:
        raise ValueError(f"`split` (={split!r}) must be one of {', '.join(PARTS)}")
    check_positive("size", size)
    if download and source == "builtin":
        raise ValueError("`download` needs `source` to be the folder to download MNIST to, got 'builtin'")
    if download:
        download_mnist(source)
    return _load(str(source), split, size)


@lru_cache(maxsize=8)
def _load(source: str, split: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _builtin(split) if source == "builtin" else _mnist(Path(source), split)
    if images.shape[1:] != (size, size):
        images = np.stack([_resized(image, size) for image in images])
    labels = labels.astype(np.int64)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def _builtin(split: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits as load_sklearn_digits  # a second, needed by this source alone

    digits = load_sklearn_digits()
    order = np.random.default_rng(0).permutation(sum(_BUILTIN_COUNTS))
    chosen = np.split(order, np.cumsum(_BUILTIN_COUNTS)[:-1])[PARTS.index(split)]
    return np.round(digits.images[chosen] * (255 / 16)).astype(np.uint8), digits.target[chosen]


def _mnist(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    prefix = "t10k" if split == "test" else "train"
    images, labels = _read(folder, f"{prefix}-images-idx3-ubyte"), _read(folder, f"{prefix}-labels-idx1-ubyte")
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1] or len(images) <= _MNIST_VAL:
        raise ValueError(
            f"{folder} does not hold MNIST: its {prefix} images are {images.dtype} {images.shape}, "
            f"its labels {labels.shape}, where uint8 (n, 28, 28) and (n,) with n above {_MNIST_VAL} are needed"
        )
    part = {"train": slice(-_MNIST_VAL), "val": slice(-_MNIST_VAL, None), "test": slice(None)}[split]
    return images[part], labels[part]


def _read(folder: Path, name: str) -> np.ndarray:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return read_idx(path)
    raise FileNotFoundError(f"{folder} holds neither {name}.gz nor {name}: give MNIST's folder, or set `download`")
