"""Paths among the options of data, which stay the same wherever a command is run later."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

_NAMES = ("folder", "pair_list", "source", "test_file")
_NO_PATHS = ("builtin",)  # what a source may be called beside a path


def make_absolute(options: Any) -> None:
    """Make the paths among options absolute, those of nested objects too; what does not exist stays as it is.

    Args:
        options: the options of the data, by name.

    Example:
        >>> options = {"init_args": {"folder": os.curdir, "batch_size": 8}}
        >>> make_absolute(options)
        >>> Path(options["init_args"]["folder"]) == Path.cwd()
        True
        >>> digits = {"source": "builtin", "download": True}
        >>> make_absolute(digits)
        >>> digits["source"]
        'builtin'
    """
    if not isinstance(options, MutableMapping) and not hasattr(options, "__dict__"):
        return
    values = options if isinstance(options, MutableMapping) else vars(options)
    will_exist = bool(values.get("download"))
    for name, value in values.items():
        is_path = name in _NAMES and isinstance(value, str) and value not in _NO_PATHS
        if is_path and (Path(value).exists() or (will_exist and name == "source")):
            values[name] = os.path.abspath(value)
        else:
            make_absolute(value)
