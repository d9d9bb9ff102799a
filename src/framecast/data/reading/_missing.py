"""Missing values: what stands for no value becomes NaN, in one place."""

from collections.abc import Sequence

import numpy as np

from ._frame_file import Missing


def to_float(frames: np.ndarray, missing: Sequence[Missing] = ()) -> np.ndarray:
    """Return frames as float32, with NaN where a value is missing.

    Args:
        frames: real numbers of any type; masked entries of a masked array are missing.
        missing: values, or ranges ``(low, high)`` with both ends, that stand for no value.

    Returns:
        float32 of the same shape.

    Example:
        >>> to_float(np.array([3, -9999, 255], np.int16), [-9999, (250, 260)])
        array([ 3., nan, nan], dtype=float32)
    """
    with np.errstate(over="ignore"):  # beyond float32: infinite, and refused as such by those who read
        values: np.ndarray = np.ma.getdata(frames).astype(np.float32)
    gaps = np.ma.getmaskarray(frames).copy()
    for value in missing:
        low, high = value if isinstance(value, tuple) else (value, value)
        gaps |= (frames >= low) & (frames <= high)
    values[gaps] = np.nan
    return values
