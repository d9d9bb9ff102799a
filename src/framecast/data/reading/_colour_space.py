"""Colours of other spaces than RGB, converted by Pillow and its colour management.

Shape letters: H height, W width.
"""

import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms

NAMES = {"CMYK": "CMYK", "YCbCr": "YCbCr", "LAB": "CIE L*a*b*", "HSV": "HSV"}
"""Names of the spaces, by Pillow's modes."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB."""
    if image.mode != "LAB":
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image, _lab_transform())
    assert converted is not None
    return converted


def samples_to_rgb(samples: np.ndarray, mode: str) -> np.ndarray:
    """Convert samples of a mode of Pillow, uint8 ``(3, H, W)``, to RGB of the same shape."""
    interleaved = np.ascontiguousarray(np.moveaxis(samples, 0, -1))
    image = Image.frombytes(mode, (samples.shape[2], samples.shape[1]), interleaved.tobytes(), "raw", mode)
    return np.moveaxis(np.asarray(to_rgb(image)), -1, 0)


def profile_name(profile: bytes) -> str:
    """Return the name of a colour profile, or "unknown"."""
    try:
        return (ImageCms.getProfileDescription(ImageCms.getOpenProfile(io.BytesIO(profile))) or "unknown").strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return "unknown"


@cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
