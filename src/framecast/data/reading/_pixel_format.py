"""Pixel formats of video: which array each becomes, so that depth, grey and alpha are kept.

Shape letters: C channels, H height, W width.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

_DEPTHS = (8, 9, 10, 12, 14, 16)
_FLOAT = re.compile(r"^(gray|ya|gbrp|gbrap|rgb|rgba)f(16|32)")


@dataclass(frozen=True)
class PixelFormat:
    """What the pixels of a film become.

    Args:
        name: PyAV's name of the format to convert frames to; converting neither widens nor rounds what is stored.
        channels: number of channels without alpha: 1 for grey, 3 for colour.
        has_alpha: whether the last channel of the array is alpha.
        dtype: type of the array; integers of ``bits`` bits keep their range, 0 to ``2**bits - 1``.
        bits: bits of a value.
    """

    name: str
    channels: int
    has_alpha: bool
    dtype: np.dtype
    bits: int

    @classmethod
    def of(cls, source: Any) -> "PixelFormat":
        """Choose the format for frames that are stored in the format ``source``, an ``av.VideoFormat``."""
        colours = [component for component in source.components if not component.is_alpha]
        has_alpha = len(colours) < len(source.components)
        is_grey = len(colours) == 1 and not source.has_palette
        channels = 1 if is_grey else 3
        if _FLOAT.match(source.name):
            name = "grayf32le" if is_grey and not has_alpha else "gbrapf32le" if has_alpha else "gbrpf32le"
            return cls(name, channels, has_alpha, np.dtype("float32"), 32)
        if source.has_palette:
            return cls("rgba", 3, True, np.dtype("uint8"), 8)
        stored = max(component.bits for component in colours)
        bits = next(depth for depth in _DEPTHS if depth >= min(stored, 16))
        if bits == 8:
            name = "rgba" if has_alpha else "gray" if is_grey else "rgb24"
            return cls(name, channels, has_alpha, np.dtype("uint8"), 8)
        if has_alpha:
            bits = max(bits, 10)
            return cls(f"gbrap{bits}le", channels, True, np.dtype("uint16"), bits)
        return cls(f"{'gray' if is_grey else 'gbrp'}{bits}le", channels, False, np.dtype("uint16"), bits)

    @property
    def full(self) -> float:
        """The value that stands for white, and for opaque."""
        return 1.0 if self.dtype.kind == "f" else 2.0**self.bits - 1

    def array(self, frame: Any) -> np.ndarray:
        """Convert an ``av.VideoFrame`` to ``(C, H, W)``; alpha is the last channel."""
        values: np.ndarray = frame.to_ndarray(format=self.name, threads=1)  # a pool would not survive a fork
        if values.ndim == 2:
            return values[None]
        values = np.moveaxis(values, -1, 0)
        return values[[0, 3]] if self.has_alpha and self.channels == 1 else values
