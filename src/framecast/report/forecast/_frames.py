"""Frames as pictures.

Shape letters: C channels, H height, W width.
"""

import math
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from framecast.runs import Scale

from ._run import Frames

NO_DATA = (232, 233, 238)
"""Tint of pixels without data."""
_HATCH = (196, 198, 208)
_HATCH_PERIOD = 8
ERROR_COLOURS = "RdBu_r"
"""Colour map of errors: white where the forecast is right, red where it is too high, blue where it is too low."""
_BRIGHTNESS_UNITS = ("", "unit", "1", "grey level", "gray level", "grey levels", "gray levels", "brightness")


def frame_colours(scale: Scale) -> str:
    """Return the name of matplotlib's colour map for frames of one channel: grey for brightness, else ``viridis``."""
    return "gray" if scale.unit.lower() in _BRIGHTNESS_UNITS else "viridis"


def frame_picture(frame: Frames, scale: Scale, size: int) -> Image.Image:
    """Return a picture of a frame; pixels without data are hatched.

    Three channels are red, green and blue; of any other number of channels the picture shows the mean.

    Args:
        frame: ``(C, H, W)`` in unit scale.
        scale: scale of the data, which selects the colours.
        size: longer side of the picture, about, in pixels.
    """
    frame, missing = _fit(np.clip(frame, 0, 1), size)
    if len(frame) == 3:
        return _picture(np.moveaxis(frame, 0, -1), missing)
    return _picture(matplotlib.colormaps[frame_colours(scale)](frame.mean(axis=0))[..., :3], missing)


def error_picture(forecast: Frames, target: Frames, limit: float, size: int) -> Image.Image:
    """Return a picture of forecast minus target, the mean of the channels; pixels without data are hatched.

    Args:
        forecast: ``(C, H, W)`` in unit scale.
        target: ``(C, H, W)``.
        limit: error, positive or negative, at which the colours saturate.
        size: longer side of the picture, about, in pixels.
    """
    error, missing = _fit((forecast - target).mean(axis=0, keepdims=True), size)
    shade = np.clip(error[0] / limit, -1, 1) / 2 + 0.5
    return _picture(matplotlib.colormaps[ERROR_COLOURS](shade)[..., :3], missing)


def error_limit(forecast: Frames, target: Frames, scale: Scale) -> float:
    """Return the error at which the colours saturate, a round number in the data's unit.

    99.5 % of the errors above 0.01 lie below it.

    Args:
        forecast: ``(…, C, H, W)`` in unit scale.
        target: ``(…, C, H, W)``.
        scale: scale of the data.

    Returns:
        The error, in unit scale.
    """
    step = max(forecast.shape[-1] * forecast.shape[-2] // 100_000, 1)  # of large frames some rows will do
    error = np.abs(forecast[..., ::step, :] - target[..., ::step, :]).mean(axis=-3)
    error = error[np.isfinite(error) & (error > 0.01)]
    largest = max(float(np.quantile(error, 0.995)) if error.size else 0.0, 0.05)
    span = abs(scale.high - scale.low)
    power = 10.0 ** math.floor(math.log10(largest * span))
    rounded = next(step for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= largest * span * 0.999)
    return min(rounded * power / span, 1.0)


def is_photograph(frames: Frames, size: int) -> bool:
    """Tell whether frames lose nothing visible as JPEG, because the picture is reduced or in colour.

    Args:
        frames: ``(…, C, H, W)``.
        size: longer side of the picture, in pixels.
    """
    longest = max(frames.shape[-2:])
    return longest > size or (frames.shape[-3] == 3 and 2 * longest > size)


def colour_stops(name: str, count: int = 9) -> list[str]:
    """Return ``count`` even steps of a colour map as ``#rrggbb``."""
    steps = (matplotlib.colormaps[name](np.linspace(0, 1, count))[:, :3] * 255).round().astype(int)
    return ["#" + "".join(f"{part:02x}" for part in step) for step in steps]


def _fit(frame: Frames, size: int) -> tuple[Frames, NDArray[np.bool_]]:
    """Enlarge a frame ``(C, H, W)`` by a whole factor, or average it down to ``size``.

    Returns:
        The frame with 0 in place of NaN, and a mask ``(H, W)``, True where there is no data.
    """
    missing = ~np.isfinite(frame).all(axis=0)
    frame = np.where(missing, np.float32(0), frame)
    height, width = missing.shape
    longest = max(height, width)
    if longest <= size:
        factor = size // longest
        return frame.repeat(factor, axis=1).repeat(factor, axis=2), missing.repeat(factor, 0).repeat(factor, 1)
    shape = (max(width * size // longest, 1), max(height * size // longest, 1))

    def average(plane: Any) -> Frames:
        return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(shape, Image.Resampling.BOX))

    valid = average(np.logical_not(missing))
    planes = np.stack([average(plane) for plane in frame])
    return np.clip(planes / np.maximum(valid, 1e-6), -1, 1), valid < 0.5


def _picture(colours: NDArray[np.floating], missing: NDArray[np.bool_]) -> Image.Image:
    """Return a picture of colours ``(H, W, 3)`` from 0 to 1, with the missing pixels ``(H, W)`` hatched."""
    pixels = (colours * 255).round().astype(np.uint8)
    height, width = missing.shape
    hatch = np.add.outer(np.arange(height), np.arange(width)) % _HATCH_PERIOD < 2
    pixels[missing] = NO_DATA
    pixels[missing & hatch] = _HATCH
    return Image.fromarray(pixels)
