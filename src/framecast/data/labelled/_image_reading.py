"""Reading image files of the user's own, brought to one size and to 8 bits.

Shape letters: n images, C channels, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .._checks import height_and_width
from .._note import gathered_notes, note
from ..reading import IMAGE_ENDINGS, FrameFile, Ground, ReadingOptions, is_image, open_frames, to_float

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, of R, G, B
_DEPTHS = (8, 10, 12, 14, 16, 24, 32, 64)  # bits that cameras and scanners fill

ValueRange = tuple[float, float]  # values that become black and white


@dataclass(frozen=True)
class ImageReading:
    """How images are read: brought to a size, in grey or colour, on a ground, from a range of values to 8 bits.

    Args:
        size: height and width, one number for both or a pair.
        grayscale: turn colour into grey; otherwise grey images become RGB.
        ground: what shows through transparent pixels, from 0 (black) to 1 (white), one number or three. Default: white,
            or black if what is drawn is itself nearly white.
        value_range: values that become black and white in images of more than 8 bits. Default: 0 and the largest value
            of the bits that the images fill.

    Raises:
        ValueError: if the size is not positive, or the range is not in order.
    """

    size: int | tuple[int, int]
    grayscale: bool = False
    ground: Ground | None = None
    value_range: ValueRange | None = None

    def __post_init__(self) -> None:
        height_and_width("size", self.size)
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(f"`value_range` (={self.value_range}) must be (low, high) with low < high")

    def read(self, paths: Sequence[str | Path]) -> tuple[np.ndarray, ValueRange | None]:
        """Read image files into one array.

        Returns:
            The images, uint8 ``(n, C, H, W)``, and the range of values of those of more than 8 bits: the one of the
            constructor, or the one chosen; None if there are no such images.
        """
        with gathered_notes():
            images = [self._fitted(Path(path)) for path in paths]
            value_range = self.value_range
            deep = [image for image in images if image.values.dtype != np.uint8]
            if deep and value_range is None:
                value_range = _filled_range(deep)
                note(
                    f"{deep[0].path}: values of 0 to {value_range[1]:g} become 0 to 255, see `value_range`"
                    + f" (and so in {len(deep) - 1} more)" * (len(deep) > 1)
                )
            return np.stack([image.bytes(value_range) for image in images]), value_range

    def _fitted(self, path: Path) -> "_Fitted":
        """Read an image of the size asked for, in its own depth."""
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist")
        if not is_image(path):
            raise ValueError(f"{path} has an unknown ending, known are {', '.join(IMAGE_ENDINGS)}")
        with open_frames(path, ReadingOptions(ground=self.ground)) as file:
            if file.count > 1:
                raise ValueError(f"{path} holds {file.count} images, but each file must hold one")
            values = file.read()[0]
            for text in file.notes:
                note(text, path)
            self._check(file, values)
        if len(values) == 4:
            note(f"{path}: the fourth channel is passed over", path)
            values = values[:3]
        if values.dtype == np.uint8:
            return _Fitted(path, self._fit_bytes(values))
        highest = float(np.nanmax(values))
        return _Fitted(path, self._fit_deep(to_float(values, file.missing), path), highest)

    def _check(self, file: FrameFile, values: np.ndarray) -> None:
        if len(values) not in (1, 3, 4):
            raise ValueError(f"{file.path} has {len(values)} channels, but an image has one, or red, green and blue")
        if self.value_range is None and (values.dtype.kind not in "iu" or values.min() < 0):
            kind = "negative values" if values.dtype.kind == "i" else str(values.dtype)
            raise ValueError(
                f"{file.path} holds {kind}, but an image must hold whole numbers from 0 up: give `value_range`, the "
                "values that become black and white"
            )

    def _fit_bytes(self, values: np.ndarray) -> np.ndarray:
        image = Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))
        fitted = np.asarray(self._fit(image.convert("L" if self.grayscale else "RGB")))
        return fitted[None] if self.grayscale else np.moveaxis(fitted, -1, 0)

    def _fit_deep(self, values: np.ndarray, path: Path) -> np.ndarray:
        gaps = np.isnan(values)
        if gaps.any():
            note(f"{path}: pixels without a value become black", path)
            values = np.where(gaps, np.float32(0.0 if self.value_range is None else self.value_range[0]), values)
        if self.grayscale and len(values) == 3:
            values = np.tensordot(_LUMA, values, 1)[None]
        fitted = np.stack([np.asarray(self._fit(Image.fromarray(channel))) for channel in values])
        return fitted if self.grayscale or len(fitted) == 3 else fitted.repeat(3, 0)

    def _fit(self, image: Image.Image) -> Image.Image:
        height, width = height_and_width("size", self.size)
        return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)


@dataclass(frozen=True)
class _Fitted:
    """An image of the size asked for: uint8, or float32 in its own values."""

    path: Path
    values: np.ndarray
    highest: float = 255.0

    def bytes(self, value_range: ValueRange | None) -> np.ndarray:
        """Return the image in 8 bits."""
        if self.values.dtype == np.uint8 or value_range is None:
            return self.values
        low, high = value_range
        shares = (self.values.astype(np.float64) - low) / (high - low)
        return np.round(255 * shares).clip(0, 255).astype(np.uint8)


def _filled_range(images: Sequence[_Fitted]) -> ValueRange:
    """Return 0 and the largest value of the bits that images fill."""
    highest = max(image.highest for image in images)
    bits = next(bits for bits in _DEPTHS if highest < 2**bits)
    return 0.0, float(2**bits - 1)


def read_image(
    path: str | Path,
    size: int | tuple[int, int],
    grayscale: bool = False,
    *,
    ground: Ground | None = None,
    value_range: ValueRange | None = None,
) -> np.ndarray:
    """Read an image file, brought to a size.

    The image is scaled until it covers the size, its sides in their proportion, and what juts out is cut off on both
    sides alike. It is turned upright if it says which way up it is. Transparent pixels are laid on a ground. Values of
    more than 8 bits become 8: the bits that they fill are the range, so that 12 bits in a file of 16 keep their levels.

    Args:
        path: a file of one image: PNG, JPEG, WebP, TIFF, GIF, BMP, PGM, PPM and others.
        size: height and width, one number for both or a pair.
        grayscale: turn colour into grey; otherwise grey images become RGB.
        ground: what shows through transparent pixels, see :class:`ImageReading`.
        value_range: values that become black and white in images of more than 8 bits, see :class:`ImageReading`.

    Returns:
        uint8 ``(C, H, W)``, 1 channel with ``grayscale`` and 3 without.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, holds several images, or negative or floating-point values without a range, or
            the size is not positive.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "grey.png")
        >>> Image.fromarray(np.full((20, 30), 7, np.uint8)).save(path)
        >>> read_image(path, (4, 5)).shape
        (3, 4, 5)
    """
    image: np.ndarray = ImageReading(size, grayscale, ground, value_range).read([path])[0][0]
    return image


def read_images(
    paths: Sequence[str | Path],
    size: int | tuple[int, int],
    grayscale: bool = False,
    *,
    ground: Ground | None = None,
    value_range: ValueRange | None = None,
) -> np.ndarray:
    """Read image files into one array, see :func:`read_image`. Those of more than 8 bits share one range of values.

    Args:
        paths: the files, at least one.
        size: height and width, one number for both or a pair.
        grayscale: turn colour into grey; otherwise grey images become RGB.
        ground: what shows through transparent pixels, see :class:`ImageReading`.
        value_range: values that become black and white in images of more than 8 bits, see :class:`ImageReading`.

    Returns:
        uint8 ``(n, C, H, W)``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if there are none, or one cannot be read.
    """
    if not paths:
        raise ValueError("`paths` must name at least one image")
    return ImageReading(size, grayscale, ground, value_range).read(paths)[0]
