"""A user's own images and clips, listed and read for a matcher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framecast.data import gathered_notes, note, recordings
from framecast.data.reading import IMAGE_ENDINGS, natural_key
from framecast.trained import Matcher


def is_folder(matcher: Matcher, path: Path) -> bool:
    """Return whether a path holds several things to match; a folder of still images is one clip."""
    return path.is_dir() and not (matcher.takes_clips and recordings(path) == [path])


def find_items(matcher: Matcher, folder: Path) -> list[Path]:
    """List the images, or the clips, in a folder."""
    return recordings(folder) if matcher.takes_clips else _images(folder)


def _images(folder: Path) -> list[Path]:
    """List the image files in a folder and its subfolders, in natural order; hidden ones are left out."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give one that holds images")
    paths = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_ENDINGS and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
    if not paths:
        raise ValueError(f"{folder} holds no images; known are those that end in {', '.join(IMAGE_ENDINGS)}")
    return sorted(paths, key=lambda path: [natural_key(Path(part)) for part in path.relative_to(folder).parts])


def read_items(matcher: Matcher, paths: Sequence[Path], invert: bool) -> list[np.ndarray]:
    """Read images or clips, and point out those that seem to be of the other polarity."""
    with gathered_notes():
        items = [matcher.read(path, invert=invert) for path in paths]
    inverted = [path for path, item in zip(paths, items, strict=True) if matcher.seems_inverted(item)]
    if inverted:
        more = f" and {len(inverted) - 1} more" * (len(inverted) > 1)
        now = ", once light and dark are exchanged" if invert else ""
        note(
            f"mostly light{now}: {inverted[0]}{more}; the model was trained on light things on a dark ground: see "
            "--invert"
        )
    return items
