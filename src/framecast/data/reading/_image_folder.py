"""A folder of images as one recording, one frame in each.

Shape letters: C channels, H height, W width.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ._formats import IMAGE_ENDINGS, open_frames
from ._frame_file import FileError, FrameFile, Ground, ReadingOptions
from ._listing import images, visible


class ImageFolderFile(FrameFile):
    """A folder of images in natural order, one frame in each.

    Images with a grey palette follow those in colour, and so do grey images if all are to become grey. The first image
    with transparent pixels chooses the ground for all.
    """

    format = "folder of images"

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        self.files = images(path)
        if not self.files:
            raise FileError(f"{path} holds no images, known are those that end in {', '.join(IMAGE_ENDINGS)}")
        others = [each for each in visible(path) if each not in set(self.files)]
        if others:
            number = f"{len(others)} entries are" if len(others) > 1 else "1 entry is"
            self.notes.append(f"{path}: beside the images {number} passed over, first {others[0].name}")
        self.count = self.declared = len(self.files)
        self._ground: Ground | None = None
        self._open_texts: set[str] = set()  # notes of images, without their names
        with self._open(0) as first:
            self.size, self.dtype, self._first_kind = first.size, first.dtype, first.kind()
            self.missing = first.missing
            self._first_channels, self.has_palette = first.channels, first.has_palette

    @cached_property
    def channels(self) -> int:  # type: ignore[override]
        """Number of channels: 1 if all palettes are grey."""
        if not self.has_palette and not self._may_mix(self._first_channels):
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
            frames[place] = self._frame(index)
        return frames

    def _frame(self, index: int) -> np.ndarray:
        with self._open(index) as file:
            fits = file.channels == self.channels or (
                file.channels == 1 and (file.has_palette or self._may_mix(self.channels))
            )
            if (file.size, file.dtype) != (self.size, self.dtype) or not fits:
                raise FileError(
                    f"{self.path}: all frames must have one size and type, but {self.files[0].name} is "
                    f"{self._first_kind} and {self.files[index].name} is {file.kind()}"
                )
            frame: np.ndarray = file.read()[0]
            if file.ground is None or file.ground == self._shared_ground(index, file.ground):
                self._take_notes(file)
                return frame
        return self._frame(index)  # on the ground that is now known

    def _may_mix(self, channels: int) -> bool:
        """Whether grey images may stand beside those in colour."""
        return self.options.grayscale and channels in (1, 3)

    def _take_notes(self, file: FrameFile) -> None:
        """Take those notes of an image that no image before it had."""
        for text in file.notes:
            open_text = text.replace(str(file.path), "")
            if open_text not in self._open_texts:
                self._open_texts.add(open_text)
                self.notes.append(text)

    def _shared_ground(self, index: int, ground: Ground) -> Ground:
        """Return the ground that the first image with transparent pixels chooses."""
        if self._ground is None and self.options.ground is None:
            self._ground = ground
            for earlier in range(index):
                with self._open(earlier, own_ground=True) as file:
                    file.read()
                    if file.ground is not None:
                        self._ground = file.ground
                        break
        return ground if self._ground is None else self._ground

    def _open(self, index: int, own_ground: bool = False) -> FrameFile:
        shares = self._ground is not None and not own_ground
        file = open_frames(self.files[index], replace(self.options, ground=self._ground) if shares else self.options)
        if file.count > 1:
            file.close()
            raise FileError(f"{file.path} holds {file.count} frames, but in a folder of images each must hold one")
        return file
