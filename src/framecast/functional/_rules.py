"""Rules that arguments are checked by: each returns the value in the form that is used, or says what is wrong."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeVar

T = TypeVar("T")


def whole(name: str, value: object, least: int) -> int:
    """Return ``value`` as an int of at least ``least``.

    Raises:
        ValueError: if it is not a whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"`{name}` must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"`{name}` (={value}) must be at least {least}")
    return int(value)


def flag(name: str, value: object) -> bool:
    """Return ``value`` if it is a bool.

    Raises:
        ValueError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False, got {value!r}")
    return value


def finite(name: str, value: object) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: if it is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not isfinite(value):
        raise ValueError(f"`{name}` must be a finite number, got {value!r}")
    return float(value)


def probability(name: str, value: object) -> float:
    """Return ``value`` as a float from 0 to 1.

    Raises:
        ValueError: if it is not a number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:
        raise ValueError(f"`{name}` must be a probability from 0 to 1, got {value!r}")
    return float(value)


def choice(name: str, value: T, choices: Sequence[T]) -> T:
    """Return ``value`` if it is among ``choices``.

    Raises:
        ValueError: if it is not.
    """
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def per_axis(name: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """Spread ``value`` over the spatial axes.

    Raises:
        ValueError: if it has another number of axes, or an entry that is not a whole number of at least ``least``.
    """
    if not isinstance(value, (tuple, list)):
        return (whole(name, value, least),) * axes
    if len(value) != axes:
        raise ValueError(f"`{name}` (={value}) gives {len(value)} axes, but the layer has {axes}")
    return tuple(whole(name, v, least) for v in value)
