"""The split of a run's data: which files were training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitItem:
    """One recording or image of a split.

    Args:
        path: its path relative to the folder of data, with ``/`` between names.
        size: its size in bytes; of a folder, the sum of its files.

    Raises:
        ValueError: if the path is empty, absolute or leads out of the folder, or the size is negative or no integer.
    """

    path: str
    size: int

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if not self.path or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"`path` (={self.path!r}) must be relative to the folder of data and stay inside it")
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 0:
            raise ValueError(f"`size` (={self.size!r}) of {self.path} must be a number of bytes, at least 0")

    @classmethod
    def of(cls, path: Path, folder: Path) -> SplitItem:
        """Record a file, or a folder of files, that is inside the folder of data; hidden files do not count."""
        inside = path.rglob("[!.]*") if path.is_dir() else [path]
        files = [file for file in inside if file.is_file()]
        return cls(path.relative_to(folder).as_posix(), sum(file.stat().st_size for file in files))


@dataclass(frozen=True)
class Split:
    """Which recordings or images were used for training, validation and test.

    Args:
        folder: the folder of data, as the run's configuration names it.
        train: items of the training part.
        val: items of the validation part.
        test: items of the test part.

    Raises:
        ValueError: if an item is in two parts, or twice in one.

    Example:
        >>> items = [SplitItem(f"r{number}.npy", 1024) for number in range(3)]
        >>> split = Split("recordings", (items[0],), (items[1],), (items[2],))
        >>> Split.from_dict(split.as_dict()) == split
        True
    """

    folder: str
    train: tuple[SplitItem, ...]
    val: tuple[SplitItem, ...]
    test: tuple[SplitItem, ...]

    def __post_init__(self) -> None:
        part_of: dict[str, str] = {}
        for part, items in self.parts().items():
            for item in items:
                if item.path in part_of:
                    raise ValueError(f"{item.path} is in `{part_of[item.path]}` and in `{part}`: it must be in one")
                part_of[item.path] = part

    def parts(self) -> dict[str, tuple[SplitItem, ...]]:
        """Return the items by ``"train"``, ``"val"`` and ``"test"``."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON."""
        parts = {part: [{"path": i.path, "size": i.size} for i in items] for part, items in self.parts().items()}
        return {"folder": self.folder, **parts}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Split:
        """Make a split from what :meth:`as_dict` returned.

        Raises:
            ValueError: if it names no folder, lacks a part, or holds anything but paths with sizes.
        """
        if not isinstance(fields, Mapping) or not isinstance(fields.get("folder"), str):
            raise ValueError("a split must name its `folder`")
        return cls(fields["folder"], *(_read_items(fields, part) for part in PARTS))


def _read_items(fields: Mapping[str, Any], part: str) -> tuple[SplitItem, ...]:
    entries = fields.get(part)
    if not isinstance(entries, list):
        raise ValueError(f"`{part}` of a split must be a list of items, got {entries!r}")
    for entry in entries:
        if not isinstance(entry, Mapping) or set(entry) != {"path", "size"} or not isinstance(entry["path"], str):
            raise ValueError(f"an item in `{part}` of a split must have `path` and `size`, got {entry!r}")
    return tuple(SplitItem(entry["path"], entry["size"]) for entry in entries)
