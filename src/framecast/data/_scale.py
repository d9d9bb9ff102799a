"""The scale between the user's values and the [0, 1] that models see."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from ._reading import Recording

Array = TypeVar("Array", np.ndarray, Tensor)


@dataclass(frozen=True)
class Scale:
    """A linear scale: `low` becomes 0 and `high` becomes 1; values beyond them go beyond 0 and 1.

    Args:
        low: Value that becomes 0.
        high: Value that becomes 1.
        unit: Name of the values' unit, for reports.
        dtype: Name of the type that the values are stored as, for writing them.

    Raises:
        ValueError: Unless both are finite and `low` is below `high`.

    Example:
        >>> scale = Scale(0, 255, unit="grey level", dtype="uint8")
        >>> scale.to_unit(np.array([0.0, 51.0, np.nan]))
        array([0. , 0.2, nan])
        >>> scale.from_unit(np.array([0.2]))
        array([51.])
    """

    low: float
    high: float
    unit: str = ""
    dtype: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"`low` (={self.low}) must be below `high` (={self.high}), both finite")

    def to_unit(self, values: Array) -> Array:
        """Map values from the user's scale to the unit scale; NaN stays NaN."""
        return (values - self.low) / (self.high - self.low)

    def from_unit(self, values: Array) -> Array:
        """Map values from the unit scale to the user's; NaN stays NaN."""
        return values * (self.high - self.low) + self.low

    @classmethod
    def fit(
        cls,
        recordings: Iterable[Recording],
        method: str = "min-max",
        percentiles: tuple[float, float] = (1.0, 99.0),
        unit: str = "",
    ) -> "Scale":
        """Fit a scale to recordings, their NaN left out.

        Args:
            recordings: The recordings, of the training part only.
            method: `"min-max"`: the lowest and the highest value; `"percentiles"`: these percentiles of all values.
            percentiles: Percentiles (low, high), between 0 and 100.
            unit: Name of the values' unit.

        Returns:
            The scale, with the first recording's type.

        Raises:
            ValueError: If there is no recording, the method is unknown, the percentiles are not in order, or both
                ends come out equal.
        """
        if method not in ("min-max", "percentiles"):
            raise ValueError(f"`scale` (={method!r}) must be min-max, percentiles or two numbers")
        if not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise ValueError(f"`percentiles` (={percentiles}) must be (low, high) with 0 <= low < high <= 100")
        dtype, kept = "", []
        for recording in recordings:
            dtype = dtype or recording.dtype.name
            values = recording.frames[~np.isnan(recording.frames)]
            kept.append(np.array([values.min(), values.max()]) if method == "min-max" else values)
        if not kept:
            raise ValueError("a scale cannot be fitted to no recordings")
        low, high = np.percentile(np.concatenate(kept), (0, 100) if method == "min-max" else percentiles).tolist()
        if low == high:
            raise ValueError(f"{method} of the training part are both {low}: give `scale` as two numbers, [low, high]")
        return cls(low, high, unit, dtype)

    def as_dict(self) -> dict[str, float | str]:
        """Return the fields as plain numbers and strings, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, float | str]) -> "Scale":
        """Make a scale of what :meth:`as_dict` returned."""
        return cls(float(fields["low"]), float(fields["high"]), str(fields["unit"]), str(fields["dtype"]))
