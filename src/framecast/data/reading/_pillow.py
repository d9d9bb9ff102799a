"""Images, and animations of images, decoded by Pillow.

Shape letters: T time, C channels, H height, W width.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from framecast._extras import require

from ._alpha import composite, contrasting_ground, ground_name, has_transparency
from ._animation import read_animation
from ._colour_space import NAMES, profile_name, to_rgb
from ._frame_file import FileError, FrameFile, Ground, ReadingOptions, kind_of, reading
from ._orientation import UPRIGHT, turned, turned_size

_ORIENTATION = 0x0112  # EXIF's tag
# Modes that NumPy can take as they are, and what others become; RGB where they are not named.
_KEPT_MODES = ("L", "I;16", "I;16B", "I;16L", "I;16N", "I", "F", "RGB", "LA", "RGBA")
_CONVERSIONS = {"1": "L", "La": "LA", "RGBa": "RGBA", "P": "RGBA", "PA": "RGBA"}


class Pixels(NamedTuple):
    """A decoded frame."""

    values: np.ndarray  # (C, H, W)
    alpha: np.ndarray | None  # (H, W), of the same type


class PillowFile(FrameFile):
    """A still image, or an animated GIF, PNG, WebP or AVIF."""

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        super().__init__(path, options)
        self._lies_on_ground = False
        self._last: tuple[int, Pixels] | None = None  # the frame decoded last, and its number
        self._first = 0  # number of Pillow's frame that is our first
        with reading(path, "image"):
            self._image = Image.open(path)
            try:
                self._read_header()
            except BaseException:
                self.close()
                raise

    def _read_header(self) -> None:
        self.format = self._image.format or ""
        mode = self._image.mode
        self.has_palette = self.format == "GIF" or mode in ("P", "PA")  # a GIF's later frames may have lost theirs
        self._animation = read_animation(self.path, self.format)
        if self._animation is None:
            self.count = self.declared = getattr(self._image, "n_frames", 1)
        else:
            self.count, self.declared = self._animation.count, self._animation.declared
            self.times = self._animation.times()
            self._note_what_is_not_whole()
        if self.format == "MPO":  # a photograph with previews or a map of its brightness
            self.notes.append(f"{self.path}: pictures beside the photograph are passed over, {self.count - 1}")
            self.count = self.declared = 1
        if self._is_deep and self.count > 1:
            raise FileError(f"{self.path} is an animated PNG of 16 bits in colour, which is not read: save it as TIFF")
        if mode in NAMES:
            self.notes.append(f"{self.path}: {NAMES[mode]} is converted to RGB")
        self._note_profile()

    def _note_what_is_not_whole(self) -> None:
        animation = self._animation
        assert animation is not None
        if animation.has_preview:
            self._first = 1
            self.notes.append(f"{self.path}: the still picture before the animation is passed over")
        if not animation.count:
            raise FileError(f"{self.path} is not a readable image: it is cut short")
        if animation.declared not in (None, animation.count):
            self.notes.append(
                f"{self.path} is cut short: it says that it has {animation.declared} frames, but {animation.count} are "
                "there"
            )
        elif animation.is_cut and self.format != "PNG":
            self.notes.append(f"{self.path} is cut short: {animation.count} frames can be read")

    def _note_profile(self) -> None:
        profile = self._image.info.get("icc_profile")
        name = profile_name(profile) if profile else "sRGB"
        if "srgb" not in name.lower():
            self.notes.append(f"{self.path}: the colour profile ({name}) is not applied")

    @cached_property
    def size(self) -> tuple[int, int]:  # type: ignore[override]
        """Height and width of an upright frame."""
        return turned_size((self._image.height, self._image.width), self._orientation)

    @cached_property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        """Type of the values."""
        return self._pixels(0).values.dtype

    @cached_property
    def channels(self) -> int:  # type: ignore[override]
        """Number of channels: 1 if all colours of a palette that occur are grey."""
        if not self.has_palette:
            return len(self._pixels(0).values)
        if self._animation is not None and self._animation.is_grey and not isinstance(self.ground, tuple):
            return 1
        return 1 if all((frame == frame[:1]).all() for frame in map(self._frame, range(self.count))) else 3

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Decode frames, laid on a ground where they are transparent, and upright."""
        frames = [self._frame_of_kind(index) for index in range(self.count)[start:stop]]
        return np.stack(frames) if frames else np.empty((0, self.channels, *self.size), self.dtype)

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def _frame_of_kind(self, index: int) -> np.ndarray:
        """Return a frame ``(C, H, W)``; refuse one of another kind than the first."""
        frame = self._frame(index)
        frame = frame[: self.channels] if self.has_palette else frame
        if (frame.shape, frame.dtype) != ((self.channels, *self.size), self.dtype):
            raise FileError(
                f"{self.path}: all frames must have one size and type, but {self.path.name} frame 0 is "
                f"{self.kind()} and {self.path.name} frame {index} is {kind_of(frame.shape, frame.dtype)}"
            )
        return frame

    def _frame(self, index: int) -> np.ndarray:
        """Return a frame ``(C, H, W)`` as it is shown."""
        values, alpha = self._pixels(index)
        if alpha is not None and has_transparency(alpha):
            values = composite(values, alpha, self._chosen_ground())
        return turned(values, self._orientation)

    def _chosen_ground(self) -> Ground:
        """Return the ground, which the first frame with transparent pixels chooses, and note it."""
        if self.ground is None:
            pixels = next(each for each in map(self._pixels, range(self.count)) if has_transparency(each.alpha))
            assert pixels.alpha is not None
            self.ground = contrasting_ground(pixels.values, pixels.alpha)
        if not self._lies_on_ground:
            self._lies_on_ground = True
            self.notes.append(f"{self.path}: transparent pixels are laid on {ground_name(self.ground)}, see `ground`")
        return self.ground

    @cached_property
    def _orientation(self) -> int:
        with reading(self.path, "image"):
            if self.format == "PNG":
                self._image.load()  # the tag may come after the pixels
            try:
                return int(self._image.getexif().get(_ORIENTATION, UPRIGHT))
            except Exception:
                self.notes.append(f"{self.path}: its EXIF data are damaged, and with them which way up it is")
                return UPRIGHT

    @property
    def _is_deep(self) -> bool:
        """Whether Pillow would keep 8 of the 16 bits of several channels."""
        if self.format != "PNG" or self._animation is None or self._animation.bits <= 8:
            return False
        return self._image.mode not in ("I;16", "I;16B", "I", "L")

    def _pixels(self, index: int) -> Pixels:
        if self._last is None or self._last[0] != index:
            self._last = index, self._decode(index)
        return self._last[1]

    def _decode(self, index: int) -> Pixels:
        with reading(self.path, "image"):
            self._image.seek(self._first + index)
            if self._is_deep:
                codecs = require("imagecodecs", "files", "reading PNG of 16 bits in colour")
                self._image.load()  # for the checks
                values = codecs.png_decode(self.path.read_bytes())
            else:
                values = self._decoded()
        values = values[..., None] if values.ndim == 2 else values
        values = np.moveaxis(values, -1, 0)
        channels = len(values) - (len(values) in (2, 4))
        alpha = values[channels] if channels < len(values) else self._key_alpha(values)
        return Pixels(values[:channels], alpha)

    def _decoded(self) -> np.ndarray:
        image: Image.Image = self._image
        sixteen_bits = image.mode == "I" and self.format in ("PNG", "PPM")  # Pillow widens these
        mode = "RGBA" if self.has_palette else _CONVERSIONS.get(image.mode, image.mode)
        if mode != image.mode:
            image = image.convert(mode)
        values = np.asarray(image if mode in _KEPT_MODES else to_rgb(image))
        return values.astype(np.uint16 if sixteen_bits else values.dtype.newbyteorder("="))

    def _key_alpha(self, values: np.ndarray) -> np.ndarray | None:
        """Return alpha of an image in which one value, or colour, stands for transparent."""
        key = self._image.info.get("transparency")
        if self.has_palette or not isinstance(key, int | tuple):
            return None
        bits = 8 if self._animation is None else self._animation.bits
        if isinstance(key, int) and bits < 8 and self._image.mode == "L":  # Pillow widens the values but not the key
            key = key * 255 // ((1 << bits) - 1)
        keys = np.array(key).reshape(-1, 1, 1)
        if len(keys) != len(values):
            return None
        opaque = (values != keys).any(0)
        return (opaque * np.iinfo(values.dtype).max).astype(values.dtype)
