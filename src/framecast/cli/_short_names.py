"""Options of the images of :class:`framecast.data.MatchData` by short names: ``--data.folder``, ``--data.size``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from pathlib import Path

import yaml

from framecast import data

from ._options import values_of

_PREFIX = "--data."


def is_match_data(args: Sequence[str]) -> bool:
    """Return whether the arguments, or else their configuration, name ``MatchData`` as the data module."""
    names = values_of(args, ("--data",)) or [_of_config(text) for text in values_of(args, ("--config", "-c"))]
    return bool(names) and names[-1].rpartition(".")[2] == data.MatchData.__name__


def _of_config(text: str) -> str:
    """Return the class of the data module that a configuration names, which is a path or a text."""
    try:
        content = yaml.safe_load(Path(text).read_text(encoding="utf-8") if "\n" not in text else text)
        return str(content["data"]["class_path"])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return ""  # the parser of the command line says what is wrong


def with_images(args: Sequence[str]) -> list[str]:
    """Return arguments with the options of a source of images under their whole names.

    Args:
        args: arguments of a training command whose data module is ``MatchData``.

    Example:
        >>> with_images(["fit", "--data.folder", "pets", "--data.size=32", "--data.batch_size", "8"])
        ['fit', '--data.images.folder', 'pets', '--data.images.size=32', '--data.batch_size', '8']
    """
    own = {field.name for field in dataclasses.fields(data.MatchData) if field.init}
    sources = [kind for kind in vars(data).values() if isinstance(kind, type) and issubclass(kind, data.ImageSource)]
    of_images = {name for source in sources for name in inspect.signature(source).parameters} - own
    return [_whole(arg) if _name(arg) in of_images else arg for arg in args]


def _name(arg: str) -> str | None:
    """Return the name of an option of the data."""
    return arg.removeprefix(_PREFIX).partition("=")[0] if arg.startswith(_PREFIX) else None


def _whole(arg: str) -> str:
    return f"{_PREFIX}images.{arg.removeprefix(_PREFIX)}"
