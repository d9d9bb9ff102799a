"""Evenly spread samples of a data set."""

from __future__ import annotations


def evenly_spread(count: int, total: int) -> list[int]:
    """Return the indices of at most ``count`` of ``total`` samples, first and last among them.

    Example:
        >>> evenly_spread(3, 9), evenly_spread(5, 2)
        ([0, 4, 8], [0, 1])
    """
    count = min(count, total)
    return [round(i * (total - 1) / max(count - 1, 1)) for i in range(count)]
