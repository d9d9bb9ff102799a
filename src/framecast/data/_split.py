"""The split of a folder's files into three parts: by subfolders, by shares, or as a run recorded it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from framecast.runs import PARTS, Split, SplitItem

from ._checks import check_seed
from ._note import note
from .reading import file_of, split_span


def split_subfolders(folder: Path) -> dict[str, Path]:
    """Return the subfolders ``train``, ``val`` and ``test``, or an empty dict if there is none of them.

    Raises:
        FileNotFoundError: if there are only some of the three.
    """
    subfolders = {part: folder / part for part in PARTS if (folder / part).is_dir()}
    missing = ", ".join(f"{part}/" for part in PARTS if part not in subfolders)
    if subfolders and missing:
        raise FileNotFoundError(f"{folder} holds {', '.join(subfolders)} but not {missing}: all three are needed")
    return subfolders


def check_fractions(fractions: tuple[float, float, float], seed: int) -> None:
    """Raise ``ValueError`` unless fractions are positive with a sum of 1, and the seed is in its range."""
    check_seed(seed)
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"`fractions` (={fractions}) must be positive and have a sum of 1")


Item = TypeVar("Item")


def split_at_random(
    items: Sequence[Item], fractions: tuple[float, float, float], seed: int, least: int
) -> dict[str, list[Item]]:
    """Shuffle paths, or classes, by a seed and share them out, at least ``least`` to each part.

    Args:
        items: what is shared out, at least three times ``least``.
        fractions: parts for training, validation and test.
        seed: another seed, another split.
        least: fewest items of a part.

    Returns:
        The items by part, each part in the order of ``items``.
    """
    val, test = (max(least, round(fraction * len(items))) for fraction in fractions[1:])
    while val + test > len(items) - least:  # rounding may leave too little to train on
        val, test = (val - 1, test) if val > test else (val, test - 1)
    order = np.random.default_rng(seed).permutation(len(items)).tolist()
    indices = {"train": order[val + test :], "val": order[:val], "test": order[val : val + test]}
    return {part: [items[index] for index in sorted(indices[part])] for part in PARTS}


def record_split(folder: str | Path, parts: Mapping[str, Sequence[Path]]) -> Split:
    """Record the paths of each part, relative to the folder, and their sizes.

    Args:
        folder: the folder of data.
        parts: paths inside it, by part.
    """
    return Split(str(folder), *(tuple(_item(path, Path(folder)) for path in parts[part]) for part in PARTS))


def recorded_parts(split: Split, folder: str | Path, paths: Sequence[Path], noun: str) -> dict[str, list[Path]] | None:
    """Return the paths of each part as a run recorded them.

    Paths that the run did not record are passed over, with a note on stderr. A folder is taken for other data, which
    the record says nothing of, if it holds none of the recorded paths; under another name than the recorded one, none
    of the same size.

    Args:
        split: the record.
        folder: the folder of data.
        paths: all recordings, or images, that are in the folder now.
        noun: what the paths are, in the plural, for messages.

    Returns:
        The paths by part, in the order of the record; None for other data, with a note on stderr.

    Raises:
        ValueError: if a recorded path is gone, or of another size.
    """
    root = Path(folder)
    items = {path.relative_to(root).as_posix(): _item(path, root) for path in paths}
    parts = split.parts()
    recorded = {item.path: item for part in PARTS for item in parts[part]}
    wholes = {split_span(root / path)[0] for path in recorded}  # recordings that were split by time count as one
    items |= {path: _item(root / path, root) for path in recorded if split_span(root / path)[0] in paths}
    is_renamed = root != Path(split.folder)
    if not any(path in items and (items[path] == item or not is_renamed) for path, item in recorded.items()):
        note(f"{folder} holds none of the {len(recorded)} {noun} that the run was trained with: it is split anew")
        return None
    for path, item in recorded.items():
        if path not in items:
            raise ValueError(f"{root / path} is gone, but the run has recorded it in its split: put it back")
        if items[path] != item:
            raise ValueError(
                f"{root / path} has {items[path].size:,} bytes, but had {item.size:,} when the run recorded its split: "
                "put the old one back, or name a folder of other data"
            )
    new = [path for path in paths if path not in wholes]
    if new:
        note(
            f"{len(new)} of the {len(paths)} {noun} in {folder} are new since the run recorded its split and are "
            f"passed over, first {new[0].relative_to(root).as_posix()}"
        )
    return {part: [root / item.path for item in parts[part]] for part in PARTS}


def _item(path: Path, folder: Path) -> SplitItem:
    """Record a path inside the folder of data; a clip, or a span, has the size of its file."""
    return replace(SplitItem.of(file_of(split_span(path)[0]), folder), path=path.relative_to(folder).as_posix())
