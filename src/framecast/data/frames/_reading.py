"""Reading recordings: folders of images, GIFs, animated PNGs, TIFF stacks, NumPy files and videos.

Shape letters: T time, C channels, H height, W width.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framecast._extras import require

from .._checks import check_positive
from ._image_files import IMAGE_ENDINGS, Frame, folder_frames, image_frames

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of R, G, B


@dataclass(frozen=True)
class Recording:
    """Consecutive frames from one source.

    Args:
        frames: float32 ``(T, C, H, W)`` in the source's own scale, NaN where a value is missing.
        dtype: the type that the source stores.
        name: path of the source, for messages.
    """

    frames: np.ndarray
    dtype: np.dtype
    name: str


def read_recording(path: str | Path, grayscale: bool = False, reduce: int = 1) -> Recording:
    """Read a recording into memory.

    Images with a palette whose colours are all grey, as in most GIFs, have one channel; alpha is dropped; video is
    RGB. Images of 16 bits and of floating point keep their values. NaN in a source means that a value is missing.

    Args:
        path: a folder of images in natural order (frame2 before frame10), a GIF, animated PNG or TIFF stack, a
            ``.npy`` file ``(T, H, W)`` or ``(T, C, H, W)``, or a video (extra ``video``).
        grayscale: turn RGB into one channel: 0.299 R + 0.587 G + 0.114 B.
        reduce: replace blocks of this many pixels a side by their mean, see :func:`block_mean`.

    Returns:
        The recording.

    Raises:
        FileNotFoundError: if there is no such path.
        ImportError: if it is a video and PyAV is not installed.
        ValueError: if the ending is unknown, a file is damaged, the frames differ in size or type, there are none,
            or a value is infinite, or all of them are NaN.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "frames.npy")
        >>> np.save(path, np.zeros((5, 4, 6), np.uint16))
        >>> recording = read_recording(path)
        >>> recording.frames.shape, recording.dtype
        ((5, 1, 4, 6), dtype('uint16'))
    """
    path = Path(path)
    check_positive("reduce", reduce)
    first, frames, coloured = None, [], False
    for frame in _source(path):
        first = first or frame
        if frame.kind() != first.kind():
            raise ValueError(
                f"{path}: all frames must have one size and type, "
                f"but {first.name} is {first.kind()} and {frame.name} is {frame.kind()}"
            )
        coloured |= frame.colour
        pixels = _gray(frame.values, path) if grayscale else frame.values
        frames.append(block_mean(pixels, reduce) if reduce > 1 else pixels)
    if first is None or first.values.size == 0:
        raise ValueError(f"{path} holds no frames")
    stacked = np.stack(frames) if coloured else np.stack(frames)[:, :1]
    with np.errstate(over="ignore"):  # beyond float32: infinite, and refused as such
        values = stacked.astype(np.float32, copy=False)
    _check_values(values, path)
    return Recording(values, first.values.dtype, str(path))


def block_mean(frames: np.ndarray, factor: int) -> np.ndarray:
    """Replace blocks of ``factor`` x ``factor`` pixels by their mean.

    NaN is left out of the means; a block of nothing else is NaN. Rows and columns at the end that do not fill a
    block are dropped.

    Args:
        frames: ``(..., H, W)``.
        factor: height and width of a block.

    Returns:
        float32 ``(..., H // factor, W // factor)``.

    Raises:
        ValueError: if a frame is smaller than a block.

    Example:
        >>> block_mean(np.array([[1.0, 3.0, 9.0, np.nan], [np.nan, 5.0, 9.0, 9.0]]), 2)
        array([[3., 9.]], dtype=float32)
    """
    *leading, height, width = frames.shape
    if factor > min(height, width):
        raise ValueError(f"`reduce` (={factor}) must not exceed the frame size {height}x{width}")
    rows, columns = height // factor, width // factor
    blocks = frames[..., : rows * factor, : columns * factor].reshape(*leading, rows, factor, columns, factor)
    valid = ~np.isnan(blocks)
    count = valid.sum((-3, -1))
    total = np.where(valid, blocks, 0).sum((-3, -1), dtype=np.float64)
    return np.where(count, total / np.maximum(count, 1), np.nan).astype(np.float32)


def npy_frames(path: Path) -> Iterator[Frame]:
    """Read the frames of a NumPy file."""
    try:
        frames = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a readable .npy file of numbers: {error}") from error
    if frames.ndim not in (3, 4) or frames.dtype.kind not in "buif":
        raise ValueError(f"{path} must hold real numbers (T, H, W) or (T, C, H, W), got {frames.dtype} {frames.shape}")
    if frames.ndim == 4 and frames.shape[-1] in (1, 3, 4) and frames.shape[1] > 4:
        raise ValueError(f"{path} looks like (T, H, W, C) {frames.shape}: save np.moveaxis(frames, -1, 1) instead")
    if frames.ndim == 3:
        frames = frames[:, None]
    for index, values in enumerate(frames):
        yield Frame(f"frame {index}", values.astype(values.dtype.newbyteorder("=")))


def video_frames(path: Path) -> Iterator[Frame]:
    """Decode the frames of a video's first picture stream as RGB."""
    av = require("av", "video", "reading video")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path} is not a readable video: it has no picture stream, or is truncated")
            for index, frame in enumerate(container.decode(video=0)):
                yield Frame(f"frame {index}", np.moveaxis(frame.to_ndarray(format="rgb24"), -1, 0))
    except av.error.FFmpegError as error:
        raise ValueError(f"{path} is not a readable video: {error}") from error


VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
READERS: dict[str, Callable[[Path], Iterator[Frame]]] = {
    **dict.fromkeys(IMAGE_ENDINGS, image_frames),
    ".npy": npy_frames,
    **dict.fromkeys(VIDEO_ENDINGS, video_frames),
}
"""Readers of files, by the ending of their names."""


def _source(path: Path) -> Iterator[Frame]:
    if path.is_dir():
        return folder_frames(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{path} has an unknown ending, known are {', '.join(READERS)} and folders of images")
    return READERS[path.suffix.lower()](path)


def _gray(values: np.ndarray, path: Path) -> np.ndarray:
    if len(values) == 1:
        return values
    if len(values) != 3:
        raise ValueError(f"`grayscale` needs frames of 3 channels, but those of {path} have {len(values)}")
    return np.tensordot(_LUMA, values, 1)[None].astype(np.float32)


def _check_values(frames: np.ndarray, path: Path) -> None:
    if np.isinf(frames).any():
        raise ValueError(f"{path} holds infinite values (as float32): replace them, missing values are NaN")
    if np.isnan(frames).all():
        raise ValueError(f"all values of {path} are NaN: there is nothing to learn or forecast from")
