"""Images, and animations of images, decoded by Pillow."""

from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from ._frame_file import FileError, FrameFile, ReadingOptions, kind_of, reading

# Modes that NumPy can take as they are, and what others become (RGB where they are not named). Alpha is dropped; a
# palette goes through RGBA because Pillow warns about some transparent ones otherwise.
_KEPT_MODES = ("L", "I;16", "I;16B", "I;16L", "I", "F", "RGB")
_CONVERSIONS = {"1": ("L",), "LA": ("L",), "La": ("LA", "L"), "P": ("RGBA", "RGB"), "PA": ("RGBA", "RGB")}


class PillowFile(FrameFile):
    """An image, or a GIF, animated PNG or TIFF stack."""

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        with reading(path, "image"):
            self._image = Image.open(path)
            try:
                self._read_header()
            except BaseException:
                self.close()
                raise

    def _read_header(self) -> None:
        self.format = self._image.format or ""
        self.count = self.declared = getattr(self._image, "n_frames", 1)
        self.size = self._image.height, self._image.width
        # A GIF's later frames may have lost their palette.
        self.has_palette = self.format == "GIF" or self._image.mode in ("P", "PA")
        if self._is_deep_colour():  # Pillow would silently keep 8 of the 16 bits
            raise FileError(
                f"{self.path} has more than 8 bits per colour, which is not read: save each channel as a grey image"
            )

    @cached_property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        """Type of the values."""
        return self._frame(0).dtype

    @cached_property
    def channels(self) -> int:  # type: ignore[override]
        """Number of channels: 1 if all colours of a palette that occur are grey."""
        if not self.has_palette:
            return len(self._frame(0))
        return 1 if all((frame == frame[:1]).all() for frame in map(self._frame, range(self.count))) else 3

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode frames."""
        indices = range(self.count)[start:stop]
        frames = np.empty((len(indices), self.channels, *self.size), self.dtype)
        for place, index in enumerate(indices):
            frame = self._frame(index)
            frame = frame[: self.channels] if self.has_palette else frame
            if (frame.shape, frame.dtype) != (frames.shape[1:], frames.dtype):
                raise FileError(
                    f"{self.path}: all frames must have one size and type, but {self.path.name} frame 0 is "
                    f"{self.kind()} and {self.path.name} frame {index} is {kind_of(frame.shape, frame.dtype)}"
                )
            frames[place] = frame
        return frames

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def _frame(self, index: int) -> np.ndarray:
        with reading(self.path, "image"):
            self._image.seek(index)
            converted: Image.Image = self._image
            for mode in _CONVERSIONS["P"] if self.has_palette else _conversion(converted.mode):
                converted = converted.convert(mode)
            values = np.asarray(converted)
            sixteen_bits = self._image.mode == "I" and self.format in ("PNG", "PPM")  # Pillow widens these
            values = values.astype(np.uint16 if sixteen_bits else values.dtype.newbyteorder("="))
            return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)

    def _is_deep_colour(self) -> bool:
        """Whether an image has several channels of more than 8 bits."""
        if self.format == "PNG":
            with self.path.open("rb") as file:
                header = file.read(26)
            return header[24] > 8 and header[25] in (2, 4, 6)  # colour, grey with alpha, colour with alpha
        bits = getattr(self._image, "tag_v2", {}).get(258, ())  # TIFF's BitsPerSample
        return isinstance(bits, tuple) and len(bits) > 1 and max(bits) > 8


def _conversion(mode: str) -> tuple[str, ...]:
    return () if mode in _KEPT_MODES else _CONVERSIONS.get(mode, ("RGB",))
