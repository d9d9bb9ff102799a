"""Portable grey and pixel maps (PGM, PPM), whose values arrive as they are stored.

Shape letters: C channels, H height, W width.
"""

import re
from pathlib import Path

import numpy as np

from ._frame_file import FileError, FrameFile, ReadingOptions, reading

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_NUMBER = rb"(\d{1,9})"
_HEADER = re.compile(rb"P([2356])" + (_GAP + _NUMBER) * 3 + rb"(?:\s|#[^\r\n]*[\r\n])")


class PortableFile(FrameFile):
    """A PGM or PPM file, plain or binary, of one picture."""

    format = "PNM"
    count = declared = 1

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        self._data = path.read_bytes()
        header = _HEADER.match(self._data)
        if header is None:
            raise FileError(f"{path} is not a readable image: its header is damaged")
        kind, width, height, self._most = (int(number) for number in header.groups())
        if not 0 < self._most < 65536 or not width or not height:
            raise FileError(f"{path} is not a readable image: {width}x{height} values up to {self._most}")
        self._is_plain, self._start = kind in (2, 3), header.end()
        self.channels, self.size = 3 if kind in (3, 6) else 1, (height, width)
        self.dtype = np.dtype(np.uint8 if self._most < 256 else np.uint16)
        if self._most < 255:
            self.notes.append(f"{path}: values of 0 to {self._most} are shown as 0 to 255")

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the picture."""
        number = self.channels * self.size[0] * self.size[1]
        with reading(self.path, "image"):
            if self._is_plain:
                values = np.array(self._data[self._start :].split()[:number], np.int64)
            else:
                stored = np.dtype(">u2" if self._most > 255 else "u1")
                values = np.frombuffer(self._data, stored, number, self._start)
            if len(values) < number:
                raise FileError(f"{self.path} is not a readable image: it is cut short")
            if values.max() > self._most:
                raise FileError(f"{self.path} is not a readable image: it holds values beyond {self._most}")
            if self._most < 255:
                values = np.round(values * (255 / self._most))
            pixels = values.astype(self.dtype).reshape(*self.size, self.channels)
        return np.moveaxis(pixels, -1, 0)[None][start:stop]
