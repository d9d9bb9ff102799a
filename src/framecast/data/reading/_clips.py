"""The names of clips in a file that holds many: ``all.npy#3`` is the fourth clip of ``all.npy``."""

import re
from pathlib import Path

_CLIP = re.compile(r"(.+)#([0-9]+)")


def split_clip(path: Path) -> tuple[Path, int | None]:
    """Return the file that a path names, and the number of the clip in it; None for the whole file.

    Example:
        >>> file, clip = split_clip(Path("all.npy#3"))
        >>> file.name, clip
        ('all.npy', 3)
        >>> split_clip(Path("take #2.npy"))[1] is None
        True
    """
    match = _CLIP.fullmatch(path.name)
    if match is None or path.exists():
        return path, None
    return path.with_name(match[1]), int(match[2])


def file_of(path: Path) -> Path:
    """Return the file that holds a clip; of another path, the path."""
    return split_clip(path)[0]


def clip_path(path: Path, clip: int) -> Path:
    """Return the path that names a clip of a file."""
    return path.with_name(f"{path.name}#{clip}")
