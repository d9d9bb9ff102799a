"""Pictures in a page: encoded into the address that shows them, so that the page needs no other file."""

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MOST_BYTES = 1_500_000
"""Size of an animation from which on a coarser encoding is tried."""


def data_uri(data: bytes, kind: str) -> str:
    """Return an address that holds the bytes of an image of a kind, such as ``"png"``."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def picture_uri(picture: Image.Image, photograph: bool = False) -> str:
    """Return an address that holds a picture: as JPEG if it is a photograph, else as PNG."""
    buffer = io.BytesIO()
    if photograph:
        picture.save(buffer, "JPEG", quality=80, subsampling=1)
        return data_uri(buffer.getvalue(), "jpeg")
    colours = picture.getcolors(256)
    (picture.quantize(256) if colours else picture).save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue(), "png")


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the typeface that comes with matplotlib, ``size`` pixels high."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)


def draw_time_bar(
    draw: ImageDraw.ImageDraw, colours: list[str], *, left: int, right: int, top: int, height: int
) -> float:
    """Draw a bar with one cell for each time of an animation; return the width of a cell.

    Args:
        draw: what draws on the picture.
        colours: colour of each cell, from left to right.
        left: left end of the bar, in pixels.
        right: right end of the bar.
        top: upper edge of the bar.
        height: height of the bar.
    """
    width = (right - left) / len(colours)
    gap = 3 if width > 8 else 1
    for index, colour in enumerate(colours):
        start = left + index * width
        end = max(round(start + width) - gap, round(start) + 1)
        draw.rectangle((round(start), top, end, top + height), fill=colour)
    return width


def even_indices(count: int, most: int) -> list[int]:
    """Choose at most ``most`` of ``count`` indices, evenly spaced, the first and the last among them.

    Example:
        >>> even_indices(4, 10), even_indices(21, 5)
        ([0, 1, 2, 3], [0, 5, 10, 15, 20])
    """
    return [int(index) for index in np.linspace(0, count - 1, min(count, most)).round()]
