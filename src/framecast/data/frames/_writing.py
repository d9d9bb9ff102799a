"""Writing frames and animations.

Shape letters: T time, C channels, H height, W width.
"""

from math import ceil
from pathlib import Path

import numpy as np
from PIL import Image

_INTEGERS = ("uint8", "uint16")  # stored as PNG; everything else as float32 TIFF
_ANIMATION_PIXELS = 256


def fresh_folder(path: str | Path) -> Path:
    """Create a folder to write into, or accept one that is empty.

    Args:
        path: the folder; its parents are created too.

    Returns:
        The folder's path.

    Raises:
        ValueError: if the path is a file, or a folder that is not empty.

    Example:
        >>> import tempfile
        >>> fresh_folder(Path(tempfile.mkdtemp(), "forecast")).name
        'forecast'
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: choose another folder to write to")
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise ValueError(f"{path} is not empty: choose another folder, nothing there is overwritten")
    return path


def write_recording(
    folder: str | Path, frames: np.ndarray, dtype: str | np.dtype = "float32", missing: float | None = None
) -> None:
    """Write frames as images, ``frame_0000.png`` and so on, and all of them as ``forecast.npy`` (float32).

    Types uint8 and uint16 become PNG, rounded and clipped to the type's range; any other becomes TIFF of float32.
    One channel is a grey image, three channels of uint8 are RGB; otherwise each channel is written as an image of
    its own, ``frame_0000_channel_0``.

    Args:
        folder: a folder that does not exist or is empty.
        frames: ``(T, C, H, W)`` in the user's own scale.
        dtype: type of the recording that the frames continue.
        missing: the number that stands for no value in images of whole numbers.

    Raises:
        ValueError: if the folder is not empty, the shape is another, or a value that is not
            finite would have to be stored as an integer.
    """
    if frames.ndim != 4:
        raise ValueError(f"`frames` must have shape (T, C, H, W), got {frames.shape}")
    dtype = np.dtype(dtype)
    is_whole = dtype.name in _INTEGERS
    images = np.where(np.isnan(frames), missing, frames) if is_whole and missing is not None else frames
    if is_whole and not np.isfinite(images).all():
        raise ValueError(f"`frames` must be finite to be stored as {dtype}")
    folder = fresh_folder(folder)
    np.save(folder / "forecast.npy", frames.astype(np.float32))
    digits = max(4, len(str(len(frames) - 1)))
    for index, frame in enumerate(_stored(images, dtype)):
        _write_frame(folder / f"frame_{index:0{digits}d}", frame)


def write_animation(path: str | Path, frames: np.ndarray, frames_per_second: float = 5.0) -> None:
    """Write frames as a GIF that repeats; small ones are enlarged by a whole factor to 256 pixels at least.

    Args:
        path: the file; it is replaced if it exists.
        frames: uint8 ``(T, H, W)`` or ``(T, H, W, 3)``.
        frames_per_second: speed, at most 50: browsers slow down faster ones.

    Raises:
        ValueError: if the frames have another shape or type, or the speed is out of its range.
    """
    gray, rgb = frames.ndim == 3, frames.ndim == 4 and frames.shape[-1] == 3
    if frames.dtype != np.uint8 or not (gray or rgb) or frames.size == 0:
        raise ValueError(f"`frames` must be uint8 (T, H, W) or (T, H, W, 3), got {frames.dtype} {frames.shape}")
    if not 0 < frames_per_second <= 50:
        raise ValueError(f"`frames_per_second` (={frames_per_second}) must be above 0 and at most 50")
    factor = ceil(_ANIMATION_PIXELS / max(frames.shape[1:3]))
    enlarged = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    first, *others = [Image.fromarray(frame) for frame in enlarged]
    first.save(path, "GIF", save_all=True, append_images=others, duration=round(1000 / frames_per_second), loop=0)


def _stored(frames: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.name not in _INTEGERS:
        return frames.astype(np.float32)
    return np.round(frames).clip(0, np.iinfo(dtype).max).astype(dtype)


def _write_frame(path: Path, frame: np.ndarray) -> None:
    ending = ".png" if frame.dtype.name in _INTEGERS else ".tiff"
    if len(frame) == 3 and frame.dtype == np.uint8:
        Image.fromarray(np.moveaxis(frame, 0, -1)).save(f"{path}{ending}")
    elif len(frame) == 1:
        Image.fromarray(frame[0]).save(f"{path}{ending}")
    else:
        for channel, values in enumerate(frame):
            Image.fromarray(values).save(f"{path}_channel_{channel}{ending}")
