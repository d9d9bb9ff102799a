"""What the samples of a TIFF page mean: grey, colour, palettes, inks, and alpha.

Shape letters: C channels, H height, W width.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ._alpha import full_value
from ._colour_space import NAMES, samples_to_rgb
from ._frame_file import FileError

# Values of the tag PhotometricInterpretation.
_WHITE_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR, _LAB = 0, 2, 3, 5, 6, 8
_OTHER_SPACES = (9, 10, 32844, 32845)  # ICC L*a*b*, ITU L*a*b*, LogL, LogLuv
_JPEG = (6, 7, 34892)  # compressions that decode to RGB
_ASSOCIATED, _UNASSOCIATED = 1, 2  # values of ExtraSamples
_PROFILE = 34675


@dataclass
class TiffColour:
    """How stored samples become grey levels or colours.

    Args:
        channels: channels after the conversion.
        alpha: place of alpha among the stored samples; None without.
        is_premultiplied: whether samples have been multiplied by alpha.
        palette: colours ``(3, n)`` by stored value, or greys ``(1, n)``.
        has_inks: whether samples are cyan, magenta, yellow and black.
        space: Pillow's mode of another colour space; None for grey and RGB.
        is_inverted: whether 0 is white.
        bits: bits of a sample that is widened to 8; None if samples are taken as they are.
        notes: what was converted.
    """

    channels: int
    alpha: int | None = None
    is_premultiplied: bool = False
    palette: np.ndarray | None = None
    has_inks: bool = False
    space: str | None = None
    is_inverted: bool = False
    bits: int | None = None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path, page: Any, channels: int, is_array: bool) -> "TiffColour":
        """Read the tags of a page.

        Args:
            path: the file, for messages.
            page: the page of tifffile.
            channels: stored samples of a frame.
            is_array: whether the file was written from an array, so that values are taken as they are.
        """
        colour = cls(channels)
        photometric = int(page.photometric)
        extra = [int(kind) for kind in page.extrasamples]
        kinds = [kind for kind in extra if kind in (_ASSOCIATED, _UNASSOCIATED)]
        if kinds and channels == page.samplesperpixel:
            colour.alpha = channels - len(extra) + extra.index(kinds[0])
            colour.is_premultiplied = kinds[0] == _ASSOCIATED
            colour.channels -= 1
        if photometric == _PALETTE and page.colormap is not None and channels == 1:
            colour.palette = _palette(page.colormap)
            colour.channels = len(colour.palette)
        elif photometric == _INKS:
            if colour.channels != 4:
                raise FileError(f"{path} holds {colour.channels} inks, but only CMYK is read")
            colour.has_inks, colour.channels = True, 3
            colour.notes.append(f"{path}: CMYK is converted to RGB")
        elif photometric == _LAB or (photometric == _YCBCR and int(page.compression) not in _JPEG):
            colour.space = "LAB" if photometric == _LAB else "YCbCr"
            if page.dtype != np.uint8 or colour.channels != 3:
                raise FileError(f"{path} holds {NAMES[colour.space]} in {page.dtype}, which is read in 8 bits alone")
            colour.notes.append(f"{path}: {NAMES[colour.space]} is converted to RGB")
        elif photometric in _OTHER_SPACES:
            raise FileError(f"{path} holds colours as {page.photometric.name}, which are not read: save them as RGB")
        elif photometric == _WHITE_IS_ZERO and not is_array:
            colour.is_inverted = True
            colour.notes.append(f"{path}: levels are turned round, as 0 is white in this file")
        if page.bitspersample < 8 and not is_array and colour.palette is None:
            colour.bits = int(page.bitspersample)
        if photometric == _RGB and extra and not kinds:
            colour.notes.append(f"{path}: samples beside red, green and blue are kept as channels")
        if page.tags.get(_PROFILE) is not None and photometric in (_RGB, _INKS, _YCBCR):
            colour.notes.append(f"{path}: a colour profile is not applied")
        return colour

    def convert(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Convert stored samples ``(C, H, W)``, and return them with alpha ``(H, W)``."""
        alpha = None
        if self.alpha is not None:
            alpha = samples[self.alpha]
            samples = np.delete(samples, self.alpha, 0)
        if self.palette is not None:
            samples = self.palette[:, samples[0].clip(0, self.palette.shape[1] - 1)]
        if self.bits is not None:
            samples = (samples.astype(np.uint8) * (255 // ((1 << self.bits) - 1))).astype(np.uint8)
        if self.is_inverted and samples.dtype.kind == "u":
            samples = np.iinfo(samples.dtype).max - samples
        if self.has_inks:
            full = full_value(samples.dtype)
            light = (full - samples[:3]) * ((full - samples[3:]) / full)
            samples = np.round(light).astype(samples.dtype) if samples.dtype.kind in "iu" else light
        if self.space is not None:
            samples = samples_to_rgb(samples, self.space)
        return samples, alpha


def _palette(table: np.ndarray) -> np.ndarray:
    """Return the colours of a palette in 8 bits where these suffice, or their grey levels where all are grey."""
    if not (table % 257).any():
        table = (table // 257).astype(np.uint8)
    elif not (table % 256).any():
        table = (table // 256).astype(np.uint8)
    elif table.max() < 256:  # as some old programs wrote them
        table = table.astype(np.uint8)
    return table[:1] if (table == table[:1]).all() else table
