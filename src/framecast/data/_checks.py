"""Checks of arguments that several data sets share."""

import operator


def check_positive(name: str, value: int) -> None:
    """Raise ``ValueError`` unless the value is at least 1."""
    if value < 1:
        raise ValueError(f"`{name}` (={value}) must be positive")


def check_seed(seed: int) -> None:
    """Raise ``ValueError`` unless the seed fits into 32 bits, so that (seed, index) pairs stay distinct as entropy."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` (={seed}) must be between 0 and 2**32 - 1")


def height_and_width(name: str, size: int | tuple[int, int]) -> tuple[int, int]:
    """Return (H, W) of a size, which is one number for both or a pair; raise ``ValueError`` for another."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"`{name}` (={size}) must be positive: one number for both, or (height, width)")
    return pair


def list_index(index: int, length: int, items: str = "sequences") -> int:
    """Return the index counted from the start, as a list does; ``IndexError`` if it is out of range."""
    position = operator.index(index)
    if not -length <= position < length:
        raise IndexError(f"index {position} is out of range for {length} {items}")
    return position % length
