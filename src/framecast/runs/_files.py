"""Files that are written whole or not at all, and names that are free."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing; it appears at its place only when it is complete.

    The bytes are written beside it, to ``NAME.part``, and the file is renamed at the end. The folder is made if it
    does not exist.

    Args:
        path: where the file is to be.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "new", "notes.txt")
        >>> with whole_file(path) as file:
        ...     _ = file.write(b"all of it")
        ...     path.exists()
        False
        >>> path.read_text()
        'all of it'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Return the place beside a file to which it is written before it is renamed."""
    return path.with_name(f"{path.name}.part")


def fresh_name(path: Path) -> Path:
    """Return ``path``, or if it is taken the first free of ``path-2``, ``path-3``, ..."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def read_arrays(path: Path, *names: str, remedy: str) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file.

    Args:
        path: the file.
        names: names of arrays that must be in it.
        remedy: what to do if it is damaged.

    Returns:
        All its arrays by name.

    Raises:
        ValueError: if it is damaged, or one of the names is missing.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in dict.fromkeys([*names, *file.files])}
    except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"`{path}` cannot be read ({error}): {remedy}") from error
    return arrays
