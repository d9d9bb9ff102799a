"""A span of the frames of a recording: ``film.mp4@0:70`` are its first 70 frames."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ._frame_file import FileError, FrameFile

_SPAN = re.compile(r"(.*)@([0-9]+):([0-9]+)")


def split_span(path: Path) -> tuple[Path, tuple[int, int] | None]:
    """Return the recording that a path names, and the first frame and the one after the last; None for all frames.

    Example:
        >>> recording, span = split_span(Path("film.mp4@0:70"))
        >>> recording.name, span
        ('film.mp4', (0, 70))
    """
    match = _SPAN.fullmatch(path.name)
    if match is None or path.exists():
        return path, None
    return (path.with_name(match[1]) if match[1] else path.parent), (int(match[2]), int(match[3]))


def span_path(path: Path, start: int, stop: int) -> Path:
    """Return the path that names a span of a recording; that of a folder of images is named inside it."""
    name = f"@{start}:{stop}"
    return path / name if path.is_dir() else path.with_name(path.name + name)


class Span(FrameFile):
    """A span of the frames of an open file.

    Args:
        file: the file; it is closed with the span.
        start: first frame.
        stop: frame after the last.

    Raises:
        FileError: if the file has fewer frames.
    """

    def __init__(self, file: FrameFile, start: int, stop: int) -> None:
        if not 0 <= start < stop <= file.count:
            file.close()
            raise FileError(f"{file.path} has {file.count} frames, so that there is no span {start}:{stop}")
        self._file, self._start = file, start
        self.path, self.format, self.options = file.path, file.format, file.options
        self.count = self.declared = stop - start
        self.times = None if file.times is None else file.times[start:stop]

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode frames of the span."""
        indices = range(self.count)[start:stop]
        return self._file.read(self._start + indices.start, self._start + indices.stop)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __getattribute__(self, name: str) -> Any:
        """Take from the file what is the same for all its frames."""
        if name in _OF_THE_FILE:
            return getattr(super().__getattribute__("_file"), name)
        return super().__getattribute__(name)


_OF_THE_FILE = {"channels", "size", "dtype", "start", "missing", "has_palette", "notes", "ground", "clips"}
