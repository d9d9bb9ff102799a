"""A value at the rim of frames that may stand for no value.

Shape letters: T time, C channels, H height, W width.
"""

import numpy as np

from .._note import note

_LEAST_SIDE = 8
_RIM_SHARE = 0.25  # of a frame's rim
_GAP_SHARE = 0.1  # of the other values' spread
_CODES = (-1, -9, -99, -999, -9999, -99999, -999999, 999, 9999, 99999, 1e20)  # numbers by which people say "no value"


def rim_value(frames: np.ndarray, dtype: np.dtype) -> float | None:
    """Return the value that fills the rim of most frames and seems to stand for no value; None if there is none.

    Such a value is the lowest or the highest of all, and either a number that people use for it, an end of the type's
    range other than 0, or far from all other values. The black background of a video is none.

    Args:
        frames: float32 ``(T, C, H, W)``, NaN where there is no value.
        dtype: type that the source stores.

    Example:
        >>> frames = np.random.default_rng(0).uniform(0, 50, (4, 1, 16, 16)).astype(np.float32)
        >>> frames[..., :5] = -9999
        >>> rim_value(frames, np.dtype(np.float32))
        -9999.0
    """
    if not frames.size or min(frames.shape[-2:]) < _LEAST_SIDE:
        return None
    sides = (frames[..., 0, :], frames[..., -1, :], frames[..., 1:-1, 0], frames[..., 1:-1, -1])
    rim = np.concatenate(sides, axis=-1)
    values = rim[~np.isnan(rim)]
    for value in (values.min(), values.max()) if values.size else ():
        fills = ((rim == value).mean(-1) >= _RIM_SHARE).mean() > 0.5
        if fills and _is_odd(float(value), frames, dtype):
            return float(value)
    return None


def note_rim(frames: np.ndarray, dtype: np.dtype) -> None:
    """Note the value that fills the rim of most frames, see :func:`rim_value`."""
    value = rim_value(frames, dtype)
    if value is not None:
        note(
            f"{value:.9g} fills the rim of most frames and is far from all other values, or a usual code for none: if "
            "it stands for no value, name it with the option `missing`"
        )


def _is_odd(value: float, frames: np.ndarray, dtype: np.dtype) -> bool:
    """Whether an extreme value is one that others are not like."""
    others = frames[(frames != value) & ~np.isnan(frames)]
    if len(np.unique(others[:10_000])) < 3:  # a drawing in black and white
        return False
    low, high = float(others.min()), float(others.max())
    if low < value < high:
        return False
    ends = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else ()
    if value and value in (*_CODES, *ends):
        return True
    return min(abs(value - low), abs(value - high)) > _GAP_SHARE * (high - low)
