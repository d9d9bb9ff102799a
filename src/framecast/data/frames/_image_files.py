"""Image files as frames.

Shape letters: C channels, H height, W width.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

STACK_ENDINGS = (".gif", ".png", ".apng", ".tif", ".tiff")  # may hold several frames
IMAGE_ENDINGS = (*STACK_ENDINGS, ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm")

# Modes that NumPy can take as they are, and what others become (RGB where they are not named). Alpha is dropped; a
# palette goes through RGBA because Pillow warns about some transparent ones otherwise.
_KEPT_MODES = ("L", "I;16", "I;16B", "I;16L", "I", "F", "RGB")
_CONVERSIONS = {"1": ("L",), "LA": ("L",), "La": ("LA", "L"), "P": ("RGBA", "RGB"), "PA": ("RGBA", "RGB")}
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
)  # errors that Pillow raises for damaged files


class Frame(NamedTuple):
    """One frame of a source."""

    name: str  # name of the source, for messages
    values: np.ndarray  # (C, H, W), of the source's type
    colour: bool = True  # False if it comes from a palette and is grey all over

    def kind(self) -> str:
        """Return size, channels and type in words: they must be the same for all frames of a recording."""
        channels, height, width = self.values.shape
        return f"{height}x{width}, {channels} channel{'s' * (channels > 1)} of {self.values.dtype}"


def natural_key(path: Path) -> tuple[list[str | int], str]:
    """Sort key that puts frame2 before frame10."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], path.name


def visible(folder: Path) -> list[Path]:
    """List the entries of a folder in natural order, without hidden ones."""
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural_key)


def images(folder: Path) -> list[Path]:
    """List the image files in a folder in natural order."""
    return [path for path in visible(folder) if path.suffix.lower() in IMAGE_ENDINGS]


def frame_count(path: Path) -> int:
    """Count the frames of an image file without decoding them."""
    if path.suffix.lower() not in STACK_ENDINGS:
        return 1
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def image_frames(path: Path) -> Iterator[Frame]:
    """Read an image file's frames: one, or those of a GIF, animated PNG or TIFF stack."""
    count = frame_count(path)
    try:
        with Image.open(path) as image:
            deep = _is_deep_colour(image, path)
            for index in () if deep else range(count):
                image.seek(index)
                yield _frame(image, path.name if count == 1 else f"{path.name} frame {index}")
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    if deep:  # Pillow would silently keep 8 of the 16 bits
        raise ValueError(
            f"{path} has more than 8 bits per colour, which is not read: save each channel as a grey image"
        )


def folder_frames(folder: Path) -> Iterator[Frame]:
    """Read a folder of images, one frame in each."""
    paths = images(folder)
    if not paths:
        raise ValueError(f"{folder} holds no images, known are those that end in {', '.join(IMAGE_ENDINGS)}")
    for path in paths:
        count = frame_count(path)
        if count > 1:
            raise ValueError(f"{path} holds {count} frames, but in a folder of images each must hold one")
        yield from image_frames(path)


def _frame(image: Image.Image, name: str) -> Frame:
    palette = image.format == "GIF" or image.mode in ("P", "PA")  # a GIF's later frames may have lost theirs
    sixteen_bits = image.mode == "I" and image.format in ("PNG", "PPM")  # Pillow widens these
    converted = image
    for mode in _CONVERSIONS["P"] if palette else _conversion(image.mode):
        converted = converted.convert(mode)
    values = np.asarray(converted)
    values = values.astype(np.uint16 if sixteen_bits else values.dtype.newbyteorder("="))
    values = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    return Frame(name, values, colour=not (palette and (values == values[:1]).all()))


def _is_deep_colour(image: Image.Image, path: Path) -> bool:
    """Whether an image has several channels of more than 8 bits."""
    if image.format == "PNG":
        with path.open("rb") as file:
            header = file.read(26)
        return header[24] > 8 and header[25] in (2, 4, 6)  # colour, grey with alpha, colour with alpha
    bits = getattr(image, "tag_v2", {}).get(258, ())  # TIFF's BitsPerSample
    return isinstance(bits, tuple) and len(bits) > 1 and max(bits) > 8


def _conversion(mode: str) -> tuple[str, ...]:
    return () if mode in _KEPT_MODES else _CONVERSIONS.get(mode, ("RGB",))


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not a readable image: {error}")
