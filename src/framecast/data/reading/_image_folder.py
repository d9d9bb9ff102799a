"""A folder of images as one recording, one frame in each."""

from functools import cached_property
from pathlib import Path

import numpy as np

from ._formats import IMAGE_ENDINGS, open_frames
from ._frame_file import FileError, FrameFile, ReadingOptions
from ._listing import images


class ImageFolderFile(FrameFile):
    """A folder of images in natural order, one frame in each. Images with a grey palette follow those in colour."""

    format = "folder of images"

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        self.files = images(path)
        if not self.files:
            raise FileError(f"{path} holds no images, known are those that end in {', '.join(IMAGE_ENDINGS)}")
        self.count = self.declared = len(self.files)
        with self._open(0) as first:
            self.size, self.dtype = first.size, first.dtype
            self._first_channels, self._first_kind, self._has_palettes = first.channels, first.kind(), first.has_palette

    @cached_property
    def channels(self) -> int:  # type: ignore[override]
        """Number of channels: 1 if all palettes are grey."""
        if not self._has_palettes:
            return self._first_channels
        for index in range(self.count):
            with self._open(index) as file:
                if file.channels != 1:
                    return file.channels
        return 1

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode one file for each frame."""
        indices = range(self.count)[start:stop]
        frames = np.empty((len(indices), self.channels, *self.size), self.dtype)
        for place, index in enumerate(indices):
            with self._open(index) as file:
                grey = file.has_palette and file.channels == 1
                if (file.size, file.dtype) != (self.size, self.dtype) or (file.channels != self.channels and not grey):
                    raise FileError(
                        f"{self.path}: all frames must have one size and type, but {self.files[0].name} is "
                        f"{self._first_kind} and {self.files[index].name} is {file.kind()}"
                    )
                frames[place] = file.read()[0]
        return frames

    def _open(self, index: int) -> FrameFile:
        file = open_frames(self.files[index], self.options)
        if file.count > 1:
            file.close()
            raise FileError(f"{file.path} holds {file.count} frames, but in a folder of images each must hold one")
        return file
