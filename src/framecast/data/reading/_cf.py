"""The CF conventions, by which containers say how values are packed, which are missing, and when frames were taken."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from ._missing import Missing, to_float

_SECONDS = {
    **dict.fromkeys(("microsecond", "microseconds", "microsec", "us"), 1e-6),
    **dict.fromkeys(("millisecond", "milliseconds", "millisec", "msec", "ms"), 1e-3),
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1.0),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), 60.0),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3600.0),
    **dict.fromkeys(("day", "days", "d"), 86400.0),
}
_UNITS = re.compile(r"\s*([A-Za-z]+)(?:\s+since\s+(.+))?\s*")
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")


@dataclass(frozen=True)
class Packing:
    """How stored values become values: ``unsigned``, then ``scale_factor * stored + add_offset``, gaps left out.

    Args:
        stored: type of the stored values, in native byte order.
        missing: stored values, or ranges, that stand for no value.
        scale: the factor.
        offset: the summand.

    Example:
        >>> packing = Packing.of({"scale_factor": 0.5, "_FillValue": -1}, np.dtype(">i2"))
        >>> packing.unpack(np.array([4, -1, 7], ">i2"))
        array([2. , nan, 3.5], dtype=float32)
    """

    stored: np.dtype
    missing: tuple[Missing, ...] = ()
    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, attributes: Mapping[str, Any], dtype: np.dtype) -> "Packing":
        """Read the attributes of an array.

        Args:
            attributes: its attributes, by name.
            dtype: type of its stored values.
        """
        stored = dtype.newbyteorder("=")
        unsigned = _text(attributes.get("_Unsigned"))
        if stored.kind in "iu" and unsigned in ("true", "false"):
            stored = np.dtype(f"{'u' if unsigned == 'true' else 'i'}{stored.itemsize}")

        def numbers_of(name: str) -> list[float]:
            numbers = _numbers(attributes.get(name), stored)
            return numbers if unsigned != "true" else [number % 2 ** (8 * stored.itemsize) for number in numbers]

        missing: list[Missing] = []
        for name in ("_FillValue", "missing_value", "nodata", "no_data", "NODATA", "nodatavals"):
            missing += numbers_of(name)
        low, high = (numbers_of(name)[:1] for name in ("valid_min", "valid_max"))
        valid = numbers_of("valid_range")
        if len(valid) == 2:
            low, high = valid[:1], valid[1:]
        missing += [(-np.inf, _beside(end, stored, -1)) for end in low]
        missing += [(_beside(end, stored, 1), np.inf) for end in high]
        scale, offset = _factor(attributes.get("scale_factor"), 1.0), _factor(attributes.get("add_offset"), 0.0)
        return cls(stored, tuple(dict.fromkeys(missing)), scale, offset)

    @property
    def is_packed(self) -> bool:
        """Whether values are other numbers than those stored."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def dtype(self) -> np.dtype:
        """Type of the values: that of the stored ones, or float32 or float64 where they are computed."""
        if not self.is_packed:
            return self.stored
        return np.dtype(np.float32 if self.stored.itemsize <= 2 or self.stored == np.float32 else np.float64)

    def unpack(self, values: np.ndarray) -> np.ndarray:
        """Return values of :attr:`dtype`; gaps are NaN where values are computed, and as they are stored elsewhere."""
        stored = values.astype(values.dtype.newbyteorder("="), copy=False).view(self.stored)
        if not self.is_packed:
            return stored
        numbers = stored.astype(np.float64) * self.scale + self.offset
        numbers[np.isnan(to_float(stored, self.missing))] = np.nan
        return numbers.astype(self.dtype)


def frame_times(values: np.ndarray, attributes: Mapping[str, Any]) -> tuple[np.ndarray | None, np.datetime64 | None]:
    """Return seconds since the first frame, and the first frame's date where it is known.

    Args:
        values: the coordinate of time, ``(T,)``.
        attributes: its attributes: ``units`` such as ``"minutes since 2020-01-01 12:00"``, and perhaps ``calendar``.

    Returns:
        Seconds, and a date; None for what is unknown.

    Example:
        >>> frame_times(np.array([10, 15]), {"units": "minutes since 2020-01-01"})
        (array([  0., 300.]), np.datetime64('2020-01-01T00:10:00.000000'))
    """
    if values.ndim != 1 or not len(values):
        return None, None
    if values.dtype.kind == "M":
        return (values - values[0]) / np.timedelta64(1, "s"), values[0].astype("datetime64[us]")
    match = _UNITS.fullmatch(_text(attributes.get("units"), lower=False) or "")
    factor = _SECONDS.get(match[1].lower()) if match else None
    if match is None or factor is None or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        return None, None
    seconds = values.astype(np.float64) * factor
    origin = _date(match[2]) if (_text(attributes.get("calendar")) or "standard") in _CALENDARS else None
    start = None if origin is None else origin + np.timedelta64(round(seconds[0] * 1e6), "us")
    return seconds - seconds[0], start


def _date(text: str | None) -> np.datetime64 | None:
    """Read a date of CF, ``2020-1-1 0:0:0.0 UTC``; None where it is none."""
    match = re.match(r"(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d*)?)?)?", text or "")
    if match is None:
        return None
    try:
        whole = datetime(*(int(part or 0) for part in match.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        return None
    date = np.datetime64(whole, "us")
    return date + np.timedelta64(round(float(match[7] or 0) * 1e6) if match[7] not in (None, ".") else 0, "us")


def _numbers(value: Any, dtype: np.dtype) -> list[float]:
    """Return the numbers in an attribute, as the array's type has them; none for text and NaN."""
    numbers = np.atleast_1d(np.asarray(value)) if value is not None else np.empty(0)
    if numbers.dtype.kind not in "biuf":
        return []
    if dtype.kind == "f":  # as a stored value of this type compares
        with np.errstate(over="ignore"):
            numbers = numbers.astype(dtype)
    return [number.item() for number in numbers.ravel() if number == number]


def _beside(end: float, dtype: np.dtype, direction: int) -> float:
    """Return the number of a type next to one, below or above."""
    if dtype.kind in "iu":
        return end + direction
    return np.nextafter(dtype.type(end), dtype.type(direction * np.inf)).item()


def _factor(value: Any, default: float) -> float:
    numbers = _numbers(value, np.dtype(np.float64))
    return numbers[0] if len(numbers) == 1 and np.isfinite(numbers[0]) else default


def _text(value: Any, lower: bool = True) -> str | None:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if not isinstance(value, str):
        return None
    return value.lower() if lower else value
