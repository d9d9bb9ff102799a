"""Listing the entries of a folder in natural order."""

import re
from pathlib import Path

from ._formats import is_image


def natural_key(path: Path) -> tuple[list[str | int], str]:
    """Sort key that puts frame2 before frame10."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], path.name


def visible(folder: Path) -> list[Path]:
    """List the entries of a folder in natural order, without hidden ones."""
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural_key)


def images(folder: Path) -> list[Path]:
    """List the image files in a folder in natural order."""
    return [path for path in visible(folder) if is_image(path)]
