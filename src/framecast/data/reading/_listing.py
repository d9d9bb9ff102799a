"""Listing the entries of a folder in natural order."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .._note import note
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


def images_within(folder: Path) -> tuple[list[Path], list[Path]]:
    """List the image files in a folder and its subfolders, in natural order, and the files with other endings."""
    paths: list[Path] = []
    others: list[Path] = []
    for path in visible(folder):
        if not path.is_dir():
            (paths if is_image(path) else others).append(path)
        elif not folder.resolve().is_relative_to(path.resolve()):  # a link to a folder above has no end
            inner, inner_others = images_within(path)
            paths += inner
            others += inner_others
    return paths, others


def note_unknown(folder: Path, paths: Sequence[Path]) -> None:
    """Say how many files of a folder are passed over because their endings are unknown, and which endings."""
    if not paths:
        return
    counts = Counter(path.suffix.lower() or path.name for path in paths).most_common()
    words = ", ".join(f"{count} {ending}" for ending, count in counts[:6]) + ", ..." * (len(counts) > 6)
    files = f"{len(paths)} file{'s' * (len(paths) > 1)}"
    note(f"{folder}: {files} with unknown endings passed over ({words}), first {paths[0].relative_to(folder)}")
