"""JPEG XL and JPEG 2000, decoded by imagecodecs in their own depth.

Shape letters: T time, C channels, H height, W width.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from framecast._extras import require

from ._alpha import composite, contrasting_ground, ground_name, has_transparency
from ._frame_file import FileError, FrameFile, ReadingOptions, reading

_JPEG_2000 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")


class CodecsFile(FrameFile):
    """A picture, or an animated JPEG XL; its decoder turns it upright."""

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        frames = self._frames
        self.count = self.declared = len(frames)
        self.channels, *size = frames.shape[1:]
        self.size = size[0], size[1]
        self.dtype = frames.dtype

    @cached_property
    def _frames(self) -> np.ndarray:
        data = self.path.read_bytes()
        self.format = "JPEG 2000" if data.startswith(_JPEG_2000) else "JPEG XL"
        codecs = require("imagecodecs", "files", f"reading {self.format}")
        decode = codecs.jpeg2k_decode if self.format == "JPEG 2000" else codecs.jpegxl_decode
        with reading(self.path, "image"):
            values = decode(data)
        if values.ndim == 2:
            values = values[..., None]
        values = values if values.ndim == 4 else values[None]
        if values.ndim != 4 or values.shape[-1] > 4:
            raise FileError(f"{self.path} holds an array {values.shape}, which is no picture of 1 to 4 channels")
        return self._opaque(np.moveaxis(values, -1, 1))

    def _opaque(self, values: np.ndarray) -> np.ndarray:
        channels = values.shape[1] - (values.shape[1] in (2, 4))
        if channels == values.shape[1]:
            return values
        colours, alpha = values[:, :channels], values[:, channels]
        transparent = [each for each in range(len(values)) if has_transparency(alpha[each])]
        if not transparent:
            return colours
        ground = self.options.ground
        self.ground = contrasting_ground(colours[transparent[0]], alpha[transparent[0]]) if ground is None else ground
        self.notes.append(f"{self.path}: transparent pixels are laid on {ground_name(self.ground)}, see `ground`")
        return np.stack([composite(*pair, self.ground) for pair in zip(colours, alpha, strict=True)])

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return decoded frames."""
        return self._frames[start:stop]
