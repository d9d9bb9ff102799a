"""Names of parametrised tests: each is to be the same in every run, on every machine.

pytest makes a name of a value that has none: the text of bytes, the place in the list for an object, a number behind a
name that comes twice. Workers of one run then collect different tests, and a failure cannot be run again by its name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from datetime import time as time_of_day
from typing import Any

import numpy as np
import pytest
import torch

_DAY = 24 * 60 * 60  # seconds
_PATTERNS = {
    "an address": r"0x[0-9a-fA-F]{6,}",
    "an object's default repr": r"<[\w.<>]+ (object|at)\b|<(function|class|bound method|built-in)\b",
    "bytes": r"\\x[0-9a-f]{2}|(?<![\w'])b'[^']*'",
    "a set": r"\bfrozenset\(|(?<![\w$}])\{('[^']*'|\d+)(, ('[^']*'|\d+))+\}",
    "functions without a name": r"<lambda>\d",
}
_NAMED = (str, int, float, bool, type(None))  # what pytest names by its text


def name(value: object) -> str | None:
    """The name of a parameter that pytest would number: types, arrays, options, lists; None for what has none."""
    if isinstance(value, _NAMED) or hasattr(value, "__name__"):
        return None  # pytest names it
    try:
        return _text(value)
    except TypeError:
        return None


def _text(value: Any) -> str:
    if isinstance(value, _NAMED):
        return repr(value)
    if isinstance(value, (torch.dtype, torch.device, torch.memory_format, torch.layout)):
        return str(value).removeprefix("torch.")
    if isinstance(value, (torch.Tensor, np.ndarray)):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{kind} {value.tolist() if value.nbytes <= 64 else tuple(value.shape)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_text, value)) + "," * (isinstance(value, tuple) and len(value) == 1)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, torch.nn.Module):
        return type(value).__name__
    if getattr(value, "__name__", "<lambda>") != "<lambda>":
        return str(value.__name__)
    raise TypeError(f"no name for {type(value).__name__}")


def faults(items: Iterable[pytest.Item]) -> list[str]:
    """Tests whose name is not their own, each with the reason."""
    found = []
    for item in items:
        call = getattr(item, "callspec", None)
        if call is not None and (reason := fault(call.id, call.params)):
            found.append(f"{item.nodeid}: the name is made of {reason}")
    return found


def fault(name: str, values: dict[str, Any]) -> str | None:
    """What a case's name is made of that is not to be in it; None if it is as it should be.

    Args:
        name: name of the case, without that of the function.
        values: its parameters.
    """
    for reason, pattern in _PATTERNS.items():
        if re.search(pattern, name):
            return reason
    for value in (part for whole in values.values() for part in _parts(whole)):
        if any(text in name for text in _texts(value)):
            return _kind(value)
    for argument, value in values.items():
        if not isinstance(value, _NAMED) and re.search(rf"(^|-){re.escape(argument)}\d+(-|$)", name):
            return f"the place of `{argument}` in its list"
    return None


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _parts(part)


def _texts(value: Any) -> list[str]:
    """What pytest, `str` and `repr` would make of a value that is not to be in a name; nothing for any other value."""
    if isinstance(value, (bytes, bytearray)):
        return [text for text in (value.decode("ascii", "backslashreplace"), repr(value)) if len(text) > 3]
    if isinstance(value, (set, frozenset)) and len(value) > 1:
        return [repr(value)]
    if isinstance(value, (date, time_of_day, timedelta)):
        return [str(value), repr(value)]
    if isinstance(value, (int, float)) and abs(value - time.time()) < _DAY:
        return [str(value), str(int(value))]
    return []


def _kind(value: Any) -> str:
    kinds = {"bytes": (bytes, bytearray), "a set": (set, frozenset)}
    return next((kind for kind, types in kinds.items() if isinstance(value, types)), "a time")
