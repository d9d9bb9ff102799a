"""Checks of sizes that several models share."""

from __future__ import annotations

from collections.abc import Sequence


def positive(name: str, value: int) -> int:
    """Return the value, or raise ``ValueError`` unless it is a positive whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be a positive whole number, got {value!r}")
    return value


def height_and_width(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    """Return (H, W) from one number for both or from a pair, or raise ``ValueError``."""
    if isinstance(value, Sequence):
        if len(value) != 2:
            raise ValueError(f"`{name}` must be one size or a pair (height, width), got {value!r}")
        return positive(name, value[0]), positive(name, value[1])
    return (positive(name, value),) * 2
