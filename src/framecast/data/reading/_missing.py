"""Missing values: what stands for no value becomes NaN, in one place."""

from collections.abc import Sequence

import numpy as np

Missing = float | tuple[float, float]
"""A value, or a range (low, high), that stands for no value."""

_EXACT = 2**24  # below this every whole number is one of float32
_SHARE = 1e-3  # of the values' spread: rounding beyond it is told


def check_missing(missing: float | Sequence[Missing] | None) -> tuple[Missing, ...]:
    """Return values and ranges that stand for no value as a tuple.

    Args:
        missing: one number, or numbers and ranges ``(low, high)`` with both ends; None for none.

    Raises:
        ValueError: if there is anything else, or a range is not in order.

    Example:
        >>> check_missing(-9999), check_missing([255, [250, 253]])
        ((-9999,), (255, (250, 253)))
    """
    items = [] if missing is None else [missing] if isinstance(missing, int | float | np.number) else list(missing)
    values = [tuple(item) if isinstance(item, list | tuple) else item for item in items]
    for value in values:
        ends = value if isinstance(value, tuple) else (value, value)
        is_range = len(ends) == 2 and all(isinstance(end, int | float | np.number) for end in ends)
        if not is_range or not (ends[0] <= ends[1] or value != value):
            raise ValueError(f"`missing` (={missing}) must be numbers, or ranges (low, high) with low at most high")
    return tuple(values)  # type: ignore[arg-type]


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
    numbers = np.ma.getdata(frames)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: infinite, and refused by those who read
        values: np.ndarray = numbers.astype(np.float32)
        for value in missing:
            low, high = value if isinstance(value, tuple) else (value, value)
            values[numbers == low if low == high else (numbers >= low) & (numbers <= high)] = np.nan
    if np.ma.is_masked(frames):
        values[np.ma.getmaskarray(frames)] = np.nan
    return values


def rounding_note(frames: np.ndarray, values: np.ndarray) -> str | None:
    """Say by how much float32 rounds values, if that can matter.

    Args:
        frames: the values as they are stored.
        values: the same as float32, see :func:`to_float`.

    Returns:
        A sentence's end; None where whole numbers are exact, and others are to a thousandth of their spread.

    Example:
        >>> frames = np.array([2**60, 2**60 + 1], np.uint64)
        >>> rounding_note(frames, to_float(frames))
        'uint64 from 1.15292e+18 to 1.15292e+18 is rounded by up to 1, as networks take float32'
    """
    if frames.dtype.itemsize < 4 or frames.dtype == np.float32:
        return None
    valid = np.isfinite(values)
    is_whole = frames.dtype.kind in "iu"
    if not valid.any():
        return None
    low, high = float(values[valid].min()), float(values[valid].max())
    if is_whole and max(high, -low) < _EXACT:
        return None
    exact = np.longdouble if is_whole and frames.dtype.itemsize == 8 else np.float64
    step = float(np.abs(frames[valid].astype(exact) - values[valid]).max())
    if step <= (0 if is_whole else _SHARE * (high - low)):
        return None
    return f"{frames.dtype} from {low:g} to {high:g} is rounded by up to {step:g}, as networks take float32"
