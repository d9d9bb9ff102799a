"""Configurations of version 0.1, translated."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import yaml

from framecast import data

# Data modules of version 0.1, and the source of images that each one is now; all other options are those of MatchData.
_SOURCES = {
    "DigitPairsData": "Digits",
    "OmniglotData": "Omniglot",
    "ImageFolderData": "ImageFolder",
    "ClipPairsData": "MovingDigits",
}


def current_config(path: Path) -> str:
    """Return the path of a configuration, or the translated text of one of version 0.1.

    Args:
        path: the configuration.
    """
    content = _read(path)
    options = content.get("data") if isinstance(content, dict) else None
    if not isinstance(options, dict):
        return str(path)
    name = str(options.get("class_path", "")).rpartition(".")[2]
    if name not in _SOURCES:
        return str(path)
    source = _SOURCES[name]
    print(f"framecast: note: {path} is of version 0.1: its {name} is read as MatchData of {source}", file=sys.stderr)
    text: str = yaml.safe_dump({**content, "data": _with_source(options, source)}, sort_keys=False)
    return text


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a configuration: it holds no text in UTF-8") from error
    except yaml.YAMLError:
        return None  # the parser of the command line says what is wrong


def _with_source(options: dict[str, Any], source: str) -> dict[str, Any]:
    """Move the options that are the source's below it."""
    arguments = options.get("init_args") or {}
    moved = set(inspect.signature(getattr(data, source)).parameters)
    images = {
        "class_path": f"{data.__name__}.{source}",
        "init_args": {name: value for name, value in arguments.items() if name in moved},
    }
    rest = {name: value for name, value in arguments.items() if name not in moved}
    return {"class_path": f"{data.__name__}.MatchData", "init_args": {"images": images, **rest}}
