"""Reading image files of the user's own, brought to one size.

Shape letters: n images, C channels, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .._checks import height_and_width
from ..reading import IMAGE_ENDINGS, is_image, open_frames

_ORIENTATION = 0x0112  # EXIF's tag


def read_image(path: str | Path, size: int | tuple[int, int], grayscale: bool = False) -> np.ndarray:
    """Read an image file, brought to a size.

    The image is scaled until it covers the size, its sides in their proportion, and what juts out is cut off on both
    sides alike. It is turned upright if it says which way up it is (EXIF); alpha is dropped; the 16 bits of a deep grey
    image become 8.

    Args:
        path: a file of one image: PNG, JPEG, GIF, TIFF, BMP, PGM or PPM.
        size: height and width, one number for both or a pair.
        grayscale: turn colour into grey; otherwise grey images become RGB.

    Returns:
        uint8 ``(C, H, W)``, 1 channel with ``grayscale`` and 3 without.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, holds several images or floating-point values, or the size is not positive.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "grey.png")
        >>> Image.fromarray(np.full((20, 30), 7, np.uint8)).save(path)
        >>> read_image(path, (4, 5)).shape
        (3, 4, 5)
    """
    path = Path(path)
    height, width = height_and_width("size", size)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    if not is_image(path):
        raise ValueError(f"{path} has an unknown ending, known are {', '.join(IMAGE_ENDINGS)}")
    with open_frames(path) as file:
        if file.count > 1:
            raise ValueError(f"{path} holds {file.count} images, but each file must hold one")
        values = _bytes(file.read()[0], path)
    image = Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))
    image = _upright(image, path).convert("L" if grayscale else "RGB")
    fitted = np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR))
    return fitted[None] if grayscale else np.moveaxis(fitted, -1, 0)


def read_images(paths: Sequence[str | Path], size: int | tuple[int, int], grayscale: bool = False) -> np.ndarray:
    """Read image files into one array, see :func:`read_image`.

    Args:
        paths: the files, at least one.
        size: height and width, one number for both or a pair.
        grayscale: turn colour into grey; otherwise grey images become RGB.

    Returns:
        uint8 ``(n, C, H, W)``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if there are none, or one cannot be read.
    """
    if not paths:
        raise ValueError("`paths` must name at least one image")
    return np.stack([read_image(path, size, grayscale) for path in paths])


def _bytes(values: np.ndarray, path: Path) -> np.ndarray:
    if values.dtype == np.uint16:
        return np.round(values / 257).astype(np.uint8)
    if values.dtype != np.uint8:
        raise ValueError(f"{path} holds {values.dtype}, but an image must hold whole numbers of 8 or 16 bits")
    return values


def _upright(image: Image.Image, path: Path) -> Image.Image:
    with Image.open(path) as original:
        orientation = original.getexif().get(_ORIENTATION, 1)
    image.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(image)
