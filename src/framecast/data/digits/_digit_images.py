"""Handwritten digits as labelled images."""

from ..labelled import LabelledImages
from ._digits import load_digits


def load_digit_images(source: str = "builtin", split: str = "train", size: int = 28) -> LabelledImages:
    """Load one split of the built-in digits or of MNIST, see :func:`load_digits`.

    Args:
        source: ``"builtin"``, or a folder that holds MNIST's four IDX files.
        split: ``"train"``, ``"val"`` or ``"test"``; no image is in two of them.
        size: height and width of an image in pixels.

    Returns:
        The images, of ten classes.

    Raises:
        FileNotFoundError: if the folder lacks a file.
        ValueError: if the split is unknown, the size is not positive or a file is damaged.

    Example:
        >>> len(load_digit_images(split="test"))
        300
    """
    images, labels = load_digits(source, split, size)
    return LabelledImages(images, labels, tuple("0123456789"))
