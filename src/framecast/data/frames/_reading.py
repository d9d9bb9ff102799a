"""Reading recordings into memory.

Shape letters: T time, C channels, H height, W width.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .._checks import check_positive
from .._note import note
from ..reading import FrameFile, Missing, ReadingOptions, open_frames, rounding_note, to_float
from ._rim import note_rim

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of R, G, B
_CHUNK = 16  # frames that are decoded at a time


@dataclass(frozen=True)
class Recording:
    """Consecutive frames from one source.

    Args:
        frames: float32 ``(T, C, H, W)`` in the source's own scale, NaN where a value is missing.
        dtype: the type that the source stores.
        name: path of the source, for messages.
        times: seconds ``(T,)`` of each frame; None if unknown.
        start: date and time from which ``times`` count; None if unknown.
        missing: values, or ranges ``(low, high)``, that stand for no value in the source.
    """

    frames: np.ndarray
    dtype: np.dtype
    name: str
    times: np.ndarray | None = None
    start: np.datetime64 | None = None
    missing: tuple[Missing, ...] = ()


def read_recording(
    path: str | Path, grayscale: bool = False, reduce: int = 1, options: ReadingOptions | None = None
) -> Recording:
    """Read a recording into memory.

    Images with a palette whose colours are all grey, as in most GIFs, have one channel; alpha is dropped; video is
    RGB. Images of 16 bits and of floating point keep their values. NaN in a source means that a value is missing.

    Args:
        path: a folder of images in natural order (frame2 before frame10), a GIF, animated PNG or TIFF stack, a
            ``.npy`` or ``.npz`` file ``(T, H, W)`` or ``(T, C, H, W)``, a video (extra ``video``), an HDF5, netCDF,
            Zarr or MATLAB file (extra ``files``), or a clip of a file of many, ``all.npy#3``.
        grayscale: turn RGB into one channel: 0.299 R + 0.587 G + 0.114 B.
        reduce: replace blocks of this many pixels a side by their mean, see :func:`block_mean`.
        options: how to read a file where it does not say so itself.

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
    options = replace(options or ReadingOptions(), grayscale=grayscale)
    with open_frames(path, options) as file:
        if not file.count or not min(file.size) or not file.channels:
            raise ValueError(f"{path} holds no frames")
        parts = [_values(file, start, grayscale, reduce) for start in range(0, file.count, _CHUNK)]
        frames = np.concatenate(parts)
        _check_values(frames, path)
        for text in file.notes:
            note(text, path)
        note_rim(frames, file.dtype)
        _note_uneven_times(file)
        return Recording(frames, file.dtype, str(path), file.times, file.start, file.missing)


def _note_uneven_times(file: FrameFile) -> None:
    """Say so where frames do not come in even steps: they are read as if they did."""
    steps = np.diff(file.times) if file.times is not None else np.empty(0)
    if len(steps) > 1 and steps.max() > 1.5 * max(float(np.median(steps)), 0.0):
        median, longest = float(np.median(steps)), float(steps.max())
        note(
            f"{file.path}: frames come in uneven steps, {median:g} s in the middle and {longest:g} s at most, "
            "and are taken as if they were even",
            file.path,
        )


def _values(file: FrameFile, start: int, grayscale: bool, reduce: int) -> np.ndarray:
    """Read some frames as float32, in grey and in block means where that is asked for."""
    frames = file.read(start, min(start + _CHUNK, file.count))
    values = to_float(frames, file.missing)
    rounding = rounding_note(frames, values)
    if rounding:
        note(f"{file.path}: {rounding}", file.path)
    values = _gray(values, file.path) if grayscale else values
    return block_mean(values, reduce) if reduce > 1 else values


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


def _gray(frames: np.ndarray, path: Path) -> np.ndarray:
    channels = frames.shape[1]
    if channels == 1:
        return frames
    if channels != 3:
        raise ValueError(f"`grayscale` needs frames of 3 channels, but those of {path} have {channels}")
    return np.einsum("c,tchw->thw", _LUMA, frames)[:, None].astype(np.float32)


def _check_values(frames: np.ndarray, path: Path) -> None:
    if np.isinf(frames).any():
        raise ValueError(
            f"{path} holds infinite values (as float32): name them in `missing`, or replace them; NaN is missing"
        )
    if np.isnan(frames).all():
        raise ValueError(f"all values of {path} are NaN: there is nothing to learn or forecast from")
