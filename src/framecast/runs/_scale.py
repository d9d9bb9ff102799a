"""The scale between the data's own values and the [0, 1] that models see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", np.ndarray, "Tensor")


@dataclass(frozen=True)
class Scale:
    """A linear scale: ``low`` becomes 0 and ``high`` becomes 1; values beyond them go beyond 0 and 1.

    Args:
        low: value that becomes 0.
        high: value that becomes 1.
        unit: name of the values' unit, for reports.
        dtype: name of the type that the values are stored as, for writing them.

    Raises:
        ValueError: unless both are finite and ``low`` is below ``high``.

    Example:
        >>> scale = Scale(0, 255, unit="grey level", dtype="uint8")
        >>> scale.to_unit(np.array([0.0, 51.0, np.nan]))
        array([0. , 0.2, nan])
        >>> scale.from_unit(np.array([0.2]))
        array([51.])
    """

    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    dtype: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"`low` (={self.low}) must be below `high` (={self.high}), both finite")

    @property
    def words(self) -> str:
        """The unit, or what stands in for it."""
        return self.unit or ("unit scale" if (self.low, self.high) == (0, 1) else "data’s own units")

    def to_unit(self, values: Array) -> Array:
        """Map values from the data's own scale to the unit scale; NaN stays NaN."""
        return (values - self.low) / (self.high - self.low)

    def from_unit(self, values: Array) -> Array:
        """Map values from the unit scale to the data's own; NaN stays NaN."""
        return values * (self.high - self.low) + self.low

    def as_dict(self) -> dict[str, float | str]:
        """Return the fields as plain numbers and strings, for a checkpoint and for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, float | str]) -> Scale:
        """Make a scale from what :meth:`as_dict` returned; fields that are missing take their defaults."""
        return cls(
            float(fields.get("low", 0.0)),
            float(fields.get("high", 1.0)),
            str(fields.get("unit") or ""),
            str(fields.get("dtype") or ""),
        )
